"""People, sessions, tokens, attempts, the first-run code and the audit trail."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.problems import Problem
from app.domain.records import UserRow
from app.ledger import accounts, queries
from app.ledger.database import Database
from tests.ledger.builders import SECOND, T0

MINUTE = 60 * SECOND
HOUR = 60 * MINUTE


@pytest.fixture
async def jimin(database: Database) -> UserRow:
    return await database.write(accounts.create_user, "지민", "old", ("read", "admin"), T0)


async def sign_in(db: Database, user: UserRow, cookie: str, at_ns: int = T0) -> None:
    await db.write(
        accounts.create_session,
        id_hash=cookie,
        user_id=user.id,
        csrf=f"csrf of {cookie}",
        now_ns=at_ns,
        idle_until_ns=at_ns + HOUR,
        until_ns=at_ns + 12 * HOUR,
        ip="127.0.0.1",
        agent="Mozilla/5.0 " + "x" * 1000,
    )


async def test_a_person_is_found_by_name_and_number(database: Database, jimin: UserRow) -> None:
    assert await database.read(accounts.user_by_name, "지민") == jimin
    assert await database.read(accounts.user_by_id, jimin.id) == jimin
    assert await database.read(accounts.user_by_name, "유진") is None
    assert await database.read(accounts.user_by_name, "지\x00민") == jimin


async def test_a_name_belongs_to_one(database: Database, jimin: UserRow) -> None:
    with pytest.raises(Problem) as refused:
        await database.write(accounts.create_user, "지민", "other", ("read",), T0)
    assert (refused.value.code, refused.value.values) == ("name_taken", {"name": "지민"})
    assert await database.read(accounts.user_by_name, "지민") == jimin


async def test_only_admins_count_as_admins(database: Database, jimin: UserRow) -> None:
    await database.write(accounts.create_user, "admin", "hash", ("read", "backtest"), T0)
    assert await database.read(accounts.count_admins) == 1


async def test_a_new_password_is_dated(database: Database, jimin: UserRow) -> None:
    await database.write(accounts.set_password_hash, jimin.id, "new", T0 + 5)
    changed = await database.read(accounts.user_by_id, jimin.id)
    assert changed is not None
    assert (changed.password_hash, changed.password_at_ns) == ("new", T0 + 5)


# Sessions


async def test_a_session_knows_its_user(database: Database, jimin: UserRow) -> None:
    await sign_in(database, jimin, "one")
    found = await database.read(accounts.session_by_hash, "one", T0)
    assert found is not None
    assert (found.user_name, found.scopes) == ("지민", ("read", "admin"))
    assert found.csrf == "csrf of one"
    assert len(found.agent) == 400
    assert await database.read(accounts.session_by_hash, "two", T0) is None


async def test_a_session_ends_by_idleness_and_by_age(database: Database, jimin: UserRow) -> None:
    await sign_in(database, jimin, "one")
    assert await database.read(accounts.session_by_hash, "one", T0 + HOUR - 1)
    assert await database.read(accounts.session_by_hash, "one", T0 + HOUR) is None

    await database.write(accounts.touch_session, "one", T0 + 11 * HOUR, T0 + 24 * HOUR)
    seen = await database.read(accounts.session_by_hash, "one", T0 + 12 * HOUR - 1)
    assert seen is not None
    assert seen.seen_at_ns == T0 + 11 * HOUR
    assert await database.read(accounts.session_by_hash, "one", T0 + 12 * HOUR) is None

    await sign_in(database, jimin, "two", T0 + 12 * HOUR)
    assert await database.write(accounts.purge_sessions, T0 + 12 * HOUR) == 1
    assert await database.read(accounts.session_by_hash, "two", T0 + 12 * HOUR)


async def test_sessions_are_ended_one_by_one_or_all_but_one(
    database: Database, jimin: UserRow
) -> None:
    yujin = await database.write(accounts.create_user, "유진", "hash", ("read",), T0)
    for n, cookie in enumerate(("one", "two", "three", "four")):
        await sign_in(database, jimin, cookie, T0 + n)
    await sign_in(database, yujin, "hers")

    assert await database.write(accounts.delete_session, "one")
    assert not await database.write(accounts.delete_session, "one")
    listed = await database.read(accounts.list_sessions, jimin.id, T0 + 4)
    assert [row.id_hash for row in listed] == ["four", "three", "two"]

    assert not await database.write(accounts.delete_session_by_id, yujin.id, listed[0].id)
    assert await database.write(accounts.delete_session_by_id, jimin.id, listed[0].id)
    assert await database.write(accounts.delete_sessions_of, jimin.id, "two") == 1
    left = await database.read(accounts.list_sessions, jimin.id, T0 + 4)
    assert [row.id_hash for row in left] == ["two"]
    assert await database.write(accounts.delete_sessions_of, jimin.id) == 1
    assert await database.read(accounts.session_by_hash, "hers", T0)


# API tokens


async def test_a_token_lives_until_revoked(database: Database, jimin: UserRow) -> None:
    made = await database.write(
        accounts.create_token,
        token_id="a1",
        name="sheet",
        secret_hash="ff" * 32,
        scopes=("read",),
        user_id=jimin.id,
        at_ns=T0,
        expires_at_ns=T0 + HOUR,
    )
    assert await database.read(accounts.token_by_id, "a1") == made
    assert await database.read(accounts.token_by_id, "A1") is None

    await database.write(accounts.touch_token, "a1", T0 + 5)
    assert await database.write(accounts.revoke_token, "a1", T0 + 9)
    assert not await database.write(accounts.revoke_token, "a1", T0 + 10)
    kept = await database.read(accounts.token_by_id, "a1")
    assert kept is not None
    assert (kept.used_at_ns, kept.revoked_at_ns) == (T0 + 5, T0 + 9)


async def test_tokens_are_listed_newest_first(database: Database, jimin: UserRow) -> None:
    for token_id in ("z", "a", "m"):
        await database.write(
            accounts.create_token,
            token_id=token_id,
            name=token_id,
            secret_hash="ff" * 32,
            scopes=("read",),
            user_id=jimin.id,
            at_ns=T0,
        )
    listed = await database.read(accounts.list_tokens, 2)
    assert [row.id for row in listed] == ["m", "a"]


# Log-in attempts


async def test_attempts_are_counted_per_subject_and_time(database: Database) -> None:
    for at_ns in (T0, T0 + 1, T0 + 2):
        await database.write(accounts.record_attempt, "ip 10.0.0.1", at_ns)
    await database.write(accounts.record_attempt, "name admin", T0 + 2)

    assert await database.read(accounts.count_attempts, "ip 10.0.0.1", T0 + 1) == 2
    assert await database.write(accounts.purge_attempts, T0 + 2) == 2
    assert await database.read(accounts.count_attempts, "ip 10.0.0.1", T0) == 1
    await database.write(accounts.clear_attempts, "ip 10.0.0.1")
    assert await database.read(accounts.count_attempts, "ip 10.0.0.1", T0) == 0
    assert await database.read(accounts.count_attempts, "name admin", T0) == 1


# The first-run code


async def test_a_code_is_good_once_and_in_time(database: Database) -> None:
    await database.write(accounts.put_setup_code, "old", T0 + MINUTE)
    await database.write(accounts.put_setup_code, "new", T0 + MINUTE)
    assert await database.read(accounts.get_setup_code, T0) == "new"
    assert await database.read(accounts.get_setup_code, T0 + MINUTE) is None

    assert not await database.write(accounts.consume_setup_code, "old", T0)
    assert not await database.write(accounts.consume_setup_code, "new", T0 + MINUTE)
    assert await database.write(accounts.consume_setup_code, "new", T0)
    assert not await database.write(accounts.consume_setup_code, "new", T0)


async def test_of_many_who_bring_the_code_one_becomes_admin(database: Database) -> None:
    await database.write(accounts.put_setup_code, "code", T0 + MINUTE)
    made = await asyncio.gather(
        *(
            database.write(accounts.create_first_admin, "code", f"admin{n}", "hash", ("admin",), T0)
            for n in range(8)
        )
    )
    assert sum(user is not None for user in made) == 1
    assert await database.read(accounts.count_admins) == 1


async def test_no_code_makes_a_second_admin(database: Database, jimin: UserRow) -> None:
    await database.write(accounts.put_setup_code, "code", T0 + MINUTE)
    late = await database.write(
        accounts.create_first_admin, "code", "mallory", "hash", ("admin",), T0
    )
    assert late is None
    assert await database.read(accounts.user_by_name, "mallory") is None


# The audit trail


async def test_the_trail_is_read_in_pages_newest_first(database: Database) -> None:
    for n in range(5):
        await database.write(
            accounts.record_event, T0 + n, "admin", "127.0.0.1", "login", "ok", f"try {n}"
        )
    first, cursor = await database.read(queries.list_events, 2)
    await database.write(accounts.record_event, T0 + 9, "admin", "::1", "logout", "ok")
    second, cursor2 = await database.read(queries.list_events, 2, cursor)
    third, end = await database.read(queries.list_events, 2, cursor2)
    details = [[event.detail for event in page] for page in (first, second, third)]
    assert details == [["try 4", "try 3"], ["try 2", "try 1"], ["try 0"]]
    assert end is None


@pytest.mark.parametrize("cursor", ["", "0", "-3", "1 OR 1=1", "９", "1" * 30])
async def test_a_cursor_of_another_make_is_refused(sqlite_database: Database, cursor: str) -> None:
    with pytest.raises(Problem) as refused:
        await sqlite_database.read(queries.list_events, 2, cursor)
    assert refused.value.code == "invalid_fields"
    assert refused.value.errors[0].column == "cursor"
