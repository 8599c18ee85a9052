"""Coinbase, public side of Advanced Trade. coinbase.md; sections in brackets."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from enum import StrEnum
from typing import Literal

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.domain.decimals import Written
from app.domain.markets import (
    Alignment,
    BookDelta,
    BookSnapshot,
    Candle,
    Counted,
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
from app.domain.times import MINUTE_NS, MS_NS, SECOND_NS, from_iso
from app.domain.venues import Venue
from app.exchanges.contract import (
    Connection,
    Count,
    Limits,
    Names,
    Request,
    Ticket,
    Unreadable,
    each,
    shards,
    whole,
    written,
)

EXCHANGE_ROOT = "https://api.exchange.coinbase.com"  # the sister venue tells of wallets [2]
BOOK_LEVELS = "500"
DIGITS_MAX = 14  # of a time in ms


class Path(StrEnum):
    MARKETS = "/api/v3/brokerage/market/products"
    BOOK = "/api/v3/brokerage/market/product_book"
    TIME = "/api/v3/brokerage/time"
    WALLETS = "/currencies"
    PRO_MARKETS = "/products"  # of the retired generation


CANDLES = re.compile(r"/api/v3/brokerage/market/products/([^/]*)/candles")

NOT_OURS = {
    "subscriptions": "subscriptions",
    "heartbeats": "heartbeat",
    "ticker": "a ticker is not a book",
    "ticker_batch": "a ticker is not a book",
    "candles": "candles are asked for by REST",
    "status": "markets are asked for by REST",
}

# Coinbase Pro: messages without a channel or a number, in the words of its feed [1b].
RETIRED = "retired: Coinbase Pro, which Advanced Trade replaced"
RETIRED_TYPES = {
    "snapshot", "l2update", "ticker", "match", "last_match", "heartbeat", "subscriptions",
    "status", "received", "open", "done", "change", "activate",
}  # fmt: skip

# Read as the taker's side by every library seen; the documents do not say [1a].
TAKER = {"BUY": Side.BUY, "SELL": Side.SELL}


class _Problem(msgspec.Struct):
    id: str
    message: str


class _Head(msgspec.Struct):
    """Enough of a message to know what it is: stream, REST's errors, the retired feed."""

    channel: str | None = None
    type: str | None = None
    message: str | None = None
    error: str | None = None
    errors: list[_Problem] | None = None
    product_id: str | None = None
    channels: Raw | UnsetType = UNSET


class _Row(msgspec.Struct):
    """Validated here: what fails must fail before its frame is counted, so that a hole shows."""

    side: Literal["bid", "offer"]
    price_level: Written
    new_quantity: Written  # absolute; 0 removes [1a]


class _Levels(msgspec.Struct):
    type: Literal["snapshot", "update"]
    product_id: str
    updates: list[_Row]


class _Print(msgspec.Struct):
    trade_id: str
    product_id: str
    price: Written
    size: Written
    side: str
    time: str


class _Prints(msgspec.Struct):
    type: Literal["snapshot", "update"]
    trades: list[_Print]


class _Numbered(msgspec.Struct):
    """Every frame has the next number of its connection, whatever its channel [1a]."""

    sequence_num: Count


class _BookFrame(_Numbered):
    timestamp: str
    events: list[_Levels]


class _TradeFrame(_Numbered):
    events: list[_Prints]


class _Product(msgspec.Struct):
    product_id: str
    base_currency_id: str
    quote_currency_id: str
    quote_increment: Written
    base_increment: Written
    base_min_size: Written
    quote_min_size: Written
    status: str
    product_type: str
    is_disabled: bool
    trading_disabled: bool
    cancel_only: bool
    post_only: bool
    view_only: bool
    auction_mode: bool
    price_increment: Written | None = None  # else quote_increment [2]


class _Products(msgspec.Struct):
    products: Raw


class _RestLevel(msgspec.Struct):
    price: str
    size: str


