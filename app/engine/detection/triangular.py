"""Triangular: loops of three markets on one venue, from money through two coins back to it.

A book that changed is asked for the loops that it stands in, at best prices after fees, in one
compiled call; only what would pay there is walked on depth, with lots and minimums, and walked
again as time passes while it pays.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise
from math import isnan, nan
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

from app.books.compiled import compiled, entered
from app.books.ladder import ASKS, BIDS
from app.domain.live import Gate, LevelUsed, Step
from app.domain.markets import Instrument, Product
from app.domain.policy import Policy
from app.domain.times import MS_NS
from app.domain.venues import Venue
from app.engine.detection.board import Stage
from app.engine.detection.found import Sighting
from app.engine.detection.pricing import Side, floor_lot, known, sell, spend
from app.engine.detection.tables import Records
from app.engine.market.rates import QUOTES

NAME = "triangular"
LEGS = 3
LOOPS_MAX = 4_096
NONE: Sequence[int] = ()
BPS = 1e4
Indexes = npt.NDArray[np.int64]

LOOPS = np.dtype(
    [
        ("rows", "i8", (LEGS,)),
        ("sells", "i8", (LEGS,)),  # 1: the base is sold at its bids, 0: bought at its asks
        ("heard", "i8"),  # 1: Python knows that it would pay at best prices
    ],
    align=True,
)


@compiled
def gross(lines: Records, loops: Records, place: int) -> float:
    """At best prices after fees, in bps: no size of the loop nets more."""
    loop = loops[place]
    money = 1.0
    for leg in range(LEGS):
        line = lines[loop.rows[leg]]
        fee = known(line.fee)
        if loop.sells[leg] == 1:
            money *= line.bid * (1.0 - fee)
        elif line.won == 1:
            money /= line.ask * (1.0 + fee)
        else:
            money *= (1.0 - fee) / line.ask
    paid_bps: float = (money - 1.0) * BPS
    return paid_bps


@compiled
def turned(
    lines: Records, loops: Records, asked: Indexes, least_bps: Records, found: Indexes
) -> int:
    """How many of these loops begin or cease to pay; they come to stand in `found`."""
    count = 0
    for place in asked:
        pays = gross(lines, loops, place) >= least_bps[0]
        if pays != (loops[place].heard == 1):
            loops[place].heard = 1 if pays else 0
            found[count] = place
            count += 1
    return count


class Loop(NamedTuple):
    """money → first → second → money. rows and sells: of its three markets, in order."""

    path: tuple[str, str, str, str]
    rows: tuple[int, int, int]
    sells: tuple[bool, bool, bool]


class Leg(NamedTuple):
    """One trade of a walk. quantity: of the base; price NaN: the book is too thin."""

    quantity: float
    price: float
    levels: int
    out: float


class Triangular:
    """Loops over the books of a stage, made anew when books come or go."""

    def __init__(self, stage: Stage) -> None:
        self._stage = stage
        self._lines = stage.lines
        self._loops: tuple[Loop, ...] = ()
        self._records = np.zeros(LOOPS_MAX, LOOPS)
        self._least = np.full(1, np.inf)
        self._found = np.zeros(LOOPS_MAX, np.int64)
        self._policy = Policy()
        self._asked: dict[int, Indexes] = {}
        arrays = (stage.lines, self._records, np.zeros(1, np.int64), self._least, self._found)
        self._turned: Callable[..., int] = entered(turned, *arrays)
        self.rows: Mapping[int, Indexes] = self._asked
        """Books that stand in a loop, with the loops' places."""

    def policy(self, policy: Policy) -> None:
        self._policy = policy
        self._least[0] = policy.triangular_min_bps

    def place(self) -> tuple[str, ...]:
        """Books came or went: find the loops anew. The keys of those that are gone."""
        before = {self.key(place): place for place in range(len(self._loops))}
        heard = {key for key, place in before.items() if self._records[place]["heard"]}
        self._loops = tuple(loops(self._stage.instruments))[:LOOPS_MAX]
        touched: dict[int, list[int]] = {}
        for place, loop in enumerate(self._loops):
            record = self._records[place]
            record["rows"], record["sells"] = loop.rows, loop.sells
            record["heard"] = self.key(place) in heard
            for row in loop.rows:
                touched.setdefault(row, []).append(place)
        self._asked.clear()
        self._asked.update({row: np.array(each, np.int64) for row, each in touched.items()})
        return tuple(heard - {self.key(place) for place in range(len(self._loops))})

    def turned(self, row: int) -> Sequence[int]:
        """A book changed: which of its loops begin or cease to pay at best prices."""
        asked = self._asked.get(row)
        if asked is None:
            return NONE
        count = self._turned(self._lines, self._records, asked, self._least, self._found)
        return self._found[:count].tolist() if count else NONE

    def heard(self) -> list[int]:
        """Loops that pay at best prices."""
        found: list[int] = np.flatnonzero(self._records["heard"][: len(self._loops)]).tolist()
        return found

    def key(self, place: int) -> str:
        loop = self._loops[place]
        venue = self._stage.instruments.get(loop.rows[0])
        where = "" if venue is None else venue.venue.value
        return f"{NAME} {where} {'-'.join(loop.path)}"

    def look(self, place: int, at_ns: int) -> Sighting | None:
        """The loop at the trader's size on depth; None where it does not even pay at the top."""
        loop, stage = self._loops[place], self._stage
        most_bps = float(gross(stage.lines, self._records, place))
        if not most_bps >= self._policy.triangular_min_bps:
            self._records[place]["heard"] = 0
            return None
        size_krw = self._policy.size_krw
        instruments = [stage.instruments[row] for row in loop.rows]
        start = size_krw / self._krw(loop)
        done = self._walk(loop, start, fees=True, lots=True)
        net_bps = _bps(done, start)
        steps = self._steps(loop, start, net_bps)
        ages = [self._age_ms(row, at_ns) for row in loop.rows]
        return Sighting(
            NAME,
            loop.path[1],
            instruments[0],
            instruments[-1],
            "-".join(loop.path),
            most_bps if isnan(net_bps) else net_bps,
            size_krw,
            0.0 if isnan(done[0].quantity) else done[0].quantity,
            self._gates(loop, done, net_bps, ages),
            (ages[0], ages[2], None, None),
            steps,
            self._levels(loop, done),
            (("start", _known(start)), ("currency", loop.path[0])),
        )

    # Beneath

    def _krw(self, loop: Loop) -> float:
        """What one unit of the loop's money is worth; NaN withheld."""
        row = loop.rows[0]
        line = self._stage.lines[row]
        krw = float(line["krw"])
        if self._stage.instruments[row].quote == loop.path[0]:
            return krw
        return (float(line["bid"]) + float(line["ask"])) / 2.0 * krw

    def _walk(self, loop: Loop, start: float, *, fees: bool, lots: bool) -> tuple[Leg, ...]:
        """Each leg trades what the one before it brought; what a lot cuts off stays behind."""
        legs: list[Leg] = []
        amount = start
        for row, sells in zip(loop.rows, loop.sells, strict=True):
            leg = self._trade(row, amount, sells=sells, fees=fees, lots=lots)
            legs.append(leg)
            amount = leg.out
        return tuple(legs)

    def _trade(self, row: int, amount: float, *, sells: bool, fees: bool, lots: bool) -> Leg:
        line, book = self._stage.lines[row], self._stage.tops[row]
        fee = known(float(line["fee"])) if fees else 0.0
        lot = float(line["lot"]) if lots else nan
        side = BIDS if sells else ASKS
        ladder = Side(book["prices"][side], book["quantities"][side], int(book["counts"][side]))
        if isnan(amount):
            return Leg(nan, nan, 0, nan)
        if sells:
            quantity = floor_lot(amount, lot)
            proceeds, levels = sell(ladder, quantity)
            return Leg(quantity, proceeds / quantity if quantity else nan, levels,
                       proceeds * (1.0 - fee))  # fmt: skip
        on_top = bool(line["won"])
        value = amount / (1.0 + fee) if on_top else amount
        bought, levels = spend(ladder, value)
        quantity = floor_lot(bought, lot)
        price = value / bought if bought else nan
        return Leg(quantity, price, levels, quantity if on_top else quantity * (1.0 - fee))

    def _steps(self, loop: Loop, start: float, net_bps: float) -> tuple[Step, ...]:
        """From best prices to net; empty where the books are too thin for the size."""
        if isnan(net_bps):
            return ()
        lines = self._stage.lines
        best = 1.0
        for row, sells in zip(loop.rows, loop.sells, strict=True):
            best = best * float(lines[row]["bid"]) if sells else best / float(lines[row]["ask"])
        raw = (best - 1.0) * BPS
        deep = _bps(self._walk(loop, start, fees=False, lots=False), start)
        cut = _bps(self._walk(loop, start, fees=False, lots=True), start)
        return (
            Step("raw", raw, "sum"),
            Step("depth", deep - raw, "part"),
            Step("lot", cut - deep, "part"),
            Step("trade_fees", net_bps - cut, "part"),
            Step("net", net_bps, "sum"),
        )

    def _gates(
        self, loop: Loop, done: Sequence[Leg], net_bps: float, ages: Sequence[float | None]
    ) -> tuple[Gate, ...]:
        stage, policy = self._stage, self._policy
        found = [self._book(row, age) for row, age in zip(loop.rows, ages, strict=True)]
        unpaid = [stage.instruments[r].venue.value for r in loop.rows
                  if isnan(stage.lines[r]["fee"])]  # fmt: skip
        word = "unknown" if unpaid else "known"
        found.append(
            Gate("FEE_UNKNOWN", not unpaid, word, "known", None, "word", " ".join(unpaid[:1]),
                 "fees")
        )  # fmt: skip
        found.append(self._small(loop, done))
        deep = not isnan(net_bps)
        found.append(Gate("THIN_BOOK", deep, "known" if deep else "unknown", "known", None, "word",
                          name="depth"))  # fmt: skip
        least, most = policy.triangular_min_bps, policy.max_net_bps
        shown = net_bps if deep else None
        found.append(Gate("NET_BELOW_MIN", net_bps >= least, shown, least,
                          None if shown is None else shown - least, "bps", name="net"))  # fmt: skip
        found.append(
            Gate(
                "TOO_GOOD",
                not net_bps > most,
                shown,
                most,
                None if shown is None else most - shown,
                "bps",
                name="too_good",
            )
        )
        return tuple(found)

    def _book(self, row: int, age_ms: float | None) -> Gate:
        stage, limit_s = self._stage, self._policy.book_age_s_max
        age_s = None if age_ms is None else age_ms / 1e3
        code, passed = "STALE_BOOK", age_s is not None and age_s <= limit_s
        if not stage.tops[row]["valid"]:
            code, passed = "BOOK_INVALID", False
        elif not stage.lines[row]["live"]:
            code, passed = "CHANNEL_STALE", False
        instrument = stage.instruments[row]
        margin = None if age_s is None else limit_s - age_s
        detail = f"{instrument.venue.value} {instrument.base}/{instrument.quote}"
        return Gate(code, passed, age_s, limit_s, margin, "s", detail, "book_age")

    def _small(self, loop: Loop, done: Sequence[Leg]) -> Gate:
        """Every leg against the minimums of its market; what a venue does not say bars nothing."""
        for row, leg in zip(loop.rows, done, strict=True):
            line = self._stage.lines[row]
            least, worth = float(line["minimum_quantity"]), float(line["minimum_value"])
            instrument = self._stage.instruments[row]
            detail = f"{instrument.base}/{instrument.quote}"
            if leg.quantity == 0.0 or leg.quantity < least:
                return Gate(
                    "BELOW_LOT", False, leg.quantity, _known(least), None, "", detail, "lot"
                )
            if leg.quantity * leg.price < worth:
                value = leg.quantity * leg.price
                return Gate("MINIMUM", False, value, worth, None, "", detail, "lot")
        return Gate("MINIMUM", True, "known", "known", None, "word", name="lot")

    def _levels(self, loop: Loop, done: Sequence[Leg]) -> tuple[LevelUsed, ...]:
        """Of its first and its last book, as far as they are taken."""
        found: list[LevelUsed] = []
        for name, at in (("buy", 0), ("sell", LEGS - 1)):
            book, leg = self._stage.tops[loop.rows[at]], done[at]
            side = BIDS if loop.sells[at] else ASKS
            left = 0.0 if isnan(leg.quantity) else leg.quantity
            for level in range(min(leg.levels, int(book["counts"][side]))):
                held = float(book["quantities"][side, level])
                taken = min(left, held)
                left -= taken
                price = float(book["prices"][side, level])
                found.append(LevelUsed(name, price, held, taken / held if held else 0.0))
        return tuple(found)

    def _age_ms(self, row: int, at_ns: int) -> float | None:
        received_ns = int(self._stage.tops[row]["received_ns"])
        return (at_ns - received_ns) / MS_NS if received_ns else None


