"""Changes: tells pages and streams what becomes of uploads, runs and studies, not too often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from app.domain.records import RunRow, StudyRow, UploadRow
from app.runtime.work.limits import TELL_INTERVAL_S

Record = UploadRow | RunRow | StudyRow
Listener = Callable[[str, Record | None], None]


class Changes:
    """A listener gets (public id, newest record), or (public id, None) once it was deleted.

    Of one record at most one change is told every TELL_INTERVAL_S; the newest wins, none that
    stays the newest is lost.
    """

    def __init__(self) -> None:
        self._listeners: list[Listener] = []
        self._newest: dict[str, Record] = {}
        self._quiet: dict[str, asyncio.TimerHandle] = {}

    def listen(self, listener: Listener) -> None:
        self._listeners.append(listener)

    def progress(self, record: Record) -> None:
        """A figure moved; may be told a little later, or not at all when the next one is here."""
        self._newest[record.id] = record
        if record.id not in self._quiet:
            self._tell_newest(record.id)

    def settle(self, record: Record) -> None:
        """A state was entered; told at once, and nothing older after it."""
        self._forget(record.id)
        self._tell(record.id, record)

    def gone(self, public_id: str) -> None:
        """It was deleted."""
        self._forget(public_id)
        self._tell(public_id, None)

    def stop(self) -> None:
        for public_id in list(self._quiet):
            self._forget(public_id)

    def _tell_newest(self, public_id: str) -> None:
        self._quiet.pop(public_id, None)
        record = self._newest.pop(public_id, None)
        if record is not None:
            loop = asyncio.get_running_loop()
            self._quiet[public_id] = loop.call_later(TELL_INTERVAL_S, self._tell_newest, public_id)
            self._tell(public_id, record)

    def _forget(self, public_id: str) -> None:
        self._newest.pop(public_id, None)
        timer = self._quiet.pop(public_id, None)
        if timer is not None:
            timer.cancel()

    def _tell(self, public_id: str, record: Record | None) -> None:
        for listener in self._listeners:
            listener(public_id, record)
