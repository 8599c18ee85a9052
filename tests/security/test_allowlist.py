"""Allow-list: LIVE sends coins where a person said so a day ago, and nowhere else."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec.structs import replace

from app.domain.problems import Problem
from app.domain.transfers import DepositAddress, Transfer
from app.domain.venues import Venue
from app.ledger import addresses, intents, trading_state
from app.ledger.addresses import Tampered
from app.runtime.allow_list import TAGGED
from app.runtime.second_factor import Enrolment, Proof
from app.security.principal import Principal, Scope
from tests.appkit import Running
from tests.ledger.trading_builders import (
    ME,
    WINDOW_MS,
    S,
    decide,
    lease_of,
    memory,
    new_transfer,
    open_one,
    start,
    trade,
)
from tests.security.strongroom import HERE, PASSWORD, Strongroom

KEY = b"k" * 32
XRP = DepositAddress(Venue.UPBIT, "XRP", "XRP", "rAddress", "42")
DAY_MINUTES = 24 * 60
TOKEN = Principal("token ci", frozenset(Scope), user_id=1, token_id="1")


async def added(room: Strongroom) -> tuple[Principal, Enrolment]:
    who, telephone = await room.enrolled()
    await room.allow_list.add(who, XRP, room.proof(telephone), HERE)
    return who, telephone


def claims(fetched: DepositAddress, listed: DepositAddress | None, wait_s: float = 0) -> object:
    """What becomes of a planned withdrawal in LIVE; fetched: the receiver's word of this moment."""
    with memory() as (conn, now):
        trading_state.arm(conn, "live", now() + 10**18, "kim")
        start(conn, "live")
        open_one(conn, mode="live")
        trade(conn, "buy-1", "400", mode="live")
        way = (new_transfer("way-1"),)
        decide(conn, "c-1", S.INITIAL_TRADE_COMPLETED, transfers=way, mode="live")
        if listed is not None:
            addresses.add(conn, listed, "kim", KEY, wait_s)
        return intents.claim_transfer(
            conn, "live", "way-1", ME, lease_of(conn), WINDOW_MS, fetched, mac_key=KEY
        )


def test_allowlist_lets_a_known_address_be_sent_to() -> None:
    sent = claims(XRP, XRP)
    assert isinstance(sent, Transfer)
    assert (sent.terms.address, sent.terms.tag) == ("rAddress", "42")
    assert sent.terms.amount == Decimal(399)


@pytest.mark.parametrize(
    ("fetched", "listed"),
    [
        (XRP, None),
        (replace(XRP, address="rThief"), XRP),
        (replace(XRP, tag=""), XRP),
        (replace(XRP, tag="43"), XRP),
        (XRP, replace(XRP, tag="")),
        (XRP, replace(XRP, venue=Venue.BITHUMB)),
        (XRP, replace(XRP, network="BSC")),
        (XRP, replace(XRP, asset="XLM")),
        (replace(XRP, address="RADDRESS"), XRP),
    ],
    ids=[
        "unknown", "another address", "tag missing", "another tag", "listed without tag",
        "another venue", "another network", "another asset", "other letters",
    ],
)  # fmt: skip
def test_allowlist_refuses_every_other_address(
    fetched: DepositAddress, listed: DepositAddress | None
) -> None:
    assert claims(fetched, listed) == "ADDRESS"


def test_allowlist_refuses_a_new_address_for_a_day() -> None:
    assert claims(XRP, XRP, wait_s=86_400) == "ADDRESS"


async def test_allowlist_entry_is_active_after_a_day(room: Strongroom) -> None:
    await added(room)
    (row,) = await room.allow_list.all()
    assert (row.active_from_ns - row.at_ns, row.is_active) == (DAY_MINUTES * 60 * 10**9, False)
    assert (row.address, row.tag, row.by) == ("rAddress", "42", "admin")


async def test_allowlist_changes_with_password_and_code_alone(room: Strongroom) -> None:
    who = await room.signed_in()
    for principal, proof, code in (
        (TOKEN, Proof(PASSWORD, "1"), "session_only"),
        (who, Proof(), "bad_credentials"),
        (who, Proof(PASSWORD), "second_factor_missing"),
    ):
        with pytest.raises(Problem, match=code):
            await room.allow_list.add(principal, XRP, proof, HERE)
    who, telephone = await added(room)
    with pytest.raises(Problem, match="code_wrong"):
        await room.allow_list.remove(who, XRP, Proof(PASSWORD), HERE)
    assert len(await room.allow_list.all()) == 1
    await room.allow_list.remove(who, XRP, room.proof(telephone), HERE)
    assert await room.allow_list.all() == []
    with pytest.raises(Problem, match="not_found"):
        await room.allow_list.remove(who, XRP, room.proof(telephone), HERE)


