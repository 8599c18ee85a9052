"""Gate spot: `spot.obu` with whole books and chained ids, one socket for all. Document: gate.md."""

from __future__ import annotations

import json
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
from app.simulator.venues.chains import chain_name
from app.simulator.venues.gate_private import BASE, CLOCK_S, PRIVATE, GatePrivate, refused
from app.simulator.venues.wire import MINUTE_MS, compact, levels, number, rows

STREAM = ("/ws/v4", "/ws/v4/")
DEPTHS = ("50", "400")
SPEEDS = ("20ms", "100ms")
LEVELS = ("5", "10", "20", "50", "100")
REQUESTS, WINDOW_S = 200, 10
"""Per endpoint."""
EMPTY = frozenset(
    {
        "/margin/currency_pairs",
        "/futures/usdt/contracts",
        "/futures/btc/contracts",
        "/delivery/usdt/contracts",
        "/delivery/btc/contracts",
        "/options/underlyings",
    }
)
"""Markets that are not spot: none here."""


class Gate(Dialect):
    venue = "gate"
    rules = Rules(quotes=("USDT",), cadence=0.8, delay_ms=60, spread_bps=6.0, size_usd=4_000.0)
    keep_alive = KeepAlive(ping_every_s=20, pong_s=20)
    faults_without = frozenset({"checksum"})

    def begin(self) -> None:
        self.connections = 0
        self.budgets: dict[str, Budget] = {}
        self.account = self.private = GatePrivate(self.market)

    @staticmethod
    def symbol(base: str, quote: str) -> str:
        return f"{base}_{quote}"

    # ---- REST ----

    def http(self, request: Request) -> Reply:
        if (reply := self.account.http(request)) is not None:
            return reply
        now = self.market.now_ms()
        budget = self.budgets.setdefault(request.path, Budget(REQUESTS, WINDOW_S))
        used = budget.take("", 1, now)
        headers = (
            ("X-Gate-RateLimit-Requests-Remain", str(max(0, REQUESTS - used))),
            ("X-Gate-RateLimit-Limit", str(REQUESTS)),
            ("X-Gate-RateLimit-Reset-Timestamp", str((now // 10_000 + 1) * WINDOW_S)),
        )
        if used > REQUESTS:
            return self.limited(request, 429).with_headers(*headers)
        return self.answer(request).with_headers(*headers)

    def answer(self, request: Request) -> Reply:
        if not request.path.startswith(f"{BASE}/"):
            return refused("INVALID_REQUEST_PATH", f"not found: {request.path}", 404)
        path = request.path.removeprefix(BASE)
        if path in EMPTY:
            return Reply.json([])
        match path:
            case "/spot/time":
                return Reply.json({"server_time": self.market.now_ms()})
            case "/spot/currency_pairs":
                return Reply.json([pair(listing) for listing in self.market.listings.values()])
            case "/spot/currencies":
                return Reply.json([self.currency(asset) for asset in self.market.wallets])
            case "/wallet/currency_chains":
                return self.chains(request)
            case "/wallet/withdraw_status":
                return self.unsigned(request) or Reply.json(self.withdrawals(request))
            case "/account/detail":
                detail = {"user_id": 1, "ip_whitelist": [], "key": {"mode": 1}, "tier": 0}
                return self.unsigned(request) or Reply.json(detail)
            case "/spot/order_book" | "/spot/trades" | "/spot/candlesticks":
                return self.of_pair(request, path)
        room, _, name = path.rpartition("/")
        if room == "/spot/currency_pairs":
            if (listing := self.market.listings.get(name)) is None:
                return refused("INVALID_CURRENCY_PAIR", f"Invalid currency pair {name}")
            return Reply.json(pair(listing))
        if room == "/spot/currencies":
            if name not in self.market.wallets:
                return refused("INVALID_CURRENCY", f"Invalid currency {name}")
            return Reply.json(self.currency(name))
        return refused("INVALID_REQUEST_PATH", f"not found: {request.path}", 404)

    def of_pair(self, request: Request, path: str) -> Reply:
        name = request.asked("currency_pair")
        if (listing := self.market.listings.get(name)) is None:
            return refused("INVALID_CURRENCY_PAIR", f"Invalid currency pair {name}")
        limit = number(request.asked("limit"), 10 if path == "/spot/order_book" else 100)
        if not 1 <= limit <= 1_000:
            return refused("INVALID_PARAM_VALUE", "Invalid request parameter `limit` value")
        if path == "/spot/candlesticks":
            return self.candles(request, listing)
        if path == "/spot/trades":
            newest = reversed(listing.trades[-limit:])
            return Reply.json([print_of(trade) for trade in newest])
        numbered = {"id": listing.last_id} if request.asked("with_id") == "true" else {}
        book = {"asks": levels(listing.asks, limit), "bids": levels(listing.bids, limit)}
        times = {"current": self.market.now_ms(), "update": listing.at_ms}
        return Reply.json({**numbered, **times, **book})

    def candles(self, request: Request, listing: Listing) -> Reply:
        """Oldest first, seconds; value in quote second, close before high, low and open."""
        if request.asked("interval", "30m") != "1m":
            return refused("INVALID_PARAM_VALUE", "Invalid request parameter `interval` value")
        asked_from, asked_to = request.asked("from"), request.asked("to")
        if request.asked("limit") and (asked_from or asked_to):
            return refused("INVALID_PARAM_VALUE", "limit conflicts with from and to")
        limit = number(request.asked("limit"), 100)
        end_ms = min(number(asked_to, 1 << 40) * 1_000 + 1, self.market.now_ms())
        start_ms = number(asked_from, 0) * 1_000 or end_ms - limit * MINUTE_MS
        if end_ms - start_ms > 1_000 * MINUTE_MS:
            text = "Candlestick range too broad. Maximum 1000 data points are allowed per request"
            return refused("INVALID_PARAM_VALUE", text)
        found = self.market.candles(listing, start_ms, end_ms)
        return Reply.json(
            [
                [
                    str(c.start_ms // 1_000),
                    c.value,
                    c.close,
                    c.high,
                    c.low,
                    c.open,
                    c.volume,
                    "true",
                ]
                for c in found
            ]
        )

    def currency(self, asset: str) -> dict[str, Any]:
        wallet = self.market.wallets[asset]
        chains = [
            {
                "name": chain_name("gate", network.chain),
                "addr": network.contract or "",
                "withdraw_disabled": not network.withdraw,
                "withdraw_delayed": False,
                "deposit_disabled": not network.deposit,
            }
            for network in wallet.networks
        ]
        return {
            "currency": asset,
            "name": wallet.title,
            "delisted": False,
            "withdraw_disabled": not any(network.withdraw for network in wallet.networks),
            "withdraw_delayed": False,
            "deposit_disabled": not any(network.deposit for network in wallet.networks),
            "trade_disabled": False,
            "chain": chains[0]["name"] if chains else "",
            "is_private": False,
            "chains": chains,
        }

    def chains(self, request: Request) -> Reply:
        asset = request.asked("currency")
        if asset not in self.market.wallets:
            return refused("INVALID_CURRENCY", f"Invalid currency {asset}")
        return Reply.json(
            [
                {
                    "chain": chain_name("gate", network.chain),
                    "name_en": network.chain.title,
                    "name_cn": network.chain.title,
                    "contract_address": network.contract or "",
                    "is_disabled": int(not (network.deposit or network.withdraw)),
                    "is_deposit_disabled": int(not network.deposit),
                    "is_withdraw_disabled": int(not network.withdraw),
                    "decimal": str(network.decimals),
                }
                for network in self.market.wallets[asset].networks
            ]
        )

    def withdrawals(self, request: Request) -> list[dict[str, Any]]:
        asked = request.asked("currency")
        found = []
        for wallet in self.market.wallets.values():
            if asked not in ("", wallet.asset) or not wallet.networks:
                continue
            names = [chain_name("gate", network.chain) for network in wallet.networks]
            fees = [network.fee for network in wallet.networks]
            found.append(
                {
                    "currency": wallet.asset,
                    "name": wallet.title,
                    "name_cn": wallet.title,
                    "deposit": "0",
                    "withdraw_percent": "0%",
                    "withdraw_fix": fees[0],
                    "withdraw_day_limit": "1000000",
                    "withdraw_day_limit_remain": "1000000",
                    "withdraw_amount_mini": wallet.networks[0].minimum,
                    "withdraw_eachtime_limit": "1000000",
                    "withdraw_fix_on_chains": dict(zip(names, fees, strict=True)),
                    "withdraw_percent_on_chains": dict.fromkeys(names, "0%"),
                }
            )
        return found

    def unsigned(self, request: Request) -> Reply | None:
        return self.account.unsigned(request)

    def limited(self, request: Request, status: int) -> Reply:
        if status < 500:
            return refused("TOO_MANY_REQUESTS", "Request Rate limit Exceeded (211)", status)
        return refused("INTERNAL", "internal error, please try again", status)

    def maintenance(self, request: Request) -> Reply:
        return refused("SERVER_ERROR", "system maintenance", 503)

    # ---- WebSocket ----

    def admits(self, request: Request) -> Reply | None:
        known = request.path in STREAM
        return None if known else refused("INVALID_REQUEST_PATH", "not found", 404)

    def opened(self, client: Client) -> None:
        self.connections += 1
        client.state = f"{self.connections:016x}"

    def heard(self, client: Client, text: str) -> None:
        try:
            order = json.loads(text)
            channel = str(order["channel"])
        except (ValueError, KeyError, TypeError):
            return self.tell(client, {"channel": "", "event": ""}, 1, "invalid json")
        if channel == "spot.ping":
            now = self.market.now_ms()
            pong = {"time": now // 1_000, "time_ms": now, "channel": "spot.pong", "event": ""}
            return client.send(compact({**pong, "error": None, "result": None}))
        word, payload = order.get("event"), order.get("payload") or []
        if word not in ("subscribe", "unsubscribe") or not isinstance(payload, list):
            return self.tell(client, order, 2, f"unknown event: {word}")
        sent = number(str(order.get("time", "")), 0)
        if abs(sent - self.market.now_ms() // 1_000) > CLOCK_S:
            return self.tell(client, order, 2, "request time is too far from server time")
        if channel in PRIVATE:
            return self.follow_own(client, order, channel, word)
        topics, refusal = self.topics(channel, [str(part) for part in payload])
        if refusal is None and word == "subscribe" and client.topics.intersection(topics):
            refusal = f"Alert sub {payload[0]}"
        if refusal is not None:
            return self.tell(client, order, 2, refusal)
        self.tell(client, order)
        for topic in topics:
            if word == "unsubscribe":
                client.unsubscribe(topic)
                continue
            client.subscribe(topic)
            listing = self.market.listings[topic.split("|")[1]]
            if channel == "spot.obu":
                client.push(self.full(topic.split("|")[2], listing), listing)
        return None

    def topics(self, channel: str, payload: list[str]) -> tuple[list[str], str | None]:
        """Topics `channel|pair[|variant]`, or what is wrong with the request."""
        match channel, payload:
            case "spot.obu", [*names] if names:
                parts = [name.split(".") for name in names]
                known = all(len(p) == 3 and p[0] == "ob" and p[2] in DEPTHS for p in parts)
                if not known:
                    return [], f"invalid argument: {names[0]}"
                pairs = [(part[1], f"|{part[2]}") for part in parts]
            case "spot.order_book_update", [name, speed] if speed in SPEEDS:
                pairs = [(name, f"|{speed}")]
            case "spot.order_book", [name, level, "100ms" | "1000ms"] if level in LEVELS:
                pairs = [(name, f"|{level}")]
            case (("spot.trades" | "spot.book_ticker"), [*names]) if names:
                pairs = [(name, "") for name in names]
            case _:
                return [], f"unknown channel or argument: {channel}"
        for name, _ in pairs:
            if name not in self.market.listings:
                return [], f"unknown currency pair: {name}"
        return [f"{channel}|{name}{variant}" for name, variant in pairs], None

    def follow_own(self, client: Client, order: dict[str, Any], channel: str, word: str) -> None:
        """Channels of an account carry their own signature in `auth`."""
        given, payload = order.get("auth"), order.get("payload") or []
        if not self.account.admits(given or {}, channel, word, order.get("time")):
            return self.tell(client, order, 4, "authentication failed")
        refusal = self.account.follow(client, channel, word, [str(part) for part in payload])
        return self.tell(client, order, 2 if refusal else 0, refusal or "")

    def tell(self, client: Client, order: dict[str, Any], code: int = 0, message: str = "") -> None:
        now = self.market.now_ms()
        reply: dict[str, Any] = {"time": now // 1_000, "time_ms": now, "conn_id": client.state}
        for name in ("id", "channel", "event", "payload"):
            if name in order:
                reply[name] = order[name]
        reply["error"] = {"code": code, "message": message} if code else None
        reply["result"] = {"status": "fail" if code else "success"}
        client.send(compact(reply))

    # ---- frames ----

    def full(self, depth: str, listing: Listing) -> str:
        size = int(depth)
        bids, asks = ",".join(listing.bids.rows[:size]), ",".join(listing.asks.rows[:size])
        return (
            f'{{"channel":"spot.obu","event":"update","time_ms":{listing.at_ms + 2},"result":'
            f'{{"t":{listing.at_ms},"full":true,"s":"ob.{listing.symbol}.{depth}",'
            f'"u":{listing.last_id},"b":[{bids}],"a":[{asks}]}}}}'
        )

    def update(self, update: Update) -> None:
        market, listing = self.market, update.listing
        symbol, at_ms = listing.symbol, update.at_ms
        obu = [depth for depth in DEPTHS if market.wanted(f"spot.obu|{symbol}|{depth}")]
        speeds = [
            speed for speed in SPEEDS if market.wanted(f"spot.order_book_update|{symbol}|{speed}")
        ]
        if obu or speeds:
            ids = f'"U":{listing.first_id},"u":{listing.last_id}'
            sides = f'"b":[{rows(update.bids)}],"a":[{rows(update.asks)}]'
            for depth in obu:
                text = (
                    f'{{"channel":"spot.obu","event":"update","time_ms":{at_ms + 2},"result":'
                    f'{{"t":{at_ms},"s":"ob.{symbol}.{depth}",{ids},{sides}}}}}'
                )
                market.publish(f"spot.obu|{symbol}|{depth}", text, listing)
            inner = f'{{"t":{at_ms},"e":"depthUpdate","E":{at_ms // 1_000},"s":"{symbol}",{ids}'
            text = self.head("spot.order_book_update", at_ms) + f"{inner},{sides}}}}}"
            for speed in speeds:
                market.publish(f"spot.order_book_update|{symbol}|{speed}", text, listing)
        self.windows(listing)

    def windows(self, listing: Listing) -> None:
        symbol, at_ms = listing.symbol, listing.at_ms
        for size in LEVELS:
            if self.market.wanted(topic := f"spot.order_book|{symbol}|{size}"):
                bids, asks = (
                    ",".join(side.rows[: int(size)]) for side in (listing.bids, listing.asks)
                )
                inner = f'{{"t":{at_ms},"lastUpdateId":{listing.last_id},"s":"{symbol}"'
                text = f'{inner},"bids":[{bids}],"asks":[{asks}]}}}}'
                self.market.publish(topic, self.head("spot.order_book", at_ms) + text, listing)
        topic = f"spot.book_ticker|{symbol}"
        if self.market.wanted(topic) and listing.bids.prices and listing.asks.prices:
            best = {
                "t": at_ms,
                "u": listing.last_id,
                "s": symbol,
                "b": listing.bids.prices[0],
                "B": listing.bids.quantities[0],
                "a": listing.asks.prices[0],
                "A": listing.asks.quantities[0],
            }
            text = self.head("spot.book_ticker", at_ms) + compact(best) + "}"
            self.market.publish(topic, text, listing)

    def head(self, channel: str, at_ms: int) -> str:
        times = f'"time":{at_ms // 1_000},"time_ms":{at_ms + 2}'
        return f'{{{times},"channel":"{channel}","event":"update","result":'

    def trade(self, trade: Trade) -> None:
        topic = f"spot.trades|{trade.listing.symbol}"
        if self.market.wanted(topic):
            row = {**print_of(trade), "create_time": trade.at_ms // 1_000}
            row["id"], row["id_market"] = trade.id, trade.id
            row["range"] = f"{trade.id}-{trade.id}"
            text = self.head("spot.trades", trade.at_ms) + compact(row) + "}"
            self.market.publish(topic, text, trade.listing)


def print_of(trade: Trade) -> dict[str, Any]:
    return {
        "id": str(trade.id),
        "create_time": str(trade.at_ms // 1_000),
        "create_time_ms": f"{trade.at_ms}.000000",
        "side": "buy" if trade.bought else "sell",
        "currency_pair": trade.listing.symbol,
        "amount": trade.quantity,
        "price": trade.price,
    }


def pair(listing: Listing) -> dict[str, Any]:
    return {
        "id": listing.symbol,
        "base": listing.base,
        "base_name": listing.title,
        "quote": listing.quote,
        "quote_name": listing.quote,
        "fee": "0.2",
        "min_base_amount": format(listing.lot, "f"),
        "min_quote_amount": listing.minimum_value,
        "max_base_amount": "1000000000",
        "max_quote_amount": "5000000",
        "amount_precision": listing.lot_decimals,
        "precision": listing.price_decimals,
        "trade_status": "tradable",
        "sell_start": 1516378650,
        "buy_start": 1516378650,
        "delisting_time": 0,
        "type": "normal",
        "st_tag": False,
    }
