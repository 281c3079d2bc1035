"""A Dockerfile read for one answer: in which folder of the image are pip's `--src` checkouts?

The stages are folded instruction by instruction, from the first line to the last: WORKDIR, ENV and ARG say what a
path means, RUN says where pip put something, COPY --from and FROM carry it on.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Mapping
from dataclasses import field, replace

from vendorws.dockerfiles.expansion import Unresolved, expand
from vendorws.dockerfiles.instructions import (
    Instruction,
    ParsedDockerfile,
    flag,
    json_words,
    parse_instructions,
    without_flags,
)
from vendorws.dockerfiles.pip_commands import Hidden, Install, Told, installs
from vendorws.dockerfiles.shell import Command, simple_commands, split_words
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Place:
    """The image keeps the checkouts in `path` (absolute); line `line` of the Dockerfile put them there."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Unclear:
    """pip installs requirements on line `line`, but `reason` keeps the place from being read off.

    `mend` says what to change there, where it is not simply the `--src`.
    """

    reason: str
    line: int
    mend: str = ""


def find_checkouts(text: str, build_args: Mapping[str, str], target: str | None = None) -> Place | Unclear | None:
    """Where the image that `text` builds keeps pip's `--src` checkouts; None when it installs no requirements.

    `build_args` are Compose's `build.args` with their values, `target` is `build.target` (None: the last stage).
    """
    stages = _build_stages(parse_instructions(text), build_args)
    stage = _named(stages, target) if target else (stages[-1] if stages else None)
    if stage is None:
        return Unclear(f"it has no stage {target!r}", 1) if target else None
    return _verdict(stage)


def _verdict(stage: _Stage) -> Place | Unclear | None:
    paths = {place.path for place in stage.places}
    if len(paths) > 1:
        return Unclear(
            f"pip puts checkouts into more than one folder ({', '.join(sorted(paths))})", stage.places[-1].line
        )
    doubts = [doubt for doubt in stage.doubts if not (paths and isinstance(doubt, _NoSourceDoubt))]
    if doubts:
        return Unclear(doubts[0].reason, doubts[0].line, doubts[0].mend)
    return stage.places[-1] if paths else None


@dataclass(frozen=True, slots=True)
class _NoSourceDoubt(Unclear):
    """An install without `--src`, which does not matter beside one that has it."""


@dataclass(frozen=True, slots=True)
class _Stage:
    """What is known of a stage after some of its instructions; `folder` is None while only the base image knows it."""

    names: tuple[str, ...]
    folder: str | None = None
    arguments: Mapping[str, str] = field(default_factory=dict)
    environment: Mapping[str, str] = field(default_factory=dict)
    places: tuple[Place, ...] = ()
    doubts: tuple[Unclear, ...] = ()

    @property
    def variables(self) -> dict[str, str]:
        return {**self.arguments, **self.environment}


@dataclass(frozen=True, slots=True)
class _Build:
    """What stays the same for a whole build, and the stages finished so far."""

    build_args: Mapping[str, str]
    defaults: Mapping[str, str]
    escape: str
    stages: tuple[_Stage, ...] = ()


def _build_stages(parsed: ParsedDockerfile, build_args: Mapping[str, str]) -> tuple[_Stage, ...]:
    build = _Build(build_args, {}, parsed.escape)
    stage: _Stage | None = None
    for instruction in parsed.instructions:
        if instruction.keyword == "FROM":
            if stage is not None:
                build = replace(build, stages=(*build.stages, stage))
            stage = _from(build, instruction)
        elif stage is not None:
            stage = _EFFECTS.get(instruction.keyword, _nothing)(stage, instruction, build)
        elif instruction.keyword == "ARG":
            build = replace(build, defaults={**build.defaults, **_declared(instruction, build, build.defaults, {})})
    return build.stages if stage is None else (*build.stages, stage)


def _named(stages: tuple[_Stage, ...], name: str) -> _Stage | None:
    """The stage that `FROM name` or `--from=name` means, the nearest above; None for an image from elsewhere."""
    return next((stage for stage in reversed(stages) if name.lower() in stage.names), None)


def _from(build: _Build, instruction: Instruction) -> _Stage:
    words = [word for word in split_words(instruction.text) if not word.startswith("--")]
    names = [str(len(build.stages))]
    if len(words) == 3 and words[1].lower() == "as":
        names.append(words[2].lower())
    try:
        image = expand(words[0], build.defaults, escape=build.escape) if words else ""
    except Unresolved:
        image = ""
    # A number names a stage in `--from` and in `build.target`, never in FROM.
    parent = _named(build.stages, image) if not image.isdigit() else None
    if parent is not None:
        return replace(parent, names=tuple(names))
    return _Stage(tuple(names), folder="/" if image == "scratch" else None)


def _nothing(stage: _Stage, _instruction: Instruction, _build: _Build) -> _Stage:
    return stage


def _workdir(stage: _Stage, instruction: Instruction, build: _Build) -> _Stage:
    try:
        folder = expand(instruction.text.strip(), stage.variables, escape=build.escape)
    except Unresolved:
        return replace(stage, folder=None)
    return replace(stage, folder=_absolute(folder, stage.folder))


def _absolute(path: str, folder: str | None) -> str | None:
    """`path` below `folder`; None when the folder is needed and unknown, or when this is a Windows path."""
    if re.match(r"[A-Za-z]:|\\", path):
        return None
    if path.startswith("/"):
        return posixpath.normpath("/" + path.lstrip("/"))
    return None if folder is None else posixpath.normpath(posixpath.join(folder, path))


