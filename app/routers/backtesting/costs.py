"""What a round trip costs, in bps of the notional, and from which entry on a cycle can earn."""

from __future__ import annotations

from dataclasses import dataclass

from app.domain.backtests import Params, Style


@dataclass(frozen=True, slots=True)
class Cost:
    """One line of the bill: which, how many times, how much in all (bps)."""

    name: str
    times: int
    each_bps: float

    @property
    def bps(self) -> float:
        return self.times * self.each_bps


@dataclass(frozen=True, slots=True)
class Bill:
    """A cycle that enters and leaves exactly at its thresholds, to first order.

    Withdrawal fees are amounts of coins: they depend on the price and are left out (`transfer`).
    """

    costs: tuple[Cost, ...]
    entry_bps: float
    exit_bps: float
    withdrawal_left_out: bool

    @property
    def total_bps(self) -> float:
        return sum(cost.bps for cost in self.costs)

    @property
    def captured_bps(self) -> float:
        """What the premium gives between the two thresholds."""
        return self.entry_bps - self.exit_bps

    @property
    def net_bps(self) -> float:
        return self.captured_bps - self.total_bps

    @property
    def break_even_bps(self) -> float:
        """The entry at which a cycle that leaves at the exit threshold earns nothing."""
        return self.exit_bps + self.total_bps


def bill(params: Params) -> Bill:
    """Both styles fill four legs: two on the won venue, two on the dollar venue."""
    costs = [
        Cost("krw_fee", 2, params.krw_fee_bps),
        Cost("global_fee", 2, params.global_fee_bps),
        Cost("slippage", 4, params.slippage_bps),
    ]
    transfer = params.style is Style.TRANSFER
    if transfer and params.hedge:
        costs.append(Cost("hedge_fee", 4, params.hedge_fee_bps))
    paid = transfer and any(fee > 0 for fee in params.withdraw_fee.values())
    return Bill(tuple(costs), params.entry_bps, params.exit_bps, withdrawal_left_out=paid)
