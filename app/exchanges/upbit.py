"""Upbit, public side. upbit.md; sections in brackets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.domain.markets import (
    Alignment,
    BookSnapshot,
    Candle,
    Event,
    Flow,
    Ignored,
    Instrument,
    Level,
    Market,
    Rejected,
    Side,
    Trade,
    WalletNetwork,
)
from app.domain.times import MINUTE_NS, MS_NS, from_iso, to_iso
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

LOT = "0.00000001"  # 8 decimals of volume everywhere [2]
MINIMUM_VALUE = {"KRW": "5000", "BTC": "0.00005", "USDT": "0.5"}  # [6]
MARKETS_PER_REQUEST = 100  # keeps the request's line well below 2 KiB


class Path(StrEnum):
    MARKETS = "/v1/market/all"
    TICKS = "/v1/orderbook/instruments"
    BOOK = "/v1/orderbook"
    CANDLES = "/v1/candles/minutes/1"
    WALLETS = "/v1/status/wallet"
    WITHDRAWAL = "/v1/withdraws/chance"


NOT_OURS = {
    "ticker": "a ticker is not a book: it has no best bid and ask",
    "candle": "candles are asked for by REST",
}
TAKER = {"BID": Side.BUY, "ASK": Side.SELL}  # `ask_bid` is the taker's side [1]
# wallet_state → deposits, withdrawals, where the network's blocks come in as they should [2]
WALLET = {
    "working": (Flow.OPEN, Flow.OPEN),
    "withdraw_only": (Flow.CLOSED, Flow.OPEN),
    "deposit_only": (Flow.OPEN, Flow.CLOSED),
    "paused": (Flow.CLOSED, Flow.CLOSED),
    "unsupported": (Flow.CLOSED, Flow.CLOSED),
}


class _Fault(msgspec.Struct):
    name: str | int  # a text on exchange calls, the HTTP status on quotation calls [3]
    message: str


class _Head(msgspec.Struct):
    """Enough of a frame to know what it is, in both formats."""

    type: str | None = None
    ty: str | None = None
    status: str | None = None
    method: str | None = None
    error: _Fault | None = None


class _Unit(msgspec.Struct):
    """Numbers are JSON numbers, some with an exponent (`8.428e-05`) [1]."""

    ask_price: Raw
    bid_price: Raw
    ask_size: Raw
    bid_size: Raw


class _ShortUnit(msgspec.Struct):
    ap: Raw
    bp: Raw
    as_: Raw = msgspec.field(name="as")
    bs: Raw


class _Book(msgspec.Struct):
    code: str
    timestamp: Millis
    orderbook_units: list[_Unit]


class _ShortBook(msgspec.Struct):
    cd: str
    tms: Millis
    obu: list[_ShortUnit]


class _RestBook(msgspec.Struct):
    market: str
    timestamp: Millis
    orderbook_units: list[_Unit]


class _Trade(msgspec.Struct):
    code: str
    trade_timestamp: Millis
    trade_price: Raw
    trade_volume: Raw
    ask_bid: str
    sequential_id: Count


class _ShortTrade(msgspec.Struct):
    cd: str
    ttms: Millis
    tp: Raw
    tv: Raw
    ab: str
    sid: Count


class _Listed(msgspec.Struct):
    market: str
    english_name: str


class _Tick(msgspec.Struct):
    market: str
    tick_size: Raw  # a string in the documents, a number in a recorded reply


class _Candle(msgspec.Struct):
    market: str
    candle_date_time_utc: str
    opening_price: Raw
    high_price: Raw
    low_price: Raw
    trade_price: Raw
    candle_acc_trade_volume: Raw


class _Wallet(msgspec.Struct):
    currency: str
    wallet_state: str
    block_state: str
    net_type: str


class _Charge(msgspec.Struct):
    withdraw_fee: str | None


class _Bounds(msgspec.Struct):
    minimum: str | None


class _Chance(msgspec.Struct):
    currency: _Charge
    withdraw_limit: _Bounds


class _Answer(msgspec.Struct):
    """The first row of a reply: which call it answers shows in its keys."""

    type: str | None = None  # of a frame that is a list
    ty: str | None = None
    market: str | None = None
    english_name: str | None = None
    tick_size: Raw | UnsetType = UNSET
    orderbook_units: Raw | UnsetType = UNSET
    candle_date_time_utc: str | None = None
    wallet_state: str | None = None


class Upbit:
    """Every book message is a whole book and has no number, only the venue's clock [1]."""

    venue = Venue.UPBIT
    rest_url = "https://api.upbit.com"
    stream_url = "wss://api.upbit.com"
    # No documented cap on codes: 100 keep one socket's share of the load small. 5 frames/s and
    # 100/min per connection, 5 connections/s [5].
    limits = Limits(100, 100 / 60, 5.0, 200)
    ping_every_s: float | None = 60.0  # closed after about 120 s without traffic [1]
    channels: Mapping[str, Alignment] = {"orderbook": Alignment.SNAPSHOTS}

    def symbol(self, instrument: Instrument) -> str:
        return f"{instrument.quote}-{instrument.base}"

    def instrument(self, symbol: str) -> Instrument:
        quote, dash, base = symbol.partition("-")
        if not (quote and dash and base):
            raise Unreadable(f"{symbol[:40]!r} is not spelled as Upbit spells markets")
        return Instrument(Venue.UPBIT, base, quote)

    def entry(self) -> Request | None:
        return None

    def connections(
        self, instruments: Sequence[Instrument], channel: str, ticket: Ticket
    ) -> list[Connection]:
        """One frame per socket: another one would replace its whole subscription.

        Codes alone mean all 30 levels; of those that `.N` may ask for, 15 are too few [1].
        """
        made: list[Connection] = []
        for shard in shards(instruments, self.limits.instruments_per_connection):
            codes = [self.symbol(instrument) for instrument in shard]
            frame = [
                {"ticket": f"{ticket.tag}-{len(made)}"},
                {"type": channel, "codes": codes},
                {"type": "trade", "codes": codes},
                {"format": "SIMPLE"},
            ]
            made.append(Connection("/websocket/v1", (msgspec.json.encode(frame),)))
        return made

    def resubscribe(self, instrument: Instrument, channel: str, ticket: Ticket) -> list[bytes]:
        return []

    def ping(self, ticket: Ticket) -> bytes | None:
        return b"PING"

    def read(self, frame: bytes, names: Names) -> list[Event]:
        if frame.lstrip()[:1] == b"[":  # JSON_LIST, SIMPLE_LIST [1]
            rows = msgspec.json.decode(frame, type=list[Raw])
            return [event for row in rows for event in self._read(bytes(row), names)]
        return self._read(frame, names)

    def _read(self, frame: bytes, names: Names) -> list[Event]:
        head = msgspec.json.decode(frame, type=_Head)
        match head.type or head.ty:
            case "orderbook" if head.ty:
                return [_short_book(msgspec.json.decode(frame, type=_ShortBook), names)]
            case "orderbook":
                book = msgspec.json.decode(frame, type=_Book)
                return [_book(names[book.code], book.timestamp, book.orderbook_units)]
            case "trade" if head.ty:
                short = msgspec.json.decode(frame, type=_ShortTrade)
                return [
                    _trade(names[short.cd], short.ttms, short.tp, short.tv, short.ab, short.sid)
                ]
            case "trade":
                trade = msgspec.json.decode(frame, type=_Trade)
                return [
                    _trade(
                        names[trade.code],
                        trade.trade_timestamp,
                        trade.trade_price,
                        trade.trade_volume,
                        trade.ask_bid,
                        trade.sequential_id,
                    )
                ]
            case str(kind):
                return [Ignored(NOT_OURS.get(kind.partition(".")[0], f"{kind} is not read"))]
        if head.error is not None:
            return [Rejected(str(head.error.name), head.error.message)]
        if head.status is not None:
            return [Ignored(f"pong: {head.status}")]
        if head.method is not None:
            return [Ignored(f"answer to {head.method}")]
        raise Unreadable("no message that Upbit's documents describe")

    def ask_markets(self) -> list[Request]:
        return [Request("GET", Path.MARKETS, (("is_details", "true"),))]

    def ask_market_details(self, instruments: Sequence[Instrument]) -> list[Request]:
        """The tick of the current price band: to be asked again when a price leaves it [2]."""
        return [
            Request("GET", Path.TICKS, (("markets", ",".join(map(self.symbol, shard))),))
            for shard in shards(instruments, MARKETS_PER_REQUEST)
        ]

    def ask_book(self, instrument: Instrument) -> Request:
        return Request("GET", Path.BOOK, (("markets", self.symbol(instrument)), ("count", "30")))

    def ask_time(self) -> Request | None:
        return None

    def ask_candles(self, instrument: Instrument, start_ns: int, minutes: int) -> Request:
        """`to` is exclusive; minutes without a trade are absent, so older ones may follow [2]."""
        to = to_iso(start_ns + minutes * MINUTE_NS)
        market = self.symbol(instrument)
        return Request(
            "GET", Path.CANDLES, (("market", market), ("to", to), ("count", str(minutes)))
        )

    def ask_wallets(self) -> Request:
        return Request("GET", Path.WALLETS, signed=True)

    def ask_withdrawals(self, networks: Sequence[WalletNetwork]) -> list[Request]:
        return [
            Request(
                "GET",
                Path.WITHDRAWAL,
                (("currency", network.asset), ("net_type", network.network)),
                signed=True,
            )
            for network in networks
        ]

    def read_reply(self, request: Request, body: bytes, names: Names) -> list[Event]:
        if body.lstrip()[:1] == b"{":
            if request.path == Path.WITHDRAWAL and b'"error"' not in body:
                return [_withdrawal(request, msgspec.json.decode(body, type=_Chance))]
            return self.read(body, names)  # errors; quotation and stream write them alike
        match request.path:
            case Path.MARKETS:
                return each(body, _Listed, lambda row: [_market(self.instrument(row.market))])
            case Path.TICKS:
                return each(body, _Tick, lambda row: [self._rated(row)])
            case Path.BOOK:
                books = msgspec.json.decode(body, type=list[_RestBook])
                return [
                    _book(names[row.market], row.timestamp, row.orderbook_units) for row in books
                ]
            case Path.CANDLES:  # newest first [2]
                candles = msgspec.json.decode(body, type=list[_Candle])
                return [_candle(names[row.market], row) for row in reversed(candles)]
            case Path.WALLETS:
                return each(body, _Wallet, lambda row: [_wallet(row)])
        raise Unreadable(f"{request.path} is no call of ours")

    def recognise(self, body: bytes) -> Request | None:
        if body.lstrip()[:1] != b"[":
            return None
        rows = msgspec.json.decode(body, type=list[_Answer])
        if rows and (rows[0].type is not None or rows[0].ty is not None):
            return None  # a frame of the stream
        path = _answered(rows[0]) if rows else None
        if path is None:
            raise Unreadable("no reply that Upbit's documents describe")
        return Request("GET", path)

    def _rated(self, row: _Tick) -> Market:
        return _market(self.instrument(row.market), written(row.tick_size, quoted=True))


