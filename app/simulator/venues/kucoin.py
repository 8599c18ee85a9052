"""KuCoin spot: a token before the socket, welcome, sequences, JSON pings. Document: kucoin.md."""

from __future__ import annotations

import base64
import hashlib
import json
from typing import Any
from urllib.parse import parse_qs

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
from app.simulator.venues.kucoin_private import (
    BALANCE,
    ORDERS,
    ORDERS_V2,
    KucoinPrivate,
    done,
    refused,
)
from app.simulator.venues.wire import MINUTE_MS, compact, levels, number

CHANGES, DEPTH5, DEPTH50 = "/market/level2", "/spotMarket/level2Depth5", "/spotMarket/level2Depth50"
BEST, MATCHES = "/spotMarket/level1", "/market/match"
CHANNELS = {CHANGES: 0, DEPTH5: 5, DEPTH50: 50, BEST: 1, MATCHES: 0}
"""Public topics and how many levels each frame holds, 0: it is not a snapshot."""
PRIVATE = (ORDERS, ORDERS_V2, BALANCE)
BATCH_MAX, TOPICS_MAX = 100, 400
PING_MS, PONG_MS = 18_000, 10_000
TOKEN_MS = 24 * 3_600_000
TOKENS_KEPT = 10_000
POOL, POOL_S = 2_000, 30
"""Weight of the public pool per window."""
WEIGHTS = {
    "/api/v1/bullet-public": 10,
    "/api/v1/bullet-private": 10,
    "/api/v2/symbols": 4,
    "/api/v1/symbols": 4,
    "/api/v3/currencies": 3,
    "/api/v1/timestamp": 3,
    "/api/v1/market/candles": 3,
    "/api/v3/market/orderbook/level2": 3,
    "/api/v1/market/orderbook/level2_100": 4,
    "/api/v1/market/orderbook/level2_20": 2,
    "/api/v1/market/allTickers": 15,
    "/api/v1/withdrawals/quotas": 20,
}


