"""Is an edit on the host what the container runs? What was seen -> one verdict for each package. Pure.

    merged Compose config             -> is there one mount, and is it ours?                        mount_fault
    container + the probe's answer    -> is the host's file seen, does the package import from there,
                                         can its metadata be read, do its console scripts load?     container_fault

The first thing that is wrong is the reason: what comes later follows from it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Mapping, Sequence
from enum import Enum
from pathlib import Path, PurePosixPath
from shlex import quote

from vendorws.exit_code import ExitCode
from vendorws.proof.answers import Answer, Installed, Module, Python
from vendorws.typed import shell_command
from vendorws.values import dataclass


class State(str, Enum):
    """What a verdict says in one word; the values are part of the JSON output."""

    LIVE = "live"
    MISSING = "missing"  # no checkout on the host
    REFUSED = "refused"  # Compose does not take the project as it is
    NOT_MOUNTED = "not-mounted"
    MOUNTED_TWICE = "mounted-twice"
    OTHER_MOUNT = "other-mount"
    NO_IMAGE = "no-image"
    UNSEEN = "unseen"  # no container could be looked into, or no Python in it
    OUTDATED = "outdated"  # the container runs without the mount that Compose has for it now
    NOT_SYNCED = "not-synced"  # `docker compose watch` has not copied the host's files
    OTHER_FOLDER = "other-folder"  # the mount is there, and shows another folder than the host has
    UNREADABLE = "unreadable"  # the container's user must not read the checkout
    NOT_INSTALLED = "not-installed"
    ELSEWHERE = "elsewhere"
    NOT_IMPORTABLE = "not-importable"
    NO_METADATA = "no-metadata"
    SCRIPT_FAILS = "script-fails"


@dataclass(frozen=True, slots=True)
class Prompt:
    """Where the suggested commands are typed: they have to work there as they are printed.

    `options` name the project to vendorws, `folder` is where `docker compose` is to be typed (empty: here), and
    `compose_options` name the Compose files that nothing else names.
    """

    options: tuple[str, ...] = ()
    folder: str = ""
    compose_options: tuple[str, ...] = ()

    def vendorws(self, verb: str, *words: str) -> str:
        """`vendorws VERB …`."""
        return shell_command("vendorws", verb, *self.options, *words)

    def compose(self, arguments: str) -> str:
        """`docker compose …`, its arguments quoted already."""
        command = " ".join(["docker compose", *map(quote, self.compose_options), arguments])
        return f"cd {quote(self.folder)} && {command}" if self.folder else command


@dataclass(frozen=True, slots=True)
class Package:
    """One package in one service: `checkout` (absolute, real) is to be seen at `target`, and imported from there.

    `path` is the checkout as people call it, `subdirectory` where in it the package's project lies.
    """

    service: str
    name: str
    path: str
    checkout: Path
    target: str
    subdirectory: str | None = None
    prompt: Prompt = Prompt()


@dataclass(frozen=True, slots=True)
class ServiceMount:
    """What a service mounts: `shown` as the merged config has it, `source` the real path of a folder that is bound."""

    target: str
    shown: str
    source: Path | None


@dataclass(frozen=True, slots=True)
class ServiceConfig:
    """What Compose makes of one service: its mounts, and the folders that `docker compose watch` copies."""

    name: str
    image: str
    builds: bool
    mounts: tuple[ServiceMount, ...]
    copies: tuple[ServiceMount, ...] = ()


@dataclass(frozen=True, slots=True)
class Container:
    """The container that was looked into; `mounts` are the targets and sources that it was started with."""

    name: str
    running: bool
    mounts: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Fault:
    """Why a package is not live, and the next command (maybe empty)."""

    state: State
    reason: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Verdict:
    """`fault` None: proved to be live. `python` is the one that was asked, `installed` what it said."""

    package: Package
    fault: Fault | None
    container: Container | None = None
    python: Python | None = None
    installed: Installed | None = None

    @property
    def state(self) -> State:
        return self.fault.state if self.fault else State.LIVE


def exit_code(verdicts: Sequence[Verdict]) -> ExitCode:
    """1 when something is not live."""
    return ExitCode.ATTENTION if any(verdict.fault for verdict in verdicts) else ExitCode.DONE


# ---- the host and the merged config -------------------------------------------------------------------------------


def missing_fault(package: Package, here: Sequence[str]) -> Fault | None:
    """Whether there is a checkout to look for; `here` are the names of those that are there."""
    if package.name in here:
        return None
    return Fault(
        State.MISSING, f"there is no checkout in {package.path}", package.prompt.vendorws("sync", package.name)
    )


def mount_fault(package: Package, service: ServiceConfig) -> Fault | None:
    """Whether Compose shows the checkout at the target, and nothing else."""
    there = [mount for mount in service.mounts if posixpath.normpath(mount.target) == package.target]
    if len(there) > 1:
        return _mounted_twice(package, there)
    if _shows(package, there or service.mounts) or (not there and is_copied(package, service)):
        return None
    if there:
        return Fault(State.OTHER_MOUNT, f"Compose mounts {there[0].shown} on {package.target}")
    return Fault(State.NOT_MOUNTED, f"Compose mounts nothing on {package.target}")


def is_copied(package: Package, service: ServiceConfig) -> bool:
    """Whether the checkout comes to the target by `docker compose watch`, and not by a mount."""
    on_target = [copy for copy in service.copies if posixpath.normpath(copy.target) == package.target]
    return not _shows(package, service.mounts) and [copy.source for copy in on_target] == [package.checkout]


def _shows(package: Package, mounts: Sequence[ServiceMount]) -> bool:
    """Whether the mount that the container sees at the target shows the checkout there."""
    nearest = _nearest(package, mounts)
    if nearest is None or nearest.source is None:
        return False
    below = PurePosixPath(package.target).relative_to(posixpath.normpath(nearest.target))
    return nearest.source / below == package.checkout


def _nearest(package: Package, mounts: Sequence[ServiceMount]) -> ServiceMount | None:
    """The mount on the target, else the nearest one above it."""
    path = PurePosixPath(package.target)
    above = [mount for mount in mounts if PurePosixPath(posixpath.normpath(mount.target)) in (path, *path.parents)]
    return max(above, key=lambda mount: len(PurePosixPath(mount.target).parts), default=None)


def _mounted_twice(package: Package, mounts: Sequence[ServiceMount]) -> Fault:
    shown = " and ".join(mount.shown for mount in mounts)
    reason = f"Compose mounts both {shown} on {package.target}: their targets differ by a slash at the end"
    return Fault(State.MOUNTED_TWICE, reason)


# ---- the container ------------------------------------------------------------------------------------------------


def container_fault(
    package: Package, service: ServiceConfig, container: Container, answer: Answer, python: Python | None
) -> Fault | None:
    """Whether the container sees the host's files, and runs them."""
    fault = _folder_fault(package, service, container, answer)
    if fault is not None:
        return fault
    if python is None:
        return unseen(package, "no Python was found there")
    if python.failure:
        return Fault(State.UNSEEN, f"{python.executable} gave no answer: {python.failure}")
    look = _Look(package, answer, python, python.packages[package.name], rebuild_command(package, service, container))
    return _place_fault(look) or _metadata_fault(look) or _import_fault(look) or _script_fault(look)


