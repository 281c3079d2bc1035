"""What the documents of an image archive say: which layers an image has, in which order, and what made each of them."""

from __future__ import annotations

import json
import posixpath
from collections.abc import Iterator, Mapping
from typing import Any

from vendorws.images.archive import ArchiveProblem
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Layer:
    """One layer: the `blob` it is stored as, the digest to show, and the index in the history of what made it.

    `digest` is that of the unpacked layer (`sha256:…`, what `docker image inspect` calls it), or the blob's own where
    the configuration does not list it. `made_by` is None where the history does not tell. `elsewhere` marks a layer
    that by its media type need not be in the archive (a foreign one).
    """

    blob: str
    digest: str
    made_by: int | None
    elsewhere: bool = False


@dataclass(frozen=True, slots=True)
class Image:
    """One image of an archive; `config` is its configuration document, `config_name` where that is stored."""

    name: str
    config_name: str
    config: Mapping[str, Any]
    layers: tuple[Layer, ...]

    @property
    def instructions(self) -> tuple[str, ...]:
        """What made the image, step by step, as the builder wrote it down."""
        return tuple(str(step.get("created_by", "")) for step in _history(self.config))


@dataclass(frozen=True, slots=True)
class Contents:
    """The images of an archive, and what it names without holding it (images of other platforms)."""

    images: tuple[Image, ...]
    absent: tuple[str, ...]


def read_contents(documents: Mapping[str, bytes], aliases: Mapping[str, str], shown: str) -> Contents:
    """What is in the archive, from its documents by name. Raises ArchiveProblem."""
    try:
        if "manifest.json" in documents:
            return _docker_contents(documents, aliases)
        if "index.json" in documents:
            return _oci_contents(documents)
    except (KeyError, TypeError, ValueError, AttributeError, RecursionError) as error:
        raise ArchiveProblem(
            f"{shown} is no image, or only a part of one: its manifest does not say what one must say"
            f" ({type(error).__name__}: {str(error)[:80]}).",
            "Write or fetch the archive once more.",
        ) from error
    raise ArchiveProblem(
        f"{shown} is no image, or is cut off: it holds neither manifest.json nor index.json.",
        "Write one with `docker save IMAGE -o FILE` (`docker export` leaves out layers, history and configuration).",
    )


def _docker_contents(documents: Mapping[str, bytes], aliases: Mapping[str, str]) -> Contents:
    entries = _objects(json.loads(documents["manifest.json"]))
    return Contents(tuple(_docker_image(documents, aliases, entry) for entry in entries), ())


def _docker_image(documents: Mapping[str, bytes], aliases: Mapping[str, str], entry: Mapping[str, Any]) -> Image:
    config_name = posixpath.normpath(entry["Config"])
    config = _object(documents, config_name)
    blobs = [_resolved(posixpath.normpath(name), aliases) for name in entry["Layers"]]
    sources = entry.get("LayerSources") or {}
    elsewhere = [bool(sources.get(digest, {}).get("urls")) for digest in _diff_ids(config)]
    name = ", ".join(entry.get("RepoTags") or ()) or _short(config_name)
    return Image(name, config_name, config, _layers(config, blobs, elsewhere))


def _resolved(name: str, aliases: Mapping[str, str]) -> str:
    for _ in range(len(aliases)):
        if name not in aliases:
            break
        name = aliases[name]
    return name


def _oci_contents(documents: Mapping[str, bytes]) -> Contents:
    images: dict[str, Image] = {}
    absent: list[str] = []
    for descriptor in _image_descriptors(documents, "index.json", depth=8):
        blob = _blob_name(descriptor["digest"])
        if blob not in documents:
            absent.append(_descriptor_name(descriptor))
            continue
        manifest = _object(documents, blob)
        if _is_image(descriptor, manifest):
            images.setdefault(blob, _oci_image(documents, manifest, _descriptor_name(descriptor)))
    if not images:
        raise ValueError(f"no image but {', '.join(absent) or 'nothing'}")
    return Contents(tuple(images.values()), tuple(absent))


