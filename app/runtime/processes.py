"""Processes: which kimp runs where on this database, with which roles. A row is a lease.

Whoever dies stops renewing and is gone after `TTL_S`; nothing hangs on it but what people are told.
"""

from __future__ import annotations

import os
import secrets
import socket
from typing import NamedTuple

from app.domain.roles import ProcessRole, Roles, told
from app.domain.times import SECOND_NS
from app.ledger import clock, leases
from app.ledger.database import Database
from app.ledger.leases import Lease
from app.ledger.queries import Connection

TTL_S = 30.0
KEPT_S = 3_600.0
PREFIX = "process:"


class ProcessRow(NamedTuple):
    """where: machine, process id and port."""

    where: str
    roles: tuple[ProcessRole, ...]
    here: bool


class Processes:
    """Of this process among all."""

    def __init__(self, db: Database, roles: Roles, port: int) -> None:
        self._db = db
        self._name = f"{PREFIX}{told(roles)}:{secrets.token_hex(4)}"
        self._where = f"{socket.gethostname()[:60]} {os.getpid()} :{port}"
        self._held: Lease | None = None

    async def tell(self) -> None:
        self._held = await self._db.write(_tell, self._name, self._where, self._held)

    async def leave(self) -> None:
        if self._held is not None:
            await self._db.write(leases.release, self._held)

    async def all(self) -> tuple[ProcessRow, ...]:
        return await self._db.read(alive, self._name)


def alive(conn: Connection, here: str | None = None) -> tuple[ProcessRow, ...]:
    """Those that were heard of lately. here: the name of our own row."""
    at_ns = clock.now_ns(conn)
    rows = []
    for lease in leases.held(conn):
        if lease.name.startswith(PREFIX) and lease.until_ns > at_ns:
            words = lease.name.removeprefix(PREFIX).partition(":")[0].split(",")
            roles = tuple(role for role in ProcessRole if role in words)
            rows.append(ProcessRow(lease.owner, roles, lease.name == here))
    return tuple(sorted(rows))


def _tell(conn: Connection, name: str, where: str, held: Lease | None) -> Lease | None:
    leases.forget(conn, PREFIX, clock.now_ns(conn) - round(KEPT_S * SECOND_NS))
    kept = None if held is None else leases.renew(conn, held, TTL_S)
    return kept or leases.claim(conn, name, where, TTL_S)
