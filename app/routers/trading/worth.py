"""Worth: what there is and what it is worth in won, as far as there are prices."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from decimal import Decimal

from app.domain.trading import Purse
from app.runtime.desk import Desk

WON = "KRW"
ONE, NOTHING = Decimal(1), Decimal(0)


@dataclass(frozen=True, slots=True)
class Worth:
    """prices: KRW of a unit, of the assets that have one. unvalued: assets that have none."""

    purses: tuple[Purse, ...]
    prices: Mapping[str, Decimal]
    unvalued: tuple[str, ...]

    @property
    def equity_krw(self) -> Decimal:
        return self.of("available") + self.of("reserved") + self.of("in_flight")

    def of(self, part: str) -> Decimal:
        """KRW of all that is available, reserved or in_flight."""
        return sum(
            (getattr(each, part) * self.prices[each.asset]
             for each in self.purses if each.asset in self.prices),
            NOTHING,
        )  # fmt: skip


def held(purse: Purse) -> Decimal:
    return purse.available + purse.reserved + purse.in_flight


async def worth(here: Desk) -> Worth:
    purses = await here.trading.purses()
    assets = {purse.asset for purse in purses if held(purse)}
    found = {asset: here.trading.value_krw(asset, ONE) for asset in (*assets, WON)}
    prices = {asset: price for asset, price in found.items() if price is not None}
    return Worth(purses, prices, tuple(sorted(assets - prices.keys())))
