"""Bybit v5 spot: snapshot then deltas whose `u` counts by one, JSON pings. Document: bybit.md."""

from __future__ import annotations

import json
from typing import Any
from uuid import UUID

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
from app.simulator.venues.bybit_private import TOPICS, BybitPrivate
from app.simulator.venues.chains import chain_name
from app.simulator.venues.wire import MINUTE_MS, compact, levels, number, rows

SPOT, PRIVATE = "/v5/public/spot", "/v5/private"
STREAMS = (SPOT, "/v5/public/linear", "/v5/public/inverse", "/v5/public/option", PRIVATE)
DEPTHS = ("50", "200", "1000")
ARGUMENTS_MAX = 10
"""Topics per subscribe request of spot."""
CHARACTERS_MAX = 21_000
"""Of all topics of one connection."""
REPEAT_MS = 3_000
"""An unchanged orderbook.1 is pushed again, with its old `u`."""
SIGNED_PER_S = 5


class Bybit(Dialect):
    venue = "bybit"
    rules = Rules(quotes=("USDT", "USDC"), cadence=1.2, delay_ms=25, share=0.9)
    keep_alive = KeepAlive(quiet_s=600)
    faults_without = frozenset({"checksum"})

    def begin(self) -> None:
        self.connections = 0
        self.address_budget = Budget(600, 5)
        self.account = self.private = BybitPrivate(self.market)
        self.tops: dict[str, tuple[str, int]] = {}
        """Of each symbol: the last orderbook.1 text and when it went out."""

    @staticmethod
    def symbol(base: str, quote: str) -> str:
        return f"{base}{quote}"

    # ---- REST ----

    def http(self, request: Request) -> Reply:
        if self.address_budget.take("", 1, self.market.now_ms()) > self.address_budget.limit:
            return Reply(403, b"access too frequent", (("Content-Type", "text/plain"),))
        match request.path:
            case "/v5/market/time":
                now = self.market.now_ms()
                return self.done({"timeSecond": str(now // 1_000), "timeNano": f"{now}000000"})
            case "/v5/market/instruments-info":
                return self.instruments(request)
            case "/v5/market/orderbook" | "/v5/market/kline" | "/v5/market/recent-trade":
                return self.of_symbol(request)
            case "/v5/system/status":
                return self.done({"list": []})
            case "/v5/asset/coin/query-info":
                return self.signed(request, {"rows": self.coins(request.asked("coin"))})
            case "/v5/user/query-api":
                return self.signed(request, {"readOnly": 0, "unified": 0, "uta": 1})
            case "/v5/account/info":
                return self.signed(request, {"unifiedMarginStatus": 6, "marginMode": "REGULAR"})
        if (reply := self.account.http(request)) is not None:
            return reply
        return Reply.json({"ret_code": 404, "ret_msg": "path not found"}, 404)

    def signed(self, request: Request, result: Any) -> Reply:
        return self.account.signed(request, lambda: self.done(result), SIGNED_PER_S)

    def done(self, result: Any) -> Reply:
        return self.account.done(result)

    def answer(self, code: int, message: str) -> Reply:
        return self.account.answer(code, message)

    def instruments(self, request: Request) -> Reply:
        category = request.asked("category")
        if category in ("linear", "inverse", "option"):
            return self.done({"category": category, "list": [], "nextPageCursor": ""})
        if category != "spot":
            return self.answer(10001, "params error: Category is invalid")
        listings = self.market.listings
        if symbol := request.asked("symbol"):
            if symbol not in listings:
                return self.answer(10001, "Not supported symbols")
            return self.done({"category": "spot", "list": [instrument(listings[symbol])]})
        return self.done({"category": "spot", "list": [instrument(x) for x in listings.values()]})

    def of_symbol(self, request: Request) -> Reply:
        if request.asked("category", "spot") != "spot":
            return self.answer(10001, "params error: Category is invalid")
        if (listing := self.market.listings.get(request.asked("symbol"))) is None:
            return self.answer(10001, "Not supported symbols")
        if request.path.endswith("orderbook"):
            size = max(1, min(1_000, number(request.asked("limit"), 1)))
            return self.done(
                {
                    "s": listing.symbol,
                    "a": levels(listing.asks, size),
                    "b": levels(listing.bids, size),
                    "ts": self.market.now_ms(),
                    "u": listing.version,
                    "seq": listing.last_id,
                    "cts": listing.at_ms,
                }
            )
        if request.path.endswith("kline"):
            return self.candles(request, listing)
        size = min(60, number(request.asked("limit"), 60))
        rows = [
            {
                "execId": str(trade.id),
                "symbol": listing.symbol,
                "price": trade.price,
                "size": trade.quantity,
                "side": "Buy" if trade.bought else "Sell",
                "time": str(trade.at_ms),
                "isBlockTrade": False,
            }
            for trade in reversed(listing.trades[-size:])
        ]
        return self.done({"category": "spot", "list": rows})

    def candles(self, request: Request, listing: Listing) -> Reply:
        """Newest first; start and end are both told."""
        if request.asked("interval") != "1":
            return self.answer(10001, "Invalid period!")
        limit = max(1, min(1_000, number(request.asked("limit"), 200)))
        end_ms = min(number(request.asked("end"), 1 << 52) + 1, self.market.now_ms())
        start_ms = max(number(request.asked("start"), 0), end_ms - limit * MINUTE_MS)
        rows = [
            [str(c.start_ms), c.open, c.high, c.low, c.close, c.volume, c.value]
            for c in self.market.candles(listing, start_ms, end_ms)
        ]
        return self.done({"symbol": listing.symbol, "category": "spot", "list": rows[::-1][:limit]})

    def coins(self, asked: str) -> list[dict[str, Any]]:
        return [
            {
                "name": wallet.title,
                "coin": wallet.asset,
                "remainAmount": "1000000",
                "chains": [
                    {
                        "chainType": network.chain.title,
                        "confirmation": str(network.chain.confirmations),
                        "withdrawFee": network.fee,
                        "depositMin": "0",
                        "withdrawMin": network.minimum,
                        "withdrawMax": "1000000",
                        "chain": chain_name("bybit", network.chain),
                        "chainDeposit": str(int(network.deposit)),
                        "chainWithdraw": str(int(network.withdraw)),
                        "minAccuracy": str(network.decimals),
                        "withdrawPercentageFee": "0",
                        "contractAddress": network.contract or "",
                        "safeConfirmNumber": str(network.chain.confirmations),
                    }
                    for network in wallet.networks
                ],
            }
            for wallet in self.market.wallets.values()
            if asked in ("", wallet.asset)
        ]

    def limited(self, request: Request, status: int) -> Reply:
        if status < 500:
            return self.answer(10006, "Too many visits!")._replace(status=status)
        return self.answer(10016, "Server error.")._replace(status=status)

    def maintenance(self, request: Request) -> Reply:
        return self.answer(10016, "System is under maintenance.")._replace(status=503)

    # ---- WebSocket ----

    def admits(self, request: Request) -> Reply | None:
        if request.path in STREAMS:
            return None
        return Reply.json({"ret_code": 404, "ret_msg": "path not found"}, 404)

    def opened(self, client: Client) -> None:
        self.connections += 1
        client.state = {"id": str(UUID(int=self.connections)), "login": False}

    def heard(self, client: Client, text: str) -> None:
        try:
            order = json.loads(text)
            word = order["op"]
        except (ValueError, KeyError, TypeError):
            return self.tell(client, "", "", False, "Invalid message: not a request")
        arguments = order.get("args", [])
        ticket = str(order.get("req_id", ""))
        match word:
            case "ping" if client.path == PRIVATE:
                stamp = str(self.market.now_ms())
                pong = {"req_id": ticket, "op": "pong", "args": [stamp]}
                return client.send(compact({**pong, "conn_id": client.state["id"]}))
            case "ping":
                return self.tell(client, ticket, "ping", True, "pong")
            case "auth" if client.path == PRIVATE:
                client.state["login"] = self.account.login(arguments)
                text = "" if client.state["login"] else "Params Error"
                return self.tell(client, ticket, word, client.state["login"], text)
            case "subscribe" | "unsubscribe" if isinstance(arguments, list):
                return self.follow(client, ticket, word, [str(name) for name in arguments])
        return self.tell(client, ticket, str(word), False, "error:unknown op")

    def tell(self, client: Client, ticket: str, word: str, success: bool, message: str) -> None:
        reply = {"success": success, "ret_msg": message, "conn_id": client.state["id"]}
        client.send(compact({**reply, "req_id": ticket, "op": word}))

    def follow(self, client: Client, ticket: str, word: str, topics: list[str]) -> None:
        if client.path == PRIVATE:
            return self.follow_own(client, ticket, word, topics)
        if len(topics) > ARGUMENTS_MAX:
            return self.tell(client, ticket, word, False, "args size >10")
        for topic in topics:
            if client.path != SPOT or self.listing(topic) is None:
                text = f"error:handler not found,topic:{topic}"
                return self.tell(client, ticket, word, False, text)
            if word == "subscribe" and topic in client.topics:
                text = f"error:already subscribed,topic:{topic}"
                return self.tell(client, ticket, word, False, text)
        if word == "subscribe" and sum(map(len, (*client.topics, *topics))) > CHARACTERS_MAX:
            return self.tell(client, ticket, word, False, "args length >21000")
        self.tell(client, ticket, word, True, word)
        for topic in topics:
            if word == "unsubscribe":
                client.unsubscribe(topic)
                continue
            client.subscribe(topic)
            if (listing := self.listing(topic)) is not None and topic.startswith("orderbook"):
                depth = topic.split(".")[1]
                client.push(self.whole(topic, listing, int(depth)), listing)
        return None

    def follow_own(self, client: Client, ticket: str, word: str, topics: list[str]) -> None:
        if not client.state["login"]:
            return self.tell(client, ticket, word, False, "Request not auth")
        if unknown := [topic for topic in topics if topic not in TOPICS]:
            text = f"error:handler not found,topic:{unknown[0]}"
            return self.tell(client, ticket, word, False, text)
        for topic in topics:
            (client.subscribe if word == "subscribe" else client.unsubscribe)(topic)
        return self.tell(client, ticket, word, True, "")

    def listing(self, topic: str) -> Listing | None:
        """Of a topic that is served: `orderbook.<depth>.<symbol>`, `publicTrade.<symbol>`."""
        match topic.split("."):
            case ["orderbook", "1" | "50" | "200" | "1000", symbol]:
                return self.market.listings.get(symbol)
            case ["publicTrade", symbol]:
                return self.market.listings.get(symbol)
        return None

    # ---- frames ----

    def whole(self, topic: str, listing: Listing, depth: int) -> str:
        bids, asks = ",".join(listing.bids.rows[:depth]), ",".join(listing.asks.rows[:depth])
        return self.frame(topic, listing, "snapshot", bids, asks, listing.at_ms)

    def frame(
        self, topic: str, listing: Listing, kind: str, bids: str, asks: str, at_ms: int
    ) -> str:
        return (
            f'{{"topic":"{topic}","ts":{at_ms + 2},"type":"{kind}","data":{{"s":"{listing.symbol}",'
            f'"b":[{bids}],"a":[{asks}],"u":{listing.version},"seq":{listing.last_id}}},'
            f'"cts":{at_ms}}}'
        )

    def update(self, update: Update) -> None:
        market, listing = self.market, update.listing
        symbol = listing.symbol
        topics = [f"orderbook.{depth}.{symbol}" for depth in DEPTHS]
        if wanted := [topic for topic in topics if market.wanted(topic)]:
            bids, asks = rows(update.bids), rows(update.asks)
            for topic in wanted:
                text = self.frame(topic, listing, "delta", bids, asks, update.at_ms)
                market.publish(topic, text, listing)
        if market.wanted(topic := f"orderbook.1.{symbol}"):
            self.top(topic, listing)

    def top(self, topic: str, listing: Listing) -> None:
        """orderbook.1 goes out when the best levels changed."""
        best = (listing.bids.rows[:1], listing.asks.rows[:1])
        if listing.cache.get("bybit.best") != best:
            listing.cache["bybit.best"] = best
            text = self.whole(topic, listing, 1)
            self.tops[listing.symbol] = (text, listing.at_ms)
            self.market.publish(topic, text, listing)

    def second(self, at_ms: int) -> None:
        for symbol, (text, told_ms) in self.tops.items():
            if at_ms - told_ms >= REPEAT_MS and self.market.wanted(f"orderbook.1.{symbol}"):
                self.tops[symbol] = (text, at_ms)
                listing = self.market.listings[symbol]
                self.market.publish(f"orderbook.1.{symbol}", text, listing)

    def trade(self, trade: Trade) -> None:
        listing = trade.listing
        if not self.market.wanted(topic := f"publicTrade.{listing.symbol}"):
            return
        row = {
            "i": str(UUID(int=trade.id)),
            "T": trade.at_ms,
            "p": trade.price,
            "v": trade.quantity,
            "S": "Buy" if trade.bought else "Sell",
            "s": listing.symbol,
            "BT": False,
            "seq": listing.last_id,
        }
        frame = {"topic": topic, "ts": trade.at_ms + 2, "type": "snapshot", "data": [row]}
        self.market.publish(topic, compact(frame), listing)


def instrument(listing: Listing) -> dict[str, Any]:
    lot = format(listing.lot, "f")
    return {
        "symbol": listing.symbol,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "innovation": "0",
        "status": "Trading",
        "marginTrading": "none",
        "stTag": "0",
        "lotSizeFilter": {
            "basePrecision": lot,
            "quotePrecision": "0.00000001",
            "minOrderQty": lot,
            "maxOrderQty": "1000000000",
            "minOrderAmt": listing.minimum_value,
            "maxOrderAmt": "4000000",
            "maxLimitOrderQty": "1000000000",
            "maxMarketOrderQty": "500000000",
        },
        "priceFilter": {"tickSize": format(listing.tick, "f")},
        "riskParameters": {"priceLimitRatioX": "0.01", "priceLimitRatioY": "0.02"},
    }
