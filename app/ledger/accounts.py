"""Accounts: people, sessions, API tokens, log-in attempts, the first-run code, the audit trail."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.domain.problems import Problem
from app.domain.records import SessionRow, TokenRow, UserRow
from app.ledger import rows, tables
from app.ledger.tables import (
    audit_events,
    login_attempts,
    sessions,
    setup_codes,
    tokens,
    users,
)

ADMIN = "admin"
DELETED_MAX = 10_000


def create_user(
    conn: sa.Connection, name: str, password_hash: str, scopes: tuple[str, ...], at_ns: int
) -> UserRow:
    """Problem name_taken when the name is. The caller trims and folds the name."""
    row = users.insert().values(
        name=name,
        password_hash=password_hash,
        scopes=scopes,
        created_at_ns=at_ns,
        password_at_ns=at_ns,
    )
    try:
        with conn.begin_nested():
            user_id = rows.new_id(conn.execute(row))
    except IntegrityError:
        raise Problem("name_taken", values={"name": name}) from None
    return UserRow(
        id=user_id,
        name=name,
        password_hash=password_hash,
        scopes=scopes,
        created_at_ns=at_ns,
        password_at_ns=at_ns,
    )


def user_by_name(conn: sa.Connection, name: str) -> UserRow | None:
    name = rows.shown(name, tables.NAME_CHARS)
    row = conn.execute(sa.select(users).where(users.c.name == name)).first()
    return None if row is None else rows.user(row)


def user_by_id(conn: sa.Connection, user_id: int) -> UserRow | None:
    row = conn.execute(sa.select(users).where(users.c.id == user_id)).first()
    return None if row is None else rows.user(row)


def count_admins(conn: sa.Connection) -> int:
    return sum(ADMIN in scopes for scopes in conn.scalars(sa.select(users.c.scopes)))


def set_password_hash(conn: sa.Connection, user_id: int, password_hash: str, at_ns: int) -> None:
    conn.execute(
        users.update()
        .where(users.c.id == user_id)
        .values(password_hash=password_hash, password_at_ns=at_ns)
    )


# Sessions


def create_session(
    conn: sa.Connection,
    *,
    id_hash: str,
    user_id: int,
    csrf: str,
    now_ns: int,
    idle_until_ns: int,
    until_ns: int,
    ip: str,
    agent: str,
) -> None:
    conn.execute(
        sessions.insert().values(
            id_hash=id_hash,
            user_id=user_id,
            csrf=csrf,
            created_at_ns=now_ns,
            seen_at_ns=now_ns,
            idle_until_ns=idle_until_ns,
            until_ns=until_ns,
            ip=rows.shown(ip, tables.IP_CHARS),
            agent=rows.shown(agent, tables.AGENT_CHARS),
        )
    )


def session_by_hash(conn: sa.Connection, id_hash: str, now_ns: int) -> SessionRow | None:
    """The session with its user's name and scopes, unless idle or absolute time is over."""
    row = conn.execute(_living_sessions(now_ns).where(sessions.c.id_hash == id_hash)).first()
    return None if row is None else rows.session(row)


def list_sessions(conn: sa.Connection, user_id: int, now_ns: int) -> list[SessionRow]:
    """A user's living sessions, the one seen last first."""
    query = _living_sessions(now_ns).where(sessions.c.user_id == user_id)
    return [rows.session(row) for row in conn.execute(query.order_by(sessions.c.seen_at_ns.desc()))]


def _living_sessions(now_ns: int) -> sa.Select[tuple[object, ...]]:
    return (
        sa.select(sessions, users.c.name.label("user_name"), users.c.scopes)
        .join(users)
        .where(sessions.c.idle_until_ns > now_ns, sessions.c.until_ns > now_ns)
    )


def touch_session(conn: sa.Connection, id_hash: str, now_ns: int, idle_until_ns: int) -> None:
    number = conn.scalar(sa.select(sessions.c.id).where(sessions.c.id_hash == id_hash))
    conn.execute(
        sessions.update()
        .where(sessions.c.id == number)
        .values(seen_at_ns=now_ns, idle_until_ns=idle_until_ns)
    )


def delete_session(conn: sa.Connection, id_hash: str) -> bool:
    return _delete(conn, sessions, sessions.c.id_hash == id_hash) == 1


def delete_session_by_id(conn: sa.Connection, user_id: int, session_id: int) -> bool:
    """End one of the user's own sessions, chosen from the list."""
    mine = sa.and_(sessions.c.id == session_id, sessions.c.user_id == user_id)
    return _delete(conn, sessions, mine) == 1


def delete_sessions_of(conn: sa.Connection, user_id: int, except_hash: str | None = None) -> int:
    """End all sessions of a user but one; how many ended."""
    theirs = sessions.c.user_id == user_id
    if except_hash is not None:
        theirs = sa.and_(theirs, sessions.c.id_hash != except_hash)
    return _delete(conn, sessions, theirs)


def purge_sessions(conn: sa.Connection, now_ns: int) -> int:
    """Remove sessions whose time is over; how many."""
    over = sa.or_(sessions.c.idle_until_ns <= now_ns, sessions.c.until_ns <= now_ns)
    return _delete(conn, sessions, over)


