"""Trading: cycles and the moves that are allowed, intents, double entry, and what came of it."""

from __future__ import annotations

import sqlalchemy as sa
from alembic import op

from app.ledger.migrations import FORWARD_ONLY, create_index, create_table
from app.ledger.tables import Id, LongText

revision = "0006"
down_revision = "0005"

MOVES = {
    "NEW": ("STARTED",),
    "STARTED": ("INITIAL_TRADE_COMPLETED", "FAILED"),
    "INITIAL_TRADE_COMPLETED": ("AWAITING_REBALANCE", "REBALANCE_TRADE_COMPLETED", "FAILED"),
    "AWAITING_REBALANCE": ("REBALANCING_IN_PROGRESS", "FAILED"),
    "REBALANCING_IN_PROGRESS": ("REBALANCE_TRADE_COMPLETED", "AWAITING_REBALANCE", "FAILED"),
    "REBALANCE_TRADE_COMPLETED": ("COMPLETED", "FAILED"),
    "FAILED": ("AWAITING_RETRY", "DEAD_LETTER"),
    "AWAITING_RETRY": ("AWAITING_REBALANCE", "DEAD_LETTER"),
    "DEAD_LETTER": ("AWAITING_REBALANCE", "COMPLETED"),
}

EXCHANGES = (
    ("upbit", "Upbit", '["KRW"]'),
    ("bithumb", "Bithumb", '["KRW"]'),
    ("binance", "Binance", '["USDT"]'),
    ("okx", "OKX", '["USDT"]'),
    ("bybit", "Bybit", '["USDT"]'),
    ("kucoin", "KuCoin", '["USDT"]'),
    ("gate", "Gate", '["USDT"]'),
    ("bitget", "Bitget", '["USDT"]'),
    ("coinbase", "Coinbase", '["USD", "USDC"]'),
)


def upgrade() -> None:
    _authority()
    _cycles()
    _money()
    _results()
    _seed()
    _seed_names()


