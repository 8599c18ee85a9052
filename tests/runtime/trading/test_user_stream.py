"""An account's own news over a real socket: let in, kept awake, cut, refused, and back again."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from decimal import Decimal as D
from typing import Any

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from app.domain.orders import Balance, Fill, OrderReport, OrderState
from app.domain.venues import Venue
from app.runtime.feeds.limits import BACKOFF_S, BREAKER_S, FAILURES_MAX
from app.runtime.trading.ports.live import LivePort
from app.runtime.trading.ports.userstream import UserStream
from tests.feeds.kit import FastClock, until
from tests.runtime.trading.counter import ID, Counter, Reply, opened, said, standing

Row = OrderReport | Fill | Balance
LET_IN = json.dumps({"event": "login", "code": 0, "msg": ""})
REFUSED = json.dumps({"event": "error", "code": 30005, "msg": "login failed"})
BALANCES = {
    "arg": {"instType": "SPOT", "channel": "account", "coin": "default"},
    "data": [{"coin": "USDT", "available": "20.6", "frozen": "1", "locked": "0.4"}],
}
ORDER = {
    "arg": {"instType": "SPOT", "channel": "orders", "instId": "default"},
    "data": [{
        "instId": "BTCUSDT", "orderId": "17", "clientOid": ID, "side": "buy", "status": "filled",
        "accBaseVolume": "0.001", "priceAvg": "67000", "uTime": "1700000000123",
    }],
}  # fmt: skip
USDT = Balance(Venue.BITGET, "USDT", D("20.6"), D("1.4"))


async def stay(counter: Counter, socket: ServerConnection) -> None:
    """Hear whatever comes until the other side leaves."""
    try:
        while True:
            await counter.hear(socket)
    except ConnectionClosed:
        return


def bitget(counter: Counter, after: Callable[[ServerConnection, int], Any]) -> Counter:
    """Lets everybody in; then does what it is told."""

    async def talk(socket: ServerConnection, number: int) -> None:
        await counter.hear(socket)
        await socket.send(LET_IN)
        await counter.hear(socket)
        await after(socket, number)

    counter.talk = talk
    return counter


@asynccontextmanager
async def listening(
    venue: Venue, counter: Counter, *, speed: float = 1.0, **options: Any
) -> AsyncIterator[tuple[LivePort, UserStream, list[Row], FastClock]]:
    clock, heard = FastClock(speed), list[Row]()
    async with opened(counter), standing(venue, counter, clock=clock, **options) as port:
        await port.start(heard.append)
        assert port.stream is not None
        yield port, port.stream, heard, clock


async def test_it_logs_in_waits_for_the_answer_and_then_subscribes() -> None:
    counter = Counter()
    is_let_in = asyncio.Event()

    async def talk(socket: ServerConnection, number: int) -> None:
        await counter.hear(socket)
        await asyncio.sleep(0.1)  # a subscription that does not wait would be here by now
        assert len(counter.heard) == 1
        is_let_in.set()
        await socket.send(LET_IN)
        await counter.hear(socket)
        await socket.send(json.dumps(BALANCES))
        await socket.send(json.dumps(ORDER))
        await stay(counter, socket)

    counter.talk = talk
    async with listening(Venue.BITGET, counter) as (_, stream, heard, _clock):
        await until(lambda: len(heard) == 2, lambda: heard)
        assert stream.is_connected
        assert is_let_in.is_set()
    login, subscription = (json.loads(message) for message in counter.heard)
    assert login["op"] == "login"
    assert [arg["channel"] for arg in subscription["args"]] == ["orders", "fill", "account"]
    assert heard[0] == USDT
    assert isinstance(heard[1], OrderReport)
    assert heard[1].state is OrderState.FILLED


async def test_after_a_cut_it_comes_back_and_subscribes_anew() -> None:
    async def after(socket: ServerConnection, number: int) -> None:
        await socket.send(json.dumps(BALANCES))
        if number == 1:
            await asyncio.sleep(0.05)
            socket.transport.abort()
            return
        await stay(counter, socket)

    counter = Counter()
    bitget(counter, after)
    async with listening(Venue.BITGET, counter, speed=20.0) as (_, stream, heard, clock):
        await until(lambda: len(heard) == 2, lambda: heard)
        assert stream.connects == 2
        assert clock.slept[0] >= BACKOFF_S
    logins = [message for message in counter.heard if '"login"' in message]
    assert len(logins) == 2


async def test_who_is_not_let_in_tries_ever_more_slowly_and_then_not_at_all() -> None:
    """1 s, 2 s, 4 s … and after ten refusals five minutes of nothing (SPEC §3)."""

    async def talk(socket: ServerConnection, number: int) -> None:
        await counter.hear(socket)
        await socket.send(REFUSED)
        await stay(counter, socket)

    counter = Counter(talk=talk)
    async with listening(Venue.BITGET, counter, speed=4_000.0) as (_, stream, _heard, clock):
        await until(lambda: len(counter.sockets) > FAILURES_MAX, lambda: len(counter.sockets))
        assert stream.reason == "login refused"
        waits = [slept for slept in clock.slept if slept >= BACKOFF_S]
    assert waits[:5] == [1.0, 2.0, 4.0, 8.0, 16.0]
    assert sum(clock.slept) >= BREAKER_S
    assert not any("subscribe" in message for message in counter.heard)


async def test_pings_keep_it_awake_and_a_silent_venue_is_left() -> None:
    async def after(socket: ServerConnection, number: int) -> None:
        try:
            while True:
                message = await counter.hear(socket)
                if message == "ping" and number > 1:
                    await socket.send("pong")
        except ConnectionClosed:
            return

    counter = Counter()
    bitget(counter, after)
    async with listening(Venue.BITGET, counter, speed=200.0) as (_, stream, heard, _clock):
        await until(lambda: len(counter.sockets) == 2, "a second connection")
        pings = counter.heard.count("ping")
        assert pings >= 1
        await until(lambda: counter.heard.count("ping") >= pings + 4, "pings that are answered")
        assert len(counter.sockets) == 2
        assert stream.is_connected
        assert heard == []


async def test_what_nobody_can_read_ends_nothing() -> None:
    async def after(socket: ServerConnection, number: int) -> None:
        for message in ('{"arg":{"channel":"orders"},"data":[{"odd":1}]}', "no json", "{}"):
            await socket.send(message)
        await socket.send(json.dumps(BALANCES))
        await stay(counter, socket)

    counter = Counter()
    bitget(counter, after)
    async with listening(Venue.BITGET, counter) as (_, stream, heard, _clock):
        await until(lambda: heard == [USDT], lambda: heard)
        assert stream.connects == 1


async def test_a_listener_that_fails_does_not_make_the_account_deaf() -> None:
    async def after(socket: ServerConnection, number: int) -> None:
        await socket.send(json.dumps(BALANCES))
        await socket.send(json.dumps(ORDER))
        await stay(counter, socket)

    counter, heard = Counter(), list[Row]()

    def listen(row: Row) -> None:
        heard.append(row)
        raise RuntimeError("a bug of the one who listens")

    bitget(counter, after)
    async with opened(counter), standing(Venue.BITGET, counter) as port:
        await port.start(listen)
        await until(lambda: len(heard) == 2, lambda: heard)
        assert port.stream is not None
        assert port.stream.connects == 1


# Other ways in

BULLET = "/api/v1/bullet-private"


async def test_kucoin_is_asked_where_to_connect_before_each_connection() -> None:
    """With a token that is for one of them; and nothing is said before its welcome."""

    async def talk(socket: ServerConnection, number: int) -> None:
        await socket.send('{"id":"kimp","type":"welcome"}')
        for _ in range(2):
            frame = json.loads(await counter.hear(socket))
            await socket.send(json.dumps({"id": frame["id"], "type": "ack"}))
        if number > 1:
            await stay(counter, socket)

    server = {"endpoint": "wss://elsewhere.kucoin.com/", "pingInterval": 18000}
    tokens: list[Reply] = [
        said(json.dumps({"code": "200000", "data": {"token": token, "instanceServers": [server]}}))
        for token in ("one", "two")
    ]
    counter = Counter({BULLET: tokens}, talk=talk)
    async with listening(Venue.KUCOIN, counter, speed=20.0) as (_, stream, _heard, _clock):
        await until(lambda: stream.connects == 2 and stream.is_connected, "a second connection")
    assert counter.paths() == [f"POST {BULLET}"] * 2
    assert counter.asked[0].headers["kc-api-sign"]
    paths = [handshake[":path"] for handshake in counter.handshakes]
    assert ["token=one" in paths[0], "token=two" in paths[1]] == [True, True]


async def test_where_the_entry_is_refused_nobody_connects() -> None:
    counter = Counter({BULLET: [said('{"code":"400003","msg":"KC-API-KEY not exists"}', 401)]})
    async with listening(Venue.KUCOIN, counter, speed=100.0) as (_, stream, _heard, clock):
        await until(lambda: len(clock.slept) >= 3, lambda: clock.slept)
        assert not stream.is_connected
    assert counter.handshakes == []


async def test_upbit_is_told_who_it_is_by_the_handshake() -> None:
    async def talk(socket: ServerConnection, number: int) -> None:
        await stay(counter, socket)

    counter = Counter(talk=talk)
    async with listening(Venue.UPBIT, counter) as (_, stream, _heard, _clock):
        await until(lambda: bool(counter.heard), "a subscription")
        assert stream.is_connected
    assert counter.handshakes[0]["authorization"].startswith("Bearer ")
    assert counter.handshakes[0][":path"] == "/websocket/v1/private"


async def test_nothing_is_left_when_it_stops() -> None:
    gone = asyncio.Event()

    async def after(socket: ServerConnection, number: int) -> None:
        await stay(counter, socket)
        gone.set()

    counter = Counter()
    bitget(counter, after)
    async with listening(Venue.BITGET, counter) as (port, stream, _heard, _clock):
        await until(lambda: stream.is_connected, "a connection")
        before = len(asyncio.all_tasks())
        await port.stop()
        await asyncio.wait_for(gone.wait(), 5)
        assert not stream.is_connected
        assert len(asyncio.all_tasks()) < before
