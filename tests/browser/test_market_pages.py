"""The tape, Dashboard and Opportunities, with a market that stands and one that moves."""

from __future__ import annotations

import re
from itertools import pairwise

import pytest
from playwright.async_api import Page, expect

from app.domain.venues import Venue
from app.texts import formats
from tests.browser.checks import faults
from tests.browser.conftest import DESK, PHONE, Open
from tests.browser.service import Service
from tests.pages.live_rows import premium

VIEWS = [
    ("ko", "dark", DESK),
    ("en", "light", DESK),
    ("en", "dark", PHONE),
    ("ko", "light", PHONE),
]
PAGES = (
    "/",
    "/?home=bithumb&size=100000000&basis=kimchi&side=low",
    "/opportunities",
    "/opportunities?tab=quarantined",
    "/opportunities/r-1?tab=refused",
    "/opportunities/o-90?tab=closed",
)
ORDER = "() => [...document.querySelectorAll('#board tr')].map(row => row.id)"


@pytest.mark.parametrize("path", PAGES)
@pytest.mark.parametrize(("lang", "theme", "size"), VIEWS)
async def test_a_page_of_the_market_is_whole(
    open_page: Open,
    still_market: Service,
    path: str,
    lang: str,
    theme: str,
    size: dict[str, int],
) -> None:
    page = await open_page(path, at=still_market, lang=lang, theme=theme, size=size)
    await page.evaluate("() => document.fonts.ready")
    assert await page.locator("h1").count() == 1
    await expect(page.locator("#tape")).to_contain_text("1,387.20")
    assert await faults(page, lang) == {}


@pytest.mark.parametrize("path", ["/settings", "/guide", "/system", "/data", "/backtests"])
async def test_the_tape_is_on_every_page_and_demo_has_a_hatched_edge(
    open_page: Open, still_market: Service, path: str
) -> None:
    page = await open_page(path, at=still_market)
    await expect(page.locator("#tape")).to_contain_text("USD/KRW")
    await expect(page.locator("#tape .lamps .one")).to_have_count(9)
    assert await page.locator(".mast .mode").all_inner_texts() == ["DEMO", "PAPER"]
    edge = "() => getComputedStyle(document.querySelector('.tape'), '::before').width"
    assert await page.evaluate(edge) == "6px"
    await expect(page.locator("#facts")).to_contain_text("p50 400 µs · p99 1.7 ms")
    await expect(page.locator("#stream")).to_have_attribute("data-state", "live")


async def test_the_board_shows_the_figures_of_the_market(
    open_page: Open, still_market: Service
) -> None:
    page = await open_page("/", at=still_market)
    row = page.locator("#p-XRP")
    best = premium("XRP", Venue.BITGET)
    await expect(row).to_contain_text(formats.bps(best.usdlike_bps))
    await expect(row).to_contain_text(formats.bps(best.kimchi_bps))
    await expect(row.locator(".big")).to_have_text(formats.bps(best.realizable_bps))
    await expect(page.locator("#p-SNT")).to_contain_text("FENCED")
    assert (await page.evaluate(ORDER))[-1] == "p-SNT"


async def test_title_and_icon_follow_the_leader(open_page: Open, still_market: Service) -> None:
    page = await open_page("/opportunities", at=still_market, lang="ko")
    await expect(page).to_have_title(re.compile(r"^김프 \+1\.52 % · 테더 \+0\.41 % · 기회 · kimp$"))
    icon = await page.get_attribute("link[rel=icon]", "href")
    assert icon is not None
    assert icon.startswith("data:image/svg+xml")
    assert "fa7972" in icon, "red is up in Korean"


async def test_figures_move_and_rows_stay_the_same_elements(
    open_page: Open, moving_market: Service
) -> None:
    page = await open_page("/", at=moving_market)
    await page.evaluate("() => { document.getElementById('p-BTC').mark = 'kept'; }")
    first = await page.locator("#p-BTC td.big").inner_text()
    await expect(page.locator("#p-BTC td.big")).not_to_have_text(first)
    assert await page.evaluate("() => document.getElementById('p-BTC').mark") == "kept"
    tape = await page.locator("#tape").inner_text()
    await expect(page.locator("#tape")).not_to_have_text(tape)


async def test_what_has_changed_is_bright_for_a_moment_where_motion_is_wanted(
    open_page: Open, moving_market: Service
) -> None:
    page = await open_page("/", at=moving_market)
    bright = (
        "() => document.getAnimations().filter(a => a.effect.getTiming().duration === 700).length"
    )
    await page.wait_for_function("() => document.querySelector('#stream').dataset.state === 'live'")
    assert await page.evaluate(bright) == 0
    await page.emulate_media(reduced_motion="no-preference")
    await page.reload()
    await page.wait_for_function(bright)
    cell = "() => document.getAnimations().map(a => a.effect.target.className).join(' ')"
    assert {"n", "amt"} & set((await page.evaluate(cell)).split())


async def test_focus_survives_what_moves(open_page: Open, moving_market: Service) -> None:
    page = await open_page("/", at=moving_market)
    await page.locator("#p-SOL a").focus()
    before = await page.locator("#facts").inner_text()
    await expect(page.locator("#facts")).not_to_have_text(before)
    assert await page.evaluate("() => document.activeElement.textContent") == "SOL"


async def test_a_table_under_the_pointer_holds_still_and_catches_up(
    open_page: Open, moving_market: Service
) -> None:
    page = await open_page("/", at=moving_market)
    await expect(page.locator("#stream")).to_have_attribute("data-state", "live")
    await page.hover("#p-BTC th")
    held = await page.locator("#board").inner_text()
    facts = await page.locator("#facts").inner_text()
    await expect(page.locator("#facts")).not_to_have_text(facts)
    assert await page.locator("#board").inner_text() == held
    await page.hover(".mast .brand")
    await expect(page.locator("#board")).not_to_have_text(held)


