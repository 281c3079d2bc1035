"""Reads dockerfiles.txt: Dockerfiles, and what is known of the images they build."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_HEAD = re.compile(r"=== (?P<name>.+?) (?P<verdict>->|\?|-)(?: (?P<answer>.*?)(?: \[(?P<options>.*)\])?)?")


@dataclass(frozen=True, slots=True)
class Case:
    """`verdict` is `->` (then `answer` is the folder), `?` (then it is a part of the reason) or `-`."""

    name: str
    verdict: str
    answer: str
    args: Mapping[str, str]
    target: str | None
    text: str


def _read() -> tuple[Case, ...]:
    file = Path(__file__).with_suffix(".txt")
    _intro, *sections = re.split(r"^(?==== )", file.read_text("utf-8"), flags=re.MULTILINE)
    return tuple(_case(*section.split("\n", 1)) for section in sections)


def _case(head: str, text: str) -> Case:
    match = _HEAD.fullmatch(head)
    assert match, head
    options = dict(option.split("=", 1) for option in (match["options"] or "").split())
    target = options.pop("--target", None)
    return Case(match["name"], match["verdict"], match["answer"] or "", options, target, text)


CASES = _read()
PLACED = tuple(case for case in CASES if case.verdict == "->")
UNCLEAR = tuple(case for case in CASES if case.verdict == "?")
NOTHING = tuple(case for case in CASES if case.verdict == "-")
ARTICLE = next(case for case in CASES if case.name == "article")
