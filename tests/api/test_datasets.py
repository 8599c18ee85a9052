"""/api/v1/datasets: upload, read, list, preview, delete, and every way to be refused."""

from __future__ import annotations

import asyncio
import gzip
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from app.runtime.work import arrival, uploads
from app.runtime.work.limits import DISK_RESERVE_BYTES, FORM_BYTES_MAX, GIB, UPLOADS_AT_ONCE_MAX
from tests.api.caller import Caller, asked
from tests.appkit import Running
from tests.work.history_files import candles_csv, dollar_csv, form, won_csv

BAD = b"timestamp,open,high,low,close\n1700000040,1,2,1,2\n1700000100,2,1,3,2\n"


async def test_an_upload_answers_with_everything_that_was_found(api: Caller) -> None:
    content = won_csv(500)
    body = await api.upload(content, "krw.csv", venue="Upbit", base="btc", quote="krw")
    assert body["kind"] == "candles"
    assert (body["venue"], body["base"], body["quote"]) == ("upbit", "BTC", "KRW")
    assert (body["timeframe_s"], body["rows"], body["duplicates"]) == (60, 500, 0)
    assert (body["start"], body["end"]) == ("2023-11-14T22:14:00Z", "2023-11-15T06:33:00Z")
    assert (body["gaps"], body["longest_gap_s"]) == (0, 0)
    assert body["file_name"] == "krw.csv"
    assert body["file_bytes"] == len(content)
    assert body["quality"]["coverage"] == 1.0
    assert len(body["quality"]["density"]) == 200
    assert body["same_content_as"] == []


async def test_the_same_bytes_again_are_named_as_such(api: Caller) -> None:
    content = won_csv(77)
    first = await api.upload(content)
    second = await api.upload(gzip.compress(content), "a.csv.gz")
    third = await api.upload(content, "other.csv")
    assert second["same_content_as"] == []
    assert third["same_content_as"] == [first["id"]]


async def test_hints_may_stand_behind_the_file(api: Caller, kimp: Running) -> None:
    body, content_type = form(
        [
            ("venue", None, b"binance"),
            ("file", "x.csv", dollar_csv(60)),
            ("quote", None, b"USDT"),
            ("timeframe", None, b"1m"),
            ("tz", None, b"Asia/Seoul"),
        ]
    )
    answer = await kimp.client.post(
        "/api/v1/datasets", content=body, headers={"content-type": content_type}
    )
    assert answer.status_code == 201
    assert (answer.json()["venue"], answer.json()["quote"]) == ("binance", "USDT")
    assert answer.headers["location"] == f"/api/v1/datasets/{answer.json()['id']}"


async def test_a_joined_file_becomes_three_datasets(api: Caller) -> None:
    lines = [f"{1_700_000_040 + 60 * row},{130e6 + row},{1e5 + row},1300.5" for row in range(100)]
    content = "\n".join(["ts_utc,upbit_krw,binance_usdt,usdkrw_prev_day", *lines]).encode()
    body = await api.upload(content, "joined.csv", base="BTC")
    assert body["kind"] == "joined"
    assert [each["kind"] for each in body["datasets"]] == ["candles", "candles", "fx"]
    assert body["datasets"][0]["quote"] == "KRW"
    for each in body["datasets"]:
        assert (await api.get(f"/datasets/{each['id']}"))["rows"] == each["rows"]


async def test_reading_gives_what_the_upload_gave(api: Caller, markets: dict[str, str]) -> None:
    body = await api.get(f"/datasets/{markets['won']}")
    assert body["id"] == markets["won"]
    assert body["rows"] == 2_000
    assert body["quality"]["gap_list"] == []


async def test_preview_shows_the_first_rows(api: Caller, markets: dict[str, str]) -> None:
    body = await api.get(f"/datasets/{markets['dollar']}/preview", rows=3)
    assert body["columns"] == ["time", "open", "high", "low", "close", "volume"]
    assert body["rows"][0] == ["2023-11-14T22:14:00Z", 1e5, 1e5, 1e5, 1e5, 1.5]
    assert len(body["rows"]) == 3
    rates = await api.get(f"/datasets/{markets['rate']}/preview")
    assert set(rates["columns"]) == {"time", "known_at", "rate"}


async def test_lists_are_pages_that_meet_without_a_seam(api: Caller) -> None:
    made = [(await api.upload(candles_csv([1.0, 2.0, n + 3.0])))["id"] for n in range(5)]
    seen: list[str] = []
    cursor = None
    while len(seen) < 5:
        query = {"limit": 2} | ({"cursor": cursor} if cursor else {})
        page = await api.get("/datasets", **query)
        assert len(page["items"]) == 2
        seen += [item["id"] for item in page["items"]]
        cursor = page["next_cursor"]
    assert seen[:5] == made[::-1]
    everything = await api.get("/datasets", limit=1000)
    assert everything["next_cursor"] is None


