"""What the process says to the shell."""

from __future__ import annotations

from enum import IntEnum


class ExitCode(IntEnum):
    """The exit codes of every command; the README documents each."""

    DONE = 0
    ATTENTION = 1  # something needs the developer: a pin asks for a move that only they can unblock
    USAGE = 2  # the command line, the configuration or a requirements file is wrong
    NETWORK = 3  # a remote could not be reached, or did not let us in
    ENVIRONMENT = 4  # this machine lacks something: git, docker, room, a writable folder, the lock
    INTERRUPTED = 130
