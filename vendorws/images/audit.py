"""Which secrets an image gives away to everyone who may pull it: in a layer, also under a deletion, or in its words.

events of the archive -> Seen (image_scan) -> Report
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import field, replace
from itertools import chain
from typing import TypeAlias

from vendorws.images.archive import ArchiveProblem, Event, Whiteout
from vendorws.images.build_stages import CacheRecord, Leftovers
from vendorws.images.config import Variable, Where, Words, document_words, shown_instruction, variables, words
from vendorws.images.credentials import in_text, in_variable
from vendorws.images.manifest import Contents, Image, Layer, read_contents
from vendorws.images.private_keys import find_keys, publisher
from vendorws.images.scan import Seen, Sighting, look
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class LayerFinding:
    """A secret in a file of a layer.

    `layer` counts from 1, the base's first; None for a layer that no image of the archive claims. `deleted_by` is the
    layer that hides the file again, which takes it out of containers and not out of the image.
    """

    image: str
    kind: str
    layer: int | None
    digest: str
    path: str
    instruction: str | None
    deleted_by: int | None


@dataclass(frozen=True, slots=True)
class WordFinding:
    """A secret in the configuration or history; `name` is the variable's, or the way to the text in its document."""

    image: str
    kind: str
    where: Where
    name: str | None
    instruction: str | None


Finding: TypeAlias = LayerFinding | WordFinding


@dataclass(frozen=True, slots=True)
class ImageRead:
    """An image that was looked at: its name, and its layers' digests from the base up."""

    name: str
    layers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Report:
    """What an audit found, and what it did not look at.

    `passed_over` counts published test keys by their publisher, `not_opened` archives and compressed files inside the
    layers by the folder they lie in. `not_looked_at` is one sentence each; `complete` tells whether all that was asked
    for was had.
    """

    images: tuple[ImageRead, ...]
    findings: tuple[Finding, ...]
    passed_over: Mapping[str, int]
    not_opened: Mapping[str, int]
    not_looked_at: tuple[str, ...]
    complete: bool = True


def audit(events: Iterable[Event], shown: str) -> Report:
    """Look through the archive that `events` come from; `shown` names it in messages. Raises ArchiveProblem."""
    seen = look(events)
    contents = read_contents(seen.documents, seen.aliases, shown)
    _refuse_missing(seen, contents, shown)
    return Report(
        images=tuple(ImageRead(image.name, tuple(layer.digest for layer in image.layers)) for image in contents.images),
        findings=tuple(_findings(seen, contents)),
        passed_over=seen.published,
        not_opened=seen.packed,
        not_looked_at=tuple(_not_looked_at(seen, contents)),
    )


def with_leftovers(report: Report, left: Leftovers) -> Report:
    """`report`, its images called what people call them, with what the records of the build cache give away."""
    findings = (replace(finding, image=_called(finding.image, left.images)) for finding in report.findings)
    return replace(
        report,
        images=tuple(replace(image, name=_called(image.name, left.images)) for image in report.images),
        findings=(*findings, *_in_records(left.records)),
        not_looked_at=(*report.not_looked_at, *left.not_looked_at),
        complete=left.complete,
    )


def _called(name: str, names: Mapping[str, str]) -> str:
    for image, label in names.items():
        name = name.replace(image, label)
    return name


BUILD_CACHE = "the build cache"


def _in_records(records: Iterable[CacheRecord]) -> Iterator[WordFinding]:
    for record in records:
        text = Words("build cache", record.id, record.description, None)
        found = tuple(_secrets_in(text))
        shown = shown_instruction(record.description, [secret for _, secret in found])
        for kind in dict.fromkeys(kind for kind, _ in found):
            yield WordFinding(BUILD_CACHE, kind, text.where, record.id, shown)


def _refuse_missing(seen: Seen, contents: Contents, shown: str) -> None:
    for image in contents.images:
        for number, layer in enumerate(image.layers, 1):
            if layer.blob in seen.other_blobs:
                raise ArchiveProblem(
                    f"{shown}: layer {number} of {image.name} is no tar archive: encrypted or damaged."
                )
            if layer.blob not in seen.layers and not layer.elsewhere:
                raise ArchiveProblem(
                    f"{shown} does not hold layer {number} of {image.name}: it is cut off, or only a part.",
                    "Write or fetch the archive once more.",
                )


def _not_looked_at(seen: Seen, contents: Contents) -> Iterator[str]:
    for name in contents.absent:
        yield f"{name} is named by the archive and not in it."
    for image in contents.images:
        for number, layer in enumerate(image.layers, 1):
            if layer.blob not in seen.layers:
                yield f"Layer {number} of {image.name} is kept elsewhere (a foreign layer) and not in the archive."


