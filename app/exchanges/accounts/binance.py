"""Binance's private side: spot, coins in and out, and USDT-M futures for a hedge. binance.md."""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal
from urllib.parse import urlencode

import msgspec
from msgspec import UNSET

from app.domain.markets import Instrument, Product, Side
from app.domain.orders import (
    Balance,
    Fill,
    OrderReport,
    OrderState,
    OrderTerms,
    OrderType,
    PlaceAnswer,
    Placed,
    Rejection,
)
from app.domain.times import MS_NS, from_iso
from app.domain.transfers import (
    DepositAddress,
    DepositReport,
    NeedsOperator,
    TransferState,
    TransferTerms,
    WithdrawalReport,
    WithdrawAnswer,
    Withdrawn,
)
from app.domain.venues import Venue
from app.exchanges.accounts.binance_words import (
    DEPOSIT_WORDS,
    DUPLICATE,
    FUTURES_DUPLICATE,
    FUTURES_REFUSALS,
    FUTURES_ROOT,
    LOCKED_OUT,
    MALFORMED,
    NO_SUCH_ORDER,
    NOT_TAKEN,
    ORDER_WORDS,
    REFUSALS,
    REFUSED_FOR,
    ROWS,
    STREAM,
    UNKNOWN_TO_CANCEL,
    WITHDRAWAL_WORDS,
    AccountOf,
    Address,
    Applied,
    Cancelled,
    Commission,
    Deposit,
    Frame,
    FuturesCommission,
    Kind,
    Order,
    Path,
    Positions,
    Report,
    Trade,
    Withdrawal,
    answer,
    dearest,
    fault_of,
    further,
    is_future,
    onward,
    refused,
    side_of,
)
from app.exchanges.accounts.contract import IdClass, Page, Rules, StreamRow, Unclear
from app.exchanges.accounts.reading import (
    EXACT,
    action,
    average,
    bps,
    exact,
    plain,
    question,
    received,
)
from app.exchanges.binance import Binance
from app.exchanges.contract import Names, Request, Ticket, Unreadable
from app.exchanges.logins import login
from app.exchanges.signing import RECEIVE_WINDOW_MS, Keys


