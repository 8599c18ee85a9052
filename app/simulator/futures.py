"""Perpetual contracts of one venue in one-way mode: orders, positions, and a wallet of their own.

They trade at the prices of the spot book, which they leave alone: the world has no book of theirs.
What a position has cost is kept exactly; its average is rounded, and the rest stays in the cost.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from decimal import ROUND_DOWN, ROUND_UP, Context, Decimal, localcontext
from typing import TYPE_CHECKING

from app.simulator import matching
from app.simulator.protocol import Listing
from app.simulator.purses import EXACT
from app.simulator.trading import ZERO, Fill, NewOrder, Order, Rejected

if TYPE_CHECKING:
    from app.simulator.desk import VenueDesk

WALLET = Decimal(20_000)
MAKER, TAKER = Decimal("0.0002"), Decimal("0.0005")
MARGIN = Decimal("0.1")
"""Of a position's value that the wallet has to hold."""
CENTS = Decimal("0.00000001")
ROUNDING = Context(prec=80)


@dataclass(slots=True)
class Position:
    """quantity below zero: short. cost: what buying it has cost, below zero of a short."""

    quantity: Decimal = ZERO
    cost: Decimal = ZERO

    @property
    def average(self) -> Decimal:
        if not self.quantity:
            return ZERO
        with localcontext(ROUNDING):
            return (self.cost / self.quantity).quantize(CENTS, ROUND_DOWN)


class Futures:
    """desk: whose numbers and clock they share."""

    def __init__(self, desk: VenueDesk) -> None:
        self.desk = desk
        self.wallet = WALLET
        self.gained = ZERO
        self.fees = ZERO
        self.positions: dict[str, Position] = defaultdict(Position)
        self.resting: list[Order] = []
        self._orders: list[Order] = []
        self._fills: list[Fill] = []
        self._received: dict[str, int] = defaultdict(int)

    def place(self, asked: NewOrder, *, reduces: bool) -> Order:
        """Raises Rejected; `reduce_only` where it would not."""
        with localcontext(EXACT):
            self._count(asked.client_id)
            open_ids = {one.client_id for one in self._orders if one.status == "open"}
            if asked.client_id and asked.client_id in open_ids:
                raise Rejected("duplicate")
            quantity = self._checked(asked, reduces=reduces)
            number, name = self.desk.number("order")
            now = self.desk.part.now_ms()
            order = Order(
                name, number, asked.client_id or None, asked.listing, asked.bought, asked.kind,
                asked.force, asked.price, quantity, None, "open", now, now,
                fee_asset=asked.listing.quote,
            )  # fmt: skip
            order.received = self._received[asked.client_id] if asked.client_id else 1
            self._orders.append(order)
            self.desk.accepted += 1
            self._match(order)
            if order.status == "open" and order.force in ("gtc", "post"):
                self.resting.append(order)
            elif order.status == "open":
                order.status = "cancelled"
            return order

    def _count(self, client_id: str | None) -> None:
        if client_id:
            self._received[client_id] += 1
            for one in self.by_client_id(client_id):
                one.received = self._received[client_id]

    def _checked(self, asked: NewOrder, *, reduces: bool) -> Decimal:
        listing, quantity = asked.listing, asked.quantity
        if asked.price is not None and not matching.on_step(asked.price, listing.tick):
            raise Rejected("tick")
        if quantity is None or quantity <= 0 or not matching.on_step(quantity, listing.lot):
            raise Rejected("lot")
        held = self.positions[listing.symbol].quantity
        against = held < 0 if asked.bought else held > 0
        if reduces and not against:
            raise Rejected("reduce_only")
        quantity = min(quantity, abs(held)) if reduces else quantity
        best = Decimal((listing.asks if asked.bought else listing.bids).prices[0])
        value = quantity * (asked.price or best)
        if not reduces and value < Decimal(listing.minimum_value):
            raise Rejected("minimum")
        after = abs(held + (quantity if asked.bought else -quantity))
        if after > abs(held) and after * best * MARGIN > self.wallet:
            raise Rejected("insufficient")
        if asked.force == "post" and matching.reach(listing, asked.price, bought=asked.bought):
            raise Rejected("post_only")
        return quantity

    def _match(self, order: Order, *, maker: bool = False) -> None:
        assert order.quantity is not None
        listing = order.listing
        levels = matching.reach(listing, order.price, bought=order.bought)
        left = matching.lots_of(order.quantity - order.filled, listing.lot)
        taken = matching.by_quantity(levels, left)
        if order.force == "fok" and sum(one.lots for one in taken) < left:
            return
        for price, lots in taken:
            at = order.price if maker and order.price is not None else price
            self._fill(order, at, lots * listing.lot, maker=maker)

    def _fill(self, order: Order, price: Decimal, quantity: Decimal, *, maker: bool) -> None:
        value = price * quantity
        fee = value * (MAKER if maker else TAKER)
        fee = fee.quantize(CENTS, ROUND_UP, ROUNDING)
        number, _ = self.desk.number("fill")
        at_ms = self.desk.part.now_ms()
        fill = Fill(number, order, price, quantity, fee, order.listing.quote, maker, at_ms, value)
        order.fills.append(fill)
        self._fills.append(fill)
        order.filled += quantity
        order.value += value
        order.fee += fee
        order.updated_ms = at_ms
        if order.filled == order.quantity:
            order.status = "filled"
        self.fees += fee
        self.wallet -= fee
        self._move(self.positions[order.listing.symbol], price, quantity, bought=order.bought)

    def _move(self, held: Position, price: Decimal, quantity: Decimal, *, bought: bool) -> None:
        """What is closed is gained or lost; the rest opens."""
        sign = 1 if bought else -1
        closed = min(quantity, abs(held.quantity)) if held.quantity * sign < 0 else ZERO
        if closed:
            whole = closed == abs(held.quantity)
            basis = held.cost if whole else -sign * closed * held.average
            gain = -sign * closed * price - basis
            held.quantity += sign * closed
            held.cost -= basis
            self.wallet += gain
            self.gained += gain
        opened = quantity - closed
        held.quantity += sign * opened
        held.cost += sign * opened * price

    def beat(self) -> None:
        """Resting ones trade when the book crosses them."""
        with localcontext(EXACT):
            for order in list(self.resting):
                self._match(order, maker=True)
                if order.status != "open":
                    self._forget(order)

    def cancel(self, order: Order) -> None:
        if order.status != "open":
            raise Rejected("closed")
        self.desk.accepted += 1
        order.status = "cancelled"
        order.updated_ms = self.desk.part.now_ms()
        self._forget(order)

    def _forget(self, order: Order) -> None:
        self.resting = [one for one in self.resting if one is not order]

    # ---- questions ---------------------------------------------------------------------------

    def order(self, order_id: str) -> Order | None:
        return next((one for one in self._orders if one.id == order_id), None)

    def by_client_id(self, client_id: str) -> list[Order]:
        return [one for one in reversed(self._orders) if one.client_id == client_id]

    def orders(self, listing: Listing | None = None) -> Sequence[Order]:
        """Newest first."""
        rows = reversed(self._orders)
        return [one for one in rows if listing is None or one.listing is listing]

    def fills(self, listing: Listing | None = None) -> Sequence[Fill]:
        rows = reversed(self._fills)
        return [one for one in rows if listing is None or one.order.listing is listing]
