"""A git config file, read and added to as git does it (git-config(1), CONFIGURATION FILE), without starting git."""

from __future__ import annotations

import re
from pathlib import Path

_SECTION = re.compile(r'\[(?P<name>[A-Za-z0-9.-]+)(?:[ \t]+"(?P<sub>(?:[^"\\\n]|\\.)*)")?\](?:[ \t]*\n)?')
# Nearly all lines, in one piece; what is more complicated is read part by part.
_ENTRY = re.compile(
    r"[ \t]*([A-Za-z][A-Za-z0-9-]*)[ \t]*=[ \t]*"
    r'(?:([^\s"\\#;]+(?: [^\s"\\#;]+)*)|"([^"\\\n]*)")\n'
)
_KEY = re.compile(r"(?P<name>[A-Za-z][A-Za-z0-9-]*)[ \t]*(?P<equals>=)?")
_BLANK = re.compile(r"(?:[ \t\r\n]|[#;][^\n]*)+")
_ESCAPES = {"n": "\n", "t": "\t", "b": "\b", "\\": "\\", '"': '"', "\n": "", "": ""}


def parse_config(text: str) -> dict[str, list[str]]:
    """Every value by its full name, `remote.origin.url` as `git config --list` has it; the last of several counts.

    A name without `=` has the value "true". Includes are not followed. Raises ValueError, with the line.
    """
    text = text.removeprefix("\ufeff").replace("\r\n", "\n")
    values: dict[str, list[str]] = {}
    section, at = "", 0  # before the first header git takes a name as it stands
    while at < len(text):
        if entry := _ENTRY.match(text, at):
            name, plain, quoted = entry.groups()
            values.setdefault(section + name.lower(), []).append(plain or quoted)
            at = entry.end()
        elif header := _SECTION.match(text, at):
            section, at = f"{_section(header)}.", header.end()
        elif blank := _BLANK.match(text, at):
            at = blank.end()
        elif key := _KEY.match(text, at):
            value, at = _value(text, key.end()) if key["equals"] else (_nothing(text, key.end()), key.end())
            values.setdefault(section + key["name"].lower(), []).append(value)
        else:
            raise _bad_line(text, at)
    return values


def append_config(file: Path, section: str, key: str, value: str) -> None:
    """Add a value to the end of a config file that nobody else has in hand."""
    quoted = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    with file.open("a", encoding="utf-8", errors="surrogateescape") as stream:
        stream.write(f'[{section}]\n\t{key} = "{quoted}"\n')


def _section(header: re.Match[str]) -> str:
    name, sub = header["name"].lower(), header["sub"]
    return name if sub is None else f"{name}.{_plain(sub)}"


def _plain(subsection: str) -> str:
    return re.sub(r"\\(.)", r"\g<1>", subsection)


def _nothing(text: str, at: int) -> str:
    if at < len(text) and text[at] != "\n":
        raise _bad_line(text, at)
    return "true"


def _value(text: str, at: int) -> tuple[str, int]:
    """The value that begins behind a `=`, and where its line ends."""
    value, gap, quoted = "", "", False
    while at < len(text) and text[at] != "\n":
        character = text[at]
        if not quoted and character in " \t\r":
            gap += character if value else ""
        elif not quoted and character in "#;":
            return value, _end_of_line(text, at)
        elif character == '"':
            value, gap, quoted = value + gap, "", not quoted
        elif character == "\\":
            escaped = _ESCAPES.get(text[at + 1 : at + 2])
            if escaped is None:
                raise _bad_line(text, at)
            value, gap, at = value + gap + escaped, "", at + 1
        else:
            value, gap = value + gap + character, ""
        at += 1
    if quoted:
        raise _bad_line(text, at)
    return value, at


def _end_of_line(text: str, at: int) -> int:
    end = text.find("\n", at)
    return len(text) if end < 0 else end


def _bad_line(text: str, at: int) -> ValueError:
    return ValueError(f"bad line {text.count(chr(10), 0, at) + 1}")
