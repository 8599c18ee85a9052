"""Every number that bounds the way to a real account, in one place."""

from __future__ import annotations

CLOCK_SHARE = 4
"""A venue's clock has to be known within one part in so many of a request's window (H52)."""
ASK_WAIT_S_MAX = 10.0
"""A question that its budget would make wait longer is given up; it is asked again later."""
PAGES_MAX = 20
"""Of one list. Longer ones are no answer: what is not read may be what was looked for."""
SINCE_S = 5.0
"""Lists are asked from so much earlier on: their times are of the venue's clock."""
LOGIN_S = 10.0
UNREAD_TOLD_MAX = 10
"""Frames of one connection that are told of in the log, of those nobody can read."""
