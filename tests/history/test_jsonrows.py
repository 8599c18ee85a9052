"""JSON arrays: rows one by one, with the line on which each begins."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.domain.problems import Problem
from app.history import jsonrows, lines
from tests.history.builders import UNHURRIED, place

OBJECTS = st.lists(
    st.dictionaries(
        st.text('abcé한"\\[]{},: ', max_size=5),
        st.one_of(st.none(), st.booleans(), st.text(max_size=6), st.integers(), st.just([1, {}])),
        max_size=4,
    ),
    min_size=1,
    max_size=8,
)


def read(content: bytes, chunk_bytes: int = 1_000_000) -> list[tuple[int, Any]]:
    return list(jsonrows.items(lines.chunks([content], "utf-8", chunk_bytes=chunk_bytes)))


@UNHURRIED
@given(OBJECTS, st.sampled_from([None, 0, 2]), st.integers(1, 50))
def test_items_are_those_of_the_json_module(
    objects: list[dict[str, Any]], indent: int | None, chunk_bytes: int
) -> None:
    content = json.dumps(objects, indent=indent, ensure_ascii=False).encode()
    found = [item for _, item in read(content, chunk_bytes)]
    wanted = json.loads(content, parse_int=str, parse_float=str)
    assert found == wanted


def test_each_row_knows_the_line_it_begins_on() -> None:
    content = b'\n[\n  {"a": 1,\n   "b": 2},\n\n  {"a": 3}, {"a": 4},\n  {"a":\n 5}\n]\n\n'
    assert [line for line, _ in read(content, 7)] == [3, 6, 6, 7]


def test_numbers_stay_as_written() -> None:
    (item,) = (
        item for _, item in read(b'[{"a": 1.50, "b": 1e-8, "c": NaN, "d": 007e0}]'[:32] + b"}]")
    )
    assert item == {"a": "1.50", "b": "1e-8", "c": "NaN"}


def test_fields_follow_the_first_row_s_names() -> None:
    found = [(1, {"a": "1", "b": None, "z": True}), (2, {"b": {"c": []}}), (3, ["4", "5", "6"])]
    assert list(jsonrows.rows(found, ("b", "a"))) == [
        (1, ["", "1"]),
        (2, ['{"c": []}', ""]),
        (3, ["4", "5", "6"]),
    ]


@pytest.mark.parametrize(
    ("content", "row"),
    [
        (b"[", 2),  # what is missing is missing after the last line
        (b'[{"a": 1}', 1),
        (b'[{"a": 1},', 2),
        (b'[{"a": 1} {"a": 2}]', 1),
        (b'[{"a": 1},\n{"a": 2,}]', 2),
        (b'[{"a": 1},\n{"a": 2}]]', 2),
        (b'[]\n{"a": 1}', 2),
        (b'{"a": 1}', 1),
    ],
)
def test_broken_arrays(content: bytes, row: int) -> None:
    with pytest.raises(Problem) as caught:
        read(content)
    assert (caught.value.code, place(caught.value).row) == ("json_broken", row)


def test_a_row_that_never_ends_is_given_up() -> None:
    content = b'[{"a": "' + b"x" * 2_000_000
    with pytest.raises(Problem) as caught:
        read(content, 100_000)
    assert caught.value.code in ("json_broken", "field_too_long")


def test_half_a_surrogate_pair_is_no_text() -> None:
    for item in ({"a": "\ud800"}, ["\udfff"]):
        with pytest.raises(Problem) as caught:
            list(jsonrows.rows([(3, item)], ("a",)))
        assert (caught.value.code, place(caught.value).row) == ("json_broken", 3)
    with pytest.raises(Problem):
        jsonrows.names_of({"\ud800": 1}, 1)


def test_a_row_that_is_no_row() -> None:
    with pytest.raises(Problem):
        list(jsonrows.rows([(4, "text")], ("a",)))
    with pytest.raises(Problem):
        jsonrows.names_of(7, 1)
    assert jsonrows.names_of([1, 2], 1) is None
    assert jsonrows.names_of({"b": 1, "a": 2}, 1) == ("b", "a")
