"""Two readings of nine protocols, written apart: what the simulator says, the translators read."""

from __future__ import annotations

import time
import uuid
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from app.domain.markets import (
    BookDelta,
    BookSnapshot,
    Candle,
    Entry,
    Flow,
    Ignored,
    Instrument,
    Market,
    Rejected,
    ServerTime,
    Trade,
    WalletNetwork,
)
from app.domain.secret import Secret
from app.domain.venues import KOREAN, Venue
from app.exchanges import EXCHANGES
from app.exchanges.contract import Exchange, Names, Request, Ticket
from app.exchanges.signing import Keys, sign
from tests.simulator.kit import Simulated

FRAMES_MAX = 400
EVERY_VENUE = pytest.mark.parametrize("venue", list(Venue), ids=str)
EVERY_CHANNEL = [(venue, channel) for venue in Venue for channel in EXCHANGES[venue].channels]


def bitcoin(venue: Venue) -> Instrument:
    quote = "KRW" if venue in KOREAN else "USD" if venue is Venue.COINBASE else "USDT"
    return Instrument(venue, "BTC", quote)


def ticket() -> Ticket:
    return Ticket(time.time_ns(), uuid.uuid4().hex)


def keys(market: Simulated, venue: Venue) -> Keys:
    given = market.keys(venue.value)
    secret = Secret(given.get("private_pem") or given["secret"])
    return Keys(given["key"], secret, Secret(given["passphrase"]))


def send(market: Simulated, venue: Venue, request: Request) -> httpx.Response:
    url = f"http://127.0.0.1:{market.ports[venue.value]}"
    if not request.signed:
        return httpx.request(request.method, url + request.target, content=request.body)
    at_ms = time.time_ns() // 1_000_000
    made = sign(venue, request, keys(market, venue), at_ms, str(uuid.uuid4()))
    return httpx.request(
        request.method, url + made.target, headers=made.headers, content=made.body or None
    )


def asked(market: Simulated, exchange: Exchange, request: Request) -> list[Any]:
    names = Names(exchange)
    names.only = bitcoin(exchange.venue)
    reply = send(market, exchange.venue, request)
    assert reply.status_code == 200, reply.text
    return list(exchange.read_reply(request, reply.content, names))


def listed(market: Simulated, exchange: Exchange) -> dict[Instrument, Market]:
    found: dict[Instrument, Market] = {}
    for request in exchange.ask_markets():
        for event in asked(market, exchange, request):
            assert isinstance(event, Market | Ignored), event
            if isinstance(event, Market):
                found[event.instrument] = event
    return found


@EVERY_VENUE
def test_markets_with_tick_lot_and_minimum(market: Simulated, venue: Venue) -> None:
    exchange = EXCHANGES[venue]
    found = listed(market, exchange)
    assert bitcoin(venue) in found
    assert set(market.world()["symbols"][venue.value]) <= set(map(exchange.symbol, found))
    for request in exchange.ask_market_details([bitcoin(venue)]):
        for event in asked(market, exchange, request):
            if isinstance(event, Market) and event.instrument == bitcoin(venue):
                found[bitcoin(venue)] = event
    assert found[bitcoin(venue)].trading in (True, None)


@EVERY_VENUE
def test_the_book_minutes_and_the_clock(market: Simulated, venue: Venue) -> None:
    exchange = EXCHANGES[venue]
    request = exchange.ask_book(bitcoin(venue))
    [book] = [e for e in asked(market, exchange, request) if isinstance(e, BookSnapshot)]
    assert len(book.bids) >= 15
    assert float(book.bids[0][0]) < float(book.asks[0][0])
    start_ns = (time.time_ns() // 60_000_000_000 - 30) * 60_000_000_000
    request = exchange.ask_candles(bitcoin(venue), start_ns, 20)
    candles = [e for e in asked(market, exchange, request) if isinstance(e, Candle)]
    opened = sorted({candle.opened_at_ns for candle in candles})
    assert [(at - start_ns) // 60_000_000_000 for at in opened] == list(range(20))
    if (request := exchange.ask_time()) is not None:
        [clock] = asked(market, exchange, request)
        assert isinstance(clock, ServerTime)
        assert abs(clock.exchange_at_ns - time.time_ns()) < 5_000_000_000


@EVERY_VENUE
def test_wallets_by_our_signature_and_not_without(market: Simulated, venue: Venue) -> None:
    exchange = EXCHANGES[venue]
    request = exchange.ask_wallets()
    networks = asked(market, exchange, request)
    assert all(isinstance(one, WalletNetwork) for one in networks)
    tether = [one for one in networks if one.asset == "USDT"]
    assert len(tether) > 1
    # every other venue tells contracts
    if venue not in KOREAN:
        assert any(one.contract for one in tether)
    for told in exchange.ask_withdrawals(networks)[:2]:
        assert all(isinstance(one, WalletNetwork) for one in asked(market, exchange, told))
    if request.signed:
        url = f"http://127.0.0.1:{market.ports[venue.value]}{request.target}"
        reply = httpx.get(url)
        answer = (
            []
            if reply.status_code >= 400
            else exchange.read_reply(request, reply.content, Names(exchange))
        )
        assert all(isinstance(one, Rejected) for one in answer)


@EVERY_VENUE
def test_a_closed_wallet_is_read_as_closed(market: Simulated, venue: Venue) -> None:
    exchange = EXCHANGES[venue]
    asset = "ETH"

    def flows() -> set[Flow]:
        networks = asked(market, exchange, exchange.ask_wallets())
        return {flow for n in networks if n.asset == asset for flow in (n.deposit, n.withdraw)}

    assert Flow.OPEN in flows()
    fault = market.fault(venue.value, "wallet", asset=asset, seconds=60).json()["id"]
    assert Flow.OPEN not in flows()
    httpx.delete(f"http://127.0.0.1:{market.ports[venue.value]}/__sim/faults/{fault}")
    assert Flow.OPEN in flows()


@pytest.mark.parametrize(("venue", "channel"), EVERY_CHANNEL, ids=str)
def test_every_frame_of_every_book_channel(market: Simulated, venue: Venue, channel: str) -> None:
    exchange = EXCHANGES[venue]
    prefix = ""
    if (entry := exchange.entry()) is not None:
        [event] = asked(market, exchange, entry)
        assert isinstance(event, Entry)
        parts = urlsplit(event.url)
        assert parts.port == market.ports[venue.value]
        prefix = f"{parts.path}?{parts.query}" + "&connectId=kimp"
    [connection] = exchange.connections([bitcoin(venue)], channel, ticket())
    names = Names(exchange)
    names.learn(bitcoin(venue))
    books, trades = 0, 0
    with market.open(venue.value, prefix or connection.path) as person:
        if prefix:
            person.hears()
        for frame in connection.frames:
            person.says(frame.decode())
        for _ in range(FRAMES_MAX):
            text = person.socket.recv(20)
            events = exchange.read(text if isinstance(text, bytes) else text.encode(), names)
            assert not any(isinstance(event, Rejected) for event in events), text
            books += any(isinstance(event, BookSnapshot | BookDelta) for event in events)
            trades += any(isinstance(event, Trade) for event in events)
            if books > 20 and trades:
                break
    assert books > 20
    assert trades > 0
