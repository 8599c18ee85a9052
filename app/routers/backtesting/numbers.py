"""What a person may type into a number field: a value, a list `60,80,100`, a range `60..140/20`."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from decimal import Decimal, DecimalException

from app.domain.backtests import POINTS_MAX

TEXT_MAX = 400
_UNITS = {"만": Decimal(10_000), "억": Decimal(100_000_000), "k": Decimal(1000)}
_UNITS |= {"m": Decimal(1_000_000), "bn": Decimal(1_000_000_000)}
_GROUPING = re.compile(r"(?<=\d),(?=\d{3}(?:\D|$))")
_NUMBER = re.compile(
    r"([+-]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d{1,2})?)\s*(만|억|k|m|bn)?", re.IGNORECASE
)


@dataclass(frozen=True, slots=True)
class Rule:
    """Which numbers a field takes. money: grouping commas and 만, 억, M are read."""

    least: float = -math.inf
    most: float = math.inf
    above: bool = False
    whole: bool = False
    money: bool = False

    def expected(self) -> str:
        """What would have passed, in the language of problems: `> 0`, `0..9999, whole`."""
        words = f"> {self.least:g}" if self.above else f">= {self.least:g}"
        if math.isinf(self.least):
            words = "a number"
        elif not math.isinf(self.most):
            words = f"{self.least:g}..{self.most:g}"
        return f"{words}, whole" if self.whole else words

    def takes(self, value: float) -> bool:
        """Whether `value` passes."""
        if not math.isfinite(value) or value > self.most or value < self.least:
            return False
        if self.above and value == self.least:
            return False
        return not self.whole or value == int(value)


class Unreadable(ValueError):
    """The text is no number, list or range. key: which text says so; values fill it."""

    def __init__(self, key: str, **values: object) -> None:
        super().__init__(key)
        self.key = key
        self.values = values


def read(text: str, rule: Rule) -> tuple[float, ...]:
    """Every value that the text names, in the order written, none twice."""
    shortened = text.strip().replace("\N{MINUS SIGN}", "-")
    if len(shortened) > TEXT_MAX:
        raise Unreadable("long", n=TEXT_MAX)
    if rule.money:
        shortened = _GROUPING.sub("", shortened)
    shortened = re.sub(r"\s*(\.\.|/)\s*", r"\1", shortened)
    values: dict[float, None] = {}
    for part in re.split(r"[,;\s]+", shortened):
        if part:
            values.update(dict.fromkeys(_part(part, rule)))
        if len(values) > POINTS_MAX:
            raise Unreadable("many", n=POINTS_MAX)
    if not values:
        raise Unreadable("empty")
    for value in values:
        if not rule.takes(value):
            raise Unreadable("outside", value=f"{value:g}", expected=rule.expected())
    return tuple(values)


def _part(part: str, rule: Rule) -> tuple[float, ...]:
    if ".." not in part:
        return (float(_one(part, rule)),)
    first, _, rest = part.partition("..")
    last, _, step = rest.partition("/")
    low, high, stride = _one(first, rule), _one(last, rule), _one(step or "1", rule)
    if stride <= 0 or high < low:
        raise Unreadable("range", value=part)
    count = int((high - low) / stride) + 1
    if count > POINTS_MAX:
        raise Unreadable("many", n=POINTS_MAX)
    # decimals: 0.1 added ten times is 1, as the writer meant it
    return tuple(float(low + stride * k) for k in range(count))


def _one(text: str, rule: Rule) -> Decimal:
    found = _NUMBER.fullmatch(text)
    if found is None or (found[2] and not rule.money):
        raise Unreadable("number", value=text[:40])
    try:
        return Decimal(found[1]) * _UNITS.get((found[2] or "").lower(), Decimal(1))
    except DecimalException as error:
        raise Unreadable("number", value=text[:40]) from error


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
