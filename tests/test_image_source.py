"""Where an image may come from; the engine itself is in tests/docker/test_audit.py."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import COMMAND, Vendorws
from tests.support.images import ImageSpec, Step, docker_archive, layer, oci_files, write_files
from vendorws.errors import EnvironmentProblem
from vendorws.images.archive import Blob, LayerFile
from vendorws.images.source import is_in_engine, opened, size_of

APP = ImageSpec([Step("COPY", layer({"a": b"x" * 5000, "b": b"2"}))])


def paths(image: str) -> tuple[list[str], int]:
    """The files of an image, and how many bytes were reported as read."""
    advanced: list[int] = []
    with opened([image], advanced.append) as events:
        found = [event.path for event in events if isinstance(event, LayerFile)]
    return found, sum(advanced)


def test_an_archive_is_read_to_its_last_byte_and_each_is_counted(tmp_path: Path) -> None:
    archive = tmp_path / "app.tar"
    archive.write_bytes(docker_archive(APP))
    found, read = paths(str(archive))
    assert found == ["/a", "/b"]
    assert read == size_of([str(archive)]) == archive.stat().st_size


def test_a_layout_is_read_blob_by_blob(tmp_path: Path) -> None:
    folder = write_files(tmp_path / "layout", oci_files(APP))
    found, read = paths(str(folder))
    assert found == ["/a", "/b"]
    size = size_of([str(folder)])
    assert size is not None and 0 < read <= size


def test_a_pipe_is_read_whatever_its_size(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(docker_archive(APP))))
    assert size_of(["-"]) is None
    assert paths("-")[0] == ["/a", "/b"]


def test_the_command_reads_a_real_pipe() -> None:
    ran = subprocess.run([*COMMAND, "audit", "-"], input=docker_archive(APP), capture_output=True, check=False)
    assert ran.returncode == 0 and ran.stdout.startswith(b"app:latest: no secret")


def test_a_name_that_is_no_file_and_no_layout_is_the_engines(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "app").mkdir()
    write_files(tmp_path / "layout", oci_files(APP))
    (tmp_path / "app.tar").write_bytes(b"")
    assert [is_in_engine(name) for name in ("app", "app:latest", "layout", "app.tar", "-")] == [
        True,
        True,
        False,
        False,
        False,
    ]


def test_without_the_docker_client_an_archive_still_works(
    vendorws: Vendorws, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "app.tar").write_bytes(docker_archive(APP))
    monkeypatch.setenv("PATH", "/nowhere")
    vendorws.ok("audit", tmp_path / "app.tar")
    result = vendorws("audit", "app:latest")
    assert result.exit_code == 4 and "docker client is not installed" in result.stderr


def test_a_file_that_may_not_be_read_is_named() -> None:
    with pytest.raises(EnvironmentProblem, match="/proc/self/mem cannot be read"):
        paths("/proc/self/mem")


def test_a_reader_may_stop_in_the_middle(tmp_path: Path) -> None:
    (tmp_path / "app.tar").write_bytes(docker_archive(APP))
    with opened([str(tmp_path / "app.tar")], lambda size: None) as events:
        assert isinstance(next(iter(events)), Blob)
