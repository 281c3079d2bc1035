"""`vendorws keyless`: let images be built from the checkouts, without a key."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from vendorws.commands import options as shared
from vendorws.documents import SCHEMA_VERSION, print_document
from vendorws.redaction import presentable
from vendorws.screen import Screen

if TYPE_CHECKING:
    from vendorws.keyless.advice import Advice
    from vendorws.keyless.build import ImageBuild
    from vendorws.keyless.plan import KeylessPlan


def keyless(
    check: Annotated[bool, typer.Option("--check", help="Write nothing; exit 1 when the file is stale.")] = False,
    requirement: shared.RequirementFiles = None,
    project: shared.Project = None,
    quiet: shared.Quiet = False,
    as_json: shared.Json = False,
) -> None:
    """Let an image be built from the checkouts: no key, and no network for the private part.

    Writes vendor/.gitconfig, by which an unmodified pip with the unmodified requirements file clones from the host's
    checkouts, and says what to put into the Dockerfile. `vendorws sync` keeps the file up to date from then on.

    Examples:

        vendorws keyless

        vendorws keyless --check && docker compose build
    """
    from vendorws.errors import ExitCode
    from vendorws.git_client.command import require_git
    from vendorws.keyless.advice import inspect
    from vendorws.keyless.build import find_builds
    from vendorws.keyless.plan import KeylessStatus, carry_out, plan_keyless
    from vendorws.requirement_files.pins import read_valid_requirements
    from vendorws.settings import read_settings
    from vendorws.typed import shell_command

    require_git()
    settings = read_settings(Path.cwd(), project=project, requirements=tuple(requirement or ()))
    requirements = read_valid_requirements(settings)
    plan = plan_keyless(settings, requirements)
    builds = find_builds(settings)
    typed = shared.typed_project(project, requirement)
    advice = inspect(settings, requirements, plan, builds, typed)
    if not check:
        carry_out(plan)
    stale = check and plan.status is KeylessStatus.WRITTEN
    state = shared.out_of_date(plan.old) if stale else plan.status.value
    if as_json:
        print_document(_document(plan, state, advice, builds))
    else:
        err = Screen(sys.stderr)
        for found in advice:
            kind, about = "error" if found.fails else "warning", f"{found.name}: " if found.name else ""
            shared.say(err, f"{kind}: {about}{found.message}.", found.hint)
        if not quiet:
            again = f"  -> {shell_command('vendorws', 'keyless', *typed)}" if stale else ""
            typer.echo(presentable(_text(plan, f"{state}{again}", () if check else builds)), nl=False)
    fails = stale or any(found.fails for found in advice)
    raise typer.Exit(int(ExitCode.ATTENTION if fails else ExitCode.DONE))


def _text(plan: KeylessPlan, state: str, builds: Sequence[ImageBuild]) -> str:
    from vendorws.keyless.build import is_prepared, run_line

    text = f"{plan.path.parent.name}/{plan.path.name} {state}\n"
    for build in builds:
        if not is_prepared(build):
            where = os.path.relpath(build.dockerfile) if build.dockerfile else "the Dockerfile"
            service = f" (service {build.service})" if build.service else ""
            text += f"\nIn {where}{service} let pip install like this:\n\n"
            text += "".join(f"    {row}\n" for row in run_line(build).splitlines())
    return text


def _document(plan: KeylessPlan, state: str, advice: Sequence[Advice], builds: Sequence[ImageBuild]) -> dict[str, Any]:
    from vendorws.keyless.build import is_prepared, run_line

    return {
        "schema_version": SCHEMA_VERSION,
        "command": "keyless",
        "status": state,
        "path": str(plan.path),
        "sources": [{"folder": source.folder, "urls": list(source.urls)} for source in plan.sources],
        "advice": [
            {"name": found.name, "message": found.message, "hint": found.hint, "fails": found.fails} for found in advice
        ],
        "builds": [
            {
                "service": build.service,
                "dockerfile": str(build.dockerfile) if build.dockerfile else None,
                "prepared": is_prepared(build),
                "run": run_line(build),
            }
            for build in builds
        ],
    }
