"""Two readings of nine private sides, written apart: what the simulator does, accounts read.

No venue is named in a test: each trades, cancels and sends coins through its account, and what was
read must be what the venue's own books say.
"""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest
from websockets.sync.client import connect

from app.domain.markets import BookSnapshot, Flow, Instrument, Market, Side, WalletNetwork
from app.domain.orders import (
    Balance,
    Fill,
    OrderReport,
    OrderState,
    OrderTerms,
    OrderType,
    Placed,
    Rejection,
)
from app.domain.secret import Secret
from app.domain.transfers import (
    DepositAddress,
    DepositReport,
    Receiver,
    TransferState,
    TransferTerms,
    WithdrawalReport,
    Withdrawn,
)
from app.domain.venues import KOREAN, Venue
from app.exchanges import EXCHANGES
from app.exchanges.accounts import ACCOUNTS
from app.exchanges.accounts.contract import StreamRow, Unclear
from app.exchanges.contract import Names, Request, Ticket
from app.exchanges.signing import Keys, sign
from tests.simulator.kit import Simulated, simulated

PATIENCE_S = 20.0


@pytest.fixture(scope="module")
def quick() -> Iterator[Simulated]:
    """Its networks take a second."""
    with simulated("--seed", "7", "--rate", "400", "--transfer-s", "1") as running:
        yield running


@dataclass
class Member:
    """One account, as the service would hold it."""

    market: Simulated
    venue: Venue
    http: httpx.Client = field(default_factory=httpx.Client)

    def __post_init__(self) -> None:
        self.account = ACCOUNTS[self.venue]
        self.exchange = EXCHANGES[self.venue]
        self.url = f"http://127.0.0.1:{self.market.ports[self.venue.value]}"
        given = self.market.keys(self.venue.value)
        secret = Secret(given.get("private_pem") or given["secret"])
        self.keys = Keys(given["key"], secret, Secret(given["passphrase"]))
        quote = "KRW" if self.venue in KOREAN else "USDT"
        quote = "USD" if self.venue is Venue.COINBASE else quote
        self.bitcoin = Instrument(self.venue, "BTC", quote)
        self.names = Names(self.exchange)
        self.names.learn(self.bitcoin)

    def send(self, request: Request, at_ms: int | None = None) -> httpx.Response:
        """Again, later, where it was too soon."""
        while True:
            headers: dict[str, str] = dict(request.headers)
            target, body = request.target, request.body
            if request.signed:
                now = at_ms or time.time_ns() // 1_000_000
                made = sign(self.venue, request, self.keys, now, str(uuid.uuid4()))
                headers, target, body = made.headers, made.target, made.body
            reply = self.http.request(
                request.method, self.url + target, headers=headers, content=body or None
            )
            if reply.status_code != 429 or request.method != "GET":
                return reply
            time.sleep(0.3)

    def pages(self, requests: list[Request], read: Any, *more: Any) -> list[Any]:
        found: list[Any] = []
        queue = list(requests)
        while queue:
            request = queue.pop(0)
            reply = self.send(request)
            page = read(request, reply.status_code, reply.content, *more)
            found += page.rows
            queue += [page.rest] if page.rest is not None else []
        return found

    def truth(self, kind: str) -> Any:
        return self.market.get(self.venue.value, f"/__sim/{kind}").json()

    def rules(self) -> Market:
        told = [*self.exchange.ask_markets(), *self.exchange.ask_market_details([self.bitcoin])]
        found: Market | None = None
        for request in told:
            for event in self.exchange.read_reply(request, self.send(request).content, self.names):
                if isinstance(event, Market) and event.instrument == self.bitcoin:
                    found = event
        assert found is not None
        return found

    def best(self) -> tuple[Decimal, Decimal]:
        """Bid and offer."""
        request, names = self.exchange.ask_book(self.bitcoin), Names(self.exchange)
        names.only = self.bitcoin
        reply = self.send(request).content
        [book] = [
            event
            for event in self.exchange.read_reply(request, reply, names)
            if isinstance(event, BookSnapshot)
        ]
        return Decimal(str(book.bids[0][0])), Decimal(str(book.asks[0][0]))

    def terms(self, share: str, kind: OrderType, quantity: str = "0.004") -> OrderTerms:
        """A buy at a share of the offer."""
        price = self.best()[1] * Decimal(share)
        rules = self.rules()
        tick = Decimal(str(rules.tick)) if rules.tick else Decimal(1_000)
        price = price // tick * tick
        return OrderTerms(self.bitcoin, Side.BUY, kind, price, Decimal(quantity))

    def place(self, terms: OrderTerms) -> tuple[str, Any]:
        digest = "".join(letter for letter in uuid.uuid4().hex * 2 if letter in "abcdef234567")
        name = self.account.client_id(digest[:20])
        now = time.time_ns() // 1_000_000
        request = self.account.place(terms, name, now)
        reply = self.send(request, now)
        return name, self.account.read_placed(request, reply.status_code, reply.content)

    def order(self, name: str, order_id: str) -> OrderReport | None:
        request = self.account.ask_order(self.bitcoin, name, order_id)
        assert request is not None
        reply = self.send(request)
        try:
            found = self.account.read_order(request, reply.status_code, reply.content, self.names)
        except Unclear:
            return None  # not yet, or not sure
        assert found is None or found.venue_order_id == order_id
        return found

    def fills(self, order_id: str, since_ms: int) -> list[Fill]:
        asked = self.account.ask_fills(self.bitcoin, order_id, since_ms)
        rows: list[Fill] = self.pages(asked, self.account.read_fills, self.names)
        once = {row.trade_id: row for row in rows}  # two lists may tell of the same trade
        return [row for row in once.values() if row.venue_order_id == order_id]


