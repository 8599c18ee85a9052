"""One connection: subscribes, is heard, is guarded, comes back. Sockets are real, time is fast."""

from __future__ import annotations

import asyncio
from contextlib import suppress

from websockets.asyncio.server import ServerConnection
from websockets.exceptions import ConnectionClosed

from app.domain.events import ConnectionLost, ConnectionOpened, FrameReceived, FramesDropped
from app.domain.facts import Reconnect, Resubscribe, Watch
from app.domain.venues import Venue
from app.exchanges.binance import Binance
from tests.feeds.kit import FastClock, Stage, Taken, coin, feeding, json_reply, staged, until

UPBIT = Venue.UPBIT
BTC = coin(UPBIT)


def book(code: str = "KRW-BTC", number: int = 1) -> bytes:
    return b'{"ty":"orderbook","cd":"%s","tms":%d,"obu":[]}' % (code.encode(), number)


async def quiet(socket: ServerConnection, _: int) -> None:
    async for _message in socket:
        pass


def talker(stage: list[Stage], say: list[bytes]):
    async def talk(socket: ServerConnection, _: int) -> None:
        async for message in socket:
            stage[0].heard.append(message.encode() if isinstance(message, str) else message)
            if message == "PING":
                await socket.send('{"status":"UP"}')
            else:
                for frame in say:
                    await socket.send(frame)

    return talk


def upbit(say: list[bytes]) -> Stage:
    made: list[Stage] = []
    stage = Stage(talker(made, say))
    made.append(stage)
    return stage


async def test_it_subscribes_and_every_frame_goes_in_with_its_number() -> None:
    taken = Taken()
    async with (
        staged(upbit([book(number=1), book(number=2)])) as stage,
        feeding({UPBIT: stage}, taken) as feeds,
    ):
        feeds.do(Watch(UPBIT, (BTC,)))
        opened = await taken.until(ConnectionOpened)
        await taken.until(FrameReceived, 2)

        assert (opened.venue, opened.channel, opened.instruments) == (UPBIT, "orderbook", (BTC,))
        frames = taken.of(FrameReceived)
        assert [frame.frame for frame in frames] == [book(number=1), book(number=2)]
        assert {frame.connection for frame in frames} == {opened.connection}
        assert opened.at_ns <= frames[0].at_ns <= frames[1].at_ns
        assert b'"codes":["KRW-BTC"]' in stage.heard[0], "all 30 levels"
        assert "Origin" not in stage.handshakes[0], "Upbit slows those who send one"
        assert stage.handshakes[0][":path"] == "/websocket/v1"
        counts = feeds.counts(UPBIT)
        assert (counts.connections, counts.connected, counts.messages) == (1, 1, 2)


async def test_a_lost_socket_is_told_before_another_one_opens() -> None:
    taken, clock = Taken(), FastClock(50)
    async with (
        staged(upbit([book()])) as stage,
        feeding({UPBIT: stage}, taken, clock=clock) as feeds,
    ):
        feeds.do(Watch(UPBIT, (BTC,)))
        await taken.until(FrameReceived)
        await stage.sockets[0].close(1001)

        await taken.until(ConnectionOpened, 2)
        first, second = taken.of(ConnectionOpened)
        (lost,) = taken.of(ConnectionLost)
        assert (lost.connection, lost.reason) == (first.connection, "closed 1001")
        assert first.at_ns <= lost.at_ns < second.at_ns
        assert second.connection != first.connection
        assert feeds.counts(UPBIT).reconnects == 1


async def test_a_reset_is_a_loss_too() -> None:
    taken, clock = Taken(), FastClock(50)
    async with (
        staged(upbit([book()])) as stage,
        feeding({UPBIT: stage}, taken, clock=clock) as feeds,
    ):
        feeds.do(Watch(UPBIT, (BTC,)))
        await taken.until(FrameReceived)
        stage.sockets[0].transport.abort()
        await taken.until(ConnectionOpened, 2)


