"""Board: the current state of every topic and page region, and the messages made from it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime

import msgspec
import structlog

from app.runtime.streams import framing
from app.texts import Language

log = structlog.get_logger("kimp.streams")

# What a program may listen to, in the order of the first messages. Nothing else exists.
TOPICS: dict[str, str] = {
    "prices": "last price of every instrument",
    "premiums": "premium of every route, all bases",
    "opportunities": "what a detector has found",
    "cycles": "arbitrage cycles and their states",
    "stats": "statistics of finished trades",
    "backtests": "backtests, sweeps and walk-forwards with their progress",
    "health": "state of the process, its workers, the database and the venues",
}

# What every page shows around its own regions; every page's stream carries it.
FRAME = "frame"

NUMBERED = re.compile(r"[a-z]-[0-9]{1,18}")
TICKER = re.compile(r"[\w$.-]{1,32}")
# Pages with a stream, and how those of their things are named that have one of their own
# (`backtests/b-3`, `markets/XRP`).
PAGES: dict[str, re.Pattern[str] | None] = {
    FRAME: None,
    "dashboard": None,
    "opportunities": NUMBERED,
    "markets": TICKER,
    "data": NUMBERED,
    "backtests": NUMBERED,
    "system": None,
    "cycles": NUMBERED,
    "orders": None,
    "wallets": None,
    "risk": None,
    "performance": None,
}
# What a viewer may choose in the address of a page's stream, as in the page's own.
CHOICES: dict[str, tuple[str, ...]] = {
    "dashboard": ("home", "size", "basis", "side"),
    "opportunities": ("tab", "q", "detector", "net", "sort", "shown"),
    "markets": ("q", "only", "sort", "page", "side", "size", "route", "unit"),
    "cycles": ("tab", "base", "cursor"),
    "orders": ("kind", "state", "venue", "cycle", "cursor"),
    "wallets": ("unit", "dust"),
    "performance": ("days",),
}
CHOICE_LETTERS_MAX = 64
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")

# Things whose regions are kept for a late listener; the longest unchanged are forgotten first.
THINGS_KEPT_MAX = 256

# Of one region, so many views' bytes are kept.
VIEWS_KEPT_MAX = 128

# Of a topic, key → its JSON, or None where the item is gone.
Changes = dict[str, bytes | None]


class View(msgspec.Struct, frozen=True):
    """How one viewer reads a page. zone: IANA name of the time zone. query: what was chosen."""

    lang: Language
    zone: str
    query: tuple[tuple[str, str], ...] = ()

    @property
    def plain(self) -> View:
        """Without what was chosen for one page."""
        return View(self.lang, self.zone) if self.query else self


Render = Callable[[View], bytes | None]

# Of one round: page and how it is read → its events.
Told = dict[tuple[str, View], list[bytes]]


class Region:
    """One part of a page. Rendered when somebody who is listening needs it, once for each view."""

    __slots__ = ("_made", "_make", "_sent", "name")

    def __init__(self, name: str, make: Callable[[View], bytes], before: Region | None) -> None:
        self.name = name
        self._make = make
        self._made: dict[View, bytes] = {}
        # What everybody who listens has by now; what is equal to it is not sent again.
        self._sent: dict[View, bytes] = {} if before is None else before._sent

    def news(self, view: View) -> bytes:
        """For all who listen: nothing when they have it."""
        made = self.event(view)
        if self._sent.get(view) == made:
            return b""
        if len(self._sent) >= VIEWS_KEPT_MAX:
            self._sent.clear()
        self._sent[view] = made
        return made

    def state(self, view: View) -> bytes:
        """For one who comes: the others may have something older."""
        made = self.event(view)
        if self._sent.get(view) != made:
            self._sent.pop(view, None)
        return made

    def event(self, view: View) -> bytes:
        made = self._made.get(view)
        if made is None:
            try:
                made = self._make(view)
            except Exception:
                # One region's bug must not silence the others, nor come back ten times a second.
                log.exception("region_not_rendered", region=self.name, lang=view.lang)
                made = b""
            if len(self._made) >= VIEWS_KEPT_MAX:
                self._made.clear()
            self._made[view] = made
        return made


class Board:
    """Holds state; knows no client and no clock but the one that it is given."""

    def __init__(self, now_ns: Callable[[], int]) -> None:
        self._now_ns = now_ns
        self._sequence = 0
        self._encode = msgspec.json.Encoder().encode
        self._topics: dict[str, dict[str, bytes]] = {topic: {} for topic in TOPICS}
        self._full: dict[str, bytes] = {}
        self._pages: dict[str, dict[str, Region]] = {}

    def put(self, topic: str, items: Mapping[str, object], remove: Iterable[str]) -> Changes:
        """Take over new values and say what really changed. Values are encoded here, once."""
        state = self._topics[topic]
        changes: Changes = {}
        for key, value in items.items():
            encoded = self._encode(value)
            if state.get(key) != encoded:
                state[key] = changes[key] = encoded
        for key in remove:
            if state.pop(key, None) is not None:
                changes[key] = None
        if changes:
            self._full.pop(topic, None)
        return changes

    def items(self, topic: str) -> Mapping[str, bytes]:
        """The JSON of every item of a topic."""
        return self._topics[topic]

    def full(self, topic: str) -> bytes:
        """The topic's whole state as an event; many clients may ask at once after a restart."""
        if topic not in self._full:
            self._full[topic] = b",".join(self._topics[topic].values())
        return self._message(topic, b"true", self._full[topic], b"[]")

    def delta(self, topic: str, changes: Changes) -> bytes:
        """What changed in a topic, as an event."""
        items = b",".join([json for json in changes.values() if json is not None])
        gone = [key for key, json in changes.items() if json is None]
        return self._message(topic, b"false", items, self._encode(gone))

    def _message(self, topic: str, full: bytes, items: bytes, remove: bytes) -> bytes:
        now = datetime.fromtimestamp(self._now_ns() / 1e9, UTC)
        at = now.strftime("%Y-%m-%dT%H:%M:%S.%fZ").encode()
        data = b'{"at":"%b","full":%b,"items":[%b],"remove":%b}' % (at, full, items, remove)
        return self._numbered(framing.event(topic, data))

    def _numbered(self, event: bytes) -> bytes:
        self._sequence += 1
        return framing.numbered(self._sequence, event)

    def put_fragment(self, page: str, region: str, render: Render) -> None:
        """New content of the element whose id is `region`; None leaves it as it is."""

        def made(view: View) -> bytes:
            html = render(view)
            return b"" if html is None else framing.fragment(region, html)

        self._put_region(page, region, made)

    def put_signal(self, page: str, name: str, value: object) -> None:
        """New value of a named DOM event, the same for every viewer."""
        event = framing.event(name, self._encode(value))
        self._put_region(page, name, lambda _: event, again=True)

    def _put_region(
        self, page: str, name: str, make: Callable[[View], bytes], *, again: bool = False
    ) -> None:
        """again: an equal value is news too."""
        assert is_page(page), page
        assert _NAME.fullmatch(name), name
        regions = self._pages.pop(page, {})
        self._pages[page] = regions  # the most recently changed page stands last
        regions[name] = Region(name, make, None if again else regions.get(name))
        if "/" in page:
            things = [known for known in self._pages if "/" in known]
            for oldest in things[:-THINGS_KEPT_MAX]:
                del self._pages[oldest]

    def forget(self, page: str) -> None:
        """The page's thing is gone."""
        self._pages.pop(page, None)

    def page(self, page: str, view: View) -> bytes:
        """Every region of a page and of the frame around it, as events."""
        parts = {page: view, FRAME: view.plain}
        events = [
            region.state(seen)
            for part, seen in parts.items()
            for region in self._pages.get(part, {}).values()
        ]
        return b"".join([self._numbered(event) for event in events if event])

    def news(
        self, page: str, changed: Mapping[str, Iterable[str]], view: View, told: Told
    ) -> bytes:
        """Regions of a page and of its frame that were put anew; changed: page → their names.

        told: what was news in this round. The frame is on many pages, and all of them hear it.
        """
        events: list[bytes] = []
        for part, seen in {page: view, FRAME: view.plain}.items():
            if (part, seen) not in told:
                known = self._pages.get(part, {})
                names = [name for name in changed.get(part, ()) if name in known]
                told[part, seen] = [known[name].news(seen) for name in names]
            events += told[part, seen]
        return b"".join([self._numbered(event) for event in events if event])


def is_page(page: str) -> bool:
    """Whether a page, or a page's thing, has a stream: `backtests`, `backtests/b-3`."""
    name, slash, thing = page.partition("/")
    if name not in PAGES:
        return False
    named = PAGES[name]
    return not slash or (named is not None and named.fullmatch(thing) is not None)


def chosen(page: str, asked: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """What of an address the page knows, in its own order; ValueError names what is too long."""
    names = CHOICES.get(page.partition("/")[0], ())
    for name in names:
        if len(asked.get(name, "")) > CHOICE_LETTERS_MAX:
            raise ValueError(name)
    return tuple((name, asked[name]) for name in names if asked.get(name))
