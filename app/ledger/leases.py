"""Leases: who may do what, until when, by the database's clock; and who this database is.

A lease keeps work moving; what keeps it safe is the fence, which grows with every new holder and
is asked for in the transaction that acts. Nobody ever releases what another one holds by now.
"""

from __future__ import annotations

import secrets

import msgspec
import sqlalchemy as sa

from app.domain.times import SECOND_NS
from app.ledger import clock
from app.ledger.conflicts import insert_new
from app.ledger.trading_tables import instance, job_slot, lease

DEPLOYMENT_BYTES = 16


class Lease(msgspec.Struct, frozen=True):
    name: str
    owner: str
    fence: int
    until_ns: int


class Identity(msgspec.Struct, frozen=True):
    """Goes into every client id: two deployments, or one restored from its past, never meet."""

    deployment_id: str
    epoch: int


def claim(conn: sa.Connection, name: str, owner: str, ttl_s: float) -> Lease | None:
    """The lease, if it is free or has run out. None: somebody holds it, the same owner too."""
    at_ns = clock.now_ns(conn)
    until_ns = at_ns + _ns(ttl_s)
    row = _locked(conn, name)
    if row is None:
        fresh: dict[str, object] = {
            "name": name, "owner": owner, "fence": 1, "until_ns": until_ns
        }  # fmt: skip
        return Lease(name, owner, 1, until_ns) if insert_new(conn, lease, fresh) else None
    if row.until_ns > at_ns:
        return None
    taken = Lease(name, owner, row.fence + 1, until_ns)
    _write(conn, taken)
    return taken


def renew(conn: sa.Connection, held: Lease, ttl_s: float) -> Lease | None:
    """Hold it for longer. None: another one took it after it had run out."""
    at_ns = clock.now_ns(conn)
    row = _locked(conn, held.name)
    if row is None or (row.owner, row.fence) != (held.owner, held.fence):
        return None
    longer = Lease(held.name, held.owner, held.fence, at_ns + _ns(ttl_s))
    _write(conn, longer)
    return longer


def release(conn: sa.Connection, held: Lease) -> bool:
    """Let the next one have it at once; whether it was still ours. The fence stays."""
    ours = (lease.c.name == held.name) & (lease.c.fence == held.fence)
    done = conn.execute(
        lease.update().where(ours & (lease.c.owner == held.owner)).values(until_ns=0)
    )
    return done.rowcount == 1


def holds(conn: sa.Connection, held: Lease, at_ns: int) -> bool:
    """Whether it is ours in this very transaction: nobody can take it before that one ends."""
    query = sa.select(lease).where(lease.c.name == held.name)
    row = conn.execute(query.with_for_update(read=True)).first()
    if row is None or row.until_ns <= at_ns:
        return False
    return bool((row.owner, row.fence) == (held.owner, held.fence))


def held(conn: sa.Connection) -> list[Lease]:
    """All that were ever claimed, for pages; those that have run out too."""
    rows = conn.execute(sa.select(lease).order_by(lease.c.name))
    return [Lease(row.name, row.owner, row.fence, row.until_ns) for row in rows]


def forget(conn: sa.Connection, prefix: str, before_ns: int) -> int:
    """Leases of names that are used once, and ran out before a time; how many. Others keep their
    fence for ever."""
    ended = lease.c.name.startswith(prefix, autoescape=True) & (lease.c.until_ns < before_ns)
    return conn.execute(lease.delete().where(ended)).rowcount


def claim_slot(conn: sa.Connection, job: str, slot: str, owner: str) -> bool:
    """Whether this run of a job (a minute, a day) is ours: the first to ask has it, for good."""
    values: dict[str, object] = {
        "job": job, "slot": slot, "owner": owner, "at_ns": clock.now_ns(conn)
    }  # fmt: skip
    return insert_new(conn, job_slot, values)


def purge_slots(conn: sa.Connection, before_ns: int) -> int:
    """Forget the runs of jobs before a time; how many."""
    return conn.execute(job_slot.delete().where(job_slot.c.at_ns < before_ns)).rowcount


def identity(conn: sa.Connection, fresh: str | None = None) -> Identity:
    """Who this database is; made at the first call. fresh: the name to make it with."""
    row = conn.execute(sa.select(instance)).first()
    if row is None:
        name = secrets.token_hex(DEPLOYMENT_BYTES) if fresh is None else fresh
        insert_new(conn, instance, {"id": 1, "deployment_id": name, "epoch": 1, "next_number": 1})
        row = conn.execute(sa.select(instance).with_for_update()).one()
    return Identity(row.deployment_id, row.epoch)


def restored(conn: sa.Connection) -> Identity:
    """This database is a copy of an older one: what it numbers from now on is another epoch."""
    before = identity(conn)
    conn.execute(instance.update().values(epoch=instance.c.epoch + 1))
    return Identity(before.deployment_id, before.epoch + 1)


def grant_numbers(conn: sa.Connection, mode: str, count: int) -> tuple[int, int]:  # noqa: ARG001
    """`count` cycle numbers that nobody else gets: (first, last).

    One counter for all modes, so that no cycle or client id of one is ever read as another's.
    """
    assert count > 0
    identity(conn)
    first = conn.execute(sa.select(instance.c.next_number).with_for_update()).scalar_one()
    conn.execute(instance.update().values(next_number=first + count))
    return first, first + count - 1


def _locked(conn: sa.Connection, name: str) -> sa.Row[tuple[str, str, int, int]] | None:
    return conn.execute(sa.select(lease).where(lease.c.name == name).with_for_update()).first()


def _write(conn: sa.Connection, new: Lease) -> None:
    values = {"owner": new.owner, "fence": new.fence, "until_ns": new.until_ns}
    conn.execute(lease.update().where(lease.c.name == new.name).values(values))


def _ns(seconds: float) -> int:
    return round(seconds * SECOND_NS)
