"""Identity: whether a base is one asset on two venues. A ticker is only a label.

Three things speak about a pair:
1. prices: the pair's implied KRW per USDT over the median of all common coins. Off by more than
   x 1.5, even between the two prices that are nearest to each other → quarantined;
2. metadata: different contracts on one chain, or no chain in common where all chains of both are
   known → quarantined; equal contracts on one chain → confirmed, as long as prices agree;
3. a person, SAME or DIFFERENT: that holds against both, until the person says otherwise.
Quarantine stays until a person speaks, however the prices move. With too few coins for a median the
reference is USDT/KRW, else the official rate; without any, nothing passes.
"""

from __future__ import annotations

import math
from collections import deque
from collections.abc import Iterable, Mapping
from itertools import combinations
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.books.ladder import ASKS, BIDS, Floats, Ints
from app.books.rack import Rack
from app.domain.facts import Fact, PairQuarantined
from app.domain.live import IdentityRow
from app.domain.markets import WalletNetwork
from app.domain.policy import IdentityDecision, IdentitySuspicion, Policy, Verdict
from app.domain.venues import KOREAN, Venue
from app.engine.market.names import Names
from app.engine.market.rates import KRW, QUOTES, USD, USDT, Rates
from app.engine.market.wallets import Wallets

COINS_MIN = 5
"""Common coins that make a median; fewer could all be the odd ones."""
CONTRACT_CHARS = (6, 30)
"""At least: OKX tells the last six characters only, whole ones are longer than any denomination."""
ROWS_MAX = 1_000
"""Shown at once."""
SUSPICIONS_MAX = 20_000
"""Kept; every pair of nine venues with 400 coins each is fewer."""
FACTS_MAX = 1_000
CONFIRMED, LIKELY, UNKNOWN, QUARANTINED = "confirmed", "likely", "unknown", "quarantined"
RATIO, CONTRACT, NETWORKS, PERSON = "ratio", "contract", "networks", "person"

Pair = tuple[str, Venue, Venue]
"""Asset and two venues in the order of `Venue`, so that it is one key for both directions."""

Bools = npt.NDArray[np.bool_]

_ORDER = {venue: place for place, venue in enumerate(Venue)}


class _Place(NamedTuple):
    """One watched book of an asset."""

    row: int
    venue: Venue
    quote: int
    multiplier: float


class _Grid(NamedTuple):
    """The same places as arrays, one line an asset, one column a venue; row −1: no book."""

    assets: tuple[str, ...]
    korean: Bools
    rows: Ints
    quotes: Ints
    multipliers: Floats


def pair(asset: str, venue: Venue, other: Venue) -> Pair:
    if _ORDER[other] < _ORDER[venue]:
        venue, other = other, venue
    return asset, venue, other


def identity_id(asset: str, venue: Venue, other: Venue) -> str:
    asset, venue, other = pair(asset, venue, other)
    return f"{asset}:{venue}-{other}"


