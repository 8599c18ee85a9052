"""Scan: one frame against its layout, and what it says into the book, in one compiled call."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import numpy.typing as npt

from app.books.alignment import NONE
from app.books.apply import amend, replace
from app.books.compiled import compiled
from app.books.ladder import Floats
from app.books.outcomes import OTHER, UNKNOWN
from app.books.tops import Records
from app.exchanges.scanning import layout as lay
from app.exchanges.scanning.layout import END, START, Action, Kind, Plan
from app.exchanges.scanning.levels import rows, units, updates
from app.exchanges.scanning.text import (
    CLOSE_LIST,
    CLOSE_OBJECT,
    COLON,
    COMMA,
    MINUS,
    MS_NS,
    NOTHING,
    OPEN_LIST,
    OPEN_OBJECT,
    QUOTE,
    STOP,
    Bytes,
    blank,
    find,
    is_word,
    iso,
    mark,
    name_end,
    next_in,
    quoted_whole,
    skip,
    text_end,
    whole,
)

Ints = npt.NDArray[np.int64]

LEAVE = -2
"""A place that is none: the frame is not a plain book."""

# What a frame said so far: places in an array of a reader. The connection's counter stays.
COUNTER, SEEN, KIND, ROW, LAST, PREVIOUS, CLOCK, COUNT, BID_LEVELS, ASK_LEVELS = range(10)
SAID = 10

# A table of names: length, row in two bytes, then the text of the symbol.
NAME_WIDTH = 48
NAME_AT = 3
NO_ROW = 0xFFFF

MILLIS_MAX = 1 << 43
CRC_MAX = 1 << 31
MICRO_DIGITS = 10**15  # from here on a stamp has 16 digits
MILLI_DIGITS = 10**12  # from here on it has 13


@compiled
def scan(
    names: Bytes,
    words: Bytes,
    plan: Plan,
    said: Ints,
    tops: Records,
    levels: Floats,
    frame: bytes,
    at_ns: int,
) -> int:
    """The row whose book changed, or one of `app.books.outcomes`; a book changes whole or not."""
    _begin(plan, said)
    at = mark(frame, NOTHING, OPEN_OBJECT)
    if at == STOP:
        return OTHER
    context = 1
    hint = plan[context, lay.FROM]
    while True:
        end = text_end(frame, at + 1) if frame[at] == QUOTE else STOP
        if end == STOP:
            return UNKNOWN
        first, last = plan[context, lay.FROM], plan[context, lay.TO]
        entry = find(frame, at + 1, end, words, first, last, hint)
        at = mark(frame, end + 1, COLON)
        if at == STOP:
            return UNKNOWN
        if entry == STOP:
            at = skip(frame, at)
        else:
            if said[SEEN] & plan[entry, lay.BIT]:
                return UNKNOWN
            said[SEEN] |= plan[entry, lay.BIT]
            hint = entry + 1
            if plan[entry, lay.INSIDE] != 0:
                at = _into(frame, at, plan[entry, lay.ACTION])
                if at == STOP:
                    return UNKNOWN
                context = plan[entry, lay.INSIDE] + 1
                hint = plan[context, lay.FROM]
                continue
            at = _value(names, words, plan, said, levels, frame, at, entry)
        if at < 0:
            return UNKNOWN if at == STOP else OTHER
        is_next, at = next_in(frame, at, CLOSE_OBJECT)
        while not is_next and at != STOP:
            if context == 1:
                is_end = blank(frame, at) == len(frame)
                return _finish(plan, said, tops, levels, at_ns) if is_end else UNKNOWN
            if plan[context, lay.IS_LIST] != 0:
                at = blank(frame, at)
                if frame[at] != CLOSE_LIST:
                    return OTHER if frame[at] == COMMA else UNKNOWN
                at += 1
            context = plan[context, lay.PARENT] + 1
            hint = plan[context, lay.FROM]
            is_next, at = next_in(frame, at, CLOSE_OBJECT)
        if at == STOP:
            return UNKNOWN


@compiled
def _begin(plan: Plan, said: Ints) -> None:
    """Nothing is said yet; the connection's counter stays."""
    for i in range(COUNTER + 1, SAID):
        said[i] = 0
    said[KIND] = plan[0, lay.DEFAULT_KIND]
    said[ROW] = said[LAST] = said[PREVIOUS] = NONE


@compiled
def _into(frame: bytes, at: int, action: int) -> int:
    """The first key of an object, or of the first object of a list."""
    if action == Action.INTO_ONE.value:
        at = mark(frame, at, OPEN_LIST)
        if at == STOP:
            return STOP
    return mark(frame, at, OPEN_OBJECT)


