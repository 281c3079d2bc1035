"""One look at a checkout: it sees what git sees, it changes nothing, and it costs next to nothing."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from tests.support.git import git, git_says_yes
from tests.support.project import Project
from tests.support.remotes import Remote, Remotes
from tests.support.workspace import tree
from vendorws.checkouts.observation import observe
from vendorws.git_client.command import Git
from vendorws.git_client.failures import GitFailed
from vendorws.model import (
    Broken,
    Changes,
    Checkout,
    EmptyFolder,
    Finding,
    HeldSubmodule,
    Hold,
    LocalBranch,
    Missing,
    Occupied,
    Pin,
    Placed,
    Symlink,
    Target,
    TargetKind,
    Tips,
)


@pytest.fixture
def billing(remotes: Remotes) -> Remote:
    return remotes.create("acme/billing")


@pytest.fixture
def checkout(project: Project, billing: Remote) -> Path:
    """A clone of main that vendorws knows nothing of yet."""
    project.vendor.mkdir()
    git(project.vendor, "clone", "--quiet", billing.url, "billing")
    return project.checkout("billing")


def look(checkout: Path, ref: str | None = "main", tips: Tips | None = None, **runner: object) -> Finding:
    """Observe, and prove that nothing was changed by it."""
    pin = Pin(checkout.name, "ssh://git@github.com/acme/billing.git", ref, None, (), None, "requirements.txt", 1)
    before = tree(checkout.parent)
    found = observe(Git(vendor=checkout.parent, cwd=checkout.parent, **runner), pin, tips)  # type: ignore[arg-type]
    assert tree(checkout.parent) == before
    return found


def see(checkout: Path, ref: str | None = "main", tips: Tips | None = None) -> Checkout:
    found = look(checkout, ref, tips)
    assert isinstance(found, Checkout), found
    return found


def commit(checkout: Path, text: str = "mine\n", file: str = "mine.txt") -> str:
    (checkout / file).write_text(text)
    git(checkout, "add", file)
    git(checkout, "commit", "--quiet", "-m", f"My {file}")
    return git(checkout, "rev-parse", "HEAD")


# -- what is there ---------------------------------------------------------------------------------------------


def test_nothing_and_what_is_no_repository(project: Project, tmp_path: Path) -> None:
    project.vendor.mkdir()
    place = project.checkout("billing")
    assert look(place) == Missing()
    place.mkdir()
    assert look(place) == EmptyFolder()
    (place / "setup.py").touch()
    assert look(place) == Occupied("a folder with setup.py")
    for name in ("b", "c", "d"):
        (place / name).touch()
    assert look(place) == Occupied("a folder with b, c, d and more")
    place.rename(tmp_path / "elsewhere")
    place.touch()
    assert look(place) == Occupied("a file")
    place.unlink()
    place.symlink_to("../elsewhere")
    assert look(place) == Symlink("../elsewhere")
    place.unlink()
    place.symlink_to("nowhere")
    assert look(place) == Symlink("nowhere")


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        (lambda checkout: (checkout / ".git/HEAD").unlink(), "its .git has no HEAD"),
        (lambda checkout: (checkout / ".git/config").write_text("[oops\n"), "config cannot be read: bad line 1"),
        (
            lambda checkout: git(checkout, "config", "core.worktree", "../other"),
            "its core.worktree is ../other",
        ),
        (lambda checkout: (checkout / ".git/HEAD").write_text("nonsense\n"), "its .git has no HEAD"),
        (lambda checkout: (checkout / ".git/HEAD").write_text("ref: x\n"), "git does not take it for a repository"),
    ],
    ids=["no HEAD", "a bad config", "a work tree elsewhere", "a bad HEAD", "an odd HEAD"],
)
def test_a_repository_that_git_cannot_work_with(checkout: Path, arrange: object, why: str) -> None:
    arrange(checkout)  # type: ignore[operator]
    assert look(checkout) == Broken(why)


def test_the_repository_of_somebody_else(project: Project) -> None:
    place = project.checkout("billing")
    place.mkdir(parents=True)
    (place / ".git").symlink_to(project.repository / ".git")
    assert look(place) == Broken(f"its repository is that of {project.repository}")


def test_a_repository_that_git_will_not_read(checkout: Path) -> None:
    (checkout / ".git/index").write_bytes(b"damaged")
    with pytest.raises(GitFailed) as failed:
        look(checkout)
    assert "index file" in failed.value.git_says


# -- the usual case --------------------------------------------------------------------------------------------


def test_in_sync_is_seen_with_one_process(checkout: Path, billing: Remote) -> None:
    trace: list[str] = []
    found = look(checkout, trace=trace.append)
    assert len(trace) == 1 and trace[0].startswith("billing: git status ")
    head = billing.head()
    assert isinstance(found, Checkout)
    assert found == replace(
        found,
        remote="origin",
        url=billing.url,
        head=head,
        branch="main",
        target=Target(TargetKind.BRANCH, "main", head),
        gone=False,
        last_known=head,
        ahead=0,
        behind=0,
        own=0,
        fork=None,
        unpublished=0,
        changes=Changes(),
        in_the_way=(),
        operation=None,
        stashes=0,
        shallow=False,
        local=None,
        local_tag=None,
        placed=None,
        ssh_command=None,
    )


def test_what_has_changed(checkout: Path) -> None:
    (checkout / "README.md").write_text("staged\n")
    git(checkout, "add", "README.md")
    (checkout / "README.md").write_text("staged, and again\n")
    (checkout / "CHANGES").write_text("unstaged\n")
    (checkout / "a folder").mkdir()
    for name in ("one", "two\nlines"):
        (checkout / "a folder" / name).touch()
    (checkout / "naïve\n.txt").touch()
    (checkout / "ignored.log").touch()
    (checkout / ".git/info/exclude").write_text("*.log\n")
    git(checkout, "mv", "pyproject.toml", "moved.toml")
    assert see(checkout).changes == Changes(staged=3, unstaged=2, untracked=2)


def test_a_name_that_is_no_utf_8(checkout: Path) -> None:
    (checkout / "caf\udce9").touch()
    assert see(checkout).changes.untracked == 1


def test_conflicts_an_operation_and_stashes(checkout: Path) -> None:
    (checkout / "CHANGES").write_text("put away\n")
    git(checkout, "stash")
    git(checkout, "checkout", "--quiet", "-b", "other", "HEAD~1")
    commit(checkout, "other\n", "CHANGES")
    git(checkout, "checkout", "--quiet", "main")
    assert not git_says_yes(checkout, "merge", "other")
    found = see(checkout)
    assert (found.changes.conflicted, found.operation, found.stashes) == (1, "merge", 1)


# -- against the pin -------------------------------------------------------------------------------------------


def test_behind_and_what_is_in_the_way(checkout: Path, billing: Remote) -> None:
    billing.commit({"CHANGES": "theirs\n", "new.py": "x\n", "other.py": "y\n"})
    git(checkout, "fetch", "--quiet")
    (checkout / "CHANGES").write_text("mine\n")
    (checkout / "new.py").write_text("mine\n")
    (checkout / "README.md").write_text("mine, and in nobody's way\n")
    found = see(checkout)
    assert (found.ahead, found.behind, found.in_the_way) == (0, 1, ("CHANGES", "new.py"))


def test_ahead(checkout: Path) -> None:
    commit(checkout)
    found = see(checkout)
    assert (found.ahead, found.behind, found.own, found.fork) == (1, 0, 1, None)


def test_diverged(checkout: Path, billing: Remote) -> None:
    commit(checkout)
    billing.commit()
    git(checkout, "fetch", "--quiet")
    found = see(checkout)
    assert (found.ahead, found.behind, found.own, found.fork) == (1, 1, 1, None)


def test_a_rewritten_branch_is_told_from_a_diverged_one(checkout: Path, billing: Remote) -> None:
    billing.rewrite(drop=1)
    git(checkout, "fetch", "--quiet")
    found = see(checkout)
    assert (found.ahead, found.behind, found.own) == (1, 1, 0), "nothing here is the developer's"


def test_own_commits_on_a_branch_that_was_rewritten(checkout: Path, billing: Remote) -> None:
    old = billing.head()
    commit(checkout)
    billing.rewrite(drop=1)
    git(checkout, "fetch", "--quiet")
    found = see(checkout)
    assert (found.ahead, found.behind, found.own, found.fork) == (2, 1, 1, old)


def test_what_vendorws_put_there_is_known_without_a_reflog(checkout: Path, billing: Remote) -> None:
    git(checkout, "config", "vendorws.url", billing.url)
    git(checkout, "config", "vendorws.pin", "main")
    git(checkout, "config", "vendorws.placed", f"{billing.head()} main")
    billing.rewrite(drop=1)
    git(checkout, "fetch", "--quiet")
    for log in (checkout / ".git/logs/refs/remotes").rglob("main"):
        log.unlink()
    found = see(checkout)
    assert found.placed == Placed("main", billing.url, "main", git(checkout, "rev-parse", "HEAD"))
    assert (found.ahead, found.own) == (1, 0)


def test_what_git_would_not_tell_of_is_in_the_way_too(checkout: Path, billing: Remote) -> None:
    """Nobody told vendorws that this checkout is its own: all the more it must see what a move would overwrite."""
    git(checkout, "update-index", "--assume-unchanged", "CHANGES")
    (checkout / "CHANGES").write_text("mine\n")
    billing.commit({"CHANGES": "theirs\n"})
    git(checkout, "fetch", "--quiet")
    found = see(checkout)
    assert found.placed is None
    assert (found.in_the_way, found.hidden) == (("CHANGES",), ("CHANGES",))
    git(checkout, "checkout", "--quiet", "-b", "mine")
    assert see(checkout).in_the_way == ("CHANGES",), "for --switch"


def test_a_branch_whose_upstream_is_another_one(checkout: Path, billing: Remote) -> None:
    """`git status` counts against the upstream that is configured; the pin is what matters."""
    git(checkout, "branch", "--quiet", "--set-upstream-to=origin/develop")
    assert (see(checkout).ahead, see(checkout).behind) == (0, 0)
    git(checkout, "reset", "--quiet", "--hard", "HEAD~1")
    assert (see(checkout).ahead, see(checkout).behind) == (0, 1)
    git(checkout, "branch", "--quiet", "--unset-upstream")
    assert (see(checkout).ahead, see(checkout).behind) == (0, 1)


def test_what_of_a_branch_is_not_pushed(checkout: Path, billing: Remote) -> None:
    assert see(checkout).unpushed == 0
    git(checkout, "checkout", "--quiet", "--no-track", "-b", "mine", "origin/main")
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "mine")
    assert see(checkout).unpushed is None, "it has no upstream"
    git(checkout, "branch", "--quiet", "--set-upstream-to=main")
    assert see(checkout).unpushed is None, "a branch of this repository is no upstream"
    git(checkout, "branch", "--quiet", "--set-upstream-to=origin/main")
    assert see(checkout).unpushed == 1
    git(checkout, "push", "--quiet", "origin", "mine")
    assert see(checkout).unpushed == 0, "pushed under its own name, without -u"
    git(checkout, "branch", "--quiet", "--set-upstream-to=origin/mine")
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "mine again")
    assert see(checkout).unpushed == 1
    git(checkout, "update-ref", "-d", "refs/remotes/origin/mine")
    assert see(checkout).unpushed is None, "its upstream is gone"
    git(checkout, "checkout", "--quiet", "--detach")
    assert see(checkout).unpushed is None


def test_on_another_branch_the_pinned_one_is_looked_at_too(checkout: Path, billing: Remote) -> None:
    old = billing.head()
    git(checkout, "checkout", "--quiet", "-b", "mine")
    assert see(checkout).local == LocalBranch(old, 0, 0)
    commit(checkout)
    billing.commit()
    git(checkout, "fetch", "--quiet")
    found = see(checkout)
    assert found.branch == "mine" and found.local == LocalBranch(old, 0, 1)
    assert found.unpublished == 0, "what is on a branch of the developer's own is no concern"
    git(checkout, "branch", "--quiet", "-D", "main")
    assert see(checkout).local is None
    assert see(checkout, "v1.0").local is None


def test_detached_with_and_without_commits_of_its_own(checkout: Path, billing: Remote) -> None:
    git(checkout, "checkout", "--quiet", "--detach", "HEAD~1")
    found = see(checkout)
    assert (found.branch, found.unpublished) == (None, 0)
    commit(checkout)
    assert see(checkout).unpublished == 1
    git(checkout, "tag", "kept")
    assert see(checkout).unpublished == 0


def test_a_commit_that_only_a_pin_brought_is_not_the_developers(checkout: Path, billing: Remote) -> None:
    lost = billing.commit(branch="gone")
    billing.delete_branch("gone")
    git(checkout, "fetch", "--quiet", "origin", lost)
    git(checkout, "checkout", "--quiet", "--detach", lost)
    git(checkout, "config", "vendorws.url", billing.url)
    git(checkout, "config", "vendorws.pin", lost)
    git(checkout, "config", "vendorws.placed", lost)
    assert see(checkout).unpublished == 0


@pytest.mark.parametrize("length", [7, 12, 40])
def test_a_commit(checkout: Path, billing: Remote, length: int) -> None:
    commit_id = billing.head("main~1")
    assert see(checkout, commit_id[:length]).target == Target(TargetKind.COMMIT, commit_id[:length], commit_id)
    upper = commit_id[:length].upper()
    assert see(checkout, upper).target == Target(TargetKind.COMMIT, upper, commit_id)


@pytest.mark.parametrize("ref", ["dead", "0" * 40, "beef123", "cafe"])
def test_what_looks_like_a_commit_and_is_none(checkout: Path, ref: str) -> None:
    git(checkout, "branch", "dead")
    git(checkout, "tag", "cafe1")
    assert see(checkout, ref).target is None


def test_a_tag_and_what_it_holds_here(checkout: Path, billing: Remote) -> None:
    billing.tag("v2", annotated=True)
    git(checkout, "fetch", "--quiet", "--tags")
    found = see(checkout, "v2")
    assert found.target is not None and found.target.kind is TargetKind.TAG
    assert found.local_tag == git(checkout, "rev-parse", "refs/tags/v2") != found.target.commit


def test_what_the_remote_no_longer_has(checkout: Path, billing: Remote) -> None:
    empty = Tips({}, None)
    found = see(checkout, "develop", empty)
    assert found.target is None and found.gone and found.last_known == billing.head("develop")
    assert see(checkout, "v1.0", empty).last_known == billing.head("v1.0")
    assert see(checkout, "never", empty).last_known is None
    assert see(checkout, None, empty).last_known is None
    unknown = see(checkout, "never")
    assert unknown.target is None and not unknown.gone


def test_a_branch_that_a_fetch_with_prune_has_shown_to_be_gone(checkout: Path, billing: Remote) -> None:
    git(checkout, "remote", "set-head", "origin", "develop")
    for name, value in (("url", billing.url), ("pin", "main"), ("placed", f"{billing.head()} main")):
        git(checkout, "config", f"vendorws.{name}", value)
    billing.delete_branch("main")
    assert not see(checkout).gone, "nobody has looked yet"
    git(checkout, "fetch", "--quiet", "--prune")
    found = see(checkout)
    assert found.target is None and found.gone and found.last_known == git(checkout, "rev-parse", "HEAD")
    git(checkout, "remote", "rename", "origin", "old")
    git(checkout, "remote", "add", "origin", billing.url)
    assert not see(checkout).gone, "that remote was never fetched from"


@pytest.mark.parametrize(
    ("ref", "similar"),
    [("mian", "main"), ("develp", "develop"), ("v1.00", "v1.0"), ("release/9", None), ("HEAB", None), ("main", None)],
)
def test_what_a_pin_may_have_meant(checkout: Path, ref: str, similar: str | None) -> None:
    assert see(checkout, ref, Tips({}, None)).similar == similar
    git(checkout, "pack-refs", "--all")
    assert see(checkout, ref, Tips({}, None)).similar == similar


# -- remotes, configuration ------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("remotes_here", "remote", "url"),
    [
        ({"origin": "git@github.com:acme/billing"}, "origin", "git@github.com:acme/billing"),
        ({"zed": "git@github.com:acme/billing", "acme": "ssh://git@github.com/acme/billing"}, "acme", None),
        (
            {"origin": "git@github.com:joe/billing", "upstream": "git@github.com:acme/billing"},
            "upstream",
            "git@github.com:joe/billing",
        ),
        ({"origin": "git@github.com:joe/billing"}, None, "git@github.com:joe/billing"),
        ({"origin": "https://[broken/x"}, None, "https://[broken/x"),
        ({}, None, None),
    ],
)
def test_any_remote_that_has_the_pins_url_is_the_pins(
    checkout: Path, remotes_here: dict[str, str], remote: str | None, url: str | None
) -> None:
    git(checkout, "remote", "remove", "origin")
    for name, there in remotes_here.items():
        git(checkout, "remote", "add", name, there)
    found = see(checkout)
    assert (found.remote, found.url) == (remote, url)


def test_the_checkouts_own_ssh_command(checkout: Path) -> None:
    git(checkout, "config", "core.sshCommand", 'ssh -i "/my keys/acme"')
    assert see(checkout).ssh_command == 'ssh -i "/my keys/acme"'


def test_refs_in_a_form_that_only_git_reads(checkout: Path, billing: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """Stands in for a reftable, which git before 2.45 does not know: the refs are asked for instead of read."""
    billing.tag("v2", annotated=True)
    git(checkout, "fetch", "--quiet", "--tags")
    (checkout / "README.md").write_text("put away\n")
    git(checkout, "stash")
    refs = ("main", "develop", "v1.0", "v2", None, "nothing")
    read = [see(checkout, ref) for ref in refs]
    assert read[0].stashes == 1
    monkeypatch.setattr("vendorws.checkouts.observation.read_config", _as_reftable)
    assert [see(checkout, ref) for ref in refs] == read


def _as_reftable(directory: object) -> object:
    from vendorws.checkouts.repository import read_config

    return replace(read_config(directory), ref_storage="reftable")  # type: ignore[arg-type]


# -- submodules ------------------------------------------------------------------------------------------------


@pytest.fixture
def inner(checkout: Path, billing: Remote, remotes: Remotes) -> Path:
    """A submodule `lib/inner` of the checkout, recorded and clean."""
    remote = remotes.create("acme/inner")
    git(checkout, "submodule", "--quiet", "add", remote.url, "lib/inner")
    git(checkout, "commit", "--quiet", "-m", "Add inner")
    return checkout / "lib/inner"


def test_submodules_that_need_nothing(checkout: Path, inner: Path) -> None:
    submodules = see(checkout).submodules
    assert not submodules.missing and not submodules.behind and not submodules.held
    assert not see(checkout).changes.tracked


def test_a_submodule_that_is_not_cloned(checkout: Path, inner: Path) -> None:
    git(checkout, "submodule", "--quiet", "deinit", "--force", "lib/inner")
    assert see(checkout).submodules.missing == ("lib/inner",)


def test_a_submodule_at_another_published_commit(checkout: Path, inner: Path) -> None:
    recorded = git(inner, "rev-parse", "HEAD")
    git(inner, "checkout", "--quiet", "--detach", "HEAD~1")
    (found,) = see(checkout).submodules.behind
    assert (found.path, found.recorded) == ("lib/inner", recorded)


def test_a_submodule_with_work_of_its_own(checkout: Path, inner: Path) -> None:
    recorded = git(inner, "rev-parse", "HEAD")
    commit(inner)
    assert see(checkout).submodules.held == (HeldSubmodule("lib/inner", recorded, Hold.AHEAD),)
    git(inner, "branch", "-f", "mine")
    git(inner, "checkout", "--quiet", "--detach", "HEAD~2")
    assert see(checkout).submodules.held == ()
    (inner / "README.md").write_text("mine\n")
    assert see(checkout).submodules.held == (HeldSubmodule("lib/inner", recorded, Hold.CHANGES),)
    git(inner, "commit", "--quiet", "--all", "-m", "Beside it")
    assert see(checkout).submodules.held == (HeldSubmodule("lib/inner", recorded, Hold.DIVERGED),)


def test_a_submodule_with_an_operation_in_progress(checkout: Path, inner: Path) -> None:
    git(inner, "checkout", "--quiet", "--detach", "HEAD~1")
    git(inner, "bisect", "start")
    (held,) = see(checkout).submodules.held
    assert (held.path, held.hold) == ("lib/inner", Hold.OPERATION)


def test_a_gitmodules_that_names_places_outside(checkout: Path, tmp_path: Path) -> None:
    (checkout / ".gitmodules").write_text('[submodule "x"]\n\tpath = ../../../outside\n\turl = ./x\n')
    assert see(checkout).submodules.missing == ()
