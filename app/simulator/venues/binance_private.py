"""Binance's account (binance.md §3, §4, §7): ids free again after the end, a socket that signs.

A buy's commission is taken of what was bought. A client id is unique among open orders alone: the
same request sent twice executes twice when the first has ended.
"""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from urllib.parse import parse_qsl

from app.simulator.protocol import Client, Market, Network, Reply, Request
from app.simulator.trading import ZERO, Deposit, Fill, NewOrder, Order, Rejected, Withdrawal
from app.simulator.venues.account import Account, exact, plain
from app.simulator.venues.binance_futures import BinanceFutures
from app.simulator.venues.binance_words import (
    CLIENT_ID,
    Fields,
    between,
    client_id,
    created,
    cut,
    failed,
    fixed,
    force,
    illegal,
    kind,
    missing,
    network_row,
    report,
    say,
    status,
    trade,
    turned_away,
    turned_down,
    windowed,
    worth,
)
from app.simulator.venues.wire import compact, number

RECV_WINDOW_MS, RECV_WINDOW_MS_MAX = 5_000, 60_000
AHEAD_MS_MAX = 1_000
ORDERS_PER_10S = 100
"""§5: orders that nobody has filled yet."""
TOPIC = "account"
FORCES = {"GTC": "gtc", "IOC": "ioc", "FOK": "fok"}
NETWORKS = {
    "bitcoin": "BTC",
    "avalanche": "AVAXC",
    "bitcoincash": "BCH",
    "optimism": "OPTIMISM",
    "arbitrum": "ARBITRUM",
}
"""`network` where it is not the chain's ticker."""
WITHDRAWAL_STATUS = {"accepted": 4, "held": 2, "sent": 4, "done": 6, "rejected": 3, "returned": 5}
DEPOSIT_STATUS = {"seen": 0, "held": 8, "credited": 1, "returned": 2}


