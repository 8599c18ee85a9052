"""Rows book.binance_diff, book.upbit and detect.frame: frames as they come, into books, decided.

The first on the recorded Binance capture, the second on frames in both of Upbit's formats; every
peer gets the same messages and says what its best prices were at the end, so that it did the work.
"""

from __future__ import annotations

import gzip
import json
import time
from pathlib import Path
from typing import Any

import numpy as np

from app.books.rack import Rack
from app.domain.events import ConnectionOpened, FrameReceived, SnapshotRead
from app.domain.facts import Command, Fact
from app.domain.markets import BookSnapshot, Instrument
from app.domain.venues import Venue
from app.engine.market.intake import Intake
from app.exchanges import EXCHANGES
from app.exchanges.contract import Names, Request
from app.exchanges.scanning import translators
from app.runtime.recording import Recording
from app.runtime.replay import engine_of
from bench import peering
from bench.replay import recorded
from bench.table import ROOT, Row

CAPTURE = (
    ROOT.parent / "shared/data/captures/binance_l2_20240808_hftbacktest/spot/btcusdt_20240808.gz"
)
UNIT = "µs CPU/frame"
TURNS = 7
UPBIT_FRAMES = 3_000
UPBIT_LEVELS = 15
SEED = 20261120
COIN = Instrument(Venue.BINANCE, "BTC", "USDT")
WON = Instrument(Venue.UPBIT, "BTC", "KRW")
QUIET_US_MAX = 1_000.0
"""Longer than this is the machine doing something else; such frames are counted in the note."""


def rows(folder: Path) -> list[Row]:
    return [*_binance(folder), *_upbit(folder), *_detect(folder)]


def _binance(folder: Path) -> list[Row]:
    name = "book.binance_diff"
    if not CAPTURE.is_file():
        return [Row(name, None, UNIT, "lower", note="the recorded capture is not at hand")]
    snapshot, frames = _captured()
    (folder / "binance_snapshot.json").write_bytes(snapshot)
    (folder / "binance_frames.jsonl").write_bytes(b"\n".join(frames))
    names = Names(EXCHANGES[Venue.BINANCE])
    names.only = COIN
    (book,) = EXCHANGES[Venue.BINANCE].read_reply(Request("GET", "/api/v3/depth"), snapshot, names)
    assert isinstance(book, BookSnapshot)
    ours, best = _ours(COIN, "depth@100ms", frames, book)
    return [
        _beside(name, ours, best, len(frames), peer, folder, "binance")
        for peer in ("ccxt", "cryptofeed", "nautilus")
    ]


def _captured() -> tuple[bytes, list[bytes]]:
    """The snapshot, and every message about the book that came after it or joins it."""
    lines = [line.partition(b" ")[2] for line in gzip.decompress(CAPTURE.read_bytes()).splitlines()]
    snapshot = next(line for line in lines if line.startswith(b'{"lastUpdateId"'))
    last = json.loads(snapshot)["lastUpdateId"]
    frames = [line for line in lines if b"@depth" in line]
    return snapshot, [frame for frame in frames if json.loads(frame)["data"]["u"] > last]


def _upbit(folder: Path) -> list[Row]:
    """ccxt asks Upbit for the long format, cryptofeed and we for the short one."""
    chance = np.random.default_rng(SEED)
    written = {"long": list[bytes](), "short": list[bytes]()}
    for number in range(UPBIT_FRAMES):
        units, at_ms = _units(chance), 1_746_602_359_173 + 100 * number
        kind = "REALTIME" if number else "SNAPSHOT"
        long, short = (
            [dict(zip(keys, unit, strict=True)) for unit in units]
            for keys in (("ask_price", "bid_price", "ask_size", "bid_size"),
                         ("ap", "bp", "as", "bs"))
        )  # fmt: skip
        total = 12.34567891
        written["long"].append(_json({
            "type": "orderbook", "code": "KRW-BTC", "timestamp": at_ms, "total_ask_size": total,
            "total_bid_size": total, "orderbook_units": long, "level": 0, "stream_type": kind,
        }))  # fmt: skip
        written["short"].append(_json({
            "ty": "orderbook", "cd": "KRW-BTC", "tms": at_ms, "tas": total, "tbs": total,
            "obu": short, "lv": 0, "st": kind,
        }))  # fmt: skip
    found = []
    for peer, form in (("ccxt", "long"), ("cryptofeed", "short")):
        frames = written[form]
        (folder / f"upbit_{form}.jsonl").write_bytes(b"\n".join(frames))
        ours, best = _ours(WON, "orderbook", frames, None)
        found.append(_beside("book.upbit", ours, best, len(frames), peer, folder, "upbit"))
    return found


