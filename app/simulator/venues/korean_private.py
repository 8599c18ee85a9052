"""The account at Upbit and Bithumb: tokens over what was sent, order objects, coins in and out.

upbit.md and bithumb.md §3, §4, §7. Each venue adds its own paths, names and refusals.
"""

from __future__ import annotations

import hashlib
import json
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable, Mapping
from decimal import Decimal
from random import Random
from urllib.parse import unquote
from uuid import UUID

from app.simulator.protocol import Client, Network, Reply, Request
from app.simulator.trading import ZERO, Deposit, Fill, NewOrder, Order, Purse, Rejected, Withdrawal
from app.simulator.venues import korean
from app.simulator.venues.account import Account, exact, plain
from app.simulator.venues.korean import error
from app.simulator.venues.korean_words import (
    Fields,
    body_of,
    complaint,
    exact_json,
    force_word,
    kst,
    paged,
    parameters,
    text,
    the_one,
)

TOPIC = "account"
"""Of every private connection; what each wants stands in its state."""
FORCES = {None: "gtc", "": "gtc", "ioc": "ioc", "fok": "fok", "post_only": "post"}
STATES = {"open": "wait", "filled": "done", "cancelled": "cancel"}
WITHDRAWAL_STATES = {
    "accepted": "WAITING",
    "held": "WAITING",
    "sent": "PROCESSING",
    "done": "DONE",
    "rejected": "REJECTED",
    "returned": "FAILED",
}
DEPOSIT_STATES = {
    "seen": "PROCESSING",
    "held": "TRAVEL_RULE_SUSPECTED",
    "credited": "ACCEPTED",
    "returned": "REFUNDED",
}
TYPES = ("best_fok", "best_ioc", "limit", "limit_fok", "limit_ioc")


