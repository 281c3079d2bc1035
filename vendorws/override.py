"""The Compose override: which checkout is mounted where, the text that says so, and writing it.

    settings + services + Dockerfiles -> Plan (mounts, notes) -> text -> docker-compose.override.yml

A checkout is mounted exactly where pip put it in the image, so that the container runs the files that are edited on
the host. Where that place cannot be told, nothing is mounted and a note says what to configure.
"""

from __future__ import annotations

import json
import os
import posixpath
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path

from vendorws.compose import Build, Service, read_services
from vendorws.compose_files import ComposeFiles, find_compose_files
from vendorws.dockerfile import Place, Unclear, find_checkouts
from vendorws.errors import OverrideRefused
from vendorws.files import write_atomically
from vendorws.model import VENDOR, Pin
from vendorws.settings import Settings

MARKER = "# Written by vendorws from the requirements; edits are lost. `vendorws override --remove` takes it away."


class OverrideStatus(str, Enum):
    """What became of the override file; the values are part of the JSON output."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    NONE = "none"  # there is nothing to mount and no file of ours


@dataclass(frozen=True, slots=True)
class Mount:
    """One bind mount: `source` relative to the Compose file's folder, `target` absolute in the container."""

    service: str
    name: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class OverridePlan:
    """What the override should say.

    `path` is None without Compose files. `unclear`: a service could not be mounted until something is configured.
    `notes` are sentences for people.
    """

    path: Path | None
    mounts: tuple[Mount, ...]
    notes: tuple[str, ...]
    unclear: bool = False


@dataclass(frozen=True, slots=True)
class OverrideResult:
    """What was done, or with `--check` what would be; the fields of the plan, and the status."""

    status: OverrideStatus
    path: Path | None
    mounts: tuple[Mount, ...]
    notes: tuple[str, ...]
    unclear: bool = False


def existing_checkouts(settings: Settings, pins: Iterable[Pin]) -> tuple[str, ...]:
    """The names of the pins whose checkout is there: a git checkout, or a symbolic link to a folder."""
    paths = {pin.name: settings.vendor / pin.name for pin in pins}
    return tuple(
        name for name, path in paths.items() if os.path.lexists(path / ".git") or (path.is_symlink() and path.is_dir())
    )


def update_override(settings: Settings, checkouts: Sequence[str]) -> OverrideResult:
    """Make the override file say what `plan_override` says. Raises OverrideRefused and ComposeUnreadable."""
    plan = plan_override(settings, checkouts)
    return apply_override(plan)


def apply_override(plan: OverridePlan, *, dry_run: bool = False) -> OverrideResult:
    """Write, leave or remove the override file; with `dry_run` only tell which. Raises OverrideRefused."""
    return OverrideResult(_apply(plan, dry_run=dry_run), plan.path, plan.mounts, plan.notes, plan.unclear)


def _apply(plan: OverridePlan, *, dry_run: bool) -> OverrideStatus:
    if plan.path is None:
        return OverrideStatus.NONE
    old = plan.path.read_bytes() if plan.path.exists() else None
    if old is not None and not is_ours(old):
        if not plan.mounts:
            return OverrideStatus.NONE
        raise OverrideRefused(
            f"{plan.path} is your own file; vendorws writes nothing into it.",
            "Add the text of `vendorws override --stdout` to it, or rename it.",
        )
    if not plan.mounts:
        return _remove(plan.path, dry_run=dry_run) if old is not None else OverrideStatus.NONE
    new = override_text(plan.mounts).encode()
    if new == old:
        return OverrideStatus.UNCHANGED
    if not dry_run:
        write_atomically(plan.path, new)
    return OverrideStatus.WRITTEN


def _remove(path: Path, *, dry_run: bool) -> OverrideStatus:
    if not dry_run:
        path.unlink()
    return OverrideStatus.REMOVED


def is_ours(content: bytes) -> bool:
    """Whether an override file was written by vendorws as a whole: its first line says so."""
    return content.startswith(b"# Written by vendorws ")


