"""KuCoin, public side of spot. kucoin.md; sections in brackets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from operator import itemgetter
from typing import Annotated
from urllib.parse import quote

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.domain.decimals import Written
from app.domain.markets import (
    Alignment,
    BookDelta,
    BookSnapshot,
    Candle,
    Entry,
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
    whole,
)

WELL = "200000"  # the code of every reply that is no error [0]
SYMBOLS_PER_TOPIC = 100  # of one subscribe [1]

SecondsText = Annotated[str, msgspec.Meta(pattern=r"^[0-9]{1,10}$")]
NanosText = Annotated[str, msgspec.Meta(pattern=r"^[1-8][0-9]{18}$")]


class Path(StrEnum):
    ENTRY = "/api/v1/bullet-public"
    MARKETS = "/api/v2/symbols"
    BOOK = "/api/v1/market/orderbook/level2_100"
    CANDLES = "/api/v1/market/candles"
    TIME = "/api/v1/timestamp"
    WALLETS = "/api/v3/currencies"
    # Read as they were captured, asked by nobody here: the older list, the book that needs a key.
    MARKETS_V1 = "/api/v1/symbols"
    FULL_BOOK = "/api/v3/market/orderbook/level2"


class Topic(StrEnum):
    DEPTH50 = "/spotMarket/level2Depth50"
    DEPTH5 = "/spotMarket/level2Depth5"
    CHANGES = "/market/level2"
    TRADES = "/market/match"


TOPICS = {"level2Depth50": Topic.DEPTH50, "level2": Topic.CHANGES}
NOT_OURS = {
    "/spotMarket/level1": "best bid and ask only, not a book",
    "/market/ticker": "a ticker is not a book",
    "/market/snapshot": "a ticker is not a book",
    "/market/candles": "candles are asked for by REST",
}
QUIET = {"welcome", "ack", "pong"}

# [price, quantity, sequence of this change] [1]
Change = tuple[str, str, str]
# [opened, open, close, high, low, volume, turnover]: the close comes before the extremes [2]
Kline = tuple[SecondsText, Written, Written, Written, Written, Written, str]


class _Frame(msgspec.Struct):
    type: str | None = None
    topic: str | None = None
    data: Raw | UnsetType = UNSET
    code: int | str | None = None  # a number on the stream, a text by REST [0, 1]
    msg: str | None = None


class _Book(msgspec.Struct):
    """Of a snapshot topic: no number, only the venue's clock [1]."""

    bids: list[Level]
    asks: list[Level]
    timestamp: Millis


class _Changes(msgspec.Struct):
    bids: list[Change]
    asks: list[Change]


class _Update(msgspec.Struct):
    symbol: str
    sequenceStart: Count
    sequenceEnd: Count
    changes: _Changes
    time: Millis | None = None  # not in recordings of 2021


class _Match(msgspec.Struct):
    symbol: str
    tradeId: str
    price: Written
    size: Written
    side: Side  # the taker's [1]
    time: NanosText


class _RestBook(msgspec.Struct):
    sequence: str
    time: Millis
    bids: list[Level]
    asks: list[Level]


class _Server(msgspec.Struct):
    endpoint: Annotated[str, msgspec.Meta(pattern=r"^wss?://\S+$")]
    pingInterval: Annotated[int, msgspec.Meta(gt=0, lt=86_400_000)]


class _Bullet(msgspec.Struct):
    token: Annotated[str, msgspec.Meta(min_length=1)]
    instanceServers: Annotated[list[_Server], msgspec.Meta(min_length=1)]


class _Symbol(msgspec.Struct):
    baseCurrency: str
    quoteCurrency: str
    baseMinSize: Written
    baseIncrement: Written
    priceIncrement: Written
    enableTrading: bool
    minFunds: Written | None = None  # not in a recorded reply of v1


class _Chain(msgspec.Struct):
    chainId: str
    isDepositEnabled: bool
    isWithdrawEnabled: bool
    withdrawalMinFee: Written
    withdrawalMinSize: Written
    contractAddress: str


class _Currency(msgspec.Struct):
    currency: str
    chains: list[_Chain] | None  # null for money that is on no chain


class _Answer(msgspec.Struct):
    """What tells one reply's data, or the first row of it, from another's."""

    instanceServers: Raw | UnsetType = UNSET
    sequence: Raw | UnsetType = UNSET
    priceIncrement: Raw | UnsetType = UNSET
    chains: Raw | UnsetType = UNSET


