"""What `--json` prints: one document on standard output, the same whatever the screen is like."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from typing import Any

SCHEMA_VERSION = 1
"""Of every document, whatever the command."""


def print_document(document: Mapping[str, Any]) -> None:
    """Print it, at once: nothing wraps or colours it, and a reader that is gone is known before anything else is done.

    Raises OSError.
    """
    sys.stdout.write(json.dumps(document, indent=2) + "\n")
    sys.stdout.flush()
