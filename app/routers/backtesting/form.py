"""The backtest form: texts in, a run or a study out, or the errors that stand under the fields."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from math import prod

import msgspec

from app.domain.backtests import (
    POINTS_MAX,
    Axis,
    Direction,
    FxRef,
    MarketRef,
    Params,
    RunSpec,
    StudySpec,
    Style,
)
from app.domain.problems import FieldError, Problem
from app.routers.backtesting.numbers import Reading, Unreadable, read, write, write_all

NAME_MAX = 120
OTHER = "*"  # the row of a coin that its candles do not name
OBJECTIVE = "total_pnl_krw"
_PLAIN, _WHOLE, _MONEY = Reading(), Reading(whole=True), Reading(money=True)

# The numbers of the form, in its order. What they may be is judged where runs are checked.
READINGS: dict[str, Reading] = {
    "entry_bps": _PLAIN,
    "exit_bps": _PLAIN,
    "max_hold_bars": _WHOLE,
    "notional_krw": _MONEY,
    "initial_capital_krw": _MONEY,
    "transfer_bars": _WHOLE,
    "krw_fee_bps": _PLAIN,
    "global_fee_bps": _PLAIN,
    "slippage_bps": _PLAIN,
    "hedge_fee_bps": _PLAIN,
    "qty_step": _PLAIN,
}
LENGTHS = ("train_days", "test_days", "step_days")

# what a preset sets; everything else stays as it stands
PRESETS: dict[str, dict[str, str]] = {
    "calm": {
        "style": "inventory", "direction": "high", "entry_bps": "120", "exit_bps": "20",
        "max_hold_bars": "0",
    },
    "brisk": {
        "style": "inventory", "direction": "both", "entry_bps": "70", "exit_bps": "10",
        "max_hold_bars": "1440",
    },
    "travel": {
        "style": "transfer", "direction": "high", "entry_bps": "150", "exit_bps": "40",
        "max_hold_bars": "0", "transfer_bars": "10", "hedge": "on",
    },
    "grid": {"entry_bps": "60..140/20", "exit_bps": "0..40/10"},
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Complaint:
    """Why a field is refused: the text `backtests.wrong.<key>` with its values."""

    key: str
    values: Mapping[str, object] = field(default_factory=dict)


class Wrong(ValueError):
    """Fields that only matter for what was asked for do not pass."""

    def __init__(self, errors: Mapping[str, Complaint]) -> None:
        super().__init__(", ".join(errors))
        self.errors = errors


@dataclass(frozen=True, slots=True)
class Draft:
    """A form as it stands. run is None while a field is wrong. rows: of the ticked coins."""

    texts: Mapping[str, str]
    params: Params | None
    run: RunSpec | None
    axes: tuple[Axis, ...]
    rows: tuple[str, ...]
    errors: Mapping[str, Complaint]

    @property
    def points(self) -> int:
        return prod(len(axis.values) for axis in self.axes)

    def study(self) -> StudySpec:
        """The sweep over the axes."""
        assert self.run is not None
        return StudySpec(run=self.run, axes=self.axes, objective=self.texts["objective"])


def blank() -> dict[str, str]:
    """The defaults as texts."""
    params = Params()
    texts = {name: write(float(getattr(params, name))) for name in READINGS}
    return texts | {
        "name": "", "style": params.style.value, "direction": params.direction.value,
        "hedge": "", "fx": "", "fx_rate": "", "start": "", "end": "",
        "objective": OBJECTIVE, "train_days": "", "test_days": "", "step_days": "",
    }  # fmt: skip


def texts_of(run: RunSpec, zone: tzinfo, axes: Sequence[Axis] = ()) -> dict[str, str]:
    """A stored run written back into the form: change and rerun, sweep from here."""
    params = run.params
    texts = blank() | {name: write(float(getattr(params, name))) for name in READINGS}
    texts |= {axis.name: write_all(axis.values) for axis in axes if axis.name in READINGS}
    texts |= {
        "name": run.name,
        "style": params.style.value,
        "direction": params.direction.value,
        "hedge": "on" if params.hedge else "",
        "fx": run.fx.dataset or "rate",
        "fx_rate": "" if run.fx.rate is None else write(run.fx.rate),
        "start": _written(run.start_ns, zone),
        "end": _written(run.end_ns, zone),
    }
    for market in run.markets:
        fee = params.withdraw_fee.get(market.base)
        texts |= market_texts(market)
        texts[f"withdraw.{market.base}"] = "" if fee is None else write(fee)
    return texts


def texts_of_study(study: StudySpec, zone: tzinfo) -> dict[str, str]:
    """A stored sweep or walk-forward written back into the form."""
    texts = texts_of(study.run, zone, study.axes) | {"objective": study.objective}
    for name in LENGTHS:
        days = getattr(study, name)
        texts[name] = "" if days is None else write(days)
    return texts


def around(params: Params) -> dict[str, str]:
    """Both thresholds as lists around what they are, a fifth of their distance apart."""
    step = max(1.0, round(abs(params.entry_bps - params.exit_bps) / 5))
    return {
        name: write_all(tuple(value + step * k for k in (-2, -1, 0, 1, 2)))
        for name, value in (("entry_bps", params.entry_bps), ("exit_bps", params.exit_bps))
    }


def market_texts(market: MarketRef) -> dict[str, str]:
    """The fields of one coin. A coin's row is named by the coin."""
    return {
        f"use.{market.base}": "on",
        f"krw.{market.base}": market.krw_dataset,
        f"global.{market.base}": market.global_dataset,
    }


