"""What the API is asked: bodies checked by Pydantic at the door, and the specs that they become."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Annotated, Any

from pydantic import (
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    JsonValue,
    TypeAdapter,
    ValidationError,
    WithJsonSchema,
)
from pydantic_core import PydanticCustomError

from app.domain.backtests import (
    MARKETS_MAX,
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
from app.runtime.work.checks import BASE_LENGTH_MAX, DAYS_MAX, OBJECTIVES, SWEPT

NAME_LENGTH_MAX = 120
NAME_PATTERN = r"^[^\x00-\x1f\x7f]*$"
ID_LENGTH_MAX = 24
BARS_MAX = 1_000_000_000
BPS_BELOW = 10_000
MONEY_MAX = 1e18
YEARS = (1900, 2200)

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_DEFAULTS = Params()


def _whole(value: Any) -> Any:
    """2.0 is a whole number, as JSON knows only one kind; true is none."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _moment_ns(value: Any) -> int:
    """ISO 8601 with a zone → ns since the epoch, UTC."""
    try:
        moment = datetime.fromisoformat(value)
    except (TypeError, ValueError):
        moment = None
    if moment is None or moment.tzinfo is None or not YEARS[0] <= moment.year <= YEARS[1]:
        raise PydanticCustomError("moment", "ISO 8601 with Z or an offset")
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


Number = Annotated[float, Field(strict=True, allow_inf_nan=False)]
Bps = Annotated[Number, Field(ge=0, lt=BPS_BELOW)]
Money = Annotated[Number, Field(gt=0, le=MONEY_MAX)]
Quantity = Annotated[Number, Field(ge=0)]
Bars = Annotated[int, BeforeValidator(_whole), Field(strict=True, ge=0, le=BARS_MAX)]
Days = Annotated[Number, Field(gt=0, le=DAYS_MAX)]
Moment = Annotated[
    int,
    BeforeValidator(_moment_ns),
    WithJsonSchema({"type": "string", "format": "date-time"}),
]
Ticker = Annotated[str, Field(min_length=1, max_length=BASE_LENGTH_MAX, examples=["BTC"])]
DatasetId = Annotated[str, Field(min_length=1, max_length=ID_LENGTH_MAX, examples=["d-31"])]


class Range(BaseModel):
    """from, from + step, … up to and including to."""

    model_config = ConfigDict(extra="forbid", populate_by_name=True)

    first: Number = Field(alias="from")
    to: Number
    step: Annotated[Number, Field(gt=0)]

    def values(self) -> list[float]:
        """In decimal arithmetic: 0.1 + 0.1 + 0.1 is 0.3 here."""
        first, to, step = (Decimal(repr(float(x))) for x in (self.first, self.to, self.step))
        if to < first:
            raise PydanticCustomError("range", "to >= from")
        count = int((to - first) / step) + 1
        if count > POINTS_MAX:
            raise PydanticCustomError("range", f"<= {POINTS_MAX} values")
        return [float(first + place * step) for place in range(count)]


_NUMBER: TypeAdapter[float] = TypeAdapter(Number)
_SWEPT_SCHEMA = {
    "anyOf": [
        {"type": "number"},
        {"type": "array", "items": {"type": "number"}, "minItems": 1, "maxItems": POINTS_MAX},
        {
            "type": "object",
            "additionalProperties": False,
            "required": ["from", "to", "step"],
            "properties": {
                "from": {"type": "number"},
                "to": {"type": "number"},
                "step": {"type": "number", "exclusiveMinimum": 0},
            },
        },
    ]
}


def _swept(value: Any) -> float | tuple[float, ...]:
    """A number stays one; a list or {from, to, step} becomes an axis."""
    try:
        if isinstance(value, dict):
            return tuple(Range.model_validate(value).values())
        if isinstance(value, list) and 0 < len(value) <= POINTS_MAX:
            return tuple(_NUMBER.validate_python(each) for each in value)
        return _NUMBER.validate_python(value)
    except ValidationError:
        expected = "number | list of numbers | {from, to, step}"
        raise PydanticCustomError("swept", expected) from None


Swept = Annotated[float | tuple[float, ...], BeforeValidator(_swept), WithJsonSchema(_SWEPT_SCHEMA)]


def _swept_bars(value: Any) -> float | tuple[float, ...]:
    swept = _swept(value)
    values = swept if isinstance(swept, tuple) else (swept,)
    if not all(each.is_integer() and 0 <= each <= BARS_MAX for each in values):
        raise PydanticCustomError("whole", f"whole numbers 0..{BARS_MAX}")
    return swept


SweptBars = Annotated[
    float | tuple[float, ...], BeforeValidator(_swept_bars), WithJsonSchema(_SWEPT_SCHEMA)
]


class Market(BaseModel):
    """One coin and its candles on both sides."""

    model_config = ConfigDict(extra="forbid")

    base: Ticker
    krw_dataset: DatasetId
    global_dataset: DatasetId


class Fx(BaseModel):
    """KRW per USDT: a dataset or one fixed rate, exactly one of them."""

    model_config = ConfigDict(extra="forbid")

    dataset: DatasetId | None = None
    rate: Annotated[Number, Field(gt=0)] | None = None


