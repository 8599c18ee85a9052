"""/api/v1/backtests: start, watch, read, cancel, delete; figures are those of SPEC §6."""

from __future__ import annotations

import asyncio
import csv
import io
import json
import struct
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from tests.api.caller import ROWS, Caller, asked
from tests.appkit import Running
from tests.work.history_files import START_S, candles_csv

RELATIVE = 1e-9
DEFAULTS = {
    "style": "inventory",
    "direction": "high",
    "entry_bps": 80.0,
    "exit_bps": 10.0,
    "max_hold_bars": 0,
    "notional_krw": 10_000_000.0,
    "initial_capital_krw": 100_000_000.0,
    "krw_fee_bps": 5.0,
    "global_fee_bps": 10.0,
    "slippage_bps": 2.0,
    "withdraw_fee": {},
    "transfer_bars": 10,
    "hedge": False,
    "hedge_fee_bps": 4.0,
    "qty_step": 0.0,
}


@pytest.fixture(scope="session")
async def done(kimp: Running, markets: dict[str, str]) -> Any:
    """One completed run that many tests read."""
    return await Caller(kimp.client).run(asked(markets, name="swing"))


async def test_a_run_is_queued_then_completed_with_all_its_figures(
    api: Caller, markets: dict[str, str]
) -> None:
    started = await api.post("/backtests", asked(markets))
    assert set(started) == {"id", "status"}
    assert started["status"] == "queued"
    body = await api.finished("/backtests", started["id"])
    assert (body["status"], body["progress"], body["error"]) == ("completed", 1.0, None)
    assert body["bars"] == body["bars_done"] == body["bars_total"] == ROWS
    assert body["metrics"]["cycles"] > 10
    assert body["created_at"] <= body["started_at"] <= body["finished_at"]
    assert body["open_cycle"] in {True, False}


async def test_what_is_left_out_has_the_documented_default(
    api: Caller, markets: dict[str, str]
) -> None:
    body = asked(markets)
    del body["entry_bps"], body["exit_bps"]
    params = (await api.run(body))["params"]
    assert {name: params[name] for name in DEFAULTS} == DEFAULTS
    assert (params["start"], params["end"]) == (None, None)
    assert params["markets"] == body["markets"]
    assert params["fx"] == body["fx"]


async def test_its_parameters_posted_again_give_the_same_run(api: Caller, done: Any) -> None:
    again = await api.run(done["params"])
    assert again["params"] == done["params"]
    assert again["metrics"] == done["metrics"]


async def test_a_rerun_is_a_new_run_of_the_same(api: Caller, done: Any) -> None:
    started = await api.post(f"/backtests/{done['id']}/rerun")
    assert started["id"] != done["id"]
    assert (await api.finished("/backtests", started["id"]))["metrics"] == done["metrics"]


async def test_a_window_is_inclusive_at_its_start_and_exclusive_at_its_end(
    api: Caller, markets: dict[str, str]
) -> None:
    body = asked(markets, start="2023-11-14T22:14:00Z", end="2023-11-14T22:24:00+00:00")
    assert (await api.run(body))["bars"] == 10
    body = asked(markets, start="2023-11-15T07:14:00.000001+09:00", end="2023-11-14T22:24:00Z")
    assert (await api.run(body))["bars"] == 9


async def test_a_window_without_bars_completes_with_the_capital(
    api: Caller, markets: dict[str, str]
) -> None:
    body = await api.run(asked(markets, start="2030-01-01T00:00:00Z"))
    assert (body["status"], body["bars"], body["progress"]) == ("completed", 0, 1.0)
    assert body["metrics"]["final_equity_krw"] == 100_000_000
    assert body["metrics"]["win_rate_pct"] is None
    equity = await api.get(f"/backtests/{body['id']}/equity")
    assert equity == {"time": [], "equity_krw": [], "drawdown_pct": [], "premium_bps": []}
    assert (await api.get(f"/backtests/{body['id']}/cycles"))["items"] == []
    assert (await api.get(f"/backtests/{body['id']}/bootstrap"))["loss_pct"] is None
    assert (await api.get(f"/backtests/{body['id']}/lookahead"))["ok"] is True


