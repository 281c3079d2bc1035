"""Figures as text: tables in Markdown, aligned so that they read well on a terminal too."""

from __future__ import annotations

from collections.abc import Sequence

from benchmarks.race import WORKS, Figures, Result

TITLES = {"cold": "cold", "again": "nothing to do", "status": "status"}
"""What each piece of work is called where people read it."""


def table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table; every column but the first is set flush right."""
    widths = [max(map(len, column)) for column in zip(header, *rows, strict=True)]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    lines = [_line(header, widths), f"| {' | '.join(rule)} |", *(_line(row, widths) for row in rows)]
    return "\n".join(lines)


def _line(cells: Sequence[str], widths: Sequence[int]) -> str:
    first, *rest = zip(cells, widths, strict=True)
    return f"| {' | '.join([first[0].ljust(first[1]), *(cell.rjust(width) for cell, width in rest)])} |"


def race_table(results: Sequence[Result], packages: int, works: Sequence[str] = WORKS) -> str:
    """Seconds and ratios to the first row, which is the floor; then memory, git processes and connections."""
    floor = results[0]
    header = ["tool", "got"]
    for work in works:
        header += [f"{TITLES[work]}, s", "x floor"]
    header += ["peak MB", "git per package", "ssh connections"]
    return table(header, [_row(result, floor, packages, works) for result in results])


def _row(result: Result, floor: Result, packages: int, works: Sequence[str]) -> list[str]:
    cells = [result.tool, f"{result.got} of {packages}"]
    done = [result.figures(work) for work in works if result.figures(work).rounds]
    for work in works:
        figures = result.figures(work)
        cells += [_seconds(figures), f"{figures.ratio(floor.figures(work)):.2f}"] if figures.rounds else ["-", "-"]
    processes = [f"{figures.git.started / packages:.1f}" for figures in done if figures.git is not None]
    talking = [result.figures(work) for work in works if work != "status" and result.figures(work).rounds]
    return [
        *cells,
        f"{max(figures.peak for figures in done):.0f}",
        " / ".join(processes) or "-",
        " / ".join(map(_connections, talking)),
    ]


def _seconds(figures: Figures) -> str:
    return f"{figures.seconds:.2f}{' (failed)' if figures.failed else ''}"


def _connections(figures: Figures) -> str:
    return f"{figures.connections}{f' ({figures.dropped} dropped)' if figures.dropped else ''}"
