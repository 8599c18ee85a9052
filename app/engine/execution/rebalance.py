"""Rebalance: where too much of an asset lies, and by which network it would best be evened out.

What cycles hold is not looked at: only what lies available. A venue's fair share is an equal part
of all that lies at the venues which use the asset; further away from it than `IMBALANCE` of that
share it is told, with the transfer that would help most. Nothing is moved by itself: it is a plan.

Networks are scored by what they cost and how long they take; only those open at both ends, with a
known fee, are looked at. BTC goes over Lightning where both venues have it, and so on: what both
sides support decides, not a list.
"""

from __future__ import annotations

from collections.abc import Iterable
from decimal import Decimal

from app.domain.trading import Purse, RebalanceRow
from app.domain.venues import Venue
from app.engine.execution.amounts import ZERO
from app.engine.execution.finalizer import arriving
from app.engine.execution.sight import MINUTES, Link, Sight, money

IMBALANCE = Decimal("0.3")
LEAST_KRW = Decimal(140_000)
"""About 100 dollars: less is not worth a transfer."""
KNOWN_RELIABILITY, ELSE_RELIABILITY = 1.0, 0.8
ROWS_MAX = 100


def plan(purses: Iterable[Purse], sight: Sight) -> tuple[RebalanceRow, ...]:
    """The most valuable first."""
    found: list[RebalanceRow] = []
    for asset, held in sorted(_by_asset(purses).items()):
        price = sight.price(asset)
        if price is None or len(held) < 2:
            continue
        found += _of_asset(asset, held, price, sight)
    found.sort(key=lambda row: (-(row.worth_krw or ZERO), row.id))
    return tuple(found[:ROWS_MAX])


def score(link: Link, amount: Decimal) -> float:
    """reliability · 10 − fee % − minutes / 10."""
    reliability = KNOWN_RELIABILITY if link.chain in MINUTES else ELSE_RELIABILITY
    return reliability * 10.0 - float(link.fee / amount * 100) - link.minutes / 10.0


def _by_asset(purses: Iterable[Purse]) -> dict[str, dict[Venue, Decimal]]:
    """Of money every venue that trades in it counts, of coins those that hold some."""
    found: dict[str, dict[Venue, Decimal]] = {}
    venues: set[Venue] = set()
    for purse in purses:
        venues.add(purse.venue)
        if purse.available > ZERO and purse.frozen is None:
            found.setdefault(purse.asset, {})[purse.venue] = purse.available
    for venue in venues:
        found.setdefault(money(venue), {}).setdefault(venue, ZERO)
    return found


def _of_asset(
    asset: str, held: dict[Venue, Decimal], price: Decimal, sight: Sight
) -> list[RebalanceRow]:
    share = sum(held.values(), ZERO) / len(held)
    over = {venue: amount - share for venue, amount in held.items() if amount > share}
    under = {venue: share - amount for venue, amount in held.items() if amount < share}
    rows: list[RebalanceRow] = []
    # From where there is most to where there is least, until nothing is far from its share.
    while over and under:
        sender = max(over, key=lambda venue: (over[venue], venue))
        receiver = max(under, key=lambda venue: (under[venue], venue))
        amount = min(over[sender], under[receiver])
        if under[receiver] < share * IMBALANCE or amount * price < LEAST_KRW:
            break
        rows.append(_row(asset, sender, receiver, amount, held, share, price, sight))
        for side, venue in ((over, sender), (under, receiver)):
            side[venue] -= amount
            if side[venue] <= ZERO:
                del side[venue]
    return rows


def _row(
    asset: str, sender: Venue, receiver: Venue, amount: Decimal, held: dict[Venue, Decimal],
    share: Decimal, price: Decimal, sight: Sight,
) -> RebalanceRow:  # fmt: skip
    links = [
        (score(link, amount), link)
        for link in sight.links(asset, sender, receiver)
        if arriving(amount, link) is not None
    ]
    best = max(links, key=lambda each: (each[0], each[1].chain), default=None)
    arrives = None if best is None else arriving(amount, best[1])
    return RebalanceRow(
        id=f"{asset}:{sender.value}-{receiver.value}",
        asset=asset,
        from_venue=sender,
        to_venue=receiver,
        amount=amount if arrives is None else arrives,
        worth_krw=amount * price,
        imbalance=float(abs(held[receiver] - share) / share),
        chain=None if best is None else best[1].chain,
        network=None if best is None else best[1].network,
        fee=None if best is None else best[1].fee,
        fee_krw=None if best is None else best[1].fee * price,
        minutes=None if best is None else best[1].minutes,
        score=None if best is None else best[0],
        reason=None if best is not None else "NO_NETWORK",
        others=tuple(link.chain for _, link in sorted(links, key=_worst_last) if best is not None
                     and link is not best[1]),
    )  # fmt: skip


def _worst_last(each: tuple[float, Link]) -> tuple[float, str]:
    return -each[0], each[1].chain
