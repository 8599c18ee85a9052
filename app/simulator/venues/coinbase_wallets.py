"""Coinbase's /v2/accounts: coins in and out; `idem` names a transaction once. coinbase.md §3."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

from app.simulator.protocol import Network, Reply, Request
from app.simulator.trading import Deposit, Purse, Rejected, Withdrawal
from app.simulator.venues.account import Account, exact, fields, plain
from app.simulator.venues.coinbase_orders import NAMES
from app.simulator.venues.wire import number

WALLETS = "/v2/accounts"
FIATS = frozenset({"USD", "EUR", "GBP"})
LEDGER_USUAL, LEDGER_MAX = 25, 300
IDEM_MAX = 100
WITHDRAWAL_STATUS = {
    "accepted": "pending",
    "sent": "pending",
    "done": "completed",
    "held": "waiting_for_signature",
    "rejected": "failed",
    "returned": "canceled",
}
DEPOSIT_STATUS = {
    "seen": "pending",
    "held": "waiting_for_clearing",
    "credited": "completed",
    "returned": "canceled",
}
SENT_BACK = {
    "insufficient": "You don't have that much.",
    "suspended": "Sends are suspended for this network.",
    "withdraw_minimum": "Amount is below the minimum.",
    "decimals": "Amount has too many decimals.",
    "address": "Address is not on the allowlist.",
}


class CoinbaseWallets(Account):
    venue = "coinbase"

    def named(self, network: Network) -> str:
        return network.chain.key

    def route(self, request: Request) -> Callable[[Request], Reply] | None:
        if request.path == WALLETS and request.method == "GET":
            return self.wallets
        words = request.path.removeprefix(f"{WALLETS}/").split("/")
        if not request.path.startswith(f"{WALLETS}/"):
            return None
        return lambda asked: self.wallet(asked, words)

    def wallets(self, request: Request) -> Reply:
        rows = [wallet_row(asset, purse) for asset, purse in self.market.desk.purses().items()]
        return listed(request, rows)

    def wallet(self, request: Request, words: list[str]) -> Reply:
        """`{account or currency}/transactions[/{id}]`, `…/addresses`."""
        purses = self.market.desk.purses()
        asset = next((a for a in purses if words[0] in (a, account_id(a))), None)
        if asset is None:
            return missing("Not found")
        match request.method, words[1:]:
            case "GET", []:
                return Reply.json({"data": wallet_row(asset, purses[asset])})
            case "GET", ["transactions"]:
                return listed(request, [self.transaction(one) for one in self.moves(asset)])
            case "GET", ["transactions", name]:
                found = [one for one in self.moves(asset) if one.id == name]
                return Reply.json({"data": self.transaction(found[0])}) if found else missing(name)
            case "GET", ["deposits" | "withdrawals"]:
                return listed(request, [])  # of fiat money
            case "POST", ["transactions"]:
                return self.send(request, asset)
            case "GET", ["addresses"]:
                rows = [self.address(asset, one) for one in self.networks(asset) if one.deposit]
                return listed(request, rows)
            case "POST", ["addresses"]:
                asked = str((fields(request) or {}).get("network") or "")
                networks = [one for one in self.networks(asset) if one.deposit]
                named = [one for one in networks if asked in ("", self.named(one))]
                if not named:
                    return invalid("network is not supported")
                return Reply.json({"data": self.address(asset, named[0])}, 201)
        return missing("Not found")

    def moves(self, asset: str) -> list[Withdrawal | Deposit]:
        """Out and in, newest first."""
        desk = self.market.desk
        found: list[Withdrawal | Deposit] = [*desk.withdrawals(asset), *desk.deposits(asset)]
        return sorted(found, key=lambda one: -one.created_ms)

    def send(self, request: Request, asset: str) -> Reply:
        """The same `idem` is the same transaction."""
        asked = fields(request) or {}
        amount, ticket = exact(asked.get("amount")), str(asked.get("idem") or "")
        address = str(asked.get("to") or "")
        if asked.get("type") != "send" or asked.get("currency") != asset or not address:
            return invalid("type, to or currency is invalid")
        if amount is None or len(ticket) > IDEM_MAX:
            return invalid("amount or idem is invalid")
        if (first := self.withdrawn_as(ticket)) is not None:
            return Reply.json({"data": self.sent(first)}, 201)
        networks, chain = self.networks(asset), str(asked.get("network") or "")
        network = self.network(asset, chain) if chain else networks[0] if networks else None
        if network is None:
            return invalid("network is not supported")
        tag, key = str(asked.get("destination_tag") or ""), network.chain.key
        try:
            made = self.market.desk.withdraw(asset, key, address, tag, amount, ticket or None)
        except Rejected as refusal:
            return invalid(SENT_BACK.get(refusal.code, refusal.code))
        return Reply.json({"data": self.sent(made)}, 201)

    def sent(self, one: Withdrawal) -> dict[str, Any]:
        """The answer tells what will arrive; the lists do not."""
        row = self.transaction(one)
        row["network"] |= {"transaction_amount": money(one.amount, one.asset), "confirmations": 0}
        return row

    def transaction(self, one: Withdrawal | Deposit) -> dict[str, Any]:
        """What left counts negative, with its fee; what came, positive."""
        network: dict[str, Any] = {"network_name": self.chain_of(one.asset, one.network)}
        asset, amount = one.asset, one.amount
        more: dict[str, Any]
        if isinstance(one, Withdrawal):
            status, on_chain = WITHDRAWAL_STATUS[one.status], one.status == "done"
            network["transaction_fee"] = money(one.fee, asset)
            amount = -(one.amount + one.fee)
            more = {"to": {"resource": "address", "address": one.address}}
            if one.client_id:
                more["idem"] = one.client_id
            if one.tag:
                more["to"]["address_info"] = {"address": one.address, "destination_tag": one.tag}
        else:
            status, on_chain = DEPOSIT_STATUS[one.status], one.status == "credited"
            network |= {"confirmations": one.confirmations}
            more = {"from": {"resource": one.network, "currency": asset}}
        if one.txid:
            network |= {"status": "confirmed" if on_chain else "pending", "hash": one.txid}
        path = f"{WALLETS}/{account_id(asset)}/transactions/{one.id}"
        return {
            "id": one.id,
            "type": "send",
            "status": status,
            "amount": money(amount, asset),
            "description": None,
            "created_at": seconds(one.created_ms),
            "updated_at": seconds(one.updated_ms),
            "resource": "transaction",
            "resource_path": path,
            "network": network,
            **more,
        }

    def address(self, asset: str, network: Network) -> dict[str, Any]:
        where, tag = self.market.desk.address(asset, network.chain.key)
        name = str(uuid.uuid5(NAMES, where))
        return {
            "id": name,
            "address": where,
            "address_info": {"address": where, **({"destination_tag": tag} if tag else {})},
            "destination_tag": tag or None,
            "name": None,
            "network": self.named(network),
            "uri_scheme": network.chain.key,
            "created_at": "2024-01-01T00:00:00Z",
            "updated_at": "2024-01-01T00:00:00Z",
            "resource": "address",
            "resource_path": f"{WALLETS}/{account_id(asset)}/addresses/{name}",
            "address_label": f"{asset} address",
        }


def account_id(asset: str) -> str:
    return str(uuid.uuid5(NAMES, f"account {asset}"))


def wallet_row(asset: str, purse: Purse) -> dict[str, Any]:
    is_fiat = asset in FIATS
    return {
        "id": account_id(asset),
        "name": f"{asset} Wallet",
        "primary": True,
        "type": "fiat" if is_fiat else "wallet",
        "currency": {"code": asset, "name": asset, "type": "fiat" if is_fiat else "crypto"},
        "balance": money(purse.free, asset),
        "created_at": "2024-01-01T00:00:00Z",
        "updated_at": "2024-01-01T00:00:00Z",
        "resource": "account",
        "resource_path": f"{WALLETS}/{account_id(asset)}",
        "allow_deposits": True,
        "allow_withdrawals": True,
    }


def money(amount: Decimal, asset: str) -> dict[str, str]:
    return {"amount": plain(amount), "currency": asset}


def listed(request: Request, rows: list[dict[str, Any]]) -> Reply:
    """Of the v2 side: pages begin after an id."""
    size = max(1, min(LEDGER_MAX, number(request.asked("limit"), LEDGER_USUAL)))
    after, names = request.asked("starting_after"), [row["id"] for row in rows]
    first = names.index(after) + 1 if after in names else 0
    told = rows[first : first + size]
    following = told[-1]["id"] if told and first + size < len(rows) else None
    query = f"{request.path}?limit={size}&starting_after={following}"
    pagination = {
        "ending_before": None,
        "starting_after": after or None,
        "limit": size,
        "order": "desc",
        "previous_uri": None,
        "next_uri": query if following else None,
        "next_starting_after": following,
    }
    return Reply.json({"pagination": pagination, "data": told})


def seconds(at_ms: int) -> str:
    return f"{datetime.fromtimestamp(at_ms // 1_000, UTC):%Y-%m-%dT%H:%M:%SZ}"


def invalid(message: str) -> Reply:
    """Of the v2 side."""
    return Reply.json({"errors": [{"id": "validation_error", "message": message}]}, 400)


def missing(message: str) -> Reply:
    return Reply.json({"errors": [{"id": "not_found", "message": message}]}, 404)
