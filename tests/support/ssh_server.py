"""A git host as companies run them: ssh, a key for each developer, `git-upload-pack` and nothing else.

The server is asyncssh in a thread of its own, on a port that the system picks. What a test wants to go wrong is an
attribute of the running server: set it and it holds for the next connection or session.
"""

from __future__ import annotations

import asyncio
import os
import shlex
import subprocess
import threading
from collections.abc import Coroutine
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any

import asyncssh

from tests.support.sandbox import Sandbox

HOSTS = ("github.com", "git.example.test")
"""The names under which the server is reached; ssh takes them for two different hosts."""
PASSPHRASE = "correct horse"
_UPLOAD_PACK = ("git-upload-pack", "git upload-pack")
_CHUNK = 4096


@dataclass(frozen=True, slots=True)
class Keys:
    """Key files below `folder`, made once for a run by the real ssh-keygen."""

    folder: Path

    @property
    def host(self) -> Path:
        """The server's own key."""
        return self.folder / "host"

    @property
    def developer(self) -> Path:
        """A key that the server lets in, without a passphrase."""
        return self.folder / "developer"

    @property
    def protected(self) -> Path:
        """A key that the server lets in; `PASSPHRASE` opens it."""
        return self.folder / "protected"

    @property
    def stranger(self) -> Path:
        """A key that the server has never heard of."""
        return self.folder / "stranger"

    def public(self, key: Path) -> str:
        """The public half of one of them: `ssh-ed25519 AAAA…`, without a comment."""
        return " ".join(key.with_suffix(".pub").read_text("utf-8").split()[:2])


def make_keys(folder: Path) -> Keys:
    """Make the four pairs in `folder`, which must exist."""
    keys = Keys(folder)
    for key in (keys.host, keys.developer, keys.protected, keys.stranger):
        passphrase = PASSPHRASE if key == keys.protected else ""
        generate = ["ssh-keygen", "-q", "-t", "ed25519", "-a", "1", "-C", key.name, "-N", passphrase, "-f", str(key)]
        subprocess.run(generate, check=True, stdin=subprocess.DEVNULL)
    return keys


class SshServer:
    """Serves the bare repositories below `folder`: `ssh://git@github.com/acme/x.git` is `folder`/acme/x.git.

    Use it as a context manager. Watch `connections` and `commands`; make it fail with the attributes below them.
    """

    def __init__(self, folder: Path, keys: Keys) -> None:
        self.folder = folder
        self.keys = keys
        self.port = 0
        self.connections = 0
        """Every connection that was opened so far; the sessions of one connection are not counted."""
        self.most_at_once = 0
        """The largest number of connections that were open at one moment."""
        self.commands: list[str] = []
        """What the clients asked to run, refused or not."""
        self.demands_key = True
        self.accepts_keys = True
        self.delay = 0.0
        """Seconds before a session is answered."""
        self.hangs = False
        """Sessions are taken and never answered."""
        self.drop_after: int | None = None
        """Cut the connection after so many bytes of an answer."""
        self.drops: int | None = None
        """How many more answers are cut so; None: all of them."""
        self.turns_away = 0
        """How many more connections are closed before a word is said, as OpenSSH does beyond its MaxStartups."""
        self.max_sessions: int | None = None
        """How many sessions one connection may have at a time; more are refused."""
        self._open: set[asyncssh.SSHServerConnection] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="ssh server", daemon=True)

    def __enter__(self) -> SshServer:
        self._thread.start()
        self._acceptor = self._run(self._listen())
        self.port = self._acceptor.get_port()
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self._run(self._shut())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def url(self, name: str, *, host: str = HOSTS[0]) -> str:
        """The URL of the repository `owner/name` on one of the HOSTS."""
        return f"ssh://git@{host}/{name}.git"

    @property
    def open_now(self) -> int:
        """How many connections are open at this moment."""
        return len(self._open)

    def stop_listening(self) -> None:
        """From now on a connection is refused, as by a host that is down."""
        self._run(self._close_acceptor())

    def _run(self, work: Coroutine[Any, Any, Any]) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(timeout=20)

    async def _listen(self) -> asyncssh.SSHAcceptor:
        return await asyncssh.listen(
            "127.0.0.1",
            0,
            server_factory=lambda: _Connection(self),
            server_host_keys=[str(self.keys.host)],
            encoding=None,
            line_editor=False,
            gss_host=None,
        )

    async def _close_acceptor(self) -> None:
        self._acceptor.close()  # waiting for it would wait for every open connection too

    async def _shut(self) -> None:
        self._acceptor.close()
        for connection in tuple(self._open):
            connection.abort()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    async def serve(self, session: asyncssh.SSHServerProcess[bytes]) -> None:
        """Answer one session."""
        command = session.command or ""
        self.commands.append(command)
        await asyncio.sleep(self.delay)
        if self.hangs:
            await asyncio.Event().wait()
        repository = self._repository(command)
        if repository is None:
            session.stderr.write(b"ERROR: Repository not found.\n")
            session.exit(1)
            return
        await self._upload_pack(session, repository)

    def _repository(self, command: str) -> Path | None:
        """The repository of an upload-pack command; None for anything else, and for a path that leads outside."""
        verb, _, quoted = command.rpartition(" ")
        if verb not in _UPLOAD_PACK:
            return None
        wanted = shlex.split(quoted)[0].lstrip("/")
        for name in (wanted, f"{wanted}.git"):
            repository = (self.folder / name).resolve()
            if repository.is_relative_to(self.folder.resolve()) and (repository / "HEAD").is_file():
                return repository
        return None

    async def _upload_pack(self, session: asyncssh.SSHServerProcess[bytes], repository: Path) -> None:
        process = await asyncio.create_subprocess_exec(
            "git-upload-pack",
            str(repository),
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            env=os.environ | {name: value for name, value in session.env.items() if name == "GIT_PROTOCOL"},
        )
        assert process.stdin is not None and process.stdout is not None and process.stderr is not None
        answers = asyncio.gather(
            self._answer(session, process.stdout),
            _copy(process.stderr, session.stderr),
        )
        questions = asyncio.ensure_future(_copy_and_close(session.stdin, process.stdin))
        try:
            await answers
            session.exit(await process.wait())
        except (OSError, asyncssh.Error, asyncio.CancelledError):
            if process.returncode is None:
                process.kill()
            await process.wait()
            raise
        finally:
            questions.cancel()
            await asyncio.gather(questions, return_exceptions=True)

    async def _answer(self, session: asyncssh.SSHServerProcess[bytes], source: asyncio.StreamReader) -> None:
        sent = 0
        while block := await source.read(_CHUNK):
            if self._cuts(sent + len(block)):
                assert self.drop_after is not None
                session.stdout.write(block[: max(0, self.drop_after - sent)])
                await asyncio.sleep(0.05)  # so that the first part is on its way before the line goes dead
                session.channel.get_connection().abort()
                raise ConnectionAbortedError("cut, as the test wanted")
            session.stdout.write(block)
            await session.stdout.drain()
            sent += len(block)

    def _cuts(self, sent: int) -> bool:
        """Whether the answer of which so many bytes are ready is to be cut now."""
        if self.drop_after is None or sent <= self.drop_after or self.drops == 0:
            return False
        self.drops = None if self.drops is None else self.drops - 1
        return True


