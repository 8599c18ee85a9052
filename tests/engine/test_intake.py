"""What arrives becomes books: gaps first, healing by each channel's own way, nothing unheard."""

from __future__ import annotations

import random
from typing import Any

import pytest

from app.books.ladder import ASKS, BIDS
from app.books.rack import Rack
from app.domain.events import (
    ConnectionLost,
    ConnectionOpened,
    FrameReceived,
    FramesDropped,
    SnapshotRead,
)
from app.domain.facts import (
    AskBook,
    AskMarkets,
    BookBroke,
    BookRestored,
    Command,
    Fact,
    Reconnect,
    Rejection,
    Resubscribe,
    TradesPrinted,
    Unread,
)
from app.domain.markets import Alignment, BookSnapshot, Instrument
from app.domain.venues import Venue
from app.engine.market.intake import (
    ASK_AGAIN_NS,
    MISSING_AFTER_NS,
    RESUBSCRIBE_AGAIN_NS,
    Intake,
)
from app.exchanges.scanning import translators
from tests.exchanges import frames
from tests.exchanges.frames import Levels, Said, written

SECOND_NS = 1_000_000_000
START_NS = 1_700_000_000 * SECOND_NS
CHANNEL = {channel.write: channel for channel in frames.CHANNELS}


class Stand:
    """One venue's connection 1 over two coins, driven by hand."""

    def __init__(self, write: Any) -> None:
        channel = CHANNEL[write]
        self.write, self.venue, self.channel = write, channel.venue, channel.name
        self.coin, self.other = frames.instruments(self.venue)[:2]
        self.rack = Rack()
        self.intake = Intake(self.rack, translators([self.venue]))
        self.facts: list[Fact] = []
        self.commands: list[Command] = []
        self.at_ns = START_NS
        self.open(1)

    def open(self, connection: int, *coins: Instrument) -> None:
        event = ConnectionOpened(
            self.at_ns, connection, self.venue, self.channel, coins or (self.coin, self.other)
        )
        self.intake.opened(event, self.facts)

    def frame(self, frame: bytes, connection: int = 1) -> int:
        self.at_ns += SECOND_NS
        event = FrameReceived(self.at_ns, connection, frame)
        return self.intake.frame(event, self.facts, self.commands)

    def say(
        self,
        first: int,
        last: int,
        bids: Levels | None = None,
        asks: Levels | None = None,
        *,
        whole: bool = False,
        coin: Instrument | None = None,
        connection: int = 1,
    ) -> int:
        said = Said(
            self.spelled(coin or self.coin),
            first,
            last,
            self.at_ns // 1_000_000,
            [("99", "1")] if bids is None else bids,
            [("101", "1")] if asks is None else asks,
            whole,
        )
        return self.frame(written(self.write(said)), connection)

    def spelled(self, coin: Instrument) -> str:
        from app.exchanges import EXCHANGES

        return EXCHANGES[self.venue].symbol(coin)

    def rest(self, alignment: Alignment, sequence: int | None, **sides: Levels) -> int:
        bids, asks = sides.get("bids", [("99", "1")]), sides.get("asks", [("101", "1")])
        clock_ns = self.at_ns if alignment is Alignment.SNAPSHOTS else None
        snapshot = BookSnapshot(self.coin, alignment, bids, asks, sequence, clock_ns)
        self.at_ns += SECOND_NS
        event = SnapshotRead(self.at_ns, self.coin, snapshot)
        return self.intake.snapshot(event, self.facts, self.commands)

    def tick(self, after_ns: int) -> list[Command]:
        commands: list[Command] = []
        self.intake.tick(self.at_ns + after_ns, commands)
        return commands

    def record(self, coin: Instrument | None = None) -> Any:
        row = self.rack.row(coin or self.coin)
        assert row is not None
        return self.rack.tops[row]

    def best(self) -> tuple[float, float]:
        prices = self.record()["prices"]
        return float(prices[BIDS, 0]), float(prices[ASKS, 0])

    def taken(self) -> tuple[list[Fact], list[Command]]:
        facts, commands = list(self.facts), list(self.commands)
        self.facts.clear()
        self.commands.clear()
        return facts, commands


