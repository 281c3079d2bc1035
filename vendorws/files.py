"""Writing a whole file so that nobody ever sees half of it."""

from __future__ import annotations

import errno
import fcntl
import os
import shlex
import stat
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path

from vendorws.errors import EnvironmentProblem


def read_regular(path: Path) -> bytes:
    """The content of a file; a pipe or a device is refused, for it may never end. Raises OSError."""
    with open(path, "rb", opener=_without_waiting) as stream:
        if not stat.S_ISREG(os.fstat(stream.fileno()).st_mode):
            raise OSError(errno.EINVAL, "it is no regular file", str(path))
        return stream.read()


def _without_waiting(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NONBLOCK)


def write_atomically(path: Path, content: bytes) -> bool:
    """Put `content` at `path` as `replace_whole` does; return whether anything changed.

    A symbolic link is followed: the file it names is the one that is replaced. Raises EnvironmentProblem.
    """
    with writing(path):
        return replace_whole(path.resolve(), content)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """An OSError in this block is about writing or removing `path`: it becomes an EnvironmentProblem that says so."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        look = shlex.join([*(("df", "-h") if is_full else ("ls", "-ld")), str(path.parent)])
        raise EnvironmentProblem(f"{path} cannot be written: {error.strerror}.", look) from error


def replace_whole(target: Path, content: bytes) -> bool:
    """Put `content` at `target` by a rename; return whether anything changed.

    The new file is written beside the old one and takes over its permission bits, so that a reader, a kill, a power
    cut or a full disk leaves either the old content or the new one. Raises OSError; the file beside is gone then.
    Where we are killed, the next write removes it.
    """
    try:
        if read_regular(target) == content:
            return False
        mode = target.stat().st_mode & 0o7777
    except FileNotFoundError:
        mode = 0o666 & ~_umask()
    remove_abandoned(target.parent.glob(f".{escape(target.name)}.*{_SUFFIX}"))
    descriptor, beside = _held_file_beside(target)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
            stream.flush()
            os.fsync(descriptor)  # else a power cut may leave the name with nothing behind it
            os.fchmod(descriptor, mode)
            os.replace(beside, target)  # noqa: PTH105
    except BaseException:
        with suppress(FileNotFoundError):  # Ctrl-C may come when it is in its place already
            os.unlink(beside)  # noqa: PTH108
        raise
    return True


_SUFFIX = ".vendorws.tmp"


def _held_file_beside(target: Path) -> tuple[int, str]:
    """A new file, open, and its path. Whoever tidied up before we held it has taken it for abandoned: then another."""
    while True:
        descriptor, beside = tempfile.mkstemp(prefix=f".{target.name}.", suffix=_SUFFIX, dir=target.parent)
        hold(descriptor)
        if os.path.lexists(beside):
            return descriptor, beside
        os.close(descriptor)


def hold(descriptor: int) -> None:
    """Show until this file is closed that somebody alive needs it. There are file systems that cannot show it."""
    with suppress(OSError):
        fcntl.flock(descriptor, fcntl.LOCK_EX)  # waits at most for one who tidies up to remove it


def remove_abandoned(paths: Iterable[Path]) -> None:
    """Remove the files among `paths` that their writers left when they were killed."""
    for path in abandoned(paths):
        with suppress(OSError):
            path.unlink()


def abandoned(paths: Iterable[Path]) -> Iterator[Path]:
    """The files among `paths` that nobody holds; each is held here until the next one is asked for."""
    for path in paths:
        with suppress(OSError), open(path, "rb", opener=_without_waiting) as stream:
            fcntl.flock(stream, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield path


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
