"""The archive over a real engine: what goes in comes out, and its death stops nothing."""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import numpy as np
import pytest

from app.archive import limits, queries
from app.archive.archive import Archive, Route
from app.archive.child import Child
from app.archive.client import Address, Client, Unavailable
from app.archive.tables import BOOKS, SPREADS, TABLES, TRADES
from app.books.rack import Rack
from app.domain.live import SpreadRow
from app.domain.markets import Alignment, BookSnapshot, Instrument, Side, Trade
from app.domain.times import SECOND_NS
from app.domain.venues import Venue
from tests.pages.live_rows import premium

DAY_NS = 86_400 * SECOND_NS
# Midnight: what is older than a table keeps would go at once.
NOW_NS = time.time_ns() // DAY_NS * DAY_NS
BTC_KRW = Instrument(Venue.UPBIT, "BTC", "KRW")
BTC_USDT = Instrument(Venue.BINANCE, "BTC", "USDT")


class Clock:
    def __init__(self) -> None:
        self.now_ns = NOW_NS

    def __call__(self) -> int:
        return self.now_ns


@asynccontextmanager
async def kept(archive: Archive) -> AsyncGenerator[Archive]:
    """With its one coroutine running, from the moment that it stores."""
    task = asyncio.create_task(archive.keep())
    try:
        await until(lambda: archive.usage().state == "storing")
        yield archive
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(60):
        while not is_so():
            await asyncio.sleep(0.02)


@asynccontextmanager
async def asked(folder: Path) -> AsyncGenerator[Client]:
    """The folder's engine, asked by somebody else: the archive that wrote it has ended."""
    child = await Child.start(folder)
    try:
        client = await asyncio.to_thread(Client.connect, Address(None, child.port, child.password))
        yield client
        client.close()
    finally:
        await child.stop()


def shelved(*books: tuple[Instrument, int]) -> Rack:
    """A rack with books of so many levels a side."""
    rack = Rack()
    for instrument, levels in books:
        row = rack.add(instrument, Alignment.SNAPSHOTS, 64)
        fill(rack, instrument, levels)
        assert rack.tops["valid"][row]
    return rack


def fill(rack: Rack, instrument: Instrument, levels: int, shift: int = 0) -> None:
    bids = [(f"{100 + shift - level}.5", f"{level + 1}") for level in range(levels)]
    asks = [(f"{101 + shift + level}.25", f"{level + 2}") for level in range(levels)]
    row = rack.row(instrument)
    assert row is not None
    snapshot = BookSnapshot(instrument, Alignment.SNAPSHOTS, bids, asks)
    rack.book(row).snapshot(snapshot)
    rack.settle(row)


def trade(number: int) -> Trade:
    return Trade(BTC_KRW, str(number), "90000000.5", "0.001", Side.SELL, NOW_NS + number * 10**6)


def spread(second: int, bps: float | None, venue: Venue = Venue.BINANCE) -> SpreadRow:
    at_ns = NOW_NS + second * SECOND_NS
    row = premium("BTC", venue, Venue.UPBIT, usdlike_bps=bps, at_ns=at_ns)
    return SpreadRow(**{name: getattr(row, name) for name in SpreadRow.__struct_fields__})


async def test_books_trades_and_spreads_come_out_as_they_went_in(tmp_path: Path) -> None:
    rack = shelved((BTC_KRW, 20), (BTC_USDT, 3))
    async with kept(Archive.open(None, tmp_path / "archive")) as archive:
        archive.note_books(rack, NOW_NS)
        archive.note_trades([trade(1), trade(2)])
        archive.note_spreads([spread(0, 152.5), spread(0, None, Venue.OKX)])
        await until(lambda: archive.usage().stored == 6)

    async with asked(tmp_path / "archive") as client:
        books = client.columns(
            f"SELECT venue, base, quote, bids, asks, mid_price, spread FROM {BOOKS} ORDER BY venue"
        )
        trades = client.columns(f"SELECT * FROM {TRADES} ORDER BY trade_id")
        spreads = client.columns(
            f"SELECT buy_venue, usdlike_bps, timestamp FROM {SPREADS} ORDER BY buy_venue"
        )
    venues, bases, quotes, bids, asks, mids, gaps = books
    assert list(zip(venues, bases, quotes, strict=True)) == [
        ("binance", "BTC", "USDT"),
        ("upbit", "BTC", "KRW"),
    ]
    assert [len(levels) for levels in (*bids, *asks)] == [3, 20, 3, 20]
    assert bids[1][0] == {"price": 100.5, "quantity": 1.0}
    assert asks[1][19] == {"price": 120.25, "quantity": 21.0}
    assert (mids[1], gaps[1]) == (100.875, 0.75)
    assert [column[0] for column in trades[1:]] == [
        *("upbit", "BTC", "KRW", "1", 90000000.5, 0.001, "sell")
    ]
    assert spreads[0][0] == "binance"
    assert spreads[1][0] == pytest.approx(152.5)
    assert np.isnan(spreads[1][1]), "what was not known is not a number"
    assert spreads[2][0].timestamp() == NOW_NS / SECOND_NS


