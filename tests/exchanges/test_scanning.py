"""Scanners beside the slow reader: whatever arrives, both end in the same books and say the same.

Two intakes take the same frames; one of them has no scanner. After every frame all that a book
holds is compared, exactly: prices, quantities, order, numbers, times, validity, facts, commands.
"""

from __future__ import annotations

import gzip
import random
import re
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
import pytest

from app.books.outcomes import OTHER
from app.books.rack import Rack
from app.domain.events import ConnectionOpened, FrameReceived, SnapshotRead
from app.domain.facts import Command, Fact
from app.domain.markets import BookSnapshot, Instrument
from app.domain.venues import Venue
from app.engine.market.intake import Intake
from app.exchanges import EXCHANGES
from app.exchanges.contract import Names, Request
from app.exchanges.decode import _read, _stamped
from app.exchanges.scanning import Reader, Translator, translators
from tests.exchanges.frames import CHANNELS, Channel, World, instruments, written
from tests.exchanges.test_captures import lines_of

FIXTURES = Path(__file__).parent / "fixtures"
AT_NS = 1_700_000_000_000_000_000
TITLES = [f"{channel.venue}-{channel.write.__name__}" for channel in CHANNELS]


class Slow(Translator):
    """Reads everything slowly."""

    def open(
        self, channel: str, instruments: Sequence[Instrument], rows: Sequence[int], rack: Rack
    ) -> Reader:
        reader = super().open(channel, instruments, rows, rack)
        reader.scan = lambda frame, at_ns: OTHER
        return reader


class Side:
    """One of both ways, and all that it did."""

    def __init__(self, venue: Venue, channel: str, markets: tuple[Instrument, ...], fast: bool):
        self.rack = Rack()
        made = translators([venue]) if fast else {venue: Slow(EXCHANGES[venue])}
        self.intake = Intake(self.rack, made)
        self.facts: list[Fact] = []
        self.commands: list[Command] = []
        self.intake.opened(ConnectionOpened(AT_NS, 1, venue, channel, markets), self.facts)

    def play(self, frame: bytes, at_ns: int) -> tuple[object, ...]:
        row = self.intake.frame(FrameReceived(at_ns, 1, frame), self.facts, self.commands)
        return row, self.intake.touched if row < 0 else None, self.state()

    def snapshot(self, snapshot: BookSnapshot, at_ns: int) -> tuple[object, ...]:
        event = SnapshotRead(at_ns, snapshot.instrument, snapshot)
        row = self.intake.snapshot(event, self.facts, self.commands)
        return row, self.intake.touched, self.state()

    def state(self) -> tuple[object, ...]:
        (counts,) = self.intake.counts.values()
        told = counts.frames, counts.updates, counts.gaps, counts.checksums, counts.unreadable
        return told, self.facts, self.commands, [self.book(row) for row in self.rack.rows()]

    def book(self, row: int) -> tuple[object, ...]:
        book, record = self.rack.book(row), self.rack.tops[row]
        ladder = book.ladder
        sides = [
            (ladder.prices[side, :count].tolist(), ladder.quantities[side, :count].tolist())
            for side, count in enumerate(ladder.counts.tolist())
        ]
        shown = [
            (record["prices"][side, :count].tolist(), record["quantities"][side, :count].tolist())
            for side, count in enumerate(record["counts"].tolist())
        ]
        plain = ("valid", "sequence", "received_ns", "exchange_ns", "version", "state", "horizon")
        return (
            self.rack.instrument(row),
            sides,
            shown,
            [np.asarray(record[name]).tolist() for name in plain],
            book.broken,
        )


class Both:
    def __init__(self, venue: Venue, channel: str, markets: tuple[Instrument, ...]) -> None:
        self.fast = Side(venue, channel, markets, fast=True)
        self.slow = Side(venue, channel, markets, fast=False)
        self.at_ns = AT_NS

    def play(self, frame: bytes) -> None:
        self.at_ns += 1_000_003
        assert self.fast.play(frame, self.at_ns) == self.slow.play(frame, self.at_ns), frame

    def snapshot(self, snapshot: BookSnapshot) -> None:
        self.at_ns += 1_000_003
        fast, slow = (side.snapshot(snapshot, self.at_ns) for side in (self.fast, self.slow))
        assert fast == slow


def join(both: Both, world: World, instrument: Instrument) -> None:
    """What a buffered channel asks for by REST: a state that the next change follows."""
    world.is_first = False
    alignment = EXCHANGES[instrument.venue].channels[world.channel.name]
    bids, asks = world.side(1, 40, True), world.side(-1, 40, True)
    both.snapshot(BookSnapshot(instrument, alignment, bids, asks, world.number, AT_NS))


