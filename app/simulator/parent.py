"""Parent: who started the simulator may shut its venues, a line each on standard input.

`shut VENUE SECONDS` puts a venue into maintenance for so long, instead of what it was told before;
`open VENUE` ends that. The end of the input is the end of the simulator.
"""

from __future__ import annotations

import asyncio
import os
import sys
from collections.abc import Mapping

from app.simulator.faults import Fault
from app.simulator.part import Part

STDIN = 0
LINE_BYTES_MAX = 4_096


class Parent:
    """Lives on the simulator's loop; reads in a thread of its own."""

    def __init__(self, parts: Mapping[str, Part], stop: asyncio.Event) -> None:
        self._parts = parts
        self._stop = stop
        self._shut: dict[str, Fault] = {}

    def read(self, loop: asyncio.AbstractEventLoop) -> None:
        """Until the input ends."""
        # not sys.stdin: its lock, held by a daemon thread, aborts the interpreter at its end
        rest = b""
        while some := os.read(STDIN, LINE_BYTES_MAX):
            *lines, rest = (rest + some).split(b"\n")
            for line in lines:
                loop.call_soon_threadsafe(self.told, line.decode(errors="replace"))
            rest = rest[-LINE_BYTES_MAX:]
        loop.call_soon_threadsafe(self._stop.set)

    def told(self, line: str) -> None:
        match line.split():
            case ["shut", venue, seconds] if venue in self._parts and seconds.isdecimal():
                self._open(venue)
                asked = {"kind": "maintenance", "seconds": int(seconds)}
                self._shut[venue] = self._parts[venue].begin(asked)
            case ["open", venue] if venue in self._parts:
                self._open(venue)
            case _:
                sys.stderr.write(f"the simulator does not know: {line[:80]!r}\n")

    def _open(self, venue: str) -> None:
        fault = self._shut.pop(venue, None)
        if fault is not None:
            self._parts[venue].faults.remove(fault)
