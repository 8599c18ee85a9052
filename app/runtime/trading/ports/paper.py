"""Paper: the port of a venue that is only arithmetic over the live books.

It answers late, as a venue does: an order meets the book as it is when it arrives, not as it was
when it was decided. What it holds is the ledger's own word (`purses`), and `restore` brings back
what the ledger says it had accepted; so killing the process loses nothing (R10). It cannot time
out: an answer that was not committed is an order that was not accepted.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import NamedTuple

import structlog

from app.domain.markets import Instrument
from app.domain.orders import Balance, Fill, Order, OrderReport, OrderState, OrderType, PlaceAnswer
from app.domain.trading import Purse
from app.domain.transfers import (
    DepositAddress,
    DepositReport,
    NeedsOperator,
    Transfer,
    WithdrawalReport,
    WithdrawAnswer,
)
from app.domain.venues import Venue
from app.exchanges.accounts.contract import IdClass, Rules
from app.exchanges.paper import FEE_IN_BASE, Depth, PaperVenue, Passages, address_of
from app.runtime.trading.clock import Clock

log = structlog.get_logger("kimp.trading")

# Resting orders are looked at so often; IOCs, which kimp sends, never wait for it.
LOOK_S = 0.1
ANSWERED = frozenset({
    OrderState.OPEN, OrderState.PARTIALLY_FILLED, OrderState.FILLED, OrderState.CANCELLED,
})  # fmt: skip


class PaperTerms(NamedTuple):
    """latency_s: of an order, from low to high. transfer_s: of a passage on average."""

    latency_s: tuple[float, float] = (0.02, 0.15)
    transfer_s: float = 20.0


def rules_of(venue: Venue) -> Rules:
    """As good as a venue can be: every id is found for ever, nothing arrives late."""
    return Rules(
        orders=IdClass.U,
        withdrawals=IdClass.U,
        window_ms=2_000,
        finds_ended=True,
        has_ioc=True,
        fee_in_base=venue in FEE_IN_BASE,
    )


class PaperPort:
    """depth(instrument): the valid book now, None where there is none. purses(): the ledger's."""

    def __init__(
        self,
        paper: PaperVenue,
        passages: Passages,
        *,
        depth: Callable[[Instrument], Depth | None],
        purses: Callable[[], Awaitable[Sequence[Purse]]],
        clock: Clock,
        terms: PaperTerms,
    ) -> None:
        self.venue = paper.venue
        self.rules = rules_of(paper.venue)
        self._paper = paper
        self._passages = passages
        self._depth = depth
        self._purses = purses
        self._clock = clock
        self._terms = terms
        self._heard: Callable[[OrderReport | Fill | Balance], None] = _nobody
        self._looking: asyncio.Task[None] | None = None

    async def start(self, heard: Callable[[OrderReport | Fill | Balance], None]) -> None:
        self._heard = heard
        self._look()

    async def stop(self) -> None:
        if self._looking is not None:
            self._looking.cancel()
            await asyncio.gather(self._looking, return_exceptions=True)
            self._looking = None

    def healthy(self) -> bool:
        return True

    def restore(
        self,
        orders: Sequence[Order],
        transfers: Sequence[Transfer],
        fills: Mapping[str, Sequence[Fill]],
    ) -> None:
        """What the ledger holds of it. A row without an answer was not accepted."""
        for order in orders:
            if order.state in ANSWERED and order.venue_order_id is not None:
                self._paper.restore(order, fills.get(order.client_id, ()))
        for transfer in transfers:
            if transfer.withdrawal_id is not None and transfer.signed_at_ns is not None:
                self._passages.restore(transfer)

    # Orders

    async def place(self, order: Order) -> PlaceAnswer:
        await self._arrive()
        instrument = order.terms.instrument
        answer, fills = self._paper.place(order, self._depth(instrument), self._clock.at_ns())
        # Told before the answer, in the same turn: whoever commits the answer has them as well.
        for fill in fills:
            self._heard(fill)
        if order.terms.type is OrderType.LIMIT:
            self._look()
        return answer

    async def cancel(self, order: Order) -> PlaceAnswer:
        await self._arrive()
        return self._paper.cancel(order, self._clock.at_ns())

    async def order(self, order: Order) -> OrderReport | None:
        return self._paper.order(order)

    async def orders(self, instrument: Instrument, since_ns: int) -> list[OrderReport]:
        return self._paper.orders(instrument, since_ns)

    async def fills(self, order: Order) -> list[Fill]:
        return self._paper.fills(order)

    # Money

    async def balances(self) -> list[Balance]:
        return [
            Balance(self.venue, purse.asset, purse.available, purse.reserved)
            for purse in await self._purses()
            if purse.venue is self.venue
        ]

    async def address(self, asset: str, network: str) -> DepositAddress | NeedsOperator:
        return address_of(self.venue, asset, network)

    async def withdraw(self, transfer: Transfer) -> WithdrawAnswer:
        await self._arrive()
        return self._passages.withdraw(transfer)

    async def withdrawals(self, transfer: Transfer) -> list[WithdrawalReport]:
        """One that another process sent is known by its row: it has an answer."""
        if transfer.withdrawal_id is not None and transfer.signed_at_ns is not None:
            self._passages.restore(transfer)
        return self._passages.withdrawals(transfer, self._clock.at_ns())

    async def deposits(self, asset: str, since_ns: int, txid: str | None) -> list[DepositReport]:
        return self._passages.deposits(self.venue, asset, since_ns, txid, self._clock.at_ns())

    async def _arrive(self) -> None:
        low, high = self._terms.latency_s
        await self._clock.sleep(low + (high - low) * self._clock.chance())

    def _look(self) -> None:
        if self._looking is None or self._looking.done():
            self._looking = asyncio.create_task(self._look_on(), name=f"paper-{self.venue}")

    async def _look_on(self) -> None:
        """While anything rests: whether its price has come."""
        while any(True for _ in self._paper.resting()):
            await self._clock.sleep(LOOK_S)
            for instrument in dict.fromkeys(
                held.order.terms.instrument for held in self._paper.resting()
            ):
                depth = self._depth(instrument)
                if depth is None:
                    continue
                turned = self._paper.turned(instrument, depth, self._clock.at_ns())
                for report, fills in turned:
                    for fill in fills:
                        self._heard(fill)
                    self._heard(report)


def _nobody(row: OrderReport | Fill | Balance) -> None:
    """Before `start` nothing is told: whoever places asks for the fills."""
    log.debug("paper_unheard", row=type(row).__name__)
