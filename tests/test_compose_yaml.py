"""Trees of text, Compose's tags, and merging."""

from __future__ import annotations

from pathlib import Path

import pytest

from vendorws.compose.trees import (
    ComposeUnreadable,
    Override,
    Reset,
    Tree,
    merged,
    parse_documents,
    parse_yaml,
    read_documents,
    settled,
    tagged,
)


def test_scalars_stay_as_they_are_written() -> None:
    tree = parse_yaml(b"a: yes\nb: 1.10\nc: 0o7\nd: ~\ne:\nf: 'null'\n3: 2001-01-01\n", "it")
    assert tree == {"a": "yes", "b": "1.10", "c": "0o7", "d": None, "e": None, "f": "null", "3": "2001-01-01"}


def test_tags_anchors_and_merge_keys() -> None:
    text = b"x: &x {a: 1, b: 2}\ny: {<<: *x, b: 3}\nz: !override [*x]\nr: !reset {a: 1}\n"
    assert parse_yaml(text, "it") == {
        "x": {"a": "1", "b": "2"},
        "y": {"a": "1", "b": "3"},
        "z": Override([{"a": "1", "b": "2"}]),
        "r": Reset(),
    }


@pytest.mark.parametrize(
    ("low", "high", "result"),
    [
        ({"a": {"b": "1", "c": "2"}}, {"a": {"b": "3"}}, {"a": {"b": "3", "c": "2"}}),
        ({"a": ["1"]}, {"a": ["2"]}, {"a": ["2"]}),
        ({"a": {"b": "1"}}, {"a": Override({"c": "2"})}, {"a": {"c": "2"}}),
        ({"a": "1", "b": "2"}, {"a": Reset()}, {"b": "2"}),
        (None, {"a": "1"}, {"a": "1"}),
    ],
)
def test_later_files_win_key_by_key(low: Tree, high: Tree, result: Tree) -> None:
    assert merged(low, high) == result


def test_tags_without_anything_to_act_on_settle() -> None:
    assert settled({"a": Override({"b": Reset(), "c": "1"}), "d": Reset()}) == {"a": {"c": "1"}}
    assert settled(Reset()) is None
    assert tagged(Reset(), str) == Reset()
    assert tagged(Override("x"), lambda value: f"{value}!") == Override("x!")


def test_documents_are_told_apart() -> None:
    assert parse_documents(b"a: 1\n---\n---\nb: 2\n", "it") == [{"a": "1"}, {}, {"b": "2"}]
    with pytest.raises(ComposeUnreadable, match="it holds several YAML documents"):
        parse_yaml(b"a: 1\n---\nb: 2\n", "it")
    assert parse_yaml(b"", "it") == {}


def test_a_mistake_is_named_with_its_line() -> None:
    with pytest.raises(ComposeUnreadable, match="it is not valid YAML: line 4: "):
        parse_yaml(b"a: 1\nb:\n  - c\n d: e\n", "it")


def test_a_file_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ComposeUnreadable, match=r"x\.yml does not exist"):
        read_documents(tmp_path / "x.yml")