class BinancePrivate(Account):
    venue = "binance"

    def __init__(self, market: Market) -> None:
        super().__init__(market)
        self._routes: dict[tuple[str, str], Callable[[Fields], Reply]] = {
            ("POST", "/api/v3/order"): self._place,
            ("POST", "/api/v3/order/test"): self._test,
            ("DELETE", "/api/v3/order"): self._cancel,
            ("GET", "/api/v3/order"): self._order,
            ("GET", "/api/v3/openOrders"): self._open_orders,
            ("DELETE", "/api/v3/openOrders"): self._cancel_all,
            ("GET", "/api/v3/allOrders"): self._all_orders,
            ("GET", "/api/v3/myTrades"): self._trades,
            ("GET", "/api/v3/account"): self._account,
            ("GET", "/api/v3/account/commission"): self._commission,
            ("GET", "/api/v3/rateLimit/order"): self._counts,
            ("GET", "/sapi/v1/capital/config/getall"): self._wallets,
            ("GET", "/sapi/v1/asset/tradeFee"): self._trade_fees,
            ("GET", "/sapi/v1/margin/allPairs"): lambda _: Reply.json([]),
            ("GET", "/sapi/v1/margin/isolated/allPairs"): lambda _: Reply.json([]),
            ("POST", "/sapi/v1/capital/withdraw/apply"): self._withdraw,
            ("GET", "/sapi/v1/capital/withdraw/history"): self._withdrawals,
            ("GET", "/sapi/v1/capital/deposit/hisrec"): self._deposits,
            ("GET", "/sapi/v1/capital/deposit/address"): self._address,
        }
        if market.desk.futures is not None:
            self._routes |= BinanceFutures(market.listings, market.desk.futures).routes
        self._window, self._unfilled = 0, 0

    # ---- who asks ----------------------------------------------------------------------------

    def http(self, request: Request) -> Reply | None:
        """None: it is no path of an account."""
        route = self._routes.get((request.method, request.path))
        if route is None:
            return None
        text = request.query + request.body.decode("latin-1")
        refused = self.refused(text, request.headers.get("x-mbx-apikey", ""))
        if refused is not None:
            return refused
        asked = dict(parse_qsl(request.query) + parse_qsl(request.body.decode("latin-1")))
        reply = route(asked)
        if request.path != "/api/v3/order" or request.method == "GET":
            return reply
        return reply.with_headers(("X-MBX-ORDER-COUNT-10S", str(self._unfilled)))

    def refused(self, text: str, key: str) -> Reply | None:
        """§4: HMAC-SHA256 in hex over query and body as sent, `signature` last."""
        keys = self.market.keys
        if key != keys.key:
            return failed(401, -2015, "Invalid API-key, IP, or permissions for action.")
        signed, _, given = text.rpartition("&signature=")
        late = self._late(dict(parse_qsl(signed)))
        if not signed or late is not None:
            return late or failed(400, -1102, "Mandatory parameter 'signature' was not sent.")
        if not hmac.compare_digest(self._signature(signed), given.lower()):
            return failed(400, -1022, "Signature for this request is not valid.")
        return None

    def _late(self, asked: Fields) -> Reply | None:
        at_ms = number(asked.get("timestamp", ""), -1)
        window = asked.get("recvWindow", str(RECV_WINDOW_MS)).partition(".")[0]
        window_ms = number(window, RECV_WINDOW_MS)
        now_ms = self.market.now_ms()
        if at_ms < 0:
            return failed(400, -1102, "Mandatory parameter 'timestamp' was not sent.")
        if window_ms > RECV_WINDOW_MS_MAX:
            return failed(400, -1131, "recvWindow must be less than 60000.")
        if at_ms >= now_ms + AHEAD_MS_MAX or now_ms - at_ms > window_ms:
            return failed(400, -1021, "Timestamp for this request is outside of the recvWindow.")
        return None

    def _signature(self, text: str) -> str:
        return hmac.new(self.market.keys.secret.encode(), text.encode(), hashlib.sha256).hexdigest()

    # ---- orders ------------------------------------------------------------------------------

    def _asked(self, asked: Fields) -> NewOrder | Reply:
        listing = self.listing(asked.get("symbol"))
        if listing is None:
            return failed(400, -1121, "Invalid symbol.")
        side, kind, force = asked.get("side"), asked.get("type"), asked.get("timeInForce")
        if side not in ("BUY", "SELL"):
            return failed(400, -1117, "Invalid side.")
        bought, client_id = side == "BUY", asked.get("newClientOrderId")
        if client_id is not None and not CLIENT_ID.fullmatch(client_id):
            return illegal("newClientOrderId")
        price, quantity = exact(asked.get("price")), exact(asked.get("quantity"))
        funds = exact(asked.get("quoteOrderQty"))
        if kind == "MARKET" and (quantity is None) != (funds is None) and price is None:
            if funds is not None and not bought:
                quantity = worth(listing, funds)
                funds = None
            word = "spend" if funds is not None else "market"
            return NewOrder(listing, client_id, bought, word, None, quantity, funds, "ioc")
        if kind == "LIMIT" and force not in FORCES:
            return missing("timeInForce")
        if price is None or quantity is None:
            return missing("price" if price is None else "quantity")
        if kind == "LIMIT":
            given = FORCES[str(force)]
            return NewOrder(listing, client_id, bought, "limit", price, quantity, None, given)
        if kind == "LIMIT_MAKER":
            return NewOrder(listing, client_id, bought, "limit", price, quantity, None, "post")
        return failed(400, -1116, "Invalid orderType.")

    def _place(self, asked: Fields) -> Reply:
        order = self._asked(asked)
        if isinstance(order, Reply):
            return order
        window = self.market.now_ms() // 10_000
        if window != self._window:
            self._window, self._unfilled = window, 0
        if self._unfilled >= ORDERS_PER_10S:
            return failed(429, -1015, "Too many new orders; current limit is 100 per 10 SECOND.")
        try:
            placed = self.market.desk.place(order)
        except Rejected as refusal:
            return turned_down(refusal)
        self._unfilled += placed.status != "filled"
        told = {
            "symbol": placed.listing.symbol,
            "orderId": placed.number,
            "orderListId": -1,
            "clientOrderId": client_id(placed),
            "transactTime": placed.updated_ms,
        }
        kind = asked.get("newOrderRespType", "FULL")
        if kind == "ACK":
            return Reply.json(told)
        told |= self._row(placed, with_times=False)
        if kind == "FULL":
            told["fills"] = [
                {
                    "price": fixed(fill.price),
                    "qty": fixed(fill.quantity),
                    "commission": fixed(fill.fee),
                    "commissionAsset": fill.fee_asset,
                    "tradeId": fill.id,
                }
                for fill in placed.fills
            ]
        return Reply.json(told)

    def _test(self, asked: Fields) -> Reply:
        order = self._asked(asked)
        return order if isinstance(order, Reply) else Reply.json({})

    def _found(self, asked: Fields) -> Order | None:
        desk, name = self.market.desk, asked.get("origClientOrderId", "")
        order = desk.order(asked["orderId"]) if asked.get("orderId") else None
        if order is None and name and not asked.get("orderId"):
            order = next(iter(desk.by_client_id(name)), None)
            order = order or next((one for one in desk.orders() if client_id(one) == name), None)
        return order if order and order.listing.symbol == asked.get("symbol") else None

    def _order(self, asked: Fields) -> Reply:
        if self.listing(asked.get("symbol")) is None:
            return failed(400, -1121, "Invalid symbol.")
        order = self._found(asked)
        if order is None:
            return failed(400, -2013, "Order does not exist.")
        return Reply.json(self._row(order))

    def _cancel(self, asked: Fields) -> Reply:
        order = self._found(asked)
        if order is None:
            return failed(400, -2011, "Unknown order sent.")
        try:
            self.market.desk.cancel(order)
        except Rejected as refusal:
            return turned_down(refusal)
        return Reply.json(self._cancelled(order, asked.get("newClientOrderId")))

    def _cancelled(self, order: Order, name: str | None) -> dict[str, Any]:
        return {
            **self._row(order, with_times=False),
            "origClientOrderId": client_id(order),
            "clientOrderId": name or f"cancel{order.number}",
            "transactTime": order.updated_ms,
        }

    def _cancel_all(self, asked: Fields) -> Reply:
        listing = self.listing(asked.get("symbol"))
        if listing is None:
            return failed(400, -1121, "Invalid symbol.")
        rows = []
        for order in self.market.desk.orders(listing):
            if order.status == "open":
                self.market.desk.cancel(order)
                rows.append(self._cancelled(order, None))
        if not rows:
            return failed(400, -2011, "Unknown order sent.")
        return Reply.json(rows)

    def _open_orders(self, asked: Fields) -> Reply:
        listing = self.listing(asked.get("symbol"))
        rows = [one for one in self.market.desk.orders(listing) if one.status == "open"]
        return Reply.json([self._row(one) for one in rows[::-1]])

    def _all_orders(self, asked: Fields) -> Reply:
        """Oldest first: from an id, of a time, or the newest."""
        listing = self.listing(asked.get("symbol"))
        if listing is None:
            return missing("symbol")
        orders = list(self.market.desk.orders(listing))[::-1]
        picked = windowed(orders, asked, "orderId", lambda one: one.number, created)
        return (
            picked if isinstance(picked, Reply) else Reply.json([self._row(one) for one in picked])
        )

    def _trades(self, asked: Fields) -> Reply:
        listing = self.listing(asked.get("symbol"))
        if listing is None:
            return missing("symbol")
        fills = list(self.market.desk.fills(listing))[::-1]
        if name := asked.get("orderId"):
            fills = [one for one in fills if one.order.id == name]
        picked = windowed(fills, asked, "fromId", lambda one: one.id, lambda one: one.at_ms)
        return picked if isinstance(picked, Reply) else Reply.json([trade(one) for one in picked])

    def _row(self, order: Order, *, with_times: bool = True) -> dict[str, Any]:
        quantity = order.quantity if order.quantity is not None else order.filled
        row = {
            "symbol": order.listing.symbol,
            "orderId": order.number,
            "orderListId": -1,
            "clientOrderId": client_id(order),
            "price": fixed(order.price or ZERO),
            "origQty": fixed(quantity),
            "executedQty": fixed(order.filled),
            "origQuoteOrderQty": fixed(order.funds or ZERO),
            "cummulativeQuoteQty": fixed(order.value),
            "status": status(order),
            "timeInForce": force(order),
            "type": kind(order),
            "side": "BUY" if order.bought else "SELL",
            "workingTime": order.created_ms,
            "selfTradePreventionMode": "EXPIRE_MAKER",
        }
        if not with_times:
            return row
        times = {"time": order.created_ms, "updateTime": order.updated_ms, "isWorking": True}
        return {**row, "stopPrice": fixed(ZERO), "icebergQty": fixed(ZERO), **times}

    # ---- money -------------------------------------------------------------------------------

    def _account(self, asked: Fields) -> Reply:
        terms = self.market.desk.terms
        all_of_them = asked.get("omitZeroBalances") != "true"
        rates = {
            "maker": plain(terms.maker_bps / 10_000),
            "taker": plain(terms.taker_bps / 10_000),
            "buyer": "0.00000000",
            "seller": "0.00000000",
        }
        return Reply.json(
            {
                "makerCommission": int(terms.maker_bps),
                "takerCommission": int(terms.taker_bps),
                "buyerCommission": 0,
                "sellerCommission": 0,
                "commissionRates": rates,
                "canTrade": True,
                "canWithdraw": True,
                "canDeposit": True,
                "brokered": False,
                "requireSelfTradePrevention": False,
                "preventSor": False,
                "updateTime": self.market.now_ms(),
                "accountType": "SPOT",
                "balances": [
                    {"asset": asset, "free": fixed(purse.free), "locked": fixed(purse.locked)}
                    for asset, purse in self.market.desk.purses().items()
                    if all_of_them or purse.free or purse.locked
                ],
                "permissions": ["SPOT"],
                "uid": 1,
            }
        )

    def _commission(self, asked: Fields) -> Reply:
        listing = self.listing(asked.get("symbol"))
        if listing is None:
            return failed(400, -1121, "Invalid symbol.")
        terms = self.market.desk.terms
        rates = {
            "maker": plain(terms.maker_bps / 10_000),
            "taker": plain(terms.taker_bps / 10_000),
            "buyer": "0.00000000",
            "seller": "0.00000000",
        }
        none = dict.fromkeys(rates, "0.00000000")
        discount = {"enabledForAccount": False, "enabledForSymbol": False, "discountAsset": "BNB"}
        return Reply.json(
            {
                "symbol": listing.symbol,
                "standardCommission": rates,
                "specialCommission": none,
                "taxCommission": none,
                "discount": {**discount, "discount": "0.75000000"},
            }
        )

    def _trade_fees(self, asked: Fields) -> Reply:
        terms, name = self.market.desk.terms, asked.get("symbol")
        rates = {
            "makerCommission": plain(terms.maker_bps / 10_000),
            "takerCommission": plain(terms.taker_bps / 10_000),
        }
        symbols = [one for one in self.market.listings if name in (None, "", one)]
        return Reply.json([{"symbol": symbol, **rates} for symbol in symbols])

    def _counts(self, _asked: Fields) -> Reply:
        row = {"rateLimitType": "ORDERS", "interval": "SECOND", "intervalNum": 10}
        return Reply.json([{**row, "limit": ORDERS_PER_10S, "count": self._unfilled}])

    def _wallets(self, _asked: Fields) -> Reply:
        purses = self.market.desk.purses()
        return Reply.json(
            [
                {
                    "coin": wallet.asset,
                    "depositAllEnable": any(network.deposit for network in wallet.networks),
                    "withdrawAllEnable": any(network.withdraw for network in wallet.networks),
                    "name": wallet.title,
                    "free": plain(purses[wallet.asset].free),
                    "locked": plain(purses[wallet.asset].locked),
                    "freeze": "0",
                    "withdrawing": "0",
                    "ipoing": "0",
                    "ipoable": "0",
                    "storage": "0",
                    "isLegalMoney": False,
                    "trading": True,
                    "networkList": [
                        network_row(wallet.asset, one, self.named(one), default=index == 0)
                        for index, one in enumerate(wallet.networks)
                    ],
                }
                for wallet in self.market.wallets.values()
            ]
        )

    def named(self, network: Network) -> str:
        return NETWORKS.get(network.chain.key, network.chain.ticker)

    def _named_network(self, asked: Fields) -> Network | Reply:
        """Without a name: the asset's first, which is its default."""
        asset = asked.get("coin", "")
        networks = self.networks(asset)
        if not networks:
            return turned_away(Rejected("unknown_asset"))
        if not asked.get("network"):
            return networks[0]
        found = self.network(asset, asked["network"])
        return found or turned_away(Rejected("unknown_network"))

    def _withdraw(self, asked: Fields) -> Reply:
        """`amount` is what leaves the account: the fee is taken of it."""
        network, amount = self._named_network(asked), exact(asked.get("amount"))
        if isinstance(network, Reply):
            return network
        if amount is None or not asked.get("address"):
            return missing("address" if amount else "amount")
        arrives = amount - Decimal(network.fee)
        name = asked.get("withdrawOrderId")
        try:
            done = self.market.desk.withdraw(
                asked["coin"], network.chain.key, asked["address"], asked.get("addressTag", ""),
                arrives, name,
            )  # fmt: skip
        except Rejected as refusal:
            return turned_away(refusal)
        return Reply.json({"id": done.id})

    def _withdrawals(self, asked: Fields) -> Reply:
        """The last week where nothing else is asked."""
        rows = self.market.desk.withdrawals(asked.get("coin"))
        if name := asked.get("withdrawOrderId"):
            rows = [one for one in rows if one.client_id == name]
        rows = between(rows, asked, created, self.market.now_ms())
        told = [self._withdrawal(one) for one in rows]
        if asked.get("status"):
            told = [row for row in told if str(row["status"]) == asked["status"]]
        return Reply.json(cut(told, asked))

    def _withdrawal(self, one: Withdrawal) -> dict[str, Any]:
        row = {
            "id": one.id,
            "amount": plain(one.amount),
            "transactionFee": plain(one.fee),
            "coin": one.asset,
            "status": WITHDRAWAL_STATUS[one.status],
            "address": one.address,
            "addressTag": one.tag,
            "txId": one.txid or "",
            "applyTime": f"{datetime.fromtimestamp(one.created_ms / 1_000, UTC):%Y-%m-%d %H:%M:%S}",
            "network": self.chain_of(one.asset, one.network),
            "transferType": 0,
            "confirmNo": 0,
            "walletType": 0,
            "txKey": "",
        }
        return {**row, "withdrawOrderId": one.client_id} if one.client_id else row

    def _deposits(self, asked: Fields) -> Reply:
        rows = self.market.desk.deposits(asked.get("coin"))
        if txid := asked.get("txId"):
            rows = [one for one in rows if one.txid == txid]
        rows = between(rows, asked, created, self.market.now_ms())
        return Reply.json(cut([self._deposit(one) for one in rows], asked))

    def _deposit(self, one: Deposit) -> dict[str, Any]:
        address, tag = self.market.desk.address(one.asset, one.network)
        return {
            "id": one.id,
            "amount": plain(one.amount),
            "coin": one.asset,
            "network": self.chain_of(one.asset, one.network),
            "status": DEPOSIT_STATUS[one.status],
            "address": address,
            "addressTag": tag,
            "txId": one.txid,
            "insertTime": one.created_ms,
            "transferType": 0,
            "confirmTimes": f"{one.confirmations}/{one.confirmations_needed}",
            "unlockConfirm": 0,
            "walletType": 0,
        }

    def _address(self, asked: Fields) -> Reply:
        network = self._named_network(asked)
        if isinstance(network, Reply):
            return network
        address, tag = self.market.desk.address(asked["coin"], network.chain.key)
        return Reply.json({"coin": asked["coin"], "address": address, "tag": tag, "url": ""})

    # ---- user stream -------------------------------------------------------------------------

    def name(self, kind: str, number: int) -> str | None:
        if kind in ("order", "fill"):
            return str(number)
        made = hashlib.sha256(f"{self.venue} {kind} {number}".encode()).hexdigest()
        return made[:32]

    def heard(self, client: Client, text: str) -> None:
        """/ws-api/v3: one answer for each request."""
        try:
            asked = json.loads(text)
            identity, method = asked.get("id"), asked["method"]
            params = asked.get("params") or {}
        except (ValueError, KeyError, AttributeError):
            say(client, None, 400, error={"code": -1102, "msg": "Invalid request"})
            return
        match method:
            case "ping":
                say(client, identity, 200, result={})
            case "time":
                say(client, identity, 200, result={"serverTime": self.market.now_ms()})
            case "userDataStream.subscribe.signature":
                self._join(client, identity, params)
            case "userDataStream.unsubscribe":
                client.unsubscribe(TOPIC)
                say(client, identity, 200, result={})
            case _:
                say(client, identity, 400, error={"code": -1130, "msg": "Invalid method"})

    def _join(self, client: Client, identity: Any, params: dict[str, Any]) -> None:
        """§4: the parameters in the order of their names."""
        fields = {key: str(value) for key, value in params.items()}
        given = fields.pop("signature", "")
        text = "&".join(f"{key}={value}" for key, value in sorted(fields.items()))
        refused = self.refused(f"{text}&signature={given}", fields.get("apiKey", ""))
        if refused is not None:
            say(client, identity, refused.status, error=json.loads(refused.body))
            return
        client.state["subscription"] = client.state.get("subscription", -1) + 1
        client.subscribe(TOPIC)
        say(client, identity, 200, result={"subscriptionId": client.state["subscription"]})

    def _event(self, event: dict[str, Any]) -> None:
        for client in self.market.clients(TOPIC):
            wrapped = {"subscriptionId": client.state["subscription"], "event": event}
            client.send(compact(wrapped))

    def order_changed(self, order: Order, fill: Fill | None) -> None:
        """`NEW`, `TRADE` for each fill, `CANCELED` or `EXPIRED`."""
        self._event(report(order, fill, self.market.now_ms()))

    def purse_changed(self, assets: Iterable[str]) -> None:
        now, purses = self.market.now_ms(), self.market.desk.purses()
        rows = [
            {"a": asset, "f": fixed(purses[asset].free), "l": fixed(purses[asset].locked)}
            for asset in assets
        ]
        self._event({"e": "outboundAccountPosition", "E": now, "u": now, "B": rows})

    def withdrawal_changed(self, withdrawal: Withdrawal) -> None:
        if withdrawal.status in ("accepted", "rejected", "returned"):
            fee = ZERO if withdrawal.status == "returned" else withdrawal.fee
            moved = withdrawal.amount + fee
            self._moved(withdrawal.asset, -moved if withdrawal.status == "accepted" else moved)

    def deposit_changed(self, deposit: Deposit) -> None:
        if deposit.status == "credited":
            self._moved(deposit.asset, deposit.amount)

    def _moved(self, asset: str, amount: Decimal) -> None:
        now = self.market.now_ms()
        event = {"e": "balanceUpdate", "E": now, "a": asset, "d": fixed(amount), "T": now}
        self._event(event)
