"""What must not be seen of a URL."""

from __future__ import annotations

import time

import pytest

from tests.support.project import Project
from tests.support.remotes import Remotes
from tests.support.sandbox import Sandbox
from tests.support.workspace import Workspace
from vendorws.redaction import presentable, redact


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("https://user:token@host/x.git", "https://user:****@host/x.git"),
        ("git+https://user:token@host/x.git", "git+https://user:****@host/x.git"),
        ("https://token@host/x.git", "https://****@host/x.git"),
        ("HTTPS://token@host/x.git", "HTTPS://****@host/x.git"),
        ("http://:token@host/", "http://:****@host/"),
        ("git+http://token@host/", "git+http://****@host/"),
        ("https://user:p@ss@host/x@y.git", "https://user:****@host/x@y.git"),
        ("https://user:a:b@host/", "https://user:****@host/"),
        ("https://user:p%40ss@host:8443/x", "https://user:****@host:8443/x"),
        ('https://user:it\'s"<odd>"@host/x', "https://user:****@host/x"),
        ("ssh://git@host/x.git", "ssh://git@host/x.git"),
        ("ssh://git:password@host/x.git", "ssh://git:****@host/x.git"),
        ("git@host:acme/x.git", "git@host:acme/x.git"),
        ("https://host/a@b", "https://host/a@b"),
        ("file:///home/joe@work/x", "file:///home/joe@work/x"),
        ("joe@acme.example wrote https://host/x", "joe@acme.example wrote https://host/x"),
        (
            "'https://a:1@h/x' and https://b:2@h/y\nhttps://3@h/z",
            "'https://a:****@h/x' and https://b:****@h/y\nhttps://****@h/z",
        ),
        ("url=https://user:token@host", "url=https://user:****@host"),
        ("nothing to hide", "nothing to hide"),
    ],
)
def test_redact(text: str, shown: str) -> None:
    assert redact(text) == shown
    assert redact(shown) == shown


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("\x1b]0;mine\x07 \x9b2J \x7f \u202egpj", r"\x1b]0;mine\x07 \x9b2J \x7f \u202egpj"),
        ("a\tb\rc", r"a\tb\rc"),
        ("one\n  two\n", "one\n  two\n"),
        ("C:\\x1b", "C:\\x1b"),
        ("https://joe:to\x1bken@host\x1b and\nhttps://token@host", "https://joe:****@host\\x1b and\nhttps://****@host"),
        ("機能 ünï", "機能 ünï"),
        ("", ""),
    ],
)
def test_presentable(text: str, shown: str) -> None:
    assert presentable(text) == shown
    assert presentable(shown) == shown, "nothing is escaped twice"


@pytest.mark.parametrize("text", ["a" * 200_000 + "://", "https://" + "a" * 200_000, "a://" * 50_000, "@" * 100_000])
def test_it_takes_no_time_whatever_the_text(text: str) -> None:
    start = time.thread_time()
    presentable(text)
    assert time.thread_time() - start < 2


def test_no_output_of_any_command_has_the_token(
    project: Project, remotes: Remotes, workspace: Workspace, sandbox: Sandbox
) -> None:
    """Through a clone, a fetch, a move, a changed URL, a failure, a wrong line, -v and --json."""
    billing = remotes.create("acme/billing")
    url = "https://joe:s3cret@git.example.test/billing.git"
    sandbox.add_git_config(f'[url "file://{billing.bare}"]\n\tinsteadOf = {url}\n')
    project.require(f"-e git+{url}@main#egg=billing")
    seen = [workspace.ok("sync", "-v"), workspace.ok("status"), workspace.ok("list"), workspace.ok("status", "--json")]
    billing.commit()
    seen += [workspace.ok("sync", "-v", "--dry-run"), workspace.ok("sync", "-v"), workspace.ok("sync", "--json")]
    project.require("-e git+https://joe:s3cret@git.example.test/moved.git@main#egg=billing")
    seen += [workspace.type("sync", "--dry-run"), workspace.type("sync", "-v"), workspace.type("sync", "--json")]
    project.require("-e git+https://joe:s3cret@git.example.test/billing.git@main")
    seen += [workspace.type("sync"), workspace.type("list"), workspace.type("list", "--json")]
    project.require("-e git+https://s3cret@git.example.test/billing.git@main#egg=billing[x]")
    seen += [workspace.type("sync"), workspace.type("list"), workspace.type("undo", "-n")]
    assert [result.exit_code for result in seen if "s3cret" in str(result)] == []
    assert "joe:****@git.example.test" in "".join(map(str, seen))


@pytest.fixture
def workspace(project: Project) -> Workspace:
    return Workspace(project)
