"""Data: files go in, what became of them is told, figures are the API's."""

from __future__ import annotations

import gzip
import re
from pathlib import Path

import pytest
from playwright.async_api import Page, expect

from tests.browser.conftest import PHONE, Open
from tests.browser.sampled import backtest_on_sample
from tests.browser.service import Service

HEADER = "time,open,high,low,close,volume"
DROP = """async ([name, text]) => {
  const files = new DataTransfer();
  files.items.add(new File([text], name, {type: 'text/csv'}));
  for (const kind of ['dragenter', 'dragover', 'drop']) {
    const event = new DragEvent(kind, {dataTransfer: files, bubbles: true, cancelable: true});
    document.getElementById('drop').dispatchEvent(event);
  }
}"""


def candles(rows: int, *, start: str = "2025-03", skip: tuple[int, ...] = ()) -> str:
    """Minutes of one hour of one day each; `skip` are left out."""
    lines = [
        f"{start}-01T{minute // 60:02d}:{minute % 60:02d}:00Z,100,110,90,105,{minute}"
        for minute in range(rows)
        if minute not in skip
    ]
    return "\n".join([HEADER, *lines, ""])


def written(folder: Path, name: str, text: str) -> Path:
    path = folder / name
    path.write_text(text)
    return path


async def row_of(page: Page, name: str, state: str) -> str:
    """What the queue says about a file once it is in that state."""
    row = page.locator(f"#queue li[data-name='{name}'][data-state='{state}']").first
    await expect(row).to_be_visible()
    return await row.inner_text()


async def dataset_from(page: Page, name: str) -> str:
    link = page.locator(f"#queue li[data-name='{name}'] small a[href^='/data/d-']").first
    return await link.inner_text()


async def test_files_are_taken_in_one_after_another_and_show_the_api_s_figures(
    open_page: Open, service: Service, tmp_path: Path
) -> None:
    plain = written(tmp_path, "minutes.csv", candles(240, skip=(60, 61, 62)))
    packed = tmp_path / "rates.csv.gz"
    packed.write_bytes(gzip.compress(b"date,usdkrw\n2025-03-03,1450.1\n2025-03-04,1451.2\n"))
    page = await open_page("/data")
    await page.select_option("[name=venue]", "upbit")
    await page.set_input_files("#file", [plain, packed])
    assert "237 rows · one gap" in await row_of(page, "minutes.csv", "stored")
    await row_of(page, "rates.csv.gz", "stored")
    with service.api() as api:
        facts = api.get(f"/datasets/{await dataset_from(page, 'minutes.csv')}").json()
    assert (facts["rows"], facts["gaps"], facts["longest_gap_s"]) == (237, 1, 180)
    assert facts["venue"] == "upbit"
    line = page.locator(f"tr#{facts['id']}")
    assert "237" in await line.inner_text()
    assert await line.locator("abbr.v").inner_text() == "UPB"
    await page.click(f"tr#{facts['id']} a")
    await expect(page.locator("#d7")).to_contain_text(facts["id"])
    gap = page.locator("section[aria-labelledby=d7] tbody tr").first
    assert await gap.inner_text() == "2025-03-01 00:59\t3 min\t3\t"


async def test_a_refused_file_shows_the_line_itself_and_stores_nothing(
    open_page: Open, service: Service, tmp_path: Path
) -> None:
    lines = candles(30).splitlines()
    lines[17] = "2025-03-01T00:16:00Z,100,91,93,92,4"
    broken = written(tmp_path, "broken.csv", "\n".join(lines))
    with service.api() as api:
        before = api.get("/datasets").json()["items"]
        page = await open_page("/data")
        await page.set_input_files("#file", broken)
        assert "stopped at row 18 · nothing stored" in await row_of(page, "broken.csv", "refused")
        panel = page.locator("section[aria-labelledby=d4]")
        await expect(panel.locator("h2")).to_have_text("Refused: broken.csv")
        await expect(panel.locator(".raw .bad")).to_contain_text("2025-03-01T00:16:00Z")
        marked = await panel.locator(".raw .bad mark").all_inner_texts()
        assert "91" in marked
        problem = await page.request.get(await panel.locator(".ph a").get_attribute("href") or "")
        body = await problem.json()
        assert (body["code"], body["errors"][0]["row"]) == ("high_below_low", 18)
        assert api.get("/datasets").json()["items"] == before


