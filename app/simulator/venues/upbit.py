"""Upbit (upbit.md): quotation REST, the stream of whole books, wallet status behind a JWT."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.simulator.budget import Budget
from app.simulator.protocol import (
    Client,
    Dialect,
    KeepAlive,
    Listing,
    Reply,
    Request,
    Rules,
    Trade,
    Update,
)
from app.simulator.venues import korean
from app.simulator.venues.korean import error, flag, raw
from app.simulator.venues.upbit_private import UpbitPrivate
from app.simulator.venues.wire import compact, number

# §6, in force since 2025-07-31: price at least, tick
BANDS = (
    ("1000000", "1000"), ("500000", "500"), ("100000", "100"), ("50000", "50"), ("10000", "10"),
    ("5000", "5"), ("1000", "1"), ("100", "1"), ("10", "0.1"), ("1", "0.01"), ("0.1", "0.001"),
    ("0.01", "0.0001"), ("0.001", "0.00001"), ("0.0001", "0.000001"), ("0.00001", "0.0000001"),
)  # fmt: skip
DEPTHS = (1, 5, 15, 30)
"""§1: any other `.N` silently means 30."""
GROUPS = {
    "market": 10,
    "candle": 10,
    "trade": 10,
    "ticker": 10,
    "orderbook": 10,
    "default": 30,
    "order": 8,
    "order-test": 8,
    "order-cancel-all": 1,
}
"""§5: requests a second."""
BLOCKED_AT = 3
"""So many times the limit within one second, and 418 answers instead of 429."""
FORMATS = ("DEFAULT", "SIMPLE", "JSON_LIST", "SIMPLE_LIST")
TYPES = ("orderbook", "trade", "ticker")
PRIVATE_STREAM = "/websocket/v1/private"
UNIT = '{"ask_price":%s,"bid_price":%s,"ask_size":%s,"bid_size":%s}'
SHORT_UNIT = '{"ap":%s,"bp":%s,"as":%s,"bs":%s}'
LOT = Decimal("0.00000001")


def tick(_quote: str, price: float) -> Decimal:
    for least, step in BANDS:
        if price >= float(least):
            return Decimal(step)
    return Decimal("0.00000001")


class Upbit(Dialect):
    venue = "upbit"
    rules = Rules(
        quotes=("KRW",),
        tick=tick,
        lot=lambda _quote, _price: LOT,
        minimum_value={"KRW": "5000"},
        row="%s %s",
        trim=True,
        levels=30,
        cadence=1.6,
        delay_ms=35,
        share=0.95,
        spread_bps=4.0,
        size_usd=9_000.0,
    )
    keep_alive = KeepAlive(quiet_s=120, messages_per_s=5)
    binary = True  # §1: server frames are binary
    faults_without = frozenset({"gap", "checksum"})  # no sequence, no checksum

    def begin(self) -> None:
        self._budgets = {group: Budget(limit, 1.0) for group, limit in GROUPS.items()}
        self.private = self._account = UpbitPrivate(self.market)

    @staticmethod
    def symbol(base: str, quote: str) -> str:
        return f"{quote}-{base}"

    # ---- REST --------------------------------------------------------------------------------

    def http(self, request: Request) -> Reply:
        group = _group(request)
        budget = self._budgets[group]
        used = budget.take("all", 1, self.market.now_ms())
        left = max(0, budget.limit - used)
        header = ("Remaining-Req", f"group={group}; min={budget.limit * 60}; sec={left}")
        if used > budget.limit:
            status = 418 if used > BLOCKED_AT * budget.limit else 429
            return self.limited(request, status).with_headers(header)
        return self._answer(request).with_headers(header)

    def _answer(self, request: Request) -> Reply:
        if (reply := self._account.http(request)) is not None:
            return reply
        if request.method != "GET":
            return _unknown()
        match request.path:
            case "/v1/market/all":
                return self._markets(request)
            case "/v1/orderbook/instruments":
                return self._many(request, _instrument)
            case "/v1/orderbook":
                most = min(30, max(1, number(request.asked("count"), 30)))
                return self._many(request, lambda one: _book(one, most))
            case "/v1/ticker":
                return self._many(request, self._ticker)
            case "/v1/ticker/all":
                rows = ",".join(self._ticker(one) for one in self.market.listings.values())
                return raw(f"[{rows}]")
            case "/v1/trades/ticks":
                return korean.recent_trades(self.market, request, _sequential_id)
        if request.path.startswith("/v1/candles/minutes/"):
            return korean.candles(self.market, request, UTC)
        return _unknown()

    def limited(self, request: Request, status: int) -> Reply:
        """§2: names are statuses on quotation calls."""
        return error(status, status, "요청 수 제한을 초과했습니다.")

    def _markets(self, request: Request) -> Reply:
        details = "true" in {request.asked("is_details"), request.asked("isDetails")}
        event = {
            "warning": False,
            "caution": {
                "PRICE_FLUCTUATIONS": False,
                "TRADING_VOLUME_SOARING": False,
                "DEPOSIT_AMOUNT_SOARING": False,
                "GLOBAL_PRICE_DIFFERENCES": False,
                "CONCENTRATION_OF_SMALL_ACCOUNTS": False,
            },
        }
        return Reply.json(
            [
                {
                    "market": one.symbol,
                    "korean_name": one.title_ko,
                    "english_name": one.title,
                    **({"market_event": event} if details else {}),
                }
                for one in self.market.listings.values()
            ]
        )

    def _many(self, request: Request, row: Callable[[Listing], str]) -> Reply:
        """For each of `markets`; as texts, so that numbers stand as the book has them."""
        wanted = request.asked("markets")
        if not wanted:
            return error(400, 400, "markets is missing")
        listings = [self.market.listings.get(symbol) for symbol in wanted.split(",")]
        if None in listings:
            return error(404, 404, "Code not found")
        return raw("[" + ",".join(row(one) for one in listings if one is not None) + "]")

    def _ticker(self, listing: Listing) -> str:
        at_ms = self.market.now_ms()
        fields = korean.ticker_fields(self.market, listing, at_ms)
        return f'{{"market":"{listing.symbol}",{fields},"timestamp":{at_ms}}}'

    # ---- stream ------------------------------------------------------------------------------

    def admits(self, request: Request) -> Reply | None:
        path = request.path.rstrip("/")
        if path == PRIVATE_STREAM:
            return self._account.admits(request)
        return None if path == "/websocket/v1" else _unknown()

    def heard(self, client: Client, text: str) -> None:
        if client.path.rstrip("/") == PRIVATE_STREAM:
            self._account.heard(client, text)
            return
        if text == "PING":
            client.send('{"status":"UP"}')
            return
        try:
            asked = json.loads(text)
        except ValueError:
            asked = None
        if not isinstance(asked, list) or not all(isinstance(part, dict) for part in asked):
            _complain(client, "WRONG_FORMAT", "Format이 맞지 않습니다.")
            return
        fields: dict[str, Any] = {key: part[key] for part in asked for key in part}
        if "ticket" not in fields:
            _complain(client, "NO_TICKET", "티켓이 존재하지 않습니다.")
        elif fields.get("method") == "LIST_SUBSCRIPTIONS":
            client.send(korean.listed(client.state, fields["ticket"]))
        else:
            self._subscribe(client, asked, str(fields.get("format", "DEFAULT")))

    def _subscribe(self, client: Client, asked: list[dict[str, Any]], form: str) -> None:
        """§1: a new array replaces all that was subscribed before; there is no ack."""
        wanted = [part for part in asked if "type" in part]
        if not wanted or form not in FORMATS:
            _complain(client, "NO_TYPE" if form in FORMATS else "WRONG_FORMAT", "타입, 포맷")
            return
        for part in wanted:
            if part["type"] not in TYPES:
                _complain(client, "INVALID_PARAM", "지원하지 않는 타입입니다.")
                return
            if not isinstance(part.get("codes"), list) or not part["codes"]:
                _complain(client, "NO_CODES", "코드가 존재하지 않습니다.")
                return
        for topic in list(client.topics):
            client.unsubscribe(topic)
        client.state = [(part["type"], part["codes"]) for part in wanted]
        for part in wanted:
            now = not flag(part, "is_only_realtime", "isOnlyRealtime")
            later = not flag(part, "is_only_snapshot", "isOnlySnapshot")
            for code in part["codes"]:
                self._join(client, part["type"], str(code), form, now=now, later=later)

    def _join(
        self, client: Client, kind: str, code: str, form: str, *, now: bool, later: bool
    ) -> None:
        symbol, _, asked_depth = code.partition(".")
        listing = self.market.listings.get(symbol)
        if listing is None:
            return  # a code that nobody lists yields nothing
        depth = number(asked_depth, 30)
        depth = (depth if depth in DEPTHS else 30) if kind == "orderbook" else 0
        if now:
            client.send(self._frame(listing, kind, depth, form, "SNAPSHOT"))
        if later:
            client.subscribe(_topic(listing, kind, depth, form))

    def _frame(self, listing: Listing, kind: str, depth: int, form: str, stream: str) -> str:
        short = form.startswith("SIMPLE")
        if kind == "orderbook":
            text = _book_frame(listing, depth, short, stream)
        elif kind == "trade":
            text = self._trade_frame(listing.trades[-1], short, stream)
        else:
            text = self._ticker_frame(listing, short, stream)
        return f"[{text}]" if form.endswith("LIST") else text

    def _trade_frame(self, trade: Trade, short: bool, stream: str) -> str:
        listing = trade.listing
        at = datetime.fromtimestamp(trade.at_ms / 1_000, UTC)
        before = korean.day_open(self.market, listing, trade.at_ms)
        word, moved, *_ = korean.change(trade.price, before)
        asks, bids = listing.asks, listing.bids
        values = (
            listing.symbol,
            trade.at_ms + 2,
            f"{at:%Y-%m-%d}",
            f"{at:%H:%M:%S}",
            trade.at_ms,
            trade.price,
            trade.quantity,
            korean.side(trade),
            before,
            word,
            moved,
            _sequential_id(trade),
            asks.prices[0],
            asks.quantities[0],
            bids.prices[0],
            bids.quantities[0],
            stream,
        )
        return (SHORT_TRADE if short else TRADE) % values

    def _ticker_frame(self, listing: Listing, short: bool, stream: str) -> str:
        at_ms = self.market.now_ms()
        fields = korean.ticker_fields(self.market, listing, at_ms)
        trade = listing.trades[-1]
        text = (
            f'{{"type":"ticker","code":"{listing.symbol}",{fields},'
            f'"ask_bid":"{korean.side(trade)}","market_state":"ACTIVE",'
            f'"is_trading_suspended":false,"delisting_date":null,"market_warning":"NONE",'
            f'"timestamp":{at_ms},"stream_type":"{stream}"}}'
        )
        if not short:
            return text
        row = json.loads(text, parse_float=Decimal)
        texts = {SHORT_TICKER[name]: value for name, value in row.items() if name in SHORT_TICKER}
        return json.dumps(texts, default=float, separators=(",", ":"))

    def update(self, update: Update) -> None:
        listing = update.listing
        for topic, depth, form in _topics(listing):
            if self.market.wanted(topic):
                frame = self._frame(listing, "orderbook", depth, form, "REALTIME")
                self.market.publish(topic, frame, listing)

    def trade(self, trade: Trade) -> None:
        listing = trade.listing
        for form in FORMATS:
            for kind in ("trade", "ticker"):
                topic = _topic(listing, kind, 0, form)
                if self.market.wanted(topic):
                    self.market.publish(
                        topic, self._frame(listing, kind, 0, form, "REALTIME"), listing
                    )


TRADE = (
    '{"type":"trade","code":"%s","timestamp":%d,"trade_date":"%s","trade_time":"%s",'
    '"trade_timestamp":%d,"trade_price":%s,"trade_volume":%s,"ask_bid":"%s",'
    '"prev_closing_price":%s,"change":"%s","change_price":%s,"sequential_id":%d,'
    '"best_ask_price":%s,"best_ask_size":%s,"best_bid_price":%s,"best_bid_size":%s,'
    '"stream_type":"%s"}'
)
SHORT_TRADE = (
    '{"ty":"trade","cd":"%s","tms":%d,"td":"%s","ttm":"%s","ttms":%d,"tp":%s,"tv":%s,"ab":"%s",'
    '"pcp":%s,"c":"%s","cp":%s,"sid":%d,"bap":%s,"bas":%s,"bbp":%s,"bbs":%s,"st":"%s"}'
)
SHORT_TICKER = {
    "type": "ty", "code": "cd", "opening_price": "op", "high_price": "hp", "low_price": "lp",
    "trade_price": "tp", "prev_closing_price": "pcp", "change": "c", "change_price": "cp",
    "change_rate": "cr", "signed_change_price": "scp", "signed_change_rate": "scr",
    "trade_volume": "tv", "acc_trade_volume": "atv", "acc_trade_volume_24h": "atv24h",
    "acc_trade_price": "atp", "acc_trade_price_24h": "atp24h", "trade_timestamp": "ttms",
    "ask_bid": "ab", "market_state": "ms", "is_trading_suspended": "its", "delisting_date": "dd",
    "market_warning": "mw", "timestamp": "tms", "stream_type": "st",
}  # fmt: skip


def _group(request: Request) -> str:
    match request.method, request.path:
        case "POST", "/v1/orders" | "/v1/orders/cancel_and_new":
            return "order"
        case "POST", "/v1/orders/test":
            return "order-test"
        case "DELETE", "/v1/orders/open":
            return "order-cancel-all"
    words = request.path.split("/")
    word = words[2] if len(words) > 2 else ""
    name = {"candles": "candle", "trades": "trade"}.get(word, word)
    return name if name in GROUPS else "default"


def _topic(listing: Listing, kind: str, depth: int, form: str) -> str:
    return f"{listing.symbol} {kind} {depth} {form}"


def _topics(listing: Listing) -> list[tuple[str, int, str]]:
    """Of its book, in every shape that somebody may want."""
    topics = listing.cache.get("topics")
    if topics is None:
        topics = listing.cache["topics"] = [
            (_topic(listing, "orderbook", depth, form), depth, form)
            for form in FORMATS
            for depth in DEPTHS
        ]
    made: list[tuple[str, int, str]] = topics
    return made


def _units(listing: Listing, most: int, unit: str) -> str:
    """Best first; rows pair the n-th ask with the n-th bid."""
    asks, bids = listing.asks, listing.bids
    count = min(most, len(asks.ticks), len(bids.ticks))
    values = [""] * (4 * count)
    values[0::4] = asks.prices[:count]
    values[1::4] = bids.prices[:count]
    values[2::4] = asks.quantities[:count]
    values[3::4] = bids.quantities[:count]
    return ",".join([unit] * count) % tuple(values)


def _totals(listing: Listing, most: int) -> tuple[str, str]:
    """Whole sides in base, asks first."""
    scale = 10**listing.lot_decimals
    asks, bids = sum(listing.asks.lots[:most]), sum(listing.bids.lots[:most])
    return f"{asks / scale:.8f}", f"{bids / scale:.8f}"


def _book_frame(listing: Listing, depth: int, short: bool, stream: str) -> str:
    asks, bids = _totals(listing, depth)
    units = _units(listing, depth, SHORT_UNIT if short else UNIT)
    if short:
        return (
            f'{{"ty":"orderbook","cd":"{listing.symbol}","tms":{listing.at_ms},"tas":{asks},'
            f'"tbs":{bids},"obu":[{units}],"lv":0,"st":"{stream}"}}'
        )
    return (
        f'{{"type":"orderbook","code":"{listing.symbol}","timestamp":{listing.at_ms},'
        f'"total_ask_size":{asks},"total_bid_size":{bids},"orderbook_units":[{units}],'
        f'"level":0,"stream_type":"{stream}"}}'
    )


def _book(listing: Listing, most: int) -> str:
    """As REST tells it."""
    asks, bids = _totals(listing, most)
    return (
        f'{{"market":"{listing.symbol}","timestamp":{listing.at_ms},"total_ask_size":{asks},'
        f'"total_bid_size":{bids},"orderbook_units":[{_units(listing, most, UNIT)}],"level":0}}'
    )


def _instrument(listing: Listing) -> str:
    levels = ["0", *(f"{listing.tick * 10**power:f}" for power in (1, 2, 3))]
    return compact(
        {
            "market": listing.symbol,
            "quote_currency": listing.quote,
            "tick_size": f"{listing.tick:f}",
            "supported_levels": levels,
        }
    )


def _sequential_id(trade: Trade) -> int:
    """§1: milliseconds and a running part, 17 digits."""
    return trade.at_ms * 10_000 + trade.id % 10_000


def _complain(client: Client, name: str, message: str) -> None:
    client.send(compact({"error": {"name": name, "message": message}}))


def _unknown() -> Reply:
    return error(404, 404, "no Route matched with those values")
