"""Containers → bytes: plain, gzip, single-file zip and Parquet, bounded while they stream."""

from __future__ import annotations

import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from app.domain.problems import Problem
from app.history.limits import (
    BLOCK_BYTES,
    COMPRESSED_BYTES,
    EXPANDED_BYTES_MAX,
    EXPANSION_FOLD_MAX,
    FIELD_BYTES_MAX,
    PARQUET_ROWS,
    PARQUET_TEXT_BYTES,
    ZIP_DIRECTORY_BYTES_MAX,
)
from app.history.refusals import refuse

_ZIP_END = b"PK\x05\x06"
_ZIP_END_BYTES = 22
_ZIP_COMMENT_BYTES_MAX = 65_535
_ZIP_ENCRYPTED = 0x1
_ZIP_ERRORS = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    OSError,
    RuntimeError,  # a method or version that zipfile does not know
    ValueError,
    IndexError,
)
"""What zipfile raises on damaged directories and entries (found by damaging them)."""
_SPREADSHEET = "[Content_Types].xml"


class Meter:
    """How far into the stored file reading has come."""

    def __init__(self, total: int) -> None:
        self.total = total
        self.done = 0


def blocks(source: Path, meter: Meter) -> Iterator[bytes]:
    """The decoded bytes of a file, whatever it is wrapped in; its content says, not its name."""
    with source.open("rb") as file:
        magic = file.read(4)
        file.seek(0)
        if not magic:
            raise refuse("file_empty", expected="> 0 bytes")
        container = _container(magic)
        if container is None:
            yield from _plain(file, meter)
        else:
            yield from _bounded(container(file, meter), meter.total)
    meter.done = meter.total


def _container(magic: bytes) -> Callable[[BinaryIO, Meter], Iterator[bytes]] | None:
    for start, container in CONTAINERS.items():
        if magic.startswith(start):
            return container
    return None


def _plain(file: BinaryIO, meter: Meter, block_bytes: int = BLOCK_BYTES) -> Iterator[bytes]:
    while block := file.read(block_bytes):
        meter.done += len(block)
        yield block


def _bounded(decoded: Iterator[bytes], source_bytes: int) -> Iterator[bytes]:
    limit = min(EXPANSION_FOLD_MAX * source_bytes, EXPANDED_BYTES_MAX)
    produced = 0
    for block in decoded:
        produced += len(block)
        if produced > limit:
            raise expands_too_far(source_bytes)
        yield block


def expands_too_far(source_bytes: int) -> Problem:
    """The refusal of a compressed file that would grow beyond the limits."""
    limit = min(EXPANSION_FOLD_MAX * source_bytes, EXPANDED_BYTES_MAX)
    return refuse("expands_too_far", expected=f"<= {limit} bytes ({EXPANSION_FOLD_MAX}-fold)")


def _gzip(file: BinaryIO, meter: Meter) -> Iterator[bytes]:
    """All members of a gzip file. zlib checks each member's CRC and length."""
    member = zlib.decompressobj(wbits=31)
    try:
        for compressed in _plain(file, meter, COMPRESSED_BYTES):
            waiting = compressed
            while waiting:
                if member.eof:
                    waiting = waiting.lstrip(b"\0")  # tape padding between or after members
                    if not waiting:
                        break
                    member = zlib.decompressobj(wbits=31)
                yield member.decompress(waiting, BLOCK_BYTES)
                waiting = member.unconsumed_tail or member.unused_data
        while not member.eof and (rest := member.decompress(member.unconsumed_tail, BLOCK_BYTES)):
            yield rest
    except zlib.error as error:
        raise refuse("gzip_broken", value=str(error), expected="gzip") from error
    if not member.eof:
        raise refuse("gzip_broken", value="ends early", expected="a whole gzip file")


def _zip(file: BinaryIO, meter: Meter) -> Iterator[bytes]:
    """The one file in a zip; folders and the `__MACOSX` shadow entries of a Mac do not count."""
    _refuse_large_directory(file, meter.total)
    try:
        with zipfile.ZipFile(file) as archive:
            entry = _only_entry(archive)
            with archive.open(entry) as member:
                while block := member.read(BLOCK_BYTES):
                    meter.done = min(file.tell(), meter.total)
                    yield block
    except _ZIP_ERRORS as error:
        raise refuse("zip_broken", value=str(error), expected="a whole zip file") from error


