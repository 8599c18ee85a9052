"""Bybit v5, public side of spot. bybit.md; sections in brackets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, Raw, UnsetType

from app.domain.decimals import Written, number
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

CATEGORY = "spot"
TOPICS_PER_FRAME = 10  # spot only: more are refused [1]
BOOK_LEVELS = "200"  # 1 where it is not said [2]
MARKETS_PER_PAGE = "1000"  # spot comes whole, whatever this says [2]
RESTARTED = 1  # the update id of the first state after a restart of their service [1]

# Symbols join both currencies without a mark; instruments-info says where they part [2]. Without
# it the longest of these that a symbol ends with is its quote.
QUOTES = frozenset({
    "AED", "BRL", "BRZ", "BTC", "DAI", "ETH", "EUR", "EURQ", "EURR", "GEL", "MNT", "PLN", "SOL",
    "TRY", "USD", "USD1", "USDC", "USDE", "USDQ", "USDR", "USDT", "XUSD",
})  # fmt: skip


class Path(StrEnum):
    MARKETS = "/v5/market/instruments-info"
    BOOK = "/v5/market/orderbook"
    CANDLES = "/v5/market/kline"
    TIME = "/v5/market/time"
    WALLETS = "/v5/asset/coin/query-info"


NOT_OURS = {
    "tickers": "a ticker is not a book: on spot it has no best bid and ask",
    "kline": "candles are asked for by REST",
}
RETIRED = "retired protocol v2"
RETIRED_TOPICS = frozenset({
    "trade", "orderBookL2_25", "orderBook_200", "instrument_info", "klineV2", "insurance",
})  # fmt: skip
TAKER = {"Buy": Side.BUY, "Sell": Side.SELL}  # `S` is the taker's side [1]
FLOW = {"1": Flow.OPEN, "0": Flow.CLOSED}  # [2]

MillisText = Annotated[str, Meta(pattern="^[0-9]{1,13}$")]
NanosText = Annotated[str, Meta(pattern="^[0-9]{1,19}$")]


class _Head(msgspec.Struct):
    """Enough of a frame to know what it is."""

    topic: str | None = None
    op: str | None = None
    success: bool | None = None
    ret_msg: str | None = None
    retCode: int | None = None
    retMsg: str | None = None
    ret_code: int | None = None  # REST of v2
    request: Raw | UnsetType = UNSET  # what an acknowledgement of v2 repeats


class _Levels(msgspec.Struct, rename={"symbol": "s", "bids": "b", "asks": "a", "update": "u"}):
    """`seq` counts across the depths of a market; `u` counts the changes of this one [1]."""

    symbol: str
    bids: list[Level]
    asks: list[Level]
    update: Count


class _Book(msgspec.Struct):
    type: str
    data: _Levels
    cts: Millis | None = None  # when the matching engine had this state [1]


class _Sent(msgspec.Struct):
    """Older recordings do not tell more."""

    ts: Millis


class _Trade(
    msgspec.Struct,
    rename={
        "at": "T",
        "symbol": "s",
        "side": "S",
        "quantity": "v",
        "price": "p",
        "number": "i",
    },
):
    at: Millis
    symbol: str
    side: str
    quantity: Written
    price: Written
    number: str


class _Trades(msgspec.Struct):
    data: Annotated[list[_Trade], Meta(min_length=1)]  # up to 1,024 in a frame [1]


class _Reply(msgspec.Struct):
    retCode: int
    retMsg: str
    result: Raw


class _RestBook(msgspec.Struct, rename={"symbol": "s", "bids": "b", "asks": "a", "update": "u"}):
    symbol: str
    bids: list[Level]
    asks: list[Level]
    update: Count
    ts: Millis


class _Listed(msgspec.Struct):
    """What of a list is common to all categories."""

    category: str
    list: Raw
    symbol: str | None = None  # of candles


class _Lot(msgspec.Struct):
    basePrecision: Written
    minOrderQty: Written
    minOrderAmt: Written


class _Price(msgspec.Struct):
    tickSize: Written


class _Symbol(msgspec.Struct):
    baseCoin: str
    quoteCoin: str
    status: str
    lotSizeFilter: _Lot
    priceFilter: _Price


class _Time(msgspec.Struct):
    timeNano: NanosText


class _Chain(msgspec.Struct):
    chain: str
    chainDeposit: str
    chainWithdraw: str
    withdrawFee: str  # empty where nothing can be withdrawn [2]
    withdrawPercentageFee: Written
    withdrawMin: Written
    contractAddress: str


class _Coin(msgspec.Struct):
    coin: str
    chains: list[_Chain]


class _Coins(msgspec.Struct):
    rows: Raw


class _Result(msgspec.Struct):
    """Which call a reply answers shows in the keys of its result."""

    symbol: str | None = None
    list: Raw | UnsetType = UNSET
    rows: Raw | UnsetType = UNSET
    u: int | None = None
    timeNano: str | None = None


class _Answer(msgspec.Struct):
    retCode: int | None = None
    result: _Result | None = None


# When it opened, open, high, low, close, volume, and its value in quote [2].
Kline = tuple[MillisText, Written, Written, Written, Written, Written, str]


class Bybit:
    """Changes of a book count up by one, seen and not promised: anything else is a hole [1]."""

    venue = Venue.BYBIT
    rest_url = "https://api.bybit.com"
    stream_url = "wss://stream.bybit.com"
    # 21,000 characters of topics per connection, below 80 for an instrument's two; 500 connections
    # per 5 minutes; frames have no documented limit [1].
    limits = Limits(250, 5.0, 1.0, 1000)
    ping_every_s: float | None = 20.0  # [1]
    channels: Mapping[str, Alignment] = {"orderbook.50": Alignment.CHAINED}

    def symbol(self, instrument: Instrument) -> str:
        return instrument.base + instrument.quote

    def instrument(self, symbol: str) -> Instrument:
        return Instrument(Venue.BYBIT, *split_joined(symbol, QUOTES))

    def entry(self) -> Request | None:
        return None

    def connections(
        self, instruments: Sequence[Instrument], channel: str, ticket: Ticket
    ) -> list[Connection]:
        return [
            Connection(f"/v5/public/{CATEGORY}", tuple(self._subscribe(shard, channel, ticket)))
            for shard in shards(instruments, self.limits.instruments_per_connection)
        ]

    def resubscribe(self, instrument: Instrument, channel: str, ticket: Ticket) -> list[bytes]:
        """Every subscription opens with a snapshot; a second one without leaving is refused [1]."""
        topics = [f"{channel}.{self.symbol(instrument)}"]
        return [_operation(word, topics, ticket.tag) for word in ("unsubscribe", "subscribe")]

    def ping(self, ticket: Ticket) -> bytes | None:
        return msgspec.json.encode({"req_id": ticket.tag, "op": "ping"})

    def read(self, frame: bytes, names: Names) -> list[Event]:
        head = msgspec.json.decode(frame, type=_Head)
        if head.topic is not None:
            return _topic(head.topic, frame, names)
        if head.ret_code is not None or (head.success is not None and head.request is not UNSET):
            return [Ignored(RETIRED)]
        if head.op == "pong" or head.ret_msg == "pong":
            return [Ignored("pong")]
        if head.op is not None and head.success is not None:
            if head.success:
                return [Ignored(f"answer to {head.op}")]
            return [Rejected(head.op, head.ret_msg or "")]
        if head.retCode and head.retMsg is not None:
            return [Rejected(str(head.retCode), head.retMsg)]
        raise Unreadable("no message that Bybit's documents describe")

    def ask_markets(self) -> list[Request]:
        return [Request("GET", Path.MARKETS, (("category", CATEGORY), ("limit", MARKETS_PER_PAGE)))]

    def ask_market_details(self, instruments: Sequence[Instrument]) -> list[Request]:
        return []

    def ask_book(self, instrument: Instrument) -> Request:
        query = {
            "category": CATEGORY,
            "symbol": self.symbol(instrument),
            "limit": BOOK_LEVELS,
        }
        return Request("GET", Path.BOOK, tuple(query.items()))

    def ask_time(self) -> Request | None:
        return Request("GET", Path.TIME)

    def ask_candles(self, instrument: Instrument, start_ns: int, minutes: int) -> Request:
        """`end` is inclusive: it is the last millisecond wanted."""
        start_ms, end_ms = start_ns // MS_NS, (start_ns + minutes * MINUTE_NS) // MS_NS - 1
        query = {
            "category": CATEGORY,
            "symbol": self.symbol(instrument),
            "interval": "1",
            "start": str(start_ms),
            "end": str(end_ms),
            "limit": str(minutes),
        }
        return Request("GET", Path.CANDLES, tuple(query.items()))

    def ask_wallets(self) -> Request:
        return Request("GET", Path.WALLETS, signed=True)

    def ask_withdrawals(self, networks: Sequence[WalletNetwork]) -> list[Request]:
        return []

    def read_reply(self, request: Request, body: bytes, names: Names) -> list[Event]:
        if msgspec.json.decode(body, type=_Head).ret_code is not None:
            return [Ignored(RETIRED)]
        reply = msgspec.json.decode(body, type=_Reply)
        if reply.retCode != 0:
            return [Rejected(str(reply.retCode), reply.retMsg)]
        result = bytes(reply.result)
        match request.path:
            case Path.MARKETS | Path.CANDLES:
                return _list(msgspec.json.decode(result, type=_Listed), names)
            case Path.BOOK:
                book = msgspec.json.decode(result, type=_RestBook)
                return [_second_look(names[book.symbol], book)]
            case Path.TIME:
                return [ServerTime(int(msgspec.json.decode(result, type=_Time).timeNano))]
            case Path.WALLETS:
                coins = msgspec.json.decode(result, type=_Coins).rows
                return each(coins, _Coin, lambda coin: [_wallet(coin, one) for one in coin.chains])
        raise Unreadable(f"{request.path} is no call of ours")

    def recognise(self, body: bytes) -> Request | None:
        if b'"retCode"' not in body:
            return None
        answer = msgspec.json.decode(body, type=_Answer)
        path = None if answer.result is None else _answered(answer.result)
        return None if path is None else Request("GET", path)

    def _subscribe(
        self, instruments: Sequence[Instrument], channel: str, ticket: Ticket
    ) -> list[bytes]:
        symbols = [self.symbol(instrument) for instrument in instruments]
        topics = [f"{name}.{symbol}" for symbol in symbols for name in (channel, "publicTrade")]
        return [
            _operation("subscribe", topics[start : start + TOPICS_PER_FRAME], f"{ticket.tag}-{id_}")
            for id_, start in enumerate(range(0, len(topics), TOPICS_PER_FRAME), 1)
        ]


def _operation(word: str, topics: Sequence[str], tag: str) -> bytes:
    return msgspec.json.encode({"req_id": tag, "op": word, "args": topics})


def _topic(topic: str, frame: bytes, names: Names) -> list[Event]:
    name, _, rest = topic.partition(".")
    match name:
        case "orderbook" if rest.startswith("1."):
            return [Ignored("best bid and ask only, not a book")]
        case "orderbook":
            return [_book(frame, names)]
        case "publicTrade":
            trades = msgspec.json.decode(frame, type=_Trades).data
            return [_trade(trade, names) for trade in trades]
    if name in RETIRED_TOPICS:
        return [Ignored(RETIRED)]
    return [Ignored(NOT_OURS.get(name, f"{name} is not read"))]


def _book(frame: bytes, names: Names) -> Event:
    book = msgspec.json.decode(frame, type=_Book)
    at_ms = msgspec.json.decode(frame, type=_Sent).ts if book.cts is None else book.cts
    levels, at_ns = book.data, at_ms * MS_NS
    instrument, chained = names[levels.symbol], Alignment.CHAINED
    if book.type == "snapshot" or (book.type == "delta" and levels.update == RESTARTED):
        return BookSnapshot(instrument, chained, levels.bids, levels.asks, levels.update, at_ns)
    if book.type != "delta":
        raise Unreadable(f"type is {book.type[:20]!r}, neither snapshot nor delta")
    return BookDelta(
        instrument,
        chained,
        levels.bids,
        levels.asks,
        previous=levels.update - 1,
        last=levels.update,
        exchange_at_ns=at_ns,
    )


def _second_look(instrument: Instrument, book: _RestBook) -> BookSnapshot:
    """Its `u` counts the changes of 1,000 levels: no number of a stream of ours [2]."""
    alone = Alignment.SNAPSHOTS
    return BookSnapshot(instrument, alone, book.bids, book.asks, book.update, book.ts * MS_NS)


def _trade(trade: _Trade, names: Names) -> Trade:
    side = TAKER.get(trade.side)
    if side is None:
        raise Unreadable(f"S is {trade.side[:20]!r}, neither Buy nor Sell")
    instrument, at_ns = names[trade.symbol], trade.at * MS_NS
    return Trade(instrument, trade.number, trade.price, trade.quantity, side, at_ns)


def _list(listed: _Listed, names: Names) -> list[Event]:
    """Spot and its derivatives spell alike: only the category tells them apart [0]."""
    if listed.category != CATEGORY:
        return [Ignored(f"{listed.category} is not read")]
    if listed.symbol is None:
        return each(listed.list, _Symbol, lambda row: [_market(row)])
    instrument = names[listed.symbol]
    rows = msgspec.json.decode(listed.list, type=list[Kline])
    return [_candle(instrument, row) for row in reversed(rows)]  # newest first [2]


def _market(row: _Symbol) -> Market:
    return Market(
        Instrument(Venue.BYBIT, row.baseCoin, row.quoteCoin),
        trading=row.status == "Trading",
        tick=row.priceFilter.tickSize,
        lot=row.lotSizeFilter.basePrecision,
        minimum_quantity=row.lotSizeFilter.minOrderQty,
        minimum_value=row.lotSizeFilter.minOrderAmt,
    )


def _candle(instrument: Instrument, row: Kline) -> Candle:
    return Candle(instrument, int(row[0]) * MS_NS, *row[1:6])


def _wallet(coin: _Coin, chain: _Chain) -> WalletNetwork:
    # A share of the amount on top cannot be said as an amount: then the fee is not known.
    fee = chain.withdrawFee if number(chain.withdrawPercentageFee) == 0 else ""
    return WalletNetwork(
        Venue.BYBIT,
        coin.coin,
        chain.chain,
        FLOW.get(chain.chainDeposit, Flow.UNKNOWN),
        FLOW.get(chain.chainWithdraw, Flow.UNKNOWN),
        msgspec.convert(fee, Written) if fee else None,
        chain.withdrawMin,
        chain.contractAddress or None,
    )


def _answered(result: _Result) -> str | None:
    if result.list is not UNSET:
        return Path.MARKETS if result.symbol is None else Path.CANDLES
    if result.rows is not UNSET:
        return Path.WALLETS
    if result.timeNano is not None:
        return Path.TIME
    return None if result.u is None else Path.BOOK
