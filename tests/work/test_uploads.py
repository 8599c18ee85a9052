"""Files on their way in: whole or not at all, whatever breaks in between."""

from __future__ import annotations

import asyncio
import os
import signal
from collections.abc import AsyncIterator

import pytest
from starlette.requests import ClientDisconnect

from app.domain.datasets import Hints, UploadState
from app.domain.problems import Problem
from app.domain.records import UploadRow
from app.ledger import queries
from app.ledger.database import Database
from app.runtime.work import uploads as limits
from app.runtime.work.uploads import Received
from tests.work.conftest import Room
from tests.work.history_files import form, won_csv

UNSURE = b"Zeit,Kurs\n2024-01-01T00:00:00Z,1300.5\n2024-01-02T00:00:00Z,1301\n"


async def pieces(body: bytes, size: int = 4_096) -> AsyncIterator[bytes]:
    for start in range(0, len(body), size):
        yield body[start : start + size]
        await asyncio.sleep(0)


async def receive(room: Room, content: bytes, name: str = "a.csv") -> Received:
    body, content_type = form([("file", name, content)])
    return await room.bench.receive(pieces(body), content_type, len(body))


async def newest(db: Database) -> UploadRow:
    return (await db.read(queries.list_uploads, 1))[0]


async def test_a_stored_file_leaves_only_its_columns(room: Room) -> None:
    content = won_csv(3_000)
    heard: list[UploadState] = []
    room.bench.listen(
        lambda _, row: heard.append(row.state) if isinstance(row, UploadRow) else None
    )
    received = await receive(room, content)
    assert received.upload.state is UploadState.STORED
    assert (received.upload.bytes_done, received.upload.bytes_total) == (len(content),) * 2
    assert room.left() == [received.datasets[0].folder]
    assert await newest(room.db) == received.upload
    assert heard[0] is UploadState.RECEIVING
    assert heard[-1] is UploadState.STORED


async def test_the_part_file_is_nobody_else_s(room: Room) -> None:
    modes: set[int] = set()

    async def watched(body: bytes) -> AsyncIterator[bytes]:
        async for piece in pieces(body):
            modes.update(
                path.stat().st_mode & 0o777 for path in (room.folder / "uploads").iterdir()
            )
            yield piece

    body, content_type = form([("file", "a.csv", won_csv(1_000))])
    await room.bench.receive(watched(body), content_type, None)
    assert modes == {0o600}


async def test_who_hangs_up_in_the_middle_leaves_nothing_but_a_note(room: Room) -> None:
    body, content_type = form([("file", "a.csv", won_csv(1_000))])

    async def cut() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        raise ClientDisconnect

    with pytest.raises(Problem, match="upload_interrupted"):
        await room.bench.receive(cut(), content_type, len(body))
    row = await newest(room.db)
    assert row.state is UploadState.INTERRUPTED
    assert row.failure is not None
    assert row.failure.code == "upload_interrupted"
    assert room.left() == []


