"""What a git URL says: its server, whom ssh must talk to, and whether two of them name one repository."""

from __future__ import annotations

import re
import shlex
from collections.abc import Sequence
from urllib.parse import unquote, urlsplit

from vendorws.values import dataclass

_SCP = re.compile(r"(?P<login>[^/:]+@)?(?P<host>\[[^\]]+\]|[^/:]+):(?!//)(?P<path>.*)", re.DOTALL)
_DEFAULT_PORTS = {"ssh": "22", "https": "443", "http": "80", "git": "9418"}


def same_repository(one: str, other: str) -> bool:
    """Whether two URLs name one repository on one server by one transport, however they are spelt.

    The scp-like form equals its ssh:// form; `.git`, a trailing slash, the case of the host and a default port do
    not matter. Another transport is another remote: a developer may reach one and not the other.
    """
    return one == other or _normal(one) == _normal(other)


def normal_url(url: str) -> str:
    """One spelling for all the URLs that `same_repository` takes for one, without a password."""
    scheme, login, host, port, path = _normal(url)
    return f"{scheme}://{login}{host}:{port}/{path.lstrip('/')}"


def server(url: str) -> str | None:
    """Who is asked for this URL: `ssh://git@host:22`, the same for all repositories there; None for a local path."""
    scheme, login, host, port, _ = _normal(url)
    return f"{scheme}://{login}{host}:{port}" if host else None


@dataclass(frozen=True, slots=True)
class SshDestination:
    """Whom git makes ssh talk to: `host` with the login before it if the URL has one, `port` if the URL has one."""

    host: str
    port: str | None

    @property
    def arguments(self) -> tuple[str, ...]:
        """As git puts them on ssh's command line."""
        return ("-p", self.port, self.host) if self.port else (self.host,)

    @property
    def typed(self) -> str:
        """The same for a shell, as people type it: without a password."""
        login, at, host = self.host.rpartition("@")
        return shlex.join((*self.arguments[:-1], f"{login.partition(':')[0]}{at}{host}"))

    @property
    def known_as(self) -> str:
        """Its name in ssh's known_hosts, where ssh is not configured to call it otherwise."""
        host = self.host.rpartition("@")[2]
        return host if self.port in (None, "22") else f"[{host}]:{self.port}"


_SSH = re.compile(
    r"(?:ssh|git\+ssh|ssh\+git)://(?P<login>[^@/]+@)?(?:\[(?P<v6>[^\]/]+)\]|(?P<host>[^:/\[\]]+))(?::(?P<port>\d*))?(?:/|$)"
)


def ssh_destination(url: str) -> SshDestination | None:
    """Whom ssh must talk to for `url`; None where that is not ssh, or not spelt so plainly that it is certain."""
    if "://" in url:
        found = _SSH.match(url)
        parts = (found["login"] or "", found["v6"] or found["host"], found["port"] or None) if found else None
    else:
        found = _SCP.fullmatch(url)
        local = found is None or "/" in (found["login"] or "")
        parts = None if found is None or local else (found["login"] or "", found["host"].strip("[]"), None)
    if parts is None or "%" in parts[0] + parts[1] or (parts[0] + parts[1]).startswith("-"):
        return None
    return SshDestination(parts[0] + parts[1], parts[2])


def rewritten(url: str, rules: Sequence[tuple[str, str]]) -> str:
    """What git makes of `url` by `url.<base>.insteadOf`; `rules` are pairs of prefix and base. The longest wins."""
    fitting = [rule for rule in rules if url.startswith(rule[0])]
    if not fitting:
        return url
    prefix, base = max(fitting, key=lambda rule: len(rule[0]))
    return base + url.removeprefix(prefix)


def _normal(url: str) -> tuple[str, str, str, str, str]:
    """Transport, login, host, port and path of a URL."""
    if "://" not in url:
        scp = _SCP.fullmatch(url)
        if scp is None or "/" in (scp["login"] or ""):
            return "file", "", "", "", _path(url)
        return "ssh", scp["login"] or "", scp["host"].strip("[]").lower(), "22", _path(scp["path"].lstrip("/"))
    scheme, _, rest = url.partition("://")
    scheme = scheme.lower()
    authority, slash, path = rest.partition("/")
    if scheme == "file":
        return "file", "", "", "", _path(unquote(slash + path))
    try:
        parts = urlsplit(f"//{authority}")
    except ValueError:  # no URL at all; it is equal to itself
        return scheme, "", "", "", rest
    host = (parts.hostname or "").lower()
    login = f"{parts.username}@" if parts.username else ""
    tail = parts.netloc.rpartition("@")[2].rpartition("]")[2].rpartition(":")[2]
    if tail.isdigit():
        return scheme, login, host, str(int(tail)), _path(path)
    colon_path = f"{tail}/{path}" if ":" in parts.netloc.rpartition("@")[2].rpartition("]")[2] and tail else path
    return scheme, login, host, _DEFAULT_PORTS.get(scheme, ""), _path(colon_path)


def _path(path: str) -> str:
    return path.rstrip("/").removesuffix(".git").rstrip("/")
