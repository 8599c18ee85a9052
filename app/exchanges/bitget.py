"""Bitget, public side: spot of the classic API v2; v1 is retired. bitget.md; sections [n]."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.domain.decimals import Written
from app.domain.markets import (
    Alignment,
    BookDelta,
    BookSnapshot,
    Candle,
    Event,
    Flow,
    Ignored,
    Instrument,
    Level,
    Market,
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
    split_joined,
)

BOOK_LEVELS = "150"  # the most that a reply holds [2]
FINE = "00000"

# Symbols join both currencies without a mark; the list of symbols says where they part [2].
# Without it: the documented quote currencies [6].
QUOTES = frozenset({"USDT", "USDC", "BTC", "ETH", "EUR", "BRL"})


class Path(StrEnum):
    MARKETS = "/api/v2/spot/public/symbols"
    BOOK = "/api/v2/spot/market/orderbook"
    CANDLES = "/api/v2/spot/market/candles"  # of the last month [2]
    OLD_CANDLES = "/api/v2/spot/market/history-candles"
    TIME = "/api/v2/public/time"
    WALLETS = "/api/v2/spot/public/coins"
    RETIRED_MARKETS = "/api/spot/v1/public/products"


RETIRED = Ignored("retired protocol v1")
RETIRED_TYPES = frozenset({"SP", "MC"})
"""v1's spot and derivatives; v2 says SPOT, and …-FUTURES [1]."""
RETIRED_PATHS = ("/api/spot/v1/", "/api/mix/v1/")

NOT_OURS = {
    "ticker": "a ticker is not a book",
    "books1": "best bid and ask only, not a book",
}
FLOWS = {"true": Flow.OPEN, "false": Flow.CLOSED}  # texts, not booleans [2]

Digits = Annotated[str, msgspec.Meta(pattern=r"^[12]?[0-9]$")]
Crc = Annotated[int, msgspec.Meta(ge=-(2**31), lt=2**31)]


class _Argument(msgspec.Struct):
    instType: str
    channel: str
    instId: str | None = None


class _Message(msgspec.Struct):
    """An answer to a frame (`event`), a push (`arg`, `data`), or a REST reply (`code`, `data`)."""

    event: str | None = None
    arg: _Argument | None = None
    action: str | None = None
    data: Raw | UnsetType = UNSET
    code: str | int | None = None  # a number on the stream, a text in replies [1][2]
    msg: str | None = None


class _Book(msgspec.Struct):
    asks: list[Level]
    bids: list[Level]
    ts: str
    seq: int | str  # written in both ways [1]
    checksum: Crc | None = None  # verified where there is one; 0 is none [1]


class _RestBook(msgspec.Struct):
    asks: list[Level]
    bids: list[Level]
    ts: str


class _Trade(msgspec.Struct):
    ts: str
    price: Written
    size: Written
    side: Side
    tradeId: str


class _Symbol(msgspec.Struct):
    symbol: str
    baseCoin: str
    quoteCoin: str
    pricePrecision: Digits
    quantityPrecision: Digits
    minTradeUSDT: Written
    status: str


class _Time(msgspec.Struct):
    serverTime: str


class _Chain(msgspec.Struct):
    chain: str
    withdrawable: str
    rechargeable: str
    withdrawFee: Written
    minWithdrawAmount: Written
    contractAddress: str | None = None


class _Coin(msgspec.Struct):
    coin: str
    chains: list[_Chain]


class _Answered(msgspec.Struct):
    """The body of a reply, or its first row: which call it answers shows in its keys."""

    asks: Raw | UnsetType = UNSET
    serverTime: Raw | UnsetType = UNSET
    chains: Raw | UnsetType = UNSET
    pricePrecision: Raw | UnsetType = UNSET
    symbol: str | None = None


# [opened, open, high, low, close, in base, in USDT, in quote] [2]
Bar = tuple[str, Written, Written, Written, Written, Written, str, str]

Books = Annotated[list[_Book], msgspec.Meta(min_length=1)]


