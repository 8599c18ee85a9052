"""Signals are written by the engine's numbers, once each, with their evidence."""

from __future__ import annotations

import pytest
from msgspec import structs

from app.domain.facts import CandidateRefused, OpportunityClosed, OpportunityOpened
from app.domain.live import Explanation, LevelUsed, Opportunity, PremiumRow, Status, Step
from app.domain.venues import Venue
from app.ledger import queries, signals
from app.ledger.database import Database
from tests.ledger.builders import SECOND, T0

AGES = (1.0, 2.0, 3.0, None)


def opportunity(number: int = 1, **changes: object) -> Opportunity:
    plain = Opportunity(
        id=f"o-{number}",
        detector="kimchi",
        base="XRP",
        buy_venue=Venue.BINANCE,
        buy_quote="USDT",
        sell_venue=Venue.UPBIT,
        sell_quote="KRW",
        direction="high",
        status=Status.DETECTED,
        code=None,
        opened_at_ns=T0,
        closed_at_ns=None,
        updated_at_ns=T0,
        net_bps=41.25,
        peak_bps=55.5,
        size_krw=10_000_000.0,
        quantity=2_857.0,
        profit_krw=41_250.0,
        network="XRP",
        updates=3,
        gates=(),
        ages_ms=AGES,
    )
    return structs.replace(plain, **changes)


def refusal(number: int, **changes: object) -> Opportunity:
    plain = {"id": f"r-{number}", "status": Status.REFUSED, "code": "WALLET_CLOSED"}
    return opportunity(number, **(plain | changes))


def missed(row: Opportunity, at_ns: int = T0 + SECOND) -> Opportunity:
    return structs.replace(
        row, status=Status.MISSED, code="NET_BELOW_MIN", closed_at_ns=at_ns, updated_at_ns=at_ns
    )


def evidence(row: Opportunity, levels: int = 3) -> Explanation:
    premium = PremiumRow(
        id="XRP:binance-upbit", base="XRP", buy_venue=Venue.BINANCE, buy_quote="USDT",
        sell_venue=Venue.UPBIT, sell_quote="KRW", direction="high", buy_ask=2.5, sell_bid=3550.0,
        raw_bps=None, usdlike_bps=142.0, kimchi_bps=215.0, usdt_bps=72.0, realizable_bps=41.25,
        realizable_size_krw=1e7, sizes=(), break_even_bps=100.0, withheld=None, network="XRP",
        withdraw="open", deposit="open", fenced=False, quarantined=False, manual_rate=False,
        tick_bps=2.0, buy_age_ms=1.0, sell_age_ms=2.0, tether_age_ms=3.0, official_age_ms=4.0,
        wallet_age_ms=None, at_ns=T0,
    )  # fmt: skip
    return Explanation(
        row, T0, (Step("net", 41.25, "sum"),), (), (LevelUsed("buy", 2.5, 9.0, 0.5),) * levels,
        (), premium, {"size_krw": 1e7},
    )  # fmt: skip


async def write(database: Database, *rows: Opportunity, why: bool = False, feeds: str = "") -> None:
    facts = [
        CandidateRefused(T0, row, ended=row.closed_at_ns is not None)
        if row.status is Status.REFUSED
        else OpportunityOpened(T0, row) if row.closed_at_ns is None else OpportunityClosed(T0, row)
        for row in rows
    ]  # fmt: skip
    found = {row.id: evidence(row) for row in rows} if why else {}
    await database.write(signals.note_signals, facts, found, feeds=feeds)


async def test_an_opportunity_is_written_when_it_opens_and_when_it_closes(
    database: Database,
) -> None:
    row = opportunity()
    await write(database, row, why=True)
    assert await database.read(queries.get_signal, "o-1") == row
    await write(database, missed(row))
    assert await database.read(queries.get_signal, "o-1") == missed(row)
    why = await database.read(queries.explanation, "o-1")
    assert why.steps == evidence(row).steps, "from when it opened"
    assert why.opportunity.net_bps == row.net_bps
    assert (why.opportunity.status, why.opportunity.code) == (Status.MISSED, missed(row).code)
    assert why.opportunity.closed_at_ns == missed(row).closed_at_ns


async def test_open_and_closed_in_one_batch_are_one_row(database: Database) -> None:
    await write(database, opportunity(), missed(opportunity()), refusal(2), why=True)
    rows, cursor = await database.read(queries.list_signals, 10)
    assert [(row.id, row.status) for row in rows] == [
        ("r-2", Status.REFUSED),
        ("o-1", Status.MISSED),
    ]
    assert cursor is None


