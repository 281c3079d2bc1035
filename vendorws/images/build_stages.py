"""The stages that a Dockerfile goes through before its last, the commands they run, and what building them leaves."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from vendorws.dockerfiles.instructions import Instruction, declared_arguments, parse_instructions
from vendorws.images.config import command_of
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class _Stage:
    name: str
    uses: frozenset[str]
    """What it begins from and copies from, in small letters: stages by name or number, and images."""


@dataclass(frozen=True, slots=True)
class CacheRecord:
    """One record of BuildKit's cache: its id, and what it says it was made by."""

    id: str
    description: str


@dataclass(frozen=True, slots=True)
class Leftovers:
    """What there is to look at besides an image.

    `images` maps images of the engine to what they are called for people. `not_looked_at` says in a sentence each what
    could not be had. `complete` tells whether every stage was had as it was built.
    """

    images: Mapping[str, str]
    records: tuple[CacheRecord, ...]
    not_looked_at: tuple[str, ...]
    complete: bool = True


def earlier_stages(text: str, target: str | None = None) -> tuple[str, ...]:
    """The stages that the build of `target` (None: the last one) goes through before it, in order.

    A stage without a name goes by its number, which `--target` takes as well.
    """
    stages = _stages(text)
    wanted = {target.lower()} if target else {stages[-1].name} if stages else set()
    last = next((index for index, stage in enumerate(stages) if _names(stage, index) & wanted), -1)
    for index in range(last, -1, -1):
        if _names(stages[index], index) & wanted:
            wanted |= stages[index].uses
    return tuple(stage.name for index, stage in enumerate(stages[:last]) if _names(stage, index) & wanted)


def open_arguments(text: str) -> tuple[str, ...]:
    """The build arguments that have no default anywhere, so that whoever builds has to give them."""
    declared = declared_arguments(text).items()
    return tuple(name for name, has_default in declared if not has_default and not _PREDEFINED.fullmatch(name))


# https://docs.docker.com/reference/dockerfile/#arg
_PREDEFINED = re.compile(
    r"(?:BUILD|TARGET)(?:PLATFORM|OS|OSVERSION|ARCH|VARIANT|STAGE)|(?:https?|ftp|no|all)_proxy|BUILDKIT_\w+",
    re.IGNORECASE,
)


def run_commands(text: str) -> frozenset[str]:
    """The shell commands of all RUN instructions, as `image_config.command_of` gives them for a history.

    Commands that any project might run are left out.
    """
    found = (_command(instruction) for instruction in parse_instructions(text).instructions)
    return frozenset(command for command in found if len(command) >= _TELLING)


def came_from(commands: frozenset[str], history: Sequence[str]) -> bool:
    """Whether an image with this history (the base's steps first) was built from a Dockerfile with these `commands`.

    Where one of them stands in the history, no strange one may follow: a neighbour's Dockerfile may begin like ours.
    """
    ran = [command for command in map(command_of, history) if len(command) >= _TELLING]
    first = next((index for index, command in enumerate(ran) if command in commands), None)
    return first is not None and commands.issuperset(ran[first:])


_TELLING = 20
_FLAGS = re.compile(r"(?:--\S+\s+)*")
_FROM = re.compile(r"(?:--\S+\s+)*(?P<base>\S+)(?:\s+AS\s+(?P<name>\S+))?", re.IGNORECASE)
_SOURCE = re.compile(r"(?:--|[=,])from=(?P<stage>[^\s,]+)")


def _stages(text: str) -> list[_Stage]:
    stages: list[_Stage] = []
    for instruction in parse_instructions(text).instructions:
        match = _FROM.match(instruction.text) if instruction.keyword == "FROM" else None
        if match:
            name = match["name"] or str(len(stages))
            stages.append(_Stage(name.lower(), frozenset({match["base"].lower()})))
        elif stages and instruction.keyword in ("COPY", "ADD", "RUN"):
            sources = {found["stage"].lower() for found in _SOURCE.finditer(instruction.text)}
            stages[-1] = _Stage(stages[-1].name, stages[-1].uses | sources)
    return stages


def _names(stage: _Stage, index: int) -> set[str]:
    return {stage.name, str(index)}


def _command(instruction: Instruction) -> str:
    if instruction.keyword != "RUN" or instruction.bodies:
        return ""
    return " ".join(_FLAGS.sub("", instruction.text, count=1).split())
