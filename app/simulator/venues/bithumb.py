"""Bithumb (bithumb.md): Upbit's shapes with other flags, clocks, depths and errors."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime
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
from app.simulator.venues.bithumb_private import BithumbPrivate
from app.simulator.venues.korean import KST, error, flag, raw
from app.simulator.venues.wire import compact

# §6, of low confidence: price at least, tick
BANDS = (
    ("1000000", "1000"), ("500000", "500"), ("100000", "100"), ("50000", "50"), ("10000", "10"),
    ("5000", "5"), ("1000", "1"), ("100", "1"), ("10", "0.01"), ("1", "0.001"),
)  # fmt: skip
LOT = Decimal("0.00000001")
"""§6: 4 to 8 decimals by coin, which the venue tells nobody: here always 8."""
STREAM_LEVELS = 15
REST_LEVELS = 30
PER_CATEGORY, PRIVATE_PER_CATEGORY = 150, 140
"""§5: requests a second."""
PRIVATE_STREAM = "/websocket/v2/private"
TYPES = ("orderbook", "trade", "ticker")
EMPTY_ROWS = 23
"""Every so many-th book has a best bid of no quantity, as recorded ones have (§1)."""
UNIT = '{"ask_price":%s,"bid_price":%s,"ask_size":%s,"bid_size":%s}'
SHORT_UNIT = '{"ap":%s,"bp":%s,"as":%s,"bs":%s}'


def tick(_quote: str, price: float) -> Decimal:
    for least, step in BANDS:
        if price >= float(least):
            return Decimal(step)
    return Decimal("0.0001")


class Bithumb(Dialect):
    venue = "bithumb"
    rules = Rules(
        quotes=("KRW",),
        tick=tick,
        lot=lambda _quote, _price: LOT,
        minimum_value={"KRW": "5000"},
        row="%s %s",
        trim=True,
        levels=30,
        cadence=1.2,
        delay_ms=60,
        share=0.9,
        spread_bps=7.0,
        size_usd=5_000.0,
    )
    keep_alive = KeepAlive(quiet_s=120)
    faults_without = frozenset({"gap", "checksum"})  # no sequence, no checksum

    def begin(self) -> None:
        self._budget = Budget(PER_CATEGORY, 1.0)
        self.private = self._account = BithumbPrivate(self.market)

    @staticmethod
    def symbol(base: str, quote: str) -> str:
        return f"{quote}-{base}"

    # ---- REST --------------------------------------------------------------------------------

    def http(self, request: Request) -> Reply:
        category = _category(request)
        limit = PRIVATE_PER_CATEGORY if category in ("place", "cancel") else PER_CATEGORY
        if self._budget.take(category, 1, self.market.now_ms()) > limit:
            return self.limited(request, 429)
        if (reply := self._account.http(request)) is not None:
            return reply
        if request.method != "GET":
            return _unknown()
        match request.path:
            case "/v1/market/all":
                return self._markets(request)
            case "/v1/orderbook":
                return self._books(request)
            case "/v1/ticker":
                return self._many(request, self._ticker)
            case "/v1/trades/ticks":
                return korean.recent_trades(self.market, request, _rest_id)
            case "/v1/market/virtual_asset_warning" | "/v1/notices":
                return Reply.json([])
            case "/public/assetsstatus/multichain/ALL":
                return Reply.json({"status": "0000", "data": self._doors()})
        if request.path.startswith("/v1/candles/minutes/"):
            return korean.candles(self.market, request, KST)  # §2: `to` is KST
        if request.path.startswith("/v2/fee/inout/"):
            return self._fees(request.path.rsplit("/", 1)[1])
        return _unknown()

    def limited(self, request: Request, status: int) -> Reply:
        name = "too_many_requests" if status == 429 else "server_error"
        return error(status, name, "잠시 후 다시 시도해 주세요.")

    def _markets(self, request: Request) -> Reply:
        details = request.asked("isDetails") == "true"
        return Reply.json(
            [
                {
                    "market": one.symbol,
                    "korean_name": one.title_ko,
                    "english_name": one.title,
                    **({"market_warning": "NONE"} if details else {}),
                }
                for one in self.market.listings.values()
            ]
        )

    def _books(self, request: Request) -> Reply:
        """§2: one market has 30 levels, several have 15 each."""
        most = STREAM_LEVELS if "," in request.asked("markets") else REST_LEVELS
        return self._many(request, lambda one: _book(one, most))

    def _many(self, request: Request, row: Callable[[Listing], str]) -> Reply:
        wanted = request.asked("markets")
        listings = [self.market.listings.get(symbol) for symbol in wanted.split(",")]
        if None in listings:
            # §2: under HTTP 200
            return error(200, 404, "Code not found")
        return raw("[" + ",".join(row(one) for one in listings if one is not None) + "]")

    def _ticker(self, listing: Listing) -> str:
        at_ms = self.market.now_ms()
        at = datetime.fromtimestamp(at_ms / 1_000, KST)
        fields = korean.ticker_fields(self.market, listing, at_ms)
        return (
            f'{{"market":"{listing.symbol}","trade_date":"{at:%Y%m%d}",'
            f'"trade_time":"{at:%H%M%S}",{fields},"timestamp":{at_ms}}}'
        )

    def _fees(self, currency: str) -> Reply:
        """§2: public."""
        wallets = self.market.wallets
        if currency != "ALL" and currency not in wallets:
            return error(200, 404, "Code not found")
        return Reply.json(
            [
                {
                    "name": wallet.title,
                    "currency": wallet.asset,
                    "networks": [
                        {
                            "net_name": korean.net_type(network)[1],
                            "deposit_fee_quantity": "0",
                            "deposit_minimum_quantity": "0",
                            "withdraw_fee_quantity": network.fee,
                            "withdraw_rate": None,
                            "withdraw_fee_min": None,
                            "withdraw_fee_max": None,
                            "withdraw_minimum_quantity": network.minimum,
                        }
                        for network in wallet.networks
                    ],
                }
                for wallet in wallets.values()
                if currency in {"ALL", wallet.asset}
            ]
        )

    def _doors(self) -> list[dict[str, Any]]:
        return [
            {
                "currency": wallet.asset,
                "net_type": korean.net_type(network)[0],
                "deposit_status": int(network.deposit),
                "withdrawal_status": int(network.withdraw),
            }
            for wallet in self.market.wallets.values()
            for network in wallet.networks
        ]

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
        wanted = [part for part in asked if "type" in part]
        if "ticket" not in fields:
            _complain(client, "NO_TICKET", "티켓이 존재하지 않습니다.")
        elif not wanted or any(part["type"] not in TYPES for part in wanted):
            _complain(client, "NO_TYPE", "타입이 존재하지 않습니다.")
        elif not all(isinstance(part.get("codes"), list) and part["codes"] for part in wanted):
            _complain(client, "NO_CODES", "코드가 존재하지 않습니다.")
        else:
            self._subscribe(client, wanted, short=fields.get("format") == "SIMPLE")

    def _subscribe(self, client: Client, wanted: list[dict[str, Any]], *, short: bool) -> None:
        """§1: each array replaces the list of before; camelCase flags; no ack."""
        for topic in list(client.topics):
            client.unsubscribe(topic)
        for part in wanted:
            for code in part["codes"]:
                listing = self.market.listings.get(str(code))
                if listing is None:
                    continue
                if not flag(part, "isOnlyRealtime"):
                    client.send(self._frame(listing, part["type"], short, "SNAPSHOT"))
                if not flag(part, "isOnlySnapshot"):
                    client.subscribe(_topic(listing, part["type"], short))

    def _frame(self, listing: Listing, kind: str, short: bool, stream: str) -> str:
        if kind == "orderbook":
            return _book_frame(listing, short, stream)
        if kind == "trade":
            return self._trade_frame(listing.trades[-1], short, stream)
        at_ms = self.market.now_ms()
        at = datetime.fromtimestamp(at_ms / 1_000, KST)
        fields = korean.ticker_fields(self.market, listing, at_ms)
        side = korean.side(listing.trades[-1])
        return (
            f'{{"type":"ticker","code":"{listing.symbol}",{fields},"trade_date":"{at:%Y%m%d}",'
            f'"trade_time":"{at:%H%M%S}","ask_bid":"{side}","market_state":"ACTIVE",'
            f'"is_trading_suspended":false,"market_warning":"NONE","timestamp":{at_ms},'
            f'"stream_type":"{stream}"}}'
        )

    def _trade_frame(self, trade: Trade, short: bool, stream: str) -> str:
        listing = trade.listing
        at = datetime.fromtimestamp(trade.at_ms / 1_000, KST)  # §1: KST on the stream
        before = korean.day_open(self.market, listing, trade.at_ms)
        word, moved, *_ = korean.change(trade.price, before)
        return (SHORT_TRADE if short else TRADE) % (
            listing.symbol,
            trade.price,
            trade.quantity,
            korean.side(trade),
            before,
            word,
            moved,
            f"{at:%Y-%m-%d}",
            f"{at:%H:%M:%S}",
            trade.at_ms,
            trade.at_ms + 40,
            _stream_id(trade),
            stream,
        )

    def update(self, update: Update) -> None:
        listing = update.listing
        cache = listing.cache
        if "topics" not in cache:
            cache["topics"] = [
                (_topic(listing, "orderbook", short), short) for short in (False, True)
            ]
        for topic, short in cache["topics"]:
            if self.market.wanted(topic):
                self.market.publish(topic, _book_frame(listing, short, "REALTIME"), listing)

    def trade(self, trade: Trade) -> None:
        listing = trade.listing
        for short in (False, True):
            for kind in ("trade", "ticker"):
                topic = _topic(listing, kind, short)
                if self.market.wanted(topic):
                    frame = self._frame(listing, kind, short, "REALTIME")
                    self.market.publish(topic, frame, listing)


TRADE = (
    '{"type":"trade","code":"%s","trade_price":%s,"trade_volume":%s,"ask_bid":"%s",'
    '"prev_closing_price":%s,"change":"%s","change_price":%s,"trade_date":"%s",'
    '"trade_time":"%s","trade_timestamp":%d,"timestamp":%d,"sequential_id":%d,'
    '"stream_type":"%s"}'
)
SHORT_TRADE = (
    '{"ty":"trade","cd":"%s","tp":%s,"tv":%s,"ab":"%s","pcp":%s,"c":"%s","cp":%s,"td":"%s",'
    '"ttm":"%s","ttms":%d,"tms":%d,"sid":%d,"st":"%s"}'
)


def _category(request: Request) -> str:
    word = request.path.split("/")[2] if request.path.count("/") > 1 else ""
    if word in {"candles", "orderbook", "ticker", "trades"}:
        return word
    if word in {"order", "orders"} and request.method in {"POST", "DELETE"}:
        return "cancel" if request.method == "DELETE" or "cancel" in request.path else "place"
    return "other"


def _topic(listing: Listing, kind: str, short: bool) -> str:
    return f"{listing.symbol} {kind} {short}"


def _units(listing: Listing, most: int, unit: str) -> str:
    asks, bids = listing.asks, listing.bids
    count = min(most, len(asks.ticks), len(bids.ticks))
    values = [""] * (4 * count)
    values[0::4] = asks.prices[:count]
    values[1::4] = bids.prices[:count]
    values[2::4] = asks.quantities[:count]
    values[3::4] = bids.quantities[:count]
    if listing.version % EMPTY_ROWS == 0 and (most == REST_LEVELS or _thin(listing)):
        # rows are paired, and a bid that has just gone stays with nothing in it
        gone = listing.bids.ticks[0] + 1
        if gone < listing.asks.ticks[0]:
            values[1::4] = [_price(listing, gone), *bids.prices[: count - 1]]
            values[3::4] = ["0.0000", *bids.quantities[: count - 1]]
    return ",".join([unit] * count) % tuple(values)


def _thin(listing: Listing) -> bool:
    """Liquid books on the stream keep all their levels: readers there count on them."""
    return len(listing.bids.ticks) < REST_LEVELS


def _price(listing: Listing, ticks: int) -> str:
    return f"{(ticks * listing.tick).normalize():f}"


def _totals(listing: Listing, most: int) -> tuple[str, str]:
    scale = 10**listing.lot_decimals
    asks, bids = sum(listing.asks.lots[:most]), sum(listing.bids.lots[:most])
    return f"{asks / scale:.4f}", f"{bids / scale:.4f}"


def _book_frame(listing: Listing, short: bool, stream: str) -> str:
    """§1: a book's `timestamp` is in microseconds, unlike all others."""
    asks, bids = _totals(listing, STREAM_LEVELS)
    at_us = _microseconds(listing)
    if short:
        units = _units(listing, STREAM_LEVELS, SHORT_UNIT)
        return (
            f'{{"ty":"orderbook","cd":"{listing.symbol}","tas":{asks},"tbs":{bids},'
            f'"obu":[{units}],"lv":1,"tms":{at_us},"st":"{stream}"}}'
        )
    units = _units(listing, STREAM_LEVELS, UNIT)
    return (
        f'{{"type":"orderbook","code":"{listing.symbol}","total_ask_size":{asks},'
        f'"total_bid_size":{bids},"orderbook_units":[{units}],"level":1,"timestamp":{at_us},'
        f'"stream_type":"{stream}"}}'
    )


def _microseconds(listing: Listing) -> int:
    """Of the book's last change; each later than the one before."""
    version, at_us = listing.cache.get("us", (-1, 0))
    if version != listing.version:
        at_us = max(at_us + 1, listing.at_ms * 1_000 + listing.version * 37 % 1_000)
        listing.cache["us"] = (listing.version, at_us)
    made: int = at_us
    return made


def _book(listing: Listing, most: int) -> str:
    asks, bids = _totals(listing, most)
    return (
        f'{{"market":"{listing.symbol}","timestamp":{listing.at_ms},"total_ask_size":{asks},'
        f'"total_bid_size":{bids},"orderbook_units":[{_units(listing, most, UNIT)}]}}'
    )


def _rest_id(trade: Trade) -> int:
    return trade.at_ms * 10_000 + trade.id % 10_000


def _stream_id(trade: Trade) -> int:
    """§1: 18 digits, and not the REST id of the same trade."""
    return 921_000_000_000_000_000 + trade.at_ms % 10**12 * 10_000 + trade.id % 10_000


def _complain(client: Client, name: str, message: str) -> None:
    client.send(compact({"error": {"name": name, "message": message}}))


def _unknown() -> Reply:
    return error(404, 404, "no Route matched with those values")