def plan_override(settings: Settings, checkouts: Sequence[str]) -> OverridePlan:
    """Read the project and decide the mounts. Raises ComposeUnreadable."""
    files = find_compose_files(settings.root)
    if files is None:
        return OverridePlan(None, (), ("No Compose file here: nothing to mount.",))
    services = read_services(files)
    places, notes = source_folders(settings, services)
    mounts = tuple(
        Mount(service, name, _source(settings, files, name), posixpath.join(place, name))
        for service, place in sorted(places.items())
        for name in sorted(checkouts)
    )
    unclear = bool(notes)
    if not places and not notes:
        notes = ("No service builds from a Dockerfile with `pip install -r`: nothing to mount.",)
    return OverridePlan(files.override, mounts, notes, unclear)


def _source(settings: Settings, files: ComposeFiles, name: str) -> str:
    vendor = os.path.relpath(settings.vendor, files.directory)
    return posixpath.join("." if not vendor.startswith("..") else "", *Path(vendor).parts, name)


def source_folders(settings: Settings, services: Sequence[Service]) -> tuple[dict[str, str], tuple[str, ...]]:
    """The folder of the checkouts in the image of each service that has one, and notes on those that cannot be told."""
    places, notes = _configured(settings, services)
    images: dict[str, str] = {}
    for service in services:
        if service.name in places or service.build is None or not _concerns(settings, service.build):
            continue
        found = _read_dockerfile(service.build)
        if isinstance(found, Unclear):
            notes.append(_unclear_note(service, service.build, found))
        elif isinstance(found, Place):
            places[service.name] = found.path
    for service in services:
        if service.build is not None and service.image and service.name in places:
            images[service.image] = places[service.name]
    for service in services:
        if service.build is None and service.image in images:
            places.setdefault(service.name, images[service.image])
    return places, tuple(notes)


def _configured(settings: Settings, services: Sequence[Service]) -> tuple[dict[str, str], list[str]]:
    known = {service.name for service in services}
    places = {name: posixpath.normpath(src) for name, src in settings.service_src.items() if name in known}
    notes = [
        f"[tool.vendorws.services.{name}] is set, but no Compose file defines a service {name!r}."
        for name in sorted(settings.service_src)
        if name not in known
    ]
    return places, notes


def _concerns(settings: Settings, build: Build) -> bool:
    """Whether this build can see the project: a service of a neighbour project installs other requirements."""
    if build.context is None:
        return False
    context, root = build.context.resolve(), settings.root.resolve()
    return context == root or context in root.parents or root in context.parents


def _read_dockerfile(build: Build) -> Place | Unclear | None:
    if build.inline is not None:
        return find_checkouts(build.inline, build.args, build.target)
    assert build.dockerfile is not None
    try:
        text = build.dockerfile.read_text("utf-8", errors="replace")
    except OSError as error:
        return Unclear(f"{build.dockerfile} cannot be read ({error.strerror})", 0)
    return find_checkouts(text, build.args, build.target)


def _unclear_note(service: Service, build: Build, found: Unclear) -> str:
    where = f"{build.dockerfile or 'dockerfile_inline'}, line {found.line}: " if found.line else ""
    return (
        f"Service {service.name} is not mounted: {where}{found.reason}. "
        f"Write `pip install … --src {VENDOR}/` there, or "
        f'set [tool.vendorws.services.{service.name}] src = "/path/in/the/image" in pyproject.toml.'
    )


def override_text(mounts: Sequence[Mount]) -> str:
    """The whole override file: the services in the order of their mounts, one long-syntax bind mount per checkout."""
    lines = [MARKER, "services:"]
    for service in dict.fromkeys(mount.service for mount in mounts):
        lines += [f"  {scalar(service)}:", "    volumes:"]
        lines += [line for mount in mounts if mount.service == service for line in mount_lines(mount, indent=6)]
    return "\n".join(lines) + "\n"


def mount_lines(mount: Mount, *, indent: int) -> list[str]:
    """One list item in the long syntax; a missing source is an error for Docker then, not an empty folder of root's."""
    lines = (
        "- type: bind",
        f"  source: {scalar(mount.source)}",
        f"  target: {scalar(mount.target)}",
        "  bind:",
        "    create_host_path: false",
    )
    return [" " * indent + line for line in lines]


_PLAIN = re.compile(r"[A-Za-z./][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def scalar(text: str) -> str:
    """`text` as YAML that Compose reads back as this text: plain where that is safe, else in double quotes."""
    text = text.replace("$", "$$")
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)
