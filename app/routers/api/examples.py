"""Examples: the answers that the documentation shows."""

from __future__ import annotations

from app.domain.backtests import Axis, FxRef, MarketRef, Params, RunSpec
from app.domain.records import Metrics, StudyPoint
from app.routers.api.shapes import (
    Bands,
    BootstrapBody,
    CycleBody,
    CycleList,
    Equity,
    FillBody,
)
from app.runtime.work.bodies import (
    RunBody,
    StudyBody,
    SweepBody,
    WalkForwardBody,
    WindowBody,
    run_params,
)

_SPEC = RunSpec(
    markets=(MarketRef("BTC", "d-31", "d-32"),),
    fx=FxRef(dataset="d-33"),
    params=Params(entry_bps=120.0, exit_bps=20.0, max_hold_bars=1440),
    name="high 120 / 20",
)
METRICS: Metrics = {
    "total_pnl_krw": 4_219_530.4,
    "roi_pct": 4.2,
    "final_equity_krw": 104_201_118.9,
    "max_drawdown_pct": 0.61,
    "sharpe": 3.8,
    "cycles": 54,
    "win_rate_pct": 81.5,
    "profit_factor": 6.2,
}
RUN = RunBody(
    id="b-7",
    name=_SPEC.name,
    status="completed",
    progress=1.0,
    bars_done=86_213,
    bars_total=86_213,
    created_at="2026-11-20T06:50:00Z",
    started_at="2026-11-20T06:50:00.012Z",
    finished_at="2026-11-20T06:50:00.301Z",
    params=run_params(_SPEC),
    bars=86_213,
    metrics=METRICS,
    open_cycle=False,
    open_cycle_detail=None,
    error=None,
)
_FILL = FillBody(
    leg=1,
    venue="krw",
    base="BTC",
    side="sell",
    time="2025-06-01T03:14:00Z",
    price=149_970_004.0,
    quantity=0.06668,
    fee=5_000.0,
    fee_asset="KRW",
    fx=None,
    amount=9_995_000.0,
    amount_krw=9_995_000.0,
)
CYCLES = CycleList(
    [
        CycleBody(
            number=1,
            direction="high",
            base="BTC",
            return_base=None,
            t_entry="2025-06-01T03:14:00Z",
            t_exit="2025-06-01T09:02:00Z",
            qty=0.06668,
            pnl_krw=78_139.5,
            reason="target",
            fees_krw=30_018.2,
            turnover_krw=39_981_000.0,
            in_bps=121.4,
            out_bps=19.2,
            net_bps=78.1,
            hold_s=20_880.0,
            fills=[_FILL],
            hedge_fills=[],
        )
    ],
    54,
    "1",
)
EQUITY = Equity([1_748_736_000], [100_000_000.0], [0.0], [37.2])
_BANDS = Bands(3_020_114.0, 3_701_220.0, 4_215_890.0, 4_731_007.0, 5_440_312.0)
BOOTSTRAP = BootstrapBody(
    n=1_000,
    seed=0,
    cycles=54,
    final_pnl_krw=_BANDS,
    roi_pct=Bands(3.0, 3.7, 4.2, 4.7, 5.4),
    max_drawdown_pct=Bands(0.2, 0.3, 0.4, 0.5, 0.8),
    loss_pct=0.0,
    paths={"cycle": [0.0, 54.0], "p5": [0.0, 3_020_114.0], "p95": [0.0, 5_440_312.0]},
)
_POINT = StudyPoint({"entry_bps": 80.0, "exit_bps": 10.0}, METRICS)
STUDY = StudyBody(
    id="s-3",
    name="",
    status="running",
    progress=0.25,
    total=20,
    done=5,
    objective="sharpe",
    created_at="2026-11-20T06:50:00Z",
    started_at="2026-11-20T06:50:00.012Z",
    finished_at=None,
    params=run_params(_SPEC),
    axes=(Axis("entry_bps", (60.0, 80.0, 100.0, 120.0, 140.0)),),
    best=None,
    error=None,
)
SWEEP = SweepBody(
    **{name: getattr(STUDY, name) for name in STUDY.__struct_fields__}, rows=(_POINT,)
)
WALKFORWARD = WalkForwardBody(
    **{name: getattr(STUDY, name) for name in STUDY.__struct_fields__} | {"id": "w-4"},
    train_days=30.0,
    test_days=10.0,
    step_days=10.0,
    windows=(
        WindowBody(
            train_start="2025-06-01T00:00:00Z",
            train_end="2025-07-01T00:00:00Z",
            test_start="2025-07-01T00:00:00Z",
            test_end="2025-07-11T00:00:00Z",
            chosen=_POINT.params,
            train_metrics=METRICS,
            test_metrics=METRICS,
        ),
    ),
    metrics=METRICS,
    equity={"time": [1_751_328_000.0], "equity_krw": [100_000_000.0]},
)
