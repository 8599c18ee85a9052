"""Board: which books make routes, and what a route knows beside prices: wallets, fees, identity."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from functools import partial
from math import nan
from typing import NamedTuple

import numpy as np

from app.books.compiled import entered
from app.domain.decimals import number
from app.domain.markets import Flow, Instrument, Market
from app.domain.policy import Fee, Policy
from app.domain.times import SECOND_NS
from app.domain.venues import KOREAN, Venue
from app.engine.detection import kernel, tables
from app.engine.detection.codes import Code, Direction
from app.engine.detection.pricing import BPS
from app.engine.detection.tables import NO_ROW, ROUTES_MAX, ROUTES_PER_LINE, Indexes, Records
from app.engine.market.fees import Fees
from app.engine.market.identity import Identities
from app.engine.market.rates import KRW, QUOTES, USD, USDT, Rates
from app.engine.market.wallets import UNKNOWN, Route, Wallets

BANK_KRW = 1_000.0
"""What Upbit and Bithumb take for won to a bank account; requirements §5.4."""
BARRED = frozenset({Venue.KUCOIN})
"""Korean venues neither send to nor take from these: operators that the FIU lists as not
registered (KuCoin since 2022-08-18, requirements §5.7). Their prices are a reference only."""
FOREVER = 2**62
PLACES = {venue: place for place, venue in enumerate(Venue)}


class Transfer(NamedTuple):
    """What a route needs beside its books. code: why it cannot be done, `detail` says of what."""

    way: Route = UNKNOWN
    back: Route | None = None
    buy_fee: Fee | None = None
    sell_fee: Fee | None = None
    tether_fee: Fee | None = None
    return_fee: float | None = None
    code: Code = Code.UNREAD
    detail: str = ""
    standing: str = ""


class Money(NamedTuple):
    """Rates as they are at one moment: KRW per USDT, KRW per USD; NaN withheld."""

    tether: float = nan
    official: float = nan
    tether_age_ms: float | None = None
    official_age_ms: float | None = None
    manual: bool = False


class Face(NamedTuple):
    """What a route is called. id: such as XRP:binance-upbit."""

    id: str
    asset: str
    buy: Instrument
    sell: Instrument
    direction: Direction
    same_quote: bool


@dataclass(frozen=True, slots=True)
class Stage:
    """Everything that one look at a route needs. The board's own is live; a copy stands still."""

    tops: Records
    lines: Records
    routes: Records
    rules: Records
    instruments: Mapping[int, Instrument]
    assets: Mapping[int, str]
    transfers: Mapping[int, Transfer]
    routes_of: Mapping[str, tuple[int, ...]]
    """By asset, ordered by venues."""

    faces: dict[int, Face]
    """Made when they are asked for."""

    def face(self, r: int) -> Face:
        face = self.faces.get(r)
        if face is None:
            asset, (buy, sell) = self.asset(r), self.pair(r)
            name = f"{asset}:{buy.venue.value}-{sell.venue.value}"
            same_quote = buy.quote == sell.quote
            face = Face(name, asset, buy, sell, self.direction(r), same_quote)
            self.faces[r] = face
        return face

    def asset(self, r: int) -> str:
        return self.assets[int(self.routes[r]["buy"])]

    def pair(self, r: int) -> tuple[Instrument, Instrument]:
        route = self.routes[r]
        return self.instruments[int(route["buy"])], self.instruments[int(route["sell"])]

    def direction(self, r: int) -> Direction:
        return Direction(int(self.routes[r]["direction"]))


