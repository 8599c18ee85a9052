"""TEXTS: every word that a person reads, Korean and English, and how figures are written."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from app.texts import en, ko

Language = Literal["en", "ko"]

LANGUAGES: dict[Language, str] = {"ko": "한국어", "en": "English"}
CATALOGUES: dict[Language, Mapping[str, str]] = {"en": en.CATALOGUE, "ko": ko.CATALOGUE}
PROBLEMS: dict[Language, Mapping[str, tuple[str, str]]] = {"en": en.PROBLEMS, "ko": ko.PROBLEMS}


class _Values(dict[str, object]):
    """A value that a text asks for and nobody gave is shown as unknown, never as a failure."""

    def __missing__(self, key: str) -> str:
        return "?"


def text(lang: Language, key: str, **values: object) -> str:
    """The text of `<catalogue>.<name>` with its {placeholders} filled.

    A text may hold two forms, `one file | {n} files`: the first is for n = 1. An unknown key is
    our bug and raises KeyError.
    """
    words = CATALOGUES[lang][key]
    if " | " in words:
        one, many = words.split(" | ", 1)
        words = one if values.get("n") == 1 else many
    return words.format_map(_Values(values)) if "{" in words else words


def has(key: str) -> bool:
    """Whether `key` exists; for words that come from a file or another program."""
    return key in CATALOGUES["en"]


def problem(lang: Language, code: str, values: Mapping[str, object]) -> tuple[str, str]:
    """(title, detail) of a problem code with its values filled."""
    title, detail = PROBLEMS[lang][code]
    known = _Values(values)
    return title.format_map(known), detail.format_map(known)
