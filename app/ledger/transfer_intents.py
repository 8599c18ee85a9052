"""Transfers: claimed for sending, booked out when the sender has them, in when they arrive.

What the sender took and what the receiver gave are booked under the venues' own numbers, once. In
between the coins stand on `transit`; how long they take changes nothing.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from decimal import Decimal

import sqlalchemy as sa
from msgspec import structs

from app.domain.accounting import VenueEvent
from app.domain.times import DAY_NS, MS_NS
from app.domain.transfers import (
    DepositAddress,
    DepositReport,
    Transfer,
    TransferState,
    TransferTerms,
)
from app.domain.venues import Venue
from app.ledger import (
    addresses,
    bookings,
    clock,
    cycles,
    intent_rows,
    journal,
    posting,
    rows,
    sending,
    trading_state,
)
from app.ledger.leases import Lease
from app.ledger.posting import EXACT
from app.ledger.trading_tables import intent
from app.ledger.views import TRANSFER

BUSY, ADDRESS = "BUSY", "ADDRESS"
FINGERPRINT_DAYS = 30
FINGERPRINTS_MAX = 10_000


def claim_transfer(
    conn: sa.Connection, mode: str, client_id: str, owner: str, venue_lease: Lease,
    window_ms: int, address: DepositAddress | None = None, *, signed_at_ns: int | None = None,
    amount: Decimal | None = None, mac_key: bytes | None = None,
) -> Transfer | str:  # fmt: skip
    """PLANNED → SENT. A Transfer: send it, once. Else why not, as of an order, and: BUSY (another
    withdrawal of this venue, asset and network has an unknown fate), ADDRESS (in LIVE: not the
    one of an active entry of the allow-list).

    amount: the planned one or a little less, by which it is found again.
    """
    clear = sending.clear(conn, mode, client_id, TRANSFER, owner, venue_lease, signed_at_ns)
    if isinstance(clear, str):
        return clear
    planned: Transfer = clear.row.transfer_body
    if mode == trading_state.LIVE and not _is_allowed(conn, planned, address, clear, mac_key):
        return ADDRESS
    key = intent_rows.route_key(mode, planned)
    if conn.execute(sa.select(intent.c.id).where(intent.c.route_key == key)).first():
        return BUSY
    sent = structs.replace(
        planned,
        state=TransferState.SENT,
        terms=_addressed(planned, address, amount),
        signed_at_ns=clear.signed_at_ns,
        valid_until_ns=clear.signed_at_ns + window_ms * MS_NS,
    )
    try:
        with conn.begin_nested():
            return _keep(conn, mode, clear.row, sent, clear.at_ns, "SENT")
    except sa.exc.IntegrityError:
        return BUSY


def note_transfer(
    conn: sa.Connection, mode: str, client_id: str, expected: Collection[TransferState],
    new: Transfer, events: Sequence[VenueEvent] = (),
) -> bool:  # fmt: skip
    """Write down what is known of a transfer now, and book what its sender took or gave back.

    False: it is not (any more) the one that `new` was made from, its end is proved already, or
    another transfer has this withdrawal. Arrivals are told by `credit` and `returned`.
    """
    sending.record(conn, mode, events, client_id)
    found = _locked(conn, mode, client_id)
    if found is None:
        return False
    row, closed = found
    stored: Transfer = row.transfer_body
    if not may_follow(stored, expected, new):
        return False
    ours = _own(stored, new)
    at_ns = clock.now_ns(conn)
    posted = _book_sender(conn, mode, row, ours, closed=closed)
    if posted is None:
        return False
    _keep(conn, mode, row, ours, at_ns, str(ours.state), posted_fee=posted[0])
    return True


def credit(
    conn: sa.Connection, mode: str, client_id: str, deposit: DepositReport,
    events: Sequence[VenueEvent] = (),
) -> bool:  # fmt: skip
    """It has arrived. False: it had ended already, this deposit is another transfer's, or the
    sender's withdrawal is not known yet (note it first)."""
    sending.record(conn, mode, events, client_id)
    found = _under_way(conn, mode, client_id)
    if found is None:
        return False
    row, closed = found
    stored: Transfer = row.transfer_body
    at_ns = clock.now_ns(conn)
    key = f"deposit:{stored.terms.to_venue}:{deposit.deposit_id}"
    lines = bookings.deposit(stored, deposit.amount, stored.cycle_id, closed=closed)
    if not posting.post(conn, mode, key, lines, fact=True):
        return False
    arrived = structs.replace(
        stored, state=TransferState.CREDITED, credited=deposit.amount,
        credited_at_ns=deposit.at_ns or at_ns, txid=stored.txid or deposit.txid,
    )  # fmt: skip
    _keep(conn, mode, row, arrived, at_ns, f"CREDITED {deposit.amount}")
    _log_arrival(conn, mode, arrived, arrived.terms.to_venue, at_ns)
    return True


