"""Columns on disk: all of a dataset is there, or nothing of it is."""

from __future__ import annotations

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.domain.problems import Problem
from app.history.columns import PART_SUFFIX, Spool, open_columns, remove, write_columns

COLUMNS: dict[str, np.ndarray[Any, Any]] = {
    "time": np.arange(1_000, dtype=np.int64),
    "close": np.linspace(1, 2, 1_000),
}


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    write_columns(tmp_path / "one", COLUMNS, {"facts": {"base": "BTC"}})
    opened = open_columns(tmp_path / "one")
    assert opened.names == ("time", "close")
    assert opened.manifest["facts"] == {"base": "BTC"}
    assert "volume" not in opened
    for name, values in COLUMNS.items():
        np.testing.assert_array_equal(opened.get(name), values)
        assert isinstance(opened.get(name), np.memmap)
        assert not opened.get(name).flags.writeable
        np.testing.assert_array_equal(np.load(tmp_path / "one" / f"{name}.npy"), values)


def test_other_kinds_of_columns(tmp_path: Path) -> None:
    cycles = np.zeros(3, [("base", "<i4"), ("pnl_krw", "<f8")])
    cycles["pnl_krw"] = [1.5, -2, 3]
    write_columns(tmp_path / "run", {"cycles": cycles, "flags": np.ones(3, bool)}, {})
    assert open_columns(tmp_path / "run").get("cycles")["pnl_krw"].tolist() == [1.5, -2, 3]
    write_columns(tmp_path / "none", {"time": np.empty(0, np.int64)}, {})
    assert len(open_columns(tmp_path / "none").get("time")) == 0


def test_a_spool_left_by_an_exception_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(OSError, match="full"), Spool(tmp_path / "one", {"time": "<i8"}) as spool:
        spool.append({"time": np.arange(5)})
        raise OSError("full")
    assert list(tmp_path.iterdir()) == []


def test_reorder_put_and_drop(tmp_path: Path) -> None:
    with Spool(tmp_path / "one", {"time": "<i8", "wall": "<i8"}) as spool:
        for block in (np.array([5, 3]), np.array([4, 3])):
            spool.append({"time": block, "wall": block})
        mapped = spool.column("time")
        spool.reorder(np.array([1, 2, 0]))
        assert mapped.tolist() == [5, 3, 4, 3]
        spool.drop("wall")
        spool.put("rate", np.array([1.0, 2.0, 3.0]))
        spool.publish({})
    opened = open_columns(tmp_path / "one")
    assert opened.names == ("time", "rate")
    assert opened.get("time").tolist() == [3, 4, 5]


@pytest.mark.parametrize("step", range(1, 40))
def test_killed_at_any_step_nothing_half_is_visible(tmp_path: Path, step: int) -> None:
    """A child process is killed at its n-th call that changes the disk."""

    def write() -> None:
        write_columns(tmp_path / "one", COLUMNS, {})

    finished = _killed_at(step, write)
    visible = [path.name for path in tmp_path.iterdir() if not path.name.endswith(PART_SUFFIX)]
    assert visible in ([], ["one"])
    if visible:
        opened = open_columns(tmp_path / "one")
        np.testing.assert_array_equal(opened.get("close"), COLUMNS["close"])
    assert visible or not finished
    remove(tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("step", range(1, 8))
def test_killed_while_it_is_removed(tmp_path: Path, step: int) -> None:
    write_columns(tmp_path / "one", COLUMNS, {})
    _killed_at(step, lambda: remove(tmp_path / "one"))
    if (tmp_path / "one").exists():
        assert open_columns(tmp_path / "one").get("time")[-1] == 999
    remove(tmp_path / "one")
    assert list(tmp_path.iterdir()) == []


def _killed_at(step: int, work: Callable[[], None]) -> bool:
    """Run `work` in a child that dies at its n-th system call of these; whether it survived."""
    child = os.fork()
    if child == 0:
        left = step

        def counted(real: Callable[..., Any]) -> Callable[..., Any]:
            def call(*args: Any, **kwargs: Any) -> Any:
                nonlocal left
                left -= 1
                if left <= 0:
                    os._exit(9)
                return real(*args, **kwargs)

            return call

        for name in ("open", "mkdir", "rename", "fsync", "unlink", "rmdir"):
            setattr(os, name, counted(getattr(os, name)))
        import io

        io.open = counted(io.open)  # type: ignore[assignment]  # pathlib opens by this name
        try:
            work()
        finally:
            os._exit(0)
    _, status = os.waitpid(child, 0)
    return os.waitstatus_to_exitcode(status) == 0


@pytest.mark.parametrize("damage", ["manifest", "column", "length", "dtype"])
def test_damage_is_told(tmp_path: Path, damage: str) -> None:
    folder = tmp_path / "one"
    write_columns(folder, COLUMNS, {})
    if damage == "manifest":
        (folder / "manifest.json").write_text("{")
    elif damage == "column":
        (folder / "close.npy").unlink()
    elif damage == "length":
        (folder / "close.npy").write_bytes((folder / "close.npy").read_bytes()[:-8])
    else:
        manifest = json.loads((folder / "manifest.json").read_text())
        manifest["columns"]["close"]["dtype"] = "<f4"
        (folder / "manifest.json").write_text(json.dumps(manifest))
    with pytest.raises(Problem) as caught:
        open_columns(folder).get("close")
    assert caught.value.code == "dataset_damaged"
