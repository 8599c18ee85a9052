"""Measure everything, print the table, write <data>/bench.json. One row's word runs it alone."""

from __future__ import annotations

import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

from app.runtime.work.folders import Folders

DATA = Path(os.environ.get("KIMP_DATA_DIR", "./var")).absolute()
os.environ.setdefault("NUMBA_CACHE_DIR", str(Folders(DATA).kernels))

from app.runtime import serving  # noqa: E402
from bench import (  # noqa: E402
    books,
    csv_reading,
    fanout,
    kernel,
    lists,
    path,
    peering,
    replay,
    service,
    table,
)

PARTS: dict[str, Callable[[Path], list[table.Row]]] = {
    "kernel": kernel.rows,
    "service": service.rows,
    "csv": csv_reading.rows,
    "sse": lambda _: fanout.rows(),
    "list": lambda _: lists.rows(),
    "path": path.rows,
    "books": books.rows,
    "replay": replay.rows,
}


def main(words: list[str]) -> None:
    serving.raise_open_files()
    print("installing the peers into .venv-peers …", flush=True)
    reason = peering.install()
    if reason:
        print(f"peers are not installed: {reason}", flush=True)
    rows: list[table.Row] = []
    with tempfile.TemporaryDirectory(prefix="kimp-bench-") as folder:
        for name, part in PARTS.items():
            if not words or name in words or (name == "kernel" and "service" in words):
                print(f"measuring {name} …", flush=True)
                rows += part(Path(folder))
    table.show(rows)
    table.keep(rows, DATA / "bench.json")
    print(f"\nwritten to {DATA / 'bench.json'}")


if __name__ == "__main__":
    main(sys.argv[1:])
