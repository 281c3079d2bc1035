"""Archives of images as streams: real formats, damaged ones, and ones made to do harm."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import random
import resource
import sys
import tarfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import IO

import pytest

from tests.support.images import (
    ImageSpec,
    Step,
    as_json,
    docker_archive,
    file,
    layer,
    link,
    oci_archive,
    oci_files,
    tar,
    write_files,
)
from vendorws.errors import EnvironmentProblem, ExitCode
from vendorws.images.archive import (
    Alias,
    ArchiveProblem,
    Blob,
    Document,
    Event,
    LayerFile,
    Unknown,
    Whiteout,
    read_archive,
    read_layout,
)

if sys.version_info >= (3, 14):
    from compression import zstd
else:
    from backports import zstd

APP = ImageSpec([Step("COPY a /a", layer({"a": b"alpha", "dir/b": b"beta"})), Step("CMD ['a']")])


class Pipe:
    """A stream that can neither seek nor tell, and hands out at most `most` bytes at a time."""

    def __init__(self, content: bytes, most: int = 1000) -> None:
        self._content, self._most = io.BytesIO(content), most

    def read(self, size: int = -1) -> bytes:
        return self._content.read(min(size, self._most) if size >= 0 else self._most)


def events(content: bytes, shown: str = "app.tar") -> list[Event]:
    """All events, with each file's content in place of its pieces."""
    return list(read_all(read_archive(io.BytesIO(content), shown)))


def read_all(stream: Iterator[Event]) -> Iterator[Event]:
    for event in stream:
        yield LayerFile(event.blob, event.path, b"".join(event.pieces)) if isinstance(event, LayerFile) else event


def files(content: bytes) -> dict[str, bytes]:
    return {event.path: event.pieces for event in events(content) if isinstance(event, LayerFile)}


@pytest.mark.parametrize(
    "archive",
    [
        pytest.param(docker_archive(APP), id="docker"),
        pytest.param(oci_archive(APP), id="oci-gzip"),
        pytest.param(oci_archive(APP, compress=bytes, suffix=""), id="oci-plain"),
        pytest.param(oci_archive(APP, compress=zstd.compress, suffix="+zstd"), id="oci-zstd"),
        pytest.param(gzip.compress(docker_archive(APP)), id="docker-gz"),
        pytest.param(bz2.compress(docker_archive(APP)), id="docker-bz2"),
        pytest.param(lzma.compress(docker_archive(APP)), id="docker-xz"),
        pytest.param(zstd.compress(oci_archive(APP)), id="oci-in-zstd"),
    ],
)
def test_every_way_to_store_an_image_gives_the_same_files(archive: bytes) -> None:
    assert files(archive) == {"/a": b"alpha", "/dir/b": b"beta"}


def test_a_layout_and_an_unpacked_archive_are_read_from_a_folder(tmp_path: Path) -> None:
    layout = write_files(tmp_path / "layout", oci_files(APP))
    with tarfile.open(fileobj=io.BytesIO(docker_archive(APP))) as archive:
        safely = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # not in every Python 3.11
        archive.extractall(tmp_path / "unpacked", **safely)
    for folder in (layout, tmp_path / "unpacked"):
        found = {event.path: event.pieces for event in read_all(read_layout(folder)) if isinstance(event, LayerFile)}
        assert found == {"/a": b"alpha", "/dir/b": b"beta"}


def test_a_pipe_that_hands_out_little_at_a_time_is_enough() -> None:
    for archive in (docker_archive(APP), gzip.compress(oci_archive(APP))):
        stream: IO[bytes] = Pipe(archive, 7)  # type: ignore[assignment]
        assert [type(event) for event in read_all(read_archive(stream, "-"))] == [type(e) for e in events(archive)]


def test_documents_links_and_blobs_are_told_apart() -> None:
    folder = tarfile.TarInfo("aa")
    folder.type = tarfile.DIRTYPE
    archive = tar(
        [
            file("aa/layer.tar", layer({"x": b"1"})),
            (link("bb/layer.tar", "../aa/layer.tar"), b""),
            file("manifest.json", b"[]"),
            file("./blobs/sha256/cc", gzip.compress(b"no tar at all")),
            (folder, b""),
        ]
    )
    found = [event for event in events(archive) if not isinstance(event, Blob)]
    assert found[0] == LayerFile("aa/layer.tar", "/x", b"1")
    assert found[1:] == [
        Alias("bb/layer.tar", "aa/layer.tar"),
        Document("manifest.json", b"[]"),
        Unknown("blobs/sha256/cc"),
    ]


