"""New backtest: the guide in four steps, the live check beside it, the start."""

from __future__ import annotations

import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC

from fastapi import APIRouter
from starlette.datastructures import FormData, QueryParams
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from app import texts
from app.domain.backtests import MARKETS_MAX, MarketRef
from app.domain.datasets import Kind
from app.domain.problems import Problem
from app.domain.records import DatasetRow, StudyKind
from app.ledger import queries
from app.routers.backtesting import form as forms
from app.routers.backtesting.form import Complaint, Draft
from app.routers.backtesting.lists import run_line, study_path
from app.routers.backtesting.numbers import write
from app.routers.backtesting.plan import plan, venue_name
from app.routers.backtesting.strip import OBJECTIVES
from app.routers.render import Viewer, render, viewer
from app.runtime.desk import Desk, desk
from app.runtime.work.checks import check_run, check_study
from app.texts import formats

SETS_SHOWN = 400
RECENT_SHOWN = 8
FIELDS_MAX = 400
WON = "KRW"

router = APIRouter()


@dataclass(frozen=True, slots=True)
class Choice:
    """A dataset in a list to choose from."""

    id: str
    label: str


@dataclass(frozen=True, slots=True)
class CoinRow:
    """A coin and what may serve as its two markets. key: as its fields are named."""

    key: str
    base: str
    won: tuple[Choice, ...]
    dollar: tuple[Choice, ...]


@router.get("/backtests/new")
async def new_page(request: Request) -> Response:
    """Blank, or filled from a run (`from`), a study (`study`) or chosen datasets."""
    here, seen = desk(request), viewer(request)
    sets = await _sets(here)
    given = await _prefilled(here, request.query_params, sets, seen)
    return await _page(request, sets, forms.read_form(given, formats.zone(seen.zone)))


@router.post("/backtests/new")
async def preset(request: Request) -> Response:
    """The form as it stands with a preset's numbers."""
    here, seen = desk(request), viewer(request)
    texts_ = _texts(await request.form())
    texts_ |= forms.PRESETS.get(texts_.get("preset", ""), {})
    draft = forms.read_form(texts_, formats.zone(seen.zone))
    return await _page(request, await _sets(here), draft)


@router.post("/backtests/new/preview")
async def preview(request: Request) -> Response:
    """The right side, the errors under the fields and the button, while somebody types."""
    here, seen = desk(request), viewer(request)
    sets = await _sets(here)
    draft = forms.read_form(_texts(await request.form()), formats.zone(seen.zone))
    errors, refusal = await _checked(here, draft)
    return render(
        request,
        "backtest_new.html",
        "checked",
        draft=draft,
        errors=errors,
        refusal=refusal,
        fields=_fields(draft),
        plan=plan(draft, sets, seen),
    )


@router.post("/backtests")
async def start(request: Request) -> Response:
    """Starts the run, the sweep or the walk-forward, or shows what is wrong."""
    here, seen = desk(request), viewer(request)
    given = _texts(await request.form())
    draft = forms.read_form(given, formats.zone(seen.zone))
    wanted = given.get("as", "run")
    errors: Mapping[str, Complaint] = draft.errors
    refusal: Problem | None = None
    if draft.run is not None:
        try:
            return RedirectResponse(await _start(here, draft, wanted), 303)
        except forms.Wrong as wrong:
            errors = wrong.errors
        except Problem as problem:
            errors, refusal = forms.complaints_of(problem, draft), problem
    draft = replace(draft, errors=errors)
    return await _page(request, await _sets(here), draft, refusal=refusal, status=422)


async def _start(here: Desk, draft: Draft, wanted: str) -> str:
    """Where the started thing can be watched."""
    if wanted == "walkforward":
        study = await here.work.submit_study(StudyKind.WALKFORWARD, forms.read_walkforward(draft))
        return study_path(study)
    if draft.points > 1:
        return study_path(await here.work.submit_study(StudyKind.SWEEP, draft.study()))
    assert draft.run is not None
    return f"/backtests/{(await here.work.submit_run(draft.run)).id}"


async def _page(
    request: Request,
    sets: Mapping[str, DatasetRow],
    draft: Draft,
    *,
    refusal: Problem | None = None,
    status: int = 200,
) -> Response:
    here, seen, now_ns = desk(request), viewer(request), time.time_ns()
    recent, _ = await here.db.read(queries.list_runs, RECENT_SHOWN)
    fx = [row for row in sets.values() if row.facts.kind is Kind.FX]
    return render(
        request,
        "backtest_new.html",
        status=status,
        page="backtests",
        draft=draft,
        errors=draft.errors if status != 200 else {},
        refusal=refusal,
        rows=_rows(sets, draft, seen),
        fx_sets=[_choice(row, seen, pair=True) for row in fx],
        plan=plan(draft, sets, seen),
        presets=tuple(forms.PRESETS),
        objectives=OBJECTIVES,
        recent=[run_line(here.work.newest(row), now_ns) for row in recent],
    )


async def _checked(here: Desk, draft: Draft) -> tuple[Mapping[str, Complaint], Problem | None]:
    """What the doors would say if the form were sent now."""
    if draft.run is None:
        return draft.errors, None
    try:
        if draft.points > 1:
            await check_study(here.db, draft.study())
        else:
            await check_run(here.db, draft.run)
    except Problem as problem:
        return forms.complaints_of(problem, draft), problem
    return {}, None


