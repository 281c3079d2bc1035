"""Logical lines become pins, or the reason why a line is not one. `parse` is pure: it never looks at a disk.

pip is right. What its newest version makes of a line is what is vendored; a line that only another version (20.2 to
26.3) takes is vendored as that one reads it, with a warning that says what to write for all of them; a line that none
takes is an error, and so is what git must never be given. requirements-parser reads what is not editable and says more
than a name and a version, one line at a time, so that one bad line never hides the others.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from typing import TYPE_CHECKING, NamedTuple

from vendorws.errors import RequirementsError, visible
from vendorws.model import Pin, Problem, Requirement, Requirements, canonical
from vendorws.redaction import redact
from vendorws.requirement_files import vcs_url
from vendorws.requirement_files.claims import Claim, Claims
from vendorws.requirement_files.editables import (
    DIRECT_USAGE,
    NAME,
    UNTIL_LEGACY,
    Asked,
    Bound,
    Wrong,
    clone_url,
    egg_bound,
    is_plain,
    quoted,
    read_direct,
    read_editable,
    read_egg,
    read_legacy,
    rewritten,
    scheme_of,
)
from vendorws.requirement_files.lines import Aside, Broken, Editable, Hashes, Line, Noted, Place, Plain, read_lines
from vendorws.requirement_files.markers import holds, marker_environment
from vendorws.requirement_files.options import FORMER
from vendorws.settings import Settings
from vendorws.values import dataclass

if TYPE_CHECKING:
    from packaging.markers import Marker
    from requirements.requirement import Requirement as LibraryRequirement

if sys.version_info >= (3, 11):
    from typing import assert_never
else:
    from typing_extensions import assert_never


def read_requirements(settings: Settings) -> Requirements:
    """What the project's requirements files say, with everything that is wrong in them as `errors`."""
    lines = read_lines(settings.requirements, settings.root, os.environ)
    return parse(lines, marker_environment(settings.python_version, settings.platform))


def read_valid_requirements(settings: Settings) -> Requirements:
    """The same for a command that clones or writes. Raises RequirementsError, which names all errors together."""
    requirements = read_requirements(settings)
    if requirements.errors:
        raise RequirementsError(requirements.errors)
    return requirements


def asked_for(settings: Settings, pins: Sequence[Pin]) -> tuple[Pin, ...]:
    """`pins`, and those of the project's own files where others were read (`-r`).

    What is done for the files that were named is no reason to forget the rest of the project.
    """
    if not settings.own_requirements:
        return tuple(pins)
    own = read_requirements(replace(settings, requirements=settings.own_requirements)).pins
    names = {pin.name for pin in pins}
    return (*pins, *(pin for pin in own if pin.name not in names))


# ---- all lines together -------------------------------------------------------------------------------------------


def parse(lines: Iterable[Line], environment: Mapping[str, str]) -> Requirements:
    """The verdict on every line, for the marker variables of `environment` (see `marker_environment`)."""
    verdicts: list[_Verdict] = []
    claims: dict[str, Claims] = {}
    hashes = _HashMode()
    for line in lines:
        hashes.see(line)
        verdict = _verdict(line, environment)
        clash = claims.setdefault(verdict.claim.name, Claims()).clash(verdict.claim) if verdict.claim else None
        verdicts.append(_clashing(verdict, line.place, *clash) if clash else verdict)
    found = Requirements(
        requirements=tuple(verdict.requirement for verdict in verdicts if verdict.requirement),
        errors=tuple(problem for verdict in verdicts for problem in verdict.errors),
        warnings=tuple(problem for verdict in verdicts for problem in verdict.warnings),
    )
    return replace(found, warnings=(*found.warnings, *hashes.warnings(found)))


@dataclass(frozen=True, slots=True)
class _Verdict:
    """What one line comes to. `claim` is there when it installs, or constrains, a package from a URL."""

    requirement: Requirement | None = None
    claim: Claim | None = None
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


def _clashing(verdict: _Verdict, place: Place, message: str, hint: str) -> _Verdict:
    requirement = verdict.requirement and replace(verdict.requirement, reason="conflict")
    return replace(verdict, requirement=requirement, errors=(_problem(place, message, hint),))


