"""Roles: which parts of kimp a process runs. Without a word it runs all of them.

| role | what it alone does |
|---|---|
| feeder | keeps the market: books, trades and spreads go to the archive |
| initiator | opens cycles and sees them through both legs; of several one at a time |
| finalizer | brings cycles home from AWAITING_REBALANCE on, and tries again what failed |
| dashboard | pages, the JSON API, streams, uploads and backtests |

Who decides needs prices as they are: every process reads the market for itself.
"""

from __future__ import annotations

from enum import StrEnum


class ProcessRole(StrEnum):
    FEEDER = "feeder"
    INITIATOR = "initiator"
    FINALIZER = "finalizer"
    DASHBOARD = "dashboard"


Roles = frozenset[ProcessRole]
ALL: Roles = frozenset(ProcessRole)
DECIDERS: Roles = frozenset({ProcessRole.INITIATOR, ProcessRole.FINALIZER})
"""Either has an engine that decides about cycles, and holds venues' leases."""


def told(roles: Roles) -> str:
    """In their order, as KIMP_ROLES takes them."""
    return ",".join(role for role in ProcessRole if role in roles)
