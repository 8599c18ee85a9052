"""The tables, as SQLAlchemy Core sees them on SQLite, PostgreSQL, MySQL and MariaDB.

Every change here needs a migration in alembic/versions; a test compares the two on all three.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.domain.backtests import RunSpec, RunStatus, StudySpec
from app.domain.datasets import DatasetFacts, Hints, Kind, UploadState
from app.domain.live import Explanation, Opportunity, Status
from app.domain.policy import IdentitySuspicion, Verdict
from app.domain.records import Failure, Metrics, StudyKind, StudyPoint, StudyWindow
from app.domain.venues import Venue
from app.ledger import secret_tables, trading_tables
from app.ledger.columns import (
    AGENT_CHARS,
    DECIMAL_CHARS,
    DETAIL_CHARS,
    HASH_CHARS,
    IP_CHARS,
    NAME_CHARS,
    NOTE_CHARS,
    PASSWORD_HASH_CHARS,
    TABLE_OPTIONS,
    WORD_CHARS,
    Id,
    Json,
    LongText,
    Word,
    metadata,
    table,
)

# What others of this room know by this module's name, and all tables of trading with it.
__all__ = [
    "AGENT_CHARS", "DETAIL_CHARS", "HASH_CHARS", "IP_CHARS", "NAME_CHARS", "NOTE_CHARS",
    "TABLE_OPTIONS", "WORD_CHARS", "Id", "Json", "LongText", "Word", "metadata", "secret_tables",
    "table", "trading_tables",
]  # fmt: skip

# 0001: accounts and settings

users = table(
    "users",
    sa.Column("id", Id, primary_key=True),
    sa.Column("name", sa.String(NAME_CHARS), nullable=False, unique=True),
    sa.Column("password_hash", sa.String(PASSWORD_HASH_CHARS), nullable=False),
    sa.Column("scopes", Json(tuple[str, ...]), nullable=False),
    sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    sa.Column("password_at_ns", sa.BigInteger, nullable=False),
)

sessions = table(
    "sessions",
    sa.Column("id", Id, primary_key=True),
    sa.Column("id_hash", sa.String(HASH_CHARS), nullable=False, unique=True),
    sa.Column("user_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE"), nullable=False),
    sa.Column("csrf", sa.String(HASH_CHARS), nullable=False),
    sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    sa.Column("seen_at_ns", sa.BigInteger, nullable=False),
    sa.Column("idle_until_ns", sa.BigInteger, nullable=False),
    sa.Column("until_ns", sa.BigInteger, nullable=False),
    sa.Column("ip", sa.String(IP_CHARS), nullable=False),
    sa.Column("agent", sa.String(AGENT_CHARS), nullable=False),
)

tokens = table(
    "tokens",
    sa.Column("seq", Id, primary_key=True),
    sa.Column("id", sa.String(WORD_CHARS), nullable=False, unique=True),
    sa.Column("name", sa.String(NAME_CHARS), nullable=False),
    sa.Column("secret_hash", sa.String(HASH_CHARS), nullable=False),
    sa.Column("scopes", Json(tuple[str, ...]), nullable=False),
    sa.Column("user_id", Id, sa.ForeignKey("users.id", ondelete="CASCADE")),
    sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    sa.Column("expires_at_ns", sa.BigInteger),
    sa.Column("used_at_ns", sa.BigInteger),
    sa.Column("revoked_at_ns", sa.BigInteger),
)

login_attempts = table(
    "login_attempts",
    sa.Column("id", Id, primary_key=True),
    sa.Column("subject", sa.String(NAME_CHARS), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Index("login_attempts_subject", "subject", "at_ns"),
)

setup_codes = table(
    "setup_codes",
    sa.Column("code_hash", sa.String(HASH_CHARS), primary_key=True),
    sa.Column("until_ns", sa.BigInteger, nullable=False),
)

audit_events = table(
    "audit_events",
    sa.Column("id", Id, primary_key=True),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.String(NAME_CHARS), nullable=False),
    sa.Column("ip", sa.String(IP_CHARS), nullable=False),
    sa.Column("action", sa.String(WORD_CHARS), nullable=False),
    sa.Column("result", sa.String(WORD_CHARS), nullable=False),
    sa.Column("detail", LongText, nullable=False),
)

# Settings are a history that is only added to: the newest row of a key is its value, so two who
# set one key at once both leave their row, and undo knows what was there before.
setting_changes = table(
    "setting_changes",
    sa.Column("id", Id, primary_key=True),
    sa.Column("key", sa.String(NAME_CHARS), nullable=False),
    sa.Column("value_json", LongText),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("by", sa.String(NAME_CHARS), nullable=False),
    sa.Index("setting_changes_key", "key", "id"),
)

# 0002: uploads and datasets

uploads = table(
    "uploads",
    sa.Column("id", Id, primary_key=True),
    sa.Column("file_name", sa.String(NAME_CHARS), nullable=False),
    sa.Column("hints", Json(Hints), nullable=False),
    sa.Column("state", Word(UploadState), nullable=False),
    sa.Column("bytes_done", sa.BigInteger, nullable=False),
    sa.Column("bytes_total", sa.BigInteger),
    sa.Column("sha256", sa.String(HASH_CHARS)),
    sa.Column("failure", Json(Failure)),
    sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    sa.Column("finished_at_ns", sa.BigInteger),
)

datasets = table(
    "datasets",
    sa.Column("id", Id, primary_key=True),
    sa.Column("upload_id", Id, sa.ForeignKey("uploads.id", ondelete="RESTRICT")),
    sa.Column("kind", Word(Kind), nullable=False),
    sa.Column("folder", sa.String(WORD_CHARS), nullable=False, unique=True),
    sa.Column("facts", Json(DatasetFacts), nullable=False),
    sa.Column("file_name", sa.String(NAME_CHARS), nullable=False),
    sa.Column("file_bytes", sa.BigInteger, nullable=False),
    sa.Column("sha256", sa.String(HASH_CHARS), nullable=False),
    sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    sa.Index("datasets_sha256", "sha256"),
)

# 0003: backtests and studies

runs = table(
    "runs",
    sa.Column("id", Id, primary_key=True),
    sa.Column("spec", Json(RunSpec), nullable=False),
    sa.Column("status", Word(RunStatus), nullable=False),
    sa.Column("bars_done", sa.BigInteger, nullable=False),
    sa.Column("bars_total", sa.BigInteger),
    sa.Column("bars", sa.BigInteger),
    sa.Column("metrics", Json(Metrics)),
    sa.Column("open_cycle", Json(dict[str, Any])),
    sa.Column("failure", Json(Failure)),
    sa.Column("folder", sa.String(WORD_CHARS), unique=True),
    sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    sa.Column("started_at_ns", sa.BigInteger),
    sa.Column("finished_at_ns", sa.BigInteger),
    sa.Index("runs_status", "status", "id"),
)

run_datasets = table(
    "run_datasets",
    sa.Column("run_id", Id, sa.ForeignKey("runs.id", ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "dataset_id", Id, sa.ForeignKey("datasets.id", ondelete="RESTRICT"), primary_key=True
    ),
    sa.Index("run_datasets_dataset", "dataset_id"),
)

studies = table(
    "studies",
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", Word(StudyKind), nullable=False),
    sa.Column("spec", Json(StudySpec), nullable=False),
    sa.Column("status", Word(RunStatus), nullable=False),
    sa.Column("done", sa.BigInteger, nullable=False),
    sa.Column("total", sa.BigInteger),
    sa.Column("best", Json(StudyPoint)),
    sa.Column("windows", Json(tuple[StudyWindow, ...])),
    sa.Column("metrics", Json(Metrics)),
    sa.Column("failure", Json(Failure)),
    sa.Column("folder", sa.String(WORD_CHARS), unique=True),
    sa.Column("created_at_ns", sa.BigInteger, nullable=False),
    sa.Column("started_at_ns", sa.BigInteger),
    sa.Column("finished_at_ns", sa.BigInteger),
    sa.Index("studies_status", "status", "id"),
)

study_datasets = table(
    "study_datasets",
    sa.Column("study_id", Id, sa.ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    sa.Column(
        "dataset_id", Id, sa.ForeignKey("datasets.id", ondelete="RESTRICT"), primary_key=True
    ),
    sa.Index("study_datasets_dataset", "dataset_id"),
)

study_points = table(
    "study_points",
    sa.Column("study_id", Id, sa.ForeignKey("studies.id", ondelete="CASCADE"), primary_key=True),
    sa.Column("index", sa.BigInteger, primary_key=True, autoincrement=False),
    sa.Column("params", Json(dict[str, float]), nullable=False),
    sa.Column("metrics", Json(Metrics), nullable=False),
)

# 0004: identities. Histories like settings: the newest row of a key is what holds.

# feeds: demo or live; what was said about one market says nothing about the other.
identity_decisions = table(
    "identity_decisions",
    sa.Column("id", Id, primary_key=True),
    sa.Column("feeds", sa.String(WORD_CHARS), nullable=False),
    sa.Column("base", sa.String(WORD_CHARS), nullable=False),
    sa.Column("venue", Word(Venue), nullable=False),
    sa.Column("other", Word(Venue), nullable=False),
    sa.Column("verdict", Word(Verdict), nullable=False),
    sa.Column("note", sa.String(NOTE_CHARS), nullable=False),
    sa.Column("by", sa.String(NAME_CHARS), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Index("identity_decisions_pair", "feeds", "base", "venue", "other", "id"),
)

# What put a pair into quarantine: it stays there over restarts, until a person decides.
identity_suspicions = table(
    "identity_suspicions",
    sa.Column("id", Id, primary_key=True),
    sa.Column("feeds", sa.String(WORD_CHARS), nullable=False),
    sa.Column("base", sa.String(WORD_CHARS), nullable=False),
    sa.Column("venue", Word(Venue), nullable=False),
    sa.Column("other", Word(Venue), nullable=False),
    sa.Column("suspicion", Json(IdentitySuspicion), nullable=False),
    sa.UniqueConstraint("feeds", "base", "venue", "other", name="identity_suspicions_pair"),
)

# asset: null goes back to what is shipped. multiplier and amount: decimals as text.
asset_names = table(
    "asset_names",
    sa.Column("id", Id, primary_key=True),
    sa.Column("venue", Word(Venue), nullable=False),
    sa.Column("ticker", sa.String(WORD_CHARS), nullable=False),
    sa.Column("asset", sa.String(WORD_CHARS)),
    sa.Column("multiplier", sa.String(DECIMAL_CHARS), nullable=False),
    sa.Column("note", sa.String(NOTE_CHARS), nullable=False),
    sa.Column("by", sa.String(NAME_CHARS), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Index("asset_names_ticker", "venue", "ticker", "id"),
)

# amount: null goes back to what the venue says.
withdrawal_fees = table(
    "withdrawal_fees",
    sa.Column("id", Id, primary_key=True),
    sa.Column("venue", Word(Venue), nullable=False),
    sa.Column("asset", sa.String(WORD_CHARS), nullable=False),
    sa.Column("network", sa.String(DECIMAL_CHARS), nullable=False),
    sa.Column("amount", sa.String(DECIMAL_CHARS)),
    sa.Column("by", sa.String(NAME_CHARS), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Index("withdrawal_fees_network", "venue", "asset", "network", "id"),
)

# 0005: signals. The columns are for searching; `opportunity` is the whole row, as it is shown.

BASE_CHARS = 64

# id: the engine's number. kind: o opportunity, r refusal. feeds: demo or live.
arbitrage_signals = table(
    "arbitrage_signals",
    sa.Column("id", Id, primary_key=True),
    sa.Column("kind", sa.String(WORD_CHARS), nullable=False),
    sa.Column("feeds", sa.String(WORD_CHARS), nullable=False),
    sa.Column("detector", sa.String(WORD_CHARS), nullable=False),
    sa.Column("base", sa.String(BASE_CHARS), nullable=False),
    sa.Column("buy_venue", Word(Venue), nullable=False),
    sa.Column("buy_quote", sa.String(WORD_CHARS), nullable=False),
    sa.Column("sell_venue", Word(Venue), nullable=False),
    sa.Column("sell_quote", sa.String(WORD_CHARS), nullable=False),
    sa.Column("direction", sa.String(WORD_CHARS), nullable=False),
    sa.Column("status", Word(Status), nullable=False),
    sa.Column("code", sa.String(WORD_CHARS)),
    sa.Column("opened_at_ns", sa.BigInteger, nullable=False),
    sa.Column("closed_at_ns", sa.BigInteger),
    sa.Column("net_bps", sa.Double, nullable=False),
    sa.Column("peak_bps", sa.Double, nullable=False),
    sa.Column("size_krw", sa.Double, nullable=False),
    sa.Column("profit_krw", sa.Double, nullable=False),
    sa.Column("opportunity", Json(Opportunity), nullable=False),
    sa.Column("evidence", Json(Explanation)),
    sa.Index("arbitrage_signals_status", "status", "id"),
    sa.Index("arbitrage_signals_base", "base", "id"),
    sa.Index("arbitrage_signals_closed", "closed_at_ns"),
)
