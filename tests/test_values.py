"""A value class is what a frozen dataclass of the standard library is, only sooner there."""

from __future__ import annotations

import dataclasses
import inspect
from typing import Any

import pytest

from vendorws import values


def _classes(dataclass: Any) -> list[type]:
    """The same classes by either decorator: plain ones, one that inherits, one without fields."""

    @dataclass(frozen=True, slots=True)
    class Point:
        """On a plane."""

        x: int
        y: int = 2
        tags: list[str] = dataclasses.field(default_factory=list)
        secret: str = dataclasses.field(default="s3cret", repr=False)

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Base:
        """What all share."""

        note: str = "none"

    @dataclass(frozen=True, slots=True, kw_only=True)
    class Named(Base):
        """One with a name."""

        name: str

    @dataclass(frozen=True)
    class Nothing:
        """No field."""

    return [Point, Base, Named, Nothing]


_OURS, _THEIRS = _classes(values.dataclass), _classes(dataclasses.dataclass)


@pytest.mark.parametrize(
    ("which", "words", "named"),
    [
        (0, (1,), {}),
        (0, (1, 3), {"tags": ["a"], "secret": "t"}),
        (0, (), {}),
        (0, (1,), {"z": 1}),
        (0, (1, 2, [], "s", 5), {}),
        (1, (), {}),
        (1, (), {"note": "n"}),
        (2, (), {"name": "n"}),
        (2, ("n",), {}),
        (2, (), {}),
        (3, (), {}),
        (3, (1,), {}),
    ],
)
def test_both_make_the_same_of_the_same_words(which: int, words: tuple[Any, ...], named: dict[str, Any]) -> None:
    assert _told(_OURS[which], words, named) == _told(_THEIRS[which], words, named)


def _told(made: type, words: tuple[Any, ...], named: dict[str, Any]) -> object:
    try:
        value: Any = made(*words, **named)
    except TypeError as error:
        return str(error)
    twin = made(*words, **named)
    return (
        repr(value),
        dataclasses.asdict(value),
        value == twin,
        value != twin,
        value == words,
        _hash(value) == _hash(twin),
        hasattr(value, "__dict__"),
    )


def _hash(value: object) -> object:
    try:
        return hash(value)
    except TypeError as error:
        return str(error)


@pytest.mark.parametrize("which", range(4))
def test_both_show_the_same_shape(which: int) -> None:
    ours, theirs = _OURS[which], _THEIRS[which]
    assert list(inspect.signature(ours).parameters) == list(inspect.signature(theirs).parameters)
    assert ours.__match_args__ == theirs.__match_args__  # type: ignore[attr-defined]
    assert ours.__doc__ == theirs.__doc__


def test_values_of_two_classes_differ_though_their_fields_agree() -> None:
    assert _OURS[1]() != _OURS[3]()
    assert _OURS[3]() == _OURS[3]()
    assert len({_OURS[3](), _OURS[3]()}) == 1


def test_a_value_is_never_changed() -> None:
    value: Any = _OURS[2](name="one")
    with pytest.raises(dataclasses.FrozenInstanceError):
        value.name = "two"
    with pytest.raises(dataclasses.FrozenInstanceError):
        del value.name
    assert dataclasses.replace(value, name="two").name == "two"
    assert value.name == "one"


def test_each_value_has_a_default_of_its_own() -> None:
    one, other = _OURS[0](1), _OURS[0](1)
    one.tags.append("a")  # type: ignore[attr-defined]
    assert other.tags == []  # type: ignore[attr-defined]
