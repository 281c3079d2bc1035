"""What the environment of this process must not say."""

from __future__ import annotations

import os
import sys
from io import TextIOWrapper

# What a git hook leaves in the environment (`git rev-parse --local-env-vars`), less the GIT_CONFIG_* that carry
# `-c` settings: any of these would turn each command below upon the repository whose hook is running.
_LEAKED = (
    "GIT_ALTERNATE_OBJECT_DIRECTORIES",
    "GIT_COMMON_DIR",
    "GIT_CONFIG",
    "GIT_DIR",
    "GIT_GRAFT_FILE",
    "GIT_IMPLICIT_WORK_TREE",
    "GIT_INDEX_FILE",
    "GIT_INTERNAL_SUPER_PREFIX",
    "GIT_NAMESPACE",
    "GIT_NO_REPLACE_OBJECTS",
    "GIT_OBJECT_DIRECTORY",
    "GIT_PREFIX",
    "GIT_REPLACE_REF_BASE",
    "GIT_SHALLOW_FILE",
    "GIT_WORK_TREE",
)


def forget_leaked_environment() -> None:
    """Clear what a git hook or an alias leaves behind, so that no command here acts on that repository."""
    for name in _LEAKED:
        os.environ.pop(name, None)


def open_what_is_closed() -> None:
    """Where we were started without one of the standard streams it is /dev/null, and not the next file we open."""
    for descriptor, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            null = os.open(os.devnull, os.O_RDWR)
            if null != descriptor:
                os.dup2(null, descriptor)
                os.close(null)
            setattr(sys, name, os.fdopen(descriptor, mode, closefd=False))


def say_all_letters() -> None:
    """A name that the terminal's encoding lacks is shown with escapes; it is no reason to stop."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")
