"""`vendorws verify`: prove that edits are live in the container."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vendorws.commands import options as shared
from vendorws.documents import print_document
from vendorws.screen import Screen

if TYPE_CHECKING:
    from vendorws.proof.prove import Proof


def verify(
    service: Annotated[
        str | None,
        typer.Argument(
            metavar="SERVICE",
            help="Only this Compose service.",
            autocompletion=shared.complete_services,
            show_default=False,
        ),
    ] = None,
    python: Annotated[
        str | None, typer.Option("--python", metavar="PATH", help="The Python to ask in the container.")
    ] = None,
    requirement: shared.RequirementFiles = None,
    project: shared.Project = None,
    quiet: shared.Quiet = False,
    as_json: shared.Json = False,
    color: shared.ColorChoice = shared.Color.AUTO,
) -> None:
    """Prove that the containers run the files that you edit.

    For each package: Compose has one mount, and it is the checkout; a file written here is seen there; the package
    imports from there; its metadata can be read and its console scripts load. Looks into the container that runs,
    else into one that is made for it and removed.

    \b
    Examples:
      vendorws verify                 every service that has the packages
      vendorws verify app             only this one
      vendorws verify --json          for programs; exits with 1 when one is not
    """
    from vendorws.proof import report as verify_report
    from vendorws.proof.prove import prove
    from vendorws.proof.verdicts import exit_code
    from vendorws.requirement_files.pins import read_valid_requirements
    from vendorws.settings import read_settings

    settings = read_settings(Path.cwd(), project=project, requirements=tuple(requirement or ()))
    pins = read_valid_requirements(settings).pins
    proof = prove(settings, pins, service, python, typed=shared.typed_project(project, requirement))
    if as_json:
        print_document(verify_report.document(proof))
    else:
        _show(Screen(sys.stdout, color.value), Screen(sys.stderr, color.value), proof, quiet=quiet)
    raise typer.Exit(int(exit_code(proof.verdicts)))


def _show(out: Screen, err: Screen, proof: Proof, *, quiet: bool) -> None:
    from rich.text import Text

    from vendorws.proof import report as verify_report

    for text, style in verify_report.lines([verdict for verdict in proof.verdicts if verdict.fault or not quiet]):
        out.print(Text(text, style=style))
    sys.stdout.flush()
    shared.tell(err, proof.notes)
    for line in () if quiet else verify_report.summary(proof):
        shared.say(err, line)
