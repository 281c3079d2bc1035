"""`vendorws` as it is typed, but inside the test's own process: the same `main`, without the start of an interpreter.

For tests that run it hundreds of times. What a user sees is the same: arguments in; both outputs and the exit code out.
"""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tests.support.command import Result
from vendorws.cli import main


@dataclass(frozen=True, slots=True)
class Here:
    """Call it with the arguments of a command line; it runs in `cwd`."""

    cwd: Path

    def __call__(self, *args: str | Path) -> Result:
        out, err = io.StringIO(), io.StringIO()
        told = contextlib.redirect_stdout(out), contextlib.redirect_stderr(err)
        with _typed(*map(str, args)), _chdir(self.cwd), _signals_kept(), told[0], told[1]:
            code = _exit_code()
        return Result(code, out.getvalue(), err.getvalue())

    def ok(self, *args: str | Path) -> Result:
        """As a call, but anything other than exit code 0 fails the test with all that was printed."""
        result = self(*args)
        if result.exit_code != 0:
            raise AssertionError(f"vendorws {' '.join(map(str, args))}: {result}")
        return result


def type_in_shell(command: str, cwd: Path) -> str:
    """Run a command line exactly as it was printed, with a shell, and return what it said. It must succeed."""
    environment = os.environ | {
        "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
        "GIT_EDITOR": "true",
    }
    ran = subprocess.run(command, shell=True, cwd=cwd, env=environment, capture_output=True, text=True, check=False)
    assert ran.returncode == 0, f"`{command}` ended with {ran.returncode}:\n{ran.stdout}{ran.stderr}"
    return ran.stdout


def _exit_code() -> int:
    try:
        main()
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else int(ended.code is not None)
    return 0


@contextlib.contextmanager
def _typed(*args: str) -> Iterator[None]:
    before, sys.argv = sys.argv, ["vendorws", *args]
    try:
        yield
    finally:
        sys.argv = before


@contextlib.contextmanager
def _signals_kept() -> Iterator[None]:
    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


@contextlib.contextmanager
def _chdir(folder: Path) -> Iterator[None]:
    before = Path.cwd()
    os.chdir(folder)
    try:
        yield
    finally:
        os.chdir(before)
