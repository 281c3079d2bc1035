"""What the project configures: `[tool.vendorws]` of its pyproject.toml, found from any sub-folder.

The project is the nearest folder upwards that says so: by a `[tool.vendorws]` table, by checkouts of ours in vendor/,
or by a Compose file beside its requirements.txt. A folder with nothing but a requirements.txt (that of docs/, say) is
the project only where no such folder is around it in the same git repository.

Options of the command line win over environment variables (typer reads `VENDORWS_…`), both win over the file.
"""

from __future__ import annotations

import difflib
import re
import sys
from collections.abc import Mapping
from dataclasses import field
from functools import cached_property
from pathlib import Path
from typing import Any

from vendorws.errors import UsageError
from vendorws.files import read_regular
from vendorws.model import LOCK_FILE, VENDOR
from vendorws.values import dataclass

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

DEFAULT_REQUIREMENTS = "requirements.txt"
DEFAULT_TIMEOUT = 1800.0
COMPOSE_NAMES = ("compose.yaml", "compose.yml", "docker-compose.yml", "docker-compose.yaml")
"""The names under which Compose looks for its file, in this order."""


@dataclass(frozen=True)
class Settings:
    """One project's settings, checked.

    `root` is absolute. `requirements` are the files to read, absolute; `own_requirements` those of the project, where
    others were named. `python_version` ("3.12") and `platform`
    ("linux") describe the container, for environment markers. `service_src` maps a Compose service to the absolute
    path where its image keeps pip's `--src` checkouts. `jobs` is None for the measured default, `timeout` is in
    seconds for one repository. `cache` is the folder of the mirrors that clones borrow from (absolute), `filter` what
    clones leave on the remote until it is needed. Where `trust_tags` is set, `sync` does not ask whether a tag moved.
    """

    root: Path
    requirements: tuple[Path, ...]
    python_version: str
    platform: str
    service_src: Mapping[str, str] = field(default_factory=dict)
    jobs: int | None = None
    timeout: float = DEFAULT_TIMEOUT
    cache: Path | None = None
    filter: str | None = None
    own_requirements: tuple[Path, ...] = ()
    trust_tags: bool = False

    @cached_property
    def vendor(self) -> Path:
        """The folder of the checkouts on this machine."""
        return self.root / VENDOR


def find_root(start: Path) -> Path | None:
    """The project that `start` lies in, or None; the rule is told above.

    A checkout below `vendor/` (which may well have all of that itself) belongs to the project around it.
    """
    root, is_certain = None, False
    for folder in (start, *start.parents):
        inside_vendor = root is not None and folder / VENDOR in root.parents
        says_so = _says_so(folder)
        if inside_vendor or root is None or (says_so and not is_certain):
            root, is_certain = (folder, says_so) if says_so or _has_requirements(folder) else (root, is_certain)
        is_certain = is_certain or (root is not None and (folder / ".git").exists())
    return root


def read_settings(start: Path, *, project: Path | None = None, requirements: tuple[Path, ...] = ()) -> Settings:
    """The settings of the project around `start` (absolute), or of `project` where that is given.

    `requirements` (relative to `start`) replaces what the file says. Raises UsageError.
    """
    if project is not None:
        root = (start / project).resolve()
        if not root.is_dir():
            raise UsageError(f"{project} is not a folder.", "Name the project's folder with --project.")
    else:
        root = find_root(start.resolve()) or start.resolve()
    table = _read_table(root / "pyproject.toml")
    _refuse_unknown_keys(table)
    own = tuple(root / file for file in _strings(table, "requirements", (DEFAULT_REQUIREMENTS,)))
    if not own:
        raise UsageError("[tool.vendorws] requirements is empty.", 'Write requirements = ["requirements.txt"].')
    return Settings(
        root=root,
        requirements=tuple(start / file for file in requirements) or own,
        python_version=_string(table, "python-version", f"{sys.version_info.major}.{sys.version_info.minor}"),
        platform=_string(table, "platform", "linux"),
        service_src=_service_src(table),
        jobs=_jobs(table),
        timeout=_positive_number(table, "timeout", DEFAULT_TIMEOUT),
        cache=_folder(table, "cache", root),
        filter=_filter(table),
        trust_tags=_flag(table, "trust-tags"),
        own_requirements=own if requirements else (),
    )


_KEYS = ("requirements", "python-version", "platform", "services", "jobs", "timeout", "cache", "filter", "trust-tags")


def _has_requirements(folder: Path) -> bool:
    return (folder / DEFAULT_REQUIREMENTS).is_file()


def _says_so(folder: Path) -> bool:
    """Whether a folder shows by itself that it is a project of ours."""
    if (folder / VENDOR / LOCK_FILE).is_file():
        return True
    if _has_requirements(folder) and any((folder / name).is_file() for name in COMPOSE_NAMES):
        return True
    pyproject = folder / "pyproject.toml"
    return pyproject.is_file() and bool(_read_table(pyproject))


