"""`vendorws keyless`: the file that it writes, and everything that it says beforehand about the build."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.git import git
from tests.support.here import Here
from tests.support.project import Project
from tests.support.remotes import Remote, Remotes

CONFIG = "vendor/.gitconfig"


@pytest.fixture
def run(project: Project) -> Here:
    """The command, in this process."""
    return Here(project.root)


@pytest.fixture
def billing(project: Project, remotes: Remotes, run: Here) -> Remote:
    """One package, pinned on main and checked out."""
    remote = remotes.create("acme/billing")
    project.require(remote.line("main"))
    run.ok("sync")
    return remote


def config_of(project: Project) -> str:
    return (project.root / CONFIG).read_text("utf-8")


def test_the_file_maps_every_spelling_to_the_checkout(project: Project, billing: Remote, run: Here) -> None:
    result = run.ok("keyless")
    assert result.stdout.startswith("vendor/.gitconfig written\n")
    assert result.stderr == ""
    assert (
        config_of(project)
        == """\
# Written by vendorws for builds without a key; `vendorws keyless` writes it anew.
[safe]
	# the checkouts belong to a user of the host
	directory = *
[protocol "file"]
	# submodules come from folders, too
	allow = always
[url "/ctx/vendor/billing"]
	insteadOf = "git@github.com:acme/billing.git"
	insteadOf = "https://github.com/acme/billing.git"
	insteadOf = "ssh://git@github.com/acme/billing.git"
"""
    )
    assert run.ok("keyless").stdout.startswith("vendor/.gitconfig unchanged\n")


def test_the_line_for_the_dockerfile_is_printed(project: Project, billing: Remote, run: Here) -> None:
    assert (
        run.ok("keyless").stdout
        == """\
vendor/.gitconfig written

In Dockerfile let pip install like this:

    RUN --mount=type=bind,source=vendor,target=/ctx/vendor \\
        GIT_CONFIG_GLOBAL=/ctx/vendor/.gitconfig \\
        pip install -r requirements.txt --src vendor/
