"""Proving that edits are live: look at the project, then into a container of each service, and judge.

settings + pins -> Package -> mount_fault (Compose) -> container_fault (witnesses, probe) -> Verdict
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from vendorws.compose.devcontainer import find_devcontainers
from vendorws.compose.files import ComposeFiles
from vendorws.compose.override import (
    OverridePlan,
    OverrideStatus,
    compose_files,
    existing_checkouts,
    plan_override,
    survey,
)
from vendorws.compose.places import find_places
from vendorws.compose.services import Service, read_services, services_of
from vendorws.compose.trees import parse_yaml
from vendorws.errors import OverrideRefused, UsageError
from vendorws.model import Pin
from vendorws.proof.answers import Answer
from vendorws.proof.containers import (
    Config,
    Project,
    Refused,
    ask_new,
    ask_running,
    has_image,
    read_config,
    running_containers,
)
from vendorws.proof.probe import digest_of
from vendorws.proof.verdicts import (
    Container,
    Fault,
    Package,
    Prompt,
    ServiceConfig,
    State,
    Verdict,
    choose_python,
    container_fault,
    is_copied,
    missing_fault,
    mount_fault,
    rebuild_command,
    unseen,
)
from vendorws.proof.witnesses import Witness, witnesses
from vendorws.requirement_files.pins import asked_for
from vendorws.settings import Settings
from vendorws.values import dataclass

_WAIT = 2.0  # seconds for a file to arrive in a container, on the slowest of shared file systems
_LIMIT = 60.0  # seconds for one Python, mostly spent in the modules of console scripts
_SAMPLES = 400  # files that are compared where `docker compose watch` copies them: those of each package edited last


@dataclass(frozen=True, slots=True)
class Proof:
    """A verdict on each package in each service, and sentences about what is in the way."""

    verdicts: tuple[Verdict, ...]
    notes: tuple[str, ...] = ()


def prove(
    settings: Settings,
    pins: Sequence[Pin],
    service: str | None = None,
    python: str | None = None,
    *,
    typed: tuple[str, ...] = (),
) -> Proof:
    """Look and judge; `service` None stands for all that keep checkouts, `python` is the only one to ask there.

    `typed` are the options that name the project, for the commands that are suggested.

    Raises UsageError for a service that there is not, or that keeps none; EnvironmentProblem without docker.
    """
    if not pins:
        return Proof((), ("No package is vendored here; `vendorws list` says why for each line.",))
    files = compose_files(settings, find_devcontainers(settings.root))
    if files is None:
        raise UsageError("No Compose file here, so there is no container to look into.", "Lay one out: vendorws init")
    project = _project(settings, files)
    config = read_config(project)
    services = services_of(parse_yaml(config.text.encode(), "-"), files) if isinstance(config, Config) else ()
    folders = _folders(settings, services or read_services(files), service)
    prompt = Prompt(typed, _from_here(project.folder), project.arguments)
    packages = [_package(settings, name, place, pin, prompt) for name, place in sorted(folders.items()) for pin in pins]
    if isinstance(config, Refused):
        reason = f"Docker Compose refuses the project: {config.words}"
        verdicts = [Verdict(package, Fault(State.REFUSED, reason)) for package in packages]
    else:
        here = existing_checkouts(settings, pins)
        verdicts = [verdict for name in sorted(folders) for verdict in _judged(config, name, packages, here, python)]
    return _with_commands(settings, pins, verdicts)


def _project(settings: Settings, files: ComposeFiles) -> Project:
    """As the developer calls it; a Dev Container's files are listed nowhere but in its devcontainer.json."""
    listing = files.listing
    if listing is None or listing.separator is not None:
        return Project(settings.root)
    return Project(listing.start, tuple(word for name in listing.names for word in ("-f", name)))


def _folders(settings: Settings, services: Sequence[Service], only: str | None) -> Mapping[str, str]:
    """Where each service keeps its checkouts."""
    known = [service.name for service in services]
    if only is not None and only not in known:
        raise UsageError(f"There is no service {only}.", f"The Compose files have: {', '.join(known) or 'none'}.")
    places = find_places(settings, services)
    folders = {name: folder for name, folder in places.folders.items() if only in (None, name)}
    if not folders:
        where = f"The service {only}" if only else "No service"
        verb = "does not install" if only else "installs"
        raise UsageError(f"{where} {verb} requirements with `pip install --src`.", " ".join(places.unclear))
    return folders


def _from_here(folder: Path) -> str:
    """`folder` as it is typed in `cd`, empty where that is not needed."""
    relative = os.path.relpath(folder)
    return "" if relative == os.curdir else relative


def _package(settings: Settings, service: str, place: str, pin: Pin, prompt: Prompt) -> Package:
    checkout = settings.vendor / pin.name
    return Package(
        service,
        pin.name,
        str(pin.path),
        checkout.resolve(),
        posixpath.join(place, pin.name),
        pin.subdirectory,
        prompt,
    )


# ---- one service ------------------------------------------------------------------------------------------------


