"""A backtest's page in every state says what is, what was not done and what to do next."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest

from app.domain.backtests import FxRef, MarketRef, Params, RunSpec, RunStatus
from app.domain.problems import FieldError
from app.domain.records import Failure, RunRow
from app.routers.backtesting import summary
from app.routers.backtesting.lists import run_line
from app.routers.backtesting.watch import watch
from app.routers.render import Viewer, html, words

SECOND = 10**9
NOW = 1_800_000_000 * SECOND
SPEC = RunSpec((MarketRef("BTC", "d-1", "d-2"),), FxRef(rate=1387.2), Params(), name="night")
QUEUED = RunRow(
    id="b-7", spec=SPEC, status=RunStatus.QUEUED, bars_done=0, bars_total=None, bars=None,
    metrics=None, open_cycle=None, failure=None, folder=None, created_at_ns=NOW - 9 * SECOND,
    started_at_ns=None, finished_at_ns=None,
)  # fmt: skip
RUNNING = msgspec.structs.replace(
    QUEUED, status=RunStatus.RUNNING, bars_done=250_000, bars_total=1_000_000,
    started_at_ns=NOW - 2 * SECOND,
)  # fmt: skip


def page_of(row: RunRow, lang: Any = "en") -> str:
    seen = Viewer(lang)
    context = {
        "run": row,
        "line": run_line(row, NOW),
        "meta": summary.run_meta(row, {}, seen),
        "synthetic": False,
        "failure": summary.failed(row, seen),
        "watch": watch(row, NOW),
    }
    return html("backtest.html", "result", words(seen) | context)


def test_a_waiting_run_can_be_cancelled() -> None:
    page = page_of(QUEUED)
    assert "waiting" in page
    assert 'action="/backtests/b-7/cancel"' in page


def test_a_running_run_tells_bars_speed_and_what_is_left() -> None:
    page = page_of(RUNNING)
    assert 'value="25.0"' in page
    assert "250,000" in page
    assert "/ 1,000,000" in page
    assert "125,000" in page  # bars a second
    assert "6.0 s" in page
    assert "finished from:#live" in page


def test_a_share_that_cannot_be_told_is_not_invented() -> None:
    row = msgspec.structs.replace(RUNNING, bars_done=0, bars_total=None)
    seen = watch(row, NOW)
    assert (seen.phase, seen.speed, seen.left_s) == ("reading", None, None)


@pytest.mark.parametrize(
    ("lang", "title"), [("en", "The worker process died"), ("ko", "작업 프로세스가")]
)
def test_a_failed_run_says_what_failed_and_what_comes_next(lang: str, title: str) -> None:
    failure = Failure("worker_died", {"how": "signal 9"})
    page = page_of(msgspec.structs.replace(RUNNING, status=RunStatus.FAILED, failure=failure), lang)
    assert title in page
    assert "signal 9" in page
    assert "<code>worker_died</code>" in page
    assert 'action="/backtests/b-7/rerun"' in page
    assert 'href="/backtests/new?from=b-7"' in page


def test_a_refusal_with_places_lists_them() -> None:
    places = (FieldError(column="fx.rate", value="0", expected="> 0"),)
    failure = Failure("invalid_fields", errors=places)
    page = page_of(msgspec.structs.replace(QUEUED, status=RunStatus.FAILED, failure=failure))
    assert "fx.rate" in page
    assert "&gt; 0" in page


def test_a_cancelled_run_says_how_far_it_had_come() -> None:
    page = page_of(msgspec.structs.replace(RUNNING, status=RunStatus.CANCELLED))
    assert "This run was cancelled." in page
    assert "250,000 of 1,000,000 bars" in page
    assert "No result was stored." in page


def test_one_that_never_started_says_that() -> None:
    page = page_of(msgspec.structs.replace(QUEUED, status=RunStatus.CANCELLED))
    assert "It had not started." in page


def test_a_deleted_dataset_leaves_a_readable_title() -> None:
    meta = " ".join(summary.run_meta(RUNNING, {}, Viewer("en")))
    assert "BTC · ? · " in meta
    assert "FX 1,387.2" in meta


def test_a_hostile_name_stays_text() -> None:
    spec = msgspec.structs.replace(SPEC, name="<script>alert(1)</script>")
    page = page_of(msgspec.structs.replace(RUNNING, spec=spec))
    assert "<script>alert" not in page
    assert "&lt;script&gt;alert(1)" in page
