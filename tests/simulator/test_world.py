"""The world behind the protocols: names, paths, books, trades, candles, opportunities."""

from __future__ import annotations

import itertools
from decimal import Decimal

import pytest

from app.simulator.protocol import Listing
from app.simulator.venues import DIALECTS
from app.simulator.world.coins import KOREAN, cast, rounded
from app.simulator.world.world import World

AT_MS = 1_795_169_963_000
SHARES = {name: dialect.rules.share for name, dialect in DIALECTS.items()}


def world(seed: int = 1, *, coins: int = 12, rate: float = 400.0) -> World:
    return World(seed, coins, rate, DIALECTS, at_ms=AT_MS)


def every(made: World) -> list[Listing]:
    return [listing for by_symbol in made.listings.values() for listing in by_symbol.values()]


def play(made: World, seconds: float, *, step_ms: int = 50) -> int:
    """Advance; how many updates there were."""
    start = made._moved_ms
    return sum(
        sum(1 for _ in made.advance(start + at))
        for at in range(step_ms, int(seconds * 1_000) + 1, step_ms)
    )


# ---- who is in it ----------------------------------------------------------------------------


@pytest.mark.parametrize("seed", range(1, 9))
def test_every_seed_has_a_twin_and_a_fenced_coin(seed: int) -> None:
    made = cast(seed, 20, SHARES)
    twins = [coin for coin in made.coins if coin.ticker == made.twin]
    assert [coin.twin for coin in twins] == [False, True]
    assert not twins[0].venues & twins[1].venues
    ratio = twins[1].price_usd / twins[0].price_usd
    assert max(ratio, 1 / ratio) > 2
    assert "upbit" in twins[0].venues, "so that it can be compared in won"
    assert made.fenced != made.twin
    assert set(made.fenced_at) <= set(KOREAN)
    assert made.fenced_at


def test_the_names_depend_on_the_seed() -> None:
    casts = [cast(seed, 20, SHARES) for seed in range(1, 13)]
    assert len({made.twin for made in casts}) > 3
    assert len({made.fenced for made in casts}) > 3
    again = cast(3, 20, SHARES)
    assert again.coins == cast(3, 20, SHARES).coins


def test_the_majors_are_everywhere_and_money_trades_against_won() -> None:
    made = world()
    for venue, listings in made.listings.items():
        bases = {listing.base for listing in listings.values()}
        assert {"BTC", "ETH", "XRP"} <= bases, venue
    for venue in KOREAN:
        assert {"KRW-USDT", "KRW-USDC"} <= set(made.listings[venue])
    assert made.listings["binance"]["USDCUSDT"].base == "USDC"
    quotes = {listing.quote for listing in made.listings["coinbase"].values()}
    assert quotes == {"USD"}


def test_where_only_decimals_are_told_they_say_the_tick() -> None:
    made = world()
    for venue in ("gate", "bitget"):
        for listing in made.listings[venue].values():
            assert listing.tick == Decimal(1).scaleb(-listing.price_decimals), listing.symbol


def test_twins_have_other_contracts_and_the_fenced_coin_no_deposits() -> None:
    made = world(2, coins=20)
    twin, other = (coin for coin in made.cast.coins if coin.ticker == made.cast.twin)
    venue, elsewhere = min(twin.venues - set(KOREAN)), min(other.venues)
    contracts = [
        {net.contract for net in made.wallets(name)[made.cast.twin].networks}
        for name in (venue, elsewhere)
    ]
    assert not contracts[0] & contracts[1]
    for name in made.cast.fenced_at:
        networks = made.wallets(name)[made.cast.fenced].networks
        assert networks
        assert not any(net.deposit for net in networks)
    healthy = [net for net in made.wallets("upbit")["BTC"].networks if net.deposit]
    assert healthy


def test_hundreds_of_coins_can_be_asked_for() -> None:
    made = cast(5, 200, SHARES)
    tickers = [coin.ticker for coin in made.coins if not coin.twin]
    assert len(tickers) == len(set(tickers)) == 200


