"""Universe: of all that is listed, what is worth a live book."""

from __future__ import annotations

from app.domain.events import MarketsRead
from app.domain.facts import MarketDelisted, MarketListed, Watch
from app.domain.markets import Instrument, Market, Product
from app.domain.policy import AssetName, IdentityDecision, Policy, Verdict
from app.domain.venues import Venue
from app.engine.market.names import Names
from app.engine.market.universe import Universe, choose
from tests.engine.stand import T0, Stand, instrument, network

UPBIT, BITHUMB, BINANCE, OKX, COINBASE = (
    Venue.UPBIT,
    Venue.BITHUMB,
    Venue.BINANCE,
    Venue.OKX,
    Venue.COINBASE,
)


def markets(venue: Venue, *pairs: str) -> list[Market]:
    """`BTC/KRW`, …"""
    return [Market(Instrument(venue, *pair.split("/")), tick="0.01", lot="0.1") for pair in pairs]


def chosen(
    listed: dict[Venue, list[Market]], policy: Policy | None = None, names: Names | None = None
) -> dict[Venue, list[str]]:
    found = choose(listed, policy or Policy(), names or Names())
    return {
        venue: [f"{each.base}/{each.quote}" for each in instruments]
        for venue, instruments in found.items()
    }


def test_a_coin_of_one_venue_has_no_route() -> None:
    listed = {
        UPBIT: markets(UPBIT, "BTC/KRW", "ONLY/KRW"),
        BINANCE: markets(BINANCE, "BTC/USDT", "ALONE/USDT"),
    }
    assert chosen(listed) == {UPBIT: ["BTC/KRW"], BINANCE: ["BTC/USDT"]}


def test_perpetuals_are_known_and_nothing_else() -> None:
    """For a hedge: no route, no book, no news, no count."""
    universe = Universe(Names())
    spot = {UPBIT: markets(UPBIT, "BTC/KRW"), BINANCE: markets(BINANCE, "BTC/USDT")}
    hedges = [
        Market(Instrument(BINANCE, base, "USDT", Product.PERPETUAL), True, "0.1", "0.001")
        for base in ("BTC", "XRP")
    ]
    for venue, found in spot.items():
        universe.read(MarketsRead(T0, venue, tuple(found)))
    watched = dict(universe.watched)
    told = universe.read(MarketsRead(T0, BINANCE, (*spot[BINANCE], *hedges)))
    assert told == ((), ())
    assert universe.watched == watched
    assert universe.count(BINANCE) == 1
    assert universe.market(hedges[0].instrument) == hedges[0]
    assert universe.read(MarketsRead(T0, BINANCE, tuple(spot[BINANCE]))) == ((), ())


def test_each_venue_shows_its_best_quote() -> None:
    listed = {
        UPBIT: markets(UPBIT, "BTC/USDT", "BTC/KRW", "ETH/BTC", "ETH/USDT"),
        BINANCE: markets(BINANCE, "BTC/USDC", "BTC/USDT", "ETH/USDC", "ETH/BTC"),
        COINBASE: markets(COINBASE, "BTC/USD", "ETH/USD", "ETH/USDC", "ETH/EUR"),
    }
    assert chosen(listed) == {
        UPBIT: ["BTC/KRW"],
        BINANCE: ["BTC/USDT", "ETH/USDC"],
        COINBASE: ["BTC/USD", "ETH/USD"],
    }


def test_rates_are_watched_wherever_they_are_listed() -> None:
    listed = {
        UPBIT: markets(UPBIT, "USDT/KRW", "USDC/KRW", "USDS/KRW"),
        BINANCE: markets(BINANCE, "USDC/USDT", "USDT/TRY"),
        COINBASE: markets(COINBASE, "USDT/USD", "USDT/EUR", "USDC/USDT"),
    }
    assert chosen(listed) == {
        UPBIT: ["USDC/KRW", "USDT/KRW"],
        BINANCE: ["USDC/USDT"],
        COINBASE: ["USDC/USDT", "USDT/USD"],
    }


def test_what_does_not_trade_and_what_is_no_spot_is_left_out() -> None:
    listed = {
        UPBIT: markets(UPBIT, "BTC/KRW", "XRP/KRW"),
        BINANCE: [
            Market(instrument(BINANCE, "XRP"), trading=False),
            Market(Instrument(BINANCE, "BTC", "USDT", Product.PERPETUAL)),
            Market(instrument(BINANCE, "BTC"), trading=True),
        ],
    }
    assert chosen(listed) == {UPBIT: ["BTC/KRW"], BINANCE: ["BTC/USDT"]}


def test_under_a_limit_favourites_come_first_then_what_most_venues_have() -> None:
    few = ["AAA/KRW", "BBB/KRW", "WIDE/KRW"]
    listed = {
        UPBIT: markets(UPBIT, *few, "USDT/KRW"),
        BINANCE: markets(BINANCE, "AAA/USDT", "BBB/USDT", "WIDE/USDT"),
        OKX: markets(OKX, "WIDE/USDT"),
    }
    limited = Policy(instruments_per_venue_max=2)
    assert chosen(listed, limited)[UPBIT] == ["USDT/KRW", "WIDE/KRW"]
    assert chosen(listed, limited)[BINANCE] == ["WIDE/USDT"]
    favourite = Policy(instruments_per_venue_max=2, favourites=("BBB",))
    assert chosen(listed, favourite)[UPBIT] == ["BBB/KRW", "USDT/KRW"]


