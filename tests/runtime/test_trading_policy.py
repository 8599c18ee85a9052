"""Trading policies: settings become one policy, every change of it is told, and paper's start."""

from __future__ import annotations

from decimal import Decimal

import msgspec
import pytest

from app.domain.problems import Problem
from app.domain.trading import TradingPolicy
from app.domain.venues import Venue
from app.ledger.database import Database
from app.runtime.preferences import PAPER_BALANCES, SETTINGS, Preferences, holdings
from app.runtime.trading_policy import FIELDS, Pace, TradingPolicies

D = Decimal


class Kept:
    def __init__(self, db: Database) -> None:
        self.preferences = Preferences(db, clock=lambda: 1)
        self.policies = TradingPolicies(self.preferences)
        self.told: list[TradingPolicy] = []
        self.policies.listen(self.told.append)


@pytest.fixture
def kept(sqlite_database: Database) -> Kept:
    return Kept(sqlite_database)


async def test_with_nothing_set_the_defaults_hold(kept: Kept) -> None:
    assert await kept.policies.load() == TradingPolicy()
    assert kept.told == []
    assert kept.policies.pace == Pace(30.0, 5.0)


def test_every_field_of_the_policy_can_be_set() -> None:
    fields = {field.name for field in msgspec.structs.fields(TradingPolicy)}
    assert set(FIELDS.values()) | {"styles", "allow_list", "book_age_s_max"} == fields
    assert set(FIELDS) <= set(SETTINGS)
    assert len(set(FIELDS.values())) == len(FIELDS)


@pytest.mark.parametrize(
    ("key", "value", "field", "means"),
    [
        ("risk.coin_krw_max", 5_000_000, "coin_krw_max", 5_000_000),
        ("trading.size_krw", 250_000.5, "size_krw", 250_000.5),
        ("retry.max", 2, "retry_max", 2),
        ("retry.base_s", 0.5, "retry_base_s", 0.5),
        ("retry.jitter", 0, "retry_jitter", 0),
        ("book.age_trading_ms", 2_500, "book_age_s_max", 2.5),
        ("trading.styles", "PREFUNDED", "styles", ("PREFUNDED",)),
        ("trading.styles", "", "styles", ()),
        ("trading.allow_list", "XRP,BTC", "allow_list", ("XRP", "BTC")),
        ("detection.tether_age_s_max", 30, "rate_age_s_max", 30),
    ],
)
async def test_a_changed_setting_becomes_policy_at_once(
    kept: Kept, key: str, value: object, field: str, means: object
) -> None:
    await kept.preferences.put(key, value, "trader")
    assert [getattr(policy, field) for policy in kept.told] == [means]
    assert kept.policies.now is kept.told[-1]
    await kept.preferences.put(key, None, "trader")
    assert kept.policies.now == TradingPolicy()


async def test_the_pace_follows_its_settings(kept: Kept) -> None:
    await kept.preferences.put("cycle.lease_s", 2, "trader")
    await kept.preferences.put("finalizer.every_s", 0.5, "trader")
    assert kept.policies.pace == Pace(2.0, 0.5)
    assert kept.told == [], "a pace is no policy of the engine"


async def test_what_is_no_trading_policy_is_not_told(kept: Kept) -> None:
    await kept.preferences.put("display.density", "comfortable", "trader")
    await kept.preferences.put("detection.tick_bps_max", 9, "trader")
    assert kept.told == []


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("trading.styles", "TRANSFER,TRANSFER"),
        ("trading.styles", "YOLO"),
        ("trading.styles", 1),
        ("trading.size_krw", 0),
        ("risk.drawdown_pct_max", 0),
        ("risk.warn_share", 1.1),
        ("risk.losses_in_row_max", 2.5),
        ("retry.max", -1),
        ("retry.jitter", 1),
        ("paper.balances", "upbit:KRW"),
        ("paper.balances", "upbit:KRW=1,upbit:KRW=2"),
        ("paper.balances", "nowhere:KRW=1"),
        ("paper.balances", "upbit:KRW=-1"),
        ("paper.balances", "upbit:KRW=1e9"),
        ("paper.fill_share", 0),
    ],
)
async def test_a_value_out_of_bounds_is_refused(kept: Kept, key: str, value: object) -> None:
    with pytest.raises(Problem) as caught:
        await kept.preferences.put(key, value, "trader")
    assert caught.value.code == "invalid_fields"
    assert kept.told == []


async def test_an_older_name_of_a_setting_is_the_same_setting(kept: Kept) -> None:
    put = await kept.preferences.put("premium.size_krw", 20_000_000, "trader")
    assert put.key == "detection.size_krw"
    assert (await kept.preferences.get("detection.size_krw")).value == 20_000_000
    assert (await kept.preferences.get("premium.size_krw")).value == 20_000_000


def test_amounts_on_venues_are_exact() -> None:
    assert holdings("upbit:KRW=100000000.5, binance:USDT=0.000001") == (
        (Venue.UPBIT, "KRW", D("100000000.5")),
        (Venue.BINANCE, "USDT", D("0.000001")),
    )
    assert holdings("") == ()


async def test_paper_begins_with_money_on_every_venue(kept: Kept) -> None:
    paper = await kept.policies.paper()
    assert {venue for venue, _, _ in paper.balances} == set(Venue)
    assert holdings(PAPER_BALANCES) == paper.balances
    await kept.preferences.put("paper.balances", "upbit:KRW=5", "trader")
    await kept.preferences.put("paper.latency_ms", 0, "trader")
    paper = await kept.policies.paper()
    assert (paper.balances, paper.latency_ms) == (((Venue.UPBIT, "KRW", D(5)),), 0.0)
