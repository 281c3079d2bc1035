"""Recognising pip. tests/test_dockerfile.py has the whole way from a Dockerfile, and tests/docker real images."""

from __future__ import annotations

import pytest

from vendorws.dockerfiles.pip_commands import Hidden, Install, Told, Untold, installs
from vendorws.dockerfiles.shell import simple_commands


def _installs(script: str) -> list[Install]:
    commands = simple_commands(script, folder="/w", exported={"PIP_SRC": "/env", "E": "e"})
    return [install for command in commands for install in installs(command)]


@pytest.mark.parametrize(
    "program",
    [
        "pip", "pip3", "pip3.12", "pip-3", "/opt/venv/bin/pip", "python -m pip", "python3.12 -Im pip", "pypy3 -m pip",
        "sudo -H pip", "exec pip", "env A=b pip", "A=b C=d pip", "time pip", "$VENV/bin/pip",
        '"$VENV"/bin/python -m pip',
    ],
)  # fmt: skip
def test_pip_is_known_by_all_its_names(program: str) -> None:
    assert _installs(f"{program} install -r r.txt --src v") == [Told("v", "/w")]


@pytest.mark.parametrize(
    "command",
    [
        "pipx install -r r.txt", "uv pip install -r r.txt", "python -m build -r x", "python setup.py install -r x",
        "python -m", "pip", "pip install", "pip install django", "pip install -e .", "pip download -r r.txt",
        "echo pip install -r r.txt", "bash script.sh", "sh -c", 'sh -c "$SCRIPT"', "$PROGRAM install",
    ],
)  # fmt: skip
def test_nothing_else_is_taken_for_it(command: str) -> None:
    assert _installs(command) == []


@pytest.mark.parametrize(
    "arguments",
    [
        "-r r.txt",
        "-rr.txt",
        "--requirement r.txt",
        "--requirement=r.txt",
        "-e git+https://x/y#egg=y",
        "--editable=git+x",
    ],
)
def test_requirements_are_known_by_all_their_options(arguments: str) -> None:
    assert _installs(f"pip install --src v {arguments}") == [Told("v", "/w")]


def test_the_environment_counts_unless_the_option_is_given() -> None:
    assert _installs("pip install -r r.txt") == [Told("/env", "/w")]
    assert _installs("PIP_SRC= pip install -r r.txt") == [Untold()]
    assert _installs("PIP_SRC=x pip install -r r.txt --src=y") == [Told("y", "/w")]


def test_a_place_that_depends_on_something_says_on_what() -> None:
    assert _installs("pip install -r r.txt --src '$A'/$B") == [Hidden("$A'/$B")]
    assert _installs('pip install -r r.txt --src="$(ls)/v"') == [Hidden("$(ls)/v")]


def test_a_shell_in_the_shell_is_read() -> None:
    assert _installs("sh -ec 'cd /x && pip install -r r.txt --src v'; bash -lc \"pip install -r r.txt\"") == [
        Told("v", "/x"),
        Told("/env", "/w"),
    ]
