"""Venues: the nine names, and which of them trade in won."""

from __future__ import annotations

from enum import StrEnum


class Venue(StrEnum):
    UPBIT = "upbit"
    BITHUMB = "bithumb"
    BINANCE = "binance"
    OKX = "okx"
    BYBIT = "bybit"
    KUCOIN = "kucoin"
    GATE = "gate"
    BITGET = "bitget"
    COINBASE = "coinbase"


KOREAN = frozenset({Venue.UPBIT, Venue.BITHUMB})
