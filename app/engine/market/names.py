"""Names: what a venue's ticker really is. An editable table over a shipped one.

A ticker is only a label: the same letters are different assets on different venues, and one asset
has different letters. The table joins and parts them by name before anything is compared; it grows
stale by itself (tickers are renamed), so no safety rests on it: `identity` looks at prices.
"""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.policy import AssetName
from app.domain.venues import Venue
from app.engine.market.seeds import NAMES

SEEDS = NAMES


class Names:
    """Both ways between a venue's tickers and our assets; what is in no table has its own name."""

    def __init__(self, rows: Iterable[AssetName] = ()) -> None:
        self._assets: dict[tuple[Venue, str], AssetName] = {}
        self._tickers: dict[tuple[Venue, str], str] = {}
        self.version = 0
        self.set(rows)

    def set(self, rows: Iterable[AssetName]) -> None:
        """Lay people's rows over the shipped ones."""
        self._assets = {(row.venue, row.ticker): row for row in (*SEEDS, *rows)}
        self._tickers = {
            (row.venue, row.asset): row.ticker
            for row in self._assets.values()
            if row.multiplier == 1.0
        }
        self.version += 1

    def asset(self, venue: Venue, ticker: str) -> tuple[str, float]:
        """Our name, and how many units of it one unit of the ticker is."""
        row = self._assets.get((venue, ticker))
        return (ticker, 1.0) if row is None else (row.asset, row.multiplier)

    def ticker(self, venue: Venue, asset: str) -> str | None:
        """What the venue's wallets call it; None where they mean another asset by that name.

        Wallets know no multiplied tickers.
        """
        ticker = self._tickers.get((venue, asset), asset)
        return ticker if self.asset(venue, ticker)[0] == asset else None

    def rows(self) -> tuple[AssetName, ...]:
        return tuple(sorted(self._assets.values(), key=lambda row: (row.venue, row.ticker)))
