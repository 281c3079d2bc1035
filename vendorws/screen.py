"""The standard streams, and progress where nobody watches. rich is loaded when there is something to show: by then
the checkouts have been looked at, or a server is being thought about.
"""

from __future__ import annotations

import sys
from contextlib import AbstractContextManager, nullcontext
from functools import cached_property
from typing import TYPE_CHECKING, TextIO

from vendorws.redaction import presentable

if TYPE_CHECKING:
    from rich.console import Console
    from rich.text import Text

    from vendorws.model import Outcome, Pin


class Screen:
    """One of the standard streams.

    `color` is auto (rich heeds NO_COLOR and whether it is a terminal), always or never.
    """

    def __init__(self, stream: TextIO, color: str = "auto") -> None:
        self.stream, self.color = stream, color

    @cached_property
    def console(self) -> Console:
        """rich's view of it."""
        from rich.console import Console

        return Console(
            file=self.stream,
            force_terminal=True if self.color == "always" else None,
            no_color=None if self.color == "auto" else self.color == "never",
            color_system=None if self.color == "never" else "auto",
            highlight=False,
            markup=False,
            emoji=False,
            soft_wrap=True,
        )

    @property
    def is_terminal(self) -> bool:
        """Whether it is one to rich, which FORCE_COLOR may tell, too."""
        return self.console.is_terminal

    @property
    def width(self) -> int:
        """In characters."""
        return self.console.width

    def print(self, *said: str | Text, sep: str = " ", style: str | None = None) -> None:
        """What is said, made presentable, and a line end."""
        self.console.print(*map(_presentable, said), sep=sep, style=style)


def _presentable(said: str | Text) -> str | Text:
    """In a text that has to be changed nobody knows any more which part had which colour."""
    if isinstance(said, str):
        return presentable(said)
    plain = presentable(said.plain)
    return said if plain == said.plain else type(said)(plain, style=said.style)


class PlainProgress:
    """Progress where nobody watches a screen: only what must be said at once; the report at the end has the rest."""

    wants_progress = False

    def __init__(self, err: Screen, *, quiet: bool) -> None:
        self._err, self._quiet = err, quiet

    def progress(self, pin: Pin, text: str) -> None:
        """Too much for a log."""

    def finished(self, outcome: Outcome) -> None:
        """The report at the end has it."""

    def note(self, text: str) -> None:
        """A sentence about the run."""
        if not self._quiet:
            self._err.print(text)

    def paused(self) -> AbstractContextManager[None]:
        """Nothing is drawn here that a question could get lost in."""
        return nullcontext()


def is_live(err: Screen, *, quiet: bool) -> bool:
    """Whether live progress has a screen to live on."""
    return not quiet and sys.stderr.isatty() and err.is_terminal
