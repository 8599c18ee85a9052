"""Stories of single venues: what is odd about each, told from the first request to the answer."""

from __future__ import annotations

import json
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.markets import Instrument, Product, Side
from app.domain.orders import (
    Fill,
    NoAnswer,
    OrderReport,
    OrderState,
    OrderTerms,
    OrderType,
    Placed,
)
from app.domain.secret import Secret
from app.domain.transfers import Receiver, TransferTerms
from app.domain.venues import Venue
from app.exchanges import EXCHANGES
from app.exchanges.accounts import ACCOUNTS
from app.exchanges.accounts.contract import IdClass, Page, Unclear
from app.exchanges.accounts.korean import FEE_STEP, shared_out
from app.exchanges.contract import Names, Request, Ticket
from app.exchanges.signing import Keys, sign

AT_MS = 1_700_000_000_123
NONCE = "6f5570df-d8bc-4daf-85b4-976733feb624"
VECTORS: dict[str, dict[str, Any]] = {
    vector["id"]: vector
    for vector in json.loads((Path(__file__).parent.parent / "signing_vectors.json").read_text())
}
KEYS = Keys(
    "TESTACCESSKEY0123456789abcdef",
    Secret("TESTSECRETKEY0123456789abcdefghijKLMNOP"),
    Secret("TestPass123"),
)
PEAK = Decimal(100_000_000)
XRP = TransferTerms(
    "XRP", Venue.BINANCE, Venue.UPBIT, "ripple", "XRP", "XRP", Decimal("31.5001"),
    Decimal("0.25"), "rEb8TK3", "1086",
)  # fmt: skip


def fields(request: Request) -> dict[str, Any]:
    """Of the body, however it is written."""
    if request.body[:1] == b"{":
        found: dict[str, Any] = json.loads(request.body)
        return found
    return {name: value for name, (value,) in parse_qs(request.body.decode()).items()}


def order(
    venue: Venue, quote: str, price: str | Decimal, kind: OrderType = OrderType.LIMIT
) -> OrderTerms:
    market = Instrument(venue, "BTC", quote)
    return OrderTerms(market, Side.BUY, kind, Decimal(price), Decimal("0.001"))


# The worked examples of the documents


@pytest.mark.parametrize(
    ("venue", "vector", "quote", "price", "header"),
    [
        (Venue.UPBIT, "upbit-post-order-limit", "KRW", "100000000", "Authorization"),
        (Venue.BITHUMB, "bithumb-post-v2-order", "KRW", "100000000", "Authorization"),
        (Venue.OKX, "okx-post-order", "USDT", "30000", "OK-ACCESS-SIGN"),
        (Venue.BYBIT, "bybit-post-order", "USDT", "30000", "X-BAPI-SIGN"),
    ],
)
def test_our_order_is_the_worked_example_byte_by_byte(
    venue: Venue, vector: str, quote: str, price: str, header: str
) -> None:
    client_id = "strat1000001" if venue is Venue.OKX else "strat1-000001"
    request = ACCOUNTS[venue].place(order(venue, quote, price), client_id, AT_MS)
    made = sign(venue, request, KEYS, AT_MS, NONCE)
    assert made.headers[header] == VECTORS[vector]["expected"][header]


def test_binance_signs_its_order_with_the_deadline_in_it() -> None:
    """A process that sleeps between the journal and the socket is refused by the venue's clock."""
    request = ACCOUNTS[Venue.BINANCE].place(order(Venue.BINANCE, "USDT", "30000"), "a1", AT_MS)
    sent = parse_qs(sign(Venue.BINANCE, request, KEYS, AT_MS, NONCE).body.decode())
    assert sent["timestamp"] == [str(AT_MS)]
    assert sent["recvWindow"] == [str(ACCOUNTS[Venue.BINANCE].rules.window_ms)]


# Upbit and Bithumb: one fee for the whole order


@dataclass
class Korean:
    """An order with its trades, as both venues write it."""

    venue: Venue
    state: str
    paid_fee: Decimal
    funds: list[Decimal]

    def fills(self) -> list[Fill]:
        account, exchange = ACCOUNTS[self.venue], EXCHANGES[self.venue]
        at = "2026-07-30T16:04:03+09:00"
        rows = [
            {
                "market": "KRW-BTC", "uuid": f"t{number}", "price": str(PEAK), "side": "bid",
                "volume": f"{part / PEAK:f}", "funds": f"{part:f}", "created_at": at,
            }
            for number, part in enumerate(self.funds)
        ]  # fmt: skip
        told = {
            "uuid": "u", "side": "bid", "state": self.state, "market": "KRW-BTC",
            "created_at": at, "remaining_volume": "0",
            "executed_volume": f"{sum(self.funds) / PEAK:f}",
            "paid_fee": f"{self.paid_fee:f}", "executed_funds": "1", "trades": rows,
        }  # fmt: skip
        (request,) = account.ask_fills(Instrument(self.venue, "BTC", "KRW"), "u", AT_MS)
        page = account.read_fills(request, 200, json.dumps(told).encode(), Names(exchange))
        return page.rows