def _read_table(file: Path) -> dict[str, Any]:
    try:
        text = read_regular(file).decode("utf-8")
    except (FileNotFoundError, NotADirectoryError):
        return {}
    except (OSError, UnicodeDecodeError) as error:
        raise UsageError(f"{file} cannot be read: {error}.") from error
    if "vendorws" not in text:
        return {}
    try:
        tool = tomllib.loads(text).get("tool", {})
    except tomllib.TOMLDecodeError as error:
        raise UsageError(f"{file} is not valid TOML: {error}.", "Mend that line and run the command again.") from error
    table = tool.get("vendorws", {}) if isinstance(tool, dict) else tool
    if not isinstance(table, dict):
        raise UsageError(f"{file}: tool.vendorws is not a table.", "Write it as [tool.vendorws].")
    return table


def _refuse_unknown_keys(table: Mapping[str, object]) -> None:
    for key in table:
        if key not in _KEYS:
            close = difflib.get_close_matches(key, _KEYS, n=1)
            hint = f"Did you mean {close[0]!r}?" if close else f"It knows {', '.join(_KEYS)}."
            raise UsageError(f"[tool.vendorws] has no setting {key!r}.", hint)


def _string(table: Mapping[str, object], key: str, default: str) -> str:
    value = table.get(key, default)
    if not isinstance(value, str) or not value:
        raise UsageError(f"[tool.vendorws] {key} must be a text in quotes.", f'For example {key} = "{default}".')
    return value


def _strings(table: Mapping[str, object], key: str, default: tuple[str, ...]) -> tuple[str, ...]:
    value = table.get(key, list(default))
    if not isinstance(value, list) or not all(isinstance(item, str) and item for item in value):
        raise UsageError(f"[tool.vendorws] {key} must be a list of texts.", f"For example {key} = {list(default)}.")
    return tuple(value)


def _folder(table: Mapping[str, object], key: str, root: Path) -> Path | None:
    if key not in table:
        return None
    text = _string(table, key, "~/.cache/vendorws")
    return checked_folder(root, Path(text), name=f"[tool.vendorws] {key}")


def checked_folder(start: Path, folder: Path, *, name: str) -> Path:
    """A folder, relative to `start`, that is there or can be made; `name` is where it is named. Raises UsageError."""
    try:
        path = start / folder.expanduser()
    except RuntimeError as error:
        raise UsageError(f"{name}: there is no home folder for {str(folder)!r}.") from error
    if path.exists() and not path.is_dir():
        raise UsageError(f"{name}: {folder} is not a folder.", "Name one that is there, or that can be made.")
    return path


def _filter(table: Mapping[str, object]) -> str | None:
    if "filter" not in table:
        return None
    return checked_filter(_string(table, "filter", "blob:none"), name="[tool.vendorws] filter")


def checked_filter(spec: str, *, name: str = "--filter") -> str:
    """What a clone may leave on the remote, in git's words; `name` is where it says so. Raises UsageError."""
    if not re.fullmatch(r"blob:none|blob:limit=\d+[kmg]?|tree:0", spec):
        raise UsageError(f"{name} cannot be {spec!r}.", "Write blob:none, blob:limit=1m or tree:0.")
    return spec


def _flag(table: Mapping[str, object], key: str) -> bool:
    value = table.get(key, False)
    if not isinstance(value, bool):
        raise UsageError(f"[tool.vendorws] {key} must be true or false.", f"For example {key} = true.")
    return value


def _jobs(table: Mapping[str, object]) -> int | None:
    value = table.get("jobs")
    if value is not None and (not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= 64):
        raise UsageError("[tool.vendorws] jobs must be a whole number from 1 to 64.", "For example jobs = 8.")
    return value


def _positive_number(table: Mapping[str, object], key: str, default: float) -> float:
    value = table.get(key, default)
    if not isinstance(value, int | float) or isinstance(value, bool) or not value > 0:
        raise UsageError(f"[tool.vendorws] {key} must be a number of seconds above 0.", f"For example {key} = 600.")
    return float(value)


def _service_src(table: Mapping[str, object]) -> dict[str, str]:
    services = table.get("services", {})
    if not isinstance(services, dict):
        raise UsageError("[tool.vendorws] services is not a table.", 'Write [tool.vendorws.services.app] src = "…".')
    found = {}
    for service, options in services.items():
        src = options.get("src") if isinstance(options, dict) else None
        if not isinstance(src, str) or not src.startswith("/") or set(options) != {"src"}:
            raise UsageError(
                f"[tool.vendorws.services.{service}] takes one setting: src, an absolute path in the image.",
                'For example src = "/site/vendor".',
            )
        found[str(service)] = src
    return found
