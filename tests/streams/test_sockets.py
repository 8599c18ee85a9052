"""Streams over real sockets, three ways: handed over by httptools, by h11, and through ASGI."""

from __future__ import annotations

import asyncio

import pytest
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from app.runtime.streams.hub import Hub
from tests.streams.kit import CONNECTIONS, PATIENCE_S, served, small_limits, stream_app, until

BLOB = "x" * 50_000


@pytest.fixture(params=CONNECTIONS)
def connection(request: pytest.FixtureRequest) -> type[asyncio.Protocol]:
    return CONNECTIONS[request.param]


async def test_a_listener_gets_the_state_then_every_change(
    connection: type[asyncio.Protocol],
) -> None:
    hub = Hub()
    hub.publish("backtests", {"b-1": {"n": 0}})

    async with served(stream_app(hub), connection=connection) as server:
        listener = await server.listen("/events?hz=0")
        assert listener.status == 200
        assert listener.headers["content-type"].startswith("text/event-stream")
        assert listener.headers["cache-control"] == "no-store"
        first = await listener.event()
        assert (first.name, first.json["full"]) == ("backtests", True)

        for number in range(1, 51):
            hub.publish("backtests", {"b-1": {"n": number}})
        told = [await listener.event() for _ in range(50)]

    assert [event.json["items"] for event in told] == [[{"n": n}] for n in range(1, 51)]
    assert [event.id for event in told] == sorted(event.id or 0 for event in told)


async def test_many_listeners_get_the_same_in_the_same_order(
    connection: type[asyncio.Protocol],
) -> None:
    hub = Hub()

    async with served(stream_app(hub), connection=connection) as server:
        listeners = [await server.listen(f"/events?hz=0&session={n}") for n in range(40)]
        for listener in listeners:
            await listener.event()
        for number in range(20):
            hub.publish("backtests", {"b-1": {"n": number}})
        heard = [[await listener.event() for _ in range(20)] for listener in listeners]

    assert all(events == heard[0] for events in heard)
    assert [event.json["items"][0]["n"] for event in heard[0]] == list(range(20))


async def test_who_reconnects_starts_with_the_full_state(
    connection: type[asyncio.Protocol],
) -> None:
    hub = Hub()

    async with served(stream_app(hub), connection=connection) as server:
        listener = await server.listen("/events")
        await listener.event()
        hub.publish("backtests", {"b-1": {"n": 1}})
        last = await listener.event()
        listener.close()
        await until(lambda: hub.open == 0)
        hub.publish("backtests", {"b-1": {"n": 2}})

        again = await server.listen("/events", headers={"Last-Event-ID": str(last.id)})
        event = await again.event()

    assert event.json["full"] is True
    assert event.json["items"] == [{"n": 2}]
    assert (event.id or 0) > (last.id or 0)


async def test_a_page_s_html_arrives_whole(connection: type[asyncio.Protocol]) -> None:
    hub = Hub()
    hub.fragment("backtests", "runs", lambda view: f"<p>\n{view.lang} 김프\n\n</p>".encode())

    async with served(stream_app(hub), connection=connection) as server:
        event = await (await server.listen("/page")).event()

    assert event.data == (
        '<hx-partial hx-target="#runs" hx-swap="innerMorph"><p>\nko 김프\n\n</p></hx-partial>'
    )


async def test_the_slots_of_clients_that_leave_are_free_again(
    connection: type[asyncio.Protocol],
) -> None:
    hub = Hub()

    async with served(stream_app(hub), connection=connection) as server:
        for goodbye in ("close", "reset"):
            listeners = [await server.listen(f"/events?session={n}") for n in range(30)]
            assert hub.open == 30
            for listener in listeners:
                getattr(listener, goodbye)()
            await until(lambda: hub.open == 0)


