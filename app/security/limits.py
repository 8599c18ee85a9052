"""Limits of the front door, all in one place."""

from __future__ import annotations

BODY_BYTES_MAX = 1 << 20  # routes that take files (guard.files) have limits of their own

LOGIN_TRIES_MAX = 5  # per (user, address)
LOGIN_WINDOW_S = 15 * 60
LOGIN_TRIES_PER_MINUTE_MAX = 30  # all users and addresses together

SESSION_IDLE_S = 30 * 60
SESSION_LIFE_S = 12 * 3600
SEEN_EVERY_S = 60  # last use is written at most this often
SESSIONS_PER_USER_MAX = 50  # the oldest go first

SETUP_CODE_LIFE_S = 15 * 60
ENROLMENT_LIFE_S = 10 * 60  # a second factor that was begun and not confirmed
ARM_TICKET_LIFE_S = 60
ARM_HOURS_MAX = 12

USER_NAME_LENGTH_MAX = 64
PASSWORD_LENGTH_MIN = 12
PASSWORD_LENGTH_MAX = 256
HASHES_AT_ONCE = 2  # Argon2id takes 64 MiB each

TOKENS_MAX = 100  # good ones
TOKENS_LISTED_MAX = 1_000
TOKEN_NAME_LENGTH_MAX = 64
TOKEN_DAYS_MAX = 3650

REQUEST_ID_LENGTH_MAX = 64
AGENT_LENGTH_MAX = 200
