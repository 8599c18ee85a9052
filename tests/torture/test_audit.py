"""The audit that judges torture sees each kind of wrong, and nothing in books that agree."""

from __future__ import annotations

import copy
from collections.abc import Callable
from decimal import Decimal

import pytest

from tests.torture.audit import audit
from tests.torture.truth import Row, Told, Truth

Books = tuple[dict[str, Truth], Told]


def agreeing() -> Books:
    """XRP is bought at Binance, sent to Upbit and sold there: both sides tell the same."""
    bought = {
        "order_id": "1", "client_id": "a", "side": "buy", "quantity": "10", "filled": "10",
        "status": "filled", "received": 1, "fee": "0.01", "fee_asset": "XRP",
    }  # fmt: skip
    sent = {
        "withdrawal_id": "w", "asset": "XRP", "amount": "9", "status": "done", "txid": "t",
        "to_venue": "upbit",
    }  # fmt: skip
    arrived = {"asset": "XRP", "amount": "9", "txid": "t", "status": "credited"}
    truth = {
        "binance": Truth([bought], [], [sent], [], {"XRP": Decimal("0.79")}),
        "upbit": Truth([], [], [], [arrived], {"XRP": Decimal("9")}),
    }
    order = {
        "id": "or-1", "cycle_id": "c-1", "venue": "binance", "client_id": "a", "side": "buy",
        "quantity": "10", "filled_quantity": "10", "state": "FILLED",
        "fees": [{"asset": "XRP", "amount": "0.01"}],
    }  # fmt: skip
    transfer = {
        "id": "tr-1", "cycle_id": "c-1", "hop": 1, "asset": "XRP", "from_venue": "binance",
        "to_venue": "upbit", "client_id": "b", "withdrawal_id": "w", "txid": "t", "amount": "9",
        "credited": "9", "state": "CREDITED",
    }  # fmt: skip
    cycle: Row = {
        "id": "c-1", "state": "COMPLETED", "step": "ENDED", "outcome": "profit", "reason": None,
        "closed_at": "2026-01-01T00:00:00Z", "exposure": [],
    }  # fmt: skip
    accounts = [
        {"account": "venue:binance:available", "asset": "XRP", "amount": "0.79"},
        {"account": "venue:upbit:available", "asset": "XRP", "amount": "8"},
        {"account": "venue:upbit:reserved", "asset": "XRP", "amount": "1"},
    ]
    sums = [{"asset": "XRP", "amount": "0"}]
    return truth, Told([order], [transfer], [cycle], [], accounts, sums)


def test_books_that_agree_are_left_alone() -> None:
    assert audit(*agreeing()) == []


def sent_twice(truth: dict[str, Truth], _: Told) -> None:
    truth["binance"].withdrawals.append({**truth["binance"].withdrawals[0], "withdrawal_id": "v"})


def executed_twice(truth: dict[str, Truth], _: Told) -> None:
    truth["binance"].orders.append(copy.deepcopy(truth["binance"].orders[0]))


def received_twice(truth: dict[str, Truth], _: Told) -> None:
    truth["binance"].orders[0]["received"] = 2


def forgotten_order(_: dict[str, Truth], told: Told) -> None:
    told.orders.clear()


def written_off_order(_: dict[str, Truth], told: Told) -> None:
    told.orders[0]["state"] = "NOT_PLACED"


def invented_order(truth: dict[str, Truth], _: Told) -> None:
    truth["binance"].orders.clear()


def part_forgotten(_: dict[str, Truth], told: Told) -> None:
    told.orders[0]["filled_quantity"] = "4"


def fee_forgotten(_: dict[str, Truth], told: Told) -> None:
    told.orders[0]["fees"] = []


def written_off_transfer(_: dict[str, Truth], told: Told) -> None:
    told.transfers[0]["state"] = "NOT_PLACED"


def credited_too_much(_: dict[str, Truth], told: Told) -> None:
    told.transfers[0]["credited"] = "9.1"


def stray_deposit(truth: dict[str, Truth], _: Told) -> None:
    truth["upbit"].deposits.append(
        {"asset": "XRP", "amount": "1", "txid": "other", "status": "credited"}
    )


def last_unit(_: dict[str, Truth], told: Told) -> None:
    told.accounts[0]["amount"] = "0.79000001"


def out_of_balance(_: dict[str, Truth], told: Told) -> None:
    told.sums[0]["amount"] = "0.00000001"


def in_flight_for_ever(_: dict[str, Truth], told: Told) -> None:
    told.accounts.append({"account": "transit:upbit", "asset": "XRP", "amount": "1"})


def residue(_: dict[str, Truth], told: Told) -> None:
    told.cycles[0]["exposure"] = [{"venue": "upbit", "asset": "XRP", "amount": "1"}]


def never_ending(_: dict[str, Truth], told: Told) -> None:
    told.cycles[0] |= {"closed_at": None, "outcome": None, "state": "STARTED"}


def two_letters(_: dict[str, Truth], told: Told) -> None:
    told.cycles[0] |= {"closed_at": None, "outcome": None, "state": "DEAD_LETTER"}
    told.dead_letters += [{"cycle": {"id": "c-1"}, "resolved_at": None}] * 2


@pytest.mark.parametrize(
    ("spoil", "word"),
    [
        (sent_twice, "lost withdrawal"),
        (executed_twice, "duplicate order"),
        (received_twice, "duplicate order"),
        (forgotten_order, "lost order"),
        (written_off_order, "lost order"),
        (invented_order, "invented order"),
        (part_forgotten, "order differs"),
        (fee_forgotten, "order differs"),
        (written_off_transfer, "lost withdrawal"),
        (credited_too_much, "transfer differs"),
        (stray_deposit, "lost deposit"),
        (last_unit, "balance"),
        (out_of_balance, "ledger does not sum"),
        (in_flight_for_ever, "money nowhere"),
        (residue, "residue"),
        (never_ending, "open cycle"),
        (two_letters, "dead letters"),
    ],
)
def test_what_is_wrong_is_named(spoil: Callable[[dict[str, Truth], Told], None], word: str) -> None:
    truth, told = agreeing()
    spoil(truth, told)
    assert any(word in line for line in audit(truth, told)), audit(truth, told)
