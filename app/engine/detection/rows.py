"""Rows: what people read of routes: premiums and gates, from the same arrays that decide."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, isfinite, isnan, nextafter
from typing import NamedTuple

import numpy as np

from app.books.ladder import ASKS, BIDS
from app.domain.live import Gate, PremiumRow, SizedNet, SpreadRow
from app.domain.markets import Flow, Instrument
from app.domain.times import MS_NS, SECOND_NS
from app.domain.venues import KOREAN
from app.engine.detection import kernel
from app.engine.detection.board import Money, Stage, Transfer
from app.engine.detection.codes import DIRECTIONS, Code, Direction
from app.engine.detection.kernel import FIGURES
from app.engine.detection.pricing import BPS, Floats, Loop, Terms
from app.engine.detection.tables import NO_ROW, Indexes
from app.engine.market.wallets import Route

NOT_LOADED = Transfer()


class Sizes(NamedTuple):
    """asked first: what realizable and break-even are made at."""

    asked_krw: float
    ladder_krw: tuple[float, ...]

    def array(self) -> Floats:
        return np.array((self.asked_krw, *self.ladder_krw))


class Look(NamedTuple):
    """One route walked at the asked size."""

    terms: Terms
    done: Loop
    net_bps: float
    """Of the loop; where it cannot be done the most that best prices could earn."""
    gross_bps: float
    tick_bps: float
    too_small: bool


def look(stage: Stage, r: int, size_krw: float | None = None) -> Look:
    """At the policy's size, or another."""
    size = float(stage.rules[0]["size_krw"]) if size_krw is None else size_krw
    terms, done, gross_bps, tick_bps, too_small = kernel.survey(
        stage.tops, stage.lines, stage.routes, stage.rules, r, size
    )
    net_bps = gross_bps if isnan(done.net_bps) else done.net_bps
    return Look(Terms(*terms), Loop(*done), net_bps, gross_bps, tick_bps, bool(too_small))


def premium_rows(
    stage: Stage, routes: Sequence[int], money: Money, sizes: Sizes, at_ns: int
) -> tuple[PremiumRow, ...]:
    """One row a route, of one asset or many."""
    if not routes:
        return ()
    asked, ids = sizes.array(), np.array(routes, np.int64)
    figures = np.full((ids.size, FIGURES + 2 * asked.size), np.nan)
    kernel.measure(
        stage.tops, stage.lines, stage.routes, stage.rules, ids, asked, money.official, figures
    )
    columns = _columns(stage, ids, money, figures[:, FIGURES + 1], at_ns)
    return tuple(
        _premium_row(stage, *each, money, sizes, at_ns)
        for each in zip(routes, figures.tolist(), columns.tolist(), strict=True)
    )


def spread_rows(
    stage: Stage, routes: Sequence[int], money: Money, size_krw: float, at_ns: int
) -> tuple[SpreadRow, ...]:
    """What `premium_rows` says of these figures, at a quarter of the time: of every route."""
    if not routes:
        return ()
    ids = np.array(routes, np.int64)
    found = np.full((ids.size, FIGURES + 2), np.nan)
    kernel.measure(
        stage.tops, stage.lines, stage.routes, stage.rules, ids, np.array((size_krw,)),
        money.official, found,
    )  # fmt: skip
    columns = _columns(stage, ids, money, found[:, FIGURES + 1], at_ns)
    faces = [stage.face(r) for r in routes]
    sound = columns[:, BROKEN] == 0
    same = np.array([face.same_quote for face in faces])
    shown = np.column_stack((
        found[:, kernel.ASK],
        found[:, kernel.BID],
        np.where(sound & same, found[:, kernel.RAW] * BPS, np.nan),
        np.where(sound, found[:, kernel.USDLIKE] * BPS, np.nan),
        np.where(sound, found[:, kernel.KIMCHI] * BPS, np.nan),
        found[:, kernel.USDT] * BPS,
        np.where(columns[:, WITHHELD] == Code.NONE, found[:, FIGURES], np.nan),
    )).astype(object)  # fmt: skip
    shown[~np.isfinite(shown.astype(np.float64))] = None
    return tuple(
        SpreadRow(
            face.id, at_ns, face.asset, face.buy.venue, face.buy.quote, face.sell.venue,
            face.sell.quote, *each,
        )
        for face, each in zip(faces, shown.tolist(), strict=True)
    )  # fmt: skip