def played(channel: Channel, chance: random.Random, count: int) -> tuple[Both, list[bytes]]:
    """Ordinary life of one connection: three markets, first whole books, then what follows."""
    markets = instruments(channel.venue)
    both = Both(channel.venue, channel.name, markets)
    worlds = [World(channel, chance, instrument) for instrument in markets]
    buffered = "buffered" in EXCHANGES[channel.venue].channels[channel.name]
    number, frames = -1, []
    for turn in range(count):
        world = worlds[turn % 3]
        if buffered and world.is_first:
            join(both, world, markets[turn % 3])
        if channel.is_counted:
            world.number = number
        said = world.say()
        number = said.last
        frame = written(channel.write(said), chance if turn % 4 == 3 else None)
        frames.append(frame)
        both.play(frame)
    return both, frames


@pytest.mark.parametrize("channel", CHANNELS, ids=TITLES)
def test_ordinary_frames_are_scanned_and_end_in_the_same_books(channel: Channel) -> None:
    both, frames = played(channel, random.Random(7), 300)
    (counts,) = both.fast.intake.counts.values()

    assert counts.fallbacks == 0
    assert counts.updates >= len(frames)
    assert {fact.__class__.__name__ for fact in both.fast.facts} <= {"BookBroke", "BookRestored"}


@pytest.mark.parametrize("channel", CHANNELS, ids=TITLES)
def test_the_slow_reader_is_asked_for_first_books_only(channel: Channel) -> None:
    chance = random.Random(11)
    both, _ = played(channel, chance, 12)
    read: list[bytes] = []
    reader = both.fast.intake._lines[1].reader
    scan = reader.scan
    (row, *_) = both.fast.rack.rows()
    world = World(channel, chance, both.fast.rack.instrument(row))
    for _ in range(20):
        book = both.fast.rack.book(row)
        world.is_first = False
        world.number = reader.counter.number if channel.is_counted else (book.sequence or 0)
        world.at_ms = (book.exchange_at_ns or 0) // 1_000_000 + 1
        frame = written(channel.write(world.say()))
        if scan(frame, AT_NS) < 0:
            read.append(frame)

    assert read == []


def damaged(frame: bytes, chance: random.Random, other: bytes) -> bytes:
    """One accident: bytes lost, doubled, changed, moved, or from another frame."""
    if not re.search(rb"\d", frame):
        return other
    at, end = sorted(chance.randrange(len(frame) + 1) for _ in range(2))
    few = min(end, at + chance.randint(1, 3))
    match chance.randint(0, 7):
        case 0:
            return frame[:at]
        case 1:
            return frame[:at] + frame[few:]
        case 2:
            return frame[:few] + frame[at:]
        case 3:
            return (
                frame[:at]
                + bytes([chance.choice(b'0123456789.-eE"[]{},: nul\\\x00\xff')])
                + frame[few:]
            )
        case 4:
            return frame[:at] + other[at:]
        case 5:
            digits = [place.start() for place in re.finditer(rb"\d", frame)]
            place = chance.choice(digits)
            return frame[:place] + str(chance.randint(0, 9)).encode() + frame[place + 1 :]
        case 6:
            words = re.findall(rb'"[^"]*"|[-\d.e]+', frame)
            return frame.replace(chance.choice(words), chance.choice(words), 1)
        case _:
            word = chance.choice(re.findall(rb'"[^"]*"|[-\d.e]+', frame))
            made = chance.choice([b"null", b"[]", b"{}", b"-1", b'"x"', b"1e400", b'"0"', b"true"])
            return frame.replace(word, made, 1)


@pytest.mark.parametrize("channel", CHANNELS, ids=TITLES)
def test_damaged_frames_mean_the_same_to_both(channel: Channel) -> None:
    chance = random.Random(20261120)
    both, frames = played(channel, chance, 30)
    for _ in range(600):
        frame = chance.choice(frames[-9:])
        for _ in range(chance.choice([1, 1, 1, 2, 3])):
            frame = damaged(frame, chance, chance.choice(frames))
        both.play(frame)
        if chance.random() < 0.05:  # heal what the damage broke
            both, frames = played(channel, chance, 30)


@pytest.mark.parametrize("channel", CHANNELS, ids=TITLES)
def test_each_byte_that_is_no_text_means_the_same_to_both(channel: Channel) -> None:
    chance = random.Random(17)
    both, frames = played(channel, chance, 9)
    for at in range(len(frames[-1])):
        byte = chance.choice([b"\xff", b"\xff", b"\x00", b"\x1f", b"\\"])
        both.play(frames[-1][:at] + byte + frames[-1][at + 1 :])