def vector_names() -> list[str]:
    path = Path(__file__).resolve().parents[3] / "shared" / "spec" / "backtest_vectors.json"
    if not path.is_file():
        return []
    return [case["name"] for case in json.loads(path.read_text())["cases"]]


@pytest.fixture(scope="session")
def vectors(shared_data: Path) -> dict[str, Any]:
    path = shared_data.parent / "spec" / "backtest_vectors.json"
    return {case["name"]: case for case in json.loads(path.read_text())["cases"]}


async def upload_side(api: Caller, case: Any, rows: list[list[float]], **fields: str) -> str:
    lines = ["timestamp,open,high,low,close"]
    lines += [f"{t},{o!r},{max(o, c)!r},{min(o, c)!r},{c!r}" for t, o, c in rows]
    body = await api.upload("\n".join(lines).encode(), timeframe=str(case["timeframe_s"]), **fields)
    return str(body["id"])


async def vector_body(api: Caller, case: Any) -> dict[str, Any]:
    """A vector as files and a request."""
    markets = [
        {
            "base": market["base"],
            "krw_dataset": await upload_side(api, case, market["krw"], quote="KRW"),
            "global_dataset": await upload_side(api, case, market["global_"], quote="USDT"),
        }
        for market in case["markets"]
    ]
    rates = case["fx_known_at"]
    if len(rates) == 1:
        fx: dict[str, Any] = {"rate": rates[0][1]}
    else:
        lines = ["timestamp,rate", *(f"{known},{rate!r}" for known, rate in rates)]
        fx = {"dataset": (await api.upload("\n".join(lines).encode(), quote="KRW"))["id"]}
    return {
        "markets": markets,
        "fx": fx,
        "start": iso(case["start"]),
        "end": iso(case["end"]),
        **case["params"],
    }


def iso(seconds: int | None) -> str | None:
    if seconds is None:
        return None
    return datetime.fromtimestamp(seconds, UTC).isoformat().replace("+00:00", "Z")


def close(ours: object, theirs: object) -> bool:
    if isinstance(theirs, float):
        return ours == pytest.approx(theirs, rel=RELATIVE)
    return ours == theirs


@pytest.mark.parametrize("name", vector_names())
async def test_vector_through_files_and_api(
    api: Caller, vectors: dict[str, Any], name: str
) -> None:
    case = vectors[name]
    expected = case["expected"]
    body = await api.run(await vector_body(api, case))
    assert body["status"] == "completed", body["error"]
    assert body["bars"] == expected["bars"]
    assert body["open_cycle"] is expected["open_cycle"]
    for metric, value in expected["metrics"].items():
        assert close(body["metrics"][metric], value), metric
    cycles = (await api.get(f"/backtests/{body['id']}/cycles", limit=1000))["items"]
    assert len(cycles) == len(expected["cycles"])
    for ours, theirs in zip(cycles, expected["cycles"], strict=True):
        for field, value in theirs.items():
            if field in {"t_entry", "t_exit"}:
                assert ours[field] == iso(value)
            else:
                assert close(ours[field], value), field
    equity = (await api.get(f"/backtests/{body['id']}/equity"))["equity_krw"]
    assert equity[0] == pytest.approx(expected["equity_first"], rel=RELATIVE)
    assert equity[-1] == pytest.approx(expected["equity_last"], rel=RELATIVE)
    assert min(equity) == pytest.approx(expected["equity_min"], rel=RELATIVE)


