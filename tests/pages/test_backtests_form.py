"""The form becomes a run, a sweep or a walk-forward, or says what is wrong where it is wrong."""

from __future__ import annotations

from datetime import UTC, timedelta, timezone

import pytest

from app.domain.backtests import (
    Axis,
    Direction,
    FxRef,
    MarketRef,
    Params,
    RunSpec,
    StudySpec,
    Style,
)
from app.domain.problems import FieldError, Problem
from app.routers.backtesting import form
from app.routers.backtesting.form import Complaint, Draft

KST = timezone(timedelta(hours=9))
BTC = MarketRef("BTC", "d-1", "d-2")
FILLED = form.blank() | form.market_texts(BTC) | {"fx": "d-3"}


def draft(**texts: str) -> Draft:
    return form.read_form(FILLED | {name.replace("__", "."): v for name, v in texts.items()}, KST)


def test_the_blank_form_holds_the_defaults() -> None:
    run = draft().run
    assert run == RunSpec(markets=(BTC,), fx=FxRef(dataset="d-3"), params=Params())


def test_every_field_arrives_where_it_belongs() -> None:
    run = draft(
        name=" Night shift ", style="transfer", direction="both", entry_bps="100", exit_bps="-5",
        max_hold_bars="720", notional_krw="2000만", initial_capital_krw="2억", transfer_bars="15",
        krw_fee_bps="4", global_fee_bps="7.5", slippage_bps="1", hedge="on", hedge_fee_bps="3",
        qty_step="0.001", fx="rate", fx_rate="1,387.2", withdraw__BTC="0.0002",
    ).run  # fmt: skip
    assert run is not None
    assert run.name == "Night shift"
    assert run.fx == FxRef(rate=1387.2)
    assert run.params == Params(
        style=Style.TRANSFER, direction=Direction.BOTH, entry_bps=100, exit_bps=-5,
        max_hold_bars=720, notional_krw=2e7, initial_capital_krw=2e8, krw_fee_bps=4,
        global_fee_bps=7.5, slippage_bps=1, withdraw_fee={"BTC": 0.0002}, transfer_bars=15,
        hedge=True, hedge_fee_bps=3, qty_step=0.001,
    )  # fmt: skip


def test_times_are_the_viewers() -> None:
    run = draft(start="2026-01-31", end="2026-02-01 09:30").run
    assert run is not None
    assert run.start_ns == 1_769_785_200 * 10**9  # 2026-01-30T15:00Z
    assert run.end_ns == 1_769_905_800 * 10**9  # 2026-02-01T00:30Z


def test_a_time_with_a_zone_keeps_it() -> None:
    run = draft(start="2026-01-31T00:00Z").run
    assert run is not None
    assert run.start_ns == 1_769_817_600 * 10**9


def test_lists_become_the_axes_of_a_sweep() -> None:
    found = draft(entry_bps="60..140/20", exit_bps="0,10")
    assert found.points == 10
    assert found.study() == StudySpec(
        run=RunSpec((BTC,), FxRef(dataset="d-3"), Params(entry_bps=60, exit_bps=0)),
        axes=(
            Axis("entry_bps", (60.0, 80.0, 100.0, 120.0, 140.0)),
            Axis("exit_bps", (0.0, 10.0)),
        ),
    )


def test_a_grid_beyond_the_limit_is_refused_on_its_last_axis() -> None:
    found = draft(entry_bps="1..200", exit_bps="1..200")
    assert found.run is None
    assert found.errors == {"exit_bps": Complaint("many", {"n": 10_000})}


def test_a_walk_forward_needs_its_three_lengths() -> None:
    with pytest.raises(form.Wrong) as wrong:
        form.read_walkforward(draft(train_days="14", test_days="", step_days="1,2"))
    assert {name: said.key for name, said in wrong.value.errors.items()} == {
        "test_days": "empty",
        "step_days": "single",
    }


