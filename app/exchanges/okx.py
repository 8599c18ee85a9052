"""OKX, public side: spot, and books and trades of its derivatives. okx.md; sections [n]."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.domain.decimals import NUMBER, Written
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
from app.domain.times import MINUTE_NS, MS_NS
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
)

BOOK_LEVELS = "400"  # as many as the stream's channel carries [2]
SYMBOL = re.compile(r"([^-]+)-([^-]+)(?:-(SWAP|\d{6}))?")
UPGRADE = "64008"  # the notice that the connection will be closed [1]


class Path(StrEnum):
    MARKETS = "/api/v5/public/instruments"
    BOOK = "/api/v5/market/books"
    CANDLES = "/api/v5/market/history-candles"
    RECENT_CANDLES = "/api/v5/market/candles"  # the last 1,440 only [2]
    TIME = "/api/v5/public/time"
    WALLETS = "/api/v5/asset/currencies"


OWN_FIELDS = {
    Path.MARKETS: {"instType", "tickSz"},
    Path.BOOK: {"asks", "bids"},
    Path.WALLETS: {"ccy", "chain", "canDep"},
}
NOT_OURS = {
    "tickers": "a ticker is not a book",
    "bbo-tbt": "best bid and ask only, not a book",
    "books-l2-tbt": "the books of a login are not read",
    "books50-l2-tbt": "the books of a login are not read",
    "books-rpi": "a book with retail orders that not everybody can take",
    "instruments": "markets are asked for by REST",
}
READ = frozenset({"SPOT", "SWAP", "FUTURES"})
"""Types of instrument. MARGIN names spot markets once more, OPTION is none of ours [2]."""

Row = tuple[str, str, str, str]
"""price, quantity, "0" without a meaning, number of orders [1]."""
Blank = Annotated[str, msgspec.Meta(pattern=f"^(?:{NUMBER})?$")]
"""A decimal that is empty where it does not apply: so are fields in the recorded lists."""
Previous = Annotated[int, msgspec.Meta(ge=-1, lt=2**62)]
"""-1: nothing comes before a snapshot [1]."""
Crc = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]


class _Argument(msgspec.Struct):
    channel: str
    instId: str | None = None


class _Message(msgspec.Struct):
    """An answer to a frame (`event`), a push (`arg`, `data`), or a REST reply (`code`, `data`)."""

    event: str | None = None
    arg: _Argument | None = None
    action: str | None = None
    data: Raw | UnsetType = UNSET
    code: str | None = None
    msg: str | None = None


class _Book(msgspec.Struct):
    """Recordings of 2022 have a checksum and no numbers; since 2026 the checksum is 0 [1]."""

    asks: list[Row]
    bids: list[Row]
    ts: str
    seqId: Count | None = None
    prevSeqId: Previous | None = None
    checksum: Crc | None = None


class _Trade(msgspec.Struct):
    instId: str
    tradeId: str
    px: Written
    sz: Written
    side: Side
    ts: str


class _Listed(msgspec.Struct):
    instId: str
    instType: str
    state: str
    tickSz: Blank
    lotSz: Blank
    minSz: Blank


class _Time(msgspec.Struct):
    ts: str


class _Wallet(msgspec.Struct):
    """`fee` is what a withdrawal costs; minFee and maxFee are deprecated, and older replies have
    nothing else: their fee is not known [2]."""

    ccy: str
    chain: str
    canDep: bool
    canWd: bool
    minWd: Blank
    fee: Blank | None = None
    ctAddr: str | None = None


# [opened, open, high, low, close, volume, in base, in quote, whether it is complete] [2]
Bar = tuple[str, Written, Written, Written, Written, Written, str, str, str]

Books = Annotated[list[_Book], msgspec.Meta(min_length=1)]
Trades = Annotated[list[_Trade], msgspec.Meta(min_length=1)]


class OKX:
    """A change names the state that it follows; a snapshot opens the stream [1]."""

    venue = Venue.OKX
    rest_url = "https://www.okx.com"
    stream_url = "wss://ws.okx.com:8443"
    # No documented cap on channels: 100 keep a frame far below 64 KB and one socket's share of
    # the load small. 480 subscriptions/h per connection, 3 connections/s; of up to 300 candles
    # some replies hold 100 [1][2].
    limits = Limits(100, 480 / 3600, 3.0, 100)
    ping_every_s: float | None = 20.0  # closed after 30 s without a word [1]
    channels: Mapping[str, Alignment] = {
        "books": Alignment.CHAINED,
        "books5": Alignment.SNAPSHOTS,
    }

    def symbol(self, instrument: Instrument) -> str:
        joined = f"{instrument.base}-{instrument.quote}"
        match instrument.product:
            case Product.PERPETUAL:
                return f"{joined}-SWAP"
            case Product.FUTURE:
                return f"{joined}-{instrument.delivery}"
            case Product.SPOT:
                return joined

    def instrument(self, symbol: str) -> Instrument:
        mark = SYMBOL.fullmatch(symbol)
        if mark is None:
            raise Unreadable(f"{symbol[:40]!r} is not spelled as OKX spells markets")
        base, quote, kind = mark.groups()
        if kind is None:
            return Instrument(Venue.OKX, base, quote)
        if kind == "SWAP":
            return Instrument(Venue.OKX, base, quote, Product.PERPETUAL)
        return Instrument(Venue.OKX, base, quote, Product.FUTURE, kind)

    def entry(self) -> Request | None:
        return None

    def connections(
        self, instruments: Sequence[Instrument], channel: str, ticket: Ticket
    ) -> list[Connection]:
        return [
            Connection("/ws/v5/public", (_say("subscribe", self._arguments(shard, channel)),))
            for shard in shards(instruments, self.limits.instruments_per_connection)
        ]

    def resubscribe(self, instrument: Instrument, channel: str, ticket: Ticket) -> list[bytes]:
        if self.channels[channel] is Alignment.SNAPSHOTS:
            return []
        arguments = [{"channel": channel, "instId": self.symbol(instrument)}]
        return [_say("unsubscribe", arguments), _say("subscribe", arguments)]

    def ping(self, ticket: Ticket) -> bytes | None:
        return b"ping"

    def read(self, frame: bytes, names: Names) -> list[Event]:
        if frame == b"pong":
            return [Ignored("pong")]
        message = msgspec.json.decode(frame, type=_Message)
        if message.event is not None:
            return [_answer(message.event, message)]
        if message.arg is not None and isinstance(message.data, Raw):
            return self._pushed(message.arg, message.action, bytes(message.data), names)
        return [_refusal(message)]

    def ask_markets(self) -> list[Request]:
        return [Request("GET", Path.MARKETS, (("instType", "SPOT"),))]

    def ask_market_details(self, instruments: Sequence[Instrument]) -> list[Request]:
        return []

    def ask_book(self, instrument: Instrument) -> Request:
        return Request("GET", Path.BOOK, (("instId", self.symbol(instrument)), ("sz", BOOK_LEVELS)))

    def ask_time(self) -> Request | None:
        return Request("GET", Path.TIME)

    def ask_candles(self, instrument: Instrument, start_ns: int, minutes: int) -> Request:
        """`after` asks for what is older, `before` for what is newer; both exclude [2]."""
        start_ms, end_ms = start_ns // MS_NS, (start_ns + minutes * MINUTE_NS) // MS_NS
        query = {
            "instId": self.symbol(instrument),
            "bar": "1m",
            "after": str(end_ms),
            "before": str(start_ms - 1),
            "limit": str(minutes),
        }
        return Request("GET", Path.CANDLES, tuple(query.items()))

    def ask_wallets(self) -> Request:
        return Request("GET", Path.WALLETS, signed=True)

    def ask_withdrawals(self, networks: Sequence[WalletNetwork]) -> list[Request]:
        return []

    def read_reply(self, request: Request, body: bytes, names: Names) -> list[Event]:
        reply = msgspec.json.decode(body, type=_Message)
        if reply.code != "0" or not isinstance(reply.data, Raw):
            return [_refusal(reply)]
        symbol, rows = request.asked("instId"), bytes(reply.data)
        match request.path:
            case Path.MARKETS:
                ours = each(rows, _Listed, self._market)
                return ours or [Ignored("a list without a market that is read")]
            case Path.BOOK:
                books = msgspec.json.decode(rows, type=Books)
                return [_look(names.named(symbol), book) for book in books]
            case Path.CANDLES | Path.RECENT_CANDLES:  # newest first [2]
                bars = msgspec.json.decode(rows, type=list[Bar])
                return [_candle(names.named(symbol), bar) for bar in reversed(bars)]
            case Path.TIME:
                times = msgspec.json.decode(rows, type=list[_Time])
                return [ServerTime(_at_ns(row.ts)) for row in times]
            case Path.WALLETS:
                return each(rows, _Wallet, lambda row: [_wallet(row)])
        raise Unreadable(f"{request.path} is no call of ours")

    def recognise(self, body: bytes) -> Request | None:
        if body.lstrip()[:1] != b"{":
            return None  # `pong`
        reply = msgspec.json.decode(body, type=_Message)
        if reply.event is not None or reply.arg is not None or not isinstance(reply.data, Raw):
            return None
        rows = msgspec.json.decode(reply.data, type=list[Raw])
        if not rows or reply.code != "0":
            return None
        if bytes(rows[0]).lstrip()[:1] == b"[":
            return Request("GET", Path.CANDLES)
        path = _answered(msgspec.json.decode(rows[0], type=dict[str, Raw]).keys())
        if path is None:
            raise Unreadable("no reply that OKX's documents describe")
        return Request("GET", path)

    def _arguments(self, instruments: Sequence[Instrument], channel: str) -> list[dict[str, str]]:
        symbols = [self.symbol(instrument) for instrument in instruments]
        return [
            {"channel": name, "instId": symbol}
            for symbol in symbols
            for name in (channel, "trades")
        ]

    def _pushed(
        self, about: _Argument, action: str | None, rows: bytes, names: Names
    ) -> list[Event]:
        match about.channel, action:
            case "books", "snapshot" | "update":
                instrument = names.named(about.instId)
                books = msgspec.json.decode(rows, type=Books)
                return [_book(instrument, book, action == "snapshot") for book in books]
            case "books5", None:
                instrument = names.named(about.instId)
                return [_look(instrument, book) for book in msgspec.json.decode(rows, type=Books)]
            case "trades" | "trades-all", None:
                trades = msgspec.json.decode(rows, type=Trades)
                return [_trade(names[trade.instId], trade) for trade in trades]
            case "books" | "books5" | "trades" | "trades-all", _:
                raise Unreadable(f"{about.channel} with action {action!r} is not documented")
        return [Ignored(NOT_OURS.get(about.channel, f"{about.channel} is not read"))]

    def _market(self, row: _Listed) -> list[Event]:
        is_ours = row.instType in READ
        return [_market(self.instrument(row.instId), row)] if is_ours else []


def _say(operation: str, arguments: Sequence[Mapping[str, str]]) -> bytes:
    return msgspec.json.encode({"op": operation, "args": arguments})


def _answer(kind: str, message: _Message) -> Event:
    match kind:
        case "subscribe" | "unsubscribe":
            return Ignored(f"answer to {kind}")
        case "login" | "channel-conn-count" | "channel-conn-count-error":
            return Ignored(f"{kind} is about private channels")
        case "notice" if message.code == UPGRADE:
            return Closing(message.msg or UPGRADE)
    if kind == "error":
        return _refusal(message)
    raise Unreadable("no message that OKX's documents describe")


def _refusal(message: _Message) -> Rejected:
    if message.code is None or message.code == "0" or message.msg is None:
        raise Unreadable("no message that OKX's documents describe")
    return Rejected(message.code, message.msg)


def _answered(keys: Collection[str]) -> str | None:
    """Which call a reply answers, by the fields of its first row. Many others have a `ts` too."""
    for path, own in OWN_FIELDS.items():
        if own.issubset(keys):
            return path
    return Path.TIME if set(keys) == {"ts"} else None


def _at_ns(text: str) -> int:
    """Milliseconds that the venue writes as text. Raises msgspec's ValidationError."""
    return msgspec.convert(text, Millis, strict=False) * MS_NS