won = st.decimals("0.01", "100000000", places=4)


@given(st.lists(won, min_size=1, max_size=8), st.decimals("0", "100000", places=2))
def test_shares_of_a_rounded_fee_add_up_to_it(funds: list[Decimal], fee: Decimal) -> None:
    shares, _ = shared_out(fee, funds)
    assert sum(shares, Decimal(0)) == fee
    assert all(share >= 0 for share in shares)
    assert all(
        abs(share - fee * part / sum(funds)) <= FEE_STEP * len(funds)
        for share, part in zip(shares, funds, strict=True)
    )


@given(
    st.lists(won, min_size=2, max_size=8),
    st.sampled_from(["0.0005", "0.0025", "0.0004", "0"]),
    st.data(),
)
def test_an_unrounded_fee_falls_on_the_same_trade_early_and_late(
    funds: list[Decimal], rate: str, data: st.DataObject
) -> None:
    """Trades are posted once: what was told of the first ones must still be so at the end."""
    early = data.draw(st.integers(1, len(funds) - 1))
    part = Korean(
        Venue.UPBIT, "wait", sum(funds[:early], Decimal(0)) * Decimal(rate), funds[:early]
    )
    whole = Korean(Venue.UPBIT, "done", sum(funds, Decimal(0)) * Decimal(rate), funds)
    assert [fill.fee for fill in part.fills()] == [fill.fee for fill in whole.fills()[:early]]
    assert all(
        fill.fee == fill_of * Decimal(rate)
        for fill, fill_of in zip(whole.fills(), funds, strict=True)
    )


def test_a_rounded_fee_waits_for_the_end_of_its_order() -> None:
    funds = [Decimal("45598"), Decimal("24066.84")]
    assert Korean(Venue.BITHUMB, "wait", Decimal("27.86"), funds).fills() == []
    told = Korean(Venue.BITHUMB, "done", Decimal("27.86"), funds).fills()
    assert sum((fill.fee for fill in told), Decimal(0)) == Decimal("27.86")


def test_korean_lists_are_read_until_they_are_old_enough() -> None:
    """Neither takes a time to start from, and nobody wants the withdrawals of five years."""
    account = ACCOUNTS[Venue.UPBIT]
    days = [f"2023-11-{day:02d}T12:00:00+09:00" for day in range(28, 1, -1) for _ in range(40)]
    rows = [
        {
            "type": "withdraw", "uuid": f"w{number}", "currency": "XRP", "net_type": "XRP",
            "txid": None, "state": "DONE", "created_at": day, "amount": "1", "fee": "0.4",
        }
        for number, day in enumerate(days)
    ]  # fmt: skip
    (request,) = account.ask_withdrawals("XRP", AT_MS, None, None)  # of November 14th
    seen, pages = [], 0
    asked: Request | None = request
    while asked is not None:
        number = int(asked.asked("page") or "0")
        body = json.dumps(rows[(number - 1) * 100 : number * 100]).encode()
        page = account.read_withdrawals(asked, 200, body)
        seen += [report.withdrawal_id for report in page.rows]
        asked, pages = page.rest, pages + 1
    assert seen == [f"w{number}" for number in range(len(seen))]
    assert 6 <= pages <= 7
    assert b"since_ms" not in sign(Venue.UPBIT, request, KEYS, AT_MS, NONCE).target.encode()


def test_bithumb_wants_to_know_whose_the_other_account_is() -> None:
    account = ACCOUNTS[Venue.BITHUMB]
    whose = Receiver("홍길동", "HONG GILDONG")
    told = fields(account.withdraw(msgspec.structs.replace(XRP, receiver=whose), "x", AT_MS))
    assert (told["receiver_type"], told["receiver_ko_name"]) == ("personal", "홍길동")
    firm = msgspec.structs.replace(XRP, receiver=Receiver("김프", "KIMP", is_company=True))
    assert fields(account.withdraw(firm, "x", AT_MS))["receiver_type"] == "corporation"
    assert "receiver_type" not in fields(account.withdraw(XRP, "x", AT_MS))


def test_a_korean_withdrawal_has_no_id_of_ours() -> None:
    for venue in (Venue.UPBIT, Venue.BITHUMB):
        account = ACCOUNTS[venue]
        assert account.rules.withdrawals is IdClass.N
        one = account.withdraw(XRP, "a" * 20, AT_MS)
        assert one == account.withdraw(XRP, "b" * 20, AT_MS)
        assert (fields(one)["amount"], fields(one)["secondary_address"]) == ("31.5001", "1086")


