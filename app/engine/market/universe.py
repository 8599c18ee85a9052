"""Universe: which markets are listed, and which of them are worth a live book."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence

from app.books.ladder import ASKS, BIDS
from app.books.rack import Rack
from app.domain.decimals import number
from app.domain.events import MarketsRead
from app.domain.facts import Command, Fact, MarketDelisted, MarketListed, Watch
from app.domain.live import MarketRow
from app.domain.markets import Instrument, Market, Product
from app.domain.policy import Policy
from app.domain.venues import KOREAN, Venue
from app.engine.market.identity import Identities
from app.engine.market.names import Names
from app.engine.market.rates import RATE_INSTRUMENTS
from app.engine.market.wallets import Wallets

QUOTES_WATCHED: dict[bool, tuple[str, ...]] = {True: ("KRW",), False: ("USDT", "USD", "USDC")}
"""Of Korean venues and of others, the best quote first. USD before USDC: Coinbase's USDC markets
are other names of its USD ones, and what they stream is labelled USD [coinbase.md 1a]."""
MONEY = frozenset({"KRW", "USDT", "USDC", "USD"})
"""What prices are quoted in is a rate, not an asset to buy here and sell there."""
MARKETS_MAX = 20_000
"""Of one venue; more is no market list but a fault."""

LEGS_MAX = 12
"""Of one venue: markets that are watched only because they close a loop of three."""
OTHER_NAMES = {Venue.COINBASE: "USDC"}
"""Markets against this are the same books as those against dollars [coinbase.md 1a]."""

Listed = Mapping[Venue, Iterable[Market]]
Choice = dict[Venue, tuple[Instrument, ...]]


def choose(listed: Listed, policy: Policy, names: Names) -> Choice:
    """The instruments to watch: a route needs two venues, and each venue shows its best quote.

    Favourites first, then the assets of most venues, so that under the limit of one venue the
    same assets fall out everywhere. Rate instruments are watched wherever they are listed.
    """
    best: dict[str, dict[Venue, tuple[bool, int, Instrument]]] = {}
    chosen: dict[Venue, list[Instrument]] = {venue: [] for venue in listed}
    for venue, markets in listed.items():
        quotes = QUOTES_WATCHED[venue in KOREAN]
        for market in markets:
            instrument = market.instrument
            if instrument.product is not Product.SPOT or market.trading is False:
                continue
            if instrument in RATE_INSTRUMENTS:
                chosen[venue].append(instrument)
            elif instrument.quote in quotes and instrument.base not in MONEY:
                asset, multiplier = names.asset(venue, instrument.base)
                place = multiplier != 1.0, quotes.index(instrument.quote), instrument
                venues = best.setdefault(asset, {})
                venues[venue] = min(venues.get(venue, place), place)
    for asset in sorted(best, key=lambda each: (*_rank(each, policy), -len(best[each]), each)):
        open_venues = [
            venue for venue in best[asset]
            if len(chosen[venue]) < policy.instruments_per_venue_max
        ]  # fmt: skip
        if len(open_venues) > 1:
            for venue in open_venues:
                chosen[venue].append(best[asset][venue][-1])
    return {venue: tuple(sorted(found)) for venue, found in chosen.items()}


def _spot(instruments: Iterable[Instrument]) -> list[Instrument]:
    return sorted(each for each in instruments if each.product is Product.SPOT)


def _rank(asset: str, policy: Policy) -> tuple[int]:
    """The place among the favourites; all others stand behind them together."""
    favourites = policy.favourites
    return (favourites.index(asset) if asset in favourites else len(favourites),)


def choose_legs(listed: Listed, chosen: Choice, policy: Policy) -> Choice:
    """Markets between what a venue watches anyway, under its limit: of two coins (ETH/BTC), or of
    a coin in another money that has a market of its own (BTC/USDC beside USDC/USDT)."""
    legs: Choice = {}
    for venue, markets in listed.items():
        watched = chosen.get(venue, ())
        pairs = {frozenset((each.base, each.quote)) for each in watched}
        room = min(LEGS_MAX, policy.instruments_per_venue_max - len(watched))
        found: list[tuple[int, Instrument]] = []
        for market in markets:
            each = market.instrument
            pair = frozenset((each.base, each.quote))
            if each.product is not Product.SPOT or market.trading is False or pair in pairs:
                continue
            if OTHER_NAMES.get(venue) == each.quote:
                continue
            loops = sum(
                frozenset((each.base, other)) in pairs and frozenset((each.quote, other)) in pairs
                for other in MONEY
            )
            if loops and each.base not in MONEY:
                found.append((_rank(each.base, policy)[0], each))
        legs[venue] = tuple(each for _, each in sorted(found)[: max(0, room)])
    return legs


class Universe:
    """Lists as venues gave them last, and the choice among them."""

    def __init__(self, names: Names) -> None:
        self._names = names
        self._policy = Policy()
        self._listed: dict[Venue, dict[Instrument, Market]] = {}
        self.watched: Choice = {}
        self.unrouted: frozenset[Instrument] = RATE_INSTRUMENTS
        """Watched for what they say of others: no route begins or ends in them."""

    def policy(self, policy: Policy) -> tuple[Command, ...]:
        """Other favourites, limits or names: what should be watched instead."""
        self._policy = policy
        return self._watch()

    def read(self, event: MarketsRead) -> tuple[tuple[Fact, ...], tuple[Command, ...]]:
        """A venue's whole list. Listings and delistings of spot are told from the second list on;
        perpetuals are only there to hedge with."""
        before = self._listed.get(event.venue)
        now = {market.instrument: market for market in event.markets[:MARKETS_MAX]}
        self._listed[event.venue] = now
        facts: list[Fact] = []
        if before is not None:
            came, went = _spot(now.keys() - before), _spot(before.keys() - now)
            facts += [MarketListed(event.at_ns, each) for each in came]
            facts += [MarketDelisted(event.at_ns, each) for each in went]
        return tuple(facts), self._watch()

    def market(self, instrument: Instrument) -> Market | None:
        return self._listed.get(instrument.venue, {}).get(instrument)

    def routes(self, instrument: Instrument) -> bool:
        """Whether a route may begin or end in it: it is an asset that has a price in money."""
        return instrument not in self.unrouted and instrument.quote in MONEY

    def count(self, venue: Venue) -> int:
        """Of spot."""
        return len(_spot(self._listed.get(venue, ())))

    def assets(self) -> dict[str, tuple[Instrument, ...]]:
        """What is watched, by our name of the asset, without what only makes rates."""
        found: dict[str, list[Instrument]] = {}
        for instrument in self._traded():
            asset, _ = self._names.asset(instrument.venue, instrument.base)
            found.setdefault(asset, []).append(instrument)
        return {asset: tuple(sorted(each)) for asset, each in sorted(found.items())}

    def rows(self, identities: Identities, wallets: Wallets, rack: Rack) -> tuple[MarketRow, ...]:
        """Every asset that at least two venues list, favourites first."""
        venues: dict[str, dict[Venue, list[Instrument]]] = {}
        for venue, markets in self._listed.items():
            for instrument, market in markets.items():
                spot = instrument.product is Product.SPOT and market.trading is not False
                if spot and instrument.base not in MONEY and instrument.quote in MONEY:
                    asset, _ = self._names.asset(venue, instrument.base)
                    venues.setdefault(asset, {}).setdefault(venue, []).append(instrument)
        watched = self.assets()
        rows = [
            self._row(asset, found, watched.get(asset, ()), identities, wallets, rack)
            for asset, found in venues.items()
            if len(found) > 1
        ]
        rows.sort(key=lambda row: (*_rank(row.base, self._policy), -len(row.venues), row.base))
        return tuple(rows)

    def _row(
        self,
        asset: str,
        found: Mapping[Venue, Sequence[Instrument]],
        watched: Sequence[Instrument],
        identities: Identities,
        wallets: Wallets,
        rack: Rack,
    ) -> MarketRow:
        open_pairs = [
            (one.venue, other.venue)
            for one in watched
            for other in watched
            if one.venue is not other.venue
            and not identities.quarantined(asset, one.venue, other.venue)
        ]
        return MarketRow(
            base=asset,
            korean_name=None,
            venues={
                venue: tuple(sorted(each.quote for each in found[venue])) for venue in sorted(found)
            },
            watched=tuple(each.venue for each in watched),
            identity=identities.standing(asset),
            fenced=tuple(venue for venue in sorted(found) if wallets.fenced(asset, venue)),
            tick_bps={each.venue: self.tick_bps(each, rack) for each in watched},
            favourite=asset in self._policy.favourites,
            routes=len(open_pairs),
        )

    def tick_bps(self, instrument: Instrument, rack: Rack) -> float | None:
        """One price step over the mid of the live book."""
        market, row = self.market(instrument), rack.row(instrument)
        if market is None or market.tick is None or row is None:
            return None
        record = rack.tops[row]
        if not record["valid"] or record["counts"].min() < 1:
            return None
        mid = (record["prices"][BIDS, 0] + record["prices"][ASKS, 0]) / 2.0
        return float(number(market.tick) / mid * 1e4)

    def _watch(self) -> tuple[Command, ...]:
        listed = {venue: markets.values() for venue, markets in self._listed.items()}
        routed = choose(listed, self._policy, self._names)
        legs = choose_legs(listed, routed, self._policy)
        chosen = {venue: tuple(sorted((*routed[venue], *legs[venue]))) for venue in routed}
        self.unrouted = RATE_INSTRUMENTS.union(*legs.values())
        changed = [
            Watch(venue, instruments)
            for venue, instruments in chosen.items()
            if instruments != self.watched.get(venue)
        ]
        self.watched = chosen
        return tuple(changed)

    def _traded(self) -> Iterator[Instrument]:
        for found in self.watched.values():
            yield from (each for each in found if self.routes(each))
