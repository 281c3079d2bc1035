"""`vendorws list`: every line with its verdict, for people and as JSON."""

from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest

from tests.support.command import COMMAND, Vendorws
from tests.support.project import Project, in_any_path
from tests.support.terminal import on_terminal
from vendorws.model import Requirements
from vendorws.requirement_files import listing
from vendorws.requirement_files.lines import read_lines
from vendorws.requirement_files.markers import marker_environment
from vendorws.requirement_files.pins import parse

SSH = "git+ssh://git@github.com/acme"
LINES = (
    "django==5.1",
    f"-e {SSH}/My_Lib.git@main#egg=my_lib",
    "-e git+https://t0k3n@github.com/acme/util.git@v1#egg=util[a]",
    f"-e \"old @ {SSH}/old.git ; python_version < '3'\"",
    "--index-url https://u:t0k3n@index.example/simple",
    "-r more.txt",
)


@pytest.fixture
def listed(project: Project) -> Project:
    project.require(*LINES)
    project.require("requests", file="more.txt")
    return project


def found(project: Project) -> Requirements:
    lines = read_lines([project.root / "requirements.txt"], project.root, {})
    return parse(lines, marker_environment("3.12", "linux"))


# -- for people ---------------------------------------------------------------------------------------------------


@in_any_path
def test_every_line_is_shown_with_its_verdict(listed: Project, vendorws: Vendorws) -> None:
    shown = [
        ("requirements.txt:1", "index package", "django==5.1"),
        ("requirements.txt:2", "vendor/my-lib", LINES[1]),
        ("requirements.txt:3", "vendor/util", "-e git+https://****@github.com/acme/util.git@v1#egg=util[a]"),
        ("requirements.txt:4", 'marker is false: python_version < "3"', LINES[3]),
        ("requirements.txt:5", "option", "--index-url https://u:****@index.example/simple"),
        ("requirements.txt:6", "reads more.txt", "-r more.txt"),
        ("more.txt:1", "index package", "requests"),
    ]
    assert vendorws.ok("list").stdout.splitlines() == [
        *(f"{where:18}  {verdict:37}  {text}" for where, verdict, text in shown),
        "7 lines, 2 repositories to vendor",
    ]


def test_warnings_come_after_the_list_on_stderr(listed: Project, vendorws: Vendorws) -> None:
    result = vendorws.ok("list")
    assert result.stderr.splitlines()[:2] == [
        "warning: requirements.txt:3: pip 26.0 and later refuse this line: more than a name behind egg=.",
        "  Write -e git+https://****@github.com/acme/util.git@v1#egg=util and, on a line of its own, util[a]",
    ]


@pytest.mark.parametrize(
    ("lines", "count"),
    [
        ([f"billing @ {SSH}/billing.git@main"], "1 git package is"),
        ([f"{SSH}/billing.git#egg=billing", f"theme @ {SSH}/theme.git", f"-e {SSH}/x.git#egg=x"], "2 git packages are"),
    ],
)
def test_git_packages_that_are_not_editable_get_a_hint(
    lines: list[str], count: str, project: Project, vendorws: Vendorws
) -> None:
    project.require(*lines, "django", "y @ hg+https://host.example/y")
    assert vendorws.ok("list").stderr.splitlines() == [
        f"note: {count} not editable; a line `-e URL#egg=NAME` brings one to vendor/, to work on."
    ]


def test_all_errors_are_shown_together_and_the_exit_code_says_so(project: Project, vendorws: Vendorws) -> None:
    project.require(f"-e {SSH}/x.git", "django", f"-e {SSH}/x.git@egg=x")
    result = vendorws("list")
    assert result.exit_code == 2
    assert [line.split()[1] for line in result.stdout.splitlines()[:3]] == ["error", "index", "error"]
    assert "requirements.txt:1: pip cannot tell the package's name" in result.stderr
    assert f"Write -e {SSH}/x.git#egg=x" in result.stderr


def test_a_conflict_shows_both_claims(project: Project, vendorws: Vendorws) -> None:
    project.require(f"-e {SSH}/x.git@v1#egg=x", f"-e {SSH}/x.git@v2#egg=x")
    result = vendorws("list")
    assert result.exit_code == 2
    assert "requirements.txt:2  vendor/x (conflict)" in result.stdout


def test_no_requirements_file_is_one_clear_sentence(project: Project, vendorws: Vendorws) -> None:
    result = vendorws("list")
    assert result.exit_code == 2
    assert result.stderr.splitlines() == [
        "error: requirements.txt does not exist.",
        "    Go to the project's folder, create it, or name another file with -r.",
    ]


def test_an_empty_file_is_fine(project: Project, vendorws: Vendorws) -> None:
    project.require()
    assert vendorws.ok("list").stdout == "0 lines, 0 repositories to vendor\n"


def test_files_may_be_named(listed: Project, vendorws: Vendorws, tmp_path: Path) -> None:
    result = vendorws.ok("list", "--project", listed.root, "-r", "more.txt", cwd=listed.root)
    assert result.stdout.splitlines() == ["more.txt:1  index package  requests", "1 line, 0 repositories to vendor"]


def test_it_works_from_a_sub_folder(listed: Project, vendorws: Vendorws) -> None:
    (listed.root / "src" / "deep").mkdir(parents=True)
    assert vendorws.ok("list", cwd=listed.root / "src" / "deep").stdout == vendorws.ok("list").stdout


def test_no_line_can_act_on_the_terminal(project: Project, vendorws: Vendorws) -> None:
    project.require("-e \x1b[2J\u202e.", "\x1b]0;x\x07")
    result = vendorws("list", "--color", "always")
    assert "\x1b[2J" not in result.stdout + result.stderr
    assert "\\x1b[2J\\u202e" in result.stdout
    assert "\x07" not in result.stdout + result.stderr


