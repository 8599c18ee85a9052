"""What the data page asks of the ledger: totals, uses, files with what they became."""

from __future__ import annotations

import msgspec

from app.domain.backtests import FxRef, MarketRef
from app.domain.datasets import Hints, Kind
from app.domain.records import StudyKind
from app.ledger import datasets, queries, runs, studies
from app.ledger.database import Database
from tests.ledger.builders import T0, facts, spec, sweep_spec

SHA = "cd" * 32


async def store(db: Database, *kinds: Kind, synthetic: bool = False, folder: str = "f") -> None:
    made = [
        (f"{folder}{place}", msgspec.structs.replace(facts(kind), synthetic=synthetic))
        for place, kind in enumerate(kinds)
    ]
    await db.write(
        datasets.insert_datasets,
        None,
        made,
        sha256=SHA,
        file_name="week.csv",
        file_bytes=700,
        at_ns=T0,
    )


async def test_totals_of_nothing_are_zero_and_of_files_their_bytes(database: Database) -> None:
    assert await database.read(queries.datasets_total) == (0, 0)
    await store(database, Kind.CANDLES, Kind.FX)
    assert await database.read(queries.datasets_total) == (2, 1_400)


async def test_uses_are_named_runs_first_each_for_its_own_datasets(database: Database) -> None:
    await store(database, Kind.CANDLES, Kind.CANDLES, Kind.FX, Kind.CANDLES)
    coin = MarketRef("BTC", "d-1", "d-2")
    for _ in range(2):
        await database.write(runs.create_run, spec(coin, fx=FxRef(dataset="d-3")), T0)
    await database.write(studies.create_study, StudyKind.SWEEP, sweep_spec(coin), 4, T0)
    found = await database.read(queries.dataset_uses, ["d-1", "d-3", "d-4"])
    assert found == {"d-1": ["b-1", "b-2", "s-1"], "d-3": ["b-1", "b-2"]}
    assert await database.read(queries.dataset_uses, []) == {}


async def test_what_the_generator_made_is_told_apart(database: Database) -> None:
    await store(database, Kind.CANDLES)
    await store(database, Kind.CANDLES, Kind.FX, synthetic=True, folder="s")
    assert await database.read(queries.synthetic_among, ["d-1", "d-2", "d-3"]) == {"d-2", "d-3"}
    assert await database.read(queries.synthetic_among, []) == set()


async def test_files_come_newest_first_with_what_is_left_of_them(database: Database) -> None:
    first = await database.write(datasets.create_upload, "a.csv", Hints(), 10, T0)
    second = await database.write(datasets.create_upload, "b.csv", Hints(), 10, T0)
    made = await database.write(
        datasets.insert_datasets,
        first.id,
        [("f1", facts()), ("f2", facts())],
        sha256=SHA,
        file_name="a.csv",
        file_bytes=10,
        at_ns=T0,
    )
    await database.write(datasets.delete_dataset, made[0].id)
    found = await database.read(queries.uploads_with_datasets, 5)
    assert [(row.id, [of.id for of in left]) for row, left in found] == [
        (second.id, []),
        (first.id, [made[1].id]),
    ]