def unseen(package: Package, words: str) -> Fault:
    """Nobody could look, and `words` say why."""
    helps = "Python" in words or "executable file not found" in words
    command = package.prompt.vendorws("verify", package.service, "--python", "/path/in/the/container/bin/python")
    return Fault(State.UNSEEN, f"the container cannot be looked into: {words}", command if helps else "")


@dataclass(frozen=True, slots=True)
class _Look:
    """What one Python said about a package that the container does see."""

    package: Package
    answer: Answer
    python: Python
    installed: Installed
    rebuild: str


def choose_python(answer: Answer) -> Python | None:
    """The Python that knows most of the packages; the first one, where several do."""
    return max(answer.pythons, key=_knowledge, default=None)


def _knowledge(python: Python) -> tuple[int, bool]:
    return sum(map(_is_known, python.packages.values())), not python.failure


def rebuild_command(package: Package, service: ServiceConfig, container: Container | None) -> str:
    """What brings the image up to what the requirements say."""
    if container is not None and container.running:
        return package.prompt.compose(f"up -d {'--build' if service.builds else '--pull always'} {quote(service.name)}")
    return package.prompt.compose(f"{'build' if service.builds else 'pull'} {quote(service.name)}")


def _is_known(installed: Installed) -> bool:
    return installed.version is not None or installed.legacy or any(module.at for module in installed.modules)


def _folder_fault(package: Package, service: ServiceConfig, container: Container, answer: Answer) -> Fault | None:
    folder = answer.folders[package.name]
    if is_copied(package, service):
        return _copy_fault(package, container, folder.differs)
    if folder.is_denied:
        reason = f"the user that the container runs as must not read {package.path}"
        return Fault(State.UNREADABLE, reason, f"chmod -R a+rX {quote(str(package.checkout))}")
    if folder.has_witness:
        return None
    if container.running and not _was_started_with(container, _nearest(package, service.mounts)):
        reason = "the running container was started before this mount was there"
        return Fault(State.OUTDATED, reason, package.prompt.compose(f"up -d {quote(package.service)}"))
    if container.running:
        reason = (
            f"the running container shows another folder there; {package.path} was moved or made anew since it started"
        )
        return Fault(State.OTHER_FOLDER, reason, package.prompt.compose(f"restart {quote(package.service)}"))
    reason = f"a file written to {package.path} is not seen there; does the Docker engine run on another machine?"
    return Fault(State.OTHER_FOLDER, reason, package.prompt.vendorws("override", "--mode", "watch"))


