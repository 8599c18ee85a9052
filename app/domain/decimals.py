"""Decimals as a venue wrote them: exact texts, read strictly."""

from __future__ import annotations

import math
import re
from typing import Annotated

import msgspec

NUMBER = r"-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?"
_NUMBER = re.compile(NUMBER)

Written = Annotated[str, msgspec.Meta(pattern=f"^{NUMBER}$")]
"""A field of a message that holds a decimal as text."""


def number(text: str) -> float:
    """The nearest float64. `float` alone also takes `nan`, `1_000` and spaces: no venue's words."""
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not math.isfinite(value):
        raise ValueError(f"{text[:40]!r} is not a number")
    return value
