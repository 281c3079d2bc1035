"""The transcript in docs/docker.md is what a newcomer sees: it is typed here, on a real engine, over real ssh.

Two things are added to the laid-out Compose file, because the test's git host listens on this machine's loopback: a
build reaches it by `network: host`, and by a base image that says on which port. What the base image decides (its
Python, its layers) is not compared; `…` on a line of its own stands for any lines.
"""

from __future__ import annotations

import os
import re
import secrets
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.docker import Docker
from tests.support.docker_projects import base_image, ssh_agent
from tests.support.remotes import HOST
from tests.support.ssh_server import SshClient, SshServer

ROOT = Path(__file__).parents[2]
DOCUMENT = ROOT / "docs" / "docker.md"
CHAPTER = "## From an empty project to a running container"


@dataclass(frozen=True, slots=True)
class Step:
    """A command as it is typed, and the lines that it prints."""

    command: str
    printed: tuple[str, ...]


def read_steps(document: str) -> list[Step]:
    """The `$ …` lines of a chapter's console blocks, each with what stands below it."""
    chapter = document.partition(f"{CHAPTER}\n")[2].partition("\n## ")[0]
    blocks = re.findall(r"^```console\n(.*?)^```$", chapter, re.MULTILINE | re.DOTALL)
    steps = []
    for session in re.split(r"^\$ ", "".join(blocks), flags=re.MULTILINE)[1:]:
        command, *printed = session.splitlines()
        steps.append(Step(command, tuple(printed)))
    return steps


@dataclass(slots=True)
class Terminal:
    """Bash, one command at a time; `name` is what Compose calls the project that the document calls `shop`."""

    folder: Path
    name: str
    base: str
    environment: dict[str, str]

    def type(self, command: str) -> list[str]:
        """What is printed on the screen, in the document's words."""
        typed = re.sub(r"\bshop-app\b", f"{self.name}-app", command)
        where = self.folder.parent / "where"
        ran = subprocess.run(
            ["bash", "-c", f"cd {self.folder}; {typed}\nstatus=$?; pwd >{where}; exit $status"],
            env=os.environ | self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            timeout=900,
            check=False,
        )
        self.folder = Path(where.read_text().strip())
        self._let_builds_reach_the_git_host()
        assert ran.returncode == 0, f"$ {typed}\n{ran.stdout}"
        return ran.stdout.replace(self.name, "shop").splitlines()

    def _let_builds_reach_the_git_host(self) -> None:
        compose = self.folder / "docker-compose.yml"
        if compose.exists() and "network: host" not in compose.read_text():
            more = f"      network: host\n      args:\n        python: {self.base}\n"
            text = compose.read_text()
            assert "      context: .\n" in text
            compose.write_text(text.replace("      context: .\n", f"      context: .\n{more}"))


@pytest.fixture
def terminal(engine: Docker, ssh_client: SshClient, ssh_server: SshServer, tmp_path: Path) -> Iterator[Terminal]:
    subprocess.run([ROOT / "sample_project/remotes/publish.sh", tmp_path / "remotes" / HOST], check=True)
    base = base_image(engine, ssh_server, tmp_path / "base")
    name = f"transcript{secrets.token_hex(4)}"
    home = tmp_path / "work"
    home.mkdir()
    path = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    with ssh_agent(tmp_path, ssh_server.keys.developer) as agent:
        given = {"PATH": path, "SSH_AUTH_SOCK": agent, "COMPOSE_PROJECT_NAME": name}
        yield Terminal(home, name, base, given)
    containers = engine.ok("ps", "-aq", f"--filter=label=com.docker.compose.project={name}").split()
    engine("rm", "--force", "--volumes", *containers)
    engine("network", "rm", f"{name}_default")
    engine("image", "rm", "--force", f"{name}-app", base)


# What the base image and the versions of Docker decide.
_LIKE_NO_OTHER = (
    (re.compile(r"\bPython 3\.11\.\d+"), "Python 3.11"),
    (re.compile(r"\b\d+ layers"), "layers"),
    (re.compile(r"\s+"), " "),
)


def comparable(line: str) -> str:
    """A line without what is like no other run."""
    for pattern, instead in _LIKE_NO_OTHER:
        line = pattern.sub(instead, line)
    return line.strip()


def matches(written: tuple[str, ...], printed: list[str]) -> bool:
    """Whether the lines are the same; `…` stands for any number of lines."""
    pattern = "".join(r"(?:.*\n)*?" if line == "…" else re.escape(comparable(line)) + r"\n" for line in written)
    return re.fullmatch(pattern, "".join(f"{comparable(line)}\n" for line in printed)) is not None


@pytest.mark.timeout(900)
def test_the_transcript_is_what_a_newcomer_sees(terminal: Terminal) -> None:
    steps = read_steps(DOCUMENT.read_text("utf-8"))
    seen, different = [], []
    for step in steps:
        printed = terminal.type(step.command)
        seen += [f"$ {step.command}", *printed]
        different += [] if matches(step.printed, printed) else [step.command]
    assert different == [], "\n".join(seen)


def test_lines_that_differ_are_seen() -> None:
    assert matches(("a", "…", "z  1"), ["a", "b", "c", "z 1"])
    assert matches(("…",), [])
    assert matches(("no secret in 6 layers",), ["no secret in 11 layers"])
    assert not matches(("a",), ["a", "b"])
    assert not matches(("a", "b"), ["a"])
    assert not matches(("a", "…", "z"), ["a", "b"])


def test_every_command_of_the_first_day_is_in_it() -> None:
    typed = [step.command for step in read_steps(DOCUMENT.read_text("utf-8"))]
    for command in ("vendorws init", "vendorws sync", "docker compose up", "vendorws verify", "vendorws audit"):
        assert any(one.startswith(command) for one in typed)
