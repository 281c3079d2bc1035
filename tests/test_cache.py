"""The mirrors on this machine: the second project takes next to nothing from the network, and owns all it has."""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
from pathlib import Path

import pytest

from tests.support.command import COMMAND, Vendorws
from tests.support.git import git
from tests.support.project import Project, make_project
from tests.support.remotes import Remote, Remotes
from tests.support.ssh_server import SshServer
from vendorws.checkouts.cache import Cache
from vendorws.git_client.command import Git
from vendorws.git_client.urls import normal_url

LARGE = bytes(range(256)) * 400
"""More than `drop_after` lets through."""


@pytest.fixture
def cache(tmp_path: Path, project: Project) -> Path:
    folder = tmp_path / "the cache"
    project.write("pyproject.toml", f'[tool.vendorws]\ncache = "{folder}"\n')
    return folder


@pytest.fixture
def billing(ssh_remotes: Remotes, project: Project) -> Remote:
    billing = ssh_remotes.create("acme/billing")
    billing.commit({"large.bin": LARGE})
    project.require(billing.line("main"))
    return billing


@pytest.fixture
def second(project: Project, billing: Remote, cache: Path, tmp_path: Path) -> Project:
    """Another project of the same developer with the same package and settings."""
    second = make_project(tmp_path / "elsewhere", "second")
    second.write("pyproject.toml", (project.root / "pyproject.toml").read_text())
    second.require(billing.line("main"))
    return second


def mirrors(cache: Path) -> list[Path]:
    return sorted(cache.glob("*.git"))


def is_whole_by_itself(checkout: Path, cache: Path) -> bool:
    """Whether the checkout has all its objects where no mirror is."""
    aside = cache.rename(cache.with_name("aside"))
    try:
        git(checkout, "fsck", "--full", "--strict")
        git(checkout, "log", "--oneline", "--stat", "--all")
        return not (checkout / ".git" / "objects" / "info" / "alternates").exists()
    finally:
        aside.rename(cache)


def test_the_second_project_takes_next_to_nothing_from_the_network(
    project: Project, second: Project, billing: Remote, cache: Path, vendorws: Vendorws, ssh_server: SshServer
) -> None:
    vendorws.ok("sync")
    ssh_server.drop_after = 20_000  # the package alone is larger
    vendorws.ok("sync", cwd=second.root)
    checkout = second.checkout("billing")
    assert (checkout / "large.bin").read_bytes() == LARGE
    assert git(checkout, "status", "--porcelain=v2", "--branch") == git(
        project.checkout("billing"), "status", "--porcelain=v2", "--branch"
    )
    assert is_whole_by_itself(checkout, cache)
    assert stat.S_IMODE(cache.stat().st_mode) == 0o700


def test_what_is_news_comes_from_the_remote_and_goes_into_the_mirror(
    second: Project, billing: Remote, cache: Path, vendorws: Vendorws, ssh_server: SshServer, tmp_path: Path
) -> None:
    vendorws.ok("sync")
    tip = billing.commit({"news.bin": LARGE[::-1]})
    vendorws.ok("sync", cwd=second.root)
    assert git(second.checkout("billing"), "rev-parse", "HEAD") == tip
    assert is_whole_by_itself(second.checkout("billing"), cache)
    (mirror,) = mirrors(cache)
    assert git(mirror, "rev-parse", "refs/heads/main") == tip
    ssh_server.drop_after = 20_000
    shutil.rmtree(second.vendor)
    vendorws.ok("sync", cwd=second.root)
    assert git(second.checkout("billing"), "rev-parse", "HEAD") == tip


def test_a_checkout_is_left_alone_by_all_that_happens_to_the_mirror(
    project: Project, second: Project, billing: Remote, cache: Path, vendorws: Vendorws
) -> None:
    vendorws.ok("sync")
    vendorws.ok("sync", cwd=second.root)
    (mirror,) = mirrors(cache)
    git(mirror, "update-ref", "-d", "refs/heads/main")
    git(mirror, "repack", "-a", "-d", "-q")
    git(mirror, "prune", "--expire=now")
    git(second.checkout("billing"), "fsck", "--full", "--strict")
    git(second.checkout("billing"), "gc", "--quiet", "--prune=now")
    git(project.checkout("billing"), "fsck", "--full", "--strict")


