"""The simulator and the service are two readings of the same protocols; they share nothing."""

from __future__ import annotations

import ast
from pathlib import Path

APP = Path(__file__).resolve().parents[2] / "app"


def test_nobody_outside_knows_the_back_door() -> None:
    outside = [path for path in APP.rglob("*.py") if "simulator" not in path.parts]
    assert len(outside) > 50
    knowing = [str(path) for path in outside if "__sim" in path.read_text()]
    assert knowing == []


def test_it_imports_nothing_of_ours_but_itself() -> None:
    for path in (APP / "simulator").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            names = [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0
                names = [node.module or ""]
            ours = [name for name in names if name.split(".")[0] == "app"]
            assert all(name.startswith("app.simulator") for name in ours), path