class Identities:
    """Judges every pair of books of one asset; `quarantined` is what gates ask."""

    def __init__(self, rack: Rack, rates: Rates, wallets: Wallets, names: Names) -> None:
        self._rack = rack
        self._rates = rates
        self._wallets = wallets
        self._names = names
        self._ratio_max = Policy().identity_ratio_max
        self._decisions: dict[Pair, IdentityDecision] = {}
        self._suspicions: dict[Pair, IdentitySuspicion] = {}
        self._places: dict[str, tuple[_Place, ...]] = {}
        self._by_row: dict[int, _Place] = {}
        self._grid = _grid({})
        self._contracts: dict[Pair, str] = {}
        self._wallets_version = -1
        self._facts: deque[Fact] = deque(maxlen=FACTS_MAX)
        self.median_krw = math.nan
        self.version = 0

    def policy(self, policy: Policy) -> None:
        self._ratio_max = policy.identity_ratio_max
        decisions = {pair(each.base, each.venue, each.other): each for each in policy.decisions}
        if decisions != self._decisions:
            self._decisions = decisions
            self.version += 1
        for each in policy.suspicions:
            self._suspicions.setdefault(pair(each.base, each.venue, each.other), each)

    def place(self, rows: Mapping[str, Iterable[int]]) -> None:
        """Which rows hold the books of which asset, after books came or went."""
        self._places = {
            asset: tuple(self._placed(row) for row in sorted(found))
            for asset, found in rows.items()
        }
        self._by_row = {each.row: each for places in self._places.values() for each in places}
        self._grid = _grid(self._places)
        self._wallets_version = -1

    def asset(self, venue: Venue, ticker: str) -> tuple[str, float]:
        return self._names.asset(venue, ticker)

    def refresh(self, at_ns: int) -> bool:
        """Median of all common coins, and every pair against it; whether a verdict changed."""
        before = self.version
        bids, asks = self._prices()
        self.median_krw = _median_of(bids + asks, self._grid.korean, COINS_MIN)
        if self._wallets.version != self._wallets_version:
            self._wallets_version = self._wallets.version
            self._read_metadata(at_ns)
        reference = self._reference()
        scale = np.where(self._grid.quotes == KRW, 1.0, reference)
        highest, lowest = _extremes(bids * scale, asks * scale)
        # The few assets with something far apart are looked at pair by pair.
        for place in np.flatnonzero(highest > lowest * self._ratio_max):
            self._compare_all(self._grid.assets[place], reference, at_ns)
        return self.version != before

    def judge(self, asset: str, row: int, other_row: int, at_ns: int) -> bool:
        """Whether what these two books show may be reported, by their prices at this moment."""
        one, other = self._by_row.get(row), self._by_row.get(other_row)
        if one is None or other is None:
            return False
        key = pair(asset, one.venue, other.venue)
        if key in self._decisions:
            return self._decisions[key].verdict is Verdict.SAME
        reference = self._reference()
        if math.isnan(reference):
            return False
        self._compare(asset, one, other, reference, at_ns)
        return not self.quarantined(*key)

    def quarantined(self, asset: str, venue: Venue, other: Venue) -> bool:
        key = pair(asset, venue, other)
        decision = self._decisions.get(key)
        if decision is not None:
            return decision.verdict is Verdict.DIFFERENT
        return key in self._suspicions

    def standing(self, asset: str) -> str:
        """Of the asset on all its venues: the worst of its pairs, else the least known."""
        venues = sorted(
            {each.venue for each in self._places.get(asset, ())}, key=_ORDER.__getitem__
        )
        pairs = [pair(asset, *two) for two in combinations(venues, 2)]
        if any(self.quarantined(*key) for key in pairs):
            return QUARANTINED
        if not pairs or math.isnan(self._reference()):
            return UNKNOWN
        sure = all(key in self._contracts or key in self._decisions for key in pairs)
        return CONFIRMED if sure else LIKELY

    def rows(self, at_ns: int) -> tuple[IdentityRow, ...]:  # noqa: ARG002 - as all views are asked
        """Open questions first, then what people decided; the newest of each first."""
        keys = {**dict.fromkeys(self._suspicions), **dict.fromkeys(self._decisions)}
        rows = [self._row(key) for key in keys]
        rows.sort(key=lambda row: (row.decision is not None, -row.since_ns, row.id))
        return tuple(rows[:ROWS_MAX])

    def take_facts(self) -> tuple[Fact, ...]:
        facts = tuple(self._facts)
        self._facts.clear()
        return facts

    # Prices

    def _placed(self, row: int) -> _Place:
        instrument = self._rack.instrument(row)
        _, multiplier = self._names.asset(instrument.venue, instrument.base)
        return _Place(row, instrument.venue, QUOTES.index(instrument.quote), multiplier)

    def _price(self, place: _Place) -> tuple[float, float]:
        """Best bid and ask of one unit of the asset, in the quote; NaN of a book in trouble."""
        tops = self._rack.tops
        if not tops["valid"][place.row] or tops["counts"][place.row].min() < 1:
            return math.nan, math.nan
        prices = tops["prices"][place.row]
        bid, ask = float(prices[BIDS, 0]), float(prices[ASKS, 0])
        return bid / place.multiplier, ask / place.multiplier

    def _prices(self) -> tuple[Floats, Floats]:
        """Best bids and asks, assets x venues: won as they are, dollars in USDT; else NaN."""
        grid, tops = self._grid, self._rack.tops
        usable = (grid.rows >= 0) & (tops["valid"][grid.rows] == 1)
        usable &= tops["counts"][grid.rows].min(axis=-1) > 0
        units = np.array([1.0, *(self._tethers(quote) for quote in range(1, len(QUOTES)))])
        scale = np.where(usable, units[grid.quotes] / grid.multipliers, math.nan)
        prices = tops["prices"]
        return prices[grid.rows, BIDS, 0] * scale, prices[grid.rows, ASKS, 0] * scale

    def _tethers(self, quote: int) -> float:
        """USDT for one unit of a dollar quote: priced where it is, else 1 for this comparison.

        A ratio that is off by half is told apart from one that is off by a depeg all the same.
        """
        priced = float(self._rates.krw[quote] / self._rates.krw[USDT])
        return 1.0 if math.isnan(priced) else priced

    def _reference(self) -> float:
        krw = self._rates.krw
        for rate in (self.median_krw, float(krw[USDT]), float(krw[USD])):
            if not math.isnan(rate):
                return rate
        return math.nan

    def _won(self, place: _Place, price: float, reference: float) -> float:
        return price if place.quote == KRW else price * self._tethers(place.quote) * reference

    def _compare_all(self, asset: str, reference: float, at_ns: int) -> None:
        """Every pair of an asset's books, each priced once: ten times a second of every twin."""
        most = self._ratio_max
        priced = []
        for each in self._places[asset]:
            bid, ask = (self._won(each, price, reference) for price in self._price(each))
            priced.append((each, bid, ask))
        for (one, bid, ask), (other, other_bid, other_ask) in combinations(priced, 2):
            if bid > other_ask * most or other_bid > ask * most:
                self._compare(asset, one, other, reference, at_ns)

    def _compare(
        self,
        asset: str,
        one: _Place,
        other: _Place,
        reference: float,
        at_ns: int,
    ) -> None:
        """Quarantine the pair when even its nearest prices are too far apart."""
        key = pair(asset, one.venue, other.venue)
        known = self._suspicions.get(key)
        if key in self._decisions or (known is not None and known.ratio is not None):
            return
        price, other_price = self._price(one), self._price(other)
        bid, ask = (self._won(one, each, reference) for each in price)
        other_bid, other_ask = (self._won(other, each, reference) for each in other_price)
        # NaN compares false: a book in trouble or a missing reference puts nothing in quarantine.
        off = bid > other_ask * self._ratio_max or other_bid > ask * self._ratio_max
        if not off or one.venue is other.venue:
            return
        if _ORDER[other.venue] < _ORDER[one.venue]:
            one, other = other, one
        ratio, implied = self._ratio(one, other, reference)
        evidence = (
            f"ratio={ratio:.4g}",
            *(
                f"price={each.venue} {_mid(self._price(each)):.12g} {QUOTES[each.quote]}"
                for each in (one, other)
            ),
            f"reference={'rate' if math.isnan(self.median_krw) else 'median'}",
        )
        if known is None:
            more = (*evidence, *self._network_evidence(key))
            found = IdentitySuspicion(*key, RATIO, ratio, implied, reference, more, at_ns)
            self._suspect(key, found)
        else:  # metadata had spoken before there were prices
            self._suspicions[key] = IdentitySuspicion(
                *key, known.reason, ratio, implied, reference, (*known.evidence, *evidence),
                known.since_ns,
            )  # fmt: skip

    def _ratio(self, one: _Place, other: _Place, reference: float) -> tuple[float, float | None]:
        """Of the mids, in the order of `Venue`: won over dollars in a pair that has both, and then
        the rate that they imply."""
        mid, other_mid = _mid(self._price(one)), _mid(self._price(other))
        ratio = self._won(one, mid, reference) / self._won(other, other_mid, reference)
        if one.quote != KRW or other.quote == KRW:
            return ratio, None
        return ratio, mid / (other_mid * self._tethers(other.quote))

    # Metadata

    def _read_metadata(self, at_ns: int) -> None:
        """Chains and contracts of every pair, after wallets were read."""
        self._contracts.clear()
        for asset, places in self._places.items():
            venues = sorted({each.venue for each in places}, key=_ORDER.__getitem__)
            known = {venue: self._wallets.chains(venue, asset) for venue in venues}
            for one, other in combinations([venue for venue in venues if known[venue]], 2):
                key = pair(asset, one, other)
                self._compare_networks(key, known[one], known[other], at_ns)

    def _compare_networks(
        self,
        key: Pair,
        chains: Mapping[str, WalletNetwork],
        other_chains: Mapping[str, WalletNetwork],
        at_ns: int,
    ) -> None:
        asset, venue, other = key
        shared = chains.keys() & other_chains.keys()
        reason = ""
        if not shared:
            # A network that we have no name of may be the very one that they share.
            whole = len(chains) == len(self._wallets.networks(venue, asset)) and len(
                other_chains
            ) == len(self._wallets.networks(other, asset))
            reason = NETWORKS if whole else ""
        for chain in sorted(shared):
            same = _same_contract(chains[chain].contract, other_chains[chain].contract)
            if same:
                self._contracts[key] = chain
            elif same is False:
                reason = CONTRACT
        if reason and key not in self._contracts and key not in self._suspicions:
            told = {NETWORKS: "networks=none_shared", CONTRACT: f"contract={','.join(shared)}"}
            evidence = (told[reason], *self._network_evidence(key))
            self._suspect(key, IdentitySuspicion(*key, reason, None, None, None, evidence, at_ns))

    def _network_evidence(self, key: Pair) -> tuple[str, ...]:
        asset, *venues = key
        return tuple(
            f"networks={venue} {','.join(sorted(found))}"
            for venue in venues
            if (found := self._wallets.chains(venue, asset))
        )

    # What is kept

    def _suspect(self, key: Pair, suspicion: IdentitySuspicion) -> None:
        if len(self._suspicions) >= SUSPICIONS_MAX:
            self._forget_one()
        self._suspicions[key] = suspicion
        if key not in self._decisions:
            self.version += 1
            asset, venue, other = key
            self._facts.append(
                PairQuarantined(
                    suspicion.since_ns, asset, venue, other, suspicion.reason, suspicion
                )
            )

    def _forget_one(self) -> None:
        """The oldest of a coin that nobody watches any more; never one that could be reported."""
        gone = (key for key in self._suspicions if key[0] not in self._places)
        oldest = next(gone, None)
        if oldest is not None:
            del self._suspicions[oldest]

    def _row(self, key: Pair) -> IdentityRow:
        asset, venue, other = key
        suspicion, decision = self._suspicions.get(key), self._decisions.get(key)
        decided_ns = 0 if decision is None else decision.at_ns
        found = suspicion or IdentitySuspicion(*key, PERSON, None, None, None, (), decided_ns)
        note = () if decision is None or not decision.note else (f"note={decision.note}",)
        return IdentityRow(
            id=identity_id(*key),
            base=asset,
            venue=venue,
            other=other,
            ratio=found.ratio,
            implied_krw=found.implied_krw,
            median_krw=found.median_krw,
            reason=found.reason,
            evidence=(*found.evidence, *note),
            decision=None if decision is None else decision.verdict,
            decided_by=None if decision is None else decision.by,
            decided_at_ns=None if decision is None else decision.at_ns,
            since_ns=found.since_ns,
        )


