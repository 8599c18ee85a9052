"""Broadcast: runs and studies as items of the stream's topic `backtests`."""

from __future__ import annotations

from collections import OrderedDict

from app.domain.records import RunRow, StudyRow
from app.ledger import queries
from app.ledger.database import Database
from app.runtime.streams.hub import Hub
from app.runtime.work.bodies import RunBody, StudyBody, run_body, study_body
from app.runtime.work.changes import Record

TOPIC = "backtests"
ITEMS_MAX = 100  # the topic's state; older ones are read through the API


class Broadcast:
    """Keeps the topic at the newest records; each item is what the list route gives."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._shown: OrderedDict[str, None] = OrderedDict()

    async def open(self, db: Database) -> None:
        """The current state first."""
        runs, _ = await db.read(queries.list_runs, ITEMS_MAX // 2)
        studies, _ = await db.read(queries.list_studies, ITEMS_MAX // 2)
        rows: list[RunRow | StudyRow] = sorted([*runs, *studies], key=lambda row: row.created_at_ns)
        for row in rows:
            self.tell(row.id, row)

    def tell(self, public_id: str, record: Record | None) -> None:
        """A listener of Changes. Uploads are not part of the topic."""
        if isinstance(record, RunRow | StudyRow):
            self._shown.setdefault(public_id)
            gone = [self._shown.popitem(last=False)[0]] if len(self._shown) > ITEMS_MAX else []
            self._hub.publish(TOPIC, {public_id: _body(record)}, gone)
        elif record is None and public_id in self._shown:
            del self._shown[public_id]
            self._hub.publish(TOPIC, {}, [public_id])


def _body(row: RunRow | StudyRow) -> RunBody | StudyBody:
    return run_body(row) if isinstance(row, RunRow) else study_body(row)
