"""The Compose override: where the checkouts are mounted, in a file of ours or in the user's own.

    settings + Compose files + Dockerfiles -> OverridePlan (mounts, new content, notes) -> written or not

A checkout is mounted exactly where pip put it in the image, so that the container runs the files that are edited on
the host. Where that place cannot be told, nothing is mounted and a note says what to configure.
"""

from __future__ import annotations

import os
import posixpath
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from enum import Enum
from pathlib import Path

from vendorws.compose.client import ask_services
from vendorws.compose.devcontainer import DevContainer, find_devcontainers
from vendorws.compose.entries import NO_ENTRIES, Entries, entries_between
from vendorws.compose.files import OVERRIDE_NAMES, SIBLING, ComposeFiles, Listing, find_compose_files, listed_files
from vendorws.compose.mounts import Checkouts, Mode, Mount, mounts_for
from vendorws.compose.override_text import is_own, is_untouched, own_text
from vendorws.compose.places import find_places
from vendorws.compose.services import read_services
from vendorws.compose.splice import CannotSplice, splice, without_ours
from vendorws.compose.trees import ComposeUnreadable, parse_yaml
from vendorws.errors import OverrideRefused
from vendorws.files import read_regular, write_atomically, writing
from vendorws.model import Pin
from vendorws.settings import Settings
from vendorws.values import dataclass


class OverrideStatus(str, Enum):
    """What becomes of the override file; the values are part of the JSON output."""

    WRITTEN = "written"
    UNCHANGED = "unchanged"
    REMOVED = "removed"
    NONE = "none"  # there is nothing to mount, and nothing of ours anywhere


@dataclass(frozen=True, slots=True)
class OverridePlan:
    """What the override should be. `path` is None without Compose files.

    `old` and `new` are the contents before and after (None: no file). `unclear`: a service waits for something to be
    configured. `superseded` are files of ours that Compose no longer reads. `notes` are sentences for people. `dropped`
    are the packages that were mounted before and are not any more.
    """

    path: Path | None
    mode: Mode
    mounts: tuple[Mount, ...]
    notes: tuple[str, ...]
    unclear: bool = False
    old: str | None = None
    new: str | None = None
    superseded: tuple[Path, ...] = ()
    dropped: tuple[str, ...] = ()

    @property
    def status(self) -> OverrideStatus:
        """What carrying it out does to the file."""
        if self.old == self.new and not self.superseded:
            return OverrideStatus.UNCHANGED if self.mounts else OverrideStatus.NONE
        return OverrideStatus.WRITTEN if self.mounts else OverrideStatus.REMOVED

    @property
    def said(self) -> str:
        """The status as people are told: a file that is still there is not removed."""
        stays = self.status is OverrideStatus.REMOVED and self.new is not None
        return "cleared of what vendorws put in" if stays else self.status.value


def existing_checkouts(settings: Settings, pins: Iterable[Pin]) -> tuple[str, ...]:
    """The names of the pins whose checkout is there: a git checkout, or a symbolic link to a folder."""
    paths = {pin.name: settings.vendor / pin.name for pin in pins}
    return tuple(
        name for name, path in paths.items() if os.path.lexists(path / ".git") or (path.is_symlink() and path.is_dir())
    )


def update_override(settings: Settings, checkouts: Sequence[str], mode: Mode | None = None) -> OverridePlan:
    """Look, plan and carry out; the plan then says what was done.

    Raises OverrideRefused, ComposeUnreadable and EnvironmentProblem, having written nothing.
    """
    plan = plan_override(survey(settings, checkouts, mode))
    carry_out(plan)
    return plan


def carry_out(plan: OverridePlan) -> None:
    """Write or remove what the plan says; a file that already is so is not touched. Raises EnvironmentProblem."""
    for path in plan.superseded:
        with writing(path):
            path.unlink(missing_ok=True)
    if plan.path is None or plan.old == plan.new:
        return
    with writing(plan.path):
        if plan.new is None:
            plan.path.unlink(missing_ok=True)
        else:
            write_atomically(plan.path, plan.new.encode())


