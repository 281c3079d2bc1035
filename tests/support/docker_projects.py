"""What the tests of whole images share: a base image that reaches the test's git host, and a look into every layer."""

from __future__ import annotations

import base64
import json
import math
import os
import subprocess
import tarfile
import time
import urllib.request
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO

from tests.support.docker import Docker
from tests.support.ssh_server import HOSTS, SshServer


def base_image(engine: Docker, server: SshServer, folder: Path) -> str:
    """python:3.11 in which ssh finds the git host where it listens; host keys are checked as everywhere."""
    folder.mkdir()
    blocks = "".join(
        f"Host {host}\\n HostName 127.0.0.1\\n Port {server.port}\\n HostKeyAlias {host}\\n" for host in HOSTS
    )
    (folder / "Dockerfile").write_text(
        f"FROM python:3.11\nRUN printf '{blocks}' >/etc/ssh/ssh_config.d/git-host.conf\n"
    )
    tag = f"vendorws-test-base:{os.getpid()}-{server.port}"
    engine.ok("build", "--quiet", "--tag", tag, folder)
    return tag


def known_hosts(server: SshServer) -> str:
    """The lines by which ssh knows the git host."""
    return "".join(f"{host} {server.keys.public(server.keys.host)}\n" for host in HOSTS)


@contextmanager
def ssh_agent(folder: Path, key: Path) -> Iterator[str]:
    """A running agent that holds `key`; the value is for SSH_AUTH_SOCK."""
    socket = str(folder / "agent")
    agent = subprocess.Popen(["ssh-agent", "-D", "-a", socket], stdout=subprocess.DEVNULL)
    try:
        _wait_until(lambda: Path(socket).exists(), "the agent listens")
        subprocess.run(["ssh-add", "-q", str(key)], env=os.environ | {"SSH_AUTH_SOCK": socket}, check=True)
        yield socket
    finally:
        agent.terminate()
        agent.wait()


def page(url: str) -> str:
    """What the web server answers, once it does."""
    found: list[str] = []

    def answers() -> bool:
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(url, timeout=5) as answer:
                found.append(answer.read().decode())
        except OSError:
            return False
        return True

    _wait_until(answers, f"{url} answers")
    return found[-1]


def page_shows(url: str, text: str, save: Callable[[], object]) -> None:
    """Save an edit, and again every ten seconds, until the page has `text` in it.

    Django's development server answers a moment before it first looks at the times of the files. An edit that comes in
    between is to it the file as it always was, until somebody saves it once more.
    """
    saved = -math.inf

    def shows() -> bool:
        nonlocal saved
        if time.monotonic() - saved > 10:
            save()
            saved = time.monotonic()
        return text in page(url)

    _wait_until(shows, f"{url} shows {text!r}")


def _wait_until(true: Callable[[], bool], what: str, seconds: float = 60) -> None:
    give_up = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < give_up, f"after {seconds:.0f} s it is still not so that {what}"
        time.sleep(0.25)


def traces_of_key(engine: Docker, image: str, key: Path, folder: Path) -> list[str]:
    """Where in the image's history, configuration and layers a part of the private key stands.

    The layers of python:3.11 are left out: they are older than the key.
    """
    lines = key.read_text("ascii").splitlines()[1:-1]
    needles = {line.encode() for line in lines if len(line) > 30} | {base64.b64decode("".join(lines))[-120:-20]}
    history = engine.ok("history", "--no-trunc", "--format", "{{json .}}", image).encode()
    found = ["history"] if any(needle in history for needle in needles) else []
    archive = folder / "image.tar"
    engine.ok("save", "--output", archive, image)
    older = len(_layers(engine, "python:3.11"))
    with tarfile.open(archive) as tar:
        manifest = tar.extractfile("manifest.json")
        assert manifest is not None
        [content] = json.load(manifest)
        for name in (content["Config"], *content["Layers"][older:]):
            stream = tar.extractfile(name)
            assert stream is not None
            if _holds(stream, needles):
                found.append(name)
    archive.unlink()
    return found


def _layers(engine: Docker, image: str) -> list[str]:
    found: list[str] = json.loads(engine.ok("image", "inspect", "--format", "{{json .RootFS.Layers}}", image))
    return found


def _holds(stream: IO[bytes], needles: set[bytes]) -> bool:
    """Whether a needle is in the stream; layers are plain tar archives in what `docker save` writes."""
    longest, tail = max(map(len, needles)), b""
    while block := stream.read(1 << 20):
        if any(needle in tail + block for needle in needles):
            return True
        tail = block[-longest:]
    return False


def image_of(engine: Docker, folder: Path, service: str = "app") -> str:
    """The image that Compose built for a service of the project in `folder`."""
    config = json.loads(engine.ok("compose", "config", "--format", "json", cwd=folder))
    return str(config["services"][service].get("image") or f"{config['name']}-{service}")
