"""The real `vendorws` command, as a process of its own."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

COMMAND = (sys.executable, "-m", "vendorws")


@dataclass(frozen=True, slots=True)
class Result:
    """How the command ended, and all it printed."""

    exit_code: int
    stdout: str
    stderr: str

    @property
    def json(self) -> Any:
        """stdout, parsed; it must be one JSON document and nothing else."""
        return json.loads(self.stdout)

    def __str__(self) -> str:
        return f"exit {self.exit_code}\n--- stdout\n{self.stdout}--- stderr\n{self.stderr}"


@dataclass(frozen=True, slots=True)
class Vendorws:
    """Call it with the arguments of a command line. A value of None in `env` takes the variable away."""

    cwd: Path

    def __call__(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        input: str = "",
        env: Mapping[str, str | None] | None = None,
        timeout: float = 60,
    ) -> Result:
        ran = subprocess.run(
            [*COMMAND, *map(str, args)],
            cwd=cwd or self.cwd,
            env=merged(env or {}),
            input=input,
            capture_output=True,
            encoding="utf-8",
            errors="surrogateescape",
            timeout=timeout,
            check=False,
        )
        return Result(ran.returncode, ran.stdout, ran.stderr)

    def ok(self, *args: str | Path, **options: Any) -> Result:
        """As a call, but anything other than exit code 0 fails the test with all that was printed."""
        result = self(*args, **options)
        if result.exit_code != 0:
            raise AssertionError(f"vendorws {' '.join(map(str, args))}: {result}")
        return result


def merged(changes: Mapping[str, str | None]) -> dict[str, str]:
    """The environment of this test with `changes` made to it."""
    together = os.environ | changes
    return {name: value for name, value in together.items() if value is not None}
