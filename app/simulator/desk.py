"""One venue's account: takes orders, matches them with the world's books, keeps what came of it.

An own taker order eats displayed levels at once, and everybody sees the book without them. A
resting order trades when the book crosses its price, or when somebody trades beyond it.
"""

from __future__ import annotations

import copy
import uuid
from collections import Counter, defaultdict, deque
from collections.abc import Callable, Collection, Sequence
from decimal import ROUND_UP, Context, Decimal, localcontext
from random import Random
from typing import TYPE_CHECKING

from app.simulator import matching
from app.simulator.faults import NEWS_KINDS, Fault
from app.simulator.futures import Futures
from app.simulator.protocol import Listing, Trade
from app.simulator.purses import EXACT, Purses
from app.simulator.terms import TERMS
from app.simulator.trading import (
    ZERO,
    Deposit,
    Desk,
    Fill,
    NewOrder,
    Order,
    Private,
    Purse,
    Rejected,
    Terms,
    Withdrawal,
)
from app.simulator.transfers import Transfers

if TYPE_CHECKING:
    from app.simulator.part import Part

NEWS_MS = (8, 45)
"""Between a change of the account and the word of it on the user stream."""
BAND = 5
"""A limit price further than so many times from the book is refused."""
PARTIAL = (2, 5)
"""What a `partial` fault leaves of an order's lots."""
_TEN_THOUSAND = Decimal("0.0001")


