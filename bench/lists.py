"""Row list.50: a list of 50 runs as our API answers it, and through the framework's own encoder."""

from __future__ import annotations

import asyncio
import time
from typing import Any

import msgspec
from fastapi import FastAPI
from starlette.responses import Response

from app.domain.backtests import FxRef, MarketRef, Params, RunSpec, RunStatus
from app.domain.records import RunRow
from app.routers.api.encode import answer
from app.runtime.work.bodies import run_body
from bench.table import Row

ROWS = 50
REQUESTS = 300
METRICS = (
    "cycles",
    "total_pnl_krw",
    "final_equity_krw",
    "roi_pct",
    "win_rate_pct",
    "profit_factor",
    "max_drawdown_pct",
    "sharpe",
    "sortino",
    "cagr_pct",
    "mean_hold_s",
    "exposure_pct",
    "fees_krw",
    "turnover_krw",
)


def rows() -> list[Row]:
    ours, theirs = asyncio.run(_measure())
    note = "one request in process, bodies ready, 50 runs with parameters and metrics"
    return [Row("list.50", ours, "requests/CPU s", "higher", "FastAPI default", theirs, note)]


async def _measure() -> tuple[float, float]:
    bodies = [run_body(_row(number)) for number in range(1, ROWS + 1)]
    plain = [msgspec.to_builtins(body) for body in bodies]
    app = FastAPI()

    @app.get("/ours")
    async def ours() -> Response:
        return answer({"items": bodies, "next_cursor": None})

    @app.get("/theirs")
    async def theirs():  # type: ignore[no-untyped-def]
        return {"items": plain, "next_cursor": None}

    return await _rate(app, "/ours"), await _rate(app, "/theirs")


async def _rate(app: FastAPI, path: str) -> float:
    """Requests per CPU second, straight into the ASGI app."""
    await _request(app, path)
    started = time.process_time()
    for _ in range(REQUESTS):
        await _request(app, path)
    return REQUESTS / (time.process_time() - started)


async def _request(app: FastAPI, path: str) -> None:
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1")],
        "server": ("127.0.0.1", 8000),
        "client": ("127.0.0.1", 1),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(message: Any) -> None:
        assert message["type"] != "http.response.start" or message["status"] == 200

    await app(scope, receive, send)


def _row(number: int) -> RunRow:
    market = MarketRef("BTC", "d-1", "d-2")
    spec = RunSpec(markets=(market,), fx=FxRef(rate=1400.0), params=Params(), name=f"run {number}")
    made = 1_700_000_000_000_000_000 + number
    values: dict[str, Any] = {
        "id": f"b-{number}",
        "spec": spec,
        "status": RunStatus.COMPLETED,
        "bars_done": 1_000_000,
        "bars_total": 1_000_000,
        "metrics": dict.fromkeys(METRICS, 123.456 * number),
        "bars": 1_000_000,
        "created_at_ns": made,
        "started_at_ns": made,
        "finished_at_ns": made,
    }
    blank = dict.fromkeys(RunRow.__struct_fields__)
    return RunRow(**{**blank, **values})
