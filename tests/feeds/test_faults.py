"""Every fault that a feed can have, on every venue of the built-in market.

The right state in time, recovery without anybody's help, and nothing of it at other venues. The
faults go to half of the venues at a time, so that the other half can show that it is untouched.
"""

from __future__ import annotations

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest

from app.books.rack import Rack
from app.domain.events import (
    ClockRead,
    ConnectionLost,
    ConnectionOpened,
    Event,
    RateRead,
    SnapshotRead,
    Ticked,
    WalletsRead,
)
from app.domain.facts import AskBook, BookBroke, BookRestored, Fact
from app.domain.live import ChannelState
from app.domain.markets import Alignment, Flow, Instrument
from app.domain.policy import Policy
from app.domain.venues import Venue
from app.engine.core import Engine
from app.exchanges import EXCHANGES
from app.exchanges.scanning import translators
from app.runtime.feeds.demo import Demo
from app.runtime.feeds.feeds import Feeds
from tests.feeds.kit import PATIENCE_S, until

LIVE = {ChannelState.LIVE, ChannelState.QUIET}
COMPILE_S = 180.0  # of kernels that nobody has compiled yet
HALVES = [
    (Venue.UPBIT, Venue.BINANCE, Venue.BYBIT, Venue.GATE, Venue.COINBASE),
    (Venue.BITHUMB, Venue.OKX, Venue.KUCOIN, Venue.BITGET),
]
CHANNELS = {Venue.BITGET: "books", Venue.BINANCE: "depth@100ms", Venue.KUCOIN: "level2"}
# Whole books have no number to miss. Bitget's numbers do not step by one: its checksum tells.
CAN_HAVE = {
    venue: {"drop", "gap"} for venue in Venue if venue not in {Venue.UPBIT, Venue.BITHUMB}
} | {Venue.UPBIT: set(), Venue.BITHUMB: set(), Venue.BITGET: {"drop", "checksum"}}


