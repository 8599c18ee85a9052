"""Breakers: what closes the door for a while after it has gone wrong, and when it opens again.

| code | turns when | rests until |
|---|---|---|
| LOSSES_IN_ROW | so many cycles in a row lost | `loss_rest_s` later; then it counts anew |
| DAILY_LOSS | the day lost its limit | the next UTC midnight |
| DRAWDOWN | equity fell so far below its peak | a person raises the limit, or equity recovers |
| FLASH_CRASH | a price of a coin ran away | `crash_rest_s` after it last did |

A crash rests its own coin; one of USDT rests all. A breaker is open by what is known at the
moment of asking, never by a message that was missed.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from app.domain.events import DayRead
from app.domain.facts import BreakerTurned, Fact
from app.domain.times import SECOND_NS
from app.domain.trading import BreakerRow, DayResult, TradingPolicy
from app.engine.risk import limits
from app.engine.risk.limits import Measure

FOREVER_NS = 2**62
"""Until a person acts, or what it looks at changes."""
SEPARATOR = ":"
TETHER = "USDT"
"""What every loop between won and dollars returns by."""


@dataclass(slots=True)
class _Crash:
    """Of one coin. where: the venue whose price ran."""

    move_pct: float
    where: str
    until_ns: int


class Breakers:
    def __init__(self) -> None:
        self._policy = TradingPolicy()
        self._day: DayResult | None = None
        self._drawdown_pct = 0.0
        self._losses = 0
        self._forgiven = 0
        """Losses in a row for which it has rested already."""
        self._rest_until_ns = 0
        self._crashes: dict[str, _Crash] = {}
        self._told: dict[str, int] = {}
        """By code (of a coin: CODE:BASE) the end that was told."""

    # What happens

    def policy(self, policy: TradingPolicy) -> None:
        self._policy = policy

    def day(self, event: DayRead) -> None:
        """What the ledger says after each finished cycle, and at the start."""
        self._day = event.day
        self._drawdown_pct = _drawdown_pct(event)
        if event.losses_in_row < self._losses:
            self._forgiven = 0
        is_new = event.losses_in_row > self._losses
        self._losses = event.losses_in_row
        if is_new and not self._row_measure().holds:
            self._rest_until_ns = event.at_ns + round(self._policy.loss_rest_s * SECOND_NS)
            self._forgiven = event.losses_in_row

    def crashed(self, base: str, where: str, move_pct: float, at_ns: int) -> None:
        """A price of this coin has run too far within the window."""
        until_ns = at_ns + round(self._policy.crash_rest_s * SECOND_NS)
        self._crashes[base] = _Crash(move_pct, where, until_ns)

    # What holds

    def measures(self, base: str, at_ns: int) -> tuple[Measure, ...]:
        """Those that a cycle of this coin has to pass."""
        return (
            self._row_measure_at(at_ns),
            self.daily_loss(at_ns),
            self.drawdown(),
            self._crash_measure(base, at_ns),
            self._crash_measure(TETHER, at_ns),
        )

    def daily_loss(self, at_ns: int) -> Measure:
        """A day that is over has lost nothing today."""
        day = self._day
        if day is None or day.date != _date(at_ns):
            equity = None if day is None else day.equity_krw
            return limits.daily_loss(limits.NOTHING, equity, self._policy)
        return limits.daily_loss(day.pnl_krw, day.equity_krw, self._policy)

    def drawdown(self) -> Measure:
        return limits.drawdown(self._drawdown_pct, self._policy)

    def losses_in_row(self) -> Measure:
        """Since it rested last."""
        return self._row_measure()

    def rows(self, at_ns: int) -> tuple[BreakerRow, ...]:
        """Each breaker, the coins' only while they are open."""
        rows = [
            BreakerRow(measure.code, float(measure.value), float(measure.limit), until_ns)
            for measure, until_ns in self._common(at_ns)
        ]
        crashes = sorted(self._crashes.items())
        for base, crash in crashes:
            if at_ns < crash.until_ns:
                reason = f"{base} {crash.where}"
                limit = self._policy.flash_crash_pct
                rows.append(
                    BreakerRow("FLASH_CRASH", crash.move_pct, limit, crash.until_ns, reason)
                )
        return tuple(rows)

    def tick(self, at_ns: int, facts: list[Fact]) -> None:
        """Tell what turned since."""
        for measure, until_ns in self._common(at_ns):
            value, limit = float(measure.value), float(measure.limit)
            self._tell(measure.code, value, limit, until_ns, at_ns, facts)
        for base, crash in list(self._crashes.items()):
            until_ns = crash.until_ns if at_ns < crash.until_ns else None
            code = f"FLASH_CRASH{SEPARATOR}{base}"
            limit = self._policy.flash_crash_pct
            self._tell(code, crash.move_pct, limit, until_ns, at_ns, facts)
            if until_ns is None:
                del self._crashes[base]

    # Beneath

    def _common(self, at_ns: int) -> tuple[tuple[Measure, int | None], ...]:
        """Of all coins: the measure, and until when it is open."""
        row, lost, fallen = self._row_measure_at(at_ns), self.daily_loss(at_ns), self.drawdown()
        return (
            (row, None if row.holds else self._rest_until_ns),
            (lost, None if lost.holds else _midnight_ns(at_ns)),
            (fallen, None if fallen.holds else FOREVER_NS),
        )

    def _row_measure(self) -> Measure:
        return limits.losses_in_row(self._losses - self._forgiven, self._policy)

    def _row_measure_at(self, at_ns: int) -> Measure:
        """While it rests it shows what made it rest."""
        if at_ns < self._rest_until_ns:
            value, limit = float(self._losses), float(self._policy.losses_in_row_max)
            return Measure("LOSSES_IN_ROW", value, limit, limits.COUNT, holds=False)
        return self._row_measure()

    def _crash_measure(self, base: str, at_ns: int) -> Measure:
        crash = self._crashes.get(base)
        move_pct = 0.0 if crash is None or at_ns >= crash.until_ns else crash.move_pct
        return limits.crash(move_pct, self._policy)

    def _tell(
        self,
        code: str,
        value: float,
        limit: float,
        until_ns: int | None,
        at_ns: int,
        facts: list[Fact],
    ) -> None:
        """Once when it opens, once when it closes; a rest that grows is no news."""
        was_open = code in self._told
        if until_ns is None:
            self._told.pop(code, None)
        else:
            self._told[code] = until_ns
        if was_open != (until_ns is not None):
            facts.append(BreakerTurned(at_ns, code, value, limit, until_ns))


def _drawdown_pct(event: DayRead) -> float:
    """Where equity stands below its peak; while nobody knows that, the worst of the day."""
    day, peak = event.day, event.peak_krw
    if day.equity_krw is None or peak is None or peak <= 0.0:
        return day.drawdown_pct
    return max(0.0, 100.0 * (peak - float(day.equity_krw)) / peak)


def _date(at_ns: int) -> str:
    return datetime.fromtimestamp(at_ns // SECOND_NS, UTC).date().isoformat()


def _midnight_ns(at_ns: int) -> int:
    """The next one, UTC."""
    day = datetime.fromtimestamp(at_ns // SECOND_NS, UTC).date() + timedelta(days=1)
    return int(datetime(day.year, day.month, day.day, tzinfo=UTC).timestamp()) * SECOND_NS
