"""Two lines that want one package from different places: what pip's resolver (20.3 and later) stops at.

Each editable repository has one folder below `--src`, so two of them for one name must be the same repository at the
same revision; an editable and a plain URL never agree; a constraint with a URL must name the same one.
"""

from __future__ import annotations

from vendorws.requirement_files.lines import Place
from vendorws.requirement_files.vcs_url import Identity
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Claim:
    """`place` wants the package `name` (canonical) from a URL. `editable`: below `--src`, with a folder of its own."""

    place: Place
    name: str
    identity: Identity
    editable: bool
    constraint: bool


class Claims:
    """The first claims of each kind on one package; the later ones must agree with them, as pip's resolver demands."""

    def __init__(self) -> None:
        self.editable: Claim | None = None
        self.plain: Claim | None = None
        self.constraints: dict[Identity, Claim] = {}

    def clash(self, claim: Claim) -> tuple[str, str] | None:
        """What is wrong with `claim` beside an earlier one, and what to do, if so; later ones are held against it."""
        rival = self._rival(claim)
        if claim.constraint:
            self.constraints.setdefault(claim.identity, claim)
        elif claim.editable:
            self.editable = self.editable or claim
        else:
            self.plain = self.plain or claim
        return _clash(claim, rival) if rival else None

    def _rival(self, claim: Claim) -> Claim | None:
        never, agree = self.editable, list[Claim | None]()
        if claim.editable:
            never, agree = self.plain, [self.editable, *self.constraints.values()]
        elif claim.constraint:
            never, agree = None, [self.editable]
        return never or next((other for other in agree if other and other.identity != claim.identity), None)


def _clash(claim: Claim, rival: Claim) -> tuple[str, str]:
    there = f"{rival.place.file}:{rival.place.line}"
    if claim.constraint or rival.constraint:
        return f"This line and {there} ask for {claim.name} from different URLs.", "Write the same URL in both."
    if not (claim.editable and rival.editable):
        return f"{there} asks for {claim.name} too: one of them is editable, one is not.", "Keep one of the two lines."
    return (
        f"{there} claims the folder vendor/{claim.name} too, for another URL or revision.",
        "Keep one of the two lines.",
    )
