"""`vendorws undo`: put things back to where they were before the last run."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vendorws.commands import options as shared
from vendorws.documents import SCHEMA_VERSION, print_document
from vendorws.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Iterator

    from vendorws.checkouts.undo import Result, Undone
    from vendorws.errors import ExitCode


def undo(
    names: shared.Names = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", "-n", help="Show the last run; touch nothing.")] = False,
    wait: Annotated[bool, typer.Option("--wait/--no-wait", help="Wait while another vendorws is at work here.")] = True,
    requirement: shared.RequirementFiles = None,
    project: shared.Project = None,
    verbose: shared.Verbose = False,
    as_json: shared.Json = False,
    color: shared.ColorChoice = shared.Color.AUTO,
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
    from vendorws.checkouts import undo
    from vendorws.git_client.command import require_git
    from vendorws.requirement_files.pins import read_valid_requirements
    from vendorws.settings import read_settings

    require_git()
    settings = read_settings(Path.cwd(), project=project, requirements=tuple(requirement or ()))
    pins = shared.select(read_valid_requirements(settings).pins, names)
    out, err = Screen(sys.stdout, color.value), Screen(sys.stderr, color.value)
    shared.name_project(err, settings, project, quiet=as_json)
    here = shared.shown_path(settings.root)
    how = undo.Options(
        dry_run=dry_run,
        wait=wait,
        on_wait=lambda who: err.print(f"{who}; waiting for it"),
        trace=shared.tracer(verbose=verbose),
        at=shared.typed_path(here),
        project=shared.typed_project(project, requirement),
    )
    undone = undo.undo_last_run(settings, pins, how)
    if as_json:
        print_document(document(undone, dry_run=dry_run))
    else:
        show(out, err, undone, dry_run=dry_run)
    raise typer.Exit(int(exit_code(undone)))


def show(out: Screen, err: Screen, undone: Undone, *, dry_run: bool) -> None:
    """The run, a line for each repository, what failed, and the command for each that waits for the developer."""
    from vendorws.checkouts.undo import Leave, when
    from vendorws.errors import visible
    from vendorws.model import Failure, Outcome
    from vendorws.report import failure_lines

    if undone.run is None and not undone.interrupted:
        out.print("No run is noted here: nothing was moved, or it is too long ago.")
    elif undone.run is not None:
        out.print(f"The last run that moved something started on {when(undone.run)}.")
    width = max((len(result.pin.name) for result in undone.results), default=0)
    for result in undone.results:
        out.print(visible(f"{result.pin.name.ljust(width)}  {said(result, dry_run=dry_run)}"))
    failed = [Outcome(r.pin, (), None, None, r.what, 0) for r in undone.results if isinstance(r.what, Failure)]
    for line in failure_lines(failed):
        err.print(line)
    helpful = [(r.pin.name, r.what.command) for r in undone.results if isinstance(r.what, Leave) and r.what.command]
    if helpful:
        err.print("Waiting for you:")
    for name, command in helpful:
        err.print(f"  {name.ljust(width)}  -> {command}")
    for sentence, command in notes(undone):
        shared.say(err, sentence, command)


def notes(undone: Undone) -> Iterator[tuple[str, str]]:
    """That the next `sync` does again what was undone, and what to type to keep it: once for each way to keep it."""
    from vendorws.checkouts.undo import PutBack
    from vendorws.checkouts.wording import some

    alike: dict[str | None, list[Result]] = {}
    for result in undone.results:
        if isinstance(result.what, PutBack) and result.what.again is not None:
            alike.setdefault(result.what.again.branch, []).append(result)
    for branch, results in alike.items():
        names = some(tuple(result.pin.name for result in results))
        command = next(r.what.again.command for r in results if isinstance(r.what, PutBack) and r.what.again)
        again = f"takes {names} there again" if branch is None else f"brings {branch} of {names} forward again"
        keep = "to stay" if branch is None else "to keep where it is now"
        yield (
            f"note: the next `vendorws sync` {again}; {keep}, type first{', for each' if results[1:] else ''}:",
            command,
        )


def said(result: Result, *, dry_run: bool) -> str:
    """What became of one repository, in one line."""
    from vendorws.checkouts.undo import Leave, PutBack
    from vendorws.errors import ExitCode
    from vendorws.model import Failure

    what = result.what
    if isinstance(what, PutBack):
        then = "; then the run was interrupted" if what.cut_short else ""
        return f"{'would put' if dry_run else 'put'} back {what.text}{then}"
    if isinstance(what, Leave):
        return f"left as it is: {what.reason}"
    if isinstance(what, Failure):
        return what.message if what.exit_code is ExitCode.INTERRUPTED else f"failed: {what.message}"
    return "it is where it was already"


def document(undone: Undone, *, dry_run: bool) -> dict[str, Any]:
    """The same as a JSON document; `run` is null where none is noted."""
    return {
        "schema_version": SCHEMA_VERSION,
        "command": "undo",
        "dry_run": dry_run,
        "run": undone.run,
        "repositories": [repository_object(result, dry_run=dry_run) for result in undone.results],
    }


def repository_object(result: Result, *, dry_run: bool) -> dict[str, Any]:
    """One repository: `state` is "put-back", "left", "settled" (it was there already), "failed" or "not-done"."""
    from vendorws.checkouts.undo import Leave, PutBack
    from vendorws.errors import ExitCode
    from vendorws.model import Failure

    what = result.what
    state = {PutBack: "put-back", Leave: "left", Failure: "failed"}.get(type(what), "settled")
    if isinstance(what, Failure) and what.exit_code is ExitCode.INTERRUPTED:
        state = "not-done"
    return {
        "name": result.pin.name,
        "path": str(result.pin.path),
        "state": state,
        "reason": said(result, dry_run=dry_run),
        "command": what.command if isinstance(what, Leave) else None,
    }


def exit_code(undone: Undone) -> ExitCode:
    """The worst that came of it."""
    from vendorws.checkouts.undo import Leave
    from vendorws.errors import ExitCode
    from vendorws.model import Failure
    from vendorws.report import worst

    failures = [result.what.exit_code for result in undone.results if isinstance(result.what, Failure)]
    left = any(isinstance(result.what, Leave) for result in undone.results)
    interrupted = ExitCode.INTERRUPTED if undone.interrupted else ExitCode.DONE
    return worst([*failures, interrupted, ExitCode.ATTENTION if left else ExitCode.DONE])