async def test_a_dropped_file_is_taken(open_page: Open) -> None:
    page = await open_page("/data")
    await page.evaluate(DROP, ["dropped.csv", candles(12)])
    assert "12 rows" in await row_of(page, "dropped.csv", "stored")


async def test_a_file_over_the_limit_never_leaves_the_browser(open_page: Open) -> None:
    page = await open_page("/data")
    await page.evaluate("() => { document.getElementById('upload-form').dataset.limit = '10'; }")
    await page.evaluate(DROP, ["huge.csv", candles(12)])
    await expect(page.locator("#sending li")).to_contain_text("larger than 10 B, nothing sent")
    await page.click("#sending button")
    await expect(page.locator("#sending li")).to_have_count(0)


async def test_unsure_columns_are_named_by_a_person(open_page: Open, tmp_path: Path) -> None:
    lines = ["moment,erster,hoch,tief,letzter"]
    lines += [f"2025-03-01T00:{minute:02d}:00Z,100,110,90,105" for minute in range(20)]
    page = await open_page("/data")
    await page.set_input_files("#file", written(tmp_path, "fremd.csv", "\n".join(lines)))
    await row_of(page, "fremd.csv", "unsure")
    for word, column in zip(
        ("time", "open", "high", "low", "close"),
        ("moment", "erster", "hoch", "tief", "letzter"),
        strict=True,
    ):
        await page.select_option(f"#map-{word}", column)
    await page.click("section[aria-labelledby=d4] .btn.pri")
    await expect(page).to_have_url(re.compile(r"/data/d-\d+$"))
    await expect(page.locator("section[aria-labelledby=d5]")).to_contain_text("fremd.csv")
    await expect(page.locator("section[aria-labelledby=d5] .kv")).to_contain_text("20")


async def test_a_wrong_mapping_is_refused_with_its_reason(open_page: Open, tmp_path: Path) -> None:
    text = "moment,a,b,c,d\n2025-03-01T00:00:00Z,1,2,3,4\n2025-03-01T00:01:00Z,1,2,3,4\n"
    page = await open_page("/data")
    await page.set_input_files("#file", written(tmp_path, "wirr.csv", text))
    await row_of(page, "wirr.csv", "unsure")
    for word, column in (("time", "moment"), ("open", "a"), ("high", "b"), ("low", "c")):
        await page.select_option(f"#map-{word}", column)
    await page.select_option("#map-close", "d")
    await page.click("section[aria-labelledby=d4] .btn.pri")
    await expect(page.locator(".problem")).to_contain_text("high_below_low")


async def test_without_script_the_form_still_takes_a_file(open_page: Open, tmp_path: Path) -> None:
    page = await open_page("/data", java_script_enabled=False)
    await page.set_input_files("#file", written(tmp_path, "plain.csv", candles(33)))
    await page.click("#send")
    await expect(page).to_have_url(re.compile(r"/data\?upload=u-\d+$"))
    assert "33 rows" in await row_of(page, "plain.csv", "stored")


async def test_without_script_a_dataset_is_deleted_by_its_own_page(
    open_page: Open, tmp_path: Path
) -> None:
    page = await open_page("/data", java_script_enabled=False)
    await page.set_input_files("#file", written(tmp_path, "shortlived.csv", candles(21)))
    await page.click("#send")
    name = await dataset_from(page, "shortlived.csv")
    await page.click(f"tr#{name} a.btn")
    await page.click("form[action$=delete] .btn.bad")
    await expect(page.locator("tr#" + name)).to_have_count(0)