class _PriceBook(msgspec.Struct):
    product_id: str
    bids: list[_RestLevel]
    asks: list[_RestLevel]
    time: str


class _Books(msgspec.Struct):
    pricebook: _PriceBook


class _Candle(msgspec.Struct):
    start: str
    open: Written
    high: Written
    low: Written
    close: Written
    volume: Written


class _Candles(msgspec.Struct):
    candles: list[_Candle]


class _Time(msgspec.Struct):
    epochMillis: str


class _Network(msgspec.Struct):
    id: str
    status: str
    contract_address: str
    min_withdrawal_amount: Raw  # whether a text or a number is not documented [2]


class _Currency(msgspec.Struct):
    id: str
    status: str
    supported_networks: list[_Network]


class _Answer(msgspec.Struct):
    """Which call a reply answers shows in its keys."""

    channel: Raw | UnsetType = UNSET
    products: Raw | UnsetType = UNSET
    pricebook: Raw | UnsetType = UNSET
    candles: Raw | UnsetType = UNSET
    epochMillis: Raw | UnsetType = UNSET
    supported_networks: Raw | UnsetType = UNSET
    quote_increment: Raw | UnsetType = UNSET


class Coinbase:
    """Books have no numbers of their own: the connection's counter tells of a loss [1a].

    Books in USD and in USDC are one: messages name the USD market, whichever was asked for [1a].
    """

    venue = Venue.COINBASE
    rest_url = "https://api.coinbase.com"
    stream_url = "wss://advanced-trade-ws.coinbase.com"
    # No documented cap on products: whole books of 50 are a burst of many MB already. 8 messages
    # and 8 connections/s [1a]. 350 candles [2].
    limits = Limits(50, 8.0, 8.0, 350)
    ping_every_s: float | None = None  # the heartbeats channel keeps a connection open [1a]
    channels: Mapping[str, Alignment] = {"level2": Alignment.COUNTED}

    def symbol(self, instrument: Instrument) -> str:
        return f"{instrument.base}-{instrument.quote}"

    def instrument(self, symbol: str) -> Instrument:
        base, dash, quote = symbol.partition("-")
        if not (base and dash and quote) or "-" in quote:
            raise Unreadable(f"{symbol[:40]!r} is not spelled as Coinbase spells markets")
        return Instrument(Venue.COINBASE, base, quote)

    def entry(self) -> Request | None:
        return None

    def connections(
        self, instruments: Sequence[Instrument], channel: str, ticket: Ticket
    ) -> list[Connection]:
        """One channel per frame; the first within 5 s of connecting [1a]."""
        made: list[Connection] = []
        for shard in shards(instruments, self.limits.instruments_per_connection):
            symbols = [self.symbol(instrument) for instrument in shard]
            frames = (
                msgspec.json.encode({"type": "subscribe", "channel": "heartbeats"}),
                _said("subscribe", channel, symbols),
                _said("subscribe", "market_trades", symbols),
            )
            made.append(Connection("/", frames))
        return made

    def resubscribe(self, instrument: Instrument, channel: str, ticket: Ticket) -> list[bytes]:
        symbols = [self.symbol(instrument)]
        return [_said(word, channel, symbols) for word in ("unsubscribe", "subscribe")]

    def ping(self, ticket: Ticket) -> bytes | None:
        return None

    def read(self, frame: bytes, names: Names) -> list[Event]:
        head = msgspec.json.decode(frame, type=_Head)
        match head.channel:
            case "l2_data":
                return _books(msgspec.json.decode(frame, type=_BookFrame), names)
            case "market_trades":
                return _trades(msgspec.json.decode(frame, type=_TradeFrame), names)
            case str(channel):
                number = msgspec.json.decode(frame, type=_Numbered).sequence_num
                return [Counted(number), Ignored(NOT_OURS.get(channel, f"{channel} is not read"))]
        if head.errors:
            return [Rejected(problem.id, problem.message) for problem in head.errors]
        if head.message is not None and (head.error or head.type == "error"):
            return [Rejected(head.error or "error", head.message)]
        is_pro = head.product_id is not None or head.channels is not UNSET
        if head.type in RETIRED_TYPES and is_pro:
            return [Ignored(RETIRED)]
        raise Unreadable("no message that Coinbase's documents describe")

    def ask_markets(self) -> list[Request]:
        return [Request("GET", Path.MARKETS, (("product_type", "SPOT"),))]

    def ask_market_details(self, instruments: Sequence[Instrument]) -> list[Request]:
        return []

    def ask_book(self, instrument: Instrument) -> Request:
        query = ("product_id", self.symbol(instrument)), ("limit", BOOK_LEVELS)
        return Request("GET", Path.BOOK, query)

    def ask_time(self) -> Request | None:
        return Request("GET", Path.TIME)

    def ask_candles(self, instrument: Instrument, start_ns: int, minutes: int) -> Request:
        """The end is the last second wanted: the same candles whether it counts or not."""
        start_s, end_s = start_ns // SECOND_NS, (start_ns + minutes * MINUTE_NS) // SECOND_NS - 1
        query = {"start": str(start_s), "end": str(end_s), "granularity": "ONE_MINUTE"}
        return Request("GET", _candles_of(self.symbol(instrument)), tuple(query.items()))

    def ask_wallets(self) -> Request:
        """Of the Exchange, which shares them: Advanced Trade has no public word on networks [2]."""
        return Request("GET", Path.WALLETS, root=EXCHANGE_ROOT)

    def ask_withdrawals(self, networks: Sequence[WalletNetwork]) -> list[Request]:
        """Only the sister venue tells fees, of an address, and to keys of its own [2]."""
        return []

    def read_reply(self, request: Request, body: bytes, names: Names) -> list[Event]:
        if body.lstrip()[:1] == b"{" and _is_fault(body):
            return self.read(body, names)
        if (found := CANDLES.fullmatch(request.path)) is not None:  # newest first [2]
            instrument = names.named(found[1] or None)
            rows = msgspec.json.decode(body, type=_Candles).candles
            return [_candle(instrument, row) for row in reversed(rows)]
        match request.path:
            case Path.MARKETS:
                products = msgspec.json.decode(body, type=_Products).products
                return each(products, _Product, lambda row: [_market(row)])
            case Path.BOOK:
                return [_rest_book(msgspec.json.decode(body, type=_Books).pricebook, names)]
            case Path.TIME:
                return [ServerTime(_millis(msgspec.json.decode(body, type=_Time).epochMillis))]
            case Path.WALLETS:
                return each(
                    body,
                    _Currency,
                    lambda row: [_wallet(row, one) for one in row.supported_networks],
                )
            case Path.PRO_MARKETS:
                return [Ignored(RETIRED)]
        raise Unreadable(f"{request.path} is no call of ours")

    def recognise(self, body: bytes) -> Request | None:
        start = body.lstrip()[:1]
        if start == b"[":
            rows = msgspec.json.decode(body, type=list[_Answer])
            if rows and rows[0].supported_networks is not UNSET:
                return Request("GET", Path.WALLETS, root=EXCHANGE_ROOT)
            if rows and rows[0].quote_increment is not UNSET:
                return Request("GET", Path.PRO_MARKETS)
            raise Unreadable("no reply that Coinbase's documents describe")
        if start != b"{":
            return None
        answer = msgspec.json.decode(body, type=_Answer)
        if answer.channel is not UNSET:
            return None
        if answer.products is not UNSET:
            return Request("GET", Path.MARKETS)
        if answer.pricebook is not UNSET:
            return Request("GET", Path.BOOK)
        if answer.candles is not UNSET:
            return Request("GET", _candles_of(""))
        return None if answer.epochMillis is UNSET else Request("GET", Path.TIME)


