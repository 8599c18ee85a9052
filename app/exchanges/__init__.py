"""TRANSLATION, pure: what venues say → events, what we want → frames and requests."""

from __future__ import annotations

from app.domain.venues import Venue
from app.exchanges.binance import Binance
from app.exchanges.bitget import Bitget
from app.exchanges.bithumb import Bithumb
from app.exchanges.bybit import Bybit
from app.exchanges.coinbase import Coinbase
from app.exchanges.contract import Exchange
from app.exchanges.gate import Gate
from app.exchanges.kucoin import KuCoin
from app.exchanges.okx import OKX
from app.exchanges.upbit import Upbit

EXCHANGES: dict[Venue, Exchange] = {
    Venue.UPBIT: Upbit(),
    Venue.BITHUMB: Bithumb(),
    Venue.BINANCE: Binance(),
    Venue.OKX: OKX(),
    Venue.BYBIT: Bybit(),
    Venue.KUCOIN: KuCoin(),
    Venue.GATE: Gate(),
    Venue.BITGET: Bitget(),
    Venue.COINBASE: Coinbase(),
}
