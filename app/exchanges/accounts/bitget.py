"""Bitget, private side of spot in a classic account. bitget.md; sections in brackets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
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
from app.exchanges.accounts import bitget_words as words
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
)
from app.exchanges.bitget import Bitget
from app.exchanges.contract import Names, Request, Ticket, Unreadable
from app.exchanges.logins import login
from app.exchanges.signing import Keys

T = TypeVar("T")

WINDOW_MS = 30_000  # of a timestamp [3: 40008]
ORDER_WINDOW_MS = 5_000  # of an order, by `receiveWindow`
ROWS = 100
SPAN_MS = 89 * 86_400_000  # of a list of withdrawals or deposits: under 90 days [3]

CHANNELS = (("orders", "instId"), ("fill", "instId"), ("account", "coin"))


class BitgetAccount:
    venue = Venue.BITGET
    rules = Rules(
        IdClass.W, IdClass.W, WINDOW_MS, True, True, True, order_window_ms=ORDER_WINDOW_MS
    )
    logs_in = True

    def __init__(self) -> None:
        self._spells = Bitget()

    def client_id(self, digest: str) -> str:
        return digest

    def place(self, terms: OrderTerms, client_id: str, at_ms: int) -> Request:
        fields = {
            "symbol": self._spells.symbol(terms.instrument),
            "side": terms.side,
            "orderType": "limit",
            "force": "ioc" if terms.type is OrderType.IOC else "gtc",
            "price": plain(terms.price),
            "size": plain(terms.quantity),
            "clientOid": client_id,
            "requestTime": str(at_ms),
            "receiveWindow": str(ORDER_WINDOW_MS),
        }
        return _post(words.Path.PLACE, fields)

    @action
    def read_placed(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        reply = _reply(status, body)
        if reply.code == words.WELL:
            return Placed(_as(_some(reply), words.Numbered).orderId)
        return _refusal(reply)

    def cancel(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        name, number = _named(client_id, venue_order_id)
        fields = {"symbol": self._spells.symbol(instrument), name: number}
        return _post(words.Path.CANCEL, fields)

    @action
    def read_cancelled(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        """Accepted, not yet done [3]."""
        reply = _reply(status, body)
        if reply.code == words.WELL:
            return Placed(_as(_some(reply), words.Numbered).orderId)
        if reply.code in words.ENDED:
            return Rejection(reply.code, reply.msg or "")
        return _refusal(reply)

    def ask_order(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        return _get(words.Path.ORDER, (_named(client_id, venue_order_id),))

    @question
    def read_order(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> OrderReport | None:
        """An empty list, or 43001, means that there is none [3]."""
        reply = _reply(status, body)
        if reply.code in words.ABSENT:
            return None
        rows = _as(_well(reply), list[words.Order])
        return _order(rows[0], names) if rows else None

    def ask_orders(self, instrument: Instrument, since_ms: int) -> list[Request]:
        market = ("symbol", self._spells.symbol(instrument))
        query = (market, ("startTime", str(since_ms)), ("limit", str(ROWS)))
        return [_get(words.Path.OPEN, query), _get(words.Path.ENDED, query)]

    @question
    def read_orders(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> Page[OrderReport]:
        rows = _data(status, body, list[words.Order])
        last = rows[-1].orderId if rows else ""
        return Page([_order(row, names) for row in rows], _next(request, len(rows), last))

    def ask_fills(
        self, instrument: Instrument, venue_order_id: str, since_ms: int
    ) -> list[Request]:
        query = {
            "symbol": self._spells.symbol(instrument),
            "orderId": venue_order_id,
            "limit": str(ROWS),
        }
        return [_get(words.Path.FILLS, tuple(query.items()))]

    @question
    def read_fills(self, request: Request, status: int, body: bytes, names: Names) -> Page[Fill]:
        rows = _data(status, body, list[words.Trade])
        last = rows[-1].tradeId if rows else ""
        return Page([_fill(row, names) for row in rows], _next(request, len(rows), last))

    def ask_balances(self) -> Request:
        return _get(words.Path.ASSETS, (("assetType", "all"),))

    @question
    def read_balances(self, request: Request, status: int, body: bytes) -> Page[Balance]:
        return Page([_balance(row) for row in _data(status, body, list[words.Asset])])

    def ask_fee(self, instrument: Instrument) -> Request | None:
        query = (("symbol", self._spells.symbol(instrument)), ("businessType", "spot"))
        return _get(words.Path.FEE, query)

    @question
    def read_fee(self, request: Request, status: int, body: bytes) -> float:
        return bps(exact(_data(status, body, words.Fee).takerFeeRate))

    def ask_address(self, asset: str, network: str) -> Request:
        return _get(words.Path.ADDRESS, (("coin", asset), ("chain", network)))

    @question
    def read_address(
        self, request: Request, status: int, body: bytes
    ) -> DepositAddress | NeedsOperator:
        asset, network = request.asked("coin") or "", request.asked("chain") or ""
        told = _data(status, body, words.Address)
        if told.address:
            return DepositAddress(Venue.BITGET, asset, network, told.address, told.tag or "")
        return NeedsOperator("no_address", f"Bitget has given no address for {asset} on {network}")

    def fund(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request | None:
        return None

    @action
    def read_funded(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        raise Unclear("refused", "nothing was asked")

    def withdraw(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request:
        """The fee is taken out of the size."""
        fields = {
            "coin": terms.asset,
            "transferType": "on_chain",
            "address": terms.address,
            "chain": terms.network,
            "size": plain(terms.amount + terms.fee),
            "clientOid": client_id,
        }
        return _post(words.Path.WITHDRAW, fields | ({"tag": terms.tag} if terms.tag else {}))

    @action
    def read_withdrawn(self, request: Request, status: int, body: bytes) -> WithdrawAnswer:
        reply = _reply(status, body)
        if reply.code == words.WELL:
            return Withdrawn(_as(_some(reply), words.Numbered).orderId)
        if reply.code in words.PEOPLE:
            return NeedsOperator(reply.code, reply.msg or "")
        return _refusal(reply)

    def ask_withdrawals(
        self, asset: str, since_ms: int, client_id: str | None, withdrawal_id: str | None
    ) -> list[Request]:
        query = _span(asset, since_ms)
        if client_id is not None:
            query = (*query, ("clientOid", client_id))
        return [_get(words.Path.WITHDRAWALS, query)]

    @question
    def read_withdrawals(
        self, request: Request, status: int, body: bytes
    ) -> Page[WithdrawalReport]:
        rows = _data(status, body, list[words.Record])
        last = rows[-1].orderId if rows else ""
        return Page([_withdrawal(row) for row in rows], _next(request, len(rows), last))

    def ask_deposits(self, asset: str, since_ms: int, txid: str | None) -> list[Request]:
        return [_get(words.Path.DEPOSITS, _span(asset, since_ms))]

    @question
    def read_deposits(self, request: Request, status: int, body: bytes) -> Page[DepositReport]:
        rows = _data(status, body, list[words.Record])
        last = rows[-1].orderId if rows else ""
        return Page([_deposit(row) for row in rows], _next(request, len(rows), last))

    def stream_entry(self) -> Request | None:
        return None

    def stream_path(self, entry: bytes | None) -> str:
        return "/v2/ws/private"

    def stream_headers(self, keys: Keys, ticket: Ticket) -> dict[str, str]:
        return {}

    def stream_frames(
        self, keys: Keys, instruments: Sequence[Instrument], ticket: Ticket
    ) -> list[bytes]:
        args = [{"instType": "SPOT", "channel": name, of: "default"} for name, of in CHANNELS]
        entry = login(Venue.BITGET, keys, ticket.at_ns // MS_NS, ticket.tag)
        frames = (entry, {"op": "subscribe", "args": args})
        return [msgspec.json.encode(frame) for frame in frames]

    def login_reply(self, frame: bytes) -> bool | None:
        if frame == b"pong":
            return None
        head = msgspec.json.decode(frame, type=words.Frame)
        if head.event == "login":
            return str(head.code) == "0"
        return False if head.event == "error" else None

    def stream_ping(self, ticket: Ticket) -> bytes | None:
        return b"ping"

    def read_stream(self, frame: bytes, names: Names) -> list[StreamRow]:
        if frame == b"pong":
            return []
        head = msgspec.json.decode(frame, type=words.Frame)
        if head.event in {"subscribe", "login"}:
            return []
        if head.arg is None or not isinstance(head.data, Raw):
            raise Unreadable("no message that Bitget's documents describe")
        match head.arg.channel:
            case "orders":
                changes = _as(head.data, list[words.OrderChange])
                return [_change(row, names) for row in changes]
            case "fill":
                return [_fill(row, names) for row in _as(head.data, list[words.Trade])]
            case "account":
                return [_balance(row) for row in _as(head.data, list[words.Asset])]
        return []


def _get(path: str, query: tuple[tuple[str, str], ...]) -> Request:
    return Request("GET", path, query, signed=True)


def _post(path: str, fields: Mapping[str, object]) -> Request:
    return Request("POST", path, signed=True, body=msgspec.json.encode(fields))


def _named(client_id: str, venue_order_id: str | None) -> tuple[str, str]:
    return ("orderId", venue_order_id) if venue_order_id else ("clientOid", client_id)


def _span(asset: str, since_ms: int) -> tuple[tuple[str, str], ...]:
    """Both ends are wanted; what comes after now is in nobody's way."""
    ends = (("startTime", str(since_ms)), ("endTime", str(since_ms + SPAN_MS)))
    return (("coin", asset), *ends, ("limit", str(ROWS)))


