"""Columns on disk: one .npy per column and a manifest, visible only when whole."""

from __future__ import annotations

import io
import json
import os
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO, Self, TypeAlias

import numpy as np
from numpy.typing import NDArray

from app.domain.problems import Problem

PART_SUFFIX = ".part"
MANIFEST = "manifest.json"
_COPY_ROWS = 1_000_000

Column: TypeAlias = NDArray[Any]


class Columns:
    """An open dataset. Columns are memory-mapped and read-only; nothing is read until asked."""

    def __init__(self, folder: Path, manifest: dict[str, Any]) -> None:
        self.folder = folder
        self.manifest = manifest

    @property
    def names(self) -> tuple[str, ...]:
        """The columns in the order in which they were written."""
        return tuple(self.manifest["columns"])

    def __contains__(self, name: object) -> bool:
        return name in self.manifest["columns"]

    def get(self, name: str) -> Column:
        """One column; Problem `dataset_damaged` when the file is not what the manifest says."""
        wanted = self.manifest["columns"][name]
        try:
            column: Column = np.load(_file(self.folder, name), mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise Problem("dataset_damaged", values={"column": name}) from error
        if column.dtype.str != wanted["dtype"] or column.shape != (wanted["rows"],):
            raise Problem("dataset_damaged", values={"column": name})
        return column


class Spool:
    """Columns that grow on disk in `<folder>.part`; `publish` makes them `<folder>` at once.

    Left by an exception, it removes the part; killed, it leaves a part that nobody opens.
    """

    def __init__(self, folder: Path, dtypes: Mapping[str, str | np.dtype[Any]]) -> None:
        self.folder = folder
        self.part = folder.with_name(folder.name + PART_SUFFIX)
        self.rows = 0
        self._dtypes = {name: np.dtype(dtype) for name, dtype in dtypes.items()}
        self._files: dict[str, BinaryIO] = {}
        self._published = False

    def __enter__(self) -> Self:
        self.part.mkdir(parents=True)
        for name, dtype in self._dtypes.items():
            self._files[name] = _start(self.part, name, dtype)
        return self

    def __exit__(self, *_exception: object) -> None:
        for file in self._files.values():
            file.close()
        if not self._published:
            shutil.rmtree(self.part, ignore_errors=True)

    def append(self, arrays: Mapping[str, Column]) -> None:
        """One more block of rows; every column of the spool must be in it."""
        rows = {len(array) for array in arrays.values()}
        assert len(rows) == 1 and arrays.keys() == self._files.keys(), sorted(arrays)
        for name, array in arrays.items():
            _write(self._files[name], array, self._dtypes[name])
        self.rows += rows.pop()

    def column(self, name: str) -> Column:
        """What has been written of one column so far, memory-mapped, read-only."""
        file = self._files[name]
        file.flush()
        if not self.rows:
            return np.empty(0, self._dtypes[name])
        return np.memmap(
            _file(self.part, name),
            self._dtypes[name],
            mode="r",
            offset=_header_bytes(self._dtypes[name]),
            shape=(self.rows,),
        )

    def reorder(self, rows: Column) -> None:
        """Keep these rows of every column, in this order."""
        for name in tuple(self._files):
            column = self.column(name)
            self._restart(name, self._dtypes[name])
            for start in range(0, len(rows), _COPY_ROWS):
                block = column[rows[start : start + _COPY_ROWS]]
                _write(self._files[name], block, self._dtypes[name])
        self.rows = len(rows)

    def put(self, name: str, array: Column) -> None:
        """Add a whole column, or put other values in one's place."""
        assert len(array) == self.rows, name
        self._restart(name, _little(array))
        _write(self._files[name], array, self._dtypes[name])

    def drop(self, name: str) -> None:
        """Forget a column that only served the checks."""
        self._files.pop(name).close()
        _file(self.part, name).unlink()

    def publish(self, manifest: Mapping[str, object]) -> None:
        """Complete every file, sync, rename: from here on `open_columns` finds the dataset."""
        for name, file in self._files.items():
            header = _header(self._dtypes[name], self.rows)
            assert file.tell() == len(header) + self.rows * self._dtypes[name].itemsize, name
            file.seek(0)
            file.write(header)
            file.flush()
            os.fsync(file.fileno())
        described = {
            name: {"dtype": self._dtypes[name].str, "rows": self.rows} for name in self._files
        }
        with (self.part / MANIFEST).open("w", encoding="utf-8") as text:
            json.dump({**manifest, "columns": described}, text)
            text.flush()
            os.fsync(text.fileno())
        _sync_folder(self.part)
        self.part.rename(self.folder)
        self._published = True
        _sync_folder(self.folder.parent)

    def _restart(self, name: str, dtype: np.dtype[Any]) -> None:
        """A new, empty file for a column; one that is still mapped lives on until it is not."""
        if name in self._files:
            self._files.pop(name).close()
            _file(self.part, name).unlink()
        self._dtypes[name] = dtype
        self._files[name] = _start(self.part, name, dtype)


def write_columns(
    folder: Path, columns: Mapping[str, Column], manifest: Mapping[str, object]
) -> None:
    """Store arrays of equal length as a dataset: all of it becomes visible at once, or nothing."""
    with Spool(folder, {name: _little(array) for name, array in columns.items()}) as spool:
        spool.append(columns)
        spool.publish(manifest)


def open_columns(folder: Path) -> Columns:
    """An existing dataset; Problem `dataset_damaged` when its manifest cannot be read."""
    try:
        manifest = json.loads((folder / MANIFEST).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise Problem("dataset_damaged", values={"column": MANIFEST}) from error
    return Columns(folder, manifest)


def remove(folder: Path) -> None:
    """Delete a dataset, or what is left of one; killed half-way it leaves only a part."""
    part = folder.with_name(folder.name + PART_SUFFIX)
    if folder.exists():
        shutil.rmtree(part, ignore_errors=True)
        folder.rename(part)
    shutil.rmtree(part, ignore_errors=True)


def _file(folder: Path, name: str) -> Path:
    return folder / f"{name}.npy"


def _little(array: Column) -> np.dtype[Any]:
    return array.dtype.newbyteorder("<")


def _start(folder: Path, name: str, dtype: np.dtype[Any]) -> BinaryIO:
    file = _file(folder, name).open("xb")
    file.write(_header(dtype, 0))
    return file


def _write(file: BinaryIO, array: Column, dtype: np.dtype[Any]) -> None:
    for start in range(0, len(array), _COPY_ROWS):
        block = np.ascontiguousarray(array[start : start + _COPY_ROWS], dtype)
        file.write(block.data)


def _header(dtype: np.dtype[Any], rows: int) -> bytes:
    """The .npy header; numpy pads it so that its length does not change as the rows grow."""
    target = io.BytesIO()
    descr = np.lib.format.dtype_to_descr(dtype)
    described = {"descr": descr, "fortran_order": False, "shape": (rows,)}
    np.lib.format.write_array_header_1_0(target, described)
    return target.getvalue()


def _header_bytes(dtype: np.dtype[Any]) -> int:
    return len(_header(dtype, 0))


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
