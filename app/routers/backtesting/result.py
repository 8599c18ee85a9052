"""A completed run as its page shows it: strip, curves' legends, months, histogram, coins."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from app import texts
from app.domain.backtests import Direction
from app.domain.records import RunRow
from app.routers.backtesting.drawings import Histogram, heat, histogram
from app.routers.backtesting.strip import Cell, strip
from app.routers.backtesting.summary import Money, money
from app.routers.render import Viewer
from app.texts import formats

DAY_S = 86_400
RANGES_DAYS = (1_095, 365, 180, 90, 30, 7, 1)
RANGES_SHOWN = 2
MONTH_ROI_MOST = 3.0  # percent: the strongest ink of the month table at least means this much
SIDES = {Direction.HIGH: "1", Direction.LOW: "-1", Direction.BOTH: "1 -1"}


@dataclass(frozen=True, slots=True)
class Month:
    name: str
    pnl_krw: float
    roi_pct: float | None
    heat: str
    cycles: int
    win_pct: float | None
    drawdown_pct: float


@dataclass(frozen=True, slots=True)
class Coin:
    base: str
    cycles: int
    pnl_krw: float
    captured_bps: float | None
    win_pct: float | None
    hold_s: float | None


@dataclass(frozen=True, slots=True)
class Distribution:
    drawn: Histogram
    unit: str
    median: str
    label: str


@dataclass(frozen=True, slots=True)
class Shown:
    """What stands in a result beside title, cycles and checks. ranges: days, 0 is all."""

    strip: list[Cell]
    money: Money
    ranges: list[int]
    sides: str
    signal_key: str
    equity_label: str
    drawdown_label: str
    signal_label: str
    months: list[Month]
    distribution: Distribution | None
    coins: list[Coin]
    benchmark_krw: float | None
    benchmark_roi_pct: float | None


def shown(row: RunRow, document: Mapping[str, Any], span_s: tuple[int, int], seen: Viewer) -> Shown:
    """span_s: first and last bar's open, epoch seconds."""
    metrics, params = row.metrics or {}, row.spec.params
    initial = params.initial_capital_krw
    mark = None if row.open_cycle is None else row.open_cycle["mark_krw"]
    benchmark = metrics.get("benchmark_roi_pct")

    def say(key: str, **values: object) -> str:
        return texts.text(seen.lang, f"backtests.{key}", **values)

    return Shown(
        strip=strip(metrics, seen.lang, mark),
        money=money(seen.lang, initial),
        ranges=_ranges(span_s[1] - span_s[0]),
        sides=SIDES[params.direction],
        signal_key=_signal_key(row, seen),
        equity_label=say(
            "equity.label",
            first=formats.won(initial),
            last=formats.won(metrics.get("final_equity_krw")),
            start=formats.day(span_s[0] * formats.NS, seen.zone),
            end=formats.day(span_s[1] * formats.NS, seen.zone),
        ),
        drawdown_label=say(
            "drawdown.label", worst=formats.number(metrics.get("max_drawdown_pct"), 2)
        ),
        signal_label=say(
            "signal.label",
            entry=formats.price(params.entry_bps),
            exit=formats.price(params.exit_bps),
            n=formats.number(metrics.get("cycles")),
        ),
        months=_months(document["months"]),
        distribution=_distribution(document["histogram"], seen),
        coins=[_coin(coin) for coin in document["by_coin"]],
        benchmark_krw=None if benchmark is None else initial * benchmark / 100,
        benchmark_roi_pct=benchmark,
    )


def _ranges(span_s: int) -> list[int]:
    fitting = [days for days in RANGES_DAYS if days * DAY_S < span_s * 0.8]
    return [0, *fitting[:RANGES_SHOWN]]


def _signal_key(row: RunRow, seen: Viewer) -> str:
    coins = len(row.spec.markets)
    if coins == 1:
        return texts.text(seen.lang, "backtests.signal.key", base=row.spec.markets[0].base)
    key = {
        Direction.HIGH: "signal.key.many",
        Direction.LOW: "signal.key.low",
        Direction.BOTH: "signal.key.both",
    }[row.spec.params.direction]
    return texts.text(seen.lang, f"backtests.{key}", n=coins)


def _months(rows: list[dict[str, Any]]) -> list[Month]:
    returns = [abs(row["roi_pct"]) for row in rows if row["roi_pct"] is not None]
    most = max([*returns, 0.0])
    return [
        Month(
            name=row["month"],
            pnl_krw=row["pnl_krw"],
            roi_pct=row["roi_pct"],
            heat=heat(row["roi_pct"], min(most, MONTH_ROI_MOST)),
            cycles=row["cycles"],
            win_pct=row["win_rate_pct"],
            drawdown_pct=row["max_drawdown_pct"],
        )
        for row in rows
    ]


def _distribution(found: dict[str, Any], seen: Viewer) -> Distribution | None:
    if not found["counts"]:
        return None
    edges, counts = found["edges"], found["counts"]
    unit = money(seen.lang, max(abs(edges[0]), abs(edges[-1])))
    lost = sum(n for right, n in zip(edges[1:], counts, strict=True) if right <= 0)
    median = found["median_krw"]
    decimals = 0 if abs(median / unit.divisor) >= 10 else 1
    return Distribution(
        drawn=histogram(edges, counts, unit.divisor),
        unit=unit.label,
        median=formats.number(median / unit.divisor, decimals, signed=True),
        label=texts.text(
            seen.lang,
            "backtests.histogram.label",
            n=sum(counts),
            won=sum(counts) - lost,
            lost=lost,
            median=formats.won(median, signed=True),
        ),
    )


def _coin(row: dict[str, Any]) -> Coin:
    return Coin(
        base=row["base"],
        cycles=row["cycles"],
        pnl_krw=row["pnl_krw"],
        captured_bps=row["captured_bps"],
        win_pct=row["win_rate_pct"],
        hold_s=row["mean_hold_s"],
    )
