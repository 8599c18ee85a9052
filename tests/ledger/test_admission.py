"""Admission on every database: turns, the only admin, room for sessions and tokens."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.domain.problems import Problem
from app.domain.records import UserRow
from app.ledger import accounts, admission
from app.ledger.database import Database

ALL = ("read", "backtest", "trade", "admin")
TURNS = admission.Turns(each_max=2, window_ns=100, together_max=3, together_window_ns=10)


async def test_turns_are_counted_each_and_together(database: Database) -> None:
    async def turn(subject: str, now_ns: int) -> int | None:
        return await database.write(admission.take_turn, subject, now_ns, TURNS)

    assert [await turn("mina", now_ns) for now_ns in (1000, 1020)] == [None, None]
    assert await turn("mina", 1040) == 100, "a third within the window"
    assert await turn("jun", 1041) is None
    assert [await turn(who, 1042) for who in ("a", "b", "c")] == [None, None, 10]
    assert await turn("mina", 1101) is None, "the first has left the window"


async def test_only_one_admin_is_made_this_way(database: Database) -> None:
    made = await database.write(admission.create_only_admin, "admin", "hash", ALL, 1)
    assert isinstance(made, UserRow)
    assert await database.write(admission.create_only_admin, "second", "hash", ALL, 2) is None


async def test_sessions_make_room_and_end_with_the_password(database: Database) -> None:
    user = await database.write(accounts.create_user, "mina", "hash", ALL, 1)
    for number in range(3):
        await database.write(
            admission.open_session,
            sessions_max=2,
            id_hash=f"hash {number}",
            user_id=user.id,
            csrf="csrf",
            now_ns=10 + number,
            idle_until_ns=1000,
            until_ns=2000,
            ip="192.0.2.7",
            agent="Firefox",
        )
    listed = await database.read(accounts.list_sessions, user.id, 20)
    assert [row.id_hash for row in listed] == ["hash 2", "hash 1"]
    ended = await database.write(admission.replace_password, user.id, "new hash", 21)
    assert {row.id_hash for row in ended} == {"hash 1", "hash 2"}
    assert await database.read(accounts.list_sessions, user.id, 22) == []
    changed = await database.read(accounts.user_by_id, user.id)
    assert changed is not None
    assert (changed.password_hash, changed.password_at_ns) == ("new hash", 21)


async def test_tokens_in_use_are_counted(database: Database) -> None:
    def issue(conn: sa.Connection, number: int) -> str:
        return admission.issue_token(
            conn,
            tokens_max=2,
            token_id=f"t{number}",
            name="t",
            secret_hash="hash",
            scopes=("read",),
            user_id=None,
            at_ns=number,
            expires_at_ns=None,
        ).id

    assert [await database.write(issue, number) for number in range(2)] == ["t0", "t1"]
    with pytest.raises(Problem, match="too_many_tokens"):
        await database.write(issue, 2)
    await database.write(accounts.revoke_token, "t0", 5)
    assert await database.write(issue, 2) == "t2"
