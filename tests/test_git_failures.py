"""What git and ssh say when they fail, word for word, and what a developer is told."""

from __future__ import annotations

import errno
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from tests.support.disks import small_disk_at
from tests.support.git import git
from tests.support.remotes import Remote, Remotes
from vendorws.errors import ExitCode
from vendorws.git_client.command import Git
from vendorws.git_client.failures import GitFailed, GitTimedOut, Scene, as_failure, is_passing
from vendorws.git_client.urls import ssh_destination

NETWORK, ENVIRONMENT, ATTENTION = ExitCode.NETWORK, ExitCode.ENVIRONMENT, ExitCode.ATTENTION
HERE = Scene(Path("/srv/shop/vendor"), Path.cwd())


def read(stderr: str, scene: Scene = HERE) -> tuple[str, ExitCode]:
    failed = GitFailed("git fetch", 128, stderr, scene)
    assert failed.hint
    return failed.message, failed.code_of_exit


# -- as real servers and clients say it ------------------------------------------------------------------------

LOST = "fatal: Could not read from remote repository.\n\nPlease make sure you have the correct access rights\n"
UNKNOWN_HOST = """\
No ED25519 host key is known for github.com and you have requested strict checking.
Host key verification failed.
"""
CHANGED_HOST = """\
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
@    WARNING: REMOTE HOST IDENTIFICATION HAS CHANGED!     @
@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@@
IT IS POSSIBLE THAT SOMEONE IS DOING SOMETHING NASTY!
Host key verification failed.
"""
COMMIT = "1234567890" * 4
IN_A_SUBMODULE = (
    f"fatal: Fetched in submodule path 'lib/inner', but it did not contain {COMMIT}. "
    "Direct fetching of that commit failed.\n"
)
GITLAB = """\
remote: ========================================================================
remote: ERROR: The project you were looking for could not be found or you don't have permission to view it.
remote: ========================================================================
"""


@pytest.mark.parametrize(
    ("stderr", "message", "code"),
    [
        (UNKNOWN_HOST + LOST, "the server's host key is not known yet", NETWORK),
        (CHANGED_HOST + LOST, "the server's host key is not the one that is known", NETWORK),
        ("git@github.com: Permission denied (publickey).\n" + LOST, "the server did not accept your ssh key", NETWORK),
        (
            "Received disconnect from 10.0.0.1 port 22:2: Too many authentication failures\n" + LOST,
            "the server did not accept your ssh key",
            NETWORK,
        ),
        (
            "ERROR: Repository not found.\n" + LOST,
            "the repository does not exist there, or you may not see it",
            NETWORK,
        ),
        (GITLAB + LOST, "the repository does not exist there, or you may not see it", NETWORK),
        (
            "ssh: Could not resolve hostname git.acme.example: Name or service not known\n" + LOST,
            "the server's name could not be resolved",
            NETWORK,
        ),
        (
            "fatal: unable to access 'https://git.acme.example/x/': Could not resolve host: git.acme.example\n",
            "the server's name could not be resolved",
            NETWORK,
        ),
        (
            "ssh: connect to host git.acme.example port 22: Connection timed out\n" + LOST,
            "the server could not be reached",
            NETWORK,
        ),
        (
            "ssh: connect to host git.acme.example port 22: No route to host\n" + LOST,
            "the server could not be reached",
            NETWORK,
        ),
        (
            "Connection to git.acme.example closed by remote host.\nfetch-pack: unexpected disconnect while reading\n"
            "fatal: early EOF\nfatal: fetch-pack: invalid index-pack output\n",
            "the connection was lost",
            NETWORK,
        ),
        ("kex_exchange_identification: read: Connection reset by peer\n" + LOST, "the connection was lost", NETWORK),
        (
            "error: RPC failed; curl 92 HTTP/2 stream 5 was not closed cleanly: CANCEL (err 8)\n",
            "the connection was lost",
            NETWORK,
        ),
        ("something new\n" + LOST, "the remote could not be read", NETWORK),
        (
            "fatal: write error: No space left on device\nfatal: fetch-pack: invalid index-pack output\n",
            "the disk is full",
            ENVIRONMENT,
        ),
        (
            "fatal: sha1 file 'tmp_idx_VlkRkX' write error. Out of diskspace\n"
            "fatal: fetch-pack: invalid index-pack output\n",
            "the disk is full",
            ENVIRONMENT,
        ),
        (
            "fatal: detected dubious ownership in repository at '/srv/shop/vendor/billing'\n",
            "the checkout belongs to another user",
            ATTENTION,
        ),
        (
            "error: insufficient permission for adding an object to repository database .git/objects\n"
            "fatal: failed to write object\nerror: unable to write file .git/objects/x: Permission denied\n",
            "a file could not be written",
            ATTENTION,
        ),
        (
            "fatal: could not create work tree dir 'x': Read-only file system\n",
            "a file could not be written",
            ATTENTION,
        ),
        (
            f"fatal: remote error: upload-pack: not our ref {COMMIT}\n{IN_A_SUBMODULE}",
            "submodule lib/inner lacks its recorded commit 1234567890 on its remote",
            ATTENTION,
        ),
        (
            f"error: Server does not allow request for unadvertised object {COMMIT}\n{IN_A_SUBMODULE}",
            "submodule lib/inner lacks its recorded commit 1234567890 on its remote",
            ATTENTION,
        ),
        (f"fatal: early EOF\n{IN_A_SUBMODULE}", "the connection was lost", NETWORK),
        (
            f"fatal: remote error: upload-pack: not our ref {COMMIT}\n",
            "the remote has no such branch, tag or commit",
            ATTENTION,
        ),
        ("fatal: bad object HEAD\n", "`git fetch` ended with 128", ATTENTION),
        ("", "`git fetch` ended with 128", ATTENTION),
    ],
)
def test_known_words(stderr: str, message: str, code: ExitCode) -> None:
    assert read(stderr) == (message, code)


