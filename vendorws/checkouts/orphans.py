"""Checkouts that are nobody's."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path

from vendorws.errors import VendorwsError
from vendorws.model import Orphan, Pin


def find_orphans(vendor: Path, pins: Collection[Pin]) -> tuple[Orphan, ...]:
    """The folders below `vendor` that are git checkouts, but of none of the packages `pins`; sorted."""
    try:
        entries = sorted(entry.name for entry in os.scandir(vendor))
    except OSError:  # it is not there, or not for us to read: a run says so where it matters
        return ()
    names = {pin.name for pin in pins}
    others = (name for name in entries if name not in names and not name.startswith("."))
    return tuple(_orphan(vendor, name, pins) for name in others if os.path.lexists(vendor / name / ".git"))


def _orphan(vendor: Path, name: str, pins: Collection[Pin]) -> Orphan:
    # Loaded here: there is seldom an orphan, and a first sync has not looked into any repository yet.
    from vendorws.checkouts.observation import own_work
    from vendorws.git_client.command import Git

    try:
        work = own_work(Git(vendor=vendor, cwd=vendor), vendor / name)
    except (VendorwsError, OSError):
        work = None
    heir, fits = _heir(vendor, name, pins)
    return Orphan(name, work, heir, fits)


def _heir(vendor: Path, name: str, pins: Collection[Pin]) -> tuple[str | None, bool]:
    """The package that an orphan was renamed to, as far as that can be read, and whether it can be moved there."""
    from vendorws.checkouts.repository import GitDirectory, find_git_directory, read_config
    from vendorws.git_client.urls import same_repository

    try:
        directory = find_git_directory(vendor / name)
        urls = read_config(directory).remotes.values() if isinstance(directory, GitDirectory) else ()
    except (OSError, ValueError):
        return None, False
    alike = [pin.name for pin in pins if any(same_repository(url, pin.url) for url in urls)]
    if isinstance(directory, str) or len(alike) != 1:
        return None, False
    # git finds nothing again of a worktree that is moved by hand, nor of those that belong to what is moved.
    movable = directory.is_plain and not (directory.common / "worktrees").exists()
    return alike[0], movable and not os.path.lexists(vendor / alike[0])
