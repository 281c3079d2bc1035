"""Reading a Compose project: its services, what they build from and what they mount already.

This reader needs nothing but the files. It knows what decides where a checkout belongs: `build`, `image`, `volumes`,
merging of several files, `extends`, `include`, `${VAR}`, anchors, and the tags `!reset` and `!override`. Reference:
https://docs.docker.com/reference/compose-file/.
"""

from __future__ import annotations

import os
import posixpath
import re
from collections.abc import Callable, Mapping
from pathlib import Path

from vendorws.compose.files import ComposeFiles, read_dotenv
from vendorws.compose.trees import (
    ComposeUnreadable,
    Tree,
    merged,
    parse_documents,
    read_documents,
    settled,
    tagged,
    untagged,
)
from vendorws.dockerfiles.expansion import Unresolved, Variables, interpolate
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Build:
    """What `docker compose build` would build; paths are absolute, `args` have their values filled in.

    `context` is None for one that is not a folder of this machine. `dockerfile` is None then, and when the text is in
    the Compose file itself (`inline`).
    """

    context: Path | None
    dockerfile: Path | None
    inline: str | None
    args: Mapping[str, str]
    target: str | None


@dataclass(frozen=True, slots=True)
class BaseMount:
    """A mount that the project has without us. `target` is spelt as Compose compares it, `source` is a bound path."""

    target: str
    source: Path | None


@dataclass(frozen=True, slots=True)
class Service:
    """One service, merged from all the files that speak of it."""

    name: str
    image: str | None
    build: Build | None
    mounts: tuple[BaseMount, ...]


def read_services(files: ComposeFiles, extra: str | None = None) -> tuple[Service, ...]:
    """The services of the project in the order of their names; `extra` is the text that the override has.

    Raises ComposeUnreadable.
    """
    override = parse_documents(extra.encode(), str(files.override)) if extra is not None else []
    trees = [
        *((file, tree) for file in files.earlier for tree in read_documents(file)),
        *((files.override, tree) for tree in override),
        *((file, tree) for file in files.later for tree in read_documents(file)),
    ]
    services: Tree = {}
    for file, tree in trees:
        services = merged(services, _load(file, tree, files.directory, files.variables, ()))
    return _finished(services, files.directory)


def services_of(tree: Mapping[str, Tree], files: ComposeFiles) -> tuple[Service, ...]:
    """The same from one tree in which everything is merged already, as `docker compose config` prints it."""
    return _finished(_load(files.base[0], tree, files.directory, files.variables, ()), files.directory)


def _finished(services: Tree, directory: Path) -> tuple[Service, ...]:
    trees = settled(_with_contexts(services, directory))
    assert isinstance(trees, dict)
    return tuple(_service(name, tree) for name, tree in sorted(trees.items()) if isinstance(tree, dict))


def _with_contexts(services: Tree, directory: Path) -> Tree:
    """A `build` that names no context, in none of the files, builds the project's folder."""
    assert isinstance(services, dict)
    default: Tree = {"build": {"context": str(directory)}}
    lacking = {name for name, tree in services.items() if isinstance(tree, dict) and _lacks_context(tree.get("build"))}
    return {name: merged(default, tree) if name in lacking else tree for name, tree in services.items()}


def _lacks_context(build: Tree) -> bool:
    return isinstance(build, dict) and not build.get("context")


def _load(file: Path, tree: Mapping[str, Tree], directory: Path, variables: Variables, outer: tuple[Path, ...]) -> Tree:
    """The services of one file and of what it includes, each reduced to the keys that matter here."""
    if file in outer:
        raise ComposeUnreadable(f"{file} includes itself.")
    services: Tree = {}
    reader = _Reader(file, directory, variables)
    for entry in reader.items(tree.get("include")):
        services = merged(services, _included(entry, reader, (*outer, file)))
    own = reader.mapping(tree.get("services"), "services")
    return merged(services, {name: reader.service(name, own, ()) for name in own})


def _included(entry: Tree, reader: _Reader, outer: tuple[Path, ...]) -> Tree:
    """The services of one entry of `include`, whose paths start in a folder of their own with a .env of its own."""
    options = entry if isinstance(entry, dict) else {"path": entry}
    paths = [reader.below(item) for item in reader.items(options.get("path")) if not _is_remote(reader.text(item))]
    if not paths:
        return {}
    folder = options.get("project_directory")
    directory = reader.below(folder) if folder else paths[0].parent
    env_files = [reader.below(item) for item in reader.items(options.get("env_file"))] or [directory / ".env"]
    variables: dict[str, str] = {}
    for env_file in env_files:
        variables.update(read_dotenv(env_file, reader.variables))
    services: Tree = {}
    for path in paths:
        for tree in read_documents(path):
            inner = _load(path, tree, directory, {**variables, **reader.variables}, outer)
            services = merged(services, inner)
    return _with_contexts(services, directory)


_REMOTE = re.compile(r"[a-z][a-z0-9+.-]*://|git@|github\.com/|oci:")
_SHORT_VOLUME = re.compile(r"(?P<source>(?:[A-Za-z]:[\\/])?[^:]+):(?P<target>[^:]+)(?::[^:]*)?")


def _is_remote(text: str) -> bool:
    return _REMOTE.match(text) is not None


