"""Funding: the coin bought, its perpetual sold short, and the payments between them earned.

Looked at when the venue's fundings are read, about once a minute. A rate of long ago decides
nothing; fundings that pay the other way round would need a coin that is borrowed.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import isnan

from app.domain.events import FundingRate, FundingRead
from app.domain.live import Gate, Step
from app.domain.markets import Instrument
from app.domain.policy import Policy
from app.domain.times import MS_NS, SECOND_NS
from app.domain.venues import Venue
from app.engine.detection.board import Stage
from app.engine.detection.found import Sighting

NAME = "funding"
BPS = 1e4
DAY_S = 86_400.0
YEAR_DAYS = 365.0
EVERY_S = 8 * 3_600.0
"""Between payments, where the venue does not say: of most USDT-M perpetuals."""
AGE_S_MAX = 300.0
SHOWN_MAX = 3
"""The best of a venue, and as many of those that are refused: nearly every coin pays something."""
QUOTE = "USDT"


class Funding:
    """Remembers the last reading of each venue."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._policy = Policy()
        self._read: dict[Venue, FundingRead] = {}
        self._open: dict[Venue, frozenset[str]] = {}
        """Keys of what was told last."""

    def policy(self, policy: Policy) -> None:
        self._policy = policy

    def read(self, event: FundingRead) -> Iterator[tuple[str, Sighting | None]]:
        """Every coin that has a book there. A reading that failed leaves the last one to grow
        old."""
        if event.reason is not None:
            return
        self._read[event.venue] = event
        spots = {
            each.base: (row, each)
            for row, each in self._stage.instruments.items()
            if each.venue is event.venue and each.quote == QUOTE
        }
        seen: dict[str, Sighting] = {}
        for rate in event.rates:
            spot = spots.get(rate.instrument.base)
            if spot is None or rate.instrument.quote != QUOTE:
                continue
            key = f"{NAME} {event.venue.value} {rate.instrument.base}"
            found = self._look(rate, *spot, key, event.at_ns, 0.0)
            if found is not None:
                seen[key] = found
        best = _best(seen)
        before = self._open.get(event.venue, frozenset())
        self._open[event.venue] = frozenset(best)
        for key in sorted(before - best.keys()):
            yield key, None
        yield from best.items()

    def tick(self, at_ns: int) -> Iterator[tuple[str, Sighting | None]]:
        """What is open ends when its venue was not heard for too long."""
        for venue, event in self._read.items():
            if (at_ns - event.at_ns) / SECOND_NS > AGE_S_MAX:
                for key in sorted(self._open.pop(venue, frozenset())):
                    yield key, None

    # Beneath

    def _look(
        self, rate: FundingRate, row: int, spot: Instrument, key: str, at_ns: int, age_s: float
    ) -> Sighting | None:
        policy = self._policy
        every_s = EVERY_S if rate.every_ns is None else rate.every_ns / SECOND_NS
        year_pct = 100.0 * rate.rate * YEAR_DAYS * DAY_S / every_s
        is_open = key in self._open.get(spot.venue, frozenset())
        least_pct = policy.funding_year_pct_exit if is_open else policy.funding_year_pct_min
        if rate.rate < policy.funding_rate_min or year_pct < least_pct:
            return None
        line = self._stage.lines[row]
        ask, krw = float(line["ask"]), float(line["krw"])
        if isnan(ask) or isnan(krw):
            return None
        earned = BPS * rate.rate * policy.funding_days * DAY_S / every_s
        fee = BPS * float(line["fee"])
        fees = 2.0 * (policy.funding_fee_bps + (0.0 if isnan(fee) else fee))
        basis = BPS * (rate.mark / ask - 1.0)
        net_bps = earned - fees + basis
        age_ms = self._age_ms(row, at_ns)
        return Sighting(
            NAME,
            self._stage.assets.get(row, spot.base),
            spot,
            rate.instrument,
            f"{spot.base}/{QUOTE} {rate.instrument.base}-PERP",
            net_bps,
            policy.size_krw,
            policy.size_krw / krw / ask,
            self._gates(year_pct, least_pct, net_bps, fee, age_ms, age_s),
            (age_ms, 1e3 * age_s, None, None),
            (
                Step("funding", earned, "sum", f"{policy.funding_days:g}"),
                Step("basis", basis, "part"),
                Step("trade_fees", -fees, "part", "", "unknown" if isnan(fee) else ""),
                Step("net", net_bps, "sum"),
            ),
            inputs=(
                ("rate", rate.rate), ("year_pct", year_pct), ("every_hours", every_s / 3_600.0),
                ("mark", rate.mark), ("index", rate.index), ("spot_ask", ask),
                ("next_at_ms", rate.next_at_ns / MS_NS),
            ),
        )  # fmt: skip

    def _gates(
        self,
        year_pct: float,
        least_pct: float,
        net_bps: float,
        fee_bps: float,
        age_ms: float | None,
        funding_age_s: float,
    ) -> tuple[Gate, ...]:
        policy = self._policy
        least, most, old_s = policy.min_net_bps, policy.max_net_bps, policy.book_age_s_max
        age_s = None if age_ms is None else age_ms / 1e3
        unknown = isnan(fee_bps)
        return (
            Gate("STALE_BOOK", age_s is not None and age_s <= old_s, age_s, old_s,
                 None if age_s is None else old_s - age_s, "s", name="book_age_buy"),
            Gate("STALE_RATE", funding_age_s <= AGE_S_MAX, funding_age_s, AGE_S_MAX,
                 AGE_S_MAX - funding_age_s, "s", name="funding_age"),
            Gate("FEE_UNKNOWN", not unknown, "unknown" if unknown else "known", "known", None,
                 "word", name="fees"),
            Gate("FUNDING_LOW", year_pct >= least_pct, year_pct, least_pct, year_pct - least_pct,
                 "pct", name="funding"),
            Gate("NET_BELOW_MIN", net_bps >= least, net_bps, least, net_bps - least, "bps",
                 name="net"),
            Gate("TOO_GOOD", net_bps <= most, net_bps, most, most - net_bps, "bps",
                 name="too_good"),
        )  # fmt: skip

    def _age_ms(self, row: int, at_ns: int) -> float | None:
        received_ns = int(self._stage.tops[row]["received_ns"])
        return (at_ns - received_ns) / MS_NS if received_ns else None


def _best(seen: dict[str, Sighting]) -> dict[str, Sighting]:
    """Those that pass and those that do not, the best of each."""
    ranked = sorted(seen.items(), key=lambda item: (-item[1].net_bps, item[0]))
    passed = [item for item in ranked if item[1].code is None][:SHOWN_MAX]
    refused = [item for item in ranked if item[1].code is not None][:SHOWN_MAX]
    return dict(passed + refused)