async def test_cycles_carry_every_leg_and_add_up(api: Caller, done: Any) -> None:
    page = await api.get(f"/backtests/{done['id']}/cycles", limit=1000)
    assert page["total"] == len(page["items"]) == done["metrics"]["cycles"]
    assert page["next_cursor"] is None
    total = sum(cycle["pnl_krw"] for cycle in page["items"])
    assert total == pytest.approx(done["metrics"]["total_pnl_krw"], rel=RELATIVE)
    for cycle in page["items"]:
        assert [(fill["leg"], fill["venue"]) for fill in cycle["fills"]] == [
            (1, "krw"), (1, "global"), (2, "krw"), (2, "global")
        ]  # fmt: skip
        paid = sum(fill["amount_krw"] for fill in cycle["fills"])
        assert paid == pytest.approx(cycle["pnl_krw"], abs=1e-6 * done["params"]["notional_krw"])
        assert cycle["t_entry"] < cycle["t_exit"]
        assert cycle["t_entry"].endswith("Z")


async def test_cycles_come_in_pages_filtered_and_sorted(api: Caller, done: Any) -> None:
    path = f"/backtests/{done['id']}/cycles"
    everything = (await api.get(path, limit=1000))["items"]
    pages: list[Any] = []
    cursor = "0"
    while cursor:
        page = await api.get(path, limit=5, cursor=cursor)
        pages += page["items"]
        cursor = page["next_cursor"]
    assert pages == everything
    by_pnl = (await api.get(path, limit=1000, sort="-pnl_krw"))["items"]
    assert by_pnl == sorted(everything, key=lambda cycle: -cycle["pnl_krw"])
    won = await api.get(path, limit=1000, outcome="won")
    lost = await api.get(path, limit=1000, outcome="lost")
    assert won["total"] + lost["total"] == len(everything)
    assert all(cycle["pnl_krw"] > 0 for cycle in won["items"])
    assert (await api.get(path, base="ETH"))["total"] == 0
    assert (await api.get(path, direction="low"))["items"] == []
    assert (await api.get(path, reason="target"))["total"] == len(everything)


@pytest.mark.parametrize(
    "query",
    [{"limit": 0}, {"cursor": "x"}, {"cursor": "99999"}, {"sort": "fills"}, {"direction": "up"}],
)
async def test_wrong_questions_about_cycles_are_named(
    api: Caller, done: Any, query: dict[str, Any]
) -> None:
    problem = await api.get(f"/backtests/{done['id']}/cycles", expect=422, **query)
    assert problem["errors"][0]["column"] == next(iter(query))


@pytest.mark.parametrize(
    ("path", "headers"),
    [("cycles.csv", {}), ("cycles?format=csv", {}), ("cycles", {"accept": "text/csv"})],
)
async def test_cycles_as_csv_have_the_same_figures(
    kimp: Running, api: Caller, done: Any, path: str, headers: dict[str, str]
) -> None:
    answer = await kimp.client.get(f"/api/v1/backtests/{done['id']}/{path}", headers=headers)
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.headers["content-disposition"] == (
        f'attachment; filename="{done["id"]}-cycles.csv"'
    )
    lines = list(csv.DictReader(io.StringIO(answer.text)))
    cycles = (await api.get(f"/backtests/{done['id']}/cycles", limit=1000))["items"]
    assert len(lines) == len(cycles)
    for line, cycle in zip(lines, cycles, strict=True):
        assert float(line["pnl_krw"]) == cycle["pnl_krw"]
        assert line["t_entry"] == cycle["t_entry"]
        assert float(line["leg2_global_price"]) == cycle["fills"][3]["price"]
        assert line["leg1_hedge_open_price"] == ""


async def test_no_cell_of_a_csv_can_become_a_formula(api: Caller, kimp: Running) -> None:
    markets = await api.upload_markets(rows=300)
    body = asked(markets)
    body["markets"][0]["base"] = "=1+1"
    done = await api.run(body)
    assert done["metrics"]["cycles"] > 0
    text = (await kimp.client.get(f"/api/v1/backtests/{done['id']}/cycles.csv")).text
    line = next(csv.DictReader(io.StringIO(text)))
    assert line["base"] == line["leg1_krw_base"] == "'=1+1"


