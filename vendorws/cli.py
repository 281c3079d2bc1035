"""The door: Ctrl-C is heeded from here on, and then `vendorws.app` is loaded, which takes a moment."""

from __future__ import annotations

import gc
import sys

from vendorws.exit_code import ExitCode
from vendorws.interrupts import heed_once


def main() -> None:
    """The console script, and `python -m vendorws`."""
    heed_once()
    gc.set_threshold(_RARELY)
    try:
        from vendorws.app import run

        run()
    except KeyboardInterrupt:  # while nobody who knows more was there to hear it
        sys.exit(int(ExitCode.INTERRUPTED))
    finally:
        gc.freeze()  # the end of the process frees it all


_RARELY = 50_000
"""New objects after which Python looks for garbage. By default it does so every 700, sixty times while it loads."""
