"""What a pin's ref stands for: on the remote itself, or as its refs were fetched last."""

from __future__ import annotations

from typing import Protocol

from vendorws.checkouts.repository import ListedRefs, Refs
from vendorws.git_client.command import Git
from vendorws.model import Pin, Target, TargetKind, Tips

PINNED = "refs/vendorws/pinned/"
"""Where a ref is kept that git itself would not keep: a pin spelt in full, or a tag that moved on the remote."""


def find_target(pin: Pin, known: Known) -> Target | None:
    """Where the pin points: a branch, else a tag, else a full ref, in pip's order; a commit is known to nobody."""
    if pin.ref is None:
        return known.default()
    return known.branch(pin.ref) or known.tag(pin.ref) or known.full(pin.ref)


class Known(Protocol):
    """A set of refs, asked by the names that the remote uses."""

    def branch(self, name: str) -> Target | None: ...

    def tag(self, name: str) -> Target | None: ...

    def full(self, name: str) -> Target | None: ...

    def default(self) -> Target | None: ...


class Asked:
    """What the remote answered just now."""

    def __init__(self, tips: Tips) -> None:
        self._tips = tips

    def branch(self, name: str) -> Target | None:
        commit = self._tips.refs.get(f"refs/heads/{name}")
        return Target(TargetKind.BRANCH, name, commit) if commit else None

    def tag(self, name: str) -> Target | None:
        pointed = self._tips.refs.get(f"refs/tags/{name}")
        peeled = self._tips.refs.get(f"refs/tags/{name}^{{}}", pointed)
        return Target(TargetKind.TAG, name, peeled, pointed) if peeled else None

    def full(self, name: str) -> Target | None:
        commit = self._tips.refs.get(f"{name}^{{}}", self._tips.refs.get(name)) if name.startswith("refs/") else None
        return Target(TargetKind.REF, name, commit) if commit else None

    def default(self) -> Target | None:
        return self.branch(self._tips.default_branch) if self._tips.default_branch else None


class Fetched:
    """What is here from the last fetch."""

    def __init__(self, refs: Refs | ListedRefs, remote: str, git: Git) -> None:
        self._refs, self._remote, self._git = refs, remote, git

    def branch(self, name: str) -> Target | None:
        commit = self._refs.commit(f"refs/remotes/{self._remote}/{name}")
        return Target(TargetKind.BRANCH, name, commit) if commit else None

    def tag(self, name: str) -> Target | None:
        ref = f"refs/tags/{name}"
        ref = kept_at(ref) if self._refs.commit(kept_at(ref)) else ref  # it moved on the remote
        pointed = self._refs.commit(ref)
        if pointed is None:
            return None
        peeled = self._refs.peeled(ref) or self._git.call("rev-parse", "--verify", f"{ref}^{{commit}}").strip()
        return Target(TargetKind.TAG, name, peeled, pointed)

    def full(self, name: str) -> Target | None:
        commit = self._refs.commit(kept_at(name)) if name.startswith("refs/") else None
        return Target(TargetKind.REF, name, commit) if commit else None

    def default(self) -> Target | None:
        head = self._refs.symbolic(f"refs/remotes/{self._remote}/HEAD") or ""
        return self.branch(head.removeprefix(f"refs/remotes/{self._remote}/")) if head else None


def kept_at(ref: str) -> str:
    """The local name of a ref of the remote that git itself keeps under no name of its own."""
    return PINNED + ref.removeprefix("refs/")
