"""No money appears and none vanishes: orders, cancels, transfers and faults in any order."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from decimal import Decimal, localcontext
from functools import cache
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from app.simulator.desk import VenueDesk
from app.simulator.faults import Unasked
from app.simulator.part import Part
from app.simulator.purses import EXACT
from app.simulator.serve import Simulator
from app.simulator.trading import NewOrder, Order, Rejected
from app.simulator.transfers import network_of
from app.simulator.venues import DIALECTS

BEGIN_MS = 1_790_000_000_000
BEAT_MS = 20


class Clock:
    now_ms = BEGIN_MS

    def __call__(self) -> int:
        return self.now_ms


class Trading:
    """A whole world on a clock of ours; what happened in one example stays for the next."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.simulator = Simulator(3, 5, 3_000.0, transfer_s=0.4, clock=self.clock)
        self.parts: dict[str, Part] = {
            part.venue: part for part in self.simulator.parts if part.listings
        }
        self.begun = self.sums()

    @property
    def desks(self) -> list[VenueDesk]:
        return [part.desk for part in self.parts.values()]

    def sums(self) -> dict[str, Decimal]:
        """Everything that exists, wherever it is."""
        total: dict[str, Decimal] = defaultdict(Decimal)
        transfers = self.simulator.transfers
        with localcontext(EXACT):
            for desk in self.desks:
                for asset, purse in desk.purses().items():
                    total[asset] += purse.free + purse.locked
                for place in (desk.money.street, desk.money.fees):
                    for asset, amount in place.items():
                        total[asset] += amount
            for place in (transfers.on_the_way(), transfers.network_fees, transfers.outside):
                for asset, amount in place.items():
                    total[asset] += amount
        return total

    def check(self) -> None:
        sums = self.sums()
        assert {asset: sums[asset] for asset in self.begun} == self.begun
        for desk in self.desks:
            held: dict[str, Decimal] = defaultdict(Decimal)
            with localcontext(EXACT):
                for order in desk.orders():
                    side = order.listing.quote if order.bought else order.listing.base
                    held[side] += order.locked
                    self.check_order(order)
            for asset, purse in desk.purses().items():
                assert purse.free >= 0
                assert purse.locked == held[asset], (desk.venue, asset)

    def check_order(self, order: Order) -> None:
        assert order.filled == sum(fill.quantity for fill in order.fills)
        assert order.value == sum(fill.value for fill in order.fills)
        assert order.fee == sum(fill.fee for fill in order.fills)
        assert order.locked == 0 or order.status == "open"
        if order.quantity is not None:
            assert order.filled <= order.quantity
        if order.funds is not None:
            assert order.value <= order.funds
        for fill in order.fills:
            assert fill.value == fill.price * fill.quantity
            if order.price is not None:
                better = fill.price <= order.price if order.bought else fill.price >= order.price
                assert better

    # ---- what may happen ---------------------------------------------------------------------

    def beat(self, times: int) -> None:
        for _ in range(times):
            self.clock.now_ms += BEAT_MS
            self.simulator.beat(self.clock.now_ms)

    def place(self, part: Part, pick: int, bought: bool, kind: str, off: int, size: int) -> None:
        listing = list(part.listings.values())[pick % len(part.listings)]
        best = Decimal((listing.asks if bought else listing.bids).prices[0])
        price = (best + off * listing.tick) // listing.tick * listing.tick
        value = Decimal(size) * (1_400 if listing.quote == "KRW" else 1)
        quantity = (value / best) // listing.lot * listing.lot
        force = kind if kind in ("gtc", "ioc", "fok", "post") else "ioc"
        shape: dict[str, tuple[str, Any, Any, Any]] = {
            "market": ("market", None, quantity, None),
            "spend": ("spend", None, None, value),
        }
        word, limit, amount, funds = shape.get(kind, ("limit", price, quantity, None))
        if word == "spend" and not bought:
            word, amount, funds = "market", quantity, None
        part.desk.place(NewOrder(listing, None, bought, word, limit, amount, funds, force))

    def cancel(self, part: Part, pick: int) -> None:
        waiting = [one for one in part.desk.orders() if one.status == "open"]
        if waiting:
            part.desk.cancel(waiting[pick % len(waiting)])

    def withdraw(self, part: Part, pick: int, to: str, amount: int) -> None:
        wallet = list(part.wallets.values())[pick % len(part.wallets)]
        network = wallet.networks[pick % len(wallet.networks)]
        network_of(self.parts[to].desk, wallet.asset, network.chain.key)
        address, tag = self.parts[to].desk.address(wallet.asset, network.chain.key)
        exact = Decimal(network.minimum) * amount / 8
        exact = exact.quantize(Decimal(1).scaleb(-network.decimals))
        part.desk.withdraw(wallet.asset, network.chain.key, address, tag, exact, None)

    def fault(self, part: Part, kind: str) -> None:
        part.begin({"kind": kind, "seconds": 1.0})


@cache
def trading() -> Trading:
    return Trading()


venues = st.sampled_from(sorted(DIALECTS))
orders = st.tuples(
    st.just("place"),
    venues,
    st.integers(0, 40),
    st.booleans(),
    st.sampled_from(("gtc", "ioc", "fok", "post", "market", "spend")),
    st.integers(-8, 8),
    st.sampled_from((4, 15, 200, 3_000, 40_000)),
)
steps = st.lists(
    st.one_of(
        orders,
        orders,
        st.tuples(st.just("cancel"), venues, st.integers(0, 20)),
        st.tuples(st.just("withdraw"), venues, st.integers(0, 30), venues, st.integers(1, 60)),
        st.tuples(
            st.just("fault"),
            venues,
            st.sampled_from(
                ("partial", "rests", "halt", "withdraw_hold", "withdraw_reject", "deposit_return",
                 "deposit_hold", "consent", "news_drop", "silence", "skew")
            ),
        ),
        st.tuples(st.just("beat"), st.integers(1, 40)),
        st.tuples(st.just("beat"), st.integers(1, 40)),
    ),
    min_size=12,
    max_size=40,
)  # fmt: skip


@given(steps)
@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
def test_money_moves_and_nothing_else(steps: list[tuple[Any, ...]]) -> None:
    world = trading()
    deeds: dict[str, Callable[..., None]] = {
        "place": world.place,
        "cancel": world.cancel,
        "withdraw": world.withdraw,
        "fault": world.fault,
    }
    for word, *rest in steps:
        try:
            if word == "beat":
                world.beat(*rest)
            else:
                venue, *more = rest
                deeds[word](world.parts[venue], *more)
        except (Rejected, Unasked):
            pass  # nothing happened, and the sums say so
    world.check()


def test_every_order_ends_and_every_transfer_arrives() -> None:
    """When no fault is left, every door is open and time goes on."""
    world = trading()
    for part in world.parts.values():
        for wallet in part.wallets.values():
            for network in wallet.networks:
                network.deposit = True
        for fault in list(part.faults.active.values()):
            part.faults.remove(fault)
        for order in part.desk.orders():
            if order.status == "open":
                part.desk.cancel(order)
    world.beat(200)
    world.check()
    assert [one.withdrawal for one in world.simulator.transfers.under_way] == []
    for desk in world.desks:
        assert all(purse.locked == 0 for purse in desk.purses().values())
        states = {one.status for one in desk.withdrawals()}
        assert states <= {"done", "rejected", "returned"}
