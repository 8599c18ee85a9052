"""Evidence whether prices are won per dollar, for files whose columns do not say it."""

from __future__ import annotations

import math
from itertools import pairwise

from app.history import numbers, times
from app.history.dialect import Table
from app.history.times import NS_PER_DAY
from app.history.words import Word

_RATE_LOW, _RATE_HIGH = 900.0, 2_000.0
"""Won per dollar since coins exist: 1,008 (2014) … 1,560 (2025), with room."""
_PLAUSIBLE_MAX = 10_000.0
_RATE_DAILY_MOVE_MAX = 0.012
_COIN_DAILY_MOVE_MIN = 0.020
"""Won per dollar moves 0.3 … 0.8 % a day, a coin 2 … 6 %."""
_ROWS_MIN = 3


def is_plausible_rate(table: Table, place: int) -> bool:
    """Whether these values may be won per dollar at all (a coin's won price is not)."""
    values = [numbers.rate(fields[place]) for _, fields in table.sample if place < len(fields)]
    return all(value is None or value <= _PLAUSIBLE_MAX for value in values)


def is_dollar_rate(table: Table, time: int, places: dict[Word, int]) -> bool | None:
    """True: won per dollar. False: a coin. None: the first rows do not settle it.

    A rate lies in a known range, has no volume of coins and moves little.
    """
    rows = [fields for _, fields in table.sample if len(fields) == len(table.names)]
    moments = [times.parse(fields[time]) for fields in rows]
    values = [numbers.rate(fields[places[Word.CLOSE]]) for fields in rows]
    if any(value is not None and not _RATE_LOW <= value <= _RATE_HIGH for value in values):
        return False
    if Word.VOLUME in places and any(numbers.decimal(row[places[Word.VOLUME]]) for row in rows):
        return False
    series = [
        (moment.wall_ns / NS_PER_DAY, math.log(value))
        for moment, value in zip(moments, values, strict=True)
        if moment and value
    ]
    if len(series) < _ROWS_MIN:
        return None
    series.sort()
    days = series[-1][0] - series[0][0]
    moved = sum((b[1] - a[1]) ** 2 for a, b in pairwise(series))
    daily = math.sqrt(moved / days) if days else math.inf
    if daily <= _RATE_DAILY_MOVE_MAX:
        return True
    return False if daily >= _COIN_DAILY_MOVE_MIN else None
