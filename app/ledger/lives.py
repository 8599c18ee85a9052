"""Lives: what runs and studies share: queued → running → completed, failed or cancelled."""

from __future__ import annotations

from collections.abc import Mapping

import sqlalchemy as sa

from app.domain.backtests import RunStatus

ACTIVE = (RunStatus.QUEUED, RunStatus.RUNNING)


def move(
    conn: sa.Connection,
    table: sa.Table,
    which: sa.ColumnElement[bool],
    before: tuple[RunStatus, ...],
    changes: Mapping[str, object],
) -> bool:
    """Change the row if it is still in one of these states: the first to come decides.

    The row is locked by its primary key first. MySQL would look for it through the index of the
    state that it is about to change, and two who do so can wait for each other for ever.
    """
    found = conn.scalar(sa.select(table.c.status).where(which).with_for_update())
    if found not in before:
        return False
    conn.execute(table.update().where(which).values(**changes))
    return True
