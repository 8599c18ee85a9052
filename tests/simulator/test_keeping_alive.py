"""When a simulated venue pings, and when it cuts."""

from __future__ import annotations

import asyncio

import pytest
from websockets.exceptions import ConnectionClosed

from app.simulator.protocol import KeepAlive
from tests.simulator.stage import PATIENCE_S, Venue


async def ended(venue: Venue, path: str = "/ws") -> int | None:
    """A client that only listens: how the venue closed it."""
    async with venue.stream(path) as stream:
        with pytest.raises(ConnectionClosed):
            while True:
                await asyncio.wait_for(stream.recv(), PATIENCE_S)
        return stream.close_code


@pytest.mark.parametrize(
    "rules", [KeepAlive(quiet_s=0.01), KeepAlive(unheard_s=0.01), KeepAlive(life_s=0.01)]
)
async def test_idle_or_old_connections_are_closed_politely(
    sick: dict[str, Venue], rules: KeepAlive
) -> None:
    sick["binance"].part.dialect.keep_alive = rules
    assert await ended(sick["binance"]) == 1001


async def test_a_client_that_listens_to_much_is_not_quiet_but_unheard(
    sick: dict[str, Venue],
) -> None:
    sick["binance"].part.dialect.keep_alive = KeepAlive(quiet_s=1.5)
    async with sick["binance"].stream("/ws/btcusdt@depth@100ms") as stream:
        for _ in range(80):
            await asyncio.wait_for(stream.recv(), PATIENCE_S)
    sick["binance"].part.dialect.keep_alive = KeepAlive(unheard_s=0.5)
    assert await ended(sick["binance"], "/ws/btcusdt@depth@100ms") == 1001


async def test_pings_are_answered_or_the_connection_ends(sick: dict[str, Venue]) -> None:
    binance = sick["binance"]
    binance.part.dialect.keep_alive = KeepAlive(ping_every_s=0.01, pong_s=60)
    async with binance.stream("/ws/btcusdt@trade") as stream:
        outlet = next(iter(binance.part.outlets))
        while outlet._pinged_at == outlet._opened_at:  # type: ignore[attr-defined]
            await asyncio.wait_for(stream.recv(), PATIENCE_S)
        while outlet._unanswered_since is not None:  # type: ignore[attr-defined]
            await asyncio.wait_for(stream.recv(), PATIENCE_S)
    binance.part.dialect.keep_alive = KeepAlive(ping_every_s=0.01, pong_s=1.0)
    reader, writer = await asyncio.open_connection("127.0.0.1", binance.port)
    writer.write(
        b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
    )
    told = b""
    while b"\x88" not in told:  # opcode of a close frame, which we never answer either
        piece = await asyncio.wait_for(reader.read(4_096), PATIENCE_S)
        assert piece
        told += piece
    assert told.startswith(b"HTTP/1.1 101 ")
    writer.close()


async def test_a_client_that_never_reads_is_cut(
    sick: dict[str, Venue], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.simulator.connection.BACKLOG_BYTES_MAX", 100_000)
    binance = sick["binance"]
    streams = "/".join(
        f"{symbol.lower()}@depth{size}@100ms"
        for symbol in binance.part.listings
        for size in (5, 10, 20)
    )
    reader, writer = await asyncio.open_connection("127.0.0.1", binance.port, limit=1)
    writer.write(
        f"GET /stream?streams={streams} HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\n"
        "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n".encode()
    )
    await reader.read(1)
    assert binance.part.outlets
    outlet = next(iter(binance.part.outlets))
    outlet.transport.write(b"\x81\x00" * 4_000_000)  # type: ignore[attr-defined]
    async with asyncio.timeout(PATIENCE_S):
        while binance.part.outlets:
            await asyncio.sleep(0.05)
    writer.close()
