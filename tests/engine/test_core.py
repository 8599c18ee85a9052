"""The engine as a whole: the same events give the same facts, and a frame is cheap to take."""

from __future__ import annotations

import random

import msgspec
from msgspec import structs

from app.books.rack import Rack
from app.domain.events import ClockRead, Event, FramesDropped, Ticked
from app.domain.facts import MarketListed, Watch
from app.domain.markets import Flow, Instrument, Market
from app.domain.policy import AssetName
from app.domain.venues import Venue
from app.engine.core import NOTHING, Engine
from app.engine.detection import DETECTOR_OF, DETECTORS
from app.engine.detection.codes import Direction
from app.engine.views import Views
from tests.engine.builders import (
    BINANCE,
    BITHUMB,
    OKX,
    POLICY,
    SECOND,
    UPBIT,
    Speaker,
    World,
    fair,
    market,
)


def lived(seed: int) -> list[Event]:
    """Ten seconds of a small market in which everything happens at least once."""
    chance = random.Random(seed)
    world = market(UPBIT, BITHUMB, BINANCE, OKX)
    for _ in range(400):
        world.at_ns += round(chance.expovariate(40) * SECOND)
        venue = chance.choice((UPBIT, BITHUMB, BINANCE, OKX))
        luck = chance.random()
        if luck < 0.05:
            world.wait(0.0)
        elif luck < 0.08:
            world.tether(chance.uniform(1_398.0, 1_402.0))
        elif luck < 0.09:
            world.wallets(venue, withdraw=chance.choice(list(Flow)))
        elif luck < 0.10:
            world.lose(venue)
            world.open(venue, "XRP")
        elif luck < 0.11:
            world.policy(POLICY)
        else:
            fair(world, venue, premium=chance.gauss(0.0, 0.008))
    return world.events


def played(events: list[Event]) -> bytes:
    engine = Engine(Rack(), {venue: Speaker(venue) for venue in Venue}, POLICY)
    encode = msgspec.msgpack.Encoder().encode
    return b"".join(encode(engine.step(event)) for event in events)


def test_the_same_events_give_the_same_facts_and_commands() -> None:
    for seed in range(3):
        events = lived(seed)
        first = played(events)
        assert first == played(events)
        assert len(first) > 50_000


def test_looking_changes_nothing() -> None:
    """Views look wallets up earlier than the engine would; what is reported stays the same."""
    events = lived(7)
    engine = Engine(Rack(), {venue: Speaker(venue) for venue in Venue}, POLICY)
    views, looked = Views(engine), []
    encode = msgspec.msgpack.Encoder().encode
    for event in events:
        looked.append(encode(engine.step(event)))
        views.premiums(event.at_ns)
        views.near_misses(event.at_ns)
        views.live(event.at_ns)
        views.markets(event.at_ns)
    assert b"".join(looked) == played(events)


def test_a_frame_that_changes_nothing_else_costs_no_new_answer() -> None:
    world = market()
    first = fair(world, UPBIT)
    again = fair(world, UPBIT)
    assert first is again
    assert first.row == world.engine.rack.row(Instrument(UPBIT, "XRP", "KRW"))
    assert world.take(Ticked(world.at_ns)) is NOTHING


def test_laps_are_told_in_order() -> None:
    world, laps = market(), list[str]()
    world.events.clear()
    fair(world, UPBIT)
    world.engine.step(world.events[-1], laps.append)
    assert laps == ["parse", "state", "detect"]


def test_markets_become_what_is_watched() -> None:
    world = World()
    world.markets(UPBIT, Market(Instrument(UPBIT, "XRP", "KRW"), True))
    world.markets(BINANCE, Market(Instrument(BINANCE, "XRP", "USDT"), True))
    watched = {each.venue: each.instruments for each in world.commands if isinstance(each, Watch)}
    assert watched[BINANCE] == (Instrument(BINANCE, "XRP", "USDT"),)
    both = Instrument(BINANCE, "XRP", "USDT"), Instrument(BINANCE, "SOL", "USDT")
    world.markets(BINANCE, *(Market(each, True) for each in both))
    assert world.told(MarketListed) == [MarketListed(world.at_ns, both[1])]


def test_lots_and_steps_reach_the_loop() -> None:
    world = World()
    world.markets(UPBIT, Market(Instrument(UPBIT, "XRP", "KRW"), True))
    xrp = Instrument(BINANCE, "XRP", "USDT")
    world.markets(BINANCE, Market(xrp, True, tick="0.0001", lot="10", minimum_value="5"))
    for venue in (UPBIT, BINANCE):
        world.open(venue, "XRP")
    world.tether()
    world.wallets()
    fair(world, BINANCE)
    world.wait(0.1)
    fair(world, UPBIT, premium=0.02)
    row = world.views.live(world.at_ns)[0]
    assert row.quantity % 10 == 0
    found = world.views.explain(row.id, world.at_ns)
    assert found is not None
    assert next(step.bps for step in found.steps if step.code == "lot") < 0.0


def test_dropped_frames_make_books_wait() -> None:
    world = market()
    fair(world, UPBIT, premium=0.012)
    world.take(FramesDropped(world.at_ns, 1, 500))
    assert len(world.views.live(world.at_ns)) == 1, "whole books come again by themselves"