def _next(request: Request, count: int, last_id: str) -> Request | None:
    return changed(request, idLessThan=last_id) if count >= ROWS else None


def _as(data: Raw, kind: type[T]) -> T:
    return msgspec.json.decode(data, type=kind)


def _reply(status: int, body: bytes) -> words.Reply:
    return msgspec.json.decode(heard(status, body), type=words.Reply)


def _data(status: int, body: bytes, kind: type[T]) -> T:
    """Of a question."""
    return _as(_well(_reply(status, body)), kind)


def _well(reply: words.Reply) -> Raw:
    """Of a question. Raises Unclear: an error is no answer to it."""
    if reply.code == words.WELL:
        return _some(reply)
    if reply.code in words.UNAUTHORISED:
        raise Unclear("not_allowed", f"{reply.code} {(reply.msg or '')[:120]}")
    raise Unclear("limited" if reply.code == "429" else "refused", reply.code[:20])


def _some(reply: words.Reply) -> Raw:
    if not isinstance(reply.data, Raw):
        raise Unreadable("no data")
    return reply.data


def _refusal(reply: words.Reply) -> Rejection:
    """Raises Unclear for what is not listed as definitive."""
    if reply.code in words.DUPLICATE:
        raise Unclear("duplicate")
    if reply.code in words.REFUSED:
        return Rejection(reply.code, reply.msg or "")
    raise Unclear("limited" if reply.code == "429" else "refused", reply.code[:20])


