"""`vendorws override`, through the real command, with `docker compose config` as the judge."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import COMMAND, Vendorws, merged
from tests.support.compose_projects import PROJECTS
from tests.support.docker import Docker
from tests.support.git import git
from tests.support.here import Here
from tests.support.project import Project, in_any_path
from tests.support.workspace import tree
from vendorws.compose.mounts import Mode
from vendorws.compose.override_text import own_text

LINES = (
    "-e git+ssh://git@github.com/acme/billing.git@main#egg=acme_billing",
    "-e git+ssh://git@github.com/acme/theme.git@v1.2#egg=acme.theme",
)
BASE = "docker-compose.yml"
OVERRIDE = "docker-compose.override.yml"


@pytest.fixture
def shop(project: Project) -> Project:
    """The article's project, with both packages checked out."""
    project.require(*LINES)
    for path, text in PROJECTS["article"].items():
        project.write(path, text)
    for name in ("acme-billing", "acme-theme"):
        check_out(project, name)
    return project


@pytest.fixture
def run(project: Project) -> Here:
    """The command, in this process."""
    return Here(project.root)


def check_out(project: Project, name: str) -> None:
    project.checkout(name).mkdir(parents=True)
    git(project.checkout(name), "init", "--quiet", "--template=")


def configured(compose: Docker, project: Project) -> dict[str, Any]:
    """The services as Compose sees them when somebody types `docker compose up` in the project."""
    text = compose.ok("compose", "--profile", "*", "config", "--format", "json", cwd=project.root)
    services: dict[str, Any] = json.loads(text)["services"]
    return services


def bound(services: dict[str, Any], service: str = "app") -> list[tuple[str, str]]:
    """The bind mounts of a service: source and target."""
    volumes = services[service].get("volumes", [])
    return [(volume["source"], volume["target"]) for volume in volumes if volume["type"] == "bind"]


def expected(project: Project, place: str = "/site/vendor") -> list[tuple[str, str]]:
    return [(str(project.checkout(name)), f"{place}/{name}") for name in ("acme-billing", "acme-theme")]


@in_any_path
def test_compose_shows_exactly_our_mounts(shop: Project, vendorws: Vendorws, docker_compose: Docker) -> None:
    before = bound(configured(docker_compose, shop))
    result = vendorws.ok("override")
    assert result.stdout == (
        "docker-compose.override.yml written\n"
        "  app: ./vendor/acme-billing on /site/vendor/acme-billing\n"
        "  app: ./vendor/acme-theme on /site/vendor/acme-theme\n"
    )
    assert bound(configured(docker_compose, shop)) == before + expected(shop)
    again = os.stat(shop.root / OVERRIDE).st_mtime_ns
    assert vendorws.ok("override").stdout.startswith("docker-compose.override.yml unchanged\n")
    assert os.stat(shop.root / OVERRIDE).st_mtime_ns == again


