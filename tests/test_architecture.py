"""The house rules of CONTRIBUTING.md, as tests."""

from __future__ import annotations

import ast
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
APP = ROOT / "app"
# Parsed before any other test runs: CPython 3.11's parser fails when what other tests left behind
# is collected in the middle of it.
MODULES = {path: ast.parse(path.read_text()) for path in sorted(APP.rglob("*.py"))}
PURE = ("domain", "books", "engine", "exchanges", "backtest")
BANNED_MODULES = {"utils", "helpers", "common", "misc", "manager", "service", "handler", "info"}
BANNED_CLASSES = re.compile(r"(Utils?|Helper|Manager|Service|Handler|Processor|Data|Info)$")
LINES_MAX = 600
FUNCTION_LINES_MAX = 60
COLUMNS_MAX = 100
RISK_MANAGER = "app/engine/risk/manager.py"
"""The one manager of the field's own words."""


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def functions(tree: ast.Module) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


@pytest.fixture(params=MODULES, ids=relative)
def module(request: pytest.FixtureRequest) -> tuple[Path, ast.Module]:
    path: Path = request.param
    return path, MODULES[path]


def test_there_are_modules_to_judge() -> None:
    assert len(MODULES) > 40


def test_modules_stay_small(module: tuple[Path, ast.Module]) -> None:
    path, tree = module
    lines = path.read_text().splitlines()
    assert len(lines) <= LINES_MAX
    assert all(len(line) <= COLUMNS_MAX for line in lines)
    for function in functions(tree):
        length = (function.end_lineno or 0) - function.lineno + 1
        assert length <= FUNCTION_LINES_MAX, f"{function.name}: {length} lines"


def test_modules_say_what_lives_in_them(module: tuple[Path, ast.Module]) -> None:
    path, tree = module
    if path.read_text().strip():
        assert ast.get_docstring(tree), "one line per module says what lives here"


def test_names_are_the_field_s(module: tuple[Path, ast.Module]) -> None:
    path, tree = module
    assert path.stem not in BANNED_MODULES or relative(path) == RISK_MANAGER
    for node in ast.walk(tree):
        if isinstance(node, ast.ClassDef) and node.name != "RiskManager":
            assert not BANNED_CLASSES.search(node.name), node.name


def test_nothing_is_swallowed_or_left_for_later(module: tuple[Path, ast.Module]) -> None:
    path, tree = module
    assert not re.search(r"\b(TODO|FIXME|XXX|HACK)\b|NotImplementedError", path.read_text())
    for node in ast.walk(tree):
        if isinstance(node, ast.ExceptHandler):
            broad = node.type is None or getattr(node.type, "id", "") in {
                "Exception",
                "BaseException",
            }
            silent = all(isinstance(line, ast.Pass) for line in node.body)
            assert not (broad and silent), f"line {node.lineno} swallows everything"


def test_pure_rooms_take_time_and_chance_as_arguments(module: tuple[Path, ast.Module]) -> None:
    path, tree = module
    if path.relative_to(APP).parts[0] not in PURE:
        return
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            assert node.attr not in {"now", "utcnow", "today"}, f"line {node.lineno}"
            owner = getattr(node.value, "id", "")
            assert not (owner == "np" and node.attr == "random"), f"line {node.lineno}"


def test_the_repository_holds_no_market_files_and_no_addresses() -> None:
    if not (ROOT / ".git").exists() or not shutil.which("git"):
        pytest.skip("the list of tracked files is git's, and here is no checkout or no git")
    tracked = subprocess.run(
        ["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True
    ).stdout.splitlines()
    ends = (".csv", ".gz", ".zip", ".parquet", ".db", ".sqlite", ".pem", ".key")
    kept = [name for name in tracked if name.endswith(ends)]
    assert kept == ["static/example.csv"], "our own example is offered for download"
    address = re.compile(r"https?://[^\s\"']*/(simple|packages|pool)/")
    for name in tracked:
        path = ROOT / name
        if path.suffix in {".py", ".lock", ".in", ".toml", ".yaml", ".md", ".cfg"}:
            assert not address.search(path.read_text(errors="replace")), name


def test_requirement_floors_that_close_known_holes() -> None:
    """starlette < 1.0.1 and python-multipart < 0.0.27 have published vulnerabilities."""
    pinned = dict(
        re.findall(r"^([a-z0-9-]+)==([\w.]+)", (ROOT / "requirements.lock").read_text(), re.M)
    )
    assert tuple(map(int, pinned["starlette"].split("."))) >= (1, 0, 1)
    assert tuple(map(int, pinned["python-multipart"].split("."))) >= (0, 0, 27)
