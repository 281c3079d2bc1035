"""Requirements files become numbered logical lines, exactly as pip joins them.

    bytes -> text -> physical lines -> joined -> comments cut -> ${VAR} -> options apart from the requirement

The rules are those of pip's "Requirements File Format" page and of pip 26.3's behaviour: a line ends wherever
`str.splitlines` ends one, a backslash at its end continues it, a `#` at the start or after white space begins a
comment, and `${VAR}` is replaced only after comments are gone. `-r` and `-c` are followed here, relative to the file
that holds them; the network is never asked.

Every line comes out as one of a small union, in reading order. Nothing is raised for what a file says: a line that
no pip can read is a `Broken`, and `vendorws.requirement_files.pins` reports it together with everything else.
"""

from __future__ import annotations

import codecs
import locale
import os
import re
import stat
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from urllib.parse import unquote, urlsplit

from vendorws.requirement_files.options import FORMER, Given, NoOption, read_options, split_options
from vendorws.values import dataclass

MAX_FILE_BYTES = 8_000_000
MAX_LINES = 50_000
MAX_LINE_CHARACTERS = 100_000
_SECRET_MIN = 6


@dataclass(frozen=True, slots=True)
class Place:
    """Where a logical line stands: the file as shown to people, its first physical line, and how it is written there.

    `text` is joined and without its comment, but `${VAR}` is left as it stands: its value may be a secret. `filled` has
    the values that were put in for pip's reading. `line` is 0 where a whole file is meant.
    """

    file: str
    line: int
    text: str
    filled: tuple[tuple[str, str], ...] = ()

    def unfilled(self, text: str) -> str:
        """`text` about this line, with the values of its variables taken out again; short ones are no secrets."""
        for name, value in self.filled:
            text = text.replace(value, f"${{{name}}}") if len(value) >= _SECRET_MIN else text
        return text


@dataclass(frozen=True, slots=True)
class Plain:
    """A requirement without `-e`. With `editable`, an `-e` of something else follows on the same line."""

    place: Place
    spec: str
    constraint: bool
    editable: bool


@dataclass(frozen=True, slots=True)
class Editable:
    """The value of `-e`, unquoted as a shell would. `dropped` is the rest of the line, which pip ignores.

    `former` are the options on the line that pip took once.
    """

    place: Place
    target: str
    constraint: bool
    dropped: str
    former: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Aside:
    """A line that installs nothing itself: an option, or a file that is included."""

    place: Place
    reason: str


@dataclass(frozen=True, slots=True)
class Hashes:
    """`--hash` or `--require-hashes` (`required`), or `--no-require-hashes` (not): it rules over all lines."""

    place: Place
    required: bool


@dataclass(frozen=True, slots=True)
class Broken:
    """A line, or a file, that no pip can read."""

    place: Place
    message: str
    hint: str


@dataclass(frozen=True, slots=True)
class Noted:
    """A remark on a line which is there beside it."""

    place: Place
    message: str
    hint: str


Line = Plain | Editable | Aside | Hashes | Broken | Noted


@dataclass(frozen=True, slots=True)
class _Include:
    """A file to read next, asked for by the line at `place`."""

    place: Place
    path: Path
    constraint: bool


def read_lines(files: Sequence[Path], root: Path, environ: Mapping[str, str]) -> tuple[Line, ...]:
    """Every logical line of `files` (absolute) and of what they include, in pip's order.

    Files are named relative to `root`. A file that is included a second time is not read again. Never raises for what
    a file holds, or for a file that cannot be read: that is a `Broken`.
    """
    lines: list[Line] = []
    read: set[tuple[str, bool]] = set()
    for file in files:
        start = _Include(Place(_shown(file, root), 0, ""), file, constraint=False)
        lines += _follow(start, root, environ, read)
    return tuple(lines)


def _follow(start: _Include, root: Path, environ: Mapping[str, str], read: set[tuple[str, bool]]) -> Iterator[Line]:
    """Depth first without recursion, so that a long chain of includes ends where the disk ends."""
    open_files = [(os.path.realpath(start.path), _file_lines(start, root, environ))]
    read.add((open_files[0][0], start.constraint))
    while open_files:
        item = next(open_files[-1][1], None)
        if item is None:
            open_files.pop()
        elif not isinstance(item, _Include):
            yield item
        else:
            path = os.path.realpath(item.path)
            if any(path == above for above, _ in open_files):
                yield Broken(item.place, f"{_shown(item.path, root)} includes itself.", "Remove this line.")
            elif (path, item.constraint) in read:
                yield Aside(item.place, f"{_shown(item.path, root)} was read above")
            else:
                read.add((path, item.constraint))
                open_files.append((path, _file_lines(item, root, environ)))


