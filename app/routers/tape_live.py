"""TAPE, live: rates and lamps under the masthead, facts in the foot, on every open page."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache, partial
from typing import TYPE_CHECKING

from app.routers.render import Viewer, fragment
from app.routers.watching.tape import Foot, Tape, foot, tape
from app.runtime.streams.board import FRAME, View
from app.runtime.streams.hub import Hub

if TYPE_CHECKING:
    from app.runtime.market import Market


class TapeLive:
    """The tape at every beat. It is read from the market when somebody listens, once a beat."""

    hz = 10

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def __call__(self, market: Market) -> None:
        self._hub.fragment(FRAME, "tape", partial(_tape_html, cache(partial(tape, market))))


class FootLive:
    """What changes too fast to be read is told twice a second."""

    hz = 2

    def __init__(self, hub: Hub) -> None:
        self._hub = hub

    def __call__(self, market: Market) -> None:
        self._hub.fragment(FRAME, "facts", partial(_foot_html, cache(partial(foot, market))))


def _tape_html(shown: Callable[[], Tape], view: View) -> bytes:
    return fragment(Viewer(view.lang, view.zone), "tape.html", "tape", tape=shown())


def _foot_html(shown: Callable[[], Foot], view: View) -> bytes:
    return fragment(Viewer(view.lang, view.zone), "foot.html", "facts", foot=shown())


LIVE = (TapeLive, FootLive)
