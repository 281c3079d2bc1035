"""What is read of git's own files says what git says: git is the witness in every test."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest

from tests.support.git import git, git_says_yes
from tests.support.remotes import Remote, Remotes
from vendorws.checkouts.repository import (
    GitDirectory,
    ListedRefs,
    Refs,
    count_stashes,
    find_git_directory,
    is_shallow,
    logged_commits,
    operation_in_progress,
    read_config,
    submodule_paths,
    worktree_of,
    worktree_on,
)
from vendorws.model import Placed


@pytest.fixture
def billing(remotes: Remotes) -> Remote:
    return remotes.create("acme/billing")


@pytest.fixture
def checkout(billing: Remote, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "--quiet", billing.url, "checkout")
    return tmp_path / "checkout"


def directory(checkout: Path) -> GitDirectory:
    found = find_git_directory(checkout)
    assert isinstance(found, GitDirectory), found
    return found


# -- where the repository is -----------------------------------------------------------------------------------


def test_a_plain_checkout(checkout: Path) -> None:
    assert directory(checkout) == GitDirectory(checkout / ".git", checkout / ".git", is_plain=True)


def test_a_worktree_and_its_repository(checkout: Path, tmp_path: Path) -> None:
    git(checkout, "worktree", "add", "--quiet", "-b", "side", tmp_path / "side")
    found = directory(tmp_path / "side")
    assert found.private.samefile(checkout / ".git/worktrees/side")
    assert found.common.samefile(checkout / ".git")
    assert worktree_of(found) == tmp_path / "side"
    assert worktree_on(found, "main") == checkout
    assert worktree_on(directory(checkout), "side") == tmp_path / "side"
    assert worktree_on(directory(checkout), "main") is None, "that is this one"
    assert worktree_on(found, "develop") is worktree_on(directory(checkout), "develop") is None


def test_a_separate_git_directory(billing: Remote, tmp_path: Path) -> None:
    git(tmp_path, "clone", "--quiet", f"--separate-git-dir={tmp_path / 'elsewhere'}", billing.url, "checkout")
    assert directory(tmp_path / "checkout").private == tmp_path / "elsewhere"


@pytest.mark.parametrize(
    ("arrange", "why"),
    [
        ("mkdir x && mv .git/HEAD x/", "its .git has no HEAD"),
        ("rm -rf .git/objects", "its .git has no objects or no refs"),
        ("rm -rf .git/refs", "its .git has no objects or no refs"),
        ("rm -rf .git && echo nonsense > .git", "its .git file does not name a git directory"),
        ("rm -rf .git && printf '\\000\\377' > .git", "its .git file does not name a git directory"),
        ("rm -rf .git && echo gitdir: ../gone > .git", "its .git file names {}/../gone, which does not exist"),
        ("rm -rf .git && mkdir .git", "its .git has no HEAD"),
        ("echo ../other > .git/commondir", "its .git shares {}/.git/../other, but is no worktree of it"),
    ],
)
def test_no_repository_and_why(checkout: Path, arrange: str, why: str) -> None:
    subprocess.run(arrange, shell=True, cwd=checkout, check=True)
    assert find_git_directory(checkout) == why.format(checkout)
    assert not git_says_yes(checkout, "rev-parse", "--git-dir")


# -- an operation in progress ----------------------------------------------------------------------------------


def conflict(checkout: Path) -> None:
    """The branch `side` and main say different things of CHANGES; main is checked out."""
    git(checkout, "checkout", "--quiet", "-b", "side")
    for text in ("side\n", "more\n"):
        (checkout / "CHANGES").write_text(text)
        git(checkout, "commit", "--quiet", "-am", text.strip())
    git(checkout, "checkout", "--quiet", "main")
    (checkout / "CHANGES").write_text("main again\n")
    git(checkout, "commit", "--quiet", "-am", "main again")


@pytest.mark.sampled
@pytest.mark.parametrize(
    ("commands", "operation"),
    [
        ("git merge side", "merge"),
        ("git rebase side", "rebase"),
        ("git rebase --apply side", "rebase"),
        ("git cherry-pick side", "cherry-pick"),
        ("git cherry-pick side~1 side; git checkout --theirs . ; git commit -qam resolved", "cherry-pick"),
        ("git revert --no-edit HEAD~1", "revert"),
        (
            "git revert --no-edit HEAD~1 HEAD~2; git checkout --ours . ; git commit -qam resolved --allow-empty",
            "revert",
        ),
        ("git format-patch -1 --stdout side | git am", "am"),
        ("git bisect start", "bisect"),
        ("git bisect start HEAD HEAD~2", "bisect"),
        ("git stash push; git stash list", None),
        ("true", None),
    ],
)
def test_an_operation_that_was_not_finished(checkout: Path, commands: str, operation: str | None) -> None:
    conflict(checkout)
    subprocess.run(commands, shell=True, cwd=checkout, check=False, capture_output=True)
    assert operation_in_progress(directory(checkout)) == operation


def test_an_operation_is_that_of_its_own_worktree(checkout: Path, tmp_path: Path) -> None:
    conflict(checkout)
    git(checkout, "worktree", "add", "--quiet", "-b", "other", tmp_path / "other")
    assert not git_says_yes(checkout, "merge", "side")
    assert operation_in_progress(directory(checkout)) == "merge"
    assert operation_in_progress(directory(tmp_path / "other")) is None


# -- stashes, shallow histories, reflogs -----------------------------------------------------------------------


@pytest.mark.parametrize("count", [0, 1, 3])
def test_stashes(checkout: Path, count: int) -> None:
    for number in range(count):
        (checkout / "CHANGES").write_text(f"{number}\n")
        git(checkout, "stash", "push", "--message", f"with a\ttab and\u2028a separator {number}")
    assert count_stashes(directory(checkout)) == len(git(checkout, "stash", "list").split("\n")) * bool(count) == count


def test_shallow(checkout: Path, billing: Remote, tmp_path: Path) -> None:
    assert not is_shallow(directory(checkout))
    git(tmp_path, "clone", "--quiet", "--depth=1", billing.url, "shallow")
    assert is_shallow(directory(tmp_path / "shallow"))
    git(tmp_path / "shallow", "fetch", "--quiet", "--unshallow")
    assert not is_shallow(directory(tmp_path / "shallow"))


def test_what_a_branch_pointed_at_before(checkout: Path, billing: Remote) -> None:
    cloned = billing.head()
    second = billing.commit()
    git(checkout, "fetch", "--quiet")
    third = billing.rewrite()
    git(checkout, "fetch", "--quiet")
    first = git(checkout, "rev-parse", "HEAD~1")
    git(checkout, "update-ref", "refs/remotes/origin/main", first)
    logged = logged_commits(directory(checkout), "refs/remotes/origin/main")
    assert logged == (first, third, second, cloned)
    assert logged[:3] == tuple(git(checkout, "log", "-g", "--format=%H", "origin/main").split())
    assert logged_commits(directory(checkout), "refs/remotes/origin/main", most=1) == (first, third)
    assert logged_commits(directory(checkout), "refs/heads/main") == (cloned,)
    assert logged_commits(directory(checkout), "refs/remotes/origin/none") == ()
    assert logged_commits(directory(checkout), "refs/remotes/origin") == ()


# -- the configuration -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "value",
    [
        "ssh -i /keys/acme",
        'ssh -i "/my keys/acme"',
        "ssh -i '/my keys/acme' # the key",
        'ssh -o "ProxyCommand=nc \\"%h\\" %p" ; true',
        "C:\\ssh\\ssh.exe -i \\keys",
        "ssh\t-v",
        "ssh -o Tag=ünïcode",
        "",
    ],
)
def test_a_setting_is_read_as_git_reads_it(checkout: Path, value: str) -> None:
    git(checkout, "config", "core.sshCommand", value)
    assert read_config(directory(checkout)).ssh_command == git(checkout, "config", "core.sshCommand")


@pytest.mark.parametrize(
    "text",
    [
        "[core]\n\tsshCommand = one\n[core]\n\tsshcommand = two\n",
        "[CORE]\n\tSSHCOMMAND = loud\n",
        "[core]\n\tsshCommand = one \\\n two ; comment\n",
        "[core] sshCommand = on one line\n",
        '[core]\n\tsshCommand = "half quoted" and not\n',
        "\ufeff[core]\n\tsshCommand = behind a BOM\n",
        "[core]\r\n\tsshCommand = windows\r\n",
    ],
)
def test_a_setting_that_somebody_wrote_by_hand(checkout: Path, text: str) -> None:
    file = checkout / ".git/config"
    file.write_bytes(text.encode() + file.read_bytes())
    assert read_config(directory(checkout)).ssh_command == git(checkout, "config", "core.sshCommand")


@pytest.mark.sampled
@pytest.mark.parametrize("name", ["origin", "up.stream", "Upper", "with/slash", "ünïcode"])
@pytest.mark.parametrize(
    "url", ["git@github.com:acme/x.git", "/srv/my git/x.git", "https://host/x.git?a=b;c#d", "C:\\git\\x"]
)
def test_remotes_are_read_as_git_reads_them(checkout: Path, name: str, url: str) -> None:
    git(checkout, "remote", "remove", "origin")
    git(checkout, "remote", "add", name, url)
    git(checkout, "remote", "set-url", "--add", name, "ssh://second/x")
    git(checkout, "config", "remote.pushDefault", "elsewhere")
    git(checkout, "config", "remote.without.pushurl", "ssh://only/push")
    assert dict(read_config(directory(checkout)).remotes) == {name: url}


def test_a_remote_with_quotes_in_its_name(checkout: Path) -> None:
    git(checkout, "config", 'remote.a"b\\c.url', "ssh://host/x")
    assert read_config(directory(checkout)).remotes['a"b\\c'] == "ssh://host/x"


def test_what_vendorws_noted(checkout: Path) -> None:
    read = lambda: read_config(directory(checkout)).placed  # noqa: E731
    assert read() is None
    git(checkout, "config", "vendorws.url", "ssh://host/x#y;z")
    assert read() is None
    git(checkout, "config", "vendorws.placed", "abc feature/x")
    assert read() == Placed(ref=None, url="ssh://host/x#y;z", branch="feature/x", commit="abc")
    git(checkout, "config", "vendorws.pin", "")
    git(checkout, "config", "vendorws.placed", "abc")
    assert read() == Placed(ref=None, url="ssh://host/x#y;z", branch=None, commit="abc")
    git(checkout, "config", "vendorws.pin", "release#1")
    assert read() == Placed(ref="release#1", url="ssh://host/x#y;z", branch=None, commit="abc")


def test_a_worktree_reads_the_configuration_it_shares(checkout: Path, billing: Remote, tmp_path: Path) -> None:
    git(checkout, "worktree", "add", "--quiet", "-b", "side", tmp_path / "side")
    assert dict(read_config(directory(tmp_path / "side")).remotes) == {"origin": billing.url}


def test_the_form_of_refs_and_the_work_tree(checkout: Path) -> None:
    config = read_config(directory(checkout))
    assert (config.ref_storage, config.worktree) == ("files", None)
    git(checkout, "config", "extensions.refStorage", "reftable")
    git(checkout, "config", "core.worktree", "../elsewhere")
    config = read_config(directory(checkout))
    assert (config.ref_storage, config.worktree) == ("reftable", "../elsewhere")


@pytest.mark.parametrize("content", [b"[core\n", b"non sense\n", b"\xff\xfe[core]\n", b"[core]\n = x\n"])
def test_a_configuration_that_cannot_be_read(checkout: Path, content: bytes) -> None:
    (checkout / ".git/config").write_bytes(content)
    with pytest.raises(ValueError, match=r"^config cannot be read: [^\n]+$"):
        read_config(directory(checkout))


def test_submodules_are_those_that_stay_inside(checkout: Path) -> None:
    assert submodule_paths(checkout) == ()
    paths = ("lib", "a/b c", "../out", "x/../../out", "/etc", "..hidden")
    modules = "".join(f'[submodule "{path}"]\n\tpath = {path}\n\turl = ./x\n' for path in paths)
    (checkout / ".gitmodules").write_text(f'{modules}[submodule "pathless"]\n\turl = ./x\n')
    assert submodule_paths(checkout) == ("lib", "a/b c", "..hidden")
    (checkout / ".gitmodules").write_text("[submodule\n")
    assert submodule_paths(checkout) == ()


def test_a_gitmodules_that_is_a_link_is_not_followed(checkout: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").write_text('[submodule "x"]\n\tpath = x\n')
    (checkout / ".gitmodules").symlink_to(tmp_path / "elsewhere")
    assert submodule_paths(checkout) == ()
    (checkout / ".gitmodules").unlink()
    (checkout / ".gitmodules").symlink_to(".gitmodules")
    assert submodule_paths(checkout) == ()


# -- refs ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("packed", [False, True], ids=["loose", "packed"])
@pytest.mark.parametrize("listed", [False, True], ids=["files", "listed"])
def test_refs_are_what_git_says(checkout: Path, billing: Remote, packed: bool, listed: bool) -> None:
    billing.branch("deep/er")
    git(checkout, "fetch", "--quiet")
    git(checkout, "tag", "-m", "annotated", "annotated", "HEAD~1")
    git(checkout, "tag", "-m", "of a tag", "nested", "annotated")
    if packed:
        git(checkout, "pack-refs", "--all")
        git(checkout, "tag", "-f", "v1.0", "HEAD")  # loose over packed
    refs: Refs | ListedRefs = Refs(directory(checkout))
    if listed:
        refs = ListedRefs(git(checkout, "for-each-ref", f"--format={ListedRefs.FORMAT}"))
    for name in ("refs/heads/main", "refs/remotes/origin/deep/er", "refs/tags/v1.0", "refs/tags/annotated"):
        assert refs.commit(name) == git(checkout, "rev-parse", name)
    assert refs.peeled("refs/tags/annotated") == git(checkout, "rev-parse", "annotated^{commit}")
    if not listed:  # git 2.45 and later peel a listed tag of a tag to the end
        assert refs.peeled("refs/tags/nested") in (None, git(checkout, "rev-parse", "nested^{commit}"))
    assert refs.symbolic("refs/remotes/origin/HEAD") == "refs/remotes/origin/main"
    assert refs.symbolic("refs/heads/main") is None
    for name in ("refs/heads/none", "refs/remotes/origin/deep", "refs/heads/main/below", "refs/tags/none"):
        assert refs.commit(name) is refs.peeled(name) is refs.symbolic(name) is None


def test_a_tag_whose_objects_are_packed_is_left_to_git(checkout: Path) -> None:
    git(checkout, "tag", "-m", "annotated", "annotated")
    refs = Refs(directory(checkout))
    assert refs.peeled("refs/tags/annotated") == git(checkout, "rev-parse", "HEAD")
    git(checkout, "repack", "-a", "-d", "-q")
    assert refs.peeled("refs/tags/annotated") is None


@pytest.mark.parametrize("content", [b"", b"no zlib"])
def test_a_damaged_object_is_left_to_git(checkout: Path, content: bytes) -> None:
    git(checkout, "tag", "-m", "annotated", "annotated")
    name = git(checkout, "rev-parse", "refs/tags/annotated")
    loose = checkout / ".git/objects" / name[:2] / name[2:]
    loose.chmod(0o644)
    loose.write_bytes(content)
    assert Refs(directory(checkout)).peeled("refs/tags/annotated") is None


def test_a_tag_of_a_commit_that_is_here_needs_no_git(checkout: Path) -> None:
    git(checkout, "commit", "--quiet", "--allow-empty", "-m", "loose")
    git(checkout, "tag", "light")
    assert Refs(directory(checkout)).peeled("refs/tags/light") == git(checkout, "rev-parse", "HEAD")


def test_a_tag_of_a_file_has_no_commit(checkout: Path) -> None:
    git(checkout, "tag", "-m", "of a file", "file", "HEAD:README.md")
    git(checkout, "tag", "blob", "HEAD:README.md")
    refs = Refs(directory(checkout))
    assert refs.peeled("refs/tags/file") is refs.peeled("refs/tags/blob") is None
