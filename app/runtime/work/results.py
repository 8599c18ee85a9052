"""Results: a run's folder on disk, written whole, and what pages and programs read out of it."""

from __future__ import annotations

import itertools
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from app.domain.problems import Problem

Array: TypeAlias = npt.NDArray[Any]

DOCUMENT = "result.json"
PART_SUFFIX = ".part"
CURVES = ("time", "equity_krw", "drawdown_pct", "premium_bps")
POINTS_MIN = 10


class Result:
    """An open run. Arrays are memory-mapped: nothing is read until asked."""

    def __init__(self, folder: Path) -> None:
        try:
            self.document: dict[str, Any] = json.loads((folder / DOCUMENT).read_text("utf-8"))
        except (OSError, ValueError) as error:
            raise Problem("result_damaged", values={"file": DOCUMENT}) from error
        self._folder = folder

    def array(self, name: str) -> Array:
        """One array by its name, read-only."""
        try:
            array: Array = np.load(self._folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise Problem("result_damaged", values={"file": f"{name}.npy"}) from error
        return array

    def curves(self, points: int | None = None) -> dict[str, Array]:
        """Columns of CURVES, all rows or at most about `points` that keep every extreme."""
        columns = {name: self.array(name) for name in CURVES}
        rows = len(columns["time"])
        if points is None or rows <= points:
            return columns
        kept = extremes([columns[name] for name in CURVES[1:]], points)
        return {name: column[kept] for name, column in columns.items()}


def write_result(folder: Path, arrays: Mapping[str, Array], document: object) -> None:
    """All of it becomes visible at once, or nothing."""
    part = folder.with_name(folder.name + PART_SUFFIX)
    part.mkdir(parents=True)
    try:
        for name, array in arrays.items():
            with (part / f"{name}.npy").open("xb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
        with (part / DOCUMENT).open("xb") as file:
            file.write(msgspec.json.encode(document))
            file.flush()
            os.fsync(file.fileno())
        _sync_folder(part)
        part.rename(folder)
    except BaseException:
        shutil.rmtree(part, ignore_errors=True)
        raise
    _sync_folder(folder.parent)


def extremes(columns: list[Array], points: int) -> npt.NDArray[np.int64]:
    """Rows that draw the same picture: of each slice the lowest and highest of every column.

    The first and the last row are among them.
    """
    rows = len(columns[0])
    slices = max(1, (points - 2) // (2 * len(columns)))
    edges = np.linspace(0, rows, slices + 1).astype(np.int64)
    kept = {0, rows - 1}
    for first, stop in itertools.pairwise(edges):
        for column in columns:
            kept.add(int(first + np.argmin(column[first:stop])))
            kept.add(int(first + np.argmax(column[first:stop])))
    return np.array(sorted(kept), np.int64)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
