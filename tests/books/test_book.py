"""One book: what breaks it, what heals it, and that it stays readable."""

from __future__ import annotations

import zlib

import pytest

from app.books.alignment import Verdict
from app.books.book import KEPT_MAX, Book, Break, Flaw
from app.books.ladder import ASKS, BIDS
from app.domain.markets import Alignment
from tests.books.builders import delta, snapshot

SNAPSHOTS, BUFFERED, CHAINED = Alignment.SNAPSHOTS, Alignment.BUFFERED, Alignment.CHAINED
CHECKED, COUNTED = Alignment.CHECKED, Alignment.COUNTED


def shown(book: Book) -> list[list[tuple[str, str]]]:
    assert book.texts is not None
    return [book.texts.best(side) for side in (BIDS, ASKS)]


def test_a_gap_makes_the_book_invalid_and_leaves_it_readable() -> None:
    book = Book(CHAINED, texts=True)
    book.snapshot(snapshot(CHAINED, 7))

    assert book.valid
    assert book.delta(delta(CHAINED, 9, 10, [("98", "5")])) is Verdict.GAP
    assert not book.valid
    assert book.broken == Break(Flaw.GAP, expected=7, received=9)
    assert shown(book) == [[("99", "1")], [("101", "1")]]

    assert book.delta(delta(CHAINED, 10, 11)) is Verdict.EARLY, "nothing is next to a hole"
    assert book.snapshot(snapshot(CHAINED, 3)) is Verdict.APPLIED, "its stream may count anew"
    assert book.valid


def test_okx_s_empty_and_restarting_numbers_are_no_gap() -> None:
    """okx.md §1: without changes seqId = prevSeqId; after maintenance seqId may be lower."""
    book = Book(CHAINED)
    book.snapshot(snapshot(CHAINED, 1000))

    assert book.delta(delta(CHAINED, 1000, 1000)) is Verdict.APPLIED
    assert book.delta(delta(CHAINED, 1000, 5, [("98", "2")])) is Verdict.APPLIED
    assert book.delta(delta(CHAINED, 5, 6)) is Verdict.APPLIED
    assert book.valid


def test_a_snapshot_stream_without_numbers_follows_the_venue_s_clock() -> None:
    book = Book(SNAPSHOTS)

    assert book.snapshot(snapshot(SNAPSHOTS, at_ns=20)) is Verdict.APPLIED
    assert book.snapshot(snapshot(SNAPSHOTS, at_ns=10)) is Verdict.STALE
    assert book.snapshot(snapshot(SNAPSHOTS, at_ns=20)) is Verdict.APPLIED, "two in one ms"
    assert (book.sequence, book.exchange_at_ns) == (None, 20)


def test_whole_books_follow_the_clock_before_their_numbers() -> None:
    """bitget.md §1: numbers restart in maintenance; a reply over REST has none."""
    book = Book(SNAPSHOTS)

    assert book.snapshot(snapshot(SNAPSHOTS, 900, at_ns=20)) is Verdict.APPLIED
    assert book.snapshot(snapshot(SNAPSHOTS, 3, at_ns=30)) is Verdict.APPLIED
    assert book.snapshot(snapshot(SNAPSHOTS, 901, at_ns=25)) is Verdict.STALE
    assert book.snapshot(snapshot(SNAPSHOTS, at_ns=40)) is Verdict.APPLIED
    assert book.snapshot(snapshot(SNAPSHOTS, 4, at_ns=50)) is Verdict.APPLIED
    assert (book.sequence, book.exchange_at_ns) == (4, 50)


def test_changes_without_numbers_follow_the_venue_s_clock_too() -> None:
    book = Book(CHECKED)
    book.snapshot(snapshot(CHECKED, at_ns=20))

    assert book.delta(delta(CHECKED, None, None, [("98", "2")], at_ns=20)) is Verdict.STALE
    assert book.delta(delta(CHECKED, None, None, [("98", "2")], at_ns=30)) is Verdict.APPLIED
    assert (book.sequence, book.exchange_at_ns) == (None, 30)


def test_a_crossed_book_is_not_valid_until_it_uncrosses() -> None:
    book = Book(SNAPSHOTS)
    book.snapshot(snapshot(SNAPSHOTS, 1, [("101", "1")], [("101", "1")]))
    assert not book.valid

    book.snapshot(snapshot(SNAPSHOTS, 2))
    assert book.valid
    book.snapshot(snapshot(SNAPSHOTS, 3, [], []))
    assert book.valid, "an empty side is not a lie"


