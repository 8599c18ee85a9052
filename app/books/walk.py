"""Walk: how much of two books is worth taking, and what an amount of one book costs. SPEC §4."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum, StrEnum

import numpy as np

from app.books.compiled import compiled
from app.books.ladder import Floats

BPS = 1e4
LOT_SLACK = 1e-9
"""Of a lot: a quantity that misses one by less counts as having it (SPEC §6, the same rule)."""
CRUMB = 1e-12
"""Of a quantity: less is what rounding left. Far below any lot, far above float64's own step."""


class Outcome(StrEnum):
    OK = "ok"
    EMPTY_SIDE = "empty_side"
    NOT_CROSSED = "not_crossed"
    FEES_EXCEED = "fees_exceed"
    WITHDRAWAL_EXCEEDS = "withdrawal_exceeds"
    BELOW_LOT = "below_lot"


class Limit(IntEnum):
    """What ended a walk: the next level earns nothing, a side has no more, or a cap."""

    PRICE = 0
    ASKS = 1
    BIDS = 2
    NOTIONAL = 3
    QUANTITY = 4


@dataclass(frozen=True, slots=True)
class Walk:
    """Averages are prices of the levels taken, each in its own quote; None where none was.

    net_profit and net_bps: in the common currency, after fees and the withdrawal. buy_levels,
    sell_levels: how many were touched. skipped_levels: of both sides, without a quantity.
    """

    outcome: Outcome
    quantity: float
    average_buy: float | None
    average_sell: float | None
    net_profit: float
    net_bps: float | None
    buy_levels: int
    sell_levels: int
    skipped_levels: int
    limited_by: str | None


@compiled
def _left(left: float, of: float) -> float:
    """Sums of decimals, such as 1.9 − 1.3 − 0.6, miss nothing by a few units of rounding."""
    return 0.0 if left <= CRUMB * of else left


@compiled
def match(
    ask_prices: Floats,
    ask_quantities: Floats,
    asks: int,
    bid_prices: Floats,
    bid_quantities: Floats,
    bids: int,
    buy: float,
    sell: float,
    cost_max: float,
    quantity_max: float,
) -> tuple[float, float, float, int, int, int]:
    """Take the first `asks` and `bids` levels together, best first, while each unit still earns.

    buy: what one unit of ask price costs, fx · (1 + fee); sell: what one of bid price yields,
    fx · (1 − fee); cost_max: of Σ quantity · ask, in its quote; caps may be infinite.
    Answers (quantity, Σ quantity · ask, Σ quantity · bid, ask levels, bid levels, a Limit).
    """
    quantity, cost, proceeds = 0.0, 0.0, 0.0
    ask, bid, ask_levels, bid_levels = 0, 0, 0, 0
    ask_left = ask_quantities[0] if asks > 0 else 0.0
    bid_left = bid_quantities[0] if bids > 0 else 0.0
    while True:
        while ask < asks and ask_left <= 0.0:
            ask += 1
            ask_left = ask_quantities[ask] if ask < asks else 0.0
        while bid < bids and bid_left <= 0.0:
            bid += 1
            bid_left = bid_quantities[bid] if bid < bids else 0.0
        if ask == asks:
            return quantity, cost, proceeds, ask_levels, bid_levels, Limit.ASKS.value
        if bid == bids:
            return quantity, cost, proceeds, ask_levels, bid_levels, Limit.BIDS.value
        price, bid_price = ask_prices[ask], bid_prices[bid]
        if not bid_price * sell > price * buy:
            return quantity, cost, proceeds, ask_levels, bid_levels, Limit.PRICE.value
        by_notional = _left((cost_max - cost) / price, quantity)
        by_quantity = _left(quantity_max - quantity, quantity)
        taken = min(ask_left, bid_left, by_notional, by_quantity)
        if taken > 0.0:
            quantity += taken
            cost += taken * price
            proceeds += taken * bid_price
            ask_levels, bid_levels = ask + 1, bid + 1
        if taken == by_notional or taken <= 0.0 < by_quantity:
            return quantity, cost, proceeds, ask_levels, bid_levels, Limit.NOTIONAL.value
        if taken == by_quantity or taken <= 0.0:
            return quantity, cost, proceeds, ask_levels, bid_levels, Limit.QUANTITY.value
        # What rounding leaves of a level is nothing: no crumb becomes a level.
        ask_left = _left(ask_left - taken, ask_quantities[ask])
        bid_left = _left(bid_left - taken, bid_quantities[bid])


@compiled
def vwap(prices: Floats, quantities: Floats, count: int, quantity: float) -> tuple[float, int]:
    """(average price of `quantity` > 0, levels touched); NaN where the levels hold less."""
    left, value = quantity, 0.0
    for i in range(count):
        taken = min(left, quantities[i])
        if taken > 0.0:
            value += taken * prices[i]
            left -= taken
        if left <= CRUMB * quantity:
            return value / quantity, i + 1
    return np.nan, count


@compiled
def spend(
    prices: Floats, quantities: Floats, count: int, notional: float
) -> tuple[float, float, int]:
    """(quantity, average price, levels) that `notional` > 0 of the quote buys; NaN when short."""
    left, quantity = notional, 0.0
    for i in range(count):
        value = prices[i] * quantities[i]
        if value >= left:
            quantity += left / prices[i]
            return quantity, notional / quantity, i + 1
        if value > 0.0:
            quantity += quantities[i]
            left -= value
            if left <= CRUMB * notional:
                return quantity, notional / quantity, i + 1
    return np.nan, np.nan, count


