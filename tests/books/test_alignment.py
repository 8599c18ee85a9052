"""Alignment against a dict: whatever is lost, repeated, late or swapped, a valid book is right.

The venue's truth is a list of changes; a stream delivers them in blocks `previous..last`. A book
that says it is valid must equal the truth at the number that it says it is at.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from hypothesis import given, settings
from hypothesis import strategies as st

from app.books.alignment import Verdict
from app.books.book import Book
from app.books.ladder import ASKS, BIDS
from app.domain.markets import Alignment, BookDelta, BookSnapshot, Level
from tests.books.builders import delta, snapshot

CHANGES = 40
BLOCKS = st.lists(st.integers(1, 4), min_size=3, max_size=12)
BIDS_BELOW = 50


@dataclass
class Truth:
    """Change k sets one price to one quantity: state k is known for every k."""

    changes: list[tuple[int, int]]
    states: list[dict[int, int]] = field(init=False)

    def __post_init__(self) -> None:
        self.states = [{10: 1, 90: 1}]
        for price, quantity in self.changes:
            after = self.states[-1] | {price: quantity}
            self.states.append({p: q for p, q in after.items() if q})

    def sides(self, number: int) -> tuple[list[Level], list[Level]]:
        """Best first."""
        state = sorted(self.states[number].items())
        bids = [(str(p), str(q)) for p, q in reversed(state) if p < BIDS_BELOW]
        return bids, [(str(p), str(q)) for p, q in state if p >= BIDS_BELOW]

    def snapshot(self, alignment: Alignment, number: int) -> BookSnapshot:
        return snapshot(alignment, number, *self.sides(number))

    def block(self, alignment: Alignment, previous: int, last: int) -> BookDelta:
        changed = dict(self.changes[previous:last])
        levels = {price: (str(price), str(quantity)) for price, quantity in changed.items()}
        return delta(
            alignment,
            previous,
            last,
            [level for price, level in levels.items() if price < BIDS_BELOW],
            [level for price, level in levels.items() if price >= BIDS_BELOW],
        )

    def blocks(self, alignment: Alignment, sizes: list[int]) -> list[BookDelta]:
        made, at = [], 0
        for size in sizes:
            made.append(self.block(alignment, at, min(at + size, len(self.changes))))
            at = min(at + size, len(self.changes))
        return [block for block in made if block.previous != block.last]


TRUTHS = st.lists(
    st.tuples(st.sampled_from([5, 10, 20, 30, 60, 70, 80, 90]), st.integers(0, 2)),
    min_size=CHANGES,
    max_size=CHANGES,
).map(Truth)


def feed(book: Book, message: BookSnapshot | BookDelta) -> Verdict:
    return book.snapshot(message) if isinstance(message, BookSnapshot) else book.delta(message)


def assert_right_if_valid(book: Book, truth: Truth) -> None:
    if book.broken is None and book.sequence is not None:
        assert book.texts is not None
        shown = book.texts.best(BIDS), book.texts.best(ASKS)
        assert shown == truth.sides(book.sequence)


@st.composite
def disturbed(
    draw: st.DrawFn, alignment: Alignment
) -> tuple[Truth, list[BookSnapshot | BookDelta]]:
    """Blocks lost, repeated and swapped, snapshots of any age among them."""
    truth = draw(TRUTHS)
    messages: list[BookSnapshot | BookDelta] = []
    for block in truth.blocks(alignment, draw(BLOCKS)):
        fate = draw(st.sampled_from(["comes", "comes", "comes", "twice", "lost", "early"]))
        if fate == "early" and messages:
            messages.insert(len(messages) - 1, block)
        elif fate != "lost":
            messages += [block] * (2 if fate == "twice" else 1)
    for _ in range(draw(st.integers(1, 4))):
        place = draw(st.integers(0, len(messages)))
        messages.insert(place, truth.snapshot(alignment, draw(st.integers(0, CHANGES))))
    return truth, messages


@settings(max_examples=400, deadline=None)
@given(case=disturbed(Alignment.BUFFERED))
def test_a_buffered_book_is_right_or_says_that_it_is_not(
    case: tuple[Truth, list[BookSnapshot | BookDelta]],
) -> None:
    truth, messages = case
    book = Book(Alignment.BUFFERED, texts=True)
    for message in messages:
        feed(book, message)
        assert_right_if_valid(book, truth)


@settings(max_examples=400, deadline=None)
@given(case=disturbed(Alignment.CHAINED))
def test_a_chained_book_is_right_or_says_that_it_is_not(
    case: tuple[Truth, list[BookSnapshot | BookDelta]],
) -> None:
    truth, messages = case
    book = Book(Alignment.CHAINED, texts=True)
    for message in messages:
        feed(book, message)
        assert_right_if_valid(book, truth)


@settings(max_examples=200, deadline=None)
@given(truth=TRUTHS, sizes=BLOCKS, at=st.integers(0, CHANGES), late=st.integers(0, 12))
def test_a_late_snapshot_joins_what_was_kept(
    truth: Truth, sizes: list[int], at: int, late: int
) -> None:
    """Every block comes in order; the snapshot, of any moment of it, comes at any place."""
    book = Book(Alignment.BUFFERED, texts=True)
    blocks = truth.blocks(Alignment.BUFFERED, sizes)
    end = max(block.last or 0 for block in blocks)
    at = min(at, end)
    place = min(late, len(blocks))
    for block in blocks[:place]:
        assert feed(book, block) is Verdict.KEPT
    assert feed(book, truth.snapshot(Alignment.BUFFERED, at)) is Verdict.APPLIED
    for block in blocks[place:]:
        feed(book, block)

    seen = max([at, *(block.last or 0 for block in blocks)])
    if book.broken is None:
        assert book.sequence == seen
    else:  # the snapshot was older than the next block that came
        assert place == 0 or at < (blocks[place].previous or 0) or at < (blocks[0].previous or 0)
    assert_right_if_valid(book, truth)