class KuCoin:
    """Changes of one symbol have numbers `sequenceStart..sequenceEnd`, without a hole [1]."""

    venue = Venue.KUCOIN
    rest_url = "https://api.kucoin.com"
    stream_url = "wss://ws-api-spot.kucoin.com"
    # 400 topics per connection, two for each instrument; 100 messages in 10 s; 30 connections
    # a minute [1]. 1,500 candles [2].
    limits = Limits(200, 10.0, 0.5, 1500)
    ping_every_s: float | None = 18.0  # each bullet says it anew [1]
    channels: Mapping[str, Alignment] = {
        "level2Depth50": Alignment.SNAPSHOTS,
        "level2": Alignment.BUFFERED,
    }

    def symbol(self, instrument: Instrument) -> str:
        return f"{instrument.base}-{instrument.quote}"

    def instrument(self, symbol: str) -> Instrument:
        base, dash, money = symbol.partition("-")
        if not (base and dash and money):
            raise Unreadable(f"{symbol[:40]!r} is not spelled as KuCoin spells markets")
        return Instrument(Venue.KUCOIN, base, money)

    def entry(self) -> Request | None:
        """A token is for one connection [1]."""
        return Request("POST", Path.ENTRY)

    def connections(
        self, instruments: Sequence[Instrument], channel: str, ticket: Ticket
    ) -> list[Connection]:
        """The path continues the entry's URL, which ends with the token."""
        made: list[Connection] = []
        for shard in shards(instruments, self.limits.instruments_per_connection):
            tag = f"{ticket.tag}-{len(made)}"
            topics = [
                f"{topic}:{','.join(map(self.symbol, part))}"
                for part in shards(shard, SYMBOLS_PER_TOPIC)
                for topic in (TOPICS[channel], Topic.TRADES)
            ]
            frames = (_subscribe(topic, f"{tag}-{count}") for count, topic in enumerate(topics))
            made.append(Connection(f"&connectId={tag}", tuple(frames)))
        return made

    def resubscribe(self, instrument: Instrument, channel: str, ticket: Ticket) -> list[bytes]:
        """The refusal of one symbol is that of its whole topic: each may be subscribed alone."""
        topics = [f"{topic}:{self.symbol(instrument)}" for topic in (TOPICS[channel], Topic.TRADES)]
        return [_subscribe(topic, f"{ticket.tag}-{count}") for count, topic in enumerate(topics)]

    def ping(self, ticket: Ticket) -> bytes | None:
        return msgspec.json.encode({"id": ticket.tag, "type": "ping"})

    def read(self, frame: bytes, names: Names) -> list[Event]:
        head = msgspec.json.decode(frame, type=_Frame)
        if head.type == "message" and head.topic is not None and isinstance(head.data, Raw):
            return [_message(head.topic, head.data, names)]
        if head.type in QUIET:
            return [Ignored(str(head.type))]
        if head.type == "error" and head.code is not None and isinstance(head.data, Raw):
            return [Rejected(str(head.code), msgspec.json.decode(head.data, type=str))]
        if head.type is None and head.code not in {None, WELL} and head.msg is not None:
            return [Rejected(str(head.code), head.msg)]
        raise Unreadable("no message that KuCoin's documents describe")

    def ask_markets(self) -> list[Request]:
        return [Request("GET", Path.MARKETS)]

    def ask_market_details(self, instruments: Sequence[Instrument]) -> list[Request]:
        return []

    def ask_book(self, instrument: Instrument) -> Request:
        return Request("GET", Path.BOOK, (("symbol", self.symbol(instrument)),))

    def ask_time(self) -> Request | None:
        return Request("GET", Path.TIME)

    def ask_candles(self, instrument: Instrument, start_ns: int, minutes: int) -> Request:
        """The end is the last second wanted: the same candles whether it counts or not."""
        start_s, end_s = start_ns // SECOND_NS, (start_ns + minutes * MINUTE_NS) // SECOND_NS - 1
        query = {
            "symbol": self.symbol(instrument),
            "type": "1min",
            "startAt": str(start_s),
            "endAt": str(end_s),
        }
        return Request("GET", Path.CANDLES, tuple(query.items()))

    def ask_wallets(self) -> Request:
        return Request("GET", Path.WALLETS)  # public, contracts too [2]

    def ask_withdrawals(self, networks: Sequence[WalletNetwork]) -> list[Request]:
        return []

    def read_reply(self, request: Request, body: bytes, names: Names) -> list[Event]:
        reply = msgspec.json.decode(body, type=_Frame)
        if reply.code != WELL or not isinstance(reply.data, Raw):
            return self.read(body, names)
        match request.path:
            case Path.ENTRY:
                return [_entry(msgspec.json.decode(reply.data, type=_Bullet))]
            case Path.MARKETS | Path.MARKETS_V1:
                return each(reply.data, _Symbol, lambda row: [_market(row)])
            case Path.BOOK | Path.FULL_BOOK:
                book = msgspec.json.decode(reply.data, type=_RestBook)
                return [
                    BookSnapshot(
                        names.named(request.asked("symbol")),
                        Alignment.BUFFERED,
                        book.bids,
                        book.asks,
                        whole(book.sequence),
                        book.time * MS_NS,
                    )
                ]
            case Path.CANDLES:  # newest first [2]
                rows = msgspec.json.decode(reply.data, type=list[Kline])
                instrument = names.named(request.asked("symbol"))
                return [_candle(instrument, row) for row in reversed(rows)]
            case Path.TIME:
                return [ServerTime(msgspec.json.decode(reply.data, type=Millis) * MS_NS)]
            case Path.WALLETS:
                return each(
                    reply.data,
                    _Currency,
                    lambda row: [_wallet(row, chain) for chain in row.chains or ()],
                )
        raise Unreadable(f"{request.path} is no call of ours")

    def recognise(self, body: bytes) -> Request | None:
        if body.lstrip()[:1] != b"{":
            return None
        reply = msgspec.json.decode(body, type=_Frame)
        if reply.code != WELL or not isinstance(reply.data, Raw):
            return None
        path = _answered(reply.data)
        if path is None:
            raise Unreadable("no reply that KuCoin's documents describe")
        return Request("POST" if path is Path.ENTRY else "GET", path)


