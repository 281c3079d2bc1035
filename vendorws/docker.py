"""The one door to the docker client: every docker process starts here.

The client is asked, never imitated: it knows the user's contexts, `DOCKER_HOST`, credential helpers and plugins.
What it says on stderr is shown to people only after `redact`.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, ClassVar

from vendorws.errors import EnvironmentProblem, ExitCode, VendorwsError
from vendorws.redaction import redact
from vendorws.values import dataclass

CLIENT = "docker"


class DockerFailed(VendorwsError):
    """The client ran, reached what it needed, and said no; `message` ends with its own words."""

    exit_code: ClassVar[ExitCode] = ExitCode.ENVIRONMENT


@dataclass(frozen=True, slots=True)
class Finished:
    """A docker process that ended: its exit code and what it wrote, decoded (undecodable bytes are replaced)."""

    code: int
    stdout: str
    stderr: str


def attempt(
    *arguments: str, cwd: Path | None = None, stdin: str = "", environment: Mapping[str, str] | None = None
) -> Finished:
    """Run `docker ARGUMENTS` to its end, whatever its exit code; `environment` is added to our own.

    Raises EnvironmentProblem where there is no client, or where no engine answers it.
    """
    try:
        process = subprocess.run(
            [CLIENT, *arguments],
            cwd=cwd,
            input=stdin.encode(),
            env={**os.environ, **(environment or {})},
            capture_output=True,
            check=False,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise _no_client() from error
    return _finished(process.returncode, process.stdout, process.stderr)


def attempt_to_the_end(*arguments: str, cwd: Path, stop: Callable[[], object]) -> Finished:
    """As `attempt`, but Ctrl-C does not end the client: `stop` is called until it has ended by itself.

    A client that is killed while the engine makes something for it leaves that behind.
    """
    try:
        process = subprocess.Popen(
            [CLIENT, *arguments],
            cwd=cwd,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
        )
    except (FileNotFoundError, PermissionError) as error:
        raise _no_client() from error
    try:
        stdout, stderr = process.communicate()
    except KeyboardInterrupt:
        while process.poll() is None:
            stop()
            with suppress(subprocess.TimeoutExpired):
                process.communicate(timeout=0.5)
        raise
    return _finished(process.returncode, stdout, stderr)


def _finished(code: int, stdout: bytes, stderr: bytes) -> Finished:
    finished = Finished(code, stdout.decode(errors="replace"), _text(stderr))
    if code and _says_no_engine(finished.stderr):
        raise _no_engine(finished.stderr)
    return finished


def run(*arguments: str, cwd: Path | None = None, stdin: str = "", environment: Mapping[str, str] | None = None) -> str:
    """What `docker ARGUMENTS` writes to stdout. Raises DockerFailed, and EnvironmentProblem as `attempt` does."""
    finished = attempt(*arguments, cwd=cwd, stdin=stdin, environment=environment)
    if finished.code:
        raise _verdict(arguments, finished.code, finished.stderr)
    return finished.stdout


@contextmanager
def stream(*arguments: str) -> Iterator[IO[bytes]]:
    """The stdout of `docker ARGUMENTS` as it comes, for what is too big to hold.

    Leaving the block with data unread stops the client. Once everything was read this raises what `run` raises, also
    in place of the reader's own VendorwsError: a client that fails half-way has written half of the data.
    """
    with _scratch() as complaints, _started(arguments, complaints) as process:
        assert process.stdout is not None
        cause = None
        try:
            yield process.stdout
        except VendorwsError as error:
            cause = error
        except BaseException:
            process.kill()
            raise
        if process.stdout.read(1):  # The reader has seen enough: how the client ends now is our doing.
            process.terminate()
        elif code := process.wait():
            complaints.seek(0)
            raise _verdict(arguments, code, _text(complaints.read())) from cause
        if cause is not None:
            raise cause


def _scratch() -> IO[bytes]:
    try:
        return tempfile.TemporaryFile()
    except OSError as error:
        raise EnvironmentProblem(
            f"No temporary file can be written: {error.strerror}.", "Point TMPDIR at a folder that has room."
        ) from error


def _started(arguments: tuple[str, ...], complaints: IO[bytes]) -> subprocess.Popen[bytes]:
    try:
        return subprocess.Popen(
            [CLIENT, *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=complaints
        )
    except (FileNotFoundError, PermissionError) as error:
        raise _no_client() from error


def _verdict(arguments: tuple[str, ...], code: int, stderr: str) -> VendorwsError:
    return _no_engine(stderr) if _says_no_engine(stderr) else _failed(arguments, code, stderr)


def _text(stderr: bytes) -> str:
    return redact(stderr.decode(errors="replace")).strip()


def _no_client() -> EnvironmentProblem:
    return EnvironmentProblem(
        "The docker client is not installed, or not on PATH.", "Install Docker: https://docs.docker.com/engine/install/"
    )


# The words of docker's client when nobody answers at the other end; it has no exit code of its own for that.
_NO_ENGINE = (
    "cannot connect to the docker daemon",
    "error during connect",
    "permission denied while trying to connect",
    "failed to connect to the docker api",
    "is the docker daemon running",
    "failed to initialize: ",  # DOCKER_HOST or the context says nothing that makes sense
)


def _says_no_engine(stderr: str) -> bool:
    lowered = stderr.lower()
    return any(words in lowered for words in _NO_ENGINE)


def _no_engine(stderr: str) -> EnvironmentProblem:
    if "permission denied" in stderr.lower():
        hint = "Let this user talk to the engine (the `docker` group), or use a context that may: docker context ls"
    else:
        hint = "Start Docker, or point DOCKER_HOST or `docker context use` at an engine that runs."
    return EnvironmentProblem(f"No Docker engine answers: {_last_line(stderr)}", hint)


def _failed(arguments: tuple[str, ...], code: int, stderr: str) -> DockerFailed:
    verb = " ".join(argument for argument in arguments[:2] if not argument.startswith("-"))
    return DockerFailed(f"docker {verb} failed (exit {code}): {_last_line(stderr) or 'it gave no reason.'}")


def _last_line(stderr: str) -> str:
    lines = [line.strip() for line in stderr.splitlines() if line.strip()]
    return lines[-1] if lines else ""
