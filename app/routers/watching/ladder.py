"""Ladder: one coin's books side by side, in won on one common ladder or each in its own money."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from app.domain.live import BookRow, MarketRow
from app.domain.venues import Venue
from app.routers.watching.board import Money, money
from app.routers.watching.showing import Beat
from app.routers.watching.tape import LAMPS
from app.texts import formats

UNITS = ("krw", "native")
RUNGS = 22
LEVELS = 10
# A book that stands further than this from the middle of all is not drawn on their ladder.
APART = 0.08
# Of the distance between the outermost best prices, so much is shown beyond them.
BEYOND = 0.3
STEPS = (1.0, 2.0, 5.0, 10.0)

Levels = Sequence[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Head:
    """One book over its column. rate: won for one of its quote. off: too far to be drawn."""

    venue: Venue
    quote: str
    state: str
    valid: bool
    age_s: float | None
    is_stale: bool
    bid: Money
    ask: Money
    spread_bps: float | None
    rate: float | None
    off: bool


@dataclass(frozen=True, slots=True)
class Rest:
    """What one book holds at one rung, in coins. Widths in percent of the column."""

    bid: float
    ask: float
    bid_width: float
    ask_width: float

    @property
    def quantity(self) -> float:
        return max(self.bid, self.ask)


@dataclass(frozen=True, slots=True)
class Rung:
    """A step of the common ladder, named by its lower end; cells in the order of the heads."""

    price: str
    cells: tuple[Rest | None, ...]


@dataclass(frozen=True, slots=True)
class Level:
    """One level of one book in its own money."""

    price: Money
    quantity: float
    width: float


@dataclass(frozen=True, slots=True)
class Books:
    """rungs: highest first; asks, bids: each row holds the books' own levels, highest first."""

    heads: tuple[Head, ...]
    rungs: tuple[Rung, ...]
    step: str
    asks: tuple[tuple[Level | None, ...], ...]
    bids: tuple[tuple[Level | None, ...], ...]


def books(beat: Beat, base: str, unit: str) -> Books:
    """Worked out once a beat for each unit."""
    return beat.once(("books", base, unit), lambda: _books(beat, base, unit))


def _books(beat: Beat, base: str, unit: str) -> Books:
    order = {venue: place for place, venue in enumerate(LAMPS)}
    rows = sorted(beat.market.books(base), key=lambda row: order[row.venue])
    market = beat.markets.get(base)
    middles = [price for row in rows if (price := _middle(row)) is not None]
    middle = median(middles) if middles else None
    heads = tuple(_head(beat, row, market, middle) for row in rows)
    if unit == "native":
        asks = _own([row.asks for row in rows], rows, market)
        return Books(heads, (), "", asks[::-1], _own([row.bids for row in rows], rows, market))
    rungs, step = _rungs(rows, heads)
    return Books(heads, rungs, step, (), ())


def _middle(row: BookRow) -> float | None:
    """In won; None of a book that says nothing about the price."""
    if not row.valid or not row.bids or not row.asks or row.krw_per_quote is None:
        return None
    return (row.bids[0][0] + row.asks[0][0]) / 2 * row.krw_per_quote


def _head(beat: Beat, row: BookRow, market: MarketRow | None, middle: float | None) -> Head:
    own = _middle(row)
    bid = row.bids[0][0] if row.bids else None
    ask = row.asks[0][0] if row.asks else None
    age_s = None if row.age_ms is None else row.age_ms / 1000
    return Head(
        venue=row.venue,
        quote=row.quote,
        state=row.state,
        valid=row.valid,
        age_s=age_s,
        is_stale=not row.valid or age_s is None or age_s > beat.market.policy.book_age_s_max,
        bid=money(bid, market, row.venue),
        ask=money(ask, market, row.venue),
        spread_bps=None if bid is None or ask is None else (ask / bid - 1) * 10_000,
        rate=row.krw_per_quote,
        off=own is None or middle is None or abs(own / middle - 1) > APART,
    )


def _own(
    sides: Sequence[Levels], rows: Sequence[BookRow], market: MarketRow | None
) -> tuple[tuple[Level | None, ...], ...]:
    """Row by row the n-th level of every book, the best first."""
    widest = [max((quantity for _, quantity in side[:LEVELS]), default=1.0) for side in sides]

    def level(place: int, n: int) -> Level | None:
        if n >= len(sides[place]):
            return None
        price, quantity = sides[place][n]
        width = round(100 * quantity / widest[place], 1)
        return Level(money(price, market, rows[place].venue), quantity, width)

    return tuple(tuple(level(place, n) for place in range(len(rows))) for n in range(LEVELS))


def _rungs(rows: Sequence[BookRow], heads: Sequence[Head]) -> tuple[tuple[Rung, ...], str]:
    drawn = [
        (row, row.krw_per_quote)
        for row, head in zip(rows, heads, strict=True)
        if not head.off and row.krw_per_quote is not None
    ]
    if not drawn:
        return (), ""
    lowest = min(row.bids[0][0] * rate for row, rate in drawn)
    highest = max(row.asks[0][0] * rate for row, rate in drawn)
    room = max((highest - lowest) * BEYOND, highest * 0.000_2)
    step = _step((highest - lowest + 2 * room) / RUNGS)
    first = math.floor((lowest + highest) / 2 / step - RUNGS / 2)
    digits = max(0, -math.floor(math.log10(step) + 1e-9))
    columns = [
        None if head.off else _held(row, first, step) for row, head in zip(rows, heads, strict=True)
    ]
    rungs = tuple(
        Rung(
            formats.number((first + n) * step, digits),
            tuple(None if column is None else column.get(n) for column in columns),
        )
        for n in reversed(range(RUNGS + 1))
    )
    return rungs, formats.number(step, digits)


def _step(least: float) -> float:
    """The next round number."""
    decade: float = 10.0 ** math.floor(math.log10(least))
    return decade * next(each for each in STEPS if each * decade >= least * (1 - 1e-9))


def _held(row: BookRow, first: int, step: float) -> dict[int, Rest]:
    """By rung, what rests there; a book's widest rung fills its column."""
    rate = row.krw_per_quote or 0.0
    sums: list[dict[int, float]] = []
    for levels in (row.bids, row.asks):
        found: dict[int, float] = {}
        for price, quantity in levels:
            place = math.floor(price * rate / step) - first
            found[place] = found.get(place, 0.0) + quantity
        sums.append(found)
    bids, asks = sums
    places = [place for place in {*bids, *asks} if 0 <= place <= RUNGS]
    most = max((max(bids.get(p, 0.0), asks.get(p, 0.0)) for p in places), default=1.0) or 1.0
    return {
        place: Rest(
            bid := bids.get(place, 0.0),
            ask := asks.get(place, 0.0),
            round(100 * bid / most, 1),
            round(100 * ask / most, 1),
        )
        for place in places
    }
