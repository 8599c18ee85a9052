"""The port of a real account at the simulated venues: their protocols, matching and faults.

What an order came to is compared with the simulator's own books.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from decimal import Decimal as D
from typing import Any

import pytest
from msgspec.structs import replace

from app.domain.markets import BookSnapshot, Instrument, Side
from app.domain.orders import Fill, NoAnswer, Order, OrderReport, OrderState, OrderTerms, Placed
from app.domain.secret import Secret
from app.domain.times import MS_NS
from app.domain.venues import Venue
from app.exchanges.accounts import ACCOUNTS
from app.exchanges.signing import Keys
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.feeds.station import Station
from app.runtime.trading.port import Silent
from app.runtime.trading.ports.live import LivePort
from tests.feeds.kit import until
from tests.runtime.trading.counter import order, stationed
from tests.simulator.stage import Venue as Place
from tests.simulator.stage import market

QUOTES = {Venue.UPBIT: "KRW", Venue.BITHUMB: "KRW", Venue.COINBASE: "USD"}


async def keys_of(venue: Venue, place: Place) -> Keys:
    told = (await place.get("/__sim/keys")).json()
    if venue is Venue.COINBASE:
        return Keys(told["key"], Secret(told["private_pem"]))
    return Keys(told["key"], Secret(told["secret"]), Secret(told["passphrase"]))


@asynccontextmanager
async def trading(
    venue: Venue, patience_s: float = 5.0
) -> AsyncIterator[tuple[Station, LivePort, Place]]:
    async with market(rate=60) as places:
        place = places[venue]
        endpoint = Endpoint(f"ws://127.0.0.1:{place.port}", place.url)
        keys = await keys_of(venue, place)
        async with stationed(venue, endpoint, keys=keys, patience_s=patience_s) as station:
            port = LivePort(station, ACCOUNTS[venue])
            try:
                yield station, port, place
            finally:
                await port.stop()


async def buying(station: Station, venue: Venue, away: str = "1.01") -> Order:
    """Some XRP for about a hundred dollars, at a price that trades at once."""
    instrument = Instrument(venue, "XRP", QUOTES.get(venue, "USDT"))
    events = await station.rest.read(station.exchange.ask_book(instrument))
    (book,) = [event for event in events if isinstance(event, BookSnapshot)]
    tick = D(10) if instrument.quote == "KRW" else D("0.001")
    price = D(book.asks[0][0]) * D(away) // tick * tick
    sent = order(venue, station.clock.at_ns())
    terms = OrderTerms(instrument, Side.BUY, sent.terms.type, price, D(40))
    return replace(sent, terms=terms, valid_until_ns=sent.planned_at_ns + 4_000 * MS_NS)


async def known(port: LivePort, sent: Order) -> OrderReport:
    """By whatever way this venue has: it may take a moment to be there."""
    found: list[OrderReport] = []

    async def look() -> None:
        rows = await port.orders(sent.terms.instrument, sent.signed_at_ns or 0)
        found[:] = [row for row in rows if row.client_id == sent.client_id]

    for _ in range(100):
        await look()
        if found and found[0].state in {OrderState.FILLED, OrderState.CANCELLED}:
            return found[0]
    raise AssertionError(f"{sent.client_id} is not listed: {found}")


async def traded(port: LivePort, sent: Order) -> list[Fill]:
    """Bithumb knows an order a moment before it can show it."""
    for _ in range(100):
        try:
            return await port.fills(sent)
        except Silent as silent:
            assert silent.reason == "not_ready"
    raise AssertionError("never ready")


async def booked(place: Place, client_id: str) -> list[dict[str, Any]]:
    rows: list[dict[str, Any]] = await place.truth("orders")
    return [row for row in rows if row["client_id"] == client_id]


@pytest.mark.parametrize("venue", list(Venue))
async def test_what_traded_is_what_the_venue_has_in_its_books(venue: Venue) -> None:
    async with trading(venue) as (station, port, place):
        heard: list[object] = []
        await port.start(heard.append)
        assert port.stream is not None
        stream = port.stream
        await until(lambda: stream.is_connected, lambda: stream.reason)
        sent = await buying(station, venue)
        answer = await port.place(sent)
        assert isinstance(answer, Placed), answer
        report = await known(port, sent)
        numbered = replace(sent, venue_order_id=report.venue_order_id)
        fills = await traded(port, numbered)
        asked = await port.order(numbered)
        (truth,) = await booked(place, sent.client_id)
        told = [row for row in await place.truth("fills") if row["client_id"] == sent.client_id]
        assert report.venue_order_id == truth["order_id"]
        assert sum(fill.quantity for fill in fills) == D(truth["filled"]) == report.filled_quantity
        assert sum(fill.fee for fill in fills) == sum(D(row["fee"]) for row in told)
        assert {fill.fee_asset for fill in fills} == {row["fee_asset"] for row in told}
        assert asked is None or asked.filled_quantity == D(truth["filled"])
        balances = {row.asset: row.free + row.locked for row in await port.balances()}
        purses = await place.truth("balances")
        assert balances["XRP"] == D(purses["XRP"]["free"]) + D(purses["XRP"]["locked"])
        await until(
            lambda: any(isinstance(row, OrderReport) and row.client_id for row in heard),
            lambda: heard,
        )


@pytest.mark.parametrize("venue", list(Venue))
@pytest.mark.parametrize("kind", ["http", "timeout"])
async def test_an_order_whose_answer_was_lost_is_found_and_there_is_one(
    venue: Venue, kind: str
) -> None:
    """Accepted, and then a 503, or nothing at all (H8, H10)."""
    fault = {"status": 503} if kind == "http" else {}
    async with trading(venue, patience_s=1.0) as (station, port, place):
        sent = await buying(station, venue)
        await place.fault(kind, after_accept=True, **fault)
        assert isinstance(await port.place(sent), NoAnswer)
        assert not port.healthy()
        report = await known(port, sent)
        assert port.healthy()
        (truth,) = await booked(place, sent.client_id)
        assert truth["received"] == 1
        assert report.filled_quantity == D(truth["filled"])
        if not port.rules.finds_ended:
            fills = await port.fills(sent)
            assert sum(fill.quantity for fill in fills) == D(truth["filled"])


@pytest.mark.parametrize("venue", list(Venue))
async def test_an_order_that_never_came_is_absent_everywhere(venue: Venue) -> None:
    async with trading(venue, patience_s=1.0) as (station, port, place):
        sent = await buying(station, venue)
        await place.fault("http", status=503)
        assert isinstance(await port.place(sent), NoAnswer)
        assert await port.orders(sent.terms.instrument, sent.signed_at_ns or 0) == []
        if port.rules.finds_ended:
            assert await port.order(sent) is None
        else:
            assert await port.fills(sent) == []
        assert await booked(place, sent.client_id) == []


@pytest.mark.parametrize("venue", list(Venue))
async def test_a_venue_in_maintenance_tells_nothing(venue: Venue) -> None:
    async with trading(venue, patience_s=1.0) as (station, port, place):
        sent = await buying(station, venue)
        await place.fault("maintenance")
        assert isinstance(await port.place(sent), NoAnswer)
        for question in (
            port.orders(sent.terms.instrument, sent.signed_at_ns or 0),
            port.balances(),
            port.deposits("XRP", sent.planned_at_ns, None),
        ):
            with pytest.raises(Silent):
                await question
        assert not port.healthy()