def test_a_whole_book_is_taken_and_its_receipt_is_its_age() -> None:
    stand = Stand(frames.upbit)
    row = stand.say(1, 1)

    assert row == stand.rack.row(stand.coin)
    assert (stand.record()["valid"], stand.record()["received_ns"]) == (1, stand.at_ns)
    assert stand.say(2, 2, [("98", "1")]) == row
    assert stand.best() == (98.0, 101.0)
    assert stand.taken() == ([], [])


def test_a_gap_breaks_the_book_before_anything_else_and_a_new_snapshot_heals_it() -> None:
    stand = Stand(frames.okx)
    stand.say(0, 10, whole=True, coin=stand.other)
    stand.say(0, 10, whole=True)
    row = stand.say(13, 14, [("98", "1")], [])

    assert row == stand.rack.row(stand.coin)
    assert stand.record()["valid"] == 0
    assert stand.best() == (99.0, 101.0), "what came after the hole is not in it"
    broke = BookBroke(stand.at_ns, stand.coin, "gap")
    assert stand.taken() == ([broke], [Resubscribe(1, stand.coin)])

    assert stand.say(15, 16, [("98", "1")], []) == -1
    assert stand.tick(RESUBSCRIBE_AGAIN_NS - 3 * SECOND_NS) == []
    assert stand.tick(RESUBSCRIBE_AGAIN_NS) == [Resubscribe(1, stand.coin)]
    assert stand.say(0, 30, whole=True) == row
    assert stand.record()["valid"] == 1
    assert stand.taken()[0] == [BookRestored(stand.at_ns, stand.coin, 2000.0)]
    assert stand.tick(10 * RESUBSCRIBE_AGAIN_NS) == []


@pytest.mark.parametrize("write", [frames.kucoin_depth50, frames.okx])
def test_a_book_that_never_came_is_subscribed_alone_and_ever_more_seldom(write: Any) -> None:
    stand = Stand(write)
    stand.say(0, 10, whole=True)
    alone = [Resubscribe(1, stand.other)]

    assert stand.tick(MISSING_AFTER_NS - 2 * SECOND_NS) == []
    assert stand.tick(MISSING_AFTER_NS) == alone
    assert stand.tick(2 * MISSING_AFTER_NS) == []
    assert stand.tick(3 * MISSING_AFTER_NS) == alone
    assert stand.tick(6 * MISSING_AFTER_NS) == []
    stand.say(0, 10, whole=True, coin=stand.other)
    assert stand.tick(100 * MISSING_AFTER_NS) == []
    assert stand.tick(10_000 * MISSING_AFTER_NS) == [], "it is there: nobody looks again"

    stand.open(2)
    stand.intake.lost(ConnectionLost(stand.at_ns, 2, "gone"), stand.facts)
    assert stand.tick(100 * MISSING_AFTER_NS) == [], "there is nobody to ask"


def test_a_buffered_book_asks_joins_and_asks_again() -> None:
    stand = Stand(frames.binance_depth)
    assert stand.say(11, 12) == -1
    assert stand.say(13, 14, [("98", "5")], []) == -1
    assert stand.taken() == ([], [AskBook(stand.coin, "a snapshot to join")]), "once"
    assert stand.tick(ASK_AGAIN_NS) == [AskBook(stand.coin, "no answer yet")]

    assert stand.rest(Alignment.BUFFERED, 9) == -1
    assert stand.taken()[1] == [AskBook(stand.coin, "a newer snapshot to join")]
    stand.rest(Alignment.BUFFERED, 12)
    assert (stand.record()["valid"], stand.record()["sequence"]) == (1, 14), "the kept one too"
    assert stand.taken() == ([], []), "it never was valid, so nothing is restored"

    stand.say(17, 18)
    assert stand.record()["valid"] == 0
    facts, commands = stand.taken()
    assert facts == [BookBroke(stand.at_ns, stand.coin, "gap")]
    assert commands == [AskBook(stand.coin, "gap")]
    stand.rest(Alignment.BUFFERED, 17)
    assert (stand.record()["valid"], stand.record()["sequence"]) == (1, 18)


