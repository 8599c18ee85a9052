"""Queries: questions to the archive as SQL with parameters, and what their answers mean."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from app.archive.limits import HISTORY_POINTS_MAX
from app.archive.tables import SPREADS, TABLES
from app.domain.times import MS_NS, SECOND_NS
from app.domain.venues import Venue

Floats = npt.NDArray[np.float64]
Basis = Literal["raw", "usdlike", "kimchi", "usdt", "realizable"]
BASES: dict[Basis, str] = {
    "raw": "raw_bps",
    "usdlike": "usdlike_bps",
    "kimchi": "kimchi_bps",
    "usdt": "usdt_bps",
    "realizable": "realizable_bps",
}
SHARES = tuple(number / 100 for number in range(101))

Question = tuple[str, dict[str, Any]]
Stored = dict[str, tuple[int, int, int | None]]
"""Table → rows, bytes on disk, time of its oldest partition."""


class History(NamedTuple):
    """at_ns: where each place in time begins. Equal lengths, oldest first."""

    at_ns: npt.NDArray[np.int64]
    mean_bps: Floats
    low_bps: Floats
    high_bps: Floats


Quantiles = dict[tuple[str, str, str], Floats]
"""Base, buying venue, selling venue → 101 values, lowest first."""


class Partition(NamedTuple):
    """What goes together. starts: as the engine writes the time, so that texts compare."""

    table: str
    id: str
    starts: str
    rows: int
    bytes: int


def history(
    base: str,
    buy_venue: Venue,
    sell_venue: Venue,
    basis: Basis,
    since_ns: int,
    until_ns: int,
    points: int,
) -> Question:
    """The step is a whole number of seconds, so that places do not wander while time goes on."""
    points = max(1, min(points, HISTORY_POINTS_MAX))
    step_s = max(1, -(-(until_ns - since_ns) // (points * SECOND_NS)))
    column = BASES[basis]
    sql = f"""
        SELECT toUnixTimestamp(toStartOfInterval(timestamp, toIntervalSecond({step_s}))) AS at,
            avg({column}), min({column}), max({column})
        FROM {SPREADS}
        WHERE {_ROUTE} AND timestamp >= {_ms("since")} AND NOT isNaN({column})
        GROUP BY at ORDER BY at LIMIT {points + 1}"""
    return sql, {**_route(base, buy_venue, sell_venue), "since": since_ns // MS_NS}


def read_history(columns: Sequence[Any]) -> History:
    if not columns:
        return History(np.empty(0, np.int64), np.empty(0), np.empty(0), np.empty(0))
    at, mean, low, high = columns
    return History(
        np.array(at, np.int64) * SECOND_NS,
        np.array(mean, np.float64),
        np.array(low, np.float64),
        np.array(high, np.float64),
    )


def percentile(
    base: str, buy_venue: Venue, sell_venue: Venue, basis: Basis, since_ns: int, value_bps: float
) -> Question:
    column = BASES[basis]
    sql = f"""
        SELECT count(), countIf({column} <= {{value:Float64}}) FROM {SPREADS}
        WHERE {_ROUTE} AND timestamp >= {_ms("since")} AND NOT isNaN({column})"""
    given = _route(base, buy_venue, sell_venue)
    return sql, {**given, "since": since_ns // MS_NS, "value": value_bps}


def read_percentile(columns: Sequence[Any]) -> float | None:
    if not columns or not columns[0][0]:
        return None
    return float(columns[1][0]) / float(columns[0][0])


def quantiles(basis: Basis, since_ns: int) -> Question:
    column, shares = BASES[basis], ", ".join(map(str, SHARES))
    sql = f"""
        SELECT base, buy_venue, sell_venue, quantilesTDigest({shares})({column})
        FROM {SPREADS}
        WHERE timestamp >= {_ms("since")} AND NOT isNaN({column})
        GROUP BY base, buy_venue, sell_venue"""
    return sql, {"since": since_ns // MS_NS}


def read_quantiles(columns: Sequence[Any]) -> Quantiles:
    return {
        (base, buy_venue, sell_venue): np.array(values, np.float64)
        for base, buy_venue, sell_venue, values in zip(*columns, strict=True)
    }


def share_below(values: Floats, value_bps: float) -> float:
    """Where a value stands among the 101 quantiles of `quantiles`, 0..1."""
    return float(np.searchsorted(values, value_bps, "right")) / len(values)


# Parts of one partition are summed: each flush makes one, and merges put them together.
PARTITIONS: Question = (
    f"""
    SELECT table, partition_id, any(partition), sum(rows), sum(bytes_on_disk)
    FROM system.parts
    WHERE active AND database = currentDatabase() AND table IN ({", ".join(map(repr, TABLES))})
    GROUP BY table, partition_id""",
    {},
)


def read_partitions(columns: Sequence[Any]) -> list[Partition]:
    return [Partition(*row) for row in zip(*columns, strict=True)]


def surplus(partitions: Sequence[Partition], bytes_max: int) -> Iterator[tuple[str, str]]:
    """The oldest, until the rest is within the limit."""
    total = sum(partition.bytes for partition in partitions)
    for partition in sorted(partitions, key=lambda one: (one.starts, one.table)):
        if total <= bytes_max:
            return
        total -= partition.bytes
        yield partition.table, partition.id


def drop(table: str, partition: str) -> str:
    assert table in TABLES and partition.isalnum()
    return f"ALTER TABLE {table} DROP PARTITION ID '{partition}'"


def summed(partitions: Sequence[Partition]) -> Stored:
    found: Stored = dict.fromkeys(TABLES, (0, 0, None))
    for partition in partitions:
        rows, size, oldest_ns = found[partition.table]
        starts = datetime.fromisoformat(partition.starts).replace(tzinfo=UTC)
        starts_ns = int(starts.timestamp()) * SECOND_NS
        oldest_ns = starts_ns if oldest_ns is None else min(oldest_ns, starts_ns)
        found[partition.table] = (rows + partition.rows, size + partition.bytes, oldest_ns)
    return found


_ROUTE = "base = {base:String} AND buy_venue = {buy:String} AND sell_venue = {sell:String}"


def _route(base: str, buy_venue: Venue, sell_venue: Venue) -> dict[str, str]:
    return {"base": base, "buy": str(buy_venue), "sell": str(sell_venue)}


def _ms(name: str) -> str:
    return f"fromUnixTimestamp64Milli({{{name}:Int64}}, 'UTC')"