def walk(
    asks: Sequence[Sequence[float]],
    bids: Sequence[Sequence[float]],
    *,
    buy_fee_bps: float,
    sell_fee_bps: float,
    buy_fx: float,
    sell_fx: float,
    withdrawal_fee: float,
    max_notional: float | None = None,
    max_quantity: float | None = None,
    lot_step: float | None = None,
) -> Walk:
    """The depth walk. Levels are (price, quantity), best first; fx turn quotes into one currency.

    withdrawal_fee and max_notional (of Σ quantity · ask · buy_fx) are in that currency. Raises
    ValueError naming the place: a level out of order or without a price, a number that is none.
    """
    _check_terms(buy_fx, sell_fx, buy_fee_bps, sell_fee_bps, withdrawal_fee)
    _check_caps(max_notional, max_quantity, lot_step)
    ask_prices, ask_quantities = _side("asks", asks, rising=True)
    bid_prices, bid_quantities = _side("bids", bids, rising=False)
    skipped = len(asks) - ask_prices.size + len(bids) - bid_prices.size
    if not ask_prices.size or not bid_prices.size:
        return _nothing(Outcome.EMPTY_SIDE, skipped)
    if bid_prices[0] * sell_fx <= ask_prices[0] * buy_fx:
        return _nothing(Outcome.NOT_CROSSED, skipped)
    buy, sell = buy_fx * (1.0 + buy_fee_bps / BPS), sell_fx * (1.0 - sell_fee_bps / BPS)
    cost_max = math.inf if max_notional is None else max_notional / buy_fx
    quantity_max = math.inf if max_quantity is None else max_quantity
    books = ask_prices, ask_quantities, ask_prices.size, bid_prices, bid_quantities, bid_prices.size
    found = match(*books, buy, sell, cost_max, quantity_max)
    if found[0] == 0.0:
        return _nothing(Outcome.FEES_EXCEED, skipped)
    limited_by = Limit(found[5]).name.lower()
    if lot_step:
        lots = math.floor(found[0] / lot_step * (1.0 + CRUMB) + LOT_SLACK)
        if lots == 0:
            return _nothing(Outcome.BELOW_LOT, skipped, limited_by)
        if lots * lot_step < found[0]:
            found = match(*books, buy, sell, cost_max, lots * lot_step)
    quantity, cost, proceeds, buy_levels, sell_levels, _ = found
    net = proceeds * sell - cost * buy - withdrawal_fee
    return Walk(
        Outcome.OK if net > 0.0 else Outcome.WITHDRAWAL_EXCEEDS,
        quantity,
        cost / quantity,
        proceeds / quantity,
        net,
        BPS * net / (cost * buy),
        buy_levels,
        sell_levels,
        skipped,
        limited_by,
    )


def _nothing(outcome: Outcome, skipped: int, limited_by: str | None = None) -> Walk:
    return Walk(outcome, 0.0, None, None, 0.0, None, 0, 0, skipped, limited_by)


def _check_terms(
    buy_fx: float, sell_fx: float, buy_fee_bps: float, sell_fee_bps: float, withdrawal_fee: float
) -> None:
    _check("buy_fx", buy_fx, above=0.0)
    _check("sell_fx", sell_fx, above=0.0)
    _check("buy_fee_bps", buy_fee_bps, above=-BPS, below=BPS)
    _check("sell_fee_bps", sell_fee_bps, above=-BPS, below=BPS)
    if not 0.0 <= withdrawal_fee < math.inf:
        raise ValueError(f"withdrawal_fee: {withdrawal_fee} is not a number >= 0")


def _check_caps(
    max_notional: float | None, max_quantity: float | None, lot_step: float | None
) -> None:
    """A step of 0 is none (SPEC §6 says so of qty_step)."""
    if max_notional is not None:
        _check("max_notional", max_notional, above=0.0)
    if max_quantity is not None:
        _check("max_quantity", max_quantity, above=0.0)
    if lot_step is not None and not 0.0 <= lot_step < math.inf:
        raise ValueError(f"lot_step: {lot_step} is not a number >= 0")


def _check(name: str, value: float, *, above: float, below: float = math.inf) -> None:
    if not above < value < below:
        limit = f"> {above:g}" if below == math.inf else f"between {above:g} and {below:g}"
        raise ValueError(f"{name}: {value} is not a number {limit}")


def _side(name: str, levels: Sequence[Sequence[float]], *, rising: bool) -> tuple[Floats, Floats]:
    """Prices and quantities of the levels that hold something."""
    prices, quantities = list[float](), list[float]()
    for place, level in enumerate(levels):
        if len(level) != 2:
            raise ValueError(f"{name}[{place}]: {len(level)} numbers, not a price and a quantity")
        price, quantity = float(level[0]), float(level[1])
        if not math.isfinite(quantity):
            raise ValueError(f"{name}[{place}]: the quantity {quantity} is not a number")
        if quantity <= 0.0:
            continue
        if not 0.0 < price < math.inf:
            raise ValueError(f"{name}[{place}]: the price {price} is not a number > 0")
        if prices and (price < prices[-1] if rising else price > prices[-1]):
            raise ValueError(f"{name}[{place}]: the price {price:g} comes after {prices[-1]:g}")
        prices.append(price)
        quantities.append(quantity)
    return np.array(prices, np.float64), np.array(quantities, np.float64)