async def test_equity_has_a_value_for_every_bar(api: Caller, done: Any) -> None:
    equity = await api.get(f"/backtests/{done['id']}/equity")
    assert list(equity) == ["time", "equity_krw", "drawdown_pct", "premium_bps"]
    assert {len(column) for column in equity.values()} == {ROWS}
    assert equity["time"][:2] == [START_S, START_S + 60]
    assert equity["equity_krw"][-1] == done["metrics"]["final_equity_krw"]
    assert max(equity["drawdown_pct"]) == done["metrics"]["max_drawdown_pct"]


async def test_thinned_equity_keeps_every_extreme(api: Caller, done: Any) -> None:
    whole = await api.get(f"/backtests/{done['id']}/equity")
    thin = await api.get(f"/backtests/{done['id']}/equity", points=60)
    assert 30 <= len(thin["time"]) <= 60
    assert thin["time"][0] == whole["time"][0]
    assert thin["time"][-1] == whole["time"][-1]
    for name in ("equity_krw", "premium_bps"):
        assert (min(thin[name]), max(thin[name])) == (min(whole[name]), max(whole[name]))
    assert max(thin["drawdown_pct"]) == max(whole["drawdown_pct"])
    more = await api.get(f"/backtests/{done['id']}/equity", points=1_000_000)
    assert more == whole
    await api.get(f"/backtests/{done['id']}/equity", expect=422, points=1)


async def test_equity_as_float64_columns(kimp: Running, api: Caller, done: Any) -> None:
    whole = await api.get(f"/backtests/{done['id']}/equity")
    answer = await kimp.client.get(
        f"/api/v1/backtests/{done['id']}/equity", headers={"accept": "application/octet-stream"}
    )
    assert answer.headers["content-type"] == "application/octet-stream"
    names = answer.headers["x-columns"].split(",")
    rows = int(answer.headers["x-rows"])
    values = struct.unpack(f"<{rows * len(names)}d", answer.content)
    for place, name in enumerate(names):
        assert list(values[place * rows : (place + 1) * rows]) == whole[name]


async def test_bootstrap_is_the_same_for_the_same_seed(api: Caller, done: Any) -> None:
    path = f"/backtests/{done['id']}/bootstrap"
    first = await api.get(path, n=200, seed=7)
    assert first == await api.get(path, n=200, seed=7)
    assert first != await api.get(path, n=200, seed=8)
    for bands in (first["final_pnl_krw"], first["max_drawdown_pct"]):
        assert bands["p5"] <= bands["p25"] <= bands["p50"] <= bands["p75"] <= bands["p95"]
    assert (await api.get(path, expect=422, n=0))["code"] == "invalid_fields"
    assert (await api.get(path, expect=422, n=20_001))["code"] == "invalid_fields"
    assert (await api.get(path, expect=422, seed=-1))["code"] == "invalid_fields"


async def test_lookahead_finds_nothing_in_an_honest_run(api: Caller, done: Any) -> None:
    verdict = await api.get(f"/backtests/{done['id']}/lookahead")
    assert verdict["ok"] is True
    assert verdict["checked"] > 0
    assert verdict["first_difference"] is None


@pytest.mark.parametrize(("lang", "word"), [("ko", "믿을 수"), ("en", "believed")])
async def test_the_report_is_one_file_that_asks_for_nothing(
    kimp: Running, done: Any, lang: str, word: str
) -> None:
    answer = await kimp.client.get(f"/api/v1/backtests/{done['id']}/report?lang={lang}")
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert "default-src 'none'" in answer.headers["content-security-policy"]
    html = answer.text
    assert word in html
    assert "swing" in html
    for active in ("<script", "http://", "https://", "src=", "@import", "url("):
        assert active not in html
    saved = await kimp.client.get(f"/api/v1/backtests/{done['id']}/report?download=true")
    assert saved.headers["content-disposition"] == (
        f'attachment; filename="{done["id"]}-report.html"'
    )