class Board:
    """Lines and routes as books come and go. Rows are the rack's."""

    def __init__(self, tops: Records, policy: Policy) -> None:
        self._instruments: dict[int, Instrument] = {}
        self._assets: dict[int, str] = {}
        self._transfers: dict[int, Transfer] = {}
        self._routes_of: dict[str, tuple[int, ...]] = {}
        self._rows_of: dict[str, list[int]] = {}
        self._stirred: set[str] = set()
        """Assets whose routes came or went since `settle`."""
        self._free: list[int] = []
        self._stop = 0
        self.live = Stage(
            tops,
            tables.lines(len(tops)),
            np.zeros(ROUTES_MAX, tables.ROUTES),
            tables.rules(policy),
            self._instruments,
            self._assets,
            self._transfers,
            self._routes_of,
            {},
        )
        self._quoted = [np.empty(0, int) for _ in QUOTES]
        self._rows_stop = 0
        self._wallet_age_ns = 0
        self._used: Indexes = np.empty(0, np.int64)
        self._fed: dict[int, Indexes] = {}
        self._turned = np.zeros(ROUTES_MAX, np.int64)
        arrays = (self.live.tops, self.live.lines, self.live.routes, self.live.rules)
        entry = entered(kernel.detect, *arrays, 0, 0)
        self.detect: Callable[[int, int], int] = partial(entry, *arrays)
        """(row, at_ns) → how many routes turned; they stand in `turned(row, count)`."""
        swept = entered(kernel.sweep, *arrays, self._used, 0, False, self._turned)
        self._swept: Callable[[Indexes, int, bool, Indexes], int] = partial(swept, *arrays)
        self.policy(policy)

    # What there is

    def join(self, row: int, instrument: Instrument, asset: str | None, multiplier: float) -> None:
        """A book came; `settle` after the last one. asset None: it only makes rates."""
        line = self.live.lines[row]
        line["multiplier"] = multiplier
        line["won"] = instrument.quote == QUOTES[KRW]
        line["tick"] = line["lot"] = nan
        line["minimum_quantity"] = line["minimum_value"] = nan
        line["live"] = line["unanswered"] = line["count"] = 0
        self._instruments[row] = instrument
        if asset is None:
            return
        for other in self._rows_of.get(asset, ()):
            if self._instruments[other].venue is not instrument.venue:
                self._connect(other, row)
                self._connect(row, other)
        self._assets[row] = asset
        self._rows_of.setdefault(asset, []).append(row)
        self._stirred.add(asset)

    def leave(self, row: int) -> None:
        """A book went, and its routes with it; `settle` after the last one."""
        del self._instruments[row]
        asset = self._assets.pop(row, None)
        for r in self.routes_of_row(row):
            for end in ("buy", "sell"):
                self._disconnect(int(self.live.routes[r][end]), r)
            self.live.routes[r] = np.zeros((), tables.ROUTES)
            self._transfers.pop(r, None)
            self.live.faces.pop(r, None)
            self._free.append(r)
        self.live.lines[row] = tables.lines(1)[0]
        if asset is not None:
            self._rows_of[asset].remove(row)
            self._stirred.add(asset)

    def holds(self, row: int, instrument: Instrument, asset: str | None, multiplier: float) -> bool:
        """Whether the row is on the board as just this."""
        return (
            self._instruments.get(row) == instrument
            and self._assets.get(row) == asset
            and self.live.lines[row]["multiplier"] == multiplier
        )

    def has(self, row: int) -> bool:
        return row in self._instruments

    def rows(self) -> tuple[int, ...]:
        return tuple(self._instruments)

    def routes_of_row(self, row: int) -> list[int]:
        line = self.live.lines[row]
        found: list[int] = line["routes"][: int(line["count"])].tolist()
        return found

    def rows_of(self, asset: str) -> tuple[int, ...]:
        """In the order of venues."""
        found = self._rows_of.get(asset, ())
        return tuple(sorted(found, key=lambda row: PLACES[self._instruments[row].venue]))

    def rows_by_asset(self) -> dict[str, tuple[int, ...]]:
        return {asset: tuple(rows) for asset, rows in self._rows_of.items() if rows}

    # What changes them

    def policy(self, policy: Policy) -> None:
        tether_krw = float(self.live.rules[0]["tether_krw"])
        self.live.rules[:] = tables.rules(policy)
        self.live.rules["tether_krw"] = tether_krw
        self._wallet_age_ns = round(policy.wallet_age_s_max * SECOND_NS)

    def market(self, row: int, market: Market | None) -> None:
        """Price step, lot and minimums as the venue lists them; what it does not say is NaN."""
        line = self.live.lines[row]
        for name in ("tick", "lot", "minimum_quantity", "minimum_value"):
            said = None if market is None else getattr(market, name)
            line[name] = nan if said is None else number(said)

    def prices(self, rates: Rates, at_ns: int) -> None:
        """What one unit of each quote is worth now, into every line."""
        krw = rates.krw.tolist()
        usdt = [1.0, 1.0, *(krw[quote] / krw[USDT] for quote in range(USDT + 1, len(QUOTES)))]
        if krw[USD] == rates.official(at_ns):
            # A bank's dollar is no price of USDT: with it a loop would earn USDT's own premium.
            usdt[USD] = nan
        self.live.rules["tether_krw"] = krw[USDT]
        lines = self.live.lines
        for quote, rows in enumerate(self._quoted):
            lines["krw"][rows] = krw[quote]
            lines["usdt"][rows] = usdt[quote]
        self.quote()

    def quote(self) -> None:
        """Best prices after fees and rates, of every line."""
        kernel.quote_all(self.live.tops, self.live.lines, self._rows_stop)

    def fees(self, fees: Fees) -> None:
        """Takers' fees, into every line."""
        for row, instrument in self._instruments.items():
            fee = fees.taker(instrument.venue, instrument.quote)
            bps = None if fee is None else fee.taker_bps
            self.live.lines[row]["fee"] = nan if bps is None else bps / BPS

    def settle(self) -> None:
        """After books came or went: what of each kind there is, and each route's USDT/KRW."""
        self._quoted = [
            np.array([row for row, each in self._instruments.items() if each.quote == quote], int)
            for quote in QUOTES
        ]
        self._rows_stop = max(self._instruments, default=-1) + 1
        for asset in sorted(self._stirred):
            self._order(asset)
        self._stirred.clear()
        self._used = np.flatnonzero(self.live.routes["used"][: self._stop])
        self._tethers()

    def _tethers(self) -> None:
        rows = {
            each.venue: row
            for row, each in self._instruments.items()
            if (each.base, each.quote) == (QUOTES[USDT], QUOTES[KRW])
        }
        routes = self.live.routes[: self._stop]
        routes["tether"] = NO_ROW
        self._fed = {}
        for venue, tether in rows.items():
            won = [row for row, each in self._instruments.items()
                   if each.venue is venue and each.quote == QUOTES[KRW]]  # fmt: skip
            high = (routes["direction"] == Direction.HIGH) & np.isin(routes["sell"], won)
            low = (routes["direction"] == Direction.LOW) & np.isin(routes["buy"], won)
            fed = np.flatnonzero((high | low) & (routes["used"] == 1))
            routes["tether"][fed] = tether
            self._fed[tether] = fed

    def channels(self, live: Records) -> None:
        self.live.lines["live"] = live

    def forget(self, venue: Venue | None = None) -> None:
        """Wallets (of one venue), fees or identities changed: routes look them up anew when it
        matters."""
        routes = self.live.routes[: self._stop]
        if venue is None:
            routes["loaded"] = 0
            return
        rows = [row for row, each in self._instruments.items() if each.venue is venue]
        routes["loaded"][np.isin(routes["buy"], rows) | np.isin(routes["sell"], rows)] = 0

    def load(
        self, r: int, identities: Identities, wallets: Wallets, fees: Fees, at_ns: int
    ) -> Transfer:
        """Look up what a route needs beside its books."""
        buy, sell = self.live.pair(r)
        asset, route = self.live.asset(r), self.live.routes[r]
        made = _transfer(asset, buy, sell, self.live.direction(r), identities, wallets, fees, at_ns)
        multiplier = float(self.live.lines[int(route["buy"])]["multiplier"])
        route["withdrawal"] = nan if made.way.fee is None else made.way.fee / multiplier
        route["minimum"] = nan if made.way.minimum is None else made.way.minimum / multiplier
        route["return_fee"] = nan if made.return_fee is None else made.return_fee
        read = made.way.read_at_ns
        route["known_until_ns"] = FOREVER if read is None else read + self._wallet_age_ns
        route["code"] = made.code
        route["loaded"] = 1
        self._transfers[r] = made
        return made

    def stand(self, r: int, standing: str) -> None:
        """What is known of the route's identity, for people."""
        self._transfers[r] = self._transfers[r]._replace(standing=standing)

    def bar(self, r: int, code: Code) -> None:
        """Until it is loaded again, whatever its prices say."""
        self.live.routes[r]["code"] = code
        self._transfers[r] = self._transfers[r]._replace(code=code)

    # Looking

    def turned(self, row: int, count: int) -> list[int]:
        """The routes that the last `detect` of this row answered for."""
        found: list[int] = self.live.lines[row]["turned"][:count].tolist() if count else []
        return found

    def judge(self, r: int, at_ns: int, *, counts: bool) -> None:
        """Look at one route once more, after something about it changed."""
        self._sweep(np.array((r,), np.int64), at_ns, counts=counts)

    def sweep(self, at_ns: int, asked: Iterable[int] | None = None) -> list[int]:
        """Time passed, or something that is no book changed: of these routes, or of all, those
        that turned."""
        found = self._used if asked is None else np.fromiter(asked, np.int64)
        return self._sweep(found, at_ns, counts=False)

    def fed(self, tether: int, at_ns: int) -> list[int]:
        """A USDT/KRW book changed: of the routes that return by it those that turned."""
        routes = self._fed.get(tether)
        return [] if routes is None else self._sweep(routes, at_ns, counts=True)

    def _sweep(self, asked: Indexes, at_ns: int, *, counts: bool) -> list[int]:
        if not asked.size:
            return []
        count = self._swept(asked, at_ns, counts, self._turned)
        turned: list[int] = self._turned[:count].tolist() if count else []
        return turned

    def near(self, least_bps: float) -> list[int]:
        """Routes that could net so much at best prices."""
        count = kernel.near(self.live.lines, self.live.routes, self._used, least_bps, self._turned)
        found: list[int] = self._turned[:count].tolist()
        return found

    def freeze(self, r: int) -> tuple[Stage, int]:
        """The books of a route's asset as they are now, and what the route is called there."""
        return frozen(self.live, r)

    # Beneath

    def _connect(self, buy: int, sell: int) -> None:
        lines = self.live.lines
        if max(lines[buy]["count"], lines[sell]["count"]) >= ROUTES_PER_LINE:
            return
        if not self._free and self._stop == ROUTES_MAX:
            return
        if not self._free:
            self._free.append(self._stop)
            self._stop += 1
        r = self._free.pop()
        route = self.live.routes[r]
        route["buy"], route["sell"], route["used"] = buy, sell, 1
        route["direction"] = _direction(self._instruments[buy], self._instruments[sell])
        route["tether"] = NO_ROW
        for row in (buy, sell):
            lines[row]["routes"][lines[row]["count"]] = r
            lines[row]["count"] += 1

    def _disconnect(self, row: int, r: int) -> None:
        kept = [each for each in self.routes_of_row(row) if each != r]
        self.live.lines[row]["routes"][: len(kept)] = kept
        self.live.lines[row]["count"] = len(kept)

    def _order(self, asset: str) -> None:
        rows = self.rows_of(asset)
        routes = dict.fromkeys(r for row in rows for r in self.routes_of_row(row))

        def key(r: int) -> tuple[int, int]:
            buy, sell = self.live.pair(r)
            return PLACES[buy.venue], PLACES[sell.venue]

        if routes:
            self._routes_of[asset] = tuple(sorted(routes, key=key))
        else:
            self._routes_of.pop(asset, None)


