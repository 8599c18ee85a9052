"""Rates: KRW for one unit of each quote currency, from official sources and from books.

| rate | comes from |
|---|---|
| USD, official (F) | the median of >= 2 sources within age, none > 0.5 % apart; or set by hand |
| USDT (T) | the mean of the mids of Upbit's and Bithumb's USDT/KRW, not > 0.5 % apart |
| USDC | the same of USDC/KRW; without those books, T times the median mid of USDC/USDT |
| USD, as quote | T over Coinbase's USDT/USD mid; without that book the official rate |

Only valid books of live channels within age count. Nothing is assumed to be 1.0, and what is
missing is NaN, which fails every comparison. Two books that disagree are two truths, so neither is
taken: like official sources, and because one of them has to be wrong.
"""

from __future__ import annotations

import math
from collections import deque
from statistics import fmean, median
from typing import NamedTuple

import numpy as np

from app.books.ladder import ASKS, BIDS
from app.books.rack import Rack
from app.domain.events import RateRead
from app.domain.facts import Fact, RateWithheld
from app.domain.live import RateRow, RateSource
from app.domain.markets import Instrument
from app.domain.policy import Policy
from app.domain.times import MS_NS, SECOND_NS
from app.domain.venues import KOREAN, Venue
from app.engine.market.health import Channels

QUOTES = ("KRW", "USDT", "USDC", "USD")
KRW, USDT, USDC, USD = range(4)
SOURCES_MAX = 8
FACTS_MAX = 100
MANUAL = "manual"

_KOREAN = tuple(venue for venue in Venue if venue in KOREAN)
_DOLLAR = tuple(venue for venue in Venue if venue not in KOREAN)
TETHER = tuple(Instrument(venue, "USDT", "KRW") for venue in _KOREAN)
USDC_KRW = tuple(Instrument(venue, "USDC", "KRW") for venue in _KOREAN)
USDC_USDT = tuple(Instrument(venue, "USDC", "USDT") for venue in _DOLLAR)
USDT_USD = (Instrument(Venue.COINBASE, "USDT", "USD"),)
RATE_INSTRUMENTS = frozenset({*TETHER, *USDC_KRW, *USDC_USDT, *USDT_USD})
"""Watched wherever they are listed, for their price only."""


class _Answer(NamedTuple):
    """What a source said last. rate None: nothing, `reason` says why."""

    rate: float | None
    read_ns: int
    observed_ns: int | None
    reason: str


class _Made(NamedTuple):
    """A rate, or why there is none. at_ns: of its oldest part."""

    rate: float
    at_ns: int | None
    withheld: str | None


_NOTHING = _Made(math.nan, None, "no_source")


