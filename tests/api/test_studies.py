"""/api/v1/sweeps and /api/v1/walkforwards: every row is a whole backtest, only tests count."""

from __future__ import annotations

import itertools
import struct
from typing import Any

import pytest

from tests.api.caller import ROWS, Caller, asked
from tests.appkit import Running
from tests.work.history_files import START_S

DAY_BARS = 1_440


def swept(markets: dict[str, str], **changes: Any) -> dict[str, Any]:
    return asked(markets) | {"entry_bps": [40, 60, 80], "exit_bps": [-60, -20]} | changes


def walked(markets: dict[str, str], **changes: Any) -> dict[str, Any]:
    days = {"train_days": 300 / DAY_BARS, "test_days": 200 / DAY_BARS}
    return swept(markets) | days | changes


@pytest.fixture(scope="session")
async def sweep(kimp: Running, markets: dict[str, str]) -> Any:
    api = Caller(kimp.client)
    started = await api.post("/sweeps", swept(markets, name="grid"))
    return await api.finished("/sweeps", started["id"])


@pytest.fixture(scope="session")
async def walk(kimp: Running, markets: dict[str, str]) -> Any:
    api = Caller(kimp.client)
    started = await api.post("/walkforwards", walked(markets))
    return await api.finished("/walkforwards", started["id"])


async def test_a_sweep_evaluates_the_whole_grid_in_its_order(sweep: Any) -> None:
    assert (sweep["status"], sweep["progress"]) == ("completed", 1.0)
    assert (sweep["total"], sweep["done"]) == (6, 6)
    assert sweep["axes"] == [
        {"name": "entry_bps", "values": [40, 60, 80]},
        {"name": "exit_bps", "values": [-60, -20]},
    ]
    assert [row["params"] for row in sweep["rows"]] == [
        {"entry_bps": entry, "exit_bps": leave}
        for entry, leave in itertools.product([40, 60, 80], [-60, -20])
    ]


async def test_every_row_is_what_a_backtest_says(
    api: Caller, sweep: Any, markets: dict[str, str]
) -> None:
    for row in sweep["rows"]:
        run = await api.run(asked(markets, **row["params"]))
        assert run["metrics"] == row["metrics"]


async def test_the_best_row_is_best_by_the_objective(
    api: Caller, sweep: Any, markets: dict[str, str]
) -> None:
    most = max(row["metrics"]["total_pnl_krw"] for row in sweep["rows"])
    assert sweep["best"]["metrics"]["total_pnl_krw"] == most
    calm = await api.post("/sweeps", swept(markets, objective="max_drawdown_pct"))
    body = await api.finished("/sweeps", calm["id"])
    least = min(row["metrics"]["max_drawdown_pct"] for row in body["rows"])
    assert body["best"]["metrics"]["max_drawdown_pct"] == least


async def test_a_range_includes_its_end_and_other_numbers_may_be_swept(
    api: Caller, markets: dict[str, str]
) -> None:
    body = asked(markets) | {
        "slippage_bps": {"from": 0, "to": 0.3, "step": 0.1},
        "max_hold_bars": [0, 30],
        "withdraw_fee": {"BTC": [0, 0.001]},
    }
    started = await api.post("/sweeps", body)
    done = await api.finished("/sweeps", started["id"])
    assert {axis["name"]: axis["values"] for axis in done["axes"]} == {
        "max_hold_bars": [0, 30],
        "slippage_bps": [0, 0.1, 0.2, 0.3],
        "withdraw_fee.BTC": [0, 0.001],
    }
    assert done["total"] == len(done["rows"]) == 16


async def test_a_grid_of_one_point_is_a_sweep(api: Caller, markets: dict[str, str]) -> None:
    started = await api.post("/sweeps", asked(markets))
    done = await api.finished("/sweeps", started["id"])
    assert (done["total"], done["axes"], len(done["rows"])) == (1, [], 1)


async def test_a_walk_forward_judges_only_what_it_was_not_trained_on(walk: Any) -> None:
    assert (walk["status"], walk["progress"]) == ("completed", 1.0)
    assert walk["done"] == walk["total"] == len(walk["windows"]) * 6
    times = [
        (w["train_start"], w["train_end"], w["test_start"], w["test_end"]) for w in walk["windows"]
    ]
    for train_start, train_end, test_start, test_end in times:
        assert train_start < train_end == test_start < test_end
    for (_, _, _, end), (_, _, start, _) in itertools.pairwise(times):
        assert start == end
    equity = walk["equity"]
    assert len(equity["time"]) == ROWS - 300
    assert equity["time"][0] == START_S + 300 * 60
    assert equity["equity_krw"][-1] == walk["metrics"]["final_equity_krw"]


async def test_each_window_chose_the_best_of_its_training(
    api: Caller, walk: Any, markets: dict[str, str]
) -> None:
    window = walk["windows"][1]
    started = await api.post(
        "/sweeps", swept(markets, start=window["train_start"], end=window["train_end"])
    )
    sweep = await api.finished("/sweeps", started["id"])
    assert sweep["best"]["params"] == window["chosen"]
    assert sweep["best"]["metrics"] == window["train_metrics"]


async def test_the_joined_equity_can_be_thinned_or_read_as_columns(
    api: Caller, walk: Any, kimp: Running
) -> None:
    path = f"/walkforwards/{walk['id']}"
    thin = (await api.get(path, points=50))["equity"]
    assert len(thin["time"]) <= 50
    whole = await api.get(f"{path}/equity")
    assert whole == walk["equity"]
    answer = await kimp.client.get(
        f"/api/v1{path}/equity", headers={"accept": "application/octet-stream"}
    )
    rows = int(answer.headers["x-rows"])
    values = struct.unpack(f"<{4 * rows}d", answer.content)
    assert list(values[rows : 2 * rows]) == whole["equity_krw"]