# ---- looking ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Survey:
    """What should be mounted where, before anybody asks what the override file can take.

    `files` and `current` are None without Compose files.
    """

    files: ComposeFiles | None
    current: _Current | None
    mode: Mode
    mounts: tuple[Mount, ...]
    notes: tuple[str, ...]
    unclear: bool = False


def survey(settings: Settings, checkouts: Sequence[str], mode: Mode | None = None) -> Survey:
    """Read the project and decide on the mounts; `mode` None keeps the one that the override has.

    Raises OverrideRefused where the override was written by vendorws and edited, and ComposeUnreadable.
    """
    devcontainers = find_devcontainers(settings.root)
    files = compose_files(settings, devcontainers)
    if files is None:
        return Survey(None, None, mode or Mode.BIND, (), ("No Compose file here, so there is nothing to mount.",))
    current = _read(files.override)
    mode = mode or current.ours.mode or Mode.BIND
    asked = ask_services(files, current.users_text)
    places = find_places(settings, asked.services)
    here = Checkouts(settings.vendor, _written(settings.vendor, files.directory), tuple(checkouts))
    winning = _winning(files, current.users_text) if mode is Mode.BIND else {}
    wanted = [
        mounts_for(service, places.folders[service.name], here, mode, winning.get(service.name))
        for service in asked.services
        if service.name in places.folders
    ]
    mounts = tuple(mount for one in wanted for mount in one.mounts) + _of_neighbours(current, files, here)
    notes = [asked.note, *places.unclear, *(note for one in wanted for note in one.notes)]
    if not places.folders and not places.unclear:
        notes.append("No service installs requirements with `pip install --src`, so there is nothing to mount.")
    if mounts:
        notes += _unread(files, devcontainers)
    return Survey(
        files,
        current,
        mode,
        tuple(sorted(mounts, key=lambda mount: (mount.service, mount.source))),
        tuple(filter(None, notes)),
        unclear=bool(places.unclear),
    )


def survey_of_nothing(settings: Settings) -> Survey:
    """The survey of a project that nothing is to be mounted into any more."""
    files = compose_files(settings, find_devcontainers(settings.root))
    if files is None:
        return Survey(None, None, Mode.BIND, (), ("No Compose file here, so there is nothing to remove.",))
    return Survey(files, _read(files.override), Mode.BIND, (), ())


def plan_override(found: Survey) -> OverridePlan:
    """What the override file should become. Raises OverrideRefused where the user's own cannot be added to."""
    if found.files is None or found.current is None:
        return OverridePlan(None, found.mode, found.mounts, found.notes)
    path, current, notes = found.files.override, found.current, found.notes
    if found.unclear and not found.mounts:
        new = current.text  # what was written while the Dockerfile could be read is better than nothing
        notes += (f"The mounts in {path.name} stay as they are until then.",) if current.ours.mounts else ()
    elif current.users_text is None:
        listed = found.files.listing is not None and found.files.listing.names_override
        # A file that is listed has to be there, if only empty.
        new = own_text(found.mounts, found.mode) if found.mounts or listed else None
    else:
        try:
            new = splice(current.users_text, found.mounts, found.mode)
        except CannotSplice as error:
            raise _cannot_add(path, str(error)) from error
    superseded = _superseded(found.files)
    dropped = _dropped(current, found.mounts) if found.mounts and new != current.text else ()
    return OverridePlan(path, found.mode, found.mounts, notes, found.unclear, current.text, new, superseded, dropped)


def _dropped(current: _Current, mounts: Sequence[Mount]) -> tuple[str, ...]:
    still = {mount.source for mount in mounts}
    return tuple(sorted({mount.name for mount in current.ours.mounts if mount.source not in still}))


def compose_files(settings: Settings, devcontainers: Sequence[DevContainer]) -> ComposeFiles | None:
    """The Compose files of a project, else those that its first Dev Container lists."""
    files = find_compose_files(settings.root)
    if files is not None or not devcontainers:
        return files
    only = devcontainers[0]
    return listed_files(Listing(str(only.file), only.file.parent, only.names, None), (), os.environ)


def _written(vendor: Path, directory: Path) -> str:
    """The vendor folder as Compose files call it: relative, and with a dot in front so that it is no volume's name."""
    relative = Path(os.path.relpath(vendor, directory)).as_posix()
    return relative if relative.startswith("../") else f"./{relative}"


