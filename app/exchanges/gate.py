"""Gate v4, public side of spot, and books of its perpetuals. gate.md; sections in brackets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from app.domain.decimals import Written
from app.domain.markets import (
    Alignment,
    BookDelta,
    BookSnapshot,
    Candle,
    Closing,
    Event,
    Flow,
    Ignored,
    Instrument,
    Level,
    Market,
    Product,
    Rejected,
    ServerTime,
    Side,
    Trade,
    WalletNetwork,
)
from app.domain.times import MINUTE_NS, MS_NS, SECOND_NS
from app.domain.venues import Venue
from app.exchanges.contract import (
    Connection,
    Count,
    Limits,
    Millis,
    Names,
    Request,
    Ticket,
    Unreadable,
    each,
    shards,
    written,
)

STREAM = "/ws/v4/"
TRADES = "spot.trades"
LEVELS = 50  # of 50 every 20 ms, or 400 every 100 ms [1]
INTERVAL = "20ms"  # or 100ms, of changes over REST [1]
BOOK_LEVELS = "100"  # 10 where it is not said [2]
PAIRS_PER_FRAME = 100  # of trades; books take one pair per frame [1]


class Path(StrEnum):
    MARKETS = "/api/v4/spot/currency_pairs"
    BOOK = "/api/v4/spot/order_book"
    CANDLES = "/api/v4/spot/candlesticks"
    TIME = "/api/v4/spot/time"
    WALLETS = "/api/v4/spot/currencies"
    WITHDRAWALS = "/api/v4/wallet/withdraw_status"
    # Perpetuals: books are read, as they were captured.
    PERPETUAL_MARKETS = "/api/v4/futures/usdt/contracts"
    PERPETUAL_BOOK = "/api/v4/futures/usdt/order_book"


NOT_OURS = {
    "spot.tickers": "a ticker is not a book",
    "spot.candlesticks": "candles are asked for by REST",
    "spot.book_ticker": "best bid and ask only, not a book",
}
TAKER = {"buy": Side.BUY, "sell": Side.SELL}  # `side` is the taker's [1]
UPGRADE = "upgrade"

# Milliseconds with decimals, as text: "1606292218213.4578" [1].
FineMillis = Annotated[str, Meta(pattern=r"^[0-9]{1,13}(\.[0-9]+)?$")]
Digits = Annotated[int, Meta(ge=0, le=30)]
SecondsText = Annotated[str, Meta(pattern="^[0-9]{1,10}$")]


class _Fault(msgspec.Struct):
    code: int
    message: str


class _Head(msgspec.Struct):
    """Enough of a frame to know what it is."""

    channel: str | None = None
    event: str | None = None
    error: _Fault | None = None  # null or absent when all is well [1]
    result: Raw | UnsetType = UNSET
    type: str | None = None  # a notice that came without a channel until July 2026
    msg: str | None = None
    label: str | None = None  # of a REST error [0]
    message: str | None = None


class _Notice(msgspec.Struct):
    type: str
    msg: str


class _Obu(
    msgspec.Struct,
    rename={
        "at": "t",
        "stream": "s",
        "first": "U",
        "last": "u",
        "bids": "b",
        "asks": "a",
    },
):
    """`full` is left out of changes, `U` of whole books [1].

    A side without a change is left out too: seen on the same channel of perpetuals, not documented.
    """

    at: Millis
    stream: str
    last: Count
    bids: list[Level] | None = None
    asks: list[Level] | None = None
    first: Count | None = None
    full: bool = False


class _Update(
    msgspec.Struct,
    rename={
        "at": "t",
        "symbol": "s",
        "first": "U",
        "last": "u",
        "bids": "b",
        "asks": "a",
    },
):
    at: Millis
    symbol: str
    first: Count
    last: Count
    bids: list[Level]
    asks: list[Level]


class _Contracts(msgspec.Struct):
    """A level of perpetuals, its quantity a JSON number of contracts."""

    p: str
    s: Raw


class _PerpetualUpdate(
    msgspec.Struct,
    rename={
        "at": "t",
        "symbol": "s",
        "first": "U",
        "last": "u",
        "bids": "b",
        "asks": "a",
    },
):
    at: Millis
    symbol: str
    first: Count
    last: Count
    bids: list[_Contracts]
    asks: list[_Contracts]


class _Whole(msgspec.Struct, rename={"at": "t", "last": "lastUpdateId", "symbol": "s"}):
    at: Millis
    last: Count
    symbol: str
    bids: list[Level]
    asks: list[Level]


class _Trade(msgspec.Struct):
    id: Count
    create_time_ms: FineMillis
    side: str
    currency_pair: str
    amount: Written
    price: Written


class _Depth(msgspec.Struct):
    id: Count
    bids: list[Level]
    asks: list[Level]
    update: Millis | None = None  # absent in a recorded reply of 2021


class _PerpetualDepth(msgspec.Struct):
    id: Count
    bids: list[_Contracts]
    asks: list[_Contracts]
    update: Annotated[float, Meta(ge=0, lt=2**33)]  # seconds, of which 3 decimals count


class _Pair(msgspec.Struct):
    """Minimums are absent where there is none, recorded so."""

    base: str
    quote: str
    precision: Digits
    amount_precision: Digits
    trade_status: str
    min_base_amount: Written | None = None
    min_quote_amount: Written | None = None


class _Contract(msgspec.Struct):
    name: str
    order_price_round: Written
    in_delisting: bool


class _Time(msgspec.Struct):
    server_time: Millis


class _Chain(msgspec.Struct):
    name: str
    addr: str
    withdraw_disabled: bool
    deposit_disabled: bool


class _Currency(msgspec.Struct):
    currency: str
    chains: list[_Chain]


class _Withdrawal(msgspec.Struct):
    currency: str
    withdraw_amount_mini: Written
    withdraw_percent: str
    withdraw_fix_on_chains: dict[str, Written] = {}
    withdraw_percent_on_chains: dict[str, str] = {}


class _Row(msgspec.Struct):
    """The first row of a reply: which call it answers shows in its keys."""

    base: str | None = None
    precision: int | None = None
    currency: str | None = None
    chains: Raw | UnsetType = UNSET
    withdraw_amount_mini: Raw | UnsetType = UNSET


class _Answer(msgspec.Struct):
    channel: str | None = None
    id: int | None = None
    asks: Raw | UnsetType = UNSET
    server_time: int | None = None


# When it opened, value in quote, close, high, low, open, volume, whether it is over [2].
Kline = tuple[SecondsText, str, Written, Written, Written, Written, Written, str]


class Gate:
    """Update ids of a market step by one; a message covers `U..u` [1]."""

    venue = Venue.GATE
    rest_url = "https://api.gateio.ws"
    stream_url = "wss://api.gateio.ws"
    # Subscriptions are not limited; slow readers are said to get broken frames, so 100 keep one
    # socket's share small. 300 connections per address, frames have no documented limit [1].
    limits = Limits(100, 10.0, 1.0, 1000)
    ping_every_s: float | None = 15.0  # libraries send one every 10 to 30 s [1]
    channels: Mapping[str, Alignment] = {
        "obu": Alignment.CHAINED,
        "order_book_update": Alignment.BUFFERED,
    }

    def symbol(self, instrument: Instrument) -> str:
        return f"{instrument.base}_{instrument.quote}"

    def instrument(self, symbol: str) -> Instrument:
        base, line, quote = symbol.partition("_")
        if not (base and line and quote) or "_" in quote:
            raise Unreadable(f"{symbol[:40]!r} is not spelled as Gate spells markets")
        return Instrument(Venue.GATE, base, quote)

    def entry(self) -> Request | None:
        return None

    def connections(
        self, instruments: Sequence[Instrument], channel: str, ticket: Ticket
    ) -> list[Connection]:
        made: list[Connection] = []
        for shard in shards(instruments, self.limits.instruments_per_connection):
            books = [self._book_of(instrument, channel) for instrument in shard]
            wanted = [(f"spot.{channel}", payload) for payload in books]
            for part in shards(shard, PAIRS_PER_FRAME):
                wanted.append((TRADES, [self.symbol(instrument) for instrument in part]))
            frames = tuple(
                _asked(name, "subscribe", payload, ticket, number)
                for number, (name, payload) in enumerate(wanted, 1)
            )
            made.append(Connection(STREAM, frames))
        return made

    def resubscribe(self, instrument: Instrument, channel: str, ticket: Ticket) -> list[bytes]:
        """`obu` opens with a whole book; a second one without leaving is refused [1]."""
        if self.channels[channel] is Alignment.BUFFERED:
            return []
        payload = self._book_of(instrument, channel)
        return [
            _asked(f"spot.{channel}", word, payload, ticket, number)
            for number, word in enumerate(("unsubscribe", "subscribe"), 1)
        ]

    def ping(self, ticket: Ticket) -> bytes | None:
        return msgspec.json.encode({"time": ticket.at_ns // SECOND_NS, "channel": "spot.ping"})

    def read(self, frame: bytes, names: Names) -> list[Event]:
        head = msgspec.json.decode(frame, type=_Head)
        if head.error is not None:
            return [Rejected(str(head.error.code), head.error.message)]
        if head.channel is not None and isinstance(head.result, Raw):
            if head.channel.endswith(".pong"):
                return [Ignored("pong")]
            if head.event == "update" or head.event is None:  # the example of `obu` has none [1]
                return [self._update(head.channel, bytes(head.result), names)]
            if head.event in {"subscribe", "unsubscribe"}:
                return [Ignored(f"answer to {head.event} {head.channel}")]
        if head.label is not None and head.message is not None:
            return [Rejected(head.label, head.message)]
        if head.channel is None and head.type == UPGRADE and head.msg is not None:
            return [Closing(head.msg)]
        raise Unreadable("no message that Gate's documents describe")

    def ask_markets(self) -> list[Request]:
        return [Request("GET", Path.MARKETS)]

    def ask_market_details(self, instruments: Sequence[Instrument]) -> list[Request]:
        return []

    def ask_book(self, instrument: Instrument) -> Request:
        query = {
            "currency_pair": self.symbol(instrument),
            "limit": BOOK_LEVELS,
            "with_id": "true",
        }
        return Request("GET", Path.BOOK, tuple(query.items()))

    def ask_time(self) -> Request | None:
        return Request("GET", Path.TIME)

    def ask_candles(self, instrument: Instrument, start_ns: int, minutes: int) -> Request:
        """By its range alone: `limit` excludes it [2]. `to` is the last second wanted."""
        start_s, end_s = start_ns // SECOND_NS, (start_ns + minutes * MINUTE_NS) // SECOND_NS - 1
        query = {
            "currency_pair": self.symbol(instrument),
            "interval": "1m",
            "from": str(start_s),
            "to": str(end_s),
        }
        return Request("GET", Path.CANDLES, tuple(query.items()))

    def ask_wallets(self) -> Request:
        """Networks and contracts are public; fees and minimums are not [2]."""
        return Request("GET", Path.WALLETS)

    def ask_withdrawals(self, networks: Sequence[WalletNetwork]) -> list[Request]:
        return [Request("GET", Path.WITHDRAWALS, signed=True)]

    def read_reply(self, request: Request, body: bytes, names: Names) -> list[Event]:
        if body.lstrip()[:1] == b"{" and msgspec.json.decode(body, type=_Head).label is not None:
            return self.read(body, names)
        match request.path:
            case Path.BOOK:
                depth = msgspec.json.decode(body, type=_Depth)
                return [_depth(names.named(request.asked("currency_pair")), depth)]
            case Path.MARKETS:
                return each(body, _Pair, lambda row: [_market(row)])
            case Path.CANDLES:  # oldest first [2]
                instrument = names.named(request.asked("currency_pair"))
                rows = msgspec.json.decode(body, type=list[Kline])
                return [_candle(instrument, row) for row in rows]
            case Path.TIME:
                return [ServerTime(msgspec.json.decode(body, type=_Time).server_time * MS_NS)]
            case Path.WALLETS:
                return each(body, _Currency, lambda row: [_wallet(row, one) for one in row.chains])
            case Path.WITHDRAWALS:
                return each(
                    body,
                    _Withdrawal,
                    lambda row: [_withdrawal(row, name) for name in row.withdraw_fix_on_chains],
                )
            case Path.PERPETUAL_BOOK:
                contract = request.asked("contract")
                if contract is None:
                    raise Unreadable("neither a perpetual's book nor its request names a market")
                return [_perpetual_depth(self._perpetual(contract), body)]
            case Path.PERPETUAL_MARKETS:
                contracts = msgspec.json.decode(body, type=list[_Contract])
                return [
                    Market(
                        self._perpetual(row.name),
                        trading=not row.in_delisting,
                        tick=row.order_price_round,
                    )
                    for row in contracts
                ]
        raise Unreadable(f"{request.path} is no call of ours")

    def recognise(self, body: bytes) -> Request | None:
        start = body.lstrip()[:2]
        if start == b"[[":  # candles are rows of rows
            return Request("GET", Path.CANDLES)
        if start[:1] == b"[":
            rows = msgspec.json.decode(body, type=list[_Row])
            path = _listed(rows[0]) if rows else None
            if path is None:
                raise Unreadable("no reply that Gate's documents describe")
            return Request("GET", path)
        if start[:1] != b"{":
            return None
        answer = msgspec.json.decode(body, type=_Answer)
        if answer.channel is not None:
            return None
        if answer.id is not None and answer.asks is not UNSET:
            return Request("GET", Path.BOOK)
        return None if answer.server_time is None else Request("GET", Path.TIME)

    def _book_of(self, instrument: Instrument, channel: str) -> list[str]:
        symbol = self.symbol(instrument)
        return [f"ob.{symbol}.{LEVELS}"] if channel == "obu" else [symbol, INTERVAL]

    def _update(self, channel: str, result: bytes, names: Names) -> Event:
        match channel:
            case "spot.obu":
                return _obu(msgspec.json.decode(result, type=_Obu), names)
            case "spot.order_book_update":
                update = msgspec.json.decode(result, type=_Update)
                return _delta(names[update.symbol], update, update.bids, update.asks)
            case "spot.order_book":
                whole = msgspec.json.decode(result, type=_Whole)
                return _whole(names[whole.symbol], whole)
            case "spot.trades":
                return _trade(msgspec.json.decode(result, type=_Trade), names)
            case "spot.system":
                notice = msgspec.json.decode(result, type=_Notice)
                if notice.type == UPGRADE:
                    return Closing(notice.msg)
                return Ignored(f"system notice: {notice.type}")
            case "futures.order_book_update":
                change = msgspec.json.decode(result, type=_PerpetualUpdate)
                bids, asks = _levels(change.bids), _levels(change.asks)
                return _delta(self._perpetual(change.symbol), change, bids, asks)
        return Ignored(NOT_OURS.get(channel, f"{channel} is not read"))

    def _perpetual(self, symbol: str) -> Instrument:
        """A perpetual is spelled as the spot market of the same coins."""
        return msgspec.structs.replace(self.instrument(symbol), product=Product.PERPETUAL)


def _asked(channel: str, word: str, payload: list[str], ticket: Ticket, number: int) -> bytes:
    """`time` has to be within 60 s of the venue's; `id` fits into 32 bits [1]."""
    return msgspec.json.encode(
        {
            "time": ticket.at_ns // SECOND_NS,
            "id": number,
            "channel": channel,
            "event": word,
            "payload": payload,
        }
    )


