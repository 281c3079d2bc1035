"""Reads every layer of an image as a stream of events; nothing is ever extracted to disk.

Understood are what `docker save` and `podman save` write (one tar archive, also compressed), an OCI layout as a tar
archive or as a folder, and such an archive unpacked. An archive may come through a pipe, where which blob is a layer is
told last: so blobs are recognised by their first bytes and read in the order they come, once, a megabyte at a time.
`vendorws.images.manifest` then says what the layers belong to.

The archive is not trusted: no path of it reaches the file system, links and devices are passed over, headers of
absurd size are refused, and data that stops or breaks off in the middle is an error, never an early end.
"""

from __future__ import annotations

import bz2
import gzip
import importlib
import io
import lzma
import posixpath
import tarfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, Protocol, cast

from vendorws.errors import EnvironmentProblem
from vendorws.values import dataclass

_PIECE = 1024 * 1024
_LARGEST_HEADER = 16 * 1024 * 1024
_LARGEST_DOCUMENT = 16 * 1024 * 1024
_ALL_DOCUMENTS = 64 * 1024 * 1024
_BLOCK = tarfile.BLOCKSIZE


class ArchiveProblem(EnvironmentProblem):
    """The archive cannot be read as an image: it is none, it is damaged, or a part is missing."""


@dataclass(frozen=True, slots=True)
class Blob:
    """A file of the archive begins; `size` in bytes as it is stored."""

    name: str
    size: int


@dataclass(frozen=True, slots=True)
class Alias:
    """The archive says that the blob `name` is the one called `target` (a layer that occurs twice)."""

    name: str
    target: str


@dataclass(frozen=True, slots=True)
class Document:
    """A blob that is no layer and small: a manifest, a configuration, an attestation."""

    name: str
    content: bytes


@dataclass(frozen=True, slots=True)
class Unknown:
    """A blob that is neither a layer nor a document; it was not looked into."""

    name: str


@dataclass(frozen=True, slots=True)
class LayerFile:
    """A regular file in the layer that is stored as `blob`; `path` is absolute in the image.

    `pieces` are its bytes, to be read before the next event is asked for. Of a sparse file they are the stored parts.
    """

    blob: str
    path: str
    pieces: Iterator[bytes]


@dataclass(frozen=True, slots=True)
class Whiteout:
    """The layer that is stored as `blob` hides `path` of the layers below: itself, or (`opaque`) what is in it."""

    blob: str
    path: str
    opaque: bool


Event = Blob | Alias | Document | Unknown | LayerFile | Whiteout


def read_archive(stream: IO[bytes], shown: str) -> Iterator[Event]:
    """The events of an archive that is read forward only; `shown` names it in messages. Raises ArchiveProblem."""
    documents = 0
    with _told_as(shown):
        archive = _decompressed(_buffered(stream.read))
        if not _is_tar(archive.peek(_BLOCK)[:_BLOCK]):
            raise _no_image(shown)
        for member, data in _members(archive, shown):
            name = _normal(member.name)
            if member.issym() or member.islnk():
                yield Alias(name, _link_target(name, member))
            elif member.isreg():
                for event in _blob_events(name, member.size, _buffered(_Section(data, member.size).read), shown):
                    documents += len(event.content) if isinstance(event, Document) else 0
                    if documents > _ALL_DOCUMENTS:
                        raise _no_image(shown)
                    yield event


def read_layout(folder: Path) -> Iterator[Event]:
    """The events of an OCI layout, or of an unpacked archive. Raises ArchiveProblem."""
    if not is_layout(folder):
        raise _no_image(str(folder))
    for file in sorted(file for file in folder.rglob("*") if file.is_file()):
        with _told_as(str(folder)), file.open("rb") as stream:
            name = file.relative_to(folder).as_posix()
            yield from _blob_events(name, file.stat().st_size, _buffered(stream.read), str(folder))


def is_layout(folder: Path) -> bool:
    """Whether `folder` says of itself what images it holds."""
    return any((folder / name).is_file() for name in ("index.json", "manifest.json"))


def _no_image(shown: str) -> ArchiveProblem:
    return ArchiveProblem(
        f"{shown} is no image: neither what `docker save` writes nor an OCI layout.",
        "Write one with `docker save IMAGE -o FILE` (`docker export` leaves out layers, history and configuration).",
    )


def _blob_events(name: str, size: int, data: io.BufferedReader, shown: str) -> Iterator[Event]:
    yield Blob(name, size)
    layer = f"The layer {name} in {shown}"
    with _told_as(layer):
        opened = _decompressed(data)
        if _is_tar(opened.peek(_BLOCK)[:_BLOCK]):
            yield from _layer_events(name, opened, layer)
        elif size <= _LARGEST_DOCUMENT and opened is data:
            yield Document(name, data.read())
        else:
            yield Unknown(name)


_WHITEOUT = ".wh."
_OPAQUE = ".wh..wh..opq"


def _layer_events(blob: str, stream: io.BufferedReader, shown: str) -> Iterator[Event]:
    for member, data in _members(stream, shown):
        path = posixpath.join("/", _normal(member.name))
        folder, name = posixpath.split(path)
        if name == _OPAQUE:
            yield Whiteout(blob, folder, opaque=True)
        elif name.startswith(_WHITEOUT):
            yield Whiteout(blob, posixpath.join(folder, name.removeprefix(_WHITEOUT)), opaque=False)
        elif member.isreg() or member.type not in tarfile.SUPPORTED_TYPES:
            yield LayerFile(blob, path, data.pieces(_stored_size(member)))


