"""Admission: the transactions of sign-in that are more than one step of `accounts`."""

from __future__ import annotations

from dataclasses import dataclass

import sqlalchemy as sa

from app.domain.problems import Problem
from app.domain.records import SessionRow, TokenRow, UserRow
from app.ledger import accounts
from app.ledger.tables import tokens

EVERYONE = "everyone"


@dataclass(frozen=True, slots=True)
class Turns:
    """How often one subject may try within a window, and all together within another."""

    each_max: int
    window_ns: int
    together_max: int
    together_window_ns: int


def take_turn(conn: sa.Connection, subject: str, now_ns: int, turns: Turns) -> int | None:
    """Count one try; or, counting nothing, say how long to stay away, in ns."""
    if accounts.count_attempts(conn, subject, now_ns - turns.window_ns) >= turns.each_max:
        return turns.window_ns
    together = accounts.count_attempts(conn, EVERYONE, now_ns - turns.together_window_ns)
    if together >= turns.together_max:
        return turns.together_window_ns
    accounts.record_attempt(conn, subject, now_ns)
    accounts.record_attempt(conn, EVERYONE, now_ns)
    return None


def create_only_admin(
    conn: sa.Connection, name: str, password_hash: str, scopes: tuple[str, ...], now_ns: int
) -> UserRow | None:
    """The admin of an installation that has none; None where there is one."""
    if accounts.count_admins(conn):
        return None
    return accounts.create_user(conn, name, password_hash, scopes, now_ns)


def open_session(
    conn: sa.Connection,
    *,
    sessions_max: int,
    id_hash: str,
    user_id: int,
    csrf: str,
    now_ns: int,
    idle_until_ns: int,
    until_ns: int,
    ip: str,
    agent: str,
) -> None:
    """A new session; those of the user that were not seen for longest make room."""
    for session in accounts.list_sessions(conn, user_id, now_ns)[sessions_max - 1 :]:
        accounts.delete_session(conn, session.id_hash)
    accounts.create_session(
        conn,
        id_hash=id_hash,
        user_id=user_id,
        csrf=csrf,
        now_ns=now_ns,
        idle_until_ns=idle_until_ns,
        until_ns=until_ns,
        ip=ip,
        agent=agent,
    )


def replace_password(
    conn: sa.Connection, user_id: int, password_hash: str, now_ns: int
) -> list[SessionRow]:
    """The new hash, and no session that began with the old one; those that ended."""
    ended = accounts.list_sessions(conn, user_id, now_ns)
    accounts.set_password_hash(conn, user_id, password_hash, now_ns)
    accounts.delete_sessions_of(conn, user_id)
    return ended


def issue_token(
    conn: sa.Connection,
    *,
    tokens_max: int,
    token_id: str,
    name: str,
    secret_hash: str,
    scopes: tuple[str, ...],
    user_id: int | None,
    at_ns: int,
    expires_at_ns: int | None,
) -> TokenRow:
    """A new token; Problem too_many_tokens when as many are in use as may be."""
    in_use = conn.scalar(
        sa.select(sa.func.count()).select_from(tokens).where(tokens.c.revoked_at_ns.is_(None))
    )
    if (in_use or 0) >= tokens_max:
        raise Problem("too_many_tokens", values={"limit": tokens_max})
    return accounts.create_token(
        conn,
        token_id=token_id,
        name=name,
        secret_hash=secret_hash,
        scopes=scopes,
        user_id=user_id,
        at_ns=at_ns,
        expires_at_ns=expires_at_ns,
    )
