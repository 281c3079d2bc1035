"""The text of an override file of ours."""

from __future__ import annotations

import pytest

from vendorws.compose.entries import entries_between
from vendorws.compose.mounts import Mode, Mount
from vendorws.compose.override_text import LISTS, entry, is_own, is_untouched, own_text, scalar
from vendorws.compose.trees import Tree, parse_yaml

MOUNTS = (
    Mount("app", "billing", "./vendor/billing", "/site/vendor/billing"),
    Mount("app", "theme", "./vendor/theme", "/site/vendor/theme"),
    Mount("yes", "theme", "./vendor/theme", "/a b/$x/theme"),
)


def test_the_whole_file() -> None:
    first, _, body = own_text(MOUNTS, Mode.BIND).partition("\n")
    assert first.startswith("# Written by vendorws from the requirements files; `vendorws override --remove`")
    assert (
        body
        == """\
services:
  app:
    volumes:
      - type: bind
        source: ./vendor/billing
        target: /site/vendor/billing
        bind:
          create_host_path: false
      - type: bind
        source: ./vendor/theme
        target: /site/vendor/theme
        bind:
          create_host_path: false
  "yes":
    volumes:
      - type: bind
        source: ./vendor/theme
        target: "/a b/$$x/theme"
        bind:
          create_host_path: false
"""
    )


def test_the_whole_file_for_watch() -> None:
    _, _, body = own_text(MOUNTS[:1], Mode.WATCH).partition("\n")
    assert (
        body
        == """\
services:
  app:
    develop:
      watch:
        - action: sync
          path: ./vendor/billing
          target: /site/vendor/billing
          ignore:
            - .git/
"""
    )


@pytest.mark.parametrize("mode", Mode)
def test_what_is_written_is_read_back(mode: Mode) -> None:
    found = entries_between({}, parse_yaml(own_text(MOUNTS, mode).encode(), "it"))
    assert found.mounts == MOUNTS
    assert found.mode is mode


@pytest.mark.parametrize("mode", Mode)
def test_one_line_says_the_same_as_the_block(mode: Mode) -> None:
    block: Tree = parse_yaml(own_text(MOUNTS[2:], mode).encode(), "it")
    for key in ("services", "yes", *LISTS[mode]):
        assert isinstance(block, dict)
        block = block[key]
    assert parse_yaml(f"x:\n{entry(MOUNTS[2], mode)}\n".encode(), "it")["x"] == block


def test_an_empty_one_is_a_valid_compose_file() -> None:
    assert own_text((), Mode.BIND).endswith("\nservices: {}\n")


def test_an_edit_is_noticed_and_line_ends_are_none() -> None:
    text = own_text(MOUNTS, Mode.BIND)
    assert is_own(text)
    assert is_untouched(text)
    assert is_untouched(text.replace("\n", "\r\n"))
    assert not is_untouched(text + "  db:\n    image: x\n")
    assert is_own(text + "# mine\n")
    assert not is_own("# mine\n" + text)


@pytest.mark.parametrize(
    "text", ["no", "Yes", "null", "1.5", "a: b", "a #b", "*x", "&x", "~", "", "é", "x\ny", "$", "-a", "{a}"]
)
def test_texts_that_yaml_reads_otherwise_are_quoted(text: str) -> None:
    assert scalar(text).startswith('"')
    assert parse_yaml(f"x: {scalar(text)}".encode(), "it") == {"x": text.replace("$", "$$")}


@pytest.mark.parametrize("text", ["app", "./vendor/a-b.c_d", "/site/vendor", "web1"])
def test_plain_texts_stay_plain(text: str) -> None:
    assert scalar(text) == text
