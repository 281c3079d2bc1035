"""Which URL is which folder. git itself judges what the config makes of a URL."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.git import git
from vendorws.keyless.config import MOUNT, Source, config_text, neighbours, sources_of, spellings, submodule_url


def _rewritten(tmp_path: Path, text: str, url: str) -> str:
    """What git asks for instead of `url` under this config."""
    config = tmp_path / "config"
    config.write_text(text)
    return git(tmp_path, "ls-remote", "--get-url", url, env={"GIT_CONFIG_GLOBAL": str(config)})


def test_every_spelling_of_a_repository_is_its_folder(tmp_path: Path) -> None:
    text = config_text(sources_of([Source("billing", ("ssh://git@github.com/acme/billing.git",))]), ())
    for url in (
        "ssh://git@github.com/acme/billing.git",
        "git@github.com:acme/billing.git",
        "https://github.com/acme/billing.git",
    ):
        assert _rewritten(tmp_path, text, url) == f"{MOUNT}/billing"
    assert _rewritten(tmp_path, text, "https://github.com/acme/bill.git") == "https://github.com/acme/bill.git"


def test_a_name_that_begins_like_another_is_another(tmp_path: Path) -> None:
    sources = sources_of(
        [Source("repo", ("ssh://git@host/acme/repo",)), Source("repo-2", ("ssh://git@host/acme/repo_2",))]
    )
    text = config_text(sources, ["ssh://git@host/acme/repo_3", "ssh://git@other/acme/repo_3"])
    assert _rewritten(tmp_path, text, "ssh://git@host/acme/repo") == f"{MOUNT}/repo"
    assert _rewritten(tmp_path, text, "ssh://git@host/acme/repo.git") == f"{MOUNT}/repo"
    assert _rewritten(tmp_path, text, "ssh://git@host/acme/repo_2") == f"{MOUNT}/repo-2"
    assert _rewritten(tmp_path, text, "ssh://git@host/acme/repo_3") == "ssh://git@host/acme/repo_3"
    assert neighbours(sources, ["ssh://git@host/acme/repo_3", "ssh://git@host/acme/repo"]) == (
        "ssh://git@host/acme/repo_3",
    )


def test_what_is_written_counts_before_what_is_derived() -> None:
    ssh, https = "ssh://git@github.com/acme/x.git", "https://github.com/acme/x.git"
    assert sources_of([Source("a", (ssh,)), Source("b", (https,)), Source("c", (ssh,))]) == (
        Source("a", ("git@github.com:acme/x.git", ssh)),
        Source("b", (https,)),
    )


def test_urls_and_folders_are_quoted_as_git_reads_them(tmp_path: Path) -> None:
    url = 'ssh://git@host/a "b" \\c;#d.git'
    text = config_text([Source('x "y"', (url,))], ())
    assert _rewritten(tmp_path, text, url) == f'{MOUNT}/x "y"'


def test_folders_of_other_users_and_submodules_are_allowed(tmp_path: Path) -> None:
    config = tmp_path / "config"
    config.write_text(config_text((), ()))
    assert git(tmp_path, "config", "--file", str(config), "safe.directory") == "*"
    assert git(tmp_path, "config", "--file", str(config), "protocol.file.allow") == "always"


@pytest.mark.parametrize(
    ("url", "others"),
    [
        ("ssh://git@h/o/r", ("ssh://git@h/o/r.git", "git@h:o/r.git", "https://h/o/r.git")),
        ("git@h:o/r.git", ("ssh://git@h/o/r.git", "git@h:o/r.git", "https://h/o/r.git")),
        ("https://h/o/r/", ("ssh://git@h/o/r.git", "git@h:o/r.git", "https://h/o/r.git")),
        ("ssh://dev@h/o/r.git", ("ssh://dev@h/o/r.git", "dev@h:o/r.git", "https://h/o/r.git")),
        ("ssh://git@h:2222/o/r.git", ()),
        ("ssh://git@h/~dev/r.git", ()),
        ("file:///srv/r.git", ()),
        ("/srv/r.git", ()),
        ("https://user:token@h/o/r.git", ()),
    ],
)
def test_spellings_end_in_git_and_are_of_plain_hosts(url: str, others: tuple[str, ...]) -> None:
    assert spellings(url) == others


@pytest.mark.sampled
@pytest.mark.parametrize(
    "parent", ["ssh://git@h/o/r.git", "git@h:o/r.git", "git@h:r.git", "https://h/o/r/", "/srv/o/r"]
)
@pytest.mark.parametrize("written", ["../x.git", "./x.git", "../../p/x.git", "ssh://git@h/o/y.git", ".././x/"])
def test_relative_submodules_are_where_git_looks_for_them(parent: str, written: str, tmp_path: Path) -> None:
    git(tmp_path, "init", "--quiet")
    git(tmp_path, "remote", "add", "origin", parent)
    (tmp_path / ".gitmodules").write_text(f'[submodule "s"]\n\tpath = s\n\turl = {written}\n')
    commit = git(tmp_path, "commit-tree", "-m", "x", git(tmp_path, "write-tree"))
    git(tmp_path, "update-index", "--add", "--cacheinfo", f"160000,{commit},s")
    git(tmp_path, "submodule", "--quiet", "init")
    assert submodule_url(written, parent) == git(tmp_path, "config", "submodule.s.url")
