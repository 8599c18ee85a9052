"""Coinbase Advanced Trade: one counter per connection over all channels. See coinbase.md.

`/currencies` and `/products…` without a prefix are Coinbase Exchange's, which knows networks.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import UTC, datetime
from functools import lru_cache
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
    Side,
    Trade,
    Update,
)
from app.simulator.venues.coinbase_private import CoinbasePrivate
from app.simulator.venues.wire import MINUTE_MS, compact, levels, number

ROOM = "/api/v3/brokerage"
CHANNELS = {"level2": "l2_data", "market_trades": "market_trades"}
"""What is subscribed to, and what its messages call themselves."""
FIRST_SUBSCRIBE_MS = 5_000
SILENT_MS = 90_000
"""A connection without any message for so long is closed: hence `heartbeats`."""
FIRST_TRADES = 50
CANDLES_MAX = 350
PUBLIC_PER_S, EXCHANGE_PER_S = 10, 15
EPOCH = "1970-01-01T00:00:00Z"
FIATS = {"USD": "US Dollar", "EUR": "Euro", "GBP": "British Pound"}


@dataclass(slots=True)
class Line:
    """One connection. sequence: of the next message; ids: as submitted, by channel."""

    opened_ms: int
    told_ms: int
    sequence: int = 0
    ids: dict[str, list[str]] = field(default_factory=dict)


class Coinbase(Dialect):
    venue = "coinbase"
    rules = Rules(
        quotes=("USD",),
        minimum_value={"USD": "1", "USDC": "1", "USDT": "1"},
        cadence=1.0,
        delay_ms=80,
        share=0.85,
        spread_bps=2.5,
    )
    keep_alive = KeepAlive(ping_every_s=30, pong_s=30, messages_per_s=8)
    faults_without = frozenset({"checksum"})

    def begin(self) -> None:
        self.lines: dict[Client, Line] = {}
        self.beats = 0
        self.budget = Budget(PUBLIC_PER_S, 1)
        self.exchange_budget = Budget(EXCHANGE_PER_S, 1)
        self.account = self.private = CoinbasePrivate(self.market, self.user_says)
        self.bearer = self.account.bearer
        self.aliases = {
            f"{listing.base}-USDC": listing
            for listing in self.market.listings.values()
            if listing.quote == "USD" and f"{listing.base}-USDC" not in self.market.listings
        }
        """USD and USDC books are one: `-USDC` ids are answered with the `-USD` product."""

    @staticmethod
    def symbol(base: str, quote: str) -> str:
        return f"{base}-{quote}"

    def found(self, product: str) -> Listing | None:
        return self.market.listings.get(product) or self.aliases.get(product)

    # ---- REST ----

    def http(self, request: Request) -> Reply:
        if (reply := self.account.http(request)) is not None:
            return reply
        path, now = request.path, self.market.now_ms()
        advanced = path.startswith(("/api/v3/", "/v2/"))
        budget = self.budget if advanced else self.exchange_budget
        used = budget.take("", 1, now)
        headers = (
            ("x-ratelimit-limit", str(budget.limit)),
            ("x-ratelimit-remaining", str(max(0, budget.limit - used))),
            ("x-ratelimit-reset", "1"),
        )
        if used > budget.limit:
            return self.limited(request, 429).with_headers(*headers)
        reply = self.advanced(request) if advanced else self.exchange(request)
        return reply.with_headers(*headers)

    def advanced(self, request: Request) -> Reply:
        path, now = request.path, self.market.now_ms()
        if path == "/v2/currencies":
            rows = [{"id": c, "name": name, "min_size": "0.01"} for c, name in FIATS.items()]
            return Reply.json({"data": rows})
        if path == "/v2/currencies/crypto":
            return Reply.json({"data": [crypto(w.asset, w.title) for w in self.wallets()]})
        if path == "/v2/exchange-rates":
            return Reply.json({"data": {"currency": "USD", "rates": {"USD": "1"}}})
        if path == f"{ROOM}/time":
            times = {"epochSeconds": str(now // 1_000), "epochMillis": str(now)}
            return Reply.json({"iso": stamp(now), **times})
        if path.startswith(f"{ROOM}/market/"):
            return self.of_products(request, path.removeprefix(f"{ROOM}/market/"))
        if not path.startswith(f"{ROOM}/"):
            return refused("NOT_FOUND", "Not found", 404)
        if not self.bearer.right(request, now):
            return Reply(401, b"Unauthorized\n", (("Content-Type", "text/plain"),))
        if path == f"{ROOM}/best_bid_ask":
            books = [self.book(product, 1) for product in self.asked_products(request)]
            return Reply.json({"pricebooks": books})
        return self.of_products(request, path.removeprefix(f"{ROOM}/"))

    def of_products(self, request: Request, path: str) -> Reply:
        if path == "products":
            return self.products(request)
        if path == "product_book":
            product = request.asked("product_id")
            if self.found(product) is None:
                return refused("INVALID_ARGUMENT", "product_id is invalid", 400)
            size = number(request.asked("limit"), 1 << 20)
            return Reply.json({"pricebook": self.book(product, size or 1 << 20)})
        words = path.split("/")
        if words[0] != "products" or (listing := self.found(words[1])) is None:
            return refused("NOT_FOUND", "Not found", 404)
        match words[2:]:
            case []:
                return Reply.json(product_row(listing, words[1]))
            case ["ticker"]:
                size = max(1, min(1_000, number(request.asked("limit"), 100)))
                trades = [print_of(trade, words[1]) for trade in reversed(listing.trades[-size:])]
                best = {"best_bid": first(listing.bids), "best_ask": first(listing.asks)}
                return Reply.json({"trades": trades, **best})
            case ["candles"]:
                return self.candles(request, listing)
        return refused("NOT_FOUND", "Not found", 404)

    def products(self, request: Request) -> Reply:
        rows: list[dict[str, Any]] = []
        if request.asked("product_type", "SPOT") in ("SPOT", "UNKNOWN_PRODUCT_TYPE"):
            listings = self.market.listings
            rows = [product_row(listing, name) for name, listing in listings.items()]
            rows += [product_row(listing, name) for name, listing in self.aliases.items()]
        if wanted := self.asked_products(request):
            rows = [row for row in rows if row["product_id"] in wanted]
        offset = number(request.asked("offset"), 0)
        limit = number(request.asked("limit"), 0) or len(rows)
        return Reply.json({"products": rows[offset : offset + limit], "num_products": len(rows)})

    def asked_products(self, request: Request) -> list[str]:
        asked = [value for name, value in request.fields if name == "product_ids"]
        return [product for product in asked if self.found(product) is not None]

    def book(self, product: str, size: int) -> dict[str, Any]:
        listing = self.found(product)
        assert listing is not None, product
        sides = {
            name: [{"price": price, "size": quantity} for price, quantity in levels(side, size)]
            for name, side in (("bids", listing.bids), ("asks", listing.asks))
        }
        return {"product_id": product, **sides, "time": stamp(listing.at_ms)}

    def candles(self, request: Request, listing: Listing) -> Reply:
        """Newest first; start and end in seconds, both told."""
        if request.asked("granularity") != "ONE_MINUTE":
            return refused("INVALID_ARGUMENT", "granularity is invalid", 400)
        asked_start, asked_end = request.asked("start"), request.asked("end")
        if not (asked_start.isdecimal() and asked_end.isdecimal()):
            return refused("INVALID_ARGUMENT", "start and end are needed", 400)
        start_ms, end_ms = int(asked_start) * 1_000, int(asked_end) * 1_000 + 1
        if (end_ms - start_ms) // MINUTE_MS >= CANDLES_MAX:
            text = "number of candles requested should be less than 350"
            return refused("INVALID_ARGUMENT", text, 400)
        found = self.market.candles(listing, start_ms, min(end_ms, self.market.now_ms()))
        rows = [
            {
                "start": str(c.start_ms // 1_000),
                "low": c.low,
                "high": c.high,
                "open": c.open,
                "close": c.close,
                "volume": c.volume,
            }
            for c in reversed(found)
        ]
        return Reply.json({"candles": rows})

    def exchange(self, request: Request) -> Reply:
        """Coinbase Exchange: public reads only."""
        words = request.path.strip("/").split("/")
        match words:
            case ["time"]:
                now = self.market.now_ms()
                return Reply.json({"iso": stamp(now), "epoch": now / 1_000})
            case ["currencies"]:
                return Reply.json([*map(fiat, FIATS), *map(currency, self.wallets())])
            case ["currencies", asset] if asset in self.market.wallets:
                return Reply.json(currency(self.market.wallets[asset]))
            case ["products"]:
                return Reply.json([exchange_row(x) for x in self.market.listings.values()])
            case ["products", name, "book"] if name in self.market.listings:
                listing = self.market.listings[name]
                size = {"1": 1, "2": 1 << 20}.get(request.asked("level", "1"), 1 << 20)
                sides = {
                    title: [[price, quantity, 1] for price, quantity in levels(side, size)]
                    for title, side in (("bids", listing.bids), ("asks", listing.asks))
                }
                times = {"sequence": listing.last_id, "time": stamp(listing.at_ms)}
                return Reply.json({**sides, **times, "auction_mode": False})
        return Reply.json({"message": "NotFound"}, 404)

    def wallets(self) -> list[Any]:
        return list(self.market.wallets.values())

    def limited(self, request: Request, status: int) -> Reply:
        if not request.path.startswith(("/api/v3/", "/v2/")):
            return Reply.json({"message": "Public rate limit exceeded"}, status)
        if status < 500:
            return Reply.json({"errors": [{"id": "rate_limit_exceeded", "message": ""}]}, status)
        return refused("internal_server_error", "Something went wrong", status)

    def maintenance(self, request: Request) -> Reply:
        if not request.path.startswith(("/api/v3/", "/v2/")):
            return Reply.json({"message": "Service is under maintenance"}, 503)
        return refused("unavailable", "Service is under maintenance", 503)

    # ---- WebSocket ----

    def admits(self, request: Request) -> Reply | None:
        return None if request.path in ("/", "") else refused("NOT_FOUND", "Not found", 404)

    def opened(self, client: Client) -> None:
        now = self.market.now_ms()
        self.lines[client] = Line(now, now)

    def closed(self, client: Client) -> None:
        self.lines.pop(client, None)

    def heard(self, client: Client, text: str) -> None:
        try:
            order = json.loads(text)
            word, channel = order["type"], str(order["channel"])
            products = [str(product) for product in order.get("product_ids") or []]
        except (ValueError, KeyError, TypeError, AttributeError):
            return self.fail(client, "failure to parse message")
        if word not in ("subscribe", "unsubscribe"):
            return self.fail(client, f"type not supported: {word}")
        if "jwt" in order and not self.bearer.fits(str(order["jwt"]), self.market.now_ms()):
            return self.fail(client, "authentication failure")
        if channel == "user" and "jwt" not in order:
            return self.fail(client, "authentication failure")
        if channel not in (*CHANNELS, "heartbeats", "user"):
            return self.fail(client, f"channel not supported: {channel}")
        if unknown := [product for product in products if self.found(product) is None]:
            return self.fail(client, f"{unknown[0]} is not a valid product")
        if channel in CHANNELS and not products:
            return self.fail(client, "product_ids is required")
        return self.follow(client, word, channel, products)

    def follow(self, client: Client, word: str, channel: str, products: list[str]) -> None:
        line = self.lines[client]
        held = line.ids.setdefault(channel, [])
        if word == "subscribe":
            held.extend(product for product in products if product not in held)
        else:
            held[:] = [name for name in held if products and name not in products]
        if word == "unsubscribe" and not held:
            del line.ids[channel]
        kept = {listing.symbol for name in held if (listing := self.found(name)) is not None}
        self.say(client, "subscriptions", [{"subscriptions": line.ids}])
        if channel == "heartbeats":
            (client.subscribe if word == "subscribe" else client.unsubscribe)("heartbeats")
        if channel == "user" and word == "subscribe":
            for event in self.account.snapshot(held):
                self.say(client, "user", [event])
        if channel not in CHANNELS:
            return
        found = [listing for name in products if (listing := self.found(name)) is not None]
        for symbol, listing in {listing.symbol: listing for listing in found}.items():
            if symbol not in kept:
                client.unsubscribe(f"{channel}:{symbol}")
                continue
            client.subscribe(f"{channel}:{symbol}")
            if word == "subscribe":
                self.first(client, channel, listing)

    def first(self, client: Client, channel: str, listing: Listing) -> None:
        event: dict[str, Any] = {"type": "snapshot"}
        if channel == "market_trades":
            if not listing.trades:
                return
            recent = reversed(listing.trades[-FIRST_TRADES:])
            event["trades"] = [print_of(trade, listing.symbol) for trade in recent]
        else:
            event["product_id"] = listing.symbol
            sides = (("bid", listing.bids), ("offer", listing.asks))
            event["updates"] = [row(s, EPOCH, *x) for s, d in sides for x in levels(d, 1 << 20)]
        body = f"[{compact(event)}]"
        self.push(client, *frame(CHANNELS[channel], self.market.now_ms(), body), listing)

    def say(self, client: Client, channel: str, events: list[Any]) -> None:
        """A control message takes its number like any other."""
        head, tail = frame(channel, self.market.now_ms(), compact(events))
        client.send(f"{head}{self.numbered(client)}{tail}")

    def user_says(self, events: list[dict[str, Any]], product: str) -> None:
        """To all who follow the account: all of it, or this product among others."""
        for client, line in self.lines.items():
            asked = line.ids.get("user")
            if asked is not None and (not asked or product in asked):
                self.say(client, "user", events)

    def push(self, client: Client, head: str, tail: str, listing: Listing) -> None:
        client.push(f"{head}{self.numbered(client)}{tail}", listing)

    def numbered(self, client: Client) -> int:
        line = self.lines[client]
        line.sequence += 1
        line.told_ms = self.market.now_ms()
        return line.sequence - 1

    def fail(self, client: Client, message: str) -> None:
        client.send(compact({"type": "error", "message": message}))

    def gap(self, listing: Listing | None) -> None:
        """Numbers are of connections: those that watch the product miss one message."""
        for client, line in self.lines.items():
            topics = {f"{channel}:{listing.symbol}" for channel in CHANNELS} if listing else None
            if topics is None or topics & client.topics:
                line.sequence += 1

    # ---- frames ----

    def update(self, update: Update) -> None:
        listing = update.listing
        topic = f"level2:{listing.symbol}"
        if not self.market.wanted(topic):
            return
        at = stamp(update.at_ms)
        rows = ",".join([*changed("bid", at, update.bids), *changed("offer", at, update.asks)])
        event = f'[{{"type":"update","product_id":"{listing.symbol}","updates":[{rows}]}}]'
        self.spread(topic, *frame("l2_data", update.at_ms + 2, event), listing)

    def trade(self, trade: Trade) -> None:
        listing = trade.listing
        if self.market.wanted(topic := f"market_trades:{listing.symbol}"):
            event = compact([{"type": "update", "trades": [print_of(trade, listing.symbol)]}])
            self.spread(topic, *frame("market_trades", trade.at_ms + 2, event), listing)

    def spread(self, topic: str, head: str, tail: str, listing: Listing) -> None:
        for client in self.market.clients(topic):
            self.push(client, head, tail, listing)

    def second(self, at_ms: int) -> None:
        self.beats += 1
        beat = {"current_time": f"{stamp(at_ms)[:-1]} +0000 UTC", "heartbeat_counter": self.beats}
        for client in list(self.market.clients("heartbeats")):
            self.say(client, "heartbeats", [beat])
        for client, line in list(self.lines.items()):
            late = not line.ids and at_ms - line.opened_ms > FIRST_SUBSCRIBE_MS
            if late and line.sequence == 0:
                client.close(1008, "no subscription within 5 s")
            elif at_ms - line.told_ms > SILENT_MS:
                client.close(1000, "no updates")


def stamp(at_ms: int) -> str:
    """RFC 3339 with microseconds."""
    return f"{second_of(at_ms // 1_000)}.{at_ms % 1_000:03d}000Z"


@lru_cache(maxsize=16)
def second_of(at_s: int) -> str:
    return f"{datetime.fromtimestamp(at_s, UTC):%Y-%m-%dT%H:%M:%S}"


def frame(channel: str, at_ms: int, events: str) -> tuple[str, str]:
    """What stands before and after the sequence number."""
    head = f'{{"channel":"{channel}","client_id":"","timestamp":"{stamp(at_ms)}","sequence_num":'
    return head, f',"events":{events}}}'


def row(side: str, at: str, price: str, quantity: str) -> dict[str, str]:
    return {"side": side, "event_time": at, "price_level": price, "new_quantity": quantity}


def changed(side: str, at: str, changes: list[Change]) -> list[str]:
    head = f'{{"side":"{side}","event_time":"{at}","price_level":"'
    return [f'{head}{price}","new_quantity":"{quantity}"}}' for price, quantity in changes]


def first(side: Side) -> str:
    return side.prices[0] if side.prices else ""


def print_of(trade: Trade, product: str) -> dict[str, str]:
    """side: the taker's, as ccxt, cryptofeed and nautilus read it."""
    return {
        "trade_id": str(trade.id),
        "product_id": product,
        "price": trade.price,
        "size": trade.quantity,
        "time": stamp(trade.at_ms),
        "side": "BUY" if trade.bought else "SELL",
    }


