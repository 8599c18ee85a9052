"""The server around the streams: how it stops, what it refuses, what it tells about itself."""

from __future__ import annotations

import asyncio
import signal
import socket
import sys
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI, Request
from starlette.responses import PlainTextResponse

from app.runtime import serving
from app.runtime.streams.hub import Hub
from tests.streams.kit import CONNECTIONS, PATIENCE_S, Listener, served, stream_app

ROOT = Path(__file__).resolve().parents[2]


@dataclass
class Child:
    process: asyncio.subprocess.Process
    port: int

    async def listen(self, target: str = "/events") -> Listener:
        return await Listener.open(self.port, target)

    async def end(self, sent: signal.Signals) -> tuple[int, str]:
        """(exit code, what it still said) after a signal."""
        self.process.send_signal(sent)
        async with asyncio.timeout(PATIENCE_S):
            said, _ = await self.process.communicate()
            return await self.process.wait(), said.decode()


@asynccontextmanager
async def child(connection: str = "httptools") -> AsyncGenerator[Child, None]:
    words = [sys.executable, "-m", "tests.streams.child", connection]
    process = await asyncio.create_subprocess_exec(*words, cwd=ROOT, stdout=asyncio.subprocess.PIPE)
    assert process.stdout is not None
    try:
        async with asyncio.timeout(PATIENCE_S):
            yield Child(process, int(await process.stdout.readline()))
    finally:
        if process.returncode is None:
            process.kill()
            await process.wait()


@pytest.mark.parametrize("connection", ["httptools", "h11"])
@pytest.mark.parametrize("sent", [signal.SIGTERM, signal.SIGINT])
async def test_a_signal_ends_open_streams_with_bye_and_the_process_with_success(
    connection: str, sent: signal.Signals
) -> None:
    async with child(connection) as server:
        listeners = [await server.listen(f"/events?session={n // 30}") for n in range(100)]
        for listener in listeners:
            await listener.until(lambda event: event.name == "backtests")
        code, said = await server.end(sent)
        ends = [(await listener.rest())[-1].name for listener in listeners]

    assert code == 0
    assert ends == ["bye"] * 100
    assert "lifespan ended" in said


async def test_a_listener_that_does_not_read_cannot_hold_up_the_end() -> None:
    async with child() as server:
        stuck = await Listener.open(server.port, "/events?hz=0", receive_bytes=2_048)
        other = await server.listen()
        await other.event()
        code, _ = await server.end(signal.SIGTERM)
        stuck.close()

    assert code == 0


async def test_it_runs_on_uvloop_and_streams_there() -> None:
    async with child() as server:
        async with httpx.AsyncClient() as web:
            answer = await web.get(f"http://127.0.0.1:{server.port}/loop")
        listener = await server.listen("/events?hz=10")
        events = [await listener.event() for _ in range(5)]

    assert "uvloop" in answer.text
    told = [event.json["items"][0]["n"] for event in events]
    assert told == sorted(told)
    assert [event.json["full"] for event in events] == [True, False, False, False, False]


async def test_it_says_neither_what_it_is_made_of_nor_keeps_an_access_log(
    capfd: pytest.CaptureFixture[str],
) -> None:
    async with served(stream_app(Hub())) as server, httpx.AsyncClient() as web:
        answer = await web.get(f"http://127.0.0.1:{server.port}/nothing?token=secret")

    assert answer.status_code == 404
    assert "server" not in answer.headers
    assert "secret" not in capfd.readouterr().err


@pytest.mark.parametrize("name", ["httptools", "h11"])
@pytest.mark.parametrize(
    "head",
    [
        b"GET / HTTP/1.1\r\nHost: x\r\nx-long: " + b"a" * 200_000,
        b"GET / HTTP/1.1\r\nHost: x\r\n" + b"x-many: a\r\n" * 20_000,
        b"GET /" + b"a" * 200_000,
    ],
    ids=["one long header", "many headers", "a long address"],
)
async def test_a_head_without_end_is_refused(name: str, head: bytes) -> None:
    async with served(stream_app(Hub()), connection=CONNECTIONS[name]) as server:
        reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
        answer = b""
        try:
            for start in range(0, len(head), 10_000):
                writer.write(head[start : start + 10_000])
                await writer.drain()
                await asyncio.sleep(0)
            async with asyncio.timeout(PATIENCE_S):
                answer = await reader.read()
        except ConnectionError:
            pass
        writer.close()
        async with httpx.AsyncClient() as web:
            assert (await web.get(f"http://127.0.0.1:{server.port}/nothing")).status_code == 404

    assert answer == b"" or answer.startswith(b"HTTP/1.1 400 ")


async def test_a_long_body_is_not_taken_for_a_long_head() -> None:
    app = FastAPI()

    @app.post("/size")
    async def size(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    async with served(app) as server, httpx.AsyncClient() as web:
        for _ in range(3):
            body = b"x" * (4 * serving.HEAD_BYTES_MAX)
            answer = await web.post(f"http://127.0.0.1:{server.port}/size", content=body)
            assert answer.text == str(len(body))


async def test_a_head_that_never_comes_ends_the_connection(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(serving, "HEAD_S_MAX", 0.05)

    async with served(stream_app(Hub())) as server:
        for begun in (b"", b"GET /events HTTP/1.1\r\nHost:"):
            reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(begun)
            async with asyncio.timeout(PATIENCE_S):
                assert await reader.read() == b""
            writer.close()
        listener = await server.listen()
        await listener.event()
        await asyncio.sleep(0.2)
        assert not listener.reader.at_eof(), "a head that came whole has no deadline"


@pytest.mark.parametrize(("trusted", "told"), [((), "http"), (("127.0.0.1",), "https")])
async def test_only_a_trusted_proxy_may_say_that_the_outside_is_https(
    trusted: tuple[str, ...], told: str
) -> None:
    app = FastAPI()

    @app.get("/scheme")
    async def scheme(request: Request) -> PlainTextResponse:
        return PlainTextResponse(request.url.scheme)

    async with served(app, trusted_proxies=trusted) as server, httpx.AsyncClient() as web:
        headers = {"X-Forwarded-Proto": "https"}
        answer = await web.get(f"http://127.0.0.1:{server.port}/scheme", headers=headers)

    assert answer.text == told


def test_an_address_that_is_taken_is_one_clear_line() -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        with pytest.raises(serving.CannotListen) as refused:
            serving.listen("127.0.0.1", port)

    assert "\n" not in str(refused.value)
    assert str(port) in str(refused.value)
    assert "KIMP_PORT" in str(refused.value)
