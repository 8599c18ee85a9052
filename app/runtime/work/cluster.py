"""Cluster: points of a grid on a Dask cluster, through the same interface as the local pool."""

from __future__ import annotations

import asyncio
import importlib
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from typing import Any

import numpy as np

from app.backtest.series import Candles, Coin, Fx
from app.domain.problems import Problem
from app.domain.records import Metrics
from app.runtime.work import bars as columns
from app.runtime.work import remote
from app.runtime.work.limits import CLUSTER_CONNECT_S_MAX
from app.runtime.work.orders import Bars, Points

REASON_LENGTH_MAX = 300
CHUNKS_PER_THREAD = 2  # the next one is there when one is done


class Cluster:
    """One connection to a scheduler, made when it is first needed and again when it was lost."""

    def __init__(self, address: str) -> None:
        self.address = address
        self._client: Any = None
        self._connecting = asyncio.Lock()

    @asynccontextmanager
    async def evaluator(self, bars: Bars) -> AsyncGenerator[ClusterEvaluator]:
        """The columns travel to every worker once; no disk is shared. Raises Problem."""
        try:
            client = await self._connected()
        except (OSError, TimeoutError) as reason:
            raise Problem("cluster_unreachable", values={"address": self.address}) from reason
        try:
            await client.wait_for_workers(1, timeout=CLUSTER_CONNECT_S_MAX)
            series = await asyncio.to_thread(_in_memory, bars)
            sent = await client.scatter(series, broadcast=True, hash=False)
            threads = sum((await client.nthreads()).values())
        except (OSError, TimeoutError) as reason:
            raise _gave_up(reason) from reason
        yield ClusterEvaluator(client, sent, bars, threads * CHUNKS_PER_THREAD)

    async def close(self) -> None:
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def _connected(self) -> Any:
        async with self._connecting:
            if self._client is None or self._client.status != "running":
                # Half a second of imports, off the loop.
                distributed = await asyncio.to_thread(importlib.import_module, "distributed")
                self._client = await distributed.Client(
                    self.address,
                    asynchronous=True,
                    set_as_default=False,
                    timeout=CLUSTER_CONNECT_S_MAX,
                )
            return self._client


class ClusterEvaluator:
    """Evaluates over columns that lie on the cluster's workers."""

    def __init__(self, client: Any, series: Any, bars: Bars, lanes: int) -> None:
        self.lanes = lanes
        self._client = client
        self._series = series
        self._bars = bars

    async def evaluate(self, order: Points) -> list[Metrics]:
        future = self._client.submit(remote.points, self._series, order, pure=False)
        try:
            rows: list[Metrics] = await future
        except asyncio.CancelledError:
            await self._client.cancel([future])
            raise
        except Problem:
            raise
        except Exception as reason:
            raise _gave_up(reason) from reason
        return rows


def _gave_up(reason: Exception) -> Problem:
    said = f"{type(reason).__name__}: {reason}"
    return Problem("cluster_failed", values={"reason": said[:REASON_LENGTH_MAX]})


def _in_memory(bars: Bars) -> columns.Series:
    """Without the files: a memory map of this machine means nothing on another."""
    coins, fx = columns.series(bars)
    return [Coin(coin.base, _candles(coin.krw), _candles(coin.glob)) for coin in coins], Fx(
        np.array(fx.known_at_ns), np.array(fx.rate)
    )


def _candles(stored: Candles) -> Candles:
    prices = [np.array(price) for price in (stored.open, stored.high, stored.low, stored.close)]
    return Candles(np.array(stored.time_ns), *prices)