def product_row(listing: Listing, product: str) -> dict[str, Any]:
    alias = product != listing.symbol
    quote = "USDC" if alias else listing.quote
    lot, tick = format(listing.lot, "f"), format(listing.tick, "f")
    other = [f"{listing.base}-USDC"] if listing.quote == "USD" and not alias else []
    return {
        "product_id": product,
        "price": first(listing.bids),
        "base_increment": lot,
        "quote_increment": tick,
        "quote_min_size": listing.minimum_value,
        "quote_max_size": "150000000",
        "base_min_size": lot,
        "base_max_size": "1000000000",
        "base_name": listing.title,
        "quote_name": FIATS.get(quote, quote),
        "is_disabled": False,
        "new": False,
        "status": "online",
        "cancel_only": False,
        "limit_only": False,
        "post_only": False,
        "trading_disabled": False,
        "auction_mode": False,
        "view_only": False,
        "product_type": "SPOT",
        "quote_currency_id": quote,
        "base_currency_id": listing.base,
        "base_display_symbol": listing.base,
        "quote_display_symbol": quote,
        "alias": listing.symbol if alias else "",
        "alias_to": other,
        "price_increment": tick,
        "approximate_quote_24h_volume": "1000000",
        "display_name": product,
        "product_venue": "CBE",
    }


