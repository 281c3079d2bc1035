"""Logical lines become pins, or the reason why a line is not one. `parse` is pure: it never looks at a disk.

pip is right. What its newest version makes of a line is what is vendored; a line that only another version (20.2 to
26.3) takes is vendored as that one reads it, with a warning that says what to write for all of them; a line that none
takes is an error, and so is what git must never be given. requirements-parser reads what is not editable, one line
at a time, so that one bad line never hides the others.
"""

from __future__ import annotations

import os
import platform as machine
import re
import shlex
import sys
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace

from packaging.markers import InvalidMarker, Marker, UndefinedComparison, UndefinedEnvironmentName, default_environment
from packaging.requirements import InvalidRequirement
from packaging.requirements import Requirement as Pep508
from packaging.specifiers import InvalidSpecifier
from packaging.utils import canonicalize_name
from requirements.requirement import Requirement as LibraryRequirement

from vendorws import vcs_url
from vendorws.errors import RequirementsError
from vendorws.model import Pin, Problem, Requirement, Requirements
from vendorws.redaction import redact
from vendorws.requirement_lines import Aside, Broken, Editable, Hashes, Line, Noted, Place, Plain, read_lines
from vendorws.settings import Settings

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


# ---- the environment that markers are about -----------------------------------------------------------------------

_SYSTEMS = {"linux": "Linux", "darwin": "Darwin", "win32": "Windows"}
_MACHINES = {("linux", "arm64"): "aarch64", ("darwin", "aarch64"): "arm64"}


def marker_environment(python_version: str, platform: str) -> dict[str, str]:
    """The marker variables (PEP 508) of a container with this Python ("3.12") on this platform ("linux")."""
    full = python_version if python_version.count(".") >= 2 else f"{python_version}.0"
    here = sys.platform == platform
    return {
        **{name: str(value) for name, value in default_environment().items()},
        "python_version": ".".join(python_version.split(".")[:2]),
        "python_full_version": full,
        "implementation_version": full,
        "sys_platform": platform,
        "platform_system": _SYSTEMS.get(platform, platform.capitalize()),
        "platform_machine": _MACHINES.get((platform, machine.machine()), machine.machine()),
        "platform_release": machine.release() if here else "",
        "platform_version": machine.version() if here else "",
        "os_name": "nt" if platform == "win32" else "posix",
    }


def _holds(marker: Marker | None, environment: Mapping[str, str]) -> bool:
    """Whether the line is meant for this environment. Raises _Wrong where pip would fail on the comparison."""
    try:
        return marker is None or marker.evaluate({**environment, "extra": ""})
    except (UndefinedComparison, UndefinedEnvironmentName, InvalidSpecifier, RecursionError):
        raise _Wrong(f"The marker {marker} cannot be decided.", "Compare it with a version or a name.") from None


# ---- all lines together -------------------------------------------------------------------------------------------


def parse(lines: Iterable[Line], environment: Mapping[str, str]) -> Requirements:
    """The verdict on every line, for the marker variables of `environment` (see `marker_environment`)."""
    verdicts: list[_Verdict] = []
    claims: dict[str, _Claims] = {}
    hashes = _HashMode()
    for line in lines:
        hashes.see(line)
        verdict = _verdict(line, environment)
        clash = claims.setdefault(verdict.claim.name, _Claims()).clash(verdict.claim) if verdict.claim else None
        verdicts.append(verdict if clash is None else replace(_broken(line.place, *clash), warnings=verdict.warnings))
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
    claim: _Claim | None = None
    errors: tuple[Problem, ...] = ()
    warnings: tuple[Problem, ...] = ()


@dataclass(frozen=True, slots=True)
class _Claim:
    """`place` wants the package `name` (canonical) from a URL. `editable`: below `--src`, with a folder of its own."""

    place: Place
    name: str
    identity: vcs_url.Identity
    editable: bool
    constraint: bool


@dataclass(slots=True)
class _Claims:
    """The first claims of each kind on one package; the later ones must agree with them, as pip's resolver demands."""

    editable: _Claim | None = None
    plain: _Claim | None = None
    constraints: dict[vcs_url.Identity, _Claim] = field(default_factory=dict)

    def clash(self, claim: _Claim) -> tuple[str, str] | None:
        """What is wrong with `claim` beside an earlier one, and what to do, if so; later ones are held against it."""
        rival = next(self._rivals(claim), None)
        if claim.constraint:
            self.constraints.setdefault(claim.identity, claim)
        elif claim.editable:
            self.editable = self.editable or claim
        else:
            self.plain = self.plain or claim
        return _clash(claim, rival) if rival else None

    def _rivals(self, claim: _Claim) -> Iterator[_Claim]:
        if claim.editable and self.plain:
            yield self.plain
        if self.editable and not (claim.editable or claim.constraint):
            yield self.editable
        others = (self.editable, *self.constraints.values()) if claim.editable else (self.editable,)
        for other in others:
            if other and other.identity != claim.identity:
                yield other


