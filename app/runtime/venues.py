"""Venues: one row each of what feeds count and the engine judges."""

from __future__ import annotations

from collections.abc import Iterable

from app.domain.live import ChannelState, VenueRow
from app.domain.times import MS_NS
from app.domain.venues import Venue
from app.engine.core import Engine
from app.runtime.feeds.counts import Counts
from app.runtime.feeds.feeds import Feeds


def venue_rows(
    engine: Engine, feeds: Feeds, venues: Iterable[Venue], at_ns: int
) -> tuple[VenueRow, ...]:
    return tuple(_row(engine, venue, feeds.counts(venue), at_ns) for venue in venues)


def awaited_rows(venues: Iterable[Venue]) -> tuple[VenueRow, ...]:
    """The same while the engine is being made: nothing is known yet, and that is what they say."""
    return tuple(
        VenueRow(
            venue=venue,
            state=ChannelState.CONNECTING,
            reason=None,
            connections=0,
            instruments=0,
            valid_books=0,
            book_age_ms=None,
            messages_per_s=0.0,
            updates_per_s=0.0,
            delay_p50_ms=None,
            delay_p99_ms=None,
            skew_ms=None,
            skew_error_ms=None,
            limit_used=None,
            reconnects=0,
            gaps=0,
            checksum_errors=0,
            fallbacks=0,
            conflated=0,
            dropped=0,
            breaker="closed",
            breaker_until_ns=None,
            last_message_age_ms=None,
            wallets="unknown",
            wallets_reason="not_read",
            markets=0,
        )
        for venue in venues
    )


def _row(engine: Engine, venue: Venue, counts: Counts, at_ns: int) -> VenueRow:
    read = engine.intake.counts[venue]
    known, why = engine.wallets.known(venue)
    heard = counts.last_message_at_ns
    return VenueRow(
        venue=venue,
        state=_state(engine, venue, counts, at_ns),
        reason=counts.reason or engine.channels.reason(venue),
        connections=counts.connected,
        instruments=counts.instruments,
        valid_books=engine.valid_books(venue),
        book_age_ms=engine.channels.book_age_ms(venue, at_ns),
        messages_per_s=counts.messages_per_s,
        updates_per_s=counts.updates_per_s,
        delay_p50_ms=counts.delay_p50_ms,
        delay_p99_ms=counts.delay_p99_ms,
        skew_ms=counts.skew_ms,
        skew_error_ms=counts.skew_error_ms,
        limit_used=counts.limit_used,
        reconnects=counts.reconnects,
        gaps=read.gaps,
        checksum_errors=read.checksums,
        fallbacks=read.fallbacks,
        conflated=counts.conflated,
        dropped=counts.dropped,
        breaker=counts.breaker,
        breaker_until_ns=counts.breaker_until_ns,
        last_message_age_ms=None if heard is None else (at_ns - heard) / MS_NS,
        wallets="known" if known else "unknown",
        wallets_reason=why,
        markets=counts.markets,
    )


def _state(engine: Engine, venue: Venue, counts: Counts, at_ns: int) -> ChannelState:
    """A venue whose breaker is open rests; else what the engine says of its channels."""
    return ChannelState.RESTING if counts.breaker == "open" else engine.channels.state(venue, at_ns)
