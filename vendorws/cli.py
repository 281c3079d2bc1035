"""The app, the shared options, the one error funnel and `main`."""

from __future__ import annotations

import typer

app = typer.Typer()


def main() -> None:
    """The console script."""
    app()
