"""Uploads and datasets."""

from __future__ import annotations

import sqlalchemy as sa

from app.ledger.migrations import FORWARD_ONLY, create_index, create_table
from app.ledger.tables import Id, LongText

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    create_table(
        "uploads",
        sa.Column("id", Id, primary_key=True),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("hints", LongText, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("bytes_done", sa.BigInteger, nullable=False),
        sa.Column("bytes_total", sa.BigInteger),
        sa.Column("sha256", sa.String(64)),
        sa.Column("failure", LongText),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
        sa.Column("finished_at_ns", sa.BigInteger),
    )
    create_table(
        "datasets",
        sa.Column("id", Id, primary_key=True),
        sa.Column("upload_id", Id, sa.ForeignKey("uploads.id", ondelete="RESTRICT")),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("folder", sa.String(32), nullable=False, unique=True),
        sa.Column("facts", LongText, nullable=False),
        sa.Column("file_name", sa.String(255), nullable=False),
        sa.Column("file_bytes", sa.BigInteger, nullable=False),
        sa.Column("sha256", sa.String(64), nullable=False),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    )
    create_index("datasets_sha256", "datasets", ["sha256"])


def downgrade() -> None:
    raise RuntimeError(FORWARD_ONLY)
