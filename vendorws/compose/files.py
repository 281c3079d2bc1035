"""Which files Compose would read in a project, and the variables that it would fill into them.

The order of names and folders follows compose-go's `WithDefaultConfigPath`, the .env rules its `dotenv` package.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from vendorws.dockerfiles.expansion import Unresolved, interpolate
from vendorws.errors import UsageError
from vendorws.settings import COMPOSE_NAMES
from vendorws.values import dataclass

BASE_NAMES = COMPOSE_NAMES
OVERRIDE_NAMES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
NEW_OVERRIDE = "docker-compose.override.yml"
SIBLING = "docker-compose.vendorws.yml"
"""A file of ours alone, for projects whose own override cannot be added to; Compose reads it where it is listed."""


@dataclass(frozen=True, slots=True)
class Listing:
    """A list that leaves every other Compose file out.

    `place` is "the environment" or a .env file with COMPOSE_FILE, whose names stand between `separator`s, or (then
    `separator` is None) a devcontainer.json. `names` are as written there, relative to `start`. `names_override` says
    whether our file is on the list.
    """

    place: str
    start: Path
    names: tuple[str, ...]
    separator: str | None
    names_override: bool = False


@dataclass(frozen=True, slots=True)
class ComposeFiles:
    """The project as Compose would load it without `-f`.

    `directory` is where relative paths start; `base` are the files to read in merge order, without the override, and
    `later` those of them that come after it.
    `override` is the file for local additions: the one that Compose reads by itself or, with a `listing`, the one
    that has to be on it. `env_files` (those that exist, the strongest first) and the environment give `variables`.
    """

    directory: Path
    base: tuple[Path, ...]
    override: Path
    env_files: tuple[Path, ...]
    variables: Mapping[str, str]
    listing: Listing | None = None
    later: tuple[Path, ...] = ()

    @property
    def earlier(self) -> tuple[Path, ...]:
        """The files that come before the override."""
        return self.base[: len(self.base) - len(self.later)]


def find_compose_files(root: Path, environment: Mapping[str, str] | None = None) -> ComposeFiles | None:
    """The Compose files that `docker compose` uses in `root`: listed, there, or in a folder above; None without any.

    A .env file counts beside the Compose files, as Compose has it. Raises UsageError when one cannot be read.
    """
    outside = os.environ if environment is None else environment
    home = next((folder for folder in (root, *root.parents) if _base_names(folder)), None)
    env_file = (home or root) / ".env"
    beside = read_dotenv(env_file, outside)
    variables = {**beside, **outside}
    if variables.get("COMPOSE_FILE"):
        inside = "COMPOSE_FILE" not in outside
        separator = variables.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
        names = tuple(filter(None, variables["COMPOSE_FILE"].split(separator)))
        if inside:
            return listed_files(Listing(str(env_file), env_file.parent, names, separator), (env_file,), outside)
        return listed_files(Listing("the environment", root, names, separator), (), outside)
    if home is None:
        return None
    override = next((name for name in OVERRIDE_NAMES if (home / name).is_file()), NEW_OVERRIDE)
    found = (env_file,) if env_file.is_file() else ()
    return ComposeFiles(home, (home / _base_names(home)[0],), home / override, found, variables)


def _base_names(folder: Path) -> list[str]:
    return [name for name in BASE_NAMES if (folder / name).is_file()]


def listed_files(listing: Listing, env_files: tuple[Path, ...], outside: Mapping[str, str]) -> ComposeFiles:
    """A project whose files are listed; the first one's folder is its directory."""
    files = [Path(os.path.normpath(listing.start / name)) for name in listing.names]
    directory = files[0].parent
    known = [file for file in files[1:] if file.name in (SIBLING, *OVERRIDE_NAMES)]
    override = next((file for file in known if file.name == SIBLING), known[-1] if known else directory / SIBLING)
    env_files = tuple(dict.fromkeys(file for file in (*env_files, directory / ".env") if file.is_file()))
    variables: dict[str, str] = {}
    for env_file in reversed(env_files):
        variables.update(read_dotenv(env_file, outside))
    return ComposeFiles(
        directory,
        tuple(file for file in files if file != override),
        override,
        env_files,
        {**variables, **outside},
        replace(listing, names_override=override in files),
        tuple(files[files.index(override) + 1 :]) if override in files else (),
    )


_ASSIGNMENT = re.compile(r"\s*(?:export\s+)?(?P<name>[A-Za-z_][A-Za-z0-9_.-]*)\s*[=:]\s*(?P<value>.*)", re.DOTALL)
_QUOTED = re.compile(r"'(?P<single>[^']*)'|\"(?P<double>(?:[^\"\\]|\\.)*)\"", re.DOTALL)
_ESCAPES = {"n": "\n", "r": "\r", "t": "\t"}


def read_dotenv(file: Path, environment: Mapping[str, str]) -> dict[str, str]:
    """The variables of a .env file, empty without one. Raises UsageError when it cannot be read."""
    try:
        text = file.read_text("utf-8-sig")
    except (FileNotFoundError, NotADirectoryError, IsADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}.") from error
    return parse_dotenv(text, environment)


def parse_dotenv(text: str, environment: Mapping[str, str]) -> dict[str, str]:
    """`NAME=value` lines; later values may use earlier ones and `environment`. Quotes may span lines."""
    found: dict[str, str] = {}
    lines = text.splitlines(keepends=True)
    position = 0
    while position < len(lines):
        line = lines[position]
        position += 1
        match = None if line.lstrip().startswith("#") else _ASSIGNMENT.fullmatch(line)
        if match is None:
            continue
        value = match["value"]
        while value[:1] in ("'", '"') and not _QUOTED.match(value) and position < len(lines):
            value += lines[position]
            position += 1
        found[match["name"]] = _dotenv_value(value, {**found, **environment})
    return found


def _dotenv_value(value: str, variables: Mapping[str, str]) -> str:
    quoted = _QUOTED.match(value)
    if quoted and quoted["single"] is not None:
        return quoted["single"]
    text = quoted["double"] if quoted else re.split(r"(?:^|\s)#", value, maxsplit=1)[0].strip()
    try:
        text = interpolate(text, variables)
    except Unresolved:
        return ""
    return re.sub(r"\\(.)", lambda match: _ESCAPES.get(match[1], match[1]), text) if quoted else text