async def test_back_off_doubles_up_to_five_minutes_and_the_breaker_opens_after_ten() -> None:
    taken, clock = Taken(), FastClock(500)
    async with (
        staged(upbit([book()])) as stage,
        feeding({UPBIT: stage}, taken, clock=clock) as feeds,
    ):
        stage.refusals += [(503, "")] * 12
        feeds.do(Watch(UPBIT, (BTC,)))
        await until(lambda: feeds.counts(UPBIT).breaker == "open")

        counts = feeds.counts(UPBIT)
        assert len(stage.handshakes) == 10
        assert counts.reason == "http 503"
        assert counts.breaker_until_ns is not None
        assert counts.breaker_until_ns - clock.at_ns() <= 300e9
        delays = [delay for delay in clock.slept if delay in {2.0**n for n in range(9)} | {300.0}]
        assert delays[:8] == [1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 64.0, 128.0]

        await until(lambda: len(stage.handshakes) == 11)
        assert feeds.counts(UPBIT).breaker in {"half_open", "open"}
        await taken.until(FrameReceived)
        await until(lambda: feeds.counts(UPBIT).breaker == "closed")
        assert feeds.counts(UPBIT).reason is None
        assert len(stage.handshakes) == 13, "half open, each trial is one attempt"


async def test_whoever_asks_to_wait_is_waited_for() -> None:
    taken, clock = Taken(), FastClock(200)
    async with (
        staged(upbit([book()])) as stage,
        feeding({UPBIT: stage}, taken, clock=clock) as feeds,
    ):
        stage.refusals.append((429, "42"))
        feeds.do(Watch(UPBIT, (BTC,)))
        await taken.until(ConnectionOpened)
        assert 42.0 in clock.slept


async def test_two_silent_minutes_end_a_connection_though_pings_are_answered() -> None:
    taken, clock = Taken(), FastClock(400)
    async with (
        staged(upbit([book()])) as stage,
        feeding({UPBIT: stage}, taken, clock=clock) as feeds,
    ):
        feeds.do(Watch(UPBIT, (BTC,)))
        lost = await taken.until(ConnectionLost)
        assert lost.reason == "silent"
        assert b"PING" in stage.heard
        assert any(b'"UP"' in frame.frame for frame in taken.of(FrameReceived))
        opened = taken.of(ConnectionOpened)[0]
        assert 120e9 <= lost.at_ns - opened.at_ns < 135e9


async def test_no_pong_in_thirty_seconds_ends_a_connection() -> None:
    taken, clock = Taken(), FastClock(200)

    async def deaf(socket: ServerConnection, _: int) -> None:
        await socket.recv()
        await socket.send(book())
        async for _message in socket:
            pass

    async with (
        staged(Stage(deaf)) as stage,
        feeding({UPBIT: stage}, taken, clock=clock) as feeds,
    ):
        feeds.do(Watch(UPBIT, (BTC,)))
        lost = await taken.until(ConnectionLost)
        assert lost.reason == "no pong"
        opened = taken.of(ConnectionOpened)[0]
        assert 90e9 <= lost.at_ns - opened.at_ns < 105e9, "60 s to the first ping, 30 s more"


async def test_the_engine_may_ask_for_a_new_start() -> None:
    taken, clock = Taken(), FastClock(50)
    async with (
        staged(upbit([book()])) as stage,
        feeding({UPBIT: stage}, taken, clock=clock) as feeds,
    ):
        feeds.do(Watch(UPBIT, (BTC,)))
        opened = await taken.until(ConnectionOpened)
        await taken.until(FrameReceived)
        feeds.do(Reconnect(opened.connection, "a number is missing"))
        lost = await taken.until(ConnectionLost)
        assert lost.reason == "a number is missing"
        await taken.until(ConnectionOpened, 2)
        feeds.do(Reconnect(opened.connection, "too late"))
        await asyncio.sleep(0.1)
        assert len(taken.of(ConnectionLost)) == 1, "that connection is gone already"


async def test_a_venue_that_is_closing_is_left_without_a_gap() -> None:
    taken, clock = Taken(), FastClock(20)
    async with (
        staged(upbit([book()])) as stage,
        feeding({UPBIT: stage}, taken, clock=clock) as feeds,
    ):
        feeds.do(Watch(UPBIT, (BTC,)))
        opened = await taken.until(ConnectionOpened)
        await taken.until(FrameReceived)
        feeds.do(Reconnect(opened.connection, "closing: maintenance"))
        await taken.until(FrameReceived, 2)

        kinds = [type(event).__name__ for event in taken.events if "Read" not in str(type(event))]
        assert kinds[-3:] == ["ConnectionLost", "ConnectionOpened", "FrameReceived"]
        lost, second = taken.of(ConnectionLost)[0], taken.of(ConnectionOpened)[1]
        assert lost.reason == "replaced: closing: maintenance"
        assert second.at_ns == lost.at_ns, "the next one was connected before"
        frame = taken.of(FrameReceived)[1]
        assert frame.connection == second.connection
        assert frame.at_ns >= second.at_ns, "heard in secret, with the time of its receipt"
        assert feeds.counts(UPBIT).reconnects == 0


