"""In which folder each service keeps the checkouts."""

from __future__ import annotations

from pathlib import Path

from tests.support.compose_projects import DOCKERFILE
from vendorws.compose.places import find_places
from vendorws.compose.services import Build, Service
from vendorws.settings import Settings


def _settings(root: Path, **src: str) -> Settings:
    return Settings(root, (root / "requirements.txt",), "3.11", "linux", service_src=src)


def _service(name: str, context: Path | None, *, image: str | None = None, text: str | None = None) -> Service:
    dockerfile = context / "Dockerfile" if context else None
    if context and text is not None:
        context.mkdir(exist_ok=True, parents=True)
        (context / "Dockerfile").write_text(text)
    return Service(name, image, Build(context, dockerfile, None, {}, None), ())


def test_the_dockerfile_says_it(tmp_path: Path) -> None:
    found = find_places(_settings(tmp_path), [_service("app", tmp_path, text=DOCKERFILE)])
    assert (found.folders, found.unclear) == ({"app": "/site/vendor"}, ())


def test_what_is_configured_counts_first(tmp_path: Path) -> None:
    found = find_places(_settings(tmp_path, app="/else//where/"), [_service("app", tmp_path, text=DOCKERFILE)])
    assert (found.folders, found.unclear) == ({"app": "/else/where"}, ())


def test_a_service_that_runs_the_same_image_has_the_same_folder(tmp_path: Path) -> None:
    app = _service("app", tmp_path, image="acme/shop", text=DOCKERFILE)
    worker, db = Service("worker", "acme/shop", None, ()), Service("db", "postgres", None, ())
    assert find_places(_settings(tmp_path), [app, db, worker]).folders == {
        "app": "/site/vendor",
        "worker": "/site/vendor",
    }


def test_a_service_that_no_file_defines_is_said(tmp_path: Path) -> None:
    found = find_places(_settings(tmp_path, web="/x"), [])
    assert found.folders == {}
    assert found.unclear == (
        "[tool.vendorws.services.web] is set, but no Compose file defines a service of this name.",
    )


def test_a_place_that_cannot_be_told_says_file_line_and_what_to_write(tmp_path: Path) -> None:
    text = "FROM python:3.11\nRUN pip install -r requirements.txt\n"
    [sentence] = find_places(_settings(tmp_path), [_service("app", tmp_path, text=text)]).unclear
    assert f"{tmp_path}/Dockerfile, line 2: its pip install has no --src." in sentence
    assert '[tool.vendorws.services.app] src = "/path/in/the/image"' in sentence


def test_an_inline_dockerfile_is_read_too(tmp_path: Path) -> None:
    inline = Service("app", None, Build(tmp_path, None, DOCKERFILE, {"site_dir": "/in"}, None), ())
    unclear = Service("job", None, Build(tmp_path, None, "FROM x\nRUN pip install -r r.txt\n", {}, None), ())
    found = find_places(_settings(tmp_path), [inline, unclear])
    assert found.folders == {"app": "/in/vendor"}
    assert found.unclear[0].startswith(
        "It is not clear where to mount into the service job. dockerfile_inline, line 2: "
    )


def test_a_dockerfile_that_is_missing_is_named(tmp_path: Path) -> None:
    [sentence] = find_places(_settings(tmp_path), [_service("app", tmp_path)]).unclear
    assert "Dockerfile cannot be read (No such file or directory)" in sentence


def test_the_image_of_a_neighbour_project_is_none_of_ours(tmp_path: Path) -> None:
    root = tmp_path / "shop"
    root.mkdir()
    neighbour = _service("blog", tmp_path / "blog", text=DOCKERFILE)
    above, below = _service("all", tmp_path, text=DOCKERFILE), _service("part", root / "part", text=DOCKERFILE)
    afar = _service("afar", None)
    found = find_places(_settings(root), [neighbour, above, below, afar])
    assert found.folders == {"all": "/site/vendor", "part": "/site/vendor"}
    assert found.unclear == ()