def hint(stderr: str, vendor: Path) -> str:
    return GitFailed("git fetch", 128, stderr, Scene(vendor, vendor)).hint


def test_the_folder_in_a_hint_is_named_as_it_is_typed_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    vendor = tmp_path / "my shop/vendor"
    (vendor / "billing").mkdir(parents=True)
    owned = f"fatal: detected dubious ownership in repository at '{vendor}/billing'\n"
    for here, typed in ((vendor.parent, "vendor"), (vendor / "billing", ".."), (tmp_path, "'my shop/vendor'")):
        monkeypatch.chdir(here)
        assert f"`sudo chown -R $(id -u) {typed}`" in hint(owned, vendor)
        unwritten = hint("error: unable to create file x: Permission denied\n", vendor)
        assert f"`df -h {typed}`" in unwritten and f"`ls -ld {typed}`" in unwritten


@pytest.mark.parametrize(
    "words", ["detected dubious ownership in repository at '{}'", "unsafe repository ('{}' is owned by someone else)"]
)
def test_whose_repository_belongs_to_another_user(words: str, tmp_path: Path) -> None:
    vendor = tmp_path / "vendor"
    (tmp_path / "link").symlink_to(tmp_path)
    scene = Scene(tmp_path / "link/vendor", tmp_path / "link/vendor/billing")
    for inside in (vendor / "billing", vendor / "billing/lib", Path(".git")):
        assert read(f"fatal: {words.format(inside)}\n", scene) == ("the checkout belongs to another user", ATTENTION)
    remote = f"fatal: {words.format(tmp_path / 'the remotes/billing.git')}\n"
    assert read(remote + LOST, scene) == ("the remote belongs to another user", NETWORK)
    assert f"--add safe.directory '{tmp_path}/the remotes/billing.git'" in hint(remote + LOST, vendor)


