"""Machines for the ledger: whatever is done in whatever order, these tables keep their promises.

Cycles move along the table only, on one version, by one owner. Leases have one holder, and their
fences grow. Bookings sum to zero, are made once, and leave nothing below zero.
"""

from __future__ import annotations

from contextlib import ExitStack
from decimal import Decimal
from functools import cache
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from app.domain.accounting import Line
from app.domain.cycles import MOVES, CycleState, CycleView, Decision, Move, Outcome
from app.domain.venues import Venue
from app.ledger import audit, chart, cycles, leases, posting, views
from app.ledger.leases import Lease
from tests.ledger.trading_builders import (
    BINANCE,
    LEASE_S,
    ME,
    MODE,
    OTHER,
    UPBIT,
    Clock,
    open_one,
    seen,
    start,
)
from tests.simulation.store import Disk

OWNERS = (ME, OTHER)
ASSETS = ("USDT", "XRP")
ACCOUNTS = (
    *(make(venue) for make in (chart.available, chart.reserved) for venue in (BINANCE, UPBIT)),
    chart.transit(UPBIT), chart.trade(BINANCE), chart.FEE_NETWORK, chart.PNL,
)  # fmt: skip
QUICK = settings(
    max_examples=12, stateful_step_count=25, deadline=None,
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


@cache
def disk() -> Disk:
    """One for all machines; each begins with it empty."""
    return Disk()


class OnDisk(RuleBasedStateMachine):
    """Everything in one transaction, which nobody commits."""

    def __init__(self) -> None:
        super().__init__()
        self.clock = Clock()
        disk().erase(self.clock)
        self._stack = ExitStack()
        self.conn: sa.Connection = self._stack.enter_context(disk().transaction())

    def at_last(self) -> None:
        """What must hold at the end of every story."""

    def teardown(self) -> None:
        with self._stack:
            self.at_last()

    @rule(seconds=st.sampled_from((0.5, 10.0, LEASE_S + 1.0)))
    def time_passes(self, seconds: float) -> None:
        self.clock.pass_s(seconds)


class Cycles(OnDisk):
    """Two processes, each with the view that it saw last, however old."""

    def __init__(self) -> None:
        super().__init__()
        start(self.conn)
        first = open_one(self.conn)
        self.known = dict.fromkeys(OWNERS, first)
        self.state, self.owner, self.fence, self.version = CycleState.STARTED, ME, 1, 1
        self.way: list[str] = [CycleState.STARTED]
        self.is_over = False

    @rule(owner=st.sampled_from(OWNERS))
    def looks(self, owner: str) -> None:
        self.known[owner] = seen(self.conn)

    @rule(owner=st.sampled_from(OWNERS), data=st.data())
    def decides(self, owner: str, data: st.DataObject) -> None:
        self._decide(owner, data.draw(st.sampled_from(sorted(MOVES[self.known[owner].cycle.state])
                                                      or list(CycleState))))  # fmt: skip

    @rule(owner=st.sampled_from(OWNERS), to=st.sampled_from(CycleState))
    def decides_anything(self, owner: str, to: CycleState) -> None:
        self._decide(owner, to)

    def _decide(self, owner: str, to: CycleState) -> None:
        view = self.known[owner]
        outcome = Outcome.CLOSED_BY_HAND if to is CycleState.COMPLETED else None
        wanted = Decision(
            view.cycle.id,
            view.cycle.version,
            view.cycle.step,
            (Move(to),),
            outcome=outcome,
            reason="RETURN_STUCK",
        )
        counts = not self.is_over and owner == self.owner and view.cycle.version == self.version
        if counts and to not in MOVES[self.state]:
            with pytest.raises(sa.exc.IntegrityError):
                cycles.decide(self.conn, MODE, wanted, owner)
            return
        found = cycles.decide(self.conn, MODE, wanted, owner)
        assert (found is not None) is counts, (owner, to)
        if found is not None:
            self.known[owner] = found
            self.state, self.version = to, found.cycle.version
            self.way.append(to)
            self.is_over = to is CycleState.COMPLETED

    @rule(owner=st.sampled_from(OWNERS))
    def claims(self, owner: str) -> None:
        found = cycles.claim(self.conn, MODE, owner, LEASE_S, 10)
        for view in found:
            assert view.cycle.fence == self.fence + 1
            assert not self.is_over
            self.owner, self.fence, self.version = owner, view.cycle.fence, view.cycle.version
            self.known[owner] = view

    @rule(owner=st.sampled_from(OWNERS))
    def renews(self, owner: str) -> None:
        kept = cycles.renew(self.conn, MODE, owner, ["c-1"], LEASE_S)
        assert bool(kept) == (owner == self.owner and not self.is_over)

    @rule(owner=st.sampled_from(OWNERS))
    def lets_go(self, owner: str) -> None:
        if cycles.release(self.conn, MODE, owner, ["c-1"]):
            assert owner == self.owner
            self.owner = ""

    @invariant()
    def it_is_as_it_was_decided(self) -> None:
        cycle = _view(self.conn).cycle
        assert (cycle.state, cycle.fence, cycle.version) == (self.state, self.fence, self.version)

    def at_last(self) -> None:
        moved = self.conn.execute(
            sa.text("SELECT to_status FROM transition WHERE cycle_id = 'c-1' ORDER BY seq")
        )
        assert [row.to_status for row in moved] == self.way
        assert audit.check(self.conn, MODE) == []


def _view(conn: sa.Connection) -> CycleView:
    found = views.view(conn, MODE, "c-1")
    assert found is not None
    return found


class Leases(OnDisk):
    """Three processes and one lease; everybody keeps what he was ever given."""

    def __init__(self) -> None:
        super().__init__()
        self.given: list[Lease] = []
        self.fence = 0

    @rule(owner=st.sampled_from((*OWNERS, "engine-3")), ttl_s=st.sampled_from((5.0, 30.0)))
    def claims(self, owner: str, ttl_s: float) -> None:
        was_held = any(self._holds(each) for each in self.given)
        found = leases.claim(self.conn, "sender", owner, ttl_s)
        assert (found is None) is was_held
        if found is not None:
            assert found.fence > self.fence
            self.fence = found.fence
            self.given.append(found)

    @rule(data=st.data(), ttl_s=st.sampled_from((5.0, 30.0)))
    def renews_what_it_was_given(self, data: st.DataObject, ttl_s: float) -> None:
        if not self.given:
            return
        held = data.draw(st.sampled_from(self.given))
        found = leases.renew(self.conn, held, ttl_s)
        assert (found is not None) is (held.fence == self.fence)

    @rule(data=st.data())
    def lets_go_of_what_it_was_given(self, data: st.DataObject) -> None:
        if self.given:
            held = data.draw(st.sampled_from(self.given))
            assert leases.release(self.conn, held) is (held.fence == self.fence)

    @invariant()
    def one_holds_it_at_most_and_it_is_the_last(self) -> None:
        holders = {each.fence for each in self.given if self._holds(each)}
        assert holders <= {self.fence}

    def _holds(self, lease: Lease) -> bool:
        return leases.holds(self.conn, lease, self.clock())


class Postings(OnDisk):
    """Money between accounts, with a sum in Decimals beside it."""

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[tuple[str, str], Decimal] = {}
        self.names = 0

    @rule(venue=st.sampled_from((BINANCE, UPBIT)), asset=st.sampled_from(ASSETS),
          units=st.integers(1, 10**12))  # fmt: skip
    def comes_from_outside(self, venue: Venue, asset: str, units: int) -> None:
        amount = Decimal(units).scaleb(-6)
        self.names += 1
        assert posting.adopt(self.conn, MODE, venue, asset, amount, f"outside-{self.names}")
        self._add(chart.available(venue), asset, amount)
        self._add(chart.EXTERNAL, asset, -amount)

    @rule(one=st.sampled_from(ACCOUNTS), other=st.sampled_from(ACCOUNTS),
          asset=st.sampled_from(ASSETS), units=st.integers(1, 10**13),
          digits=st.integers(4, 9), again=st.booleans())  # fmt: skip
    def moves(self, one: str, other: str, asset: str, units: int, digits: int, again: bool) -> None:
        if one == other:
            return
        amount = Decimal(units).scaleb(-digits)
        lines = (Line(one, asset, -amount), Line(other, asset, amount))
        self.names += 1
        name = f"move-{self.names}"
        if chart.guarded(one) and self.model.get((one, asset), Decimal(0)) < amount:
            with pytest.raises(posting.Overdrawn), self.conn.begin_nested():
                posting.post(self.conn, MODE, name, lines)
            return
        assert posting.post(self.conn, MODE, name, lines)
        if again:
            assert not posting.post(self.conn, MODE, name, lines)
        self._add(one, asset, -amount)
        self._add(other, asset, amount)

    @rule(asset=st.sampled_from(ASSETS))
    def what_does_not_sum_is_refused(self, asset: str) -> None:
        lines = (Line(chart.PNL, asset, Decimal(1)), Line(chart.EXTERNAL, asset, Decimal(-2)))
        with pytest.raises(AssertionError):
            posting.post(self.conn, MODE, "odd", lines)

    @invariant()
    def sums_are_zero_and_nothing_is_below_it(self) -> None:
        query = "SELECT asset, SUM(amount) AS total FROM posting GROUP BY asset"
        assert all(row.total == 0 for row in self.conn.execute(sa.text(query)))
        for purse in posting.purses(self.conn, MODE):
            for account, amount in (
                (chart.available(purse.venue), purse.available),
                (chart.reserved(purse.venue), purse.reserved),
                (chart.transit(purse.venue), purse.in_flight),
            ):
                assert amount == self.model.get((account, purse.asset), Decimal(0))
                assert amount >= 0

    def _add(self, account: str, asset: str, amount: Decimal) -> None:
        key = account, asset
        self.model[key] = self.model.get(key, Decimal(0)) + amount


def _quick(machine: Any) -> Any:
    case = machine.TestCase
    case.settings = QUICK
    return case


TestCycles = _quick(Cycles)
TestLeases = _quick(Leases)
TestPostings = _quick(Postings)
