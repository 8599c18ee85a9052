"""Several runs side by side: what differs first, then the figures with the best marked."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from app import texts
from app.domain.backtests import RunSpec
from app.domain.records import RunRow
from app.routers.backtesting.lists import title_of
from app.routers.backtesting.strip import BETTER, ORDER, written
from app.routers.render import Viewer
from app.texts import formats

# The inks of the curves, in the order in which charts.js takes them.
INKS = ("", "teal", "violet", "sand", "lime")
PARAMETERS = (
    "style", "direction", "coins", "fx", "period", "entry_bps", "exit_bps", "max_hold_bars",
    "notional_krw", "initial_capital_krw", "krw_fee_bps", "global_fee_bps", "slippage_bps",
    "transfer_bars", "hedge", "hedge_fee_bps", "withdrawals", "qty_step",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Column:
    id: str
    title: str
    ink: str
    initial: float


@dataclass(frozen=True, slots=True)
class Cell:
    text: str
    best: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    label: str
    unit: str
    cells: tuple[Cell, ...]


@dataclass(frozen=True, slots=True)
class Group:
    """same: the rows of what all runs have in common, shown quietly."""

    title: str
    rows: tuple[Row, ...]
    same: bool = False


def columns(runs: Sequence[RunRow]) -> list[Column]:
    return [
        Column(run.id, title_of(run.id, run.spec), ink, run.spec.params.initial_capital_krw)
        for run, ink in zip(runs, INKS, strict=False)
    ]


def groups(runs: Sequence[RunRow], seen: Viewer) -> list[Group]:
    """Parameters that differ, figures, parameters in common; groups without rows are left out."""

    def say(key: str) -> str:
        return texts.text(seen.lang, f"backtests.{key}")

    differing: list[Row] = []
    common: list[Row] = []
    for name in PARAMETERS:
        shown = [_parameter(name, run.spec, seen) for run in runs]
        row = Row(name, say(_label(name)), "", tuple(Cell(text) for text in shown))
        (differing if len(set(shown)) > 1 else common).append(row)
    found = [
        Group(say("compare.differs"), tuple(differing)),
        Group(say("compare.figures"), tuple(_figures(runs, seen))),
        Group(say("compare.same"), tuple(common), same=True),
    ]
    return [group for group in found if group.rows]


def _label(name: str) -> str:
    return {
        "coins": "compare.coins",
        "period": "compare.period",
        "withdrawals": "compare.withdraw",
    }.get(name, name)


def _parameter(name: str, spec: RunSpec, seen: Viewer) -> str:
    params = spec.params
    match name:
        case "style" | "direction":
            return texts.text(seen.lang, f"backtests.{name}.{getattr(params, name)}")
        case "coins":
            return ", ".join(f"{m.base} {m.krw_dataset}/{m.global_dataset}" for m in spec.markets)
        case "fx":
            return spec.fx.dataset or formats.price(spec.fx.rate)
        case "period":
            start, end = (
                formats.moment(spec.start_ns, seen.zone),
                formats.moment(spec.end_ns, seen.zone),
            )
            return f"{start} → {end}" if spec.start_ns or spec.end_ns else "–"
        case "withdrawals":
            paid = [f"{coin} {fee:g}" for coin, fee in sorted(params.withdraw_fee.items())]
            return ", ".join(paid) or "–"
        case "hedge":
            return texts.text(seen.lang, "frame.yes" if params.hedge else "frame.no")
        case _:
            return formats.price(float(getattr(params, name)))


def _figures(runs: Sequence[RunRow], seen: Viewer) -> list[Row]:
    rows = []
    for name in ORDER:
        values = [(run.metrics or {}).get(name) for run in runs]
        known = [value for value in values if value is not None]
        better = BETTER.get(name)
        best = None
        if better is not None and len(set(known)) > 1:
            best = max(known) if better == "higher" else min(known)
        figures = [written(name, value, seen.lang, short=False) for value in values]
        cells = tuple(
            Cell(figure.value, best is not None and value == best)
            for figure, value in zip(figures, values, strict=True)
        )
        label = texts.text(seen.lang, f"metrics.{name}")
        unit = next((figure.unit for figure in figures if figure.unit), "")
        rows.append(Row(name, label, unit, cells))
    return rows
