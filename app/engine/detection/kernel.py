"""The compiled kernel: one call per changed book judges all routes of its asset.

Most routes end at the first test: best prices after fees, the most that a trade could earn. Only
what passes it is walked on depth, and only what passes that is asked for its gates. The kernel
keeps each route's state; Python hears of a route when its state turns.
"""

from __future__ import annotations

from math import isnan, nan

import numpy as np

from app.books.compiled import compiled
from app.books.ladder import ASKS, BIDS
from app.engine.detection.codes import Code, Direction, State
from app.engine.detection.pricing import (
    BPS,
    Floats,
    Loop,
    Side,
    Terms,
    break_even,
    known,
    loop,
    premiums,
)
from app.engine.detection.tables import Indexes, Records

ASK, BID, RAW, USDLIKE, KIMCHI, USDT, TICK, BREAK_EVEN = range(8)
FIGURES = 8
"""Columns of `measure`: these, then net and code of each size."""


@compiled
def quote(tops: Records, lines: Records, row: int) -> None:
    """Take over the best prices of a row that changed."""
    line = lines[row]
    book = tops[row]
    line.unanswered = 0
    line.bid = book.prices[BIDS, 0] if book.counts[BIDS] > 0 else nan
    line.ask = book.prices[ASKS, 0] if book.counts[ASKS] > 0 else nan
    fee = known(line.fee)
    if line.won == 1:
        line.cost = line.ask * (1.0 + fee) / line.multiplier
    else:
        line.cost = line.ask * line.usdt / ((1.0 - fee) * line.multiplier)
    line.value = line.bid * line.usdt * (1.0 - fee) / line.multiplier


@compiled
def gross(lines: Records, routes: Records, r: int) -> float:
    """At best prices after trading fees, in bps: no size of the loop nets more."""
    route = routes[r]
    value = lines[route.sell].value
    cost = lines[route.buy].cost
    if route.direction == Direction.HIGH.value:
        cost *= lines[route.tether].cost if route.tether >= 0 else nan
    elif route.direction == Direction.LOW.value:
        value *= lines[route.tether].value if route.tether >= 0 else nan
    most_bps: float = (value / cost - 1.0) * BPS
    return most_bps


@compiled
def terms(lines: Records, routes: Records, rules: Records, r: int, size_krw: float) -> Terms:
    """size NaN: a rate is withheld, and then nothing has a price."""
    route = routes[r]
    buy = lines[route.buy]
    sell = lines[route.sell]
    rated = rules[0].tether_krw > 0.0 and buy.krw > 0.0 and sell.krw > 0.0
    return Terms(
        route.direction,
        size_krw / buy.krw if rated else nan,
        buy.fee,
        sell.fee,
        lines[route.tether].fee if route.tether >= 0 else nan,
        buy.lot,
        route.withdrawal,
        route.return_fee,
        buy.multiplier,
        sell.multiplier,
        buy.usdt,
        sell.usdt,
    )


@compiled
def _side(tops: Records, row: int, side: int) -> Side:
    book = tops[row]
    return Side(book.prices[side], book.quantities[side], book.counts[side])


@compiled
def run(tops: Records, routes: Records, r: int, asked: Terms) -> Loop:
    """The closed loop of a route on the books as they stand."""
    route = routes[r]
    buys_back = route.direction == Direction.HIGH.value
    tether = route.tether if route.tether >= 0 else route.buy
    return loop(
        _side(tops, route.buy, ASKS),
        _side(tops, route.sell, BIDS),
        _side(tops, tether, ASKS if buys_back else BIDS),
        asked,
    )


@compiled
def _step(tops: Records, row: int, tick: float) -> float:
    """The price step; where the venue does not say, the smallest gap in the book bounds it."""
    if tick > 0.0:
        return tick
    least = np.inf
    for side in range(2):
        prices = tops[row].prices[side]
        for i in range(1, tops[row].counts[side]):
            least = min(least, abs(prices[i] - prices[i - 1]))
    return least


@compiled
def tick_bps(tops: Records, lines: Records, routes: Records, r: int) -> float:
    """One price step of the coarser side, in bps of its price; infinite where nothing tells."""
    buy, sell = routes[r].buy, routes[r].sell
    bought: float = _step(tops, buy, lines[buy].tick) / lines[buy].ask
    sold: float = _step(tops, sell, lines[sell].tick) / lines[sell].bid
    return BPS * max(bought, sold)