async def test_a_frozen_page_stands_still(open_page: Open, moving_market: Service) -> None:
    page = await open_page("/", at=moving_market)
    await expect(page.locator("#stream")).to_have_attribute("data-state", "live")
    await page.keyboard.press(".")
    shown = await page.locator("#tape").inner_text()
    await page.wait_for_timeout(600)
    assert await page.locator("#tape").inner_text() == shown
    await page.keyboard.press(".")
    await expect(page.locator("#tape")).not_to_have_text(shown)


async def test_digits_choose_the_basis_and_brackets_the_range(
    open_page: Open, still_market: Service
) -> None:
    page = await open_page("/", at=still_market)
    for digit, word in (
        ("2", "usdlike"),
        ("3", "kimchi"),
        ("4", "break_even"),
        ("1", "realizable"),
    ):
        await page.keyboard.press(digit)
        await expect(page).to_have_url(re.compile(f"basis={word}"))
    pressed = page.locator("[data-hours][aria-pressed=true]")
    await expect(pressed).to_have_text("6 h")
    await page.keyboard.press("]")
    await expect(pressed).to_have_text("1 d")
    await page.keyboard.press("[")
    await expect(pressed).to_have_text("6 h")


async def test_one_key_hides_amounts_and_they_stay_hidden(
    open_page: Open, still_market: Service
) -> None:
    page = await open_page("/opportunities", at=still_market)
    shown = "() => getComputedStyle(document.querySelector('#opps .amt')).color"
    before = await page.evaluate(shown)
    await page.keyboard.press("h")
    assert await page.evaluate(shown) == "rgba(0, 0, 0, 0)" != before
    await page.reload()
    assert await page.evaluate(shown) == "rgba(0, 0, 0, 0)"
    await page.keyboard.press("h")
    assert await page.evaluate(shown) == before


async def test_a_row_opens_its_explanation_with_its_own_address(
    open_page: Open, still_market: Service
) -> None:
    page = await open_page("/opportunities", at=still_market)
    await expect(page.locator("#explain h1")).to_contain_text("SUI")
    await page.click("#r-o-3 td.big")
    await expect(page).to_have_url(re.compile(r"/opportunities/o-3$"))
    await expect(page.locator("#explain h1")).to_contain_text("HBAR")
    await expect(page.locator("#r-o-3")).to_have_attribute("aria-selected", "true")
    await page.go_back()
    await expect(page.locator("#explain h1")).to_contain_text("SUI")


async def test_e_explains_the_chosen_row_and_f_filters(
    open_page: Open, still_market: Service
) -> None:
    page = await open_page("/opportunities", at=still_market)
    for key in ("j", "j", "e"):
        await page.keyboard.press(key)
    await expect(page).to_have_url(re.compile(r"/opportunities/o-2"))
    await page.keyboard.press("f")
    assert await page.evaluate("() => document.activeElement.name") == "q"
    await page.keyboard.type("ㄷㅈㅋㅇ")
    await page.keyboard.press("Enter")
    await expect(page.locator("#opps tr")).to_have_count(1)
    await expect(page.locator("#opps")).to_contain_text("DOGE")


async def test_the_waterfall_on_screen_adds_up(open_page: Open, still_market: Service) -> None:
    page = await open_page("/opportunities/o-2", at=still_market)
    rows = await page.locator(".wf tbody tr").evaluate_all(_WATERFALL)
    bars = [(row["sum"], float(row["bps"].replace("\N{MINUS SIGN}", "-"))) for row in rows]
    parts = sum(bps for is_sum, bps in bars[1:] if not is_sum)
    assert bars[0][1] + parts == pytest.approx(bars[-1][1], abs=0.051 * len(bars))


_WATERFALL = """rows => rows.map(row => ({
  sum: row.classList.contains('sum'), bps: row.querySelector('td.n').textContent,
}))"""


async def test_a_refusal_names_value_limit_and_distance(
    open_page: Open, still_market: Service
) -> None:
    page = await open_page("/opportunities/r-1?tab=refused", at=still_market)
    shut = page.locator(".gates tr.fail")
    await expect(shut).to_have_count(1)
    for part in ("Book age, buy", "3.2 s", "≤ 1.5 s", "short by 1.7 s"):
        await expect(shut).to_contain_text(part)
    await expect(page.locator(".verdict")).to_contain_text("STALE_BOOK")


async def test_on_a_phone_the_explanation_comes_first(
    open_page: Open, still_market: Service
) -> None:
    page = await open_page("/opportunities/o-2", at=still_market, size=PHONE)
    top = "(it) => document.querySelector(it).getBoundingClientRect().top"
    assert await page.evaluate(top, "#explain") < await page.evaluate(top, ".list")


async def test_order_changes_at_most_once_in_two_seconds(
    open_page: Open, moving_market: Service
) -> None:
    page = await open_page("/", at=moving_market)
    changes = await _changes(page, 4_500)
    assert len(changes) <= 4
    assert all(later - earlier > 1_500 for earlier, later in pairwise(changes))


async def _changes(page: Page, ms: int) -> list[float]:
    """When the board's rows changed places, in ms since it was watched."""
    found: list[float] = await page.evaluate(
        """ms => new Promise(done => {
          const order = () => [...document.querySelectorAll('#board tr')].map(row => row.id).join();
          const started = performance.now(), changes = [];
          let before = order();
          const look = () => {
            const now = order();
            if (now !== before) changes.push(performance.now() - started);
            before = now;
            performance.now() - started < ms ? requestAnimationFrame(look) : done(changes);
          };
          look();
        })""",
        ms,
    )
    return found
