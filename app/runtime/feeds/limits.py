"""Every number that bounds the feeds, in one place. Resilience: SPEC §3."""

from __future__ import annotations

from app.domain.times import MS_NS

# Connections

BACKOFF_S = 1.0
BACKOFF_S_MAX = 300.0
JITTER = 0.25
SILENCE_S = 120.0
PONG_S = 30.0
PING_S = 20.0
"""How often a protocol ping goes where the venue wants none: a dead socket must not look alive."""
FAILURES_MAX = 10
BREAKER_S = 300.0
GUARD_S = 0.5
STEADY_S = 10.0
"""A connection that lived so long with messages starts its back-off anew."""
WELCOME_S = 10.0
LIFE_MARGIN_S = 300.0
"""So long before a venue's cut another connection takes over."""
SETTLE_S = 1.0
"""How long the next connection is heard before it takes over: its whole books come first."""
SNAPSHOTS_S = 3.0
"""So long after a connection opened, its books are as old as their last change."""
HELD_MAX = 20_000
"""Frames of a connection that has not taken over yet."""
CONNECTS_SHARE = 0.8
"""Of what a venue allows: handshakes arrive closer together than they left."""
WATCH_S = 0.25
"""How long a choice of instruments stands before it is acted on."""
RESUBSCRIBED_S = 5.0
"""One instrument is subscribed anew at most so often."""

# Inbox

SLICE_NS = 2 * MS_NS
"""Of one turn of the loop: so long frames are taken, then pages have their turn."""
BEHIND = 256
"""More frames waiting than this: of whole books the newest alone counts."""
INBOX_MAX = 20_000
"""Of one connection. One frame more, and it starts anew."""

# Polls

DISCOVERY_S = 300.0
WALLETS_S = 300.0
RATES_S = 300.0
FUNDING_S = 60.0
CLOCK_S = 300.0
RETRY_S = 15.0
CLOCK_SAMPLES = 3
CLOCK_ERROR_NS = 50 * MS_NS
"""Known less well than this, a venue's clock is asked again before the five minutes are over."""
CLOCK_SAMPLE_S = 0.2
SET_BACK_NS = 500 * MS_NS
SUSPECT_NS = 2_000 * MS_NS
SUSPECT_MAX = 20
SUSPECT_S = 5.0
"""So many books in a row whose own time is so far from ours: the clocks are compared at once,
but not more often than this."""
ASKED_BOOKS_MAX = 512
ASKING_AT_ONCE = 4
BUDGET_WAIT_S_MAX = 60.0
"""A call that its budget would make wait longer is given up."""

# The demo market

DEMO_READY_S = 30.0
DEMO_STOP_S = 3.0
DEMO_RESTART_S = 1.0
