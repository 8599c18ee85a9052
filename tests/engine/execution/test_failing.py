"""What goes wrong, and where it ends: nothing done, retried, turned back, a person's."""

from __future__ import annotations

from decimal import Decimal

import pytest
from msgspec import structs

from app.domain.cycles import CycleState, CycleStep, Outcome
from app.domain.facts import CycleDecided, CycleOpened, TradeRefused
from app.domain.markets import Flow
from app.domain.orders import OrderState, Role
from app.domain.trading import TradingState
from app.engine.execution.failing import delay_ns
from tests.engine.builders import BINANCE, SECOND, UPBIT, fair
from tests.engine.execution.kit import ME, TRADING, Desk
from tests.engine.execution.test_main_line import desk, korea_dear

S = CycleState


def started(**script: list[str]) -> Desk:
    world = desk()
    for step, answers in script.items():
        world.script[step].extend(answers)
    world.start()
    korea_dear(world)
    return world


@pytest.mark.parametrize(
    ("answer", "reason"), [("none", "LEG1_UNFILLED"), ("reject", "LEG1_REJECTED")]
)
def test_a_first_leg_that_does_not_trade_was_nothing(answer: str, reason: str) -> None:
    world = started(LEG1_SENT=[answer])
    cycle = world.cycle()
    assert (cycle.state, cycle.outcome, cycle.reason) == (S.FAILED, Outcome.NOTHING_DONE, reason)
    assert world.available[BINANCE, "USDT"] == 10_000
    assert cycle.closed_at_ns is not None


def test_a_timeout_is_waited_for_and_asked_about() -> None:
    world = started(LEG1_SENT=["unknown"])
    world.wait(20.0)
    assert world.cycle().state is S.STARTED
    assert len(world.sent) == 1
    order = world.view().orders[0]
    assert f"ask {order.client_id}" in world.asked
    world.resolve(order.client_id, OrderState.FILLED, share="1")
    assert world.cycle().state is S.INITIAL_TRADE_COMPLETED


def test_a_timeout_that_never_arrived_was_nothing() -> None:
    world = started(LEG1_SENT=["unknown"])
    world.wait(8.0)
    world.resolve(world.view().orders[0].client_id, OrderState.NOT_PLACED)
    assert world.cycle().outcome is Outcome.NOTHING_DONE
    assert world.cycle().reason == "LEG1_NOT_PLACED"


def test_a_resting_order_is_cancelled_after_its_time() -> None:
    world = started(LEG1_SENT=["rest"])
    world.wait(4.0)
    assert not world.asked
    world.wait(3.0)
    assert [word.split()[0] for word in world.asked] == ["cancel"]
    assert world.cycle().reason == "LEG1_UNFILLED"


def test_what_is_never_sent_expires() -> None:
    world = started(LEG1_SENT=["unsent"])
    world.wait(10.0)
    assert world.view().orders[0].state is OrderState.EXPIRED
    assert world.cycle().outcome is Outcome.NOTHING_DONE


def test_a_small_part_is_sold_back_where_it_is() -> None:
    world = desk()
    world.wallets(assets=("XRP", "USDT"), fee="30")
    world.script["LEG1_SENT"].append("part")
    world.start()
    fair(world, BINANCE)
    fair(world, UPBIT, premium=0.145)
    world.until(S.COMPLETED)
    assert world.cycle().reason == "LEG1_PARTIAL"
    assert world.cycle().outcome is Outcome.COMPENSATED
    assert not world.view().transfers
    assert world.available[BINANCE, "USDT"] > 9_995


def test_a_part_goes_on_as_the_whole_would() -> None:
    world = started(LEG1_SENT=["part"])
    world.until(S.COMPLETED)
    cycle = world.cycle()
    assert cycle.outcome is Outcome.PROFIT
    assert world.view().orders[0].filled_quantity < cycle.plan.quantity
    assert sum(each.bps for each in cycle.actual) == pytest.approx(
        float(cycle.pnl_krw / (cycle.plan.notional_krw * Decimal("0.4")) * 10_000), abs=1e-6
    )


def test_a_closed_wallet_turns_back() -> None:
    world = desk()
    world.script["WITHDRAW_REQUESTED"].extend(["reject"] * 3)
    world.start()
    korea_dear(world)
    world.until(S.COMPLETED, seconds=600)
    cycle = world.cycle()
    assert (cycle.outcome, cycle.reason) == (Outcome.COMPENSATED, "locked")
    assert world.available[BINANCE, "XRP"] < 1
    assert world.available[BINANCE, "USDT"] > 9_990
    assert {each.hop for each in world.view().transfers} == {1}, "no hop was made"
    assert [each.attempt for each in world.view().transfers] == [1, 2, 3]


