"""What builds leave on this machine besides their image: the earlier stages, and the build cache.

A key that never reaches the final image still lies in the layers of the stage that used it. BuildKit hands out no layer
of its cache, but builds a stage from it: so each stage that an image came from is built once more by Compose itself
(same files, arguments, secrets and ssh), to be looked at and removed. The classic builder leaves each stage as an image
without a name: those are known by their history, in which a command of the project's Dockerfile stands.
"""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from vendorws import docker
from vendorws.compose.client import ask_services
from vendorws.compose.files import ComposeFiles, find_compose_files
from vendorws.compose.services import Build
from vendorws.images.build_stages import CacheRecord, Leftovers, came_from, earlier_stages, open_arguments, run_commands
from vendorws.images.config import command_of
from vendorws.values import dataclass

Say = Callable[[str], None]
"""Called with a sentence about what goes on."""


@contextmanager
def leftovers(root: Path, say: Say) -> Iterator[Leftovers]:
    """What the builds of the project in `root` left; images made for the look are gone when the block ends.

    Raises EnvironmentProblem without a client or an engine.
    """
    builds = tuple(_builds(root))
    doubts = [] if builds else [f"There is no Dockerfile in {root}, so no stage was looked at."]
    made: dict[str, str] = {}
    try:
        for build in builds:
            for stage in earlier_stages(build.text, build.target):
                tag = f"vendorws-audit-{secrets.token_hex(4)}:{len(made)}"
                say(f"building the {build.label(stage)}, from the cache where it is in there")
                rebuilt = build.run(stage, tag)
                if rebuilt.finished.code == 0:
                    made[tag] = build.label(stage)
                doubts += _doubts(build.label(stage), rebuilt)
        commands = frozenset().union(*(run_commands(build.text) for build in builds))
        records, unread = _cache_records(commands)
        yield Leftovers({**made, **dict(_nameless(commands))}, records, (*doubts, *unread), complete=not doubts)
    finally:
        if made:
            docker.attempt("image", "rm", "--force", *made)


@dataclass(frozen=True, slots=True)
class _Rebuilt:
    """How building a stage once more ended, and which variables it was built without."""

    finished: docker.Finished
    unset: frozenset[str]


@dataclass(frozen=True, slots=True)
class _ComposeBuild:
    """A Dockerfile that Compose builds for a service; `target` is the last stage, None for the last one in `text`."""

    text: str
    target: str | None
    service: str
    files: ComposeFiles

    def label(self, stage: str) -> str:
        return f"stage {stage} of the service {self.service}"

    def run(self, stage: str, tag: str) -> _Rebuilt:
        """Build `stage` as `tag`: the service as it is, with another target and name."""
        files = self.files
        is_read = files.listing is None or files.listing.names_override
        override = (files.override,) if is_read and files.override.is_file() else ()
        named = [f"--file={file}" for file in (*files.earlier, *override, *files.later)]
        env_files = [f"--env-file={file}" for file in reversed(files.env_files)]
        changed = {"services": {self.service: {"image": tag, "build": {"target": stage}}}}
        arguments = ("compose", *env_files, *named, "--file=-", "build", self.service)
        finished = docker.attempt(*arguments, cwd=files.directory, stdin=json.dumps(changed))
        return _Rebuilt(finished, frozenset(match["name"] for match in _UNSET.finditer(finished.stderr)))


@dataclass(frozen=True, slots=True)
class _PlainBuild:
    """The Dockerfile of a project without Compose."""

    text: str
    folder: Path
    target: None = None

    def label(self, stage: str) -> str:
        return f"stage {stage} of the Dockerfile"

    def run(self, stage: str, tag: str) -> _Rebuilt:
        """Build `stage` as `tag`; the agent and the arguments are taken from here, where it asks for them."""
        ssh = ["--ssh=default"] if "type=ssh" in self.text and "SSH_AUTH_SOCK" in os.environ else []
        asked = open_arguments(self.text)
        arguments = [f"--build-arg={name}" for name in asked if name in os.environ]
        finished = docker.attempt("build", f"--target={stage}", f"--tag={tag}", *ssh, *arguments, ".", cwd=self.folder)
        return _Rebuilt(finished, frozenset(asked) - os.environ.keys())


_Build = _ComposeBuild | _PlainBuild


def _builds(root: Path) -> Iterator[_Build]:
    files = find_compose_files(root)
    if files is not None:
        services = ask_services(files).services
        texts = ((service, _text(service.build)) for service in services if service.build is not None)
        yield from (
            _ComposeBuild(text, service.build.target, service.name, files)
            for service, text in texts
            if service.build is not None and text is not None
        )
    elif (root / "Dockerfile").is_file():
        yield _PlainBuild((root / "Dockerfile").read_text("utf-8", errors="replace"), root)


def _text(build: Build) -> str | None:
    """The text of a build's Dockerfile, None where it is on another machine or not there."""
    if build.inline is not None or build.dockerfile is None or not build.dockerfile.is_file():
        return build.inline
    return build.dockerfile.read_text("utf-8", errors="replace")


_UNSET = re.compile(r'The \\?"(?P<name>\w+)\\?" variable is not set')


def _doubts(label: str, rebuilt: _Rebuilt) -> Iterator[str]:
    finished = rebuilt.finished
    if finished.code:
        words = finished.stderr.splitlines()[-1] if finished.stderr else f"exit {finished.code}"
        yield f"The {label} could not be built again: {words}"
        return
    for name in sorted(rebuilt.unset):
        yield (
            f"The {label} was built again without ${name}, which is not set here: what an earlier build with it left in"
            " the cache was not looked at. Set it as for that build."
        )


def _nameless(commands: frozenset[str]) -> Iterator[tuple[str, str]]:
    """Images without a name that a build of the project left: stages of the classic builder, and what was replaced."""
    ids = docker.run("image", "ls", "--filter=dangling=true", "--quiet", "--no-trunc").split() if commands else []
    for image in dict.fromkeys(ids):
        steps = docker.attempt("image", "history", "--no-trunc", "--format={{json .CreatedBy}}", image).stdout
        if came_from(commands, [json.loads(step) for step in reversed(steps.splitlines())]):
            yield image, f"image without a name {image[:19]}, left by an earlier build"


_CONTENTS = "The layers in BuildKit's cache cannot be read but by building; `docker builder prune` empties it."
_RECORD = re.compile(
    r"^ID:\s*(?P<id>\S+)$.*?^Description:\s*(?P<description>.*?)\n(?:Usage count|Last used|Type):",
    re.MULTILINE | re.DOTALL,
)


_EXECUTED = "from exec "


def _cache_records(commands: frozenset[str]) -> tuple[tuple[CacheRecord, ...], Iterable[str]]:
    """The cache's records of these commands; the cache knows nothing of projects."""
    finished = docker.attempt("buildx", "du", "--verbose")
    if finished.code:
        return (), ("BuildKit's cache was not looked at: this client has no buildx.",)
    records = (CacheRecord(match["id"], match["description"]) for match in _RECORD.finditer(finished.stdout))
    ours = (record for record in records if command_of(record.description.partition(_EXECUTED)[2]) in commands)
    return tuple(ours), (_CONTENTS,)