def exchange_row(listing: Listing) -> dict[str, Any]:
    flags = ("post_only", "limit_only", "cancel_only", "trading_disabled", "fx_stablecoin")
    return {
        "id": listing.symbol,
        "base_currency": listing.base,
        "quote_currency": listing.quote,
        "quote_increment": format(listing.tick, "f"),
        "base_increment": format(listing.lot, "f"),
        "display_name": listing.symbol.replace("-", "/"),
        "min_market_funds": listing.minimum_value,
        "margin_enabled": False,
        "status": "online",
        "status_message": "",
        "auction_mode": False,
        **dict.fromkeys(flags, False),
    }


def crypto(asset: str, title: str) -> dict[str, Any]:
    return {
        "code": asset,
        "name": title,
        "exponent": 8,
        "type": "crypto",
        "asset_id": f"sim-{asset.lower()}",
    }


def fiat(code: str) -> dict[str, Any]:
    fields = {"id": code, "name": FIATS[code], "min_size": "0.01", "status": "online"}
    empty: dict[str, Any] = {"default_network": "", "supported_networks": []}
    return {**fields, "max_precision": "0.01", "details": {"type": "fiat"}, **empty}


def currency(wallet: Any) -> dict[str, Any]:
    """A network here has one status for both ways in and out."""
    networks = [
        {
            "id": network.chain.key,
            "name": network.chain.title,
            "status": "online" if network.deposit and network.withdraw else "offline",
            "contract_address": network.contract or "",
            "crypto_address_link": "",
            "crypto_transaction_link": "",
            "min_withdrawal_amount": float(network.minimum),
            "max_withdrawal_amount": 1_000_000,
            "network_confirmations": network.chain.confirmations,
            "processing_time_seconds": 0,
        }
        for network in wallet.networks
    ]
    return {
        "id": wallet.asset,
        "name": wallet.title,
        "min_size": "0.00000001",
        "status": "online",
        "message": "",
        "max_precision": "0.00000001",
        "convertible_to": [],
        "details": {"type": "crypto", "symbol": None},
        "default_network": networks[0]["id"] if networks else "",
        "supported_networks": networks,
        "display_name": wallet.asset,
    }


def refused(error: str, message: str, status: int) -> Reply:
    return Reply.json({"error": error, "error_details": message, "message": message}, status)