def frozen(stage: Stage, r: int) -> tuple[Stage, int]:
    """A copy of what one asset's routes see, small enough to keep."""
    asset = stage.asset(r)
    chosen = stage.routes_of[asset]
    ends = stage.routes[list(chosen)]
    rows = sorted({int(row) for name in ("buy", "sell", "tether") for row in ends[name]} - {NO_ROW})
    at = {row: place for place, row in enumerate(rows)} | {NO_ROW: NO_ROW}
    for name in ("buy", "sell", "tether"):
        ends[name] = [at[int(row)] for row in ends[name]]
    copy = Stage(
        stage.tops[rows],
        stage.lines[rows],
        ends,
        stage.rules.copy(),
        {at[row]: stage.instruments[row] for row in rows},
        {at[row]: asset for row in rows if row in stage.assets},
        {n: stage.transfers[old] for n, old in enumerate(chosen) if old in stage.transfers},
        {asset: tuple(range(len(chosen)))},
        {},
    )
    return copy, chosen.index(r)


def _direction(buy: Instrument, sell: Instrument) -> Direction:
    won = QUOTES[KRW]
    if buy.quote == won:
        return Direction.WON if sell.quote == won else Direction.LOW
    return Direction.HIGH if sell.quote == won else Direction.FLAT


def _transfer(
    asset: str,
    buy: Instrument,
    sell: Instrument,
    direction: Direction,
    identities: Identities,
    wallets: Wallets,
    fees: Fees,
    at_ns: int,
) -> Transfer:
    way = wallets.between(asset, buy.venue, sell.venue)
    back = None
    if direction is Direction.WON:
        set_by_hand = fees.withdrawal(sell.venue, QUOTES[KRW], "bank")
        return_fee: float | None = BANK_KRW if set_by_hand is None else set_by_hand.amount
    else:
        back = wallets.between(QUOTES[USDT], sell.venue, buy.venue)
        return_fee = back.fee
    korean = {Direction.HIGH: sell.venue, Direction.LOW: buy.venue}.get(direction)
    made = Transfer(
        way,
        back,
        fees.taker(buy.venue, buy.quote),
        fees.taker(sell.venue, sell.quote),
        None if korean is None else fees.taker(korean, QUOTES[KRW]),
        return_fee,
    )
    code, detail = _barred(asset, buy, sell, made, identities)
    if code is Code.NONE:
        code, detail = _unpaid(made, korean, fees, at_ns)
    return made._replace(code=code, detail=detail)


