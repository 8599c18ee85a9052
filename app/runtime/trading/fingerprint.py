"""Fingerprint: an amount that no other withdrawal has, for venues that take no id (class N, R6).

The low decimals of the amount carry four digits of the intent's own id, so that "is it ours?" is an
exact match on both sides. The amount only ever becomes smaller, by less than two blocks of those
digits; what stays behind is still the cycle's. That no other withdrawal of a month has the same
amount is what the ledger says (`intents.fingerprint`).
"""

from __future__ import annotations

import zlib
from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from app.domain.transfers import Transfer
from app.exchanges.accounts.contract import IdClass, Rules

TAG_DIGITS = 4
DECIMALS = 8
# Chains whose coins have fewer decimals; stablecoins have six wherever they live.
DECIMALS_OF_CHAIN = {"RIPPLE": 6, "TRON": 6, "STELLAR": 7, "CARDANO": 6, "COSMOS": 6, "EOS": 4}
SIX_DECIMALS = frozenset({"USDT", "USDC"})


class Mark(NamedTuple):
    """The amount to ask for, and by how much to go down where another one has it already."""

    amount: Decimal
    step: Decimal


def fingerprint(transfer: Transfer, rules: Rules) -> Mark | None:
    """None where an id says whose it is."""
    if rules.withdrawals is not IdClass.N:
        return None
    terms = transfer.terms
    decimals = DECIMALS_OF_CHAIN.get(terms.chain, DECIMALS)
    if terms.asset in SIX_DECIMALS:
        decimals = min(decimals, 6)
    unit = Decimal(1).scaleb(-decimals)
    block = unit.scaleb(TAG_DIGITS)
    tag = 1 + zlib.crc32(transfer.client_id.encode()) % (10**TAG_DIGITS - 1)
    tagged = terms.amount.quantize(block, ROUND_FLOOR) + tag * unit
    if tagged > terms.amount:
        tagged -= block
    # Too small to be marked: it goes as it is, and only one may be unresolved at a time.
    return Mark(tagged if tagged > 0 else terms.amount, unit)