class World:
    """The market, the feeds, the engine; joined as the service joins them."""

    def __init__(self, demo: Demo, channels: dict[Venue, str]) -> None:
        self.demo = demo
        self.engine = Engine(Rack(), translators(tuple(Venue)), Policy())
        self.feeds = Feeds(
            self.take,
            exchanges=EXCHANGES,
            endpoints=demo.endpoints,
            keys=demo.keys,
            fx_urls=demo.fx_urls,
            channels=channels,
            patience_s=2.0,
        )
        self.events: list[Event] = []
        self.facts: list[Fact] = []
        self.states: dict[Venue, set[ChannelState]] = {venue: set() for venue in Venue}
        self.numbers: dict[int, Venue] = {}

    def take(self, event: Event) -> None:
        if isinstance(event, ConnectionOpened):
            self.numbers[event.connection] = event.venue
        taken = self.engine.step(event)
        for command in taken.commands:
            self.feeds.do(command)
        self.facts.extend(taken.facts)
        if not type(event).__name__.startswith(("Frame", "Tick")):
            self.events.append(event)
        if taken.row >= 0:
            top = self.engine.rack.tops[taken.row]
            venue = self.engine.rack.instrument(taken.row).venue
            self.feeds.updated(venue, int(top["received_ns"]), int(top["exchange_ns"]))

    async def tick(self) -> None:
        while True:
            await asyncio.sleep(0.1)
            self.take(Ticked(self.feeds.clock.at_ns()))
            for venue in Venue:
                self.states[venue].add(self.state(venue))

    def state(self, venue: Venue) -> ChannelState:
        return self.engine.channels.state(venue, self.feeds.clock.at_ns())

    def books(self, venue: Venue) -> list[Instrument]:
        return list(self.engine.universe.watched.get(venue, ()))

    def is_well(self, venue: Venue) -> bool:
        watched = self.books(venue)
        return (
            bool(watched)
            and self.state(venue) in LIVE
            and self.engine.valid_books(venue) == len(watched)
        )

    def is_mute(self, venue: Venue) -> bool:
        """Stale, and none of its books decides anything."""
        rows = [self.engine.rack.row(instrument) for instrument in self.books(venue)]
        stale = self.state(venue) is ChannelState.STALE
        return stale and not self.engine.channels.live[rows].any()

    def told_of(self, venue: Venue) -> object:
        counts = self.feeds.counts(venue)
        valid = self.engine.valid_books(venue)
        return self.state(venue), valid, len(self.books(venue)), counts.connected, counts.reason

    def lost(self, venue: Venue) -> list[ConnectionLost]:
        return [
            event
            for event in self.events
            if isinstance(event, ConnectionLost) and self.numbers[event.connection] is venue
        ]

    def told(self, kind: type[Fact], venue: Venue) -> list[Any]:
        return [
            fact
            for fact in self.facts
            if isinstance(fact, kind) and fact.instrument.venue is venue  # type: ignore[attr-defined]
        ]

    def forget(self) -> None:
        self.events.clear()
        self.facts.clear()
        for states in self.states.values():
            states.clear()

    async def inflict(self, venue: Venue, **fault: Any) -> None:
        url = f"{self.demo.endpoints[venue].rest}/__sim/faults"
        async with httpx.AsyncClient(trust_env=False) as client:
            answer = await client.post(url, json=fault)
        assert answer.status_code == 200, answer.text

    async def pardon(self, venues: Iterable[Venue]) -> None:
        async with httpx.AsyncClient(trust_env=False) as client:
            for venue in venues:
                await client.delete(f"{self.demo.endpoints[venue].rest}/__sim/faults")

    async def well(self, venues: Iterable[Venue], patience_s: float = PATIENCE_S) -> None:
        wanted = list(venues)
        await until(
            lambda: all(self.is_well(venue) for venue in wanted),
            lambda: {venue: self.told_of(venue) for venue in wanted if not self.is_well(venue)},
            patience_s,
        )

    def untouched(self, hit: Iterable[Venue]) -> None:
        for venue in set(Venue) - set(hit):
            assert self.states[venue] <= LIVE, venue
            assert self.lost(venue) == [], venue
            assert self.told(BookBroke, venue) == [], venue


@asynccontextmanager
async def opened(channels: dict[Venue, str]) -> AsyncIterator[World]:
    demo = await Demo.start(("--seed", "3"))
    world = World(demo, channels)
    await world.feeds.start()
    ticking = asyncio.get_running_loop().create_task(world.tick())
    try:
        await world.well(Venue, COMPILE_S)
        yield world
    finally:
        ticking.cancel()
        await world.feeds.stop()
        await demo.stop()


@pytest.fixture(scope="module")
async def plain() -> AsyncIterator[World]:
    """Channels as they are by default."""
    async with opened({}) as world:
        yield world


@pytest.fixture(scope="module")
async def changes() -> AsyncIterator[World]:
    """Channels of changes, wherever a venue has one."""
    async with opened(CHANNELS) as world:
        yield world


@pytest.fixture(params=HALVES, ids=["half", "other half"])
async def half(plain: World, request: pytest.FixtureRequest) -> AsyncIterator[tuple[Venue, ...]]:
    venues: tuple[Venue, ...] = request.param
    await plain.well(Venue)
    await asyncio.sleep(0.3)
    plain.forget()
    yield venues
    await plain.pardon(venues)


async def test_silence_is_stale_within_three_seconds(plain: World, half: tuple[Venue, ...]) -> None:
    gaps = {venue: plain.engine.channels.gap_ms(venue) or 0.0 for venue in half}
    assert all(gap < 375 for gap in gaps.values()), "active: stale after three seconds"
    began = time.monotonic()
    for venue in half:
        await plain.inflict(venue, kind="silence", seconds=5)
    await until(lambda: all(plain.is_mute(venue) for venue in half))
    took_s = time.monotonic() - began
    await until(lambda: all(plain.state(venue) in LIVE for venue in half))
    plain.untouched(half)
    assert took_s < 15, "not a speed: it did become stale"
    for venue in half:  # what was said meanwhile is missing in books that seldom change
        await plain.inflict(venue, kind="reset")
    await until(lambda: all(plain.lost(venue) for venue in half))
    await plain.well(half)


