"""Each intent is sent once; whatever the wire does, what became of it is found out, not guessed."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from decimal import Decimal

import pytest

from app.domain.cycles import CycleState, CycleStep, Decision, Move
from app.domain.facts import AskOrder, CancelOrder, CycleDecided, SendOrder
from app.domain.orders import Fill, OrderState
from app.domain.trading import TradingState
from app.domain.transfers import TransferState
from app.domain.venues import Venue
from app.exchanges.paper import number_of
from app.ledger import cycles, intents, leases, trading_state
from app.runtime.trading.leases import venue_lease
from tests.feeds.kit import until
from tests.ledger.trading_builders import XRP_USDT, new_order, new_transfer, opened
from tests.runtime.trading.bench import Bench

BINANCE, UPBIT = Venue.BINANCE, Venue.UPBIT


@pytest.fixture
async def bench() -> AsyncGenerator[Bench, None]:
    bench = Bench()
    await bench.begin()
    yield bench
    await bench.end()


async def buy(bench: Bench, *faults: str | None) -> None:
    """A cycle opens with one order; its sending goes as told."""
    bench.venues[BINANCE].faults += faults
    await bench.step(opened(1, new_order("buy-1")))


async def over(bench: Bench, client_id: str = "buy-1") -> OrderState:
    await until(lambda: bench.order(client_id).is_over, lambda: bench.order(client_id))
    return bench.order(client_id).state


async def test_an_order_is_sent_once_however_often_it_is_asked_for(bench: Bench) -> None:
    await buy(bench)
    assert bench.life is not None
    for _ in range(5):
        bench.life.release(SendOrder(BINANCE, "buy-1"))
    assert await over(bench) is OrderState.FILLED
    bench.life.release(SendOrder(BINANCE, "buy-1"))
    await until(lambda: bench.engine.view().orders[0].is_over, "told")
    assert bench.venues[BINANCE].placed == ["buy-1"]


async def test_answer_and_fills_are_one_transaction(bench: Bench) -> None:
    """The paper venue needs nothing but the ledger to go on after a crash."""
    await buy(bench)
    await over(bench)
    order = bench.order("buy-1")
    assert (order.complete, order.filled_quantity) == (True, 400)
    assert bench.store.writes.count("keep_order") == 1
    view = bench.engine.view()
    held = {(each.venue, each.asset): each.amount for each in view.holdings}
    assert held[BINANCE, "XRP"] == Decimal("399.6")


@pytest.mark.parametrize("way", ["halt", "kill"])
async def test_after_a_halt_nothing_leaves(bench: Bench, way: str) -> None:
    assert bench.life is not None
    await bench.step(opened(1, new_order("buy-1")), commands=False)
    if way == "halt":
        bench.say(TradingState.HALTED)
    else:
        bench.store.now(trading_state.kill, bench.mode, "a test")
    bench.life.release(SendOrder(BINANCE, "buy-1"))
    bench.life.release(CancelOrder(BINANCE, "buy-1"))
    await bench.clock.sleep(3)
    assert bench.order("buy-1").state is OrderState.PLANNED
    assert bench.venues[BINANCE].placed == []


async def test_an_answer_that_was_lost_is_asked_for_and_the_order_is_there(bench: Bench) -> None:
    await buy(bench, "unheard")
    await until(lambda: bench.order("buy-1").state is not OrderState.SENT, "answered or not")
    assert await over(bench) is OrderState.FILLED
    assert bench.venues[BINANCE].placed == ["buy-1"]
    assert bench.order("buy-1").evidence[0].found is None


async def test_an_order_that_never_arrived_is_given_up_only_with_proof(bench: Bench) -> None:
    await buy(bench, "lost")
    await until(lambda: bench.order("buy-1").state is OrderState.UNKNOWN, "unknown")
    assert await over(bench) is OrderState.NOT_PLACED
    order = bench.order("buy-1")
    assert order.valid_until_ns is not None
    late = [
        each
        for each in order.evidence
        if each.found is False
        and each.source in {"by_id", "list"}
        and each.asked_at_ns > order.valid_until_ns
    ]
    assert {each.source for each in late} == {"by_id", "list"}
    assert (
        max(each.asked_at_ns for each in late) - min(each.asked_at_ns for each in late) >= 5 * 10**9
    )
    assert bench.venues[BINANCE].placed == []
    assert bench.purse(BINANCE, "USDT").reserved == 1_000  # it is the cycle's until that ends


async def test_a_silent_venue_proves_nothing(bench: Bench) -> None:
    await buy(bench, "lost")
    bench.venues[BINANCE].is_silent = True
    await bench.clock.sleep(60)
    assert bench.order("buy-1").state is OrderState.UNKNOWN
    bench.venues[BINANCE].is_silent = False
    assert await over(bench) is OrderState.NOT_PLACED


async def test_a_bug_of_ours_in_the_port_is_unknown_too(bench: Bench) -> None:
    await buy(bench, "bug")
    assert await over(bench) is OrderState.NOT_PLACED
    assert bench.order("buy-1").evidence[0].note == "ZeroDivisionError"


async def test_what_is_found_in_sent_is_asked_about_and_never_sent(bench: Bench) -> None:
    await bench.step(opened(1, new_order("buy-1")), commands=False)
    await bench.end()
    lease = bench.store.now(leases.claim, venue_lease(bench.mode, BINANCE), "gone", 60.0)
    assert lease is not None
    bench.store.now(intents.claim_order, bench.mode, "buy-1", "life-1", lease, 2_000)
    bench.store.now(leases.release, lease)
    await bench.begin()
    assert bench.order("buy-1").state is OrderState.SENT
    assert {each.source for each in bench.order("buy-1").evidence} >= {"by_id", "fills"}
    assert await over(bench) is OrderState.NOT_PLACED
    assert bench.venues[BINANCE].placed == []


async def test_two_processes_send_one_order_once(bench: Bench) -> None:
    """The second has neither lease nor turn; it hears of what the first one did."""
    await buy(bench)
    other = Bench(bench.mode)
    other.store, other.venues, other.clock = bench.store, bench.venues, bench.clock
    other._lives = 7
    life = await other.begin()
    life.release(SendOrder(BINANCE, "buy-1"))
    await over(bench)
    await other.end()
    assert bench.venues[BINANCE].placed == ["buy-1"]


async def test_an_order_waits_for_the_lease_of_its_venue(bench: Bench) -> None:
    assert bench.life is not None
    await bench.life.venue_leases.release()
    taken = bench.store.now(leases.claim, venue_lease(bench.mode, BINANCE), "other", 3_600.0)
    assert taken is not None
    await bench.step(opened(1, new_order("buy-1")))
    await bench.clock.sleep(2)
    assert bench.order("buy-1").state is OrderState.PLANNED
    bench.store.now(leases.release, taken)
    await bench.life.venue_leases.turn()
    assert await over(bench) is OrderState.FILLED


async def test_fills_of_the_stream_count_once_and_strangers_not_at_all(bench: Bench) -> None:
    await buy(bench, "unheard")
    await over(bench)
    assert bench.life is not None
    gateway = bench.life.gateways[BINANCE]
    (known,) = bench.store.now(intents.fills_of, bench.mode, "buy-1")
    for _ in range(3):
        gateway.hear(known)
    gateway.hear(
        Fill(
            venue=BINANCE,
            trade_id="strange",
            venue_order_id="v-nobody",
            client_id=None,
            instrument=XRP_USDT,
            side=known.side,
            price=Decimal(1),
            quantity=Decimal(1),
            fee=Decimal(0),
            fee_asset="USDT",
            at_ns=known.at_ns,
        )
    )
    await until(lambda: gateway.external == 1, "the stranger is counted")
    await bench.clock.sleep(2)
    assert bench.store.now(intents.fills_of, bench.mode, "buy-1") == (known,)
    assert bench.order("buy-1").filled_quantity == 400


async def test_a_resting_order_is_cancelled_and_then_asked_about(bench: Bench) -> None:
    from msgspec.structs import replace

    from app.domain.orders import OrderType

    resting = new_order("buy-1", price="1")
    terms = replace(resting.terms, type=OrderType.LIMIT)
    await bench.step(opened(1, replace(resting, terms=terms)))
    await until(lambda: bench.order("buy-1").state is OrderState.OPEN, "rests")
    assert bench.life is not None
    bench.life.release(CancelOrder(BINANCE, "buy-1"))
    assert await over(bench) is OrderState.CANCELLED
    sources = [each.source for each in bench.order("buy-1").evidence]
    assert "by_id" in sources[sources.index("cancel") :]
    assert bench.venues[BINANCE].cancels == 1


async def test_a_look_asks_at_once(bench: Bench) -> None:
    await buy(bench, "unheard")
    assert bench.life is not None
    bench.life.release(AskOrder(BINANCE, "buy-1"))
    await over(bench)
    assert "by_id" in bench.venues[BINANCE].questions


async def test_the_commit_of_an_answer_is_tried_again_when_the_database_comes_back(
    bench: Bench,
) -> None:
    await bench.step(opened(1, new_order("buy-1")), commands=False)
    bench.store.faults["keep_order"] = ["before", "before"]
    assert bench.life is not None
    bench.life.gateways[BINANCE].do(SendOrder(BINANCE, "buy-1"))
    assert await over(bench) is OrderState.FILLED
    assert bench.venues[BINANCE].placed == ["buy-1"]


async def test_an_answer_that_was_kept_twice_counts_once(bench: Bench) -> None:
    await bench.step(opened(1, new_order("buy-1")), commands=False)
    bench.store.faults["keep_order"] = ["after"]
    assert bench.life is not None
    bench.life.gateways[BINANCE].do(SendOrder(BINANCE, "buy-1"))
    assert await over(bench) is OrderState.FILLED
    assert bench.order("buy-1").filled_quantity == 400
    assert bench.purse(BINANCE, "XRP").reserved == Decimal("399.6")


async def test_a_venue_that_knows_what_was_proved_absent_halts_everything(bench: Bench) -> None:
    await buy(bench, "lost")
    await over(bench)
    behind, order = bench.venues[BINANCE], bench.order("buy-1")
    from tests.runtime.trading.bench import book

    answer, _ = behind.paper.place(order, book(order.terms.instrument), bench.clock.at_ns())
    assert bench.life is not None
    found = behind.paper.order(order)
    assert found is not None
    bench.life.gateways[BINANCE].hear(found)
    await until(lambda: bench.engine.state.state is TradingState.HALTED, "halted")
    assert bench.life.state is not None
    assert bench.life.state.reason.startswith("CONTRADICTION")
    assert number_of(order) in str(answer)


# Transfers


async def send(bench: Bench, *faults: str | None) -> None:
    """Bought at Binance, on the way to Upbit; its sending goes as told."""
    await buy(bench)
    await over(bench)
    await until(lambda: bool(bench.engine.view().orders[0].complete), "told")
    bench.venues[BINANCE].faults += faults
    decision = Decision(
        "c-1",
        bench.engine.view().cycle.version,
        CycleStep.WITHDRAW_REQUESTED,
        (Move(CycleState.INITIAL_TRADE_COMPLETED),),
        transfers=(new_transfer("way-1", "399.4"),),
    )
    await bench.step(CycleDecided(bench.clock.at_ns(), decision))


async def ended(bench: Bench) -> TransferState:
    await until(lambda: bench.transfer("way-1").is_over, lambda: bench.transfer("way-1"))
    return bench.transfer("way-1").state


async def test_a_transfer_is_followed_until_it_is_credited(bench: Bench) -> None:
    await send(bench)
    assert await ended(bench) is TransferState.CREDITED
    way = bench.transfer("way-1")
    assert (way.credited, way.terms.address) == (Decimal("399.4"), "paper-upbit-xrp-xrp")
    assert bench.venues[BINANCE].withdrawn == ["way-1"]
    assert bench.purse(UPBIT, "XRP").reserved == Decimal("399.4")
    assert bench.purse(UPBIT, "XRP").in_flight == 0


async def test_a_withdrawal_without_an_answer_is_found_not_repeated(bench: Bench) -> None:
    await send(bench, "unheard")
    assert await ended(bench) is TransferState.CREDITED
    assert bench.venues[BINANCE].withdrawn == ["way-1"]


async def test_a_withdrawal_that_never_arrived_is_given_up_with_proof(bench: Bench) -> None:
    await send(bench, "lost")
    assert await ended(bench) is TransferState.NOT_PLACED
    assert bench.purse(BINANCE, "XRP").reserved == Decimal("399.6")


async def test_a_withdrawal_survives_the_process(bench: Bench) -> None:
    await send(bench)
    await until(lambda: bench.transfer("way-1").withdrawal_id is not None, "accepted")
    await bench.die()
    await bench.begin(dead=("life-1",))
    assert await ended(bench) is TransferState.CREDITED
    assert bench.venues[BINANCE].withdrawn == ["way-1"]
    view = bench.store.now(cycles.view, bench.mode, "c-1")
    assert view is not None
    assert {(each.venue, each.asset) for each in view.holdings} >= {(UPBIT, "XRP")}
