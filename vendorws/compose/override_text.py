"""The text of an override file that is ours alone, and of one entry; and recognising what we wrote."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Sequence

from vendorws.compose.mounts import Mode, Mount

LISTS = {Mode.BIND: ("volumes",), Mode.WATCH: ("develop", "watch")}
"""The keys that lead from a service to the list of entries."""


def own_text(mounts: Sequence[Mount], mode: Mode) -> str:
    """A whole override file: a first line that marks it as ours, then the services in the order of their mounts."""
    lines = ["services:"] if mounts else ["services: {}"]
    for service in dict.fromkeys(mount.service for mount in mounts):
        lines.append(f"  {scalar(service)}:")
        lines += [f"{' ' * (4 + 2 * depth)}{key}:" for depth, key in enumerate(LISTS[mode])]
        indent = " " * (4 + 2 * len(LISTS[mode]))
        lines += [indent + line for mount in mounts if mount.service == service for line in _item(mount, mode)]
    body = "\n".join(lines) + "\n"
    return _marker(body) + body


def _item(mount: Mount, mode: Mode) -> tuple[str, ...]:
    if mode is Mode.WATCH:
        return (
            "- action: sync",
            f"  path: {scalar(mount.source)}",
            f"  target: {scalar(mount.target)}",
            "  ignore:",
            "    - .git/",
        )
    return (
        "- type: bind",
        f"  source: {scalar(mount.source)}",
        f"  target: {scalar(mount.target)}",
        "  bind:",
        "    create_host_path: false",  # a missing source is an error then, not an empty folder that root owns
    )


def entry(mount: Mount, mode: Mode) -> str:
    """The same list item on one line."""
    source, target = scalar(mount.source), scalar(mount.target)
    if mode is Mode.WATCH:
        return f"- {{action: sync, path: {source}, target: {target}, ignore: [.git/]}}"
    return f"- {{type: bind, source: {source}, target: {target}, bind: {{create_host_path: false}}}}"


_PLAIN = re.compile(r"[A-Za-z./][A-Za-z0-9_./-]*")
_WORDS = frozenset({"true", "false", "yes", "no", "on", "off", "null", "y", "n"})


def scalar(text: str) -> str:
    """`text` as YAML that Compose reads back as this text: plain where that is safe, else in double quotes."""
    text = text.replace("$", "$$")
    plain = _PLAIN.fullmatch(text) and text.lower() not in _WORDS
    return text if plain else json.dumps(text, ensure_ascii=False)


_MARKER = re.compile(r"# Written by vendorws from the requirements files\b.*\bchecksum (?P<sum>[0-9a-f]{12})")


def _marker(body: str) -> str:
    return (
        "# Written by vendorws from the requirements files; `vendorws override --remove` takes it away again "
        f"(checksum {_checksum(body)}).\n"
    )


def _checksum(body: str) -> str:
    return hashlib.sha256(body.encode()).hexdigest()[:12]


def is_own(text: str) -> bool:
    """Whether vendorws wrote this file as a whole: its first line says so."""
    return _MARKER.match(text) is not None


def is_untouched(text: str) -> bool:
    """Whether a file of ours is still as it was written; line ends may have been changed by git."""
    match = _MARKER.match(text)
    _, _, body = text.replace("\r\n", "\n").partition("\n")
    return match is not None and match["sum"] == _checksum(body)
