"""`vendorws verify` as far as it comes without an engine: real Compose, and all that is wrong before a container."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import Result, Vendorws
from tests.support.docker import Docker
from tests.support.project import Project
from tests.support.remotes import Remotes

_COMPOSE = "services:\n  app:\n    build: .\n  db:\n    image: postgres\n"
_DOCKERFILE = "FROM python:3.11\nWORKDIR /site\nRUN pip install -r requirements.txt --src vendor/\n"


@pytest.fixture
def verify(
    docker_compose: Docker,
    project: Project,
    remotes: Remotes,
    vendorws: Vendorws,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> Callable[..., Result]:
    """The command in a synced project, on a machine whose engine does not answer."""
    project.require(remotes.create().line("main"))
    project.write("docker-compose.yml", _COMPOSE)
    project.write("Dockerfile", _DOCKERFILE)
    vendorws.ok("sync")
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    return lambda *args, **options: vendorws("verify", *args, **options)


def only(result: Result) -> dict[str, Any]:
    (package,) = result.json["packages"]
    return dict(package)


def test_without_an_engine_nothing_can_be_proved(verify: Callable[..., Result]) -> None:
    result = verify()
    assert result.exit_code == 4, result
    assert "No Docker engine answers" in result.stderr
    assert result.stdout == ""


def test_without_a_client_it_says_so(verify: Callable[..., Result]) -> None:
    result = verify(env={"PATH": "/nowhere"})
    assert result.exit_code == 4, result
    assert "docker client is not installed" in result.stderr


def test_a_client_without_compose_is_told(verify: Callable[..., Result], tmp_path: Path) -> None:
    client = tmp_path / "client" / "docker"
    client.parent.mkdir()
    client.write_text('#!/bin/sh\necho "unknown flag: --profile" >&2; exit 125\n')
    client.chmod(0o755)
    result = verify(env={"PATH": f"{client.parent}:/usr/bin:/bin"})
    assert result.exit_code == 4, result
    assert "This docker client has no Compose." in result.stderr


def test_an_unknown_service_is_a_matter_of_the_command_line(verify: Callable[..., Result]) -> None:
    result = verify("web")
    assert result.exit_code == 2, result
    assert result.stderr == "error: There is no service web.\n  The Compose files have: app, db.\n"


def test_a_service_that_installs_nothing_has_nothing_to_prove(verify: Callable[..., Result]) -> None:
    result = verify("db")
    assert result.exit_code == 2, result
    assert "The service db does not install requirements" in result.stderr


def test_a_place_that_cannot_be_told_is_to_be_configured(verify: Callable[..., Result], project: Project) -> None:
    project.write("Dockerfile", "FROM python:3.11\nRUN pip install -r requirements.txt\n")
    result = verify()
    assert result.exit_code == 2, result
    assert "[tool.vendorws.services.app] src" in result.stderr


def test_a_project_without_compose_has_nothing_to_look_into(verify: Callable[..., Result], project: Project) -> None:
    (project.root / "docker-compose.yml").unlink()
    result = verify()
    assert result.exit_code == 2, result
    assert "No Compose file here" in result.stderr


def test_a_checkout_that_is_missing_needs_no_engine_to_be_found(
    verify: Callable[..., Result], project: Project
) -> None:
    project.checkout("billing").rename(project.root / "away")
    result = verify("--json")
    assert result.exit_code == 1, result
    assert (only(result)["state"], only(result)["command"]) == ("missing", "vendorws sync billing")


def test_commands_work_from_elsewhere_as_they_are_printed(verify: Callable[..., Result], project: Project) -> None:
    project.checkout("billing").rename(project.root / "away")
    result = verify("--json", "--project", project.root.name, cwd=project.repository)
    assert only(result)["command"] == f"vendorws sync --project {project.root.name} billing"


def test_an_override_that_was_edited_is_named(verify: Callable[..., Result], project: Project) -> None:
    override = project.root / "docker-compose.override.yml"
    override.write_text(override.read_text().replace("/site/vendor/billing", "/site/vendor/elsewhere"))
    result = verify("--json")
    assert only(result)["state"] == "not-mounted"
    assert "was written by vendorws and edited since" in "".join(result.json["notes"])
    assert "note: " in verify().stderr


def test_a_list_of_files_that_leaves_the_override_out_is_named(verify: Callable[..., Result], project: Project) -> None:
    project.write(".env", "COMPOSE_FILE=docker-compose.yml\n")
    result = verify("--json")
    assert only(result)["state"] == "not-mounted"
    assert "COMPOSE_FILE in" in "".join(result.json["notes"])


def test_a_dev_containers_own_files_are_the_ones_that_count(verify: Callable[..., Result], project: Project) -> None:
    (project.root / "docker-compose.override.yml").unlink()
    (project.root / "docker-compose.yml").unlink()
    project.write(".devcontainer/compose.yml", _COMPOSE.replace("build: .", "build: .."))
    project.write(".devcontainer/devcontainer.json", '{"dockerComposeFile": ["compose.yml"], "service": "app"}')
    result = verify("--json")
    assert result.exit_code == 1, result
    assert only(result)["state"] == "not-mounted"
    assert "add" in "".join(result.json["notes"])


def test_without_packages_there_is_nothing_to_prove(verify: Callable[..., Result], project: Project) -> None:
    project.require("Django")
    result = verify()
    assert (result.exit_code, result.stdout) == (0, ""), result
    assert result.stderr == "note: No package is vendored here; `vendorws list` says why for each line.\n"
