"""What the account of the test keys has at each venue when the world begins."""

from __future__ import annotations

import math
from collections.abc import Sequence
from decimal import Decimal
from random import Random

from app.simulator.world.catalogue import MAJORS
from app.simulator.world.coins import KOREAN, Coin

MONEY = {"KRW": "100000000", "USD": "50000", "USDT": "50000", "USDC": "20000"}
"""Of what coins trade against."""
STABLE = "20000"
"""Of a stablecoin that is a coin there, as in Korea."""
COIN_USD = (2_000.0, 6_000.0)
WITHOUT = 0.12
"""Of the lesser coins are not held at a venue."""


def start_purses(
    seed: int, venue: str, coins: Sequence[Coin], quotes: Sequence[str]
) -> dict[str, Decimal]:
    purses = {quote: Decimal(MONEY[quote]) for quote in set(quotes)}
    for rank, coin in enumerate(coins):
        stable = coin.ticker in MONEY
        if coin.ticker in purses or not (stable or venue in coin.venues):
            continue
        if stable:
            purses[coin.ticker] = Decimal(STABLE)
            continue
        chance = Random(f"purse {seed} {venue} {coin.ticker} {coin.twin}")
        worth = chance.uniform(*COIN_USD)
        if rank < MAJORS or chance.random() >= WITHOUT or venue in KOREAN:
            purses[coin.ticker] = round_coins(worth / coin.price_usd)
    return purses


def round_coins(amount: float) -> Decimal:
    """Three digits."""
    places = 2 - math.floor(math.log10(amount))
    return Decimal(f"{amount:.{max(0, min(8, places))}f}")
