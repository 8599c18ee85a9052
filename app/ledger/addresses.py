"""Addresses: where coins may be sent in LIVE. A history that is only added to, each row sealed
with a key that the database does not know, over itself and the row before, and a sealed count of
all rows: an edit shows, wherever it was made."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Sequence

import msgspec
import sqlalchemy as sa

from app.domain.times import SECOND_NS
from app.domain.transfers import DepositAddress
from app.domain.venues import Venue
from app.ledger import clock, rows
from app.ledger.columns import NOTE_CHARS
from app.ledger.conflicts import insert_new
from app.ledger.secret_tables import withdrawal_address_head as head
from app.ledger.trading_tables import withdrawal_address

ADD, REMOVE = "add", "remove"
WAIT_S = 86_400.0
"""How long after it was added an address must wait: time to notice a stranger's."""


class Entry(msgspec.Struct, frozen=True):
    """One row of the history. venue, network: the receiver's."""

    id: int
    action: str
    venue: Venue
    asset: str
    network: str
    address: str
    tag: str
    by: str
    at_ns: int
    active_from_ns: int
    seal: str


class Tampered(Exception):
    """A row was edited, added or taken out by somebody without the key."""


def add(
    conn: sa.Connection, address: DepositAddress, by: str, key: bytes, wait_s: float = WAIT_S
) -> Entry:
    """Allow it, from `wait_s` later on. Raises Tampered."""
    return _write(conn, ADD, address, by, key, wait_s)


def remove(conn: sa.Connection, address: DepositAddress, by: str, key: bytes) -> Entry:
    """Forbid it at once."""
    return _write(conn, REMOVE, address, by, key, 0.0)


def entries(conn: sa.Connection, key: bytes, *, lock: bool = False) -> list[Entry]:
    """What is allowed by now or soon, by venue and asset. Raises Tampered."""
    standing: dict[tuple[Venue, str, str, str, str], Entry] = {}
    for entry in history(conn, key, lock=lock):
        place = (entry.venue, entry.asset, entry.network, entry.address, entry.tag)
        if entry.action == ADD:
            standing.setdefault(place, entry)
        else:
            standing.pop(place, None)
    return [standing[place] for place in sorted(standing)]


def is_allowed(conn: sa.Connection, address: DepositAddress, at_ns: int, key: bytes) -> bool:
    """Whether coins may go there now; False as well where the history does not hold together.

    For a transaction that writes: nobody changes the list before it has ended.
    """
    try:
        known = entries(conn, key, lock=True)
    except Tampered:
        return False
    asked = (address.venue, address.asset, address.network, address.address, address.tag)
    return any(
        (entry.venue, entry.asset, entry.network, entry.address, entry.tag) == asked
        and entry.active_from_ns <= at_ns
        for entry in known
    )


def history(conn: sa.Connection, key: bytes, *, lock: bool = False) -> list[Entry]:
    """All rows, oldest first. Raises Tampered."""
    ends = sa.select(head.c["count"], head.c.seal)
    query = sa.select(withdrawal_address).order_by(withdrawal_address.c.id)
    if lock:  # both as they are now, whatever this transaction has read before
        ends, query = ends.with_for_update(read=True), query.with_for_update(read=True)
    end = conn.execute(ends).first()
    found = [Entry(**row._mapping) for row in conn.execute(query)]
    _check(found, None if end is None else (end[0], end[1]), key)
    return found


def _check(found: Sequence[Entry], end: tuple[int, str] | None, key: bytes) -> None:
    before = ""
    for entry in found:
        if not hmac.compare_digest(entry.seal, _seal(entry, before, key)):
            raise Tampered(f"withdrawal address {entry.id}")
        before = entry.seal
    count, seal = (0, _head_seal(0, "", key)) if end is None else end
    whole = hmac.compare_digest(seal, _head_seal(len(found), before, key))
    if count != len(found) or not whole:
        raise Tampered(f"{len(found)} withdrawal addresses of {count}")


def _write(
    conn: sa.Connection, action: str, address: DepositAddress, by: str, key: bytes, wait_s: float
) -> Entry:
    _one_after_another(conn, key)
    before = history(conn, key, lock=True)
    last = before[-1].seal if before else ""
    at_ns = clock.now_ns(conn)
    bare = Entry(
        id=0, action=action, venue=address.venue, asset=address.asset, network=address.network,
        address=address.address, tag=address.tag, by=rows.shown(by, NOTE_CHARS // 2), at_ns=at_ns,
        active_from_ns=at_ns + round(wait_s * SECOND_NS), seal="",
    )  # fmt: skip
    sealed = msgspec.structs.replace(bare, seal=_seal(bare, last, key))
    values = {name: getattr(sealed, name) for name in sealed.__struct_fields__ if name != "id"}
    made = conn.execute(withdrawal_address.insert().values(values))
    count = len(before) + 1
    end = {"count": count, "seal": _head_seal(count, sealed.seal, key)}
    conn.execute(head.update().values(end))
    return msgspec.structs.replace(sealed, id=rows.new_id(made))


def _one_after_another(conn: sa.Connection, key: bytes) -> None:
    """The first two of all may stand in each other's way (conflicts.is_conflict), nobody later."""
    locked = sa.select(head).with_for_update()
    if conn.execute(locked).first() is None:
        insert_new(conn, head, {"id": 1, "count": 0, "seal": _head_seal(0, "", key)})
        conn.execute(locked).one()


def _seal(entry: Entry, before: str, key: bytes) -> str:
    names = (name for name in entry.__struct_fields__ if name not in {"id", "seal"})
    said = json.dumps([before, *(str(getattr(entry, name)) for name in names)])
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()


def _head_seal(count: int, last: str, key: bytes) -> str:
    said = json.dumps(["head", count, last])
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()