async def test_a_list_can_be_of_one_kind(api: Caller, markets: dict[str, str]) -> None:
    page = await api.get("/datasets", kind="fx", limit=1000)
    assert markets["rate"] in {item["id"] for item in page["items"]}
    assert {item["kind"] for item in page["items"]} == {"fx"}


@pytest.mark.parametrize(
    "query", [{"limit": 0}, {"limit": 1001}, {"limit": "x"}, {"cursor": "no"}, {"kind": "gold"}]
)
async def test_wrong_queries_are_named(api: Caller, query: dict[str, object]) -> None:
    problem = await api.get("/datasets", expect=422, **query)
    assert problem["code"] == "invalid_fields"
    assert problem["errors"][0]["column"] == next(iter(query))


@pytest.mark.parametrize("dataset_id", ["d-999999", "b-1", "nonsense", "d-", "d--1", "d-1x"])
async def test_what_is_not_there_is_not_found(api: Caller, dataset_id: str) -> None:
    for path in (f"/datasets/{dataset_id}", f"/datasets/{dataset_id}/preview"):
        assert (await api.get(path, expect=404))["code"] == "not_found"
    assert (await api.delete(f"/datasets/{dataset_id}", expect=404))["code"] == "not_found"


async def test_delete_takes_row_and_folder(api: Caller, kimp: Running) -> None:
    folders = kimp.desk.data_dir / "datasets"
    before = set(folders.iterdir())
    made = await api.upload(won_csv(10))
    assert len(set(folders.iterdir()) - before) == 1
    await api.delete(f"/datasets/{made['id']}")
    assert set(folders.iterdir()) == before
    await api.get(f"/datasets/{made['id']}", expect=404)


async def test_a_dataset_that_a_run_was_made_from_stays(api: Caller) -> None:
    markets = await api.upload_markets(rows=50)
    run = await api.run(asked(markets))
    problem = await api.delete(f"/datasets/{markets['won']}", expect=409)
    assert problem["code"] == "dataset_in_use"
    assert run["id"] in problem["detail"]
    await api.delete(f"/backtests/{run['id']}")
    await api.delete(f"/datasets/{markets['won']}")


async def test_a_bad_file_is_refused_whole_with_row_column_value_and_expectation(
    api: Caller, kimp: Running
) -> None:
    folders = kimp.desk.data_dir / "datasets"
    before = set(folders.iterdir())
    problem = await api.upload(BAD, expect=422)
    error = problem["errors"][0]
    assert error["row"] == 3
    assert error["column"] in {"high", "low"}
    assert error["value"]
    assert error["expected"]
    assert problem["title_ko"] != problem["title_en"]
    assert set(folders.iterdir()) == before
    assert list((kimp.desk.data_dir / "uploads").iterdir()) == []


@pytest.mark.parametrize(
    ("fields", "column"),
    [
        ({"timeframe": "soon"}, "timeframe"),
        ({"venue": "=cmd()"}, "venue"),
        ({"colour": "red"}, "colour"),
        ({"columns": "{"}, "columns"),
    ],
)
async def test_wrong_fields_are_named(api: Caller, fields: dict[str, str], column: str) -> None:
    problem = await api.upload(won_csv(10), expect=422, **fields)
    assert (problem["code"], problem["errors"][0]["column"]) == ("invalid_fields", column)


async def test_a_form_without_a_file_is_refused(api: Caller, kimp: Running) -> None:
    body, content_type = form([("venue", None, b"upbit")])
    answer = await kimp.client.post(
        "/api/v1/datasets", content=body, headers={"content-type": content_type}
    )
    assert (answer.status_code, answer.json()["code"]) == (422, "file_missing")


@pytest.mark.parametrize(
    ("content_type", "status", "code"),
    [
        ("application/json", 415, "unsupported_media_type"),
        ("multipart/form-data", 400, "multipart_malformed"),
        ("multipart/form-data; boundary=x", 400, "multipart_malformed"),
    ],
)
async def test_other_bodies_are_not_taken(
    kimp: Running, content_type: str, status: int, code: str
) -> None:
    answer = await kimp.client.post(
        "/api/v1/datasets", content=b"{}", headers={"content-type": content_type}
    )
    assert (answer.status_code, answer.json()["code"]) == (status, code)


