"""Five planted bugs, each caught by one of the first seeds; the others are `dev.py mutants`.

Any seed in which such a thing happens at all finds them: the first hundred are plenty.
"""

from __future__ import annotations

import pytest

from tests.mutants.plant import judged
from tests.mutants.planted import BUGS, Bug

SEEDS = 120
QUICK = (
    "an order is complete when it has ended",
    "fees of trades are forgotten",
    "the fee of a withdrawal is forgotten",
    "a deposit is booked at its sender",
    "no answer means no",
)

pytestmark = pytest.mark.timeout(600)


@pytest.mark.parametrize("bug", [bug for bug in BUGS if bug.name in QUICK], ids=lambda b: b.name)
def test_a_planted_bug_is_caught(bug: Bug) -> None:
    verdict = judged(bug, SEEDS)
    assert verdict.caught, f"{bug.name} survived: {verdict.said}"


def test_those_that_are_tried_are_on_the_list() -> None:
    assert set(QUICK) <= {bug.name for bug in BUGS}
