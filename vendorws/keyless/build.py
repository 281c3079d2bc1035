"""The Dockerfile's part of a build without a key: the line to write, and whether the build sees the checkouts."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from vendorws.compose.client import ask_services
from vendorws.compose.files import find_compose_files
from vendorws.compose.places import find_places, read_dockerfile
from vendorws.dockerfiles.dockerfile import Place
from vendorws.dockerfiles.dockerignore import find_dockerignore, hiding_line
from vendorws.dockerfiles.instructions import parse_instructions
from vendorws.dockerfiles.shell import simple_commands
from vendorws.keyless.config import CONFIG, MOUNT
from vendorws.model import VENDOR
from vendorws.settings import Settings
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class ImageBuild:
    """One image that installs the requirements: `service` builds it (None: there is no Compose file).

    `vendor` is the folder of the checkouts as seen from `context`; `text` is the Dockerfile, `line` that of pip in it
    (None where it was not found).
    """

    service: str | None
    context: Path
    dockerfile: Path | None
    text: str
    line: int | None
    vendor: str


def find_builds(settings: Settings) -> tuple[ImageBuild, ...]:
    """The builds of the project's services, each Dockerfile once; without Compose the one in the project's folder."""
    files = find_compose_files(settings.root)
    if files is None:
        return (ImageBuild(None, settings.root, settings.root / "Dockerfile", "", None, VENDOR),)
    services = ask_services(files).services
    places = find_places(settings, services)
    found: dict[tuple[Path, Path | None], ImageBuild] = {}
    for service in services:
        build = service.build
        if service.name in places.folders and build is not None and build.context is not None:
            place = read_dockerfile(build)
            text = build.inline if build.inline is not None else _text(build.dockerfile)
            vendor = Path(os.path.relpath(settings.vendor, build.context)).as_posix()
            line = place.line if isinstance(place, Place) else None
            image = ImageBuild(service.name, build.context, build.dockerfile, text, line, vendor)
            found.setdefault((build.context, build.dockerfile), image)
    return tuple(found.values())


def _text(file: Path | None) -> str:
    return file.read_text("utf-8", "replace") if file is not None and file.is_file() else ""


def is_prepared(build: ImageBuild) -> bool:
    """Whether the Dockerfile has the line already."""
    return f"{MOUNT}/{CONFIG}" in build.text


def run_line(build: ImageBuild) -> str:
    """The RUN instruction to write: theirs, where it is one command, with the config in front of it."""
    flags, command = _pip_command(build)
    head = [
        f"RUN --mount=type=bind,source={build.vendor},target={MOUNT}",
        *flags,
        f"GIT_CONFIG_GLOBAL={MOUNT}/{CONFIG}",
    ]
    return " \\\n    ".join([*head, command])


def _pip_command(build: ImageBuild) -> tuple[list[str], str]:
    """The flags (but for the key's) and the command of their RUN instruction, or one as it usually is."""
    for instruction in parse_instructions(build.text).instructions:
        if instruction.line == build.line and instruction.keyword == "RUN" and not instruction.bodies:
            match = re.fullmatch(r"(?P<flags>(?:\s*--\S+)*)\s*(?P<command>[^-\[].*)", instruction.text, re.DOTALL)
            if match and len(list(simple_commands(match["command"], folder=None, exported={}))) == 1:
                flags = [flag for flag in match["flags"].split() if "type=ssh" not in flag]
                return flags, " ".join(match["command"].split())
    return [], f"pip install -r requirements.txt --src {VENDOR}/"


@dataclass(frozen=True, slots=True)
class HiddenPart:
    """Something that a build needs and does not see."""

    message: str
    hint: str


def hidden_parts(build: ImageBuild, root: Path, names: Sequence[str]) -> Iterator[HiddenPart]:
    """What keeps the config, or the repositories of these packages, from the build."""
    if build.vendor.startswith("../"):
        message = f"the build context {build.context} (service {build.service}) does not have vendor/ in it"
        yield HiddenPart(message, f"Build from {root}, and name the Dockerfile with `dockerfile:`.")
        return
    ignore = find_dockerignore(build.context, build.dockerfile)
    text = _text(ignore)
    needed = [f"{build.vendor}/{CONFIG}", *(f"{build.vendor}/{name}/.git/HEAD" for name in names)]
    hidden = {line: path for path in reversed(needed) if (line := hiding_line(text, path)) is not None}
    for line, path in sorted(hidden.items()):
        pattern = text.splitlines()[line - 1].strip()
        yield HiddenPart(f"{ignore}, line {line}: `{pattern}` hides {path} from the build", "Take that line out.")
