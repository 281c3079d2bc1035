"""What `docker compose config` says about a project: the truth, where there is a client to ask.

The client is given the base files and, on its standard input, the override as it would be without our entries. What it
prints is merged, filled in and has absolute paths; it is read by the same code as the files themselves.
"""

from __future__ import annotations

from vendorws import docker
from vendorws.compose.files import ComposeFiles
from vendorws.compose.services import Service, read_services, services_of
from vendorws.compose.trees import parse_yaml
from vendorws.errors import EnvironmentProblem
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Asked:
    """The services, and a sentence about how they were read where that is worth one."""

    services: tuple[Service, ...]
    note: str = ""


def ask_services(files: ComposeFiles, extra: str | None = None) -> Asked:
    """The services as the docker client has them; without a client, or where it refuses, as the files have them.

    Raises ComposeUnreadable.
    """
    try:
        finished = docker.attempt(*_arguments(files, extra), cwd=files.directory, stdin=extra or "")
    except EnvironmentProblem:
        return Asked(read_services(files, extra))
    if finished.code == 0:
        return Asked(services_of(parse_yaml(finished.stdout.encode(), "`docker compose config`"), files))
    services = read_services(files, extra)
    if has_no_compose(finished.stderr):
        return Asked(services)
    words = finished.stderr.splitlines()[-1] if finished.stderr else f"exit {finished.code}"
    return Asked(services, f"Docker Compose refuses this project as it is: {words}")


def _arguments(files: ComposeFiles, extra: str | None) -> list[str]:
    """Every profile counts: a mount is wanted in a service that is only started now and then, too."""
    arguments = ["compose", "--profile", "*"]
    if files.env_files != (files.directory / ".env",):
        for env_file in reversed(files.env_files):  # the last one wins there
            arguments += ["--env-file", str(env_file)]
    override = () if extra is None else ("-",)
    for file in (*files.earlier, *override, *files.later):
        arguments += ["-f", str(file)]
    return [*arguments, "config", "--format", "json", "--no-normalize"]


def has_no_compose(stderr: str) -> bool:
    """Whether this is a client without the Compose plugin, or with a Compose too old to know these options."""
    return any(words in stderr for words in ("unknown flag", "unknown command", "is not a docker command"))
