"""SYSTEM, live: venues, latencies and the archive, as often as they are read."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from app.routers.render import Viewer, fragment
from app.routers.watching.health import archive_part, latency_part, market_part
from app.runtime.streams.board import View
from app.runtime.streams.hub import Hub

if TYPE_CHECKING:
    from app.runtime.market import Market

PAGE = "system"
# Region → what its block needs. The block has the region's name.
REGIONS: dict[str, Callable[[Market], dict[str, Any]]] = {
    "market": market_part,
    "venues": market_part,
    "latencies": latency_part,
    "archive": archive_part,
}


class SystemLive:
    hz = 2

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def __call__(self, market: Market) -> None:
        for name, part in REGIONS.items():
            self._hub.fragment(PAGE, name, partial(_html, name, cache(partial(part, market))))


def _html(name: str, part: Callable[[], dict[str, Any]], view: View) -> bytes:
    seen = Viewer(view.lang, view.zone)
    return fragment(seen, "system.html", name, **part())


def context(market: Market) -> dict[str, Any]:
    """Of the whole page: every region as it is now."""
    return market_part(market) | latency_part(market) | archive_part(market)


LIVE = (SystemLive,)
