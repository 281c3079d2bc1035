"""What `vendorws init` lays out builds and runs as it is: from a requirements file to a container, each way to build.

Two lines of the laid-out files are changed, and only where the test's git host needs it: it listens on this machine's
loopback, which a build reaches by `network: host` and a base image that says on which port.
"""

from __future__ import annotations

import secrets
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.command import Vendorws
from tests.support.docker import Docker
from tests.support.docker_projects import base_image, image_of, page, ssh_agent, traces_of_key
from tests.support.project import Project, in_any_path
from tests.support.remotes import Remotes
from tests.support.ssh_server import SshClient, SshServer

EACH_WAY = pytest.mark.parametrize("way", ["ssh", "keyless", "build-arg"])
pytestmark = pytest.mark.timeout(600)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """A developer at a project with one private package, who has typed nothing yet."""

    project: Project
    vendorws: Vendorws
    engine: Docker
    base: str
    given: dict[str, str | None]
    """What the developer's shell exports: the agent, and for --build-arg the key and the known hosts."""

    def init(self, *options: str) -> None:
        self.vendorws.ok("init", "--python", "3.11", *options)
        root = self.project.root
        dockerfile, compose = (root / name for name in ("Dockerfile", "docker-compose.yml"))
        assert "python=python:3.11\n" in dockerfile.read_text()
        dockerfile.write_text(dockerfile.read_text().replace("python=python:3.11\n", f"python={self.base}\n"))
        compose.write_text(compose.read_text().replace("context: .\n", "context: .\n      network: host\n"))

    def compose(self, *arguments: str) -> str:
        return self.engine.ok("compose", *arguments, cwd=self.project.root, env=self.given, timeout=900)


@pytest.fixture
def newcomer(
    engine: Docker,
    project: Project,
    vendorws: Vendorws,
    ssh_client: SshClient,
    ssh_server: SshServer,
    ssh_remotes: Remotes,
    tmp_path: Path,
) -> Iterator[Newcomer]:
    project.require(ssh_remotes.create("acme/billing").line("main"))
    project.write(".env", f"COMPOSE_PROJECT_NAME=init{secrets.token_hex(4)}\n")
    base = base_image(engine, ssh_server, tmp_path / "base")
    with ssh_agent(tmp_path, ssh_server.keys.developer) as agent:
        keys = {
            "ssh_prv_key": ssh_server.keys.developer.read_text(),
            "ssh_known_hosts": ssh_client.sandbox.known_hosts.read_text(),
        }
        newcomer = Newcomer(project, vendorws, engine, base, {"SSH_AUTH_SOCK": agent, **keys})
        yield newcomer
        if (project.root / "docker-compose.yml").exists():
            image = image_of(engine, project.root)
            newcomer.compose("down", "--timeout", "0", "--volumes")
            engine("image", "rm", "--force", image)
    engine("image", "rm", "--force", base)


@EACH_WAY
def test_init_sync_up_verify_audit(newcomer: Newcomer, way: str, ssh_server: SshServer, tmp_path: Path) -> None:
    newcomer.init(f"--{way}")
    newcomer.vendorws.ok("sync")
    asked = len(ssh_server.commands)
    newcomer.compose("up", "--build", "--detach")
    assert (len(ssh_server.commands) > asked) is (way != "keyless")
    where = newcomer.compose("exec", "-T", "app", "python", "-c", "import billing; print(billing.__file__)")
    assert where == "/site/vendor/billing/billing/__init__.py\n"
    assert newcomer.compose("exec", "-T", "app", "ls", "/site/proj/requirements.txt")
    newcomer.vendorws.ok("verify", timeout=300)
    image = image_of(newcomer.engine, newcomer.project.root)
    newcomer.vendorws.ok("audit", image, timeout=300)
    assert traces_of_key(newcomer.engine, image, ssh_server.keys.developer, tmp_path) == []
    alone = newcomer.engine.ok(
        "run", "--rm", image, "sh", "-c", "ls /site/proj; ls /site/proj/vendor /site/vendor || true"
    )
    assert "requirements.txt" in alone and "billing" in alone
    assert newcomer.engine("run", "--rm", image, "ls", "/site/proj/vendor").exit_code != 0


@pytest.mark.parametrize("way", ["ssh", "build-arg"])
def test_a_git_host_nobody_met_fails_the_build(
    newcomer: Newcomer, way: str, ssh_client: SshClient, ssh_server: SshServer
) -> None:
    newcomer.init(f"--{way}")
    ssh_client.know(ssh_server.keys.stranger)
    given = {**newcomer.given, "ssh_known_hosts": ssh_client.sandbox.known_hosts.read_text()}
    built = newcomer.engine("compose", "build", cwd=newcomer.project.root, env=given)
    assert built.exit_code != 0
    assert "Host key verification failed" in built.stdout + built.stderr


def test_a_key_in_a_build_argument_stays_in_the_builder_as_the_file_warns(newcomer: Newcomer) -> None:
    newcomer.init("--build-arg")
    newcomer.compose("build")
    image = image_of(newcomer.engine, newcomer.project.root)
    newcomer.vendorws.ok("audit", image, timeout=300)
    leaky = newcomer.vendorws("audit", image, "--builder", env=newcomer.given, timeout=600)
    assert leaky.exit_code == 1
    assert "/root/.ssh/id_rsa\n      OpenSSH private key" in leaky.stdout


@in_any_path
def test_a_project_without_any_private_package_builds_and_waits(newcomer: Newcomer) -> None:
    (newcomer.project.root / "requirements.txt").unlink()
    newcomer.init("--keyless", "--service", "web")
    newcomer.vendorws.ok("sync")
    newcomer.compose("up", "--build", "--detach", "--wait")
    assert newcomer.compose("exec", "-T", "web", "pwd") == "/site/proj\n"
    newcomer.compose("down", "--timeout", "0", "--rmi", "local")
    (newcomer.project.root / "docker-compose.yml").unlink()


def test_a_project_with_manage_py_serves_its_page(newcomer: Newcomer) -> None:
    newcomer.project.write(
        "manage.py",
        "import http.server, sys\n"
        "assert sys.argv[1:] == ['runserver', '0.0.0.0:8000']\n"
        "http.server.test(http.server.SimpleHTTPRequestHandler, port=8000)\n",
    )
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    newcomer.init("--keyless")
    newcomer.vendorws.ok("sync")
    with (newcomer.project.root / ".env").open("a") as env:
        env.write(f"PORT={port}\n")
    newcomer.compose("up", "--build", "--detach")
    assert "manage.py" in page(f"http://127.0.0.1:{port}/")
