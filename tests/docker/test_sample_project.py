"""Onboarding from nothing with the sample project, once for each way to build its image."""

from __future__ import annotations

import secrets
import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command import Vendorws
from tests.support.docker import Docker
from tests.support.docker_projects import (
    base_image,
    image_of,
    known_hosts,
    page,
    page_shows,
    ssh_agent,
    traces_of_key,
)
from tests.support.git import git
from tests.support.remotes import HOST
from tests.support.ssh_server import SshClient, SshServer

SAMPLE = Path(__file__).parents[2] / "sample_project"
BASE, OVERRIDE = "docker-compose.yml", "docker-compose.override.yml"


@dataclass(frozen=True, slots=True)
class Shop:
    """A developer's fresh clone of the sample project; its two packages are on a git host behind ssh."""

    root: Path
    engine: Docker
    vendorws: Vendorws
    url: str

    def compose(self, *args: str, env: dict[str, str | None] | None = None) -> str:
        return self.engine.ok("compose", *args, cwd=self.root, env=env, timeout=900)

    def list_files(self, *names: str) -> None:
        """As a developer chooses a variant for good: COMPOSE_FILE in .env."""
        with (self.root / ".env").open("a") as file:
            file.write(f"COMPOSE_FILE={':'.join(names)}\n")

    @property
    def image(self) -> str:
        return image_of(self.engine, self.root)

    def in_image(self, *command: str) -> str:
        """What a command prints in a container of the image alone, without any mount."""
        return self.engine.ok("run", "--rm", "--network=none", self.image, *command)


@pytest.fixture
def shop(engine: Docker, ssh_client: SshClient, ssh_server: SshServer, tmp_path: Path) -> Iterator[Shop]:
    subprocess.run([SAMPLE / "remotes" / "publish.sh", tmp_path / "remotes" / HOST], check=True)
    hidden = shutil.ignore_patterns("remotes", "demo.sh", "vendor", OVERRIDE, "__pycache__")
    root = shutil.copytree(SAMPLE, tmp_path / "shop", ignore=hidden)
    git(root, "init", "--quiet")
    (root / "known_hosts").write_text(known_hosts(ssh_server))
    base = base_image(engine, ssh_server, tmp_path / "base")
    for name in (BASE, "docker-compose.keyless.yml", "docker-compose.build-arg.yml"):
        # The git host of the tests listens on this machine's loopback, which a build reaches by `network: host` alone.
        text = (root / name).read_text()
        assert text.count("    build:\n") == 1
        args = "" if "      args:\n" in text else f"      args:\n        python: {base}\n"
        text = text.replace("    build:\n", f"    build:\n      network: host\n{args}")
        (root / name).write_text(
            text.replace("      args:\n", f"      args:\n        python: {base}\n") if not args else text
        )
    port = _free_port()
    (root / ".env").write_text(f"COMPOSE_PROJECT_NAME=shop{secrets.token_hex(4)}\nSHOP_PORT={port}\n")
    shop = Shop(root, engine, Vendorws(root), f"http://127.0.0.1:{port}/")
    yield shop
    image = shop.image
    shop.compose("down", "--timeout", "0", "--volumes")
    engine("image", "rm", "--force", image, base)


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def _edit_shows_without_a_rebuild(shop: Shop) -> None:
    """The day after: the page is served from the image, and follows the edit on the host."""
    built = shop.engine.ok("image", "inspect", "--format", "{{.Id}}", shop.image)
    assert "EUR" in shop.in_image("cat", "/site/vendor/acme-billing/acme_billing/__init__.py")
    shop.compose("up", "--detach", "--no-build")
    assert "Total: 228.98 EUR" in page(shop.url)
    module = shop.root / "vendor" / "acme-billing" / "acme_billing" / "__init__.py"
    edited = module.read_text().replace("EUR", "crowns")
    page_shows(shop.url, "Total: 228.98 crowns", save=lambda: module.write_text(edited))
    assert shop.engine.ok("image", "inspect", "--format", "{{.Id}}", shop.image) == built
    assert "EUR" in shop.in_image("cat", "/site/vendor/acme-billing/acme_billing/__init__.py")


def _real_urls_and_commits(shop: Shop) -> list[str]:
    """The lines of `pip freeze` for the private packages, as the remotes have them."""
    lines = []
    for package, repository in (("acme_billing", "billing"), ("acme.theme", "theme")):
        checkout = shop.root / "vendor" / package.replace("_", "-").replace(".", "-")
        commit = git(checkout, "rev-parse", "HEAD")
        lines.append(f"-e git+ssh://git@github.com/acme/{repository}.git@{commit}#egg={package}")
    return lines


