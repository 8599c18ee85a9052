"""Bytes on their way to disk: all of them, in order, hashed, and only so many."""

from __future__ import annotations

import asyncio
import errno
import hashlib
import os
from pathlib import Path

import pytest

from app.domain.problems import Problem
from app.runtime.work.arrival import Arrival
from app.runtime.work.limits import BLOCK_BYTES


async def arrive(arrival: Arrival, path: Path, pieces: list[bytes]) -> None:
    arrival.open(path)
    try:
        for piece in pieces:
            arrival.add(piece)
            await arrival.write()
        await arrival.write(rest=True)
    finally:
        await arrival.close()


async def test_what_comes_in_pieces_is_one_file_with_its_hash(tmp_path: Path) -> None:
    pieces = [os.urandom(size) for size in (1, 70_000, BLOCK_BYTES, 3, 2 * BLOCK_BYTES + 1)]
    arrival = Arrival(bytes_max=10 * BLOCK_BYTES)
    await arrive(arrival, tmp_path / "a", pieces)
    whole = b"".join(pieces)
    assert (tmp_path / "a").read_bytes() == whole
    assert arrival.sha256 == hashlib.sha256(whole).hexdigest()
    assert arrival.size == len(whole)


async def test_one_byte_more_than_allowed_is_too_large(tmp_path: Path) -> None:
    await arrive(Arrival(bytes_max=10), tmp_path / "fits", [b"12345", b"67890"])
    with pytest.raises(Problem, match="body_too_large"):
        await arrive(Arrival(bytes_max=10), tmp_path / "not", [b"12345", b"678901"])


async def test_a_disk_that_fills_up_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(handle: int, data: bytes) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("app.runtime.work.arrival.os.write", full)
    with pytest.raises(Problem, match="disk_full"):
        await arrive(Arrival(bytes_max=100), tmp_path / "a", [b"1"])


async def test_nobody_s_file_gets_bytes_after_it_was_closed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A torn-down upload whose last block is still being written keeps its handle until then."""
    begun, go_on, order = asyncio.Event(), asyncio.Event(), []
    loop = asyncio.get_running_loop()
    write, close = os.write, os.close

    def is_ours(handle: int) -> bool:
        return os.path.samestat(os.fstat(handle), (tmp_path / "a").stat())

    def slow(handle: int, data: bytes) -> int:
        if is_ours(handle):
            loop.call_soon_threadsafe(begun.set)
            asyncio.run_coroutine_threadsafe(go_on.wait(), loop).result()
            order.append("written")
        return write(handle, data)

    def noted(handle: int) -> None:
        if is_ours(handle):
            order.append("closed")
        close(handle)

    monkeypatch.setattr("app.runtime.work.arrival.os.write", slow)
    monkeypatch.setattr("app.runtime.work.arrival.os.close", noted)
    task = asyncio.create_task(arrive(Arrival(bytes_max=100), tmp_path / "a", [b"1"]))
    await begun.wait()
    task.cancel()
    await asyncio.sleep(0.05)
    go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert order == ["written", "closed"]
