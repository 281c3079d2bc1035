"""Images as archives, made in memory in the real formats: what `docker save` writes, and an OCI layout."""

from __future__ import annotations

import gzip
import hashlib
import io
import json
import tarfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


@dataclass(frozen=True, slots=True)
class Step:
    """One step of an image's history; `layer` is None for a step that changes no file, else the layer's tar."""

    created_by: str
    layer: bytes | None = None


def layer(files: Mapping[str, bytes] | None = None, *, others: Sequence[tarfile.TarInfo] = ()) -> bytes:
    """A layer's tar with these files (`root/.ssh/id_rsa`), then members without content."""
    return tar([*(file(name, content) for name, content in (files or {}).items()), *((item, b"") for item in others)])


def file(name: str, content: bytes) -> tuple[tarfile.TarInfo, bytes]:
    """A regular file for `tar`."""
    info = tarfile.TarInfo(name)
    info.size = len(content)
    return info, content


def link(name: str, target: str, kind: bytes = tarfile.SYMTYPE) -> tarfile.TarInfo:
    """A link for `layer` or `tar`."""
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def tar(members: Sequence[tuple[tarfile.TarInfo, bytes]]) -> bytes:
    """A tar archive of these members."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in members:
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


@dataclass(frozen=True, slots=True)
class ImageSpec:
    """An image to be written: its steps from the base up, and the `config` part of its configuration."""

    steps: Sequence[Step]
    config: Mapping[str, Any] = field(default_factory=dict)
    tag: str | None = "app:latest"

    @property
    def layers(self) -> list[bytes]:
        return [step.layer for step in self.steps if step.layer is not None]

    @property
    def document(self) -> bytes:
        """The image's configuration as JSON."""
        history = [
            {"created_by": step.created_by, **({"empty_layer": True} if step.layer is None else {})}
            for step in self.steps
        ]
        diff_ids = [f"sha256:{sha256(content)}" for content in self.layers]
        return as_json({"config": self.config, "history": history, "rootfs": {"type": "layers", "diff_ids": diff_ids}})


def docker_archive(*images: ImageSpec) -> bytes:
    """What `docker save` of an engine before 25 writes: a folder for each layer, the manifest last."""
    members: dict[str, bytes] = {}
    manifest = []
    for image in images:
        names = [f"{sha256(content)}/layer.tar" for content in image.layers]
        members.update(zip(names, image.layers, strict=True))
        config = f"{sha256(image.document)}.json"
        members[config] = image.document
        manifest.append({"Config": config, "RepoTags": [image.tag] if image.tag else None, "Layers": names})
    return tar([file(name, content) for name, content in {**members, "manifest.json": as_json(manifest)}.items()])


def oci_files(*images: ImageSpec, compress: Any = gzip.compress, suffix: str = "+gzip") -> dict[str, bytes]:
    """The files of an OCI layout; `compress` packs each layer, `suffix` is its media type's end."""
    files: dict[str, bytes] = {}

    def put(content: bytes, kind: str) -> dict[str, Any]:
        files[f"blobs/sha256/{sha256(content)}"] = content
        media_type = f"application/vnd.oci.image.{kind}"
        return {"mediaType": media_type, "digest": f"sha256:{sha256(content)}", "size": len(content)}

    manifests = []
    for image in images:
        config = put(image.document, "config.v1+json")
        layers = [put(compress(content), f"layer.v1.tar{suffix}") for content in image.layers]
        descriptor = put(as_json({"schemaVersion": 2, "config": config, "layers": layers}), "manifest.v1+json")
        annotations = {"org.opencontainers.image.ref.name": image.tag} if image.tag else {}
        manifests.append({**descriptor, "annotations": annotations})
    return {
        "oci-layout": b'{"imageLayoutVersion": "1.0.0"}',
        "index.json": as_json({"schemaVersion": 2, "manifests": manifests}),
        **files,
    }


def oci_archive(*images: ImageSpec, **options: Any) -> bytes:
    """An OCI layout as one tar archive, as `podman save --format oci-archive` writes it."""
    return tar([file(name, content) for name, content in oci_files(*images, **options).items()])


def write_files(folder: Path, files: Mapping[str, bytes]) -> Path:
    """Put `files` below `folder`; returns it."""
    for name, content in files.items():
        target = folder / name
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_bytes(content)
    return folder


def as_json(value: object) -> bytes:
    return json.dumps(value).encode()


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
