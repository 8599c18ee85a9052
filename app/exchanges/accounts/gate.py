"""Gate, private side of spot. gate.md; sections in brackets.

An order is found by its text only while it is open: that one is not found says nothing [3].
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeVar

import msgspec
from msgspec import Raw

from app.domain.markets import Instrument
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
from app.domain.times import MS_NS, SECOND_NS
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
from app.exchanges.accounts import gate_words as words
from app.exchanges.accounts.contract import IdClass, Page, Rules, StreamRow, Unclear
from app.exchanges.accounts.reading import (
    action,
    average,
    bps,
    changed,
    exact,
    heard,
    plain,
    question,
    received,
)
from app.exchanges.contract import Names, Request, Ticket, Unreadable
from app.exchanges.gate import STREAM, Gate
from app.exchanges.logins import gate_subscription
from app.exchanges.signing import Keys

T = TypeVar("T")

WINDOW_MS = 60_000  # of a timestamp [3: REQUEST_EXPIRED]
ORDER_WINDOW_MS = 5_000  # of an order, by `x-gate-exptime`
ROWS, TRADE_ROWS = 100, 1_000
OWN = "t-"

CHANNELS: tuple[tuple[str, list[str]], ...] = (
    ("spot.orders", ["!all"]),
    ("spot.usertrades", ["!all"]),
    ("spot.balances", []),
)


class GateAccount:
    venue = Venue.GATE
    rules = Rules(
        IdClass.W, IdClass.W, WINDOW_MS, False, True, True, order_window_ms=ORDER_WINDOW_MS
    )
    logs_in = True

    def __init__(self) -> None:
        self._spells = Gate()

    def client_id(self, digest: str) -> str:
        return OWN + digest

    def place(self, terms: OrderTerms, client_id: str, at_ms: int) -> Request:
        fields = {
            "text": client_id,
            "currency_pair": self._spells.symbol(terms.instrument),
            "type": "limit",
            "account": "spot",
            "side": terms.side,
            "amount": plain(terms.quantity),
            "price": plain(terms.price),
            "time_in_force": "ioc" if terms.type is OrderType.IOC else "gtc",
        }
        deadline = ("x-gate-exptime", str(at_ms + ORDER_WINDOW_MS))
        return msgspec.structs.replace(_post(words.Path.ORDERS, fields), headers=(deadline,))

    @action
    def read_placed(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        if (error := _error(status, body)) is not None:
            return _refusal(error)
        order = msgspec.json.decode(body, type=words.Order)
        return Placed(order.id, _order(order, Names(self._spells)))

    def cancel(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        return self._one("DELETE", instrument, client_id, venue_order_id)

    @action
    def read_cancelled(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        error = _error(status, body)
        if error is None:
            order = msgspec.json.decode(body, type=words.Order)
            return Placed(order.id, _order(order, Names(self._spells)))
        if error.label in words.ABSENT | words.ENDED:
            return Rejection(error.label, error.message)
        return _refusal(error)

    def ask_order(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        return self._one("GET", instrument, client_id, venue_order_id)

    @question
    def read_order(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> OrderReport | None:
        error = _error(status, body)
        if error is not None and error.label in words.ABSENT:
            return None
        return _order(_well(status, body, words.Order), names)

    def ask_orders(self, instrument: Instrument, since_ms: int) -> list[Request]:
        """A list of open orders takes no time; of what has ended, none is left out."""
        pair = ("currency_pair", self._spells.symbol(instrument))
        pages = (("limit", str(ROWS)), ("page", "1"))
        since = ("from", str(since_ms // 1_000))
        return [
            _get(words.Path.ORDERS, (pair, ("status", "open"), *pages)),
            _get(words.Path.ORDERS, (pair, ("status", "finished"), since, *pages)),
        ]

    @question
    def read_orders(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> Page[OrderReport]:
        rows = _well(status, body, list[words.Order])
        return Page([_order(row, names) for row in rows], _next(request, len(rows), ROWS))

    def ask_fills(
        self, instrument: Instrument, venue_order_id: str, since_ms: int
    ) -> list[Request]:
        """Trades carry the text of their order: it is found here also where its id is not known."""
        which = ("order_id", venue_order_id)
        if not venue_order_id:
            which = ("from", str(since_ms // 1_000))
        pair = ("currency_pair", self._spells.symbol(instrument))
        query = (pair, which, ("limit", str(TRADE_ROWS)), ("page", "1"))
        return [_get(words.Path.FILLS, query)]

    @question
    def read_fills(self, request: Request, status: int, body: bytes, names: Names) -> Page[Fill]:
        rows = _well(status, body, list[words.Trade])
        return Page([_fill(row, names) for row in rows], _next(request, len(rows), TRADE_ROWS))

    def ask_balances(self) -> Request:
        return _get(words.Path.ACCOUNTS)

    @question
    def read_balances(self, request: Request, status: int, body: bytes) -> Page[Balance]:
        rows = _well(status, body, list[words.Account])
        return Page(
            [
                Balance(Venue.GATE, row.currency, exact(row.available), exact(row.locked))
                for row in rows
            ]
        )

    def ask_fee(self, instrument: Instrument) -> Request | None:
        return _get(words.Path.FEE, (("currency_pair", self._spells.symbol(instrument)),))

    @question
    def read_fee(self, request: Request, status: int, body: bytes) -> float:
        return bps(exact(_well(status, body, words.Fee).taker_fee))

    def ask_address(self, asset: str, network: str) -> Request:
        query = (("currency", asset),)
        return msgspec.structs.replace(
            _get(words.Path.ADDRESS, query), notes=(("network", network),)
        )

    @question
    def read_address(
        self, request: Request, status: int, body: bytes
    ) -> DepositAddress | NeedsOperator:
        asset, network = request.asked("currency") or "", request.noted("network") or ""
        for row in _well(status, body, words.Addresses).multichain_addresses:
            if row.chain == network and row.address and str(row.obtain_failed) == "0":
                return DepositAddress(Venue.GATE, asset, network, row.address, row.payment_id or "")
        return NeedsOperator("no_address", f"Gate has given no address for {asset} on {network}")

    def fund(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request | None:
        return None

    @action
    def read_funded(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        raise Unclear("refused", "nothing was asked")

    def withdraw(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request:
        """The fee is taken out of the amount."""
        fields = {
            "withdraw_order_id": client_id,
            "currency": terms.asset,
            "chain": terms.network,
            "address": terms.address,
            "amount": plain(terms.amount + terms.fee),
        }
        return _post(words.Path.WITHDRAW, fields | ({"memo": terms.tag} if terms.tag else {}))

    @action
    def read_withdrawn(self, request: Request, status: int, body: bytes) -> WithdrawAnswer:
        error = _error(status, body)
        if error is None:
            return Withdrawn(msgspec.json.decode(body, type=words.Record).id)
        if error.label in words.PEOPLE:
            return NeedsOperator(error.label, error.message)
        return _refusal(error)

    def ask_withdrawals(
        self, asset: str, since_ms: int, client_id: str | None, withdrawal_id: str | None
    ) -> list[Request]:
        query = _since(asset, since_ms)
        if client_id is not None:
            query = (*query, ("withdraw_order_id", client_id))
        return [_get(words.Path.WITHDRAWALS, query)]

    @question
    def read_withdrawals(
        self, request: Request, status: int, body: bytes
    ) -> Page[WithdrawalReport]:
        rows = _well(status, body, list[words.Record])
        return Page([_withdrawal(row) for row in rows], _further(request, len(rows)))

    def ask_deposits(self, asset: str, since_ms: int, txid: str | None) -> list[Request]:
        return [_get(words.Path.DEPOSITS, _since(asset, since_ms))]

    @question
    def read_deposits(self, request: Request, status: int, body: bytes) -> Page[DepositReport]:
        rows = _well(status, body, list[words.Record])
        return Page([_deposit(row) for row in rows], _further(request, len(rows)))

    def stream_entry(self) -> Request | None:
        return None

    def stream_path(self, entry: bytes | None) -> str:
        return STREAM

    def stream_headers(self, keys: Keys, ticket: Ticket) -> dict[str, str]:
        return {}

    def stream_frames(
        self, keys: Keys, instruments: Sequence[Instrument], ticket: Ticket
    ) -> list[bytes]:
        at_s = ticket.at_ns // SECOND_NS
        frames = [gate_subscription(keys, name, payload, at_s) for name, payload in CHANNELS]
        return [msgspec.json.encode(frame) for frame in frames]

    def login_reply(self, frame: bytes) -> bool | None:
        """Each subscription carries its own proof: the first one's fate is told for all."""
        head = msgspec.json.decode(frame, type=words.Frame)
        if head.channel != CHANNELS[0][0] or head.event != "subscribe":
            return None
        return _is_well(head)

    def stream_ping(self, ticket: Ticket) -> bytes | None:
        fields = {"time": ticket.at_ns // SECOND_NS, "channel": "spot.ping"}
        return msgspec.json.encode(fields)

    def read_stream(self, frame: bytes, names: Names) -> list[StreamRow]:
        head = msgspec.json.decode(frame, type=words.Frame)
        if head.event != "update" or not isinstance(head.result, Raw):
            if head.channel == "spot.pong" or (head.event == "subscribe" and _is_well(head)):
                return []
            raise Unreadable("no message that Gate's documents describe")
        match head.channel:
            case "spot.orders":
                changes = msgspec.json.decode(head.result, type=list[words.OrderChange])
                return [_change(row, names) for row in changes]
            case "spot.usertrades":
                trades = msgspec.json.decode(head.result, type=list[words.Trade])
                return [_fill(row, names) for row in trades]
            case "spot.balances":
                purses = msgspec.json.decode(head.result, type=list[words.BalanceChange])
                return [_balance(row) for row in purses]
        return []

    def _one(
        self, method: str, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request:
        place = f"{words.Path.ORDERS}/{venue_order_id or client_id}"
        query = (("currency_pair", self._spells.symbol(instrument)),)
        return Request(method, place, query, signed=True)


def _get(path: str, query: tuple[tuple[str, str], ...] = ()) -> Request:
    return Request("GET", path, query, signed=True)


def _post(path: str, fields: Mapping[str, object]) -> Request:
    return Request("POST", path, signed=True, body=msgspec.json.encode(fields))


def _since(asset: str, since_ms: int) -> tuple[tuple[str, str], ...]:
    since = ("from", str(since_ms // 1_000))
    return (("currency", asset), since, ("limit", str(ROWS)), ("offset", "0"))


def _next(request: Request, count: int, full: int) -> Request | None:
    if count < full:
        return None
    return changed(request, page=str(int(request.asked("page") or "1") + 1))


def _further(request: Request, count: int) -> Request | None:
    if count < ROWS:
        return None
    return changed(request, offset=str(int(request.asked("offset") or "0") + count))


def _error(status: int, body: bytes) -> words.Error | None:
    """Raises Unclear. An error has a label, and no answer to anything has one."""
    text = heard(status, body)
    if status < 300:
        return None
    return msgspec.json.decode(text, type=words.Error)


def _well(status: int, body: bytes, kind: type[T]) -> T:
    """Of a question. Raises Unclear: an error is no answer to it."""
    error = _error(status, body)
    if error is None:
        return msgspec.json.decode(body, type=kind)
    if error.label in words.UNAUTHORISED:
        raise Unclear("not_allowed", f"{error.label[:40]} {error.message[:120]}")
    raise Unclear("limited" if error.label in words.BUSY else "refused", error.label[:40])


def _refusal(error: words.Error) -> Rejection:
    """Raises Unclear for what is not listed as definitive."""
    if error.label in words.DUPLICATE:
        raise Unclear("duplicate")
    if error.label in words.REFUSED:
        return Rejection(error.label, error.message)
    raise Unclear("limited" if error.label in words.BUSY else "refused", error.label[:40])


def _is_well(head: words.Frame) -> bool:
    failed = isinstance(head.error, Raw) and bytes(head.error) != b"null"
    if failed or not isinstance(head.result, Raw):
        return False
    return msgspec.json.decode(head.result, type=words.Result).status == "success"


def _text(text: str) -> str | None:
    """Those of orders made by hand are other words, such as `web`."""
    return text if text.startswith(OWN) else None


def _order(row: words.Order, names: Names) -> OrderReport:
    state = words.STATES.get(row.status, OrderState.UNKNOWN)
    return _report(row, state, names)


def _change(row: words.OrderChange, names: Names) -> OrderReport:
    state = OrderState.OPEN
    if row.event == "finish":
        state = OrderState.FILLED if row.finish_as == "filled" else OrderState.CANCELLED
    elif row.event not in {"put", "update"}:
        state = OrderState.UNKNOWN
    return _report(row, state, names)


def _report(row: words.Order | words.OrderChange, state: OrderState, names: Names) -> OrderReport:
    """amount and left are of the base in orders with a price [3]."""
    filled = exact(row.amount) - exact(row.left)
    if state is OrderState.OPEN and filled:
        state = OrderState.PARTIALLY_FILLED
    return OrderReport(
        Venue.GATE,
        row.id,
        _text(row.text),
        names[row.currency_pair],
        row.side,
        state,
        filled,
        average(exact(row.filled_total), filled),
        _at_ns(row.update_time_ms),
    )


def _fill(row: words.Trade, names: Names) -> Fill:
    instrument = names[row.currency_pair]
    fee, fee_asset = _fee(row, instrument)
    return Fill(
        Venue.GATE,
        str(row.id),
        row.order_id,
        _text(row.text),
        instrument,
        row.side,
        exact(row.price),
        exact(row.amount),
        fee,
        fee_asset,
        _at_ns(row.create_time_ms),
    )


def _fee(row: words.Trade, instrument: Instrument) -> tuple[Decimal, str]:
    """In what was received, or in GT, or in points [6]. Raises Unreadable for two at once."""
    asset = row.fee_currency or received(instrument, row.side)
    fees = ((exact(row.fee), asset), (exact(row.gt_fee), "GT"), (exact(row.point_fee), "POINT"))
    paid = [(fee, paid_in) for fee, paid_in in fees if fee]
    if len(paid) > 1:
        raise Unreadable("one trade, and fees of more than one kind")
    return paid[0] if paid else (Decimal(0), asset)


def _withdrawal(row: words.Record) -> WithdrawalReport:
    """What is listed as its amount has the fee in it."""
    if row.fee is None or row.timestamp is None or row.status is None:
        raise Unreadable("a withdrawal without fee, time or status")
    fee = exact(row.fee)
    return WithdrawalReport(
        Venue.GATE,
        row.id,
        row.withdraw_order_id or None,
        row.currency,
        row.chain or None,
        row.address or None,
        exact(row.amount) - fee,
        fee,
        words.WITHDRAWALS.get(row.status, TransferState.UNKNOWN),
        row.txid or None,
        int(row.timestamp) * SECOND_NS,
    )


def _deposit(row: words.Record) -> DepositReport:
    if row.timestamp is None or row.status is None:
        raise Unreadable("a deposit without time or status")
    return DepositReport(
        Venue.GATE,
        row.id,
        row.currency,
        row.chain or None,
        exact(row.amount),
        row.txid or None,
        words.DEPOSITS.get(row.status, TransferState.UNKNOWN),
        int(row.timestamp) * SECOND_NS,
    )


def _balance(row: words.BalanceChange) -> Balance:
    return Balance(Venue.GATE, row.currency, exact(row.available), exact(row.freeze))


def _at_ns(text: str | int) -> int:
    """ms, with decimals in trades."""
    return int(Decimal(text) * MS_NS)
