"""Audit: the venues' books against kimp's, once everything is quiet. Pure; [] where all is well.

It knows nothing of how kimp works: only that every order and withdrawal that a venue accepted is
one of kimp's, once, and with the same figures, and that the money is where kimp says that it is.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping
from decimal import Decimal

from tests.torture.truth import Row, Told, Truth

DEPOSIT_ENDS = frozenset({"credited", "returned"})
ACCEPTED = frozenset({"OPEN", "PARTIALLY_FILLED", "FILLED", "CANCELLED"})
ORDER_ENDS = frozenset({"FILLED", "CANCELLED", "REJECTED", "EXPIRED", "NOT_PLACED"})
TRANSFER_ENDS = frozenset({"CREDITED", "REJECTED", "RETURNED", "EXPIRED", "NOT_PLACED"})
TRANSFER_ABSENT = frozenset({"PLANNED", "EXPIRED", "NOT_PLACED"})
WAITING = frozenset({"DEAD_LETTER", "AWAITING_RETRY"})


def audit(truth: Mapping[str, Truth], told: Told) -> list[str]:
    return [
        *_orders(truth, told),
        *_transfers(truth, told),
        *_money(truth, told),
        *_cycles(told),
    ]


# Orders


def _orders(truth: Mapping[str, Truth], told: Told) -> Iterable[str]:
    ours = {(row["venue"], row["client_id"]): row for row in told.orders}
    if len(ours) != len(told.orders):
        yield "a client id stands twice among kimp's orders"
    seen: Counter[tuple[str, str]] = Counter()
    for venue, books in truth.items():
        for order in books.orders:
            key = venue, order["client_id"]
            if not order["order_id"]:
                continue  # refused: nothing was done
            seen[key] += 1
            row = ours.get(key)
            if row is None:
                yield f"lost order: {venue} has {order['client_id']} {order['side']}, kimp not"
                continue
            yield from _order(order, row)
    for key, count in seen.items():
        if count > 1:
            yield f"duplicate order: {key[0]} executed {key[1]} {count} times"
    for key, row in ours.items():
        if row["state"] in ACCEPTED and not seen[key]:
            yield f"invented order: kimp says {row['state']} of {key}, the venue knows none"
        if row["state"] not in ORDER_ENDS:
            yield f"open order: {key} is {row['state']} {row['id']} of {row['cycle_id']}"


def _order(order: Row, row: Row) -> Iterable[str]:
    name = f"{row['venue']} {row['client_id']} of {row['cycle_id']}"
    if order["received"] != 1:
        yield f"duplicate order: {name} was received {order['received']} times"
    if row["state"] not in ACCEPTED:
        yield f"lost order: {name} is {row['state']}, the venue says {order['status']}"
    if Decimal(row["filled_quantity"]) != Decimal(order["filled"]):
        yield f"order differs: {name} filled {row['filled_quantity']}, truly {order['filled']}"
    if order["quantity"] is not None and Decimal(order["filled"]) > Decimal(row["quantity"]):
        yield f"order differs: {name} traded more than planned"
    if order["side"] != row["side"]:
        yield f"order differs: {name} is a {row['side']}, truly {order['side']}"
    fees: dict[str, Decimal] = defaultdict(Decimal)
    for fee in row["fees"]:
        fees[fee["asset"]] += Decimal(fee["amount"])
    true_fee = Decimal(order["fee"] or 0)
    if {asset: paid for asset, paid in fees.items() if paid} != (
        {order["fee_asset"]: true_fee} if true_fee else {}
    ):
        yield f"order differs: {name} fees {dict(fees)}, truly {order['fee']} {order['fee_asset']}"


# Withdrawals and deposits


def _transfers(truth: Mapping[str, Truth], told: Told) -> Iterable[str]:
    ours: dict[tuple[str, str], Row] = {}
    for row in told.transfers:
        if row["withdrawal_id"] is None:
            if row["state"] not in TRANSFER_ENDS:
                yield f"open transfer: {row['client_id']} is {row['state']} of {row['cycle_id']}"
            continue
        key = row["from_venue"], row["withdrawal_id"]
        if key in ours:
            yield f"one withdrawal for two transfers: {key}"
        ours[key] = row
    found = set()
    for venue, books in truth.items():
        for sent in books.withdrawals:
            key = venue, sent["withdrawal_id"]
            found.add(key)
            if key in ours:
                yield from _withdrawal(sent, ours[key], truth)
            else:
                yield f"lost withdrawal: {venue} sent {sent['amount']} {sent['asset']}, kimp not"
    for key, row in ours.items():
        if key not in found:
            yield f"invented withdrawal: kimp has {key} of {row['cycle_id']}, the venue none"
    hops = Counter(
        (row["cycle_id"], row["hop"])
        for row in told.transfers
        if row["state"] in {"CREDITED", "ACCEPTED", "ON_CHAIN", "HELD", "AWAITING_VENUE"}
    )
    for hop, count in hops.items():
        if count > 1:
            yield f"duplicate withdrawal: {hop} went {count} times"
    known = {row["txid"] for row in told.transfers if row["txid"]}
    for venue, books in truth.items():
        for deposit in books.deposits:
            if deposit["txid"] not in known:
                yield f"lost deposit: {venue} got {deposit['amount']} {deposit['asset']}"


def _withdrawal(sent: Row, row: Row, truth: Mapping[str, Truth]) -> Iterable[str]:
    name = f"{row['from_venue']}→{row['to_venue']} {row['asset']} {row['id']} of {row['cycle_id']}"
    if Decimal(sent["amount"]) != Decimal(row["amount"]):
        yield f"transfer differs: {name} amount {row['amount']}, truly {sent['amount']}"
    if row["state"] in TRANSFER_ABSENT:
        yield f"lost withdrawal: {name} is {row['state']}, the venue says {sent['status']}"
    if row["state"] not in TRANSFER_ENDS:
        yield f"open transfer: {name} is {row['state']}, the venue says {sent['status']}"
    if sent["to_venue"] != row["to_venue"]:
        yield f"transfer differs: {name} went to {sent['to_venue']}"
    arrived = [one for one in truth[row["to_venue"]].deposits if one["txid"] == sent["txid"]]
    credited = [one for one in arrived if one["status"] == "credited"]
    if row["state"] == "CREDITED" and not credited:
        yield f"invented deposit: {name} is CREDITED, the venue says {arrived}"
    if row["state"] == "CREDITED" and credited:
        truly = sum((Decimal(one["amount"]) for one in credited), Decimal(0))
        if truly != Decimal(row["credited"]):
            yield f"transfer differs: {name} credited {row['credited']}, truly {truly}"


# Money


def _money(truth: Mapping[str, Truth], told: Told) -> Iterable[str]:
    for row in told.sums:
        if Decimal(row["amount"]) != 0:
            yield f"ledger does not sum to zero: {row['amount']} {row['asset']}"
    ours: dict[tuple[str, str], Decimal] = defaultdict(Decimal)
    for row in told.accounts:
        head, _, rest = row["account"].partition(":")
        if head == "venue":
            ours[rest.partition(":")[0], row["asset"]] += Decimal(row["amount"])
        elif head in {"transit", "unclaimed"} and Decimal(row["amount"]) != 0:
            yield f"money nowhere: {row['account']} holds {row['amount']} {row['asset']}"
    for venue, books in truth.items():
        assets = books.balances.keys() | {asset for place, asset in ours if place == venue}
        for asset in sorted(assets):
            truly, here = books.balances.get(asset, Decimal(0)), ours[venue, asset]
            if truly != here:
                yield f"balance: {venue} {asset} is {here} in the ledger, truly {truly}"


# Cycles


def _cycles(told: Told) -> Iterable[str]:
    names = Counter(row["id"] for row in told.cycles)
    for name, count in names.items():
        if count > 1:
            yield f"cycle {name} is listed {count} times"
    for row in told.cycles:
        ended = row["closed_at"] is not None and row["outcome"] is not None
        if not ended and row["state"] not in WAITING:
            yield f"open cycle: {row['id']} is {row['state']} {row['step']} {row['reason']}"
        held = [each for each in row["exposure"] if Decimal(each["amount"]) != 0]
        if ended and held:
            yield f"residue: {row['id']} ended {row['outcome']} and holds {held}"
    wanted = Counter(row["id"] for row in told.cycles if row["state"] == "DEAD_LETTER")
    waiting = [row for row in told.dead_letters if row["resolved_at"] is None]
    there = Counter(row["cycle"]["id"] for row in waiting)
    if wanted != there:
        yield f"dead letters: {dict(wanted)} by cycles, {dict(there)} by letters"
