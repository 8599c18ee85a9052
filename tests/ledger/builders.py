"""Small rows for the ledger's tests, each with the one thing that a story is about."""

from __future__ import annotations

from app.domain.backtests import Axis, FxRef, MarketRef, Params, RunSpec, StudySpec
from app.domain.datasets import DatasetFacts, Gap, Kind, Quality

T0 = 1_700_000_000_000_000_000
SECOND = 1_000_000_000


def facts(kind: Kind = Kind.CANDLES, *, base: str | None = "BTC", rows: int = 1440) -> DatasetFacts:
    quality = Quality(
        coverage=0.9986111111111111,
        gap_list=(Gap(T0, 120, 1),),
        zero_volume=3,
        outliers=1,
        outlier_list=((T0, 67_123_000.5),),
        density=tuple(i / 200 for i in range(200)),
        unsorted=False,
    )
    return DatasetFacts(
        kind=kind,
        shape="upbit",
        venue="upbit",
        base=base,
        quote="KRW",
        timeframe_s=60,
        rows=rows,
        start_ns=T0,
        end_ns=T0 + rows * 60 * SECOND,
        gaps=1,
        longest_gap_s=60,
        duplicates=0,
        quality=quality,
        columns={"time": "candle_date_time_kst", "close": "trade_price"},
        tz="Asia/Seoul",
    )


def spec(*coins: MarketRef, fx: FxRef | None = None, name: str = "") -> RunSpec:
    return RunSpec(
        markets=coins,
        fx=fx or FxRef(rate=1_350.0),
        params=Params(withdraw_fee={"BTC": 0.0008}),
        name=name,
    )


def sweep_spec(*coins: MarketRef) -> StudySpec:
    axes = (Axis("entry_bps", (50.0, 100.0)), Axis("exit_bps", (0.0, 10.0)))
    return StudySpec(run=spec(*coins), axes=axes)