def _listed(row: _Row) -> str | None:
    if row.base is not None and row.precision is not None:
        return Path.MARKETS
    if row.withdraw_amount_mini is not UNSET:
        return Path.WITHDRAWALS
    return Path.WALLETS if row.currency is not None and row.chains is not UNSET else None


def _obu(book: _Obu, names: Names) -> Event:
    mark, _, rest = book.stream.partition(".")  # ob.BTC_USDT.50
    symbol, dot, _ = rest.rpartition(".")
    if mark != "ob" or not dot:
        raise Unreadable(f"{book.stream[:40]!r} is no stream of order books")
    instrument, chained, at_ns = names[symbol], Alignment.CHAINED, book.at * MS_NS
    if book.full:
        if book.bids is None or book.asks is None:
            raise Unreadable("a whole book without one of its sides")
        return BookSnapshot(instrument, chained, book.bids, book.asks, book.last, at_ns)
    if book.first is None:
        raise Unreadable("a change without U, and not a whole book")
    return BookDelta(
        instrument,
        chained,
        book.bids or [],
        book.asks or [],
        previous=book.first - 1,
        last=book.last,
        exchange_at_ns=at_ns,
    )


def _delta(
    instrument: Instrument,
    update: _Update | _PerpetualUpdate,
    bids: list[Level],
    asks: list[Level],
) -> BookDelta:
    return BookDelta(
        instrument,
        Alignment.BUFFERED,
        bids,
        asks,
        previous=update.first - 1,
        last=update.last,
        exchange_at_ns=update.at * MS_NS,
    )


