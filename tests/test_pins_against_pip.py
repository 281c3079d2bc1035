"""pip is the judge: what it makes of a requirements file is what vendorws makes of it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pip
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from tests.support import pip_oracle, pip_verdicts
from tests.support.git import git
from tests.support.project import Project, in_any_path
from tests.support.remotes import Remotes
from vendorws.model import Pin, Requirements
from vendorws.requirement_files.lines import Unreadable, decode, logical_lines, read_lines
from vendorws.requirement_files.markers import marker_environment
from vendorws.requirement_files.pins import parse, read_requirements
from vendorws.settings import read_settings

today = pytest.mark.skipif(int(pip.__version__.split(".")[0]) < 26, reason=f"needs pip 26, not {pip.__version__}")
ENVIRONMENT = marker_environment(".".join(map(str, sys.version_info[:3])), sys.platform)


def ours(file: Path, variables: dict[str, str] | None = None) -> Requirements:
    return parse(read_lines([file], file.parent, variables or {}), ENVIRONMENT)


def as_pip_says(pin: Pin) -> pip_oracle.Asked:
    return pip_oracle.Asked(pin.name, pin.url, pin.ref, pin.subdirectory, pin.extras)


# -- single lines -------------------------------------------------------------------------------------------------


def judgements(lines: tuple[str, ...], folder: Path) -> Iterator[tuple[str, Requirements]]:
    for line in lines:
        file = folder / "requirements.txt"
        file.write_bytes(line.encode())
        yield line, ours(file, pip_verdicts.VARIABLES)


def repositories(found: Requirements) -> pip_verdicts.Verdict:
    return None if found.errors else tuple(tuple(as_pip_says(pin)) for pin in found.pins)


def test_each_line_is_what_the_newest_pip_that_takes_it_makes_of_it(tmp_path: Path) -> None:
    verdicts = pip_verdicts.read_verdicts()
    wrong = {
        line: (pip_says, we_say)
        for line, found in judgements(pip_verdicts.read_lines().pip_decides, tmp_path)
        if (we_say := repositories(found)) != (pip_says := pip_verdicts.newest_that_takes(verdicts[line]))
    }
    assert wrong == {}


def test_a_line_that_pips_read_differently_has_a_warning(tmp_path: Path) -> None:
    verdicts = pip_verdicts.read_verdicts()
    silent = [
        line
        for line, found in judgements(pip_verdicts.read_lines().pip_decides, tmp_path)
        if (found.pins and len(set(verdicts[line].values())) > 1) or verdicts[line]["26.3"] is None
        if not (found.warnings or found.errors)
    ]
    assert set(silent) == OF_NO_CONCERN


OF_NO_CONCERN = {
    "-e git+ssh://git@host/x@v1#egg=x --config-settings a=b",  # refused before 23.1
}


def test_what_git_must_not_be_given_is_an_error(tmp_path: Path) -> None:
    for line, found in judgements(pip_verdicts.read_lines().refused, tmp_path):
        assert ([problem.line for problem in found.errors], found.pins) == ([1], ()), line


def test_where_the_disk_decides_there_is_no_error(tmp_path: Path) -> None:
    for line, found in judgements(pip_verdicts.read_lines().disk_decides, tmp_path):
        assert (found.errors, found.pins) == ((), ()), line


@today
def test_the_pip_of_this_interpreter_says_so_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for name, value in pip_verdicts.VARIABLES.items():
        monkeypatch.setenv(name, value)
    corpus = pip_verdicts.read_lines()
    taken, wrong = 0, {}
    for line, found in judgements(corpus.pip_decides + corpus.python_decides, tmp_path):
        answer = pip_oracle.ask(tmp_path / "requirements.txt")
        if answer.refusal is None:
            taken += 1
            if repositories(found) != tuple(map(tuple, answer.repositories)):
                wrong[line] = answer
    assert wrong == {}
    assert taken > 150


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_the_recorded_verdicts_are_what_eleven_pips_say(package_index: None, tmp_path: Path) -> None:
    for version in pip_verdicts.VERSIONS:
        command = [sys.executable, "-m", "pip", "download", "-q", "--no-deps", "-d", tmp_path, f"pip=={version}"]
        if subprocess.run(command, capture_output=True, check=False).returncode != 0:
            pytest.skip(f"the package index has no pip {version} for us")
    assert pip_verdicts.ask_all(tmp_path) == pip_verdicts.read_verdicts()


# -- whole files --------------------------------------------------------------------------------------------------


@today
@settings(max_examples=400, deadline=None)
@example("a \\\n  # comment \\\nb")
@example("a\\\\\\\n\\b\\")
@given(st.text(st.sampled_from("ab#\\ \t\r\n\x0b\x0c\x1c\x1f\x85\u2028\u3000\xa0$\"'"), max_size=40))
def test_lines_are_joined_and_comments_cut_as_pip_does(content: str) -> None:
    from pip._internal.req.req_file import preprocess

    assert list(logical_lines(content)) == list(preprocess(content))


@today
@settings(max_examples=300, deadline=None)
@example(b"# coding: latin-1\n\xe9")
@example(b"x\n# -*- coding=cp1252 -*-\n\x80")
@example(b"x\n\n# coding: cp1252\n\xc3\xa9")
@example(b"\xef\xbb\xbf# coding: latin-1\n\xc3\xa9")
@example("x==1\n".encode("utf-16"))
@example("x==1\n".encode("utf-32"))
@example(b"\xfe\xff\0x")
@example(b"\0\0\xfe\xff\0\0\0x")
@example(b"# coding: nonsense")
@example(b"# coding: hex\n00")
@given(st.binary(max_size=30))
def test_bytes_are_decoded_as_pip_does(data: bytes) -> None:
    from pip._internal.req import req_file

    with pip_oracle.quiet():
        try:
            expected = req_file._decode_req_file(data, "requirements.txt")
        except (UnicodeError, LookupError):
            expected = None
    try:
        read = decode(data)
    except Unreadable:
        read = None
    assert read == expected


@today
@settings(max_examples=200, deadline=None)
@given(st.lists(st.sampled_from(["${A}", "${B}", "${C}", "${UNSET}", "$A", "${a}", "x", " "])))
def test_variables_are_expanded_as_pip_does(parts: list[str]) -> None:
    from pip._internal.req.req_file import preprocess

    from vendorws.requirement_files.lines import Place, expand_variables

    variables = {"A": "${B}", "B": "b${A}", "C": ""}
    text = "".join(parts).strip()
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        expected = [line for _, line in preprocess(text)]
    assert [expand_variables(Place("r", 1, text), variables)[0]] == (expected or [""])


FILES = {
    "continued": "-e \\\n  git+ssh://git@host/a@v1\\\n#egg=a\n",
    "continued in a word": "-e git+ssh://git@host/a\\\n@v1#egg=\\\na\nb==1\n",
    "continued into a comment": "-e git+ssh://git@host/a#egg=a \\\n# -e git+ssh://git@host/b#egg=b\n",
    "continued at the end": "-e git+ssh://git@host/a#egg=a\\",
    "windows line ends": "-e git+ssh://git@host/a#egg=a\r\n-e git+ssh://git@host/b#egg=b\r\n",
    "old mac line ends": "-e git+ssh://git@host/a#egg=a\r-e git+ssh://git@host/b#egg=b\r",
    "other line ends": "-e git+ssh://git@host/a#egg=a\x0b-e git+ssh://git@host/b#egg=b\x85\u2028\x1cfoo",
    "byte order mark": "\ufeff-e git+ssh://git@host/a#egg=a\n",
    "twice the same": "-e git+ssh://git@host/a@v1#egg=a\n-e git+ssh://git@host/a@v1#egg=A\n",
    "twice an equivalent": "-e git+https://u:p@host/a@v1#egg=a\n-e git+https://host/a@v1#egg=a&x=y\n",
    "editable and from the index": "-e git+ssh://git@host/a@v1#egg=a\na[extra]>=1\n",
    "includes": "-r sub/more.txt\n-e git+ssh://git@host/a#egg=a\n",
    "includes twice": "-r sub/more.txt\n-r sub/again.txt\n",
    "constraints": "-c sub/constraints.txt\n-e git+ssh://git@host/a#egg=a\n",
    "bad constraints": "-c sub/more.txt\n",
    "cycle": "-r sub/cycle.txt\n",
    "missing": "-r sub/none.txt\n",
    "one bad line": "-e git+ssh://git@host/a#egg=a\nfoo=1\n",
}
SUB = {
    "more.txt": "-e git+ssh://git@host/m#egg=m\n",
    "again.txt": "-r more.txt\n-e git+ssh://git@host/n#egg=n\n",
    "constraints.txt": "foo<2\n",
    "cycle.txt": "-r ../requirements.txt\n",
}


@today
@pytest.mark.parametrize("name", FILES)
def test_a_file_is_what_pip_makes_of_it(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "sub").mkdir()
    for sub, text in SUB.items():
        (tmp_path / "sub" / sub).write_text(text)
    file = tmp_path / "requirements.txt"
    file.write_bytes(FILES[name].encode())
    answer = pip_oracle.ask(file)
    found = ours(file)
    if answer.refusal is None:
        once = {repository.folder: repository for repository in reversed(answer.repositories)}
        assert not found.errors
        assert {pin.name: as_pip_says(pin) for pin in found.pins} == once
    else:
        assert found.errors or found.warnings


# -- the corpus of real files, where it is at hand ------------------------------------------------------------------


def _corpus() -> Path | None:
    found = (folder.parent / "shared" / "corpus" for folder in Path(__file__).resolve().parents)
    return next((folder for folder in found if (folder / "expected_real.json").is_file()), None)


CORPUS = _corpus()
with_corpus = pytest.mark.skipif(CORPUS is None, reason="needs the real files in ../shared/corpus")


def _cases(corpus: Path) -> Iterator[tuple[dict[str, Any], Requirements]]:
    index = {case["id"]: case for case in json.loads((corpus / "index.json").read_text("utf-8"))["real"]}
    for name, said in json.loads((corpus / "expected_real.json").read_text("utf-8"))["files"].items():
        top, _, rest = said["file"].partition("/")
        root = corpus / "real" / top if rest else corpus / "real"
        lines = read_lines([root / (rest or top)], root, index[name].get("env") or {})
        yield said, parse(lines, marker_environment("3.11.7", "linux"))


@with_corpus
def test_real_files_are_what_pip_makes_of_them() -> None:
    assert CORPUS is not None
    agreed = 0
    for said, found in _cases(CORPUS):
        pins = {(pin.source, pin.line): as_pip_says(pin) for one in found.requirements if (pin := one.pin)}
        accepted = _accepted(said)
        assert accepted.items() <= pins.items(), said["file"]
        agreed += len(accepted)
        if said["verdict"] == "ok":
            assert not found.errors, said["file"]
        if said["verdict"] == "conflict":
            assert found.errors, said["file"]
        if said["verdict"] == "error" and not any(one.reason == "local path" for one in found.requirements):
            assert found.errors or found.warnings, said["file"]
    assert agreed > 1000


def _accepted(said: dict[str, Any]) -> dict[tuple[str, int], pip_oracle.Asked]:
    return {
        (line["file"], line["line"]): pip_oracle.Asked(
            line["src_dir"], line["clone_url"], line["revision"], line["subdirectory"], tuple(line["extras"])
        )
        for line in said["lines"]
        if line["status"] == "ok" and line["editable"] and line.get("vcs") == "git" and not line["constraint"]
    }


# -- pip really clones ----------------------------------------------------------------------------------------------

BACKEND = '''\
"""The smallest build backend that there is: nothing has to be downloaded for it."""
import os, zipfile

def build_editable(folder, config_settings=None, metadata_directory=None):
    name = os.path.basename(os.getcwd())
    with open("NAME") as stream:
        project = stream.read().strip()
    wheel = f"{project}-1.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, wheel), "w") as archive:
        archive.writestr(f"{project}.pth", os.getcwd())
        info = f"{project}-1.0.dist-info"
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\\nName: {project}\\nVersion: 1.0\\n")
        archive.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\\nRoot-Is-Purelib: true\\nTag: py3-none-any\\n")
        archive.writestr(f"{info}/RECORD", "")
    return wheel
'''
PYPROJECT = '[build-system]\nrequires = []\nbuild-backend = "backend"\nbackend-path = ["."]\n'


def installable(remotes: Remotes, repository: str, project: str, folder: str = "") -> None:
    """A repository whose main, develop and v1.0 can be installed without any network."""
    remote = remotes.create(repository)
    files = {f"{folder}backend.py": BACKEND, f"{folder}pyproject.toml": PYPROJECT, f"{folder}NAME": project}
    remote.commit(files)
    remote.tag("v1.0")
    remote.branch("feature/x")


@today
@in_any_path
def test_pip_clones_to_our_folders_from_our_urls_at_our_revisions(remotes: Remotes, project: Project) -> None:
    installable(remotes, "acme/one", "my_project1")
    installable(remotes, "acme/two", "My.Project2")
    installable(remotes, "acme/three", "three", folder="py/")
    installable(remotes, "acme/four", "four")
    remotes.create("acme/skipped")
    project.require(
        "-e git+ssh://git@github.com/acme/one.git@feature/x#egg=my_project1",
        "-e git+https://github.com/acme/two.git@v1.0#egg=My.Project2",
        '-e "three @ git+ssh://git@github.com/acme/three.git@feature%2Fx#subdirectory=py"',
        f'-e "git+file://{str(remotes.folder).replace(" ", "%20")}/github.com/acme/four.git#egg=four"',
        "-e 'skipped @ git+ssh://git@github.com/acme/skipped.git ; python_version < \"3\"'",
    )
    pip_install(project)
    pins = read_requirements(read_settings(project.root)).pins
    assert sorted(pin.name for pin in pins) == ["four", "my-project1", "my-project2", "three"]
    assert sorted(path.name for path in project.vendor.iterdir() if path.is_dir()) == sorted(pin.name for pin in pins)
    for pin in pins:
        checkout = project.root / pin.path
        assert git(checkout, "config", "remote.origin.url") == pin.url
        assert git(checkout, "rev-parse", "HEAD") == git(
            checkout, "rev-parse", f"origin/{pin.ref or 'main'}^0" if pin.ref != "v1.0" else "v1.0"
        )


def pip_install(project: Project) -> None:
    scratch = project.repository / "scratch"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", scratch], check=True)
    command = [
        sys.executable,
        "-m",
        "pip",
        "--python",
        scratch / "bin" / "python",
        "install",
        "--no-deps",
        "--no-index",
    ]
    ran = subprocess.run(
        [*command, "--disable-pip-version-check", "--src", "vendor", "-r", "requirements.txt"],
        cwd=project.root,
        env=os.environ | {"PYTHONWARNINGS": "ignore"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout + ran.stderr
