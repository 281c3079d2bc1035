"""Shell text read without running it: variables, words and the simple commands of a script.

Only what decides where a command works is understood: quotes, `$VAR` with its `:-` relatives, `cd`, assignments,
`&&`, `;`, pipes and parentheses. Whatever depends on a running machine (`$(…)`, an unknown variable, a folder that
is changed in one branch of an `if`) is `Unresolved`, never guessed.
"""

from __future__ import annotations

import fnmatch
import posixpath
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial

Variables = Mapping[str, str]


class Unresolved(Exception):
    """A text whose value only a running machine knows; `what` is the part that stops us, as it is written."""

    def __init__(self, what: str) -> None:
        super().__init__(what)
        self.what = what


@dataclass(frozen=True, slots=True)
class Command:
    """One simple command as it would run: its words as written, and the place and variables it would see.

    `folder` is None where it cannot be told; `exported` is the environment of the process.
    """

    words: tuple[str, ...]
    folder: str | None
    variables: Variables
    exported: Variables

    def word(self, raw: str) -> str:
        """`raw` with quotes removed and variables filled in. Raises Unresolved."""
        return expand(raw, self.variables)


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
            end = _closing(text, position + 1, "'")
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
            end = _closing(text, position + 1, "`")
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
        end = _closing(text, start + 2, "}")
        written, body = text[start : end + 1], text[start + 2 : end]
        return _operation(written, body, inner, variables, unset), end + 1
    if text.startswith("$(", start):
        end = _closing(text, start + 2, ")")
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


def _closing(text: str, start: int, closer: str) -> int:
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
            position = _closing(text, position + 1, char)
        position += 1
    return len(text)


def split_words(text: str, *, escape: str = "\\") -> tuple[str, ...]:
    """`text` cut at its unquoted blanks; quotes and escapes stay in the words."""
    return tuple(token for token in _tokens(text, operators="", escape=escape) if not token.isspace())


def simple_commands(script: str, *, folder: str | None, exported: Variables) -> Iterator[Command]:
    """Every simple command of a POSIX shell script, in reading order, with what `cd` and assignments did before it.

    Both branches of a condition are read. A folder that was changed inside a branch, a loop or after `||` counts as
    unknown behind it.
    """
    state = _Shell(folder, {}, dict(exported))
    around: list[_Block] = []
    for words, separator in _statements(script.replace("\\\n", "")):
        while words and words[0] in _RESERVED:
            state = _at_reserved(words.pop(0), state, around)
        if words:
            command = tuple(words)
            yield Command(command, state.folder, state.variables, state.exported)
            state = _after(state, command, maybe=separator == "||")


@dataclass(frozen=True, slots=True)
class _Shell:
    folder: str | None
    local: Variables
    exported: Variables

    @property
    def variables(self) -> Variables:
        here = {} if self.folder is None else {"PWD": self.folder}
        return {**self.exported, **self.local, **here}


@dataclass(frozen=True, slots=True)
class _Block:
    """An open `if`, loop or parenthesis: what was known before it, and what every finished branch agrees on."""

    opener: str
    before: _Shell
    agreed: _Shell


_OPENERS = frozenset({"if", "case", "for", "while", "until", "("})
_CLOSERS = frozenset({"fi", "esac", "done"})
_RESERVED = frozenset({"then", "else", "elif", "do", "!", "{", "}", "time", ")", *_OPENERS, *_CLOSERS})
_ASSIGNMENT = re.compile(r"(?P<name>[A-Za-z_][A-Za-z0-9_]*)=(?P<value>.*)", re.DOTALL)


def _at_reserved(word: str, state: _Shell, around: list[_Block]) -> _Shell:
    if word in _OPENERS:
        around.append(_Block(word, state, state))
    elif word == ")" and around and around[-1].opener == "(":
        return around.pop().before
    elif word in _CLOSERS and around:
        return _agreement(around.pop().agreed, state)
    elif word in ("else", "elif") and around:
        block = around[-1]
        around[-1] = replace(block, agreed=_agreement(block.agreed, state))
        return block.before
    return state


