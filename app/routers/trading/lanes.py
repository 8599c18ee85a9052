"""Lanes: a cycle drawn over time: its states, what each venue did, what was on its way.

Geometry in percent of the width; a text that would run into its neighbour gets a lane of its own.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from app.domain.accounting import Timeline
from app.domain.cycles import CycleState
from app.domain.orders import ORDER_ENDS, Order, OrderState
from app.domain.times import SECOND_NS
from app.domain.transfers import Transfer, TransferState
from app.routers.trading.records import Records
from app.texts import formats

Say = Callable[..., str]
"""text(key, **values) in the viewer's language."""

LETTER = 0.78
"""Width of a letter, in percent of the usual width of the drawing."""
LEAST_WIDTH = 0.35
MARGIN = 0.06
STEPS_S = (1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 1_800, 3_600, 7_200, 21_600, 86_400)
MARKS_MAX = 7
MARK_WIDTH, NOW_HALF = 8.0, 4.0
"""Of the times under the axis: each begins at its mark, that of now stands around it."""
STATE_INKS = {
    CycleState.FAILED: "f-cau mild",
    CycleState.AWAITING_RETRY: "f-cau mild",
    CycleState.DEAD_LETTER: "f-flt mild",
    CycleState.REBALANCING_IN_PROGRESS: "f-ink3",
}
DARK_INKS = ("f-ink3",)


@dataclass(frozen=True, slots=True)
class Bar:
    """x, width: percent. place: in, after or before; where its text stands. cross: it failed."""

    x: float
    width: float
    ink: str
    text: str
    title: str
    place: str = "after"
    dark: bool = False
    cross: bool = False
    usual: tuple[float, float] | None = None

    @property
    def reach(self) -> tuple[float, float]:
        """What it and its text take."""
        letters = (len(self.text) + 2) * LETTER
        if self.place == "in":
            return self.x, self.x + self.width
        if self.place == "before":
            return self.x - letters, self.x + self.width
        return self.x, self.x + self.width + letters


@dataclass(frozen=True, slots=True)
class Lane:
    kind: str
    name: str
    bars: tuple[Bar, ...]


@dataclass(frozen=True, slots=True)
class Lanes:
    """marks: (percent, ns) of the axis. now: percent, None once it is over."""

    lanes: tuple[Lane, ...]
    marks: tuple[tuple[float, int], ...]
    now: float | None
    now_ns: int
    span_s: float

    @property
    def height(self) -> int:
        return 27 * len(self.lanes)


@dataclass(frozen=True, slots=True)
class Scale:
    start_ns: int
    end_ns: int

    def at(self, at_ns: int) -> float:
        share = (at_ns - self.start_ns) / max(self.end_ns - self.start_ns, 1)
        return round(100 * min(1.0, max(0.0, share)), 2)

    def width(self, start_ns: int, end_ns: int) -> float:
        return round(max(self.at(end_ns) - self.at(start_ns), LEAST_WIDTH), 2)


@dataclass(slots=True)
class _Row:
    name: str
    kind: str
    bars: list[Bar] = field(default_factory=list)

    def takes(self, bar: Bar) -> bool:
        low, high = bar.reach
        return all(high < other.reach[0] or other.reach[1] < low for other in self.bars)


def lanes(found: Timeline, records: Records, now_ns: int, say: Say) -> Lanes:
    cycle = found.row.cycle
    end_ns = cycle.closed_at_ns or now_ns
    ahead = [_due(each.transfer, records) for each in found.transfers]
    last_ns = max([end_ns, *(due for due in ahead if due is not None)])
    margin = int((last_ns - cycle.opened_at_ns) * MARGIN) + SECOND_NS // 10
    scale = Scale(cycle.opened_at_ns, last_ns + margin)
    rows = [Lane("state", say("cycles.lane.state"), tuple(_states(found, scale, end_ns)))]
    for venue in dict.fromkeys(each.order.venue for each in found.orders):
        bars = [
            _order(each.order, scale, now_ns, say)
            for each in found.orders
            if each.order.venue is venue and each.order.signed_at_ns is not None
        ]
        rows += _stacked(say(f"frame.venue.{venue}"), "venue", bars)
    for row in found.transfers:
        if row.transfer.signed_at_ns is not None:
            terms = row.transfer.terms
            name = say("cycles.lane.transfer", asset=terms.asset, chain=formats.chain(terms.chain))
            rows.append(Lane("transfer", name, (_transfer(row.transfer, scale, records, now_ns),)))
    now = None if cycle.closed_at_ns is not None else scale.at(now_ns)
    span_s = (scale.end_ns - scale.start_ns) / SECOND_NS
    return Lanes(tuple(rows), _marks(scale, now), now, now_ns, span_s)


