"""A machine for proof: whatever a venue loses, delays or burns, what it has is never written off.

The venue is a small model: it may accept at once, late or never, shows what it has only after a
while, forgets ended orders by id (class W), answers nothing for a time, or says `duplicate` of an
id that it burned. The rule that is asked is the product's own.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
)
from msgspec.structs import replace

from app.domain.orders import ORDER_ENDS, Evidence, NoAnswer, Order, OrderState, Placed
from app.domain.transfers import Transfer, TransferState, WithdrawalReport, Withdrawn
from app.engine.execution.questions import Ask, Operator, Resolve, Wait, next_question
from app.exchanges.accounts.contract import IdClass, Rules
from app.runtime.trading import outcomes
from tests.runtime.trading.rows import SECOND, T0, order, report, transfer

ABSENT = frozenset({OrderState.NOT_PLACED, TransferState.NOT_PLACED})
LAG_S = 2.9
"""At most: shorter than the margin of the rule, which is what the margin is for."""
LATE_S = 30.0
PATIENCE = 200


class Questions(RuleBasedStateMachine):
    """item: our row. accepted_s: when the venue took it, on the world's clock; None: never."""

    item: Order | Transfer
    worth: Rules
    accepted_s: float | None
    now_s: float
    lag_s: float
    is_away: bool

    @initialize(
        is_order=st.booleans(),
        ids=st.sampled_from(IdClass),
        finds_ended=st.booleans(),
        fate=st.sampled_from(("late", "late", "late", "at once", "lost", "burned")),
        delay_s=st.sampled_from((5.5, 4.9, 3.0, 0.5)),
        lag_s=st.sampled_from((LAG_S, 1.0, 0.0)),
    )
    def send(
        self, is_order: bool, ids: IdClass, finds_ended: bool, fate: str, delay_s: float,
        lag_s: float,
    ) -> None:  # fmt: skip
        self.worth = Rules(
            ids, ids, window_ms=5_000, finds_ended=finds_ended, has_ioc=True, fee_in_base=True
        )
        self.item = order() if is_order else transfer()
        self.accepted_s = {"at once": 0.0, "late": delay_s}.get(fate)
        self.now_s, self.lag_s, self.is_away = 0.0, lag_s, False
        said = NoAnswer("duplicate" if fate == "burned" else "timeout")
        if is_order:
            self.item = outcomes.placed(order(), said, T0, T0 + SECOND)
        else:
            self.item = outcomes.withdrawn(transfer(), said, T0, T0 + SECOND)

    # ---- what happens ----------------------------------------------------------------------------

    @rule(seconds=st.sampled_from((0.3, 2.0, 5.0, 20.0)))
    def time_passes(self, seconds: float) -> None:
        self.now_s += seconds

    @rule()
    def the_venue_goes_away_or_comes_back(self) -> None:
        self.is_away = not self.is_away

    @rule(
        there_s=st.sampled_from((0.05, 0.5, 4.0)),
        back_s=st.sampled_from((0.05, 2.0, 10.0)),
        times=st.integers(1, 6),
    )
    def what_is_next_is_done(self, there_s: float, back_s: float, times: int) -> None:
        for _ in range(times):
            self._turn(there_s, back_s)

    @precondition(lambda self: self.accepted_s is not None and self.now_s > LATE_S)
    @rule()
    def the_answer_comes_after_all(self) -> None:
        """On the stream, or from who sent it and was thought dead."""
        if self.item.state in ABSENT:
            return
        at_ns = self._ns(self.now_s)
        if isinstance(self.item, Order):
            self.item = outcomes.placed(self.item, Placed("v-1", None), at_ns, at_ns)
        else:
            self.item = outcomes.withdrawn(self.item, Withdrawn("w-1", None), at_ns, at_ns)

    # ---- what must hold --------------------------------------------------------------------------

    @invariant()
    def what_the_venue_has_is_never_written_off(self) -> None:
        if self.item.state in ABSENT:
            assert self.accepted_s is None, (self.accepted_s, self.item.evidence)

    def teardown(self) -> None:
        """And with a venue that answers there is always an end, or a person who is asked."""
        if not hasattr(self, "item"):
            return
        self.is_away = False
        for _ in range(PATIENCE):
            if self._is_known():
                break
            self._turn(0.05, 0.05)
        assert self._is_known(), self.item
        self.what_the_venue_has_is_never_written_off()
        if self.accepted_s is None:
            assert self.item.state in ABSENT

    def _is_known(self) -> bool:
        item = self.item
        if isinstance(item, Order):
            return item.state in ABSENT | ORDER_ENDS or item.venue_order_id is not None
        return item.state in ABSENT or item.withdrawal_id is not None

    # ---- one turn of whoever asks ----------------------------------------------------------------

    def _turn(self, there_s: float, back_s: float) -> None:
        found = next_question(self.item, self.worth, self._ns(self.now_s), not self.is_away)
        match found:
            case Wait(until_ns=until_ns):
                self.now_s = max(self.now_s, min((until_ns - T0) / SECOND, self.now_s + 3_600.0))
            case Resolve(state=state):
                kind: Any = OrderState if isinstance(self.item, Order) else TransferState
                assert state == kind.NOT_PLACED
                self.item = _resolved(self.item, state)
            case Operator(code=code):
                self._keep(Evidence("operator", self._ns(self.now_s), self._ns(self.now_s),
                                    None, code))  # fmt: skip
            case Ask(kind=kind):
                self._ask(kind, there_s, back_s)

    def _ask(self, kind: str, there_s: float, back_s: float) -> None:
        asked_ns = self._ns(self.now_s)
        seen_s = self.now_s + there_s
        self.now_s = seen_s + back_s
        answered_ns = self._ns(self.now_s)
        if self.is_away:
            self._keep(Evidence(kind, asked_ns, answered_ns, None, "timeout"))
            return
        shows = self.accepted_s is not None and seen_s >= self.accepted_s + self.lag_s
        if kind == "deposits" or (kind == "by_id" and not self.worth.finds_ended):
            shows = False
        self._keep(Evidence(kind, asked_ns, answered_ns, shows), shows=shows)

    def _keep(self, evidence: Evidence, *, shows: bool = False) -> None:
        item = self.item
        if isinstance(item, Order):
            told = report(item, OrderState.FILLED, "100") if shows else None
            self.item = outcomes.reported(item, told, evidence)
            return
        terms = item.terms
        way = WithdrawalReport(
            terms.from_venue, "w-1", item.client_id, terms.asset, terms.network, terms.address,
            terms.amount, terms.fee, TransferState.ACCEPTED, None, evidence.answered_at_ns,
        )  # fmt: skip
        self.item = outcomes.sent(item, way if shows else None, evidence)

    @staticmethod
    def _ns(seconds: float) -> int:
        return T0 + round(seconds * SECOND)


def _resolved(item: Order | Transfer, state: OrderState | TransferState) -> Order | Transfer:
    if isinstance(item, Order):
        assert isinstance(state, OrderState)
        return outcomes.resolved(item, state, "absent", item.updated_at_ns)
    assert isinstance(state, TransferState)
    return replace(item, state=state)


TestQuestions = Questions.TestCase
TestQuestions.settings = settings(
    max_examples=150,
    stateful_step_count=12,
    deadline=None,
    suppress_health_check=list(HealthCheck),
)
