"""polars reading and summing the candle file: prints {seconds, rows} as JSON."""

import json
import sys
import time

import polars as pl

started = time.perf_counter()
frame = pl.read_csv(sys.argv[1])
total = frame["close"].sum()
print(json.dumps({"seconds": time.perf_counter() - started, "rows": frame.height}))
