"""What git and ssh mean when they fail: their words in, one sentence and the next action out."""

from __future__ import annotations

import errno
import os
import re
import shlex
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path, PurePath

from vendorws.errors import ExitCode, VendorwsError
from vendorws.git_client.urls import SshDestination, ssh_destination
from vendorws.model import Failure
from vendorws.redaction import redact
from vendorws.values import dataclass


@dataclass(frozen=True, slots=True)
class Scene:
    """Where git failed: the folder of the checkouts, the folder that it ran in, and whom ssh was to talk to.

    That is None where it is not ssh, or not known.
    """

    vendor: Path
    folder: Path
    destination: SshDestination | None = None

    @property
    def typed(self) -> dict[str, str]:
        """What a hint may name, as it is typed in a shell from here."""
        server = self.destination
        return {
            "vendor": shlex.quote(os.path.relpath(self.vendor)),
            "server": server.typed if server else "git@HOST",
            "known": shlex.quote(server.known_as) if server else "HOST",
        }


@dataclass(frozen=True, slots=True)
class _Sign:
    """A failure known by its words, a regular expression that takes either case; the first sign that matches counts.

    Where the words alone do not tell, `holds` does. The names in braces in the hint are those of `Scene.typed`, and of
    groups in the words; the latter may be in the message, too.
    """

    words: str
    message: str
    hint: str
    exit_code: ExitCode
    passing: bool = False
    holds: Callable[[re.Match[str], Scene], bool] | None = None


_LITTLE = 16 * 2**20  # bytes: git removes some of what it could not write to the end, and there is room again


def _lacks_room(said: re.Match[str], scene: Scene) -> bool:
    """Whether what could not be written, for no reason that git gives, found no room."""
    if re.search("Permission denied|Read-only file system", said.string):
        return False
    try:
        disk = os.statvfs(scene.folder)
    except OSError:
        return False
    # Some file systems count no files.
    return disk.f_bavail * disk.f_frsize < _LITTLE or (disk.f_files > 0 and disk.f_favail == 0)


def _is_elsewhere(said: re.Match[str], scene: Scene) -> bool:
    """Whether the repository that git names is no checkout."""
    return not (scene.folder / said["path"]).resolve().is_relative_to(scene.vendor.resolve())


_NETWORK = ExitCode.NETWORK
_ENVIRONMENT = ExitCode.ENVIRONMENT
_ATTENTION = ExitCode.ATTENTION

_FULL = "the disk is full"
_MAKE_ROOM = "Make room, then run the command again."
_LACKING = "submodule {path} lacks its recorded commit {commit:.10} on its remote"
_PUSH_IT = "Whoever recorded that commit has to push it there; then run the command again."
# The second is how older gits say it.
_OF_ANOTHER_USER = r"(?:dubious ownership in repository at |unsafe repository \()'(?P<path>.*)'"