async def test_upload_limits_a_declared_3_gb_is_refused_before_it_is_read(kimp: Running) -> None:
    async def never() -> AsyncIterator[bytes]:
        raise AssertionError("nobody asked for the body")
        yield b""

    answer = await kimp.client.post(
        "/api/v1/datasets",
        content=never(),
        headers={
            "content-type": "multipart/form-data; boundary=x",
            "content-length": str(3 * GIB),
        },
    )
    assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")


async def test_upload_limits_a_body_that_grows_beyond_the_setting_is_cut_off(
    kimp: Running, api: Caller
) -> None:
    small = await kimp.client.put("/api/v1/settings/uploads.max_gib", json={"value": 0.001})
    assert small.status_code == 200
    try:
        line = b"1700000040,1,1,1,1\n" * 1_000
        sent = 0

        async def endless() -> AsyncIterator[bytes]:
            nonlocal sent
            head = '--x\r\ncontent-disposition: form-data; name="file"; filename="a"\r\n\r\n'
            yield head.encode()
            while True:
                sent += len(line)
                yield line

        answer = await kimp.client.post(
            "/api/v1/datasets",
            content=endless(),
            headers={"content-type": "multipart/form-data; boundary=x"},
        )
        assert (answer.status_code, answer.json()["code"]) == (413, "body_too_large")
        assert sent < 0.001 * GIB + FORM_BYTES_MAX
    finally:
        await kimp.client.put("/api/v1/settings/uploads.max_gib", json={"value": 1})
    assert list((kimp.desk.data_dir / "uploads").iterdir()) == []


async def test_a_full_disk_is_said_before_anything_is_written(
    kimp: Running, api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Usage:
        free = DISK_RESERVE_BYTES - 1

    monkeypatch.setattr(arrival.shutil, "disk_usage", lambda _: Usage)
    problem = await api.upload(won_csv(10), expect=507)
    assert problem["code"] == "disk_full"
    assert "268.4 MB" in problem["detail_en"]


async def test_a_folder_of_files_may_come_all_at_once(api: Caller) -> None:
    bodies = await asyncio.gather(*(api.upload(won_csv(30 + at)) for at in range(12)))
    assert [body["rows"] for body in bodies] == list(range(30, 42))


async def test_only_so_many_uploads_at_once(
    kimp: Running, api: Caller, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(uploads, "UPLOADS_AT_ONCE_MAX", 0)
    problem = await api.upload(won_csv(10), expect=429)
    assert problem["code"] == "too_many_uploads"
    assert UPLOADS_AT_ONCE_MAX > 0


async def test_what_nobody_can_name_is_sent_again_with_its_columns(
    api: Caller, kimp: Running
) -> None:
    content = b"Zeit,Kurs\n2024-01-01T00:00:00Z,1300.5\n2024-01-02T00:00:00Z,1301\n"
    problem = await api.upload(content, "kurse.csv", expect=422)
    assert problem["code"] == "columns_unsure"
    assert not list((kimp.desk.data_dir / "uploads").iterdir())
    mapped = await api.upload(
        content, "kurse.csv", columns='{"time": "Zeit", "rate": "Kurs"}', base="USD", quote="KRW"
    )
    assert (mapped["kind"], mapped["rows"]) == ("fx", 2)


async def test_reading_needs_read_and_writing_backtest(kimp: Running) -> None:
    async with kimp.visitor() as nobody:
        for method, path in (("GET", ""), ("POST", ""), ("GET", "/d-1"), ("DELETE", "/d-1")):
            answer = await nobody.request(method, f"/api/v1/datasets{path}")
            assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    issued = await kimp.client.post("/api/v1/tokens", json={"name": "reader", "scopes": ["read"]})
    token = issued.json()["token"]
    async with kimp.visitor(Authorization=f"Bearer {token}") as reader:
        assert (await reader.get("/api/v1/datasets")).status_code == 200
        for method, path in (("POST", ""), ("DELETE", "/d-1")):
            answer = await reader.request(method, f"/api/v1/datasets{path}")
            assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


async def test_recorded_files_upload_as_they_are(api: Caller, shared_data: Path) -> None:
    source = shared_data / "candles" / "upbit_1m_20180125_gyusu" / "BTC.csv"
    lines = source.read_text().splitlines()
    body = await api.upload(
        source.read_bytes(), source.name, venue="upbit", base="BTC", quote="KRW"
    )
    assert body["rows"] + body["duplicates"] == len(lines) - 1
    assert body["shape"] == "upbit"
    assert body["end"] == "2018-01-27T23:59:00Z"