"""
    )


def test_check_says_whether_it_is_stale(project: Project, billing: Remote, remotes: Remotes, run: Here) -> None:
    missing = run("keyless", "--check")
    assert (missing.exit_code, missing.stdout) == (1, "vendor/.gitconfig missing  -> vendorws keyless\n")
    assert not (project.root / CONFIG).exists()
    run.ok("keyless")
    run.ok("keyless", "--check")
    project.require(billing.line("main"), remotes.create("acme/theme").line("main"))
    stale = run("keyless", "--check", "--project", ".")
    assert (stale.exit_code, stale.stdout) == (1, "vendor/.gitconfig stale  -> vendorws keyless --project .\n")
    assert "\n  vendorws sync --project . theme\n" in stale.stderr
    assert run("keyless", "--check", "--json").json["status"] == "stale"


def test_sync_keeps_it_current_once_it_exists(project: Project, billing: Remote, remotes: Remotes, run: Here) -> None:
    assert not (project.root / CONFIG).exists()
    run.ok("keyless")
    project.require(billing.line("main"), remotes.create("acme/theme").line("main"))
    assert "vendor/.gitconfig written" in run.ok("sync").stderr
    assert "/ctx/vendor/theme" in config_of(project)
    assert "vendor/.gitconfig" not in run.ok("sync").stderr
    assert run.ok("keyless", "--check").exit_code == 0


def test_a_file_of_somebody_else_is_left(project: Project, billing: Remote, run: Here) -> None:
    project.write(CONFIG, "[user]\n\tname = A Developer\n")
    for command in ("keyless", "sync"):
        result = run(command)
        assert result.exit_code == 1
        assert f"{project.root / CONFIG} was not written by vendorws; it is left as it is" in result.stderr
    assert config_of(project) == "[user]\n\tname = A Developer\n"


def test_json(project: Project, billing: Remote, run: Here) -> None:
    document = run.ok("keyless", "--json").json
    [build] = document.pop("builds")
    assert document == {
        "schema_version": 1,
        "command": "keyless",
        "status": "written",
        "path": str(project.root / CONFIG),
        "sources": [
            {
                "folder": "billing",
                "urls": [
                    "git@github.com:acme/billing.git",
                    "https://github.com/acme/billing.git",
                    "ssh://git@github.com/acme/billing.git",
                ],
            }
        ],
        "advice": [],
    }
    assert (build["service"], build["prepared"]) == (None, False)
    assert build["run"].startswith("RUN --mount=type=bind,source=vendor,target=/ctx/vendor")


def test_a_token_in_a_url_is_written_nowhere(project: Project, run: Here) -> None:
    project.require("-e git+https://dev:s3cret@github.com/acme/billing.git@main#egg=billing")
    result = run("keyless")
    assert result.exit_code == 1
    assert "billing: its URL holds a password, which would have to stand in the file" in result.stderr
    assert "s3cret" not in result.stdout + result.stderr + config_of(project)


def test_two_packages_of_one_repository_share_a_checkout(project: Project, remotes: Remotes, run: Here) -> None:
    mono = remotes.create("acme/mono")
    project.require(mono.line("main", egg="one"), mono.line("develop", egg="two"))
    run("sync")
    result = run("keyless")
    assert config_of(project).count('insteadOf = "ssh://git@github.com/acme/mono.git"') == 1
    assert "two: vendor/one has no develop, which pip will ask for" in result.stderr
    [command] = [line.strip() for line in result.stderr.splitlines() if line.startswith("  git ")]
    git(project.root, *command.split()[1:])
    run.ok("keyless")


def test_a_repository_whose_name_begins_like_ours_is_not_ours(project: Project, remotes: Remotes, run: Here) -> None:
    remotes.create("acme/repo")
    project.require(
        "-e git+ssh://git@github.com/acme/repo@main#egg=repo",
        "other @ git+ssh://git@github.com/acme/repo_2@main",
        "third @ git+ssh://git@github.com/acme/repo_3.git",
    )
    run.ok("sync")
    run.ok("keyless")
    for neighbour in ("ssh://git@github.com/acme/repo_2", "ssh://git@github.com/acme/repo_3.git"):
        asked = git(
            project.root, "ls-remote", "--get-url", neighbour, env={"GIT_CONFIG_GLOBAL": str(project.root / CONFIG)}
        )
        assert asked == neighbour


# ---- what would surprise ------------------------------------------------------------------------------------------


def _dirty(checkout: Path, _remote: Remote) -> None:
    (checkout / "README.md").write_text("edited\n")


def _untracked(checkout: Path, _remote: Remote) -> None:
    (checkout / "new.py").write_text("")


def _ahead(checkout: Path, _remote: Remote) -> None:
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "mine")


def _elsewhere_with_own_main(checkout: Path, _remote: Remote) -> None:
    _ahead(checkout, _remote)
    git(checkout, "switch", "--quiet", "--create", "feature")


def _partial(checkout: Path, _remote: Remote) -> None:
    git(checkout, "config", "remote.origin.promisor", "true")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_dirty, "vendor/billing has changes that are not committed; the image gets what is"),
        (_untracked, "vendor/billing has changes that are not committed; the image gets what is"),
        (_ahead, "of vendor/billing, the pin is at"),
        (_elsewhere_with_own_main, "of vendor/billing, the pin is at"),
        (_partial, "vendor/billing is a partial clone"),
    ],
)
def test_what_makes_the_image_differ_is_a_warning(
    change: Callable[[Path, Remote], None], words: str, project: Project, billing: Remote, run: Here
) -> None:
    change(project.checkout("billing"), billing)
    result = run.ok("keyless")
    [warning] = [line for line in result.stderr.splitlines() if line.startswith("warning: billing: ")]
    assert words in warning


def test_a_branch_of_ones_own_does_not_matter_while_main_is_at_its_pin(
    project: Project, billing: Remote, run: Here
) -> None:
    git(project.checkout("billing"), "switch", "--quiet", "--create", "feature")
    assert run.ok("keyless").stderr == ""


def _missing(checkout: Path, _tmp: Path) -> None:
    checkout.rename(checkout.with_name("gone"))


def _link(checkout: Path, tmp: Path) -> None:
    checkout.rename(tmp / "elsewhere")
    checkout.symlink_to(tmp / "elsewhere")


def _worktree(checkout: Path, tmp: Path) -> None:
    checkout.rename(tmp / "elsewhere")
    git(tmp / "elsewhere", "switch", "--quiet", "--detach")
    git(tmp / "elsewhere", "worktree", "add", "--quiet", str(checkout), "main")


def _occupied(checkout: Path, _tmp: Path) -> None:
    (checkout / ".git").rename(checkout / "no-git")


def _borrowing(checkout: Path, tmp: Path) -> None:
    git(tmp, "clone", "--quiet", "--shared", str(checkout), "shared")
    url = git(checkout, "config", "remote.origin.url")
    checkout.rename(tmp / "lender")
    (tmp / "shared").rename(checkout)
    alternates = checkout / ".git" / "objects" / "info" / "alternates"
    alternates.write_text(f"{tmp}/lender/.git/objects\n")
    git(checkout, "remote", "set-url", "origin", url)


def _no_main(checkout: Path, _tmp: Path) -> None:
    git(checkout, "switch", "--quiet", "--detach")
    git(checkout, "branch", "--quiet", "-D", "main")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (_missing, "it is not checked out"),
        (_link, "which no build can see"),
        (_worktree, "vendor/billing is a worktree: its repository is elsewhere, where no build can see it"),
        (_occupied, "vendor/billing is no working git repository"),
        (_borrowing, "vendor/billing borrows objects from another repository, which no build can see"),
        (_no_main, "vendor/billing has no main, which pip will ask for"),
    ],
)
def test_what_makes_the_build_fail_is_an_error(
    change: Callable[[Path, Path], None], words: str, project: Project, billing: Remote, run: Here, tmp_path: Path
) -> None:
    change(project.checkout("billing"), tmp_path)
    result = run("keyless")
    assert result.exit_code == 1
    assert any(line.startswith("error: billing: ") and words in line for line in result.stderr.splitlines()), result
    assert (project.root / CONFIG).exists()


@pytest.mark.parametrize("kind", ["tag", "commit", "ref", "default"])
def test_every_kind_of_pin_is_found(kind: str, project: Project, remotes: Remotes, run: Here) -> None:
    remote = remotes.create("acme/billing")
    git(remote.bare, "update-ref", "refs/pull/7/head", remote.head("develop"))
    ref = {"tag": "v1.0", "commit": remote.head("develop~1"), "ref": "refs/pull/7/head", "default": None}[kind]
    project.require(remote.line(ref))
    run.ok("sync")
    result = run("keyless")
    if kind != "ref":
        assert (result.exit_code, result.stderr) == (0, "")
        return
    assert "vendor/billing has no refs/pull/7/head, which pip will ask for" in result.stderr
    [command] = [line.strip() for line in result.stderr.splitlines() if line.startswith("  git ")]
    git(project.root, *command.split()[1:])
    run.ok("keyless")


def test_a_pinned_commit_that_is_missing_is_an_error(project: Project, billing: Remote, run: Here) -> None:
    project.require(billing.line("0" * 39 + "1"))
    result = run("keyless")
    assert result.exit_code == 1
    assert f"vendor/billing has no {'0' * 39}1, which pip will ask for" in result.stderr


# ---- submodules ---------------------------------------------------------------------------------------------------


@pytest.fixture
def nested(project: Project, remotes: Remotes, run: Here) -> Remote:
    """acme/billing with the submodule lib, which has the submodule deep; the URLs are relative to each other."""
    deep, lib, remote = (remotes.create(f"acme/{name}") for name in ("deep", "lib", "billing"))
    _add_submodule(lib, "deep", "../deep.git", deep.head())
    _add_submodule(remote, "lib", "../lib.git", lib.head())
    project.require(remote.line("main"))
    run.ok("sync")
    return remote


def _add_submodule(remote: Remote, path: str, url: str, commit: str) -> None:
    remote.commit({".gitmodules": f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n'})
    tree = git(remote.bare, "ls-tree", "main")
    tree = git(remote.bare, "mktree", stdin=f"{tree}\n160000 commit {commit}\t{path}\n")
    made = git(remote.bare, "commit-tree", tree, "-p", "main", "-m", f"Add {path}")
    git(remote.bare, "update-ref", "refs/heads/main", made)


def test_submodules_are_mapped_to_their_checkouts(project: Project, nested: Remote, run: Here) -> None:
    result = run.ok("keyless")
    assert result.stderr == ""
    text = config_of(project)
    assert '[url "/ctx/vendor/billing/lib"]\n' in text
    assert '[url "/ctx/vendor/billing/lib/deep"]\n' in text
    assert '\tinsteadOf = "ssh://git@github.com/acme/deep.git"\n' in text


def test_a_submodule_that_is_not_there_is_an_error(project: Project, nested: Remote, run: Here) -> None:
    git(project.checkout("billing"), "submodule", "--quiet", "deinit", "--force", "lib")
    result = run("keyless")
    assert result.exit_code == 1
    assert "billing: its submodule lib is not cloned" in result.stderr
    [command] = [line.strip() for line in result.stderr.splitlines() if line.startswith("  git ")]
    git(project.root, *command.split()[1:])
    run.ok("keyless")


def test_a_submodule_without_its_recorded_commit_is_an_error(
    project: Project, nested: Remote, remotes: Remotes, run: Here
) -> None:
    checkout = project.checkout("billing")
    git(checkout, "update-index", "--cacheinfo", f"160000,{'1' * 40},lib")
    git(checkout, "commit", "--quiet", "-m", "Record what is nowhere")
    result = run("keyless")
    assert result.exit_code == 1
    assert f"its submodule lib lacks the recorded commit {'1' * 10}" in result.stderr


def test_a_submodule_that_names_its_repository_absolutely_is_an_error(
    project: Project, nested: Remote, run: Here
) -> None:
    file = project.checkout("billing") / "lib" / ".git"
    file.write_text(f"gitdir: {project.checkout('billing')}/.git/modules/lib\n")
    result = run("keyless")
    assert result.exit_code == 1
    assert "its submodule lib names its repository by an absolute path of this machine" in result.stderr


# ---- the build ----------------------------------------------------------------------------------------------------

DOCKERFILE = """\
FROM python:3.11
WORKDIR /site
RUN --mount=type=ssh --mount=type=cache,target=/root/.cache \\
    env/bin/pip install --no-input \\
      -r requirements.txt --src vendor/
