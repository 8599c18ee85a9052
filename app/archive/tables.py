"""Tables: what is kept, for how long, and in which order it lies."""

from __future__ import annotations

from typing import NamedTuple

BOOKS = "orderbook_snapshots"
TRADES = "tick_trades"
SPREADS = "spread_history"


class Table(NamedTuple):
    """days: after which rows go by themselves. hours: of one partition, which go whole when the
    archive grows too large."""

    columns: str
    order: str
    days: int
    hours: int


_TIME = "timestamp DateTime64(3, 'UTC') CODEC(DoubleDelta, ZSTD(1))"
_LEVELS = "Array(Tuple(price Float64, quantity Float64)) CODEC(ZSTD(1))"
_BPS = "Float32 CODEC(ZSTD(1))"

TABLES: dict[str, Table] = {
    BOOKS: Table(
        f"""{_TIME},
        venue LowCardinality(String),
        base LowCardinality(String),
        quote LowCardinality(String),
        bids {_LEVELS},
        asks {_LEVELS},
        mid_price Float64 ALIAS (bids[1].price + asks[1].price) / 2,
        spread Float64 ALIAS asks[1].price - bids[1].price""",
        "(venue, base, quote, timestamp)",
        90,
        6,
    ),
    TRADES: Table(
        f"""{_TIME},
        venue LowCardinality(String),
        base LowCardinality(String),
        quote LowCardinality(String),
        trade_id String CODEC(ZSTD(1)),
        price Float64 CODEC(ZSTD(1)),
        quantity Float64 CODEC(ZSTD(1)),
        side LowCardinality(String)""",
        "(venue, base, quote, timestamp)",
        180,
        24,
    ),
    # NaN: not known at that moment.
    SPREADS: Table(
        f"""{_TIME},
        base LowCardinality(String),
        buy_venue LowCardinality(String),
        buy_quote LowCardinality(String),
        sell_venue LowCardinality(String),
        sell_quote LowCardinality(String),
        buy_ask Float64 CODEC(ZSTD(1)),
        sell_bid Float64 CODEC(ZSTD(1)),
        raw_bps {_BPS},
        usdlike_bps {_BPS},
        kimchi_bps {_BPS},
        usdt_bps {_BPS},
        realizable_bps {_BPS}""",
        "(base, buy_venue, sell_venue, timestamp)",
        365,
        24,
    ),
}


def definition(name: str) -> str:
    table = TABLES[name]
    return f"""CREATE TABLE IF NOT EXISTS {name} ({table.columns})
        ENGINE = MergeTree
        PARTITION BY toStartOfInterval(timestamp, INTERVAL {table.hours} HOUR)
        ORDER BY {table.order}
        TTL toDateTime(timestamp) + INTERVAL {table.days} DAY
        SETTINGS ttl_only_drop_parts = 1"""
