"""Looking at a project with the docker client: what Compose makes of it, and what its containers see.

A container that runs is looked into as it is. Where none runs, one is made for the look alone, by `docker compose run`
and without the service's own program, and is removed with the network that came with it.
"""

from __future__ import annotations

import inspect
import json
import os
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from vendorws import docker
from vendorws.compose.client import has_no_compose
from vendorws.errors import EnvironmentProblem
from vendorws.proof import probe
from vendorws.proof.answers import Answer, read_answer
from vendorws.proof.verdicts import Container, ServiceConfig, ServiceMount
from vendorws.redaction import redact
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Project:
    """How `docker compose` is to be called for a project: where, and with which `-f`."""

    folder: Path
    arguments: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Config:
    """The merged config; `text` is the whole of it, JSON."""

    project: Project
    name: str
    services: Mapping[str, ServiceConfig]
    text: str


@dataclass(frozen=True, slots=True)
class Refused:
    """Compose, or the engine, says no: in its own words."""

    words: str


# ---- the merged config ------------------------------------------------------------------------------------------


def read_config(project: Project) -> Config | Refused:
    """What Compose makes of the project as the developer runs it, services of every profile included.

    Raises EnvironmentProblem without a client, or one that has no Compose.
    """
    finished = _compose(project, "--profile", "*", "config", "--format", "json")
    if finished.code and has_no_compose(finished.stderr):
        hint = "Install the Compose plugin: https://docs.docker.com/compose/install/"
        raise EnvironmentProblem("This docker client has no Compose.", hint)
    if finished.code:
        return _refused(finished)
    tree = json.loads(finished.stdout)
    services = {name: _service(tree["name"], name, service) for name, service in tree.get("services", {}).items()}
    return Config(project, tree["name"], services, finished.stdout)


def _compose(project: Project, *arguments: str) -> docker.Finished:
    return docker.attempt("compose", *project.arguments, *arguments, cwd=project.folder)


def _refused(finished: docker.Finished) -> Refused:
    said = finished.stderr or finished.stdout  # `docker exec` complains on standard output
    lines = [line.strip() for line in said.splitlines() if line.strip()]
    return Refused(redact(lines[-1]) if lines else f"exit {finished.code}")


def _service(project: str, name: str, tree: Mapping[str, Any]) -> ServiceConfig:
    watched = (tree.get("develop") or {}).get("watch") or ()
    return ServiceConfig(
        name,
        tree.get("image") or f"{project}-{name}",
        bool(tree.get("build")),
        tuple(map(_mount, tree.get("volumes") or ())),
        tuple(_folder(one["target"], one["path"]) for one in watched if one["action"].startswith("sync")),
    )


def _mount(tree: Mapping[str, Any]) -> ServiceMount:
    if tree["type"] == "bind":
        return _folder(tree["target"], tree["source"])
    named = f" {tree['source']}" if tree.get("source") else ""
    return ServiceMount(tree["target"], f"the {tree['type']}{named}", None)


def _folder(target: str, source: str) -> ServiceMount:
    return ServiceMount(target, source, Path(os.path.realpath(source)))


# ---- containers that run ----------------------------------------------------------------------------------------


def running_containers(config: Config, service: str) -> tuple[Container, ...]:
    """The service's containers that run now, by name. Raises EnvironmentProblem without an engine."""
    labels = {"project": config.name, "service": service, "oneoff": "False"}
    filters = [f"--filter=label=com.docker.compose.{name}={value}" for name, value in labels.items()]
    names = docker.run("ps", *filters, "--format", "{{.Names}}").split()
    trees = json.loads(docker.run("inspect", "--type=container", *sorted(names))) if names else ()
    return tuple(_container(tree) for tree in trees)


def _container(tree: Mapping[str, Any]) -> Container:
    mounts = {mount["Destination"]: mount["Source"] for mount in tree["Mounts"] if mount["Type"] == "bind"}
    return Container(tree["Name"].removeprefix("/"), running=True, mounts=mounts)


def has_image(service: ServiceConfig) -> bool:
    """Whether the service's image is there, so that nothing would have to be built or pulled."""
    return docker.attempt("image", "inspect", "--format=-", service.image).code == 0


# ---- asking -----------------------------------------------------------------------------------------------------

# Any Python will do for the survey.
_LAUNCHER = """\
new="import sys; sys.exit(sys.version_info < (3, 6))"
for python in python3 python /usr/local/bin/python3 /usr/bin/python3 \
        /*/bin/python3 /*/*/bin/python3 /*/.*/bin/python3 /*/*/*/bin/python3 /*/*/.*/bin/python3; do
    if "$python" -B -c "$new" 2>/dev/null; then exec "$python" -B -c "$1" survey "$1" "$2"; fi
done
echo "no Python 3.6 or newer was found in the container" >&2
exit 127
"""


def ask_running(container: Container, question: Mapping[str, Any]) -> Answer | Refused:
    """Look into a container that runs."""
    program, arguments = _command(question)
    return _answer(docker.attempt("exec", container.name, program, *arguments))


def ask_new(config: Config, service: ServiceConfig, question: Mapping[str, Any]) -> Answer | Refused:
    """Look into a new container of the service, and remove it. Its image must be there."""
    name = f"vendorws-verify-{secrets.token_hex(4)}"
    program, arguments = _command(question)
    options = ("--rm", "--no-deps", "--no-TTY", "--name", name, "--entrypoint", program, service.name)
    with _without_new_networks(config):
        return _answer(
            docker.attempt_to_the_end(
                *("compose", *config.project.arguments, "run", *options, *arguments),
                cwd=config.project.folder,
                stop=lambda: docker.attempt("rm", "--force", "--volumes", name),
            )
        )


def _command(question: Mapping[str, Any]) -> tuple[str, Sequence[str]]:
    """The program to start in the container and its arguments; a Python that was named needs no shell to find it."""
    source, text = inspect.getsource(probe), json.dumps(question)
    if question["python"]:
        return question["python"], ["-B", "-c", source, "survey", source, text]
    return "sh", ["-c", _LAUNCHER, "sh", source, text]


def _answer(finished: docker.Finished) -> Answer | Refused:
    return read_answer(finished.stdout) or _refused(finished)


@contextmanager
def _without_new_networks(config: Config) -> Iterator[None]:
    """Compose makes the project's networks for a container; those that nobody had before go away again."""
    before = _networks(config)
    try:
        yield
    finally:
        new = _networks(config) - before
        if new:
            docker.attempt("network", "rm", *sorted(new))


def _networks(config: Config) -> set[str]:
    wanted = f"--filter=label=com.docker.compose.project={config.name}"
    return set(docker.run("network", "ls", wanted, "--format", "{{.ID}}").split())