def test_a_layer_without_a_file_is_a_layer() -> None:
    assert [type(event) for event in events(tar([file("aa/layer.tar", layer())]))] == [Blob]


def test_whiteouts_are_told_by_what_they_hide() -> None:
    content = layer({"root/.ssh/.wh.id_rsa": b"", "srv/.wh..wh..opq": b"", "b": b"1"})
    found = events(tar([file("l/layer.tar", content)]))[1:]
    assert found[:2] == [
        Whiteout("l/layer.tar", "/root/.ssh/id_rsa", opaque=False),
        Whiteout("l/layer.tar", "/srv", opaque=True),
    ]


def test_a_file_that_is_not_read_is_passed_over() -> None:
    content = docker_archive(ImageSpec([Step("COPY", layer({"a": b"x" * 3_000_000, "b": b"2"}))]))
    paths = [event.path for event in read_archive(io.BytesIO(content), "app") if isinstance(event, LayerFile)]
    assert paths == ["/a", "/b"]


def test_a_sparse_file_is_read_without_its_holes(tmp_path: Path) -> None:
    holes = tmp_path / "holes"
    with holes.open("wb") as stream:
        stream.write(b"begin")
        stream.seek(1 << 40)
        stream.write(b"end")
    os.system(
        f"cd {tmp_path} && tar --sparse --format=gnu -cf gnu.tar holes && tar --sparse -H posix -cf pax.tar holes"
    )
    for name in ("gnu.tar", "pax.tar"):
        found = files(tar([file("l/layer.tar", (tmp_path / name).read_bytes())]))
        ((path, content),) = found.items()
        assert path == "/holes" and content.rstrip(b"\0").endswith(b"end") and len(content) < 100_000


def test_hard_links_symbolic_links_and_devices_have_no_content_and_do_no_harm() -> None:
    device = tarfile.TarInfo("dev/sda")
    device.type = tarfile.BLKTYPE
    fifo = tarfile.TarInfo("pipe")
    fifo.type = tarfile.FIFOTYPE
    others = [link("hard", "a", tarfile.LNKTYPE), link("passwd", "/etc/passwd"), link("up", "../../../x"), device, fifo]
    assert files(tar([file("l/layer.tar", layer({"a": b"1"}, others=others))])) == {"/a": b"1"}


