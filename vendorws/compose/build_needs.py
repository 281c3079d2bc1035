"""What a Compose file that is there lacks of the lines that `vendorws init` would write for a build.

    the file and its Dockerfiles (Written) + the lines (a template) -> those that are missing, ready to be pasted

The file is taken as it is spelt, because something is to be pasted into it: a key that stands in it already is marked
instead of being written twice, and what the Dockerfile has no use for is left out.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import field
from functools import reduce
from pathlib import Path

from vendorws.compose.trees import ComposeUnreadable, Tree, merged, parse_documents, settled
from vendorws.dockerfiles.dockerfile import find_checkouts
from vendorws.dockerfiles.instructions import declared_arguments, parse_instructions, without_flags
from vendorws.files import read_regular
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class WrittenBuild:
    """A service's `build`: the keys below it, and its Dockerfile (None: not there, or not a file of this machine).

    `short` is the context where nothing else is said (`build: .`), so that there is nothing to add a key to.
    """

    service: str
    keys: Mapping[str, Tree] = field(default_factory=dict)
    dockerfile: str | None = None
    short: str | None = None


@dataclass(frozen=True, slots=True)
class Written:
    """The builds in a Compose file that may install the requirements, and what stands below its `secrets`."""

    builds: tuple[WrittenBuild, ...] = ()
    secrets: Tree = None


def read_written(root: Path, content: bytes) -> Written:
    """What `content`, a Compose file in `root`, has; nothing where it cannot be read, which is not for us to judge."""
    try:
        documents = parse_documents(content, str(root))
    except ComposeUnreadable:
        return Written()
    empty: Tree = {}
    tree = _mapping(settled(reduce(merged, documents, empty)))
    builds = {name: _mapping(service).get("build") for name, service in _mapping(tree.get("services")).items()}
    read = (_build(root, name, build) for name, build in builds.items() if build is not None)
    return Written(tuple(build for build in read if build is not None), tree.get("secrets"))


def lacking(template: str, there: Mapping[str, Tree], dockerfile: str | None) -> str:
    """The lines of `template` that `there`, the keys of the same place, does not have and the Dockerfile uses."""
    return "".join(_lines(section, there, dockerfile) for section in _SECTION.finditer(template))


# ---- the file -----------------------------------------------------------------------------------------------------


def _mapping(tree: Tree) -> Mapping[str, Tree]:
    return tree if isinstance(tree, dict) else {}


def _build(root: Path, service: str, tree: Tree) -> WrittenBuild | None:
    """The build, or None for one that installs something else: that of a proxy or a database."""
    keys = tree if isinstance(tree, dict) else {"context": tree}
    context, name, inline = (str(keys.get(key) or "") for key in ("context", "dockerfile", "dockerfile_inline"))
    path = root / (context or ".") / (name or "Dockerfile")
    text = inline or _text(path)
    is_the_projects = not inline and os.path.normpath(path) == os.path.normpath(root / "Dockerfile")
    if text is not None and not is_the_projects and find_checkouts(text, {}) is None:
        return None
    return WrittenBuild(service, keys, text, None if isinstance(tree, dict) else context)


def _text(path: Path) -> str | None:
    try:
        return read_regular(path).decode("utf-8", "replace")
    except (OSError, ValueError):
        return None


def _names(tree: Tree) -> set[str]:
    """What the entries below a key are called: in a mapping or a list, of names, of `name=value` or of mappings."""
    if isinstance(tree, dict):
        return set(tree)
    items = tree if isinstance(tree, list) else [tree]
    named = {str(item.get("target") or item.get("source")) for item in items if isinstance(item, dict)}
    return named | {item.partition("=")[0] for item in items if isinstance(item, str)}


# ---- the Dockerfile -----------------------------------------------------------------------------------------------


def _uses(dockerfile: str | None, key: str, name: str) -> bool:
    """Whether the entry `name` of a build's `key` is of use. The key itself always is, unless it has another name."""
    if dockerfile is None:
        return True
    if key == "ssh":
        agents = {mount.get("id", name) for mount in _mounts(dockerfile) if mount.get("type") == "ssh"}
        return not agents or name in agents
    if key == "secrets":
        return any(mount.get("type") == "secret" and mount.get("id") == name for mount in _mounts(dockerfile))
    return name == "ssh_prv_key" or name in declared_arguments(dockerfile)


def _mounts(dockerfile: str) -> Iterator[dict[str, str]]:
    """The options of each `RUN --mount=…`."""
    for instruction in parse_instructions(dockerfile).instructions:
        flags = instruction.text.removesuffix(without_flags(instruction.text)).split()
        for flag in flags if instruction.keyword == "RUN" else ():
            if flag.startswith("--mount="):
                pairs = (option.partition("=") for option in flag.removeprefix("--mount=").split(","))
                yield {key: value for key, _, value in pairs}


# ---- the lines ----------------------------------------------------------------------------------------------------

_SECTION = re.compile(r"(?P<above>(?: *#.*\n)*)(?P<head>(?P<margin> *)(?P<key>\w+):)\n(?P<body>(?:(?P=margin) .*\n)+)")
_ENTRY = re.compile(r"(?P<margin> +)(?:- )?(?P<name>\w+).*\n(?:(?P=margin) .*\n)*")


def _lines(section: re.Match[str], there: Mapping[str, Tree], dockerfile: str | None) -> str:
    key = section["key"]
    has = there.get(key)
    entries = [
        _as_spelt(entry[0], has)
        for entry in _ENTRY.finditer(section["body"])
        if entry["name"] not in _names(has) and _uses(dockerfile, key, entry["name"])
    ]
    mark = " # is there; add to it" if key in there else ""
    return f"{section['above']}{section['head']}{mark}\n{''.join(entries)}" if entries else ""


def _as_spelt(entry: str, has: Tree) -> str:
    """The entry in the form that the others below its key have, a list's or a mapping's."""
    if isinstance(has, list):
        return re.sub(r'(\w+): "(.*)"', r"- \1=\2", entry)
    return re.sub(r"- (\w+)", r"\1:", entry) if isinstance(has, dict) else entry
