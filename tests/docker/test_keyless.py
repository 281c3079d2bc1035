"""Builds without a key and without a network: an unmodified pip, an unmodified requirements.txt, the checkouts."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Vendorws
from tests.support.docker import Docker
from tests.support.git import git
from tests.support.project import Project, in_any_path
from tests.support.remotes import Remote, Remotes

DOCKERFILE = """\
FROM python:3.11
WORKDIR /site
RUN python3 -m venv --system-site-packages env
COPY requirements.txt ./
RUN env/bin/pip install --no-build-isolation -r requirements.txt --src vendor/
"""


@pytest.fixture
def tag(engine: Docker) -> Iterator[str]:
    """A name for the image, which goes away again."""
    name = f"vendorws-test-keyless:{secrets.token_hex(4)}"
    yield name
    engine("image", "rm", "--force", name)


def prepare(project: Project, vendorws: Vendorws) -> None:
    """As a developer does it: sync, keyless, and the printed line into the Dockerfile."""
    project.write("Dockerfile", DOCKERFILE)
    project.write("docker-compose.yml", "services:\n  app:\n    build: .\n")
    vendorws.ok("sync")
    [build] = vendorws("keyless", "--json").json["builds"]
    old = DOCKERFILE.splitlines()[-1]
    project.write("Dockerfile", DOCKERFILE.replace(old, build["run"]))


def build(engine: Docker, project: Project, tag: str) -> str:
    """Build with no network at all; what pip finds installed then."""
    engine.ok("build", "--quiet", "--network=none", "--tag", tag, project.root)
    return engine.ok("run", "--rm", "--network=none", tag, "env/bin/pip", "freeze", "--local")


@in_any_path
def test_every_kind_of_pin_is_built_as_it_says(
    engine: Docker, tag: str, project: Project, remotes: Remotes, vendorws: Vendorws
) -> None:
    made = {name: remotes.create(f"acme/{name}") for name in ("repo", "repo_2", "sha", "pull", "plain", "web")}
    pulled = made["pull"].head("develop")
    git(made["pull"].bare, "update-ref", "refs/pull/7/head", pulled)
    sha = made["sha"].head("develop~1")
    url = "ssh://git@github.com/acme"
    project.require(
        f"-e git+{url}/repo@main#egg=repo",
        f"-e git+{url}/repo_2@v1.0#egg=repo_2",
        f"-e git+{url}/sha.git@{sha}#egg=sha",
        f"-e git+{url}/pull.git@refs/pull/7/head#egg=pull",
        f"-e git+{url}/plain.git#egg=plain",
        "-e git+https://github.com/acme/web.git@develop#egg=web",
    )
    prepare(project, vendorws)
    told = vendorws("keyless")
    [command] = [line.strip() for line in told.stderr.splitlines() if line.startswith("  git ")]
    assert "refs/pull/7/head" in command
    git(project.root, "-C", "vendor/pull", "update-ref", "refs/pull/7/head", pulled)
    assert vendorws.ok("keyless", "--check").stderr == ""
    wanted = {
        f"-e git+{url}/repo@{made['repo'].head()}#egg=repo",
        f"-e git+{url}/repo_2@{made['repo_2'].head('v1.0')}#egg=repo_2",
        f"-e git+{url}/sha.git@{sha}#egg=sha",
        f"-e git+{url}/pull.git@{pulled}#egg=pull",
        f"-e git+{url}/plain.git@{made['plain'].head()}#egg=plain",
        f"-e git+https://github.com/acme/web.git@{made['web'].head('develop')}#egg=web",
    }
    assert wanted <= set(build(engine, project, tag).splitlines())
    origin = engine.ok("run", "--rm", tag, "git", "-C", "vendor/repo-2", "remote", "get-url", "origin")
    assert origin == f"{url}/repo_2\n"


def test_submodules_come_along(
    engine: Docker, tag: str, project: Project, remotes: Remotes, vendorws: Vendorws
) -> None:
    deep, lib, billing = (remotes.create(f"acme/{name}") for name in ("deep", "lib", "billing"))
    _add_submodule(lib, "deep", "../deep.git", deep.head())
    _add_submodule(billing, "lib", "../lib.git", lib.head())
    project.require(billing.line("main"))
    prepare(project, vendorws)
    build(engine, project, tag)
    inside = engine.ok("run", "--rm", tag, "cat", "vendor/billing/lib/deep/README.md")
    assert inside == "# deep\n"


def _add_submodule(remote: Remote, path: str, url: str, commit: str) -> None:
    remote.commit({".gitmodules": f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n'})
    tree = git(remote.bare, "ls-tree", "main")
    tree = git(remote.bare, "mktree", stdin=f"{tree}\n160000 commit {commit}\t{path}\n")
    made = git(remote.bare, "commit-tree", tree, "-p", "main", "-m", f"Add {path}")
    git(remote.bare, "update-ref", "refs/heads/main", made)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files away")
def test_checkouts_of_another_user_are_no_obstacle(
    engine: Docker, tag: str, project: Project, remotes: Remotes, vendorws: Vendorws
) -> None:
    billing = remotes.create("acme/billing")
    project.require(billing.line("main"))
    prepare(project, vendorws)
    for path in (project.vendor, *project.vendor.rglob("*")):
        os.chown(path, 1234, 1234, follow_symlinks=False)
    assert billing.head() in build(engine, project, tag)


def test_what_is_committed_is_built_and_nothing_else(
    engine: Docker, tag: str, project: Project, remotes: Remotes, vendorws: Vendorws
) -> None:
    project.require(remotes.create("acme/billing").line("main"))
    prepare(project, vendorws)
    module = project.checkout("billing") / "billing" / "__init__.py"
    module.write_text('VERSION = "committed"\n')
    git(project.checkout("billing"), "commit", "--quiet", "--all", "-m", "mine")
    module.write_text('VERSION = "edited"\n')
    told = vendorws.ok("keyless").stderr
    assert "the image gets" in told
    assert "changes that are not committed" in told
    build(engine, project, tag)
    assert "committed" in engine.ok("run", "--rm", tag, "cat", "vendor/billing/billing/__init__.py")


def test_a_hidden_vendor_fails_as_announced(
    engine: Docker, project: Project, remotes: Remotes, vendorws: Vendorws, tmp_path: Path
) -> None:
    project.require(remotes.create("acme/billing").line("main"))
    prepare(project, vendorws)
    project.write(".dockerignore", "**/.git\n")
    assert vendorws("keyless").exit_code == 1
    assert engine("build", "--quiet", "--network=none", project.root).exit_code != 0


def test_home_serves_where_git_is_older(
    engine: Docker, tag: str, project: Project, remotes: Remotes, vendorws: Vendorws
) -> None:
    """docs/docker.md: `HOME=/ctx/vendor` for a git before 2.32, which knows no GIT_CONFIG_GLOBAL."""
    billing = remotes.create("acme/billing")
    project.require(billing.line("main"))
    prepare(project, vendorws)
    text = (project.root / "Dockerfile").read_text()
    assert "GIT_CONFIG_GLOBAL=/ctx/vendor/.gitconfig" in text
    project.write("Dockerfile", text.replace("GIT_CONFIG_GLOBAL=/ctx/vendor/.gitconfig", "HOME=/ctx/vendor"))
    assert billing.head() in build(engine, project, tag)
