"""Credentials: sealed rows. Nothing here can open one."""

from __future__ import annotations

import sqlalchemy as sa

from app.domain.records import SealedRow
from app.ledger import rows
from app.ledger.columns import NAME_CHARS
from app.ledger.conflicts import insert_new
from app.ledger.secret_tables import credentials


def get(conn: sa.Connection, venue: str, account: str) -> SealedRow | None:
    row = conn.execute(sa.select(credentials).where(_at(venue, account))).first()
    return None if row is None else SealedRow(**row._mapping)


def list_all(conn: sa.Connection) -> list[SealedRow]:
    query = sa.select(credentials).order_by(credentials.c.venue, credentials.c.account)
    return [SealedRow(**row._mapping) for row in conn.execute(query)]


def put(conn: sa.Connection, row: SealedRow) -> bool:
    """A first version, or the next one of the same row. False: somebody else was quicker."""
    values: dict[str, object] = {name: getattr(row, name) for name in row.__struct_fields__}
    values["by"] = rows.shown(row.by, NAME_CHARS)
    if row.version == 1:
        return insert_new(conn, credentials, values)
    before = (credentials.c.credential_id == row.credential_id) & (
        credentials.c.version == row.version - 1
    )
    return conn.execute(credentials.update().where(before).values(values)).rowcount == 1


def rewrap(conn: sa.Connection, row: SealedRow, kek_id_before: str) -> bool:
    """The same secret under another master key. False: it changed meanwhile, or is done."""
    as_read = (
        (credentials.c.credential_id == row.credential_id)
        & (credentials.c.version == row.version)
        & (credentials.c.kek_id == kek_id_before)
    )
    wrapped = {"kek_id": row.kek_id, "wrapped_key": row.wrapped_key}
    return conn.execute(credentials.update().where(as_read).values(wrapped)).rowcount == 1


def delete(conn: sa.Connection, venue: str, account: str) -> bool:
    return conn.execute(credentials.delete().where(_at(venue, account))).rowcount == 1


def _at(venue: str, account: str) -> sa.ColumnElement[bool]:
    return (credentials.c.venue == venue) & (credentials.c.account == account)
