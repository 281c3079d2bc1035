"""`vendorws audit`: does an image give away a key?"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vendorws.commands import options as shared
from vendorws.documents import print_document
from vendorws.redaction import presentable
from vendorws.screen import Screen

if TYPE_CHECKING:
    from collections.abc import Sequence

    from vendorws.images.audit import Report
    from vendorws.images.source import Advance


def audit(
    image: Annotated[
        str, typer.Argument(metavar="IMAGE", help="An image of the engine, an archive, an OCI layout, or - for a pipe.")
    ],
    builder: Annotated[
        bool, typer.Option("--builder", help="Look at this project's earlier build stages and its build cache too.")
    ] = False,
    project: shared.Project = None,
    as_json: shared.Json = False,
    color: shared.ColorChoice = shared.Color.AUTO,
) -> None:
    """Look for private keys and credentials in every layer, the history and the configuration of an image.

    A file that a later layer deletes is still in the image, and is found. The secrets themselves are never printed.
    Exit code 1 when something is found, 4 when nothing is but --builder could not look at each stage as it was built.

    \b
    Examples:
      vendorws audit app:latest            an image of the engine
      vendorws audit app.tar               what docker save wrote, or OCI
      podman save app | vendorws audit -   from wherever it is
      vendorws audit app:latest --builder  the stages that it was copied from
    """
    from vendorws.errors import UsageError
    from vendorws.images import report as audit_report

    if not image:  # of a variable that is not set
        raise UsageError("IMAGE is empty.", "Name an image of the engine, an archive, a folder, or - for a pipe.")
    out, err = Screen(sys.stdout, color.value), Screen(sys.stderr, color.value)
    report = _with_builders(image, project, err) if builder else _looked_through([image], err)
    if as_json:
        print_document(audit_report.document(report))
    else:
        _show(out, err, report)
    raise typer.Exit(int(audit_report.exit_code(report)))


def _with_builders(image: str, project: Path | None, err: Screen) -> Report:
    from vendorws.errors import UsageError
    from vendorws.images.audit import with_leftovers
    from vendorws.images.builders import leftovers
    from vendorws.images.source import is_in_engine, size_of
    from vendorws.settings import read_settings

    if not is_in_engine(image):
        raise UsageError(
            f"--builder looks at images of the engine, and {image} is none.", "Name the image that was built."
        )
    size_of([image])
    with leftovers(read_settings(Path.cwd(), project=project).root, err.print) as left:
        return with_leftovers(_looked_through([image, *left.images], err), left)


def _looked_through(images: Sequence[str], err: Screen) -> Report:
    from vendorws.images.audit import audit as look_through
    from vendorws.images.source import opened, shown, size_of

    with _progress(err, shown(images[0]), size_of(images)) as advance, opened(images, advance) as events:
        return look_through(events, shown(images[0]))


@contextmanager
def _progress(err: Screen, image: str, total: int | None) -> Iterator[Advance]:
    from rich.progress import BarColumn, DownloadColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (TextColumn("{task.description}", markup=False), BarColumn(), DownloadColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err.console, transient=True, disable=not err.is_terminal) as progress:
        task = progress.add_task(f"reading {presentable(image)}", total=total)
        yield lambda size: progress.advance(task, size)


def _show(out: Screen, err: Screen, report: Report) -> None:
    from rich.text import Text

    from vendorws.images import report as audit_report

    for text, style in audit_report.lines(report):
        out.print(Text(text, style=style))
    sys.stdout.flush()
    shared.tell(err, audit_report.notes(report))
