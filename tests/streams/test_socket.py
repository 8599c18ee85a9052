"""/ws over real sockets: sync first, then what changes; who may listen; slow ones; the end."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncGenerator
from pathlib import Path
from typing import Any

import httpx
import pytest
from websockets.asyncio.client import ClientConnection, connect
from websockets.exceptions import ConnectionClosed, InvalidStatus

from app.ledger.database import Database
from app.main import Kimp, create_app
from app.runtime.streams import framing
from app.runtime.streams.socket import frame, messages
from app.settings import load
from tests.appkit import API_TOKEN, PASSWORD
from tests.streams.kit import PATIENCE_S, Served, served, until

BEARER = {"Authorization": f"Bearer {API_TOKEN}"}


def test_events_become_messages_and_comments_nothing() -> None:
    events = framing.numbered(7, framing.event("prices", b'{"full":true,"items":[]}'))
    found = messages(framing.COMMENT + events + framing.BYE)
    first = frame(b'{"type":"prices","sequence":7,"full":true,"items":[]}')
    assert found == first + frame(b'{"type":"bye"}')


@pytest.mark.parametrize("size", [0, 125, 126, 65_535, 65_536])
def test_a_frame_s_length_is_written_as_the_standard_says(size: int) -> None:
    made = frame(b"x" * size)
    head = 2 if size < 126 else 4 if size < 65_536 else 10
    assert len(made) == head + size
    assert made[0] == 0x81


@pytest.fixture(scope="module")
async def kimp(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[tuple[Kimp, Served]]:
    folder: Path = tmp_path_factory.mktemp("ws")
    settings = load(
        {
            "KIMP_ENV": "test",
            "KIMP_DATA_DIR": str(folder),
            "KIMP_API_TOKEN": API_TOKEN,
            "KIMP_ADMIN_PASSWORD": PASSWORD,
            "KIMP_FEEDS": "off",
        }
    )
    await Database.migrate(settings.database_url)
    app = create_app(settings)
    async with served(app, stopping=lambda: app.state.desk.hub.close()) as server:  # noqa: PLW0108
        yield app, server


def listening(server: Served, query: str = "", **headers: str) -> Any:
    return connect(
        f"ws://127.0.0.1:{server.port}/ws{query}",
        additional_headers=headers or BEARER,
        open_timeout=PATIENCE_S,
        max_size=None,
    )


async def told(socket: ClientConnection) -> Any:
    async with asyncio.timeout(PATIENCE_S):
        return json.loads(await socket.recv())


async def refused(server: Served, query: str = "", **headers: str) -> tuple[int, str]:
    """Status and code of the answer in place of a socket."""
    with pytest.raises(InvalidStatus) as answer:
        async with listening(server, query, **headers):
            pass
    body = bytes(answer.value.response.body or b"")
    return answer.value.response.status_code, json.loads(body)["code"] if body else ""


async def test_the_first_message_is_a_sync_and_then_come_the_topics(
    kimp: tuple[Kimp, Served],
) -> None:
    app, server = kimp
    hub = app.state.desk.hub
    hub.publish("stats", {"a": {"id": "a", "pnl": 1.5}})
    async with listening(server, "?topics=stats") as socket:
        sync = await told(socket)
        assert sync["type"] == "sync"
        assert sync["stats"] == [{"id": "a", "pnl": 1.5}]
        assert {"opportunities", "prices", "common_markets", "at"} < sync.keys()
        full = await told(socket)
        assert (full["type"], full["full"], full["items"]) == ("stats", True, sync["stats"])
        hub.publish("stats", {"b": {"id": "b"}}, remove=("a",))
        delta = await told(socket)
        assert (delta["full"], delta["items"], delta["remove"]) == (False, [{"id": "b"}], ["a"])
        assert delta["sequence"] > full["sequence"]
    hub.publish("stats", {}, remove=("b",))


async def test_nobody_listens_without_a_token_or_a_session(kimp: tuple[Kimp, Served]) -> None:
    _, server = kimp
    assert await refused(server, Origin="http://nobody") == (401, "not_signed_in")
    assert await refused(server, Authorization="Bearer nothing") == (401, "not_signed_in")


async def test_a_session_listens_from_its_own_pages_only(kimp: tuple[Kimp, Served]) -> None:
    _, server = kimp
    own = f"http://127.0.0.1:{server.port}"
    async with httpx.AsyncClient(base_url=own, timeout=PATIENCE_S) as browser:
        page = await browser.get("/login")
        token = page.text.partition('name="csrf" value="')[2].partition('"')[0]
        form = {"name": "admin", "password": PASSWORD, "csrf": token}
        assert (await browser.post("/login", data=form)).status_code == 303
        cookie = "; ".join(f"{name}={value}" for name, value in browser.cookies.items())
    async with listening(server, Cookie=cookie, Origin=own) as socket:
        assert (await told(socket))["type"] == "sync"
    assert await refused(server, Cookie=cookie, Origin="http://evil.example") == (403, "forbidden")
    assert await refused(server, Cookie=cookie) == (403, "forbidden")


async def test_other_names_and_other_words_are_refused(kimp: tuple[Kimp, Served]) -> None:
    _, server = kimp
    status, _ = await refused(server, Host="evil.example", **BEARER)
    assert status == 403
    assert await refused(server, "?topics=nothing", **BEARER) == (422, "invalid_fields")
    assert await refused(server, "?hz=11", **BEARER) == (422, "invalid_fields")


async def test_a_client_that_goes_gives_its_place_back(kimp: tuple[Kimp, Served]) -> None:
    app, server = kimp
    hub = app.state.desk.hub
    async with listening(server) as one, listening(server) as two:
        await told(one)
        await told(two)
        await one.send("nobody reads this")
        assert hub.open == 2
        two.transport.abort()
        await until(lambda: hub.open == 1)
    await until(lambda: hub.open == 0)


async def test_who_does_not_read_is_left_behind_and_brought_up_later(
    kimp: tuple[Kimp, Served],
) -> None:
    app, server = kimp
    hub = app.state.desk.hub
    async with listening(server, "?topics=health&hz=0") as socket:
        await told(socket)
        await told(socket)
        socket.transport.pause_reading()
        skipped = hub.counts.skipped
        block = "x" * 60_000
        for n in range(400):
            hub.publish("health", {"v": {"n": n, "block": block}})
            await asyncio.sleep(0)
            if hub.counts.skipped > skipped:
                break
        assert hub.counts.skipped > skipped
        hub.publish("health", {"v": {"n": -1}})
        socket.transport.resume_reading()
        async with asyncio.timeout(PATIENCE_S):
            while True:
                message = json.loads(await socket.recv())
                if message["items"] == [{"n": -1}]:
                    break
        assert message["full"]
    hub.publish("health", {}, remove=("v",))


async def test_a_revoked_token_ends_its_sockets(kimp: tuple[Kimp, Served]) -> None:
    app, server = kimp
    async with listening(server) as socket:
        await told(socket)
        app.state.desk.hub.expel("token KIMP_API_TOKEN")
        with pytest.raises(ConnectionClosed):
            async with asyncio.timeout(PATIENCE_S):
                while True:
                    await socket.recv()


async def test_kimp_says_goodbye_when_it_stops(kimp: tuple[Kimp, Served]) -> None:
    """The last of this module: the server is gone after it."""
    _, server = kimp
    async with listening(server, "?topics=stats") as socket:
        await told(socket)
        await told(socket)
        stopping = asyncio.create_task(server.stop())
        assert await told(socket) == {"type": "bye"}
        with pytest.raises(ConnectionClosed) as closed:
            await told(socket)
        assert closed.value.rcvd is not None
        assert closed.value.rcvd.code == 1001
        await stopping