class _HashMode:
    """`--hash` and `--require-hashes` rule over all lines, wherever they stand."""

    def __init__(self) -> None:
        self.first: Place | None = None
        self.switched_off = False

    def see(self, line: Line) -> None:
        if isinstance(line, Hashes):
            self.switched_off |= not line.required
            self.first = self.first or (line.place if line.required else None)

    def warnings(self, found: Requirements) -> tuple[Problem, ...]:
        if not self.first or self.switched_off or not found.pins:
            return ()
        message = "With a hash on any line pip refuses every editable requirement."
        return (
            _problem(self.first, message, "Keep the hashed lines in a file of their own, for a pip run of its own."),
        )


# ---- one line -----------------------------------------------------------------------------------------------------


def _problem(place: Place, message: str, hint: str) -> Problem:
    return Problem(place.file, place.line, redact(place.text), _sentence(place, message), _sentence(place, hint))


_LONGEST = 600  # characters: what a line says may be repeated, but not all of it


def _sentence(place: Place, text: str) -> str:
    said = visible(redact(place.unfilled(text)))
    return f"{said[:_LONGEST]}…" if len(said) > _LONGEST else said


def _requirement(place: Place, reason: str, name: str | None = None, pin: Pin | None = None) -> Requirement:
    known = canonical(name) if name else None
    return Requirement(place.file, place.line, redact(place.text), known, pin, reason)


def _verdict(line: Line, environment: Mapping[str, str]) -> _Verdict:
    try:
        return _judged(line, environment)
    except Wrong as wrong:
        return _broken(line.place, wrong.message, wrong.hint)


def _judged(line: Line, environment: Mapping[str, str]) -> _Verdict:
    if isinstance(line, Editable):
        return _editable(line, environment)
    if isinstance(line, Plain):
        return _plain(line, environment)
    if isinstance(line, Aside):
        return _Verdict(_requirement(line.place, line.reason))
    if isinstance(line, Broken):
        return _broken(line.place, line.message, line.hint)
    if isinstance(line, Noted):
        return _Verdict(warnings=(_problem(line.place, line.message, line.hint),))
    if isinstance(line, Hashes):
        return _Verdict()
    assert_never(line)


def _broken(place: Place, message: str, hint: str) -> _Verdict:
    return _Verdict(_requirement(place, "error"), errors=(_problem(place, message, hint),))


# ---- editable requirements ----------------------------------------------------------------------------------------


def _editable(line: Editable, environment: Mapping[str, str]) -> _Verdict:
    _refuse_unquoted(line)
    try:
        asked = read_editable(line.target, until=_former(line))
    except Wrong as wrong:
        raise _cut_short(line, wrong) from None
    return _installed(line, asked, environment)


def _installed(line: Editable, asked: Asked, environment: Mapping[str, str]) -> _Verdict:
    warnings = (*_bounds(line, asked), *_dropped(line, asked))
    if asked.name is None:
        return _Verdict(_requirement(line.place, "local path"), warnings=warnings)
    if line.constraint:
        return _constrained(line, asked.name)
    if not holds(asked.marker, environment):
        return _Verdict(_requirement(line.place, f"marker is false: {asked.marker}", asked.name), warnings=warnings)
    claim = _claim(line.place, asked.name, asked.url, editable=True)
    if asked.kind != "git":
        reason = "local path" if asked.kind == "local" else f"not git ({asked.kind})"
        return _Verdict(_requirement(line.place, reason, asked.name), claim, warnings=warnings)
    pin = _pin(line.place, asked, asked.name)
    requirement = _requirement(line.place, "editable git", asked.name, pin)
    return _Verdict(requirement, claim, warnings=(*warnings, *_surprises(line.place, asked, pin)))


def _constrained(line: Editable, name: str) -> _Verdict:
    message = "pip 20.3 and later refuse an editable requirement in a constraints file; it is not vendored."
    warning = _problem(line.place, message, "Move the line to a requirements file.")
    return _Verdict(_requirement(line.place, "constraint", name), warnings=(warning,))


def _claim(place: Place, name: str, url: str, *, editable: bool, constraint: bool = False) -> Claim:
    return Claim(place, canonical(name), vcs_url.identity(url), editable, constraint)


_LONGEST_NAME = 200  # a file system takes 255 bytes; a clone that is under way has a longer name


