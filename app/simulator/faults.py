"""What goes wrong on purpose: asked over /__sim/faults, lived through by one venue's part."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from app.simulator.protocol import Network

STREAM_KINDS = frozenset({"drop", "duplicate", "reorder"})
"""One market frame each."""
ANSWER_KINDS = frozenset({"http", "timeout", "late"})
"""One REST answer each. after_accept: of a request that changed the account. late: a request that
changes something reaches the venue `ms` after it came."""
LASTING_KINDS = frozenset({"silence", "skew", "maintenance", "wallet"})
ONCE_KINDS = frozenset({"gap", "checksum", "reset"})
HOLD_KINDS = frozenset({"withdraw_hold", "deposit_hold", "consent"})
"""While it lasts: a withdrawal waits for a person, a deposit for its credit; consent: withdrawals
are refused until a person has acted at the venue."""
END_KINDS = frozenset({"withdraw_reject", "deposit_return"})
"""One withdrawal each: refused after it was accepted, sent back by the receiver."""
ASSET_KINDS = HOLD_KINDS | END_KINDS
NEWS_KINDS = frozenset({"news_drop", "news_duplicate", "news_late"})
"""One word of the user stream each; news_late: by ms."""
TRADE_KINDS = frozenset({"partial", "rests", "halt"})
"""partial: one order meets only a part of what the book shows. rests: what is left of it then stays
in the book, whatever it asked for. halt: a symbol takes no orders."""
KINDS = (
    STREAM_KINDS | ANSWER_KINDS | LASTING_KINDS | ONCE_KINDS | ASSET_KINDS | NEWS_KINDS
    | TRADE_KINDS
)  # fmt: skip
COUNTED_KINDS = (
    STREAM_KINDS | ANSWER_KINDS | END_KINDS | NEWS_KINDS | {"checksum", "partial", "rests"}
)
"""Once, where nothing else is said."""
FAULTS_MAX = 200
SECONDS_DEFAULT = 30.0
SECONDS_MAX = 86_400.0
COUNT_MAX = 1_000_000

_FIELDS: dict[str, tuple[type, float, float]] = {
    "seconds": (float, 0.0, SECONDS_MAX),
    "count": (int, 1, COUNT_MAX),
    "status": (int, 200, 599),
    "ms": (int, -SECONDS_MAX * 1_000, SECONDS_MAX * 1_000),
}
_TEXTS = ("symbol", "asset", "network")


class Unasked(ValueError):
    """The body names no fault. Its text says why."""


class Impossible(Exception):
    """This venue's protocol cannot have it."""


@dataclass(slots=True)
class Fault:
    id: str
    kind: str
    symbol: str | None = None
    asset: str | None = None
    network: str | None = None
    count: int | None = None
    """How often it still happens; None: until it ends."""
    ends_ms: float = math.inf
    status: int | None = None
    ms: int = 0
    after_accept: bool = False
    undo: list[Callable[[], None]] = field(default_factory=list)
    networks: list[Network] = field(default_factory=list)
    """That it keeps shut."""

    def told(self) -> dict[str, Any]:
        row: dict[str, Any] = {"id": self.id, "kind": self.kind}
        for name in ("symbol", "asset", "network", "count", "status"):
            if getattr(self, name) is not None:
                row[name] = getattr(self, name)
        if self.ms:
            row["ms"] = self.ms
        if self.after_accept:
            row["after_accept"] = True
        if self.ends_ms != math.inf:
            row["ends_at_ms"] = int(self.ends_ms)
        return row


class Faults:
    """Of one venue. What a fault of LASTING_KINDS does is undone when it ends."""

    def __init__(self) -> None:
        self._next = 1
        self.active: dict[str, Fault] = {}
        self.streaming = False
        """Whether any market frame may be touched: looked at for every one."""

    def asked(self, body: Mapping[str, Any], at_ms: int) -> Fault:
        """Raises Unasked."""
        kind = body.get("kind")
        if kind not in KINDS:
            raise Unasked(f"kind is one of {', '.join(sorted(KINDS))}")
        for name, value in body.items():
            _check(name, value)
        if len(self.active) >= FAULTS_MAX:
            raise Unasked(f"at most {FAULTS_MAX} faults at a time")
        fault = Fault(f"f-{self._next}", kind)
        self._next += 1
        for name in ("symbol", "asset", "network", "count", "status", "ms", "after_accept"):
            if body.get(name) is not None:
                setattr(fault, name, body[name])
        seconds = body.get("seconds")
        if seconds is None and kind in {"silence", "maintenance"}:
            seconds = SECONDS_DEFAULT
        if seconds is not None:
            fault.ends_ms = at_ms + seconds * 1_000
        elif fault.count is None and kind in COUNTED_KINDS:
            fault.count = 1
        return fault

    def add(self, fault: Fault) -> None:
        self.active[fault.id] = fault
        self._look()

    def remove(self, fault: Fault) -> None:
        self.active.pop(fault.id, None)
        for undo in fault.undo:
            undo()
        self._look()

    def expire(self, at_ms: int) -> None:
        for fault in [fault for fault in self.active.values() if fault.ends_ms <= at_ms]:
            self.remove(fault)

    def find(self, kinds: frozenset[str], symbol: str | None = None) -> Fault | None:
        """The oldest active one of these kinds that means this symbol."""
        for fault in self.active.values():
            if fault.kind in kinds and fault.symbol in {None, symbol}:
                return fault
        return None

    def used(self, fault: Fault) -> None:
        """It has happened once more."""
        if fault.count is not None:
            fault.count -= 1
            if fault.count <= 0:
                self.remove(fault)

    def skew_ms(self) -> int:
        return sum(fault.ms for fault in self.active.values() if fault.kind == "skew")

    def _look(self) -> None:
        self.streaming = any(fault.kind in STREAM_KINDS for fault in self.active.values())


def _check(name: str, value: Any) -> None:
    if name == "kind" or value is None:
        return
    if name in _TEXTS:
        if not isinstance(value, str) or not 0 < len(value) <= 40:
            raise Unasked(f"{name} is a text of 1 to 40 characters")
    elif name == "after_accept":
        if not isinstance(value, bool):
            raise Unasked("after_accept is true or false")
    elif name in _FIELDS:
        kind, low, high = _FIELDS[name]
        exact = isinstance(value, int) and not isinstance(value, bool)
        if not (exact or (kind is float and isinstance(value, float))) or not low <= value <= high:
            raise Unasked(f"{name} is a number from {low:g} to {high:g}")
    else:
        raise Unasked(f"there is no field {name}")
