"""Live: the port of a real account, over HTTP and its user stream. For LIVE and DRILL.

Nothing is ever sent twice, and nothing that is not plainly an answer is taken for one: NoAnswer for
an action, Silent for a question (R4). What nobody has sent is told as a Rejection of our own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from decimal import Decimal
from functools import partial
from typing import TypeVar

import msgspec
import structlog

from app.domain.markets import Instrument
from app.domain.orders import (
    Balance,
    Fill,
    NoAnswer,
    Order,
    OrderReport,
    PlaceAnswer,
    Rejection,
)
from app.domain.transfers import (
    DepositAddress,
    DepositReport,
    NeedsOperator,
    Transfer,
    WithdrawalReport,
    WithdrawAnswer,
)
from app.exchanges.accounts.contract import Account, Page, Unclear
from app.exchanges.contract import Request
from app.net.http import Answer
from app.runtime.feeds.clock import seconds_ns
from app.runtime.feeds.station import Station
from app.runtime.trading.port import Silent
from app.runtime.trading.ports.door import Door
from app.runtime.trading.ports.limits import PAGES_MAX, SINCE_S
from app.runtime.trading.ports.userstream import Heard, UserStream, kept_up

log = structlog.get_logger("kimp.trading")

T = TypeVar("T")


class LivePort:
    """station: of the venue's feed, which reads its clock; its `rest` has the account's keys.

    instruments: whose news are wanted, where a venue asks which.
    """

    def __init__(
        self,
        station: Station,
        account: Account,
        *,
        instruments: Callable[[], Sequence[Instrument]] = tuple,
    ) -> None:
        self.venue = account.venue
        self.rules = account.rules
        self.stream: UserStream | None = None
        self._station = station
        self._account = account
        self._instruments = instruments
        self._door = Door(station.rest, station.egress)
        self._task: asyncio.Task[None] | None = None

    async def start(self, heard: Heard) -> None:
        self.stream = UserStream(self._station, self._account, self._door, self._instruments, heard)
        self._task = asyncio.create_task(
            kept_up(self.stream, self._station), name=f"user-stream-{self.venue}"
        )

    async def stop(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def healthy(self) -> bool:
        return self._door.is_well

    def budget_used(self) -> float:
        """Share 0..1 of the account's limit that is nearest to its end."""
        return self._door.budget.used(self._station.clock.at_ns())

    # ------------------------------------------------------------------ actions

    async def place(self, order: Order) -> PlaceAnswer:
        assert order.signed_at_ns is not None, order.client_id
        at_ms = self._door.venue_ms(order.signed_at_ns)
        request = self._account.place(order.terms, order.client_id, at_ms)
        answer = await self._acted(request, order, self.rules.order_ms)
        return self._read(answer, request, self._account.read_placed)

    async def cancel(self, order: Order) -> PlaceAnswer:
        """Harmless as often as it is asked: its time is now."""
        request = self._account.cancel(
            order.terms.instrument, order.client_id, order.venue_order_id
        )
        if request is None:
            return Rejection("UNNUMBERED", "this venue cancels by its own number only")
        at_ns, window_ms = self._station.clock.at_ns(), self.rules.window_ms
        until_ns = at_ns + window_ms * 1_000_000
        answer = await self._door.act(request, at_ns, until_ns, window_ms, urgent=True)
        return self._read(answer, request, self._account.read_cancelled)

    async def withdraw(self, transfer: Transfer) -> WithdrawAnswer:
        """From another purse where the venue keeps two: a move between them is no withdrawal."""
        assert transfer.signed_at_ns is not None, transfer.client_id
        keys = self._station.rest.keys
        holder = None if keys is None else keys.holder  # told at the door: no ledger holds it
        terms = msgspec.structs.replace(transfer.terms, receiver=holder)
        client_id = transfer.client_id
        assert terms.address, client_id
        at_ms = self._door.venue_ms(transfer.signed_at_ns)
        funding = self._account.fund(terms, client_id, at_ms)
        if funding is not None:
            answer = await self._acted(funding, transfer, self.rules.window_ms)
            moved = self._read(answer, funding, self._account.read_funded)
            if isinstance(moved, Rejection):
                return moved
            if isinstance(moved, NoAnswer):
                return Rejection("UNFUNDED", moved.reason)
        request = self._account.withdraw(terms, client_id, at_ms)
        answer = await self._acted(request, transfer, self.rules.window_ms)
        return self._read(answer, request, self._account.read_withdrawn)

    async def _acted(
        self, request: Request, intent: Order | Transfer, window_ms: int
    ) -> Answer | NoAnswer | Rejection:
        assert intent.signed_at_ns is not None and intent.valid_until_ns is not None
        return await self._door.act(request, intent.signed_at_ns, intent.valid_until_ns, window_ms)

    def _read(
        self,
        answer: Answer | NoAnswer | Rejection,
        request: Request,
        read: Callable[[Request, int, bytes], T],
    ) -> T | NoAnswer | Rejection:
        if isinstance(answer, NoAnswer | Rejection):
            return answer
        try:
            meant = read(request, answer.status, answer.body)
        except ValueError as unclear:
            self._door.is_well = False
            return NoAnswer(str(unclear)[:200])
        self._door.is_well = not isinstance(meant, NoAnswer) or meant.reason == "duplicate"
        return meant

    # ------------------------------------------------------------------ questions about orders

    async def order(self, order: Order) -> OrderReport | None:
        account, names = self._account, self._station.rest.names
        request = account.ask_order(order.terms.instrument, order.client_id, order.venue_order_id)
        if request is None:
            raise Silent("unnumbered", "this venue knows orders by its own number only")
        return await self._asked(
            request, lambda status, body: account.read_order(request, status, body, names)
        )

    async def orders(self, instrument: Instrument, since_ns: int) -> list[OrderReport]:
        """Each once: of one that ended between two lists, the later word."""
        account, names = self._account, self._station.rest.names
        found: dict[str, OrderReport] = {}
        for request in account.ask_orders(instrument, self._since_ms(since_ns)):
            rows = await self._all(
                request, lambda asked, status, body: account.read_orders(asked, status, body, names)
            )
            found |= {row.venue_order_id: row for row in rows}
        return sorted(found.values(), key=lambda row: row.at_ns or 0, reverse=True)

    async def fills(self, order: Order) -> list[Fill]:
        account, names = self._account, self._station.rest.names
        number = order.venue_order_id
        if number is None and self.rules.finds_ended:
            raise Silent("unnumbered", "trades are asked for by the venue's number")
        instrument = order.terms.instrument
        since_ns = order.signed_at_ns or order.planned_at_ns
        found: dict[str, Fill] = {}
        for request in account.ask_fills(instrument, number or "", self._since_ms(since_ns)):
            rows = await self._all(
                request, lambda asked, status, body: account.read_fills(asked, status, body, names)
            )
            found |= {row.trade_id: row for row in rows}
        if number is not None:
            return [row for row in found.values() if row.venue_order_id == number]
        return await self._attributed(order, list(found.values()), since_ns)

    async def _attributed(self, order: Order, rows: list[Fill], since_ns: int) -> list[Fill]:
        """By the client id, which not every venue tells with a trade: then its orders are asked.

        Raises Silent where a trade belongs to no order that is listed.
        """
        if all(row.client_id is not None for row in rows):
            return [row for row in rows if row.client_id == order.client_id]
        orders = await self.orders(order.terms.instrument, since_ns)
        owners = {report.venue_order_id: report.client_id for report in orders}
        if any(row.venue_order_id not in owners for row in rows):
            raise Silent("unattributed", "a trade whose order is not listed")
        return [row for row in rows if owners[row.venue_order_id] == order.client_id]

    # ------------------------------------------------------------------ questions about money

    async def balances(self) -> list[Balance]:
        """One row for each asset, whatever purses the venue keeps."""
        rows = await self._all(self._account.ask_balances(), self._account.read_balances, calm=True)
        sums: dict[str, tuple[Decimal, Decimal]] = {}
        for row in rows:
            free, locked = sums.get(row.asset, (Decimal(0), Decimal(0)))
            sums[row.asset] = free + row.free, locked + row.locked
        return [Balance(self.venue, asset, *amounts) for asset, amounts in sums.items()]

    async def address(self, asset: str, network: str) -> DepositAddress | NeedsOperator:
        request = self._account.ask_address(asset, network)
        return await self._asked(
            request,
            lambda status, body: self._account.read_address(request, status, body),
            calm=True,
        )

    async def fee_bps(self, instrument: Instrument) -> float | None:
        """The account's own taker fee; None where only the public list tells. Raises Silent."""
        request = self._account.ask_fee(instrument)
        if request is None:
            return None
        return await self._asked(
            request, lambda status, body: self._account.read_fee(request, status, body), calm=True
        )

    async def withdrawals(self, transfer: Transfer) -> list[WithdrawalReport]:
        since_ns = transfer.signed_at_ns or transfer.planned_at_ns
        found: dict[str, WithdrawalReport] = {}
        for request in self._account.ask_withdrawals(
            transfer.terms.asset,
            self._since_ms(since_ns),
            transfer.client_id,
            transfer.withdrawal_id,
        ):
            rows = await self._all(request, self._account.read_withdrawals)
            found |= {row.withdrawal_id: row for row in rows}
        return sorted(found.values(), key=lambda row: row.at_ns or 0, reverse=True)

    async def deposits(self, asset: str, since_ns: int, txid: str | None) -> list[DepositReport]:
        found: dict[str, DepositReport] = {}
        for request in self._account.ask_deposits(asset, self._since_ms(since_ns), txid):
            rows = await self._all(request, self._account.read_deposits)
            found |= {row.deposit_id: row for row in rows}
        return sorted(found.values(), key=lambda row: row.at_ns or 0, reverse=True)

    # ------------------------------------------------------------------ parts

    def _since_ms(self, since_ns: int) -> int:
        return self._door.venue_ms(since_ns - seconds_ns(SINCE_S))

    async def _asked(
        self, request: Request, read: Callable[[int, bytes], T], *, calm: bool = False
    ) -> T:
        """calm: nobody recovers by it, so it leaves the reserve alone. Raises Silent."""
        answer = await self._door.ask(request, urgent=not calm)
        try:
            meant = read(answer.status, answer.body)
        except Unclear as unclear:
            self._door.is_well = False
            raise Silent(unclear.reason, str(unclear).partition(": ")[2]) from unclear
        except ValueError as fault:
            self._door.is_well = False
            raise Silent("unreadable", str(fault)[:200]) from fault
        self._door.is_well = True
        return meant

    async def _all(
        self,
        request: Request,
        read: Callable[[Request, int, bytes], Page[T]],
        *,
        calm: bool = False,
    ) -> list[T]:
        """All pages of one list. Raises Silent, also for a list without an end."""
        rows: list[T] = []
        following: Request | None = request
        for _ in range(PAGES_MAX):
            if following is None:
                return rows
            page = await self._asked(following, partial(read, following), calm=calm)
            rows += page.rows
            following = page.rest
        if following is None:
            return rows
        raise Silent("too_long", f"more than {PAGES_MAX} pages of {request.path}")
