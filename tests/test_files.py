"""A whole file or none: what a reader, a kill or a full disk may see."""

from __future__ import annotations

import errno
import fcntl
import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from vendorws.errors import EnvironmentProblem
from vendorws.files import write_atomically


@pytest.fixture(autouse=True)
def usual_umask() -> Iterator[None]:
    before = os.umask(0o022)
    yield
    os.umask(before)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """An empty one."""
    (tmp_path / "folder").mkdir()
    return tmp_path / "folder"


def names(folder: Path) -> list[str]:
    return sorted(entry.name for entry in folder.iterdir())


def test_a_new_file(folder: Path) -> None:
    file = folder / "override.yml"
    assert write_atomically(file, b"services:\n") is True
    assert file.read_bytes() == b"services:\n"
    assert file.stat().st_mode & 0o777 == 0o644
    assert names(folder) == ["override.yml"]


def test_the_umask_of_the_developer_holds(folder: Path) -> None:
    os.umask(0o077)
    write_atomically(folder / "f", b"x")
    assert (folder / "f").stat().st_mode & 0o777 == 0o600
    assert os.umask(0o022) == 0o077, "and is as it was"


def test_the_same_content_is_not_written_again(folder: Path) -> None:
    file = folder / "f"
    file.write_bytes(b"x\r\n")
    before = file.stat()
    assert write_atomically(file, b"x\r\n") is False
    assert (file.stat().st_ino, file.stat().st_mtime_ns) == (before.st_ino, before.st_mtime_ns)


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o755, 0o444])
def test_permissions_stay(folder: Path, mode: int) -> None:
    file = folder / "f"
    file.write_bytes(b"old")
    file.chmod(mode)
    assert write_atomically(file, b"new") is True
    assert file.stat().st_mode & 0o7777 == mode


def test_a_link_stays_a_link(folder: Path) -> None:
    (folder / "shared").mkdir()
    target = folder / "shared" / "real.yml"
    target.write_bytes(b"old")
    link = folder / "link.yml"
    link.symlink_to("shared/real.yml")
    write_atomically(link, b"new")
    assert link.is_symlink() and target.read_bytes() == b"new"
    assert names(folder / "shared") == ["real.yml"]


def test_a_link_to_nothing_makes_what_it_names(folder: Path) -> None:
    link = folder / "link.yml"
    link.symlink_to("later.yml")
    write_atomically(link, b"new")
    assert link.is_symlink() and (folder / "later.yml").read_bytes() == b"new"


def test_where_the_rename_fails_nothing_is_left(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = folder / "f"
    file.write_bytes(b"old")
    before = names(folder)

    def refuse(_source: str, _target: Path) -> None:
        raise OSError(errno.ENOSPC, "full")

    monkeypatch.setattr("vendorws.files.os.replace", refuse)
    with pytest.raises(EnvironmentProblem, match=r"/f cannot be written: full"):
        write_atomically(file, b"new")
    assert file.read_bytes() == b"old"
    assert names(folder) == before


def test_ctrl_c_just_after_the_rename(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    replace = os.replace

    def interrupted(source: str, target: Path) -> None:
        replace(source, target)
        raise KeyboardInterrupt

    monkeypatch.setattr(os, "replace", interrupted)
    with pytest.raises(KeyboardInterrupt):
        write_atomically(folder / "file", b"new")
    assert (folder / "file").read_bytes() == b"new"
    assert names(folder) == ["file"]


def test_what_a_writer_that_was_killed_left_is_removed_by_the_next(folder: Path) -> None:
    file = folder / "[a] file"
    file.write_bytes(b"old")
    killed = "import os, sys; from pathlib import Path; from vendorws.files import write_atomically\n"
    killed += "os.replace = lambda *_: os.kill(os.getpid(), 9)\n"
    killed += "write_atomically(Path(sys.argv[1]), b'half')"
    subprocess.run([sys.executable, "-c", killed, file], check=False)
    assert len(names(folder)) == 2
    assert file.read_bytes() == b"old"
    theirs = folder / f".{file.name}.mine.tmp"
    theirs.touch()
    write_atomically(file, b"new")
    assert names(folder) == sorted([file.name, theirs.name])


def test_a_writer_that_lives_is_left_alone(folder: Path) -> None:
    beside = folder / ".file.12345678.vendorws.tmp"
    with beside.open("w") as stream:
        fcntl.flock(stream, fcntl.LOCK_EX)
        write_atomically(folder / "file", b"new")
        assert beside.exists()
    write_atomically(folder / "file", b"newer")
    assert names(folder) == ["file"]


def test_many_writers_of_one_file_at_once(folder: Path) -> None:
    """None takes another's for abandoned, though there is a moment before a new file is held."""
    writer = """
import sys; from pathlib import Path; from vendorws.files import write_atomically
for number in range(300):
    write_atomically(Path(sys.argv[1]), b"%d " % number * 1000)
"""
    writers = [subprocess.Popen([sys.executable, "-c", writer, folder / "file"]) for _ in range(4)]
    assert [process.wait() for process in writers] == [0] * 4
    assert names(folder) == ["file"]
    assert len(set((folder / "file").read_bytes().split())) == 1


def test_no_folder(folder: Path) -> None:
    with pytest.raises(EnvironmentProblem):
        write_atomically(folder / "none" / "f", b"x")


def test_a_folder_in_its_place(folder: Path) -> None:
    before = names(folder)
    with pytest.raises(EnvironmentProblem):
        write_atomically(folder, b"x")
    assert names(folder) == before


def test_a_reader_sees_all_or_nothing_of_a_change(folder: Path) -> None:
    file = folder / "f"
    one, two = b"1" * 100_000, b"2" * 100_000
    write_atomically(file, one)
    writer = threading.Thread(target=lambda: [write_atomically(file, (two, one)[turn % 2]) for turn in range(100)])
    writer.start()
    seen = set()
    while writer.is_alive():
        seen.add(file.read_bytes())
    writer.join()
    assert seen <= {one, two}