async def test_a_reset_is_lost_at_once_and_comes_back(
    plain: World, half: tuple[Venue, ...]
) -> None:
    for venue in half:
        await plain.inflict(venue, kind="reset")
    await until(lambda: all(plain.lost(venue) for venue in half))
    await plain.well(half)
    plain.untouched(half)
    for venue in half:
        assert {fact.flaw for fact in plain.told(BookBroke, venue)} == {"lost"}
        assert len(plain.told(BookRestored, venue)) == len(plain.books(venue))


async def test_maintenance_closes_everything_and_ends(
    plain: World, half: tuple[Venue, ...]
) -> None:
    for venue in half:
        await plain.inflict(venue, kind="maintenance", seconds=4)
    await until(lambda: all(plain.lost(venue) for venue in half))
    lost = [event for event in plain.events if isinstance(event, ConnectionLost)]
    assert [answer.snapshot for answer in await _snapshots(plain, half)] == [None] * len(half)
    plain.events[:0] = lost
    await plain.well(half)
    plain.untouched(half)
    told = lambda: {plain.feeds.counts(venue).reason for venue in half}  # noqa: E731
    await until(lambda: told() == {None}, told)


async def _snapshots(world: World, venues: Iterable[Venue]) -> list[SnapshotRead]:
    """One book of each; the engine asks for others meanwhile."""
    asked = {world.books(venue)[0] for venue in venues}
    world.events.clear()
    for instrument in asked:
        world.feeds.do(AskBook(instrument, "test"))

    def read() -> dict[Instrument, SnapshotRead]:
        found = [event for event in world.events if isinstance(event, SnapshotRead)]
        return {event.instrument: event for event in found if event.instrument in asked}

    await until(lambda: len(read()) == len(asked), lambda: asked - read().keys())
    return list(read().values())


@pytest.mark.parametrize("fault", [
    {"kind": "http", "status": 503, "seconds": 30},
    {"kind": "timeout", "seconds": 30},
])  # fmt: skip
async def test_an_answer_that_does_not_come_is_no_book_and_the_next_one_is(
    plain: World, half: tuple[Venue, ...], fault: dict[str, Any]
) -> None:
    for venue in half:
        await plain.inflict(venue, **fault)
    assert [answer.snapshot for answer in await _snapshots(plain, half)] == [None] * len(half)
    await plain.pardon(half)
    for answer in await _snapshots(plain, half):
        assert answer.snapshot is not None and answer.snapshot.bids and answer.snapshot.asks
    plain.untouched(half)
    assert all(plain.is_well(venue) for venue in half), "streams do not care"


async def test_a_clock_that_was_set_is_noticed(plain: World) -> None:
    timed = [venue for venue in Venue if venue is not Venue.BINANCE]  # its books have no time
    plain.forget()
    for venue in timed:
        await plain.inflict(venue, kind="skew", ms=7_000, seconds=60)

    def offsets_s() -> dict[Venue, float]:
        return {venue: (plain.feeds.counts(venue).skew_ms or 0.0) / 1_000 for venue in timed}

    await until(lambda: all(abs(offset - 7) < 1.5 for offset in offsets_s().values()), offsets_s)
    read = [event for event in plain.events if isinstance(event, ClockRead)]
    assert {event.venue for event in read} >= set(timed)
    plain.untouched([])
    await plain.pardon(timed)  # whole books of before are not believed: they are not newer
    await until(lambda: all(abs(offset) < 1.5 for offset in offsets_s().values()), offsets_s)
    await plain.well(timed)