def _was_started_with(container: Container, mount: ServiceMount | None) -> bool:
    """Whether the container has this mount; where the engine runs in a machine of its own, sources get a prefix."""
    started = {posixpath.normpath(target): source for target, source in container.mounts.items()}
    return mount is not None and started.get(posixpath.normpath(mount.target), "").endswith(mount.shown)


def _copy_fault(package: Package, container: Container, differs: str | None) -> Fault | None:
    command = package.prompt.compose(f"watch {quote(package.service)}")
    if not container.running:
        return Fault(State.NOT_SYNCED, "`docker compose watch` copies edits into a running container only", command)
    if differs is not None:
        return Fault(State.NOT_SYNCED, f"{differs} is another there than in {package.path}", command)
    return None


def _place_fault(look: _Look) -> Fault | None:
    if not _is_known(look.installed):
        asked = ", ".join(python.executable for python in look.answer.pythons)
        return Fault(State.NOT_INSTALLED, f"it is not installed in the container (asked: {asked})", look.rebuild)
    outside = [module for module in _telling(look.installed.modules) if not module.inside]
    return _outside_fault(look, outside[0].name, outside[0].at) if outside else None


def _outside_fault(look: _Look, name: str, at: str | None) -> Fault:
    if at is None:
        reason = f"{name} is not found: what the image has built for it lies in its own copy, under the mount"
        return Fault(State.NOT_IMPORTABLE, reason, _build_command(look))
    if {"site-packages", "dist-packages"} & set(PurePosixPath(at).parts):
        reason = f"{name} imports from {at}: it is installed as a copy, not editable (-e)"
        return Fault(State.ELSEWHERE, reason, look.rebuild)
    if PurePosixPath(look.package.target) in PurePosixPath(at).parents:
        return Fault(State.ELSEWHERE, f"another mount lies over {at}, in the middle of the checkout")
    return Fault(State.ELSEWHERE, f"{name} imports from {at}, not from {look.package.target}")


_INCIDENTAL = frozenset(
    "benchmarks build conftest dist doc docs example examples scripts setup test tests".split()  # noqa: SIM905
)


def _telling(modules: Sequence[Module]) -> Sequence[Module]:
    """The modules that a package is about: many install a `tests` of theirs by mistake, and only one can win."""
    return [module for module in modules if module.name not in _INCIDENTAL] or modules


def _metadata_fault(look: _Look) -> Fault | None:
    if look.installed.version is not None or not look.python.reads_metadata:
        return None
    if not look.installed.legacy:
        return Fault(State.NO_METADATA, "edits are live, but it is not installed, so it has no metadata", look.rebuild)
    reason = "edits are live, but its metadata is gone: `setup.py develop` had it in the image's copy, under the mount"
    return Fault(State.NO_METADATA, reason, _egg_info_command(look))


def _import_fault(look: _Look) -> Fault | None:
    for module in _telling(look.installed.modules):
        if module.failure is not None:
            return _load_fault(look, State.NOT_IMPORTABLE, f"{module.name} does not import", module.failure)
    return None


def _script_fault(look: _Look) -> Fault | None:
    if look.installed.scripts is None:
        reason = "edits are live, but its modules and console scripts did not load before the time was up"
        return Fault(State.SCRIPT_FAILS, reason)
    for name, failure in sorted(look.installed.scripts.items()):
        if failure is not None:
            return _load_fault(look, State.SCRIPT_FAILS, f"the console script {name} does not load", failure)
    return None


def _load_fault(look: _Look, state: State, what: str, failure: str) -> Fault:
    """Is a part of its own missing (which its build may make), or another package, or is it wrong in itself?"""
    reason = f"edits are live, but {what}: {failure}"
    if failure.startswith(("ImportError", "ModuleNotFoundError")) and _names_own_part(look, failure):
        return Fault(
            state, f"{reason}; what its build makes lies in the image's copy, under the mount", _build_command(look)
        )
    return Fault(state, reason, look.rebuild if failure.startswith("ModuleNotFoundError") else "")


def _names_own_part(look: _Look, failure: str) -> bool:
    return any(f"'{module.name}{end}" in failure for module in look.installed.modules for end in ("'", "."))


def _build_command(look: _Look) -> str:
    """Has the package's build make what it makes (extensions, a file with the version), in the checkout."""
    return _in_checkout(look, "-m pip install --no-deps --prefix /tmp/built -e .")


def _egg_info_command(look: _Look) -> str:
    """Makes the metadata anew, in the checkout."""
    return _in_checkout(look, "-B setup.py -q egg_info")


def _in_checkout(look: _Look, arguments: str) -> str:
    """Runs Python where the package's project lies; what it writes belongs to the person who types it."""
    package = look.package
    folder = posixpath.join(package.target, package.subdirectory) if package.subdirectory else package.target
    return package.prompt.compose(
        f'run --rm --no-deps --user "$(id -u):$(id -g)" --workdir {quote(folder)} '
        f"--entrypoint {quote(look.python.executable)} {quote(package.service)} {arguments}"
    )
