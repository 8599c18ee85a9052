"""Pricing: what a route pays, from headline to net. Pure arithmetic; requirements §5.3, SPEC §4.

One form for every direction. Units of the buying venue's ticker are bought for `size`, what is
left after lot and withdrawal is sold at the other venue, and the proceeds return as USDT:

    HIGH  dollars → coin → won → USDT asks → dollars      fee on buy in the coin
    LOW   won → coin → dollars → USDT bids → won          fee on buy in won
    FLAT  dollars → coin → dollars, home as USDT          fee on buy in the coin
    WON   won → coin → won, home by bank                  fee on buy in won

Fees that are not known (NaN) count as none here and are refused by whoever asks: an upper bound.
"""

from __future__ import annotations

from math import isnan, nan
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.books.compiled import compiled
from app.engine.detection.codes import Code, Direction

Floats = npt.NDArray[np.float64]
BPS = 1e4


class Side(NamedTuple):
    """One side of a book, best first; only the first `held` levels are there."""

    prices: Floats
    quantities: Floats
    held: int


class Terms(NamedTuple):
    """What a route costs beside its books. Fees as shares of 1; NaN: not known.

    size: in the quote that buys. lot, withdrawal: in units of the buying venue's ticker.
    *_multiplier: units of the asset in one of the ticker. usdt_per_*: USDT for one unit of the
    quote (1 where both sides are won). return_fee: in USDT, in won where both sides are won.
    """

    direction: int
    size: float
    buy_fee: float
    sell_fee: float
    tether_fee: float
    lot: float
    withdrawal: float
    return_fee: float
    buy_multiplier: float
    sell_multiplier: float
    usdt_per_buy: float
    usdt_per_sell: float


class Loop(NamedTuple):
    """One turn of the money. net_bps NaN: it cannot be done, `code` says why.

    bought: units before fee and lot, arrived: after withdrawal, both of the buying venue's ticker.
    tether_price: KRW per USDT, NaN where none is traded. usdt: what returns, before its fee (won
    where both sides are won). end: in the quote of the start.
    """

    net_bps: float
    code: int
    bought: float
    withdrawn: float
    arrived: float
    buy_price: float
    sell_price: float
    tether_price: float
    usdt: float
    end: float
    buy_levels: int
    sell_levels: int
    tether_levels: int


@compiled
def spend(side: Side, amount: float) -> tuple[float, int]:
    """(quantity that `amount` buys, levels touched); NaN when the book is too thin for it."""
    left = amount
    quantity = 0.0
    for i in range(side.held):
        price = side.prices[i]
        value = price * side.quantities[i]
        if value >= left:
            return quantity + left / price, i + 1
        quantity += side.quantities[i]
        left -= value
    return nan, side.held


@compiled
def sell(side: Side, quantity: float) -> tuple[float, int]:
    """(proceeds of `quantity`, levels touched); NaN when the book is too thin for it."""
    left = quantity
    proceeds = 0.0
    for i in range(side.held):
        held = side.quantities[i]
        if held >= left:
            return proceeds + left * side.prices[i], i + 1
        proceeds += held * side.prices[i]
        left -= held
    return nan, side.held


@compiled
def known(fee: float) -> float:
    """A fee, none where it is not known."""
    return 0.0 if isnan(fee) else fee


@compiled
def floor_lot(quantity: float, lot: float) -> float:
    """Down to a whole number of lots; NaN or 0: the venue does not say, so nothing is cut.

    A whole number that division leaves a hair below itself stays whole.
    """
    if not lot > 0.0:
        return quantity
    return float(np.floor(quantity / lot * (1.0 + 1e-12)) * lot)


@compiled
def _nothing(code: int) -> Loop:
    return Loop(nan, code, nan, nan, nan, nan, nan, nan, nan, nan, 0, 0, 0)


@compiled
def loop(asks: Side, bids: Side, tether: Side, terms: Terms) -> Loop:
    """asks: where it buys, bids: where it sells, tether: asks of USDT/KRW for HIGH, bids for LOW.

    `tether` is not looked at for FLAT and WON.
    """
    size = terms.size
    if not size > 0.0:
        return _nothing(Code.NO_RATE.value)
    in_won = terms.direction in (Direction.LOW.value, Direction.WON.value)
    buy_fee = known(terms.buy_fee)
    bought, buy_levels = spend(asks, size / (1.0 + buy_fee) if in_won else size)
    if isnan(bought):
        return _nothing(Code.THIN_BOOK.value)
    withdrawn = floor_lot(bought if in_won else bought * (1.0 - buy_fee), terms.lot)
    arrived = withdrawn - known(terms.withdrawal)
    if not (withdrawn > 0.0 and arrived > 0.0):
        return _nothing(Code.BELOW_LOT.value)
    sold = arrived * terms.buy_multiplier / terms.sell_multiplier
    proceeds, sell_levels = sell(bids, sold)
    if isnan(proceeds):
        return _nothing(Code.THIN_BOOK.value)
    received = proceeds * (1.0 - known(terms.sell_fee))
    tether_fee, return_fee = known(terms.tether_fee), known(terms.return_fee)
    tether_price, tether_levels = nan, 0
    if terms.direction == Direction.HIGH.value:
        won = received / (1.0 + tether_fee)
        usdt, tether_levels = spend(tether, won)
        tether_price = won / usdt
        end = (usdt - return_fee) / terms.usdt_per_buy
    elif terms.direction == Direction.LOW.value:
        usdt = received * terms.usdt_per_sell
        won, tether_levels = sell(tether, usdt - return_fee)
        tether_price = won / (usdt - return_fee)
        end = won * (1.0 - tether_fee)
    else:
        usdt = received * terms.usdt_per_sell
        end = (usdt - return_fee) / terms.usdt_per_buy
    if isnan(end):
        rated = terms.usdt_per_buy > 0.0 and terms.usdt_per_sell > 0.0
        return _nothing(Code.THIN_BOOK.value if rated else Code.NO_RATE.value)
    bought_price = (size / (1.0 + buy_fee) if in_won else size) / bought
    return Loop(
        BPS * (end / size - 1.0),
        Code.NONE.value,
        bought,
        withdrawn,
        arrived,
        bought_price,
        proceeds / sold,
        tether_price,
        usdt,
        end,
        buy_levels,
        sell_levels,
        tether_levels,
    )


