"""Intake: what arrives becomes the state of books: fast where it can, slowly and fully else.

A scanner (compiled, of the venue) reads plain changes of valid books. Whatever else a message is,
its translator reads it, and both ways end in the same rows of the same rack. A gap makes a book
invalid before anything else is looked at.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Protocol

from msgspec import structs

from app.books.alignment import Connection, State, Verdict
from app.books.book import Book, Break, Flaw
from app.books.ladder import ASKS, BIDS
from app.books.outcomes import BROKE, UNKNOWN
from app.books.rack import Rack
from app.domain.decimals import number
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
from app.domain.markets import (
    Alignment,
    BookDelta,
    BookSnapshot,
    Closing,
    Counted,
    Event,
    Instrument,
    Level,
    Rejected,
    Trade,
)
from app.domain.times import SECOND_NS
from app.domain.venues import Venue

ASK_AGAIN_NS = 5 * SECOND_NS
"""A snapshot that did not come by then is asked for again."""
RESUBSCRIBE_AGAIN_NS = 30 * SECOND_NS
"""The same for a stream that should have started anew; venues count subscriptions by the hour."""
MISSING_AFTER_NS = 15_000_000_000
"""A book that did not come by then is subscribed alone: one refused name may have spoilt others.
Then after twice that time and so on, for it may be the one that was refused."""
MISSING_AFTER_NS_MAX = 960_000_000_000
TELL_UNREAD_EVERY_NS = SECOND_NS
"""Of each venue: one that went mad would fill every log."""
START_KEPT = 200
"""Bytes of an unreadable frame that are kept for people."""


class Reader(Protocol):
    """One connection's frames, read in both ways. Its translator made it for a channel."""

    counter: Connection
    """Of venues that number the messages of a connection; scanner and intake count together."""

    def scan(self, frame: bytes, at_ns: int, /) -> int:
        """A row whose book changed, or one of `app.books.outcomes`. Compiled."""
        ...

    def read(self, frame: bytes, /) -> Sequence[Event]:
        """Everything that the frame says. Raises ValueError."""
        ...

    def forget(self, instrument: Instrument, /) -> None:
        """Another connection has its book now: the scanner leaves it alone."""
        ...


class Translator(Protocol):
    """A venue's language, handed to the engine as a value."""

    @property
    def venue(self) -> Venue: ...

    def alignment(self, channel: str, /) -> Alignment: ...

    def levels_max(self, channel: str, /) -> int: ...

    def open(
        self, channel: str, instruments: Sequence[Instrument], rows: Sequence[int], rack: Rack, /
    ) -> Reader: ...


@dataclass(slots=True)
class Counts:
    """Of one venue since the start. fallbacks: frames that the scanner did not know as laid out."""

    frames: int = 0
    updates: int = 0
    gaps: int = 0
    checksums: int = 0
    fallbacks: int = 0
    unreadable: int = 0


@dataclass(slots=True)
class _Line:
    """One open connection."""

    connection: int
    venue: Venue
    reader: Reader
    counts: Counts
    rows: set[int] = field(default_factory=set)


