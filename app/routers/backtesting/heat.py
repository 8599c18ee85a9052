"""The heat map of a sweep: two parameters across and down, the others held, a figure per cell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from urllib.parse import urlencode

from app import texts
from app.domain.backtests import Axis
from app.routers.backtesting.drawings import heat as heat_class
from app.routers.backtesting.grid import Grid
from app.routers.backtesting.strip import BETTER, written
from app.routers.render import Viewer
from app.texts import formats

LEFT, TOP = 76, 36
CELL_HEIGHT = 24
CHARACTER_PX = 7.0
# Around which value a figure is good or bad; the others around zero.
LEVELS = {"win_rate_pct": 50.0, "profit_factor": 1.0}


@dataclass(frozen=True, slots=True)
class Option:
    value: str
    text: str
    chosen: bool


@dataclass(frozen=True, slots=True)
class Pick:
    """A select: which parameter goes where, which figure, at which value the others stand."""

    name: str
    label: str
    options: tuple[Option, ...]


@dataclass(frozen=True, slots=True)
class Cell:
    """href is empty while the point is not there."""

    index: int
    x: float
    y: float
    middle: float
    base: float
    text: str
    heat: str
    strong: bool
    href: str
    label: str


@dataclass(frozen=True, slots=True)
class Tick:
    at: float
    text: str


@dataclass(frozen=True, slots=True)
class Frame:
    """An outline round a cell: the best, the best plateau, the one looked at."""

    ink: str
    x: float
    y: float
    width: float
    height: float


@dataclass(frozen=True, slots=True)
class Wash:
    """All cells of one ink as a single path: thousands of elements would hold the page."""

    heat: str
    path: str


@dataclass(frozen=True, slots=True)
class Heat:
    """washes stand for the cells while a large grid runs; it is redrawn every few seconds."""

    title: str
    unit: str
    label: str
    x_title: str
    y_title: str
    width: float
    height: float
    left: int
    cell_width: float
    cell_height: float
    picks: tuple[Pick, ...]
    columns: tuple[Tick, ...]
    rows: tuple[Tick, ...]
    cells: tuple[Cell, ...]
    washes: tuple[Wash, ...]
    frames: tuple[Frame, ...]


@dataclass(frozen=True, slots=True)
class Look:
    """What the viewer chose: axes by their place, the figure, the values of the other axes."""

    x: int
    y: int | None
    metric: str
    held: tuple[int, ...]
    cell: int | None

    def at(self, x: int, y: int) -> tuple[int, ...]:
        """The place in the grid of a cell."""
        place = list(self.held)
        if self.y is not None:
            place[self.y] = y
        place[self.x] = x
        return tuple(place)


def look_of(asked: Mapping[str, str], grid: Grid) -> Look:
    """From the address; what is missing or wrong falls back to the best point's slice."""
    names = [axis.name for axis in grid.axes]
    chosen = asked.get("cell", "")
    cell = int(chosen) if chosen.isascii() and chosen.isdigit() else None
    if cell not in grid.points:
        cell = grid.best()
    around = grid.place(cell) if cell is not None else (0,) * len(names)
    x = names.index(asked["x"]) if asked.get("x") in names else min(1, len(names) - 1)
    y = names.index(asked["y"]) if asked.get("y") in names else 0
    metric = asked.get("metric", "")
    held = []
    for place, axis in enumerate(grid.axes):
        value = asked.get(f"at.{axis.name}", "")
        valid = value.isascii() and value.isdigit() and int(value) < len(axis.values)
        held.append(int(value) if valid else around[place])
    if y == x:
        y = next((place for place in range(len(names)) if place != x), -1)
    return Look(
        x=x,
        y=None if y < 0 else y,
        metric=metric if metric in BETTER else grid.objective,
        held=tuple(held),
        cell=cell,
    )


def draw(path: str, grid: Grid, look: Look, seen: Viewer, *, washed: bool = False) -> Heat:
    """The map as geometry. path: where a cell leads. washed: cells of one ink as one path."""
    across = grid.axes[look.x]
    down = grid.axes[look.y] if look.y is not None else None
    down_values = down.values if down else (0.0,)
    shown = {
        (x, y): grid.index(look.at(x, y))
        for y in range(len(down_values))
        for x in range(len(across.values))
    }
    level = LEVELS.get(look.metric, 0.0)
    known = [v for v in (grid.value(i, look.metric) for i in shown.values()) if v is not None]
    most = _strongest([value - level for value in known])
    figures = {index: _figure(grid, index, look, seen) for index in shown.values()}
    longest = max((len(text) for text in figures.values()), default=0)
    width = max(54.0, longest * CHARACTER_PX + 10)
    cells = tuple(
        _cell(path, grid, look, seen, index, (x, y), width, figures[index], level, most)
        for (x, y), index in shown.items()
    )
    frames = _frames(grid, look, cells, width)
    return Heat(
        title=texts.text(seen.lang, f"metrics.{look.metric}"),
        unit=written(look.metric, 0.0, seen.lang).unit,
        label=texts.text(seen.lang, "backtests.heat.label", n=len(cells)),
        x_title=_name(across, seen),
        y_title=_name(down, seen) if down else "",
        width=LEFT + width * len(across.values) + 2,
        height=TOP + CELL_HEIGHT * len(down_values) + 2,
        left=LEFT,
        cell_width=width,
        cell_height=CELL_HEIGHT,
        picks=_picks(grid, look, seen),
        columns=tuple(
            Tick(LEFT + (x + 0.5) * width, formats.price(value))
            for x, value in enumerate(across.values)
        ),
        rows=tuple(
            Tick(TOP + y * CELL_HEIGHT + 16, formats.price(value) if down else "")
            for y, value in enumerate(down_values)
        ),
        cells=cells,
        washes=_washes(cells, width) if washed else (),
        frames=frames,
    )