def _said(word: str, channel: str, symbols: Sequence[str]) -> bytes:
    return msgspec.json.encode({"type": word, "product_ids": symbols, "channel": channel})


def _candles_of(symbol: str) -> str:
    return f"{Path.MARKETS}/{symbol}/candles"


def _is_fault(body: bytes) -> bool:
    head = msgspec.json.decode(body, type=_Head)
    return head.error is not None or head.errors is not None


def _books(frame: _BookFrame, names: Names) -> list[Event]:
    at_ns, number = from_iso(frame.timestamp), frame.sequence_num
    found: list[Event] = [Counted(number)]
    for told in frame.events:
        instrument = names[told.product_id]
        bids, asks = _side(told.updates, "bid"), _side(told.updates, "offer")
        counted = Alignment.COUNTED
        if told.type == "snapshot":
            found.append(BookSnapshot(instrument, counted, bids, asks, number, at_ns))
        else:
            found.append(
                BookDelta(instrument, counted, bids, asks, last=number, exchange_at_ns=at_ns)
            )
    return found if frame.events else [*found, Ignored("nothing in it")]


def _side(rows: Sequence[_Row], side: str) -> list[Level]:
    return [(row.price_level, row.new_quantity) for row in rows if row.side == side]


def _trades(frame: _TradeFrame, names: Names) -> list[Event]:
    """Newest first, as recorded; a snapshot holds what was before we came."""
    prints = [row for told in frame.events for row in reversed(told.trades)]
    found: list[Event] = [_trade(row, names) for row in prints]
    return [Counted(frame.sequence_num), *(found or [Ignored("nothing in it")])]


