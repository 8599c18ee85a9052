"""Worker processes: real ones, really killed."""

from __future__ import annotations

import asyncio
import os
import signal
import subprocess
import sys
import textwrap
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.domain.problems import Problem
from app.runtime.work.pool import PoolClosed, WorkerPool
from tests.work.chores import load, load_badly


@pytest.fixture
async def pool(tmp_path: Path) -> AsyncIterator[WorkerPool]:
    pool = WorkerPool(2, load, tmp_path / "kernels")
    pool.start()
    yield pool
    await pool.stop()


def alive(pid: int) -> bool:
    """A zombie is dead."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


async def until(condition: object) -> None:
    assert callable(condition)
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.01)


async def test_a_task_runs_in_another_process_and_answers(pool: WorkerPool) -> None:
    assert await pool.run("echo", {"a": [1, 2.5, None]}) == {"a": [1, 2.5, None]}
    pid, _ = await pool.run("whereabouts", None)
    assert pid != os.getpid()


async def test_workers_know_where_compiled_kernels_are_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("NUMBA_CACHE_DIR", raising=False)
    pool = WorkerPool(1, load, tmp_path / "kernels")
    pool.start()
    assert (await pool.run("whereabouts", None))[1] == str(tmp_path / "kernels")
    await pool.stop()


async def test_two_seats_work_at_the_same_time_and_a_third_job_waits(pool: WorkerPool) -> None:
    jobs = [pool.submit("count", 0.4) for _ in range(3)]
    await asyncio.gather(*(job.begun() for job in jobs[:2]))
    assert [job.started.done() for job in jobs] == [True, True, False]
    assert [seat.task for seat in pool.seats()] == ["count", "count"]
    await asyncio.gather(*(job.result() for job in jobs))
    assert jobs[2].started.done()


async def test_progress_arrives_while_the_task_runs_and_not_too_often(pool: WorkerPool) -> None:
    told: list[int] = []
    last = await pool.run("count", 1.0, told.append)
    assert 10 <= len(told) <= 51
    assert told == sorted(told)
    assert len(told) < last


async def test_a_refusal_crosses_the_border_as_the_problem_it_was(pool: WorkerPool) -> None:
    with pytest.raises(Problem) as refused:
        await pool.run("refuse", None)
    assert (refused.value.code, refused.value.values) == ("invalid_fields", {"reason": "because"})


@pytest.mark.parametrize(
    ("task", "code"),
    [("crash", "internal_error"), ("devour", "work_out_of_memory"), ("fill", "disk_full")],
)
async def test_a_broken_task_fails_alone(pool: WorkerPool, task: str, code: str) -> None:
    with pytest.raises(Problem) as failed:
        await pool.run(task, None)
    assert failed.value.code == code
    assert [seat.deaths for seat in pool.seats()] == [0, 0]


async def test_a_task_may_only_have_so_much_memory_and_the_next_is_free_again(
    tmp_path: Path,
) -> None:
    pool = WorkerPool(1, load, tmp_path)
    pool.start()
    with pytest.raises(Problem, match="work_out_of_memory"):
        await pool.run("hoard", 512 << 20)
    assert await pool.run("hoard", 4 << 30) == 1 << 30
    assert [seat.deaths for seat in pool.seats()] == [0]
    await pool.stop()


async def test_cancel_stops_a_polite_task_and_keeps_its_worker(pool: WorkerPool) -> None:
    moving = asyncio.Event()
    job = pool.submit("count", 60.0, on_progress=lambda _: moving.set())
    await moving.wait()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job.result()
    await until(lambda: all(seat.ready and seat.task is None for seat in pool.seats()))
    assert [seat.deaths for seat in pool.seats()] == [0, 0]


async def test_cancel_kills_a_task_that_does_not_listen_and_replaces_it(pool: WorkerPool) -> None:
    job = pool.submit("ignore", 60.0)
    await job.begun()
    job.cancel()
    with pytest.raises(asyncio.CancelledError):
        await job.result()
    await until(lambda: sum(seat.deaths for seat in pool.seats()) == 1)
    assert await asyncio.gather(*(pool.run("echo", n) for n in range(4))) == [0, 1, 2, 3]


async def test_a_waiting_job_that_is_cancelled_never_starts(pool: WorkerPool) -> None:
    busy = [pool.submit("count", 0.3) for _ in range(2)]
    waiting = pool.submit("echo", 1)
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting.result()
    await asyncio.gather(*(job.result() for job in busy))
    assert await pool.run("echo", 2) == 2
    assert not waiting.started.done()


async def test_who_leaves_takes_the_job_along(pool: WorkerPool) -> None:
    """A page that closes while it waits for a figure must not keep a core busy."""
    waiting = asyncio.create_task(pool.run("count", 60.0))
    await until(lambda: any(seat.task == "count" for seat in pool.seats()))
    waiting.cancel()
    with pytest.raises(asyncio.CancelledError):
        await waiting
    await until(lambda: all(seat.task is None for seat in pool.seats()))


async def test_a_task_that_takes_too_long_fails_with_the_limit(pool: WorkerPool) -> None:
    with pytest.raises(Problem) as late:
        await pool.run("ignore", 60.0, timeout_s=0.2)
    assert (late.value.code, late.value.values) == ("work_timeout", {"seconds": 0.2})


async def test_kill_9_of_a_busy_worker_fails_its_job_only_and_fills_the_seat(
    pool: WorkerPool,
) -> None:
    await until(lambda: all(seat.ready for seat in pool.seats()) and len(pool.seats()) == 2)
    victim = pool.submit("ignore", 60.0)
    neighbour = pool.submit("count", 1.0)
    await until(lambda: any(seat.task == "ignore" for seat in pool.seats()))
    pid = next(seat.pid for seat in pool.seats() if seat.task == "ignore")
    os.kill(pid, signal.SIGKILL)
    with pytest.raises(Problem) as died:
        await victim.result()
    assert (died.value.code, died.value.values) == ("worker_died", {"how": "signal 9"})
    assert await neighbour.result() > 0
    await until(lambda: len(pool.seats()) == 2 and all(seat.ready for seat in pool.seats()))
    assert pid not in {seat.pid for seat in pool.seats()}


async def test_kill_9_of_an_idle_worker_costs_no_job(pool: WorkerPool) -> None:
    await until(lambda: all(seat.ready for seat in pool.seats()) and len(pool.seats()) == 2)
    for seat in pool.seats():
        os.kill(seat.pid, signal.SIGKILL)
    assert await asyncio.gather(*(pool.run("echo", n) for n in range(6))) == [0, 1, 2, 3, 4, 5]
    assert sum(seat.deaths for seat in pool.seats()) == 2


async def test_a_task_that_kills_itself_again_and_again_never_takes_the_pool(
    pool: WorkerPool,
) -> None:
    for _ in range(3):
        with pytest.raises(Problem, match="worker_died"):
            await pool.run("die", None)
    assert await pool.run("echo", "still here") == "still here"


async def test_workers_that_cannot_start_are_not_retried_in_a_rush(tmp_path: Path) -> None:
    pool = WorkerPool(1, load_badly, tmp_path)
    pool.start()
    job = pool.submit("echo", 1)
    await asyncio.sleep(2.0)
    assert not job.answer.done()
    assert all(seat.deaths <= 4 and not seat.ready for seat in pool.seats())
    await pool.stop()
    with pytest.raises(PoolClosed):
        await job.result()


async def test_stop_ends_the_processes_and_tells_open_jobs_apart_from_cancelled_ones(
    tmp_path: Path,
) -> None:
    pool = WorkerPool(1, load, tmp_path)
    pool.start()
    running, waiting = pool.submit("count", 60.0), pool.submit("echo", 1)
    await until(lambda: any(seat.task == "count" for seat in pool.seats()))
    pids = [seat.pid for seat in pool.seats()]
    await pool.stop()
    for job in (running, waiting):
        with pytest.raises(PoolClosed):
            await job.result()
    assert not any(alive(pid) for pid in pids)
    with pytest.raises(PoolClosed):
        pool.submit("echo", 1)


def test_workers_do_not_outlive_a_service_that_is_killed(tmp_path: Path) -> None:
    """The service dies by SIGKILL, without a chance to tell anybody."""
    script = textwrap.dedent(
        """
        import asyncio, os, signal, sys
        from pathlib import Path
        from app.runtime.work.pool import WorkerPool
        from tests.work.chores import load

        async def main():
            pool = WorkerPool(2, load, Path(sys.argv[1]))
            pool.start()
            await pool.run("echo", 1)
            pool.submit("ignore", 60.0)
            pool.submit("count", 60.0)
            while {seat.task for seat in pool.seats()} != {"ignore", "count"}:
                await asyncio.sleep(0.01)
            print(*(seat.pid for seat in pool.seats()), flush=True)
            os.kill(os.getpid(), signal.SIGKILL)

        if __name__ == "__main__":
            asyncio.run(main())
        """
    )
    path = tmp_path / "service.py"
    path.write_text(script)
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, str(path), str(tmp_path)],
        env={**os.environ, "PYTHONPATH": str(root)},
        cwd=root,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == -signal.SIGKILL, done.stderr
    pids = [int(word) for word in done.stdout.split()]
    assert len(pids) == 2

    async def gone() -> None:
        await until(lambda: not any(alive(pid) for pid in pids))

    asyncio.run(gone())
