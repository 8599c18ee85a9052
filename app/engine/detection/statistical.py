"""Statistical: two coins of one venue whose prices return to each other.

Mids are kept once a minute, as many as a pair is judged by and no more. Each minute every pair is
fitted anew, a few pairs at a tick, so that no tick is long. A pair opens when its rest stands
`entry` deviations from its mean, and closes when it is back within `exit`.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations
from math import exp, isnan, nan

import numpy as np

from app.domain.live import Gate, Step
from app.domain.markets import Instrument
from app.domain.policy import Policy
from app.domain.times import MINUTE_NS, MS_NS
from app.domain.venues import KOREAN, Venue
from app.engine.detection.board import Stage
from app.engine.detection.cointegration import NOTHING, Fit, fit
from app.engine.detection.found import Sighting

NAME = "statistical"
COINS_MAX = 12
"""Favourites first, then those of most venues: 66 pairs."""
PAIRS_PER_TICK = 2
MINUTES_MAX = 720
GAP_MAX = 3
"""Minutes without a price that the last one stands for; more, and its pairs begin anew."""
BPS = 1e4


class Statistical:
    """Of the venue with most coins among those of dollars. ranked: the coins to look at, best
    first, is asked once a minute."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._policy = Policy()
        self._minute = -1
        self._venue: Venue | None = None
        self._mids: dict[Instrument, list[float]] = {}
        self._silent: dict[Instrument, int] = {}
        self._rows: dict[Instrument, int] = {}
        self._waiting: list[tuple[Instrument, Instrument]] = []
        self._live: set[str] = set()

    def policy(self, policy: Policy) -> None:
        self._policy = policy

    def tick(self, at_ns: int) -> Iterator[tuple[str, Sighting | None]]:
        """Each pair once a minute, by its key; None: nothing."""
        minute = at_ns // MINUTE_NS
        if minute != self._minute:
            if self._minute >= 0:
                yield from self._sample(min(minute - self._minute, GAP_MAX + 1))
            self._minute = minute
        for _ in range(min(PAIRS_PER_TICK, len(self._waiting))):
            one, other = self._waiting.pop()
            key = f"{NAME} {one.venue.value} {one.base}/{other.base}"
            seen = self._look(one, other, key, at_ns)
            if seen is not None and seen.code is None:
                self._live.add(key)
            else:
                self._live.discard(key)
            yield key, seen

    # Beneath

    def _sample(self, minutes: int) -> Iterator[tuple[str, None]]:
        """The minute's mids; what is silent for too long is forgotten with its pairs."""
        chosen = self._choose()
        gone = [each for each in self._mids if each not in chosen]
        for each in gone:
            del self._mids[each]
        length = min(MINUTES_MAX, self._policy.statistical_minutes)
        for each, row in chosen.items():
            mids = self._mids.setdefault(each, [])
            mid = self._mid(row)
            self._silent[each] = minutes if isnan(mid) else 0
            if (isnan(mid) and not mids) or minutes > GAP_MAX:
                mids.clear()
            if not isnan(mid):
                mids += [mid] * (1 if not mids else minutes)
            elif mids:
                mids += [mids[-1]] * minutes
            del mids[: max(0, len(mids) - length)]
        self._rows = chosen
        ready = [each for each in chosen if len(self._mids[each]) == length]
        self._waiting = list(combinations(sorted(ready), 2))
        pairs = {f"{NAME} {a.venue.value} {a.base}/{b.base}" for a, b in self._waiting}
        for key in sorted(self._live - pairs):
            self._live.discard(key)
            yield key, None

    def _choose(self) -> dict[Instrument, int]:
        """The coins of one venue, the same as long as it has books: favourites, then in order."""
        by_venue: dict[Venue, dict[Instrument, int]] = {}
        for row, each in self._stage.instruments.items():
            if row in self._stage.assets and each.venue not in KOREAN:
                by_venue.setdefault(each.venue, {})[each] = row
        if self._venue not in by_venue:
            order = list(Venue)
            self._venue = min(
                by_venue, key=lambda v: (-len(by_venue[v]), order.index(v)), default=None
            )
        if self._venue is None:
            return {}
        favourites = self._policy.favourites
        books = by_venue[self._venue]

        def rank(each: Instrument) -> tuple[int, int, Instrument]:
            asset = self._stage.assets[books[each]]
            place = favourites.index(asset) if asset in favourites else len(favourites)
            return place, -len(self._stage.routes_of.get(asset, ())), each

        return {each: books[each] for each in sorted(books, key=rank)[:COINS_MAX]}

    def _mid(self, row: int) -> float:
        stage = self._stage
        if not stage.tops[row]["valid"] or not stage.lines[row]["live"]:
            return nan
        return (float(stage.lines[row]["bid"]) + float(stage.lines[row]["ask"])) / 2.0

    def _look(self, one: Instrument, other: Instrument, key: str, at_ns: int) -> Sighting | None:
        found = self._fit(one, other)
        limit = self._policy.statistical_exit_z if key in self._live else (
            self._policy.statistical_entry_z
        )  # fmt: skip
        if found is NOTHING or not abs(found.z) >= limit:
            return None
        if not found.holds and key not in self._live:
            return None
        if any(isnan(self._mid(self._rows[each])) for each in (one, other)):
            return None
        dear, cheap = (one, other) if found.z > 0.0 else (other, one)
        gain = BPS * (exp(max(0.0, abs(found.z) - self._policy.statistical_exit_z)
                          * found.deviation) - 1.0)  # fmt: skip
        fees, spreads = self._fees(one, other), self._spreads(one, other)
        net_bps = gain - (0.0 if isnan(fees) else fees) - spreads
        row, size_krw = self._rows[cheap], self._policy.size_krw
        line = self._stage.lines[row]
        if isnan(line["krw"]):
            return None
        ages = self._age_ms(row, at_ns), self._age_ms(self._rows[dear], at_ns)
        return Sighting(
            NAME,
            self._stage.assets[row],
            cheap,
            dear,
            f"{cheap.base}/{dear.base}",
            net_bps,
            size_krw,
            size_krw / float(line["krw"]) / float(line["ask"]),
            self._gates(found, limit, net_bps, fees, ages),
            (*ages, None, None),
            (
                Step("reversion", gain, "sum"),
                Step("trade_fees", 0.0 if isnan(fees) else -fees, "part", "",
                     "unknown" if isnan(fees) else ""),
                Step("spreads", -spreads, "part"),
                Step("net", net_bps, "sum"),
            ),
            inputs=(
                ("beta", found.beta), ("z", found.z), ("t", found.t),
                ("half_life_minutes", found.half_life),
                ("deviation_bps", BPS * found.deviation),
            ),
        )  # fmt: skip

    def _fit(self, one: Instrument, other: Instrument) -> Fit:
        mids, others = self._mids.get(one, []), self._mids.get(other, [])
        if not mids or len(mids) != len(others):
            return NOTHING
        return fit(np.log(np.array(mids)), np.log(np.array(others)))

    def _fees(self, one: Instrument, other: Instrument) -> float:
        """Four trades, in bps of one side: in and out of both. NaN: not known."""
        lines = self._stage.lines
        return 2.0 * BPS * sum(float(lines[self._rows[each]]["fee"]) for each in (one, other))

    def _spreads(self, one: Instrument, other: Instrument) -> float:
        """In and out cross each book's spread once."""
        total = 0.0
        for each in (one, other):
            line = self._stage.lines[self._rows[each]]
            bid, ask = float(line["bid"]), float(line["ask"])
            total += BPS * (ask - bid) / ((ask + bid) / 2.0)
        return total

    def _gates(
        self,
        found: Fit,
        limit: float,
        net_bps: float,
        fees: float,
        ages: tuple[float | None, float | None],
    ) -> tuple[Gate, ...]:
        policy = self._policy
        least, old_s = policy.min_net_bps, policy.book_age_s_max
        gates = [
            Gate("NOT_COINTEGRATED", found.holds, found.t, found.critical,
                 found.critical - found.t, "", name="cointegrated"),
            Gate("REVERTED", abs(found.z) >= limit, abs(found.z), limit, abs(found.z) - limit,
                 "sigma", name="zscore"),
            Gate("FEE_UNKNOWN", not isnan(fees), "unknown" if isnan(fees) else "known", "known",
                 None, "word", name="fees"),
            Gate("NET_BELOW_MIN", net_bps >= least, net_bps, least, net_bps - least, "bps",
                 name="net"),
        ]  # fmt: skip
        for name, age_ms in zip(("book_age_buy", "book_age_sell"), ages, strict=True):
            age_s = None if age_ms is None else age_ms / 1e3
            passed = age_s is not None and age_s <= old_s
            margin = None if age_s is None else old_s - age_s
            gates.append(Gate("STALE_BOOK", passed, age_s, old_s, margin, "s", name=name))
        return tuple(gates)

    def _age_ms(self, row: int, at_ns: int) -> float | None:
        received_ns = int(self._stage.tops[row]["received_ns"])
        return (at_ns - received_ns) / MS_NS if received_ns else None
