"""Items: live rows as programs read them, from the JSON API and from the event stream alike.

An item has its row's fields; a time `at_ns`, `…_at_ns` or `since_ns` becomes `at`, `…_at`, `since`:
ISO 8601 with Z. Everything else is as `app.domain.live` says.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from operator import attrgetter
from types import GenericAlias, NoneType
from typing import Any, Union, get_args, get_origin, get_type_hints, overload

import msgspec

from app.domain import live
from app.domain.times import SECOND_NS, to_iso

Item = msgspec.Struct
Convert = Callable[[Any], Any]

_NS = "_ns"
_SHAPES: dict[type[msgspec.Struct], type[Item]] = {}
_CONVERTERS: dict[type[msgspec.Struct], Convert] = {}


@lru_cache(maxsize=256)
def _second(seconds: int) -> str:
    return to_iso(seconds * SECOND_NS)[:-1]


@overload
def moment(at_ns: int) -> str: ...
@overload
def moment(at_ns: int | None) -> str | None: ...
def moment(at_ns: int | None) -> str | None:
    """ISO 8601 with Z, to the millisecond; None stays None."""
    if at_ns is None:
        return None
    seconds, rest = divmod(at_ns, SECOND_NS)
    return f"{_second(seconds)}.{rest // 1_000_000:03d}Z"


def shape(row: type[msgspec.Struct]) -> type[Item]:
    """What the item of a row is made of: for the documentation, and to be made."""
    if row not in _SHAPES:
        _learn(row)
    return _SHAPES[row]


def item(row: msgspec.Struct) -> Item:
    """The item of any live row."""
    kind = type(row)
    if kind not in _CONVERTERS:
        _learn(kind)
    made: Item = _CONVERTERS[kind](row)
    return made


def _learn(row: type[msgspec.Struct]) -> None:
    """Which fields are times, and which hold rows themselves."""
    names = [field.name for field in msgspec.structs.fields(row)]
    hints = get_type_hints(row)
    fields: list[tuple[str, Any]] = []
    converters: list[tuple[int, Convert]] = []
    for place, name in enumerate(names):
        if name.endswith(_NS):
            optional = NoneType in get_args(hints[name])
            fields.append((name.removesuffix(_NS), str | None if optional else str))
            converters.append((place, moment))
            continue
        hint, convert = _nested(hints[name])
        fields.append((name, hint))
        if convert is not None:
            converters.append((place, convert))
    made = msgspec.defstruct(f"{row.__name__.removesuffix('Row')}Item", fields, frozen=True)
    made.__doc__ = (row.__doc__ or "").replace("at_ns", "at")
    read = attrgetter(*names)

    def converted(found: Any) -> Item:
        values = list(read(found))
        for place, convert in converters:
            values[place] = convert(values[place])
        return made(*values)

    _SHAPES[row] = made
    _CONVERTERS[row] = converted


def _nested(hint: Any) -> tuple[Any, Convert | None]:
    """The type in an item, and how to make its value; None: as it is."""
    if isinstance(hint, type) and issubclass(hint, msgspec.Struct):
        return shape(hint), item
    if get_origin(hint) is tuple and len(get_args(hint)) == 2 and get_args(hint)[1] is ...:
        inner, convert = _nested(get_args(hint)[0])
        if convert is not None:
            return GenericAlias(tuple, (inner, ...)), lambda rows: tuple(map(convert, rows))
    if get_origin(hint) is Union:
        assert not any(_nested(each)[1] for each in get_args(hint)), hint
    return hint, None


def table(name: str, row: type[msgspec.Struct]) -> type[msgspec.Struct]:
    """The shape of a list of items with the cursor of the next page."""
    return msgspec.defstruct(
        name,
        [("items", GenericAlias(list, (shape(row),))), ("next_cursor", str | None)],
        frozen=True,
    )


# What the topics of the event stream and the GETs of the API are made of.


def price_item(row: live.PriceRow) -> Item:
    return item(row)


def premium_item(row: live.PremiumRow) -> Item:
    return item(row)


def book_item(row: live.BookRow) -> Item:
    return item(row)


def rate_item(row: live.RateRow) -> Item:
    return item(row)


def network_item(row: live.NetworkRow) -> Item:
    return item(row)


def market_item(row: live.MarketRow) -> Item:
    return item(row)


def identity_item(row: live.IdentityRow) -> Item:
    return item(row)


def venue_item(row: live.VenueRow) -> Item:
    return item(row)


def opportunity_item(row: live.Opportunity) -> Item:
    return item(row)


def near_miss_item(row: live.NearMiss) -> Item:
    return item(row)


def explanation_item(row: live.Explanation) -> Item:
    return item(row)
