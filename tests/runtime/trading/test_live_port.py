"""The port of a real account, before a venue that answers, hesitates or hangs up."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import time
from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from app.domain.orders import NoAnswer, OrderState, Placed, Rejection
from app.domain.times import MS_NS, SECOND_NS
from app.domain.transfers import Withdrawn
from app.domain.venues import Venue
from app.runtime.feeds.clock import Clock
from app.runtime.trading.port import Silent
from app.runtime.trading.ports.limits import PAGES_MAX
from tests.feeds.kit import until
from tests.runtime.trading.counter import (
    ID,
    KEYS,
    Asked,
    Counter,
    Cut,
    Hang,
    Reply,
    before,
    coin,
    opened,
    order,
    said,
    standing,
    transfer,
)

PLACE = "/api/v4/spot/orders"
ONE = f"{PLACE}/t-{ID}"
LIMITED = '{"label":"TOO_MANY_REQUESTS","message":"Request Rate limit Exceeded (211)"}'
PAGE = "<html><body>We will be back soon</body></html>"
POOR = said('{"label":"BALANCE_NOT_ENOUGH","message":"Not enough balance"}', 400)


def row(number: str = "17", **changes: Any) -> dict[str, Any]:
    fields: dict[str, Any] = {
        "id": number, "text": f"t-{ID}", "update_time_ms": 1_700_000_000_123, "status": "closed",
        "currency_pair": "BTC_USDT", "side": "buy", "amount": "0.001", "left": "0",
        "filled_total": "67",
    }  # fmt: skip
    return fields | changes


def trade(number: str, of: str, text: str = f"t-{ID}") -> dict[str, Any]:
    return {
        "id": number, "order_id": of, "currency_pair": "BTC_USDT", "side": "buy",
        "amount": "0.001", "price": "67000", "fee": "0.000001", "fee_currency": "BTC",
        "create_time_ms": "1700000000123.4", "text": text,
    }  # fmt: skip


ACK = said(json.dumps(row()), 201)


def now_ns() -> int:
    return time.time_ns()


def right(asked: Asked) -> bool:
    """Gate's signature, by its document (§4)."""
    hashed = hashlib.sha512(asked.body).hexdigest()
    text = "\n".join((asked.method, asked.path, asked.query, hashed, asked.headers["timestamp"]))
    made = hmac.new(KEYS.secret.reveal().encode(), text.encode(), "sha512").hexdigest()
    return asked.headers["sign"] == made


# What leaves


