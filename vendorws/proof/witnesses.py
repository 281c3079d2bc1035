"""A file in a checkout that nobody can have known before: whoever sees it sees the checkout itself.

It is there for the time of one look, and lies where git does not look for changes. What a look
that was killed has left goes with the next one.
"""

from __future__ import annotations

import secrets
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path, PurePosixPath

from vendorws.files import hold, remove_abandoned
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Witness:
    """`path` is relative to the checkout, `token` what is written there."""

    path: PurePosixPath
    token: str


@contextmanager
def witnesses(checkouts: Iterable[Path]) -> Iterator[Mapping[Path, Witness]]:
    """Write one witness into each checkout; leaving the block removes them all. One that takes none is left out."""
    written = {}
    with ExitStack() as removals:
        for checkout in checkouts:
            start = _place(checkout)
            remove_abandoned(checkout.glob(f"{start}*"))
            witness = Witness(PurePosixPath(f"{start}{secrets.token_hex(8)}"), secrets.token_hex(16))
            path = checkout / witness.path
            removals.callback(path.unlink, missing_ok=True)
            try:
                file = removals.enter_context(path.open("xb", buffering=0))
                hold(file.fileno())
                file.write(witness.token.encode())
                path.chmod(0o644)  # whoever runs the container is to read it, whatever our umask says
            except OSError:
                continue
            written[checkout] = witness
        yield written


def _place(checkout: Path) -> str:
    """How a witness's path in the checkout begins.

    In the git folder; where that lies outside of the checkout (a worktree, a submodule), right in the checkout.
    """
    git = checkout / ".git"
    return ".git/vendorws-verify-" if git.is_dir() and not git.is_symlink() else ".vendorws-verify-"
