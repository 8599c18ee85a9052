"""Opportunities: the life of what the kernel found, one row from first passing to first failing.

| route is | row | ends when |
|---|---|---|
| LIVE | `o-<n>`, DETECTED | the first look that does not pass: MISSED, with the code of that look;
EXECUTED where a cycle was made of it |
| REFUSED by a code | `r-<n>`, REFUSED | it has not come back with the same code for a while |

A book that is too quiet to trade on is looked at once more over REST; a live row's books before
they grow too old.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from msgspec import structs

from app.domain.facts import (
    AskBook,
    CandidateRefused,
    Command,
    Fact,
    OpportunityClosed,
    OpportunityOpened,
)
from app.domain.live import Explanation, Opportunity, Status, as_ended
from app.domain.markets import Instrument
from app.domain.policy import Policy
from app.domain.times import SECOND_NS
from app.engine.detection import DETECTOR_OF
from app.engine.detection.board import Board, Money, Stage
from app.engine.detection.codes import DIRECTIONS, Code, Direction, State
from app.engine.detection.explain import explanation
from app.engine.detection.refusals import Refusals
from app.engine.detection.rows import Sizes, ages_ms, gates, look
from app.engine.market.fees import Fees
from app.engine.market.identity import Identities
from app.engine.market.wallets import Wallets

REST_NS = 60 * SECOND_NS
"""A refusal that comes back by then is the same row."""
ASK_EVERY_NS = 5 * SECOND_NS
"""A quiet book is asked for as often as this; by then an answer should have come."""
ASK_AGAIN_NS = 30 * SECOND_NS
"""One that did not answer."""
ASK_AHEAD = 0.6
"""A live row's book is asked for at this share of the age that would end it."""
CAPTURES_MAX = 256
RESTING_MAX = 5_000


@dataclass(slots=True)
class Entry:
    """One row under way. `scene`: the books as they were when it began."""

    number: int
    route: int
    status: Status
    code: Code
    opened_at_ns: int
    base: str
    buy: Instrument
    sell: Instrument
    direction: Direction
    scene: tuple[Stage, int]
    money: Money
    row: Opportunity | None = None
    """As it began; `last` when it was seen last, `end` when it was over."""
    last: Opportunity | None = None
    end: Opportunity | None = None
    updates: int = 0
    peak_bps: float = 0.0
    is_executed: bool = False
    rested_at_ns: int | None = None

    @property
    def id(self) -> str:
        return f"{'o' if self.status is Status.DETECTED else 'r'}-{self.number}"


