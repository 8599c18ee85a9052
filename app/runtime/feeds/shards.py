"""Shards: which connection carries which instrument, changed as little as possible."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from app.domain.markets import Instrument


def reshard(
    carried: Sequence[tuple[Instrument, ...]], wanted: Iterable[Instrument], size: int
) -> list[tuple[Instrument, ...]]:
    """One tuple for each of `carried` (empty: no longer needed), and more behind them as needed."""
    missing = dict.fromkeys(wanted)
    kept: list[list[Instrument]] = []
    for shard in carried:
        staying = [instrument for instrument in shard if instrument in missing]
        for instrument in staying:
            del missing[instrument]
        kept.append(staying)
    for instrument in missing:
        place = next((shard for shard in kept if shard and len(shard) < size), None)
        if place is None:
            place = next((shard for shard in kept if not shard), None)
        if place is None:
            place = []
            kept.append(place)
        place.append(instrument)
    return [tuple(shard) for shard in kept]
