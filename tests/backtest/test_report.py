"""The page that leaves the house: whole, quiet and safe."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import re
from html.parser import HTMLParser
from typing import Any

import numpy as np
import pytest

from app.backtest.drawing import ticks, time_ticks
from app.backtest.report import CYCLES_SHOWN_MAX, LABELS, STYLE_SHA256, Sheet, report
from app.backtest.run import Result, run
from app.backtest.series import Aligned
from app.domain.backtests import Params
from tests.backtest.builders import T0

EVIL = "\"><script>alert(1)</script><img src=x onerror=alert(2)>'&"
WORDS = {name: name.replace("_", " ") for name in LABELS} | {
    "more_cycles": "{shown} of {total} cycles"
}


class Page(HTMLParser):
    """What a browser would see: tags, attributes, text."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag != "meta":
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    @property
    def text(self) -> str:
        return " ".join(self.words)


def sheet(result: Result, **changes: Any) -> Sheet:
    plain = Sheet(
        lang="en",
        updown="intl",
        title="b-12 · high 120 / 20",
        facts=(("Period", "2023-11-14 → 2023-11-26"),),
        lead=(("Profit", "+3,041,221", "KRW"),),
        figures=(("Sharpe", "3.77", "Mean of the daily returns over their deviation."),),
        parameters=(("Entry", "120 bps"), ("Exit", "20 bps")),
        datasets=(("Dataset", "Rows"), ("d-1", "17,280")),
        checks=(("ok", "Look-ahead", "nothing changed"), ("warn", "FX", "one fixed rate")),
        levels=(("enter", 120.0), ("exit", 20.0)),
        initial_krw=1e8,
        columns=result.columns,
        cycles=result.cycles,
        fills=result.fills,
        bases=result.bases,
    )
    return dataclasses.replace(plain, **changes)


def test_a_report_is_one_quiet_page(busy_run: Result) -> None:
    page = Page(report(sheet(busy_run), WORDS))
    assert page.open == []
    names = [tag for tag, _ in page.tags]
    assert names.count("style") == 1
    assert names.count("svg") == 3
    assert not set(names) & {"script", "link", "img", "iframe", "object", "form", "base"}
    for _, attrs in page.tags:
        assert not [name for name in attrs if name.startswith("on") or name in {"style", "src"}]


def test_the_hash_is_that_of_its_stylesheet(busy_run: Result) -> None:
    style = re.search(r"<style>(.*?)</style>", report(sheet(busy_run), WORDS), re.S)
    assert style
    digest = base64.b64encode(hashlib.sha256(style[1].encode()).digest()).decode()
    assert digest == STYLE_SHA256
    assert "@import" not in style[1]
    assert "url(" not in style[1]


def test_its_figures_are_those_of_the_run(busy_run: Result) -> None:
    text = Page(report(sheet(busy_run), WORDS)).text
    last = busy_run.cycles[-1]
    assert f"{last['pnl_krw']:+,.0f}".replace("-", "\N{MINUS SIGN}") in text
    assert f"{last['fees_krw']:,.0f}" in text
    assert "2023-11" in text
    for words in ("Mean of the daily returns", "one fixed rate", "17,280", "120 bps"):
        assert words in text


def test_nothing_that_came_in_is_taken_for_markup(busy_run: Result) -> None:
    evil = sheet(
        busy_run,
        lang=EVIL,
        updown=EVIL,
        title=EVIL,
        facts=((EVIL, EVIL),),
        lead=((EVIL, EVIL, EVIL),),
        figures=((EVIL, EVIL, EVIL),),
        parameters=((EVIL, EVIL),),
        datasets=((EVIL,), (EVIL,)),
        checks=((EVIL, EVIL, EVIL),),
        levels=((EVIL, 120.0),),
        bases=(EVIL, EVIL),
    )
    html = report(evil, dict.fromkeys(LABELS, EVIL))
    plain = report(sheet(busy_run), WORDS)
    assert "<script" not in html
    assert {tag for tag, _ in Page(html).tags} == {tag for tag, _ in Page(plain).tags}
    assert EVIL in Page(html).text


def test_a_long_list_says_how_much_is_left_out(busy: Aligned) -> None:
    result = run(busy, Params(entry_bps=-1e6, exit_bps=1e6))
    page = Page(report(sheet(result), WORDS))
    total = len(result.cycles)
    assert f"{CYCLES_SHOWN_MAX} of {total:,} cycles" in page.text
    assert str(total) in page.text.split()
    assert len(report(sheet(result), WORDS)) < 1_000_000


def test_a_run_without_cycles_and_one_without_bars(busy: Aligned, busy_run: Result) -> None:
    idle = run(busy, Params(entry_bps=1e6))
    page = Page(report(sheet(idle), WORDS))
    assert "no cycles" in page.text
    assert [tag for tag, _ in page.tags].count("svg") == 2
    nothing = {name: column[:0] for name, column in busy_run.columns.items()}
    empty = sheet(idle, columns=nothing, datasets=())
    assert "no bars" in Page(report(empty, WORDS)).text


@pytest.mark.parametrize("rows", [1, 2])
def test_curves_of_a_bar_or_two(busy_run: Result, rows: int) -> None:
    few = {name: column[:rows] for name, column in busy_run.columns.items()}
    html = report(sheet(busy_run, columns=few, cycles=busy_run.cycles[:0]), WORDS)
    assert "nan" not in html.lower()
    assert "inf" not in re.sub(r"<style>.*</style>", "", html, flags=re.S).lower()


@pytest.mark.parametrize(("low", "high"), [(0.0, 1.0), (-3.7, 9_999.0), (1e8, 1.0000001e8)])
def test_ticks_are_round_and_inside(low: float, high: float) -> None:
    found = ticks(low, high)
    assert 2 <= len(found) <= 6
    assert all(low <= value <= high for value in found)
    steps = np.diff(found)
    assert steps == pytest.approx(steps[0], rel=1e-6)


@pytest.mark.parametrize("span", [600, 7_200, 86_400, 12 * 86_400, 400 * 86_400, 4_000 * 86_400])
def test_time_ticks_stand_on_round_times(span: int) -> None:
    found = time_ticks(T0, T0 + span)
    assert 2 <= len(found) <= 9
    assert all(T0 <= at <= T0 + span for at, _ in found)
    assert len({written for _, written in found}) == len(found)
