"""Walking: the depth-walk calculator's fields: from live books or as typed, and what is taken."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.domain.live import BookRow, NetworkRow, PremiumRow
from app.domain.policy import Fee
from app.domain.problems import FieldError, Problem
from app.routers.watching.coin import route_key
from app.routers.watching.showing import Beat
from app.runtime.calculator import LEVELS_MAX, Walk, depth_walk
from app.texts import formats

SIDES = ("asks", "bids")
# Name → smallest and largest value; those of OPTIONAL may be left empty.
NUMBERS: dict[str, tuple[float, float]] = {
    "buy_fee_bps": (-9_999.0, 9_999.0),
    "sell_fee_bps": (-9_999.0, 9_999.0),
    "buy_fx": (1e-12, 1e12),
    "sell_fx": (1e-12, 1e12),
    "withdrawal_fee": (0.0, 1e18),
    "max_notional": (1e-18, 1e18),
    "lot_step": (0.0, 1e18),
}
OPTIONAL = ("max_notional", "lot_step")
USUAL = {"withdrawal_fee": "0", "buy_fx": "1", "sell_fx": "1"}
SMALLEST, LARGEST = 1e-18, 1e18
ROWS_MAX = 40

_BETWEEN = re.compile(r"[\s,;]+")

Levels = list[tuple[float, float]]


@dataclass(frozen=True, slots=True)
class Source:
    """Where a prefilled number comes from. kind: a text below `walk.source.`."""

    kind: str
    values: Mapping[str, object] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Filled:
    """What stands in the form. route: the live one that it was taken from."""

    values: Mapping[str, str]
    sources: Mapping[str, Source] = field(default_factory=dict)
    route: PremiumRow | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """One level and how much of it is taken, 0..1; width: of the deepest level, in percent."""

    price: float
    quantity: float
    share: float
    width: float


@dataclass(frozen=True, slots=True)
class Done:
    """A walk with the levels that it looked at."""

    walk: Walk
    asks: tuple[Taken, ...]
    bids: tuple[Taken, ...]


def live(beat: Beat, base: str, key: str, fees: Sequence[Fee]) -> Filled | None:
    """A route's books as they are now, with its fees and rates; None where they are not there."""
    route = next((row for row in beat.market.premiums((base,)) if route_key(row) == key), None)
    if route is None:
        return None
    books = {row.venue: row for row in beat.market.books(base)}
    buy, sell = books.get(route.buy_venue), books.get(route.sell_venue)
    if buy is None or sell is None:
        return None
    values = {"asks": written(buy.asks), "bids": written(sell.bids)}
    sources: dict[str, Source] = {}
    for side, row in (("buy", buy), ("sell", sell)):
        _fill_fee(values, sources, f"{side}_fee_bps", row, fees)
        values[f"{side}_fx"] = "" if row.krw_per_quote is None else f"{row.krw_per_quote:.10g}"
        kind = "won" if row.quote == "KRW" else "fx"
        sources[f"{side}_fx"] = Source(kind, {"quote": row.quote})
    _fill_withdrawal(beat, values, sources, route, buy)
    lots = [float(row.lot) for row in (buy, sell) if row.lot]
    values["lot_step"] = f"{max(lots):.10g}" if lots else ""
    sources["lot_step"] = Source("lot")
    values["max_notional"] = f"{beat.market.policy.size_krw:.0f}"
    sources["max_notional"] = Source("size")
    return Filled(values, sources, route)


def _fill_fee(
    values: dict[str, str], sources: dict[str, Source], name: str, row: BookRow, fees: Sequence[Fee]
) -> None:
    known = {(fee.venue, fee.quote): fee for fee in fees}
    fee = known.get((row.venue, row.quote)) or known.get((row.venue, None))
    if fee is None or fee.taker_bps is None:
        values[name] = ""
        sources[name] = Source("fee_unknown")
        return
    values[name] = f"{fee.taker_bps:g}"
    sources[name] = Source("fee", {"source": fee.source, "as_of_ns": fee.as_of_ns})


