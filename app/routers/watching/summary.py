"""The readouts over the dashboard: what there is to gain now, and what stands in the way."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.domain.live import NearMiss, Opportunity, RefusalCount
from app.domain.venues import Venue

if TYPE_CHECKING:
    from app.runtime.market import Market


@dataclass(frozen=True, slots=True)
class Summary:
    """best: of the live ones; nearest: of those that miss. refusals: of 24 hours, summed."""

    state: str
    reason: str | None
    best: Opportunity | None
    nearest: NearMiss | None
    live: int
    refusals: int
    first: RefusalCount | None
    books: int
    instruments: int
    venues_live: int
    venues: int
    updates_per_s: float
    min_net_bps: float


def summary(market: Market) -> Summary:
    live, near = market.opportunities(), market.near_misses()
    refusals, venues = market.refusals(), market.venues()
    return Summary(
        state=market.state,
        reason=market.reason,
        best=max((row for row in live if not row.path), key=lambda row: row.net_bps, default=None),
        nearest=max(near, key=lambda miss: miss.premium.realizable_bps or -1e9, default=None),
        live=len(live),
        refusals=sum(row.count for row in refusals),
        first=max(refusals, key=lambda row: row.count, default=None),
        books=sum(row.valid_books for row in venues),
        instruments=sum(row.instruments for row in venues),
        venues_live=sum(row.state in ("live", "quiet") for row in venues),
        venues=len(venues) or len(Venue),
        updates_per_s=sum(row.updates_per_s for row in venues),
        min_net_bps=market.policy.min_net_bps,
    )
