"""Policies: settings and ledger become one policy, and every change of it is told."""

from __future__ import annotations

import pytest

from app.domain.facts import PairQuarantined
from app.domain.live import IdentityRow
from app.domain.policy import AssetName, IdentitySuspicion, Policy, Verdict, WithdrawalFee
from app.domain.problems import Problem
from app.domain.venues import Venue
from app.ledger.database import Database
from app.runtime.policy import Policies
from app.runtime.preferences import SETTINGS, Preferences
from tests.pages import live_rows

NOW_NS = 1_795_065_787_412_000_000


class Kept:
    """Policies over a fresh database, and what they told."""

    def __init__(self, db: Database, **more: float) -> None:
        self.preferences = Preferences(db, clock=lambda: NOW_NS)
        self.policies = Policies(db, self.preferences, clock=lambda: NOW_NS, **more)  # type: ignore[arg-type]
        self.told: list[Policy] = []
        self.policies.listen(self.told.append)


@pytest.fixture
def kept(sqlite_database: Database) -> Kept:
    return Kept(sqlite_database)


async def test_with_nothing_set_the_defaults_hold(kept: Kept) -> None:
    assert await kept.policies.load() == Policy()
    assert kept.policies.now == Policy()
    assert kept.told == []
    assert await kept.policies.feeds() == "demo"
    channels = await kept.policies.channels()
    assert channels[Venue.BINANCE] == "depth20@100ms"
    assert channels.keys() == set(Venue)


async def test_a_changed_setting_becomes_policy_at_once(kept: Kept) -> None:
    put = kept.preferences.put
    await put("detection.min_net_bps", 45, "trader")
    await put("markets.favourites", "XRP,币安人生,kPEPE", "trader")
    await put("detection.size_krw", 5_000_000, "trader")
    await put("markets.per_venue_max", 50, "trader")
    assert len(kept.told) == 4
    policy = kept.told[-1]
    assert policy is kept.policies.now
    assert policy.min_net_bps == 45
    assert policy.favourites == ("XRP", "币安人生", "kPEPE")
    assert policy.size_krw == 5_000_000
    assert policy.sizes_krw == (1e6, 5e6, 1e7, 1e8)
    assert policy.instruments_per_venue_max == 50

    await put("markets.favourites", None, "trader")
    assert kept.policies.now.favourites == ()


async def test_what_is_no_policy_is_not_told(kept: Kept) -> None:
    await kept.preferences.put("display.density", "comfortable", "trader")
    await kept.preferences.put("feeds", "live", "trader")
    await kept.preferences.put("detection.min_net_bps", 30.0, "trader")
    assert kept.told == [], "the same number as the default changes nothing"


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("detection.identity_ratio_max", 1.0),
        ("detection.book_age_s_max", 0),
        ("detection.size_krw", -1),
        ("detection.min_net_bps", "30"),
        ("fees.upbit.taker_bps", -0.1),
        ("markets.favourites", "BTC,BTC"),
        ("markets.favourites", "B/C"),
        ("markets.favourites", "BTC, XRP"),
        ("markets.favourites", ",".join(f"C{number}" for number in range(51))),
        ("feeds", "simulated"),
        ("feeds.binance.channel", "trade"),
    ],
)
async def test_a_value_out_of_bounds_is_refused(kept: Kept, key: str, value: object) -> None:
    with pytest.raises(Problem) as caught:
        await kept.preferences.put(key, value, "trader")
    assert caught.value.code == "invalid_fields"
    assert kept.told == []


async def test_a_fee_that_is_set_has_its_day_and_goes_back_to_the_list(kept: Kept) -> None:
    await kept.policies.set_fee(Venue.BITHUMB, 4.0, by="trader")
    (fee,) = kept.policies.now.fees
    assert (fee.venue, fee.quote, fee.taker_bps) == (Venue.BITHUMB, None, 4.0)
    assert (fee.source, fee.as_of_ns) == ("set", NOW_NS)
    await kept.policies.set_fee(Venue.UPBIT, 5.0, by="trader")
    assert {fee.quote for fee in kept.policies.now.fees} == {None, "KRW"}
    await kept.policies.set_fee(Venue.BITHUMB, None, by="trader")
    await kept.policies.set_fee(Venue.UPBIT, None, by="trader")
    assert kept.policies.now.fees == ()


async def test_every_venue_s_fee_and_channel_can_be_set() -> None:
    for venue in Venue:
        assert f"fees.{venue}.taker_bps" in SETTINGS
        assert f"feeds.{venue}.channel" in SETTINGS


async def test_feeds_are_kept(kept: Kept) -> None:
    await kept.policies.put_feeds("live", by="trader")
    assert await kept.policies.feeds() == "live"
    with pytest.raises(Problem):
        await kept.policies.put_feeds("simulated", by="trader")


