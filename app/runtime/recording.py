"""Recording: the events of a session in a file, so that the same engine can live it again.

    kimp-recording 1\\n
    u32 length, header (msgpack)
    u32 length raw, u32 length packed, a block (zstd) …      until a block of no length
    u32 length, ending (msgpack)                             missing where the recorder died

A block holds events: u8 kind, u32 connection, i64 time, u32 length, then a frame's bytes or an
event in msgpack. A block is written whole or not at all; what follows a torn one is not read.
"""

from __future__ import annotations

import contextlib
import os
import struct
from collections import deque
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path
from typing import IO, Final

import msgspec
from backports import zstd

from app.domain.events import (
    ClockRead,
    ConnectionLost,
    ConnectionOpened,
    CycleChanged,
    CycleClaimed,
    CycleLost,
    CycleRefused,
    DayRead,
    Event,
    FrameReceived,
    FramesDropped,
    FundingRead,
    MarketsRead,
    NumbersGranted,
    OperatorAsked,
    PolicyChanged,
    PursesRead,
    RateRead,
    SnapshotRead,
    Ticked,
    TradingPolicyChanged,
    TradingStateChanged,
    WalletsRead,
)
from app.domain.policy import Policy
from app.domain.venues import Venue

MAGIC: Final = b"kimp-recording 1\n"
LEVEL: Final = 1
BLOCK_BYTES: Final = 1 << 20
BLOCKS_WAITING_MAX: Final = 64  # that the disk may be behind
BLOCK_BYTES_MAX: Final = 1 << 30  # of a block that is read: a frame may be 64 MiB
GIB: Final = 1 << 30

FRAME, OTHER = 0, 1
_EVENT = struct.Struct("<BIqI")
_BLOCK = struct.Struct("<II")
_LENGTH = struct.Struct("<I")
_WORDS = (
    ConnectionOpened
    | ConnectionLost
    | FramesDropped
    | SnapshotRead
    | MarketsRead
    | WalletsRead
    | RateRead
    | FundingRead
    | ClockRead
    | PolicyChanged
    | Ticked
    | TradingPolicyChanged
    | TradingStateChanged
    | NumbersGranted
    | PursesRead
    | DayRead
    | CycleClaimed
    | CycleChanged
    | CycleLost
    | CycleRefused
    | OperatorAsked
)


class NotARecording(Exception):
    """The file is none, or of another version. Its text is for people."""


class Header(msgspec.Struct, frozen=True):
    """What the engine was made of. feeds: demo or live.

    mode: that it traded in, None where it only looked. deployment, epoch: what its orders' names
    are made of.
    """

    venues: tuple[Venue, ...]
    policy: Policy
    first_number: int
    feeds: str
    started_at_ns: int
    mode: str | None = None
    deployment: str = ""
    epoch: int = 0


class Ending(msgspec.Struct, frozen=True):
    """digest: of what the engine found out and wanted, None where nobody kept it.

    decided: of its decisions alone: cycles that it opened, what it decided about them, and what
    it sent for them; decisions: how many.

    reason: why it ended: stopped, full, behind, or what the disk said.
    """

    events: int
    frames: int
    ended_at_ns: int
    digest: str | None
    reason: str
    decisions: int = 0
    decided: str | None = None


