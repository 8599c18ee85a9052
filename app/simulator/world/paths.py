"""The hidden paths: every coin's USD price, the won's premium, and each venue's own deviation.

One step is STEP_S of world time. All arrays are float64: coins in rows, venues in columns.
"""

from __future__ import annotations

import math
from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Floats = npt.NDArray[np.float64]

STEP_S = 0.05
LAG_STEPS_MAX = 16
MINUTE_MS = 60_000
HISTORY_MINUTES = 7 * 24 * 60
"""What candles reach back to."""

SIGMA = 2.0e-4
"""Of a coin in one square root of a second; about 110 % a year."""
MARKET_SHARE = 0.6
"""Correlation with the market as a whole."""
PREMIUM_MEAN = 0.012
PREMIUM_SIGMA = 0.004
PREMIUM_S = 7_200.0
LEVEL_BPS, LEVEL_S = 9.0, 240.0
NOISE_BPS, NOISE_S = 2.0, 6.0
JUMPS_PER_S = 0.3
"""Over the whole market, of any deviation of one coin at one venue."""
JUMPS_AT_FIRST = 4
"""Under way when the world begins."""
KOREAN_JUMPS = 6.0
"""How much more often a venue in won jumps than another: its holders cannot leave quickly."""
JUMP_BPS = ((50.0, 35.0), (90.0, 50.0))
"""Least and mean beyond it: of other venues, of Korean ones."""
JUMP_S = ((8.0, 25.0), (15.0, 50.0))
"""In which a jump falls to a third: from, to; of other venues, of Korean ones."""
UPWARD = 0.55
CALM = 0.3
STABLE_BPS, STABLE_S = 2.0, 300.0
USDKRW = 1_480.0


class Minute(NamedTuple):
    """One minute of the whole world: OHLC of each coin, and what a unit is worth in won."""

    start_ms: int
    open: Floats
    high: Floats
    low: Floats
    close: Floats
    krw_open: float
    krw_close: float
    usdt_usd: float
    usdc_usd: float