async def test_a_rate_set_by_hand_and_a_single_source(sqlite_database: Database) -> None:
    kept = Kept(sqlite_database, fx_fixed=1_400.0, fx_sources=1)
    policy = await kept.policies.load()
    assert policy.fx_fixed == 1_400.0
    assert policy.fx_quorum == 1
    assert (await Kept(sqlite_database, fx_sources=5).policies.load()).fx_quorum == 2


def twin() -> IdentityRow:
    return live_rows.identity("GTC", Venue.UPBIT, Venue.GATE)


async def test_a_decision_is_kept_with_who_and_when(kept: Kept, sqlite_database: Database) -> None:
    await kept.policies.decide(twin(), "different", by="trader", note="GameCom")
    (decision,) = kept.told[-1].decisions
    assert (decision.base, decision.venue, decision.other) == ("GTC", Venue.UPBIT, Venue.GATE)
    assert (decision.verdict, decision.by, decision.at_ns) == (Verdict.DIFFERENT, "trader", NOW_NS)

    await kept.policies.decide(twin(), "same", by="other")
    assert [each.verdict for each in kept.policies.now.decisions] == [Verdict.SAME]
    said = await kept.policies.decisions_of(twin())
    assert [each.verdict for each in said] == [Verdict.SAME, Verdict.DIFFERENT]
    assert (await Kept(sqlite_database).policies.load()).decisions == kept.policies.now.decisions


async def test_a_verdict_that_is_none_and_a_note_too_long(kept: Kept) -> None:
    for verdict, note, column in (("maybe", "", "verdict"), ("same", "x" * 401, "note")):
        with pytest.raises(Problem) as caught:
            await kept.policies.decide(twin(), verdict, by="trader", note=note)
        assert caught.value.errors[0].column == column
    assert kept.told == []


def quarantined(base: str) -> PairQuarantined:
    found = IdentitySuspicion(
        base, Venue.UPBIT, Venue.GATE, "ratio", 9.0, 12_000.0, 1_400.0, (), NOW_NS
    )
    return PairQuarantined(NOW_NS, base, Venue.UPBIT, Venue.GATE, "ratio", found)


async def test_what_was_quarantined_is_so_after_a_restart(
    kept: Kept, sqlite_database: Database
) -> None:
    await kept.policies.suspect([quarantined("GTC"), quarantined("BIFI")])
    await kept.policies.suspect([quarantined("GTC")])
    again = await Kept(sqlite_database).policies.load()
    assert [each.base for each in again.suspicions] == ["GTC", "BIFI"]


async def test_the_demo_s_pairs_are_the_demo_s(kept: Kept) -> None:
    await kept.policies.load("demo")
    await kept.policies.suspect([quarantined("GTC")])
    await kept.policies.decide(twin(), "same", by="trader")
    assert len(kept.policies.now.decisions) == 1
    live = await kept.policies.load("live")
    assert (live.decisions, live.suspicions) == ((), ())
    demo = await kept.policies.load("demo")
    assert (len(demo.decisions), len(demo.suspicions)) == (1, 1)


async def test_names_and_withdrawal_fees(kept: Kept) -> None:
    policies = kept.policies
    await policies.set_name(Venue.BINANCE, "1000X", "XX", by="trader", multiplier=1_000.0)
    await policies.set_withdrawal_fee(Venue.UPBIT, "XRP", "XRP", 0.4, by="trader")
    assert policies.now.names == (AssetName(Venue.BINANCE, "1000X", "XX", 1_000.0, "set"),)
    assert policies.now.withdrawal_fees == (
        WithdrawalFee(Venue.UPBIT, "XRP", "XRP", 0.4, "set", NOW_NS),
    )
    await policies.set_name(Venue.BINANCE, "1000X", None, by="trader")
    await policies.set_withdrawal_fee(Venue.UPBIT, "XRP", "XRP", None, by="trader")
    assert policies.now == Policy()

    for wrong in (
        policies.set_name(Venue.BINANCE, "1000X", "XX", by="trader", multiplier=0.0),
        policies.set_name(Venue.BINANCE, "x y", "XX", by="trader"),
        policies.set_name(Venue.BINANCE, "X", "<b>", by="trader"),
        policies.set_name(Venue.BINANCE, "X", "Y", by="trader", note="n" * 401),
        policies.set_withdrawal_fee(Venue.UPBIT, "XRP", "XRP", -1.0, by="trader"),
        policies.set_withdrawal_fee(Venue.UPBIT, "XRP", "", 1.0, by="trader"),
        policies.set_withdrawal_fee(Venue.UPBIT, "", "XRP", 1.0, by="trader"),
        policies.set_withdrawal_fee(Venue.UPBIT, "XRP", "XRP", float("nan"), by="trader"),
    ):
        with pytest.raises(Problem):
            await wrong