def _pin(place: Place, asked: Asked, name: str) -> Pin:
    url, revision = clone_url(asked)
    folder = canonical(name)
    if len(folder) > _LONGEST_NAME:
        raise Wrong("The name of this package is too long for a folder.", "Shorten what follows #egg=.")
    return Pin(
        name=folder,
        url=url,
        ref=revision,
        subdirectory=vcs_url.subdirectory_of(asked.url),
        extras=asked.extras,
        marker=str(asked.marker) if asked.marker else None,
        source=place.file,
        line=place.line,
    )


_UNQUOTED = re.compile(rf"{NAME.pattern}(\[[^\]]*\])?")


def _refuse_unquoted(line: Editable) -> None:
    if line.dropped.startswith("@") and _UNQUOTED.fullmatch(line.target):
        raise Wrong(_only(line), _in_quotes(f"{line.target} {_rest(line)}"))


def _in_quotes(value: str) -> str:
    try:
        read_editable(value)
    except Wrong as wrong:
        return wrong.hint
    return f"Put it in quotes: -e {quoted(value)}"


def _cut_short(line: Editable, wrong: Wrong) -> Wrong:
    """`wrong`, or what lies behind it where a blank has ended the value too early."""
    if line.target.endswith(";"):
        asked = read_editable(line.target.rstrip(";"))
        return Wrong("The semicolon belongs to the URL without a blank before it.", _with_marker(asked, _rest(line)))
    too_early = "egg=" in line.dropped and "egg=" not in line.target
    return Wrong(_only(line), _joined(line) or wrong.hint) if too_early else wrong


def _joined(line: Editable) -> str:
    """What to write where it is the blank alone that is wrong."""
    value = line.target + _rest(line)
    if not line.dropped.startswith("@"):  # behind a blank, # begins a comment
        return ""
    try:
        read_editable(value)
    except Wrong:
        return ""
    return f"Take out the blank: -e {value}"


def _only(line: Editable) -> str:
    return f"pip reads only {line.target} of this line: the blank ends it."


def _rest(line: Editable) -> str:
    """`line.dropped` as it is written, with its quotes, as far as it can be told."""
    found = re.search(rf"(?:[\s=]|-e){re.escape(line.target)}\s(.*)", line.place.text)
    return found[1].strip() if found else line.dropped


# ---- remarks on an editable line ----------------------------------------------------------------------------------


def _former(line: Editable) -> tuple[Bound, ...]:
    return tuple((FORMER[option], f"the option {option}") for option in line.former)


def _bounds(line: Editable, asked: Asked) -> Iterator[Problem]:
    """The pip versions that refuse the line; an option of former times has a remark of its own."""
    until = set(asked.until).difference(_former(line))
    if until:
        (major, minor), reason = min(until)
        hint = rewritten(replace(asked, since=()))
        yield _problem(line.place, f"pip {major}.{minor} and later refuse this line: {reason}.", hint)
    if asked.since:
        (major, minor), reason = max(asked.since)
        yield _problem(line.place, f"pip before {major}.{minor} refuses this line: {reason}.", rewritten(asked))


def _dropped(line: Editable, asked: Asked) -> tuple[Problem, ...]:
    """What pip ignores on the line."""
    if not line.dropped:
        return ()
    if line.dropped.startswith(";"):
        message = f"pip ignores a marker that stands outside quotes: {line.dropped}"
        return (_problem(line.place, message, _with_marker(asked, _rest(line))),)
    return (_problem(line.place, f"pip ignores the rest of this line: {line.dropped}", "Give it a line of its own."),)


def _with_marker(asked: Asked, text: str) -> str:
    """What to write for the marker in `text` to count."""
    try:
        marker = _marker(text.strip("; "))
    except Wrong:
        marker = None
    return rewritten(replace(asked, marker=marker, since=())) if marker and asked.name else "Remove it."


