"""Files as people upload them, made small, and a room to read them in."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, settings

from app.domain.datasets import DatasetFacts, Hints
from app.domain.problems import FieldError, Problem
from app.history.columns import Columns, open_columns
from app.history.reader import read_file

START = datetime(2024, 3, 1, 9, 0, tzinfo=UTC)
NS = 1_000_000_000
UNHURRIED = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
"""For properties: a loaded machine is no failure."""
HEADER = "timestamp,open,high,low,close,volume"


def ns(text: str) -> int:
    """ISO 8601 → ns UTC, the plain way."""
    moment = datetime.fromisoformat(text)
    moment = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    return round(moment.timestamp()) * NS


def candle(minute: int) -> tuple[str, str, str, str, str]:
    """open, high, low, close, volume of one made-up minute."""
    price = 100 + minute % 7
    return f"{price}", f"{price + 2}", f"{price - 1.5}", f"{price + 1}", f"{minute % 5 + 0.25}"


def rows(
    count: int = 5, spell: Callable[[datetime], str] | None = None, step_s: int = 60
) -> list[str]:
    """Rows of generic candles from START on."""
    spell = spell or (lambda moment: moment.strftime("%Y-%m-%d %H:%M:%S"))
    moments = [START + timedelta(seconds=step_s * minute) for minute in range(count)]
    return [",".join((spell(moment), *candle(at))) for at, moment in enumerate(moments)]


def csv(lines: Sequence[str], header: str | None = HEADER, end: str = "\n") -> bytes:
    """A CSV file of these lines."""
    return end.join([*([header] if header else []), *lines, ""]).encode()


@dataclass
class Room:
    """A folder in which files are read."""

    path: Path
    seen: list[tuple[int, int]] = field(default_factory=list)

    @property
    def datasets(self) -> Path:
        return self.path / "datasets"

    def save(self, content: bytes, name: str = "upload.csv") -> Path:
        file = self.path / name.replace("/", "_")
        file.write_bytes(content)
        return file

    def read(self, content: bytes | Path, name: str = "upload.csv", **hints: object) -> list[Read]:
        """Read a file; every dataset that it became."""
        source = content if isinstance(content, Path) else self.save(content, name)
        self.datasets.mkdir(exist_ok=True)
        count = itertools.count(len(list(self.datasets.iterdir())))
        stored = read_file(
            source,
            name,
            Hints(**hints),  # type: ignore[arg-type]
            self.datasets,
            lambda done, total: self.seen.append((done, total)),
            lambda: f"folder{next(count)}",
        )
        return [Read(self.datasets / folder, facts) for folder, facts in stored]

    def read_one(self, content: bytes | Path, name: str = "upload.csv", **hints: object) -> Read:
        (only,) = self.read(content, name, **hints)
        return only

    def refusal(self, content: bytes | Path, name: str = "upload.csv", **hints: object) -> Problem:
        """The problem of a file that must be refused; nothing of it may be left."""
        with pytest.raises(Problem) as caught:
            self.read(content, name, **hints)
        assert list(self.datasets.iterdir()) == []
        return caught.value

    def refusal_code(self, content: bytes | Path, **hints: object) -> str:
        """Only the code of the problem, where other datasets are there already."""
        with pytest.raises(Problem) as caught:
            self.read(content, **hints)
        return caught.value.code

    def refusal_place(self, content: bytes | Path, **hints: object) -> FieldError:
        """Where the refused file is wrong, where other datasets are there already."""
        with pytest.raises(Problem) as caught:
            self.read(content, **hints)
        return place(caught.value)


@dataclass
class Read:
    """A stored dataset."""

    folder: Path
    facts: DatasetFacts

    @property
    def columns(self) -> Columns:
        return open_columns(self.folder)

    def column(self, name: str) -> list[float]:
        values: list[float] = self.columns.get(name).tolist()
        return values

    @property
    def times(self) -> list[str]:
        """Times as ISO minutes."""
        stamps = self.columns.get("time").astype("datetime64[ns]")
        return [str(stamp) for stamp in np.datetime_as_string(stamps, unit="s")]


def place(problem: Problem) -> FieldError:
    """The one place that a refusal names."""
    (only,) = problem.errors
    return only