def _levels(rows: Sequence[Row]) -> list[Level]:
    return [(row[0], row[1]) for row in rows]


def _look(instrument: Instrument, book: _Book) -> BookSnapshot:
    """A whole book: five levels of the stream, or a reply, which has no number [2]."""
    bids, asks = _levels(book.bids), _levels(book.asks)
    return BookSnapshot(instrument, Alignment.SNAPSHOTS, bids, asks, book.seqId, _at_ns(book.ts))


def _book(instrument: Instrument, book: _Book, is_whole: bool) -> BookSnapshot | BookDelta:
    """seqId may restart lower than prevSeqId, or equal it where nothing changed [1]."""
    last, checksum, how = book.seqId, None, Alignment.CHAINED
    if last is None and book.prevSeqId is None and book.checksum:
        checksum, how = book.checksum, Alignment.CHECKED  # as recorded in 2022
    elif last is None or book.prevSeqId is None:
        raise Unreadable("a book of OKX without its numbers")
    bids, asks, at_ns = _levels(book.bids), _levels(book.asks), _at_ns(book.ts)
    if is_whole:
        return BookSnapshot(instrument, how, bids, asks, last, at_ns)
    return BookDelta(
        instrument,
        how,
        bids,
        asks,
        previous=book.prevSeqId,
        last=last,
        checksum=checksum,
        exchange_at_ns=at_ns,
    )


def _trade(instrument: Instrument, trade: _Trade) -> Trade:
    return Trade(instrument, trade.tradeId, trade.px, trade.sz, trade.side, _at_ns(trade.ts))


def _market(instrument: Instrument, row: _Listed) -> Market:
    """Quantities of derivatives are contracts, so their smallest is none in base [6]."""
    is_spot = instrument.product is Product.SPOT
    return Market(
        instrument,
        trading=row.state == "live",
        tick=row.tickSz or None,
        lot=row.lotSz or None,
        minimum_quantity=(row.minSz or None) if is_spot else None,
    )


def _candle(instrument: Instrument, bar: Bar) -> Candle:
    return Candle(instrument, _at_ns(bar[0]), *bar[1:6])


def _wallet(row: _Wallet) -> WalletNetwork:
    return WalletNetwork(
        Venue.OKX,
        row.ccy,
        row.chain,
        Flow.OPEN if row.canDep else Flow.CLOSED,
        Flow.OPEN if row.canWd else Flow.CLOSED,
        row.fee or None,
        row.minWd or None,
        row.ctAddr or None,
    )
