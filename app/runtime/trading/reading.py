"""Reading: what the JSON API and the pages read of one mode, page by page."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal

from app.domain.cycles import CycleState
from app.domain.orders import OrderState
from app.domain.problems import Problem
from app.domain.trading import Purse
from app.domain.transfers import TransferState
from app.domain.venues import Venue
from app.ledger import trading_queries as queries
from app.ledger.database import Database
from app.runtime.trading.pages import (
    CycleDetail,
    CycleList,
    DayList,
    DeadLetterList,
    EntryList,
    LedgerItem,
    OrderList,
    PortfolioItem,
    PurseItem,
    Statistics,
    SumItem,
    TradeList,
    TransferList,
    account_item,
    cycle_detail,
    day_item,
    dead_letter_item,
    entry_item,
    statistics_item,
    trade_item,
)
from app.runtime.trading.rows import (
    OrderItem,
    cycle_item,
    exact,
    exact_or_none,
    order_item,
    transfer_item,
)

Value = Callable[[str, Decimal], Decimal | None]
"""KRW of an amount of an asset now; None where there is no price."""


class Reading:
    """Of one mode. value(asset, amount): in KRW now."""

    def __init__(self, db: Database, mode: str, value: Value) -> None:
        self._db = db
        self._mode = mode
        self._value = value

    async def cycles(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        tab: str | None = None,
        state: CycleState | None = None,
        base: str | None = None,
    ) -> CycleList:
        rows, onward = await self._db.read(
            queries.list_cycles, self._mode, limit, cursor, tab=tab, state=state, base=base
        )
        return CycleList([cycle_item(row) for row in rows], onward)

    async def cycle(self, cycle_id: str) -> CycleDetail:
        """Problem not_found."""
        found = await self._db.read(queries.timeline, self._mode, cycle_id)
        if found is None:
            raise Problem("not_found")
        return cycle_detail(found)

    async def counts(self) -> dict[str, int]:
        """Cycles by tab."""
        return await self._db.read(queries.count_cycles, self._mode)

    async def dead_letters(
        self, limit: int, cursor: str | None = None, *, waiting: bool = False
    ) -> DeadLetterList:
        rows, onward = await self._db.read(
            queries.list_dead_letters, self._mode, limit, cursor, waiting=waiting
        )
        return DeadLetterList([dead_letter_item(row) for row in rows], onward)

    async def orders(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        state: OrderState | None = None,
        venue: Venue | None = None,
        cycle_id: str | None = None,
    ) -> OrderList:
        rows, onward = await self._db.read(
            queries.list_orders,
            self._mode,
            limit,
            cursor,
            state=state,
            venue=venue,
            cycle_id=cycle_id,
        )
        return OrderList([order_item(row) for row in rows], onward)

    async def unknown_orders(self) -> list[OrderItem]:
        """Of which nobody knows whether they are there."""
        rows = await self._db.read(queries.unknown_orders, self._mode)
        return [order_item(row) for row in rows]

    async def transfers(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        state: TransferState | None = None,
        cycle_id: str | None = None,
        open_only: bool = False,
    ) -> TransferList:
        rows, onward = await self._db.read(
            queries.list_transfers,
            self._mode,
            limit,
            cursor,
            state=state,
            cycle_id=cycle_id,
            open_only=open_only,
        )
        return TransferList([transfer_item(row) for row in rows], onward)

    async def trades(
        self, limit: int, cursor: str | None = None, *, cycle_id: str | None = None
    ) -> TradeList:
        rows, onward = await self._db.read(
            queries.recent_trades, self._mode, limit, cursor, cycle_id=cycle_id
        )
        return TradeList([trade_item(row) for row in rows], onward)

    async def statistics(self) -> Statistics:
        return statistics_item(await self._db.read(queries.statistics, self._mode), self._mode)

    async def portfolio(self) -> PortfolioItem:
        purses = await self._db.read(queries.portfolio, self._mode)
        rows = [self._purse(purse) for purse in purses]
        values = (Decimal(row.value_krw) for row in rows if row.value_krw is not None)
        return PortfolioItem(
            self._mode,
            exact(sum(values, Decimal(0))),
            sorted({row.asset for row in rows if row.value_krw is None}),
            rows,
        )

    def _purse(self, purse: Purse) -> PurseItem:
        total = purse.available + purse.reserved + purse.in_flight
        return PurseItem(
            purse.venue,
            purse.asset,
            exact(purse.available),
            exact(purse.reserved),
            exact(purse.in_flight),
            purse.frozen,
            exact_or_none(self._value(purse.asset, total)),
        )

    async def ledger(self) -> LedgerItem:
        rows, sums = await self._db.read(queries.accounts, self._mode)
        return LedgerItem(
            [account_item(row) for row in rows],
            [SumItem(row.asset, exact(row.amount)) for row in sums],
        )

    async def entries(
        self,
        limit: int,
        cursor: str | None = None,
        *,
        account: str | None = None,
        asset: str | None = None,
        cycle_id: str | None = None,
    ) -> EntryList:
        rows, onward = await self._db.read(
            queries.list_entries,
            self._mode,
            limit,
            cursor,
            account=account,
            asset=asset,
            cycle_id=cycle_id,
        )
        return EntryList([entry_item(row) for row in rows], onward)

    async def days(self, limit: int) -> DayList:
        return DayList([day_item(row) for row in await self._db.read(
            queries.list_days, self._mode, limit
        )])  # fmt: skip
