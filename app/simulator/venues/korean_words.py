"""How Upbit and Bithumb write parameters, times and numbers (upbit.md §3, §4)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from decimal import Decimal
from typing import Any

from app.simulator.protocol import Reply, Request
from app.simulator.trading import Order
from app.simulator.venues.account import plain
from app.simulator.venues.korean import KST, error
from app.simulator.venues.wire import compact, number

Fields = dict[str, Any]
TRANSFERS_MAX = 100


def body_of(request: Request) -> Fields:
    """Numbers as they were written. Raises ValueError."""
    body = json.loads(request.body or b"{}", parse_float=str, parse_int=str)
    if not isinstance(body, dict):
        raise ValueError("the body is no object")  # noqa: TRY004 - it is bad JSON to the caller
    return body


def parameters(fields: Mapping[str, Any], within: str = "") -> str:
    """§4: `k=v&k=v` in the order sent, not percent-encoded; arrays `k[]=a&k[]=b`."""
    parts = []
    for key, value in fields.items():
        name = f"{within}[{key}]" if within else key
        match value:
            case dict():
                parts.append(parameters(value, name))
            case list() if any(isinstance(one, dict) for one in value):
                parts += [parameters(one, f"{name}[{at}]") for at, one in enumerate(value)]
            case list():
                parts += [f"{name}[]={_text(one)}" for one in value]
            case _:
                parts.append(f"{name}={_text(value)}")
    return "&".join(parts)


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    return "null" if value is None else str(value)


def text(value: Decimal | None) -> str | None:
    return None if value is None else plain(value)


def kst(at_ms: int) -> str:
    """§3: seconds, with the zone."""
    return datetime.fromtimestamp(at_ms // 1_000, KST).isoformat()


def moment(text_: str, otherwise: int) -> int:
    """A time as ISO 8601, or in ms."""
    if text_.isdecimal():
        return int(text_)
    try:
        at = datetime.fromisoformat(text_)
    except ValueError:
        return otherwise
    return round((at if at.tzinfo else at.replace(tzinfo=KST)).timestamp() * 1_000)


def force_word(order: Order) -> str | None:
    if order.kind != "limit":
        return None
    return {"ioc": "ioc", "fok": "fok", "post": "post_only"}.get(order.force)


def paged(request: Request, rows: list[Fields]) -> list[Fields]:
    """Newest first unless asked otherwise; filters of state, uuids, txids."""
    given = request.fields
    for name, key in (("uuids[]", "uuid"), ("txids[]", "txid")):
        wanted = {value for field, value in given if field == name}
        if wanted:
            rows = [row for row in rows if row[key] in wanted]
    if state := request.asked("state"):
        rows = [row for row in rows if row["state"].lower() == state.lower()]
    if request.asked("order_by", "desc") == "asc":
        rows = rows[::-1]
    size = min(TRANSFERS_MAX, max(1, number(request.asked("limit"), TRANSFERS_MAX)))
    first = (max(1, number(request.asked("page"), 1)) - 1) * size
    return rows[first : first + size]


def the_one(request: Request, rows: list[Fields], missing: str) -> Reply:
    """By uuid, by txid, or the newest of a currency."""
    for field, key in (("uuid", "uuid"), ("txid", "txid"), ("currency", "currency")):
        if asked := request.asked(field):
            rows = [row for row in rows if row[key] == asked]
    if not rows:
        return error(404, missing, "찾지 못했습니다.")
    return Reply.json(rows[0])


def complaint(name: str, message: str) -> str:
    return compact({"error": {"name": name, "message": message}})


def exact_json(value: Any) -> str:
    """Decimals as JSON numbers with all their digits."""
    match value:
        case dict():
            return "{" + ",".join(f"{compact(k)}:{exact_json(v)}" for k, v in value.items()) + "}"
        case list():
            return "[" + ",".join(map(exact_json, value)) + "]"
        case Decimal():
            return plain(value)
    return compact(value)