class Paths:
    """prices_usd, volatility: by coin. korean: columns that trade in won.

    calm: so many of the last coins are money, which never jumps and deviates little.
    """

    def __init__(
        self,
        seed: int,
        prices_usd: list[float],
        volatility: list[float],
        korean: list[bool],
        *,
        calm: int,
        at_ms: int,
    ) -> None:
        self.random = np.random.default_rng([seed, 77])
        self.log = np.log(np.array(prices_usd))
        self.sigma = SIGMA * np.array(volatility)
        self.korean = np.array(korean)
        shape = (len(prices_usd), len(korean))
        self.level = self.random.normal(0, LEVEL_BPS, shape) * self.korean
        self.noise = np.zeros(shape)
        self.calm = calm
        self.deviating = np.ones((len(prices_usd), 1))
        self.deviating[len(prices_usd) - calm :] = CALM
        self.jump = np.zeros(shape)
        self.jump_decay = np.ones(shape)
        self.fence = np.zeros(shape)
        self.rate = USDKRW * math.exp(self.random.normal(0, 0.01))
        self.premium = PREMIUM_MEAN + float(self.random.normal(0, PREMIUM_SIGMA))
        self.usdt = 1.0 + self.random.normal(0, STABLE_BPS) * 1e-4
        self.usdc = 1.0 + self.random.normal(0, STABLE_BPS) * 1e-4
        self.ring = np.tile(self.log, (LAG_STEPS_MAX, 1))
        self.steps = 0
        self.jumped: list[tuple[int, int]] = []
        """(coin, venue) since last taken: their books move at once."""
        for _ in range(JUMPS_AT_FIRST):
            self._jump()
        self.minutes: list[Minute] = []
        self._remember(at_ms)
        self._open_minute(at_ms // MINUTE_MS * MINUTE_MS)

    # ---- forward -----------------------------------------------------------------------------

    def step(self, at_ms: int) -> None:
        coins = len(self.log)
        common, *own = self.random.standard_normal(coins + 1)
        mixed = MARKET_SHARE * common + math.sqrt(1 - MARKET_SHARE**2) * np.array(own)
        self.log += self.sigma * math.sqrt(STEP_S) * mixed
        self.steps += 1
        self.ring[self.steps % LAG_STEPS_MAX] = self.log
        self._deviate()
        self._money()
        prices = np.exp(self.log)
        np.maximum(self._high, prices, out=self._high)
        np.minimum(self._low, prices, out=self._low)
        if at_ms >= self._start_ms + MINUTE_MS:
            self.minutes.append(self._minute(prices))
            del self.minutes[:-HISTORY_MINUTES]
            self._open_minute(at_ms // MINUTE_MS * MINUTE_MS)

    def _deviate(self) -> None:
        shape = self.noise.shape
        fresh = self.random.standard_normal((2, *shape))
        self.noise += -self.noise * (STEP_S / NOISE_S)
        self.noise += fresh[0] * (NOISE_BPS * math.sqrt(2 * STEP_S / NOISE_S))
        self.level += -self.level * (STEP_S / LEVEL_S)
        self.level += fresh[1] * (LEVEL_BPS * math.sqrt(2 * STEP_S / LEVEL_S)) * self.korean
        self.jump *= self.jump_decay
        if self.random.random() < JUMPS_PER_S * STEP_S:
            self._jump()

    def _jump(self) -> None:
        coin = int(self.random.integers(len(self.jump) - self.calm))
        weights = np.where(self.korean, KOREAN_JUMPS, 1.0)
        venue = int(self.random.choice(len(weights), p=weights / weights.sum()))
        least, beyond = JUMP_BPS[int(self.korean[venue])]
        size = least + self.random.exponential(beyond)
        self.jump[coin, venue] += size if self.random.random() < UPWARD else -size
        life_s = self.random.uniform(*JUMP_S[int(self.korean[venue])])
        self.jump_decay[coin, venue] = math.exp(-STEP_S / life_s)
        self.jumped.append((coin, venue))

    def _money(self) -> None:
        one, two, three, four = self.random.standard_normal(4).tolist()
        self.premium += (PREMIUM_MEAN - self.premium) * (STEP_S / PREMIUM_S)
        self.premium += one * PREMIUM_SIGMA * math.sqrt(2 * STEP_S / PREMIUM_S)
        self.rate *= math.exp(two * 3e-6 * math.sqrt(STEP_S))
        for name, normal in (("usdt", three), ("usdc", four)):
            value = getattr(self, name)
            value += (1.0 - value) * (STEP_S / STABLE_S)
            value += normal * STABLE_BPS * 1e-4 * math.sqrt(2 * STEP_S / STABLE_S)
            setattr(self, name, value)

    def krw_per_usd(self) -> float:
        """What Korean markets pay in won for a dollar's worth of a coin."""
        return self.rate * (1 + self.premium)

    # ---- what a listing's fair price is ------------------------------------------------------

    def seen(
        self, coins: npt.NDArray[np.intp], venues: npt.NDArray[np.intp], lag: Floats
    ) -> Floats:
        """USD prices of coins as venues see them now, lag steps behind the hidden path."""
        behind = (self.steps - lag.astype(np.intp)) % LAG_STEPS_MAX
        bps = (self.level + self.noise) * self.deviating + self.jump + self.fence
        seen: Floats = np.exp(self.ring[behind, coins] + bps[coins, venues] * 1e-4)
        return seen

    # ---- minutes -----------------------------------------------------------------------------

    def _open_minute(self, start_ms: int) -> None:
        self._start_ms = start_ms
        self._open = np.exp(self.log)
        self._high = self._open.copy()
        self._low = self._open.copy()
        self._krw_open = self.krw_per_usd()

    def _minute(self, close: Floats) -> Minute:
        return Minute(
            self._start_ms,
            self._open,
            self._high,
            self._low,
            close,
            self._krw_open,
            self.krw_per_usd(),
            self.usdt,
            self.usdc,
        )

    def running(self) -> Minute:
        """The minute that is not over yet."""
        return self._minute(np.exp(self.log))

    def _remember(self, at_ms: int) -> None:
        """The past: the same walk, backwards from now."""
        random = self.random
        coins, minutes = len(self.log), HISTORY_MINUTES
        sigma = self.sigma * math.sqrt(60)
        mixed = MARKET_SHARE * random.standard_normal((minutes, 1)) + math.sqrt(
            1 - MARKET_SHARE**2
        ) * random.standard_normal((minutes, coins))
        back = np.vstack([np.zeros(coins), np.cumsum(mixed * sigma, axis=0)])
        edges = np.exp(self.log - back)[::-1]  # edges[-1] is now
        wick = np.abs(random.standard_normal((2, minutes, coins))) * sigma * 0.4
        open_, close = edges[:-1], edges[1:]
        high = np.maximum(open_, close) * (1 + wick[0])
        low = np.minimum(open_, close) * (1 - wick[1])
        premium, value = np.empty(minutes + 1), self.premium
        for index in range(minutes, -1, -1):
            premium[index] = value
            value += (PREMIUM_MEAN - value) * (60 / PREMIUM_S)
            value += random.standard_normal() * PREMIUM_SIGMA * math.sqrt(120 / PREMIUM_S)
        rate = self.rate * np.exp(-np.cumsum(random.normal(0, 3e-5, minutes + 1)))[::-1]
        krw = (rate * (1 + premium)).tolist()
        first_ms = at_ms // MINUTE_MS * MINUTE_MS - minutes * MINUTE_MS
        self.minutes = [
            Minute(
                first_ms + index * MINUTE_MS,
                open_[index],
                high[index],
                low[index],
                close[index],
                krw[index],
                krw[index + 1],
                self.usdt,
                self.usdc,
            )
            for index in range(minutes)
        ]
