"""Accounts and settings: people, sessions, tokens, attempts, audit, preferences."""

from __future__ import annotations

import sqlalchemy as sa

from app.ledger.migrations import FORWARD_ONLY, create_index, create_table
from app.ledger.tables import Id, LongText

revision = "0001"
down_revision = None


def upgrade() -> None:
    create_table(
        "users",
        sa.Column("id", Id, primary_key=True),
        sa.Column("name", sa.String(255), nullable=False, unique=True),
        sa.Column("password_hash", sa.String(255), nullable=False),
        sa.Column("scopes", LongText, nullable=False),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
        sa.Column("password_at_ns", sa.BigInteger, nullable=False),
    )
    create_table(
        "sessions",
        sa.Column("id", Id, primary_key=True),
        sa.Column("id_hash", sa.String(64), nullable=False, unique=True),
        sa.Column("user_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
        sa.Column("csrf", sa.String(64), nullable=False),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
        sa.Column("seen_at_ns", sa.BigInteger, nullable=False),
        sa.Column("idle_until_ns", sa.BigInteger, nullable=False),
        sa.Column("until_ns", sa.BigInteger, nullable=False),
        sa.Column("ip", sa.String(64), nullable=False),
        sa.Column("agent", sa.String(400), nullable=False),
    )
    create_table(
        "tokens",
        sa.Column("seq", Id, primary_key=True),
        sa.Column("id", sa.String(32), nullable=False, unique=True),
        sa.Column("name", sa.String(255), nullable=False),
        sa.Column("secret_hash", sa.String(64), nullable=False),
        sa.Column("scopes", LongText, nullable=False),
        sa.Column("user_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE")),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
        sa.Column("expires_at_ns", sa.BigInteger),
        sa.Column("used_at_ns", sa.BigInteger),
        sa.Column("revoked_at_ns", sa.BigInteger),
    )
    create_table(
        "login_attempts",
        sa.Column("id", Id, primary_key=True),
        sa.Column("subject", sa.String(255), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
    )
    create_index("login_attempts_subject", "login_attempts", ["subject", "at_ns"])
    create_table(
        "setup_codes",
        sa.Column("code_hash", sa.String(64), primary_key=True),
        sa.Column("until_ns", sa.BigInteger, nullable=False),
    )
    create_table(
        "audit_events",
        sa.Column("id", Id, primary_key=True),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("ip", sa.String(64), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("result", sa.String(32), nullable=False),
        sa.Column("detail", LongText, nullable=False),
    )
    create_table(
        "setting_changes",
        sa.Column("id", Id, primary_key=True),
        sa.Column("key", sa.String(255), nullable=False),
        sa.Column("value_json", LongText),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
    )
    create_index("setting_changes_key", "setting_changes", ["key", "id"])


def downgrade() -> None:
    raise RuntimeError(FORWARD_ONLY)