"""


def _with_compose(project: Project, build: str = ".", dockerfile: str = DOCKERFILE) -> None:
    project.write("docker-compose.yml", f"services:\n  app:\n    build: {build}\n")
    project.write("Dockerfile", dockerfile)


def test_the_line_is_theirs_with_the_key_taken_out(project: Project, billing: Remote, run: Here) -> None:
    _with_compose(project)
    assert run.ok("keyless").stdout.endswith("""
In Dockerfile (service app) let pip install like this:

    RUN --mount=type=bind,source=vendor,target=/ctx/vendor \\
        --mount=type=cache,target=/root/.cache \\
        GIT_CONFIG_GLOBAL=/ctx/vendor/.gitconfig \\
        env/bin/pip install --no-input -r requirements.txt --src vendor/
""")


def test_a_line_of_several_commands_is_told_in_general(project: Project, billing: Remote, run: Here) -> None:
    _with_compose(project, dockerfile="FROM x\nRUN cd /a && pip install -r requirements.txt --src vendor\n")
    assert "        pip install -r requirements.txt --src vendor/\n" in run.ok("keyless").stdout


def test_a_dockerfile_that_has_the_line_needs_no_advice(project: Project, billing: Remote, run: Here) -> None:
    line = run.ok("keyless", "--json").json["builds"][0]["run"]
    _with_compose(project, dockerfile=f"FROM x\nWORKDIR /site\n{line}\n")
    assert run.ok("keyless").stdout == "vendor/.gitconfig unchanged\n"


def test_the_folder_is_the_one_that_the_build_context_has(project: Project, billing: Remote, run: Here) -> None:
    _with_compose(project, build=f"{{context: .., dockerfile: {project.root.name}/Dockerfile}}")
    assert f"source={project.root.name}/vendor,target=" in run.ok("keyless").stdout


def test_a_context_without_vendor_is_an_error(project: Project, billing: Remote, run: Here) -> None:
    _with_compose(project, build="{context: docker, dockerfile: ../Dockerfile}")
    project.write("docker/keep", "")
    result = run("keyless")
    assert result.exit_code == 1
    assert f"the build context {project.root}/docker (service app) does not have vendor/ in it" in result.stderr


@pytest.mark.parametrize(
    ("pattern", "path"), [("vendor", "vendor/.gitconfig"), ("**/.git", "vendor/billing/.git/HEAD")]
)
@pytest.mark.parametrize("compose", [True, False])
def test_a_dockerignore_that_hides_it_is_an_error(
    pattern: str, path: str, compose: bool, project: Project, billing: Remote, run: Here
) -> None:
    if compose:
        _with_compose(project)
    project.write(".dockerignore", f"# none of\n{pattern}\n")
    result = run("keyless")
    assert result.exit_code == 1
    assert f"{project.root}/.dockerignore, line 2: `{pattern}` hides {path} from the build" in result.stderr
