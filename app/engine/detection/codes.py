"""Codes: why a route may not be reported, in the order in which one of several is told.

What only people or wallets change comes first, what heals by itself last: a pair in quarantine is
not told as stale whenever one of its books pauses.
"""

from __future__ import annotations

from enum import IntEnum


class Code(IntEnum):
    """Numbers for the kernels; the names are what facts, pages and the ledger carry."""

    NONE = 0
    IDENTITY = 1
    TRAVEL_RULE = 2
    FENCED = 3
    WALLET_CLOSED = 4
    WALLET_UNKNOWN = 5
    FEE_UNKNOWN = 6
    FEE_STALE = 7
    BOOK_INVALID = 8
    CHANNEL_STALE = 9
    NO_RATE = 10
    STALE_RATE = 11
    THIN_BOOK = 12
    BELOW_LOT = 13
    MINIMUM = 14
    TOO_GOOD = 15
    TICK_COST = 16
    STALE_BOOK = 17
    QUIET_BOOK = 18
    NET_BELOW_MIN = 19
    DELISTED = 20
    UNREAD = 21
    """Never told: the route's wallets and fees have not been looked up yet."""


class Direction(IntEnum):
    """HIGH sells for won, LOW buys for won, FLAT knows no won side, WON has two."""

    HIGH = 0
    LOW = 1
    FLAT = 2
    WON = 3


class State(IntEnum):
    """Of a route: nothing to tell, an opportunity, or one but for a gate."""

    NOTHING = 0
    LIVE = 1
    REFUSED = 2


DIRECTIONS = ("high", "low", "flat", "flat")
"""As rows name them, by Direction."""