def _delete(conn: sa.Connection, table: sa.Table, which: sa.ColumnElement[bool]) -> int:
    """Delete by primary key, at most DELETED_MAX rows; how many.

    MySQL locks what it walks through: deleting by different indexes could deadlock.
    """
    ids = conn.scalars(sa.select(table.c.id).where(which).limit(DELETED_MAX)).all()
    return conn.execute(table.delete().where(table.c.id.in_(ids))).rowcount


# API tokens


def create_token(
    conn: sa.Connection,
    *,
    token_id: str,
    name: str,
    secret_hash: str,
    scopes: tuple[str, ...],
    user_id: int | None,
    at_ns: int,
    expires_at_ns: int | None = None,
) -> TokenRow:
    row = TokenRow(
        id=token_id,
        name=rows.shown(name, tables.NAME_CHARS),
        secret_hash=secret_hash,
        scopes=scopes,
        user_id=user_id,
        created_at_ns=at_ns,
        expires_at_ns=expires_at_ns,
        used_at_ns=None,
        revoked_at_ns=None,
    )
    conn.execute(
        tokens.insert().values({name: getattr(row, name) for name in row.__struct_fields__})
    )
    return row


def token_by_id(conn: sa.Connection, token_id: str) -> TokenRow | None:
    """Whatever its state: the caller looks at expiry and revocation."""
    row = conn.execute(sa.select(tokens).where(tokens.c.id == token_id)).first()
    return None if row is None else rows.token(row)


def list_tokens(conn: sa.Connection, limit: int) -> list[TokenRow]:
    """The newest first, revoked ones included."""
    query = sa.select(tokens).order_by(tokens.c.seq.desc()).limit(limit)
    return [rows.token(row) for row in conn.execute(query)]


def touch_token(conn: sa.Connection, token_id: str, at_ns: int) -> None:
    conn.execute(tokens.update().where(tokens.c.id == token_id).values(used_at_ns=at_ns))


def revoke_token(conn: sa.Connection, token_id: str, at_ns: int) -> bool:
    """True when the token was good until now."""
    good = sa.and_(tokens.c.id == token_id, tokens.c.revoked_at_ns.is_(None))
    return conn.execute(tokens.update().where(good).values(revoked_at_ns=at_ns)).rowcount == 1


# Log-in attempts. A subject is whatever is counted: an address, an account's name.


def record_attempt(conn: sa.Connection, subject: str, at_ns: int) -> None:
    subject = rows.shown(subject, tables.NAME_CHARS)
    conn.execute(login_attempts.insert().values(subject=subject, at_ns=at_ns))


def count_attempts(conn: sa.Connection, subject: str, since_ns: int) -> int:
    return (
        conn.scalar(
            sa.select(sa.func.count())
            .select_from(login_attempts)
            .where(
                login_attempts.c.subject == rows.shown(subject, tables.NAME_CHARS),
                login_attempts.c.at_ns >= since_ns,
            )
        )
        or 0
    )


def clear_attempts(conn: sa.Connection, subject: str) -> None:
    subject = rows.shown(subject, tables.NAME_CHARS)
    _delete(conn, login_attempts, login_attempts.c.subject == subject)


def purge_attempts(conn: sa.Connection, before_ns: int) -> int:
    """Remove old attempts; how many."""
    return _delete(conn, login_attempts, login_attempts.c.at_ns < before_ns)


# The first-run code


def put_setup_code(conn: sa.Connection, code_hash: str, until_ns: int) -> None:
    """The only code there is from now on."""
    conn.execute(setup_codes.delete())
    conn.execute(setup_codes.insert().values(code_hash=code_hash, until_ns=until_ns))


def get_setup_code(conn: sa.Connection, now_ns: int) -> str | None:
    """The hash of the code that is still good."""
    return conn.scalar(sa.select(setup_codes.c.code_hash).where(setup_codes.c.until_ns > now_ns))


def consume_setup_code(conn: sa.Connection, code_hash: str, now_ns: int) -> bool:
    """True for exactly one of all who come with the code in time."""
    good = sa.and_(setup_codes.c.code_hash == code_hash, setup_codes.c.until_ns > now_ns)
    return conn.execute(setup_codes.delete().where(good)).rowcount == 1


def create_first_admin(
    conn: sa.Connection,
    code_hash: str,
    name: str,
    password_hash: str,
    scopes: tuple[str, ...],
    now_ns: int,
) -> UserRow | None:
    """Spend the code and make the first admin, both or neither; None when the code is no good."""
    if not consume_setup_code(conn, code_hash, now_ns) or count_admins(conn):
        return None
    return create_user(conn, name, password_hash, scopes, now_ns)


# The audit trail; it is read in queries


def record_event(
    conn: sa.Connection, at_ns: int, actor: str, ip: str, action: str, result: str, detail: str = ""
) -> None:
    conn.execute(
        audit_events.insert().values(
            at_ns=at_ns,
            actor=rows.shown(actor, tables.NAME_CHARS),
            ip=rows.shown(ip, tables.IP_CHARS),
            action=action,
            result=result,
            detail=rows.shown(detail, tables.DETAIL_CHARS),
        )
    )
