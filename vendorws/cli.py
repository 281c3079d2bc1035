"""The door: Ctrl-C is heeded from here on, and then `vendorws.app` is loaded, which takes a moment."""

from __future__ import annotations

import sys

from vendorws.exit_code import ExitCode
from vendorws.interrupts import heed_once


def main() -> None:
    """The console script, and `python -m vendorws`."""
    heed_once()
    try:
        from vendorws.app import run

        run()
    except KeyboardInterrupt:  # while nobody who knows more was there to hear it
        sys.exit(int(ExitCode.INTERRUPTED))
