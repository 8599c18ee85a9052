"""The table of cycles: filters, sorting and pages as links, rows with their legs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from app import texts
from app.domain.backtests import Style
from app.domain.records import RunRow
from app.routers.render import Viewer
from app.runtime.work import cycles as stored
from app.runtime.work.results import Result
from app.texts import formats

ROWS = 14
QUANTITY_FIGURES, PRICE_FIGURES = 6, 9
NEWEST = "-number"
# (sort, text, width, classes), in the order of the columns
COLUMNS: tuple[tuple[str, str, str, str], ...] = (
    ("number", "number", "w52", "n"),
    ("base", "coin", "w64", ""),
    ("t_entry", "entry", "w96", ""),
    ("t_exit", "exit", "w96 col-2", "col-2"),
    ("hold_s", "hold", "w76", "n"),
    ("qty", "quantity", "w96 col-2", "n col-2"),
    ("in_bps", "in_bps", "w68 col-2", "n col-2"),
    ("out_bps", "out_bps", "w72 col-2", "n col-2"),
    ("fees_krw", "fees", "w80 col-2", "n col-2"),
    ("net_bps", "net_bps", "w72 col-2", "n col-2"),
    ("pnl_krw", "pnl", "w96", "n"),
    ("", "reason", "col-2", "col-2"),
)
# What a fill is, by style, leg and side. Coins that travel are bought, then sold on arrival.
LEGS: dict[tuple[Style, int, str], str] = {
    (Style.INVENTORY, 1, "buy"): "entry",
    (Style.INVENTORY, 1, "sell"): "entry",
    (Style.INVENTORY, 2, "buy"): "exit",
    (Style.INVENTORY, 2, "sell"): "exit",
    (Style.TRANSFER, 1, "buy"): "buy",
    (Style.TRANSFER, 1, "sell"): "sell",
    (Style.TRANSFER, 2, "buy"): "return",
    (Style.TRANSFER, 2, "sell"): "final",
}
REASONS = ("max_hold",)


@dataclass(frozen=True, slots=True)
class Link:
    """href: the page's own address. part: what only fetches the table."""

    text: str
    href: str
    part: str
    current: bool = False


@dataclass(frozen=True, slots=True)
class Column:
    """sorted: `ascending`, `descending` or empty."""

    text: str
    width: str
    kind: str
    sorted: str
    href: str
    part: str


@dataclass(frozen=True, slots=True)
class Leg:
    """One fill. A hedge's venue is the futures market."""

    name: str
    venue: str
    side: str
    time_ns: int
    price: str
    quantity: str
    fee: str
    fee_asset: str
    fx: str
    amount_krw: float
    hedge: bool


@dataclass(frozen=True, slots=True)
class Row:
    """A cycle. legs is empty while it is closed."""

    number: int
    coin: str
    low: bool
    entry_ns: int
    exit_ns: int
    hold_h: float
    quantity: str
    in_bps: float
    out_bps: float | None
    fees_krw: float
    net_bps: float
    pnl_krw: float
    reason: str
    toggle: str
    part: str
    legs: tuple[Leg, ...]


@dataclass(frozen=True, slots=True)
class Nothing:
    """Why the table is empty and what was nearest."""

    title: str
    detail: str


@dataclass(frozen=True, slots=True)
class Table:
    rows: tuple[Row, ...]
    columns: tuple[Column, ...]
    filters: tuple[Link, ...]
    order_text: str
    page: int
    pages: int
    newer: Link | None
    older: Link | None
    none: Nothing | None


@dataclass(frozen=True, slots=True)
class Wish:
    """What the address asks for."""

    show: str
    coin: str
    sort: str
    page: int
    open: int | None

    def query(self, **changes: object) -> str:
        """The address's query with some of it changed; defaults are left out."""
        asked: dict[str, object] = {
            "show": self.show,
            "coin": self.coin,
            "sort": "" if self.sort == NEWEST else self.sort,
            "page": self.page if self.page > 1 else "",
            "cycle": self.open or "",
        }
        return urlencode({key: value for key, value in (asked | changes).items() if value})


