"""BuildKit, a real shell and pip's own option parser judge what vendorws reads off a Dockerfile.

The base image's Python runs pip's parser as ever; only where pip would start to install, it leaves a mark in the folder
that it would have used for checkouts. Where the mark is found in the final image is the truth.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.support.docker import Docker
from tests.support.dockerfiles import PLACED, Case

_JUDGE = "vendorws-judge:3.11"
_MARKING_PIP = """\
import os, sys
if "install" in sys.orig_argv and "--help" not in sys.orig_argv and any("pip" in word for word in sys.orig_argv):
    from pip._internal.commands.install import InstallCommand
    options, _ = InstallCommand("install", "").parse_args(sys.orig_argv[sys.orig_argv.index("install") + 1 :])
    if (options.requirements or options.editables) and not options.dry_run:
        os.makedirs(os.path.abspath(options.src_dir), exist_ok=True)
        open(os.path.join(options.src_dir, ".mark"), "w").close()
        os._exit(0)
"""


@pytest.fixture
def judge(engine: Docker, tmp_path: Path) -> Docker:
    """The engine, with the base image of the marking pip."""
    folder = tmp_path / "judge"
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(_MARKING_PIP)
    (folder / "Dockerfile").write_text("FROM python:3.11\nCOPY sitecustomize.py /usr/lib/python3.11/sitecustomize.py\n")
    engine.ok("build", "--quiet", "--tag", _JUDGE, folder)
    return engine


def _knows_heredocs(engine: Docker) -> bool:
    version = engine.ok("version", "--format", "{{.Server.Version}}")
    return int(version.partition(".")[0]) >= 23


def _with_search(case: Case) -> str:
    """The Dockerfile, with a last stage that holds nothing but the list of marks in the image."""
    search = "RUN find / -xdev -name .mark >/marks"
    begin = f"FROM {case.target}\n{search}" if case.target else search
    text = f"{case.text.rstrip()}\n{begin}\n".replace("python:", "vendorws-judge:")
    stages = len(re.findall(r"^from ", text, re.IGNORECASE | re.MULTILINE))
    return f"{text}FROM scratch\nCOPY --from={stages - 1} /marks /\n"


@pytest.mark.parametrize("case", PLACED, ids=lambda case: case.name)
def test_the_image_has_the_folder_there(case: Case, judge: Docker, tmp_path: Path) -> None:
    (tmp_path / "requirements.txt").write_text("")
    (tmp_path / "Dockerfile").write_text(_with_search(case))
    arguments = [f"--build-arg={name}={value}" for name, value in case.args.items()]
    built = judge("build", "--quiet", *arguments, "--output", tmp_path / "out", tmp_path)
    if "<<" in case.text and not _knows_heredocs(judge):
        assert built.exit_code != 0
        return
    assert built.exit_code == 0, built
    found = (tmp_path / "out" / "marks").read_text().splitlines()
    assert {str(Path(line).parent) for line in found} == {case.answer}
