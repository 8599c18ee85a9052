"""Trading policies: what people set about trading, as one TradingPolicy; and its pace."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal

import msgspec

from app.domain.trading import TradingPolicy
from app.domain.venues import Venue
from app.runtime.preferences import Preference, Preferences, holdings

GROUPS = ("trading.", "risk.", "retry.", "book.", "detection.", "cycle.", "finalizer.")
"""Settings that a policy or a pace is made of."""
_SAME_NAME: Mapping[str, tuple[str, ...]] = {
    "trading": (
        "size_krw", "size_krw_min", "min_net_bps", "slippage_bps", "cycles_max",
        "cycles_per_base_max", "leg_s_max", "transfer_s_max", "hold_s_max", "loss_bps_max",
        "repeats_max", "return_s_max", "return_bps_max", "won_age_s_min",
    ),
    "risk": (
        "coin_krw_max", "venue_krw_max", "total_krw_max", "daily_loss_krw_max",
        "daily_loss_pct_max", "drawdown_pct_max", "warn_share", "flash_crash_pct",
        "crash_window_s", "crash_rest_s", "spread_bps_max", "spread_sigma_max",
        "losses_in_row_max", "loss_rest_s", "max_net_bps",
    ),
}  # fmt: skip
_RENAMED = {
    "retry.max": "retry_max",
    "retry.base_s": "retry_base_s",
    "retry.factor": "retry_factor",
    "retry.jitter": "retry_jitter",
    "detection.tether_age_s_max": "rate_age_s_max",
    "detection.wallet_age_s_max": "wallet_age_s_max",
}
FIELDS: Mapping[str, str] = {
    f"{group}.{name}": name for group, names in _SAME_NAME.items() for name in names
} | _RENAMED
"""Setting → field, where it is one number."""


class Pace(msgspec.Struct, frozen=True):
    """How long a cycle is owned without a word, and how often the finalizer looks."""

    lease_s: float = 30.0
    finalizer_every_s: float = 5.0


class Paper(msgspec.Struct, frozen=True):
    """How simulated venues begin and answer. fill_share: of the depth that a book shows."""

    balances: tuple[tuple[Venue, str, Decimal], ...]
    latency_ms: float
    transfer_s: float
    fill_share: float


class TradingPolicies:
    """The trading policy in force; who listens is told of each other one."""

    def __init__(self, preferences: Preferences) -> None:
        self._preferences = preferences
        self._listeners: list[Callable[[TradingPolicy], None]] = []
        self.now = TradingPolicy()
        self.pace = Pace()
        preferences.listen(self._setting_changed)

    def listen(self, listener: Callable[[TradingPolicy], None]) -> None:
        self._listeners.append(listener)

    async def load(self) -> TradingPolicy:
        """Read everything anew."""
        settings = await self._preferences.all()
        self.pace = Pace(
            float(settings["cycle.lease_s"].value), float(settings["finalizer.every_s"].value)
        )
        policy = made(settings)
        if policy != self.now:
            self.now = policy
            for listener in self._listeners:
                listener(policy)
        return policy

    async def paper(self) -> Paper:
        """As it is set now; balances hold at the first start only."""
        settings = await self._preferences.all()
        return Paper(
            holdings(str(settings["paper.balances"].value)),
            float(settings["paper.latency_ms"].value),
            float(settings["paper.transfer_s"].value),
            float(settings["paper.fill_share"].value),
        )

    async def _setting_changed(self, key: str) -> None:
        if key.startswith(GROUPS):
            await self.load()


def made(settings: Mapping[str, Preference]) -> TradingPolicy:
    """From settings, each of which has been judged by its kind."""
    return msgspec.structs.replace(
        TradingPolicy(),
        styles=_words(settings["trading.styles"]),
        allow_list=_words(settings["trading.allow_list"]),
        book_age_s_max=float(settings["book.age_trading_ms"].value) / 1e3,
        **{name: settings[key].value for key, name in FIELDS.items()},
    )


def _words(setting: Preference) -> tuple[str, ...]:
    return tuple(str(setting.value).split(",")) if setting.value else ()
