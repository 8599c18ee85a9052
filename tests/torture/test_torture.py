"""Six kills, two on each database, in every run of the suite; the long run is a word of its own."""

from __future__ import annotations

import pytest

from tests.torture.killer import DATABASES, torture
from tests.torture.network import SLOWEST

pytestmark = pytest.mark.timeout(1_200)
FEW = 4
"""Cycles at a time: so that what is left at the end is soon over."""


@pytest.mark.parametrize("database", DATABASES)
def test_what_is_killed_in_the_middle_loses_and_doubles_nothing(database: str) -> None:
    report = torture(2, database, cycles=FEW, spared=SLOWEST)
    assert report.kills == 2
    assert report.sent > 0, "no kill met an intent that was on its way"
    assert not report.violations, "\n".join(report.lines())
    assert not report.left, "\n".join(report.lines())
