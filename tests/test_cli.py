"""The command line itself: help, versions, mistakes, completion, and the one funnel for what goes wrong."""

from __future__ import annotations

import ast
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.command import COMMAND, Vendorws, merged
from tests.support.compose_projects import PROJECTS
from tests.support.git import git, git_says_yes
from tests.support.project import Project
from tests.support.remotes import Remote, Remotes
from tests.support.sandbox import Sandbox
from tests.support.terminal import on_terminal
from tests.support.workspace import Workspace
from vendorws import __version__
from vendorws.app import app
from vendorws.environment import forget_leaked_environment
from vendorws.lock import workspace_lock

VERBS = sorted(str(command.name) for command in app.registered_commands)


@pytest.fixture
def workspace(project: Project) -> Workspace:
    return Workspace(project)


@pytest.fixture
def billing(remotes: Remotes) -> Remote:
    return remotes.create("acme/billing")


# -- help ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["", *VERBS])
@pytest.mark.parametrize("option", ["--help", "-h"])
def test_help_fits_a_terminal_and_shows_an_example(workspace: Workspace, verb: str, option: str) -> None:
    result = workspace.ok(*filter(None, [verb, option]))
    assert f"Usage: vendorws {verb}".strip() in result.stdout
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert result.stderr == ""
    if verb:
        assert "Examples:" in result.stdout and f"  vendorws {verb}" in result.stdout
        assert "\b" not in result.stdout


def test_help_names_every_command_on_one_line(workspace: Workspace) -> None:
    lines = workspace.ok("--help").stdout.splitlines()
    for verb in VERBS:
        (line,) = [line for line in lines if line.split()[:1] == [verb]]
        assert len(line.split()) > 2


def test_without_a_command_there_is_help(workspace: Workspace) -> None:
    result = workspace.type()
    assert result.exit_code == 2
    assert "Usage: vendorws" in result.stdout + result.stderr


def test_the_version(workspace: Workspace, vendorws: Vendorws) -> None:
    assert workspace.ok("--version").stdout == f"vendorws {__version__}\n"
    assert vendorws.ok("--version").stdout == f"vendorws {__version__}\n", "python -m vendorws is the same"
    script = Path(sys.executable).with_name("vendorws")
    assert (
        subprocess.run([script, "--version"], capture_output=True, check=True).stdout.decode().startswith("vendorws ")
    )


def test_help_needs_nothing_heavy() -> None:
    """It answers at once: rich, yaml, git and the rest are for those who work."""
    heavy = ("rich", "yaml", "git", "requirements", "packaging", "tomllib")
    heavy += ("vendorws.checkouts", "vendorws.requirement_files")
    code = (
        f"import sys; before = set(sys.modules); import vendorws.app; new = set(sys.modules) - before\n"
        f"print(*(name for name in {heavy!r} if name in new))"
    )
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout == b"\n"


# -- mistakes --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["snyc"], "snyc"),
        (["sync", "--dry"], "--dry"),
        (["sync", "-j", "0"], "--jobs"),
        (["sync", "-j", "many"], "--jobs"),
        (["sync", "--timeout", "0"], "--timeout"),
        (["sync", "--color", "blue"], "blue"),
        (["status", "--project"], "--project"),
        (["status", "--project", "nowhere"], "nowhere is not a folder"),
        (["sync", "-r", "none.txt"], "none.txt"),
    ],
)
def test_a_mistake_ends_with_2_and_names_what_is_wrong(
    project: Project, workspace: Workspace, arguments: list[str], words: str
) -> None:
    project.require("django")
    result = workspace.type(*arguments)
    assert result.exit_code == 2
    assert words in result.stderr
    assert "Traceback" not in result.stderr
    assert result.stdout == ""


@pytest.mark.parametrize("verb", ["sync", "status", "list", "override", "undo"])
def test_a_project_without_requirements(workspace: Workspace, verb: str) -> None:
    result = workspace.type(verb)
    assert result.exit_code == 2
    assert result.stderr.startswith("error: ") and "requirements.txt" in result.stderr
    assert len(result.stderr.splitlines()) <= 3


def test_an_expected_failure_is_its_sentence_and_its_hint(project: Project, workspace: Workspace) -> None:
    project.require("django")
    project.write("pyproject.toml", "[tool.vendorws]\njob = 3\n")
    result = workspace.type("status")
    assert result.stderr == "error: [tool.vendorws] has no setting 'job'.\n  Did you mean 'jobs'?\n"
    assert (result.exit_code, result.stdout) == (2, "")


