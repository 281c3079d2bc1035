"""A Dockerfile cut into its instructions: directives, comments, continuations and heredocs as BuildKit has them.

Reference: https://docs.docker.com/reference/dockerfile/. The dockerfile-parse package was tried and left out: it takes
the body of a heredoc for instructions and does not know `# escape=`.
"""

from __future__ import annotations

import json
import re

from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Instruction:
    """One Dockerfile instruction: its keyword in capitals, its text with continuations joined, its heredoc bodies."""

    keyword: str
    text: str
    bodies: tuple[str, ...]
    line: int


@dataclass(frozen=True, slots=True)
class ParsedDockerfile:
    """The instructions in order, and the character that escapes in them."""

    instructions: tuple[Instruction, ...]
    escape: str


_DIRECTIVE = re.compile(r"#\s*(?P<name>[A-Za-z]+)\s*=\s*(?P<value>.*)")
_HEREDOC = re.compile(r"(?<!<)<<(?P<dash>-?)(?P<quote>['\"]?)(?P<word>[A-Za-z0-9_.]+)(?P=quote)(?=\s|$|[;&|)>])")
_WITH_HEREDOC = frozenset({"RUN", "COPY", "ADD"})


def parse_instructions(text: str) -> ParsedDockerfile:
    """Cut a Dockerfile into instructions: directives, comments, continuations and heredocs as BuildKit has them."""
    lines = text.removeprefix("\ufeff").splitlines()
    escape = _escape(lines)
    found: list[Instruction] = []
    position = 0
    while position < len(lines):
        start = position
        logical, position = _logical_line(lines, position, escape)
        keyword, _, rest = logical.strip().partition(" ")
        bodies: list[str] = []
        for heredoc in _HEREDOC.finditer(rest) if keyword.upper() in _WITH_HEREDOC else ():
            body, position = _heredoc_body(lines, position, heredoc["word"], tabs=bool(heredoc["dash"]))
            bodies.append(body)
        if keyword:
            found.append(Instruction(keyword.upper(), rest, tuple(bodies), start + 1))
    return ParsedDockerfile(tuple(found), escape)


def _escape(lines: list[str]) -> str:
    """The `# escape=` directive, which stands above everything but other directives."""
    for line in lines:
        directive = _DIRECTIVE.fullmatch(line.strip())
        if directive is None:
            break
        if directive["name"].lower() == "escape" and directive["value"].strip() in ("`", "\\"):
            return directive["value"].strip()
    return "\\"


def _logical_line(lines: list[str], position: int, escape: str) -> tuple[str, int]:
    """The line at `position` joined with its continuations (comments and blank lines between them vanish)."""
    joined: list[str] = []
    while position < len(lines):
        line = lines[position]
        position += 1
        if line.lstrip().startswith("#") or (joined and not line.strip()):
            if joined:
                continue
            return "", position
        bare = line.rstrip()
        if not bare.endswith(escape):
            joined.append(line)
            break
        joined.append(bare[: -len(escape)])
    return "".join(joined).replace("\t", " "), position


def _heredoc_body(lines: list[str], position: int, word: str, *, tabs: bool) -> tuple[str, int]:
    body: list[str] = []
    while position < len(lines):
        line = lines[position].lstrip("\t") if tabs else lines[position]
        position += 1
        if line == word:
            break
        body.append(line)
    return "\n".join(body), position


def declared_arguments(text: str) -> dict[str, bool]:
    """The names of a Dockerfile's build arguments (ARG), in order, and whether any of its lines gives a default."""
    found: dict[str, bool] = {}
    for instruction in parse_instructions(text).instructions:
        for word in instruction.text.split() if instruction.keyword == "ARG" else ():
            name, equals, _ = word.partition("=")
            found[name] = found.get(name, False) or bool(equals)
    return found


# ---- the text of an instruction -----------------------------------------------------------------------------------

_FLAGS = re.compile(r"\s*(--[a-z-]+(=\S*)?\s+)*")


def without_flags(text: str) -> str:
    return text[_FLAGS.match(text).end() :]  # type: ignore[union-attr]  # it matches the empty text too


def flag(text: str, name: str) -> str | None:
    match = re.search(rf"(?:^|\s)--{name}=(\S+)", text[: len(text) - len(without_flags(text))])
    return match[1] if match else None


def json_words(text: str) -> list[str] | None:
    """The words of the JSON form, or None for the shell form (Docker too falls back to it)."""
    if not text.lstrip().startswith("["):
        return None
    try:
        words = json.loads(text)
    except ValueError:
        return None
    return words if all(isinstance(word, str) for word in words) else None
