"""The world: one seed's coins, paths and books, and who trades what where."""

from __future__ import annotations

import math
from bisect import bisect_left
from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from random import Random

import numpy as np

from app.simulator.protocol import Candle, Dialect, Listing, Trade, Update, Wallet
from app.simulator.world.books import Maker, decimals_of
from app.simulator.world.coins import KOREAN, Cast, Coin, cast, wallet
from app.simulator.world.funds import start_purses
from app.simulator.world.paths import MINUTE_MS, STEP_S, Minute, Paths

QUOTES = ("KRW", "USD", "USDT", "USDC")
FENCE_BPS = (250.0, 800.0)
"""What a closed door adds to a price."""
USDC_COINS = 4
"""So many of the largest coins trade against USDC as well."""
STEPS_AT_ONCE_MAX = 20
SETTLED = 12
"""Updates of each book before the world begins."""
DRAWN = 8_192
BUSIEST, QUIETEST = 2.2, 0.35
"""Updates of a coin relative to the usual one."""


class World:
    """rate: book updates per second over all venues. Ids and prices are functions of the seed."""

    def __init__(
        self,
        seed: int,
        coins: int,
        rate: float,
        dialects: Mapping[str, type[Dialect]],
        *,
        at_ms: int,
    ) -> None:
        self.seed, self.rate = seed, rate
        self.cast: Cast = cast(
            seed, coins, {name: dialect.rules.share for name, dialect in dialects.items()}
        )
        self.dialects = dialects
        self.random = Random(f"books {seed}")
        self.assets: list[Coin] = [*self.cast.coins, *self.cast.stablecoins]
        venues = list(dialects)
        self.paths = Paths(
            seed,
            [coin.price_usd for coin in self.assets],
            [0.0 if coin in self.cast.stablecoins else coin.volatility for coin in self.assets],
            [venue in KOREAN for venue in venues],
            calm=len(self.cast.stablecoins),
            at_ms=at_ms,
        )
        self.listings: dict[str, dict[str, Listing]] = {venue: {} for venue in venues}
        self.makers: list[Maker] = []
        self.coins: dict[int, int] = {}
        """id of a listing → row of its coin in the paths."""
        weights = self._list(venues)
        self._fence(venues)
        self._fair: list[float] = []
        self._settle()
        self._weights = np.array(weights) / sum(weights)
        self._drawn: Iterator[int] = iter(())
        self._urgent: list[int] = []
        self._stepped_ms = self._moved_ms = at_ms
        self._credit = 0.0
        self.frozen: set[int] = set()
        """ids of listings whose books stand still (a silence of one symbol)."""

    # ---- beginning ---------------------------------------------------------------------------

    def _list(self, venues: list[str]) -> list[float]:
        weights, columns, rows, lags = [], [], [], []
        self._listed: list[tuple[Coin, str, str]] = []
        for column, venue in enumerate(venues):
            rules = self.dialects[venue].rules
            for row, coin in enumerate(self.assets):
                for quote in self._quotes(venue, row, coin, rules.quotes):
                    self._listed.append((coin, venue, quote))
                    columns.append(column)
                    rows.append(row)
                    lags.append(min(15, rules.delay_ms // 25))
                    busy = min(BUSIEST, max(QUIETEST, coin.liquidity))
                    weights.append(rules.cadence * busy)
        self._rows, self._columns = np.array(rows), np.array(columns)
        self._lags = np.array(lags, float)
        self._quoted = np.array([QUOTES.index(quote) for *_, quote in self._listed])
        self._refresh()
        for index, (coin, venue, quote) in enumerate(self._listed):
            listing = self._listing(coin, venue, quote, self._fair[index])
            self.listings[venue][listing.symbol] = listing
            self.coins[id(listing)] = rows[index]
            self.makers.append(
                Maker(
                    listing,
                    self.dialects[venue].rules,
                    self.random,
                    self._fair[index],
                    coin.liquidity if coin.ticker not in QUOTES else 3.0,
                )
            )
        self.index = {id(maker.listing): index for index, maker in enumerate(self.makers)}
        return weights

    def _quotes(self, venue: str, row: int, coin: Coin, quotes: tuple[str, ...]) -> Iterator[str]:
        """Coins against the venue's first quote; the largest against USDC too; money as listed."""
        first = quotes[0]
        if coin.ticker in {"USDT", "USDC"}:
            if coin.ticker != first and not (first == "USD" and coin.ticker == "USDC"):
                yield first
            return
        if venue not in coin.venues:
            return
        yield first
        if "USDC" in quotes[1:] and row < USDC_COINS:
            yield "USDC"

    def _listing(self, coin: Coin, venue: str, quote: str, fair: float) -> Listing:
        dialect = self.dialects[venue]
        rules = dialect.rules
        tick = rules.tick(quote, fair)
        dollars = fair / (self.paths.krw_per_usd() if quote == "KRW" else 1.0)
        lot = rules.lot(quote, dollars)
        first_id = Random(f"id {self.seed} {venue} {coin.ticker} {quote}").randrange(10**8, 10**9)
        return Listing(
            venue,
            coin.ticker,
            quote,
            dialect.symbol(coin.ticker, quote),
            coin.title,
            coin.title_ko,
            tick,
            lot,
            rules.minimum_value.get(quote, "1"),
            decimals_of(tick),
            decimals_of(lot),
            last_id=first_id,
            trade_id=first_id // 7,
        )

    def _fence(self, venues: list[str]) -> None:
        row = next(i for i, coin in enumerate(self.assets) if coin.ticker == self.cast.fenced)
        for venue in self.cast.fenced_at:
            if venue in venues:
                bps = self.random.uniform(*FENCE_BPS)
                self.paths.fence[row, venues.index(venue)] = bps

    def _settle(self) -> None:
        """Every book stands before anybody looks; a few trades have been."""
        self._refresh()
        at_ms = self.paths.minutes[-1].start_ms + MINUTE_MS
        for index, maker in enumerate(self.makers):
            while maker.listing.version < SETTLED or not maker.listing.trades:
                maker.move(self._fair[index], at_ms)

    # ---- time --------------------------------------------------------------------------------

    def advance(self, at_ms: int) -> Iterator[tuple[Trade | None, Update]]:
        """Everything that happens until at_ms, in order."""
        if abs(at_ms - self._stepped_ms) > STEPS_AT_ONCE_MAX * STEP_S * 1_000:
            # the machine slept, and the market with it; or somebody set its clock
            self._stepped_ms = self._moved_ms = at_ms
        while self._stepped_ms + STEP_S * 1_000 <= at_ms:
            self._stepped_ms += int(STEP_S * 1_000)
            self.paths.step(self._stepped_ms)
            self._refresh()
            for coin, column in self.paths.jumped:
                here = (self._rows == coin) & (self._columns == column)
                self._urgent += np.flatnonzero(here).tolist()
            self.paths.jumped.clear()
        self._credit += self.rate * max(0, at_ms - self._moved_ms) / 1_000
        self._moved_ms = at_ms
        urgent, self._urgent = self._urgent, []
        count = int(self._credit)
        self._credit -= count
        for index in urgent:
            yield from self._move(index, at_ms)
        for _ in range(count):
            yield from self._move(self._next(), at_ms)

    def _next(self) -> int:
        index = next(self._drawn, None)
        if index is None:
            drawn = self.paths.random.choice(len(self.makers), DRAWN, p=self._weights)
            self._drawn = iter(drawn.tolist())
            index = next(self._drawn)
        return index

    def _move(self, index: int, at_ms: int) -> Iterator[tuple[Trade | None, Update]]:
        maker = self.makers[index]
        if id(maker.listing) in self.frozen:
            return
        yield maker.move(self._fair[index], at_ms)

    def eat(
        self, listing: Listing, lots: Sequence[int], *, bought: bool, at_ms: int
    ) -> tuple[list[Trade], Update | None]:
        """A client took so much of the best levels. No update while the book is frozen: its next
        one tells it."""
        maker = self.makers[self.index[id(listing)]]
        trades = maker.eat(lots, bought=bought, at_ms=at_ms)
        if id(listing) in self.frozen:
            return [], None
        return trades, maker.told(at_ms)

    def _refresh(self) -> None:
        """Fair prices in quote, as each venue sees them now."""
        paths = self.paths
        usd = paths.seen(self._rows, self._columns, self._lags)
        stable = np.ones(len(self.assets))
        stable[-2], stable[-1] = paths.usdt, paths.usdc
        per_quote = np.array([paths.krw_per_usd(), 1.0, 1 / paths.usdt, 1 / paths.usdc])
        factors = per_quote[self._quoted]
        fair: list[float] = (usd * stable[self._rows] * factors).tolist()
        self._fair = fair

    def bands(self) -> None:
        """Once a second: prices in won that have left their tick's band."""
        for index, maker in enumerate(self.makers):
            listing = maker.listing
            if listing.quote == "KRW":
                fair = self._fair[index]
                tick = self.dialects[listing.venue].rules.tick("KRW", fair)
                if tick != listing.tick and not self._near(listing, fair):
                    maker.retick(tick, decimals_of(tick), fair)

    def _near(self, listing: Listing, fair: float) -> bool:
        """Just over an edge of a band: it may come back at once."""
        other = self.dialects[listing.venue].rules.tick
        return other("KRW", fair * 1.002) == listing.tick or (
            other("KRW", fair * 0.998) == listing.tick
        )

    # ---- what dialects ask -------------------------------------------------------------------

    def wallets(self, venue: str) -> dict[str, Wallet]:
        found: dict[str, Wallet] = {}
        for coin in self.assets:
            if venue in coin.venues or coin in self.cast.stablecoins:
                closed = coin.ticker == self.cast.fenced and venue in self.cast.fenced_at
                found[coin.ticker] = wallet(self.seed, venue, coin, closed=closed)
        return found

    def purses(self, venue: str, listings: Mapping[str, Listing]) -> dict[str, Decimal]:
        """What an account there has at the beginning."""
        return start_purses(self.seed, venue, self.assets, [one.quote for one in listings.values()])

    def candles(self, listing: Listing, start_ms: int, end_ms: int) -> list[Candle]:
        """Minutes of the path as this market would have traded them."""
        minutes = [*self.paths.minutes, self.paths.running()]
        low = bisect_left(minutes, start_ms, key=lambda minute: minute.start_ms)
        high = bisect_left(minutes, end_ms, key=lambda minute: minute.start_ms)
        return [self._candle(listing, minute) for minute in minutes[low:high]]

    def _candle(self, listing: Listing, minute: Minute) -> Candle:
        index = self.index[id(listing)]
        maker, row = self.makers[index], self._rows[index]
        stable = {"USDT": minute.usdt_usd, "USDC": minute.usdc_usd}
        first = last = stable.get(listing.base, 1.0) / stable.get(listing.quote, 1.0)
        if listing.quote == "KRW":
            first, last = first * minute.krw_open, last * minute.krw_close
        fence = self.paths.fence[row, self._columns[index]]
        key = f"{self.seed} {listing.venue} {listing.symbol}"
        first, last = (
            factor * math.exp((Random(f"{key} {at}").gauss(0, 6) + fence) * 1e-4)
            for factor, at in (
                (first, minute.start_ms),
                (last, minute.start_ms + MINUTE_MS),
            )
        )
        open_, close = minute.open[row] * first, minute.close[row] * last
        high = max(open_, close, minute.high[row] * (first + last) / 2)
        low = min(open_, close, minute.low[row] * (first + last) / 2)
        chance = Random(f"volume {key} {minute.start_ms}")
        lots = 1 + int(maker.size * chance.expovariate(0.25))
        value = lots * float(listing.lot) * (open_ + close) / 2

        def price(exact: float) -> str:
            return maker.price(max(1, round(float(exact) / maker.tick)))

        return Candle(
            minute.start_ms,
            price(open_),
            price(high),
            price(low),
            price(close),
            maker.quantity(lots),
            f"{value:.8f}".rstrip("0").rstrip("."),
            1 + chance.randrange(40),
        )

    def official_rate(self) -> float:
        """Won for a dollar, as banks quote it."""
        return self.paths.rate
