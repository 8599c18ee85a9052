"""Memory: what this session has seen of premiums, for ranges of a day and the leader's chart.

The archive knows more and longer; this is what there is without it, and in the first minutes.
"""

from __future__ import annotations

import bisect
import math
from array import array
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import numpy as np
import numpy.typing as npt

from app.domain.live import PremiumRow
from app.domain.times import SECOND_NS
from app.routers.watching.tape import HOME, LEADER, LEADER_IDS, leader

if TYPE_CHECKING:
    from app.runtime.market import Market

DAY_S = 86_400
# Of every coin's best route one value a minute; of the leader one point in five seconds.
MINUTE_NS = 60 * SECOND_NS
POINT_NS = 5 * SECOND_NS
MINUTES_MAX = DAY_S // 60
POINTS_MAX = DAY_S // 5
COINS_MAX = 400
# So many coins are looked at in one go.
PART = 4
# Quartiles of fewer minutes would be no quartiles.
MINUTES_MIN = 5
COLUMNS = ("kimchi", "usdt", "usdlike", "realizable")


@dataclass(frozen=True, slots=True)
class Span:
    """Of one coin's USDT-basis premium: the last day, or as much of it as was seen."""

    low: float
    first_quartile: float
    third_quartile: float
    high: float
    minutes: int


@dataclass(slots=True)
class _Coin:
    values: array[float] = field(default_factory=lambda: array("d"))
    lasting: tuple[float, ...] = ()
    span: Span | None = None

    def note(self, value: float) -> None:
        if len(self.values) >= MINUTES_MAX:
            del self.values[: len(self.values) - MINUTES_MAX + 1]
        self.values.append(value)
        self.lasting = tuple(sorted(self.values))
        low, high = self.lasting[0], self.lasting[-1]
        if len(self.values) >= MINUTES_MIN:
            first, third = np.percentile(self.lasting, (25, 75))
            self.span = Span(low, float(first), float(third), high, len(self.values))


class Memory:
    """Shown the market at every beat; looks once in POINT_NS and MINUTE_NS."""

    def __init__(self) -> None:
        self._coins: dict[tuple[str, str], _Coin] = {}
        self._time: array[float] = array("d")
        self._columns: tuple[array[float], ...] = tuple(array("d") for _ in COLUMNS)
        self._minute_ns = 0
        self._point_ns = 0
        self._turn: list[str] = []

    def look(self, market: Market, at_ns: int) -> bool:
        """Whether the leader's series has a new point."""
        before = len(self._time), self._time[-1] if self._time else 0.0
        if at_ns - self._point_ns >= POINT_NS:
            self._point_ns = at_ns
            self._note_leader(leader(market.premiums((LEADER,), LEADER_IDS)), at_ns)
        if at_ns - self._minute_ns >= MINUTE_NS:
            self._minute_ns = at_ns
            self._turn = [row.base for row in market.markets()]
        if self._turn:
            part, self._turn = self._turn[:PART], self._turn[PART:]
            self._note_coins(market.premiums(part))
        return before != (len(self._time), self._time[-1] if self._time else 0.0)

    def _note_leader(self, row: PremiumRow | None, at_ns: int) -> None:
        if row is None:
            return
        if len(self._time) >= POINTS_MAX:
            del self._time[0]
            for column in self._columns:
                del column[0]
        self._time.append(at_ns / SECOND_NS)
        for name, column in zip(COLUMNS, self._columns, strict=True):
            value = getattr(row, f"{name}_bps")
            column.append(float("nan") if value is None else value)

    def _note_coins(self, rows: Iterable[PremiumRow]) -> None:
        best: dict[tuple[str, str], PremiumRow] = {}
        for row in rows:
            if row.direction != "high" or row.usdlike_bps is None or row.sell_venue not in HOME:
                continue
            key = (row.base, row.sell_venue.value)
            if key not in best or row.usdlike_bps > (best[key].usdlike_bps or 0):
                best[key] = row
        for key, row in best.items():
            coin = self._coins.get(key)
            if coin is None:
                if len(self._coins) >= COINS_MAX:
                    continue
                coin = self._coins[key] = _Coin()
            assert row.usdlike_bps is not None
            coin.note(row.usdlike_bps)

    def span(self, base: str, home: str) -> Span | None:
        coin = self._coins.get((base, home))
        return coin.span if coin else None

    def percentile(self, base: str, home: str, value: float | None) -> float | None:
        """Share of the seen minutes below a value, 0..100."""
        coin = self._coins.get((base, home))
        if coin is None or value is None or coin.span is None:
            return None
        return 100 * bisect.bisect_left(coin.lasting, value) / len(coin.lasting)

    def series(self, since_s: float) -> tuple[npt.NDArray[np.float64], ...]:
        """time [epoch s], then COLUMNS in bps, of the leader; NaN where nothing was known."""
        first = bisect.bisect_left(self._time, since_s)
        return tuple(np.array(column[first:]) for column in (self._time, *self._columns))

    def newest(self) -> dict[str, float | None] | None:
        """The last point, for open charts."""
        if not self._time:
            return None
        values = {name: column[-1] for name, column in zip(COLUMNS, self._columns, strict=True)}
        return {"time": self._time[-1]} | {
            name: None if math.isnan(value) else value for name, value in values.items()
        }
