"""Outages: venues of the demo that are shut on purpose, so that a rescue can be rehearsed."""

from __future__ import annotations

import json
import time
from collections.abc import Mapping
from typing import NamedTuple

import structlog

from app.domain.problems import Problem
from app.domain.times import SECOND_NS
from app.domain.venues import Venue
from app.net.egress import Egress
from app.net.http import Http, Unanswered
from app.runtime.feeds.endpoints import Endpoint

log = structlog.get_logger("kimp.demo")

SECONDS_MAX = 600
PATIENCE_S = 5.0
FAULTS = "/__sim/faults"


class Outage(NamedTuple):
    """Of one venue: its lines are cut and its answers are refusals until then."""

    venue: Venue
    fault_id: str
    until_ns: int


class Outages:
    """Of one simulator; another one that takes its place knows none."""

    def __init__(self, endpoints: Mapping[Venue, Endpoint]) -> None:
        self._urls = {venue: each.rest or "" for venue, each in endpoints.items()}
        egress = Egress()
        for url in self._urls.values():
            egress.allow(url)
        self._http = Http(egress, total_s=PATIENCE_S)
        self._now: dict[Venue, Outage] = {}

    def now(self) -> tuple[Outage, ...]:
        at_ns = time.time_ns()
        return tuple(each for each in self._now.values() if each.until_ns > at_ns)

    def forget(self) -> None:
        self._now.clear()

    async def begin(self, venue: Venue, seconds: int) -> None:
        """Longer or shorter where there is one already."""
        await self.end(venue)
        asked = {"kind": "maintenance", "seconds": seconds}
        told = await self._ask("POST", venue, FAULTS, json.dumps(asked).encode())
        until_ns = time.time_ns() + seconds * SECOND_NS
        self._now[venue] = Outage(venue, str(told["id"]), until_ns)
        log.warning("demo_outage", venue=venue, seconds=seconds)

    async def end(self, venue: Venue) -> None:
        known = self._now.pop(venue, None)
        if known is not None and known.until_ns > time.time_ns():
            await self._ask("DELETE", venue, f"{FAULTS}/{known.fault_id}")

    async def stop(self) -> None:
        await self._http.close()

    async def _ask(
        self, method: str, venue: Venue, path: str, body: bytes = b""
    ) -> Mapping[str, object]:
        """Problem not_ready: the simulator is just being started anew."""
        headers = {"content-type": "application/json"}
        try:
            answer = await self._http.ask(method, self._urls[venue] + path, headers, body)
        except Unanswered as silent:
            raise Problem("not_ready") from silent
        found: Mapping[str, object] = json.loads(answer.body)
        if answer.status not in {200, 404}:
            raise Problem("conflict", values={"reason": str(found.get("error", answer.status))})
        return found