@pytest.mark.parametrize("name", ["../../../etc/cron.d/x", "/etc/cron.d/x", "./a/../../etc/cron.d/x"])
def test_no_path_leads_out_and_nothing_is_written(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    here = tmp_path / "here"
    here.mkdir()
    monkeypatch.chdir(here)
    before = sorted(tmp_path.rglob("*"))
    assert files(tar([file("l/layer.tar", layer({name: b"1"}))])) == {"/etc/cron.d/x": b"1"}
    assert sorted(tmp_path.rglob("*")) == before


def test_an_alias_that_leads_out_is_only_a_name() -> None:
    found = events(tar([(link("aa/layer.tar", "../../../../etc/passwd"), b""), file("manifest.json", b"[]")]))
    assert found[0] == Alias("aa/layer.tar", "etc/passwd")


# What cannot be read, in one sentence.


def problem(read: Callable[[], object]) -> ArchiveProblem:
    with pytest.raises(ArchiveProblem) as caught:
        read()
    assert caught.value.exit_code is ExitCode.ENVIRONMENT
    assert caught.value.message.endswith(".") and "\n" not in caught.value.message
    return caught.value


@pytest.mark.parametrize(
    "content",
    [b"", b"hello", b"\x7fELF" + b"\0" * 5000, gzip.compress(b"hello" * 1000), b"PK\x03\x04" + b"x" * 600],
    ids=["nothing", "text", "program", "gzip", "zip"],
)
def test_what_is_no_archive_is_called_so(content: bytes) -> None:
    assert "app.tar is no image" in problem(lambda: events(content)).message


def test_a_folder_that_is_no_layout_is_called_so(tmp_path: Path) -> None:
    assert "is no image" in problem(lambda: list(read_layout(tmp_path))).message


BIG = docker_archive(ImageSpec([Step("COPY", layer({f"f{n}": os.urandom(3000) for n in range(30)}))]))


@pytest.mark.parametrize("percent", [1, 5, 20, 50, 88])
@pytest.mark.parametrize("compress", [bytes, gzip.compress, zstd.compress], ids=["plain", "gz", "zstd"])
def test_an_archive_that_is_cut_off_is_an_error_and_no_early_end(
    percent: int, compress: Callable[[bytes], bytes]
) -> None:
    content = compress(BIG)
    found = problem(lambda: events(content[: len(content) * percent // 100]))
    assert "app.tar" in found.message and ("cut off" in found.message or "cannot be read" in found.message)


def test_an_archive_that_is_cut_off_in_a_file_nobody_reads_is_an_error_too() -> None:
    whole = layer({"a": b"1" * 5000})
    for content in (tar([file("a/layer.tar", whole)])[:2000], tar([file("a/layer.tar", whole[:2000])])):
        problem(lambda content=content: list(read_archive(io.BytesIO(content), "app.tar")))


def test_a_compressed_layer_that_is_cut_off_is_an_error() -> None:
    for compress in (gzip.compress, zstd.compress, lzma.compress, bz2.compress):
        packed = compress(layer({"a": random.Random(1).randbytes(50_000)}))
        found = problem(lambda packed=packed: events(tar([file("blobs/sha256/aa", packed[:-5000])])))
        assert "layer blobs/sha256/aa in app.tar" in found.message


def test_a_layer_that_is_garbled_in_the_middle_is_an_error_and_no_early_end() -> None:
    content = bytearray(layer({"a": b"1", "b": b"2", "root/.ssh/id_rsa": b"3"}))
    content[1024:1536] = b"\xa5" * 512  # where the header of b was
    assert "layer l/layer.tar" in problem(lambda: events(tar([file("l/layer.tar", bytes(content))]))).message


def test_a_layer_without_the_closing_zeros_is_whole() -> None:
    content = layer({"a": b"x" * 512})[:1024]
    assert files(tar([file("l/layer.tar", content)])) == {"/a": b"x" * 512}


def test_a_header_of_absurd_size_is_refused_before_it_is_read() -> None:
    long_name = tarfile.TarInfo("././@LongLink")
    long_name.type, long_name.size = tarfile.GNUTYPE_LONGNAME, 1 << 40
    content = long_name.tobuf(tarfile.GNU_FORMAT) + b"x" * 4096
    assert "header of" in problem(lambda: events(tar([file("l/layer.tar", content)]))).message


def test_small_files_without_end_do_not_fill_the_memory() -> None:
    members = [file(f"etc/{number}", b"x" * 10_000_000) for number in range(8)]
    assert "is no image" in problem(lambda: events(tar(members))).message


def test_a_file_that_cannot_be_decompressed_for_want_of_a_reader_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("compression.zstd", "backports.zstd"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(EnvironmentProblem, match="zstd") as caught:
        events(oci_archive(APP, compress=zstd.compress))
    assert "vendorws[zstd]" in caught.value.hint


def test_a_large_layer_is_read_in_small_memory() -> None:
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = 300_000_000

    def content() -> Iterator[bytes]:
        header = tarfile.TarInfo("big")
        header.size = size
        inner = header.tobuf()
        outer = tarfile.TarInfo("l/layer.tar")
        outer.size = len(inner) + size + 1024
        yield outer.tobuf() + inner
        yield from (b"\1" * 1_000_000 for _ in range(size // 1_000_000))
        yield b"\0" * (1024 + (-outer.size) % 512 + 1024)

    class Stream:
        def __init__(self) -> None:
            self._parts, self._rest = content(), b""

        def read(self, wanted: int = -1) -> bytes:
            while len(self._rest) < wanted and (part := next(self._parts, b"")):
                self._rest += part
            data, self._rest = self._rest[:wanted], self._rest[wanted:]
            return data

    read = 0
    for event in read_archive(Stream(), "-"):  # type: ignore[arg-type]
        if isinstance(event, LayerFile):
            read += sum(map(len, event.pieces))
    assert read == size
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 30_000  # kB


def test_a_manifest_is_no_layer_however_long() -> None:
    content = as_json({"x": "y" * 100_000})
    assert events(tar([file("manifest.json", content)]))[1] == Document("manifest.json", content)
