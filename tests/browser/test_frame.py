"""The frame: go to, keys, theme, language, freeze, a stream that is lost."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.async_api import Browser, BrowserContext, expect

from tests.browser.conftest import PHONE, Open, sign_in
from tests.browser.service import free_port, running


async def test_go_to_finds_pages_by_the_first_consonants_of_their_names(open_page: Open) -> None:
    page = await open_page("/", lang="ko")
    await page.keyboard.press("/")
    await page.fill("#goto-word", "ㄷㅇㅌ")
    await expect(page.locator("#goto-list li:visible")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/data$"))


async def test_go_to_finds_by_a_part_of_the_name_and_says_when_nothing_is_called_so(
    open_page: Open,
) -> None:
    page = await open_page("/")
    await page.keyboard.press("/")
    await page.fill("#goto-word", "zzz")
    await expect(page.locator("#goto-none")).to_be_visible()
    await page.fill("#goto-word", "sett")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/settings$"))


async def test_an_id_leads_to_its_thing(open_page: Open, sample: None) -> None:
    page = await open_page("/")
    await page.keyboard.press("/")
    await page.fill("#goto-word", "d-1")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(r"/data/d-1$"))


async def test_arrows_choose_and_escape_closes(open_page: Open) -> None:
    page = await open_page("/")
    await page.keyboard.press("/")
    await page.keyboard.press("ArrowDown")
    await expect(page.locator("#goto-opportunities")).to_have_attribute("aria-selected", "true")
    await page.keyboard.press("Escape")
    await expect(page.locator("#goto")).to_be_hidden()


async def test_g_and_a_letter_open_a_page(open_page: Open) -> None:
    page = await open_page("/")
    for letter, path in (
        ("s", "/settings"),
        ("y", "/system"),
        ("o", "/opportunities"),
        ("u", "/data"),
        ("d", "/"),
    ):
        await page.keyboard.press("g")
        await page.keyboard.press(letter)
        await expect(page).to_have_url(re.compile(f"{path}$"))


async def test_letters_typed_into_a_field_are_only_letters(open_page: Open) -> None:
    page = await open_page("/data")
    await page.fill("[name=base]", "")
    await page.locator("[name=base]").press_sequentially("gst?")
    assert await page.input_value("[name=base]") == "gst?"
    assert page.url.endswith("/data")


async def test_j_and_k_walk_the_rows_and_enter_opens(open_page: Open, sample: None) -> None:
    page = await open_page("/data")
    first = await page.locator("table.dst tbody tr td a").first.inner_text()
    await page.keyboard.press("j")
    await page.keyboard.press("j")
    await page.keyboard.press("k")
    await page.keyboard.press("Enter")
    await expect(page).to_have_url(re.compile(f"/data/{first}$"))


async def test_the_theme_is_one_key_away_and_stays(open_page: Open) -> None:
    page = await open_page("/")
    dark = await page.evaluate("() => getComputedStyle(document.body).backgroundColor")
    await page.keyboard.press("t")
    assert await page.get_attribute("html", "data-theme") == "light"
    assert await page.evaluate("() => getComputedStyle(document.body).backgroundColor") != dark
    await page.reload()
    assert await page.get_attribute("html", "data-theme") == "light"


async def test_the_language_switch_keeps_the_place(open_page: Open) -> None:
    page = await open_page("/data?kind=fx")
    await page.click(".foot [data-switch=lang]")
    await expect(page.locator("html")).to_have_attribute("lang", "ko")
    assert "kind=fx" in page.url
    await page.goto("/")
    await expect(page.locator("html")).to_have_attribute("lang", "ko")


async def test_red_is_up_in_korean_and_down_in_english(open_page: Open) -> None:
    colours = {}
    for lang in ("ko", "en"):
        page = await open_page("/", lang=lang)
        colours[lang] = await page.evaluate(
            "() => getComputedStyle(document.documentElement).getPropertyValue('--up')"
        )
        assert await page.get_attribute("html", "data-updown") == {"ko": "kr", "en": "intl"}[lang]
    assert colours["ko"] != colours["en"]


async def test_the_list_of_keys_names_every_page(open_page: Open) -> None:
    page = await open_page("/")
    await page.keyboard.press("?")
    listed = await page.locator("#keys dd").all_inner_texts()
    named = await page.locator(".nav a").all_inner_texts()
    assert set(named) <= set(listed)


async def test_the_badges_tell_which_world_this_is(open_page: Open) -> None:
    page = await open_page("/")
    assert await page.locator(".mast .mode").all_inner_texts() == ["NO FEEDS", "PAPER"]


async def test_a_phone_reaches_every_page_by_its_tabs_and_more(open_page: Open) -> None:
    page = await open_page("/", size=PHONE)
    await expect(page.locator(".nav")).to_be_hidden()
    await page.click(".tabbar a[href='/cycles']")
    await expect(page).to_have_url(re.compile(r"/cycles$"))
    await page.click(".tabbar button")
    await page.click("#more a[href='/system']")
    await expect(page).to_have_url(re.compile(r"/system$"))


async def test_the_skip_link_is_first_and_leads_to_the_content(open_page: Open) -> None:
    page = await open_page("/system")
    await page.keyboard.press("Tab")
    assert await page.evaluate("() => document.activeElement.className") == "skip"
    await page.keyboard.press("Enter")
    assert page.url.endswith("#main")


async def test_a_frozen_page_says_so_and_comes_back(open_page: Open) -> None:
    page = await open_page("/")
    await expect(page.locator("#stream")).to_have_attribute("data-state", "live")
    await page.keyboard.press(".")
    await expect(page.locator("#stream")).to_have_attribute("data-state", "frozen")
    await page.keyboard.press(".")
    await expect(page.locator("#stream")).to_have_attribute("data-state", "live")


async def test_a_lost_stream_is_told_with_the_time_of_what_is_shown_and_mends_itself(
    browser: Browser, contexts: list[BrowserContext], tmp_path: Path
) -> None:
    port = free_port()
    with running(tmp_path, port) as service:
        context = await browser.new_context(locale="en-US", base_url=service.url)
        contexts.append(context)
        page = await context.new_page()
        await sign_in(page)
        await expect(page.locator("#stream")).to_have_attribute("data-state", "live")
    await expect(page.locator("#lost")).to_contain_text("No updates for", timeout=20_000)
    await expect(page.locator("#stream")).to_have_attribute("data-state", "lost")
    with running(tmp_path, port):
        await expect(page.locator("#stream")).to_have_attribute(
            "data-state", "live", timeout=20_000
        )
        await expect(page.locator("#lost")).to_have_count(0)
