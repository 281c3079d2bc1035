"""Which checkouts are mounted where, in view of what the project mounts already."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

from vendorws.values import dataclass

if TYPE_CHECKING:  # only types: the command line needs `Mode`, and no YAML
    from vendorws.compose.services import BaseMount, Service


class Mode(str, Enum):
    """How edits reach the container: through a bind mount, or copied by `docker compose watch`."""

    BIND = "bind"
    WATCH = "watch"


@dataclass(frozen=True, slots=True)
class Mount:
    """One checkout in one service: `source` relative to the Compose files' folder, `target` absolute."""

    service: str
    name: str
    source: str
    target: str


@dataclass(frozen=True, slots=True)
class Wanted:
    """The mounts in the order of the file, and sentences about what the project's own mounts do to them."""

    mounts: tuple[Mount, ...]
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Checkouts:
    """The checkouts on this machine: `names` below `folder` (absolute), which Compose files call `written`."""

    folder: Path
    written: str
    names: tuple[str, ...]


def mounts_for(
    service: Service, place: str, checkouts: Checkouts, mode: Mode, winning: Mapping[str, str] | None = None
) -> Wanted:
    """One mount for each checkout, but for those that the service sees already.

    `winning` are the targets that are mounted after ours (without a slash at the end), each with the file that says so.
    """
    if mode is Mode.WATCH and service.build is None:
        return Wanted((), (f"The service {service.name} has no build, so `docker compose watch` cannot serve it.",))
    found = [_mount(service, place, checkouts, name, winning or {}) for name in sorted(checkouts.names)]
    notes = dict.fromkeys(note for _, note in found if note)
    return Wanted(tuple(mount for mount, _ in found if mount), tuple(notes))


def _mount(
    service: Service, place: str, checkouts: Checkouts, name: str, winning: Mapping[str, str]
) -> tuple[Mount | None, str]:
    target = posixpath.join(place, name)
    mount = Mount(service.name, name, posixpath.join(checkouts.written, name), target)
    covering = _covering(service.mounts, target)
    if covering is None:
        return mount, ""
    there = posixpath.normpath(covering.target)
    shown = covering.source / PurePosixPath(target).relative_to(there) if covering.source else None
    if shown is not None and shown.resolve() == (checkouts.folder / name).resolve():
        return None, f"The service {service.name} sees vendor/ already: it mounts {covering.source} on {there}."
    if target in winning:
        other = f"{winning[target]} of yours mounts something else on {target}"
        return None, f"{other} in the service {service.name}. Take that out to have {checkouts.written}/{name} there."
    if there == target:
        # Compose compares targets letter by letter: only in its own spelling is the other mount replaced.
        ours = Mount(service.name, name, mount.source, covering.target)
        return ours, f"The service {service.name} mounts something else on {target}; the checkout takes its place."
    if shown is not None and not shown.exists():
        return mount, f"Docker will make the empty folder {shown}, because {service.name} mounts {covering.source}."
    return mount, ""


def _covering(mounts: Sequence[BaseMount], target: str) -> BaseMount | None:
    """The mount on `target`, else the nearest one above it."""
    path = PurePosixPath(target)
    above = [mount for mount in mounts if PurePosixPath(posixpath.normpath(mount.target)) in (path, *path.parents)]
    return max(above, key=lambda mount: len(PurePosixPath(mount.target).parts), default=None)
