"""Checkouts that are nobody's."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path


def find_orphans(vendor: Path, names: Collection[str]) -> tuple[str, ...]:
    """The folders below `vendor` that are git checkouts, but of none of the packages `names`; sorted."""
    try:
        entries = sorted(entry.name for entry in os.scandir(vendor))
    except OSError:  # it is not there, or not for us to read: a run says so where it matters
        return ()
    others = (name for name in entries if name not in names and not name.startswith("."))
    return tuple(name for name in others if os.path.lexists(vendor / name / ".git"))
