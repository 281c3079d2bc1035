"""Which files Compose reads, checked against `docker compose config` where a question is open."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.docker import Docker
from vendorws.compose.files import BASE_NAMES, OVERRIDE_NAMES, find_compose_files, parse_dotenv, read_dotenv
from vendorws.errors import UsageError


def _write(folder: Path, **services: str) -> None:
    for name, image in services.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f'services:\n  app:\n    image: "{image}"\n')


def _image(compose: Docker, folder: Path, env: dict[str, str | None] | None = None) -> str:
    """The image that Compose itself sees in `folder`."""
    text = compose.ok("compose", "config", "--images", cwd=folder, env=env)
    return text.strip()


@pytest.mark.parametrize("first", range(4))
def test_the_first_name_wins_as_for_compose(first: int, tmp_path: Path, docker_compose: Docker) -> None:
    for name in BASE_NAMES[first:]:
        _write(tmp_path, **{name: f"from-{name}"})
    files = find_compose_files(tmp_path)
    assert files is not None
    assert files.base == (tmp_path / BASE_NAMES[first],)
    assert _image(docker_compose, tmp_path) == f"from-{BASE_NAMES[first]}"


@pytest.mark.parametrize("first", range(4))
def test_the_first_override_wins_as_for_compose(first: int, tmp_path: Path, docker_compose: Docker) -> None:
    _write(tmp_path, **{"compose.yaml": "base"})
    for name in OVERRIDE_NAMES[first:]:
        _write(tmp_path, **{name: f"from-{name}"})
    files = find_compose_files(tmp_path)
    assert files is not None
    assert files.override == tmp_path / OVERRIDE_NAMES[first]
    assert _image(docker_compose, tmp_path) == f"from-{OVERRIDE_NAMES[first]}"


def test_without_an_override_ours_has_the_old_name(tmp_path: Path) -> None:
    _write(tmp_path, **{"compose.yaml": "base"})
    files = find_compose_files(tmp_path)
    assert files is not None
    assert files.override == tmp_path / "docker-compose.override.yml"


def test_a_folder_above_counts_with_its_own_env_file(tmp_path: Path, docker_compose: Docker) -> None:
    _write(tmp_path, **{"compose.yaml": "${X}-${Y}"})
    below = tmp_path / "backend" / "deep"
    below.mkdir(parents=True)
    (tmp_path / ".env").write_text("X=above\n")
    (below / ".env").write_text("Y=below\nCOMPOSE_FILE=nothing.yml\n")
    files = find_compose_files(below)
    assert files is not None
    assert files.directory == tmp_path
    assert files.variables["X"] == "above"
    assert "Y" not in files.variables
    assert _image(docker_compose, below) == "above-"


def test_no_compose_file_is_no_project(tmp_path: Path) -> None:
    assert find_compose_files(tmp_path, {}) is None


def test_listed_in_the_environment(tmp_path: Path, docker_compose: Docker) -> None:
    _write(tmp_path, **{"docker__a.yml": "${X}-${Y}", "compose.yaml": "not this"})
    (tmp_path / ".env").write_text("X=root\n")
    (tmp_path / "docker" / ".env").write_text("X=hidden\nY=docker\n")
    environment = {"COMPOSE_FILE": "docker/a.yml"}
    files = find_compose_files(tmp_path, environment)
    assert files is not None
    assert files.base == (tmp_path / "docker" / "a.yml",)
    assert files.override == tmp_path / "docker" / "docker-compose.vendorws.yml"
    assert files.listing is not None
    assert (files.listing.place, files.listing.names_override) == ("the environment", False)
    assert f"{files.variables['X']}-{files.variables['Y']}" == _image(docker_compose, tmp_path, dict(environment))


def test_listed_in_the_env_file_with_a_separator_of_its_own(tmp_path: Path, docker_compose: Docker) -> None:
    _write(tmp_path, **{"a.yml": "a", "b.override.yml": "b"})
    (tmp_path / ".env").write_text("COMPOSE_PATH_SEPARATOR=;\nCOMPOSE_FILE=a.yml;b.override.yml\n")
    files = find_compose_files(tmp_path, {})
    assert files is not None
    assert files.base == (tmp_path / "a.yml", tmp_path / "b.override.yml")
    assert files.listing is not None
    assert files.listing.place == str(tmp_path / ".env")
    assert _image(docker_compose, tmp_path) == "b"


@pytest.mark.parametrize(
    ("listed", "override"),
    [
        ("compose.yaml:docker-compose.override.yml", "docker-compose.override.yml"),
        ("compose.yaml:compose.override.yaml:x.yml", "compose.override.yaml"),
        ("compose.yaml:docker-compose.vendorws.yml:docker-compose.override.yml", "docker-compose.vendorws.yml"),
    ],
)
def test_a_listed_override_is_the_one_to_write(listed: str, override: str, tmp_path: Path) -> None:
    files = find_compose_files(tmp_path, {"COMPOSE_FILE": listed})
    assert files is not None
    assert files.override == tmp_path / override
    assert override not in [file.name for file in files.base]
    assert files.listing is not None
    assert files.listing.names_override


DOTENV = """\
# a comment
A=plain # not this
export B = 'single ${A} # kept'
C="double ${A} \\"q\\"\\n${OUTSIDE}"
D=${A}-${NOT_SET:-default}
E: colon
F=
G="two
lines"
not an assignment
H=a#b
"""


def test_env_files_are_read_as_compose_reads_them(tmp_path: Path, docker_compose: Docker) -> None:
    found = parse_dotenv(DOTENV, {"OUTSIDE": "o"})
    assert found == {
        "A": "plain",
        "B": "single ${A} # kept",
        "C": 'double plain "q"\no',
        "D": "plain-default",
        "E": "colon",
        "F": "",
        "G": "two\nlines",
        "H": "a#b",
    }
    (tmp_path / ".env").write_text(DOTENV.replace("not an assignment\n", ""))
    names = "\n".join(f"      {name}: '${{{name}}}'" for name in found)
    (tmp_path / "compose.yaml").write_text(f"services:\n  app:\n    image: x\n    environment:\n{names}\n")
    config = docker_compose("compose", "config", "--format", "json", cwd=tmp_path, env={"OUTSIDE": "o"})
    values = config.json["services"]["app"]["environment"]
    assert {name: value.replace("$$", "$") for name, value in values.items()} == found


def test_an_env_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / ".env").write_bytes(b"A=\xff\n")
    with pytest.raises(UsageError, match=r"\.env cannot be read"):
        read_dotenv(tmp_path / ".env", {})


def test_a_required_variable_in_an_env_file_is_empty_without_it() -> None:
    assert parse_dotenv("A=${B:?missing}\n", {}) == {"A": ""}
