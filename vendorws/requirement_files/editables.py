"""What the value of an `-e` asks for: its name, its URL, and which pip versions take it. Pure.

Two forms are in use, and pip's versions (20.2 to 26.3) differ on both:

    git+ssh://git@host/acme/lib.git@v1#egg=lib&subdirectory=py      all; up to 25.3 egg= may hold more than a name
    lib[extra] @ git+ssh://git@host/acme/lib.git@v1 ; marker        25.3 and later
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Collection
from dataclasses import replace
from typing import TYPE_CHECKING
from urllib.parse import unquote

from vendorws.requirement_files import vcs_url
from vendorws.values import dataclass

if TYPE_CHECKING:
    from packaging.markers import Marker
    from packaging.requirements import Requirement as Pep508

Version = tuple[int, int]
Bound = tuple[Version, str]
"""A pip version at which the verdict on a line changes, and why."""

USAGE = "Write -e git+ssh://git@host/path.git@revision#egg=name"
DIRECT_USAGE = "Write -e 'name[extra] @ URL ; marker'"

_UNTIL_EGG: Bound = ((26, 0), "more than a name behind egg=")
UNTIL_LEGACY: Bound = ((24, 1), "a version that is none")
_UNTIL_BLANK: Bound = ((25, 3), "a blank in the URL")
_UNTIL_STUB: Bound = ((21, 0), "a URL without ssh://")
_SINCE_DIRECT: Bound = ((25, 3), "name @ URL")
_SINCE_EGG_URL: Bound = ((24, 1), "an @ behind egg=")
_SINCE_BLANK: Bound = ((21, 0), "a blank before the URL")


class Wrong(Exception):
    """No pip takes this line, or git must not: what is wrong, and what to write."""

    def __init__(self, message: str, hint: str) -> None:
        super().__init__(message)
        self.message = message
        self.hint = hint


@dataclass(frozen=True, slots=True)
class Asked:
    """What the value of an `-e` asks for, as it is written. `kind` is "local", or the version control system.

    `name` is None for a path, whose project only pip looks at. pip versions take it from every bound of `since` on,
    and before every bound of `until`.
    """

    kind: str
    url: str
    name: str | None
    extras: tuple[str, ...] = ()
    marker: Marker | None = None
    since: tuple[Bound, ...] = ()
    until: tuple[Bound, ...] = ()

    @property
    def decodes(self) -> bool:
        """Whether the newest pip that takes it percent-decodes the revision."""
        return not self.until


def read_editable(target: str, *, since: tuple[Bound, ...] = (), until: tuple[Bound, ...] = ()) -> Asked:
    """`target` as pip reads it; `since` and `until` are what else bounds the pips that take the line. Raises Wrong."""
    direct = read_direct(target)
    if vcs_url.CONTROL.search(target.replace("\t", " ") if direct else target.strip(" \t")):
        raise Wrong("There is a control character in this line.", "Remove it.")
    asked = _by_name(direct, direct.url or "", target) if direct else _by_egg(target)
    asked = replace(asked, since=(*asked.since, *since), until=(*asked.until, *until))
    if asked.since and asked.until and max(asked.since)[0] >= min(asked.until)[0]:
        both = f"{max(asked.since)[1]}, and {min(asked.until)[1]}"
        raise Wrong(f"No pip takes both in one line: {both}.", rewritten(asked))
    return asked


def clone_url(asked: Asked) -> tuple[str, str | None]:
    """The URL for git and the revision. Raises Wrong."""
    try:
        return vcs_url.clone_url(asked.url, decode=asked.decodes)
    except vcs_url.BadUrl as bad:
        raise Wrong(str(bad), USAGE) from None


# ---- name @ URL ---------------------------------------------------------------------------------------------------

NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_DIRECT = re.compile(
    r"(?P<name>[ \t]*[A-Za-z0-9][A-Za-z0-9._-]*(?:[ \t]*\[[^\]]*\])?[ \t]*@[ \t]*)"
    r"(?P<url>[^ \t]+)(?P<rest>.*)",
    re.DOTALL,
)


def read_direct(text: str) -> Pep508 | None:
    """`name[extra] @ URL ; marker`, if that is what this is.

    The URL is cut out here: for pip it ends at a blank or a tab, for some versions of packaging at any white space.
    """
    found = _DIRECT.fullmatch(text)
    direct = _pep508(f"{found['name']}URL{found['rest']}") if found else None
    if found and direct:
        direct.url = found["url"]
    return direct


def _pep508(text: str) -> Pep508 | None:
    from packaging.requirements import Requirement as Pep508

    try:
        return Pep508(text)
    except (ValueError, RecursionError):
        return None


def _by_name(direct: Pep508, url: str, target: str) -> Asked:
    stub = vcs_url.is_stub(url) and _known_kind(url) is None
    kind = "git" if stub else _known_kind(url)
    if kind is None:
        raise _no_repository(url, target)
    bound = egg_bound(url)
    return Asked(
        kind=kind,
        url=url,
        name=direct.name,
        extras=tuple(sorted(direct.extras)),
        marker=direct.marker,
        since=(_SINCE_DIRECT,),
        until=(*((_UNTIL_STUB,) if stub else ()), *((bound,) if bound else ())),
    )


# ---- URL#egg=name -------------------------------------------------------------------------------------------------


def _by_egg(target: str) -> Asked:
    url = vcs_url.prefixed(target).lstrip(" \t")
    stub = vcs_url.is_stub(url) and _known_kind(url) is None
    kind = "git" if stub else _known_kind(url)
    if kind is None and _may_be_a_path(url, target):
        kind = "local"
    if kind is None:
        raise _no_repository(url, target)
    egg = vcs_url.egg_of(url)
    if kind == "local":
        return _by_path(url)
    if not egg:
        raise _missing_egg(vcs_url.unstubbed(url) if stub else url)
    named, bound = read_egg(egg)
    since = (target[0] in " \t" and _SINCE_BLANK, named.url and "://" not in named.url and _SINCE_EGG_URL)
    until = (stub and _UNTIL_STUB, _cut_by_blank(url) and _UNTIL_BLANK, bound)
    return Asked(
        kind=kind,
        url=url,
        name=named.name,
        extras=tuple(sorted(named.extras)),
        marker=named.marker,
        since=tuple(one for one in since if one),
        until=tuple(one for one in until if one),
    )


def _cut_by_blank(url: str) -> bool:
    """Whether pip 25.3 and later, which make `name @ URL` of it, can no longer read that."""
    return (" " in url or "\t" in url) and not read_direct(f"x @ {url}")


def _by_path(url: str) -> Asked:
    """A path, or a `file:` URL with or without a name; pip takes its extras off before it looks for that."""
    path = url.rpartition("[")[0] if url.endswith("]") and not url.endswith("[]") else url
    egg, bound = vcs_url.egg_of(path), egg_bound(path)
    return Asked("local", url, None if bound else egg, until=(bound,) if bound else ())


@dataclass(frozen=True, slots=True)
class Egg:
    """What `egg=` may say, as packaging would read it; nearly always it is a name alone, which needs no reading."""

    name: str
    extras: Collection[str] = ()
    marker: Marker | None = None
    url: str | None = None


def read_egg(egg: str) -> tuple[Egg | Pep508, Bound | None]:
    """What stands behind `egg=`, and from when on pip refuses it, when it is more than a name. Raises Wrong."""
    if NAME.fullmatch(egg):
        return Egg(egg), None
    named = read_direct(egg) or _pep508(egg)
    if named is not None:
        return named, _UNTIL_EGG
    legacy = read_legacy(egg)
    if legacy is None:
        raise Wrong(f"egg={egg} is no package name.", USAGE)
    return legacy, UNTIL_LEGACY


def egg_bound(url: str) -> Bound | None:
    """The same for a URL whose package is named elsewhere: pip 26.0 and later look at its `egg=` all the same."""
    egg = vcs_url.egg_of(url)
    return None if egg is None or NAME.fullmatch(egg) else _UNTIL_EGG


def _missing_egg(url: str) -> Wrong:
    if "@egg=" in url:
        return Wrong("@egg= is not #egg=, so pip finds no name.", mended("#egg=".join(url.rsplit("@egg=", 1))))
    message = "pip cannot tell the package's name from this line: #egg= is missing."
    base, _, fragment = url.partition("#")
    if NAME.fullmatch(fragment):
        return Wrong(message, mended(f"{base}#egg={fragment}"))
    more = f"&{fragment}" if fragment.startswith("subdirectory=") else ""
    line = _word(f"{_plain_base(url).rstrip('@')}#egg=name{more}")
    return Wrong(message, f"Add #egg= with the package's name, and no blank before it: -e {line}")


_SPECIFIERS = r"(?:==|!=|<=|>=|<|>)\s*[^,;\s)]*"
_LEGACY = re.compile(
    rf"\s*(?P<name>{NAME.pattern})\s*(?:\[(?P<extras>[^\]]*)\])?"
    rf"\s*(?P<open>\()?{_SPECIFIERS}(?:\s*,\s*{_SPECIFIERS})*\s*(?(open)\))"
)
_LEGACY_MAX = 2_000  # characters: the expression takes quadratic time on long blank runs


def read_legacy(text: str) -> Pep508 | None:
    """A requirement with a version like `==2010h`, which pip took until 24.0; the version is dropped."""
    spec, semicolon, marker = text.partition(";")
    found = _LEGACY.fullmatch(spec.strip()) if len(spec) <= _LEGACY_MAX else None
    return _pep508(f"{found['name']}[{found['extras'] or ''}] {semicolon} {marker}") if found else None


# ---- which version control system ---------------------------------------------------------------------------------

_SCP = re.compile(r"(?P<host>(?:[\w.-]+@)?[\w-]+(?:\.[\w-]+)+|[\w.-]+@[\w-]+):(?!//)/?(?P<path>\S+)")


def _known_kind(url: str) -> str | None:
    """The version control system, "local" for a `file:` URL, None for what pip of today does not know. Raises Wrong."""
    scheme = scheme_of(url)
    if scheme in vcs_url.GIT_SCHEMES:
        return "git"
    if scheme in vcs_url.OTHER_SCHEMES:
        return scheme.partition("+")[0]
    return "local" if scheme == "file" else None


def _may_be_a_path(url: str, target: str) -> bool:
    """pip takes any word for a path when there is such a folder; not, however, what is meant as a URL."""
    is_url = scheme_of(url) or "://" in target or target.startswith("git+") or _SCP.fullmatch(target)
    return bool(target) and not is_url and "#egg=" not in target


def _no_repository(url: str, target: str) -> Wrong:
    scheme, scp = scheme_of(url), _SCP.fullmatch(target) or _SCP.fullmatch(url)
    if scp:
        hint = mended(target.replace(scp[0], f"git+ssh://{scp['host']}/{scp['path']}", 1))
        return Wrong("pip does not take the short form of an ssh URL.", hint)
    if url.startswith("git+") and not scheme and "://" not in url:
        repository = url[len("git+") :]
        remote = "@" in repository.partition("/")[0]
        ssh = target.replace(url, f"git+ssh://{repository}", 1)
        hint = mended(ssh) if remote else "Write -e git+file:///absolute/path#egg=name"
        return Wrong("git would take this for a path on the disk.", hint)
    if url.lower().startswith("git+"):
        transport = url.partition("#")[0].partition(":")[0]
        return Wrong(f"{transport} is no transport that git may run: only ssh, https, http, git and file are.", USAGE)
    if scheme in ("http", "https", "ssh"):
        hint = mended(target.replace(url, f"git+{url}", 1))
        return Wrong(f"{scheme}:// is no repository to pip without git+ before it.", hint)
    if "://" in target and not scheme:
        spaced = target.replace(";", " ;", 1)
        hint = f"Put a blank before the semicolon: -e {quoted(spaced)}" if read_direct(spaced) else DIRECT_USAGE
        return Wrong("pip cannot read this line.", hint)
    if "#egg=" in target and not scheme:
        return Wrong("A path takes no #egg=.", "Remove it, or write a URL that begins with git+.")
    return Wrong("This is neither a path nor a URL that pip can clone.", USAGE)


def scheme_of(url: str) -> str:
    """The scheme in lower case, "" without one. Raises Wrong."""
    try:
        return vcs_url.scheme_of(url)
    except vcs_url.BadUrl as bad:
        raise Wrong(str(bad), USAGE) from None


# ---- what to write instead ----------------------------------------------------------------------------------------


def rewritten(asked: Asked) -> str:
    """The sentence with the line that every pip of today takes, as far as there is one."""
    url = vcs_url.unstubbed(asked.url) if _UNTIL_STUB in asked.until else asked.url
    base, subdirectory = _plain_base(url), vcs_url.subdirectory_of(url)
    if asked.name is None:
        return f"Write -e {base}"
    name = asked.name.rstrip("._-")
    extras = f"[{','.join(asked.extras)}]" if asked.extras else ""
    if asked.marker and _SINCE_DIRECT in asked.since:
        return "Earlier ones take no marker on an editable line: leave it out for them."
    if asked.marker:
        tail = f"#subdirectory={subdirectory}" if subdirectory else ""
        line = shlex.quote(f"{name}{extras} @ {base}{tail} ; {asked.marker}")
        return f"Write -e {line} for pip 25.3 and later; earlier ones take no marker here."
    if subdirectory and " " in subdirectory.strip():
        return "Take the blank out of the subdirectory: no spelling of it does for all pips."
    tail = f"&subdirectory={subdirectory}" if subdirectory else ""
    line = f"Write -e {_word(f'{base}#egg={name}{tail}')}"
    return f"{line} and, on a line of its own, {name}{extras}" if extras else line


def mended(target: str) -> str:
    """The same for a line that no pip takes, `target` being the value that it should have."""
    try:
        return rewritten(replace(read_editable(target), since=()))
    except Wrong as wrong:
        return wrong.hint


def quoted(value: str) -> str:
    """In the quotes that are easiest to read."""
    return shlex.quote(value) if re.search(r"[\\\"]", value) else f'"{value}"'


def _word(value: str) -> str:
    return shlex.quote(value) if re.search(r"[\\'\"\s]", value) else value


_PATH_REVISION = re.compile(r"(?P<before>[^:]*:/*[^/]*/.*@)(?P<revision>[^@?]*)")
_PLAIN = re.compile(r"[\w./+-]+")


def _plain_base(url: str) -> str:
    """The URL without its fragment, and with a revision that all pips read alike where there is one."""
    base = url.partition("#")[0].strip(" \t").replace(" ", "%20")
    found = _PATH_REVISION.fullmatch(base)
    revision = unquote(found["revision"]) if found else ""
    return f"{found['before']}{revision}" if found and is_plain(revision) else base


def is_plain(revision: str) -> bool:
    """Whether it can stand in a URL as it is."""
    return bool(_PLAIN.fullmatch(revision))
