"""Shell text read without running it; a real shell judges the variables."""

from __future__ import annotations

import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vendorws.shell import Command, Unresolved, expand, interpolate, simple_commands, split_words

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


def test_words_keep_their_quotes() -> None:
    assert split_words("a 'b c'  \"d e\"f g\\ h ${X:-i j} k#l") == ("a", "'b c'", '"d e"f', "g\\ h", "${X:-i j}", "k#l")


def _commands(script: str) -> list[Command]:
    return list(simple_commands(script, folder="/w", exported={"E": "e"}))


@pytest.mark.parametrize(
    ("script", "folder"),
    [
        ("cd a; HERE", "/w/a"),
        ("cd /a && cd b && HERE", "/a/b"),
        ("cd -- a; HERE", "/w/a"),
        ('cd "$E"; HERE', "/w/e"),
        ("pushd a; HERE", "/w/a"),
        ("(cd a); HERE", "/w"),
        ("(cd a; HERE)", "/w/a"),
        ("{ cd a; }; HERE", "/w/a"),
        ("cd a\n# cd b\nHERE", "/w/a"),
        ("cd a \\\n && HERE", "/w/a"),
        ("cd; HERE", None),
        ("cd -; HERE", None),
        ("popd; HERE", None),
        ("cd $NOT; HERE", None),
        ("cd $NOT; cd /b; HERE", "/b"),
        ("cd $NOT; cd b; HERE", None),
        ("false || cd a; HERE", None),
        ("if x; then HERE; fi", "/w"),
        ("if x; then cd a; HERE; fi", "/w/a"),
        ("if x; then cd a; fi; HERE", None),
        ("if x; then cd a; else HERE; fi", "/w"),
        ("if x; then cd a; else cd a; fi; HERE", None),
        ("if x; then true; elif y; then cd a; fi; cd /b; HERE", "/b"),
        ("for f in *; do cd a; done; HERE", None),
        ("case x in y) HERE;; esac", "/w"),
        ("x=/b; cd $x; HERE", "/b"),
        ("if t; then x=/b; fi; cd $x; HERE", None),
    ],
)
def test_the_folder_is_followed(script: str, folder: str | None) -> None:
    [here] = [command for command in _commands(script) if command.words[0] == "HERE"]
    assert here.folder == folder


def test_exports_reach_the_process_and_assignments_only_the_shell() -> None:
    commands = _commands("A=1; B=2; export B C=$A; D=$(ls); HERE")
    assert commands[-1].exported == {"E": "e", "B": "2", "C": "1"}
    assert commands[-1].word("$A$B$PWD") == "12/w"


def test_redirections_and_comments_are_no_words() -> None:
    commands = _commands("a 2>&1 >out <in b # c\nd &>x & e | f <<< g")
    assert [command.words for command in commands] == [("a", "b"), ("d",), ("e",), ("f",)]


@given(st.text(alphabet="ab ;&|(){}<>$'\"`\\\n#=/-~", max_size=30))
@settings(max_examples=300)
def test_no_script_makes_it_stumble(script: str) -> None:
    for command in simple_commands(script, folder="/w", exported={}):
        for word in command.words:
            try:
                command.word(word)
            except Unresolved:
                continue
