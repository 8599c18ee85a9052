"""Quarantine: pairs of tickers that may not be one asset, by coin, with their evidence in words."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from app.domain.live import IdentityRow
from app.domain.policy import IdentityDecision

if TYPE_CHECKING:
    from app.runtime.market import Market

# The history of so many pairs is read for the page.
HISTORIES_MAX = 100


@dataclass(frozen=True, slots=True)
class Evidence:
    """One fact: `code` is a text below `quarantine.evidence.`, value is as the engine wrote it."""

    code: str
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
    """`code=value` as told; the ratio and the reference stand in columns of their own."""
    split = (fact.partition("=") for fact in facts)
    return tuple(
        Evidence(code, value) for code, _, value in split if code not in {"ratio", "reference"}
    )


def questions(found: Iterable[Pair]) -> list[Coin]:
    """What is open, by coin; the newest doubt first."""
    coins: dict[str, list[Pair]] = {}
    for pair in found:
        if not pair.row.decision:
            coins.setdefault(pair.row.base, []).append(pair)
    return [Coin(base, tuple(rows)) for base, rows in coins.items()]
