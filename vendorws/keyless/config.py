"""The git config that makes an unmodified pip clone from checkouts: which URL is which folder, and the text of it.

`url.<base>.insteadOf` is a rule about prefixes, and the longest prefix wins. So every spelling that is known is listed
to its end, and a known URL that merely begins like one of ours is mapped to itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence

from vendorws.values import dataclass

MARKER = "# Written by vendorws for builds without a key; `vendorws keyless` writes it anew."
CONFIG = ".gitconfig"
"""The file in vendor/. Its name lets a git before 2.32, which knows no GIT_CONFIG_GLOBAL, find it by HOME."""
MOUNT = "/ctx/vendor"
"""Where a Dockerfile mounts the vendor folder while pip installs."""


@dataclass(frozen=True, slots=True)
class Source:
    """One repository of this machine: `folder` is relative to vendor/, `urls` are the spellings that mean it."""

    folder: str
    urls: tuple[str, ...]


def sources_of(wanted: Sequence[Source]) -> tuple[Source, ...]:
    """`wanted` with the usual other spellings of each URL; what is written somewhere counts before what is derived."""
    written: dict[str, str] = {}
    for source in wanted:
        for url in source.urls:
            written.setdefault(url, source.folder)
    derived: dict[str, str] = {}
    for url, folder in written.items():
        for other in spellings(url):
            derived.setdefault(other, folder)
    folders = {**derived, **written}
    return tuple(
        Source(folder, tuple(sorted(url for url in folders if folders[url] == folder)))
        for folder in dict.fromkeys(source.folder for source in wanted)
        if folder in folders.values()
    )


_SSH = re.compile(r"ssh://(?:(?P<login>[^@/]+)@)?(?P<host>[^:/@]+)/(?P<path>[^~].*)")
_SCP = re.compile(r"(?:(?P<login>[^@/:]+)@)?(?P<host>[^:/@]+):(?!/)(?P<path>.+)")
_WEB = re.compile(r"https?://(?P<host>[^:/@]+)/(?P<path>.+)")


def spellings(url: str) -> tuple[str, ...]:
    """Other URLs by which the large hosts serve the same repository.

    All end in `.git`: a shorter spelling would be a prefix of neighbours' names (`repo` of `repo_2`).
    """
    match = _SSH.fullmatch(url) or _WEB.fullmatch(url) or ("://" not in url and _SCP.fullmatch(url)) or None
    if match is None:
        return ()
    host, path = match["host"], match["path"].rstrip("/").removesuffix(".git").lstrip("/") + ".git"
    login = match.groupdict().get("login") or "git"
    return (f"ssh://{login}@{host}/{path}", f"{login}@{host}:{path}", f"https://{host}/{path}")


def config_text(sources: Sequence[Source], known: Iterable[str]) -> str:
    """The git config. `known` are further URLs that a build may ask for: none of them is taken for one of ours."""
    lines = [
        MARKER,
        "[safe]",
        "\t# the checkouts belong to a user of the host",
        "\tdirectory = *",
        '[protocol "file"]',
        "\t# submodules come from folders, too",
        "\tallow = always",
    ]
    for source in sources:
        lines += [
            f"[url {_quoted(f'{MOUNT}/{source.folder}')}]",
            *(f"\tinsteadOf = {_quoted(url)}" for url in source.urls),
        ]
    for url in neighbours(sources, known):
        lines += [f"[url {_quoted(url)}]", f"\tinsteadOf = {_quoted(url)}"]
    return "\n".join(lines) + "\n"


def neighbours(sources: Sequence[Source], known: Iterable[str]) -> tuple[str, ...]:
    """The known URLs that are not ours and begin like one that is."""
    ours = {url for source in sources for url in source.urls}
    return tuple(sorted(url for url in set(known) - ours if any(url.startswith(prefix) for prefix in ours)))


def _quoted(text: str) -> str:
    """A text in git's config syntax; git-config(1) names these escapes."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'


def submodule_url(written: str, parent: str) -> str:
    """What git makes of a URL in .gitmodules: `./` and `../` are relative to the parent's own URL."""
    if not written.startswith(("./", "../")):
        return written
    base, separator = parent.rstrip("/"), "/"
    while written.startswith(("./", "../")):
        dots, _, written = written.partition("/")
        if dots == "..":
            head, slash, _ = base.rpartition("/")
            host, colon, _ = base.rpartition(":")
            base, separator = (head, separator) if slash else (host, colon) if colon else (".", separator)
    return f"{base}{separator}{written}".rstrip("/")
