"""Collector: Python's garbage collector, kept from standing still over what lives for ever.

A full collection looks at every object that there is: a tenth of a second once all rooms are
loaded, in which no frame is decided. What has settled is taken out of its sight.
"""

from __future__ import annotations

import gc

# New objects before the young are looked at, then how many of those looks before the next older.
YOUNG = 50_000
OLDER = 20
OLDEST = 50


def calm() -> None:
    """Fewer looks: frames make many short-lived objects and hardly any cycles."""
    gc.set_threshold(YOUNG, OLDER, OLDEST)


def settle() -> None:
    """What is here now is here to stay. One full look, and none at all this again."""
    gc.collect()
    gc.freeze()


def stir() -> None:
    """Something large is about to go: look at everything again."""
    gc.unfreeze()
