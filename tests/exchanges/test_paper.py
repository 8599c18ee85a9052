"""The paper venue: what a book shows is traded once, at its own prices, less its own fees."""

from __future__ import annotations

from decimal import Decimal

from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from app.domain.markets import Instrument, Product, Side
from app.domain.orders import (
    Fill,
    NoAnswer,
    OrderState,
    OrderType,
    PlaceAnswer,
    Placed,
    Rejection,
)
from app.domain.transfers import TransferState
from app.domain.venues import Venue
from app.exchanges.paper import Depth, PaperVenue, Passages, address_of, depth_of, number_of, scaled
from tests.runtime.trading.rows import COIN, SECOND, T0, WON, order, transfer

BOOK = depth_of(1, [(2.4, 50.0), (2.3, 100.0)], [(2.5, 40.0), (2.6, 80.0), (2.7, 500.0)])


def venue(name: Venue = Venue.BINANCE, bps: str | None = "10", share: str = "1") -> PaperVenue:
    return PaperVenue(name, lambda _: None if bps is None else Decimal(bps), Decimal(share))


def state(answer: PlaceAnswer) -> OrderState:
    assert isinstance(answer, Placed)
    assert answer.report is not None
    return answer.report.state


def traded(fills: tuple[Fill, ...]) -> Decimal:
    return sum((fill.quantity for fill in fills), Decimal(0))


def test_an_ioc_takes_levels_up_to_its_price_and_the_rest_is_cancelled() -> None:
    answer, fills = venue().place(order(price="2.6", quantity="200"), BOOK, T0)
    assert state(answer) is OrderState.CANCELLED
    assert [(fill.price, fill.quantity) for fill in fills] == [
        (Decimal("2.5"), Decimal("40.0")),
        (Decimal("2.6"), Decimal("80.0")),
    ]


def test_a_perpetual_is_paid_for_in_its_quote() -> None:
    coin = order(price="2.6", quantity="200").terms.instrument
    hedge = replace(coin, product=Product.PERPETUAL)
    asked = order(price="2.6", quantity="40")
    asked = replace(asked, terms=replace(asked.terms, instrument=hedge))
    _, (fill,) = venue().place(asked, BOOK, T0)
    assert (fill.fee, fill.fee_asset) == (Decimal("0.1"), hedge.quote)


def test_a_book_at_other_prices_is_never_better_for_its_taker() -> None:
    near = scaled(BOOK, Decimal("1.01"), Decimal("0.1"))
    assert near.bids == ((Decimal("2.4"), Decimal(50)), (Decimal("2.3"), Decimal(100)))
    assert [price for price, _ in near.asks] == [Decimal("2.6"), Decimal("2.7"), Decimal("2.8")]
    joined = scaled(BOOK, Decimal(1), Decimal("0.5"))
    assert joined.asks == ((Decimal("2.5"), Decimal(40)), (Decimal("3.0"), Decimal(580)))
    assert joined.version == BOOK.version


def test_what_was_taken_is_gone_until_the_book_changes() -> None:
    here = venue()
    here.place(order("a" * 20, price="2.5", quantity="30"), BOOK, T0)
    _, second = here.place(order("b" * 20, price="2.5", quantity="30"), BOOK, T0)
    assert traded(second) == 10
    later = BOOK._replace(version=2)
    _, third = here.place(order("c" * 20, price="2.5", quantity="30"), later, T0)
    assert traded(third) == 30


def test_a_sale_walks_down_the_bids() -> None:
    answer, fills = venue().place(order(side=Side.SELL, price="2.3", quantity="120"), BOOK, T0)
    assert state(answer) is OrderState.FILLED
    assert [fill.price for fill in fills] == [Decimal("2.4"), Decimal("2.3")]


def test_only_a_share_of_what_is_shown_is_there_for_us() -> None:
    _, fills = venue(share="0.5").place(order(price="2.5", quantity="100"), BOOK, T0)
    assert traded(fills) == 20


def test_fees_are_taken_where_the_venue_takes_them() -> None:
    _, abroad = venue().place(order(price="2.5", quantity="40"), BOOK, T0)
    assert (abroad[0].fee, abroad[0].fee_asset) == (Decimal("0.04"), "XRP")
    _, sold = venue().place(order(side=Side.SELL, price="2.4", quantity="50"), BOOK, T0)
    assert (sold[0].fee, sold[0].fee_asset) == (Decimal("0.12"), "USDT")
    _, here = venue(Venue.UPBIT).place(order(instrument=WON, price="2.5", quantity="40"), BOOK, T0)
    assert here[0].fee_asset == "KRW"


