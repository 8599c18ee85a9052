"""Scene: all that one decision may look at, and the words in which it answers."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal
from typing import Any, NamedTuple

from app.domain.cycles import (
    Cycle,
    CycleState,
    CycleStep,
    CycleView,
    Decision,
    Holding,
    Move,
    NewOrder,
    NewTransfer,
    Plan,
)
from app.domain.facts import Command, SendOrder, SendTransfer
from app.domain.markets import Instrument, Side
from app.domain.orders import Order, OrderState, OrderTerms, Role
from app.domain.times import SECOND_NS
from app.domain.trading import TradingPolicy
from app.domain.transfers import Transfer, TransferState, TransferTerms
from app.domain.venues import Venue
from app.engine.execution.amounts import BPS, ZERO
from app.engine.execution.finalizer import Hop
from app.engine.execution.ids import Identity, client_id, order_id
from app.engine.execution.sight import TETHER, Sight, money

DUST_KRW = Decimal(1_000)
"""Worth less than this, a rest stays where it is and is released there."""
LEFT_SHARE = Decimal("0.02")
"""Of the plan: a rest that has no way home, because venues do not take so little, stays as well."""
UNSENT_MAX = 10
"""Intents in a row that expired because nobody sent them: something is wrong beyond this cycle."""
PACE_NS = SECOND_NS
"""Prices that are waited for are looked at as often as this."""


class Rest(NamedTuple):
    """Nothing to do before then, unless something is committed."""

    until_ns: int


class Turn(NamedTuple):
    """decision None: only questions or cancels."""

    decision: Decision | None
    commands: tuple[Command, ...] = ()


Answer = Turn | Rest


@dataclass(frozen=True, slots=True)
class Scene:
    view: CycleView
    sight: Sight
    policy: TradingPolicy
    at_ns: int
    identity: Identity

    @property
    def cycle(self) -> Cycle:
        return self.view.cycle

    @property
    def plan(self) -> Plan:
        return self.view.cycle.plan

    # Time

    def after(self, seconds: float) -> int:
        return self.at_ns + round(seconds * SECOND_NS)

    def since_entered(self, seconds: float) -> int:
        """When this state will have lasted so long."""
        return self.cycle.entered_at_ns + round(seconds * SECOND_NS)

    def pause(self) -> Rest:
        return Rest(self.at_ns + PACE_NS)

    # Money

    def held(self, venue: Venue | None, asset: str) -> Decimal:
        return sum(
            (each.amount for each in self.view.holdings
             if each.venue is venue and each.asset == asset), ZERO,
        )  # fmt: skip

    def worth(self, asset: str, amount: Decimal) -> Decimal | None:
        price = self.sight.price(asset)
        return None if price is None else amount * price

    def is_dust(self, venue: Venue, asset: str, amount: Decimal) -> bool:
        """Not worth an order or a transfer. What has no price is never dust."""
        worth = self.worth(asset, amount)
        if worth is None:
            return amount <= ZERO
        return abs(worth) < DUST_KRW or abs(worth) < self._least_krw(venue, asset)

    def _least_krw(self, venue: Venue, asset: str) -> Decimal:
        """The smallest order that would turn it into money."""
        quote = money(venue)
        if asset == quote:
            return ZERO
        grid = self.sight.grid(self.instrument(venue, asset))
        price = self.sight.price(quote)
        if grid is None or price is None or grid.minimum_value is None:
            return ZERO
        return grid.minimum_value * price

    def instrument(self, venue: Venue, base: str) -> Instrument:
        """Where the venue trades it: the plan's own market, or that against its money."""
        for each in (self.plan.buy, self.plan.sell):
            if each.venue is venue and each.base == base:
                return each
        return Instrument(venue, base, money(venue))

    def net_krw(self) -> Decimal | None:
        """What the cycle has gained so far at today's prices; None where one is not known."""
        total = ZERO
        for each in self.view.net:
            if each.amount:
                worth = self.worth(each.asset, each.amount)
                if worth is None:
                    return None
                total += worth
        hedged = self.hedge_krw()
        return None if hedged is None else total + hedged

    def hedge_krw(self) -> Decimal | None:
        """What a short has gained, closed or not: the ledger books it when the cycle ends."""
        value = open_ = ZERO
        for each in self.orders(Role.HEDGE):
            sign = 1 if each.terms.side is Side.SELL else -1
            value += sign * each.filled_quantity * (each.average_price or ZERO)
            open_ += sign * each.filled_quantity
        if not value and not open_:
            return ZERO
        quote, base = self.worth(TETHER, value), self.worth(self.plan.buy.base, open_)
        return None if quote is None or base is None else quote - base

    def put_in_krw(self) -> Decimal:
        """What the plan staked, as far as its first order was filled."""
        filled = sum(
            (each.filled_quantity for each in self.view.orders
             if each.role is Role.INITIAL and each.terms.instrument == self.plan.buy), ZERO,
        )  # fmt: skip
        if not filled or filled > self.plan.quantity:
            return self.plan.notional_krw
        return self.plan.notional_krw * filled / self.plan.quantity

    def bps(self, krw: Decimal) -> Decimal:
        return krw / self.put_in_krw() * BPS

    def loose(self) -> list[Holding]:
        """What is neither at home nor dust, the most valuable first. In transit is not loose."""
        home = self.plan.home
        found = [
            each
            for each in self.view.holdings
            if each.venue is not None
            and each.amount > ZERO
            and not (each.venue is home.venue and each.asset == home.asset)
            and not self.is_dust(each.venue, each.asset, each.amount)
        ]
        return sorted(found, key=lambda each: (-(self.worth(each.asset, each.amount) or ZERO),
                                               each.asset, each.venue or ""))  # fmt: skip

    # What was sent

    def orders(self, *roles: Role, since_ns: int = 0) -> list[Order]:
        return [
            each
            for each in self.view.orders
            if each.role in roles and each.planned_at_ns >= since_ns
        ]

    def transfers(self, *roles: Role, since_ns: int = 0) -> list[Transfer]:
        return [
            each
            for each in self.view.transfers
            if each.role in roles and each.planned_at_ns >= since_ns
        ]

    def unsent(self) -> tuple[str, ...]:
        """Planned, and not to be sent any more."""
        orders = [o.client_id for o in self.view.orders if o.state is OrderState.PLANNED]
        transfers = [t.client_id for t in self.view.transfers if t.state is TransferState.PLANNED]
        return (*orders, *transfers)

    # Answers

    def turn(
        self,
        step: CycleStep | None = None,
        *moves: CycleState,
        orders: Iterable[NewOrder] = (),
        transfers: Iterable[NewTransfer] = (),
        reason: str = "",
        actor: str = "engine",
        keeps_reason: bool = False,
        **fields: Any,
    ) -> Turn:
        """A decision on this version of the cycle, with the commands that send what it plans.

        reason: of the moves, and of the cycle unless it keeps why it failed before.
        """
        new_orders, new_transfers = tuple(orders), tuple(transfers)
        cycle = self.cycle
        if reason and not keeps_reason:
            fields["reason"] = reason
        decision = Decision(
            cycle_id=cycle.id,
            version=cycle.version,
            step=cycle.step if step is None else step,
            moves=tuple(Move(to, reason, actor) for to in moves),
            orders=new_orders,
            transfers=new_transfers,
            **fields,
        )
        return Turn(decision, sends(new_orders, new_transfers))

    def order(self, role: Role, step: CycleStep, terms: OrderTerms, *, beside: int = 0) -> NewOrder:
        """beside: how many of the same step are planned together with it."""
        attempt = self._attempt(step) + beside
        venue = terms.instrument.venue
        name = order_id(self.identity, venue, self.cycle.id, step.value, attempt)
        return NewOrder(name, role, step, attempt, terms)

    def transfer(self, role: Role, step: CycleStep, hop: Hop) -> NewTransfer:
        attempt = self._attempt(step)
        name = client_id(self.identity, self.cycle.id, step.value, attempt)
        number = 1 + sum(_went(each) for each in self.view.transfers)
        link = hop.link
        terms = TransferTerms(
            hop.asset, hop.sender, hop.receiver, link.chain, link.network, link.to_network,
            hop.amount, link.fee,
        )  # fmt: skip
        return NewTransfer(name, role, step, number, attempt, terms)

    def _attempt(self, step: CycleStep) -> int:
        """One step never has two intents of one attempt: ids are made of both."""
        made = [each.attempt for each in self.view.orders if each.step == step.value]
        made += [each.attempt for each in self.view.transfers if each.step == step.value]
        return max(made, default=0) + 1


def sends(orders: Iterable[NewOrder], transfers: Iterable[NewTransfer]) -> tuple[Command, ...]:
    return (
        *(SendOrder(each.terms.instrument.venue, each.client_id) for each in orders),
        *(SendTransfer(each.terms.from_venue, each.client_id) for each in transfers),
    )


def _went(transfer: Transfer) -> bool:
    """Whether this hop has been made, or may have been."""
    return transfer.state not in {
        TransferState.EXPIRED, TransferState.REJECTED, TransferState.NOT_PLACED,
    }  # fmt: skip


def unsent_in_row(scene: Scene) -> int:
    """How many of the last intents expired without being sent."""
    states = [(each.planned_at_ns, each.state.value) for each in scene.view.orders]
    states += [(each.planned_at_ns, each.state.value) for each in scene.view.transfers]
    count = 0
    for _, state in sorted(states, reverse=True):
        if state != "EXPIRED":
            break
        count += 1
    return count
