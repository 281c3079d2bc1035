"""Shell text read without running it: words, and the simple commands of a script with the folder they run in.

Only what decides where a command works is understood: quotes, variables, `cd`, assignments, `&&`, `;`, pipes and
parentheses. A folder that is changed in one branch of an `if` is unknown behind it, never guessed.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from dataclasses import replace

from vendorws.dockerfiles.expansion import Unresolved, Variables, closing, expand
from vendorws.values import dataclass


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
            position = closing(text, position + 1, char)
        elif text.startswith(("${", "$("), position):
            position = closing(text, position + 2, "}" if text[position + 1] == "{" else ")")
        elif char.isspace() or char in operators:
            return position
        position += 1
    return min(position, len(text))