async def test_an_order_is_signed_with_the_time_of_the_journal_on_the_venues_clock() -> None:
    async with before(Venue.GATE, {PLACE: [ACK]}, ahead_ns=7 * SECOND_NS) as (counter, port):
        signed_at_ns = now_ns() - 2 * SECOND_NS
        answer = await port.place(order(Venue.GATE, signed_at_ns))
    assert isinstance(answer, Placed)
    assert answer.venue_order_id == "17"
    (asked,) = counter.asked
    venue_ms = (signed_at_ns + 7 * SECOND_NS) // MS_NS
    assert right(asked)
    assert asked.headers["timestamp"] == str(venue_ms // 1_000)
    assert asked.headers["x-gate-exptime"] == str(venue_ms + 5_000)
    assert json.loads(asked.body)["text"] == f"t-{ID}"


async def test_after_its_time_nothing_leaves() -> None:
    async with before(Venue.GATE, {PLACE: [ACK]}) as (counter, port):
        late = order(Venue.GATE, now_ns() - SECOND_NS, lasts_ns=SECOND_NS // 2)
        answer = await port.place(late)
        assert isinstance(answer, Rejection)
        assert answer.code == "TOO_LATE"
        moved = transfer(Venue.GATE, now_ns() - SECOND_NS, lasts_ns=SECOND_NS // 2)
        assert isinstance(await port.withdraw(moved), Rejection)
    assert counter.asked == []


class Stalling(Clock):
    """Each look at it takes a second: a process that is put to sleep between two lines."""

    def __init__(self) -> None:
        super().__init__()
        self._looks = 0

    def at_ns(self) -> int:
        self._looks += 1
        return super().at_ns() + self._looks * SECOND_NS


async def test_a_pause_between_the_journal_and_the_socket_lets_nothing_leave() -> None:
    """It had time when it went to connect, and none any more when the connection stood (H16)."""
    clock = Stalling()
    async with before(Venue.GATE, {PLACE: [ACK]}, clock=clock) as (counter, port):
        at_ns = clock.at_ns()
        answer = await port.place(order(Venue.GATE, at_ns, lasts_ns=2 * SECOND_NS))
        await until(lambda: counter.visits == 1, "a connection")
    assert isinstance(answer, Rejection)
    assert answer.code == "TOO_LATE"
    assert counter.asked == []


@pytest.mark.parametrize(
    ("ahead_ns", "error_ns", "sends"),
    [(None, 0, False), (0, 1_300 * MS_NS, False), (0, 1_200 * MS_NS, True)],
)
async def test_with_an_uncertain_clock_nothing_is_sent(
    ahead_ns: int | None, error_ns: int, sends: bool
) -> None:
    """More than a quarter of the window (H52): Gate takes orders for five seconds."""
    async with before(Venue.GATE, {PLACE: [ACK]}, ahead_ns=ahead_ns, error_ns=error_ns) as (
        counter,
        port,
    ):
        answer = await port.place(order(Venue.GATE, now_ns()))
    assert (f"POST {PLACE}" in counter.paths()) is sends
    assert sends or (isinstance(answer, Rejection) and answer.code == "CLOCK_UNCERTAIN")


async def test_whoever_is_not_sure_of_the_clock_looks_once_more() -> None:
    told = said(json.dumps({"server_time": now_ns() // MS_NS}))
    replies: dict[str, list[Reply]] = {PLACE: [ACK], "/api/v4/spot/time": [told]}
    async with before(Venue.GATE, replies, ahead_ns=None) as (counter, port):
        assert isinstance(await port.place(order(Venue.GATE, now_ns())), Placed)
    assert counter.paths() == ["GET /api/v4/spot/time", f"POST {PLACE}"]


async def test_without_keys_nothing_is_sent() -> None:
    async with before(Venue.GATE, {PLACE: [ACK]}, keys=None) as (counter, port):
        answer = await port.place(order(Venue.GATE, now_ns()))
        assert isinstance(answer, Rejection)
        assert answer.code == "BAD_KEYS"
        with pytest.raises(Silent, match="no_keys"):
            await port.balances()
    assert counter.asked == []


# What nobody answers


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Cut(), "broken"),
        (Hang(), "timeout"),
        (said("{}", 500), "http_500"),
        (said(PAGE, 502), "http_502"),
        (said(LIMITED, 429), "limited"),
        (said(LIMITED, 418), "limited"),
        (said(PAGE, 200, content_type="text/html"), "unreadable"),
        (said(PAGE, 403, content_type="text/html"), "not_allowed"),
        (said('{"label":"INTERNAL","message":"…"}', 400), "refused"),
        (said('{"id":"17"}', 201), "unreadable"),
        (said("", 201), "unreadable"),
    ],
)
async def test_what_is_no_plain_answer_is_none_and_nothing_is_sent_again(
    reply: Reply, reason: str
) -> None:
    async with before(Venue.GATE, {PLACE: [reply]}, patience_s=0.5) as (counter, port):
        answer = await port.place(order(Venue.GATE, now_ns()))
        assert isinstance(answer, NoAnswer)
        assert answer.reason.startswith(reason)
        assert not port.healthy()
    assert len(counter.asked) == 1


async def test_where_nobody_listens_there_is_no_answer_either() -> None:
    async with opened(Counter()) as counter:
        pass
    async with standing(Venue.GATE, counter) as port:
        answer = await port.place(order(Venue.GATE, now_ns()))
    assert isinstance(answer, NoAnswer)


async def test_who_is_cancelled_while_sending_does_not_know_what_came_of_it() -> None:
    """The task goes on so far that the row can say so."""
    async with before(Venue.GATE, {PLACE: [Hang()]}) as (counter, port):
        sending = asyncio.create_task(port.place(order(Venue.GATE, now_ns())))
        await until(lambda: len(counter.asked) == 1, "the request")
        sending.cancel()
        assert await sending == NoAnswer("cancelled")
    assert len(counter.asked) == 1


async def test_a_refusal_is_one_and_the_venue_is_well() -> None:
    async with before(Venue.GATE, {PLACE: [POOR]}) as (_, port):
        answer = await port.place(order(Venue.GATE, now_ns()))
        assert answer == Rejection("BALANCE_NOT_ENOUGH", "Not enough balance")
        assert port.healthy()


@pytest.mark.parametrize(
    ("reply", "reason"),
    [
        (Cut(), "broken"),
        (Hang(), "timeout"),
        (said("{}", 503), "http_503"),
        (said(LIMITED, 429), "limited"),
        (said(PAGE, 200), "unreadable"),
        (said('{"label":"INVALID_KEY","message":"…"}', 401), "not_allowed"),
        (said('{"label":"ODD","message":"…"}', 404), "refused"),
    ],
)
async def test_a_question_without_a_plain_answer_is_silent_and_no_absence(
    reply: Reply, reason: str
) -> None:
    absent = said('{"label":"ORDER_NOT_FOUND","message":"…"}', 404)
    async with before(Venue.GATE, {ONE: [reply, absent]}, patience_s=0.5) as (_, port):
        with pytest.raises(Silent) as silent:
            await port.order(order(Venue.GATE, now_ns()))
        assert silent.value.reason == reason
        assert not port.healthy()
        if reason != "limited":
            assert await port.order(order(Venue.GATE, now_ns())) is None
            assert port.healthy()


# Budgets


async def test_sends_leave_enough_for_questions() -> None:
    """Gate takes ten orders a second: three of them wait for whoever has to cancel or to ask."""
    async with before(Venue.GATE, {PLACE: [POOR], ONE: [ACK]}) as (counter, port):
        at_ns = now_ns()
        soon = order(Venue.GATE, at_ns, lasts_ns=400 * MS_NS)
        answers = await asyncio.gather(*(port.place(soon) for _ in range(12)))
        limited = [one for one in answers if isinstance(one, Rejection) and one.code == "LIMITED"]
        assert len(limited) == 12 - counter.paths().count(f"POST {PLACE}")
        assert 5 <= len(limited) <= 8
        assert isinstance(await port.cancel(order(Venue.GATE, at_ns)), Placed)
        assert await port.order(order(Venue.GATE, at_ns)) is not None
        assert port.budget_used() >= 0.7


async def test_a_ban_silences_everything_that_would_be_asked_in_it() -> None:
    """Nothing is sent into it: not by whoever trades, not by whoever recovers (H57)."""
    ban = said(LIMITED, 429, retry_after="600")
    async with before(Venue.GATE, {PLACE: [ban], ONE: [ACK]}) as (counter, port):
        assert isinstance(await port.place(order(Venue.GATE, now_ns())), NoAnswer)
        answer = await port.place(order(Venue.GATE, now_ns()))
        assert isinstance(answer, Rejection)
        assert answer.code == "LIMITED"
        with pytest.raises(Silent, match="limited"):
            await port.order(order(Venue.GATE, now_ns()))
        assert not port.healthy()
    assert len(counter.asked) == 1


# Lists


async def test_lists_are_read_to_their_end_and_each_order_counts_once() -> None:
    full = [row(str(number), status="open", left="0.001") for number in range(100)]
    rest = [row("100"), row("7")]
    pages: list[Reply] = [said("[]"), said(json.dumps(full)), said(json.dumps(rest))]
    async with before(Venue.GATE, {PLACE: pages}) as (counter, port):
        found = await port.orders(coin(Venue.GATE), now_ns())
    assert len(found) == 101
    (seventh,) = [one for one in found if one.venue_order_id == "7"]
    assert seventh.state is OrderState.FILLED
    assert [asked.query.partition("page=")[2][:1] for asked in counter.asked] == ["1", "1", "2"]


async def test_a_list_without_an_end_is_no_answer() -> None:
    full = said(json.dumps([row(str(number)) for number in range(100)]))
    async with before(Venue.GATE, {PLACE: [full]}) as (counter, port):
        with pytest.raises(Silent, match="too_long"):
            await port.orders(coin(Venue.GATE), now_ns())
    assert len(counter.asked) == PAGES_MAX


async def test_trades_are_of_this_order_alone() -> None:
    told = [trade("1", "17"), trade("2", "18"), trade("1", "17")]
    async with before(Venue.GATE, {"/api/v4/spot/my_trades": [said(json.dumps(told))]}) as (
        counter,
        port,
    ):
        known = order(Venue.GATE, now_ns(), venue_order_id="17")
        assert [fill.trade_id for fill in await port.fills(known)] == ["1"]
        assert "order_id=17" in counter.asked[-1].query


async def test_an_order_without_a_number_is_found_among_trades_by_its_text() -> None:
    told = [trade("1", "17", "t-other"), trade("2", "18")]
    async with before(Venue.GATE, {"/api/v4/spot/my_trades": [said(json.dumps(told))]}) as (
        counter,
        port,
    ):
        fills = await port.fills(order(Venue.GATE, now_ns()))
        assert [fill.trade_id for fill in fills] == ["2"]
        assert "order_id" not in counter.asked[-1].query


COINBASE_FILL = {
    "trade_id": "1", "order_id": "17", "product_id": "BTC-USDT", "side": "BUY", "price": "67000",
    "size": "0.001", "commission": "0.4", "size_in_quote": False, "trade_type": "FILL",
    "trade_time": "2026-01-16T23:37:23Z",
}  # fmt: skip
COINBASE_ORDER = {
    "order_id": "17", "product_id": "BTC-USDT", "side": "BUY", "status": "FILLED",
    "filled_size": "0.001", "average_filled_price": "67000", "client_order_id": ID,
    "created_time": "2026-01-16T23:37:23Z",
}  # fmt: skip


@pytest.mark.parametrize(
    ("listed", "count"),
    [([COINBASE_ORDER], 1), ([COINBASE_ORDER | {"client_order_id": "other"}], 0), ([], None)],
)
async def test_where_trades_name_no_client_id_the_orders_say_whose_they_are(
    listed: list[dict[str, Any]], count: int | None
) -> None:
    """A trade of nobody is a question without an answer, not an absence."""
    fills = said(json.dumps({"fills": [COINBASE_FILL], "cursor": ""}))
    orders = said(json.dumps({"orders": listed, "has_next": False, "cursor": ""}))
    historical = "/api/v3/brokerage/orders/historical"
    replies: dict[str, list[Reply]] = {
        f"{historical}/fills": [fills],
        f"{historical}/batch": [orders],
    }
    async with opened(Counter(replies)) as counter, standing(Venue.COINBASE, counter) as port:
        asked = order(Venue.COINBASE, now_ns())
        if count is None:
            with pytest.raises(Silent, match="unattributed"):
                await port.fills(asked)
        else:
            assert len(await port.fills(asked)) == count


async def test_what_a_venue_keeps_in_two_purses_is_one_balance() -> None:
    purses = [
        {"currency": "USDT", "type": "trade", "balance": "10", "available": "9", "holds": "1"},
        {"currency": "USDT", "type": "main", "balance": "3", "available": "3", "holds": "0"},
    ]
    reply = said(json.dumps({"code": "200000", "data": purses}))
    async with before(Venue.KUCOIN, {"/api/v1/accounts": [reply]}) as (_, port):
        (usdt,) = await port.balances()
    assert (usdt.free, usdt.locked) == (D(9), D(4))


async def test_what_cannot_be_asked_for_is_not_absent() -> None:
    async with opened(Counter()) as counter:
        async with standing(Venue.COINBASE, counter) as port:
            unnumbered = order(Venue.COINBASE, now_ns())
            with pytest.raises(Silent, match="unnumbered"):
                await port.order(unnumbered)
            answer = await port.cancel(unnumbered)
            assert isinstance(answer, Rejection)
            assert answer.code == "UNNUMBERED"
        async with standing(Venue.KUCOIN, counter) as port:
            with pytest.raises(Silent, match="unnumbered"):
                await port.fills(replace(order(Venue.KUCOIN, now_ns()), venue_order_id=None))
    assert counter.asked == []


# Withdrawals from another purse

MOVE, WITHDRAW = "/api/v3/accounts/universal-transfer", "/api/v3/withdrawals"
MOVED = said('{"code":"200000","data":{"orderId":"m1"}}')
GONE = said('{"code":"200000","data":{"withdrawalId":"w1"}}')


async def test_coins_are_moved_to_where_they_leave_from_first() -> None:
    async with before(Venue.KUCOIN, {MOVE: [MOVED], WITHDRAW: [GONE]}) as (counter, port):
        answer = await port.withdraw(transfer(Venue.KUCOIN, now_ns()))
    assert answer == Withdrawn("w1")
    assert counter.paths() == [f"POST {MOVE}", f"POST {WITHDRAW}"]
    moved, sent = (json.loads(asked.body) for asked in counter.asked)
    assert (moved["amount"], sent["amount"]) == ("25.7", "25.5")


@pytest.mark.parametrize(
    ("reply", "code"),
    [
        (Cut(), "UNFUNDED"),
        (said("{}", 500), "UNFUNDED"),
        (said('{"code":"230003","msg":"Balance insufficient!"}'), "230003"),
    ],
)
async def test_what_was_not_moved_is_not_withdrawn(reply: Reply, code: str) -> None:
    """Nothing has left the venue, whatever became of the move between its own purses."""
    async with before(Venue.KUCOIN, {MOVE: [reply], WITHDRAW: [GONE]}) as (counter, port):
        answer = await port.withdraw(transfer(Venue.KUCOIN, now_ns()))
    assert isinstance(answer, Rejection)
    assert answer.code == code
    assert counter.paths() == [f"POST {MOVE}"]


async def test_a_withdrawal_without_an_answer_is_sent_once() -> None:
    async with before(Venue.KUCOIN, {MOVE: [MOVED], WITHDRAW: [Cut()]}) as (counter, port):
        answer = await port.withdraw(transfer(Venue.KUCOIN, now_ns()))
    assert isinstance(answer, NoAnswer)
    assert counter.paths().count(f"POST {WITHDRAW}") == 1