def _only_entry(archive: zipfile.ZipFile) -> zipfile.ZipInfo:
    names = [entry.filename for entry in archive.infolist()]
    if _SPREADSHEET in names:
        raise refuse("file_spreadsheet", expected="CSV")
    entries = [
        entry
        for entry in archive.infolist()
        if not entry.filename.endswith("/") and not entry.filename.startswith("__MACOSX/")
    ]
    if len(entries) != 1:
        raise refuse("zip_not_single", value=str(len(entries)), expected="1 file")
    (entry,) = entries
    if entry.flag_bits & _ZIP_ENCRYPTED:
        raise refuse("zip_encrypted", expected="no password")
    if entry.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        raise refuse("zip_broken", value=f"method {entry.compress_type}", expected="deflate")
    return entry


def _refuse_large_directory(file: BinaryIO, total: int) -> None:
    """zipfile loads the whole directory at once, so its size is looked at before it does."""
    file.seek(max(0, total - _ZIP_END_BYTES - _ZIP_COMMENT_BYTES_MAX))
    tail = file.read()
    file.seek(0)
    at = tail.rfind(_ZIP_END)
    if at < 0 or len(tail) < at + _ZIP_END_BYTES:
        raise refuse("zip_broken", value="no directory", expected="a whole zip file")
    entries, directory_bytes = struct.unpack_from("<HI", tail, at + 10)
    if directory_bytes > ZIP_DIRECTORY_BYTES_MAX:
        raise refuse("zip_not_single", value=str(entries), expected="1 file")


def _parquet(file: BinaryIO, meter: Meter) -> Iterator[bytes]:
    """A Parquet file as CSV text, so that one set of rules reads both.

    Nested and binary columns are left out; zoned times come as UTC, naive ones stay naive.
    """
    import polars as pl  # noqa: PLC0415 - 0.2 s that only readers of files should pay

    try:
        scan = pl.scan_parquet(file.name, glob=False, hive_partitioning=False)
        schema = scan.collect_schema()
        kept = [name for name, dtype in schema.items() if not _opaque(dtype)]
        rows = int(scan.select(pl.len()).collect().item())
        if rows * len(kept) * 2 > EXPANSION_FOLD_MAX * meter.total:
            raise expands_too_far(meter.total)
        text_columns = sum(schema[name] == pl.String for name in kept)
        rows_at_once = PARQUET_TEXT_BYTES // (FIELD_BYTES_MAX * max(1, text_columns))
        exact = scan.select(kept).with_columns(
            pl.col(pl.Float32).cast(pl.Float64),
            pl.col(pl.String).str.head(FIELD_BYTES_MAX + 1),  # enough to be refused as too long
        )
        for start in range(0, max(rows, 1), PARQUET_ROWS):
            table = exact.slice(start, PARQUET_ROWS).collect()
            for at in range(0, max(len(table), 1), rows_at_once):
                text = io.BytesIO()
                table[at : at + rows_at_once].write_csv(text, include_header=start + at == 0)
                yield text.getvalue()
            meter.done = meter.total * min(start + PARQUET_ROWS, rows) // max(rows, 1)
    except (pl.exceptions.PolarsError, pl.exceptions.PanicException, OSError) as error:
        cause = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise refuse("parquet_broken", value=cause, expected="a whole Parquet file") from error


def _opaque(dtype: object) -> bool:
    import polars as pl  # noqa: PLC0415

    return isinstance(dtype, pl.List | pl.Array | pl.Struct | pl.Binary | pl.Duration | pl.Object)


CONTAINERS: dict[bytes, Callable[[BinaryIO, Meter], Iterator[bytes]]] = {
    b"\x1f\x8b": _gzip,
    b"PK\x03\x04": _zip,
    b"PK\x05\x06": _zip,
    b"PAR1": _parquet,
}