def _stored_size(member: tarfile.TarInfo) -> int:
    sparse = cast("list[tuple[int, int]] | None", getattr(member, "sparse", None))
    return member.size if sparse is None else sum(size for _offset, size in sparse)


def _normal(name: str) -> str:
    """A member's name without `.`, `..` and slashes at its ends; it names a thing in the image, never a file here."""
    return posixpath.normpath(posixpath.join("/", name)).lstrip("/")


def _link_target(name: str, member: tarfile.TarInfo) -> str:
    return _normal(member.linkname if member.islnk() else posixpath.join(posixpath.dirname(name), member.linkname))


def _is_tar(head: bytes) -> bool:
    if len(head) < _BLOCK:
        return False
    if not any(head):
        return True  # a layer without a single file
    try:
        tarfile.TarInfo.frombuf(head, "utf-8", "surrogateescape")
    except tarfile.HeaderError:
        return False
    return True


def _members(stream: io.BufferedReader, shown: str) -> Iterator[tuple[tarfile.TarInfo, _ForwardOnly]]:
    """The members of a tar archive, each with the stream where its data begins."""
    forward = _ForwardOnly(stream, shown)
    archive = tarfile.TarFile(fileobj=cast("IO[bytes]", forward))
    while (member := archive.next()) is not None:
        archive.members = []  # type: ignore[attr-defined]  # it would keep each member, however many there are
        yield member, forward
    if not forward.ended_well():
        raise forward.cut_off()


class _ForwardOnly:
    """What tarfile asks of a file, over a stream that cannot go back.

    `last` is what the latest read gave. A tar archive ends with a block of zeros (some writers leave it out, and just
    end); tarfile takes a damaged header for that end too, and this is how we tell.
    """

    def __init__(self, stream: io.BufferedReader, shown: str) -> None:
        self._stream = stream
        self._shown = shown
        self._position = 0
        self._limit = 0
        self.last = b""

    def tell(self) -> int:
        return self._position

    def seek(self, position: int) -> None:
        while self._position < position:
            if not self.read(min(_PIECE, position - self._position)):
                raise self.cut_off()

    def read(self, size: int) -> bytes:
        if size > _LARGEST_HEADER:
            raise ArchiveProblem(f"{self._shown} is damaged: it has a header of {size} bytes.")
        self.last = self._stream.read(size)
        self._position += len(self.last)
        return self.last

    def pieces(self, size: int) -> Iterator[bytes]:
        """The next `size` bytes, which must be there."""
        while size > 0:
            piece = self.read(min(_PIECE, size))
            if not piece:
                raise self.cut_off()
            size -= len(piece)
            yield piece

    def ended_well(self) -> bool:
        return len(self.last) in (0, _BLOCK) and not any(self.last)

    def cut_off(self) -> ArchiveProblem:
        return ArchiveProblem(
            f"{self._shown} is cut off after {self._position} bytes.", "Write or fetch the archive once more."
        )


class _Section:
    """The next `size` bytes of an archive, as something to read from."""

    def __init__(self, forward: _ForwardOnly, size: int) -> None:
        self._forward = forward
        self._left = size

    def read(self, size: int) -> bytes:
        piece = b"".join(self._forward.pieces(min(size, self._left)))
        self._left -= len(piece)
        return piece


class _Raw(io.RawIOBase):
    def __init__(self, read: Callable[[int], bytes]) -> None:
        self._read = read

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: bytearray | memoryview) -> int:  # type: ignore[override]
        filled = 0
        while filled < len(buffer) and (data := self._read(len(buffer) - filled)):
            buffer[filled : filled + len(data)] = data
            filled += len(data)
        return filled


def _buffered(read: Callable[[int], bytes]) -> io.BufferedReader:
    """A reader that can peek, over a function that returns what it has and nothing only at the end."""
    return io.BufferedReader(_Raw(read), _PIECE)


def _open_zstd(stream: io.BufferedReader) -> _Reader:
    for name in ("compression.zstd", "backports.zstd"):
        try:
            zstd = importlib.import_module(name)
        except ModuleNotFoundError:
            continue
        return cast("_Reader", zstd.ZstdFile(stream))
    raise EnvironmentProblem(
        "A layer is compressed with zstd, which Python before 3.14 cannot read by itself.",
        'Install the reader beside vendorws (pip install "vendorws[zstd]"), or run vendorws with Python 3.14.',
    )


class _Reader(Protocol):
    def read(self, size: int, /) -> bytes: ...


_COMPRESSIONS: tuple[tuple[bytes, Callable[[io.BufferedReader], _Reader]], ...] = (
    (b"\x1f\x8b", lambda stream: gzip.GzipFile(fileobj=stream)),
    (b"\x28\xb5\x2f\xfd", _open_zstd),
    (b"BZh", bz2.BZ2File),
    (b"\xfd7zXZ\0", lzma.LZMAFile),
)


def _decompressed(stream: io.BufferedReader) -> io.BufferedReader:
    """`stream` itself, or what it is the compressed form of."""
    head = stream.peek(8)
    for magic, open_compressed in _COMPRESSIONS:
        if head.startswith(magic):
            return _buffered(open_compressed(stream).read)
    return stream


@contextmanager
def _told_as(shown: str) -> Iterator[None]:
    """Whatever tar and the compressions call damaged is an ArchiveProblem that names the archive."""
    try:
        yield
    except (EOFError, OSError, zlib.error, lzma.LZMAError, tarfile.TarError) as error:
        raise ArchiveProblem(f"{shown} cannot be read: {error}.", "Write or fetch the archive once more.") from error
