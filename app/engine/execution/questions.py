"""Questions: what to ask a venue next about an order or a transfer, until there is proof."""

from __future__ import annotations

from typing import NamedTuple, Protocol

from app.domain.orders import Order, OrderState
from app.domain.transfers import Transfer, TransferState


class IdRules(Protocol):
    """What a venue's client ids are worth; `app.exchanges.accounts.contract.Rules` is one."""

    @property
    def orders(self) -> str: ...

    @property
    def withdrawals(self) -> str: ...

    @property
    def window_ms(self) -> int: ...

    @property
    def finds_ended(self) -> bool: ...


class Wait(NamedTuple):
    """Nothing to ask before then."""

    until_ns: int


class Ask(NamedTuple):
    """kind: by_id, list, fills, cancel of an order; withdrawals, deposits of a transfer."""

    kind: str


class Resolve(NamedTuple):
    """Proved: what it has become. note: by what."""

    state: OrderState | TransferState
    note: str


class Operator(NamedTuple):
    """Only a person can find out. code: of what to do."""

    code: str


Question = Wait | Ask | Resolve | Operator


def next_question(
    item: Order | Transfer, rules: IdRules, now_ns: int, venue_healthy: bool
) -> Question:
    """Pure. Called whenever something about the item was committed, and when a Wait is over."""
    del item, rules, venue_healthy
    return Wait(now_ns + 1_000_000_000)
