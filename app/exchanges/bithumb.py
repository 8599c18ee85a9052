"""Bithumb, public side of API 2. bithumb.md; sections in brackets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from enum import StrEnum

import msgspec
from msgspec import UNSET, Raw, UnsetType

from app.domain.decimals import Written
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

KST_NS = 9 * 60 * MINUTE_NS  # ahead of UTC, in every season
# A book's `timestamp` has 16 digits, µs, today; it had 13, ms, in a recording of 2024; REST
# writes 13 [1, 2].
STAMP_NS = {13: MS_NS, 16: 1_000}
STAMP_NS_MAX = 2**43 * MS_NS


class Path(StrEnum):
    MARKETS = "/v1/market/all"
    CHANCE = "/v1/orders/chance"
    BOOK = "/v1/orderbook"
    CANDLES = "/v1/candles/minutes/1"
    WALLETS = "/v1/status/wallet"
    WITHDRAWAL = "/v1/withdraws/chance"
    # Public, but of fees only: read where it was asked, not asked for by us.
    FEES = "/v2/fee/inout/ALL"


# The generation before this one: REST below `/public`, and the stream of `pubwss` [0].
RETIRED_ROOT = "/public/"
RETIRED = "retired: API 1.0, which this venue's API 2 replaced"

NOT_OURS = {"ticker": "a ticker is not a book: it has no best bid and ask"}
TAKER = {"BID": Side.BUY, "ASK": Side.SELL}  # `ask_bid` is the taker's side [2]
# wallet_state → deposits, withdrawals, where the network's blocks come in as they should [2]
WALLET = {
    "working": (Flow.OPEN, Flow.OPEN),
    "withdraw_only": (Flow.CLOSED, Flow.OPEN),
    "deposit_only": (Flow.OPEN, Flow.CLOSED),
    "paused": (Flow.CLOSED, Flow.CLOSED),
}


class _Fault(msgspec.Struct):
    name: str | int  # a number on public calls [3]
    message: str


class _Head(msgspec.Struct):
    """Enough of a frame to know what it is, in both formats and both generations."""

    type: str | None = None
    ty: str | None = None
    status: str | None = None
    content: Raw | UnsetType = UNSET  # everything of API 1.0 stands in it
    error: _Fault | None = None


class _Unit(msgspec.Struct):
    """Rows pair both sides; where one has fewer levels its quantity is 0 [1]."""

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
    timestamp: int | str  # a text in some captures [1]
    orderbook_units: list[_Unit]


class _ShortBook(msgspec.Struct):
    cd: str
    tms: int | str
    obu: list[_ShortUnit]


class _RestBook(msgspec.Struct):
    market: str
    timestamp: int | str
    orderbook_units: list[_Unit]


class _Trade(msgspec.Struct):
    code: str
    trade_timestamp: Millis
    trade_price: Raw
    trade_volume: Raw
    ask_bid: str
    sequential_id: int | str  # 18 or 19 digits, a text in some captures [1]


class _ShortTrade(msgspec.Struct):
    cd: str
    ttms: Millis
    tp: Raw
    tv: Raw
    ab: str
    sid: int | str


class _Listed(msgspec.Struct):
    market: str
    english_name: str


class _Rules(msgspec.Struct):
    """Whether these are texts or numbers is not documented [3]."""

    price_unit: Raw
    min_total: Raw


class _Rated(msgspec.Struct):
    bid: _Rules


class _Chance(msgspec.Struct):
    market: _Rated


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


class _FeeNetwork(msgspec.Struct):
    net_name: str
    withdraw_fee_quantity: Written | None  # null where a rate is charged instead [2]
    withdraw_minimum_quantity: Written


class _Fees(msgspec.Struct):
    currency: str
    networks: list[_FeeNetwork]


class _Charge(msgspec.Struct):
    withdraw_fee: Written | None  # null where a rate is charged instead [2]


class _Bounds(msgspec.Struct):
    minimum: Written | None


class _Withdrawal(msgspec.Struct):
    currency: _Charge
    withdraw_limit: _Bounds


class _Answer(msgspec.Struct):
    """The first row of a reply: which call it answers shows in its keys."""

    english_name: Raw | UnsetType = UNSET
    orderbook_units: Raw | UnsetType = UNSET
    candle_date_time_utc: Raw | UnsetType = UNSET
    wallet_state: Raw | UnsetType = UNSET
    networks: Raw | UnsetType = UNSET


class Bithumb:
    """Every book message is a whole book and has no number, only the venue's clock [1]."""

    venue = Venue.BITHUMB
    rest_url = "https://api.bithumb.com"
    stream_url = "wss://ws-api.bithumb.com"
    # No documented cap on codes: 100 keep one socket's share of the load small. Nor on frames:
    # one a second is more than we need. 10 connections/s [1]. 200 candles [2].
    limits = Limits(100, 1.0, 10.0, 200)
    ping_every_s: float | None = 60.0  # closed after about 120 s without traffic [1]
    channels: Mapping[str, Alignment] = {"orderbook": Alignment.SNAPSHOTS}

    def symbol(self, instrument: Instrument) -> str:
        return f"{instrument.quote}-{instrument.base}"

    def instrument(self, symbol: str) -> Instrument:
        quote, dash, base = symbol.partition("-")
        if not (quote and dash and base):
            raise Unreadable(f"{symbol[:40]!r} is not spelled as Bithumb spells markets")
        return Instrument(Venue.BITHUMB, base, quote)

    def entry(self) -> Request | None:
        return None

    def connections(
        self, instruments: Sequence[Instrument], channel: str, ticket: Ticket
    ) -> list[Connection]:
        """One frame per socket: another one would replace its whole subscription [1]."""
        made: list[Connection] = []
        for shard in shards(instruments, self.limits.instruments_per_connection):
            codes = [self.symbol(instrument) for instrument in shard]
            frame = [
                {"ticket": f"{ticket.tag}-{len(made)}"},
                {"type": channel, "codes": codes},
                {"type": "trade", "codes": codes},
                {"format": "DEFAULT"},
            ]
            made.append(Connection("/websocket/v1", (msgspec.json.encode(frame),)))
        return made

    def resubscribe(self, instrument: Instrument, channel: str, ticket: Ticket) -> list[bytes]:
        return []

    def ping(self, ticket: Ticket) -> bytes | None:
        return b"PING"

    def read(self, frame: bytes, names: Names) -> list[Event]:
        head = msgspec.json.decode(frame, type=_Head)
        if head.error is not None:
            return [Rejected(str(head.error.name), head.error.message)]
        if head.content is not UNSET and head.type is not None:
            return [Ignored(RETIRED)]
        match head.type or head.ty:
            case "orderbook" if head.ty:
                short_book = msgspec.json.decode(frame, type=_ShortBook)
                return [_short_book(names[short_book.cd], short_book)]
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
                return [Ignored(NOT_OURS.get(kind, f"{kind} is not read"))]
        if head.status == "UP":
            return [Ignored("pong: UP")]
        if head.status is not None and len(head.status) == 4 and head.status.isdigit():
            return [Ignored(RETIRED)]  # every answer of API 1.0 has such a status
        raise Unreadable("no message that Bithumb's documents describe")

    def ask_markets(self) -> list[Request]:
        return [Request("GET", Path.MARKETS, (("isDetails", "true"),))]

    def ask_market_details(self, instruments: Sequence[Instrument]) -> list[Request]:
        """The tick of the current price band and the minimum: nothing else tells them [6]."""
        return [
            Request("GET", Path.CHANCE, (("market", self.symbol(instrument)),), signed=True)
            for instrument in instruments
        ]

    def ask_book(self, instrument: Instrument) -> Request:
        """30 levels of one market; of several it would be 15 [2]."""
        return Request("GET", Path.BOOK, (("markets", self.symbol(instrument)),))

    def ask_time(self) -> Request | None:
        return None

    def ask_candles(self, instrument: Instrument, start_ns: int, minutes: int) -> Request:
        """`to` is exclusive, and a time in Korea without saying so [2]."""
        to = to_iso(start_ns + minutes * MINUTE_NS + KST_NS)
        query = {
            "market": self.symbol(instrument),
            "to": to.replace("T", " ").removesuffix("Z"),
            "count": str(minutes),
        }
        return Request("GET", Path.CANDLES, tuple(query.items()))

    def ask_wallets(self) -> Request:
        return Request("GET", Path.WALLETS, signed=True)

    def ask_withdrawals(self, networks: Sequence[WalletNetwork]) -> list[Request]:
        """One by one: the public list of fees calls networks by other names [2]."""
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
        if request.path.startswith(RETIRED_ROOT):
            return [Ignored(RETIRED)]
        if body.lstrip()[:1] == b"{":
            if request.path == Path.CHANCE and b'"error"' not in body:
                chance = msgspec.json.decode(body, type=_Chance)
                return [_rated(names.named(request.asked("market")), chance.market.bid)]
            if request.path == Path.WITHDRAWAL and b'"error"' not in body:
                return [_withdrawal(request, msgspec.json.decode(body, type=_Withdrawal))]
            return self.read(body, names)  # errors, under HTTP 200 too [2]
        match request.path:
            case Path.MARKETS:
                return each(body, _Listed, lambda row: [self._listed(row)])
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
            case Path.FEES:
                return each(body, _Fees, lambda coin: [_fee(coin, one) for one in coin.networks])
        raise Unreadable(f"{request.path} is no call of ours")

    def recognise(self, body: bytes) -> Request | None:
        if body.lstrip()[:1] != b"[":
            return None
        rows = msgspec.json.decode(body, type=list[_Answer])
        path = _answered(rows[0]) if rows else None
        if path is None:
            raise Unreadable("no reply that Bithumb's documents describe")
        return Request("GET", path)

    def _listed(self, row: _Listed) -> Market:
        """Delisted markets are not listed."""
        return Market(self.instrument(row.market), trading=True)


