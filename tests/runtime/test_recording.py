"""Sessions in a file: every event comes back, a torn file ends early, a replay is the session."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import sys
import time
from decimal import Decimal
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given, settings
from hypothesis import strategies as some

from app.domain.cycles import CycleView
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
from app.domain.facts import Fact, TradesPrinted
from app.domain.markets import Alignment, BookSnapshot, Flow, Instrument, Market, WalletNetwork
from app.domain.policy import Policy
from app.domain.trading import DayResult, Purse, TradingPolicy, TradingState
from app.domain.venues import Venue
from app.engine.execution.trading import KINDS
from app.runtime import recording
from app.runtime.recording import Header, NotARecording, Recorder, Recording
from app.runtime.replay import Digest, engine_of, replay
from tests.ledger.trading_builders import decide, memory, open_one, start

VENUES = "upbit,binance,bybit"
NOW_NS = 1_700_000_000_000_000_000
BTC = Instrument(Venue.UPBIT, "BTC", "KRW")
HEADER = Header((Venue.UPBIT,), Policy(favourites=("BTC",)), 7, "demo", NOW_NS)
BOOK = BookSnapshot(BTC, Alignment.SNAPSHOTS, [("1", "2")], [("3", "4")], None, NOW_NS)
PURSE = Purse(Venue.UPBIT, "KRW", Decimal("1.50"), Decimal(0), Decimal(0))
DAY = DayResult("2026-11-20", 1, 1, 0, 0, Decimal(1), Decimal(2), Decimal(3), 0.5, None)
EVERY_KIND: list[Event] = [
    PolicyChanged(NOW_NS, HEADER.policy),
    MarketsRead(NOW_NS, Venue.UPBIT, (Market(BTC, True, "1000", "0.00000001"),)),
    WalletsRead(
        NOW_NS, Venue.UPBIT, (WalletNetwork(Venue.UPBIT, "BTC", "BTC", Flow.OPEN, Flow.CLOSED),)
    ),
    RateRead(NOW_NS, "a", 1_385.25),
    ClockRead(NOW_NS, Venue.UPBIT, -5, 10),
    ConnectionOpened(NOW_NS, 1, Venue.UPBIT, "orderbook", (BTC,)),
    FrameReceived(NOW_NS + 1, 1, b'{"type":"x"}'),
    FrameReceived(NOW_NS + 2, 2**32 - 1, b""),
    SnapshotRead(NOW_NS + 3, BTC, BOOK),
    SnapshotRead(NOW_NS + 3, BTC, None),
    FramesDropped(NOW_NS + 4, 1, 5),
    Ticked(NOW_NS + 5),
    ConnectionLost(NOW_NS + 6, 1, "reset"),
]


def record(path: Path, events: list[Event], bytes_max: int = 1 << 30) -> Recorder:
    recorder = Recorder(path, HEADER, bytes_max=bytes_max)
    for event in events:
        recorder.note(event)
    recorder.close("digest")
    return recorder


def frames(count: int, size: int = 100) -> list[Event]:
    return [FrameReceived(NOW_NS + number, 1, os.urandom(size)) for number in range(count)]


def ledger_with_a_cycle(conn: sa.Connection) -> list[CycleView]:
    """As the ledger tells of it: opened, and decided about."""
    start(conn)
    opened = open_one(conn, 1, usdt="10")
    return [opened, decide(conn, opened.cycle.id, note="x")]


def comparable(events: list[Event]) -> list[str]:
    """Levels are read back as lists."""
    return [repr(event).replace("[", "(").replace("]", ")") for event in events]


def test_every_kind_of_event_comes_back(tmp_path: Path) -> None:
    record(tmp_path / "x", EVERY_KIND)
    found = Recording(tmp_path / "x")

    assert found.header == HEADER
    assert comparable(list(found.events())) == comparable(EVERY_KIND)
    assert found.ending is not None
    assert (found.ending.events, found.ending.frames) == (len(EVERY_KIND), 2)
    assert (found.ending.digest, found.ending.reason) == ("digest", "stopped")


@settings(max_examples=30, deadline=None)
@given(sizes=some.lists(some.integers(0, 5_000), max_size=60), share=some.floats(0, 1))
def test_a_torn_file_ends_early_and_says_so(
    tmp_path_factory: pytest.TempPathFactory, sizes: list[int], share: float
) -> None:
    path = tmp_path_factory.mktemp("torn") / "x"
    events = [FrameReceived(NOW_NS, 1, bytes(size)) for size in sizes]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recording, "BLOCK_BYTES", 4_096)
        record(path, list(events))
    whole = path.read_bytes()
    head = len(whole) if not events else whole.index(b"\x28\xb5\x2f\xfd") - 8  # zstd's mark
    path.write_bytes(whole[: head + int((len(whole) - head) * share)])
    found = Recording(path)
    played = list(found.events())

    assert played == events[: len(played)]
    if found.ending is not None:
        assert len(played) == len(events)


def test_a_damaged_block_is_told(tmp_path: Path) -> None:
    record(tmp_path / "x", frames(50))
    raw = bytearray((tmp_path / "x").read_bytes())
    place = raw.index(b"\x28\xb5\x2f\xfd")
    raw[place : place + 4] = b"????"
    (tmp_path / "x").write_bytes(raw)

    with pytest.raises(NotARecording, match="damaged"):
        list(Recording(tmp_path / "x").events())


@pytest.mark.parametrize("content", [b"", b"kimp-recording 2\n", b"kimp-recording 1\n\x01"])
def test_another_file_is_no_recording(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "x").write_bytes(content)
    with pytest.raises(NotARecording):
        Recording(tmp_path / "x")


def test_a_recording_that_grows_too_large_ends_whole(tmp_path: Path) -> None:
    events = frames(5_000, 1_000)
    recorder = Recorder(tmp_path / "x", HEADER, bytes_max=2 << 20)
    for event in events:
        recorder.note(event)
        while recorder.behind:  # the disk has time
            time.sleep(0.001)
    recorder.close()
    found = Recording(tmp_path / "x")
    played = list(found.events())

    assert recorder.reason == "full"
    assert found.ending is not None
    assert found.ending.reason == "full"
    assert 0 < len(played) < len(events)
    assert played == events[: len(played)], "what was said to be recorded is there, without a hole"
    assert found.ending.events == len(played)


def test_a_file_that_exists_is_not_written_over(tmp_path: Path) -> None:
    (tmp_path / "x").write_text("mine")
    with pytest.raises(FileExistsError):
        Recorder(tmp_path / "x", HEADER, bytes_max=1)


def book(price: int, at_ms: int) -> bytes:
    units = ",".join(
        f'{{"ap":{price + 1000 * level},"bp":{price - 1000 * (level + 1)},"as":0.5,"bs":0.25}}'
        for level in range(15)
    )
    return f'{{"ty":"orderbook","cd":"KRW-BTC","tms":{at_ms},"obu":[{units}]}}'.encode()


def session() -> list[Event]:
    """Books that move, a trade, a loss and a return."""
    events: list[Event] = list(EVERY_KIND[:6])
    for number in range(200):
        at_ns = NOW_NS + number * 10**7
        events.append(FrameReceived(at_ns, 1, book(90_000_000 + number * 1000, at_ns // 10**6)))
        if number % 10 == 0:
            events.append(Ticked(at_ns))
        if number == 100:
            events.append(ConnectionLost(at_ns, 1, "reset"))
            events.append(ConnectionOpened(at_ns, 1, Venue.UPBIT, "orderbook", (BTC,)))
    return events


def test_a_replay_finds_what_the_session_found(tmp_path: Path) -> None:
    engine, digest = engine_of(HEADER), Digest()
    recorder = Recorder(tmp_path / "x", HEADER, bytes_max=1 << 30)
    told: list[Fact] = []
    for event in session():
        recorder.note(event)
        taken = engine.step(event)
        digest.take(taken)
        told += taken.facts
    recorder.close(digest.end(engine.rack))
    again: list[Fact] = []
    first, second = replay(tmp_path / "x", again.append), replay(tmp_path / "x")

    assert told
    assert again == told
    assert first.digest == second.digest == first.recorded
    assert first.whole
    assert (first.events, first.frames) == (len(session()), 200)


def test_another_session_has_another_digest(tmp_path: Path) -> None:
    events = session()
    record(tmp_path / "x", events)
    record(tmp_path / "y", events[:-1])
    record(tmp_path / "z", events[:-20])

    digests = {replay(tmp_path / name).digest for name in "xyz"}
    assert len(digests) == 3
    until_ns = events[-21].at_ns
    assert replay(tmp_path / "x", until_ns=until_ns).digest == replay(tmp_path / "z").digest


async def said(*words: str, environ: dict[str, str]) -> tuple[int, str]:
    process = await asyncio.create_subprocess_exec(
        sys.executable,
        *("-m", "app", *words),
        env=os.environ | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.DEVNULL,
    )
    async with asyncio.timeout(120):
        out, _ = await process.communicate()
    return process.returncode or 0, out.decode()


async def test_the_demo_market_is_recorded_and_lived_again(tmp_path: Path) -> None:
    environ = {"KIMP_DATA_DIR": str(tmp_path), "KIMP_FEEDS": "demo"}
    file = str(tmp_path / "session")
    status, out = await said("record", file, "--seconds", "4", "--seed", "3", environ=environ)
    assert status == 0, out
    recorded = out.split("digest ")[1].strip()

    for _ in range(2):
        status, out = await said("replay", file, environ=environ)
        assert status == 0
        assert f"digest {recorded}, as recorded" in out.splitlines()[-1]
    assert TradesPrinted.__name__ not in out


def test_every_kind_of_trading_event_comes_back(tmp_path: Path) -> None:
    with memory() as (conn, _):
        cycles = ledger_with_a_cycle(conn)
    events: list[Event] = [
        TradingPolicyChanged(NOW_NS, TradingPolicy(styles=("TRANSFER",), size_krw=5e5)),
        TradingStateChanged(NOW_NS, TradingState.ACTIVE, killed=False, blocked="RECONCILING"),
        NumbersGranted(NOW_NS, 1, 1_000),
        PursesRead(NOW_NS, (PURSE,), whole=True),
        DayRead(NOW_NS, DAY, 0, None),
        *(CycleClaimed(NOW_NS, view) for view in cycles),
        *(CycleChanged(NOW_NS, view) for view in cycles),
        CycleLost(NOW_NS, "c-1"),
        CycleRefused(NOW_NS, "c-2", "INSUFFICIENT"),
        OperatorAsked(NOW_NS, "c-1", "retry", 3, "kim", "now"),
    ]
    assert {type(event) for event in events} == set(KINDS)
    record(tmp_path / "x", events)
    assert list(Recording(tmp_path / "x").events()) == events


async def test_what_was_traded_on_paper_is_decided_again_in_another_process(
    tmp_path: Path,
) -> None:
    environ = {"KIMP_DATA_DIR": str(tmp_path), "KIMP_FEEDS": "demo", "KIMP_VENUES": VENUES}
    file = str(tmp_path / "session")
    words = ("--paper", "--seed", "3", "--coins", "8", "--rate", "200")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "app", "record", file, *words),
        env=os.environ | environ,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    assert process.stderr is not None
    async with asyncio.timeout(240):
        told = b""
        while not re.search(rb", [1-9]\d* cycles", told):
            more = await process.stderr.read(1_000)
            assert more, told
            told = told[-1_000:] + more
        process.send_signal(signal.SIGINT)
        out, _ = await process.communicate()
    found = re.search(r"stopped; (\d+) decisions (\w+); digest (\w+)", out.decode())
    assert found is not None, out.decode()
    count, decided, digest = found.groups()
    assert int(count) > 0

    status, again = await said("replay", file, environ=environ | {"PYTHONHASHSEED": "7"})
    last = again.splitlines()[-1]
    assert f"{count} decisions {decided}, as recorded; digest {digest}, as recorded" in last
    assert status == 0


async def test_words_about_no_file_are_one_clear_line(tmp_path: Path) -> None:
    status, _ = await said("replay", "nowhere", environ={"KIMP_DATA_DIR": str(tmp_path)})
    assert status == 2
