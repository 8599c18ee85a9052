"""What pages of trading draw and reckon: stages, lanes, parts in bps, the journal, amounts."""

from __future__ import annotations

from decimal import Decimal
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from app import texts
from app.domain.accounting import Timeline, TransitionRow
from app.domain.cycles import CycleState, CycleStep, Part
from app.domain.times import SECOND_NS
from app.domain.trading import BreakerRow, LimitRow, Purse, TradingState
from app.domain.venues import Venue
from app.ledger import trading_pages, trading_queries
from app.routers.render import Viewer, fragment
from app.routers.trading import risk as risks
from app.routers.trading import wallets
from app.routers.trading.comparison import comparison
from app.routers.trading.cycle import choices, context, intents, matrix
from app.routers.trading.journal import said
from app.routers.trading.lanes import lanes
from app.routers.trading.masthead import Mast
from app.routers.trading.records import Records
from app.routers.trading.stages import MAIN, miniature, track
from app.texts import formats
from tests.ledger.trading_builders import memory, opened
from tests.pages.trading_story import DEAD, DONE, MODE, MOVING, NOTHING, RETRY, UNSURE, story

S = CycleState
NOW_NS = 1_795_065_787_000_000_000
EN = Viewer("en")


def say(key: str, **values: object) -> str:
    return texts.text("en", key, **values)


@pytest.fixture(scope="module")
def day() -> dict[str, Timeline]:
    with memory() as (conn, _):
        story(conn)
        found = {
            cycle: trading_queries.timeline(conn, MODE, cycle)
            for cycle in (DONE, MOVING, DEAD, RETRY, UNSURE, NOTHING)
        }
    return {cycle: each for cycle, each in found.items() if each is not None}


def after(found: Timeline, seconds: float = 5) -> int:
    return found.row.cycle.opened_at_ns + int(seconds * SECOND_NS)


# Stages


def test_the_track_of_a_finished_cycle_ends_at_its_last_stop(day: dict[str, Timeline]) -> None:
    found = day[DONE]
    stages = track(found.row.cycle, found.transitions, NOW_NS)
    assert [stage.state for stage in stages] == list(MAIN)
    assert [stage.kind for stage in stages] == ["done"] * 5 + ["now"]
    assert all(stage.at_ns is not None for stage in stages)


def test_a_cycle_beside_the_line_shows_where_it_left_it(day: dict[str, Timeline]) -> None:
    stages = track(day[DEAD].row.cycle, day[DEAD].transitions, NOW_NS)
    ill = [stage for stage in stages if stage.ill]
    assert [(stage.state, stage.kind) for stage in ill] == [(S.DEAD_LETTER, "now")]
    assert stages.index(ill[0]) == MAIN.index(S.AWAITING_REBALANCE) + 1
    assert [stage.kind for stage in stages[-3:]] == ["ahead"] * 3
    assert sum(stage.kind == "now" for stage in stages) == 1


@given(st.lists(st.sampled_from(tuple(S)), min_size=1, max_size=12))
def test_exactly_one_stop_is_now_whatever_happened(states: list[CycleState]) -> None:
    moves = [
        TransitionRow(n, "NEW", state, CycleStep.OPENED, 1, n, "engine", "", n * SECOND_NS, "")
        for n, state in enumerate(states, 1)
    ]
    cycle = structs.replace(opened().cycle, state=states[-1], opened_at_ns=SECOND_NS)
    stages = track(cycle, moves, 100 * SECOND_NS)
    assert [stage.state for stage in stages if stage.kind == "now"] == [states[-1]]
    assert len(stages) in (6, 7)
    assert 0 <= miniature(cycle).done <= 5


# Lanes


@pytest.mark.parametrize("cycle", [DONE, MOVING, DEAD, RETRY, UNSURE, NOTHING])
def test_lanes_stay_inside_and_their_words_never_cross(
    day: dict[str, Timeline], cycle: str
) -> None:
    found = day[cycle]
    drawn = lanes(found, Records({"ripple": [20.0, 25.0, 40.0]}), after(found, 60), say)
    assert drawn.lanes[0].name == "State"
    for lane in drawn.lanes:
        for bar in lane.bars:
            assert 0 <= bar.x <= 100
            assert bar.width > 0
        reaches = sorted(bar.reach for bar in lane.bars if lane.kind == "venue")
        assert all(before[1] <= then[0] for before, then in pairwise(reaches))
    assert (drawn.now is None) == (found.row.cycle.closed_at_ns is not None)