def _grid(places: Mapping[str, tuple[_Place, ...]]) -> _Grid:
    shape = len(places), len(Venue)
    grid = _Grid(
        assets=tuple(places),
        korean=np.array([venue in KOREAN for venue in Venue]),
        rows=np.full(shape, -1, np.int64),
        quotes=np.zeros(shape, np.int64),
        multipliers=np.ones(shape),
    )
    for line, found in enumerate(places.values()):
        for each in found:
            at = line, _ORDER[each.venue]
            grid.rows[at], grid.quotes[at] = each.row, each.quote
            grid.multipliers[at] = each.multiplier
    return grid


def _median_of(prices: Floats, korean: Bools, coins_min: int) -> float:
    """KRW per USDT that a coin implies, one vote a coin, however many venues list it."""
    implied = prices[:, korean, None] / prices[:, None, ~korean]
    flat = np.sort(implied.reshape(len(prices), int(korean.sum() * (~korean).sum())), axis=1)
    known = np.isfinite(flat).sum(axis=1)  # sorting puts NaN last
    flat, known = flat[known > 0], known[known > 0]
    if len(flat) < coins_min:
        return math.nan
    line = np.arange(len(flat))
    return float(np.median((flat[line, (known - 1) // 2] + flat[line, known // 2]) / 2.0))


def _extremes(bids: Floats, asks: Floats) -> tuple[Floats, Floats]:
    """The highest bid and the lowest ask of each line, NaN left out."""
    highest = np.where(np.isnan(bids), -math.inf, bids).max(axis=1, initial=-math.inf)
    lowest = np.where(np.isnan(asks), math.inf, asks).min(axis=1, initial=math.inf)
    return highest, lowest


def _mid(price: tuple[float, float]) -> float:
    return (price[0] + price[1]) / 2.0


def _same_contract(one: str | None, other: str | None) -> bool | None:
    """None: not known. A venue may tell the end of a contract only; a short word is none."""
    if not one or not other:
        return None
    short, long = sorted((one.lower(), other.lower()), key=len)
    if len(short) < CONTRACT_CHARS[0] or len(long) < CONTRACT_CHARS[1]:
        return None
    return long.endswith(short)
