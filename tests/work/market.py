"""Datasets put straight into the data folder, where a file of that size would take too long."""

from __future__ import annotations

import secrets
import time
from pathlib import Path

import numpy as np

from app.domain.backtests import FxRef, MarketRef, Params, RunSpec
from app.domain.datasets import DatasetFacts, Kind, Quality
from app.history.columns import write_columns
from app.ledger import datasets
from app.ledger.database import Database

START_NS = 1_700_000_040 * 10**9
MINUTE_NS = 60 * 10**9


async def store_candles(db: Database, folder: Path, closes: np.ndarray, quote: str) -> str:
    """The public id of one-minute candles whose opens follow the close before."""
    name = secrets.token_hex(8)
    time_ns = START_NS + np.arange(len(closes), dtype=np.int64) * MINUTE_NS
    opens = np.concatenate([closes[:1], closes[:-1]])
    columns = {
        "time": time_ns,
        "open": opens,
        "high": np.maximum(opens, closes),
        "low": np.minimum(opens, closes),
        "close": closes,
    }
    write_columns(folder / "datasets" / name, columns, {"kind": "candles"})
    facts = DatasetFacts(
        kind=Kind.CANDLES,
        shape="generic",
        venue=None,
        base="BTC",
        quote=quote,
        timeframe_s=60,
        rows=len(closes),
        start_ns=START_NS,
        end_ns=int(time_ns[-1]),
        gaps=0,
        longest_gap_s=0,
        duplicates=0,
        quality=Quality(1.0, (), 0, 0, (), (), unsorted=False),
        columns={},
    )
    (row,) = await db.write(
        datasets.insert_datasets,
        None,
        [(name, facts)],
        sha256=secrets.token_hex(32),
        file_name="made.csv",
        file_bytes=0,
        at_ns=time.time_ns(),
    )
    return row.id


async def swinging_market(db: Database, folder: Path, rows: int) -> RunSpec:
    """A run over a premium that swings between −1 % and +1 % every hour."""
    dollars = np.full(rows, 100_000.0)
    won = 130_000_000.0 * (1 + 0.01 * np.sin(np.arange(rows) * 2 * np.pi / 60))
    return RunSpec(
        markets=(
            MarketRef(
                "BTC",
                await store_candles(db, folder, won, "KRW"),
                await store_candles(db, folder, dollars, "USDT"),
            ),
        ),
        fx=FxRef(rate=1300.0),
        params=Params(entry_bps=60.0, exit_bps=-40.0),
    )
