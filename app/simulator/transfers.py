"""Coins between the venues: addresses, chains that take their time, and who has them meanwhile.

A withdrawal is looked at, leaves, is seen by the receiver, gains confirmations and is credited.
Every amount is at each moment in one place: a purse, on its way, paid as a fee, or outside.
"""

from __future__ import annotations

import hashlib
import math
from collections import defaultdict
from dataclasses import dataclass
from decimal import Decimal, localcontext
from random import Random
from typing import TYPE_CHECKING

from app.simulator.protocol import Network
from app.simulator.purses import EXACT
from app.simulator.trading import Deposit, Rejected, Withdrawal

if TYPE_CHECKING:
    from app.simulator.desk import VenueDesk

SPREAD = (0.5, 1.7)
"""Of the chains' own speeds around the median."""
SIGMA = 0.25
SHARES = (0.2, 0.35, 0.45)
"""Of the whole delay: until it leaves, is seen, is credited."""
AGAIN_MS = 500
"""What is held is looked at so often."""
TAGGED = frozenset({"ripple", "stellar", "cosmos", "hedera"})
_BASE58 = "123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz"


@dataclass(slots=True)
class Journey:
    """receiver None: nobody here will get it. network: of the receiver."""

    sender: VenueDesk
    withdrawal: Withdrawal
    receiver: VenueDesk | None
    network: Network | None
    delays_ms: tuple[float, ...]
    due_ms: float
    deposit: Deposit | None = None