def test_a_cache_is_only_for_those_who_want_one(
    project: Project, billing: Remote, vendorws: Vendorws, tmp_path: Path
) -> None:
    vendorws.ok("sync")
    assert not list(tmp_path.rglob("billing-*.git"))
    shutil.rmtree(project.vendor)
    vendorws.ok("sync", "--cache", "here", cwd=project.root)
    assert len(mirrors(project.root / "here")) == 1
    shutil.rmtree(project.vendor)
    vendorws.ok("sync", env={"VENDORWS_CACHE": str(tmp_path / "there")})
    assert len(mirrors(tmp_path / "there")) == 1


@pytest.mark.sampled
@pytest.mark.parametrize("ref", ["v1.0", "develop", None])
def test_every_kind_of_pin(
    ref: str | None, project: Project, second: Project, billing: Remote, cache: Path, vendorws: Vendorws
) -> None:
    for root in (project, second):
        root.require(billing.line(ref))
        vendorws.ok("sync", cwd=root.root)
        assert git(root.checkout("billing"), "rev-parse", "HEAD") == billing.head(ref or "main")
    assert is_whole_by_itself(second.checkout("billing"), cache)


def test_a_commit_that_the_mirror_has(
    second: Project, billing: Remote, cache: Path, vendorws: Vendorws, ssh_server: SshServer
) -> None:
    vendorws.ok("sync")
    old = billing.head("main~1")
    second.require(billing.line(old))
    ssh_server.drop_after = 20_000
    vendorws.ok("sync", cwd=second.root)
    assert git(second.checkout("billing"), "rev-parse", "HEAD") == old


def break_packs(mirror: Path) -> None:
    git(mirror, "repack", "-a", "-d", "-q")
    (pack,) = mirror.rglob("*.pack")
    pack.chmod(0o644)
    pack.write_bytes(b"rubbish")


def break_objects(mirror: Path) -> None:
    for loose in mirror.glob("objects/??/*"):
        loose.chmod(0o644)
        loose.write_bytes(b"rubbish")


def lose_objects(mirror: Path) -> None:
    shutil.rmtree(mirror / "objects")


def lose_head(mirror: Path) -> None:
    (mirror / "HEAD").unlink()


@pytest.mark.sampled
@pytest.mark.parametrize("harm", [break_packs, break_objects, lose_objects, lose_head])
def test_a_broken_mirror_is_done_without_and_made_anew(
    harm: object, second: Project, billing: Remote, cache: Path, vendorws: Vendorws
) -> None:
    vendorws.ok("sync")
    (mirror,) = mirrors(cache)
    assert callable(harm)
    harm(mirror)
    vendorws.ok("sync", cwd=second.root)
    assert is_whole_by_itself(second.checkout("billing"), cache)
    assert git(mirror, "rev-parse", "refs/heads/main") == billing.head()
    git(mirror, "fsck", "--full", "--strict")


def test_a_lock_that_a_dead_git_left_in_the_mirror(
    second: Project, billing: Remote, cache: Path, vendorws: Vendorws
) -> None:
    vendorws.ok("sync")
    (mirror,) = mirrors(cache)
    (mirror / "refs" / "heads").mkdir(parents=True, exist_ok=True)
    (mirror / "refs" / "heads" / "main.lock").touch()
    tip = billing.commit()
    vendorws.ok("sync", cwd=second.root)
    assert git(mirror, "rev-parse", "refs/heads/main") == tip


def test_a_cache_that_is_a_file(project: Project, vendorws: Vendorws) -> None:
    project.require("-e git+ssh://git@github.com/acme/billing.git@main#egg=billing")
    project.write("taken", "a file\n")
    for arguments in (("sync", "--cache", "taken"), ("sync",)):
        result = vendorws(*arguments)
        assert result.exit_code == 2
        assert ": taken is not a folder." in result.stderr
        project.write("pyproject.toml", '[tool.vendorws]\ncache = "taken"\n')
    assert not project.vendor.exists()


def test_a_cache_that_cannot_be_written_stops_nobody(
    project: Project, billing: Remote, vendorws: Vendorws, tmp_path: Path
) -> None:
    (tmp_path / "a file").write_text("")
    vendorws.ok("sync", "--cache", tmp_path / "a file" / "cache")
    assert (project.checkout("billing") / "large.bin").is_file()


def test_two_runs_at_once(
    project: Project, second: Project, billing: Remote, ssh_remotes: Remotes, cache: Path, ssh_server: SshServer
) -> None:
    lines = [billing.line("main"), *(ssh_remotes.create(f"acme/part-{n}").line("main") for n in range(4))]
    for root in (project, second):
        root.require(*lines)
    ssh_server.delay = 0.2
    running = [subprocess.Popen([*COMMAND, "sync", "-q"], cwd=root.root) for root in (project, second)]
    assert [process.wait(timeout=60) for process in running] == [0, 0]
    for root in (project, second):
        for checkout in (path for path in root.vendor.iterdir() if path.is_dir()):
            assert is_whole_by_itself(checkout, cache)
    for mirror in mirrors(cache):
        git(mirror, "fsck", "--full", "--strict")
    assert not list(cache.glob("*.new"))