def test_a_venue_that_did_not_answer_is_asked_later() -> None:
    stand = Stand(frames.binance_depth)
    stand.say(11, 12)
    stand.at_ns += ASK_AGAIN_NS - SECOND_NS
    stand.intake.snapshot(SnapshotRead(stand.at_ns, stand.coin, None), [], [])

    assert stand.tick(ASK_AGAIN_NS - 1) == []
    assert stand.tick(ASK_AGAIN_NS) == [AskBook(stand.coin, "no answer yet")]


def test_a_hole_in_a_connection_s_numbers_breaks_all_its_books() -> None:
    stand = Stand(frames.coinbase)
    stand.say(0, 0, whole=True)
    stand.say(1, 1, whole=True, coin=stand.other)
    assert stand.say(2, 2, [("98", "1")], []) >= 0
    stand.frame(b'{"channel":"heartbeats","timestamp":"x","sequence_num":4,"events":[]}')

    assert (stand.record()["valid"], stand.record(stand.other)["valid"]) == (0, 0)
    assert sorted(stand.intake.touched) == sorted(stand.rack.rows())
    facts, commands = stand.taken()
    assert facts == [
        BookBroke(stand.at_ns, coin, "connection") for coin in (stand.coin, stand.other)
    ]
    assert commands == [Reconnect(1, "messages are missing")]


def test_a_late_message_of_a_counted_connection_is_passed_by() -> None:
    stand = Stand(frames.coinbase)
    stand.say(0, 0, whole=True)
    stand.say(1, 1, [("98", "1")], [])
    assert stand.say(1, 1, [("97", "1")], []) == -1
    assert stand.record()["counts"].tolist() == [2, 1]


def test_an_unreadable_level_behind_a_counted_frame_breaks_its_book() -> None:
    stand = Stand(frames.coinbase)
    stand.say(0, 0, whole=True)
    row = stand.say(1, 1, [("-5", "1")], [])

    assert row == stand.rack.row(stand.coin)
    assert stand.record()["valid"] == 0
    facts, commands = stand.taken()
    assert [type(fact) for fact in facts] == [Unread, BookBroke]
    assert facts[1] == BookBroke(stand.at_ns, stand.coin, "unreadable")
    assert commands == [Resubscribe(1, stand.coin)]
    assert stand.say(2, 2, [("98", "1")], []) == -1, "nothing is next to it"


def test_several_books_in_one_frame_are_all_told() -> None:
    stand = Stand(frames.coinbase)
    message = frames.coinbase(Said("BTC-USD", 0, 0, 5, [("99", "1")], [("101", "1")], True))
    second = frames.coinbase(Said("XRP-USD", 0, 0, 5, [("9", "1")], [("11", "1")], True))
    message["events"] += second["events"]
    row = stand.frame(written(message))

    assert {row, *stand.intake.touched} == set(stand.rack.rows())


def test_an_ended_connection_takes_its_books_until_another_comes() -> None:
    stand = Stand(frames.okx)
    stand.say(0, 10, whole=True)
    stand.intake.lost(ConnectionLost(stand.at_ns, 1, "closed"), stand.facts)

    assert stand.record()["valid"] == 0
    assert stand.intake.touched == [stand.rack.row(stand.coin)]
    assert stand.taken()[0] == [BookBroke(stand.at_ns, stand.coin, "lost")]
    assert stand.say(11, 12) == -1, "a frame that was still on its way"
    stand.open(2)
    assert stand.say(11, 12, connection=2) == -1, "the new one begins with a whole book"
    stand.say(0, 20, whole=True, connection=2)
    assert stand.record()["valid"] == 1
    assert isinstance(stand.taken()[0][0], BookRestored)


