"""Theatre: a few simulated venues in this process, with prices that a seed has written.

The venues are the simulator's own: its dialects, desks, chains and books. Only who moves the
prices is ours, so that something pays at the beginning and may not pay any more later on.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from decimal import Decimal
from random import Random
from typing import Any, cast

import numpy as np
import numpy.typing as npt
from cryptography.hazmat.primitives.asymmetric import ec

from app.domain.markets import Instrument, Market
from app.domain.times import MS_NS
from app.domain.venues import KOREAN, Venue
from app.simulator import tls
from app.simulator.desk import VenueDesk
from app.simulator.part import Part
from app.simulator.protocol import Candle, Keys, Listing, Rules, Trade, Update, Wallet
from app.simulator.serve import PASSPHRASE
from app.simulator.trading import Deposit, Fill, Order, Purse, Withdrawal
from app.simulator.transfers import Journey, Transfers
from app.simulator.venues import DIALECTS
from app.simulator.world.books import Maker, decimals_of
from app.simulator.world.catalogue import CHAINS
from app.simulator.world.coins import Coin, wallet
from app.simulator.world.world import World
from tests.simulation.process import world_ns

KRW = 1_400.0
LEVELS = 10
LEVELS_TOLD = 10
COINS = (
    ("XRP", "Ripple", 2.3, ("ripple",)),
    ("SOL", "Solana", 187.0, ("solana",)),
    ("TRX", "Tron", 0.27, ("tron",)),
    ("DOGE", "Dogecoin", 0.24, ("dogecoin",)),
    ("ETH", "Ethereum", 3_400.0, ("ethereum", "arbitrum")),
    ("LINK", "Chainlink", 19.4, ("ethereum",)),
    ("XLM", "Stellar-Lumens", 0.334, ("stellar",)),
)
TETHER = ("USDT", "Tether", 1.0, ("tron", "solana", "arbitrum"))
FOREIGN = tuple(venue for venue in Venue if venue not in KOREAN)
Figures = npt.NDArray[np.float64]
_PEM = tls.ec_key_pem(ec.generate_private_key(ec.SECP256R1())).decode()


@dataclass(slots=True)
class Edge:
    """What one coin costs more at one venue, in bps: from the beginning until it falls."""

    bps: float
    falls_at_s: float
    rest_bps: float

    def at(self, now_s: float) -> float:
        return self.bps if now_s < self.falls_at_s else self.rest_bps


class Prices:
    """Stands where the simulator's world stands; moved once a second by `beat`."""

    def __init__(self, seed: int, venues: Sequence[Venue], random: Random) -> None:
        self.seed = seed
        self.random = random
        self.frozen: set[int] = set()
        self.assets = [_coin(row, venues) for row in (*random.sample(COINS, 3), TETHER)]
        self.edges: dict[tuple[str, str], Edge] = {}
        self.listings: dict[str, dict[str, Listing]] = {venue.value: {} for venue in venues}
        self.makers: dict[int, Maker] = {}
        self._coins: dict[int, Coin] = {}
        self._list(venues)

    def _list(self, venues: Sequence[Venue]) -> None:
        for venue in venues:
            rules = DIALECTS[venue.value].rules
            for coin in self.assets:
                quote = _quote(venue)
                if coin.ticker != quote:
                    self._open(venue.value, coin, quote, rules)

    def _open(self, venue: str, coin: Coin, quote: str, rules: Rules) -> None:
        dialect = DIALECTS[venue]
        fair = self.fair(venue, coin, quote, 0.0)
        tick, lot = rules.tick(quote, fair), rules.lot(quote, coin.price_usd)
        listing = Listing(
            venue, coin.ticker, quote, dialect.symbol(coin.ticker, quote), coin.title,
            coin.title_ko, tick, lot, rules.minimum_value.get(quote, "1"), decimals_of(tick),
            decimals_of(lot), last_id=1_000, trade_id=100,
        )  # fmt: skip
        self.listings[venue][listing.symbol] = listing
        self._coins[id(listing)] = coin
        narrow = replace(rules, levels=LEVELS)
        maker = Maker(listing, narrow, self.random, fair, 3.0)
        self.makers[id(listing)] = maker
        maker.move(fair, 0)

    def fair(self, venue: str, coin: Coin, quote: str, now_s: float) -> float:
        edge = self.edges.get((venue, coin.ticker))
        bps = 0.0 if edge is None else edge.at(now_s)
        wave = 3.0 * math.sin(now_s / 37.0 + len(venue))
        base = coin.price_usd * (KRW if quote == "KRW" else 1.0)
        return base * (1.0 + (bps + wave) / 10_000.0)

    def beat(self, now_s: float, at_ms: int) -> Iterator[tuple[Trade | None, Update]]:
        for key, maker in self.makers.items():
            if key not in self.frozen:
                listing = maker.listing
                fair = self.fair(listing.venue, self._coins[key], listing.quote, now_s)
                tick = DIALECTS[listing.venue].rules.tick(listing.quote, fair)
                if listing.quote == "KRW" and tick != listing.tick:
                    maker.retick(tick, decimals_of(tick), fair)
                yield maker.move(fair, at_ms)

    # What parts and desks ask of a world

    def wallets(self, venue: str) -> dict[str, Wallet]:
        return {coin.ticker: wallet(self.seed, venue, coin, closed=False) for coin in self.assets}

    def purses(self, venue: str, _listings: Mapping[str, Listing]) -> dict[str, Decimal]:
        money = "100000000" if _quote(Venue(venue)) == "KRW" else "60000"
        found = {_quote(Venue(venue)): Decimal(money)}
        for coin in self.assets:
            found.setdefault(coin.ticker, Decimal(round(4_000 / coin.price_usd) or 1))
        return found

    def eat(
        self, listing: Listing, lots: Sequence[int], *, bought: bool, at_ms: int
    ) -> tuple[list[Trade], Update | None]:
        maker = self.makers[id(listing)]
        trades = maker.eat(lots, bought=bought, at_ms=at_ms)
        return trades, None if id(listing) in self.frozen else maker.told(at_ms)

    def candles(self, listing: Listing, start_ms: int, end_ms: int) -> list[Candle]:
        return []


