"""What was detected and refused, each with why."""

from __future__ import annotations

import sqlalchemy as sa

from app.ledger.migrations import FORWARD_ONLY, create_index, create_table
from app.ledger.tables import Id, LongText

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    create_table(
        "arbitrage_signals",
        sa.Column("id", Id, primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("feeds", sa.String(32), nullable=False),
        sa.Column("detector", sa.String(32), nullable=False),
        sa.Column("base", sa.String(64), nullable=False),
        sa.Column("buy_venue", sa.String(32), nullable=False),
        sa.Column("buy_quote", sa.String(32), nullable=False),
        sa.Column("sell_venue", sa.String(32), nullable=False),
        sa.Column("sell_quote", sa.String(32), nullable=False),
        sa.Column("direction", sa.String(32), nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("code", sa.String(32)),
        sa.Column("opened_at_ns", sa.BigInteger, nullable=False),
        sa.Column("closed_at_ns", sa.BigInteger),
        sa.Column("net_bps", sa.Double, nullable=False),
        sa.Column("peak_bps", sa.Double, nullable=False),
        sa.Column("size_krw", sa.Double, nullable=False),
        sa.Column("profit_krw", sa.Double, nullable=False),
        sa.Column("opportunity", LongText, nullable=False),
        sa.Column("evidence", LongText),
    )
    create_index("arbitrage_signals_status", "arbitrage_signals", ["status", "id"])
    create_index("arbitrage_signals_base", "arbitrage_signals", ["base", "id"])
    create_index("arbitrage_signals_closed", "arbitrage_signals", ["closed_at_ns"])


def downgrade() -> None:
    raise RuntimeError(FORWARD_ONLY)
