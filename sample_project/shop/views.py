"""A page that needs both private packages: acme_billing adds up, acme_theme makes it look like Acme."""

from acme_billing import Item, total
from acme_theme import page
from django.http import HttpRequest, HttpResponse

ITEMS = (Item("Anvil", 2, 4999), Item("Rocket skates", 1, 12900))


def invoice(request: HttpRequest) -> HttpResponse:
    """The invoice, every line and the total."""
    lines = [f"{item.quantity} x {item.name}: {total([item])}" for item in ITEMS]
    return HttpResponse(page("Invoice", [*lines, f"Total: {total(ITEMS)}"]))
