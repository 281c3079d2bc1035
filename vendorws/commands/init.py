"""`vendorws init`: lay out what a project lacks to be built and run with its private packages."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vendorws.commands import options as shared
from vendorws.redaction import presentable
from vendorws.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vendorws.scaffold import Access, Change
    from vendorws.settings import Settings


def init(
    ssh: Annotated[bool, typer.Option("--ssh", help="The build borrows your ssh agent (the default).")] = False,
    keyless: Annotated[bool, typer.Option("--keyless", help="The build takes the checkouts; no key anywhere.")] = False,
    build_arg: Annotated[
        bool, typer.Option("--build-arg", help="The key is a build argument, and stays in the builder's layers.")
    ] = False,
    python: Annotated[
        str | None, typer.Option("--python", metavar="VERSION", help="The image's Python, 3.12 for example.")
    ] = None,
    service: Annotated[str, typer.Option("--service", metavar="NAME", help="The service in the Compose file.")] = "app",
    dry_run: Annotated[
        bool, typer.Option("--dry-run", "-n", help="Show what would be written; write nothing.")
    ] = False,
    project: shared.Project = None,
    color: shared.ColorChoice = shared.Color.AUTO,
) -> None:
    """Lay out [tool.vendorws], a Dockerfile, a Compose file and ignore lines, where they are missing.

    What is written is shown as a diff. Nothing that is there is overwritten: lines are added to .gitignore,
    .dockerignore and pyproject.toml, and all other files stay as they are.

    \b
    Examples:
      vendorws init                           the build borrows your ssh agent
      vendorws init --keyless --python 3.12   the build takes vendor/ as it is
      vendorws init --dry-run                 only show it
    """
    from vendorws import scaffold
    from vendorws.settings import read_settings

    settings = read_settings(Path.cwd(), project=project)
    access = _access(ssh=ssh, keyless=keyless, build_arg=build_arg)
    wishes = scaffold.Wishes(access, python or settings.python_version, service)
    scaffold.check(wishes)
    plan = scaffold.plan(scaffold.look(settings), wishes)
    changes = (*plan.changes, *_git_config(settings, access))
    out, err = Screen(sys.stdout, color.value), Screen(sys.stderr, color.value)
    shared.name_project(err, settings, project, quiet=False)
    show(out, changes)
    if not dry_run:
        scaffold.carry_out(settings.root, changes)
    sys.stdout.flush()
    shared.tell(err, plan.remarks)
    _say_what_was_done(err, changes, scaffold.next_steps(wishes), dry_run=dry_run)


def _access(*, ssh: bool, keyless: bool, build_arg: bool) -> Access:
    from vendorws.errors import UsageError
    from vendorws.scaffold import Access

    chosen = [access for access, given in zip(Access, (ssh, keyless, build_arg), strict=True) if given]
    if len(chosen) > 1:
        raise UsageError(
            "A build has one way to its private packages.", "Give one of --ssh, --keyless and --build-arg."
        )
    return chosen[0] if chosen else Access.SSH


def _git_config(settings: Settings, access: Access) -> tuple[Change, ...]:
    """For a build without a key: the git config that `vendorws sync` keeps up to date once it is there."""
    from vendorws.keyless.plan import plan_keyless
    from vendorws.requirement_files.pins import read_requirements
    from vendorws.scaffold import Access, Change

    if access is not Access.KEYLESS:
        return ()
    plan = plan_keyless(settings, read_requirements(settings))
    path = plan.path.relative_to(settings.root).as_posix()
    return (Change(path, None, plan.new.encode()),) if plan.old is None else ()


def show(out: Screen, changes: Sequence[Change]) -> None:
    """Every change as a diff; on a terminal what is added is green. Elsewhere it is what `git apply -p0` takes."""
    from rich.text import Text

    from vendorws import scaffold

    text = "".join(scaffold.diff(change) for change in changes)
    if not out.is_terminal:
        out.stream.write(text)  # rich would make blanks of tabs
        return
    for row in text.splitlines():
        style = "bold" if row[:3] in _HEADS else "green" if row.startswith("+") else ""
        out.print(Text(presentable(row.expandtabs()), style=style))


_HEADS = ("---", "+++")


def _say_what_was_done(err: Screen, changes: Sequence[Change], steps: Sequence[str], *, dry_run: bool) -> None:
    names = ", ".join(change.path for change in changes)
    if not changes:
        err.print("Everything is there; nothing was written.")
    elif dry_run:
        err.print(f"Would write {names}. Nothing was written.")
    else:
        err.print(f"Wrote {names}. Next:")
        for step in steps:
            err.print(f"  {step}")
