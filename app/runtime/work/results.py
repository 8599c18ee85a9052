"""Results: a run's folder on disk, written whole, and what pages and programs read out of it."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeAlias

import msgspec
import numpy as np
import numpy.typing as npt

from app.backtest.views import thin
from app.domain.problems import Problem

Array: TypeAlias = npt.NDArray[Any]

DOCUMENT = "result.json"
PART_SUFFIX = ".part"
CURVES = ("time_s", "equity_krw", "drawdown_pct", "premium_bps")


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
        except (OSError, ValueError, EOFError) as error:
            raise Problem("result_damaged", values={"file": f"{name}.npy"}) from error
        return array

    def curves(self, names: Sequence[str], points: int | None = None) -> dict[str, Array]:
        """Columns such as CURVES, whole or at most `points` rows that keep the extremes."""
        columns = {name: self.array(name) for name in dict.fromkeys((*CURVES, *names))}
        if points is not None:
            columns = thin(columns, points)
        return {name: columns[name] for name in names}


def write_result(
    folder: Path,
    arrays: Mapping[str, Array],
    document: object,
    on_progress: Callable[[int, int], None] | None = None,
) -> None:
    """All of it becomes visible at once, or nothing. Progress is told in arrays."""
    part = folder.with_name(folder.name + PART_SUFFIX)
    part.mkdir(parents=True)
    try:
        for place, (name, array) in enumerate(arrays.items(), start=1):
            with (part / f"{name}.npy").open("xb") as file:
                np.save(file, array, allow_pickle=False)
                file.flush()
                os.fsync(file.fileno())
            if on_progress:
                on_progress(place, len(arrays))
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


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