def _barred(
    asset: str, buy: Instrument, sell: Instrument, made: Transfer, identities: Identities
) -> tuple[Code, str]:
    venues = {buy.venue, sell.venue}
    if identities.quarantined(asset, buy.venue, sell.venue):
        return Code.IDENTITY, asset
    if venues & KOREAN and venues & BARRED:
        return Code.TRAVEL_RULE, ", ".join(sorted(venues & BARRED))
    if made.way.fenced:
        return Code.FENCED, asset
    flows = {"withdraw": made.way.withdraw, "deposit": made.way.deposit}
    if made.back is not None:
        # What cannot come back is no closed loop.
        flows |= {"return_withdraw": made.back.withdraw, "return_deposit": made.back.deposit}
    for name, flow in flows.items():
        if flow is Flow.CLOSED:
            return Code.WALLET_CLOSED, name
    if made.way.shared is False or (made.back is not None and made.back.shared is False):
        return Code.WALLET_CLOSED, "no_network"
    for name, flow in flows.items():
        if flow is Flow.UNKNOWN:
            return Code.WALLET_UNKNOWN, name
    return Code.NONE, ""


def _unpaid(made: Transfer, korean: Venue | None, fees: Fees, at_ns: int) -> tuple[Code, str]:
    trades = {"buy_fee": made.buy_fee, "sell_fee": made.sell_fee}
    if korean is not None:
        trades["tether_fee"] = made.tether_fee
    amounts = {"withdrawal": made.way.fee, "return_withdrawal": made.return_fee}
    for name, known in (*trades.items(), *amounts.items()):
        if known is None:
            return Code.FEE_UNKNOWN, name
    for name, fee in trades.items():
        if fee is not None and fees.stale(fee, at_ns):
            return Code.FEE_STALE, name
    return Code.NONE, ""