class Bitget:
    """`books15` sends whole books. Changes of `books` show a hole by their checksum only [1]."""

    venue = Venue.BITGET
    rest_url = "https://api.bitget.com"
    stream_url = "wss://ws.bitget.com"
    # 50 channels per connection are recommended, two for each instrument; 240 subscriptions/h
    # per connection, 300 connections per 5 minutes; closed after 24 h [1].
    limits = Limits(25, 240 / 3600, 1.0, 1000, life_s=86_400)
    ping_every_s: float | None = 30.0  # closed after 2 minutes without one [1]
    channels: Mapping[str, Alignment] = {
        "books15": Alignment.SNAPSHOTS,
        "books": Alignment.CHECKED,
        "books5": Alignment.SNAPSHOTS,
    }

    def symbol(self, instrument: Instrument) -> str:
        return instrument.base + instrument.quote

    def instrument(self, symbol: str) -> Instrument:
        return Instrument(Venue.BITGET, *split_joined(symbol, QUOTES))

    def entry(self) -> Request | None:
        return None

    def connections(
        self, instruments: Sequence[Instrument], channel: str, ticket: Ticket
    ) -> list[Connection]:
        return [
            Connection("/v2/ws/public", (self._say("subscribe", shard, (channel, "trade")),))
            for shard in shards(instruments, self.limits.instruments_per_connection)
        ]

    def resubscribe(self, instrument: Instrument, channel: str, ticket: Ticket) -> list[bytes]:
        if self.channels[channel] is Alignment.SNAPSHOTS:
            return []
        return [self._say(word, [instrument], (channel,)) for word in ("unsubscribe", "subscribe")]

    def ping(self, ticket: Ticket) -> bytes | None:
        return b"ping"

    def read(self, frame: bytes, names: Names) -> list[Event]:
        if frame == b"pong":
            return [Ignored("pong")]
        message = msgspec.json.decode(frame, type=_Message)
        if message.arg is not None and message.arg.instType.upper() in RETIRED_TYPES:
            return [RETIRED]
        match message.event:
            case None if message.arg is not None and isinstance(message.data, Raw):
                return self._pushed(message.arg, message.action, bytes(message.data), names)
            case None | "error":
                return [_refusal(message)]
            case "subscribe" | "unsubscribe" | "login":
                return [Ignored(f"answer to {message.event}")]
        raise Unreadable("no message that Bitget's documents describe")

    def ask_markets(self) -> list[Request]:
        return [Request("GET", Path.MARKETS)]

    def ask_market_details(self, instruments: Sequence[Instrument]) -> list[Request]:
        return []

    def ask_book(self, instrument: Instrument) -> Request:
        query = ("symbol", self.symbol(instrument)), ("type", "step0"), ("limit", BOOK_LEVELS)
        return Request("GET", Path.BOOK, query)

    def ask_time(self) -> Request | None:
        return Request("GET", Path.TIME)

    def ask_candles(self, instrument: Instrument, start_ns: int, minutes: int) -> Request:
        """Whether endTime is exclusive is not documented: the last millisecond wanted fits both."""
        start_ms, end_ms = start_ns // MS_NS, (start_ns + minutes * MINUTE_NS) // MS_NS - 1
        query = {
            "symbol": self.symbol(instrument),
            "granularity": "1min",
            "startTime": str(start_ms),
            "endTime": str(end_ms),
            "limit": str(minutes),
        }
        return Request("GET", Path.CANDLES, tuple(query.items()))

    def ask_wallets(self) -> Request:
        return Request("GET", Path.WALLETS)

    def ask_withdrawals(self, networks: Sequence[WalletNetwork]) -> list[Request]:
        return []

    def read_reply(self, request: Request, body: bytes, names: Names) -> list[Event]:
        if request.path.startswith(RETIRED_PATHS):
            return [RETIRED]
        reply = msgspec.json.decode(body, type=_Message)
        if reply.code != FINE or not isinstance(reply.data, Raw):
            return [_refusal(reply)]
        symbol, answer = request.asked("symbol"), bytes(reply.data)
        match request.path:
            case Path.MARKETS:
                return each(answer, _Symbol, lambda row: [_market(row)])
            case Path.BOOK:
                book = msgspec.json.decode(answer, type=_RestBook)
                at_ns, how = _at_ns(book.ts), Alignment.SNAPSHOTS
                return [
                    BookSnapshot(
                        names.named(symbol), how, book.bids, book.asks, exchange_at_ns=at_ns
                    )
                ]
            case Path.CANDLES | Path.OLD_CANDLES:
                bars = msgspec.json.decode(answer, type=list[Bar])
                return [_candle(names.named(symbol), bar) for bar in bars]
            case Path.TIME:
                return [ServerTime(_at_ns(msgspec.json.decode(answer, type=_Time).serverTime))]
            case Path.WALLETS:
                return each(answer, _Coin, lambda coin: [_wallet(coin, one) for one in coin.chains])
        raise Unreadable(f"{request.path} is no call of ours")

    def recognise(self, body: bytes) -> Request | None:
        if body.lstrip()[:1] != b"{":
            return None  # `pong`
        reply = msgspec.json.decode(body, type=_Message)
        if reply.event is not None or reply.arg is not None or reply.code != FINE:
            return None
        answer = bytes(reply.data) if isinstance(reply.data, Raw) else b""
        if answer[:1] == b"[":
            rows = msgspec.json.decode(answer, type=list[Raw])
            answer = bytes(rows[0]) if rows else b""
            if answer[:1] == b"[":
                return Request("GET", Path.CANDLES)
        path = _answered(msgspec.json.decode(answer, type=_Answered)) if answer else None
        if path is None:
            raise Unreadable("no reply that Bitget's documents describe")
        return Request("GET", path)

    def _say(
        self, operation: str, instruments: Sequence[Instrument], channels: Sequence[str]
    ) -> bytes:
        arguments = [
            {"instType": "SPOT", "channel": channel, "instId": self.symbol(instrument)}
            for instrument in instruments
            for channel in channels
        ]
        return msgspec.json.encode({"op": operation, "args": arguments})

    def _pushed(
        self, about: _Argument, action: str | None, rows: bytes, names: Names
    ) -> list[Event]:
        if about.instType != "SPOT":  # their symbols are spelled like those of spot
            if about.instType.endswith("-FUTURES"):
                return [Ignored("derivatives are not read")]
            raise Unreadable(f"instType {about.instType[:20]!r} is not documented")
        match about.channel, action:
            case "books15" | "books5", "snapshot":
                return [
                    _whole(names.named(about.instId), Alignment.SNAPSHOTS, book)
                    for book in msgspec.json.decode(rows, type=Books)
                ]
            case "books", "snapshot":
                return [
                    _whole(names.named(about.instId), Alignment.CHECKED, book)
                    for book in msgspec.json.decode(rows, type=Books)
                ]
            case "books", "update":
                books = msgspec.json.decode(rows, type=Books)
                return [_change(names.named(about.instId), book) for book in books]
            case "trade", "snapshot" | "update":  # first the last 50, then each [1]
                trades = msgspec.json.decode(rows, type=list[_Trade])
                found = [_trade(names.named(about.instId), trade) for trade in trades]
                return [*found] or [Ignored("a market without trades")]
            case "books15" | "books5" | "books" | "trade", _:
                raise Unreadable(f"{about.channel} with action {action!r} is not documented")
        return [Ignored(NOT_OURS.get(about.channel, f"{about.channel} is not read"))]