def _answered(row: _Answer) -> str | None:
    if row.orderbook_units is not UNSET:
        return Path.BOOK
    if row.tick_size is not UNSET:
        return Path.TICKS
    if row.candle_date_time_utc is not None:
        return Path.CANDLES
    if row.wallet_state is not None:
        return Path.WALLETS
    return Path.MARKETS if row.english_name is not None else None


def _book(instrument: Instrument, at_ms: int, units: Sequence[_Unit]) -> BookSnapshot:
    bids: list[Level] = [(written(unit.bid_price), written(unit.bid_size)) for unit in units]
    asks: list[Level] = [(written(unit.ask_price), written(unit.ask_size)) for unit in units]
    return BookSnapshot(instrument, Alignment.SNAPSHOTS, bids, asks, exchange_at_ns=at_ms * MS_NS)


def _short_book(book: _ShortBook, names: Names) -> BookSnapshot:
    bids: list[Level] = [(written(unit.bp), written(unit.bs)) for unit in book.obu]
    asks: list[Level] = [(written(unit.ap), written(unit.as_)) for unit in book.obu]
    return BookSnapshot(
        names[book.cd], Alignment.SNAPSHOTS, bids, asks, exchange_at_ns=book.tms * MS_NS
    )


def _trade(
    instrument: Instrument, at_ms: int, price: Raw, volume: Raw, ask_bid: str, number: int
) -> Trade:
    side = TAKER.get(ask_bid)
    if side is None:
        raise Unreadable(f"ask_bid is {ask_bid[:20]!r}, neither ASK nor BID")
    return Trade(instrument, str(number), written(price), written(volume), side, at_ms * MS_NS)