@pytest.mark.parametrize(
    ("url", "server", "known"),
    [
        ("ssh://git@github.com/acme/billing.git", "git@github.com", "github.com"),
        ("git@github.com:acme/billing.git", "git@github.com", "github.com"),
        ("ssh://joe:s3cret@git.acme.example:22/x", "-p 22 joe@git.acme.example", "git.acme.example"),
        ("ssh://git.acme.example:2222/x", "-p 2222 git.acme.example", "'[git.acme.example]:2222'"),
    ],
)
def test_the_server_is_named_in_a_hint(url: str, server: str, known: str) -> None:
    scene = Scene(HERE.vendor, HERE.folder, ssh_destination(url))
    for stderr in (UNKNOWN_HOST, "git@10.0.0.1: Permission denied (publickey).\n"):
        assert f"`ssh -T {server}`" in GitFailed("git fetch", 128, stderr, scene).hint
    assert f"`ssh-keygen -R {known}`" in GitFailed("git fetch", 128, CHANGED_HOST, scene).hint
    # Where ssh is configured to call it otherwise, it says so.
    named = CHANGED_HOST + "Host key for [10.0.0.1]:2200 has changed and you have requested strict checking.\n"
    assert "`ssh-keygen -R '[10.0.0.1]:2200'`" in GitFailed("git fetch", 128, named, scene).hint


def test_the_server_of_a_submodule_is_named_in_a_hint() -> None:
    scene = Scene(HERE.vendor, HERE.folder, ssh_destination("git@github.com:acme/billing.git"))
    stderr = f"{UNKNOWN_HOST}{LOST}fatal: clone of 'ssh://git@git.acme.example/x' into submodule path '/srv/x' failed\n"
    assert "`ssh -T git@git.acme.example`" in GitFailed("git submodule update", 1, stderr, scene).hint


CONFIG = "error: failed to write new configuration file /srv/shop/vendor/.billing/.git/config.lock\n"


@pytest.mark.parametrize(
    ("stderr", "is_full"),
    [
        (CONFIG, True),
        ("fatal: write error\n", True),
        ("error: unable to write file setup.py\nfatal: unable to checkout working tree\n", True),
        ("error: unable to write file setup.py\nerror: unable to unlink old 'x': Permission denied\n", False),
        ("error: unable to write file .git/objects/x: Read-only file system\n", False),
        ("error: unable to write loose object file: Input/output error\n", False),
    ],
)
def test_what_could_not_be_written_for_no_reason_found_no_room_where_there_is_none(
    stderr: str, is_full: bool, tmp_path: Path
) -> None:
    unwritten = ("a file could not be written", ATTENTION)
    assert read(stderr) == read(stderr, Scene(tmp_path, tmp_path / "gone")) == unwritten
    with small_disk_at(tmp_path / "small", "300k") as disk:
        assert read(stderr, Scene(tmp_path, disk.place)) == (
            ("the disk is full", ENVIRONMENT) if is_full else unwritten
        )
    with small_disk_at(tmp_path / "of few files", "32m,nr_inodes=1") as disk:
        assert read(stderr, Scene(tmp_path, disk.place)) == (
            ("the disk is full", ENVIRONMENT) if is_full else unwritten
        )


def test_a_connection_that_broke_while_git_wrote_to_it() -> None:
    broke = ("the connection was lost", NETWORK)
    assert read("fatal: write error: Broken pipe\n" + LOST) == broke


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_a_disk_that_is_full_for_us(number: int) -> None:
    failed = as_failure(OSError(number, os.strerror(number), "/srv/shop/vendor/x"))
    assert failed.message == f"/srv/shop/vendor/x: {os.strerror(number)}"
    assert (failed.hint, failed.exit_code) == ("Make room, then run the command again.", ENVIRONMENT)
    assert as_failure(PermissionError(errno.EACCES, "Permission denied")).exit_code is ATTENTION


# -- as git says it here and now -------------------------------------------------------------------------------


@pytest.fixture
def billing(remotes: Remotes) -> Remote:
    return remotes.create("acme/billing")