@pytest.fixture
async def busy(api: Caller, markets: dict[str, str]) -> AsyncIterator[None]:
    """Workers with so much to do that whatever is asked now has to wait a moment."""
    steps = {"from": 0.01, "to": 1, "step": 0.01}
    sweep = await api.post("/sweeps", asked(markets, entry_bps=steps, exit_bps=steps))
    while (await api.get(f"/sweeps/{sweep['id']}"))["done"] == 0:
        await asyncio.sleep(0.01)
    yield
    await api.post(f"/sweeps/{sweep['id']}/cancel", expect=200)


async def test_a_run_can_be_cancelled_while_it_waits(
    api: Caller, markets: dict[str, str], busy: None
) -> None:
    run = await api.post("/backtests", asked(markets))
    ended = await api.post(f"/backtests/{run['id']}/cancel", expect=200)
    assert ended == {"id": run["id"], "status": "cancelled"}
    assert await api.post(f"/backtests/{run['id']}/cancel", expect=200) == ended
    body = await api.get(f"/backtests/{run['id']}")
    assert (body["status"], body["metrics"], body["error"]) == ("cancelled", None, None)


async def test_a_run_that_is_over_cannot_be_cancelled(api: Caller, done: Any) -> None:
    problem = await api.post(f"/backtests/{done['id']}/cancel", expect=409)
    assert problem["code"] == "already_finished"
    assert "completed" in problem["detail"]


async def test_results_of_a_run_that_has_none_are_not_finished(
    api: Caller, markets: dict[str, str], busy: None
) -> None:
    run = await api.post("/backtests", asked(markets))
    await api.post(f"/backtests/{run['id']}/cancel", expect=200)
    for part in ("cycles", "cycles.csv", "equity", "report", "bootstrap"):
        problem = await api.get(f"/backtests/{run['id']}/{part}", expect=409)
        assert problem["code"] == "not_finished"


async def test_deleting_ends_what_still_runs_and_takes_the_folder(
    api: Caller, markets: dict[str, str], kimp: Running
) -> None:
    folders = kimp.desk.data_dir / "runs"
    before = set(folders.iterdir())
    runs = [await api.post("/backtests", asked(markets)) for _ in range(6)]
    await asyncio.sleep(0.02)
    for run in reversed(runs):
        await api.delete(f"/backtests/{run['id']}")
        await api.get(f"/backtests/{run['id']}", expect=404)
        await api.delete(f"/backtests/{run['id']}", expect=404)
    assert set(folders.iterdir()) == before


async def test_lists_show_the_newest_first_in_pages(api: Caller, markets: dict[str, str]) -> None:
    made = [(await api.run(asked(markets, name=f"n{n}")))["id"] for n in range(3)]
    page = await api.get("/backtests", limit=2)
    assert [item["id"] for item in page["items"]] == made[:0:-1]
    onward = await api.get("/backtests", limit=1, cursor=page["next_cursor"])
    assert [item["id"] for item in onward["items"]] == made[:1]
    for query in ({"limit": 0}, {"limit": 1001}, {"cursor": "x"}):
        assert (await api.get("/backtests", expect=422, **query))["code"] == "invalid_fields"


@pytest.mark.parametrize("part", ["", "/cycles", "/cycles.csv", "/equity", "/report",
                                  "/bootstrap", "/lookahead"])  # fmt: skip
async def test_what_is_not_there_is_not_found(api: Caller, part: str) -> None:
    for run_id in ("b-999999", "d-1", "nonsense"):
        assert (await api.get(f"/backtests/{run_id}{part}", expect=404))["code"] == "not_found"


