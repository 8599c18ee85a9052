"""Both languages say the same things, and say everything that pages and problems need."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from string import Formatter

import pytest

from app import texts
from app.domain.problems import CODES

APP = Path(__file__).resolve().parents[2] / "app"
HANGUL = re.compile(r"[ㄱ-ㆎ가-힣]")
# The trader's own word behind ours: kimchi premium (김프).
GLOSS = re.compile(r"\([^()]*[가-힣]+\)")
TWO_ENGLISH_WORDS = re.compile(r"\b[a-z]{3,} [a-z]{3,}\b")
# t("data.upload") and texts.text(lang, "data.upload"), whole or with a tail: t("data.state." ~ x)
NAMED = re.compile(r"""["']([a-z]+\.[a-z0-9_.]*)["'](\s*~)?""")
NAMED_IN_F_STRING = re.compile(r"""f["']([a-z]+\.[a-z0-9_.]*)\{""")


def placeholders(words: str) -> set[str]:
    return {name for _, name, _, _ in Formatter().parse(words) if name}


def sources() -> Iterator[str]:
    for path in sorted(APP.rglob("*")):
        if path.suffix in {".html", ".py"} and "texts" not in path.parts:
            yield path.read_text()


def test_both_languages_have_the_same_keys() -> None:
    assert texts.CATALOGUES["en"].keys() == texts.CATALOGUES["ko"].keys()


@pytest.mark.parametrize("key", texts.CATALOGUES["en"])
def test_a_text_asks_for_the_same_values_in_both(key: str) -> None:
    english, korean = texts.CATALOGUES["en"][key], texts.CATALOGUES["ko"][key]
    assert placeholders(english) == placeholders(korean)


@pytest.mark.parametrize("code", CODES)
def test_every_problem_is_told_in_both(code: str) -> None:
    english, korean = texts.PROBLEMS["en"][code], texts.PROBLEMS["ko"][code]
    for words, other in zip(english, korean, strict=True):
        assert words.strip()
        assert placeholders(words) == placeholders(other)
    assert not HANGUL.search("".join(english))
    assert HANGUL.search(korean[0])


def test_there_is_no_text_for_a_problem_that_does_not_exist() -> None:
    assert texts.PROBLEMS["en"].keys() == CODES.keys()
    assert texts.PROBLEMS["ko"].keys() == CODES.keys()


@pytest.mark.parametrize("key", texts.CATALOGUES["en"])
def test_no_text_is_left_in_the_other_language(key: str) -> None:
    english, korean = texts.CATALOGUES["en"][key], texts.CATALOGUES["ko"][key]
    assert not HANGUL.search(GLOSS.sub("", english))
    if not HANGUL.search(korean):
        assert korean == english, "Codes, units and names are equal in both"
        assert not TWO_ENGLISH_WORDS.search(korean), "a sentence nobody translated"


def test_every_text_that_is_named_exists() -> None:
    modules = {key.partition(".")[0] for key in texts.CATALOGUES["en"]}
    missing = set()
    for source in sources():
        for name, tail in NAMED.findall(source):
            if name.partition(".")[0] in modules and f'"{name}"' in source:
                known = any(key.startswith(name) for key in texts.CATALOGUES["en"])
                if tail and not known:
                    missing.add(name)
        for name in re.findall(r"""\bt\(\s*["']([a-z0-9_.]+)["']\s*[,)]""", source):
            if name not in texts.CATALOGUES["en"]:
                missing.add(name)
        for name in re.findall(r"""texts\.text\(\s*[\w.]+,\s*["']([a-z0-9_.]+)["']""", source):
            if name not in texts.CATALOGUES["en"]:
                missing.add(name)
    assert not missing


def test_every_text_is_used() -> None:
    whole: set[str] = set()
    prefixes: set[str] = set()
    for source in sources():
        for name, tail in NAMED.findall(source):
            (prefixes if tail else whole).add(name)
        prefixes.update(NAMED_IN_F_STRING.findall(source))
    unused = [
        key
        for key in texts.CATALOGUES["en"]
        if key not in whole and not key.startswith(tuple(prefixes))
    ]
    assert not unused


def test_one_and_many_have_their_own_form() -> None:
    assert texts.text("en", "data.gaps.count", n=1) == "one gap"
    assert texts.text("en", "data.gaps.count", n=3) == "3 gaps"
    assert texts.text("ko", "data.gaps.count", n=1) == "누락 1"


def test_a_value_that_nobody_gave_is_unknown() -> None:
    title, detail = texts.problem("en", "scope_missing", {})
    assert title
    assert "?" in detail
