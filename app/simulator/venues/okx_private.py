"""OKX's account (okx.md §3, §4, §7): a code outside and one per item, ids unique while pending.

One purse stands behind the funding and the trading account: a transfer between them moves nothing.
"""

from __future__ import annotations

import hmac
import re
from collections.abc import Callable, Iterable, Sequence
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.simulator.budget import Budget
from app.simulator.protocol import Client, Network, Reply, Request
from app.simulator.trading import ZERO, Deposit, Fill, NewOrder, Order, Rejected, Withdrawal
from app.simulator.venues.account import Account, average, exact, plain
from app.simulator.venues.chains import chain_name
from app.simulator.venues.okx_words import (
    DEPOSIT_STATES,
    FUNDS_REFUSALS,
    LIMITS,
    PERMISSIONS,
    REFUSALS,
    WITHDRAWAL_STATES,
    Fields,
    body_of,
    currency,
    detail,
    done,
    kind,
    negative,
    refused,
    signature,
    state,
    times,
)
from app.simulator.venues.wire import compact, number

CLOCK_MS = 30_000
PAGE = 100
WEEK_MS = 7 * 86_400_000
CLIENT_ID = re.compile(r"[A-Za-z0-9]{1,32}")
FORCES = {"limit": "gtc", "post_only": "post", "fok": "fok", "ioc": "ioc"}
BATCH_MAX = 20
ORDERS, BALANCES = "account orders", "account balances"


