"""Schema: the tables and their first rows at once, for a database that lives in memory only."""

from __future__ import annotations

import sqlalchemy as sa

from app.domain.venues import KOREAN, Venue
from app.ledger.columns import metadata
from app.ledger.tables import trading_tables
from app.ledger.transitions import ALLOWED

SEEDED = ("allowed_transition", "exchanges")
"""Tables whose rows come with the schema."""


def create(conn: sa.Connection) -> None:
    """What all migrations together make."""
    metadata.create_all(conn)
    seed(conn)


def seed(conn: sa.Connection) -> None:
    """The rows that a new database has."""
    moves = [{"from_status": was, "to_status": to} for was, to in ALLOWED]
    conn.execute(trading_tables.allowed_transition.insert(), moves)
    venues = [{"venue": venue, "name": NAMES[venue], "quotes": _quotes(venue)} for venue in Venue]
    conn.execute(trading_tables.exchanges.insert(), venues)


NAMES = {
    Venue.UPBIT: "Upbit", Venue.BITHUMB: "Bithumb", Venue.BINANCE: "Binance", Venue.OKX: "OKX",
    Venue.BYBIT: "Bybit", Venue.KUCOIN: "KuCoin", Venue.GATE: "Gate", Venue.BITGET: "Bitget",
    Venue.COINBASE: "Coinbase",
}  # fmt: skip


def _quotes(venue: Venue) -> tuple[str, ...]:
    if venue in KOREAN:
        return ("KRW",)
    return ("USD", "USDC") if venue is Venue.COINBASE else ("USDT",)