def _coin(row: tuple[str, str, float, tuple[str, ...]], venues: Sequence[Venue]) -> Coin:
    ticker, title, price, chains = row
    assert all(chain in CHAINS for chain in chains)
    return Coin(ticker, title, title, price, chains, 3.0, venues={each.value for each in venues})


def _quote(venue: Venue) -> str:
    if venue in KOREAN:
        return "KRW"
    return "USD" if venue is Venue.COINBASE else "USDT"


class Shaving(Transfers):
    """shaves: so many arrivals are credited with a little less than was sent (H34)."""

    shaves = 0

    def _be_seen(self, one: Journey, at_ms: int) -> bool:
        is_over = super()._be_seen(one, at_ms)
        if self.shaves and one.deposit is not None:
            self.shaves -= 1
            less = one.withdrawal.fee * Decimal("0.25")
            one.deposit.amount -= less
            self.network_fees[one.deposit.asset] += less
        return is_over

    def _confirm(self, one: Journey, at_ms: int) -> bool:
        """What is sent back is what the sender's list says: all of it."""
        deposit, receiver = one.deposit, one.receiver
        assert deposit is not None and receiver is not None
        active = receiver.part.faults.active.values()
        if any(fault.kind == "deposit_return" for fault in active):
            self.network_fees[deposit.asset] -= one.withdrawal.amount - deposit.amount
            deposit.amount = one.withdrawal.amount
        return super()._confirm(one, at_ms)


class SlowDesk(VenueDesk):
    """hides_ms: what happened so lately is not in any list yet, while a question is answered."""

    hides_ms = 0
    is_wrong = False

    def purses(self) -> dict[str, Purse]:
        """Wrong: one of them has not heard of anything yet."""
        found = super().purses()
        if not self.is_wrong:
            return found
        asset = max(found)
        return {**found, asset: Purse(found[asset].free + 7, found[asset].locked)}

    def _shown(self, rows: Sequence[Any]) -> list[Any]:
        if not self.hides_ms:
            return list(rows)
        latest = self.part.now_ms() - self.hides_ms
        return [row for row in rows if _made_ms(row) <= latest]

    def order(self, order_id: str) -> Order | None:
        found = super().order(order_id)
        return found if found is None or self._shown([found]) else None

    def by_client_id(self, client_id: str) -> list[Order]:
        return self._shown(super().by_client_id(client_id))

    def orders(self, listing: Listing | None = None) -> Sequence[Order]:
        return self._shown(super().orders(listing))

    def fills(self, listing: Listing | None = None) -> Sequence[Fill]:
        return self._shown(super().fills(listing))

    def withdrawals(self, asset: str | None = None) -> Sequence[Withdrawal]:
        return self._shown(super().withdrawals(asset))

    def deposits(self, asset: str | None = None) -> Sequence[Deposit]:
        return self._shown(super().deposits(asset))


def _made_ms(row: Any) -> int:
    made: int = row.at_ms if isinstance(row, Fill) else row.created_ms
    return made


