"""Opportunities: tabs, filters and rows of the list."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from app.domain.live import Gate, NearMiss, Opportunity
from app.routers.watching import drawing
from app.routers.watching.drawing import Bar
from app.routers.watching.showing import Beat
from app.texts import LANGUAGES, hangul, text

TABS = ("live", "refused", "near", "closed", "quarantined")
DETECTORS = ("kimchi", "spatial", "triangular", "statistical", "funding")
SORTS = ("net", "time")
# Refusals that doubt the coin itself; a person may decide.
APART = ("IDENTITY", "FENCED")
ROWS_MAX = 60
CLOSED_MAX = 100


@dataclass(frozen=True, slots=True)
class Filters:
    """As the address says. net_bps: at least; None: any. shown: the id that is explained."""

    tab: str
    word: str
    detector: str
    net_bps: float | None
    sort: str
    shown: str

    @property
    def key(self) -> tuple[object, ...]:
        return (self.tab, self.word, self.detector, self.net_bps, self.sort)


@dataclass(frozen=True, slots=True)
class Row:
    """One line of any tab. id: of the opportunity, empty where there is nothing to explain."""

    key: str
    id: str
    base: str
    buy: str
    sell: str
    detector: str
    net_bps: float | None
    size_krw: float
    profit_krw: float | None
    at_ns: int
    opened_at_ns: int | None
    closed_at_ns: int | None
    status: str
    code: str | None
    gate: Gate | None
    bars: tuple[Bar, ...]
    ages_ms: tuple[float | None, ...]
    path: str = ""


def filters(asked: Mapping[str, str]) -> Filters:
    """What is not known is as usual."""
    tab, sort, detector = (asked.get(name, "") for name in ("tab", "sort", "detector"))
    return Filters(
        tab=tab if tab in TABS else TABS[0],
        word=asked.get("q", "").strip(),
        detector=detector if detector in DETECTORS else "",
        net_bps=_number(asked.get("net", "")),
        sort=sort if sort in SORTS else SORTS[0],
        shown=asked.get("shown", ""),
    )


def _number(written: str) -> float | None:
    try:
        value = float(written.replace(",", "").replace("\N{MINUS SIGN}", "-"))
    except ValueError:
        return None
    return value if math.isfinite(value) and abs(value) < 1e6 else None


def counts(beat: Beat) -> dict[str, int | None]:
    """How many rows a tab has; of the closed ones nobody counts."""
    refused = beat.market.refused()
    apart = sum(row.code in APART for row in refused)
    return {
        "live": len(beat.market.opportunities()),
        "refused": len(refused) - apart,
        "near": len(beat.market.near_misses()),
        "closed": None,
        "quarantined": apart,
    }


def rows(beat: Beat, on: Filters, closed: Sequence[Opportunity] = ()) -> list[Row]:
    """Of one tab, filtered, in their places; at most ROWS_MAX of those that move."""
    market = beat.market
    if on.tab == "near":
        found = [_near(miss, beat) for miss in market.near_misses()]
    elif on.tab == "closed":
        found = [_row(each, beat) for each in closed]
    elif on.tab == "live":
        found = [_row(each, beat) for each in market.opportunities()]
    else:
        apart = on.tab == "quarantined"
        found = [_row(each, beat) for each in market.refused() if (each.code in APART) is apart]
    kept = {row.key: row for row in found if _passes(row, on, beat)}
    if on.tab == "closed" and on.sort == "time":
        return list(kept.values())
    if on.sort == "time":
        return sorted(kept.values(), key=lambda row: (-row.at_ns, row.key))[:ROWS_MAX]
    values = {key: -1e9 if row.net_bps is None else row.net_bps for key, row in kept.items()}
    order = beat.showing.orders.of(on.key).order(values, beat.at_ns)
    return [kept[key] for key in order[: CLOSED_MAX if on.tab == "closed" else ROWS_MAX]]


def _row(row: Opportunity, beat: Beat) -> Row:
    shut = next((gate for gate in row.gates if not gate.passed), None)
    return Row(
        key=row.id,
        id=row.id,
        base=row.base,
        buy=row.buy_venue,
        sell=row.sell_venue,
        detector=row.detector,
        net_bps=row.net_bps,
        size_krw=row.size_krw,
        profit_krw=row.profit_krw,
        at_ns=row.closed_at_ns or row.updated_at_ns,
        opened_at_ns=row.opened_at_ns,
        closed_at_ns=row.closed_at_ns,
        status=row.status,
        code=row.code,
        gate=shut,
        bars=drawing.freshness(row.ages_ms, beat.market.policy),
        ages_ms=row.ages_ms,
        path=row.path,
    )


def _near(miss: NearMiss, beat: Beat) -> Row:
    route = miss.premium
    ages = (route.buy_age_ms, route.sell_age_ms, route.tether_age_ms, route.wallet_age_ms)
    net = route.realizable_bps
    size = route.realizable_size_krw
    return Row(
        key=route.id.replace(":", "-"),
        id="",
        base=route.base,
        buy=route.buy_venue,
        sell=route.sell_venue,
        detector="kimchi" if route.direction != "flat" else "spatial",
        net_bps=net,
        size_krw=size,
        profit_krw=None if net is None else net * size / 10_000,
        at_ns=route.at_ns,
        opened_at_ns=None,
        closed_at_ns=None,
        status="NEAR",
        code=miss.gate.code,
        gate=miss.gate,
        bars=drawing.freshness(ages, beat.market.policy),
        ages_ms=ages,
    )


def _passes(row: Row, on: Filters, beat: Beat) -> bool:
    if on.detector and row.detector != on.detector:
        return False
    if on.net_bps is not None and (row.net_bps is None or row.net_bps < on.net_bps):
        return False
    return not on.word or all(_named(row, word, beat) for word in on.word.split())


def _named(row: Row, word: str, beat: Beat) -> bool:
    """By coin, its Korean name, a venue in either language or in short, a code."""
    market = beat.markets.get(row.base)
    names = [row.base, row.code or "", row.status, row.buy, row.sell]
    names += [
        text(lang, f"frame.venue.{venue}") for lang in LANGUAGES for venue in (row.buy, row.sell)
    ]
    if market and market.korean_name:
        names.append(market.korean_name)
    return any(hangul.found(name, word) for name in names)
