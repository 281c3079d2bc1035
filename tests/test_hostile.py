"""Input from people who do not mean well, or from files that are not what they seem.

Requirements, URLs, revisions, branch names, `.gitmodules` and links may come from anybody who can push. Whatever they
say: nothing outside vendor/ is written, nothing is executed, no command waits for ever, and what cannot be done is told
in a sentence.
"""

from __future__ import annotations

import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.support.checkouts import snapshot
from tests.support.command import COMMAND, Result, Vendorws
from tests.support.git import git
from tests.support.here import Here, type_in_shell
from tests.support.project import Project
from tests.support.remotes import Remote, Remotes
from tests.support.sandbox import Sandbox
from tests.support.terminal import on_terminal
from tests.support.workspace import tree


@dataclass(frozen=True, slots=True)
class Scene:
    """A project, and a file that appears when somebody's program runs."""

    project: Project
    sandbox: Sandbox
    proof: Path

    def run(self, *command: str) -> Result:
        """Run it, and look at what it did to the rest of the world."""
        before = self.outside()
        result = Here(self.project.root)(*command)
        assert not self.proof.exists(), f"a program of theirs was run: {result}"
        assert self.outside() == before, f"something outside vendor/ was changed: {result}"
        assert result.exit_code in (0, 1, 2, 3), result
        assert_readable(result)
        return result

    def outside(self) -> dict[str, object]:
        """Everything but vendor/, and but the override, which is written as well."""
        around = tree(self.project.repository)
        vendor = str(self.project.vendor.relative_to(self.project.repository))
        ours = (vendor, f"{vendor}/")
        return {
            "project": {
                path: seen for path, seen in around.items() if path != ours[0] and not path.startswith(ours[1])
            },
            "home": tree(self.sandbox.home),
            "beside": sorted(os.listdir(self.project.repository.parent)),
        }


def assert_readable(result: Result) -> None:
    """Sentences: no traceback, nothing that a terminal would act upon."""
    said = result.stdout + result.stderr
    assert "Traceback" not in said, result
    odd = {character for character in said if not character.isprintable() and character not in "\n"}
    assert not odd, f"{odd!r} in {result}"


@pytest.fixture
def scene(project: Project, sandbox: Sandbox, tmp_path: Path) -> Scene:
    proof = tmp_path / "proof"
    return Scene(project, sandbox, proof)


@pytest.fixture
def billing(remotes: Remotes) -> Remote:
    return remotes.create("acme/billing")


# -- requirements ----------------------------------------------------------------------------------------------


@pytest.mark.sampled
@pytest.mark.parametrize(
    "name",
    [
        "..",
        ".",
        "../../evil",
        "/etc",
        "a/b",
        "-rf",
        "--help",
        ".git",
        ".gitignore",
        ".vendorws.lock",
        "x" * 300,
        "ünï",
        "$(touch proof)",
        "`touch proof`",
        "a;touch proof",
        "~root",
        "%2e%2e",
        "\x1b[31mred",
    ],
)
def test_names(name: str, scene: Scene, billing: Remote) -> None:
    scene.project.require(f"-e git+{billing.url}@main#egg={name}")
    result = scene.run("sync")
    assert result.exit_code == 2, result
    assert "requirements.txt:1" in result.stderr
    assert not scene.project.vendor.exists()


@pytest.mark.sampled
@pytest.mark.parametrize(
    "revision",
    [
        "-x",
        "--upload-pack=touch {proof}",
        "-",
        "--",
        "main;touch {proof}",
        "$(touch {proof})",
        "main..develop",
        "main^{{commit}}",
        "@{{u}}",
        "main~1",
        ":/Work",
        "refs/heads/../../x",
        "refs/remotes/origin/main",
        "HEAD",
        "x" * 5000,
        "ma\x07in",
        "ma in",
        "*",
        "refs/*",
        "+main:main",
        "^main",
        "main:README.md",
        "{{",
        "FETCH_HEAD",
        "../main",
        "main.lock",
    ],
)
def test_revisions(revision: str, scene: Scene, billing: Remote) -> None:
    scene.project.require(f"-e git+{billing.url}@{revision.format(proof=scene.proof)}#egg=billing")
    for command in (("sync",), ("status",), ("sync", "--switch")):
        scene.run(*command)
    assert not scene.project.checkout("billing").exists()
    assert leftovers(scene) == []