async def test_closed_wallets_are_closed_when_next_asked(
    plain: World, half: tuple[Venue, ...]
) -> None:
    coin = next(iter(set.intersection(*(
        {instrument.base for instrument in plain.books(venue)} for venue in half
    )) - {"USDT", "USDC"}))  # fmt: skip
    known = [venue for venue in half if venue is not Venue.COINBASE]

    def flows(venue: Venue) -> set[Flow]:
        reads = [e for e in plain.events if isinstance(e, WalletsRead) and e.venue is venue]
        networks = [one for one in reads[-1].networks if one.asset == coin] if reads else []
        return {one.deposit for one in networks} | {one.withdraw for one in networks}

    for venue in known:
        await plain.inflict(venue, kind="wallet", asset=coin)
        plain.feeds.venues[venue].wallets.poll.soon()
    await until(lambda: all(flows(venue) == {Flow.CLOSED} for venue in known), coin)
    await plain.pardon(known)
    plain.forget()
    for venue in known:
        plain.feeds.venues[venue].wallets.poll.soon()
    await until(lambda: all(Flow.OPEN in flows(venue) for venue in known), coin)
    plain.untouched(half)


@pytest.mark.parametrize("half", HALVES, ids=["half", "other half"])
@pytest.mark.parametrize("kind", ["drop", "gap", "checksum"])
async def test_what_is_missing_or_wrong_breaks_the_book_and_mends(
    changes: World, half: tuple[Venue, ...], kind: str
) -> None:
    hit = [venue for venue in half if kind in CAN_HAVE[venue]]
    if not hit:
        pytest.skip("none of these protocols can have it")
    await changes.well(Venue)
    changes.forget()
    for venue in hit:
        busy = next(each for each in changes.books(venue) if each.base == "BTC")
        # One of five is no trade; at Coinbase every message counts.
        count = {"count": 5} if kind == "drop" and venue is not Venue.COINBASE else {}
        await changes.inflict(venue, kind=kind, symbol=EXCHANGES[venue].symbol(busy), **count)
    await until(lambda: all(changes.told(BookBroke, venue) for venue in hit), kind)
    for venue in hit:
        # Coinbase counts the messages of a connection: what is missing may be of any of its books.
        flaws = {fact.flaw for fact in changes.told(BookBroke, venue)}
        assert flaws & {"gap", "checksum", "connection"}
    restored = lambda: {venue: bool(changes.told(BookRestored, venue)) for venue in hit}  # noqa: E731
    await until(lambda: all(restored().values()), restored)
    await changes.pardon(hit)
    await changes.well(hit)
    changes.untouched(hit)


@pytest.mark.parametrize("kind", ["duplicate", "reorder", "drop"])
async def test_whole_books_take_no_harm(plain: World, kind: str) -> None:
    """What came late is older than what is there, and one frame less is made good by the next."""
    snapshots = [
        venue
        for venue in Venue
        if next(iter(EXCHANGES[venue].channels.values())) is Alignment.SNAPSHOTS
    ]
    await plain.well(Venue)
    plain.forget()
    for venue in snapshots:
        await plain.inflict(venue, kind=kind, count=20)
    await asyncio.sleep(2)
    await plain.well(snapshots)
    plain.untouched([])


async def test_rates_that_do_not_come_are_told(plain: World) -> None:
    (url, _) = plain.demo.fx_urls
    root = url.split("/v6")[0]
    async with httpx.AsyncClient(trust_env=False) as client:
        await client.post(f"{root}/__sim/faults", json={"kind": "http", "status": 500, "count": 1})
    plain.forget()
    source = next(iter(plain.feeds._rates._sources))
    assert not await plain.feeds._rates.round(source)
    assert await plain.feeds._rates.round(source)
    rates = [event for event in plain.events if isinstance(event, RateRead)]
    assert [event.rate is None for event in rates] == [True, False]
    assert rates[0].reason == "http_500"


async def test_the_market_dies_and_comes_back_on_the_same_ports(plain: World) -> None:
    words: list[str] = []
    plain.demo.watch(words.append)
    plain.forget()
    pid = plain.demo.pid
    os.kill(pid, signal.SIGKILL)
    await until(lambda: words == ["died", "back"])
    assert plain.demo.pid != pid
    await until(lambda: all(plain.lost(venue) for venue in Venue))
    await plain.well(Venue)
