"""The URL of an editable requirement, taken apart exactly as pip takes it apart.

    git+ssh://git@host/acme/lib.git@feature/x#egg=lib&subdirectory=py
        clone "ssh://git@host/acme/lib.git"   revision "feature/x"   egg "lib"   subdirectory "py"

The source for every rule is pip's behaviour (20.2 to 26.3). Some are surprising, and people's files depend on them:
`egg=` and `subdirectory=` are searched for in the whole text behind any `#` or `&`, the revision begins at the last
`@` of the path and ends at the first `#`, and `file` URLs are percent-decoded once more than others.
"""

from __future__ import annotations

import re
from urllib.parse import parse_qs, unquote, urlsplit, urlunsplit

GIT_SCHEMES = ("git+ssh", "git+https", "git+http", "git+file", "git+git")
OTHER_SCHEMES = (
    *("bzr+http", "bzr+https", "bzr+ssh", "bzr+sftp", "bzr+ftp", "bzr+lp", "bzr+file"),
    *("hg+file", "hg+http", "hg+https", "hg+ssh", "hg+static-http"),
    *("svn+ssh", "svn+http", "svn+https", "svn+svn", "svn+file"),
)
_PREFIXES = ("bzr:", "git:", "hg:", "svn:")
_HASHES = ("sha512", "sha384", "sha256", "sha224", "sha1", "md5")

CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]")
"""What has no place in a URL, a name or a revision."""

_EGG = re.compile(r"[#&]egg=([^&]*)")
_SUBDIRECTORY = re.compile(r"[#&]subdirectory=([^&]*)")
_STUB = re.compile(r"git\+(?P<user>[^@/:#\s]+@)?(?P<host>\[[^\]/]+\]|[^@/:#\[\]\s]+):(?!//)(?P<path>[^:#\s][^#]*)")


class BadUrl(ValueError):
    """Why git could not, or must not, be given this URL: one sentence."""


def prefixed(target: str) -> str:
    """`git://host/x` means `git+git://host/x`."""
    for prefix in _PREFIXES:
        if target.lower().startswith(prefix):
            return f"{prefix[:-1]}+{target}"
    return target


def scheme_of(url: str) -> str:
    """The scheme in lower case, "" where there is none. Raises BadUrl."""
    try:
        return urlsplit(url).scheme
    except ValueError as error:
        raise BadUrl(f"This is no URL: {error}.") from None


def egg_of(url: str) -> str | None:
    """What `egg=` says, as it is written."""
    found = _EGG.search(url)
    return found and found[1]


def subdirectory_of(url: str) -> str | None:
    """What `subdirectory=` says, as it is written."""
    found = _SUBDIRECTORY.search(url)
    return found and found[1]


def is_stub(url: str) -> bool:
    """Whether this is `git+git@host:org/repo.git`, or `git+/a/path`: what pip before 21.0 took for a short form."""
    return "://" not in url and "file:" not in url and (bool(_STUB.match(url)) or url.startswith("git+/"))


def unstubbed(url: str) -> str:
    """The same repository in the form that every pip takes."""
    found = _STUB.match(url)
    if not found:
        return f"git+file://{url[len('git+') :]}"
    path = found["path"].lstrip("/")
    return f"git+ssh://{found['user'] or ''}{found['host']}/{path}{url[found.end() :]}"


def clone_url(url: str, *, decode: bool) -> tuple[str, str | None]:
    """The URL that pip hands to git, and the revision behind its `@`; pip 26.0 and later `decode` its `%2F`.

    Raises BadUrl.
    """
    try:
        clone, revision = _split(_file_path_decoded(url))
        urlsplit(clone)
    except ValueError as error:
        raise BadUrl(f"This is no URL: {error}.") from None
    if revision is not None and decode:
        revision = unquote(revision)
    _check(clone, revision)
    return clone, revision


def _file_path_decoded(url: str) -> str:
    scheme, host, path, query, fragment = urlsplit(url)
    if not scheme.endswith("file"):
        return url
    bare = path.lstrip("/")
    slashes = path[: len(path) - len(bare)] if bare else ""
    decoded = slashes + unquote(path).replace("\\", "/").lstrip("/")
    vcs, plus, transport = scheme.partition("+")
    return f"{vcs}{plus}{urlunsplit((transport, host, decoded, query, fragment))}"


def _split(url: str) -> tuple[str, str | None]:
    """A short form becomes a URL for a moment, so that it can be split."""
    if "://" in url:
        return _split_revision(url)
    if "file:" in url:
        raise ValueError("the path of a file is not absolute")
    clone, revision = _split_revision(url.replace("git+", "git+ssh://"))
    return clone.replace("ssh://", ""), revision


def _split_revision(url: str) -> tuple[str, str | None]:
    scheme, host, path, query, _ = urlsplit(url)
    if "+" not in scheme:
        raise ValueError("it has no scheme")
    revision = None
    if "@" in path:
        path, _, revision = path.rpartition("@")
    transport = scheme.partition("+")[2]
    # Any scheme of the network does for joining; pip makes `ssh` and `git` known as such to the standard library.
    return transport + urlunsplit(("https", host, path, query, ""))[len("https") :], revision


_HELPER = re.compile(r"[A-Za-z0-9+.-]*::")


def _check(clone: str, revision: str | None) -> None:
    """Nothing may reach git that it would take for an option, or for a program to run."""
    if revision == "":
        raise BadUrl("There is no revision behind the @.")
    if CONTROL.search(clone) or CONTROL.search(revision or ""):
        raise BadUrl("There is a control character in the URL.")
    if revision is not None and revision.startswith("-"):
        raise BadUrl(f"The revision {revision} begins with a dash: git would take it for an option.")
    if clone.startswith("-") or "://-" in unquote(clone):
        raise BadUrl("The host begins with a dash: git would take it for an option.")
    if _HELPER.match(clone):
        raise BadUrl("git would start another program for this URL.")


Identity = tuple[str, str, str, object, str, object]


def identity(url: str) -> Identity:
    """Equal for two URLs that pip takes for the same one: user, password, `egg=` and the query's order aside."""
    scheme, host, path, query, fragment = urlsplit(url)
    host = host.rpartition("@")[2] or ("localhost" if scheme == "file" else "")
    says = parse_qs(fragment)
    hashes = tuple((name, says[name][0]) for name in _HASHES if name in says)
    return (
        scheme,
        host,
        path,
        tuple(sorted(_frozen(parse_qs(query) if query else {}))),
        says.get("subdirectory", [""])[0],
        hashes,
    )


def _frozen(query: dict[str, list[str]]) -> list[tuple[str, tuple[str, ...]]]:
    return [(key, tuple(values)) for key, values in query.items()]
