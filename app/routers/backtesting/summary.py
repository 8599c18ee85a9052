"""The head of a result: what ran, on what, how it failed, in which unit its money is drawn."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass

from markupsafe import Markup, escape

from app import texts
from app.domain.backtests import RunSpec, RunStatus, Style
from app.domain.problems import FieldError
from app.domain.records import DatasetRow, RunRow, StudyKind, StudyRow
from app.domain.times import SECOND_NS
from app.domain.venues import KOREAN
from app.ledger import queries
from app.routers.render import VENUE_SHORT, Viewer
from app.runtime.desk import Desk
from app.texts import Language, formats

# Units of money on an axis, by language: (KRW of one unit, its text).
_MONEY: dict[Language, tuple[tuple[float, str], ...]] = {
    "en": ((1.0, "one"), (1e3, "small"), (1e6, "large"), (1e9, "huge")),
    "ko": ((1.0, "one"), (1e4, "small"), (1e8, "large"), (1e12, "huge")),
}
UNITS_LEAST = 10.0


@dataclass(frozen=True, slots=True)
class Money:
    """divisor: KRW of one unit."""

    divisor: float
    label: str


@dataclass(frozen=True, slots=True)
class Failed:
    """Why there is no result. code is empty where nobody failed: a cancelled run."""

    title: str
    detail: str
    code: str = ""
    errors: tuple[FieldError, ...] = ()


def money(lang: Language, amount_krw: float) -> Money:
    """The largest unit of which the amount has ten."""
    fitting = [
        unit for unit in _MONEY[lang] if unit[0] == 1.0 or abs(amount_krw) / unit[0] >= UNITS_LEAST
    ]
    divisor, name = fitting[-1]
    return Money(divisor, texts.text(lang, f"backtests.money.{name}"))


def dataset_names(spec: RunSpec) -> list[str]:
    """All datasets of a run."""
    sides = [side for m in spec.markets for side in (m.krw_dataset, m.global_dataset)]
    return sides if spec.fx.dataset is None else [*sides, spec.fx.dataset]


async def datasets_of(here: Desk, spec: RunSpec) -> dict[str, DatasetRow]:
    """Those of a run that are still there, by id."""
    names = dict.fromkeys(dataset_names(spec))
    found = [await here.db.read(queries.get_dataset, name) for name in names]
    return {row.id: row for row in found if row is not None}


def synthetic(spec: RunSpec, sets: Mapping[str, DatasetRow]) -> bool:
    """Whether any of its data was made by us."""
    return any(sets[name].facts.synthetic for name in dataset_names(spec) if name in sets)


async def on_synthetic(here: Desk, specs: Mapping[str, RunSpec]) -> set[str]:
    """Those of several runs or studies, by id, that used data made by us."""
    named = {public_id: set(dataset_names(spec)) for public_id, spec in specs.items()}
    made = await here.db.read(queries.synthetic_among, set().union(*named.values()))
    return {public_id for public_id, names in named.items() if names & made}


def run_meta(row: RunRow, sets: Mapping[str, DatasetRow], seen: Viewer) -> list[Markup | str]:
    """The line under a result's title."""
    parts = _rules(row.spec, sets, seen)
    if row.bars is not None:
        coins = len(row.spec.markets)
        key = "backtests.meta.bars" if coins == 1 else "backtests.meta.bars.each"
        parts.insert(2, texts.text(seen.lang, key, bars=formats.number(row.bars), n=coins))
    if row.started_at_ns and row.finished_at_ns:
        parts.append(formats.age(seen.lang, (row.finished_at_ns - row.started_at_ns) / SECOND_NS))
    return parts


def study_meta(row: StudyRow, sets: Mapping[str, DatasetRow], seen: Viewer) -> list[Markup | str]:
    """The line under a study's title: the swept values stand in place of the single ones."""
    parts = _rules(row.spec.run, sets, seen, {axis.name for axis in row.spec.axes})
    for axis in row.spec.axes:
        values = ", ".join(formats.price(value) for value in axis.values[:8])
        more = " …" if len(axis.values) > 8 else ""
        parts.append(f"{texts.text(seen.lang, f'backtests.{axis.name}')} {values}{more}")
    objective = texts.text(seen.lang, f"metrics.{row.spec.objective}")
    parts.append(texts.text(seen.lang, "backtests.meta.objective", name=objective))
    if row.kind is StudyKind.WALKFORWARD:
        lengths = {
            name: f"{getattr(row.spec, f'{name}_days') or 0:g}"
            for name in ("train", "test", "step")
        }
        parts.append(texts.text(seen.lang, "backtests.meta.windows", **lengths))
    return parts


