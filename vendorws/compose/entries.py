"""Which entries of an override are ours: those that it has more than the user's part of it."""

from __future__ import annotations

import posixpath
from collections.abc import Mapping

from vendorws.compose.mounts import Mode, Mount
from vendorws.compose.override_text import LISTS
from vendorws.compose.trees import Tree, untagged
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Entries:
    """Mounts that were written before, and in which mode (None: there are none)."""

    mounts: tuple[Mount, ...]
    mode: Mode | None


NO_ENTRIES = Entries((), None)


def entries_between(before: Mapping[str, Tree], after: Mapping[str, Tree]) -> Entries:
    """What was added to the tree `before` to give `after`: we add in front of each list."""
    for mode, path in LISTS.items():
        found = [
            mount
            for service, tree in _mapping(after.get("services")).items()
            for mount in _added(
                service, _list_at(_mapping(before.get("services")).get(service), path), _list_at(tree, path)
            )
        ]
        if found:
            return Entries(tuple(found), mode)
    return NO_ENTRIES


def _added(service: str, before: list[Tree], after: list[Tree]) -> list[Mount]:
    return [_mount(service, _mapping(item)) for item in after[: len(after) - len(before)]]


def _mount(service: str, item: Mapping[str, Tree]) -> Mount:
    source, target = (
        str(item.get(key, "")).replace("$$", "$") for key in ("source" if "source" in item else "path", "target")
    )
    return Mount(service, posixpath.basename(source), source, target)


def _mapping(tree: Tree) -> dict[str, Tree]:
    tree = untagged(tree)
    return tree if isinstance(tree, dict) else {}


def _list_at(tree: Tree, path: tuple[str, ...]) -> list[Tree]:
    for key in path:
        tree = _mapping(tree).get(key)
    tree = untagged(tree)
    return tree if isinstance(tree, list) else []
