"""Collector: what of Python itself would make the loop stand still, or grow.

A full collection looks at every object that there is: a tenth of a second once all rooms are
loaded, in which no frame is decided. What has settled is taken out of its sight, and what the
start has left over goes back to the system, where the C library is one that can give it back.
Threads that encode for the archive or wait for a disk give the interpreter back soon.
"""

from __future__ import annotations

import ctypes
import gc
import sys
from pathlib import Path

# New objects before the young are looked at, then how many of those looks before the next older.
YOUNG = 50_000
OLDER = 20
OLDEST = 50

# How long a thread may keep the interpreter while the loop has a frame to decide; Python's own 5 ms
# are more than nearly every frame may take. The other way round as well: while the loop is busy,
# each statement of the thread that writes to SQLite waits this long.
TURN_S = 0.0005

# glibc gives every thread a heap of its own and keeps what is freed in it; ours hardly allocate.
M_ARENA_MAX = -8
HEAPS_MAX = 2
MADV_DONTNEED = 4

LIBRARY = ctypes.CDLL(None)
MAPS = Path("/proc/self/maps")


def calm() -> None:
    """Fewer looks: frames make many short-lived objects and hardly any cycles. Shorter turns."""
    gc.set_threshold(YOUNG, OLDER, OLDEST)
    sys.setswitchinterval(TURN_S)
    if hasattr(LIBRARY, "mallopt"):
        LIBRARY.mallopt(M_ARENA_MAX, HEAPS_MAX)


def settle() -> None:
    """What is here now is here to stay. One full look, and none at all this again."""
    gc.collect()
    if hasattr(LIBRARY, "malloc_trim"):
        LIBRARY.malloc_trim(0)
    if MAPS.exists():
        _unmap_code()
    gc.freeze()


def stir() -> None:
    """Something large is about to go: look at everything again."""
    gc.unfreeze()


def _unmap_code() -> None:
    """Libraries' code leaves this process's memory; what still runs comes back page by page.

    Sixty MB of it is the compiler of the kernels, which are all compiled by now. Only code that
    may not be written: what it says is in the file, and in the system's cache of it.
    """
    for line in MAPS.read_text().splitlines():
        addresses, rights, *_, name = line.split(maxsplit=5)
        if rights == "r-xp" and name.startswith("/"):
            begin, end = (int(each, 16) for each in addresses.split("-"))
            LIBRARY.madvise(ctypes.c_void_p(begin), ctypes.c_size_t(end - begin), MADV_DONTNEED)
