"""Leases: one holder at a time by the database's clock, and a fence that only grows."""

from __future__ import annotations

import pytest
import sqlalchemy as sa

from app.ledger import clock, leases
from app.ledger.database import Database
from app.ledger.leases import Identity, Lease
from tests.ledger.trading_builders import ME, OTHER, memory


def test_a_free_lease_is_given_and_a_held_one_is_not() -> None:
    with memory() as (conn, now):
        first = leases.claim(conn, "sender:upbit", ME, 10)
        assert first == Lease("sender:upbit", ME, 1, now() + 10_000_000_000)
        assert leases.claim(conn, "sender:upbit", OTHER, 10) is None
        assert leases.claim(conn, "sender:upbit", ME, 10) is None
        assert leases.claim(conn, "sender:okx", OTHER, 10) is not None


def test_one_that_ran_out_goes_to_the_next_with_a_greater_fence() -> None:
    with memory() as (conn, now):
        first = leases.claim(conn, "a", ME, 10)
        assert first is not None
        now.pass_s(10)
        second = leases.claim(conn, "a", OTHER, 10)
        assert second is not None
        assert second.fence == first.fence + 1
        assert leases.renew(conn, first, 10) is None
        assert not leases.holds(conn, first, now())
        assert leases.holds(conn, second, now())
        assert not leases.release(conn, first), "nobody lets go of what another one holds"
        assert leases.release(conn, second)
        third = leases.claim(conn, "a", ME, 10)
        assert third is not None
        assert third.fence == 3


def test_a_late_owner_may_go_on_while_nobody_took_it() -> None:
    with memory() as (conn, now):
        first = leases.claim(conn, "a", ME, 10)
        assert first is not None
        now.pass_s(60)
        assert not leases.holds(conn, first, now())
        longer = leases.renew(conn, first, 10)
        assert longer is not None
        assert (longer.fence, longer.until_ns) == (1, now() + 10_000_000_000)
        assert leases.holds(conn, longer, now())
        assert leases.held(conn) == [longer]


def test_a_run_of_a_job_is_somebodys_for_good() -> None:
    with memory() as (conn, now):
        assert leases.claim_slot(conn, "daily", "2026-11-20", ME)
        assert not leases.claim_slot(conn, "daily", "2026-11-20", OTHER)
        assert not leases.claim_slot(conn, "daily", "2026-11-20", ME)
        assert leases.claim_slot(conn, "daily", "2026-11-21", OTHER)
        now.pass_s(100)
        assert leases.purge_slots(conn, now()) == 2


def test_numbers_are_given_once_whatever_the_mode() -> None:
    with memory() as (conn, _):
        assert leases.grant_numbers(conn, "paper", 100) == (1, 100)
        assert leases.grant_numbers(conn, "live", 1) == (101, 101)
        assert leases.grant_numbers(conn, "paper", 100) == (102, 201)


def test_a_restored_database_is_another_epoch() -> None:
    with memory() as (conn, _):
        assert leases.identity(conn, "seoul") == Identity("seoul", 1)
        assert leases.identity(conn, "busan") == Identity("seoul", 1)
        assert leases.restored(conn) == Identity("seoul", 2)
        assert leases.identity(conn) == Identity("seoul", 2)


async def test_every_database_keeps_the_same_promises(database: Database) -> None:
    first = await database.write(leases.claim, "a", ME, 30.0)
    assert first is not None
    assert await database.write(leases.claim, "a", OTHER, 30.0) is None
    assert await database.write(leases.renew, first, 60.0) is not None
    assert await database.write(leases.release, first)
    second = await database.write(leases.claim, "a", OTHER, 30.0)
    assert second is not None
    assert second.fence == 2
    assert await database.write(leases.claim_slot, "job", "1", ME)
    assert not await database.write(leases.claim_slot, "job", "1", OTHER)
    made = await database.write(leases.identity)
    assert len(made.deployment_id) == 32
    assert await database.write(leases.identity) == made


async def test_the_clock_is_the_database_s_and_goes_on_within_a_transaction(
    database: Database,
) -> None:
    """PostgreSQL's and MySQL's usual words for now stand still in a transaction."""

    def twice(conn: sa.Connection) -> tuple[int, int]:
        first = clock.now_ns(conn)
        while (second := clock.now_ns(conn)) == first:
            continue
        return first, second

    first, second = await database.write(twice)
    assert 1_700_000_000_000_000_000 < first < second < 5_000_000_000_000_000_000


@pytest.mark.parametrize("ttl_s", [0.5, 30.0])
def test_until_is_in_nanoseconds(ttl_s: float) -> None:
    with memory() as (conn, now):
        held = leases.claim(conn, "a", ME, ttl_s)
        assert held is not None
        assert held.until_ns - now() == ttl_s * 1_000_000_000
