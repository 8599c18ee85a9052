"""Bitget spot v2: `books` with CRC32, whole windows on booksN, text pings. See bitget.md."""

from __future__ import annotations

import json
import zlib
from collections.abc import Iterator
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
from app.simulator.venues.bitget_private import BitgetPrivate
from app.simulator.venues.chains import chain_name
from app.simulator.venues.wire import MINUTE_MS, compact, levels, number, rows

STREAMS = ("/v2/ws/public", "/v2/ws/private")
WINDOWS = {"books1": 1, "books5": 5, "books15": 15}
CHECKED = 25
"""Levels per side that the checksum covers."""
FIRST_TRADES = 50
CHANNELS_MAX, SUBSCRIBES_PER_HOUR = 1_000, 240
LIMITS = {"/api/v2/spot/public/coins": 3}
"""Requests per endpoint and second; others 20."""
MINUTE_LIMIT = 6_000


class Bitget(Dialect):
    venue = "bitget"
    rules = Rules(
        quotes=("USDT", "USDC"), minimum_value={"USDT": "1", "USDC": "1"}, cadence=0.8, delay_ms=70
    )
    keep_alive = KeepAlive(unheard_s=120, life_s=24 * 3_600, messages_per_s=10)
    # `seq` does not step by one and no frame names the one before: a hole shows in the checksum.
    faults_without = frozenset({"gap"})

    def begin(self) -> None:
        self.minute = Budget(MINUTE_LIMIT, 60)
        self.budgets: dict[str, Budget] = {}
        self.account = self.private = BitgetPrivate(self.market)

    @staticmethod
    def symbol(base: str, quote: str) -> str:
        return f"{base}{quote}"

    # ---- REST ----

    def http(self, request: Request) -> Reply:
        now = self.market.now_ms()
        if self.minute.take("", 1, now) > MINUTE_LIMIT:
            return self.limited(request, 429)
        if (reply := self.account.http(request)) is not None:
            return reply
        budget = self.budgets.setdefault(request.path, Budget(LIMITS.get(request.path, 20), 1))
        if budget.take("", 1, now) > budget.limit:
            return self.limited(request, 429)
        match request.path:
            case "/api/v2/public/time":
                return self.done({"serverTime": str(now)})
            case "/api/v2/spot/public/symbols":
                return self.instruments(request.asked("symbol"))
            case "/api/v2/spot/public/coins":
                return self.coins(request.asked("coin"))
            case "/api/v2/margin/currencies" | "/api/v2/mix/market/contracts":
                return self.done([])
            case "/api/v3/account/settings":
                text = "You are in Classic Account mode, and the Unified Account API is not "
                return self.refused("40084", text + "supported at this time")
        if request.path.startswith("/api/v2/spot/market/"):
            return self.of_symbol(request)
        return self.refused("40404", "Request URL NOT FOUND", 404)

    def done(self, value: Any) -> Reply:
        return self.account.done(value)

    def refused(self, code: str, message: str, status: int = 400) -> Reply:
        return self.account.refused(code, message, status)

    def instruments(self, asked: str) -> Reply:
        listings = self.market.listings
        if not asked:
            return self.done([instrument(listing) for listing in listings.values()])
        if asked not in listings:
            return self.refused("40034", f"Parameter {asked} does not exist")
        return self.done([instrument(listings[asked])])

    def coins(self, asked: str) -> Reply:
        if asked and asked not in self.market.wallets:
            return self.refused("40034", f"Parameter {asked} does not exist")
        found = [
            {
                "coinId": str(number),
                "coin": wallet.asset,
                "transfer": "true",
                "chains": [
                    {
                        "chain": chain_name("bitget", network.chain),
                        "needTag": truth(network.chain.key == "ripple"),
                        "withdrawable": truth(network.withdraw),
                        "rechargeable": truth(network.deposit),
                        "withdrawFee": network.fee,
                        "extraWithdrawFee": "0",
                        "depositConfirm": str(network.chain.confirmations),
                        "withdrawConfirm": str(network.chain.confirmations),
                        "minDepositAmount": network.minimum,
                        "minWithdrawAmount": network.minimum,
                        "browserUrl": "https://example.org/tx/",
                        "contractAddress": network.contract,
                        "withdrawStep": "0",
                        "withdrawMinScale": str(network.decimals),
                        "congestion": "normal",
                    }
                    for network in wallet.networks
                ],
            }
            for number, wallet in enumerate(self.market.wallets.values(), 1)
            if asked in ("", wallet.asset)
        ]
        return self.done(found)

    def of_symbol(self, request: Request) -> Reply:
        symbol = request.asked("symbol")
        if (listing := self.market.listings.get(symbol)) is None:
            return self.refused("40034", f"Parameter {symbol} does not exist")
        match request.path.rpartition("/")[2]:
            case "orderbook":
                size = max(1, min(150, number(request.asked("limit"), 150)))
                book = {"asks": levels(listing.asks, size), "bids": levels(listing.bids, size)}
                return self.done({**book, "ts": str(listing.at_ms)})
            case "fills":
                size = max(1, min(500, number(request.asked("limit"), 100)))
                return self.done([print_of(trade) for trade in reversed(listing.trades[-size:])])
            case "candles":
                return self.candles(request, listing, 1_000)
            case "history-candles":
                return self.candles(request, listing, 200)
        return self.refused("40404", "Request URL NOT FOUND", 404)

    def candles(self, request: Request, listing: Listing, most: int) -> Reply:
        """Oldest first."""
        if request.asked("granularity") != "1min":
            return self.refused("400171", "Parameter verification failed granularity")
        limit = max(1, min(most, number(request.asked("limit"), 100)))
        now = self.market.now_ms()
        end_ms = min(number(request.asked("endTime"), now) + 1, now)
        start_ms = max(number(request.asked("startTime"), 0), end_ms - limit * MINUTE_MS)
        found = self.market.candles(listing, start_ms, end_ms)
        return self.done(
            [
                [str(c.start_ms), c.open, c.high, c.low, c.close, c.volume, c.value, c.value]
                for c in found[-limit:]
            ]
        )

    def limited(self, request: Request, status: int) -> Reply:
        if status < 500:
            return self.refused("429", "Too Many Requests", status)
        return self.refused("45001", "Unknown error", status)

    def maintenance(self, request: Request) -> Reply:
        return self.refused("40200", "Server upgrade, please try again later", 503)

    # ---- WebSocket ----

    def admits(self, request: Request) -> Reply | None:
        known = request.path in STREAMS
        return None if known else self.refused("40404", "Request URL NOT FOUND", 404)

    def opened(self, client: Client) -> None:
        client.state = {"login": False, "asked": []}

    def heard(self, client: Client, text: str) -> None:
        if text == "ping":
            return client.send("pong")
        try:
            order = json.loads(text)
            word, arguments = order["op"], order["args"]
            known = isinstance(arguments, list) and all(isinstance(a, dict) for a in arguments)
        except (ValueError, KeyError, TypeError):
            return self.fail(client, 30002, "Illegal request")
        if word == "login" and known:
            return self.login(client, arguments[0] if arguments else {})
        if word not in ("subscribe", "unsubscribe") or not known:
            return self.fail(client, 30003, "Invalid op")
        now, asked = self.market.now_ms(), client.state["asked"]
        asked[:] = [at for at in asked if at > now - 3_600_000] + [now]
        if len(asked) > SUBSCRIBES_PER_HOUR:
            return self.fail(client, 30006, "The request is too frequent")
        for argument in arguments:
            self.follow(client, word, argument)
        return None

    def follow(self, client: Client, word: str, argument: dict[str, Any]) -> None:
        kind, channel = argument.get("instType"), str(argument.get("channel"))
        symbol = str(argument.get("instId"))
        acknowledgement = compact({"event": word, "arg": argument})
        if client.path == STREAMS[1]:
            if not client.state["login"]:
                return self.fail(client, 30004, "User needs to log in", argument)
            if not self.account.follow(client, word, argument):
                text = f"instType:{kind},channel:{channel},instId:{symbol} doesn't exist"
                return self.fail(client, 30001, text, argument)
            return client.send(acknowledgement) if word == "unsubscribe" else None
        listing = self.market.listings.get(symbol)
        served = channel in WINDOWS or channel in ("books", "trade")
        if kind != "SPOT" or listing is None or not served:
            text = f"instType:{kind},channel:{channel},instId:{symbol} doesn't exist"
            return self.fail(client, 30001, text, argument)
        if word == "subscribe" and len(client.topics) >= CHANNELS_MAX:
            self.fail(client, 30007, "Over limit, connection close", argument)
            return client.close(1008, "over limit")
        topic = f"{channel}:{symbol}"
        client.send(acknowledgement)
        if word == "unsubscribe":
            return client.unsubscribe(topic)
        client.subscribe(topic)
        if channel == "trade":
            if found := [print_of(trade) for trade in reversed(listing.trades[-FIRST_TRADES:])]:
                client.push(self.printed("snapshot", listing, found), listing)
            return None
        return client.push(self.whole(channel, listing), listing)

    def fail(
        self, client: Client, code: int, message: str, argument: dict[str, Any] | None = None
    ) -> None:
        about = {"arg": argument} if argument is not None else {}
        client.send(compact({"event": "error", **about, "code": code, "msg": message}))

    def login(self, client: Client, given: dict[str, Any]) -> None:
        if (refusal := self.account.login(given)) is not None:
            return self.fail(client, *refusal)
        client.state["login"] = True
        return client.send(compact({"event": "login", "code": 0, "msg": ""}))

    # ---- frames ----

    def head(self, action: str, channel: str, symbol: str) -> str:
        argument = f'"instType":"SPOT","channel":"{channel}","instId":"{symbol}"'
        return f'{{"action":"{action}","arg":{{{argument}}},"data":'

    def whole(self, channel: str, listing: Listing) -> str:
        size = WINDOWS.get(channel, 1 << 20)
        asks, bids = ",".join(listing.asks.rows[:size]), ",".join(listing.bids.rows[:size])
        return (
            f"{self.head('snapshot', channel, listing.symbol)}"
            f'[{{"asks":[{asks}],"bids":[{bids}],"checksum":0,"seq":{listing.last_id},'
            f'"ts":"{listing.at_ms}"}}],"ts":{listing.at_ms + 3}}}'
        )

    def update(self, update: Update) -> None:
        market, listing = self.market, update.listing
        symbol = listing.symbol
        for channel in WINDOWS:
            if market.wanted(topic := f"{channel}:{symbol}"):
                market.publish(topic, self.whole(channel, listing), listing)
        if not market.wanted(topic := f"books:{symbol}"):
            return
        checksum = checksum_of(listing)
        if market.wrong_checksum(listing):
            checksum = ~checksum
        text = (
            f"{self.head('update', 'books', symbol)}"
            f'[{{"asks":[{rows(update.asks)}],"bids":[{rows(update.bids)}],"checksum":{checksum},'
            f'"seq":{listing.last_id},"ts":"{update.at_ms}"}}],"ts":{update.at_ms + 3}}}'
        )
        market.publish(topic, text, listing)

    def trade(self, trade: Trade) -> None:
        topic = f"trade:{trade.listing.symbol}"
        if self.market.wanted(topic):
            text = self.printed("update", trade.listing, [print_of(trade)])
            self.market.publish(topic, text, trade.listing)

    def printed(self, action: str, listing: Listing, found: list[dict[str, Any]]) -> str:
        names = ("ts", "price", "size", "side", "tradeId")
        rows = [{name: row[name] for name in names} for row in found]
        head = self.head(action, "trade", listing.symbol)
        return f'{head}{compact(rows)},"ts":{self.market.now_ms()}}}'


