"""The rack: rows, their records, and memory that is used again."""

from __future__ import annotations

import numpy as np
import pytest

from app.books import rack as racks
from app.books.alignment import State
from app.books.apply import SCRATCH
from app.books.book import Break, Flaw
from app.books.ladder import ASKS, BIDS, TOP
from app.books.rack import ROWS_MAX, Rack, RackFull
from app.domain.markets import Alignment, Instrument
from app.domain.venues import Venue
from tests.books.builders import COIN, delta, snapshot

CHAINED = Alignment.CHAINED
OTHER_COIN = Instrument(Venue.OKX, "OTHER", "USDT")


@pytest.fixture(scope="module")
def rack() -> Rack:
    return Rack()


def test_a_row_s_record_shows_the_book_behind_it(rack: Rack) -> None:
    row = rack.add(COIN, CHAINED, 64)
    book, record = rack.book(row), rack.tops[row]
    assert (rack.row(COIN), rack.instrument(row), list(rack.rows())) == (row, COIN, [row])
    assert not record["valid"]

    levels = [(f"{90 - number}", "2") for number in range(30)]
    book.snapshot(snapshot(CHAINED, 7, bids=levels, at_ns=5))
    rack.settle(row)
    assert (record["valid"], record["sequence"], record["exchange_ns"]) == (1, 7, 5)
    assert record["counts"].tolist() == [TOP, 1]
    assert record["prices"][BIDS, :3].tolist() == [90.0, 89.0, 88.0]
    assert record["quantities"][ASKS, 0] == 1.0
    assert record["version"] == 2

    book.delta(delta(CHAINED, 7, 8, [("90", "0")], [("89.5", "3")]))
    rack.settle(row)
    assert (record["prices"][BIDS, 0], record["prices"][ASKS, 0]) == (89.0, 89.5)

    book.invalidate(Break(Flaw.LOST))
    rack.settle(row)
    assert record["valid"] == 0
    assert record["counts"].tolist() == [TOP, 2], "still readable"


def test_a_crossed_book_may_decide_nothing(rack: Rack) -> None:
    row = rack.add(COIN, CHAINED, 64)
    rack.book(row).snapshot(snapshot(CHAINED, 1, [("101", "1")], [("101", "1")]))
    rack.settle(row)
    assert rack.tops[row]["valid"] == 0

    rack.book(row).snapshot(snapshot(CHAINED, 2, [("101", "1")], []))
    rack.settle(row)
    assert rack.tops[row]["valid"] == 1, "an empty side is not a lie"


def test_rows_and_memory_are_used_again_and_versions_go_on(rack: Rack) -> None:
    row = rack.add(OTHER_COIN, CHAINED, 64)
    version, start = int(rack.tops[row]["version"]), int(rack.tops[row]["start"])
    rack.remove(row)
    assert rack.row(OTHER_COIN) is None
    assert rack.tops[row]["valid"] == 0
    again = rack.add(OTHER_COIN, Alignment.SNAPSHOTS, 64)

    assert again == row
    assert int(rack.tops[again]["start"]) == start
    assert int(rack.tops[again]["version"]) > version
    assert rack.tops[again]["state"][0] == State.WAITING


def test_adding_an_instrument_twice_replaces_its_book(rack: Rack) -> None:
    first = rack.add(OTHER_COIN, CHAINED, 64)
    old = rack.book(first)
    row = rack.add(OTHER_COIN, CHAINED, 128)

    assert rack.book(row) is not old
    assert rack.book(row).ladder.prices.shape == (2, 128)


def test_books_do_not_lie_in_each_other_s_memory() -> None:
    rack = Rack()
    rows = [
        rack.add(Instrument(Venue.OKX, f"C{number}", "USDT"), CHAINED, 8 + number)
        for number in range(20)
    ]
    for row in rows:
        for values in rack.book(row).ladder:
            values[:] = row
    for row in rows:
        assert all(np.all(values == row) for values in rack.book(row).ladder)
    assert int(rack.tops[rows[0]]["start"]) >= 4 * SCRATCH


def test_a_full_rack_says_which_limit_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    rack = Rack()
    monkeypatch.setattr(racks, "LEVELS_ROOM", 4 * SCRATCH + 4 * 64)
    rack.add(COIN, CHAINED, 64)
    with pytest.raises(RackFull, match="floats of levels"):
        rack.add(OTHER_COIN, CHAINED, 64)

    monkeypatch.undo()
    rack = Rack()
    for number in range(ROWS_MAX):
        rack.add(Instrument(Venue.OKX, f"C{number}", "USDT"), CHAINED, 1)
    with pytest.raises(RackFull, match="books at once"):
        rack.add(OTHER_COIN, CHAINED, 1)