WITHHELD, BROKEN, BUY_AGE, SELL_AGE, TETHER_AGE = range(5)
"""Columns of what is asked of the tables for many routes at once."""


def _columns(stage: Stage, ids: Indexes, money: Money, codes: Floats, at_ns: int) -> Floats:
    """Why the loop is no number to rely on (a Code), and ages in ms, NaN where nothing came.

    A closed wallet withholds nothing: it has its own light.
    """
    routes, tops, lines = stage.routes[ids], stage.tops, stage.lines
    buy, sell, tether = routes["buy"], routes["sell"], routes["tether"]
    crosses = routes["direction"] <= Direction.LOW
    third = np.where(crosses & (tether != NO_ROW), tether, buy)
    ends = np.stack((buy, sell, third))
    unpaid = np.isnan(routes["withdrawal"]) | np.isnan(routes["return_fee"])
    unpaid |= (routes["loaded"] == 0) | np.isnan(lines["fee"][ends]).any(axis=0)
    withheld = np.select(
        [
            (routes["loaded"] == 1) & (routes["code"] == Code.IDENTITY),
            (crosses & (tether == NO_ROW)) | isnan(money.tether),
            (tops["valid"][ends] == 0).any(axis=0),
            (lines["live"][ends] == 0).any(axis=0),
            unpaid,
        ],
        [Code.IDENTITY, Code.NO_RATE, Code.BOOK_INVALID, Code.CHANNEL_STALE, Code.FEE_UNKNOWN],
        codes,
    )
    received_ns = tops["received_ns"][ends]
    ages_ms = np.where(received_ns > 0, (at_ns - received_ns) / MS_NS, np.nan)
    tether_ms = np.nan if money.tether_age_ms is None else money.tether_age_ms
    ages_ms[2] = np.where(third == buy, tether_ms, ages_ms[2])
    broken = (tops["valid"][ends[:2]] == 0).any(axis=0)
    return np.column_stack((withheld, broken, *ages_ms))


def _premium_row(
    stage: Stage,
    r: int,
    figures: list[float],
    columns: list[float],
    money: Money,
    sizes: Sizes,
    at_ns: int,
) -> PremiumRow:
    face = stage.face(r)
    crosses = face.direction <= Direction.LOW
    transfer = stage.transfers.get(r, NOT_LOADED)
    way, withheld = transfer.way, Code(int(columns[WITHHELD]))
    told = withheld is Code.NONE
    # A stale price was once true; one of a broken book may never have been.
    sound = not columns[BROKEN]
    return PremiumRow(
        id=face.id,
        base=face.asset,
        buy_venue=face.buy.venue,
        buy_quote=face.buy.quote,
        sell_venue=face.sell.venue,
        sell_quote=face.sell.quote,
        direction=DIRECTIONS[face.direction],
        buy_ask=_or_none(figures[kernel.ASK]),
        sell_bid=_or_none(figures[kernel.BID]),
        raw_bps=_bps(figures[kernel.RAW]) if sound and face.same_quote else None,
        usdlike_bps=_bps(figures[kernel.USDLIKE]) if sound else None,
        kimchi_bps=_bps(figures[kernel.KIMCHI]) if sound else None,
        usdt_bps=_bps(figures[kernel.USDT]),
        realizable_bps=_or_none(figures[FIGURES]) if told else None,
        realizable_size_krw=sizes.asked_krw,
        sizes=_sized(figures, withheld, sizes),
        break_even_bps=(
            _bps(figures[kernel.BREAK_EVEN]) if told and (crosses or face.same_quote) else None
        ),
        withheld=None if told else withheld.name,
        network=way.chain or way.network,
        withdraw=way.withdraw,
        deposit=way.deposit,
        fenced=way.fenced,
        quarantined=transfer.code is Code.IDENTITY,
        manual_rate=money.manual and crosses,
        tick_bps=_or_none(figures[kernel.TICK]),
        buy_age_ms=_or_none(columns[BUY_AGE]),
        sell_age_ms=_or_none(columns[SELL_AGE]),
        tether_age_ms=_or_none(columns[TETHER_AGE]),
        official_age_ms=money.official_age_ms if crosses else None,
        wallet_age_ms=_wallet_age_ms(transfer, at_ns),
        at_ns=at_ns,
        way_back=None if transfer.back is None else _both(transfer.back),
    )


