"""Masking: what of an access key people may see, so that they know which one it is."""

from __future__ import annotations

SHOWN = 4
LENGTH_MIN = 16
HIDDEN = "****"


def masked(access: str) -> str:
    """`first4…last4`; of short ones nothing. Never for secrets: those are not shown at all."""
    if len(access) < LENGTH_MIN or not access.isprintable():
        return HIDDEN
    return f"{access[:SHOWN]}…{access[-SHOWN:]}"