def test_a_program_that_asked_for_json_gets_the_failure_as_json(project: Project, workspace: Workspace) -> None:
    project.require("django")
    project.write("pyproject.toml", "[tool.vendorws]\njob = 3\n")
    result = workspace.type("status", "--json")
    assert result.json == {
        "schema_version": 1,
        "command": "status",
        "error": {
            "message": "[tool.vendorws] has no setting 'job'.",
            "hint": "Did you mean 'jobs'?",
            "exit_code": 2,
        },
    }
    assert result.exit_code == 2
    assert result.stderr == "error: [tool.vendorws] has no setting 'job'.\n  Did you mean 'jobs'?\n"


@pytest.mark.parametrize(
    ("arguments", "command", "words", "hint"),
    [
        (["sync", "--json", "-j", "0"], "sync", "--jobs", "Try `vendorws sync --help`."),
        (
            ["sync", "nowhere", "--json"],
            "sync",
            "no line of the requirements vendors 'nowhere'.",
            "Vendored are: billing.",
        ),
        (["status", "--json", "--project", "nowhere"], "status", "nowhere is not a folder", "Name the project's"),
        (["snyc", "--json"], None, "snyc", "Try `vendorws --help`."),
        (["init", "--json"], "init", "--json", "Try `vendorws init --help`."),
    ],
)
def test_a_mistake_as_json(
    project: Project, workspace: Workspace, arguments: list[str], command: str | None, words: str, hint: str
) -> None:
    project.require("-e git+ssh://git@example.test/billing.git#egg=billing")
    result = workspace.type(*arguments)
    found = result.json
    assert (result.exit_code, found["error"]["exit_code"], found["command"]) == (2, 2, command)
    assert words in found["error"]["message"] and found["error"]["hint"].startswith(hint)
    assert words in result.stderr


@pytest.mark.parametrize("verb", ["sync", "status", "override", "keyless"])
def test_wrong_requirements_as_json_without_their_tokens(project: Project, workspace: Workspace, verb: str) -> None:
    project.require("-e git+https://joe:secret@example.test/billing.git@main")
    result = workspace.type(verb, "--json")
    assert (result.exit_code, result.json["error"]["exit_code"]) == (2, 2)
    assert "requirements.txt:1: " in result.json["error"]["message"]
    assert "secret" not in result.stdout + result.stderr


def test_list_has_the_wrong_lines_in_its_own_document(project: Project, workspace: Workspace) -> None:
    project.require("-e git+ssh://git@example.test/billing.git@main")
    result = workspace.type("list", "--json")
    assert result.exit_code == 2
    assert result.json["errors"][0]["line"] == 1


def test_without_git(project: Project, billing: Remote, vendorws: Vendorws, tmp_path: Path) -> None:
    project.require(billing.line("main"))
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/python3").symlink_to(sys.executable)
    for verb in ("sync", "status"):
        result = vendorws(verb, env={"PATH": str(tmp_path / "bin")})
        assert result.exit_code == 4
        assert result.stderr == "error: git is not installed (or not on the PATH).\n  Install git 2.31 or newer.\n"
    assert vendorws("list", env={"PATH": str(tmp_path / "bin")}).exit_code == 0