def test_a_checksum_that_differs_breaks_the_book() -> None:
    book = Book(CHECKED)
    book.snapshot(snapshot(CHECKED, 1, [("99", "1.0")], [("101", "2"), ("102.50", "3")]))
    right = zlib.crc32(b"99:1.50:101:2:98:7:102.50:3")
    signed = right - 2**32 if right >= 2**31 else right

    first = delta(CHECKED, None, 5, [("99", "1.50"), ("98", "7")], checksum=signed)
    assert book.delta(first) is Verdict.APPLIED
    assert book.valid, "numbers may jump: the checksum tells"
    assert book.delta(first) is Verdict.STALE

    book.delta(delta(CHECKED, None, 6, [("97", "1")], checksum=signed))
    assert not book.valid
    assert book.broken is not None
    assert (book.broken.flaw, book.broken.expected) == (Flaw.CHECKSUM, signed)


def test_a_bounded_book_that_forgot_too_much_says_so() -> None:
    book = Book(CHAINED, levels_max=30)
    bids = [(str(1000 - level), "1") for level in range(40)]
    book.snapshot(snapshot(CHAINED, 1, bids, [("1001", "1")]))
    book.delta(delta(CHAINED, 1, 2, [(price, "0") for price, _ in bids[:10]]))
    assert book.valid

    book.delta(delta(CHAINED, 2, 3, [(price, "0") for price, _ in bids[10:11]]))
    assert book.broken == Break(Flaw.DEPTH)


def test_levels_that_are_none_leave_the_book_as_it_was() -> None:
    book = Book(CHAINED, texts=True)
    book.snapshot(snapshot(CHAINED, 1))
    wrong = [("1e400", "1"), ("nan", "1"), ("-5", "1"), ("99", "-1"), ("1_0", "1"), (" 9", "1")]
    for level in wrong:
        with pytest.raises(ValueError):
            book.delta(delta(CHAINED, 1, 2, [("98", "4"), level]))
    with pytest.raises(ValueError):
        book.snapshot(snapshot(CHAINED, 2, [("98", "1")], [("99", "1"), ("99.0", "2")]))

    assert shown(book) == [[("99", "1")], [("101", "1")]]
    assert (book.valid, book.sequence) == (True, 1)


def test_rows_without_quantity_are_no_levels() -> None:
    book = Book(SNAPSHOTS, texts=True)
    book.snapshot(
        snapshot(SNAPSHOTS, 1, [("99", "0.0000"), ("98", "1")], [("0", "0"), ("101", "1")])
    )

    assert shown(book) == [[("98", "1")], [("101", "1")]]


def test_what_is_kept_for_a_snapshot_is_bounded() -> None:
    book = Book(BUFFERED)
    for number in range(KEPT_MAX + 10):
        assert book.delta(delta(BUFFERED, number, number + 1)) is Verdict.KEPT

    assert book.snapshot(snapshot(BUFFERED, 9)) is Verdict.TOO_OLD, "the first ten are gone"
    assert book.snapshot(snapshot(BUFFERED, 10)) is Verdict.APPLIED
    assert (book.valid, book.sequence) == (True, KEPT_MAX + 10)


def test_a_new_connection_begins_with_nothing() -> None:
    book = Book(BUFFERED, texts=True)
    book.snapshot(snapshot(BUFFERED, 5))
    book.delta(delta(BUFFERED, 8, 9))
    book.reset()

    assert (book.valid, book.broken, book.sequence) == (False, None, None)
    assert shown(book) == [[], []]
    assert book.snapshot(snapshot(BUFFERED, 2)) is Verdict.APPLIED
    assert book.valid


def test_texts_that_nobody_sees_any_more_are_tidied_up() -> None:
    book = Book(CHAINED, levels_max=20, texts=True)
    book.snapshot(snapshot(CHAINED, 0, [], []))
    for number in range(5_000):
        book.delta(delta(CHAINED, number, number + 1, [(str(number + 1), "1")]))

    assert book.texts is not None
    assert len(book.texts) <= 20 + 1_000 + 1
    assert book.texts.best(BIDS, 2) == [("5000", "1"), ("4999", "1")]