def _subscribe(topic: str, id_: str) -> bytes:
    return msgspec.json.encode(
        {
            "id": id_,
            "type": "subscribe",
            "topic": topic,
            "privateChannel": False,
            "response": True,
        }
    )


def _answered(data: Raw) -> Path | None:
    if bytes(data).isdigit():
        return Path.TIME
    first = bytes(data)
    if first[:1] == b"[":
        rows = msgspec.json.decode(data, type=list[Raw])
        first = bytes(rows[0]) if rows else b""
    if first[:1] == b"[":
        return Path.CANDLES
    if first[:1] != b"{":
        return None
    answer = msgspec.json.decode(first, type=_Answer)
    if answer.instanceServers is not UNSET:
        return Path.ENTRY
    if answer.sequence is not UNSET:
        return Path.BOOK
    if answer.priceIncrement is not UNSET:
        return Path.MARKETS
    return Path.WALLETS if answer.chains is not UNSET else None


def _message(topic: str, data: Raw, names: Names) -> Event:
    kind, _, symbol = topic.partition(":")
    match kind:
        case Topic.DEPTH50 | Topic.DEPTH5:  # the data do not name the market [1]
            book = msgspec.json.decode(data, type=_Book)
            return BookSnapshot(
                names[symbol],
                Alignment.SNAPSHOTS,
                book.bids,
                book.asks,
                exchange_at_ns=book.timestamp * MS_NS,
            )
        case Topic.CHANGES:
            return _update(msgspec.json.decode(data, type=_Update), names)
        case Topic.TRADES:
            match_ = msgspec.json.decode(data, type=_Match)
            return Trade(
                names[match_.symbol],
                match_.tradeId,
                match_.price,
                match_.size,
                match_.side,
                int(match_.time),
            )
    return Ignored(NOT_OURS.get(kind, f"{kind} is not read"))


def _update(update: _Update, names: Names) -> BookDelta:
    if update.sequenceEnd < update.sequenceStart:
        raise Unreadable("sequenceEnd comes before sequenceStart")
    return BookDelta(
        names[update.symbol],
        Alignment.BUFFERED,
        _levels(update.changes.bids),
        _levels(update.changes.asks),
        previous=update.sequenceStart - 1,
        last=update.sequenceEnd,
        exchange_at_ns=None if update.time is None else update.time * MS_NS,
    )


def _levels(changes: Sequence[Change]) -> list[Level]:
    """In the order of their own numbers: a documented message has them mixed [1].

    A price of 0 changes nothing, it only takes a number [1].
    """
    ordered = sorted(((whole(at), price, size) for price, size, at in changes), key=itemgetter(0))
    return [(price, size) for _, price, size in ordered if price != "0"]


def _entry(bullet: _Bullet) -> Entry:
    server = bullet.instanceServers[0]
    mark = "&" if "?" in server.endpoint else "?"
    url = f"{server.endpoint}{mark}token={quote(bullet.token, safe='')}"
    return Entry(url, server.pingInterval / 1000)


def _market(row: _Symbol) -> Market:
    return Market(
        Instrument(Venue.KUCOIN, row.baseCurrency, row.quoteCurrency),
        trading=row.enableTrading,
        tick=row.priceIncrement,
        lot=row.baseIncrement,
        minimum_quantity=row.baseMinSize,
        minimum_value=row.minFunds,
    )


def _candle(instrument: Instrument, row: Kline) -> Candle:
    opened, first, last, high, low, volume, _ = row
    return Candle(instrument, int(opened) * SECOND_NS, first, high, low, last, volume)


def _wallet(row: _Currency, chain: _Chain) -> WalletNetwork:
    return WalletNetwork(
        Venue.KUCOIN,
        row.currency,
        chain.chainId,
        Flow.OPEN if chain.isDepositEnabled else Flow.CLOSED,
        Flow.OPEN if chain.isWithdrawEnabled else Flow.CLOSED,
        chain.withdrawalMinFee,
        chain.withdrawalMinSize,
        chain.contractAddress or None,
    )
