"""Whatever upstream does, whatever the developer does, whatever is pinned and asked for: no work is ever lost.

Hypothesis tells stories: a colleague commits, force-pushes, deletes and renames upstream; the developer edits, stages,
commits, stashes, merges, rebases, moves things about; the requirements file changes; and then `sync` runs, with any
option, or `undo`. What is the developer's is written down before by plain git and looked for afterwards
(tests/support/promises.py).

A few stories are told in `make test`. In the slow tests HYPOTHESIS_PROFILE chooses: `ci` (500 stories, what they tell
by default) or `nightly` (5,000). Those of the night are new ones each time; the others are the same, so that a change
is judged by what it changes. A failure prints the seed; HYPOTHESIS_SEED tells the stories of that seed.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import random
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from tests.support.command import Result
from tests.support.git import git, git_says_yes
from tests.support.here import Here
from tests.support.process_tree import running_in
from tests.support.promises import DEVELOPER, Stock, broken_promises, take_stock
from tests.support.remotes import HOST, Remote, Remotes
from tests.support.sandbox import Sandbox
from tests.support.submodules import add_submodules, record
from tests.support.workspace import tree

EXAMPLES = {"few": 6, "ci": 500, "nightly": 5_000}
PROFILE = os.environ.get("HYPOTHESIS_PROFILE", "ci")
SEED = os.environ.get("HYPOTHESIS_SEED")  # read here, for the sandbox of a test lets no such thing in
STEPS = 16
BATCH = 9
"""After its first ten stories Hypothesis varies what it has told, so every few begin anew, with a seed of their own."""
SHARES = 5
"""The stories of a larger profile are told in so many tests, so that they can run at the same time."""

# Few names, so that what upstream does and what the developer does meet often.
PATHS = ("README.md", "CHANGES", "billing/__init__.py", "new.py", "docs", "docs/index.md", "docs/deep/a.md", "x.local")
ODD_PATHS = ("it's *odd*", "-rf", ":(top)new.py", "ünï/cödé.txt", "line\nbreak")
OWN_BRANCHES = ("mine", "feature/x", "main-2", "ünï")
BRANCHES = ("main", "develop", "trunk", *OWN_BRANCHES)
REFS = ("main", "develop", "v1.0", "trunk", "refs/heads/main", None)
SPELLINGS = (
    "ssh://git@github.com/acme/billing.git",
    "https://github.com/acme/billing",
    "ssh://git@github.com/acme/fork.git",
)

# What is the developer's in the very place that upstream takes next, and how git knows of it.
CLASHES = (
    ("README.md", "changed"),
    ("CHANGES", "staged"),
    ("new.py", "new"),
    ("docs", "new"),
    ("docs/deep/a.md", "new"),
    ("x.local", "ignored"),
    ("docs/index.md", "ignored"),
    ("new.py", "announced"),
    ("README.md", "assume-unchanged"),
    ("billing/__init__.py", "skip-worktree"),
)

# What the developer is in the middle of, as typed from a checkout in order.
COMMIT = ("commit", "--allow-empty", "-m", "Mine")
SCENES = {
    "a branch of my own": (("switch", "-C", "mine"),),
    "a branch of my own with a commit": (("switch", "-C", "mine"), COMMIT),
    "a branch of my own, and a commit on the pinned one": (COMMIT, ("switch", "-C", "mine", "HEAD~1")),
    "a branch of my own, and the pinned one in a worktree": (
        ("switch", "-C", "mine"),
        ("worktree", "add", "../../../../worktree-main", "main"),
    ),
    "a commit": (COMMIT,),
    "a commit on no branch": (("switch", "--detach"), COMMIT),
    "a merge": (
        *(("switch", "-C", "mine"), (*COMMIT, "-m", "Here"), ("switch", "main")),
        *((*COMMIT, "-m", "There"), ("merge", "--no-commit", "mine")),
    ),
    "a rebase": (COMMIT, ("rebase", "--exec", "false", "HEAD~1")),
    "a cherry-pick": (("cherry-pick", "v1.0"),),
    "a bisect": (("bisect", "start", "HEAD", "v1.0~1"),),
}

paths = st.sampled_from(PATHS + ODD_PATHS)
branches = st.sampled_from(BRANCHES)
texts = st.sampled_from(("mine\n", "theirs\n", "1.0\n", "", "mine\nand more\n", "# billing\n"))


class Stories(RuleBasedStateMachine):
    """One story: a new world for each, copied from one that was made once."""

    ground: Path  # the folder of all worlds; set by the test
    sandbox: Sandbox
    configuration: str  # the user's git configuration, without the map of the host
    template: Path
    numbers = itertools.count()

    def __init__(self) -> None:
        super().__init__()
        self.world = self.ground / f"world-{next(self.numbers)}"
        shutil.copytree(self.template, self.world, symlinks=True)
        point_git_at(self.sandbox, self.configuration, self.world / "remotes")
        counter = itertools.count(1_800_000_000, 60)
        self.upstream = Remote("acme/billing", self.world / "remotes" / HOST / "acme" / "billing.git", counter)
        self.fork = Remote("acme/fork", self.world / "remotes" / HOST / "acme" / "fork.git", counter)
        self.library = Remote("acme/lib", self.world / "remotes" / HOST / "acme" / "lib.git", counter)
        self.root = self.world / "shop" / "site"
        self.checkout = self.root / "vendor" / "billing"
        self.run = Here(self.root)
        self.around = tree(self.world / "shop" / ".git")
        self.pushed: frozenset[str] = frozenset()
        self.learn_of_pushes()

    def teardown(self) -> None:
        self.keep_the_promise("sync")
        self.keep_the_promise("sync", "--switch", "--fix-url")
        assert tree(self.world / "shop" / ".git") == self.around, "the project's own repository was touched"
        assert running_in(self.world) == {}
        shutil.rmtree(self.world)

    @initialize(submodule=st.booleans(), ref=st.sampled_from(REFS))
    def begin(self, submodule: bool, ref: str | None) -> None:
        if submodule:
            add_submodules(self.upstream, self.library)
            self.learn_of_pushes()
        self.pin(ref, SPELLINGS[0])
        assert self.run("sync").exit_code == (1 if ref == "trunk" else 0)

    # -- upstream ----------------------------------------------------------------------------------------------

    @rule(path=paths, text=texts, branch=st.sampled_from(("main", "develop", "trunk")))
    def a_colleague_commits(self, path: str, text: str, branch: str) -> None:
        self.push({path: text}, branch)

    @rule(path=paths, branch=st.sampled_from(("main", "develop")))
    def a_colleague_deletes_a_file(self, path: str, branch: str) -> None:
        self.push({path: None}, branch)

    @rule(drop=st.integers(1, 2), path=paths, text=texts)
    def a_colleague_force_pushes(self, drop: int, path: str, text: str) -> None:
        start = f"main~{drop}"
        if git_says_yes(self.upstream.bare, "rev-parse", "--verify", start):
            self.push({path: text}, "main", start=start)

    @rule(branch=st.sampled_from(("main", "develop", "trunk")))
    def a_colleague_deletes_a_branch(self, branch: str) -> None:
        if self.upstream.has(f"refs/heads/{branch}"):
            self.upstream.delete_branch(branch)

    @rule(branch=st.sampled_from(("main", "develop", "trunk")), at=st.sampled_from(("main", "develop", "v1.0")))
    def a_colleague_moves_a_branch(self, branch: str, at: str) -> None:
        if git_says_yes(self.upstream.bare, "rev-parse", "--verify", at):
            self.upstream.branch(branch, at=at)

    @rule(branch=st.sampled_from(("main", "develop", "trunk")))
    def the_default_branch_is_another(self, branch: str) -> None:
        git(self.upstream.bare, "symbolic-ref", "HEAD", f"refs/heads/{branch}")

    @rule(at=st.sampled_from(("main", "main~1", "develop")), annotated=st.booleans())
    def a_colleague_moves_the_tag(self, at: str, annotated: bool) -> None:
        if git_says_yes(self.upstream.bare, "rev-parse", "--verify", at):
            self.upstream.tag("v1.0", at=at, annotated=annotated)

    @rule()
    def a_colleague_moves_the_submodule(self) -> None:
        if self.upstream.has("refs/heads/main"):
            self.library.commit({"README.md": "theirs\n", "x.local": "theirs\n"})
            record(self.upstream, self.library)
            self.learn_of_pushes()

    @rule(text=st.sampled_from(("a file", None)))
    def a_colleague_replaces_the_submodule(self, text: str | None) -> None:
        self.push({"lib": text} if text else {"lib": None, "lib/README.md": "a folder\n"}, "main")

    # -- the requirements file ---------------------------------------------------------------------------------

    @rule(ref=st.sampled_from(REFS), url=st.sampled_from(SPELLINGS))
    def the_pin_changes(self, ref: str | None, url: str) -> None:
        self.pin(ref, url)

    @rule(at=st.sampled_from(("main", "main~1", "develop")), length=st.sampled_from((7, 40)))
    def the_pin_is_a_commit(self, at: str, length: int) -> None:
        if git_says_yes(self.upstream.bare, "rev-parse", "--verify", at):
            self.pin(git(self.upstream.bare, "rev-parse", at)[:length], SPELLINGS[0])

    # -- the developer, in files -------------------------------------------------------------------------------

    @rule(path=paths, text=texts)
    def write(self, path: str, text: str) -> None:
        with self.in_checkout() as place, contextlib.suppress(FileExistsError, NotADirectoryError, IsADirectoryError):
            (place / path).parent.mkdir(parents=True, exist_ok=True)
            (place / path).write_text(text)

    @rule(path=paths)
    def delete(self, path: str) -> None:
        with self.in_checkout() as place, contextlib.suppress(FileNotFoundError, NotADirectoryError):
            shutil.rmtree(place / path) if (place / path).is_dir() else (place / path).unlink()

    @rule(path=paths)
    def make_a_link(self, path: str) -> None:
        with self.in_checkout() as place, contextlib.suppress(OSError):
            (place / path).symlink_to("nowhere")

    @rule(path=paths)
    def stage(self, path: str) -> None:
        self.try_git("add", "--force", "--all", "--", f":(literal){path}")

    @rule(path=paths)
    def announce(self, path: str) -> None:
        self.try_git("add", "--force", "--intent-to-add", "--", f":(literal){path}")

    @rule(path=paths, flag=st.sampled_from(("assume-unchanged", "skip-worktree")), text=texts)
    def hide_a_change(self, path: str, flag: str, text: str) -> None:
        if self.try_git("update-index", f"--{flag}", "--", path) is not None:
            self.write(path, text)

    @rule(path=paths)
    def ignore(self, path: str) -> None:
        if (self.checkout / ".git").is_dir():
            exclude = self.checkout / ".git" / "info" / "exclude"
            exclude.parent.mkdir(exist_ok=True)
            with exclude.open("a", encoding="utf-8") as rows:
                rows.write(f"/{path}\n")

    # -- the developer, in history -----------------------------------------------------------------------------

    @rule(every=st.booleans(), amend=st.booleans())
    def commit(self, every: bool, amend: bool) -> None:
        self.try_git(
            "commit", "--allow-empty", "-m", "Mine", *(["--all"] if every else []), *(["--amend"] if amend else [])
        )

    @rule(branch=branches, force=st.booleans())
    def create_a_branch(self, branch: str, force: bool) -> None:
        self.try_git("switch", "-C" if force and branch not in ("main", "develop", "trunk") else "-c", branch)

    @rule(branch=branches)
    def switch(self, branch: str) -> None:
        self.try_git("switch", branch)

    @rule(at=st.sampled_from(("HEAD", "HEAD~1", "origin/main", "v1.0")))
    def detach(self, at: str) -> None:
        self.try_git("switch", "--detach", at)

    @rule(everything=st.booleans())
    def stash(self, everything: bool) -> None:
        self.try_git("stash", "push", *(["--all"] if everything else []))

    @rule(how=st.sampled_from(("pop", "apply")))
    def unstash(self, how: str) -> None:
        self.try_git("stash", how)

    @rule(what=st.sampled_from(("merge", "rebase", "rebase --apply", "cherry-pick", "revert")), other=branches)
    def begin_something(self, what: str, other: str) -> None:
        self.try_git(*what.split(), other)

    @rule()
    def begin_to_bisect(self) -> None:
        self.try_git("bisect", "start", "HEAD", "v1.0~1")

    @rule(
        what=st.sampled_from(("merge", "rebase", "cherry-pick", "revert")), how=st.sampled_from(("abort", "continue"))
    )
    def end_something(self, what: str, how: str) -> None:
        self.try_git(what, f"--{how}")

    @rule()
    def bring_it_in_order(self) -> None:
        for what in ("merge", "rebase", "cherry-pick", "revert"):
            self.try_git(what, "--abort")
        self.try_git("bisect", "reset")
        self.try_git("stash", "push", "--include-untracked")
        self.try_git("switch", "main")
        self.pin("main", SPELLINGS[0])
        self.keep_the_promise("sync", "--switch", "--fix-url")

    @rule(force=st.booleans())
    def push_ones_work(self, force: bool) -> None:
        self.try_git("push", "--quiet", *(["--force"] if force else []), "origin", "HEAD")
        self.learn_of_pushes()

    @rule()
    def pull(self) -> None:
        self.try_git("pull", "--quiet", "--ff-only")

    @rule()
    def clear_up(self) -> None:
        """What no ref reaches is gone after this; nobody is saved by the reflog."""
        self.try_git("reflog", "expire", "--expire=now", "--all")
        self.try_git("gc", "--quiet", "--prune=now")

    # -- the developer, with the repository itself -------------------------------------------------------------

    @rule(new=st.sampled_from(("upstream", "fork", "origin")))
    def rename_the_remote(self, new: str) -> None:
        names = self.try_git("remote")
        if names:
            self.try_git("remote", "rename", names.split()[0], new)

    @rule(url=st.sampled_from(SPELLINGS))
    def change_the_url(self, url: str) -> None:
        self.try_git("remote", "set-url", "origin", url)

    @rule(branch=branches, new=st.booleans())
    def add_a_worktree(self, branch: str, new: bool) -> None:
        place = self.world / f"worktree-{len(list(self.world.glob('worktree-*')))}"
        self.try_git("worktree", "add", *(["-b", f"{branch}-wt", str(place)] if new else [str(place), branch]))

    @rule(what=st.sampled_from(("write", "commit", "detach", "back")))
    @precondition(lambda self: (self.checkout / "lib" / ".git").exists())
    def work_in_the_submodule(self, what: str) -> None:
        inside = self.checkout / "lib"
        if what == "write":
            (inside / "mine.py").write_text("mine\n")
            (inside / "README.md").write_text("mine\n")
        command = {"commit": ("commit", "--quiet", "--all", "--allow-empty", "-m", "Mine")}
        command |= {"detach": ("checkout", "--quiet", "--detach", "HEAD~1"), "back": ("checkout", "--quiet", ".")}
        if what in command:
            subprocess.run(["git", *command[what]], cwd=inside, capture_output=True, check=False)

    @rule(what=st.sampled_from(("nothing", "empty", "files")))
    def move_the_checkout_away(self, what: str) -> None:
        if self.checkout.exists():
            self.checkout.rename(self.world / f"away-{len(list(self.world.glob('away-*')))}")
        if what != "nothing":
            self.checkout.mkdir()
        if what == "files":
            (self.checkout / "mine.py").write_text("mine\n")

    # -- and then --------------------------------------------------------------------------------------------------

    # Five ways to run it, so that it is run often: rules are drawn with equal odds.

    @rule()
    def sync(self) -> None:
        self.keep_the_promise("sync")

    @rule()
    def sync_with_switch(self) -> None:
        self.keep_the_promise("sync", "--switch")

    @rule(switch=st.booleans())
    def sync_with_fix_url(self, switch: bool) -> None:
        self.keep_the_promise("sync", "--fix-url", *(["--switch"] if switch else []))

    @rule(path=paths, text=texts)
    def sync_when_upstream_has_moved(self, path: str, text: str) -> None:
        self.push({path: text}, "main")
        self.keep_the_promise("sync")

    @rule(drop=st.integers(1, 2), path=paths, text=texts)
    def sync_when_upstream_was_rewritten(self, drop: int, path: str, text: str) -> None:
        self.a_colleague_force_pushes(drop=drop, path=path, text=text)
        self.keep_the_promise("sync")

    @rule(clash=st.sampled_from(CLASHES), text=texts, rewritten=st.booleans(), in_order=st.booleans())
    def sync_when_upstream_takes_a_place_of_mine(
        self, clash: tuple[str, str], text: str, rewritten: bool, in_order: bool
    ) -> None:
        if in_order:
            self.bring_it_in_order()
        self.have(*clash)
        if rewritten:
            self.sync_when_upstream_was_rewritten(drop=1, path=clash[0], text=text)
        else:
            self.sync_when_upstream_has_moved(path=clash[0], text=text)

    @rule(clash=st.sampled_from(CLASHES), text=st.one_of(texts, st.none()), in_order=st.booleans())
    def undo_when_something_of_mine_has_come(self, clash: tuple[str, str], text: str | None, in_order: bool) -> None:
        if in_order:
            self.bring_it_in_order()
        self.push({clash[0]: text}, "main")
        self.keep_the_promise("sync")
        self.have(*clash)
        self.keep_the_promise("undo")

    def have(self, path: str, how: str) -> None:
        """The developer has something of their own at a path, and git knows of it in one way or another."""
        text = "mine, and nowhere else\n"
        if how == "ignored":
            self.ignore(path=path)
        if how in ("assume-unchanged", "skip-worktree"):
            self.hide_a_change(path=path, flag=how, text=text)
        else:
            self.write(path=path, text=text)
        if how in ("staged", "announced"):
            self.stage(path=path) if how == "staged" else self.announce(path=path)

    @rule(scene=st.sampled_from(sorted(SCENES)), path=paths, pin=st.sampled_from(("main", "main", "develop", "v1.0")))
    def sync_in_the_middle_of(self, scene: str, path: str, pin: str) -> None:
        self.bring_it_in_order()
        self.begin_a_scene(scene)
        self.pin(pin, SPELLINGS[0])
        self.sync_when_upstream_has_moved(path=path, text="theirs\n")

    @rule(scene=st.sampled_from(sorted(SCENES)), path=paths, undo=st.booleans())
    def switch_or_undo_in_the_middle_of(self, scene: str, path: str, undo: bool) -> None:
        self.bring_it_in_order()
        self.sync_when_upstream_has_moved(path=path, text="theirs\n")
        self.begin_a_scene(scene)
        self.keep_the_promise(*(["undo"] if undo else ["sync", "--switch"]))

    def begin_a_scene(self, scene: str) -> None:
        for command in SCENES[scene]:
            self.try_git(*command)

    @rule(what=st.sampled_from(("write", "commit")), replaced=st.booleans())
    @precondition(lambda self: (self.checkout / "lib" / ".git").exists())
    def sync_in_the_middle_of_work_in_the_submodule(self, what: str, replaced: bool) -> None:
        self.bring_it_in_order()
        if (self.checkout / "lib" / ".git").exists():
            self.work_in_the_submodule(what=what)
        if replaced:
            self.a_colleague_replaces_the_submodule(text="a file")
        else:
            self.a_colleague_moves_the_submodule()
        self.keep_the_promise("sync")

    @rule()
    def sync_again(self) -> None:
        """Another look at what was just brought in order changes nothing."""
        self.keep_the_promise("sync")
        before, code = self.everything(), self.keep_the_promise("sync").exit_code
        assert self.everything() == before
        assert self.keep_the_promise("sync").exit_code == code

    @rule(
        options=st.sampled_from((("sync", "--dry-run"), ("sync", "--dry-run", "--switch"), ("status",), ("undo", "-n")))
    )
    def only_look(self, options: tuple[str, ...]) -> None:
        before = self.everything()
        self.keep_the_promise(*options)
        assert self.everything() == before

    @rule()
    def undo(self) -> None:
        self.keep_the_promise("undo")

    def keep_the_promise(self, *command: str) -> Result:
        """Run it, and look for everything that was the developer's."""
        stock = self.stock()
        plain = None if isinstance(stock, Stock) else stock
        here = None if plain is not None or "--switch" in command or "undo" in command else self.where_i_work()
        result = self.run(*command)
        assert result.exit_code in (0, 1), result
        assert "  git: " not in result.stderr, f"git refused what the decision had not seen\n{result}"
        if isinstance(stock, Stock):
            broken = broken_promises(stock, self.checkout)
            assert broken == [], f"{broken}\n{result}"
        if here is not None:
            branch, commits = self.where_i_work()
            assert branch == here[0], f"the developer worked on {here[0]}\n{result}"
            assert commits >= here[1], f"the developer's commits are elsewhere\n{result}"
        if plain:
            assert tree(self.checkout) == plain, result
        return result

    def stock(self) -> Stock | dict[str, bytes | str | None]:
        if (self.checkout / ".git").exists():
            return take_stock(self.checkout, self.pushed)
        return tree(self.checkout)

    def where_i_work(self) -> tuple[str, frozenset[str]]:
        """The branch, where it is one of the developer's own, and the commits below HEAD that are nowhere else."""
        branch = git(self.checkout, "branch", "--show-current")
        commits = git(self.checkout, "rev-list", f"--author={DEVELOPER}", "HEAD", "--").split()
        return branch if branch in OWN_BRANCHES else "", frozenset(commits) - self.pushed

    def everything(self) -> object:
        """Every byte but those that only record when something was looked at or fetched."""
        seen = tree(self.checkout) if self.checkout.is_dir() else {}
        return {path: content for path, content in seen.items() if not path.endswith((".git/index", "FETCH_HEAD"))}

    # -- how it is done ----------------------------------------------------------------------------------------

    def push(self, files: dict[str, str | None], branch: str, **options: str) -> None:
        with contextlib.suppress(AssertionError):  # fast-import cannot write names that other rules make impossible
            self.upstream.commit({quoted(path): text for path, text in files.items()}, branch=branch, **options)
        self.learn_of_pushes()

    def learn_of_pushes(self) -> None:
        for remote in (self.upstream, self.fork):
            self.pushed |= frozenset(git(remote.bare, "rev-list", "--all").split())

    def pin(self, ref: str | None, url: str) -> None:
        at = f"@{ref}" if ref else ""
        (self.root / "requirements.txt").write_text(f"-e git+{url}{at}#egg=billing\n")

    @contextlib.contextmanager
    def in_checkout(self) -> Iterator[Path]:
        if self.checkout.is_dir():
            yield self.checkout
        else:
            yield self.world / "nowhere"

    def try_git(self, *command: str) -> str | None:
        """The developer types it; git may say no. What it prints, or None."""
        if not (self.checkout / ".git").exists():
            return None
        environment = os.environ | {"GIT_EDITOR": "true", "GIT_MERGE_AUTOEDIT": "no"}
        ran = subprocess.run(
            ["git", *command],
            cwd=self.checkout,
            env=environment,
            capture_output=True,
            stdin=subprocess.DEVNULL,
            check=False,
        )
        return ran.stdout.decode("utf-8", "replace") if ran.returncode == 0 else None