class Recorder:
    """`note` costs a copy; packing and writing happen in a thread. Ends by itself when it must."""

    def __init__(self, path: Path, header: Header, *, bytes_max: int) -> None:
        """Raises OSError."""
        self.events = 0
        self.frames = 0
        self.cycles = 0
        """That were opened or taken over."""
        self.bytes = 0
        """On disk."""
        self.reason: str | None = None
        """Why nothing more is recorded: a hole would make another session of it."""
        self._bytes_max = bytes_max
        self._last_ns = header.started_at_ns
        self._parts: list[bytes] = []
        self._size = 0
        self._encode = msgspec.msgpack.Encoder().encode
        self._waiting: deque[Future[int]] = deque()
        self._thread = ThreadPoolExecutor(1, "recorder")
        self._file = path.open("xb")
        encoded = self._encode(header)
        self.bytes += self._file.write(MAGIC + _LENGTH.pack(len(encoded)) + encoded)

    def note(self, event: Event) -> None:
        if self.reason is not None:
            return
        if type(event) is FrameReceived:
            frame = event.frame
            self._parts.append(_EVENT.pack(FRAME, event.connection, event.at_ns, len(frame)))
            self.frames += 1
        else:
            frame = self._encode(event)
            self._parts.append(_EVENT.pack(OTHER, 0, event.at_ns, len(frame)))
            self.cycles += type(event) is CycleClaimed
        self._parts.append(frame)
        self._last_ns = event.at_ns
        self.events += 1
        self._size += _EVENT.size + len(frame)
        if self._size >= BLOCK_BYTES:
            self._hand_over()

    @property
    def behind(self) -> int:
        """Blocks that are not on disk yet."""
        return sum(not block.done() for block in self._waiting)

    def close(
        self, digest: str | None = None, decisions: int = 0, decided: str | None = None
    ) -> Ending:
        """Waits for the disk; call it in a thread."""
        self._hand_over()
        self._settle(0)
        reason = self.reason or "stopped"
        ending = Ending(self.events, self.frames, self._last_ns, digest, reason, decisions, decided)
        self.reason = ending.reason
        encoded = self._encode(ending)
        try:
            self._file.write(_BLOCK.pack(0, 0) + _LENGTH.pack(len(encoded)) + encoded)
            self._file.flush()
            os.fsync(self._file.fileno())
        finally:
            self._file.close()
            self._thread.shutdown()
        return ending

    def _hand_over(self) -> None:
        if not self._parts:
            return
        parts, self._parts, self._size = self._parts, [], 0
        self._waiting.append(self._thread.submit(_write, self._file, parts))
        self._settle(BLOCKS_WAITING_MAX, wait=False)
        if self.bytes >= self._bytes_max:
            self.reason = "full"
        elif len(self._waiting) > BLOCKS_WAITING_MAX:
            self.reason = "behind"

    def _settle(self, left: int, *, wait: bool = True) -> None:
        """Look at what was written, until so many are left."""
        while self._waiting and (self._waiting[0].done() or (wait and len(self._waiting) > left)):
            try:
                self.bytes += self._waiting.popleft().result()
            except OSError as error:
                self.reason = self.reason or (error.strerror or str(error))


def _write(file: IO[bytes], parts: list[bytes]) -> int:
    raw = b"".join(parts)
    packed = zstd.compress(raw, LEVEL)
    return file.write(_BLOCK.pack(len(raw), len(packed)) + packed)


class Recording:
    """Reads a file. `ending` is known after `events` has been used up."""

    def __init__(self, path: Path) -> None:
        """Raises OSError, NotARecording."""
        self._path = path
        with path.open("rb") as file:
            if file.read(len(MAGIC)) != MAGIC:
                raise NotARecording(f"{path} is no recording of this version of kimp")
            try:
                self.header = msgspec.msgpack.decode(_sized(file), type=Header)
            except (struct.error, ValueError) as error:
                raise NotARecording(f"the head of {path} cannot be read: {error}") from error
            self._start = file.tell()
        self.ending: Ending | None = None
        """None: the recorder died, and events end where it did."""

    def events(self) -> Iterator[Event]:
        """In order. Raises NotARecording for a block that is not what was written."""
        read = msgspec.msgpack.Decoder(_WORDS).decode
        head, unpack = _EVENT.size, _EVENT.unpack_from
        for block in self._blocks():
            place, end = 0, len(block)
            while place < end:
                kind, connection, at_ns, length = unpack(block, place)
                place += head
                payload = block[place : place + length]
                place += length
                if kind == FRAME:
                    yield FrameReceived(at_ns, connection, payload)
                else:
                    yield read(payload)

    def _blocks(self) -> Iterator[bytes]:
        with self._path.open("rb") as file:
            file.seek(self._start)
            while len(sizes := file.read(_BLOCK.size)) == _BLOCK.size:
                raw, packed = _BLOCK.unpack(sizes)
                if raw == 0:
                    with contextlib.suppress(struct.error, ValueError):  # torn as well
                        self.ending = msgspec.msgpack.decode(_sized(file), type=Ending)
                    return
                if max(raw, packed) > BLOCK_BYTES_MAX:
                    raise NotARecording(f"{self._path} has a block of {raw} bytes")
                content = file.read(packed)
                if len(content) < packed:
                    return
                try:
                    block = zstd.decompress(content)
                except zstd.ZstdError as error:
                    raise NotARecording(f"a block of {self._path} is damaged: {error}") from error
                if len(block) != raw:
                    raise NotARecording(f"a block of {self._path} is not as long as it says")
                yield block


def _sized(file: IO[bytes]) -> bytes:
    (length,) = _LENGTH.unpack(file.read(_LENGTH.size))
    return file.read(length)
