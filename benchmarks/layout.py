"""Private packages to work on: as many as wanted, the same bytes in every run, made by `git fast-import`."""

from __future__ import annotations

import random
import shutil
import subprocess
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

_COMMITS, _MODULES, _LINES = 30, 16, 60
_FIRST_DATE = 1_700_000_000
_WORDS = ("account", "balance", "cart", "coupon", "customer", "invoice", "item", "ledger", "order", "parcel", "price")
_PYPROJECT = """\
[build-system]
requires = ["setuptools>=64"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "1.0"

[tool.setuptools]
packages = ["{module}"]
"""


@dataclass(frozen=True, slots=True)
class Package:
    """One private package: a bare repository with the branch main, whose tip is `head`, and some tags."""

    name: str
    bare: Path
    head: str


def lay_out(folder: Path, count: int) -> tuple[Package, ...]:
    """The first `count` packages below `folder`; those that are there from an earlier run are taken as they are."""
    with ThreadPoolExecutor(4) as executor:
        return tuple(executor.map(lambda number: _package(folder, number), range(1, count + 1)))


def _package(folder: Path, number: int) -> Package:
    name = f"part-{number:04d}"
    bare = folder / f"{name}.git"
    if not (bare / "complete").exists():
        shutil.rmtree(bare, ignore_errors=True)
        _git("init", "--quiet", "--bare", "--initial-branch=main", "--template=", str(bare))
        _git("--git-dir", str(bare), "fast-import", "--quiet", stdin=_history(name, random.Random(number)))
        _git("--git-dir", str(bare), "repack", "--quiet", "-a", "-d")
        _git("--git-dir", str(bare), "pack-refs", "--all")
        (bare / "complete").touch()
    return Package(name, bare, _git("--git-dir", str(bare), "rev-parse", "refs/heads/main").strip())


def _git(*arguments: str, stdin: bytes = b"") -> str:
    return subprocess.run(["git", *arguments], input=stdin, capture_output=True, check=True).stdout.decode()


def _history(name: str, dice: random.Random) -> bytes:
    """A stream for fast-import: a package that grows for 30 commits, a tag after each tenth, a second branch."""
    module = name.replace("-", "_")
    stream = []
    for number in range(1, _COMMITS + 1):
        files = {f"{module}/part_{dice.randrange(_MODULES)}.py": _source(dice) for _ in range(2)}
        if number == 1:
            files = {f"{module}/part_{index}.py": _source(dice) for index in range(_MODULES)}
            files |= {"pyproject.toml": _PYPROJECT.format(name=name, module=module), f"{module}/__init__.py": ""}
        stream.append(_commit("main", number, files))
        if number % 10 == 0:
            stream.append(f"reset refs/tags/v1.{number // 10}\nfrom refs/heads/main\n\n".encode())
    stream.append(b"reset refs/heads/develop\nfrom refs/heads/main\n\n")
    stream.append(_commit("develop", _COMMITS + 1, {f"{module}/next.py": _source(dice)}))
    return b"".join(stream)


def _commit(branch: str, number: int, files: dict[str, str]) -> bytes:
    when = f"{_FIRST_DATE + 3600 * number} +0000"
    head = f"commit refs/heads/{branch}\ncommitter Upstream <upstream@acme.example> {when}\n".encode()
    body = [head, _data(f"Change {number}\n")]
    for path, text in files.items():
        body += [f"M 100644 inline {path}\n".encode(), _data(text)]
    return b"".join([*body, b"\n"])


def _data(text: str) -> bytes:
    content = text.encode()
    return b"data %d\n%s\n" % (len(content), content)


def _source(dice: random.Random) -> str:
    return "".join(
        f"def {dice.choice(_WORDS)}_{dice.choice(_WORDS)}_{line}({dice.choice(_WORDS)}): return {dice.random()!r}\n"
        for line in range(_LINES)
    )
