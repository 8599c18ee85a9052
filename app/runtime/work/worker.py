"""A worker process from the inside: it warms up, takes orders from a pipe, and ends with it."""

from __future__ import annotations

import contextlib
import errno
import os
import queue
import resource
import signal
import threading
import time
import traceback
from collections.abc import Callable, Iterator, Mapping
from enum import StrEnum
from multiprocessing.connection import Connection
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from app.domain.problems import Problem
from app.texts import formats

PROGRESS_INTERVAL_S = 0.02  # at most 50 progress messages a second reach the service
NICENESS = 5  # pages and feeds go before computations


class Word(StrEnum):
    """What a worker says; the last four are its last word about a job."""

    READY = "ready"
    BEGUN = "begun"
    PROGRESS = "progress"
    DONE = "done"
    REFUSED = "refused"
    STOPPED = "stopped"
    CRASHED = "crashed"


class Order(NamedTuple):
    """From the service: do this."""

    number: int
    task: str
    payload: object


class Stop(NamedTuple):
    """From the service: nobody wants that job's answer any more."""

    number: int


class Message(NamedTuple):
    """From the worker. number: the job that it is about, 0 for none."""

    word: Word
    number: int
    value: object = None


class Stopped(Exception):
    """Raised inside a task once nobody wants its answer any more."""


class Ticket:
    """A task's way to tell how far it is; asking also finds out whether to go on."""

    def __init__(self, number: int, send: Callable[[Message], None], stopped: set[int]) -> None:
        self.number = number
        self._send = send
        self._stopped = stopped
        self._told_at = 0.0

    def progress(self, value: object) -> None:
        """Tells `value` unless one was told a moment ago. Raises Stopped."""
        if self.number in self._stopped:
            raise Stopped
        now = time.monotonic()
        if now - self._told_at >= PROGRESS_INTERVAL_S:
            self._told_at = now
            self._send(Message(Word.PROGRESS, self.number, value))


if TYPE_CHECKING:
    Pipe = Connection[Message, Order | Stop]
Task = Callable[[Ticket, Any], object]
Tasks = Mapping[str, Task]


def main(connection: Pipe, load: Callable[[], Tasks], kernels: Path) -> None:
    """The process: `load` imports and compiles what the tasks need and gives them by name."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C reaches the whole group; the pipe decides
    os.nice(NICENESS)
    os.environ.setdefault("NUMBA_CACHE_DIR", str(kernels))
    orders: queue.SimpleQueue[Order] = queue.SimpleQueue()
    stopped: set[int] = set()
    threading.Thread(target=_listen, args=(connection, orders, stopped), daemon=True).start()
    tasks = load()
    connection.send(Message(Word.READY, 0))
    while True:
        order = orders.get()
        connection.send(Message(Word.BEGUN, order.number))
        ticket = Ticket(order.number, connection.send, stopped)
        connection.send(_perform(tasks[order.task], ticket, order.payload))
        stopped.discard(order.number)


@contextlib.contextmanager
def bounded_memory(bytes_max: int) -> Iterator[None]:
    """Private memory of this process, threads included: beyond it an allocation fails.

    Memory-mapped columns do not count. A library that cannot live with a failed allocation ends
    the process; then the job fails alone, as after any other death.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_DATA)
    allowed = bytes_max if hard == resource.RLIM_INFINITY else min(bytes_max, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (allowed, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_DATA, (soft, hard))


def _listen(
    connection: Pipe,
    orders: queue.SimpleQueue[Order],
    stopped: set[int],
) -> None:
    while True:
        try:
            message = connection.recv()
        except (EOFError, OSError):
            os._exit(0)  # the service is gone, by whatever death: nobody wants the answer
        if isinstance(message, Stop):
            stopped.add(message.number)
        else:
            orders.put(message)


def _perform(task: Task, ticket: Ticket, payload: object) -> Message:
    try:
        return Message(Word.DONE, ticket.number, task(ticket, payload))
    except Stopped:
        return Message(Word.STOPPED, ticket.number)
    except Problem as problem:
        return Message(Word.REFUSED, ticket.number, problem)
    except MemoryError:
        return Message(Word.REFUSED, ticket.number, Problem("work_out_of_memory"))
    except Exception as error:  # noqa: BLE001 - our bug: the service logs it and the job fails
        if isinstance(error, OSError) and error.errno == errno.ENOSPC:
            full = Problem("disk_full", values={"free": formats.size(0)})
            return Message(Word.REFUSED, ticket.number, full)
        return Message(Word.CRASHED, ticket.number, traceback.format_exc())
