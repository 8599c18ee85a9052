"""Numbers as files write them: ASCII decimals; won rates may carry thousands separators."""

from __future__ import annotations

import re

_DECIMAL = re.compile(r"[+-]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][+-]?[0-9]+)?")
_THOUSANDS = re.compile(r"[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]*)?")
_NOT_FINITE = re.compile(r"[+-]?(?:nan|inf|infinity)", re.IGNORECASE)
MISSING_RATES = frozenset({"", "."})


def decimal(text: str) -> float | None:
    """The number, infinity where it overflows, None where the text is none."""
    text = text.strip()
    return float(text) if _DECIMAL.fullmatch(text) else None


def rate(text: str) -> float | None:
    """Like `decimal`, and 1,234.5 as well."""
    text = text.strip()
    if _THOUSANDS.fullmatch(text):
        text = text.replace(",", "")
    return decimal(text)


def says_not_finite(text: str) -> bool:
    """nan, inf and their kin."""
    return _NOT_FINITE.fullmatch(text.strip()) is not None
