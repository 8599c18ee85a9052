"""Pages: how many rows the product asks of a venue's list at once; a few, in some seeds.

A seed's lists are short, so that with the real numbers no reader would ever turn a page.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

ACCOUNTS = "app.exchanges.accounts."
SHORT = 3


def _numbers() -> Iterator[tuple[ModuleType, str]]:
    """Every name for a number of rows, wherever it was imported to."""
    for name, module in sorted(sys.modules.items()):
        if name.startswith(ACCOUNTS):
            for each in sorted(vars(module)):
                if each == "ROWS" or each.endswith("_ROWS"):
                    yield module, each


@contextmanager
def short(*, are_short: bool) -> Iterator[None]:
    before = [(module, name, getattr(module, name)) for module, name in _numbers()]
    assert before, "no account reads in pages any more"
    try:
        for module, name, rows in before if are_short else ():
            setattr(module, name, type(rows)(SHORT))
        yield
    finally:
        for module, name, rows in before:
            setattr(module, name, rows)