@compiled
def _value(
    names: Bytes,
    words: Bytes,
    plan: Plan,
    said: Ints,
    levels: Floats,
    frame: bytes,
    at: int,
    entry: int,
) -> int:
    """Take in what stands behind a key; the place behind it, STOP or LEAVE."""
    action = plan[entry, lay.ACTION]
    if action >= Action.BIDS.value:
        return _levels(words, plan, said, levels, frame, at, action)
    if action >= Action.LAST.value and action <= Action.COUNT.value:
        return _number(said, frame, at, action)
    if action >= Action.MILLIS.value and action <= Action.ISO.value:
        return _clock(said, frame, at, action)
    if action >= Action.WORD.value and action <= Action.SYMBOL.value:
        return _text(names, words, said, frame, at, entry, action)
    if action == Action.CRC.value:
        return _checksum(frame, at)
    end = skip(frame, at)
    if action == Action.ELSE.value or end == STOP:
        return LEAVE
    if action == Action.NULL.value:
        return end if frame[at] == 110 else LEAVE
    if frame[at] == 116:  # FULL, true
        said[KIND] = Kind.WHOLE.value
        return end
    return end if frame[at] == 102 else LEAVE


@compiled
def _levels(
    words: Bytes, plan: Plan, said: Ints, levels: Floats, frame: bytes, at: int, action: int
) -> int:
    if action <= Action.ASKS.value:
        side = action - Action.BIDS.value  # as the ladder counts them
        said[BID_LEVELS + side], at = rows(frame, at, levels, side, plan[0, lay.ARITY])
    elif action == Action.UPDATES.value:
        said[BID_LEVELS], said[ASK_LEVELS], at = updates(frame, at, levels, words)
    else:
        count, at = units(frame, at, levels, words, action == Action.SHORT_UNITS.value)
        said[BID_LEVELS] = said[ASK_LEVELS] = count
    return at


@compiled
def _number(said: Ints, frame: bytes, at: int, action: int) -> int:
    if action == Action.LAST_EITHER.value and frame[at] == QUOTE:
        said[LAST], at = quoted_whole(frame, at)
        return at
    if action == Action.PREVIOUS.value and frame[at] == MINUS:
        value, at = whole(frame, at + 1)
        said[PREVIOUS] = NONE
        return at if value == 1 else STOP  # −1: nothing comes before it (okx.md §1)
    value, at = whole(frame, at)
    if action == Action.FIRST.value:
        said[PREVIOUS] = value - 1
    elif action == Action.PREVIOUS.value:
        said[PREVIOUS] = value
    elif action == Action.COUNT.value:
        said[COUNT] = said[LAST] = value
    else:
        said[LAST] = value
    return at


@compiled
def _clock(said: Ints, frame: bytes, at: int, action: int) -> int:
    if action == Action.ISO.value:
        if frame[at] != QUOTE:
            return STOP
        said[CLOCK], at = iso(frame, at + 1)
        return at + 1 if at != STOP and frame[at] == QUOTE else STOP
    is_text = frame[at] == QUOTE
    if is_text != (action == Action.MILLIS_TEXT.value) and action != Action.STAMP.value:
        return STOP
    value, at = quoted_whole(frame, at) if is_text else whole(frame, at)
    if action != Action.STAMP.value:
        said[CLOCK] = value * MS_NS
        return at if value < MILLIS_MAX else STOP
    if MILLI_DIGITS <= value < 10 * MILLI_DIGITS:
        said[CLOCK] = value * MS_NS
        return at if value < MILLIS_MAX else STOP
    said[CLOCK] = value * 1000
    return at if MICRO_DIGITS <= value < 1000 * MILLIS_MAX else STOP


@compiled
def _checksum(frame: bytes, at: int) -> int:
    if frame[at] == 110:
        return skip(frame, at)
    is_negative = frame[at] == MINUS
    value, at = whole(frame, at + 1 if is_negative else at)
    if value > CRC_MAX or (value == CRC_MAX and not is_negative):
        return STOP
    return at


