"""What a form would run, in words and figures, before it runs: facts, cautions, break-even."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TypeAlias

from app import texts
from app.domain.backtests import MarketRef, RunSpec, Style
from app.domain.datasets import DatasetFacts, Kind
from app.domain.records import DatasetRow
from app.domain.times import SECOND_NS
from app.routers.backtesting.costs import Bill, bill
from app.routers.backtesting.drawings import Edge, edge
from app.routers.backtesting.form import Draft
from app.routers.render import Viewer
from app.texts import formats

DAY_S = 86_400
COVERAGE_LEAST = 0.98
FX_GAP_S = 3600

Words: TypeAlias = Callable[..., str]


@dataclass(frozen=True, slots=True)
class Fact:
    label: str
    value: str
    unit: str = ""


@dataclass(frozen=True, slots=True)
class Picture:
    """The break-even drawing with its sentence."""

    drawn: Edge
    label: str


@dataclass(frozen=True, slots=True)
class Plan:
    """The right side of the form. bill: None while the numbers cannot be read."""

    sentence: str
    facts: tuple[Fact, ...]
    advice: tuple[str, ...]
    bill: Bill | None
    picture: Picture | None


@dataclass(frozen=True, slots=True)
class Span:
    """Where both markets of a coin have candles, within the asked period."""

    start_ns: int
    end_ns: int
    timeframe_s: int
    coverage: float

    @property
    def bars(self) -> int:
        """About so many: coverage is known of the whole series, not of every stretch."""
        return round((self.end_ns - self.start_ns) / SECOND_NS / self.timeframe_s * self.coverage)


def plan(draft: Draft, sets: Mapping[str, DatasetRow], seen: Viewer) -> Plan:
    """Everything that can be said without opening a column."""
    words = speaker(seen)
    priced = None if draft.params is None else bill(draft.params)
    picture = None if priced is None else _picture(priced, words)
    if draft.run is None:
        return Plan(words("plan.wrong"), (), (), priced, picture)
    run = draft.run
    advice: list[str] = []
    spans = [span for market in run.markets if (span := _span(run, market, sets, seen, advice))]
    fx = sets.get(run.fx.dataset or "")
    if fx is not None and spans:
        advice += _fx_advice(fx.facts, spans, words, seen)
    advice += _rule_advice(run, priced, words)
    if any(sets[name].facts.synthetic for name in _names(run) if name in sets):
        advice.append(words("advice.synthetic"))
    return Plan(
        sentence=_sentence(draft, sets, words, seen),
        facts=_facts(draft, spans, fx, words, seen),
        advice=tuple(advice),
        bill=priced,
        picture=picture,
    )


def speaker(seen: Viewer) -> Words:
    """Texts of the backtest pages in the viewer's language."""

    def say(key: str, **values: object) -> str:
        return texts.text(seen.lang, f"backtests.{key}", **values)

    return say


def _names(run: RunSpec) -> list[str]:
    sides = [side for m in run.markets for side in (m.krw_dataset, m.global_dataset)]
    return [*sides, run.fx.dataset or ""]


def _span(
    run: RunSpec,
    market: MarketRef,
    sets: Mapping[str, DatasetRow],
    seen: Viewer,
    advice: list[str],
) -> Span | None:
    """The common stretch of a coin's two series; what is wrong with it becomes advice."""
    rows = [sets.get(market.krw_dataset), sets.get(market.global_dataset)]
    sides = [row.facts for row in rows if row is not None and row.facts.kind is Kind.CANDLES]
    if len(sides) < 2:
        return None
    won, dollar = sides
    say = partial(speaker(seen), base=market.base)
    frames = [side.timeframe_s for side in sides if side.timeframe_s]
    if not frames or len(set(frames)) > 1:
        shown = [formats.timeframe(seen.lang, side.timeframe_s) for side in sides]
        advice.append(say("advice.mixed", won=shown[0], dollar=shown[1]))
        return None
    frame_ns = frames[0] * SECOND_NS
    start = max(won.start_ns, dollar.start_ns)
    end = min(won.end_ns, dollar.end_ns) + frame_ns
    if start >= end:
        advice.append(say("advice.apart"))
        return None
    start, end = max(start, run.start_ns or start), min(end, run.end_ns or end)
    if start >= end:
        advice.append(say("advice.period"))
        return None
    coverage = min(won.quality.coverage, dollar.quality.coverage)
    if coverage < COVERAGE_LEAST:
        advice.append(say("advice.coverage", coverage=formats.share(coverage * 100)))
    return Span(start, end, frames[0], coverage)


