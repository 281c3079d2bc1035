"""A config file means what git says it means: git reads every text here too."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.support.git import GitFailed, git_bytes
from vendorws.checkouts.git_config import append_config, parse_config


def as_git_reads(text: str, folder: Path) -> dict[str, list[str]] | None:
    """The same from `git config --list`, None where git refuses the file."""
    file = folder / "config-to-read"
    file.write_bytes(text.encode())
    try:
        listed = git_bytes(folder, "config", "--file", file, "--null", "--list")
    except GitFailed:
        return None
    values: dict[str, list[str]] = {}
    for entry in listed.decode().split("\0")[:-1]:
        name, equals, value = entry.partition("\n")
        values.setdefault(name, []).append(value if equals else "true")
    return values


def as_we_read(text: str) -> dict[str, list[str]] | None:
    try:
        return parse_config(text)
    except ValueError:
        return None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "# nothing\n; at all\n\n",
        "[core]\n\tbare = false\n",
        "[Core]\nBARE=1\n",
        '[remote "Origin/x.Y"]\n\turl = a\n\tUrl = b\n',
        '[remote "a\\"b\\\\c\\d"]\nx = 1\n',
        "[a.B.c]\nx = 1\n",
        '[a] x = 1\n[b "c"] y = 2 # on one line\n',
        "[a]\nx\ny = \nz =\n",
        "[a]\nx ; no comment here\n",
        '[a]\nx = one # two ; three\ny = "one # two ; three"\n',
        '[a]\nx = "quo" ted "and not"\n',
        '[a]\nx = \\"half\\" quoted\n',
        '[a]\nx = "with \\"both\\" and \\\\ and \\t and \\n"\n',
        "[a]\nx = one \\\n   two\\\nthree\n",
        '[a]\nx = "   spaces   "   \ny = inner  spaces   \n',
        '[a]\nx = "" y\n',
        "[a]\r\nx = windows\r\ny = more \\\r\n of it\r\n",
        "\ufeff[a]\nx = 1\n",
        "[a]\nx = 1",
        "[a]\nx = ünïcode \u2028 and more\n",
        "x = 1\n",
        "[a\n",
        "[a]]\nx = 1\n",
        "[a] ]\n",
        '[a"b"]\nx = 1\n',
        '[a "b]\nx = 1\n',
        '[a "b" ]\nx = 1\n',
        "[]\nx = 1\n",
        "[a b]\nx = 1\n",
        "[a]\n1x = 1\n",
        "[a]\nx_y = 1\n",
        "[a]\nx-y = 1\n",
        '[a]\nx = "open\n',
        "[a]\nx = \\q\n",
        "[a]\nx = 1 \\\n",
        "[a]\n= 1\n",
        "[a]\nx = 1\n[a]\nX = 2\n[A]\nx = 3\n",
    ],
)
def test_as_git(text: str, tmp_path: Path) -> None:
    assert as_we_read(text) == as_git_reads(text, tmp_path)


PIECES = st.sampled_from(
    [
        "[a]",
        '[a "b c"]',
        "[a.b]",
        "x",
        "y-1",
        "=",
        " = ",
        '"',
        "\\",
        '\\"',
        "\\n",
        "\\\n",
        "#",
        ";",
        " ",
        "\n",
        "\r\n",
        "v",
    ]
)


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PIECES, max_size=14).map("".join))
@example('[a]\nx = v \\\n"v ;" # "\n')
def test_as_git_whatever_is_written(tmp_path: Path, text: str) -> None:
    assert as_we_read(text) == as_git_reads(text, tmp_path)


@pytest.mark.parametrize(("text", "line"), [("[a]\nx = 1\n\n*\n", 4), ("[oops", 1), ('[a]\nx = "\n', 2)])
def test_the_line_that_is_wrong(text: str, line: int) -> None:
    with pytest.raises(ValueError, match=rf"^bad line {line}$"):
        parse_config(text)


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@example(value='we"ird;#\\name')
@given(value=st.text(st.characters(exclude_characters="\0\r", exclude_categories=("Cs",)), max_size=12))
def test_what_is_added_is_read_back(value: str, tmp_path: Path) -> None:
    file = tmp_path / "config"
    file.write_text("[core]\n\tbare = false\n", "utf-8")
    append_config(file, "vendorws", "placed", value)
    expected = {"core.bare": ["false"], "vendorws.placed": [value]}
    assert as_git_reads(file.read_text("utf-8"), tmp_path) == parse_config(file.read_text("utf-8")) == expected
