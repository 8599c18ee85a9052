"""Ladder: both sides of one book as sorted arrays, bounded, and the kernels that change them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.books.compiled import compiled

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BIDS, ASKS = 0, 1
PRICE, QUANTITY = 0, 1
TOP = 20
"""Levels that decisions look at."""
LEVELS_MAX = 4_096
"""Levels that a live book keeps on each side. Far ones come and go by the thousand on the busiest
books; the more are kept, the later a book forgets too much and must be asked for again."""


class Ladder(NamedTuple):
    """Row 0 bids, row 1 asks. The best level stands last: most changes happen near it, so little
    is moved. Price and quantity stand side by side, so that they move together. When a side is
    full its worst level is forgotten, and `horizon` says up to which rank (price of a bid, minus
    price of an ask) nothing is known any more: changes there are ignored, so that no later removal
    can uncover a hole.
    """

    levels: Floats  # (2, levels_max, 2)
    counts: Ints  # (2,)
    horizon: Floats  # (2,)

    @property
    def prices(self) -> Floats:
        """(2, levels_max)"""
        return self.levels[:, :, PRICE]

    @property
    def quantities(self) -> Floats:
        return self.levels[:, :, QUANTITY]


def empty(levels_max: int = LEVELS_MAX) -> Ladder:
    return Ladder(np.empty((2, levels_max, 2)), np.zeros(2, np.int64), np.full(2, -np.inf))


# Unsigned indices need no test for being negative, which would keep the loops from becoming wide
# moves of memory: ten times as fast.


@compiled
def _down(values: Floats, start: int, stop: int) -> None:
    """levels[start:stop] = levels[start + 1 : stop + 1], two values each"""
    for i in range(np.uint64(2 * start), np.uint64(2 * stop)):
        values[i] = values[i + np.uint64(2)]


@compiled
def _up(values: Floats, start: int, stop: int) -> None:
    """levels[start + 1 : stop + 1] = levels[start:stop]"""
    end = np.uint64(2 * stop + 1)
    for step in range(np.uint64(2 * (stop - start))):
        values[end - step] = values[end - step - np.uint64(2)]


@compiled
def _search(side: Floats, count: int, sign: float, rank: float, hint: int) -> int:
    """How many levels are worse than `rank`. Messages list levels from the best on, so the next
    one lies closely below the place of the last, which is the hint."""
    end = hint
    if end < count and sign * side[end, PRICE] < rank:
        end = count
    step = 1
    while end >= step and sign * side[end - step, PRICE] >= rank:
        end -= step
        step += step
    at = max(0, end - step)
    left = end - at
    # Each comparison moves a number and never the program, which processors would have to guess.
    while left > 1:
        half = left >> 1
        at += half if sign * side[at + half - 1, PRICE] < rank else 0
        left -= half
    if left == 1 and sign * side[at, PRICE] < rank:
        at += 1
    return at


@compiled
def put(ladder: Ladder, side: int, price: float, quantity: float) -> None:
    """Set one level; quantity 0 removes it."""
    put_below(ladder, side, price, quantity, ladder.counts[side])


@compiled
def put_below(ladder: Ladder, side: int, price: float, quantity: float, hint: int) -> int:
    """The same, and where that was: a hint for the next worse level."""
    sign = 1.0 if side == BIDS else -1.0
    rank = sign * price
    if rank <= ladder.horizon[side]:
        return 0
    levels = ladder.levels[side]
    count, room = ladder.counts[side], levels.shape[0]
    values = levels.reshape(2 * room)
    at = _search(levels, count, sign, rank, min(hint, count))
    found = at < count and levels[at, PRICE] == price
    if found and quantity != 0.0:
        levels[at, QUANTITY] = quantity
    elif found:
        _down(values, at, count - 1)
        ladder.counts[side] = count - 1
    elif quantity != 0.0 and count < room:
        _up(values, at, count)
        levels[at, PRICE] = price
        levels[at, QUANTITY] = quantity
        ladder.counts[side] = count + 1
    elif quantity != 0.0:
        _put_full(ladder, side, at, price, quantity)
        return max(0, at - 1)
    return at


@compiled
def _put_full(ladder: Ladder, side: int, at: int, price: float, quantity: float) -> None:
    """Forget the worst level, which is the new one itself if nothing is worse."""
    sign = 1.0 if side == BIDS else -1.0
    levels = ladder.levels[side]
    if at == 0:
        ladder.horizon[side] = sign * price
        return
    ladder.horizon[side] = sign * levels[0, PRICE]
    _down(levels.reshape(2 * levels.shape[0]), 0, at - 1)
    levels[at - 1, PRICE] = price
    levels[at - 1, QUANTITY] = quantity


@compiled
def change(ladder: Ladder, side: int, prices: Floats, quantities: Floats) -> None:
    hint = ladder.counts[side]
    for i in range(prices.size):
        hint = put_below(ladder, side, prices[i], quantities[i], hint)


def load(ladder: Ladder, side: int, prices: Floats, quantities: Floats) -> None:
    """Replace a side by levels with quantities > 0 and different prices, in any order."""
    rank = prices if side == BIDS else -prices
    order = np.argsort(rank)
    beyond = max(0, order.size - ladder.levels.shape[1])
    count = order.size - beyond
    ladder.horizon[side] = rank[order[beyond - 1]] if beyond else -np.inf
    ladder.prices[side, :count] = prices[order[beyond:]]
    ladder.quantities[side, :count] = quantities[order[beyond:]]
    ladder.counts[side] = count


@compiled
def top(ladder: Ladder, side: int, prices: Floats, quantities: Floats) -> int:
    """Copy the best levels, best first, into arrays of any length; answers how many there were."""
    count: int = min(ladder.counts[side], prices.size)
    last = ladder.counts[side] - 1
    for i in range(count):
        prices[i] = ladder.levels[side, last - i, PRICE]
        quantities[i] = ladder.levels[side, last - i, QUANTITY]
    return count


def best(ladder: Ladder, side: int) -> float:
    """The best price; NaN of an empty side."""
    count = int(ladder.counts[side])
    return float(ladder.levels[side, count - 1, PRICE]) if count else float("nan")