def _trade(row: _Print, names: Names) -> Trade:
    side = TAKER.get(row.side)
    if side is None:
        raise Unreadable(f"side is {row.side[:20]!r}, neither BUY nor SELL")
    return Trade(names[row.product_id], row.trade_id, row.price, row.size, side, from_iso(row.time))


def _rest_book(book: _PriceBook, names: Names) -> BookSnapshot:
    return BookSnapshot(
        names[book.product_id],
        Alignment.SNAPSHOTS,
        [(level.price, level.size) for level in book.bids],
        [(level.price, level.size) for level in book.asks],
        exchange_at_ns=from_iso(book.time),
    )


def _market(row: _Product) -> Event:
    if row.product_type != "SPOT":
        return Ignored(f"{row.product_id} is no spot market")
    is_held = row.is_disabled or row.trading_disabled or row.view_only
    is_limited = row.cancel_only or row.post_only or row.auction_mode
    return Market(
        Instrument(Venue.COINBASE, row.base_currency_id, row.quote_currency_id),
        trading=row.status == "online" and not (is_held or is_limited),
        tick=row.price_increment or row.quote_increment,
        lot=row.base_increment,
        minimum_quantity=row.base_min_size,
        minimum_value=row.quote_min_size,
    )


def _millis(text: str) -> int:
    """Raises Unreadable."""
    if len(text) > DIGITS_MAX:
        raise Unreadable(f"{text[:40]!r} is no time in ms")
    return whole(text) * MS_NS


def _candle(instrument: Instrument, row: _Candle) -> Candle:
    opened_at_ns = _millis(f"{row.start}000")
    return Candle(instrument, opened_at_ns, row.open, row.high, row.low, row.close, row.volume)


def _wallet(row: _Currency, network: _Network) -> WalletNetwork:
    """One word for both directions; other words than `online` are not documented [2]."""
    flow = Flow.OPEN if row.status == network.status == "online" else Flow.UNKNOWN
    return WalletNetwork(
        Venue.COINBASE,
        row.id,
        network.id,
        flow,
        flow,
        minimum=written(network.min_withdrawal_amount, quoted=True),
        contract=network.contract_address or None,
    )
