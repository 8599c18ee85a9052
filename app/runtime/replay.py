"""Replay: a recording through the same engine, and the digest of what it found out and wanted."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable
from pathlib import Path

import msgspec

from app.books.rack import Rack
from app.domain.facts import (
    AskOrder,
    CancelOrder,
    CycleDecided,
    CycleOpened,
    Fact,
    SendOrder,
    SendTransfer,
    Taken,
)
from app.engine.core import NOBODY, Engine
from app.engine.execution.ids import Identity
from app.exchanges.scanning import translators
from app.runtime.recording import Header, Recording
from app.runtime.trading import joining

# Of the shown books that end in a digest: what decisions read, and nothing of how it lies.
SHOWN = ("prices", "quantities", "counts", "valid", "sequence", "received_ns", "exchange_ns")


# What a trading engine decides: beside them everything that it found out is digested as well.
DECISIONS = CycleOpened | CycleDecided
SENDS = SendOrder | SendTransfer | CancelOrder | AskOrder


class Digest:
    """Equal when all facts and commands were the same, in the same order, and all books are.

    decided: the same of decisions alone, each with the time of its step.
    """

    def __init__(self) -> None:
        self.decisions = 0
        self._hash = hashlib.sha256()
        self._decided = hashlib.sha256()
        self._encode = msgspec.msgpack.Encoder().encode

    def take(self, taken: Taken) -> None:
        if taken.facts:
            self._hash.update(self._encode(taken.facts))
        if taken.commands:
            self._hash.update(self._encode(taken.commands))
        for fact in taken.facts:
            if isinstance(fact, DECISIONS):
                self.decisions += 1
                self._decided.update(self._encode(fact))
        for command in taken.commands:
            if isinstance(command, SENDS):
                self._decided.update(self._encode(command))

    @property
    def decided(self) -> str:
        return self._decided.hexdigest()

    def end(self, rack: Rack) -> str:
        for row in sorted(rack.rows(), key=rack.instrument):
            self._hash.update(self._encode(rack.instrument(row)))
            for name in SHOWN:
                self._hash.update(rack.tops[row][name].tobytes())
        return self._hash.hexdigest()


class Replayed(msgspec.Struct, frozen=True):
    """digest: of this replay; recorded: of the session itself, None where it was not kept.

    seconds: of the clock on the wall, events read and played. whole: the recording has its end.
    decisions, decided: of the replay; recorded_decided: of the session.
    """

    events: int
    frames: int
    seconds: float
    digest: str
    recorded: str | None
    whole: bool
    decisions: int = 0
    decided: str = ""
    recorded_decided: str | None = None


def engine_of(header: Header) -> Engine:
    """As it was when the recording began."""
    mode, venues = header.mode, header.venues
    return Engine(
        Rack(),
        translators(venues),
        header.policy,
        first_number=header.first_number,
        identity=NOBODY if mode is None else Identity(header.deployment, header.epoch),
        venue_rules={} if mode is None else joining.rules_of(mode, venues),
        venue_ids={} if mode is None else joining.ids_of(mode, venues),
    )


def replay(
    path: Path,
    found: Callable[[Fact], None] | None = None,
    *,
    until_ns: int | None = None,
) -> Replayed:
    """found: called with every fact. Raises OSError, NotARecording."""
    recording = Recording(path)
    engine = engine_of(recording.header)
    digest = Digest()
    step, hashed = engine.step, digest.take
    events = 0
    before = time.perf_counter()
    for event in recording.events():
        if until_ns is not None and event.at_ns > until_ns:
            break
        taken = step(event)
        events += 1
        if taken.facts or taken.commands:
            hashed(taken)
            if found is not None:
                for fact in taken.facts:
                    found(fact)
    seconds = time.perf_counter() - before
    ending = recording.ending
    return Replayed(
        events,
        sum(counts.frames for counts in engine.intake.counts.values()),
        seconds,
        digest.end(engine.rack),
        ending.digest if ending is not None else None,
        ending is not None,
        digest.decisions,
        digest.decided,
        None if ending is None else ending.decided,
    )
