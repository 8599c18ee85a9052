"""Backtests, sweeps and walk-forwards."""

from __future__ import annotations

import sqlalchemy as sa

from app.ledger.migrations import FORWARD_ONLY, create_index, create_table
from app.ledger.tables import Id, LongText

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    create_table(
        "runs",
        sa.Column("id", Id, primary_key=True),
        sa.Column("spec", LongText, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("bars_done", sa.BigInteger, nullable=False),
        sa.Column("bars_total", sa.BigInteger),
        sa.Column("bars", sa.BigInteger),
        sa.Column("metrics", LongText),
        sa.Column("open_cycle", LongText),
        sa.Column("failure", LongText),
        sa.Column("folder", sa.String(32), unique=True),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
        sa.Column("started_at_ns", sa.BigInteger),
        sa.Column("finished_at_ns", sa.BigInteger),
    )
    create_index("runs_status", "runs", ["status", "id"])
    create_table(
        "run_datasets",
        sa.Column("run_id", Id, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
        sa.Column(
            "dataset_id", Id, sa.ForeignKey("datasets.id", ondelete="RESTRICT"), primary_key=True
        ),
    )
    create_index("run_datasets_dataset", "run_datasets", ["dataset_id"])
    create_table(
        "studies",
        sa.Column("id", Id, primary_key=True),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("spec", LongText, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("done", sa.BigInteger, nullable=False),
        sa.Column("total", sa.BigInteger),
        sa.Column("best", LongText),
        sa.Column("windows", LongText),
        sa.Column("metrics", LongText),
        sa.Column("failure", LongText),
        sa.Column("folder", sa.String(32), unique=True),
        sa.Column("created_at_ns", sa.BigInteger, nullable=False),
        sa.Column("started_at_ns", sa.BigInteger),
        sa.Column("finished_at_ns", sa.BigInteger),
    )
    create_index("studies_status", "studies", ["status", "id"])
    create_table(
        "study_datasets",
        sa.Column(
            "study_id", Id, sa.ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column(
            "dataset_id", Id, sa.ForeignKey("datasets.id", ondelete="RESTRICT"), primary_key=True
        ),
    )
    create_index("study_datasets_dataset", "study_datasets", ["dataset_id"])
    create_table(
        "study_points",
        sa.Column(
            "study_id", Id, sa.ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True
        ),
        sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
        sa.Column("params", LongText, nullable=False),
        sa.Column("metrics", LongText, nullable=False),
    )


def downgrade() -> None:
    raise RuntimeError(FORWARD_ONLY)