def test_the_same_file_without_the_docker_client(
    shop: Project, run: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.ok("override")
    with_client = shop.override()
    (shop.root / OVERRIDE).unlink()
    monkeypatch.setenv("PATH", str(tmp_path))
    run.ok("override")
    assert shop.override() == with_client


@pytest.mark.parametrize("place", ["the override itself", "a file after it"])
def test_a_mount_of_the_user_that_wins_is_left_and_told(
    place: str, shop: Project, run: Here, docker_compose: Docker
) -> None:
    """Of two mounts on one target Compose takes the later one, so one of ours would be passed over."""
    other = "services:\n  app:\n    volumes:\n      - ./fork:/site/vendor/acme-billing\n"
    file = OVERRIDE if place == "the override itself" else "local.yml"
    shop.write(file, other)
    if file != OVERRIDE:
        shop.write(".env", f"COMPOSE_FILE={BASE}:{OVERRIDE}:{file}\n")
        shop.write(OVERRIDE, "services:\n")
    result = run.ok("override")
    assert f"{file} of yours mounts something else on /site/vendor/acme-billing" in " ".join(result.stderr.split())
    assert "acme-billing" not in result.stdout
    mounts = bound(configured(docker_compose, shop))
    assert (str(shop.root / "fork"), "/site/vendor/acme-billing") in mounts
    assert (str(shop.checkout("acme-theme")), "/site/vendor/acme-theme") in mounts
    run.ok("override", "--remove")
    assert (shop.root / file).read_text() == other


def test_only_what_is_checked_out_is_mounted(shop: Project, run: Here, tmp_path: Path) -> None:
    theme = shop.checkout("acme-theme")
    (theme / ".git").rename(tmp_path / "moved")
    assert "acme-theme" not in run.ok("override").stdout
    theme.rmdir()
    theme.symlink_to(tmp_path)
    assert "./vendor/acme-theme on" in run.ok("override").stdout


def test_another_file_adds_its_mounts_to_those_of_the_project(shop: Project, run: Here) -> None:
    """`-r dev.txt` is about more packages, and no reason to take the project's own out of the containers."""
    shop.require("-e git+ssh://git@github.com/acme/tool.git@main#egg=acme_tool", file="dev.txt")
    check_out(shop, "acme-tool")
    run.ok("override")
    added = run.ok("override", "-r", "dev.txt")
    assert [line.split()[1] for line in added.stdout.splitlines()[1:]] == [
        "./vendor/acme-billing",
        "./vendor/acme-theme",
        "./vendor/acme-tool",
    ]
    assert run("override", "-r", "dev.txt", "--check").exit_code == 0
    assert run("override", "--check").exit_code == 1
    assert run.ok("override").stdout.endswith("\n  no longer mounted: acme-tool\n")
    run.ok("override", "-r", "dev.txt")
    assert run.ok("override", "--json").json["dropped"] == ["acme-tool"]
    assert "no longer mounted" not in run.ok("override", "--remove").stdout


def test_another_file_in_a_project_that_has_none_of_its_own(shop: Project, run: Here) -> None:
    (shop.root / "requirements.txt").rename(shop.root / "all.txt")
    assert run.ok("override", "-r", "all.txt", "--json").json["dropped"] == []
    assert run("override", "-r", "all.txt", "--check").exit_code == 0


def test_check_says_whether_it_is_stale(shop: Project, run: Here) -> None:
    missing = run("override", "--check")
    told = "docker-compose.override.yml missing  -> vendorws override"
    assert (missing.exit_code, missing.stdout.splitlines()[0]) == (1, told)
    assert not (shop.root / OVERRIDE).exists()
    run.ok("override")
    assert run.ok("override", "--check").stdout.startswith("docker-compose.override.yml unchanged")
    stale = run("override", "--check", "--mode", "watch")
    told = "docker-compose.override.yml stale  -> vendorws override --mode watch"
    assert (stale.exit_code, stale.stdout.splitlines()[0]) == (1, told)


def test_stdout_prints_a_whole_override_and_writes_nothing(shop: Project, run: Here) -> None:
    printed = run.ok("override", "--stdout").stdout
    assert not (shop.root / OVERRIDE).exists()
    run.ok("override")
    assert printed == shop.override()


def test_json(shop: Project, run: Here) -> None:
    found = run.ok("override", "--json").json
    assert found == {
        "schema_version": 1,
        "command": "override",
        "status": "written",
        "path": str(shop.root / OVERRIDE),
        "mode": "bind",
        "mounts": [
            {"service": "app", "name": name, "source": f"./vendor/{name}", "target": f"/site/vendor/{name}"}
            for name in ("acme-billing", "acme-theme")
        ],
        "dropped": [],
        "notes": [],
    }
    assert run("override", "--check", "--json").json["status"] == "unchanged"


def test_what_contradicts_itself_is_refused(shop: Project, run: Here) -> None:
    result = run("override", "--check", "--remove")
    assert result.exit_code == 2
    assert "--stdout, --check and --remove are three different things" in result.stderr
    result = run("override", "--stdout", "--json")
    assert (result.exit_code, result.json["error"]["exit_code"]) == (2, 2)
    assert "--stdout prints the override and --json a document about it" in result.stdout


# ---- projects that have nothing to mount --------------------------------------------------------------------------


@pytest.fixture
def fresh(project: Project) -> Project:
    """The article's project as it is before the first `vendorws sync`."""
    project.require(*LINES)
    for path, text in PROJECTS["article"].items():
        project.write(path, text)
    return project


NOT_YET = "None of the packages is checked out in vendor/ yet; `vendorws sync{}` clones them."


@pytest.mark.parametrize("typed", [(), ("--project", "."), ("-r", "../my site/requirements.txt")])
@pytest.mark.parametrize("option", [(), ("--check",), ("--stdout",)])
@pytest.mark.parametrize("project", ["my site"], indirect=True)
def test_before_the_first_sync_it_is_named(
    option: tuple[str, ...], typed: tuple[str, ...], fresh: Project, run: Here
) -> None:
    result = run.ok("override", *option, *typed)
    note = NOT_YET.format("".join(f" {shlex.quote(word)}" for word in typed))
    assert result.stderr == f"note: {note}\n"
    assert result.stdout == (own_text((), Mode.BIND) if option == ("--stdout",) else "")
    document = run.ok("override", "--json", *typed)
    assert (document.json["notes"], document.json["status"], document.stderr) == ([note], "none", "")


def test_mounts_whose_checkouts_are_all_gone_go_too(shop: Project, run: Here, tmp_path: Path) -> None:
    run.ok("override")
    shop.vendor.rename(tmp_path / "vendor")
    check = run("override", "--check")
    assert (check.exit_code, check.stderr) == (1, f"note: {NOT_YET.format('')}\n")
    assert run.ok("override").stdout == "docker-compose.override.yml removed\n"


def test_where_no_line_vendors_a_package_sync_would_not_help(fresh: Project, run: Here) -> None:
    fresh.require("django")
    assert run.ok("override").stderr == "note: No package is vendored here; `vendorws list` says why.\n"


@pytest.mark.parametrize("mine", [None, "services:\n  app:\n    environment: {A: b}\n"])
def test_nothing_to_remove_is_said_in_a_line(mine: str | None, shop: Project, run: Here) -> None:
    if mine is not None:
        shop.write(OVERRIDE, mine)
    for _ in range(2):
        run.ok("override")
        assert run.ok("override", "--remove").stderr == ""
        result = run.ok("override", "--remove")
        note = f"No mount of vendorws is in {OVERRIDE}, so there is nothing to remove."
        assert (result.stdout, result.stderr) == ("", f"note: {note}\n")
        assert run.ok("override", "--remove", "--json").json["notes"] == [note]
    assert (shop.root / OVERRIDE).exists() is (mine is not None)


def test_a_project_without_compose_is_fine(project: Project, run: Here) -> None:
    project.require(*LINES)
    result = run.ok("override")
    assert (result.stdout, result.stderr) == ("", "note: No Compose file here, so there is nothing to mount.\n")
    assert run.ok("override", "--remove").stdout == ""


def test_a_project_whose_images_install_nothing_is_fine(project: Project, run: Here) -> None:
    project.require(*LINES)
    project.write(BASE, "services:\n  db:\n    image: postgres\n")
    result = run.ok("override")
    assert "No service installs requirements with `pip install --src`" in result.stderr
    assert not (project.root / OVERRIDE).exists()


def test_a_place_that_cannot_be_told_needs_attention(shop: Project, run: Here) -> None:
    shop.write("Dockerfile", "FROM python:3.11\nRUN pip install -r requirements.txt --src vendor\n")
    result = run("override")
    assert result.exit_code == 1
    assert (
        "Dockerfile, line 2: its --src vendor is relative to a folder that is not known before the build"
        ". Put a WORKDIR with an absolute path above that line, or write" in result.stderr
    )
    shop.write("pyproject.toml", '[tool.vendorws.services.app]\nsrc = "/here"\n')
    assert "./vendor/acme-theme on /here/acme-theme" in run.ok("override").stdout


def test_mounts_that_can_no_longer_be_judged_stay_and_are_told(shop: Project, run: Here) -> None:
    run.ok("override")
    before = shop.override()
    (shop.root / "Dockerfile").unlink()
    for command, code in ((("override",), 1), (("override", "--check"), 1), (("sync", "--no-wait"), None)):
        result = run(*command)
        assert code is None or result.exit_code == code
        said = " ".join(result.stderr.split())
        assert "Create that Dockerfile, or correct the service's build, or write in" in said
        assert "note: The mounts in docker-compose.override.yml stay as they are until then." in said
        assert shop.override() == before


def test_our_file_goes_when_nothing_is_left_to_mount(shop: Project, run: Here) -> None:
    run.ok("override")
    shop.write(BASE, "services:\n  db:\n    image: postgres\n")
    assert run.ok("override").stdout == "docker-compose.override.yml removed\n"
    assert not (shop.root / OVERRIDE).exists()


def test_a_broken_compose_file_is_named(shop: Project, run: Here) -> None:
    shop.write(BASE, "services: [\n")
    result = run("override")
    assert result.exit_code == 2
    assert f"{shop.root / BASE} is not valid YAML: line " in result.stderr
    assert "Traceback" not in result.stderr


@pytest.mark.parametrize("verb", ["override", "keyless", "init"])
def test_where_nothing_can_be_written_the_file_is_named(verb: str, shop: Project) -> None:
    """A process that may write no byte stands in for a full disk and for a folder of somebody else's."""
    before = tree(shop.root)
    run = subprocess.run(
        ["sh", "-c", f"ulimit -f 0; {shlex.join(COMMAND)} {verb}"],
        cwd=shop.root,
        env=merged({"COVERAGE_PROCESS_CONFIG": None, "COVERAGE_PROCESS_START": None}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert run.returncode == 4, run.stderr
    assert "cannot be written: File too large.\n  ls -ld " in run.stderr
    assert "Traceback" not in run.stderr
    assert tree(shop.root) == before


# ---- a file of the user's -----------------------------------------------------------------------------------------

MINE = "# mine\nservices:\n  app:\n    volumes:\n    # data\n    - ./data:/data\n    environment: {A: 'b'}"


@in_any_path
@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_our_entries_are_added_to_it_and_taken_out_again(
    shop: Project, run: Here, docker_compose: Docker, end: str
) -> None:
    mine = MINE.replace("\n", end)
    shop.write(OVERRIDE, mine)
    before = bound(configured(docker_compose, shop))
    run.ok("override")
    assert sorted(bound(configured(docker_compose, shop))) == sorted(before + expected(shop))
    assert run.ok("override").stdout.startswith("docker-compose.override.yml unchanged")
    assert run.ok("override", "--check").exit_code == 0
    assert run.ok("override", "--remove").stdout == "docker-compose.override.yml cleared of what vendorws put in\n"
    assert (shop.root / OVERRIDE).read_bytes() == mine.encode()


def test_entries_that_are_no_longer_wanted_go(shop: Project, run: Here, tmp_path: Path) -> None:
    shop.write(OVERRIDE, MINE)
    run.ok("override")
    shop.checkout("acme-theme").rename(tmp_path / "theme")
    run.ok("override")
    assert "acme-theme" not in shop.override()
    shop.checkout("acme-billing").rename(tmp_path / "billing")
    run.ok("override")
    assert shop.override() == MINE


@pytest.mark.parametrize(
    "mine",
    [
        "services: {app: {environment: {A: b}}}\n",
        "x-a: &x\n  volumes:\n  - ./a:/a\nservices:\n  app:\n    <<: *x\n",
        "services:\n  app:\n    environment: {A: b}\n---\nservices: {}\n",
    ],
)
def test_what_cannot_be_added_to_is_left_and_a_file_of_ours_is_offered(
    shop: Project, run: Here, docker_compose: Docker, mine: str
) -> None:
    shop.write(OVERRIDE, mine)
    result = run("override")
    assert result.exit_code == 1
    assert f"{shop.root / OVERRIDE} is yours, and nothing can be added to it safely: " in result.stderr
    assert shop.override() == mine
    shop.write(".env", f"COMPOSE_FILE={BASE}:{OVERRIDE}:docker-compose.vendorws.yml\n")
    run.ok("override")
    assert shop.override() == mine
    services = configured(docker_compose, shop)
    assert set(expected(shop)) <= set(bound(services))


def test_our_file_is_not_overwritten_once_it_was_edited(shop: Project, run: Here) -> None:
    run.ok("override")
    edited = shop.override().replace("services:\n", "services:\n  db:\n    image: postgres\n")
    shop.write(OVERRIDE, edited)
    for arguments in ((), ("--remove",), ("--check",)):
        result = run("override", *arguments)
        assert result.exit_code == 1
        assert "was written by vendorws and edited since; it is left as it is" in result.stderr
    assert shop.override() == edited
    shop.write(OVERRIDE, edited.split("\n", 1)[1])
    result = run.ok("override")
    assert "sees vendor/ already" in result.stderr


def test_a_file_in_another_encoding_is_left(shop: Project, run: Here) -> None:
    content = "# käse\n".encode("latin-1")
    (shop.root / OVERRIDE).write_bytes(content)
    result = run("override")
    assert (result.exit_code, "it is not UTF-8" in result.stderr) == (1, True)
    assert (shop.root / OVERRIDE).read_bytes() == content


def test_an_entry_of_ours_that_was_rewritten_is_left(shop: Project, run: Here) -> None:
    shop.write(OVERRIDE, MINE)
    run.ok("override")
    edited = shop.override().replace("- {type: bind, source: ./vendor/acme-theme", "- {source: ./vendor/acme-theme")
    shop.write(OVERRIDE, edited)
    result = run("override")
    assert result.exit_code == 1
    assert "carries our mark and was rewritten since (take that line out)" in result.stderr
    assert shop.override() == edited


def test_a_folder_in_place_of_the_override_is_named(shop: Project, run: Here) -> None:
    (shop.root / OVERRIDE).mkdir()
    result = run("override")
    assert (result.exit_code, f"{shop.root / OVERRIDE} cannot be read: Is a directory" in result.stderr) == (2, True)


# ---- an override that nobody would read ---------------------------------------------------------------------------


def test_the_name_that_compose_prefers_is_used(shop: Project, run: Here, docker_compose: Docker) -> None:
    run.ok("override")
    shop.write("compose.override.yaml", "services:\n  app:\n    environment: {A: b}\n")
    result = run.ok("override")
    assert result.stdout.startswith("compose.override.yaml written")
    assert not (shop.root / OVERRIDE).exists()
    assert bound(configured(docker_compose, shop))[1:] == expected(shop)


def test_compose_file_in_the_environment(
    shop: Project, run: Here, docker_compose: Docker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COMPOSE_FILE", BASE)
    result = run.ok("override")
    assert "COMPOSE_FILE in the environment leaves docker-compose.vendorws.yml out" in result.stderr
    [advice] = [line for line in result.stderr.splitlines() if "Write there: " in line]
    value = advice.rpartition("COMPOSE_FILE=")[2]
    monkeypatch.setenv("COMPOSE_FILE", value)
    assert run.ok("override").stderr == ""
    assert bound(configured(docker_compose, shop))[1:] == expected(shop)


def test_another_shell_without_that_list_loses_nothing(
    shop: Project, run: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    run.ok("override")
    monkeypatch.setenv("COMPOSE_FILE", f"{BASE}:docker-compose.vendorws.yml")
    run.ok("override")
    monkeypatch.delenv("COMPOSE_FILE")
    run.ok("override")
    assert (shop.root / OVERRIDE).exists()
    assert (shop.root / "docker-compose.vendorws.yml").exists()


def test_a_listed_file_stays_if_only_empty(shop: Project, run: Here, docker_compose: Docker) -> None:
    shop.write(".env", f"COMPOSE_FILE={BASE}:{OVERRIDE}\n")
    run.ok("override")
    assert bound(configured(docker_compose, shop))[1:] == expected(shop)
    run.ok("override", "--remove")
    assert len(bound(configured(docker_compose, shop))) == 1


def test_a_dev_container_that_leaves_it_out(shop: Project, run: Here) -> None:
    file = shop.write(".devcontainer/devcontainer.json", '{"dockerComposeFile": "../docker-compose.yml"}')
    result = run.ok("override")
    assert f'{file} lists: add "../docker-compose.override.yml" to its dockerComposeFile' in result.stderr
    shop.write(
        ".devcontainer/devcontainer.json",
        '{"dockerComposeFile": ["../docker-compose.yml", "../docker-compose.override.yml"]}',
    )
    assert run.ok("override").stderr == ""


def test_a_project_that_has_compose_files_for_its_dev_container_only(shop: Project, run: Here) -> None:
    (shop.root / BASE).rename(shop.write(".devcontainer/dev.yml", ""))
    shop.write(".devcontainer/dev.yml", "services:\n  app:\n    build: ..\n")
    shop.write(".devcontainer/devcontainer.json", '{"dockerComposeFile": "dev.yml"}')
    result = run.ok("override")
    assert "app: ../vendor/acme-theme on /site/vendor/acme-theme" in result.stdout
    assert 'add "docker-compose.vendorws.yml" to its dockerComposeFile' in result.stderr


@pytest.mark.sampled
@pytest.mark.parametrize(
    "name", ["profiles", "extends", "include", "anchors and merge keys", "tags in the override", "listed files"]
)
def test_services_from_everywhere_get_their_mounts(name: str, shop: Project, run: Here, docker_compose: Docker) -> None:
    (shop.root / BASE).unlink()
    for path, text in PROJECTS[name].items():
        shop.write(path, text)
    result = run.ok("override")
    if "leaves docker-compose.vendorws.yml out" in result.stderr:
        advice = result.stderr.rpartition("COMPOSE_FILE=")[2].strip()
        shop.write(".env", f"COMPOSE_FILE={advice}\nROOT=/listed\n")
    targets = {target for _, target in bound(configured(docker_compose, shop))}
    wanted = {line.split(" on ")[1] for line in result.stdout.splitlines() if line.startswith("  app: ")}
    assert len(wanted) == 2
    assert wanted <= targets


def test_a_target_that_differs_by_a_slash_is_still_replaced(shop: Project, run: Here, docker_compose: Docker) -> None:
    volume = "{type: bind, source: ./old, target: /site/vendor/acme-theme/}"
    shop.write(BASE, f"services:\n  app:\n    build: .\n    volumes:\n      - {volume}\n")
    assert "takes its place" in run.ok("override").stderr
    assert bound(configured(docker_compose, shop)).count(expected(shop)[1]) == 1
    assert len(bound(configured(docker_compose, shop))) == 2


def test_a_project_in_a_folder_below_the_compose_file(shop: Project, run: Here, docker_compose: Docker) -> None:
    """Two projects share one Compose file: neither takes away what the other wrote."""
    (shop.root / BASE).unlink()
    other = Project(shop.repository / "blog", shop.repository)
    other.root.mkdir()
    other.require(LINES[0])
    other.write("Dockerfile", PROJECTS["article"]["Dockerfile"])
    check_out(other, "acme-billing")
    (shop.repository / "compose.yaml").write_text("services:\n  app:\n    build: ./site\n  blog:\n    build: ./blog\n")
    run.ok("override")
    Here(other.root).ok("override")
    run.ok("override")
    top = Project(shop.repository, shop.repository)
    services = configured(docker_compose, top)
    assert bound(services) == expected(shop)
    assert bound(services, "blog") == [(str(other.checkout("acme-billing")), "/site/vendor/acme-billing")]


# ---- watch --------------------------------------------------------------------------------------------------------


def test_watch_instead_of_mounts(shop: Project, run: Here, docker_compose: Docker) -> None:
    run.ok("override")
    run.ok("override", "--mode", "watch")
    app = configured(docker_compose, shop)["app"]
    assert bound({"app": app}) == bound({"app": app})[:1]
    assert [(rule["action"], rule["path"], rule["target"]) for rule in app["develop"]["watch"]] == [
        ("sync", source, target) for source, target in expected(shop)
    ]
    assert run.ok("override").stdout.startswith("docker-compose.override.yml unchanged")
    run.ok("override", "--mode", "bind")
    assert bound(configured(docker_compose, shop))[1:] == expected(shop)


def test_watch_in_a_file_of_the_users(shop: Project, run: Here, docker_compose: Docker) -> None:
    shop.write(OVERRIDE, MINE)
    run.ok("override", "--mode", "watch")
    assert run.ok("override").stdout.startswith("docker-compose.override.yml unchanged")
    assert len(configured(docker_compose, shop)["app"]["develop"]["watch"]) == 2
    run.ok("override", "--remove")
    assert shop.override() == MINE
