"""The real docker client. What is missing is a skip on a developer's machine, and a failure where CI=true."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn

import pytest

from tests.support.command import Result, merged
from tests.support.sandbox import Sandbox

_DAEMON_NAMES = ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CERT_PATH", "DOCKER_TLS_VERIFY")


@dataclass(frozen=True, slots=True)
class Docker:
    """`docker("compose", "config", cwd=project.root)`; `docker.ok(…)` returns stdout and fails with all that came."""

    def __call__(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        input: str = "",
        env: Mapping[str, str | None] | None = None,
        timeout: float = 600,
    ) -> Result:
        ran = subprocess.run(
            ["docker", *map(str, args)],
            cwd=cwd,
            env=merged({"DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain", **(env or {})}),
            input=input,
            capture_output=True,
            encoding="utf-8",
            errors="replace",
            timeout=timeout,
            check=False,
        )
        return Result(ran.returncode, ran.stdout, ran.stderr)

    def ok(
        self,
        *args: str | Path,
        cwd: Path | None = None,
        input: str = "",
        env: Mapping[str, str | None] | None = None,
        timeout: float = 600,
    ) -> str:
        result = self(*args, cwd=cwd, input=input, env=env, timeout=timeout)
        if result.exit_code != 0:
            raise AssertionError(f"docker {' '.join(map(str, args))}: {result}")
        return result.stdout


def need_compose(outside: Mapping[str, str]) -> Docker:
    """The client with Compose v2; no engine is asked for, and none is needed for `docker compose config`."""
    docker = Docker()
    if shutil.which("docker") is None:
        _do_without("the docker client is not installed", outside)
    if docker("compose", "version").exit_code != 0:
        _do_without("the docker client has no compose subcommand", outside)
    return docker


def need_engine(outside: Mapping[str, str]) -> Docker:
    """The client, with an engine that answers and runs containers."""
    docker = need_compose(outside)
    answer = docker("info", timeout=30)
    if answer.exit_code != 0:
        _do_without(f"no Docker engine answers: {answer.stderr.strip()[-200:]}", outside)
    return docker


def reach_the_daemon(sandbox: Sandbox, patch: pytest.MonkeyPatch, outside: Mapping[str, str]) -> None:
    """Let the sealed client find the engine and the plugins of the user who runs the tests."""
    for name in _DAEMON_NAMES:
        if name in outside:
            patch.setenv(name, outside[name])
    plugins = Path(outside["HOME"], ".docker", "cli-plugins")
    if plugins.is_dir():
        (sandbox.home / ".docker").mkdir()
        (sandbox.home / ".docker" / "cli-plugins").symlink_to(plugins)


def _do_without(reason: str, outside: Mapping[str, str]) -> NoReturn:
    if outside.get("CI") == "true":
        pytest.fail(f"{reason}, and in CI nothing is skipped; .ci/engine starts an engine")
    pytest.skip(f"{reason}; .ci/engine starts one on a Debian machine")
