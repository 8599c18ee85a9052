"""Port: what trading asks of a venue, whoever answers: the real one, or arithmetic on paper.

Whatever a port cannot tell for certain it says so: `NoAnswer` for an action, `Silent` for a
question. It never tries anything twice.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from app.domain.markets import Instrument
from app.domain.orders import Balance, Fill, Order, OrderReport, PlaceAnswer
from app.domain.transfers import (
    DepositAddress,
    DepositReport,
    NeedsOperator,
    Transfer,
    WithdrawalReport,
    WithdrawAnswer,
)
from app.domain.venues import Venue
from app.exchanges.accounts.contract import Rules


class Silent(Exception):
    """A question without an answer that can be used. reason: a word for pages and the log."""

    def __init__(self, reason: str, detail: str = "") -> None:
        super().__init__(f"{reason}: {detail}" if detail else reason)
        self.reason = reason


class VenuePort(Protocol):
    venue: Venue
    rules: Rules

    async def start(self, heard: Callable[[OrderReport | Fill | Balance], None]) -> None:
        """Open the user stream, where there is one; `heard` gets what it tells."""
        ...

    async def stop(self) -> None: ...

    def healthy(self) -> bool:
        """Whether its last answers were answers: an absence counts only then."""
        ...

    async def place(self, order: Order) -> PlaceAnswer:
        """Signed with `order.signed_at_ns`; nothing leaves after `order.valid_until_ns`."""
        ...

    async def cancel(self, order: Order) -> PlaceAnswer: ...

    async def order(self, order: Order) -> OrderReport | None:
        """By its ids. None: the venue says that it knows none. Raises Silent."""
        ...

    async def orders(self, instrument: Instrument, since_ns: int) -> list[OrderReport]:
        """Raises Silent."""
        ...

    async def fills(self, order: Order) -> list[Fill]:
        """Of this order alone. Raises Silent."""
        ...

    async def balances(self) -> list[Balance]:
        """Raises Silent."""
        ...

    async def address(self, asset: str, network: str) -> DepositAddress | NeedsOperator:
        """Raises Silent."""
        ...

    async def withdraw(self, transfer: Transfer) -> WithdrawAnswer: ...

    async def withdrawals(self, transfer: Transfer) -> list[WithdrawalReport]:
        """Of the sender; those that may be this one, newest first. Raises Silent."""
        ...

    async def deposits(self, asset: str, since_ns: int, txid: str | None) -> list[DepositReport]:
        """Of the receiver. Raises Silent."""
        ...
