"""`vendorws verify` on real containers: what is live is proved, and what is broken on purpose is called by its name.

One image is built for all tests. It has five packages: `billing` and `theme` as pip installs editables today, `gauge`
like them, with a module that only its build makes, `ledger` as `setup.py develop` did, and `stock` as a copy, as an
image has it whose Dockerfile does not say `-e`.
"""

from __future__ import annotations

import os
import secrets
import shlex
import signal
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.support.checkouts import snapshot
from tests.support.command import COMMAND, Result, Vendorws
from tests.support.docker import Docker
from tests.support.git import git
from tests.support.project import Project, in_any_path
from tests.support.remotes import HOST, Remote, Remotes
from tests.support.workspace import tree

_IMAGE = f"vendorws-test-verify:{os.getpid()}"
_DOCKERFILE = f"""\
FROM python:3.11
WORKDIR /site
RUN python3 -m venv --system-site-packages env
COPY requirements.txt ./
RUN --mount=type=bind,source=remotes,target=/remotes \\
    GIT_CONFIG_COUNT=2 GIT_CONFIG_KEY_0=safe.directory GIT_CONFIG_VALUE_0=* \\
    GIT_CONFIG_KEY_1=url.file:///remotes/{HOST}/.insteadOf GIT_CONFIG_VALUE_1=ssh://git@{HOST}/ \\
    env/bin/pip install --no-index --no-build-isolation -r requirements.txt --src vendor/
CMD ["sleep", "infinity"]
"""
_PYPROJECT = """\
[build-system]
requires = ["setuptools>=64"]
build-backend = "setuptools.build_meta"

[project]
name = "{name}"
version = "1.0"
scripts = {{ {name} = "{name}.app:main" }}

[tool.setuptools]
packages = ["{name}"]
"""
_SETUP = """\
from setuptools import setup
setup(
    name="{name}",
    version="1.0",
    packages=["{name}"],
    entry_points={{"console_scripts": ["{name} = {name}.app:main"]}},
)
"""
_APP = 'def main():\n    print("as pushed")\n'


_LEGACY, _GENERATING = "ledger", "gauge"
_GENERATE = (
    "from pathlib import Path\nPath('gauge/_version.py').write_text('')\nfrom setuptools import setup\nsetup()\n"
)


def _create(remotes: Remotes, name: str) -> Remote:
    remote = remotes.create(f"acme/{name}")
    files: dict[str, str | bytes | None] = {f"{name}/app.py": _APP, "pyproject.toml": _PYPROJECT.format(name=name)}
    if name == _LEGACY:
        files |= {"setup.py": _SETUP.format(name=name), "pyproject.toml": None}
    if name == _GENERATING:
        files |= {"setup.py": _GENERATE, "gauge/__init__.py": "from . import _version\n", ".gitignore": "_version.py\n"}
    remote.commit(files)
    return remote


