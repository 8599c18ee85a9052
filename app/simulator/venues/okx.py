"""OKX v5: chained books, one acknowledgement per argument, text pings. Document: okx.md."""

from __future__ import annotations

import json
from collections.abc import Iterable
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
)
from app.simulator.venues.okx_private import CLOCK_MS, OkxPrivate
from app.simulator.venues.okx_words import done, refused, signature
from app.simulator.venues.wire import MINUTE_MS, compact, levels, number

STREAMS = ("/ws/v5/public", "/ws/v5/private", "/ws/v5/business")
WINDOWS = {"books": 50, "books-rpi": 50, "books5": 5, "bbo-tbt": 1}
"""Book channels of /public and the levels that a frame may hold here."""
PAID = ("books-l2-tbt", "books50-l2-tbt")
PRIVATE = frozenset({"orders", "account", "fills", "positions", "balance_and_position"})
SUBSCRIBES_PER_HOUR = 480
EMPTY_AFTER_MS = 60_000
"""An unchanged book is told again, empty, with seqId == prevSeqId."""
LIMITS = {
    "/api/v5/public/instruments": 20,
    "/api/v5/market/books": 40,
    "/api/v5/market/candles": 40,
    "/api/v5/market/history-candles": 20,
}
"""Requests per endpoint in two seconds; others 20."""