def _both(over: Route) -> Flow:
    """Whether something can leave and arrive: the worse of the two."""
    flows = {over.withdraw, over.deposit}
    if Flow.CLOSED in flows or over.shared is False:
        return Flow.CLOSED
    return Flow.UNKNOWN if Flow.UNKNOWN in flows else Flow.OPEN


def _sized(figures: list[float], withheld: Code, sizes: Sizes) -> tuple[SizedNet, ...]:
    """What only the asked size cannot do is not told of the others."""
    shared = Code.NONE if withheld in {Code.THIN_BOOK, Code.BELOW_LOT} else withheld
    found: list[SizedNet] = []
    for place, size_krw in enumerate(sizes.ladder_krw):
        at = FIGURES + 2 * (place + 1)
        code = int(figures[at + 1]) or shared
        if code:
            found.append(SizedNet(size_krw, None, Code(code).name))
        else:
            found.append(SizedNet(size_krw, figures[at]))
    return tuple(found)


# Gates, in the order of the page


def gates(stage: Stage, r: int, seen: Look, money: Money, at_ns: int) -> tuple[Gate, ...]:
    """Every condition with value, limit and margin."""
    transfer = stage.transfers.get(r, NOT_LOADED)
    buy, sell = stage.pair(r)
    rule, route = stage.rules[0], stage.routes[r]
    found = [
        _book_gate(stage, int(route["buy"]), "book_age_buy", buy, at_ns),
        _book_gate(stage, int(route["sell"]), "book_age_sell", sell, at_ns),
        _rate_gate(stage, r, seen, money, at_ns),
        _word_gate(
            "identity", Code.IDENTITY, "quarantined" if transfer.code is Code.IDENTITY
            else transfer.standing or "likely", "same", passed=transfer.code is not Code.IDENTITY,
            detail=stage.asset(r),
        ),
    ]  # fmt: skip
    if {buy.venue, sell.venue} & KOREAN and stage.direction(r) is not Direction.WON:
        barred = transfer.code is Code.TRAVEL_RULE
        word = "barred" if barred else "allowed"
        found.append(
            _word_gate("travel_rule", Code.TRAVEL_RULE, word, "allowed", passed=not barred,
                       detail=transfer.detail if barred else "")
        )  # fmt: skip
    found += _flow_gates(transfer, buy, sell, old=int(route["known_until_ns"]) < at_ns)
    net_bps = seen.net_bps
    found += [
        _least("net", Code.NET_BELOW_MIN, net_bps, float(rule["min_net_bps"]), "bps"),
        _most("too_good", Code.TOO_GOOD, net_bps, float(rule["max_net_bps"]), "bps"),
        _most("tick", Code.TICK_COST, seen.tick_bps, float(rule["tick_bps_max"]), "bps"),
        _fee_gate(transfer),
        _depth_gate(stage, r, seen),
    ]
    return tuple(found)


def _book_gate(stage: Stage, row: int, name: str, instrument: Instrument, at_ns: int) -> Gate:
    age_s = (at_ns - int(stage.tops[row]["received_ns"])) / SECOND_NS
    limit_s = float(stage.rules[0]["book_age_ns_max"]) / SECOND_NS
    code = Code.STALE_BOOK if stage.lines[row]["unanswered"] else Code.QUIET_BOOK
    passed = age_s <= limit_s
    if not stage.tops[row]["valid"]:
        code, passed = Code.BOOK_INVALID, False
    elif not stage.lines[row]["live"]:
        code, passed = Code.CHANNEL_STALE, False
    elif passed:
        code = Code.STALE_BOOK
    return Gate(
        code.name, passed, age_s, limit_s, limit_s - age_s, "s", instrument.venue.value, name=name
    )