def _texts(form: FormData) -> dict[str, str]:
    return {
        name: value for name, value in list(form.items())[:FIELDS_MAX] if isinstance(value, str)
    }


def _fields(draft: Draft) -> list[str]:
    """Every field under which an error may stand."""
    plain = ("style", "direction", "fx", "fx_rate", "start", "end", "name", "markets")
    sides = [
        name for name in draft.texts if name.startswith(("base.", "krw.", "global.", "withdraw."))
    ]
    return [*forms.READINGS, *forms.LENGTHS, *plain, *sides]


async def _sets(here: Desk) -> dict[str, DatasetRow]:
    rows, _ = await here.db.read(queries.list_datasets, SETS_SHOWN)
    return {row.id: row for row in rows}


def _rows(sets: Mapping[str, DatasetRow], draft: Draft, seen: Viewer) -> list[CoinRow]:
    """A row per coin with both markets, then one for candles that do not say their coin."""
    candles = [row for row in sets.values() if row.facts.kind is Kind.CANDLES]
    won = [row for row in candles if row.facts.quote in {WON, None}]
    dollar = [row for row in candles if row.facts.quote != WON]
    named = {row.facts.base for row in won} & {row.facts.base for row in dollar} - {None}
    bases = sorted({base for base in named if base} | (set(draft.rows) - {forms.OTHER}))
    rows = [_coin(base, won, dollar, seen) for base in bases]
    if any(row.facts.base is None or row.facts.quote is None for row in candles) or (
        candles and not rows
    ):
        rows.append(_coin("", won, dollar, seen))
    return rows[:MARKETS_MAX]


def _coin(base: str, won: list[DatasetRow], dollar: list[DatasetRow], seen: Viewer) -> CoinRow:
    """Of the two markets what names the coin, then what names none."""
    sides = []
    for side in (won, dollar):
        fit = [row for row in side if not base or row.facts.base in {base, None}]
        fit.sort(key=lambda row: row.facts.base != base)
        sides.append(tuple(_choice(row, seen, pair=row.facts.base != base) for row in fit))
    return CoinRow(base or forms.OTHER, base, sides[0], sides[1])


def _choice(row: DatasetRow, seen: Viewer, *, pair: bool = False) -> Choice:
    """What tells datasets apart stands first: a narrow list shows only that."""
    facts = row.facts
    words = [venue_name(facts.venue, seen) or row.file_name]
    if pair:
        words.append(f"{facts.base or formats.UNKNOWN}/{facts.quote or formats.UNKNOWN}")
    if facts.timeframe_s is not None:
        words.append(formats.timeframe(seen.lang, facts.timeframe_s))
    days = f"{formats.day(facts.start_ns, seen.zone)} → {formats.day(facts.end_ns, seen.zone)}"
    said = [" ".join(words), row.id, days]
    if facts.synthetic:
        said.append(texts.text(seen.lang, "frame.synthetic"))
    return Choice(row.id, " · ".join(said))


async def _prefilled(
    here: Desk, asked: QueryParams, sets: Mapping[str, DatasetRow], seen: Viewer
) -> dict[str, str]:
    """Defaults of Settings, then what the address names."""
    zone = formats.zone(seen.zone)
    run = await here.db.read(queries.get_run, asked["from"]) if "from" in asked else None
    if run is not None:
        given = forms.texts_of(run.spec, zone)
        return given | (forms.around(run.spec.params) if "around" in asked else {})
    study = await here.db.read(queries.get_study, asked["study"]) if "study" in asked else None
    if study is not None:
        return forms.texts_of_study(study.spec, zone)
    given = forms.blank() | await _preferred(here)
    return given | _chosen(asked, sets, seen)


async def _preferred(here: Desk) -> dict[str, str]:
    """The defaults of Settings."""
    known = await here.preferences.all()
    given: dict[str, str] = {}
    for key, preference in known.items():
        name, value = key.removeprefix("backtest."), preference.value
        if name in forms.READINGS and isinstance(value, int | float):
            given[name] = write(float(value))
        elif name in {"style", "direction"}:
            given[name] = str(value)
        elif name == "hedge":
            given[name] = "on" if value else ""
    return given


def _chosen(asked: QueryParams, sets: Mapping[str, DatasetRow], seen: Viewer) -> dict[str, str]:
    """Datasets that the address names (`dataset=d-1`); without any, the newest that fit."""
    wanted = set(asked.getlist("dataset"))
    picked = {name: row for name, row in sets.items() if name in wanted} or sets
    given: dict[str, str] = {}
    fx = [row for row in picked.values() if row.facts.kind is Kind.FX] or [
        row for row in sets.values() if row.facts.kind is Kind.FX
    ]
    given["fx"] = fx[0].id if fx else "rate"
    for row in _rows(picked, forms.read_form({}, UTC), seen):
        if row.base and row.won and row.dollar:
            market = MarketRef(row.base, row.won[0].id, row.dollar[0].id)
            given |= forms.market_texts(market)
    return given