def _judged(
    config: Config, name: str, packages: Sequence[Package], here: Sequence[str], python: str | None
) -> Iterator[Verdict]:
    """The verdicts on one service's packages; a container is needed for those that are mounted well."""
    service = config.services[name]
    own = [package for package in packages if package.service == name]
    faults = {package.name: missing_fault(package, here) or mount_fault(package, service) for package in own}
    mounted = [package for package in own if faults[package.name] is None]
    seen = {verdict.package.name: verdict for verdict in _looked(config, service, mounted, python)}
    for package in own:
        yield seen.get(package.name) or Verdict(package, faults[package.name])


def _looked(
    config: Config, service: ServiceConfig, packages: Sequence[Package], python: str | None
) -> Sequence[Verdict]:
    """The verdicts of the container that runs, of the worst one where several do, or else of a new one."""
    if not packages:
        return ()
    containers = running_containers(config, service.name)
    if not containers and not has_image(service):
        fault = Fault(
            State.NO_IMAGE, f"there is no image of {service.name} yet", rebuild_command(packages[0], service, None)
        )
        return [Verdict(package, fault) for package in packages]
    with witnesses(package.checkout for package in packages) as written:
        question = _question(service, packages, written, python)
        looks = [(container, ask_running(container, question)) for container in containers]
        looks = looks or [(Container("", running=False, mounts={}), ask_new(config, service, question))]
    unwitnessed = {package.name for package in packages if package.checkout not in written}
    found = [[_verdict(package, service, *look, unwitnessed) for package in packages] for look in looks]
    return [max(row, key=lambda verdict: verdict.fault is not None) for row in zip(*found, strict=True)]


def _verdict(
    package: Package, service: ServiceConfig, container: Container, answer: Answer | Refused, unwitnessed: set[str]
) -> Verdict:
    if package.name in unwitnessed:
        reason = f"no file can be written to {package.path}, so none can be looked for in the container"
        return Verdict(package, Fault(State.UNSEEN, reason), container)
    if isinstance(answer, Refused):
        return Verdict(package, unseen(package, answer.words), container)
    python = choose_python(answer)
    fault = container_fault(package, service, container, answer, python)
    return Verdict(package, fault, container, python, python.packages.get(package.name) if python else None)


def _question(
    service: ServiceConfig, packages: Sequence[Package], written: Mapping[Path, Witness], python: str | None
) -> dict[str, Any]:
    asked = []
    for package in packages:
        copied = is_copied(package, service)
        witness = None if copied else written.get(package.checkout)
        asked.append(
            {
                "name": package.name,
                "target": package.target,
                "witness": str(witness.path) if witness else None,
                "token": witness.token if witness else "",
                "samples": _samples(package.checkout, _SAMPLES // len(packages)) if copied else {},
            }
        )
    return {"python": python, "wait": _WAIT, "limit": _LIMIT, "packages": asked}


def _samples(checkout: Path, number: int) -> dict[str, str]:
    """Digests of the Python files edited last, by their paths in the checkout."""
    files = [path for path in checkout.rglob("*.py") if path.is_file() and not path.is_symlink()]
    visible = [path for path in files if not any(part.startswith(".") for part in path.relative_to(checkout).parts)]
    latest = sorted(visible, key=lambda path: path.stat().st_mtime, reverse=True)[: max(number, 1)]
    return {str(path.relative_to(checkout)): digest_of(path.read_bytes()) for path in latest}


# ---- what to do about the mounts --------------------------------------------------------------------------------

_OF_THE_OVERRIDE = (State.REFUSED, State.NOT_MOUNTED, State.MOUNTED_TWICE, State.OTHER_MOUNT)


def _with_commands(settings: Settings, pins: Sequence[Pin], verdicts: Sequence[Verdict]) -> Proof:
    """Where a mount is wrong: is it the override that is stale, or does Compose not read it?"""
    if not any(verdict.state in _OF_THE_OVERRIDE for verdict in verdicts):
        return Proof(tuple(verdicts))
    try:
        plan = plan_override(survey(settings, existing_checkouts(settings, asked_for(settings, pins))))
    except OverrideRefused as refusal:
        return Proof(tuple(verdicts), (f"{refusal.message} {refusal.hint}",))
    if plan.status in (OverrideStatus.UNCHANGED, OverrideStatus.NONE):
        return Proof(tuple(verdicts), plan.notes)
    unread = [
        f"Compose does not read {path.name}, for {plan.path.name} is there." for path in plan.superseded if plan.path
    ]
    mounted = {(mount.service, mount.name) for mount in plan.mounts}
    notes = (*unread, *plan.notes)
    return Proof(tuple(_mended_by_override(verdict, mounted, plan) for verdict in verdicts), notes)


def _mended_by_override(verdict: Verdict, mounted: Collection[tuple[str, str]], plan: OverridePlan) -> Verdict:
    if verdict.fault is None or verdict.state not in _OF_THE_OVERRIDE:
        return verdict
    if verdict.state is State.REFUSED and plan.old is None:  # it is not there: Compose refuses another file
        return verdict
    if (verdict.package.service, verdict.package.name) not in mounted:
        return verdict
    return replace(verdict, fault=replace(verdict.fault, command=verdict.package.prompt.vendorws("override")))
