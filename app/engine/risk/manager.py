"""The risk manager: Approved or Refused(code, value, limit). Nothing becomes a cycle without it.

First what is yes or no, in the order of `limits`; then how much: the smallest room that any limit
leaves is the size, and where that is too little the limit that left it refuses.
"""

from __future__ import annotations

from collections import Counter, OrderedDict
from collections.abc import Iterator
from decimal import ROUND_DOWN, Decimal, localcontext

from app.domain.cycles import ExecutionStyle, Reservation, Strategy
from app.domain.events import DayRead, TradingPolicyChanged, TradingStateChanged
from app.domain.facts import Fact, TradeRefused
from app.domain.times import DAY_NS
from app.domain.trading import (
    Approved,
    BreakerRow,
    LimitRow,
    Refused,
    TradingPolicy,
    TradingState,
)
from app.engine.execution.portfolio import WON, Portfolio
from app.engine.risk import limits
from app.engine.risk.anomalies import Anomalies
from app.engine.risk.breakers import Breakers
from app.engine.risk.candidates import Candidate
from app.engine.risk.limits import Measure, Room

TOLD_MAX = 4_096
"""Signals whose last refusal is remembered, so that each is told and counted once."""
PRECISION = 40


class RiskManager:
    """Judges; keeps what is needed for it, and counts what it refused."""

    def __init__(self, portfolio: Portfolio, anomalies: Anomalies) -> None:
        self._portfolio = portfolio
        self._anomalies = anomalies
        self._breakers = Breakers()
        self._policy = TradingPolicy()
        self._state = TradingStateChanged(0, TradingState.HALTED, killed=False)
        self._told: OrderedDict[str, str] = OrderedDict()
        self._refused: Counter[str] = Counter()
        self._day = 0

    # What happens

    def policy(self, event: TradingPolicyChanged) -> None:
        self._policy = event.policy
        self._breakers.policy(event.policy)
        self._anomalies.policy(event.policy)

    def state(self, event: TradingStateChanged) -> None:
        self._state = event

    def day(self, event: DayRead) -> None:
        self._breakers.day(event)

    def tick(self, at_ns: int, facts: list[Fact]) -> None:
        """Ten times a second; looks at prices once a second."""
        for crash in self._anomalies.sample(at_ns):
            self._breakers.crashed(crash.asset, crash.instrument.venue, crash.move_pct, at_ns)
        self._breakers.tick(at_ns, facts)

    # What it says

    def may_begin(self) -> Measure | None:
        """Why nothing at all may begin now; None: something may. Cheap: asked before planning."""
        return limits.first_broken((
            limits.killed(self._state.killed),
            limits.state(self._state.state),
            limits.blocked(self._state.blocked),
        ))  # fmt: skip

    def crowded(self, base: str) -> Refused | None:
        """Why nothing may begin with a coin, in whatever style and size. Cheap: before planning."""
        broken = limits.first_broken((
            limits.cycles(self._portfolio.cycles(), self._policy),
            limits.cycles_per_base(self._portfolio.cycles_of(base), self._policy),
        ))  # fmt: skip
        return None if broken is None else broken.refused()

    def judge(self, candidate: Candidate, at_ns: int) -> Approved | Refused:
        """Says the same as often as it is asked of the same; `told` counts."""
        broken = self.may_begin() or limits.first_broken(self._measures(candidate, at_ns))
        if broken is not None:
            return broken.refused()
        asked = candidate.notional_krw
        tightest = min(self._rooms(candidate, at_ns), key=lambda room: room.left)
        left = min(asked, tightest.left)
        if not limits.size_min(left, self._policy).holds:
            if tightest.left >= asked:  # it was asked for too little: no limit's doing
                return limits.size_min(left, self._policy).refused()
            return tightest.refused()
        if left == asked:
            return Approved(candidate.quantity, asked)
        with localcontext(prec=PRECISION, rounding=ROUND_DOWN):
            return Approved(candidate.quantity * left / asked, left, tightest.code)

    def told(self, candidate: Candidate, refused: Refused, at_ns: int) -> TradeRefused | None:
        """The fact of a refusal, once per signal and code; None where it has been told."""
        if self._told.get(candidate.signal_id) == refused.code:
            return None
        self._told[candidate.signal_id] = refused.code
        self._told.move_to_end(candidate.signal_id)
        if len(self._told) > TOLD_MAX:
            self._told.popitem(last=False)
        if at_ns // DAY_NS != self._day:
            self._day = at_ns // DAY_NS
            self._refused.clear()
        self._refused[refused.code] += 1
        return TradeRefused(
            at_ns, candidate.signal_id, candidate.base, candidate.strategy.value, refused
        )

    def breakers(self, at_ns: int) -> tuple[BreakerRow, ...]:
        return self._breakers.rows(at_ns)

    def limits(self, at_ns: int) -> tuple[LimitRow, ...]:
        """Every limit, with its use where it has one."""
        return tuple(self._rows(at_ns))

    # Beneath

    def _measures(self, asked: Candidate, at_ns: int) -> Iterator[Measure]:
        policy, ages = self._policy, asked.ages_ms
        yield limits.style(asked.style.value, policy)
        yield limits.allowed(asked.base, policy)
        for gate in asked.gates:
            yield limits.gate(gate)
        yield limits.book_age(ages[0], policy)
        yield limits.book_age(ages[1], policy)
        yield limits.rate_age(ages[2], policy)
        if asked.style is not ExecutionStyle.PREFUNDED:
            yield limits.wallet_age(ages[3], policy)
        yield limits.net(asked.net_bps, policy)
        yield limits.too_good(asked.net_bps, policy)
        for instrument in (asked.buy, asked.sell):
            bps, sigma = self._anomalies.spread(instrument)
            yield limits.spread(bps, policy)
            yield limits.spread_sigma(sigma, policy)
        yield from self._breakers.measures(asked.base, at_ns)
        yield limits.cycles(self._portfolio.cycles(), policy)
        yield limits.cycles_per_base(self._portfolio.cycles_of(asked.base), policy)
        for spent in asked.spends:
            yield limits.purse_frozen(self._portfolio.frozen(spent.venue, spent.asset))

    def _rooms(self, asked: Candidate, at_ns: int) -> Iterator[Room]:
        portfolio, krw, policy = self._portfolio, asked.notional_krw, self._policy
        yield limits.size(policy)
        for spent in asked.spends:
            there = portfolio.available(spent.venue, spent.asset)
            yield limits.funds(krw, _share(there, spent))
            if asked.strategy is Strategy.LOW_PREMIUM and spent.asset == WON:
                free = portfolio.withdrawable(spent.venue, spent.asset, at_ns)
                yield limits.young_won(krw, _share(free, spent))
        yield limits.coin_exposure(portfolio.coin_krw(asked.base), krw, policy)
        for venue in (asked.buy.venue, asked.sell.venue):
            yield limits.venue_exposure(portfolio.venue_krw(venue), krw, policy)
        yield limits.total_exposure(portfolio.total_krw(), krw, policy)

    def _rows(self, at_ns: int) -> Iterator[LimitRow]:
        policy, portfolio = self._policy, self._portfolio
        total = float(portfolio.total_krw())
        yield self._row("TOTAL_EXPOSURE", total, policy.total_krw_max, limits.KRW)
        for venue in portfolio.venues():
            used = float(portfolio.venue_krw(venue))
            yield self._row("VENUE_EXPOSURE", used, policy.venue_krw_max, limits.KRW, venue)
        for base in portfolio.bases():
            used = float(portfolio.coin_krw(base))
            yield self._row("COIN_EXPOSURE", used, policy.coin_krw_max, limits.KRW, base)
        for measure in (
            self._breakers.daily_loss(at_ns),
            self._breakers.drawdown(),
            self._breakers.losses_in_row(),
            limits.cycles(portfolio.cycles(), policy),
        ):
            value, limit = float(measure.value), float(measure.limit)
            yield self._row(measure.code, value, limit, measure.unit)
        most = max((portfolio.cycles_of(base) for base in portfolio.bases()), default=0)
        per_base = policy.cycles_per_base_max
        yield self._row("CYCLES_PER_BASE", float(most), float(per_base), limits.COUNT)
        crash = policy.flash_crash_pct
        yield self._row("FLASH_CRASH", self._anomalies.largest(), crash, limits.PCT)
        for code, limit, unit in (
            ("SPREAD_WIDE", policy.spread_bps_max, limits.BPS),
            ("SPREAD_ANOMALY", policy.spread_sigma_max, limits.SIGMA),
            ("STALE_BOOK", policy.book_age_s_max, limits.S),
            ("STALE_RATE", policy.rate_age_s_max, limits.S),
            ("WALLET_UNKNOWN", policy.wallet_age_s_max, limits.S),
            ("NET_BELOW_MIN", policy.min_net_bps, limits.BPS),
            ("TOO_GOOD", policy.max_net_bps, limits.BPS),
            ("SIZE_MIN", policy.size_krw_min, limits.KRW),
        ):
            yield self._row(code, None, limit, unit)

    def _row(
        self, code: str, value: float | None, limit: float, unit: str, detail: str = ""
    ) -> LimitRow:
        used = None if value is None else abs(value) / limit if limit else 1.0
        warned = used is not None and used >= self._policy.warn_share
        return LimitRow(code, value, limit, unit, used, warned, self._refused[code], detail)


def _share(there: Decimal, spent: Reservation) -> Decimal:
    """Of what is asked, at most all."""
    if spent.amount <= 0:
        return Decimal(1)
    with localcontext(prec=PRECISION, rounding=ROUND_DOWN):
        return min(Decimal(1), there / spent.amount)
