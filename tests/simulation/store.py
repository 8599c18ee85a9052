"""Store: a database in memory, one transaction at a time, with a fault at each of its moments."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Concatenate, ParamSpec, TypeVar

import sqlalchemy as sa
from sqlalchemy.pool import StaticPool

from app.domain.orders import Order, Role
from app.ledger import schema
from app.ledger.clock import CLOCK
from app.ledger.queries import Connection
from tests.simulation.process import Process

P = ParamSpec("P")
T = TypeVar("T")

SECOND = "second "
LATE_ROLES = frozenset({Role.SECOND, Role.REBALANCE, Role.COMPENSATION})
Watch = Callable[[Connection, str, str, object], None]


class Disk:
    """What all processes of a seed share. One engine for all seeds: statements compile once."""

    def __init__(self) -> None:
        self.engine = sa.create_engine("sqlite://", poolclass=StaticPool, query_cache_size=2_000)
        sa.event.listen(self.engine, "connect", _own_begin)
        sa.event.listen(self.engine, "begin", _begin)
        with self.engine.begin() as conn:
            schema.create(conn)
        self.conn = self.engine.connect()
        self._empty = self._raw().serialize()

    def erase(self, clock: Callable[[], int]) -> None:
        """As it was after the migrations; clock: what the database thinks the time is."""
        self._raw().deserialize(self._empty)
        self._raw().execute("PRAGMA foreign_keys=ON")
        self.conn.info[CLOCK] = clock

    @contextmanager
    def transaction(self) -> Iterator[Connection]:
        """Whatever is not committed in it has not been."""
        with self.conn.begin() as begun:
            yield self.conn
            if begun.is_active:
                begun.rollback()

    def _raw(self) -> sqlite3.Connection:
        raw: Any = self.conn.connection.driver_connection
        found: sqlite3.Connection = raw
        return found


def _own_begin(dbapi: Any, _record: Any) -> None:
    dbapi.isolation_level = None
    dbapi.execute("PRAGMA foreign_keys=ON")


def _begin(conn: Connection) -> None:
    raw: Any = conn.connection.driver_connection
    raw.execute("BEGIN IMMEDIATE")


def locked() -> sa.exc.OperationalError:
    cause = sqlite3.OperationalError("database is locked")
    return sa.exc.OperationalError("simulated", None, cause)


def away() -> sa.exc.OperationalError:
    cause = sqlite3.OperationalError("server closed the connection unexpectedly")
    return sa.exc.OperationalError("simulated", None, cause)


def leg(found: object) -> str:
    """What is said before a name, where it is about an order after a cycle's first."""
    order = found[0] if isinstance(found, tuple) and found else found
    return SECOND if isinstance(order, Order) and order.role in LATE_ROLES else ""


class Store:
    """One process' way to the disk. watch(conn, process, what, found): before every commit."""

    def __init__(self, disk: Disk, process: Process, watch: Watch) -> None:
        self._disk = disk
        self._process = process
        self._watch = watch

    async def read(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        process = self._process
        await process.gate("read")
        if process.trouble("bug"):
            raise RuntimeError("simulated: a bug in a task of ours")
        if process.trouble("database_away"):
            raise away()
        with self._disk.transaction() as conn:
            return fn(conn, *args, **kwargs)

    async def write(
        self, fn: Callable[Concatenate[Connection, P], T], *args: P.args, **kwargs: P.kwargs
    ) -> T:
        process, name = self._process, fn.__name__
        await process.gate(f"begin {name}")
        if process.trouble("database_busy"):
            raise locked()
        if process.trouble("database_away"):
            raise away()
        with self._disk.transaction() as conn:
            found = fn(conn, *args, **kwargs)
            name = leg(found) + name
            if process.dies(f"commit {name}"):
                conn.rollback()
            elif process.trouble("database_away"):
                conn.rollback()
                process.chaos.met[f"rolled back {name}"] += 1
                raise away()
            else:
                self._watch(conn, process.name, name, found)
                conn.commit()
                process.note("commit", name)
        await process.gate(f"committed {name}")
        if process.trouble("commit_unknown"):
            process.chaos.met[f"commit unknown {name}"] += 1
            raise away()
        return found
