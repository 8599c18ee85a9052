"""Quarantine: pairs of tickers that may not be one asset, by coin, with their evidence in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.domain.live import IdentityRow
from app.domain.policy import IdentityDecision
from app.domain.venues import Venue

if TYPE_CHECKING:
    from app.runtime.market import Market

# The history of so many pairs is read for the page.
HISTORIES_MAX = 100
APART = ("ratio", "reference")


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact: `code` is a text below `quarantine.evidence.`; venue: whose, empty: of both."""

    code: str
    venue: str
    value: str


@dataclass(frozen=True, slots=True)
class Pair:
    """words: all that was said about it, newest first."""

    row: IdentityRow
    evidence: tuple[Evidence, ...]
    words: tuple[IdentityDecision, ...]


@dataclass(frozen=True, slots=True)
class Coin:
    """A coin in doubt: its open pairs."""

    base: str
    pairs: tuple[Pair, ...]


async def pairs(market: Market) -> list[Pair]:
    """Open questions first, as the market gives them."""
    found: list[Pair] = []
    for row in market.identities():
        words: Sequence[IdentityDecision] = ()
        if row.decision and len(found) < HISTORIES_MAX:
            words = await market.policies.decisions_of(row)
        found.append(Pair(row, evidence(row.evidence), tuple(words)))
    return found


def evidence(facts: Iterable[str]) -> tuple[Evidence, ...]:
    """`code=value` or `code=venue value`; ratio and reference stand in columns of their own."""
    found = []
    for fact in facts:
        code, _, value = fact.partition("=")
        venue, _, rest = value.partition(" ")
        if code not in APART:
            named = venue in set(Venue) and bool(rest)
            found.append(Evidence(code, venue if named else "", rest if named else value))
    return tuple(found)


def questions(found: Iterable[Pair]) -> list[Coin]:
    """What is open, by coin; the newest doubt first."""
    coins: dict[str, list[Pair]] = {}
    for pair in found:
        if not pair.row.decision:
            coins.setdefault(pair.row.base, []).append(pair)
    return [Coin(base, tuple(rows)) for base, rows in coins.items()]
