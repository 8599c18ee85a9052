"""Requests counted in fixed windows, as venues count them."""

from __future__ import annotations


class Budget:
    """limit: weight per window of window_s seconds, by key (an address, a group)."""

    def __init__(self, limit: int, window_s: float) -> None:
        self.limit = limit
        self.window_ms = round(window_s * 1_000)
        self._window = -1
        self._used: dict[str, int] = {}

    def take(self, key: str, weight: int, at_ms: int) -> int:
        """What is used now, this request included; over the limit: more than `limit`."""
        window = at_ms // self.window_ms
        if window != self._window:
            self._window = window
            self._used.clear()
        self._used[key] = self._used.get(key, 0) + weight
        return self._used[key]
