"""Secrets: sealed credentials, second factors, and the end of the history of addresses."""

from __future__ import annotations

import sqlalchemy as sa

from app.ledger.migrations import FORWARD_ONLY, create_table
from app.ledger.tables import Id, LongText

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    create_table(
        "credentials",
        sa.Column("credential_id", sa.String(32), primary_key=True),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("kek_id", sa.String(32), nullable=False),
        sa.Column("wrapped_key", LongText, nullable=False),
        sa.Column("fields", LongText, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.UniqueConstraint("venue", "account", name="credentials_place"),
    )
    create_table(
        "totp",
        sa.Column("user_id", Id, sa.ForeignKey("users.id"), primary_key=True, autoincrement=False),
        sa.Column("since_ns", sa.BigInteger, nullable=False),
        sa.Column("last_step", sa.BigInteger, nullable=False),
    )
    create_table(
        "recovery_codes",
        sa.Column("user_id", Id, sa.ForeignKey("users.id"), primary_key=True, autoincrement=False),
        sa.Column("code_hash", sa.String(64), primary_key=True),
        sa.Column("used_at_ns", sa.BigInteger),
    )
    create_table(
        "withdrawal_address_head",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        sa.Column("count", sa.BigInteger, nullable=False),
        sa.Column("seal", sa.String(64), nullable=False),
        sa.CheckConstraint("id = 1", name="withdrawal_address_head_alone"),
    )


def downgrade() -> None:
    raise RuntimeError(FORWARD_ONLY)