async def test_a_request_that_is_torn_down_leaves_nothing_but_a_note(room: Room) -> None:
    body, content_type = form([("file", "a.csv", won_csv(1_000))])
    stuck = asyncio.Event()

    async def silent() -> AsyncIterator[bytes]:
        yield body[: len(body) // 2]
        stuck.set()
        await asyncio.sleep(3_600)

    task = asyncio.create_task(room.bench.receive(silent(), content_type, len(body)))
    await stuck.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert (await newest(room.db)).state is UploadState.INTERRUPTED
    assert room.left() == []


async def reader_of(room: Room) -> int:
    """The process that reads a file now."""
    async with asyncio.timeout(60):
        while not (seats := [seat for seat in room.bench.seats() if seat.task == "ingest"]):
            await asyncio.sleep(0)
        return seats[0].pid


async def test_a_file_that_is_here_is_read_even_if_its_sender_is_gone(room: Room) -> None:
    task = asyncio.create_task(receive(room, won_csv(50_000)))
    await reader_of(room)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    async with asyncio.timeout(60):
        while (await newest(room.db)).state is UploadState.READING:
            await asyncio.sleep(0.01)
    assert (await newest(room.db)).state is UploadState.STORED


async def test_kill_9_of_the_reading_worker_refuses_the_file_and_stores_nothing(room: Room) -> None:
    async def killer() -> None:
        os.kill(await reader_of(room), signal.SIGKILL)

    killing = asyncio.create_task(killer())
    with pytest.raises(Problem, match="worker_died"):
        await receive(room, won_csv(50_000))
    await killing
    row = await newest(room.db)
    assert (row.state, row.failure and row.failure.code) == (UploadState.REFUSED, "worker_died")
    assert room.left() == []
    assert (await receive(room, won_csv(100))).upload.state is UploadState.STORED


async def test_a_refused_file_keeps_its_problem_and_the_lines_around(room: Room) -> None:
    lines = won_csv(20).splitlines()
    lines[9] = lines[9].replace(b",1.5", b",many")
    with pytest.raises(Problem) as refused:
        await receive(room, b"\n".join(lines))
    row = await newest(room.db)
    assert refused.value.values["upload"] == row.id
    assert row.state is UploadState.REFUSED
    assert row.failure is not None
    assert row.failure.errors[0].row == 10
    assert [number for number, _ in row.failure.lines] == [8, 9, 10, 11, 12]
    assert row.failure.lines[2][1] == lines[9].decode()
    assert room.left() == []


async def test_an_unsure_file_waits_and_is_read_once_somebody_names_its_columns(room: Room) -> None:
    with pytest.raises(Problem, match="columns_unsure"):
        await receive(room, UNSURE, "kurse.csv")
    row = await newest(room.db)
    assert row.state is UploadState.UNSURE
    assert room.left() == [f"{row.id}.part"]
    sniff = await room.bench.sniff(row)
    assert sniff is not None
    assert sniff.columns == ("Zeit", "Kurs")
    named = Hints(columns={"time": "Zeit", "rate": "Kurs"}, quote="KRW")
    received = await room.bench.map_columns(row.id, named)
    assert received.datasets[0].facts.rows == 2
    assert room.left() == [received.datasets[0].folder]
    with pytest.raises(Problem, match="upload_settled"):
        await room.bench.map_columns(row.id, named)


async def test_an_unsure_file_can_be_given_up(room: Room) -> None:
    with pytest.raises(Problem, match="columns_unsure"):
        await receive(room, UNSURE)
    row = await newest(room.db)
    await room.bench.discard(row.id)
    assert (await newest(room.db)).state is UploadState.REFUSED
    assert room.left() == []
    with pytest.raises(Problem, match="upload_settled"):
        await room.bench.discard(row.id)
    with pytest.raises(Problem, match="not_found"):
        await room.bench.discard("u-999")


async def test_only_so_many_files_wait_for_a_mapping(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(limits, "UNSURE_KEPT_MAX", 2)
    for _ in range(4):
        with pytest.raises(Problem, match="columns_unsure"):
            await receive(room, UNSURE)
    parts = [path.name for path in (room.folder / "uploads").iterdir()]
    rows = await room.db.read(queries.list_uploads, 2)
    assert sorted(parts) == sorted(f"{row.id}.part" for row in rows)
    for row in rows:
        await room.bench.discard(row.id)


async def test_what_else_a_form_may_hold_is_judged_before_the_file_is_read(room: Room) -> None:
    def check(sent: str | None) -> None:
        if sent != "secret":
            raise Problem("csrf_failed")

    for sent in (None, b"wrong"):
        fields = [("csrf", None, sent)] if sent else []
        body, content_type = form([("file", "a.csv", won_csv(10)), *fields])
        with pytest.raises(Problem, match="csrf_failed"):
            await room.bench.receive(pieces(body), content_type, None, {"csrf": check})
        assert (await newest(room.db)).state is UploadState.REFUSED
        assert room.left() == []
    body, content_type = form([("file", "a.csv", won_csv(10)), ("csrf", None, b"secret")])
    received = await room.bench.receive(pieces(body), content_type, None, {"csrf": check})
    assert received.upload.state is UploadState.STORED


async def test_the_sample_is_made_once_and_again_when_part_of_it_is_gone(room: Room) -> None:
    first = await room.bench.sample()
    assert len(first) == 5
    assert all(row.facts.synthetic for row in first)
    assert await room.bench.sample() == first
    await room.bench.delete_dataset(first[0].id)
    again = await room.bench.sample()
    assert len(again) == 5
    assert first[0].id not in {row.id for row in again}
    assert {row.folder for row in again} <= set(room.left())
