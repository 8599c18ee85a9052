"""A form with one file in it, read while it arrives: the file's bytes are never held."""

from __future__ import annotations

from collections.abc import Callable

from python_multipart.exceptions import FormParserError, MultipartParseError
from python_multipart.multipart import MultipartParser, parse_options_header

from app.domain.problems import FieldError, Problem
from app.runtime.work.limits import FIELD_BYTES_MAX, PARTS_MAX

FILE_FIELD = "file"
FILE_NAME_LENGTH_MAX = 255


class UploadForm:
    """Feed it the body. Fields may stand before and after the file.

    on_bytes: called with each piece of the file. `file_name` is set before the first piece; an
    empty one is a browser's way to say that nobody chose a file. `fields` holds what else was
    sent, of `known` names only, each once.
    """

    def __init__(
        self,
        content_type: str,
        known: frozenset[str],
        on_bytes: Callable[[bytes], None],
    ) -> None:
        kind, options = parse_options_header(content_type)
        if kind != b"multipart/form-data":
            raise Problem("unsupported_media_type", values={"expected": "multipart/form-data"})
        boundary = options.get(b"boundary", b"")
        if not boundary:
            raise _malformed("boundary missing")
        self.fields: dict[str, str] = {}
        self.file_name: str | None = None
        self._known = known
        self._on_bytes = on_bytes
        self._parts = 0
        self._part_name: str | None = None
        self._header_name = bytearray()
        self._header_value = bytearray()
        self._disposition = b""
        self._value = bytearray()
        self._ended = False
        try:
            self._parser = MultipartParser(
                boundary,
                {
                    "on_part_begin": self._begin_part,
                    "on_header_field": self._read_header_name,
                    "on_header_value": self._read_header_value,
                    "on_header_end": self._end_header,
                    "on_headers_finished": self._begin_content,
                    "on_part_data": self._read_content,
                    "on_part_end": self._end_part,
                    "on_end": self._end,
                },
            )
        except FormParserError as reason:
            raise _malformed(str(reason)) from reason

    def feed(self, chunk: bytes) -> None:
        """Raises Problem as soon as the form cannot become one that we take."""
        try:
            self._parser.write(chunk)
        except MultipartParseError as reason:
            raise _malformed(str(reason)) from reason

    def finish(self) -> str:
        """The body has ended; the file's name."""
        if not self._ended:
            raise _malformed("the body ends before its last boundary")
        if not self.file_name:
            raise Problem(
                "file_missing", errors=(FieldError(column=FILE_FIELD, expected="a file"),)
            )
        return self.file_name

    def _begin_part(self) -> None:
        self._parts += 1
        if self._parts > PARTS_MAX:
            raise _malformed(f"more than {PARTS_MAX} parts")
        self._disposition = b""
        self._value.clear()

    def _read_header_name(self, data: bytes, start: int, end: int) -> None:
        self._header_name += data[start:end]

    def _read_header_value(self, data: bytes, start: int, end: int) -> None:
        self._header_value += data[start:end]

    def _end_header(self) -> None:
        if self._header_name.lower() == b"content-disposition":
            self._disposition = bytes(self._header_value)
        self._header_name.clear()
        self._header_value.clear()

    def _begin_content(self) -> None:
        kind, options = parse_options_header(self._disposition)
        if kind != b"form-data" or b"name" not in options:
            raise _malformed("a part without a name")
        self._part_name = name = _decoded("name", options[b"name"])
        if name == FILE_FIELD:
            if self.file_name is not None:
                raise _wrong(name, None, "one file")
            self.file_name = _shown(_decoded(name, options.get(b"filename", b"file")))
        elif name not in self._known:
            raise _wrong(name, None, " | ".join(sorted({FILE_FIELD, *self._known})))
        elif name in self.fields:
            raise _wrong(name, None, "given once")

    def _read_content(self, data: bytes, start: int, end: int) -> None:
        if self._part_name == FILE_FIELD and self.file_name:
            self._on_bytes(data if end - start == len(data) else data[start:end])
        else:
            self._value += data[start:end]
            if len(self._value) > FIELD_BYTES_MAX:
                raise _wrong(self._part_name, None, f"<= {FIELD_BYTES_MAX} bytes")

    def _end_part(self) -> None:
        if self._part_name is not None and self._part_name != FILE_FIELD:
            self.fields[self._part_name] = _decoded(self._part_name, bytes(self._value))

    def _end(self) -> None:
        self._ended = True


def _decoded(name: str, value: bytes) -> str:
    try:
        return value.decode()
    except UnicodeDecodeError:
        raise _wrong(name, repr(value), "UTF-8") from None


def _shown(name: str) -> str:
    """A file's name without folders and control characters: it is only ever shown."""
    last = name.replace("\\", "/").rsplit("/", 1)[-1]
    return "".join(c for c in last if c.isprintable())[:FILE_NAME_LENGTH_MAX]


def _malformed(reason: str) -> Problem:
    return Problem("multipart_malformed", values={"reason": reason})


def _wrong(name: str | None, value: str | None, expected: str) -> Problem:
    shown = None if value is None else value[:200]
    return Problem(
        "invalid_fields", errors=(FieldError(column=name, value=shown, expected=expected),)
    )
