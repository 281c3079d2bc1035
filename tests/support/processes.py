"""Whether a process is really gone, as the kernel says."""

from __future__ import annotations

import time
from pathlib import Path


def gone(pid: int, within: float = 3.0) -> bool:
    """Whether it ends within so many seconds; one that has ended and that nobody waited for counts as gone."""
    give_up = time.monotonic() + within
    while time.monotonic() < give_up:
        try:
            state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
        except FileNotFoundError:
            return True
        if state == "Z":
            return True
        time.sleep(0.02)
    return False
