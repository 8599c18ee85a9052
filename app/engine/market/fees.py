"""Fees: what a trade and a withdrawal cost, each with its source and date. None is not known.

Fees of public price lists are of the lowest tier, and where two sources differ the dearer one: a
premium may turn out better than shown, never worse. A missing fee blocks what needs it.
"""

from __future__ import annotations

from app.domain.policy import Fee, Policy, WithdrawalFee
from app.domain.times import SECOND_NS
from app.domain.venues import Venue
from app.engine.market.seeds import LISTED_AT_NS, WITHDRAWALS

LISTED_BPS: dict[tuple[Venue, str | None], float] = {
    (Venue.UPBIT, "KRW"): 5.0,
    (Venue.UPBIT, None): 25.0,
    # 4 bps only with a coupon that has to be registered: what the account pays is known to it.
    (Venue.BITHUMB, None): 25.0,
    (Venue.BINANCE, None): 10.0,
    (Venue.OKX, None): 15.0,
    (Venue.BYBIT, None): 10.0,
    (Venue.KUCOIN, None): 10.0,
    (Venue.GATE, None): 20.0,
    (Venue.BITGET, None): 20.0,
    (Venue.COINBASE, None): 120.0,
}
ACCOUNT, LIST = "account", "list"

_LISTED = {
    key: Fee(key[0], key[1], taker_bps, LIST, LISTED_AT_NS) for key, taker_bps in LISTED_BPS.items()
}
_LISTED_WITHDRAWALS = {(fee.venue, fee.asset, fee.network): fee for fee in WITHDRAWALS}


class Fees:
    """People's fees over account fees over listed ones; of a quote before of the whole venue."""

    def __init__(self) -> None:
        self._fees = dict(_LISTED)
        self._withdrawals: dict[tuple[Venue, str, str], WithdrawalFee] = {}
        self._age_ns_max = 0
        self.version = 0
        self.policy(Policy())

    def policy(self, policy: Policy) -> None:
        self._age_ns_max = round(policy.fee_age_s_max * SECOND_NS)
        self._fees = _LISTED | {(fee.venue, fee.quote): fee for fee in policy.fees}
        self._withdrawals = {
            (fee.venue, fee.asset, fee.network): fee for fee in policy.withdrawal_fees
        }
        self.version += 1

    def taker(self, venue: Venue, quote: str) -> Fee | None:
        """Of a spot trade against `quote`; None where it is not known."""
        fee = self._fees.get((venue, quote)) or self._fees.get((venue, None))
        return None if fee is None or fee.taker_bps is None else fee

    def withdrawal(self, venue: Venue, asset: str, network: str) -> WithdrawalFee | None:
        """What was set by hand or read from the account; asset and network as the venue writes."""
        return self._withdrawals.get((venue, asset, network))

    def listed_withdrawal(self, venue: Venue, asset: str, network: str) -> WithdrawalFee | None:
        """For networks of which the venue itself says nothing."""
        return _LISTED_WITHDRAWALS.get((venue, asset, network))

    def stale(self, fee: Fee, at_ns: int) -> bool:
        """An account's fee must be read again; a list and a person are shown with their date."""
        return fee.source == ACCOUNT and at_ns - fee.as_of_ns > self._age_ns_max

    def all(self) -> tuple[Fee, ...]:
        return tuple(
            sorted(
                self._fees.values(), key=lambda fee: (list(Venue).index(fee.venue), fee.quote or "")
            )
        )
