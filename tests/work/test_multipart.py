"""The upload form, read in pieces of any size."""

from __future__ import annotations

import tracemalloc

import pytest

from app.domain.problems import Problem
from app.runtime.work.limits import FIELD_BYTES_MAX, PARTS_MAX
from app.runtime.work.multipart import UploadForm
from tests.work.history_files import form

KNOWN = frozenset({"venue", "tz"})


class Reader:
    """Feeds a form and keeps what came out."""

    def __init__(self, content_type: str) -> None:
        self.file = bytearray()
        self.form = UploadForm(content_type, KNOWN, self.file.extend)

    def feed(self, body: bytes, size: int = 1 << 16) -> Reader:
        for start in range(0, len(body), size):
            self.form.feed(body[start : start + size])
        return self


def read(*parts: tuple[str, str | None, bytes], size: int = 1 << 16) -> Reader:
    body, content_type = form(parts)
    return Reader(content_type).feed(body, size)


@pytest.mark.parametrize("size", [1, 2, 7, 64, 1 << 20])
def test_pieces_may_be_cut_anywhere(size: int) -> None:
    content = b"a,b\r\n--limi\r\n1,2\r\n--\r\n\r\n"
    reader = read(("venue", None, b"upbit"), ("file", "a.csv", content), size=size)
    assert reader.form.finish() == "a.csv"
    assert bytes(reader.file) == content
    assert reader.form.fields == {"venue": "upbit"}


def test_fields_may_stand_on_both_sides_of_the_file() -> None:
    reader = read(("venue", None, b"upbit"), ("file", "a.csv", b"1"), ("tz", None, b"Asia/Seoul"))
    reader.form.finish()
    assert reader.form.fields == {"venue": "upbit", "tz": "Asia/Seoul"}


@pytest.mark.parametrize(
    ("sent", "shown"),
    [
        ("김프.csv", "김프.csv"),
        ("C:\\\\data\\\\a.csv", "a.csv"),
        ("../../etc/passwd", "passwd"),
        ("a\x01b.csv", "ab.csv"),
        ("x" * 400, "x" * 255),
    ],
)
def test_file_names_are_only_shown_never_followed(sent: str, shown: str) -> None:
    assert read(("file", sent, b"1")).form.finish() == shown


def test_a_file_part_without_a_name_is_a_file_all_the_same() -> None:
    """As `curl -F file=<a.csv` sends it."""
    reader = read(("file", None, b"1,2"))
    assert (reader.form.finish(), bytes(reader.file)) == ("file", b"1,2")


def test_a_browser_that_sends_no_choice_has_sent_no_file() -> None:
    with pytest.raises(Problem, match="file_missing"):
        read(("venue", None, b"upbit"), ("file", "", b"")).form.finish()
    with pytest.raises(Problem, match="file_missing"):
        read(("venue", None, b"upbit")).form.finish()


@pytest.mark.parametrize(
    ("parts", "column", "expected"),
    [
        ([("color", None, b"red")], "color", "file | tz | venue"),
        ([("venue", None, b"a"), ("venue", None, b"b")], "venue", "given once"),
        ([("file", "a", b"1"), ("file", "b", b"2")], "file", "one file"),
        ([("venue", None, b"x" * (FIELD_BYTES_MAX + 1))], "venue", "<= 4096 bytes"),
        ([("venue", None, b"\xff")], "venue", "UTF-8"),
    ],
)
def test_what_the_form_does_not_know_is_named(
    parts: list[tuple[str, str | None, bytes]], column: str, expected: str
) -> None:
    with pytest.raises(Problem) as refused:
        read(*parts)
    assert refused.value.code == "invalid_fields"
    assert [(e.column, e.expected) for e in refused.value.errors] == [(column, expected)]


@pytest.mark.parametrize(
    "content_type",
    [
        "multipart/form-data",
        "multipart/form-data; boundary=",
        f"multipart/form-data; boundary={'x' * 300}",
    ],
)
def test_without_a_usable_boundary_nothing_can_be_read(content_type: str) -> None:
    with pytest.raises(Problem, match="multipart_malformed"):
        UploadForm(content_type, KNOWN, bytearray().extend)


@pytest.mark.parametrize("content_type", ["", "application/json", "text/csv"])
def test_other_media_types_are_not_taken(content_type: str) -> None:
    with pytest.raises(Problem, match="unsupported_media_type"):
        UploadForm(content_type, KNOWN, bytearray().extend)


@pytest.mark.parametrize(
    "body",
    [
        b"not a form at all",
        b"--limit\r\nno colon\r\n\r\n1\r\n--limit--\r\n",
        b"--limit\r\n\r\n1\r\n--limit--\r\n",
        b"--limit\r\ncontent-disposition: form-data\r\n\r\n1\r\n--limit--\r\n",
        b'--limit\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n1',
        b'--limit\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n1\r\n--limit',
    ],
)
def test_broken_forms_are_called_malformed(body: bytes) -> None:
    reader = Reader("multipart/form-data; boundary=limit")
    with pytest.raises(Problem, match="multipart_malformed"):
        reader.feed(body).form.finish()


def test_multipart_dos_of_many_parts_ends_early() -> None:
    names = [f"tz{number}" for number in range(PARTS_MAX + 1)]
    body, content_type = form([(name, None, b"") for name in names])
    upload = UploadForm(content_type, frozenset(names), bytearray().extend)
    with pytest.raises(Problem, match="multipart_malformed"):
        upload.feed(body)


@pytest.mark.parametrize(
    "body",
    [
        b"--limit\r\n" + b"x-h: 1\r\n" * 100_000,
        b"--limit\r\ncontent-disposition: " + b"x" * 1_000_000,
        b"\r\n" * 500_000,
        b"-" * 1_000_000,
    ],
)
def test_multipart_dos_of_headers_and_line_ends_costs_little(body: bytes) -> None:
    """CVE-2024-47874 and CVE-2026-42561: memory stays flat."""
    reader = Reader("multipart/form-data; boundary=limit")
    tracemalloc.start()
    with pytest.raises(Problem, match="multipart_malformed"):
        reader.feed(body).form.finish()
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak < 2_000_000


def test_the_file_passes_through_without_being_kept() -> None:
    passed = 0

    def count(piece: bytes) -> None:
        nonlocal passed
        passed += len(piece)

    line = b"1517443200000,10285.1,10299.0,10270.0,10279.9,12.4421\r\n" * 1_000
    upload = UploadForm("multipart/form-data; boundary=limit", KNOWN, count)
    upload.feed(b'--limit\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n')
    tracemalloc.start()
    for _ in range(300):
        upload.feed(line)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert passed > 299 * len(line)
    assert peak < 4 * len(line)
