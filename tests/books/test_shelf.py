"""The books of one connection, and the counter that binds them."""

from __future__ import annotations

import msgspec

from app.books.alignment import Verdict
from app.books.book import Flaw
from app.books.shelf import Shelf
from app.domain.markets import Alignment, Counted
from tests.books.builders import COIN, delta, snapshot

COUNTED = Alignment.COUNTED
OTHER = msgspec.structs.replace(COIN, base="OTHER")


def test_two_channels_of_one_instrument_do_not_mix() -> None:
    shelf = Shelf()
    first = shelf.take(snapshot(Alignment.SNAPSHOTS, 5)).book
    second = shelf.take(snapshot(Alignment.BUFFERED, 9)).book

    assert first is not second
    assert (first.sequence, second.sequence) == (5, 9)


def test_a_message_lost_on_a_connection_breaks_every_book_of_it() -> None:
    shelf = Shelf()
    for number, coin in enumerate((COIN, OTHER)):
        assert shelf.count(Counted(number)) == (Verdict.APPLIED, [])
        shelf.take(snapshot(COUNTED, number, instrument=coin))

    verdict, turns = shelf.count(Counted(3))
    assert verdict is Verdict.GAP
    assert [turn.instrument for turn in turns] == [COIN, OTHER]
    assert {turn.book.broken for turn in turns} == {(Flaw.CONNECTION, 2, 3)}
    assert shelf.take(delta(COUNTED, None, 3)).verdict is Verdict.EARLY

    assert shelf.count(Counted(4)) == (Verdict.APPLIED, []), "it is told once"
    assert shelf.take(snapshot(COUNTED, 4)).book.valid
    assert shelf.count(Counted(4)) == (Verdict.STALE, [])
    assert shelf.count(Counted(6))[1][0].instrument == COIN, "only what was valid can break"


def test_a_connection_may_be_met_in_its_middle_and_starts_anew_at_zero() -> None:
    shelf = Shelf()

    assert shelf.count(Counted(17)) == (Verdict.APPLIED, [])
    assert shelf.count(Counted(18)) == (Verdict.APPLIED, [])
    assert shelf.count(Counted(0)) == (Verdict.APPLIED, [])
    assert shelf.count(Counted(1)) == (Verdict.APPLIED, [])
