"""One listing's book in integer ticks, moved around a fair price. Texts are made once per level."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from random import Random

from app.simulator.protocol import TRADES_KEPT, Change, Listing, Rules, Side, Trade, Update

TRADES_SHARE = 0.3
"""Of updates begin with a trade."""
FILL_MAX = 60
"""New levels in one update; a jump further than that starts the side anew."""


class Maker:
    """Moves one book. size: of a usual level, in lots. step: between levels, in ticks."""

    __slots__ = (
        "half",
        "levels",
        "listing",
        "owed",
        "random",
        "row",
        "size",
        "step",
        "tick",
        "tick_scale",
        "trim",
    )

    def __init__(
        self, listing: Listing, rules: Rules, random: Random, fair: float, liquidity: float
    ) -> None:
        self.listing = listing
        self.random = random
        self.owed: tuple[dict[str, str], dict[str, str]] = ({}, {})
        """Changes of bids and asks that no update has told yet."""
        self.row = rules.row
        self.trim = rules.trim
        thin = liquidity < 0.1
        self.levels = max(16, rules.levels // 2) if thin else rules.levels
        usd = rules.size_usd * max(liquidity, 0.03) * (1_450.0 if listing.quote == "KRW" else 1.0)
        self.size = max(1.0, usd / fair / float(listing.lot))
        spread_bps = rules.spread_bps * (6.0 if thin else 0.5 + 0.5 / max(liquidity, 0.3))
        self.measure(fair, spread_bps)

    def measure(self, fair: float, spread_bps: float) -> None:
        """Everything that hangs on the tick."""
        tick = self.listing.tick
        self.tick = float(tick)
        self.tick_scale = int(tick * 10**self.listing.price_decimals)
        spread_ticks = fair * spread_bps * 1e-4 / self.tick
        self.half = max(0.3, spread_ticks / 2)
        self.step = max(1, round(spread_ticks * 0.7))

    def retick(self, tick: Decimal, decimals: int, fair: float) -> None:
        """The price has left its band: another tick, so another book."""
        spread_bps = self.half * 2 * self.tick / fair * 1e4
        self.listing.tick, self.listing.price_decimals = tick, decimals
        self.listing.bids, self.listing.asks = Side(), Side()
        self.measure(fair, spread_bps)

    # ---- one update --------------------------------------------------------------------------

    def move(self, fair: float, at_ms: int) -> tuple[Trade | None, Update]:
        listing = self.listing
        chance = self.random.random
        bids, asks = self.owed
        trade = None
        if listing.bids.ticks and chance() < TRADES_SHARE:
            trade = self._trade(bids, asks, at_ms)
        ticks = fair / self.tick
        bid = int(ticks - self.half)
        ask = max(bid + 1, int(ticks + self.half) + 1)
        self._follow(listing.bids, max(1, bid), -1, bids)
        self._follow(listing.asks, max(2, ask), 1, asks)
        for _ in range(1 + (chance() < 0.6)):
            side, changes = (listing.bids, bids) if chance() < 0.5 else (listing.asks, asks)
            index = int(chance() * chance() * len(side.ticks))
            self._put(side, index, self._lots(index), changes)
        return trade, self.told(at_ms)

    def told(self, at_ms: int) -> Update:
        """Everything owed, as the book's next update."""
        listing = self.listing
        bids, asks = self.owed
        self.owed = ({}, {})
        listing.version += 1
        listing.previous_id = listing.last_id
        listing.first_id = listing.last_id + 1
        listing.last_id += len(bids) + len(asks)
        listing.at_ms = at_ms = max(at_ms, listing.at_ms)
        return Update(
            listing,
            [Change(price, quantity) for price, quantity in bids.items()],
            [Change(price, quantity) for price, quantity in asks.items()],
            at_ms,
        )

    def eat(self, lots: Sequence[int], *, bought: bool, at_ms: int) -> list[Trade]:
        """A taker took so many lots of each of the best levels; `told` says so."""
        listing = self.listing
        side, changes = (listing.asks, self.owed[1]) if bought else (listing.bids, self.owed[0])
        trades = [
            self._traded(price, count, bought=bought, at_ms=at_ms)
            for price, count in zip(side.prices, lots, strict=False)
        ]
        gone = 0
        for index, count in enumerate(lots):
            if side.lots[index - gone] == count:
                self._drop(side, index - gone, changes)
                gone += 1
            else:
                self._put(side, index - gone, side.lots[index - gone] - count, changes)
        return trades

    def _follow(self, side: Side, best: int, away: int, changes: dict[str, str]) -> None:
        """Take away what is crossed, fill up to the new best, keep the number of levels."""
        ticks = side.ticks
        while ticks and (ticks[0] - best) * away < 0:
            self._drop(side, 0, changes)
        gap = (ticks[0] - best) * away if ticks else 0
        if gap > self.step * FILL_MAX:
            while ticks:
                self._drop(side, 0, changes)
        if not ticks:
            self._insert(side, 0, best, changes)
        elif gap > self.step // 2:
            tick = ticks[0]
            while (tick - best) * away > self.step:
                tick -= away * self._stride()
                if (tick - best) * away < 0:
                    break
                self._insert(side, 0, tick, changes)
            if ticks[0] != best:
                self._insert(side, 0, best, changes)
        while len(ticks) > self.levels:
            self._drop(side, len(ticks) - 1, changes)
        while len(ticks) < self.levels:
            tick = ticks[-1] + away * self._stride()
            if tick < 1:
                break
            self._insert(side, len(ticks), tick, changes)

    def _stride(self) -> int:
        return 1 + int(self.random.random() * 2 * (self.step - 1)) if self.step > 1 else 1

    def _lots(self, index: int) -> int:
        """More lies deeper in the book."""
        grown = self.size * (0.35 + 0.06 * index)
        return 1 + int(-math.log(1.0 - self.random.random()) * grown)

    def _trade(self, bids: dict[str, str], asks: dict[str, str], at_ms: int) -> Trade:
        """A taker eats of the best level."""
        listing = self.listing
        bought = self.random.random() < 0.5
        side, changes = (listing.asks, asks) if bought else (listing.bids, bids)
        there = side.lots[0]
        lots = min(there, 1 + int(-math.log(1.0 - self.random.random()) * self.size * 0.2))
        trade = self._traded(side.prices[0], lots, bought=bought, at_ms=at_ms)
        if lots == there:
            self._drop(side, 0, changes)
        else:
            self._put(side, 0, there - lots, changes)
        return trade

    def _traded(self, price: str, lots: int, *, bought: bool, at_ms: int) -> Trade:
        listing = self.listing
        listing.trade_id += 1
        trade = Trade(listing, listing.trade_id, price, self.quantity(lots), bought, at_ms)
        listing.trades.append(trade)
        if len(listing.trades) > 2 * TRADES_KEPT:
            del listing.trades[:-TRADES_KEPT]
        return trade

    # ---- levels ------------------------------------------------------------------------------

    def _insert(self, side: Side, index: int, tick: int, changes: dict[str, str]) -> None:
        lots = self._lots(index)
        price, quantity = self.price(tick), self.quantity(lots)
        side.ticks.insert(index, tick)
        side.lots.insert(index, lots)
        side.prices.insert(index, price)
        side.quantities.insert(index, quantity)
        side.rows.insert(index, self.row % (price, quantity))
        changes[price] = quantity

    def _put(self, side: Side, index: int, lots: int, changes: dict[str, str]) -> None:
        price, quantity = side.prices[index], self.quantity(lots)
        side.lots[index] = lots
        side.quantities[index] = quantity
        side.rows[index] = self.row % (price, quantity)
        changes[price] = quantity

    def _drop(self, side: Side, index: int, changes: dict[str, str]) -> None:
        changes[side.prices[index]] = "0"
        del side.ticks[index], side.lots[index], side.prices[index]
        del side.quantities[index], side.rows[index]

    # ---- texts -------------------------------------------------------------------------------

    def price(self, tick: int) -> str:
        return _text(tick * self.tick_scale, self.listing.price_decimals, self.trim)

    def quantity(self, lots: int) -> str:
        return _text(lots, self.listing.lot_decimals, self.trim)


def _text(units: int, decimals: int, trim: bool) -> str:
    if not decimals:
        return str(units)
    scale = 10**decimals
    text = f"{units // scale}.{units % scale:0{decimals}d}"
    return text.rstrip("0").rstrip(".") if trim else text


def decimals_of(step: Decimal) -> int:
    """0.05 → 2, 5 → 0."""
    exponent = step.normalize().as_tuple().exponent
    assert isinstance(exponent, int)
    return max(0, -exponent)
