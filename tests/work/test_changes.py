"""What listeners hear: never too often, never an old figure last."""

from __future__ import annotations

import asyncio

import msgspec
import pytest

from app.domain.backtests import FxRef, MarketRef, Params, RunSpec, RunStatus
from app.domain.records import RunRow
from app.runtime.work.changes import Changes, Record
from app.runtime.work.limits import TELL_INTERVAL_S

SPEC = RunSpec((MarketRef("BTC", "d-1", "d-2"),), FxRef(rate=1300.0), Params())
ROW = RunRow(
    "b-1", SPEC, RunStatus.RUNNING, 0, 100, None, None, None, None, None, 1, 2, None
)  # fmt: skip


class Heard:
    """Remembers what was told."""

    def __init__(self) -> None:
        self.changes = Changes()
        self.bars: list[int | None] = []
        self.changes.listen(self._hear)

    def _hear(self, public_id: str, record: Record | None) -> None:
        assert public_id == "b-1"
        self.bars.append(record.bars_done if isinstance(record, RunRow) else None)


@pytest.fixture
def heard() -> Heard:
    return Heard()


def at(bars: int, status: RunStatus = RunStatus.RUNNING) -> RunRow:
    return msgspec.structs.replace(ROW, bars_done=bars, status=status)


async def test_the_first_figure_is_told_at_once_and_of_a_rush_only_the_newest(
    heard: Heard,
) -> None:
    for bars in range(1, 50):
        heard.changes.progress(at(bars))
    assert heard.bars == [1]
    await asyncio.sleep(2 * TELL_INTERVAL_S)
    assert heard.bars == [1, 49]


async def test_a_state_is_told_at_once_and_no_figure_comes_after_it(heard: Heard) -> None:
    heard.changes.progress(at(1))
    heard.changes.progress(at(2))
    heard.changes.settle(at(100, RunStatus.COMPLETED))
    await asyncio.sleep(2 * TELL_INTERVAL_S)
    assert heard.bars == [1, 100]


async def test_what_was_deleted_is_told_as_gone(heard: Heard) -> None:
    heard.changes.progress(at(1))
    heard.changes.progress(at(2))
    heard.changes.gone("b-1")
    await asyncio.sleep(2 * TELL_INTERVAL_S)
    assert heard.bars == [1, None]


async def test_after_a_silence_the_next_figure_is_told_at_once(heard: Heard) -> None:
    heard.changes.progress(at(1))
    await asyncio.sleep(2 * TELL_INTERVAL_S)
    heard.changes.progress(at(2))
    assert heard.bars == [1, 2]
