"""`vendorws sync`: bring every checkout to its pin, and the override up to date."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vendorws.commands import options as shared
from vendorws.documents import print_document
from vendorws.screen import PlainProgress, Screen, is_live

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from vendorws.checkouts.crew import Display, Options
    from vendorws.checkouts.sync import Result
    from vendorws.errors import ExitCode
    from vendorws.model import Pin, Requirements
    from vendorws.report import Row
    from vendorws.settings import Settings


def sync(
    names: shared.Names = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Say what would be done; touch nothing.")] = False,
    switch: Annotated[bool, typer.Option("--switch", help="Go to the pin from your own branch, if clean.")] = False,
    fix_url: Annotated[bool, typer.Option("--fix-url", help="Set origin to the URL that the pin says.")] = False,
    override: Annotated[bool, typer.Option("--override/--no-override", help="Write the Compose override too.")] = True,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait while another vendorws is at work here.")] = True,
    requirement: shared.RequirementFiles = None,
    project: shared.Project = None,
    cache: shared.CacheFolder = None,
    filter_spec: shared.Filter = None,
    jobs: shared.Jobs = None,
    timeout: shared.Timeout = None,
    quiet: shared.Quiet = False,
    verbose: shared.Verbose = False,
    as_json: shared.Json = False,
    color: shared.ColorChoice = shared.Color.AUTO,
) -> None:
    """Clone what is missing, fast-forward what moved, and mount it all.

    Whatever you have changed, committed or begun is left exactly as it is and reported with the command that helps.
    With -r FILE only that file's packages are brought to their pins; the others of the project stay mounted.

    \b
    Examples:
      vendorws sync                         all of them, every morning
      vendorws sync acme-billing --switch   back to the pin, if clean
      vendorws sync --dry-run               only say what would be done
    """
    from vendorws import report
    from vendorws.checkouts.crew import Options
    from vendorws.checkouts.orphans import find_orphans
    from vendorws.checkouts.plan import Wish
    from vendorws.checkouts.sync import sync as run
    from vendorws.git_client.command import require_git
    from vendorws.model import VENDOR
    from vendorws.requirement_files.pins import asked_for, read_valid_requirements
    from vendorws.settings import checked_filter, checked_folder, read_settings

    require_git()
    settings = read_settings(Path.cwd(), project=project, requirements=tuple(requirement or ()))
    out, err = Screen(sys.stdout, color.value), Screen(sys.stderr, color.value)
    shared.name_project(err, settings, project, quiet=quiet or as_json)
    requirements = read_valid_requirements(settings)
    pins = shared.select(requirements.pins, names)
    shared.warn(err, requirements.warnings, quiet=quiet or as_json)
    here = shared.shown_path(settings.root)
    how = Options(
        wish=Wish(switch=switch, fix_url=fix_url, trust_tags=settings.trust_tags),
        jobs=jobs or settings.jobs,
        timeout=timeout or settings.timeout,
        dry_run=dry_run,
        wait=wait,
        trace=shared.tracer(verbose=verbose),
        at=shared.typed_path(here),
        project=shared.typed_project(project, requirement),
        cache=checked_folder(Path.cwd(), cache, name="--cache") if cache else settings.cache,
        filter=checked_filter(filter_spec) if filter_spec else settings.filter,
        meanwhile=prepare,
    )
    with progress(err, len(pins), quiet=quiet, verbose=verbose) as display:
        result = run(settings, pins, how, display)
    codes = [report.exit_code(result.outcomes, interrupted=result.interrupted)]
    wanted = asked_for(settings, requirements.pins)
    orphans = find_orphans(settings.vendor, wanted)
    try:
        if as_json:
            print_document(report.document("sync", result.outcomes, orphans))
        else:
            told = () if names else report.orphan_rows(orphans, str(here / VENDOR))
            show(out, err, result, how, told, quiet=quiet)
    finally:  # what is written must not depend on who reads our output
        if not dry_run and not result.interrupted:
            if override:
                codes.append(write_override(settings, wanted, err, quiet=quiet))
            codes.append(refresh_keyless(settings, requirements, err, quiet=quiet))
    raise typer.Exit(int(report.worst(codes)))


@contextmanager
def progress(err: Screen, total: int, *, quiet: bool, verbose: bool) -> Iterator[Display]:
    """What is shown of `total` repositories on the way: live, where somebody sees it and nothing else is in the way."""
    if not is_live(err, quiet=quiet or verbose):
        yield PlainProgress(err, quiet=quiet)
        return
    from vendorws.terminal import LiveProgress

    display = LiveProgress(err, total)
    with display.shown():
        yield display


def prepare() -> None:
    """Load what is needed at the end, while a server takes its time to let us in."""
    from vendorws import report, terminal  # noqa: F401
    from vendorws.compose import override  # noqa: F401


def show(out: Screen, err: Screen, result: Result, how: Options, orphans: Sequence[Row], *, quiet: bool) -> None:
    """A line for each repository, then what failed or waits for the developer, then the count.

    `orphans` are the checkouts that no line asks for.
    """
    from rich.text import Text

    from vendorws import report, terminal

    text = report.planned_text if how.dry_run else report.done_text
    width = max((len(outcome.pin.name) for outcome in result.outcomes), default=0)
    for outcome in result.outcomes:
        style = report.outcome_style(outcome)
        if quiet and style != "red":
            continue
        line = Text(f"{outcome.pin.name.ljust(width)}  ", style="bold")
        line.append(text(outcome), style=f"not bold {style}".strip())
        terminal.print_wrapped(out, line, width + 2)
    if not quiet:
        terminal.print_rows(out, orphans)
    for said in report.failure_lines(result.outcomes):
        terminal.print_wrapped(err, said)
    waiting = report.waiting_lines(result.outcomes)
    for advice in ("Waiting for you:", *waiting) if waiting else ():
        err.print(advice)
    if not quiet and not result.outcomes:
        err.print("No package is vendored here; `vendorws list` says why.")
    elif not quiet:
        terminal.print_wrapped(out, report.summary(result.outcomes, dry_run=how.dry_run))


def write_override(settings: Settings, pins: Sequence[Pin], err: Screen, *, quiet: bool) -> ExitCode:
    """Bring the override up to date with the checkouts that are there, and say what the exit code must tell of it."""
    from vendorws import terminal
    from vendorws.compose.override import existing_checkouts, update_override
    from vendorws.errors import ExitCode, VendorwsError

    try:
        result = update_override(settings, existing_checkouts(settings, pins))
    except VendorwsError as error:
        shared.print_error(err, error)
        return error.exit_code
    shared.tell(err, () if quiet else result.notes)
    if result.status.value in ("written", "removed") and result.path is not None and not quiet:
        mounts = "1 mount" if len(result.mounts) == 1 else f"{len(result.mounts)} mounts"
        dropped = f"; no longer mounted: {', '.join(result.dropped)}" if result.dropped else ""
        terminal.print_wrapped(err, f"{result.path.name} {result.said}: {mounts}{dropped}")
    return ExitCode.DONE


def refresh_keyless(settings: Settings, requirements: Requirements, err: Screen, *, quiet: bool) -> ExitCode:
    """Bring the config for builds without a key up to date, in a project that has one."""
    from vendorws.errors import ExitCode, VendorwsError
    from vendorws.keyless.config import CONFIG

    if not (settings.vendor / CONFIG).exists():
        return ExitCode.DONE
    from vendorws.keyless.plan import KeylessStatus, update_if_present

    try:
        plan = update_if_present(settings, requirements)
    except VendorwsError as error:
        shared.print_error(err, error)
        return error.exit_code
    if plan is not None and plan.status is KeylessStatus.WRITTEN and not quiet:
        err.print(
            f"{plan.path.parent.name}/{plan.path.name} written: builds without a key know {len(plan.sources)} folders"
        )
    return ExitCode.DONE
