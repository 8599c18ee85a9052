"""A second reading of SPEC §6, in plain Python over dicts, one bar at a time. Slow on purpose.

It shares nothing with the product: no arrays, no portfolio arithmetic, no scheduling ahead. Every
sentence of the text is one place here.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from statistics import fmean, stdev
from typing import Any

Candle = tuple[int, float, float]  # open time in seconds, open, close
Rate = tuple[int, float]  # known from, in seconds; KRW per USDT


@dataclass
class Market:
    base: str
    krw: Sequence[Candle]
    glob: Sequence[Candle]


@dataclass
class Strategy:
    style: str = "inventory"
    direction: str = "high"
    entry_bps: float = 80.0
    exit_bps: float = 10.0
    max_hold_bars: int = 0
    notional_krw: float = 10_000_000.0
    initial_capital_krw: float = 100_000_000.0
    krw_fee_bps: float = 5.0
    global_fee_bps: float = 10.0
    slippage_bps: float = 2.0
    withdraw_fee: dict[str, float] = field(default_factory=dict)
    transfer_bars: int = 10
    hedge: bool = False
    hedge_fee_bps: float = 4.0
    qty_step: float = 0.0


@dataclass
class Bar:
    t: int
    k_open: float
    k_close: float
    g_open: float
    g_close: float


@dataclass
class Hedge:
    qty: float
    price_in: float
    fx_in: float
    booked: float | None = None


@dataclass
class Cycle:
    direction: str
    base: str
    qty: float = 0.0
    t_entry: int = 0
    return_base: str | None = None
    t_exit: int = 0
    pnl_krw: float = 0.0
    reason: str = ""
    flows: list[float] = field(default_factory=list)  # inventory, as booked
    cost_krw: float = 0.0
    hold_start: int = 0
    moving: tuple[str, float] | None = None  # coin and full quantity in transit
    lands_from: int = 0
    cash: float | None = None
    return_qty: float = 0.0
    hedges: list[Hedge] = field(default_factory=list)


@dataclass
class Verdict:
    bars: int
    cycles: list[Cycle]
    equity: list[tuple[int, float]]
    open_cycle: Cycle | None
    open_mark: float | None
    metrics: dict[str, float | int | None]


class Oracle:
    def __init__(
        self,
        markets: Sequence[Market],
        rates: Sequence[Rate],
        timeframe_s: int,
        strategy: Strategy,
        start: int | None = None,
        end: int | None = None,
    ) -> None:
        self.w = timeframe_s
        self.p = strategy
        self.rates = rates
        self.bars: dict[str, dict[int, Bar]] = {}
        for market in markets:
            theirs = {t: (o, c) for t, o, c in market.glob}
            self.bars[market.base] = {
                t: Bar(t, o, c, *theirs[t])
                for t, o, c in market.krw
                if t in theirs
                and self.f(t) is not None
                and (start is None or t >= start)
                and (end is None or t < end)
            }
        self.slip = strategy.slippage_bps / 1e4
        self.phi = {"krw": strategy.krw_fee_bps / 1e4, "global": strategy.global_fee_bps / 1e4}
        self.phi_hedge = strategy.hedge_fee_bps / 1e4

    def f(self, x: int) -> Any:
        best: Rate | None = None
        for known, rate in self.rates:
            if known <= x and (best is None or known >= best[0]):
                best = (known, rate)
        return None if best is None else best[1]

    def premium(self, bar: Bar) -> float:
        return (bar.k_close / (bar.g_close * self.f(bar.t + self.w)) - 1) * 1e4

    def buy(self, venue: str, qty: float, price: float) -> float:
        return qty * price * (1 + self.slip) * (1 + self.phi[venue])

    def sell(self, venue: str, qty: float, price: float) -> float:
        return qty * price * (1 - self.slip) * (1 - self.phi[venue])

    def play(self) -> Verdict:
        self.cycle: Cycle | None = None
        self.order: tuple[str, str, int] | None = None  # what, coin, signal time
        self.done: list[Cycle] = []
        self.realised = 0.0
        self.last: dict[str, Bar] = {}
        equity: list[tuple[int, float]] = []
        times = sorted({t for bars in self.bars.values() for t in bars})
        for t in times:
            here = {base: bars[t] for base, bars in self.bars.items() if t in bars}
            self.last.update(here)
            self.at_open(t, here)
            self.at_close(t, here)
            mark = self.mark(t) if self.cycle else 0.0
            equity.append((t, self.p.initial_capital_krw + self.realised + mark))
        mark = self.mark(times[-1]) if self.cycle else None
        bars = sum(len(bars) for bars in self.bars.values())
        return Verdict(bars, self.done, equity, self.cycle, mark, self.metrics(equity))

    # executions at the open

    def at_open(self, t: int, here: dict[str, Bar]) -> None:
        self.land(t, here)
        if self.order and self.order[1] in here and t > self.order[2]:
            what, base, _ = self.order
            self.order = None
            getattr(self, what)(here[base], base)
            self.land(t, here)  # transfer_bars = 0: the same bar

    def enter_high(self, bar: Bar, base: str) -> None:
        self.enter("high", bar, base)

    def enter_low(self, bar: Bar, base: str) -> None:
        self.enter("low", bar, base)

    def enter(self, direction: str, bar: Bar, base: str) -> None:
        p, fx = self.p, self.f(bar.t)
        if direction == "high":
            qty = p.notional_krw / (bar.g_open * (1 + self.slip) * fx)
        else:
            qty = p.notional_krw / (bar.k_open * (1 + self.slip))
        if p.qty_step > 0:
            qty = math.floor(qty / p.qty_step + 1e-9) * p.qty_step
        if qty == 0:
            return
        self.cycle = Cycle(direction, base, qty, bar.t, hold_start=bar.t)
        if p.style == "inventory":
            if direction == "high":
                self.cycle.flows = [
                    self.sell("krw", qty, bar.k_open),
                    -self.buy("global", qty, bar.g_open) * fx,
                ]
            else:
                self.cycle.flows = [
                    -self.buy("krw", qty, bar.k_open),
                    self.sell("global", qty, bar.g_open) * fx,
                ]
            return
        if direction == "high":
            self.cycle.cost_krw = self.buy("global", qty, bar.g_open) * fx
        else:
            self.cycle.cost_krw = self.buy("krw", qty, bar.k_open)
        self.set_out(bar, base, qty)

    def leave(self, bar: Bar, base: str) -> None:
        cycle, fx = self.cycle, self.f(bar.t)
        assert cycle
        if cycle.direction == "high":
            cycle.flows.append(-self.buy("krw", cycle.qty, bar.k_open))
            cycle.flows.append(self.sell("global", cycle.qty, bar.g_open) * fx)
        else:
            cycle.flows.append(self.sell("krw", cycle.qty, bar.k_open))
            cycle.flows.append(-self.buy("global", cycle.qty, bar.g_open) * fx)
        self.finish(bar.t, sum(cycle.flows))

    def set_out(self, bar: Bar, base: str, qty: float) -> None:
        assert self.cycle
        self.cycle.moving = (base, qty)
        self.cycle.lands_from = bar.t + self.p.transfer_bars * self.w
        if self.p.hedge:
            self.cycle.hedges.append(Hedge(qty, bar.g_open, self.f(bar.t)))

    def land(self, t: int, here: dict[str, Bar]) -> None:
        cycle = self.cycle
        if not cycle or not cycle.moving or t < cycle.lands_from or cycle.moving[0] not in here:
            return
        base, qty = cycle.moving
        bar, fx = here[base], self.f(t)
        if self.p.hedge:
            hedge = cycle.hedges[-1]
            hedge.booked = hedge.qty * (hedge.price_in - bar.g_open) * fx
            hedge.booked -= (
                self.phi_hedge * hedge.qty * (hedge.price_in * hedge.fx_in + bar.g_open * fx)
            )
        cycle.moving = None
        left = max(0.0, qty - self.p.withdraw_fee.get(base, 0.0))
        home = cycle.return_base is not None
        in_korea = (cycle.direction == "high") != home
        proceeds = (
            self.sell("krw", left, bar.k_open)
            if in_korea
            else self.sell("global", left, bar.g_open)
        )
        if not home:
            cycle.cash = proceeds
            cycle.hold_start = t
            return
        final = proceeds if in_korea else proceeds * fx
        self.finish(t, final - cycle.cost_krw + sum(h.booked or 0.0 for h in cycle.hedges))

    def come_back(self, bar: Bar, base: str) -> None:
        cycle = self.cycle
        assert cycle
        assert cycle.cash is not None
        venue, price = ("krw", bar.k_open) if cycle.direction == "high" else ("global", bar.g_open)
        cycle.return_qty = cycle.cash / (price * (1 + self.slip) * (1 + self.phi[venue]))
        cycle.cash = None
        cycle.return_base = base
        self.set_out(bar, base, cycle.return_qty)

    def finish(self, t: int, pnl: float) -> None:
        assert self.cycle
        self.cycle.t_exit = t
        self.cycle.pnl_krw = pnl
        self.realised += pnl
        self.done.append(self.cycle)
        self.cycle = None

    # signals at the close

    def at_close(self, t: int, here: dict[str, Bar]) -> None:
        if self.order:
            return
        premiums = {base: self.premium(bar) for base, bar in here.items()}
        if not self.cycle:
            self.look_for_entry(t, premiums)
        elif self.p.style == "inventory":
            if self.cycle.base in premiums:
                self.look_for_exit(t, self.cycle.base, premiums[self.cycle.base], "leave")
        elif self.cycle.cash is not None:
            pick = min if self.cycle.direction == "high" else max
            best = pick(premiums.values())
            base = min(b for b, p in premiums.items() if p == best)
            self.look_for_exit(t, base, best, "come_back")

    def look_for_entry(self, t: int, premiums: dict[str, float]) -> None:
        high, low = max(premiums.values()), min(premiums.values())
        if self.p.direction in ("high", "both") and high >= self.p.entry_bps:
            base = min(b for b, p in premiums.items() if p == high)
            self.order = ("enter_high", base, t)
        elif self.p.direction in ("low", "both") and low <= -self.p.entry_bps:
            base = min(b for b, p in premiums.items() if p == low)
            self.order = ("enter_low", base, t)

    def look_for_exit(self, t: int, base: str, premium: float, what: str) -> None:
        cycle, p = self.cycle, self.p
        assert cycle
        met = premium <= p.exit_bps if cycle.direction == "high" else premium >= -p.exit_bps
        late = p.max_hold_bars > 0 and t >= cycle.hold_start + p.max_hold_bars * self.w
        if met or late:
            cycle.reason = "target" if met else "max_hold"
            self.order = (what, base, t)

    # marks and metrics

    def mark(self, t: int) -> float:
        cycle, fx = self.cycle, self.f(t + self.w)
        assert cycle
        high = cycle.direction == "high"
        if self.p.style == "inventory":
            bar = self.last[cycle.base]
            spread = cycle.qty * (bar.g_close * fx - bar.k_close)
            return sum(cycle.flows) + (spread if high else -spread)
        if cycle.moving:
            base, qty = cycle.moving
            bar = self.last[base]
            value = qty * bar.g_close * fx if high else qty * bar.k_close
        else:
            assert cycle.cash is not None
            value = cycle.cash if high else cycle.cash * fx
        for hedge in cycle.hedges:
            if hedge.booked is not None:
                value += hedge.booked
            else:
                assert cycle.moving
                close = self.last[cycle.moving[0]].g_close
                value += hedge.qty * (hedge.price_in - close) * fx
                value -= self.phi_hedge * hedge.qty * hedge.price_in * hedge.fx_in
        return value - cycle.cost_krw

    def metrics(self, equity: list[tuple[int, float]]) -> dict[str, float | int | None]:
        capital = self.p.initial_capital_krw
        pnls = [cycle.pnl_krw for cycle in self.done]
        losses = -sum(x for x in pnls if x < 0)
        final = equity[-1][1] if equity else capital
        peak, drawdown = capital, 0.0
        for _, value in equity:
            peak = max(peak, value)
            drawdown = max(drawdown, (peak - value) / peak)
        days: dict[int, float] = {}
        for t, value in equity:
            days[t // 86_400] = value
        values = [capital, *days.values()]
        returns = [b / a - 1 for a, b in pairwise(values)]
        deviation = stdev(returns) if len(returns) > 1 else 0.0
        return {
            "cycles": len(pnls),
            "total_pnl_krw": sum(pnls),
            "final_equity_krw": final,
            "roi_pct": (final / capital - 1) * 100,
            "win_rate_pct": 100 * sum(x > 0 for x in pnls) / len(pnls) if pnls else None,
            "profit_factor": sum(x for x in pnls if x > 0) / losses if losses > 0 else None,
            "max_drawdown_pct": 100 * drawdown,
            "sharpe": fmean(returns) / deviation * math.sqrt(365) if deviation > 0 else None,
        }
