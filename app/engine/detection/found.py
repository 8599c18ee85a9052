"""Found: rows of what is no route between two venues: loops, pairs, fundings. One life for all.

A detector tells what it sees of a thing, by its key, each time it looks. A sighting whose gates
all hold is an opportunity; one of which a gate does not hold is a refused candidate; None is
nothing. All of them alert only: nothing is traded on them.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass
from typing import NamedTuple

from msgspec import structs

from app.domain.facts import CandidateRefused, Fact, OpportunityClosed, OpportunityOpened
from app.domain.live import (
    Explanation,
    Gate,
    LevelUsed,
    Opportunity,
    PremiumRow,
    Status,
    Step,
    as_ended,
)
from app.domain.markets import Flow, Instrument
from app.engine.detection.refusals import Refusals

CAPTURES_MAX = 256
BPS = 1e4
Ages = tuple[float | None, float | None, float | None, float | None]


class Sighting(NamedTuple):
    """One look. net_bps: after all that is known to cost; steps: parts that sum to it.

    buy, sell: what is bought and what is sold; of a loop its first and its last market.
    """

    detector: str
    base: str
    buy: Instrument
    sell: Instrument
    path: str
    net_bps: float
    size_krw: float
    quantity: float
    gates: tuple[Gate, ...]
    ages_ms: Ages
    steps: tuple[Step, ...]
    levels: tuple[LevelUsed, ...] = ()
    inputs: tuple[tuple[str, float | str | None], ...] = ()

    @property
    def code(self) -> str | None:
        """Of the first gate that does not hold."""
        return next((gate.code for gate in self.gates if not gate.passed), None)


@dataclass(slots=True)
class _Entry:
    """One row under way: as it began, as it was seen last."""

    id: str
    opened_at_ns: int
    began: Explanation
    last: Sighting
    code: str | None
    peak_bps: float
    updates: int = 0
    seen_at_ns: int = 0
    end: Opportunity | None = None


class Findings:
    """Told sightings; answers facts, and what there is now."""

    def __init__(self, number: Callable[[], int], refusals: Refusals) -> None:
        self._number = number
        self._refusals = refusals
        self._open: dict[str, _Entry] = {}
        self._kept: OrderedDict[str, _Entry] = OrderedDict()

    def take(self, key: str, seen: Sighting | None, at_ns: int, facts: list[Fact]) -> None:
        entry = self._open.get(key)
        if entry is not None and (seen is None or entry.code != seen.code):
            self._end(key, entry, seen, at_ns, facts)
            entry = None
        if seen is None:
            return
        if entry is None:
            self._begin(key, seen, at_ns, facts)
            return
        entry.last, entry.seen_at_ns = seen, at_ns
        entry.updates += 1
        entry.peak_bps = max(entry.peak_bps, seen.net_bps)

    def is_live(self, key: str) -> bool:
        """Whether it is an opportunity now."""
        entry = self._open.get(key)
        return entry is not None and entry.code is None

    def keys(self, detector: str) -> tuple[str, ...]:
        """What a detector has open, refused or not."""
        return tuple(key for key, each in self._open.items() if each.last.detector == detector)

    def live(self) -> tuple[Opportunity, ...]:
        return tuple(_row(each) for each in self._open.values() if each.code is None)

    def refused(self) -> tuple[Opportunity, ...]:
        return tuple(_row(each) for each in self._open.values() if each.code is not None)

    def evidence(self, row_id: str) -> Explanation | None:
        """As it was when it began; None when that is too long ago."""
        entry = self._kept.get(row_id)
        return None if entry is None else entry.began

    def explain(self, row_id: str, at_ns: int) -> Explanation | None:
        """As it was seen last; of what is over as it began, and how it ended."""
        entry = self._kept.get(row_id)
        if entry is None:
            return None
        if entry.end is not None:
            return as_ended(entry.began, entry.end)
        return _explanation(entry.last, _row(entry), at_ns)

    # Beneath

    def _begin(self, key: str, seen: Sighting, at_ns: int, facts: list[Fact]) -> None:
        code = seen.code
        row_id = f"{'o' if code is None else 'r'}-{self._number()}"
        row = _opportunity(row_id, seen, code, at_ns, at_ns, seen.net_bps, 0)
        entry = _Entry(
            row_id, at_ns, _explanation(seen, row, at_ns), seen, code, seen.net_bps,
            seen_at_ns=at_ns,
        )  # fmt: skip
        self._open[key] = entry
        self._kept[row_id] = entry
        while len(self._kept) > CAPTURES_MAX:
            self._kept.popitem(last=False)
        if code is None:
            facts.append(OpportunityOpened(at_ns, row))
        else:
            self._refusals.count(code, seen.net_bps, at_ns)
            facts.append(CandidateRefused(at_ns, row, ended=False))

    def _end(
        self, key: str, entry: _Entry, seen: Sighting | None, at_ns: int, facts: list[Fact]
    ) -> None:
        del self._open[key]
        at_ns = max(at_ns, entry.opened_at_ns)
        row = structs.replace(_row(entry), closed_at_ns=at_ns, updated_at_ns=at_ns)
        if entry.code is None:
            over = "OVER" if seen is None else seen.code
            entry.end = structs.replace(row, status=Status.MISSED, code=over)
            facts.append(OpportunityClosed(at_ns, entry.end))
        else:
            entry.end = row
            facts.append(CandidateRefused(at_ns, row, ended=True))


def _row(entry: _Entry) -> Opportunity:
    return _opportunity(
        entry.id, entry.last, entry.code, entry.opened_at_ns, entry.seen_at_ns, entry.peak_bps,
        entry.updates,
    )  # fmt: skip


def _opportunity(
    row_id: str,
    seen: Sighting,
    code: str | None,
    opened_at_ns: int,
    at_ns: int,
    peak_bps: float,
    updates: int,
) -> Opportunity:
    return Opportunity(
        id=row_id,
        detector=seen.detector,
        base=seen.base,
        buy_venue=seen.buy.venue,
        buy_quote=seen.buy.quote,
        sell_venue=seen.sell.venue,
        sell_quote=seen.sell.quote,
        direction="flat",
        status=Status.DETECTED if code is None else Status.REFUSED,
        code=code,
        opened_at_ns=opened_at_ns,
        closed_at_ns=None,
        updated_at_ns=at_ns,
        net_bps=seen.net_bps,
        peak_bps=peak_bps,
        size_krw=seen.size_krw,
        quantity=seen.quantity,
        profit_krw=seen.net_bps / BPS * seen.size_krw,
        network=None,
        updates=updates,
        gates=seen.gates,
        ages_ms=seen.ages_ms,
        path=seen.path,
    )


def _explanation(seen: Sighting, row: Opportunity, at_ns: int) -> Explanation:
    return Explanation(
        opportunity=row,
        at_ns=at_ns,
        steps=seen.steps,
        ladder=(),
        levels=seen.levels,
        would_pass=(),
        premium=_premium(seen, at_ns),
        inputs=dict(seen.inputs),
    )


def _premium(seen: Sighting, at_ns: int) -> PremiumRow:
    """There is no premium between two venues here: only what every row has."""
    return PremiumRow(
        id=f"{seen.base}:{seen.buy.venue.value}-{seen.sell.venue.value}",
        base=seen.base,
        buy_venue=seen.buy.venue,
        buy_quote=seen.buy.quote,
        sell_venue=seen.sell.venue,
        sell_quote=seen.sell.quote,
        direction="flat",
        buy_ask=None,
        sell_bid=None,
        raw_bps=None,
        usdlike_bps=None,
        kimchi_bps=None,
        usdt_bps=None,
        realizable_bps=seen.net_bps,
        realizable_size_krw=seen.size_krw,
        sizes=(),
        break_even_bps=None,
        withheld=None,
        network=None,
        withdraw=Flow.UNKNOWN,
        deposit=Flow.UNKNOWN,
        fenced=False,
        quarantined=False,
        manual_rate=False,
        tick_bps=None,
        buy_age_ms=seen.ages_ms[0],
        sell_age_ms=seen.ages_ms[1],
        tether_age_ms=seen.ages_ms[2],
        official_age_ms=None,
        wallet_age_ms=None,
        at_ns=at_ns,
    )