def _image_descriptors(documents: Mapping[str, bytes], name: str, depth: int) -> Iterator[Mapping[str, Any]]:
    """The manifests that an index names, through indexes of indexes; an index nested deeper than any real one ends."""
    for descriptor in _objects(_object(documents, name)["manifests"]):
        blob = _blob_name(descriptor["digest"])
        if blob in documents and depth and "manifests" in _object(documents, blob):
            for inner in _image_descriptors(documents, blob, depth - 1):
                annotations = {**(descriptor.get("annotations") or {}), **(inner.get("annotations") or {})}
                yield {**inner, "annotations": annotations}
        else:
            yield descriptor


_ATTESTATION = "vnd.docker.reference.type"


def _is_image(descriptor: Mapping[str, Any], manifest: Mapping[str, Any]) -> bool:
    if _ATTESTATION in (descriptor.get("annotations") or {}):
        return False
    media_type: str = manifest["config"]["mediaType"]
    return media_type.endswith(("image.config.v1+json", "container.image.v1+json"))


def _oci_image(documents: Mapping[str, bytes], manifest: Mapping[str, Any], name: str) -> Image:
    config_name = _blob_name(manifest["config"]["digest"])
    config = _object(documents, config_name)
    layers = manifest["layers"]
    blobs = [_blob_name(layer["digest"]) for layer in layers]
    elsewhere = [any(word in layer["mediaType"] for word in ("foreign", "nondistributable")) for layer in layers]
    return Image(name, config_name, config, _layers(config, blobs, elsewhere))


_NAMES = ("io.containerd.image.name", "org.opencontainers.image.ref.name")


def _descriptor_name(descriptor: Mapping[str, Any]) -> str:
    annotations = descriptor.get("annotations") or {}
    name = next((annotations[key] for key in _NAMES if key in annotations), None) or descriptor["digest"][:19]
    platform = descriptor.get("platform") or {}
    parts = [platform[key] for key in ("os", "architecture", "variant") if platform.get(key)]
    return f"{name} ({'/'.join(parts)})" if parts else str(name)


def _layers(config: Mapping[str, Any], blobs: list[str], elsewhere: list[bool]) -> tuple[Layer, ...]:
    digests, made_by = _diff_ids(config), _steps_with_layers(config)
    exact = len(made_by) == len(blobs)
    return tuple(
        Layer(
            blob,
            digest=digests[index] if index < len(digests) else _short(blob),
            made_by=made_by[index] if exact else None,
            elsewhere=elsewhere[index] if index < len(elsewhere) else False,
        )
        for index, blob in enumerate(blobs)
    )


def _diff_ids(config: Mapping[str, Any]) -> list[str]:
    return [str(digest) for digest in (config.get("rootfs") or {}).get("diff_ids") or ()]


def _steps_with_layers(config: Mapping[str, Any]) -> list[int]:
    return [index for index, step in enumerate(_history(config)) if not step.get("empty_layer")]


def _history(config: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    return _objects(config.get("history") or [])


def _blob_name(digest: str) -> str:
    algorithm, _, value = digest.partition(":")
    return f"blobs/{algorithm}/{value}"


def _short(name: str) -> str:
    """A blob's digest from its name: `blobs/sha256/ab…`, `ab….json` and `ab…/layer.tar` are sha256:ab…."""
    digest = max(name.removeprefix("blobs/").split("/"), key=len).partition(".")[0]
    return f"sha256:{digest.removeprefix('sha256:')}"


def _object(documents: Mapping[str, bytes], name: str) -> Mapping[str, Any]:
    value = json.loads(documents[name])
    if not isinstance(value, dict):
        raise TypeError(f"{name} is no JSON object")
    return value


def _objects(value: object) -> list[Mapping[str, Any]]:
    if not isinstance(value, list) or not all(isinstance(item, dict) for item in value):
        raise TypeError("a list of objects is something else")
    return value
