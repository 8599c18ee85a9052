"""Rows: what people read of routes: premiums and gates, from the same arrays that decide."""

from __future__ import annotations

from math import isfinite, isnan
from typing import NamedTuple

import numpy as np

from app.books.ladder import ASKS, BIDS
from app.domain.live import Gate, PremiumRow, SizedNet
from app.domain.markets import Flow, Instrument
from app.domain.times import MS_NS, SECOND_NS
from app.domain.venues import KOREAN
from app.engine.detection import kernel
from app.engine.detection.board import Money, Stage, Transfer
from app.engine.detection.codes import DIRECTIONS, Code, Direction
from app.engine.detection.kernel import FIGURES
from app.engine.detection.pricing import BPS, Floats, Loop, Terms
from app.engine.detection.tables import NO_ROW

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


def route_id(stage: Stage, r: int) -> str:
    buy, sell = stage.pair(r)
    return f"{stage.asset(r)}:{buy.venue}-{sell.venue}"


def premium_rows(
    stage: Stage, routes: tuple[int, ...], money: Money, sizes: Sizes, at_ns: int
) -> tuple[PremiumRow, ...]:
    """One row a route, of one asset or many."""
    if not routes:
        return ()
    asked = sizes.array()
    figures = np.full((len(routes), FIGURES + 2 * asked.size), np.nan)
    kernel.measure(
        stage.tops,
        stage.lines,
        stage.routes,
        stage.rules,
        np.array(routes, np.int64),
        asked,
        money.official,
        figures,
    )
    found = zip(routes, figures.tolist(), strict=True)
    return tuple(_premium_row(stage, r, row, money, sizes, at_ns) for r, row in found)


def _premium_row(
    stage: Stage, r: int, figures: list[float], money: Money, sizes: Sizes, at_ns: int
) -> PremiumRow:
    buy, sell = stage.pair(r)
    direction = stage.direction(r)
    crosses = direction <= Direction.LOW
    transfer = stage.transfers.get(r, NOT_LOADED)
    withheld = _withheld(stage, r, transfer, money, Code(int(figures[FIGURES + 1])))
    nets = [_or_none(net) for net in figures[FIGURES::2]]
    codes = [Code(int(code)) for code in figures[FIGURES + 1 :: 2]]
    same_quote = buy.quote == sell.quote
    route = stage.routes[r]
    return PremiumRow(
        id=route_id(stage, r),
        base=stage.asset(r),
        buy_venue=buy.venue,
        buy_quote=buy.quote,
        sell_venue=sell.venue,
        sell_quote=sell.quote,
        direction=DIRECTIONS[direction],
        buy_ask=_or_none(figures[kernel.ASK]),
        sell_bid=_or_none(figures[kernel.BID]),
        raw_bps=_bps(figures[kernel.RAW]) if same_quote else None,
        usdlike_bps=_bps(figures[kernel.USDLIKE]),
        kimchi_bps=_bps(figures[kernel.KIMCHI]),
        usdt_bps=_bps(figures[kernel.USDT]),
        realizable_bps=nets[0] if withheld is None else None,
        realizable_size_krw=sizes.asked_krw,
        sizes=tuple(
            _sized(size_krw, net, code, withheld)
            for size_krw, net, code in zip(sizes.ladder_krw, nets[1:], codes[1:], strict=True)
        ),
        break_even_bps=(
            _bps(figures[kernel.BREAK_EVEN]) if withheld is None and (crosses or same_quote)
            else None
        ),
        withheld=None if withheld is None else withheld.name,
        network=transfer.way.chain or transfer.way.network,
        withdraw=transfer.way.withdraw,
        deposit=transfer.way.deposit,
        fenced=transfer.way.fenced,
        quarantined=transfer.code is Code.IDENTITY,
        manual_rate=money.manual and crosses,
        tick_bps=_or_none(figures[kernel.TICK]),
        buy_age_ms=_age_ms(stage, int(route["buy"]), at_ns),
        sell_age_ms=_age_ms(stage, int(route["sell"]), at_ns),
        tether_age_ms=_tether_age_ms(stage, r, money, at_ns),
        official_age_ms=money.official_age_ms if crosses else None,
        wallet_age_ms=_wallet_age_ms(transfer, at_ns),
        at_ns=at_ns,
    )  # fmt: skip


def _sized(size_krw: float, net: float | None, code: Code, withheld: Code | None) -> SizedNet:
    """What only this size cannot do is told of it alone."""
    alone = {Code.THIN_BOOK, Code.BELOW_LOT}
    reason = code if code is not Code.NONE else withheld if withheld not in alone else None
    return SizedNet(size_krw, net if reason is None else None, reason.name if reason else None)


def _withheld(stage: Stage, r: int, transfer: Transfer, money: Money, code: Code) -> Code | None:
    """Why the loop is no number that anybody could rely on. A closed wallet has its own light."""
    route = stage.routes[r]
    rows = [int(route["buy"]), int(route["sell"])]
    if stage.direction(r) <= Direction.LOW:
        if route["tether"] == NO_ROW:
            return Code.NO_RATE
        rows.append(int(route["tether"]))
    if transfer.code is Code.IDENTITY:
        return Code.IDENTITY
    if isnan(money.tether):
        return Code.NO_RATE
    if not all(stage.tops[row]["valid"] for row in rows):
        return Code.BOOK_INVALID
    if not all(stage.lines[row]["live"] for row in rows):
        return Code.CHANNEL_STALE
    if any(isnan(stage.lines[row]["fee"]) for row in rows):
        return Code.FEE_UNKNOWN
    if isnan(route["withdrawal"]) or isnan(route["return_fee"]) or not route["loaded"]:
        return Code.FEE_UNKNOWN
    return None if code is Code.NONE else code


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
    found: list[Gate] = []
    way = transfer.way
    ways = (("withdraw", way.withdraw, buy.venue), ("deposit", way.deposit, sell.venue))
    for name, flow, venue in ways:
        if way.fenced:
            code = Code.FENCED
        elif flow is Flow.CLOSED or way.shared is False:
            code = Code.WALLET_CLOSED
        else:
            code = Code.WALLET_UNKNOWN
        passed = flow is Flow.OPEN and way.shared is not False and not way.fenced and not old
        detail = f"{venue.value} {way.network or ''}".strip()
        found.append(_word_gate(name, code, flow.value, "open", passed=passed, detail=detail))
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
    """What the thinner side's levels hold, against the size."""
    route, size_krw = stage.routes[r], float(stage.rules[0]["size_krw"])
    code = Code(seen.done.code)
    passed = code is Code.NONE
    if passed and seen.too_small:
        code, passed = Code.MINIMUM, False
    elif passed or code is Code.NO_RATE:
        code = Code.THIN_BOOK
    held = [
        _held_krw(stage, int(route[end]), side) for end, side in (("buy", ASKS), ("sell", BIDS))
    ]
    value = _or_none(min(held))
    margin = None if value is None else value - size_krw
    return Gate(code.name, passed, value, size_krw, margin, "krw", name="depth")


def _held_krw(stage: Stage, row: int, side: int) -> float:
    book = stage.tops[row]
    count = int(book["counts"][side])
    held = book["prices"][side, :count] * book["quantities"][side, :count]
    return float(held.sum() * stage.lines[row]["krw"])


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


def _or_none(value: float) -> float | None:
    return value if isfinite(value) else None


def _bps(share: float) -> float | None:
    return _or_none(share * BPS)
