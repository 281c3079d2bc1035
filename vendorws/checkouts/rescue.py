"""Where things were before a run moved them: rescue refs, written in one transaction before each move.

For each run that moves something in a repository, `refs/vendorws/runs/<run>/` holds

    was/HEAD, was/heads/<branch>, was/tags/<tag>   what they pointed at before the run's first move
    was-on/<branch>                                exists where HEAD was on that branch
    now/HEAD, now/heads/<branch>, now-on/<branch>  the same after the run's last move

so that a commit is never reachable by the reflog alone, and `vendorws undo` knows both ends. A run is named after
its start, `20261123T214500.123456Z-1a2b`, and names sort by time. An undo is a run too, and its name says of which
one: `20261123T220000.123456Z-undo-20261123T214500.123456Z`.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import field
from datetime import datetime, timedelta, timezone

from vendorws.model import BringForward, Checkout, FastForward, Follow, Switch, TargetKind
from vendorws.values import dataclass

RUNS = "refs/vendorws/runs/"
KEEP_DAYS = 30
KEEP_RUNS = 20
_STAMP = "%Y%m%dT%H%M%S.%fZ"
_UNDO = "undo-"


def run_name(now: datetime, salt: str) -> str:
    """The name of a run that starts at `now` (with a time zone); `salt` tells two of one moment apart."""
    return f"{now.astimezone(timezone.utc).strftime(_STAMP)}-{salt}"


def undo_name(now: datetime, undone: str) -> str:
    """The name of a run that starts at `now` and puts back what the run `undone` moved."""
    return run_name(now, f"{_UNDO}{_stamp(undone)}")


def is_undo(run: str) -> bool:
    """Whether a run puts back what another one moved."""
    return run.partition("-")[2].startswith(_UNDO)


def is_undo_of(run: str, other: str) -> bool:
    """Whether `run` puts back what the run `other` moved."""
    return is_undo(run) and run.endswith(f"-{_UNDO}{_stamp(other)}")


def _stamp(run: str) -> str:
    return run.partition("-")[0]


def run_started(run: str) -> datetime | None:
    """When a run started, or None where the name is not one of ours."""
    try:
        return datetime.strptime(_stamp(run), _STAMP).replace(tzinfo=timezone.utc)
    except ValueError:
        return None


@dataclass(frozen=True, slots=True)
class Position:
    """Where HEAD and some branches and tags stand: `branch` is None when HEAD is detached.

    `refs` maps names below `refs/`, `heads/main` or `tags/v1`, to object names.
    """

    head: str
    branch: str | None
    refs: Mapping[str, str] = field(default_factory=dict)


Moving = FastForward | Follow | BringForward | Switch


def ends(checkout: Checkout, move: Moving) -> tuple[Position, Position] | None:
    """Where things stand before a move, and where they will stand after it; None without a commit to lose."""
    if checkout.head is None:
        return None
    here = {f"heads/{checkout.branch}": checkout.head} if checkout.branch else {}
    local = checkout.local.commit if checkout.local else None
    if isinstance(move, FastForward | Follow):
        moved = {f"heads/{move.branch}": move.commit}
        return Position(checkout.head, checkout.branch, here), Position(move.commit, move.branch, moved)
    if isinstance(move, BringForward):
        was = {**here, f"heads/{move.branch}": str(local)}
        now = {**here, f"heads/{move.branch}": move.commit}
        return Position(checkout.head, checkout.branch, was), Position(checkout.head, checkout.branch, now)
    target = move.target
    if target.kind is TargetKind.BRANCH:
        there = {f"heads/{target.name}": local} if local else {}
        tip = local or target.commit
        now = {**here, f"heads/{target.name}": tip}
        return Position(checkout.head, checkout.branch, {**here, **there}), Position(tip, target.name, now)
    old = _tag(checkout.local_tag, target.name)
    new = old if checkout.lone_tag else _tag(target.tag_object, target.name)
    return Position(checkout.head, checkout.branch, {**here, **old}), Position(target.commit, None, {**here, **new})


def _tag(held: str | None, name: str) -> dict[str, str]:
    return {f"tags/{name}": held} if held else {}


def note(run: str, was: Position, now: Position, there: Collection[str]) -> str:
    """The `git update-ref --stdin` lines that note both ends of a move.

    `there` are the rescue refs that exist: what an earlier move of the same run noted as `was` stays.
    """
    prefix = f"{RUNS}{run}"
    first = f"{prefix}/was/HEAD" not in there
    before = _lines(f"{prefix}/was", was if first else Position(was.head, None, was.refs), there)
    return before + _forget_branch(prefix, now, there) + _lines(f"{prefix}/now", now, ())


def was(run: str, ref: str) -> str:
    """The rescue ref for what `ref` (its full name) held before the run."""
    return f"{RUNS}{run}/was/{ref.removeprefix('refs/')}"


def forget(refs: Iterable[str]) -> str:
    """The `git update-ref --stdin` lines that delete these refs."""
    return "".join(f"delete {ref}\n" for ref in refs)


def expired(refs: Iterable[str], now: datetime) -> list[str]:
    """Those of all rescue refs that belong to old runs: older than 30 days, or before the last 20."""
    by_run: dict[str, list[str]] = {}
    for ref in refs:
        if ref.startswith(RUNS):
            by_run.setdefault(ref.removeprefix(RUNS).split("/", 1)[0], []).append(ref)
    ours = sorted((run for run in by_run if run_started(run)), reverse=True)
    oldest = now - timedelta(days=KEEP_DAYS)
    old = [run for place, run in enumerate(ours) if place >= KEEP_RUNS or (run_started(run) or now) < oldest]
    return [ref for run in old for ref in by_run[run]]


@dataclass(frozen=True, slots=True)
class Recorded:
    """One run as a repository remembers it: both ends of what it moved."""

    run: str
    was: Position
    now: Position


def recorded_runs(refs: Mapping[str, str]) -> list[Recorded]:
    """Every complete run among all refs (full ref name to object name), the newest first."""
    runs = sorted({ref.removeprefix(RUNS).split("/", 1)[0] for ref in refs if ref.startswith(RUNS)}, reverse=True)
    found = ((run, _position(refs, f"{RUNS}{run}/was"), _position(refs, f"{RUNS}{run}/now")) for run in runs)
    return [Recorded(run, was, now) for run, was, now in found if was is not None and now is not None]


def _lines(prefix: str, position: Position, there: Collection[str]) -> str:
    on = {f"{prefix}-on/{position.branch}": position.head} if position.branch is not None else {}
    below = {f"{prefix}/{name}": held for name, held in {"HEAD": position.head, **position.refs}.items()}
    return "".join(f"update {ref} {held}\n" for ref, held in {**below, **on}.items() if ref not in there)


def _forget_branch(prefix: str, now: Position, there: Collection[str]) -> str:
    """HEAD was on another branch after the move before this one."""
    on = f"{prefix}/now-on/"
    return forget(ref for ref in there if ref.startswith(on) and ref != f"{on}{now.branch}")


def _position(refs: Mapping[str, str], prefix: str) -> Position | None:
    head = refs.get(f"{prefix}/HEAD")
    if head is None:
        return None
    on = [name.removeprefix(f"{prefix}-on/") for name in refs if name.startswith(f"{prefix}-on/")]
    below = {name.removeprefix(f"{prefix}/"): commit for name, commit in refs.items() if name.startswith(f"{prefix}/")}
    moved = {name: commit for name, commit in below.items() if name.startswith(("heads/", "tags/"))}
    return Position(head=head, branch=on[0] if on else None, refs=moved)
