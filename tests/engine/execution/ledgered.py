"""The same desk over the real ledger: what the engine decides must hold in its transactions."""

from __future__ import annotations

from decimal import Decimal
from typing import Any

import sqlalchemy as sa
from msgspec import structs

from app.domain.cycles import CycleView, Decision
from app.domain.events import CycleChanged, CycleClaimed, CycleLost, CycleRefused, PursesRead
from app.domain.facts import CycleOpened
from app.domain.markets import Product, Side
from app.domain.orders import Fill, Order, OrderState
from app.domain.trading import Purse, TradingPolicy, TradingState
from app.domain.transfers import DepositReport, Transfer, TransferState
from app.domain.venues import Venue
from app.ledger import cycles, intents, leases, posting, trading_state
from app.ledger.leases import Lease
from tests.engine.builders import SECOND
from tests.engine.execution.kit import FEE, RULES, TRADING, Account, Desk
from tests.ledger.trading_builders import Clock

MODE, ME = "paper", "engine-1"
ZERO = Decimal(0)
UNTIL = frozenset(OrderState)


class LedgerDesk(Desk):
    """`accounts` holds the last committed views; money is only the ledger's."""

    def __init__(self, conn: sa.Connection, clock: Clock, policy: TradingPolicy = TRADING) -> None:
        self.conn, self.clock = conn, clock
        trading_state.set_state(conn, MODE, TradingState.ACTIVE, "kim")
        trading_state.set_capital(conn, MODE, Decimal(20_000_000))
        self.fills = 0
        super().__init__(policy)

    # Money

    def fund(self, venue: Venue, asset: str, amount: float | str) -> None:
        key = f"{venue}:{asset}:{self.at_ns}"
        posting.adopt(self.conn, MODE, venue, asset, Decimal(str(amount)), key)
        self.take(PursesRead(self.at_ns, self._purses(), whole=True))

    def _purses(self) -> tuple[Purse, ...]:
        return posting.purses(self.conn, MODE)

    # Cycles

    def _now(self) -> sa.Connection:
        self.clock.at_ns = self.at_ns
        return self.conn

    def _open(self, fact: CycleOpened) -> None:
        made = cycles.open_cycle(self._now(), MODE, fact, ME, 1e6)
        if isinstance(made, str):
            self._queue.append(CycleRefused(self.at_ns, fact.cycle.id, made))
            return
        self.accounts[made.cycle.id] = Account(made, history=[made.cycle.state])
        self._queue.append(PursesRead(self.at_ns, self._purses(), whole=True))
        self._queue.append(CycleClaimed(self.at_ns, made))

    def _decide(self, decision: Decision) -> None:
        view = cycles.decide(self._now(), MODE, decision, ME)
        if view is None:
            now = cycles.owned(self.conn, MODE, decision.cycle_id, ME)
            told = CycleLost(self.at_ns, decision.cycle_id)
            self._queue.append(told if now is None else CycleChanged(self.at_ns, now))
            return
        self.decisions.append(decision)
        account = self.accounts[decision.cycle_id]
        account.history += [move.to for move in decision.moves]
        self._tell(decision.cycle_id)

    def _tell(self, name: str) -> None:
        view = cycles.view(self.conn, MODE, name)
        assert view is not None
        self.accounts[name].view = view
        self._queue.append(PursesRead(self.at_ns, self._purses(), whole=True))
        self._queue.append(CycleChanged(self.at_ns, view))

    def claim(self, name: str) -> None:
        cycles.release(self._now(), MODE, ME, [name])
        for view in cycles.claim(self.conn, MODE, ME, 1e6, 100):
            self.accounts[view.cycle.id].view = view
            self.take(CycleClaimed(self.at_ns, view))

    # Venues

    def _lease(self, venue: Venue) -> Lease:
        for held in leases.held(self.conn):
            if held.name == f"venue:{venue}":
                return held
        taken = leases.claim(self._now(), f"venue:{venue}", ME, 1e6)
        assert taken is not None
        return taken

    def _send_order(self, client_id: str) -> None:
        order = intents.get_order(self._now(), MODE, client_id)
        if order is None or order.state is not OrderState.PLANNED:
            return
        steps = self.script[order.step]
        how = steps.popleft() if steps else "fill"
        if how == "unsent":
            return
        sent = intents.claim_order(self.conn, MODE, client_id, ME, self._lease(order.venue), 5_000)
        if isinstance(sent, str):
            return
        self.sent.append(client_id)
        states = {
            "reject": OrderState.REJECTED, "unknown": OrderState.UNKNOWN,
            "rest": OrderState.OPEN, "none": OrderState.CANCELLED,
        }  # fmt: skip
        if how in states:
            self._note(sent, states[how], [])
            return
        fills = self._fills(sent, Decimal("0.4") if how == "part" else Decimal(1))
        done = sum((each.quantity for each in fills), ZERO) == sent.terms.quantity
        self._note(sent, OrderState.FILLED if done else OrderState.CANCELLED, fills)

    def _note(self, order: Order, state: OrderState, fills: list[Fill]) -> None:
        quantity = sum((each.quantity for each in fills), order.filled_quantity)
        new = structs.replace(
            order, state=state, filled_quantity=quantity, venue_order_id=f"v-{order.client_id}",
            updated_at_ns=self.at_ns,
        )  # fmt: skip
        intents.note_order(self._now(), MODE, order.client_id, UNTIL, new)
        intents.post_fills(self.conn, MODE, order.client_id, fills)
        self._tell(order.cycle_id)

    def _fills(self, order: Order, share: Decimal) -> list[Fill]:
        """By the book as it stands, no worse than the limit; a perpetual at its mark."""
        terms, made = order.terms, []
        is_buy = terms.side is Side.BUY
        levels = [(self.marks.get(terms.instrument.base, ZERO), terms.quantity)]
        if terms.instrument.product is Product.SPOT:
            row = self.engine.rack.row(terms.instrument)
            assert row is not None
            top, side = self.engine.rack.tops[row], int(is_buy)
            levels = [
                (Decimal(repr(float(top["prices"][side, i]))),
                 Decimal(repr(float(top["quantities"][side, i]))))
                for i in range(int(top["counts"][side]))
            ]  # fmt: skip
        left = terms.quantity * share
        for price, held in levels:
            part = min(left, held)
            worse = price > terms.price if is_buy else price < terms.price
            if worse or part <= 0:
                break
            left -= part
            self.fills += 1
            rate = FEE[order.venue]
            in_base = is_buy and RULES[order.venue].fee_in_base
            in_base = in_base and terms.instrument.product is Product.SPOT
            fee = part * rate if in_base else part * price * rate
            asset = terms.instrument.base if in_base else terms.instrument.quote
            made.append(
                Fill(order.venue, f"t-{self.fills}", f"v-{order.client_id}", order.client_id,
                     terms.instrument, terms.side, price, part, fee, asset, self.at_ns)
            )  # fmt: skip
        return made

    def _end(self, client_id: str, state: OrderState) -> None:
        order = intents.get_order(self._now(), MODE, client_id)
        assert order is not None
        if not order.is_over:
            self._note(order, state, [])

    def resolve(self, client_id: str, state: OrderState, *, share: str = "0") -> None:
        order = intents.get_order(self._now(), MODE, client_id)
        assert order is not None
        fills = self._fills(order, Decimal(share)) if Decimal(share) else []
        done = sum((each.quantity for each in fills), ZERO) == order.terms.quantity
        if state is OrderState.FILLED and not done:
            state = OrderState.CANCELLED
        self._note(order, state, fills)
        self._drain()

    def _send_transfer(self, client_id: str) -> None:
        planned = intents.get_transfer(self._now(), MODE, client_id)
        if planned is None or planned.state is not TransferState.PLANNED:
            return
        steps = self.script[planned.step]
        how = steps.popleft() if steps else "credit"
        if how == "unsent":
            return
        lease = self._lease(planned.terms.from_venue)
        sent = intents.claim_transfer(self.conn, MODE, client_id, ME, lease, 5_000)
        if isinstance(sent, str):
            return
        self.sent.append(client_id)
        ends = {"reject": TransferState.REJECTED, "absent": TransferState.NOT_PLACED}
        if how in ends:
            self._note_transfer(sent, state=ends[how], code="locked")
            return
        self._note_transfer(
            sent, state=TransferState.ON_CHAIN, withdrawal_id=f"w-{client_id}",
            txid=f"tx-{client_id}",
        )  # fmt: skip
        if how == "hang":
            self._hanging.add(client_id)
        else:
            at_ns = self.at_ns + round(self.transfer_s * SECOND)
            self._due.append((at_ns, lambda: self.arrive(client_id, back=how == "return")))

    def _note_transfer(self, sent: Transfer, **fields: Any) -> None:
        new = structs.replace(sent, updated_at_ns=self.at_ns, **fields)
        assert intents.note_transfer(
            self._now(), MODE, sent.client_id, frozenset(TransferState), new
        )
        self._tell(sent.cycle_id)

    def arrive(self, client_id: str, *, back: bool = False) -> None:
        sent = intents.get_transfer(self._now(), MODE, client_id)
        assert sent is not None
        terms = sent.terms
        if back:
            intents.returned(self.conn, MODE, client_id, terms.amount, f"r-{client_id}")
        else:
            deposit = DepositReport(
                terms.to_venue, f"d-{client_id}", terms.asset, terms.to_network, terms.amount,
                sent.txid, TransferState.CREDITED, self.at_ns,
            )  # fmt: skip
            intents.credit(self.conn, MODE, client_id, deposit)
        self._tell(sent.cycle_id)
        self._drain()

    def view(self, name: str = "c-1") -> CycleView:
        view = cycles.view(self.conn, MODE, name)
        assert view is not None
        return view

    def cycle(self, name: str = "c-1") -> Any:
        return self.view(name).cycle

    def held_of(self, asset: str, name: str = "c-1") -> Decimal:
        return sum((h.amount for h in self.view(name).holdings if h.asset == asset), ZERO)

    def available_of(self, venue: Venue, asset: str) -> Decimal:
        found = [p.available for p in self._purses() if (p.venue, p.asset) == (venue, asset)]
        return found[0] if found else ZERO
