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
from app.routers.backtesting.numbers import Rule, Unreadable, read, write, write_all

NAME_MAX = 120
BPS_MOST = 5_000.0  # half the price: beyond it a fee is a typing error
ROWS_MAX = 50
OBJECTIVES = ("total_pnl_krw", "roi_pct", "sharpe", "profit_factor", "win_rate_pct")

# the numbers of the form, in its order
RULES: dict[str, Rule] = {
    "entry_bps": Rule(),
    "exit_bps": Rule(),
    "max_hold_bars": Rule(least=0, most=10_000_000, whole=True),
    "notional_krw": Rule(least=0, above=True, money=True),
    "initial_capital_krw": Rule(least=0, above=True, money=True),
    "transfer_bars": Rule(least=0, most=1_000_000, whole=True),
    "krw_fee_bps": Rule(least=0, most=BPS_MOST),
    "global_fee_bps": Rule(least=0, most=BPS_MOST),
    "slippage_bps": Rule(least=0, most=BPS_MOST),
    "hedge_fee_bps": Rule(least=0, most=BPS_MOST),
    "qty_step": Rule(least=0),
}
_DAYS = Rule(least=0, above=True, most=36_500)
_RATE = Rule(least=0, above=True, most=1_000_000)
_FEE = Rule(least=0)

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


@dataclass(frozen=True, slots=True)
class Draft:
    """A form as it stands. run and axes are None or empty while a field is wrong."""

    texts: Mapping[str, str]
    params: Params | None
    run: RunSpec | None
    axes: tuple[Axis, ...]
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
    texts = {name: write(float(getattr(params, name))) for name in RULES}
    return texts | {
        "name": "", "style": params.style.value, "direction": params.direction.value,
        "hedge": "", "fx": "", "fx_rate": "", "start": "", "end": "",
        "objective": OBJECTIVES[0], "train_days": "", "test_days": "", "step_days": "",
    }  # fmt: skip


def texts_of(run: RunSpec, zone: tzinfo, axes: Sequence[Axis] = ()) -> dict[str, str]:
    """A stored run written back into the form: change and rerun, sweep from here."""
    params = run.params
    texts = blank() | {name: write(float(getattr(params, name))) for name in RULES}
    texts |= {axis.name: write_all(axis.values) for axis in axes if axis.name in RULES}
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
    for row, market in enumerate(run.markets):
        texts |= market_texts(row, market)
        fee = params.withdraw_fee.get(market.base)
        texts[f"withdraw.{row}"] = "" if fee is None else write(fee)
    return texts


def market_texts(row: int, market: MarketRef) -> dict[str, str]:
    """The four fields of one coin."""
    return {
        f"use.{row}": "on",
        f"base.{row}": market.base,
        f"krw.{row}": market.krw_dataset,
        f"global.{row}": market.global_dataset,
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
    return Draft(texts, params, run, axes, errors)


def read_walkforward(draft: Draft) -> StudySpec | Mapping[str, Complaint]:
    """The draft as a walk-forward, or what is wrong with its three lengths."""
    errors: dict[str, Complaint] = {}
    days: dict[str, float] = {}
    for name in ("train_days", "test_days", "step_days"):
        try:
            values = read(draft.texts[name], _DAYS)
        except Unreadable as wrong:
            errors[name] = Complaint(wrong.key, wrong.values)
            continue
        if len(values) > 1:
            errors[name] = Complaint("single")
        days[name] = values[0]
    if errors or draft.run is None:
        return errors
    return StudySpec(
        run=draft.run, axes=draft.axes, objective=draft.texts["objective"],
        train_days=days["train_days"], test_days=days["test_days"], step_days=days["step_days"],
    )  # fmt: skip


def complaints_of(problem: Problem) -> dict[str, Complaint]:
    """The places of a refusal, by field of the form; `form` holds those that have no field."""
    errors: dict[str, Complaint] = {}
    for place in problem.errors:
        errors.setdefault(_field_of(place), Complaint("expected", {"expected": place.expected}))
    return errors


def _field_of(place: FieldError) -> str:
    column = place.column or ""
    market = re.fullmatch(r"markets[.\[](\d+)\]?\.(base|krw_dataset|global_dataset)", column)
    if market:
        return f"{market[2].removesuffix('_dataset')}.{market[1]}"
    names = {"fx.dataset": "fx", "fx.rate": "fx_rate", "start_ns": "start", "end_ns": "end"}
    name = names.get(column, column.removeprefix("params."))
    return name if name in blank() else "form"


def _params(
    texts: Mapping[str, str], errors: dict[str, Complaint]
) -> tuple[Params | None, tuple[Axis, ...]]:
    values: dict[str, object] = {}
    axes: list[Axis] = []
    for name, rule in RULES.items():
        try:
            found = read(texts[name], rule)
        except Unreadable as wrong:
            errors[name] = Complaint(wrong.key, wrong.values)
            continue
        values[name] = int(found[0]) if rule.whole else found[0]
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
    for row in range(ROWS_MAX):
        if texts.get(f"use.{row}") != "on":
            continue
        base = texts.get(f"base.{row}", "").strip().upper()
        won, dollar = texts.get(f"krw.{row}", ""), texts.get(f"global.{row}", "")
        for name, value in (("base", base), ("krw", won), ("global", dollar)):
            if not value:
                errors[f"{name}.{row}"] = Complaint("choose")
        if base in {market.base for market in markets}:
            errors[f"base.{row}"] = Complaint("twice", {"base": base})
        markets.append(MarketRef(base=base, krw_dataset=won, global_dataset=dollar))
        written = texts.get(f"withdraw.{row}", "").strip()
        if written:
            try:
                fees[base] = read(written, _FEE)[0]
            except Unreadable as wrong:
                errors[f"withdraw.{row}"] = Complaint(wrong.key, wrong.values)
    if not markets:
        errors["markets"] = Complaint("no_coin")
    return tuple(markets), fees


def _fx(texts: Mapping[str, str], errors: dict[str, Complaint]) -> FxRef | None:
    if texts["fx"] != "rate":
        if texts["fx"]:
            return FxRef(dataset=texts["fx"])
        errors["fx"] = Complaint("choose")
        return None
    try:
        values = read(texts["fx_rate"], _RATE)
    except Unreadable as wrong:
        errors["fx_rate"] = Complaint(wrong.key, wrong.values)
        return None
    if len(values) > 1:
        errors["fx_rate"] = Complaint("single")
    return FxRef(rate=values[0])


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