def leftovers(scene: Scene) -> list[str]:
    vendor = scene.project.vendor
    return sorted(set(os.listdir(vendor)) - {".gitignore", ".vendorws.lock"}) if vendor.exists() else []


@pytest.mark.sampled
@pytest.mark.parametrize(
    "url",
    [
        "git+ext::sh -c 'touch {proof}'",
        "git+ext::touch%20{proof}",
        "git+ssh://-oProxyCommand=touch%20{proof}/acme/billing.git",
        "git+ssh://git@-oProxyCommand=touch${{IFS}}{proof}/acme/billing.git",
        "git+ssh://git@github.com:-oProxyCommand=touch/billing.git",
        "git+ssh://git@github.com/--upload-pack=touch {proof}",
        "git+ssh://$(touch {proof})@github.com/acme/billing.git",
        "git+ssh://git@github.com/$(touch {proof})/billing.git",
        "git+ssh://git@github.com/`touch {proof}`.git",
        "git+ssh://git@github.com/acme/billing.git;touch {proof}",
        "git+https://github.com/acme/billing.git?a=$(touch {proof})",
        "git+file://-oProxyCommand=x/acme",
        "git+file:///dev/zero",
        "git+file:///dev/stdin",
        "git+--upload-pack=touch {proof}",
        "git+fd::0",
        "git+http://[::1/acme",
        "git+ssh://git@github.com/acme/\x1b[2Jbilling.git",
        "git+ssh://git@github.com/" + "a/" * 4000,
        "git+ssh:////",
        "git+ssh://",
    ],
)
def test_urls(url: str, scene: Scene, billing: Remote, monkeypatch: pytest.MonkeyPatch) -> None:
    """Even where the user allows git to run programs for a URL."""
    scene.sandbox.add_git_config('[protocol "ext"]\n    allow = always\n')
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext:file:ssh:https:http:git:fd")
    scene.project.require(f"-e {url.format(proof=scene.proof)}#egg=billing")
    for command in (("list",), ("sync",)):
        scene.run(*command)
    assert leftovers(scene) == []


