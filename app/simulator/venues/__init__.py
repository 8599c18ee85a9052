"""DIALECTS: the nine venues in the order of their ports."""

from __future__ import annotations

from app.simulator.protocol import Dialect
from app.simulator.venues.binance import Binance
from app.simulator.venues.bitget import Bitget
from app.simulator.venues.bithumb import Bithumb
from app.simulator.venues.bybit import Bybit
from app.simulator.venues.coinbase import Coinbase
from app.simulator.venues.gate import Gate
from app.simulator.venues.kucoin import Kucoin
from app.simulator.venues.okx import Okx
from app.simulator.venues.upbit import Upbit

DIALECTS: dict[str, type[Dialect]] = {
    "upbit": Upbit,
    "bithumb": Bithumb,
    "binance": Binance,
    "okx": Okx,
    "bybit": Bybit,
    "kucoin": Kucoin,
    "gate": Gate,
    "bitget": Bitget,
    "coinbase": Coinbase,
}
