"""Requirements files as numbered logical lines: joined, decoded, expanded and included as pip does it."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from vendorws.requirement_files.lines import (
    MAX_FILE_BYTES,
    MAX_LINE_CHARACTERS,
    MAX_LINES,
    Aside,
    Broken,
    Editable,
    Hashes,
    Line,
    Noted,
    Place,
    Plain,
    Unreadable,
    decode,
    expand_variables,
    logical_lines,
    read_lines,
)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "site"
    folder.mkdir()
    return folder


def write(root: Path, text: str | bytes, name: str = "requirements.txt") -> Path:
    file = root / name
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return file


def read(root: Path, text: str | bytes, **variables: str) -> list[Line]:
    return list(read_lines([write(root, text)], root, variables))


def only(root: Path, text: str | bytes, **variables: str) -> Line:
    (line,) = read(root, text, **variables)
    return line


def broken(root: Path, text: str | bytes) -> Broken:
    line = only(root, text)
    assert isinstance(line, Broken), line
    return line


# -- joining ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "lines"),
    [
        ("", []),
        ("\n  \n\t\n", []),
        ("a\nb", [(1, "a"), (2, "b")]),
        ("a\r\nb\rc", [(1, "a"), (2, "b"), (3, "c")]),
        ("a\x0bb\x0cc\x85d\u2028e", [(1, "a"), (2, "b"), (3, "c"), (4, "d"), (5, "e")]),
        ("a \\\n  b \\\n  c\nd", [(1, "a   b   c"), (4, "d")]),
        ("\\a\\\n\\b", [(1, "a\\b")]),
        ("a\\", [(1, "a")]),
        ("a \\\n# b \\\nc", [(1, "a"), (3, "c")]),
        ("a\\\n#b", [(1, "a")]),
        ("# a \\\nb", [(2, "b")]),
        ("a # b", [(1, "a")]),
        ("a\u3000# b", [(1, "a")]),
        ("a#b", [(1, "a#b")]),
        ("a#b #c", [(1, "a#b")]),
        ("  #a", []),
        ("a \\ \nb", [(1, "a \\"), (2, "b")]),
    ],
)
def test_lines_are_joined_and_comments_cut(content: str, lines: list[tuple[int, str]]) -> None:
    assert list(logical_lines(content)) == lines


# -- decoding -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "data",
    [
        "é==1".encode(),
        "\ufeffé==1".encode(),
        "é==1".encode("utf-16"),
        "é==1".encode("utf-32"),
        b"\xff\xfe" + "é==1".encode("utf-16-le"),
        b"\xfe\xff" + "é==1".encode("utf-16-be"),
        b"\x00\x00\xfe\xff" + "é==1".encode("utf-32-be"),
    ],
)
def test_text_is_read_by_its_mark(data: bytes) -> None:
    assert decode(data) == "é==1"


def test_a_comment_in_the_first_two_lines_names_the_encoding() -> None:
    assert decode(b"\n# -*- coding: latin-1 -*-\n\xe9") == "\n# -*- coding: latin-1 -*-\né"
    with pytest.raises(Unreadable, match="is not UTF-8 text"):
        decode(b"\n\n# -*- coding: latin-1 -*-\n\xe9")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"# coding: klingon\n", "declares the unknown encoding klingon"),
        (b"# coding: hex\n00", "declares the unknown encoding hex"),
        (b"# coding: ascii\n\xe9", "is not ascii text"),
        (b"# coding: utf-7\n+2AA-", "is not utf-7 text"),  # a lone surrogate
        (b"\xff\xfe\x00", "is not utf-16-le text"),
        (b"\xe9", "is not UTF-8 text"),
    ],
)
def test_what_is_no_text_is_said_in_one_sentence(root: Path, data: bytes, message: str) -> None:
    line = broken(root, data)
    assert line.message == f"requirements.txt {message}."
    assert "Save it as UTF-8" in line.hint
    assert line.place == Place("requirements.txt", 0, "")


def test_another_locale_is_the_last_resort(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vendorws.requirement_files.lines._locale_encoding", lambda: "latin-1")
    assert only(root, b"\xe9") == Plain(Place("requirements.txt", 1, "é"), "é", constraint=False, editable=False)


# -- variables ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expanded"),
    [
        ("${A}", "one"),
        ("${A}${A}", "oneone"),
        ("${A_1}", "two"),
        ("${EMPTY}${UNSET}", "${EMPTY}${UNSET}"),
        ("$A ${a} ${A-B}", "$A ${a} ${A-B}"),
        ("${TO_A}${A}", "oneone"),
    ],
)
def test_variables_are_expanded(text: str, expanded: str) -> None:
    variables = {"A": "one", "A_1": "two", "EMPTY": "", "TO_A": "${A}", "a": "no"}
    assert expand_variables(Place("r", 1, text), variables)[0] == expanded


def test_variables_are_expanded_after_comments_are_cut(root: Path) -> None:
    line = only(root, "foo${A} # ${A}", A=" # bar")
    assert isinstance(line, Plain)
    assert (line.spec, line.place.text) == ("foo # bar", "foo${A}")


def test_a_value_is_taken_out_of_what_is_said_about_the_line(root: Path) -> None:
    line = only(root, "-e git+https://${USER}:${TOKEN}@host/x", USER="dev", TOKEN="s3cr3t-t0k3n")
    assert isinstance(line, Editable)
    assert line.target == "git+https://dev:s3cr3t-t0k3n@host/x"
    assert line.place.unfilled(f"no {line.target}") == "no git+https://dev:${TOKEN}@host/x"


def test_variables_that_grow_without_end_stop() -> None:
    text, _ = expand_variables(Place("r", 1, "${A}" * 100), {"A": "${A}" * 100})
    assert len(text) < MAX_LINE_CHARACTERS * 101


# -- options ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "target"),
    [
        ("-e URL", "URL"),
        ("-eURL", "URL"),
        ("-e\tURL", "URL"),
        ("-e  URL", "URL"),
        ("-e=URL", "=URL"),
        ("--editable URL", "URL"),
        ("--editable=URL", "URL"),
        ("--ed URL", "URL"),
        ("-e 'a b'", "a b"),
        ('-e "a"\\ b', "a b"),
        ("--pre -e URL", "URL"),
    ],
)
def test_editables_are_spelt_in_many_ways(root: Path, text: str, target: str) -> None:
    line = only(root, text)
    assert isinstance(line, Editable)
    assert (line.target, line.dropped, line.constraint) == (target, "", False)


@pytest.mark.parametrize(
    ("text", "dropped"),
    [
        ("-e URL foo bar", "foo bar"),
        ("-e URL ; os_name == 'nt'", "; os_name == nt"),
        ("-e URL -e two", "-e two"),
        ("-e URL -r more.txt -c less.txt", "-r more.txt -c less.txt"),
        ("-e URL --hash=sha256:a", ""),
        ("-e URL --index-url x", ""),
    ],
)
def test_the_rest_of_an_editable_line_is_dropped(root: Path, text: str, dropped: str) -> None:
    line = only(root, text)
    assert isinstance(line, Editable)
    assert (line.target, line.dropped) == ("URL", dropped)


def test_a_requirement_before_options_is_kept_as_it_is(root: Path) -> None:
    line = only(root, "foo ; python_version < '3' --pre -e x")
    assert isinstance(line, Plain)
    assert (line.spec, line.editable) == ("foo ; python_version < '3'", True)


@pytest.mark.parametrize(
    "text", ["--index-url https://x", "-i x", "--pre", "--no-binary=:all:", "-f x", "--", "-C a=b"]
)
def test_options_install_nothing(root: Path, text: str) -> None:
    assert only(root, text) == Aside(Place("requirements.txt", 1, text), "option")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("--src vendor", "pip takes no such options in a requirements file: no such option: --src."),
        ("-e", "pip takes no such options in a requirements file: -e option requires 1 argument."),
        ("--re x", "pip takes no such options"),
        ("-e 'x", "The quotes on this line do not match: no closing quotation."),
        ("foo --hash=md5:a", "--hash=md5:a is no hash that pip takes."),
        ("foo --hash=a", "--hash=a is no hash that pip takes."),
        ("foo -C a", "--config-settings takes KEY=VALUE."),
        ("--no-binary=-x", "--no-binary and --only-binary take names of packages."),
    ],
)
def test_options_that_pip_refuses_are_named(root: Path, text: str, message: str) -> None:
    line = broken(root, text)
    assert line.message.startswith(message)
    assert line.hint
    assert line.place.line == 1


def test_an_option_of_former_times_is_remarked_upon(root: Path) -> None:
    plain, noted = read(root, "foo --global-option=x")
    assert isinstance(plain, Plain)
    assert isinstance(noted, Noted)
    assert noted.message == "pip 25.3 and later refuse the option --global-option."


def test_hashes_rule_over_all_lines(root: Path) -> None:
    found = read(root, "foo --hash=sha256:a\n--require-hashes\n--no-require-hashes\nbar --hash=sha256:a -e x\n")
    assert [(line.place.line, line.required) for line in found if isinstance(line, Hashes)] == [
        (1, True),
        (2, True),
        (3, False),
    ]


# -- includes -----------------------------------------------------------------------------------------------------


def told(lines: list[Line]) -> list[tuple[str, int, str]]:
    """File, line, and what was read."""
    return [
        (line.place.file, line.place.line, getattr(line, "spec", None) or getattr(line, "reason", None) or line.message)
        for line in lines
        if not isinstance(line, Hashes)
    ]


def test_includes_are_relative_to_the_file_that_includes(root: Path) -> None:
    write(root, "-r more/c.txt\nb", "sub/b.txt")
    write(root, "c", "sub/more/c.txt")
    assert told(read(root, "-r sub/b.txt\na")) == [
        ("requirements.txt", 1, "reads sub/b.txt"),
        ("sub/b.txt", 1, "reads sub/more/c.txt"),
        ("sub/more/c.txt", 1, "c"),
        ("sub/b.txt", 2, "b"),
        ("requirements.txt", 2, "a"),
    ]


def test_a_file_above_the_project_is_named_from_the_project(root: Path) -> None:
    write(root.parent, "a", "common.txt")
    assert told(read(root, "-r ../common.txt"))[1] == ("../common.txt", 1, "a")


def test_constraints_are_marked_and_what_they_include_with_r_is_not(root: Path) -> None:
    write(root, "b\n-r c.txt", "b.txt")
    write(root, "c", "c.txt")
    found = read(root, "-c b.txt")
    assert [(line.spec, line.constraint) for line in found if isinstance(line, Plain)] == [("b", True), ("c", False)]


def test_the_first_include_of_a_line_counts(root: Path) -> None:
    write(root, "b", "b.txt")
    write(root, "c", "c.txt")
    assert told(read(root, "-c c.txt -r b.txt -r c.txt"))[1:] == [("b.txt", 1, "b")]


def test_a_file_url_is_a_file(root: Path) -> None:
    file = write(root, "b", "a b.txt")
    assert told(read(root, f"-r {file.as_uri()}"))[1:] == [("a b.txt", 1, "b")]


def test_a_diamond_is_read_once_as_requirements_and_once_as_constraints(root: Path) -> None:
    write(root, "-r d.txt", "b.txt")
    write(root, "-r d.txt\n-c d.txt", "c.txt")
    write(root, "d", "d.txt")
    found = read(root, "-r b.txt\n-r c.txt")
    assert [line.constraint for line in found if isinstance(line, Plain)] == [False, True]
    assert ("c.txt", 1, "d.txt was read above") in told(found)


def test_diamonds_upon_diamonds_do_not_multiply(root: Path) -> None:
    for number in range(40):
        write(root, f"-r {number + 1}.txt\n-r {number + 1}.txt\n", f"{number}.txt")
    write(root, "x", "40.txt")
    assert len(read(root, "-r 0.txt")) == 82


@pytest.mark.parametrize("again", ["requirements.txt", "./requirements.txt", "../site/requirements.txt", "link.txt"])
def test_a_cycle_is_named(root: Path, again: str) -> None:
    (root / "link.txt").symlink_to("requirements.txt")
    write(root, f"\n-r {again}", "b.txt")
    found = read(root, "-r b.txt\na")
    (wrong,) = [line for line in found if isinstance(line, Broken)]
    assert (wrong.place.file, wrong.place.line) == ("b.txt", 2)
    assert wrong.message == f"{os.path.relpath(root / again, root)} includes itself."
    assert told(found)[-1] == ("requirements.txt", 2, "a")


def test_a_long_chain_is_read_to_its_end(root: Path) -> None:
    for number in range(1500):
        write(root, f"-r {number + 1}.txt", f"{number}.txt")
    write(root, "x", "1500.txt")
    assert told(read(root, "-r 0.txt"))[-1] == ("1500.txt", 1, "x")


def test_a_missing_file_is_named_with_the_line_that_asks(root: Path) -> None:
    line = broken(root, "\n-r sub/none.txt")
    assert line.place == Place("requirements.txt", 2, "-r sub/none.txt")
    assert line.message == "sub/none.txt does not exist."


def test_a_missing_first_file_is_named(root: Path) -> None:
    (line,) = read_lines([root / "requirements.txt"], root, {})
    assert line == Broken(
        Place("requirements.txt", 0, ""),
        "requirements.txt does not exist.",
        "Go to the project's folder, create it, or name another file with -r.",
    )


def test_a_url_on_the_command_line_is_no_file(root: Path) -> None:
    (line,) = read_lines([root / "https://example.org/r.txt"], root, {})
    assert isinstance(line, Broken)
    assert line.hint == "vendorws reads files only: download it and name the file."


def test_the_path_of_a_file_url_begins_at_the_root(root: Path) -> None:
    (root / "more.txt").write_text("foo\n")
    path = root.as_posix().lstrip("/")
    aside, plain = read(root, f"-r File:{path}/m%6Fre.txt")
    assert aside == Aside(aside.place, "reads more.txt")
    assert plain.place.file == "more.txt"


@pytest.mark.parametrize("url", ["file://host/more.txt", "file://[x/more.txt"])
def test_a_file_url_of_another_machine_is_no_file(root: Path, url: str) -> None:
    line = broken(root, f"-r {url}")
    assert (line.message, line.hint) == (f"{url} is no file of this machine.", "Write its path.")


@pytest.mark.parametrize("option", ["-r", "-c"])
def test_the_network_is_never_asked(root: Path, option: str) -> None:
    aside, noted = read(root, f"{option} HTTPS://example.org/r.txt")
    assert aside == Aside(aside.place, "not read: on the network")
    assert isinstance(noted, Noted)
    assert "never the network" in noted.message


def test_what_is_no_file_is_named(root: Path) -> None:
    (root / "folder").mkdir()
    os.mkfifo(root / "pipe")
    (root / "loop").symlink_to("loop")
    messages = [
        line.message
        for line in read(root, "-r folder\n-r pipe\n-r loop\n-r a${N}b", N="\n")
        if isinstance(line, Broken)
    ]
    assert messages[:2] == ["folder is not a file.", "pipe is not a file."]
    assert messages[2].startswith("loop cannot be read: ")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_file_that_may_not_be_read_is_named(root: Path) -> None:
    write(root, "x", "b.txt").chmod(0)
    assert broken(root, "-r b.txt").message == "b.txt cannot be read: Permission denied."


# -- limits -------------------------------------------------------------------------------------------------------


def test_a_file_of_ten_megabytes_is_refused(root: Path) -> None:
    assert (
        broken(root, b"x==1\n" * 2_000_000).message == f"requirements.txt is larger than {MAX_FILE_BYTES // 10**6} MB."
    )


def test_a_file_of_too_many_lines_is_refused_there(root: Path) -> None:
    found = read(root, "x\n" * (MAX_LINES + 5))
    assert len(found) == MAX_LINES + 1
    assert isinstance(found[-1], Broken)
    assert found[-1].message == "requirements.txt has more than 50,000 lines."


@pytest.mark.parametrize(
    "text", ["x" * (MAX_LINE_CHARACTERS + 1), "x\\\n" * (MAX_LINE_CHARACTERS + 1), "${A}" * 20_000]
)
def test_a_line_that_is_too_long_is_refused(root: Path, text: str) -> None:
    line = only(root, text, A="x" * 20)
    assert isinstance(line, Broken)
    assert line.message == "This line has more than 100,000 characters."
    assert len(line.place.text) == 81


def test_a_binary_file_is_refused_once(root: Path) -> None:
    line = broken(root, b"\x7fELF\x02\x01\x01\0\0\n" * 1000)
    assert line.message == "requirements.txt is not a text file."


def test_a_nul_in_a_comment_does_no_harm(root: Path) -> None:
    assert isinstance(only(root, "x # \0"), Plain)


def test_blank_runs_take_no_quadratic_time(root: Path) -> None:
    assert isinstance(only(root, "x" + " " * 2_000_000 + "y#"), Broken)