def test_no_venue_watches_more_than_its_limit_and_none_watches_alone() -> None:
    coins = [f"C{number:03d}" for number in range(300)]
    listed = {
        venue: markets(venue, *(f"{coin}/{'KRW' if venue is UPBIT else 'USDT'}" for coin in coins))
        for venue in (UPBIT, BINANCE, OKX)
    }
    found = chosen(listed)
    assert {len(pairs) for pairs in found.values()} == {200}
    bases = [{pair.split("/")[0] for pair in pairs} for pairs in found.values()]
    assert bases[0] == bases[1] == bases[2], "the same coins fall out everywhere"


def test_names_join_and_part_before_anything_is_compared() -> None:
    listed = {
        UPBIT: markets(UPBIT, "TON/KRW", "PEPE/KRW"),
        BINANCE: markets(BINANCE, "TON/USDT", "1000PEPE/USDT"),
    }
    assert chosen(listed) == {UPBIT: ["PEPE/KRW"], BINANCE: ["1000PEPE/USDT"]}
    renamed = Names((AssetName(UPBIT, "TON", "TON"),))
    assert "TON/KRW" in chosen(listed, names=renamed)[UPBIT]


def test_the_plain_ticker_is_taken_before_the_multiplied_one() -> None:
    listed = {
        UPBIT: markets(UPBIT, "PEPE/KRW"),
        BINANCE: markets(BINANCE, "1000PEPE/USDT", "PEPE/USDC"),
    }
    assert chosen(listed)[BINANCE] == ["PEPE/USDC"]


def read(universe: Universe, venue: Venue, *pairs: str) -> tuple[list[str], list[Watch]]:
    """Names of facts, and commands."""
    event = MarketsRead(T0, venue, tuple(markets(venue, *pairs)))
    facts, commands = universe.read(event)
    told = [
        f"{'+' if isinstance(fact, MarketListed) else '-'}{fact.instrument.base}"
        for fact in facts
        if isinstance(fact, MarketListed | MarketDelisted)
    ]
    return told, [command for command in commands if isinstance(command, Watch)]


def test_what_to_watch_is_commanded_when_it_changes() -> None:
    universe = Universe(Names())
    assert read(universe, UPBIT, "BTC/KRW", "XRP/KRW") == ([], [Watch(UPBIT, ())])
    told, watch = read(universe, BINANCE, "BTC/USDT")
    assert told == [], "the first list is no news"
    assert watch == [
        Watch(UPBIT, (instrument(UPBIT, "BTC"),)),
        Watch(BINANCE, (instrument(BINANCE, "BTC"),)),
    ]
    assert read(universe, BINANCE, "BTC/USDT") == ([], [])


def test_listings_and_delistings_are_told() -> None:
    universe = Universe(Names())
    read(universe, UPBIT, "BTC/KRW", "XRP/KRW")
    read(universe, BINANCE, "BTC/USDT")
    told, watch = read(universe, BINANCE, "BTC/USDT", "XRP/USDT")
    assert told == ["+XRP"]
    assert {command.venue for command in watch} == {UPBIT, BINANCE}
    told, watch = read(universe, UPBIT, "XRP/KRW")
    assert told == ["-BTC"]
    assert universe.assets() == {"XRP": (instrument(BINANCE, "XRP"), instrument(UPBIT, "XRP"))}
    assert universe.count(UPBIT) == 1


def test_favourites_change_what_is_watched() -> None:
    universe = Universe(Names())
    limited = Policy(instruments_per_venue_max=1)
    universe.policy(limited)
    read(universe, UPBIT, "BTC/KRW", "XRP/KRW")
    read(universe, BINANCE, "BTC/USDT", "XRP/USDT")
    assert set(universe.assets()) == {"BTC"}
    commands = universe.policy(Policy(instruments_per_venue_max=1, favourites=("XRP",)))
    assert len(commands) == 2
    assert set(universe.assets()) == {"XRP"}


def test_a_market_s_steps_are_known_where_the_venue_says_them() -> None:
    universe = Universe(Names())
    read(universe, UPBIT, "BTC/KRW")
    found = universe.market(instrument(UPBIT, "BTC"))
    assert found is not None
    assert found.tick == "0.01"
    assert universe.market(instrument(BINANCE, "BTC")) is None


def test_rows_show_where_a_coin_is_and_what_holds_it_back() -> None:
    stand, universe = Stand(), Universe(Names())
    universe.policy(Policy(favourites=("XRP",)))
    read(universe, UPBIT, "BTC/KRW", "XRP/KRW", "XRP/BTC", "XRP/USDT", "LONE/KRW")
    read(universe, BINANCE, "BTC/USDT", "XRP/USDT", "XRP/USDC")
    read(universe, OKX, "BTC/USDT")
    for venue, base, price in (
        (UPBIT, "XRP", 3_400.0),
        (BINANCE, "XRP", 2.4),
        (UPBIT, "BTC", 142e6),
        (BINANCE, "BTC", 100e3),
        (UPBIT, "USDT", 1_420.0),
    ):
        stand.price(venue, base, price)
    stand.wallet(UPBIT, network(UPBIT, "BTC"))
    stand.tick()
    first, second = universe.rows(stand.identities, stand.wallets, stand.rack)
    assert (first.base, first.favourite) == ("XRP", True)
    assert first.venues == {"upbit": ("KRW", "USDT"), "binance": ("USDC", "USDT")}
    assert set(first.watched) == {"upbit", "binance"}
    assert first.routes == 2
    tick = first.tick_bps["upbit"]
    assert tick is not None
    assert round(tick, 4) == round(0.01 / 3_400 * 1e4, 4)
    assert second.base == "BTC"
    assert second.routes == 6
    assert second.tick_bps["okx"] is None

    decision = IdentityDecision("BTC", UPBIT, OKX, Verdict.DIFFERENT, "trader", T0)
    stand.policy(Policy(decisions=(decision,)))
    rows = {row.base: row for row in universe.rows(stand.identities, stand.wallets, stand.rack)}
    assert rows["BTC"].routes == 4
