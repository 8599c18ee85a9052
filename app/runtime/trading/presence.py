"""Presence: which owners of this data folder are dead, so that nobody waits for their leases.

A process that trades locks a small file and writes its owner's name into it; the kernel unlocks it
with the process, however that ends. Who can lock a file knows that the owner in it is gone. This is
liveness alone: a wrong guess costs a cycle's fence, never an order (R2, R8).
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path

SLOTS_MAX = 16
NAME_BYTES_MAX = 200


class Presence:
    """Of one process in one folder."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._held: int | None = None

    def enter(self, owner: str) -> tuple[str, ...]:
        """Write down who is here; the owners that are gone."""
        self._folder.mkdir(parents=True, exist_ok=True)
        gone: list[str] = []
        for number in range(SLOTS_MAX):
            path = self._folder / f"trading-{number}.lock"
            if self._held is not None and not path.exists():
                break
            file = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                os.close(file)
                continue
            name = os.pread(file, NAME_BYTES_MAX, 0).decode(errors="replace").strip()
            if name:
                gone.append(name)
            os.ftruncate(file, 0)
            if self._held is None:
                os.pwrite(file, owner.encode()[:NAME_BYTES_MAX], 0)
                self._held = file
            else:
                os.close(file)
        return tuple(gone)

    def leave(self) -> None:
        """It has let go of everything itself: nobody has to be told."""
        if self._held is not None:
            os.ftruncate(self._held, 0)
            os.close(self._held)
            self._held = None
