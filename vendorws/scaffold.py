"""What a project lacks to be built and run with its private packages, and how that looks.

    what is there (Found) + what is wanted (Wishes) -> Plan: files to write, and remarks

A file that is there is never written, but for lines that are added at the end of .gitignore, .dockerignore and
pyproject.toml; every byte before them stays. The texts are in `vendorws/templates`.
"""

from __future__ import annotations

import difflib
import json
import os
import posixpath
import re
import shlex
import sys
from collections.abc import Iterator, Mapping, Sequence
from enum import Enum
from importlib import resources
from pathlib import Path

from vendorws.compose.build_needs import Written, WrittenBuild, lacking, read_written
from vendorws.compose.files import BASE_NAMES, NEW_OVERRIDE
from vendorws.dockerfiles.dockerignore import hiding_line
from vendorws.errors import UsageError
from vendorws.files import write_atomically, writing
from vendorws.keyless.config import CONFIG, MOUNT
from vendorws.model import VENDOR
from vendorws.requirement_files.lines import read_lines
from vendorws.settings import DEFAULT_REQUIREMENTS, Settings
from vendorws.values import dataclass

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib


class Access(str, Enum):
    """How the build gets at the private repositories; the values are the options of `vendorws init`."""

    SSH = "ssh"
    KEYLESS = "keyless"
    BUILD_ARG = "build-arg"


@dataclass(frozen=True, slots=True)
class Wishes:
    """What to lay out. `python` is the image's version ("3.12"), `service` the name in the Compose file."""

    access: Access
    python: str
    service: str


@dataclass(frozen=True, slots=True)
class Found:
    """What is there. `files` has the content of each file that may be written, None for one that is missing.

    `requirements` are the files given to pip and `included` all that those read, relative to the project with `/`.
    `is_django` says whether there is a manage.py. `written` is what the Compose file has that may lack something.
    """

    files: Mapping[str, bytes | None]
    requirements: tuple[str, ...]
    included: tuple[str, ...]
    is_django: bool
    written: Written = Written()


@dataclass(frozen=True, slots=True)
class Change:
    """One file to write; `old` is None for a new one."""

    path: str
    old: bytes | None
    new: bytes


@dataclass(frozen=True, slots=True)
class Plan:
    """What to write, and what to tell: sentences, and below one the lines that are there to be pasted."""

    changes: tuple[Change, ...]
    remarks: tuple[str, ...]


NAMES = (".gitignore", ".dockerignore", "Dockerfile", "pyproject.toml", "requirements.txt", *BASE_NAMES)
"""The files that `plan` has to know about."""


def check(wishes: Wishes) -> None:
    """Raise UsageError for a version or a name that no image and no service can have."""
    if not re.fullmatch(r"3\.\d{1,2}", wishes.python):
        raise UsageError(f"{wishes.python!r} is no Python version.", "Write it like --python 3.12.")
    if not re.fullmatch(r"[A-Za-z0-9][A-Za-z0-9._-]*", wishes.service):
        raise UsageError(f"{wishes.service!r} is no name for a service.", "Use letters, digits, `_`, `-` and `.`.")


def plan(found: Found, wishes: Wishes) -> Plan:
    """What is missing, as it should be. Raises UsageError where pyproject.toml cannot take a table."""
    wanted = {
        "requirements.txt": _missing(found, "requirements.txt", _requirements(found)),
        "pyproject.toml": _pyproject(found, wishes),
        "Dockerfile": _missing(found, "Dockerfile", _dockerfile(found, wishes)),
        "docker-compose.yml": None if _compose_file(found) else _compose(found, wishes).encode(),
        ".dockerignore": _with_lines(found, ".dockerignore", _dockerignore_lines(found, wishes)),
        ".gitignore": _with_lines(found, ".gitignore", (NEW_OVERRIDE, f"/{VENDOR}/")),
    }
    changes = (Change(path, found.files[path], new) for path, new in wanted.items() if new)
    return Plan(tuple(change for change in changes if change.new != change.old), tuple(_remarks(found, wishes)))


def diff(change: Change) -> str:
    """The change as a unified diff."""
    old, new = (_lines(content) for content in (change.old or b"", change.new))
    before = change.path if change.old is not None else "/dev/null"
    return "".join(_marked(difflib.unified_diff(old, new, before, change.path)))


def carry_out(root: Path, changes: Sequence[Change]) -> None:
    """Write every file. Raises EnvironmentProblem; what was written before stays."""
    for change in changes:
        path = root / change.path
        with writing(path):
            path.parent.mkdir(exist_ok=True)
            write_atomically(path, change.new)


