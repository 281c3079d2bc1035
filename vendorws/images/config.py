"""What an image's configuration and history say in words: variables, build arguments, the instructions themselves."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from typing import Any, Literal

from vendorws.images.manifest import Image
from vendorws.images.private_keys import hide_keys
from vendorws.redaction import redact
from vendorws.values import dataclass

Where = Literal["environment", "build argument", "history", "configuration", "document", "build cache"]


@dataclass(frozen=True, slots=True)
class Variable:
    """A value with a name; `step` is the index in the history of what set it, or None where that is not told."""

    where: Where
    name: str
    value: str
    step: int | None


@dataclass(frozen=True, slots=True)
class Words:
    """A text of the configuration; `name` is the way to it (`config.Labels.source`), or None for a step's own text."""

    where: Where
    name: str | None
    text: str
    step: int | None


def variables(image: Image) -> Iterator[Variable]:
    """The environment, then the build arguments and the variables that the history shows, also overwritten ones."""
    steps = tuple(map(_bare, image.instructions))
    for entry in _environment(image.config):
        name, _, value = entry.partition("=")
        yield Variable("environment", name, value, _last_step_with(steps, "ENV", name))
    arguments: set[str] = set()
    for index, step in enumerate(steps):
        if step.startswith(("ARG ", "ENV ")):
            where: Where = "environment" if step.startswith("ENV") else "build argument"
            assigned = dict(_assignments(step[4:]))
            arguments |= assigned.keys() if where == "build argument" else set()
            arguments |= {step[4:].strip()} if step.startswith("ARG ") and not assigned else set()
            yield from (Variable(where, name, value, index) for name, value in assigned.items())
        else:
            for name, value in _build_arguments(step, arguments):
                yield Variable("build argument", name, value, index)


def words(image: Image) -> Iterator[Words]:
    """Every text of the configuration document, the history's steps first."""
    for index, instruction in enumerate(image.instructions):
        yield Words("history", None, instruction, index)
    for name, text in _texts(image.config, ""):
        if not name.endswith(".created_by"):
            yield Words("configuration", name, text, None)


_RECORDED_ARGUMENT = "build-arg:"  # how BuildKit's provenance attestations call a build argument


def document_words(name: str, content: bytes) -> Iterator[Variable | Words]:
    """The texts of a document that is no configuration: an attestation, an annotated index, anything else."""
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        value = content.decode("utf-8", "replace")
    for way, text in _texts(value, ""):
        _, recorded, argument = way.rpartition(_RECORDED_ARGUMENT)
        if recorded:
            yield Variable("build argument", argument, text, None)
        else:
            yield Words("document", f"{name}: {way}" if way else name, text, None)


def shown_instruction(created_by: str, secrets: Sequence[str]) -> str:
    """The first line of a history step in the words of a Dockerfile, without anything that might be a secret.

    Gone are: the values of build arguments and of ENV, ARG and LABEL; whatever is quoted, but for a lone variable;
    keys; passwords in URLs; and each of `secrets`, also with backslashes in it.
    """
    text = _beginning(hide_keys(_without_arguments(_bare(created_by))))
    text = _QUOTED.sub(_quoted, text)
    for secret in sorted(secrets, key=len, reverse=True):
        text = _pattern_of(secret).sub("****", text)
    text = _VALUES.sub(r"\g<name>=…", redact(text))
    line = " ".join(text.strip().partition("\n")[0].split())
    return printable(line if len(line) <= _WIDTH else f"{line[: _WIDTH - 1]}…")


def command_of(created_by: str) -> str:
    """The shell command of a RUN step, its blanks made one; empty for any other step."""
    step = _without_arguments(_bare(created_by))
    return " ".join(step.split()[1:]) if step.startswith("RUN ") else ""


