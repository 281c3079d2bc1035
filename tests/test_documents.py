"""What `--json` prints is for programs: no screen has a say in it."""

from __future__ import annotations

import json
import sys
from contextlib import suppress
from pathlib import Path

import pytest

from tests.support.command import COMMAND
from tests.support.project import Project
from tests.support.terminal import on_terminal
from vendorws.documents import SCHEMA_VERSION, print_document

DOCUMENT = {"schema_version": SCHEMA_VERSION, "names": ["[bold]é[/]", ":smile:", "long " * 40 + "\t\x1b[31m\udce9"]}


def test_it_is_plain_text_that_any_encoding_has(capsys: pytest.CaptureFixture[str]) -> None:
    print_document(DOCUMENT)
    printed = capsys.readouterr().out
    assert json.loads(printed) == DOCUMENT
    assert printed == json.dumps(DOCUMENT, indent=2) + "\n" and printed.isascii() and "\x1b" not in printed


def test_an_output_that_takes_nothing_is_known_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """And not when all else is done, which would then be blamed on something else."""
    with suppress(OSError), Path("/dev/full").open("w") as full:  # to close it fails as well
        monkeypatch.setattr(sys, "stdout", full)
        with pytest.raises(OSError, match="No space left on device"):
            print_document({})


@pytest.mark.parametrize("verb", ["list", "status", "sync", "override", "keyless"])
def test_it_is_the_same_on_a_small_screen_in_colours(project: Project, verb: str) -> None:
    project.require("django")
    color = ("--color", "always") if verb not in ("override", "keyless") else ()
    command = [*COMMAND, verb, "--json", *color]
    said = on_terminal(command, cwd=project.root, env={"FORCE_COLOR": "1"}, columns=20).raw.replace("\r\n", "\n")
    document = said[said.index("{") : said.rindex("}") + 1]
    assert document == json.dumps(json.loads(document), indent=2)
    assert json.loads(document)["schema_version"] == SCHEMA_VERSION
