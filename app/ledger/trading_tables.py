"""The tables of trading (0006): cycles, intents, postings, and who may do what about them.

What must never happen is refused here, by the database itself: a move outside the table, a step
taken twice, a balance below zero, a venue's word counted twice, two withdrawals under way where
one is allowed. `mode` is part of every key, so that no rehearsal touches real money.

Of the originals' tables, system_settings is `setting_changes` (with its history), and what there
is to know of historical prices is `datasets`.
"""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from app.domain.cycles import (
    CycleState,
    CycleStep,
    ExecutionStyle,
    Outcome,
    Part,
    Plan,
    Reservation,
    Strategy,
)
from app.domain.orders import AssetAmount, Order, Role
from app.domain.trading import Purse, TradingState
from app.domain.transfers import Transfer
from app.domain.venues import Venue
from app.ledger.columns import (
    HASH_CHARS,
    NAME_CHARS,
    NOTE_CHARS,
    WORD_CHARS,
    Exact,
    Id,
    Json,
    LongText,
    Word,
    table,
)

CYCLE_CHARS = 64
ACCOUNT_CHARS = 64
KEY_CHARS = 200
ADDRESS_CHARS = 255


def _mode(**options: Any) -> sa.Column[str]:
    return sa.Column("mode", sa.String(WORD_CHARS), nullable=False, **options)


# Who may act. Fences only grow: what was written under a smaller one is refused.

