"""What a pin's ref stands for: the remote's answer and what was fetched say the same."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.remotes import Remote, Remotes
from vendorws.checkouts.moves import Work, ask
from vendorws.checkouts.repository import GitDirectory, Refs
from vendorws.checkouts.targets import Asked, Fetched, Known, find_target, kept_at
from vendorws.git_client.command import Git
from vendorws.model import Pin, Target, TargetKind


@dataclass(frozen=True, slots=True)
class Both:
    """One remote, and a clone of it that has fetched everything."""

    remote: Remote
    checkout: Path

    def find(self, ref: str | None) -> Target | None:
        """The target, found both ways; they must agree."""
        git(self.checkout, "fetch", "--quiet", "--tags", "--force", "--prune")
        pin = Pin("checkout", self.remote.url, ref, None, (), None, "requirements.txt", 1)
        runner = Git(vendor=self.checkout.parent, cwd=self.checkout.parent)
        asked = find_target(pin, Asked(ask(Work(runner, pin, "run"), "origin")))
        assert find_target(pin, self.fetched()) == asked
        return asked

    def fetched(self) -> Known:
        directory = GitDirectory(self.checkout / ".git", self.checkout / ".git")
        inside = Git(vendor=self.checkout.parent, cwd=self.checkout).inside(self.checkout)
        return Fetched(Refs(directory), "origin", inside)


@pytest.fixture
def both(remotes: Remotes, tmp_path: Path) -> Both:
    remote = remotes.create("acme/billing")
    git(tmp_path, "clone", "--quiet", remote.url, "checkout")
    return Both(remote, tmp_path / "checkout")


def test_a_branch(both: Both) -> None:
    assert both.find("develop") == Target(TargetKind.BRANCH, "develop", both.remote.head("develop"))


def test_the_default_branch(both: Both) -> None:
    assert both.find(None) == Target(TargetKind.BRANCH, "main", both.remote.head())


def test_a_lightweight_tag(both: Both) -> None:
    commit = both.remote.head("v1.0")
    assert both.find("v1.0") == Target(TargetKind.TAG, "v1.0", commit, tag_object=commit)


@pytest.mark.parametrize("packed", [False, True])
def test_an_annotated_tag(both: Both, packed: bool) -> None:
    commit = both.remote.tag("v2", annotated=True)
    if packed:
        both.find("v2")
        git(both.checkout, "gc", "--quiet")
    tag = git(both.remote.bare, "rev-parse", "refs/tags/v2")
    assert both.find("v2") == Target(TargetKind.TAG, "v2", commit, tag_object=tag) and tag != commit


def test_a_tag_of_a_tag(both: Both) -> None:
    both.remote.tag("v2", annotated=True)
    git(both.remote.bare, "tag", "-a", "-m", "again", "v3", "v2")
    found = both.find("v3")
    assert found is not None and found.commit == both.remote.head()


def test_a_branch_comes_before_a_tag_as_for_pip(both: Both) -> None:
    both.remote.branch("both", at="develop")
    both.remote.tag("both", at="main")
    assert both.find("both") == Target(TargetKind.BRANCH, "both", both.remote.head("develop"))


@pytest.mark.parametrize("ref", ["none", "heads/main", "origin/main", "v1", "HEAD", "main~1", "ma*", "deep", "0" * 40])
def test_what_is_no_ref_of_the_remote(both: Both, ref: str) -> None:
    both.remote.branch("deep/er")
    assert both.find(ref) is None


def test_the_end_of_a_name_is_not_the_name(both: Both) -> None:
    """`git ls-remote x main` would also list refs/heads/old/main."""
    git(both.remote.bare, "update-ref", "refs/heads/old/refs/heads/mine", both.remote.head())
    assert both.find("mine") is None


def test_a_full_ref_is_known_once_it_was_fetched(both: Both) -> None:
    git(both.remote.bare, "update-ref", "refs/pull/7/head", both.remote.head("develop"))
    kept = kept_at("refs/pull/7/head")
    assert kept == "refs/vendorws/pinned/pull/7/head"
    git(both.checkout, "fetch", "--quiet", "origin", f"refs/pull/7/head:{kept}")
    assert both.find("refs/pull/7/head") == Target(TargetKind.REF, "refs/pull/7/head", both.remote.head("develop"))


def test_a_tag_that_moved_on_the_remote_is_known_by_where_it_is_kept(both: Both) -> None:
    git(both.checkout, "update-ref", kept_at("refs/tags/v1.0"), both.remote.head("develop"))
    commit = both.remote.head("develop")
    pin = replace(Pin("checkout", both.remote.url, "v1.0", None, (), None, "requirements.txt", 1))
    assert find_target(pin, both.fetched()) == Target(TargetKind.TAG, "v1.0", commit, tag_object=commit)


def test_without_a_default_branch(both: Both) -> None:
    git(both.checkout, "remote", "set-head", "origin", "--delete")
    assert both.fetched().default() is None
