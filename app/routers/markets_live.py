"""MARKETS, live: the list twice a second; an open coin's books and routes at every other beat."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import cache, partial
from typing import TYPE_CHECKING, Any

from app.routers.render import Viewer, fragment
from app.routers.watching import coin, ladder
from app.routers.watching.markets import COLUMNS, ONLY, SORTS, counts, filters, listing
from app.routers.watching.showing import Beat, Showing, showing
from app.runtime.streams.board import View
from app.runtime.streams.hub import Hub

if TYPE_CHECKING:
    from app.runtime.market import Market

PAGE = "markets"
Query = tuple[tuple[str, str], ...]


def list_part(beat: Beat, asked: Mapping[str, str]) -> dict[str, Any]:
    """asked: the address's choices, so that links keep them."""
    on = filters(asked)
    return {
        "listing": listing(beat, on),
        "counts": counts(beat),
        "filters": on,
        "asked": dict(asked),
        "columns": COLUMNS,
        "all_only": ONLY,
        "sorts": SORTS,
        "policy": beat.market.policy,
        "feeds_now": beat.market.feeds,
    }


def coin_part(beat: Beat, base: str, asked: Mapping[str, str]) -> dict[str, Any]:
    """Everything of one coin's page."""
    policy = beat.market.policy
    on = coin.view(asked, policy)
    charted = coin.charted(beat, base, on)
    return {
        "base": base,
        "coin": beat.markets.get(base),
        "on": on,
        "asked": dict(asked),
        "path": f"/markets/{base}",
        "books": ladder.books(beat, base, on.unit),
        "units": ladder.UNITS,
        "sides": coin.SIDES,
        "routes": coin.lines_of(beat, base, on),
        "charted": charted,
        "charted_key": coin.route_key(charted) if charted else "",
        "point": coin.point(charted),
        "networks": coin.networks(beat, base),
        "happened": coin.events(beat, base),
        "policy": policy,
        "feeds_now": beat.market.feeds,
    }


class MarketsLive:
    """The list of coins."""

    hz = 2

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._showing = showing(hub)

    def __call__(self, market: Market) -> None:
        beat = cache(partial(_beat, self._showing, market))
        part = cache(partial(_list_part, beat))
        for region in ("listing", "only"):
            self._hub.fragment(PAGE, region, partial(_list_html, part, region))


class CoinLive:
    """The pages of coins that somebody has open; of the others nothing is kept."""

    hz = 5
    regions: tuple[str, ...] = ("books", "routes", "newest")

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._showing = showing(hub)

    def __call__(self, market: Market) -> None:
        pages = [page for page in self._hub.followed() if page.startswith(f"{PAGE}/")]
        if not pages:
            return
        beat = cache(partial(_beat, self._showing, market))
        for page in pages:
            part = cache(partial(_coin_part, beat, page.removeprefix(f"{PAGE}/")))
            for region in self.regions:
                self._hub.fragment(page, region, partial(_coin_html, part, region))


class CoinResting(CoinLive):
    """What is read, not watched."""

    hz = 1
    regions = ("networks", "happened", "standing")


def _beat(known: Showing, market: Market) -> Beat:
    return known.beat(market)


def _list_part(beat: Callable[[], Beat], query: Query) -> dict[str, Any]:
    return list_part(beat(), dict(query))


def _coin_part(beat: Callable[[], Beat], base: str, query: Query) -> dict[str, Any]:
    return coin_part(beat(), base, dict(query))


def _list_html(part: Callable[[Query], dict[str, Any]], region: str, view: View) -> bytes:
    seen = Viewer(view.lang, view.zone)
    return fragment(seen, "markets.html", region, **part(view.query))


def _coin_html(part: Callable[[Query], dict[str, Any]], region: str, view: View) -> bytes:
    seen = Viewer(view.lang, view.zone)
    return fragment(seen, "coin.html", region, **part(view.query))


LIVE = (MarketsLive, CoinLive, CoinResting)