class Intake:
    """`touched`: rows that changed in the last call besides the one that it answered."""

    def __init__(self, rack: Rack, translators: Mapping[Venue, Translator]) -> None:
        self.counts = {venue: Counts() for venue in translators}
        self.touched: list[int] = []
        self._rack = rack
        self._translators = translators
        self._lines: dict[int, _Line] = {}
        self._owners: dict[int, _Line] = {}  # of rows
        self._broken_at: dict[int, int] = {}
        self._due: dict[int, int] = {}  # when to ask again for a row's whole state
        self._missing: dict[int, tuple[int, int]] = {}
        """Rows that never had a book since their connection opened: when to ask, how long then."""
        self._last_trades: dict[int, tuple[float, int]] = {}
        self._told_unread_at: dict[Venue, int] = {}

    # Connections

    def opened(self, event: ConnectionOpened, facts: list[Fact]) -> None:
        """Books start anew; those that another connection had are this one's from now on."""
        self.touched.clear()
        self._end(event.connection, event.at_ns, facts)
        translator = self._translators[event.venue]
        rows = [
            self._place(instrument, translator, event, facts) for instrument in event.instruments
        ]
        reader = translator.open(event.channel, event.instruments, rows, self._rack)
        line = _Line(event.connection, event.venue, reader, self.counts[event.venue], set(rows))
        self._lines[event.connection] = line
        for row, instrument in zip(rows, event.instruments, strict=True):
            self._disown(row, instrument)
            self._owners[row] = line
            self._due.pop(row, None)
            self._missing[row] = event.at_ns + MISSING_AFTER_NS, MISSING_AFTER_NS

    def lost(self, event: ConnectionLost, facts: list[Fact]) -> None:
        self.touched.clear()
        self._end(event.connection, event.at_ns, facts)

    def dropped(self, event: FramesDropped, facts: list[Fact]) -> None:
        """Whole books come again by themselves; the others wait for the new connection."""
        self.touched.clear()
        line = self._lines.get(event.connection)
        if line is None:
            return
        for row in sorted(line.rows):
            if self._rack.book(row).alignment is not Alignment.SNAPSHOTS:
                self._invalidate(row, Break(Flaw.CONNECTION), event.at_ns, facts)

    def remove(self, instrument: Instrument) -> None:
        """No longer watched: its row is free for another one."""
        row = self._rack.row(instrument)
        if row is None:
            return
        self._disown(row, instrument)
        self._due.pop(row, None)
        self._broken_at.pop(row, None)
        self._last_trades.pop(row, None)
        self._rack.remove(row)

    # Messages

    def frame(self, event: FrameReceived, facts: list[Fact], commands: list[Command]) -> int:
        """The row whose book changed, −1 where none did."""
        line = self._lines.get(event.connection)
        if line is None:
            return -1
        line.counts.frames += 1
        row = line.reader.scan(event.frame, event.at_ns)
        if row >= 0:
            line.counts.updates += 1
            return row
        return self._rest(line, event, row, facts, commands)

    def snapshot(self, event: SnapshotRead, facts: list[Fact], commands: list[Command]) -> int:
        """A whole state to join, or a second look at a book; the row that it changed or −1."""
        self.touched.clear()
        row = self._rack.row(event.instrument)
        line = None if row is None else self._owners.get(row)
        if row is None or line is None:
            return -1
        book, message = self._rack.book(row), event.snapshot
        if message is None:
            if row in self._due:
                self._due[row] = event.at_ns + ASK_AGAIN_NS
            return -1
        if book.alignment is Alignment.SNAPSHOTS:
            message = structs.replace(message, alignment=book.alignment)
        if book.alignment is not message.alignment:
            return self._confirm(row, message, event.at_ns)
        is_same = book.valid and message.sequence is not None and book.sequence == message.sequence
        changed = self._book(line, message, event.at_ns, facts, commands)
        return self._confirm(row, message, event.at_ns) if changed < 0 and is_same else changed

    def tick(self, at_ns: int, commands: list[Command]) -> None:
        """Ask again for whole states that did not come."""
        self.touched.clear()
        for row in [row for row, (due_ns, _) in self._missing.items() if due_ns <= at_ns]:
            self._miss(row, at_ns, commands)
        for row in [row for row, due_ns in self._due.items() if due_ns <= at_ns]:
            self._heal(self._owners[row], row, "no answer yet", at_ns, commands)

    def last_trade(self, row: int) -> tuple[float, int] | None:
        """(price, when we heard of it)."""
        return self._last_trades.get(row)

    # Beneath

    def _end(self, connection: int, at_ns: int, facts: list[Fact]) -> None:
        """Books of a connection that is no more decide nothing."""
        line = self._lines.pop(connection, None)
        for row in sorted(line.rows) if line is not None else ():
            del self._owners[row]
            self._due.pop(row, None)
            self._missing.pop(row, None)
            self._invalidate(row, Break(Flaw.LOST), at_ns, facts)

    def _place(
        self,
        instrument: Instrument,
        translator: Translator,
        event: ConnectionOpened,
        facts: list[Fact],
    ) -> int:
        """The row of an instrument, with a book that knows nothing of earlier connections."""
        alignment = translator.alignment(event.channel)
        levels_max = translator.levels_max(event.channel)
        row = self._rack.row(instrument)
        if row is not None:
            if alignment is self._rack.book(row).alignment is Alignment.SNAPSHOTS:
                return row  # the next message says everything, and until then this one holds
            self._invalidate(row, Break(Flaw.LOST), event.at_ns, facts)
            if (
                self._rack.book(row).alignment is alignment
                and self._rack.tops[row]["levels_max"] == levels_max
            ):
                self._rack.book(row).reset()
                self._rack.settle(row)
                return row
            self._disown(row, instrument)
        return self._rack.add(instrument, alignment, levels_max)

    def _disown(self, row: int, instrument: Instrument) -> None:
        """The connection that had this row leaves it alone."""
        before = self._owners.pop(row, None)
        self._missing.pop(row, None)
        if before is not None:
            before.rows.discard(row)
            before.reader.forget(instrument)

    def _rest(
        self,
        line: _Line,
        event: FrameReceived,
        outcome: int,
        facts: list[Fact],
        commands: list[Command],
    ) -> int:
        """What the scanner leaves to others."""
        self.touched.clear()
        if outcome <= BROKE:
            row = BROKE - outcome
            line.counts.updates += 1
            self._rack.book(row).broken = Break(Flaw.DEPTH)
            self._broke(row, Flaw.DEPTH, event.at_ns, facts)
            self._heal(line, row, Flaw.DEPTH, event.at_ns, commands)
            return row
        if outcome < UNKNOWN:
            return -1
        if outcome == UNKNOWN:
            line.counts.fallbacks += 1
        try:
            messages = line.reader.read(event.frame)
        except (ValueError, RecursionError) as error:
            self._unread(line, str(error), event.at_ns, event.frame, facts)
            return -1
        return self._messages(line, messages, event, facts, commands)

    def _messages(
        self,
        line: _Line,
        messages: Sequence[Event],
        event: FrameReceived,
        facts: list[Fact],
        commands: list[Command],
    ) -> int:
        changed, at_ns, trades = -1, event.at_ns, list[Trade]()
        for message in messages:
            if isinstance(message, BookSnapshot | BookDelta):
                row = self._book(line, message, at_ns, facts, commands)
                if row >= 0 <= changed != row:
                    self.touched.append(changed)
                changed = row if row >= 0 else changed
            elif isinstance(message, Trade):
                trades.append(message)
            elif isinstance(message, Counted):
                if not self._in_turn(line, message, at_ns, facts, commands):
                    break
            elif isinstance(message, Closing):
                commands.append(Reconnect(line.connection, f"closing: {message.reason}"))
            elif isinstance(message, Rejected):
                facts.append(Rejection(at_ns, line.venue, message.code, message.message))
                commands.append(AskMarkets(line.venue, "refused"))
        if trades:
            self._printed(trades, at_ns, facts)
        return changed

    def _book(
        self,
        line: _Line,
        message: BookSnapshot | BookDelta,
        at_ns: int,
        facts: list[Fact],
        commands: list[Command],
    ) -> int:
        """One message about one book; its row if that changed."""
        row = self._rack.row(message.instrument)
        if row is None or self._owners.get(row) is not line:
            return -1
        book = self._rack.book(row)
        was_valid = book.state[0] == State.VALID
        try:
            verdict = _apply(book, message)
        except ValueError as error:
            self._unread(line, f"{message.instrument.base}: {error}", at_ns, b"", facts)
            book.invalidate(Break(Flaw.UNREADABLE))
            verdict = Verdict.GAP
        is_valid = book.state[0] == State.VALID
        if verdict is Verdict.APPLIED:
            self._rack.tops[row]["received_ns"] = at_ns
            line.counts.updates += 1
        elif was_valid == is_valid:
            if verdict is Verdict.KEPT and row not in self._due:
                self._heal(line, row, "a snapshot to join", at_ns, commands)
            elif verdict is Verdict.TOO_OLD:
                self._heal(line, row, "a newer snapshot to join", at_ns, commands)
            return -1
        self._rack.settle(row)
        if is_valid and not was_valid:
            self._restored(row, at_ns, facts)
        elif not is_valid:
            flaw = Flaw.GAP if book.broken is None else book.broken.flaw
            if was_valid:
                self._broke(row, flaw, at_ns, facts)
            self._heal(line, row, flaw, at_ns, commands)
        return row

    def _in_turn(
        self,
        line: _Line,
        message: Counted,
        at_ns: int,
        facts: list[Fact],
        commands: list[Command],
    ) -> bool:
        """Whether the message may be looked at. After a hole no book of the connection is right."""
        counter = line.reader.counter
        expected = counter.number + 1
        verdict = counter.judge(message.number)
        if verdict is Verdict.GAP:
            for row in sorted(line.rows):
                broken = Break(Flaw.CONNECTION, expected, message.number)
                self._invalidate(row, broken, at_ns, facts)
            commands.append(Reconnect(line.connection, "messages are missing"))
        return verdict is not Verdict.STALE

    def _invalidate(self, row: int, reason: Break, at_ns: int, facts: list[Fact]) -> None:
        """Whatever happens next, this book decides nothing."""
        book = self._rack.book(row)
        if book.state[0] != State.VALID:
            return
        book.invalidate(reason)
        self._rack.settle(row)
        self.touched.append(row)
        self._broke(row, reason.flaw, at_ns, facts)

    def _broke(self, row: int, flaw: Flaw, at_ns: int, facts: list[Fact]) -> None:
        instrument = self._rack.instrument(row)
        counts = self.counts[instrument.venue]
        if flaw is Flaw.CHECKSUM:
            counts.checksums += 1
        elif flaw is not Flaw.LOST:
            counts.gaps += 1
        self._broken_at.setdefault(row, at_ns)
        facts.append(BookBroke(at_ns, instrument, flaw))

    def _restored(self, row: int, at_ns: int, facts: list[Fact]) -> None:
        self._due.pop(row, None)
        broken_at_ns = self._broken_at.pop(row, None)
        if broken_at_ns is not None:
            broken_ms = (at_ns - broken_at_ns) / 1e6
            facts.append(BookRestored(at_ns, self._rack.instrument(row), broken_ms))

    def _heal(
        self, line: _Line, row: int, reason: str, at_ns: int, commands: list[Command]
    ) -> None:
        """Ask for the whole state in the way of its channel, and again when it does not come."""
        instrument = self._rack.instrument(row)
        match self._rack.book(row).alignment:
            case Alignment.BUFFERED:
                self._due[row] = at_ns + ASK_AGAIN_NS
                commands.append(AskBook(instrument, reason))
            case Alignment.CHAINED | Alignment.CHECKED | Alignment.COUNTED:
                self._due[row] = at_ns + RESUBSCRIBE_AGAIN_NS
                commands.append(Resubscribe(line.connection, instrument))

    def _miss(self, row: int, at_ns: int, commands: list[Command]) -> None:
        """Subscribe it alone, unless it is there by now or on its way."""
        if self._rack.book(row).state[0] == State.VALID or row in self._due:
            del self._missing[row]
            return
        wait_ns = min(2 * self._missing[row][1], MISSING_AFTER_NS_MAX)
        self._missing[row] = at_ns + wait_ns, wait_ns
        line = self._owners[row]
        commands.append(Resubscribe(line.connection, self._rack.instrument(row)))

    def _confirm(self, row: int, seen: BookSnapshot, at_ns: int) -> int:
        """A second look at a book that cannot be joined: are its best prices still these?"""
        book, record = self._rack.book(row), self._rack.tops[row]
        if not book.valid or record["counts"].min() == 0:
            return -1
        bids, asks = _prices(seen.bids), _prices(seen.asks)
        best = record["prices"][BIDS, 0], record["prices"][ASKS, 0]
        if not bids or not asks or (max(bids), min(asks)) != best:
            return -1
        record["received_ns"] = at_ns
        self._rack.settle(row)
        return row

    def _printed(self, trades: Sequence[Trade], at_ns: int, facts: list[Fact]) -> None:
        for trade in trades:
            row = self._rack.row(trade.instrument)
            if row is not None:
                self._last_trades[row] = float(trade.price), at_ns
        facts.append(TradesPrinted(at_ns, tuple(trades)))

    def _unread(
        self, line: _Line, reason: str, at_ns: int, frame: bytes, facts: list[Fact]
    ) -> None:
        line.counts.unreadable += 1
        if at_ns - self._told_unread_at.get(line.venue, -TELL_UNREAD_EVERY_NS) >= (
            TELL_UNREAD_EVERY_NS
        ):
            self._told_unread_at[line.venue] = at_ns
            facts.append(Unread(at_ns, line.venue, reason, frame[:START_KEPT]))


def _apply(book: Book, message: BookSnapshot | BookDelta) -> Verdict:
    """Raises ValueError for levels that are none, and for another channel's messages."""
    if message.alignment is not book.alignment:
        raise ValueError(f"a message as of a {message.alignment} channel")
    return book.snapshot(message) if isinstance(message, BookSnapshot) else book.delta(message)


def _prices(levels: Sequence[Level]) -> list[float]:
    return [number(price) for price, quantity in levels if number(quantity) > 0.0]