def _file_lines(asked: _Include, root: Path, environ: Mapping[str, str]) -> Iterator[Line | _Include]:
    shown = _shown(asked.path, root)
    try:
        content = decode(_read_bytes(asked.path))
    except Unreadable as reason:
        if not asked.place.line:
            yield Broken(Place(shown, 0, ""), f"{shown} {reason}.", reason.hint)
        else:
            yield Broken(asked.place, f"{shown} {reason}.", reason.hint)
        return
    if asked.place.line:
        yield Aside(asked.place, f"reads {shown}")
    for count, (number, text) in enumerate(logical_lines(content)):
        place = Place(shown, number, text)
        why = "is not a text file" if "\0" in text else f"has more than {MAX_LINES:,} lines"
        if "\0" in text or count >= MAX_LINES:
            yield Broken(replace(place, text=text[:80]), f"{shown} {why}.", "Name a requirements file.")
            return
        yield from _parse(place, asked, environ)


class Unreadable(Exception):
    """Why a file cannot be used, to be said after its name, and what to do about it."""

    def __init__(self, reason: str, hint: str = "") -> None:
        super().__init__(reason)
        self.hint = hint


def _read_bytes(path: Path) -> bytes:
    try:
        if not stat.S_ISREG(path.stat().st_mode):
            raise Unreadable("is not a file", "Name a requirements file.")
        with path.open("rb") as stream:
            data = stream.read(MAX_FILE_BYTES + 1)
    except FileNotFoundError:
        raise Unreadable("does not exist", _missing_hint(path)) from None
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or str(error)
        raise Unreadable(f"cannot be read: {reason}") from None
    if len(data) > MAX_FILE_BYTES:
        raise Unreadable(f"is larger than {MAX_FILE_BYTES // 1_000_000} MB", "Name a requirements file.")
    return data


def _missing_hint(path: Path) -> str:
    if re.search(r"(?i)\bhttps?:/", str(path)):
        return "vendorws reads files only: download it and name the file."
    return "Go to the project's folder, create it, or name another file with -r."


def _shown(path: Path, root: Path) -> str:
    """The path as people know it: from the project's root."""
    return Path(os.path.relpath(path, root)).as_posix()


# ---- bytes to text ----------------------------------------------------------------------------------------------

