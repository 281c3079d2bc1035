"""The program that looks around inside a container, run here on environments as pip and setuptools leave them."""

from __future__ import annotations

import ast
import glob
import json
import os
import shutil
import site
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.workspace import tree
from vendorws.proof import probe
from vendorws.proof.answers import Answer, Installed, read_answer

SOURCE = Path(probe.__file__).read_text("utf-8")
FROM_FILE = f"exec(compile(open({probe.__file__!r}).read(), {probe.__file__!r}, 'exec'))"
"""The same program, but from its file, so that what runs of it is measured."""
_HOME = os.environ.get("HOME", "/")


def pythons() -> Iterator[str]:
    """One of each version from 3.6 on that this machine has."""
    for minor in range(6, 20):
        found = shutil.which(f"python3.{minor}") if sys.version_info[1] != minor else sys.executable
        kept = sorted(glob.glob(f"{_HOME}/.pyenv/versions/3.{minor}.*/bin/python3"))
        python = kept[0] if kept else found
        if python and subprocess.run([python, "-c", ""], capture_output=True, check=False).returncode == 0:
            yield python  # and not a name that only says that there is none


@dataclass(frozen=True, slots=True)
class Place:
    """A site-packages folder, and a checkout that is mounted at `target`."""

    packages: Path
    target: Path

    def write(self, path: str, text: str = "") -> None:
        """A file of the image, below site-packages."""
        _write(self.packages / path, text)

    def push(self, path: str, text: str = "") -> None:
        """A file of the checkout."""
        _write(self.target / path, text)

    def metadata(self, **files: str) -> None:
        """What pip writes about billing 1.0; `top_level="…"` is top_level.txt, `RECORD="…"` is RECORD."""
        self.write("billing-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: billing\nVersion: 1.0\n")
        for name, text in files.items():
            self.write(f"billing-1.0.dist-info/{name if name.isupper() else name + '.txt'}", text)

    def editable(self, folder: str = "") -> None:
        """A static .pth, as setuptools and hatchling write it for an editable."""
        self.write("__editable__.billing-1.0.pth", f"{self.target / folder}\n")


def _write(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, "utf-8")


def question(place: Place, **more: Any) -> dict[str, Any]:
    package = {"name": "billing", "target": str(place.target), "witness": None, "token": "", "samples": {}}
    return {"python": None, "wait": 0, "limit": 30, "packages": [package | more]}


# ---- in this process: what the answer is made of ----------------------------------------------------------------


@pytest.fixture
def place(tmp_path: Path) -> Place:
    place = Place(tmp_path / "env" / "site-packages", tmp_path / "vendor" / "billing")
    place.packages.mkdir(parents=True)
    place.target.mkdir(parents=True)
    return place


@dataclass(frozen=True, slots=True)
class Looking:
    """Start-up as Python does it with this site-packages folder, then a look."""

    place: Place
    patch: pytest.MonkeyPatch

    def __call__(self) -> dict[str, Any]:
        self.patch.syspath_prepend(str(self.place.packages))  # and it puts the path back afterwards
        site.addsitedir(str(self.place.packages))
        asked = question(self.place)["packages"][0]
        found = probe.find_distributions()
        assert found is not None
        distribution = probe.distribution_of(asked, found)
        looked = probe.package(asked, distribution, probe.mount_points())
        probe.run(looked, distribution)
        return looked


@pytest.fixture
def look(place: Place, monkeypatch: pytest.MonkeyPatch) -> Iterator[Looking]:
    modules = set(sys.modules)
    with monkeypatch.context() as patch:
        yield Looking(place, patch)
    for name in set(sys.modules) - modules:
        if not name.startswith(("vendorws", "encodings")):
            del sys.modules[name]


def test_an_editable_of_today_imports_from_the_checkout(place: Place, look: Looking) -> None:
    place.push("src/billing/__init__.py")
    place.metadata(top_level="billing\n")
    place.editable("src")
    assert look() == {
        "version": "1.0",
        "legacy": False,
        "modules": {"billing": {"at": str(place.target / "src/billing/__init__.py"), "inside": True, "failure": None}},
        "scripts": {},
    }