def until(ask: Callable[[], Any]) -> Any:
    """What it answers when it answers something."""
    end = time.monotonic() + PATIENCE_S
    while time.monotonic() < end:
        if (found := ask()) is not None:
            return found
        time.sleep(0.1)
    raise AssertionError("never came")


@pytest.fixture(params=list(Venue), ids=str)
def member(request: pytest.FixtureRequest, quick: Simulated) -> Iterator[Member]:
    with httpx.Client(timeout=PATIENCE_S) as http:
        yield Member(quick, request.param, http)


def test_balances_and_the_fee_are_the_venue_s(member: Member) -> None:
    rows: list[Balance] = member.pages(
        [member.account.ask_balances()], member.account.read_balances
    )
    told: dict[str, tuple[Decimal, Decimal]] = {}
    for row in rows:
        free, locked = told.get(row.asset, (Decimal(0), Decimal(0)))
        told[row.asset] = free + row.free, locked + row.locked
    for asset, purse in member.truth("balances").items():
        free, locked = Decimal(purse["free"]), Decimal(purse["locked"])
        if free or locked:
            assert told[asset] == (free, locked)
    request = member.account.ask_fee(member.bitcoin)
    if request is not None:
        reply = member.send(request)
        assert 0 < member.account.read_fee(request, reply.status_code, reply.content) <= 120


def test_an_order_that_rests_is_found_and_cancelled(member: Member) -> None:
    kind = OrderType.LIMIT
    since_ms = time.time_ns() // 1_000_000 - 5_000
    name, answer = member.place(member.terms("0.9", kind))
    assert isinstance(answer, Placed), answer
    order_id = answer.venue_order_id
    report = until(lambda: member.order(name, order_id))
    assert (report.state, report.filled_quantity, report.client_id) == (OrderState.OPEN, 0, name)
    asked = member.account.ask_orders(member.bitcoin, since_ms)
    rows = member.pages(asked, member.account.read_orders, member.names)
    assert order_id in {row.venue_order_id for row in rows if row.client_id == name}
    request = member.account.cancel(member.bitcoin, name, order_id)
    assert request is not None
    reply = member.send(request)
    member.account.read_cancelled(request, reply.status_code, reply.content)

    def ended() -> OrderReport | None:
        found = member.order(name, order_id)
        return found if found is not None and found.state is not OrderState.OPEN else None

    assert until(ended).state is OrderState.CANCELLED
    asked = member.account.ask_orders(member.bitcoin, since_ms)
    rows = member.pages(asked, member.account.read_orders, member.names)
    assert {row.state for row in rows if row.client_id == name} == {OrderState.CANCELLED}


def test_what_trades_is_told_to_the_last_unit(member: Member) -> None:
    since_ms = time.time_ns() // 1_000_000 - 5_000
    kind = OrderType.IOC if member.account.rules.has_ioc else OrderType.LIMIT
    terms = member.terms("1.01", kind)
    name, answer = member.place(terms)
    assert isinstance(answer, Placed), answer
    order_id = answer.venue_order_id

    def traded() -> OrderReport | None:
        found = member.order(name, order_id)
        return found if found is not None and found.filled_quantity else None

    report = until(traded)
    assert (report.state, report.filled_quantity) == (OrderState.FILLED, terms.quantity)
    fills = member.fills(order_id, since_ms)
    truth = [one for one in member.truth("fills") if one["order_id"] == order_id]
    assert sum(fill.quantity for fill in fills) == terms.quantity
    assert {fill.trade_id for fill in fills} == {one["fill_id"] for one in truth}
    for names in ("quantity", "price"):
        told = sorted(getattr(fill, names) for fill in fills)
        assert told == sorted(Decimal(one[names]) for one in truth)
    assert sum(fill.fee for fill in fills) == sum(Decimal(one["fee"]) for one in truth)
    assert {fill.fee_asset for fill in fills} == {one["fee_asset"] for one in truth}
    assert {fill.side for fill in fills} == {Side.BUY}


def test_too_much_is_refused_definitively(member: Member) -> None:
    _, answer = member.place(member.terms("0.9", OrderType.LIMIT, "900"))
    assert isinstance(answer, Rejection), answer


