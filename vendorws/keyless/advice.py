"""What makes an image that is built from the checkouts differ from the pins, or keeps it from being built at all.

What is built is what is *committed* in a checkout, under the name that the pin has.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, nullcontext
from pathlib import Path

from vendorws.checkouts.crew import Options
from vendorws.checkouts.plan import Wish
from vendorws.checkouts.sync import status
from vendorws.git_client.command import Git
from vendorws.keyless.build import ImageBuild, hidden_parts
from vendorws.keyless.plan import KeylessPlan, has_secret, submodules
from vendorws.model import Broken, Checkout, EmptyFolder, Missing, Occupied, Outcome, Pin, Requirements, Symlink
from vendorws.settings import Settings
from vendorws.typed import shell_command
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Advice:
    """One thing about one package (None: about the build). `fails`: the build will fail; else it will surprise."""

    name: str | None
    message: str
    hint: str
    fails: bool


def _fatal(name: str | None, message: str, hint: str) -> Advice:
    return Advice(name, message, hint, fails=True)


def _surprise(name: str, message: str, hint: str) -> Advice:
    return Advice(name, message, hint, fails=False)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where the checkouts are, to git and to who types a command; `options` name the project to vendorws."""

    git: Git
    vendor: Path
    options: tuple[str, ...]

    def path(self, pin: Pin) -> str:
        return str(self.vendor / pin.name)

    def vendorws(self, verb: str, pin: Pin) -> str:
        return shell_command("vendorws", verb, *self.options, pin.name)


def inspect(
    settings: Settings,
    requirements: Requirements,
    plan: KeylessPlan,
    builds: Sequence[ImageBuild],
    typed: tuple[str, ...] = (),
) -> tuple[Advice, ...]:
    """What stands between the checkouts and the image that the pins describe. Looks only, and only here.

    `typed` are the options that name the project, for the commands that are suggested.
    """
    place = _Place(Git(vendor=settings.vendor, cwd=settings.vendor), Path(os.path.relpath(settings.vendor)), typed)
    how = Options(
        wish=Wish(),
        jobs=settings.jobs,
        timeout=settings.timeout,
        dry_run=False,
        wait=True,
        trace=None,
        at=place.path,
        project=typed,
    )
    outcomes = status(settings, requirements.pins, how, _Silent(), fetch=False).outcomes
    folders = {url: source.folder for source in plan.sources for url in source.urls}
    advice = [found for outcome in outcomes for found in _about(place, outcome, folders)]
    names = [pin.name for pin in requirements.pins]
    hidden = [part for build in builds for part in hidden_parts(build, settings.root, names)]
    return (*advice, *(_fatal(None, part.message, part.hint) for part in dict.fromkeys(hidden)))