def test_deposits_that_close_after_the_purchase() -> None:
    world = desk()
    world.start()
    world.script["LEG1_SENT"].append("unknown")
    korea_dear(world)
    world.wallets(UPBIT, deposit=Flow.CLOSED)
    world.resolve(world.view().orders[0].client_id, OrderState.FILLED, share="1")
    assert world.cycle().step is CycleStep.LEG1_PARTIAL
    world.wait(5.0)
    assert not world.view().transfers
    world.wallets(UPBIT)
    world.wait(2.0)
    assert len(world.view().transfers) == 1


def test_coins_that_come_back_are_sold_there() -> None:
    world = started(WITHDRAW_REQUESTED=["return"])
    world.until(S.COMPLETED, seconds=900)
    assert world.cycle().outcome is Outcome.COMPENSATED
    assert world.cycle().reason == "TRANSFER_RETURNED"


def test_the_rest_of_the_second_leg_is_repeated() -> None:
    world = started(LEG2_SENT=["part", "none", "part"])
    world.until(S.COMPLETED)
    seconds = [each for each in world.view().orders if each.role is Role.SECOND]
    assert len(seconds) == 4
    assert [each.attempt for each in seconds] == [1, 2, 3, 4]
    assert world.cycle().outcome is Outcome.PROFIT


def test_a_second_leg_that_never_trades_fails_and_is_tried_again() -> None:
    world = started(LEG2_SENT=["none"] * 20)
    world.until(S.AWAITING_RETRY, seconds=900)
    cycle = world.cycle()
    assert (cycle.reason, cycle.attempts) == ("LEG2_STUCK", 0)
    wait_s = (cycle.next_attempt_at_ns - world.at_ns) / SECOND
    assert 0.75 * 300 - 2 <= wait_s <= 1.25 * 300
    world.until(S.COMPLETED, seconds=1_200)
    assert world.cycle().attempts == 1


def test_a_price_that_is_gone_is_waited_for_then_taken() -> None:
    world = desk()
    world.start()
    korea_dear(world)
    fair(world, UPBIT, premium=-0.012)
    world.wait(125.0)
    assert world.cycle().step is CycleStep.CREDITED
    world.wait(30.0)
    assert world.cycle().step is CycleStep.CREDITED, "a quarter of the bound is not enough"
    world.wait(1_800.0, step_s=5.0)
    assert world.cycle().state is S.COMPLETED
    assert world.cycle().outcome is Outcome.LOSS
    lost_bps = -world.cycle().pnl_krw / world.cycle().plan.notional_krw * 10_000
    assert 0 < lost_bps <= 300


def test_three_tries_are_made_and_then_it_is_a_person_s() -> None:
    world = started(WITHDRAW_REQUESTED=["hang"])
    world.wait(1_801.0, step_s=10.0)
    assert (world.cycle().state, world.cycle().reason) == (S.AWAITING_RETRY, "TRANSFER_LATE")
    world.wait(6_000.0, step_s=10.0)
    assert world.cycle().state is S.DEAD_LETTER
    assert world.cycle().attempts == 3
    assert world.states().count("AWAITING_RETRY") == 3
    assert world.states().count("FAILED") == 4
    assert world.states().count("DEAD_LETTER") == 1
    count = len(world.decisions)
    world.wait(3_600.0, step_s=60.0)
    assert len(world.decisions) == count


def test_fewer_tries_than_there_were() -> None:
    world = started(WITHDRAW_REQUESTED=["hang"])
    world.wait(1_801.0, step_s=10.0)
    assert world.cycle().state is S.AWAITING_RETRY
    world.take_policy(structs.replace(TRADING, retry_max=0))
    world.wait(400.0, step_s=10.0)
    assert world.states()[-2:] == ["AWAITING_RETRY", "DEAD_LETTER"]
    assert world.cycle().attempts == 0


def test_what_arrives_late_goes_home_at_the_next_try() -> None:
    world = started(WITHDRAW_REQUESTED=["hang"])
    world.wait(1_801.0, step_s=10.0)
    world.arrive(world.view().transfers[0].client_id)
    world.until(S.COMPLETED, seconds=900)
    assert world.cycle().attempts == 1
    assert world.cycle().reason == "TRANSFER_LATE", "why it failed is kept"


def test_delays_double_and_differ_by_name_alone() -> None:
    first = [delay_ns(TRADING, ME, f"c-{n}", 0) / SECOND for n in range(200)]
    assert min(first) >= 225.0
    assert max(first) <= 375.0
    assert len(set(first)) == 200
    assert delay_ns(TRADING, ME, "c-1", 1) != delay_ns(TRADING, ME, "c-1", 0)
    assert 450 <= delay_ns(TRADING, ME, "c-1", 1) / SECOND <= 750
    assert 900 <= delay_ns(TRADING, ME, "c-1", 2) / SECOND <= 1_500


