"""Reads compose_projects.txt: Compose projects, each as its files by path."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path


def _read() -> dict[str, dict[str, str]]:
    text = Path(__file__).with_suffix(".txt").read_text("utf-8")
    _intro, *sections = re.split(r"^=== (.*)\n", text, flags=re.MULTILINE)
    return dict(zip(sections[::2], map(_files, sections[1::2]), strict=True))


def _files(section: str) -> dict[str, str]:
    _nothing, *parts = re.split(r"^--- (.*)\n", section, flags=re.MULTILINE)
    return dict(zip(parts[::2], (part.strip("\n") + "\n" for part in parts[1::2]), strict=True))


_READ = _read()
DOCKERFILE = _READ["article"]["Dockerfile"]
PROJECTS: Mapping[str, Mapping[str, str]] = {
    name: {"Dockerfile": DOCKERFILE, **{path: text.replace("@@\n", DOCKERFILE) for path, text in files.items()}}
    for name, files in _READ.items()
}
