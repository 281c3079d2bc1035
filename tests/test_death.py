"""A run may die at any moment, in any way: nothing of the developer's is lost, and the next `sync` arrives.

Every kill is a real one, of the real command over real ssh. What is checked afterwards is seen from outside: by plain
git, by the file system and by the table of processes.
"""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.checkouts import Snapshot, lost, snapshot
from tests.support.command import COMMAND, Vendorws
from tests.support.disks import SmallDisk, mount, small_disk_at
from tests.support.git import git
from tests.support.process_tree import cut_power, running_in
from tests.support.project import Project
from tests.support.remotes import Remote, Remotes
from tests.support.ssh_server import SshServer
from tests.support.submodules import add_submodules, record
from tests.support.terminal import on_terminal

pytestmark = pytest.mark.ssh

NAMES = ("accounts", "billing", "ledger", "mail", "theme")
COMPOSE = "services:\n  app:\n    build: .\n"
DOCKERFILE = (
    "FROM python:3.12\nWORKDIR /site\nCOPY requirements.txt ./\nRUN pip install -r requirements.txt --src vendor/\n"
)


# -- a world in which much is to be done -----------------------------------------------------------------------


@dataclass(slots=True)
class World:
    """Five packages, and a different thing to do for each: fast-forward, follow, switch, clone, submodule."""

    project: Project
    remotes: dict[str, Remote]
    library: Remote
    round: int = 0

    def begin_round(self) -> dict[str, Snapshot]:
        """A night passes upstream; return what the developer has in the morning."""
        self.round += 1
        files = {f"theirs/{number}.txt": f"round {self.round}\n" * 50 for number in range(40)}
        self.remotes["accounts"].commit(files)
        billing = self.remotes["billing"]
        billing.commit({**files, "README.md": f"rewritten {self.round}\n"}, start=billing.head("main~1"))
        for branch in ("main", "develop"):
            self.remotes["ledger"].commit(files, branch=branch)
        shutil.rmtree(self.checkout("mail"), ignore_errors=True)
        self.remotes["mail"].commit(files)
        self.library.commit(files)
        record(self.remotes["theme"], self.library)
        self.project.require(*(self.remotes[name].line(self.pin(name)) for name in NAMES))
        return {name: snapshot(self.checkout(name)) for name in NAMES if self.checkout(name).exists()}

    def pin(self, name: str) -> str:
        return "develop" if name == "ledger" and self.round % 2 else "main"

    def checkout(self, name: str) -> Path:
        return self.project.checkout(name)

    def goal(self, name: str) -> str:
        return self.remotes[name].head(self.pin(name))


@pytest.fixture
def world(project: Project, ssh_remotes: Remotes, vendorws: Vendorws) -> World:
    remotes = {name: ssh_remotes.create(f"acme/{name}") for name in NAMES}
    library = ssh_remotes.create("acme/library")
    add_submodules(remotes["theme"], library)
    for remote in remotes.values():
        remote.commit({"base.txt": "theirs\n"}, message="Below what is rewritten")
    world = World(project, remotes, library)
    project.write("docker-compose.yml", COMPOSE)
    project.write("Dockerfile", DOCKERFILE)
    project.require(*(remotes[name].line("main") for name in NAMES))
    vendorws.ok("sync")
    for name in NAMES:
        work_in(world.checkout(name))
    return world


def work_in(checkout: Path) -> None:
    """What a developer has lying around: edits, staged ones, new files, ignored ones, a stash, a branch, a tag."""
    (checkout / ".git" / "info").mkdir(exist_ok=True)
    (checkout / ".git" / "info" / "exclude").write_text("*.local\n")
    git(checkout, "switch", "--quiet", "--create", "mine")
    (checkout / "mine.py").write_text("committed\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "Mine")
    git(checkout, "tag", "my-tag")
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "Mine too")
    git(checkout, "switch", "--quiet", "main")
    (checkout / "base.txt").write_text("stashed\n")
    git(checkout, "stash", "push", "--quiet")
    (checkout / "new.py").write_text("untracked\n")
    (checkout / "settings.local").write_text("ignored\n")
    if checkout.name in ("accounts", "theme"):  # the others have to go elsewhere, for which they must be clean
        (checkout / "base.txt").write_text("edited\n")
        (checkout / "pyproject.toml").write_text("staged\n")
        git(checkout, "add", "pyproject.toml")


# -- killing ---------------------------------------------------------------------------------------------------


def kill_it(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGKILL)


def interrupt_it(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGINT)


def terminate_it(process: subprocess.Popen[str]) -> None:
    process.send_signal(signal.SIGTERM)


def pull_the_plug(process: subprocess.Popen[str]) -> None:
    cut_power(process.pid)


