"""Joining: the ports that fit the mode, over the engine's books or to the venues themselves."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from decimal import Decimal
from functools import partial

from app.books.ladder import ASKS, BIDS
from app.domain.markets import Instrument, Product
from app.domain.orders import Balance, Fill, Order
from app.domain.trading import Purse
from app.domain.transfers import Transfer
from app.domain.venues import Venue
from app.engine.core import Engine
from app.engine.execution.sight import spot_of
from app.exchanges.accounts import ACCOUNTS
from app.exchanges.accounts.contract import Rules
from app.exchanges.paper import Depth, PaperVenue, Passages, depth_of, scaled
from app.ledger import intents, posting
from app.ledger.queries import Connection
from app.runtime.feeds.feeds import Feeds
from app.runtime.trading.clock import Clock
from app.runtime.trading.port import VenuePort
from app.runtime.trading.ports.live import LivePort
from app.runtime.trading.ports.paper import PaperPort, PaperTerms
from app.runtime.trading.ports.paper import rules_of as paper_rules
from app.runtime.trading.store import Store
from app.runtime.trading_policy import Paper

PAPER = "paper"
LATENCY_SPREAD = 3.0
"""The slowest answer of a paper venue, in its usual ones."""


def rules_of(mode: str, venues: Sequence[Venue]) -> dict[Venue, Rules]:
    """What each venue's ids and orders are like, for whoever decides in this mode."""
    if mode == PAPER:
        return {venue: paper_rules(venue) for venue in venues}
    return {venue: ACCOUNTS[venue].rules for venue in venues if venue in ACCOUNTS}


def ids_of(mode: str, venues: Sequence[Venue]) -> dict[Venue, Callable[[str], str]]:
    """How each venue wants our ids; on paper they are as they are."""
    if mode == PAPER:
        return {}
    return {venue: ACCOUNTS[venue].client_id for venue in venues if venue in ACCOUNTS}


def venue_ports(
    feeds: Feeds, venues: Sequence[Venue], instruments: Callable[[Venue], Sequence[Instrument]]
) -> dict[Venue, VenuePort]:
    """Of the real accounts, where a key is there."""
    found: dict[Venue, VenuePort] = {}
    for venue in venues:
        station = feeds.venues[venue].station
        if venue in ACCOUNTS and station.rest.keys is not None:
            found[venue] = LivePort(
                station, ACCOUNTS[venue], instruments=partial(instruments, venue)
            )
    return found


def depth_by(engine: Engine) -> Callable[[Instrument], Depth | None]:
    """The valid book of an instrument now. Of a stale or broken one nothing may trade."""
    rack, sight = engine.rack, engine.trading.sight

    def depth(instrument: Instrument) -> Depth | None:
        if instrument.product is Product.PERPETUAL:
            return perpetual(instrument)
        row = rack.row(instrument)
        if row is None or not rack.tops[row]["valid"]:
            return None
        top = rack.tops[row]
        sides = []
        for side in (BIDS, ASKS):
            count = int(top["counts"][side])
            prices = top["prices"][side][:count].tolist()
            sides.append(list(zip(prices, top["quantities"][side][:count].tolist(), strict=True)))
        return depth_of(int(top["version"]), *sides)

    def perpetual(instrument: Instrument) -> Depth | None:
        """Its own book is not watched: as deep as the coin's is, as far from it as was read."""
        spot, basis, grid = (
            depth(spot_of(instrument)),
            sight.basis(instrument),
            sight.grid(instrument),
        )
        if spot is None or basis is None or grid is None or grid.tick is None:
            return None
        return scaled(spot, basis, grid.tick)

    return depth


def taker_by(engine: Engine) -> Callable[[Instrument], Decimal | None]:
    def taker_bps(instrument: Instrument) -> Decimal | None:
        fee = engine.fees.taker(instrument.venue, instrument.quote)
        return None if fee is None else Decimal(repr(fee.taker_bps))

    return taker_bps


async def paper_ports(
    engine: Engine, store: Store, clock: Clock, venues: Sequence[Venue], paper: Paper
) -> dict[Venue, VenuePort]:
    """Each with what the ledger says that it had accepted before this start."""
    passages = Passages(paper.transfer_s)
    latency_s = paper.latency_ms / 1_000
    terms = PaperTerms((latency_s, latency_s * LATENCY_SPREAD), paper.transfer_s)
    purses: Callable[[], Awaitable[tuple[Purse, ...]]] = lambda: store.read(  # noqa: E731
        posting.purses, PAPER
    )
    depth, taker_bps = depth_by(engine), taker_by(engine)
    share = Decimal(repr(paper.fill_share))
    open_ = await store.read(_open, PAPER, venues)
    ports: dict[Venue, VenuePort] = {}
    for venue in venues:
        port = PaperPort(
            PaperVenue(venue, taker_bps, share),
            passages,
            depth=depth,
            purses=purses,
            clock=clock,
            terms=terms,
        )
        port.restore(*open_[venue])
        ports[venue] = port
    return ports


def opening(paper: Paper, venues: Sequence[Venue]) -> dict[Venue, list[Balance]]:
    """What the venues of paper begin with."""
    found: dict[Venue, list[Balance]] = {venue: [] for venue in venues}
    for venue, asset, amount in paper.balances:
        if venue in found:
            found[venue].append(Balance(venue, asset, amount, Decimal(0)))
    return found


Held = tuple[Sequence[Order], Sequence[Transfer], Mapping[str, Sequence[Fill]]]


def _open(conn: Connection, mode: str, venues: Sequence[Venue]) -> Mapping[Venue, Held]:
    """Orders, transfers, and the fills of the orders."""
    found: dict[Venue, Held] = {}
    for venue in venues:
        orders, transfers = intents.open_intents(conn, mode, venue)
        ids = (order.client_id for order in orders)
        fills = {client_id: intents.fills_of(conn, mode, client_id) for client_id in ids}
        found[venue] = orders, transfers, fills
    return found
