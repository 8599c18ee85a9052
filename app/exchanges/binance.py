"""Binance, public side: spot, and books and trades of its derivatives. binance.md; sections [n]."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec
from msgspec import UNSET, Raw, UnsetType

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

USDM_ROOT = "https://fapi.binance.com"
STREAMS_PER_FRAME = 100  # a SUBSCRIBE of this many stays below 4 KiB
BOOK_LEVELS = "1000"  # weight 50 of 6,000 a minute; 5,000 levels cost 250 [2]

# Spot symbols join both currencies without a mark; exchangeInfo says where they part [2]. Without
# it the longest of these that a symbol ends with is its quote: every quote of the captured lists.
QUOTES = frozenset({
    "AEUR", "ARS", "AUD", "BIDR", "BKRW", "BNB", "BRL", "BTC", "BUSD", "BVND", "COP", "CZK",
    "DAI", "DOGE", "DOT", "ETH", "EUR", "EURI", "FDUSD", "GBP", "GYEN", "IDR", "IDRT", "JPY",
    "MXN", "NGN", "PAX", "PLN", "RON", "RUB", "SOL", "TRX", "TRY", "TUSD", "UAH", "UST", "USD",
    "USD1", "USDC", "USDE", "USDP", "USDS", "USDT", "VAI", "XRP", "ZAR",
})  # fmt: skip
DERIVATIVE = re.compile(r"([A-Z0-9]+?)_(PERP|\d{6})")


class Path(StrEnum):
    MARKETS = "/api/v3/exchangeInfo"
    BOOK = "/api/v3/depth"
    CANDLES = "/api/v3/klines"
    TIME = "/api/v3/time"
    WALLETS = "/sapi/v1/capital/config/getall"
    # Derivatives of both margins: books are read, as they were captured [8].
    USDM_MARKETS = "/fapi/v1/exchangeInfo"
    USDM_BOOK = "/fapi/v1/depth"
    COINM_MARKETS = "/dapi/v1/exchangeInfo"
    COINM_BOOK = "/dapi/v1/depth"


NOT_OURS = {
    "aggTrade": "an aggregate of trades; the trade stream carries each",
    "kline": "candles are asked for by REST",
    "bookTicker": "best bid and ask only, not a book",
    "24hrTicker": "a ticker is not a book",
    "24hrMiniTicker": "a ticker is not a book",
}


class _Message(msgspec.Struct):
    """A stream's message; raw streams send it bare, combined ones wrap it [1]."""

    e: str | None = None
    lastUpdateId: int | None = None
    A: str | None = None  # a bookTicker of spot has no type, but both quantities
    B: str | None = None
    E: int | None = None


class _Fault(msgspec.Struct):
    code: int
    msg: str


class _Frame(msgspec.Struct):
    stream: str | None = None
    data: Raw | UnsetType = UNSET  # `Raw | None` would read null only
    id: int | str | None = None
    result: Raw | UnsetType = UNSET  # null when all is well
    error: _Fault | None = None
    code: int | None = None
    msg: str | None = None


class _Depth(msgspec.Struct, rename={"last": "lastUpdateId", "exchange_at": "E"}):
    """A partial book of the spot stream, or the answer to `depth`. Derivatives add times [8]."""

    last: Count
    bids: list[Level]
    asks: list[Level]
    exchange_at: Millis | None = None
    symbol: str | None = None  # COIN-M only


class _Update(
    msgspec.Struct,
    rename={
        "exchange_at": "E",
        "symbol": "s",
        "first": "U",
        "last": "u",
        "previous": "pu",
        "bids": "b",
        "asks": "a",
    },
):
    """`pu` marks derivatives: what this follows, because their ids do not step by one [8]."""

    exchange_at: Millis
    symbol: str
    first: Count
    last: Count
    bids: list[Level]
    asks: list[Level]
    previous: Count | None = None


class _Trade(
    msgspec.Struct,
    rename={
        "symbol": "s",
        "number": "t",
        "price": "p",
        "quantity": "q",
        "at": "T",
        "buyer_made": "m",
        "kind": "X",
    },
):
    """`X` marks derivatives: MARKET is a trade, others are settlements of the insurance fund."""

    symbol: str
    number: Count
    price: Written
    quantity: Written
    at: Millis
    buyer_made: bool
    kind: str | None = None


