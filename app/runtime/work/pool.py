"""Worker processes from the outside: warm, killable, replaced when they die."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import multiprocessing
import os
import time
from collections.abc import AsyncGenerator, Callable
from dataclasses import dataclass
from functools import partial
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from pathlib import Path
from typing import Any

import structlog

from app.domain.problems import Problem
from app.runtime.work import worker as inside
from app.runtime.work.worker import Message, Order, Stop, Tasks, Word

STOP_GRACE_S = 1.0  # a worker that is told to stop and does not is killed
END_GRACE_S = 2.0  # the same for a worker whose pipe was closed
REPLACE_DELAY_S = (0.0, 0.5, 1.0, 2.0, 5.0, 10.0, 30.0)  # after as many deaths before being ready

log = structlog.get_logger(__name__)


class PoolClosed(Exception):
    """The service is stopping: the job was neither finished nor cancelled by a person."""


@dataclass(frozen=True, slots=True)
class Seat:
    """One worker process as pages show it. task: None while it is idle or warming up."""

    pid: int
    ready: bool
    task: str | None
    since_ns: int
    deaths: int


@dataclass(eq=False)
class Job:
    """One task asked of the pool. `answer` is cancelled exactly when `cancel` won."""

    number: int
    task: str
    payload: object
    answer: asyncio.Future[Any]
    started: asyncio.Future[None]
    on_progress: Callable[[Any], None]
    timeout_s: float | None
    worker: _Worker | None = None
    late: Problem | None = None
    cancelled: bool = False
    missed: bool = False

    def begin(self) -> None:
        """A worker is at it; the time limit runs from here."""
        self.started.set_result(None)
        if self.timeout_s is not None:
            asyncio.get_running_loop().call_later(self.timeout_s, self.expire)

    async def begun(self) -> bool:
        """Waits until a worker is at it; False when it was over before."""
        await asyncio.wait((self.started, self.answer), return_when=asyncio.FIRST_COMPLETED)
        return self.started.done()

    async def result(self) -> Any:
        """The task's answer. Raises Problem, PoolClosed or, after `cancel`, CancelledError."""
        await asyncio.wait((self.answer,))
        return self.answer.result()

    def cancel(self) -> None:
        """Asks the task to stop at its next progress; kills its process if it does not."""
        if self.answer.done():
            return
        self.cancelled = True
        if self.worker is None:
            self.answer.cancel()
        else:
            self.worker.interrupt(self)

    def expire(self) -> None:
        """As cancel, but the job fails with `work_timeout`."""
        if not self.answer.done() and self.worker is not None:
            self.late = Problem("work_timeout", values={"seconds": self.timeout_s or 0})
            self.worker.interrupt(self)

    def settle(self, message: Message) -> None:
        """Turns the worker's last word about this job into its answer."""
        if self.answer.done():
            return
        if message.word is Word.DONE:
            self.answer.set_result(message.value)
        elif self.cancelled:
            self.answer.cancel()
        elif self.late is not None:
            self.answer.set_exception(self.late)
        elif isinstance(message.value, Problem):
            self.answer.set_exception(message.value)
        else:
            log.error("work crashed", task=self.task, traceback=message.value)
            self.answer.set_exception(Problem("internal_error"))


class _Worker:
    """One process and its pipe. Every message arrives in `inbox`, None when the process is gone."""

    def __init__(
        self, process: SpawnProcess, connection: Connection[Order | Stop, Message]
    ) -> None:
        self.process = process
        self.pid = process.pid or 0
        self.connection = connection
        self.inbox: asyncio.Queue[Message | None] = asyncio.Queue()
        self.loop = asyncio.get_running_loop()
        self.loop.add_reader(connection.fileno(), self._read)
        # uvloop makes what it watches non-blocking, and a message larger than the pipe would tear
        os.set_blocking(connection.fileno(), True)

    def _read(self) -> None:
        try:
            while self.connection.poll():
                self.inbox.put_nowait(self.connection.recv())
        except (EOFError, OSError):
            self.loop.remove_reader(self.connection.fileno())
            self.inbox.put_nowait(None)

    def send(self, message: Order | Stop) -> None:
        try:
            self.connection.send(message)
        except OSError:
            log.warning("worker left before it could be told", pid=self.pid)

    def interrupt(self, job: Job) -> None:
        self.send(Stop(job.number))
        self.loop.call_later(STOP_GRACE_S, self._kill_unless_done, job)

    def _kill_unless_done(self, job: Job) -> None:
        if not job.answer.done():
            self.process.kill()

    async def end(self) -> str:
        """Lets the process go, reaps it, and says how it went."""
        self.loop.remove_reader(self.connection.fileno())
        self.connection.close()
        await asyncio.to_thread(self._reap)
        code = self.process.exitcode
        self.process.close()
        return f"signal {-code}" if code is not None and code < 0 else f"exit {code}"

    def _reap(self) -> None:
        self.process.join(END_GRACE_S)
        if self.process.is_alive():
            self.process.kill()
            self.process.join()


