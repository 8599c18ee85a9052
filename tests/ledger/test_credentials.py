"""Sealed rows and second factors on every database: who comes at once, and what is spent."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
from msgspec.structs import replace

from app.domain.records import SealedRow, SecondFactorRow
from app.domain.transfers import DepositAddress
from app.ledger import accounts, addresses, conflicts, credentials, second_factors
from app.ledger.database import Database
from tests.ledger.test_addresses import KEY, TRX, XRP

ROW = SealedRow(
    credential_id="c0ffee", venue="upbit", account="main", version=1, kek_id="k1",
    wrapped_key="d3JhcHBlZA==", fields={"access": "YQ==", "secret": "cw=="}, at_ns=1, by="지민",
)  # fmt: skip
TELEPHONE = replace(ROW, credential_id="7e1", venue="kimp", account="totp-1", by="mina")


async def test_a_sealed_row_comes_back_as_it_was(database: Database) -> None:
    assert await database.write(credentials.put, ROW)
    assert await database.read(credentials.get, "upbit", "main") == ROW
    assert await database.read(credentials.list_all) == [ROW]
    assert await database.write(credentials.delete, "upbit", "main")
    assert await database.read(credentials.get, "upbit", "main") is None
    assert not await database.write(credentials.delete, "upbit", "main")


async def test_a_place_has_one_row_and_each_version_one_writer(database: Database) -> None:
    firsts = [replace(ROW, credential_id=f"c{n}", by=f"by-{n}") for n in range(3)]
    done = await asyncio.gather(*(database.write(credentials.put, row) for row in firsts))
    assert sorted(done) == [False, False, True]
    kept = await database.read(credentials.get, "upbit", "main")
    assert kept is not None
    nexts = [replace(kept, version=2, by=f"next-{n}") for n in range(3)]
    done = await asyncio.gather(*(database.write(credentials.put, row) for row in nexts))
    assert sorted(done) == [False, False, True]
    assert not await database.write(credentials.put, replace(kept, version=2)), "it is over"


async def test_a_row_is_wrapped_anew_only_as_it_was_read(database: Database) -> None:
    await database.write(credentials.put, ROW)
    wrapped = replace(ROW, kek_id="k2", wrapped_key="bmV3")
    assert not await database.write(credentials.rewrap, replace(wrapped, version=2), "k1")
    assert await database.write(credentials.rewrap, wrapped, "k1")
    assert not await database.write(credentials.rewrap, wrapped, "k1"), "done already"
    assert await database.read(credentials.get, "upbit", "main") == wrapped


async def test_codes_are_spent_once_by_whoever_comes_first(database: Database) -> None:
    user = await database.write(accounts.create_user, "mina", "hash", ("admin",), 1)
    assert await database.read(second_factors.count) == 0
    hashes = ["a" * 64, "b" * 64]
    assert await database.write(second_factors.enrol, user.id, TELEPHONE, 10, hashes, 5)
    assert await database.read(second_factors.get, user.id) == SecondFactorRow(user.id, 5, 10, 2)
    assert not await database.write(second_factors.spend_step, user.id, 10)
    steps = await asyncio.gather(
        *(database.write(second_factors.spend_step, user.id, 11) for _ in range(4))
    )
    assert sorted(steps) == [False, False, False, True]
    codes = await asyncio.gather(
        *(database.write(second_factors.spend_code, user.id, hashes[0], 6) for _ in range(4))
    )
    assert sorted(codes) == [False, False, False, True]
    assert not await database.write(second_factors.spend_code, user.id, "c" * 64, 6)
    row = await database.read(second_factors.get, user.id)
    assert row is not None and (row.last_step, row.codes_left) == (11, 1)

    again = replace(TELEPHONE, version=2)
    assert await database.write(second_factors.enrol, user.id, again, 20, ["d" * 64], 7)
    assert not await database.write(second_factors.enrol, user.id, again, 21, hashes, 8)
    assert await database.read(second_factors.get, user.id) == SecondFactorRow(user.id, 7, 20, 1)
    assert await database.write(second_factors.remove, user.id, "kimp", "totp-1")
    assert await database.read(credentials.list_all) == []
    assert not await database.write(second_factors.remove, user.id, "kimp", "totp-1")


async def test_addresses_that_are_added_at_once_keep_one_chain(database: Database) -> None:
    """Also the first ones, when there is no row yet to stand behind: who gave way comes back."""

    async def add(address: DepositAddress) -> None:
        while True:
            try:
                await database.write(addresses.add, address, "kim", KEY, 0.0)
            except sa.exc.DBAPIError as error:
                assert conflicts.is_conflict(error)
            else:
                return

    await asyncio.gather(*map(add, (XRP, TRX, XRP, TRX)))
    assert len(await database.read(addresses.history, KEY)) == 4
    assert [row.asset for row in await database.read(addresses.entries, KEY)] == ["USDT", "XRP"]
    assert await database.write(addresses.is_allowed, XRP, 2**62, KEY)
