"""What a file is, decided by its content; its name only hints, the uploader's word wins."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import UTC, tzinfo
from enum import StrEnum

import msgspec

from app.domain.datasets import Hints
from app.domain.problems import Problem
from app.domain.venues import Venue
from app.history import evidence, times, words
from app.history.dialect import Table
from app.history.pairs import DOLLARS, WON, NameHint, Pair, from_file_name, from_symbol
from app.history.refusals import refuse
from app.history.words import PRICES, Word


class Shape(StrEnum):
    """The shapes of files; FX ones are told apart once all times have been read."""

    UPBIT = "upbit"
    BINANCE = "binance"
    GENERIC = "generic"
    FX = "fx"
    JOINED = "joined"


class Plan(msgspec.Struct, frozen=True):
    """How to read one file.

    time, numbers, constants: places of columns in a row. constants: columns that may hold one
    value only (market, unit). zone: of naive times. is_fx: the rows are won per dollar;
    fx_candles: with open, high, low, close.
    """

    shape: Shape
    names: tuple[str, ...]
    time: int
    numbers: dict[Word, int]
    constants: tuple[int, ...] = ()
    zone: tzinfo = UTC
    date_order: times.DateOrder = times.DateOrder.YEAR_FIRST
    pair: Pair = Pair()
    timeframe_s: int | None = None
    timeframe_hint_s: int | None = None
    is_fx: bool = False
    fx_candles: bool = False
    synthetic: bool = False

    @property
    def from_ns(self) -> int:
        """The first time that such a file may hold."""
        return times.FX_FROM_NS if self.is_fx else times.CANDLES_FROM_NS

    def mixed_code(self, place: int) -> str:
        """The problem of a second value in a column that may hold one only."""
        is_interval = words.plain(self.names[place]) in words.INTERVAL_NAMES
        return "timeframes_mixed" if is_interval else "coins_mixed"


class _Found(msgspec.Struct, frozen=True):
    """What a recogniser says: shape, places of the columns, and where it is certain of more."""

    shape: Shape
    time: int
    numbers: dict[Word, int]
    zone: tzinfo | None = None
    pair: Pair = Pair()
    is_fx: bool | None = None
    fx_candles: bool = False


class _Case(msgspec.Struct, frozen=True):
    """Everything that a recogniser may look at."""

    table: Table
    places: dict[str, int]
    hints: Hints
    name: NameHint
    symbol: str | None


def detect(table: Table, name: str, hints: Hints) -> Plan:
    """The plan for a file with this head; Problem `columns_unsure` when it fits no shape."""
    hints = msgspec.structs.replace(
        hints, base=hints.base and hints.base.upper(), quote=hints.quote and hints.quote.upper()
    )
    case = _Case(table, _places(table), hints, from_file_name(name), _symbol(table))
    found = _mapped(case) if hints.columns else _recognise(case)
    if found is None:
        raise unsure(table)
    pair = _pair(case, found)
    is_fx = pair.is_fx if found.is_fx is None else found.is_fx
    zone = found.zone
    if zone is None:
        zone = times.zone_named(hints.tz) if hints.tz else UTC
    return Plan(
        shape=found.shape,
        names=table.names,
        time=found.time,
        numbers=found.numbers,
        constants=tuple(
            place
            for place, plain in enumerate(table.plain_names)
            if plain in words.SYMBOL_NAMES | words.INTERVAL_NAMES
        ),
        zone=zone,
        date_order=_date_order(table, found.time),
        pair=pair,
        timeframe_s=hints.timeframe_s,
        timeframe_hint_s=case.name.timeframe_s,
        is_fx=is_fx,
        fx_candles=found.fx_candles or (is_fx and all(word in found.numbers for word in PRICES)),
    )


def _recognise(case: _Case) -> _Found | None:
    """The first shape that the columns fit."""
    return next(filter(None, (recogniser(case) for recogniser in RECOGNISERS)), None)


def unsure(table: Table) -> Problem:
    """Detection is unsure: the uploader says which column is which."""
    columns = ", ".join(name or f"#{at}" for at, name in enumerate(table.names))
    row = max(1, table.first_row - table.has_header)
    expected = "time, open, high, low, close | time, rate"
    problem = refuse("columns_unsure", row=row, value=columns, expected=expected)
    problem.values["columns"] = columns
    return problem


def _mapped(case: _Case) -> _Found:
    """The columns as the uploader named them, by the file's name or by number from 0."""
    places: dict[Word, int] = {}
    for said, column in (case.hints.columns or {}).items():
        allowed = (Word.TIME, *PRICES, Word.VOLUME, Word.RATE)
        if said not in allowed:
            raise refuse("column_unknown", column=said, value=column, expected=", ".join(allowed))
        places[Word(said)] = _place(case.table, column)
    if Word.TIME not in places:
        raise unsure(case.table)
    time = places.pop(Word.TIME)
    if Word.RATE in places:
        return _Found(Shape.FX, time, {Word.RATE: places[Word.RATE]}, is_fx=True)
    if not all(word in places for word in PRICES):
        raise unsure(case.table)
    return _Found(Shape.GENERIC, time, places)