def _order(row: words.Order, names: Names) -> OrderReport:
    filled = exact(row.baseVolume or "0")
    return OrderReport(
        Venue.BITGET,
        row.orderId,
        row.clientOid or None,
        names[row.symbol],
        row.side,
        words.STATES.get(row.status, OrderState.UNKNOWN),
        filled,
        average(exact(row.quoteVolume or "0"), filled),
        int(row.uTime) * MS_NS,
    )


def _change(row: words.OrderChange, names: Names) -> OrderReport:
    filled = exact(row.accBaseVolume)
    return OrderReport(
        Venue.BITGET,
        row.orderId,
        row.clientOid or None,
        names[row.instId],
        row.side,
        words.STATES.get(row.status, OrderState.UNKNOWN),
        filled,
        exact(row.priceAvg) if filled and row.priceAvg else None,
        int(row.uTime) * MS_NS,
    )


def _fill(row: words.Trade, names: Names) -> Fill:
    """One fee, in one coin. Raises Unreadable where it was paid for by another coin [3]."""
    details = row.feeDetail if isinstance(row.feeDetail, list) else [row.feeDetail]
    if len(details) != 1 or details[0].deduction == "yes":
        raise Unreadable("a fee that is not of one coin")
    return Fill(
        Venue.BITGET,
        row.tradeId,
        row.orderId,
        None,
        names[row.symbol],
        row.side,
        exact(row.priceAvg),
        exact(row.size),
        -exact(details[0].totalFee),
        details[0].feeCoin,
        int(row.cTime) * MS_NS,
    )


def _balance(row: words.Asset) -> Balance:
    locked = exact(row.frozen) + exact(row.locked)
    return Balance(Venue.BITGET, row.coin, exact(row.available), locked)


def _withdrawal(row: words.Record) -> WithdrawalReport:
    """size has the fee in it, which stands there with a minus."""
    if not row.fee:
        raise Unreadable("a withdrawal without a fee")
    fee, txid = abs(exact(row.fee)), _txid(row)
    state = words.WITHDRAWALS.get(row.status, TransferState.UNKNOWN)
    if state is TransferState.ACCEPTED and txid is not None:
        state = TransferState.ON_CHAIN
    return WithdrawalReport(
        Venue.BITGET,
        row.orderId,
        row.clientOid or None,
        row.coin,
        row.chain or None,
        row.toAddress or None,
        exact(row.size) - fee,
        fee,
        state,
        txid,
        int(row.cTime) * MS_NS,
    )


def _deposit(row: words.Record) -> DepositReport:
    return DepositReport(
        Venue.BITGET,
        row.orderId,
        row.coin,
        row.chain or None,
        exact(row.size),
        _txid(row),
        words.DEPOSITS.get(row.status, TransferState.UNKNOWN),
        int(row.cTime) * MS_NS,
    )


def _txid(row: words.Record) -> str | None:
    """Between two accounts of this venue no chain is used, and the number is none of a chain's."""
    return row.tradeId or None if row.dest == "on_chain" else None
