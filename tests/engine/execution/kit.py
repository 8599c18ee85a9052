"""A desk for one engine: a ledger in memory, venues that trade by their books, a clock by hand.

The ledger does what it is told and checks what it must: versions, legal moves, money that is
there. Each venue can be told how to answer the next orders and transfers of a step.
"""

from __future__ import annotations

import random
from collections import defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any, NamedTuple

from msgspec import structs

from app.books.rack import Rack
from app.domain.cycles import (
    CycleState,
    CycleView,
    Decision,
    Holding,
    NewOrder,
    NewTransfer,
    Outcome,
    check_move,
)
from app.domain.events import (
    CycleChanged,
    CycleClaimed,
    CycleLost,
    CycleRefused,
    Event,
    FundingRate,
    FundingRead,
    NumbersGranted,
    OperatorAsked,
    PursesRead,
    TradingPolicyChanged,
    TradingStateChanged,
)
from app.domain.facts import (
    AskOrder,
    CancelOrder,
    Command,
    CycleDecided,
    CycleOpened,
    SendOrder,
    SendTransfer,
    Taken,
)
from app.domain.markets import Instrument, Market, Product, Side
from app.domain.orders import AssetAmount, Order, OrderState
from app.domain.trading import Purse, TradingPolicy, TradingState
from app.domain.transfers import Transfer, TransferState
from app.domain.venues import KOREAN, Venue
from app.engine.core import Engine
from app.engine.execution.ids import Identity
from app.engine.views import Views
from tests.engine.builders import POLICY, SECOND, T0, Speaker, World

ZERO = Decimal(0)
ME = Identity("desk-of-tests", 1)
TRADING = TradingPolicy(size_krw=1_000_000.0, loss_bps_max=300.0)


class Rules(NamedTuple):
    """Of a venue's private side, as far as the engine looks."""

    has_ioc: bool
    fee_in_base: bool


RULES = {venue: Rules(True, venue not in KOREAN) for venue in Venue}
FEE = {venue: Decimal("0.0005") if venue in KOREAN else Decimal("0.001") for venue in Venue}


@dataclass
class Account:
    """What the ledger holds of one cycle."""

    view: CycleView
    opened: dict[str, Decimal] = field(default_factory=dict)
    held: dict[tuple[Venue | None, str], Decimal] = field(default_factory=dict)
    fees: dict[str, Decimal] = field(default_factory=dict)
    history: list[CycleState] = field(default_factory=list)
    short: Decimal = ZERO
    gained: Decimal = ZERO


