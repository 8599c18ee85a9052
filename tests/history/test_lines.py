"""Text: chunks of whole lines, whatever the blocks, the line ends and the encoding."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.problems import Problem
from app.history import lines
from app.history.limits import LINE_BYTES_MAX
from app.history.lines import Chunk, Undecodable
from tests.history.builders import UNHURRIED, place


def blocks_of(content: bytes, size: int) -> list[bytes]:
    return [content[at : at + size] for at in range(0, len(content), size)]


def text_of(chunks: list[Chunk]) -> bytes:
    return b"".join(chunk.text for chunk in chunks)


TEXTS = st.lists(
    st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\r\n\0"), max_size=12),
    min_size=1,
    max_size=30,
)


@UNHURRIED
@given(TEXTS, st.sampled_from(["\n", "\r\n", "\r"]), st.integers(1, 40), st.integers(1, 60))
def test_the_cut_into_blocks_and_chunks_changes_nothing(
    texts: list[str], end: str, block: int, chunk: int
) -> None:
    content = end.join([*texts, ""]).encode()
    wanted = "\n".join([*texts, ""]).removeprefix("\ufeff").encode()
    found = list(lines.chunks(blocks_of(content, block), "utf-8", chunk_bytes=chunk))
    assert text_of(found) == wanted
    line = 1
    for each in found:
        assert each.first_line == line
        assert each.text.endswith(b"\n")
        line += each.text.count(b"\n")


@UNHURRIED
@given(st.integers(1, 9))
def test_mixed_line_ends_that_fall_between_blocks(block: int) -> None:
    content = b"a\r\nb\rc\n\r\nd\r"
    found = list(lines.chunks(blocks_of(content, block), "utf-8", chunk_bytes=2))
    assert text_of(found) == b"a\nb\nc\n\nd\n"


@pytest.mark.parametrize("block", [1, 2, 3, 100])
def test_the_byte_order_mark_goes_wherever_blocks_end(block: int) -> None:
    content = b"\xef\xbb\xbfa\n\xef\xbb\xbfb"
    found = list(lines.chunks(blocks_of(content, block), "utf-8"))
    assert text_of(found) == b"a\n\xef\xbb\xbfb\n"


def test_a_last_line_without_an_end_gets_one() -> None:
    assert text_of(list(lines.chunks([b"a\nb"], "utf-8"))) == b"a\nb\n"
    assert list(lines.chunks([], "utf-8")) == []
    assert text_of(list(lines.chunks([b"a"], "utf-8"))) == b"a\n"


def test_cp949_comes_out_as_utf8() -> None:
    content = "종목,값\n비트코인,1\n".encode("cp949")
    found = list(lines.chunks(blocks_of(content, 3), "cp949", chunk_bytes=5))
    assert text_of(found).decode() == "종목,값\n비트코인,1\n"


def test_what_is_not_the_encoding_names_its_line() -> None:
    content = b"a\nb\n" + b"c\n" * 50 + b"x\xffy\n"
    with pytest.raises(Undecodable) as caught:
        list(lines.chunks(blocks_of(content, 7), "utf-8", chunk_bytes=10))
    assert (caught.value.line, caught.value.value) == (53, "ff")


def test_a_nul_names_its_line_and_shows_it() -> None:
    with pytest.raises(Problem) as caught:
        list(lines.chunks([b"a\nb\nc\0d\ne\n"], "utf-8", chunk_bytes=4))
    assert (caught.value.code, place(caught.value).row) == ("file_has_nul", 3)
    assert place(caught.value).value == "c\\0d"


def test_a_line_without_end_is_not_collected_for_ever() -> None:
    def endless() -> list[bytes]:
        return [b"a\nb\n", *([b"9" * 100_000] * 20)]

    taken = []

    def counted() -> object:
        for block in endless():
            taken.append(block)
            yield block

    with pytest.raises(Problem) as caught:
        list(lines.chunks(counted(), "utf-8", chunk_bytes=1_000))  # type: ignore[arg-type]
    assert (caught.value.code, place(caught.value).row) == ("field_too_long", 3)
    assert sum(map(len, taken)) < LINE_BYTES_MAX + 200_000


def test_the_head_is_only_the_head() -> None:
    taken = []

    def counted() -> object:
        for at in range(10_000):
            taken.append(at)
            yield b"some,line,of,text\n" * 1_000

    head = lines.head(counted(), "utf-8")  # type: ignore[arg-type]
    assert head.first_line == 1
    assert len(taken) < 20


@pytest.mark.parametrize(
    ("content", "code"),
    [
        (b"\xff\xfea\0b\0", "file_undecodable"),
        (b"\x1a\x45\xdf\xa3" + bytes(range(32)) * 9, "file_binary"),
        (b"SQLite format 3\0", "file_binary"),
        (b"", "file_empty"),
    ],
)
def test_what_is_no_text_at_all(content: bytes, code: str) -> None:
    with pytest.raises(Problem) as caught:
        lines.head([content] if content else [], "utf-8")
    assert caught.value.code == code