async def test_an_old_connection_is_replaced_before_the_venue_cuts_it() -> None:
    class ShortLived(Binance):
        limits = Binance.limits._replace(life_s=600)

    binance, taken, clock = Venue.BINANCE, Taken(), FastClock(400)

    async def talk(socket: ServerConnection, _: int) -> None:
        await socket.recv()
        with suppress(ConnectionClosed):
            while True:
                await socket.send('{"stream":"btcusdt@depth20@100ms","data":{}}')
                await asyncio.sleep(0.005)

    async with (
        staged(Stage(talk)) as stage,
        feeding({binance: stage}, taken, clock=clock, exchanges={binance: ShortLived()}) as feeds,
    ):
        feeds.do(Watch(binance, (coin(binance),)))
        lost = await taken.until(ConnectionLost)
        assert lost.reason == "replaced: old"
        lived_s = (lost.at_ns - taken.of(ConnectionOpened)[0].at_ns) / 1e9
        assert 300 <= lived_s < 600, "five minutes before its life is over"


async def test_other_instruments_take_over_without_touching_other_shards() -> None:
    taken, clock = Taken(), FastClock(20)
    names = [coin(UPBIT, f"C{number:03d}") for number in range(150)]
    async with (
        staged(upbit([book()])) as stage,
        feeding({UPBIT: stage}, taken, clock=clock) as feeds,
    ):
        feeds.do(Watch(UPBIT, tuple(names)))
        await taken.until(ConnectionOpened, 2)
        first, second = taken.of(ConnectionOpened)
        assert first.instruments + second.instruments == tuple(names)
        feeds.do(Watch(UPBIT, tuple(names)))
        feeds.do(Watch(UPBIT, (*names, BTC)))
        third = await taken.until(ConnectionOpened, 3)
        assert third.instruments == (*second.instruments, BTC)
        (lost,) = taken.of(ConnectionLost)
        assert lost.connection == second.connection

        feeds.do(Watch(UPBIT, tuple(names[:100])))
        await taken.until(ConnectionLost, 2)
        assert taken.of(ConnectionLost)[1].connection == third.connection
        assert feeds.counts(UPBIT).connections == 1


async def test_a_book_is_subscribed_anew_on_the_same_socket_once_in_a_while() -> None:
    okx, taken, clock = Venue.OKX, Taken(), FastClock(20)
    stage = upbit([])
    async with staged(stage), feeding({okx: stage}, taken, clock=clock) as feeds:
        feeds.do(Watch(okx, (coin(okx),)))
        opened = await taken.until(ConnectionOpened)
        await until(lambda: len(stage.heard) == 1)
        began_ns = clock.at_ns()
        feeds.do(Resubscribe(opened.connection, coin(okx)))
        await until(lambda: len(stage.heard) == 3)
        for _ in range(3):
            feeds.do(Resubscribe(opened.connection, coin(okx)))
        feeds.do(Resubscribe(opened.connection, coin(okx, "ETH")))
        await until(lambda: len(stage.heard) == 5)
        assert clock.at_ns() - began_ns >= 5e9, "later, and not left out"
        await asyncio.sleep(0.05)
        assert [b"unsubscribe" in frame for frame in stage.heard] == [0, 1, 0, 1, 0]


async def test_messages_in_several_frames_are_whole_messages() -> None:
    taken = Taken()

    async def talk(socket: ServerConnection, _: int) -> None:
        await socket.recv()
        await socket.send([b'{"ty":"order', b'book","cd"', b':"KRW-BTC"}'])
        await socket.wait_closed()

    stage = Stage(talk)
    async with staged(stage), feeding({UPBIT: stage}, taken) as feeds:
        feeds.do(Watch(UPBIT, (BTC,)))
        frame = await taken.until(FrameReceived)
        assert frame.frame == b'{"ty":"orderbook","cd":"KRW-BTC"}'