async def test_what_is_not_there_cannot_be_changed(api: Caller) -> None:
    for action in ("cancel", "rerun"):
        problem = await api.post(f"/backtests/b-999999/{action}", expect=404)
        assert problem["code"] == "not_found"


@pytest.mark.parametrize(
    ("changes", "column"),
    [
        ({"markets": []}, "markets"),
        ({"markets": [{"base": "BTC"}]}, "markets.0.krw_dataset"),
        ({"fx": {}}, "fx"),
        ({"fx": {"dataset": "d-1", "rate": 1.0}}, "fx"),
        ({"fx": {"rate": 0}}, "fx.rate"),
        ({"fx": {"rate": "1300"}}, "fx.rate"),
        ({"style": "magic"}, "style"),
        ({"direction": "up"}, "direction"),
        ({"start": "2024-01-01"}, "start"),
        ({"start": 1_700_000_000}, "start"),
        ({"end": "2024-01-01T00:00:00"}, "end"),
        ({"start": "2024-01-02T00:00:00Z", "end": "2024-01-01T00:00:00Z"}, "end"),
        ({"entry_bps": "80"}, "entry_bps"),
        ({"entry_bps": True}, "entry_bps"),
        ({"entry_bps": [80]}, "entry_bps"),
        ({"notional_krw": 0}, "notional_krw"),
        ({"initial_capital_krw": -1}, "initial_capital_krw"),
        ({"krw_fee_bps": -0.1}, "krw_fee_bps"),
        ({"global_fee_bps": 10_000}, "global_fee_bps"),
        ({"slippage_bps": -1}, "slippage_bps"),
        ({"hedge_fee_bps": 10_000}, "hedge_fee_bps"),
        ({"max_hold_bars": -1}, "max_hold_bars"),
        ({"max_hold_bars": 1.5}, "max_hold_bars"),
        ({"transfer_bars": -1}, "transfer_bars"),
        ({"transfer_bars": True}, "transfer_bars"),
        ({"qty_step": -1}, "qty_step"),
        ({"hedge": 1}, "hedge"),
        ({"withdraw_fee": {"BTC": -1}}, "withdraw_fee.BTC"),
        ({"name": "x" * 121}, "name"),
        ({"leverage": 3}, "leverage"),
    ],
)
async def test_every_wrong_field_is_named(
    api: Caller, markets: dict[str, str], changes: dict[str, Any], column: str
) -> None:
    problem = await api.post("/backtests", asked(markets, **changes), expect=422)
    assert problem["code"] == "invalid_fields"
    assert column in {error["column"] for error in problem["errors"]}
    assert all(error["expected"] for error in problem["errors"])


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999"])
async def test_numbers_that_are_none_are_refused(
    kimp: Running, markets: dict[str, str], text: str
) -> None:
    body = json.dumps(asked(markets)).replace('"entry_bps": 60', f'"entry_bps": {text}')
    answer = await kimp.client.post(
        "/api/v1/backtests", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] in {"invalid_fields", "malformed_json"}


@pytest.mark.parametrize(
    ("body", "code"), [(b"{", "malformed_json"), (b"", "invalid_fields"), (b"[]", "invalid_fields")]
)
async def test_bodies_that_are_none_are_refused(kimp: Running, body: bytes, code: str) -> None:
    answer = await kimp.client.post(
        "/api/v1/backtests", content=body, headers={"content-type": "application/json"}
    )
    assert answer.json()["code"] == code


@pytest.mark.parametrize(
    "changes",
    [
        b'"name": "\\ud800"',
        b'"\\ud800": 1',
        b'"direction": "\\udfff"',
        b'"withdraw_fee": {"\\ud800": -1}',
        b'"withdraw_fee": {"\\ud800": 1}',
        b'"entry_bps": 1' + b"0" * 400,
        b'"entry_bps": 1' + b"0" * 5_000,
        b'"transfer_bars": 1' + b"0" * 300,
        b'"name": "' + b"\\u0000" * 3 + b'"',
    ],
)
async def test_strange_values_are_refused_not_stumbled_over(
    kimp: Running, markets: dict[str, str], changes: bytes
) -> None:
    body = json.dumps(asked(markets)).encode()[:-1] + b", " + changes + b"}"
    answer = await kimp.client.post(
        "/api/v1/backtests", content=body, headers={"content-type": "application/json"}
    )
    assert answer.status_code in {400, 422}, answer.text


