"""KuCoin, private side: orders of the trade account, coins through the main one. kucoin.md."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from decimal import Decimal
from typing import TypeVar
from urllib.parse import quote

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
from app.exchanges.accounts import kucoin_words as words
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
from app.exchanges.contract import Names, Request, Ticket, Unreadable
from app.exchanges.kucoin import QUIET, WELL, KuCoin
from app.exchanges.signing import Keys

T = TypeVar("T")

WINDOW_MS = 5_000  # KC-API-TIMESTAMP may be so far off [3: 400002]
ROWS = 100


class KuCoinAccount:
    """Both accounts count as ours; only what lies in the trade account is free."""

    venue = Venue.KUCOIN
    rules = Rules(IdClass.W, IdClass.N, WINDOW_MS, True, True, False)
    logs_in = True

    def __init__(self) -> None:
        self._spells = KuCoin()

    def client_id(self, digest: str) -> str:
        return digest

    def place(self, terms: OrderTerms, client_id: str, at_ms: int) -> Request:
        fields = {
            "clientOid": client_id,
            "symbol": self._spells.symbol(terms.instrument),
            "side": terms.side,
            "type": "limit",
            "price": plain(terms.price),
            "size": plain(terms.quantity),
            "timeInForce": "IOC" if terms.type is OrderType.IOC else "GTC",
            # Checked at the gateway behind the door that the signature opens [3].
            "clientTimestamp": at_ms,
            "allowMaxTimeWindow": WINDOW_MS,
        }
        return _post(words.Path.ORDERS, fields)

    @action
    def read_placed(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        reply = _reply(status, body)
        if reply.code == WELL:
            return Placed(msgspec.json.decode(_some(reply), type=words.Placed).orderId)
        return _refusal(reply)

    def cancel(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        return self._one("DELETE", instrument, client_id, venue_order_id)

    @action
    def read_cancelled(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        reply = _reply(status, body)
        if reply.code == WELL:
            # By client id nothing but that is answered.
            by_client_id = request.path.startswith(words.Path.BY_CLIENT_ID)
            return Placed("" if by_client_id else request.path.rpartition("/")[2])
        return Rejection(reply.code, reply.msg) if _is_absent(reply) else _refusal(reply)

    def ask_order(
        self, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request | None:
        return self._one("GET", instrument, client_id, venue_order_id)

    @question
    def read_order(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> OrderReport | None:
        reply = _reply(status, body)
        if _is_absent(reply):
            return None
        return _order(msgspec.json.decode(_well(reply), type=words.Order), names)

    def ask_orders(self, instrument: Instrument, since_ms: int) -> list[Request]:
        market = ("symbol", self._spells.symbol(instrument))
        since = (market, ("startAt", str(since_ms)), ("limit", str(ROWS)))
        return [_get(words.Path.ACTIVE, (market,)), _get(words.Path.DONE, since)]

    @question
    def read_orders(
        self, request: Request, status: int, body: bytes, names: Names
    ) -> Page[OrderReport]:
        well = _well(_reply(status, body))
        if request.path == words.Path.ACTIVE:
            return Page(
                [_order(row, names) for row in msgspec.json.decode(well, type=list[words.Order])]
            )
        done = msgspec.json.decode(well, type=words.Done)
        return Page(
            [_order(row, names) for row in done.items], _on(request, len(done.items), done.lastId)
        )

    def ask_fills(
        self, instrument: Instrument, venue_order_id: str, since_ms: int
    ) -> list[Request]:
        query = {"symbol": self._spells.symbol(instrument), "orderId": venue_order_id}
        return [_get(words.Path.FILLS, (*query.items(), ("limit", str(ROWS))))]

    @question
    def read_fills(self, request: Request, status: int, body: bytes, names: Names) -> Page[Fill]:
        fills = _data(status, body, words.Fills)
        rows = [_fill(row, names) for row in fills.items]
        return Page(rows, _on(request, len(rows), fills.lastId))

    def ask_balances(self) -> Request:
        return _get(words.Path.ACCOUNTS)

    @question
    def read_balances(self, request: Request, status: int, body: bytes) -> Page[Balance]:
        """What lies in the main account is ours and cannot trade: locked, so to speak."""
        rows: list[Balance] = []
        for row in _data(status, body, list[words.Account]):
            if row.type in words.TRADING:
                free, locked = exact(row.available), exact(row.holds)
            elif row.type == "main":
                free, locked = Decimal(0), exact(row.balance)
            else:  # margin and the like belong to other products
                continue
            rows.append(Balance(Venue.KUCOIN, row.currency, free, locked))
        return Page(rows)

    def ask_fee(self, instrument: Instrument) -> Request | None:
        return _get(words.Path.FEES, (("symbols", self._spells.symbol(instrument)),))

    @question
    def read_fee(self, request: Request, status: int, body: bytes) -> float:
        for row in _data(status, body, list[words.Fee]):
            if row.symbol == request.asked("symbols"):
                return bps(exact(row.takerFeeRate))
        raise Unclear("unreadable", "no fee of this market")

    def ask_address(self, asset: str, network: str) -> Request:
        return _get(words.Path.ADDRESSES, (("currency", asset), ("chain", network)))

    @question
    def read_address(
        self, request: Request, status: int, body: bytes
    ) -> DepositAddress | NeedsOperator:
        asset, network = request.asked("currency") or "", request.asked("chain") or ""
        found = _data(status, body, list[words.Address])
        rows = [row for row in found if row.chainId == network]
        for row in rows:
            if row.to.lower() == "trade":
                return DepositAddress(Venue.KUCOIN, asset, network, row.address, row.memo or "")
        if rows:
            return NeedsOperator("to_main", "deposits would land in the main account, not in trade")
        return NeedsOperator("no_address", f"KuCoin has given no address for {asset} on {network}")

    def fund(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request | None:
        """Coins leave from the main account only [3]; a clientOid moves them once."""
        fields = {
            "clientOid": client_id,
            "type": "INTERNAL",
            "currency": terms.asset,
            "amount": plain(terms.amount + terms.fee),
            "fromAccountType": "TRADE",
            "toAccountType": "MAIN",
        }
        return _post(words.Path.MOVE, fields)

    @action
    def read_funded(self, request: Request, status: int, body: bytes) -> PlaceAnswer:
        return self.read_placed(request, status, body)

    def withdraw(self, terms: TransferTerms, client_id: str, at_ms: int) -> Request:
        """EXTERNAL: the fee is taken beside the amount. The remark is ours, and binds nobody."""
        fields = {
            "currency": terms.asset,
            "chain": terms.network,
            "withdrawType": "ADDRESS",
            "toAddress": terms.address,
            "amount": plain(terms.amount),
            "isInner": False,
            "feeDeductType": "EXTERNAL",
            "remark": client_id,
        }
        return _post(words.Path.WITHDRAW, fields | ({"memo": terms.tag} if terms.tag else {}))

    @action
    def read_withdrawn(self, request: Request, status: int, body: bytes) -> WithdrawAnswer:
        reply = _reply(status, body)
        if reply.code == WELL:
            return Withdrawn(msgspec.json.decode(_some(reply), type=words.Withdrawn).withdrawalId)
        return _refusal(reply)

    def ask_withdrawals(
        self, asset: str, since_ms: int, client_id: str | None, withdrawal_id: str | None
    ) -> list[Request]:
        return [_get(words.Path.WITHDRAWALS, _since(asset, since_ms))]

    @question
    def read_withdrawals(
        self, request: Request, status: int, body: bytes
    ) -> Page[WithdrawalReport]:
        page = _data(status, body, words.Paged)
        rows = [
            _withdrawal(row) for row in msgspec.json.decode(page.items, type=list[words.Withdrawal])
        ]
        return Page(rows, _next(request, page))

    def ask_deposits(self, asset: str, since_ms: int, txid: str | None) -> list[Request]:
        return [_get(words.Path.DEPOSITS, _since(asset, since_ms))]

    @question
    def read_deposits(self, request: Request, status: int, body: bytes) -> Page[DepositReport]:
        page = _data(status, body, words.Paged)
        rows = [_deposit(row) for row in msgspec.json.decode(page.items, type=list[words.Deposit])]
        return Page(rows, _next(request, page))

    def stream_entry(self) -> Request | None:
        return Request("POST", words.Path.ENTRY, signed=True)

    def stream_path(self, entry: bytes | None) -> str:
        bullet = _data(200, entry or b"", words.Bullet)
        endpoint = bullet.instanceServers[0].endpoint
        mark = "&" if "?" in endpoint else "?"
        return f"{endpoint}{mark}token={quote(bullet.token, safe='')}&connectId=kimp"

    def stream_headers(self, keys: Keys, ticket: Ticket) -> dict[str, str]:
        return {}

    def stream_frames(
        self, keys: Keys, instruments: Sequence[Instrument], ticket: Ticket
    ) -> list[bytes]:
        topics = (words.ORDERS_TOPIC, words.BALANCES_TOPIC)
        return [_subscribe(topic, f"{ticket.tag}-{count}") for count, topic in enumerate(topics)]

    def login_reply(self, frame: bytes) -> bool | None:
        """The token has logged in already: the first subscription tells whether it counts."""
        match msgspec.json.decode(frame, type=words.Frame).type:
            case "ack":
                return True
            case "error":
                return False
        return None

    def stream_ping(self, ticket: Ticket) -> bytes | None:
        return msgspec.json.encode({"id": ticket.tag, "type": "ping"})

    def read_stream(self, frame: bytes, names: Names) -> list[StreamRow]:
        head = msgspec.json.decode(frame, type=words.Frame)
        if head.type in QUIET:
            return []
        if head.type != "message" or not isinstance(head.data, Raw):
            raise Unreadable("no message that KuCoin's documents describe")
        if head.topic.startswith("/spotMarket/tradeOrders"):
            return [_changed(msgspec.json.decode(head.data, type=words.Changed), names)]
        if head.topic == words.BALANCES_TOPIC:
            purse = msgspec.json.decode(head.data, type=words.Purse)
            if purse.relationEvent.partition(".")[0] not in words.TRADING:
                return []
            free, locked = exact(purse.available), exact(purse.hold)
            return [Balance(Venue.KUCOIN, purse.currency, free, locked)]
        return []

    def _one(
        self, method: str, instrument: Instrument, client_id: str, venue_order_id: str | None
    ) -> Request:
        place = f"{words.Path.BY_CLIENT_ID}/{client_id}"
        if venue_order_id:
            place = f"{words.Path.ORDERS}/{venue_order_id}"
        return Request(method, place, (("symbol", self._spells.symbol(instrument)),), signed=True)


def _get(path: str, query: tuple[tuple[str, str], ...] = ()) -> Request:
    return Request("GET", path, query, signed=True)


def _post(path: str, fields: Mapping[str, object]) -> Request:
    return Request("POST", path, signed=True, body=msgspec.json.encode(fields))


def _since(asset: str, since_ms: int) -> tuple[tuple[str, str], ...]:
    return (("currency", asset), ("startAt", str(since_ms)), ("pageSize", str(ROWS)))


def _on(request: Request, count: int, last_id: int | None) -> Request | None:
    """What follows the last row, while pages are full."""
    if count < ROWS or last_id is None:
        return None
    return changed(request, lastId=str(last_id))


def _next(request: Request, page: words.Paged) -> Request | None:
    if page.currentPage >= page.totalPage:
        return None
    return changed(request, currentPage=str(page.currentPage + 1))


def _reply(status: int, body: bytes) -> words.Reply:
    return msgspec.json.decode(heard(status, body), type=words.Reply)


def _well(reply: words.Reply) -> Raw:
    """Of a question. Raises Unclear: an error is no answer to it."""
    if reply.code == WELL:
        return _some(reply)
    if reply.code in words.UNAUTHORISED:
        raise Unclear("not_allowed", f"{reply.code} {reply.msg[:120]}")
    raise Unclear("limited" if reply.code == "429000" else "refused", reply.code[:20])


def _data(status: int, body: bytes, kind: type[T]) -> T:
    """Of a question."""
    return msgspec.json.decode(_well(_reply(status, body)), type=kind)


def _some(reply: words.Reply) -> Raw:
    if not isinstance(reply.data, Raw):
        raise Unclear("unreadable", "no data")
    return reply.data


def _is_absent(reply: words.Reply) -> bool:
    return reply.code in words.ABSENT or (reply.code != WELL and reply.msg in words.ABSENT_TEXTS)


def _refusal(reply: words.Reply) -> Rejection:
    """Raises Unclear for what is not listed as definitive."""
    # Under the code of every wrong parameter [3]; it is there, or was: no refusal of this one.
    if reply.code in words.DUPLICATE or "clientoid" in reply.msg.lower():
        raise Unclear("duplicate")
    if reply.code in words.REFUSED:
        return Rejection(reply.code, reply.msg)
    raise Unclear("limited" if reply.code == "429000" else "refused", reply.code[:20])


def _order(row: words.Order, names: Names) -> OrderReport:
    filled, funds = exact(row.dealSize), exact(row.dealFunds)
    cancelled = row.cancelExist or exact(row.cancelledSize or "0") > 0
    if row.active:
        state = OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN
    elif cancelled:
        state = OrderState.CANCELLED
    else:
        state = OrderState.FILLED if filled == exact(row.size) else OrderState.UNKNOWN
    return OrderReport(
        Venue.KUCOIN,
        row.id,
        row.clientOid or None,
        names[row.symbol],
        row.side,
        state,
        filled,
        average(funds, filled),
        (row.lastUpdatedAt or row.createdAt) * MS_NS,
    )


def _fill(row: words.Fill, names: Names) -> Fill:
    return Fill(
        Venue.KUCOIN,
        str(row.tradeId),
        row.orderId,
        None,
        names[row.symbol],
        row.side,
        exact(row.price),
        exact(row.size),
        exact(row.fee),
        row.feeCurrency,
        row.createdAt * MS_NS,
    )


def _withdrawal(row: words.Withdrawal) -> WithdrawalReport:
    state, txid = words.WITHDRAWALS.get(row.status, TransferState.UNKNOWN), _txid(row.walletTxId)
    if state is TransferState.ACCEPTED and txid is not None:
        state = TransferState.ON_CHAIN
    return WithdrawalReport(
        Venue.KUCOIN,
        row.id,
        row.remark or None,
        row.currency,
        row.chain or None,
        row.address or None,
        row.amount,
        row.fee,
        state,
        txid,
        row.createdAt * MS_NS,
    )


def _deposit(row: words.Deposit) -> DepositReport:
    """A deposit has no number of its own."""
    return DepositReport(
        Venue.KUCOIN,
        row.walletTxId or f"{row.currency}-{row.createdAt}",
        row.currency,
        row.chain or None,
        row.amount,
        _txid(row.walletTxId),
        words.DEPOSITS.get(row.status, TransferState.UNKNOWN),
        row.createdAt * MS_NS,
    )


def _txid(text: str | None) -> str | None:
    """`hash@address` in some replies [ccxt's captures]."""
    return (text or "").partition("@")[0] or None


def _changed(row: words.Changed, names: Names) -> OrderReport:
    filled = None if row.filledSize is None else exact(row.filledSize)
    state = words.CHANGES.get(row.type, OrderState.UNKNOWN)
    if row.type == "update":  # its size was changed by somebody
        state = OrderState.PARTIALLY_FILLED if filled else OrderState.OPEN
    return OrderReport(
        Venue.KUCOIN,
        row.orderId,
        row.clientOid or None,
        names[row.symbol],
        row.side,
        state,
        filled,
        None,
        row.ts,
    )


def _subscribe(topic: str, id_: str) -> bytes:
    fields = {"id": id_, "type": "subscribe", "topic": topic}
    return msgspec.json.encode(fields | {"privateChannel": True, "response": True})
