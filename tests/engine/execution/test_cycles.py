"""The cycle table as a whole: pure, legal, and left by time in every state."""

from __future__ import annotations

import random
from functools import cache
from itertools import pairwise

import msgspec
import pytest
from msgspec import structs

from app.books.rack import Rack
from app.domain.cycles import MOVES, CycleState
from app.domain.events import Event
from app.domain.facts import CycleDecided
from app.domain.venues import Venue
from app.engine.core import Engine
from app.engine.execution.cycles import BOTH_LEGS, DECIDE, decide
from app.engine.execution.scene import Rest, Scene
from tests.engine.builders import BINANCE, POLICY, UPBIT, Speaker, fair
from tests.engine.execution.kit import ME, RULES, TRADING, Account, Desk
from tests.engine.execution.test_main_line import desk, korea_dear

S = CycleState
WORKING = (
    S.STARTED, S.INITIAL_TRADE_COMPLETED, S.AWAITING_REBALANCE, S.REBALANCING_IN_PROGRESS,
    S.REBALANCE_TRADE_COMPLETED,
)  # fmt: skip
ORDERS = ("fill", "part", "none", "reject", "unknown", "rest", "unsent")
TRANSFERS = ("credit", "reject", "hang", "return", "absent", "unsent")


def test_every_state_has_somebody_who_decides() -> None:
    assert set(DECIDE) == set(CycleState)
    assert set(BOTH_LEGS) <= set(DECIDE)


def lived(seed: int) -> Desk:
    """One or more cycles to which anything may happen, for three hours."""
    chance = random.Random(seed)
    world = desk()
    for step in ("LEG1_SENT", "LEG2_SENT", "RETURN_SENT", "LEGS_SENT", "ONE_LEG"):
        world.script[step].extend(chance.choices(ORDERS, (6, 2, 1, 1, 1, 1, 1), k=4))
    world.script["WITHDRAW_REQUESTED"].extend(chance.choices(TRANSFERS, (6, 2, 1, 1, 1, 1), k=3))
    if chance.random() < 0.4:
        world.script["RETURN_SENT"].extend(chance.choices(TRANSFERS, (6, 2, 1, 1, 1, 1), k=3))
    if chance.random() < 0.3:
        world.fund(UPBIT, "XRP", 3_000)
        world.take_policy(structs.replace(TRADING, styles=("PREFUNDED", "TRANSFER")))
    world.start()
    korea_dear(world)
    for _ in range(12):
        fair(world, UPBIT, premium=chance.gauss(0.0, 0.02))
        seconds = chance.choice((3.0, 60.0, 400.0))
        world.wait(seconds, step_s=max(1.0, seconds / 20.0))
        for name in tuple(world.accounts):
            luck = chance.random()
            if luck < 0.2:
                world.resolve_all(name, chance)
            elif luck < 0.3:
                world.claim(name) if world.cycle(name).closed_at_ns is None else None
            elif luck < 0.4:
                world.ask(name, chance.choice(("retry", "compensate", "close", "close")))
    world.wait(9_000.0, step_s=60.0)
    for name in tuple(world.accounts):
        world.resolve_all(name, chance)
        world.ask(name, chance.choice(("retry", "close")))
    world.wait(3_000.0, step_s=60.0)
    return world


@cache
def ended(seed: int) -> tuple[list[Account], list[str]]:
    world = lived(seed)
    return list(world.accounts.values()), world.sent


@pytest.mark.parametrize("block", range(4))
def test_whatever_happens_every_cycle_comes_to_an_end_or_to_a_person(block: int) -> None:
    """The ledger of the desk checks money, versions and legal moves on the way."""
    for seed in range(block * 10, block * 10 + 10):
        accounts, all_sent = ended(seed)
        for account in accounts:
            cycle = account.view.cycle
            open_ = cycle.closed_at_ns is None
            if open_:
                assert cycle.state not in WORKING, (seed, cycle.state, cycle.step)
            assert cycle.attempts <= TRADING.retry_max + 12
            sent = [each for each in all_sent if each in {o.client_id for o in account.view.orders}]
            assert len(sent) == len(set(sent)), "an order is sent once"


def test_the_random_lives_reach_every_legal_move() -> None:
    moves: set[tuple[str, str]] = set()
    for seed in range(40):
        for account in ended(seed)[0]:
            states = [state.value for state in account.history]
            moves |= set(pairwise(states))
    legal = {(a.value, b.value) for a, each in MOVES.items() for b in each}
    # A price that vanished at the very end; fewer tries than there were: they have their own.
    rare = {("REBALANCE_TRADE_COMPLETED", "FAILED"), ("AWAITING_RETRY", "DEAD_LETTER")}
    assert moves <= legal
    assert legal - moves <= rare, sorted(legal - moves)


