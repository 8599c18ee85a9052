"""Limiters as venues count, and budgets as venues correct them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.times import MINUTE_NS, SECOND_NS
from app.domain.venues import Venue
from app.exchanges import EXCHANGES
from app.exchanges.contract import Request
from app.exchanges.limits import (
    FRAMES,
    RULES,
    Budget,
    Count,
    Limiter,
    Reply,
    TokenBucket,
    Weight,
    frame_limits,
)

AT = 1_763_600_000 * SECOND_NS


def spent(limiter: Limiter, at_ns: int, calls: int, cost: int = 1, reserve: float = 0.0) -> int:
    """How many of so many calls at once were let through."""
    passed = 0
    for _ in range(calls):
        if limiter.wait_ns(at_ns, cost, reserve) == 0:
            limiter.spend(at_ns, cost)
            passed += 1
    return passed


def test_a_weight_is_spent_until_its_window_is_over() -> None:
    weight = Weight(100, MINUTE_NS)
    at_ns = AT // MINUTE_NS * MINUTE_NS + 10 * SECOND_NS
    assert spent(weight, at_ns, 10, cost=30) == 3
    assert weight.used(at_ns) == 0.9
    assert weight.wait_ns(at_ns, 30, 0.0) == 50 * SECOND_NS
    assert weight.wait_ns(at_ns + 50 * SECOND_NS, 30, 0.0) == 0
    assert weight.used(at_ns + 50 * SECOND_NS) == 0.0


def test_what_the_venue_counts_is_more_than_what_we_asked() -> None:
    weight = Weight(100, MINUTE_NS)
    weight.spend(AT, 1)
    weight.told(AT, 10, None, None)
    assert weight.used(AT) == 0.9
    assert weight.wait_ns(AT, 20, 0.0) > 0
    weight.told(AT, 100, 200, AT + 5 * SECOND_NS)
    assert weight.used(AT) == 0.5
    assert weight.used(AT + 5 * SECOND_NS) == 0.0


def test_a_count_is_within_any_stretch_of_its_window() -> None:
    count = Count(3, SECOND_NS)
    assert spent(count, AT, 2) == 2
    assert spent(count, AT + 600_000_000, 2) == 1
    assert count.wait_ns(AT + 600_000_000, 1, 0.0) == 400_000_000
    assert spent(count, AT + SECOND_NS, 3) == 2


def test_an_exhausted_count_stays_shut_until_the_venue_says() -> None:
    count = Count(10, SECOND_NS)
    count.told(AT, 0, None, AT + 7 * SECOND_NS)
    assert count.wait_ns(AT, 1, 0.0) == 7 * SECOND_NS
    assert count.used(AT) == 1.0
    assert count.wait_ns(AT + 7 * SECOND_NS, 1, 0.0) == 0
    count.told(AT, 5, 5, None)
    assert count.count == 5


def test_tokens_come_back_at_their_rate() -> None:
    bucket = TokenBucket(10.0, 5.0)
    assert spent(bucket, AT, 10) == 5
    assert bucket.wait_ns(AT, 1, 0.0) == SECOND_NS // 10
    assert spent(bucket, AT + SECOND_NS // 5, 10) == 2
    assert spent(bucket, AT + 10 * SECOND_NS, 10) == 5
    bucket.told(AT + 20 * SECOND_NS, 1, None, None)
    assert bucket.used(AT + 20 * SECOND_NS) == 0.8


@pytest.mark.parametrize("make", [
    lambda: Weight(100, MINUTE_NS), lambda: Count(100, MINUTE_NS), lambda: TokenBucket(1.0, 100.0)
])  # fmt: skip
def test_a_reserve_is_kept_for_mending(make: type[Limiter]) -> None:
    limiter = make()
    assert spent(limiter, AT, 200, reserve=0.3) == 70
    assert spent(limiter, AT, 200) == 30


@given(
    st.lists(st.tuples(st.integers(0, 2 * SECOND_NS), st.integers(1, 4)), max_size=60),
    st.sampled_from(["count", "bucket"]),
)
def test_whoever_waits_as_told_may_ask(steps: list[tuple[int, int]], kind: str) -> None:
    limiter: Limiter = Count(5, SECOND_NS) if kind == "count" else TokenBucket(5.0, 5.0)
    at_ns, calls = AT, []
    for passed_ns, cost in steps:
        at_ns += passed_ns
        at_ns += limiter.wait_ns(at_ns, cost, 0.0)
        assert limiter.wait_ns(at_ns, cost, 0.0) <= 1
        limiter.spend(at_ns, cost)
        calls.append((at_ns, cost))
        if kind == "count":
            recent = sum(cost for at, cost in calls if at > at_ns - SECOND_NS)
            assert recent <= 5


def asked(venue: Venue, path: str, *, signed: bool = False) -> Request:
    return Request("GET", path, signed=signed)


HEADERS = [
    (Venue.UPBIT, "/v1/market/all", {"remaining-req": "group=market; min=1800; sec=0"}, 1.0),
    (Venue.UPBIT, "/v1/market/all", {"remaining-req": "group=market; min=1800; sec=9"}, 0.1),
    (Venue.BINANCE, "/api/v3/time", {"x-mbx-used-weight-1m": "5400"}, 0.9),
    (Venue.BINANCE, "/sapi/v1/capital/config/getall", {"x-sapi-used-ip-weight-1m": "6000"}, 0.5),
    (
        Venue.BYBIT,
        "/v5/market/time",
        {"x-bapi-limit-status": "0", "x-bapi-limit": "50"},
        1.0,
    ),
    (
        Venue.KUCOIN,
        "/api/v2/symbols",
        {
            "gw-ratelimit-remaining": "1000",
            "gw-ratelimit-limit": "4000",
            "gw-ratelimit-reset": "9000",
        },
        0.75,
    ),
    (
        Venue.GATE,
        "/api/v4/spot/time",
        {"x-gate-ratelimit-requests-remain": "0", "x-gate-ratelimit-limit": "200"},
        1.0,
    ),
    (Venue.COINBASE, "/api/v3/brokerage/time", {"x-ratelimit-remaining": "2"}, 0.8),
]


@pytest.mark.parametrize(("venue", "path", "headers", "used"), HEADERS)
def test_headers_correct_the_budget(
    venue: Venue, path: str, headers: dict[str, str], used: float
) -> None:
    budget, request = Budget(RULES[venue]), asked(venue, path)
    budget.spend(request, AT)
    budget.answered(Reply(request, headers, AT), 200)
    assert budget.used(AT) == pytest.approx(used)


@pytest.mark.parametrize("venue", Venue)
def test_every_call_of_a_venue_has_a_budget(venue: Venue) -> None:
    exchange, budget = EXCHANGES[venue], Budget(RULES[venue])
    requests = [*exchange.ask_markets(), exchange.ask_wallets(), exchange.ask_time()]
    for request in (request for request in requests if request is not None):
        assert budget.wait_ns(request, AT) == 0
        budget.spend(request, AT)
        budget.answered(Reply(request, {"remaining-req": "nonsense", "date": "x"}, AT), 200)
    assert 0 < budget.used(AT) < 1


@pytest.mark.parametrize("venue", Venue)
def test_too_many_requests_stop_everything_of_this_venue(venue: Venue) -> None:
    exchange, budget = EXCHANGES[venue], Budget(RULES[venue])
    (request, *_) = exchange.ask_markets()
    wallets = exchange.ask_wallets()
    budget.spend(request, AT)
    budget.answered(Reply(request, {"retry-after": "17"}, AT), 429)
    for one in (request, wallets):
        assert budget.wait_ns(one, AT, urgent=True) == 17 * SECOND_NS
    assert budget.used(AT) == 1.0
    assert budget.resting_until_ns == AT + 17 * SECOND_NS
    assert budget.wait_ns(wallets, AT + 17 * SECOND_NS) == 0
    assert budget.resting_until_ns is None


def test_a_refusal_without_a_time_rests_longer_each_time() -> None:
    budget = Budget(RULES[Venue.UPBIT])
    request = EXCHANGES[Venue.UPBIT].ask_markets()[0]
    at_ns, rests = AT, []
    for _ in range(7):
        budget.answered(Reply(request, {}, at_ns), 418)
        rests.append(budget.wait_ns(request, at_ns) // SECOND_NS)
        at_ns += budget.wait_ns(request, at_ns)
    assert rests == [30, 60, 120, 240, 480, 900, 900]
    budget.answered(Reply(request, {}, at_ns), 200)
    budget.answered(Reply(request, {}, at_ns), 429)
    assert budget.wait_ns(request, at_ns) == 30 * SECOND_NS


def test_a_refusal_with_the_venues_own_reset_rests_until_then() -> None:
    budget = Budget(RULES[Venue.KUCOIN])
    request = EXCHANGES[Venue.KUCOIN].ask_markets()[0]
    headers = {"gw-ratelimit-remaining": "0", "gw-ratelimit-reset": "12000"}
    budget.answered(Reply(request, headers, AT), 429)
    assert budget.wait_ns(request, AT) == 12 * SECOND_NS


@pytest.mark.parametrize("venue", Venue)
def test_frames_are_paced_as_the_documents_say(venue: Venue) -> None:
    limits = frame_limits(venue)
    assert len(limits) == len(FRAMES[venue])
    assert all(limit.wait_ns(AT, 1, 0.0) == 0 for limit in limits)