def test_the_same_seed_makes_the_same_books() -> None:
    first, second = world(4), world(4)
    play(first, 2)
    play(second, 2)
    for one, other in zip(every(first), every(second), strict=True):
        assert (one.symbol, one.last_id, one.bids, one.asks) == (
            other.symbol,
            other.last_id,
            other.bids,
            other.asks,
        )


# ---- books -----------------------------------------------------------------------------------


def test_nine_books_of_one_coin_differ_around_one_price() -> None:
    made = world()
    play(made, 3)
    books = [one for one in every(made) if one.base == "XRP" and one.quote != "USDC"]
    assert len(books) == 9
    assert len({one.tick for one in books}) > 1
    assert len({one.lot for one in books}) > 1
    assert len({len(one.bids.ticks) for one in books}) > 1
    delays = {dialect.rules.delay_ms for dialect in DIALECTS.values()}
    cadences = {dialect.rules.cadence for dialect in DIALECTS.values()}
    assert len(delays) > 4
    assert len(cadences) > 3
    won = made.paths.krw_per_usd()
    dollars = [float(one.bids.prices[0]) / (won if one.quote == "KRW" else 1.0) for one in books]
    assert max(dollars) / min(dollars) < 1.1
    assert len(set(dollars)) >= 7


def test_books_are_sorted_uncrossed_and_deep_whatever_happens() -> None:
    made = world(7)
    play(made, 60, step_ms=250)
    for listing in every(made):
        bids, asks = listing.bids, listing.asks
        assert bids.ticks == sorted(set(bids.ticks), reverse=True)
        assert asks.ticks == sorted(set(asks.ticks))
        assert bids.ticks[0] < asks.ticks[0]
        assert min(len(bids.ticks), len(asks.ticks)) >= 15, listing
        assert min(*bids.lots, *asks.lots) > 0
        for side in (bids, asks):
            assert [Decimal(text) for text in side.prices] == [
                tick * listing.tick for tick in side.ticks
            ]
            assert [Decimal(text) for text in side.quantities] == [
                lots * listing.lot for lots in side.lots
            ]


def test_changes_alone_rebuild_every_book() -> None:
    made = world(3)
    kept = {
        id(one): ({**_levels(one.bids)}, {**_levels(one.asks)}, one.last_id) for one in every(made)
    }
    start = made._moved_ms
    for at in range(50, 20_000, 50):
        for _, update in made.advance(start + at):
            listing = update.listing
            bids, asks, last_id = kept[id(listing)]
            assert listing.first_id == last_id + 1 == listing.previous_id + 1
            assert update.bids or update.asks
            for side, changes in ((bids, update.bids), (asks, update.asks)):
                for price, quantity in changes:
                    if quantity == "0":
                        side.pop(price, None)
                    else:
                        side[price] = quantity
            kept[id(listing)] = bids, asks, listing.last_id
            assert bids == _levels(listing.bids)
            assert asks == _levels(listing.asks)


def _levels(side: object) -> dict[str, str]:
    return dict(zip(side.prices, side.quantities, strict=True))  # type: ignore[attr-defined]


def test_trades_happen_at_the_best_price_of_the_book_before() -> None:
    made = world(6)
    best = {id(one): (one.bids.prices[0], one.asks.prices[0]) for one in every(made)}
    numbers = {id(one): one.trade_id for one in every(made)}
    start, count = made._moved_ms, 0
    for at in range(50, 10_000, 50):
        for trade, update in made.advance(start + at):
            listing = update.listing
            if trade is not None:
                count += 1
                assert trade.price == best[id(listing)][trade.bought]
                assert trade.id == numbers[id(listing)] + 1
                assert Decimal(trade.quantity) > 0
                numbers[id(listing)] = trade.id
            best[id(listing)] = listing.bids.prices[0], listing.asks.prices[0]
    assert count > 300


def test_the_rate_is_kept_and_a_sleep_is_not_made_up_for() -> None:
    made = world(rate=2_000.0)
    assert play(made, 5) == pytest.approx(10_000, abs=50)
    slept = sum(1 for _ in made.advance(made._moved_ms + 3_600_000))
    assert slept == 0