class Asked(BaseModel):
    """What runs and studies have in common."""

    model_config = ConfigDict(extra="forbid")

    name: Annotated[str, Field(max_length=NAME_LENGTH_MAX, pattern=NAME_PATTERN)] = ""
    style: Style = _DEFAULTS.style
    direction: Direction = _DEFAULTS.direction
    markets: Annotated[list[Market], Field(min_length=1, max_length=MARKETS_MAX)]
    fx: Fx
    start: Moment | None = None
    end: Moment | None = None
    hedge: Annotated[bool, Field(strict=True)] = _DEFAULTS.hedge

    def _spec(self, params: Params) -> RunSpec:
        return RunSpec(
            markets=tuple(MarketRef(m.base, m.krw_dataset, m.global_dataset) for m in self.markets),
            fx=FxRef(self.fx.dataset, self.fx.rate),
            params=params,
            name=self.name.strip(),
            start_ns=self.start,
            end_ns=self.end,
        )


_MARKETS: list[JsonValue] = [{"base": "BTC", "krw_dataset": "d-31", "global_dataset": "d-32"}]


class BacktestAsked(Asked):
    """One backtest. What is left out has the default; what a style does not use is ignored."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "name": "high 120 / 20",
                    "style": "inventory",
                    "direction": "high",
                    "markets": _MARKETS,
                    "fx": {"dataset": "d-33"},
                    "start": "2025-06-01T00:00:00Z",
                    "end": "2025-07-01T00:00:00Z",
                    "entry_bps": 120,
                    "exit_bps": 20,
                    "max_hold_bars": 1440,
                }
            ]
        }
    )

    entry_bps: Number = _DEFAULTS.entry_bps
    exit_bps: Number = _DEFAULTS.exit_bps
    max_hold_bars: Bars = _DEFAULTS.max_hold_bars
    notional_krw: Money = _DEFAULTS.notional_krw
    initial_capital_krw: Money = _DEFAULTS.initial_capital_krw
    krw_fee_bps: Bps = _DEFAULTS.krw_fee_bps
    global_fee_bps: Bps = _DEFAULTS.global_fee_bps
    slippage_bps: Bps = _DEFAULTS.slippage_bps
    withdraw_fee: dict[Ticker, Quantity] = {}
    transfer_bars: Bars = _DEFAULTS.transfer_bars
    hedge_fee_bps: Bps = _DEFAULTS.hedge_fee_bps
    qty_step: Quantity = _DEFAULTS.qty_step

    def spec(self) -> RunSpec:
        numbers = {name: getattr(self, name) for name in (*SWEPT, "withdraw_fee")}
        return self._spec(
            Params(style=self.style, direction=self.direction, hedge=self.hedge, **numbers)
        )


class SweepAsked(Asked):
    """A grid: every number may be a list or {from, to, step}; at most 10,000 points."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "markets": _MARKETS,
                    "fx": {"rate": 1380},
                    "entry_bps": {"from": 60, "to": 140, "step": 20},
                    "exit_bps": [0, 10, 20, 30],
                    "objective": "sharpe",
                }
            ]
        }
    )

    entry_bps: Swept = _DEFAULTS.entry_bps
    exit_bps: Swept = _DEFAULTS.exit_bps
    max_hold_bars: SweptBars = float(_DEFAULTS.max_hold_bars)
    notional_krw: Swept = _DEFAULTS.notional_krw
    initial_capital_krw: Swept = _DEFAULTS.initial_capital_krw
    krw_fee_bps: Swept = _DEFAULTS.krw_fee_bps
    global_fee_bps: Swept = _DEFAULTS.global_fee_bps
    slippage_bps: Swept = _DEFAULTS.slippage_bps
    withdraw_fee: dict[Ticker, Swept] = {}
    transfer_bars: SweptBars = float(_DEFAULTS.transfer_bars)
    hedge_fee_bps: Swept = _DEFAULTS.hedge_fee_bps
    qty_step: Swept = _DEFAULTS.qty_step
    objective: Annotated[str, WithJsonSchema({"type": "string", "enum": list(OBJECTIVES)})] = (
        "total_pnl_krw"
    )

    def study(self, **days: float) -> StudySpec:
        """The axes, over a run that has the first value of each."""
        asked: dict[str, float | tuple[float, ...]] = {
            name: getattr(self, name) for name in SWEPT
        } | {f"withdraw_fee.{coin}": fee for coin, fee in self.withdraw_fee.items()}
        axes = [Axis(name, values) for name, values in asked.items() if isinstance(values, tuple)]
        first = {
            name: values[0] if isinstance(values, tuple) else values
            for name, values in asked.items()
        }
        return StudySpec(
            run=self._spec(self._params(first)),
            axes=tuple(axes),
            objective=self.objective,
            **days,
        )

    def _params(self, first: Mapping[str, float]) -> Params:
        whole = {name: _whole(first[name]) for name in ("max_hold_bars", "transfer_bars")}
        fees = {coin: first[f"withdraw_fee.{coin}"] for coin in self.withdraw_fee}
        plain = {name: first[name] for name in SWEPT} | whole
        return Params(
            style=self.style,
            direction=self.direction,
            hedge=self.hedge,
            withdraw_fee=fees,
            **plain,
        )


class WalkForwardAsked(SweepAsked):
    """A grid, and how long to train, to test and to step on. step_days: test_days unless given."""

    model_config = ConfigDict(
        json_schema_extra={
            "examples": [
                {
                    "markets": _MARKETS,
                    "fx": {"dataset": "d-33"},
                    "entry_bps": [80, 100, 120],
                    "exit_bps": [0, 20],
                    "train_days": 30,
                    "test_days": 10,
                }
            ]
        }
    )

    train_days: Days
    test_days: Days
    step_days: Days | None = None

    def walkforward(self) -> StudySpec:
        step_days = self.test_days if self.step_days is None else self.step_days
        return self.study(train_days=self.train_days, test_days=self.test_days, step_days=step_days)