def test_whole_books_survive_a_connection_that_overlaps_the_next() -> None:
    """A venue cuts after 24 h: the next one is open before."""
    stand = Stand(frames.binance_depth20)
    stand.say(1, 10)
    stand.open(2)
    assert stand.record()["valid"] == 1
    assert stand.say(1, 11, [("98", "1")], connection=1) == -1, "the books are the new one's"
    assert stand.say(1, 11, [("97", "1")], connection=2) >= 0
    stand.intake.lost(ConnectionLost(stand.at_ns, 1, "closed"), stand.facts)

    assert (stand.record()["valid"], stand.best()) == (1, (97.0, 101.0))
    assert stand.taken()[0] == []


def test_thrown_away_frames_break_all_but_whole_books() -> None:
    for write, valid in ((frames.okx, 0), (frames.upbit, 1)):
        stand = Stand(write)
        stand.say(0, 10, whole=True)
        stand.intake.dropped(FramesDropped(stand.at_ns, 1, 500), stand.facts)
        assert stand.record()["valid"] == valid


@pytest.mark.parametrize("write", [frames.okx, frames.bybit, frames.coinbase, frames.gate_obu])
def test_a_second_look_confirms_a_quiet_book_with_the_same_best_prices(write: Any) -> None:
    stand = Stand(write)
    stand.say(0, 0, whole=True)
    row = stand.rack.row(stand.coin)

    assert stand.rest(Alignment.SNAPSHOTS, None, bids=[("98", "1"), ("99", "7")]) == row
    assert stand.record()["received_ns"] == stand.at_ns
    confirmed_ns = stand.at_ns
    assert stand.rest(Alignment.SNAPSHOTS, None, bids=[("98.5", "1")]) == -1
    assert stand.rest(Alignment.SNAPSHOTS, None, bids=[]) == -1
    assert stand.record()["received_ns"] == confirmed_ns


def test_a_second_look_at_a_joined_book_confirms_the_same_number() -> None:
    stand = Stand(frames.binance_depth)
    stand.say(11, 12)
    stand.rest(Alignment.BUFFERED, 12)

    assert stand.rest(Alignment.BUFFERED, 12) >= 0
    assert stand.record()["received_ns"] == stand.at_ns
    assert stand.rest(Alignment.BUFFERED, 11) == -1


def test_a_second_look_at_whole_books_is_a_newer_one() -> None:
    stand = Stand(frames.binance_depth20)
    stand.say(1, 10)

    assert stand.rest(Alignment.BUFFERED, 12, bids=[("98", "3")]) >= 0
    assert stand.best() == (98.0, 101.0)
    assert stand.rest(Alignment.BUFFERED, 11, bids=[("97", "3")]) == -1


def test_trades_refusals_and_farewells_are_told() -> None:
    stand = Stand(frames.binance_depth20)
    stand.frame(
        b'{"stream":"btcusdt@trade","data":{"e":"trade","E":2,"s":"BTCUSDT","t":7,'
        b'"p":"61837.63","q":"0.02","T":1723161255342,"m":true,"M":true}}'
    )
    stand.frame(b'{"stream":"!serverShutdown","data":{"e":"serverShutdown","E":5}}')
    stand.frame(b'{"code":2,"msg":"Invalid request","id":1}')
    facts, commands = stand.taken()

    assert isinstance(facts[0], TradesPrinted)
    assert facts[0].trades[0].price == "61837.63"
    assert facts[1] == Rejection(stand.at_ns, Venue.BINANCE, "2", "Invalid request")
    assert commands == [
        Reconnect(1, "closing: serverShutdown"),
        AskMarkets(Venue.BINANCE, "refused"),
    ]
    row = stand.rack.row(stand.coin)
    assert row is not None
    assert stand.intake.last_trade(row) == (61837.63, START_NS + SECOND_NS)


def test_what_nobody_can_read_is_counted_and_told_once_a_second() -> None:
    stand = Stand(frames.upbit)
    for _ in range(5):
        event = FrameReceived(stand.at_ns, 1, b'{"ty":"orderbook"' + b"x" * 5_000)
        stand.intake.frame(event, stand.facts, stand.commands)
    (unread,), _ = stand.taken()

    assert isinstance(unread, Unread)
    assert len(unread.start) == 200
    assert stand.intake.counts[Venue.UPBIT].unreadable == 5