async def test_a_venue_that_gives_out_its_address_is_asked_and_greeted_first() -> None:
    kucoin, taken = Venue.KUCOIN, Taken()
    order: list[str] = []

    async def talk(socket: ServerConnection, _: int) -> None:
        await asyncio.sleep(0.1)
        order.append("welcome")
        await socket.send('{"id":"x","type":"welcome"}')
        async for _message in socket:
            order.append("subscribe")

    def bullet(method: str, target: str):
        order.append(f"{method} {target}")
        return json_reply(
            b'{"code":"200000","data":{"token":"a/b=","instanceServers":[{"endpoint":'
            b'"wss://ws-api-spot.kucoin.com/","encrypt":true,"protocol":"websocket",'
            b'"pingInterval":18000,"pingTimeout":10000}]}}'
        )

    stage = Stage(talk, {"/api/v1/bullet-public": bullet})
    async with staged(stage), feeding({kucoin: stage}, taken) as feeds:
        feeds.do(Watch(kucoin, (coin(kucoin),)))
        await until(lambda: order.count("subscribe") == 2)
        assert order[:3] == ["POST /api/v1/bullet-public", "welcome", "subscribe"]
        assert stage.handshakes[0][":path"].startswith("/?token=a%2Fb%3D&connectId=")
        assert b"welcome" in taken.of(FrameReceived)[0].frame


async def test_one_venue_in_trouble_touches_no_other() -> None:
    bithumb, taken, clock = Venue.BITHUMB, Taken(), FastClock(100)
    async with (
        staged(upbit([book()])) as bad,
        staged(upbit([b'{"type":"orderbook","code":"KRW-BTC"}'])) as good,
        feeding({UPBIT: bad, bithumb: good}, taken, clock=clock) as feeds,
    ):
        bad.refusals += [(503, "")] * 100
        feeds.do(Watch(UPBIT, (BTC,)))
        feeds.do(Watch(bithumb, (coin(bithumb),)))
        await until(lambda: feeds.counts(UPBIT).breaker == "open")
        assert {event.venue for event in taken.of(ConnectionOpened)} == {bithumb}
        assert feeds.counts(bithumb).breaker == "closed"
        assert feeds.counts(bithumb).connected == 1


async def test_nothing_is_left_after_stop() -> None:
    import os

    taken = Taken()
    async with staged(upbit([book()])) as stage:
        before_tasks, before_files = len(asyncio.all_tasks()), len(os.listdir("/proc/self/fd"))
        for _ in range(3):
            async with feeding({UPBIT: stage}, taken) as feeds:
                feeds.do(Watch(UPBIT, tuple(coin(UPBIT, f"C{n}") for n in range(250))))
                await until(lambda: feeds.counts(UPBIT).connected == 3)
            assert len(taken.of(ConnectionLost)) == len(taken.of(ConnectionOpened))
            assert all(lost.reason == "stopped" for lost in taken.of(ConnectionLost))
        await until(lambda: len(asyncio.all_tasks()) <= before_tasks, "tasks")
        await until(lambda: len(os.listdir("/proc/self/fd")) <= before_files, "files")


async def test_a_full_inbox_starts_the_connection_anew() -> None:
    taken, clock = Taken(), FastClock(20)
    frames = 25_000

    async def flood(socket: ServerConnection, number: int) -> None:
        await socket.recv()
        if number == 1:
            for count in range(frames):
                await socket.send(b'{"ty":"trade","cd":"KRW-BTC","sid":%d}' % count)
        else:
            await socket.send(book())
        await socket.wait_closed()

    def slow(event: object) -> None:
        if isinstance(event, FrameReceived) and not taken.of(FramesDropped):
            end = clock.at_ns() + 20 * 2_000_000  # ours: 2 ms each, a whole slice
            while clock.at_ns() < end:
                pass

    taken.react = slow
    async with staged(Stage(flood)) as stage, feeding({UPBIT: stage}, taken, clock=clock) as feeds:
        feeds.do(Watch(UPBIT, (BTC,)))
        dropped = await taken.until(FramesDropped)
        assert dropped.count == 20_001
        lost = await taken.until(ConnectionLost)
        assert (lost.connection, lost.reason) == (dropped.connection, "inbox full")
        await taken.until(ConnectionOpened, 2)
        assert feeds.counts(UPBIT).dropped == dropped.count
