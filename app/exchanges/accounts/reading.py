"""Reading: which answers are answers at all, and decimals both ways."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Context, Decimal, Inexact, InvalidOperation
from functools import wraps
from typing import Annotated, Concatenate, ParamSpec, TypeVar

import msgspec

from app.domain.decimals import NUMBER
from app.domain.markets import Instrument, Side
from app.domain.orders import NoAnswer, OrderState
from app.domain.transfers import TransferState
from app.exchanges.accounts.contract import Unclear
from app.exchanges.contract import Request, Unreadable

P = ParamSpec("P")
S = TypeVar("S")
T = TypeVar("T")

_NUMBER = re.compile(NUMBER)
EXACT = Context(prec=80, traps=[Inexact, InvalidOperation])
"""For sums and differences of money: the usual one cuts to 28 digits, also with a minus sign."""
Blank = Annotated[str, msgspec.Meta(pattern=f"^({NUMBER})?$")]
"""A field that holds a decimal as text, or nothing at all."""
Sided = Mapping[str, Side]
OrderWords = Mapping[str, OrderState]
TransferWords = Mapping[str, TransferState]


def plain(amount: Decimal) -> str:
    """As venues want it: no exponent, no zeros behind the last digit."""
    text = format(amount, "f")
    return text.rstrip("0").rstrip(".") if "." in text else text


def exact(written: str | msgspec.Raw) -> Decimal:
    """A decimal as it stands in a message, quoted or not. Raises Unreadable."""
    text = written if isinstance(written, str) else bytes(written).decode().strip('"')
    if _NUMBER.fullmatch(text) is None:
        raise Unreadable(f"{text[:40]!r} is not a decimal")
    return Decimal(text)


def average(value: Decimal, quantity: Decimal) -> Decimal | None:
    return value / quantity if quantity else None


def bps(rate: Decimal) -> float:
    """Of a fee rate such as 0.001."""
    return float(rate * 10_000)


def received(instrument: Instrument, side: Side) -> str:
    """What a trade brings in: most venues take their fee from it."""
    return instrument.base if side is Side.BUY else instrument.quote


def heard(status: int, body: bytes) -> bytes:
    """The body, where the venue's application has written it. Raises Unclear.

    A proxy's page may come with any status, also with 200: it is not the venue's word.
    """
    if status in {418, 429}:
        raise Unclear("limited")
    if status == 408:
        raise Unclear("timeout")
    if status >= 500:
        raise Unclear(f"http_{status}")
    if 300 <= status < 400 or body.lstrip()[:1] not in {b"{", b"["}:
        raise Unclear("not_allowed" if status == 403 else "unreadable", f"http {status}")
    return body


def changed(request: Request, **fields: str) -> Request:
    """The same question with other fields in its query: the next page."""
    return msgspec.structs.replace(request, query=tuple((dict(request.query) | fields).items()))


def question(
    read: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], T]:
    """Of an answer to a question: what nobody can read is Unclear, and never nothing."""

    @wraps(read)
    def reading(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return read(self, *args, **kwargs)
        except Unclear:
            raise
        except (ValueError, ArithmeticError) as fault:
            raise Unclear("unreadable", str(fault)) from fault

    return reading


def action(
    read: Callable[Concatenate[S, P], T],
) -> Callable[Concatenate[S, P], T | NoAnswer]:
    """Of an answer to an action: what nobody can read may have been done."""
    asked = question(read)

    @wraps(read)
    def reading(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T | NoAnswer:
        try:
            return asked(self, *args, **kwargs)
        except Unclear as unclear:
            return NoAnswer(str(unclear))

    return reading
