"""The screen: a console that knows about colour, rows that line up, and live progress.

This is where rich lives. Results go to standard output, everything about the way there to standard error.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from typing import TextIO

from rich.cells import cell_len, set_cell_size
from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from vendorws.model import Outcome, Pin
from vendorws.redaction import redact
from vendorws.report import Row


def console(stream: TextIO, color: str = "auto") -> Console:
    """A console on `stream`; `color` is auto (rich heeds NO_COLOR and whether it is a terminal), always or never."""
    return Console(
        file=stream,
        force_terminal=True if color == "always" else None,
        no_color=None if color == "auto" else color == "never",
        color_system=None if color == "never" else "auto",
        highlight=False,
        markup=False,
        emoji=False,
        soft_wrap=True,
    )


def print_rows(out: Console, rows: Sequence[Row]) -> None:
    """One aligned line for each repository; where the screen is too narrow the next command goes below its line."""
    columns = [_column([getattr(row, name) for row in rows]) for name in ("name", "pin", "at", "standing", "changes")]
    lines = [_line(row, cells) for row, cells in zip(rows, zip(*columns, strict=True), strict=True)]
    margin = max((line.cell_len for line in lines), default=0)
    longest = max((cell_len(row.command) for row in rows), default=0)
    beside = not out.file.isatty() or margin + len(_ARROW) + longest <= out.width
    shown: list[Text] = []
    for row, line in zip(rows, lines, strict=True):
        if row.command and beside:
            line.append(" " * (margin - line.cell_len) + _ARROW + row.command)
        shown += [line] if beside or not row.command else [line, Text(f"  {_ARROW}{row.command}")]
    if shown:
        out.print(*shown, sep="\n")


def print_quietly(out: Console, lines: Sequence[str]) -> None:
    """What is worth knowing, but asks for nothing."""
    for line in lines:
        out.print(Text(line, style="dim"))


_ARROW = "  -> "


def _line(row: Row, cells: Sequence[str]) -> Text:
    name, pin, at, standing, changes = cells
    line = Text(f"{name}  ", style="bold")
    line.append(f"{pin}  {at}  ", style="not bold")
    line.append(standing, style=f"not bold {row.style}")
    line.append(f"  {changes}", style="not bold")
    line.rstrip()
    return line


def _column(cells: Sequence[str]) -> list[str]:
    width = max(map(cell_len, cells), default=0)
    return [set_cell_size(cell, width) for cell in cells]


class PlainProgress:
    """Progress where nobody watches a screen: only what must be said at once; the report at the end has the rest."""

    wants_progress = False

    def __init__(self, err: Console, *, quiet: bool) -> None:
        self._err, self._quiet = err, quiet

    def progress(self, pin: Pin, text: str) -> None:
        """Too much for a log."""

    def finished(self, outcome: Outcome) -> None:
        """The report at the end has it."""

    def note(self, text: str) -> None:
        """A sentence about the run."""
        if not self._quiet:
            self._err.print(redact(text))

    def paused(self) -> AbstractContextManager[None]:
        """Nothing is drawn here that a question could get lost in."""
        return nullcontext()


class LiveProgress:
    """Progress on a terminal: a line for each repository at work with git's own counts, and the total below."""

    wants_progress = True

    def __init__(self, err: Console, total: int) -> None:
        self._err, self._total, self._done = err, total, 0
        self._running: dict[str, tuple[str, float]] = {}
        self._live = Live(get_renderable=self._render, console=err, transient=True, refresh_per_second=8)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The screen while the run lasts; nothing of it stays."""
        with self._live:
            yield

    def progress(self, pin: Pin, text: str) -> None:
        """git's own words about a repository at work."""
        _, start = self._running.get(pin.name, ("", time.monotonic()))
        self._running[pin.name] = (text, start)

    def finished(self, outcome: Outcome) -> None:
        """A repository is done."""
        self._running.pop(outcome.pin.name, None)
        self._done += 1

    def note(self, text: str) -> None:
        """A sentence about the run, above the live lines."""
        self._err.print(redact(text))

    @contextmanager
    def paused(self) -> Iterator[None]:
        """Clear the screen for somebody else's questions."""
        self._live.stop()
        try:
            yield
        finally:
            self._live.start()

    def _render(self) -> RenderableType:
        now = time.monotonic()
        width = max((len(name) for name in self._running), default=0)
        room = max(2, self._err.height - 2)
        lines = [
            Text(f"  {name.ljust(width)}  {redact(text)}  {now - start:.0f}s", overflow="ellipsis", no_wrap=True)
            for name, (text, start) in list(self._running.items())[:room]
        ]
        return Group(*lines, Text(f"{self._done} of {self._total} repositories"))


def is_live(err: Console, *, quiet: bool) -> bool:
    """Whether live progress has a screen to live on."""
    return err.is_terminal and not quiet and sys.stderr.isatty()
