"""Without Redis: what decides, keeps and sends never asks it, so losing it loses no lock (H53)."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

APP = Path(__file__).resolve().parents[3] / "app"
ROOMS = ("books", "domain", "engine", "exchanges", "ledger", "runtime/feeds", "runtime/trading")


def _imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (each.name for each in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module is not None:
            yield node.module


@pytest.mark.parametrize("room", ROOMS)
def test_no_room_of_trading_knows_redis(room: str) -> None:
    files = sorted((APP / room).rglob("*.py"))
    assert files
    for path in files:
        assert not any("redis" in name for name in _imported(path)), path
