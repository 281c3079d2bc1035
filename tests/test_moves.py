"""Each step alone on a real checkout: what it does, and what it refuses when the world changed since it was planned."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from tests.support.checkouts import lost, snapshot
from tests.support.git import git, git_says_yes
from tests.support.project import Project
from tests.support.remotes import Remote, Remotes
from tests.support.workspace import tree
from vendorws.checkouts import moves
from vendorws.checkouts.moves import NoSuchRef, Work
from vendorws.checkouts.observation import observe
from vendorws.checkouts.targets import kept_at
from vendorws.errors import ExitCode
from vendorws.git_client.command import Git
from vendorws.git_client.failures import GitFailed
from vendorws.model import (
    BringForward,
    Checkout,
    Clone,
    FastForward,
    Follow,
    Move,
    Pin,
    Retarget,
    State,
    Submodule,
    Submodules,
    Switch,
    Target,
    TargetKind,
    UpdateSubmodules,
)

CLONE = Clone(state=State.MISSING, reason="missing")


@dataclass(frozen=True, slots=True)
class Scene:
    """One package and its remote; `trace` has every git command."""

    project: Project
    upstream: Remote
    trace: list[str]

    @property
    def checkout(self) -> Path:
        return self.project.checkout("billing")

    def work(self, ref: str | None = "main") -> Work:
        pin = Pin("billing", self.upstream.url, ref, None, (), None, "requirements.txt", 7)
        runner = Git(vendor=self.project.vendor, cwd=self.project.vendor, trace=self.trace.append)
        return Work(runner, pin, "20261123T214500.000000Z-1a2b")

    def look(self, ref: str | None = "main") -> Checkout:
        found = observe(self.work().git, self.work(ref).pin)
        assert isinstance(found, Checkout), found
        return found

    def clone(self, ref: str | None = "main") -> None:
        self.project.vendor.mkdir(exist_ok=True)
        moves.apply(self.work(ref), CLONE, None)

    def apply(self, step: Move, ref: str | None = "main", checkout: Checkout | None = None) -> None:
        moves.apply(self.work(ref), step, checkout or self.look(ref))

    def head(self) -> str:
        return git(self.checkout, "rev-parse", "HEAD")

    def config(self, name: str) -> str:
        return git(self.checkout, "config", f"vendorws.{name}")


@pytest.fixture
def scene(project: Project, remotes: Remotes) -> Scene:
    return Scene(project, remotes.create("acme/billing"), [])


def forward(scene: Scene) -> FastForward:
    """Upstream has one commit more, which is fetched: the step that takes it."""
    tip = scene.upstream.commit({"CHANGES": "theirs\n", "new.py": "x\n"})
    git(scene.checkout, "fetch", "--quiet")
    return FastForward(state=State.BEHIND, reason="1 behind", branch="main", commit=tip, count=1)


def follow(scene: Scene) -> Follow:
    tip = scene.upstream.rewrite()
    git(scene.checkout, "fetch", "--quiet")
    return Follow(state=State.REWRITTEN, reason="rewritten", branch="main", commit=tip)


def switch(scene: Scene) -> Switch:
    target = Target(TargetKind.BRANCH, "develop", scene.upstream.head("develop"))
    return Switch(state=State.PIN_CHANGED, reason="the pin changed", target=target)


def bring_forward(scene: Scene) -> BringForward:
    git(scene.checkout, "checkout", "--quiet", "-b", "mine")
    tip = scene.upstream.commit({"CHANGES": "theirs\n"})
    git(scene.checkout, "fetch", "--quiet")
    return BringForward(state=State.OTHER_BRANCH, reason="behind", branch="main", commit=tip)


# -- clone -----------------------------------------------------------------------------------------------------


def test_a_clone_remembers_what_was_put_there(scene: Scene) -> None:
    scene.clone()
    assert (scene.config("pin"), scene.config("url")) == ("main", scene.upstream.url)
    assert scene.config("placed") == f"{scene.upstream.head()} main"
    shutil.rmtree(scene.checkout)
    scene.clone("v1.0")
    assert scene.config("placed") == scene.upstream.head("v1.0")
    shutil.rmtree(scene.checkout)
    scene.clone(None)
    assert (scene.config("pin"), scene.config("placed")) == ("", f"{scene.upstream.head()} main")


@pytest.mark.parametrize(
    ("ref", "what"), [("nothing", "branch, tag or commit nothing"), ("v9", "branch, tag or commit v9")]
)
def test_a_clone_that_fails_leaves_nothing(scene: Scene, ref: str, what: str) -> None:
    with pytest.raises(NoSuchRef) as failed:
        scene.clone(ref)
    assert failed.value.message == f"the remote has no {what}"
    assert failed.value.hint == "Correct what follows the @ in requirements.txt, line 7."
    assert failed.value.exit_code is ExitCode.ATTENTION
    assert list(scene.project.vendor.iterdir()) == []


def test_a_place_that_was_taken_meanwhile_is_not_taken_back(scene: Scene) -> None:
    scene.checkout.mkdir(parents=True)
    (scene.checkout / "mine.txt").write_text("mine\n")
    with pytest.raises(OSError, match="Directory not empty"):
        scene.clone()
    assert tree(scene.project.vendor) == {"billing": None, "billing/mine.txt": b"100644 mine\n"}


def test_a_clone_takes_no_name_for_an_option(scene: Scene) -> None:
    scene.project.vendor.mkdir()
    work = scene.work()
    evil = Work(work.git, replace(work.pin, url="--upload-pack=touch executed"), work.run)
    with pytest.raises(GitFailed):
        moves.apply(evil, CLONE, None)
    assert not list(scene.project.root.rglob("executed"))


def test_a_partial_clone_is_removed_though_it_is_written_to(tmp_path: Path) -> None:
    partial = tmp_path / f"{moves.partial_prefix('billing')}1"
    assert partial.name == ".billing.partial-1"
    (partial / "deep").mkdir(parents=True)
    (partial / "deep" / "readonly").touch(mode=0o444)
    moves.remove_partial(partial)
    assert not partial.exists()
    moves.remove_partial(partial)


# -- ask and fetch ---------------------------------------------------------------------------------------------


def test_the_remote_is_asked_for_no_more_than_the_pin(scene: Scene) -> None:
    scene.clone()
    tip = scene.upstream.commit()
    assert moves.ask(scene.work("main"), "origin").refs == {"refs/heads/main": tip}
    assert moves.ask(scene.work("nothing"), "origin").refs == {}
    tips = moves.ask(scene.work(None), "origin")
    assert tips.default_branch == "main" and tips.refs == {"HEAD": tip, "refs/heads/main": tip}
    commit = scene.upstream.tag("v2", annotated=True)
    tag = git(scene.upstream.bare, "rev-parse", "refs/tags/v2")
    assert moves.ask(scene.work("v2"), "origin").refs == {"refs/tags/v2": tag, "refs/tags/v2^{}": commit}


def target_of(scene: Scene, kind: TargetKind, name: str) -> Target:
    commit = git(scene.upstream.bare, "rev-parse", f"{name}^{{commit}}")
    tag = git(scene.upstream.bare, "rev-parse", f"refs/tags/{name}") if kind is TargetKind.TAG else None
    return Target(kind, name, commit, tag)


def test_a_fetch_moves_nothing_of_the_developers(scene: Scene) -> None:
    scene.clone()
    (scene.checkout / "CHANGES").write_text("mine\n")
    before = snapshot(scene.checkout)
    scene.upstream.commit()
    scene.upstream.branch("other")
    scene.upstream.delete_branch("develop")
    moves.fetch(scene.work(), scene.look(), target_of(scene, TargetKind.BRANCH, "main"))
    assert snapshot(scene.checkout).work == before.work
    refs = snapshot(scene.checkout).other_refs
    assert refs["refs/remotes/origin/main"] == scene.upstream.head()
    assert "refs/remotes/origin/other" not in refs, "only what the pin names"
    assert "refs/remotes/origin/develop" in refs, "and nothing is let go"
    assert not (scene.checkout / ".git/FETCH_HEAD").exists()


def test_a_moved_tag_is_kept_aside_and_the_developers_stays(scene: Scene) -> None:
    scene.clone("v1.0")
    old = git(scene.checkout, "rev-parse", "refs/tags/v1.0")
    scene.upstream.tag("v1.0", at="develop")
    moved = target_of(scene, TargetKind.TAG, "v1.0")
    moves.fetch(scene.work("v1.0"), scene.look("v1.0"), moved)
    assert git(scene.checkout, "rev-parse", "refs/tags/v1.0") == old
    assert git(scene.checkout, "rev-parse", kept_at("refs/tags/v1.0")) == moved.commit
    scene.trace.clear()
    moves.fetch(scene.work("v1.0"), scene.look("v1.0"), moved)
    assert not any("git fetch" in line for line in scene.trace), "it is here"


def test_what_is_here_is_not_fetched_again(scene: Scene) -> None:
    scene.clone()
    scene.trace.clear()
    moves.fetch(scene.work(), scene.look(), target_of(scene, TargetKind.BRANCH, "main"))
    moves.fetch(scene.work("nothing"), scene.look(), None)
    assert not any("git fetch" in line for line in scene.trace)


def test_a_fetch_that_fails(scene: Scene) -> None:
    scene.clone()
    shutil.rmtree(scene.upstream.bare)
    new = Target(TargetKind.BRANCH, "main", "1" * 40)
    for target, ref in ((new, "main"), (None, "1" * 40)):
        with pytest.raises(GitFailed) as failed:
            moves.fetch(scene.work(ref), scene.look(), target)
        assert failed.value.code_of_exit is ExitCode.NETWORK


def test_a_dry_run_fetches_objects_and_leaves_no_trace(scene: Scene) -> None:
    scene.clone()
    commit = scene.upstream.commit(branch="later")
    lost_one = scene.upstream.commit(branch="gone")
    scene.upstream.delete_branch("gone")
    before = tree(scene.checkout)
    for ref, wanted in ((None, commit), ("later", commit), (commit[:10], commit), (lost_one, lost_one)):
        target = target_of(scene, TargetKind.BRANCH, "later") if ref == "later" else None
        with moves.set_aside(scene.work(ref or commit)) as aside:
            moves.fetch_objects(aside, "origin", target)
            assert aside.inside.run("cat-file", "-e", wanted).code == 0
        assert not git_says_yes(scene.checkout, "cat-file", "-e", wanted)
    with moves.set_aside(scene.work("nothing")) as aside:
        moves.fetch_objects(aside, "origin", None)
    for branch in ("main", "develop", "later"):
        scene.upstream.delete_branch(branch)
    git(scene.upstream.bare, "tag", "-d", "v1.0")
    with moves.set_aside(scene.work(commit)) as aside:
        moves.fetch_objects(aside, "origin", None)
    assert tree(scene.checkout) == before


# -- steps -----------------------------------------------------------------------------------------------------


def test_fast_forward(scene: Scene) -> None:
    scene.clone()
    (scene.checkout / "README.md").write_text("mine\n")
    before = snapshot(scene.checkout)
    step = forward(scene)
    scene.apply(step)
    assert scene.head() == step.commit
    assert git(scene.checkout, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert scene.config("placed") == f"{step.commit} main"
    assert lost(before, scene.checkout) == []


def test_follow(scene: Scene) -> None:
    scene.clone()
    before = snapshot(scene.checkout)
    step = follow(scene)
    scene.apply(step)
    assert scene.head() == git(scene.checkout, "rev-parse", "refs/heads/main") == step.commit
    assert git(scene.checkout, "symbolic-ref", "HEAD") == "refs/heads/main"
    assert lost(before, scene.checkout) == [], "the old tip is kept under a rescue ref"


def test_switch_to_a_new_branch_an_old_one_a_tag_and_a_commit(scene: Scene) -> None:
    scene.clone()
    scene.apply(switch(scene), "develop")
    assert git(scene.checkout, "rev-parse", "--symbolic-full-name", "@{upstream}") == "refs/remotes/origin/develop"
    scene.apply(replace(switch(scene), target=target_of(scene, TargetKind.BRANCH, "main")))
    assert git(scene.checkout, "symbolic-ref", "HEAD") == "refs/heads/main"
    scene.apply(replace(switch(scene), target=target_of(scene, TargetKind.TAG, "v1.0")), "v1.0")
    assert not git_says_yes(scene.checkout, "symbolic-ref", "--quiet", "HEAD")
    assert (scene.config("pin"), scene.config("placed")) == ("v1.0", scene.upstream.head("v1.0"))
    commit = scene.upstream.head()
    scene.apply(replace(switch(scene), target=Target(TargetKind.COMMIT, commit, commit)), commit)
    assert scene.head() == scene.config("placed") == scene.config("pin") == commit


def test_bring_forward_leaves_what_is_checked_out(scene: Scene) -> None:
    scene.clone()
    (scene.checkout / "CHANGES").write_text("mine\n")
    step = bring_forward(scene)
    before = snapshot(scene.checkout)
    scene.apply(step)
    assert git(scene.checkout, "rev-parse", "main") == step.commit
    assert git(scene.checkout, "symbolic-ref", "HEAD") == "refs/heads/mine"
    assert snapshot(scene.checkout).files == before.files


def test_retarget_sets_an_origin_or_adds_one(scene: Scene, remotes: Remotes) -> None:
    scene.clone()
    remotes.create("acme/new")
    step = Retarget(state=State.WRONG_REMOTE, reason="changed", url="ssh://git@github.com/acme/new.git")
    scene.apply(step)
    assert git(scene.checkout, "config", "remote.origin.url") == scene.config("url") == step.url
    git(scene.checkout, "remote", "rename", "origin", "old")
    scene.apply(step)
    assert git(scene.checkout, "config", "remote.origin.url") == step.url


def test_retarget_does_not_trade_a_good_url_for_a_bad_one(scene: Scene) -> None:
    scene.clone()
    good = git(scene.checkout, "config", "remote.origin.url")
    step = Retarget(state=State.WRONG_REMOTE, reason="changed", url="ssh://git@github.com/acme/typo.git")
    with pytest.raises(GitFailed):
        scene.apply(step)
    assert git(scene.checkout, "config", "remote.origin.url") == good


@pytest.fixture
def inner(scene: Scene, remotes: Remotes) -> Remote:
    """The submodule `lib/inner` of the checkout; upstream of it has a branch and a commit on no branch."""
    remote = remotes.create("acme/inner")
    scene.clone()
    git(scene.checkout, "submodule", "--quiet", "add", remote.url, "lib/inner")
    git(scene.checkout, "commit", "--quiet", "-m", "Add inner")
    return remote


@pytest.mark.parametrize("where", ["here already", "on a branch", "on no branch", "beside a moved tag"])
def test_a_submodule_goes_to_its_recorded_commit(scene: Scene, inner: Remote, where: str) -> None:
    place = scene.checkout / "lib/inner"
    recorded = inner.head("main~1")
    if where != "here already":
        recorded = inner.commit(branch="gone" if where == "on no branch" else "main")
    if where == "on no branch":
        inner.delete_branch("gone")
    if where == "beside a moved tag":
        inner.tag("v1.0", at="develop")
    before = snapshot(scene.checkout)
    submodules = Submodules(behind=(Submodule("lib/inner", recorded),))
    scene.apply(UpdateSubmodules(state=State.SUBMODULE, reason="", submodules=submodules))
    assert git(place, "rev-parse", "HEAD") == recorded
    assert lost(before, scene.checkout) == []


def test_a_submodule_is_cloned(scene: Scene, inner: Remote) -> None:
    git(scene.checkout, "submodule", "--quiet", "deinit", "--force", "lib/inner")
    step = UpdateSubmodules(state=State.SUBMODULE, reason="", submodules=Submodules(missing=("lib/inner",)))
    scene.apply(step)
    assert git(scene.checkout / "lib/inner", "rev-parse", "HEAD") == inner.head()


def test_adopt_remembers_what_somebody_else_made(scene: Scene) -> None:
    scene.project.vendor.mkdir()
    git(scene.project.vendor, "clone", "--quiet", scene.upstream.url, "billing")
    moves.adopt(scene.work(), scene.look())
    assert scene.config("placed") == f"{scene.upstream.head()} main"
    before = tree(scene.checkout)
    moves.adopt(scene.work(), scene.look())
    moves.adopt(scene.work(), replace(scene.look(), target=None, placed=None))
    assert tree(scene.checkout) == before


# -- the world changed since the step was planned --------------------------------------------------------------


def commit_meanwhile(scene: Scene) -> None:
    git(scene.checkout, "commit", "--quiet", "--allow-empty", "-m", "meanwhile")


def edit_meanwhile(scene: Scene) -> None:
    (scene.checkout / "CHANGES").write_text("meanwhile\n")


def add_ignored_file_meanwhile(scene: Scene) -> None:
    (scene.checkout / ".git/info/exclude").write_text("new.py\n")
    (scene.checkout / "new.py").write_text("meanwhile\n")


def commit_to_main_meanwhile(scene: Scene) -> None:
    made = git(scene.checkout, "commit-tree", "main^{tree}", "-p", "main", "-m", "meanwhile")
    git(scene.checkout, "update-ref", "refs/heads/main", made)


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("plan", "ref", "meanwhile"),
    [
        (forward, "main", commit_meanwhile),
        (forward, "main", edit_meanwhile),
        (forward, "main", add_ignored_file_meanwhile),
        (follow, "main", commit_meanwhile),
        (follow, "main", edit_meanwhile),
        (switch, "develop", edit_meanwhile),
        (bring_forward, "main", commit_to_main_meanwhile),
    ],
)
def test_a_step_refuses_what_it_was_not_planned_on(
    scene: Scene, plan: Callable[[Scene], Move], ref: str, meanwhile: Callable[[Scene], None]
) -> None:
    scene.clone()
    step = plan(scene)
    planned_on = scene.look(ref)
    meanwhile(scene)
    before = snapshot(scene.checkout)
    with pytest.raises((GitFailed, moves.MovedMeanwhile)):
        scene.apply(step, ref, planned_on)
    assert lost(before, scene.checkout) == []
    assert git(scene.checkout, "rev-parse", "main") == before.local_refs["refs/heads/main"]