class _Filter(msgspec.Struct):
    filterType: str
    tickSize: Written | None = None
    stepSize: Written | None = None
    minQty: Written | None = None
    minNotional: Written | None = None
    notional: Written | None = None


class _Symbol(msgspec.Struct):
    symbol: str
    baseAsset: str
    quoteAsset: str
    filters: list[_Filter]
    status: str | None = None
    contractStatus: str | None = None  # COIN-M's word for status


class _Markets(msgspec.Struct):
    symbols: Raw


class _Time(msgspec.Struct):
    serverTime: Millis


class _Network(msgspec.Struct):
    network: str
    depositEnable: bool
    withdrawEnable: bool
    withdrawFee: Written
    withdrawMin: Written
    contractAddress: str | None = None  # by memory [2]: look before trusting it


class _Coin(msgspec.Struct):
    coin: str
    networkList: list[_Network]


class _Answer(msgspec.Struct):
    """Which call a reply answers shows in its keys. An unasked-for depth names no market."""

    lastUpdateId: int | None = None
    serverTime: int | None = None
    symbols: Raw | UnsetType = UNSET


# [opened, open, high, low, close, volume, closed, quote volume, trades, …] [2]
Kline = tuple[Millis, Written, Written, Written, Written, Written, int, str, int, str, str, str]


