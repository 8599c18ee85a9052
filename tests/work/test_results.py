"""What a run wrote: whole or absent, and read back as it was."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from app.domain.problems import Problem
from app.runtime.work.results import CURVES, Result, write_result


def curves(rows: int) -> dict[str, np.ndarray]:
    steps = np.arange(rows, dtype=np.float64)
    return {
        "time_s": np.arange(rows, dtype=np.int64) * 60,
        "equity_krw": 100.0 + np.sin(steps),
        "drawdown_pct": np.abs(np.cos(steps)),
        "premium_bps": steps % 17,
    }


def test_arrays_and_document_come_back_as_they_were(tmp_path: Path) -> None:
    table = np.zeros(2, np.dtype([("pnl_krw", "f8"), ("base", "i4")]))
    table["pnl_krw"] = [1.5, np.nan]
    write_result(tmp_path / "r", curves(9) | {"cycles": table}, {"bases": ("BTC",), "x": None})
    result = Result(tmp_path / "r")
    assert result.document == {"bases": ["BTC"], "x": None}
    assert result.array("cycles").dtype == table.dtype
    assert result.array("cycles").tobytes() == table.tobytes()
    for name, column in result.curves(CURVES).items():
        np.testing.assert_array_equal(column, curves(9)[name])
        assert not column.flags.writeable


def test_nothing_is_visible_before_all_of_it_is_there(tmp_path: Path) -> None:
    with pytest.raises(TypeError):
        write_result(tmp_path / "r", curves(3), {"unwritable": object()})
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("victim", ["result.json", "equity_krw.npy"])
@pytest.mark.parametrize("content", [None, b"", b"garbage"])
def test_damage_is_told_as_such(tmp_path: Path, victim: str, content: bytes | None) -> None:
    write_result(tmp_path / "r", curves(3), {})
    if content is None:
        (tmp_path / "r" / victim).unlink()
    else:
        (tmp_path / "r" / victim).write_bytes(content)
    with pytest.raises(Problem) as damaged:
        Result(tmp_path / "r").array("equity_krw")
    assert (damaged.value.code, damaged.value.values) == ("result_damaged", {"file": victim})


def test_thinned_curves_keep_their_ends_and_extremes(tmp_path: Path) -> None:
    write_result(tmp_path / "r", curves(5_000), {})
    whole = Result(tmp_path / "r").curves(CURVES)
    thin = Result(tmp_path / "r").curves(CURVES, points=100)
    assert list(thin) == list(CURVES)
    assert len(thin["time_s"]) <= 100
    assert (thin["time_s"][0], thin["time_s"][-1]) == (0, 4_999 * 60)
    assert thin["equity_krw"].min() == whole["equity_krw"].min()
    assert thin["drawdown_pct"].max() == whole["drawdown_pct"].max()