class VenueDesk(Desk):
    """part: whose markets and faults. start: free money at the beginning, by asset."""

    def __init__(self, part: Part, transfers: Transfers, start: dict[str, Decimal]) -> None:
        self.part = part
        self.venue = part.venue
        self.terms: Terms = TERMS.get(part.venue, Terms(ZERO, ZERO))
        quotes = {listing.quote for listing in part.listings.values()}
        self.money = Purses(start, [*part.wallets, *sorted(quotes - set(part.wallets))])
        self.private = Private()
        self.transfers = transfers
        self.resting: dict[str, list[Order]] = {}
        """Open orders by symbol: looked at for every update."""
        self.rejected: list[Order] = []
        """Create requests that came as far as this, newest last."""
        self.accepted = 0
        """Orders, cancels and withdrawals so far."""
        self._orders: list[Order] = []
        self._by_id: dict[str, Order] = {}
        self._by_client: dict[str, list[Order]] = defaultdict(list)
        self._received: Counter[str] = Counter()
        self._fills: list[Fill] = []
        self._withdrawals: list[Withdrawal] = []
        self._deposits: list[Deposit] = []
        self._numbers = Counter(
            {kind: self._first(kind) for kind in ("order", "fill", "withdrawal", "deposit")}
        )
        self.futures = Futures(self) if self.terms.perpetuals else None
        self._chance = Random(f"news {part.seed} {self.venue}")
        self._news: deque[tuple[float, Callable[[], None]]] = deque()
        self._late: list[tuple[float, Callable[[], None]]] = []

    def _first(self, kind: str) -> int:
        return Random(f"{kind} {self.part.seed} {self.venue}").randrange(10**8, 9 * 10**8)

    def number(self, kind: str) -> tuple[int, str]:
        """The next of this kind and its name."""
        self._numbers[kind] += 1
        number = self._numbers[kind]
        made = uuid.UUID(bytes=Random(f"{kind} {self.part.seed} {number}").randbytes(16), version=4)
        return number, self.private.name(kind, number) or str(made)

    # ---- orders ------------------------------------------------------------------------------

    def place(self, order: NewOrder) -> Order:
        with localcontext(EXACT):
            if self._used(order.client_id):
                raise Rejected("duplicate")
            try:
                self._check(order)
                locked = self._need(order.listing, order.bought, order.price, order)
                self.money.lock(self._paid_in(order), locked)
            except Rejected:
                self._refuse(order)
                raise
            placed = self._open(order, locked)
            self._match(placed)
            return placed

    def _used(self, client_id: str | None) -> bool:
        """Counts the request, and tells whether its id is taken."""
        if not client_id:
            return False
        self._received[client_id] += 1
        count = self._received[client_id]
        before = self._by_client.get(client_id, [])
        for one in before:
            one.received = count
        match self.terms.ids:
            case "burned":
                return count > 1
            case "once":
                return bool(before)
            case "open":
                return any(one.status == "open" for one in before)
        return False

    def _check(self, order: NewOrder) -> None:
        """Raises Rejected."""
        listing = order.listing
        if self.part.faults.find(frozenset({"halt"}), listing.symbol) is not None:
            raise Rejected("halted")
        price = order.price
        if price is not None:
            if price <= 0 or not self._on_tick(listing, price):
                raise Rejected("tick", f"{price} is not on {listing.tick}")
            best = Decimal((listing.asks if order.bought else listing.bids).prices[0])
            if not best <= price * BAND or not price <= best * BAND:
                raise Rejected("price_band")
        quantity = order.quantity
        if quantity is not None and (quantity <= 0 or not matching.on_step(quantity, listing.lot)):
            raise Rejected("lot", f"{quantity} is not on {listing.lot}")
        if order.funds is not None and order.funds <= 0:
            raise Rejected("minimum")
        self._check_size(order)
        if order.force == "post" and matching.reach(listing, price, bought=order.bought):
            raise Rejected("post_only")

    def _on_tick(self, listing: Listing, price: Decimal) -> bool:
        """In won the tick hangs on the order's own price."""
        if matching.on_step(price, listing.tick):
            return True
        rules = self.part.dialect.rules
        return listing.quote == "KRW" and matching.on_step(price, rules.tick("KRW", float(price)))

    def _check_size(self, order: NewOrder) -> None:
        listing = order.listing
        if self.terms.minimum_lots is not None and order.quantity is not None:
            if order.quantity < listing.lot * self.terms.minimum_lots:
                raise Rejected("minimum")
            return
        price = order.price or Decimal((listing.asks if order.bought else listing.bids).prices[0])
        value = order.funds if order.funds is not None else (order.quantity or ZERO) * price
        if value < Decimal(listing.minimum_value):
            raise Rejected("minimum", f"{value} of {listing.minimum_value} {listing.quote}")

    def _paid_in(self, order: NewOrder | Order) -> str:
        return order.listing.quote if order.bought else order.listing.base

    def _need(
        self, listing: Listing, bought: bool, price: Decimal | None, order: NewOrder
    ) -> Decimal:
        """What it may cost at most."""
        if not bought:
            assert order.quantity is not None
            return order.quantity
        if order.funds is not None:
            value = order.funds
        elif price is not None and order.quantity is not None:
            value = price * order.quantity
        else:  # a market buy of so much base: at what the book asks for it now
            assert order.quantity is not None
            levels = matching.reach(listing, None, bought=True)
            taken = matching.by_quantity(levels, matching.lots_of(order.quantity, listing.lot))
            value = sum((one.price * one.lots for one in taken), ZERO) * listing.lot
        return value + self._quote_fee(value)

    def _quote_fee(self, value: Decimal) -> Decimal:
        """What a buy of this value needs beyond it."""
        if not self.terms.fee_in_quote:
            return ZERO
        return value * max(self.terms.taker_bps, self.terms.maker_bps) * _TEN_THOUSAND

    def _open(self, asked: NewOrder, locked: Decimal) -> Order:
        number, name = self.number("order")
        now = self.part.now_ms()
        client_id = asked.client_id or None
        order = Order(
            name, number, client_id, asked.listing, asked.bought, asked.kind, asked.force,
            asked.price, asked.quantity, asked.funds, "open", now, now, locked=locked,
        )  # fmt: skip
        order.fee_asset = self._fee_asset(order)
        if client_id:
            order.received = self._received[client_id]
            self._by_client[client_id].insert(0, order)
        self._orders.append(order)
        self._by_id[order.id] = order
        self.accepted += 1
        self._tell_order(order, None)
        return order

    def _refuse(self, asked: NewOrder) -> None:
        """Kept for those who audit, not among the orders that a client may ask for."""
        now = self.part.now_ms()
        received = self._received[asked.client_id] if asked.client_id else 1
        order = Order(
            "", 0, asked.client_id, asked.listing, asked.bought, asked.kind, asked.force,
            asked.price, asked.quantity, asked.funds, "rejected", now, now, received=received,
        )  # fmt: skip
        self.rejected.append(order)

    def cancel(self, order: Order) -> None:
        with localcontext(EXACT):
            if order.status != "open":
                raise Rejected("closed")
            self.accepted += 1
            self._end(order)

    def order(self, order_id: str) -> Order | None:
        return self._by_id.get(order_id)

    def by_client_id(self, client_id: str) -> list[Order]:
        return list(self._by_client.get(client_id, ()))

    def orders(self, listing: Listing | None = None) -> Sequence[Order]:
        return [one for one in reversed(self._orders) if listing is None or one.listing is listing]

    def fills(self, listing: Listing | None = None) -> Sequence[Fill]:
        return [
            one for one in reversed(self._fills) if listing is None or one.order.listing is listing
        ]

    def purses(self) -> dict[str, Purse]:
        return self.money.of

    def taker_bps(self, listing: Listing) -> Decimal:
        return self.terms.taker_bps

    # ---- matching ----------------------------------------------------------------------------

    def _match(self, order: Order) -> None:
        """As far as the book goes now; then it rests, or ends."""
        stays = order.force in {"gtc", "post"} or self._sick({"rests"}, order) is not None
        taken = self._reached(order)
        enough = order.funds is not None and not self._starved(order, taken)
        if order.force == "fok" and self._short(order, taken):
            taken = []
        self._eat(order, taken, enough=enough)
        if order.status != "open":
            return
        if order.kind == "limit" and stays:
            self.resting.setdefault(order.listing.symbol, []).append(order)
        else:
            self._end(order)

    def _reached(self, order: Order) -> list[matching.Taken]:
        listing = order.listing
        levels = matching.reach(listing, order.price, bought=order.bought)
        if order.funds is not None:
            taken = matching.by_funds(levels, order.funds - order.value, listing.lot)
        else:
            taken = matching.by_quantity(levels, self._left(order))
        fault = self._sick({"partial", "rests"}, order)
        if fault is None or not taken:
            return taken
        self.part.faults.used(fault)
        some, of = PARTIAL
        return matching.by_quantity(taken, max(1, sum(one.lots for one in taken) * some // of))

    def _sick(self, kinds: Collection[str], order: Order) -> Fault | None:
        return self.part.faults.find(frozenset(kinds), order.listing.symbol)

    def _left(self, order: Order) -> int:
        assert order.quantity is not None
        return matching.lots_of(order.quantity - order.filled, order.listing.lot)

    def _short(self, order: Order, taken: Sequence[matching.Taken]) -> bool:
        if order.funds is not None:
            return self._starved(order, taken)
        return sum(one.lots for one in taken) < self._left(order)

    def _starved(self, order: Order, taken: Sequence[matching.Taken]) -> bool:
        """The book ends before the funds do."""
        assert order.funds is not None
        lot = order.listing.lot
        spent = sum((one.price * one.lots for one in taken), ZERO) * lot
        return not taken or order.funds - spent >= taken[-1].price * lot

    def _eat(
        self,
        order: Order,
        taken: Sequence[matching.Taken],
        *,
        enough: bool = False,
        maker: bool = False,
    ) -> None:
        """maker: at the order's own price, which was there first. enough: a spend ends with it."""
        if not taken:
            return
        part, listing = self.part, order.listing
        lots = [one.lots for one in taken]
        trades, update = part.world.eat(listing, lots, bought=order.bought, at_ms=part.clock())
        for index, (price, count) in enumerate(taken, 1):
            at = order.price if maker and order.price is not None else price
            if enough and index == len(taken):
                order.status = "filled"
            self._fill(order, at, count * listing.lot, maker=maker)
        if update is not None:
            with localcontext(Context()):  # tickers have rates, which need not be exact
                part.tell([] if maker else trades, update)

    def _fill(self, order: Order, price: Decimal, quantity: Decimal, *, maker: bool) -> None:
        listing, value = order.listing, price * quantity
        asset = order.fee_asset
        base_of = value if asset == listing.quote else quantity
        fee = self._rounded(
            base_of * (self.terms.maker_bps if maker else self.terms.taker_bps) * _TEN_THOUSAND
        )
        money = self.money
        if order.bought:
            money.spend(listing.quote, value)
            order.locked -= value
            money.receive(listing.base, quantity)
            money.charge(asset, fee, locked=asset == listing.quote)
            order.locked -= fee if asset == listing.quote else ZERO
        else:
            money.spend(listing.base, quantity)
            order.locked -= quantity
            money.receive(listing.quote, value)
            money.charge(asset, fee, locked=False)
        number, _ = self.number("fill")
        at_ms = self.part.now_ms()
        fill = Fill(number, order, price, quantity, fee, asset, maker, at_ms, value)
        order.fills.append(fill)
        self._fills.append(fill)
        order.filled += quantity
        order.value += value
        order.fee += fee
        order.updated_ms = at_ms
        if order.quantity is not None and order.filled == order.quantity:
            order.status = "filled"
        self._release(order)
        self._tell_order(order, fill)

    def _rounded(self, fee: Decimal) -> Decimal:
        places = self.terms.fee_places
        if places is None:
            return fee
        step = Decimal(1).scaleb(-places)
        return fee.quantize(step, rounding=ROUND_UP, context=Context(prec=80))

    def _fee_asset(self, order: Order) -> str:
        listing = order.listing
        return listing.base if order.bought and not self.terms.fee_in_quote else listing.quote

    def _release(self, order: Order) -> None:
        """What it can no longer spend is free again."""
        needed = ZERO
        if order.status == "open":
            if not order.bought:
                assert order.quantity is not None
                needed = order.quantity - order.filled
            elif order.price is not None and order.quantity is not None:
                value = order.price * (order.quantity - order.filled)
                needed = value + self._quote_fee(value)
            else:
                return
        if order.locked > needed:
            self.money.unlock(self._paid_in(order), order.locked - needed)
            order.locked = needed

    def _end(self, order: Order) -> None:
        order.status = "cancelled"
        order.updated_ms = self.part.now_ms()
        self._forget(order)
        self._release(order)
        self._tell_order(order, None)

    def _forget(self, order: Order) -> None:
        """It rests no longer."""
        symbol = order.listing.symbol
        rest = [one for one in self.resting.get(symbol, ()) if one is not order]
        if rest:
            self.resting[symbol] = rest
        else:
            self.resting.pop(symbol, None)

    def moved(self, listing: Listing, trade: Trade | None) -> None:
        """The world moved this book, in which orders of ours rest."""
        with localcontext(EXACT):
            for order in list(self.resting[listing.symbol]):
                taken = self._reached(order)
                if taken:
                    self._eat(order, taken, maker=True)
                elif trade is not None and _beyond(trade, order):
                    assert order.price is not None
                    lots = matching.lots_of(Decimal(trade.quantity), listing.lot)
                    count = min(self._left(order), lots)
                    self._fill(order, order.price, count * listing.lot, maker=True)
                if order.status != "open":
                    self._forget(order)

    # ---- transfers ---------------------------------------------------------------------------

    def address(self, asset: str, network: str) -> tuple[str, str]:
        return self.transfers.address(self, asset, network)

    def known(self, asset: str) -> list[tuple[str, str, str, str]]:
        return self.transfers.known(asset)

    def withdraw(
        self,
        asset: str,
        network: str,
        address: str,
        tag: str,
        amount: Decimal,
        client_id: str | None,
    ) -> Withdrawal:
        with localcontext(EXACT):
            if self.part.afflicted("consent", asset):
                raise Rejected(self.terms.consent)
            number, name = self.number("withdrawal")
            now = self.part.now_ms()
            asked = Withdrawal(
                name, number, client_id or None, asset, network, address, tag, amount, ZERO,
                "accepted", now, now,
            )  # fmt: skip
            self.transfers.send(self, asked)
            self.accepted += 1
            self._withdrawals.append(asked)
            self.tell_withdrawal(asked)
            return asked

    def withdrawals(self, asset: str | None = None) -> Sequence[Withdrawal]:
        return [one for one in reversed(self._withdrawals) if asset in {None, one.asset}]

    def deposits(self, asset: str | None = None) -> Sequence[Deposit]:
        return [one for one in reversed(self._deposits) if asset in {None, one.asset}]

    def arrive(self, deposit: Deposit) -> None:
        self._deposits.append(deposit)
        self.tell_deposit(deposit)

    # ---- news --------------------------------------------------------------------------------

    def _tell_order(self, order: Order, fill: Fill | None) -> None:
        then = copy.copy(order)
        then.fills = list(order.fills)
        self.tell(lambda: self.private.order_changed(then, fill))

    def tell_withdrawal(self, withdrawal: Withdrawal) -> None:
        then = copy.copy(withdrawal)
        self.tell(lambda: self.private.withdrawal_changed(then))

    def tell_deposit(self, deposit: Deposit) -> None:
        then = copy.copy(deposit)
        self.tell(lambda: self.private.deposit_changed(then))

    def tell(self, news: Callable[[], None]) -> None:
        """In a moment, in this order."""
        due: float = self.part.clock() + self._chance.randint(*NEWS_MS)
        if self._news:
            due = max(due, self._news[-1][0])
        self._news.append((due, news))

    def beat(self, at_ms: int) -> None:
        """What is due goes out to the user streams."""
        for late in [one for one in self._late if one[0] <= at_ms]:
            self._late.remove(late)
            late[1]()
        if self.futures is not None and self.futures.resting:
            self.futures.beat()
        touched = self.money.touched()
        if touched:
            self.tell(lambda: self.private.purse_changed(touched))
        while self._news and self._news[0][0] <= at_ms:
            self._speak(self._news.popleft()[1], at_ms)

    def _speak(self, news: Callable[[], None], at_ms: int) -> None:
        fault = self.part.faults.find(NEWS_KINDS)
        if fault is None:
            news()
            return
        self.part.faults.used(fault)
        if fault.kind == "news_late":
            self._late.append((at_ms + fault.ms, news))
        for _ in range({"news_duplicate": 2}.get(fault.kind, 0)):
            news()


def _beyond(trade: Trade, order: Order) -> bool:
    """Somebody sold below our bid, or bought above our offer: ours came first."""
    assert order.price is not None
    price = Decimal(trade.price)
    if order.bought:
        return not trade.bought and price < order.price
    return trade.bought and price > order.price