class Desk(World):
    """`script[step]`: how the next orders or transfers of a step end; otherwise they go well.

    Of orders: fill (what the book gives at the limit), none, part, reject, unknown, rest, unsent.
    Of transfers: credit, reject, hang, return, absent, unsent.
    """

    def __init__(self, policy: TradingPolicy = TRADING) -> None:
        super().__init__(POLICY)
        self.engine = Engine(
            Rack(), {venue: Speaker(venue) for venue in Venue}, POLICY, identity=ME,
            venue_rules=RULES,
        )  # fmt: skip
        self.views = Views(self.engine)
        self.available: dict[tuple[Venue, str], Decimal] = defaultdict(lambda: ZERO)
        self.accounts: dict[str, Account] = {}
        self.script: dict[str, deque[str]] = defaultdict(deque)
        self.transfer_s = 120.0
        self.refuse_next: str | None = None
        self.sent: list[str] = []
        self.asked: list[str] = []
        self.decisions: list[Decision] = []
        self._due: list[tuple[int, Callable[[], None]]] = []
        self._queue: deque[Event] = deque()
        self._playing = False
        self._hanging: set[str] = set()
        self.marks: dict[str, Decimal] = {}
        self.refreshed = True
        self.take(TradingPolicyChanged(T0, policy))
        self.take(NumbersGranted(T0, 1, 1_000))

    # The world

    def start(self, state: TradingState = TradingState.ACTIVE) -> None:
        self.take(TradingStateChanged(self.at_ns, state, killed=False))

    def lists(self, venue: Venue, *bases: str, tick: str = "0.0001", lot: str = "0.01") -> None:
        quote = "KRW" if venue in KOREAN else "USDT"
        least = "5000" if venue in KOREAN else "5"
        names = [*bases, "USDT"] if venue in KOREAN else list(bases)
        perpetuals = [
            Market(Instrument(venue, base, "USDT", Product.PERPETUAL), True, "0.0001", "0.1")
            for base in bases
            if venue is Venue.BINANCE
        ]
        self.markets(
            venue,
            *perpetuals,
            *(Market(Instrument(venue, base, quote), True, tick if venue not in KOREAN else "0.5",
                     lot, None, least) for base in names),
        )  # fmt: skip

    def fund(self, venue: Venue, asset: str, amount: float | str) -> None:
        self.available[venue, asset] += Decimal(str(amount))
        self.take(PursesRead(self.at_ns, self._purses(), whole=True))

    def _purses(self) -> tuple[Purse, ...]:
        reserved: dict[tuple[Venue, str], Decimal] = defaultdict(lambda: ZERO)
        for account in self.accounts.values():
            for (venue, asset), amount in account.held.items():
                if venue is not None:
                    reserved[venue, asset] += amount
        keys = self.available.keys() | reserved.keys()
        return tuple(
            Purse(v, a, self.available[v, a], reserved[v, a], ZERO) for v, a in sorted(keys)
        )

    # Events and what comes of them

    def take(self, event: Event) -> Taken:
        taken = super().take(event)
        self._commit(taken)
        if not self._playing:
            self._playing = True
            while self._queue:
                self._commit(super().take(self._queue.popleft()))
            self._playing = False
        return taken

    def wait(self, seconds: float, *, tick: bool = True, step_s: float = 1.0) -> None:
        """Time passes second by second; books stay as they are, and fresh."""
        end_ns = self.at_ns + round(seconds * SECOND)
        while self.at_ns < end_ns:
            self.at_ns = min(self.at_ns + round(step_s * SECOND), end_ns)
            if self.refreshed:
                self._refresh()
            self._pass()
            super().wait(0.0, tick=tick)

    def _refresh(self) -> None:
        tops = self.engine.rack.tops
        for row in self.engine.rack.rows():
            tops[row]["received_ns"] = self.at_ns
        for connection in self._connections.values():
            self.engine.channels.heard(connection, self.at_ns)

    def _pass(self) -> None:
        due = [call for at_ns, call in self._due if at_ns <= self.at_ns]
        self._due = [each for each in self._due if each[0] > self.at_ns]
        for call in due:
            call()
        self._drain()

    def _drain(self) -> None:
        while self._queue:
            self.take(self._queue.popleft())

    def _commit(self, taken: Taken) -> None:
        """Facts first, in order, then the commands of those that were committed."""
        for fact in taken.facts:
            if isinstance(fact, CycleOpened):
                self._open(fact)
            elif isinstance(fact, CycleDecided):
                self._decide(fact.decision)
        for command in taken.commands:
            self._do(command)

    def _tell(self, name: str) -> None:
        self._queue.append(PursesRead(self.at_ns, self._purses(), whole=True))
        self._queue.append(CycleChanged(self.at_ns, self.accounts[name].view))

    # The ledger

    def _open(self, fact: CycleOpened) -> None:
        cycle = fact.cycle
        if self.refuse_next:
            self._queue.append(CycleRefused(self.at_ns, cycle.id, self.refuse_next))
            self.refuse_next = None
            return
        for each in fact.reservations:
            if self.available[each.venue, each.asset] < each.amount:
                self._queue.append(CycleRefused(self.at_ns, cycle.id, "INSUFFICIENT"))
                return
        account = Account(CycleView(cycle), history=[cycle.state])
        for each in fact.reservations:
            self.available[each.venue, each.asset] -= each.amount
            self._add(account, each.venue, each.asset, each.amount)
            account.opened[each.asset] = account.opened.get(each.asset, ZERO) + each.amount
        self.accounts[cycle.id] = account
        self._show(account, orders=tuple(self._order(cycle.id, each) for each in fact.orders))
        self._queue.append(PursesRead(self.at_ns, self._purses(), whole=True))
        self._queue.append(CycleClaimed(self.at_ns, account.view))

    def _decide(self, decision: Decision) -> None:
        account = self.accounts[decision.cycle_id]
        cycle = account.view.cycle
        self._tell(cycle.id)
        if decision.version != cycle.version:
            return
        self._queue.pop()
        self.decisions.append(decision)
        state = cycle.state
        for move in decision.moves:
            check_move(state, move.to)
            state = move.to
            account.history.append(state)
        ended = state is CycleState.COMPLETED or decision.outcome is Outcome.NOTHING_DONE
        fields: dict[str, Any] = {
            name: value
            for name in ("attempts", "retries", "next_attempt_at_ns", "wake_at_ns", "return_base",
                         "compensating", "outcome", "reason", "pnl_krw")
            if (value := getattr(decision, name)) is not None
        }  # fmt: skip
        if decision.actual:
            fields["actual"] = decision.actual
        if decision.moves:
            fields["entered_at_ns"] = self.at_ns
        changed = structs.replace(
            cycle, state=state, step=decision.step,
            closed_at_ns=self.at_ns if ended else None, **fields,
        )  # fmt: skip
        orders = tuple(
            structs.replace(each, state=OrderState.EXPIRED, updated_at_ns=self.at_ns)
            if each.client_id in decision.expire and each.state is OrderState.PLANNED
            else each
            for each in account.view.orders
        ) + tuple(self._order(cycle.id, each) for each in decision.orders)
        transfers = tuple(
            structs.replace(each, state=TransferState.EXPIRED, updated_at_ns=self.at_ns)
            if each.client_id in decision.expire and each.state is TransferState.PLANNED
            else each
            for each in account.view.transfers
        ) + tuple(self._transfer(cycle.id, each) for each in decision.transfers)
        names = [each.client_id for each in orders] + [each.client_id for each in transfers]
        assert len(names) == len(set(names)), "a client id names one thing"
        if ended:
            assert not account.short, "a short without a cycle"
            if account.gained:
                self._add(account, Venue.BINANCE, "USDT", account.gained)
            assert all(venue is not None for venue, _ in account.held), "money in transit"
            for (venue, asset), amount in account.held.items():
                assert venue is not None
                self.available[venue, asset] += amount
            account.held.clear()
        account.view = structs.replace(account.view, cycle=changed)
        self._show(account, orders=orders, transfers=transfers, ended=ended)
        self._tell(cycle.id)

    def _show(
        self, account: Account, *, orders: tuple[Order, ...] | None = None,
        transfers: tuple[Transfer, ...] | None = None, ended: bool = False,
    ) -> None:  # fmt: skip
        """One more version, with what is held now."""
        view = account.view
        net = view.net
        if not ended:
            assets = {asset for _, asset in account.held} | account.opened.keys()
            net = tuple(
                AssetAmount(asset, sum((amount for (_, a), amount in account.held.items()
                                        if a == asset), ZERO) - account.opened.get(asset, ZERO))
                for asset in sorted(assets)
            )  # fmt: skip
        account.view = CycleView(
            structs.replace(view.cycle, version=view.cycle.version + 1),
            view.orders if orders is None else orders,
            view.transfers if transfers is None else transfers,
            tuple(Holding(venue, asset, amount) for (venue, asset), amount
                  in sorted(account.held.items(), key=str) if amount),
            net,
            tuple(AssetAmount(asset, amount) for asset, amount in sorted(account.fees.items())),
        )  # fmt: skip

    def _order(self, cycle_id: str, new: NewOrder) -> Order:
        return Order(
            new.client_id, cycle_id, new.role, new.step.value, new.attempt,
            new.terms.instrument.venue, new.terms, OrderState.PLANNED, self.at_ns,
            updated_at_ns=self.at_ns,
        )  # fmt: skip

    def _transfer(self, cycle_id: str, new: NewTransfer) -> Transfer:
        return Transfer(
            new.client_id, cycle_id, new.role, new.step.value, new.hop, new.attempt, new.terms,
            TransferState.PLANNED, self.at_ns, updated_at_ns=self.at_ns,
        )  # fmt: skip

    def _add(self, account: Account, venue: Venue | None, asset: str, amount: Decimal) -> None:
        key = venue, asset
        account.held[key] = account.held.get(key, ZERO) + amount
        assert account.held[key] >= 0, f"{asset} at {venue}: {account.held[key]}"
        if not account.held[key]:
            del account.held[key]

    # The venues

    def _do(self, command: Command) -> None:
        if isinstance(command, SendOrder):
            self._send_order(command.client_id)
        elif isinstance(command, SendTransfer):
            self._send_transfer(command.client_id)
        elif isinstance(command, CancelOrder):
            self.asked.append(f"cancel {command.client_id}")
            self._end(command.client_id, OrderState.CANCELLED)
        elif isinstance(command, AskOrder):
            self.asked.append(f"ask {command.client_id}")

    def _find(self, client_id: str) -> tuple[Account, Any] | None:
        for account in self.accounts.values():
            items: tuple[Any, ...] = (*account.view.orders, *account.view.transfers)
            for each in items:
                if each.client_id == client_id:
                    return account, each
        return None

    def _replace(self, account: Account, item: Any) -> None:
        orders = tuple(item if each.client_id == item.client_id else each
                       for each in account.view.orders)  # fmt: skip
        transfers = tuple(item if each.client_id == item.client_id else each
                          for each in account.view.transfers)  # fmt: skip
        self._show(account, orders=orders, transfers=transfers)
        self._tell(account.view.cycle.id)

    def _send_order(self, client_id: str) -> None:
        found = self._find(client_id)
        if found is None or found[1].state is not OrderState.PLANNED:
            return
        account, order = found
        steps = self.script[order.step]
        how = steps.popleft() if steps else "fill"
        if how == "unsent":
            return
        self.sent.append(client_id)
        order = structs.replace(order, signed_at_ns=self.at_ns, updated_at_ns=self.at_ns)
        if how == "reject":
            state = OrderState.REJECTED
        elif how == "unknown":
            state = OrderState.UNKNOWN
        elif how == "rest":
            state = OrderState.OPEN
        elif how == "none":
            state = OrderState.CANCELLED
        else:
            share = Decimal("0.4") if how == "part" else Decimal(1)
            order = self._fill(account, order, share)
            done = order.filled_quantity == order.terms.quantity
            state = OrderState.FILLED if done else OrderState.CANCELLED
        self._replace(account, structs.replace(order, state=state))

    def _fill(self, account: Account, order: Order, share: Decimal) -> Order:
        """By the book as it stands, no worse than the limit."""
        terms = order.terms
        if terms.instrument.product is not Product.SPOT:
            return self._fill_short(account, order, share)
        row = self.engine.rack.row(terms.instrument)
        assert row is not None
        side = 1 if terms.side is Side.BUY else 0
        top = self.engine.rack.tops[row]
        wanted, quantity, value = terms.quantity * share, ZERO, ZERO
        for i in range(int(top["counts"][side])):
            price = Decimal(repr(float(top["prices"][side, i])))
            worse = price > terms.price if side else price < terms.price
            part = min(wanted - quantity, Decimal(repr(float(top["quantities"][side, i]))))
            if worse or part <= 0:
                break
            quantity += part
            value += part * price
        if not quantity:
            return order
        venue, base, quote = order.venue, terms.instrument.base, terms.instrument.quote
        rate = FEE[venue]
        if side and RULES[venue].fee_in_base:
            fee = AssetAmount(base, quantity * rate)
            self._add(account, venue, quote, -value)
            self._add(account, venue, base, quantity - fee.amount)
        elif side:
            fee = AssetAmount(quote, value * rate)
            self._add(account, venue, quote, -value - fee.amount)
            self._add(account, venue, base, quantity)
        else:
            fee = AssetAmount(quote, value * rate)
            self._add(account, venue, base, -quantity)
            self._add(account, venue, quote, value - fee.amount)
        account.fees[fee.asset] = account.fees.get(fee.asset, ZERO) + fee.amount
        return structs.replace(
            order, filled_quantity=quantity, average_price=value / quantity, fees=(fee,),
            complete=True,
        )  # fmt: skip

    def _fill_short(self, account: Account, order: Order, share: Decimal) -> Order:
        """At its mark; what it gains is settled when the cycle ends."""
        quantity, mark = order.terms.quantity * share, self.marks[order.terms.instrument.base]
        fee = AssetAmount("USDT", quantity * mark * Decimal("0.0005"))
        self._add(account, Venue.BINANCE, "USDT", -fee.amount)
        account.fees["USDT"] = account.fees.get("USDT", ZERO) + fee.amount
        sign = 1 if order.terms.side is Side.SELL else -1
        account.short += sign * quantity
        account.gained += sign * quantity * mark
        return structs.replace(
            order, filled_quantity=quantity, average_price=mark, fees=(fee,), complete=True
        )

    def funding(self, base: str, mark: str, rate: str = "0.0001") -> None:
        """What the perpetual is worth now, and pays next."""
        self.marks[base] = Decimal(mark)
        perpetual = Instrument(Venue.BINANCE, base, "USDT", Product.PERPETUAL)
        read = FundingRate(perpetual, float(rate), float(mark), float(mark), self.at_ns + SECOND)
        self.take(FundingRead(self.at_ns, Venue.BINANCE, (read,)))

    def _end(self, client_id: str, state: OrderState) -> None:
        found = self._find(client_id)
        assert found is not None
        account, order = found
        if not order.is_over:
            self._replace(account, structs.replace(order, state=state, updated_at_ns=self.at_ns))

    def resolve(self, client_id: str, state: OrderState, *, share: str = "0") -> None:
        """What had become of an order that nobody heard of."""
        found = self._find(client_id)
        assert found is not None
        account, order = found
        if Decimal(share):
            order = self._fill(account, order, Decimal(share))
        order = structs.replace(order, state=state, updated_at_ns=self.at_ns)
        self._replace(account, order)
        self._drain()

    def _send_transfer(self, client_id: str) -> None:
        found = self._find(client_id)
        if found is None or found[1].state is not TransferState.PLANNED:
            return
        account, transfer = found
        terms = transfer.terms
        steps = self.script[transfer.step]
        how = steps.popleft() if steps else "credit"
        if how == "unsent":
            return
        self.sent.append(client_id)
        transfer = structs.replace(transfer, signed_at_ns=self.at_ns, updated_at_ns=self.at_ns)
        if how == "reject":
            refused = structs.replace(transfer, state=TransferState.REJECTED, code="locked")
            self._replace(account, refused)
            return
        if how == "absent":
            self._replace(account, structs.replace(transfer, state=TransferState.NOT_PLACED))
            return
        self._add(account, terms.from_venue, terms.asset, -(terms.amount + terms.fee))
        self._add(account, None, terms.asset, terms.amount)
        account.fees[terms.asset] = account.fees.get(terms.asset, ZERO) + terms.fee
        self._replace(account, structs.replace(transfer, state=TransferState.ON_CHAIN))
        if how == "hang":
            self._hanging.add(client_id)
        else:
            at_ns = self.at_ns + round(self.transfer_s * SECOND)
            self._due.append((at_ns, lambda: self.arrive(client_id, back=how == "return")))

    def arrive(self, client_id: str, *, back: bool = False) -> None:
        found = self._find(client_id)
        assert found is not None
        account, transfer = found
        terms = transfer.terms
        self._add(account, None, terms.asset, -terms.amount)
        to = terms.from_venue if back else terms.to_venue
        self._add(account, to, terms.asset, terms.amount)
        self._replace(account, structs.replace(
            transfer, state=TransferState.RETURNED if back else TransferState.CREDITED,
            credited=terms.amount, credited_at_ns=self.at_ns, updated_at_ns=self.at_ns,
        ))  # fmt: skip
        self._drain()

    def resolve_all(self, name: str, chance: random.Random) -> None:
        """Whatever is unknown, rests or hangs becomes something."""
        for order in self.view(name).orders:
            if order.state in {OrderState.UNKNOWN, OrderState.OPEN}:
                ends = [(OrderState.FILLED, "1"), (OrderState.CANCELLED, "0.3"),
                        (OrderState.CANCELLED, "0"), (OrderState.NOT_PLACED, "0")]  # fmt: skip
                state, share = chance.choice(ends[: 3 if order.state is OrderState.OPEN else 4])
                self.resolve(order.client_id, state, share=share)
        for transfer in self.view(name).transfers:
            if transfer.state is TransferState.ON_CHAIN and transfer.client_id in self._hanging:
                self._hanging.remove(transfer.client_id)
                self.arrive(transfer.client_id, back=chance.random() < 0.2)

    # People and other processes

    def take_policy(self, policy: TradingPolicy) -> None:
        self.take(TradingPolicyChanged(self.at_ns, policy))

    def ask(self, name: str, action: str, *, version: int | None = None) -> None:
        now = self.accounts[name].view.cycle.version
        version = now if version is None else version
        self.take(OperatorAsked(self.at_ns, name, action, version, "kim", "by hand"))

    def lose_cycle(self, name: str) -> None:
        self.take(CycleLost(self.at_ns, name))

    def claim(self, name: str) -> None:
        """A new owner, as after a crash."""
        account = self.accounts[name]
        cycle = account.view.cycle
        fenced = structs.replace(cycle, fence=cycle.fence + 1)
        account.view = structs.replace(account.view, cycle=fenced)
        self._show(account)
        self.take(CycleClaimed(self.at_ns, account.view))

    # What is asserted

    def cycle(self, name: str = "c-1") -> Any:
        return self.accounts[name].view.cycle

    def view(self, name: str = "c-1") -> CycleView:
        return self.accounts[name].view

    def held_of(self, asset: str, name: str = "c-1") -> Decimal:
        held = self.accounts[name].held
        return sum((amount for (_, each), amount in held.items() if each == asset), ZERO)

    def states(self, name: str = "c-1") -> list[str]:
        return [state.value for state in self.accounts[name].history]

    def until(self, *states: CycleState, seconds: float = 7_200.0, name: str = "c-1") -> None:
        """Until the cycle is in one of these states; fails when that takes too long."""
        end_ns = self.at_ns + round(seconds * SECOND)
        while self.cycle(name).state not in states:
            assert self.at_ns < end_ns, f"still {self.cycle(name)}"
            self.wait(1.0)