def _whole(instrument: Instrument, whole: _Whole) -> BookSnapshot:
    alone, at_ns = Alignment.SNAPSHOTS, whole.at * MS_NS
    return BookSnapshot(instrument, alone, whole.bids, whole.asks, whole.last, at_ns)


def _depth(instrument: Instrument, depth: _Depth) -> BookSnapshot:
    at_ns = None if depth.update is None else depth.update * MS_NS
    return BookSnapshot(instrument, Alignment.BUFFERED, depth.bids, depth.asks, depth.id, at_ns)


def _perpetual_depth(instrument: Instrument, body: bytes) -> BookSnapshot:
    depth = msgspec.json.decode(body, type=_PerpetualDepth)
    bids, asks, at_ns = _levels(depth.bids), _levels(depth.asks), round(depth.update * 1000) * MS_NS
    return BookSnapshot(instrument, Alignment.BUFFERED, bids, asks, depth.id, at_ns)


def _levels(rows: Sequence[_Contracts]) -> list[Level]:
    return [(row.p, written(row.s)) for row in rows]


def _trade(trade: _Trade, names: Names) -> Trade:
    side = TAKER.get(trade.side)
    if side is None:
        raise Unreadable(f"side is {trade.side[:20]!r}, neither buy nor sell")
    whole_ms, _, rest = trade.create_time_ms.partition(".")
    at_ns = int(whole_ms) * MS_NS + int(rest[:6].ljust(6, "0"))
    instrument = names[trade.currency_pair]
    return Trade(instrument, str(trade.id), trade.price, trade.amount, side, at_ns)


