"""What reasons call things."""

from __future__ import annotations

from vendorws.model import Target, TargetKind


def commits(count: int) -> str:
    """A number of commits in words."""
    return "1 commit" if count == 1 else f"{count} commits"


def some(paths: tuple[str, ...]) -> str:
    """The first few of them."""
    shown = ", ".join(paths[:3])
    return shown if len(paths) <= 3 else f"{shown} and {len(paths) - 3} more"


def short(commit: str) -> str:
    """As many of its digits as people need."""
    return commit[:10]


def target_text(target: Target) -> str:
    """What a pin points at, as reasons call it."""
    if target.kind is TargetKind.COMMIT:
        return f"commit {short(target.commit)}"
    return f"{target.kind.value} {target.name}"
