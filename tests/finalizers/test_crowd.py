"""Each cycle is handled once, however many bring cycles home; who gives one up says so once."""

from __future__ import annotations

import os

import pytest

from tests.finalizers.crowd import play
from tests.finalizers.history import History, judged

LONG = bool(os.environ.get("KIMP_TEST_LONG"))
SHORT_STORIES = [(2, "sqlite"), (4, "postgres")]
LONG_STORIES = [
    (count, database) for count in (2, 4, 8) for database in ("sqlite", "postgres", "mariadb")
]
CYCLES = 36 if LONG else 8


@pytest.mark.timeout(900)
@pytest.mark.parametrize(("count", "database"), LONG_STORIES if LONG else SHORT_STORIES)
def test_each_cycle_is_handled_once_and_given_up_once(count: int, database: str) -> None:
    told = play(count, database, cycles=CYCLES)
    assert told.violations == []
    assert len(told.history.claims) > 1, "several took part"
    assert told.history.letters
    assert told.history.tries >= 3 * len(told.history.letters)


# What judges is judged


def cycle(name: str = "c-1", attempts: int = 0) -> dict[str, object]:
    return {"id": name, "attempts": attempts}


def move(seq: int, was: str, to: str, fence: int = 1) -> dict[str, object]:
    return {
        "cycle_id": "c-1", "seq": seq, "from_status": was, "to_status": to, "fence": fence,
    }  # fmt: skip


def line(version: int, code: str, note: str) -> dict[str, object]:
    return {"cycle_id": "c-1", "version": version, "code": code, "note": note}


def letter(seq: int, attempts: int = 3) -> dict[str, object]:
    return {"cycle_id": "c-1", "seq": seq, "attempts": attempts}


TRY = ("AWAITING_RETRY", "AWAITING_REBALANCE")
GIVEN_UP = ("FAILED", "DEAD_LETTER")


@pytest.mark.parametrize(
    ("found", "wrong"),
    [
        (History(journal=[line(2, "CLAIMED", "fence=2 owner=a")]), None),
        (
            History(
                journal=[
                    line(2, "CLAIMED", "fence=2 owner=a"),
                    line(3, "CLAIMED", "fence=2 owner=b"),
                ]
            ),
            "claimed by a, b",
        ),
        (History(moves=[move(1, *TRY, fence=2), move(2, *TRY, fence=1)]), "under fences"),
        (History(journal=[line(2, "DECIDED", "x"), line(2, "DECIDED", "y")]), "decided 2 times"),
        (History([cycle(attempts=1)], [move(1, *TRY)], [line(2, "DECIDED", "TRY 1")]), None),
        (History([cycle(attempts=1)], [move(1, *TRY)]), "tries []"),
        (History([cycle(attempts=1)]), "0 tries begun, 1 counted"),
        (History([cycle(attempts=4)], [move(n, *TRY) for n in range(4)]), "4 counted"),
        (History(moves=[move(9, *GIVEN_UP)], letters=[letter(9)]), None),
        (History(moves=[move(9, *GIVEN_UP)]), "dead letters []"),
        (History(moves=[move(9, *GIVEN_UP)], letters=[letter(9), letter(9)]), "2 dead letters"),
        (History(moves=[move(9, *GIVEN_UP)], letters=[letter(9, 2)]), "after 2 tries"),
        (History(breaches=["I1"]), "I1"),
    ],
)
def test_the_judge_sees_each_kind_of_wrong(found: History, wrong: str | None) -> None:
    told = judged(found, retries=3)
    assert (told == []) if wrong is None else any(wrong in each for each in told), told