def _fx_advice(fx: DatasetFacts, spans: Sequence[Span], words: Words, seen: Viewer) -> list[str]:
    late_s = (fx.start_ns - min(span.start_ns for span in spans)) / SECOND_NS
    ends_s = (max(span.end_ns for span in spans) - fx.end_ns) / SECOND_NS
    found = []
    if late_s > FX_GAP_S:
        found.append(words("advice.fx_late", gap=formats.duration(seen.lang, late_s)))
    if ends_s > max(FX_GAP_S, 3 * (fx.timeframe_s or DAY_S)):
        found.append(words("advice.fx_ends", gap=formats.duration(seen.lang, ends_s)))
    return found


def _rule_advice(run: RunSpec, priced: Bill | None, words: Words) -> list[str]:
    found = []
    if priced is not None and priced.captured_bps <= 0:
        found.append(words("advice.inverted", total=formats.number(priced.total_bps, 1)))
    elif priced is not None and priced.net_bps <= 0:
        found.append(
            words(
                "advice.thin",
                captured=formats.number(priced.captured_bps, 1),
                total=formats.number(priced.total_bps, 1),
                break_even=formats.number(priced.break_even_bps, 1),
            )
        )
    if run.params.notional_krw > run.params.initial_capital_krw:
        found.append(words("advice.size"))
    return found


def _sentence(draft: Draft, sets: Mapping[str, DatasetRow], words: Words, seen: Viewer) -> str:
    run = draft.run
    assert run is not None
    params = run.params
    parts = [
        words(
            f"plan.say.{params.direction}",
            bases=", ".join(market.base for market in run.markets),
            won=_venues(sets, [m.krw_dataset for m in run.markets], words("venue.krw"), seen),
            dollar=_venues(
                sets, [m.global_dataset for m in run.markets], words("venue.global"), seen
            ),
            entry=draft.texts["entry_bps"],
            exit=draft.texts["exit_bps"],
        )
    ]
    if params.style is Style.TRANSFER:
        key = "plan.say.transfer.hedged" if params.hedge else "plan.say.transfer"
        parts.append(words(key, bars=draft.texts["transfer_bars"]))
    else:
        parts.append(words("plan.say.inventory"))
    notional, capital = draft.texts["notional_krw"], draft.texts["initial_capital_krw"]
    parts.append(words("plan.say.size", notional=notional, capital=capital))
    if params.max_hold_bars:
        parts.append(words("plan.say.hold", bars=draft.texts["max_hold_bars"]))
    if draft.points > 1:
        parts.append(words("plan.say.sweep", n=formats.number(draft.points)))
    return " ".join(parts)


def _venues(
    sets: Mapping[str, DatasetRow], names: Iterable[str], unknown: str, seen: Viewer
) -> str:
    known = [sets[name].facts.venue if name in sets else None for name in names]
    return ", ".join(dict.fromkeys(venue_name(venue, seen) or unknown for venue in known))


def venue_name(venue: str | None, seen: Viewer) -> str | None:
    """As people call it; one that we do not know keeps its own word."""
    key = f"frame.venue.{venue}"
    return texts.text(seen.lang, key) if texts.has(key) else venue


def _facts(
    draft: Draft, spans: Sequence[Span], fx: DatasetRow | None, words: Words, seen: Viewer
) -> tuple[Fact, ...]:
    facts = []
    if spans:
        start, end = min(s.start_ns for s in spans), max(s.end_ns for s in spans)
        bars = sum(span.bars for span in spans)
        coverage = min(span.coverage for span in spans)
        days = max(1, round((end - start) / SECOND_NS / DAY_S))
        facts = [
            Fact(words("plan.bars"), f"≈ {formats.number(bars)}"),
            Fact(words("plan.timeframe"), formats.timeframe(seen.lang, spans[0].timeframe_s)),
            Fact(words("plan.period"), words("plan.days", n=formats.number(days))),
            Fact(words("plan.coverage"), formats.share(coverage * 100, 2)),
        ]
    if fx is not None:
        facts.append(Fact(words("plan.fx"), fx.id))
    elif draft.run is not None and draft.run.fx.rate is not None:
        rate = formats.price(draft.run.fx.rate)
        facts.append(Fact(words("plan.fx"), rate, words("plan.fx.fixed")))
    if draft.points > 1:
        facts.append(Fact(words("plan.points"), formats.number(draft.points)))
    return tuple(facts)


def _picture(priced: Bill, words: Words) -> Picture:
    marks = {
        "exit": formats.bps(priced.exit_bps),
        "break_even": formats.bps(priced.break_even_bps),
        "entry": formats.bps(priced.entry_bps),
    }
    said = {name: words(f"bill.mark.{name}", value=value) for name, value in marks.items()}
    return Picture(edge(priced, said), words("bill.picture", **marks))
