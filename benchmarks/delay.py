"""A TCP proxy that makes the other side seem far away: `python -m benchmarks.delay TARGET_PORT ROUND_TRIP_SECONDS`.

Every byte arrives half a round trip later, in both directions, and a new connection a whole one later, as the
handshake of TCP would take. Nothing limits how much is under way. Prints the port that it listens on.
"""

from __future__ import annotations

import asyncio
import sys
from collections import deque
from collections.abc import Callable


class _Later:
    """Writes to a transport what it is given, `seconds` later, in order."""

    def __init__(self, transport: asyncio.WriteTransport, seconds: float) -> None:
        self._transport, self._seconds = transport, seconds
        self._waiting: deque[tuple[float, bytes]] = deque()
        self._loop = asyncio.get_running_loop()

    def write(self, data: bytes) -> None:
        """Take some bytes; none at all mean the end."""
        if not self._waiting:
            self._loop.call_later(self._seconds, self._deliver)
        self._waiting.append((self._loop.time() + self._seconds, data))

    def _deliver(self) -> None:
        now = self._loop.time()
        while self._waiting and self._waiting[0][0] <= now + 0.0005:
            _, data = self._waiting.popleft()
            if data:
                self._transport.write(data)
            else:
                self._transport.close()
        if self._waiting:
            self._loop.call_at(self._waiting[0][0], self._deliver)


class _Side(asyncio.Protocol):
    """One side of a connection; what it hears goes to the other one, once that is there."""

    def __init__(self, delay: float, on_made: Callable[[_Side], object] = lambda _: None) -> None:
        self._delay, self._on_made = delay, on_made
        self._early: list[bytes] = []
        self._other: _Later | None = None

    def join(self, other: _Side) -> None:
        """From now on what is heard goes to `other`."""
        self._other = _Later(other.transport, self._delay)
        for data in self._early:
            self._other.write(data)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport
        self._on_made(self)

    def data_received(self, data: bytes) -> None:
        self._hear(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._hear(b"")

    def _hear(self, data: bytes) -> None:
        if self._other is None:
            self._early.append(data)
        else:
            self._other.write(data)


async def _serve(target: int, round_trip: float) -> None:
    loop = asyncio.get_running_loop()
    tasks = set()

    async def connect(near: _Side) -> None:
        await asyncio.sleep(round_trip)
        _, far = await loop.create_connection(lambda: _Side(round_trip / 2), "127.0.0.1", target)
        near.join(far)
        far.join(near)

    def accept() -> _Side:
        return _Side(round_trip / 2, lambda near: tasks.add(loop.create_task(connect(near))))

    server = await loop.create_server(accept, "127.0.0.1", 0, backlog=256)
    sys.stdout.write(f"{server.sockets[0].getsockname()[1]}\n")
    sys.stdout.flush()
    await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(_serve(int(sys.argv[1]), float(sys.argv[2])))