class WorkerPool:
    """`count` seats; in each sits a worker process for as long as the service runs."""

    def __init__(self, count: int, load: Callable[[], Tasks], kernels: Path) -> None:
        self._load = load
        self._kernels = kernels
        self._waiting: asyncio.Queue[Job] = asyncio.Queue()
        self._open: set[Job] = set()
        self._numbers = itertools.count(1)
        self._count = count
        self._seats: dict[int, Seat] = {}
        self._tasks: list[asyncio.Task[None]] = []
        self._closed = False

    @property
    def count(self) -> int:
        return self._count

    def seats(self) -> list[Seat]:
        """The worker processes, for the System page and readiness."""
        return [self._seats[number] for number in sorted(self._seats)]

    def start(self) -> None:
        """Hires all workers; returns at once, jobs wait until the first one is warm."""
        self._tasks = [asyncio.create_task(self._keep(number)) for number in range(self._count)]

    async def stop(self) -> None:
        """Ends all workers; open jobs end with PoolClosed."""
        self._closed = True
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for job in list(self._open):
            if not job.answer.done():
                job.answer.set_exception(PoolClosed())

    def submit(
        self,
        task: str,
        payload: object,
        *,
        on_progress: Callable[[Any], None] = lambda _: None,
        timeout_s: float | None = None,
    ) -> Job:
        """Queues a task, first come first served. The time limit counts from its start."""
        if self._closed:
            raise PoolClosed
        loop = asyncio.get_running_loop()
        job = Job(
            number=next(self._numbers),
            task=task,
            payload=payload,
            answer=loop.create_future(),
            started=loop.create_future(),
            on_progress=on_progress,
            timeout_s=timeout_s,
        )
        self._open.add(job)
        job.answer.add_done_callback(lambda _: self._open.discard(job))
        self._waiting.put_nowait(job)
        return job

    @contextlib.asynccontextmanager
    async def job(
        self,
        task: str,
        payload: object,
        on_progress: Callable[[Any], None] = lambda _: None,
        timeout_s: float | None = None,
    ) -> AsyncGenerator[Job]:
        """A job for as long as somebody wants it: left early, it is cancelled.

        After that no worker writes for it any more, so what it has written can be removed.
        """
        job = self.submit(task, payload, on_progress=on_progress, timeout_s=timeout_s)
        try:
            yield job
        finally:
            if not job.answer.done():
                job.cancel()
                await asyncio.wait((job.answer,), timeout=2 * STOP_GRACE_S)

    async def run(
        self,
        task: str,
        payload: object,
        on_progress: Callable[[Any], None] = lambda _: None,
        timeout_s: float | None = None,
    ) -> Any:
        """The task's answer. Raises Problem when the task refuses, dies or takes too long."""
        async with self.job(task, payload, on_progress, timeout_s) as job:
            return await job.result()

    async def _keep(self, number: int) -> None:
        """One seat: hire, employ until the worker is gone, replace."""
        deaths = early = 0
        while True:
            await asyncio.sleep(REPLACE_DELAY_S[min(early, len(REPLACE_DELAY_S) - 1)])
            worker = self._hire()
            show = partial(self._show, number, worker.pid, deaths)
            job: Job | None = None
            try:
                show(ready=False)
                warm = await worker.inbox.get() is not None
                if warm:
                    job = await self._employ(worker, show)
            finally:
                how = await worker.end()
            deaths += 1
            early = 0 if warm else early + 1
            log.warning("worker gone", pid=worker.pid, how=how, task=job.task if job else None)
            if job is not None:
                self._bury(job, how)

    def _bury(self, job: Job, how: str) -> None:
        """Its worker is gone. One that was dead already when it got the job does not count."""
        if not job.started.done() and not job.missed and not job.cancelled:
            job.missed = True
            self._waiting.put_nowait(job)
        else:
            died = Problem("worker_died", values={"how": how})
            job.settle(Message(Word.REFUSED, job.number, died))

    def _hire(self) -> _Worker:
        context = multiprocessing.get_context("spawn")
        ours, theirs = context.Pipe()
        process = context.Process(
            target=inside.main, args=(theirs, self._load, self._kernels), daemon=True
        )
        process.start()
        theirs.close()  # else the end of the process would not end the pipe
        return _Worker(process, ours)

    def _show(
        self, number: int, pid: int, deaths: int, *, ready: bool, task: str | None = None
    ) -> None:
        self._seats[number] = Seat(pid, ready, task, time.time_ns(), deaths)

    async def _employ(self, worker: _Worker, show: Callable[..., None]) -> Job | None:
        """Gives it job after job until it is gone. The job that went with it, if any."""
        while True:
            show(ready=True)
            job = await self._next_job(worker)
            if job is None:
                return None
            if not await self._serve(worker, job, show):
                return job

    async def _next_job(self, worker: _Worker) -> Job | None:
        """The next job that is still wanted; None when the idle worker went."""
        gone = asyncio.ensure_future(worker.inbox.get())
        while True:
            taken = asyncio.ensure_future(self._waiting.get())
            try:
                await asyncio.wait((gone, taken), return_when=asyncio.FIRST_COMPLETED)
                if gone.done():
                    if taken.done():
                        self._waiting.put_nowait(taken.result())
                    return None
                if not taken.result().answer.done():
                    gone.cancel()
                    return taken.result()
            finally:
                taken.cancel()

    async def _serve(self, worker: _Worker, job: Job, show: Callable[..., None]) -> bool:
        """Whether the worker is still there afterwards."""
        job.worker = worker
        worker.send(Order(job.number, job.task, job.payload))
        while True:
            message = await worker.inbox.get()
            if message is None:
                return False
            if message.word is Word.BEGUN:
                job.begin()
                show(ready=True, task=job.task)
            elif message.word is Word.PROGRESS:
                job.on_progress(message.value)
            else:
                job.settle(message)
                return True
