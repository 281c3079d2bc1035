"""Which entries of an override are ours."""

from __future__ import annotations

from vendorws.compose.entries import NO_ENTRIES, Entries, entries_between
from vendorws.compose.mounts import Mode, Mount
from vendorws.compose.trees import parse_yaml

USERS = "services:\n  app:\n    volumes: !override\n      - ./a:/a\n  db: !reset null\n"
ADDED = "      - {type: bind, source: ../v/x, target: /t/x}\n"


def test_what_stands_in_front_is_ours() -> None:
    before = parse_yaml(USERS.encode(), "it")
    after = parse_yaml(USERS.replace("      - ./a", ADDED + "      - ./a").encode(), "it")
    assert entries_between(before, after) == Entries((Mount("app", "x", "../v/x", "/t/x"),), Mode.BIND)


def test_nothing_added_is_nothing_of_ours() -> None:
    tree = parse_yaml(USERS.encode(), "it")
    assert entries_between(tree, tree) == NO_ENTRIES
    assert entries_between({}, {}) == NO_ENTRIES