def test_a_copy_imports_from_site_packages(place: Place, look: Looking) -> None:
    place.push("billing/__init__.py")
    place.write("billing/__init__.py")
    place.metadata(RECORD="billing/__init__.py,,\nbilling-1.0.dist-info/METADATA,,\n../../bin/billing,,\n")
    assert look()["modules"] == {
        "billing": {"at": str(place.packages / "billing/__init__.py"), "inside": False, "failure": None}
    }


def test_a_copy_in_front_of_the_editable_wins_as_it_does_for_python(place: Place, look: Looking) -> None:
    place.push("billing/__init__.py")
    place.write("billing/__init__.py")
    place.metadata(top_level="billing\n")
    place.editable()
    assert look()["modules"]["billing"]["inside"] is False


def test_an_import_hook_of_setuptools_is_asked_for_its_modules(place: Place, look: Looking) -> None:
    place.push("python/acme/billing/__init__.py")
    name = "__editable___billing_1_0_finder"
    mapping = {"acme.billing": str(place.target / "python/acme/billing")}
    place.write(
        f"{name}.py",
        "import sys\nfrom importlib.machinery import ModuleSpec, PathFinder\n"
        f"MAPPING = {mapping!r}\n"
        "class Finder:\n"
        "    @classmethod\n"
        "    def find_spec(cls, name, path=None, target=None):\n"
        "        if name == 'acme':\n"
        "            spec = ModuleSpec(name, None, is_package=True)\n"
        "            spec.submodule_search_locations = []\n"
        "            return spec\n"
        "        for known, folder in MAPPING.items():\n"
        "            if name == known:\n"
        "                return PathFinder.find_spec('billing', [folder.rpartition('/')[0]])\n"
        "def install():\n"
        "    sys.meta_path.append(Finder)\n",
    )
    place.write("__editable__.billing-1.0.pth", f"import {name}; {name}.install()\n")
    place.metadata(top_level="acme\n", RECORD=f"{name}.py,,\n")
    before = list(sys.meta_path)
    try:
        modules = look()["modules"]
    finally:
        sys.meta_path[:] = before
    at = str(place.target / "python/acme/billing/__init__.py")
    assert modules == {"acme.billing": {"at": at, "inside": True, "failure": None}}


def test_a_namespace_that_several_packages_share_counts_where_one_part_is_the_checkout(
    place: Place, look: Looking
) -> None:
    place.push("acme/billing.py")
    place.write("acme/theme.py")
    place.metadata(top_level="acme\n")
    place.editable()
    assert look()["modules"] == {"acme": {"at": str(place.target / "acme"), "inside": True, "failure": None}}


def test_without_words_about_modules_the_folder_on_the_path_tells(place: Place, look: Looking) -> None:
    # hatchling and flit write neither top_level.txt nor, for an editable, the modules into RECORD.
    place.push("billing/__init__.py")
    place.push("tests/__init__.py")
    place.push("setup.py")
    place.metadata(RECORD="_billing.pth,,\nbilling-1.0.dist-info/METADATA,,\n")
    place.editable()
    assert list(look()["modules"]) == ["billing"]


@pytest.mark.parametrize(("files", "names"), [(["one.py", "two/x.py", "y.txt"], ["one", "two"]), ([], [])])
def test_a_package_whose_modules_are_called_otherwise(
    files: list[str], names: list[str], place: Place, look: Looking
) -> None:
    for file in files:
        place.push(f"src/{file}")
    place.push("src/.keep")
    place.metadata()
    place.editable("src")
    assert list(look()["modules"]) == names


def test_a_single_module_that_was_copied(place: Place, look: Looking) -> None:
    place.write("billing.py")
    place.write("__pycache__/billing.cpython-311.pyc")
    place.metadata(RECORD="billing.py,,\n__pycache__/billing.cpython-311.pyc,,\n_fast.abi3.so,,\n")
    modules = look()["modules"]
    assert modules["billing"]["at"] == str(place.packages / "billing.py")
    assert modules["_fast"] == {"at": None, "inside": False, "failure": None}