def _answered(row: _Answer) -> str | None:
    if row.orderbook_units is not UNSET:
        return Path.BOOK
    if row.candle_date_time_utc is not UNSET:
        return Path.CANDLES
    if row.wallet_state is not UNSET:
        return Path.WALLETS
    if row.networks is not UNSET:
        return Path.FEES
    return Path.MARKETS if row.english_name is not UNSET else None


def _at_ns(stamp: int | str) -> int:
    text = str(stamp)
    unit_ns = STAMP_NS.get(len(text))
    if unit_ns is None or not (text.isascii() and text.isdigit()):
        raise Unreadable(f"{text[:40]} is a time neither in ms nor in µs")
    at_ns = int(text) * unit_ns
    if at_ns >= STAMP_NS_MAX:
        raise Unreadable(f"{text} is a time after the year 2248")
    return at_ns


def _book(instrument: Instrument, stamp: int | str, units: Sequence[_Unit]) -> BookSnapshot:
    bids: list[Level] = [(written(unit.bid_price), written(unit.bid_size)) for unit in units]
    asks: list[Level] = [(written(unit.ask_price), written(unit.ask_size)) for unit in units]
    whole = Alignment.SNAPSHOTS
    return BookSnapshot(instrument, whole, bids, asks, exchange_at_ns=_at_ns(stamp))


