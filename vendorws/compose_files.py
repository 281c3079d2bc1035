"""Which files Compose would read in a project, and the variables that it would fill into them.

The order of names and folders follows compose-go's `WithDefaultConfigPath`, the .env rules its `dotenv` package.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from vendorws.errors import UsageError
from vendorws.shell import Unresolved, interpolate

BASE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
OVERRIDE_NAMES = (
    "compose.override.yml",
    "compose.override.yaml",
    "docker-compose.override.yml",
    "docker-compose.override.yaml",
)
OUR_OVERRIDE = "docker-compose.override.yml"


@dataclass(frozen=True, slots=True)
class ComposeFiles:
    """The project as Compose would load it without `-f`.

    `directory` is where relative paths start; `base` are the files to read in merge order, without the override.
    `override` is the file for local additions: the one that Compose would read by itself, or where `listed_in` is
    set, the one to list there. `listed_in` says where COMPOSE_FILE is set ("the environment", a .env file), `listed`
    whether it names `override`. `variables` are what `${…}` in the files means.
    """

    directory: Path
    base: tuple[Path, ...]
    override: Path
    variables: Mapping[str, str]
    listed_in: str | None = None
    listed: bool = False


def find_compose_files(root: Path, environment: Mapping[str, str] | None = None) -> ComposeFiles | None:
    """The Compose files that `docker compose` uses in `root`, there or in a folder above; None without any."""
    outside = os.environ if environment is None else environment
    around = {**read_dotenv(root / ".env", outside), **outside}
    if around.get("COMPOSE_FILE"):
        place = "the environment" if outside.get("COMPOSE_FILE") else str(root / ".env")
        return _listed_files(root, around, place)
    for folder in (root, *root.parents):
        names = [name for name in BASE_NAMES if (folder / name).is_file()]
        if names:
            variables = {**read_dotenv(folder / ".env", outside), **outside}
            return ComposeFiles(folder, (folder / names[0],), _override_in(folder), variables)
    return None


def _override_in(folder: Path) -> Path:
    """The override that Compose reads in `folder`: the first name that exists, else the one for us to make."""
    return folder / next((name for name in OVERRIDE_NAMES if (folder / name).is_file()), OUR_OVERRIDE)


def _listed_files(root: Path, variables: Mapping[str, str], place: str) -> ComposeFiles:
    separator = variables.get("COMPOSE_PATH_SEPARATOR") or os.pathsep
    files = [Path(os.path.normpath(root / name)) for name in variables["COMPOSE_FILE"].split(separator) if name]
    overrides = [file for file in files[1:] if file.name in OVERRIDE_NAMES]
    directory = files[0].parent
    override = overrides[-1] if overrides else _override_in(directory)
    base = tuple(file for file in files if file != override)
    return ComposeFiles(directory, base, override, variables, place, listed=override in files)


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