def _env(stage: _Stage, instruction: Instruction, build: _Build) -> _Stage:
    words = split_words(instruction.text, escape=build.escape)
    if words and "=" not in words[0]:  # the old form: ENV name the whole rest of the line
        words = (f"{words[0]}={instruction.text.strip()[len(words[0]) :].strip()}",)
    environment = dict(stage.environment)
    for word in words:
        name, _, value = word.partition("=")
        environment.pop(name, None)
        try:
            environment[name] = expand(value, stage.variables, escape=build.escape)
        except Unresolved:
            continue  # for example PATH=/venv/bin:$PATH: unknown, and only a loss to whoever asks for it
    set_here = {word.partition("=")[0] for word in words}
    arguments = {name: value for name, value in stage.arguments.items() if name not in set_here}
    return replace(stage, environment=environment, arguments=arguments)


def _arg(stage: _Stage, instruction: Instruction, build: _Build) -> _Stage:
    declared = _declared(instruction, build, stage.variables, build.defaults)
    return replace(stage, arguments={**stage.arguments, **declared})


def _declared(
    instruction: Instruction, build: _Build, variables: Mapping[str, str], defaults: Mapping[str, str]
) -> dict[str, str]:
    """The values that an ARG gives: the build's own, else its default, else that of an ARG above the first FROM."""
    known: dict[str, str] = {}
    for word in split_words(instruction.text, escape=build.escape):
        name, equals, default = word.partition("=")
        try:
            if name in build.build_args:
                known[name] = build.build_args[name]
            elif equals:
                known[name] = expand(default, {**variables, **known}, escape=build.escape)
            elif name in defaults:
                known[name] = defaults[name]
        except Unresolved:
            known.pop(name, None)
    return known


def _run(stage: _Stage, instruction: Instruction, build: _Build) -> _Stage:
    for command in _commands(stage, instruction, build):
        for install in installs(command):
            stage = _installed(stage, install, instruction.line)
    return stage


def _commands(stage: _Stage, instruction: Instruction, build: _Build) -> list[Command]:
    text = without_flags(instruction.text)
    argv = json_words(text)
    if argv is not None:
        # The exec form has no shell: nothing in it is expanded, so each word is handed on quoted.
        words = tuple("'" + word.replace("'", "'\\''") + "'" for word in argv)
        return [Command(words, stage.folder, {}, stage.variables)]
    if instruction.bodies and text.lstrip().startswith("<<"):
        script = "\n".join(instruction.bodies)
    else:
        script = "\n".join((text, *(instruction.bodies if _feeds_a_shell(text) else ())))
    return list(simple_commands(script, folder=stage.folder, exported=stage.variables))


def _feeds_a_shell(text: str) -> bool:
    words = split_words(text)
    return bool(words) and posixpath.basename(words[0]) in ("sh", "bash", "dash", "ash", "zsh")


def _installed(stage: _Stage, install: Install, line: int) -> _Stage:
    if isinstance(install, Hidden):
        doubt = Unclear(f"its --src depends on {install.what}, which is not known before the build", line)
        return replace(stage, doubts=(*stage.doubts, doubt))
    if not isinstance(install, Told):
        doubt = _NoSourceDoubt("its pip install has no --src", line)
        return replace(stage, doubts=(*stage.doubts, doubt))
    path = _absolute(install.source, install.folder)
    if path is None:
        reason = f"its --src {install.source} is relative to a folder that is not known before the build"
        doubt = Unclear(reason, line, "Put a WORKDIR with an absolute path above that line")
        return replace(stage, doubts=(*stage.doubts, doubt))
    return replace(stage, places=(*stage.places, Place(path, line)))


def _copy(stage: _Stage, instruction: Instruction, build: _Build) -> _Stage:
    origin = flag(instruction.text, "from")
    source = _named(build.stages, origin) if origin else None
    if source is None:
        return stage
    try:
        *froms, destination = _copy_words(stage, instruction, build)
    except (Unresolved, ValueError):
        doubt = Unclear(f"what it copies from {origin} is not known before the build", instruction.line)
        return replace(stage, doubts=(*stage.doubts, doubt)) if source.places or source.doubts else stage
    target = _absolute(destination, stage.folder)
    arrived = [
        Place(posixpath.join(target, rest) if rest else target, place.line)
        for place in source.places
        for pattern in froms
        if target is not None and (rest := _below(place.path, pattern)) is not None
    ]
    return replace(stage, places=(*stage.places, *arrived), doubts=(*stage.doubts, *source.doubts))


def _copy_words(stage: _Stage, instruction: Instruction, build: _Build) -> list[str]:
    text = without_flags(instruction.text)
    words = json_words(text) or split_words(text, escape=build.escape)
    return [expand(word, stage.variables, escape=build.escape) for word in words]


def _below(path: str, pattern: str) -> str | None:
    """What of `path` is left below the folder `pattern`, as COPY copies it; None when `path` is not copied.

    COPY copies the *contents* of a folder, also of each folder that a wildcard matches.
    """
    wanted = [part for part in posixpath.normpath("/" + pattern).split("/") if part]
    parts = [part for part in path.split("/") if part]
    matches = len(parts) >= len(wanted) and all(map(fnmatch.fnmatchcase, parts, wanted))
    return "/".join(parts[len(wanted) :]) if matches else None


_EFFECTS: Mapping[str, Callable[[_Stage, Instruction, _Build], _Stage]] = {
    "WORKDIR": _workdir,
    "ENV": _env,
    "ARG": _arg,
    "RUN": _run,
    "COPY": _copy,
}
