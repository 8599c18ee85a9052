"""Small tasks that do what a bad day does: run long, ignore us, die, break."""

from __future__ import annotations

import errno
import os
import signal
import time
from typing import NoReturn

from app.domain.problems import Problem
from app.runtime.work.worker import Tasks, Ticket, bounded_memory


def echo(ticket: Ticket, payload: object) -> object:
    return payload


def whereabouts(ticket: Ticket, payload: None) -> tuple[int, str | None]:
    return os.getpid(), os.environ.get("NUMBA_CACHE_DIR")


def count(ticket: Ticket, seconds: float) -> int:
    """Tells its progress all the time, so it stops politely."""
    told = 0
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        told += 1
        ticket.progress(told)
        time.sleep(0.001)
    return told


def ignore(ticket: Ticket, seconds: float) -> str:
    """Never asks whether it should go on."""
    time.sleep(seconds)
    return "slept"


def die(ticket: Ticket, payload: None) -> NoReturn:
    os.kill(os.getpid(), signal.SIGKILL)
    raise AssertionError("unreachable")


def refuse(ticket: Ticket, payload: None) -> NoReturn:
    raise Problem("invalid_fields", values={"reason": "because"})


def crash(ticket: Ticket, payload: None) -> NoReturn:
    raise ZeroDivisionError("a bug of ours")


def devour(ticket: Ticket, payload: None) -> NoReturn:
    raise MemoryError


def hoard(ticket: Ticket, bytes_max: int) -> int:
    with bounded_memory(bytes_max):
        return len(bytearray(1 << 30))


def fill(ticket: Ticket, payload: None) -> NoReturn:
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def load() -> Tasks:
    return {
        "echo": echo,
        "whereabouts": whereabouts,
        "count": count,
        "ignore": ignore,
        "die": die,
        "refuse": refuse,
        "crash": crash,
        "devour": devour,
        "fill": fill,
        "hoard": hoard,
    }


def load_badly() -> Tasks:
    """A worker that never becomes ready."""
    os._exit(3)
