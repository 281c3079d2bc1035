"""Adding our entries to an override file that is the user's, and taking them out again, byte for byte.

Every line that is added ends in `MARK`. It goes right below the line of the key that it belongs to, which the marks of
PyYAML's nodes tell, so that no line of the user's is touched. The result is parsed again and compared with the tree
that it should have; where anything differs, nothing is written and `CannotSplice` says why.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

import yaml

from vendorws.compose.mounts import Mode, Mount
from vendorws.compose.override_text import LISTS, entry, scalar
from vendorws.compose.trees import ComposeUnreadable, Override, Tree, parse_yaml
from vendorws.values import dataclass

MARK = "# added by vendorws"
_ENTRY = re.compile(r"\s*- \{(?:type: bind|action: sync), .*\} " + MARK)
_KEY = re.compile(r"(?P<indent>\s*)[^\s#].*: " + MARK)


class CannotSplice(Exception):
    """The file is written in a way that entries cannot be added to safely; the text is one clause."""


def splice(text: str, mounts: Sequence[Mount], mode: Mode) -> str:
    """`text` without what was added before, and with `mounts` added. Raises CannotSplice and ComposeUnreadable."""
    base = without_ours(text)
    if not mounts:
        return base
    _root(base)
    tree: Tree = parse_yaml(base.encode(), "It")
    additions = {service: [mount for mount in mounts if mount.service == service] for service in _services(mounts)}
    result = _with_insertions(base, _insertions(base, additions, mode))
    try:
        after = parse_yaml(result.encode(), "It")
    except ComposeUnreadable as error:
        raise CannotSplice("the result would not be valid YAML") from error
    for service, added in additions.items():
        tree = _with_entries(tree, ("services", service, *LISTS[mode]), [_entry_tree(mount, mode) for mount in added])
    if after != tree:
        raise CannotSplice("an anchor, an alias or a merge key (<<) carries what is written there to other places")
    return result


def _services(mounts: Sequence[Mount]) -> list[str]:
    return list(dict.fromkeys(mount.service for mount in mounts))


def _entry_tree(mount: Mount, mode: Mode) -> Tree:
    [tree] = parse_yaml(f"x:\n{entry(mount, mode)}\n".encode(), "It").values()
    assert isinstance(tree, list)
    return tree[0]


def _with_entries(tree: Tree, path: tuple[str, ...], entries: list[Tree]) -> Tree:
    """The tree that `entries` in front of the list at `path` should give."""
    if isinstance(tree, Override):
        return Override(_with_entries(tree.value, path, entries))
    if not path:
        return [*entries, *(tree if isinstance(tree, list) else [])]
    inner = tree if isinstance(tree, dict) else {}
    return {**inner, path[0]: _with_entries(inner.get(path[0]), path[1:], entries)}


# ---- taking out -------------------------------------------------------------------------------------------------


def without_ours(text: str) -> str:
    """The text as it was before anything was added. Raises CannotSplice where an addition was rewritten."""
    if MARK not in text:
        return text
    lines = text.split("\n")
    prose = _lines_of_texts(text)
    ours = [number not in prose and _is_ours(line) for number, line in enumerate(lines)]
    for number, line in enumerate(lines):
        marked = line.rstrip().endswith(MARK) and not line.lstrip().startswith("#")
        if marked and not ours[number] and number not in prose:
            raise CannotSplice(f"line {number + 1} carries our mark and was rewritten since (take that line out)")
    kept = [_kept(lines, ours, number) for number in range(len(lines))]
    result = "\n".join(line for line in kept if line is not None)
    # Where the last line is ours, the user's last line had no end, and gets none.
    return result.removesuffix("\r") if kept[-1] is None else result


def _is_ours(line: str) -> bool:
    bare = line.rstrip("\r")
    return _ENTRY.fullmatch(bare) is not None or _KEY.fullmatch(bare) is not None


def _kept(lines: Sequence[str], ours: Sequence[bool], number: int) -> str | None:
    """What stays of one line: all of it, nothing, or a key without its mark where the user built on it."""
    line = lines[number]
    if not ours[number]:
        return line
    key = _KEY.fullmatch(line.rstrip("\r"))
    if key is None or not _has_more_below(lines, ours, number, len(key["indent"])):
        return None
    return line.replace(f" {MARK}", "")


def _has_more_below(lines: Sequence[str], ours: Sequence[bool], number: int, indent: int) -> bool:
    """Whether anything that is not ours stands below the key on this line."""
    for other in range(number + 1, len(lines)):
        bare = lines[other].strip()
        if bare and not bare.startswith("#"):
            deeper = len(lines[other]) - len(lines[other].lstrip()) - indent
            if deeper < 0 or (deeper == 0 and not bare.startswith("-")):
                return False
            if not ours[other]:
                return True
    return False


def _lines_of_texts(text: str) -> frozenset[int]:
    """The lines inside of texts that span several lines: what looks like an entry there is prose."""
    try:
        scalars = [event for event in yaml.parse(text, yaml.SafeLoader) if isinstance(event, yaml.ScalarEvent)]
    except yaml.YAMLError as error:
        raise CannotSplice("it is not valid YAML") from error
    found: set[int] = set()
    for event in scalars:
        start, end = event.start_mark, event.end_mark
        if start is not None and end is not None and end.line > start.line:
            found.update(range(start.line + 1, end.line + (end.column > 0)))
    return frozenset(found)


# ---- putting in -------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class _Insertion:
    """Lines to put below the line that holds the character `index`, or above it."""

    index: int
    lines: tuple[str, ...]
    above: bool = False


@dataclass(frozen=True, slots=True)
class _Pair:
    """A key and its value in the user's file; `name` is the path of keys, for people."""

    key: yaml.Node
    value: yaml.Node
    name: str