def read_form(given: Mapping[str, str], zone: tzinfo) -> Draft:
    """Every field, every error at once."""
    texts = blank() | {"hedge": ""} | dict(given)
    errors: dict[str, Complaint] = {}
    params, axes = _params(texts, errors)
    markets, fees = _markets(texts, errors)
    fx = _fx(texts, errors)
    start, end = _period(texts, zone, errors)
    if len(texts["name"]) > NAME_MAX:
        errors["name"] = Complaint("long", {"n": NAME_MAX})
    if prod(len(axis.values) for axis in axes) > POINTS_MAX:
        errors[axes[-1].name] = Complaint("many", {"n": POINTS_MAX})
    run = None
    if not errors and params is not None and fx is not None:
        params = msgspec.structs.replace(params, withdraw_fee=fees)
        run = RunSpec(
            markets=markets, fx=fx, params=params, name=texts["name"].strip(),
            start_ns=start, end_ns=end,
        )  # fmt: skip
    return Draft(texts, params, run, axes, _rows(texts), errors)


def read_walkforward(draft: Draft) -> StudySpec:
    """The draft as a walk-forward. Raises Wrong."""
    errors: dict[str, Complaint] = {}
    days = {name: _single(draft.texts[name], name, errors) for name in LENGTHS}
    if errors or draft.run is None:
        raise Wrong(errors)
    return msgspec.structs.replace(draft.study(), **days)


def complaints_of(problem: Problem, draft: Draft) -> dict[str, Complaint]:
    """The places of a refusal, by field of the form; `form` holds those that have no field."""
    errors: dict[str, Complaint] = {}
    for place in problem.errors:
        complaint = Complaint("expected", {"value": place.value or "", "expected": place.expected})
        errors.setdefault(_field_of(place, draft), complaint)
    return errors


def _field_of(place: FieldError, draft: Draft) -> str:
    column = place.column or ""
    market = re.fullmatch(r"markets\.(\d+)\.(base|krw|global)(?:_dataset)?", column)
    if market and int(market[1]) < len(draft.rows):
        return f"{market[2]}.{draft.rows[int(market[1])]}"
    if column.startswith("withdraw_fee."):
        coin = column.partition(".")[2]
        return f"withdraw.{coin if coin in draft.rows else OTHER}"
    name = {"fx.dataset": "fx", "fx.rate": "fx_rate"}.get(column, column)
    return name if name in draft.texts else "form"


