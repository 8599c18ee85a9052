"""ACCOUNTS: the private side of each venue, one file each."""

from __future__ import annotations

from app.domain.venues import Venue
from app.exchanges.accounts.contract import Account

ACCOUNTS: dict[Venue, Account] = {}
