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
    """Pieces wait in memory until a block is full; nothing is written before `open`.

    While one block is written and hashed in a thread, the next one fills.
    """

    def __init__(self, bytes_max: int) -> None:
        self.size = 0
        self._bytes_max = bytes_max
        self._waiting = bytearray()
        self._digest = hashlib.sha256()
        self._path: Path | None = None
        self._handle = -1
        self._writing: asyncio.Task[None] | None = None

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
        """Has what fills a block written, or everything. Raises disk_full."""
        if rest or len(self._waiting) >= BLOCK_BYTES:
            await self._written()
            block, self._waiting = self._waiting, bytearray()
            self._writing = asyncio.create_task(asyncio.to_thread(self._write, block))
        if rest:
            await self._written()

    async def _written(self) -> None:
        """Until the block on its way is on disk."""
        if self._writing is None:
            return
        try:
            await asyncio.shield(self._writing)
        except OSError as reason:
            if reason.errno != errno.ENOSPC:
                raise
            raise disk_full(self._path or Path(), BLOCK_BYTES) from reason

    def _write(self, block: bytearray) -> None:
        view = memoryview(block)
        while view:
            view = view[os.write(self._handle, view) :]
        self._digest.update(block)

    async def close(self) -> None:
        """Whatever is being written comes to its end first: the handle's number is used again."""
        if self._writing is not None:
            await asyncio.gather(self._writing, return_exceptions=True)
        if self._handle >= 0:
            os.close(self._handle)
            self._handle = -1


def check_room(folder: Path, needed: int) -> None:
    """Raises disk_full unless `needed` bytes fit and the reserve stays free."""
    if shutil.disk_usage(folder).free < needed + DISK_RESERVE_BYTES:
        raise disk_full(folder, needed + DISK_RESERVE_BYTES)


def disk_full(folder: Path, needed: int) -> Problem:
    free = shutil.disk_usage(folder).free
    return Problem("disk_full", values={"needed": formats.size(needed), "free": formats.size(free)})


def too_large(bytes_max: int) -> Problem:
    return Problem("body_too_large", values={"limit": formats.size(bytes_max)})
