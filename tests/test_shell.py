"""Shell scripts read without running them."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vendorws.dockerfiles.expansion import Unresolved
from vendorws.dockerfiles.shell import Command, simple_commands, split_words


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
