"""Headless: feeds and engine without pages or archive, recorded from the first event on.

With `trades` PAPER runs beside it, on a ledger of its own (`rehearsal`).
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

from msgspec.structs import replace

from app.domain.events import Event, PolicyChanged, Ticked
from app.domain.facts import OpportunityOpened
from app.domain.policy import Policy
from app.domain.venues import Venue
from app.exchanges import EXCHANGES
from app.exchanges.signing import Keys
from app.runtime.feeds.demo import Demo
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.feeds.feeds import Feeds
from app.runtime.recording import Ending, Header, Recorder
from app.runtime.replay import Digest, engine_of
from app.runtime.trading.joining import PAPER
from app.runtime.trading.rehearsal import Rehearsal, rehearsing
from app.runtime.trading.session import TRADING

TICK_S = 0.1


class Wanted(NamedTuple):
    """feeds: demo or live. seconds: 0 until told to stop. words: further options of the demo.

    trades: settings of a PAPER that trades; None: the engine only looks.
    """

    feeds: str
    venues: tuple[Venue, ...]
    endpoints: Mapping[Venue, Endpoint]
    keys: Mapping[Venue, Keys]
    fx_urls: Sequence[str]
    channels: Mapping[Venue, str]
    policy: Policy
    seconds: float
    bytes_max: int
    words: Sequence[str] = ()
    trades: Mapping[str, object] | None = None


class Recorded(NamedTuple):
    ending: Ending
    bytes: int
    opportunities: int


async def record(
    path: Path, wanted: Wanted, stop: asyncio.Event, told: Callable[[Recorder], None]
) -> Recorded:
    """Until `stop`, the time, or the file's limit. told: about once a second.

    Raises OSError where the file cannot be made, demo.CannotStart.
    """
    if wanted.trades is None:
        return await _record(path, wanted, stop, told, None)
    async with rehearsing(wanted.trades) as rehearsal:
        return await _record(path, wanted, stop, told, rehearsal)


async def _record(
    path: Path,
    wanted: Wanted,
    stop: asyncio.Event,
    told: Callable[[Recorder], None],
    rehearsal: Rehearsal | None,
) -> Recorded:
    header = Header(wanted.venues, wanted.policy, 1, wanted.feeds, time.time_ns())
    if rehearsal is not None:
        header = replace(header, mode=PAPER, deployment=rehearsal.deployment, epoch=rehearsal.epoch)
    recorder = Recorder(path, header, bytes_max=wanted.bytes_max)
    demo = await Demo.start(wanted.words) if wanted.feeds == "demo" else None
    engine, digest = engine_of(header), Digest()
    opportunities = 0

    def take(event: Event) -> None:
        nonlocal opportunities
        recorder.note(event)
        if recorder.reason is not None:  # it is not in the file, so it must not have happened
            return
        taken = engine.step(event)
        if taken.facts or taken.commands:
            digest.take(taken)
            opportunities += sum(isinstance(fact, OpportunityOpened) for fact in taken.facts)
            sends = [each for each in taken.commands if type(each) in TRADING]
            for command in taken.commands:
                if type(command) not in TRADING:
                    feeds.do(command)
            if rehearsal is not None:
                rehearsal.take(taken.facts, sends)

    places = wanted.endpoints if demo is None else demo.endpoints
    feeds = Feeds(
        take,
        exchanges={venue: EXCHANGES[venue] for venue in wanted.venues},
        endpoints={venue: places.get(venue, Endpoint()) for venue in wanted.venues},
        keys=wanted.keys if demo is None else demo.keys,
        fx_urls=wanted.fx_urls if demo is None else demo.fx_urls,
        channels=wanted.channels,
    )
    try:
        take(PolicyChanged(feeds.clock.at_ns(), wanted.policy))
        await feeds.start()
        if rehearsal is not None:
            await rehearsal.begin(engine, take, feeds.clock, wanted.venues)
        await _sit(wanted.seconds, stop, recorder, lambda: take(Ticked(feeds.clock.at_ns())), told)
        if rehearsal is not None:
            await rehearsal.end()
        await feeds.stop()
    finally:
        if demo is not None:
            await demo.stop()
        ending = await asyncio.to_thread(
            recorder.close, digest.end(engine.rack), digest.decisions, digest.decided
        )
    return Recorded(ending, recorder.bytes, opportunities)


async def _sit(
    seconds: float,
    stop: asyncio.Event,
    recorder: Recorder,
    tick: Callable[[], None],
    told: Callable[[Recorder], None],
) -> None:
    began_s = told_s = time.monotonic()
    while recorder.reason is None and not stop.is_set():
        await asyncio.sleep(TICK_S)
        tick()
        now_s = time.monotonic()
        if now_s - told_s >= 1:
            told_s = now_s
            told(recorder)
        if seconds and now_s - began_s >= seconds:
            return
