"""Coin: one coin's routes and networks, and what was chosen on its page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from app.domain.facts import Fact
from app.domain.live import NetworkRow, PremiumRow
from app.domain.policy import Policy
from app.domain.times import SECOND_NS
from app.routers.watching.happened import Happened, lines
from app.routers.watching.ladder import UNITS
from app.routers.watching.memory import COLUMNS
from app.routers.watching.routes import chosen, is_ranked, net
from app.routers.watching.showing import Beat
from app.routers.watching.tape import LAMPS, leader

SIDES = ("high", "low", "flat")
EVENTS_MAX = 12
POINT_S = 5


@dataclass(frozen=True, slots=True)
class View:
    """As the address says. route: `binance-upbit`, empty: the leading one."""

    side: str
    size_krw: float
    unit: str
    route: str


@dataclass(frozen=True, slots=True)
class RouteLine:
    """One route. net: at the chosen size; day, month: percentiles of the USDT basis, 0..100."""

    row: PremiumRow
    key: str
    net: float | None
    profit_krw: float | None
    reason: str | None
    day: float | None
    month: float | None
    age_s: float | None
    is_stale: bool
    is_ranked: bool


def view(asked: Mapping[str, str], policy: Policy) -> View:
    """What the address does not say, or says wrongly, is as usual."""
    sized = chosen(asked, policy.sizes_krw, policy.size_krw)
    side, unit = asked.get("side", ""), asked.get("unit", "")
    return View(
        side=side if side in SIDES else SIDES[0],
        size_krw=sized.size_krw,
        unit=unit if unit in UNITS else UNITS[0],
        route=asked.get("route", ""),
    )


def routes(beat: Beat, base: str) -> tuple[PremiumRow, ...]:
    return beat.once(("routes", base), lambda: beat.market.premiums((base,)))


def route_key(row: PremiumRow) -> str:
    return f"{row.buy_venue}-{row.sell_venue}"


def charted(beat: Beat, base: str, on: View) -> PremiumRow | None:
    """The route whose history is drawn: the chosen one, else the one that stands for the coin."""
    rows = routes(beat, base)
    named = next((row for row in rows if route_key(row) == on.route), None)
    return (
        named or leader([row for row in rows if row.direction == "high"]) or next(iter(rows), None)
    )


def lines_of(beat: Beat, base: str, on: View) -> list[RouteLine]:
    """In one direction; in steady places, best net first, what cannot be had last."""
    rows = {row.id: row for row in routes(beat, base) if row.direction == on.side}
    values = {}
    for key, row in rows.items():
        value = net(row, on.size_krw)
        worth = -20_000.0 if value is None else max(-9_999.0, min(9_999.0, value))
        values[key] = worth - (0 if is_ranked(row) else 100_000)
    order = beat.showing.orders.of(("coin", base, on.side, on.size_krw)).order(values, beat.at_ns)
    return [_line(beat, rows[key], on) for key in order]


def _line(beat: Beat, row: PremiumRow, on: View) -> RouteLine:
    gain = net(row, on.size_krw)
    day, month = beat.showing.past.percentiles(row)
    ages = [age for age in (row.buy_age_ms, row.sell_age_ms) if age is not None]
    age_s = max(ages) / 1000 if len(ages) == 2 else None
    sized = next((each.reason for each in row.sizes if each.size_krw == on.size_krw), None)
    return RouteLine(
        row=row,
        key=route_key(row),
        net=gain,
        profit_krw=None if gain is None else gain * on.size_krw / 10_000,
        reason=row.withheld or sized,
        day=day,
        month=month,
        age_s=age_s,
        is_stale=age_s is None or age_s > beat.market.policy.book_age_s_max,
        is_ranked=is_ranked(row),
    )


def networks(beat: Beat, base: str) -> list[NetworkRow]:
    """By venue in the page's order, and by network."""
    order = {venue: place for place, venue in enumerate(LAMPS)}
    rows = (row for row in beat.networks if row.asset == base)
    return sorted(rows, key=lambda row: (order[row.venue], row.network))


def events(beat: Beat, base: str) -> list[Happened]:
    """What happened to this coin, newest first."""
    return lines((fact for fact in beat.market.journal() if _base_of(fact) == base), EVENTS_MAX)


def _base_of(fact: Fact) -> str | None:
    for name in ("opportunity", "instrument"):
        found = getattr(fact, name, None)
        if found is not None:
            return str(found.base)
    base = getattr(fact, "base", None)
    return None if base is None else str(base)


def point(row: PremiumRow | None) -> dict[str, float | None] | None:
    """The newest point of a route's chart; one in POINT_S."""
    if row is None:
        return None
    figures = {name: getattr(row, f"{name}_bps") for name in COLUMNS}
    return {"time": row.at_ns // SECOND_NS // POINT_S * POINT_S} | figures
