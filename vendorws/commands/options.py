"""The options that several commands share, spelt once."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable, Sequence
from enum import Enum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from vendorws.redaction import presentable

if TYPE_CHECKING:
    from vendorws.errors import UsageError, VendorwsError
    from vendorws.model import Pin, Problem
    from vendorws.screen import Screen
    from vendorws.settings import Settings


class Color(str, Enum):
    """When to use colour."""

    AUTO = "auto"
    ALWAYS = "always"
    NEVER = "never"


def complete_names(incomplete: str) -> list[tuple[str, str]]:
    """The packages that a shell may offer after `vendorws sync`, and what each is pinned to."""
    from vendorws.errors import VendorwsError, visible
    from vendorws.requirement_files.pins import read_requirements
    from vendorws.settings import read_settings

    try:
        pins = read_requirements(read_settings(Path.cwd())).pins
    except VendorwsError:  # a shell that completes is no place to say so
        return []
    return [(pin.name, visible(pin.ref or "default branch")) for pin in pins if pin.name.startswith(incomplete)]


def complete_services(incomplete: str) -> list[str]:
    """The Compose services that a shell may offer after `vendorws verify`, as the project's files have them."""
    from vendorws.compose.files import find_compose_files
    from vendorws.compose.services import read_services
    from vendorws.errors import VendorwsError
    from vendorws.settings import read_settings

    try:
        files = find_compose_files(read_settings(Path.cwd()).root)
        services = read_services(files) if files else ()
    except VendorwsError:
        return []
    return [service.name for service in services if service.name.startswith(incomplete)]


Names = Annotated[
    list[str] | None,
    typer.Argument(metavar="NAME", help="Only these packages.", autocompletion=complete_names, show_default=False),
]
RequirementFiles = Annotated[
    list[Path] | None,
    typer.Option("--requirement", "-r", metavar="FILE", help="Read this file, not the project's (repeatable)."),
]
Project = Annotated[
    Path | None,
    typer.Option("--project", metavar="DIR", help="The project's folder, instead of the one around here."),
]
Jobs = Annotated[
    int | None,
    typer.Option("--jobs", "-j", metavar="N", min=1, max=64, envvar="VENDORWS_JOBS", help="Repositories at a time."),
]
Timeout = Annotated[
    float | None,
    typer.Option("--timeout", min=1, metavar="SECONDS", envvar="VENDORWS_TIMEOUT", help="For one repository."),
]
CacheFolder = Annotated[
    Path | None,
    typer.Option("--cache", metavar="DIR", envvar="VENDORWS_CACHE", help="New clones borrow from mirrors in here."),
]
Filter = Annotated[
    str | None,
    typer.Option("--filter", metavar="SPEC", help="New clones leave this out until needed: blob:none."),
]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Say only what needs attention.")]
Verbose = Annotated[bool, typer.Option("--verbose", "-v", help="Show each git command.")]
ColorChoice = Annotated[Color, typer.Option("--color", help="When to use colour.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document instead.")]


def shown_path(root: Path) -> Path:
    """`root` as it is typed from here, for the commands that are suggested."""
    return Path(os.path.relpath(root, Path.cwd()))


def typed_path(root: Path) -> Callable[[Pin], str]:
    """How the path of a pin's checkout is typed, in the project that is `shown_path`."""
    from vendorws.model import VENDOR

    vendor = root / VENDOR
    return lambda pin: f"{vendor}/{pin.name}"


def name_project(err: Screen, settings: Settings, project: Path | None, *, quiet: bool) -> None:
    """Say which project it is where nobody named it and it is not the folder that one is in, or not known to be one."""
    here = shown_path(settings.root)
    if project is not None or quiet:
        return
    if here != Path():
        err.print(f"project: {here}", style="dim")
    elif _is_a_guess(settings):
        where = "none was found around here, so this folder gets vendor/; --project names another"
        err.print(f"project: {settings.root} ({where})", style="dim")


def _is_a_guess(settings: Settings) -> bool:
    """Whether the folder is taken only because nothing around it is a project, and the files read are elsewhere."""
    from vendorws.settings import find_root

    is_elsewhere = any(file.parent.resolve() != settings.root for file in settings.requirements)
    return is_elsewhere and find_root(settings.root) is None


def typed_project(project: Path | None, requirement: Sequence[Path] | None) -> tuple[str, ...]:
    """The options that say which project it is, as they were typed, for the commands that are suggested."""
    named = ("--project", str(project)) if project is not None else ()
    return (*named, *(word for file in requirement or () for word in ("-r", str(file))))


def out_of_date(old: str | None) -> str:
    """What `--check` calls a file that is not as it should be; `old` is its content (None: it is not there)."""
    return "missing" if old is None else "stale"


def tracer(*, verbose: bool) -> Tracer | None:
    """Where `-v` shows each git command: standard error."""
    return Tracer() if verbose else None


class Tracer:
    """Prints a git command as it starts."""

    def __call__(self, line: str) -> None:
        sys.stderr.write(f"+ {presentable(line)}\n")


def warn(err: Screen, warnings: Sequence[Problem], *, quiet: bool) -> None:
    """Say what a pip of today would read otherwise."""
    for problem in () if quiet else warnings:
        say(err, f"warning: {problem.file}:{problem.line}: {problem.message}", problem.hint)


def tell(err: Screen, notes: Iterable[str]) -> None:
    """Say what is good to know. The lines below a note's first one are there to be pasted, and stay as they are."""
    for note in notes:
        sentence, _, lines = note.partition("\n")
        say(err, f"note: {sentence}")
        if lines:
            err.print(lines)


def print_error(err: Screen, error: VendorwsError) -> None:
    """An expected failure: its sentence, and the next action below it."""
    say(err, f"error: {error.message}", error.hint)


def say(err: Screen, sentence: str, hint: str = "") -> None:
    """A sentence, between words where it is too long; below it the next action, which may be there to be pasted."""
    from vendorws.terminal import print_wrapped

    print_wrapped(err, sentence)
    if hint:
        err.print(f"  {hint}")


def select(pins: Sequence[Pin], names: Sequence[str] | None) -> tuple[Pin, ...]:
    """The pins of the names typed, all of them without any. Raises UsageError for a name that is no pin.

    A name may be spelt in any way that pip takes for the same, or be the path of a checkout; `.` is the one around.
    """
    from vendorws.model import canonical

    known = {pin.name for pin in pins}
    wanted = set()
    for typed in names or ():
        name = canonical(Path.cwd().name if typed == "." else Path(typed).name)
        if name not in known:
            raise _not_vendored(typed, name, sorted(known))
        wanted.add(name)
    return tuple(pin for pin in pins if not wanted or pin.name in wanted)


def _not_vendored(typed: str, name: str, known: Sequence[str]) -> UsageError:
    from difflib import get_close_matches

    from vendorws.errors import UsageError, visible

    close = get_close_matches(name, known, n=1)
    some = ", ".join(known[:_SHOWN]) + (f" and {len(known) - _SHOWN} more" if len(known) > _SHOWN else "")
    hint = f"Did you mean {close[0]}?" if close else f"Vendored are: {some or 'none'}."
    return UsageError(f"no line of the requirements vendors {visible(typed)!r}.", hint)


_SHOWN = 8  # names that are worth reading
