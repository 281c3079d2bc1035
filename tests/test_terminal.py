"""What the screen shows: colours, columns and live progress."""

from __future__ import annotations

import io
import re
import sys

import pytest
from rich.cells import cell_len
from rich.console import Console
from rich.text import Text

from tests.support.project import Project
from tests.support.terminal import on_terminal
from vendorws import terminal
from vendorws.commands.options import say
from vendorws.model import Outcome, Pin
from vendorws.report import Row
from vendorws.screen import PlainProgress, Screen, is_live
from vendorws.terminal import LiveProgress, print_rows, print_wrapped, wrapped


class Glass(io.StringIO):
    """A terminal as far as a program can tell."""

    def isatty(self) -> bool:
        return True


def pin(name: str) -> Pin:
    return Pin(name, f"ssh://git@example.test/{name}", None, None, (), None, "requirements.txt", 1)


def row(name: str = "billing", *, command: str = "", **changed: str) -> Row:
    values = {"pin": "main", "at": "main", "standing": "in sync", "changes": "", "style": "green"}
    return Row(name=name, command=command, **(values | changed))


def plain(text: str) -> str:
    return re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)


# -- colour ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("stream", "color", "environment", "coloured"),
    [
        (Glass, "auto", {}, True),
        (Glass, "auto", {"NO_COLOR": "1"}, False),
        (Glass, "auto", {"TERM": "dumb"}, False),
        (Glass, "never", {}, False),
        (Glass, "always", {"NO_COLOR": "1"}, True),
        (io.StringIO, "auto", {}, False),
        (io.StringIO, "always", {}, True),
        (io.StringIO, "never", {"FORCE_COLOR": "1"}, False),
    ],
)
def test_colour_is_asked_for_by_the_terminal_the_environment_or_the_option(
    stream: type[io.StringIO],
    color: str,
    environment: dict[str, str],
    coloured: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name, value in environment.items():
        monkeypatch.setenv(name, value)
    out = stream()
    print_rows(Screen(out, color), [row()])
    assert ("\x1b[32m" in out.getvalue()) is coloured
    assert plain(out.getvalue()) == "billing  main  main  in sync\n"


def test_never_means_no_bold_either() -> None:
    out = Glass()
    print_rows(Screen(out, "never"), [row()])
    assert out.getvalue() == "billing  main  main  in sync\n"


def test_nothing_is_taken_for_markup_or_made_pretty() -> None:
    out = Glass()
    said = "[bold]feature[/bold] :smile: 1234 'x' https://host/x"
    Screen(out, "always").print(said)
    assert out.getvalue() == f"{said}\n"


def test_long_lines_are_not_broken() -> None:
    out = Glass()
    Screen(out).print("word " * 100)
    assert out.getvalue().count("\n") == 1


def test_what_a_terminal_would_act_upon_is_shown_and_not_done() -> None:
    out = Glass()
    screen = Screen(out, "always")
    screen.print("\x1b]0;mine\x07", Text("\x1b[2J", style="red"), r"C:\x1b", sep="\n", style="dim")
    print_wrapped(screen, "https://joe:secret@host \x1b[2J")
    say(screen, "\x1b]0;mine\x07", "git \x1b]0;mine\x07")
    print_rows(screen, [row(at="\x1b[2J")])
    assert plain(out.getvalue()).splitlines() == [
        r"\x1b]0;mine\x07",
        r"\x1b[2J",
        r"C:\x1b",
        r"https://joe:****@host \x1b[2J",
        r"\x1b]0;mine\x07",
        r"  git \x1b]0;mine\x07",
        r"billing  main  \x1b[2J  in sync",
    ]
    assert "\x1b]" not in out.getvalue() and "\x1b[2J" not in out.getvalue()


# -- rows ------------------------------------------------------------------------------------------------------

ROWS = [
    row("billing", command="git -C vendor/billing push origin HEAD", standing="2 unpushed", style="yellow"),
    row("crypto-box", pin="v1.0", at="(0123456789)", changes="1 staged, 1 stash"),
    row("x", command="vendorws sync x", standing="1 behind", style="yellow"),
]


def test_columns_line_up_and_the_command_comes_last() -> None:
    out = io.StringIO()
    print_rows(Screen(out), ROWS)
    assert out.getvalue() == (
        "billing     main  main          2 unpushed                     -> git -C vendor/billing push origin HEAD\n"
        "crypto-box  v1.0  (0123456789)  in sync     1 staged, 1 stash\n"
        "x           main  main          1 behind                       -> vendorws sync x\n"
    )


def test_on_a_narrow_screen_the_command_goes_below(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    out = Glass()
    print_rows(Screen(out, "never"), ROWS)
    assert out.getvalue() == (
        "billing     main  main          2 unpushed\n"
        "    -> git -C vendor/billing push origin HEAD\n"
        "crypto-box  v1.0  (0123456789)  in sync     1 staged, 1 stash\n"
        "x           main  main          1 behind\n"
        "    -> vendorws sync x\n"
    )
    monkeypatch.setenv("COLUMNS", "140")
    out = Glass()
    print_rows(Screen(out, "never"), ROWS)
    assert out.getvalue().count("\n") == 3


LONG = [
    row("billing", at="", standing="diverged 3/2: rebase, or `git -C vendor/billing merge origin/main`", style="red"),
    row("theme", at="my-fix", standing="the pin is branch main", changes="1 staged, 2 unstaged", command="vendorws x"),
]


def test_on_a_narrower_screen_the_standing_goes_on_below_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """No word is cut in two, and neither is a command that is to be pasted."""
    monkeypatch.setenv("COLUMNS", "60")
    out = Glass()
    print_rows(Screen(out, "never"), LONG)
    assert out.getvalue() == (
        "billing  main          diverged 3/2: rebase, or\n"
        "    `git -C vendor/billing merge origin/main`\n"
        "theme    main  my-fix  the pin is branch main  1 staged, 2\n"
        "                       unstaged\n"
        "    -> vendorws x\n"
    )


def test_a_column_that_is_empty_takes_no_room() -> None:
    out = io.StringIO()
    print_rows(Screen(out), [row("a", at=""), row("b", at="", changes="1 stash")])
    assert out.getvalue() == "a  main  in sync\nb  main  in sync  1 stash\n"


@pytest.mark.parametrize(
    ("text", "width", "indent", "shown"),
    [
        ("one two three", 20, 4, "one two three"),
        ("one two three", 9, 2, "one two\n  three"),
        ("name  one two three", 14, 6, "name  one two\n      three"),
        ("name  one two three", 10, 6, "name  one\n    two\n    three"),
        ("name  see `git push origin HEAD`", 26, 6, "name  see\n    `git push origin HEAD`"),
        ("see https://example.test/long/path now", 12, 2, "see\n  https://example.test/long/path\n  now"),
        ("type (`git push`).", 12, 2, "type\n  (`git push`)."),
        ("機能 機能 機能", 9, 2, "機能 機能\n  機能"),
        ("", 9, 2, ""),
    ],
)
def test_a_line_is_broken_between_words(text: str, width: int, indent: int, shown: str) -> None:
    assert wrapped(Text(text), width, indent).plain == shown


def test_a_long_line_is_broken_for_a_screen_only() -> None:
    shown = []
    for out in (Glass(), io.StringIO()):
        print_wrapped(Screen(out, "never"), "word " * 30)
        shown.append(out.getvalue().count("\n"))
    assert shown == [2, 1]


def test_a_sentence_is_broken_between_words_and_what_is_below_it_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COLUMNS", "30")
    err, command = Glass(), "git -C vendor/acme-billing fetch --refetch --no-filter"
    say(Screen(err, "never"), "warning: a sentence that needs more than thirty columns.", command)
    assert err.getvalue().splitlines() == [
        "warning: a sentence that needs",
        "    more than thirty columns.",
        f"  {command}",
    ]


def test_wide_characters_line_up_too() -> None:
    out = io.StringIO()
    print_rows(Screen(out), [row(at="機能", command="a"), row(at="main-branch", command="b")])
    first, second = out.getvalue().splitlines()
    assert cell_len(first.partition("->")[0]) == cell_len(second.partition("->")[0])


def test_no_rows() -> None:
    out = io.StringIO()
    print_rows(Screen(out), [])
    assert out.getvalue() == ""


# -- progress --------------------------------------------------------------------------------------------------


def test_plain_progress_says_only_sentences() -> None:
    err = io.StringIO()
    progress = PlainProgress(Screen(err), quiet=False)
    progress.progress(pin("billing"), "receiving 1/2")
    progress.finished(Outcome(pin("billing"), (), None, None, None, 0.1))
    with progress.paused():
        progress.note("contacting https://joe:secret@host")
    assert err.getvalue() == "contacting https://joe:****@host\n"


def test_quiet_progress_says_nothing() -> None:
    err = io.StringIO()
    PlainProgress(Screen(err), quiet=True).note("contacting")
    assert err.getvalue() == ""


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time that progress sees; set its one item."""
    now = [100.0]
    monkeypatch.setattr(terminal.time, "monotonic", lambda: now[0])
    return now


def drawn(progress: LiveProgress, *, height: int = 24, width: int = 60) -> list[str]:
    out = io.StringIO()
    Console(file=out, width=width, height=height).print(progress._render())
    return [line.rstrip() for line in out.getvalue().splitlines()]


def test_live_progress_has_a_line_for_each_repository_at_work(clock: list[float]) -> None:
    progress = LiveProgress(Screen(Glass()), 3)
    assert drawn(progress) == ["0 of 3 repositories"]
    progress.progress(pin("billing"), "cloning")
    clock[0] += 2
    progress.progress(pin("crypto-box"), "looking")
    progress.progress(pin("billing"), "receiving 12/80 https://joe:secret@host/x")
    clock[0] += 3
    assert drawn(progress) == [
        "  billing     receiving 12/80 https://joe:****@host/x  5s",
        "  crypto-box  looking  3s",
        "0 of 3 repositories",
    ]
    progress.finished(Outcome(pin("billing"), (), None, None, None, 5.0))
    progress.finished(Outcome(pin("never-seen-at-work"), (), None, None, None, 0.0))
    assert drawn(progress) == ["  crypto-box  looking  3s", "2 of 3 repositories"]


def test_live_progress_shows_what_a_server_would_have_the_terminal_do(clock: list[float]) -> None:
    progress = LiveProgress(Screen(Glass()), 1)
    progress.progress(pin("billing"), "counting 5/20 \x1b]0;mine\x07")
    assert drawn(progress)[0] == r"  billing  counting 5/20 \x1b]0;mine\x07  0s"


def test_live_progress_keeps_within_the_screen(clock: list[float]) -> None:
    screen = Screen(Glass())
    screen.console = Console(file=screen.stream, width=40, height=6)
    progress = LiveProgress(screen, 50)
    for number in range(50):
        progress.progress(pin(f"package-{number:02}"), "receiving 1/2 with a rather long message")
    lines = drawn(progress, width=40)
    assert len(lines) == 5
    assert all(len(line) <= 40 for line in lines)
    assert lines[-1] == "0 of 50 repositories"


def test_live_progress_leaves_nothing_but_its_notes() -> None:
    out = Glass()
    progress = LiveProgress(Screen(out), 1)
    with progress.shown():
        progress.progress(pin("billing"), "cloning")
        progress.note("contacting https://joe:secret@host")
        with progress.paused():
            out.write("Enter passphrase: \n")
    assert "contacting https://joe:****@host\n" in plain(out.getvalue()).replace("\r", "")
    assert "secret" not in out.getvalue()
    drawn_last = out.getvalue().rpartition("of 1 repositories")[2]
    assert "\x1b[2K" in drawn_last, "the last picture is wiped away"


@pytest.mark.parametrize(
    ("stream", "quiet", "stderr", "live"),
    [
        (Glass, False, Glass, True),
        (Glass, True, Glass, False),
        (io.StringIO, False, Glass, False),
        (Glass, False, io.StringIO, False),
    ],
)
def test_progress_is_live_where_a_person_watches(
    stream: type[io.StringIO],
    quiet: bool,
    stderr: type[io.StringIO],
    live: bool,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(sys, "stderr", stderr())
    assert is_live(Screen(stream()), quiet=quiet) is live


def test_forced_colour_in_a_pipe_is_no_screen(project: Project) -> None:
    """FORCE_COLOR makes a pipe look like a terminal to some; there is still nobody to watch."""
    monkeypatched = Screen(io.StringIO(), "always")
    assert monkeypatched.is_terminal
    assert not is_live(monkeypatched, quiet=False)


def test_the_screen_after_a_run(project: Project) -> None:
    """On a real terminal: what is left on the screen is the report, at the left edge, and the cursor is back."""
    project.require("-e git+ssh://git@example.test/nothing.git@main#egg=nothing")
    screen = on_terminal([sys.executable, "-m", "vendorws", "sync"], cwd=project.root, columns=100)
    assert screen.exit_code == 3
    assert screen.raw.count("\x1b[?25l") == screen.raw.count("\x1b[?25h"), "the cursor is shown again"
    assert "nothing  the server could not be reached\n" in screen.text