def _place(table: Table, column: str) -> int:
    if table.names.count(column) == 1:
        return table.names.index(column)
    if column.isascii() and column.isdigit() and int(column) < len(table.names):
        return int(column)
    expected = ", ".join(table.names)
    raise refuse("column_unknown", column=column, value=column, expected=expected)


def _joined(case: _Case) -> _Found | None:
    numbers = _all_of(case, words.JOINED_NAMES)
    time = _time(case)
    if numbers is None or time is None:
        return None
    return _Found(Shape.JOINED, time, numbers, is_fx=False)


def _upbit(case: _Case) -> _Found | None:
    for times_name, zone in words.UPBIT_TIMES.items():
        for names in words.UPBIT_NAMES:
            prices = _all_of(case, {word: names[word] for word in PRICES})
            if times_name not in case.places or prices is None:
                continue
            volume = case.places.get(names[Word.VOLUME])
            return _Found(
                Shape.UPBIT,
                case.places[times_name],
                prices if volume is None else {**prices, Word.VOLUME: volume},
                zone=zone,
                pair=from_symbol(case.symbol, quote_first=True) if case.symbol else Pair(),
            )
    return None


def _binance(case: _Case) -> _Found | None:
    if len(case.table.names) != len(words.BINANCE_NAMES):
        return None
    if case.table.has_header and "close_time" not in case.places:
        return None
    candles = _ohlcv(case)
    if candles is None or (not case.table.has_header and not _is_klines(case.table)):
        return None
    return _Found(Shape.BINANCE, *candles)


def _is_klines(table: Table) -> bool:
    """Without a header, Binance's rows are known by their two times, one timeframe apart."""
    for _, fields in table.sample:
        if len(fields) != len(words.BINANCE_NAMES):
            continue
        opened, closed = times.parse(fields[0]), times.parse(fields[6])
        if opened and closed and opened.form is closed.form and opened.wall_ns < closed.wall_ns:
            return True
    return False


def _candles(case: _Case) -> _Found | None:
    candles = _ohlcv(case) if case.table.has_header else None
    if candles is None:
        return None
    content = from_symbol(case.symbol) if case.symbol else Pair()
    said = Pair(case.hints.base or content.base, case.hints.quote or content.quote)
    named = case.name.pair
    if said.base in DOLLARS and said.quote in (WON, None):
        return _fx_candles(candles)
    if said.base or case.hints.venue:
        return _Found(Shape.GENERIC, *candles)
    if case.name.says_fx or named.is_fx:
        return _fx_candles(candles)
    if named.base or named.venue:
        return _Found(Shape.GENERIC, *candles)
    is_rate = evidence.is_dollar_rate(case.table, *candles)
    if is_rate:
        return _fx_candles(candles)
    if is_rate is None and Word.VOLUME not in candles[1]:
        return None
    return _Found(Shape.GENERIC, *candles)


def _fx_candles(candles: tuple[int, dict[Word, int]]) -> _Found:
    time, numbers = candles
    return _Found(Shape.FX, time, {Word.RATE: numbers[Word.CLOSE]}, is_fx=True, fx_candles=True)


def _rates(case: _Case) -> _Found | None:
    time = _time(case)
    if time is None or not case.table.has_header or _ohlcv(case):
        return None
    wanted = list(words.RATE_NAMES)
    said = {case.hints.base, case.hints.quote} - {None}
    if "USDT" in said or not any(name in case.places for name in wanted):
        wanted.insert(0, words.USDT_RATE)
    name = next((name for name in wanted if name in case.places), None)
    if name is None or not said <= DOLLARS | {WON}:
        return None
    place = case.places[name]
    pair = from_symbol(case.symbol) if case.symbol else Pair()
    if name == words.USDT_RATE:
        pair = Pair("USDT", WON)
    if pair.base and not pair.is_fx:
        return None
    if name not in words.SAYS_DOLLAR and not pair.is_fx and not said:
        if words.TRADE_NAMES & case.places.keys():
            if not evidence.is_dollar_rate(case.table, time, {Word.CLOSE: place}):
                return None
        elif not evidence.is_plausible_rate(case.table, place):
            return None
    candles = {"open", "high", "low"} <= case.places.keys()  # investing.com calls the close Price
    return _Found(Shape.FX, time, {Word.RATE: place}, pair=pair, is_fx=True, fx_candles=candles)


