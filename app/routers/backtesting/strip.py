"""The metric strip: which figures in which order, how each is written, what it means."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass

from app import texts
from app.texts import Language, formats

# Best means higher or lower; a figure that is not here is neither.
BETTER: dict[str, str] = {
    "total_pnl_krw": "higher",
    "roi_pct": "higher",
    "max_drawdown_pct": "lower",
    "sharpe": "higher",
    "sortino": "higher",
    "win_rate_pct": "higher",
    "profit_factor": "higher",
    "captured_bps": "higher",
    "cagr_pct": "higher",
    "final_equity_krw": "higher",
    "best_cycle_krw": "higher",
    "worst_cycle_krw": "higher",
    "longest_hold_s": "lower",
    "fees_krw": "lower",
    "mean_cycle_krw": "higher",
    "std_cycle_krw": "lower",
    "t_stat": "higher",
}
ORDER = (
    "total_pnl_krw", "roi_pct", "max_drawdown_pct", "sharpe", "sortino", "win_rate_pct",
    "profit_factor", "captured_bps", "exposure_pct", "cycles", "cagr_pct", "final_equity_krw",
    "best_cycle_krw", "worst_cycle_krw", "mean_hold_s", "longest_hold_s", "fees_krw",
    "turnover_krw",
)  # fmt: skip
OBJECTIVES = tuple(BETTER)
_RETURNS = {"roi_pct", "cagr_pct"}
_SHARES = {"win_rate_pct", "exposure_pct"}
_RATIOS = {"sharpe", "sortino", "profit_factor", "t_stat"}
_SIGNED_WON = {"total_pnl_krw", "best_cycle_krw", "worst_cycle_krw", "mean_cycle_krw"}
_SHORT = re.compile(r"([+\N{MINUS SIGN}]?[\d,.]+)\s?(\D*)")


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure as it is shown. side: `up`, `down` or empty."""

    value: str
    unit: str = ""
    side: str = ""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of the strip."""

    name: str
    label: str
    value: str
    unit: str
    side: str
    definition: str


def written(name: str, value: float | None, lang: Language, *, short: bool = True) -> Figure:
    """How the figure `name` is written. None is `–`. short: 11.13 M where there is little room."""
    if value is None:
        return Figure(formats.NONE)
    if name in _RETURNS:
        return Figure(formats.number(value, 2, signed=True), "%", formats.direction(value))
    if name == "max_drawdown_pct":
        return Figure(formats.number(-value, 2), "%", formats.direction(-value))
    if name in _SHARES:
        return Figure(formats.number(value, 1), "%")
    if name in _RATIOS:
        return Figure(formats.number(value, 2))
    if name.endswith("_bps"):
        return Figure(formats.number(value, 1), "bps")
    if name.endswith("_s"):
        return Figure(formats.number(value / 3600, 1), texts.text(lang, "metrics.unit.hours"))
    if name.endswith("_krw"):
        signed = name in _SIGNED_WON
        if short and name != "total_pnl_krw":
            return _short(lang, value, signed=signed)
        side = formats.direction(value, 0) if signed else ""
        return Figure(formats.won(value, signed=signed), "KRW", side)
    return Figure(formats.number(value))


def _short(lang: Language, value: float, *, signed: bool = False) -> Figure:
    found = _SHORT.fullmatch(formats.won_short(lang, value, signed=signed))
    assert found is not None
    unit = f"{found[2]} KRW".strip()
    return Figure(found[1], unit, formats.direction(value, 0) if signed else "")


def strip(
    metrics: Mapping[str, float | int | None], lang: Language, open_mark_krw: float | None
) -> list[Cell]:
    """All cells. open_mark_krw: what an open cycle was worth at the end, None without one."""
    cells = [_cell(name, metrics.get(name), lang) for name in ORDER]
    lead = texts.text(
        lang, "metrics.total_pnl_krw.lead", n=formats.number(metrics.get("cycles") or 0)
    )
    if metrics.get("cycles") == 1:
        lead = texts.text(lang, "metrics.total_pnl_krw.lead", n=1)
    cells[0] = Cell("total_pnl_krw", lead, *_shown(cells[0]))
    mark = Figure(texts.text(lang, "metrics.open_cycle.none"))
    if open_mark_krw is not None:
        mark = _short(lang, open_mark_krw, signed=True)
    cells.append(
        Cell(
            "open_cycle",
            texts.text(lang, "metrics.open_cycle"),
            mark.value,
            mark.unit,
            mark.side,
            texts.text(lang, "metrics.open_cycle.means"),
        )
    )
    return cells


def _shown(cell: Cell) -> tuple[str, str, str, str]:
    return cell.value, cell.unit, cell.side, cell.definition


def _cell(name: str, value: float | None, lang: Language) -> Cell:
    figure = written(name, value, lang)
    means = texts.text(lang, f"metrics.{name}.means")
    if value is not None and name.endswith("_krw") and name != "total_pnl_krw":
        means = f"{formats.won(value, signed=name in _SIGNED_WON)} KRW. {means}"
    label = texts.text(lang, f"metrics.{name}")
    return Cell(name, label, figure.value, figure.unit, figure.side, means)