def _params(
    texts: Mapping[str, str], errors: dict[str, Complaint]
) -> tuple[Params | None, tuple[Axis, ...]]:
    values: dict[str, object] = {}
    axes: list[Axis] = []
    for name, reading in READINGS.items():
        try:
            found = read(texts[name], reading)
        except Unreadable as wrong:
            errors[name] = Complaint(wrong.key, wrong.values)
            continue
        values[name] = int(found[0]) if reading.whole else found[0]
        if len(found) > 1:
            axes.append(Axis(name, found))
    for name, words in (("style", Style), ("direction", Direction)):
        if texts[name] not in set(words):
            errors[name] = Complaint("choice")
    if errors:
        return None, tuple(axes)
    values |= {"style": texts["style"], "direction": texts["direction"]}
    values["hedge"] = texts["hedge"] == "on"
    return msgspec.convert(values, Params), tuple(axes)


def _markets(
    texts: Mapping[str, str], errors: dict[str, Complaint]
) -> tuple[tuple[MarketRef, ...], dict[str, float]]:
    markets: list[MarketRef] = []
    fees: dict[str, float] = {}
    for row in _rows(texts):
        base = texts.get(f"base.{OTHER}", "").strip().upper() if row == OTHER else row
        won, dollar = texts.get(f"krw.{row}", ""), texts.get(f"global.{row}", "")
        for name, value in (("base", base), ("krw", won), ("global", dollar)):
            if not value:
                errors[f"{name}.{row}"] = Complaint("choose")
        if base in {market.base for market in markets}:
            errors[f"base.{row}"] = Complaint("twice", {"base": base})
        markets.append(MarketRef(base=base, krw_dataset=won, global_dataset=dollar))
        written = texts.get(f"withdraw.{row}", "").strip()
        if written:
            fee = _single(written, f"withdraw.{row}", errors)
            if fee is not None:
                fees[base] = fee
    if not markets:
        errors["markets"] = Complaint("no_coin")
    return tuple(markets), fees


def _rows(texts: Mapping[str, str]) -> tuple[str, ...]:
    ticked = (name for name, value in texts.items() if name.startswith("use.") and value == "on")
    return tuple(name.partition(".")[2] for name in ticked)


def _fx(texts: Mapping[str, str], errors: dict[str, Complaint]) -> FxRef | None:
    if texts["fx"] != "rate":
        if texts["fx"]:
            return FxRef(dataset=texts["fx"])
        errors["fx"] = Complaint("choose")
        return None
    rate = _single(texts["fx_rate"], "fx_rate", errors, _MONEY)
    return None if rate is None else FxRef(rate=rate)


def _single(
    written: str, name: str, errors: dict[str, Complaint], reading: Reading = _PLAIN
) -> float | None:
    """The one number of a field that takes no list."""
    try:
        values = read(written, reading)
    except Unreadable as wrong:
        errors[name] = Complaint(wrong.key, wrong.values)
        return None
    if len(values) > 1:
        errors[name] = Complaint("single")
        return None
    return values[0]


def _period(
    texts: Mapping[str, str], zone: tzinfo, errors: dict[str, Complaint]
) -> tuple[int | None, int | None]:
    found: dict[str, int | None] = {"start": None, "end": None}
    for name in found:
        written = texts[name].strip()
        if not written:
            continue
        try:
            moment = datetime.fromisoformat(written)
        except ValueError:
            errors[name] = Complaint("time")
            continue
        moment = moment if moment.tzinfo else moment.replace(tzinfo=zone)
        found[name] = int(moment.timestamp()) * 1_000_000_000
    start, end = found["start"], found["end"]
    if start is not None and end is not None and end <= start:
        errors["end"] = Complaint("after", {"start": texts["start"]})
    return start, end


def _written(ns: int | None, zone: tzinfo) -> str:
    if ns is None:
        return ""
    moment = datetime.fromtimestamp(ns // 1_000_000_000, UTC).astimezone(zone)
    return moment.strftime("%Y-%m-%d %H:%M:%S").removesuffix(":00")
