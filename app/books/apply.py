"""Apply: a scanned message's levels become the state of its book, as `Book` would make it.

The levels lie in the first floats of the rack's memory: bid prices, bid quantities, ask prices,
ask quantities, SCRATCH of each. Only a valid book is changed here; what a message means to any
other one (kept, early, a gap, healing) is `Book`'s to say.
"""

from __future__ import annotations

import numpy as np

from app.books.alignment import NONE, Rule, State, Verdict, judge_delta, judge_snapshot
from app.books.compiled import compiled
from app.books.ladder import ASKS, BIDS, PRICE, QUANTITY, TOP, Floats, put_below
from app.books.outcomes import BROKE, OTHER, SAME, UNKNOWN
from app.books.tops import Records, ladder_of, settle

SCRATCH = 4_096
"""Levels on each side of one message that scanners can hold; longer ones are read slowly."""


@compiled
def replace(
    tops: Records,
    levels: Floats,
    row: int,
    bids: int,
    asks: int,
    offered: int,
    sequence: int,
    exchange_ns: int,
    at_ns: int,
) -> int:
    """A whole book, best levels first, those without a quantity among them. offered: its order."""
    record = tops[row]
    if record.state[0] != State.VALID.value:
        return OTHER
    for side in (BIDS, ASKS):
        base = 2 * side * SCRATCH
        prices = levels[base : base + SCRATCH]
        quantities = levels[base + SCRATCH : base + 2 * SCRATCH]
        held = _in_order(prices, quantities, bids if side == BIDS else asks, side)
        if held < 0 or held > record.levels_max:
            return UNKNOWN if held < 0 else OTHER
        if side == BIDS:
            bids = held
        else:
            asks = held
    rule = Rule(record.restarts != 0, record.keeps != 0, record.next)
    verdict = judge_snapshot(rule, record.state[0], record.state[1], offered, NONE)
    if verdict != Verdict.APPLIED.value:
        return SAME
    ladder = ladder_of(tops, levels, row)
    for side in (BIDS, ASKS):
        base, held = 2 * side * SCRATCH, bids if side == BIDS else asks
        for i in range(held):
            ladder.levels[side, held - 1 - i, PRICE] = levels[base + i]
            ladder.levels[side, held - 1 - i, QUANTITY] = levels[base + SCRATCH + i]
        ladder.counts[side] = held
        ladder.horizon[side] = -np.inf
    record.state[1] = offered
    _told(tops, row, sequence, exchange_ns, at_ns)
    settle(tops, levels, row)
    return row


@compiled
def amend(
    tops: Records,
    levels: Floats,
    row: int,
    bids: int,
    asks: int,
    previous: int,
    last: int,
    exchange_ns: int,
    at_ns: int,
) -> int:
    """Levels that changed: the numbers that they follow and lead to."""
    record = tops[row]
    if record.state[0] != State.VALID.value:
        return OTHER
    for side in (BIDS, ASKS):
        base, count = 2 * side * SCRATCH, bids if side == BIDS else asks
        for i in range(count):
            if levels[base + SCRATCH + i] > 0.0 >= levels[base + i]:
                return UNKNOWN
    rule = Rule(record.restarts != 0, record.keeps != 0, record.next)
    verdict = judge_delta(rule, record.state[0], record.state[1], previous, last)
    if verdict != Verdict.APPLIED.value:
        return SAME if verdict == Verdict.STALE.value else OTHER
    ladder = ladder_of(tops, levels, row)
    for side in (BIDS, ASKS):
        base, count = 2 * side * SCRATCH, bids if side == BIDS else asks
        hint = ladder.counts[side]
        for i in range(count):
            price, quantity = levels[base + i], levels[base + SCRATCH + i]
            hint = put_below(ladder, side, price, quantity, hint)
    record.state[1] = last
    _told(tops, row, last, exchange_ns, at_ns)
    is_deep = True
    for side in (BIDS, ASKS):
        if ladder.horizon[side] > -np.inf and ladder.counts[side] < TOP:
            is_deep = False
    if not is_deep:
        record.state[0] = State.BROKEN.value
    settle(tops, levels, row)
    return row if is_deep else BROKE - row


@compiled
def _in_order(prices: Floats, quantities: Floats, count: int, side: int) -> int:
    """Drop levels without a quantity; how many are left, −1 if they are not best first."""
    held = 0
    sign = 1.0 if side == BIDS else -1.0
    for i in range(count):
        if quantities[i] > 0.0:
            if prices[i] <= 0.0 or (held > 0 and sign * prices[held - 1] <= sign * prices[i]):
                return -1
            prices[held] = prices[i]
            quantities[held] = quantities[i]
            held += 1
    return held


@compiled
def _told(tops: Records, row: int, sequence: int, exchange_ns: int, at_ns: int) -> None:
    record = tops[row]
    record.sequence = sequence
    record.exchange_ns = exchange_ns
    record.received_ns = at_ns
