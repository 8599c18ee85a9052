"""Amounts: exact decimals on the venue's grid, and walks over a book in them."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import ROUND_CEILING, ROUND_FLOOR, Decimal
from typing import NamedTuple

from app.domain.markets import Side

ZERO, ONE, BPS = Decimal(0), Decimal(1), Decimal(10_000)
LOT_ELSE = Decimal("1e-8")
"""Where a venue does not say its lot: no venue takes more decimals."""
COIN_STEP = Decimal("1e-6")
"""Of a transfer's amount: several venues take no more of a token. What it cuts off stays where it
is: of the dearest coin less than the price of a cup of coffee."""
Level = tuple[Decimal, Decimal]
"""Price and quantity."""


class Grid(NamedTuple):
    """What a venue takes in an order. None: it does not say."""

    tick: Decimal | None = None
    lot: Decimal | None = None
    minimum_quantity: Decimal | None = None
    minimum_value: Decimal | None = None


def exact(value: float) -> Decimal:
    """A float as its shortest text says it: 0.1 is 0.1."""
    return Decimal(repr(float(value)))


def floor(value: Decimal, step: Decimal | None) -> Decimal:
    """Down to a whole number of steps; a step that is not known cuts nothing."""
    if step is None or step <= 0:
        return value
    return (value / step).to_integral_value(ROUND_FLOOR) * step


def ceil(value: Decimal, step: Decimal | None) -> Decimal:
    if step is None or step <= 0:
        return value
    return (value / step).to_integral_value(ROUND_CEILING) * step


def lots(quantity: Decimal, grid: Grid) -> Decimal:
    """Down to a whole number of lots."""
    return floor(quantity, grid.lot or LOT_ELSE)


def limit_price(
    side: Side, bound: Decimal, last: Decimal, levels: Sequence[Level], grid: Grid
) -> Decimal:
    """A price that the venue takes, no worse than `bound` for us, but as good as `last` at least.

    Where the venue does not say its tick, only prices that stand in its book are surely on it.
    """
    if grid.tick is not None:
        made = floor(bound, grid.tick) if side is Side.BUY else ceil(bound, grid.tick)
        return max(made, last) if side is Side.BUY else min(made, last)
    if side is Side.BUY:
        return max((price for price, _ in levels if last <= price <= bound), default=last)
    return min((price for price, _ in levels if bound <= price <= last), default=last)


def takes(grid: Grid, quantity: Decimal, price: Decimal) -> bool:
    """Whether the venue accepts an order so small."""
    if quantity <= 0:
        return False
    if grid.minimum_quantity is not None and quantity < grid.minimum_quantity:
        return False
    return grid.minimum_value is None or quantity * price >= grid.minimum_value


class Walked(NamedTuple):
    """Base and quote that change hands, before fees; last: the worst price that was touched."""

    quantity: Decimal
    value: Decimal
    last: Decimal

    @property
    def price(self) -> Decimal:
        return self.value / self.quantity


def trade(levels: Sequence[Level], quantity: Decimal) -> Walked | None:
    """`quantity` of the base over these levels, best first; None: they are too thin."""
    left, value = quantity, ZERO
    for price, held in levels:
        if held <= 0:
            continue
        if held >= left:
            return Walked(quantity, value + left * price, price)
        left -= held
        value += held * price
    return None


def spend(levels: Sequence[Level], money: Decimal) -> Walked | None:
    """What `money` of the quote buys over these levels; None: they are too thin."""
    left, quantity = money, ZERO
    for price, held in levels:
        if held <= 0:
            continue
        if held * price >= left:
            return Walked(quantity + left / price, money, price)
        left -= held * price
        quantity += held
    return None


def depth(levels: Sequence[Level]) -> Decimal:
    """All of the base that these levels show."""
    return sum((held for _, held in levels), ZERO)
