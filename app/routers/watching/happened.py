"""What happened last: facts of the market as lines of the journal."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

from app.domain import facts
from app.domain.facts import Fact
from app.domain.venues import Venue

LINES_MAX = 8


@dataclass(frozen=True, slots=True)
class Happened:
    """One line. word: what kind, a text; kind: of the chip; text: key below `live.fact.`."""

    at_ns: int
    word: str
    kind: str
    text: str
    venues: tuple[Venue, ...] = ()
    base: str = ""
    address: str = ""
    values: dict[str, object] = field(default_factory=dict)


def lines(journal: Iterable[Fact], most: int = LINES_MAX) -> list[Happened]:
    """Newest first; what comes and goes by the second is left out."""
    found: list[Happened] = []
    for fact in journal:
        line = _line(fact)
        if line is not None:
            found.append(line)
            if len(found) == most:
                break
    return found


def _line(fact: Fact) -> Happened | None:
    match fact:
        case (
            facts.OpportunityOpened(opportunity=found) | facts.OpportunityClosed(opportunity=found)
        ):
            opened = isinstance(fact, facts.OpportunityOpened)
            return Happened(
                fact.at_ns,
                "opportunity",
                "ok" if opened else "",
                "opened" if opened else "closed",
                (found.buy_venue, found.sell_venue),
                found.base,
                f"/opportunities/{found.id}",
                {"bps": found.net_bps if opened else found.peak_bps, "code": found.code},
            )
        case facts.BookBroke(instrument=on):
            values: dict[str, object] = {"flaw": fact.flaw}
            return Happened(fact.at_ns, "book", "c", "broke", (on.venue,), on.base, "", values)
        case facts.BookRestored(instrument=on):
            after = {"s": fact.broken_ms / 1000}
            return Happened(fact.at_ns, "book", "", "restored", (on.venue,), on.base, "", {**after})
        case facts.PairQuarantined():
            pair = (fact.venue, fact.other)
            return Happened(fact.at_ns, "identity", "h", "quarantined", pair, fact.base)
        case facts.MarketListed(instrument=on):
            return Happened(fact.at_ns, "market", "", "listed", (on.venue,), on.base)
        case facts.MarketDelisted(instrument=on):
            return Happened(fact.at_ns, "market", "c", "delisted", (on.venue,), on.base)
        case facts.RateWithheld():
            if fact.reason is None:
                return Happened(fact.at_ns, "rate", "", "rate_back", (), fact.id)
            values = {"reason": fact.reason}
            return Happened(fact.at_ns, "rate", "c", "rate_gone", (), fact.id, "", values)
        case facts.Rejection():
            values = {"code": fact.code, "message": fact.message[:80]}
            return Happened(fact.at_ns, "venue", "f", "rejected", (fact.venue,), "", "", values)
        case facts.ChannelTurned():
            values = {"state": fact.state}
            return Happened(fact.at_ns, "venue", "c", "turned", (fact.venue,), "", "", values)
    return None
