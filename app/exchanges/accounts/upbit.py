"""Upbit's private side. upbit.md; sections in brackets."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

import msgspec
from msgspec import UNSET, Raw, UnsetType, field

from app.domain.markets import Instrument
from app.domain.orders import (
    Balance,
    Fill,
    OrderReport,
    OrderTerms,
    OrderType,
    PlaceAnswer,
    Placed,
)
from app.domain.times import MS_NS
from app.domain.transfers import (
    DepositAddress,
    DepositReport,
    NeedsOperator,
    TransferTerms,
    WithdrawalReport,
    WithdrawAnswer,
    Withdrawn,
)
from app.domain.venues import Venue
from app.exchanges.accounts import korean
from app.exchanges.accounts.contract import IdClass, Page, Rules, StreamRow, Unclear
from app.exchanges.accounts.reading import action, average, changed, exact, plain, question
from app.exchanges.contract import Names, Request, Ticket, Unreadable
from app.exchanges.logins import handshake
from app.exchanges.signing import Keys
from app.exchanges.upbit import Upbit

CLOSED_ROWS = 1_000  # of a page of ended orders; 100 of open ones [3]


class Path(StrEnum):
    ORDERS = "/v1/orders"
    ORDER = "/v1/order"
    OPEN = "/v1/orders/open"
    CLOSED = "/v1/orders/closed"
    CHANCE = "/v1/orders/chance"
    ACCOUNTS = "/v1/accounts"
    ADDRESS = "/v1/deposits/coin_address"
    WITHDRAW = "/v1/withdraws/coin"
    WITHDRAWAL = "/v1/withdraw"
    WITHDRAWALS = "/v1/withdraws"
    DEPOSITS = "/v1/deposits"


LOCKED_OUT = korean.LOCKED_OUT | {
    "expired_access_key", "no_authorization_ip", "no_authorization_token",
}  # fmt: skip
REFUSALS = LOCKED_OUT | {
    "insufficient_funds_bid", "insufficient_funds_ask", "under_min_total_bid",
    "under_min_total_ask", "invalid_price_bid", "invalid_price_ask", "create_bid_error",
    "create_ask_error", "validation_error", "invalid_parameter", "withdraw_decimal_exceeded",
}  # fmt: skip
# The same signed request arrived a second time: the first one may have been taken [3].
REPEATED = frozenset({"nonce_used"})
NOT_FOUND = "order_not_found"
FOR_A_PERSON = frozenset({  # the list of addresses, and the lock in the app [3]
    "withdraw_address_not_registered", "open_api_withdraw_locked", "out_of_scope",
})  # fmt: skip


class _Order(korean.Order):
    client_id: str | None = field(default=None, name="identifier")


class _MyOrder(msgspec.Struct):
    code: str
    uuid: str
    ask_bid: str
    state: str
    price: Raw
    volume: Raw
    remaining_volume: Raw
    executed_volume: Raw
    executed_funds: Raw
    timestamp: int
    trade_uuid: str | None = None
    trade_fee: Raw | UnsetType = UNSET
    trade_timestamp: int | None = None
    identifier: str | None = None


class _Asset(msgspec.Struct):
    currency: str
    balance: Raw
    locked: Raw


class _MyAsset(msgspec.Struct):
    assets: list[_Asset]


class _Head(msgspec.Struct):
    type: str | None = None
    status: str | None = None
    error: korean.Fault | None = None


class UpbitAccount:
    """An id is used up by whatever request carries it, also by one that failed [3]."""

    venue = Venue.UPBIT
    # Nothing in a request says how old it is [4]: longer than this no proxy keeps one.
    rules = Rules(
        IdClass.U, IdClass.N, window_ms=30_000, finds_ended=True, has_ioc=True, fee_in_base=False
    )
    logs_in = False
    _public = Upbit()

    def client_id(self, digest: str) -> str:
        return digest

    def place(self, terms: OrderTerms, client_id: str, at_ms: int) -> Request:
        fields = {
            "market": self._public.symbol(terms.instrument),
            "side": korean.SPELLED[terms.side],
            "ord_type": "limit",
            "price": plain(terms.price),
            "volume": plain(terms.quantity),
            "identifier": client_id,
        }
        if terms.type is OrderType.IOC:
            fields["time_in_force"] = "ioc"
        return Request("POST", Path.ORDERS, signed=True, body=msgspec.json.encode(fields))

    @action
    def read_placed(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        error = korean.fault(status, body)
        if error is not None:
            return korean.refused(error, REFUSALS, REPEATED)
        order = msgspec.json.decode(body, type=_Order)
        return Placed(order.uuid, self._report(order, Names(self._public)))

    def cancel(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        return self._one("DELETE", client_id, venue_order_id)

    @action
    def read_cancelled(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        error = korean.fault(status, body)
        if error is not None:
            return korean.refused(error, LOCKED_OUT | {NOT_FOUND}, ())
        return Placed(msgspec.json.decode(body, type=_Order).uuid)

    def ask_order(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        return self._one("GET", client_id, venue_order_id)

    @question
    def read_order(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> OrderReport | None:
        error = korean.fault(status, body)
        if error is not None and error.name == NOT_FOUND:
            return None
        told = korean.answer(status, body, LOCKED_OUT)
        return self._report(msgspec.json.decode(told, type=_Order), names)

    def ask_orders(self, instrument: Instrument, since_ms: int) -> list[Request]:
        """Ended ones of up to 7 days [3]."""
        market = ("market", self._public.symbol(instrument))
        page = (("page", "1"), ("limit", str(korean.ROWS)), ("order_by", "desc"))
        opened = (market, ("state", "wait"), *page)
        since, limit = ("start_time", str(since_ms)), ("limit", str(CLOSED_ROWS))
        ended = [
            (market, ("state", state), since, limit, ("order_by", "asc"))
            for state in ("done", "cancel")
        ]
        notes = (("since_ms", "0"),)  # an open order may be as old as it likes
        return [
            Request("GET", Path.OPEN, opened, signed=True, notes=notes),
            *(Request("GET", Path.CLOSED, query, signed=True) for query in ended),
        ]

    @question
    def read_orders(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> Page[OrderReport]:
        rows = msgspec.json.decode(korean.answer(status, body, LOCKED_OUT), type=list[_Order])
        found = [self._report(row, names) for row in rows]
        if request.path == Path.OPEN:
            return Page(found, korean.older(request, len(rows), [row.created_at for row in rows]))
        latest_ms = max((report.at_ns or 0 for report in found), default=0) // MS_NS
        if len(rows) < CLOSED_ROWS or str(latest_ms) == request.asked("start_time"):
            return Page(found)
        return Page(found, changed(request, start_time=str(latest_ms)))

    def ask_fills(
        self, instrument: Instrument, venue_order_id: str, since_ms: int
    ) -> list[Request]:
        return [self._one("GET", "", venue_order_id)]

    @question
    def read_fills(self, request: Request, status: int, body: bytes, names: Names) -> Page[Fill]:
        told = korean.answer(status, body, LOCKED_OUT)
        return Page(korean.fills(self.venue, msgspec.json.decode(told, type=_Order), names))

    def ask_balances(self) -> Request:
        return Request("GET", Path.ACCOUNTS, signed=True)

    @question
    def read_balances(self, request: Request, status: int, body: bytes) -> Page[Balance]:
        return korean.balances(self.venue, korean.answer(status, body, LOCKED_OUT))

    def ask_fee(self, instrument: Instrument) -> Request | None:
        query = (("market", self._public.symbol(instrument)),)
        return Request("GET", Path.CHANCE, query, signed=True)

    @question
    def read_fee(self, request: Request, status: int, body: bytes) -> float:
        return korean.fee_bps(korean.answer(status, body, LOCKED_OUT))

    def ask_address(self, asset: str, network: str) -> Request:
        return Request(
            "GET", Path.ADDRESS, (("currency", asset), ("net_type", network)), signed=True
        )

    @question
    def read_address(
        self, request: Request, status: int, body: bytes
    ) -> DepositAddress | NeedsOperator:
        return korean.address(self.venue, korean.answer(status, body, LOCKED_OUT))

    def fund(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request | None:
        return None

    def read_funded(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        raise AssertionError("nothing goes before a withdrawal here")

    def withdraw(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request:
        """It takes no id of ours [3]."""
        fields = korean.withdrawal_terms(terms) | {"transaction_type": "default"}
        return Request("POST", Path.WITHDRAW, signed=True, body=msgspec.json.encode(fields))

    @action
    def read_withdrawn(self, request: Request, status: int, body: bytes) -> WithdrawAnswer:
        error = korean.fault(status, body)
        if error is not None and error.name in FOR_A_PERSON:
            return NeedsOperator(str(error.name), error.message)
        if error is not None:
            return korean.refused(error, REFUSALS, REPEATED)
        told = msgspec.json.decode(body, type=korean.Withdrawal)
        return Withdrawn(told.uuid, korean.withdrawal(self.venue, told))

    def ask_withdrawals(
        self, asset: str, since_ms: int, client_id: str | None, withdrawal_id: str | None
    ) -> list[Request]:
        if withdrawal_id is not None:
            query = (("uuid", withdrawal_id), ("currency", asset))
            return [Request("GET", Path.WITHDRAWAL, query, signed=True)]
        return [korean.coins_since(Path.WITHDRAWALS, asset, since_ms)]

    @question
    def read_withdrawals(
        self, request: Request, status: int, body: bytes
    ) -> Page[WithdrawalReport]:
        told = korean.answer(status, body, LOCKED_OUT)
        return korean.withdrawals(self.venue, request, told)

    def ask_deposits(self, asset: str, since_ms: int, txid: str | None) -> list[Request]:
        return [korean.coins_since(Path.DEPOSITS, asset, since_ms, txid)]

    @question
    def read_deposits(self, request: Request, status: int, body: bytes) -> Page[DepositReport]:
        return korean.deposits(self.venue, request, korean.answer(status, body, LOCKED_OUT))

    def stream_entry(self) -> Request | None:
        return None

    def stream_path(self, entry: bytes | None) -> str:
        return "/websocket/v1/private"

    def stream_headers(self, keys: Keys, ticket: Ticket) -> dict[str, str]:
        return handshake(self.venue, keys, ticket.at_ns // MS_NS, ticket.tag)

    def stream_frames(
        self, keys: Keys, instruments: Sequence[Instrument], ticket: Ticket
    ) -> list[bytes]:
        """No codes: all markets [7]."""
        frame = [
            {"ticket": ticket.tag},
            {"type": "myOrder"},
            {"type": "myAsset"},
            {"format": "DEFAULT"},
        ]
        return [msgspec.json.encode(frame)]

    def login_reply(self, frame: bytes) -> bool | None:
        return None

    def stream_ping(self, ticket: Ticket) -> bytes | None:
        return b"PING"

    def read_stream(self, frame: bytes, names: Names) -> list[StreamRow]:
        head = msgspec.json.decode(frame, type=_Head)
        match head.type:
            case "myOrder":
                return self._my_order(msgspec.json.decode(frame, type=_MyOrder), names)
            case "myAsset":
                rows = msgspec.json.decode(frame, type=_MyAsset).assets
                return [
                    Balance(self.venue, row.currency, exact(row.balance), exact(row.locked))
                    for row in rows
                ]
        if head.error is not None:
            raise Unclear("refused", f"{head.error.name} {head.error.message}")
        if head.status is not None:
            return []
        raise Unreadable("no message that Upbit's documents describe")

    def _one(self, method: str, client_id: str, venue_order_id: str | None) -> Request:
        name = ("identifier", client_id) if venue_order_id is None else ("uuid", venue_order_id)
        return Request(method, Path.ORDER, (name,), signed=True)

    def _report(self, told: _Order, names: Names) -> OrderReport:
        return korean.order(self.venue, told, names)

    def _my_order(self, told: _MyOrder, names: Names) -> list[StreamRow]:
        """A trade's price and volume are its own; what is executed is of the whole order [7]."""
        instrument, side = names[told.code], korean.side(told.ask_bid)
        executed, remaining = exact(told.executed_volume), exact(told.remaining_volume)
        rows: list[StreamRow] = [
            OrderReport(
                self.venue,
                told.uuid,
                told.identifier,
                instrument,
                side,
                korean.order_state(told.state, executed, remaining),
                executed,
                average(exact(told.executed_funds), executed),
                told.timestamp * MS_NS,
            )
        ]
        if told.state == "trade":
            if told.trade_uuid is None or told.trade_fee is UNSET or told.trade_timestamp is None:
                raise Unreadable("a trade without its number, fee or time")
            fill = Fill(
                self.venue,
                told.trade_uuid,
                told.uuid,
                told.identifier,
                instrument,
                side,
                exact(told.price),
                exact(told.volume),
                exact(told.trade_fee),
                instrument.quote,
                told.trade_timestamp * MS_NS,
            )
            rows.append(fill)
        return rows
