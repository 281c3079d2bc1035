"""The Compose files of a Dev Container."""

from __future__ import annotations

from pathlib import Path

import pytest

from vendorws.compose.devcontainer import DevContainer, find_devcontainers, without_comments


@pytest.mark.parametrize(
    "place", [".devcontainer/devcontainer.json", ".devcontainer.json", ".devcontainer/web/devcontainer.json"]
)
def test_each_place_of_the_file_is_known(place: str, tmp_path: Path) -> None:
    file = tmp_path / place
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text('{"dockerComposeFile": ["../docker-compose.yml", "dev.yml"], "service": "app"}')
    assert find_devcontainers(tmp_path) == (DevContainer(file, ("../docker-compose.yml", "dev.yml")),)


def test_one_file_needs_no_list_and_comments_are_allowed(tmp_path: Path) -> None:
    file = tmp_path / ".devcontainer.json"
    file.write_text(
        '\ufeff{ // see "https://containers.dev"\n/* a\n b */ "dockerComposeFile": "a//b.yml", // last\n}\n', "utf-8"
    )
    assert find_devcontainers(tmp_path) == (DevContainer(file, ("a//b.yml",)),)


@pytest.mark.parametrize(
    "text", ["", "[]", '{"image": "x"}', '{"dockerComposeFile": []}', '{"dockerComposeFile": [5]}', "{"]
)
def test_what_names_no_compose_file_is_left_alone(text: str, tmp_path: Path) -> None:
    (tmp_path / ".devcontainer.json").write_text(text)
    assert find_devcontainers(tmp_path) == ()


def test_commas_and_slashes_inside_of_texts_stay() -> None:
    text = '{"a": ["x,]", "// y", "\\",}"], /* , */ }'
    assert without_comments(text) == '{"a": ["x,]", "// y", "\\",}"]    }'