def test_a_refused_order_is_crossed_out_and_says_the_venue_s_word(
    day: dict[str, Timeline],
) -> None:
    drawn = lanes(day[NOTHING], Records({}), after(day[NOTHING]), say)
    bar = drawn.lanes[1].bars[0]
    assert bar.cross
    assert "insufficient_balance" in bar.text


def test_a_transfer_past_its_usual_time_is_lit(day: dict[str, Timeline]) -> None:
    found, records = day[MOVING], Records({"ripple": [3.0, 4.0]})
    soon = lanes(found, records, after(found, 3), say).lanes[-1].bars[0]
    late = lanes(found, records, after(found, 90), say).lanes[-1].bars[0]
    assert (soon.ink, late.ink) == ("f-ink3", "f-cau")
    assert late.usual is not None
    assert late.usual[0] < late.usual[1]


def test_records_of_one_transfer_say_nothing_yet() -> None:
    assert Records({"ripple": [20.0]}).usual("ripple") is None
    assert Records({}).usual("ripple") is None
    usual = Records({"ripple": [float(n) for n in range(1, 101)]}).usual("ripple")
    assert usual is not None
    assert (usual.p50, usual.p95, usual.count) == (51.0, 95.0, 100)


# Plan against actual


PARTS = st.lists(
    st.builds(
        Part,
        st.sampled_from(("edge", "buy_fee", "sell_fee", "return", "rates", "residual")),
        st.floats(-500, 500),
    ),
    min_size=1,
    max_size=8,
)


@given(PARTS, st.one_of(st.just([]), PARTS))
def test_columns_of_plan_and_actual_sum_to_their_totals(
    planned: list[Part], gained: list[Part]
) -> None:
    cycle = opened().cycle
    plan = structs.replace(cycle.plan, parts=tuple(planned))
    found = comparison(structs.replace(cycle, plan=plan, actual=tuple(gained)))
    assert sum(row.plan for row in found.rows) == pytest.approx(found.plan, abs=1e-6)
    if gained:
        assert found.actual is not None
        assert sum(row.actual or 0 for row in found.rows) == pytest.approx(found.actual, abs=1e-6)
        differences = sum(row.difference or 0 for row in found.rows)
        assert differences == pytest.approx(found.difference, abs=1e-6)
    else:
        assert found.actual is None
    assert found.rows[-1].code == "residual"
    assert all(row.x >= -0.01 and row.x + row.width <= 100.6 for row in found.rows)


# Ledger, journal, ways on


def test_the_matrix_of_every_cycle_sums_to_zero_with_what_it_took_and_gave_back() -> None:
    with memory() as (conn, _):
        story(conn)
        for cycle in (DONE, MOVING, DEAD, UNSURE):
            found = matrix(trading_pages.cycle_matrix(conn, MODE, cycle))
            assert found.assets, cycle
            assert not any(found.sums), cycle
            assert any(row.key == "available" for row in found.rows), cycle


def test_transfer_times_are_sorted_and_by_chain() -> None:
    with memory() as (conn, _):
        story(conn)
        times = trading_pages.transfer_times(conn, MODE)
        row = trading_pages.get_transfer(conn, MODE, "way-1")
        assert row is not None
        assert trading_pages.get_transfer(conn, MODE, row.id) == row
        assert trading_pages.get_transfer(conn, MODE, "tr-999") is None
        assert trading_pages.get_transfer(conn, MODE, "buy-1") is None, "that is an order"
    assert set(times) == {"ripple", "tron"}
    assert all(found == sorted(found) for found in times.values())


def test_the_journal_tells_moves_questions_and_repeats_once(day: dict[str, Timeline]) -> None:
    lines = said(day[UNSURE])
    asked = [line for line in lines if line.code == "ASKED"]
    assert [line.answer for line in asked] == ["absent", "silent"], "newest first"
    first = day[MOVING].journal[0]
    many = structs.replace(day[MOVING], journal=(first,) * 5)
    repeated = [line for line in said(many) if line.code == first.code]
    assert [line.times for line in repeated] == [5]
    assert [line.at_ns for line in lines] == sorted((line.at_ns for line in lines), reverse=True)