async def test_writing_a_batch_again_changes_nothing(database: Database) -> None:
    for _ in range(2):
        await write(database, opportunity(), refusal(2))
    rows, _ = await database.read(queries.list_signals, 10)
    assert len(rows) == 2


async def test_the_next_number_is_behind_all_others(database: Database) -> None:
    assert await database.read(signals.next_number) == 1
    await write(database, opportunity(7), refusal(9))
    assert await database.read(signals.next_number) == 10


async def test_lists_are_pages_by_status_coin_and_market(database: Database) -> None:
    await write(database, *(opportunity(n) for n in range(1, 6)), feeds="demo")
    await write(database, refusal(6), opportunity(7, base="SOL"), feeds="live")
    first, cursor = await database.read(queries.list_signals, 3)
    assert [row.id for row in first] == ["o-7", "r-6", "o-5"]
    rest, cursor = await database.read(queries.list_signals, 30, cursor)
    assert [row.id for row in rest] == ["o-4", "o-3", "o-2", "o-1"]
    assert cursor is None
    found, _ = await database.read(queries.list_signals, 10, None, status="REFUSED")
    assert [row.id for row in found] == ["r-6"]
    found, _ = await database.read(queries.list_signals, 10, None, base="SOL")
    assert [row.id for row in found] == ["o-7"]
    await write(database, missed(opportunity(4)))
    found, _ = await database.read(queries.list_signals, 10, None, ended=True)
    assert [row.id for row in found] == ["o-4"], "what is under way is not over"
    found, _ = await database.read(queries.list_signals, 10, None, feeds="live")
    assert [row.id for row in found] == ["o-7", "r-6"]


async def test_what_was_under_way_when_the_service_died_is_ended(database: Database) -> None:
    await write(database, opportunity(1), refusal(2), missed(opportunity(3)))
    assert await database.write(signals.close_open, T0 + 9 * SECOND) == 2
    row = await database.read(queries.get_signal, "o-1")
    assert row is not None
    assert (row.status, row.code) == (Status.MISSED, "SERVICE_STOPPED")
    assert row.closed_at_ns == T0 + 9 * SECOND
    refused = await database.read(queries.get_signal, "r-2")
    assert refused is not None
    assert (refused.status, refused.code) == (Status.REFUSED, "WALLET_CLOSED")
    assert refused.closed_at_ns == T0 + 9 * SECOND
    assert await database.write(signals.close_open, T0 + 10 * SECOND) == 0


async def test_nobody_knows_when_a_killed_service_stopped_looking(database: Database) -> None:
    """A day later it starts again: nothing was an opportunity for a day."""
    assert await database.write(signals.close_open, None) == 0
    await write(database, opportunity(1), missed(opportunity(3), T0 + 7 * SECOND), opportunity(4))
    assert await database.write(signals.close_open, None) == 2
    for row_id in ("o-1", "o-4"):
        row = await database.read(queries.get_signal, row_id)
        assert row is not None
        assert (row.status, row.code) == (Status.MISSED, "SERVICE_STOPPED")
        assert row.closed_at_ns == T0 + 7 * SECOND


async def test_old_ones_are_forgotten_and_open_ones_stay(database: Database) -> None:
    await write(database, missed(opportunity(1)), opportunity(2))
    await write(database, missed(opportunity(3), T0 + 100 * SECOND))
    assert await database.write(signals.purge, T0 + 50 * SECOND) == 1
    rows, _ = await database.read(queries.list_signals, 10)
    assert [row.id for row in rows] == ["o-3", "o-2"]


@pytest.mark.parametrize("unknown", ["o-2", "r-1", "x-1", "o-", "o-1x", "1"])
async def test_an_unknown_id_is_simply_not_there(database: Database, unknown: str) -> None:
    await write(database, opportunity(1))
    assert await database.read(queries.get_signal, unknown) is None
    assert await database.read(queries.explanation, unknown) is None


async def test_evidence_that_is_too_large_loses_its_levels(database: Database) -> None:
    row = opportunity()
    large = evidence(row, levels=3_000)
    await database.write(signals.note_signals, [OpportunityOpened(T0, row)], {row.id: large})
    found = await database.read(queries.explanation, "o-1")
    assert found is not None
    assert found.levels == ()
    assert found.steps == large.steps