def _clash(claim: _Claim, rival: _Claim) -> tuple[str, str]:
    there = f"{rival.place.file}:{rival.place.line}"
    if claim.constraint or rival.constraint:
        return f"This line and {there} ask for {claim.name} from different URLs.", "Write the same URL in both."
    if not (claim.editable and rival.editable):
        return f"{there} asks for {claim.name} too: one of them is editable, one is not.", "Keep one of the two lines."
    return (
        f"{there} claims the folder vendor/{claim.name} too, for another URL or revision.",
        "Keep one of the two lines.",
    )


@dataclass(slots=True)
class _HashMode:
    """`--hash` and `--require-hashes` rule over all lines, wherever they stand."""

    first: Place | None = None
    switched_off: bool = False

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


class _Wrong(Exception):
    """No pip takes this line, or git must not: what is wrong, and what to write."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


def _problem(place: Place, message: str, hint: str) -> Problem:
    return Problem(place.file, place.line, redact(place.text), redact(message), redact(hint))


def _requirement(place: Place, reason: str, name: str | None = None, pin: Pin | None = None) -> Requirement:
    canonical = canonicalize_name(name) if name else None
    return Requirement(place.file, place.line, redact(place.text), canonical, pin, reason)


def _verdict(line: Line, environment: Mapping[str, str]) -> _Verdict:
    try:
        return _judged(line, environment)
    except _Wrong as wrong:
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

_Version = tuple[int, int]
_Bound = tuple[_Version, str]
"""A pip version at which the verdict on a line changes, and why."""

_USAGE = "Write -e git+ssh://git@host/path.git@revision#egg=name"


@dataclass(frozen=True, slots=True)
class _Asked:
    """What the value of an `-e` asks for, as it is written. `kind` is "local", or the version control system.

    Only pip versions from every bound of `since` on, and before every bound of `until`, take it.
    """

    kind: str
    url: str
    name: str | None
    extras: tuple[str, ...] = ()
    marker: Marker | None = None
    since: tuple[_Bound, ...] = ()
    until: tuple[_Bound, ...] = ()

    @property
    def decodes(self) -> bool:
        """Whether the newest pip that takes it percent-decodes the revision."""
        return not self.until


def _editable(line: Editable, environment: Mapping[str, str], since: tuple[_Bound, ...] = ()) -> _Verdict:
    _refuse_unquoted(line)
    asked = _asked(line.target, since)
    name = asked.name
    if name is None:
        return _Verdict(_requirement(line.place, "local path"), warnings=_dropped(line))
    if line.constraint:
        return _constrained(line, name)
    if not _holds(asked.marker, environment):
        return _Verdict(_requirement(line.place, f"marker is false: {asked.marker}", name), warnings=_dropped(line))
    claim = _claim(line.place, name, asked.url, editable=True)
    if asked.kind == "git":
        pin = _pin(line.place, asked, name)
        warnings = (*_remarks(line, asked, pin), *_dropped(line))
        return _Verdict(_requirement(line.place, "editable git", name, pin), claim, warnings=warnings)
    reason = "local path" if asked.kind == "local" else f"not git ({asked.kind})"
    return _Verdict(_requirement(line.place, reason, name), claim, warnings=_dropped(line))


def _constrained(line: Editable, name: str) -> _Verdict:
    message = "pip 20.3 and later refuse an editable requirement in a constraints file; it is not vendored."
    warning = _problem(line.place, message, "Move the line to a requirements file.")
    return _Verdict(_requirement(line.place, "constraint", name), warnings=(warning,))


def _claim(place: Place, name: str, url: str, *, editable: bool, constraint: bool = False) -> _Claim:
    return _Claim(place, canonicalize_name(name), vcs_url.identity(url), editable, constraint)


def _pin(place: Place, asked: _Asked, name: str) -> Pin:
    try:
        url, revision = vcs_url.clone_url(asked.url, decode=asked.decodes)
    except vcs_url.BadUrl as bad:
        raise _Wrong(str(bad), _USAGE) from None
    return Pin(
        name=canonicalize_name(name),
        url=url,
        ref=revision,
        subdirectory=vcs_url.subdirectory_of(asked.url),
        extras=asked.extras,
        marker=str(asked.marker) if asked.marker else None,
        source=place.file,
        line=place.line,
    )


def _refuse_unquoted(line: Editable) -> None:
    if line.dropped.startswith("@") and _NAMED.fullmatch(line.target):
        raise _Wrong(
            f"pip reads only {line.target} of this line: the blank ends it.",
            f'Put it in quotes: -e "{line.target} {line.dropped}".',
        )


# ---- what the value of an -e asks for -----------------------------------------------------------------------------

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_NAMED = re.compile(rf"{_NAME.pattern}\s*(\[[^\]]*\])?")
_DIRECT = re.compile(r"\s*[A-Za-z0-9][A-Za-z0-9._-]*\s*[\[@]")
_SCP = re.compile(r"(?P<host>(?:[\w.-]+@)?[\w-]+(?:\.[\w-]+)+|[\w.-]+@[\w-]+):(?!//)(?P<path>\S+)")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")


def _asked(target: str, since: tuple[_Bound, ...]) -> _Asked:
    """Raises _Wrong for what no pip takes."""
    if _CONTROL.search(target):
        raise _Wrong("There is a control character in this line.", "Remove it.")
    direct = _direct(target)
    asked = _asked_directly(direct) if direct else _asked_by_egg(target)
    asked = replace(asked, since=(*asked.since, *since))
    if asked.since and asked.until and max(asked.since) >= min(asked.until):
        reasons = " and ".join(reason for _, reason in (*asked.since, *asked.until))
        raise _Wrong(f"No pip takes {reasons} in one line.", _USAGE)
    return asked


def _direct(target: str) -> Pep508 | None:
    """`name[extra] @ URL ; marker`, if that is what this is."""
    found = _pep508(target) if _DIRECT.match(target) else None
    return found if found and found.url else None


def _pep508(text: str) -> Pep508 | None:
    try:
        return Pep508(text)
    except (InvalidRequirement, RecursionError):
        return None


def _asked_directly(direct: Pep508) -> _Asked:
    url = direct.url or ""
    kind = _kind(url, url)
    egg = vcs_url.egg_of(url)
    return _Asked(
        kind=kind,
        url=url,
        name=direct.name,
        extras=tuple(sorted(direct.extras)),
        marker=direct.marker,
        since=(((25, 3), "the form name @ URL"),),
        until=(_UNTIL_EGG,) if egg is not None and not _NAME.fullmatch(egg) else (),
    )


_UNTIL_EGG = ((26, 0), "more than a name behind egg=")
_UNTIL_BLANK = ((25, 3), "a blank in the URL")
_UNTIL_STUB = ((21, 0), "a URL without ssh://")
_SINCE_EGG_URL = ((24, 1), "an @ behind egg=")


def _asked_by_egg(target: str) -> _Asked:
    target = target.lstrip(" ")
    url = vcs_url.prefixed(target)
    stub = vcs_url.is_stub(url) and _scheme(url) not in vcs_url.GIT_SCHEMES
    kind = "git" if stub else _kind(url, target)
    egg = vcs_url.egg_of(url)
    if kind == "local":
        return _Asked(kind, url, egg if egg and _NAME.fullmatch(egg) else None)
    if not egg:
        raise _missing_egg(url)
    until = [_UNTIL_STUB] if stub else []
    if " " in url.rstrip(" "):
        until.append(_UNTIL_BLANK)
    if _NAME.fullmatch(egg):
        return _Asked(kind, url, egg, until=tuple(until))
    named = _pep508(egg) or _legacy(egg)
    if named is None:
        raise _Wrong(f"egg={egg} is no package name.", _USAGE)
    return _Asked(
        kind=kind,
        url=url,
        name=named.name,
        extras=tuple(sorted(named.extras)),
        marker=named.marker,
        since=(_SINCE_EGG_URL,) if named.url else (),
        until=(*until, _UNTIL_EGG),
    )


def _kind(url: str, target: str) -> str:
    """ "local", or the version control system of `url`. Raises _Wrong for what is neither a folder nor such a URL."""
    scheme = _scheme(url)
    if scheme in vcs_url.GIT_SCHEMES:
        return "git"
    if scheme in vcs_url.OTHER_SCHEMES:
        return scheme.partition("+")[0]
    if scheme == "file":
        return "local"
    scp = _SCP.fullmatch(target)
    if scp:
        raise _Wrong("pip does not know the short form of an ssh URL.", _USAGE)
    if url.lower().startswith("git+"):
        raise _Wrong(
            f"git must not be run with {url.partition(':')[0]}: only with ssh, https, http, git and file.",
            _USAGE,
        )
    if scheme:
        raise _Wrong(f"{scheme}: is no repository that pip can clone: put git+ in front of the URL.", _USAGE)
    if "#egg=" in target:
        raise _Wrong("A path takes no #egg=.", "Remove it, or write a URL that begins with git+.")
    return "local"


def _scheme(url: str) -> str:
    try:
        return vcs_url.scheme_of(url)
    except vcs_url.BadUrl as bad:
        raise _Wrong(str(bad), _USAGE) from None


def _missing_egg(url: str) -> _Wrong:
    if "@egg=" in url:
        return _Wrong("@egg= is not #egg=, so pip finds no name.", f"Write -e {'#egg='.join(url.rsplit('@egg=', 1))}")
    message = "pip cannot tell the package's name from this line: #egg= is missing."
    base, _, fragment = url.partition("#")
    if _NAME.fullmatch(fragment):
        return _Wrong(message, f"Write -e {base}#egg={fragment}")
    return _Wrong(message, f"Add #egg= with the package's name: -e {base}#egg=name")


_SPECIFIERS = r"(?:==|!=|<=|>=|<|>)\s*[^,;\s)]*"
_LEGACY = re.compile(
    rf"\s*(?P<name>{_NAME.pattern})\s*(?:\[(?P<extras>[^\]]*)\])?\s*\(?\s*{_SPECIFIERS}(?:\s*,\s*{_SPECIFIERS})*\s*\)?\s*"
)


def _legacy(text: str) -> Pep508 | None:
    """A requirement with a version like `==2010h`, which pip took until 24.0. The version is dropped."""
    spec, semicolon, marker = text.partition(";")
    found = _LEGACY.fullmatch(spec)
    return _pep508(f"{found['name']}[{found['extras'] or ''}] {semicolon} {marker}") if found else None


# ---- remarks on a line that is vendored ---------------------------------------------------------------------------


def _remarks(line: Editable, asked: _Asked, pin: Pin) -> Iterator[Problem]:
    rewritten = f"Write {_modern(line, asked)}"
    if asked.until:
        version, reason = min(asked.until)
        yield _problem(line.place, f"pip {_dotted(version)} and later refuse this line: {reason}.", rewritten)
    if asked.since:
        version, reason = max(asked.since)
        yield _problem(line.place, f"pip before {_dotted(version)} refuses this line: {reason}.", rewritten)
    if pin.ref == "HEAD":
        yield _problem(line.place, "pip fails on the revision HEAD.", "Leave @HEAD out: that is the default branch.")


def _dropped(line: Editable) -> tuple[Problem, ...]:
    if not line.dropped:
        return ()
    if line.dropped.startswith(";"):
        message = f"pip ignores a marker that stands outside quotes: {line.dropped}"
        return (_problem(line.place, message, 'Write -e "name @ URL ; marker" (pip 25.3 and later), or remove it.'),)
    return (_problem(line.place, f"pip ignores the rest of this line: {line.dropped}", "Give it a line of its own."),)


def _dotted(version: _Version) -> str:
    return ".".join(map(str, version))


def _modern(line: Editable, asked: _Asked) -> str:
    """The line that all pips take, as far as there is one."""
    url = vcs_url.unstubbed(asked.url) if _UNTIL_STUB in asked.until else asked.url
    subdirectory = vcs_url.subdirectory_of(url)
    tail = f"&subdirectory={subdirectory}" if subdirectory else ""
    base = url.partition("#")[0].rstrip(" ").replace(" ", "%20")
    return f"-e {shlex.quote(base)}#egg={asked.name}{tail}"


# ---- everything else ----------------------------------------------------------------------------------------------

_LIBRARY_MAX = 2_000
"""requirements-parser takes quadratic time on some long lines; no honest line without options is that long."""

_ARCHIVES = (".zip", ".whl", ".tar", ".tar.gz", ".tgz", ".tar.bz2", ".tbz", ".tar.xz", ".txz", ".tlz", ".tar.lz")
_NOT_VCS = {"http": "archive URL", "https": "archive URL", "ftp": "archive URL", "file": "local path"}


@dataclass(frozen=True, slots=True)
class _Named:
    """What a requirement without `-e` asks for. `url` is None for a package from an index, and for a path."""

    reason: str
    name: str | None
    url: str | None = None
    marker: Marker | None = None
    legacy: bool = False


def _plain(line: Plain, environment: Mapping[str, str]) -> _Verdict:
    if line.editable:
        return _plain_before_editable(line, environment)
    named = _named(line.spec)
    warnings = (_problem(line.place, *_LEGACY_REMARK),) if named.legacy else ()
    if not _holds(named.marker, environment):
        requirement = _requirement(line.place, f"marker is false: {named.marker}", named.name)
        return _Verdict(requirement, warnings=warnings)
    requirement = _requirement(line.place, "constraint" if line.constraint else named.reason, named.name)
    if named.name is None or named.url is None:
        return _Verdict(requirement, warnings=warnings)
    claim = _claim(line.place, named.name, named.url, editable=False, constraint=line.constraint)
    return _Verdict(requirement, claim, warnings=warnings)


_LEGACY_REMARK = ("pip 24.1 and later refuse this version.", "Write a version as PEP 440 has it, such as 1.0.")
_SINCE_BOTH = ((25, 0), "a requirement before -e")


def _plain_before_editable(line: Plain, environment: Mapping[str, str]) -> _Verdict:
    """`x -e y`: pip 25.0 and later make `x` editable, earlier ones install `x` as it is; both drop `y`."""
    alone = Editable(line.place, line.spec, line.constraint, dropped="")
    try:
        return _editable(alone, environment, since=(_SINCE_BOTH,))
    except _Wrong:
        plain = _plain(replace(line, editable=False), environment)
        message = "pip ignores the -e on this line; pip 25.0 and later refuse the line."
        return replace(plain, warnings=(*plain.warnings, _problem(line.place, message, "Give it a line of its own.")))


def _named(spec: str) -> _Named:
    """Raises _Wrong for what no pip takes."""
    scheme = _scheme(spec)
    if scheme in (*_NOT_VCS, *vcs_url.GIT_SCHEMES, *vcs_url.OTHER_SCHEMES):
        return _named_by_url(spec, scheme)
    direct = _direct(spec)
    if direct:
        scheme = _scheme(direct.url or "")
        return _Named(_url_reason(scheme), direct.name, direct.url, direct.marker)
    text, _, marker = spec.partition(";")
    return _named_by_word(text.strip(), marker)


def _named_by_url(spec: str, scheme: str) -> _Named:
    url, _, marker = spec.partition("; ")
    read = _library(url)
    return _Named(_url_reason(scheme), read.name if read else None, url.strip(), _marker(marker))


def _url_reason(scheme: str) -> str:
    if scheme in vcs_url.OTHER_SCHEMES:
        return f"not editable, not git ({scheme.partition('+')[0]})"
    return _NOT_VCS.get(scheme, "not editable")


def _named_by_word(text: str, marker: str) -> _Named:
    if _looks_like_path(text):
        return _Named("local path", None, marker=_marker(marker))
    read = _library(text)
    if read and read.specifier:
        return _Named("index package", read.name, marker=_marker(marker))
    legacy = _legacy(text)
    if legacy:
        return _Named("index package", legacy.name, marker=_marker(marker), legacy=True)
    raise _Wrong(f"No pip can read the requirement {text}.", "Write name==1.0, or a URL that begins with git+.")


def _looks_like_path(text: str) -> bool:
    """pip also takes any other word with a slash for a path, when there is such a folder."""
    return text.startswith((".", "/", "~")) or text.lower().endswith(_ARCHIVES) or bool(_FOLDERS.fullmatch(text))


_FOLDERS = re.compile(r"[\w.+-]+(?:/[\w.+-]*)+(?:\[[^\]]*\])?")


def _library(text: str) -> LibraryRequirement | None:
    """requirements-parser's reading. What it cuts off as a comment or a continuation is none here: pip reads it."""
    if len(text) > _LIBRARY_MAX or (" " in text and ("#" in text or "\\" in text)):
        return None
    try:
        return LibraryRequirement.parse(text)
    except (ValueError, AssertionError, RecursionError):
        return None


def _marker(text: str) -> Marker | None:
    if not text.strip():
        return None
    try:
        return Marker(text.strip())
    except (InvalidMarker, RecursionError):
        raise _Wrong(
            f"The marker {text.strip()} is none.", 'Write it as in: name ; python_version >= "3.10".'
        ) from None
