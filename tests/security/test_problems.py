"""Refusals: one shape, two languages, nothing of our insides."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from app.domain.problems import CODES
from app.routers.problems import STATUS_CODES
from app.runtime.accounts import Accounts
from tests.appkit import Running
from tests.security.conftest import API_TOKEN
from tests.security.frontdoor import browser, small_app


@pytest.fixture
async def client(accounts: Accounts) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(small_app(accounts), Authorization=f"Bearer {API_TOKEN}") as opened:
        yield opened


async def test_a_problem_has_the_members_of_the_contract(client: httpx.AsyncClient) -> None:
    answer = await client.get("/nothing-here", headers={"Accept-Language": "en"})
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json() == {
        "type": "urn:kimp:problem:not_found",
        "title": "There is nothing here",
        "status": 404,
        "detail": "No page or entry has this address.",
        "code": "not_found",
        "errors": [],
        "request_id": answer.headers["x-request-id"],
        "title_en": "There is nothing here",
        "title_ko": "여기에는 아무것도 없습니다",
        "detail_en": "No page or entry has this address.",
        "detail_ko": "이 주소의 페이지나 항목이 없습니다.",
    }


async def test_a_problem_speaks_the_viewer_s_language(client: httpx.AsyncClient) -> None:
    for language, title in (("en", "There is nothing here"), ("ko", "여기에는 아무것도 없습니다")):
        answer = await client.get("/nothing-here", headers={"Accept-Language": language})
        assert answer.json()["title"] == title


async def test_wrong_fields_are_named_with_what_would_have_passed(
    client: httpx.AsyncClient,
) -> None:
    answer = await client.post("/api/orders", json={"quantity": "many", "admin": True})
    assert answer.status_code == 422
    assert answer.json()["code"] == "invalid_fields"
    assert answer.json()["errors"] == [
        {"row": None, "column": "quantity", "value": "many", "expected": "number"},
        {"row": None, "column": "admin", "value": "true", "expected": "no such field"},
    ]
    answer = await client.post("/api/orders", json={"quantity": None})
    assert answer.json()["errors"][0]["value"] == "null"
    answer = await client.post("/api/orders", json={"password": ["a secret"]})
    assert answer.json()["errors"] == [
        {"row": None, "column": "quantity", "value": None, "expected": "required"},
        {"row": None, "column": "password", "value": None, "expected": "text"},
    ]


@pytest.mark.parametrize("body", [b"{", b"", b"\xff\xfe", b"[" * 100_000, b'{"quantity": }'])
async def test_json_that_is_none_is_a_client_s_error(
    client: httpx.AsyncClient, body: bytes
) -> None:
    answer = await client.post(
        "/api/orders", content=body, headers={"Content-Type": "application/json"}
    )
    assert answer.status_code in {400, 422}
    assert answer.json()["code"] in {"malformed_json", "bad_request", "invalid_fields"}


async def test_errors_leak_nothing(client: httpx.AsyncClient) -> None:
    answer = await client.get("/broken")
    assert (answer.status_code, answer.json()["code"]) == (500, "internal_error")
    assert answer.json()["request_id"] == answer.headers["x-request-id"]
    for word in ("12345", "RuntimeError", "Traceback", "File", ".py"):
        assert word not in answer.text


def test_what_the_framework_refuses_has_a_code_of_the_same_status() -> None:
    for status, code in STATUS_CODES.items():
        assert CODES[code] == status


async def test_people_get_a_page_and_fragments_a_fragment(kimp: Running) -> None:
    for language, title in (("en", "There is nothing here"), ("ko", "여기에는 아무것도 없습니다")):
        async with kimp.visitor(**{"Accept": "text/html", "Accept-Language": language}) as person:
            page = await person.get("/nothing-here")
            assert page.status_code == 404
            assert page.headers["content-type"].startswith("text/html")
            for part in (title, "not_found", page.headers["x-request-id"], "<html"):
                assert part in page.text
            part = await person.get("/nothing-here", headers={"HX-Request": "true"})
            assert part.status_code == 404
            assert title in part.text
            assert "<html" not in part.text


async def test_a_page_of_a_problem_escapes_what_it_repeats(kimp: Running) -> None:
    async with kimp.visitor(Accept="text/html") as person:
        page = await person.get('/<script>alert(1)</script>?lang=<b>&theme="onload=x')
        assert "<script>alert" not in page.text
        answer = await person.get("/", headers={"Host": "<script>alert(1)</script>"})
        assert "<script>" not in answer.text
