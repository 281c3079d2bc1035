"""`vendorws undo`: put things back to where they were before the last run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vendorws.commands import options as shared


def undo(
    names: shared.Names = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show the last run; touch nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait while another vendorws is at work here.")] = True,
    requirement: shared.RequirementFiles = None,
    project: shared.Project = None,
    verbose: shared.Verbose = False,
) -> None:
    """Put branches back to where they were before the last sync that moved something.

    Only what is still where that run put it goes back, and no file of yours is overwritten. What a run cloned stays.
    An undo is a run itself: the next `vendorws undo` takes it back.

    \b
    Examples:
      vendorws undo --dry-run         show the last run
      vendorws undo                   put it all back
      vendorws undo acme-billing      put one repository back
    """
    from vendorws import terminal, undo
    from vendorws.errors import visible
    from vendorws.gitcmd import require_git
    from vendorws.pins import read_valid_requirements
    from vendorws.settings import read_settings

    require_git()
    settings = read_settings(Path.cwd(), project=project, requirements=tuple(requirement or ()))
    pins = shared.select(read_valid_requirements(settings).pins, shared.chosen(names))
    out, err = terminal.console(sys.stdout), terminal.console(sys.stderr)
    report = undo.undo_last_run(
        settings,
        pins,
        dry_run=dry_run,
        wait=wait,
        on_wait=lambda who: err.print(f"{who}; waiting for it"),
        trace=shared.tracer(verbose=verbose),
    )
    if report.run is None:
        out.print("No run is noted here: nothing was moved, or it is too long ago.")
        raise typer.Exit(0)
    out.print(f"The last run that moved something started on {undo.when(report.run)}.")
    width = max(len(name) for name, _ in report.lines)
    for name, text in report.lines:
        out.print(visible(f"{name.ljust(width)}  {text}"))
    raise typer.Exit(int(report.exit_code))
