"""Bithumb's private side: orders of version 2, everything else of version 1. bithumb.md."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import Meta, Raw, field

from app.domain.markets import Instrument, Side
from app.domain.orders import (
    Balance,
    Fill,
    OrderReport,
    OrderTerms,
    OrderType,
    PlaceAnswer,
    Placed,
)
from app.domain.times import MS_NS, from_iso
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
from app.exchanges.bithumb import Bithumb
from app.exchanges.contract import Names, Request, Ticket, Unreadable
from app.exchanges.logins import handshake
from app.exchanges.signing import Keys

ENDED_ROWS = 1_000  # of a page of ended orders; 100 of pending ones [3]


class Path(StrEnum):
    PLACE = "/v2/orders"
    CANCEL = "/v2/order"
    ORDER = "/v1/order"
    PENDING = "/v2/orders/pending"
    ENDED = "/v2/orders/history"
    CHANCE = "/v1/orders/chance"
    ACCOUNTS = "/v1/accounts"
    ADDRESS = "/v1/deposits/coin_address"
    WITHDRAW = "/v1/withdraws/coin"
    WITHDRAWAL = "/v1/withdraw"
    WITHDRAWALS = "/v1/withdraws"
    DEPOSITS = "/v1/deposits"


LOCKED_OUT = korean.LOCKED_OUT | {"expired_jwt", "NotAllowIP", "blocked_member_id"}
REFUSALS = LOCKED_OUT | {
    "invalid_parameter", "invalid_price", "invalid_price_bid", "invalid_price_ask",
    "under_price_limit_bid", "under_price_limit_ask", "under_min_total", "under_min_total_bid",
    "under_min_total_ask", "insufficient_funds", "insufficient_funds_bid",
    "insufficient_funds_ask", "cross_trading", "too_many_orders",
}  # fmt: skip
REPEATED = frozenset({"duplicate_client_order_id", "id_conflict"})
NOT_FOUND = "order_not_found"
NOT_YET = "order_not_ready"  # accepted, and still on its way to the book [3]
CONSENT = "travel_rule_consent_required"
FOR_A_PERSON = frozenset({CONSENT, "withdraw_address_not_registered", "out_of_scope"})

NULL = Raw(b"null")  # what is left of an order without a volume
SIDES = {"buy": Side.BUY, "sell": Side.SELL}  # of the stream; REST has bid and ask [7]


class _Order(korean.Order):
    client_id: str | None = field(default=None, name="client_order_id")


class _Accepted(msgspec.Struct):
    """All that placing and cancelling answer [3]."""

    order_id: Annotated[str, Meta(min_length=1)]


class _Listed(msgspec.Struct):
    order_id: str
    side: str
    state: str
    market: str
    created_at: str
    remaining_volume: Raw
    executed_volume: Raw
    client_order_id: str | None = None


class _List(msgspec.Struct):
    data: list[_Listed]
    has_next: bool
    next_key: str | None


class _MyOrder(msgspec.Struct):
    """What is not so is absent [7]."""

    code: str
    order_id: str
    side: str
    state: str
    timestamp: int
    executed_quantity: Raw
    remaining_quantity: Raw
    executed_amount: Raw
    client_order_id: str | None = None


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


class BithumbAccount:
    """Placing is acknowledged and not reported: what came of it is asked for [3]."""

    venue = Venue.BITHUMB
    # Requests carry their time, and nobody says how old it may be [2].
    rules = Rules(
        IdClass.U, IdClass.N, window_ms=30_000, finds_ended=True, has_ioc=True, fee_in_base=False
    )
    logs_in = False
    _public = Bithumb()

    def client_id(self, digest: str) -> str:
        return digest

    def place(self, terms: OrderTerms, client_id: str, at_ms: int) -> Request:
        fields = {
            "market": self._public.symbol(terms.instrument),
            "side": korean.SPELLED[terms.side],
            "price": plain(terms.price),
            "volume": plain(terms.quantity),
            "order_type": "limit",
            "client_order_id": client_id,
        }
        if terms.type is OrderType.IOC:
            fields["time_in_force"] = "ioc"
        return Request("POST", Path.PLACE, signed=True, body=msgspec.json.encode(fields))

    @action
    def read_placed(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        error = korean.fault(status, body)
        if error is not None:
            return korean.refused(error, REFUSALS, REPEATED)
        return Placed(msgspec.json.decode(body, type=_Accepted).order_id)

    def cancel(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        name = ("order_id", venue_order_id) if venue_order_id else ("client_order_id", client_id)
        return Request("DELETE", Path.CANCEL, (name,), signed=True)

    @action
    def read_cancelled(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        error = korean.fault(status, body)
        if error is not None and error.name == NOT_YET:
            raise Unclear("not_ready")
        if error is not None:
            return korean.refused(error, LOCKED_OUT | {NOT_FOUND}, ())
        return Placed(msgspec.json.decode(body, type=_Accepted).order_id)

    def ask_order(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        name = ("uuid", venue_order_id) if venue_order_id else ("client_order_id", client_id)
        return Request("GET", Path.ORDER, (name,), signed=True)

    @question
    def read_order(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> OrderReport | None:
        error = korean.fault(status, body)
        if error is not None and error.name == NOT_FOUND:
            return None
        return korean.order(self.venue, self._told(status, body), names)

    def ask_orders(self, instrument: Instrument, since_ms: int) -> list[Request]:
        """Ended ones of up to 7 days [3]."""
        market = ("market", self._public.symbol(instrument))
        since, limit = ("start_time", str(since_ms)), ("limit", str(ENDED_ROWS))
        pending = (market, ("state", "wait"), ("limit", str(korean.ROWS)))
        ended = [(market, ("state", state), since, limit) for state in ("done", "cancel")]
        return [
            Request("GET", Path.PENDING, pending, signed=True),
            *(Request("GET", Path.ENDED, query, signed=True) for query in ended),
        ]

    @question
    def read_orders(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> Page[OrderReport]:
        told = msgspec.json.decode(self._answer(status, body), type=_List)
        found = [self._listed(row, names) for row in told.data]
        if not told.has_next:
            return Page(found)
        if not told.next_key:
            raise Unreadable("there is more, and no key to it")
        return Page(found, changed(request, next_key=told.next_key))

    def ask_fills(
        self, instrument: Instrument, venue_order_id: str, since_ms: int
    ) -> list[Request]:
        return [Request("GET", Path.ORDER, (("uuid", venue_order_id),), signed=True)]

    @question
    def read_fills(self, request: Request, status: int, body: bytes, names: Names) -> Page[Fill]:
        return Page(korean.fills(self.venue, self._told(status, body), names))

    def ask_balances(self) -> Request:
        return Request("GET", Path.ACCOUNTS, signed=True)

    @question
    def read_balances(self, request: Request, status: int, body: bytes) -> Page[Balance]:
        return korean.balances(self.venue, self._answer(status, body))

    def ask_fee(self, instrument: Instrument) -> Request | None:
        query = (("market", self._public.symbol(instrument)),)
        return Request("GET", Path.CHANCE, query, signed=True)

    @question
    def read_fee(self, request: Request, status: int, body: bytes) -> float:
        return korean.fee_bps(self._answer(status, body))

    def ask_address(self, asset: str, network: str) -> Request:
        return Request(
            "GET", Path.ADDRESS, (("currency", asset), ("net_type", network)), signed=True
        )

    @question
    def read_address(
        self, request: Request, status: int, body: bytes
    ) -> DepositAddress | NeedsOperator:
        return korean.address(self.venue, self._answer(status, body))

    def fund(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request | None:
        return None

    def read_funded(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        raise AssertionError("nothing goes before a withdrawal here")

    def withdraw(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request:
        """It takes no id of ours; it wants to know whose the other account is [3]."""
        fields = korean.withdrawal_terms(terms)
        if terms.receiver is not None:
            fields |= {
                "receiver_type": "corporation" if terms.receiver.is_company else "personal",
                "receiver_ko_name": terms.receiver.name_ko,
                "receiver_en_name": terms.receiver.name_en,
            }
        return Request("POST", Path.WITHDRAW, signed=True, body=msgspec.json.encode(fields))

    @action
    def read_withdrawn(self, request: Request, status: int, body: bytes) -> WithdrawAnswer:
        error = korean.fault(status, body)
        if error is not None and error.name in FOR_A_PERSON:
            return NeedsOperator(str(error.name), error.message, error.consent_url)
        if error is not None:
            return korean.refused(error, REFUSALS, REPEATED)
        told = msgspec.json.decode(body, type=korean.Withdrawal)
        return Withdrawn(told.uuid, korean.withdrawal(self.venue, told))

    def ask_withdrawals(
        self, asset: str, since_ms: int, client_id: str | None, withdrawal_id: str | None
    ) -> list[Request]:
        if withdrawal_id is not None:
            query = (("currency", asset), ("uuid", withdrawal_id))
            return [Request("GET", Path.WITHDRAWAL, query, signed=True)]
        return [korean.coins_since(Path.WITHDRAWALS, asset, since_ms)]

    @question
    def read_withdrawals(
        self, request: Request, status: int, body: bytes
    ) -> Page[WithdrawalReport]:
        return korean.withdrawals(self.venue, request, self._answer(status, body))

    def ask_deposits(self, asset: str, since_ms: int, txid: str | None) -> list[Request]:
        return [korean.coins_since(Path.DEPOSITS, asset, since_ms, txid)]

    @question
    def read_deposits(self, request: Request, status: int, body: bytes) -> Page[DepositReport]:
        return korean.deposits(self.venue, request, self._answer(status, body))

    def stream_entry(self) -> Request | None:
        return None

    def stream_path(self, entry: bytes | None) -> str:
        return "/websocket/v2/private"

    def stream_headers(self, keys: Keys, ticket: Ticket) -> dict[str, str]:
        return handshake(self.venue, keys, ticket.at_ns // MS_NS, ticket.tag)

    def stream_frames(
        self, keys: Keys, instruments: Sequence[Instrument], ticket: Ticket
    ) -> list[bytes]:
        """No codes: all markets [7]."""
        frame = [
            {"ticket": ticket.tag},
            {"type": "myOrder", "codes": []},
            {"type": "myAsset"},
            {"format": "DEFAULT"},
        ]
        return [msgspec.json.encode(frame)]

    def login_reply(self, frame: bytes) -> bool | None:
        return None

    def stream_ping(self, ticket: Ticket) -> bytes | None:
        return b"PING"

    def read_stream(self, frame: bytes, names: Names) -> list[StreamRow]:
        """Trades are not taken from it: their fee is told of the whole order alone."""
        head = msgspec.json.decode(frame, type=_Head)
        match head.type:
            case "myOrder":
                return [self._my_order(msgspec.json.decode(frame, type=_MyOrder), names)]
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
        raise Unreadable("no message that Bithumb's documents describe")

    def _answer(self, status: int, body: bytes) -> bytes:
        error = korean.fault(status, body)
        if error is not None and error.name == NOT_YET:
            raise Unclear("not_ready")
        return korean.answer(status, body, LOCKED_OUT)

    def _told(self, status: int, body: bytes) -> _Order:
        return msgspec.json.decode(self._answer(status, body), type=_Order)

    def _listed(self, row: _Listed, names: Names) -> OrderReport:
        executed = exact(row.executed_volume)
        remaining = None if row.remaining_volume == NULL else exact(row.remaining_volume)
        return OrderReport(
            self.venue,
            row.order_id,
            row.client_order_id,
            names[row.market],
            korean.side(row.side),
            korean.order_state(row.state, executed, remaining),
            executed,
            at_ns=from_iso(row.created_at),
        )

    def _my_order(self, told: _MyOrder, names: Names) -> OrderReport:
        side = SIDES.get(told.side)
        if side is None:
            raise Unreadable(f"{told.side[:20]!r} is neither buy nor sell")
        executed, remaining = exact(told.executed_quantity), exact(told.remaining_quantity)
        return OrderReport(
            self.venue,
            told.order_id,
            told.client_order_id,
            names[told.code],
            side,
            korean.order_state(told.state, executed, remaining),
            executed,
            average(exact(told.executed_amount), executed),
            told.timestamp * MS_NS,
        )
