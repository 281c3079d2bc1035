"""Frozen value classes that are quick to define: the part of `dataclasses.dataclass` that is used here.

For a frozen dataclass Python compiles six methods, 0.7 ms for each class and together a fifth of the time of a short
command. Here only `__init__` is compiled; the others are shared, and look at the class's fields. Otherwise both are
alike, but for pickling: `replace`, `fields` and `asdict` take these values, and mypy takes the decorator for the one of
`dataclasses`.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from operator import attrgetter
from typing import TYPE_CHECKING, Any

__all__ = ["dataclass"]

if TYPE_CHECKING:
    from dataclasses import dataclass
else:

    def dataclass(*, frozen: bool, slots: bool = False, kw_only: bool = False) -> Callable[[type], type]:
        """`frozen` must be said, for mypy. Fields may have a `default` or a `default_factory`, and `repr=False`."""
        assert frozen, "a value is never changed"

        def decorate(cls: type) -> type:
            cls = dataclasses.dataclass(init=False, repr=False, eq=False, slots=slots, kw_only=kw_only)(cls)
            fields = dataclasses.fields(cls)
            cls.__init__ = _initializer(cls, fields)
            cls.__eq__, cls.__hash__ = _comparison([field.name for field in fields])
            cls.__repr__, cls.__setattr__, cls.__delattr__ = _representation, _refuse, _refuse
            return cls

        return decorate


def _initializer(cls: type, fields: tuple[dataclasses.Field[Any], ...]) -> Callable[..., None]:
    parameters, keywords, body = ["self"], ["*"], ["pass"]
    names: dict[str, Any] = {"put": object.__setattr__, "MISSING": dataclasses.MISSING}
    for field in fields:
        name = value = parameter = field.name
        if field.default_factory is not dataclasses.MISSING:
            names[f"make_{name}"] = field.default_factory
            parameter = f"{name}=MISSING"
            value = f"make_{name}() if {name} is MISSING else {name}"
        elif field.default is not dataclasses.MISSING:
            names[f"default_{name}"] = field.default
            parameter = f"{name}=default_{name}"
        (keywords if field.kw_only else parameters).append(parameter)
        body.append(f"put(self, {name!r}, {value})")
    signature = ", ".join(parameters + (keywords if len(keywords) > 1 else []))
    exec(f"def __init__({signature}):\n " + "\n ".join(body), names)
    made: Callable[..., None] = names["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _comparison(names: list[str]) -> tuple[Callable[[Any, object], Any], Callable[[Any], int]]:
    values: Callable[[Any], Any] = attrgetter(*names) if names else type

    def equals(self: Any, other: object) -> Any:  # noqa: ANN401
        return values(self) == values(other) if other.__class__ is self.__class__ else NotImplemented

    def hashed(self: Any) -> int:  # noqa: ANN401
        return hash(values(self))

    return equals, hashed


def _representation(self: Any) -> str:  # noqa: ANN401
    shown = (f"{field.name}={getattr(self, field.name)!r}" for field in dataclasses.fields(self) if field.repr)
    return f"{type(self).__qualname__}({', '.join(shown)})"


def _refuse(self: object, name: str, *_: object) -> None:
    raise dataclasses.FrozenInstanceError(f"{type(self).__qualname__}.{name} cannot be changed")
