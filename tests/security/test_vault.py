"""Vault: what is sealed opens in its own place, under its own key, and nowhere else."""

from __future__ import annotations

import asyncio
import base64
import stat
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain.problems import Problem
from app.domain.secret import Secret
from app.domain.venues import Venue
from app.exchanges.signing import Keys
from app.ledger import credentials as ledger
from app.runtime.credentials import ACCESS, ACCOUNT, PASSPHRASE, SECRET
from app.runtime.second_factor import Proof
from app.security import master_key
from app.security.principal import Principal, Scope
from app.security.vault import Keyring, Sealed
from tests.security.strongroom import HERE, MASTER, OTHER, PASSWORD, Strongroom

CANARY = "CANARY-0123456789-abcdefghij"
FIELDS = {ACCESS: Secret(f"{CANARY}-access"), SECRET: Secret(f"{CANARY}-secret")}
TOKEN = Principal("token KIMP_API_TOKEN", frozenset(Scope), token_id="1")
RING = Keyring(MASTER)


SEALED = RING.seal("upbit", ACCOUNT, FIELDS, version=1, at_ns=1, by="kim")


@given(
    st.dictionaries(
        st.sampled_from([ACCESS, SECRET, PASSPHRASE]),
        st.text(st.characters(codec="utf-8"), max_size=300),
    )
)
def test_vault_gives_back_what_it_was_given(texts: dict[str, str]) -> None:
    fields = {name: Secret(text) for name, text in texts.items()}
    row = RING.seal("okx", ACCOUNT, fields, version=3, at_ns=1, by="kim")
    assert {name: found.reveal() for name, found in RING.opened(row).items()} == texts


def test_vault_seals_the_same_twice_in_two_ways() -> None:
    rows = [RING.seal("okx", ACCOUNT, FIELDS, version=1, at_ns=1, by="kim") for _ in range(2)]
    assert rows[0].wrapped_key != rows[1].wrapped_key
    assert not set(rows[0].fields.values()) & set(rows[1].fields.values())
    assert CANARY not in repr(rows)


@pytest.mark.parametrize(
    "changed",
    [
        replace(SEALED, venue="bithumb"),
        replace(SEALED, account="second"),
        replace(SEALED, version=2),
        replace(SEALED, credential_id="0" * 16),
        replace(SEALED, fields={ACCESS: SEALED.fields[SECRET], SECRET: SEALED.fields[ACCESS]}),
        replace(SEALED, fields={PASSPHRASE: SEALED.fields[SECRET]}),
        replace(SEALED, fields={SECRET: ""}),
        replace(SEALED, fields={SECRET: "?"}),
        replace(SEALED, wrapped_key=SEALED.fields[SECRET]),
    ],
    ids=["venue", "account", "version", "row", "fields", "field", "empty", "no text", "key"],
)
def test_vault_opens_nothing_in_another_place(changed: object) -> None:
    with pytest.raises(Sealed):
        RING.opened(changed)  # type: ignore[arg-type]


def test_vault_opens_no_row_with_fields_of_another_row() -> None:
    other = RING.seal("upbit", "second", FIELDS, version=1, at_ns=1, by="kim")
    with pytest.raises(Sealed):
        RING.opened(replace(SEALED, fields=other.fields))
    with pytest.raises(Sealed):
        RING.opened(replace(SEALED, fields=other.fields, wrapped_key=other.wrapped_key))


@given(st.sampled_from([ACCESS, SECRET]), st.integers(min_value=0), st.integers(1, 255))
def test_vault_notices_every_changed_byte(name: str, place: int, change: int) -> None:
    raw = bytearray(base64.b64decode(SEALED.fields[name]))
    raw[place % len(raw)] ^= change
    with pytest.raises(Sealed):
        RING.opened(replace(SEALED, fields={name: base64.b64encode(raw).decode()}))


def test_vault_stays_shut_under_another_master_key() -> None:
    with pytest.raises(Sealed, match=SEALED.kek_id):
        Keyring(OTHER).opened(SEALED)
    with pytest.raises(Sealed):
        Keyring(OTHER).opened(replace(SEALED, kek_id=Keyring(OTHER).kek_id))


