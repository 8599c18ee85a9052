"""The report of a run: everything that it says in words, in its reader's language."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import msgspec

from app import texts
from app.domain.backtests import Direction
from app.domain.records import DatasetRow, Metrics, RunRow
from app.routers.backtesting import believe, strip
from app.routers.render import Viewer
from app.runtime.work.checks import SWEPT
from app.runtime.work.orders import ReportWords
from app.runtime.work.results import Result
from app.texts import formats

LEAD = ("total_pnl_krw", "roi_pct", "max_drawdown_pct", "sharpe", "win_rate_pct", "cycles")
COLUMNS = ("id", "file", "market", "rows", "span")
ZONE = "UTC"


def words_of(
    row: RunRow, result: Result, sets: Mapping[str, DatasetRow], now_ns: int, seen: Viewer
) -> ReportWords:
    """row: completed. sets: its datasets by id, those that are still there."""
    assert row.metrics is not None
    metrics = row.metrics
    return ReportWords(
        lang=seen.lang,
        updown=seen.updown,
        title=row.spec.name or row.id,
        facts=tuple(_facts(row, now_ns, seen)),
        lead=tuple(_lead(metrics, seen)),
        figures=tuple(_figures(metrics, seen)),
        parameters=tuple(_parameters(row, seen)),
        datasets=tuple(_datasets(sets, seen)),
        checks=tuple(_checks(result.document["checks"], row.id, seen)),
        levels=tuple(_levels(row, seen)),
    )


def _facts(row: RunRow, now_ns: int, seen: Viewer) -> Iterator[tuple[str, str]]:
    yield _say("report.made", seen), f"{formats.second(now_ns, ZONE)} {ZONE}"
    yield _say("report.bars", seen), formats.number(row.bars)
    if row.spec.start_ns is not None or row.spec.end_ns is not None:
        ends = (row.spec.start_ns, row.spec.end_ns)
        days = ["…" if ns is None else formats.day(ns, ZONE) for ns in ends]
        yield _say("report.period", seen), " → ".join(days)
    yield "kimp", row.id


def _lead(metrics: Metrics, seen: Viewer) -> Iterator[tuple[str, str, str]]:
    for name in LEAD:
        figure = strip.written(name, metrics[name], seen.lang)
        yield _say(f"metrics.{name}", seen), figure.value, figure.unit


def _figures(metrics: Metrics, seen: Viewer) -> Iterator[tuple[str, str, str]]:
    for name, value in metrics.items():
        figure = strip.written(name, value, seen.lang)
        written = f"{figure.value} {figure.unit}".strip()
        yield _say(f"metrics.{name}", seen), written, _say(f"metrics.{name}.means", seen)


def _parameters(row: RunRow, seen: Viewer) -> Iterator[tuple[str, str]]:
    params = msgspec.structs.asdict(row.spec.params)
    for name in ("style", "direction"):
        yield _say(f"backtests.{name}", seen), _say(f"backtests.{name}.{params[name]}", seen)
    for name in SWEPT:
        yield _say(f"backtests.{name}", seen), formats.quantity(float(params[name]))
    if params["hedge"]:
        yield _say("backtests.hedge", seen), "✓"
    for base, fee in row.spec.params.withdraw_fee.items():
        yield texts.text(seen.lang, "backtests.withdraw_fee", base=base), formats.quantity(fee)
    if row.spec.fx.rate is not None:
        yield _say("backtests.fx_rate", seen), formats.price(row.spec.fx.rate)


def _datasets(sets: Mapping[str, DatasetRow], seen: Viewer) -> Iterator[tuple[str, ...]]:
    yield tuple(_say(f"report.column.{column}", seen) for column in COLUMNS)
    for row in sets.values():
        facts = row.facts
        market = " ".join(filter(None, (facts.venue, facts.base, facts.quote)))
        yield (
            row.id,
            _say("report.synthetic", seen) if facts.synthetic else row.file_name,
            market or facts.kind,
            formats.number(facts.rows),
            f"{formats.day(facts.start_ns, ZONE)} → {formats.day(facts.end_ns, ZONE)}",
        )


def _checks(
    stored: list[dict[str, Any]], run_id: str, seen: Viewer
) -> Iterator[tuple[str, str, str]]:
    """What the run itself tells; the page's other checks are made later and elsewhere."""
    for line in believe.lines(stored, None, run_id, seen):
        if not line.wait and line.name != "walkforward":
            yield "warn" if line.lamp else "ok", line.title, str(line.text.striptags())


def _levels(row: RunRow, seen: Viewer) -> Iterator[tuple[str, float]]:
    """Low trades are entered below minus the threshold."""
    params = row.spec.params
    for sign, unwanted in ((1.0, Direction.LOW), (-1.0, Direction.HIGH)):
        if params.direction is not unwanted:
            yield _say("report.enter", seen), sign * params.entry_bps
            yield _say("report.leave", seen), sign * params.exit_bps


def _say(key: str, seen: Viewer) -> str:
    return texts.text(seen.lang, key)
