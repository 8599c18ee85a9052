"""Preferences: what Settings may change, its kinds and bounds; who changed what, and when."""

from __future__ import annotations

import re
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from decimal import Decimal
from typing import Protocol

import msgspec

from app.domain.backtests import Direction, Params, Style
from app.domain.policy import Policy
from app.domain.problems import FieldError, Problem
from app.domain.records import SettingRow
from app.domain.trading import TradingPolicy
from app.domain.venues import KOREAN, Venue
from app.engine.market.fees import LISTED_BPS
from app.exchanges import EXCHANGES
from app.ledger import preferences as ledger
from app.ledger import queries
from app.ledger.database import Database
from app.texts import formats

Value = str | float | int | bool

# Venues list tickers in any script and case.
TICKER = re.compile(r"[\w.$-]{1,32}")
FAVOURITES_MAX = 50
ALLOWED_MAX = 200
HOLDINGS_LENGTH_MAX = 20_000

_HOLDING = re.compile(r"([a-z]+):([\w.$-]{1,32})=(\d{1,15}(?:\.\d{1,12})?)")


class Kind(Protocol):
    """What a setting's value may be."""

    @property
    def expected(self) -> str:
        """In a few language-neutral words."""

    def admits(self, value: object) -> bool: ...


@dataclass(frozen=True, slots=True)
class Choice:
    """One of a few words."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        return " | ".join(self.words)

    def admits(self, value: object) -> bool:
        return value in self.words


@dataclass(frozen=True, slots=True)
class Number:
    """A number, both ends included."""

    low: float
    high: float
    whole: bool = False

    @property
    def expected(self) -> str:
        word = "whole number" if self.whole else "number"
        return f"{word} {self.low:g}..{self.high:g}"

    def admits(self, value: object) -> bool:
        if isinstance(value, bool) or not isinstance(value, int if self.whole else int | float):
            return False
        return self.low <= value <= self.high


@dataclass(frozen=True, slots=True)
class Switch:
    """On or off."""

    expected: str = "true | false"

    def admits(self, value: object) -> bool:
        return isinstance(value, bool)


@dataclass(frozen=True, slots=True)
class Tickers:
    """Names of coins with commas between them, each once; the order counts. May be empty."""

    count_max: int
    expected: str = "BTC,XRP,…"

    def admits(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        words = value.split(",") if value else []
        fits = all(TICKER.fullmatch(word) for word in words)
        return fits and len(set(words)) == len(words) <= self.count_max


@dataclass(frozen=True, slots=True)
class Words:
    """Some of a few words, each once, with commas between them; the order counts. May be empty."""

    words: tuple[str, ...]

    @property
    def expected(self) -> str:
        return f"{','.join(self.words)}: some of them"

    def admits(self, value: object) -> bool:
        if not isinstance(value, str):
            return False
        chosen = value.split(",") if value else []
        return set(chosen) <= set(self.words) and len(set(chosen)) == len(chosen)


@dataclass(frozen=True, slots=True)
class Holdings:
    """Amounts of assets on venues, such as `upbit:KRW=100000000,binance:USDT=50000`."""

    expected: str = "upbit:KRW=100000000,binance:USDT=50000,…"

    def admits(self, value: object) -> bool:
        if not isinstance(value, str) or len(value) > HOLDINGS_LENGTH_MAX:
            return False
        try:
            holdings(value)
        except ValueError:
            return False
        return True


def holdings(text: str) -> tuple[tuple[Venue, str, Decimal], ...]:
    """Raises ValueError. What a venue does not have is not named."""
    found: dict[tuple[Venue, str], Decimal] = {}
    for part in (each.strip() for each in text.split(",") if each.strip()):
        match = _HOLDING.fullmatch(part)
        if match is None:
            raise ValueError(f"{part[:60]!r} is not venue:ASSET=amount")
        venue, asset, amount = Venue(match[1]), match[2], Decimal(match[3])
        if (venue, asset) in found:
            raise ValueError(f"{venue}:{asset} stands there twice")
        found[venue, asset] = amount
    return tuple((venue, asset, amount) for (venue, asset), amount in found.items())


@dataclass(frozen=True, slots=True)
class Setting:
    """One row of Settings; its name in both languages is `settings.<key>`."""

    kind: Kind
    default: Value


def channel_key(venue: Venue) -> str:
    return f"feeds.{venue}.channel"


def fee_key(venue: Venue) -> str:
    return f"fees.{venue}.taker_bps"


def fee_of(venue: Venue) -> tuple[Venue, str | None]:
    """What the fee of a venue's setting is of: Upbit asks for won markets less than for others."""
    quoted = (venue, "KRW")
    return quoted if venue in KOREAN and quoted in LISTED_BPS else (venue, None)


