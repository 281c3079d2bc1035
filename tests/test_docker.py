"""The one door to the docker client: what it says when there is no client, no engine, or a refusal."""

from __future__ import annotations

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from vendorws import docker
from vendorws.errors import EnvironmentProblem, ExitCode, VendorwsError

needs_client = pytest.mark.skipif(shutil.which("docker") is None, reason="the docker client is not installed")


def make_client(folder: Path, script: str) -> None:
    """A program called docker, so that an ending of the client can be chosen to the byte."""
    client = folder / "docker"
    client.write_text(f"#!/bin/sh\n{script}\n", "utf-8")
    client.chmod(0o755)


@pytest.fixture
def client_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "client"
    folder.mkdir()
    monkeypatch.setenv("PATH", f"{folder}:/usr/bin:/bin")
    return folder


def test_without_a_client_the_message_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="docker client is not installed"):
        docker.run("version")
    with pytest.raises(EnvironmentProblem, match="docker client is not installed"), docker.stream("image", "save"):
        pass


@needs_client
def test_without_an_engine_the_message_names_the_address(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(EnvironmentProblem, match=r"nobody\.sock") as caught:
        docker.run("image", "ls")
    assert "DOCKER_HOST" in caught.value.hint


@needs_client
@pytest.mark.parametrize("variable", ["DOCKER_CONTEXT", "DOCKER_HOST"])
def test_an_engine_that_cannot_be_named_is_no_engine(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "no://where")
    with pytest.raises(EnvironmentProblem, match="unable to resolve docker endpoint"):
        docker.attempt("image", "inspect", "app")


@pytest.mark.usefixtures("docker_compose")
@pytest.mark.parametrize("variable", ["DOCKER_CONTEXT", "DOCKER_HOST"])
def test_an_engine_that_cannot_be_named_is_none_for_compose(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(variable, "no://where")
    with pytest.raises(EnvironmentProblem, match="unable to resolve docker endpoint"):
        docker.attempt("compose", "config")


@needs_client
def test_without_an_engine_a_stream_says_the_same(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nobody.sock")
    with pytest.raises(EnvironmentProblem, match=r"nobody\.sock"), docker.stream("image", "save", "app") as stdout:
        assert stdout.read() == b""


def test_a_refusal_is_told_in_the_clients_own_last_words_without_secrets(client_folder: Path) -> None:
    make_client(client_folder, "echo pulling >&2; echo 'no access to https://me:s3cr3t@hub.example/x' >&2; exit 7")
    with pytest.raises(docker.DockerFailed, match=r"docker image pull failed \(exit 7\): no access") as caught:
        docker.run("image", "pull", "x")
    assert "s3cr3t" not in caught.value.message
    assert caught.value.exit_code is ExitCode.ENVIRONMENT


def test_attempt_returns_a_refusal_as_a_value(client_folder: Path) -> None:
    make_client(client_folder, "cat; echo $GREETING; echo no >&2; exit 1")
    finished = docker.attempt("anything", stdin="heard\n", environment={"GREETING": "hello"})
    assert finished == docker.Finished(1, "heard\nhello\n", "no")


def test_a_stream_that_breaks_off_is_the_clients_failure_and_not_the_readers(client_folder: Path) -> None:
    make_client(client_folder, "printf half; echo 'write error: no space left' >&2; exit 1")
    with pytest.raises(docker.DockerFailed, match="no space left"), docker.stream("image", "save", "x") as stdout:
        assert stdout.read() == b"half"
        raise VendorwsError("The archive is cut off.")


def test_the_readers_own_complaint_stands_when_the_client_did_well(client_folder: Path) -> None:
    make_client(client_folder, "printf whole")
    with pytest.raises(VendorwsError, match="no image"), docker.stream("image", "save", "x") as stdout:
        stdout.read()
        raise VendorwsError("This is no image.")


def test_a_stream_without_a_place_for_complaints(
    client_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    make_client(client_folder, "printf whole")
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "nowhere"))
    with pytest.raises(EnvironmentProblem, match="No temporary file can be written"), docker.stream("image", "save"):
        pass


def test_a_reader_may_stop_early(client_folder: Path) -> None:
    make_client(client_folder, "exec yes")
    with docker.stream("image", "save", "x") as stdout:
        assert stdout.read(4) == b"y\ny\n"


def test_a_reader_that_crashes_leaves_no_client_behind(client_folder: Path) -> None:
    make_client(client_folder, "exec sleep 60")
    with pytest.raises(ZeroDivisionError), docker.stream("image", "save", "x"):
        _ = 1 / 0


def test_an_interruption_stops_the_client_and_waits_for_its_end(client_folder: Path, tmp_path: Path) -> None:
    """The client goes on by itself until it is stopped: what it was making must not be left behind."""
    make_client(
        client_folder,
        f"trap '' INT; sleep 0.5; touch {tmp_path}/begun; while [ ! -e {tmp_path}/stop ]; do sleep 0.1; done",
    )
    program = (
        "from pathlib import Path; from vendorws import docker\n"
        f"folder = Path({str(tmp_path)!r})\n"
        "docker.attempt_to_the_end('run', cwd=folder, stop=(folder / 'stop').touch)\n"
    )
    with subprocess.Popen([sys.executable, "-c", program], stderr=subprocess.PIPE) as process:
        while not (tmp_path / "begun").exists():
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.stderr is not None
        assert b"KeyboardInterrupt" in process.stderr.read()
    assert (tmp_path / "stop").exists()


def test_a_client_that_runs_to_the_end_is_told_like_any_other(client_folder: Path, tmp_path: Path) -> None:
    make_client(client_folder, "echo out; echo err >&2; exit 3")
    finished = docker.attempt_to_the_end("run", cwd=tmp_path, stop=pytest.fail)
    assert finished == docker.Finished(3, "out\n", "err")


def test_a_missing_client_is_no_run_to_the_end(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(tmp_path))
    with pytest.raises(EnvironmentProblem, match="docker client is not installed"):
        docker.attempt_to_the_end("run", cwd=tmp_path, stop=pytest.fail)
