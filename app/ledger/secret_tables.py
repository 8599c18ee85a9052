"""Tables of what is kept sealed, and of people's second factors. Migration 0007."""

from __future__ import annotations

import sqlalchemy as sa

from app.ledger.columns import HASH_CHARS, NAME_CHARS, WORD_CHARS, Id, Json, LongText, table

# One row for each secret thing: an exchange account's keys, a telephone's secret, a key of ours.
credentials = table(
    "credentials",
    sa.Column("credential_id", sa.String(WORD_CHARS), primary_key=True),
    sa.Column("venue", sa.String(WORD_CHARS), nullable=False),
    sa.Column("account", sa.String(HASH_CHARS), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("kek_id", sa.String(WORD_CHARS), nullable=False),
    sa.Column("wrapped_key", LongText, nullable=False),
    sa.Column("fields", Json(dict[str, str]), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("by", sa.String(NAME_CHARS), nullable=False),
    sa.UniqueConstraint("venue", "account", name="credentials_place"),
)

totp = table(
    "totp",
    sa.Column("user_id", Id, sa.ForeignKey("users.id"), primary_key=True, autoincrement=False),
    sa.Column("since_ns", sa.BigInteger, nullable=False),
    sa.Column("last_step", sa.BigInteger, nullable=False),
)

recovery_codes = table(
    "recovery_codes",
    sa.Column("user_id", Id, sa.ForeignKey("users.id"), primary_key=True, autoincrement=False),
    sa.Column("code_hash", sa.String(HASH_CHARS), primary_key=True),
    sa.Column("used_at_ns", sa.BigInteger),
)

# The end of the history of addresses: rows that were cut off there would leave no gap.
withdrawal_address_head = table(
    "withdrawal_address_head",
    sa.Column("id", Id, primary_key=True, autoincrement=False),
    sa.Column("count", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.String(HASH_CHARS), nullable=False),
    sa.CheckConstraint("id = 1", name="withdrawal_address_head_alone"),
)
