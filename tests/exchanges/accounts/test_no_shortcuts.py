"""No short cuts: a transfer goes over a chain from one venue to another, and says so (H38)."""

from __future__ import annotations

from decimal import Decimal
from importlib import import_module

import msgspec
import pytest

from app.domain.transfers import TransferTerms
from app.domain.venues import Venue
from app.exchanges.accounts import ACCOUNTS

INSIDE = ("internal", "INTERNAL", '"uid"', "memberId", "transfer_type")


@pytest.mark.parametrize("venue", ACCOUNTS)
def test_a_withdrawal_names_an_address_on_a_chain(venue: Venue) -> None:
    """Never an account at the same venue: what is inside arrives under other rules and lists."""
    if venue is Venue.UPBIT:
        terms = TransferTerms("XRP", venue, Venue.BINANCE, "ripple", "XRP", "XRP", Decimal(10),
                              Decimal("0.4"), "rAddress", "77")  # fmt: skip
    else:
        found = import_module(f"tests.exchanges.accounts.fixtures.{venue.value}")
        terms = found.TRANSFER
    request = ACCOUNTS[venue].withdraw(terms, "clientid000000000001", 1_750_000_000_000)
    text = f"{request.target} {request.body.decode()}"
    assert terms.address in text
    assert not any(word in text for word in INSIDE), text


def test_upbit_is_told_which_kind_it_is() -> None:
    """Its other kind, an internal transfer, is free, at once, and on no list of deposits."""
    terms = TransferTerms("XRP", Venue.UPBIT, Venue.BITHUMB, "ripple", "XRP", "XRP", Decimal(10),
                          Decimal("0.4"), "rAddress", "77")  # fmt: skip
    for at_ms in (1, 2):
        request = ACCOUNTS[Venue.UPBIT].withdraw(terms, "clientid000000000001", at_ms)
        assert msgspec.json.decode(request.body)["transaction_type"] == "default"
