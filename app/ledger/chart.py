"""The chart of accounts. What a venue has of ours is `venue:X:available` and `venue:X:reserved`.

reserved, transit, trade, position, fee, pnl and dust are kept per cycle; the others are nobody's
in particular. Only what really lies somewhere is guarded: it cannot be below zero. The rest are
the other side of bookings: what was traded away, spent, earned, brought from outside, or told by
a venue though our books do not know from where (`unclaimed`).
"""

from __future__ import annotations

from app.domain.venues import Venue

FEE_TRADE = "fee:trade"
FEE_NETWORK = "fee:network"
PNL = "pnl"
EXTERNAL = "external"
UNCLAIMED = "unclaimed"
DEAD_LETTER = "dead_letter"
"""What was under way when a person closed its cycle: given up, not forgotten."""
DUST = "dust"
"""What was told beyond an asset's scale, as long as it is not a whole unit."""

NOBODY = ""


def available(venue: Venue) -> str:
    return f"venue:{venue}:available"


def reserved(venue: Venue) -> str:
    return f"venue:{venue}:reserved"


def transit(to: Venue) -> str:
    """On the way to this venue."""
    return f"transit:{to}"


def trade(venue: Venue) -> str:
    """The other side of fills: positive is what was given away."""
    return f"trade:{venue}"


def position(venue: Venue) -> str:
    """Of derivatives: what would be exchanged, and is settled as a difference at the end."""
    return f"position:{venue}"


def margin(venue: Venue) -> str:
    """What hedges have brought to, and taken from, the purse that secures them: it is apart from
    what the venue trades and sends, a person fills it, and its whole is not in the books."""
    return f"margin:{venue}"


def guarded(account: str) -> bool:
    return account.startswith(("venue:", "transit:"))


def place(account: str) -> tuple[str, Venue] | None:
    """(available | reserved | transit, venue) of what lies somewhere; None for other accounts."""
    head, _, rest = account.partition(":")
    if head == "transit":
        return head, Venue(rest)
    if head == "venue":
        venue, _, what = rest.partition(":")
        return what, Venue(venue)
    return None


def is_result(account: str) -> bool:
    """Accounts whose sum, turned round, is what a cycle has gained."""
    return account.startswith(("trade:", "position:", "fee:")) or account == PNL


def purses_at(venue: Venue) -> tuple[str, str, str]:
    return available(venue), reserved(venue), transit(venue)


PURSES = tuple(name for venue in Venue for name in purses_at(venue))
