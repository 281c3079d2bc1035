"""What the override does in containers that run."""

from __future__ import annotations

import json
import secrets
import subprocess
import time
from collections.abc import Iterator
from dataclasses import dataclass

import pytest

from tests.support.command import Vendorws
from tests.support.docker import Docker
from tests.support.project import Project
from tests.support.remotes import Remotes

DOCKERFILE = """\
FROM python:3.11
WORKDIR /site
# pip would be here: RUN pip install -r requirements.txt --src vendor/
RUN mkdir -p vendor/billing/billing && echo 'VERSION = "image"' >vendor/billing/billing/__init__.py
CMD ["sleep", "infinity"]
"""
COMPOSE = "services:\n  app:\n    build: .\n    stop_grace_period: 0s\n"
SEEN = ("cat", "vendor/billing/billing/__init__.py")


@dataclass(frozen=True, slots=True)
class Running:
    """A project whose one service can be started."""

    project: Project
    engine: Docker
    vendorws: Vendorws

    def compose(self, *args: str) -> str:
        return self.engine.ok("compose", *args, cwd=self.project.root)

    def seen(self) -> str:
        """What the running container has in its copy of the package."""
        return self.compose("exec", "-T", "app", *SEEN)

    def edit(self, text: str) -> None:
        (self.project.checkout("billing") / "billing" / "__init__.py").write_text(text)


@pytest.fixture
def running(engine: Docker, project: Project, remotes: Remotes, vendorws: Vendorws) -> Iterator[Running]:
    project.require(remotes.create("acme/billing").line("main"))
    project.write("Dockerfile", DOCKERFILE)
    project.write("docker-compose.yml", COMPOSE)
    project.write("pyproject.toml", '[tool.vendorws.services.app]\nsrc = "/site/vendor"\n')
    project.write(".env", f"COMPOSE_PROJECT_NAME=override{secrets.token_hex(4)}\n")
    vendorws.ok("sync")
    made = Running(project, engine, vendorws)
    yield made
    made.compose("down", "--timeout", "0", "--rmi", "local", "--volumes")


def test_an_edit_is_seen_at_once(running: Running) -> None:
    running.compose("up", "--detach", "--build")
    running.edit("edited\n")
    assert running.seen() == "edited\n"


def test_a_checkout_that_is_gone_is_an_error_and_no_folder_of_roots(running: Running) -> None:
    running.compose("build")
    running.project.checkout("billing").rename(running.project.root / "aside")
    ran = running.engine("compose", "up", "--detach", cwd=running.project.root)
    assert ran.exit_code != 0
    assert "bind source path does not exist" in ran.stderr
    assert not running.project.checkout("billing").exists()
    running.vendorws.ok("override")
    running.compose("up", "--detach")
    assert running.seen() == 'VERSION = "image"\n'


def test_watch_copies_an_edit_into_the_container(running: Running) -> None:
    running.vendorws.ok("override", "--mode", "watch")
    running.compose("up", "--detach", "--build")
    container = running.compose("ps", "--quiet", "app").strip()
    mounts = json.loads(running.engine.ok("inspect", "--format", "{{json .Mounts}}", container))
    assert mounts == []
    watch = subprocess.Popen(
        ["docker", "compose", "watch", "--no-up"],
        cwd=running.project.root,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        give_up = time.monotonic() + 60
        number = 0
        while not running.seen().startswith("edit "):
            assert time.monotonic() < give_up, "the edit did not reach the container"
            number += 1  # an edit before the watch has begun is not copied, so there is a next one
            running.edit(f"edit {number}\n")
            time.sleep(1)
    finally:
        watch.terminate()
        watch.wait()