lease = table(
    "lease",
    sa.Column("name", sa.String(NAME_CHARS), primary_key=True),
    sa.Column("owner", sa.String(NAME_CHARS), nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("until_ns", sa.BigInteger, nullable=False),
)

job_slot = table(
    "job_slot",
    sa.Column("job", sa.String(WORD_CHARS), primary_key=True),
    sa.Column("slot", sa.String(WORD_CHARS), primary_key=True),
    sa.Column("owner", sa.String(NAME_CHARS), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
)

# One row. epoch: raised by a restore, so that no client id is ever made twice.
instance = table(
    "instance",
    sa.Column("id", Id, primary_key=True, autoincrement=False),
    sa.Column("deployment_id", sa.String(HASH_CHARS), nullable=False),
    sa.Column("epoch", sa.BigInteger, nullable=False),
    sa.Column("next_number", sa.BigInteger, nullable=False),
    sa.CheckConstraint("id = 1", name="instance_alone"),
)

# by: reserved in MySQL, quoted by SQLAlchemy. capital_krw: at the first adoption of balances.
trading_state = table(
    "trading_state",
    sa.Column("mode", sa.String(WORD_CHARS), primary_key=True),
    sa.Column("state", Word(TradingState), nullable=False),
    sa.Column("killed", sa.Boolean, nullable=False),
    sa.Column("armed_until_ns", sa.BigInteger),
    sa.Column("by", sa.String(NAME_CHARS), nullable=False),
    sa.Column("reason", sa.String(NOTE_CHARS), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("capital_krw", Exact),
)

trading_state_history = table(
    "trading_state_history",
    sa.Column("id", Id, primary_key=True),
    _mode(),
    sa.Column("action", sa.String(WORD_CHARS), nullable=False),
    sa.Column("state", Word(TradingState), nullable=False),
    sa.Column("killed", sa.Boolean, nullable=False),
    sa.Column("armed_until_ns", sa.BigInteger),
    sa.Column("by", sa.String(NAME_CHARS), nullable=False),
    sa.Column("reason", sa.String(NOTE_CHARS), nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("mode", "version", name="trading_state_history_version"),
)

# Cycles. A transition points at the one before it and begins where that one ended; a cycle's
# state is that of its last transition: both by foreign key, so no step can be left out or invented.

allowed_transition = table(
    "allowed_transition",
    sa.Column("from_status", sa.String(WORD_CHARS), primary_key=True),
    sa.Column("to_status", sa.String(WORD_CHARS), primary_key=True),
)

transition = table(
    "transition",
    sa.Column("cycle_id", sa.String(CYCLE_CHARS), primary_key=True),
    sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("prev_seq", sa.Integer),
    _mode(),
    sa.Column("from_status", sa.String(WORD_CHARS), nullable=False),
    sa.Column("to_status", sa.String(WORD_CHARS), nullable=False),
    sa.Column("step", Word(CycleStep), nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.String(NAME_CHARS), nullable=False),
    sa.Column("reason", sa.String(NOTE_CHARS), nullable=False),
    sa.Column("correlation_id", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("prev_hash", sa.String(HASH_CHARS), nullable=False),
    sa.Column("hash", sa.String(HASH_CHARS), nullable=False),
    sa.UniqueConstraint("cycle_id", "seq", "to_status", name="transition_end"),
    sa.ForeignKeyConstraint(
        ["from_status", "to_status"],
        ["allowed_transition.from_status", "allowed_transition.to_status"],
        name="transition_allowed",
    ),
    sa.ForeignKeyConstraint(
        ["cycle_id", "prev_seq", "from_status"],
        ["transition.cycle_id", "transition.seq", "transition.to_status"],
        name="transition_follows",
    ),
    sa.CheckConstraint(
        "(seq = 1 AND prev_seq IS NULL AND from_status = 'NEW')"
        " OR (seq > 1 AND prev_seq IS NOT NULL AND prev_seq = seq - 1)",
        name="transition_order",
    ),
    sa.Index("transition_allowed", "from_status", "to_status"),
    sa.Index("transition_follows", "cycle_id", "prev_seq", "from_status"),
)

# dedupe: of the chance that was seen; opening one chance twice is refused. retry_history: 002.
arbitrage_cycles = table(
    "arbitrage_cycles",
    sa.Column("seq", Id, primary_key=True),
    sa.Column("id", sa.String(CYCLE_CHARS), nullable=False, unique=True),
    _mode(),
    sa.Column("strategy", Word(Strategy), nullable=False),
    sa.Column("direction", sa.String(WORD_CHARS), nullable=False),
    sa.Column("style", Word(ExecutionStyle), nullable=False),
    sa.Column("base", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("return_base", sa.String(CYCLE_CHARS)),
    sa.Column("transitions", sa.Integer, nullable=False),
    sa.Column("state", Word(CycleState), nullable=False),
    sa.Column("step", Word(CycleStep), nullable=False),
    sa.Column("outcome", Word(Outcome)),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("owner", sa.String(NAME_CHARS)),
    sa.Column("lease_until_ns", sa.BigInteger),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("retries", sa.Integer, nullable=False),
    sa.Column("opened_at_ns", sa.BigInteger, nullable=False),
    sa.Column("entered_at_ns", sa.BigInteger, nullable=False),
    sa.Column("closed_at_ns", sa.BigInteger),
    sa.Column("next_attempt_at_ns", sa.BigInteger),
    sa.Column("wake_at_ns", sa.BigInteger),
    sa.Column("reason", sa.String(NOTE_CHARS)),
    sa.Column("signal_id", sa.String(CYCLE_CHARS)),
    sa.Column("dedupe", sa.String(KEY_CHARS), nullable=False),
    sa.Column("compensating", sa.Boolean, nullable=False),
    sa.Column("plan", Json(Plan), nullable=False),
    sa.Column("reserved", Json(tuple[Reservation, ...]), nullable=False),
    sa.Column("pnl_krw", Exact),
    sa.Column("fees_krw", Exact),
    sa.Column("actual", Json(tuple[Part, ...]), nullable=False),
    sa.Column("retry_history", Json(tuple[dict[str, Any], ...]), nullable=False),
    sa.UniqueConstraint("mode", "dedupe", name="arbitrage_cycles_dedupe"),
    sa.ForeignKeyConstraint(
        ["id", "transitions", "state"],
        ["transition.cycle_id", "transition.seq", "transition.to_status"],
        name="arbitrage_cycles_state",
    ),
    sa.CheckConstraint("version >= 1 AND fence >= 1", name="arbitrage_cycles_counts"),
    sa.Index("arbitrage_cycles_state", "id", "transitions", "state"),
    sa.Index("arbitrage_cycles_free", "mode", "closed_at_ns", "lease_until_ns"),
    sa.Index("arbitrage_cycles_mode", "mode", "state", "seq"),
)

# What the cycle's owner and its gateways wrote down, in words that need no language.
cycle_journal = table(
    "cycle_journal",
    sa.Column("id", Id, primary_key=True),
    _mode(),
    sa.Column("cycle_id", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("actor", sa.String(NAME_CHARS), nullable=False),
    sa.Column("code", sa.String(WORD_CHARS), nullable=False),
    sa.Column("note", LongText, nullable=False),
    sa.Index("cycle_journal_cycle", "cycle_id", "id"),
)

# Why automation gave up, once per time that it did: exactly one alert hangs on each row.
dead_letter = table(
    "dead_letter",
    sa.Column("id", Id, primary_key=True),
    _mode(),
    sa.Column("cycle_id", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("seq", sa.Integer, nullable=False),
    sa.Column("reason", sa.String(NOTE_CHARS), nullable=False),
    sa.Column("attempts", sa.Integer, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("resolved_at_ns", sa.BigInteger),
    sa.Column("resolved_by", sa.String(NAME_CHARS)),
    sa.Column("resolution", sa.String(NOTE_CHARS)),
    sa.UniqueConstraint("cycle_id", "seq", name="dead_letter_once"),
)

# Intents: what is asked of venues. The columns are for searching and for the guards, the rest is
# in `order_body` or `transfer_body`; asset, network and amount are of a transfer. hop_key: one
# living transfer per cycle and hop. route_key: one withdrawal per venue, asset and network whose
# fate nobody knows. Both are null when free.
intent = table(
    "intent",
    sa.Column("id", Id, primary_key=True),
    _mode(),
    sa.Column("kind", sa.String(WORD_CHARS), nullable=False),
    sa.Column("cycle_id", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("fence", sa.BigInteger, nullable=False),
    sa.Column("role", Word(Role), nullable=False),
    sa.Column("step", sa.String(WORD_CHARS), nullable=False),
    sa.Column("attempt", sa.Integer, nullable=False),
    sa.Column("venue", Word(Venue), nullable=False),
    sa.Column("to_venue", Word(Venue)),
    sa.Column("client_id", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("asset", sa.String(CYCLE_CHARS)),
    sa.Column("network", sa.String(CYCLE_CHARS)),
    sa.Column("amount", Exact),
    sa.Column("native_id", sa.String(KEY_CHARS)),
    sa.Column("txid", sa.String(KEY_CHARS)),
    sa.Column("state", sa.String(WORD_CHARS), nullable=False),
    sa.Column("is_over", sa.Boolean, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.Column("planned_at_ns", sa.BigInteger, nullable=False),
    sa.Column("signed_at_ns", sa.BigInteger),
    sa.Column("valid_until_ns", sa.BigInteger),
    sa.Column("updated_at_ns", sa.BigInteger, nullable=False),
    sa.Column("posted_quantity", Exact, nullable=False),
    sa.Column("posted_value", Exact, nullable=False),
    sa.Column("posted_fee", Exact),
    sa.Column("hop_key", sa.String(KEY_CHARS), unique=True),
    sa.Column("route_key", sa.String(KEY_CHARS), unique=True),
    sa.Column("order_body", Json(Order)),
    sa.Column("transfer_body", Json(Transfer)),
    sa.UniqueConstraint("mode", "client_id", name="intent_client_id"),
    sa.CheckConstraint(
        "signed_at_ns IS NOT NULL OR state IN ('PLANNED', 'EXPIRED')", name="intent_sent"
    ),
    sa.ForeignKeyConstraint(["cycle_id"], ["arbitrage_cycles.id"], name="intent_of_cycle"),
    sa.Index("intent_cycle", "cycle_id", "id"),
    sa.Index("intent_open", "mode", "is_over", "venue"),
    sa.Index("intent_native", "mode", "venue", "native_id"),
)

# A venue's words as they came, before anybody makes something of them. Only added to.
venue_event = table(
    "venue_event",
    sa.Column("id", Id, primary_key=True),
    _mode(),
    sa.Column("venue", Word(Venue), nullable=False),
    sa.Column("kind", sa.String(WORD_CHARS), nullable=False),
    sa.Column("native_id", sa.String(KEY_CHARS), nullable=False),
    sa.Column("client_id", sa.String(CYCLE_CHARS)),
    sa.Column("raw", LongText, nullable=False),
    sa.Column("received_at_ns", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("mode", "venue", "kind", "native_id", name="venue_event_once"),
    sa.Index("venue_event_client", "mode", "client_id", "id"),
)

# Money. amount: whole units of 10^-scale of the asset. Lines are only ever added.

asset_scale = table(
    "asset_scale",
    sa.Column("asset", sa.String(CYCLE_CHARS), primary_key=True),
    sa.Column("scale", sa.Integer, nullable=False),
    sa.CheckConstraint("scale >= 0 AND scale <= 18", name="asset_scale_range"),
)

posting = table(
    "posting",
    sa.Column("id", Id, primary_key=True),
    _mode(),
    sa.Column("txn_id", sa.String(KEY_CHARS), nullable=False),
    sa.Column("line", sa.Integer, nullable=False),
    sa.Column("natural_key", sa.String(NAME_CHARS), nullable=False),
    sa.Column("cycle_id", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("account", sa.String(ACCOUNT_CHARS), nullable=False),
    sa.Column("asset", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.UniqueConstraint("mode", "natural_key", name="posting_once"),
    sa.Index("posting_at", "mode", "at_ns"),
    sa.Index("posting_txn", "mode", "txn_id"),
    sa.Index("posting_account", "mode", "account", "asset", "id"),
    sa.Index("posting_cycle", "cycle_id", "id"),
)

# The running sum of the lines. rest: what was told beyond the scale and is not yet a whole unit.
# cycle_id '': nobody's in particular. guarded: what really lies somewhere cannot be below zero.
balance = table(
    "balance",
    sa.Column("mode", sa.String(WORD_CHARS), primary_key=True),
    sa.Column("account", sa.String(ACCOUNT_CHARS), primary_key=True),
    sa.Column("asset", sa.String(CYCLE_CHARS), primary_key=True),
    sa.Column("cycle_id", sa.String(CYCLE_CHARS), primary_key=True),
    sa.Column("amount", sa.BigInteger, nullable=False),
    sa.Column("rest", Exact, nullable=False),
    sa.Column("guarded", sa.Boolean, nullable=False),
    sa.Column("version", sa.BigInteger, nullable=False),
    sa.CheckConstraint("amount >= 0 OR NOT guarded", name="balance_not_negative"),
    sa.Index("balance_cycle", "cycle_id", "account"),
)

purse_freeze = table(
    "purse_freeze",
    sa.Column("mode", sa.String(WORD_CHARS), primary_key=True),
    sa.Column("venue", Word(Venue), primary_key=True),
    sa.Column("asset", sa.String(CYCLE_CHARS), primary_key=True),
    sa.Column("reason", sa.String(NOTE_CHARS), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
)

# Where coins may be sent: each row carries the seal of the one before it.
withdrawal_address = table(
    "withdrawal_address",
    sa.Column("id", Id, primary_key=True),
    sa.Column("action", sa.String(WORD_CHARS), nullable=False),
    sa.Column("venue", Word(Venue), nullable=False),
    sa.Column("asset", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("network", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("address", sa.String(ADDRESS_CHARS), nullable=False),
    sa.Column("tag", sa.String(ADDRESS_CHARS), nullable=False),
    sa.Column("by", sa.String(NAME_CHARS), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("active_from_ns", sa.BigInteger, nullable=False),
    sa.Column("seal", sa.String(HASH_CHARS), nullable=False, unique=True),
)

# What came of it, for people.

exchanges = table(
    "exchanges",
    sa.Column("venue", Word(Venue), primary_key=True),
    sa.Column("name", sa.String(WORD_CHARS), nullable=False),
    sa.Column("quotes", Json(tuple[str, ...]), nullable=False),
)

# status: PENDING, COMPLETED, FAILED, CANCELLED (seed 000). One row per order and per transfer.
trades = table(
    "trades",
    sa.Column("id", Id, primary_key=True),
    _mode(),
    sa.Column("cycle_id", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("client_id", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("role", Word(Role), nullable=False),
    sa.Column("venue", Word(Venue), nullable=False),
    sa.Column("to_venue", Word(Venue)),
    sa.Column("base", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("quote", sa.String(CYCLE_CHARS)),
    sa.Column("side", sa.String(WORD_CHARS)),
    sa.Column("order_type", sa.String(WORD_CHARS)),
    sa.Column("requested_quantity", Exact, nullable=False),
    sa.Column("requested_price", Exact),
    sa.Column("filled_quantity", Exact, nullable=False),
    sa.Column("average_price", Exact),
    sa.Column("fees", Json(tuple[AssetAmount, ...]), nullable=False),
    sa.Column("status", sa.String(WORD_CHARS), nullable=False),
    sa.Column("planned_at_ns", sa.BigInteger, nullable=False),
    sa.Column("sent_at_ns", sa.BigInteger),
    sa.Column("ended_at_ns", sa.BigInteger),
    sa.UniqueConstraint("mode", "client_id", name="trades_client_id"),
    sa.Index("trades_cycle", "cycle_id", "id"),
    sa.Index("trades_mode", "mode", "id"),
)

portfolio_logs = table(
    "portfolio_logs",
    sa.Column("id", Id, primary_key=True),
    _mode(),
    sa.Column("cycle_id", sa.String(CYCLE_CHARS), nullable=False),
    sa.Column("kind", sa.String(WORD_CHARS), nullable=False),
    sa.Column("client_id", sa.String(CYCLE_CHARS)),
    sa.Column("purses", Json(tuple[Purse, ...]), nullable=False),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Index("portfolio_logs_cycle", "cycle_id", "id"),
)

portfolio_snapshots = table(
    "portfolio_snapshots",
    sa.Column("id", Id, primary_key=True),
    _mode(),
    sa.Column("at_ns", sa.BigInteger, nullable=False),
    sa.Column("equity_krw", Exact),
    sa.Column("purses", Json(tuple[Purse, ...]), nullable=False),
    sa.Index("portfolio_snapshots_at", "mode", "at_ns"),
)

# total_pnl_krw and peak_pnl_krw: from the first day on, so that a day needs no other row.
daily_performance = table(
    "daily_performance",
    sa.Column("date", sa.String(WORD_CHARS), primary_key=True),
    sa.Column("mode", sa.String(WORD_CHARS), primary_key=True),
    sa.Column("cycles", sa.Integer, nullable=False),
    sa.Column("wins", sa.Integer, nullable=False),
    sa.Column("losses", sa.Integer, nullable=False),
    sa.Column("compensated", sa.Integer, nullable=False),
    sa.Column("pnl_krw", Exact, nullable=False),
    sa.Column("volume_krw", Exact, nullable=False),
    sa.Column("fees_krw", Exact, nullable=False),
    sa.Column("total_pnl_krw", Exact, nullable=False),
    sa.Column("peak_pnl_krw", Exact, nullable=False),
    sa.Column("drawdown_pct", sa.Double, nullable=False),
    sa.Column("sharpe", sa.Double),
    sa.Column("losses_in_row", sa.Integer, nullable=False),
)
