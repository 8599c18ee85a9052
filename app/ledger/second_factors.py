"""Second factors: which codes of whose telephone are spent. The secret itself is a credential."""

from __future__ import annotations

from collections.abc import Sequence

import sqlalchemy as sa

from app.domain.records import SealedRow, SecondFactorRow
from app.ledger import credentials
from app.ledger.secret_tables import recovery_codes, totp


def get(conn: sa.Connection, user_id: int) -> SecondFactorRow | None:
    row = conn.execute(sa.select(totp).where(totp.c.user_id == user_id)).first()
    if row is None:
        return None
    left = conn.scalar(
        sa.select(sa.func.count())
        .select_from(recovery_codes)
        .where(recovery_codes.c.user_id == user_id, recovery_codes.c.used_at_ns.is_(None))
    )
    return SecondFactorRow(row.user_id, row.since_ns, row.last_step, left or 0)


def count(conn: sa.Connection) -> int:
    """How many people have one."""
    return conn.scalar(sa.select(sa.func.count()).select_from(totp)) or 0


def enrol(
    conn: sa.Connection,
    user_id: int,
    sealed: SealedRow,
    step: int,
    code_hashes: Sequence[str],
    at_ns: int,
) -> bool:
    """From now on codes of this secret count, after the one that proved it; older ones do not."""
    if not credentials.put(conn, sealed):
        return False
    _forget(conn, user_id)
    conn.execute(totp.insert().values(user_id=user_id, since_ns=at_ns, last_step=step))
    rows = [{"user_id": user_id, "code_hash": each, "used_at_ns": None} for each in code_hashes]
    conn.execute(recovery_codes.insert(), rows)
    return True


def spend_step(conn: sa.Connection, user_id: int, step: int) -> bool:
    """True for exactly one of all who come with the code of this half minute, or an older one."""
    unspent = (totp.c.user_id == user_id) & (totp.c.last_step < step)
    return conn.execute(totp.update().where(unspent).values(last_step=step)).rowcount == 1


def spend_code(conn: sa.Connection, user_id: int, code_hash: str, at_ns: int) -> bool:
    """True for exactly one of all who come with this recovery code."""
    unspent = (
        (recovery_codes.c.user_id == user_id)
        & (recovery_codes.c.code_hash == code_hash)
        & recovery_codes.c.used_at_ns.is_(None)
    )
    spent = recovery_codes.update().where(unspent).values(used_at_ns=at_ns)
    return conn.execute(spent).rowcount == 1


def remove(conn: sa.Connection, user_id: int, venue: str, account: str) -> bool:
    """venue, account: where its secret is kept."""
    credentials.delete(conn, venue, account)
    return _forget(conn, user_id)


def _forget(conn: sa.Connection, user_id: int) -> bool:
    conn.execute(recovery_codes.delete().where(recovery_codes.c.user_id == user_id))
    return conn.execute(totp.delete().where(totp.c.user_id == user_id)).rowcount == 1