_PARAMS = Params()
_POLICY = Policy()
_AGE = Number(0.1, 86_400)
_BPS = Number(0, 10_000)
_EDGE = Number(-1e6, 1e6)
_KRW = Number(1, 1e15)
_TRADING = TradingPolicy()
_WAIT = Number(0.1, 604_800)
_COUNT = Number(1, 1_000, whole=True)
_PERCENT = Number(0.01, 100)
STYLES = ("TRANSFER", "PREFUNDED", "HEDGED_TRANSFER")
PAPER_BALANCES = ",".join(
    f"{venue}:KRW=100000000,{venue}:USDT=20000"
    if venue in KOREAN
    else f"{venue}:{'USD' if venue is Venue.COINBASE else 'USDT'}=50000,{venue}:USDC=20000"
    for venue in Venue
)

SETTINGS: dict[str, Setting] = {
    "display.timezone": Setting(Choice(tuple(formats.ZONES)), "Asia/Seoul"),
    "display.updown": Setting(Choice(("auto", "kr", "intl")), "auto"),
    "display.density": Setting(Choice(("compact", "comfortable")), "compact"),
    "uploads.max_gib": Setting(Number(0.001, 64), 1),
    "archive.max_gib": Setting(Number(0.1, 10_000), 10),
    "recorder.max_gib": Setting(Number(0.01, 10_000), 5),
    "backtest.style": Setting(Choice(tuple(Style)), _PARAMS.style),
    "backtest.direction": Setting(Choice(tuple(Direction)), _PARAMS.direction),
    "backtest.entry_bps": Setting(_EDGE, _PARAMS.entry_bps),
    "backtest.exit_bps": Setting(_EDGE, _PARAMS.exit_bps),
    "backtest.max_hold_bars": Setting(Number(0, 10_000_000, whole=True), _PARAMS.max_hold_bars),
    "backtest.notional_krw": Setting(_KRW, _PARAMS.notional_krw),
    "backtest.initial_capital_krw": Setting(_KRW, _PARAMS.initial_capital_krw),
    "backtest.krw_fee_bps": Setting(_BPS, _PARAMS.krw_fee_bps),
    "backtest.global_fee_bps": Setting(_BPS, _PARAMS.global_fee_bps),
    "backtest.slippage_bps": Setting(_BPS, _PARAMS.slippage_bps),
    "backtest.transfer_bars": Setting(Number(0, 10_000_000, whole=True), _PARAMS.transfer_bars),
    "backtest.hedge": Setting(Switch(), _PARAMS.hedge),
    "backtest.hedge_fee_bps": Setting(_BPS, _PARAMS.hedge_fee_bps),
    "backtest.qty_step": Setting(Number(0, 1e9), _PARAMS.qty_step),
    "feeds": Setting(Choice(("demo", "live", "off")), "demo"),
    "markets.favourites": Setting(Tickers(FAVOURITES_MAX), ""),
    "markets.per_venue_max": Setting(Number(1, 400, whole=True), _POLICY.instruments_per_venue_max),
    "detection.min_net_bps": Setting(_EDGE, _POLICY.min_net_bps),
    "detection.near_miss_bps": Setting(_BPS, _POLICY.near_miss_bps),
    "detection.max_net_bps": Setting(Number(1, 1e6), _POLICY.max_net_bps),
    "detection.size_krw": Setting(_KRW, _POLICY.size_krw),
    "detection.book_age_s_max": Setting(_AGE, _POLICY.book_age_s_max),
    "detection.tether_age_s_max": Setting(_AGE, _POLICY.tether_age_s_max),
    "detection.official_age_s_max": Setting(_AGE, _POLICY.official_age_s_max),
    "detection.wallet_age_s_max": Setting(_AGE, _POLICY.wallet_age_s_max),
    "detection.fee_age_s_max": Setting(Number(60, 2_592_000), _POLICY.fee_age_s_max),
    "detection.tick_bps_max": Setting(_BPS, _POLICY.tick_bps_max),
    "detection.identity_ratio_max": Setting(Number(1.01, 100), _POLICY.identity_ratio_max),
    "trading.styles": Setting(Words(STYLES), ",".join(_TRADING.styles)),
    "trading.allow_list": Setting(Tickers(ALLOWED_MAX), ""),
    "trading.size_krw": Setting(_KRW, _TRADING.size_krw),
    "trading.size_krw_min": Setting(_KRW, _TRADING.size_krw_min),
    "trading.min_net_bps": Setting(_EDGE, _TRADING.min_net_bps),
    "trading.slippage_bps": Setting(_BPS, _TRADING.slippage_bps),
    "trading.cycles_max": Setting(_COUNT, _TRADING.cycles_max),
    "trading.cycles_per_base_max": Setting(_COUNT, _TRADING.cycles_per_base_max),
    "trading.leg_s_max": Setting(_WAIT, _TRADING.leg_s_max),
    "trading.transfer_s_max": Setting(_WAIT, _TRADING.transfer_s_max),
    "trading.hold_s_max": Setting(_WAIT, _TRADING.hold_s_max),
    "trading.loss_bps_max": Setting(_BPS, _TRADING.loss_bps_max),
    "trading.repeats_max": Setting(_COUNT, _TRADING.repeats_max),
    "trading.return_s_max": Setting(_WAIT, _TRADING.return_s_max),
    "trading.return_bps_max": Setting(_BPS, _TRADING.return_bps_max),
    "trading.won_age_s_min": Setting(Number(0, 2_592_000), _TRADING.won_age_s_min),
    "book.age_trading_ms": Setting(Number(50, 86_400_000), _TRADING.book_age_s_max * 1e3),
    "risk.coin_krw_max": Setting(_KRW, _TRADING.coin_krw_max),
    "risk.venue_krw_max": Setting(_KRW, _TRADING.venue_krw_max),
    "risk.total_krw_max": Setting(_KRW, _TRADING.total_krw_max),
    "risk.daily_loss_krw_max": Setting(_KRW, _TRADING.daily_loss_krw_max),
    "risk.daily_loss_pct_max": Setting(_PERCENT, _TRADING.daily_loss_pct_max),
    "risk.drawdown_pct_max": Setting(_PERCENT, _TRADING.drawdown_pct_max),
    "risk.warn_share": Setting(Number(0.01, 1), _TRADING.warn_share),
    "risk.flash_crash_pct": Setting(_PERCENT, _TRADING.flash_crash_pct),
    "risk.crash_window_s": Setting(Number(1, 299), _TRADING.crash_window_s),
    "risk.crash_rest_s": Setting(_WAIT, _TRADING.crash_rest_s),
    "risk.spread_bps_max": Setting(_BPS, _TRADING.spread_bps_max),
    "risk.spread_sigma_max": Setting(Number(0.1, 1_000), _TRADING.spread_sigma_max),
    "risk.losses_in_row_max": Setting(_COUNT, _TRADING.losses_in_row_max),
    "risk.loss_rest_s": Setting(_WAIT, _TRADING.loss_rest_s),
    "risk.max_net_bps": Setting(Number(1, 1e6), _TRADING.max_net_bps),
    "retry.max": Setting(Number(0, 20, whole=True), _TRADING.retry_max),
    "retry.base_s": Setting(_WAIT, _TRADING.retry_base_s),
    "retry.factor": Setting(Number(1, 10), _TRADING.retry_factor),
    "retry.jitter": Setting(Number(0, 0.9), _TRADING.retry_jitter),
    "cycle.lease_s": Setting(Number(1, 3_600), 30),
    "finalizer.every_s": Setting(Number(0.1, 3_600), 5),
    "paper.balances": Setting(Holdings(), PAPER_BALANCES),
    "paper.latency_ms": Setting(Number(0, 10_000), 50),
    "paper.transfer_s": Setting(Number(0, 86_400), 20),
    "paper.fill_share": Setting(Number(0.01, 1), 0.8),
    "detection.triangular_min_bps": Setting(_EDGE, _POLICY.triangular_min_bps),
    "detection.statistical_minutes": Setting(
        Number(30, 720, whole=True), _POLICY.statistical_minutes
    ),
    "detection.statistical_entry_z": Setting(Number(0.1, 20), _POLICY.statistical_entry_z),
    "detection.statistical_exit_z": Setting(Number(0, 20), _POLICY.statistical_exit_z),
    "detection.funding_rate_min": Setting(Number(0, 0.1), _POLICY.funding_rate_min),
    "detection.funding_year_pct_min": Setting(Number(0, 10_000), _POLICY.funding_year_pct_min),
    "detection.funding_year_pct_exit": Setting(Number(0, 10_000), _POLICY.funding_year_pct_exit),
    "detection.funding_days": Setting(Number(0.1, 365), _POLICY.funding_days),
    "detection.funding_fee_bps": Setting(_BPS, _POLICY.funding_fee_bps),
    **{
        channel_key(venue): Setting(Choice(tuple(exchange.channels)), next(iter(exchange.channels)))
        for venue, exchange in EXCHANGES.items()
    },
    **{fee_key(venue): Setting(Number(0, 1_000), LISTED_BPS[fee_of(venue)]) for venue in Venue},
}