def _rules(
    spec: RunSpec,
    sets: Mapping[str, DatasetRow],
    seen: Viewer,
    swept: AbstractSet[str] = frozenset(),
) -> list[Markup | str]:
    """What every run says of itself; what speaks of a swept value is left out."""

    def say(key: str, **values: object) -> str:
        return texts.text(seen.lang, f"backtests.{key}", **values)

    params = spec.params
    style, direction = say(f"style.{params.style}"), say(f"direction.{params.direction}")
    parts: list[Markup | str] = [f"{style}, {direction}", _markets(spec, sets, seen)]
    money = {
        "notional": formats.won_short(seen.lang, params.notional_krw),
        "capital": formats.won_short(seen.lang, params.initial_capital_krw),
    }
    fees = {
        "won": f"{params.krw_fee_bps:g}",
        "dollar": f"{params.global_fee_bps:g}",
        "slippage": f"{params.slippage_bps:g}",
    }
    transfer = params.style is Style.TRANSFER
    sentences = (
        ("meta.size", money, True, {"notional_krw", "initial_capital_krw"}),
        ("meta.costs", fees, True, {"krw_fee_bps", "global_fee_bps", "slippage_bps"}),
        ("meta.transit", {"bars": f"{params.transfer_bars:,}"}, transfer, {"transfer_bars"}),
        (
            "meta.hedged",
            {"fee": f"{params.hedge_fee_bps:g}"},
            transfer and params.hedge,
            {"hedge_fee_bps"},
        ),
        (
            "meta.hold",
            {"bars": f"{params.max_hold_bars:,}"},
            params.max_hold_bars > 0,
            {"max_hold_bars"},
        ),
    )
    for key, values, told, names in sentences:
        if told and not names & swept:
            parts.append(say(key, **values))
    if spec.fx.rate is not None:
        parts.append(say("meta.fx.fixed", rate=formats.price(spec.fx.rate)))
    return parts


def _markets(spec: RunSpec, sets: Mapping[str, DatasetRow], seen: Viewer) -> Markup:
    """BTC XRP · 1 min · UPB against BIN, and from when to when."""
    won = [sets[m.krw_dataset] for m in spec.markets if m.krw_dataset in sets]
    dollar = [sets[m.global_dataset] for m in spec.markets if m.global_dataset in sets]
    bases = escape(" ".join(market.base for market in spec.markets))
    frames = [row.facts.timeframe_s for row in won if row.facts.timeframe_s]
    frame = escape(formats.timeframe(seen.lang, frames[0]) if frames else formats.UNKNOWN)
    badges = {"won": _venues(won, "krw", seen), "dollar": _venues(dollar, "global", seen)}
    against = Markup(texts.text(seen.lang, "backtests.meta.against", **badges))  # noqa: S704
    both = [*won, *dollar]
    days = formats.UNKNOWN
    if both:
        start = max(spec.start_ns or 0, *(row.facts.start_ns for row in both))
        ends = [row.facts.end_ns for row in both]
        end = min([*ends, spec.end_ns]) if spec.end_ns is not None else min(ends)
        days = f"{formats.day(start, seen.zone)} → {formats.day(end, seen.zone)}"
    return Markup('{bases} · {frame} · {against} · <span class="nb">{days}</span>').format(
        bases=bases, frame=frame, against=against, days=days
    )


def _venues(rows: Sequence[DatasetRow], side: str, seen: Viewer) -> Markup:
    """Badges as everywhere; a venue that no file named is called by its side."""
    names = dict.fromkeys(row.facts.venue for row in rows)
    badges = [
        Markup('<abbr class="v{ink}" title="{title}">{short}</abbr>').format(
            ink=" k" if name in KOREAN else "",
            title=texts.text(seen.lang, f"frame.venue.{name}"),
            short=VENUE_SHORT[name],
        )
        if name in VENUE_SHORT
        else escape(name or texts.text(seen.lang, f"backtests.venue.{side}"))
        for name in names
    ]
    return Markup(" ").join(badges)


def failed(row: RunRow | StudyRow, seen: Viewer) -> Failed | None:
    """What became of a run or study that has no result; None for the others."""
    if row.status is RunStatus.FAILED and row.failure is not None:
        title, detail = texts.problem(seen.lang, row.failure.code, row.failure.values)
        return Failed(title, detail, row.failure.code, row.failure.errors)
    if row.status is not RunStatus.CANCELLED:
        return None
    title = texts.text(seen.lang, "backtests.cancelled")
    done, total = (
        (row.bars_done, row.bars_total) if isinstance(row, RunRow) else (row.done, row.total)
    )
    if row.started_at_ns is None or not total:
        return Failed(title, texts.text(seen.lang, "backtests.cancelled.detail.early"))
    figures = {"done": formats.number(done), "total": formats.number(total)}
    key = "bars" if isinstance(row, RunRow) else "points"
    return Failed(title, texts.text(seen.lang, f"backtests.cancelled.{key}", **figures))
