"""The premium board and the matrix: rows as the dashboard shows them."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from app.domain.live import MarketRow, PremiumRow
from app.domain.venues import KOREAN, Venue
from app.routers.watching import drawing
from app.routers.watching.drawing import Axis, TapeDrawing
from app.routers.watching.routes import Chosen, figure, is_ranked, net, ranked
from app.routers.watching.showing import Beat
from app.routers.watching.tape import ABROAD
from app.texts import formats

ROWS_MAX = 14
UNRANKED_MAX = 3
COINS_IN_MATRIX_MAX = 11
# KuCoin's coins cannot be brought to Korea: its prices are for reference.
COLUMNS = (*ABROAD, Venue.KUCOIN)


@dataclass(frozen=True, slots=True)
class Money:
    """A price with the digits under its tick apart: 149,953 and ,000."""

    shown: str
    dim: str


@dataclass(frozen=True, slots=True)
class Line:
    """One coin. net: at the chosen size; profit_krw: the same in won; drawn: its tape.

    percentile: of the last day, or of `minutes` of it; month: of 30 days; 0..100.
    """

    row: PremiumRow
    name: str | None
    home: Money
    abroad: Money
    tick_bps: float | None
    net: float | None
    profit_krw: float | None
    percentile: float | None
    month: float | None
    minutes: int
    drawn: TapeDrawing
    age_s: float | None
    is_stale: bool
    is_ranked: bool


@dataclass(frozen=True, slots=True)
class Board:
    """lines: best first, what cannot be had last. hidden: how many more there are."""

    lines: tuple[Line, ...]
    axis: Axis
    hidden: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One route in the matrix. shown: in whole bps; reason: code of why there is no figure."""

    shown: str
    ink: str
    is_best: bool
    is_reference: bool
    reason: str | None


@dataclass(frozen=True, slots=True)
class MatrixRow:
    base: str
    name: str | None
    cells: tuple[Cell, ...]


def board(beat: Beat, chosen: Chosen) -> Board:
    """Worked out once a beat for each choice of home, size and favourites."""
    key = ("board", chosen.home, chosen.size_krw)
    return beat.once(key, lambda: _board(beat, chosen))


def _board(beat: Beat, chosen: Chosen) -> Board:
    showing = beat.showing
    best = showing.best.of(beat.premiums, chosen)
    order = ranked(best, chosen, beat.favourites, showing.orders, beat.at_ns)
    had = [row for row in order if is_ranked(row)]
    others = [row for row in order if not is_ranked(row)][:UNRANKED_MAX]
    now = beat.fresh([*had[: ROWS_MAX - len(others)], *others])
    shown = list(now.values())
    figures = [
        value
        for row in shown
        if is_ranked(row)
        for value in (row.kimchi_bps, row.usdlike_bps, net(row, chosen.size_krw))
        if value is not None
    ]
    scale = drawing.axis(figures)
    lines = tuple(_line(beat, chosen, row, scale) for row in shown)
    return Board(lines, scale, len(order) - len(shown))


def _line(beat: Beat, chosen: Chosen, row: PremiumRow, scale: Axis) -> Line:
    memory, past, market = beat.showing.memory, beat.showing.past, beat.markets.get(row.base)
    gain = net(row, chosen.size_krw)
    span = past.span(row) or memory.span(row.base, chosen.home.value)
    day, month = past.percentiles(row)
    if day is None:
        day = memory.percentile(row.base, chosen.home.value, row.usdlike_bps)
    into = row.sell_venue in KOREAN
    won, dollars = (row.sell_bid, row.buy_ask) if into else (row.buy_ask, row.sell_bid)
    there = row.buy_venue if into else row.sell_venue
    ages = [age for age in (row.buy_age_ms, row.sell_age_ms) if age is not None]
    age_s = max(ages) / 1000 if len(ages) == 2 else None
    return Line(
        row=row,
        name=market.korean_name if market else None,
        home=money(won, market, chosen.home),
        abroad=money(dollars, market, there),
        tick_bps=row.tick_bps,
        net=gain,
        profit_krw=None if gain is None else gain * chosen.size_krw / 10_000,
        percentile=day,
        month=month,
        minutes=span.minutes if span else 0,
        drawn=drawing.tape(
            scale,
            span,
            net=gain,
            usdlike=row.usdlike_bps,
            kimchi=row.kimchi_bps,
            break_even=row.break_even_bps,
        ),
        age_s=age_s,
        is_stale=age_s is None or age_s > beat.market.policy.book_age_s_max,
        is_ranked=is_ranked(row),
    )


def money(price: float | None, market: MarketRow | None, venue: Venue) -> Money:
    """By the venue's tick, where that is known."""
    if price is None:
        return Money(formats.NONE, "")
    tick_bps = market.tick_bps.get(venue.value) if market else None
    if not tick_bps:
        return Money(formats.price(price), "")
    decades = math.floor(math.log10(price * tick_bps / 10_000) + 0.05)
    if decades <= 0:
        return Money(formats.number(price, -decades), "")
    written = formats.number(price)
    if decades < 3:
        return Money(written, "")
    return Money(written[:-4], written[-4:]) if written[-4:] == ",000" else Money(written, "")


def matrix(beat: Beat, chosen: Chosen, bases: Sequence[str]) -> tuple[MatrixRow, ...]:
    """Coin × route: both won markets, all dollar markets, in one direction."""
    high = chosen.side == "high"
    wanted = frozenset(bases[:COINS_IN_MATRIX_MAX])
    found: dict[tuple[str, Venue, Venue], PremiumRow] = {}
    for row in beat.premiums:
        if row.base in wanted and row.direction == chosen.side:
            home, abroad = (
                (row.sell_venue, row.buy_venue) if high else (row.buy_venue, row.sell_venue)
            )
            found[row.base, home, abroad] = row
    homes = (Venue.UPBIT, Venue.BITHUMB)
    now = beat.fresh(found.values())
    found = {key: now[row.id] for key, row in found.items()}
    return tuple(
        MatrixRow(
            base,
            market.korean_name if (market := beat.markets.get(base)) else None,
            _cells([found.get((base, home, there)) for home in homes for there in COLUMNS], chosen),
        )
        for base in bases[:COINS_IN_MATRIX_MAX]
    )


def _cells(rows: Sequence[PremiumRow | None], chosen: Chosen) -> tuple[Cell, ...]:
    values = [None if row is None else figure(row, chosen.basis, chosen.size_krw) for row in rows]
    reference = [there is Venue.KUCOIN for _ in (0, 1) for there in COLUMNS]
    had = [
        value
        for value, row, only in zip(values, rows, reference, strict=True)
        if value is not None and row is not None and is_ranked(row) and not only
    ]
    best = max(had, default=None)
    cells = []
    for value, row, only in zip(values, rows, reference, strict=True):
        stands_apart = only or (row is not None and not is_ranked(row))
        shown = formats.number(value, signed=True) if value is not None else formats.NONE
        cells.append(
            Cell(
                shown=shown,
                ink="" if stands_apart else drawing.heat(value),
                is_best=value is not None and value == best and not stands_apart,
                is_reference=stands_apart,
                reason=None if row is None or value is not None else _reason(row, chosen),
            )
        )
    return tuple(cells)


def _reason(row: PremiumRow, chosen: Chosen) -> str | None:
    """Of a figure that is withheld."""
    if row.withheld is not None:
        return row.withheld
    return next((s.reason for s in row.sizes if s.size_krw == chosen.size_krw), None)