class Opportunities:
    """Told which routes turned; answers facts and commands, and what is there now."""

    def __init__(
        self,
        board: Board,
        identities: Identities,
        wallets: Wallets,
        fees: Fees,
        money: Callable[[int], Money],
        *,
        first_number: int,
    ) -> None:
        self._board = board
        self._identities = identities
        self._wallets = wallets
        self._fees = fees
        self._money = money
        self._number = first_number
        self._live: dict[int, Entry] = {}
        self._refused: dict[int, Entry] = {}
        self._resting: OrderedDict[tuple[int, Code], Entry] = OrderedDict()
        self._kept: OrderedDict[str, Entry] = OrderedDict()
        self._asked: dict[int, int] = {}
        self._over_ns: dict[int, int] = {}
        """By route, when its last opportunity ended: frames may be played behind a tick."""
        self._sizes = Sizes(0.0, ())
        self._book_age_ns = 0
        self.refusals = Refusals()

    def policy(self, policy: Policy) -> None:
        self._sizes = Sizes(policy.size_krw, policy.sizes_krw)
        self._book_age_ns = round(policy.book_age_s_max * SECOND_NS)

    def next_number(self) -> int:
        """One that no row has, for detectors that keep rows of their own."""
        self._number += 1
        return self._number - 1

    # Turns

    def active(self) -> Iterable[int]:
        """Routes that have a row now."""
        return (*self._live, *self._refused)

    def load(self, r: int, at_ns: int) -> None:
        self._board.load(r, self._identities, self._wallets, self._fees, at_ns)

    def reload(self, at_ns: int) -> None:
        """Routes that have a row, at once."""
        for r in self.active():
            self.load(r, at_ns)
            self._stand(r)

    def _stand(self, r: int) -> None:
        self._board.stand(r, self._identities.standing(self._board.live.asset(r)))

    def turned(
        self,
        routes: Iterable[int],
        at_ns: int,
        facts: list[Fact],
        commands: list[Command],
        *,
        counts: bool,
    ) -> None:
        for r in routes:
            self._look(r, at_ns, counts=counts)
            self._turn(r, at_ns, facts)
            entry = self._refused.get(r)
            if entry is not None and entry.code is Code.QUIET_BOOK:
                self._second_look(r, at_ns, commands, self._book_age_ns)

    def removed(self, routes: Iterable[int], at_ns: int, facts: list[Fact]) -> None:
        """Their books are about to go."""
        for r in routes:
            if r in self._live:
                self._close(r, Code.DELISTED, at_ns, facts)
            for entry in [self._refused.pop(r, None), *self._rested(r)]:
                if entry is not None:
                    self._end(entry, at_ns, facts)
            self._over_ns.pop(r, None)

    def tick(self, at_ns: int, facts: list[Fact], commands: list[Command]) -> None:
        """Refusals that stayed away end; quiet books are looked at once more."""
        while self._resting:
            key, entry = next(iter(self._resting.items()))
            assert entry.rested_at_ns is not None
            if at_ns - entry.rested_at_ns < REST_NS and len(self._resting) <= RESTING_MAX:
                break
            del self._resting[key]
            self._end(entry, entry.rested_at_ns, facts)
        for r, entry in self._refused.items():
            if entry.code in {Code.QUIET_BOOK, Code.STALE_BOOK}:
                self._second_look(r, at_ns, commands, self._book_age_ns)
        for r in self._live:
            self._second_look(r, at_ns, commands, round(ASK_AHEAD * self._book_age_ns))

    def executed(self, row_id: str) -> None:
        """A cycle was made of it."""
        for entry in self._live.values():
            if entry.id == row_id:
                entry.is_executed = True

    def unanswered(self, row: int) -> None:
        """A second look at this book brought nothing."""
        if row in self._asked:
            self._board.live.lines[row]["unanswered"] = 1

    # What there is

    def live(self, at_ns: int) -> tuple[Opportunity, ...]:
        """The best first."""
        found = [self._row(entry, at_ns, self._board.live, r) for r, entry in self._live.items()]
        return tuple(sorted(found, key=lambda row: (-row.net_bps, row.id)))

    def refused(self, at_ns: int) -> tuple[Opportunity, ...]:
        found = [self._row(entry, at_ns, self._board.live, r) for r, entry in self._refused.items()]
        return tuple(sorted(found, key=lambda row: (-row.net_bps, row.id)))

    def explain(self, row_id: str, at_ns: int) -> Explanation | None:
        """Of what is there now: as it is now; of what is over: as it began, and how it ended."""
        for r, entry in (*self._live.items(), *self._refused.items()):
            if entry.id == row_id:
                stage = self._board.live
                row = self._row(entry, at_ns, stage, r)
                return explanation(stage, r, row, self._money(at_ns), self._sizes, at_ns)
        began, kept = self.evidence(row_id), self._kept.get(row_id)
        if began is None or kept is None or kept.end is None:
            return began
        return as_ended(began, kept.end)

    def evidence(self, row_id: str) -> Explanation | None:
        """As it was when it began; None when that is too long ago."""
        entry = self._kept.get(row_id)
        if entry is None or entry.row is None:
            return None
        stage, r = entry.scene
        return explanation(stage, r, entry.row, entry.money, self._sizes, entry.opened_at_ns)

    # Beneath

    def _look(self, r: int, at_ns: int, *, counts: bool) -> None:
        """What only matters for routes that pay: wallets and fees, then identity."""
        stage = self._board.live
        route = stage.routes[r]
        if route["state"] == State.REFUSED and route["reason"] == Code.UNREAD:
            self.load(r, at_ns)
            self._board.judge(r, at_ns, counts=counts)
        if route["state"] != State.NOTHING and r not in self._live and route["code"] == Code.NONE:
            asset = stage.asset(r)
            if not self._identities.judge(asset, int(route["buy"]), int(route["sell"]), at_ns):
                self._board.bar(r, Code.IDENTITY)
                self._board.judge(r, at_ns, counts=counts)

    def _turn(self, r: int, at_ns: int, facts: list[Fact]) -> None:
        route = self._board.live.routes[r]
        state, code = State(int(route["state"])), Code(int(route["reason"]))
        if r in self._live and state is not State.LIVE:
            self._close(r, code, at_ns, facts)
        refused = self._refused.get(r)
        if refused is not None and (state is not State.REFUSED or refused.code is not code):
            self._rest(r, at_ns)
        if state is State.LIVE and r not in self._live:
            entry = self._begin(r, Status.DETECTED, Code.NONE, at_ns)
            self._live[r] = entry
            assert entry.row is not None
            facts.append(OpportunityOpened(at_ns, entry.row))
        elif state is State.REFUSED and r not in self._refused:
            self._refuse(r, code, at_ns, facts)

    def _begin(self, r: int, status: Status, code: Code, at_ns: int) -> Entry:
        self._stand(r)
        stage = self._board.live
        buy, sell = stage.pair(r)
        if status is Status.DETECTED:
            at_ns = max(at_ns, self._over_ns.get(r, 0))
        entry = Entry(
            self._number, r, status, code, at_ns, stage.asset(r), buy, sell, stage.direction(r),
            self._board.freeze(r), self._money(at_ns),
        )  # fmt: skip
        self._number += 1
        entry.row = self._row(entry, at_ns, stage, r)
        self._kept[entry.id] = entry
        while len(self._kept) > CAPTURES_MAX:
            self._kept.popitem(last=False)
        return entry

    def _close(self, r: int, code: Code, at_ns: int, facts: list[Fact]) -> None:
        entry = self._live.pop(r)
        # Frames that waited carry the time of their receipt, which may lie before a tick's.
        at_ns = max(at_ns, entry.opened_at_ns)
        row = self._row(entry, at_ns, self._board.live, r, closed_at_ns=at_ns)
        status = Status.EXECUTED if entry.is_executed else Status.MISSED
        entry.end = structs.replace(row, status=status, code=code.name)
        self._over_ns[r] = at_ns
        facts.append(OpportunityClosed(at_ns, entry.end))

    def _refuse(self, r: int, code: Code, at_ns: int, facts: list[Fact]) -> None:
        rested = self._resting.pop((r, code), None)
        if rested is not None:
            rested.rested_at_ns = None
            self._refused[r] = rested
            return
        entry = self._begin(r, Status.REFUSED, code, at_ns)
        self._refused[r] = entry
        assert entry.row is not None
        self.refusals.count(code.name, entry.row.net_bps, at_ns)
        facts.append(CandidateRefused(at_ns, entry.row, ended=False))

    def _rest(self, r: int, at_ns: int) -> None:
        entry = self._refused.pop(r)
        row = self._row(entry, at_ns, self._board.live, r)
        entry.updates, entry.peak_bps, entry.last = row.updates, row.peak_bps, row
        entry.rested_at_ns = at_ns
        self._resting[r, entry.code] = entry
        self._resting.move_to_end((r, entry.code))

    def _rested(self, r: int) -> list[Entry]:
        keys = [key for key in self._resting if key[0] == r]
        return [self._resting.pop(key) for key in keys]

    def _end(self, entry: Entry, at_ns: int, facts: list[Fact]) -> None:
        last = entry.last or entry.row
        assert last is not None
        at_ns = max(at_ns, entry.opened_at_ns)
        entry.end = structs.replace(last, closed_at_ns=at_ns, updated_at_ns=at_ns)
        facts.append(CandidateRefused(at_ns, entry.end, ended=True))

    def _row(
        self, entry: Entry, at_ns: int, stage: Stage, r: int, *, closed_at_ns: int | None = None
    ) -> Opportunity:
        route, money = stage.routes[r], self._money(at_ns)
        place = 0 if entry.status is Status.DETECTED else 1
        net_bps = float(route["last"][place])
        size_krw = float(stage.rules[0]["size_krw"])
        transfer = stage.transfers[r]
        seen = look(stage, r)
        return Opportunity(
            id=entry.id,
            detector=DETECTOR_OF[entry.direction],
            base=entry.base,
            buy_venue=entry.buy.venue,
            buy_quote=entry.buy.quote,
            sell_venue=entry.sell.venue,
            sell_quote=entry.sell.quote,
            direction=DIRECTIONS[entry.direction],
            status=Status.EXECUTED if entry.is_executed else entry.status,
            code=None if entry.code is Code.NONE else entry.code.name,
            opened_at_ns=entry.opened_at_ns,
            closed_at_ns=closed_at_ns,
            updated_at_ns=at_ns,
            net_bps=net_bps,
            peak_bps=max(float(route["peaks"][place]), entry.peak_bps),
            size_krw=size_krw,
            quantity=float(route["quantity"]) if route["quantity"] > 0.0 else 0.0,
            profit_krw=net_bps / 1e4 * size_krw,
            network=transfer.way.chain or transfer.way.network,
            updates=entry.updates + int(route["updates"][place]),
            gates=gates(stage, r, seen, money, at_ns),
            ages_ms=ages_ms(stage, r, money, at_ns),
        )

    def _second_look(self, r: int, at_ns: int, commands: list[Command], age_ns_max: int) -> None:
        stage = self._board.live
        for end in ("buy", "sell"):
            row = int(stage.routes[r][end])
            received_ns = int(stage.tops[row]["received_ns"])
            if at_ns - received_ns <= age_ns_max:
                continue
            asked_ns = self._asked.get(row)
            if asked_ns is not None and asked_ns > received_ns:
                is_late = at_ns - asked_ns >= ASK_EVERY_NS
                if is_late:
                    stage.lines[row]["unanswered"] = 1
                if at_ns - asked_ns < (ASK_AGAIN_NS if is_late else ASK_EVERY_NS):
                    continue
            self._asked[row] = at_ns
            commands.append(AskBook(stage.instruments[row], "second look"))