def look(settings: Settings) -> Found:
    """What is in the project. Raises UsageError for a folder where a file belongs, and for a file nobody may read."""
    root = settings.root
    given = tuple(_relative(file, root) for file in settings.requirements)
    lines = read_lines(settings.requirements, root, os.environ)
    included = dict.fromkeys((*given, *(line.place.file for line in lines)))
    files = {name: _content(root / name) for name in NAMES}
    compose = next((content for name in BASE_NAMES if (content := files[name]) is not None), b"")
    return Found(
        files=files,
        requirements=given,
        included=tuple(file for file in included if (root / file).is_file() or file == DEFAULT_REQUIREMENTS),
        is_django=(root / "manage.py").is_file(),
        written=read_written(root, compose),
    )


def next_steps(wishes: Wishes) -> tuple[str, ...]:
    """What to type now, in this order."""
    keys = {"ssh_prv_key": "~/.ssh/id_rsa", "ssh_known_hosts": "~/.ssh/known_hosts"}
    exports = tuple(f'export {name}="$(cat {file})"' for name, file in keys.items())
    before = exports if wishes.access is Access.BUILD_ARG else ()
    return ("vendorws sync", *before, "docker compose up --build --detach")


def _relative(file: Path, root: Path) -> str:
    return Path(os.path.relpath(file, root)).as_posix()


def _content(file: Path) -> bytes | None:
    try:
        return file.read_bytes()
    except FileNotFoundError:
        return None
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}.") from error


# ---- the files ----------------------------------------------------------------------------------------------------


def _missing(found: Found, path: str, text: str) -> bytes | None:
    content = found.files[path]
    return text.encode() if content is None else content


def _requirements(found: Found) -> str:
    return _template("requirements.txt") if DEFAULT_REQUIREMENTS in found.requirements else ""


def _dockerfile(found: Found, wishes: Wishes) -> str:
    keyless = wishes.access is Access.KEYLESS
    values = {
        "option": f"--{wishes.access.value}",
        "python": wishes.python,
        "copy_requirements": "\n".join(_copies([file for file in found.included if not file.startswith("../")])),
        "install": _template(f"install.{wishes.access.value}"),
        "project_stage": f"{_template('project.keyless')}\n" if keyless else "",
        "copy_project": "COPY --from=project /proj/ proj/" if keyless else "COPY . proj/",
        "command": _DJANGO if found.is_django else 'CMD ["python"]',
        "requirements": " ".join(f"-r {shlex.quote(file)}" for file in found.requirements),
        "mount": MOUNT,
        "git_config": CONFIG,
    }
    return _filled(_template("Dockerfile"), values)


_DJANGO = 'EXPOSE 8000\nCMD ["python", "-u", "manage.py", "runserver", "0.0.0.0:8000"]'


def _copies(files: Sequence[str]) -> Iterator[str]:
    """A COPY for each folder with requirements files, to the same place below the working directory."""
    by_folder: dict[str, list[str]] = {}
    for file in files:
        by_folder.setdefault(posixpath.dirname(file), []).append(file)
    for folder, names in by_folder.items():
        words = [*names, f"./{folder}/" if folder else "./"]
        yield f"COPY {json.dumps(words) if any(' ' in word for word in words) else ' '.join(words)}"


def _compose(found: Found, wishes: Wishes) -> str:
    values = {
        "option": f"--{wishes.access.value}",
        "service": wishes.service,
        "build": _template(f"build.{wishes.access.value}"),
        "run": _template("run.django" if found.is_django else "run.any"),
        "secrets": _secrets(wishes),
    }
    return _filled(_template("docker-compose.yml"), values)


def _secrets(wishes: Wishes) -> str:
    return _template("secrets.ssh") if wishes.access is Access.SSH else ""


def _compose_file(found: Found) -> str | None:
    return next((name for name in BASE_NAMES if found.files[name] is not None), None)


_TAKES_VENDOR = re.compile(
    rb"^\s*(?:COPY|ADD)\s(?!.*--from=).*\b%b\b|source=(?:\./)?%b\b" % ((VENDOR.encode(),) * 2), re.M
)


def _dockerignore_lines(found: Found, wishes: Wishes) -> tuple[str, ...]:
    """What no build needs. Without a key it needs the checkouts, and so may the Dockerfile that is there."""
    lines = (".git", ".env", ".venv/", "**/__pycache__")
    needed = wishes.access is Access.KEYLESS or _TAKES_VENDOR.search(found.files["Dockerfile"] or b"")
    return lines if needed else (*lines, f"{VENDOR}/")


def _with_lines(found: Found, path: str, lines: Sequence[str]) -> bytes:
    """The file with those of `lines` added at its end that it does not have, in its own line ends."""
    content = found.files[path] or b""
    there = {_pattern(line) for line in content.decode("utf-8", "replace").splitlines()}
    return _appended(content, "".join(f"{line}\n" for line in lines if _pattern(line) not in there))


def _pattern(line: str) -> str:
    """What a line of an ignore file is about: `/vendor/`, `vendor/*` and `**/vendor` are all vendor here."""
    return line.strip().removeprefix("**/").strip("/").removesuffix("/*").removesuffix("/**")