def test_a_decision_is_the_same_whenever_it_is_asked_for() -> None:
    world = lived(3)
    for account in world.accounts.values():
        scene = Scene(account.view, world.engine.trading.sight, TRADING, world.at_ns, ME)
        assert decide(scene) == decide(scene)


def test_replayed_events_give_the_same_decisions_byte_for_byte() -> None:
    encode = msgspec.msgpack.Encoder().encode

    def played(events: list[Event]) -> tuple[bytes, int]:
        engine = Engine(
            Rack(), {venue: Speaker(venue) for venue in Venue}, POLICY, identity=ME,
            venue_rules=RULES,
        )  # fmt: skip
        taken = [engine.step(event) for event in events]
        count = sum(isinstance(f, CycleDecided) for each in taken for f in each.facts)
        return b"".join(encode(each) for each in taken), count

    world = desk()
    world.refreshed = False
    world.start()
    korea_dear(world)
    for _ in range(40):
        fair(world, UPBIT, premium=0.02)
        fair(world, BINANCE)
        world.tether()
        world.wait(4.0, step_s=4.0)
    first = played(world.events)
    assert first == played(world.events)
    assert first[1] >= 3


# Every state is left by time


@pytest.mark.parametrize(
    ("script", "seconds"),
    [
        ({"LEG1_SENT": ["unknown"]}, 1_000),
        ({"LEG1_SENT": ["unsent"]}, 10),
        ({"WITHDRAW_REQUESTED": ["hang"]}, 1_900),
        ({"WITHDRAW_REQUESTED": ["unsent"] * 200}, 900),
        ({"LEG2_SENT": ["unknown"]}, 1_500),
        ({"LEG2_SENT": ["none"] * 99}, 1_500),
        ({"RETURN_SENT": ["unknown"]}, 1_500),
        ({"RETURN_SENT": ["none"] * 99}, 3_000),
        ({"RETURN_SENT": ["fill", "hang"]}, 3_000),
        ({"RETURN_SENT": ["fill", *["reject"] * 9]}, 3_000),
        ({"RETURN_SENT": ["unsent"] * 999}, 500),
    ],
)
def test_a_state_that_nothing_moves_is_left_by_time(
    script: dict[str, list[str]], seconds: int
) -> None:
    world = desk()
    for step, answers in script.items():
        world.script[step].extend(answers)
    world.start()
    korea_dear(world)
    world.until(S.FAILED, S.AWAITING_RETRY, S.COMPLETED, seconds=seconds)


def test_without_prices_it_ends_at_a_person() -> None:
    world = desk()
    world.start()
    korea_dear(world)
    world.until(S.AWAITING_REBALANCE, S.REBALANCING_IN_PROGRESS, seconds=400)
    for venue in (UPBIT, BINANCE):
        world.lose(venue)
    world.until(S.AWAITING_RETRY)
    assert world.cycle().reason == "NO_WAY_HOME"
    world.wait(12_000.0, step_s=30.0)
    assert world.cycle().state is S.DEAD_LETTER
    assert world.cycle().attempts == 3


def test_a_result_without_a_price_is_waited_for() -> None:
    world = desk()
    world.start()
    korea_dear(world)
    world.until(S.REBALANCING_IN_PROGRESS, seconds=400)
    world.wait(60.0)
    world.refreshed = False
    world.fund(BINANCE, "USDT", 1)
    account = world.accounts["c-1"]
    for key in [key for key in account.held if key[1] != "USDT"]:
        del account.held[key]
    account.opened = {"USDT": account.opened["USDT"]}
    world.until(S.REBALANCE_TRADE_COMPLETED, seconds=200)
    world.until(S.AWAITING_RETRY, seconds=1_300)
    assert world.cycle().reason == "NO_PRICE"
    world.refreshed = True
    world.tether()
    korea_dear(world)
    world.until(S.COMPLETED, seconds=600)


def test_rests_are_never_longer_than_what_may_change_by_time() -> None:
    """Whoever rests says until when, and that time lies ahead."""
    world = lived(5)
    for account in world.accounts.values():
        scene = Scene(account.view, world.engine.trading.sight, TRADING, world.at_ns, ME)
        answer = decide(scene)
        if isinstance(answer, Rest):
            assert answer.until_ns > world.at_ns
