"""Ladder: both sides of one book as sorted arrays, bounded, and the kernels that change them."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.books.compiled import compiled

Floats = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]

BIDS, ASKS = 0, 1
TOP = 20
"""Levels that decisions look at."""
LEVELS_MAX = 4_096
"""Levels that a live book keeps on each side. Far ones come and go by the thousand on the busiest
books; the more are kept, the later a book forgets too much and must be asked for again."""


class Ladder(NamedTuple):
    """Row 0 bids, row 1 asks. The best level stands last: most changes happen near it, so little
    is moved. When a side is full its worst level is forgotten, and `horizon` says up to which rank
    (price of a bid, minus price of an ask) nothing is known any more: changes there are ignored,
    so that no later removal can uncover a hole.
    """

    prices: Floats  # (2, levels_max)
    quantities: Floats  # (2, levels_max)
    counts: Ints  # (2,)
    horizon: Floats  # (2,)


def empty(levels_max: int = LEVELS_MAX) -> Ladder:
    return Ladder(
        np.empty((2, levels_max)),
        np.empty((2, levels_max)),
        np.zeros(2, np.int64),
        np.full(2, -np.inf),
    )


# Unsigned indices need no test for being negative, which would keep the loops from becoming wide
# moves of memory: ten times as fast. One array at a time, for the same reason.


@compiled
def _down(values: Floats, start: int, stop: int) -> None:
    """values[start:stop] = values[start + 1 : stop + 1]"""
    for i in range(np.uint64(start), np.uint64(stop)):
        values[i] = values[i + np.uint64(1)]


@compiled
def _up(values: Floats, start: int, stop: int) -> None:
    """values[start + 1 : stop + 1] = values[start:stop]"""
    end = np.uint64(stop)
    for step in range(np.uint64(stop - start)):
        values[end - step] = values[end - step - np.uint64(1)]


@compiled
def put(ladder: Ladder, side: int, price: float, quantity: float) -> None:
    """Set one level; quantity 0 removes it."""
    sign = 1.0 if side == BIDS else -1.0
    rank = sign * price
    if rank <= ladder.horizon[side]:
        return
    prices, quantities = ladder.prices[side], ladder.quantities[side]
    count = ladder.counts[side]
    at, end = 0, count
    while at < end:
        middle = (at + end) >> 1
        if sign * prices[middle] < rank:
            at = middle + 1
        else:
            end = middle
    found = at < count and prices[at] == price
    if found and quantity != 0.0:
        quantities[at] = quantity
    elif found:
        _down(prices, at, count - 1)
        _down(quantities, at, count - 1)
        ladder.counts[side] = count - 1
    elif quantity != 0.0 and count < prices.size:
        _up(prices, at, count)
        _up(quantities, at, count)
        prices[at] = price
        quantities[at] = quantity
        ladder.counts[side] = count + 1
    elif quantity != 0.0:
        _put_full(ladder, side, at, price, quantity)


@compiled
def _put_full(ladder: Ladder, side: int, at: int, price: float, quantity: float) -> None:
    """Forget the worst level, which is the new one itself if nothing is worse."""
    sign = 1.0 if side == BIDS else -1.0
    prices, quantities = ladder.prices[side], ladder.quantities[side]
    if at == 0:
        ladder.horizon[side] = sign * price
        return
    ladder.horizon[side] = sign * prices[0]
    _down(prices, 0, at - 1)
    _down(quantities, 0, at - 1)
    prices[at - 1] = price
    quantities[at - 1] = quantity


@compiled
def change(ladder: Ladder, side: int, prices: Floats, quantities: Floats) -> None:
    for i in range(prices.size):
        put(ladder, side, prices[i], quantities[i])


def load(ladder: Ladder, side: int, prices: Floats, quantities: Floats) -> None:
    """Replace a side by levels with quantities > 0 and different prices, in any order."""
    rank = prices if side == BIDS else -prices
    order = np.argsort(rank)
    beyond = max(0, order.size - ladder.prices.shape[1])
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
        prices[i] = ladder.prices[side, last - i]
        quantities[i] = ladder.quantities[side, last - i]
    return count


def best(ladder: Ladder, side: int) -> float:
    """The best price; NaN of an empty side."""
    count = int(ladder.counts[side])
    return float(ladder.prices[side, count - 1]) if count else float("nan")
