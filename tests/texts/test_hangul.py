"""Korean names are found by a part of them and by their first consonants."""

from __future__ import annotations

import pytest

from app.texts.hangul import found, initials


def test_a_syllable_gives_its_first_consonant_and_all_else_stays() -> None:
    assert initials("도지코인 DOGE 1") == "ㄷㅈㅋㅇ DOGE 1"
    assert initials("힣가") == "ㅎㄱ"


@pytest.mark.parametrize(
    ("sought", "is_found"),
    [("도지", True), ("ㄷㅈ", True), ("ㅈㅋ", True), ("코 인", True), ("ㄷㅋ", False), ("", True)],
)
def test_a_name_is_found(sought: str, is_found: bool) -> None:
    assert found("도지코인", sought) is is_found


def test_case_does_not_count() -> None:
    assert found("NET_BELOW_MIN", "below")
