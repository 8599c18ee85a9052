"""Explain: from headline to net, and what would have to be different, on books that stand still."""

from __future__ import annotations

from math import ceil, isnan

from app.books.ladder import ASKS, BIDS
from app.domain.live import Explanation, LevelUsed, Opportunity, SizedNet, Step, WouldPass
from app.domain.times import SECOND_NS
from app.engine.detection.board import Money, Stage, Transfer
from app.engine.detection.codes import Code, Direction
from app.engine.detection.pricing import Bar, Terms, premiums, waterfall
from app.engine.detection.rows import NOT_LOADED, Look, Sizes, look, premium_rows
from app.engine.detection.tables import NO_ROW

NOT_KNOWN = "unknown"
LADDER_KRW = tuple(1e6 * size for size in (0.5, 1, 2.5, 5, 10, 25, 50, 100))


def explanation(
    stage: Stage, r: int, row: Opportunity, money: Money, sizes: Sizes, at_ns: int
) -> Explanation:
    """`stage`: the live one, or a frozen copy in which the route is `r`."""
    seen = look(stage, r)
    ladder = _ladder(stage, r, sizes)
    premium = premium_rows(stage, (r,), money, sizes, at_ns)[0]
    return Explanation(
        opportunity=row,
        at_ns=at_ns,
        steps=_steps(stage, r, seen, money, at_ns),
        ladder=ladder,
        levels=_levels(stage, r, seen),
        would_pass=_would_pass(stage, r, seen, ladder),
        premium=premium,
        inputs=_inputs(stage, r, seen, money),
    )


def _steps(stage: Stage, r: int, seen: Look, money: Money, at_ns: int) -> tuple[Step, ...]:
    """Empty where the loop cannot be done at the asked size."""
    if isnan(seen.done.net_bps):
        return ()
    route, terms = stage.routes[r], seen.terms
    ask = float(stage.lines[int(route["buy"])]["ask"])
    bid = float(stage.lines[int(route["sell"])]["bid"])
    units = terms.buy_multiplier, terms.sell_multiplier
    shown = premiums(
        terms.direction, ask / units[0], bid / units[1], False, terms.usdt_per_buy,
        terms.usdt_per_sell, money.tether, money.official,
    )  # fmt: skip
    bars = waterfall(ask, bid, money.tether, terms, seen.done, shown)
    transfer = stage.transfers.get(r, NOT_LOADED)
    return tuple(_step(bar, stage, r, seen, transfer, money, at_ns) for bar in bars)


def _step(
    bar: Bar, stage: Stage, r: int, seen: Look, transfer: Transfer, money: Money, at_ns: int
) -> Step:
    """With what it was made from, and where that comes from."""
    buy, sell = stage.pair(r)
    done, way, back = seen.done, transfer.way, transfer.back
    fees = {
        "buy_fee": transfer.buy_fee,
        "sell_fee": transfer.sell_fee,
        "tether_fee": transfer.tether_fee,
    }
    fee = fees.get(bar.code)
    if isnan(_paid(seen.terms, bar.code)):
        # Nobody knows what it costs: a route is never taken on this, and the bar says why it is 0.
        return Step(bar.code, 0.0, bar.kind, "", NOT_KNOWN)
    if fee is not None:
        age_ms = (at_ns - fee.as_of_ns) / (SECOND_NS / 1e3)
        return Step(bar.code, bar.bps, bar.kind, fee.venue.value, fee.source, age_ms)
    returned = "bank" if back is None else f"USDT {back.network or ''}".strip()
    told = {
        "headline": (f"{money.official:.12g}", "manual" if money.manual else "official"),
        "usdt_premium": (f"{money.tether:.12g}", ""),
        "buy_slippage": (f"{done.buy_price:.12g} {done.buy_levels}", buy.venue.value),
        "sell_slippage": (f"{done.sell_price:.12g} {done.sell_levels}", sell.venue.value),
        "tether_slippage": (f"{done.tether_price:.12g} {done.tether_levels}", ""),
        "withdrawal": (f"{way.fee:.12g} {way.network}" if way.fee is not None else "",
                       way.fee_source),
        "return_withdrawal": (f"{seen.terms.return_fee:.12g} {returned}",
                              "" if back is None else back.fee_source),
    }  # fmt: skip
    detail, source = told.get(bar.code, ("", ""))
    ages = {"headline": money.official_age_ms, "usdt_premium": money.tether_age_ms}
    return Step(bar.code, bar.bps, bar.kind, detail, source, ages.get(bar.code))


def _paid(terms: Terms, code: str) -> float:
    """What the step of this code costs, NaN: not known; 0 of a step that is no fee."""
    return {
        "buy_fee": terms.buy_fee,
        "sell_fee": terms.sell_fee,
        "tether_fee": terms.tether_fee,
        "withdrawal": terms.withdrawal,
        "return_withdrawal": terms.return_fee,
    }.get(code, 0.0)


def _ladder(stage: Stage, r: int, sizes: Sizes) -> tuple[SizedNet, ...]:
    asked = sorted({*LADDER_KRW, *sizes.ladder_krw, sizes.asked_krw})
    found: list[SizedNet] = []
    for size_krw in asked:
        seen = look(stage, r, size_krw)
        done = seen.done
        reason = None if done.code == Code.NONE else Code(done.code).name
        if reason is None and not _is_paid(stage, r, seen.terms):
            reason = Code.FEE_UNKNOWN.name
        found.append(SizedNet(size_krw, None if reason else done.net_bps, reason))
    return tuple(found)