class Binance:
    """Stream messages of one symbol have ids `U..u`; `u` of one is `U - 1` of the next [1]."""

    venue = Venue.BINANCE
    rest_url = "https://api.binance.com"
    stream_url = "wss://stream.binance.com:9443"
    # 1,024 streams per connection, two for each instrument; 5 messages/s; 300 connections per
    # 5 minutes; closed after 24 h [1].
    limits = Limits(512, 5.0, 1.0, 1000, life_s=86_400)
    ping_every_s: float | None = None  # the venue pings; unasked pongs keep nothing alive [1]
    channels: Mapping[str, Alignment] = {
        "depth20@100ms": Alignment.SNAPSHOTS,
        "depth@100ms": Alignment.BUFFERED,
    }

    def symbol(self, instrument: Instrument) -> str:
        joined = instrument.base + instrument.quote
        if instrument.product is Product.FUTURE:
            return f"{joined}_{instrument.delivery}"
        if instrument.product is Product.PERPETUAL and instrument.quote == "USD":
            return f"{joined}_PERP"  # margined in the coin itself
        return joined

    def instrument(self, symbol: str) -> Instrument:
        mark = DERIVATIVE.fullmatch(symbol)
        if mark is None:
            return Instrument(Venue.BINANCE, *split_joined(symbol, QUOTES))
        base, quote = split_joined(mark[1], QUOTES)
        if mark[2] == "PERP":
            return Instrument(Venue.BINANCE, base, quote, Product.PERPETUAL)
        return Instrument(Venue.BINANCE, base, quote, Product.FUTURE, mark[2])

    def entry(self) -> Request | None:
        return None

    def connections(
        self, instruments: Sequence[Instrument], channel: str, ticket: Ticket
    ) -> list[Connection]:
        """Over `/stream`: a bare partial book has no symbol [1]."""
        return [
            Connection("/stream", tuple(_subscribe(self._streams(shard, channel))))
            for shard in shards(instruments, self.limits.instruments_per_connection)
        ]

    def resubscribe(self, instrument: Instrument, channel: str, ticket: Ticket) -> list[bytes]:
        return []

    def ping(self, ticket: Ticket) -> bytes | None:
        return None

    def read(self, frame: bytes, names: Names) -> list[Event]:
        wrapped = msgspec.json.decode(frame, type=_Frame)
        if wrapped.stream is not None and isinstance(wrapped.data, Raw):
            return [self._message(bytes(wrapped.data), wrapped.stream, names)]
        if wrapped.error is not None:
            return [Rejected(str(wrapped.error.code), wrapped.error.msg)]
        if wrapped.code is not None and wrapped.msg is not None:
            return [Rejected(str(wrapped.code), wrapped.msg)]
        if wrapped.result is not UNSET:
            return [Ignored(f"answer to request {wrapped.id}")]
        return [self._message(frame, "", names)]

    def ask_markets(self) -> list[Request]:
        """Spot, and the perpetuals that hedges are made of: those have a host of their own [8]."""
        return [Request("GET", Path.MARKETS), Request("GET", Path.USDM_MARKETS, root=USDM_ROOT)]

    def ask_market_details(self, instruments: Sequence[Instrument]) -> list[Request]:
        return []

    def ask_book(self, instrument: Instrument) -> Request:
        query = ("symbol", self.symbol(instrument)), ("limit", BOOK_LEVELS)
        return Request("GET", Path.BOOK, query)

    def ask_time(self) -> Request | None:
        return Request("GET", Path.TIME)

    def ask_candles(self, instrument: Instrument, start_ns: int, minutes: int) -> Request:
        """endTime is inclusive: it is the last millisecond wanted."""
        start_ms, end_ms = start_ns // MS_NS, (start_ns + minutes * MINUTE_NS) // MS_NS - 1
        query = {
            "symbol": self.symbol(instrument),
            "interval": "1m",
            "startTime": str(start_ms),
            "endTime": str(end_ms),
            "limit": str(minutes),
        }
        return Request("GET", Path.CANDLES, tuple(query.items()))

    def ask_wallets(self) -> Request:
        return Request("GET", Path.WALLETS, signed=True)

    def ask_withdrawals(self, networks: Sequence[WalletNetwork]) -> list[Request]:
        return []

    def read_reply(self, request: Request, body: bytes, names: Names) -> list[Event]:
        symbol = request.asked("symbol")
        if body.lstrip()[:1] == b"{" and b'"code"' in body[:20]:
            fault = msgspec.json.decode(body, type=_Fault)
            return [Rejected(str(fault.code), fault.msg)]
        match request.path:
            case Path.BOOK | Path.USDM_BOOK | Path.COINM_BOOK:
                depth = msgspec.json.decode(body, type=_Depth)
                named = depth.symbol or symbol
                spot = request.path == Path.BOOK
                found = names.named(named) if spot or named is None else self._perpetual(named)
                return [_snapshot(found, Alignment.BUFFERED, depth)]
            case Path.MARKETS | Path.USDM_MARKETS | Path.COINM_MARKETS:
                symbols = msgspec.json.decode(body, type=_Markets).symbols
                if request.path == Path.MARKETS:
                    return each(symbols, _Symbol, lambda row: [_market(self._spot(row), row)])
                return each(
                    symbols, _Symbol, lambda row: [_market(self._perpetual(row.symbol), row)]
                )
            case Path.CANDLES:
                rows = msgspec.json.decode(body, type=list[Kline])
                return [_candle(names.named(symbol), row) for row in rows]
            case Path.TIME:
                at_ms = msgspec.json.decode(body, type=_Time).serverTime
                return [ServerTime(at_ms * MS_NS)]
            case Path.WALLETS:
                return each(
                    body, _Coin, lambda coin: [_wallet(coin, one) for one in coin.networkList]
                )
        raise Unreadable(f"{request.path} is no call of ours")

    def recognise(self, body: bytes) -> Request | None:
        start = body.lstrip()[:2]
        if start[:1] == b"[":  # candles are rows of rows, coins are objects
            return Request("GET", Path.CANDLES if start == b"[[" else Path.WALLETS)
        answer = msgspec.json.decode(body, type=_Answer)
        if answer.lastUpdateId is not None:
            return Request("GET", Path.BOOK)
        if answer.symbols is not UNSET:
            return Request("GET", Path.MARKETS)
        return None if answer.serverTime is None else Request("GET", Path.TIME)

    def _streams(self, instruments: Sequence[Instrument], channel: str) -> list[str]:
        symbols = [self.symbol(instrument).lower() for instrument in instruments]
        return [f"{symbol}@{name}" for symbol in symbols for name in (channel, "trade")]

    def _message(self, body: bytes, stream: str, names: Names) -> Event:
        message = msgspec.json.decode(body, type=_Message)
        symbol, _, channel = stream.partition("@")
        # A partial book of derivatives calls itself a depthUpdate; the stream's name tells [8].
        partial = re.match(r"depth(5|10|20)(@|$)", channel) is not None
        if message.e == "depthUpdate":
            return self._update(msgspec.json.decode(body, type=_Update), partial, names)
        if message.e == "trade":
            return self._trade(msgspec.json.decode(body, type=_Trade), names)
        if message.e == "serverShutdown":
            return Closing("serverShutdown")
        if message.e is not None:
            return Ignored(NOT_OURS.get(message.e, f"{message.e} is not read"))
        if message.lastUpdateId is not None:
            depth = msgspec.json.decode(body, type=_Depth)
            return _snapshot(names.named(symbol.upper() or None), Alignment.SNAPSHOTS, depth)
        if message.A is not None and message.B is not None:
            return Ignored(NOT_OURS["bookTicker"])
        raise Unreadable("no message that Binance's documents describe")

    def _update(self, update: _Update, partial: bool, names: Names) -> Event:
        at_ns = update.exchange_at * MS_NS
        if update.previous is None:
            instrument, previous = names[update.symbol], update.first - 1
        else:
            instrument, previous = self._perpetual(update.symbol), update.previous
        bids, asks = update.bids, update.asks
        if partial:
            whole = Alignment.SNAPSHOTS
            return BookSnapshot(instrument, whole, bids, asks, update.last, at_ns)
        return BookDelta(
            instrument,
            Alignment.BUFFERED,
            bids,
            asks,
            previous=previous,
            last=update.last,
            exchange_at_ns=at_ns,
        )

    def _trade(self, trade: _Trade, names: Names) -> Event:
        if trade.kind is not None and trade.kind != "MARKET":
            return Ignored(f"a {trade.kind} settlement, not a trade")
        symbol = trade.symbol
        return Trade(
            names[symbol] if trade.kind is None else self._perpetual(symbol),
            str(trade.number),
            trade.price,
            trade.quantity,
            Side.SELL if trade.buyer_made else Side.BUY,  # the maker bought: the taker sold [1]
            trade.at * MS_NS,
        )

    def _spot(self, row: _Symbol) -> Instrument:
        return Instrument(Venue.BINANCE, row.baseAsset, row.quoteAsset)

    def _perpetual(self, symbol: str) -> Instrument:
        """A derivative; `BTCUSDT` alone is a spot market's name too."""
        instrument = self.instrument(symbol)
        if instrument.product is not Product.SPOT:
            return instrument
        return msgspec.structs.replace(instrument, product=Product.PERPETUAL)