async def test_a_book_counts_once_a_second_and_when_it_has_changed(tmp_path: Path) -> None:
    rack = shelved((BTC_KRW, 5))
    rack.add(BTC_USDT, Alignment.BUFFERED, 64)  # it waits for its snapshot
    async with kept(Archive.open(None, tmp_path)) as archive:
        archive.note_books(rack, NOW_NS)
        fill(rack, BTC_KRW, 5, shift=1)
        archive.note_books(rack, NOW_NS + SECOND_NS // 2)  # the same second
        archive.note_books(rack, NOW_NS + SECOND_NS)
        archive.note_books(rack, NOW_NS + 2 * SECOND_NS)  # nothing new
        await until(lambda: archive.usage().stored == 2)
        assert archive.usage().waiting == 0


async def test_a_history_has_its_places_and_percentiles(tmp_path: Path) -> None:
    clock = Clock()
    route = Route("BTC", Venue.BINANCE, Venue.UPBIT)
    async with kept(Archive.open(None, tmp_path, clock_ns=clock)) as archive:
        archive.note_spreads(spread(second, float(second)) for second in range(100))
        await until(lambda: archive.usage().stored == 100)
        clock.now_ns = NOW_NS + 100 * SECOND_NS

        history = await archive.premium_history(*route, "usdlike", NOW_NS, 10)
        assert len(history.at_ns) == 10
        assert history.at_ns[0] == NOW_NS
        assert history.mean_bps.tolist() == [4.5 + 10 * place for place in range(10)]
        assert (history.low_bps[-1], history.high_bps[-1]) == (90.0, 99.0)

        half = await archive.percentile(route, "usdlike", NOW_NS, 49.0)
        late = await archive.percentile(route, "usdlike", NOW_NS + 90 * SECOND_NS, 49.0)
        assert (half, late) == (0.5, 0.0)
        assert await archive.percentile(route, "kimchi", NOW_NS + 10**15, 1.0) is None
        (values,) = (await archive.quantiles("usdlike", NOW_NS)).values()
        assert queries.share_below(values, 49.0) == pytest.approx(0.5, abs=0.02)

        nothing = await archive.premium_history("ETH", *route[1:], "raw", NOW_NS, 10)
        assert [len(column) for column in nothing] == [0, 0, 0, 0]


async def test_a_dead_engine_is_started_again_and_nothing_waits_for_it(tmp_path: Path) -> None:
    async with kept(Archive.open(None, tmp_path)) as archive:
        pid = archive.usage().pid
        assert pid is not None
        archive.note_trades([trade(1)])
        await until(lambda: archive.usage().stored == 1)
        os.kill(pid, signal.SIGKILL)
        archive.note_trades([trade(2)])
        await until(lambda: archive.usage().state == "away")
        assert archive.usage().reason
        with pytest.raises(Unavailable):
            await archive.premium_history("BTC", Venue.OKX, Venue.UPBIT, "raw", NOW_NS, 10)
        archive.note_trades([trade(3)])

        await until(lambda: archive.usage().stored == 3)
        assert archive.usage().pid != pid
        assert archive.usage().dropped == 0
        (numbers,) = await archive._ask((f"SELECT trade_id FROM {TRADES} ORDER BY trade_id", {}))
        assert list(numbers) == ["1", "2", "3"]


async def test_a_server_by_url_is_the_same(tmp_path: Path) -> None:
    child = await Child.start(tmp_path)
    url = f"http://kimp:{child.password}@127.0.0.1:{child.port}"
    try:
        async with kept(Archive.open(url, tmp_path / "unused")) as archive:
            archive.note_trades([trade(1)])
            await until(lambda: archive.usage().stored == 1)
            assert (archive.usage().where, archive.usage().pid) == ("server", None)
        assert child.alive, "a server is not ours to stop"
    finally:
        await child.stop()
    assert not (tmp_path / "unused").exists()


async def test_without_an_engine_the_rest_goes_on(tmp_path: Path) -> None:
    archive = Archive.open("http://user:hidden@127.0.0.1:1", tmp_path)
    task = asyncio.create_task(archive.keep())
    await until(lambda: archive.usage().state == "away")
    archive.note_trades([trade(number) for number in range(10)])

    assert archive.usage().waiting == 10
    assert "hidden" not in repr(archive.usage())
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)