# Committed views, owners, states of trading


def test_nothing_more_is_decided_before_the_answer() -> None:
    world = desk()
    world.start()
    world._commit = lambda taken: None  # type: ignore[method-assign]
    korea_dear(world)
    for _ in range(5):
        world.wait(1.0)
    assert len(world.told(CycleOpened)) == 1
    assert not world.told(CycleDecided)


def test_a_new_owner_goes_on_where_the_ledger_stands() -> None:
    world = started()
    world.lose_cycle("c-1")
    count = len(world.decisions)
    world.wait(130.0)
    assert len(world.decisions) == count, "it is another's"
    world.claim("c-1")
    world.until(S.COMPLETED)
    assert world.cycle().outcome is Outcome.PROFIT


def test_halted_sends_nothing_but_cancels() -> None:
    world = started(LEG1_SENT=["rest"])
    world.start(TradingState.HALTED)
    world.wait(30.0)
    assert [word.split()[0] for word in world.asked] == ["cancel"]
    assert world.cycle().state is S.STARTED
    world.start()
    world.wait(2.0)
    assert world.cycle().state is S.FAILED


def test_halted_does_not_spend_tries() -> None:
    world = started(WITHDRAW_REQUESTED=["hang"])
    world.wait(1_801.0, step_s=10.0)
    world.start(TradingState.HALTED)
    world.wait(4_000.0, step_s=20.0)
    assert world.cycle().attempts == 0
    world.start()
    world.wait(2.0)
    assert world.cycle().attempts == 1


# People


def dead() -> Desk:
    world = started(WITHDRAW_REQUESTED=["hang"])
    world.wait(8_000.0, step_s=20.0)
    assert world.cycle().state is S.DEAD_LETTER
    return world


def test_a_person_retries_compensates_and_closes() -> None:
    world = dead()
    version = world.cycle().version
    world.ask("c-1", "retry")
    assert "AWAITING_REBALANCE" in world.states()[-3:]
    assert "TRY 4 by hand" in [each.note for each in world.decisions], "what the person said"
    assert world.cycle().state is S.DEAD_LETTER, "it is still on its way"
    world.ask("c-1", "retry", version=version)
    assert world.cycle().attempts == 4, "the second click saw an old version"
    world.arrive(world.view().transfers[0].client_id)
    world.ask("c-1", "compensate")
    world.until(S.COMPLETED, seconds=600)
    assert world.cycle().outcome is Outcome.COMPENSATED


def test_closing_by_hand_ends_it() -> None:
    world = dead()
    world.arrive(world.view().transfers[0].client_id)
    world.ask("c-1", "close")
    cycle = world.cycle()
    assert (cycle.state, cycle.outcome) == (S.COMPLETED, Outcome.CLOSED_BY_HAND)
    assert world.available[UPBIT, "XRP"] > 200


def test_a_person_does_not_wait_for_the_next_try() -> None:
    world = started(LEG2_SENT=["none"] * 20)
    world.until(S.AWAITING_RETRY, seconds=900)
    world.ask("c-1", "retry")
    assert world.cycle().attempts == 1
    world.until(S.COMPLETED, seconds=300)


def test_an_order_that_nobody_resolves_becomes_a_person_s() -> None:
    world = started(LEG1_SENT=["unknown"])
    world.wait(14 * 60.0, step_s=5.0)
    assert world.cycle().state is S.STARTED
    world.wait(120.0, step_s=5.0)
    assert world.cycle().reason == "UNRESOLVED"
    world.wait(8_000.0, step_s=20.0)
    assert world.cycle().state is S.DEAD_LETTER
    assert len(world.sent) == 1
    world.ask("c-1", "close")
    assert world.cycle().state is S.DEAD_LETTER, "it might still trade"


def test_what_the_ledger_refuses_is_told_and_not_asked_again() -> None:
    world = desk()
    world.refuse_next = "DUPLICATE"
    world.start()
    korea_dear(world)
    (told,) = world.told(TradeRefused)
    assert told.refused.code == "DUPLICATE"  # type: ignore[attr-defined]
    world.wait(3.0)
    assert not world.accounts
    assert world.engine.trading.portfolio.available(BINANCE, "USDT") == 10_000


def test_a_first_leg_known_too_late_is_sold_back_where_the_chance_is_gone() -> None:
    world = started(LEG1_SENT=["unknown"])
    world.wait(60.0)
    fair(world, UPBIT, premium=-0.01)
    world.resolve(world.view().orders[0].client_id, OrderState.FILLED, share="1")
    world.until(S.COMPLETED, seconds=120)
    assert not world.view().transfers
    assert world.cycle().outcome is Outcome.COMPENSATED
    assert world.available[BINANCE, "USDT"] > 9_990
