"""Rows csv.5m and csv.reload: 288 MB of candles into checked columns, and back."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from pathlib import Path

import numpy as np

from app.history.columns import open_columns
from bench import market, peering
from bench.table import ROOT, Row

READ = """
import json, re, sys, time
from pathlib import Path
from app.domain.datasets import Hints
from app.history.reader import read_file
source, out = map(Path, sys.argv[1:3])
started = time.perf_counter()
names = iter(["candles"])
read_file(source, source.name, Hints(), out, lambda done, of: None, lambda: next(names))
seconds = time.perf_counter() - started
# Not ru_maxrss: that still knows the process from which this one was started.
peak_kib = int(re.search(r"VmHWM:\\s+(\\d+)", Path("/proc/self/status").read_text())[1])
print(json.dumps({"seconds": seconds, "peak_mib": peak_kib / 1024}))
"""
TURNS = 3


def rows(folder: Path) -> list[Row]:
    source = folder / "candles.csv"
    market.candle_file(source)
    size_mb = source.stat().st_size / 1e6
    turns = []
    for turn in range(TURNS):
        out = folder / f"stored-{turn}"
        out.mkdir()
        turns.append(_first_load(source, out))
    first = min(turns, key=lambda turn: turn["seconds"])
    ours = market.CSV_ROWS / first["seconds"]
    found = []
    for peer in ("polars", "pandas"):
        answer = peering.ask(f"csv_{peer}", source)
        told = isinstance(answer, str)
        value = None if told else answer["rows"] / answer["seconds"]
        note = answer if told else "reads only: no checks, nothing stored"
        extra = f"{size_mb:.0f} MB, checked and stored, peak {first['peak_mib']:.0f} MiB; {note}"
        found.append(Row("csv.5m", ours, "rows/s", "higher", peer, value, extra))
    seconds = _reload(folder / "stored-0" / "candles")
    value = market.CSV_ROWS / seconds
    found.append(
        Row(
            "csv.reload",
            value,
            "rows/s",
            "higher",
            "our first load",
            ours,
            "mmap, every value summed",
        )
    )
    return found


def _first_load(source: Path, out: Path) -> dict[str, float]:
    done = subprocess.run(
        [sys.executable, "-c", READ, str(source), str(out)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    answer: dict[str, float] = json.loads(done.stdout)
    return answer


def _reload(folder: Path) -> float:
    """Seconds to map every column and touch every value."""
    best = float("inf")
    for _ in range(TURNS):
        started = time.perf_counter()
        columns = open_columns(folder)
        for name in ("time", "open", "high", "low", "close", "volume"):
            assert np.isfinite(columns.get(name).sum())
        best = min(best, time.perf_counter() - started)
    return best
