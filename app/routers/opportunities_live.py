"""OPPORTUNITIES, live: the list at every beat, what is explained and why not twice a second."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from functools import cache, partial
from typing import TYPE_CHECKING, Any

import structlog

from app.domain.live import Explanation, Opportunity
from app.domain.policy import Policy
from app.domain.problems import Problem
from app.routers.render import Viewer, fragment
from app.routers.watching.explaining import explained
from app.routers.watching.opportunities import Filters, counts, filters, rows
from app.routers.watching.showing import Beat, Showing, showing
from app.runtime.streams.board import View
from app.runtime.streams.hub import Hub

if TYPE_CHECKING:
    from app.runtime.market import Market

log = structlog.get_logger("kimp.pages")

PAGE = "opportunities"
# So many things are explained anew at each beat; more viewers than that see theirs less often.
EXPLAINED_MAX = 16


def list_part(
    beat: Beat, on: Filters, closed: Sequence[Opportunity] = (), asked: Mapping[str, str] = {}
) -> dict[str, Any]:
    """asked: the address's choices, so that links keep them."""
    near = max(
        beat.market.near_misses(),
        key=lambda miss: miss.premium.realizable_bps or -1e9,
        default=None,
    )
    return {
        "rows": rows(beat, on, closed),
        "filters": on,
        "asked": _kept(asked),
        "nearest": near,
        "policy": beat.market.policy,
        "feeds_now": beat.market.feeds,
        "now_ns": beat.at_ns,
    }


def why_part(beat: Beat) -> dict[str, Any]:
    found = sorted(beat.market.refusals(), key=lambda row: -row.count)
    return {"refusals": found, "feeds_now": beat.market.feeds}


def explain_part(found: Explanation | None, policy: Policy) -> dict[str, Any]:
    return {"x": explained(found, policy) if found else None}


class OpportunitiesLive:
    """The list of every tab but the closed ones, which do not move, and the counts."""

    hz = 10

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._showing = showing(hub)

    def __call__(self, market: Market) -> None:
        beat = cache(partial(_beat, self._showing, market))
        self._hub.fragment(PAGE, "opps", partial(_list_html, beat))
        self._hub.fragment(PAGE, "tabs", partial(_tabs_html, beat))


class OpportunitiesResting:
    """Why not, and the explanations that somebody reads while their routes are still open."""

    hz = 2

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._showing = showing(hub)
        self._known: dict[str, Explanation] = {}
        self._asking: asyncio.Task[None] | None = None

    def __call__(self, market: Market) -> None:
        beat = cache(partial(_beat, self._showing, market))
        self._hub.fragment(PAGE, "why", partial(_why_html, beat))
        views = self._hub.followed().get(PAGE, ())
        wanted = {shown for view in views if (shown := dict(view.query).get("shown"))}
        if wanted and (self._asking is None or self._asking.done()):
            self._asking = asyncio.create_task(self._explain(market, sorted(wanted)))

    async def _explain(self, market: Market, wanted: Sequence[str]) -> None:
        """What has ended is read once more, then stays as it is."""
        known = {id_: found for id_, found in self._known.items() if id_ in wanted}
        for id_ in wanted[:EXPLAINED_MAX]:
            before = known.get(id_)
            if before is not None and before.opportunity.closed_at_ns is not None:
                continue
            try:
                known[id_] = await market.explain(id_)
            except Problem:
                known.pop(id_, None)
        self._known = known
        self._hub.fragment(PAGE, "explain", partial(_explain_html, dict(known), market.policy))


def _beat(known: Showing, market: Market) -> Beat:
    return known.beat(market)


def _kept(asked: Mapping[str, str]) -> dict[str, str]:
    """What links go on with: which one is explained is said by the path."""
    return {name: value for name, value in asked.items() if name != "shown"}


def _seen(view: View) -> tuple[Viewer, Filters]:
    return Viewer(view.lang, view.zone), filters(dict(view.query))


def _list_html(beat: Callable[[], Beat], view: View) -> bytes | None:
    seen, on = _seen(view)
    if on.tab == "closed":
        return None
    return fragment(
        seen, "opportunities.html", "opps", **list_part(beat(), on, (), dict(view.query))
    )


def _tabs_html(beat: Callable[[], Beat], view: View) -> bytes:
    seen, on = _seen(view)
    known = {"counts": counts(beat()), "filters": on, "asked": _kept(dict(view.query))}
    return fragment(seen, "opportunities.html", "tabs", **known)


def _why_html(beat: Callable[[], Beat], view: View) -> bytes:
    seen, _ = _seen(view)
    return fragment(seen, "opportunities.html", "why", **why_part(beat()))


def _explain_html(known: Mapping[str, Explanation], policy: Policy, view: View) -> bytes | None:
    seen, on = _seen(view)
    found = known.get(on.shown)
    if found is None:
        return None
    return fragment(seen, "opportunities.html", "explain", **explain_part(found, policy))


LIVE = (OpportunitiesLive, OpportunitiesResting)
