"""A token in a URL reaches no screen, no log, no file and no note: it stays where the developer wrote it.

The URL itself is git's business and lies in the checkout's own `.git/config`, as pip leaves it there too. Everything
else that vendorws prints or writes is searched here, for the token as it is written and as git may decode it.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote, unquote

import pytest

from tests.support.command import COMMAND, Result
from tests.support.git import git, git_bytes
from tests.support.here import Here
from tests.support.project import Project
from tests.support.remotes import Remote, Remotes
from tests.support.sandbox import Sandbox
from tests.support.terminal import on_terminal

TOKENS = (
    "dev:ghp_S3cretS3cretS3cret",
    "ghp_S3cretS3cretS3cret",
    "ghp_S3cretS3cretS3cret:",
    "ghp_S3cretS3cretS3cret:x-oauth-basic",
    ":ghp_S3cretS3cretS3cret",
    "dev:S3cret%40with%3Aodd%2Fletters",
    "dev:S3cret@with:odd",
    "dev:S3cret$with~odd!*(letters)",
)
COMMANDS = (
    ("list",),
    ("list", "--json"),
    ("status",),
    ("status", "--json"),
    ("sync", "--dry-run", "-v"),
    ("sync", "-v"),
    ("status", "--fetch", "-v"),
    ("sync", "--json"),
    ("override",),
    ("override", "--stdout"),
    ("sync", "--switch", "--fix-url", "-v"),
    ("undo", "-v"),
    ("keyless", "--stdout"),
)


@dataclass(frozen=True, slots=True)
class Secret:
    """A login as it stands in a URL, `user:token`, and how much of it must never be seen."""

    login: str

    @property
    def hidden(self) -> str:
        user, _, token = self.login.partition(":")
        return user if token in ("", "x-oauth-basic") else token

    def is_in(self, text: str | bytes) -> bool:
        seen = text.decode("utf-8", "replace") if isinstance(text, bytes) else text
        forms = {self.hidden, unquote(self.hidden), quote(unquote(self.hidden), safe="")}
        return any(form in seen for form in forms)


@pytest.fixture(params=[*TOKENS[:2], *(pytest.param(login, marks=pytest.mark.slow) for login in TOKENS[2:])])
def secret(request: pytest.FixtureRequest) -> Secret:
    return Secret(request.param)


in_two_forms = pytest.mark.parametrize("secret", [Secret(login) for login in TOKENS[:2]], ids=TOKENS[:2])


@pytest.fixture
def vendorws(project: Project) -> Here:
    return Here(project.root)


@pytest.fixture
def billing(remotes: Remotes) -> Remote:
    return remotes.create("acme/billing")


def line(secret: Secret, ref: str = "main", name: str = "billing") -> str:
    return f"-e git+https://{secret.login}@github.com/acme/{name}.git@{ref}#egg={name}"


def let_in(secret: Secret, sandbox: Sandbox, remotes: Remotes) -> None:
    """The token opens the door: git finds the repositories behind this very URL."""
    base = f"file://{remotes.folder}/github.com/"
    sandbox.add_git_config(f'[url "{base}"]\n    insteadOf = "https://{secret.login}@github.com/"\n')


def compose(project: Project) -> None:
    project.write("docker-compose.yml", "services:\n  app:\n    build: .\n")
    project.write("Dockerfile", "FROM python:3.12\nWORKDIR /site\nRUN pip install -r requirements.txt --src vendor/\n")


def every_command(vendorws: Here, project: Project, secret: Secret) -> list[Result]:
    """Run all of them and look for the secret in what they say and in what they leave behind."""
    results = []
    for command in COMMANDS:
        result = vendorws(*command)
        assert not secret.is_in(result.stdout), (command, result)
        assert not secret.is_in(result.stderr), (command, result)
        assert [path for path in written(project) if secret.is_in(path.read_bytes())] == [], command
        assert not any(secret.is_in(noted) for noted in notes(project)), command
        results.append(result)
    return results


def written(project: Project) -> Iterator[Path]:
    """Every file but the developer's own requirements and git's config of a checkout."""
    for path in project.repository.rglob("*"):
        own = path.name in ("requirements.txt", "bad.txt") or path.match(".git/config")
        if path.is_file() and not path.is_symlink() and not own:
            yield path


def notes(project: Project) -> Iterator[bytes]:
    """What git keeps beside files: refs with their messages, and the objects that the refs of vendorws reach."""
    for checkout in project.vendor.glob("*/.git"):
        yield git_bytes(checkout.parent, "for-each-ref", "--format=%(refname) %(contents)")
        yield git_bytes(checkout.parent, "reflog", "--all")


def test_where_everything_goes_well(
    secret: Secret,
    project: Project,
    remotes: Remotes,
    billing: Remote,
    sandbox: Sandbox,
    vendorws: Here,
) -> None:
    let_in(secret, sandbox, remotes)
    compose(project)
    project.require(line(secret))
    assert "cloned" in "".join(result.stdout for result in every_command(vendorws, project, secret))
    assert secret.login in git(project.checkout("billing"), "config", "remote.origin.url"), (
        "pip's URL, letter by letter"
    )
    billing.commit()
    results = every_command(vendorws, project, secret)
    vendorws.ok("sync")
    billing.rewrite()
    results += every_command(vendorws, project, secret)
    said = "".join(result.stdout for result in results)
    assert "fast-forwarded" in said and "followed main" in said


def test_where_the_server_cannot_be_reached(secret: Secret, project: Project, vendorws: Here) -> None:
    """git itself prints the whole URL then."""
    compose(project)
    project.require(line(secret))
    results = every_command(vendorws, project, secret)
    assert 3 in [result.exit_code for result in results]


@in_two_forms
def test_where_the_server_cannot_be_reached_any_more(
    secret: Secret, project: Project, remotes: Remotes, billing: Remote, sandbox: Sandbox, vendorws: Here
) -> None:
    before = sandbox.git_config.read_text()
    let_in(secret, sandbox, remotes)
    project.require(line(secret))
    vendorws.ok("sync")
    sandbox.git_config.write_text(before)
    assert 3 in [result.exit_code for result in every_command(vendorws, project, secret)]


@pytest.mark.slow
@pytest.mark.parametrize("ref", ["nowhere", "0123456789abcdef0123456789abcdef01234567", "refs/pull/7/head"])
def test_where_there_is_no_such_ref(
    ref: str, project: Project, remotes: Remotes, billing: Remote, sandbox: Sandbox, vendorws: Here
) -> None:
    secret = Secret(TOKENS[0])
    let_in(secret, sandbox, remotes)
    project.require(line(secret, ref))
    assert 1 in [result.exit_code for result in every_command(vendorws, project, secret)]


@in_two_forms
def test_where_the_remote_of_the_checkout_is_another_one(
    secret: Secret, project: Project, remotes: Remotes, billing: Remote, sandbox: Sandbox, vendorws: Here
) -> None:
    """Both URLs are shown side by side; each has a token."""
    let_in(secret, sandbox, remotes)
    project.require(line(secret))
    vendorws.ok("sync")
    git(
        project.checkout("billing"),
        "remote",
        "set-url",
        "origin",
        f"https://{secret.login}@example.test/acme/other.git",
    )
    results = every_command(vendorws, project, secret)
    assert "origin is https://" in "".join(result.stdout for result in results)


@in_two_forms
def test_where_the_token_changes(
    secret: Secret, project: Project, remotes: Remotes, billing: Remote, sandbox: Sandbox, vendorws: Here
) -> None:
    old = Secret("dev:0ldS3cret0ld")
    for each in (old, secret):
        let_in(each, sandbox, remotes)
    project.require(line(old))
    vendorws.ok("sync")
    project.require(line(secret))
    results = every_command(vendorws, project, secret)
    assert not any(old.is_in(result.stdout + result.stderr) for result in results)
    assert secret.login in git(project.checkout("billing"), "config", "remote.origin.url")


@in_two_forms
def test_where_the_token_is_in_the_environment(
    secret: Secret,
    project: Project,
    remotes: Remotes,
    billing: Remote,
    sandbox: Sandbox,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    let_in(secret, sandbox, remotes)
    monkeypatch.setenv("ACME_LOGIN", secret.login)
    project.require("-e git+https://${ACME_LOGIN}@github.com/acme/billing.git@main#egg=billing")
    every_command(Here(project.root), project, secret)
    assert project.checkout("billing").is_dir()


@pytest.mark.sampled
@pytest.mark.parametrize(
    "bad",
    [
        "-e git+https://{login}@github.com/acme/billing.git",
        "-e git+https://{login}@github.com/acme/billing.git@-x#egg=billing",
        "-e git+https://{login}@github.com/acme/billing.git@main@egg=billing",
        "-e git+https://{login}@github.com/acme/billing.git@v1#egg=billing\n-e git+https://{login}@github.com/acme/b.git#egg=billing",
        "git+https://{login}@github.com/acme/billing.git#egg=billing",
        "billing @ git+https://{login}@github.com/acme/billing.git",
        "-e hg+https://{login}@github.com/acme/billing#egg=billing",
        "--index-url https://{login}@pypi.example.test/simple\n-e .",
        "--extra-index-url=https://{login}@pypi.example.test/simple\nnonsense ===",
        "-r https://{login}@example.test/requirements.txt",
        "-e git+https://{login}@[::1/acme/billing.git#egg=billing",
        "-e git+https://{login}@github.com:port/acme/billing.git#egg=billing",
    ],
)
def test_where_the_line_is_wrong_or_none_of_ours(bad: str, project: Project, vendorws: Here) -> None:
    for secret in map(Secret, (TOKENS[0], TOKENS[1])):
        project.require(*bad.format(login=secret.login).splitlines())
        for command in (("list",), ("list", "--json"), ("sync", "-v")):
            result = vendorws(*command)
            assert not secret.is_in(result.stdout + result.stderr), (command, result)


def test_what_git_traces(secret: Secret, project: Project, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Whoever looks for a fault sets GIT_TRACE; what git says then is shown where it fails."""
    for name in ("GIT_TRACE", "GIT_TRACE_SETUP", "GIT_TRACE_CURL", "GIT_CURL_VERBOSE"):
        monkeypatch.setenv(name, "1")
    project.require(line(secret))
    result = Here(project.root)("sync", "-v")
    assert result.exit_code == 3
    assert not secret.is_in(result.stdout + result.stderr), result


@in_two_forms
def test_what_a_screen_shows(
    secret: Secret, project: Project, remotes: Remotes, billing: Remote, sandbox: Sandbox
) -> None:
    let_in(secret, sandbox, remotes)
    project.require(line(secret), line(secret, name="nothing"))
    screen = on_terminal([*COMMAND, "sync"], cwd=project.root, columns=200)
    assert screen.exit_code == 3, screen.text
    assert not secret.is_in(screen.raw), screen.text
    assert re.search(r"billing\s+cloned", screen.text), screen.text
