"""The docker client and the files themselves give the same services, and so the same mounts."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.compose_projects import PROJECTS
from tests.support.docker import Docker
from tests.support.project import Project
from vendorws.compose.client import ask_services
from vendorws.compose.files import ComposeFiles, find_compose_files
from vendorws.compose.places import find_places
from vendorws.compose.services import read_services
from vendorws.errors import UsageError
from vendorws.settings import read_settings


def _files(project: Project) -> tuple[ComposeFiles, str | None]:
    files = find_compose_files(project.root)
    assert files is not None
    return files, files.override.read_text("utf-8") if files.override.exists() else None


@pytest.mark.sampled
@pytest.mark.parametrize("name", PROJECTS)
def test_both_ways_find_the_same(name: str, project: Project, docker_compose: Docker) -> None:
    project.require()
    for path, text in PROJECTS[name].items():
        project.write(path, text)
    files, extra = _files(project)
    asked = ask_services(files, extra)
    assert asked.note == ""
    read = read_services(files, extra)
    assert asked.services == read
    settings = read_settings(project.root)
    assert find_places(settings, asked.services) == find_places(settings, read)


def test_a_file_that_is_listed_after_the_override_has_the_last_word(project: Project, docker_compose: Docker) -> None:
    for path, text in PROJECTS["listed files with the override in the middle"].items():
        project.write(path, text)
    [service] = ask_services(*_files(project)).services
    assert service.build is not None
    assert service.build.args == {"site_dir": "/third"}


def test_the_client_counts_where_it_knows_more(project: Project, docker_compose: Docker) -> None:
    project.write("compose.yml", "services:\n  app:\n    build:\n      args: {site_dir: '${A:-${B:-/nested}}'}\n")
    files, _ = _files(project)
    [service] = ask_services(files).services
    assert service.build is not None
    assert service.build.args == {"site_dir": "/nested"}


def test_a_project_that_compose_refuses_is_read_all_the_same(project: Project, docker_compose: Docker) -> None:
    project.write("compose.yml", "services:\n  app:\n    build: .\n    imagine: that\n")
    files, _ = _files(project)
    asked = ask_services(files)
    assert [service.name for service in asked.services] == ["app"]
    assert asked.note.startswith("Docker Compose refuses this project as it is: ")
    assert "imagine" in asked.note


def test_a_variable_that_has_to_be_set_is_named(project: Project, docker_compose: Docker) -> None:
    project.write("compose.yml", "services:\n  app:\n    build: {args: {site_dir: '${ROOT:?set it}'}}\n")
    files, _ = _files(project)
    with pytest.raises(UsageError, match=r"needs a variable that is not set: \$\{ROOT:\?set it\}"):
        ask_services(files)


def test_without_a_client_the_files_are_read(project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    project.write("compose.yml", "services:\n  app:\n    build: .\n")
    files, _ = _files(project)
    monkeypatch.setenv("PATH", str(tmp_path))
    asked = ask_services(files)
    assert [service.name for service in asked.services] == ["app"]
    assert asked.note == ""


def test_a_client_without_compose_is_no_client(
    project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """What docker 20.10 and 28 print when the plugin is missing."""
    project.write("compose.yml", "services:\n  app:\n    build: .\n")
    files, _ = _files(project)
    client = tmp_path / "docker"
    for words in ("unknown flag: --profile", "docker: unknown command: docker compose"):
        client.write_text(f"#!/bin/sh\necho '{words}' >&2\nexit 125\n")
        client.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        assert ask_services(files).note == ""
