"""Looks into every file of every layer, once, in the order of the archive, and keeps only what it found.

A file is read in pieces and never held as a whole. The text of a password or a token stays in memory, to be blanked
out of the instructions that are shown later; it goes nowhere else.
"""

from __future__ import annotations

import posixpath
import re
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import field
from itertools import chain
from typing import TypeAlias

from vendorws.images.archive import Alias, Blob, Document, Event, LayerFile, Unknown, Whiteout
from vendorws.images.credentials import Credential, Reader, reader_for
from vendorws.images.private_keys import FoundKey, KeyScanner, publisher
from vendorws.values import dataclass

if sys.version_info >= (3, 11):
    from typing import assert_never
else:
    from typing_extensions import assert_never


@dataclass(frozen=True, slots=True)
class Sighting:
    """A secret in a file of the layer that is stored as `blob`; `secret` is empty for a key, which is not kept."""

    blob: str
    path: str
    kind: str
    secret: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Published:
    """A key that is no secret, and who publishes it."""

    publisher: str


@dataclass(frozen=True, slots=True)
class Packed:
    """An archive or a compressed file, which was not opened."""

    path: str


Observation: TypeAlias = Blob | Unknown | Document | Alias | Whiteout | Sighting | Published | Packed


@dataclass(frozen=True, slots=True)
class Seen:
    """All that an archive holds, sorted: its layers, its other blobs, and what was found in the layers' files."""

    layers: frozenset[str]
    other_blobs: frozenset[str]
    documents: Mapping[str, bytes]
    aliases: Mapping[str, str]
    sightings: tuple[Sighting, ...]
    whiteouts: tuple[Whiteout, ...]
    published: Mapping[str, int]
    packed: Mapping[str, int]
    """How many archives and compressed files lie below which folder; the folders are three parts deep at most."""


def look(events: Iterable[Event]) -> Seen:
    """Read all `events`. Raises what reading the archive raises."""
    blobs: set[str] = set()
    unknown: set[str] = set()
    documents: dict[str, bytes] = {}
    aliases: dict[str, str] = {}
    sightings: dict[Sighting, None] = {}
    whiteouts: list[Whiteout] = []
    published: Counter[str] = Counter()
    packed: Counter[str] = Counter()
    for observation in chain.from_iterable(map(_observed, events)):
        match observation:
            case Blob(name=name):
                blobs.add(name)
            case Unknown(name=name):
                unknown.add(name)
            case Document(name=name, content=content):
                documents[name] = content
            case Alias(name=name, target=target):
                aliases[name] = target
            case Whiteout():
                whiteouts.append(observation)
            case Sighting():
                sightings[observation] = None
            case Published(publisher=source):
                published[source] += 1
            case Packed(path=path):
                packed["/".join(posixpath.dirname(path).split("/")[:4]) or "/"] += 1
            case _:
                assert_never(observation)
    other_blobs = frozenset(unknown | documents.keys())
    return Seen(
        layers=frozenset(blobs - other_blobs),
        other_blobs=other_blobs,
        documents=documents,
        aliases=aliases,
        sightings=tuple(sightings),
        whiteouts=tuple(whiteouts),
        published=published,
        packed=packed,
    )


def _observed(event: Event) -> Iterator[Observation]:
    if isinstance(event, LayerFile):
        yield from _look_into(event)
    else:
        yield event


def _look_into(file: LayerFile) -> Iterator[Observation]:
    keys, text = KeyScanner(), _TextScanner(reader_for(file.path))
    found: list[FoundKey | Credential] = []
    first = b""
    for piece in file.pieces:
        first = first or piece
        found += keys.feed(piece)
        found += text.feed(piece)
    found += keys.finish()
    found += text.finish()
    if _is_packed(file.path, first):
        yield Packed(file.path)
    for secret in found:
        yield _sighting(file, secret)


def _sighting(file: LayerFile, found: FoundKey | Credential) -> Sighting | Published:
    if isinstance(found, Credential):
        return Sighting(file.blob, file.path, found.kind, found.secret)
    source = publisher(found, file.path)
    return Published(source) if source else Sighting(file.blob, file.path, found.kind, "")


class _TextScanner:
    """Reads a text piece by piece, each up to its last line end, so that no line of a sane length is cut in two."""

    __slots__ = ("_kept", "_read")

    def __init__(self, read: Reader | None) -> None:
        self._read = read
        self._kept = b""

    def feed(self, piece: bytes) -> Iterator[Credential]:
        if self._read is None:
            return
        text = self._kept + piece
        end = text.rfind(b"\n") + 1
        if len(text) - end > _LONGEST_LINE:
            end = len(text)
        self._kept = text[end:]
        yield from self._read(_decoded(text[:end]))

    def finish(self) -> Iterator[Credential]:
        if self._read is not None:
            yield from self._read(_decoded(self._kept))


_LONGEST_LINE = 1024 * 1024


def _decoded(text: bytes) -> str:
    """`text` whatever its encoding is; in UTF-16 each ASCII letter has a zero beside it."""
    return text.replace(b"\0", b"").decode("utf-8", "replace")


# What they begin with: gzip, zip (wheels, jars), bzip2, xz, zstd, 7z, rar, Debian's packages, git's packs.
_PACKED = (
    b"\x1f\x8b",
    b"PK\x03\x04",
    b"BZh",
    b"\xfd7zXZ\0",
    b"\x28\xb5\x2f\xfd",
    b"7z\xbc\xaf",
    b"Rar!",
    b"!<arch>\ndebian",
    b"PACK\0\0\0",
)
_GIT_OBJECT = re.compile(r"/objects/[0-9a-f]{2}/[0-9a-f]{38,62}$")


def _is_packed(path: str, first: bytes) -> bool:
    return first.startswith(_PACKED) or first[257:262] == b"ustar" or bool(_GIT_OBJECT.search(path))
