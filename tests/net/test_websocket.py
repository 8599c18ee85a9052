"""The WebSocket client: whole messages in order, one end with a reason, nothing left behind."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from http import HTTPStatus

import pytest
from websockets.asyncio.server import ServerConnection, serve

from app.net import websocket as clients
from app.net.egress import Egress
from app.net.websocket import Unconnected, WebSocket
from tests.feeds.kit import until

Talk = Callable[[ServerConnection], Awaitable[None]]


@asynccontextmanager
async def serving(talk: Talk, **options: object) -> AsyncIterator[tuple[str, Egress]]:
    async with serve(
        talk,
        "127.0.0.1",
        0,
        ping_interval=None,
        max_size=None,
        **options,  # type: ignore[arg-type]
    ) as server:
        url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        egress = Egress()
        egress.allow(url)
        yield url, egress


async def test_text_and_binary_come_as_bytes_in_order_and_ours_go_as_text() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.send("one")
        await socket.send(b"two")
        await socket.send(["th", "r", "ee"])
        await socket.send("")
        heard.append(await socket.recv())

    heard: list[object] = []
    messages: list[bytes] = []
    async with serving(talk) as (url, egress):
        socket = await WebSocket.connect(url, egress, messages.append)
        socket.send(b'{"op":"subscribe"}')
        await until(lambda: len(messages) == 4 and bool(heard))
        assert messages == [b"one", b"two", b"three", b""]
        assert heard == ['{"op":"subscribe"}']
        await socket.close()


async def test_pings_are_answered_and_pongs_counted() -> None:
    done = asyncio.Event()

    async def talk(socket: ServerConnection) -> None:
        await (await socket.ping(b"payload"))
        done.set()
        await socket.wait_closed()

    async with serving(talk) as (url, egress):
        socket = await WebSocket.connect(url, egress, lambda _: None)
        await asyncio.wait_for(done.wait(), 5)
        socket.ping()
        await until(lambda: socket.pongs == 1)
        await socket.close()


async def test_the_other_side_s_reason_is_kept() -> None:
    async def talk(socket: ServerConnection) -> None:
        await socket.close(1008, "policy")

    async with serving(talk) as (url, egress):
        socket = await WebSocket.connect(url, egress, lambda _: None)
        await asyncio.wait_for(socket.ended.wait(), 5)
        assert socket.reason == "closed 1008"
        assert not socket.is_open
        socket.send(b"into the void")
        socket.ping()
        await socket.close()


async def test_a_socket_that_is_torn_away_ends_too() -> None:
    async def talk(socket: ServerConnection) -> None:
        socket.transport.abort()
        await asyncio.sleep(0)

    async with serving(talk) as (url, egress):
        socket = await WebSocket.connect(url, egress, lambda _: None)
        await asyncio.wait_for(socket.ended.wait(), 5)
        assert socket.reason


@pytest.mark.parametrize("parts", [1, 4])
async def test_a_message_that_is_too_large_ends_it(
    monkeypatch: pytest.MonkeyPatch, parts: int
) -> None:
    monkeypatch.setattr(clients, "MESSAGE_BYTES_MAX", 10_000)
    messages: list[bytes] = []

    async def talk(socket: ServerConnection) -> None:
        await socket.send([b"x" * (12_000 // parts)] * parts)
        await socket.wait_closed()

    async with serving(talk) as (url, egress):
        socket = await WebSocket.connect(url, egress, messages.append)
        await asyncio.wait_for(socket.ended.wait(), 5)
        assert messages == []


async def test_a_large_book_is_one_message() -> None:
    book = b"x" * (9 * 1024 * 1024)
    messages: list[bytes] = []

    async def talk(socket: ServerConnection) -> None:
        await socket.send(book)
        await socket.wait_closed()

    async with serving(talk) as (url, egress):
        socket = await WebSocket.connect(url, egress, messages.append)
        await until(lambda: messages == [book])
        await socket.close()


async def test_a_refused_handshake_says_how_long_to_wait() -> None:
    def refuse(socket: ServerConnection, request: object) -> object:
        response = socket.respond(HTTPStatus.TOO_MANY_REQUESTS, "slow down\n")
        response.headers["Retry-After"] = "9"
        return response

    async def talk(socket: ServerConnection) -> None: ...

    async with serving(talk, process_request=refuse) as (url, egress):
        with pytest.raises(Unconnected) as refused:
            await WebSocket.connect(url, egress, lambda _: None)
        assert (refused.value.reason, refused.value.retry_after_s) == ("http 429", 9.0)


async def test_a_redirect_is_not_followed() -> None:
    def elsewhere(socket: ServerConnection, request: object) -> object:
        response = socket.respond(HTTPStatus.FOUND, "")
        response.headers["Location"] = "ws://127.0.0.1:1/"
        return response

    async def talk(socket: ServerConnection) -> None: ...

    async with serving(talk, process_request=elsewhere) as (url, egress):
        with pytest.raises(Unconnected, match="http 302"):
            await WebSocket.connect(url, egress, lambda _: None)


async def test_nobody_there_nobody_speaking_nobody_allowed(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    egress = Egress()
    with pytest.raises(Unconnected, match="may speak to"):
        await WebSocket.connect("ws://127.0.0.1:1", egress, lambda _: None)
    egress.allow("ws://127.0.0.1:1")
    with pytest.raises(Unconnected, match="unreachable"):
        await WebSocket.connect("ws://127.0.0.1:1", egress, lambda _: None)

    async def mute(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    monkeypatch.setattr(clients, "CONNECT_S_MAX", 0.2)
    server = await asyncio.start_server(mute, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    egress.allow(url)
    with pytest.raises(Unconnected):
        await WebSocket.connect(url, egress, lambda _: None)
    server.close()


async def test_after_close_nothing_is_heard_and_nothing_is_left() -> None:
    messages: list[bytes] = []

    async def talk(socket: ServerConnection) -> None:
        while True:
            await socket.send("tick")
            await asyncio.sleep(0)

    async with serving(talk, close_timeout=0.2) as (url, egress):
        before = len(asyncio.all_tasks())
        socket = await WebSocket.connect(url, egress, messages.append)
        await until(lambda: bool(messages))
        await socket.close()
        count = len(messages)
        await asyncio.sleep(0.05)
        assert len(messages) == count
        assert socket.reason == "closed by us"
        await until(lambda: len(asyncio.all_tasks()) <= before + 1, "its task has ended")


async def test_whoever_does_not_answer_a_close_is_left_anyway() -> None:
    async def rude(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        head = await reader.readuntil(b"\r\n\r\n")
        from websockets.utils import accept_key

        key = next(
            line.split(b": ")[1] for line in head.split(b"\r\n") if b"websocket-key" in line.lower()
        )
        accept = accept_key(key.decode())
        writer.write(
            b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
            b"Sec-WebSocket-Accept: " + accept.encode() + b"\r\n\r\n"
        )
        await asyncio.sleep(30)

    server = await asyncio.start_server(rude, "127.0.0.1", 0)
    url = f"ws://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    egress = Egress()
    egress.allow(url)
    socket = await WebSocket.connect(url, egress, lambda _: None)
    await asyncio.wait_for(socket.close(), 5)
    assert socket.ended.is_set()
    server.close()


async def test_a_handshake_carries_what_logs_in() -> None:
    async def talk(socket: ServerConnection) -> None:
        assert socket.request is not None
        heard.append(socket.request.headers.get("authorization"))
        await socket.wait_closed()

    heard: list[str | None] = []
    async with serving(talk) as (url, egress):
        headers = {"authorization": "Bearer token"}
        socket = await WebSocket.connect(url, egress, lambda _: None, headers)
        await until(lambda: heard == ["Bearer token"])
        await socket.close()
