"""TERMS: what each venue charges, in what, and how it takes client ids (sections 3 and 6)."""

from __future__ import annotations

from decimal import Decimal

from app.simulator.trading import Terms


def _bps(maker: str, taker: str) -> tuple[Decimal, Decimal]:
    return Decimal(maker), Decimal(taker)


TERMS: dict[str, Terms] = {
    "upbit": Terms(*_bps("5", "5"), True, None, "burned", True, consent="operator"),
    "bithumb": Terms(*_bps("4", "4"), True, None, "once", True, consent="operator"),
    "binance": Terms(*_bps("10", "10"), ids="open", perpetuals=True),
    "okx": Terms(*_bps("8", "10"), ids="open", consent="operator", minimum_lots=10),
    "bybit": Terms(*_bps("10", "10"), ids="once"),
    "kucoin": Terms(*_bps("10", "10"), fee_in_quote=True, fee_places=None, ids="once"),
    "gate": Terms(*_bps("20", "20"), ids="free"),
    "bitget": Terms(*_bps("10", "10"), ids="once"),
    "coinbase": Terms(*_bps("60", "120"), fee_in_quote=True, fee_places=None, ids="once"),
}
"""Coinbase answers a used id with its first order: its dialect does, after `duplicate`."""
