"""Posting: double entry in exact integers. Lines are only ever added, under a unique key.

A booking is a set of lines that sums to zero per asset, checked before anything is written. Each
line is rounded down to whole units of its asset's scale, and what is left over is carried in its
balance (`rest`) until it makes a unit; what the units of one booking then lack to zero stands on
`dust`. So integers sum to zero on every commit, and a balance is true to the last decimal.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from decimal import ROUND_FLOOR, Context, Decimal, Inexact
from functools import cache

import msgspec
import sqlalchemy as sa

from app.domain.accounting import Line
from app.domain.times import SECOND_NS
from app.domain.trading import Purse
from app.domain.venues import KOREAN, Venue
from app.ledger import chart, clock
from app.ledger.conflicts import insert_new
from app.ledger.trading_tables import asset_scale, balance, posting, purse_freeze

EXACT = Context(prec=120, traps=[Inexact])
"""All arithmetic of money: more digits than any venue sends, and an error where they end. Even a
plain minus sign rounds to 28 digits."""
UNITS_MAX = 9_000_000_000_000_000_000
SCALE_MAX = 8
HEADROOM = 100
"""How much more of an asset than is first seen there must be room for."""
YOUNG_S = 86_400.0
WON = "KRW"
TOUCHED = "purses_touched"
ADOPTED, FROM_OUTSIDE = "adopt", "external"

Key = tuple[str, str, str]
"""Account, asset, cycle."""

# Made once: with SQLAlchemy, making a statement takes longer than running it.
_BOOKED = (
    sa.select(posting.c.id)
    .where(posting.c.mode == sa.bindparam("of"), posting.c.txn_id == sa.bindparam("txn"))
    .limit(1)
)
_STORE = (
    balance.update()
    .where(
        balance.c.mode == sa.bindparam("of"),
        balance.c.account == sa.bindparam("in_account"),
        balance.c.asset == sa.bindparam("of_asset"),
        balance.c.cycle_id == sa.bindparam("of_cycle"),
    )
    .values(
        amount=sa.bindparam("units"),
        rest=sa.bindparam("left"),
        version=balance.c.version + 1,
    )
)
_BALANCES = sa.select(
    balance.c.account, balance.c.asset, balance.c.amount, balance.c.rest, asset_scale.c.scale
).select_from(balance.join(asset_scale, asset_scale.c.asset == balance.c.asset))
_OF_CYCLE = _BALANCES.where(
    balance.c.mode == sa.bindparam("of"), balance.c.cycle_id == sa.bindparam("of_cycle")
).order_by(balance.c.account, balance.c.asset)
_ALL_PURSES = _BALANCES.where(
    balance.c.mode == sa.bindparam("of"), balance.c.account.in_(chart.PURSES)
)
_SOME_PURSES = _BALANCES.where(
    balance.c.mode == sa.bindparam("of"),
    balance.c.account.in_(sa.bindparam("accounts", expanding=True)),
    balance.c.asset.in_(sa.bindparam("assets", expanding=True)),
)
_FROZEN = sa.select(purse_freeze).where(purse_freeze.c.mode == sa.bindparam("of"))
_SCALES = sa.select(asset_scale).where(asset_scale.c.asset.in_(sa.bindparam("of", expanding=True)))


class Overdrawn(Exception):
    """A booking of our own will would take what is not there."""

    def __init__(self, account: str, asset: str) -> None:
        super().__init__(f"{account} {asset}")
        self.account = account
        self.asset = asset


class Standing(msgspec.Struct):
    """A balance as it is in this transaction. units, rest: of 10^-scale."""

    units: int
    rest: Decimal
    scale: int

    @property
    def amount(self) -> Decimal:
        return EXACT.add(Decimal(self.units), self.rest).scaleb(-self.scale, EXACT)


def post(
    conn: sa.Connection, mode: str, txn_id: str, lines: Iterable[Line], *, fact: bool = False
) -> bool:
    """Book the lines; False when this booking is there already.

    fact: a venue has done it, so it is booked whatever our books say: what a guarded account has
    not got comes from what is available at its venue, and then from `unclaimed`. Raises Overdrawn
    where it is no fact.
    """
    if is_booked(conn, mode, txn_id):
        return False
    wanted = _merged(lines)
    _check_sums(wanted)
    standings = _locked(conn, mode, wanted)
    if fact:
        _cover(conn, mode, wanted, standings)
    _write(conn, mode, txn_id, wanted, standings)
    return True


def is_booked(conn: sa.Connection, mode: str, txn_id: str) -> bool:
    return conn.execute(_BOOKED, {"of": mode, "txn": txn_id}).first() is not None


def adopt(
    conn: sa.Connection, mode: str, venue: Venue, asset: str, amount: Decimal, natural_key: str
) -> bool:
    """Take into the books what lies at a venue and came from outside; below zero: what left it.

    False when the key is known. What comes to a purse that there was before counts as fresh.
    """
    known = (f"{kind}:{natural_key}" for kind in (ADOPTED, FROM_OUTSIDE))
    if any(is_booked(conn, mode, txn_id) for txn_id in known):
        return False
    account = chart.available(venue)
    here = (balance.c.mode == mode) & (balance.c.account == account) & (balance.c.asset == asset)
    kind = (
        FROM_OUTSIDE if conn.execute(sa.select(balance.c.version).where(here)).first() else ADOPTED
    )
    lines = (Line(account, asset, amount), Line(chart.EXTERNAL, asset, EXACT.minus(amount)))
    return post(conn, mode, f"{kind}:{natural_key}", lines)


def purses(
    conn: sa.Connection,
    mode: str,
    keys: Collection[tuple[Venue, str]] | None = None,
    *,
    young_s: float = YOUNG_S,
) -> tuple[Purse, ...]:
    """What the ledger holds, by venue and asset; keys: of these only, zeros where it has none."""
    sums: dict[tuple[Venue, str], dict[str, Decimal]] = {key: {} for key in keys or ()}
    for row in _purse_balances(conn, mode, keys):
        place = chart.place(row.account)
        assert place is not None
        what, venue = place
        if keys is not None and (venue, row.asset) not in sums:
            continue
        purse = sums.setdefault((venue, row.asset), {})
        standing = Standing(row.amount, row.rest, row.scale)
        purse[what] = EXACT.add(purse.get(what, Decimal(0)), standing.amount)
    frozen = _frozen(conn, mode)
    won = any(asset == WON and venue in KOREAN for venue, asset in sums)
    young = _young(conn, mode, young_s) if won else {}
    return tuple(_purse(key, sums[key], frozen.get(key), young.get(key)) for key in sorted(sums))


def touched(conn: sa.Connection, mode: str) -> tuple[Purse, ...]:
    """The purses that this transaction has changed. Ask last: asking forgets them."""
    changed: set[tuple[str, Venue, str]] = conn.info.pop(TOUCHED, set())
    keys = {(venue, asset) for of, venue, asset in changed if of == mode}
    return purses(conn, mode, keys) if keys else ()


def freeze(conn: sa.Connection, mode: str, venue: Venue, asset: str, reason: str) -> None:
    """Nothing new may begin with this purse until it is thawed."""
    thaw(conn, mode, venue, asset)
    at_ns = clock.now_ns(conn)
    insert_new(
        conn,
        purse_freeze,
        {"mode": mode, "venue": venue, "asset": asset, "reason": reason, "at_ns": at_ns},
    )


def thaw(conn: sa.Connection, mode: str, venue: Venue, asset: str) -> bool:
    which = (purse_freeze.c.mode == mode) & (purse_freeze.c.venue == venue)
    gone = conn.execute(purse_freeze.delete().where(which & (purse_freeze.c.asset == asset)))
    _touch(conn, mode, chart.available(venue), asset)
    return gone.rowcount == 1


def is_frozen(conn: sa.Connection, mode: str, venue: Venue, asset: str) -> bool:
    return (venue, asset) in _frozen(conn, mode)


def standings_of_cycle(conn: sa.Connection, mode: str, cycle_id: str) -> dict[Key, Decimal]:
    """What each account has of a cycle, zeros left out."""
    rows = conn.execute(_OF_CYCLE, {"of": mode, "of_cycle": cycle_id})
    found = {
        (row.account, row.asset, cycle_id): Standing(row.amount, row.rest, row.scale).amount
        for row in rows
    }
    return {key: amount for key, amount in found.items() if amount}


def forget_empty(conn: sa.Connection, mode: str, cycle_id: str) -> None:
    """Drop the balances of an ended cycle that have come to nothing; their lines stay."""
    empty = (balance.c.amount == 0) & (balance.c.rest == Decimal(0))
    conn.execute(
        balance.delete().where(balance.c.mode == mode, balance.c.cycle_id == cycle_id, empty)
    )


def scales(conn: sa.Connection, assets: Collection[str]) -> dict[str, int]:
    return {row.asset: row.scale for row in conn.execute(_SCALES, {"of": sorted(assets)})}


def _merged(lines: Iterable[Line]) -> dict[Key, Decimal]:
    wanted: dict[Key, Decimal] = {}
    for line in lines:
        _add(wanted, (line.account, line.asset, line.cycle_id), line.amount)
    return {key: amount for key, amount in wanted.items() if amount}


def _add(wanted: dict[Key, Decimal], key: Key, amount: Decimal) -> None:
    wanted[key] = EXACT.add(wanted.get(key, Decimal(0)), amount)


def _check_sums(wanted: dict[Key, Decimal]) -> None:
    sums: dict[str, Decimal] = {}
    for (_, asset, _), amount in wanted.items():
        sums[asset] = EXACT.add(sums.get(asset, Decimal(0)), amount)
    off = {asset: total for asset, total in sums.items() if total}
    assert not off, f"a booking that does not sum to zero: {off}"


def _locked(conn: sa.Connection, mode: str, wanted: dict[Key, Decimal]) -> dict[Key, Standing]:
    """The balances of these keys, held until the transaction ends; made where there are none."""
    if not wanted:
        return {}
    scale = _scales_made(conn, wanted)
    found = _select_locked(conn, mode, wanted, scale)
    missing = sorted(set(wanted) - set(found))
    for account, asset, cycle_id in missing:
        values: dict[str, object] = {
            "mode": mode, "account": account, "asset": asset, "cycle_id": cycle_id, "amount": 0,
            "rest": Decimal(0), "guarded": chart.guarded(account), "version": 1,
        }  # fmt: skip
        insert_new(conn, balance, values)
    if missing:
        found |= _select_locked(conn, mode, missing, scale)
    return found


def _select_locked(
    conn: sa.Connection, mode: str, keys: Collection[Key], scale: dict[str, int]
) -> dict[Key, Standing]:
    """In the order of the primary key, so that two who need the same rows meet at the first."""
    wanted: dict[str, str] = {"of": mode}
    for number, key in enumerate(sorted(keys)):
        wanted |= dict(zip(_names(number), key, strict=True))
    return {
        (row.account, row.asset, row.cycle_id): Standing(row.amount, row.rest, scale[row.asset])
        for row in conn.execute(_some_balances(len(keys)), wanted)
    }


@cache
def _some_balances(count: int) -> sa.Select[tuple[object, ...]]:
    """Made once per number of keys: making it takes longer than running it."""
    ours = balance.c.mode == sa.bindparam("of")
    columns = (balance.c.account, balance.c.asset, balance.c.cycle_id)
    some = [
        sa.and_(
            ours,
            *(
                column == sa.bindparam(name)
                for column, name in zip(columns, _names(number), strict=True)
            ),
        )
        for number in range(count)
    ]
    return sa.select(balance).where(sa.or_(*some)).order_by(*columns).with_for_update()


def _names(number: int) -> tuple[str, str, str]:
    return f"account_{number}", f"asset_{number}", f"cycle_{number}"


def _scales_made(conn: sa.Connection, wanted: dict[Key, Decimal]) -> dict[str, int]:
    """The scale of each asset, chosen when it is first seen: as fine as its size allows."""
    largest: dict[str, Decimal] = {}
    for (_, asset, _), amount in wanted.items():
        largest[asset] = max(largest.get(asset, Decimal(0)), amount.copy_abs())
    known = scales(conn, largest)
    missing = sorted(set(largest) - set(known))
    for asset in missing:
        scale = SCALE_MAX
        while scale > 0 and largest[asset].scaleb(scale) * HEADROOM > UNITS_MAX:
            scale -= 1
        insert_new(conn, asset_scale, {"asset": asset, "scale": scale})
    return known | scales(conn, missing) if missing else known


def _cover(
    conn: sa.Connection, mode: str, wanted: dict[Key, Decimal], standings: dict[Key, Standing]
) -> None:
    """Find what guarded accounts lack for a fact: nothing that a venue did is ever left out."""
    for key in sorted(wanted):
        account, asset, _ = key
        place = chart.place(account)
        lack = EXACT.minus(EXACT.add(standings[key].amount, wanted[key]))
        if place is None or lack <= 0:
            continue
        free: Key = (chart.available(place[1]), asset, chart.NOBODY)
        if place[0] == "reserved" and free not in standings:
            standings |= _locked(conn, mode, {free: lack})
            taken = min(lack, max(standings[free].amount, Decimal(0)))
            _add(wanted, free, EXACT.minus(taken))
            _add(wanted, key, taken)
            lack = EXACT.subtract(lack, taken)
        if lack > 0:
            odd: Key = (chart.UNCLAIMED, asset, chart.NOBODY)
            standings |= _locked(conn, mode, {odd: lack}) if odd not in standings else {}
            _add(wanted, odd, EXACT.minus(lack))
            _add(wanted, key, lack)


def _write(
    conn: sa.Connection,
    mode: str,
    txn_id: str,
    wanted: dict[Key, Decimal],
    standings: dict[Key, Standing],
) -> None:
    moved: dict[Key, int] = {}
    rests: dict[Key, Decimal] = {}
    for key in sorted(wanted):
        old = standings[key]
        exact = EXACT.add(wanted[key].scaleb(old.scale, EXACT), old.rest)
        moved[key] = int(exact.to_integral_value(ROUND_FLOOR, EXACT))
        rests[key] = EXACT.subtract(exact, Decimal(moved[key]))
        new = old.units + moved[key]
        if new < 0 and chart.guarded(key[0]):
            raise Overdrawn(key[0], key[1])
        if max(abs(new), abs(moved[key])) > UNITS_MAX:
            raise OverflowError(f"{key[0]} {key[1]}: {new} units do not fit into 63 bits")
    _balance_units(conn, mode, moved, rests, standings)
    at_ns = clock.now_ns(conn)
    lines = [
        {
            "mode": mode, "txn_id": txn_id, "line": line, "natural_key": f"{txn_id}/{line}",
            "cycle_id": cycle_id, "account": account, "asset": asset,
            "amount": moved[account, asset, cycle_id], "at_ns": at_ns,
        }
        for line, (account, asset, cycle_id) in enumerate(sorted(moved))
    ]  # fmt: skip
    if lines:
        conn.execute(posting.insert(), lines)
    new_rows = [
        {
            "of": mode, "in_account": account, "of_asset": asset, "of_cycle": cycle_id,
            "units": standings[account, asset, cycle_id].units + units,
            "left": rests[account, asset, cycle_id],
        }
        for (account, asset, cycle_id), units in moved.items()
    ]  # fmt: skip
    if new_rows:
        conn.execute(_STORE, new_rows)
    for account, asset, _ in moved:
        _touch(conn, mode, account, asset)


def _balance_units(
    conn: sa.Connection,
    mode: str,
    moved: dict[Key, int],
    rests: dict[Key, Decimal],
    standings: dict[Key, Standing],
) -> None:
    """Put on dust what whole units lack to zero, and take it off its rest: dust is worth zero."""
    sums: dict[str, int] = {}
    cycles = {cycle_id for _, _, cycle_id in moved if cycle_id}
    owner = cycles.pop() if len(cycles) == 1 else chart.NOBODY
    for (_, asset, _), units in moved.items():
        sums[asset] = sums.get(asset, 0) + units
    for asset, total in sorted(sums.items()):
        if not total:
            continue
        key: Key = (chart.DUST, asset, owner)
        assert key not in moved
        standings |= _locked(conn, mode, {key: Decimal(0)})
        moved[key] = -total
        rests[key] = EXACT.add(standings[key].rest, Decimal(total))


def _touch(conn: sa.Connection, mode: str, account: str, asset: str) -> None:
    place = chart.place(account)
    if place is not None:
        changed: set[tuple[str, Venue, str]] = conn.info.setdefault(TOUCHED, set())
        changed.add((mode, place[1], asset))


def _purse_balances(
    conn: sa.Connection, mode: str, keys: Collection[tuple[Venue, str]] | None
) -> sa.CursorResult[tuple[str, str, int, Decimal, int]]:
    if keys is None:
        return conn.execute(_ALL_PURSES, {"of": mode})
    accounts = sorted({name for venue, _ in keys for name in chart.purses_at(venue)})
    assets = sorted({asset for _, asset in keys})
    return conn.execute(_SOME_PURSES, {"of": mode, "accounts": accounts, "assets": assets})


def _frozen(conn: sa.Connection, mode: str) -> dict[tuple[Venue, str], str]:
    rows = conn.execute(_FROZEN, {"of": mode})
    return {(row.venue, row.asset): row.reason for row in rows}


def _young(
    conn: sa.Connection, mode: str, young_s: float
) -> dict[tuple[Venue, str], tuple[Decimal, int]]:
    """Won that came from outside so lately: (how much, until when)."""
    length = round(young_s * SECOND_NS)
    accounts = {chart.available(venue): venue for venue in sorted(KOREAN)}
    query = sa.select(posting.c.account, posting.c.amount, posting.c.at_ns).where(
        posting.c.mode == mode,
        posting.c.account.in_(sorted(accounts)),
        posting.c.asset == WON,
        posting.c.at_ns > clock.now_ns(conn) - length,
        posting.c.txn_id.like(f"{FROM_OUTSIDE}:%"),
        posting.c.amount > 0,
    )
    scale = scales(conn, [WON]).get(WON, 0)
    found: dict[tuple[Venue, str], tuple[Decimal, int]] = {}
    for account, amount, at_ns in conn.execute(query):
        key = (accounts[account], WON)
        before, until_ns = found.get(key, (Decimal(0), 0))
        total = EXACT.add(before, Decimal(amount).scaleb(-scale))
        found[key] = (total, max(until_ns, at_ns + length))
    return found


def _purse(
    key: tuple[Venue, str],
    sums: dict[str, Decimal],
    frozen: str | None,
    young: tuple[Decimal, int] | None,
) -> Purse:
    zero = Decimal(0)
    free = sums.get("available", zero)
    fresh, until_ns = young or (zero, None)
    return Purse(
        venue=key[0],
        asset=key[1],
        available=free,
        reserved=sums.get("reserved", zero),
        in_flight=sums.get("transit", zero),
        frozen=frozen,
        young=min(fresh, free),
        young_until_ns=until_ns,
    )
