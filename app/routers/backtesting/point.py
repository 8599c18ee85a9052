"""One point of a sweep beside the map, and the best points as a table."""

from __future__ import annotations

from dataclasses import dataclass
from urllib.parse import urlencode

from app import texts
from app.routers.backtesting.grid import Grid
from app.routers.backtesting.heat import Look, address
from app.routers.backtesting.strip import ORDER, written
from app.routers.render import Viewer
from app.texts import formats

RANKED_SHOWN = 15


@dataclass(frozen=True, slots=True)
class Fact:
    name: str
    label: str
    value: str
    unit: str
    side: str = ""


@dataclass(frozen=True, slots=True)
class Point:
    """mark: BEST or PLATEAU where it is one of them."""

    index: int
    title: str
    mark: str
    facts: tuple[Fact, ...]
    neighbours: str


@dataclass(frozen=True, slots=True)
class Row:
    index: int
    href: str
    values: tuple[str, ...]
    objective: str
    neighbours: str
    cycles: str


@dataclass(frozen=True, slots=True)
class Ranked:
    axes: tuple[str, ...]
    rows: tuple[Row, ...]


def point_of(grid: Grid, look: Look, seen: Viewer) -> Point | None:
    """The chosen cell; None while there is none."""
    if look.cell is None or look.cell not in grid.points:
        return None
    point = grid.points[look.cell]
    marks = {"best": grid.best(), "plateau": grid.best_plateau()}
    mark = next((name for name, index in marks.items() if index == look.cell), None)
    names = {axis.name: texts.text(seen.lang, f"backtests.{axis.name}") for axis in grid.axes}
    facts = []
    for name in ORDER:
        figure = written(name, point.metrics.get(name), seen.lang)
        label = texts.text(seen.lang, f"metrics.{name}")
        facts.append(Fact(name, label, figure.value, figure.unit, figure.side))
    median = written(grid.objective, grid.plateau(look.cell), seen.lang)
    return Point(
        index=look.cell,
        title=" · ".join(f"{names[axis]} {formats.price(v)}" for axis, v in point.params.items()),
        mark=texts.text(seen.lang, f"backtests.cell.mark.{mark}") if mark else "",
        facts=tuple(facts),
        neighbours=texts.text(
            seen.lang,
            "backtests.cell.neighbours",
            near=sum(other in grid.points for other in grid.neighbours(look.cell)),
            median=f"{median.value} {median.unit}".strip(),
        ),
    )


def ranked(path: str, grid: Grid, look: Look, seen: Viewer) -> Ranked:
    """By the objective, best first."""
    rows = []
    for index in grid.ranked()[:RANKED_SHOWN]:
        point = grid.points[index]
        rows.append(
            Row(
                index=index,
                href=f"{path}?{urlencode(address(grid, look, index))}",
                values=tuple(formats.price(value) for value in point.params.values()),
                objective=written(grid.objective, grid.value(index), seen.lang).value,
                neighbours=written(grid.objective, grid.plateau(index), seen.lang).value,
                cycles=formats.number(point.metrics.get("cycles")),
            )
        )
    axes = tuple(texts.text(seen.lang, f"backtests.{axis.name}") for axis in grid.axes)
    return Ranked(axes, tuple(rows))