# Binance


def test_the_fee_of_a_binance_withdrawal_is_part_of_what_is_asked_for() -> None:
    asked = fields(ACCOUNTS[Venue.BINANCE].withdraw(XRP, "w1", AT_MS))
    assert asked["amount"] == "31.7501"
    assert asked["withdrawOrderId"] == "w1"


def test_a_hedge_is_spelled_like_spot_and_sent_elsewhere() -> None:
    account = ACCOUNTS[Venue.BINANCE]
    spot = order(Venue.BINANCE, "USDT", "30000")
    perpetual = msgspec.structs.replace(spot.instrument, product=Product.PERPETUAL)
    hedge = msgspec.structs.replace(spot, instrument=perpetual)
    one, other = (account.place(terms, "a1", AT_MS) for terms in (spot, hedge))
    assert one.body == other.body
    assert (one.root, other.root) == (None, "https://fapi.binance.com")
    assert other.path == "/fapi/v1/order"
    for ask in (
        account.ask_order(perpetual, "a1", None),
        account.cancel(perpetual, "a1", None),
        account.ask_orders(perpetual, AT_MS)[0],
        account.ask_fills(perpetual, "1", AT_MS)[0],
    ):
        assert ask is not None
        assert ask.root == "https://fapi.binance.com"


def test_an_id_that_binance_may_take_again_is_never_a_refusal() -> None:
    """Duplicate says that an order with our id is open; it may even be filled by now."""
    account = ACCOUNTS[Venue.BINANCE]
    request = account.place(order(Venue.BINANCE, "USDT", "30000"), "a1", AT_MS)
    answer = account.read_placed(request, 400, b'{"code":-2010,"msg":"Duplicate order sent."}')
    assert answer == NoAnswer("duplicate")
    assert account.rules.orders is IdClass.W


# OKX


def test_okx_throws_an_order_away_that_comes_late() -> None:
    account = ACCOUNTS[Venue.OKX]
    request = account.place(order(Venue.OKX, "USDT", "30000"), "a1", AT_MS)
    signed = sign(Venue.OKX, request, KEYS, AT_MS, NONCE)
    assert account.rules.order_window_ms is not None
    assert signed.headers["expTime"] == str(AT_MS + account.rules.order_window_ms)
    assert account.rules.window_ms == 30_000  # everything else lives as long as its signature


def test_okx_withdraws_from_another_account_than_it_trades_in() -> None:
    account = ACCOUNTS[Venue.OKX]
    first = account.fund(XRP, "w1", AT_MS)
    assert first is not None
    moved = fields(first)
    assert (moved["from"], moved["to"], moved["amt"]) == ("18", "6", "31.7501")
    asked = fields(account.withdraw(XRP, "w1", AT_MS))
    assert (asked["amt"], asked["toAddr"], asked["clientId"]) == ("31.5001", "rEb8TK3:1086", "w1")


def test_what_okx_has_is_in_two_accounts() -> None:
    account = ACCOUNTS[Venue.OKX]
    asked: Request | None = account.ask_balances()
    bodies = iter((
        b'{"code":"0","msg":"","data":[{"details":'
        b'[{"ccy":"XRP","availBal":"5","frozenBal":"1"}]}]}',
        b'{"code":"0","msg":"","data":[{"ccy":"XRP","availBal":"2","frozenBal":"0"}]}',
    ))  # fmt: skip
    free = Decimal(0)
    while asked is not None:
        page = account.read_balances(asked, 200, next(bodies))
        free += sum((row.free for row in page.rows), Decimal(0))
        asked = page.rest
    assert free == 7


# Bybit


def test_a_bybit_cursor_is_sent_back_as_it_came() -> None:
    account = ACCOUNTS[Venue.BYBIT]
    request = account.ask_orders(Instrument(Venue.BYBIT, "BTC", "USDT"), AT_MS)[1]
    row = {
        "symbol": "BTCUSDT", "orderId": "1", "orderLinkId": "a", "side": "Buy",
        "orderStatus": "New", "cumExecQty": "0", "avgPrice": "", "updatedTime": "1672304486868",
    }  # fmt: skip
    cursor = "1321003749386327552%3A1672304486868%2C13"
    body = {"retCode": 0, "retMsg": "OK", "result": {"list": [row], "nextPageCursor": cursor}}
    page = account.read_orders(
        request, 200, json.dumps(body).encode(), Names(EXCHANGES[Venue.BYBIT])
    )
    assert page.rest is not None
    assert f"cursor={cursor}" in sign(Venue.BYBIT, page.rest, KEYS, AT_MS, NONCE).target