async def test_clients_that_leave_before_the_first_byte_leak_no_slot(
    connection: type[asyncio.Protocol],
) -> None:
    hub = Hub()

    async with served(stream_app(hub), connection=connection) as server:
        for number in range(200):
            _, writer = await asyncio.open_connection("127.0.0.1", server.port)
            writer.write(f"GET /events?session={number} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            if number % 2:
                await asyncio.sleep(0)
            writer.transport.abort()
        listener = await server.listen("/events?session=last")
        await listener.event()
        await until(lambda: hub.open == 1)


async def test_one_stream_too_many_is_429_and_the_others_go_on(
    connection: type[asyncio.Protocol],
) -> None:
    hub = Hub(small_limits(per_session_max=2))

    async with served(stream_app(hub), connection=connection) as server:
        first, second = await server.listen(), await server.listen()
        refused = await server.listen()
        other = await server.listen("/events?session=other")
        assert [each.status for each in (first, second, refused, other)] == [200, 200, 429, 200]
        assert int(refused.headers["retry-after"]) > 0

        first.close()
        await until(lambda: hub.open == 2)
        assert (await server.listen()).status == 200


async def test_a_slow_reader_is_skipped_then_brought_up_and_holds_nobody_back(
    connection: type[asyncio.Protocol],
) -> None:
    hub = Hub(small_limits(backlog_bytes_max=20_000))

    async with served(stream_app(hub), connection=connection) as server:
        slow = await server.listen("/events?hz=0&session=slow", receive_bytes=4_096)
        quick = await server.listen("/events?hz=0&session=quick")
        await quick.event()
        number = 0
        while not hub.counts.skipped:
            number += 1
            hub.publish("backtests", {"b-1": {"n": number, "blob": BLOB}})
            newest = await quick.until(lambda event: not event.json["full"])
            assert newest.json["items"][0]["n"] == number
        assert hub.counts.dropped == 0

        # Nothing was sent to it since; now that it reads, it gets one whole state with the newest.
        while True:
            event = await slow.event()
            if event.json["full"] and event.json["items"]:
                break
        assert event.json["items"][0]["n"] == number
        hub.publish("backtests", {"b-1": {"n": -1, "blob": ""}})
        changed = await slow.event()

    assert (changed.json["full"], changed.json["items"][0]["n"]) == (False, -1)


async def test_a_reader_that_never_reads_is_cut_off_and_its_slot_is_free(
    connection: type[asyncio.Protocol],
) -> None:
    hub = Hub(small_limits(backlog_bytes_max=20_000, behind_s_max=0.05))

    async with served(stream_app(hub), connection=connection) as server:
        stuck = await server.listen("/events?hz=0&session=stuck", receive_bytes=4_096)
        number = 0
        async with asyncio.timeout(PATIENCE_S):
            while not hub.counts.dropped:
                number += 1
                hub.publish("backtests", {"b-1": {"n": number, "blob": BLOB}})
                await asyncio.sleep(0.001)
        await until(lambda: hub.open == 0)
        stuck.close()


async def test_who_is_expelled_loses_the_connection(connection: type[asyncio.Protocol]) -> None:
    hub = Hub()

    async with served(stream_app(hub), connection=connection) as server:
        ada, bob = await server.listen("/events?session=ada"), await server.listen("/events")
        await ada.event()
        await bob.event()
        hub.expel("ada")
        assert [event.name for event in await ada.rest()] == ["bye"]
        hub.publish("backtests", {"b-1": {"n": 1}})
        assert (await bob.event()).json["items"] == [{"n": 1}]
        await until(lambda: hub.open == 1)


async def test_at_shutdown_every_stream_says_bye_and_ends_as_http_should(
    connection: type[asyncio.Protocol],
) -> None:
    hub = Hub()

    async with served(stream_app(hub), connection=connection, stopping=hub.close) as server:
        listeners = [await server.listen(f"/events?session={n}") for n in range(50)]
        await server.stop()
        ends = [(await listener.rest())[-1].name for listener in listeners]

    assert ends == ["bye"] * 50
    assert all(listener.is_complete for listener in listeners)
    assert hub.open == 0


async def test_an_http_1_0_client_gets_no_frames_that_it_cannot_read() -> None:
    hub = Hub()

    async with served(stream_app(hub), connection=CONNECTIONS["h11"]) as server:
        listener = await server.listen("/events?hz=0", version="1.0")
        assert "transfer-encoding" not in listener.headers
        await listener.event()
        hub.publish("backtests", {"b-1": {"n": 1}})
        assert (await listener.event()).json["items"] == [{"n": 1}]


class Wrapping:
    """A middleware as there are many: it wraps `send` and adds to the head."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def wrapped(message: Message) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], (b"x-wrapped", b"yes")]
            await send(message)

        await self.app(scope, receive, wrapped)


class Holding(Wrapping):
    """A middleware that keeps the head back until the first body, as compressors do."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        held: list[Message] = []

        async def holding(message: Message) -> None:
            held.append(message)
            if message["type"] != "http.response.start":
                for each in held:
                    await send(each)
                held.clear()

        await self.app(scope, receive, holding)


@pytest.mark.parametrize("middleware", [Wrapping, Holding])
@pytest.mark.parametrize("name", ["httptools", "h11"])
async def test_middlewares_are_respected(middleware: type[Wrapping], name: str) -> None:
    hub = Hub()
    app = stream_app(hub)

    async with served(middleware(app), connection=CONNECTIONS[name]) as server:
        listener = await server.listen("/events?hz=0")
        assert ("x-wrapped" in listener.headers) is (middleware is Wrapping)
        assert (await listener.event()).json["full"] is True
        hub.publish("backtests", {"b-1": {"n": 1}})
        assert (await listener.event()).json["items"] == [{"n": 1}]
