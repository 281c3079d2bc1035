"""Variables filled into text; a real shell is the judge."""

from __future__ import annotations

import subprocess

import pytest

from vendorws.dockerfiles.expansion import Unresolved, expand, interpolate

KNOWN = {"A": "/a/b/", "EMPTY": "", "N": "5", "PWD": "/here"}

EXPANSIONS = [
    ("$A", "/a/b/"),
    ("${A}x", "/a/b/x"),
    ("${EMPTY:-d}", "d"),
    ("${EMPTY-d}", ""),
    ("${NOT:-${A}c}", "/a/b/c"),
    ("${NOT=d}", "d"),
    ("${A:+yes}", "yes"),
    ("${EMPTY:+yes}", ""),
    ("${EMPTY+yes}", "yes"),
    ("${A:?no}", "/a/b/"),
    ("${A%/}", "/a/b"),
    ("${A%/*/}", "/a"),
    ("${A%%/*}", ""),
    ("${A#/}", "a/b/"),
    ("${A#*/}", "a/b/"),
    ("${A##*/}", ""),
    ("${A%x}", "/a/b/"),
    ("'$A'", "$A"),
    ('"$A"', "/a/b/"),
    ('"\\$A \\" \\n"', '$A " \\n'),
    ("\\$A\\ b", "$A b"),
    ("a'b'\"c\"d", "abcd"),
    ("$(pwd)/x", "/here/x"),
    ("`pwd`/x", "/here/x"),
    ("cost$", "cost$"),
    ("a$/b", "a$/b"),
    ("\"${NOT:-'quoted'}\"x", "'quoted'x"),
]


@pytest.mark.parametrize(("text", "value"), EXPANSIONS)
def test_variables_and_quotes_are_what_a_shell_makes_of_them(text: str, value: str) -> None:
    assert expand(text, KNOWN) == value
    shell = subprocess.run(
        ["sh", "-c", f"printf %s {text}"], env=KNOWN, cwd="/", capture_output=True, text=True, check=True
    )
    assert shell.stdout == value.replace("/here", "/")


@pytest.mark.parametrize(
    "text", ["$NOT", "${NOT}", "${NOT:?x}", "$1", "$$", "$(ls)", "`ls`", "${A:1:2}", "~/x", "${A/b/c}"]
)
def test_what_only_a_running_machine_knows_is_unresolved(text: str) -> None:
    with pytest.raises(Unresolved):
        expand(text, KNOWN)


def test_the_escape_of_a_dockerfile_may_be_another_one() -> None:
    assert expand("C:\\dir`$A", KNOWN, escape="`") == "C:\\dir$A"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("$$A", "$A"),
        ("$A'x'", "/a/b/'x'"),
        ("${NOT}", ""),
        ("${NOT:-${A}}", "/a/b/"),
        ("a\\n", "a\\n"),
        ("${EMPTY-x}", ""),
    ],
)
def test_compose_fills_in_without_quotes(text: str, value: str) -> None:
    assert interpolate(text, KNOWN) == value


def test_compose_stops_where_a_variable_is_required() -> None:
    with pytest.raises(Unresolved, match=r"\$\{NOT:\?it\}"):
        interpolate("${NOT:?it}", KNOWN)


@pytest.mark.parametrize("text", ["'open", '"open', "${open", "$(open", "`open", "\\"])
def test_what_is_never_closed_ends_with_the_text(text: str) -> None:
    try:
        expand(text, KNOWN)
    except Unresolved as error:
        assert error.what