@pytest.mark.parametrize(
    ("path", "changes", "code", "column"),
    [
        ("/sweeps", {"entry_bps": []}, "invalid_fields", "entry_bps"),
        ("/sweeps", {"entry_bps": ["80"]}, "invalid_fields", "entry_bps"),
        ("/sweeps", {"entry_bps": {"from": 1, "to": 0, "step": 1}}, "invalid_fields", "entry_bps"),
        ("/sweeps", {"entry_bps": {"from": 0, "to": 1}}, "invalid_fields", "entry_bps"),
        ("/sweeps", {"transfer_bars": [1.5]}, "invalid_fields", "transfer_bars"),
        ("/sweeps", {"krw_fee_bps": [1, 10_000]}, "invalid_fields", "krw_fee_bps"),
        ("/sweeps", {"notional_krw": [0]}, "invalid_fields", "notional_krw"),
        ("/sweeps", {"withdraw_fee": {"BTC": [-1]}}, "invalid_fields", "withdraw_fee.BTC"),
        ("/sweeps", {"objective": "beauty"}, "invalid_fields", "objective"),
        ("/sweeps", {"train_days": 1}, "invalid_fields", "train_days"),
        ("/sweeps", {"entry_bps": list(range(101)), "exit_bps": list(range(100))},
         "too_many_points", None),
        ("/walkforwards", {"train_days": 0}, "invalid_fields", "train_days"),
        ("/walkforwards", {"train_days": [1, 2]}, "invalid_fields", "train_days"),
        ("/walkforwards", {"test_days": -1}, "invalid_fields", "test_days"),
        ("/walkforwards", {"step_days": 0.01}, "invalid_fields", "step_days"),
        ("/walkforwards", {"test_days": None}, "invalid_fields", "test_days"),
    ],
)  # fmt: skip
async def test_wrong_grids_are_refused(
    api: Caller, markets: dict[str, str], path: str, changes: Any, code: str, column: str | None
) -> None:
    body = (walked if path == "/walkforwards" else swept)(markets, **changes)
    problem = await api.post(path, body, expect=422)
    assert problem["code"] == code
    if column is not None:
        assert column in {error["column"] for error in problem["errors"]}


async def test_a_walk_without_room_fails_with_the_reason(
    api: Caller, markets: dict[str, str]
) -> None:
    started = await api.post("/walkforwards", walked(markets, train_days=30))
    body = await api.finished("/walkforwards", started["id"])
    assert (body["status"], body["error"]["code"]) == ("failed", "no_window")
    assert "1.4" in body["error"]["detail"]
    assert (body["windows"], body["metrics"], body["equity"]) == (None, None, None)


async def test_studies_can_be_cancelled_and_deleted(api: Caller, markets: dict[str, str]) -> None:
    many = {
        "entry_bps": {"from": 1, "to": 100, "step": 1},
        "exit_bps": {"from": 1, "to": 100, "step": 1},
    }
    for path, body in (
        ("/sweeps", swept(markets) | many),
        ("/walkforwards", walked(markets) | many),
    ):
        started = await api.post(path, body)
        ended = await api.post(f"{path}/{started['id']}/cancel", expect=200)
        assert ended == {"id": started["id"], "status": "cancelled"}
        again = await api.post(path, body)
        await api.delete(f"{path}/{again['id']}")
        await api.get(f"{path}/{again['id']}", expect=404)
        assert (await api.get(f"{path}/{started['id']}"))["status"] == "cancelled"
        await api.delete(f"{path}/{started['id']}")


async def test_finished_ones_cannot_be_cancelled(api: Caller, sweep: Any, walk: Any) -> None:
    for path in (f"/sweeps/{sweep['id']}", f"/walkforwards/{walk['id']}"):
        assert (await api.post(f"{path}/cancel", expect=409))["code"] == "already_finished"


async def test_a_sweep_is_no_walk_forward(api: Caller, sweep: Any, walk: Any) -> None:
    for path in (f"/walkforwards/{sweep['id']}", f"/sweeps/{walk['id']}", "/sweeps/s-999999"):
        assert (await api.get(path, expect=404))["code"] == "not_found"
        assert (await api.post(f"{path}/cancel", expect=404))["code"] == "not_found"
        assert (await api.delete(path, expect=404))["code"] == "not_found"
    swapped = sweep["id"].replace("s-", "w-")
    await api.get(f"/walkforwards/{swapped}", expect=404)
    await api.get(f"/walkforwards/{swapped}/equity", expect=404)


async def test_lists_are_of_one_kind(api: Caller, sweep: Any, walk: Any) -> None:
    sweeps = await api.get("/sweeps", limit=1000)
    walks = await api.get("/walkforwards", limit=1000)
    assert sweep["id"] in {item["id"] for item in sweeps["items"]}
    assert walk["id"] in {item["id"] for item in walks["items"]}
    assert {item["id"][0] for item in sweeps["items"]} == {"s"}
    assert {item["id"][0] for item in walks["items"]} == {"w"}
    assert "rows" not in sweeps["items"][0]
    page = await api.get("/sweeps", limit=1)
    assert page["next_cursor"] is not None


async def test_starting_needs_the_scope_backtest(kimp: Running) -> None:
    issued = await kimp.client.post("/api/v1/tokens", json={"name": "r", "scopes": ["read"]})
    async with kimp.visitor(Authorization=f"Bearer {issued.json()['token']}") as reader:
        for path in ("/sweeps", "/walkforwards", "/backtests", "/sweeps/s-1/cancel"):
            answer = await reader.post(f"/api/v1{path}", json={})
            assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
