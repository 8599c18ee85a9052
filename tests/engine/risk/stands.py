"""Risk over a small market whose books a test fills, and a ledger's word that it makes up."""

from __future__ import annotations

from decimal import Decimal

import msgspec

from app.domain.cycles import (
    Cycle,
    CycleState,
    CycleStep,
    CycleView,
    ExecutionStyle,
    Home,
    Plan,
    Reservation,
    Strategy,
)
from app.domain.events import PursesRead, TradingPolicyChanged, TradingStateChanged
from app.domain.facts import Fact
from app.domain.markets import Instrument
from app.domain.trading import Purse, TradingPolicy, TradingState
from app.domain.venues import Venue
from app.engine.execution.marks import Marks
from app.engine.execution.portfolio import Portfolio
from app.engine.risk.anomalies import Anomalies
from app.engine.risk.candidates import Candidate
from app.engine.risk.manager import RiskManager
from tests.engine.builders import BINANCE, UPBIT, World

D = Decimal
FRESH = (100.0, 100.0, 100.0, 60_000.0)
BUY = Instrument(BINANCE, "XRP", "USDT")
SELL = Instrument(UPBIT, "XRP", "KRW")


def purse(
    venue: Venue,
    asset: str,
    available: str,
    reserved: str = "0",
    in_flight: str = "0",
    frozen: str | None = None,
) -> Purse:
    return Purse(venue, asset, D(available), D(reserved), D(in_flight), frozen)


def cycle(
    number: int,
    *,
    base: str = "XRP",
    krw: int = 1_000_000,
    buy: Venue = BINANCE,
    sell: Venue = UPBIT,
    state: CycleState = CycleState.STARTED,
    return_base: str | None = None,
    closed_at_ns: int | None = None,
) -> Cycle:
    plan = Plan(
        Instrument(buy, base, "USDT"), Instrument(sell, base, "KRW"), D(100), D(1), D(1),
        Home(buy, "USDT", D(700)), D(krw), 50.0, (),
    )  # fmt: skip
    return Cycle(
        f"c-{number}", Strategy.HIGH_PREMIUM, "high", ExecutionStyle.TRANSFER, base, return_base,
        state, CycleStep.OPENED, None, 1, 1, 0, 0, closed_at_ns, None, None, None, None, plan,
    )  # fmt: skip


class Stand:
    """Binance and Upbit with XRP at 0.5 USDT and 700 won; USDT at 1,400 won."""

    def __init__(self, policy: TradingPolicy | None = None) -> None:
        self.world = World()
        self.world.open(UPBIT, "XRP")
        self.world.open(BINANCE, "XRP")
        self.prices(0.5, 700.0)
        engine = self.world.engine
        self.marks = Marks(engine.board, engine.rates)
        self.portfolio = Portfolio(self.marks.krw)
        self.anomalies = Anomalies(engine.board.live, engine.rack.row)
        self.risk = RiskManager(self.portfolio, self.anomalies)
        self.policy(policy or TradingPolicy())
        self.state()
        self.purses(purse(BINANCE, "USDT", "50000"), purse(UPBIT, "KRW", "100000000"))
        self.facts: list[Fact] = []

    @property
    def at_ns(self) -> int:
        return self.world.at_ns

    def prices(self, usdt: float, won: float, spread: float = 0.0002) -> None:
        """Mids of both books; spread as a share of the mid."""
        half = spread / 2.0
        self.world.tether()
        self.world.book(BINANCE, "XRP", usdt * (1 - half), usdt * (1 + half))
        self.world.book(UPBIT, "XRP", won * (1 - half), won * (1 + half))

    def policy(self, policy: TradingPolicy) -> None:
        self.risk.policy(TradingPolicyChanged(self.at_ns, policy))

    def state(
        self,
        state: TradingState = TradingState.ACTIVE,
        *,
        killed: bool = False,
        blocked: str | None = None,
    ) -> None:
        self.risk.state(TradingStateChanged(self.at_ns, state, killed, blocked))

    def purses(self, *purses: Purse, whole: bool = False) -> None:
        self.portfolio.read(PursesRead(self.at_ns, purses, whole))

    def claim(self, given: Cycle) -> None:
        self.portfolio.claimed(CycleView(given))

    def seconds(self, count: int, usdt: float = 0.5, won: float = 700.0, **kw: float) -> None:
        """So many seconds with these prices, as the engine ticks."""
        for _ in range(count):
            self.world.wait(1.0)
            self.prices(usdt, won, **kw)
            self.risk.tick(self.at_ns, self.facts)

    def candidate(self, krw: int = 1_000_000, /, **changes: object) -> Candidate:
        quantity = D(krw) / 700
        made = Candidate(
            "o-1", Strategy.HIGH_PREMIUM, ExecutionStyle.TRANSFER, "XRP", BUY, SELL, quantity,
            D(krw), 60.0, FRESH, (Reservation(BINANCE, "USDT", quantity / 2),),
        )  # fmt: skip
        return msgspec.structs.replace(made, **changes)
