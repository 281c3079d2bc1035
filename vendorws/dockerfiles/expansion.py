"""Variables filled into text, as shells, Dockerfiles and Compose files do it, without running anything.

A value that only a running machine knows (`$(…)`, a variable that is not known) is `Unresolved`, never guessed.
"""

from __future__ import annotations

import fnmatch
import re
from collections.abc import Callable, Mapping
from functools import partial

Variables = Mapping[str, str]


class Unresolved(Exception):
    """A text whose value only a running machine knows; `what` is the part that stops us, as it is written."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


def expand(text: str, variables: Variables, *, escape: str = "\\", quoted: bool = False) -> str:
    """`text` with quotes removed and parameters filled in, as a shell and a Dockerfile both do.

    `quoted`: it stands in double quotes already. Raises Unresolved.
    """
    if text == "~" or text.startswith("~/"):
        text = "$HOME" + text[1:]
    found: list[str] = []
    position = 0
    while position < len(text):
        char = text[position]
        if char == "'" and not quoted:
            end = closing(text, position + 1, "'")
            found.append(text[position + 1 : end])
            position = end + 1
        elif char == '"':
            quoted = not quoted
            position += 1
        elif char == escape and position + 1 < len(text):
            following = text[position + 1]
            keep = quoted and following not in f'"$`{escape}'
            found.append(char + following if keep else following)
            position += 2
        elif char == "$":
            inner = partial(expand, variables=variables, escape=escape, quoted=quoted)
            value, position = _parameter(text, position, inner, variables)
            found.append(value)
        elif char == "`" and escape != "`":
            end = closing(text, position + 1, "`")
            found.append(_output_of(text[position : end + 1], text[position + 1 : end], variables))
            position = end + 1
        else:
            found.append(char)
            position += 1
    return "".join(found)


def interpolate(text: str, variables: Variables) -> str:
    """`text` as Compose interpolates it: `$$` is a dollar, an unset variable is empty, quotes are plain text.

    Raises Unresolved for `${VAR:?…}` with nothing set, where Compose itself stops.
    """
    found: list[str] = []
    position = 0
    while position < len(text):
        if text.startswith("$$", position):
            found.append("$")
            position += 2
        elif text[position] == "$":
            value, position = _parameter(text, position, lambda inner: interpolate(inner, variables), variables, "")
            found.append(value)
        else:
            found.append(text[position])
            position += 1
    return "".join(found)


_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")
_OPERATION = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)(?P<operator>:?[-+=?]|##?|%%?|$)(?P<word>.*)", re.DOTALL)


def _parameter(
    text: str, start: int, inner: Callable[[str], str], variables: Variables, unset: str | None = None
) -> tuple[str, int]:
    """The value of the parameter whose `$` is at `start`, and where the text goes on."""
    if text.startswith("${", start):
        end = closing(text, start + 2, "}")
        written, body = text[start : end + 1], text[start + 2 : end]
        return _operation(written, body, inner, variables, unset), end + 1
    if text.startswith("$(", start):
        end = closing(text, start + 2, ")")
        return _output_of(text[start : end + 1], text[start + 2 : end], variables), end + 1
    name = _NAME.match(text, start + 1)
    if name:
        return _value(name[0], variables, unset), name.end()
    following = text[start + 1 : start + 2]
    if following and (following.isalnum() or following in "@*#?$!-"):
        raise Unresolved(text[start : start + 2])
    return "$", start + 1


def _operation(written: str, body: str, inner: Callable[[str], str], variables: Variables, unset: str | None) -> str:
    match = _OPERATION.fullmatch(body)
    if match is None:
        raise Unresolved(written)
    name, operator, word = match["name"], match["operator"], match["word"]
    value = variables.get(name)
    there = bool(value) if operator.startswith(":") else value is not None
    kind = operator[-1:]
    if kind == "+":
        return inner(word) if there else ""
    if kind in ("-", "="):
        return value if there and value is not None else inner(word)
    if kind == "?" and not there:
        raise Unresolved(written)
    value = _value(name, variables, unset)
    return _trimmed(value, operator, inner(word)) if kind in ("#", "%") else value


def _value(name: str, variables: Variables, unset: str | None) -> str:
    value = variables.get(name, unset)
    if value is None:
        raise Unresolved(f"${name}")
    return value


def _trimmed(value: str, operator: str, pattern: str) -> str:
    """`${value#pattern}` and its relatives: a single sign removes the shortest match, a double one the longest."""
    cuts = range(len(value) + 1)
    from_start = operator.startswith("#")
    shortest_first = cuts if (len(operator) == 1) == from_start else reversed(cuts)
    for cut in shortest_first:
        part, rest = (value[:cut], value[cut:]) if from_start else (value[cut:], value[:cut])
        if fnmatch.fnmatchcase(part, pattern):
            return rest
    return value


def _output_of(written: str, command: str, variables: Variables) -> str:
    if command.strip() == "pwd" and "PWD" in variables:
        return variables["PWD"]
    raise Unresolved(written)


_OPENED_BY = {"}": "{", ")": "("}


def closing(text: str, start: int, closer: str) -> int:
    """Where the `closer` of what was opened before `start` stands; the end of the text when it is never closed."""
    depth, position = 0, start
    while position < len(text):
        char = text[position]
        if char == "\\" and closer != "'":
            position += 1
        elif char == closer and depth == 0:
            return position
        elif char == closer:
            depth -= 1
        elif char == _OPENED_BY.get(closer):
            depth += 1
        elif closer in _OPENED_BY and char in "'\"":
            position = closing(text, position + 1, char)
        position += 1
    return len(text)