def _surprises(place: Place, asked: Asked, pin: Pin) -> Iterator[Problem]:
    """Where the pin is not what the line looks like."""
    raw = vcs_url.clone_url(asked.url, decode=False)[1] if "%" in asked.url else pin.ref
    if raw != pin.ref:
        message = f"pip before 26.0 takes the revision as it is written, {raw}; later ones take {pin.ref}."
        hint = f"Write @{pin.ref}" if is_plain(pin.ref or "") else "Write it without percent signs where you can."
        yield _problem(place, message, hint)
    if ";" in asked.url and asked.since:
        message = "Without a blank before it, the semicolon belongs to the URL."
        yield _problem(place, message, "Put a blank before a marker's semicolon.")
    elif ";" in (pin.subdirectory or ""):
        yield _problem(place, f"pip takes {pin.subdirectory} for the subdirectory.", f"{DIRECT_USAGE} (pip 25.3).")
    if "#" not in asked.url and vcs_url.egg_of(asked.url):
        part = f"the revision, {pin.ref}" if pin.ref else "the URL"
        yield _problem(place, f"Without a # before it, &egg= belongs to {part}.", "Write #egg= instead.")
    if found := _NO_PORT.match(pin.url):
        message = f"In an ssh:// URL a port follows the colon, and {found['path']} is none."
        yield _problem(place, message, f"Write a slash for the colon: {found['host']}/{found['path']}/…")
    if pin.ref == "HEAD":
        yield _problem(place, "pip fails on the revision HEAD.", "Leave @HEAD out: the default branch is taken then.")
    if "#" in (pin.subdirectory or ""):
        yield _problem(place, f"pip takes {pin.subdirectory} for the subdirectory.", "Put & between them, not #.")
    elif pin.ref and asked.url.count("#") > 1:
        yield _problem(place, f"The first # ends the revision: it is {pin.ref}.", "Write %23 for a # in it (pip 26.0).")


_NO_PORT = re.compile(r"(?i)(?P<host>ssh://[^/\[\]]*):(?P<path>[^/:\[\]]*[^/:0-9\[\]][^/:\[\]]*)/")


# ---- everything else ----------------------------------------------------------------------------------------------

_LIBRARY_MAX = 2_000
"""requirements-parser takes quadratic time on some long lines; no honest line without options is that long."""

