"""Official exchange rates: KRW per USD from public sources, pure like a venue.

Two shapes are known, both from memory and therefore read strictly [SPEC §3]:
(a) `{"base_code": "USD", "rates": {"KRW": 1390.12, …}}` as open.er-api.com/v6/latest/USD answers,
    with `"base"` and `"date"` instead as frankfurter does;
(b) `[{"basePrice": 1390.5, "timestamp": <ms>, …}]` as Dunamu's forex list does.
"""

from __future__ import annotations

from typing import Annotated, NamedTuple
from urllib.parse import parse_qsl, urlsplit

import msgspec
from msgspec import UNSET, UnsetType

from app.domain.times import MS_NS, SECOND_NS, from_iso
from app.exchanges.contract import Millis, Request, Unreadable

URLS = (
    "https://open.er-api.com/v6/latest/USD",
    "https://api.frankfurter.dev/v1/latest?base=USD&symbols=KRW",
    "https://quotation-api-cdn.dunamu.com/v1/forex/recent?codes=FRX.KRWUSD",
)
"""Asked where `KIMP_FX_URLS` names no others."""
RATE_MIN, RATE_MAX = 100.0, 10_000.0
"""KRW per USD has been between 480 and 2,000 since 1980; what is far outside is another unit."""
PAIRS = frozenset({"FRX.KRWUSD"})
CURRENCIES = frozenset({"USD"})

Rate = Annotated[float, msgspec.Meta(gt=0)]
Seconds = Annotated[int, msgspec.Meta(ge=0, lt=2**33)]


class Official(NamedTuple):
    """observed_at_ns: the source's own time; None where it gives none."""

    rate: float
    observed_at_ns: int | None


class _Krw(msgspec.Struct):
    krw: Rate = msgspec.field(name="KRW")


class _PerDollar(msgspec.Struct):
    """(a). Which of the names of the base is used, and the time, differ by source."""

    rates: _Krw
    base: str | UnsetType = UNSET
    base_code: str | UnsetType = UNSET
    amount: float | UnsetType = UNSET
    result: str | UnsetType = UNSET
    time_last_update_unix: Seconds | UnsetType = UNSET
    date: str | UnsetType = UNSET


class _Forex(msgspec.Struct, rename="camel"):
    """(b), one row."""

    base_price: Rate
    timestamp: Millis
    code: str | UnsetType = UNSET
    currency_code: str | UnsetType = UNSET
    currency_unit: float | UnsetType = UNSET


_per_dollar = msgspec.json.Decoder(_PerDollar)
_forex = msgspec.json.Decoder(list[_Forex])


def source(url: str) -> str:
    """A short name to show: the host; with its path where the host alone is no name."""
    parts = urlsplit(url)
    host = parts.hostname or ""
    return host if any(letter.isalpha() for letter in host) else f"{parts.netloc}{parts.path}"


def sources(urls: tuple[str, ...]) -> dict[str, str]:
    """URL of each source by a name that is its own."""
    named: dict[str, str] = {}
    for url in urls:
        name = source(url)
        named[name if name not in named else f"{name}{urlsplit(url).path}"] = url
    return named


def ask(url: str) -> Request:
    parts = urlsplit(url)
    query = tuple(parse_qsl(parts.query, keep_blank_values=True))
    return Request("GET", parts.path or "/", query, root=f"{parts.scheme}://{parts.netloc}")


def read(body: bytes) -> Official:
    """The answer, whichever of the two shapes it has. Raises ValueError."""
    listed = body.lstrip()[:1] == b"["
    official = _listed(_forex.decode(body)) if listed else _single(_per_dollar.decode(body))
    if not RATE_MIN <= official.rate <= RATE_MAX:
        raise Unreadable(f"{official.rate:g} KRW per USD is out of {RATE_MIN:g}..{RATE_MAX:g}")
    return official


def _single(answer: _PerDollar) -> Official:
    bases = {answer.base, answer.base_code} - {UNSET}
    if bases and bases != CURRENCIES:
        raise Unreadable(f"it gives rates per {sorted(map(str, bases))}, not per USD")
    if answer.result is not UNSET and answer.result != "success":
        raise Unreadable(f"its result is {answer.result[:40]!r}")
    if answer.amount is not UNSET and answer.amount != 1.0:
        raise Unreadable(f"it gives rates per {answer.amount:g} USD, not per 1")
    observed = None
    if answer.time_last_update_unix is not UNSET:
        observed = answer.time_last_update_unix * SECOND_NS
    elif answer.date is not UNSET:
        observed = _day(answer.date)
    return Official(answer.rates.krw, observed)


def _listed(rows: list[_Forex]) -> Official:
    if len(rows) != 1:
        raise Unreadable(f"{len(rows)} rows, and one was asked for")
    row = rows[0]
    if row.code is not UNSET and row.code not in PAIRS:
        raise Unreadable(f"it tells of {row.code[:40]!r}, not of KRW per USD")
    if row.currency_code is not UNSET and row.currency_code not in CURRENCIES:
        raise Unreadable(f"it tells of {row.currency_code[:40]!r}, not of USD")
    if row.currency_unit is not UNSET and row.currency_unit != 1.0:
        raise Unreadable(f"it gives won for {row.currency_unit:g} USD, not for 1")
    return Official(row.base_price, row.timestamp * MS_NS)


def _day(text: str) -> int:
    """A date without a time is that day's beginning. Raises ValueError."""
    return from_iso(f"{text}T00:00:00" if len(text) == len("2026-11-20") else text)
