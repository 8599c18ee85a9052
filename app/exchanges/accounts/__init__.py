"""ACCOUNTS: the private side of each venue, one file each."""

from __future__ import annotations

from app.domain.venues import Venue
from app.exchanges.accounts.binance import BinanceAccount
from app.exchanges.accounts.bitget import BitgetAccount
from app.exchanges.accounts.bithumb import BithumbAccount
from app.exchanges.accounts.bybit import BybitAccount
from app.exchanges.accounts.coinbase import CoinbaseAccount
from app.exchanges.accounts.contract import Account
from app.exchanges.accounts.gate import GateAccount
from app.exchanges.accounts.kucoin import KuCoinAccount
from app.exchanges.accounts.okx import OKXAccount
from app.exchanges.accounts.upbit import UpbitAccount

ACCOUNTS: dict[Venue, Account] = {
    Venue.UPBIT: UpbitAccount(),
    Venue.BITHUMB: BithumbAccount(),
    Venue.BINANCE: BinanceAccount(),
    Venue.OKX: OKXAccount(),
    Venue.BYBIT: BybitAccount(),
    Venue.KUCOIN: KuCoinAccount(),
    Venue.GATE: GateAccount(),
    Venue.BITGET: BitgetAccount(),
    Venue.COINBASE: CoinbaseAccount(),
}