def _is_paid(stage: Stage, r: int, terms: Terms) -> bool:
    """Whether all is known that the loop costs."""
    crosses = stage.direction(r) <= Direction.LOW
    fees = [terms.buy_fee, terms.sell_fee, terms.withdrawal, terms.return_fee]
    return not any(isnan(fee) for fee in (*fees, *([terms.tether_fee] if crosses else [])))


def _levels(stage: Stage, r: int, seen: Look) -> tuple[LevelUsed, ...]:
    """Every level of the three sides, with the share that is taken."""
    route, done = stage.routes[r], seen.done
    sold = done.arrived * seen.terms.buy_multiplier / seen.terms.sell_multiplier
    sides = [
        ("buy", int(route["buy"]), ASKS, done.bought),
        ("sell", int(route["sell"]), BIDS, sold),
    ]
    if route["tether"] != NO_ROW:
        high = stage.direction(r) is Direction.HIGH
        side, amount = (ASKS, done.usdt) if high else (BIDS, done.usdt - seen.terms.return_fee)
        sides.append(("tether", int(route["tether"]), side, amount))
    found: list[LevelUsed] = []
    for name, row, side, amount in sides:
        book, left = stage.tops[row], 0.0 if isnan(amount) else amount
        for i in range(int(book["counts"][side])):
            price, held = float(book["prices"][side, i]), float(book["quantities"][side, i])
            taken = min(left, held)
            left -= taken
            found.append(LevelUsed(name, price, held, taken / held if held > 0.0 else 0.0))
    return tuple(found)


def _would_pass(
    stage: Stage, r: int, seen: Look, ladder: tuple[SizedNet, ...]
) -> tuple[WouldPass, ...]:
    """Recomputed on the same books. passes: its net is enough, and nothing bars it but its net."""
    rule = stage.rules[0]
    least, most = float(rule["min_net_bps"]), float(rule["max_net_bps"])
    size_krw, code = float(rule["size_krw"]), int(stage.routes[r]["code"])
    able = code == Code.NONE
    found: list[WouldPass] = []
    if not isnan(seen.done.net_bps) and seen.net_bps < least:
        threshold = float(ceil(seen.net_bps) - 1)
        found.append(_changed("lower_threshold", seen.net_bps, able, {"min_net_bps": threshold}))
    for name, sizes in (
        ("smaller_size", [each for each in ladder if each.size_krw < size_krw]),
        ("larger_size", [each for each in ladder if each.size_krw > size_krw]),
    ):
        able_sizes = [each for each in sizes if each.net_bps is not None]
        if able_sizes:
            best = max(able_sizes, key=lambda each: each.net_bps or 0.0)
            net = best.net_bps or 0.0
            passes = able and least <= net <= most
            found.append(_changed(name, net, passes, {"size_krw": best.size_krw}))
    for name, same in (("other_buy_venue", "sell"), ("other_sell_venue", "buy")):
        other = _best_other(stage, r, same)
        if other is not None:
            there = look(stage, other)
            buy, sell = stage.pair(other)
            venue = buy.venue if same == "sell" else sell.venue
            passes = int(stage.routes[other]["code"]) == Code.NONE
            passes = passes and least <= there.done.net_bps <= most
            found.append(_changed(name, there.done.net_bps, passes, {"venue": venue.value}))
    return tuple(found)


def _changed(code: str, net: float, passes: bool, values: dict[str, float | str]) -> WouldPass:
    return WouldPass(code, net, passes, values)


def _best_other(stage: Stage, r: int, same: str) -> int | None:
    """The route of the asset with this end alike and the best net, among those that can be done."""
    nets = {
        other: look(stage, other).done.net_bps
        for other in stage.routes_of[stage.asset(r)]
        if other != r and stage.routes[other][same] == stage.routes[r][same]
        and other in stage.transfers
    }  # fmt: skip
    able = {other: net for other, net in nets.items() if not isnan(net)}
    return max(able, key=lambda other: able[other]) if able else None


def _inputs(stage: Stage, r: int, seen: Look, money: Money) -> dict[str, float | str | None]:
    route, terms, done = stage.routes[r], seen.terms, seen.done
    numbers = {
        "size_krw": float(stage.rules[0]["size_krw"]),
        "size": terms.size,
        "official_krw": money.official,
        "tether_krw": money.tether,
        "buy_ask": float(stage.lines[int(route["buy"])]["ask"]),
        "sell_bid": float(stage.lines[int(route["sell"])]["bid"]),
        "buy_fee_bps": terms.buy_fee * 1e4,
        "sell_fee_bps": terms.sell_fee * 1e4,
        "tether_fee_bps": terms.tether_fee * 1e4,
        "lot": terms.lot,
        "withdrawal": terms.withdrawal,
        "return_fee": terms.return_fee,
        "buy_price": done.buy_price,
        "sell_price": done.sell_price,
        "tether_price": done.tether_price,
        "bought": done.bought,
        "withdrawn": done.withdrawn,
        "arrived": done.arrived,
        "usdt": done.usdt,
        "end": done.end,
        "profit_krw": seen.net_bps / 1e4 * float(stage.rules[0]["size_krw"]),
        "sell_fx": terms.usdt_per_sell,
        "buy_fx": terms.usdt_per_buy,
        "gross_bps": seen.gross_bps,
    }
    return {name: None if isnan(value) else value for name, value in numbers.items()}