class Okx(Dialect):
    venue = "okx"
    rules = Rules(
        quotes=("USDT", "USDC"), row='["%s","%s","0","1"]', cadence=1.3, delay_ms=30, share=0.95
    )
    keep_alive = KeepAlive(quiet_s=30)
    faults_without = frozenset({"checksum"})  # the field is retired: always 0

    def begin(self) -> None:
        self.private = self.account = OkxPrivate(self.market)
        self.connections = 0
        self.told_ms: dict[str, int] = {}
        self.budgets = {path: Budget(limit, 2) for path, limit in LIMITS.items()}

    @staticmethod
    def symbol(base: str, quote: str) -> str:
        return f"{base}-{quote}"

    # ---- REST ----

    def http(self, request: Request) -> Reply:
        if (reply := self.account.http(request)) is not None:
            return reply
        budget = self.budgets.setdefault(request.path, Budget(20, 2))
        if budget.take("", 1, self.market.now_ms()) > budget.limit:
            return self.limited(request, 429)
        match request.path:
            case "/api/v5/public/time":
                return done([{"ts": str(self.market.now_ms())}])
            case "/api/v5/public/instruments":
                return self.instruments(request)
            case "/api/v5/system/status":
                return done([])
        if request.path.startswith("/api/v5/market/"):
            return self.of_market(request)
        return refused("404", "Not Found", 404)

    def of_market(self, request: Request) -> Reply:
        if not (symbol := request.asked("instId")):
            return refused("50014", "Parameter instId can not be empty.", 400)
        if (listing := self.market.listings.get(symbol)) is None:
            return refused("51001", "Instrument ID does not exist")
        match request.path.removeprefix("/api/v5/market/"):
            case "books":
                size = min(400, number(request.asked("sz"), 1))
                return done([self.book(listing, size)])
            case "books-full":
                size = min(5_000, number(request.asked("sz"), 1))
                rows = {
                    name: [[price, quantity, "1"] for price, quantity in levels(side, size)]
                    for name, side in (("asks", listing.asks), ("bids", listing.bids))
                }
                return done([{**rows, "ts": str(listing.at_ms)}])
            case "trades":
                newest = reversed(listing.trades)
                return done([self.trade_row(t) for t, _ in zip(newest, range(100), strict=False)])
            case "candles":
                return self.candles(request, listing, 300, self.market.now_ms() - 1_440 * MINUTE_MS)
            case "history-candles":
                return self.candles(request, listing, 300, 0)
        return refused("404", "Not Found", 404)

    def instruments(self, request: Request) -> Reply:
        kind = request.asked("instType")
        if kind in ("SWAP", "FUTURES", "OPTION", "MARGIN"):
            return done([])
        if kind != "SPOT":
            return refused("51000", "Parameter instType error", 400)
        listings = self.market.listings
        if symbol := request.asked("instId"):
            if symbol not in listings:
                return refused("51001", "Instrument ID does not exist")
            return done([instrument(listings[symbol], 1)])
        return done([instrument(listing, n) for n, listing in enumerate(listings.values(), 10_000)])

    def book(self, listing: Listing, size: int) -> dict[str, Any]:
        asks = [[p, q, "0", "1"] for p, q in levels(listing.asks, size)]
        bids = [[p, q, "0", "1"] for p, q in levels(listing.bids, size)]
        return {"asks": asks, "bids": bids, "ts": str(listing.at_ms), "seqId": listing.last_id}

    def candles(self, request: Request, listing: Listing, most: int, oldest_ms: int) -> Reply:
        """Newest first; `after`: older than, `before`: newer than."""
        if request.asked("bar", "1m") != "1m":
            return refused("51000", "Parameter bar error", 400)
        limit = min(most, number(request.asked("limit"), 100))
        end_ms = min(number(request.asked("after"), 1 << 52), self.market.now_ms())
        start_ms = max(
            number(request.asked("before"), -1) + 1, end_ms - limit * MINUTE_MS, oldest_ms
        )
        rows = [
            [str(c.start_ms), c.open, c.high, c.low, c.close, c.volume, c.value, c.value, "1"]
            for c in self.market.candles(listing, start_ms, end_ms)
        ]
        return done(rows[::-1][:limit])

    def limited(self, request: Request, status: int) -> Reply:
        if status < 500:
            return refused("50011", "Too Many Requests", status)
        return refused("50013", "Systems are busy. Please try again later.", status)

    def maintenance(self, request: Request) -> Reply:
        return refused("50001", "Service temporarily unavailable. Please try again later.", 503)

    # ---- WebSocket ----

    def admits(self, request: Request) -> Reply | None:
        return None if request.path in STREAMS else refused("404", "Not Found", 404)

    def opened(self, client: Client) -> None:
        self.connections += 1
        client.state = {"id": f"{self.connections:08x}", "login": False, "asked": []}

    def heard(self, client: Client, text: str) -> None:
        if text == "ping":
            return client.send("pong")
        try:
            order = json.loads(text)
            word, arguments = order["op"], order["args"]
            known = word in ("subscribe", "unsubscribe", "login") and isinstance(arguments, list)
        except (ValueError, KeyError, TypeError):
            known = False
        if not known:
            return self.fail(client, "60012", f"Illegal request: {text[:200]}")
        asked = client.state["asked"]
        now = self.market.now_ms()
        asked[:] = [at for at in asked if at > now - 3_600_000] + [now]
        if len(asked) > SUBSCRIBES_PER_HOUR:
            return self.fail(client, "60014", "Requests too frequent")
        if word == "login":
            return self.login(client, arguments)
        for argument in arguments:
            self.follow(client, word, argument)
        return None

    def follow(self, client: Client, word: str, argument: Any) -> None:
        channel = argument.get("channel") if isinstance(argument, dict) else None
        if client.path == "/ws/v5/private" and channel in PRIVATE:
            if not client.state["login"]:
                return self.fail(client, "60011", "Please log in")
            self.account.follow(client, word, argument)
            self.acknowledge(client, word, argument)
            return self.account.welcome(client, argument) if word == "subscribe" else None
        symbol = argument.get("instId", "") if isinstance(argument, dict) else ""
        listing = self.market.listings.get(symbol)
        if channel in PAID and client.path == STREAMS[0] and not client.state["login"]:
            return self.fail(client, "60011", "Please log in")
        here = client.path == STREAMS[0] and (channel in WINDOWS or channel == "trades")
        here = here or (client.path == STREAMS[2] and channel == "trades-all")
        if listing is None or not here:
            name = f"Wrong URL or channel:{channel},instId:{symbol} doesn't exist. Please use the "
            text = name + "correct URL, channel and parameters referring to API document."
            return self.fail(client, "60018", text)
        topic = f"{channel}:{symbol}"
        fresh = topic not in client.topics
        self.acknowledge(client, word, argument)
        if word == "unsubscribe":
            return client.unsubscribe(topic)
        client.subscribe(topic)
        if fresh and channel in WINDOWS:
            client.push(self.whole(listing, channel), listing)
        return None

    def acknowledge(self, client: Client, word: str, argument: dict[str, Any]) -> None:
        client.send(compact({"event": word, "arg": argument, "connId": client.state["id"]}))

    def fail(self, client: Client, code: str, message: str) -> None:
        error = {"event": "error", "code": code, "msg": message, "connId": client.state["id"]}
        client.send(compact(error))

    def login(self, client: Client, arguments: list[Any]) -> None:
        keys = self.market.keys
        given = arguments[0] if arguments and isinstance(arguments[0], dict) else {}
        stamp = str(given.get("timestamp", ""))
        if abs(number(stamp, 0) * 1_000 - self.market.now_ms()) > CLOCK_MS:
            return self.fail(client, "60006", "Timestamp request expired")
        expected = signature(keys.secret, f"{stamp}GET/users/self/verify".encode())
        if given.get("apiKey") != keys.key:
            return self.fail(client, "60005", "Invalid apiKey")
        if given.get("passphrase") != keys.passphrase or given.get("sign") != expected:
            return self.fail(client, "60007", "Invalid sign")
        client.state["login"] = True
        client.send(
            compact({"event": "login", "code": "0", "msg": "", "connId": client.state["id"]})
        )
        return None

    # ---- frames ----

    def whole(self, listing: Listing, channel: str) -> str:
        size = WINDOWS[channel]
        asks, bids = ",".join(listing.asks.rows[:size]), ",".join(listing.bids.rows[:size])
        argument = f'{{"arg":{{"channel":"{channel}","instId":"{listing.symbol}"}}'
        levels = f'"data":[{{"asks":[{asks}],"bids":[{bids}],"ts":"{listing.at_ms}"'
        if size <= 5:
            return f'{argument},{levels},"seqId":{listing.last_id}}}]}}'
        ids = f'"checksum":0,"prevSeqId":-1,"seqId":{listing.last_id}'
        return f'{argument},"action":"snapshot",{levels},{ids}}}]}}'

    def changed(
        self, channel: str, listing: Listing, asks: str, bids: str, at_ms: int, previous: int
    ) -> str:
        return (
            f'{{"arg":{{"channel":"{channel}","instId":"{listing.symbol}"}},"action":"update",'
            f'"data":[{{"asks":[{asks}],"bids":[{bids}],"ts":"{at_ms}","checksum":0,'
            f'"prevSeqId":{previous},"seqId":{listing.last_id}}}]}}'
        )

    def update(self, update: Update) -> None:
        market, listing = self.market, update.listing
        symbol = listing.symbol
        self.told_ms[symbol] = update.at_ms
        deep = [name for name in ("books", "books-rpi") if market.wanted(f"{name}:{symbol}")]
        if deep:
            asks, bids = rows(update.asks), rows(update.bids)
            for name in deep:
                text = self.changed(name, listing, asks, bids, update.at_ms, listing.previous_id)
                market.publish(f"{name}:{symbol}", text, listing)
        for name in ("books5", "bbo-tbt"):
            if market.wanted(topic := f"{name}:{symbol}"):
                market.publish(topic, self.whole(listing, name), listing)

    def trade(self, trade: Trade) -> None:
        symbol = trade.listing.symbol
        for channel in ("trades", "trades-all"):
            if self.market.wanted(topic := f"{channel}:{symbol}"):
                argument = {"channel": channel, "instId": symbol}
                text = compact({"arg": argument, "data": [self.trade_row(trade)]})
                self.market.publish(topic, text, trade.listing)

    def trade_row(self, trade: Trade) -> dict[str, Any]:
        return {
            "instId": trade.listing.symbol,
            "tradeId": str(trade.id),
            "px": trade.price,
            "sz": trade.quantity,
            "side": "buy" if trade.bought else "sell",
            "ts": str(trade.at_ms),
            "count": "1",
            "seqId": trade.listing.last_id,
        }

    def second(self, at_ms: int) -> None:
        """A book without a change for a minute is told again, empty."""
        for symbol, listing in self.market.listings.items():
            if at_ms - self.told_ms.setdefault(symbol, at_ms) >= EMPTY_AFTER_MS:
                self.told_ms[symbol] = at_ms
                text = self.changed("books", listing, "", "", at_ms, listing.last_id)
                self.market.publish(f"books:{symbol}", text, listing)


