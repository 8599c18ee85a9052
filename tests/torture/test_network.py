"""Wires are slow, sliced, half open, down and reset while a drill trades; its books stay true."""

from __future__ import annotations

import pytest

from tests.torture.network import SLOWEST, sickness

pytestmark = pytest.mark.timeout(1_200)


def test_sick_wires_to_venues_and_database_lose_and_double_nothing() -> None:
    report = sickness(4, "postgres", spared=SLOWEST)
    assert report.orders > 0
    assert not report.violations, "\n".join(report.lines())
    assert not report.left, "\n".join(report.lines())
