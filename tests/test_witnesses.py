"""Witnesses: there while somebody looks, gone afterwards, and never a change that git would see."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.workspace import tree
from vendorws.proof.witnesses import witnesses


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    path = tmp_path / "vendor" / "billing"
    path.mkdir(parents=True)
    git(path, "init", "--quiet", "--template=")
    git(path, "commit", "--quiet", "--allow-empty", "-m", "Start")
    return path


def test_a_witness_is_there_for_the_time_of_a_look(checkout: Path) -> None:
    before = tree(checkout)
    with witnesses([checkout]) as written:
        witness = written[checkout]
        path = checkout / witness.path
        assert path.read_text() == witness.token
        assert path.stat().st_mode & 0o444 == 0o444
        assert git(checkout, "status", "--porcelain", "--ignored") == ""
    assert tree(checkout) == before


def test_whoever_runs_the_container_can_read_it_whatever_the_umask_is(checkout: Path) -> None:
    before = os.umask(0o077)
    try:
        with witnesses([checkout]) as written:
            assert (checkout / written[checkout].path).stat().st_mode & 0o004
    finally:
        os.umask(before)


def test_no_two_looks_have_the_same_witness(checkout: Path) -> None:
    with witnesses([checkout]) as first, witnesses([checkout]) as second:
        assert first[checkout].path != second[checkout].path
        assert first[checkout].token != second[checkout].token


def test_where_the_git_folder_lies_elsewhere_it_is_written_into_the_checkout(checkout: Path) -> None:
    beside = checkout.parent / "beside"
    git(checkout, "worktree", "add", "--quiet", beside)
    with witnesses([beside]) as written:
        assert (beside / written[beside].path).is_file()
    assert git(beside, "status", "--porcelain", "--ignored") == ""


def test_an_interrupted_look_leaves_nothing(checkout: Path) -> None:
    before = tree(checkout)
    with pytest.raises(KeyboardInterrupt), witnesses([checkout]):
        raise KeyboardInterrupt
    assert tree(checkout) == before


def test_what_a_killed_look_left_goes_with_the_next_one(checkout: Path) -> None:
    before = tree(checkout)
    beside = checkout.parent / "beside"
    git(checkout, "worktree", "add", "--quiet", "--detach", beside)
    look = f"""
import os, pathlib, signal
from vendorws.proof.witnesses import witnesses
with witnesses([pathlib.Path({str(checkout)!r}), pathlib.Path({str(beside)!r})]):
    os.kill(os.getpid(), signal.SIGKILL)
"""
    assert subprocess.run([sys.executable, "-c", look], check=False).returncode == -signal.SIGKILL
    assert list(checkout.glob(".git/vendorws-verify-*")) and list(beside.glob(".vendorws-verify-*"))
    with witnesses([checkout]) as first, witnesses([checkout, beside]) as second:
        assert (checkout / first[checkout].path).exists(), "a look that goes on keeps its own"
        assert (checkout / second[checkout].path).exists()
    git(checkout, "worktree", "remove", beside)
    assert tree(checkout) == before


def test_a_witness_that_somebody_else_has_removed_is_no_error(checkout: Path) -> None:
    with witnesses([checkout]) as written:
        (checkout / written[checkout].path).unlink()


def test_a_checkout_that_takes_no_file_is_left_out(checkout: Path) -> None:
    gone = checkout.parent / "gone"
    with witnesses([gone, checkout]) as written:
        assert set(written) == {checkout}
