"""What things cost at Acme."""

from collections.abc import Iterable
from typing import NamedTuple

CURRENCY = "EUR"


class Item(NamedTuple):
    """A line of an invoice; `price` is in cents, for one."""

    name: str
    quantity: int
    price: int


def total(items: Iterable[Item]) -> str:
    """What `items` cost together, with the currency."""
    cents = sum(item.quantity * item.price for item in items)
    return f"{cents / 100:.2f} {CURRENCY}"