def _due(transfer: Transfer, records: Records) -> int | None:
    usual = records.usual(transfer.terms.chain)
    if transfer.is_over or transfer.signed_at_ns is None or usual is None:
        return None
    return transfer.signed_at_ns + int(usual.p95 * SECOND_NS)


def _states(found: Timeline, scale: Scale, end_ns: int) -> list[Bar]:
    moves = found.transitions
    ends = [*(row.at_ns for row in moves[1:]), end_ns]
    bars = []
    for index, (row, until_ns) in enumerate(zip(moves, ends, strict=True)):
        if row.to is CycleState.COMPLETED:
            continue
        ink = STATE_INKS.get(row.to, "f-p3" if index % 2 == 0 else "f-r2 soft")
        width = scale.width(row.at_ns, until_ns)
        fits = width >= (len(row.to) + 1) * LETTER
        text = row.to.value if fits else ""
        bars.append(
            Bar(
                scale.at(row.at_ns), width, ink, text, f"{row.to} {row.reason}".strip(), "in",
                dark=ink in DARK_INKS,
            )
        )  # fmt: skip
    return bars


def _order(order: Order, scale: Scale, now_ns: int, say: Say) -> Bar:
    started_ns = order.signed_at_ns or order.planned_at_ns
    end_ns = order.updated_at_ns if order.state in ORDER_ENDS else now_ns
    terms = order.terms
    side = say(f"trading.side.{terms.side}")
    quantity = formats.amount(order.filled_quantity or terms.quantity, terms.instrument.base)
    price = formats.paid(order.average_price or terms.price)
    refused = order.state in {OrderState.REJECTED, OrderState.NOT_PLACED}
    text = f"{side} {quantity} {terms.instrument.base} @ {price}"
    if order.state is not OrderState.FILLED:
        text += f" · {order.code or order.state}"
    bar = Bar(
        scale.at(started_ns), scale.width(started_ns, end_ns),
        "f-ink" if order.state in ORDER_ENDS else "f-ink3", text,
        f"{text} · {max(end_ns - started_ns, 0) / SECOND_NS:.2f} s", cross=refused,
    )  # fmt: skip
    return _placed(bar)


def _transfer(transfer: Transfer, scale: Scale, records: Records, now_ns: int) -> Bar:
    started_ns = transfer.signed_at_ns or transfer.planned_at_ns
    end_ns = transfer.updated_at_ns if transfer.is_over else now_ns
    usual = records.usual(transfer.terms.chain)
    marks = None
    if usual is not None:
        marks = (
            scale.at(started_ns + int(usual.p50 * SECOND_NS)),
            scale.at(started_ns + int(usual.p95 * SECOND_NS)),
        )
    refused = transfer.state in {TransferState.REJECTED, TransferState.RETURNED}
    late = (
        usual is not None and not transfer.is_over and end_ns - started_ns > usual.p95 * SECOND_NS
    )
    quantity = formats.amount(transfer.credited or transfer.terms.amount, transfer.terms.asset)
    said = f"{quantity} {transfer.terms.asset} {transfer.code or transfer.state}"
    bar = Bar(
        scale.at(started_ns), scale.width(started_ns, end_ns), "f-cau" if late else "f-ink3", said,
        f"{transfer.terms.from_venue} → {transfer.terms.to_venue} · {said}", cross=refused,
        usual=marks,
    )  # fmt: skip
    inside = bar.width >= (len(said) + 1) * LETTER
    return replace(bar, place="in", dark=True) if inside else _placed(bar)


def _placed(bar: Bar) -> Bar:
    """After the bar, or before it where it would leave the drawing."""
    return replace(bar, place="before") if bar.reach[1] > 100 and bar.x > 45 else bar


def _stacked(name: str, kind: str, bars: list[Bar]) -> list[Lane]:
    rows: list[_Row] = []
    for bar in bars:
        free = next((row for row in rows if row.takes(bar)), None)
        if free is None:
            free = _Row(name if not rows else "", kind)
            rows.append(free)
        free.bars.append(bar)
    return [Lane(row.kind, row.name, tuple(row.bars)) for row in rows]


def _marks(scale: Scale, now: float | None) -> tuple[tuple[float, int], ...]:
    span_s = (scale.end_ns - scale.start_ns) / SECOND_NS
    step_s = next((each for each in STEPS_S if span_s / each <= MARKS_MAX), STEPS_S[-1])
    step_ns = step_s * SECOND_NS
    first = math.ceil(scale.start_ns / step_ns) * step_ns
    found = []
    for at_ns in range(first, scale.end_ns, step_ns):
        x = scale.at(at_ns)
        free = now is None or x + MARK_WIDTH < now - NOW_HALF or x > now + NOW_HALF
        if x <= 100 - MARK_WIDTH and free:
            found.append((x, at_ns))
    return tuple(found)
