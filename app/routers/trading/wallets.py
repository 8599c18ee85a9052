"""Wallets: what lies where, which networks are open, what is on its way, what can leave Korea."""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from app.domain.accounting import AccountRow, TransferRow
from app.domain.live import NetworkRow
from app.domain.times import SECOND_NS
from app.domain.trading import Purse
from app.domain.transfers import Transfer
from app.domain.venues import KOREAN, Venue
from app.ledger import trading_pages, trading_queries
from app.ledger.queries import Connection
from app.routers.trading.masthead import masthead
from app.routers.trading.records import Records, Usual
from app.routers.trading.worth import worth
from app.routers.watching.tape import LAMPS
from app.runtime.desk import Desk

DUST_KRW = Decimal(1_000)
TRANSFERS_SHOWN = 12
REBALANCES_SHOWN = 8
WON = "KRW"
UNITS = ("quantity", "krw")
OPEN, CLOSED = "open", "closed"


@dataclass(frozen=True, slots=True)
class Account:
    """One venue: what all its purses are worth. share: of the richest. frozen: assets in doubt."""

    venue: Venue
    krw: Decimal
    share: float
    unvalued: int
    frozen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Asset:
    """One row of balances; by_venue in the order of the columns: free and reserved together."""

    asset: str
    total: Decimal
    krw: Decimal | None
    by_venue: tuple[Decimal, ...]
    krw_by_venue: tuple[Decimal | None, ...]
    in_flight: Decimal
    reserved: Decimal
    frozen: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Network:
    """One coin's network; by_venue in the order of the columns, None where it has none."""

    asset: str
    chain: str
    fee: str | None
    usual: Usual | None
    by_venue: tuple[NetworkRow | None, ...]


@dataclass(frozen=True, slots=True)
class Moving:
    """for_s: since it was sent, or how long it took. share: of what is usual at most (P95)."""

    id: str
    transfer: Transfer
    for_s: float | None
    usual: Usual | None
    share: float | None
    late: bool


@dataclass(frozen=True, slots=True)
class Leaving:
    """Won of one Korean venue: what may leave, and what came from a bank too lately."""

    venue: Venue
    total: Decimal
    now: Decimal
    reserved: Decimal
    young: Decimal
    young_s: float | None

    def share(self, part: Decimal) -> float:
        return float(part / self.total * 100) if self.total else 0.0


async def wallets(here: Desk, asked: Mapping[str, str], _: str = "") -> dict[str, Any]:
    transfers, times, sums = await here.db.read(_read, here.mode)
    all_of_it, now_ns = await worth(here), time.time_ns()
    purses, prices = all_of_it.purses, all_of_it.prices
    records, with_dust = Records(times), asked.get("dust") == "shown"
    found = assets(purses, prices)
    shown = found if with_dust else [row for row in found if row.krw is None or row.krw >= DUST_KRW]
    known = {row.asset for row in shown}
    life = here.trading.life
    return {
        "equity_krw": all_of_it.equity_krw,
        "unvalued": all_of_it.unvalued,
        "accounts": accounts(purses, prices),
        "columns": LAMPS,
        "assets": shown,
        "hidden": len(found) - len(shown),
        "unit": asked["unit"] if asked.get("unit") in UNITS else UNITS[0],
        "units": UNITS,
        "with_dust": with_dust,
        "networks": networks(here.market.networks(), known, records),
        "moving": [moving(row, records, now_ns) for row in transfers],
        "leaving": leaving(purses, now_ns),
        "rebalances": here.trading.rebalance()[:REBALANCES_SHOWN],
        "broken": [row for row in sums if row.amount],
        "audited_at_ns": None if life is None else life.auditor.checked_at_ns,
        "drifts": () if life is None else life.reconciler.drifts(),
        "asked": dict(asked),
        "mast": await masthead(here),
        "feeds_now": here.feeds,
        "mode": here.mode,
    }


def _read(
    conn: Connection, mode: str
) -> tuple[list[TransferRow], dict[str, list[float]], list[AccountRow]]:
    going, _ = trading_queries.list_transfers(conn, mode, TRANSFERS_SHOWN, open_only=True)
    past, _ = trading_queries.list_transfers(conn, mode, TRANSFERS_SHOWN)
    known = {row.id for row in going}
    rows = [*going, *(row for row in past if row.id not in known)][:TRANSFERS_SHOWN]
    return rows, trading_pages.transfer_times(conn, mode), trading_queries.accounts(conn, mode)[1]


