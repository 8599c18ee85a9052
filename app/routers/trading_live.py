"""TRADING, live: cycles, orders, wallets, risk and the masthead, told to the pages that are open.

They read the ledger, so nobody's market beat waits for them: one task reads what open pages show,
twice a second (the page of one cycle four times), and nothing while no page is open. What did not
change is not sent again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import structlog

from app.domain.problems import Problem
from app.routers.render import Viewer, fragment
from app.routers.trading.cycle import one
from app.routers.trading.cycles import listed
from app.routers.trading.masthead import masthead
from app.routers.trading.orders import orders
from app.routers.trading.performance import performance
from app.routers.trading.readouts import readouts
from app.routers.trading.risk import risk
from app.routers.trading.wallets import wallets
from app.runtime.desk import Desk
from app.runtime.streams.board import FRAME, View

log = structlog.get_logger("kimp.pages")

BEAT_S = 0.25
FRAME_BEATS = 4
THINGS_MAX = 16
"""So many cycles are read at each beat; more viewers than that see theirs less often."""

Query = tuple[tuple[str, str], ...]
Read = Callable[[Desk, Mapping[str, str], str], Awaitable[dict[str, Any]]]


@dataclass(frozen=True, slots=True)
class Shown:
    """A page: who reads it, its template and regions, and every how many beats."""

    template: str
    regions: tuple[str, ...]
    read: Read
    beats: int = 2


PAGES: dict[str, Shown] = {
    "cycles": Shown("cycles.html", ("tabs", "rows"), listed),
    "orders": Shown("orders.html", ("unsure", "rows", "tabs"), orders),
    "wallets": Shown(
        "wallets.html",
        ("strip", "balances", "networks", "transfers", "korea", "rebalance", "sums"),
        wallets,
        beats=4,
    ),
    "risk": Shown("risk.html", ("now", "limits", "breakers", "changes"), risk, beats=4),
    "performance": Shown("performance.html", ("figures", "days"), performance, beats=8),
    "dashboard": Shown("dashboard.html", ("readouts",), readouts, beats=4),
}
CYCLE = Shown(
    "cycle.html",
    ("top", "actions", "meta", "track", "lanes", "intents", "matrix", "compared", "places",
     "ways", "events", "journal", "factsretry", "factscompensate", "factsclose"),
    one,
    beats=1,
)  # fmt: skip
THING = "cycles/"


class TradingLive:
    def __init__(self, here: Desk) -> None:
        self._here = here
        self._beat = 0
        self._turn = 0

    async def run(self) -> None:
        """Until it is cancelled. A page that cannot be read now is tried at its next beat."""
        while True:
            await asyncio.sleep(BEAT_S)
            followed = self._here.hub.followed()
            if followed:
                await self.beat(followed)

    async def beat(self, followed: Mapping[str, set[View]]) -> None:
        self._beat += 1
        if self._beat % FRAME_BEATS == 0:
            await self._frame()
        for page, views in followed.items():
            shown = PAGES.get(page)
            if shown is not None and self._beat % shown.beats == 0:
                await self._page(page, shown, {view.query for view in views}, "")
        things = sorted(page for page in followed if page.startswith(THING))
        for page in self._some(things):
            await self._page(page, CYCLE, {()}, page.removeprefix(THING))

    def _some(self, things: list[str]) -> list[str]:
        if len(things) <= THINGS_MAX:
            return things
        self._turn = (self._turn + THINGS_MAX) % len(things)
        return (things + things)[self._turn : self._turn + THINGS_MAX]

    async def _frame(self) -> None:
        mast, feeds = await masthead(self._here), self._here.feeds
        for region in ("trading", "opencycles"):
            known = {"mast": mast, "feeds": feeds}
            self._here.hub.fragment(FRAME, region, partial(_fixed, "masthead.html", region, known))

    async def _page(self, page: str, shown: Shown, queries: set[Query], thing: str) -> None:
        known: dict[Query, dict[str, Any]] = {}
        for query in queries:
            try:
                known[query] = await shown.read(self._here, dict(query), thing)
            except Problem as problem:
                log.debug("page_not_read", page=page, code=problem.code)
        for region in shown.regions:
            make = partial(_html, shown.template, region, known)
            self._here.hub.fragment(page, region, make)


def _html(
    template: str, region: str, known: Mapping[Query, dict[str, Any]], view: View
) -> bytes | None:
    context = known.get(view.query)
    if context is None or dict(view.query).get("cursor"):
        return None
    return _fixed(template, region, context, view)


def _fixed(template: str, region: str, context: dict[str, Any], view: View) -> bytes:
    return fragment(Viewer(view.lang, view.zone), template, region, **context)
