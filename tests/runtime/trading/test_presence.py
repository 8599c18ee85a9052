"""Presence: who is gone is known at once; who is here is never called gone."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

from app.runtime.trading.presence import Presence

CHILD = """
import sys, time
from pathlib import Path
from app.runtime.trading.presence import Presence
print(Presence(Path(sys.argv[1])).enter(sys.argv[2]), flush=True)
time.sleep(60)
"""


def test_the_first_one_finds_nobody(tmp_path: Path) -> None:
    assert Presence(tmp_path / "trading").enter("one") == ()


def test_who_left_in_order_is_not_missed(tmp_path: Path) -> None:
    first = Presence(tmp_path)
    first.enter("one")
    first.leave()
    assert Presence(tmp_path).enter("two") == ()


def test_two_at_the_same_time_are_both_here(tmp_path: Path) -> None:
    first, second = Presence(tmp_path), Presence(tmp_path)
    assert first.enter("one") == ()
    assert second.enter("two") == ()
    assert len(list(tmp_path.iterdir())) >= 2
    first.leave()
    second.leave()


def test_who_was_killed_is_gone_for_the_next_one(tmp_path: Path) -> None:
    child = subprocess.Popen(
        [sys.executable, "-c", CHILD, str(tmp_path), "killed"], stdout=subprocess.PIPE, text=True
    )
    assert child.stdout is not None
    assert child.stdout.readline().strip() == "()"
    beside = Presence(tmp_path)
    assert beside.enter("beside") == ()
    os.kill(child.pid, signal.SIGKILL)
    child.wait()
    child.stdout.close()
    assert Presence(tmp_path).enter("next") == ("killed",)
    assert Presence(tmp_path).enter("after") == ()