_NO_IMAGE = "(no image of the archive)"


def _findings(seen: Seen, contents: Contents) -> Iterator[Finding]:
    """Image by image: its words, then its layers from the base up; then what belongs to no image.

    A layer that images share is told for the first of them.
    """
    said = [(image, tuple(_secret_words(image))) for image in contents.images]
    secrets = {sighting.secret for sighting in seen.sightings} | {word.secret for _, words in said for word in words}
    sightings = _by_blob(seen.sightings)
    for image, secret_words in said:
        story = _Story(image, tuple(secrets - {""}), seen.whiteouts)
        for word in secret_words:
            yield WordFinding(image.name, word.kind, word.where, word.name, story.step(word.step))
        for number, layer in enumerate(image.layers, 1):
            for sighting in sightings.pop(layer.blob, ()):
                yield story.finding(number, layer, sighting)
    for blob, left in sightings.items():
        for sighting in left:
            yield LayerFinding(_NO_IMAGE, sighting.kind, None, blob, sighting.path, None, None)
    yield from _in_documents(seen.documents, {image.config_name for image in contents.images}, secrets)


def _by_blob(sightings: Iterable[Sighting]) -> dict[str, list[Sighting]]:
    found: dict[str, list[Sighting]] = {}
    for sighting in sightings:
        found.setdefault(sighting.blob, []).append(sighting)
    return found


@dataclass(frozen=True, slots=True)
class _Story:
    """How an image came about, told without its secrets."""

    image: Image
    secrets: Sequence[str]
    whiteouts: Sequence[Whiteout]

    def step(self, index: int | None) -> str | None:
        if index is None or index >= len(self.image.instructions):
            return None
        return shown_instruction(self.image.instructions[index], self.secrets) or None

    def finding(self, number: int, layer: Layer, sighting: Sighting) -> LayerFinding:
        return LayerFinding(
            image=self.image.name,
            kind=sighting.kind,
            layer=number,
            digest=layer.digest,
            path=sighting.path,
            instruction=self.step(layer.made_by),
            deleted_by=self._deleted_by(number, sighting.path),
        )

    def _deleted_by(self, number: int, path: str) -> int | None:
        """The first layer above layer `number` that hides `path`."""
        hiding = {whiteout.blob for whiteout in self.whiteouts if _hides(whiteout, path)}
        layers_above = enumerate(self.image.layers[number:], number + 1)
        return next((above for above, layer in layers_above if layer.blob in hiding), None)


def _hides(whiteout: Whiteout, path: str) -> bool:
    below = path.startswith(f"{whiteout.path.rstrip('/')}/")
    return below or (path == whiteout.path and not whiteout.opaque)


@dataclass(frozen=True, slots=True)
class _SecretWord:
    """A secret in an image's words; `secret` is its text, or a key's fingerprint."""

    kind: str
    where: Where
    name: str | None
    step: int | None
    secret: str = field(repr=False)


def _secret_words(image: Image) -> Iterator[_SecretWord]:
    """Variables first; a secret that one of them tells is not told again for each text that repeats it."""
    told: dict[tuple[str, str | None, str], None] = {}
    secrets: set[str] = set()
    items: Iterator[Variable | Words] = chain(variables(image), words(image))
    for item in items:
        for kind, secret in _secrets_in(item):
            again = (item.where, item.name, secret) in told or (isinstance(item, Words) and secret in secrets)
            told[item.where, item.name, secret] = None
            secrets.add(secret)
            if not again:
                yield _SecretWord(kind, item.where, item.name, item.step, secret)


def _secrets_in(item: Variable | Words) -> Iterator[tuple[str, str]]:
    """The kinds of the secrets in a text, each with what tells it from another: its text, or a key's fingerprint."""
    text = item.value if isinstance(item, Variable) else item.text
    keys = find_keys(text)
    for key in keys:
        if publisher(key, "") is None:
            yield key.kind, key.fingerprint
    by_name = isinstance(item, Variable) and not keys
    for found in in_variable(item.name or "", text) if by_name else in_text(text):
        yield found.kind, found.secret


def _in_documents(documents: Mapping[str, bytes], configs: set[str], told: set[str]) -> Iterator[WordFinding]:
    """Attestations and what else lies in the archive; legacy copies of a configuration repeat what was told."""
    known = set(told)
    for name, content in documents.items():
        if name in configs:
            continue
        for item in document_words(name, content):
            for kind, secret in _secrets_in(item):
                if secret not in known:
                    known.add(secret)
                    yield WordFinding(_NO_IMAGE, kind, item.where, item.name, None)