@compiled
def break_even(terms: Terms, done: Loop, premium: float) -> float:
    """The premium (a share, Korean over dollar; of FLAT and WON: the raw gain) that nets zero.

    What is sold yields s times as much: s · usdt − return fee = what brings the size back.
    """
    if isnan(done.net_bps):
        return nan
    fee = known(terms.return_fee)
    if terms.direction == Direction.LOW.value:
        needed = terms.size / (done.tether_price * (1.0 - known(terms.tether_fee))) + fee
        return (1.0 + premium) * done.usdt / needed - 1.0
    needed = terms.size * terms.usdt_per_buy + fee
    return (1.0 + premium) * needed / done.usdt - 1.0


class Premiums(NamedTuple):
    """Shares, not bps. NaN: no won side, a rate or a price that is not there."""

    raw: float
    usdlike: float
    kimchi: float
    usdt: float


@compiled
def premiums(
    direction: int,
    ask: float,
    bid: float,
    same_quote: bool,
    usdt_per_buy: float,
    usdt_per_sell: float,
    tether: float,
    official: float,
) -> Premiums:
    """SPEC §4. ask, bid: for one unit of the asset. A dollar price counts in USDT: stablecoins
    are priced, so that usdlike compares one stablecoin with itself."""
    raw = bid / ask - 1.0 if same_quote else nan
    if direction == Direction.HIGH.value:
        usdlike = bid / (ask * usdt_per_buy * tether) - 1.0
        kimchi = bid / (ask * usdt_per_buy * official) - 1.0
    elif direction == Direction.LOW.value:
        usdlike = ask / (bid * usdt_per_sell * tether) - 1.0
        kimchi = ask / (bid * usdt_per_sell * official) - 1.0
    else:
        return Premiums(raw, nan, nan, nan)
    return Premiums(raw, usdlike, kimchi, tether / official - 1.0)


class Bar(NamedTuple):
    """One bar of the waterfall. kind `sum`: what the bars above it make together."""

    code: str
    bps: float
    kind: str


def waterfall(
    ask: float, bid: float, tether: float, terms: Terms, done: Loop, seen: Premiums
) -> list[Bar]:
    """Headline → net. Every `sum` is what the parts above it make; the last is the net exactly.

    Each bar is its own linear cost; what their product differs from their sum is the residual.
    ask, bid: best prices per ticker; tether: KRW per USDT that `seen` was made with. A LOW trade
    earns by a discount, so its bars tell the gain and not the premium.
    """
    bars: list[Bar] = []
    if terms.direction in {Direction.FLAT, Direction.WON}:
        units = terms.sell_multiplier / terms.buy_multiplier
        gain = bid / units * terms.usdt_per_sell / (ask * terms.usdt_per_buy) - 1.0
        bars.append(Bar("raw", gain * BPS, "sum"))
    else:
        low = terms.direction == Direction.LOW
        gain, usdt, headline = (_gain(x, low) for x in (seen.usdlike, seen.usdt, seen.kimchi))
        if not isnan(headline):
            bars.append(Bar("headline", headline * BPS, "sum"))
            bars.append(Bar("usdt_premium", -usdt * BPS, "part"))
            bars.append(Bar("cross", -gain * usdt * BPS, "part"))
        bars.append(Bar("usdlike", gain * BPS, "sum"))
    costs = [
        Bar(code, share * BPS, "part") for code, share in _costs(ask, bid, tether, terms, done)
    ]
    left = done.net_bps - gain * BPS - sum(bar.bps for bar in costs)
    return [*bars, *costs, Bar("residual", left, "part"), Bar("net", done.net_bps, "sum")]


def _gain(premium: float, low: bool) -> float:
    """What a premium of Korean over dollar earns: a discount earns for who buys in Korea."""
    return 1.0 / (1.0 + premium) - 1.0 if low else premium


def _costs(
    ask: float, bid: float, tether: float, terms: Terms, done: Loop
) -> list[tuple[str, float]]:
    """Shares of the size, costs negative, in the order in which the money goes."""
    in_won = terms.direction in {Direction.LOW, Direction.WON}
    after_fee = done.bought * (1.0 if in_won else 1.0 - known(terms.buy_fee))
    costs = [
        ("buy_fee", -known(terms.buy_fee)),
        ("buy_slippage", ask / done.buy_price - 1.0),
        ("lot", done.withdrawn / after_fee - 1.0),
        ("withdrawal", -known(terms.withdrawal) / done.withdrawn),
        ("sell_fee", -known(terms.sell_fee)),
        ("sell_slippage", done.sell_price / bid - 1.0),
    ]
    if terms.direction == Direction.HIGH:
        costs.append(("tether_fee", -known(terms.tether_fee)))
        costs.append(("tether_slippage", tether / done.tether_price - 1.0))
    elif terms.direction == Direction.LOW:
        costs.append(("tether_fee", -known(terms.tether_fee)))
        costs.append(("tether_slippage", done.tether_price / tether - 1.0))
    costs.append(("return_withdrawal", -known(terms.return_fee) / done.usdt))
    return costs