@pytest.mark.parametrize("asset", sorted(TAGGED))
async def test_allowlist_refuses_a_tag_that_is_missing(room: Strongroom, asset: str) -> None:
    who = await room.signed_in()
    with pytest.raises(Problem, match="invalid_fields") as refused:
        await room.allow_list.add(who, replace(XRP, asset=asset, tag=""), Proof(), HERE)
    assert refused.value.errors[0].column == "tag"


@pytest.mark.parametrize(
    ("column", "value"),
    [
        ("address", ""),
        ("address", "r Address"),
        ("address", "rАddress"),
        ("address", "rAddress\u200b"),
        ("address", "r" * 256),
        ("address", "rAddress\n"),
        ("network", "XRP\x00"),
        ("asset", "ＸＲＰ"),
        ("tag", "42 "),
        ("tag", "４２"),
    ],
)
async def test_allowlist_refuses_letters_that_deceive(
    room: Strongroom, column: str, value: str
) -> None:
    who = await room.signed_in()
    with pytest.raises(Problem, match="invalid_fields") as refused:
        await room.allow_list.add(who, replace(XRP, **{column: value}), Proof(), HERE)
    assert refused.value.errors[0].column == column


@pytest.mark.parametrize(
    "edit",
    [
        "UPDATE withdrawal_address SET address = 'rThief'",
        "UPDATE withdrawal_address SET tag = ''",
        "UPDATE withdrawal_address SET active_from_ns = 0",
        "UPDATE withdrawal_address SET venue = 'bithumb'",
        "UPDATE withdrawal_address SET action = 'remove'",
        "DELETE FROM withdrawal_address",
        "UPDATE withdrawal_address_head SET count = 0",
        "DELETE FROM withdrawal_address_head",
        "INSERT INTO withdrawal_address (action, venue, asset, network, address, tag, by, at_ns,"
        " active_from_ns, seal) VALUES ('add', 'upbit', 'XRP', 'XRP', 'rThief', '1', 'admin', 1,"
        " 1, 'f00')",
    ],
)
async def test_allowlist_row_edited_by_sql_is_detected(room: Strongroom, edit: str) -> None:
    who, telephone = await added(room)
    await room.db.write(lambda conn: conn.exec_driver_sql(edit))
    with pytest.raises(Problem, match="addresses_tampered"):
        await room.allow_list.all()
    with pytest.raises(Problem, match="addresses_tampered"):
        await room.allow_list.add(who, replace(XRP, tag="7"), room.proof(telephone), HERE)
    key = room.trading.mac_key
    assert key is not None
    with pytest.raises(Tampered):
        await room.db.read(addresses.entries, key)
    assert not await room.db.write(addresses.is_allowed, XRP, 2**62, key)


async def test_allowlist_of_an_older_backup_of_its_rows_is_detected(room: Strongroom) -> None:
    """Who takes away the last row, a removal, would allow again what was forbidden."""
    who, telephone = await added(room)
    await room.allow_list.remove(who, XRP, room.proof(telephone), HERE)
    await room.db.write(
        lambda conn: conn.exec_driver_sql("DELETE FROM withdrawal_address WHERE id = 2")
    )
    with pytest.raises(Problem, match="addresses_tampered"):
        await room.allow_list.all()


async def test_allowlist_key_is_kept_over_restarts_and_never_in_the_open(
    room: Strongroom,
) -> None:
    await added(room)
    new = await room.again().open()
    assert len(await new.allow_list.all()) == 1
    assert room.trading.mac_key is not None
    assert room.trading.mac_key.hex() not in await room.dump()


async def test_allowlist_without_its_key_allows_nothing(room: Strongroom) -> None:
    await added(room)
    room.trading.mac_key = None
    with pytest.raises(Problem, match="vault_shut"):
        await room.allow_list.all()


async def test_allowlist_changes_are_on_record(room: Strongroom) -> None:
    await added(room)
    rows, _ = await room.accounts.events(1, None)
    assert (rows[0].action, rows[0].detail) == ("address_add", "upbit XRP XRP rAddress 42")


async def test_allowlist_by_the_api_is_nothing_for_tokens(kimp: Running) -> None:
    body = {"venue": "upbit", "asset": "XRP", "network": "XRP", "address": "rA", "tag": "1"}
    for path in ("/api/v1/withdrawal-addresses", "/api/v1/withdrawal-addresses/remove"):
        answer = await kimp.client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (403, "session_only")
    assert (await kimp.client.get("/api/v1/withdrawal-addresses")).json()["items"] == []