def _agreement(one: _Shell, other: _Shell) -> _Shell:
    return _Shell(
        one.folder if one.folder == other.folder else None,
        dict(one.local.items() & other.local.items()),
        dict(one.exported.items() & other.exported.items()),
    )


def _after(state: _Shell, command: tuple[str, ...], *, maybe: bool) -> _Shell:
    """What the shell knows once `command` has run; `maybe` says that it runs only when another one failed."""
    name, arguments = command[0], command[1:]
    if name in ("cd", "pushd", "popd"):
        return replace(state, folder=None if maybe else _folder_after(state, arguments))
    if name == "export":
        known = _assigned(state, arguments)
        plain = {word: state.local[word] for word in arguments if word in state.local}
        return replace(state, exported={**state.exported, **plain, **known})
    if all(_ASSIGNMENT.fullmatch(word) for word in command):
        return replace(state, local={**state.local, **_assigned(state, command)})
    return state


def _folder_after(state: _Shell, arguments: tuple[str, ...]) -> str | None:
    targets = [word for word in arguments if word not in ("-P", "-L", "--")]
    try:
        target = expand(targets[0], state.variables) if len(targets) == 1 else ""
    except Unresolved:
        return None
    if target.startswith("/"):
        return posixpath.normpath(target)
    if not target or target == "-" or state.folder is None:
        return None
    return posixpath.normpath(posixpath.join(state.folder, target))


def _assigned(state: _Shell, words: tuple[str, ...]) -> dict[str, str]:
    known: dict[str, str] = {}
    for word in words:
        match = _ASSIGNMENT.fullmatch(word)
        if match:
            try:
                known[match["name"]] = expand(match["value"], {**state.variables, **known})
            except Unresolved:
                known.pop(match["name"], None)
    return known


_SEPARATORS = frozenset({";", "&", "&&", "||", "|", "|&", ";;", "\n"})


def _statements(script: str) -> Iterator[tuple[list[str], str]]:
    """The words between two separators, each with the separator before it; `(` and `)` begin words of their own."""
    words: list[str] = []
    before, redirected = "", False
    for token in _tokens(script, operators=";&|()<>\n", escape="\\"):
        if token == " ":
            continue
        if token[0] in "<>" or token in ("&>", "&>>"):
            if words and words[-1].isdigit():
                words.pop()
            redirected = True
        elif token in _SEPARATORS:
            if words:
                yield words, before
            words, before = [], token
        elif token in ("(", ")"):
            if words:
                yield words, before
            yield [token], before
            words, before = [], ""
        elif redirected:
            redirected = False
        else:
            words.append(token)
    if words:
        yield words, before


_OPERATORS = (
    "&>>",
    "<<<",
    "&>",
    "&&",
    "||",
    "|&",
    ";;",
    ">>",
    "<<",
    ">&",
    "<&",
    ">|",
    ";",
    "&",
    "|",
    "(",
    ")",
    "<",
    ">",
    "\n",
)


def _tokens(text: str, *, operators: str, escape: str) -> Iterator[str]:
    """Words (quotes kept), runs of operator characters, and blanks, in order; comments are left out of scripts."""
    position = 0
    while position < len(text):
        char = text[position]
        if char in operators:
            operator = next(found for found in _OPERATORS if text.startswith(found, position))
            yield operator
            position += len(operator)
        elif char.isspace():
            yield " "
            position += 1
        elif char == "#" and operators:
            newline = text.find("\n", position)
            position = len(text) if newline < 0 else newline
        else:
            end = _word_end(text, position, operators, escape)
            yield text[position:end]
            position = end


def _word_end(text: str, start: int, operators: str, escape: str) -> int:
    position = start
    while position < len(text):
        char = text[position]
        if char == escape:
            position += 1
        elif char in "'\"" or (char == "`" and escape != "`"):
            position = _closing(text, position + 1, char)
        elif text.startswith(("${", "$("), position):
            position = _closing(text, position + 2, "}" if text[position + 1] == "{" else ")")
        elif char.isspace() or char in operators:
            return position
        position += 1
    return min(position, len(text))