def _insertions(text: str, additions: Mapping[str, Sequence[Mount]], mode: Mode) -> list[_Insertion]:
    if re.search("\r(?!\n)|[\x85\u2028\u2029]", text):
        raise CannotSplice("it has unusual line ends")
    root = _root(text)
    if root is None:
        return [_Insertion(len(text), _whole(additions, mode, 0))]
    top = _pairs(root, "")
    if "services" in top:
        pair = top["services"]
        step = _step(pair)
        return [
            _insertion(text, pair, (service, *LISTS[mode]), [entry(mount, mode) for mount in mounts], step)
            for service, mounts in additions.items()
        ]
    first = min(top.values(), key=lambda pair: pair.key.start_mark.index).key.start_mark
    return [_Insertion(first.index, _whole(additions, mode, first.column), above=True)]


def _root(text: str) -> yaml.Node | None:
    """The node of the one document; None for a document without anything in it."""
    try:
        root = yaml.compose(text, yaml.SafeLoader)
    except yaml.composer.ComposerError as error:
        raise CannotSplice("it holds several documents, or an alias to nothing") from error
    except yaml.YAMLError as error:
        raise CannotSplice("it is not valid YAML") from error
    return None if root is None or _is_empty(root) else root


def _pairs(node: yaml.Node, name: str) -> dict[str, _Pair]:
    if not isinstance(node, yaml.MappingNode) or node.flow_style or not node.value:
        raise CannotSplice(f"{name or 'its top level'} is not written as an indented mapping")
    return {key.value: _Pair(key, value, f"{name}.{key.value}".lstrip(".")) for key, value in node.value}


def _step(services: _Pair) -> int:
    """By how many columns this file indents."""
    if isinstance(services.value, yaml.MappingNode) and services.value.value:
        first = services.value.value[0][0]
        column: int = first.start_mark.column
        return max(1, column - services.key.start_mark.column)
    return 2


def _insertion(text: str, pair: _Pair, path: tuple[str, ...], entries: Sequence[str], step: int) -> _Insertion:
    """Where the entries go that belong at `path` below this pair."""
    below, value = pair.key.end_mark.index, pair.value
    if _is_empty(value):
        return _Insertion(below, _nested(path, entries, pair.key.start_mark.column + step, step))
    if not path:
        if not isinstance(value, yaml.SequenceNode) or value.flow_style:
            raise CannotSplice(f"{pair.name} is not written as an indented list")
        return _Insertion(below, _nested((), entries, _column_below(text, below), step))
    inner = _pairs(value, pair.name)
    if path[0] in inner:
        return _insertion(text, inner[path[0]], path[1:], entries, step)
    return _Insertion(below, _nested(path, entries, _column_below(text, below), step))


def _column_below(text: str, index: int) -> int:
    """The indentation of the first line with content below the line that holds `index`."""
    for line in text[index:].split("\n")[1:]:
        if line.strip() and not line.lstrip().startswith("#"):
            return len(line) - len(line.lstrip())
    return 0


def _is_empty(node: yaml.Node) -> bool:
    return (
        isinstance(node, yaml.ScalarNode)
        and node.tag.endswith(":null")
        and node.start_mark.index == node.end_mark.index
    )


def _nested(path: Sequence[str], entries: Sequence[str], column: int, step: int) -> tuple[str, ...]:
    keys = [f"{' ' * (column + depth * step)}{scalar(key)}:" for depth, key in enumerate(path)]
    indent = " " * (column + len(path) * step)
    return (*keys, *(indent + line for line in entries))


def _whole(additions: Mapping[str, Sequence[Mount]], mode: Mode, column: int) -> tuple[str, ...]:
    lines = [" " * column + "services:"]
    for service, mounts in additions.items():
        lines += _nested((service, *LISTS[mode]), [entry(mount, mode) for mount in mounts], column + 2, 2)
    return tuple(lines)


def _with_insertions(text: str, insertions: Sequence[_Insertion]) -> str:
    """From the last to the first, so that positions stay true; at one position the first one comes out on top."""
    for _, insertion in sorted(enumerate(insertions), key=lambda found: (found[1].index, found[0]), reverse=True):
        text = _with_insertion(text, insertion)
    return text


def _with_insertion(text: str, insertion: _Insertion) -> str:
    end = "\r\n" if "\r\n" in text else "\n"
    block = end.join(f"{line} {MARK}" for line in insertion.lines)
    if insertion.above:
        position = text.rfind("\n", 0, insertion.index) + 1
    elif (newline := text.find("\n", insertion.index)) >= 0:
        position = newline + 1
    elif text and not text.endswith("\n"):
        return f"{text}{end}{block}"  # the last line has no end; the new last line has none either
    else:
        position = len(text)
    return f"{text[:position]}{block}{end}{text[position:]}"