def printable(text: str) -> str:
    """`text` without the power to move a terminal's cursor: what cannot be printed is written as an escape."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape", "replace").decode() for char in text)


_WIDTH = 110
_LONGEST_STEP = 5000


def _beginning(text: str) -> str:
    """`text`, or as many of its words as are ever shown: no word is cut, so that what it hides can be told."""
    return text if len(text) <= _LONGEST_STEP else text[:_LONGEST_STEP].rpartition(" ")[0]


_QUOTED = re.compile(r"(?P<quote>[\"'])(?P<inner>.*?)(?:(?P=quote)|\Z)", re.DOTALL)
_LONE_VARIABLE = re.compile(r"\$\w+|\$\{\w+\}")
_VALUES = re.compile(r"^(?P<name>(?:ENV|ARG|LABEL) [^=\s]+)=.*", re.DOTALL)


def _quoted(match: re.Match[str]) -> str:
    inner = match["inner"] if _LONE_VARIABLE.fullmatch(match["inner"]) else "…"
    return f"{match['quote']}{inner}{match['quote']}"


def _pattern_of(secret: str) -> re.Pattern[str]:
    pattern = r"\\*".join(map(re.escape, secret))
    return re.compile(pattern if len(secret) > 5 else rf"(?<!\w){pattern}(?!\w)")


_SHELL = "/bin/sh -c "
_NO_COMMAND = f"{_SHELL}#(nop) "


def _bare(created_by: str) -> str:
    """A history step as the Dockerfile says it: both builders write a RUN and the other instructions their own way."""
    text = created_by.removesuffix("# buildkit").strip()
    if text.startswith(_NO_COMMAND):
        return text.removeprefix(_NO_COMMAND).strip()
    if text.startswith("|"):
        return f"RUN {text}"
    text = text.removeprefix("RUN ") if text.startswith(f"RUN {_SHELL}") else text
    return f"RUN {text.removeprefix(_SHELL)}" if text.startswith(_SHELL) else text


_ARGUMENTS = re.compile(r"RUN \|(?P<count>\d+) (?P<rest>.*)", re.DOTALL)


def _without_arguments(step: str) -> str:
    match = _ARGUMENTS.fullmatch(step)
    if match is None:
        return step
    _arguments, shell, command = match["rest"].rpartition(_SHELL)
    return f"RUN {command}" if shell else "RUN …"


def _build_arguments(step: str, declared: set[str]) -> Iterator[tuple[str, str]]:
    """`|2 a=1 b=2 /bin/sh -c …`: names and values, told apart by the names that ARG declared.

    Nothing is quoted there: the last value may take in a part of the command where the shell is an unusual one.
    """
    match = _ARGUMENTS.fullmatch(step)
    if match is None:
        return
    found = list(_assignments(match["rest"], declared)) or list(_assignments(match["rest"]))
    for name, value in found[: int(match["count"])]:
        yield name, value.partition(f" {_SHELL}")[0]


_NAME = re.compile(r"(?:^|\s)(?P<name>[A-Za-z_]\w*)=")


def _assignments(text: str, names: Collection[str] = ()) -> Iterator[tuple[str, str]]:
    """`a=1 b=2 3` cut before each `name=`: a is 1, b is `2 3`; only before those of `names` where there are any."""
    matches = [match for match in _NAME.finditer(text) if not names or match["name"] in names]
    ends = [*(match.start() for match in matches[1:]), len(text)]
    for match, end in zip(matches, ends, strict=False):
        yield match["name"], text[match.end() : end].strip("\"'")


def _environment(config: Mapping[str, Any]) -> list[str]:
    inner = config.get("config")
    entries = inner.get("Env") if isinstance(inner, dict) else None
    return [str(entry) for entry in entries] if isinstance(entries, list) else []


def _last_step_with(steps: Sequence[str], verb: str, name: str) -> int | None:
    setting = re.compile(rf"{verb} (?:.*\s)?{re.escape(name)}[= ]", re.DOTALL)
    return next((index for index in reversed(range(len(steps))) if setting.match(steps[index])), None)


def _texts(value: object, name: str) -> Iterator[tuple[str, str]]:
    """Every text in a JSON value with the way to it. What is nested deeper than json.loads reads cannot come here."""
    if isinstance(value, str):
        yield name, value
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from _texts(inner, f"{name}.{key}".lstrip("."))
    elif isinstance(value, list):
        for inner in value:
            yield from _texts(inner, name)
