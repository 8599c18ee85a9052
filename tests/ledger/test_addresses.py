"""Addresses: coins go where a person allowed it a day ago, and nowhere an editor of rows says."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.domain.transfers import DepositAddress
from app.ledger import addresses
from app.ledger.addresses import Tampered
from app.ledger.database import Database
from app.ledger.trading_tables import withdrawal_address
from tests.ledger.trading_builders import UPBIT, memory

KEY = b"k" * 32
XRP = DepositAddress(UPBIT, "XRP", "XRP", "rAddress", "12345")
TRX = DepositAddress(UPBIT, "USDT", "TRX", "TAddress")
DAY_S = 86_400


def test_an_address_is_allowed_a_day_after_it_was_added() -> None:
    with memory() as (conn, now):
        addresses.add(conn, XRP, "kim", KEY)
        assert not addresses.is_allowed(conn, XRP, now(), KEY)
        now.pass_s(DAY_S - 1)
        assert not addresses.is_allowed(conn, XRP, now(), KEY)
        now.pass_s(1)
        assert addresses.is_allowed(conn, XRP, now(), KEY)
        assert not addresses.is_allowed(conn, TRX, now(), KEY)


@pytest.mark.parametrize(
    "other",
    [
        DepositAddress(UPBIT, "XRP", "XRP", "rAddress", "54321"),
        DepositAddress(UPBIT, "XRP", "XRP", "rAddress"),
        DepositAddress(UPBIT, "XRP", "XRP", "rOther", "12345"),
        DepositAddress(UPBIT, "XRP", "ETH", "rAddress", "12345"),
    ],
    ids=["tag", "no tag", "address", "network"],
)
def test_nearly_the_same_is_another(other: DepositAddress) -> None:
    with memory() as (conn, now):
        addresses.add(conn, XRP, "kim", KEY, 0)
        assert addresses.is_allowed(conn, XRP, now(), KEY)
        assert not addresses.is_allowed(conn, other, now(), KEY)


def test_taking_one_away_counts_at_once_and_adding_it_again_waits_again() -> None:
    with memory() as (conn, now):
        addresses.add(conn, XRP, "kim", KEY, 0)
        addresses.add(conn, TRX, "kim", KEY, 0)
        addresses.remove(conn, XRP, "lee", KEY)
        assert [entry.asset for entry in addresses.entries(conn, KEY)] == ["USDT"]
        addresses.add(conn, XRP, "kim", KEY)
        assert not addresses.is_allowed(conn, XRP, now(), KEY)
        assert [entry.action for entry in addresses.history(conn, KEY)] == [
            "add", "add", "remove", "add"
        ]  # fmt: skip


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE withdrawal_address SET address = 'rThief' WHERE id = 1",
        "UPDATE withdrawal_address SET active_from_ns = 0 WHERE id = 2",
        "DELETE FROM withdrawal_address WHERE id = 1",
        "UPDATE withdrawal_address SET action = 'add' WHERE id = 3",
        "DELETE FROM withdrawal_address WHERE id = 3",
        "DELETE FROM withdrawal_address_head",
        "UPDATE withdrawal_address_head SET count = 2",
    ],
)
def test_an_edited_row_forbids_everything(edit: str) -> None:
    with memory() as (conn, now):
        addresses.add(conn, XRP, "kim", KEY, 0)
        addresses.add(conn, TRX, "kim", KEY)
        addresses.remove(conn, TRX, "kim", KEY)
        assert addresses.is_allowed(conn, XRP, now(), KEY)
        conn.exec_driver_sql(edit)
        with pytest.raises(Tampered):
            addresses.entries(conn, KEY)
        assert not addresses.is_allowed(conn, XRP, now(), KEY)


def test_who_does_not_know_the_key_adds_nothing() -> None:
    with memory() as (conn, now):
        addresses.add(conn, XRP, "kim", KEY, 0)
        forged = {
            "action": "add", "venue": UPBIT, "asset": "XRP", "network": "XRP", "address": "rThief",
            "tag": "", "by": "kim", "at_ns": now(), "active_from_ns": 0, "seal": "00" * 32,
        }  # fmt: skip
        conn.execute(withdrawal_address.insert().values(forged))
        thief = DepositAddress(UPBIT, "XRP", "XRP", "rThief")
        assert not addresses.is_allowed(conn, thief, now(), KEY)
        assert not addresses.is_allowed(conn, XRP, now(), KEY), "until somebody has looked"
        assert not addresses.is_allowed(conn, XRP, now(), b"another key")


async def test_every_database_seals_alike(database: Database) -> None:
    added = await database.write(addresses.add, XRP, "지민", KEY, 0.0)
    assert await database.read(addresses.entries, KEY) == [added]

    def edit(conn: sa.Connection) -> None:
        conn.execute(withdrawal_address.update().values(tag="9"))

    await database.write(edit)
    with pytest.raises(Tampered):
        await database.read(addresses.entries, KEY)
