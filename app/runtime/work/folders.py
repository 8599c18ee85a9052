"""Folders: where this room keeps what under the data folder."""

from __future__ import annotations

import fcntl
import hashlib
import os
import secrets
from dataclasses import dataclass
from functools import cache
from pathlib import Path

PRIVATE = 0o700
APP = Path(__file__).resolve().parents[2]
KERNEL_ROOMS = ("backtest", "books", "engine/detection", "exchanges/scanning")


class FolderOccupied(Exception):
    """Two processes would sweep away each other's files."""


@dataclass(frozen=True, slots=True)
class Folders:
    """uploads: files on their way in. datasets, runs: folders of columns. kernels: machine code."""

    root: Path

    @property
    def uploads(self) -> Path:
        return self.root / "uploads"

    @property
    def datasets(self) -> Path:
        return self.root / "datasets"

    @property
    def runs(self) -> Path:
        return self.root / "runs"

    @property
    def kernels(self) -> Path:
        """Of these very sources: numba looks at the time of one file, not at what it imports."""
        return self.root / "kernels" / _kernel_version()

    def make(self) -> None:
        for folder in (self.uploads, self.datasets, self.runs, self.kernels):
            folder.mkdir(mode=PRIVATE, parents=True, exist_ok=True)

    def occupy(self) -> int:
        """Holds the data folder for this process alone; the handle that does.

        The kernel lets go of it however the process ends.
        """
        handle = os.open(self.root / "lock", os.O_RDWR | os.O_CREAT, 0o600)
        try:
            fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            os.close(handle)
            raise FolderOccupied(f"another kimp works in {self.root}") from None
        return handle

    def part(self, upload_id: str) -> Path:
        """The file of an upload before it has been read."""
        return self.uploads / f"{upload_id}.part"


@cache
def _kernel_version() -> str:
    """A digest of everything that the kernels are compiled from."""
    sources = hashlib.sha256()
    for room in KERNEL_ROOMS:
        for path in sorted((APP / room).glob("*.py")):
            sources.update(path.read_bytes())
    return sources.hexdigest()[:12]


def new_name() -> str:
    """The name of a folder that is about to be written."""
    return secrets.token_hex(16)
