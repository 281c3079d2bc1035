"""Bare mirrors on this machine, so that a package comes over the network once and not once for each project.

A clone borrows from the mirror of its URL what is there and takes the rest from the remote. Then it is made its own
owner: the mirror's object files, which git never changes, are linked into it, and the loan ends. What was news goes
back to the mirror. Nothing depends on any of this: without a mirror, or while another run has it in hand, the clone
is the same and only slower.
"""

from __future__ import annotations

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from enum import Enum
from pathlib import Path, PurePosixPath

from vendorws.git_client.command import Git
from vendorws.git_client.failures import GitFailed
from vendorws.git_client.urls import normal_url
from vendorws.values import dataclass

# Everything that a clone has from its remote; `^` leaves out the name that is no branch.
_ALL = ("+refs/remotes/origin/*:refs/heads/*", "^refs/remotes/origin/HEAD", "+refs/tags/*:refs/tags/*")
# What each update adds is put together when it is too much, at once and not behind our back.
_TIDY = ("-c", "gc.auto=3000", "-c", "gc.autoPackLimit=30", "-c", "gc.autoDetach=false")


class Loan(Enum):
    """What became of a clone's loan from a mirror."""

    NONE = "there was no mirror to borrow from"
    BROKEN = "the mirror was of no use"
    SOME = "the remote had more than the mirror"
    ENOUGH = "the mirror had it all"


@dataclass(frozen=True, slots=True)
class Cache:
    """The mirrors below `folder` (absolute), which is made when it is first needed."""

    folder: Path

    def mirror(self, url: str) -> Path:
        """Where the mirror of `url` is, or will be; one for all spellings of the URL. Its name holds no secret."""
        import hashlib  # late: it loads OpenSSL

        normal = normal_url(url)
        name = PurePosixPath(normal).name or "mirror"
        return self.folder / f"{name}-{hashlib.sha256(normal.encode()).hexdigest()[:20]}.git"

    @contextmanager
    def lent(self, url: str) -> Iterator[Path | None]:
        """The mirror of `url`, which nobody changes meanwhile; None where there is none to be had."""
        mirror = self.mirror(url)
        with self._locked(mirror, fcntl.LOCK_SH) as locked:
            yield mirror if locked and is_mirror(mirror) else None

    def keep(self, git: Git, url: str, checkout: Path) -> None:
        """Put what a fresh clone brought into the mirror. A cache that cannot be written stops nobody."""
        mirror = self.mirror(url)
        with self._locked(mirror, fcntl.LOCK_EX) as locked, suppress(GitFailed, OSError):
            if locked:
                _update(git, mirror, checkout)

    def drop(self, url: str) -> None:
        """Throw away a mirror that is of no use."""
        mirror = self.mirror(url)
        with self._locked(mirror, fcntl.LOCK_EX) as locked:
            if locked:
                shutil.rmtree(mirror, ignore_errors=True)

    @contextmanager
    def _locked(self, mirror: Path, how: int) -> Iterator[bool]:
        """Hold the mirror's lock while the block runs, if it is free: nobody waits for a cache."""
        try:
            self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            lock = mirror.with_suffix(".lock").open("w")
        except OSError:
            yield False
            return
        with lock:
            try:
                fcntl.flock(lock, how | fcntl.LOCK_NB)
            except OSError:
                yield False
                return
            yield True


def _update(git: Git, mirror: Path, checkout: Path) -> None:
    if is_mirror(mirror):
        with suppress(GitFailed):
            _fill(git, mirror, checkout)
            return
    # There is none, or it is of no use any more: a git that died may have left a lock there.
    new = mirror.with_suffix(".new")
    for rubbish in (new, mirror):
        shutil.rmtree(rubbish, ignore_errors=True)
    git.call("init", "--quiet", "--bare", "--template=", "--", str(new))
    _fill(git, new, checkout)
    new.rename(mirror)


def _fill(git: Git, mirror: Path, checkout: Path) -> None:
    there = git.with_environment({"GIT_DIR": str(mirror)})
    there.call("fetch", "--quiet", "--prune", "--no-write-fetch-head", "--", str(checkout), *_ALL)
    there.call(*_TIDY, "gc", "--auto", "--quiet")


def is_mirror(place: Path) -> bool:
    """Whether a repository is there, as far as a glance can tell."""
    return (place / "HEAD").is_file() and (place / "objects").is_dir() and (place / "refs").is_dir()


def take_over(mirror: Path, repository: Path) -> Loan:
    """Give `repository` (a git directory that borrows from `mirror`) all that it borrowed, and end the loan.

    Raises OSError.
    """
    lender, own = mirror / "objects", repository / "objects"
    has_more = any(files for folder, _, files in os.walk(own) if Path(folder).name != "info")
    for folder, _, files in os.walk(lender):
        relative = Path(folder).relative_to(lender)
        if relative.parts[:1] == ("info",):
            continue
        (own / relative).mkdir(exist_ok=True)
        for name in files:
            if name.startswith(("tmp_", "multi-pack-index")):
                continue
            _link(Path(folder, name), own / relative / name)
    (own / "info" / "alternates").unlink()
    return Loan.SOME if has_more else Loan.ENOUGH


def _link(source: Path, target: Path) -> None:
    if target.exists():
        return
    try:
        target.hardlink_to(source)
    except OSError:  # another file system, or files of another user
        shutil.copyfile(source, target)
