"""A clock that tests move."""

from __future__ import annotations

from dataclasses import dataclass

MINUTE_NS = 60 * 10**9


@dataclass
class Clock:
    """Stands still until a test moves it."""

    now_ns: int = 1_800_000_000 * 10**9

    def __call__(self) -> int:
        return self.now_ns

    def pass_minutes(self, minutes: float) -> None:
        self.now_ns += round(minutes * MINUTE_NS)