class BinanceAccount:
    """An id may be used again once its order is over: a request is never sent twice [3]."""

    venue = Venue.BINANCE
    rules = Rules(
        IdClass.W,
        IdClass.W,
        window_ms=RECEIVE_WINDOW_MS,  # checked again in front of the matching engine [4]
        finds_ended=True,
        has_ioc=True,
        fee_in_base=True,
    )
    logs_in = True
    _public = Binance()

    def client_id(self, digest: str) -> str:
        return digest

    def place(self, terms: OrderTerms, client_id: str, at_ms: int) -> Request:
        fields = {
            "symbol": self._public.symbol(terms.instrument),
            "side": terms.side.upper(),
            "type": "LIMIT",
            "timeInForce": "IOC" if terms.type is OrderType.IOC else "GTC",
            "quantity": plain(terms.quantity),
            "price": plain(terms.price),
            "newClientOrderId": client_id,
            "newOrderRespType": "RESULT",
        }
        body = urlencode(fields).encode()
        if is_future(terms.instrument):
            return Request("POST", Path.FUTURES_ORDER, signed=True, root=FUTURES_ROOT, body=body)
        return Request("POST", Path.ORDER, signed=True, body=body)

    @action
    def read_placed(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        fault = fault_of(status, body)
        if fault is None:
            order = msgspec.json.decode(body, type=Order)
            names = Names(self._public)
            return Placed(str(order.orderId), self._report(order, names, request))
        hedges = request.path == Path.FUTURES_ORDER
        if fault.code == NOT_TAKEN and fault.msg in REFUSED_FOR:
            return Rejection(str(fault.code), fault.msg)
        is_duplicate = fault.code == NOT_TAKEN and fault.msg == DUPLICATE
        if is_duplicate or (hedges and fault.code == FUTURES_DUPLICATE):
            raise Unclear("duplicate")
        return refused(fault, FUTURES_REFUSALS if hedges else REFUSALS)

    def cancel(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        return self._one("DELETE", instrument, client_id, venue_order_id)

    @action
    def read_cancelled(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        fault = fault_of(status, body)
        if fault is not None:
            return refused(fault, LOCKED_OUT | MALFORMED | {UNKNOWN_TO_CANCEL})
        return Placed(str(msgspec.json.decode(body, type=Cancelled).orderId))

    def ask_order(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        return self._one("GET", instrument, client_id, venue_order_id)

    @question
    def read_order(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> OrderReport | None:
        fault = fault_of(status, body)
        if fault is not None and fault.code == NO_SUCH_ORDER:
            return None
        return self._report(msgspec.json.decode(answer(fault, body), type=Order), names, request)

    def ask_orders(self, instrument: Instrument, since_ms: int) -> list[Request]:
        query = (
            ("symbol", self._public.symbol(instrument)),
            ("startTime", str(since_ms)),
            ("limit", str(ROWS)),
        )
        return [self._about(instrument, Path.ORDERS, Path.FUTURES_ORDERS, query)]

    @question
    def read_orders(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> Page[OrderReport]:
        rows = msgspec.json.decode(answer(fault_of(status, body), body), type=list[Order])
        found = [self._report(row, names, request) for row in rows]
        if len(rows) < ROWS:
            return Page(found)
        return Page(found, onward(request, "orderId", max(row.orderId for row in rows)))

    def ask_fills(
        self, instrument: Instrument, venue_order_id: str, since_ms: int
    ) -> list[Request]:
        query = (
            ("symbol", self._public.symbol(instrument)),
            ("orderId", venue_order_id),
            ("limit", str(ROWS)),
        )
        return [self._about(instrument, Path.TRADES, Path.FUTURES_TRADES, query)]

    @question
    def read_fills(self, request: Request, status: int, body: bytes, names: Names) -> Page[Fill]:
        rows = msgspec.json.decode(answer(fault_of(status, body), body), type=list[Trade])
        found = [self._fill(row, names, request) for row in rows]
        if len(rows) < ROWS:
            return Page(found)
        return Page(found, onward(request, "fromId", max(row.id for row in rows)))

    def ask_balances(self) -> Request:
        """Of spot: what secures a hedge stays in its own purse."""
        return Request("GET", Path.ACCOUNT, (("omitZeroBalances", "true"),), signed=True)

    @question
    def read_balances(self, request: Request, status: int, body: bytes) -> Page[Balance]:
        told = msgspec.json.decode(answer(fault_of(status, body), body), type=AccountOf)
        return Page(
            [
                Balance(self.venue, row.asset, exact(row.free), exact(row.locked))
                for row in told.balances
            ]
        )

    def ask_fee(self, instrument: Instrument) -> Request | None:
        query = (("symbol", self._public.symbol(instrument)),)
        return self._about(instrument, Path.COMMISSION, Path.FUTURES_COMMISSION, query)

    @question
    def read_fee(self, request: Request, status: int, body: bytes) -> float:
        told = answer(fault_of(status, body), body)
        if request.path == Path.FUTURES_COMMISSION:
            futures = msgspec.json.decode(told, type=FuturesCommission)
            return bps(exact(futures.takerCommissionRate))
        rates = msgspec.json.decode(told, type=Commission)
        parts = (rates.standardCommission, rates.specialCommission, rates.taxCommission)
        return bps(sum((dearest(part) for part in parts if part is not None), Decimal(0)))

    def ask_address(self, asset: str, network: str) -> Request:
        """What it answers does not repeat the network."""
        query = (("coin", asset), ("network", network))
        return Request("GET", Path.ADDRESS, query, signed=True)

    @question
    def read_address(
        self, request: Request, status: int, body: bytes
    ) -> DepositAddress | NeedsOperator:
        told = msgspec.json.decode(answer(fault_of(status, body), body), type=Address)
        network = request.asked("network")
        if network is None or told.coin != request.asked("coin"):
            raise Unreadable("an address of another coin than was asked for")
        if not told.address:
            raise Unclear("not_ready", "no address yet")
        return DepositAddress(self.venue, told.coin, network, told.address, told.tag)

    def fund(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request | None:
        return None

    def read_funded(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        raise AssertionError("nothing goes before a withdrawal here")

    def withdraw(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request:
        """The fee is taken out of the amount that is asked for; the history tells the rest."""
        fields = {
            "coin": terms.asset,
            "network": terms.network,
            "address": terms.address,
            "amount": plain(EXACT.add(terms.amount, terms.fee)),
            "withdrawOrderId": client_id,
        }
        if terms.tag:
            fields["addressTag"] = terms.tag
        return Request("POST", Path.WITHDRAW, signed=True, body=urlencode(fields).encode())

    @action
    def read_withdrawn(self, request: Request, status: int, body: bytes) -> WithdrawAnswer:
        fault = fault_of(status, body)
        if fault is not None:
            return refused(fault, LOCKED_OUT | MALFORMED)
        return Withdrawn(msgspec.json.decode(body, type=Applied).id)

    def ask_withdrawals(
        self, asset: str, since_ms: int, client_id: str | None, withdrawal_id: str | None
    ) -> list[Request]:
        """With our id it looks back 7 days, whatever else is asked [reliability 2.3]."""
        query = [("coin", asset), ("startTime", str(since_ms)), ("limit", str(ROWS))]
        if client_id is not None:
            query.append(("withdrawOrderId", client_id))
        return [Request("GET", Path.WITHDRAWALS, tuple(query), signed=True)]

    @question
    def read_withdrawals(
        self, request: Request, status: int, body: bytes
    ) -> Page[WithdrawalReport]:
        rows = msgspec.json.decode(answer(fault_of(status, body), body), type=list[Withdrawal])
        return Page([self._withdrawal(row) for row in rows], further(request, len(rows)))

    def ask_deposits(self, asset: str, since_ms: int, txid: str | None) -> list[Request]:
        query = [("coin", asset), ("startTime", str(since_ms)), ("limit", str(ROWS))]
        if txid is not None:
            query.append(("txId", txid))
        return [Request("GET", Path.DEPOSITS, tuple(query), signed=True)]

    @question
    def read_deposits(self, request: Request, status: int, body: bytes) -> Page[DepositReport]:
        rows = msgspec.json.decode(answer(fault_of(status, body), body), type=list[Deposit])
        found = [
            DepositReport(
                self.venue,
                row.id or row.txId,
                row.coin,
                row.network,
                exact(row.amount),
                row.txId or None,
                DEPOSIT_WORDS.get(row.status, TransferState.UNKNOWN),
                row.insertTime * MS_NS,
            )
            for row in rows
        ]
        return Page(found, further(request, len(rows)))

    def stream_entry(self) -> Request | None:
        return None

    def stream_path(self, entry: bytes | None) -> str:
        return STREAM

    def stream_headers(self, keys: Keys, ticket: Ticket) -> dict[str, str]:
        return {}

    def stream_frames(
        self, keys: Keys, instruments: Sequence[Instrument], ticket: Ticket
    ) -> list[bytes]:
        """One call logs in and subscribes [7]."""
        frame = login(self.venue, keys, ticket.at_ns // MS_NS, ticket.tag)
        return [msgspec.json.encode(frame)]

    def login_reply(self, frame: bytes) -> bool | None:
        head = msgspec.json.decode(frame, type=Frame)
        return None if head.status is None or head.event is not UNSET else head.status == 200

    def stream_ping(self, ticket: Ticket) -> bytes | None:
        return None

    def read_stream(self, frame: bytes, names: Names) -> list[StreamRow]:
        head = msgspec.json.decode(frame, type=Frame)
        if head.event is UNSET:
            if head.status is None:
                raise Unreadable("no message that Binance's documents describe")
            return []
        match msgspec.json.decode(head.event, type=Kind).e:
            case "executionReport":
                report = msgspec.json.decode(head.event, type=Report)
                return self._executed(report, names)
            case "outboundAccountPosition":
                rows = msgspec.json.decode(head.event, type=Positions).balances
                return [
                    Balance(self.venue, row.asset, exact(row.free), exact(row.locked))
                    for row in rows
                ]
            case "eventStreamTerminated":
                raise Unclear("closed")
        return []

    def _one(
        self, method: str, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request:
        by = ("orderId", venue_order_id) if venue_order_id else ("origClientOrderId", client_id)
        query = (("symbol", self._public.symbol(instrument)), by)
        request = self._about(instrument, Path.ORDER, Path.FUTURES_ORDER, query)
        return msgspec.structs.replace(request, method=method)

    def _about(
        self,
        instrument: Instrument,
        spot: Path,
        futures: Path,
        query: tuple[tuple[str, str], ...],
    ) -> Request:
        if is_future(instrument):
            return Request("GET", futures, query, signed=True, root=FUTURES_ROOT)
        return Request("GET", spot, query, signed=True)

    def _instrument(self, symbol: str, names: Names, request: Request | None = None) -> Instrument:
        """A perpetual is spelled as the spot market of its coin: the call tells them apart."""
        hedges = request is not None and request.root == FUTURES_ROOT
        product = Product.PERPETUAL if hedges else Product.SPOT
        return msgspec.structs.replace(names[symbol], product=product)

    def _report(self, told: Order, names: Names, request: Request) -> OrderReport:
        executed = exact(told.executedQty)
        written = told.cumQuote if told.cummulativeQuoteQty is None else told.cummulativeQuoteQty
        value = None if written is None else exact(written)
        at_ms = told.transactTime if told.updateTime is None else told.updateTime
        return OrderReport(
            self.venue,
            str(told.orderId),
            told.clientOrderId,
            self._instrument(told.symbol, names, request),
            side_of(told.side),
            ORDER_WORDS.get(told.status, OrderState.UNKNOWN),
            executed,
            # Of orders from before 2017 it is not known, and said so by a number below zero.
            None if value is None or value < 0 else average(value, executed),
            None if at_ms is None else at_ms * MS_NS,
        )

    def _fill(self, row: Trade, names: Names, request: Request) -> Fill:
        if row.side is not None:
            side = side_of(row.side)
        elif row.isBuyer is not None:
            side = Side.BUY if row.isBuyer else Side.SELL
        else:
            raise Unreadable("a trade that says not whether it bought")
        return Fill(
            self.venue,
            str(row.id),
            str(row.orderId),
            None,
            self._instrument(row.symbol, names, request),
            side,
            exact(row.price),
            exact(row.qty),
            exact(row.commission),
            row.commissionAsset,
            row.time * MS_NS,
        )

    def _withdrawal(self, row: Withdrawal) -> WithdrawalReport:
        state = WITHDRAWAL_WORDS.get(row.status, TransferState.UNKNOWN)
        if state is TransferState.ACCEPTED and row.txId:
            state = TransferState.ON_CHAIN
        return WithdrawalReport(
            self.venue,
            row.id,
            row.withdrawOrderId or None,
            row.coin,
            row.network,
            row.address,
            exact(row.amount),
            exact(row.transactionFee),
            state,
            row.txId or None,
            from_iso(row.applyTime),
        )

    def _executed(self, told: Report, names: Names) -> list[StreamRow]:
        """When it was cancelled, `c` is the cancel's own id and `C` is ours [7]."""
        client_id = told.original_id or told.client_id
        instrument, side = self._instrument(told.symbol, names), side_of(told.side)
        executed, at_ns = exact(told.quantity), told.at_ms * MS_NS
        rows: list[StreamRow] = [
            OrderReport(
                self.venue,
                str(told.order_id),
                client_id,
                instrument,
                side,
                ORDER_WORDS.get(told.status, OrderState.UNKNOWN),
                executed,
                average(exact(told.value), executed),
                at_ns,
            )
        ]
        if told.execution == "TRADE":
            fee = exact(told.fee)
            if told.fee_asset is None and fee:
                raise Unreadable("a fee in no asset")
            fill = Fill(
                self.venue,
                str(told.trade_id),
                str(told.order_id),
                client_id,
                instrument,
                side,
                exact(told.last_price),
                exact(told.last_quantity),
                fee,
                told.fee_asset or received(instrument, side),
                at_ns,
            )
            rows.append(fill)
        return rows
