"""Small files of history, as people upload them."""

from __future__ import annotations

import io
import math
from collections.abc import Sequence

START_S = 1_700_000_040  # a whole minute
MINUTE_S = 60


def candles_csv(closes: Sequence[float], start_s: int = START_S, step_s: int = MINUTE_S) -> bytes:
    """Opens follow the close before; written with every digit."""
    out = io.StringIO()
    out.write("timestamp,open,high,low,close,volume\n")
    opened = closes[0]
    for row, close in enumerate(closes):
        high, low = max(opened, close), min(opened, close)
        out.write(f"{start_s + row * step_s},{opened!r},{high!r},{low!r},{close!r},1.5\n")
        opened = close
    return out.getvalue().encode()


def swinging(rows: int, level: float, swing: float = 0.01, period: float = 60.0) -> list[float]:
    """A price that goes up and down by a share of itself."""
    return [level * (1 + swing * math.sin(2 * math.pi * row / period)) for row in range(rows)]


def won_csv(rows: int = 2_000) -> bytes:
    """Won candles whose premium over `dollar_csv` at 1,300 swings between −1 % and +1 %."""
    return candles_csv(swinging(rows, 130_000_000.0))


def dollar_csv(rows: int = 2_000) -> bytes:
    return candles_csv([100_000.0] * rows)


def form(
    parts: Sequence[tuple[str, str | None, bytes]], boundary: str = "limit"
) -> tuple[bytes, str]:
    """(name, file name or None, content) of each part, in this order → body and content type."""
    body = b""
    for name, file_name, content in parts:
        shown = "" if file_name is None else f'; filename="{file_name}"'
        head = f'--{boundary}\r\ncontent-disposition: form-data; name="{name}"{shown}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return body + f"--{boundary}--\r\n".encode(), f"multipart/form-data; boundary={boundary}"