def test_a_legacy_editable_whose_metadata_was_in_the_image_is_recognised(place: Place, look: Looking) -> None:
    place.push("src/billing/__init__.py")
    place.write("easy-install.pth", f"{place.target / 'src'}\n")
    place.write("billing.egg-link", f"{place.target / 'src'}\n../")
    assert look() == {
        "version": None,
        "legacy": True,
        "modules": {"billing": {"at": str(place.target / "src/billing/__init__.py"), "inside": True, "failure": None}},
        "scripts": {},
    }


def test_a_legacy_editable_with_its_metadata_is_as_good_as_any(place: Place, look: Looking) -> None:
    place.push("billing/__init__.py")
    place.push("Billing.egg-info/PKG-INFO", "Metadata-Version: 2.1\nName: Billing\nVersion: 2.0\n")
    place.push("Billing.egg-info/top_level.txt", "billing\n")
    place.write("easy-install.pth", f"{place.target}\n")
    found = look()
    assert (found["version"], found["modules"]["billing"]["inside"]) == ("2.0", True)


def test_a_package_whose_egg_name_is_not_its_own_is_found_by_its_folder(place: Place, look: Looking) -> None:
    place.push("invoices/__init__.py")
    place.editable()
    place.write("Acme.Invoices-3.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: Acme.Invoices\nVersion: 3.0\n")
    place.write("Acme.Invoices-3.0.dist-info/direct_url.json", json.dumps({"url": f"file://{place.target}"}))
    found = look()
    assert (found["version"], list(found["modules"])) == ("3.0", ["invoices"])


def test_a_package_that_is_not_there(look: Looking) -> None:
    assert look() == {"version": None, "legacy": False, "modules": {}, "scripts": {}}


def test_remains_of_an_uninstalled_package_are_passed_over(place: Place, look: Looking) -> None:
    place.write("gone-1.0.dist-info/RECORD")
    place.metadata()
    assert look()["version"] == "1.0"


def test_a_parent_that_raises_when_it_is_imported_hides_its_modules(place: Place, look: Looking) -> None:
    place.write("stop.py", "raise SystemError('not now')\n")
    assert probe.locations("no_such_module_anywhere") == []
    look()
    assert probe.locations("stop.inner") == []


def test_console_scripts_are_loaded_and_what_stops_them_is_told(place: Place, look: Looking) -> None:
    place.push("billing/__init__.py", "def main(): pass\n")
    place.push("billing/exits.py", "raise SystemExit(3)\n")
    place.metadata(
        top_level="billing\n",
        entry_points="[console_scripts]\ngood = billing:main\nlacks = billing:nothing\nabsent = billing.no\n"
        "exits = billing.exits:main\n\n[gui_scripts]\nwindow = billing.gone:main\n",
    )
    place.editable()
    assert look()["scripts"] == {
        "absent": "ModuleNotFoundError: No module named 'billing.no'",
        "exits": "SystemExit: 3",
        "good": None,
        "lacks": "AttributeError: module 'billing' has no attribute 'nothing'",
    }


def test_a_module_that_lacks_something_does_not_import(place: Place, look: Looking) -> None:
    place.push("billing/__init__.py", "from ._version import version\n")
    place.metadata(top_level="billing\n")
    place.editable()
    assert look()["modules"]["billing"]["failure"] == "ModuleNotFoundError: No module named 'billing._version'"


def test_a_module_that_wants_settings_before_it_is_imported_is_found_all_the_same(place: Place, look: Looking) -> None:
    place.push("billing/__init__.py", "raise RuntimeError('no settings')\n")
    place.metadata(top_level="billing\n")
    place.editable()
    assert look()["modules"]["billing"]["failure"] is None


def test_what_only_lies_on_the_path_is_never_run(place: Place, look: Looking) -> None:
    for name in ("setup", "deploy", "conftest"):
        place.push(f"{name}.py", "raise ImportError('run')\n")
    place.metadata()
    place.editable()
    modules = look()["modules"]
    assert list(modules) == ["conftest", "deploy", "setup"]
    assert [module["failure"] for module in modules.values()] == [None, None, None]