class _Connection(asyncssh.SSHServer):
    """One client: who it is, and whether it may come in."""

    def __init__(self, server: SshServer) -> None:
        self._server = server
        self._sessions = 0

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        self._conn = conn
        self._server._open.add(conn)
        self._server.connections += 1
        self._server.most_at_once = max(self._server.most_at_once, len(self._server._open))
        if self._server.turns_away > 0:
            self._server.turns_away -= 1
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        self._server._open.discard(self._conn)

    def session_requested(self) -> object:
        if self._server.max_sessions is not None and self._sessions >= self._server.max_sessions:
            return False
        self._sessions += 1
        return self._conn.create_server_channel(None), asyncssh.SSHServerProcess(self._serve, None, 3, allow_scp=False)

    async def _serve(self, session: asyncssh.SSHServerProcess[bytes]) -> None:
        try:
            await self._server.serve(session)
        finally:
            self._sessions -= 1

    def begin_auth(self, username: str) -> bool:
        return self._server.demands_key

    def public_key_auth_supported(self) -> bool:
        return True

    def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        keys = self._server.keys
        let_in = {keys.public(keys.developer), keys.public(keys.protected)}
        offered = " ".join(key.export_public_key().decode().split()[:2])
        return self._server.accepts_keys and username == "git" and offered in let_in


@dataclass(frozen=True, slots=True)
class SshClient:
    """The developer's ~/.ssh: which key is offered, and which hosts are known."""

    sandbox: Sandbox
    server: SshServer

    def set_up(self) -> None:
        """Reach the server under all of HOSTS, with the developer's key; every host is known."""
        self.sandbox.add_ssh_host("".join(_host_block(host, self.server.port, self.sandbox) for host in HOSTS))
        self.offer(self.server.keys.developer)
        self.know(self.server.keys.host)

    def offer(self, key: Path) -> None:
        """Make `key` the developer's only key."""
        mine = self.sandbox.home / ".ssh" / "id_ed25519"
        mine.unlink(missing_ok=True)
        mine.symlink_to(key)

    def know(self, host_key: Path) -> None:
        """Take `host_key` for the key of every host; a wrong one looks like an impostor."""
        public = self.server.keys.public(host_key)
        self.sandbox.known_hosts.write_text("".join(f"{host} {public}\n" for host in HOSTS), "utf-8")

    def know_no_host(self) -> None:
        """As on the first day."""
        self.sandbox.known_hosts.unlink(missing_ok=True)


def _host_block(host: str, port: int, sandbox: Sandbox) -> str:
    return f"""\
Host {host}
    ProxyCommand none
    HostName 127.0.0.1
    Port {port}
    HostKeyAlias {host}
    IdentityFile "{sandbox.home}/.ssh/id_ed25519"
    IdentitiesOnly yes
    UserKnownHostsFile "{sandbox.known_hosts}"
    GlobalKnownHostsFile /dev/null
"""


async def _copy(source: asyncio.StreamReader, target: asyncssh.SSHWriter[bytes]) -> None:
    while block := await source.read(_CHUNK):
        target.write(block)


async def _copy_and_close(source: asyncssh.SSHReader[bytes], target: asyncio.StreamWriter) -> None:
    with suppress(OSError, asyncssh.Error):
        while block := await source.read(_CHUNK):
            target.write(block)
            await target.drain()
    target.close()