def _fill_withdrawal(
    beat: Beat, values: dict[str, str], sources: dict[str, Source], route: PremiumRow, buy: BookRow
) -> None:
    """In won: what the route's network takes of the coin, at the price of buying it."""
    network = _network(beat.networks, route)
    rate = buy.krw_per_quote
    if network is None or network.fee is None or rate is None or not buy.asks:
        values["withdrawal_fee"] = ""
        sources["withdrawal_fee"] = Source("withdrawal_unknown")
        return
    values["withdrawal_fee"] = f"{float(network.fee) * buy.asks[0][0] * rate:.10g}"
    told = {"amount": network.fee, "asset": network.asset, "network": network.network}
    sources["withdrawal_fee"] = Source("withdrawal", told)


def _network(rows: Sequence[NetworkRow], route: PremiumRow) -> NetworkRow | None:
    if route.network is None:
        return None
    there = (row for row in rows if row.venue is route.buy_venue and row.asset == route.base)
    return next((row for row in there if route.network in {row.network, row.chain}), None)


def written(levels: Sequence[tuple[float, float]]) -> str:
    return "\n".join(f"{price:.12g} {quantity:.12g}" for price, quantity in levels)


def typed(form: Mapping[str, object]) -> Filled:
    names = (*SIDES, *NUMBERS)
    return Filled({name: str(form.get(name, USUAL.get(name, ""))).strip() for name in names})


def walked(filled: Filled) -> Done:
    """Problem invalid_fields names every field that cannot be read."""
    errors: list[FieldError] = []
    sides = {name: _levels(name, filled.values.get(name, ""), errors) for name in SIDES}
    numbers = {name: _number(name, filled.values.get(name, ""), errors) for name in NUMBERS}
    if errors:
        raise Problem("invalid_fields", errors=tuple(errors))
    walk = depth_walk(sides["asks"], sides["bids"], **numbers)  # type: ignore[arg-type]
    return Done(walk, taken(sides["asks"], walk.quantity), taken(sides["bids"], walk.quantity))


def taken(levels: Levels, quantity: float) -> tuple[Taken, ...]:
    """The first levels, best first, and the part of each that makes up the quantity."""
    shown = [each for each in levels if each[1] > 0][:ROWS_MAX]
    deepest = max((held for _, held in shown), default=1.0)
    left, found = quantity, []
    for price, held in shown:
        part = min(left, held)
        left -= part
        found.append(Taken(price, held, part / held, round(49 * held / deepest, 1)))
    return tuple(found)


def _levels(name: str, text: str, errors: list[FieldError]) -> Levels:
    """One `price quantity` a line, or JSON [[price, quantity], …]."""
    expected = "price quantity"
    found: Levels = []
    for place, pair in enumerate(_pairs(text)):
        parts = pair if isinstance(pair, list) else []
        try:
            price, quantity = (float(each) for each in parts)
        except (TypeError, ValueError):
            price = quantity = math.nan
        if not all(map(_fits, (price, quantity))):
            shown = (" ".join(map(str, parts)) or str(pair))[:200]
            errors.append(FieldError(column=f"{name}[{place}]", value=shown, expected=expected))
            return []
        found.append((price, quantity))
    if len(found) > LEVELS_MAX:
        errors.append(FieldError(column=name, expected=f"<= {LEVELS_MAX}"))
    if not found:
        errors.append(FieldError(column=name, expected=expected))
    return found


def _pairs(text: str) -> list[object]:
    if text.startswith("["):
        try:
            read = json.loads(text)
        except (ValueError, RecursionError):
            return [text]
        return read if isinstance(read, list) else [read]
    return [_BETWEEN.split(line.strip()) for line in text.splitlines() if line.strip()]


def _fits(value: float) -> bool:
    """Products of what is far smaller or larger leave the range of float64."""
    return math.isfinite(value) and (value == 0 or SMALLEST <= abs(value) <= LARGEST)


def _number(name: str, text: str, errors: list[FieldError]) -> float | None:
    if not text and name in OPTIONAL:
        return None
    low, high = NUMBERS[name]
    try:
        value = float(text.replace(",", "").replace(formats.MINUS, "-"))
    except ValueError:
        value = math.nan
    if not (math.isfinite(value) and low <= value <= high):
        expected = f"{low:g}..{high:g}"
        errors.append(FieldError(column=name, value=text[:200], expected=expected))
        return None
    return value
