"""Core: step(event) → facts and commands. The only way in; the event carries the clock.

| event | what it does |
|---|---|
| FrameReceived | one book changes; the routes of its asset are judged |
| ConnectionOpened, ConnectionLost, FramesDropped | books start anew, or decide nothing |
| SnapshotRead | a book is joined, or seen once more |
| MarketsRead | what exists, what is watched; steps, lots, minimums |
| WalletsRead, RateRead, PolicyChanged | what routes need beside books |
| Ticked | ages grow, rates are made, every route is judged |
| ClockRead | kept for the views |
| TradingPolicyChanged … OperatorAsked | what is committed of money and cycles |
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from app.books.rack import Rack
from app.domain.events import (
    ClockRead,
    ConnectionLost,
    ConnectionOpened,
    Event,
    FrameReceived,
    FramesDropped,
    FundingRead,
    MarketsRead,
    PolicyChanged,
    RateRead,
    SnapshotRead,
    Ticked,
    WalletsRead,
)
from app.domain.facts import Command, Fact, OpportunityOpened, Taken
from app.domain.live import Explanation
from app.domain.markets import Instrument
from app.domain.policy import Policy
from app.domain.venues import Venue
from app.engine.detection.board import Board, Money
from app.engine.detection.opportunities import Opportunities
from app.engine.detection.scouts import Scouts
from app.engine.execution.ids import NOTHING_SPECIAL, AsWritten, Identity
from app.engine.execution.live import LiveSight, VenueRules
from app.engine.execution.marks import Marks
from app.engine.execution.portfolio import Portfolio
from app.engine.execution.trading import KINDS, Trading
from app.engine.market.fees import Fees
from app.engine.market.health import Channels
from app.engine.market.identity import Identities
from app.engine.market.intake import Intake, Translator
from app.engine.market.names import Names
from app.engine.market.rates import USDT, Rates
from app.engine.market.universe import Universe
from app.engine.market.wallets import Wallets
from app.engine.risk.anomalies import Anomalies
from app.engine.risk.manager import RiskManager

NOTHING = Taken()
NOBODY = Identity("", 0)
"""Whose engine may only look: ids of orders need a name."""
NO_ACCOUNTS: Mapping[Venue, VenueRules] = {}

Lap = Callable[[str], None]


class Engine:
    """Owns all state of the market. Deterministic: the same events give the same facts."""

    def __init__(
        self,
        rack: Rack,
        translators: Mapping[Venue, Translator],
        policy: Policy,
        *,
        first_number: int = 1,
        identity: Identity = NOBODY,
        venue_rules: Mapping[Venue, VenueRules] = NO_ACCOUNTS,
        venue_ids: AsWritten = NOTHING_SPECIAL,
    ) -> None:
        self.rack = rack
        self.policy = policy
        self.intake = Intake(rack, translators)
        self.names = Names(policy.names)
        self.fees = Fees()
        self.wallets = Wallets(self.names, self.fees)
        self.channels = Channels(rack)
        self.rates = Rates(rack, self.channels)
        self.identities = Identities(rack, self.rates, self.wallets, self.names)
        self.universe = Universe(self.names)
        self.board = Board(rack.tops, policy)
        self.opportunities = Opportunities(
            self.board, self.identities, self.wallets, self.fees, self.money,
            first_number=first_number,
        )  # fmt: skip
        self.trading = self._trader(identity._replace(written=venue_ids), venue_rules)
        self.scouts = Scouts(
            self.board.live, self.opportunities.next_number, self.opportunities.refusals
        )
        self._loop_rows = self.scouts.rows
        self.clocks: dict[Venue, ClockRead] = {}
        self._facts: list[Fact] = []
        self._commands: list[Command] = []
        self._taken: dict[int, Taken] = {-1: NOTHING}
        self._rate_rows: frozenset[int] = frozenset()
        self._channels_version = -1
        self._steps: dict[type[Event], Callable[[Any], int]] = {
            ConnectionOpened: self._opened,
            ConnectionLost: self._lost,
            FramesDropped: self._dropped,
            SnapshotRead: self._snapshot,
            MarketsRead: self._markets,
            WalletsRead: self._wallets,
            RateRead: self._rate,
            FundingRead: self._funding,
            PolicyChanged: self._policy,
            Ticked: self._ticked,
            ClockRead: self._clock,
            **dict.fromkeys(KINDS, self._trade),
        }
        self._set(policy)

    def _trader(self, identity: Identity, venue_rules: Mapping[Venue, VenueRules]) -> Trading:
        """Over the market as it is here."""
        marks = Marks(self.board, self.rates)
        portfolio = Portfolio(marks.krw)
        return Trading(
            identity,
            LiveSight(
                self.rack, self.channels, self.universe, self.names, self.fees, self.wallets,
                self.identities, marks.krw, venue_rules,
            ),
            portfolio,
            RiskManager(portfolio, Anomalies(self.board.live, self.rack.row)),
            self.opportunities.executed,
        )  # fmt: skip

    def step(self, event: Event, lap: Lap | None = None) -> Taken:
        if type(event) is FrameReceived:
            row = self._frame(event, lap)
        else:
            row = self._steps[type(event)](event)
        facts, commands = self._facts, self._commands
        if not facts and not commands:
            taken = self._taken.get(row)
            if taken is None:
                taken = self._taken[row] = Taken(row=row)
            return taken
        if facts:
            self._pursue(facts, event.at_ns)
        taken = Taken(tuple(facts), tuple(commands), row)
        facts.clear()
        commands.clear()
        return taken

    def money(self, at_ns: int) -> Money:
        rates = self.rates
        return Money(
            float(rates.krw[USDT]),
            rates.official(at_ns),
            rates.tether_age_ms(at_ns),
            rates.official_age_ms(at_ns),
            rates.manual,
        )

    def evidence(self, row_id: str) -> Explanation | None:
        """Of an opportunity or refusal as it began; None when that is too long ago."""
        return self.opportunities.evidence(row_id) or self.scouts.evidence(row_id)

    def valid_books(self, venue: Venue) -> int:
        """How many of its books may decide something: neither broken nor stale."""
        instruments = self.board.live.instruments
        rows = [row for row, each in instruments.items() if each.venue is venue]
        live = self.board.live.lines["live"][rows] != 0
        return int((self.rack.tops["valid"][rows] != 0)[live].sum())

    # Books

    def _frame(self, event: FrameReceived, lap: Lap | None) -> int:
        at_ns = event.at_ns
        row = self.intake.frame(event, self._facts, self._commands)
        if lap is not None:
            lap("parse")
        if row >= 0:
            self.channels.heard(event.connection, at_ns)
            if self.channels.version != self._channels_version:
                self._take_channels()
        if lap is not None:
            lap("state")
        if row >= 0:
            count = self.board.detect(row, at_ns)
            if count or row in self._rate_rows:
                self._turned(row, count, at_ns)
            if row in self._loop_rows:
                self.scouts.turned(row, at_ns, self._facts)
        if self.intake.touched:
            self._touched(at_ns)
        if lap is not None:
            lap("detect")
        return row

    def _turned(self, row: int, count: int, at_ns: int) -> None:
        """Routes of a book; of all coins where it is USDT/KRW, which has none of its own."""
        if row in self._rate_rows:
            routes = self.board.fed(row, at_ns)
        else:
            routes = self.board.turned(row, count)
        if routes:
            self._tell(routes, at_ns, counts=True)

    def _tell(self, routes: list[int], at_ns: int, *, counts: bool) -> None:
        self.opportunities.turned(routes, at_ns, self._facts, self._commands, counts=counts)
        self._facts += self.identities.take_facts()

    def _touched(self, at_ns: int) -> None:
        """Books that changed beside the one that was answered for."""
        rows = list(self.intake.touched)
        self.intake.touched.clear()
        for row in rows:
            self._turned(row, self.board.detect(row, at_ns), at_ns)

    def _judge_active(self, at_ns: int) -> None:
        """What is no book of theirs changed: look at routes that have a row."""
        self._tell(self.board.sweep(at_ns, self.opportunities.active()), at_ns, counts=False)

    def _judge_all(self, at_ns: int) -> None:
        self._tell(self.board.sweep(at_ns), at_ns, counts=False)

    def _snapshot(self, event: SnapshotRead) -> int:
        row = self.intake.snapshot(event, self._facts, self._commands)
        if row >= 0:
            self._turned(row, self.board.detect(row, event.at_ns), event.at_ns)
        elif event.snapshot is None:
            asked = self.rack.row(event.instrument)
            if asked is not None:
                self.opportunities.unanswered(asked)
        self._touched(event.at_ns)
        return row

    # Connections

    def _opened(self, event: ConnectionOpened) -> int:
        self.intake.opened(event, self._facts)
        self.channels.opened(event)
        self._place(event.instruments, event.at_ns)
        self._take_channels()
        self._touched(event.at_ns)
        self._judge_all(event.at_ns)
        self._take_facts()
        return -1

    def _lost(self, event: ConnectionLost) -> int:
        self.intake.lost(event, self._facts)
        self.channels.lost(event)
        self._take_channels()
        self._touched(event.at_ns)
        self._judge_all(event.at_ns)
        self._take_facts()
        return -1

    def _dropped(self, event: FramesDropped) -> int:
        self.intake.dropped(event, self._facts)
        self._touched(event.at_ns)
        return -1

    def _take_channels(self) -> None:
        self._channels_version = self.channels.version
        self.board.channels(self.channels.live)

    def _place(self, instruments: tuple[Instrument, ...], at_ns: int) -> None:
        """Bring the board up to what stands in the rack."""
        changed = self._forget_moved(at_ns)
        for instrument in instruments:
            row = self.rack.row(instrument)
            if row is None:
                continue
            asset, multiplier = self.names.asset(instrument.venue, instrument.base)
            name = asset if self.universe.routes(instrument) else None
            if self.board.holds(row, instrument, name, multiplier):
                continue
            changed = True
            if self.board.has(row):
                self._leave(row, at_ns)
            self.board.join(row, instrument, name, multiplier)
            self.board.market(row, self.universe.market(instrument))
        if changed:
            self._settle(at_ns)

    def _forget_moved(self, at_ns: int) -> bool:
        """A book with another channel than before may have got another row."""
        gone = [
            row
            for row, instrument in self.board.live.instruments.items()
            if self.rack.row(instrument) != row
        ]
        for row in gone:
            self._leave(row, at_ns)
        return bool(gone)

    def _leave(self, row: int, at_ns: int) -> None:
        self.opportunities.removed(self.board.routes_of_row(row), at_ns, self._facts)
        self.board.leave(row)

    def _settle(self, at_ns: int) -> None:
        """Books came or went."""
        self.board.settle()
        self.board.fees(self.fees)
        self.identities.place(self.board.rows_by_asset())
        self.rates.refresh(at_ns)
        self._rate_rows = self.rates.rows_of_interest()
        self.board.prices(self.rates, at_ns)
        self.scouts.place(at_ns, self._facts)
        self._take_channels()

    # What routes need beside books

    def _markets(self, event: MarketsRead) -> int:
        unrouted = self.universe.unrouted
        facts, commands = self.universe.read(event)
        self._facts += facts
        self._commands += commands
        if self.universe.unrouted != unrouted:
            self._place(tuple(self.board.live.instruments.values()), event.at_ns)
        for row in self.board.rows():
            instrument = self.board.live.instruments[row]
            if instrument.venue is event.venue:
                self.board.market(row, self.universe.market(instrument))
        self._drop_unwatched(event.at_ns)
        return -1

    def _drop_unwatched(self, at_ns: int) -> None:
        """Books that nobody should stream any more."""
        watched = self.universe.watched
        gone = [
            (row, instrument)
            for row, instrument in list(self.board.live.instruments.items())
            if instrument.venue in watched and instrument not in watched[instrument.venue]
        ]
        for row, instrument in gone:
            self._leave(row, at_ns)
            self.intake.remove(instrument)
        if gone:
            self._settle(at_ns)

    def _wallets(self, event: WalletsRead) -> int:
        self.wallets.read(event)
        # Contracts and chains speak before anything is told.
        is_news = self.identities.refresh(event.at_ns)
        self._reload(event.at_ns, None if is_news else event.venue)
        return -1

    def _rate(self, event: RateRead) -> int:
        self.rates.read(event)
        self._make_rates(event.at_ns)
        self._judge_active(event.at_ns)
        self._take_facts()
        return -1

    def _funding(self, event: FundingRead) -> int:
        self.scouts.funding(event, self._facts)
        self.trading.sight.funded(event)
        return -1

    def _clock(self, event: ClockRead) -> int:
        self.clocks[event.venue] = event
        return -1

    def _policy(self, event: PolicyChanged) -> int:
        self._set(event.policy)
        self._place(tuple(self.board.live.instruments.values()), event.at_ns)
        self._drop_unwatched(event.at_ns)
        self._make_rates(event.at_ns)
        self._reload(event.at_ns)
        self._judge_all(event.at_ns)
        return -1

    def _set(self, policy: Policy) -> None:
        self.policy = policy
        self.names.set(policy.names)
        self.fees.policy(policy)
        self.wallets.policy(policy)
        self.rates.policy(policy)
        self.identities.policy(policy)
        self._commands += self.universe.policy(policy)
        self.board.policy(policy)
        self.board.fees(self.fees)
        self.opportunities.policy(policy)
        self.scouts.policy(policy)

    def _reload(self, at_ns: int, venue: Venue | None = None) -> None:
        """Wallets, fees or identities changed: routes with a row at once, others when they pay."""
        self.board.forget(venue)
        self.opportunities.reload(at_ns)
        self._judge_active(at_ns)

    def _make_rates(self, at_ns: int) -> None:
        if self.rates.refresh(at_ns):
            self.board.prices(self.rates, at_ns)

    # Time

    def _ticked(self, event: Ticked) -> int:
        at_ns = event.at_ns
        self.intake.tick(at_ns, self._commands)
        self._touched(at_ns)
        self.channels.tick(at_ns)
        if self.channels.version != self._channels_version:
            self._take_channels()
        self._make_rates(at_ns)
        if self.identities.refresh(at_ns):
            self._reload(at_ns)
        self._judge_all(at_ns)
        self.opportunities.tick(at_ns, self._facts, self._commands)
        self.scouts.tick(at_ns, self._facts)
        self._take_facts()
        self.trading.tick(at_ns, self._facts, self._commands)
        if self.trading.pursues(at_ns):
            live = self.opportunities.live(at_ns)
            self.trading.found(live, at_ns, self._facts, self._commands)
        return -1

    def _pursue(self, facts: list[Fact], at_ns: int) -> None:
        """Trading looks at opportunities when they begin, and at ticks."""
        begun = [fact.opportunity for fact in facts if type(fact) is OpportunityOpened]
        if begun and self.trading.may_begin:
            self.trading.found(begun, at_ns, facts, self._commands)

    def _trade(self, event: Event) -> int:
        self.trading.take(event, self._facts, self._commands)
        return -1

    def _take_facts(self) -> None:
        self._facts += self.channels.take_facts()
        self._facts += self.rates.take_facts()
        self._facts += self.identities.take_facts()
