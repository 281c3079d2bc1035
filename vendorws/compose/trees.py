"""YAML as Compose writes it: plain trees of text, with Compose's own tags, and Compose's merge of two trees."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeAlias

import yaml

from vendorws.errors import UsageError
from vendorws.values import dataclass


class ComposeUnreadable(UsageError):
    """A Compose file cannot be read: the message names it and what is wrong there."""


@dataclass(frozen=True, slots=True)
class Reset:
    """The value under a `!reset` tag: the key goes away."""


@dataclass(frozen=True, slots=True)
class Override:
    """The value under an `!override` tag: it replaces instead of being merged."""

    value: Tree


Tree: TypeAlias = str | list["Tree"] | dict[str, "Tree"] | Reset | Override | None
"""A YAML value. Scalars stay text as they are written (`yes`, `1.10`); only null is None."""


class _Loader(yaml.SafeLoader):
    """Unknown tags are ignored."""


_KEPT = ("tag:yaml.org,2002:null", "tag:yaml.org,2002:merge")
_Loader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers if tag in _KEPT]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}


def _plain(loader: Any, node: yaml.Node) -> Tree:  # noqa: ANN401  # the stubs want a type variable here
    if isinstance(node, yaml.MappingNode):
        return {str(key): value for key, value in loader.construct_mapping(node, deep=True).items()}
    if isinstance(node, yaml.SequenceNode):
        return list(loader.construct_sequence(node, deep=True))
    return str(node.value)


def _add_constructors() -> None:
    _Loader.add_constructor("!reset", lambda _loader, _node: Reset())
    _Loader.add_constructor("!override", lambda loader, node: Override(_plain(loader, node)))
    _Loader.add_constructor("tag:yaml.org,2002:null", lambda _loader, _node: None)
    _Loader.add_constructor(None, _plain)
    for kind in ("map", "seq", "str"):
        _Loader.add_constructor(f"tag:yaml.org,2002:{kind}", _plain)


_add_constructors()


def parse_documents(content: bytes, name: str) -> list[dict[str, Tree]]:
    """The top-level mapping of each document of a Compose file called `name`. Raises ComposeUnreadable."""
    try:
        trees = list(yaml.load_all(content, _Loader))
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        raise ComposeUnreadable(f"{name} is not valid YAML: {_one_line(error)}.", "Mend it there.") from error
    for tree in trees:
        if tree is not None and not isinstance(tree, dict):
            raise ComposeUnreadable(f"{name} is no Compose file: its top level is not a mapping.")
    return [tree or {} for tree in trees]


def parse_yaml(content: bytes, name: str) -> dict[str, Tree]:
    """The top-level mapping of a file that holds one document. Raises ComposeUnreadable."""
    trees = parse_documents(content, name)
    if len(trees) > 1:
        raise ComposeUnreadable(f"{name} holds several YAML documents.")
    return trees[0] if trees else {}


def _one_line(error: Exception) -> str:
    mark = getattr(error, "problem_mark", None)
    problem = " ".join((getattr(error, "problem", None) or str(error)).split())
    return f"line {mark.line + 1}: {problem}" if mark else problem


def read_documents(file: Path) -> list[dict[str, Tree]]:
    """The top-level mappings of the documents in `file`, which Compose merges in order. Raises ComposeUnreadable."""
    try:
        return parse_documents(file.read_bytes(), str(file))
    except FileNotFoundError as error:
        raise ComposeUnreadable(f"{file} does not exist, though Compose is told to read it.") from error
    except OSError as error:
        raise ComposeUnreadable(f"{file} cannot be read: {error.strerror}.") from error


def tagged(value: Tree, read: Callable[[Tree], Tree]) -> Tree:
    """`read(value)`, below the tag that says how the result is to be merged."""
    if isinstance(value, Reset):
        return value
    return Override(read(value.value)) if isinstance(value, Override) else read(value)


def untagged(value: Tree) -> Tree:
    """`value` where its tag has nothing to act on."""
    if isinstance(value, Reset):
        return None
    return value.value if isinstance(value, Override) else value


def merged(low: Tree, high: Tree) -> Tree:
    """Mappings are merged key by key, anything else is replaced by the later one."""
    if isinstance(high, Override):
        return high.value
    if not isinstance(low, dict) or not isinstance(high, dict):
        return high
    result = dict(low)
    for key, value in high.items():
        if isinstance(value, Reset):
            result.pop(key, None)
        else:
            result[key] = merged(result.get(key), value)
    return result


def settled(tree: Tree) -> Tree:
    """`tree` after its last merge: tags that met nothing are gone, and so is what `!reset` removes."""
    tree = untagged(tree)
    if isinstance(tree, dict):
        return {key: settled(value) for key, value in tree.items() if not isinstance(value, Reset)}
    return tree