class _Silent:
    """Nobody watches: looking at checkouts takes no time to speak of."""

    wants_progress = False

    def progress(self, pin: Pin, text: str) -> None:
        """Nothing."""

    def finished(self, outcome: Outcome) -> None:
        """Nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def paused(self) -> AbstractContextManager[None]:
        return nullcontext()


def _about(place: _Place, outcome: Outcome, folders: Mapping[str, str]) -> Iterator[Advice]:
    """The findings on one package, the fatal ones first."""
    pin, finding = outcome.pin, outcome.finding
    at = place.vendor / pin.name
    if has_secret(pin.url):
        yield _fatal(pin.name, "its URL holds a password, which would have to stand in the file", "Use ssh://.")
    elif isinstance(finding, Checkout):
        yield from _about_repository(place.git, at)
        yield from _about_commit(place, place.vendor / folders[pin.url], pin, finding)
        yield from _about_submodules(place.git, at, at)
    elif isinstance(finding, Symlink):
        yield _fatal(pin.name, f"{at} is a link to {finding.to}, which no build can see", f"Clone it to {at}.")
    elif isinstance(finding, Missing | EmptyFolder):
        yield _fatal(pin.name, "it is not checked out", place.vendorws("sync", pin))
    elif isinstance(finding, Occupied | Broken):
        what = finding.what if isinstance(finding, Occupied) else finding.why
        yield _fatal(pin.name, f"{at} is no working git repository: {what}", place.vendorws("status", pin))
    elif outcome.failure is not None:
        yield _fatal(pin.name, outcome.failure.message, outcome.failure.hint)


def _about_repository(git: Git, at: Path) -> Iterator[Advice]:
    """Whether all of the repository is below vendor/."""
    where = at / ".git"
    if where.is_file():
        message = f"{at} is a worktree: its repository is elsewhere, where no build can see it"
        yield _fatal(at.name, message, f"Clone it to {at}.")
    elif (where / "objects" / "info" / "alternates").is_file():
        message = f"{at} borrows objects from another repository, which no build can see"
        hint = f"{_git(at, 'repack', '-a', '-d')} && {shell_command('rm', str(where / 'objects/info/alternates'))}"
        yield _fatal(at.name, message, hint)
    if git.inside(git.vendor / at.name).run("config", "--get-regexp", r"^remote\..*\.promisor$").text:
        message = f"{at} is a partial clone; what it has not fetched yet is missing in the build"
        yield _surprise(at.name, message, _git(at, "fetch", "--refetch", "--no-filter"))


def _about_commit(place: _Place, source: Path, pin: Pin, checkout: Checkout) -> Iterator[Advice]:
    """Whether the pin's ref is there by the name that pip asks for, and what it is."""
    built = _built_commit(place.git.inside(place.git.vendor / source.name), pin.ref)
    wanted = checkout.target.commit if checkout.target else None
    if built is None:
        message = f"{source} has no {pin.ref or 'commit'}, which pip will ask for"
        yield _fatal(pin.name, message, _bring_hint(place, source, pin, wanted))
        return
    if wanted is None:
        yield _surprise(pin.name, "where its pin points is not known here", place.vendorws("sync", pin))
    elif built != wanted:
        message = f"the image gets {built[:10]} of {source}, the pin is at {wanted[:10]}"
        yield _surprise(pin.name, message, place.vendorws("status", pin))
    changes = checkout.changes
    if changes.tracked or changes.untracked:
        message = f"{source} has changes that are not committed; the image gets what is"
        yield _surprise(pin.name, message, _git(source, "status"))


def _built_commit(git: Git, ref: str | None) -> str | None:
    """What pip will find in a clone: a branch of the checkout, else a tag, a ref in full, a commit."""
    names = ["HEAD"] if ref is None else [ref] if ref.startswith("refs/") else [f"refs/heads/{ref}", f"refs/tags/{ref}"]
    if ref is not None and re.fullmatch(r"[0-9a-fA-F]{4,64}", ref):
        names.append(ref)
    for name in names:
        found = git.run("rev-parse", "--verify", "--quiet", "--end-of-options", f"{name}^{{commit}}")
        if found.code == 0:
            return found.text.split()[-1]
    return None


def _bring_hint(place: _Place, source: Path, pin: Pin, wanted: str | None) -> str:
    if wanted is None or pin.ref is None:
        return place.vendorws("sync", pin)
    if pin.ref.startswith("refs/"):
        return _git(source, "update-ref", pin.ref, wanted)
    return _git(source, "branch", pin.ref, wanted)


def _git(at: Path, *arguments: str) -> str:
    return shell_command("git", "-C", str(at), *arguments)


def _about_submodules(git: Git, at: Path, top: Path) -> Iterator[Advice]:
    checkout = git.vendor / at.relative_to(top.parent)
    for submodule in submodules(git, checkout):
        inner = checkout / submodule.path
        hint = _git(top, "submodule", "update", "--init", "--recursive")
        if not (inner / ".git").exists():
            yield _fatal(top.name, f"its submodule {submodule.path} is not cloned", hint)
            continue
        recorded = git.inside(checkout).run("rev-parse", "--verify", "--quiet", f"HEAD:{submodule.path}").text.strip()
        if recorded and git.inside(inner).run("cat-file", "-e", f"{recorded}^{{commit}}").code != 0:
            message = f"its submodule {submodule.path} lacks the recorded commit {recorded[:10]}"
            yield _fatal(top.name, message, hint)
        dot_git = inner / ".git"
        if dot_git.is_file() and dot_git.read_text("utf-8", "replace").startswith("gitdir: /"):
            message = f"its submodule {submodule.path} names its repository by an absolute path of this machine"
            yield _fatal(top.name, message, _git(top, "submodule", "absorbgitdirs"))
        yield from _about_submodules(git, at / submodule.path, top)
