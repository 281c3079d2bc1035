"""Two lines that want one package from different places."""

from __future__ import annotations

from itertools import permutations

import pytest

from vendorws.requirement_files.claims import Claim, Claims
from vendorws.requirement_files.lines import Place
from vendorws.requirement_files.vcs_url import identity

V1, V2 = "git+https://h/r@v1", "git+https://h/r@v2"


def claim(kind: str, url: str) -> Claim:
    return Claim(Place("r.txt", 7, ""), "x", identity(url), kind == "editable", kind == "constraint")


def clashes(*claims: Claim) -> bool:
    known = Claims()
    return any(known.clash(one) for one in claims)


@pytest.mark.parametrize(
    ("kinds", "clash"),
    [
        (("editable", "editable"), True),
        (("editable", "constraint"), True),
        (("editable", "plain"), True),
        (("plain", "plain"), False),  # without an editable one it is pip's affair
        (("plain", "constraint"), False),
        (("constraint", "constraint"), False),
    ],
)
def test_other_urls_clash_with_an_editable_one(kinds: tuple[str, str], clash: bool) -> None:
    one, other = claim(kinds[0], V1), claim(kinds[1], V2)
    assert [clashes(one, other), clashes(other, one)] == [clash, clash]


def test_the_same_url_clashes_only_where_one_line_is_editable_and_one_is_not() -> None:
    claims = {kind: claim(kind, V1) for kind in ("editable", "plain", "constraint")}
    assert not clashes(claims["editable"], claims["editable"], claims["constraint"], claims["editable"])
    assert clashes(claims["editable"], claims["plain"])
    assert clashes(claims["plain"], claims["editable"])


def test_every_order_of_three_finds_the_clash() -> None:
    three = [claim("editable", V1), claim("constraint", V1), claim("constraint", V2)]
    assert all(clashes(*order) for order in permutations(three))


@pytest.mark.parametrize(
    ("first", "second", "message"),
    [
        ("editable", "editable", "r.txt:7 claims the folder vendor/x too, for another URL or revision."),
        ("constraint", "editable", "This line and r.txt:7 ask for x from different URLs."),
        ("editable", "plain", "r.txt:7 asks for x too: one of them is editable, one is not."),
    ],
)
def test_the_other_line_is_named(first: str, second: str, message: str) -> None:
    known = Claims()
    known.clash(claim(first, V1))
    said = known.clash(claim(second, V2))
    assert said is not None
    assert said[0] == message
