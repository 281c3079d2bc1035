"""The sample is a project that works, and the demo shows what really happens."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.support.command import Vendorws, merged
from tests.support.docker import Docker
from tests.support.git import git
from tests.support.sandbox import Sandbox
from tests.support.terminal import on_terminal

SAMPLE = Path(__file__).parent.parent / "sample_project"
BEHIND_THE_SCENES = ("remotes", "demo.sh", "vendor", "docker-compose.override.yml", "__pycache__")


@pytest.fixture
def shop(sandbox: Sandbox, tmp_path: Path) -> Path:
    """A copy of the sample in a git repository of its own; its two packages are found on this disk."""
    remotes = publish(tmp_path / "remotes")
    sandbox.add_git_config(f'[url "file://{remotes}/acme/"]\n    insteadOf = ssh://git@github.com/acme/\n')
    copy = shutil.copytree(SAMPLE, tmp_path / "shop", ignore=shutil.ignore_patterns(*BEHIND_THE_SCENES))
    git(copy, "init", "--quiet")
    git(copy, "add", ".")
    git(copy, "commit", "--quiet", "-m", "Start the shop")
    return copy


def publish(folder: Path) -> Path:
    subprocess.run([SAMPLE / "remotes" / "publish.sh", folder], check=True)
    return folder


def environment_with_command(bin_folder: Path) -> dict[str, str]:
    """An environment whose PATH finds a `vendorws` that is the code under test."""
    bin_folder.mkdir()
    command = bin_folder / "vendorws"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m vendorws "$@"\n', "utf-8")
    command.chmod(0o755)
    return {"PATH": f"{bin_folder}:{merged({})['PATH']}"}


def demo(folder: Path, environment: dict[str, str]) -> str:
    screen = subprocess.run(
        [SAMPLE / "demo.sh", folder],
        env=merged(environment),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        stdin=subprocess.DEVNULL,
        text=True,
        check=False,
    )
    assert screen.returncode == 0, screen.stdout
    return screen.stdout


def test_the_remotes_are_the_same_each_time_and_can_be_made_again(tmp_path: Path) -> None:
    folder = publish(tmp_path / "a folder")
    tips = [git(folder / "acme" / name, "rev-parse", "main", "HEAD") for name in ("billing.git", "theme.git")]
    publish(folder)
    assert tips == [git(folder / "acme" / name, "rev-parse", "main", "HEAD") for name in ("billing.git", "theme.git")]
    for name in ("billing.git", "theme.git"):
        assert git(folder / "acme" / name, "fsck", "--strict") == ""


def test_one_package_follows_a_branch_and_one_stays_at_a_tag(shop: Path) -> None:
    vendorws = Vendorws(shop)
    vendorws.ok("sync")
    assert git(shop / "vendor" / "acme-billing", "symbolic-ref", "--short", "HEAD") == "main"
    assert git(shop / "vendor" / "acme-theme", "describe", "--tags", "--exact-match") == "v1.2"
    assert git(shop, "status", "--short") == ""


def test_compose_mounts_the_checkouts_where_the_image_keeps_them(shop: Path, docker_compose: Docker) -> None:
    Vendorws(shop).ok("sync")
    config = docker_compose.ok("compose", "config", cwd=shop)
    for name in ("acme-billing", "acme-theme"):
        assert f"source: {shop}/vendor/{name}\n        target: /site/vendor/{name}\n" in config


def test_every_file_is_explained() -> None:
    explained = set(re.findall(r"`([^`\s]+)`", (SAMPLE / "README.md").read_text("utf-8")))
    files = {
        str(path.relative_to(SAMPLE))
        for path in SAMPLE.rglob("*")
        if path.is_file() and not {*path.relative_to(SAMPLE).parts} & {"__pycache__", "vendor", "acme"}
    }
    assert files - explained - {"README.md", "shop/__init__.py", "docker-compose.override.yml"} == set()


def test_the_build_checks_who_the_git_server_is() -> None:
    text = "".join((SAMPLE / name).read_text("utf-8") for name in ("Dockerfile", "docker-compose.yml"))
    assert "StrictHostKeyChecking" not in text
    assert "target=/etc/ssh/ssh_known_hosts" in text
    listed = subprocess.run(
        ["ssh-keygen", "-l", "-f", SAMPLE / "known_hosts"], capture_output=True, text=True, check=True
    )
    # As GitHub's documentation prints them.
    assert "SHA256:+DiY3wvvV6TuJJhbpZisF/zLDA0zPMSvHdkr4UvCOqU" in listed.stdout
    assert "SHA256:p2QAMXNIC1TJYWeIOttrVc98/R1BUFWu3/LiyKgUfQM" in listed.stdout


def test_the_demo_tells_the_whole_story(tmp_path: Path, sandbox: Sandbox) -> None:
    environment = environment_with_command(tmp_path / "bin")
    git_config = sandbox.git_config.read_bytes()
    told = demo(tmp_path / "my demo", environment)
    shop = tmp_path / "my demo" / "shop"
    assert (
        told.index("$ vendorws sync")
        < told.index("$ vendorws status")
        < told.index("$ cat docker-compose.override.yml")
    )
    assert "target: /site/vendor/acme-theme" in told
    assert git(shop / "vendor" / "acme-billing", "log", "-1", "--format=%s") == "Sell in dollars"
    assert git(shop / "vendor" / "acme-billing", "config", "remote.origin.url") == (
        "ssh://git@github.com/acme/billing.git"
    )
    assert git(shop / "vendor" / "acme-theme", "diff", "--stat").startswith(" acme_theme/__init__.py")
    assert sandbox.git_config.read_bytes() == git_config
    spelt_by_others = ("# Written by vendorws", "  /", "  export ", "  cd ")
    wide = [line for line in told.splitlines() if len(line) > 80 and not line.startswith(spelt_by_others)]
    assert wide == []
    assert _without_times(demo(tmp_path / "my demo", environment)) == _without_times(told), "the second run"


def test_the_last_words_of_the_demo_let_another_shell_go_on_there(tmp_path: Path) -> None:
    """Pasted as they are into a shell that knows nothing: neither the developer's home nor where vendorws is."""
    told = demo(tmp_path / "it's my demo", environment_with_command(tmp_path / "my bin"))
    _, heading, lines = told.partition("paste this into a shell:\n\n")
    assert heading
    (tmp_path / "home").mkdir()
    ran = subprocess.run(
        ["sh", "-e"],
        input=f"{lines}vendorws status --fetch\nvendorws undo\nvendorws sync\npwd\n",
        env={"HOME": str(tmp_path / "home"), "PATH": "/usr/bin:/bin"},
        cwd=tmp_path / "home",
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    assert ran.returncode == 0, ran.stdout
    assert re.search(r"^acme-billing  main +in sync$", ran.stdout, re.M)
    assert "acme-billing  put back main" in ran.stdout
    assert "acme-billing  fast-forwarded by 1 commit" in ran.stdout
    assert ran.stdout.endswith(f"\n{tmp_path}/it's my demo/shop\n")
    assert list((tmp_path / "home").iterdir()) == []


def test_the_demo_on_a_terminal_never_waits_for_a_key(tmp_path: Path) -> None:
    environment = environment_with_command(tmp_path / "bin") | {"PAGER": "sh -c 'read key </dev/tty'"}
    screen = on_terminal([SAMPLE / "demo.sh", tmp_path / "demo"], env=environment, timeout=60)
    assert screen.exit_code == 0, screen.text
    assert "\x1b[1m$ vendorws sync\x1b[0m" in screen.raw


def test_the_demo_says_what_is_missing(tmp_path: Path) -> None:
    ran = subprocess.run(
        [SAMPLE / "demo.sh", tmp_path / "demo"], env=merged({"PATH": "/usr/bin:/bin"}), capture_output=True, text=True
    )
    assert (ran.returncode, ran.stdout) == (4, "")
    assert "make demo" in ran.stderr
    assert not (tmp_path / "demo").exists()


@pytest.mark.slow
def test_pip_and_vendorws_agree_and_the_page_is_served(shop: Path, tmp_path: Path, package_index: None) -> None:
    """Django, pip and setuptools are the real ones: the page is made by the checkouts that vendorws cloned."""
    Vendorws(shop).ok("sync")
    venv.create(tmp_path / "env", with_pip=True)
    python = tmp_path / "env" / "bin" / "python"
    install = [python, "-m", "pip", "install", "-r", "requirements.txt", "--src", "vendor/"]
    subprocess.run(install, cwd=shop, check=True, capture_output=True)
    assert sorted(path.name for path in (shop / "vendor").iterdir() if path.is_dir()) == ["acme-billing", "acme-theme"]
    page = [
        "import django.conf, django.test",
        "django.conf.settings.DEBUG",
        "print(django.test.Client(headers={'host': 'localhost'}).get('/').content.decode())",
    ]
    ran = subprocess.run(
        [python, "-c", "\n".join(page)],
        cwd=shop,
        env=merged({"DJANGO_SETTINGS_MODULE": "shop.settings"}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert "<li>Total: 228.98 EUR</li>" in ran.stdout, ran.stderr


def _without_times(text: str) -> str:
    return re.sub(r"\d+(\.\d+)? ?m?s\b", "TIME", text)