def loops(instruments: Mapping[int, Instrument]) -> Iterator[Loop]:
    """Every loop of three spot markets of one venue that begins and ends in money.

    Each triangle is walked both ways, from the money that stands first in QUOTES.
    """
    markets: dict[Venue, dict[frozenset[str], tuple[int, Instrument]]] = {}
    for row, each in instruments.items():
        if each.product is Product.SPOT:
            pair = frozenset((each.base, each.quote))
            markets.setdefault(each.venue, {})[pair] = row, each
    for venue in sorted(markets):
        found = markets[venue]
        neighbours: dict[str, set[str]] = {}
        for pair in found:
            for name in pair:
                neighbours.setdefault(name, set()).update(pair - {name})
        for at, money in enumerate(QUOTES):
            around = sorted(neighbours.get(money, set()) - set(QUOTES[:at]))
            for first in around:
                for second in around:
                    if first != second and frozenset((first, second)) in found:
                        yield _loop(found, (money, first, second, money))


def _loop(
    found: Mapping[frozenset[str], tuple[int, Instrument]], path: tuple[str, str, str, str]
) -> Loop:
    steps = [found[frozenset(pair)] for pair in pairwise(path)]
    rows = tuple(row for row, _ in steps)
    sells = tuple(each.base == has for (_, each), has in zip(steps, path, strict=False))
    return Loop(path, (rows[0], rows[1], rows[2]), (sells[0], sells[1], sells[2]))


def _bps(legs: Sequence[Leg], start: float) -> float:
    return (legs[-1].out / start - 1.0) * BPS


def _known(value: float) -> float | None:
    return None if isnan(value) else value
