"""`vendorws override`: mount the checkouts into the Compose services."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from vendorws.commands import options as shared


def override(
    stdout: Annotated[bool, typer.Option("--stdout", help="Print the override; write nothing.")] = False,
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when the file is stale.")] = False,
    requirement: shared.RequirementFiles = None,
    project: shared.Project = None,
    quiet: shared.Quiet = False,
) -> None:
    """Write docker-compose.override.yml: one bind mount for each checkout, where pip put it in the image.

    Examples:

        vendorws override

        vendorws override --stdout

        vendorws override --check
    """
    from vendorws import terminal
    from vendorws.errors import ExitCode
    from vendorws.override import OverrideStatus, apply_override, existing_checkouts, override_text, plan_override
    from vendorws.pins import read_valid_requirements
    from vendorws.settings import read_settings

    settings = read_settings(Path.cwd(), project=project, requirements=tuple(requirement or ()))
    pins = read_valid_requirements(settings).pins
    out, err = terminal.console(sys.stdout), terminal.console(sys.stderr)
    plan = plan_override(settings, existing_checkouts(settings, pins))
    for note in plan.notes:
        err.print(f"note: {note}")
    if stdout:
        out.print(override_text(plan.mounts), end="")
        return
    result = apply_override(plan, dry_run=check)
    if result.path is not None and not quiet:
        out.print(f"{result.path.name} {result.status.value}: {len(result.mounts)} mounts")
    stale = check and result.status in (OverrideStatus.WRITTEN, OverrideStatus.REMOVED)
    raise typer.Exit(int(ExitCode.ATTENTION if stale else ExitCode.DONE))
