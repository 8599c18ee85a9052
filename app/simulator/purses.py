"""One venue's money of one account, and where all that leaves it goes: exact, nothing is lost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from decimal import Context, Decimal, Inexact, InvalidOperation

from app.simulator.trading import ZERO, Purse, Rejected

EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])
"""Amounts have some 30 digits at most; an inexact one would be money that appears or vanishes."""


class Purses:
    """street: what the market holds that traded with the account, negative where it gave more.

    fees: taken by the venue. Purses, street and fees change together; transfers take and bring.
    """

    def __init__(self, start: dict[str, Decimal], assets: Iterable[str]) -> None:
        self.of = {asset: Purse(start.get(asset, ZERO)) for asset in assets}
        self.street: dict[str, Decimal] = defaultdict(Decimal)
        self.fees: dict[str, Decimal] = defaultdict(Decimal)
        self._touched: dict[str, None] = {}

    def lock(self, asset: str, amount: Decimal) -> None:
        """Raises Rejected insufficient."""
        purse = self._touch(asset)
        if purse.free < amount:
            raise Rejected("insufficient", f"{asset}: {amount} of {purse.free}")
        purse.free -= amount
        purse.locked += amount

    def unlock(self, asset: str, amount: Decimal) -> None:
        purse = self._touch(asset)
        assert ZERO <= amount <= purse.locked, (asset, amount, purse)
        purse.locked -= amount
        purse.free += amount

    def spend(self, asset: str, amount: Decimal) -> None:
        """Locked money leaves to the street."""
        self._leave(asset, amount)
        self.street[asset] += amount

    def receive(self, asset: str, amount: Decimal) -> None:
        self._touch(asset).free += amount
        self.street[asset] -= amount

    def charge(self, asset: str, amount: Decimal, *, locked: bool) -> None:
        """A fee; locked: of the money that an order holds."""
        if locked:
            self._leave(asset, amount)
        else:
            self._touch(asset).free -= amount
        self.fees[asset] += amount

    def take(self, asset: str, amount: Decimal) -> None:
        """Free money goes on its way to a chain."""
        purse = self._touch(asset)
        assert purse.free >= amount, (asset, amount, purse)
        purse.free -= amount

    def bring(self, asset: str, amount: Decimal) -> None:
        self.of.setdefault(asset, Purse())
        self._touch(asset).free += amount

    def touched(self) -> list[str]:
        """Assets that have moved since last asked."""
        assets = list(self._touched)
        self._touched.clear()
        return assets

    def _leave(self, asset: str, amount: Decimal) -> None:
        purse = self._touch(asset)
        assert purse.locked >= amount, (asset, amount, purse)
        purse.locked -= amount

    def _touch(self, asset: str) -> Purse:
        self._touched[asset] = None
        try:
            return self.of[asset]
        except KeyError:
            raise Rejected("unknown_asset", asset) from None