def test_a_price_that_leaves_its_band_gets_another_tick() -> None:
    made = world()
    row = next(i for i, coin in enumerate(made.assets) if coin.ticker == "XRP")
    before = made.listings["upbit"]["KRW-XRP"].tick
    made.paths.log[row] -= 2.0
    play(made, 2)
    made.bands()
    play(made, 2)
    listing = made.listings["upbit"]["KRW-XRP"]
    assert listing.tick <= before
    assert listing.bids.ticks[0] < listing.asks.ticks[0]
    fair = float(listing.bids.prices[0])
    assert listing.tick == DIALECTS["upbit"].rules.tick("KRW", fair)
    assert all(Decimal(price) % listing.tick == 0 for price in listing.asks.prices)


# ---- premiums --------------------------------------------------------------------------------


def premium(made: World, base: str) -> float:
    """Upbit over Binance at the Korean price of a dollar."""
    korean, dollar = made.listings["upbit"][f"KRW-{base}"], made.listings["binance"][f"{base}USDT"]
    mid = (float(korean.bids.prices[0]) + float(korean.asks.prices[0])) / 2
    other = (float(dollar.bids.prices[0]) + float(dollar.asks.prices[0])) / 2
    return mid / other / made.paths.krw_per_usd() * made.paths.usdt - 1


def test_premiums_jump_and_die() -> None:
    made = world(11, rate=800.0)
    bases = ["BTC", "ETH", "XRP", "SOL", "DOGE"]
    seen: dict[str, list[float]] = {base: [] for base in bases}
    for _ in range(240):
        play(made, 1, step_ms=100)
        for base in bases:
            seen[base].append(premium(made, base) * 1e4)
    highest = max(max(map(abs, values)) for values in seen.values())
    assert 60 < highest < 600
    quiet = sorted(abs(value) for values in seen.values() for value in values)
    assert quiet[len(quiet) // 2] < 25, "most of the time there is nothing to earn"
    crossings = sum(
        (one > 60) != (other > 60)
        for values in seen.values()
        for one, other in itertools.pairwise(values)
    )
    assert crossings >= 2, "what appears also dies"


def test_the_fenced_coin_stays_dear_where_nobody_can_bring_it() -> None:
    made = world(5, coins=20)
    play(made, 10)
    venue, base = made.cast.fenced_at[0], made.cast.fenced
    korean = made.listings[venue][f"KRW-{base}"]
    dollar = made.listings["binance"][f"{base}USDT"]
    ratio = float(korean.bids.prices[0]) / float(dollar.asks.prices[0]) / made.paths.krw_per_usd()
    assert 1.01 < ratio < 1.5


# ---- candles ---------------------------------------------------------------------------------


def test_candles_follow_one_another_for_a_week_and_end_at_the_book() -> None:
    made = world()
    play(made, 70, step_ms=500)
    listing = made.listings["upbit"]["KRW-BTC"]
    now_ms = made._moved_ms
    rows = made.candles(listing, now_ms - 120 * 60_000, now_ms + 1)
    assert len(rows) in {120, 121}
    assert all(b.start_ms - a.start_ms == 60_000 for a, b in itertools.pairwise(rows))
    for row in rows:
        low, high = Decimal(row.low), Decimal(row.high)
        assert low <= min(Decimal(row.open), Decimal(row.close))
        assert high >= max(Decimal(row.open), Decimal(row.close))
        assert Decimal(row.close) % listing.tick == 0
        assert Decimal(row.volume) > 0
    joined = [abs(float(b.open) / float(a.close) - 1) for a, b in itertools.pairwise(rows)]
    assert max(joined) < 0.003
    assert float(rows[-1].close) == pytest.approx(float(listing.bids.prices[0]), rel=0.02)
    assert made.candles(listing, now_ms - 30 * 86_400_000, now_ms - 20 * 86_400_000) == []
    assert rows[:100] == made.candles(listing, rows[0].start_ms, rows[100].start_ms), "for good"


@pytest.mark.parametrize(
    ("value", "digits", "text"),
    [(0.000123456, 2, "0.00012"), (1_234.5, 2, "1234"), (0.25, 1, "0.2"), (1e-12, 2, "0.00000001")],
)
def test_fees_are_short_texts(value: float, digits: int, text: str) -> None:
    assert rounded(value, digits) == text
