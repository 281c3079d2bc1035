"""Small file systems of their own, which are full soon; to mount one takes root."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest


@dataclass(frozen=True, slots=True)
class SmallDisk:
    """A file system of its own, mounted at `place`; `fill` leaves so many bytes free."""

    place: Path

    def fill(self, free: int) -> None:
        available = os.statvfs(self.place).f_bavail * os.statvfs(self.place).f_frsize
        (self.place / ".filling").write_bytes(b"\0" * max(0, available - free))

    def make_room(self) -> None:
        (self.place / ".filling").unlink()


def mount(*arguments: str | Path) -> None:
    """Mount something; where that is not allowed, the test is skipped."""
    mounted = subprocess.run(["mount", *map(str, arguments)], capture_output=True, text=True, check=False)
    if mounted.returncode != 0:
        pytest.skip(f"needs root, to mount a file system: {mounted.stderr.strip()}")


@contextmanager
def small_disk_at(place: Path, size: str) -> Iterator[SmallDisk]:
    """A disk of `size` ("8m") at `place`, which is made."""
    place.mkdir(parents=True)
    mount("-t", "tmpfs", "-o", f"size={size}", "tmpfs", place)
    yield SmallDisk(place)
    subprocess.run(["umount", "--lazy", place], check=True)
