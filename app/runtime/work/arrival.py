"""Arrival: the bytes of one file on their way to a private part file, hashed as they pass."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
import shutil
from pathlib import Path

from app.domain.problems import Problem
from app.runtime.work.limits import BLOCK_BYTES, DISK_RESERVE_BYTES
from app.texts import formats

MODE = 0o600


class Arrival:
    """Pieces wait in memory until a block is full; nothing is written before `open`."""

    def __init__(self, bytes_max: int) -> None:
        self.size = 0
        self._bytes_max = bytes_max
        self._waiting = bytearray()
        self._digest = hashlib.sha256()
        self._path: Path | None = None
        self._handle = -1

    @property
    def sha256(self) -> str:
        return self._digest.hexdigest()

    def add(self, piece: bytes) -> None:
        """One piece more. Raises body_too_large."""
        self.size += len(piece)
        if self.size > self._bytes_max:
            raise too_large(self._bytes_max)
        self._waiting += piece

    def open(self, path: Path) -> None:
        self._path = path
        self._handle = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, MODE)

    async def write(self, *, rest: bool = False) -> None:
        """Writes what fills a block, or everything. Raises disk_full."""
        if self._handle >= 0 and (rest or len(self._waiting) >= BLOCK_BYTES):
            block, self._waiting = self._waiting, bytearray()
            try:
                await asyncio.to_thread(self._write, block)
            except OSError as reason:
                if reason.errno != errno.ENOSPC:
                    raise
                raise disk_full(self._path or Path(), len(block)) from reason

    def _write(self, block: bytearray) -> None:
        view = memoryview(block)
        while view:
            view = view[os.write(self._handle, view) :]
        self._digest.update(block)

    def close(self) -> None:
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1

    def discard(self) -> None:
        """As if nothing had come."""
        self.close()
        if self._path is not None:
            self._path.unlink(missing_ok=True)


def check_room(folder: Path, needed: int) -> None:
    """Raises disk_full unless `needed` bytes fit and the reserve stays free."""
    if shutil.disk_usage(folder).free < needed + DISK_RESERVE_BYTES:
        raise disk_full(folder, needed + DISK_RESERVE_BYTES)


def disk_full(folder: Path, needed: int) -> Problem:
    free = shutil.disk_usage(folder).free
    return Problem("disk_full", values={"needed": formats.size(needed), "free": formats.size(free)})


def too_large(bytes_max: int) -> Problem:
    return Problem("body_too_large", values={"limit": formats.size(bytes_max)})
