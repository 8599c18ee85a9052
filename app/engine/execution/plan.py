"""Plan: from an opportunity to amounts: what is bought and sold, by which network, for how much.

The whole way is walked once at the size that trading uses, in exact decimals, with every fee, lot
and minimum: what is approved is what these books give, never what detection saw at another size.

| style | the way |
|---|---|
| TRANSFER | buy → network → sell → home, by USDT where won is on one side, else by the cheapest |
| PREFUNDED | buy and sell at once out of what lies at both venues; what evens the venues out again
is set aside as `rebalance`, since many trades share one transfer |
| HEDGED_TRANSFER | TRANSFER, and a short of what was bought until it is sold |
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal
from typing import NamedTuple

from app.domain.cycles import (
    CycleStep,
    ExecutionStyle,
    Holding,
    Home,
    NewOrder,
    Part,
    Plan,
    Reservation,
    Strategy,
)
from app.domain.markets import Instrument, Side
from app.domain.orders import OrderTerms, OrderType, Role
from app.domain.trading import Refused, TradingPolicy
from app.engine.execution import hedge
from app.engine.execution.amounts import (
    BPS,
    ONE,
    ZERO,
    Grid,
    Walked,
    exact,
    limit_price,
    lots,
    spend,
    takes,
    trade,
)
from app.engine.execution.finalizer import Way, Ways, arriving, choose
from app.engine.execution.ids import Identity, order_id
from app.engine.execution.settling import Steps, parts
from app.engine.execution.sight import TETHER, WON, Book, Link, Sight, Traits

REBALANCE_SHARE = Decimal("0.1")
"""Of a transfer and a way home: so many prefunded trades share one."""


class Asked(NamedTuple):
    """An opportunity in the words of planning."""

    base: str
    buy: Instrument
    sell: Instrument

    @property
    def strategy(self) -> Strategy:
        won = self.buy.quote == WON, self.sell.quote == WON
        if won == (False, True):
            return Strategy.HIGH_PREMIUM
        return Strategy.LOW_PREMIUM if won == (True, False) else Strategy.SPATIAL


class Draft(NamedTuple):
    """A plan and what it would take; not yet approved."""

    plan: Plan
    style: ExecutionStyle
    strategy: Strategy
    reservations: tuple[Reservation, ...]
    terms: tuple[OrderTerms, ...]


class End(NamedTuple):
    """One venue's part: all of it known."""

    instrument: Instrument
    book: Book
    grid: Grid
    fee: Decimal
    traits: Traits
    krw: Decimal
    """For one unit of its quote."""


def draft(
    asked: Asked,
    style: ExecutionStyle,
    sight: Sight,
    policy: TradingPolicy,
    size_krw: Decimal,
    at_ns: int,
) -> Draft | Refused:
    """At this size; what is missing, too thin or too small is a refusal with its word."""
    buy, sell = _side(asked.buy, sight, at_ns), _side(asked.sell, sight, at_ns)
    if isinstance(buy, Refused):
        return buy
    if isinstance(sell, Refused):
        return sell
    bought = _buy(buy, size_krw)
    if bought is None:
        return Refused("THIN_BOOK", asked.buy.venue.value, float(size_krw), "krw")
    received = bought.quantity * (ONE - buy.fee if buy.traits.fee_in_base else ONE)
    spent = bought.value * (ONE if buy.traits.fee_in_base else ONE + buy.fee)
    if style is ExecutionStyle.PREFUNDED:
        return _prefunded(asked, sight, policy, at_ns, buy, sell, bought, received, spent)
    return _transfer(asked, style, sight, policy, at_ns, buy, sell, bought, received, spent)


def opening(draft_: Draft, identity: Identity, cycle_id: str) -> tuple[NewOrder, ...]:
    """The orders that a cycle begins with."""
    both = draft_.style is ExecutionStyle.PREFUNDED
    step = CycleStep.LEGS_SENT if both else CycleStep.LEG1_SENT
    return tuple(
        NewOrder(
            order_id(identity, terms.instrument.venue, cycle_id, step.value, attempt),
            Role.INITIAL,
            step,
            attempt,
            terms,
        )
        for attempt, terms in enumerate(draft_.terms, start=1)
    )


# Both styles