async def test_deleting_asks_first_and_then_deletes(
    open_page: Open, service: Service, tmp_path: Path
) -> None:
    page = await open_page("/data")
    await page.set_input_files("#file", written(tmp_path, "doomed.csv", candles(25)))
    await row_of(page, "doomed.csv", "stored")
    name = await dataset_from(page, "doomed.csv")
    await page.click(f"tr#{name} a.btn")
    await expect(page.locator(f"#delete-{name}")).to_be_visible()
    await expect(page.locator(f"#delete-{name}")).to_contain_text("25 rows")
    await page.click(f"#delete-{name} .btn:not(.bad)")
    await expect(page.locator(f"tr#{name}")).to_be_visible()
    await page.click(f"tr#{name} a.btn")
    await page.click(f"#delete-{name} .btn.bad")
    await expect(page.locator(f"tr#{name}")).to_have_count(0)
    with service.api() as api:
        assert api.get(f"/datasets/{name}").status_code == 404


async def test_a_used_dataset_says_by_what_and_cannot_be_deleted(
    open_page: Open, service: Service, sample: None
) -> None:
    with service.api() as api:
        used = backtest_on_sample(api)
        page = await open_page(f"/data/{used['krw']}")
        row = page.locator(f"tr#{used['krw']}")
        await expect(row).to_contain_text("in use")
        await expect(row.locator(".btn")).to_have_count(0)
        uses = page.locator("section[aria-labelledby=d5] .kv")
        await expect(uses.locator(f"a[href='/backtests/{used['run']}']")).to_be_visible()
        refused = api.delete(f"/datasets/{used['krw']}")
        assert (refused.status_code, refused.json()["code"]) == (409, "dataset_in_use")


async def test_the_sample_is_labelled_synthetic_wherever_it_shows(
    open_page: Open, sample: None
) -> None:
    page = await open_page("/data")
    rows = page.locator("table.dst tbody tr", has_text="SYNTHETIC")
    assert await rows.count() == 5
    await rows.first.locator("td a.n").first.click()
    await expect(page.locator("section[aria-labelledby=d5]")).to_contain_text("SYNTHETIC")
    phone = await open_page("/data", size=PHONE)
    await expect(phone.locator("table.dst tbody .only-phone .chip").first).to_be_visible()


async def test_kinds_are_filtered_and_chosen_datasets_go_to_a_backtest(
    open_page: Open, sample: None
) -> None:
    page = await open_page("/data")
    await page.click("section[aria-labelledby=d6] a[href='/data?kind=fx']")
    kinds = await page.locator("table.dst tbody td:nth-child(3)").all_inner_texts()
    assert kinds
    assert all(kind.startswith("FX") for kind in kinds)
    chosen = await page.locator("table.dst tbody [name=dataset]").first.get_attribute("value")
    await page.check(f"[name=dataset][value='{chosen}']")
    await page.click("section[aria-labelledby=d6] button:has-text('Backtest chosen')")
    await expect(page).to_have_url(re.compile(rf"/backtests/new\?dataset={chosen}$"))


async def test_an_open_page_learns_of_a_file_that_a_program_uploads(
    open_page: Open, service: Service
) -> None:
    page = await open_page("/data")
    await expect(page.locator("#stream")).to_have_attribute("data-state", "live")
    with service.api() as api:
        answer = api.post("/datasets", files={"file": ("by_api.csv", candles(40))})
        assert answer.status_code == 201, answer.text
    assert "40 rows" in await row_of(page, "by_api.csv", "stored")
    await expect(page.locator(f"tr#{answer.json()['id']}")).to_be_visible()


@pytest.mark.parametrize("lang", ["ko", "en"])
async def test_an_empty_house_says_what_to_do_next(
    open_page: Open, empty_service: Service, lang: str
) -> None:
    page = await open_page("/data", lang=lang, at=empty_service)
    await expect(page.locator(".empty .btn.pri")).to_be_visible()
    await expect(page.locator(".empty a[href='/guide']")).to_be_visible()
    await page.goto(f"{empty_service.url}/")
    await expect(page.locator(".todo li.now")).to_have_count(1)
    await expect(page.locator(".todo li.now .step")).to_have_text("1")