def _rate_gate(stage: Stage, r: int, seen: Look, money: Money, at_ns: int) -> Gate:
    """Of a route with a won side: the USDT/KRW book that it returns by, and the rate."""
    limit_s = float(stage.rules[0]["tether_age_ns_max"]) / SECOND_NS
    age_ms = _tether_age_ms(stage, r, money, at_ns)
    tether, code = int(stage.routes[r]["tether"]), Code.STALE_RATE
    passed = age_ms is not None and age_ms <= limit_s * 1e3
    if isnan(seen.terms.size) or isnan(money.tether):
        code, passed = Code.NO_RATE, False
    elif tether != NO_ROW and not stage.tops[tether]["valid"]:
        code, passed = Code.BOOK_INVALID, False
    elif tether != NO_ROW and not stage.lines[tether]["live"]:
        code, passed = Code.CHANNEL_STALE, False
    age_s = None if age_ms is None else age_ms / 1e3
    margin = None if age_s is None else limit_s - age_s
    where = "" if tether == NO_ROW else stage.instruments[tether].venue.value
    return Gate(code.name, passed, age_s, limit_s, margin, "s", where, name="rate_age")


def _flow_gates(transfer: Transfer, buy: Instrument, sell: Instrument, *, old: bool) -> list[Gate]:
    """The coin's way there; where won and dollars are not both at home, and USDT's way back."""
    way, back = transfer.way, transfer.back
    ways = [
        ("withdraw", way.withdraw, buy.venue, way),
        ("deposit", way.deposit, sell.venue, way),
    ]
    if back is not None:
        ways += [
            ("return_withdraw", back.withdraw, sell.venue, back),
            ("return_deposit", back.deposit, buy.venue, back),
        ]
    # A fenced coin may still move this way: then the fence stands at the Korean end.
    unseen = way.fenced and way.withdraw is Flow.OPEN and way.deposit is Flow.OPEN
    found: list[Gate] = []
    for name, flow, venue, over in ways:
        word, code = flow.value, Code.WALLET_UNKNOWN
        passed = flow is Flow.OPEN and over.shared is not False and not old
        if over is way and unseen and venue in KOREAN:
            word, code, passed = "fenced", Code.FENCED, False
        elif over is way and way.fenced and flow is not Flow.OPEN:
            code = Code.FENCED
        elif flow is Flow.CLOSED or over.shared is False:
            code = Code.WALLET_CLOSED
        detail = f"{venue.value} {over.network or ''}".strip()
        found.append(_word_gate(name, code, word, "open", passed=passed, detail=detail))
    return found


def _fee_gate(transfer: Transfer) -> Gate:
    stale = transfer.code is Code.FEE_STALE
    code = Code.FEE_STALE if stale else Code.FEE_UNKNOWN
    fees = [transfer.buy_fee, transfer.sell_fee, transfer.way.fee, transfer.return_fee]
    unknown = any(fee is None for fee in fees) or transfer.code in {Code.FEE_UNKNOWN, Code.UNREAD}
    word = "stale" if stale else "unknown" if unknown else "known"
    detail = transfer.detail if transfer.code in {Code.FEE_STALE, Code.FEE_UNKNOWN} else ""
    return _word_gate("fees", code, word, "known", passed=word == "known", detail=detail)


def _depth_gate(stage: Stage, r: int, seen: Look) -> Gate:
    """The size that the thinnest of the books could take, against the size; or what venues accept
    at least."""
    size_krw = float(stage.rules[0]["size_krw"])
    code = Code(seen.done.code)
    if (code is Code.NONE and seen.too_small) or code is Code.BELOW_LOT:
        code = Code.BELOW_LOT if code is Code.BELOW_LOT else Code.MINIMUM
        value, limit = _least_krw(stage, r, seen)
        return Gate(code.name, False, value, limit, value - limit, "krw", name="depth")
    able = _or_none(_able_krw(stage, r))
    if code is Code.NONE and able is not None:
        able = max(able, size_krw)  # the loop went through: roughly is exactly enough
    margin = None if able is None else able - size_krw
    return Gate(Code.THIN_BOOK.name, code is Code.NONE, able, size_krw, margin, "krw", name="depth")


def _able_krw(stage: Stage, r: int) -> float:
    """At best prices: what the asks cost, and what would have to be spent to fill the bids, and to
    use up the USDT book."""
    route, lines = stage.routes[r], stage.lines
    buy, sell = lines[int(route["buy"])], lines[int(route["sell"])]
    ask_krw = float(buy["ask"] * buy["krw"] / buy["multiplier"])
    bid_krw = float(sell["bid"] * sell["krw"] / sell["multiplier"])
    _, asks_krw = _held(stage, int(route["buy"]), ASKS)
    units, _ = _held(stage, int(route["sell"]), BIDS)
    able = [asks_krw * float(buy["krw"]), units * float(sell["multiplier"]) * ask_krw]
    if route["tether"] != NO_ROW:
        high = stage.direction(r) is Direction.HIGH
        usdt, krw = _held(stage, int(route["tether"]), ASKS if high else BIDS)
        worth = krw if high else usdt * float(stage.rules[0]["tether_krw"])
        able.append(worth * ask_krw / bid_krw)
    return min(able)


