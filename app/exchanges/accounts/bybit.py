"""Bybit's private side: spot of the unified account. bybit.md; sections in brackets."""

from __future__ import annotations

from collections.abc import Sequence

import msgspec
from msgspec import UNSET

from app.domain.markets import Instrument
from app.domain.orders import (
    Balance,
    Fill,
    OrderReport,
    OrderState,
    OrderTerms,
    PlaceAnswer,
    Placed,
)
from app.domain.times import MS_NS
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
from app.exchanges.accounts import bybit_words as words
from app.exchanges.accounts.bybit_words import Path, listed, onward, refused, reply_of, result
from app.exchanges.accounts.contract import IdClass, Page, Rules, StreamRow, Unclear
from app.exchanges.accounts.reading import EXACT, action, bps, exact, plain, question, received
from app.exchanges.bybit import Bybit
from app.exchanges.contract import Names, Request, Ticket, Unreadable
from app.exchanges.logins import login
from app.exchanges.signing import RECEIVE_WINDOW_MS, Keys


class BybitAccount:
    """Placing is acknowledged before it is done: what came of it is asked for [3]."""

    venue = Venue.BYBIT
    # Withdrawals take an id of ours, and no list ever tells it: they are searched for.
    rules = Rules(
        IdClass.U,
        IdClass.N,
        window_ms=RECEIVE_WINDOW_MS,
        finds_ended=True,
        has_ioc=True,
        fee_in_base=True,
    )
    logs_in = True
    _public = Bybit()

    def client_id(self, digest: str) -> str:
        return digest

    def place(self, terms: OrderTerms, client_id: str, at_ms: int) -> Request:
        fields = {
            "category": words.SPOT,
            "symbol": self._public.symbol(terms.instrument),
            "side": words.SPELLED[terms.side],
            "orderType": "Limit",
            "qty": plain(terms.quantity),
            "price": plain(terms.price),
            "timeInForce": words.FORCES[terms.type],
            "orderLinkId": client_id,
        }
        return Request("POST", Path.CREATE, signed=True, body=msgspec.json.encode(fields))

    @action
    def read_placed(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        return _acted(status, body, words.REFUSALS)

    def cancel(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        name, number = _by(client_id, venue_order_id)
        fields = {
            "category": words.SPOT,
            "symbol": self._public.symbol(instrument),
            name: number,
        }
        return Request("POST", Path.CANCEL, signed=True, body=msgspec.json.encode(fields))

    @action
    def read_cancelled(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        return _acted(status, body, words.CANCEL_REFUSALS)

    def ask_order(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        """openOnly=1: also the last 500 that ended [3]."""
        by = _by(client_id, venue_order_id)
        query = (*self._market(instrument), by, ("openOnly", "1"))
        return Request("GET", Path.RECENT, query, signed=True)

    @question
    def read_order(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> OrderReport | None:
        if reply_of(status, body).retCode in words.NOT_FOUND:
            return None
        found = listed(result(status, body), words.Order)
        if not found:
            return None
        (told,) = found
        return self._report(told, names)

    def ask_orders(self, instrument: Instrument, since_ms: int) -> list[Request]:
        """After a restart of theirs only the history has the ended ones [3]."""
        market, limit = self._market(instrument), ("limit", words.ROWS)
        return [
            Request("GET", Path.RECENT, (*market, ("openOnly", "1"), limit), signed=True),
            Request("GET", Path.ENDED, (*market, ("startTime", str(since_ms)), limit), signed=True),
        ]

    @question
    def read_orders(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> Page[OrderReport]:
        told = result(status, body)
        found = [self._report(row, names) for row in listed(told, words.Order)]
        return Page(found, onward(request, told, len(found)))

    def ask_fills(
        self, instrument: Instrument, venue_order_id: str, since_ms: int
    ) -> list[Request]:
        """Of 7 days from then on; without a time to start from, of the last 7."""
        by, since = ("orderId", venue_order_id), ("startTime", str(since_ms))
        query = (*self._market(instrument), by, since, ("limit", words.ROWS))
        return [Request("GET", Path.FILLS, query, signed=True)]

    @question
    def read_fills(self, request: Request, status: int, body: bytes, names: Names) -> Page[Fill]:
        told = result(status, body)
        rows = listed(told, words.Execution)
        found = [self._fill(row, names) for row in rows if row.execType == "Trade"]
        return Page(found, onward(request, told, len(rows)))

    def ask_balances(self) -> Request:
        return Request("GET", Path.BALANCE, (("accountType", "UNIFIED"),), signed=True)

    @question
    def read_balances(self, request: Request, status: int, body: bytes) -> Page[Balance]:
        (wallet,) = listed(result(status, body), words.Wallet)
        return Page([self._balance(row) for row in wallet.coin])

    def ask_fee(self, instrument: Instrument) -> Request | None:
        return Request("GET", Path.FEE, self._market(instrument), signed=True)

    @question
    def read_fee(self, request: Request, status: int, body: bytes) -> float:
        (told,) = listed(result(status, body), words.Fee)
        return bps(exact(told.takerFeeRate))

    def ask_address(self, asset: str, network: str) -> Request:
        query = (("coin", asset), ("chainType", network))
        return Request("GET", Path.ADDRESS, query, signed=True)

    @question
    def read_address(
        self, request: Request, status: int, body: bytes
    ) -> DepositAddress | NeedsOperator:
        told = msgspec.json.decode(result(status, body), type=words.Addresses)
        network = request.asked("chainType")
        for row in told.chains:
            if row.chain == network and row.addressDeposit:
                return DepositAddress(
                    self.venue, told.coin, network, row.addressDeposit, row.tagDeposit
                )
        raise Unclear("not_ready", f"no address on {network}")

    def fund(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request | None:
        return None

    def read_funded(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        raise AssertionError("nothing goes before a withdrawal here")

    def withdraw(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request:
        """feeType 0: the amount is what arrives, and the fee comes on top."""
        fields: dict[str, str | int] = {
            "coin": terms.asset,
            "chain": terms.network,
            "address": terms.address,
            "amount": plain(terms.amount),
            "timestamp": at_ms,
            "forceChain": 1,
            "accountType": "UTA",
            "feeType": 0,
            "requestId": client_id,
        }
        if terms.tag:
            fields["tag"] = terms.tag
        return Request("POST", Path.WITHDRAW, signed=True, body=msgspec.json.encode(fields))

    @action
    def read_withdrawn(self, request: Request, status: int, body: bytes) -> WithdrawAnswer:
        reply = reply_of(status, body)
        if reply.retCode == words.ADDRESS_UNKNOWN:
            return NeedsOperator(str(reply.retCode), reply.retMsg)
        if reply.retCode:
            return refused(reply, words.WITHDRAW_REFUSALS)
        return Withdrawn(msgspec.json.decode(reply.result, type=words.Applied).id)

    def ask_withdrawals(
        self, asset: str, since_ms: int, client_id: str | None, withdrawal_id: str | None
    ) -> list[Request]:
        query = [("coin", asset), ("limit", words.ROWS)]
        if withdrawal_id is not None:
            query.append(("withdrawID", withdrawal_id))
        else:
            query.append(("startTime", str(since_ms)))
        return [Request("GET", Path.WITHDRAWALS, tuple(query), signed=True)]

    @question
    def read_withdrawals(
        self, request: Request, status: int, body: bytes
    ) -> Page[WithdrawalReport]:
        told = result(status, body)
        found = [self._withdrawal(row) for row in listed(told, words.Withdrawal)]
        return Page(found, onward(request, told, len(found)))

    def ask_deposits(self, asset: str, since_ms: int, txid: str | None) -> list[Request]:
        """By transaction it cannot be asked [3]."""
        query = (("coin", asset), ("startTime", str(since_ms)), ("limit", words.ROWS))
        return [Request("GET", Path.DEPOSITS, query, signed=True)]

    @question
    def read_deposits(self, request: Request, status: int, body: bytes) -> Page[DepositReport]:
        told = result(status, body)
        found = [
            DepositReport(
                self.venue,
                f"{row.txID}:{row.txIndex}",
                row.coin,
                row.chain,
                exact(row.amount),
                row.txID,
                words.DEPOSIT_WORDS.get(str(row.status), TransferState.UNKNOWN),
                int(row.successAt) * MS_NS if row.successAt.isdigit() else None,
            )
            for row in listed(told, words.Deposit)
        ]
        return Page(found, onward(request, told, len(found)))

    def stream_entry(self) -> Request | None:
        return None

    def stream_path(self, entry: bytes | None) -> str:
        return "/v5/private"

    def stream_headers(self, keys: Keys, ticket: Ticket) -> dict[str, str]:
        return {}

    def stream_frames(
        self, keys: Keys, instruments: Sequence[Instrument], ticket: Ticket
    ) -> list[bytes]:
        frames = (
            login(self.venue, keys, ticket.at_ns // MS_NS, ticket.tag),
            {"op": "subscribe", "args": ["order.spot", "execution.spot", "wallet"]},
        )
        return [msgspec.json.encode(frame) for frame in frames]

    def login_reply(self, frame: bytes) -> bool | None:
        head = msgspec.json.decode(frame, type=words.Frame)
        return head.success is True if head.op == "auth" else None

    def stream_ping(self, ticket: Ticket) -> bytes | None:
        return msgspec.json.encode({"req_id": ticket.tag, "op": "ping"})

    def read_stream(self, frame: bytes, names: Names) -> list[StreamRow]:
        head = msgspec.json.decode(frame, type=words.Frame)
        if head.topic is None or head.data is UNSET:
            if head.success is False:
                raise Unclear("refused", f"{head.op} {head.ret_msg}")
            if head.op is None:
                raise Unreadable("no message that Bybit's documents describe")
            return []
        match head.topic.partition(".")[0]:
            case "order":
                orders = msgspec.json.decode(head.data, type=list[words.Order])
                return [self._report(row, names) for row in orders]
            case "execution":
                executions = msgspec.json.decode(head.data, type=list[words.Execution])
                return [self._fill(row, names) for row in executions if row.execType == "Trade"]
            case "wallet":
                wallets = msgspec.json.decode(head.data, type=list[words.Wallet])
                return [self._balance(row) for wallet in wallets for row in wallet.coin]
        return []

    def _market(self, instrument: Instrument) -> tuple[tuple[str, str], ...]:
        return (("category", words.SPOT), ("symbol", self._public.symbol(instrument)))

    def _report(self, told: words.Order, names: Names) -> OrderReport:
        average = exact(told.avgPrice) if told.avgPrice else None
        return OrderReport(
            self.venue,
            told.orderId,
            told.orderLinkId or None,
            names[told.symbol],
            words.side_of(told.side),
            words.ORDER_WORDS.get(told.orderStatus, OrderState.UNKNOWN),
            exact(told.cumExecQty),
            average or None,
            int(told.updatedTime) * MS_NS,
        )

    def _fill(self, told: words.Execution, names: Names) -> Fill:
        """Spot takes its fee from what the trade brings in [6], where it names no asset."""
        instrument, side = names[told.symbol], words.side_of(told.side)
        return Fill(
            self.venue,
            told.execId,
            told.orderId,
            told.orderLinkId or None,
            instrument,
            side,
            exact(told.execPrice),
            exact(told.execQty),
            exact(told.execFee),
            told.feeCurrency or received(instrument, side),
            int(told.execTime) * MS_NS,
        )

    def _balance(self, told: words.Coin) -> Balance:
        """What is locked is part of the wallet's balance [3]."""
        locked = exact(told.locked)
        return Balance(
            self.venue, told.coin, EXACT.subtract(exact(told.walletBalance), locked), locked
        )

    def _withdrawal(self, row: words.Withdrawal) -> WithdrawalReport:
        state = words.WITHDRAWAL_WORDS.get(row.status, TransferState.UNKNOWN)
        if state is TransferState.ACCEPTED and row.txID:
            state = TransferState.ON_CHAIN
        return WithdrawalReport(
            self.venue,
            row.withdrawId,
            None,
            row.coin,
            row.chain,
            row.toAddress,
            exact(row.amount),
            exact(row.withdrawFee),
            state,
            row.txID or None,
            int(row.createTime) * MS_NS,
        )


def _by(client_id: str, venue_order_id: str | None) -> tuple[str, str]:
    return ("orderId", venue_order_id) if venue_order_id else ("orderLinkId", client_id)


def _acted(status: int, body: bytes, refusals: frozenset[int]) -> PlaceAnswer:
    """Placing and cancelling answer alike. Raises Unclear."""
    reply = reply_of(status, body)
    if reply.retCode:
        return refused(reply, refusals)
    return Placed(msgspec.json.decode(reply.result, type=words.Placed).orderId)
