"""Rows replay.l2: a recorded session of nine venues through the whole engine, beside a peer's; and
replay.paper: one that traded on paper, decided again.
"""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from app.domain.facts import OpportunityOpened
from app.domain.times import SECOND_NS
from app.runtime.recording import Recording
from app.runtime.replay import engine_of, replay
from bench import peering
from bench.table import Row

SECONDS = 20
PAPER_SECONDS = 60
RATE = 5_000  # book updates a second over all venues
TURNS = 3
# The peer needs minutes for all: what it is given are books of so many updates, ready parsed.
PEER_UPDATES = 20_000
PREMIUM_BPS = 30.0
KRW = {"KRW": 1.0, "USDT": 1_400.0, "USDC": 1_400.0, "USD": 1_400.0}
RECORD_S_MAX = 240


def rows(folder: Path) -> list[Row]:
    """Events per CPU second."""
    return [*_market(folder), *_paper(folder)]


def _paper(folder: Path) -> list[Row]:
    """With trading joined. The figure to reach is the market's."""
    name, unit = "replay.paper", "events/CPU s"
    file = folder / "traded"
    reason = recorded(file, "--paper", "--transfer-s", "2", seconds=PAPER_SECONDS)
    if reason is not None:
        return [Row(name, None, unit, "higher", note=reason)]
    best = 0.0
    for turn in range(TURNS + 1):
        before = time.process_time()
        done = replay(file)
        seconds = time.process_time() - before
        if turn:
            best = max(best, done.events / seconds)
    note = f"{done.events:,} events, {done.decisions} decisions"
    same = done.digest == done.recorded and done.decided == done.recorded_decided
    if not (done.whole and same):
        note += "; NOT as recorded"
    return [Row(name, best, unit, "higher", note=note)]


def _market(folder: Path) -> list[Row]:
    file = folder / "session"
    reason = recorded(file)
    if reason is not None:
        return [Row("replay.l2", None, "events/CPU s", "higher", note=reason)]
    best, opened = 0.0, 0
    for turn in range(TURNS + 1):  # the first does not count
        count = 0

        def found(fact: object) -> None:
            nonlocal count
            count += isinstance(fact, OpportunityOpened)

        before = time.process_time()
        done = replay(file, found)
        seconds = time.process_time() - before
        opened = count
        if turn:
            best = max(best, done.events / seconds)
    note = f"{done.events:,} events, {done.frames:,} frames, {opened} opportunities"
    if not done.whole or done.digest != done.recorded:
        note += "; NOT as recorded"
    books, ours = written(file, folder)
    answer = peering.ask("replay_nautilus", folder, PREMIUM_BPS)
    if isinstance(answer, str):
        return [Row("replay.l2", best, "events/CPU s", "higher", "nautilus", None, answer)]
    theirs = answer["updates"] / answer["seconds"]
    note += (
        f"; it was given {books:,} parsed books (its engine alone, without making its data: "
        f"{answer['updates'] / answer['running']:,.0f}/s) and compared best prices only: "
        f"{answer['crossings']:,} crossings, ours {ours:,}"
    )
    return [Row("replay.l2", best, "events/CPU s", "higher", "nautilus", theirs, note)]


def recorded(file: Path, *further: str, seconds: int = SECONDS) -> str | None:
    """Record the demo market; the reason where that did not succeed."""
    words = ["--seconds", str(seconds), "--seed", "7", "--rate", str(RATE), *further]
    done = subprocess.run(
        [sys.executable, "-m", "app", "record", str(file), *words],
        env=os.environ | {"KIMP_FEEDS": "demo", "KIMP_DATA_DIR": str(file.parent)},
        capture_output=True,
        text=True,
        timeout=RECORD_S_MAX,
        check=False,
    )
    return None if done.returncode == 0 else (done.stderr.strip().splitlines() or ["failed"])[-1]


def written(file: Path, folder: Path) -> tuple[int, int]:
    """Books after each update as arrays for the peer; (updates, crossings of best prices)."""
    recording = Recording(file)
    engine = engine_of(recording.header)
    rack = engine.rack
    books: list[tuple[int, int]] = []
    records = []
    for event in recording.events():
        row = engine.step(event).row
        if row >= 0 and rack.tops[row]["valid"]:
            books.append((row, event.at_ns))
            records.append(rack.tops[row].copy())
            if len(books) == PEER_UPDATES:
                break
    if not books:
        return 0, 0
    shown = np.array(records)
    np.save(folder / "book_rows.npy", np.array(books, np.int64))
    for name in ("prices", "quantities", "counts"):
        np.save(folder / f"book_{name}.npy", shown[name])
    used = sorted({row for row, _ in books})
    lines = [
        f"{row} {each.venue} {each.base} {each.quote} {KRW[each.quote]}"
        for row, each in ((row, rack.instrument(row)) for row in used)
    ]
    (folder / "book_names.txt").write_text("\n".join(lines))
    return len(books), crossings(shown, books, lines)


def crossings(shown: np.ndarray, books: list[tuple[int, int]], lines: list[str]) -> int:
    """How often a route's raw premium went above the threshold: what the peer decides, too."""
    base = {int(row): name for row, _, name, _, _ in map(str.split, lines)}
    won = {int(row): float(factor) for row, _, _, _, factor in map(str.split, lines)}
    best: dict[int, tuple[float, float]] = {}
    above: set[tuple[int, int]] = set()
    count = 0
    for (row, at_ns), record in zip(books, shown, strict=True):
        assert at_ns > SECOND_NS
        bid, ask = record["prices"][:, 0] * won[row]
        best[row] = bid, ask
        for other, (other_bid, other_ask) in best.items():
            if other == row or base[other] != base[row]:
                continue
            for route, gain in (
                ((other, row), bid / other_ask - 1),
                ((row, other), other_bid / ask - 1),
            ):
                if gain * 1e4 <= PREMIUM_BPS:
                    above.discard(route)
                elif route not in above:
                    above.add(route)
                    count += 1
    return count