def accounts(purses: Sequence[Purse], prices: Mapping[str, Decimal]) -> tuple[Account, ...]:
    worth: dict[Venue, Decimal] = dict.fromkeys(LAMPS, Decimal(0))
    unvalued: dict[Venue, set[str]] = {venue: set() for venue in LAMPS}
    frozen: dict[Venue, set[str]] = {venue: set() for venue in LAMPS}
    for purse in purses:
        here = purse.available + purse.reserved
        price = prices.get(purse.asset)
        if price is not None:
            worth[purse.venue] += here * price
        elif here:
            unvalued[purse.venue].add(purse.asset)
        if purse.frozen:
            frozen[purse.venue].add(purse.asset)
    most = max(worth.values()) or Decimal(1)
    return tuple(
        Account(venue, worth[venue], round(float(worth[venue] / most) * 100, 1),
                len(unvalued[venue]), tuple(sorted(frozen[venue])))
        for venue in LAMPS
    )  # fmt: skip


def assets(purses: Sequence[Purse], prices: Mapping[str, Decimal]) -> list[Asset]:
    """What is worth most first; what has no price last."""
    by_asset: dict[str, dict[Venue, Purse]] = {}
    for purse in purses:
        if purse.available or purse.reserved or purse.in_flight:
            by_asset.setdefault(purse.asset, {})[purse.venue] = purse
    found = [_asset(asset, held, prices.get(asset)) for asset, held in by_asset.items()]
    found.sort(key=lambda row: (row.krw is None, -(row.krw or Decimal(0)), row.asset))
    return found


def _asset(asset: str, held: Mapping[Venue, Purse], price: Decimal | None) -> Asset:
    columns = tuple(
        held[venue].available + held[venue].reserved if venue in held else Decimal(0)
        for venue in LAMPS
    )
    flying = sum((purse.in_flight for purse in held.values()), Decimal(0))
    total = sum(columns, flying)
    return Asset(
        asset=asset,
        total=total,
        krw=None if price is None else total * price,
        by_venue=columns,
        krw_by_venue=tuple(None if price is None else each * price for each in columns),
        in_flight=flying,
        reserved=sum((purse.reserved for purse in held.values()), Decimal(0)),
        frozen=tuple(sorted(purse.venue for purse in held.values() if purse.frozen)),
    )


def networks(rows: Sequence[NetworkRow], held: set[str], records: Records) -> tuple[Network, ...]:
    """Of the coins that lie somewhere, by chain; those that are shut somewhere first."""
    found: dict[tuple[str, str], dict[Venue, NetworkRow]] = {}
    for row in rows:
        if row.asset in held and row.chain is not None:
            found.setdefault((row.asset, row.chain), {})[row.venue] = row
    made = [
        Network(
            asset, chain, min((row.fee for row in by.values() if row.fee), default=None, key=float),
            records.usual(chain), tuple(by.get(venue) for venue in LAMPS),
        )
        for (asset, chain), by in found.items()
        if len(by) > 1
    ]  # fmt: skip
    return tuple(sorted(made, key=lambda row: (not is_shut(row), row.asset, row.chain)))


def is_shut(network: Network) -> bool:
    """Somewhere on one side."""
    return any(
        row is not None and CLOSED in (row.deposit, row.withdraw) for row in network.by_venue
    )


def moving(row: TransferRow, records: Records, now_ns: int) -> Moving:
    transfer = row.transfer
    usual = records.usual(transfer.terms.chain)
    if transfer.signed_at_ns is None:
        return Moving(row.id, transfer, None, usual, None, False)
    end_ns = transfer.updated_at_ns if transfer.is_over else now_ns
    for_s = max(end_ns - transfer.signed_at_ns, 0) / SECOND_NS
    share = None if usual is None else for_s / max(usual.p95, 0.001)
    late = share is not None and share > 1 and not transfer.is_over
    return Moving(row.id, transfer, for_s, usual, share, late)


def leaving(purses: Sequence[Purse], now_ns: int) -> tuple[Leaving, ...]:
    found = []
    for purse in sorted(purses, key=lambda each: LAMPS.index(each.venue)):
        if purse.asset != WON or purse.venue not in KOREAN:
            continue
        until = purse.young_until_ns
        young_s = None if until is None or until <= now_ns else (until - now_ns) / SECOND_NS
        young = purse.young if young_s is not None else Decimal(0)
        found.append(
            Leaving(
                purse.venue, purse.available + purse.reserved,
                max(purse.available - young, Decimal(0)), purse.reserved, young, young_s,
            )
        )  # fmt: skip
    return tuple(found)
