"""Proxy: a TCP line that can be slow, cut, reset, sliced or half open, between any two programs."""

from __future__ import annotations

import asyncio
import random
import socket
import struct
import threading
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any, TypeVar

T = TypeVar("T")
CHUNK = 65_536
ANSWER_S_MAX = 60.0


@dataclass(frozen=True)
class Toxic:
    """What is wrong with a line. Both ways, for what is under way as well.

    delay_s, jitter_s: of every piece. slices: bytes of a piece at most. half_open: nothing is
    carried and nobody is told. down: who is connected is cut off, and who comes as well.
    """

    delay_s: float = 0.0
    jitter_s: float = 0.0
    slices: int = CHUNK
    half_open: bool = False
    down: bool = False


SOUND = Toxic()


class Line:
    """To one port of loopback; `port` is its own."""

    def __init__(self, target: int) -> None:
        self.target = target
        self.port = 0
        self.toxic = SOUND
        self._server: asyncio.Server | None = None
        self._ends: set[asyncio.StreamWriter] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._chance = random.Random(target)

    async def open(self) -> None:
        self._server = await asyncio.start_server(self._came, "127.0.0.1", self.port)
        self.port = int(self._server.sockets[0].getsockname()[1])

    async def close(self) -> None:
        if self._server is not None:
            self._server.close()
        self.reset()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def reset(self) -> None:
        """Everybody is cut off with a RST, whatever was on its way."""
        for end in list(self._ends):
            here = end.get_extra_info("socket")
            with suppress(OSError):
                here.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            end.transport.abort()

    async def _came(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._ends.add(writer)
        there: asyncio.StreamWriter | None = None
        try:
            if self.toxic.down:
                return
            back, there = await asyncio.open_connection("127.0.0.1", self.target)
            self._ends.add(there)
            both = [
                asyncio.create_task(self._carry(reader, there)),
                asyncio.create_task(self._carry(back, writer)),
            ]
            self._tasks.update(both)
            await asyncio.wait(both, return_when=asyncio.FIRST_COMPLETED)
            for task in both:
                task.cancel()
                self._tasks.discard(task)
        except OSError:
            return
        finally:
            for end in (writer, there):
                if end is not None:
                    self._ends.discard(end)
                    end.close()

    async def _carry(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            try:
                piece = await reader.read(min(CHUNK, self.toxic.slices))
                if not piece:
                    return
                toxic = self.toxic
                if toxic.delay_s or toxic.jitter_s:
                    await asyncio.sleep(toxic.delay_s + self._chance.random() * toxic.jitter_s)
                while self.toxic.half_open:
                    await asyncio.sleep(0.05)
                writer.write(piece)
                await writer.drain()
            except OSError:
                return


class Proxies:
    """Lines that live in a thread of their own, so that a story may wait for something else."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._lines: list[Line] = []

    def line(self, target: int) -> Line:
        line = Line(target)
        self._run(line.open())
        self._lines.append(line)
        return line

    def sicken(self, line: Line, toxic: Toxic) -> None:
        def change() -> None:
            line.toxic = toxic
            if toxic.down:
                line.reset()

        self._loop.call_soon_threadsafe(change)

    def reset(self, line: Line) -> None:
        self._loop.call_soon_threadsafe(line.reset)

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(ANSWER_S_MAX)

    def start(self) -> None:
        self._thread.start()

    def stop(self) -> None:
        for line in self._lines:
            self._run(line.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(ANSWER_S_MAX)
        self._loop.close()


@contextmanager
def proxying() -> Iterator[Proxies]:
    proxies = Proxies()
    proxies.start()
    try:
        yield proxies
    finally:
        proxies.stop()
