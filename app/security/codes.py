"""Codes: the one-time code with which the first visitor proves to read the log."""

from __future__ import annotations

import secrets

ALPHABET = "ABCDEFGHJKMNPQRSTVWXYZ23456789"  # nothing that is read two ways
GROUPS = 3
GROUP_LENGTH = 4


def new_code(groups: int = GROUPS) -> str:
    """`XXXX-XXXX-XXXX`, 58 bits: with five tries in fifteen minutes nobody guesses it."""
    parts = ("".join(secrets.choice(ALPHABET) for _ in range(GROUP_LENGTH)) for _ in range(groups))
    return "-".join(parts)


def normal(code: str) -> str:
    """As people type it: any case, with or without hyphens and spaces."""
    return "".join(letter for letter in code.upper() if letter.isalnum())
