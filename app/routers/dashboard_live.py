"""DASHBOARD, live: premiums and opportunities at every beat, venues and journal more calmly."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from app.domain.live import Opportunity
from app.routers.render import Viewer, fragment
from app.routers.watching import drawing
from app.routers.watching.board import COLUMNS, board, matrix
from app.routers.watching.happened import lines
from app.routers.watching.routes import BASES, HOMES, SIDES, Chosen, chosen
from app.routers.watching.showing import Beat, Showing, showing
from app.routers.watching.summary import summary
from app.routers.watching.tape import LAMPS
from app.runtime.streams.board import View
from app.runtime.streams.hub import Hub

if TYPE_CHECKING:
    from app.runtime.market import Market

PAGE = "dashboard"
BEST_MAX = 6

Part = Callable[[Beat, Chosen], dict[str, Any]]


def as_chosen(market: Market, query: Mapping[str, str]) -> Chosen:
    policy = market.policy
    return chosen(query, policy.sizes_krw, policy.size_krw)


def shared(beat: Beat, on: Chosen) -> dict[str, Any]:
    """What every region may need."""
    return {"chosen": on, "policy": beat.market.policy, "feeds_now": beat.market.feeds}


def board_part(beat: Beat, on: Chosen) -> dict[str, Any]:
    return {"board": board(beat, on)}


def matrix_part(beat: Beat, on: Chosen) -> dict[str, Any]:
    shown = [line.row.base for line in board(beat, on).lines if line.is_ranked]
    return {"matrix": matrix(beat, on, shown), "columns": COLUMNS}


def best_part(beat: Beat, _: Chosen) -> dict[str, Any]:
    market = beat.market
    found = {row.id: row for row in market.opportunities() if not row.path}
    values = {key: row.net_bps for key, row in found.items()}
    order = beat.showing.orders.of("best").order(values, beat.at_ns)
    near = max(
        market.near_misses(), key=lambda miss: miss.premium.realizable_bps or -1e9, default=None
    )
    return {
        "best": [(found[key], bars(found[key], market)) for key in order[:BEST_MAX]],
        "nearest": near,
    }


def bars(row: Opportunity, market: Market) -> tuple[drawing.Bar, ...]:
    return drawing.freshness(row.ages_ms, market.policy)


def venues_part(beat: Beat, _: Chosen) -> dict[str, Any]:
    known = {row.venue: row for row in beat.market.venues()}
    shown = [known[venue] for venue in LAMPS if venue in known]
    return {"venue_rows": shown}


def journal_part(beat: Beat, _: Chosen) -> dict[str, Any]:
    return {"happened": lines(beat.market.journal())}


def summary_part(beat: Beat, _: Chosen) -> dict[str, Any]:
    return {"summary": summary(beat.market)}


# Region → what its block needs. The block has the region's name.
MOVING: dict[str, Part] = {"axis": board_part, "board": board_part, "best": best_part}
CALMER: dict[str, Part] = {"matrix": matrix_part}
RESTING: dict[str, Part] = {"venues": venues_part, "journal": journal_part}


class Parts:
    """Every region's context at one beat, worked out once for each choice."""

    def __init__(self, beat: Beat) -> None:
        self._beat = beat
        self.of = cache(self._of)

    def _of(self, part: Part, query: tuple[tuple[str, str], ...]) -> dict[str, Any]:
        on = as_chosen(self._beat.market, dict(query))
        return shared(self._beat, on) | part(self._beat, on)


class DashboardLive:
    """What moves, at every beat."""

    hz = 10
    regions = MOVING

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._showing = showing(hub)

    def __call__(self, market: Market) -> None:
        parts = cache(partial(_parts, self._showing, market))
        for name, part in self.regions.items():
            self._hub.fragment(PAGE, name, partial(_html, name, part, parts))


class DashboardCalmer(DashboardLive):
    """A field of numbers, in which no single one is followed."""

    hz = 4
    regions = CALMER


class DashboardResting(DashboardLive):
    """What is read, not watched. Here the session also remembers what it has seen."""

    hz = 2
    regions = RESTING

    def __call__(self, market: Market) -> None:
        super().__call__(market)
        memory, at_ns = self._showing.memory, time.time_ns()
        self._showing.past.tend(market.archive, at_ns)
        if memory.look(market, at_ns):
            self._hub.signal(PAGE, "tick", memory.newest())


def context(beat: Beat, query: Mapping[str, str]) -> dict[str, Any]:
    """Of the whole page: every region as it is now."""
    on = as_chosen(beat.market, query)
    known = shared(beat, on)
    for part in (*MOVING.values(), *CALMER.values(), *RESTING.values(), summary_part):
        known |= part(beat, on)
    return known | {"asked": dict(query), "homes": HOMES, "sides": SIDES, "bases": BASES}


def _parts(known: Showing, market: Market) -> Parts:
    return Parts(known.beat(market))


def _html(name: str, part: Part, parts: Callable[[], Parts], view: View) -> bytes:
    seen = Viewer(view.lang, view.zone)
    return fragment(seen, "dashboard.html", name, **parts().of(part, view.query))


LIVE = (DashboardLive, DashboardCalmer, DashboardResting)