def _market(row: _Pair) -> Market:
    return Market(
        Instrument(Venue.GATE, row.base, row.quote),
        trading=row.trade_status == "tradable",  # `buyable` and `sellable` are one-way [2]
        tick=_step(row.precision),
        lot=_step(row.amount_precision),
        minimum_quantity=row.min_base_amount,
        minimum_value=row.min_quote_amount,
    )


def _step(digits: int) -> str:
    """Decimals → step: 2 → 0.01 [2]."""
    return f"0.{1:0{digits}d}" if digits else "1"


def _candle(instrument: Instrument, row: Kline) -> Candle:
    opened_at_s, _, close, high, low, opened, volume, _ = row
    return Candle(instrument, int(opened_at_s) * SECOND_NS, opened, high, low, close, volume)


def _wallet(row: _Currency, chain: _Chain) -> WalletNetwork:
    return WalletNetwork(
        Venue.GATE,
        row.currency,
        chain.name,
        Flow.CLOSED if chain.deposit_disabled else Flow.OPEN,
        Flow.CLOSED if chain.withdraw_disabled else Flow.OPEN,
        contract=chain.addr or None,
    )


def _withdrawal(row: _Withdrawal, chain: str) -> WalletNetwork:
    """A fee that is a share, too, cannot be told as one amount [2]."""
    share = row.withdraw_percent_on_chains.get(chain, row.withdraw_percent)
    fee = row.withdraw_fix_on_chains[chain] if share in {"0%", "0"} else None
    minimum, flow = row.withdraw_amount_mini, Flow.UNKNOWN
    return WalletNetwork(Venue.GATE, row.currency, chain, flow, flow, fee, minimum)
