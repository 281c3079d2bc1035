"""What a .dockerignore hides. tests/docker holds the same table against a real build."""

from __future__ import annotations

from pathlib import Path

import pytest

from vendorws.dockerfiles.dockerignore import find_dockerignore, hiding_line

CONFIG, HEAD = "vendor/.gitconfig", "vendor/acme-x/.git/HEAD"

TABLE = [
    ("", None, None),
    ("vendor\n", 1, 1),
    ("/vendor/\n", 1, 1),
    ("./vendor\n", 1, 1),
    ("# vendor\n\n  vendor  \n", 3, 3),
    ("vendor/*\n", 1, 1),
    ("**/.git\n", None, 1),
    (".git\n", None, None),
    ("**/.git*\n", 1, 1),
    (".*\n", None, None),
    ("**/.*\n", 1, 1),
    ("*\n", 1, 1),
    ("*\n!vendor\n", None, None),
    ("*\n!vendor/acme-x\n", 1, None),
    ("**\n!vendor/**\n", None, None),
    ("!vendor\nvendor\n", 2, 2),
    ("vend?r\n", 1, 1),
    ("v[a-f]ndor\n", 1, 1),
    ("v[!e]ndor\n", 1, 1),
    ("v[^e]ndor\n", None, None),
    ("vendo\n", None, None),
    ("*/acme-x/**\n", None, 1),
    ("**/acme-*\n", None, 1),
    ("vendor/**/HEAD\n", None, 1),
    ("vendor/../vendor\n", 1, 1),
    ("a.b\n", None, None),
    ("/\n", None, None),
]


@pytest.mark.parametrize(("text", "config", "head"), TABLE)
def test_the_last_pattern_that_fits_decides(text: str, config: int | None, head: int | None) -> None:
    assert hiding_line(text, CONFIG) == config
    assert hiding_line(text, HEAD) == head


def test_the_file_beside_the_dockerfile_counts_first(tmp_path: Path) -> None:
    dockerfile = tmp_path / "docker" / "app.Dockerfile"
    dockerfile.parent.mkdir()
    assert find_dockerignore(tmp_path, dockerfile) is None
    (tmp_path / ".dockerignore").write_text("")
    assert find_dockerignore(tmp_path, dockerfile) == tmp_path / ".dockerignore"
    assert find_dockerignore(tmp_path, None) == tmp_path / ".dockerignore"
    named = dockerfile.with_name("app.Dockerfile.dockerignore")
    named.write_text("")
    assert find_dockerignore(tmp_path, dockerfile) == named
