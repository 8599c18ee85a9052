"""Templates: nothing inline that the policy would refuse, forms protected, words from texts."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from app.routers.render import ENVIRONMENT, PAGES, TABS, TEMPLATES

NAMES = sorted(path.name for path in TEMPLATES.glob("*.html"))
HANGUL = re.compile(r"[가-힣]")
# A word of two letters or more between tags or in a spoken attribute, outside of Jinja.
UNTRANSLATED = re.compile(r">\s*([A-Za-z][a-z]{2,}(?: [a-z]+)*)\s*<")


def source(name: str) -> str:
    return (TEMPLATES / name).read_text()


@pytest.mark.parametrize("name", NAMES)
def test_nothing_is_inline(name: str) -> None:
    text = source(name)
    assert not re.search(r"\sstyle\s*=", text)
    assert not re.search(r"<style|<script(?![^>]*\ssrc=)", text)
    assert not re.search(r"""\son[a-z]+\s*=\s*["']""", text)
    assert not re.search(r"hx-on|javascript:|\bjs:", text)
    assert not re.search(r"""hx-trigger="[^"]*\[""", text), "a trigger filter is evaluated code"


@pytest.mark.parametrize("name", NAMES)
def test_every_form_that_changes_something_carries_its_token(name: str) -> None:
    for form in re.findall(r"<form[^>]*method=\"post\".*?</form>", source(name), re.DOTALL):
        assert "csrf_field()" in form, form[:120]


@pytest.mark.parametrize("name", NAMES)
def test_words_come_from_the_catalogues(name: str) -> None:
    text = re.sub(r"\{#.*?#\}", "", source(name), flags=re.DOTALL)
    assert not HANGUL.search(text)
    text = re.sub(r"\{% block main_class %\}.*?\{% endblock %\}", "", text)
    plain = re.sub(r"\{[{%].*?[%}]\}", "", text, flags=re.DOTALL)
    assert set(UNTRANSLATED.findall(plain)) <= {"kimp", "bps", "Enter", "Esc"}


@pytest.mark.parametrize("name", NAMES)
def test_every_template_compiles(name: str) -> None:
    assert ENVIRONMENT.get_template(name)


def test_a_table_has_a_caption_and_its_heads_a_scope() -> None:
    for name in NAMES:
        text = source(name)
        assert text.count("<table") == text.count("<caption"), name
        for head in re.findall(r"<th\b[^>]*>", text):
            assert "scope=" in head, f"{name}: {head}"


def test_letters_open_one_page_each_and_tabs_are_pages() -> None:
    letters = [page.letter for page in PAGES.values()]
    assert len(letters) == len(set(letters))
    assert set(TABS) <= PAGES.keys()
    assert not set(letters) & {"g", "j", "t"}


def test_scripts_hold_no_words() -> None:
    for path in Path(TEMPLATES).parents[1].joinpath("static").glob("*.js"):
        code = re.sub(r"/\*.*?\*/|//[^\n]*", "", path.read_text(), flags=re.DOTALL)
        assert not re.search(f"{HANGUL.pattern}{{2}}", code), path.name