# The order matters: the UTF-16 mark is the beginning of the UTF-32 one.
_MARKS = (
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_CODING = re.compile(rb"coding[:=]\s*([-\w.]+)")


def decode(data: bytes) -> str:
    """The text of a requirements file: by its byte order mark, its `# -*- coding` line, UTF-8, or the locale."""
    for mark, encoding in _MARKS:
        if data.startswith(mark):
            return _decoded(data[len(mark) :], encoding)
    declared = _declared_encoding(data)
    if declared is not None:
        return _decoded(data, declared)
    try:
        return data.decode()
    except UnicodeDecodeError:
        pass
    try:
        return data.decode(_locale_encoding())
    except UnicodeDecodeError:
        raise Unreadable("is not UTF-8 text", "Save it as UTF-8, or declare its encoding.") from None


def _locale_encoding() -> str:
    if sys.version_info >= (3, 11):
        return locale.getencoding()
    return locale.getpreferredencoding(do_setlocale=False)


def _declared_encoding(data: bytes) -> str | None:
    """The encoding that a comment in the first two lines names, if any."""
    for line in data.split(b"\n", 2)[:2]:
        found = _CODING.search(line) if line.startswith(b"#") else None
        if found:
            return found[1].decode("ascii")
    return None


def _decoded(data: bytes, encoding: str) -> str:
    try:
        text = data.decode(encoding)
        text.encode()  # a lone surrogate, which some codecs let through, can be neither printed nor opened
        return text
    except LookupError:
        raise Unreadable(f"declares the unknown encoding {encoding}", "Save it as UTF-8.") from None
    except UnicodeError:
        raise Unreadable(f"is not {encoding} text", "Save it as UTF-8, or declare its encoding.") from None


# ---- text to logical lines --------------------------------------------------------------------------------------


def logical_lines(content: str) -> Iterator[tuple[int, str]]:
    """Joined lines with their first physical line's number, comments cut, blank ones left out."""
    for number, joined in _joined(content.splitlines()):
        text = _without_comment(joined).strip()
        if text:
            yield number, text


def _joined(physical: Sequence[str]) -> Iterator[tuple[int, str]]:
    """A comment ends a continuation, even with a backslash of its own."""
    start, parts = 1, list[str]()
    for number, line in enumerate(physical, start=1):
        if not parts:
            start = number
        comment = line.lstrip().startswith("#")
        if line.endswith("\\") and not comment:
            parts.append(line.strip("\\"))
            continue
        # The blank makes sure that a comment is one after joining, too.
        yield start, "".join([*parts, f" {line}" if comment else line])
        parts = []
    if parts:
        yield start, "".join(parts)


def _without_comment(line: str) -> str:
    """Scanned by hand: a regular expression for white space before `#` takes quadratic time on a long blank run."""
    at = line.find("#")
    while at > 0 and not line[at - 1].isspace():
        at = line.find("#", at + 1)
    return line if at < 0 else line[:at]


_VARIABLE = re.compile(r"\$\{([A-Z0-9_]+)\}")


def expand_variables(place: Place, environ: Mapping[str, str]) -> tuple[str, Place]:
    """The line with `${VAR}` replaced, and its place with the values; one that is empty or not set is left as it is."""
    line, filled = place.text, dict[str, str]()
    for name in _VARIABLE.findall(line):
        value = environ.get(name)
        if value and len(line) <= MAX_LINE_CHARACTERS:
            line = line.replace(f"${{{name}}}", value)
            filled[name] = value
    longest_first = sorted(filled.items(), key=lambda pair: -len(pair[1]))
    return line, replace(place, filled=tuple(longest_first)) if filled else place


# ---- one logical line: options apart from the requirement -------------------------------------------------------


def _parse(place: Place, asked: _Include, environ: Mapping[str, str]) -> Iterator[Line | _Include]:
    text = place.text
    if len(text) <= MAX_LINE_CHARACTERS:
        text, place = expand_variables(place, environ)
    if len(text) > MAX_LINE_CHARACTERS:
        shown = replace(place, text=f"{place.text[:80]}…")
        yield Broken(shown, f"This line has more than {MAX_LINE_CHARACTERS:,} characters.", "Split it.")
        return
    spec, options = split_options(text)
    if not options:
        yield Plain(place, spec, asked.constraint, editable=False)
        return
    try:
        given = read_options(options)
    except NoOption as reason:
        yield Broken(place, str(reason), reason.hint)
        return
    yield from _lines_of(place, spec, given, asked)
    for option in given.former:
        major, minor = FORMER[option]
        yield Noted(place, f"pip {major}.{minor} and later refuse the option {option}.", "Remove it.")


def _lines_of(place: Place, spec: str, given: Given, asked: _Include) -> Iterator[Line | _Include]:
    """pip takes one thing from a line: its requirement, else its first `-e`, else its first `-r`, else its `-c`."""
    if spec:
        yield Plain(place, spec, asked.constraint, editable=bool(given.editables))
        if given.hashes and not given.editables:
            yield Hashes(place, required=True)
    elif given.editables:
        yield Editable(place, given.editables[0], asked.constraint, _dropped(given), given.former)
    elif given.requirements:
        yield from _include(place, given.requirements[0], asked, constraint=False)
    elif given.constraints:
        yield from _include(place, given.constraints[0], asked, constraint=True)
    else:
        yield Aside(place, "option")
        if given.require_hashes or given.no_require_hashes:
            yield Hashes(place, required=not given.no_require_hashes)


def _dropped(given: Given) -> str:
    """What stands on the line of an `-e` and would install or read something else, had it a line of its own."""
    others = [f"-e {target}" for target in given.editables[1:]]
    others += [f"-r {file}" for file in given.requirements]
    others += [f"-c {file}" for file in given.constraints]
    return " ".join([*given.words, *others])


def _include(place: Place, target: str, asked: _Include, *, constraint: bool) -> Iterator[Line | _Include]:
    scheme = target.partition(":")[0].lower()
    if scheme in {"http", "https"} and ":" in target:
        yield Aside(place, "not read: on the network")
        yield Noted(
            place,
            "vendorws reads files, never the network: what this file holds is not vendored.",
            "Download it, and name the file here.",
        )
        return
    path = os.path.join(asked.path.parent, target)  # noqa: PTH118
    if scheme == "file" and ":" in target:
        host, found = _file_url(target)
        if host not in {"", "localhost"}:
            yield Broken(place, f"{target} is no file of this machine.", "Write its path.")
            return
        path = f"/{found}"
    yield _Include(place, Path(os.path.abspath(path)), constraint)  # noqa: PTH100


def _file_url(url: str) -> tuple[str, str]:
    """The host, and the path: to pip it begins at the root, also without a slash."""
    try:
        parts = urlsplit(url)
    except ValueError:
        return url, ""
    return parts.netloc, unquote(parts.path).lstrip("/")
