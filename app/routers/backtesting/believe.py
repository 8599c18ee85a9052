"""«Can this be believed?»: the checks of a result as lines of words and figures."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from app import texts
from app.domain.records import StudyRow
from app.routers.backtesting.lists import study_path
from app.routers.render import Viewer
from app.texts import formats

# What a check is about, by its code.
TOPICS: dict[str, str] = {
    "no_cycles": "cycles",
    "few_cycles": "cycles",
    "enough_cycles": "cycles",
    "mean_near_zero": "cycles",
    "month_carries": "month",
    "notional_above_capital": "size",
    "costs_within_rules": "costs",
    "costs_above_rules": "costs",
    "no_gaps_in_holds": "holds",
    "gaps_in_holds": "holds",
    "fx_fixed": "fx",
    "fx_fresh": "fx",
    "fx_stale": "fx",
    "data_covered": "data",
    "data_holed": "data",
    "nothing_open_at_end": "end",
    "open_at_end": "end",
    "order_at_end": "end",
}
FIRST, LAST = ("lookahead", "cycles", "bootstrap", "month"), ("data", "fx", "holds", "end")


@dataclass(frozen=True, slots=True)
class Line:
    """One check. lamp: empty is normal, `c` caution, `f` fault, `u` not known yet.

    wait: it asks for itself, because it takes long.
    """

    name: str
    lamp: str
    state: str
    title: str
    text: Markup
    href: str = ""
    link: str = ""
    wait: bool = False


def lines(
    checks: Sequence[Mapping[str, Any]],
    walkforward: StudyRow | None,
    run_id: str,
    seen: Viewer,
) -> list[Line]:
    """All of a completed run, the two slow ones waiting."""
    found = [_stored(check, seen) for check in checks]
    found += [waiting("lookahead", seen), waiting("bootstrap", seen)]
    found.append(_out_of_sample(walkforward, run_id, seen))
    order = [*FIRST, "walkforward", "costs", "size", *LAST]
    return sorted(found, key=lambda line: order.index(line.name))


def line(name: str, lamp: str, key: str, seen: Viewer, **values: object) -> Line:
    """A check's line; figures stand in the figures' face."""
    figures = {name: Markup('<span class="n">{}</span>').format(v) for name, v in values.items()}
    said = Markup(texts.text(seen.lang, f"backtests.check.{key}", **figures))  # noqa: S704
    title = texts.text(seen.lang, f"backtests.check.{name}")
    state = texts.text(seen.lang, f"frame.lamp.{lamp or 'ok'}")
    return Line(name, lamp, state, title, said)


def waiting(name: str, seen: Viewer) -> Line:
    made = line(name, "u", "wait", seen)
    return Line(made.name, made.lamp, made.state, made.title, made.text, wait=True)


def refused(name: str, title: str, seen: Viewer) -> Line:
    """The check itself failed: that is not an answer."""
    return line(name, "u", "failed", seen, title=title)


def lookahead(found: Mapping[str, Any], seen: Viewer) -> Line:
    if not found["ok"]:
        first = found["first_difference"]
        return line(
            "lookahead",
            "f",
            "lookahead.found",
            seen,
            cut=formats.moment(first["cut"] * formats.NS, seen.zone),
            at=formats.moment(first["at"] * formats.NS, seen.zone),
            what=first["what"],
        )
    if not found["cuts"]:
        return line("lookahead", "u", "lookahead.none", seen)
    checked = formats.number(found["checked"])
    return line("lookahead", "", "lookahead.ok", seen, cuts=found["cuts"], checked=checked)


def bootstrap(found: Mapping[str, Any], seen: Viewer) -> Line:
    """Caution when a tenth of the samples lose."""
    if not found["cycles"]:
        return line("bootstrap", "u", "bootstrap.none", seen)
    roi, drawdown = found["roi_pct"], found["max_drawdown_pct"]
    return line(
        "bootstrap",
        "" if found["loss_pct"] < 10 else "c",
        "bootstrap.says",
        seen,
        low=formats.returns(roi["p5"]),
        high=formats.returns(roi["p95"]),
        drawdown=formats.share(-drawdown["p95"], 2),
        loss=formats.share(found["loss_pct"]),
    )


def _stored(check: Mapping[str, Any], seen: Viewer) -> Line:
    code = str(check["code"])
    values = {name: _figure(name, value, seen) for name, value in check["values"].items()}
    lamp = "" if check["level"] == "ok" else "c"
    return line(TOPICS[code], lamp, code, seen, **values)


def _figure(name: str, value: Any, seen: Viewer) -> str:
    if value is None:
        return formats.NONE
    if name.endswith("_krw"):
        return formats.won(value, signed=name != "margin_krw")
    if name.endswith("_pct"):
        return formats.share(value, 2 if name == "covered_pct" else 0)
    if name.endswith("_s"):
        return formats.duration(seen.lang, value)
    if name.endswith("_bps") or name == "t_stat":
        return formats.number(value, 1)
    if isinstance(value, int | float):
        return formats.number(value) if float(value).is_integer() else formats.price(value)
    return str(value)


def _out_of_sample(walkforward: StudyRow | None, run_id: str, seen: Viewer) -> Line:
    if walkforward is None or walkforward.metrics is None:
        made = line("walkforward", "c", "walkforward.says", seen)
        href = f"/backtests/new?from={run_id}&around=1"
        link = texts.text(seen.lang, "backtests.check.walkforward.run")
        return Line(made.name, made.lamp, made.state, made.title, made.text, href, link)
    pnl = walkforward.metrics["total_pnl_krw"] or 0.0
    made = line(
        "walkforward",
        "" if pnl > 0 else "c",
        "walkforward.done.says",
        seen,
        pnl=formats.won(pnl, signed=True),
        n=len(walkforward.windows or ()),
    )
    title = texts.text(seen.lang, "backtests.check.walkforward.done")
    link = texts.text(seen.lang, "backtests.check.walkforward.open")
    href = study_path(walkforward)
    return Line(made.name, made.lamp, made.state, title, made.text, href, link)