def _least_krw(stage: Stage, r: int, seen: Look) -> tuple[float, float]:
    """(what the loop would order or send, what a venue accepts at least), where it misses most."""
    route, lines, done = stage.routes[r], stage.lines, seen.done
    buy, sell = lines[int(route["buy"])], lines[int(route["sell"])]
    size_krw = float(stage.rules[0]["size_krw"])
    ask_krw, bid_krw = float(buy["ask"] * buy["krw"]), float(sell["bid"] * sell["krw"])
    if done.code == Code.BELOW_LOT:
        least = max(_or_zero(seen.terms.lot), _or_zero(seen.terms.withdrawal)) * ask_krw
        return size_krw, max(least, nextafter(size_krw, inf))
    sold = done.arrived * seen.terms.buy_multiplier / seen.terms.sell_multiplier
    pairs = (
        (done.withdrawn * ask_krw, float(route["minimum"]) * ask_krw),
        (done.bought * ask_krw, float(buy["minimum_quantity"]) * ask_krw),
        (size_krw, float(buy["minimum_value"] * buy["krw"])),
        (sold * bid_krw, float(sell["minimum_quantity"]) * bid_krw),
        (sold * done.sell_price * float(sell["krw"]), float(sell["minimum_value"] * sell["krw"])),
    )
    return min((each for each in pairs if each[0] < each[1]), key=lambda each: each[0] - each[1])


def _held(stage: Stage, row: int, side: int) -> tuple[float, float]:
    """(quantity, value in the quote) of what a side shows."""
    book = stage.tops[row]
    count = int(book["counts"][side])
    quantities = book["quantities"][side, :count]
    return float(quantities.sum()), float((book["prices"][side, :count] * quantities).sum())


def _word_gate(name: str, code: Code, value: str, limit: str, *, passed: bool, detail: str) -> Gate:
    return Gate(code.name, passed, value, limit, None, "word", detail, name=name)


def _least(name: str, code: Code, value: float, limit: float, unit: str) -> Gate:
    shown = _or_none(value)
    margin = None if shown is None else shown - limit
    return Gate(code.name, value >= limit, shown, limit, margin, unit, name=name)


def _most(name: str, code: Code, value: float, limit: float, unit: str) -> Gate:
    shown = _or_none(value)
    margin = None if shown is None else limit - shown
    return Gate(code.name, value <= limit, shown, limit, margin, unit, name=name)


# Ages


def ages_ms(
    stage: Stage, r: int, money: Money, at_ns: int
) -> tuple[float | None, float | None, float | None, float | None]:
    """Buy book, sell book, rate, wallets."""
    route = stage.routes[r]
    return (
        _age_ms(stage, int(route["buy"]), at_ns),
        _age_ms(stage, int(route["sell"]), at_ns),
        _tether_age_ms(stage, r, money, at_ns),
        _wallet_age_ms(stage.transfers.get(r, NOT_LOADED), at_ns),
    )


def _age_ms(stage: Stage, row: int, at_ns: int) -> float | None:
    received_ns = int(stage.tops[row]["received_ns"])
    return (at_ns - received_ns) / MS_NS if received_ns else None


def _tether_age_ms(stage: Stage, r: int, money: Money, at_ns: int) -> float | None:
    tether = int(stage.routes[r]["tether"])
    return money.tether_age_ms if tether == NO_ROW else _age_ms(stage, tether, at_ns)


def _wallet_age_ms(transfer: Transfer, at_ns: int) -> float | None:
    read_at_ns = transfer.way.read_at_ns
    return None if read_at_ns is None else (at_ns - read_at_ns) / MS_NS


def _or_zero(value: float) -> float:
    return value if isfinite(value) else 0.0


def _or_none(value: float) -> float | None:
    return value if isfinite(value) else None


def _bps(share: float) -> float | None:
    return _or_none(share * BPS)
