"""Reading a Compose project without any client. tests/test_compose_client.py holds it against the client's answers."""

from __future__ import annotations

from pathlib import Path

import pytest

from vendorws.compose.files import find_compose_files
from vendorws.compose.services import BaseMount, Build, Service, read_services
from vendorws.compose.trees import ComposeUnreadable


def _services(folder: Path, **files: str) -> tuple[Service, ...]:
    for name, text in files.items():
        (folder / name.replace("_", ".")).write_text(text)
    found = find_compose_files(folder, {"HOME": "/home/dev"})
    assert found is not None
    return read_services(found)


def test_a_service_is_what_it_builds_and_mounts(tmp_path: Path) -> None:
    text = """\
services:
  app:
    image: acme/shop
    build: {context: ./app, dockerfile: dev.Dockerfile, args: {A: 1, B: null}, target: dev}
    volumes: ['.:/site/proj/', 'data:/data', {type: bind, source: ../x, target: /x/}]
"""
    assert _services(tmp_path, compose_yaml=text) == (
        Service(
            "app",
            "acme/shop",
            Build(tmp_path / "app", tmp_path / "app" / "dev.Dockerfile", None, {"A": "1"}, "dev"),
            (
                BaseMount("/site/proj", tmp_path),
                BaseMount("/data", None),
                BaseMount("/x/", tmp_path.parent / "x"),
            ),
        ),
    )


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("services: [", "is not valid YAML: line 1: "),
        ("- a\n", "its top level is not a mapping"),
        ("services: 5\n", "services is not a mapping"),
        ("services:\n  app: 5\n", "service app is not a mapping"),
        ("services:\n  app:\n    image: [x]\n", "a text is expected where ['x'] stands"),
        ("services:\n  app:\n    build: {args: 5}\n", "args is not a mapping"),
        ("services:\n  app:\n    volumes: [{type: bind}]\n", "a text is expected where None stands"),
        ("services:\n  app: {extends: app}\n", "service app extends itself"),
        ("services:\n  app: {extends: {service: x, file: no.yml}}\n", "no.yml does not exist"),
        ("include: [compose.yaml]\n", "includes itself"),
        ("include: [.]\n", "cannot be read: Is a directory"),
        ("services:\n  app: {image: '${A:?needed}'}\n", "needs a variable that is not set: ${A:?needed}"),
        ('services:\n  app: {image: "\\u0000"}\n\x00', "is not valid YAML"),
    ],
)
def test_what_is_wrong_is_said_with_the_file(text: str, words: str, tmp_path: Path) -> None:
    with pytest.raises(ComposeUnreadable) as error:
        _services(tmp_path, compose_yaml=text)
    assert words in error.value.message
    assert (
        "compose.yaml" in error.value.message or "no.yml" in error.value.message or str(tmp_path) in error.value.message
    )


def test_a_file_that_is_listed_and_missing_is_named(tmp_path: Path) -> None:
    files = find_compose_files(tmp_path, {"COMPOSE_FILE": "gone.yml"})
    assert files is not None
    with pytest.raises(ComposeUnreadable, match=r"gone\.yml does not exist, though Compose is told to read it"):
        read_services(files)


def test_tags_of_others_are_no_obstacle(tmp_path: Path) -> None:
    text = "services:\n  app:\n    image: !vault x\n    labels: !env [a]\n    x-y: !!binary aGk=\n"
    [service] = _services(tmp_path, compose_yaml=text)
    assert service.image == "x"


def test_an_included_project_from_afar_is_left_out(tmp_path: Path) -> None:
    text = "include: ['https://github.com/acme/x.git', 'oci://docker.io/acme/x']\nservices: {app: {image: x}}\n"
    assert [service.name for service in _services(tmp_path, compose_yaml=text)] == ["app"]


def test_a_home_folder_in_a_path_is_the_users(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/dev")
    [service] = _services(tmp_path, compose_yaml="services: {app: {image: x, volumes: ['~/x:/x']}}\n")
    assert service.mounts == (BaseMount("/x", Path("/home/dev/x")),)


def test_nothing_in_the_file_is_no_service(tmp_path: Path) -> None:
    assert _services(tmp_path, compose_yaml="") == ()
    assert _services(tmp_path, compose_yaml="services:\n") == ()