def test_our_ids_are_cut_in_the_journal_and_whole_in_its_title(day: dict[str, Timeline]) -> None:
    line = structs.replace(day[MOVING].journal[0], note="upbit abcdefghij2345klmnop SENT 0/1")
    shown = said(structs.replace(day[MOVING], journal=(line,)))[-2:]
    assert any(each.short == "upbit abcdef… SENT 0/1" for each in shown)
    assert any(each.note == line.note for each in shown)


@pytest.mark.parametrize(
    ("cycle", "may"),
    [
        (DONE, set()),
        (MOVING, set()),
        (DEAD, {"retry", "compensate", "close"}),
        (RETRY, {"retry", "compensate", "close"}),
        (UNSURE, set()),
    ],
)
def test_only_what_the_engine_would_do_is_offered(
    day: dict[str, Timeline], cycle: str, may: set[str]
) -> None:
    found = choices(day[cycle], (), 150)
    assert {each.code for each in found if each.may} == may


def test_the_worst_case_is_reckoned_from_what_it_holds(day: dict[str, Timeline]) -> None:
    prices = {"KRW": Decimal(1), "XRP": Decimal(3_640), "USDT": Decimal(1_400)}
    shown = context(day[DEAD], (), {}, prices, 150, NOW_NS)
    held = sum(place.value_krw for place in shown["places"])
    by = shown["by_code"]
    assert by["close"].cost_krw == 0, "nothing is on its way"
    assert by["compensate"].cost_krw == -held * 150 / 10_000
    assert by["retry"].cost_krw == 0


def test_intents_stand_in_the_order_of_their_commits(day: dict[str, Timeline]) -> None:
    found = intents(day[DONE], NOW_NS)
    ids = [each.item.client_id for each in found]
    assert ids == ["buy-1", "way-1", "sell-1", "back-1", "home-1"]
    assert all(each.took_s is not None and each.took_s > 0 for each in found)


# Risk, wallets, masthead


def test_a_gauge_is_lit_from_seventy_percent_and_a_rest_counts_down() -> None:
    rows = (
        LimitRow("COIN_EXPOSURE", 5e6, 14e6, "krw", 0.36, False, 0, "XRP"),
        LimitRow("VENUE_EXPOSURE", 6e7, 7e7, "krw", 0.86, True, 3, "upbit"),
        LimitRow("DRAWDOWN", 5.0, 5.0, "pct", 1.0, True, 1),
        LimitRow("NET_BELOW_MIN", None, 30.0, "bps", None, False, 25),
    )
    known = {"setting_of": risks.SETTINGS, "full_is_normal": risks.FULL_IS_NORMAL}
    html = fragment(EN, "risk.html", "limits", limits=rows, **known).decode()
    assert [html.count(f'class="{ink}" width="') for ink in ("f-cau", "f-flt")] == [1, 1]
    assert "5,000,000" in html
    assert "5.00 %" in html
    assert 'href="/opportunities?tab=refused&amp;q=NET_BELOW_MIN">25' in html


@pytest.mark.parametrize(
    ("until_ns", "said_of_it"),
    [(None, "closed"), (NOW_NS - 1, "closed"), (NOW_NS + 90 * SECOND_NS, "rests 1 m 30 s"),
     (2**62, "until a person acts")],
)  # fmt: skip
def test_a_breaker_says_when_it_opens_again(until_ns: int | None, said_of_it: str) -> None:
    row = BreakerRow("FLASH_CRASH:XRP", 12.0, 10.0, until_ns, "binance")
    shown = (risks.breaker(row, NOW_NS),)
    html = fragment(EN, "risk.html", "breakers", breakers=shown).decode()
    assert said_of_it in html
    assert "XRP" in html


def purse(venue: Venue, asset: str, free: str, **more: object) -> Purse:
    zero = Decimal(0)
    known = {"reserved": zero, "in_flight": zero} | more
    return Purse(venue, asset, Decimal(free), **known)  # type: ignore[arg-type]