def _pyproject(found: Found, wishes: Wishes) -> bytes:
    content = found.files["pyproject.toml"] or b""
    before = tomllib.loads(content.decode("utf-8"))
    if "vendorws" in before.get("tool", {}):
        return content
    files = json.dumps(list(found.requirements))
    table = f'[tool.vendorws]\nrequirements = {files}\npython-version = "{wishes.python}"\n'
    new = _appended(content, ("\n" if content.strip() else "") + table)
    try:
        tomllib.loads(new.decode("utf-8"))
    except tomllib.TOMLDecodeError as error:
        raise UsageError(
            f"pyproject.toml cannot take a table at its end ({error}).", f"Write it in yourself: {table.splitlines()}"
        ) from error
    return new


def _appended(content: bytes, text: str) -> bytes:
    """`content`, every byte of it, and `text` after it in the same line ends."""
    if not text:
        return content
    end = "\r\n" if b"\r\n" in content else "\n"
    gap = "" if not content or content.endswith((b"\n", b"\r")) else end
    return content + (gap + text.replace("\n", end)).encode()


# ---- what to tell -------------------------------------------------------------------------------------------------


def _remarks(found: Found, wishes: Wishes) -> Iterator[str]:
    """About files that stay as they are though they are not what we would write, and about what will not work."""
    dockerfile = found.files["Dockerfile"]
    if dockerfile not in (None, _dockerfile(found, wishes).encode()):
        lacks = wishes.access is Access.KEYLESS and f"{MOUNT}/{CONFIG}".encode() not in (dockerfile or b"")
        yield f"Dockerfile is there and stays as it is{_PRINTED if lacks else ''}."
    compose = _compose_file(found)
    if compose is not None and found.files[compose] != _compose(found, wishes).encode():
        first, *others = _needs(found, wishes) or [""]
        yield f"{compose} is there and stays as it is. {first}".rstrip()
        yield from others
    for file in found.included:
        if file.startswith("../"):
            yield f"{file} is outside of the project, where no build can copy it from; the Dockerfile leaves it out."
    ignored = (found.files[".dockerignore"] or b"").decode("utf-8", "replace")
    hidden = hiding_line(ignored, f"{VENDOR}/{CONFIG}")
    if wishes.access is Access.KEYLESS and hidden is not None:
        yield f".dockerignore, line {hidden}, hides {VENDOR}/ from the build; take that line out."


def _needs(found: Found, wishes: Wishes) -> list[str]:
    """What the builds in the Compose file lack, and below it the lines; builds that lack the same are told at once."""
    dockerfile = found.files["Dockerfile"]
    unknown = WrittenBuild("", dockerfile=None if dockerfile is None else dockerfile.decode("utf-8", "replace"))
    alike: dict[str, list[str]] = {}
    for build in found.written.builds or (unknown,):
        lines = _lacking(build, found.written, wishes)
        if lines:
            alike.setdefault(lines, []).append(build.service)
    whose = {lines: f"the build of {' and of '.join(names)}" for lines, names in alike.items() if names != [""]}
    return [f"With --{wishes.access.value} {whose.get(lines, _SOME)} needs this:\n{lines.rstrip()}" for lines in alike]


_SOME = "its service's build"


def _lacking(build: WrittenBuild, written: Written, wishes: Wishes) -> str:
    below = lacking(_template(f"build.{wishes.access.value}"), build.keys, build.dockerfile)
    if below and build.short is not None:
        below = f"    build: # instead of build: {build.short}\n      context: {build.short}\n{below}"
    there = {} if written.secrets is None else {"secrets": written.secrets}
    return below + lacking(_secrets(wishes), there, build.dockerfile)


_PRINTED = "; `vendorws keyless` prints the line that it needs"


# ---- texts --------------------------------------------------------------------------------------------------------


def _template(name: str) -> str:
    return (resources.files("vendorws") / "templates" / name).read_text("utf-8")


def _filled(text: str, values: Mapping[str, str]) -> str:
    """`text` with each `{{name}}` replaced, in the order of `values`."""
    for name, value in values.items():
        text = "".join(_with_value(line, f"{{{{{name}}}}}", value) for line in text.splitlines(keepends=True))
    return text


def _with_value(line: str, place: str, value: str) -> str:
    """A line that is nothing but the place becomes the value's own lines, or goes away with an empty one."""
    if line.strip() != place:
        return line.replace(place, value)
    return value if value.endswith("\n") or not value else f"{value}\n"


def _lines(content: bytes) -> list[str]:
    return content.decode("utf-8", "replace").splitlines(keepends=True)


def _marked(rows: Iterator[str]) -> Iterator[str]:
    for row in rows:
        yield row if row.endswith("\n") else f"{row}\n\\ No newline at end of file\n"
