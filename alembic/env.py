"""How alembic meets the database: on the ledger's own connection, or alone with `-x url=`."""

from __future__ import annotations

import asyncio

import sqlalchemy as sa
from alembic import context

from app.ledger import engines
from app.ledger.tables import metadata


def run(conn: sa.Connection) -> None:
    """Run what was asked for. batch: SQLite changes a column only by rebuilding its table."""
    context.configure(
        connection=conn,
        target_metadata=metadata,
        compare_type=True,
        render_as_batch=conn.dialect.name == "sqlite",
    )
    with context.begin_transaction():
        context.run_migrations()


async def run_alone(url: str) -> None:
    reader, writer = engines.pair(engines.driver_url(url))
    async with writer.begin() as conn:
        await conn.run_sync(run)
    await reader.dispose()
    await writer.dispose()


given: sa.Connection | None = context.config.attributes.get("connection")
if given is not None:
    run(given)
else:
    asyncio.run(run_alone(context.get_x_argument(as_dictionary=True)["url"]))
