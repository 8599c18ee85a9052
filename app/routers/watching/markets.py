"""Markets: every coin and where it stands: listed, watched, movable; filters, order and pages."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from app.domain.live import ChannelState, MarketRow, NetworkRow
from app.domain.markets import Flow
from app.domain.venues import KOREAN, Venue
from app.routers.watching.showing import Beat
from app.routers.watching.tape import LAMPS
from app.texts import LANGUAGES, hangul, text

ONLY = ("all", "favourites", "korea", "fenced", "quarantined")
SORTS = ("coin", "venues", "tick")
ROWS_MAX = 50
# KuCoin's coins cannot be brought to Korea: it stands last, as on the tape.
COLUMNS = LAMPS
# States in which a book may decide.
DECIDING = (ChannelState.LIVE, ChannelState.QUIET)


@dataclass(frozen=True, slots=True)
class Filters:
    """As the address says. page: from 1."""

    word: str
    only: str
    sort: str
    page: int


@dataclass(frozen=True, slots=True)
class Cell:
    """One coin at one venue. quote: the watched one, else the first listed; empty: not listed.

    more: how many other quotes are listed. withdraw, deposit: a Flow over all its networks.
    state: why its live book may decide nothing; empty: it may, or there is none.
    """

    venue: Venue
    quote: str
    quotes: tuple[str, ...]
    is_watched: bool
    state: str
    tick_bps: float | None
    withdraw: str
    deposit: str


@dataclass(frozen=True, slots=True)
class Row:
    """One coin. tick_bps: the coarsest of its watched markets."""

    market: MarketRow
    cells: tuple[Cell, ...]
    tick_bps: float | None


@dataclass(frozen=True, slots=True)
class Listing:
    """One page of the coins that pass. total: of all pages; all_coins: before filtering."""

    rows: tuple[Row, ...]
    total: int
    all_coins: int
    page: int
    pages: int


def filters(asked: Mapping[str, str]) -> Filters:
    """What is not known is as usual."""
    only, sort, page = asked.get("only", ""), asked.get("sort", ""), asked.get("page", "")
    return Filters(
        word=asked.get("q", "").strip(),
        only=only if only in ONLY else ONLY[0],
        sort=sort if sort in SORTS else SORTS[0],
        page=max(1, int(page)) if page.isdecimal() and len(page) < 5 else 1,
    )


def listing(beat: Beat, on: Filters) -> Listing:
    """Favourites first in their own order, then by what was chosen."""
    coins = list(beat.markets.values())
    kept = [row for row in coins if _is_among(row, on.only) and _is_named(row, on.word)]
    order = {base: place for place, base in enumerate(beat.market.policy.favourites)}
    kept.sort(key=lambda row: row.base)
    if on.sort == "venues":
        kept.sort(key=lambda row: -len(row.venues))
    elif on.sort == "tick":
        kept.sort(key=lambda row: -(coarsest(row) or 0.0))
    kept.sort(key=lambda row: order.get(row.base, len(order)))
    pages = max(1, -(-len(kept) // ROWS_MAX))
    page = min(on.page, pages)
    shown = kept[(page - 1) * ROWS_MAX : page * ROWS_MAX]
    networks = by_place(beat.networks)
    rows = tuple(Row(row, _cells(beat, row, networks), coarsest(row)) for row in shown)
    return Listing(rows, len(kept), len(coins), page, pages)


def counts(beat: Beat) -> dict[str, int]:
    coins = beat.markets.values()
    return {only: sum(_is_among(row, only) for row in coins) for only in ONLY}


def coarsest(row: MarketRow) -> float | None:
    return max((tick for tick in row.tick_bps.values() if tick is not None), default=None)


def _is_among(row: MarketRow, only: str) -> bool:
    match only:
        case "favourites":
            return row.favourite
        case "korea":
            return any(venue in row.venues for venue in KOREAN)
        case "fenced":
            return bool(row.fenced)
        case "quarantined":
            return row.identity == "quarantined"
        case _:
            return True


def _is_named(row: MarketRow, word: str) -> bool:
    """Every word is part of the ticker, of its Korean name or its 초성, or of a venue's name."""
    if not word:
        return True
    names = [row.base, row.korean_name or ""]
    venues = [text(lang, f"frame.venue.{each}") for each in row.venues for lang in LANGUAGES]
    return all(
        any(hangul.found(name, each) for name in names)
        or any(hangul.found(name, each) for name in venues)
        for each in word.split()
    )


Places = Mapping[tuple[str, str], Sequence[NetworkRow]]


def by_place(rows: Iterable[NetworkRow]) -> Places:
    """Networks by venue and asset."""
    found: dict[tuple[str, str], list[NetworkRow]] = {}
    for row in rows:
        found.setdefault((row.venue, row.asset), []).append(row)
    return found


def over_all(flows: Iterable[str]) -> str:
    """Open where one network is; closed where all are; else, and of none, not known."""
    found = set(flows)
    if Flow.OPEN in found:
        return Flow.OPEN
    return Flow.CLOSED if found == {Flow.CLOSED} else Flow.UNKNOWN


def _cells(beat: Beat, row: MarketRow, networks: Places) -> tuple[Cell, ...]:
    return tuple(_cell(beat, row, venue, networks) for venue in COLUMNS)


def _cell(beat: Beat, row: MarketRow, venue: Venue, networks: Places) -> Cell:
    quotes = row.venues.get(venue, ())
    prices = [beat.prices.get((venue.value, row.base, quote)) for quote in quotes]
    live = next((price for price in prices if price is not None), None)
    there = networks.get((venue, row.base), ())
    return Cell(
        venue=venue,
        quote=live.quote if live else next(iter(quotes), ""),
        quotes=tuple(quotes),
        is_watched=venue in row.watched,
        state="" if live is None or live.state in DECIDING else live.state,
        tick_bps=row.tick_bps.get(venue),
        withdraw=over_all(each.withdraw for each in there),
        deposit=over_all(each.deposit for each in there),
    )
