"""Addresses: where coins may be sent in LIVE. A history that is only added to, each row sealed
with a key that the database does not know, over itself and the row before: an edit shows."""

from __future__ import annotations

import hashlib
import hmac
import json
from collections.abc import Iterable

import msgspec
import sqlalchemy as sa

from app.domain.transfers import DepositAddress
from app.domain.venues import Venue
from app.ledger import clock, rows
from app.ledger.columns import NOTE_CHARS
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


def entries(conn: sa.Connection, key: bytes) -> list[Entry]:
    """What is allowed by now or soon, by venue and asset. Raises Tampered."""
    standing: dict[tuple[Venue, str, str, str, str], Entry] = {}
    for entry in history(conn, key):
        place = (entry.venue, entry.asset, entry.network, entry.address, entry.tag)
        if entry.action == ADD:
            standing.setdefault(place, entry)
        else:
            standing.pop(place, None)
    return [standing[place] for place in sorted(standing)]


def is_allowed(conn: sa.Connection, address: DepositAddress, at_ns: int, key: bytes) -> bool:
    """Whether coins may go there now; False as well where the history does not hold together."""
    try:
        known = entries(conn, key)
    except Tampered:
        return False
    asked = (address.venue, address.asset, address.network, address.address, address.tag)
    return any(
        (entry.venue, entry.asset, entry.network, entry.address, entry.tag) == asked
        and entry.active_from_ns <= at_ns
        for entry in known
    )


def history(conn: sa.Connection, key: bytes) -> list[Entry]:
    """All rows, oldest first. Raises Tampered."""
    query = sa.select(withdrawal_address).order_by(withdrawal_address.c.id)
    found = [Entry(**row._mapping) for row in conn.execute(query)]
    _check(found, key)
    return found


def _check(found: Iterable[Entry], key: bytes) -> None:
    before = ""
    for entry in found:
        if not hmac.compare_digest(entry.seal, _seal(entry, before, key)):
            raise Tampered(f"withdrawal address {entry.id}")
        before = entry.seal


def _write(
    conn: sa.Connection, action: str, address: DepositAddress, by: str, key: bytes, wait_s: float
) -> Entry:
    last = conn.execute(
        sa.select(withdrawal_address).order_by(withdrawal_address.c.id.desc()).limit(1)
        .with_for_update()
    ).first()  # fmt: skip
    history(conn, key)
    at_ns = clock.now_ns(conn)
    bare = Entry(
        id=0, action=action, venue=address.venue, asset=address.asset, network=address.network,
        address=address.address, tag=address.tag, by=rows.shown(by, NOTE_CHARS // 2), at_ns=at_ns,
        active_from_ns=at_ns + round(wait_s * 1_000_000_000), seal="",
    )  # fmt: skip
    sealed = msgspec.structs.replace(bare, seal=_seal(bare, "" if last is None else last.seal, key))
    values = {name: getattr(sealed, name) for name in sealed.__struct_fields__ if name != "id"}
    made = conn.execute(withdrawal_address.insert().values(values))
    return msgspec.structs.replace(sealed, id=rows.new_id(made))


def _seal(entry: Entry, before: str, key: bytes) -> str:
    names = (name for name in entry.__struct_fields__ if name not in {"id", "seal"})
    said = json.dumps([before, *(str(getattr(entry, name)) for name in names)])
    return hmac.new(key, said.encode(), hashlib.sha256).hexdigest()