def test_a_walk_forward_takes_them() -> None:
    study = form.read_walkforward(
        draft(entry_bps="60,80", train_days="14", test_days="5", step_days="2.5")
    )
    assert (study.train_days, study.test_days, study.step_days) == (14, 5, 2.5)
    assert [axis.name for axis in study.axes] == ["entry_bps"]


def test_all_wrong_fields_are_told_at_once() -> None:
    found = draft(
        entry_bps="a", style="barter", start="tomorrow", fx="", krw__BTC="", max_hold_bars="0.5"
    )
    assert found.run is None
    assert {name: said.key for name, said in found.errors.items()} == {
        "entry_bps": "number",
        "max_hold_bars": "whole",
        "style": "choice",
        "krw.BTC": "choose",
        "fx": "choose",
        "start": "time",
    }


def test_an_end_must_come_after_its_start() -> None:
    found = draft(start="2026-02-01", end="2026-01-01")
    assert found.errors == {"end": Complaint("after", {"start": "2026-02-01"})}


def test_no_coin_is_no_backtest() -> None:
    assert draft(use__BTC="").errors == {"markets": Complaint("no_coin")}


def test_candles_that_name_no_coin_get_its_name_from_the_form() -> None:
    given = {"use.*": "on", "base.*": " eth ", "krw.*": "d-8", "global.*": "d-9"}
    run = form.read_form(FILLED | given, UTC).run
    assert run is not None
    assert run.markets == (BTC, MarketRef("ETH", "d-8", "d-9"))


def test_the_same_coin_twice_is_refused() -> None:
    given = {"use.*": "on", "base.*": "btc", "krw.*": "d-8", "global.*": "d-9"}
    found = form.read_form(FILLED | given, UTC)
    assert found.errors == {"base.*": Complaint("twice", {"base": "BTC"})}


def test_a_stored_run_written_back_gives_the_same_run() -> None:
    run = RunSpec(
        markets=(BTC, MarketRef("XRP", "d-4", "d-5")),
        fx=FxRef(rate=1387.25),
        params=Params(
            style=Style.TRANSFER, entry_bps=101.5, withdraw_fee={"XRP": 0.25}, hedge=True,
            notional_krw=12_345_678.5,
        ),
        name="again",
        start_ns=1_769_785_200 * 10**9,
        end_ns=1_769_905_861 * 10**9,
    )  # fmt: skip
    assert form.read_form(form.texts_of(run, KST), KST).run == run


def test_a_stored_study_written_back_gives_the_same_study() -> None:
    study = form.read_walkforward(
        draft(entry_bps="60..100/20", train_days="14", test_days="5", step_days="5")
    )
    again = form.read_form(form.texts_of_study(study, KST), KST)
    assert form.read_walkforward(again) == study


def test_sweep_from_here_surrounds_the_thresholds() -> None:
    around = form.around(Params(entry_bps=120, exit_bps=50))
    assert around == {"entry_bps": "92, 106, 120, 134, 148", "exit_bps": "22, 36, 50, 64, 78"}


def test_a_refusal_from_behind_stands_under_its_field() -> None:
    given = {"use.*": "on", "base.*": "eth", "krw.*": "d-8", "global.*": "d-9"}
    found = form.read_form(FILLED | given, UTC)
    places = ("notional_krw", "markets.1.krw_dataset", "fx.rate", "withdraw_fee.ETH", "nowhere")
    problem = Problem(
        "invalid_fields",
        errors=tuple(FieldError(column=place, value="0", expected="> 0") for place in places),
    )
    said = form.complaints_of(problem, found)
    assert list(said) == ["notional_krw", "krw.*", "fx_rate", "withdraw.*", "form"]
    assert said["fx_rate"] == Complaint("expected", {"value": "0", "expected": "> 0"})


@pytest.mark.parametrize("preset", form.PRESETS)
def test_every_preset_can_be_run(preset: str) -> None:
    found = form.read_form(FILLED | form.PRESETS[preset], KST)
    assert found.run is not None
