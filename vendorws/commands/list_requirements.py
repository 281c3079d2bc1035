"""`vendorws list`: every line of the requirements files with its verdict."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from vendorws.commands import options as shared
from vendorws.documents import print_document
from vendorws.screen import Screen

if TYPE_CHECKING:
    from vendorws.model import Requirements


def list_requirements(
    requirement: shared.RequirementFiles = None,
    project: shared.Project = None,
    as_json: shared.Json = False,
    color: shared.ColorChoice = shared.Color.AUTO,
) -> None:
    """Show each line of the requirements files: which are vendored, to where, and why the others are not.

    Reads files only; nothing is cloned or written.

    Examples:

        vendorws list

        vendorws list -r requirements/dev.txt

        vendorws list --json | jq '.requirements[] | select(.vendored)'
    """
    from vendorws.errors import ExitCode, RequirementsError
    from vendorws.requirement_files import listing
    from vendorws.requirement_files.pins import read_requirements
    from vendorws.settings import read_settings

    settings = read_settings(Path.cwd(), project=project, requirements=tuple(requirement or ()))
    out, err = Screen(sys.stdout, color.value), Screen(sys.stderr, color.value)
    shared.name_project(err, settings, project, quiet=as_json)
    found = read_requirements(settings)
    if as_json:
        print_document(listing.document(found))
        raise typer.Exit(int(ExitCode.USAGE if found.errors else ExitCode.DONE))
    show(out, found)
    sys.stdout.flush()
    shared.warn(err, found.warnings, quiet=False)
    shared.tell(err, listing.notes(found))
    if found.errors:
        raise RequirementsError(found.errors)


def show(out: Screen, found: Requirements) -> None:
    """One line for each requirement; on a terminal it is shortened so that it fits."""
    from rich.text import Text

    from vendorws.requirement_files import listing

    width = out.width if out.is_terminal else listing.WIDE
    lines = []
    for row in listing.rows(found, width):
        line = Text(f"{row.where}  ")
        line.append(f"{row.verdict}  ", style=row.style)
        line.append(listing.shortened(row.text, width - len(line)) if out.is_terminal else row.text)
        line.rstrip()
        if out.is_terminal:
            line.truncate(width, overflow="ellipsis")
        lines.append(line)
    out.print(Text("\n").join([*lines, Text(listing.summary(found))]))