def test_a_run_that_finds_the_mirror_in_use_does_without(
    project: Project, second: Project, billing: Remote, cache: Path, vendorws: Vendorws
) -> None:
    vendorws.ok("sync")
    (mirror,) = mirrors(cache)
    before = {path: path.stat().st_mtime_ns for path in mirror.rglob("*")}
    with Cache(cache).lent(billing.url) as lent:
        assert lent == mirror
        tip = billing.commit()
        vendorws.ok("sync", cwd=second.root)
        assert git(second.checkout("billing"), "rev-parse", "HEAD") == tip
        assert {path: path.stat().st_mtime_ns for path in mirror.rglob("*")} == before


def test_many_updates_do_not_leave_many_packs(project: Project, billing: Remote, cache: Path, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", billing.bare, "checkout")
    ours = Git(vendor=tmp_path, cwd=tmp_path)
    for number in range(3):
        billing.commit({"n": str(number)})
        git(tmp_path / "checkout", "fetch", "--quiet")
        Cache(cache).keep(ours, billing.url, tmp_path / "checkout")
    (mirror,) = mirrors(cache)
    git(mirror, "repack", "-a", "-d", "-q")
    (pack,) = mirror.glob("objects/pack/*.pack")
    for number in range(40):
        os.link(pack, pack.with_name(f"pack-{number:040}.pack"))
        os.link(pack.with_suffix(".idx"), pack.with_name(f"pack-{number:040}.idx"))
    Cache(cache).keep(ours, billing.url, tmp_path / "checkout")
    assert len(list(mirror.glob("objects/pack/*.pack"))) == 1
    git(mirror, "fsck", "--full", "--strict")


def test_one_mirror_for_all_spellings_and_no_secret_in_its_name(tmp_path: Path) -> None:
    cache = Cache(tmp_path)
    one = cache.mirror("ssh://git@github.com/acme/billing.git")
    assert one == cache.mirror("git@GitHub.com:acme/billing") == cache.mirror("ssh://git@github.com:22/acme/billing/")
    assert one != cache.mirror("ssh://git@github.com/acme/ledger.git")
    assert one.name.startswith("billing-")
    secret = cache.mirror("https://dev:s3cret@github.com/acme/billing.git")
    assert "s3cret" not in secret.name and "s3cret" not in normal_url("https://dev:s3cret@github.com/acme/billing.git")


# -- partial clones --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("typed", [True, False])
def test_a_clone_may_leave_old_files_on_the_remote(
    typed: bool, project: Project, billing: Remote, vendorws: Vendorws
) -> None:
    billing.commit({"large.bin": None})
    if not typed:
        project.write("pyproject.toml", '[tool.vendorws]\nfilter = "blob:none"\n')
    vendorws.ok("sync", *(("--filter", "blob:none") if typed else ()))
    checkout = project.checkout("billing")
    absent = git(checkout, "rev-list", "--objects", "--all", "--missing=print").count("?")
    assert absent >= 1
    assert git(checkout, "config", "remote.origin.partialclonefilter") == "blob:none"
    assert git(checkout, "log", "--format=%s", "-1") == "Work upstream"
    tip = billing.commit({"more.txt": "more\n"})
    vendorws.ok("sync")
    assert git(checkout, "rev-parse", "HEAD") == tip
    assert (checkout / "more.txt").read_text() == "more\n"
    assert vendorws.ok("status", "--exit-code").exit_code == 0


def test_a_partial_clone_takes_nothing_from_the_cache_and_gives_it_nothing(
    project: Project, billing: Remote, cache: Path, vendorws: Vendorws
) -> None:
    vendorws.ok("sync", "--filter", "blob:none")
    assert mirrors(cache) == []


@pytest.mark.parametrize("spec", ["", "blob", "sparse:oid=main:x", "--upload-pack=x"])
def test_a_filter_that_is_none(spec: str, project: Project, billing: Remote, vendorws: Vendorws) -> None:
    project.write("pyproject.toml", f'[tool.vendorws]\nfilter = "{spec}"\n')
    result = vendorws("sync")
    assert result.exit_code == 2
    assert "blob:none" in result.stderr
