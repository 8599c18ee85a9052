"""A block: some checked rows as columns. What both readers share while they make blocks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from app.history.times import Form
from app.history.words import Word

Times = NDArray[np.int64]
Values = NDArray[np.float64]


class Block(NamedTuple):
    """Rows in the order of the file, each of them good by itself.

    time_ns: UTC. wall_ns: as written. values: NaN only for a missing rate beside prices. lines:
    the line of each row.
    """

    time_ns: Times
    wall_ns: Times
    values: dict[Word, Values]
    lines: Sequence[int]


class Seen(msgspec.Struct):
    """What earlier rows have settled for the later ones: the form of times, one-value columns."""

    form: Form | None = None
    constants: dict[int, str] = msgspec.field(default_factory=dict)

    def settle(self, other: Seen) -> bool:
        """Take over what other rows settle; False when that contradicts what is settled."""
        self.form = self.form or other.form
        self.constants = other.constants | self.constants
        return self.form is other.form and self.constants == other.constants


def floats(values: list[float]) -> Values:
    """A list as a column."""
    return np.array(values, np.float64)


def integers(values: list[int]) -> NDArray[np.int64]:
    """A list as a column."""
    return np.array(values, np.int64)