class KoreanAccount(Account, ABC):
    """order_type: what the venue calls `ord_type` in a create request. client_id: likewise."""

    digests: tuple[str, ...] = ("HS256",)
    order_type = "ord_type"
    client_id = "identifier"
    refusals: Mapping[str, tuple[int, str]] = {}
    """By the desk's code; `_bid` or `_ask` is put where a name ends in `*`."""
    lower = False
    """Whether words of state are written small."""

    def begin(self) -> None:
        self._nonces = korean.Nonces()
        self._routes: dict[tuple[str, str], Callable[[Request], Reply]] = {
            ("GET", "/v1/accounts"): self._accounts,
            ("GET", "/v1/order"): self._one_order,
            ("GET", "/v1/orders/chance"): self._order_chance,
            ("POST", "/v1/withdraws/coin"): self._withdraw,
            ("GET", "/v1/withdraws"): self._withdrawals,
            ("GET", "/v1/withdraw"): self._one_withdrawal,
            ("GET", "/v1/withdraws/chance"): self._withdraw_chance,
            ("GET", "/v1/withdraws/coin_addresses"): self._allowed,
            ("GET", "/v1/deposits"): self._deposits,
            ("GET", "/v1/deposit"): self._one_deposit,
            ("GET", "/v1/deposits/coin_address"): self._address,
            ("GET", "/v1/deposits/coin_addresses"): self._addresses,
            ("POST", "/v1/deposits/generate_coin_address"): self._address,
            ("GET", "/v1/status/wallet"): self._wallets,
            **self.routes(),
        }

    def routes(self) -> dict[tuple[str, str], Callable[[Request], Reply]]:
        return {}

    # ---- who asks ----------------------------------------------------------------------------

    def http(self, request: Request) -> Reply | None:
        """None: it is no path of an account."""
        route = self._routes.get((request.method, request.path))
        return route and (self.refused(request) or route(request))

    def refused(self, request: Request) -> Reply | None:
        """§4: None, when the token is ours, fresh, and over just these parameters."""
        text = unquote(request.query)
        if request.body:
            if not request.headers.get("content-type", "").startswith("application/json"):
                return error(400, "invalid_parameter", "JSON 형식만 지원합니다.")
            try:
                text = parameters(body_of(request))
            except ValueError:
                return error(400, "invalid_parameter", "잘못된 파라미터")
        said = korean.claims(request._replace(query=""), self.market.keys, self.digests)
        if isinstance(said, Reply):
            return said
        if text:
            wanted = hashlib.sha512(text.encode()).hexdigest()
            if said.get("query_hash") != wanted or said.get("query_hash_alg") != "SHA512":
                return error(401, "invalid_query_payload", "query_hash가 다릅니다.")
        return self.stale(said) or self._used(said)

    def stale(self, said: Fields) -> Reply | None:
        """A venue whose token carries a clock looks at it."""
        return None

    def _used(self, said: Fields) -> Reply | None:
        if not self._nonces.fresh(said.get("nonce")):
            return error(401, "nonce_used", "이미 사용한 nonce값입니다.")
        return None

    def turn_down(self, refusal: Rejected, *, bought: bool = True) -> Reply:
        status, name = self.refusals.get(refusal.code, (400, "invalid_parameter"))
        return error(status, name.replace("*", "bid" if bought else "ask"), str(refusal))

    # ---- orders ------------------------------------------------------------------------------

    def asked_order(self, asked: Fields) -> NewOrder | Reply:
        """§3: a field that the type must not have is an error."""
        listing = self.listing(asked.get("market"))
        side, kind = asked.get("side"), asked.get(self.order_type)
        force = FORCES.get(asked.get("time_in_force"))
        if listing is None or side not in ("bid", "ask") or force is None:
            return error(400, "validation_error", "잘못된 파라미터가 전달되었습니다.")
        bought = side == "bid"
        price, volume = exact(asked.get("price")), exact(asked.get("volume"))
        name = asked.get(self.client_id)
        given = price is not None, volume is not None
        client_id = str(name) if name else None
        wrong = error(400, f"create_{side}_error", "주문 필드가 올바르지 않습니다.")
        match kind:
            case "limit" if given == (True, True):
                return NewOrder(listing, client_id, bought, "limit", price, volume, None, force)
            case "price" if bought and given == (True, False) and force == "gtc":
                return NewOrder(listing, client_id, True, "spend", None, None, price, "ioc")
            case "market" if not bought and given == (False, True) and force == "gtc":
                return NewOrder(listing, client_id, False, "market", None, volume, None, "ioc")
            case "best" if force in ("ioc", "fok") and given == (bought, not bought):
                kind = "spend" if bought else "market"
                return NewOrder(listing, client_id, bought, kind, None, volume, price, force)
        return wrong

    def create(self, asked: Fields) -> Order | Reply:
        order = self.asked_order(asked)
        if isinstance(order, Reply):
            return order
        try:
            return self.market.desk.place(order)
        except Rejected as refusal:
            return self.turn_down(refusal, bought=order.bought)

    def named_order(self, request: Request) -> Order | None:
        """By the venue's id, which wins, or the client's: the newest that carried it."""
        if name := request.asked("uuid") or request.asked("order_id"):
            return self.market.desk.order(name)
        found = self.market.desk.by_client_id(request.asked(self.client_id) or "")
        return found[0] if found else None

    def _one_order(self, request: Request) -> Reply:
        if not (request.asked("uuid") or request.asked(self.client_id)):
            return error(400, "validation_error", f"uuid, {self.client_id}")
        order = self.named_order(request)
        if order is None:
            return error(404, "order_not_found", "주문을 찾지 못했습니다.")
        return self.unready(order) or Reply.json(
            {**self.row(order), "trades": [self.trade_row(fill) for fill in order.fills]}
        )

    def unready(self, order: Order) -> Reply | None:
        """A venue that takes a moment to know an order says so."""
        return None

    def state(self, order: Order) -> str:
        """§3: a buy by value that leaves something ends as cancelled."""
        if order.status == "filled" and order.funds is not None and order.value < order.funds:
            return "cancel"
        return STATES[order.status]

    def kind(self, order: Order) -> str:
        return {"limit": "limit", "spend": "price", "market": "market"}[order.kind]

    def fees(self, order: Order) -> tuple[Decimal, Decimal]:
        """Reserved at first, and what is still reserved. Only buys reserve."""
        if not order.bought:
            return ZERO, ZERO
        value = order.funds if order.funds is not None else order.value
        if order.price is not None and order.quantity is not None:
            value = order.price * order.quantity
        reserved = value * self.market.desk.taker_bps(order.listing) / 10_000
        return reserved, reserved - order.fee if order.status == "open" else ZERO

    def row(self, order: Order) -> Fields:
        reserved, remaining = self.fees(order)
        volume = order.quantity
        return {
            "uuid": order.id,
            "side": "bid" if order.bought else "ask",
            "ord_type": self.kind(order),
            "price": text(order.price if order.price is not None else order.funds),
            "state": self.state(order),
            "market": order.listing.symbol,
            "created_at": kst(order.created_ms),
            "volume": text(volume),
            "remaining_volume": text(None if volume is None else volume - order.filled),
            "reserved_fee": plain(reserved),
            "remaining_fee": plain(remaining),
            "paid_fee": plain(order.fee),
            "locked": plain(order.locked),
            "executed_volume": plain(order.filled),
            "executed_funds": plain(order.value),
            "trades_count": len(order.fills),
            **({self.client_id: order.client_id} if order.client_id else {}),
            **({"time_in_force": word} if (word := force_word(order)) else {}),
        }

    def trade_row(self, fill: Fill) -> Fields:
        return {
            "market": fill.order.listing.symbol,
            "uuid": self.name("fill", fill.id),
            "price": plain(fill.price),
            "volume": plain(fill.quantity),
            "funds": plain(fill.value),
            "trend": "up" if fill.order.bought else "down",
            "created_at": kst(fill.at_ms),
            "side": "bid" if fill.order.bought else "ask",
        }

    def _order_chance(self, request: Request) -> Reply:
        listing = self.listing(request.asked("market"))
        if listing is None:
            return error(400, "invalid_parameter", "market is unknown")
        rate = plain(self.market.desk.taker_bps(listing) / 10_000)
        unit = {"price_unit": f"{listing.tick:f}", "min_total": listing.minimum_value}
        return Reply.json(
            {
                "bid_fee": rate,
                "ask_fee": rate,
                "maker_bid_fee": rate,
                "maker_ask_fee": rate,
                "market": {
                    "id": listing.symbol,
                    "name": f"{listing.base}/{listing.quote}",
                    "order_types": ["limit"],
                    "order_sides": ["ask", "bid"],
                    "bid_types": [*TYPES, "price"],
                    "ask_types": [*TYPES, "market"],
                    "bid": {"currency": listing.quote, **unit},
                    "ask": {"currency": listing.base, **unit},
                    "max_total": "1000000000",
                    "state": "active",
                },
                "bid_account": self._purse(listing.quote),
                "ask_account": self._purse(listing.base),
            }
        )

    # ---- money -------------------------------------------------------------------------------

    def _accounts(self, _request: Request) -> Reply:
        purses = self.market.desk.purses()
        return Reply.json(
            [self._purse(asset) for asset, purse in purses.items() if purse.free or purse.locked]
        )

    def _purse(self, asset: str) -> Fields:
        purse = self.market.desk.purses().get(asset, Purse())
        return {
            "currency": asset,
            "balance": plain(purse.free),
            "locked": plain(purse.locked),
            "avg_buy_price": "0",
            "avg_buy_price_modified": False,
            "unit_currency": "KRW",
        }

    def _wallets(self, _request: Request) -> Reply:
        rows = korean.wallet_rows(self.market.wallets.values(), self.market.now_ms())
        return Reply.json(rows)

    def named(self, network: Network) -> str:
        return korean.net_type(network)[0]

    def _withdraw(self, request: Request) -> Reply:
        asked = body_of(request)
        asset, name = str(asked.get("currency", "")), str(asked.get("net_type", ""))
        amount, network = exact(asked.get("amount")), self.network(asset, name)
        address, tag = asked.get("address"), asked.get("secondary_address") or ""
        if network is None or amount is None or not isinstance(address, str):
            return error(400, "invalid_parameter", "currency, net_type, amount, address")
        if (refusal := self.consent(asked)) is not None:
            return refusal
        try:
            done = self.market.desk.withdraw(
                asset, network.chain.key, address, str(tag), amount, None
            )
        except Rejected as refusal_:
            return self.turn_down(refusal_)
        return Reply.json(self.withdrawal_row(done), 201)

    def consent(self, asked: Fields) -> Reply | None:
        """What the venue wants beyond the fields of every withdrawal."""
        return None

    def word(self, word: str) -> str:
        return word.lower() if self.lower else word

    def withdrawal_row(self, one: Withdrawal) -> Fields:
        over = one.status in ("done", "rejected", "returned")
        return {
            "type": "withdraw",
            "uuid": one.id,
            "currency": one.asset,
            "net_type": self.chain_of(one.asset, one.network),
            "txid": one.txid,
            "state": self.word(WITHDRAWAL_STATES[one.status]),
            "created_at": kst(one.created_ms),
            "done_at": kst(one.updated_ms) if over else None,
            "amount": plain(one.amount),
            "fee": plain(one.fee),
            "krw_amount": "0",
            "transaction_type": "default",
            "is_cancelable": False,
        }

    def deposit_row(self, one: Deposit) -> Fields:
        return {
            "type": "deposit",
            "uuid": one.id,
            "currency": one.asset,
            "net_type": self.chain_of(one.asset, one.network),
            "txid": one.txid,
            "state": self.word(DEPOSIT_STATES[one.status]),
            "created_at": kst(one.created_ms),
            "done_at": kst(one.updated_ms) if one.status == "credited" else None,
            "amount": plain(one.amount),
            "fee": "0",
            "transaction_type": "default",
        }

    def _withdrawals(self, request: Request) -> Reply:
        rows = self.market.desk.withdrawals(request.asked("currency") or None)
        return Reply.json(paged(request, [self.withdrawal_row(one) for one in rows]))

    def _deposits(self, request: Request) -> Reply:
        rows = self.market.desk.deposits(request.asked("currency") or None)
        return Reply.json(paged(request, [self.deposit_row(one) for one in rows]))

    def _one_withdrawal(self, request: Request) -> Reply:
        rows = [self.withdrawal_row(one) for one in self.market.desk.withdrawals()]
        return the_one(request, rows, "withdraw_not_found")

    def _one_deposit(self, request: Request) -> Reply:
        rows = [self.deposit_row(one) for one in self.market.desk.deposits()]
        return the_one(request, rows, "deposit_not_found")

    def _address(self, request: Request) -> Reply:
        asked = body_of(request) if request.body else dict(request.fields)
        asset, name = str(asked.get("currency", "")), str(asked.get("net_type", ""))
        network = self.network(asset, name)
        if network is None:
            return error(400, "invalid_parameter", "currency or net_type is unknown")
        return Reply.json(self._address_row(asset, network))

    def _addresses(self, _request: Request) -> Reply:
        return Reply.json(
            [
                self._address_row(wallet.asset, network)
                for wallet in self.market.wallets.values()
                for network in wallet.networks
            ]
        )

    def _address_row(self, asset: str, network: Network) -> Fields:
        address, tag = self.market.desk.address(asset, network.chain.key)
        return {
            "currency": asset,
            "net_type": self.named(network),
            "network_name": korean.net_type(network)[1],
            "deposit_address": address,
            "secondary_address": tag or None,
        }

    def _allowed(self, _request: Request) -> Reply:
        """The addresses that coins may leave for: those of the other venues."""
        return Reply.json(
            [
                {
                    "currency": asset,
                    "net_type": self.chain_of(asset, chain),
                    "network_name": self.chain_of(asset, chain),
                    "withdraw_address": address,
                    "secondary_address": tag or None,
                    "exchange_name": venue,
                }
                for asset in self.market.wallets
                for venue, chain, address, tag in self.market.desk.known(asset)
                if venue != self.venue
            ]
        )

    def _withdraw_chance(self, request: Request) -> Reply:
        asset = request.asked("currency")
        network = self.network(asset, request.asked("net_type"))
        if network is None:
            return error(400, "invalid_parameter", "currency or net_type is unknown")
        return Reply.json(self.chance(asset, network))

    def chance(self, asset: str, network: Network) -> Fields:
        return {
            "member_level": {"security_level": 4, "fee_level": 0, "wallet_locked": False},
            "currency": {
                "code": asset,
                "withdraw_fee": network.fee,
                "is_coin": True,
                "wallet_state": korean.wallet_state(network),
                "wallet_support": ["deposit", "withdraw"],
            },
            "account": self._purse(asset),
            "withdraw_limit": {
                "currency": asset,
                "minimum": network.minimum,
                "onetime": "1000000.0",
                "daily": "10000000.0",
                "remaining_daily": "10000000.0",
                "remaining_daily_krw": "0.0",
                "fixed": network.decimals,
                "can_withdraw": network.withdraw,
            },
        }

    # ---- user stream -------------------------------------------------------------------------

    def admits(self, request: Request) -> Reply | None:
        """§7: a token without query_hash in the handshake."""
        return self.refused(request)

    def heard(self, client: Client, said: str) -> None:
        if said == "PING":
            client.send('{"status":"UP"}')
            return
        try:
            asked = json.loads(said)
        except ValueError:
            asked = None
        if not isinstance(asked, list) or not all(isinstance(part, dict) for part in asked):
            client.send(complaint("WRONG_FORMAT", "Format이 맞지 않습니다."))
            return
        wanted = [part for part in asked if "type" in part]
        if not any("ticket" in part for part in asked):
            client.send(complaint("NO_TICKET", "티켓이 존재하지 않습니다."))
        elif not wanted or any(part["type"] not in ("myOrder", "myAsset") for part in wanted):
            client.send(complaint("NO_TYPE", "타입이 존재하지 않습니다."))
        else:
            client.state = {part["type"]: set(part.get("codes") or ()) for part in wanted}
            client.subscribe(TOPIC)

    def name(self, kind: str, number: int) -> str | None:
        return str(UUID(bytes=Random(f"{self.venue} {kind} {number}").randbytes(16), version=4))

    def order_changed(self, order: Order, fill: Fill | None) -> None:
        """`wait`, then `trade` for each fill, then how it ended."""
        states = [STATES[order.status]] if fill is None else ["trade"]
        if fill is not None and order.status == "filled":
            states.append(self.state(order))
        for state in states:
            text = exact_json(self.order_frame(order, fill if state == "trade" else None, state))
            for client in self.market.clients(TOPIC):
                codes = client.state.get("myOrder")
                if codes is not None and (not codes or order.listing.symbol in codes):
                    client.send(text)

    @abstractmethod
    def order_frame(self, order: Order, fill: Fill | None, state: str) -> Fields:
        """A `myOrder` frame. state: as the stream says it; fill: of a `trade`."""

    def purse_changed(self, assets: Iterable[str]) -> None:
        at_ms, purses = self.market.now_ms(), self.market.desk.purses()
        rows = [self.asset_row(asset, purses[asset]) for asset in assets]
        frame = {"type": "myAsset", "assets": rows, "asset_timestamp": at_ms}
        frame |= {"timestamp": at_ms + 1, "stream_type": "REALTIME"}
        text = exact_json(frame)
        for client in self.market.clients(TOPIC):
            if "myAsset" in client.state:
                client.send(text)

    def asset_row(self, asset: str, purse: Purse) -> Fields:
        return {"currency": asset, "balance": purse.free, "locked": purse.locked}