def test_a_bybit_withdrawal_carries_an_id_that_no_list_tells() -> None:
    """So it is looked for as if it had none."""
    account = ACCOUNTS[Venue.BYBIT]
    asked = fields(account.withdraw(XRP, "w1", AT_MS))
    assert (asked["requestId"], asked["feeType"], asked["timestamp"]) == ("w1", 0, AT_MS)
    assert account.rules.withdrawals is IdClass.N
    (search,) = account.ask_withdrawals("XRP", AT_MS, "w1", None)
    assert "w1" not in dict(search.query).values()


def test_an_acknowledged_order_is_not_there_at_once() -> None:
    """None is what the venue says; that it means nothing yet, the rules of evidence know."""
    account, names = ACCOUNTS[Venue.BYBIT], Names(EXCHANGES[Venue.BYBIT])
    terms = order(Venue.BYBIT, "USDT", "30000", OrderType.IOC)
    placed = account.read_placed(
        account.place(terms, "a1", AT_MS), 200,
        b'{"retCode":0,"retMsg":"OK","result":{"orderId":"1","orderLinkId":"a1"}}',
    )  # fmt: skip
    assert placed == Placed("1")
    asked = account.ask_order(terms.instrument, "a1", "1")
    assert asked is not None
    empty = b'{"retCode":0,"retMsg":"OK","result":{"list":[],"nextPageCursor":""}}'
    assert account.read_order(asked, 200, empty, names) is None


# All


def test_one_order_told_by_stream_and_by_question_is_the_same_order() -> None:
    """The ledger posts a trade once by its number, whichever way it came first."""
    account, names = ACCOUNTS[Venue.BINANCE], Names(EXCHANGES[Venue.BINANCE])
    pushed = account.read_stream(
        json.dumps({"subscriptionId": 0, "event": {
            "e": "executionReport", "s": "BTCUSDT", "c": "a1", "S": "BUY", "C": "", "x": "TRADE",
            "X": "FILLED", "i": 28, "l": "0.001", "z": "0.001", "L": "30000", "n": "0.000001",
            "N": "BTC", "T": AT_MS, "t": 57, "Z": "30",
        }}).encode(), names,
    )  # fmt: skip
    (request,) = account.ask_fills(Instrument(Venue.BINANCE, "BTC", "USDT"), "28", AT_MS)
    told = account.read_fills(
        request, 200,
        json.dumps([{
            "symbol": "BTCUSDT", "id": 57, "orderId": 28, "price": "30000", "qty": "0.001",
            "commission": "0.000001", "commissionAsset": "BTC", "time": AT_MS, "isBuyer": True,
        }]).encode(), names,
    )  # fmt: skip
    report, fill = pushed
    assert isinstance(report, OrderReport)
    assert isinstance(fill, Fill)
    assert report.state is OrderState.FILLED
    assert told == Page([msgspec.structs.replace(fill, client_id=None)])


def test_no_login_shows_the_secret() -> None:
    for venue, account in ACCOUNTS.items():
        if venue is Venue.COINBASE:
            continue  # its proof needs a key of its own kind
        ticket = Ticket(AT_MS * 1_000_000, NONCE)
        frames = account.stream_frames(KEYS, [Instrument(venue, "BTC", "USDT")], ticket)
        headers = account.stream_headers(KEYS, ticket)
        assert KEYS.secret.reveal() not in f"{frames}{headers}"


def test_no_text_of_a_fault_holds_a_key() -> None:
    account = ACCOUNTS[Venue.UPBIT]
    with pytest.raises(Unclear) as caught:
        account.read_balances(account.ask_balances(), 401, b'{"error":{"name":"jwt_verification"}}')
    assert caught.value.reason == "not_allowed"
    assert "TESTSECRET" not in str(caught.value)


def test_a_market_is_what_the_call_is_of_whatever_the_names_have_learnt() -> None:
    """Spot and perpetual are spelled alike, and discovery may have heard of the other last."""
    account, names = ACCOUNTS[Venue.BINANCE], Names(EXCHANGES[Venue.BINANCE])
    spot = Instrument(Venue.BINANCE, "BTC", "USDT")
    perpetual = msgspec.structs.replace(spot, product=Product.PERPETUAL)
    names.learn(perpetual)
    told = {
        "symbol": "BTCUSDT", "orderId": 28, "clientOrderId": "a1", "side": "BUY",
        "status": "NEW", "executedQty": "0", "cummulativeQuoteQty": "0", "updateTime": AT_MS,
    }  # fmt: skip
    for instrument in (spot, perpetual):
        request = account.ask_order(instrument, "a1", None)
        assert request is not None
        report = account.read_order(request, 200, json.dumps(told).encode(), names)
        assert report is not None
        assert report.instrument == instrument