@compiled
def _text(
    names: Bytes, words: Bytes, said: Ints, frame: bytes, at: int, entry: int, action: int
) -> int:
    if frame[at] != QUOTE:
        return STOP
    at += 1
    end = name_end(frame, at)
    if end == STOP:
        return STOP
    if action == Action.WORD.value:
        return end + 1 if is_word(frame, at, end, words, entry, START) else LEAVE
    if action == Action.KIND.value:
        is_whole = is_word(frame, at, end, words, entry, START)
        said[KIND] = Kind.WHOLE.value if is_whole else Kind.CHANGE.value
        return end + 1 if is_whole or is_word(frame, at, end, words, entry, END) else LEAVE
    start, stop = at + words[entry, START], end - words[entry, END]
    if start > stop or not is_word(frame, at, start, words, entry, START):
        return LEAVE
    if not is_word(frame, stop, end, words, entry, END):
        return LEAVE
    if action == Action.SYMBOL.value:
        row, before = row_of(names, frame, start, stop), said[ROW]
        said[ROW] = row
        return end + 1 if row != NONE and before in (NONE, row) else LEAVE
    # Only known symbols are known to be proper text; others may hold any byte.
    return end + 1 if text_end(frame, start) >= stop else LEAVE


@compiled
def _finish(plan: Plan, said: Ints, tops: Records, levels: Floats, at_ns: int) -> int:
    """Everything is read: was it all that belongs to such a message, and what becomes of it?"""
    seen, counted = said[SEEN], said[COUNT]
    if said[KIND] == Kind.WHOLE.value:
        must = seen & ~plan[0, lay.WHOLE_FREE]
        if must != plan[0, lay.WHOLE_1] and must != plan[0, lay.WHOLE_2]:
            return UNKNOWN
    elif seen & ~plan[0, lay.CHANGE_FREE] != plan[0, lay.CHANGE]:
        return UNKNOWN
    is_counted = plan[0, lay.COUNTS] != 0
    if is_counted and counted != said[COUNTER] + 1:
        return OTHER
    row, last, clock = said[ROW], said[LAST], said[CLOCK]
    bids, asks = said[BID_LEVELS], said[ASK_LEVELS]
    if said[KIND] == Kind.WHOLE.value:
        offered = clock if plan[0, lay.BY_CLOCK] != 0 else last
        outcome = replace(tops, levels, row, bids, asks, offered, last, clock, at_ns)
    else:
        is_step = plan[0, lay.STEPS] != 0
        previous = last - 1 if is_step else said[PREVIOUS]
        # Numbers that go back, or begin anew: what that means is the venue's own.
        if previous > last or (is_step and last == 1):
            return OTHER
        outcome = amend(tops, levels, row, bids, asks, previous, last, clock, at_ns)
    if is_counted and outcome not in (OTHER, UNKNOWN):
        said[COUNTER] = counted
    return outcome


@compiled
def _place(text: bytes, start: int, stop: int, size: int) -> int:
    """Where the search for a symbol begins in a table of `size`, a power of two. FNV-1a."""
    found = 2166136261
    for i in range(start, stop):
        found = ((found ^ text[i]) * 16777619) & 0xFFFFFFFF
    return (found ^ (found >> 15)) & (size - 1)


@compiled
def row_of(names: Bytes, frame: bytes, start: int, stop: int) -> int:
    """The row of the symbol that stands here, NONE without one."""
    size = names.shape[0]
    place = _place(frame, start, stop, size)
    while names[place, 0] != 0:
        if names[place, 0] == stop - start:
            i = 0
            while i < stop - start and frame[start + i] == names[place, NAME_AT + i]:
                i += 1
            if i == stop - start:
                row: int = names[place, 1] + 256 * names[place, 2]
                return NONE if row == NO_ROW else row
        place = (place + 1) & (size - 1)
    return NONE


class NameTable:
    """Symbols and their rows, as the scanner looks them up."""

    def __init__(self, rows: Mapping[str, int]) -> None:
        """Symbols that are too long stay away: their frames are read slowly."""
        size = 16
        while size < 4 * len(rows):
            size *= 2
        self.table = np.zeros((size, NAME_WIDTH), np.uint8)
        for symbol, row in rows.items():
            raw = symbol.encode()
            if not 0 < len(raw) <= NAME_WIDTH - NAME_AT:
                continue
            place = _place(raw, 0, len(raw), size)
            while self.table[place, 0] != 0:
                place = (place + 1) % size
            self.table[place, 0] = len(raw)
            self.table[place, NAME_AT : NAME_AT + len(raw)] = np.frombuffer(raw, np.uint8)
            self._set(place, row)

    def forget(self, row: int) -> None:
        known = self.table[:, 1].astype(np.int64) | self.table[:, 2].astype(np.int64) << 8
        for place in np.flatnonzero((self.table[:, 0] != 0) & (known == row)):
            self._set(int(place), NO_ROW)

    def _set(self, place: int, row: int) -> None:
        self.table[place, 1:3] = row & 0xFF, row >> 8
