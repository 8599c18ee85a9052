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
QUOTE = "USDT"


class Funding:
    """Remembers the last reading of each venue."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._policy = Policy()
        self._read: dict[Venue, FundingRead] = {}
        self._live: set[str] = set()

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
        seen: set[str] = set()
        for rate in event.rates:
            spot = spots.get(rate.instrument.base)
            if spot is None or rate.instrument.quote != QUOTE:
                continue
            key = f"{NAME} {event.venue.value} {rate.instrument.base}"
            seen.add(key)
            yield key, self._told(key, self._look(rate, *spot, key, event.at_ns, 0.0))
        for key in sorted(self._live - seen):
            if key.startswith(f"{NAME} {event.venue.value} "):
                self._live.discard(key)
                yield key, None

    def tick(self, at_ns: int) -> Iterator[tuple[str, Sighting | None]]:
        """What is open ends when its venue was not heard for too long."""
        if not self._live:
            return
        for venue, event in self._read.items():
            age_s = (at_ns - event.at_ns) / SECOND_NS
            if age_s <= AGE_S_MAX:
                continue
            for key in sorted(self._live):
                if key.startswith(f"{NAME} {venue.value} "):
                    self._live.discard(key)
                    yield key, None

    # Beneath

    def _told(self, key: str, seen: Sighting | None) -> Sighting | None:
        if seen is not None and seen.code is None:
            self._live.add(key)
        else:
            self._live.discard(key)
        return seen

    def _look(
        self, rate: FundingRate, row: int, spot: Instrument, key: str, at_ns: int, age_s: float
    ) -> Sighting | None:
        policy = self._policy
        every_s = EVERY_S if rate.every_ns is None else rate.every_ns / SECOND_NS
        year_pct = 100.0 * rate.rate * YEAR_DAYS * DAY_S / every_s
        least_pct = policy.funding_year_pct_exit if key in self._live else (
            policy.funding_year_pct_min
        )  # fmt: skip
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
