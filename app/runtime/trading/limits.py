"""Every number that bounds the trading runtime, in one place."""

from __future__ import annotations

# Recorder

GROUP_S = 0.005
"""So long a group waits for company before it is committed."""
GROUP_MAX = 256
WAITING_MAX = 4_096
"""Facts in the queue; above it no new cycle begins, while market events go on."""
TRIES_MAX = 3
"""Of one fact, alone, while the database answers other questions: then it is a bug of ours."""
BACKOFF_S, BACKOFF_S_MAX = 0.1, 5.0
NUMBERS_AT_ONCE = 1_000
CONFLICTS_MAX = 8
"""Tries of one transaction that others stood in the way of."""
CONFLICT_S = 0.02

# Leases

CYCLE_LEASE_S = 30.0
VENUE_LEASE_S = 15.0
RENEW_SHARE = 3
"""A lease is renewed after one part in so many of its life."""
CLOCK_APART_S_MAX = 3.0
"""From the database's: what a deadline and a proof of absence can bear (R5's margin is 5 s)."""
CLAIM_AT_ONCE = 100
FOLLOW_S = 0.5
"""How often commits of other processes are looked for."""

# Gateway

TURN_S = 0.5
"""A watch looks at its open intents at least so often; news wakes it at once."""
ERRANDS_MAX = 64
"""Of one venue at the same time; the venue's own budget orders them."""
HEARD_MAX = 4_096
"""Rows of a user stream that wait; they are hints, and what is dropped is asked for."""
KEEP_TRIES_MAX = 6
"""Of one answer's commit; then its row is asked about as if it had never come."""
LEAVE_S = 3.0
"""What is under way may end when the service stops."""
MAIL_S = 1.0
"""How often planned intents of other processes are looked for."""
PLANNED_S_MAX = 2.0
"""Older planned intents are their owner's to expire: the price has gone on (H6)."""
BUSY_S = 1.0
"""After a withdrawal was refused because another one of this asset is not resolved yet."""

# Recovery, reconciliation, audit

POISON_S_MAX = 60.0
"""So long a row rests whose errand always fails."""
RECOVERY_AT_ONCE = 16
"""Open intents of one venue that are asked about at the same time."""
LISTED_FROM = 3
"""Open orders of one market: from so many on a start asks for a list of them."""
LISTED_S = 3_600.0
"""Lists go back so far; older open orders are asked about one by one."""
STRANGERS_S = 60.0
"""Orders that nobody knows are looked for from so long before the ledger's last one."""
STRANGERS_BACK_S = 6.5 * 86_400
"""Some venues list the orders of seven days and no more."""
MARKETS_LOOKED_MAX = 4
"""Of one venue: those that the ledger has traded in last."""
RECOVERY_S_MAX = 30.0
"""So long the start waits for old intents to be resolved before it goes on blocked."""
RETRY_S = 5.0
RECONCILE_S = 60.0
AUDIT_S = 60.0
AUDIT_BACK_S = 86_400
AUDIT_START_S = 30 * 86_400
"""Cycles that ended longer ago are not looked at again."""
DRIFT_LOOKS = 2
"""A difference counts when so many looks in a row, with nothing moving, have shown it."""
ASKED_S_MAX = 10.0
"""How long a page waits for the engine's answer to what a person asked of a cycle."""