def rows(changes: Iterable[Change]) -> str:
    return ",".join(f'["{p}","{q}","0","{0 if q == "0" else 1}"]' for p, q in changes)


def instrument(listing: Listing, code: int) -> dict[str, Any]:
    lot = format(listing.lot, "f")
    empty = dict.fromkeys(
        ("alias", "ctMult", "ctType", "ctVal", "ctValCcy", "expTime", "instFamily", "optType"), ""
    )
    return {
        **empty,
        "baseCcy": listing.base,
        "category": "1",
        "instId": listing.symbol,
        "instIdCode": code,
        "instType": "SPOT",
        "lever": "10",
        "listTime": "1548133413000",
        "lotSz": lot,
        "maxIcebergSz": "9999999999",
        "maxLmtAmt": "20000000",
        "maxLmtSz": "9999999999",
        "maxMktAmt": "1000000",
        "maxMktSz": "1000000",
        "maxStopSz": "1000000",
        "maxTriggerSz": "9999999999",
        "maxTwapSz": "9999999999",
        "minSz": format(listing.lot * 10, "f"),
        "quoteCcy": listing.quote,
        "ruleType": "normal",
        "settleCcy": "",
        "state": "live",
        "stk": "",
        "tickSz": format(listing.tick, "f"),
        "uly": "",
    }
