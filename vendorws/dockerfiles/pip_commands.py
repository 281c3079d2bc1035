"""Recognising `pip install` of requirements in a shell command, and the `--src` folder that it is given."""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator, Mapping

from vendorws.dockerfiles.expansion import Unresolved
from vendorws.dockerfiles.shell import Command, simple_commands
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Told:
    """pip is told to keep checkouts in `source`, relative to `folder` (None: unknown) unless absolute."""

    source: str
    folder: str | None


@dataclass(frozen=True, slots=True)
class Untold:
    """Neither `--src` nor PIP_SRC is given, so the place depends on which Python runs pip."""


@dataclass(frozen=True, slots=True)
class Hidden:
    """The place depends on `what`, which only the build knows."""

    what: str


Install = Told | Untold | Hidden


def installs(command: Command) -> Iterator[Install]:
    """What `command` installs from requirements: nothing, or one `Install`; several for `sh -c "…"`."""
    process = _process(command)
    program = posixpath.basename(process.words[0]) if process.words else ""
    if program in _SHELLS:
        for inner in _script_of(process):
            yield from installs(inner)
        return
    arguments = _pip_arguments(program, process.words[1:])
    if "install" in arguments and _reads_requirements(arguments):
        yield _install(process, arguments)


@dataclass(frozen=True, slots=True)
class _Process:
    """What would be started: its words, expanded (see `_UNKNOWN`), its folder and its environment."""

    words: tuple[str, ...]
    folder: str | None
    environment: Mapping[str, str]


_SHELLS = frozenset({"sh", "bash", "dash", "ash", "zsh", "ksh"})
_PIP = re.compile(r"pip-?(\d+(\.\d+)*)?(\.exe)?")
_PYTHON = re.compile(r"(python|pypy)-?(\d+(\.\d+)*)?(\.exe)?")
_WRAPPERS = frozenset({"exec", "command", "env", "sudo", "nice", "nohup", "time", "eatmydata"})
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)", re.DOTALL)
_UNKNOWN = "\0"
"""Stands before a value that cannot be told, which is then left as it is written; no real argument can hold it."""


def _process(command: Command) -> _Process:
    """`command` without the wrappers and assignments in front of the program."""
    environment = dict(command.exported)
    words = [_soft(command, word) for word in command.words]
    while words:
        assignment = _ASSIGNMENT.fullmatch(words[0])
        if assignment:
            environment[assignment["name"]] = assignment["value"]
        elif words[0] not in _WRAPPERS and not words[0].startswith("-"):
            break
        words.pop(0)
    return _Process(tuple(words), command.folder, environment)


def _soft(command: Command, raw: str) -> str:
    try:
        return command.word(raw)
    except Unresolved:
        option, equals, value = raw.partition("=")
        unknown = _UNKNOWN + (value if equals else raw).strip("'\"")
        return f"{option}={unknown}" if equals else unknown


def _script_of(process: _Process) -> Iterator[Command]:
    """The commands of `sh -c "…"`, with what is exported to them."""
    for word, script in zip(process.words[1:], process.words[2:], strict=False):
        if re.fullmatch(r"-[a-z]*c", word):
            if _UNKNOWN not in script:
                yield from simple_commands(script, folder=process.folder, exported=process.environment)
            return


def _pip_arguments(program: str, words: tuple[str, ...]) -> tuple[str, ...]:
    """The words behind `pip`, however it is started; none when this is another program."""
    if _PIP.fullmatch(program):
        return words
    if _PYTHON.fullmatch(program):
        for position, word in enumerate(words[:-1]):
            if re.fullmatch(r"-[A-Za-z]*m", word):
                return words[position + 2 :] if words[position + 1] == "pip" else ()
            if not word.startswith("-"):
                return ()
    return ()


def _reads_requirements(arguments: tuple[str, ...]) -> bool:
    """Whether pip reads a requirements file or an editable git URL; `pip install --upgrade pip` is none of ours."""
    for word, following in zip(arguments, (*arguments[1:], ""), strict=True):
        if re.match(r"-r|--requirement(=|$)", word):
            return True
        if (word in ("-e", "--editable") and "git+" in following) or re.match(r"(-e|--editable=).*git\+", word):
            return True
    return False


_SOURCE = re.compile(r"--(?:src|source|source-dir|source-directory)(?:=(?P<value>.*))?", re.DOTALL)


def _install(process: _Process, arguments: tuple[str, ...]) -> Install:
    source = process.environment.get("PIP_SRC")
    for word, following in zip(arguments, (*arguments[1:], ""), strict=True):
        option = _SOURCE.fullmatch(word)
        if option:
            source = following if option["value"] is None else option["value"]
    if not source:
        return Untold()
    if _UNKNOWN in source:
        return Hidden(source.partition(_UNKNOWN)[2])
    return Told(source, process.folder)
