"""Markets as files spell them (KRW-BTC, BTCUSDT, CRIX.UPBIT.KRW-BTC) and hints in file names."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import NamedTuple

from app.domain.venues import Venue

QUOTES = ("USDT", "USDC", "FDUSD", "BUSD", "TUSD", "KRW", "USD", "EUR", "JPY", "BTC")
"""Currencies in which coins are quoted; the longer spellings first."""
DOLLARS = frozenset({"USD", "USDT", "USDC"})
WON = "KRW"
_COINS = (
    "BTC ETH XRP SOL DOGE ADA TRX AVAX DOT LINK LTC BCH ETC XLM EOS ATOM NEAR APT SUI ARB OP MATIC"
    " POL SHIB PEPE SAND MANA HBAR ALGO QTUM NEO ICX STX AAVE UNI FIL BNB TON"
)
COINS = frozenset(_COINS.split())
"""Tickers that a file name may consist of."""

_FX_NAME = re.compile(
    r"usdt?_?krw|krw=x|dexkous|exchange_?rate|환율|(?<![a-z])fx(?![a-z])", re.IGNORECASE
)
_SUFFIXES = re.compile(r"\.(csv|txt|tsv|json|parquet|gz|zip)$", re.IGNORECASE)
_UNIT_S = {"m": 60, "min": 60, "h": 3_600, "hour": 3_600, "d": 86_400, "day": 86_400}
_WORDS_S = {"hourly": 3_600, "daily": 86_400, "days": 86_400}


class Pair(NamedTuple):
    """A coin, the currency it is priced in and the venue, as far as they are said."""

    base: str | None = None
    quote: str | None = None
    venue: str | None = None

    @property
    def is_fx(self) -> bool:
        """Won per dollar (or per dollar coin): a rate, not a coin."""
        return self.base in DOLLARS and self.quote == WON


class NameHint(NamedTuple):
    """What a file name suggests, used only where the content and the uploader are silent."""

    pair: Pair
    timeframe_s: int | None
    says_fx: bool


def from_symbol(symbol: str, *, quote_first: bool = False) -> Pair:
    """quote_first: Upbit's order (KRW-BTC). Without it only a leading KRW is a quote."""
    text = symbol.strip().upper()
    venue = None
    if text.startswith("CRIX."):
        _, venue, text = [*text.split(".", 2), "", ""][:3]
        quote_first = True
    if text == "KRW=X":
        return Pair("USD", WON)
    parts = [part for part in re.split(r"[-_/:\s]", text) if part]
    if len(parts) >= 2:
        first, second = parts[:2]
        if quote_first or first == WON:
            first, second = second, first
        return Pair(first, second, venue.lower() if venue else None)
    for quote in QUOTES:
        if text.endswith(quote) and len(text) > len(quote):
            return Pair(text.removesuffix(quote), quote)
    return Pair(text or None)


def from_file_name(name: str) -> NameHint:
    """venue, base, quote and timeframe as file names usually carry them."""
    stem = re.split(r"[/\\]", name)[-1]
    while (shorter := _SUFFIXES.sub("", stem)) != stem:
        stem = shorter
    tokens = [token for token in re.split(r"[^A-Za-z0-9가-힣]+", stem) if token]
    return NameHint(
        pair=_pair(tokens)._replace(venue=_venue(tokens)),
        timeframe_s=next(filter(None, map(_timeframe_s, tokens)), None),
        says_fx=_FX_NAME.search(stem) is not None,
    )


def _venue(tokens: list[str]) -> str | None:
    spellings = {venue.value: venue.value for venue in Venue} | {"gateio": "gate"}
    return next((spellings[token.lower()] for token in tokens if token.lower() in spellings), None)


def _pair(tokens: list[str]) -> Pair:
    upper = [token.upper() for token in tokens]
    for first, second in pairwise(upper):
        if second in QUOTES and first in COINS | DOLLARS:
            return Pair(first, second)
        if first in QUOTES and second in COINS:
            return Pair(second, first)
    for token in upper:
        pair = from_symbol(token)
        if pair.quote and pair.base in COINS | DOLLARS:
            return pair
    return next((Pair(token) for token in upper if token in COINS), Pair())


def _timeframe_s(token: str) -> int | None:
    found = re.fullmatch(r"([0-9]{1,3})(m|min|h|hour|d|day)", token, re.IGNORECASE)
    if found:
        return int(found[1]) * _UNIT_S[found[2].lower()] or None
    return _WORDS_S.get(token.lower())
