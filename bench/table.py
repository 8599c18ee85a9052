"""Rows of the table, how they are printed and where they are kept."""

from __future__ import annotations

import json
import platform
import subprocess
from dataclasses import asdict, dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True, slots=True)
class Row:
    """One comparison. `ratio` above 1 means that we are better; None where there is no peer."""

    name: str
    ours: float | None
    unit: str
    better: str
    peer: str | None = None
    peer_value: float | None = None
    note: str = ""

    @property
    def ratio(self) -> float | None:
        if not self.ours or not self.peer_value:
            return None
        return (
            self.ours / self.peer_value if self.better == "higher" else self.peer_value / self.ours
        )


def machine() -> str:
    model = platform.machine()
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    return f"{model}, Python {platform.python_version()}, {platform.system()}"


def commit() -> str:
    done = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    return done.stdout.strip() or "unknown"


def keep(rows: list[Row], path: Path) -> None:
    """Write {machine, commit, rows} as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    written = [{**asdict(row), "ratio": row.ratio} for row in rows]
    table = {"machine": machine(), "commit": commit(), "rows": written}
    path.write_text(json.dumps(table, indent=1, ensure_ascii=False))


def show(rows: list[Row]) -> None:
    print(f"\n{machine()} · commit {commit()}\n")
    head = ("row", "ours", "unit", "peer", "its value", "ratio", "note")
    cells = [head] + [
        (
            row.name,
            figure(row.ours),
            row.unit,
            row.peer or "–",
            figure(row.peer_value),
            f"{row.ratio:,.1f}×" if row.ratio else "–",
            row.note,
        )
        for row in rows
    ]
    widths = [max(len(line[column]) for line in cells) for column in range(len(head) - 1)]
    for line in cells:
        print(
            "  ".join(text.ljust(width) for text, width in zip(line, widths, strict=False)),
            line[-1],
        )


def figure(value: float | None) -> str:
    if value is None:
        return "–"
    if abs(value) >= 1e9:
        return f"{value / 1e9:,.2f} G"
    if abs(value) >= 1e6:
        return f"{value / 1e6:,.2f} M"
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:,.3g}"