@compiled
def too_small(lines: Records, routes: Records, r: int, asked: Terms, done: Loop) -> bool:
    """Below what a venue accepts; what a venue does not say (NaN) is no minimum."""
    route = routes[r]
    buy = lines[route.buy]
    sell = lines[route.sell]
    sold = done.arrived * buy.multiplier / sell.multiplier
    refused: bool = (
        done.withdrawn < route.minimum
        or done.bought < buy.minimum_quantity
        or asked.size < buy.minimum_value
        or sold < sell.minimum_quantity
        or sold * done.sell_price < sell.minimum_value
    )
    return refused


@compiled
def _gate(
    tops: Records,
    lines: Records,
    routes: Records,
    rules: Records,
    r: int,
    at_ns: int,
    asked: Terms,
    done: Loop,
) -> int:
    """The first code, in the order of Code, for which a route that pays may not be reported."""
    rule = rules[0]
    route = routes[r]
    buy, sell, tether = route.buy, route.sell, route.tether
    if route.loaded == 0:
        return Code.UNREAD.value
    if route.code != Code.NONE.value:
        return int(route.code)
    if at_ns > route.known_until_ns:
        return Code.WALLET_UNKNOWN.value
    crosses = route.direction <= Direction.LOW.value
    if not (tops[buy].valid == 1 and tops[sell].valid == 1):
        return Code.BOOK_INVALID.value
    if crosses and tops[tether].valid != 1:
        return Code.BOOK_INVALID.value
    if not (lines[buy].live == 1 and lines[sell].live == 1):
        return Code.CHANNEL_STALE.value
    if crosses and lines[tether].live != 1:
        return Code.CHANNEL_STALE.value
    if crosses and at_ns - tops[tether].received_ns > rule.tether_age_ns_max:
        return Code.STALE_RATE.value
    if done.code != Code.NONE.value:
        return done.code
    if too_small(lines, routes, r, asked, done):
        return Code.MINIMUM.value
    if done.net_bps > rule.max_net_bps:
        return Code.TOO_GOOD.value
    if not tick_bps(tops, lines, routes, r) <= rule.tick_bps_max:
        return Code.TICK_COST.value
    oldest_ns = at_ns - rule.book_age_ns_max
    quiet = Code.NONE.value
    for row in (buy, sell):
        if tops[row].received_ns < oldest_ns:
            if lines[row].unanswered == 1:
                return Code.STALE_BOOK.value
            quiet = Code.QUIET_BOOK.value
    return quiet


@compiled
def _decide(
    tops: Records,
    lines: Records,
    routes: Records,
    rules: Records,
    r: int,
    at_ns: int,
    most_bps: float,
    counts: bool,
) -> bool:
    """Walk the route and set its state; whether that is news."""
    rule = rules[0]
    route = routes[r]
    asked = terms(lines, routes, rules, r, rule.size_krw)
    done = run(tops, routes, r, asked)
    net_bps = most_bps if isnan(done.net_bps) else done.net_bps
    state, code = State.NOTHING.value, Code.NET_BELOW_MIN.value
    if isnan(net_bps) or done.code == Code.NO_RATE.value:
        priced = lines[route.buy].ask > 0.0 and lines[route.sell].bid > 0.0
        code = Code.NO_RATE.value if priced else Code.BOOK_INVALID.value
    elif net_bps >= rule.min_net_bps:
        code = _gate(tops, lines, routes, rules, r, at_ns, asked, done)
        state = State.LIVE.value if code == Code.NONE.value else State.REFUSED.value
    turned: bool = state != route.state or (
        state == State.REFUSED.value and (code != route.reason or code == Code.UNREAD.value)
    )
    if state != State.NOTHING.value:
        place = state - 1
        if state != route.state:
            route.updates[place] = 0
            route.peaks[place] = net_bps
        route.peaks[place] = max(route.peaks[place], net_bps)
        route.last[place] = net_bps
        route.updates[place] += 1 if counts and code != Code.UNREAD.value else 0
        route.quantity = done.withdrawn * lines[route.buy].multiplier
    route.state = state
    route.reason = code
    route.net_bps = net_bps
    return turned