def test_a_variable_of_the_environment_is_an_option(
    project: Project, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    project.require("django")
    monkeypatch.setenv("VENDORWS_JOBS", "none")
    assert "VENDORWS_JOBS" in workspace.type("sync").stderr
    monkeypatch.setenv("VENDORWS_JOBS", "2")
    workspace.ok("sync")


# -- which project ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["sync", "status", "list", "override"])
def test_a_project_around_is_named(project: Project, workspace: Workspace, billing: Remote, verb: str) -> None:
    project.require(billing.line("main"))
    workspace.ok("sync")
    docs = project.require("sphinx", file="docs/requirements.txt").parent
    assert "project: " not in workspace.ok(verb).stderr
    result = workspace.ok(verb, cwd=docs)
    assert result.stderr.splitlines()[0] == "project: .."
    assert "project: " not in workspace.ok(verb, "--project", "..", cwd=docs).stderr
    assert "project: " not in workspace.ok(verb, "--json", cwd=docs).stderr
    assert workspace.type("list", "--project", ".", cwd=docs).stdout.endswith("1 line, 0 repositories to vendor\n")


@pytest.mark.parametrize("typed", ["there/requirements.txt", "../elsewhere/all.txt"])
def test_a_folder_that_is_no_project_is_named_before_it_gets_vendor(
    typed: str, billing: Remote, tmp_path: Path
) -> None:
    folder = tmp_path / "no project"
    file = folder / typed
    file.parent.mkdir(parents=True)
    file.write_text(f"{billing.line('main')}\n")
    run = Vendorws(folder)
    named = f"project: {folder} (none was found around here, so this folder gets vendor/; --project names another)\n"
    assert run.ok("sync", "--dry-run", "-r", typed).stderr.startswith(named)
    assert not (folder / "vendor").exists()
    for arguments in (("--quiet",), ("--json",), ("--project", ".")):
        assert "project: " not in run.ok("sync", "--dry-run", "-r", typed, *arguments).stderr
    assert run.ok("sync", "-r", typed).stderr.startswith(named)
    assert (folder / "vendor" / "billing" / ".git").is_dir()
    assert "project: " not in run.ok("status", "-r", typed).stderr, "by now it is one, by its vendor/"


def test_a_file_in_the_folder_one_is_in_needs_no_word(project: Project, billing: Remote, vendorws: Vendorws) -> None:
    project.require(billing.line("main"), file="all.txt")
    assert "project: " not in vendorws.ok("sync", "-r", "all.txt").stderr


# -- pipes and keys --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("verb", ["list", "status"])
def test_a_reader_that_goes_away_is_no_error(project: Project, verb: str) -> None:
    names = [f"package-number-{number}" for number in range(2000)]
    lines = [f"-e git+ssh://git@example.test/{name}.git#egg={name}" for name in names]
    project.require(*lines)
    run = subprocess.Popen([*COMMAND, verb], cwd=project.root, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert run.stdout is not None and run.stderr is not None
    run.stdout.read(10)
    run.stdout.close()
    assert run.stderr.read() == b""
    assert run.wait(timeout=30) in (0, 1)
    run.stderr.close()


def test_ctrl_c_ends_with_130_and_no_traceback(project: Project, remotes: Remotes) -> None:
    project.require(remotes.create("acme/billing").line("main"))
    project.vendor.mkdir()
    with workspace_lock(project.vendor, wait=False, on_wait=print):
        screen = on_terminal([*COMMAND, "sync"], cwd=project.root, answers=[("waiting for it", "\x03")])
    assert screen.exit_code == 130
    assert "Traceback" not in screen.text


@pytest.mark.parametrize("module", ["vendorws.app", "typer.main", "vendorws.commands.audit", "vendorws.settings"])
def test_ctrl_c_while_it_is_still_loading_is_heard_like_any_other(module: str, project: Project) -> None:
    program = f"""
import os, signal, sys

class Impatient:
    def find_spec(self, name, path, target=None):
        if name == {module!r}:
            os.kill(os.getpid(), signal.SIGINT)

sys.meta_path.insert(0, Impatient())
sys.argv = ["vendorws", "list"]
from vendorws.cli import main
main()
"""
    run = subprocess.run([sys.executable, "-c", program], cwd=project.root, capture_output=True, check=False)
    assert (run.returncode, run.stdout, run.stderr.strip()) == (130, b"", b"")


def test_a_full_disk_behind_our_output(project: Project, workspace: Workspace) -> None:
    project.require("django")
    with Path("/dev/full").open("w") as full:
        run = subprocess.run(
            [*COMMAND, "list"], cwd=project.root, stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )
    assert run.returncode == 4
    assert run.stderr == "error: the output cannot be written: No space left on device.\n  Make room there.\n"


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_without_a_standard_stream(closed: str, project: Project, remotes: Remotes) -> None:
    project.require(remotes.create("acme/billing").line("main"))
    told = project.root / "told"
    run = subprocess.run(
        ["sh", "-c", f"{shlex.join(COMMAND)} sync >'{told}' 2>&1 {closed}"], cwd=project.root, check=False
    )
    assert run.returncode == 0
    assert "Traceback" not in told.read_text()
    assert (project.checkout("billing") / "README.md").exists()


@pytest.mark.parametrize(
    ("arguments", "path"),
    [
        (("override",), "docker-compose.override.yml"),
        (("override", "--json"), "docker-compose.override.yml"),
        (("keyless",), "vendor/.gitconfig"),
    ],
)
def test_a_file_that_cannot_be_written(
    arguments: tuple[str, ...], path: str, project: Project, workspace: Workspace, billing: Remote
) -> None:
    """A process that may write no byte stands in for a full disk and for a folder of somebody else's."""
    project.require(billing.line("main"))
    for name, text in PROJECTS["article"].items():
        project.write(name, text)
    workspace.ok("sync", "--no-override")
    run = subprocess.run(
        ["sh", "-c", f"ulimit -f 0; {shlex.join([*COMMAND, *arguments])} 2>&1 | cat"],
        cwd=project.root,
        env=merged({"COVERAGE_PROCESS_CONFIG": None, "COVERAGE_PROCESS_START": None}),
        capture_output=True,
        text=True,
        check=False,
    )
    assert f"error: {project.root / path} cannot be written: File too large.\n  ls -ld " in run.stdout
    assert "Traceback" not in run.stdout
    assert ('"exit_code": 4' in run.stdout) == ("--json" in arguments)
    assert not (project.root / path).exists()


def test_a_folder_that_was_deleted(project: Project, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    gone = f"cd '{tmp_path}/gone' && rmdir '{tmp_path}/gone' && exec {shlex.join(COMMAND)} status"
    run = subprocess.run(["sh", "-c", gone], capture_output=True, text=True, check=False)
    assert run.returncode == 4
    assert run.stderr == "error: the folder you are in does not exist any more.\n  Type: cd ..\n"


# -- completion ------------------------------------------------------------------------------------------------


def complete(project: Project, words: str, cwd: Path | None = None) -> list[str]:
    """What bash offers for the words typed so far."""
    environment = {"_VENDORWS_COMPLETE": "complete_bash", "COMP_WORDS": words, "COMP_CWORD": str(words.count(" "))}
    ran = subprocess.run(
        [Path(sys.executable).with_name("vendorws")],
        cwd=cwd or project.root,
        env=merged(environment),
        capture_output=True,
        text=True,
        check=True,
    )
    assert ran.stderr == ""
    return ran.stdout.split()


def test_completion(project: Project, billing: Remote, remotes: Remotes) -> None:
    project.require(billing.line("main"), remotes.create("acme/Big_Blob").line("main"), "django")
    assert complete(project, "vendorws s") == ["sync", "status"]
    assert complete(project, "vendorws sync bi") == ["billing", "big-blob"]
    assert complete(project, "vendorws status big") == ["big-blob"]
    assert complete(project, "vendorws sync dj") == []


def test_completion_of_services(project: Project) -> None:
    assert complete(project, "vendorws verify ") == []
    project.require("django")
    project.write("compose.yaml", "services:\n  app: {image: a}\n  api: {image: a}\n  worker: {image: a}\n")
    assert complete(project, "vendorws verify a") == ["api", "app"]
    project.write("compose.yaml", "services: [")
    assert complete(project, "vendorws verify a") == []


@pytest.mark.parametrize(
    ("shell", "environment", "offered"),
    [
        ("zsh", {}, """_arguments '*: :(("billing":"main"))'\n"""),
        ("fish", {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}, "billing\tmain\n"),
    ],
)
def test_completion_in_other_shells(
    project: Project, billing: Remote, shell: str, environment: dict[str, str], offered: str
) -> None:
    project.require(billing.line("main"))
    typed = {"_VENDORWS_COMPLETE": f"complete_{shell}", "_TYPER_COMPLETE_ARGS": "vendorws sync bi", **environment}
    script = Path(sys.executable).with_name("vendorws")
    ran = subprocess.run([script], cwd=project.root, env=merged(typed), capture_output=True, text=True, check=True)
    assert ran.stdout == offered


def test_what_a_pin_names_is_offered_without_what_a_terminal_would_act_upon(project: Project, billing: Remote) -> None:
    project.require(billing.line("\u202emain"))
    typed = {"_VENDORWS_COMPLETE": "complete_fish", "_TYPER_COMPLETE_FISH_ACTION": "get-args"}
    environment = merged({**typed, "_TYPER_COMPLETE_ARGS": "vendorws sync bi"})
    script = Path(sys.executable).with_name("vendorws")
    ran = subprocess.run([script], cwd=project.root, env=environment, capture_output=True, text=True, check=True)
    assert ran.stdout == "billing\t\\u202emain\n"


@pytest.mark.parametrize("line", ["-e git+ssh://git@github.com/a/b.git", "-r none.txt"])
def test_completion_never_complains(project: Project, line: str) -> None:
    project.require(line)
    assert complete(project, "vendorws sync b") == []
    (project.root / "requirements.txt").unlink()
    assert complete(project, "vendorws sync b") == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_that_sets_completion_up(shell: str) -> None:
    environment = {"_VENDORWS_COMPLETE": f"source_{shell}"}
    script = Path(sys.executable).with_name("vendorws")
    ran = subprocess.run([script], env=merged(environment), capture_output=True, text=True, check=True)
    assert "_VENDORWS_COMPLETE" in ran.stdout


@pytest.mark.parametrize(
    ("shell", "file", "words"),
    [
        ("bash", ".bash_completions/vendorws.sh", "complete_bash"),
        ("zsh", ".zfunc/_vendorws", "#compdef vendorws"),
        ("fish", ".config/fish/completions/vendorws.fish", "complete --command vendorws"),
    ],
)
def test_completion_for_a_shell_that_is_named(
    workspace: Workspace, sandbox: Sandbox, shell: str, file: str, words: str
) -> None:
    shown = workspace.ok("--show-completion", shell).stdout
    assert words in shown
    assert not (sandbox.home / file).exists()
    assert f"{shell} completion installed" in workspace.ok("--install-completion", shell).stdout
    assert (sandbox.home / file).read_text().strip() == shown.strip()


def test_completion_for_a_shell_that_nobody_knows(workspace: Workspace) -> None:
    result = workspace.type("--show-completion", "tcsh")
    assert (result.exit_code, result.stdout) == (2, "")
    assert "'tcsh' is not one of bash, zsh, fish" in result.stderr


# -- the environment -------------------------------------------------------------------------------------------


def test_nothing_that_a_hook_leaves_behind_stays(monkeypatch: pytest.MonkeyPatch, sandbox: object) -> None:
    """git itself lists what belongs to one repository alone; `-c` settings of a command around us are welcome."""
    local = set(git(Path.cwd(), "rev-parse", "--local-env-vars").split())
    carried = {"GIT_CONFIG_PARAMETERS", "GIT_CONFIG_COUNT"}
    for name in local:
        monkeypatch.setenv(name, "x")
    forget_leaked_environment()
    assert local & os.environ.keys() == carried


def test_inside_a_hook_of_the_project_it_works_on_the_checkouts(
    project: Project, billing: Remote, vendorws: Vendorws
) -> None:
    project.require(billing.line("main"))
    leaked = {
        "GIT_DIR": str(project.repository / ".git"),
        "GIT_WORK_TREE": str(project.repository),
        "GIT_INDEX_FILE": str(project.repository / ".git/index"),
        "GIT_PREFIX": "site/",
    }
    before = git(project.repository, "for-each-ref")
    vendorws.ok("sync", env=leaked)
    billing.commit()
    vendorws.ok("sync", env=leaked)
    assert git(project.checkout("billing"), "rev-parse", "HEAD") == billing.head()
    assert git(project.repository, "for-each-ref") == before
    assert not git_says_yes(project.repository, "config", "vendorws.url")
    assert git(project.repository, "diff", "--cached", "--name-only") == ""


@pytest.mark.parametrize(
    ("words", "too_much"),
    [
        (("--version",), {"git", "rich.console", "yaml", "packaging", "pydantic", "vendorws.checkouts.sync"}),
        (("--help",), {"git", "yaml", "packaging", "pydantic", "vendorws.checkouts.sync"}),
        (("status",), {"git", "yaml", "pydantic", "packaging", "requirements"}),
        (("status",), {"vendorws.checkouts.moves", "vendorws.git_client.ssh"}),
        (("status", "--json"), {"rich", "vendorws.terminal"}),
    ],
)
def test_a_short_command_imports_little(words: tuple[str, ...], too_much: set[str], project: Project) -> None:
    """What takes long to import is left to the commands that cannot do without."""
    project.require("django", "requests==2.32.3", "-e git+ssh://git@host/acme/billing.git@main#egg=acme_billing")
    report = "import atexit, sys; atexit.register(lambda: sys.stderr.write(repr(sorted(sys.modules))))"
    code = f"{report}; sys.argv = ['vendorws', *{words}]; from vendorws.cli import main; main()"
    ran = subprocess.run([sys.executable, "-c", code], cwd=project.root, capture_output=True, text=True, check=True)
    imported = set(ast.literal_eval(ran.stderr[ran.stderr.index("['") :]))
    assert "vendorws.cli" in imported
    assert not imported & too_much