def checksum_of(listing: Listing) -> int:
    """CRC32, signed, of `bid:size:ask:size:…`; a side that ended is skipped."""
    return int.from_bytes(zlib.crc32(":".join(parts(listing)).encode()).to_bytes(4), signed=True)


def parts(listing: Listing) -> Iterator[str]:
    bids, asks = listing.bids, listing.asks
    for index in range(CHECKED):
        for side in (bids, asks):
            if index < len(side.prices):
                yield side.prices[index]
                yield side.quantities[index]


def print_of(trade: Trade) -> dict[str, Any]:
    return {
        "symbol": trade.listing.symbol,
        "tradeId": str(trade.id),
        "side": "buy" if trade.bought else "sell",
        "price": trade.price,
        "size": trade.quantity,
        "ts": str(trade.at_ms),
    }


def instrument(listing: Listing) -> dict[str, Any]:
    return {
        "symbol": listing.symbol,
        "baseCoin": listing.base,
        "quoteCoin": listing.quote,
        "minTradeAmount": "0",
        "maxTradeAmount": "10000000000",
        "takerFeeRate": "0.002",
        "makerFeeRate": "0.002",
        "pricePrecision": str(listing.price_decimals),
        "quantityPrecision": str(listing.lot_decimals),
        "quotePrecision": "8",
        "status": "online",
        "minTradeUSDT": listing.minimum_value,
        "buyLimitPriceRatio": "0.05",
        "sellLimitPriceRatio": "0.05",
        "areaSymbol": "no",
        "orderQuantity": "200",
        "openTime": "1532454360000",
        "offTime": "",
    }


def truth(value: bool) -> str:
    return "true" if value else "false"