@dataclass(frozen=True, slots=True)
class _Current:
    """The override file as it is: `users_text` is what of it is the user's (None: all of it is ours, or no file)."""

    text: str | None
    users_text: str | None
    ours: Entries


def _read(path: Path) -> _Current:
    try:
        text = read_regular(path).decode("utf-8")
    except FileNotFoundError:
        return _Current(None, None, NO_ENTRIES)
    except UnicodeDecodeError as error:
        raise _cannot_add(path, "it is not UTF-8") from error
    except OSError as error:
        raise ComposeUnreadable(f"{path} cannot be read: {error.strerror}.") from error
    if is_own(text):
        if not is_untouched(text):
            raise OverrideRefused(
                f"{path} was written by vendorws and edited since; it is left as it is.",
                "Delete its first line to make it a file of yours, or delete the file to have it written anew.",
            )
        return _Current(text, None, entries_between({}, parse_yaml(text.encode(), str(path))))
    try:
        users_text = without_ours(text)
    except CannotSplice as error:
        raise _cannot_add(path, str(error)) from error
    if users_text == text:
        return _Current(text, text, NO_ENTRIES)
    before, after = (parse_yaml(content.encode(), str(path)) for content in (users_text, text))
    return _Current(text, users_text, entries_between(before, after))


def _cannot_add(path: Path, why: str) -> OverrideRefused:
    return OverrideRefused(
        f"{path} is yours, and nothing can be added to it safely: {why}.",
        f"List the Compose files with {SIBLING} as the last one in COMPOSE_FILE (in .env): that one vendorws writes.",
    )


def _winning(files: ComposeFiles, users_text: str | None) -> Mapping[str, Mapping[str, str]]:
    """What wins over an entry of ours: for each service the targets that the user mounts after it, and in which file.

    Of two mounts on one target Compose takes the later one, and ours stand first in their list.
    """
    alone = replace(files, base=(), later=())
    found = [(files.override.name, read_services(alone, users_text))] if users_text else []
    found += [(file.name, read_services(replace(files, base=(file,), later=()))) for file in files.later]
    winning: dict[str, dict[str, str]] = {}
    for name, services in found:
        for service in services:
            winning.setdefault(service.name, {}).update(
                (posixpath.normpath(mount.target), name) for mount in service.mounts
            )
    return winning


def _of_neighbours(current: _Current, files: ComposeFiles, here: Checkouts) -> tuple[Mount, ...]:
    """The mounts in this file that another project wrote, which shares our Compose files (a monorepo)."""
    return tuple(
        mount
        for mount in current.ours.mounts
        if posixpath.dirname(mount.source) != here.written and (files.directory / mount.source).exists()
    )


def _superseded(files: ComposeFiles) -> tuple[Path, ...]:
    """Overrides that we wrote as a whole and that Compose passes over, because it prefers another name.

    With a listing nothing is: another shell may have another one, or none.
    """
    found = []
    for path in (files.directory / name for name in OVERRIDE_NAMES if files.listing is None):
        if path != files.override and path.is_file():
            text = path.read_text("utf-8", errors="replace")
            if is_own(text) and is_untouched(text):
                found.append(path)
    return tuple(found)


def _unread(files: ComposeFiles, devcontainers: Sequence[DevContainer]) -> list[str]:
    """Who does not read the override that is written, and what to add there."""
    notes = []
    listing = files.listing
    if listing is not None and listing.separator is not None and not listing.names_override:
        names = (*listing.names, os.path.relpath(files.override, listing.start))
        notes.append(
            f"COMPOSE_FILE in {listing.place} leaves {files.override.name} out, so Compose will not read it. "
            f"Write there: COMPOSE_FILE={listing.separator.join(names)}"
        )
    for container in devcontainers:
        listed = [Path(os.path.normpath(container.file.parent / name)) for name in container.names]
        if files.override not in listed:
            name = os.path.relpath(files.override, container.file.parent)
            notes.append(
                f'The Dev Container reads only what {container.file} lists: add "{name}" to its dockerComposeFile.'
            )
    return notes
