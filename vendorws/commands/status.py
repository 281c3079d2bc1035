"""`vendorws status`: one line for each repository."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vendorws.commands import options as shared
from vendorws.documents import print_document
from vendorws.screen import PlainProgress, Screen


def status(
    names: shared.Names = None,
    fetch: Annotated[bool, typer.Option("--fetch", help="Ask the remotes first.")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 1 when anything is not at its pin.")] = False,
    requirement: shared.RequirementFiles = None,
    project: shared.Project = None,
    jobs: shared.Jobs = None,
    timeout: shared.Timeout = None,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    as_json: shared.Json = False,
    color: shared.ColorChoice = shared.Color.AUTO,
) -> None:
    """Show where each checkout stands against its pin, and what to type next.

    Looks only, and only here: nothing is fetched unless you say --fetch.

    \b
    Examples:
      vendorws status                 where each checkout stands, offline
      vendorws status --fetch         ask the remotes first
      vendorws status --exit-code && docker compose build
    """
    from vendorws import report
    from vendorws.checkouts.crew import Options
    from vendorws.checkouts.orphans import find_orphans
    from vendorws.checkouts.plan import Wish
    from vendorws.checkouts.sync import status as run
    from vendorws.errors import ExitCode
    from vendorws.git_client.command import require_git
    from vendorws.model import VENDOR
    from vendorws.requirement_files.pins import asked_for, read_valid_requirements
    from vendorws.settings import read_settings

    require_git()
    settings = read_settings(Path.cwd(), project=project, requirements=tuple(requirement or ()))
    out, err = Screen(sys.stdout, color.value), Screen(sys.stderr, color.value)
    shared.name_project(err, settings, project, quiet=quiet or as_json)
    requirements = read_valid_requirements(settings)
    pins = shared.select(requirements.pins, names)
    here = shared.shown_path(settings.root)
    how = Options(
        wish=Wish(),
        jobs=jobs or settings.jobs,
        timeout=timeout or settings.timeout,
        dry_run=False,
        wait=True,
        trace=shared.tracer(verbose=verbose),
        at=shared.typed_path(here),
        project=shared.typed_project(project, requirement),
    )
    result = run(settings, pins, how, PlainProgress(err, quiet=quiet), fetch=fetch)
    orphans = find_orphans(settings.vendor, asked_for(settings, requirements.pins))
    if as_json:
        print_document(report.document("status", result.outcomes, orphans))
    else:
        from vendorws import terminal

        shown = [outcome for outcome in result.outcomes if not quiet or report.off_pin([outcome])]
        terminal.print_rows(out, [report.status_row(outcome) for outcome in shown])
        if not (names or quiet):
            terminal.print_rows(out, report.orphan_rows(orphans, str(here / VENDOR)))
        for line in report.failure_lines(result.outcomes):
            terminal.print_wrapped(err, line)
        if not result.outcomes and not quiet:
            err.print("No package is vendored here; `vendorws list` says why for each line.")
    code = report.status_exit_code(result.outcomes, interrupted=result.interrupted)
    if exit_code and code is ExitCode.DONE and report.off_pin(result.outcomes):
        code = ExitCode.ATTENTION
    raise typer.Exit(int(code))