@dataclass
class Theatre:
    """venues: of this seed. `now_s` is the loop's; nothing happens but in `beat` and `hand_in`."""

    seed: int
    venues: tuple[Venue, ...]
    prices: Prices
    transfers: Shaving
    parts: dict[Venue, Part] = field(default_factory=dict)
    silent_until: dict[Venue, float] = field(default_factory=dict)
    """Venues whose books nobody hears of."""
    wrong_until: dict[Venue, float] = field(default_factory=dict)
    """Venues that tell wrong balances."""
    markets: dict[tuple[Venue, tuple[Decimal, ...]], tuple[Market, ...]] = field(
        default_factory=dict
    )
    """By the ticks at the time."""
    _figures: dict[int, tuple[int, Figures, Figures]] = field(default_factory=dict)

    @classmethod
    def built(cls, seed: int) -> Theatre:
        random = Random(f"theatre {seed}")
        venues = chosen(seed, random)
        prices = Prices(seed, venues, random)
        theatre = cls(seed, venues, prices, Shaving(seed, random.choice((4.0, 12.0, 40.0))))
        for venue in venues:
            theatre.parts[venue] = theatre._part(venue)
        theatre._write(random)
        return theatre

    def _part(self, venue: Venue) -> Part:
        name = venue.value
        pem = _PEM if venue is Venue.COINBASE else ""
        keys = Keys(f"sim-{name}", f"sim-{name}-secret", PASSPHRASE, pem)
        part = Part(cast("World", self.prices), name, keys, self.now_ms, self.transfers)
        part.desk.__class__ = SlowDesk
        part.dialect = DIALECTS[name](part)
        assert part.dialect.private is not None
        part.desk.private = part.dialect.private
        return part

    def _write(self, random: Random) -> None:
        """Each coin pays on one route at first; some of them not for long."""
        for coin in self.prices.assets[:-1]:
            where = random.choice(self.venues).value
            size = random.uniform(200.0, 600.0) * random.choice((1, 1, 1, -1))
            falls_at = random.choice((25.0, 60.0, 1e9, 1e9, 1e9))
            self.prices.edges[where, coin.ticker] = Edge(
                size, falls_at, random.choice((0.0, 20.0, -60.0))
            )

    def now_ms(self) -> int:
        return world_ns() // MS_NS

    def beat(self, now_s: float, *, moves: bool) -> None:
        at_ms = self.now_ms()
        if moves:
            for trade, update in self.prices.beat(now_s, at_ms):
                self.parts[Venue(update.listing.venue)].happened(trade, update)
        self.transfers.beat(at_ms)
        for part in self.parts.values():
            part.faults.expire(at_ms)
            part.desk.beat(at_ms)

    def instruments(self, venue: Venue) -> list[tuple[Instrument, Listing]]:
        return [
            (Instrument(venue, one.base, one.quote), one)
            for one in self.prices.listings[venue.value].values()
        ]

    def figures(self, listing: Listing) -> tuple[Figures, Figures]:
        """Bids and asks as a ladder holds them, the best last; made once for all who look."""
        found = self._figures.get(id(listing))
        if found is None or found[0] != listing.version:
            bids, asks = rows(listing)
            made = [np.array(side[::-1], np.float64) for side in (bids, asks)]
            found = self._figures[id(listing)] = (listing.version, made[0], made[1])
        return found[1], found[2]

    def known_withdrawals(self) -> list[Withdrawal]:
        return [one for part in self.parts.values() for one in part.desk.withdrawals()]

    @contextmanager
    def answering(self, venue: Venue, hides_ms: int, *, wrong: bool) -> Iterator[None]:
        """How it sees its own books while it answers one question."""
        desk = self.parts[venue].desk
        assert isinstance(desk, SlowDesk)
        desk.hides_ms, desk.is_wrong = hides_ms, wrong
        try:
            yield
        finally:
            desk.hides_ms, desk.is_wrong = 0, False


def rows(listing: Listing) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
    """Its best levels, as texts."""
    bids, asks = listing.bids, listing.asks
    return (
        list(zip(bids.prices[:LEVELS_TOLD], bids.quantities, strict=False)),
        list(zip(asks.prices[:LEVELS_TOLD], asks.quantities, strict=False)),
    )


def chosen(seed: int, random: Random) -> tuple[Venue, ...]:
    """One venue in won or both, two or three others; each of them equally often."""
    foreign = [FOREIGN[seed % len(FOREIGN)]]
    foreign += random.sample([venue for venue in FOREIGN if venue not in foreign], 1)
    if random.random() < 0.4:
        foreign += random.sample([venue for venue in FOREIGN if venue not in foreign], 1)
    korean = [Venue.UPBIT, Venue.BITHUMB]
    if random.random() < 0.75:
        korean = [korean[seed // 7 % 2]]
    return tuple(sorted({*korean, *foreign}, key=list(Venue).index))