@compiled
def judge(
    tops: Records,
    lines: Records,
    routes: Records,
    rules: Records,
    r: int,
    at_ns: int,
    counts: bool,
) -> bool:
    """Look at one route; whether its state turned. counts: it is an update of one of its books."""
    most_bps = gross(lines, routes, r)
    if routes[r].state == State.NOTHING.value and not most_bps >= rules[0].watch_bps:
        return False
    return _decide(tops, lines, routes, rules, r, at_ns, most_bps, counts)


@compiled
def detect(
    tops: Records, lines: Records, routes: Records, rules: Records, row: int, at_ns: int
) -> int:
    """A book changed: how many of its routes turned; they stand in `lines[row].turned`."""
    quote(tops, lines, row)
    line = lines[row]
    turned, is_update = 0, row >= 0
    for i in range(line.count):
        r = line.routes[i]
        if judge(tops, lines, routes, rules, r, at_ns, is_update):
            line.turned[turned] = r
            turned += 1
    return turned


@compiled
def sweep(
    tops: Records,
    lines: Records,
    routes: Records,
    rules: Records,
    asked: Indexes,
    at_ns: int,
    counts: bool,
    turned: Indexes,
) -> int:
    """Look at `asked` routes; how many turned. counts: as in `judge`."""
    count = 0
    for r in asked:
        if judge(tops, lines, routes, rules, r, at_ns, counts):
            turned[count] = r
            count += 1
    return count


@compiled
def quote_all(tops: Records, lines: Records, stop: int) -> None:
    """After rates or fees changed."""
    for row in range(stop):
        unanswered = lines[row].unanswered
        quote(tops, lines, row)
        lines[row].unanswered = unanswered


@compiled
def near(lines: Records, routes: Records, asked: Indexes, least_bps: float, found: Indexes) -> int:
    """How many of these routes could net so much at best prices; they come to stand in `found`."""
    count = 0
    for r in asked:
        if gross(lines, routes, r) >= least_bps:
            found[count] = r
            count += 1
    return count


@compiled
def survey(
    tops: Records, lines: Records, routes: Records, rules: Records, r: int, size_krw: float
) -> tuple[Terms, Loop, float, float, bool]:
    """One route for people: terms, loop, the most it could net, its tick in bps, whether a
    minimum is missed."""
    asked = terms(lines, routes, rules, r, size_krw)
    done = run(tops, routes, r, asked)
    small = too_small(lines, routes, r, asked, done)
    return asked, done, gross(lines, routes, r), tick_bps(tops, lines, routes, r), small


@compiled
def measure(
    tops: Records,
    lines: Records,
    routes: Records,
    rules: Records,
    asked: Indexes,
    sizes_krw: Floats,
    official: float,
    figures: Floats,
) -> None:
    """What people see of routes, one row of `figures` each. The first size gives the break-even."""
    for i in range(asked.size):
        r = asked[i]
        found = figures[i]
        buy, sell = lines[routes[r].buy], lines[routes[r].sell]
        found[ASK] = buy.ask / buy.multiplier
        found[BID] = sell.bid / sell.multiplier
        same = buy.won == sell.won and buy.usdt == sell.usdt and buy.krw == sell.krw
        seen = premiums(
            routes[r].direction,
            found[ASK],
            found[BID],
            same,
            buy.usdt,
            sell.usdt,
            rules[0].tether_krw,
            official,
        )
        found[RAW] = seen.raw
        found[USDLIKE] = seen.usdlike
        found[KIMCHI] = seen.kimchi
        found[USDT] = seen.usdt
        found[TICK] = tick_bps(tops, lines, routes, r)
        for k in range(sizes_krw.size):
            asks = terms(lines, routes, rules, r, sizes_krw[k])
            done = run(tops, routes, r, asks)
            found[FIGURES + 2 * k] = done.net_bps
            found[FIGURES + 2 * k + 1] = done.code
            if k == 0:
                basis = seen.raw if routes[r].direction >= Direction.FLAT.value else seen.usdlike
                found[BREAK_EVEN] = break_even(asks, done, basis)
