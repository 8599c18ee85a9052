"""Levels: the rows of one side or of both, from a frame into the scanners' scratch.

Each kernel begins at the list's bracket and answers how many levels there were on each side, and
the place behind the list, STOP where it is not what it should be.
"""

from __future__ import annotations

from app.books.apply import SCRATCH
from app.books.compiled import compiled, constant
from app.books.ladder import ASKS, BIDS, Floats
from app.exchanges.scanning.text import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    COLON,
    COMMA,
    NOTHING,
    OPEN_LIST,
    OPEN_OBJECT,
    QUOTE,
    STOP,
    ZERO,
    Bytes,
    blank,
    decimal,
    find,
    mark,
    next_in,
    quoted,
    quoted_whole,
    skip,
    text_end,
)

PAIR, NUMBERED, WITH_COUNT = 2, 3, 4
"""[price, quantity], and with a number of the change (KuCoin) or with two more texts (OKX)."""
WORDS = (
    "ask_price", "bid_price", "ask_size", "bid_size", "ap", "bp", "as", "bs",
    "side", "price_level", "new_quantity",
    "bid", "offer",
)  # fmt: skip
"""The last rows of every layout's words."""
UNIT_KINDS = 4
UPDATE_KEYS, SIDES, WORDS_END = constant(8), constant(11), constant(13)
"""Where the keys of an update and the words of its sides begin among them."""
UPDATE_SIDE, UPDATE_PRICE = 0, 1


@compiled
def _rest_of_row(frame: bytes, at: int, arity: int, before: int) -> tuple[int, int]:
    """What stands behind price and quantity: (number of the change, place of the bracket)."""
    number = before
    if arity == NUMBERED:
        at = mark(frame, at, COMMA)
        if at == STOP:
            return 0, STOP
        number, at = quoted_whole(frame, at)
        if at == STOP or number < before:  # in another order they count in another order
            return 0, STOP
    if arity == WITH_COUNT:
        for _ in range(2):
            at = mark(frame, at, COMMA)
            if at == STOP or frame[at] != QUOTE:
                return 0, STOP
            at = text_end(frame, at + 1)
            if at == STOP:
                return 0, STOP
            at += 1
    at = blank(frame, at)
    return number, (at if frame[at] == CLOSE_LIST else STOP)


@compiled
def rows(frame: bytes, at: int, levels: Floats, side: int, arity: int) -> tuple[int, int]:
    """[["price", "quantity", …], …] of one side."""
    if frame[at] != OPEN_LIST:
        return 0, STOP
    at = blank(frame, at + 1)
    if frame[at] == CLOSE_LIST:
        return 0, at + 1
    count, number, is_more = 0, NOTHING, True
    base = 2 * side * SCRATCH
    while is_more:
        if frame[at] != OPEN_LIST or count == SCRATCH:
            return 0, STOP
        at = blank(frame, at + 1)
        # "0" alone: of a numbered change that changes no level (kucoin.md §1).
        is_void = arity == NUMBERED and frame[at] == QUOTE and frame[at + 1] == ZERO
        is_void = is_void and frame[at + 2] == QUOTE
        price, at = quoted(frame, at)
        if at == STOP:
            return 0, STOP
        at = mark(frame, at, COMMA)
        if at == STOP:
            return 0, STOP
        quantity, at = quoted(frame, at)
        if at == STOP:
            return 0, STOP
        if arity != PAIR:
            number, at = _rest_of_row(frame, at, arity, number)
            if at == STOP:
                return 0, STOP
        at = blank(frame, at)
        if frame[at] != CLOSE_LIST:
            return 0, STOP
        is_more, at = next_in(frame, at + 1, CLOSE_LIST)
        if not is_void:
            levels[base + count] = price
            levels[base + SCRATCH + count] = quantity
            count += 1
        if at == STOP:
            return 0, STOP
    return count, at


