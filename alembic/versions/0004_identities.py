"""What people decide about tickers, and what they know of withdrawal fees."""

from __future__ import annotations

import sqlalchemy as sa

from app.ledger.migrations import FORWARD_ONLY, create_index, create_table
from app.ledger.tables import Id, LongText

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    create_table(
        "identity_decisions",
        sa.Column("id", Id, primary_key=True),
        sa.Column("feeds", sa.String(32), nullable=False),
        sa.Column("base", sa.String(32), nullable=False),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("other", sa.String(32), nullable=False),
        sa.Column("verdict", sa.String(32), nullable=False),
        sa.Column("note", sa.String(400), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
    )
    create_index(
        "identity_decisions_pair", "identity_decisions", ["feeds", "base", "venue", "other", "id"]
    )
    create_table(
        "identity_suspicions",
        sa.Column("id", Id, primary_key=True),
        sa.Column("feeds", sa.String(32), nullable=False),
        sa.Column("base", sa.String(32), nullable=False),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("other", sa.String(32), nullable=False),
        sa.Column("suspicion", LongText, nullable=False),
        sa.UniqueConstraint("feeds", "base", "venue", "other", name="identity_suspicions_pair"),
    )
    create_table(
        "asset_names",
        sa.Column("id", Id, primary_key=True),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("ticker", sa.String(32), nullable=False),
        sa.Column("asset", sa.String(32)),
        sa.Column("multiplier", sa.String(64), nullable=False),
        sa.Column("note", sa.String(400), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
    )
    create_index("asset_names_ticker", "asset_names", ["venue", "ticker", "id"])
    create_table(
        "withdrawal_fees",
        sa.Column("id", Id, primary_key=True),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("asset", sa.String(32), nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("amount", sa.String(64)),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
    )
    create_index("withdrawal_fees_network", "withdrawal_fees", ["venue", "asset", "network", "id"])


def downgrade() -> None:
    raise RuntimeError(FORWARD_ONLY)
