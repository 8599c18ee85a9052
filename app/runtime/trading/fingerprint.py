"""Fingerprint: an amount that no other withdrawal has, for venues that take no id (class N, R6).

"Is it ours?" is then an exact match of asset, network, address and amount on both sides. The amount
is cut to decimals that every venue takes; where another withdrawal of a month has had it already,
the ledger goes down by one step after the other (`intents.fingerprint`). What stays behind, less
than anybody would notice, is still the cycle's.
"""

from __future__ import annotations

from decimal import ROUND_FLOOR, Decimal
from typing import NamedTuple

from app.domain.transfers import Transfer
from app.exchanges.accounts.contract import IdClass, Rules

DECIMALS = 6
"""Venues take this many of every coin, and of many no more."""
DECIMALS_OF_CHAIN = {"EOS": 4}


class Mark(NamedTuple):
    """The amount to ask for, and by how much to go down where another one has it already."""

    amount: Decimal
    step: Decimal


def fingerprint(transfer: Transfer, rules: Rules) -> Mark | None:
    """None where an id says whose it is."""
    if rules.withdrawals is not IdClass.N:
        return None
    terms = transfer.terms
    step = Decimal(1).scaleb(-DECIMALS_OF_CHAIN.get(terms.chain, DECIMALS))
    amount = terms.amount.quantize(step, ROUND_FLOOR)
    # Too small to be cut: it goes as it is, and only one may be unresolved at a time.
    return Mark(amount if amount > 0 else terms.amount, step)
