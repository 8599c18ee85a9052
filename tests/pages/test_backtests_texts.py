"""Every figure has its name and its definition, every text that the pages ask for exists."""

from __future__ import annotations

import ast
import re
from pathlib import Path

import pytest

from app.backtest.metrics import METRICS
from app.routers.backtesting.believe import TOPICS
from app.routers.backtesting.form import PRESETS, READINGS
from app.routers.backtesting.strip import ORDER, written
from app.texts import CATALOGUES

ROOT = Path(__file__).resolve().parents[2]
CHECKS = ROOT / "app" / "backtest" / "checks.py"
PAGES = ("backtest", "compare", "sweep", "walkforward", "guide", "study")
TEMPLATES = [
    path for path in (ROOT / "app" / "templates").glob("*.html") if path.name.startswith(PAGES)
]
ASKED = re.compile(r"""\bt\(\s*["']([a-z_0-9.]+)["']\s*[,)]""")


@pytest.mark.parametrize("lang", CATALOGUES)
def test_every_figure_is_defined(lang: str) -> None:
    known = CATALOGUES[lang]  # type: ignore[index]
    for name in METRICS:
        assert known[f"metrics.{name}"]
        assert known[f"metrics.{name}.means"].endswith(".")


def test_the_strip_shows_only_figures_that_a_run_has() -> None:
    assert set(ORDER) <= set(METRICS)
    assert len(set(ORDER)) == len(ORDER)


@pytest.mark.parametrize("name", METRICS)
def test_a_missing_figure_is_a_dash_and_zero_is_not(name: str) -> None:
    assert written(name, None, "en").value == "–"
    assert written(name, 0.0, "en").value != "–"


def codes_of_checks() -> set[str]:
    """Every code that the engine can give a check: first arguments and what is assigned to them."""
    found: set[str] = set()
    for node in ast.walk(ast.parse(CHECKS.read_text())):
        value: ast.AST | None = None
        if isinstance(node, ast.Call) and getattr(node.func, "id", "") == "Check":
            value = node.args[0]
        elif isinstance(node, ast.Assign) and getattr(node.targets[0], "id", "") == "code":
            value = node.value
        if isinstance(value, ast.IfExp):
            arms = [value.body, value.orelse]
        else:
            arms = [value] if isinstance(value, ast.expr) else []
        found |= {arm.value for arm in arms if isinstance(arm, ast.Constant)}
    return found


@pytest.mark.parametrize("lang", CATALOGUES)
def test_every_check_of_the_engine_can_be_said(lang: str) -> None:
    known = CATALOGUES[lang]  # type: ignore[index]
    assert len(codes_of_checks()) > 10
    assert codes_of_checks() == set(TOPICS)
    for code, topic in TOPICS.items():
        assert known[f"backtests.check.{code}"]
        assert known[f"backtests.check.{topic}"]


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_templates_ask_only_for_texts_that_exist(template: Path) -> None:
    asked = set(ASKED.findall(template.read_text()))
    missing = {key for key in asked if any(key not in known for known in CATALOGUES.values())}
    assert not missing


@pytest.mark.parametrize("lang", CATALOGUES)
def test_names_that_are_put_together_exist(lang: str) -> None:
    known = CATALOGUES[lang]  # type: ignore[index]
    for name in READINGS:
        assert known[f"backtests.{name}"]
    for name in PRESETS:
        assert known[f"backtests.preset.{name}"]
        assert known[f"backtests.preset.{name}.why"]
    for phase in ("queued", "reading", "running", "closing"):
        assert known[f"backtests.phase.{phase}"]


def test_no_page_of_ours_needs_inline_style_or_script() -> None:
    for template in TEMPLATES:
        text = template.read_text()
        assert " style=" not in text, template.name
        assert not re.search(r"<script(?![^>]*\bsrc=)", text), template.name
        assert not re.search(r"\son[a-z]+=|hx-on|js:", text), template.name