def wish_of(asked: Mapping[str, str]) -> Wish:
    """What is wrong falls back to the default."""
    show, sort = asked.get("show", ""), asked.get("sort", NEWEST)
    page, opened = asked.get("page", "1"), asked.get("cycle", "")
    return Wish(
        show=show if show in {"lost", *REASONS} else "",
        coin=asked.get("coin", "")[:20],
        sort=sort if sort.removeprefix("-") in stored.SORTS else NEWEST,
        page=int(page) if page.isascii() and page.isdigit() and 0 < int(page) < 1e7 else 1,
        open=int(opened) if opened.isascii() and opened.isdigit() else None,
    )


def table(row: RunRow, result: Result, wish: Wish, seen: Viewer) -> Table:
    """Reads one page of the stored cycles."""
    path = f"/backtests/{row.id}"
    page = stored.page(result, _wanted(wish), ROWS, str((wish.page - 1) * ROWS))
    total = len(result.array("cycles"))
    pages = max(1, -(-page.total // ROWS))
    return Table(
        rows=tuple(_row(path, row, item, wish, seen) for item in page.items),
        columns=tuple(
            _column(path, wish, column, seen, travels=row.spec.params.style is Style.TRANSFER)
            for column in COLUMNS
        ),
        filters=_filters(path, result, wish, total, seen),
        order_text=_order_text(wish, seen),
        page=wish.page,
        pages=pages,
        newer=_link(path, wish, "", page=wish.page - 1) if wish.page > 1 else None,
        older=_link(path, wish, "", page=wish.page + 1) if wish.page < pages else None,
        none=None if page.items else _nothing(row, result, total, seen),
    )


def one(row: RunRow, result: Result, number: int, wish: Wish, seen: Viewer) -> Row | None:
    """A single cycle, open or closed as wished; None where there is no such."""
    places = stored.Wanted(sort="number")
    if not 0 < number <= len(result.array("cycles")):
        return None
    item = stored.page(result, places, 1, str(number - 1)).items[0]
    return _row(f"/backtests/{row.id}", row, item, wish, seen)


def _wanted(wish: Wish) -> stored.Wanted:
    return stored.Wanted(
        base=wish.coin or None,
        reason=wish.show if wish.show in REASONS else None,
        outcome="lost" if wish.show == "lost" else None,
        sort=wish.sort,
    )


def _link(path: str, wish: Wish, text: str, *, current: bool = False, **changes: object) -> Link:
    query = wish.query(cycle="", **changes)
    part = f"{path}?part=cycles" + (f"&{query}" if query else "")
    return Link(text, f"{path}?{query}#cycles" if query else f"{path}#cycles", part, current)


def _filters(path: str, result: Result, wish: Wish, total: int, seen: Viewer) -> tuple[Link, ...]:
    """All, lost, by time limit, then each coin when there are several."""

    def count(**wanted: str) -> int:
        return len(stored.find(result, stored.Wanted(**wanted)))

    def say(key: str, n: int) -> str:
        return texts.text(seen.lang, f"backtests.cycles.{key}", n=formats.number(n))

    found = [
        _link(
            path, wish, formats.number(total), show="", coin="", page="",
            current=not (wish.show or wish.coin),
        ),
        _link(
            path, wish, say("lost", count(outcome="lost")), show="lost", coin="", page="",
            current=wish.show == "lost",
        ),
    ]  # fmt: skip
    by_limit = count(reason="max_hold")
    if by_limit:
        words = say("max_hold", by_limit)
        current = wish.show == "max_hold"
        found.append(_link(path, wish, words, show="max_hold", coin="", page="", current=current))
    bases = result.document["bases"]
    if len(bases) > 1:
        found += [
            _link(path, wish, base, show="", coin=base, page="", current=wish.coin == base)
            for base in bases
        ]
    return tuple(found)


def _column(
    path: str, wish: Wish, column: tuple[str, str, str, str], seen: Viewer, *, travels: bool
) -> Column:
    """travels: the coin's column also holds the one that money returns by."""
    sort, key, width, kind = column
    width = "w112" if travels and key == "coin" else width
    name = "coin" if key == "coin" else f"col.{key}"
    text = texts.text(seen.lang, f"backtests.{name}")
    if not sort:
        return Column(text, width, kind, "", "", "")
    falling = wish.sort == f"-{sort}"
    current = falling or wish.sort == sort
    onward = _link(path, wish, text, sort=sort if falling else f"-{sort}", page="")
    state = ("descending" if falling else "ascending") if current else ""
    return Column(text, width, kind, state, onward.href, onward.part)


def _order_text(wish: Wish, seen: Viewer) -> str:
    if wish.sort == NEWEST:
        return texts.text(seen.lang, "backtests.cycles.newest")
    name = wish.sort.removeprefix("-")
    key = next(key for sort, key, _, _ in COLUMNS if sort == name)
    words = texts.text(seen.lang, "backtests.coin" if key == "coin" else f"backtests.col.{key}")
    return texts.text(seen.lang, "backtests.cycles.sorted", column=words)


def _row(path: str, run: RunRow, item: Mapping[str, Any], wish: Wish, seen: Viewer) -> Row:
    number = item["number"]
    opened = wish.open == number
    query = wish.query(cycle="" if opened else number)
    part = f"{path}/cycles/{number}" + (f"?{query}" if query else "")
    returned = item["return_base"]
    travels = returned is not None and returned != item["base"]
    return Row(
        number=number,
        coin=f"{item['base']} → {returned}" if travels else item["base"],
        low=item["direction"] == "low",
        entry_ns=_ns(item["t_entry"]),
        exit_ns=_ns(item["t_exit"]),
        hold_h=item["hold_s"] / 3600,
        quantity=significant(item["qty"], QUANTITY_FIGURES),
        in_bps=item["in_bps"],
        out_bps=item["out_bps"],
        fees_krw=item["fees_krw"],
        net_bps=item["net_bps"],
        pnl_krw=item["pnl_krw"],
        reason=item["reason"],
        toggle=f"{path}?{query}#cycle-{number}" if query else f"{path}#cycle-{number}",
        part=part,
        legs=_legs(run, item, seen) if opened else (),
    )


def _legs(run: RunRow, item: Mapping[str, Any], seen: Viewer) -> tuple[Leg, ...]:
    """All fills in order of time, the hedges among them."""
    fills = [(fill, False) for fill in item["fills"]] + [(f, True) for f in item["hedge_fills"]]
    fills.sort(key=lambda pair: pair[0]["time"])
    style = run.spec.params.style
    return tuple(_leg(style, fill, seen, hedge=hedge) for fill, hedge in fills)


def _leg(style: Style, fill: Mapping[str, Any], seen: Viewer, *, hedge: bool) -> Leg:
    def say(key: str) -> str:
        return texts.text(seen.lang, f"backtests.{key}")

    side = fill["side"]
    if hedge:
        name, side = "hedge", "short" if side == "sell" else "cover"
    else:
        name = LEGS[style, fill["leg"], side]
    return Leg(
        name=say(f"leg.{name}"),
        venue=say("venue.hedge" if hedge else f"venue.{fill['venue']}"),
        side=say(f"side.{side}"),
        time_ns=_ns(fill["time"]),
        price=significant(fill["price"], PRICE_FIGURES),
        quantity=significant(fill["quantity"], PRICE_FIGURES),
        fee=formats.won(fill["fee"]) if fill["fx"] is None else significant(fill["fee"], 6),
        fee_asset=fill["fee_asset"],
        fx=formats.NONE if fill["fx"] is None else formats.price(fill["fx"]),
        amount_krw=fill["amount_krw"],
        hedge=hedge,
    )


def _nothing(row: RunRow, result: Result, total: int, seen: Viewer) -> Nothing:
    def say(key: str, **values: object) -> str:
        return texts.text(seen.lang, f"backtests.cycles.{key}", **values)

    if total:
        return Nothing(say("none.filter"), say("none.filter.why", n=formats.number(total)))
    premium = result.array("premium_bps")
    if not len(premium):
        return Nothing(say("none"), say("none.bars"))
    return Nothing(
        say("none"),
        say(
            "none.why",
            low=formats.bps(float(premium.min())),
            high=formats.bps(float(premium.max())),
            entry=formats.price(row.spec.params.entry_bps),
        ),
    )


def significant(value: float, digits: int) -> str:
    """So many figures, grouped, without the zeros that end them: 0.2126, 7,160.37, 189,112,170."""
    if value == 0:
        return "0"
    whole = math.floor(math.log10(abs(value))) + 1
    written = formats.number(value, max(0, min(10, digits - whole)))
    return written.rstrip("0").rstrip(".") if "." in written else written


def _ns(moment: str) -> int:
    return int(datetime.fromisoformat(moment).timestamp()) * formats.NS
