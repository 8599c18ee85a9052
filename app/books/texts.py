"""Texts: the exact decimals of a ladder's levels, for checksums and for people."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator
from itertools import islice

from app.books.ladder import ASKS, BIDS, Ladder
from app.domain.markets import Level

CHECKED_LEVELS = 25
SLACK = 1_000
"""Forgotten levels that may stay behind before the texts are tidied up."""


class Texts:
    """Beside a ladder, never instead of it: which levels exist and their order is its business."""

    __slots__ = ("_ladder", "_levels")

    def __init__(self, ladder: Ladder) -> None:
        self._ladder = ladder
        self._levels: tuple[dict[float, Level], dict[float, Level]] = ({}, {})

    def __len__(self) -> int:
        return sum(map(len, self._levels))

    def load(self, side: int, prices: Iterable[float], levels: Iterable[Level]) -> None:
        held = self._levels[side]
        held.clear()
        held.update(zip(prices, levels, strict=True))

    def change(self, side: int, prices: Iterable[float], levels: Iterable[Level]) -> None:
        held = self._levels[side]
        held.update(zip(prices, levels, strict=True))
        if len(held) > self._ladder.counts[side] + SLACK:
            kept = {price: held[price] for price in self._prices(side)}
            held.clear()
            held.update(kept)

    def best(self, side: int, count: int | None = None) -> list[Level]:
        """The best `count` levels, or all, best first."""
        held = self._levels[side]
        return [held[price] for price in islice(self._prices(side), count)]

    def checksum(self) -> int:
        """Signed CRC-32 of `bid:quantity:ask:quantity:…`; a shorter side is skipped at its end.

        bitget.md §1 and, while it still had one, okx.md §1.
        """
        bids, asks = (self.best(side, CHECKED_LEVELS) for side in (BIDS, ASKS))
        words: list[str] = []
        for i in range(max(len(bids), len(asks))):
            words.extend(
                word for side in (bids, asks) for level in side[i : i + 1] for word in level
            )
        unsigned = zlib.crc32(":".join(words).encode())
        return unsigned - (1 << 32) if unsigned >= 1 << 31 else unsigned

    def _prices(self, side: int) -> Iterator[float]:
        count = int(self._ladder.counts[side])
        yield from self._ladder.prices[side, :count][::-1].tolist()
