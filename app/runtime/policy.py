"""Policies: what people decide about detection, from settings and ledger, as one Policy."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Sequence

import msgspec

from app.domain.facts import PairQuarantined
from app.domain.live import IdentityRow
from app.domain.policy import (
    AssetName,
    Fee,
    IdentityDecision,
    IdentitySuspicion,
    Policy,
    Verdict,
    WithdrawalFee,
)
from app.domain.problems import FieldError, Problem
from app.domain.venues import Venue
from app.engine.market.fees import Fees
from app.engine.market.names import Names
from app.ledger import identities as ledger
from app.ledger import queries
from app.ledger.database import Database
from app.runtime.preferences import (
    TICKER,
    Preference,
    Preferences,
    channel_key,
    fee_key,
    fee_of,
)

GROUPS = ("detection.", "fees.", "markets.")
"""Settings that a Policy is made of."""
FEEDS, LIVE = "feeds", "live"
SET = "set"
NOTE_LENGTH_MAX = 400
MULTIPLIER_MAX = 1e9
AMOUNT_MAX = 1e12
QUORUM = 2

_NETWORK = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_SAME_NAME = {
    f"detection.{name}": name
    for name in (
        "min_net_bps",
        "near_miss_bps",
        "max_net_bps",
        "size_krw",
        "book_age_s_max",
        "tether_age_s_max",
        "official_age_s_max",
        "wallet_age_s_max",
        "fee_age_s_max",
        "tick_bps_max",
        "identity_ratio_max",
        "triangular_min_bps",
        "statistical_minutes",
        "statistical_entry_z",
        "statistical_exit_z",
        "funding_rate_min",
        "funding_year_pct_min",
        "funding_year_pct_exit",
        "funding_days",
        "funding_fee_bps",
    )
} | {"markets.per_venue_max": "instruments_per_venue_max"}


class Policies:
    """The policy in force. What people change goes through here and is told to who listens."""

    def __init__(
        self,
        db: Database,
        preferences: Preferences,
        *,
        fx_fixed: float | None = None,
        fx_sources: int = QUORUM,
        clock: Callable[[], int] = time.time_ns,
    ) -> None:
        """fx_sources: how many are configured; with one only, that one is enough."""
        self._db = db
        self._preferences = preferences
        self._fx_fixed = fx_fixed
        self._fx_quorum = max(1, min(QUORUM, fx_sources))
        self._clock = clock
        self._listeners: list[Callable[[Policy], None]] = []
        self._feeds = LIVE
        self.now = Policy(fx_fixed=fx_fixed, fx_quorum=self._fx_quorum)
        preferences.listen(self._setting_changed)

    def listen(self, listener: Callable[[Policy], None]) -> None:
        """It is called with every policy that differs from the one before."""
        self._listeners.append(listener)

    async def load(self, feeds: str | None = None) -> Policy:
        """Read everything anew. feeds: demo or live, whose decisions hold from now on."""
        self._feeds = feeds or self._feeds
        settings = await self._preferences.all()
        policy = self._made(settings, await self._db.read(_kept, self._feeds))
        if policy != self.now:
            self.now = policy
            for listener in self._listeners:
                listener(policy)
        return policy

    def names(self) -> tuple[AssetName, ...]:
        """What tickers really are: people's rows over the shipped ones."""
        return Names(self.now.names).rows()

    def fees(self) -> tuple[Fee, ...]:
        """What trades cost: people's fees over the public lists."""
        fees = Fees()
        fees.policy(self.now)
        return fees.all()

    async def feeds(self) -> str:
        """demo, live or off, as Settings choose; the environment may say otherwise."""
        return str((await self._preferences.get(FEEDS)).value)

    async def put_feeds(self, feeds: str, *, by: str) -> None:
        await self._preferences.put(FEEDS, feeds, by)

    async def channels(self) -> dict[Venue, str]:
        """The book channel of each venue."""
        settings = await self._preferences.all()
        return {venue: str(settings[channel_key(venue)].value) for venue in Venue}

    async def decide(
        self, row: IdentityRow, verdict: str, *, by: str, note: str = ""
    ) -> IdentityDecision:
        """A person's word on a pair; it holds until the next one."""
        if verdict not in set(Verdict):
            raise _wrong("verdict", verdict, " | ".join(Verdict))
        if len(note) > NOTE_LENGTH_MAX:
            raise _wrong("note", note, f"at most {NOTE_LENGTH_MAX} letters")
        decision = IdentityDecision(
            row.base, row.venue, row.other, Verdict(verdict), by, self._clock(), note
        )
        await self._db.write(ledger.put_decision, self._feeds, decision)
        await self.load()
        return decision

    async def set_name(
        self,
        venue: Venue,
        ticker: str,
        asset: str | None,
        *,
        by: str,
        multiplier: float = 1.0,
        note: str = "",
    ) -> None:
        """What a venue's ticker really is; asset None goes back to what is shipped."""
        if not TICKER.fullmatch(ticker):
            raise _wrong("ticker", ticker, TICKER.pattern)
        if asset is not None and not TICKER.fullmatch(asset):
            raise _wrong("asset", asset, TICKER.pattern)
        if not 0.0 < multiplier <= MULTIPLIER_MAX:
            raise _wrong("multiplier", str(multiplier), f"> 0, <= {MULTIPLIER_MAX:g}")
        if len(note) > NOTE_LENGTH_MAX:
            raise _wrong("note", note, f"at most {NOTE_LENGTH_MAX} letters")
        await self._db.write(
            ledger.put_name, venue, ticker, asset, multiplier, by=by, at_ns=self._clock(), note=note
        )
        await self.load()

    async def set_withdrawal_fee(
        self, venue: Venue, asset: str, network: str, amount: float | None, *, by: str
    ) -> None:
        """In the asset, over what the venue says; None goes back to that."""
        if not TICKER.fullmatch(asset):
            raise _wrong("asset", asset, TICKER.pattern)
        if not _NETWORK.fullmatch(network):
            raise _wrong("network", network, "1..64 printable letters")
        if amount is not None and not 0.0 <= amount <= AMOUNT_MAX:
            raise _wrong("amount", str(amount), f">= 0, <= {AMOUNT_MAX:g}")
        await self._db.write(
            ledger.put_withdrawal_fee, venue, asset, network, amount, by=by, at_ns=self._clock()
        )
        await self.load()

    async def set_fee(self, venue: Venue, taker_bps: float | None, *, by: str) -> None:
        """Of the venue's spot trades; None goes back to the public list."""
        await self._preferences.put(fee_key(venue), taker_bps, by)

    async def suspect(self, facts: Sequence[PairQuarantined]) -> None:
        """Keep what the engine put into quarantine, so that it stays there after a restart."""
        found = [fact.suspicion for fact in facts if fact.suspicion is not None]
        await self._db.write(ledger.put_suspicions, self._feeds, found)

    async def decisions_of(self, row: IdentityRow) -> list[IdentityDecision]:
        """All that was ever said about a pair, newest first."""
        return await self._db.read(ledger.decisions_of, self._feeds, row.base, row.venue, row.other)

    async def _setting_changed(self, key: str) -> None:
        if key.startswith(GROUPS):
            await self.load()

    def _made(self, settings: dict[str, Preference], kept: _Kept) -> Policy:
        numbers = {name: settings[key].value for key, name in _SAME_NAME.items()}
        size_krw = float(settings["detection.size_krw"].value)
        favourites = str(settings["markets.favourites"].value)
        return msgspec.structs.replace(
            Policy(),
            **numbers,
            sizes_krw=tuple(sorted({*Policy().sizes_krw, size_krw})),
            favourites=tuple(favourites.split(",")) if favourites else (),
            fx_fixed=self._fx_fixed,
            fx_quorum=self._fx_quorum,
            fees=_fees(settings),
            withdrawal_fees=kept.withdrawal_fees,
            decisions=kept.decisions,
            suspicions=kept.suspicions,
            names=kept.names,
        )


class _Kept(msgspec.Struct, frozen=True):
    """What the ledger holds."""

    decisions: tuple[IdentityDecision, ...]
    suspicions: tuple[IdentitySuspicion, ...]
    names: tuple[AssetName, ...]
    withdrawal_fees: tuple[WithdrawalFee, ...]


def _kept(conn: queries.Connection, feeds: str) -> _Kept:
    return _Kept(
        tuple(ledger.list_decisions(conn, feeds)),
        tuple(ledger.list_suspicions(conn, feeds)),
        tuple(ledger.list_names(conn)),
        tuple(ledger.list_withdrawal_fees(conn)),
    )


def _fees(settings: dict[str, Preference]) -> tuple[Fee, ...]:
    """Those that somebody set; the list is the engine's own."""
    found = []
    for venue in Venue:
        setting = settings[fee_key(venue)]
        if setting.changed_at_ns is not None:
            _, quote = fee_of(venue)
            found.append(Fee(venue, quote, float(setting.value), SET, setting.changed_at_ns))
    return tuple(found)


def _wrong(column: str, value: str, expected: str) -> Problem:
    return Problem(
        "invalid_fields",
        errors=(FieldError(column=column, value=value[:200], expected=expected),),
    )