@pytest.fixture
def checkout(billing: Remote, tmp_path: Path) -> Path:
    git(tmp_path, "clone", "--quiet", billing.url, "checkout")
    return tmp_path / "checkout"


def failure(folder: Path, *arguments: str) -> GitFailed:
    """Run git in `folder`, where it must fail."""
    with pytest.raises(GitFailed) as failed:
        Git(vendor=folder.parent, cwd=folder).call(*arguments)
    return failed.value


def test_a_repository_that_is_not_there(checkout: Path, billing: Remote) -> None:
    failed = failure(checkout, "ls-remote", "ssh://git@github.com/acme/nothing.git")
    assert failed.message == "the repository does not exist there, or you may not see it"
    assert failed.hint == "Check the URL in requirements.txt, and that your account may read the repository."
    assert failed.code_of_exit is NETWORK
    assert failed.git_says.startswith(f"fatal: '{billing.bare.with_name('nothing.git')}' does not appear to be a git")


def test_a_host_that_cannot_be_reached_by_ssh(checkout: Path) -> None:
    failed = failure(checkout, "ls-remote", "ssh://git@example.test/x")
    assert (failed.message, failed.code_of_exit) == ("the server could not be reached", NETWORK)
    assert failed.git_says.startswith("ssh: connect to host example.test port 22: Network is unreachable")


@pytest.mark.parametrize("url", ["git://127.0.0.1:9/x", "http://127.0.0.1:9/x", "https://example.test/x"])
def test_a_host_that_cannot_be_reached_by_others(checkout: Path, url: str) -> None:
    failed = failure(checkout, "ls-remote", url)
    assert (failed.message, failed.code_of_exit) == ("the server could not be reached", NETWORK)


def test_a_transport_that_runs_programs(checkout: Path) -> None:
    failed = failure(checkout, "ls-remote", "ext::true")
    assert (failed.message, failed.code_of_exit) == ("git does not allow that kind of URL", ATTENTION)


def test_a_ref_that_is_not_there(checkout: Path) -> None:
    failed = failure(checkout, "fetch", "origin", "nothing")
    assert failed.message == "the remote has no such branch, tag or commit"
    assert failed.hint == "Check what follows the @ in requirements.txt."
    assert failed.code_of_exit is ATTENTION
    assert failure(checkout, "checkout", "nothing").message == failed.message


@pytest.mark.parametrize("commit", ["0" * 40, "1234567" * 5 + "12345"])
def test_a_commit_that_is_not_there(checkout: Path, commit: str) -> None:
    assert failure(checkout, "fetch", "origin", commit).message == "the remote has no such branch, tag or commit"


def test_a_file_in_the_way(checkout: Path) -> None:
    (checkout / "README.md").write_text("mine\n")
    git(checkout, "rm", "--cached", "--quiet", "README.md")
    git(checkout, "commit", "--quiet", "-m", "away")
    failed = failure(checkout, "checkout", "HEAD~1")
    assert (failed.message, failed.code_of_exit) == ("local files are in the way", ATTENTION)
    assert "README.md" in failed.git_says


def test_a_lock_that_somebody_left(checkout: Path) -> None:
    (checkout / ".git/index.lock").touch()
    failed = failure(checkout, "checkout", "--detach", "HEAD~1")
    assert failed.message == "another git process is at work there, or one died and left its lock"
    assert str(checkout / ".git/index.lock") in failed.git_says
    assert failed.code_of_exit is ATTENTION


@pytest.mark.parametrize(("there", "wanted"), [("a", "a/b"), ("a/b", "a")])
def test_a_name_in_the_way_of_a_name(checkout: Path, there: str, wanted: str) -> None:
    git(checkout, "branch", there)
    failed = failure(checkout, "checkout", "-b", wanted)
    assert failed.message == "a branch or tag here is in the way of another name"
    both = f"update refs/heads/{there}/x HEAD\nupdate refs/heads/{there}/x/y HEAD\n"
    with pytest.raises(GitFailed, match="in the way of another name"):
        Git(vendor=checkout.parent, cwd=checkout).call("update-ref", "--stdin", stdin=both)