def test_vault_rewraps_the_key_and_leaves_the_secret() -> None:
    row = Keyring(OTHER, MASTER).rewrapped(SEALED)
    assert row.fields == SEALED.fields
    assert Keyring(OTHER).opened(row) == FIELDS
    with pytest.raises(Sealed):
        RING.opened(row)


async def test_vault_keeps_no_secret_in_the_database(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    await room.credentials.put(who, Venue.UPBIT, FIELDS, room.proof(telephone), HERE)
    assert CANARY not in await room.dump()
    assert "upbit" in await room.dump()
    keys = (await room.credentials.keys())[Venue.UPBIT]
    assert (keys.access, keys.secret) == (FIELDS[ACCESS].reveal(), FIELDS[SECRET])


async def test_vault_opens_after_a_restart_and_not_under_another_key(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    await room.credentials.put(who, Venue.UPBIT, FIELDS, room.proof(telephone), HERE)
    assert Venue.UPBIT in await room.again().credentials.keys()
    stranger = room.again(master=OTHER)
    assert await stranger.credentials.keys() == {}
    told = await stranger.credentials.get(Venue.UPBIT)
    assert (told.readable, told.api_key) == (False, "****")
    with pytest.raises(Problem, match="vault_shut"):
        await stranger.vault.mac_key()
    assert {row.venue for row in await stranger.vault.shut_rows()} == {"kimp", "upbit"}


async def test_vault_row_that_is_moved_by_sql_is_no_key(room: Strongroom) -> None:
    """What signs for one venue must not be made to sign for another."""
    who, telephone = await room.enrolled()
    await room.credentials.put(who, Venue.UPBIT, FIELDS, room.proof(telephone), HERE)
    await room.db.write(
        lambda conn: conn.exec_driver_sql(
            "UPDATE credentials SET venue = 'bithumb' WHERE venue = 'upbit'"
        )
    )
    assert await room.credentials.keys() == {}


async def test_vault_rotation_under_load(room: Strongroom) -> None:
    """While rows are wrapped anew, readers read and writers write, with either key's process."""
    for number in range(20):
        await room.vault.put("upbit", f"a{number}", {SECRET: Secret(f"first {number}")}, "kim")
    new = room.again(master=OTHER, before=MASTER)
    turned = asyncio.Event()
    wrong: list[str] = []

    async def read() -> None:
        while not turned.is_set():
            for number in range(20):
                found = await new.vault.get("upbit", f"a{number}")
                if found is None or not found[SECRET].reveal().endswith(f" {number}"):
                    wrong.append(f"a{number}")

    async def write() -> None:
        for turn in range(3):
            for number in range(0, 20, 2):
                told = {SECRET: Secret(f"turn {turn} {number}")}
                await new.vault.put("upbit", f"a{number}", told, "kim")

    reading = [asyncio.create_task(read()) for _ in range(2)]
    await asyncio.gather(write(), new.vault.rewrap())
    await new.vault.rewrap()
    turned.set()
    await asyncio.gather(*reading)
    assert wrong == []
    only_new = room.again(master=OTHER)
    assert await only_new.vault.shut_rows() == []
    assert {row.kek_id for row in await only_new.vault.rows()} == {Keyring(OTHER).kek_id}
    for number in range(20):
        found = await only_new.vault.get("upbit", f"a{number}")
        assert found is not None
        assert found[SECRET].reveal() == (
            f"turn 2 {number}" if number % 2 == 0 else f"first {number}"
        )


async def test_vault_rotation_that_a_writer_overtook_leaves_the_newer_row(room: Strongroom) -> None:
    row = await room.vault.put("upbit", ACCOUNT, FIELDS, "kim")
    wrapped = Keyring(OTHER, MASTER).rewrapped(row)
    newer = await room.vault.put("upbit", ACCOUNT, {SECRET: Secret("newer")}, "kim")
    assert not await room.db.write(ledger.rewrap, wrapped, row.kek_id)
    assert await room.vault.row("upbit", ACCOUNT) == newer


async def test_vault_writers_at_once_leave_one_whole_row(room: Strongroom) -> None:
    told = [{ACCESS: Secret(f"a{n}"), SECRET: Secret(f"s{n}")} for n in range(5)]
    await asyncio.gather(*(room.vault.put("upbit", ACCOUNT, each, "kim") for each in told))
    found = await room.vault.get("upbit", ACCOUNT)
    assert found in told
    row = await room.vault.row("upbit", ACCOUNT)
    assert row is not None and row.version == 5


async def test_vault_keys_change_with_password_and_code_in_live(room: Strongroom) -> None:
    who = await room.signed_in()
    for principal, proof, code in (
        (TOKEN, Proof(), "session_only"),
        (who, Proof(), "bad_credentials"),
        (who, Proof(PASSWORD), "second_factor_missing"),
    ):
        with pytest.raises(Problem, match=code):
            await room.credentials.put(principal, Venue.UPBIT, FIELDS, proof, HERE)
    who, telephone = await room.enrolled()
    with pytest.raises(Problem, match="code_wrong"):
        await room.credentials.put(who, Venue.UPBIT, FIELDS, Proof(PASSWORD), HERE)
    assert await room.credentials.keys() == {}
    await room.credentials.put(who, Venue.UPBIT, FIELDS, room.proof(telephone), HERE)
    with pytest.raises(Problem, match="session_only"):
        await room.credentials.delete(TOKEN, Venue.UPBIT, Proof(), HERE)
    await room.credentials.delete(who, Venue.UPBIT, room.proof(telephone), HERE)
    assert await room.credentials.all() == []
    assert room.renewed == 2, "who uses them was told each time"


async def test_vault_on_paper_takes_keys_of_a_program_until_somebody_has_a_telephone(
    room: Strongroom,
) -> None:
    paper = room.again(mode="paper")
    await paper.credentials.put(TOKEN, Venue.UPBIT, FIELDS, Proof(), HERE)
    await paper.enrolled()
    with pytest.raises(Problem, match="session_only"):
        await paper.credentials.put(TOKEN, Venue.BITHUMB, FIELDS, Proof(), HERE)


async def test_vault_takes_only_what_can_sign(room: Strongroom) -> None:
    paper = room.again(mode="paper")
    long = Secret("x" * 9_000)
    for venue, fields, column in (
        (Venue.OKX, FIELDS, "api_passphrase"),
        (Venue.COINBASE, FIELDS, "api_secret"),
        (Venue.UPBIT, FIELDS | {ACCESS: Secret("with space")}, "api_key"),
        (Venue.UPBIT, FIELDS | {SECRET: Secret(" ")}, "api_secret"),
        (Venue.UPBIT, FIELDS | {SECRET: long}, "api_secret"),
    ):
        with pytest.raises(Problem) as refused:
            await paper.credentials.put(TOKEN, venue, fields, Proof(), HERE)
        assert [error.column for error in refused.value.errors] == [column]
        assert CANARY not in repr(refused.value.errors)


async def test_vault_gives_way_to_the_environment(room: Strongroom) -> None:
    given = Keys("from-the-environment", Secret("s"))
    paper = room.again(mode="paper", given={Venue.UPBIT: given})
    await paper.credentials.put(TOKEN, Venue.UPBIT, FIELDS, Proof(), HERE)
    assert await paper.credentials.keys() == {Venue.UPBIT: given}
    assert (await paper.credentials.get(Venue.UPBIT)).source == "environment"


def test_vault_master_key_is_made_once_for_its_owner_alone(tmp_path: Path) -> None:
    made = master_key.kept(tmp_path / "var")
    path = tmp_path / "var" / master_key.FILE
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert master_key.kept(tmp_path / "var") == made
    assert [each.name for each in path.parent.iterdir()] == [master_key.FILE]
    path.chmod(0o640)
    with pytest.raises(master_key.Unreadable, match="chmod 600"):
        master_key.kept(tmp_path / "var")
    path.chmod(0o600)
    path.write_text("too short")
    with pytest.raises(master_key.Unreadable, match="base64 of 32 bytes"):
        master_key.kept(tmp_path / "var")


def test_vault_master_key_makes_other_keys_for_other_purposes() -> None:
    made = {master_key.derived(key, use) for key in (MASTER, OTHER) for use in ("vault", "x")}
    assert len(made) == 4
    assert {len(each) for each in made} == {32}
