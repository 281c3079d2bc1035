"""Where an image comes from: the engine, an archive, an OCI layout or a pipe; each becomes the same events."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from vendorws import docker
from vendorws.errors import EnvironmentProblem
from vendorws.images.archive import ArchiveProblem, Blob, Event, is_layout, read_archive, read_layout

STANDARD_INPUT = "-"

Advance = Callable[[int], None]
"""Called with the number of bytes that were read just now."""


def shown(image: str) -> str:
    """What people call it."""
    return "standard input" if image == STANDARD_INPUT else image


def is_in_engine(image: str) -> bool:
    """Whether `image` names an image of the engine, rather than a file, a folder or a pipe."""
    path = Path(image)
    return image != STANDARD_INPUT and not path.is_file() and not (path.is_dir() and is_layout(path))


def size_of(images: Sequence[str]) -> int | None:
    """How many bytes there will be to read, about; None where that cannot be known. Raises EnvironmentProblem."""
    if images[0] == STANDARD_INPUT:
        return None
    path = Path(images[0])
    if is_in_engine(images[0]):
        return sum(map(_engine_size, images))
    return path.stat().st_size if path.is_file() else sum(file.stat().st_size for file in path.rglob("*"))


@contextmanager
def opened(images: Sequence[str], advance: Advance) -> Iterator[Iterator[Event]]:
    """The events of the first of `images`, wherever it is, or of all of them where they are in the engine.

    Images of the engine come as one archive, in which they share the layers they have in common. Raises ArchiveProblem,
    and EnvironmentProblem where there is no such image, no client or no engine.
    """
    image, path = images[0], Path(images[0])
    if image == STANDARD_INPUT:
        yield read_archive(_counted(sys.stdin.buffer, advance), shown(image))
    elif is_in_engine(image):
        with docker.stream("image", "save", "--", *images) as stream:
            yield read_archive(_counted(stream, advance), image)
    elif path.is_dir():
        yield _counted_blobs(read_layout(path), advance)
    else:
        with _readable(path) as stream:
            yield read_archive(_counted(stream, advance), image)


def _engine_size(image: str) -> int:
    finished = docker.attempt("image", "inspect", "--format", "{{.Size}}", "--", image)
    if finished.code:
        here = "The folder of that name is no OCI layout" if Path(image).is_dir() else "There is no file of that name"
        raise EnvironmentProblem(
            f"The engine knows no image {image}. {here}.",
            "Build or pull it first; `docker image ls` lists what is there.",
        )
    return int(finished.stdout)


def _readable(path: Path) -> IO[bytes]:
    try:
        return path.open("rb")
    except OSError as error:
        raise ArchiveProblem(f"{path} cannot be read: {error.strerror}.") from error


class _Counting(io.RawIOBase):
    def __init__(self, stream: IO[bytes], advance: Advance) -> None:
        self._stream = stream
        self._advance = advance

    def read(self, size: int = -1) -> bytes:
        data = self._stream.read(size)
        self._advance(len(data))
        return data


def _counted(stream: IO[bytes], advance: Advance) -> IO[bytes]:
    return _Counting(stream, advance)  # type: ignore[return-value]


def _counted_blobs(events: Iterator[Event], advance: Advance) -> Iterator[Event]:
    size = 0
    for event in events:
        if isinstance(event, Blob):
            advance(size)
            size = event.size
        yield event