def _short_book(instrument: Instrument, book: _ShortBook) -> BookSnapshot:
    bids: list[Level] = [(written(unit.bp), written(unit.bs)) for unit in book.obu]
    asks: list[Level] = [(written(unit.ap), written(unit.as_)) for unit in book.obu]
    whole = Alignment.SNAPSHOTS
    return BookSnapshot(instrument, whole, bids, asks, exchange_at_ns=_at_ns(book.tms))


def _trade(
    instrument: Instrument, at_ms: int, price: Raw, volume: Raw, ask_bid: str, number: int | str
) -> Trade:
    side, trade_id = TAKER.get(ask_bid), str(number)
    if side is None:
        raise Unreadable(f"ask_bid is {ask_bid[:20]!r}, neither ASK nor BID")
    if not (trade_id.isascii() and trade_id.isdigit()):
        raise Unreadable(f"sequential_id is {trade_id[:40]!r}, not a number")
    return Trade(instrument, trade_id, written(price), written(volume), side, at_ms * MS_NS)


def _rated(instrument: Instrument, rules: _Rules) -> Market:
    return Market(
        instrument,
        tick=written(rules.price_unit, quoted=True),
        minimum_value=written(rules.min_total, quoted=True),
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
    return WalletNetwork(Venue.BITHUMB, row.currency, row.net_type, deposit, withdraw)


def _fee(coin: _Fees, network: _FeeNetwork) -> WalletNetwork:
    return WalletNetwork(
        Venue.BITHUMB,
        coin.currency,
        network.net_name,
        Flow.UNKNOWN,
        Flow.UNKNOWN,
        network.withdraw_fee_quantity,
        network.withdraw_minimum_quantity,
    )


def _withdrawal(request: Request, told: _Withdrawal) -> WalletNetwork:
    """Whether the network is open, `ask_wallets` tells."""
    asset, network = request.asked("currency"), request.asked("net_type")
    if asset is None or network is None:
        raise Unreadable("a withdrawal's fee is of one currency and network, which were not asked")
    return WalletNetwork(
        Venue.BITHUMB,
        asset,
        network,
        Flow.UNKNOWN,
        Flow.UNKNOWN,
        told.currency.withdraw_fee,
        told.withdraw_limit.minimum,
    )