def _refusal(message: _Message) -> Rejected:
    if message.code is None or message.code == FINE or message.msg is None:
        raise Unreadable("no message that Bitget's documents describe")
    return Rejected(str(message.code), message.msg)


def _answered(answer: _Answered) -> str | None:
    if answer.asks is not UNSET:
        return Path.BOOK
    if answer.serverTime is not UNSET:
        return Path.TIME
    if answer.chains is not UNSET:
        return Path.WALLETS
    if answer.pricePrecision is not UNSET:
        return Path.MARKETS
    # v1 marks its symbols: BTCUSDT_SPBL, BTCUSDT_UMCBL, BTCUSD_DMCBL.
    marked = answer.symbol is not None and "_" in answer.symbol
    return Path.RETIRED_MARKETS if marked else None


def _at_ns(text: str) -> int:
    """Milliseconds that the venue writes as text. Raises msgspec's ValidationError."""
    return msgspec.convert(text, Millis, strict=False) * MS_NS


def _number(book: _Book) -> int:
    return msgspec.convert(book.seq, Count, strict=False)


def _whole(instrument: Instrument, alignment: Alignment, book: _Book) -> BookSnapshot:
    """Its checksum may be 0, which means none [1]."""
    return BookSnapshot(instrument, alignment, book.bids, book.asks, _number(book), _at_ns(book.ts))


def _change(instrument: Instrument, book: _Book) -> BookDelta:
    """seq grows, but not by one: nothing says which state a change follows [1]."""
    return BookDelta(
        instrument,
        Alignment.CHECKED,
        book.bids,
        book.asks,
        last=_number(book),
        checksum=book.checksum or None,
        exchange_at_ns=_at_ns(book.ts),
    )


def _trade(instrument: Instrument, trade: _Trade) -> Trade:
    return Trade(instrument, trade.tradeId, trade.price, trade.size, trade.side, _at_ns(trade.ts))


def _step(digits: str) -> str:
    """Digits behind the point as a step: 2 → 0.01."""
    places = int(digits)
    return f"0.{'0' * (places - 1)}1" if places else "1"


def _market(row: _Symbol) -> Market:
    """minTradeAmount is obsolete, and the least value is in USDT whatever the quote is [2]."""
    return Market(
        Instrument(Venue.BITGET, row.baseCoin, row.quoteCoin),
        trading=row.status == "online",
        tick=_step(row.pricePrecision),
        lot=_step(row.quantityPrecision),
        minimum_value=row.minTradeUSDT if row.quoteCoin == "USDT" else None,
    )


def _candle(instrument: Instrument, bar: Bar) -> Candle:
    return Candle(instrument, _at_ns(bar[0]), *bar[1:6])


def _wallet(coin: _Coin, chain: _Chain) -> WalletNetwork:
    return WalletNetwork(
        Venue.BITGET,
        coin.coin,
        chain.chain,
        FLOWS.get(chain.rechargeable, Flow.UNKNOWN),
        FLOWS.get(chain.withdrawable, Flow.UNKNOWN),
        chain.withdrawFee,
        chain.minWithdrawAmount,
        chain.contractAddress or None,
    )
