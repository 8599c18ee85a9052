"""Layout: how a channel's frames look: a tree of keys, and what stands behind each."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import IntEnum

import numpy as np
import numpy.typing as npt

from app.books.compiled import constant
from app.exchanges.scanning.levels import PAIR, WORDS
from app.exchanges.scanning.text import Bytes, words

Plan = npt.NDArray[np.int64]

WORD_WIDTH = 40
NAME, START, END = constant(0), constant(WORD_WIDTH), constant(2 * WORD_WIDTH)
"""Columns of the words: the key, and what its text begins and ends with."""
CONTEXTS_MAX = 4
FIRST_ENTRY = 1 + CONTEXTS_MAX
"""Rows of a plan: one of terms, the contexts, the entries."""
# Columns of the row of terms
ARITY, DEFAULT_KIND, BY_CLOCK, STEPS, WHOLE_1, WHOLE_2, WHOLE_FREE, CHANGE, CHANGE_FREE, COUNTS = (
    range(10)
)
# Columns of a context
FROM, TO, PARENT, IS_LIST = range(4)
# Columns of an entry
ACTION, INSIDE, BIT = range(3)


class Kind(IntEnum):
    WHOLE = 0
    CHANGE = 1


class Action(IntEnum):
    """What a value is. Anything else in its place is for the slow reader."""

    ELSE = 0  # the slow reader looks at this key
    INTO = 1  # an object
    INTO_ONE = 2  # a list of one object
    WORD = 3  # this text
    AROUND = 4  # a text with this start and end
    KIND = 5  # a text: `start` for a whole book, `end` for a change
    SYMBOL = 6  # a text: start, the venue's name of a market, end
    LAST = 7  # the number that the message leads to
    LAST_EITHER = 8  # the same, as a number or as a text
    FIRST = 9  # one above the number that it follows
    PREVIOUS = 10  # the number that it follows
    COUNT = 11  # its number among the messages of the connection
    MILLIS = 12  # the venue's clock
    MILLIS_TEXT = 13
    STAMP = 14  # the same in ms or µs, as a number or as a text
    ISO = 15  # the same as a text
    CRC = 16  # a checksum that nobody verifies, or null
    NULL = 17
    FULL = 18  # true: a whole book
    BIDS = 19
    ASKS = 20
    UNITS = 21
    SHORT_UNITS = 22
    UPDATES = 23


@dataclass(frozen=True, slots=True)
class Key:
    """in_whole, in_change: whether such a message must have it. variant: 1 and 2 exclude each
    other, 0 is in both."""

    action: Action
    start: str = ""
    end: str = ""
    inside: Mapping[str, Key] = field(default_factory=dict)
    in_whole: bool = True
    in_change: bool = True
    variant: int = 0


@dataclass(frozen=True, slots=True)
class Layout:
    """arity: values in a level. by_clock: the venue's clock orders whole books. steps: a change
    follows the number below its own. lower: symbols are spelled small."""

    keys: Mapping[str, Key]
    kind: Kind = Kind.WHOLE
    arity: int = PAIR
    by_clock: bool = False
    steps: bool = False
    lower: bool = False

    def compile(self) -> tuple[Bytes, Plan]:
        """For the scanner: words, and a plan whose rows are the same but for the last words."""
        contexts, entries = _flattened(self.keys)
        plan = np.zeros((FIRST_ENTRY + len(entries), 10), np.int64)
        plan[1 : 1 + len(contexts), :4] = contexts
        for bit, (_, key, inside) in enumerate(entries):
            plan[FIRST_ENTRY + bit, :3] = key.action, inside, 1 << bit
        plan[0] = (
            self.arity,
            self.kind,
            self.by_clock,
            self.steps,
            _mask(entries, lambda key: key.in_whole and key.variant != 2),
            _mask(entries, lambda key: key.in_whole and key.variant != 1),
            _mask(entries, lambda key: not key.in_whole),
            _mask(entries, lambda key: key.in_change),
            _mask(entries, lambda key: not key.in_change),
            any(key.action is Action.COUNT for _, key, _ in entries),
        )
        before, behind = [""] * FIRST_ENTRY, [""] * len(WORDS)
        columns = (
            [*before, *(name for name, _, _ in entries), *WORDS],
            [*before, *(key.start for _, key, _ in entries), *behind],
            [*before, *(key.end for _, key, _ in entries), *behind],
        )
        return np.hstack([words(*column, width=WORD_WIDTH) for column in columns]), plan


Entry = tuple[str, Key, int]
"""Name, key, and the context inside it."""


def _flattened(keys: Mapping[str, Key]) -> tuple[list[tuple[int, int, int, int]], list[Entry]]:
    """Contexts one after the other, each with its entries together."""
    contexts: list[tuple[int, int, int, int]] = []
    entries: list[Entry] = []
    waiting: list[tuple[Mapping[str, Key], int, bool]] = [(keys, 0, False)]
    for number, (inside, parent, is_list) in enumerate(waiting):
        assert number < CONTEXTS_MAX
        first = FIRST_ENTRY + len(entries)
        for name, key in inside.items():
            entries.append((name, key, len(waiting) if key.inside else 0))
            if key.inside:
                waiting.append((key.inside, number, key.action is Action.INTO_ONE))
        contexts.append((first, FIRST_ENTRY + len(entries), parent, int(is_list)))
    return contexts, entries


def _mask(entries: list[Entry], wanted: Callable[[Key], bool]) -> int:
    return sum(1 << bit for bit, (_, key, _) in enumerate(entries) if wanted(key))