def test_a_layout_that_changed_is_read_slowly_and_counted() -> None:
    stand = Stand(frames.upbit)
    stand.say(1, 1)
    said = Said("KRW-BTC", 2, 2, stand.at_ns // 1_000_000, [("98", "1")], [("101", "1")], True)
    row = stand.frame(written(frames.upbit(said) | {"new": {"nested": [1]}}))

    assert row >= 0
    assert stand.best() == (98.0, 101.0)
    assert stand.intake.counts[Venue.UPBIT].fallbacks == 1


def test_a_bounded_book_that_forgot_too_much_asks_for_a_new_one() -> None:
    """A thousand levels come better than the others and go again: the others are not known."""
    stand = Stand(frames.bybit)
    wide = [(f"{50 - number / 100:.2f}", "1") for number in range(50)]
    stand.say(0, 10, wide, whole=True)
    for number in range(200):
        stand.say(0, 11 + number, [(f"{60 + number / 100:.2f}", "1")], [])
    for number in range(200):
        row = stand.say(0, 211 + number, [(f"{60 + number / 100:.2f}", "0")], [])
        if not stand.record()["valid"]:
            break
    facts, commands = stand.taken()

    assert row == stand.rack.row(stand.coin)
    assert facts == [BookBroke(stand.at_ns, stand.coin, "depth")]
    assert commands == [Resubscribe(1, stand.coin)]


def test_a_removed_market_s_row_serves_the_next_one() -> None:
    stand = Stand(frames.okx)
    stand.say(0, 10, whole=True, coin=stand.other)
    row = stand.say(0, 10, whole=True)
    stand.say(13, 14)
    stand.intake.remove(stand.coin)

    assert stand.tick(10 * RESUBSCRIBE_AGAIN_NS) == []
    assert stand.say(0, 20, whole=True) == -1, "its frames are nobody's"
    new = Instrument(Venue.OKX, "NEW", "USDT")
    stand.open(2, new)
    assert stand.rack.row(new) == row
    assert stand.say(0, 20, whole=True, coin=stand.coin) == -1
    assert stand.say(0, 20, whole=True, coin=new, connection=2) == row


def test_the_same_number_of_a_connection_opened_again_begins_anew() -> None:
    stand = Stand(frames.coinbase)
    stand.say(0, 0, whole=True)
    stand.say(1, 1, whole=True, coin=stand.other)
    stand.open(1, stand.coin)

    assert (stand.record()["valid"], stand.record(stand.other)["valid"]) == (0, 0)
    assert stand.say(0, 0, whole=True) >= 0
    assert stand.say(1, 1, whole=True, coin=stand.other) == -1


def test_any_order_of_events_leaves_an_intake_that_works() -> None:
    chance = random.Random(3)
    stand = Stand(frames.okx)
    number = 10
    for turn in range(2_000):
        connection = chance.randint(1, 3)
        match chance.randint(0, 9):
            case 0:
                stand.open(connection, *chance.sample((stand.coin, stand.other), 1))
            case 1:
                lost = ConnectionLost(stand.at_ns, connection, "closed")
                stand.intake.lost(lost, stand.facts)
            case 2:
                stand.intake.remove(chance.choice((stand.coin, stand.other)))
            case 3:
                stand.tick(chance.randint(0, 60) * SECOND_NS)
            case 4:
                stand.rest(Alignment.SNAPSHOTS, None)
            case _:
                whole = chance.random() < 0.3
                first, number = number + chance.choice([1, 1, 1, 2]), number + 3
                coin = chance.choice((stand.coin, stand.other))
                stand.say(first, number, whole=whole, coin=coin, connection=connection)
        for row in stand.rack.rows():
            owned = row in stand.intake._owners
            assert owned or not stand.rack.tops[row]["valid"], turn
