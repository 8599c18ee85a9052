"""ACCOUNTS: the private side of each venue, one file each."""

from __future__ import annotations

from app.domain.venues import Venue
from app.exchanges.accounts.bitget import BitgetAccount
from app.exchanges.accounts.coinbase import CoinbaseAccount
from app.exchanges.accounts.contract import Account
from app.exchanges.accounts.gate import GateAccount
from app.exchanges.accounts.kucoin import KuCoinAccount

ACCOUNTS: dict[Venue, Account] = {
    Venue.KUCOIN: KuCoinAccount(),
    Venue.GATE: GateAccount(),
    Venue.BITGET: BitgetAccount(),
    Venue.COINBASE: CoinbaseAccount(),
}
