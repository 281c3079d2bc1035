"""Writing a whole file so that nobody ever sees half of it."""

from __future__ import annotations

import errno
import os
import shlex
import stat
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
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
    """Put `content` at `path` by a rename; return whether anything changed.

    The new file is written beside the old one and takes over its permission bits, so that a reader, a kill or a
    full disk leaves either the old content or the new one. A symbolic link is followed: the file it names is the
    one that is replaced. Raises EnvironmentProblem; the file beside is gone then.
    """
    with writing(path):
        return _replace(path.resolve(), content)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """An OSError in this block is about writing or removing `path`: it becomes an EnvironmentProblem that says so."""
    try:
        yield
    except OSError as error:
        is_full = error.errno in (errno.ENOSPC, errno.EDQUOT)
        look = shlex.join([*(("df", "-h") if is_full else ("ls", "-ld")), str(path.parent)])
        raise EnvironmentProblem(f"{path} cannot be written: {error.strerror}.", look) from error


def _replace(target: Path, content: bytes) -> bool:
    try:
        if read_regular(target) == content:
            return False
        mode = target.stat().st_mode & 0o7777
    except FileNotFoundError:
        mode = 0o666 & ~_umask()
    descriptor, beside = tempfile.mkstemp(prefix=f".{target.name}.", suffix=".tmp", dir=target.parent)
    try:
        with os.fdopen(descriptor, "wb") as stream:
            stream.write(content)
        os.chmod(beside, mode)  # noqa: PTH101
        os.replace(beside, target)  # noqa: PTH105
    except BaseException:
        os.unlink(beside)  # noqa: PTH108
        raise
    return True


def _umask() -> int:
    current = os.umask(0o022)
    os.umask(current)
    return current