def _side(instrument: Instrument, sight: Sight, at_ns: int) -> End | Refused:
    where = instrument.venue.value
    traits, grid = sight.traits(instrument.venue), sight.grid(instrument)
    if traits is None:
        return Refused("NO_ACCOUNT", where, "account", "word")
    if grid is None:
        return Refused("NOT_LISTED", where, "listed", "word")
    book, fee = sight.book(instrument, at_ns), sight.fee(instrument, at_ns)
    if book is None:
        return Refused("STALE_BOOK", where, "live", "word")
    if fee is None:
        return Refused("FEE_UNKNOWN", where, "known", "word")
    krw = sight.price(instrument.quote)
    if krw is None:
        return Refused("NO_RATE", instrument.quote, "known", "word")
    return End(instrument, book, grid, fee, traits, krw)


def _buy(side: End, size_krw: Decimal) -> Walked | None:
    """Lots for so much won, fee included where it is taken on top."""
    money = size_krw / side.krw
    walked = spend(side.book.asks, money if side.traits.fee_in_base else money / (ONE + side.fee))
    if walked is None:
        return None
    quantity = lots(walked.quantity, side.grid)
    if not takes(side.grid, quantity, walked.last):
        return None
    return trade(side.book.asks, quantity)


def _sell(side: End, quantity: Decimal) -> Walked | None:
    quantity = lots(quantity, side.grid)
    walked = trade(side.book.bids, quantity) if quantity > ZERO else None
    return walked if walked and takes(side.grid, quantity, walked.last) else None


def _terms(side: End, way: Side, walked: Walked, policy: TradingPolicy) -> OrderTerms:
    """At most so much worse than the plan; what trades at once does, the rest is cancelled."""
    band = exact(policy.slippage_bps) / BPS
    beyond = walked.last * (ONE + band if way is Side.BUY else ONE - band)
    levels = side.book.asks if way is Side.BUY else side.book.bids
    price = limit_price(way, beyond, walked.last, levels, side.grid)
    kind = OrderType.IOC if side.traits.has_ioc else OrderType.LIMIT
    return OrderTerms(side.instrument, way, kind, price, walked.quantity)


def _reserve(side: End, terms: OrderTerms) -> Reservation:
    """What a purchase may cost at its limit."""
    value = terms.price * terms.quantity * (ONE if side.traits.fee_in_base else ONE + side.fee)
    return Reservation(side.instrument.venue, side.instrument.quote, value)


def _steps(buy: End, sell: End, bought: Walked, received: Decimal, sold: Walked) -> Steps:
    return Steps(
        edge=sold.price * sell.krw / (bought.price * buy.krw),
        buy_fee=ONE - buy.fee if buy.traits.fee_in_base else ONE / (ONE + buy.fee),
        withdrawal=sold.quantity / received,
        sell_fee=ONE - sell.fee,
    )


# PREFUNDED


def _prefunded(
    asked: Asked, sight: Sight, policy: TradingPolicy, at_ns: int, buy: End, sell: End,
    bought: Walked, received: Decimal, spent: Decimal,
) -> Draft | Refused:  # fmt: skip
    sold = _sell(sell, received)
    if sold is None:
        return Refused("THIN_BOOK", asked.sell.venue.value, float(received), "base")
    made = sold.value * (ONE - sell.fee) * sell.krw / (spent * buy.krw)
    left = (received - sold.quantity) * bought.price / spent
    aside = -_evening_out(asked, sight, at_ns, buy, sell, received, sold) * REBALANCE_SHARE
    net = float((made + left - ONE + aside) * BPS)
    beyond = (Part("rebalance", float(aside * BPS)),)
    terms = (_terms(buy, Side.BUY, bought, policy), _terms(sell, Side.SELL, sold, policy))
    reserved = _reserve(buy, terms[0])
    plan = Plan(
        buy=asked.buy, sell=asked.sell, quantity=bought.quantity, buy_price=bought.price,
        sell_price=sold.price, home=Home(reserved.venue, reserved.asset, reserved.amount),
        notional_krw=spent * buy.krw, net_bps=net,
        parts=parts(_steps(buy, sell, bought, received, sold), net, beyond),
    )  # fmt: skip
    coins = Reservation(asked.sell.venue, asked.sell.base, sold.quantity)
    style = ExecutionStyle.PREFUNDED
    return Draft(plan, style, asked.strategy, (reserved, coins), terms)


