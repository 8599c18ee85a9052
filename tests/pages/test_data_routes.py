"""The data page's routes without a browser: protection, plain forms, problem JSON."""

from __future__ import annotations

from pathlib import Path

import httpx

from tests.appkit import Running, running
from tests.pages.test_render import signed_in

CANDLES = "time,open,high,low,close\n" + "".join(
    f"2025-01-01T00:{minute:02d}:00Z,100,110,90,105\n" for minute in range(30)
)
BROKEN = CANDLES.replace("00:07:00Z,100,110", "00:07:00Z,100,80")


async def token(client: httpx.AsyncClient) -> str:
    page = await client.get("/data")
    return page.text.partition('name="csrf" value="')[2].partition('"')[0]


async def send(
    client: httpx.AsyncClient, text: str, *, name: str = "f.csv", **fields: str
) -> httpx.Response:
    return await client.post("/data/upload", data=fields, files={"file": (name, text)})


async def datasets(kimp: Running) -> list[dict[str, object]]:
    found: list[dict[str, object]] = (await kimp.client.get("/api/v1/datasets")).json()["items"]
    return found


async def test_a_form_without_its_token_stores_nothing(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        client = await signed_in(kimp)
        forged = await send(client, CANDLES, csrf="guessed")
        bare = await send(client, CANDLES)
        stranger = await send(kimp.visitor(), CANDLES)
        assert (forged.status_code, bare.status_code, stranger.status_code) == (403, 403, 303)
        assert await datasets(kimp) == []


async def test_a_plain_form_is_led_to_what_became_of_its_file(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        client = await signed_in(kimp, accept="text/html")
        csrf = await token(client)
        stored = await send(client, CANDLES, csrf=csrf)
        assert (stored.status_code, stored.headers["location"]) == (303, "/data?upload=u-1")
        refused = await send(client, BROKEN, csrf=csrf, name="broken.csv")
        assert (refused.status_code, refused.headers["location"]) == (303, "/data?upload=u-2")
        page = await client.get("/data?upload=u-2")
        assert "high_below_low" in page.text
        assert [item["rows"] for item in await datasets(kimp)] == [30]


async def test_a_script_sends_its_token_in_a_header(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        client = await signed_in(kimp, accept="application/json")
        csrf = await token(client)
        answer = await client.post(
            "/data/upload",
            files={"file": ("f.csv", CANDLES)},
            headers={"x-csrf-token": csrf},
        )
        assert answer.status_code == 204
        assert len(await datasets(kimp)) == 1


async def test_why_a_file_was_refused_is_there_as_problem_json(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        client = await signed_in(kimp)
        await send(client, BROKEN, csrf=await token(client))
        answer = await client.get("/data/uploads/u-1/problem")
        none = await client.get("/data/uploads/u-2/problem")
    assert answer.headers["content-type"] == "application/problem+json"
    body = answer.json()
    assert (body["code"], body["errors"][0]["row"]) == ("high_below_low", 9)
    assert none.status_code == 404


async def test_an_unknown_dataset_or_upload_is_not_found(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        client = await signed_in(kimp)
        for path in ("/data/d-9", "/data/d-9/delete", "/data?upload=u-9", "/data/x"):
            assert (await client.get(path)).status_code == 404, path


async def test_one_click_makes_the_sample_and_a_second_one_makes_no_more(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        client = await signed_in(kimp)
        csrf = await token(client)
        for once in ("first", "second"):
            answer = await client.post("/data/sample", data={"csrf": csrf, "once": once})
            assert answer.status_code == 303
        made = await datasets(kimp)
    assert len(made) == 5
    assert all(item["synthetic"] for item in made)