def test_a_book_that_never_came_has_no_age() -> None:
    world = World()
    world.open(UPBIT, "XRP")
    world.open(BINANCE, "XRP")
    world.book(UPBIT, "XRP", 800.0, 801.0)
    world.wait(0.5)

    ages = {row.venue: (row.at_ns, row.age_ms) for row in world.views.books("XRP", world.at_ns)}
    assert ages == {UPBIT: (world.at_ns - SECOND // 2, 500.0), BINANCE: (None, None)}
    for price in world.views.prices(world.at_ns):
        assert (price.age_ms is None) == (price.at_ns is None) == (price.bid is None)


def test_clocks_are_kept() -> None:
    world = World()
    world.take(ClockRead(world.at_ns, UPBIT, 5, 2))
    assert world.engine.clocks[UPBIT].offset_ns == 5


def test_names_that_change_change_the_routes() -> None:
    world = market()
    assert world.engine.board.rows_of("XRP")
    world.policy(structs.replace(POLICY, names=(AssetName(BINANCE, "XRP", "OTHER"),)))
    assert len(world.engine.board.rows_of("XRP")) == 1
    assert world.views.premiums(world.at_ns) == ()
    fair(world, UPBIT, premium=0.5)
    assert world.views.live(world.at_ns) == ()


def test_every_direction_has_one_detector() -> None:
    assert set(DETECTOR_OF) == set(Direction)
    assert sum(map(len, DETECTORS.values())) == len(Direction)


# Views


def test_prices_and_books_are_as_they_came() -> None:
    world = market()
    world.levels(BINANCE, "XRP", ([(2.49, 5.0), (2.48, 7.0)], [(2.51, 3.0)]))
    (book,) = [row for row in world.views.books("XRP", world.at_ns) if row.venue is BINANCE]
    assert book.bids == ((2.49, 5.0), (2.48, 7.0))
    assert book.asks == ((2.51, 3.0),)
    assert book.krw_per_quote == 1_400.0
    row = world.engine.rack.row(Instrument(BINANCE, "XRP", "USDT"))
    assert row is not None
    (price,) = world.views.prices(world.at_ns, (row,))
    assert (price.id, price.bid, price.ask) == ("binance:XRP/USDT", 2.49, 2.51)
    assert price.valid
    assert len(world.views.prices(world.at_ns)) == 3
    assert world.views.bases_of(row) == ("XRP",)


def test_the_books_behind_the_rates_can_be_looked_at() -> None:
    world = market()
    world.tether(1_400.0, spread=2.0)
    (book,) = world.views.books("USDT", world.at_ns)

    assert (book.venue, book.base, book.quote) == (UPBIT, "USDT", "KRW")
    assert (book.bids[0][0], book.asks[0][0]) == (1_399.0, 1_401.0)


def test_a_book_in_trouble_stays_readable_and_says_so() -> None:
    world = market()
    world.book(BINANCE, "XRP", 2.6, 2.5)
    (book,) = [row for row in world.views.books("XRP", world.at_ns) if row.venue is BINANCE]
    assert (book.valid, book.state) == (False, "invalid")
    assert book.bids[0][0] == 2.6
    assert {row.withheld for row in world.views.premiums(world.at_ns)} == {"BOOK_INVALID"}


def test_a_stale_book_stays_readable_and_is_not_valid() -> None:
    world = market()
    for _ in range(10):
        world.wait(0.1)
        fair(world, UPBIT)
        fair(world, BINANCE)
    for _ in range(50):
        world.wait(0.1)
        fair(world, BINANCE)
    books = {row.venue: row for row in world.views.books("XRP", world.at_ns)}
    assert (books[UPBIT].valid, books[UPBIT].state) == (False, "stale")
    assert books[UPBIT].bids
    assert (books[BINANCE].valid, books[BINANCE].state) == (True, "live")
    prices = {row.venue: row for row in world.views.prices(world.at_ns) if row.base == "XRP"}
    assert (prices[UPBIT].valid, prices[BINANCE].valid) == (False, True)
    assert world.engine.valid_books(UPBIT) == 0
    assert world.engine.valid_books(BINANCE) == 1


def test_tether_touches_every_coin() -> None:
    world = market()
    row = world.engine.rack.row(Instrument(UPBIT, "USDT", "KRW"))
    assert row is not None
    assert world.views.bases_of(row) == ("XRP",)


def test_what_changed_is_told_once() -> None:
    world = market()
    world.views.dirty_rows()
    world.views.changed_books(world.at_ns)
    fair(world, UPBIT)
    row = world.engine.rack.row(Instrument(UPBIT, "XRP", "KRW"))
    assert world.views.dirty_rows() == (row,)
    assert world.views.dirty_rows() == ()
    assert [book.venue for book in world.views.changed_books(world.at_ns)] == [UPBIT]


def test_with_nothing_there_is_nothing_to_see() -> None:
    views = World().views
    for view in (
        views.prices,
        views.premiums,
        views.live,
        views.refused,
        views.near_misses,
        views.refusals,
        views.markets,
        views.networks,
        views.identities,
    ):
        assert view(0) == ()
    assert views.explain("o-1", 0) is None