class OkxPrivate(Account):
    venue = "okx"

    def begin(self) -> None:
        self._budgets: dict[tuple[str, str], Budget] = {}
        self._transfers = 0
        self._routes: dict[tuple[str, str], Callable[[Request], Reply]] = {
            ("POST", "/api/v5/trade/order"): self._place,
            ("POST", "/api/v5/trade/batch-orders"): self._place_many,
            ("POST", "/api/v5/trade/cancel-order"): self._cancel,
            ("POST", "/api/v5/trade/cancel-batch-orders"): self._cancel_many,
            ("GET", "/api/v5/trade/order"): self._order,
            ("GET", "/api/v5/trade/orders-pending"): self._pending,
            ("GET", "/api/v5/trade/orders-history"): self._history,
            ("GET", "/api/v5/trade/orders-history-archive"): self._history,
            ("GET", "/api/v5/trade/fills"): self._fills,
            ("GET", "/api/v5/trade/fills-history"): self._fills,
            ("GET", "/api/v5/account/balance"): self._balance,
            ("GET", "/api/v5/account/config"): self._config,
            ("GET", "/api/v5/account/trade-fee"): self._fee,
            ("GET", "/api/v5/asset/balances"): lambda _: done([]),
            ("GET", "/api/v5/asset/currencies"): self._currencies,
            ("POST", "/api/v5/asset/transfer"): self._transfer,
            ("POST", "/api/v5/asset/withdrawal"): self._withdraw,
            ("GET", "/api/v5/asset/withdrawal-history"): self._withdrawals,
            ("GET", "/api/v5/asset/deposit-history"): self._deposits,
            ("GET", "/api/v5/asset/deposit-address"): self._addresses,
        }

    # ---- who asks ----------------------------------------------------------------------------

    def http(self, request: Request) -> Reply | None:
        """None: it is no path of an account."""
        place = (request.method, request.path)
        route = self._routes.get(place)
        if route is None:
            return None
        budget = self._budgets.setdefault(place, Budget(LIMITS.get(place, 20), 2))
        if budget.take(self._counted(request), 1, self.market.now_ms()) > budget.limit:
            return refused("50011", "Too Many Requests", 429)
        return self.unsigned(request) or self._expired(request) or route(request)

    def _counted(self, request: Request) -> str:
        """§5: orders and cancels count by instrument."""
        if request.path not in ("/api/v5/trade/order", "/api/v5/trade/cancel-order"):
            return ""
        asked = body_of(request)
        return str(asked.get("instId", "")) if isinstance(asked, dict) else ""

    def unsigned(self, request: Request) -> Reply | None:
        """None: the signature is right. base64(HMAC(time + METHOD + path?query + body))."""
        keys, given = self.market.keys, request.headers
        for name in ("key", "sign", "timestamp", "passphrase"):
            if not given.get(f"ok-access-{name}"):
                text = f"Request header OK-ACCESS-{name.upper()} cannot be empty."
                return refused("50103", text, 401)
        stamp = given["ok-access-timestamp"]
        try:
            at = datetime.fromisoformat(stamp)
        except ValueError:
            return refused("50112", "Invalid OK-ACCESS-TIMESTAMP", 401)
        if abs(at.timestamp() * 1_000 - self.market.now_ms()) > CLOCK_MS:
            return refused("50102", "Timestamp request expired", 401)
        if given["ok-access-key"] != keys.key:
            return refused("50111", "Invalid OK-ACCESS-KEY", 401)
        if given["ok-access-passphrase"] != keys.passphrase:
            return refused("50105", "Request header OK-ACCESS-PASSPHRASE incorrect.", 401)
        path = f"{request.path}?{request.query}" if request.query else request.path
        signed = f"{stamp}{request.method}{path}".encode() + request.body
        if not hmac.compare_digest(signature(keys.secret, signed), given["ok-access-sign"]):
            return refused("50113", "Invalid Sign", 401)
        return None

    def _expired(self, request: Request) -> Reply | None:
        """§3: `expTime` is when a request is worth nothing any more."""
        text = request.headers.get("exptime", "")
        if text and number(text, 0) < self.market.now_ms():
            return refused("50036", "The expTime can't be earlier than the current system time.")
        return None

    # ---- orders ------------------------------------------------------------------------------

    def _asked(self, asked: Fields) -> NewOrder | tuple[str, str]:
        listing = self.listing(asked.get("instId"))
        if listing is None:
            return "51001", "Instrument ID does not exist"
        side, kind = asked.get("side"), str(asked.get("ordType"))
        client_id = asked.get("clOrdId") or None
        if asked.get("tdMode") != "cash" or side not in ("buy", "sell"):
            return "51000", "Parameter tdMode or side error"
        if client_id is not None and not CLIENT_ID.fullmatch(str(client_id)):
            return "51000", "Parameter clOrdId error"
        bought, size, price = side == "buy", exact(asked.get("sz")), exact(asked.get("px"))
        if size is None:
            return "51000", "Parameter sz error"
        if kind == "market":
            unit = asked.get("tgtCcy") or ("quote_ccy" if bought else "base_ccy")
            if unit == "quote_ccy" and bought:
                return NewOrder(listing, client_id, True, "spend", None, None, size, "ioc")
            if unit == "quote_ccy":
                price = Decimal(listing.bids.prices[0])
                size = size // price // listing.lot * listing.lot
            return NewOrder(listing, client_id, bought, "market", None, size, None, "ioc")
        if kind not in FORCES or price is None:
            return "51000", "Parameter ordType or px error"
        return NewOrder(listing, client_id, bought, "limit", price, size, None, FORCES[kind])

    def _placed(self, asked: Any) -> Fields:
        """One item's answer."""
        fields = asked if isinstance(asked, dict) else {}
        row = {
            "ordId": "",
            "clOrdId": fields.get("clOrdId") or "",
            "tag": fields.get("tag") or "",
            "ts": str(self.market.now_ms()),
        }
        order = self._asked(fields)
        if not isinstance(order, NewOrder):
            return {**row, "sCode": order[0], "sMsg": order[1]}
        try:
            placed = self.market.desk.place(order)
        except Rejected as refusal:
            code, text = REFUSALS[refusal.code]
            return {**row, "sCode": code, "sMsg": text}
        return {**row, "ordId": placed.id, "sCode": "0", "sMsg": "Order placed"}

    def _place(self, request: Request) -> Reply:
        return self._items([self._placed(body_of(request))])

    def _place_many(self, request: Request) -> Reply:
        asked = body_of(request)
        if not isinstance(asked, list) or not 0 < len(asked) <= BATCH_MAX:
            return refused("51000", "Parameter error", 400)
        return self._items([self._placed(one) for one in asked])

    def _items(self, rows: list[Fields]) -> Reply:
        """The outer code: 0 all, 1 none, 2 some."""
        failed = sum(row["sCode"] != "0" for row in rows)
        code = "0" if not failed else "1" if failed == len(rows) else "2"
        text = "" if code == "0" else "All operations failed" if code == "1" else "Bulk operation"
        at_us = self.market.now_ms() * 1_000
        told = {"code": code, "msg": text, "data": rows}
        return Reply.json({**told, "inTime": str(at_us), "outTime": str(at_us + 900)})

    def _found(self, asked: Fields) -> Order | None:
        desk = self.market.desk
        if asked.get("ordId"):
            order = desk.order(str(asked["ordId"]))
        else:
            order = next(iter(desk.by_client_id(str(asked.get("clOrdId", "")))), None)
        return order if order and order.listing.symbol == asked.get("instId") else None

    def _cancelled(self, asked: Any) -> Fields:
        fields = asked if isinstance(asked, dict) else {}
        order = self._found(fields)
        row = {
            "ordId": order.id if order else fields.get("ordId") or "",
            "clOrdId": (order.client_id if order else fields.get("clOrdId")) or "",
            "ts": str(self.market.now_ms()),
        }
        if order is None:
            return {**row, "sCode": "51400", "sMsg": "Cancellation failed: it does not exist."}
        try:
            self.market.desk.cancel(order)
        except Rejected as refusal:
            code, text = REFUSALS[refusal.code]
            return {**row, "sCode": code, "sMsg": text}
        return {**row, "sCode": "0", "sMsg": ""}

    def _cancel(self, request: Request) -> Reply:
        return self._items([self._cancelled(body_of(request))])

    def _cancel_many(self, request: Request) -> Reply:
        asked = body_of(request)
        if not isinstance(asked, list) or not 0 < len(asked) <= BATCH_MAX:
            return refused("51000", "Parameter error", 400)
        return self._items([self._cancelled(one) for one in asked])

    def _order(self, request: Request) -> Reply:
        order = self._found(dict(request.fields))
        if order is None:
            return refused("51603", "Order does not exist")
        return done([self.row(order)])

    def _pending(self, request: Request) -> Reply:
        orders = [one for one in self._orders(request) if one.status == "open"]
        return self._page(request, orders, lambda one: one.number, self.row)

    def _history(self, request: Request) -> Reply:
        """Seven days of what has ended; cancelled ones without a fill for a shorter time."""
        first = self.market.now_ms() - WEEK_MS
        wanted = request.asked("state")
        orders = [
            one
            for one in self._orders(request)
            if one.status != "open" and one.created_ms >= first and wanted in ("", state(one))
        ]
        return self._page(request, orders, lambda one: one.number, self.row)

    def _orders(self, request: Request) -> Sequence[Order]:
        if request.asked("instType") not in ("", "SPOT"):
            return []
        first, last = times(request)
        orders = self.market.desk.orders(self.listing(request.asked("instId")))
        return [one for one in orders if first <= one.created_ms <= last]

    def _fills(self, request: Request) -> Reply:
        """The cursor is `billId`."""
        first, last = times(request)
        fills = [
            one
            for one in self.market.desk.fills(self.listing(request.asked("instId")))
            if first <= one.at_ms <= last and request.asked("ordId") in ("", one.order.id)
        ]
        return self._page(request, fills, lambda one: one.id, self.fill_row)

    def _page(
        self,
        request: Request,
        rows: Sequence[Any],
        key: Callable[[Any], int],
        row: Callable[[Any], Fields],
    ) -> Reply:
        """Newest first; `after`: older than it, `before`: newer."""
        older = number(request.asked("after"), 1 << 62)
        newer = number(request.asked("before"), -1)
        size = min(PAGE, max(1, number(request.asked("limit"), PAGE)))
        picked = [one for one in rows if newer < key(one) < older]
        return done([row(one) for one in picked[:size]])

    def row(self, order: Order, fill: Fill | None = None) -> Fields:
        """fill: of a push. Else the last one."""
        last = fill or (order.fills[-1] if order.fills else None)
        size = order.quantity if order.quantity is not None else order.funds
        market = order.kind != "limit"
        return {
            "instType": "SPOT",
            "instId": order.listing.symbol,
            "tgtCcy": ("quote_ccy" if order.funds is not None else "base_ccy") if market else "",
            "ccy": "",
            "ordId": order.id,
            "clOrdId": order.client_id or "",
            "tag": "",
            "px": plain(order.price) if order.price is not None else "",
            "sz": plain(size if size is not None else ZERO),
            "pnl": "0",
            "ordType": kind(order),
            "side": "buy" if order.bought else "sell",
            "posSide": "net",
            "tdMode": "cash",
            "accFillSz": plain(order.filled),
            "fillPx": plain(last.price) if last else "",
            "tradeId": str(last.id) if last else "",
            "fillSz": plain(last.quantity) if last else "0",
            "fillTime": str(last.at_ms) if last else "",
            "avgPx": plain(average(order)) if order.filled else "",
            "state": state(order),
            "lever": "",
            "feeCcy": order.fee_asset,
            "fee": negative(order.fee),
            "rebateCcy": order.listing.quote,
            "rebate": "0",
            "source": "",
            "category": "normal",
            "cancelSource": "1" if order.status == "cancelled" else "",
            "uTime": str(order.updated_ms),
            "cTime": str(order.created_ms),
        }

    def fill_row(self, fill: Fill) -> Fields:
        order = fill.order
        return {
            "instType": "SPOT",
            "instId": order.listing.symbol,
            "tradeId": str(fill.id),
            "ordId": order.id,
            "clOrdId": order.client_id or "",
            "billId": str(fill.id),
            "tag": "",
            "fillPx": plain(fill.price),
            "fillSz": plain(fill.quantity),
            "side": "buy" if order.bought else "sell",
            "posSide": "net",
            "execType": "M" if fill.maker else "T",
            "feeCcy": fill.fee_asset,
            "fee": negative(fill.fee),
            "fillTime": str(fill.at_ms),
            "ts": str(fill.at_ms),
        }

    # ---- money -------------------------------------------------------------------------------

    def _balance(self, request: Request) -> Reply:
        wanted = set(filter(None, request.asked("ccy").split(",")))
        return done([self.balances(wanted)])

    def balances(self, wanted: set[str]) -> Fields:
        """Assets that the account has, or those that are asked for."""
        now = str(self.market.now_ms())
        details = [
            detail(asset, purse, now)
            for asset, purse in self.market.desk.purses().items()
            if (asset in wanted if wanted else purse.free or purse.locked)
        ]
        return {"uTime": now, "totalEq": "", "details": details}

    def _config(self, _request: Request) -> Reply:
        return done([{"uid": "1", "acctLv": "1", "posMode": "net_mode", "perm": PERMISSIONS}])

    def _fee(self, _request: Request) -> Reply:
        """§3: negative is what is charged."""
        terms = self.market.desk.terms
        rates = {
            "maker": f"-{plain(terms.maker_bps / 10_000)}",
            "taker": f"-{plain(terms.taker_bps / 10_000)}",
        }
        row = {"instType": "SPOT", "level": "Lv1", "ts": str(self.market.now_ms())}
        return done([{**row, **rates, "category": "1"}])

    def _currencies(self, request: Request) -> Reply:
        wanted = set(filter(None, request.asked("ccy").split(",")))
        return done(
            [
                currency(wallet, network, self.named_chain(wallet.asset, network))
                for wallet in self.market.wallets.values()
                if not wanted or wallet.asset in wanted
                for network in wallet.networks
            ]
        )

    def named_chain(self, asset: str, network: Network) -> str:
        return f"{asset}-{chain_name('okx', network.chain)}"

    def _transfer(self, request: Request) -> Reply:
        """Between funding and trading: one purse here."""
        asked = body_of(request)
        amount = exact(asked.get("amt")) if isinstance(asked, dict) else None
        if amount is None or asked.get("ccy") not in self.market.desk.purses():
            return refused("51000", "Parameter amt or ccy error")
        if self.market.desk.purses()[asked["ccy"]].free < amount:
            return refused(*FUNDS_REFUSALS["insufficient"])
        self._transfers += 1
        row = {"transId": str(self._transfers), "clientId": asked.get("clientId", "")}
        ends = {name: asked.get(name, "") for name in ("ccy", "amt", "from", "to")}
        return done([{**row, **ends}])

    def _withdraw(self, request: Request) -> Reply:
        """`toAddr` is `address:tag`; a clientId that was used is that withdrawal again, refused."""
        asked = body_of(request)
        fields = asked if isinstance(asked, dict) else {}
        asset, amount = str(fields.get("ccy", "")), exact(fields.get("amt"))
        network = self._network(asset, str(fields.get("chain", "")))
        client_id = str(fields.get("clientId") or "")
        if amount is None or fields.get("dest") != "4" or not fields.get("toAddr"):
            return refused("51000", "Parameter amt, dest or toAddr error")
        if network is None:
            return refused(*FUNDS_REFUSALS["unknown_network"])
        if client_id and not CLIENT_ID.fullmatch(client_id):
            return refused("51000", "Parameter clientId error")
        if self.withdrawn_as(client_id) is not None:
            return refused("58229", "The client ID already exists.")
        address, _, tag = str(fields["toAddr"]).partition(":")
        desk = self.market.desk
        try:
            done_ = desk.withdraw(asset, network.chain.key, address, tag, amount, client_id or None)
        except Rejected as refusal:
            return refused(*FUNDS_REFUSALS[refusal.code])
        row = {"amt": plain(amount), "wdId": done_.id, "ccy": asset, "clientId": client_id}
        return done([{**row, "chain": self.named_chain(asset, network)}])

    def _network(self, asset: str, chain: str) -> Network | None:
        """Without a name: the first."""
        networks = self.networks(asset)
        if not chain:
            return networks[0] if networks else None
        return next((one for one in networks if self.named_chain(asset, one) == chain), None)

    def _chain(self, asset: str, key: str) -> str:
        found = [one for one in self.networks(asset) if one.chain.key == key]
        return self.named_chain(asset, found[0]) if found else f"{asset}-{key}"

    def _withdrawals(self, request: Request) -> Reply:
        rows = self.market.desk.withdrawals(request.asked("ccy") or None)
        for name, key in (("clientId", "client_id"), ("wdId", "id"), ("txId", "txid")):
            if wanted := request.asked(name):
                rows = [one for one in rows if getattr(one, key) == wanted]
        if wanted := request.asked("state"):
            rows = [one for one in rows if WITHDRAWAL_STATES[one.status] == wanted]
        return self._page(request, rows, lambda one: one.created_ms, self._withdrawal)

    def _withdrawal(self, one: Withdrawal) -> Fields:
        return {
            "ccy": one.asset,
            "chain": self._chain(one.asset, one.network),
            "amt": plain(one.amount),
            "ts": str(one.created_ms),
            "from": "",
            "to": one.address,
            "tag": one.tag,
            "txId": one.txid or "",
            "fee": plain(one.fee),
            "feeCcy": one.asset,
            "state": WITHDRAWAL_STATES[one.status],
            "wdId": one.id,
            "clientId": one.client_id or "",
            "nonTradableAsset": False,
        }

    def _deposits(self, request: Request) -> Reply:
        rows = self.market.desk.deposits(request.asked("ccy") or None)
        if wanted := request.asked("txId"):
            rows = [one for one in rows if one.txid == wanted]
        if wanted := request.asked("state"):
            rows = [one for one in rows if DEPOSIT_STATES[one.status] == wanted]
        return self._page(request, rows, lambda one: one.created_ms, self._deposit)

    def _deposit(self, one: Deposit) -> Fields:
        address, tag = self.market.desk.address(one.asset, one.network)
        return {
            "ccy": one.asset,
            "chain": self._chain(one.asset, one.network),
            "amt": plain(one.amount),
            "from": "",
            "to": address,
            "tag": tag,
            "txId": one.txid,
            "ts": str(one.created_ms),
            "state": DEPOSIT_STATES[one.status],
            "depId": one.id,
            "actualDepBlkConfirm": str(one.confirmations),
        }

    def _addresses(self, request: Request) -> Reply:
        """All chains; here coins go to the trading account."""
        asset = request.asked("ccy")
        rows = []
        for network in self.networks(asset):
            address, tag = self.market.desk.address(asset, network.chain.key)
            row = {
                "ccy": asset,
                "chain": self.named_chain(asset, network),
                "addr": address,
                "to": "18",
                "selected": True,
                "ctAddr": (network.contract or "")[-6:],
            }
            rows.append({**row, "tag": tag} if tag else row)
        return done(rows) if rows else refused(*FUNDS_REFUSALS["unknown_asset"])

    # ---- user stream -------------------------------------------------------------------------

    def name(self, kind_: str, number_: int) -> str | None:
        return f"{number_ * 10_000_000_000}" if kind_ == "order" else str(number_)

    def follow(self, client: Client, word: str, argument: Fields) -> None:
        """state: what each connection asked for, by channel."""
        channel = argument["channel"]
        wanted = client.state.setdefault("private", {})
        if word == "unsubscribe":
            wanted.pop(channel, None)
            return
        wanted.setdefault(channel, []).append(argument)
        client.subscribe(ORDERS if channel in ("orders", "fills") else BALANCES)

    def welcome(self, client: Client, argument: Fields) -> None:
        """`account` begins with what there is; `orders` with nothing."""
        if argument["channel"] == "account":
            wanted = {argument["ccy"]} if argument.get("ccy") else set()
            client.send(compact({"arg": argument, "data": [self.balances(wanted)]}))

    def order_changed(self, order: Order, fill: Fill | None) -> None:
        row = self.row(order, fill)
        if fill:
            paid = {"fillFee": negative(fill.fee), "fillFeeCcy": fill.fee_asset}
            row |= {**paid, "execType": "M" if fill.maker else "T"}
        else:
            none = dict.fromkeys(("fillPx", "tradeId", "fillTime", "fillFeeCcy", "execType"), "")
            row |= {**none, "fillSz": "0", "fillFee": "0"}
        row |= {"amendResult": "", "reqId": "", "code": "0", "msg": ""}
        for client in self.market.clients(ORDERS):
            for argument in client.state["private"].get("orders", ()):
                if argument.get("instId", order.listing.symbol) == order.listing.symbol:
                    client.send(compact({"arg": {**argument, "uid": "1"}, "data": [row]}))

    def purse_changed(self, assets: Iterable[str]) -> None:
        changed = set(assets)
        for client in self.market.clients(BALANCES):
            for argument in client.state["private"].get("account", ()):
                wanted = changed & {argument["ccy"]} if argument.get("ccy") else changed
                if wanted:
                    text = compact(
                        {"arg": {**argument, "uid": "1"}, "data": [self.balances(wanted)]}
                    )
                    client.send(text)
