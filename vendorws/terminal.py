"""What is shown: rows that line up, sentences that fit, and live progress.

This is where rich lives. Results go to standard output, everything about the way there to standard error.
"""

from __future__ import annotations

import re
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.cells import cell_len, set_cell_size
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Span, Text

from vendorws.model import Outcome, Pin
from vendorws.redaction import presentable
from vendorws.report import Row
from vendorws.screen import Screen


def print_rows(out: Screen, rows: Sequence[Row]) -> None:
    """One aligned line for each repository.

    Where the screen is too narrow, the next command goes below its line; where it is narrower still, the standing goes
    on below itself.
    """
    lines = _lines(rows, (*_PLACE, *_REST))
    margin = max((line.cell_len for line in lines), default=0)
    longest = max((cell_len(row.command) for row in rows), default=0)
    beside = not out.stream.isatty() or margin + len(_ARROW) + longest <= out.width
    if not beside and margin > out.width:
        aligned = _PLACE if _indent(rows, _PLACE) <= out.width // 2 else _PLACE[:1]
        lines = [wrapped(line, out.width, _indent(rows, aligned)) for line in _lines(rows, aligned)]
    shown: list[Text] = []
    for row, line in zip(rows, lines, strict=True):
        if row.command and beside:
            line.append(" " * (margin - line.cell_len) + _ARROW + row.command)
        shown += [line] if beside or not row.command else [line, Text(f"  {_ARROW}{row.command}")]
    if shown:
        out.print(*shown, sep="\n")


def print_wrapped(out: Screen, line: Text | str, indent: int = 4) -> None:
    """One line; where a screen is too narrow for it, it goes on `indent` to the right."""
    text = Text(presentable(line)) if isinstance(line, str) else line
    out.print(wrapped(text, out.width, indent) if out.stream.isatty() else text)


def wrapped(line: Text, width: int, indent: int) -> Text:
    """`line` in pieces that fit into `width`, all but the first one `indent` to the right.

    It is broken between words only, and never inside `backticks`: what they hold is there to be pasted.
    """
    longest = max((cell_len(word[0]) for word in _WORDS.finditer(line.plain, min(indent, len(line)))), default=0)
    indent = indent if indent <= width // 2 and indent + longest <= width else min(indent, 4)
    starts: list[int] = []
    begin, room = 0, width
    for word in _WORDS.finditer(line.plain, min(indent, len(line))):
        is_whole = line.plain[word.start() - 1 : word.start()].isspace()
        if is_whole and word.start() > begin and cell_len(line.plain[begin : word.end()]) > room:
            starts.append(begin := word.start())
            room = width - indent
    pieces = line.divide(starts)
    for piece in pieces:
        piece.rstrip()
    return Text("\n" + " " * indent).join(pieces)


_WORDS = re.compile(r"[^\s`]*`[^`]*`\S*|\S+")
_PLACE, _REST = ("name", "pin", "at"), ("standing", "changes")
_GAP = "  "
_WIDEST = 40  # characters of a column
_ARROW = "  -> "


def _lines(rows: Sequence[Row], aligned: Sequence[str]) -> list[Text]:
    """The cells of each row side by side; those called `aligned` line up, and a column without any is left out."""
    widths = _widths(rows, aligned)
    return [_line(row, widths) for row in rows]


def _line(row: Row, widths: Mapping[str, int]) -> Text:
    styles = {"name": "bold", "standing": row.style}
    plain, spans = "", list[Span]()
    for name in (*_PLACE, *_REST):
        cell = getattr(row, name)
        width = widths.get(name, cell_len(cell))
        if width:
            if name in styles:
                spans.append(Span(len(plain), len(plain) + len(cell), styles[name]))
            plain += set_cell_size(cell, max(width, cell_len(cell))) + _GAP
    return Text(plain.rstrip(), spans=spans)


def _indent(rows: Sequence[Row], aligned: Sequence[str]) -> int:
    return sum(width + len(_GAP) for width in _widths(rows, aligned).values())


def _widths(rows: Sequence[Row], names: Sequence[str]) -> dict[str, int]:
    """How wide the columns are, as far as there is anything in them; a cell that is much longer only moves its row."""
    widths = {name: max((cell_len(getattr(row, name)) for row in rows), default=0) for name in names}
    return {name: min(width, _WIDEST) for name, width in widths.items() if width}


class LiveProgress:
    """Progress on a terminal: a line for each repository at work with git's own counts, and the total below."""

    wants_progress = True

    def __init__(self, err: Screen, total: int) -> None:
        self._err, self._total, self._done = err, total, 0
        self._running: dict[str, tuple[str, float]] = {}
        self._live = Live(get_renderable=self._render, console=err.console, transient=True, refresh_per_second=8)

    @contextmanager
    def shown(self) -> Iterator[None]:
        """The screen while the run lasts; nothing of it stays."""
        with self._live:
            yield

    def progress(self, pin: Pin, text: str) -> None:
        """git's own words about a repository at work, and with them its server's."""
        _, start = self._running.get(pin.name, ("", time.monotonic()))
        self._running[pin.name] = (text, start)

    def finished(self, outcome: Outcome) -> None:
        """A repository is done."""
        self._running.pop(outcome.pin.name, None)
        self._done += 1

    def note(self, text: str) -> None:
        """A sentence about the run, above the live lines."""
        self._err.print(text)

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
        room = max(2, self._err.console.height - 2)
        lines = [
            Text(f"  {name.ljust(width)}  {presentable(text)}  {now - start:.0f}s", overflow="ellipsis", no_wrap=True)
            for name, (text, start) in list(self._running.items())[:room]
        ]
        return Group(*lines, Text(f"{self._done} of {self._total} repositories"))
