"""Settings: the newest row of a key is its value, and what was before can be put back."""

from __future__ import annotations

import asyncio

from app.ledger import preferences, queries
from app.ledger.database import Database
from tests.ledger.builders import T0


async def test_a_setting_remembers_who_changed_it_from_what(database: Database) -> None:
    assert await database.read(queries.get_setting, "fees.upbit") is None

    assert await database.write(preferences.put_setting, "fees.upbit", "5", T0, "지민")
    first = await database.read(queries.get_setting, "fees.upbit")
    assert first is not None
    assert (first.value_json, first.previous_json, first.by) == ("5", None, "지민")

    assert await database.write(preferences.put_setting, "fees.upbit", "4", T0 + 1, "유진")
    second = await database.read(queries.get_setting, "fees.upbit")
    assert second is not None
    assert (second.value_json, second.previous_json) == ("4", "5")
    assert (second.at_ns, second.by) == (T0 + 1, "유진")


async def test_setting_the_same_is_no_change(database: Database) -> None:
    await database.write(preferences.put_setting, "theme", '"dark"', T0, "a")
    assert not await database.write(preferences.put_setting, "theme", '"dark"', T0 + 1, "b")
    changes = await database.read(queries.list_setting_changes, "theme", 10)
    assert [(change.by, change.at_ns) for change in changes] == [("a", T0)]


async def test_undo_puts_the_value_before_back(database: Database) -> None:
    for n, value in enumerate(("1", "2")):
        await database.write(preferences.put_setting, "size", value, T0 + n, "a")
    await database.write(preferences.put_setting, "other", "7", T0, "a")

    [last, first] = await database.read(queries.list_setting_changes, "size", 10)
    assert (first.old_json, first.new_json) == (None, "1")
    assert (last.old_json, last.new_json) == ("1", "2")
    await database.write(preferences.put_setting, "size", last.old_json, T0 + 5, "a")
    await database.write(preferences.put_setting, "size", first.old_json, T0 + 6, "a")
    assert await database.read(queries.get_setting, "size") is None
    assert not await database.write(preferences.put_setting, "size", None, T0 + 7, "a")

    [newest] = await database.read(queries.list_setting_changes, "size", 1)
    assert (newest.old_json, newest.new_json) == ("1", None)


async def test_only_what_is_set_is_listed(database: Database) -> None:
    for key, value in (("b", "1"), ("a", "2"), ("c", "3"), ("a", "4"), ("c", None)):
        await database.write(preferences.put_setting, key, value, T0, "a")
    listed = await database.read(queries.list_settings)
    assert [(row.key, row.value_json, row.previous_json) for row in listed] == [
        ("a", "4", "2"),
        ("b", "1", None),
    ]


async def test_two_who_set_one_key_at_once_both_succeed(database: Database) -> None:
    await asyncio.gather(
        *(database.write(preferences.put_setting, "new", str(n), T0 + n, "a") for n in range(8))
    )
    assert len(await database.read(queries.list_setting_changes, "new", 100)) == 8
