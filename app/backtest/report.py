"""A run as one self-contained HTML page: no script, no request, everything escaped."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from html import escape
from typing import Any

import numpy as np

from app.backtest.checks import Level
from app.backtest.cycles import cycles_as_rows
from app.backtest.drawing import equity_chart, histogram_chart, signal_chart
from app.backtest.report_style import STYLE, STYLE_SHA256
from app.backtest.tape import Records
from app.backtest.views import by_coin, histogram, months, thin

__all__ = ["LABELS", "STYLE_SHA256", "Sheet", "report"]

CURVE_POINTS_MAX = 1_500
CYCLES_SHOWN_MAX = 500
FIGURE = '<td class="n'  # how a cell of a figure begins

# The words that a report needs, by name; `more_cycles` holds {shown} and {total}, filled here.
LABELS = (
    "equity", "this_run", "benchmark", "drawdown", "signal", "premium", "enter", "leave",
    "held_won", "held_lost", "histogram", "median", "months", "month", "pnl_krw", "roi_pct",
    "cycles", "win_rate_pct", "max_drawdown_pct", "by_coin", "base", "captured_bps", "mean_hold",
    "fees_krw", "believe", "figures", "parameters", "datasets", "number", "direction", "t_entry",
    "t_exit", "hold", "qty", "in_bps", "out_bps", "net_bps", "reason", "high", "low", "target",
    "max_hold", "window_end", "no_cycles", "no_bars", "more_cycles", "newest_first", "utc",
    "footer",
)  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """What a report is made of. Words are in the reader's language and written out already.

    facts: (name, value) under the title. lead: (name, value, unit), the figures that stand first.
    figures: (name, value, definition). checks: (level, question, answer). levels: (name, bps), the
    lines in the chart of the signal. datasets: the head, then one row each. columns, cycles, fills
    and bases as `run.Result` has them. updown: `kr` (gains red) or `intl` (gains green).
    """

    lang: str
    updown: str
    title: str
    facts: Sequence[tuple[str, str]]
    lead: Sequence[tuple[str, str, str]]
    figures: Sequence[tuple[str, str, str]]
    parameters: Sequence[tuple[str, str]]
    datasets: Sequence[Sequence[str]]
    checks: Sequence[tuple[str, str, str]]
    levels: Sequence[tuple[str, float]]
    initial_krw: float
    columns: Mapping[str, Any]
    cycles: Records
    fills: Records
    bases: Sequence[str]


def report(sheet: Sheet, labels: Mapping[str, str]) -> str:
    """The whole page. `labels` has all of LABELS."""
    drawn = len(sheet.columns["time_s"]) > 0
    body = [
        _header(sheet),
        _lead(sheet),
        *(
            _charts(sheet, labels)
            if drawn
            else [f'<p class="none">{escape(labels["no_bars"])}</p>']
        ),
        f'<div class="pair">{_checks(sheet, labels)}{_by_coin(sheet, labels)}</div>',
        f'<div class="pair">{_months(sheet, labels)}{_histogram(sheet, labels)}</div>',
        _figures(sheet, labels),
        f'<div class="pair">{_parameters(sheet, labels)}{_datasets(sheet, labels)}</div>',
        _cycles(sheet, labels),
        f"<footer>{escape(labels['footer'])}</footer>",
    ]
    updown = "intl" if sheet.updown == "intl" else "kr"
    return (
        f'<!doctype html>\n<html lang="{escape(sheet.lang)}">\n<head>\n<meta charset="utf-8">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{escape(sheet.title)} · kimp</title>\n<style>{STYLE}</style>\n</head>\n"
        f'<body class="{updown}">\n<main>\n{"".join(body)}\n</main>\n</body>\n</html>\n'
    )


def _header(sheet: Sheet) -> str:
    facts = "".join(
        f"<span>{escape(name)} <b>{escape(value)}</b></span>" for name, value in sheet.facts
    )
    title = escape(sheet.title)
    return f'<header><div class="brand">kimp</div><h1>{title}</h1><p>{facts}</p></header>'


def _lead(sheet: Sheet) -> str:
    cells = "".join(
        f"<div><dt>{escape(name)}</dt><dd>{escape(value)}<small>{escape(unit)}</small></dd></div>"
        for name, value, unit in sheet.lead
    )
    return f'<section><dl class="lead">{cells}</dl></section>'


def _charts(sheet: Sheet, labels: Mapping[str, str]) -> list[str]:
    curves = thin(sheet.columns, CURVE_POINTS_MAX)
    keys = [("equity", labels["this_run"]), ("held", labels["benchmark"])]
    if "benchmark_krw" not in curves:
        keys.pop()
    signal_keys = [
        ("premium", labels["premium"]),
        ("won", labels["held_won"]),
        ("lost", labels["held_lost"]),
    ]
    equity = equity_chart(curves, labels["equity"])
    signal = signal_chart(curves, sheet.cycles, sheet.levels, labels["signal"])
    title = f"{labels['equity']}, {labels['drawdown']}"
    return [
        _section(title, f"<figure>{equity}</figure>", f"KRW · {labels['utc']}", keys),
        _section(labels["signal"], f"<figure>{signal}</figure>", "bps", signal_keys),
    ]


def _checks(sheet: Sheet, labels: Mapping[str, str]) -> str:
    rows = "".join(
        f'<tr>{_sign(level)}<th scope="row">{escape(question)}</th><td>{escape(answer)}</td></tr>'
        for level, question, answer in sheet.checks
    )
    name = labels["believe"]
    return _section(name, f"<table>{_caption(name)}<tbody>{rows}</tbody></table>")


def _sign(level: str) -> str:
    warned = level == Level.WARN
    return f'<td class="mark{" warn" if warned else ""}">{"▲" if warned else "●"}</td>'


def _by_coin(sheet: Sheet, labels: Mapping[str, str]) -> str:
    names = ("base", "cycles", "pnl_krw", "captured_bps", "win_rate_pct", "mean_hold")
    rows = [
        [
            _cell(row["base"]),
            _figure(row["cycles"], 0),
            _signed(row["pnl_krw"], 0),
            _figure(row["captured_bps"], 1),
            _figure(row["win_rate_pct"], 0),
            _right(_hold(row["mean_hold_s"])),
        ]
        for row in by_coin(sheet.cycles, sheet.bases)
    ]
    return _tabled(labels["by_coin"], [labels[name] for name in names], rows, labels["no_cycles"])


def _months(sheet: Sheet, labels: Mapping[str, str]) -> str:
    names = ("month", "pnl_krw", "roi_pct", "cycles", "win_rate_pct", "max_drawdown_pct")
    rows = [
        [
            f'<td class="date">{row["month"]}</td>',
            _signed(row["pnl_krw"], 0),
            _signed(row["roi_pct"], 2),
            _figure(row["cycles"], 0),
            _figure(row["win_rate_pct"], 0),
            _figure(row["max_drawdown_pct"], 2),
        ]
        for row in months(sheet.columns, sheet.cycles, sheet.initial_krw)
    ]
    heads = [labels[name] for name in names]
    return _tabled(labels["months"], heads, rows, labels["no_bars"], labels["utc"])


def _histogram(sheet: Sheet, labels: Mapping[str, str]) -> str:
    told = histogram(np.asarray(sheet.cycles["pnl_krw"]))
    if not told["counts"]:
        return _section(labels["histogram"], f'<p class="none">{escape(labels["no_cycles"])}</p>')
    chart = histogram_chart(told, labels["histogram"])
    note = f"KRW · {labels['median']} {_written(told['median_krw'], 0, signed=True)}"
    return _section(labels["histogram"], f"<figure>{chart}</figure>", note)


def _figures(sheet: Sheet, labels: Mapping[str, str]) -> str:
    cells = "".join(
        f'<div><dt>{escape(name)}</dt><dd class="n">{escape(value)}</dd>'
        f'<dd class="means">{escape(means)}</dd></div>'
        for name, value, means in sheet.figures
    )
    return _section(labels["figures"], f'<dl class="figures">{cells}</dl>')


def _parameters(sheet: Sheet, labels: Mapping[str, str]) -> str:
    rows = "".join(
        f'<tr><td>{escape(name)}</td><td class="value">{escape(value)}</td></tr>'
        for name, value in sheet.parameters
    )
    name = labels["parameters"]
    return _section(name, f"<table>{_caption(name)}<tbody>{rows}</tbody></table>")


def _datasets(sheet: Sheet, labels: Mapping[str, str]) -> str:
    heads, *rows = sheet.datasets or [[]]
    cells = [[_cell(value) for value in row] for row in rows]
    return _tabled(labels["datasets"], heads, cells, "")


def _cycles(sheet: Sheet, labels: Mapping[str, str]) -> str:
    total = len(sheet.cycles)
    newest = range(total - 1, max(-1, total - 1 - CYCLES_SHOWN_MAX), -1)
    names = (
        "number", "direction", "base", "t_entry", "t_exit", "hold", "qty", "in_bps", "out_bps",
        "fees_krw", "net_bps", "pnl_krw", "reason",
    )  # fmt: skip
    rows = [
        _cycle(row, labels)
        for row in cycles_as_rows(sheet.cycles, sheet.fills, sheet.bases, newest)
    ]
    heads = [labels[name] for name in names]
    note = f"{labels['newest_first']}, {labels['utc']}"
    more = ""
    if total > CYCLES_SHOWN_MAX:
        words = labels["more_cycles"].format(shown=CYCLES_SHOWN_MAX, total=f"{total:,}")
        more = f'<p class="more">{escape(words)}</p>'
    return _tabled(labels["cycles"], heads, rows, labels["no_cycles"], note, more)


def _cycle(row: Mapping[str, Any], labels: Mapping[str, str]) -> list[str]:
    base, back = row["base"], row["return_base"]
    return [
        _right(str(row["number"])),
        _cell(labels[row["direction"]]),
        _cell(base if back in (None, base) else f"{base} → {back}"),
        _right(_moment(row["t_entry"])),
        _right(_moment(row["t_exit"])),
        _right(_hold(row["hold_s"])),
        _right(f"{row['qty']:,.8g}"),
        _signed(row["in_bps"], 1, coloured=False),
        _signed(row["out_bps"], 1, coloured=False),
        _figure(row["fees_krw"], 0),
        _signed(row["net_bps"], 1),
        _signed(row["pnl_krw"], 0),
        _cell(labels[row["reason"]]),
    ]


def _tabled(
    name: str,
    heads: Sequence[str],
    rows: Sequence[Sequence[str]],
    none: str,
    note: str = "",
    after: str = "",
) -> str:
    """A section with a table, or with the reason why there is none."""
    if not rows:
        return _section(name, f'<p class="none">{escape(none)}</p>', note)
    head = "".join(
        f'<th scope="col" class="n">{escape(title)}</th>'
        if cell.startswith(FIGURE)
        else f'<th scope="col">{escape(title)}</th>'
        for title, cell in zip(heads, rows[0], strict=True)
    )
    body = "".join(f"<tr>{''.join(row)}</tr>" for row in rows)
    table = f"<table>{_caption(name)}<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table>"
    return _section(name, f'<div class="scroll">{table}</div>{after}', note, long=len(rows) > 20)


def _section(
    name: str,
    content: str,
    note: str = "",
    keys: Iterable[tuple[str, str]] = (),
    *,
    long: bool = False,
) -> str:
    legend = "".join(f'<span class="{kind}">{escape(words)}</span>' for kind, words in keys)
    legend = f'<div class="keys">{legend}</div>' if legend else ""
    note = f"<small>{escape(note)}</small>" if note else ""
    kind = ' class="long"' if long else ""
    head = f'<div class="head"><h2>{escape(name)}</h2>{note}{legend}</div>'
    return f"<section{kind}>{head}{content}</section>"


def _caption(name: str) -> str:
    return f"<caption>{escape(name)}</caption>"


def _cell(words: str) -> str:
    return f"<td>{escape(words)}</td>"


def _right(words: str) -> str:
    return f'{FIGURE}">{escape(words)}</td>'


def _figure(value: float | None, digits: int) -> str:
    return _right(_written(value, digits))


def _signed(value: float | None, digits: int, *, coloured: bool = True) -> str:
    written = _written(value, digits, signed=True)
    kind = {"+": " gain", "\N{MINUS SIGN}": " loss"}.get(written[0], "") if coloured else ""
    return f'{FIGURE}{kind}">{written}</td>'


def _written(value: float | None, digits: int, *, signed: bool = False) -> str:
    """Grouped; minus is U+2212; what rounds to zero has no sign; none is a dash."""
    if value is None or not math.isfinite(value):
        return "\N{EN DASH}"
    written = f"{abs(value):,.{digits}f}"
    if not any(digit in written for digit in "123456789"):
        return written
    plus = "+" if signed else ""
    return f"\N{MINUS SIGN}{written}" if value < 0 else f"{plus}{written}"


def _hold(seconds: float | None) -> str:
    return "\N{EN DASH}" if seconds is None else f"{seconds / 3600:,.2f} h"


def _moment(at: int | None) -> str:
    return (
        "\N{EN DASH}" if at is None else datetime.fromtimestamp(at, UTC).strftime("%Y-%m-%d %H:%M")
    )
