"""Settings: bounded values, and who changed what."""

from __future__ import annotations

import pytest

from app import texts
from app.domain.problems import Problem
from app.ledger.preferences import put_setting
from app.runtime.preferences import SETTINGS, Preferences
from tests.security.conftest import House


@pytest.fixture
def preferences(house: House) -> Preferences:
    return Preferences(house.db, house.clock)


async def test_every_setting_begins_with_its_own_default(preferences: Preferences) -> None:
    for key, found in (await preferences.all()).items():
        assert found.value == SETTINGS[key].default
        assert SETTINGS[key].kind.admits(found.value), key
        assert (found.changed_at_ns, found.changed_by, found.previous) == (None, None, None)


async def test_a_change_says_who_when_and_what_was_before(
    preferences: Preferences, house: House
) -> None:
    first = await preferences.put("backtest.entry_bps", 120, "mina")
    assert (first.value, first.changed_by, first.previous) == (120, "mina", None)
    house.clock.pass_minutes(5)
    second = await preferences.put("backtest.entry_bps", 95.5, "token ci")
    assert (second.value, second.changed_by, second.previous) == (95.5, "token ci", 120)
    assert second.changed_at_ns == house.clock.now_ns
    assert await preferences.get("backtest.entry_bps") == second
    assert (await preferences.all())["backtest.entry_bps"] == second


async def test_null_goes_back_to_the_default(preferences: Preferences) -> None:
    await preferences.put("display.timezone", "UTC", "mina")
    assert (await preferences.put("display.timezone", None, "mina")).value == "Asia/Seoul"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("display.timezone", "Mars/Olympus"),
        ("display.updown", 1),
        ("backtest.hedge", 1),
        ("backtest.hedge", "true"),
        ("backtest.max_hold_bars", 1.5),
        ("backtest.max_hold_bars", -1),
        ("backtest.max_hold_bars", True),
        ("backtest.notional_krw", 0),
        ("backtest.notional_krw", float("nan")),
        ("backtest.entry_bps", float("inf")),
        ("backtest.entry_bps", "80"),
        ("backtest.entry_bps", 10**400),
        ("backtest.style", "martingale"),
        ("uploads.max_gib", 65),
        ("uploads.max_gib", [1]),
    ],
)
async def test_a_value_out_of_bounds_is_refused_and_told_what_would_pass(
    preferences: Preferences, key: str, value: object
) -> None:
    with pytest.raises(Problem, match="invalid_fields") as refused:
        await preferences.put(key, value, "mina")
    assert refused.value.errors[0].expected == SETTINGS[key].kind.expected
    assert (await preferences.get(key)).changed_by is None


async def test_an_unknown_setting_is_not_found(preferences: Preferences) -> None:
    with pytest.raises(Problem, match="not_found"):
        await preferences.put("engine.mode", "live", "mina")
    with pytest.raises(Problem, match="not_found"):
        await preferences.get("engine.mode")


async def test_a_stored_value_of_other_bounds_counts_as_unset(
    preferences: Preferences, house: House
) -> None:
    await house.db.write(
        put_setting, "uploads.max_gib", "4096", house.clock.now_ns, "another version"
    )
    assert (await preferences.get("uploads.max_gib")).value == 1


@pytest.mark.parametrize("key", SETTINGS)
def test_every_setting_has_a_name_in_both_languages(key: str) -> None:
    assert texts.text("en", f"settings.{key}")
    assert texts.text("ko", f"settings.{key}")
