"""Cases: what a venue answered, as its documents show it, and what it must be read as."""

from __future__ import annotations

import json
from typing import Any, NamedTuple

from app.exchanges.accounts.contract import Account, Unclear
from app.exchanges.contract import Exchange, Names, Request


class UnclearFor(NamedTuple):
    """`Unclear` is raised with this reason."""

    reason: str


class Nonsense(NamedTuple):
    """A frame that nobody can read: ValueError."""


class Case(NamedTuple):
    """reads: the word behind `read_` in the contract, or stream, or login.

    request, status: not looked at for a frame of the stream. means: what is returned, or
    UnclearFor, or Nonsense.
    """

    name: str
    reads: str
    request: Request
    status: int
    body: bytes
    means: Any


def body(fields: Any) -> bytes:
    return json.dumps(fields, ensure_ascii=False).encode()


FRAME = Request("GET", "/stream")
NAMED = {"order", "orders", "fills"}
"""Readings that need the venue's names."""


def read(case: Case, account: Account, exchange: Exchange) -> Any:
    """What the venue's file makes of it."""
    names = Names(exchange)
    try:
        match case.reads:
            case "stream":
                return account.read_stream(case.body, names)
            case "login":
                return account.login_reply(case.body)
        reading = getattr(account, f"read_{case.reads}")
        more = (names,) if case.reads in NAMED else ()
        return reading(case.request, case.status, case.body, *more)
    except Unclear as unclear:
        return UnclearFor(unclear.reason)
    except ValueError:
        return Nonsense()