@pytest.mark.parametrize("color", [("--color", "never"), ("--color", "always")])
def test_colour_is_never_the_only_carrier(listed: Project, vendorws: Vendorws, color: tuple[str, str]) -> None:
    colored = vendorws.ok("list", *color).stdout
    assert ("\x1b[" in colored) == (color[1] == "always")
    plain = re.sub(r"\x1b\[[0-9;]*m", "", colored)
    shown = [line.split("  ")[0] for line in plain.splitlines()]
    assert shown == [line.split("  ")[0] for line in vendorws.ok("list").stdout.splitlines()]


@pytest.mark.parametrize(
    ("columns", "line"),
    [
        (80, "requirements.txt:3  vendor/util               -e git+http…til.git@v1#egg=util[a]"),
        (
            160,
            "requirements.txt:3  vendor/util                            "
            "-e git+https://****@github.com/acme/util.git@v1#egg=util[a]",
        ),
    ],
)
def test_on_a_terminal_a_line_fits(listed: Project, columns: int, line: str) -> None:
    screen = on_terminal([*COMMAND, "list"], cwd=listed.root, columns=columns)
    assert screen.exit_code == 0
    shown = screen.text.splitlines()[:7]
    assert max(map(len, shown)) <= columns
    assert shown[2] == line


# -- as JSON ------------------------------------------------------------------------------------------------------


def test_json_has_every_line(listed: Project, vendorws: Vendorws) -> None:
    document = vendorws.ok("list", "--json").json
    assert list(document) == ["schema_version", "command", "requirements", "errors", "warnings"]
    assert (document["schema_version"], document["command"], document["errors"]) == (1, "list", [])
    assert document["requirements"][1] == {
        "file": "requirements.txt",
        "line": 2,
        "text": LINES[1],
        "vendored": True,
        "name": "my-lib",
        "path": "vendor/my-lib",
        "url": "ssh://git@github.com/acme/My_Lib.git",
        "rev": "main",
        "subdirectory": None,
        "extras": [],
        "marker": None,
        "reason": "editable git",
    }
    assert document["requirements"][0] == {
        "file": "requirements.txt",
        "line": 1,
        "text": "django==5.1",
        "vendored": False,
        "name": "django",
        **dict.fromkeys(("path", "url", "rev", "subdirectory", "extras", "marker")),
        "reason": "index package",
    }
    assert [one["vendored"] for one in document["requirements"]] == [False, True, True, False, False, False, False]


def test_json_hides_secrets(listed: Project, vendorws: Vendorws) -> None:
    result = vendorws.ok("list", "--json")
    assert "t0k3n" not in result.stdout + result.stderr
    assert result.json["requirements"][2]["url"] == "https://****@github.com/acme/util.git"


def test_json_warnings_have_the_shape_of_errors(listed: Project, vendorws: Vendorws) -> None:
    result = vendorws.ok("list", "--json")
    assert result.stderr == ""
    assert result.json["warnings"][0] == {
        "file": "requirements.txt",
        "line": 3,
        "text": "-e git+https://****@github.com/acme/util.git@v1#egg=util[a]",
        "message": "pip 26.0 and later refuse this line: more than a name behind egg=.",
        "hint": "Write -e git+https://****@github.com/acme/util.git@v1#egg=util and, on a line of its own, util[a]",
    }


def test_json_is_whole_when_there_are_errors(project: Project, vendorws: Vendorws) -> None:
    project.require("django", "foo=1")
    result = vendorws("list", "--json")
    assert result.exit_code == 2
    assert [one["reason"] for one in result.json["requirements"]] == ["index package", "error"]
    assert result.json["errors"] == [
        {
            "file": "requirements.txt",
            "line": 2,
            "text": "foo=1",
            "message": "No pip can read the requirement foo=1.",
            "hint": "Write name==1.0, or a URL that begins with git+.",
        }
    ]


def test_json_has_no_line_for_a_file(project: Project, vendorws: Vendorws) -> None:
    (error,) = vendorws("list", "--json").json["errors"]
    assert (error["file"], error["line"], error["text"]) == ("requirements.txt", None, "")


# -- the rows -----------------------------------------------------------------------------------------------------


def test_only_a_long_verdict_pushes_its_own_line(project: Project) -> None:
    project.require("x", "y ; python_version < '3' and sys_platform == 'win32'", "-e .")
    rows = listing.rows(found(project))
    assert [len(row.verdict) for row in rows] == [48, 65, 48]
    assert len({len(row.where) for row in rows}) == 1


@pytest.mark.parametrize(
    ("room", "text"), [(10, "0123456789"), (9, "012…56789"), (4, "0…89"), (2, "0…"), (1, "…"), (0, "…"), (-5, "…")]
)
def test_a_text_is_shortened_in_its_middle(room: int, text: str) -> None:
    assert listing.shortened("0123456789", room) == text


def test_each_verdict_has_its_colour(project: Project) -> None:
    project.require("x", f"-e {SSH}/y#egg=y", f"-e {SSH}/z#egg=y", "foo=1")
    assert [row.style for row in listing.rows(found(project))] == ["dim", "green", "red", "red"]


@pytest.mark.skipif(sys.platform != "linux", reason="a file name that is no text is possible on Linux")
def test_a_strange_file_name_is_shown_as_it_can_be(project: Project, vendorws: Vendorws) -> None:
    project.require("x", file="a\x1bb.txt")
    assert vendorws.ok("list", "-r", "a\x1bb.txt").stdout.startswith("a\\x1bb.txt:1  index package  x\n")
