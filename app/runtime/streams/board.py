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

# Pages with a stream, and whether each of their things (`backtests/b-3`) has one of its own.
PAGES: dict[str, bool] = {
    "dashboard": False,
    "data": True,
    "backtests": True,
    "system": False,
}
_THING = re.compile(r"[a-z]-[0-9]{1,18}")
_NAME = re.compile(r"[a-z][a-z0-9-]{0,63}")

# Things whose regions are kept for a late listener; the longest unchanged are forgotten first.
THINGS_KEPT_MAX = 256

# Of a topic, key → its JSON, or None where the item is gone.
Changes = dict[str, bytes | None]


class View(msgspec.Struct, frozen=True):
    """How one viewer reads a page. zone: IANA name of the time zone."""

    lang: Language
    zone: str


Render = Callable[[View], bytes]


class Region:
    """One part of a page. Rendered when somebody who is listening needs it, once for each view."""

    __slots__ = ("_made", "_make", "name")

    def __init__(self, name: str, make: Callable[[View], bytes]) -> None:
        self.name = name
        self._make = make
        self._made: dict[View, bytes] = {}

    def event(self, view: View) -> bytes:
        made = self._made.get(view)
        if made is None:
            try:
                made = self._make(view)
            except Exception:
                # One region's bug must not silence the others, nor come back ten times a second.
                log.exception("region_not_rendered", region=self.name, lang=view.lang)
                made = b""
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
        """New content of the element whose id is `region`."""
        self._put_region(page, Region(region, lambda v: framing.fragment(region, render(v))))

    def put_signal(self, page: str, name: str, value: object) -> None:
        """New value of a named DOM event, the same for every viewer."""
        event = framing.event(name, self._encode(value))
        self._put_region(page, Region(name, lambda _: event))

    def _put_region(self, page: str, region: Region) -> None:
        assert is_page(page), page
        assert _NAME.fullmatch(region.name), region.name
        regions = self._pages.pop(page, {})
        self._pages[page] = regions  # the most recently changed page stands last
        regions[region.name] = region
        things = [known for known in self._pages if "/" in known]
        for oldest in things[:-THINGS_KEPT_MAX]:
            del self._pages[oldest]

    def forget(self, page: str) -> None:
        """The page's thing is gone."""
        self._pages.pop(page, None)

    def page(self, page: str, view: View) -> bytes:
        """Every region of a page, as events."""
        return self.regions(page, self._pages.get(page, {}), view)

    def regions(self, page: str, names: Iterable[str], view: View) -> bytes:
        """Some regions of a page, as events."""
        known = self._pages.get(page, {})
        events = [known[name].event(view) for name in names if name in known]
        return b"".join([self._numbered(event) for event in events if event])


def is_page(page: str) -> bool:
    """Whether a page, or a page's thing, has a stream: `backtests`, `backtests/b-3`."""
    name, slash, thing = page.partition("/")
    if name not in PAGES:
        return False
    return not slash or (PAGES[name] and _THING.fullmatch(thing) is not None)
