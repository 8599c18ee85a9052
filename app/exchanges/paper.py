"""Paper: the venue that is only arithmetic over books. Its fills are made, its rules are real.

What a level shows is taken once: until the book of that instrument changes, a quantity that we
have traded against is gone (shadow liquidity). An order trades at the levels' own prices, never
better than its limit; what an IOC does not find is cancelled. A missing book or fee is a refusal.

Nothing here is kept anywhere else. After a restart `restore` takes the ledger's rows: an order
without a stored answer was not accepted, a fill without a row did not happen (R7, R10). A transfer
is a function of its row and the time alone, so it goes on while nobody looks.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterable, Sequence
from decimal import ROUND_CEILING, ROUND_DOWN, ROUND_FLOOR, ROUND_UP, Decimal
from typing import NamedTuple

from app.domain.markets import Instrument, Product, Side
from app.domain.orders import (
    ORDER_ENDS,
    Fill,
    NoAnswer,
    Order,
    OrderReport,
    OrderState,
    OrderType,
    PlaceAnswer,
    Placed,
    Rejection,
)
from app.domain.times import SECOND_NS
from app.domain.transfers import (
    DepositAddress,
    DepositReport,
    Transfer,
    TransferState,
    WithdrawalReport,
    Withdrawn,
)
from app.domain.venues import Venue

ZERO = Decimal(0)
BPS = Decimal(10_000)
# Venues take their fees to so many decimals, and round for themselves.
FEE_STEP = Decimal("1e-8")
MADE_UP_STEP = Decimal("1e-10")
ENDED_KEPT_MAX = 2_000
# The fee of a buy is taken from what was bought [exchanges/*.md, fees].
FEE_IN_BASE = frozenset({Venue.BINANCE, Venue.OKX, Venue.BYBIT, Venue.GATE, Venue.BITGET})
# Shares of a passage: the sender looks at it, then it is on chain; the receiver sees it later.
LEAVES, SEEN = 0.15, 0.5
TAKES_LOW, TAKES_SPREAD = 0.75, 0.5

Levels = tuple[tuple[Decimal, Decimal], ...]


class Depth(NamedTuple):
    """Price and quantity, best first. version: grows whenever anything of it changes."""

    version: int
    bids: Levels
    asks: Levels


class Matched(NamedTuple):
    answer: PlaceAnswer
    fills: tuple[Fill, ...]


class _Resting:
    """What the venue knows of one order."""

    __slots__ = ("at_ns", "filled", "fills", "order", "state", "value")

    def __init__(self, order: Order, at_ns: int) -> None:
        self.order = order
        self.at_ns = at_ns
        self.state = OrderState.OPEN
        self.filled = ZERO
        self.value = ZERO
        self.fills: list[Fill] = []

    def report(self) -> OrderReport:
        terms = self.order.terms
        return OrderReport(
            venue=self.order.venue,
            venue_order_id=number_of(self.order),
            client_id=self.order.client_id,
            instrument=terms.instrument,
            side=terms.side,
            state=self.state,
            filled_quantity=self.filled,
            average_price=self.value / self.filled if self.filled else None,
            at_ns=self.at_ns,
        )


def number_of(order: Order) -> str:
    return f"p-{order.client_id}"


class PaperVenue:
    """taker_bps(instrument): None where the fee is not known. share: of what a level shows; the
    rest is gone before our order is there."""

    def __init__(
        self,
        venue: Venue,
        taker_bps: Callable[[Instrument], Decimal | None],
        share: Decimal = Decimal(1),
    ) -> None:
        self.venue = venue
        self._taker_bps = taker_bps
        self._share = share
        self._orders: dict[str, _Resting] = {}
        self._ended: list[str] = []
        self._taken: dict[tuple[Instrument, Side], tuple[int, dict[Decimal, Decimal]]] = {}

    def place(self, order: Order, depth: Depth | None, at_ns: int) -> Matched:
        """Matched at once as far as it goes. A client id is taken once for ever."""
        if order.client_id in self._orders:
            return Matched(NoAnswer("duplicate"), ())
        if depth is None:
            return Matched(Rejection("no_book", "there is no valid book to trade against"), ())
        if self._taker_bps(order.terms.instrument) is None:
            return Matched(Rejection("fee_unknown", "the fee of this market is not known"), ())
        held = self._orders[order.client_id] = _Resting(order, at_ns)
        fills = self._trade(held, depth, at_ns)
        if held.state not in ORDER_ENDS and order.terms.type is OrderType.IOC:
            self._end(held, OrderState.CANCELLED)
        return Matched(Placed(number_of(order), held.report()), fills)

    def turned(
        self, instrument: Instrument, depth: Depth, at_ns: int
    ) -> list[tuple[OrderReport, tuple[Fill, ...]]]:
        """Its book has changed: what resting orders trade now."""
        found = []
        for held in list(self.resting(instrument)):
            fills = self._trade(held, depth, at_ns)
            if fills:
                found.append((held.report(), fills))
        return found

    def resting(self, instrument: Instrument | None = None) -> Iterable[_Resting]:
        for held in self._orders.values():
            if held.state not in ORDER_ENDS and instrument in {
                None,
                held.order.terms.instrument,
            }:
                yield held

    def cancel(self, order: Order, at_ns: int) -> PlaceAnswer:
        held = self._orders.get(order.client_id)
        if held is None or held.state in ORDER_ENDS:
            return Rejection("closed", "it is not open any more")
        held.at_ns = at_ns
        self._end(held, OrderState.CANCELLED)
        return Placed(number_of(order), held.report())

    def order(self, order: Order) -> OrderReport | None:
        held = self._orders.get(order.client_id)
        return None if held is None else held.report()

    def orders(self, instrument: Instrument, since_ns: int) -> list[OrderReport]:
        """Open and ended, newest first."""
        return [
            held.report()
            for held in reversed(self._orders.values())
            if held.order.terms.instrument == instrument and held.at_ns >= since_ns
        ]

    def fills(self, order: Order) -> list[Fill]:
        held = self._orders.get(order.client_id)
        return [] if held is None else list(held.fills)

    def restore(self, order: Order, posted: Sequence[Fill] = ()) -> None:
        """A row of the ledger that has an answer, and its fills there; the caller passes no other.

        What the ledger was told of but has no fill for is made up at the average, once more.
        """
        held = _Resting(order, order.signed_at_ns or order.planned_at_ns)
        held.state = order.state
        held.fills = list(posted)
        held.filled = sum((fill.quantity for fill in posted), ZERO)
        held.value = sum((fill.price * fill.quantity for fill in posted), ZERO)
        missing = order.filled_quantity - held.filled
        if missing > 0:
            rounding = ROUND_UP if order.terms.side is Side.BUY else ROUND_DOWN
            price = order.average_price or order.terms.price
            price = price.quantize(MADE_UP_STEP, rounding) or order.terms.price
            held.filled += missing
            held.value += price * missing
            held.fills.append(self._fill(held, price, missing, held.at_ns))
        self._orders[order.client_id] = held
        if order.state in ORDER_ENDS:
            self._ended.append(order.client_id)

    def _trade(self, held: _Resting, depth: Depth, at_ns: int) -> tuple[Fill, ...]:
        terms = held.order.terms
        bought = terms.side is Side.BUY
        taken = self._taken_of(terms.instrument, terms.side, depth.version)
        before = len(held.fills)
        for price, shown in depth.asks if bought else depth.bids:
            if held.filled == terms.quantity or (
                price > terms.price if bought else price < terms.price
            ):
                break
            left = shown * self._share - taken.get(price, ZERO)
            quantity = min(left, terms.quantity - held.filled)
            if quantity <= 0:
                continue
            taken[price] = taken.get(price, ZERO) + quantity
            held.filled += quantity
            held.value += price * quantity
            held.at_ns = at_ns
            held.fills.append(self._fill(held, price, quantity, at_ns))
        if held.filled == terms.quantity:
            self._end(held, OrderState.FILLED)
        elif held.filled:
            held.state = OrderState.PARTIALLY_FILLED
        return tuple(held.fills[before:])

    def _fill(self, held: _Resting, price: Decimal, quantity: Decimal, at_ns: int) -> Fill:
        terms = held.order.terms
        instrument = terms.instrument
        bps = self._taker_bps(instrument)
        assert bps is not None, "an order without a known fee was not accepted"
        in_base = terms.side is Side.BUY and self.venue in FEE_IN_BASE
        in_base = in_base and instrument.product is Product.SPOT
        amount = quantity if in_base else price * quantity
        count = len(held.fills) + 1
        return Fill(
            venue=self.venue,
            trade_id=f"{number_of(held.order)}-{at_ns}-{count}",
            venue_order_id=number_of(held.order),
            client_id=held.order.client_id,
            instrument=instrument,
            side=terms.side,
            price=price,
            quantity=quantity,
            fee=(amount * bps / BPS).quantize(FEE_STEP, ROUND_UP),
            fee_asset=instrument.base if in_base else instrument.quote,
            at_ns=at_ns,
        )

    def _taken_of(self, instrument: Instrument, side: Side, version: int) -> dict[Decimal, Decimal]:
        """What we took of the levels of this version of the book."""
        known, taken = self._taken.get((instrument, side), (version, {}))
        if known != version:
            taken = {}
        self._taken[instrument, side] = version, taken
        return taken

    def _end(self, held: _Resting, state: OrderState) -> None:
        held.state = state
        self._ended.append(held.order.client_id)
        if len(self._ended) > ENDED_KEPT_MAX:
            self._orders.pop(self._ended.pop(0), None)


class Passages:
    """Transfers between paper venues. takes_s: of one on average, whatever its chain."""

    def __init__(self, takes_s: float) -> None:
        self._takes_s = takes_s
        self._transfers: dict[str, Transfer] = {}

    def withdraw(self, transfer: Transfer) -> Withdrawn:
        """Accepted; a second request with the same client id is the first one."""
        self._transfers.setdefault(transfer.client_id, transfer)
        return Withdrawn(withdrawal_id_of(transfer), None)

    def restore(self, transfer: Transfer) -> None:
        """A row of the ledger that has an answer; the caller passes no other."""
        self._transfers[transfer.client_id] = transfer

    def withdrawals(self, transfer: Transfer, at_ns: int) -> list[WithdrawalReport]:
        """What the sender says of this one; empty: it was never accepted."""
        found = self._transfers.get(transfer.client_id)
        if found is None:
            return []
        share = self._share(found, at_ns)
        if share < LEAVES:
            state = TransferState.ACCEPTED
        else:
            state = TransferState.ON_CHAIN if share < 1.0 else TransferState.CREDITED
        terms = found.terms
        return [
            WithdrawalReport(
                venue=terms.from_venue,
                withdrawal_id=withdrawal_id_of(found),
                client_id=found.client_id,
                asset=terms.asset,
                network=terms.network,
                address=terms.address or None,
                amount=terms.amount,
                fee=terms.fee,
                state=state,
                txid=None if state is TransferState.ACCEPTED else txid_of(found),
                at_ns=found.signed_at_ns,
            )
        ]

    def deposits(
        self, venue: Venue, asset: str, since_ns: int, txid: str | None, at_ns: int
    ) -> list[DepositReport]:
        """What the receiver sees, newest first."""
        return [
            DepositReport(
                venue=venue,
                deposit_id=f"{txid_of(each)}:0",
                asset=asset,
                network=each.terms.to_network,
                amount=each.terms.amount,
                txid=txid_of(each),
                state=(
                    TransferState.CREDITED
                    if self._share(each, at_ns) >= 1.0
                    else TransferState.ON_CHAIN
                ),
                at_ns=self._reached_ns(each, at_ns),
            )
            for each in reversed(self._transfers.values())
            if each.terms.to_venue is venue
            and each.terms.asset == asset
            and txid in {None, txid_of(each)}
            and (each.signed_at_ns or 0) >= since_ns
            and self._share(each, at_ns) >= SEEN
        ]

    def forget(self, client_ids: Iterable[str]) -> None:
        """They are over."""
        for client_id in client_ids:
            self._transfers.pop(client_id, None)

    def _share(self, transfer: Transfer, at_ns: int) -> float:
        """How much of its way it has gone, by its own pace."""
        began_ns = _began_ns(transfer)
        takes_ns = self._takes_ns(transfer)
        return (at_ns - began_ns) / takes_ns if takes_ns > 0 else 1.0

    def _reached_ns(self, transfer: Transfer, at_ns: int) -> int:
        """When the receiver credited it, or first saw it, by its clock."""
        share = 1.0 if self._share(transfer, at_ns) >= 1.0 else SEEN
        return _began_ns(transfer) + round(self._takes_ns(transfer) * share)

    def _takes_ns(self, transfer: Transfer) -> float:
        """Its id decides."""
        chance = zlib.crc32(transfer.client_id.encode()) / 2**32
        return max(0.0, self._takes_s * (TAKES_LOW + TAKES_SPREAD * chance)) * SECOND_NS


def _began_ns(transfer: Transfer) -> int:
    began_ns = transfer.signed_at_ns
    assert began_ns is not None, "what was accepted was signed"
    return began_ns


def withdrawal_id_of(transfer: Transfer) -> str:
    return f"w-{transfer.client_id}"


def txid_of(transfer: Transfer) -> str:
    return f"paper-{transfer.client_id}"


def address_of(venue: Venue, asset: str, network: str) -> DepositAddress:
    return DepositAddress(venue, asset, network, f"paper-{venue}-{asset}-{network}".lower())


def depth_of(
    version: int, bids: Sequence[tuple[float, float]], asks: Sequence[tuple[float, float]]
) -> Depth:
    """Of a book's floats: the shortest decimal that is this float, as the venue wrote it."""
    return Depth(version, _exact(bids), _exact(asks))


def scaled(depth: Depth, factor: Decimal, tick: Decimal) -> Depth:
    """The same levels at other prices, in whole ticks, never better for whoever takes them."""
    return Depth(
        depth.version,
        _repriced(depth.bids, factor, tick, ROUND_FLOOR),
        _repriced(depth.asks, factor, tick, ROUND_CEILING),
    )


def _repriced(levels: Levels, factor: Decimal, tick: Decimal, rounding: str) -> Levels:
    found: dict[Decimal, Decimal] = {}
    for price, quantity in levels:
        steps = (price * factor / tick).to_integral_value(rounding)
        found[steps * tick] = found.get(steps * tick, ZERO) + quantity
    return tuple(found.items())


def _exact(levels: Sequence[tuple[float, float]]) -> Levels:
    return tuple((Decimal(repr(price)), Decimal(repr(quantity))) for price, quantity in levels)