def test_young_won_may_not_leave_until_its_time() -> None:
    until = NOW_NS + 3_600 * SECOND_NS
    young = purse(
        Venue.UPBIT, "KRW", "1000", young=Decimal(400), young_until_ns=until, reserved=Decimal(50)
    )
    old = structs.replace(young, venue=Venue.BITHUMB, young_until_ns=NOW_NS - 1)
    dollars = purse(Venue.BINANCE, "USDT", "5")
    first, second = wallets.leaving((dollars, old, young), NOW_NS)
    assert (first.venue, first.now, first.young_s) == (Venue.UPBIT, Decimal(600), 3_600.0)
    assert first.total == Decimal(1_050)
    assert (second.now, second.young) == (Decimal(1_000), Decimal(0))


def test_balances_stand_by_worth_and_what_has_no_price_comes_last() -> None:
    held = (
        purse(Venue.UPBIT, "XRP", "10", in_flight=Decimal(2)),
        purse(Venue.BINANCE, "BTC", "1", frozen="DRIFT"),
        purse(Venue.OKX, "NEW", "7"),
        purse(Venue.OKX, "OLD", "0"),
    )
    rows = wallets.assets(held, {"XRP": Decimal(3_000), "BTC": Decimal(100_000_000)})
    assert [row.asset for row in rows] == ["BTC", "XRP", "NEW"]
    assert rows[1].total == Decimal(12)
    assert rows[2].krw is None
    assert rows[0].frozen == (Venue.BINANCE,)
    worth = {row.venue: row for row in wallets.accounts(held, {"XRP": Decimal(3_000)})}
    assert worth[Venue.UPBIT].krw == Decimal(30_000)
    assert worth[Venue.BINANCE].frozen == ("BTC",)
    assert worth[Venue.OKX].unvalued == 1


@pytest.mark.parametrize(
    ("mode", "armed", "data"),
    [("paper", False, "paper"), ("drill", False, "drill"), ("live", False, "safe"),
     ("live", True, "live")],
)  # fmt: skip
def test_only_an_armed_live_has_the_frame_of_real_money(mode: str, armed: bool, data: str) -> None:
    mast = Mast(mode, TradingState.ACTIVE, False, armed, None, 1, "kim", NOW_NS, 3, 1)
    assert mast.data_mode == data
    html = fragment(EN, "masthead.html", "trading", mast=mast, feeds="demo").decode()
    assert f'data-mode="{data}"' in html
    assert ("real money" in html) == armed
    count = fragment(EN, "masthead.html", "opencycles", mast=mast).decode()
    assert count.startswith("3")
    assert "+1" in count


def test_an_active_state_that_is_blocked_says_why_in_its_title() -> None:
    mast = Mast("paper", TradingState.ACTIVE, False, False, "RECONCILING", 1, "k", NOW_NS, 0, 0)
    html = fragment(EN, "masthead.html", "trading", mast=mast, feeds="demo").decode()
    assert "venues and ledger are being compared" in html


# Amounts


@pytest.mark.parametrize(
    ("value", "asset", "written"),
    [
        ("1234567.89", "KRW", "1,234,568"),
        ("0.4", "KRW", "0.4"),
        ("50709.018", "USDT", "50,709.02"),
        ("3.70322434", "SOL", "3.7032"),
        ("0.00054", "SOL", "0.00054"),
        ("-0.2", "XRP", f"{formats.MINUS}0.2"),
        ("1E-8", "BTC", "0.00000001"),
        ("123456.7", "DOGE", "123,457"),
    ],
)
def test_amounts_have_as_many_decimals_as_their_size_needs(
    value: str, asset: str, written: str
) -> None:
    assert formats.amount(Decimal(value), asset) == written


@given(st.decimals(-(10**12), 10**12, places=12, allow_nan=False))
def test_exact_amounts_lose_no_digit(value: Decimal) -> None:
    written = formats.exact(value).replace(",", "").replace(formats.MINUS, "-")
    assert Decimal(written) == value
    assert "E" not in written


@given(st.decimals("0.00000001", 10**9, places=8, allow_nan=False))
def test_compact_amounts_fit_a_narrow_column(value: Decimal) -> None:
    assert len(formats.compact("ko", value, "XRP")) <= 10


@pytest.mark.parametrize(
    ("value", "written"),
    [("270269.98121", "270,270"), ("3623.29038", "3,623.29"), ("0.198523", "0.198523"),
     ("0.0000123456", "0.000012"), (None, "\u2013")],
)  # fmt: skip
def test_average_prices_have_six_figures(value: str | None, written: str) -> None:
    assert formats.paid(None if value is None else Decimal(value)) == written