def _washes(cells: Sequence[Cell], width: float) -> tuple[Wash, ...]:
    inks: dict[str, list[str]] = {}
    for cell in cells:
        ink = cell.heat if cell.href else "none"
        inks.setdefault(ink, []).append(
            f"M{cell.x:g} {cell.y:g}h{width:g}v{CELL_HEIGHT}h-{width:g}z"
        )
    return tuple(Wash(ink, "".join(parts)) for ink, parts in inks.items())


def _strongest(values: Sequence[float]) -> float:
    """What takes the strongest ink: the largest gain, so that a ruinous corner dims no other cell.

    Without any gain the median loss takes the middle ink.
    """
    gains = [value for value in values if value > 0]
    losses = [-value for value in values if value < 0]
    return max(gains) if gains else 2 * median(losses) if losses else 0.0


def _figure(grid: Grid, index: int, look: Look, seen: Viewer) -> str:
    if index not in grid.points:
        return ""
    return written(look.metric, grid.value(index, look.metric), seen.lang).value


def _cell(
    path: str, grid: Grid, look: Look, seen: Viewer, index: int, at: tuple[int, int],
    width: float, text: str, level: float, most: float,
) -> Cell:  # fmt: skip
    x, y = LEFT + at[0] * width, float(TOP + at[1] * CELL_HEIGHT)
    value = grid.value(index, look.metric)
    sign = -1 if BETTER.get(look.metric) == "lower" else 1
    ink = "" if value is None else heat_class(sign * (value - level), most)
    point = grid.points.get(index)
    figure = written(look.metric, value, seen.lang)
    said = ", ".join(
        f"{name} {number:g}" for name, number in (point.params if point else {}).items()
    )
    return Cell(
        index=index,
        x=x,
        y=y,
        middle=x + width / 2,
        base=y + 16,
        text=text,
        heat=ink,
        strong=ink.endswith(("4", "5")),
        href=f"{path}?{urlencode(address(grid, look, index))}" if point else "",
        label=f"{said}: {figure.value} {figure.unit}".strip(),
    )


def address(grid: Grid, look: Look, cell: int | None) -> dict[str, str]:
    """The address's query for this look with another cell."""
    asked = {"x": grid.axes[look.x].name, "metric": look.metric}
    if look.y is not None:
        asked["y"] = grid.axes[look.y].name
    asked |= {
        f"at.{axis.name}": str(look.held[place])
        for place, axis in enumerate(grid.axes)
        if place not in {look.x, look.y}
    }
    return asked if cell is None else asked | {"cell": str(cell)}


def _frames(grid: Grid, look: Look, cells: Sequence[Cell], width: float) -> tuple[Frame, ...]:
    marks = {"frame here": look.cell, "frame dash": grid.best_plateau(), "frame": grid.best()}
    found = []
    for ink, index in marks.items():
        cell = next((cell for cell in cells if cell.index == index), None)
        if cell is not None:
            inset = {"frame": 1.0, "frame dash": 3.0, "frame here": 0.0}[ink]
            found.append(
                Frame(
                    ink, cell.x + inset, cell.y + inset, width - 2 * inset, CELL_HEIGHT - 2 * inset
                )
            )
    return tuple(found)


def _name(axis: Axis, seen: Viewer) -> str:
    return texts.text(seen.lang, f"backtests.{axis.name}")


def _picks(grid: Grid, look: Look, seen: Viewer) -> tuple[Pick, ...]:
    def say(key: str) -> str:
        return texts.text(seen.lang, f"backtests.{key}")

    figures = tuple(
        Option(name, texts.text(seen.lang, f"metrics.{name}"), name == look.metric)
        for name in BETTER
    )
    picks = [Pick("metric", say("heat.figure"), figures)]
    if len(grid.axes) > 1:
        for name, chosen in (("x", look.x), ("y", look.y)):
            options = tuple(
                Option(axis.name, _name(axis, seen), place == chosen)
                for place, axis in enumerate(grid.axes)
            )
            picks.append(Pick(name, say(f"heat.{name}"), options))
    for place, axis in enumerate(grid.axes):
        if place not in {look.x, look.y}:
            options = tuple(
                Option(str(k), formats.price(value), k == look.held[place])
                for k, value in enumerate(axis.values)
            )
            picks.append(Pick(f"at.{axis.name}", _name(axis, seen), options))
    return tuple(picks)
