"""Binance spot (binance.md): REST with weights, raw and combined streams, signed wallet calls."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable
from decimal import Decimal
from typing import Any

from app.simulator.budget import Budget
from app.simulator.protocol import (
    Change,
    Client,
    Dialect,
    KeepAlive,
    Listing,
    Reply,
    Request,
    Rules,
    Trade,
    Update,
    decimal_lot,
)
from app.simulator.venues.binance_funding import perpetuals, premium_index
from app.simulator.venues.binance_private import BinancePrivate
from app.simulator.venues.wire import MINUTE_MS, compact, levels, number, rows

WEIGHT_LIMIT = 6_000
"""§5: REQUEST_WEIGHT a minute."""
BANNED_AT = 2
"""So many times the limit, and 418 answers instead of 429."""
STREAMS_MAX = 1_024
PRIVATE_STREAM = "/ws-api/"
KLINES, KLINES_MAX = 500, 1_000
TRADES, TRADES_MAX = 500, 1_000
DEPTH_WEIGHTS = ((100, 5), (500, 25), (1_000, 50), (5_000, 250))
INTERVALS = {"1m": 1, "3m": 3, "5m": 5, "15m": 15, "30m": 30, "1h": 60, "4h": 240, "1d": 1_440}
BOOK_STREAM = re.compile(r"depth(5|10|20)?(@100ms|@1000ms)?")
OTHER_STREAMS = ("bookTicker", "trade", "aggTrade")


def tick(_quote: str, price: float) -> Decimal:
    """§6: BTCUSDT has 0.01; about one part in ten thousand or finer."""
    return min(Decimal("0.01"), Decimal(1).scaleb(Decimal(repr(price)).adjusted() - 4))


class Binance(Dialect):
    venue = "binance"
    rules = Rules(
        quotes=("USDT", "USDC"),
        tick=tick,
        lot=decimal_lot,
        minimum_value={"USDT": "5", "USDC": "5"},
        levels=50,
        cadence=2.0,
        delay_ms=15,
        share=0.97,
        spread_bps=1.2,
        size_usd=20_000.0,
    )
    # §1: pinged every 20 s, cut without a pong in 60 s, cut after 24 h, 5 messages a second
    keep_alive = KeepAlive(ping_every_s=20, pong_s=60, life_s=86_400, messages_per_s=5)
    faults_without = frozenset({"checksum"})

    def begin(self) -> None:
        self._budget = Budget(WEIGHT_LIMIT, 60.0)
        self.private = self._private = BinancePrivate(self.market)
        self._slow: dict[str, tuple[int, dict[str, str], dict[str, str]]] = {}
        """Changes since the last second, of symbols whose `@depth` is wanted at 1000 ms."""

    @staticmethod
    def symbol(base: str, quote: str) -> str:
        return f"{base}{quote}"

    # ---- REST --------------------------------------------------------------------------------

    def http(self, request: Request) -> Reply:
        used = self._budget.take("all", _weight(request), self.market.now_ms())
        header = ("X-MBX-USED-WEIGHT-1M", str(used))
        if used > WEIGHT_LIMIT:
            status = 418 if used > BANNED_AT * WEIGHT_LIMIT else 429
            return self.limited(request, status).with_headers(header)
        return self._answer(request).with_headers(header)

    def limited(self, request: Request, status: int) -> Reply:
        if status in {418, 429}:
            wait_s = 60 - self.market.now_ms() // 1_000 % 60
            return _error(status, -1003, "Too much request weight used.").with_headers(
                ("Retry-After", str(wait_s))
            )
        return _error(status, -1007, "Timeout waiting for response from backend server.")

    def _answer(self, request: Request) -> Reply:
        if (reply := self._private.http(request)) is not None:
            return reply
        if request.method != "GET":
            return _unknown()
        match request.path:
            case "/api/v3/ping":
                return Reply.json({})
            case "/api/v3/time":
                return Reply.json({"serverTime": self.market.now_ms()})
            case "/api/v3/exchangeInfo":
                return self._exchange(request)
            case "/api/v3/depth":
                return self._depth(request)
            case "/api/v3/trades":
                return self._trades(request)
            case "/api/v3/klines":
                return self._klines(request)
            case "/api/v3/ticker/bookTicker":
                return self._tickers(request)
            case "/sapi/v1/system/status":
                return Reply.json({"status": 0, "msg": "normal"})
            case "/fapi/v1/premiumIndex":
                market = self.market
                listed = market.listings.values()
                return Reply.json(premium_index(listed, market.seed, market.now_ms()))
            case "/fapi/v1/exchangeInfo":
                return Reply.json(perpetuals(self.market.listings.values(), self.market.now_ms()))
            case "/dapi/v1/exchangeInfo":
                return Reply.json({"timezone": "UTC", "rateLimits": [], "symbols": []})
        return _unknown()

    def _listing(self, request: Request) -> Listing | Reply:
        name = request.asked("symbol")
        if not name:
            return _error(
                400,
                -1102,
                "Mandatory parameter 'symbol' was not sent, was empty/null, or malformed.",
            )
        return self.market.listings.get(name) or _error(400, -1121, "Invalid symbol.")

    def _exchange(self, request: Request) -> Reply:
        wanted = list(self.market.listings)
        if request.asked("symbol"):
            wanted = [request.asked("symbol")]
        elif request.asked("symbols"):
            try:
                wanted = [str(name) for name in json.loads(request.asked("symbols"))]
            except (ValueError, TypeError):
                return _error(400, -1100, "Illegal characters found in parameter 'symbols'.")
        listings = [self.market.listings.get(name) for name in wanted]
        if None in listings:
            return _error(400, -1121, "Invalid symbol.")
        return Reply.json(
            {
                "timezone": "UTC",
                "serverTime": self.market.now_ms(),
                "rateLimits": RATE_LIMITS,
                "exchangeFilters": [],
                "symbols": [_symbol(one) for one in listings if one is not None],
            }
        )

    def _depth(self, request: Request) -> Reply:
        listing = self._listing(request)
        if isinstance(listing, Reply):
            return listing
        most = number(request.asked("limit"), 100)
        return Reply.json(
            {
                "lastUpdateId": listing.last_id,
                "bids": levels(listing.bids, most),
                "asks": levels(listing.asks, most),
            }
        )

    def _trades(self, request: Request) -> Reply:
        listing = self._listing(request)
        if isinstance(listing, Reply):
            return listing
        count = min(TRADES_MAX, max(1, number(request.asked("limit"), TRADES)))
        return Reply.json(
            [
                {
                    "id": trade.id,
                    "price": trade.price,
                    "qty": trade.quantity,
                    "quoteQty": f"{Decimal(trade.price) * Decimal(trade.quantity):f}",
                    "time": trade.at_ms,
                    "isBuyerMaker": not trade.bought,
                    "isBestMatch": True,
                }
                for trade in listing.trades[-count:]
            ]
        )

    def _klines(self, request: Request) -> Reply:
        """§2: oldest first; the newest `limit` unless `startTime` says where to begin."""
        listing = self._listing(request)
        if isinstance(listing, Reply):
            return listing
        minutes = INTERVALS.get(request.asked("interval"))
        if minutes is None:
            return _error(400, -1120, "Invalid interval.")
        span_ms = minutes * MINUTE_MS
        count = min(KLINES_MAX, max(1, number(request.asked("limit"), KLINES)))
        end_ms = number(request.asked("endTime"), self.market.now_ms()) + 1
        start_ms = number(request.asked("startTime"), 0)
        if start_ms:
            start_ms = -(-start_ms // span_ms) * span_ms
            end_ms = min(end_ms, start_ms + count * span_ms)
        else:
            start_ms = -(-end_ms // span_ms) * span_ms - count * span_ms
        joined: dict[int, list[Any]] = {}
        for one in self.market.candles(listing, start_ms, end_ms):
            at = one.start_ms // span_ms * span_ms
            row = joined.setdefault(at, _kline(at, span_ms, one.open))
            row[2] = max(row[2], one.high, key=Decimal)
            row[3] = min(row[3], one.low, key=Decimal)
            row[4] = one.close
            row[5] = f"{Decimal(row[5]) + Decimal(one.volume):f}"
            row[7] = f"{Decimal(row[7]) + Decimal(one.value):f}"
            row[8] += one.trades
            row[9] = f"{Decimal(row[5]) / 2:.8f}"
            row[10] = f"{Decimal(row[7]) / 2:.8f}"
        return Reply.json(list(joined.values()))

    def _tickers(self, request: Request) -> Reply:
        if request.asked("symbol"):
            listing = self._listing(request)
            return listing if isinstance(listing, Reply) else Reply.json(_ticker(listing))
        return Reply.json([_ticker(one) for one in self.market.listings.values()])

    # ---- stream ------------------------------------------------------------------------------

    def admits(self, request: Request) -> Reply | None:
        return None if re.match(r"/(ws|stream|ws-api)(/|$)", request.path) else _unknown()

    def opened(self, client: Client) -> None:
        """§1: `/ws/<streams>` is raw, `/stream?streams=` wraps. state: whether it wraps."""
        if client.path.startswith(PRIVATE_STREAM):
            client.state = {}
            return
        client.state = "/ws" not in client.path
        named = client.path.split("/") if not client.state else []
        asked = dict(pair.partition("=")[::2] for pair in client.query.split("&"))
        self._join(client, [*named, *asked.get("streams", "").split("/")])

    def heard(self, client: Client, text: str) -> None:
        if client.path.startswith(PRIVATE_STREAM):
            self._private.heard(client, text)
            return
        try:
            asked = json.loads(text)
        except ValueError:
            asked = None
        if not isinstance(asked, dict) or "method" not in asked:
            _complain(client, None, "Invalid request: invalid JSON")
            return
        number_of, params = asked.get("id"), asked.get("params", [])
        if not isinstance(params, list) or not all(isinstance(one, str) for one in params):
            _complain(client, number_of, "Invalid request: params must be an array of strings")
            return
        result: Any = None
        match asked["method"]:
            case "SUBSCRIBE":
                if len(client.topics) + len(params) > STREAMS_MAX:
                    _complain(client, number_of, "Invalid request: too many streams")
                    return
                self._join(client, params)
            case "UNSUBSCRIBE":
                for name in params:
                    client.unsubscribe(_topic(name, wraps=client.state))
            case "LIST_SUBSCRIPTIONS":
                result = [topic.partition(" ")[2] for topic in sorted(client.topics)]
            case _:
                _complain(client, number_of, "Invalid request: unknown method")
                return
        client.send(compact({"result": result, "id": number_of}))

    def _join(self, client: Client, names: Iterable[str]) -> None:
        """What is no stream here is accepted and yields nothing, as at the venue."""
        for name in names:
            symbol, _, kind = name.partition("@")
            known = kind in OTHER_STREAMS or BOOK_STREAM.fullmatch(kind)
            if known and symbol.upper() in self.market.listings:
                client.subscribe(_topic(name, wraps=client.state))

    def _out(self, listing: Listing, kind: str, text: str) -> None:
        """To those who take it raw, and to those who take it wrapped."""
        raw, wrapped, stream = _topics(listing, kind)
        if self.market.wanted(raw):
            self.market.publish(raw, text, listing)
        if self.market.wanted(wrapped):
            frame = f'{{"stream":"{stream}","data":{text}}}'
            self.market.publish(wrapped, frame, listing)

    def _wanted(self, listing: Listing, kind: str) -> bool:
        raw, wrapped, _ = _topics(listing, kind)
        return self.market.wanted(raw) or self.market.wanted(wrapped)

    def update(self, update: Update) -> None:
        listing = update.listing
        for size in (5, 10, 20):
            kind = f"depth{size}@100ms"
            if self._wanted(listing, kind):
                self._out(listing, kind, _partial(listing, size))
        if self._wanted(listing, "depth@100ms"):
            self._out(
                listing,
                "depth@100ms",
                _diff(update.at_ms, listing, listing.first_id, update.bids, update.asks),
            )
        if self._wanted(listing, "depth") or self._wanted(listing, "depth@1000ms"):
            _, bids, asks = self._slow.setdefault(listing.symbol, (listing.first_id, {}, {}))
            bids.update(update.bids)
            asks.update(update.asks)
        if self._wanted(listing, "bookTicker"):
            ticker = _ticker(listing)
            text = (
                f'{{"u":{listing.last_id},"s":"{listing.symbol}","b":"{ticker["bidPrice"]}",'
                f'"B":"{ticker["bidQty"]}","a":"{ticker["askPrice"]}","A":"{ticker["askQty"]}"}}'
            )
            self._out(listing, "bookTicker", text)

    def trade(self, trade: Trade) -> None:
        listing = trade.listing
        maker = "false" if trade.bought else "true"
        if self._wanted(listing, "trade"):
            text = (
                f'{{"e":"trade","E":{trade.at_ms + 1},"s":"{listing.symbol}","t":{trade.id},'
                f'"p":"{trade.price}","q":"{trade.quantity}","T":{trade.at_ms},"m":{maker},'
                f'"M":true}}'
            )
            self._out(listing, "trade", text)
        if self._wanted(listing, "aggTrade"):
            text = (
                f'{{"e":"aggTrade","E":{trade.at_ms + 1},"s":"{listing.symbol}","a":{trade.id},'
                f'"p":"{trade.price}","q":"{trade.quantity}","f":{trade.id},"l":{trade.id},'
                f'"T":{trade.at_ms},"m":{maker},"M":true}}'
            )
            self._out(listing, "aggTrade", text)

    def second(self, at_ms: int) -> None:
        """Streams of 1000 ms."""
        for symbol, (first_id, bids, asks) in self._slow.items():
            listing = self.market.listings[symbol]
            text = _diff(
                at_ms,
                listing,
                first_id,
                [Change(*one) for one in bids.items()],
                [Change(*one) for one in asks.items()],
            )
            for kind in ("depth", "depth@1000ms"):
                self._out(listing, kind, text)
        self._slow.clear()
        for listing in self.market.listings.values():
            for size in (5, 10, 20):
                for kind in (f"depth{size}", f"depth{size}@1000ms"):
                    if self._wanted(listing, kind):
                        self._out(listing, kind, _partial(listing, size))


RATE_LIMITS = [
    {
        "rateLimitType": "REQUEST_WEIGHT",
        "interval": "MINUTE",
        "intervalNum": 1,
        "limit": WEIGHT_LIMIT,
    },
    {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10, "limit": 100},
    {"rateLimitType": "ORDERS", "interval": "DAY", "intervalNum": 1, "limit": 200_000},
    {"rateLimitType": "RAW_REQUESTS", "interval": "MINUTE", "intervalNum": 5, "limit": 61_000},
]


def _weight(request: Request) -> int:
    match request.path:
        case "/api/v3/exchangeInfo":
            return 20
        case "/api/v3/depth":
            most = number(request.asked("limit"), 100)
            return next((weight for size, weight in DEPTH_WEIGHTS if most <= size), 250)
        case "/api/v3/trades":
            return 25
        case "/api/v3/klines":
            return 2
        case "/api/v3/ticker/bookTicker":
            return 2 if request.asked("symbol") else 4
        case "/sapi/v1/capital/config/getall":
            return 10
        case "/api/v3/order" if request.method == "GET":
            return 4
        case "/api/v3/openOrders" if request.method == "GET":
            return 6 if request.asked("symbol") else 80
        case "/api/v3/allOrders" | "/api/v3/myTrades" | "/api/v3/account":
            return 20
    return 1


def _symbol(listing: Listing) -> dict[str, Any]:
    lot, tick_ = f"{listing.lot:f}", f"{listing.tick:f}"
    return {
        "symbol": listing.symbol,
        "status": "TRADING",
        "baseAsset": listing.base,
        "baseAssetPrecision": 8,
        "quoteAsset": listing.quote,
        "quotePrecision": 8,
        "quoteAssetPrecision": 8,
        "baseCommissionPrecision": 8,
        "quoteCommissionPrecision": 8,
        "orderTypes": ["LIMIT", "LIMIT_MAKER", "MARKET"],
        "icebergAllowed": True,
        "ocoAllowed": True,
        "otoAllowed": True,
        "opoAllowed": True,
        "quoteOrderQtyMarketAllowed": True,
        "allowTrailingStop": True,
        "cancelReplaceAllowed": True,
        "amendAllowed": True,
        "pegInstructionsAllowed": True,
        "isSpotTradingAllowed": True,
        "isMarginTradingAllowed": False,
        "filters": [
            {
                "filterType": "PRICE_FILTER",
                "minPrice": tick_,
                "maxPrice": "1000000.00000000",
                "tickSize": tick_,
            },
            {"filterType": "LOT_SIZE", "minQty": lot, "maxQty": "9000000000", "stepSize": lot},
            {
                "filterType": "MARKET_LOT_SIZE",
                "minQty": "0.00000000",
                "maxQty": "9000000000",
                "stepSize": "0.00000000",
            },
            {
                "filterType": "NOTIONAL",
                "minNotional": listing.minimum_value,
                "applyMinToMarket": True,
                "maxNotional": "9000000.00000000",
                "applyMaxToMarket": False,
                "avgPriceMins": 5,
            },
            {"filterType": "MAX_NUM_ORDERS", "maxNumOrders": 200},
        ],
        "permissions": [],
        "permissionSets": [["SPOT"]],
        "defaultSelfTradePreventionMode": "EXPIRE_MAKER",
        "allowedSelfTradePreventionModes": ["NONE", "EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"],
    }


def _kline(at_ms: int, span_ms: int, price: str) -> list[Any]:
    return [at_ms, price, price, price, price, "0", at_ms + span_ms - 1, "0", 0, "0", "0", "0"]


def _ticker(listing: Listing) -> dict[str, str]:
    bids, asks = listing.bids, listing.asks
    return {
        "symbol": listing.symbol,
        "bidPrice": bids.prices[0],
        "bidQty": bids.quantities[0],
        "askPrice": asks.prices[0],
        "askQty": asks.quantities[0],
    }


def _partial(listing: Listing, size: int) -> str:
    """§1: a partial book names neither symbol nor time."""
    bids, asks = ",".join(listing.bids.rows[:size]), ",".join(listing.asks.rows[:size])
    return f'{{"lastUpdateId":{listing.last_id},"bids":[{bids}],"asks":[{asks}]}}'


def _diff(
    at_ms: int, listing: Listing, first_id: int, bids: list[Change], asks: list[Change]
) -> str:
    return (
        f'{{"e":"depthUpdate","E":{at_ms},"s":"{listing.symbol}","U":{first_id},'
        f'"u":{listing.last_id},"b":[{rows(bids)}],"a":[{rows(asks)}]}}'
    )


def _topic(stream: str, *, wraps: bool) -> str:
    return f"{'wrapped' if wraps else 'raw'} {stream}"


def _topics(listing: Listing, kind: str) -> tuple[str, str, str]:
    """Raw, wrapped, and the stream's name."""
    made: tuple[str, str, str] | None = listing.cache.get(kind)
    if made is None:
        stream = f"{listing.symbol.lower()}@{kind}"
        made = (_topic(stream, wraps=False), _topic(stream, wraps=True), stream)
        listing.cache[kind] = made
    return made


def _complain(client: Client, number_of: Any, message: str) -> None:
    client.send(compact({"error": {"code": 2, "msg": message}, "id": number_of}))


def _error(status: int, code: int, message: str) -> Reply:
    return Reply.json({"code": code, "msg": message}, status)


def _unknown() -> Reply:
    return _error(404, -1000, "no such endpoint")