@compiled
def units(frame: bytes, at: int, levels: Floats, words: Bytes, is_short: bool) -> tuple[int, int]:
    """[{"ask_price": 1, "bid_price": 1, "ask_size": 1, "bid_size": 1}, …], or with short keys."""
    if frame[at] != OPEN_LIST:
        return 0, STOP
    at = blank(frame, at + 1)
    if frame[at] == CLOSE_LIST:
        return 0, at + 1
    first = words.shape[0] - WORDS_END + (UNIT_KINDS if is_short else 0)
    count, is_more = 0, True
    while is_more:
        if frame[at] != OPEN_OBJECT or count == SCRATCH:
            return 0, STOP
        at = blank(frame, at + 1)
        seen, hint, is_next = 0, first, True
        while is_next:
            if frame[at] != QUOTE:
                return 0, STOP
            end = text_end(frame, at + 1)
            if end == STOP:
                return 0, STOP
            key = find(frame, at + 1, end, words, first, first + UNIT_KINDS, hint)
            at = mark(frame, end + 1, COLON)
            if at == STOP:
                return 0, STOP
            if key == STOP:
                at = skip(frame, at)
            else:
                value, at = decimal(frame, at)
                kind = key - first
                if seen & (1 << kind):
                    return 0, STOP
                seen |= 1 << kind
                hint = key + 1
                # kind: prices of asks and bids, then quantities of asks and bids
                side = ASKS if kind % 2 == 0 else BIDS
                levels[(2 * side + kind // 2) * SCRATCH + count] = value
            if at == STOP:
                return 0, STOP
            is_next, at = next_in(frame, at, CLOSE_OBJECT)
            if at == STOP:
                return 0, STOP
        if seen != 15:
            return 0, STOP
        count += 1
        is_more, at = next_in(frame, at, CLOSE_LIST)
        if at == STOP:
            return 0, STOP
    return count, at


@compiled
def updates(frame: bytes, at: int, levels: Floats, words: Bytes) -> tuple[int, int, int]:
    """[{"side": "bid", "price_level": "1", "new_quantity": "1"}, …]: (bids, asks, place)."""
    if frame[at] != OPEN_LIST:
        return 0, 0, STOP
    at = blank(frame, at + 1)
    if frame[at] == CLOSE_LIST:
        return 0, 0, at + 1
    first = words.shape[0] - WORDS_END
    keys, sides, last = first + UPDATE_KEYS, first + SIDES, first + WORDS_END
    bids, asks, is_more = 0, 0, True
    while is_more:
        if frame[at] != OPEN_OBJECT or max(bids, asks) == SCRATCH:
            return 0, 0, STOP
        at = blank(frame, at + 1)
        seen, side, price, quantity, is_next = 0, STOP, 0.0, 0.0, True
        while is_next:
            if frame[at] != QUOTE:
                return 0, 0, STOP
            end = text_end(frame, at + 1)
            if end == STOP:
                return 0, 0, STOP
            key = find(frame, at + 1, end, words, keys, sides, keys)
            key -= keys if key != STOP else 0
            at = mark(frame, end + 1, COLON)
            if at == STOP or (key != STOP and seen & (1 << key)):
                return 0, 0, STOP
            if key == STOP:
                at = skip(frame, at)
            elif key == UPDATE_SIDE:
                end = text_end(frame, at + 1) if frame[at] == QUOTE else STOP
                if end != STOP:
                    side = find(frame, at + 1, end, words, sides, last, sides)
                at = STOP if side == STOP else end + 1
                side -= sides
            elif key == UPDATE_PRICE:
                price, at = quoted(frame, at)
            else:
                quantity, at = quoted(frame, at)
            if at == STOP:
                return 0, 0, STOP
            if key != STOP:
                seen |= 1 << key
            is_next, at = next_in(frame, at, CLOSE_OBJECT)
            if at == STOP:
                return 0, 0, STOP
        if seen != 7:
            return 0, 0, STOP
        place = bids if side == BIDS else asks
        levels[2 * side * SCRATCH + place] = price
        levels[(2 * side + 1) * SCRATCH + place] = quantity
        bids += 1 if side == BIDS else 0
        asks += 1 if side == ASKS else 0
        is_more, at = next_in(frame, at, CLOSE_LIST)
        if at == STOP:
            return 0, 0, STOP
    return bids, asks, at