@pytest.fixture(scope="session")
def image(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The image of all four packages."""
    context = tmp_path_factory.mktemp("image")
    remotes = Remotes(context / "remotes")
    lines = [_create(remotes, name).line("main") for name in ("billing", "theme", _GENERATING, _LEGACY, "stock")]
    lines[-1] = lines[-1].removeprefix("-e ")
    (context / "requirements.txt").write_text("\n".join(lines) + "\n")
    (context / "Dockerfile").write_text(_DOCKERFILE)
    docker = Docker()
    docker.ok("build", "--quiet", "--network=none", "--tag", _IMAGE, context)
    yield _IMAGE
    docker("image", "rm", "--force", _IMAGE)


@dataclass(frozen=True, slots=True)
class Shop:
    """A project whose service `app` runs the image; `name` is Compose's name for it."""

    name: str
    project: Project
    remotes: Remotes
    vendorws: Vendorws
    docker: Docker

    def compose(self, *args: str | Path) -> str:
        return self.docker.ok("compose", *args, cwd=self.project.root)

    def up(self) -> None:
        self.compose("up", "--detach", "--no-build")

    def require(self, *names: str) -> None:
        """Bring in these packages and no others."""
        self.project.require(*(_create(self.remotes, name).line("main") for name in names))
        self.vendorws.ok("sync")

    def verify(self, *args: str) -> Result:
        return self.vendorws("verify", *args)

    def is_live(self, *args: str) -> bool:
        result = self.verify(*args)
        assert result.exit_code in (0, 1), result
        return result.exit_code == 0

    def fault(self, name: str = "billing", *args: str) -> dict[str, Any]:
        """What is said about a package that is not live."""
        result = self.verify("--json", *args)
        assert result.exit_code == 1, result
        (found,) = [package for package in result.json["packages"] if package["name"] == name]
        assert found["live"] is False
        return dict(found)

    def type(self, command: str) -> None:
        """Type a command that vendorws has suggested, in a shell in the project's folder."""
        program, _, arguments = command.partition(" ")
        if program == "vendorws":
            self.vendorws.ok(*shlex.split(arguments))
        else:
            subprocess.run(command, shell=True, check=True, cwd=self.project.root, capture_output=True)

    def listed(self, *args: str) -> list[str]:
        """What `docker ARGS` lists of this project."""
        return self.docker.ok(*args, "--quiet", f"--filter=label=com.docker.compose.project={self.name}").split()


_COMPOSE = """\
services:
  app:
    build: .
    image: {image}
    stop_grace_period: 0s
"""


@pytest.fixture
def shop(engine: Docker, image: str, project: Project, remotes: Remotes, vendorws: Vendorws) -> Iterator[Shop]:
    """The project after the first day: synced, and nothing runs."""
    shop = Shop(f"verify-{secrets.token_hex(4)}", project, remotes, vendorws, engine)
    project.write("Dockerfile", _DOCKERFILE)
    project.write("docker-compose.yml", _COMPOSE.format(image=image))
    project.write(".env", f"COMPOSE_PROJECT_NAME={shop.name}\n")
    shop.require("billing", "theme")
    yield shop
    containers = engine.ok("ps", "-aq", f"--filter=label=com.docker.compose.project={shop.name}").split()
    if containers:
        engine.ok("rm", "--force", "--volumes", *containers)
    for network in shop.listed("network", "ls"):
        engine.ok("network", "rm", network)


# ---- it is live -------------------------------------------------------------------------------------------------


@in_any_path
def test_after_the_first_day_everything_is_live(shop: Shop) -> None:
    shop.up()
    result = shop.verify()
    assert result.exit_code == 0
    assert [line.split() for line in result.stdout.splitlines()] == [
        f"{name} app /site/vendor/{name} live version 1.0, 1 console script".split() for name in ("billing", "theme")
    ]
    assert result.stderr.splitlines() == [
        f"looked into {shop.name}-app-1: Python 3.11.2 (/site/env/bin/python3)",
        "2 live",
    ]


def test_programs_are_told_the_same(shop: Shop) -> None:
    document = shop.verify("--json").json
    assert (document["schema_version"], document["command"], document["notes"]) == (1, "verify", [])
    billing, theme = document["packages"]
    assert theme["name"] == "theme"
    assert billing == {
        "service": "app",
        "name": "billing",
        "path": "vendor/billing",
        "target": "/site/vendor/billing",
        "live": True,
        "state": "live",
        "reason": None,
        "command": None,
        "container": None,
        "python": {"executable": "/site/env/bin/python3", "version": "3.11.2"},
        "version": "1.0",
        "imports": {"billing": "/site/vendor/billing/billing/__init__.py"},
        "scripts": {"billing": None},
    }


def test_looking_into_a_running_container_leaves_no_trace(shop: Shop) -> None:
    shop.up()
    before = {name: snapshot(shop.project.checkout(name)) for name in ("billing", "theme")}
    files = tree(shop.project.root)
    (container,) = shop.listed("ps")
    changed = shop.docker.ok("diff", container)
    assert shop.is_live()
    assert {name: snapshot(shop.project.checkout(name)) for name in ("billing", "theme")} == before
    assert tree(shop.project.root) == files
    assert shop.docker.ok("diff", container) == changed
    assert shop.listed("ps") == [container]


def test_a_container_made_for_the_look_is_gone_after_it(shop: Shop) -> None:
    files = tree(shop.project.root)
    assert shop.is_live()
    assert tree(shop.project.root) == files
    assert shop.listed("ps", "--all") == []
    assert shop.listed("network", "ls") == []


@pytest.mark.parametrize("until", ["the container is made", "the container runs"])
def test_ctrl_c_in_the_middle_of_a_look_leaves_nothing(until: str, shop: Shop) -> None:
    shop.project.checkout("billing").joinpath("billing", "app.py").write_text("import time\ntime.sleep(50)\n")
    before = tree(shop.project.root)
    listing = ("ps", "--all") if until == "the container is made" else ("ps",)
    with subprocess.Popen([*COMMAND, "verify"], cwd=shop.project.root, stderr=subprocess.PIPE) as process:
        while not shop.listed(*listing):
            assert process.poll() is None
        process.send_signal(signal.SIGINT)
        assert process.wait(timeout=30) == 130
    assert shop.listed("ps", "--all") == []
    assert shop.listed("network", "ls") == []
    assert tree(shop.project.root) == before


def test_the_services_own_program_is_not_started_for_a_look(shop: Shop) -> None:
    shop.project.write("docker-compose.yml", _COMPOSE.format(image=_IMAGE) + "    entrypoint: [/bin/false]\n")
    assert shop.is_live()


def test_a_service_of_another_user_with_a_read_only_file_system_is_looked_into(shop: Shop) -> None:
    extra = "    user: '4711:4711'\n    read_only: true\n    working_dir: /tmp\n    network_mode: none\n"
    shop.project.write("docker-compose.yml", _COMPOSE.format(image=_IMAGE) + extra)
    assert shop.is_live()
    shop.up()
    assert shop.is_live()


def test_a_checkout_that_the_services_user_must_not_read_is_found(shop: Shop) -> None:
    shop.project.write("docker-compose.yml", _COMPOSE.format(image=_IMAGE) + "    user: '4711:4711'\n")
    shop.project.checkout("billing").chmod(0o700)
    fault = shop.fault()
    assert (fault["state"], fault["command"]) == ("unreadable", f"chmod -R a+rX {shop.project.checkout('billing')}")
    shop.type(fault["command"])
    assert shop.is_live()


def test_every_container_of_a_service_has_to_be_live(shop: Shop) -> None:
    shop.compose("up", "--detach", "--no-build", "--scale", "app=2")
    assert shop.is_live()
    shop.docker.ok("pause", f"{shop.name}-app-2")
    fault = shop.fault()
    assert (fault["state"], fault["container"]) == ("unseen", f"{shop.name}-app-2")


def test_a_service_that_only_starts_under_a_profile_is_looked_into(shop: Shop) -> None:
    shop.project.write("docker-compose.yml", _COMPOSE.format(image=_IMAGE) + "    profiles: [tools]\n")
    assert shop.is_live()


def test_a_mount_of_the_whole_project_shows_the_checkouts_as_well(shop: Shop) -> None:
    compose = _COMPOSE.format(image=_IMAGE) + "    volumes: ['./vendor:/site/vendor']\n"
    shop.project.write("docker-compose.yml", compose)
    shop.vendorws.ok("override")
    assert not (shop.project.root / "docker-compose.override.yml").exists()
    assert shop.is_live()


def test_each_service_that_has_the_packages_is_looked_into(shop: Shop) -> None:
    worker = f"  worker:\n    image: {_IMAGE}\n  db:\n    image: nowhere.invalid/db\n"
    shop.project.write("docker-compose.yml", _COMPOSE.format(image=_IMAGE) + worker)
    shop.vendorws.ok("override")
    both = shop.verify("--json").json["packages"]
    assert [(one["service"], one["name"]) for one in both] == [
        ("app", "billing"),
        ("app", "theme"),
        ("worker", "billing"),
        ("worker", "theme"),
    ]
    assert {one["service"] for one in shop.verify("worker", "--json").json["packages"]} == {"worker"}


def test_the_python_to_ask_can_be_named(shop: Shop) -> None:
    assert shop.is_live("--python", "/site/env/bin/python")
    fault = shop.fault("billing", "--python", "/usr/bin/python3")
    assert fault["state"] == "not-installed"
    fault = shop.fault("billing", "--python", "/nowhere/python")
    assert (fault["state"], fault["python"]) == ("unseen", None)
    assert "/nowhere/python" in fault["reason"]


# ---- the mount is broken on purpose -----------------------------------------------------------------------------


def test_a_slash_at_the_end_of_a_target_is_found(shop: Shop) -> None:
    # As the original article has it by hand: the base mounts something there already, spelt with a slash.
    (shop.project.root / "old").mkdir()
    shop.project.write(
        "docker-compose.yml",
        _COMPOSE.format(image=_IMAGE)
        + "    volumes:\n      - {type: bind, source: ./old, target: /site/vendor/billing/}\n",
    )
    fault = shop.fault()
    assert fault["state"] == "mounted-twice"
    assert "a slash at the end" in fault["reason"]
    shop.type(fault["command"])
    assert shop.is_live()


def test_a_second_override_that_hides_ours_is_found(shop: Shop) -> None:
    shop.project.write("compose.override.yml", "services:\n  app:\n    environment: [A=1]\n")
    fault = shop.fault()
    assert (fault["state"], fault["command"]) == ("not-mounted", "vendorws override")
    assert "Compose does not read docker-compose.override.yml" in shop.verify().stderr
    shop.type(fault["command"])
    assert shop.is_live()


def test_a_second_override_that_mounts_something_else_is_found(shop: Shop) -> None:
    (shop.project.root / "old").mkdir()
    shop.project.write("mine.yml", "services:\n  app:\n    volumes: ['./old:/site/vendor/billing']\n")
    listed = "docker-compose.yml:docker-compose.override.yml:mine.yml"
    shop.project.write(".env", f"COMPOSE_PROJECT_NAME={shop.name}\nCOMPOSE_FILE={listed}\n")
    fault = shop.fault()
    assert (fault["state"], fault["command"]) == ("other-mount", None)  # no override of ours is read after mine.yml
    assert f"{shop.project.root}/old" in fault["reason"]
    assert "mine.yml of yours mounts something else on /site/vendor/billing" in " ".join(shop.verify().stderr.split())


def test_a_service_that_was_renamed_is_found(shop: Shop) -> None:
    shop.project.write("docker-compose.yml", _COMPOSE.format(image=_IMAGE).replace("  app:", "  web:"))
    fault = shop.fault()
    assert (fault["state"], fault["service"], fault["command"]) == ("refused", "web", "vendorws override")
    assert 'service "app" has neither an image nor a build context' in fault["reason"]
    shop.type(fault["command"])
    assert shop.is_live()


def test_a_file_that_compose_refuses_is_not_blamed_on_an_override_that_is_not_there(shop: Shop) -> None:
    base = shop.project.root / "docker-compose.yml"
    base.write_text(base.read_text().replace("  app:", "  app:\n    colour: red"))
    (shop.project.root / "docker-compose.override.yml").unlink()
    fault = shop.fault()
    assert (fault["state"], fault["command"]) == ("refused", None)
    assert "colour" in fault["reason"]


def test_a_legacy_editable_loses_its_metadata_and_one_command_mends_it(shop: Shop) -> None:
    shop.require("ledger")
    fault = shop.fault("ledger")
    assert fault["state"] == "no-metadata"
    assert "its metadata is gone" in fault["reason"]
    shop.type(fault["command"])
    assert shop.is_live()
    made = shop.project.checkout("ledger") / "ledger.egg-info"
    assert made.stat().st_uid == os.getuid()


def test_a_module_that_only_the_build_makes_is_missed_and_one_command_makes_it(shop: Shop) -> None:
    offline = "    environment: [PIP_NO_INDEX=1, PIP_NO_BUILD_ISOLATION=0]\n"
    shop.project.write("docker-compose.yml", _COMPOSE.format(image=_IMAGE) + offline)
    shop.require("gauge")
    fault = shop.fault("gauge")
    assert fault["state"] == "not-importable"
    assert "cannot import name '_version' from" in fault["reason"]
    assert "what its build makes lies in the image's copy" in fault["reason"]
    shop.type(fault["command"])
    assert shop.is_live()
    assert (shop.project.checkout("gauge") / "gauge" / "_version.py").stat().st_uid == os.getuid()


def test_people_are_told_what_is_wrong_and_what_to_type(shop: Shop) -> None:
    shop.require("stock")
    assert shop.verify("--quiet").stdout.splitlines() == [
        "stock  app  /site/vendor/stock  not live: stock imports from "
        "/site/env/lib/python3.11/site-packages/stock/__init__.py: it is installed as a copy, not editable (-e)",
        "  -> docker compose build app",
    ]


def test_a_package_that_is_installed_as_a_copy_is_found(shop: Shop) -> None:
    shop.require("stock")
    fault = shop.fault("stock")
    assert (fault["state"], fault["command"]) == ("elsewhere", "docker compose build app")
    assert "/site-packages/stock/__init__.py: it is installed as a copy" in fault["reason"]
    shop.up()
    assert shop.fault("stock")["command"] == "docker compose up -d --build app"


def test_a_package_that_the_image_does_not_have_is_found(shop: Shop) -> None:
    shop.require("extra")
    fault = shop.fault("extra")
    assert (fault["state"], fault["command"]) == ("not-installed", "docker compose build app")


def test_a_checkout_that_was_moved_away_is_found(shop: Shop) -> None:
    shop.project.checkout("billing").rename(shop.project.root / "billing-of-old")
    fault = shop.fault()
    assert (fault["state"], fault["command"]) == ("missing", "vendorws sync billing")
    other = shop.fault("theme")
    assert other["state"] == "unseen"
    assert "bind source path does not exist" in other["reason"]
    shop.type(fault["command"])
    assert shop.is_live()


def test_a_container_that_was_started_before_the_override_is_told_apart(shop: Shop) -> None:
    (shop.project.root / "docker-compose.override.yml").unlink()
    shop.up()
    assert shop.fault()["state"] == "not-mounted"
    shop.vendorws.ok("override")
    fault = shop.fault()
    assert (fault["state"], fault["command"]) == ("outdated", "docker compose up -d app")
    shop.type(fault["command"])
    assert shop.is_live()


def test_a_checkout_that_was_cloned_anew_under_a_running_container_is_told_apart(shop: Shop) -> None:
    shop.up()
    shop.project.checkout("billing").rename(shop.project.root / "billing-of-old")
    shop.vendorws.ok("sync")
    fault = shop.fault()
    assert (fault["state"], fault["command"]) == ("other-folder", "docker compose restart app")
    shop.type(fault["command"])
    assert shop.is_live()


def test_a_volume_in_the_middle_of_a_checkout_is_found(shop: Shop) -> None:
    compose = _COMPOSE.format(image=_IMAGE) + "    volumes: [/site/vendor/billing/billing]\n"
    shop.project.write("docker-compose.yml", compose)
    shop.vendorws.ok("override")
    fault = shop.fault()
    assert fault["state"] == "elsewhere"
    assert "another mount lies over /site/vendor/billing/billing" in fault["reason"]
    assert shop.listed("volume", "ls") == []


def test_a_console_script_that_does_not_load_is_found(shop: Shop) -> None:
    shop.project.checkout("billing").joinpath("billing", "app.py").write_text("import not_in_the_image\n")
    fault = shop.fault()
    assert (fault["state"], fault["command"]) == ("script-fails", "docker compose build app")
    assert "ModuleNotFoundError: No module named 'not_in_the_image'" in fault["reason"]
    assert git(shop.project.checkout("billing"), "status", "--porcelain").split() == ["M", "billing/app.py"]


def test_an_image_that_was_never_built_is_not_built_by_the_way(shop: Shop) -> None:
    shop.project.write("docker-compose.yml", _COMPOSE.format(image="vendorws-test-never-built"))
    fault = shop.fault()
    assert (fault["state"], fault["command"]) == ("no-image", "docker compose build app")
    assert shop.docker("image", "inspect", "vendorws-test-never-built").exit_code != 0


def test_a_paused_container_is_not_called_live(shop: Shop) -> None:
    shop.up()
    shop.compose("pause")
    fault = shop.fault()
    assert fault["state"] == "unseen"
    assert "paused" in fault["reason"]


# ---- copied instead of mounted ----------------------------------------------------------------------------------


def test_files_that_watch_copies_are_compared(shop: Shop) -> None:
    shop.vendorws.ok("override", "--mode", "watch")
    assert shop.fault()["state"] == "not-synced"
    shop.up()
    shop.compose("cp", f"{shop.project.checkout('billing')}/.", "app:/site/vendor/billing")
    shop.compose("cp", f"{shop.project.checkout('theme')}/.", "app:/site/vendor/theme")
    assert shop.is_live()
    shop.project.checkout("billing").joinpath("billing", "app.py").write_text("def main(): pass\n")
    fault = shop.fault()
    assert (fault["state"], fault["command"]) == ("not-synced", "docker compose watch app")
    assert "billing/app.py" in fault["reason"]
