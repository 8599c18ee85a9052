"""What an account may ask, as venues count it."""

from __future__ import annotations

import pytest

from app.domain.times import MS_NS, SECOND_NS
from app.domain.venues import Venue
from app.exchanges.accounts.budgets import PRIVATE
from app.exchanges.contract import Request
from app.exchanges.limits import Budget, Reply

AT_NS = 1_763_600_000 * SECOND_NS
ORDERS = {
    Venue.UPBIT: "/v1/orders",
    Venue.BITHUMB: "/v2/orders",
    Venue.BINANCE: "/api/v3/order",
    Venue.OKX: "/api/v5/trade/order",
    Venue.BYBIT: "/v5/order/create",
    Venue.KUCOIN: "/api/v1/hf/orders",
    Venue.GATE: "/api/v4/spot/orders",
    Venue.BITGET: "/api/v2/spot/trade/place-order",
    Venue.COINBASE: "/api/v3/brokerage/orders",
}


def post(venue: Venue) -> Request:
    return Request("POST", ORDERS[venue], signed=True)


def spent(budget: Budget, request: Request, *, urgent: bool) -> int:
    """How many go at once."""
    count = 0
    while budget.wait_ns(request, AT_NS, urgent=urgent) == 0 and count < 10_000:
        budget.spend(request, AT_NS)
        count += 1
    return count


@pytest.mark.parametrize("venue", list(Venue))
def test_sends_leave_a_part_that_recovery_may_spend(venue: Venue) -> None:
    budget = Budget(PRIVATE[venue])
    calm = spent(budget, post(venue), urgent=False)
    reserved = spent(budget, post(venue), urgent=True)
    assert calm > 0
    assert reserved > 0
    assert 0.2 < reserved / (calm + reserved) < 0.5


@pytest.mark.parametrize("venue", list(Venue))
def test_orders_that_are_asked_for_do_not_fill_the_memory(venue: Venue) -> None:
    """Whatever number stands in a path."""
    charges = PRIVATE[venue].charges
    path = ORDERS[venue].replace("orders", "orders/{}") if venue in {
        Venue.KUCOIN, Venue.GATE, Venue.COINBASE,
    } else ORDERS[venue]  # fmt: skip
    names = {
        name
        for number in range(50)
        for name in charges(Request("GET", path.format(number), signed=True))
    }
    assert len(names) <= 3


def told(venue: Venue, request: Request, status: int = 200, **headers: str) -> Budget:
    budget = Budget(PRIVATE[venue])
    budget.spend(request, AT_NS)
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    budget.answered(Reply(request, named, AT_NS), status)
    return budget


def test_what_venues_say_is_left_counts() -> None:
    upbit = told(Venue.UPBIT, post(Venue.UPBIT), remaining_req="group=order; min=1; sec=0")
    assert upbit.wait_ns(post(Venue.UPBIT), AT_NS, urgent=True) > 0
    assert upbit.wait_ns(Request("GET", "/v1/order", signed=True), AT_NS) == 0
    binance = told(Venue.BINANCE, post(Venue.BINANCE), x_mbx_used_weight_1m="5999")
    asked = Request("GET", "/api/v3/allOrders", signed=True)
    assert binance.wait_ns(asked, AT_NS, urgent=True) > 0
    kucoin = told(
        Venue.KUCOIN,
        post(Venue.KUCOIN),
        gw_ratelimit_remaining="0",
        gw_ratelimit_limit="4000",
        gw_ratelimit_reset="1500",
    )
    assert kucoin.wait_ns(post(Venue.KUCOIN), AT_NS, urgent=True) == 1_500 * MS_NS
    gate = told(
        Venue.GATE,
        post(Venue.GATE),
        x_gate_ratelimit_requests_remain="0",
        x_gate_ratelimit_limit="10",
        x_gate_ratelimit_reset_timestamp=str(AT_NS // SECOND_NS + 2),
    )
    assert gate.wait_ns(post(Venue.GATE), AT_NS, urgent=True) == 2 * SECOND_NS
    cancel = Request("DELETE", "/api/v4/spot/orders/1", signed=True)
    assert gate.wait_ns(cancel, AT_NS) == 0
    bybit = told(Venue.BYBIT, post(Venue.BYBIT), x_bapi_limit_status="0", x_bapi_limit="20")
    assert bybit.wait_ns(post(Venue.BYBIT), AT_NS, urgent=True) > 0
    coinbase = told(Venue.COINBASE, post(Venue.COINBASE), x_ratelimit_remaining="0")
    assert coinbase.wait_ns(post(Venue.COINBASE), AT_NS, urgent=True) > 0


@pytest.mark.parametrize("venue", list(Venue))
@pytest.mark.parametrize("status", [418, 429])
def test_a_ban_is_for_every_call(venue: Venue, status: int) -> None:
    banned = told(venue, post(venue), status, retry_after="120")
    wait_ns = banned.wait_ns(post(venue), AT_NS, urgent=True)
    assert wait_ns == 120 * SECOND_NS


def test_a_withdrawal_at_gate_waits_for_the_one_before() -> None:
    budget = Budget(PRIVATE[Venue.GATE])
    request = Request("POST", "/api/v4/withdrawals", signed=True)
    assert spent(budget, request, urgent=False) == 1
    assert budget.wait_ns(request, AT_NS) == 3 * SECOND_NS
