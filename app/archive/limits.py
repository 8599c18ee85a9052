"""Limits of the archive, each with its reason."""

from __future__ import annotations

from typing import Final

FLUSH_S: Final = 0.9  # a batch is never older than a second
# What waits while the engine is away: about half a minute of 1,800 books and as many trades.
BOOKS_WAITING_MAX: Final = 50_000
TRADES_WAITING_MAX: Final = 500_000
SPREADS_WAITING_MAX: Final = 500_000

REPEAT_S: Final = 30  # a spread that does not change is stored again after so long
ROUTES_MAX: Final = 50_000  # whose last spread is remembered, to keep only what changed
BODY_BYTES_MAX: Final = 1 << 28  # of one request to the child
HISTORY_POINTS_MAX: Final = 5_000

START_S_MAX: Final = 30.0  # from the child's start to its `ready`
STOP_S_MAX: Final = 5.0  # from the end of its input to its own; then it is killed
REQUEST_S_MAX: Final = 60.0
RESTART_S: Final = (0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # after as many failures in a row
TRIES_MAX: Final = 3  # of one batch, before what stands behind it goes first
USAGE_S: Final = 30.0  # how old the figures of `usage` may be; oldest partitions go as often

# Of the embedded engine: it shares a machine with the market, which goes first.
NICENESS: Final = 10
ENGINE = {
    "max_server_memory_usage": 1 << 30,
    "mark_cache_size": 64 << 20,
    "primary_index_cache_size": 64 << 20,
    "background_pool_size": 2,
    "background_schedule_pool_size": 2,
}
THREADS: Final = 1  # of one query