class Kucoin(Dialect):
    venue = "kucoin"
    rules = Rules(quotes=("USDT",), cadence=0.9, delay_ms=45, spread_bps=5.0)
    keep_alive = KeepAlive(unheard_s=(PING_MS + PONG_MS) / 1_000)
    faults_without = frozenset({"checksum"})

    def begin(self) -> None:
        self.tokens: dict[str, tuple[int, bool]] = {}
        """When each was given, and whether for a private channel."""
        self.number = 0
        self.budget = Budget(POOL, POOL_S)
        self.account = self.private = KucoinPrivate(self.market)

    @staticmethod
    def symbol(base: str, quote: str) -> str:
        return f"{base}-{quote}"

    # ---- REST ----

    def http(self, request: Request) -> Reply:
        if (reply := self.account.http(request)) is not None:
            return reply
        now = self.market.now_ms()
        used = self.budget.take("", WEIGHTS.get(request.path, 2), now)
        headers = (
            ("gw-ratelimit-limit", str(POOL)),
            ("gw-ratelimit-remaining", str(max(0, POOL - used))),
            ("gw-ratelimit-reset", str(POOL_S * 1_000 - now % (POOL_S * 1_000))),
        )
        if used > POOL:
            return self.limited(request, 429).with_headers(*headers)
        return self.answer(request).with_headers(*headers)

    def answer(self, request: Request) -> Reply:
        path = request.path
        match path:
            case "/api/v1/bullet-public":
                return done(self.entry(request, private=False))
            case "/api/v1/bullet-private":
                return self.unsigned(request) or done(self.entry(request, private=True))
            case "/api/v1/timestamp":
                return done(self.market.now_ms())
            case "/api/v1/status":
                return done({"status": "open", "msg": ""})
            case "/api/v2/symbols" | "/api/v1/symbols":
                return done([instrument(listing) for listing in self.market.listings.values()])
            case "/api/v1/market/allTickers":
                return done({"time": self.market.now_ms(), "ticker": []})
            case "/api/v3/currencies":
                return done([self.currency(asset) for asset in self.market.wallets])
            case "/api/v1/contracts/active":
                return done([])
        if path.startswith("/api/v3/currencies/"):
            asset = path.rpartition("/")[2]
            known = asset in self.market.wallets
            return done(self.currency(asset)) if known else refused("400100", "currency.not.exists")
        if path.startswith("/api/v1/market/") or path == "/api/v3/market/orderbook/level2":
            return self.of_market(request)
        return self.of_account(request)

    def of_account(self, request: Request) -> Reply:
        replies: dict[str, Any] = {
            "/api/ua/v1/account/mode": {"selfAccountMode": "CLASSIC"},
            "/api/v3/margin/symbols": {"timestamp": self.market.now_ms(), "items": []},
            "/api/v1/isolated/symbols": [],
            "/api/v1/hf/accounts/opened": True,
        }
        if request.path in replies:
            return self.unsigned(request) or done(replies[request.path])
        if request.path == "/api/v1/withdrawals/quotas":
            return self.unsigned(request) or self.quota(request)
        return refused("404000", "Url Not Found", 404)

    def of_market(self, request: Request) -> Reply:
        # cryptofeed asks for " BTC-USDT"; the gateway trims.
        listing = self.market.listings.get(request.asked("symbol").strip())
        match request.path.rpartition("/")[2]:
            case "level2":
                if (refusal := self.unsigned(request)) is not None:
                    return refusal
                size = 1 << 20
            case "level2_20":
                size = 20
            case "level2_100":
                size = 100
            case "candles" | "histories":
                size = 0
            case _:
                return refused("404000", "Url Not Found", 404)
        if listing is None:
            return refused("400100", "symbol not exists")
        if request.path.endswith("candles"):
            return self.candles(request, listing)
        if request.path.endswith("histories"):
            return done([self.match(trade, listing) for trade in reversed(listing.trades[-100:])])
        return done(
            {
                "time": listing.at_ms,
                "sequence": str(listing.last_id),
                "bids": levels(listing.bids, size),
                "asks": levels(listing.asks, size),
            }
        )

    def candles(self, request: Request, listing: Listing) -> Reply:
        """Newest first, startAt and endAt in seconds; close stands before high and low."""
        if request.asked("type") != "1min":
            return refused("400100", "Incorrect candlestick type.")
        end_ms = min(number(request.asked("endAt"), 1 << 40) * 1_000 + 1, self.market.now_ms())
        start_ms = max(number(request.asked("startAt"), 0) * 1_000, end_ms - 1_500 * MINUTE_MS)
        rows = [
            [str(c.start_ms // 1_000), c.open, c.close, c.high, c.low, c.volume, c.value]
            for c in self.market.candles(listing, start_ms, end_ms)
        ]
        return done(rows[::-1])

    def entry(self, request: Request, *, private: bool) -> dict[str, Any]:
        self.number += 1
        now = self.market.now_ms()
        seed = f"{self.market.seed}:{self.number}:{now}".encode()
        token = base64.urlsafe_b64encode(hashlib.sha512(seed).digest()).decode()
        if len(self.tokens) >= TOKENS_KEPT:
            del self.tokens[next(iter(self.tokens))]
        self.tokens[token] = (now, private)
        server = {
            "endpoint": f"{self.market.address(request, 'ws')}/",
            "encrypt": True,
            "protocol": "websocket",
            "pingInterval": PING_MS,
            "pingTimeout": PONG_MS,
        }
        return {"token": token, "instanceServers": [server]}

    def currency(self, asset: str) -> dict[str, Any]:
        wallet = self.market.wallets[asset]
        chains = [
            {
                "chainName": chain_name("kucoin", network.chain),
                "withdrawalMinSize": network.minimum,
                "depositMinSize": network.minimum,
                "withdrawFeeRate": "0",
                "withdrawalMinFee": network.fee,
                "isWithdrawEnabled": network.withdraw,
                "isDepositEnabled": network.deposit,
                "confirms": network.chain.confirmations,
                "preConfirms": network.chain.confirmations,
                "contractAddress": network.contract or "",
                "withdrawPrecision": network.decimals,
                "maxWithdraw": None,
                "maxDeposit": None,
                "needTag": network.chain.key == "ripple",
                "chainId": chain_name("kucoin-id", network.chain),
            }
            for network in wallet.networks
        ]
        return {
            "currency": asset,
            "name": asset,
            "fullName": wallet.title,
            "precision": 8,
            "confirms": None,
            "contractAddress": None,
            "isMarginEnabled": False,
            "isDebitEnabled": False,
            "chains": chains,
        }

    def quota(self, request: Request) -> Reply:
        asset, chain = request.asked("currency"), request.asked("chain")
        wallet = self.market.wallets.get(asset)
        for network in wallet.networks if wallet else ():
            name = chain_name("kucoin-id", network.chain)
            if chain in ("", name):
                return done(
                    {
                        "currency": asset,
                        "limitBTCAmount": "50",
                        "usedBTCAmount": "0",
                        "quotaCurrency": "USDT",
                        "limitQuotaCurrencyAmount": "1000000",
                        "usedQuotaCurrencyAmount": "0",
                        "remainAmount": "1000000",
                        "availableAmount": "0",
                        "withdrawMinFee": network.fee,
                        "innerWithdrawMinFee": "0",
                        "withdrawMinSize": network.minimum,
                        "isWithdrawEnabled": network.withdraw,
                        "precision": network.decimals,
                        "chain": name,
                        "reason": None,
                        "lockedAmount": "0",
                    }
                )
        return refused("400100", "currency or chain not exists")

    def unsigned(self, request: Request) -> Reply | None:
        return self.account.unsigned(request)

    def limited(self, request: Request, status: int) -> Reply:
        if status < 500:
            return refused("429000", "Too Many Requests", status)
        return refused("500000", "Internal Server Error", status)

    def maintenance(self, request: Request) -> Reply:
        return refused("503000", "The system is under maintenance", 503)

    # ---- WebSocket ----

    def admits(self, request: Request) -> Reply | None:
        return None if request.path in ("/", "/endpoint") else refused("404000", "Not Found", 404)

    def opened(self, client: Client) -> None:
        asked = parse_qs(client.query)
        token = asked.get("token", [""])[0]
        ticket = asked.get("connectId", [""])[0] or token[:8]
        at_ms, private = self.tokens.get(token, (-TOKEN_MS, False))
        client.state = private
        if at_ms < self.market.now_ms() - TOKEN_MS:
            text = "token is expired" if token in self.tokens else "token is invalid"
            client.send(compact({"id": ticket, "type": "error", "code": 401, "data": text}))
            return client.close(1008, text)
        return client.send(compact({"id": ticket, "type": "welcome"}))

    def heard(self, client: Client, text: str) -> None:
        try:
            order = json.loads(text)
            ticket, word = str(order.get("id", "")), order["type"]
        except (ValueError, KeyError, TypeError, AttributeError):
            return self.fail(client, "", 400, "invalid message")
        if word == "ping":
            return client.send(compact({"id": ticket, "type": "pong"}))
        if word not in ("subscribe", "unsubscribe"):
            return self.fail(client, ticket, 404, f"type {word} is not supported")
        topic = str(order.get("topic", ""))
        channel, _, names = topic.partition(":")
        symbols = [name.strip() for name in names.split(",") if name.strip()]
        if channel in PRIVATE:
            if not client.state:
                return self.fail(client, ticket, 401, "token of a private channel is needed")
            (client.subscribe if word == "subscribe" else client.unsubscribe)(channel)
            return self.acknowledge(client, order, ticket)
        listings = [self.market.listings.get(symbol) for symbol in symbols]
        if channel not in CHANNELS or not listings or None in listings:
            return self.fail(client, ticket, 404, f"topic {topic} is not found")
        topics = [f"{channel}:{symbol}" for symbol in symbols]
        if len(topics) > BATCH_MAX or len(client.topics | set(topics)) > TOPICS_MAX:
            return self.fail(client, ticket, 509, "exceed max subscription count limitation")
        self.acknowledge(client, order, ticket)
        for name, listing in zip(topics, listings, strict=True):
            if word == "unsubscribe":
                client.unsubscribe(name)
                continue
            client.subscribe(name)
            if CHANNELS[channel] and listing is not None:
                client.push(self.whole(channel, listing), listing)
        return None

    def acknowledge(self, client: Client, order: dict[str, Any], ticket: str) -> None:
        if order.get("response") is True:
            client.send(compact({"id": ticket, "type": "ack"}))

    def fail(self, client: Client, ticket: str, code: int, text: str) -> None:
        client.send(compact({"id": ticket, "type": "error", "code": code, "data": text}))

    # ---- frames ----

    def whole(self, channel: str, listing: Listing) -> str:
        size = CHANNELS[channel]
        asks, bids = ",".join(listing.asks.rows[:size]), ",".join(listing.bids.rows[:size])
        topic, subject = f"{channel}:{listing.symbol}", "level1" if channel == BEST else "level2"
        if channel != BEST:
            asks, bids = f"[{asks}]", f"[{bids}]"
        return (
            f'{{"topic":"{topic}","type":"message","subject":"{subject}","data":'
            f'{{"asks":{asks or "[]"},"bids":{bids or "[]"},"timestamp":{listing.at_ms}}}}}'
        )

    def update(self, update: Update) -> None:
        market, listing = self.market, update.listing
        symbol = listing.symbol
        for channel in (DEPTH50, DEPTH5, BEST):
            if market.wanted(topic := f"{channel}:{symbol}"):
                market.publish(topic, self.whole(channel, listing), listing)
        if market.wanted(topic := f"{CHANGES}:{symbol}"):
            market.publish(topic, self.changed(topic, update), listing)

    def changed(self, topic: str, update: Update) -> str:
        """Each change has its own sequence within the update's; the last one closes it."""
        listing = update.listing
        last = listing.last_id
        order = last - len(update.asks) - len(update.bids) + 1
        sides = []
        for changes in (update.asks, update.bids):
            texts = []
            for price, quantity in changes:
                texts.append(f'["{price}","{quantity}","{max(order, listing.first_id)}"]')
                order += 1
            sides.append(",".join(texts))
        return (
            f'{{"topic":"{topic}","type":"message","subject":"trade.l2update","data":'
            f'{{"changes":{{"asks":[{sides[0]}],"bids":[{sides[1]}]}},"sequenceEnd":{last},'
            f'"sequenceStart":{listing.first_id},"symbol":"{listing.symbol}",'
            f'"time":{update.at_ms}}}}}'
        )

    def match(self, trade: Trade, listing: Listing) -> dict[str, Any]:
        return {
            "sequence": str(listing.last_id),
            "price": trade.price,
            "size": trade.quantity,
            "side": "buy" if trade.bought else "sell",
            "time": trade.at_ms * 1_000_000,
        }

    def trade(self, trade: Trade) -> None:
        listing = trade.listing
        if not self.market.wanted(topic := f"{MATCHES}:{listing.symbol}"):
            return
        data = {
            **self.match(trade, listing),
            "time": str(trade.at_ms * 1_000_000),
            "makerOrderId": f"{trade.id:024x}",
            "takerOrderId": f"{trade.id + (1 << 40):024x}",
            "tradeId": str(trade.id),
            "symbol": listing.symbol,
            "type": "match",
        }
        frame = {"topic": topic, "type": "message", "subject": "trade.l3match", "data": data}
        self.market.publish(topic, compact(frame), listing)


def instrument(listing: Listing) -> dict[str, Any]:
    lot, tick = format(listing.lot, "f"), format(listing.tick, "f")
    return {
        "symbol": listing.symbol,
        "name": listing.symbol,
        "baseCurrency": listing.base,
        "quoteCurrency": listing.quote,
        "feeCurrency": listing.quote,
        "market": "USDS",
        "baseMinSize": lot,
        "quoteMinSize": "0.1",
        "baseMaxSize": "10000000000",
        "quoteMaxSize": "99999999",
        "baseIncrement": lot,
        "quoteIncrement": "0.000001",
        "priceIncrement": tick,
        "priceLimitRate": "0.1",
        "minFunds": listing.minimum_value,
        "isMarginEnabled": False,
        "enableTrading": True,
        "feeCategory": 1,
        "makerFeeCoefficient": "1.00",
        "takerFeeCoefficient": "1.00",
        "st": False,
        "callauctionIsEnabled": False,
    }