def returned(
    conn: sa.Connection, mode: str, client_id: str, amount: Decimal, key: str,
    events: Sequence[VenueEvent] = (), *, never_left: bool = False,
) -> bool:  # fmt: skip
    """It came back to its sender. key: the sender's number of the coming back. never_left: it was
    on no chain, so that the fee came back with it."""
    sending.record(conn, mode, events, client_id)
    found = _under_way(conn, mode, client_id)
    if found is None:
        return False
    row, closed = found
    stored: Transfer = row.transfer_body
    if never_left:
        amount = EXACT.add(amount, row.posted_fee)
    lines = bookings.returned(stored, amount, stored.cycle_id, closed=closed)
    if not posting.post(conn, mode, f"return:{stored.terms.from_venue}:{key}", lines, fact=True):
        return False
    at_ns = clock.now_ns(conn)
    back = structs.replace(stored, state=TransferState.RETURNED)
    _keep(conn, mode, row, back, at_ns, f"RETURNED {amount}")
    _log_arrival(conn, mode, back, back.terms.from_venue, at_ns)
    return True


def get_transfer(conn: sa.Connection, mode: str, client_id: str) -> Transfer | None:
    row = intent_rows.find(conn, mode, client_id, TRANSFER)
    return None if row is None else row.transfer_body


def fingerprint(
    conn: sa.Connection, mode: str, venue: Venue, asset: str, amount: Decimal, step: Decimal
) -> Decimal | None:
    """The largest amount up to the given one, in steps, that no withdrawal of the asset from this
    venue had in the last 30 days: by it one is told from another. None: all are taken."""
    since = clock.now_ns(conn) - FINGERPRINT_DAYS * DAY_NS
    query = sa.select(intent.c.amount).where(
        intent.c.mode == mode, intent.c.kind == TRANSFER, intent.c.venue == venue,
        intent.c.asset == asset, intent.c.signed_at_ns > since,
    )  # fmt: skip
    taken = {Decimal(used) for used in conn.scalars(query)}
    for number in range(FINGERPRINTS_MAX):
        tried = EXACT.subtract(amount, EXACT.multiply(step, Decimal(number)))
        if tried <= 0:
            return None
        if tried not in taken:
            return tried
    return None


def may_follow(stored: Transfer, expected: Collection[TransferState], new: Transfer) -> bool:
    """As of orders; a fee that is told late may still be added to what has ended."""
    if stored.state not in expected or stored.version != new.version:
        return False
    if TransferState.PLANNED in (stored.state, new.state):
        return False
    if new.state in (TransferState.CREDITED, TransferState.RETURNED):
        return new.state is stored.state
    return not stored.is_over or new.state is stored.state


def _locked(conn: sa.Connection, mode: str, client_id: str) -> tuple[rows.Fields, bool] | None:
    """(the intent, whether its cycle has ended); the cycle is locked first."""
    seen = intent_rows.find(conn, mode, client_id, TRANSFER)
    if seen is None:
        return None
    cycle = cycles.lock(conn, mode, seen.cycle_id)
    return intent_rows.locked(conn, mode, client_id, TRANSFER), cycle.closed_at_ns is not None


def _under_way(conn: sa.Connection, mode: str, client_id: str) -> tuple[rows.Fields, bool] | None:
    """As `_locked`, of a withdrawal that its sender has booked out and that has not ended."""
    found = _locked(conn, mode, client_id)
    if found is None or found[0].transfer_body.is_over or found[0].posted_fee is None:
        return None
    return found


