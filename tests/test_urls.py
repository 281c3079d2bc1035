"""Which URLs name one repository, and who is asked for them."""

from __future__ import annotations

import pytest

from tests.support.git import git
from tests.support.sandbox import Sandbox
from vendorws.git_client.urls import SshDestination, rewritten, same_repository, server, ssh_destination

ONE = "ssh://git@github.com/acme/billing.git"


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (ONE, ONE),
        (ONE, "ssh://git@github.com/acme/billing"),
        (ONE, "ssh://git@github.com/acme/billing/"),
        (ONE, "ssh://git@github.com/acme/billing.git/"),
        (ONE, "ssh://git@GitHub.com:22/acme/billing.git"),
        (ONE, "SSH://git@github.com:022/acme/billing.git"),
        (ONE, "git@github.com:acme/billing.git"),
        (ONE, "git@github.com:/acme/billing"),
        (ONE, "ssh://git@github.com:acme/billing.git"),
        ("ssh://git@github.com:/acme/billing.git", ONE),
        ("https://github.com/a/b.git", "https://github.com:443/a/b"),
        ("http://github.com/a/b.git", "http://github.com:80/a/b"),
        ("git://github.com/a/b.git", "git://github.com:9418/a/b"),
        ("https://joe:old@github.com/a/b", "https://joe:new@github.com/a/b"),
        ("ssh://git@[::1]:22/a/b", "git@[::1]:a/b"),
        ("file:///srv/git/b.git", "/srv/git/b"),
        ("file:///srv/my%20git/b.git", "/srv/my git/b"),
        ("https://[oops/a", "https://[oops/a"),
    ],
)
def test_one_repository(one: str, other: str) -> None:
    assert same_repository(one, other)
    assert same_repository(other, one)


@pytest.mark.parametrize(
    "other",
    [
        "ssh://git@github.com/acme/billing2.git",
        "ssh://git@github.com/joe/billing.git",
        "ssh://git@github.com:2222/acme/billing.git",
        "ssh://joe@github.com/acme/billing.git",
        "ssh://github.com/acme/billing.git",
        "ssh://git@gitlab.com/acme/billing.git",
        "https://github.com/acme/billing.git",
        "git@github.com:acme/Billing.git",
        "/acme/billing.git",
        "https://[oops/acme/billing.git",
        "",
    ],
)
def test_another_repository(other: str) -> None:
    assert not same_repository(ONE, other)


@pytest.mark.parametrize(
    ("url", "asked"),
    [
        (ONE, "ssh://git@github.com:22"),
        ("git@github.com:joe/x.git", "ssh://git@github.com:22"),
        ("ssh://git@GitHub.com:2222/a/b", "ssh://git@github.com:2222"),
        ("https://joe:token@git.example.test/a/b", "https://joe@git.example.test:443"),
        ("https://git.example.test:8443/a/b", "https://git.example.test:8443"),
        ("ftp://git.example.test/a", "ftp://git.example.test:"),
        ("/srv/git/b.git", None),
        ("file:///srv/git/b.git", None),
        ("../b.git", None),
        ("https://[oops/a", None),
    ],
)
def test_the_server(url: str, asked: str | None) -> None:
    assert server(url) == asked


@pytest.mark.parametrize(
    ("url", "arguments"),
    [
        (ONE, ("git@github.com",)),
        ("ssh://github.com/a", ("github.com",)),
        ("ssh://git@github.com:2222/a/b", ("-p", "2222", "git@github.com")),
        ("ssh://git@github.com:/a/b", ("git@github.com",)),
        ("ssh://git@[2001:db8::1]:2222/a", ("-p", "2222", "git@2001:db8::1")),
        ("git+ssh://git@github.com/a", ("git@github.com",)),
        ("git@github.com:a/b.git", ("git@github.com",)),
        ("github.com:a/b.git", ("github.com",)),
    ],
)
def test_whom_ssh_talks_to_is_whom_git_makes_it_talk_to(url: str, arguments: tuple[str, ...], sandbox: Sandbox) -> None:
    """git itself is the witness: it runs a program in place of ssh, which notes its arguments."""
    destination = ssh_destination(url)
    assert destination is not None and destination.arguments == arguments
    noted = sandbox.root / "noted"
    witness = sandbox.bin / "witness"
    witness.write_text(f'#!/bin/sh\nfor word; do echo "$word"; done > "{noted}"\nexit 1\n')
    witness.chmod(0o755)
    environment = {"GIT_SSH": str(witness), "GIT_SSH_VARIANT": "ssh", "GIT_PROTOCOL": "", "GIT_CONFIG_COUNT": "1"}
    protocol = {"GIT_CONFIG_KEY_0": "protocol.version", "GIT_CONFIG_VALUE_0": "0"}
    with pytest.raises(AssertionError):
        git(sandbox.home, "ls-remote", url, env=environment | protocol)
    assert tuple(noted.read_text().splitlines()[:-1]) == arguments


@pytest.mark.parametrize(
    "url",
    [
        "https://github.com/a/b",
        "/srv/git/b.git",
        "./with:colon",
        "../b.git",
        "ssh://git%40x@github.com/a",
        "ssh://-oProxyCommand=x/a",
        "ssh://[oops/a",
        "ssh:///a",
    ],
)
def test_where_it_is_not_certain_nobody_is_named(url: str) -> None:
    assert ssh_destination(url) is None


def test_destinations_are_equal_by_what_they_say() -> None:
    assert ssh_destination(ONE) == SshDestination("git@github.com", None)
    assert len({ssh_destination(ONE), ssh_destination("git@github.com:x/y")}) == 1


RULES = (("ssh://git@github.com/", "file:///a/"), ("ssh://git@github.com/acme/", "file:///b/"), ("gh:", "https://g/"))


@pytest.mark.parametrize("url", [ONE, "ssh://git@github.com/joe/x.git", "gh:joe/x", "https://github.com/joe/x"])
def test_insteadof_is_what_git_makes_of_it(url: str, sandbox: Sandbox) -> None:
    sandbox.add_git_config("".join(f'[url "{base}"]\n\tinsteadOf = {prefix}\n' for prefix, base in RULES))
    assert rewritten(url, RULES) == git(sandbox.home, "ls-remote", "--get-url", url)