def _evening_out(
    asked: Asked, sight: Sight, at_ns: int, buy: End, sell: End, received: Decimal, sold: Walked
) -> Decimal:
    """Share that one transfer there and one way home would cost; nothing known: nothing set
    aside, the venues are evened out by a plan of its own."""
    link = _link(sight, asked, received)
    proceeds = sold.value * (ONE - sell.fee)
    way = _home(asked, sight, at_ns, proceeds, Home(asked.buy.venue, asked.buy.quote, ZERO))
    there = ZERO if link is None else link.fee / received
    back = ZERO if way is None else ONE - way.arrives * buy.krw / (proceeds * sell.krw)
    return there + max(back, ZERO)


# TRANSFER


def _transfer(
    asked: Asked, style: ExecutionStyle, sight: Sight, policy: TradingPolicy, at_ns: int,
    buy: End, sell: End, bought: Walked, received: Decimal, spent: Decimal,
) -> Draft | Refused:  # fmt: skip
    link = _link(sight, asked, received)
    if link is None:
        return Refused("WALLET_CLOSED", asked.base, "open", "word")
    arrives = arriving(received, link)
    sold = None if arrives is None else _sell(sell, arrives)
    if sold is None:
        return Refused("MINIMUM", float(received), float(link.minimum or link.fee), "base")
    proceeds = sold.value * (ONE - sell.fee)
    terms = _terms(buy, Side.BUY, bought, policy)
    reserved = _reserve(buy, terms)
    home = Home(reserved.venue, reserved.asset, reserved.amount)
    way = _home(asked, sight, at_ns, proceeds, home)
    if way is None:
        return Refused("NO_WAY_HOME", asked.sell.venue.value, asked.buy.venue.value, "word")
    steps = _steps(buy, sell, bought, received, sold)
    made = proceeds * sell.krw / (spent * buy.krw)
    net = float((way.arrives / spent - ONE) * BPS)
    beyond: tuple[Part, ...] = (Part("return", net - float((made - ONE) * BPS)),)
    short = hedge.perpetual(asked.base) if style is ExecutionStyle.HEDGED_TRANSFER else None
    if short is not None:
        terms_of_short = sight.perpetual(short, at_ns)
        if terms_of_short is None:
            return Refused("NO_PERPETUAL", asked.base, "known", "word")
        cost = float(hedge.cost(terms_of_short, link.minutes, at_ns) * BPS)
        net -= cost
        beyond = (*beyond, Part("hedge", -cost))
    bridge = way.stages[0]
    plan = Plan(
        buy=asked.buy, sell=asked.sell, quantity=bought.quantity, buy_price=bought.price,
        sell_price=sold.price, home=home, notional_krw=spent * buy.krw, net_bps=net,
        parts=parts(steps, net, beyond), chain=link.chain, network=link.network,
        to_network=link.to_network, hedge=short, bridge=getattr(bridge, "instrument", None),
    )  # fmt: skip
    return Draft(plan, style, asked.strategy, (reserved,), (terms,))


def _link(sight: Sight, asked: Asked, amount: Decimal) -> Link | None:
    """The network by which most arrives, minutes counted at what they cost a moving coin."""
    links: Iterable[Link] = sight.links(asked.base, asked.buy.venue, asked.sell.venue)
    return min(
        links,
        key=lambda each: (
            each.fee + amount * Decimal(repr(each.minutes)) / BPS, each.minutes, each.chain
        ),
        default=None,
    )  # fmt: skip


def _home(asked: Asked, sight: Sight, at_ns: int, proceeds: Decimal, home: Home) -> Way | None:
    """By USDT, which is what premiums are measured against; by the cheapest coin where both ends
    are won. When the time comes the finalizer may find a better one."""
    holding = Holding(asked.sell.venue, asked.sell.quote, proceeds)
    ways = Ways(home, sight, at_ns)
    for bound, start, carrier in ways.bounds(holding, (TETHER,)):
        if bound > ZERO:
            found = list(ways.by(holding, start, carrier))
            if found:
                return max(found, key=lambda each: each.score)
    return choose(holding, home, sight, at_ns)