KILLS = (kill_it, interrupt_it, terminate_it, pull_the_plug)


@dataclass(frozen=True, slots=True)
class Death:
    """How a run ended: its exit code (negative: the signal), how long after the signal, and what it had said."""

    code: int
    seconds: float
    stderr: str


def run_and_kill(project: Project, kill: Callable[[subprocess.Popen[str]], None], command: int, delay: float) -> Death:
    """Start `sync` and kill it `delay` seconds after it started its git command number `command`, if it gets there."""
    process = subprocess.Popen(
        [*COMMAND, "sync", "-v"],
        cwd=project.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stderr is not None
    said: list[str] = []
    for line in process.stderr:
        said.append(line)
        if sum(words.startswith("+ ") for words in said) > command:
            break
    time.sleep(delay)
    at = time.monotonic()
    kill(process)
    rest = process.stderr.read()
    code = process.wait(timeout=30)
    process.stderr.close()
    return Death(code, time.monotonic() - at, "".join(said) + rest)


@pytest.mark.parametrize(
    ("seed", "kills"),
    [
        ("one", 1),
        pytest.param("ordinary", 4, marks=pytest.mark.slow),
        *(pytest.param(str(seed), 5, marks=pytest.mark.slow) for seed in range(20)),
    ],
)
@pytest.mark.timeout(400)
def test_killed_at_any_moment(seed: str, kills: int, world: World, vendorws: Vendorws) -> None:
    """104 runs killed at random moments, one after the other in a world that goes on; one of them in `make test`."""
    dice = random.Random(seed)
    for number in range(kills):
        kill = KILLS[number % 4] if seed == "ordinary" else dice.choice(KILLS)
        command, delay = dice.randrange(90), dice.choice((0.0, 0.001, 0.005, 0.02, 0.1))
        before = world.begin_round()

        death = run_and_kill(world.project, kill, command, delay)

        story = f"seed {seed}, round {number}: {kill.__name__} {delay} s after command {command}: {death}"
        assert death.code in expected_codes(kill), story
        nothing_is_lost(world, before, story)
        nothing_is_half_done(world, story)
        result = vendorws("sync")
        assert result.exit_code == 0, f"{story}\n{result}"
        nothing_is_lost(world, before, story)
        everything_has_arrived(world, vendorws, story)


def expected_codes(kill: Callable[[subprocess.Popen[str]], None]) -> tuple[int, ...]:
    """0 where the run was faster than we were. A run that listens says 130."""
    if kill in (kill_it, pull_the_plug):
        return 0, -signal.SIGKILL
    return 0, 130


def nothing_is_lost(world: World, before: dict[str, Snapshot], story: str) -> None:
    for name, seen in before.items():
        assert lost(seen, world.checkout(name)) == [], f"{name}: {story}"


def nothing_is_half_done(world: World, story: str) -> None:
    """No half clone has its final name, and no file that others read is half-written."""
    for name in NAMES:
        checkout = world.checkout(name)
        if checkout.exists():
            git(checkout, "rev-parse", "HEAD^{tree}")
            git(checkout, "fsck", "--connectivity-only", "--no-progress")
    override = world.project.root / "docker-compose.override.yml"
    assert override.read_text().count("target: /site/vendor/") == len(NAMES), story


def everything_has_arrived(world: World, vendorws: Vendorws, story: str) -> None:
    for name in NAMES:
        checkout = world.checkout(name)
        assert git(checkout, "rev-parse", "HEAD") == world.goal(name), f"{name}: {story}"
        assert git(checkout, "symbolic-ref", "--short", "HEAD") == world.pin(name), f"{name}: {story}"
    submodule = world.checkout("theme") / "library"
    assert git(submodule, "rev-parse", "HEAD") == world.library.head(), story
    assert git(submodule, "status", "--porcelain") == "", story
    assert leftovers(world.project) == [], story
    assert vendorws("status", "--exit-code").exit_code == 0, story
    give_up = time.monotonic() + 10
    while running := running_in(world.project.vendor):
        assert time.monotonic() < give_up, f"{running}: {story}"
        time.sleep(0.05)


def leftovers(project: Project) -> list[str]:
    """Half clones, temporary files, and locks that a person would have to remove."""
    beside = [path.name for path in (*project.vendor.glob(".*"), *project.root.glob(".*"))]
    locks = [str(path) for path in project.vendor.rglob("*.lock") if path.name != ".vendorws.lock"]
    marks = [str(path) for path in project.vendor.rglob("vendorws-moving")]
    return [*(name for name in beside if name not in (".gitignore", ".vendorws.lock")), *locks, *marks]


# -- Ctrl-C ----------------------------------------------------------------------------------------------------


@pytest.fixture
def hanging(world: World, ssh_server: SshServer) -> World:
    """From now on the host takes connections and says nothing; two packages need it, the others are at a commit."""
    world.begin_round()
    lines = [world.remotes[name].line(git(world.checkout(name), "rev-parse", "HEAD")) for name in ("billing", "theme")]
    world.project.require(*lines, world.remotes["accounts"].line("main"), world.remotes["mail"].line("main"))
    ssh_server.hangs = True
    return world


def start(project: Project, *options: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [*COMMAND, "sync", *options],
        cwd=project.root,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def wait_until(happened: Callable[[], bool]) -> None:
    give_up = time.monotonic() + 30
    while not happened():
        assert time.monotonic() < give_up, "it never happened"
        time.sleep(0.01)


@pytest.mark.sampled
@pytest.mark.parametrize(
    "signals",
    [(signal.SIGINT,), (signal.SIGTERM,), (signal.SIGINT,) * 5, (signal.SIGTERM, signal.SIGINT, signal.SIGTERM)],
    ids=lambda signals: " ".join(signalled.name for signalled in signals),
)
def test_an_interrupt_ends_it_within_two_seconds(
    signals: tuple[signal.Signals, ...], hanging: World, ssh_server: SshServer
) -> None:
    before = {name: snapshot(hanging.checkout(name)) for name in ("accounts", "billing", "theme")}
    process = start(hanging.project)
    wait_until(lambda: ssh_server.connections > 0 and bool(running_in(hanging.project.vendor)))
    time.sleep(0.3)

    at = time.monotonic()
    for signalled in signals:
        process.send_signal(signalled)
        time.sleep(0.03)
    out, err = process.communicate(timeout=20)

    assert time.monotonic() - at < 2.0
    assert process.returncode == 130
    assert running_in(hanging.project.vendor) == {}
    assert "Traceback" not in err
    lines = dict(line.split("  ", 1) for line in out.splitlines() if "  " in line)
    assert lines["accounts"].strip() in ("interrupted", "not done, the run was interrupted")
    assert lines["mail"].strip() in ("interrupted", "not done, the run was interrupted")
    nothing_is_lost(hanging, before, err)
    assert leftovers(hanging.project) == []


def test_ctrl_c_on_a_terminal(hanging: World, ssh_server: SshServer) -> None:
    """The terminal sends the signal to the whole foreground group, and git is not in it."""
    screen = on_terminal([*COMMAND, "sync"], cwd=hanging.project.root, answers=[("contacting", "\x03")])
    assert screen.exit_code == 130, screen.text
    assert "Traceback" not in screen.text
    assert running_in(hanging.project.vendor) == {}


# -- a host that fails -----------------------------------------------------------------------------------------


def test_a_host_that_hangs_is_given_up_and_the_others_go_on(hanging: World, ssh_server: SshServer) -> None:
    before = {name: snapshot(hanging.checkout(name)) for name in ("accounts", "billing", "theme")}
    at = time.monotonic()
    result = Vendorws(hanging.project.root)("sync", "--timeout", "2")
    assert time.monotonic() - at < 30
    assert result.exit_code == 3, result
    assert not hanging.checkout("mail").exists()
    assert running_in(hanging.project.vendor) == {}
    nothing_is_lost(hanging, before, result.stderr)
    assert leftovers(hanging.project) == []
    ssh_server.hangs = False
    Vendorws(hanging.project.root).ok("sync")


@pytest.mark.slow
def test_a_connection_that_breaks_again_and_again(world: World, ssh_server: SshServer, vendorws: Vendorws) -> None:
    """Each try comes a little further; no half clone is taken for a whole one."""
    before = world.begin_round()
    for name in ("accounts", "mail"):
        world.remotes[name].commit({"large.bin": os.urandom(20_000)})
    for place in (300, 2_000, 12_000):
        ssh_server.drop_after = place
        result = vendorws("sync")
        assert result.exit_code == 3, result
        nothing_is_lost(world, before, result.stdout)
        assert not world.checkout("mail").exists()
        assert leftovers(world.project) == []
    ssh_server.drop_after = None
    vendorws.ok("sync")
    nothing_is_lost(world, before, "")
    everything_has_arrived(world, vendorws, "")


# -- a disk that fails -----------------------------------------------------------------------------------------


@pytest.fixture
def small_disk(project: Project) -> Iterator[SmallDisk]:
    with small_disk_at(project.vendor, "8m") as disk:
        yield disk


def test_a_disk_that_is_full_while_it_clones(
    small_disk: SmallDisk, project: Project, ssh_remotes: Remotes, vendorws: Vendorws
) -> None:
    small, large = ssh_remotes.create("acme/small"), ssh_remotes.create("acme/large")
    large.commit({"large.bin": os.urandom(6_000_000)})
    project.require(large.line("main"), small.line("main"))

    result = vendorws("sync", "-j1")

    assert result.exit_code == 4, result
    assert "the disk is full" in result.stdout
    assert "small  cloned, on main" in result.stdout
    assert sorted(os.listdir(project.vendor)) == [".gitignore", ".vendorws.lock", "small"]


def test_a_disk_that_is_full_while_files_move(
    small_disk: SmallDisk, project: Project, ssh_remotes: Remotes, vendorws: Vendorws
) -> None:
    """The pack is small, the files in it are not: git stops in the middle of writing them."""
    billing = ssh_remotes.create("acme/billing")
    billing.commit({f"{number}.txt": "old\n" for number in range(50)})
    project.require(billing.line("main"))
    vendorws.ok("sync")
    checkout = project.checkout("billing")
    (checkout / "README.md").write_text("edited\n")
    (checkout / "new.py").write_text("untracked\n")
    before = snapshot(checkout)
    tip = billing.commit({f"{number}.txt": "new\n" * 30_000 for number in range(50)})

    for free in (3_000_000, 1_000_000, 300_000):
        small_disk.fill(free)
        result = vendorws("sync")
        assert result.exit_code == 4, result
        assert "the disk is full" in result.stdout
        small_disk.make_room()
        assert lost(before, checkout) == []
        assert snapshot(checkout).work == before.work, "something was left half-done"

    vendorws.ok("sync")
    assert git(checkout, "rev-parse", "HEAD") == tip
    assert git(checkout, "status", "--porcelain") == " M README.md\n?? new.py"
    assert leftovers(project) == []


def test_a_disk_without_any_room(
    small_disk: SmallDisk, project: Project, ssh_remotes: Remotes, vendorws: Vendorws
) -> None:
    billing = ssh_remotes.create("acme/billing")
    project.require(billing.line("main"))
    vendorws.ok("sync")
    billing.commit()
    before = snapshot(project.checkout("billing"))
    small_disk.fill(0)
    result = vendorws("sync")
    assert result.exit_code == 4, result
    assert "Make room" in result.stderr
    assert "Traceback" not in result.stderr
    small_disk.make_room()
    assert snapshot(project.checkout("billing")).work == before.work
    vendorws.ok("sync")
    assert leftovers(project) == []


def test_a_disk_that_is_full_is_no_fault_of_the_mirror(
    small_disk: SmallDisk, project: Project, ssh_remotes: Remotes, vendorws: Vendorws, tmp_path: Path
) -> None:
    billing = ssh_remotes.create("acme/billing")
    project.require(billing.line("main"))
    vendorws.ok("sync", "--cache", tmp_path / "mirrors")
    shutil.rmtree(project.checkout("billing"))
    small_disk.fill(20_000)
    result = vendorws("sync", "--cache", tmp_path / "mirrors")
    assert result.exit_code == 4 and "the disk is full" in result.stdout, result
    assert list((tmp_path / "mirrors").glob("*.git")), "it was thrown away"


def test_a_disk_without_room_for_a_commit_that_no_branch_has(
    small_disk: SmallDisk, project: Project, ssh_remotes: Remotes, vendorws: Vendorws
) -> None:
    """Whether the remote has it is asked by fetching it."""
    billing = ssh_remotes.create("acme/billing")
    project.require(billing.line("main"))
    vendorws.ok("sync")
    commit = billing.commit({"large.bin": os.urandom(500_000)}, branch="gone")
    billing.delete_branch("gone")
    project.require(billing.line(commit))
    small_disk.fill(200_000)
    result = vendorws("sync")
    assert result.exit_code == 4 and "the disk is full" in result.stdout, result
    small_disk.make_room()
    vendorws.ok("sync")
    assert git(project.checkout("billing"), "rev-parse", "HEAD") == commit


@pytest.mark.parametrize("there", ["nothing", "a checkout"])
def test_a_vendor_that_can_only_be_read(
    there: str, project: Project, ssh_remotes: Remotes, vendorws: Vendorws, tmp_path: Path
) -> None:
    billing = ssh_remotes.create("acme/billing")
    project.require(billing.line("main"))
    project.vendor.mkdir()
    if there == "a checkout":
        vendorws.ok("sync")
        billing.commit()
    mount("--bind", project.vendor, project.vendor)
    try:
        mount("-o", "remount,ro,bind", project.vendor)
        result = vendorws("sync")
        assert result.exit_code == 4, result
        assert "Read-only file system" in result.stderr
        assert "Traceback" not in result.stderr
        assert vendorws("status").exit_code == 0
    finally:
        subprocess.run(["umount", project.vendor], check=True)
    vendorws.ok("sync")