def _subscribe(streams: Sequence[str]) -> list[bytes]:
    chunks = range(0, len(streams), STREAMS_PER_FRAME)
    return [
        msgspec.json.encode(
            {"method": "SUBSCRIBE", "params": streams[start : start + STREAMS_PER_FRAME], "id": id_}
        )
        for id_, start in enumerate(chunks, 1)
    ]


def _snapshot(instrument: Instrument, alignment: Alignment, depth: _Depth) -> BookSnapshot:
    at_ns = None if depth.exchange_at is None else depth.exchange_at * MS_NS
    return BookSnapshot(instrument, alignment, depth.bids, depth.asks, depth.last, at_ns)


def _market(instrument: Instrument, row: _Symbol) -> Market:
    rules = {rule.filterType: rule for rule in row.filters}
    price, lot = rules.get("PRICE_FILTER"), rules.get("LOT_SIZE")
    value = rules.get("NOTIONAL") or rules.get("MIN_NOTIONAL")  # the older name of both [2]
    return Market(
        instrument,
        trading=(row.status or row.contractStatus) == "TRADING",
        tick=price.tickSize if price is not None else None,
        lot=lot.stepSize if lot is not None else None,
        minimum_quantity=lot.minQty if lot is not None else None,
        minimum_value=(value.minNotional or value.notional) if value is not None else None,
    )


def _candle(instrument: Instrument, row: Kline) -> Candle:
    return Candle(instrument, row[0] * MS_NS, *row[1:6])


def _wallet(coin: _Coin, network: _Network) -> WalletNetwork:
    return WalletNetwork(
        Venue.BINANCE,
        coin.coin,
        network.network,
        Flow.OPEN if network.depositEnable else Flow.CLOSED,
        Flow.OPEN if network.withdrawEnable else Flow.CLOSED,
        network.withdrawFee,
        network.withdrawMin,
        network.contractAddress or None,
    )