def test_a_remote_of_the_checkout_that_is_a_program(
    scene: Scene, billing: Remote, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext:file:ssh:https")
    scene.project.require(billing.line("main"))
    scene.run("sync")
    git(scene.project.checkout("billing"), "remote", "set-url", "origin", f"ext::touch {scene.proof}")
    for command in (("sync",), ("status", "--fetch"), ("sync", "--fix-url")):
        scene.run(*command)


@pytest.mark.slow
def test_a_user_whose_config_turns_the_url_into_a_program(scene: Scene, billing: Remote) -> None:
    """Whoever set this did so on purpose, but a requirements line must not be able to make use of it."""
    scene.sandbox.add_git_config(f'[url "ext::touch {scene.proof} "]\n    insteadOf = ssh://git@git.example.test/\n')
    scene.project.require("-e git+ssh://git@git.example.test/acme/x.git#egg=x")
    assert scene.run("sync").exit_code in (1, 3)


@pytest.mark.sampled
@pytest.mark.parametrize(
    "content",
    [
        bytes(range(256)) * 200,
        b"\xff\xfe" + "-e git+ssh://git@github.com/acme/billing.git#egg=billing\n".encode("utf-16-le")[1:],
        b"\x00" * 100_000,
        b"-e git+ssh://git@github.com/acme/" + b"x" * 10_000_000,
        b"-e " * 1_000_000,
        b"\\\n" * 500_000,
        b"${A}" * 500_000,
        b"#" * 10_000_000,
        b"(" * 200_000,
        b"[tool]\n" * 10_000,
        b"-e 'git+ssh://git@github.com/acme/billing.git#egg=billing\n" * 1_000,
        b"a @ git+https://h/x ; " + b"(" * 50_000,
        b"-r requirements.txt\n" * 10_000,
        b"\r" * 1_000_000,
        "\u2028\u0085\x0b\x0c".encode() * 100_000,
    ],
    ids=lambda content: f"{content[:12]!r} and so on",
)
def test_requirements_that_are_none(content: bytes, scene: Scene) -> None:
    (scene.project.root / "requirements.txt").write_bytes(content)
    start = time.monotonic()
    for command in ("list", "sync"):
        result = scene.run(command)
        assert len(result.stdout) + len(result.stderr) < 30 * len(content) + 10_000
    assert time.monotonic() - start < 60
    assert leftovers(scene) == []


@pytest.mark.parametrize("width", [500, 1100])
def test_ten_thousand_lines(width: int, scene: Scene, billing: Remote) -> None:
    """Five megabytes are read; eleven are no requirements file."""
    lines = [f"package-{number}=={number}  # {'x' * width}" for number in range(10_000)]
    scene.project.require(*lines, billing.line("main"))
    start = time.monotonic()
    result = scene.run("sync")
    assert result.exit_code == (0 if width == 500 else 2), result
    assert time.monotonic() - start < 60
    assert scene.project.checkout("billing").is_dir() == (width == 500)


def test_ten_thousand_repositories_that_do_not_exist_are_refused_before_the_first_is_tried(scene: Scene) -> None:
    lines = [
        f"-e git+ssh://git@github.com/acme/x{number}.git@v{number}#egg=x{number % 5000}" for number in range(10_000)
    ]
    scene.project.require(*lines)
    start = time.monotonic()
    result = scene.run("sync")
    assert result.exit_code == 2, result.exit_code
    assert time.monotonic() - start < 60
    assert leftovers(scene) == []


@pytest.mark.parametrize(
    "included", ["requirements.txt", "./requirements.txt", "../site/requirements.txt", "other.txt"]
)
def test_includes_that_loop(included: str, scene: Scene) -> None:
    scene.project.require(f"-r {included}")
    scene.project.require("-r third.txt", file="other.txt")
    scene.project.require("-r requirements.txt", file="third.txt")
    assert scene.run("sync").exit_code in (0, 2)


def test_a_thousand_includes_one_in_the_other(scene: Scene, billing: Remote) -> None:
    for number in range(1000):
        scene.project.require(f"-r r{number + 1}.txt", file=f"r{number}.txt")
    scene.project.require(billing.line("main"), file="r1000.txt")
    scene.project.require("-r r0.txt")
    scene.run("sync")


@pytest.mark.sampled
@pytest.mark.parametrize("option", ["-r", "-c"])
@pytest.mark.parametrize(
    "file", ["/dev/zero", "/dev/stdin", "/dev/tty", "/proc/self/mem", "pipe", ".", "/", "/etc/shadow"]
)
def test_includes_of_what_is_no_file(option: str, file: str, scene: Scene) -> None:
    os.mkfifo(scene.project.root / "pipe")
    scene.project.require(f"{option} {file}")
    result = Vendorws(scene.project.root)("sync", timeout=20)
    assert result.exit_code in (0, 2), result
    assert_readable(result)
    assert leftovers(scene) == []


# -- what can be pushed ----------------------------------------------------------------------------------------


@pytest.mark.sampled
@pytest.mark.parametrize(
    "branch",
    [
        "-x",
        "--orphan",
        "--detach",
        "$(touch${IFS}proof)",
        "a;touch",
        "ünï/cödé",
        "@x",
        "HEAD",
        "a'b",
        'a"b',
        "(detached)",
        "refs/heads/main",
        "x" * 200,
        "0123456789abcdef0123456789abcdef01234567",
        "origin/main",
        "v1.0",
    ],
)
def test_branch_names(branch: str, scene: Scene, billing: Remote) -> None:
    """As the default branch, which a line without `@` takes, and moved forward and sideways."""
    tip = billing.head()
    git(billing.bare, "update-ref", f"refs/heads/{branch}", tip)
    git(billing.bare, "symbolic-ref", "HEAD", f"refs/heads/{branch}")
    scene.project.require(billing.line(None))
    first = scene.run("sync")
    if first.exit_code != 0:
        assert leftovers(scene) == []
        return
    checkout = scene.project.checkout("billing")
    assert git(checkout, "symbolic-ref", "HEAD") == f"refs/heads/{branch}"
    for start in ("main", "main~1") if branch != "HEAD" else ():  # git itself gets lost with that one
        git(billing.bare, "update-ref", f"refs/heads/{branch}", billing.commit(start=billing.head(start)))
        assert scene.run("sync").exit_code == 0
        assert git(checkout, "rev-parse", "HEAD") == billing.head(f"refs/heads/{branch}")
    (checkout / "mine.py").write_text("mine\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "Mine")
    assert "1 unpushed" in scene.run("sync").stdout
    scene.run("undo")


@pytest.mark.sampled
@pytest.mark.parametrize(
    "branch", ["(detached)", "ünï", "x'y", "a;b", "$(touch${IFS}proof)", "HEAD-2", "x" * 200, "\u2028"]
)
def test_branch_names_of_the_developer(branch: str, scene: Scene, billing: Remote) -> None:
    scene.project.require(billing.line("main"))
    scene.run("sync")
    checkout = scene.project.checkout("billing")
    git(checkout, "switch", "--quiet", "--create", branch)
    (checkout / "mine.py").write_text("mine\n")
    git(checkout, "add", ".")
    git(checkout, "commit", "--quiet", "-m", "Mine")
    billing.commit()
    before = git(checkout, "rev-parse", "HEAD")
    scene.run("sync")
    assert git(checkout, "rev-parse", "HEAD") == before
    assert git(checkout, "symbolic-ref", "HEAD") == f"refs/heads/{branch}"
    scene.run("sync", "--switch")
    assert git(checkout, "rev-parse", f"refs/heads/{branch}") == before
    scene.run("undo")
    assert git(checkout, "rev-parse", f"refs/heads/{branch}") == before


@pytest.mark.sampled
@pytest.mark.parametrize(
    "file",
    [
        "\x1b[2Jred",
        "line\nbreak",
        "tab\tand\rreturn",
        "-rf",
        "--force",
        ":(top)x",
        "*",
        "$(touch proof)",
        "a'b\"c",
        "\u202eevil",
    ],
)
def test_file_names(file: str, scene: Scene, billing: Remote) -> None:
    """In the way of a fast-forward, so that they are printed, and then typed as they are printed."""
    scene.project.require(billing.line("main"))
    scene.run("sync")
    checkout = scene.project.checkout("billing")
    (checkout / file).write_text("mine\n")
    (checkout / "other").write_text("mine too\n")
    escaped = file.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n").replace("\r", "\\r")
    billing.commit({f'"{escaped}"': "theirs\n"})
    before = snapshot(checkout)

    result = scene.run("sync")

    assert result.exit_code == 1, result
    assert snapshot(checkout).work == before.work
    command = scene.run("sync", "--json").json["repositories"][0]["command"]
    type_in_shell(command, scene.project.root)
    assert not (checkout / file).exists()
    assert (checkout / "other").exists()
    assert scene.run("sync").exit_code == 0


def submodule(
    name: str = "lib", path: str = "lib", url: str = "ssh://git@github.com/acme/lib.git", more: str = ""
) -> str:
    return f'[submodule "{name}"]\n\tpath = {path}\n\turl = {url}\n{more}'


MODULES = (
    (submodule(url="ext::touch {proof}"), "lib"),
    (submodule(url="-u./payload"), "lib"),
    (submodule(url="--upload-pack=touch {proof}"), "lib"),
    (submodule(url="ssh://-oProxyCommand=touch%20{proof}/x"), "lib"),
    (submodule(url="../../../../outside"), "lib"),
    (submodule(url="/etc"), "lib"),
    (submodule(url="."), "lib"),
    (submodule(url=""), "lib"),
    (submodule(more="\tupdate = !touch {proof}\n"), "lib"),
    (submodule(more="\tfetchRecurseSubmodules = true\n\tignore = all\n\tbranch = .\n"), "lib"),
    (submodule(name="../../hooks"), "lib"),
    (submodule(name="-x"), "lib"),
    (submodule(name=""), "lib"),
    (submodule(name="x/../../.."), "lib"),
    (submodule(path="../outside"), "lib"),
    (submodule(path="../../../requirements.txt"), "lib"),
    (submodule(path="/tmp/outside"), "lib"),
    (submodule(path=".git/hooks"), "lib"),
    (submodule(path="-x"), "-x"),
    (submodule(path="."), "lib"),
    (submodule(path=""), "lib"),
    (submodule(path="link/lib"), "lib"),
    ("[include]\n\tpath = ../../../.git/config\n" + submodule(), "lib"),
    ("[core]\n\tsshCommand = touch {proof}\n\tfsmonitor = touch {proof}\n" + submodule(), "lib"),
    ('[submodule "lib"\n\tpath = lib\n', "lib"),
    ("\x00\x01\x02", "lib"),
    ("[submodule]" * 10_000, "lib"),
    ("x" * 1_000_000, "lib"),
)
"""What `.gitmodules` says, and where the submodule is recorded."""


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("modules", "path"),
    MODULES,
    ids=lambda value: value.replace("\n", " ").replace("\t", "")[:70] if isinstance(value, str) else None,
)
def test_gitmodules(
    modules: str, path: str, scene: Scene, billing: Remote, remotes: Remotes, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the first clone, and as news from upstream in a checkout that is there."""
    monkeypatch.setenv("GIT_ALLOW_PROTOCOL", "ext:file:ssh:https:http:git")
    scene.sandbox.add_git_config('[protocol "ext"]\n    allow = always\n')
    library = remotes.create("acme/lib")
    scene.project.require(billing.line("main"))
    for start in ("cloned", "fast-forwarded"):
        if start == "fast-forwarded":
            billing.branch("main", at="v1.0")
            scene.run("sync")
        push_tree(billing, modules.format(proof=scene.proof) if "{proof}" in modules else modules, path, library.head())
        for command in (("sync",), ("status",), ("sync", "--switch"), ("sync",)):
            scene.run(*command)
    assert not (scene.project.repository.parent / "outside").exists()


def push_tree(remote: Remote, modules: str, path: str, commit: str) -> None:
    """A commit with these `.gitmodules`, a submodule at `path`, and a link that leads out of the checkout."""
    blob = git(remote.bare, "hash-object", "-w", "--stdin", stdin=modules)
    link = git(remote.bare, "hash-object", "-w", "--stdin", stdin="../../..")
    rows = [f"100644 blob {blob}\t.gitmodules", f"160000 commit {commit}\t{path}", f"120000 blob {link}\tlink"]
    made = git(remote.bare, "mktree", "--missing", stdin="".join(f"{row}\n" for row in rows))
    new = git(remote.bare, "commit-tree", made, "-p", "v1.0", "-m", "Work upstream")
    git(remote.bare, "update-ref", "refs/heads/main", new)


def test_gitmodules_that_are_a_link(scene: Scene, billing: Remote) -> None:
    link = git(billing.bare, "hash-object", "-w", "--stdin", stdin="../../requirements.txt")
    made = git(
        billing.bare,
        "mktree",
        "--missing",
        stdin=f"120000 blob {link}\t.gitmodules\n160000 commit {billing.head()}\tlib\n",
    )
    git(billing.bare, "update-ref", "refs/heads/main", git(billing.bare, "commit-tree", made, "-m", "Link"))
    scene.project.require(billing.line("main"))
    scene.run("sync")
    scene.run("status")


def test_links_that_lead_out_of_the_checkout(scene: Scene, billing: Remote) -> None:
    """A link comes, and then files "in" it; what it leads to is the project's."""
    scene.project.require(billing.line("main"))
    scene.run("sync")
    outside = scene.project.write("precious.txt", "the project's\n")
    link = git(billing.bare, "hash-object", "-w", "--stdin", stdin="../../precious.txt")
    folder = git(billing.bare, "hash-object", "-w", "--stdin", stdin="../..")
    for rows in (
        f"120000 blob {link}\tREADME.md\n120000 blob {folder}\tdocs\n",
        f"100644 blob {link}\tREADME.md\n040000 tree {subtree(billing, 'precious.txt')}\tdocs\n",
    ):
        made = git(billing.bare, "mktree", stdin=rows)
        git(
            billing.bare,
            "update-ref",
            "refs/heads/main",
            git(billing.bare, "commit-tree", made, "-p", "main", "-m", "x"),
        )
        assert scene.run("sync").exit_code == 0
    assert outside.read_text() == "the project's\n"
    assert not (scene.project.checkout("billing") / "docs").is_symlink()


def subtree(remote: Remote, name: str) -> str:
    blob = git(remote.bare, "hash-object", "-w", "--stdin", stdin="theirs\n")
    return git(remote.bare, "mktree", stdin=f"100644 blob {blob}\t{name}\n")


@pytest.mark.slow
def test_a_repository_whose_answer_never_ends(scene: Scene, remotes: Remotes) -> None:
    """A hundred thousand refs are no reason to fail, or to take for ever."""
    billing = remotes.create("acme/billing")
    tip = billing.head()
    refs = "".join(f"create refs/heads/many/b{number} {tip}\n" for number in range(20_000))
    git(billing.bare, "update-ref", "--stdin", stdin=refs)
    git(billing.bare, "pack-refs", "--all")
    scene.project.require(billing.line("main"))
    start = time.monotonic()
    assert scene.run("sync").exit_code == 0
    assert scene.run("sync").exit_code == 0
    assert time.monotonic() - start < 60


# -- what is shown ---------------------------------------------------------------------------------------------

ODD = "x\x1b]0;theirs\x07"
"""A name that gives the terminal's window another one."""


def test_what_a_server_says_while_it_sends(scene: Scene, billing: Remote) -> None:
    counts = r"printf 'Counting objects:  50%% (1/2), \033]0;theirs\007\r' >&2; sleep 0.2"
    hook = scene.proof.with_name("hook")
    hook.write_text(f'#!/bin/sh\nfor i in 1 2 3; do {counts}; done\nexec "$@"\n')
    hook.chmod(0o755)
    scene.sandbox.add_git_config(f"[uploadpack]\n\tpackObjectsHook = {hook}\n")
    scene.project.require(billing.line("main"))
    screen = on_terminal([*COMMAND, "sync"], cwd=scene.project.root, columns=100)
    assert screen.exit_code == 0, screen.text
    assert r"\x1b]0;theirs\x07" in screen.text, "the server's words were shown"
    assert "\x1b]" not in screen.raw


def test_a_submodule_in_a_git_command(scene: Scene, billing: Remote, remotes: Remotes) -> None:
    library = remotes.create("acme/lib")
    scene.project.require(billing.line("main"))
    billing.branch("main", at="v1.0")
    scene.run("sync")
    push_tree(billing, submodule(path=f'"{ODD}"'), ODD, library.head())
    assert r"+ billing: git submodule update" in scene.run("sync", "-v").stderr


@pytest.mark.sampled
@pytest.mark.parametrize(
    "config",
    [
        "'{odd}' = 1",
        "requirements = ['{odd}']",
        "cache = '{odd}'",
        "python-version = '{odd}'",
        "platform = '{odd}'",
        "[tool.vendorws.services.'{odd}']\nodd = 1",
        "[tool.vendorws.services.'{odd}']\nsrc = '/site/vendor'",
        "[tool.vendorws.services.app]\nsrc = '/{odd}'",
    ],
)
def test_names_in_the_configuration(config: str, scene: Scene, billing: Remote) -> None:
    (scene.project.root / ODD).write_text("")
    scene.project.require(billing.line("main"))
    scene.project.write("docker-compose.yml", "services:\n  app:\n    build: .\n")
    spelt = config.replace("'", '"').format(odd=r"x\u001b]0;theirs\u0007")
    scene.project.write("pyproject.toml", f"[tool.vendorws]\n{spelt}\n")
    for command in ("sync", "status", "list", "override", "keyless", "undo"):
        assert_readable(Here(scene.project.root)(command))


def test_names_in_a_compose_file(scene: Scene, billing: Remote) -> None:
    """Of services, folders and Dockerfiles, which the override and the build without a key are told for."""
    odd = r"x\e]0;theirs\a"
    scene.project.require(billing.line("main"))
    scene.project.write("docker-compose.yml", f'services:\n  "{odd}":\n    build: "./{odd}"\n')
    scene.project.write(f"{ODD}/Dockerfile", "FROM python:3.12\nRUN pip install -r requirements.txt --src /src\n")
    scene.run("sync", "--no-override")
    for command in (("override",), ("override", "--check"), ("keyless",), ("init", "-n")):
        said = Here(scene.project.root)(*command)
        assert_readable(said)
        assert "theirs" in said.stdout + said.stderr or command[0] == "init", said


def test_the_name_of_the_project(scene: Scene, billing: Remote) -> None:
    inside = scene.project.root / ODD / "docs"
    inside.mkdir(parents=True)
    scene.project.require(billing.line("main"), file=f"{ODD}/requirements.txt")
    for cwd, command in (
        (inside, ("status",)),
        (scene.project.root, ("sync", "--project", ODD)),
        (scene.project.root, ("sync", "--project", f"{ODD}/none")),
        (inside.parent, ("sync", "-r", f"{ODD}.txt")),
    ):
        assert_readable(Here(cwd)(*command))


def test_an_image_that_is_read(scene: Scene) -> None:
    (scene.project.root / f"{ODD}.tar").write_bytes(bytes(1024))
    screen = on_terminal([*COMMAND, "audit", f"{ODD}.tar"], cwd=scene.project.root)
    assert "reading x" in screen.text
    assert "\x1b]" not in screen.raw


def test_a_diff(scene: Scene) -> None:
    """On a terminal; elsewhere it is a patch, which has to be as the file is. Tabs are no danger."""
    scene.project.require()
    scene.project.write(".gitignore", f"{ODD}\n\ttabs\n")
    screen = on_terminal([*COMMAND, "init", "--dry-run"], cwd=scene.project.root)
    assert r" x\x1b]0;theirs\x07" in screen.text and "\x1b]" not in screen.raw
    assert "        tabs" in screen.text


# -- links and other things where files should be --------------------------------------------------------------


@pytest.mark.parametrize("to", ["..", "/tmp", "nowhere", "elsewhere"])
def test_a_vendor_that_is_a_link(to: str, scene: Scene, billing: Remote) -> None:
    (scene.project.root / "elsewhere").mkdir()
    scene.project.vendor.symlink_to(to)
    scene.project.require(billing.line("main"))
    result = scene.run("sync")
    assert result.exit_code == 2, result
    assert "is a symbolic link; vendorws writes below a real folder only" in result.stderr
    assert os.listdir(scene.project.root / "elsewhere") == []


@pytest.mark.sampled
@pytest.mark.parametrize("name", [".gitignore", ".vendorws.lock", ".billing.partial-x", "billing", "billing.partial-x"])
@pytest.mark.parametrize("kind", ["file", "folder", "nowhere", "pipe"])
def test_links_in_vendor(name: str, kind: str, scene: Scene, billing: Remote) -> None:
    target = scene.project.repository / "theirs"
    make: dict[str, Callable[[], object]] = {
        "file": lambda: target.write_text("theirs\n"),
        "folder": lambda: (target.mkdir(), (target / "file").write_text("theirs\n")),
        "nowhere": lambda: None,
        "pipe": lambda: os.mkfifo(target),
    }
    make[kind]()
    scene.project.vendor.mkdir()
    (scene.project.vendor / name).symlink_to(target)
    scene.project.require(billing.line("main"))
    before = kind_of(target)

    result = Vendorws(scene.project.root)("sync", timeout=20)

    assert_readable(result)
    assert result.exit_code in (0, 4), result
    assert kind_of(target) == before
    assert (scene.project.vendor / name).is_symlink()


def kind_of(path: Path) -> object:
    if path.is_dir():
        return tree(path)
    return path.read_text() if path.is_file() else path.is_fifo()


@pytest.mark.parametrize("name", [".gitignore", ".vendorws.lock", "billing", ".billing.partial-x"])
def test_pipes_in_vendor(name: str, scene: Scene, billing: Remote) -> None:
    """Whoever opens one to read it waits for ever."""
    scene.project.vendor.mkdir()
    os.mkfifo(scene.project.vendor / name)
    scene.project.require(billing.line("main"))
    for command in ("sync", "status"):
        result = Vendorws(scene.project.root)(command, timeout=20)
        assert_readable(result)
        assert result.exit_code in (0, 1, 4), result


@pytest.mark.sampled
@pytest.mark.parametrize("name", ["docker-compose.yml", "Dockerfile", "pyproject.toml", "docker-compose.override.yml"])
@pytest.mark.parametrize("what", ["pipe", "folder", "binary", "endless link"])
def test_other_files_of_the_project(name: str, what: str, scene: Scene, billing: Remote) -> None:
    path = scene.project.root / name
    make: dict[str, Callable[[], object]] = {
        "pipe": lambda: os.mkfifo(path),
        "folder": lambda: path.mkdir(),
        "binary": lambda: path.write_bytes(bytes(range(256)) * 100),
        "endless link": lambda: path.symlink_to(path),
    }
    make[what]()
    if name == "docker-compose.override.yml":
        scene.project.write("docker-compose.yml", "services:\n  app:\n    image: x\n")
    scene.project.require(billing.line("main"))
    result = Vendorws(scene.project.root)("sync", timeout=20)
    assert_readable(result)
    assert result.exit_code in (0, 1, 2), result
