"""A Dockerfile cut into its instructions."""

from __future__ import annotations

import pytest

from vendorws.dockerfiles.instructions import flag, json_words, parse_instructions, without_flags


def test_instructions_know_their_first_line_and_their_heredocs() -> None:
    parsed = parse_instructions("\ufeff# escape=`\n\nFROM x\nRUN a `\n # b\n c <<E <<-F\n1\nE\n\t2\n\tF\nCMD d")
    assert parsed.escape == "`"
    assert [(found.keyword, found.text, found.bodies, found.line) for found in parsed.instructions] == [
        ("FROM", "x", (), 3),
        ("RUN", "a  c <<E <<-F", ("1", "2"), 4),
        ("CMD", "d", (), 11),
    ]


def test_a_directive_counts_only_at_the_top() -> None:
    assert parse_instructions("# syntax=docker/dockerfile:1\n# escape=`\nFROM x").escape == "`"
    assert parse_instructions("FROM x\n# escape=`\n").escape == "\\"
    assert parse_instructions("# a comment\n# escape=`\nFROM x").escape == "\\"


def test_a_heredoc_or_a_continuation_may_end_with_the_file() -> None:
    parsed = parse_instructions("RUN <<EOF\na\nb")
    assert parsed.instructions[0].bodies == ("a\nb",)
    assert parse_instructions("RUN a \\").instructions[0].text == "a"


def test_a_here_string_is_no_heredoc() -> None:
    parsed = parse_instructions("RUN cat <<<EOF\nUSER x\n")
    assert [found.keyword for found in parsed.instructions] == ["RUN", "USER"]


def test_flags_stand_in_front() -> None:
    text = " --from=b --chown=0:0 --link /a --from=c"
    assert (flag(text, "from"), flag(text, "link"), flag(text, "mount")) == ("b", None, None)
    assert without_flags(text) == "/a --from=c"


@pytest.mark.parametrize(
    ("text", "words"),
    [('["a", "b c"]', ["a", "b c"]), ("[a, b]", None), ('["a", 5]', None), ('{"a": 1}', None), ("a b", None)],
)
def test_only_a_list_of_texts_is_the_json_form(text: str, words: list[str] | None) -> None:
    assert json_words(text) == words
