"""The article of 2017 that vendorws grew from: its own files build, mended only where they cannot run today."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Vendorws
from tests.support.docker import Docker
from tests.support.docker_projects import base_image, image_of, traces_of_key
from tests.support.project import Project
from tests.support.remotes import Remotes
from tests.support.ssh_server import SshServer

COMPOSE = """\
version: '2.2'
services:
  app:
    build:
      context: ./
      dockerfile: Dockerfile
      args:
        ssh_prv_key: "$ssh_prv_key"
    volumes:
      #- ./vendor/:/site/vendor/
      - .:/site/proj/
    environment:
      - DEBUG=True
"""
DOCKERFILE = """\
FROM python:3.6 as builder
ARG site_dir=/site/
RUN mkdir -p $site_dir
WORKDIR $site_dir
RUN apt-get update; apt-get install -y \\
    python3-dev python3-venv \\
    && rm -rf /var/lib/apt/lists/*
RUN chmod 700 /root/.ssh; \\
    echo "$ssh_prv_key" > /root/.ssh/id_rsa; \\
    chmod 600 /root/.ssh/id_rsa
RUN echo " IdentityFile /root/.ssh/id_rsa" >> /etc/ssh/ssh_config; \\
    echo " StrictHostKeyChecking=no" >> /etc/ssh/ssh_config; \\
    echo " UserKnownHostsFile=/dev/null" >> /etc/ssh/ssh_config; \\
    echo " GlobalKnownHostsFile=/dev/null" >> /etc/ssh/ssh_config
RUN python3 -m venv env; \\
    env/bin/pip install --upgrade pip
COPY requirements.txt $site_dir/requirements.txt
RUN env/bin/pip install -r $site_dir/requirements.txt --src vendor/
FROM python:3.6
ARG site_dir=/site/
RUN apt-get update; apt-get install -y \\
    python3-dev python3-venv \\
    && rm -rf /var/lib/apt/lists/*
RUN mkdir -p $site_dir
WORKDIR $site_dir
COPY --from=builder $site_dir $site_dir]
CMD ["echo", "test demo"]
"""
# Its two private lines; Django 1.11 is left out, because no Python of today runs it.
REQUIREMENTS = (
    "-e git+git@github.com:my_github_user/repo_1.git#egg=my_project1",
    "-e git+git@github.com:my_github_user/repo_2.git@my_branch@egg=my_project2",
)
MENDED_LINES = (
    "-e git+ssh://git@github.com/my_github_user/repo_1.git#egg=my_project1",
    "-e git+ssh://git@github.com/my_github_user/repo_2.git@my_branch#egg=my_project2",
)


PYPROJECT = """\
[project]
name = "my_project{number}"
version = "1.0"

[tool.setuptools]
packages = ["repo_{number}"]
"""


def mended(base: str) -> str:
    """The article's Dockerfile with what keeps it from running set right."""
    text = DOCKERFILE.replace("python:3.6", base)
    for wrong, right in (
        ("RUN chmod 700 /root/.ssh;", "ARG ssh_prv_key\nRUN mkdir -p /root/.ssh; chmod 700 /root/.ssh;"),
        ("$site_dir $site_dir]", "$site_dir $site_dir"),
    ):
        assert text.count(wrong) == 1
        text = text.replace(wrong, right)
    return text


@pytest.fixture
def article(
    engine: Docker, ssh_server: SshServer, ssh_remotes: Remotes, project: Project, tmp_path: Path
) -> Iterator[Project]:
    for number in ("1", "2"):
        remote = ssh_remotes.create(f"my_github_user/repo_{number}")
        remote.commit({"pyproject.toml": PYPROJECT.format(number=number)})
        remote.branch("my_branch")
    base = base_image(engine, ssh_server, tmp_path / "base")
    project.write("Dockerfile", mended(base))
    project.write("docker-compose.yml", COMPOSE.replace("      args:\n", "      network: host\n      args:\n"))
    project.write(".env", f"COMPOSE_PROJECT_NAME=article{secrets.token_hex(4)}\n")
    project.require(*MENDED_LINES)
    yield project
    engine("compose", "down", "--timeout", "0", cwd=project.root)
    engine("image", "rm", "--force", image_of(engine, project.root), base)


def test_it_builds_and_only_its_builder_holds_the_key(
    article: Project, engine: Docker, vendorws: Vendorws, ssh_server: SshServer, tmp_path: Path
) -> None:
    vendorws.ok("sync")
    key = ssh_server.keys.developer
    given: dict[str, str | None] = {"ssh_prv_key": key.read_text()}
    engine.ok("compose", "build", cwd=article.root, env=given, timeout=900)
    image = image_of(engine, article.root)
    assert engine.ok("run", "--rm", image) == "test demo\n"
    assert traces_of_key(engine, image, key, tmp_path) == []
    builder = f"{image}:builder"
    arguments = ("--quiet", "--network=host", "--build-arg", "ssh_prv_key", "--target=builder", "--tag", builder)
    engine.ok("build", *arguments, article.root, env=given, timeout=900)
    assert traces_of_key(engine, builder, key, tmp_path) != []
    engine.ok("image", "rm", "--force", builder)
    packages = engine.ok("run", "--rm", image, "ls", "vendor").split()
    assert packages == ["my-project1", "my-project2"]
    # What its author could only do by hand: the checkouts on the host are exactly where pip put them in the image.
    assert sorted(path.name for path in article.vendor.iterdir() if path.is_dir()) == packages
    checkout = article.checkout("my-project2")
    (checkout / "edited").write_text("on the host\n")
    seen = engine.ok("compose", "run", "--rm", "app", "cat", "vendor/my-project2/edited", cwd=article.root, env=given)
    assert seen == "on the host\n"


def test_its_requirements_are_understood_as_they_stand(article: Project, vendorws: Vendorws) -> None:
    article.require(*REQUIREMENTS)
    told = vendorws("sync")
    assert told.exit_code == 2
    assert "#egg=my_project2" in told.stderr  # `@egg=` is a slip of the pen, and what to write is said
    article.require(REQUIREMENTS[0], MENDED_LINES[1])
    told = vendorws.ok("sync")
    assert "git+ssh://git@github.com/my_github_user/repo_1.git#egg=my_project1" in told.stderr  # for pip >= 21
