"""A real build judges what a .dockerignore hides."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.docker import Docker
from tests.test_dockerignore import CONFIG, HEAD, TABLE


@pytest.mark.parametrize(("text", "config", "head"), TABLE)
def test_the_build_sees_what_is_not_hidden(
    text: str, config: int | None, head: int | None, engine: Docker, tmp_path: Path
) -> None:
    for path in (CONFIG, HEAD):
        (tmp_path / path).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / path).write_text("")
    (tmp_path / ".dockerignore").write_text(text)
    (tmp_path / "Dockerfile").write_text("FROM scratch\nCOPY . /\n")
    out = tmp_path / "out"
    engine.ok("build", "--quiet", "--output", out, "--file", tmp_path / "Dockerfile", tmp_path)
    assert (out / CONFIG).exists() == (config is None)
    assert (out / HEAD).exists() == (head is None)
