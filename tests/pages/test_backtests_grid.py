"""A page's grid names the same best point and plateau as the engine, also while points arrive."""

from __future__ import annotations

import random

import pytest

from app.backtest import grid as engine
from app.backtest.metrics import METRICS
from app.domain.backtests import Axis
from app.domain.records import StudyPointRow
from app.routers.backtesting.grid import Grid
from app.routers.backtesting.heat import draw, look_of
from app.routers.backtesting.strip import BETTER, OBJECTIVES
from app.routers.render import Viewer

AXES = (
    Axis("entry_bps", (60.0, 80.0, 100.0, 120.0)),
    Axis("exit_bps", (0.0, 10.0, 20.0)),
    Axis("max_hold_bars", (240.0, 720.0)),
)
EN = Viewer("en")


def rows(objective: str, seed: int) -> list[dict[str, float | int | None]]:
    chance = random.Random(seed)
    figures: list[dict[str, float | int | None]] = []
    for _ in engine.points(AXES):
        value = None if chance.random() < 0.1 else round(chance.uniform(-5, 5), 1)
        figures.append(dict.fromkeys(METRICS, 0.0) | {objective: value})
    return figures


def grid_of(objective: str, figures: list[dict[str, float | int | None]]) -> Grid:
    points = {
        index: StudyPointRow(index, point, metrics)
        for index, (point, metrics) in enumerate(zip(engine.points(AXES), figures, strict=True))
    }
    return Grid(AXES, points, objective)


@pytest.mark.parametrize("objective", ["total_pnl_krw", "max_drawdown_pct"])
@pytest.mark.parametrize("seed", range(20))
def test_best_and_plateau_are_the_engines(objective: str, seed: int) -> None:
    figures = rows(objective, seed)
    grid = grid_of(objective, figures)
    assert grid.best() == engine.best(figures, objective)
    assert grid.best_plateau() == engine.best_plateau(AXES, figures, objective)
    levels = engine.plateau(AXES, figures, objective)
    assert [grid.plateau(index) for index in range(len(figures))] == levels


def test_every_place_has_its_neighbours() -> None:
    grid = grid_of("total_pnl_krw", rows("total_pnl_krw", 1))
    for index in range(len(engine.points(AXES))):
        assert grid.index(grid.place(index)) == index
        assert sorted(grid.neighbours(index)) == sorted(engine.neighbours(AXES, index))


def test_what_is_better_is_what_the_engine_says() -> None:
    judged = {name: metric.better for name, metric in METRICS.items() if metric.better}
    assert judged == BETTER
    assert set(OBJECTIVES) == set(judged)


def test_cells_that_are_not_done_are_drawn_and_lead_nowhere() -> None:
    whole = grid_of("total_pnl_krw", rows("total_pnl_krw", 1))
    done = {index: point for index, point in whole.points.items() if index < 5}
    half = Grid(AXES, done, "total_pnl_krw")
    drawn = draw("/sweeps/s-1", half, look_of({}, half), EN)
    assert len(drawn.cells) == 4 * 3
    assert {cell.index for cell in drawn.cells if cell.href} <= set(done)
    assert any(not cell.href for cell in drawn.cells)


def test_nothing_done_is_an_empty_map() -> None:
    nothing = Grid(AXES, {}, "total_pnl_krw")
    look = look_of({"cell": "3", "x": "exit_bps", "at.max_hold_bars": "1"}, nothing)
    assert look.cell is None
    assert look.held[2] == 1
    assert all(not cell.text for cell in draw("/s", nothing, look, EN).cells)


def test_the_address_decides_what_is_shown() -> None:
    grid = grid_of("total_pnl_krw", rows("total_pnl_krw", 3))
    asked = {"x": "max_hold_bars", "y": "entry_bps", "at.exit_bps": "2", "metric": "sharpe"}
    drawn = draw("/sweeps/s-1", grid, look_of(asked, grid), EN)
    assert [tick.text for tick in drawn.columns] == ["240", "720"]
    assert [tick.text for tick in drawn.rows] == ["60", "80", "100", "120"]
    assert drawn.title == "Sharpe"
    shown = {grid.points[cell.index].params["exit_bps"] for cell in drawn.cells}
    assert shown == {20.0}


@pytest.mark.parametrize(
    "asked",
    [{"x": "nothing"}, {"cell": "99999"}, {"cell": "-1"}, {"metric": "luck"}, {"at.exit_bps": "9"}],
)
def test_a_wrong_address_shows_the_best_points_slice(asked: dict[str, str]) -> None:
    grid = grid_of("total_pnl_krw", rows("total_pnl_krw", 3))
    assert look_of(asked, grid) == look_of({}, grid)


def test_a_ruinous_corner_dims_no_other_cell() -> None:
    figures = rows("total_pnl_krw", 4)
    figures[0]["total_pnl_krw"] = -1e9
    grid = grid_of("total_pnl_krw", figures)
    drawn = draw("/s", grid, look_of({"at.max_hold_bars": "0"}, grid), EN)
    inks = {cell.heat for cell in drawn.cells}
    assert "h5" in inks
    assert "g5" in inks