def test_without_a_book_or_a_fee_it_refuses_and_guesses_nothing() -> None:
    no_book, _ = venue().place(order(), None, T0)
    no_fee, _ = venue(bps=None).place(order(), BOOK, T0)
    assert isinstance(no_book, Rejection)
    assert isinstance(no_fee, Rejection)
    assert (no_book.code, no_fee.code) == ("no_book", "fee_unknown")


def test_a_client_id_is_taken_once() -> None:
    here = venue()
    here.place(order(quantity="10"), BOOK, T0)
    again, fills = here.place(order(quantity="10"), BOOK, T0)
    assert again == NoAnswer("duplicate")
    assert fills == ()
    found = here.order(order())
    assert found is not None
    assert found.filled_quantity == 10


def test_a_resting_order_trades_when_its_price_comes() -> None:
    here = venue()
    wanted = order(type=OrderType.LIMIT, price="2.45", quantity="100")
    answer, fills = here.place(wanted, BOOK, T0)
    assert (state(answer), fills) == (OrderState.OPEN, ())
    cheaper = depth_of(2, [(2.3, 5.0)], [(2.44, 60.0)])
    ((report, got),) = here.turned(COIN, cheaper, T0 + 1)
    assert (report.state, traded(got)) == (OrderState.PARTIALLY_FILLED, Decimal("60.0"))
    assert here.turned(COIN, cheaper, T0 + 2) == []
    ((done, rest),) = here.turned(COIN, cheaper._replace(version=3), T0 + 3)
    assert (done.state, traded(rest)) == (OrderState.FILLED, 40)
    assert not list(here.resting())


def test_a_cancel_ends_what_rests_and_nothing_else() -> None:
    here = venue()
    wanted = order(type=OrderType.LIMIT, price="1", quantity="100")
    here.place(wanted, BOOK, T0)
    assert isinstance(here.cancel(wanted, T0 + 1), Placed)
    assert isinstance(here.cancel(wanted, T0 + 2), Rejection)
    found = here.order(wanted)
    assert found is not None
    assert found.state is OrderState.CANCELLED


def test_after_a_restart_it_knows_what_the_ledger_knows() -> None:
    kept = order(
        type=OrderType.LIMIT,
        state=OrderState.PARTIALLY_FILLED,
        filled_quantity=Decimal(30),
        average_price=Decimal("2.5"),
        venue_order_id=number_of(order()),
    )
    here = venue()
    here.restore(kept)
    found = here.order(kept)
    assert found is not None
    assert (found.state, found.filled_quantity) == (OrderState.PARTIALLY_FILLED, 30)
    (_, fills), *_ = here.turned(COIN, BOOK, T0)
    assert traded(fills) == 40
    assert here.order(order("never-answered")) is None
    assert [each.venue_order_id for each in here.orders(COIN, 0)] == [number_of(kept)]


def test_a_fill_that_the_ledger_was_told_of_and_has_not_is_made_up_once() -> None:
    """The state was committed, and the process died before the fills were."""
    kept = order(
        state=OrderState.FILLED,
        filled_quantity=Decimal(100),
        average_price=Decimal("2.5") / 3,
        venue_order_id=number_of(order()),
    )
    here, again = venue(), venue()
    here.restore(kept)
    again.restore(kept)
    (fill,) = here.fills(kept)
    assert (fill.quantity, fill.price) == (100, Decimal("0.8333333334"))
    assert again.fills(kept) == [fill]
    whole = venue()
    whole.restore(kept, [fill])
    assert whole.fills(kept) == [fill]


LEVELS = st.lists(
    st.tuples(st.integers(1, 400), st.integers(1, 1_000)),
    min_size=1,
    max_size=8,
    unique_by=lambda x: x[0],
)


