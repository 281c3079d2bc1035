"""`vendorws init`: what is missing is laid out, and not a byte of what is there is lost."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.command import COMMAND, Vendorws
from tests.support.docker import need_compose
from tests.support.project import Project
from tests.support.terminal import on_terminal
from vendorws.dockerfiles.dockerfile import Place, find_checkouts
from vendorws.errors import UsageError
from vendorws.scaffold import NAMES, Access, Change, Found, Wishes, check, diff, plan

if sys.version_info >= (3, 11):
    import tomllib
else:
    import tomli as tomllib

WISHES = Wishes(Access.SSH, "3.12", "app")
EACH_ACCESS = pytest.mark.parametrize("access", list(Access), ids=lambda access: access.value)


def found(django: bool = False, included: tuple[str, ...] = ("requirements.txt",), **files: bytes) -> Found:
    """A project with these files; `Dockerfile=b"…"`, and with underscores for other signs: `_gitignore=b"…"`."""
    by_key = {name.replace(".", "_").replace("-", "_"): name for name in NAMES}
    there = {by_key[key]: content for key, content in files.items()}
    return Found({**dict.fromkeys(NAMES), **there}, included[:1], included, django)


def laid_out(found: Found, wishes: Wishes = WISHES) -> dict[str, str]:
    return {change.path: change.new.decode() for change in plan(found, wishes).changes}


def test_an_empty_project_gets_every_file() -> None:
    assert set(laid_out(found())) == {
        "requirements.txt",
        "pyproject.toml",
        "Dockerfile",
        "docker-compose.yml",
        ".dockerignore",
        ".gitignore",
    }


@EACH_ACCESS
def test_what_is_laid_out_has_no_gap_left_in_it(access: Access) -> None:
    for django in (False, True):
        for text in laid_out(found(django), Wishes(access, "3.12", "web")).values():
            assert "{{" not in text and "}}" not in text and "\n\n\n" not in text
            assert text.endswith("\n") and not text.endswith("\n\n")
            assert max(map(len, text.splitlines())) <= 120


@EACH_ACCESS
def test_vendorws_itself_reads_where_the_image_keeps_the_checkouts(access: Access) -> None:
    text = laid_out(found(), Wishes(access, "3.12", "app"))["Dockerfile"]
    place = find_checkouts(text, {})
    assert isinstance(place, Place) and place.path == "/site/vendor"


def test_version_service_and_table_are_as_asked_for() -> None:
    files = laid_out(found(), Wishes(Access.SSH, "3.13", "web"))
    assert "ARG python=python:3.13\n" in files["Dockerfile"]
    assert "\n  web:\n" in files["docker-compose.yml"]
    assert tomllib.loads(files["pyproject.toml"]) == {
        "tool": {"vendorws": {"requirements": ["requirements.txt"], "python-version": "3.13"}}
    }


def test_each_way_to_build_has_its_own_line_for_pip_and_no_other() -> None:
    texts = {access: laid_out(found(), Wishes(access, "3.12", "app")) for access in Access}
    telling = {Access.SSH: "type=ssh", Access.KEYLESS: "GIT_CONFIG_GLOBAL", Access.BUILD_ARG: "ARG ssh_prv_key"}
    for access, words in telling.items():
        assert [other for other in Access if words in texts[other]["Dockerfile"]] == [access]


def test_no_way_to_build_switches_off_the_check_of_host_keys() -> None:
    for access in Access:
        for text in laid_out(found(), Wishes(access, "3.12", "app")).values():
            assert "StrictHostKeyChecking" not in text and "UserKnownHostsFile" not in text
    assert "target=/etc/ssh/ssh_known_hosts" in laid_out(found())["Dockerfile"]
    assert "/root/.ssh/known_hosts" in laid_out(found(), Wishes(Access.BUILD_ARG, "3.12", "app"))["Dockerfile"]


def test_only_a_build_without_a_key_gets_to_see_vendor() -> None:
    for access in Access:
        lines = laid_out(found(), Wishes(access, "3.12", "app"))[".dockerignore"].splitlines()
        assert ("vendor/" in lines) is (access is not Access.KEYLESS)


@pytest.mark.parametrize(
    ("instruction", "takes_vendor"),
    [
        ("RUN --mount=type=bind,source=vendor,target=/ctx/vendor pip install -r requirements.txt --src vendor/", True),
        ("COPY ./vendor/ /site/vendor/", True),
        ("COPY --from=builder /site/vendor/ /site/vendor/", False),
        ("RUN pip install -r requirements.txt --src vendor/", False),
    ],
)
def test_a_dockerfile_that_is_there_and_takes_vendor_goes_on_seeing_it(instruction: str, takes_vendor: bool) -> None:
    """Whichever way is asked for: the Dockerfile stays as it is, and its next build must not fail."""
    there = found(Dockerfile=f"FROM python:3.12\n{instruction}\n".encode())
    assert ("vendor/" in laid_out(there)[".dockerignore"].splitlines()) is not takes_vendor


def test_a_django_project_serves_its_page_and_any_other_waits() -> None:
    django, other = laid_out(found(django=True)), laid_out(found())
    assert 'CMD ["python", "-u", "manage.py", "runserver", "0.0.0.0:8000"]' in django["Dockerfile"]
    assert (
        "127.0.0.1:${PORT:-8000}:8000" in django["docker-compose.yml"]
        and "command:" not in django["docker-compose.yml"]
    )
    assert (
        'command: ["sleep", "infinity"]' in other["docker-compose.yml"] and "ports:" not in other["docker-compose.yml"]
    )


def test_every_file_that_pip_reads_is_copied_to_the_same_place() -> None:
    included = ("requirements/dev.txt", "requirements/base.txt", "constraints.txt", "../shared.txt", "my lines.txt")
    files = laid_out(found(included=included))
    copies = [line for line in files["Dockerfile"].splitlines() if line.startswith("COPY ") and "proj" not in line]
    assert copies[:2] == [
        "COPY requirements/dev.txt requirements/base.txt ./requirements/",
        'COPY ["constraints.txt", "my lines.txt", "./"]',
    ]
    assert "pip install -r requirements/dev.txt --src vendor/" in files["Dockerfile"]
    assert "requirements.txt" not in files
    remarks = plan(found(included=included), WISHES).remarks
    assert any("../shared.txt is outside of the project" in remark for remark in remarks)


# What is there stays.


def test_files_that_are_there_are_not_written() -> None:
    there = found(Dockerfile=b"FROM x\n", docker_compose_yml=b"services: {}\n", requirements_txt=b"django\n")
    assert set(laid_out(there)) == {"pyproject.toml", ".dockerignore", ".gitignore"}


@pytest.mark.parametrize("name", ["compose_yaml", "compose_yml", "docker_compose_yml", "docker_compose_yaml"])
def test_a_compose_file_of_any_name_stays_and_what_it_needs_is_told(name: str) -> None:
    there = found(**{name: b"services: {}\n"})
    assert "docker-compose.yml" not in laid_out(there)
    (remark,) = plan(there, WISHES).remarks
    assert "stays as it is. With --ssh its service's build needs this:\n      ssh:\n" in remark


NEEDED = plan(found(docker_compose_yml=b""), WISHES).remarks[0].partition("\n")[2]
SECRET = "FROM x\nRUN --mount=type=ssh \\\n    --mount=type=secret,id=known_hosts,target=/k \\\n    pip install .\n"
WITH_SSH = "services:\n  web:\n    build:\n      context: .\n      ssh: [default]\n"


@pytest.mark.parametrize(
    ("compose", "dockerfile", "whose", "lines"),
    [
        ("services: {}\n", None, "its service's build", NEEDED),
        ("services: [\n", None, "its service's build", NEEDED),
        (
            "services: {}\nsecrets: {known_hosts: {file: x}}\n",
            None,
            "its service's build",
            NEEDED.split("\nsecrets")[0],
        ),
        # What is there is not told again, and what the Dockerfile does not use is not told at all.
        (WITH_SSH, "FROM x\n", "", ""),
        (WITH_SSH.replace("[default]", "{default: }"), "FROM x\n", "", ""),
        (WITH_SSH.replace("[default]", "[work=/run/agent]"), "FROM x\nRUN --mount=type=ssh,id=work pip\n", "", ""),
        (
            WITH_SSH.replace("      ssh: [default]\n", ""),
            "FROM x\n",
            "the build of web",
            NEEDED.split("\n      secr")[0],
        ),
        (f"{WITH_SSH}      secrets: [known_hosts]\nsecrets: {{known_hosts: {{file: x}}}}\n", SECRET, "", ""),
        (f"{WITH_SSH}      secrets:\n        - {{source: x, target: known_hosts}}\n", "FROM x\n", "", ""),
        (WITH_SSH, SECRET, "the build of web", NEEDED.partition("SOCK\n")[2]),
        (WITH_SSH, None, "the build of web", NEEDED.partition("SOCK\n")[2]),
        # A key that stands there is not written a second time.
        (
            f"{WITH_SSH}      secrets: [token]\nsecrets: {{token: {{file: x}}}}\n",
            SECRET,
            "the build of web",
            NEEDED.partition("SOCK\n")[2].replace("secrets:", "secrets: # is there; add to it"),
        ),
        (
            WITH_SSH.replace("[default]", "{work: /run/agent}"),
            "FROM x\n",
            "the build of web",
            "      ssh: # is there; add to it\n        default: # the agent behind $SSH_AUTH_SOCK",
        ),
        (
            "services:\n  web:\n    build: ./\n",
            "FROM x\n",
            "the build of web",
            "    build: # instead of build: ./\n      context: ./\n" + NEEDED.split("\n      secr")[0],
        ),
    ],
)
def test_a_build_that_stays_is_told_what_it_lacks(
    compose: str, dockerfile: str | None, whose: str, lines: str, project: Project, vendorws: Vendorws
) -> None:
    project.write("docker-compose.yml", compose)
    if dockerfile is not None:
        project.write("Dockerfile", dockerfile)
    told = vendorws.ok("init", "--dry-run").stderr
    advice = f" With --ssh {whose} needs this:\n{lines}\n" if lines else "\n"
    assert f"docker-compose.yml is there and stays as it is.{advice}Would write" in told


@pytest.mark.parametrize(
    ("args", "lines"),
    [
        ("{A: b}", '      args: # is there; add to it\n        ssh_prv_key: "$ssh_prv_key"\n'),
        ("[A=b]", "      args: # is there; add to it\n        - ssh_prv_key=$ssh_prv_key\n"),
        ("[ssh_prv_key]", ""),
    ],
)
def test_arguments_are_added_in_the_form_of_those_that_are_there(
    args: str, lines: str, project: Project, vendorws: Vendorws
) -> None:
    project.write("docker-compose.yml", f"services:\n  web:\n    build:\n      context: .\n      args: {args}\n")
    project.write("Dockerfile", "FROM x\nARG A ssh_prv_key\n")
    told = vendorws.ok("init", "--dry-run", "--build-arg").stderr
    assert told.partition('known_hosts)"\n')[2].rpartition("Would")[0] == lines
    assert ("needs this" in told) is bool(lines)
    project.write("Dockerfile", "FROM x\nARG ssh_prv_key\nARG ssh_known_hosts=\n")
    assert "ssh_known_hosts" in vendorws.ok("init", "--dry-run", "--build-arg").stderr.rpartition("known_hosts)")[2]


def test_builds_that_lack_the_same_are_told_at_once_and_others_not_at_all(project: Project, vendorws: Vendorws) -> None:
    """A proxy installs no requirements; a Dockerfile of another name does, and so may one that cannot be seen."""
    builds = {
        "web": ".",
        "job": "{context: ., dockerfile: ./Dockerfile}",
        "docs": "{context: ., dockerfile: docs.Dockerfile}",
        "far": "{context: https://git.example.test/far.git}",
        "proxy": "./proxy",
        "text": "{dockerfile_inline: FROM x}",
    }
    project.write("Dockerfile", "FROM x\n")
    project.write("docs.Dockerfile", "FROM x\nWORKDIR /d\nRUN pip install -r requirements.txt --src vendor\n")
    project.write("proxy/Dockerfile", "FROM nginx\n")
    services = "".join(f"  {name}:\n    build: {build}\n" for name, build in builds.items())
    project.write("docker-compose.yml", f"services:\n{services}  db:\n    image: postgres\n")
    told = vendorws.ok("init", "--dry-run").stderr
    assert [line.partition("the build of ")[2] for line in told.splitlines() if "needs this" in line] == [
        "web needs this:",
        "job and of docs needs this:",
        "far needs this:",
    ]


def test_on_a_narrow_terminal_the_lines_to_paste_stay_whole(project: Project) -> None:
    project.write("docker-compose.yml", "services: {}\n")
    screen = on_terminal([*COMMAND, "init", "--dry-run", "--build-arg"], cwd=project.root, columns=50)
    needed = plan(found(docker_compose_yml=b""), Wishes(Access.BUILD_ARG, "3.12", "app")).remarks[0].partition("\n")[2]
    assert len(needed.splitlines()[0]) > 50
    assert f"\n{needed}\n" in screen.text
    sentence = screen.text.partition(needed)[0].rpartition("note: ")[2]
    assert max(map(len, sentence.splitlines())) <= 50


def test_a_dockerfile_that_stays_is_said_and_without_a_key_who_prints_its_line() -> None:
    there = found(Dockerfile=b"FROM x\n")
    assert plan(there, WISHES).remarks == ("Dockerfile is there and stays as it is.",)
    (remark,) = plan(there, Wishes(Access.KEYLESS, "3.12", "app")).remarks
    assert "`vendorws keyless` prints the line" in remark
    prepared = found(Dockerfile=b"FROM x\nRUN GIT_CONFIG_GLOBAL=/ctx/vendor/.gitconfig pip install\n")
    assert "prints" not in plan(prepared, Wishes(Access.KEYLESS, "3.12", "app")).remarks[0]


def test_a_dockerignore_that_hides_the_checkouts_is_named_with_its_line() -> None:
    there = found(_dockerignore=b"*.log\nvendor\n")
    assert not any(".dockerignore" in remark for remark in plan(there, WISHES).remarks)
    (remark,) = plan(there, Wishes(Access.KEYLESS, "3.12", "app")).remarks
    assert remark.startswith(".dockerignore, line 2, hides vendor/")


@pytest.mark.parametrize(
    ("content", "added"),
    [
        (b"", b"docker-compose.override.yml\n/vendor/\n"),
        (b"*.pyc\n", b"docker-compose.override.yml\n/vendor/\n"),
        (b"*.pyc", b"\ndocker-compose.override.yml\n/vendor/\n"),
        (b"*.pyc\r\n", b"docker-compose.override.yml\r\n/vendor/\r\n"),
        (b"*.pyc\r\nx", b"\r\ndocker-compose.override.yml\r\n/vendor/\r\n"),
        (b"/vendor\n", b"docker-compose.override.yml\n"),
        (b"vendor/*\n", b"docker-compose.override.yml\n"),
        (b"  **/vendor/  \n", b"docker-compose.override.yml\n"),
        (b"\xff\xfe caf\xe9\n", b"docker-compose.override.yml\n/vendor/\n"),
        (b"/docker-compose.override.yml\nvendor/\n", b""),
    ],
)
def test_lines_are_added_after_every_byte_that_is_there(content: bytes, added: bytes) -> None:
    changes = {change.path: change for change in plan(found(_gitignore=content), WISHES).changes}
    new = changes[".gitignore"].new if ".gitignore" in changes else content
    assert new == content + added


@given(st.lists(st.sampled_from(["*.pyc", "vendor", "/vendor/", "docker-compose.override.yml", "", "# x", "é"])))
def test_once_laid_out_nothing_is_missing(lines: list[str]) -> None:
    there = found(_gitignore="\n".join(lines).encode())
    changes = {change.path: change.new for change in plan(there, WISHES).changes}
    again = Found({**there.files, **changes}, there.requirements, there.included, there.is_django)
    assert plan(again, WISHES) == type(plan(again, WISHES))((), ())


PYPROJECT = b'# ours\n[project]\nname = "shop"   # a comment\n\n[tool.ruff]\nline-length = 100\n'


@pytest.mark.parametrize(
    "content", [PYPROJECT, PYPROJECT.rstrip(), PYPROJECT.replace(b"\n", b"\r\n"), b"\n\n", b"[tool]\n"]
)
def test_the_table_is_added_after_every_byte_of_pyproject(content: bytes) -> None:
    changes = {change.path: change.new for change in plan(found(pyproject_toml=content), WISHES).changes}
    new = changes["pyproject.toml"]
    assert new.startswith(content)
    before, after = tomllib.loads(content.decode()), tomllib.loads(new.decode())
    assert after.pop("tool").pop("vendorws") == {"requirements": ["requirements.txt"], "python-version": "3.12"}
    before.pop("tool", None)
    assert after == before
    assert (b"\r\n[tool.vendorws]\r\n" in new) is (b"\r\n" in content)


def test_a_table_that_is_there_stays() -> None:
    assert "pyproject.toml" not in laid_out(found(pyproject_toml=b"[tool.vendorws]\njobs = 2\n"))
    assert "pyproject.toml" not in laid_out(found(pyproject_toml=b"[tool.vendorws.services.app]\nsrc = '/x'\n"))


def test_a_pyproject_that_can_take_no_table_is_a_clear_sentence() -> None:
    with pytest.raises(UsageError, match="cannot take a table"):
        plan(found(pyproject_toml=b"tool = { ruff = { line-length = 100 } }\n"), WISHES)


@pytest.mark.parametrize(
    ("python", "service"), [("3", "app"), ("3.12.1", "app"), ("2.7", "app"), ("3.12", "a b"), ("3.12", "")]
)
def test_a_version_or_name_that_cannot_be_is_a_usage_error(python: str, service: str) -> None:
    with pytest.raises(UsageError):
        check(Wishes(Access.SSH, python, service))


def test_a_diff_shows_what_is_added_and_a_missing_line_end() -> None:
    assert diff(Change("x", None, b"a\n")) == "--- /dev/null\n+++ x\n@@ -0,0 +1 @@\n+a\n"
    assert diff(Change("x", b"a", b"a\nb\n")) == (
        "--- x\n+++ x\n@@ -1 +1,2 @@\n-a\n\\ No newline at end of file\n+a\n+b\n"
    )


# The command.


def tree(folder: Path) -> dict[str, bytes]:
    files = (file for file in sorted(folder.rglob("*")) if file.is_file())
    return {str(file.relative_to(folder)): file.read_bytes() for file in files}


@EACH_ACCESS
def test_the_command_shows_a_diff_that_git_can_apply_and_writes_the_same(
    access: Access, project: Project, vendorws: Vendorws, tmp_path: Path
) -> None:
    project.write(".gitignore", "*.pyc")
    shown = vendorws.ok("init", f"--{access.value}", "--dry-run")
    assert tree(project.root) == {".gitignore": b"*.pyc"} and "Nothing was written" in shown.stderr
    copy = tmp_path / "copy"
    copy.mkdir()
    (copy / ".gitignore").write_text("*.pyc")
    subprocess.run(["git", "apply", "-p0", "-"], cwd=copy, input=shown.stdout.encode(), check=True)
    done = vendorws.ok("init", f"--{access.value}")
    assert done.stdout == shown.stdout
    assert tree(project.root) == tree(copy)
    again = vendorws.ok("init", f"--{access.value}")
    assert again.stdout == "" and "Everything is there" in again.stderr


@EACH_ACCESS
def test_compose_accepts_what_is_laid_out(access: Access, project: Project, vendorws: Vendorws) -> None:
    docker = need_compose(os.environ)
    vendorws.ok("init", f"--{access.value}", "--service", "web")
    text = docker.ok("compose", "config", "--format", "json", cwd=project.root)
    service = json.loads(text)["services"]["web"]
    assert service["build"]["context"] == str(project.root)
    assert service["volumes"][0]["target"].rstrip("/") == "/site/proj"


def test_a_build_without_a_key_gets_its_git_config_which_sync_keeps(project: Project, vendorws: Vendorws) -> None:
    vendorws.ok("init", "--keyless")
    config = project.root / "vendor" / ".gitconfig"
    assert config.read_text().startswith("# Written by vendorws")
    config.write_text(config.read_text() + "# kept\n")
    vendorws.ok("init", "--keyless")
    assert config.read_text().endswith("# kept\n")


def test_two_ways_at_once_are_a_usage_error(vendorws: Vendorws) -> None:
    result = vendorws("init", "--ssh", "--keyless")
    assert result.exit_code == 2 and "one of --ssh, --keyless and --build-arg" in result.stderr


def test_the_next_commands_are_told(vendorws: Vendorws) -> None:
    result = vendorws.ok("init", "--build-arg")
    assert result.stderr.splitlines()[-4:] == [
        "  vendorws sync",
        '  export ssh_prv_key="$(cat ~/.ssh/id_rsa)"',
        '  export ssh_known_hosts="$(cat ~/.ssh/known_hosts)"',
        "  docker compose up --build --detach",
    ]


def test_a_folder_where_a_file_belongs_is_named(project: Project, vendorws: Vendorws) -> None:
    (project.root / "Dockerfile").mkdir()
    result = vendorws("init")
    assert result.exit_code == 2 and "Dockerfile cannot be read: Is a directory" in result.stderr


def test_a_place_that_cannot_be_written_is_named(project: Project, vendorws: Vendorws) -> None:
    (project.root / "vendor").write_text("a file")
    result = vendorws("init", "--keyless")
    assert result.exit_code in (1, 4) and "vendor" in result.stderr and "Traceback" not in result.stderr