@contextmanager
def web_server(status: int) -> Iterator[str]:
    """A web server that answers everything with one status; the URL of a repository there."""

    class Answer(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            if status == 401:
                self.send_header("WWW-Authenticate", 'Basic realm="acme"')
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            pass

    with HTTPServer(("127.0.0.1", 0), Answer) as server:
        thread = threading.Thread(target=server.serve_forever, args=[0.01])
        thread.start()
        yield f"127.0.0.1:{server.server_port}/acme/billing.git"
        server.shutdown()
        thread.join()


@pytest.mark.parametrize(
    ("status", "login", "message"),
    [
        (401, "", "the server asks for a user name and a token"),
        (401, "joe@", "the server asks for a user name and a token"),
        (401, "joe:s3cret@", "the server asks for a user name and a token"),
        (403, "", "the server asks for a user name and a token"),
        (404, "", "the repository does not exist there, or you may not see it"),
        (404, "joe:s3cret@", "the repository does not exist there, or you may not see it"),
        (500, "", "the remote could not be read"),
    ],
)
def test_a_web_server_that_refuses(tmp_path: Path, status: int, login: str, message: str) -> None:
    with web_server(status) as place:
        failed = failure(tmp_path, "ls-remote", "--", f"http://{login}{place}")
    assert (failed.message, failed.code_of_exit) == (message, NETWORK)
    assert "s3cret" not in f"{failed} {failed.hint} {failed.git_says}"


# -- what is shown ---------------------------------------------------------------------------------------------


def test_of_gits_words_the_last_that_tell_something() -> None:
    stderr = (
        "Cloning into 'x'...\nremote: Enumerating objects: 3, done.\rremote: Counting objects: 100% (3/3)\r"
        "remote: Total 3\nReceiving objects: 33%\rReceiving objects: 100%\nResolving deltas: 1\n\n"
        "error: https://joe:secret@host/x is odd\nhint: have you tried\nfatal: no\n"
    )
    assert GitFailed("git clone", 128, stderr, HERE).git_says == "error: https://joe:****@host/x is odd\nfatal: no"
    many = "".join(f"error: {number}\n" for number in range(20))
    assert GitFailed("git clone", 128, many, HERE).git_says.splitlines() == [
        f"error: {number}" for number in range(12, 20)
    ]


def test_the_command_is_shown_without_secrets() -> None:
    failed = GitFailed("git clone https://joe:secret@h/x", 1, "", HERE)
    assert failed.message == "`git clone https://joe:****@h/x` ended with 1"


def test_a_timeout() -> None:
    timed_out = GitTimedOut(90, answered=False)
    assert timed_out.message == str(timed_out) == "no answer within 90 seconds"
    assert timed_out.hint == (
        "Check the network, or allow more: --timeout SECONDS, VENDORWS_TIMEOUT or timeout in [tool.vendorws]."
    )
    assert (timed_out.code_of_exit, timed_out.git_says) == (NETWORK, "")
    assert GitTimedOut(1, answered=True).message == "not done within 1 second"
    assert GitTimedOut(1.5, answered=True).message == "not done within 1.5 seconds"


@pytest.mark.parametrize(
    ("stderr", "passing"),
    [
        ("kex_exchange_identification: Connection closed by remote host\n" + LOST, True),
        ("Connection to git.acme.example closed by remote host.\n" + LOST, True),
        ("fatal: early EOF\n", True),
        ("git@github.com: Permission denied (publickey).\n" + LOST, False),
        ("ERROR: Repository not found.\n" + LOST, False),
        ("ssh: connect to host x port 22: Connection refused\n" + LOST, False),
        (LOST, False),
        ("", False),
    ],
)
def test_what_may_well_work_the_next_time(stderr: str, passing: bool) -> None:
    assert is_passing(stderr) is passing