@pytest.mark.parametrize("channel", CHANNELS, ids=TITLES)
def test_lost_doubled_and_late_frames_mean_the_same_to_both(channel: Channel) -> None:
    chance = random.Random(99)
    _, frames = played(channel, chance, 200)
    both = Both(channel.venue, channel.name, instruments(channel.venue))
    for number, frame in enumerate(frames):
        accident = chance.random()
        if accident > 0.03:
            both.play(frame)
        if accident > 0.97:
            both.play(frames[max(0, number - chance.randint(0, 6))])


def recorded(venue: Venue) -> Iterable[bytes]:
    for path in sorted((FIXTURES / venue).glob("*.jsonl")):
        if not path.name.endswith(".events.jsonl"):
            yield from path.read_bytes().splitlines()


def play_lines(both: Both, venue: Venue, lines: Iterable[bytes]) -> None:
    """Frames as frames; books that were asked for by REST as such."""
    exchange = EXCHANGES[venue]
    names = Names(exchange)
    for line in lines:
        message = _stamped(line)[1]
        try:
            is_reply = b'"request"' in message or exchange.recognise(message) is not None
            events = _read(exchange, message, names) if is_reply else []
        except ValueError:
            is_reply, events = False, []
        for event in events:
            if isinstance(event, BookSnapshot):
                both.snapshot(event)
        if not is_reply:
            both.play(message)


CHANNELS_OF = [
    (venue, channel) for venue, exchange in EXCHANGES.items() for channel in exchange.channels
]


@pytest.mark.parametrize(("venue", "channel"), CHANNELS_OF, ids=str)
def test_documented_frames_mean_the_same_to_both(venue: Venue, channel: str) -> None:
    names = Names(EXCHANGES[venue])
    symbols = set(
        re.findall(r'"([A-Z0-9]{2,9}[-_]?[A-Z0-9]{2,9})"', b"".join(recorded(venue)).decode())
    )
    markets = []
    for symbol in sorted(symbols | {"BNBBTC", "BTCUSDT", "ETHUSDT", "ETHBTC"}):
        try:
            markets.append(names[symbol])
        except ValueError:
            continue
    both = Both(venue, channel, tuple(dict.fromkeys(markets)))
    for _ in range(2):
        play_lines(both, venue, recorded(venue))


RECORDINGS = [
    ("BINANCE", Venue.BINANCE, "depth@100ms"),
    ("BINANCE_US", Venue.BINANCE, "depth@100ms"),
    ("UPBIT", Venue.UPBIT, "orderbook"),
    ("OKX", Venue.OKX, "books"),
    ("KUCOIN", Venue.KUCOIN, "level2"),
    ("GATEIO", Venue.GATE, "order_book_update"),
]


@pytest.mark.parametrize(("name", "venue", "channel"), RECORDINGS)
def test_recordings_mean_the_same_to_both(
    shared_data: Path, name: str, venue: Venue, channel: str
) -> None:
    lines = lines_of(shared_data / "captures" / "cryptofeed", name)
    exchange, found = EXCHANGES[venue], dict[Instrument, None]()
    names = Names(exchange)
    for line in lines:
        for event in _read(exchange, _stamped(line)[1], names):
            instrument = getattr(event, "instrument", None)
            if instrument is not None and type(event).__name__.startswith("Book"):
                found[instrument] = None
    both = Both(venue, channel, tuple(found))
    play_lines(both, venue, lines)
    (counts,) = both.fast.intake.counts.values()

    if name == "OKX":  # recorded with checksums, before it numbered its books
        assert counts.updates == 0
    else:
        assert counts.updates > 90
        # KuCoin mixes the numbers of a message's changes now and then: read slowly, in their order.
        assert counts.fallbacks <= (25 if name == "KUCOIN" else 0)


def test_the_long_recording_of_binance_is_scanned_to_the_last_change(shared_data: Path) -> None:
    folder = shared_data / "captures" / "binance_l2_20240808_hftbacktest" / "spot"
    lines = gzip.decompress((folder / "btcusdt_20240808.gz").read_bytes()).splitlines()
    both = Both(Venue.BINANCE, "depth@100ms", (Instrument(Venue.BINANCE, "BTC", "USDT"),))
    names = Names(EXCHANGES[Venue.BINANCE])
    names.only = Instrument(Venue.BINANCE, "BTC", "USDT")
    for line in lines:
        message = _stamped(line)[1]
        if message.startswith(b'{"lastUpdateId"'):
            request = Request("GET", "/api/v3/depth")
            (book,) = EXCHANGES[Venue.BINANCE].read_reply(request, message, names)
            assert isinstance(book, BookSnapshot)
            both.snapshot(book)
        elif b"@depth" in message:
            both.play(message)
    (counts,) = both.fast.intake.counts.values()

    assert (counts.fallbacks, counts.gaps, counts.unreadable) == (0, 0, 0)
    assert counts.updates > 3_000
