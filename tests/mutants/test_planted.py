"""The bugs are where they are said to be, and each makes another program of kimp."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

from tests.mutants.planted import BUGS, Bug

REPOSITORY = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("bug", BUGS, ids=lambda bug: bug.name)
def test_a_bug_is_a_change_of_one_place(bug: Bug) -> None:
    text = (REPOSITORY / bug.path).read_text()
    assert text.count(bug.was) == 1
    changed = text.replace(bug.was, bug.now)
    assert ast.dump(ast.parse(changed)) != ast.dump(ast.parse(text))


def test_there_are_enough_and_each_has_a_name() -> None:
    assert len(BUGS) >= 30
    assert len({bug.name for bug in BUGS}) == len(BUGS)