def test_a_mount_in_the_middle_of_the_checkout_is_not_the_checkout(place: Place, look: Looking) -> None:
    place.push("billing/__init__.py")
    place.metadata(top_level="billing\n")
    place.editable()
    look()
    target = str(place.target)
    mounts = [f"{target}/billing", target, "/"]
    assert probe.where("billing", target, mounts)["inside"] is False
    assert probe.where("billing", target, mounts[1:])["inside"] is True


# ---- as a program -----------------------------------------------------------------------------------------------


def run(python: str | Path, asked: dict[str, Any], cwd: Path, *, source: str = SOURCE, **environment: str) -> Answer:
    """As the launcher starts it in a container."""
    measured = {name: value for name, value in os.environ.items() if name.startswith("COVERAGE_")}
    ran = subprocess.run(
        [python, "-B", "-c", source, "survey", source, json.dumps(asked)],
        cwd=cwd,
        env={"PATH": "/nowhere", **measured, **environment},
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    answer = read_answer(ran.stdout)
    assert answer is not None, ran
    return answer


@pytest.fixture(params=pythons())
def environment(request: pytest.FixtureRequest, tmp_path: Path) -> Place:
    """A virtual environment beside a checkout, as an image has them."""
    root = tmp_path / "site"
    subprocess.run([request.param, "-m", "venv", "--without-pip", "--system-site-packages", root / "env"], check=True)
    (packages,) = root.glob("env/lib/python3.*/site-packages")
    place = Place(packages, root / "vendor" / "billing")
    place.push("billing/__init__.py", "print('noise')\ndef main(): pass\n")
    place.metadata(top_level="billing\n", entry_points="[console_scripts]\nbilling = billing:main\n")
    place.editable()
    return place


def test_every_python_from_3_6_on_finds_itself_and_gives_the_answer(environment: Place, tmp_path: Path) -> None:
    python = environment.packages.parents[2] / "bin" / "python3"
    before = tree(tmp_path)
    (answered,) = [one for one in run(python, question(environment), tmp_path).pythons if one.executable == str(python)]
    found = answered.packages["billing"]
    assert [(one.name, one.at, one.inside) for one in found.modules] == [
        ("billing", str(environment.target / "billing/__init__.py"), True)
    ]
    assert (found.version, found.scripts) == ("1.0", {"billing": None})
    assert tree(tmp_path) == before


def test_it_is_written_in_the_language_of_python_3_6() -> None:
    ast.parse(SOURCE, feature_version=(3, 6))


@pytest.fixture
def here(tmp_path: Path) -> Place:
    """As `environment`, but without a Python: the one that runs the tests is asked."""
    place = Place(tmp_path, tmp_path / "site" / "vendor" / "billing")
    place.push("billing/__init__.py")
    return place


def ask(place: Place, **more: Any) -> Answer:
    """The survey in this process, of the Python that runs the tests."""
    return _read(probe.survey(FROM_FILE, question(place, **more) | {"python": sys.executable}))


def _read(tree: dict[str, Any]) -> Answer:
    answer = read_answer(probe.MARK + json.dumps(tree))
    assert answer is not None
    return answer


def test_a_file_of_the_host_is_seen_with_what_the_host_wrote(here: Place) -> None:
    here.push(".git/witness", "4711\n")
    assert ask(here, witness=".git/witness", token="4711").folders["billing"].has_witness
    assert not ask(here, witness=".git/witness", token="4712").folders["billing"].has_witness
    assert not ask(here, witness=".git/other", token="4711").folders["billing"].has_witness


def test_a_folder_that_may_not_be_read_is_told_from_one_that_is_not_there(here: Place) -> None:
    assert not ask(here, witness=".git/witness").folders["billing"].is_denied
    command = f"chmod 700 {here.target}; exec setpriv --reuid=4711 --clear-groups"
    asked = json.dumps(question(here, witness=".git/witness") | {"python": "/bin/true"})
    if os.getuid():
        here.target.chmod(0)
        command = "exec env"
    ran = subprocess.run(
        ["sh", "-c", f'{command} /usr/bin/env python3 -B -c "$1" survey "$1" "$2"', "sh", SOURCE, asked],
        capture_output=True,
        encoding="utf-8",
        check=True,
    )
    answer = read_answer(ran.stdout)
    assert answer is not None
    assert answer.folders["billing"].is_denied


def test_a_file_that_is_late_is_waited_for(here: Place, tmp_path: Path) -> None:
    command = f"sleep 0.3; mkdir {here.target}/.git; printf 4711 >{here.target}/.git/witness"
    asked = question(here, witness=".git/witness", token="4711") | {"python": sys.executable, "wait": 20}
    with subprocess.Popen(["sh", "-c", command]):
        assert _read(probe.survey(SOURCE, asked)).folders["billing"].has_witness


def test_files_are_compared_by_their_content(here: Place) -> None:
    samples = {"billing/__init__.py": probe.digest_of(b"")}
    assert ask(here, samples=samples).folders["billing"].differs is None
    here.push("billing/__init__.py", "edited")
    assert ask(here, samples=samples).folders["billing"].differs == "billing/__init__.py"
    assert ask(here, samples={"gone.py": "0"}).folders["billing"].differs == "gone.py"


def test_a_program_that_runs_from_its_file_says_the_same(here: Place, tmp_path: Path) -> None:
    asked = question(here) | {"python": sys.executable}
    assert run(sys.executable, asked, tmp_path, source=FROM_FILE) == run(sys.executable, asked, tmp_path)


def test_start_up_code_that_prints_does_not_garble_the_answer(here: Place, tmp_path: Path) -> None:
    _write(tmp_path / "noise" / "sitecustomize.py", "print('good morning', end='')\n")
    answer = run(
        sys.executable, question(here) | {"python": sys.executable}, tmp_path, PYTHONPATH=str(tmp_path / "noise")
    )
    assert answer.pythons[0].failure == ""


def test_a_script_that_hangs_costs_the_scripts_and_nothing_else(here: Place, tmp_path: Path) -> None:
    _write(tmp_path / "path" / "billing-1.0.dist-info" / "METADATA", "Name: billing\nVersion: 1.0\n")
    _write(tmp_path / "path" / "billing-1.0.dist-info" / "entry_points.txt", "[console_scripts]\nx = hangs:main\n")
    _write(tmp_path / "path" / "hangs.py", "import time\ntime.sleep(600)\n")
    asked = question(here) | {"python": sys.executable, "limit": 3}
    answer = run(sys.executable, asked, tmp_path, source=FROM_FILE, PYTHONPATH=str(tmp_path / "path"))
    assert answer.pythons[0].packages["billing"] == Installed("1.0", False, (), None)


def test_a_program_that_is_no_python_is_said_to_give_no_answer(here: Place) -> None:
    asked = question(here)
    (silent,) = _read(probe.survey(SOURCE, asked | {"python": "/bin/true"})).pythons
    assert (silent.executable, silent.failure) == ("/bin/true", "it ended with 0 and no answer")
    (absent,) = _read(probe.survey(SOURCE, asked | {"python": "/nowhere/python"})).pythons
    assert "No such file" in absent.failure


def test_the_pythons_near_the_checkout_and_on_the_path_are_found_once(
    here: Place, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for folder in ("site/env/bin", "site/.venv/bin", "usr/bin", "other/bin"):
        _write(tmp_path / folder / "python3", "#!/bin/sh\n")
        (tmp_path / folder / "python3").chmod(0o755)
    _write(tmp_path / "site/empty/bin/python3", "cannot be run")
    (tmp_path / "bin").symlink_to("usr/bin")
    monkeypatch.setenv("PATH", f"{tmp_path}/bin:{tmp_path}/usr/bin")
    monkeypatch.setenv("VIRTUAL_ENV", str(tmp_path / "other"))
    found = list(probe.find_pythons(question(here)["packages"]))
    ours = [path[len(str(tmp_path)) + 1 :] for path in found if path.startswith(str(tmp_path))]
    assert ours == ["other/bin/python3", "bin/python3", "site/env/bin/python3", "site/.venv/bin/python3"]


def test_output_without_an_answer_is_none() -> None:
    assert read_answer("hello\n") is None
    assert read_answer(f"{probe.MARK}[]\n") is None