class Transfers:
    """transfer_s: median delay of a network. desks join before anybody sends."""

    def __init__(self, seed: int, transfer_s: float) -> None:
        self.seed = seed
        self.transfer_s = transfer_s
        self.under_way: list[Journey] = []
        self.network_fees: dict[str, Decimal] = defaultdict(Decimal)
        self.outside: dict[str, Decimal] = defaultdict(Decimal)
        """Sent where nobody here has a key."""
        self._addresses: dict[tuple[str, str], tuple[VenueDesk, str, Network]] = {}

    def join(self, desk: VenueDesk) -> None:
        for wallet in desk.part.wallets.values():
            for network in wallet.networks:
                place = self._place(desk, wallet.asset, network)
                self._addresses[place] = (desk, wallet.asset, network)

    # ---- addresses ---------------------------------------------------------------------------

    def address(self, desk: VenueDesk, asset: str, chain: str) -> tuple[str, str]:
        """Raises Rejected."""
        return self._place(desk, asset, network_of(desk, asset, chain))

    def known(self, asset: str) -> list[tuple[str, str, str, str]]:
        """(venue, chain, address, tag) of everybody who takes this asset."""
        return [
            (desk.venue, network.chain.key, *place)
            for place, (desk, name, network) in self._addresses.items()
            if name == asset
        ]

    def _place(self, desk: VenueDesk, asset: str, network: Network) -> tuple[str, str]:
        key = network.chain.key
        digest = hashlib.sha256(f"{self.seed} {desk.venue} {asset} {key}".encode()).digest()
        tag = str(int.from_bytes(digest[:4]) % 10**9) if key in TAGGED else ""
        letters = "".join(_BASE58[byte % 58] for byte in digest)
        if network.chain.standard or key in {"ethereumclassic", "vechain"}:
            if key == "tron":
                return f"T{letters[:33]}", tag
            if key != "solana":
                return f"0x{digest.hex()[:40]}", tag
        return f"{network.chain.ticker.lower()}1{letters}", tag

    # ---- on the way --------------------------------------------------------------------------

    def send(self, sender: VenueDesk, asked: Withdrawal) -> None:
        """Takes amount and fee. Raises Rejected; nothing is taken then."""
        network = network_of(sender, asked.asset, asked.network)
        fee = Decimal(network.fee)
        found = self._addresses.get((asked.address, asked.tag))
        if not network.withdraw:
            raise Rejected("suspended")
        if not asked.address or (found is None and sender.terms.allow_list):
            raise Rejected("address")
        if asked.amount <= 0 or asked.amount < Decimal(network.minimum):
            raise Rejected("withdraw_minimum", f"{asked.amount} of {network.minimum}")
        if asked.amount % Decimal(1).scaleb(-network.decimals):
            raise Rejected("decimals")
        purse = sender.money.of.get(asked.asset)
        if purse is None or purse.free < asked.amount + fee:
            raise Rejected("insufficient")
        sender.money.take(asked.asset, asked.amount + fee)
        asked.fee = fee
        receiver = network_there = None
        if found is not None and same(found, asked, network):
            receiver, _, network_there = found
            asked.to_venue = receiver.venue
        delays = self._delays(sender, asked)
        due = sender.part.clock() + delays[0]
        self.under_way.append(Journey(sender, asked, receiver, network_there, delays, due))

    def _delays(self, sender: VenueDesk, asked: Withdrawal) -> tuple[float, ...]:
        speed = Random(f"chain {self.seed} {asked.network}").uniform(*SPREAD)
        chance = Random(f"journey {self.seed} {sender.venue} {asked.number}")
        whole = self.transfer_s * 1_000 * speed * math.exp(chance.gauss(0, SIGMA))
        return tuple(share * whole for share in SHARES)

    def on_the_way(self) -> dict[str, Decimal]:
        """What no purse has now, by asset; fees that can still come back among it."""
        total: dict[str, Decimal] = defaultdict(Decimal)
        for one in self.under_way:
            withdrawal = one.withdrawal
            total[withdrawal.asset] += withdrawal.amount
            if withdrawal.txid is None:
                total[withdrawal.asset] += withdrawal.fee
        return total

    def beat(self, at_ms: int) -> None:
        if not self.under_way:
            return
        with localcontext(EXACT):
            self._beat(at_ms)

    def _beat(self, at_ms: int) -> None:
        for one in [one for one in self.under_way if one.due_ms <= at_ms]:
            if self._step(one, at_ms):
                self.under_way.remove(one)

    def _step(self, one: Journey, at_ms: int) -> bool:
        """True when it is over."""
        if one.withdrawal.txid is None:
            return self._leave(one, at_ms)
        if one.deposit is None:
            return self._be_seen(one, at_ms)
        return self._confirm(one, at_ms)

    def _leave(self, one: Journey, at_ms: int) -> bool:
        withdrawal, sender = one.withdrawal, one.sender
        if sender.part.afflicted("withdraw_hold", withdrawal.asset):
            self._say(one, "held")
            one.due_ms = at_ms + AGAIN_MS
            return False
        if sender.part.afflicted("withdraw_reject", withdrawal.asset):
            sender.money.bring(withdrawal.asset, withdrawal.amount + withdrawal.fee)
            self._say(one, "rejected")
            return True
        made = hashlib.sha256(f"{self.seed} {sender.venue} {withdrawal.id}".encode())
        withdrawal.txid = made.hexdigest()
        self.network_fees[withdrawal.asset] += withdrawal.fee
        self._say(one, "sent")
        one.due_ms = at_ms + one.delays_ms[1]
        return False

    def _be_seen(self, one: Journey, at_ms: int) -> bool:
        withdrawal, receiver, network = one.withdrawal, one.receiver, one.network
        if receiver is None or network is None:
            self.outside[withdrawal.asset] += withdrawal.amount
            self._say(one, "done")
            return True
        number, name = receiver.number("deposit")
        now = receiver.part.now_ms()
        one.deposit = Deposit(
            name, number, withdrawal.asset, network.chain.key, withdrawal.amount,
            withdrawal.txid or "", "seen", now, now,
            confirmations_needed=network.chain.confirmations,
        )  # fmt: skip
        receiver.arrive(one.deposit)
        one.due_ms = at_ms + one.delays_ms[2] / network.chain.confirmations
        return False

    def _confirm(self, one: Journey, at_ms: int) -> bool:
        deposit, receiver, network = one.deposit, one.receiver, one.network
        assert deposit is not None and receiver is not None and network is not None
        if deposit.confirmations < deposit.confirmations_needed:
            deposit.confirmations += 1
            if one.withdrawal.status == "sent":
                self._say(one, "done")
            one.due_ms = at_ms + one.delays_ms[2] / deposit.confirmations_needed
            return False
        part, asset = receiver.part, deposit.asset
        deposit.updated_ms = part.now_ms()
        if part.afflicted("deposit_return", asset):
            deposit.status = "returned"
            receiver.tell_deposit(deposit)
            one.sender.money.bring(asset, deposit.amount)
            self._say(one, "returned")
            return True
        if part.afflicted("deposit_hold", asset) or not network.deposit:
            if network.deposit and deposit.status != "held":
                deposit.status = "held"
                receiver.tell_deposit(deposit)
            one.due_ms = at_ms + AGAIN_MS
            return False
        receiver.money.bring(asset, deposit.amount)
        deposit.status = "credited"
        receiver.tell_deposit(deposit)
        return True

    def _say(self, one: Journey, status: str) -> None:
        withdrawal = one.withdrawal
        if withdrawal.status != status:
            withdrawal.status = status
            withdrawal.updated_ms = one.sender.part.now_ms()
            one.sender.tell_withdrawal(withdrawal)


def network_of(desk: VenueDesk, asset: str, chain: str) -> Network:
    """Raises Rejected."""
    wallet = desk.part.wallets.get(asset)
    if wallet is None:
        raise Rejected("unknown_asset", asset)
    for network in wallet.networks:
        if network.chain.key == chain:
            return network
    raise Rejected("unknown_network", chain)


def same(found: tuple[VenueDesk, str, Network], asked: Withdrawal, network: Network) -> bool:
    """The same coin on the same chain: a twin of that name is another contract."""
    _, asset, there = found
    return (
        asset == asked.asset
        and there.chain.key == asked.network
        and there.contract == network.contract
    )