def _own(stored: Transfer, new: Transfer) -> Transfer:
    """What was asked and what has arrived is not for who notes to change."""
    return structs.replace(
        new, client_id=stored.client_id, cycle_id=stored.cycle_id, role=stored.role,
        step=stored.step, hop=stored.hop, attempt=stored.attempt, terms=stored.terms,
        planned_at_ns=stored.planned_at_ns, signed_at_ns=stored.signed_at_ns,
        valid_until_ns=stored.valid_until_ns, credited=stored.credited,
        credited_at_ns=stored.credited_at_ns,
        withdrawal_id=new.withdrawal_id or stored.withdrawal_id, txid=new.txid or stored.txid,
    )  # fmt: skip


def _book_sender(
    conn: sa.Connection, mode: str, row: rows.Fields, new: Transfer, *, closed: bool
) -> tuple[Decimal | None] | None:
    """Book what the sender took. (the fee that is booked,); None: it is another's withdrawal."""
    before: Decimal | None = row.posted_fee
    if new.withdrawal_id is None:
        return (before,)
    key = f"{new.terms.from_venue}:{new.withdrawal_id}"
    fee = new.terms.fee if new.fee_paid is None else new.fee_paid
    if before is None:
        if new.state is TransferState.REJECTED:
            return (None,)
        lines = bookings.withdrawal(new, fee, new.cycle_id, closed=closed)
        booked = posting.post(conn, mode, f"withdrawal:{key}", lines, fact=True)
        return (fee,) if booked else None
    if new.state is TransferState.REJECTED and row.state != TransferState.REJECTED:
        lines = bookings.undone(new, before, new.cycle_id, closed=closed)
        posting.post(conn, mode, f"undone:{key}", lines, fact=True)
        return (before,)
    if new.fee_paid is not None and fee != before and new.state is not TransferState.REJECTED:
        more = EXACT.subtract(fee, before)
        lines = bookings.withdrawal_fee(new, more, new.cycle_id, closed=closed)
        posting.post(conn, mode, f"withdrawal-fee:{key}:{row.version}", lines, fact=True)
        return (fee,)
    return (before,)


def _keep(
    conn: sa.Connection, mode: str, row: rows.Fields, transfer: Transfer, at_ns: int, said: str,
    **more: Decimal | None,
) -> Transfer:  # fmt: skip
    kept = intent_rows.store(conn, mode, row, transfer, at_ns, **more)
    assert isinstance(kept, Transfer)
    cycles.touch(conn, row.cycle_id)
    terms = kept.terms
    way = f"{terms.amount} {terms.asset} {terms.from_venue}→{terms.to_venue}"
    note = f"{kept.client_id} {said} {way} {terms.network}"
    journal.note(conn, mode, row.cycle_id, kept.version, at_ns, "TRANSFER", note, "gateway")
    return kept


def _log_arrival(
    conn: sa.Connection, mode: str, transfer: Transfer, venue: Venue, at_ns: int
) -> None:
    keys = {(venue, transfer.terms.asset)}
    client_id = transfer.client_id
    journal.log_portfolio(conn, mode, transfer.cycle_id, journal.TRADE, at_ns, keys, client_id)


def _is_allowed(
    conn: sa.Connection, planned: Transfer, address: DepositAddress | None,
    clear: sending.Cleared, mac_key: bytes | None,
) -> bool:  # fmt: skip
    if address is None or mac_key is None:
        return False
    terms = planned.terms
    asked = (address.venue, address.asset, address.network)
    if asked != (terms.to_venue, terms.asset, terms.to_network):
        return False
    return addresses.is_allowed(conn, address, clear.at_ns, mac_key)


def _addressed(
    planned: Transfer, address: DepositAddress | None, amount: Decimal | None
) -> TransferTerms:
    terms = planned.terms
    if address is not None:
        terms = structs.replace(terms, address=address.address, tag=address.tag)
    if amount is not None:
        assert 0 < amount <= terms.amount, f"{amount} is not what was planned: {terms.amount}"
        terms = structs.replace(terms, amount=amount)
    return terms