# Ordered: ssh prints the cause first, and git adds "Could not read from remote repository" to every one of them.
_SIGNS = (
    _Sign(
        r"REMOTE HOST IDENTIFICATION HAS CHANGED(?:[\s\S]*^Host key for (?P<known>\S+) has changed)?",
        "the server's host key is not the one that is known",
        "Ask whoever runs the server whether its key changed; then `ssh-keygen -R {known}` and connect once by hand.",
        _NETWORK,
    ),
    _Sign(
        r"Host key verification failed|No \S+ host key is known",
        "the server's host key is not known yet",
        "Run `vendorws sync` on a terminal, or connect once with `ssh -T {server}`, and compare the key.",
        _NETWORK,
    ),
    _Sign(
        r"Permission denied \(|Too many authentication failures|no mutual signature",
        "the server did not accept your ssh key",
        "Load your key with `ssh-add`, and check that it is registered with the server (`ssh -T {server}`).",
        _NETWORK,
    ),
    _Sign(
        r"Authentication failed for|could not read Username|could not read Password|terminal prompts disabled"
        r"|HTTP Basic: Access denied|returned error: 40[13]",
        "the server asks for a user name and a token",
        "Configure a credential helper (`git config --global credential.helper …`) and clone once by hand.",
        _NETWORK,
    ),
    _Sign(
        r"Repository not found|does not appear to be a git repository|project you were looking for could not be found"
        r"|repository '.*' not found|repository '.*' does not exist",
        "the repository does not exist there, or you may not see it",
        "Check the URL in requirements.txt, and that your account may read the repository.",
        _NETWORK,
    ),
    _Sign(
        r"Could not resolve host(name)?|Name or service not known|Temporary failure in name resolution"
        r"|nodename nor servname",
        "the server's name could not be resolved",
        "Check the network (or the VPN) and the host name in requirements.txt.",
        _NETWORK,
    ),
    _Sign(
        r"Connection refused|Connection timed out|Operation timed out|No route to host|Network is unreachable"
        r"|Failed to connect|Couldn't connect",
        "the server could not be reached",
        "Check the network (or the VPN), then run the command again.",
        _NETWORK,
    ),
    _Sign(
        r"No space left on device|Disk quota exceeded|Out of diskspace",
        _FULL,
        _MAKE_ROOM,
        _ENVIRONMENT,
    ),
    _Sign(
        r"Unable to create '.*\.lock': File exists",
        "another git process is at work there, or one died and left its lock",
        "When no git runs in that checkout, remove the .lock file that git names, and run the command again.",
        _ATTENTION,
    ),
    _Sign(
        r"transport '.*' not allowed",
        "git does not allow that kind of URL",
        "Use git+ssh:// or git+https:// in requirements.txt, and an absolute URL in .gitmodules.",
        _ATTENTION,
    ),
    _Sign(
        r"Expected git repo version|unknown repository extension",
        "a newer git made that repository, in a form that this one cannot read",
        "Install a newer git here, or clone the package anew.",
        _ATTENTION,
    ),
    _Sign(
        r"exists; cannot create|cannot process '.*' and '.*' at the same time",
        "a branch or tag here is in the way of another name",
        "git cannot have `a` beside `a/b`: rename the one that is yours (`git branch -m OLD NEW`), or delete it.",
        _ATTENTION,
    ),
    _Sign(
        _OF_ANOTHER_USER,
        "the remote belongs to another user",
        "If you trust them: `git config --global --add safe.directory {path}`",
        _NETWORK,
        holds=_is_elsewhere,
    ),
    _Sign(
        _OF_ANOTHER_USER,
        "the checkout belongs to another user",
        "Run as its owner, give it back with `sudo chown -R $(id -u) {vendor}`, or add it to git's safe.directory.",
        _ATTENTION,
    ),
    _Sign(
        r"would be overwritten by",
        "local files are in the way",
        "Commit, stash or move them, then run the command again.",
        _ATTENTION,
    ),
    _Sign(
        # git says that it is "unable to write file", and not why: a reason would stand behind a colon.
        r"(unable to write|failed to write|write error)(?!.*: [A-Z])",
        _FULL,
        _MAKE_ROOM,
        _ENVIRONMENT,
        holds=_lacks_room,
    ),
    _Sign(
        r"Permission denied|Read-only file system|unable to write|failed to write|write error$|cannot create directory",
        "a file could not be written",
        "Check that the disk has room (`df -h {vendor}`), that it is writable, and who owns it (`ls -ld {vendor}`).",
        _ATTENTION,
    ),
    _Sign(
        # What git could not fetch for another reason says so first.
        r"(not our ref|not valid|unadvertised object)[\s\S]*"
        r"Fetched in submodule path '(?P<path>.*)', but it did not contain (?P<commit>[0-9a-f]+)",
        _LACKING,
        _PUSH_IT,
        _ATTENTION,
    ),
    _Sign(
        r"Remote branch .* not found|couldn't find remote ref|did not match any file\(s\) known to git"
        r"|not our ref|no such remote ref",
        "the remote has no such branch, tag or commit",
        "Check what follows the @ in requirements.txt.",
        _ATTENTION,
    ),
    _Sign(
        r"early EOF|unexpected disconnect|hung up unexpectedly|Connection( to \S+)? (reset|closed)|Broken pipe"
        r"|RPC failed|kex_exchange_identification",
        "the connection was lost",
        "Run the command again; what is complete is kept.",
        _NETWORK,
        passing=True,
    ),
    _Sign(
        r"Could not read from remote repository|unable to access|curl \d+",
        "the remote could not be read",
        "Read git's words above; run the command again when the cause is gone.",
        _NETWORK,
    ),
)


