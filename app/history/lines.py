"""Bytes → text: UTF-8 or CP949, any line ends, in chunks of whole lines that know their number."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import NamedTuple

from app.history.limits import CHUNK_BYTES, FIELD_BYTES_MAX, HEAD_BYTES, LINE_BYTES_MAX
from app.history.refusals import refuse

ENCODINGS = ("utf-8", "cp949")
"""Tried in this order, each for the whole file."""
_BOM = b"\xef\xbb\xbf"
_BINARY_STARTS = {
    b"\x89PNG": "PNG",
    b"%PDF": "PDF",
    b"\xff\xd8\xff": "JPEG",
    b"\x7fELF": "ELF",
    b"\xd0\xcf\x11\xe0": "XLS",
    b"7z\xbc\xaf": "7z",
    b"Rar!": "RAR",
    b"ARROW1": "Arrow",
    b"SQLite format 3": "SQLite",
}
_CONTROLS = bytes(set(range(32)) - set(b"\t\n\r\f\0"))


class Undecodable(Exception):
    """The text is not in this encoding: at this line, for this reason."""

    def __init__(self, line: int, value: str) -> None:
        super().__init__(line, value)
        self.line = line
        self.value = value


class Chunk(NamedTuple):
    """Whole lines: UTF-8, `\\n` after each, no NUL; `first_line` is the 1-based number.

    Of JSON, which may be one line however long, it ends after any comma or the last line.
    """

    text: bytes
    first_line: int


Where = Callable[[str], tuple[str | None, str]]
"""The start of a line that is too long → the column that makes it so, what that holds."""


def _anywhere(start: str) -> tuple[str | None, str]:
    return None, start


def is_json(text: bytes) -> bool:
    """Whether a file that starts so is JSON."""
    return text.removeprefix(_BOM).lstrip()[:1] in (b"[", b"{")


def chunks(
    decoded: Iterable[bytes],
    encoding: str,
    *,
    json: bool = False,
    where: Where = _anywhere,
    chunk_bytes: int = CHUNK_BYTES,
) -> Iterator[Chunk]:
    """Cut decoded bytes into chunks. Raises `Undecodable`, and refuses NUL and endless lines."""
    for raw, line in _cut(decoded, b"," if json else b"\n", where, chunk_bytes):
        text = _utf8(raw, encoding, line)
        if b"\0" in text:
            raise _nul(text, line)
        yield Chunk(text, line)


def head(decoded: Iterable[bytes], encoding: str) -> Chunk:
    """The first lines, from which detection decides; refuses what is not text at all."""
    pieces: list[bytes] = []
    for block in decoded:
        pieces.append(block)
        if sum(map(len, pieces)) >= HEAD_BYTES:
            break
    start = b"".join(pieces)
    _refuse_binary(start)
    for chunk in chunks([start], encoding, json=is_json(start), chunk_bytes=HEAD_BYTES):
        return chunk
    raise refuse("file_empty", expected="> 0 bytes")


def _cut(
    decoded: Iterable[bytes], after: bytes, where: Where, chunk_bytes: int
) -> Iterator[tuple[bytes, int]]:
    """(text up to the last `after`, number of its first line); the rest as one more line.

    `after` is never a part of a longer character, neither in UTF-8 nor in CP949.
    """
    pieces: list[bytes] = []
    size = 0
    line = 1
    for block in _newlines(decoded):
        pieces.append(block)
        size += len(block)
        if size < chunk_bytes:
            continue
        joined = b"".join(pieces)
        end = joined.rfind(after) + 1
        if end:
            yield joined[:end], line
            line += joined.count(b"\n", 0, end)
        pieces = [joined[end:]]
        size = len(pieces[0])
        if size > LINE_BYTES_MAX:
            raise _endless(pieces[0], line, where)
    if rest := b"".join(pieces):
        yield (rest if rest.endswith(b"\n") else rest + b"\n"), line


def _newlines(decoded: Iterable[bytes]) -> Iterator[bytes]:
    """Every line end as `\\n`; a `\\r` at a block's end waits for what follows. No BOM."""
    held = b""
    at_start = True
    for block in decoded:
        text = held + block
        if at_start:
            if len(text) < len(_BOM):
                held = text
                continue
            text = text.removeprefix(_BOM)
            at_start = False
        held = text[-1:] if text.endswith(b"\r") else b""
        if held:
            text = text[:-1]
        yield _one_end(text)
    if held:
        yield _one_end(held)


def _one_end(text: bytes) -> bytes:
    return text.replace(b"\r\n", b"\n").replace(b"\r", b"\n") if b"\r" in text else text


def _utf8(raw: bytes, encoding: str, first_line: int) -> bytes:
    if raw.isascii():
        return raw
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        line = first_line + raw.count(b"\n", 0, error.start)
        raise Undecodable(line, raw[error.start : error.end].hex(" ")) from error
    return raw if encoding == "utf-8" else text.encode()


def _nul(text: bytes, first_line: int) -> Exception:
    at = text.index(b"\0")
    start = text.rfind(b"\n", 0, at) + 1
    shown = text[start:].partition(b"\n")[0].decode(errors="replace")
    row = first_line + text.count(b"\n", 0, at)
    return refuse("file_has_nul", row=row, value=shown.replace("\0", "\\0"), expected="no NUL")


def _endless(rest: bytes, line: int, where: Where) -> Exception:
    column, value = where(rest.decode(errors="replace"))
    expected = f"a line <= {LINE_BYTES_MAX} bytes, a field <= {FIELD_BYTES_MAX}"
    return refuse("field_too_long", row=line, column=column, value=value, expected=expected)


def _refuse_binary(start: bytes) -> None:
    for magic, kind in _BINARY_STARTS.items():
        if start.startswith(magic):
            raise refuse("file_binary", value=kind, expected="CSV, JSON or Parquet")
    if start.startswith((b"\xff\xfe", b"\xfe\xff")):
        raise refuse("file_undecodable", row=1, value="UTF-16", expected="UTF-8 or CP949")
    controls = len(start) - len(start.translate(None, _CONTROLS))
    if controls > 0 and (controls + start.count(b"\0")) * 100 > len(start):
        raise refuse("file_binary", value=start[:8].hex(" "), expected="CSV, JSON or Parquet")
