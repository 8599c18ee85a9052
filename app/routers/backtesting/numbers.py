"""What a person may type into a number field: a value, a list `60,80,100`, a range `60..140/20`."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal

from app.domain.backtests import POINTS_MAX

TEXT_MAX = 400
_UNITS = {"만": Decimal(10_000), "억": Decimal(100_000_000), "k": Decimal(1000)}
_UNITS |= {"m": Decimal(1_000_000), "bn": Decimal(1_000_000_000)}
_GROUPING = re.compile(r"(?<=\d),(?=\d{3}(?:\D|$))")
_NUMBER = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,2})?)\s*(만|억|k|m|bn)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Reading:
    """How a field is read. money: grouping commas and 만, 억, M are taken. whole: no fractions."""

    whole: bool = False
    money: bool = False


class Unreadable(ValueError):
    """The text is no number, list or range. key: which text says so; values fill it."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


def read(text: str, reading: Reading) -> tuple[float, ...]:
    """Every value that the text names, in the order written, none twice."""
    shortened = text.strip().replace("\N{MINUS SIGN}", "-")
    if len(shortened) > TEXT_MAX:
        raise Unreadable("long", n=TEXT_MAX)
    if reading.money:
        shortened = _GROUPING.sub("", shortened)
    shortened = re.sub(r"\s*(\.\.|/)\s*", r"\1", shortened)
    values: dict[float, None] = {}
    for part in re.split(r"[,;\s]+", shortened):
        if part:
            values.update(dict.fromkeys(_part(part, reading)))
        if len(values) > POINTS_MAX:
            raise Unreadable("many", n=POINTS_MAX)
    if not values:
        raise Unreadable("empty")
    for value in values:
        if reading.whole and not value.is_integer():
            raise Unreadable("whole", value=f"{value:g}", below=int(value), above=int(value) + 1)
    return tuple(values)


def _part(part: str, reading: Reading) -> tuple[float, ...]:
    if ".." not in part:
        return (float(_one(part, reading)),)
    first, _, rest = part.partition("..")
    last, _, step = rest.partition("/")
    low, high, stride = (_one(text, reading) for text in (first, last, step or "1"))
    if stride <= 0 or high < low:
        raise Unreadable("range", value=part)
    count = int((high - low) / stride) + 1
    if count > POINTS_MAX:
        raise Unreadable("many", n=POINTS_MAX)
    # decimals: 0.1 added ten times is 1, as the writer meant it
    return tuple(float(low + stride * k) for k in range(count))


def _one(text: str, reading: Reading) -> Decimal:
    found = _NUMBER.fullmatch(text)
    if found is None or (found[2] and not reading.money):
        raise Unreadable("number", value=text[:40])
    return Decimal(found[1]) * _UNITS.get((found[2] or "").lower(), Decimal(1))


def write(value: float) -> str:
    """A value as a field shows it: 80, 0.5, 10,000,000."""
    if value == int(value) and abs(value) < 1e15:
        return f"{int(value):,}" if abs(value) >= 100_000 else str(int(value))
    return repr(value)


def write_all(values: tuple[float, ...]) -> str:
    """A list as a field shows it. Grouping commas are for a single value only."""
    if len(values) == 1:
        return write(values[0])
    return ", ".join(write(value).replace(",", "") for value in values)