def test_the_ssh_variant(shop: Shop, ssh_server: SshServer, tmp_path: Path) -> None:
    shop.vendorws.ok("sync")
    with ssh_agent(tmp_path, ssh_server.keys.developer) as socket_path:
        shop.compose("build", env={"SSH_AUTH_SOCK": socket_path})
    assert traces_of_key(shop.engine, shop.image, ssh_server.keys.developer, tmp_path) == []
    assert set(_real_urls_and_commits(shop)) <= set(shop.in_image("env/bin/pip", "freeze").splitlines())
    _edit_shows_without_a_rebuild(shop)


def test_the_keyless_variant(shop: Shop, ssh_server: SshServer, tmp_path: Path) -> None:
    shop.vendorws.ok("sync")
    told = shop.vendorws.ok("keyless").stdout
    assert "RUN --mount=type=bind,source=vendor,target=/ctx/vendor \\\n" in told
    shop.list_files(BASE, "docker-compose.keyless.yml", OVERRIDE)
    assert "let pip install" not in shop.vendorws.ok("keyless").stdout
    shop.vendorws.ok("override")
    asked = len(ssh_server.commands)
    shop.compose("build", env={"SSH_AUTH_SOCK": None})
    assert len(ssh_server.commands) == asked
    assert traces_of_key(shop.engine, shop.image, ssh_server.keys.developer, tmp_path) == []
    assert set(_real_urls_and_commits(shop)) <= set(shop.in_image("env/bin/pip", "freeze").splitlines())
    _edit_shows_without_a_rebuild(shop)


def test_the_private_part_of_the_keyless_variant_needs_no_network(shop: Shop, tmp_path: Path) -> None:
    shop.vendorws.ok("sync")
    shop.vendorws.ok("keyless")
    shop.list_files(BASE, "docker-compose.keyless.yml", OVERRIDE)
    text = (shop.root / "Dockerfile.keyless").read_text()
    public, private = f"{shop.image}:public", f"{shop.image}:private"
    base = shop.compose("config").partition("python: ")[2].split()[0]
    common = ("build", "--quiet", "--build-arg", f"python={base}", "--file", "Dockerfile.keyless")
    shop.engine.ok(*common, "--network=host", "--target=public", "--tag", public, ".", cwd=shop.root)
    _, found, rest = text.partition("FROM public AS builder\n")
    assert found
    (shop.root / "Dockerfile.private").write_text(f"ARG python\nFROM {public} AS builder\n{rest}")
    common = (*common[:-1], "Dockerfile.private")
    shop.engine.ok(*common, "--network=none", "--no-cache", "--tag", private, ".", cwd=shop.root)
    frozen = shop.engine.ok("run", "--rm", "--network=none", private, "env/bin/pip", "freeze")
    assert set(_real_urls_and_commits(shop)) <= set(frozen.splitlines())
    shop.engine("image", "rm", "--force", public, private)


def test_the_build_arg_variant(shop: Shop, ssh_server: SshServer, tmp_path: Path) -> None:
    shop.vendorws.ok("sync")
    shop.list_files(BASE, "docker-compose.build-arg.yml", OVERRIDE)
    shop.vendorws.ok("override")
    key = ssh_server.keys.developer
    given: dict[str, str | None] = {"ssh_prv_key": key.read_text(), "SSH_AUTH_SOCK": None}
    shop.compose("build", env=given)
    assert traces_of_key(shop.engine, shop.image, key, tmp_path) == []
    builder = f"{shop.image}:builder"
    base = shop.compose("config").partition("python: ")[2].split()[0]
    arguments = ("--network=host", "--build-arg", f"python={base}", "--build-arg", "ssh_prv_key")
    shop.engine.ok(
        "build", "--quiet", *arguments, "--file", "Dockerfile.build-arg", "--target=builder", "--tag", builder, ".",
        cwd=shop.root, env=given,
    )  # fmt: skip
    assert traces_of_key(shop.engine, builder, key, tmp_path) != []  # the risk that the file speaks of is real
    shop.engine("image", "rm", "--force", builder)
    _edit_shows_without_a_rebuild(shop)


@pytest.mark.parametrize("variant", ["ssh", "build-arg"])
def test_an_unknown_git_host_fails_the_build(variant: str, shop: Shop, ssh_server: SshServer, tmp_path: Path) -> None:
    key = ssh_server.keys.developer
    stranger = f"github.com {ssh_server.keys.public(ssh_server.keys.stranger)}\n"
    (shop.root / "known_hosts").write_text(stranger)
    if variant == "build-arg":
        shop.list_files(BASE, "docker-compose.build-arg.yml")
    with ssh_agent(tmp_path, key) as socket_path:
        given = {"SSH_AUTH_SOCK": socket_path, "ssh_prv_key": key.read_text()}
        ran = shop.engine("compose", "build", cwd=shop.root, env=given)
    assert ran.exit_code != 0
    assert "Host key verification failed" in ran.stdout + ran.stderr