async def test_an_occupied_folder_is_told(tmp_path: Path) -> None:
    async with kept(Archive.open(None, tmp_path)):
        other = Archive.open(None, tmp_path)
        task = asyncio.create_task(other.keep())
        await until(lambda: other.usage().state == "away")
        assert other.usage().reason
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


async def test_the_engine_ends_with_the_service(tmp_path: Path) -> None:
    child = await Child.start(tmp_path)
    assert child.process.stdin is not None
    for number in (signal.SIGINT, signal.SIGTERM):  # a whole group is told, the service goes first
        os.kill(child.pid, number)
    await asyncio.to_thread(Client.connect, Address(None, child.port, child.password))
    child.process.stdin.close()  # as the system does when a process ends

    async with asyncio.timeout(10):
        assert await child.process.wait() == 0


async def test_only_who_has_the_password_is_answered(tmp_path: Path) -> None:
    child = await Child.start(tmp_path)
    try:
        with pytest.raises(Unavailable, match="Authentication"):
            await asyncio.to_thread(Client.connect, Address(None, child.port, "wrong"))
    finally:
        await child.stop()


def test_the_oldest_partitions_go_first_whatever_their_table() -> None:
    parts = [
        queries.Partition(TRADES, "2", "2026-11-20 00:00:00", 5, 40),
        queries.Partition(BOOKS, "1", "2026-11-19 06:00:00", 5, 30),
        queries.Partition(SPREADS, "3", "2026-11-19 00:00:00", 5, 20),
    ]
    assert list(queries.surplus(parts, 90)) == []
    assert list(queries.surplus(parts, 70)) == [(SPREADS, "3")]
    assert list(queries.surplus(parts, 60)) == [(SPREADS, "3"), (BOOKS, "1")]
    assert queries.summed(parts)[TRADES][:2] == (5, 40)


async def test_a_small_archive_drops_its_oldest(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("app.archive.archive.USAGE_S", 0.0)
    async with kept(Archive.open(None, tmp_path)) as archive:
        archive.note_spreads(spread(day * 86_400, float(day)) for day in range(3))
        await until(lambda: archive.usage().tables.get(SPREADS, (0,))[0] == 3)
        archive.max_gib = archive.usage().bytes * 0.7 / (1 << 30)
        await until(lambda: archive.usage().tables[SPREADS][0] == 2)

        oldest_ns = archive.usage().tables[SPREADS][2]
        assert oldest_ns is not None
        assert oldest_ns >= NOW_NS + DAY_NS
        assert archive.usage().bytes <= archive.usage().max_bytes


def test_what_finds_no_room_is_counted(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("app.archive.batches.TRADES_WAITING_MAX", 3)
    monkeypatch.setattr("app.archive.batches.SPREADS_WAITING_MAX", 1)
    monkeypatch.setattr("app.archive.batches.BOOKS_WAITING_MAX", 1)
    archive = Archive.open(None, Path("/nowhere"))
    archive.note_trades([trade(number) for number in range(5)])
    archive.note_spreads([spread(0, 1.0), spread(1, 2.0)])
    archive.note_books(shelved((BTC_KRW, 1), (BTC_USDT, 1)), NOW_NS)

    assert (archive.usage().waiting, archive.usage().dropped) == (5, 4)


def test_every_table_says_how_long_it_keeps() -> None:
    assert {name: table.days for name, table in TABLES.items()} == {
        BOOKS: 90,
        TRADES: 180,
        SPREADS: 365,
    }
    assert limits.FLUSH_S < 1