class Preference(msgspec.Struct, frozen=True):
    """A setting as it stands. changed_*: None while it has its default.

    previous: the value before the last change, None where that was the default.
    """

    key: str
    value: Value
    default: Value
    expected: str
    changed_at_ns: int | None = None
    changed_by: str | None = None
    previous: Value | None = None


Listener = Callable[[str], Awaitable[None]]

ALIASES = {"premium.size_krw": "detection.size_krw"}
"""Names that an older list of settings gave; the answer carries the one of here."""


class Preferences:
    """Reads and writes the settings of `SETTINGS`."""

    def __init__(self, db: Database, clock: Callable[[], int] = time.time_ns) -> None:
        self._db = db
        self._clock = clock
        self._listeners: list[Listener] = []
        self._seen: dict[str, int | None] | None = None
        """Setting → when it was changed, as far as the listeners know."""

    def listen(self, listener: Listener) -> None:
        """It is called with the key after each change, before `put` answers."""
        self._listeners.append(listener)

    async def all(self) -> dict[str, Preference]:
        """Every setting, in the order of `SETTINGS`."""
        stored = {row.key: row for row in await self._db.read(queries.list_settings)}
        return {key: _preference(key, stored.get(key)) for key in SETTINGS}

    async def get(self, key: str) -> Preference:
        """Problem not_found for a key that is none of ours."""
        key = ALIASES.get(key, key)
        if key not in SETTINGS:
            raise Problem("not_found")
        return _preference(key, await self._db.read(queries.get_setting, key))

    async def put(self, key: str, value: object, by: str) -> Preference:
        """Check and keep a value; None goes back to the default."""
        key = ALIASES.get(key, key)
        if key not in SETTINGS:
            raise Problem("not_found")
        setting = SETTINGS[key]
        if value is not None and not setting.kind.admits(value):
            shown = msgspec.json.encode(value).decode()[:200]
            place = FieldError(column="value", value=shown, expected=setting.kind.expected)
            raise Problem("invalid_fields", errors=(place,))
        encoded = None if value is None else msgspec.json.encode(value).decode()
        await self._db.write(ledger.put_setting, key, encoded, self._clock(), by)
        if self._seen is not None:
            self._seen[key] = (await self.get(key)).changed_at_ns
        for listener in self._listeners:
            await listener(key)
        return await self.get(key)

    async def follow(self) -> None:
        """By the clock: what another process has changed. The first look only remembers."""
        stored = await self._db.read(queries.list_settings)
        before = self._seen
        now = self._seen = {row.key: row.at_ns for row in stored if row.key in SETTINGS}
        if before is None:
            return
        for key in sorted(before.keys() | now.keys()):
            if before.get(key) != now.get(key):
                for listener in self._listeners:
                    await listener(key)


def _preference(key: str, row: SettingRow | None) -> Preference:
    setting = SETTINGS[key]
    unset = Preference(key, setting.default, setting.default, setting.kind.expected)
    if row is None:
        return unset
    value = msgspec.json.decode(row.value_json)
    if not setting.kind.admits(value):  # kept by another version: its bounds were others
        return unset
    previous = None if row.previous_json is None else msgspec.json.decode(row.previous_json)
    return Preference(
        key, value, setting.default, setting.kind.expected, row.at_ns, row.by, previous
    )
