"""What the probe says about a container, as values; the words are explained in `vendorws.proof.probe`. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field
from typing import Any

from vendorws.proof.probe import answer_in
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Folder:
    """What is at a package's target. `is_denied`: the container's user must not look.

    `differs` is a file that is not as the host has it, relative to the target.
    """

    has_witness: bool
    is_denied: bool
    differs: str | None


@dataclass(frozen=True, slots=True)
class Module:
    """Where a module is imported from (None: nowhere), and whether that is in the mounted checkout.

    `failure` is the ImportError that stopped it, if any did.
    """

    name: str
    at: str | None
    inside: bool
    failure: str | None = None


@dataclass(frozen=True, slots=True)
class Installed:
    """A package as one Python has it. `version` None: no metadata. `legacy`: installed by `setup.py develop`.

    `scripts` maps console scripts to why they do not load (None: they do); it is None when that took too long.
    """

    version: str | None
    legacy: bool
    modules: tuple[Module, ...]
    scripts: Mapping[str, str | None] | None


@dataclass(frozen=True, slots=True)
class Python:
    """One Python of the container. With a `failure` it gave no answer. `reads_metadata`: it has the means to."""

    executable: str
    version: str = ""
    reads_metadata: bool = True
    packages: Mapping[str, Installed] = field(default_factory=dict)
    failure: str = ""


@dataclass(frozen=True, slots=True)
class Answer:
    """What was seen in one container, by the packages' names."""

    folders: Mapping[str, Folder]
    pythons: tuple[Python, ...]


def read_answer(output: str) -> Answer | None:
    """The answer in everything that was printed, None without one."""
    tree = answer_in(output)
    if tree is None:
        return None
    return Answer(
        {name: Folder(one["witness"], one["denied"], one["differs"]) for name, one in tree["folders"].items()},
        tuple(map(_python, tree["pythons"])),
    )


def _python(tree: Mapping[str, Any]) -> Python:
    if "failure" in tree:
        return Python(tree["executable"], failure=tree["failure"])
    packages = {name: _installed(one) for name, one in tree["packages"].items()}
    return Python(tree["executable"], tree["version"], tree["reads_metadata"], packages)


def _installed(tree: Mapping[str, Any]) -> Installed:
    modules = tuple(Module(name, one["at"], one["inside"], one["failure"]) for name, one in tree["modules"].items())
    return Installed(tree["version"], tree["legacy"], modules, tree["scripts"])
