"""`vendorws override`: mount the checkouts into the Compose services."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vendorws.commands import options as shared
from vendorws.compose.mounts import Mode
from vendorws.documents import SCHEMA_VERSION, print_document
from vendorws.redaction import presentable
from vendorws.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vendorws.compose.override import OverridePlan, Survey
    from vendorws.model import Pin
    from vendorws.settings import Settings


def override(
    stdout: Annotated[bool, typer.Option("--stdout", help="Print a whole override; write nothing.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when the override is stale.")] = False,
    remove: Annotated[bool, typer.Option("--remove", help="Take out everything that vendorws put in.")] = False,
    mode: Annotated[
        Mode | None,
        typer.Option(
            "--mode", help="Mount the checkouts, or have `docker compose watch` copy them.", show_default="bind"
        ),
    ] = None,
    requirement: shared.RequirementFiles = None,
    project: shared.Project = None,
    quiet: shared.Quiet = False,
    as_json: shared.Json = False,
) -> None:
    """Mount each checkout where pip put it in the image, by docker-compose.override.yml.

    An override of your own is added to and otherwise left as it is. With -r FILE the checkouts that the project's own
    requirements ask for stay mounted too.

    Examples:

        vendorws override

        vendorws override --check

        vendorws override --mode watch

        vendorws override --remove
    """
    from vendorws.compose.override import OverrideStatus, carry_out, survey_of_nothing
    from vendorws.compose.override_text import own_text
    from vendorws.errors import ExitCode, UsageError
    from vendorws.settings import read_settings
    from vendorws.typed import shell_command

    if stdout + check + remove > 1:
        raise UsageError("--stdout, --check and --remove are three different things.", "Give one of them.")
    if stdout and as_json:
        raise UsageError("--stdout prints the override and --json a document about it.", "Give one of them.")
    settings = read_settings(Path.cwd(), project=project, requirements=tuple(requirement or ()))
    err = Screen(sys.stderr)
    shared.name_project(err, settings, project, quiet=quiet or as_json)
    named = shared.typed_project(project, requirement)
    found = survey_of_nothing(settings) if remove else _survey(settings, mode, named)
    plan = None if stdout else _plan(found, remove=remove)
    shared.tell(err, () if as_json else (plan or found).notes)
    if plan is None:
        typer.echo(own_text(found.mounts, found.mode), nl=False)
        return
    if not check:
        carry_out(plan)
    stale = check and plan.status in (OverrideStatus.WRITTEN, OverrideStatus.REMOVED)
    status = shared.out_of_date(plan.old) if stale else plan.status.value
    if as_json:
        print_document(_document(plan, status))
    elif not quiet:
        again = shell_command("vendorws", "override", *named, *(("--mode", mode.value) if mode else ()))
        typer.echo(presentable(_text(plan, f"{status}  -> {again}" if stale else plan.said)), nl=False)
    needs_attention = stale or (plan.unclear and not plan.mounts)
    raise typer.Exit(int(ExitCode.ATTENTION if needs_attention else ExitCode.DONE))


def _survey(settings: Settings, mode: Mode | None, named: Sequence[str]) -> Survey:
    """What should be mounted; where that is nothing because nothing is cloned, a note says so."""
    from vendorws.compose.override import existing_checkouts, survey
    from vendorws.requirement_files.pins import asked_for, read_valid_requirements

    pins = asked_for(settings, read_valid_requirements(settings).pins)
    checkouts = existing_checkouts(settings, pins)
    found = survey(settings, checkouts, mode)
    lacks_checkouts = found.files is not None and not checkouts
    return replace(found, notes=(*found.notes, _nothing_cloned(pins, named))) if lacks_checkouts else found


def _nothing_cloned(pins: Sequence[Pin], named: Sequence[str]) -> str:
    """Why there is no checkout, and what to type, with the options that name the project as they were `named`."""
    from vendorws.model import VENDOR
    from vendorws.typed import shell_command

    if not pins:
        return f"No package is vendored here; `{shell_command('vendorws', 'list', *named)}` says why."
    sync = shell_command("vendorws", "sync", *named)
    return f"None of the packages is checked out in {VENDOR}/ yet; `{sync}` clones them."


def _plan(found: Survey, *, remove: bool) -> OverridePlan:
    """What the override should become; where there is nothing to remove, a note says so."""
    from vendorws.compose.override import OverrideStatus, plan_override

    plan = plan_override(found)
    if not remove or plan.path is None or plan.status is not OverrideStatus.NONE:
        return plan
    note = f"No mount of vendorws is in {plan.path.name}, so there is nothing to remove."
    return replace(plan, notes=(*plan.notes, note))


def _text(plan: OverridePlan, said: str) -> str:
    if plan.path is None or said == "none":
        return ""
    lines = [
        f"{plan.path.name} {said}",
        *(f"  {mount.service}: {mount.source} on {mount.target}" for mount in plan.mounts),
        *(f"  no longer mounted: {name}" for name in plan.dropped),
    ]
    return "\n".join(lines) + "\n"


def _document(plan: OverridePlan, status: str) -> dict[str, Any]:
    return {
        "schema_version": SCHEMA_VERSION,
        "command": "override",
        "status": status,
        "path": str(plan.path) if plan.path else None,
        "mode": plan.mode.value,
        "mounts": [
            {"service": mount.service, "name": mount.name, "source": mount.source, "target": mount.target}
            for mount in plan.mounts
        ],
        "dropped": list(plan.dropped),
        "notes": list(plan.notes),
    }
