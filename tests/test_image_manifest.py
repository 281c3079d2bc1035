"""What the documents of an archive say about its images."""

from __future__ import annotations

import json
from typing import Any

import pytest

from tests.support.images import ImageSpec, Step, as_json, layer, oci_files, sha256
from vendorws.images.archive import ArchiveProblem
from vendorws.images.manifest import Image, Layer, read_contents

BASE, TOP = layer({"base": b"1"}), layer({"top": b"2"})
APP = ImageSpec([Step("FROM", BASE), Step("ENV A=b"), Step("RUN make", TOP)])
CONFIG = "c" * 64


def docker_documents(entry: dict[str, Any], config: bytes = APP.document) -> dict[str, bytes]:
    return {"manifest.json": as_json([entry]), f"{CONFIG}.json": config}


def docker_entry(*layers: str, **more: object) -> dict[str, Any]:
    return {"Config": f"{CONFIG}.json", "RepoTags": ["app:1", "app:latest"], "Layers": list(layers), **more}


def documents(files: dict[str, bytes]) -> dict[str, bytes]:
    """What reading the archive keeps of an OCI layout: all but the layers."""
    return {name: content for name, content in files.items() if content[:1] == b"{"}


def only_image(found: dict[str, bytes], aliases: dict[str, str] | None = None) -> Image:
    (image,) = read_contents(found, aliases or {}, "app.tar").images
    return image


def test_layers_of_docker_save_come_with_their_digests_and_what_made_them() -> None:
    image = only_image(docker_documents(docker_entry("aa/layer.tar", "bb/layer.tar")))
    assert image.name == "app:1, app:latest"
    assert image.instructions == ("FROM", "ENV A=b", "RUN make")
    assert image.layers == (
        Layer("aa/layer.tar", f"sha256:{sha256(BASE)}", made_by=0),
        Layer("bb/layer.tar", f"sha256:{sha256(TOP)}", made_by=2),
    )


def test_an_untagged_image_is_called_by_its_digest() -> None:
    assert only_image(docker_documents(docker_entry("a", "b", RepoTags=None))).name == f"sha256:{CONFIG}"


def test_a_layer_that_occurs_twice_is_found_through_its_links() -> None:
    aliases = {"cc/layer.tar": "bb/layer.tar", "bb/layer.tar": "aa/layer.tar", "x": "x"}
    image = only_image(docker_documents(docker_entry("aa/layer.tar", "./cc/layer.tar")), aliases)
    assert [found.blob for found in image.layers] == ["aa/layer.tar", "aa/layer.tar"]


def test_links_in_a_circle_come_to_an_end() -> None:
    only_image(docker_documents(docker_entry("a", "b")), {"a": "b", "b": "a"})


def test_a_history_that_does_not_fit_the_layers_tells_nothing() -> None:
    image = only_image(docker_documents(docker_entry("only/layer.tar")))
    assert [found.made_by for found in image.layers] == [None]


def test_layers_without_a_digest_in_the_configuration_are_called_by_their_blob() -> None:
    names = ("blobs/sha256/" + "a" * 64, "b" * 64 + "/layer.tar", f"sha256:{'d' * 64}")
    image = only_image(docker_documents(docker_entry(*names), as_json({})))
    assert [found.digest for found in image.layers] == [f"sha256:{letter * 64}" for letter in "abd"]


def test_a_foreign_layer_is_known_as_one() -> None:
    sources = {f"sha256:{sha256(BASE)}": {"mediaType": "foreign", "urls": ["https://hub.acme.example/base"]}}
    image = only_image(docker_documents(docker_entry("a/layer.tar", "b/layer.tar", LayerSources=sources)))
    assert [found.elsewhere for found in image.layers] == [True, False]


def test_an_oci_layout_says_the_same() -> None:
    image = only_image(documents(oci_files(APP)))
    assert image.name == "app:latest"
    assert [(found.digest, found.made_by) for found in image.layers] == [
        (f"sha256:{sha256(BASE)}", 0),
        (f"sha256:{sha256(TOP)}", 2),
    ]


def test_images_of_an_index_within_an_index_are_found_with_their_platforms() -> None:
    files = oci_files(APP)
    (inner,) = json.loads(files["index.json"])["manifests"]
    arm = {"digest": f"sha256:{'e' * 64}", "platform": {"os": "linux", "architecture": "arm64", "variant": "v8"}}
    amd = {**inner, "annotations": {}, "platform": {"os": "linux", "architecture": "amd64"}}
    index = as_json({"manifests": [amd, arm]})
    outer = {"digest": f"sha256:{sha256(index)}", "annotations": {"io.containerd.image.name": "hub.acme.example/app:1"}}
    files |= {f"blobs/sha256/{sha256(index)}": index, "index.json": as_json({"manifests": [outer]})}
    contents = read_contents(documents(files), {}, "app.tar")
    assert [image.name for image in contents.images] == ["hub.acme.example/app:1 (linux/amd64)"]
    assert contents.absent == ("hub.acme.example/app:1 (linux/arm64/v8)",)


def test_an_attestation_and_another_kind_of_artifact_are_no_images() -> None:
    files = oci_files(APP)
    (image,) = json.loads(files["index.json"])["manifests"]
    attestation = as_json({"config": {"mediaType": "application/vnd.oci.image.config.v1+json"}, "layers": []})
    chart = as_json({"config": {"mediaType": "application/vnd.cncf.helm.config.v1+json"}, "layers": []})
    files |= {f"blobs/sha256/{sha256(content)}": content for content in (attestation, chart)}
    marked = {"vnd.docker.reference.type": "attestation-manifest"}
    manifests = [
        {"digest": f"sha256:{sha256(attestation)}", "annotations": marked},
        {"digest": f"sha256:{sha256(chart)}"},
        image,
    ]
    files["index.json"] = as_json({"manifests": manifests})
    assert only_image(documents(files)).name == "app:latest"


@pytest.mark.parametrize(
    "found",
    [
        {"manifest.json": b"not json"},
        {"manifest.json": b'{"Config": "x"}'},
        {"manifest.json": b'[{"Layers": []}]'},
        {"manifest.json": b"[3]"},
        {"manifest.json": as_json([docker_entry("a")])},
        {"manifest.json": as_json([docker_entry("a")]), f"{CONFIG}.json": b"[]"},
        {"index.json": b'{"manifests": [{}]}'},
        {"index.json": b'{"manifests": []}'},
        {"index.json": b"[" * 100_000},
        {"index.json": as_json({"manifests": [{"digest": f"sha256:{'e' * 64}"}]})},
        {"oci-layout": b"{}"},
    ],
)
def test_documents_that_make_no_sense_are_one_clear_sentence(found: dict[str, bytes]) -> None:
    with pytest.raises(ArchiveProblem, match=r"^app\.tar is no image, or .*\.$"):
        read_contents(found, {}, "app.tar")


def test_an_index_that_names_itself_comes_to_an_end() -> None:
    loop = {"digest": "sha256:loop"}
    found = {"index.json": as_json({"manifests": [loop]}), "blobs/sha256/loop": as_json({"manifests": [loop]})}
    with pytest.raises(ArchiveProblem):
        read_contents(found, {}, "app.tar")
