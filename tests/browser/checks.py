"""What every page must be, in every theme, language and width."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any
from weakref import WeakSet

from playwright.async_api import Page

AXE = (Path(__file__).parent / "vendor" / "axe-core-4.14.1.min.js").read_text()
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]
HANGUL = re.compile(r"[ㄱ-ㆎ가-힣]")

_AXE_RUN = """async rules => {
  const found = await axe.run(document, {runOnly: rules});
  return found.violations.map(rule => [rule.id, ...rule.nodes.map(node => node.html)]);
}"""
# A figure that does not fit is worse than none: no cell and no readout may hide a part of itself.
_CLIPPED = """() => [...document.querySelectorAll('td, tbody th, thead th, dd, .v1')]
  .filter(cell => cell.offsetParent && !cell.matches('.cut, .vh') && !cell.querySelector('.vh'))
  .filter(cell => getComputedStyle(cell).overflowX !== 'visible')
  .filter(cell => cell.scrollWidth > cell.clientWidth + 1)
  .map(cell => `${cell.textContent.trim()} (${cell.scrollWidth} > ${cell.clientWidth})`)
"""
_WORDS = """() => {
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  const words = [document.title];
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    if (!node.parentElement.closest('[lang]:not(html), script, template, [hx-ignore]')) {
      words.push(node.data);
    }
  }
  for (const name of ['aria-label', 'title', 'placeholder', 'alt']) {
    for (const each of document.querySelectorAll(`[${name}]`)) words.push(each.getAttribute(name));
  }
  return words.join('\\n');
}"""


# axe tries out inline styles, which the policy refuses: from then on the console tells of axe.
EXAMINED: WeakSet[Page] = WeakSet()


async def accessibility(page: Page) -> list[list[str]]:
    """Rules of WCAG 2.2 A and AA that the page breaks, with the elements. The page is spent."""
    EXAMINED.add(page)
    await page.evaluate(AXE)
    found: list[list[str]] = await page.evaluate(_AXE_RUN, RULES)
    return found


async def clipped(page: Page) -> list[str]:
    """Cells that do not show all of their text."""
    found: list[str] = await page.evaluate(_CLIPPED)
    return found


async def too_wide(page: Page) -> bool:
    """Whether the page scrolls sideways; a wide table scrolls inside itself instead."""
    widths: list[int] = await page.evaluate(
        "() => [document.documentElement.scrollWidth, document.documentElement.clientWidth]"
    )
    return widths[0] > widths[1]


async def words(page: Page) -> str:
    """All that a person or a screen reader may read, but for names in their own language."""
    found: str = await page.evaluate(_WORDS)
    return found


async def faults(page: Page, lang: str) -> dict[str, Any]:
    """Everything that is wrong with a page; empty when nothing is."""
    said = await words(page)
    found: dict[str, Any] = {
        "clipped": await clipped(page),
        "too wide": await too_wide(page),
        "Hangul in English": HANGUL.findall(said) if lang == "en" else [],
        "no Hangul in Korean": lang == "ko" and not HANGUL.search(said),
        "unknown values": re.findall(r"undefined|NaN|None\b|\[object", said),
        "accessibility": await accessibility(page),
    }
    return {name: what for name, what in found.items() if what}
