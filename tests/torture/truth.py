"""Truth: what nine simulated venues did, and what kimp says of it; both read from outside."""

from __future__ import annotations

from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any

import httpx

from tests.live.world import VENUES, Simulator

Row = dict[str, Any]
PAGE = 1_000


@dataclass
class Truth:
    """One venue's books, whole."""

    orders: list[Row]
    fills: list[Row]
    withdrawals: list[Row]
    deposits: list[Row]
    balances: dict[str, Decimal]
    """Free and locked together."""


@dataclass
class Told:
    """Kimp's own word, whole, over its JSON API."""

    orders: list[Row] = field(default_factory=list)
    transfers: list[Row] = field(default_factory=list)
    cycles: list[Row] = field(default_factory=list)
    dead_letters: list[Row] = field(default_factory=list)
    accounts: list[Row] = field(default_factory=list)
    sums: list[Row] = field(default_factory=list)


def truth_of(world: Simulator) -> dict[str, Truth]:
    found = {}
    for venue in VENUES:
        with httpx.Client(base_url=f"{world.url(venue)}/__sim", trust_env=False, timeout=60) as ask:
            rows = {
                kind: ask.get(f"/{kind}").raise_for_status().json()
                for kind in ("orders", "fills", "withdrawals", "deposits", "balances")
            }
        balances = {
            asset: Decimal(purse["free"]) + Decimal(purse["locked"])
            for asset, purse in rows.pop("balances").items()
        }
        found[venue] = Truth(**rows, balances=balances)
    return found


def told_by(api: httpx.Client) -> Told:
    ledger = api.get("/ledger").raise_for_status().json()
    return Told(
        orders=pages(api, "/orders"),
        transfers=pages(api, "/transfers"),
        cycles=pages(api, "/cycles"),
        dead_letters=pages(api, "/dead-letters"),
        accounts=ledger["accounts"],
        sums=ledger["sums"],
    )


def pages(api: httpx.Client, path: str) -> list[Row]:
    """All pages of a list."""
    rows: list[Row] = []
    cursor: str | None = None
    while True:
        asked: dict[str, Any] = {"limit": PAGE} | ({"cursor": cursor} if cursor else {})
        page = api.get(path, params=asked).raise_for_status().json()
        rows += page["items"]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows
