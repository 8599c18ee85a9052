"""Tasks as a worker does them, here in this process."""

from __future__ import annotations

import secrets
from pathlib import Path

import msgspec
import pytest

from app.ledger.database import Database
from app.runtime.work import tasks
from app.runtime.work.bars import Alignments
from app.runtime.work.checks import check_run
from app.runtime.work.folders import Folders
from app.runtime.work.orders import Backtest
from app.runtime.work.results import Result
from app.runtime.work.runs import bars_of
from app.runtime.work.worker import Message, Stopped, Ticket
from tests.work.market import START_NS, swinging_market

ROWS = 50_000


class Listening(Ticket):
    """Hears every progress, however close they come."""

    def __init__(self, stop_after: int | None = None) -> None:
        super().__init__(1, self._hear, set())
        self.heard: list[tuple[int, int]] = []
        self._stop_after = stop_after

    def progress(self, value: object) -> None:
        self._told_at = 0.0
        super().progress(value)
        if len(self.heard) == self._stop_after:
            raise Stopped

    def _hear(self, message: Message) -> None:
        assert isinstance(message.value, tuple)
        self.heard.append(message.value)


@pytest.fixture
async def order(sqlite_database: Database, tmp_path: Path) -> Backtest:
    spec = await swinging_market(sqlite_database, tmp_path, ROWS)
    rows = await check_run(sqlite_database, spec)
    bars = bars_of(spec, rows, Folders(tmp_path))
    return Backtest(bars, spec.params, tmp_path / "runs" / secrets.token_hex(4))


def test_a_run_tells_its_bars_from_the_first_to_the_last(order: Backtest) -> None:
    ticket = Listening()
    done = tasks.backtest(ticket, order)
    told = [bars for bars, _ in ticket.heard]
    assert len(set(told)) >= 20
    assert told == sorted(told)
    assert {total for _, total in ticket.heard} == {ROWS}
    assert told[-1] == done.bars == ROWS


@pytest.mark.parametrize("moment", [1, 5, 30])
def test_a_run_stops_wherever_it_is_told_to(order: Backtest, moment: int) -> None:
    with pytest.raises(Stopped):
        tasks.backtest(Listening(stop_after=moment), order)
    assert not order.out.exists()


def test_what_is_stored_is_what_was_told(order: Backtest) -> None:
    done = tasks.backtest(Listening(), order)
    result = Result(order.out)
    assert result.document["metrics"] == done.metrics
    assert result.document["open_cycle"] == done.open_cycle
    assert len(result.array("cycles")) == done.metrics["cycles"]
    assert {"checks", "months", "histogram", "by_coin", "pending_order"} <= set(result.document)


def test_alignments_are_kept_while_they_are_small_enough(order: Backtest) -> None:
    whole, later = order.bars, msgspec.structs.replace(order.bars, start_ns=START_NS + 600 * 10**9)
    large = Alignments(bytes_max=10**9)
    kept = [large.of(bars) for bars in (whole, later)]
    assert [aligned.rows for aligned in kept] == [ROWS, ROWS - 10]
    assert all(
        large.of(bars) is aligned for bars, aligned in zip((whole, later), kept, strict=True)
    )
    small = Alignments(bytes_max=1)
    newest = small.of(whole)
    assert small.of(whole) is newest, "the newest is always kept"
    small.of(later)
    assert small.of(whole) is not newest