@dataclass(frozen=True, slots=True)
class _Reader:
    """Reads the services of one file: reduced, with values filled in and paths absolute, ready to be merged."""

    file: Path
    directory: Path
    variables: Variables

    def text(self, value: Tree) -> str:
        if not isinstance(value, str):
            raise ComposeUnreadable(f"{self.file}: a text is expected where {value!r} stands.")
        try:
            return interpolate(value, self.variables)
        except Unresolved as error:
            raise ComposeUnreadable(
                f"{self.file} needs a variable that is not set: {error.what}.", "Set it in the environment or in .env."
            ) from error

    def below(self, value: Tree) -> Path:
        """A path relative to this file."""
        return Path(os.path.normpath(self.file.parent / self.text(value)))

    def mapping(self, value: Tree, what: str) -> dict[str, Tree]:
        value = untagged(value)
        if value is not None and not isinstance(value, dict):
            raise ComposeUnreadable(f"{self.file}: {what} is not a mapping.")
        return value or {}

    def items(self, value: Tree) -> list[Tree]:
        """A list, or the one value that stands for a list of one."""
        value = untagged(value)
        if value is None:
            return []
        return value if isinstance(value, list) else [value]

    def service(self, name: str, services: Mapping[str, Tree], seen: tuple[tuple[Path, str], ...]) -> Tree:
        """One service of `services`, on top of the one it extends."""
        if (self.file, name) in seen:
            raise ComposeUnreadable(f"{self.file}: service {name} extends itself.")
        tree = services.get(name)
        own = tagged(tree, lambda inner: self._reduced(self.mapping(inner, f"service {name}")))
        extends = untagged(tree.get("extends")) if isinstance(tree, dict) else None
        return merged(self._extended(extends, services, (*seen, (self.file, name))), own) if extends else own

    def _extended(self, extends: Tree, services: Mapping[str, Tree], seen: tuple[tuple[Path, str], ...]) -> Tree:
        options = extends if isinstance(extends, dict) else {"service": extends}
        name = self.text(options.get("service"))
        if options.get("file") is None:
            return self.service(name, services, seen)
        file = self.below(options["file"])
        reader = _Reader(file, file.parent, self.variables)
        others: dict[str, Tree] = {}
        for tree in read_documents(file):
            others.update(reader.mapping(tree.get("services"), "services"))
        return reader.service(name, others, seen)

    def _reduced(self, tree: Mapping[str, Tree]) -> Tree:
        return self._read(tree, {"build": self._build, "image": self.text, "volumes": self._volumes})

    def _read(self, tree: Mapping[str, Tree], readers: Mapping[str, Callable[[Tree], Tree]]) -> dict[str, Tree]:
        return {key: tagged(tree[key], read) for key, read in readers.items() if tree.get(key) is not None}

    def _build(self, value: Tree) -> Tree:
        tree = value if isinstance(value, dict) else {"context": value}
        readers: dict[str, Callable[[Tree], Tree]] = {
            "context": self._context,
            "dockerfile": self.text,
            "dockerfile_inline": self.text,
            "target": self.text,
            "args": self._arguments,
        }
        return self._read(tree, readers)

    def _context(self, value: Tree) -> str:
        text = self.text(value)
        return text if _is_remote(text) else self._path(text)

    def _path(self, text: str) -> str:
        return os.path.normpath(self.directory / Path(text).expanduser())

    def _arguments(self, value: Tree) -> Tree:
        if not isinstance(value, list):
            return {name: self._argument(name, inner) for name, inner in self.mapping(value, "args").items()}
        pairs = [self.text(item).partition("=") for item in value]
        return {name: text if equals else self.variables.get(name) for name, equals, text in pairs}

    def _argument(self, name: str, value: Tree) -> Tree:
        """An argument without a value takes it from the environment, and is left out where that has none."""
        return self.variables.get(name) if value is None else tagged(value, self.text)

    def _volumes(self, value: Tree) -> Tree:
        return dict(self._volume(item) for item in self.items(value))

    def _volume(self, item: Tree) -> tuple[str, Tree]:
        """Where a volume is mounted, as Compose compares it, and the path that is bound there (None: a volume)."""
        if isinstance(item, dict):
            bound = item.get("type") == "bind" and item.get("source") is not None
            return self.text(item.get("target")), self._path(self.text(item["source"])) if bound else None
        text = self.text(item)
        short = _SHORT_VOLUME.fullmatch(text)
        if short is None:
            return posixpath.normpath(text), None
        bound = re.match(r"[./~\\]|[A-Za-z]:", short["source"]) is not None
        return posixpath.normpath(short["target"]), self._path(short["source"]) if bound else None


def _service(name: str, tree: Mapping[str, Tree]) -> Service:
    build, volumes, image = tree.get("build"), tree.get("volumes"), tree.get("image")
    return Service(
        name,
        image if isinstance(image, str) else None,
        _finished_build(build) if isinstance(build, dict) else None,
        tuple(
            BaseMount(target, Path(source) if isinstance(source, str) else None)
            for target, source in (volumes.items() if isinstance(volumes, dict) else ())
        ),
    )


def _finished_build(tree: Mapping[str, Tree]) -> Build:
    texts = {key: value for key, value in tree.items() if isinstance(value, str)}
    args = tree.get("args")
    known = {name: value for name, value in args.items() if isinstance(value, str)} if isinstance(args, dict) else {}
    context = texts.get("context", "")
    folder = None if not context or _is_remote(context) else Path(context)
    inline = texts.get("dockerfile_inline")
    dockerfile = folder / texts.get("dockerfile", "Dockerfile") if folder is not None and inline is None else None
    return Build(folder, dockerfile, inline, known, texts.get("target"))
