"""What Acme looks like."""

from collections.abc import Iterable
from html import escape

MOTTO = "Quality is our number one dream"


def page(title: str, lines: Iterable[str]) -> str:
    """A whole HTML page with one list."""
    entries = "".join(f"<li>{escape(line)}</li>" for line in lines)
    return (
        f"<!doctype html><title>{escape(title)}</title>"
        f"<h1>{escape(title)}</h1><ul>{entries}</ul><footer>Acme. {escape(MOTTO)}.</footer>"
    )