_ARCHIVES = (".zip", ".whl", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lz")
NOT_EDITABLE = "not editable"
"""The reason of a git URL without `-e`."""

_NOT_VCS = {"http": "archive URL", "https": "archive URL", "ftp": "archive URL", "file": "local path"}


@dataclass(frozen=True, slots=True)
class _Named:
    """What a requirement without `-e` asks for. `url` is None for a package from an index, and for a path."""

    reason: str
    name: str | None
    url: str | None = None
    marker: Marker | None = None
    until: Bound | None = None
    extras: bool = False


def _plain(line: Plain, environment: Mapping[str, str]) -> _Verdict:
    if line.editable:
        return _plain_before_editable(line, environment)
    named = _named(line.spec)
    warnings = (_refused_since(line.place, named.until),) if named.until else ()
    if not holds(named.marker, environment):
        requirement = _requirement(line.place, f"marker is false: {named.marker}", named.name)
        return _Verdict(requirement, warnings=warnings)
    if line.constraint and (named.extras or named.name is None):
        warnings = (*warnings, _problem(line.place, *_NO_CONSTRAINT))
    requirement = _requirement(line.place, "constraint" if line.constraint else named.reason, named.name)
    if named.name is None or named.url is None:
        return _Verdict(requirement, warnings=warnings)
    claim = _claim(line.place, named.name, named.url, editable=False, constraint=line.constraint)
    return _Verdict(requirement, claim, warnings=warnings)


_NO_CONSTRAINT = (
    "pip 20.3 and later refuse a constraint with extras, or without a name.",
    "Write the name alone, with its version.",
)


def _refused_since(place: Place, until: Bound) -> Problem:
    (major, minor), reason = until
    return _problem(
        place, f"pip {major}.{minor} and later refuse this line: {reason}.", "Write name==1.0, or name @ URL."
    )


_SINCE_BOTH: Bound = ((25, 0), "a requirement before -e")


def _plain_before_editable(line: Plain, environment: Mapping[str, str]) -> _Verdict:
    """`x -e y`: pip 25.0 and later make `x` editable, earlier ones install `x` as it is; both drop `y`."""
    asked = _editable_spec(line.spec)
    if asked is not None:
        return _installed(Editable(line.place, line.spec, line.constraint, dropped=""), asked, environment)
    plain = _plain(replace(line, editable=False), environment)
    message = "pip before 25.0 ignores the -e on this line; later ones refuse the line."
    return replace(plain, warnings=(*plain.warnings, _problem(line.place, message, "Give the -e a line of its own.")))


def _editable_spec(spec: str) -> Asked | None:
    try:
        asked = read_editable(spec, since=(_SINCE_BOTH,))
    except Wrong:
        return None
    return None if asked.name is None else asked


def _named(spec: str) -> _Named:
    """Raises Wrong for what no pip takes."""
    scheme = scheme_of(spec)
    if scheme in (*_NOT_VCS, *vcs_url.GIT_SCHEMES, *vcs_url.OTHER_SCHEMES):
        return _named_by_url(spec, scheme)
    text, _, marker = spec.partition(";")
    direct = read_direct(text.strip())
    if direct:
        url = direct.url or ""
        reason = _url_reason(scheme_of(url))
        return _Named(reason, direct.name, url, _marker(marker), egg_bound(url), bool(direct.extras))
    return _named_by_word(text.strip(), marker)


def _named_by_url(spec: str, scheme: str) -> _Named:
    text, _, marker = spec.partition("; ")
    url = text.strip()
    egg = vcs_url.egg_of(url)
    if not egg:
        return _Named(_url_reason(scheme), None, url, _marker(marker), egg_bound(url))
    named, until = read_egg(egg)
    return _Named(_url_reason(scheme), named.name, url, _marker(marker), until, bool(named.extras))


def _url_reason(scheme: str) -> str:
    if scheme in vcs_url.OTHER_SCHEMES:
        return f"not editable, not git ({scheme.partition('+')[0]})"
    return _NOT_VCS.get(scheme, NOT_EDITABLE)


def _named_by_word(text: str, marker: str) -> _Named:
    if _looks_like_path(text):
        return _Named("local path", None, marker=_marker(marker))
    released = released_name(text)
    if released:
        return _Named("index package", released, marker=_marker(marker))
    read = _library(text)
    if read and read.specifier:
        return _Named("index package", read.name, marker=_marker(marker), extras=bool(read.extras))
    legacy = read_legacy(text)
    if legacy:
        return _Named("index package", legacy.name, None, _marker(marker), UNTIL_LEGACY, bool(legacy.extras))
    raise Wrong(f"No pip can read the requirement {text}.", "Write name==1.0, or a URL that begins with git+.")


_RELEASED = re.compile(rf"({NAME.pattern})(?: ?(?:[=!]=|[<>]=?) ?[0-9]{{1,9}}(?:\.[0-9]{{1,9}}){{0,5}})?")


def released_name(text: str) -> str | None:
    """The name in `name` or `name==1.2.3`, as most lines are; the library reads them alike, and takes long to load."""
    found = _RELEASED.fullmatch(text)
    return found[1] if found else None


class _Readers(NamedTuple):
    """What reads the rest."""

    requirement: type[LibraryRequirement]
    marker: type[Marker]


@cache
def _readers() -> _Readers:
    """Loaded when the first line comes that needs one; an import statement takes its time on each of ten thousand."""
    from packaging.markers import Marker
    from requirements.requirement import Requirement as LibraryRequirement

    return _Readers(LibraryRequirement, Marker)


def _looks_like_path(text: str) -> bool:
    """pip also takes any other word with a slash for a path, when there is such a folder."""
    return text.startswith((".", "/", "~")) or text.lower().endswith(_ARCHIVES) or bool(_FOLDERS.fullmatch(text))


_FOLDERS = re.compile(r"[\w.+-]+(?:/[\w.+-]*)+(?:\[[^\]]*\])?")


def _library(text: str) -> LibraryRequirement | None:
    """requirements-parser's reading of `name[extra]>=1`, None where that is none.

    It would cut off a comment or a continuation; there is none left here, so pip takes these signs as they are.
    """
    if len(text) > _LIBRARY_MAX or "#" in text or "\\" in text:
        return None
    try:
        return _readers().requirement.parse(text)
    except (ValueError, AssertionError, RecursionError):
        return None


def _marker(text: str) -> Marker | None:
    if not text.strip():
        return None
    try:
        return _readers().marker(text.strip())
    except (ValueError, RecursionError):
        raise Wrong(f"The marker {text.strip()} is none.", 'Write it as in: name ; python_version >= "3.10".') from None