def _units(chance: np.random.Generator) -> list[tuple[float, float, float, float]]:
    middle = 91_196_000 + 1000 * int(chance.integers(-50, 50))
    sizes = np.round(chance.gamma(1.0, 0.4, (UPBIT_LEVELS, 2)) + 1e-4, 8)
    return [
        (float(middle + 1000 * (row + 1)), float(middle - 1000 * row), float(ask), float(bid))
        for row, (ask, bid) in enumerate(sizes)
    ]


def _json(message: dict[str, Any]) -> bytes:
    return json.dumps(message, separators=(",", ":")).encode()


def _ours(
    coin: Instrument, channel: str, frames: list[bytes], book: BookSnapshot | None
) -> tuple[float, tuple[float, float]]:
    """(µs of CPU for each frame, best bid and ask at the end); the best of several turns."""
    taken: list[float] = []
    facts: list[Fact] = []
    commands: list[Command] = []
    for _ in range(TURNS + 1):
        rack = Rack()
        intake = Intake(rack, translators([coin.venue]))
        intake.opened(ConnectionOpened(1, 1, coin.venue, channel, (coin,)), facts)
        events = [FrameReceived(number, 1, frame) for number, frame in enumerate(frames, 2)]
        if book is not None:
            intake.snapshot(SnapshotRead(1, coin, book), facts, commands)
        take = intake.frame
        before = time.process_time()
        for event in events:
            take(event, facts, commands)
        taken.append(time.process_time() - before)
    counts = intake.counts[coin.venue]
    assert counts.fallbacks == counts.gaps == counts.unreadable == 0, counts
    prices = rack.tops[rack.row(coin) or 0]["prices"]
    return min(taken[1:]) / len(frames) * 1e6, (float(prices[0, 0]), float(prices[1, 0]))


def _beside(
    name: str,
    ours: float,
    best: tuple[float, float],
    frames: int,
    peer: str,
    folder: Path,
    venue: str,
) -> Row:
    answer = peering.ask(f"book_{peer}", venue, folder)
    if isinstance(answer, str):
        return Row(name, ours, UNIT, "lower", peer, None, answer)
    note = f"{frames:,} frames"
    if (answer["bid"], answer["ask"]) != best:
        note += f"; its book ended with {answer['bid']} / {answer['ask']}, ours with {best}"
    return Row(name, ours, UNIT, "lower", peer, answer["seconds"] / frames * 1e6, note)


def _detect(folder: Path) -> list[Row]:
    """Bytes of a book frame → its routes decided, in a session of nine venues; no peer does it."""
    file = folder / "books_session"
    reason = recorded(file)
    if reason is not None:
        return [Row("detect.frame", None, "µs wall p50", "lower", note=reason)]
    recording = Recording(file)
    engine = engine_of(recording.header)
    wall: list[int] = []
    clock, step = time.perf_counter_ns, engine.step
    for event in recording.events():
        before = clock()
        taken = step(event)
        after = clock()
        if taken.row >= 0 and type(event) is FrameReceived:
            wall.append(after - before)
    # The first half fills caches and compiles nothing any more: it is not looked at.
    found = np.array(wall[len(wall) // 2 :]) / 1e3
    quiet = found[found < QUIET_US_MAX]
    half, last = np.percentile(quiet, (50, 99))
    note = (
        f"p99 {last:.1f} µs, mean {quiet.mean():.2f} µs = {1e6 / quiet.mean():,.0f} updates/s; "
        f"{quiet.size:,} frames of nine venues, {found.size - quiet.size} disturbed"
    )
    return [Row("detect.frame", float(half), "µs wall p50", "lower", note=note)]