def _market(instrument: Instrument, tick: str | None = None) -> Market:
    return Market(
        instrument,
        trading=True if tick is None else None,  # delisted markets are not listed
        tick=tick,
        lot=LOT,
        minimum_value=MINIMUM_VALUE.get(instrument.quote),
    )


def _candle(instrument: Instrument, row: _Candle) -> Candle:
    return Candle(
        instrument,
        from_iso(row.candle_date_time_utc),
        written(row.opening_price),
        written(row.high_price),
        written(row.low_price),
        written(row.trade_price),
        written(row.candle_acc_trade_volume),
    )


def _wallet(row: _Wallet) -> WalletNetwork:
    unknown = Flow.UNKNOWN, Flow.UNKNOWN
    deposit, withdraw = WALLET.get(row.wallet_state, unknown)
    if row.block_state != "normal" and Flow.OPEN in {deposit, withdraw}:
        deposit, withdraw = unknown
    return WalletNetwork(Venue.UPBIT, row.currency, row.net_type, deposit, withdraw)


def _withdrawal(request: Request, chance: _Chance) -> WalletNetwork:
    """Whether the network is open, `ask_wallets` tells."""
    asset, network = request.asked("currency"), request.asked("net_type")
    if asset is None or network is None:
        raise Unreadable("a withdrawal's fee is of one currency and network, which were not asked")
    return WalletNetwork(
        Venue.UPBIT,
        asset,
        network,
        Flow.UNKNOWN,
        Flow.UNKNOWN,
        chance.currency.withdraw_fee,
        chance.withdraw_limit.minimum,
    )
