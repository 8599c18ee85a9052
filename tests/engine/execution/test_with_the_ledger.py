"""Decisions against the real ledger: no move is refused, no money is missing or left behind."""

from __future__ import annotations

import random
from collections.abc import Iterator
from contextlib import contextmanager
from decimal import Decimal

import pytest
from msgspec import structs

from app.domain.cycles import CycleState, Outcome
from app.domain.markets import Side
from app.domain.orders import Role
from app.ledger import audit, posting
from tests.engine.builders import BINANCE, UPBIT, fair
from tests.engine.execution.kit import TRADING
from tests.engine.execution.ledgered import MODE, LedgerDesk
from tests.engine.execution.test_cycles import ORDERS, TRANSFERS, WORKING
from tests.engine.execution.test_main_line import korea_dear
from tests.ledger.trading_builders import memory

S = CycleState


@contextmanager
def desk(**more: object) -> Iterator[LedgerDesk]:
    with memory() as (conn, clock):
        made = LedgerDesk(conn, clock, structs.replace(TRADING, **more))
        for venue in (UPBIT, BINANCE):
            made.lists(venue, "XRP")
        for venue in (UPBIT, BINANCE):
            made.open(venue, "XRP")
        made.tether()
        made.official()
        made.wallets(assets=("XRP", "USDT"))
        made.fund(BINANCE, "USDT", 10_000)
        fair(made, UPBIT)
        fair(made, BINANCE)
        made.wait(1.0)
        made.start()
        yield made
        assert not audit.check(conn, MODE)


def test_high_premium() -> None:
    with desk() as world:
        korea_dear(world)
        world.until(S.COMPLETED, seconds=600)
        cycle = world.cycle()
        assert cycle.outcome is Outcome.PROFIT
        gained = world.available_of(BINANCE, "USDT") - 10_000
        assert abs(gained * 1_400 - cycle.pnl_krw) < 2_000, "the rest lies in Korea"


def test_prefunded() -> None:
    with desk(styles=("PREFUNDED",)) as world:
        world.fund(UPBIT, "XRP", 2_000)
        korea_dear(world)
        assert world.cycle().state is S.COMPLETED
        assert world.cycle().outcome is Outcome.PROFIT


def test_one_leg() -> None:
    with desk(styles=("PREFUNDED",)) as world:
        world.fund(UPBIT, "XRP", 2_000)
        world.script["LEGS_SENT"].extend(("none", "fill"))
        world.script["ONE_LEG"].extend(["none"] * 6)
        korea_dear(world)
        world.until(S.COMPLETED, seconds=120)
        assert world.cycle().outcome is Outcome.COMPENSATED


@pytest.mark.parametrize("share", [0.0, -0.08, 0.08])
def test_hedged(share: float) -> None:
    with desk(styles=("HEDGED_TRANSFER",)) as world:
        world.funding("XRP", "2.5")
        korea_dear(world)
        world.wait(100.0)
        mid = 2.5 * (1 + share)
        world.book(BINANCE, "XRP", mid * 0.9999, mid * 1.0001)
        world.book(UPBIT, "XRP", mid * 1_400 * 1.0199, mid * 1_400 * 1.0201)
        world.funding("XRP", f"{mid:.6f}")
        world.until(S.COMPLETED, seconds=600)
        cycle = world.cycle()
        net_bps = float(cycle.pnl_krw / cycle.plan.notional_krw * 10_000)
        assert net_bps == pytest.approx(cycle.plan.net_bps, abs=35.0)
        _check_margin(world)


def _check_margin(world: LedgerDesk) -> None:
    """What the hedges gained lies in their own purse, and nothing of it where spot is traded."""
    gained = Decimal(0)
    for name in world.accounts:
        is_over = world.cycle(name).closed_at_ns is not None
        for each in world.view(name).orders:
            if each.role is Role.HEDGE:
                sign = 1 if each.terms.side is Side.SELL else -1
                value = each.filled_quantity * (each.average_price or Decimal(0))
                gained += sign * value * is_over - sum(fee.amount for fee in each.fees)
    kept = posting.standings_of_cycle(world.conn, MODE, "")
    assert kept["margin:binance", "USDT", ""] == gained != 0
    assert not any(account == "unclaimed" for account, _, _ in kept)
    assert world.view().net[-1].asset == "XRP", "sold and bought back: only rests of it"
    assert abs(world.view().net[-1].amount) < 1


@pytest.mark.parametrize("seed", range(24))
def test_whatever_happens(seed: int) -> None:
    chance = random.Random(seed)
    styles = chance.choice([("TRANSFER",), ("PREFUNDED", "TRANSFER"), ("HEDGED_TRANSFER",)])
    with desk(styles=styles) as world:
        world.fund(UPBIT, "XRP", 1_000)
        world.fund(UPBIT, "KRW", 3_000_000)
        world.funding("XRP", "2.5")
        steps = ("LEG1_SENT", "LEG2_SENT", "RETURN_SENT", "LEGS_SENT", "ONE_LEG", "HEDGE_OPEN",
                 "HEDGE_CLOSED")  # fmt: skip
        for step in steps:
            world.script[step].extend(chance.choices(ORDERS, (6, 2, 1, 1, 1, 1, 1), k=3))
        world.script["WITHDRAW_REQUESTED"].extend(
            chance.choices(TRANSFERS, (6, 2, 1, 1, 1, 1), k=3)
        )
        korea_dear(world)
        for _ in range(10):
            fair(world, UPBIT, premium=chance.gauss(0.0, 0.02))
            world.funding("XRP", "2.5")
            seconds = chance.choice((3.0, 60.0, 400.0))
            world.wait(seconds, step_s=max(1.0, seconds / 15.0))
            for name in tuple(world.accounts):
                luck = chance.random()
                if luck < 0.25:
                    world.resolve_all(name, chance)
                elif luck < 0.35 and world.cycle(name).closed_at_ns is None:
                    world.claim(name)
                elif luck < 0.45:
                    world.ask(name, chance.choice(("retry", "compensate", "close")))
        for _ in range(60):
            world.funding("XRP", "2.5")
            world.wait(120.0, step_s=40.0)
        for name in world.accounts:
            cycle = world.cycle(name)
            assert cycle.closed_at_ns is not None or cycle.state not in WORKING, cycle
