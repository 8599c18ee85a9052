"""Native: columns as ClickHouse takes them, straight from arrays, without a Python value a field.

https://clickhouse.com/docs/interfaces/formats/Native: a block is the numbers of its columns and
rows, then per column name, type and values; arrays are their ends, then all values in one run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

LEVELS = "Array(Tuple(price Float64, quantity Float64))"
TIME = "DateTime64(3, 'UTC')"
MS_NS = 1_000_000


class Column(NamedTuple):
    """One column's name, type and encoded values."""

    name: str
    type: str
    values: bytes


def block(rows: int, columns: Sequence[Column]) -> bytes:
    parts = [varint(len(columns)), varint(rows)]
    for column in columns:
        parts += (text(column.name), text(column.type), column.values)
    return b"".join(parts)


def varint(number: int) -> bytes:
    out = bytearray()
    while number > 0x7F:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)


def text(value: str) -> bytes:
    """A String: columns of them are these, one after another."""
    raw = value.encode()
    return varint(len(raw)) + raw


def floats(name: str, values: npt.ArrayLike, bits: int = 64) -> Column:
    return Column(name, f"Float{bits}", np.asarray(values, f"<f{bits // 8}").tobytes())


def times(name: str, at_ns: npt.ArrayLike) -> Column:
    """Milliseconds: what several venues round to as well."""
    return Column(name, TIME, (np.asarray(at_ns, "<i8") // MS_NS).tobytes())


def words(name: str, values: Sequence[bytes]) -> Column:
    """values: as `text` encodes each."""
    return Column(name, "String", b"".join(values))


def levels(
    name: str,
    prices: npt.NDArray[np.float64],
    quantities: npt.NDArray[np.float64],
    counts: npt.NDArray[np.int64],
) -> Column:
    """prices and quantities: (rows, levels), of which the first `counts` hold."""
    held = np.arange(prices.shape[1]) < counts[:, None]
    ends = np.cumsum(counts).astype("<u8")
    values = ends.tobytes() + prices[held].tobytes() + quantities[held].tobytes()
    return Column(name, LEVELS, values)