def _authority() -> None:
    create_table(
        "lease",
        sa.Column("name", sa.String(255), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("until_ns", sa.BigInteger, nullable=False),
    )
    create_table(
        "job_slot",
        sa.Column("job", sa.String(32), primary_key=True),
        sa.Column("slot", sa.String(32), primary_key=True),
        sa.Column("owner", sa.String(255), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
    )
    create_table(
        "instance",
        sa.Column("id", Id, primary_key=True, autoincrement=False),
        sa.Column("deployment_id", sa.String(64), nullable=False),
        sa.Column("epoch", sa.BigInteger, nullable=False),
        sa.Column("next_number", sa.BigInteger, nullable=False),
        sa.CheckConstraint("id = 1", name="instance_alone"),
    )
    create_table(
        "trading_state",
        sa.Column("mode", sa.String(32), primary_key=True),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("killed", sa.Boolean, nullable=False),
        sa.Column("armed_until_ns", sa.BigInteger),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("capital_krw", sa.String(64)),
    )
    create_table(
        "trading_state_history",
        sa.Column("id", Id, primary_key=True),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("killed", sa.Boolean, nullable=False),
        sa.Column("armed_until_ns", sa.BigInteger),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("mode", "version", name="trading_state_history_version"),
    )
    create_table(
        "withdrawal_address",
        sa.Column("id", Id, primary_key=True),
        sa.Column("action", sa.String(32), nullable=False),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("asset", sa.String(64), nullable=False),
        sa.Column("network", sa.String(64), nullable=False),
        sa.Column("address", sa.String(255), nullable=False),
        sa.Column("tag", sa.String(255), nullable=False),
        sa.Column("by", sa.String(255), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("active_from_ns", sa.BigInteger, nullable=False),
        sa.Column("seal", sa.String(64), nullable=False, unique=True),
    )


def _cycles() -> None:
    create_table(
        "allowed_transition",
        sa.Column("from_status", sa.String(32), primary_key=True),
        sa.Column("to_status", sa.String(32), primary_key=True),
    )
    create_table(
        "transition",
        sa.Column("cycle_id", sa.String(64), primary_key=True),
        sa.Column("seq", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("prev_seq", sa.Integer),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("from_status", sa.String(32), nullable=False),
        sa.Column("to_status", sa.String(32), nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.Column("correlation_id", sa.String(64), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("prev_hash", sa.String(64), nullable=False),
        sa.Column("hash", sa.String(64), nullable=False),
        sa.CheckConstraint(
            "(seq = 1 AND prev_seq IS NULL AND from_status = 'NEW')"
            " OR (seq > 1 AND prev_seq IS NOT NULL AND prev_seq = seq - 1)",
            name="transition_order",
        ),
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
        sa.UniqueConstraint("cycle_id", "seq", "to_status", name="transition_end"),
    )
    create_index("transition_allowed", "transition", ["from_status", "to_status"])
    create_index("transition_follows", "transition", ["cycle_id", "prev_seq", "from_status"])
    create_table(
        "arbitrage_cycles",
        sa.Column("seq", Id, primary_key=True),
        sa.Column("id", sa.String(64), nullable=False, unique=True),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("strategy", sa.String(32), nullable=False),
        sa.Column("direction", sa.String(32), nullable=False),
        sa.Column("style", sa.String(32), nullable=False),
        sa.Column("base", sa.String(64), nullable=False),
        sa.Column("return_base", sa.String(64)),
        sa.Column("transitions", sa.Integer, nullable=False),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("outcome", sa.String(32)),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("owner", sa.String(255)),
        sa.Column("lease_until_ns", sa.BigInteger),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("retries", sa.Integer, nullable=False),
        sa.Column("opened_at_ns", sa.BigInteger, nullable=False),
        sa.Column("entered_at_ns", sa.BigInteger, nullable=False),
        sa.Column("closed_at_ns", sa.BigInteger),
        sa.Column("next_attempt_at_ns", sa.BigInteger),
        sa.Column("wake_at_ns", sa.BigInteger),
        sa.Column("reason", sa.String(400)),
        sa.Column("signal_id", sa.String(64)),
        sa.Column("dedupe", sa.String(200), nullable=False),
        sa.Column("compensating", sa.Boolean, nullable=False),
        sa.Column("plan", LongText, nullable=False),
        sa.Column("reserved", LongText, nullable=False),
        sa.Column("pnl_krw", sa.String(64)),
        sa.Column("fees_krw", sa.String(64)),
        sa.Column("actual", LongText, nullable=False),
        sa.Column("retry_history", LongText, nullable=False),
        sa.CheckConstraint("version >= 1 AND fence >= 1", name="arbitrage_cycles_counts"),
        sa.ForeignKeyConstraint(
            ["id", "transitions", "state"],
            ["transition.cycle_id", "transition.seq", "transition.to_status"],
            name="arbitrage_cycles_state",
        ),
        sa.UniqueConstraint("mode", "dedupe", name="arbitrage_cycles_dedupe"),
    )
    create_index(
        "arbitrage_cycles_free", "arbitrage_cycles", ["mode", "closed_at_ns", "lease_until_ns"]
    )
    create_index("arbitrage_cycles_mode", "arbitrage_cycles", ["mode", "state", "seq"])
    create_index("arbitrage_cycles_state", "arbitrage_cycles", ["id", "transitions", "state"])
    create_table(
        "cycle_journal",
        sa.Column("id", Id, primary_key=True),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("cycle_id", sa.String(64), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("actor", sa.String(255), nullable=False),
        sa.Column("code", sa.String(32), nullable=False),
        sa.Column("note", LongText, nullable=False),
    )
    create_index("cycle_journal_cycle", "cycle_journal", ["cycle_id", "id"])
    create_table(
        "dead_letter",
        sa.Column("id", Id, primary_key=True),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("cycle_id", sa.String(64), nullable=False),
        sa.Column("seq", sa.Integer, nullable=False),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.Column("attempts", sa.Integer, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("resolved_at_ns", sa.BigInteger),
        sa.Column("resolved_by", sa.String(255)),
        sa.Column("resolution", sa.String(400)),
        sa.UniqueConstraint("cycle_id", "seq", name="dead_letter_once"),
    )
    create_table(
        "intent",
        sa.Column("id", Id, primary_key=True),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("cycle_id", sa.String(64), nullable=False),
        sa.Column("fence", sa.BigInteger, nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("step", sa.String(32), nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("to_venue", sa.String(32)),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("asset", sa.String(64)),
        sa.Column("network", sa.String(64)),
        sa.Column("amount", sa.String(64)),
        sa.Column("native_id", sa.String(200)),
        sa.Column("txid", sa.String(200)),
        sa.Column("state", sa.String(32), nullable=False),
        sa.Column("is_over", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.Column("planned_at_ns", sa.BigInteger, nullable=False),
        sa.Column("signed_at_ns", sa.BigInteger),
        sa.Column("valid_until_ns", sa.BigInteger),
        sa.Column("updated_at_ns", sa.BigInteger, nullable=False),
        sa.Column("posted_quantity", sa.String(64), nullable=False),
        sa.Column("posted_value", sa.String(64), nullable=False),
        sa.Column("posted_fee", sa.String(64)),
        sa.Column("hop_key", sa.String(200), unique=True),
        sa.Column("route_key", sa.String(200), unique=True),
        sa.Column("order_body", LongText),
        sa.Column("transfer_body", LongText),
        sa.CheckConstraint(
            "signed_at_ns IS NOT NULL OR state IN ('PLANNED', 'EXPIRED')", name="intent_sent"
        ),
        sa.ForeignKeyConstraint(["cycle_id"], ["arbitrage_cycles.id"], name="intent_of_cycle"),
        sa.UniqueConstraint("mode", "client_id", name="intent_client_id"),
    )
    create_index("intent_cycle", "intent", ["cycle_id", "id"])
    create_index("intent_native", "intent", ["mode", "venue", "native_id"])
    create_index("intent_open", "intent", ["mode", "is_over", "venue"])
    create_table(
        "venue_event",
        sa.Column("id", Id, primary_key=True),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("native_id", sa.String(200), nullable=False),
        sa.Column("client_id", sa.String(64)),
        sa.Column("raw", LongText, nullable=False),
        sa.Column("received_at_ns", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("mode", "venue", "kind", "native_id", name="venue_event_once"),
    )
    create_index("venue_event_client", "venue_event", ["mode", "client_id", "id"])


def _money() -> None:
    create_table(
        "asset_scale",
        sa.Column("asset", sa.String(64), primary_key=True),
        sa.Column("scale", sa.Integer, nullable=False),
        sa.CheckConstraint("scale >= 0 AND scale <= 18", name="asset_scale_range"),
    )
    create_table(
        "posting",
        sa.Column("id", Id, primary_key=True),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("txn_id", sa.String(200), nullable=False),
        sa.Column("line", sa.Integer, nullable=False),
        sa.Column("natural_key", sa.String(255), nullable=False),
        sa.Column("cycle_id", sa.String(64), nullable=False),
        sa.Column("account", sa.String(64), nullable=False),
        sa.Column("asset", sa.String(64), nullable=False),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.UniqueConstraint("mode", "natural_key", name="posting_once"),
    )
    create_index("posting_account", "posting", ["mode", "account", "asset", "id"])
    create_index("posting_at", "posting", ["mode", "at_ns"])
    create_index("posting_cycle", "posting", ["cycle_id", "id"])
    create_index("posting_txn", "posting", ["mode", "txn_id"])
    create_table(
        "balance",
        sa.Column("mode", sa.String(32), primary_key=True),
        sa.Column("account", sa.String(64), primary_key=True),
        sa.Column("asset", sa.String(64), primary_key=True),
        sa.Column("cycle_id", sa.String(64), primary_key=True),
        sa.Column("amount", sa.BigInteger, nullable=False),
        sa.Column("rest", sa.String(64), nullable=False),
        sa.Column("guarded", sa.Boolean, nullable=False),
        sa.Column("version", sa.BigInteger, nullable=False),
        sa.CheckConstraint("amount >= 0 OR NOT guarded", name="balance_not_negative"),
    )
    create_index("balance_cycle", "balance", ["cycle_id", "account"])
    create_table(
        "purse_freeze",
        sa.Column("mode", sa.String(32), primary_key=True),
        sa.Column("venue", sa.String(32), primary_key=True),
        sa.Column("asset", sa.String(64), primary_key=True),
        sa.Column("reason", sa.String(400), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
    )


def _results() -> None:
    create_table(
        "exchanges",
        sa.Column("venue", sa.String(32), primary_key=True),
        sa.Column("name", sa.String(32), nullable=False),
        sa.Column("quotes", LongText, nullable=False),
    )
    create_table(
        "trades",
        sa.Column("id", Id, primary_key=True),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("cycle_id", sa.String(64), nullable=False),
        sa.Column("client_id", sa.String(64), nullable=False),
        sa.Column("role", sa.String(32), nullable=False),
        sa.Column("venue", sa.String(32), nullable=False),
        sa.Column("to_venue", sa.String(32)),
        sa.Column("base", sa.String(64), nullable=False),
        sa.Column("quote", sa.String(64)),
        sa.Column("side", sa.String(32)),
        sa.Column("order_type", sa.String(32)),
        sa.Column("requested_quantity", sa.String(64), nullable=False),
        sa.Column("requested_price", sa.String(64)),
        sa.Column("filled_quantity", sa.String(64), nullable=False),
        sa.Column("average_price", sa.String(64)),
        sa.Column("fees", LongText, nullable=False),
        sa.Column("status", sa.String(32), nullable=False),
        sa.Column("planned_at_ns", sa.BigInteger, nullable=False),
        sa.Column("sent_at_ns", sa.BigInteger),
        sa.Column("ended_at_ns", sa.BigInteger),
        sa.UniqueConstraint("mode", "client_id", name="trades_client_id"),
    )
    create_index("trades_cycle", "trades", ["cycle_id", "id"])
    create_index("trades_mode", "trades", ["mode", "id"])
    create_table(
        "portfolio_logs",
        sa.Column("id", Id, primary_key=True),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("cycle_id", sa.String(64), nullable=False),
        sa.Column("kind", sa.String(32), nullable=False),
        sa.Column("client_id", sa.String(64)),
        sa.Column("purses", LongText, nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
    )
    create_index("portfolio_logs_cycle", "portfolio_logs", ["cycle_id", "id"])
    create_table(
        "portfolio_snapshots",
        sa.Column("id", Id, primary_key=True),
        sa.Column("mode", sa.String(32), nullable=False),
        sa.Column("at_ns", sa.BigInteger, nullable=False),
        sa.Column("equity_krw", sa.String(64)),
        sa.Column("purses", LongText, nullable=False),
    )
    create_index("portfolio_snapshots_at", "portfolio_snapshots", ["mode", "at_ns"])
    create_table(
        "daily_performance",
        sa.Column("date", sa.String(32), primary_key=True),
        sa.Column("mode", sa.String(32), primary_key=True),
        sa.Column("cycles", sa.Integer, nullable=False),
        sa.Column("wins", sa.Integer, nullable=False),
        sa.Column("losses", sa.Integer, nullable=False),
        sa.Column("compensated", sa.Integer, nullable=False),
        sa.Column("pnl_krw", sa.String(64), nullable=False),
        sa.Column("volume_krw", sa.String(64), nullable=False),
        sa.Column("fees_krw", sa.String(64), nullable=False),
        sa.Column("total_pnl_krw", sa.String(64), nullable=False),
        sa.Column("peak_pnl_krw", sa.String(64), nullable=False),
        sa.Column("drawdown_pct", sa.Double, nullable=False),
        sa.Column("sharpe", sa.Double),
        sa.Column("losses_in_row", sa.Integer, nullable=False),
    )


def _seed() -> None:
    """The moves that there are. What an upgrade that was killed has left is left as it is."""
    table = sa.table("allowed_transition", sa.column("from_status"), sa.column("to_status"))
    known = {(row[0], row[1]) for row in op.get_bind().execute(sa.select(table))}
    moves = [(was, to) for was, ends in MOVES.items() for to in ends]
    new = [{"from_status": was, "to_status": to} for was, to in moves if (was, to) not in known]
    if new:
        op.bulk_insert(table, new)


def _seed_names() -> None:
    table = sa.table("exchanges", sa.column("venue"), sa.column("name"), sa.column("quotes"))
    known = set(op.get_bind().scalars(sa.select(table.c.venue)))
    rows = [dict(zip(("venue", "name", "quotes"), row, strict=True)) for row in EXCHANGES]
    new = [row for row in rows if row["venue"] not in known]
    if new:
        op.bulk_insert(table, new)


def downgrade() -> None:
    raise RuntimeError(FORWARD_ONLY)