async def test_fields_that_a_style_does_not_use_are_accepted(
    api: Caller, markets: dict[str, str]
) -> None:
    body = asked(markets, hedge=True, transfer_bars=3, withdraw_fee={"XRP": 1}, exit_bps=1e9)
    assert (await api.run(body))["status"] == "completed"


async def test_datasets_must_be_there_and_fit(api: Caller, markets: dict[str, str]) -> None:
    def with_market(**changes: str) -> dict[str, Any]:
        body = asked(markets)
        body["markets"][0] |= changes
        return body

    unknown = await api.post("/backtests", with_market(krw_dataset="d-999999"), expect=422)
    assert unknown["code"] == "dataset_unknown"
    assert unknown["errors"][0]["column"] == "markets.0.krw_dataset"
    for changes, column in (
        ({"krw_dataset": markets["dollar"]}, "markets.0.krw_dataset"),
        ({"global_dataset": markets["won"]}, "markets.0.global_dataset"),
        ({"global_dataset": markets["rate"]}, "markets.0.global_dataset"),
    ):
        problem = await api.post("/backtests", with_market(**changes), expect=422)
        assert [error["column"] for error in problem["errors"]] == [column]
    wrong_fx = asked(markets, fx={"dataset": markets["won"]})
    problem = await api.post("/backtests", wrong_fx, expect=422)
    assert problem["errors"][0]["column"] == "fx.dataset"
    twice = asked(markets)
    twice["markets"] *= 2
    problem = await api.post("/backtests", twice, expect=422)
    assert problem["errors"][0]["column"] == "markets.1.base"


async def test_different_timeframes_are_refused_naming_both(
    api: Caller, markets: dict[str, str]
) -> None:
    slow = await api.upload(candles_csv([1e5] * 50, step_s=300), quote="USDT", base="BTC")
    body = asked(markets)
    body["markets"][0]["global_dataset"] = slow["id"]
    problem = await api.post("/backtests", body, expect=422)
    assert problem["code"] == "timeframes_differ"
    for words in (markets["won"], slow["id"], "60", "300"):
        assert words in problem["detail"]


async def test_progress_and_status_are_streamed(
    api: Caller, markets: dict[str, str], kimp: Running
) -> None:
    """The topic's items are what the list gives."""
    done = await api.run(asked(markets, name="streamed"))
    listed = (await api.get("/backtests", limit=1))["items"][0]
    assert json.loads(kimp.desk.hub.snapshot("backtests")[done["id"]]) == listed
    await api.delete(f"/backtests/{done['id']}")
    assert done["id"] not in kimp.desk.hub.snapshot("backtests")


async def test_recorded_history_backtests_as_it_is(api: Caller, shared_data: Path) -> None:
    """The 2018 week: premiums of ten percent, the rate known a day late."""
    source = shared_data / "derived" / "kimchi_btc_1m_201801_contiguous.csv.gz"
    joined = await api.upload(source.read_bytes(), source.name, base="BTC")
    won, dollar, rate = (each["id"] for each in joined["datasets"])
    body = await api.run(
        {
            "markets": [{"base": "BTC", "krw_dataset": won, "global_dataset": dollar}],
            "fx": {"dataset": rate},
            "entry_bps": 900,
            "exit_bps": 500,
            "max_hold_bars": 1440,
        }
    )
    assert (body["status"], body["error"]) == ("completed", None)
    assert body["bars"] == joined["datasets"][0]["rows"]
    assert body["metrics"]["cycles"] > 0
