"""The options of one logical line, read as pip reads them: with the standard library's shlex and optparse."""

from __future__ import annotations

import optparse
import re
import shlex
from collections.abc import Mapping, Sequence
from functools import cache
from typing import NoReturn

from vendorws.values import dataclass

FORMER = {"--install-option": (23, 1), "--global-option": (25, 3)}
"""Options that pip took once, and the version that first refused each."""


@dataclass(frozen=True, slots=True)
class Given:
    """The options of one line that matter here. `words` are the loose words among them, which pip drops."""

    requirements: tuple[str, ...]
    constraints: tuple[str, ...]
    editables: tuple[str, ...]
    hashes: tuple[str, ...]
    require_hashes: bool
    no_require_hashes: bool
    former: tuple[str, ...]
    words: tuple[str, ...]


class NoOption(Exception):
    """Why pip cannot read the options of a line, and what to do about it."""

    def __init__(self, reason: str, hint: str) -> None:
        super().__init__(reason)
        self.hint = hint


def split_options(text: str) -> tuple[str, str]:
    """The requirement, and the options: all from the first word that begins with a dash."""
    if text.startswith("-"):
        return "", text
    at = text.find(" -")
    return (text, "") if at < 0 else (text[:at], text[at + 1 :])


def read_options(options: str) -> Given:
    """By today's pip; where it refuses, by an earlier one. Raises NoOption."""
    words = _words(options)
    if len(words) == 2 and words[0] in _EDITABLE:  # nearly all lines with options; optparse takes longer to say so
        return Given((), (), (words[1],), (), require_hashes=False, no_require_hashes=False, former=(), words=())
    try:
        values, loose = _parser(former=False).parse_args(words, _no_values())
    except NoOption:
        values, loose = _parser(former=True).parse_args(words, _no_values())
    given = vars(values)
    _check(given)
    return Given(
        requirements=tuple(given["requirements"] or ()),
        constraints=tuple(given["constraints"] or ()),
        editables=tuple(given["editables"] or ()),
        hashes=tuple(given["hashes"] or ()),
        require_hashes=bool(given["require_hashes"]),
        no_require_hashes=bool(given["no_require_hashes"]),
        former=tuple(option for option in FORMER if option in given),
        words=tuple(loose),
    )


_EDITABLE = ("-e", "--editable")
_SHELL = re.compile(r"[\"'\\]")
_WORD = re.compile(r"[^ \t\r\n]+")


def _words(options: str) -> list[str]:
    """Split as a POSIX shell would; without quotes and backslashes a plain split says the same, faster."""
    if not _SHELL.search(options):
        return _WORD.findall(options)
    try:
        return shlex.split(options)
    except ValueError as error:
        raise NoOption(f"The quotes on this line do not match: {str(error).lower()}.", "Close the quote.") from None


# ---- the options that a requirements file may have ----------------------------------------------------------------

_LISTS: tuple[tuple[tuple[str, ...], str], ...] = (
    (("-r", "--requirement"), "requirements"),
    (("-c", "--constraint"), "constraints"),
    (_EDITABLE, "editables"),
    (("--hash",), "hashes"),
    (("-C", "--config-settings"), "settings"),
    (("--no-binary", "--only-binary"), "binaries"),
)
_VALUES: tuple[tuple[str, ...], ...] = (
    ("-i", "--index-url", "--pypi-url"),
    ("-f", "--find-links"),
    ("--extra-index-url",),
    ("--all-releases",),
    ("--only-final",),
    ("--trusted-host",),
    ("--use-feature",),
)
_FLAGS = ("--require-hashes", "--no-require-hashes", "--no-index", "--prefer-binary", "--pre")
_STRONG_HASHES = ("sha256", "sha384", "sha512")


class _Parser(optparse.OptionParser):
    """optparse, because pip reads a line with it: abbreviations, `-eURL` and `--editable=URL` come from there."""

    def error(self, msg: str) -> NoReturn:
        raise NoOption(f"pip takes no such options in a requirements file: {msg}.", "Remove it, or mend its spelling.")


@cache
def _parser(*, former: bool) -> _Parser:
    parser = _Parser(add_help_option=False)
    for names, dest in _LISTS:
        parser.add_option(*names, dest=dest, action="append")
    for names in _VALUES:
        parser.add_option(*names, dest="other", action="append")
    for flag in _FLAGS:
        parser.add_option(flag, action="store_true")
    for option in FORMER if former else ():
        parser.add_option(option, dest=option, action="append")
    return parser


def _no_values() -> optparse.Values:
    """Made here, because optparse takes its time over its own."""
    return optparse.Values(dict.fromkeys((*(dest for _, dest in _LISTS), "require_hashes", "no_require_hashes")))


def _check(given: Mapping[str, Sequence[str] | None]) -> None:
    """What pip checks while it reads the options."""
    for value in given["hashes"] or ():
        algorithm, colon, _ = value.partition(":")
        if not colon or algorithm not in _STRONG_HASHES:
            raise NoOption(f"--hash={value} is no hash that pip takes.", "Write --hash=sha256:… as pip hash prints it.")
    if not all("=" in value for value in given["settings"] or ()):
        raise NoOption("--config-settings takes KEY=VALUE.", "Write --config-settings=KEY=VALUE.")
    if any(value.startswith("-") for value in given["binaries"] or ()):
        raise NoOption("--no-binary and --only-binary take names of packages.", "Write --no-binary=:all:, or a name.")