class Rates:
    """`krw` holds one unit of each of QUOTES in KRW; NaN is withheld."""

    def __init__(self, rack: Rack, channels: Channels) -> None:
        self._rack = rack
        self._channels = channels
        self._policy = Policy()
        self._answers: dict[str, _Answer] = {}
        self._rows: dict[Instrument, int] = {}
        self._official = self._tether = self._usdc = _NOTHING
        self._told: dict[str, str | None] = {}
        self._facts: deque[Fact] = deque(maxlen=FACTS_MAX)
        self.krw = np.array([1.0, math.nan, math.nan, math.nan])
        self.version = 0

    @property
    def manual(self) -> bool:
        """Whether the official rate was set by hand: then every page says so."""
        return self._policy.fx_fixed is not None

    def policy(self, policy: Policy) -> None:
        self._policy = policy

    def read(self, event: RateRead) -> None:
        """An answer of one source. A failure keeps its last rate, which grows old."""
        last = self._answers.get(event.source)
        rate = event.rate
        if rate is None and last is not None and last.rate is not None:
            answer = last._replace(reason=event.reason or "")
        else:
            answer = _Answer(rate, event.at_ns, event.observed_at_ns, event.reason or "")
        if last is not None or len(self._answers) < SOURCES_MAX:
            self._answers[event.source] = answer

    def place(self) -> None:
        """Look up where the books stand, after rows came or went."""
        found = ((instrument, self._rack.row(instrument)) for instrument in RATE_INSTRUMENTS)
        self._rows = {instrument: row for instrument, row in found if row is not None}

    def rows_of_interest(self) -> frozenset[int]:
        """The books whose change may change a rate."""
        return frozenset(self._rows.values())

    def refresh(self, at_ns: int) -> bool:
        """Make the rates anew; whether one changed."""
        self.place()
        self._official = self._make_official(at_ns)
        self._tether = self._mean(TETHER, at_ns)
        self._usdc = self._mean(USDC_KRW, at_ns)
        if self._usdc.withheld == "no_book":
            self._usdc = self._crossed(at_ns)
        made = (1.0, self._tether.rate, self._usdc.rate, self._dollar(at_ns))
        self._tell("USD", self._official, at_ns)
        self._tell("USDT", self._tether, at_ns)
        self._tell("USDC", self._usdc, at_ns)
        if np.array_equal(made, self.krw, equal_nan=True):
            return False
        self.krw[:] = made
        self.version += 1
        return True

    def official(self, at_ns: int) -> float:
        """Official KRW per USD; NaN where it is withheld."""
        return self._make_official(at_ns).rate

    def official_age_ms(self, at_ns: int) -> float | None:
        return _age_ms(self._official.at_ns, at_ns)

    def tether_age_ms(self, at_ns: int) -> float | None:
        return _age_ms(self._tether.at_ns, at_ns)

    def tether_row(self, venue: Venue) -> int:
        """Where the venue's own USDT/KRW book stands; −1 where it has none."""
        return self._rows.get(Instrument(venue, "USDT", "KRW"), -1)

    @property
    def tether_rows(self) -> tuple[int, ...]:
        return tuple(self._rows[each] for each in TETHER if each in self._rows)

    def withheld(self, at_ns: int) -> dict[str, str | None]:
        """Why USD, USDT and USDC have no rate; None where they have."""
        return {row.id: row.withheld for row in self.rows(at_ns)}

    def rows(self, at_ns: int) -> tuple[RateRow, ...]:
        official = self._official.rate
        return (
            self._row("USD", self._official, self._source_rows(at_ns), math.nan, at_ns),
            self._row("USDT", self._tether, self._books(TETHER, at_ns), official, at_ns),
            self._row("USDC", self._usdc, self._books((*USDC_KRW, *USDC_USDT), at_ns), official,
                      at_ns),
        )  # fmt: skip

    def take_facts(self) -> tuple[Fact, ...]:
        facts = tuple(self._facts)
        self._facts.clear()
        return facts

    # How each is made

    def _make_official(self, at_ns: int) -> _Made:
        if self._policy.fx_fixed is not None:
            return _Made(self._policy.fx_fixed, None, None)
        if not self._answers:
            return _NOTHING
        answers = [each for each in self._answers.values() if self._state(each, at_ns) == "ok"]
        rates = [each.rate for each in answers if each.rate is not None]
        if len(rates) < self._policy.fx_quorum:
            return _Made(math.nan, None, "quorum")
        oldest = min(each.read_ns for each in answers)
        if max(rates) > min(rates) * (1.0 + self._policy.rate_spread_max):
            return _Made(math.nan, oldest, "disagree")
        return _Made(median(rates), oldest, None)

    def _state(self, answer: _Answer, at_ns: int) -> str:
        if answer.rate is None:
            return "missing"
        old = at_ns - answer.read_ns > self._policy.official_age_s_max * SECOND_NS
        return "stale" if old else "ok"

    def _mean(self, instruments: tuple[Instrument, ...], at_ns: int) -> _Made:
        """The mean mid of books that must agree."""
        rows = [self._rows[each] for each in instruments if each in self._rows]
        usable = [row for row in rows if self._book_state(row, at_ns) == "ok"]
        if not usable:
            return _Made(math.nan, None, "stale" if rows else "no_book")
        mids = [self._mid(row) for row in usable]
        newest = max(int(self._rack.tops["received_ns"][row]) for row in usable)
        if max(mids) > min(mids) * (1.0 + self._policy.rate_spread_max):
            return _Made(math.nan, newest, "disagree")
        return _Made(fmean(mids), newest, None)

    def _crossed(self, at_ns: int) -> _Made:
        """USDC by what it costs in USDT, where Korea has no book of it."""
        rows = [self._rows[each] for each in USDC_USDT if each in self._rows]
        mids = [self._mid(row) for row in rows if self._book_state(row, at_ns) == "ok"]
        if not mids:
            return _Made(math.nan, None, "stale" if rows else "no_book")
        return self._tether._replace(rate=self._tether.rate * median(mids))

    def _dollar(self, at_ns: int) -> float:
        """The dollars that Coinbase quotes in: what they are worth in USDT, else officially."""
        row = self._rows.get(USDT_USD[0])
        if row is None:
            return self._official.rate
        if self._book_state(row, at_ns) != "ok":
            return math.nan
        return self._tether.rate / self._mid(row)

    def _book_state(self, row: int, at_ns: int) -> str:
        tops = self._rack.tops
        if tops["counts"][row].min() < 1:
            return "missing"
        if not tops["valid"][row] or not self._channels.live[row]:
            return "stale"
        age_ns = at_ns - int(tops["received_ns"][row])
        return "stale" if age_ns > self._policy.tether_age_s_max * SECOND_NS else "ok"

    def _mid(self, row: int) -> float:
        prices = self._rack.tops["prices"][row]
        return float(prices[BIDS, 0] + prices[ASKS, 0]) / 2.0

    # What is shown

    def _tell(self, rate_id: str, made: _Made, at_ns: int) -> None:
        if rate_id not in self._told or self._told[rate_id] != made.withheld:
            self._told[rate_id] = made.withheld
            self._facts.append(RateWithheld(at_ns, rate_id, made.withheld))

    def _row(
        self,
        rate_id: str,
        made: _Made,
        sources: tuple[RateSource, ...],
        official: float,
        at_ns: int,
    ) -> RateRow:
        premium = (made.rate / official - 1.0) * 1e4
        return RateRow(
            id=rate_id,
            rate=_or_none(made.rate),
            at_ns=made.at_ns,
            age_ms=_age_ms(made.at_ns, at_ns),
            withheld=made.withheld,
            manual=rate_id == "USD" and self.manual,
            premium_bps=_or_none(premium),
            sources=sources,
        )

    def _source_rows(self, at_ns: int) -> tuple[RateSource, ...]:
        rows = [
            RateSource(
                source=source,
                rate=answer.rate,
                bid=None,
                ask=None,
                at_ns=answer.observed_ns,
                age_ms=_age_ms(answer.read_ns, at_ns),
                state="disagrees"
                if self._official.withheld == "disagree" and self._state(answer, at_ns) == "ok"
                else self._state(answer, at_ns),
                detail=answer.reason,
            )
            for source, answer in self._answers.items()
        ]
        if self._policy.fx_fixed is not None:
            fixed = self._policy.fx_fixed
            rows.insert(0, RateSource(MANUAL, fixed, None, None, None, None, MANUAL))
        return tuple(rows)

    def _books(self, instruments: tuple[Instrument, ...], at_ns: int) -> tuple[RateSource, ...]:
        return tuple(
            self._book(instrument, self._rows[instrument], at_ns)
            for instrument in instruments
            if instrument in self._rows
        )

    def _book(self, instrument: Instrument, row: int, at_ns: int) -> RateSource:
        tops = self._rack.tops
        state = self._book_state(row, at_ns)
        received_ns = int(tops["received_ns"][row]) or None
        made = self._tether if instrument.base == "USDT" else self._usdc
        has = state != "missing"
        return RateSource(
            source=instrument.venue,
            rate=self._mid(row) if has else None,
            bid=float(tops["prices"][row, BIDS, 0]) if has else None,
            ask=float(tops["prices"][row, ASKS, 0]) if has else None,
            at_ns=received_ns,
            age_ms=_age_ms(received_ns, at_ns),
            state="disagrees" if state == "ok" and made.withheld == "disagree" else state,
            detail=f"{instrument.base}/{instrument.quote}",
        )


def _age_ms(then_ns: int | None, at_ns: int) -> float | None:
    return None if then_ns is None else (at_ns - then_ns) / MS_NS


def _or_none(value: float) -> float | None:
    return None if math.isnan(value) else value