def way(member: Member, asset: str) -> tuple[str, Decimal]:
    """A network that is open both ways, and what leaving over it costs."""
    found: list[WalletNetwork] = []
    exchange, names = member.exchange, Names(member.exchange)
    request = exchange.ask_wallets()
    reply = member.send(request).content
    found += [e for e in exchange.read_reply(request, reply, names) if isinstance(e, WalletNetwork)]
    is_open = [one for one in found if one.deposit is one.withdraw is Flow.OPEN]
    [network, *_] = [one for one in is_open if one.asset == asset]
    for request in exchange.ask_withdrawals([network]):
        reply = member.send(request).content
        told = [
            e for e in exchange.read_reply(request, reply, names) if isinstance(e, WalletNetwork)
        ]
        for one in told:
            if (one.asset, one.network) == (asset, network.network) and one.fee is not None:
                network = one
    return network.network, Decimal(network.fee or 0)


def test_coins_leave_and_arrive_once(member: Member) -> None:
    """To the venue's own address: both ends are read by one account."""
    account = member.account
    since_ms = time.time_ns() // 1_000_000 - 5_000
    network, fee = way(member, "USDT")
    request = account.ask_address("USDT", network)
    reply = member.send(request)
    address = account.read_address(request, reply.status_code, reply.content)
    assert isinstance(address, DepositAddress), address
    terms = TransferTerms(
        "USDT", member.venue, member.venue, "", network, network,
        Decimal("41.123456"), fee, address.address, address.tag, Receiver("김철수", "Kim Chulsoo"),
    )  # fmt: skip
    now = time.time_ns() // 1_000_000
    name = uuid.uuid4().hex[:20]
    if (first := account.fund(terms, name, now)) is not None:
        reply = member.send(first, now)
        funded = account.read_funded(first, reply.status_code, reply.content)
        assert isinstance(funded, Placed), funded
    request = account.withdraw(terms, name, now)
    reply = member.send(request, now)
    answer = account.read_withdrawn(request, reply.status_code, reply.content)
    assert isinstance(answer, Withdrawn), answer

    def left() -> WithdrawalReport | None:
        asked = account.ask_withdrawals("USDT", since_ms, name, answer.withdrawal_id)
        rows = member.pages(asked, account.read_withdrawals)
        mine = [row for row in rows if row.withdrawal_id == answer.withdrawal_id]
        return mine[0] if mine and mine[0].state is TransferState.CREDITED else None

    gone = until(left)
    assert gone.amount == terms.amount
    assert gone.address in (None, terms.address)
    [truth] = [
        one for one in member.truth("withdrawals") if one["withdrawal_id"] == gone.withdrawal_id
    ]
    assert (truth["txid"], Decimal(truth["amount"])) == (gone.txid, terms.amount)
    assert gone.fee in (None, Decimal(truth["fee"]))

    def arrived() -> DepositReport | None:
        asked = account.ask_deposits("USDT", since_ms, gone.txid)
        rows = [row for row in member.pages(asked, account.read_deposits) if row.txid == gone.txid]
        return rows[0] if rows and rows[0].state is TransferState.CREDITED else None

    assert until(arrived).amount == terms.amount


def entry_path(member: Member) -> str:
    request = member.account.stream_entry()
    entry = member.send(request).content if request is not None else None
    parts = urlsplit(member.account.stream_path(entry))
    return f"{parts.path}?{parts.query}" if parts.query else parts.path


def test_the_user_stream_tells_an_order_s_end(member: Member) -> None:
    account, ticket = member.account, Ticket(time.time_ns(), uuid.uuid4().hex)
    kind = OrderType.IOC if account.rules.has_ioc else OrderType.LIMIT
    terms = member.terms("1.01", kind)
    frames = account.stream_frames(member.keys, [member.bitcoin], ticket)
    headers = account.stream_headers(member.keys, ticket)
    port = member.market.ports[member.venue.value]
    address = f"ws://127.0.0.1:{port}{entry_path(member)}"
    rows: list[StreamRow] = []
    with connect(address, additional_headers=headers, compression=None, proxy=None) as socket:

        def hear() -> bytes:
            frame = socket.recv(PATIENCE_S)
            return frame if isinstance(frame, bytes) else frame.encode()

        for number, frame in enumerate(frames):
            socket.send(frame.decode())
            if number == 0 and account.logs_in:
                until(lambda: account.login_reply(hear()))
        time.sleep(0.5)  # the subscriptions are under way
        _, answer = member.place(terms)
        assert isinstance(answer, Placed), answer

        def over() -> bool | None:
            rows.extend(account.read_stream(hear(), member.names))
            mine = [row for row in rows if isinstance(row, OrderReport)]
            ended = [row for row in mine if row.venue_order_id == answer.venue_order_id]
            return any(row.state is OrderState.FILLED for row in ended) or None

        until(over)
    reports = [row for row in rows if isinstance(row, OrderReport)]
    last = [row for row in reports if row.venue_order_id == answer.venue_order_id][-1]
    assert last.filled_quantity in (None, terms.quantity)
    truth = {one["fill_id"]: one for one in member.truth("fills")}
    for fill in [row for row in rows if isinstance(row, Fill)]:
        told = truth[fill.trade_id]
        assert (fill.quantity, fill.price) == (Decimal(told["quantity"]), Decimal(told["price"]))
        assert (fill.fee, fill.fee_asset) == (Decimal(told["fee"]), told["fee_asset"])
