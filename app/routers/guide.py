"""The guide: from nothing to a first result, and what a premium, a style and a cost are."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Depends
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import texts
from app.domain.backtests import FxRef, MarketRef, Params, RunSpec
from app.domain.datasets import Kind
from app.domain.records import DatasetRow
from app.routers.backtesting.costs import bill
from app.routers.render import look, render, viewer
from app.runtime.desk import desk
from app.security.guard import page

WORDS = ("entry", "cycle", "notional", "slippage", "max_hold", "drawdown", "walkforward")
# Rules that trade often enough on the sample to show everything that a result holds.
SAMPLE_PARAMS = Params(max_hold_bars=720, notional_krw=40_000_000.0)

router = APIRouter(dependencies=[Depends(page()), Depends(look)], include_in_schema=False)


@dataclass(frozen=True, slots=True)
class Example:
    """One coin at two prices, in figures that a reader can check by hand."""

    won: float = 149_953_000
    dollar: float = 106_800
    rate: float = 1_387.2

    @property
    def same(self) -> float:
        return self.dollar * self.rate

    @property
    def bps(self) -> float:
        return (self.won / self.same - 1) * 1e4


@router.get("/guide")
async def guide_page(request: Request) -> Response:
    params = Params()
    priced = bill(params)
    return render(
        request,
        "guide.html",
        page="guide",
        example=Example(),
        bill=priced,
        notional=params.notional_krw,
        won_of_net=params.notional_krw * priced.net_bps / 1e4,
        words=WORDS,
    )


@router.post("/guide/sample")
async def run_sample(request: Request) -> Response:
    """One click: the sample's datasets and a backtest on them. The result opens at once."""
    work, seen = desk(request).work, viewer(request)
    rows = await work.sample()
    run = await work.submit_run(_sample_spec(rows, texts.text(seen.lang, "guide.sample.name")))
    return RedirectResponse(f"/backtests/{run.id}", 303)


def _sample_spec(rows: Sequence[DatasetRow], name: str) -> RunSpec:
    """All coins of the sample with both markets, against its rate."""
    candles = [row for row in rows if row.facts.kind is Kind.CANDLES]
    fx = next(row for row in rows if row.facts.kind is Kind.FX)
    won = {row.facts.base: row.id for row in candles if row.facts.quote == "KRW"}
    dollar = {row.facts.base: row.id for row in candles if row.facts.quote != "KRW"}
    bases = sorted(base for base in won.keys() & dollar.keys() if base)
    markets = tuple(MarketRef(base, won[base], dollar[base]) for base in bases)
    return RunSpec(markets=markets, fx=FxRef(dataset=fx.id), params=SAMPLE_PARAMS, name=name)
