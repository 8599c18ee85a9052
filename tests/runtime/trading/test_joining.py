"""What paper trades against: the live book, and for a perpetual the book of its coin."""

from __future__ import annotations

from decimal import Decimal

from app.engine.execution.hedge import perpetual
from app.engine.execution.sight import spot_of
from app.runtime.trading.joining import depth_by
from tests.engine.builders import BINANCE
from tests.engine.execution.kit import Desk

D = Decimal


def desk() -> Desk:
    world = Desk()
    world.lists(BINANCE, "XRP")
    world.open(BINANCE, "XRP")
    return world


def test_a_perpetual_is_as_deep_as_its_coin_and_as_far_from_it_as_was_read() -> None:
    world = desk()
    world.book(BINANCE, "XRP", 2.4999, 2.5001)
    world.funding("XRP", "2.5")
    depth = depth_by(world.engine)
    spot, hedge = depth(spot_of(perpetual("XRP"))), depth(perpetual("XRP"))
    assert spot is not None
    assert hedge == spot, "at the same price"
    world.book(BINANCE, "XRP", 2.5999, 2.6001)
    later = depth(perpetual("XRP"))
    assert later is not None
    assert later.asks[0][0] == D("2.6001")
    assert later.version > hedge.version


def test_without_a_book_or_a_mark_there_is_nothing_to_trade_against() -> None:
    world = desk()
    depth = depth_by(world.engine)
    world.book(BINANCE, "XRP", 2.4999, 2.5001)
    assert depth(perpetual("XRP")) is None
    world.funding("XRP", "2.5")
    assert depth(perpetual("XRP")) is not None
    world.lose(BINANCE)
    assert depth(perpetual("XRP")) is None