@given(LEVELS, st.lists(st.tuples(st.integers(1, 400), st.integers(1, 2_000)), max_size=6))
def test_orders_never_trade_more_than_was_shown_nor_worse_than_asked(
    levels: list[tuple[int, int]], wanted: list[tuple[int, int]]
) -> None:
    asks = tuple((Decimal(price), Decimal(quantity)) for price, quantity in sorted(levels))
    here, book = venue(), Depth(1, (), asks)
    taken: dict[Decimal, Decimal] = {}
    for number, (price, quantity) in enumerate(wanted):
        sent = order(str(number) * 20, price=str(price), quantity=str(quantity))
        answer, fills = here.place(sent, book, T0)
        assert traded(fills) <= quantity
        assert all(fill.price <= price for fill in fills)
        assert (state(answer) is OrderState.FILLED) == (traded(fills) == quantity)
        assert tuple(here.fills(sent)) == fills
        for fill in fills:
            taken[fill.price] = taken.get(fill.price, Decimal(0)) + fill.quantity
    shown = dict(asks)
    assert all(quantity <= shown[price] for price, quantity in taken.items())


def test_a_transfer_leaves_is_seen_and_arrives_whoever_watches() -> None:
    sent = transfer(withdrawal_id=None)
    way = Passages(20.0)
    assert way.withdrawals(sent, T0) == []
    way.withdraw(sent)

    def states(seconds: int) -> tuple[TransferState, TransferState | None]:
        at_ns = T0 + seconds * SECOND
        (out,) = way.withdrawals(sent, at_ns)
        into = way.deposits(Venue.UPBIT, "XRP", 0, out.txid, at_ns)
        return out.state, into[0].state if into else None

    assert states(1) == (TransferState.ACCEPTED, None)
    assert states(26) == (TransferState.CREDITED, TransferState.CREDITED)
    seen = [states(second) for second in range(27)]
    order_of = list(dict.fromkeys(seen))
    assert order_of == [
        (TransferState.ACCEPTED, None),
        (TransferState.ON_CHAIN, None),
        (TransferState.ON_CHAIN, TransferState.ON_CHAIN),
        (TransferState.CREDITED, TransferState.CREDITED),
    ]


def test_an_arrival_is_told_with_its_own_time_not_with_that_of_the_question() -> None:
    sent = transfer(withdrawal_id=None)
    way = Passages(20.0)
    way.withdraw(sent)
    times = [
        (into.state, into.at_ns)
        for second in range(60)
        for into in way.deposits(Venue.UPBIT, "XRP", 0, None, T0 + second * SECOND)
    ]
    (seen, seen_ns), (credited, credited_ns) = dict.fromkeys(times)
    assert (seen, credited) == (TransferState.ON_CHAIN, TransferState.CREDITED)
    assert seen_ns is not None
    assert credited_ns is not None
    assert T0 + 15 * SECOND <= credited_ns <= T0 + 25 * SECOND
    assert T0 < seen_ns < credited_ns


def test_a_transfer_goes_on_while_nobody_is_there() -> None:
    sent = transfer(withdrawal_id="w")
    before, after = Passages(20.0), Passages(20.0)
    before.withdraw(sent)
    after.restore(sent)
    for second in range(30):
        at_ns = T0 + second * SECOND
        assert before.withdrawals(sent, at_ns) == after.withdrawals(sent, at_ns)
    assert after.deposits(Venue.UPBIT, "XRP", 0, "another", T0 + 60 * SECOND) == []
    assert after.deposits(Venue.BINANCE, "XRP", 0, None, T0 + 60 * SECOND) == []


def test_an_address_is_its_own_for_each_place() -> None:
    found = {
        address_of(venue, asset, network).address
        for venue in (Venue.UPBIT, Venue.GATE)
        for asset in ("XRP", "USDT")
        for network in ("A", "B")
    }
    assert len(found) == 8


def test_a_float_of_a_book_is_the_decimal_that_the_venue_wrote() -> None:
    book = depth_of(1, [(0.1, 1e-07)], [(1e16, 0.3)])
    assert book.bids == ((Decimal("0.1"), Decimal("1E-7")),)
    assert str(order(quantity="0.3").terms.quantity) == str(book.asks[0][1])


def test_an_instrument_has_its_own_liquidity() -> None:
    here = venue()
    other = Instrument(Venue.BINANCE, "SOL", "USDT")
    here.place(order("a" * 20, price="2.5", quantity="40"), BOOK, T0)
    _, fills = here.place(order("b" * 20, instrument=other, price="2.5", quantity="40"), BOOK, T0)
    assert traded(fills) == 40