def _by_words(stderr: str) -> Iterator[tuple[_Sign, re.Match[str]]]:
    for sign in _SIGNS:
        said = re.search(sign.words, stderr, re.IGNORECASE | re.MULTILINE)
        if said is not None:
            yield sign, said


def _read(stderr: str, scene: Scene) -> _Sign | None:
    """The sign that counts, with the names in its message and its hint that belong there."""
    submodule = _SUBMODULE.search(stderr)
    if submodule is not None:  # it may have a server of its own
        scene = replace(scene, destination=ssh_destination(submodule["url"]))
    for sign, said in _by_words(stderr):
        if sign.holds is None or sign.holds(said, scene):
            groups = {name: text for name, text in said.groupdict().items() if text is not None}
            typed = {**scene.typed, **{name: shlex.quote(text) for name, text in groups.items()}}
            return replace(sign, message=sign.message.format(**groups), hint=sign.hint.format(**typed))
    return None


_SUBMODULE = re.compile(r"clone of '(?P<url>.*)' into submodule path")


def is_passing(stderr: str) -> bool:
    """Whether git failed for a connection that broke, which may well hold the next time."""
    return next((sign.passing for sign, _ in _by_words(stderr)), False)


class GitFailed(VendorwsError):
    """A git command failed. `git_says` is what git and ssh printed last, without secrets.

    `was_killed`: it did not end by itself, and may have left its locks behind.
    """

    was_killed = False

    def __init__(self, command: str, code: int, stderr: str, scene: Scene) -> None:
        words = _last_words(stderr)
        sign = _read(stderr, scene)
        if sign is not None:
            super().__init__(sign.message, sign.hint)
            self.code_of_exit = sign.exit_code
        else:
            super().__init__(
                f"`{redact(command)}` ended with {code}", "Run it by hand to see more (-v shows each one)."
            )
            self.code_of_exit = ExitCode.ATTENTION
        self.git_says, self.was_killed = words, code < 0


class GitTimedOut(GitFailed):
    """A repository took longer than `--timeout` allows; `answered` says whether its server has, so far."""

    was_killed = True

    def __init__(self, seconds: float, *, answered: bool) -> None:
        span = "1 second" if seconds == 1 else f"{seconds:g} seconds"
        VendorwsError.__init__(
            self,
            f"{'not done' if answered else 'no answer'} within {span}",
            "Check the network, or allow more: --timeout SECONDS, VENDORWS_TIMEOUT or timeout in [tool.vendorws].",
        )
        self.code_of_exit, self.git_says = ExitCode.NETWORK, ""


class CommitNotPushed(GitFailed):
    """The remote of a submodule, `path` in its checkout, does not have the commit that is recorded for it."""

    def __init__(self, path: PurePath, commit: str) -> None:
        VendorwsError.__init__(self, _LACKING.format(path=path, commit=commit), _PUSH_IT)
        self.code_of_exit, self.git_says = ExitCode.ATTENTION, ""


def as_failure(error: Exception) -> Failure:
    """An expected error, or one of the operating system, as the outcome of one repository."""
    if isinstance(error, GitFailed):
        return Failure(error.message, error.hint, error.git_says, error.code_of_exit)
    if isinstance(error, VendorwsError):
        return Failure(error.message, error.hint, "", error.exit_code)
    assert isinstance(error, OSError)
    message = f"{error.filename}: {error.strerror}" if error.filename else str(error.strerror)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return Failure(message, _MAKE_ROOM, "", ExitCode.ENVIRONMENT)
    return Failure(message, "", "", ExitCode.ATTENTION)


def _last_words(stderr: str) -> str:
    """The lines that say why: those of ssh, and git's `error:` and `fatal:`, without progress and advice."""
    lines = [redact(line.strip()) for line in stderr.replace("\r", "\n").splitlines()]
    noise = re.compile(r"^(Cloning into|remote: (Enumerating|Counting|Compressing|Total)|Receiving|Resolving|hint:|$)")
    telling = [line for line in lines if not noise.match(line)]
    return "\n".join(telling[-8:])