def quoted(path: str) -> str:
    """As fast-import reads a name with a line break or a quote in it."""
    escaped = path.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n")
    return path if escaped == path else f'"{escaped}"'


def point_git_at(sandbox: Sandbox, configuration: str, folder: Path) -> None:
    spellings = "".join(f'    insteadOf = "{start}"\n' for start in (f"ssh://git@{HOST}/", f"https://{HOST}/"))
    sandbox.git_config.write_text(f'{configuration}[url "file://{folder / HOST}/"]\n{spellings}', "utf-8")


def make_template(folder: Path) -> None:
    """A project in a repository of its own, and three remotes."""
    remotes = Remotes(folder / "remotes")
    for name in ("billing", "fork", "lib"):
        remotes.create(f"acme/{name}")
    shop = folder / "shop"
    (shop / "site").mkdir(parents=True)
    (shop / "README").write_text("The shop.\n")
    git(shop, "init", "--quiet", "--template=")
    git(shop, "add", "README")
    git(shop, "commit", "--quiet", "-m", "Start the shop")


def tell(stories: int, share: int, sandbox: Sandbox, tmp_path: Path) -> None:
    Stories.ground, Stories.sandbox = tmp_path / "worlds", sandbox
    Stories.configuration, Stories.template = sandbox.git_config.read_text("utf-8"), tmp_path / "template"
    make_template(Stories.template)
    options: dict[str, Any] = {
        "max_examples": BATCH,
        "stateful_step_count": STEPS,
        "deadline": None,
        "database": None,
        "print_blob": True,
        "report_multiple_bugs": False,
        "phases": (Phase.generate, Phase.shrink),
        "suppress_health_check": list(HealthCheck),
    }
    first = int(SEED or (random.randrange(2**32) if PROFILE == "nightly" else 1_000 * share))
    for number in range(first, first + max(1, stories // BATCH)):
        print(f"To tell the same stories again: HYPOTHESIS_SEED={number}")
        run_state_machine_as_test(seed(number)(Stories), settings=settings(**options))


@pytest.mark.timeout(900)
def test_a_few_stories(sandbox: Sandbox, tmp_path: Path) -> None:
    tell(EXAMPLES["few"], SHARES, sandbox, tmp_path)


@pytest.mark.slow
@pytest.mark.timeout(20_000)
@pytest.mark.parametrize("share", range(SHARES))
def test_many_stories(share: int, sandbox: Sandbox, tmp_path: Path) -> None:
    tell(EXAMPLES[PROFILE] // SHARES, share, sandbox, tmp_path)