RECOGNISERS: tuple[Callable[[_Case], _Found | None], ...] = (
    _joined,
    _upbit,
    _binance,
    _candles,
    _rates,
)
"""In this order: the more a shape asks of the columns, the earlier."""


def _ohlcv(case: _Case) -> tuple[int, dict[Word, int]] | None:
    time = _time(case)
    prices = _all_of(case, {word: word.value for word in PRICES})
    if time is None or prices is None:
        return None
    volume = case.places.get("volume")
    if volume is None and case.symbol:
        base = from_symbol(case.symbol).base or ""
        volume = case.places.get(f"volume_{base.lower()}")
    return time, prices if volume is None else {**prices, Word.VOLUME: volume}


def _all_of(case: _Case, names: dict[Word, str]) -> dict[Word, int] | None:
    if not all(name in case.places for name in names.values()):
        return None
    return {word: case.places[name] for word, name in names.items()}


def _time(case: _Case) -> int | None:
    """The time column: the first of the known names whose first values are times."""
    candidates = [case.places[name] for name in words.TIME_NAMES if name in case.places]
    readable = (place for place in candidates if _are_times(case.table, place))
    return next(readable, candidates[0] if candidates else _index(case.table))


def _index(table: Table) -> int | None:
    """An index of dates, which pandas writes without a name; one of numbers only counts rows."""
    unnamed = (at for at, name in enumerate(table.plain_names) if name in words.INDEX_NAMES)
    return next((at for at in unnamed if _are_times(table, at, numbers=False)), None)


def _are_times(table: Table, place: int, *, numbers: bool = True) -> bool:
    values = [value for value in _values(table, place) if value.strip()][:20]
    order = times.date_order(values) or times.DateOrder.MONTH_FIRST
    moments = [times.parse(value, order) for value in values]
    return bool(values) and all(
        moment and (numbers or moment.form is not times.Form.EPOCH) for moment in moments
    )


def _date_order(table: Table, place: int) -> times.DateOrder:
    values = list(_values(table, place))
    at = next((at for at, value in enumerate(values) if times.is_year_last(value)), None)
    if at is None:
        return times.DateOrder.YEAR_FIRST
    order = times.date_order(values)
    if order is None:
        raise refuse(
            "time_ambiguous",
            row=table.sample[at][0],
            column=table.names[place],
            value=values[at],
            expected=times.DateOrder.YEAR_FIRST.value,
        )
    return order


def _values(table: Table, place: int) -> Iterator[str]:
    return (fields[place] if place < len(fields) else "" for _, fields in table.sample)


def _places(table: Table) -> dict[str, int]:
    """Plain name → place; a name that stands twice says nothing."""
    plain = table.plain_names
    return {name: at for at, name in enumerate(plain) if name and plain.count(name) == 1}


def _symbol(table: Table) -> str | None:
    if table.symbol:
        return table.symbol
    for place, plain in enumerate(table.plain_names):
        if plain in words.SYMBOL_NAMES:
            return next((value for value in _values(table, place) if value.strip()), None)
    return None


_VENUE_OF = {Shape.UPBIT: Venue.UPBIT.value, Shape.BINANCE: Venue.BINANCE.value}
"""Whose spelling a shape is, where nothing says more."""


def _pair(case: _Case, found: _Found) -> Pair:
    """base, quote, venue: what the uploader says, else the content, else the file's name."""
    content = found.pair
    if not content.base and case.symbol:
        content = from_symbol(case.symbol)
    name = case.name.pair
    if found.is_fx:
        content = content if content.is_fx else Pair("USD", WON)
        if name.is_fx and content.base == "USD":
            content = content._replace(base=name.base)
        name = Pair(venue=name.venue)
    hinted = case.hints
    base = hinted.base or content.base or name.base
    quote = hinted.quote or content.quote or (name.quote if not content.base else None)
    if found.is_fx and hinted.quote in DOLLARS and not hinted.base:
        base = WON  # the uploader names the dollar as the quote
    venue = hinted.venue or content.venue or name.venue or _VENUE_OF.get(found.shape)
    return Pair(base, quote, venue and venue.lower())
