"""A form that is sent twice has one effect (idempotent_forms)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import httpx
import pytest

from app.runtime.accounts import Accounts
from app.security.repeats import KEPT_MAX
from tests.security.conftest import HERE, PASSWORD
from tests.security.frontdoor import SmallApp, browser, small_app


@pytest.fixture
def app(accounts: Accounts) -> SmallApp:
    return small_app(accounts)


@pytest.fixture
async def client(app: SmallApp, accounts: Accounts) -> AsyncIterator[httpx.AsyncClient]:
    async with browser(app) as opened:
        opened.cookies.set("sid", await accounts.sign_in("admin", PASSWORD, HERE))
        yield opened


@pytest.fixture
async def form(client: httpx.AsyncClient) -> dict[str, str]:
    return {"csrf": (await client.get("/page")).text, "once": "a1", "name": "x"}


async def test_idempotent_forms_a_double_click_is_one_click(
    app: SmallApp, client: httpx.AsyncClient, form: dict[str, str]
) -> None:
    form["slow"] = "1"
    answers = await asyncio.gather(*(client.post("/page", data=form) for _ in range(3)))
    assert app.state.changes == 1
    assert {answer.headers["location"] for answer in answers} == {"/page/1"}
    later = await client.post("/page", data=form)
    assert (later.status_code, later.headers["location"]) == (303, "/page/1")


async def test_idempotent_forms_another_form_is_another_click(
    app: SmallApp, client: httpx.AsyncClient, form: dict[str, str]
) -> None:
    await client.post("/page", data=form)
    await client.post("/page", data={**form, "name": "y"})
    await client.post("/page", data={**form, "once": "b2"})
    assert app.state.changes == 3


async def test_idempotent_forms_what_was_refused_may_be_sent_again(
    app: SmallApp, client: httpx.AsyncClient, form: dict[str, str]
) -> None:
    wrong = {**form, "slow": "1", "wrong": "1"}
    answers = await asyncio.gather(*(client.post("/page", data=wrong) for _ in range(2)))
    assert {answer.status_code for answer in answers} == {409}
    assert app.state.changes == 2


async def test_idempotent_forms_belong_to_one_session(
    app: SmallApp, accounts: Accounts, client: httpx.AsyncClient, form: dict[str, str]
) -> None:
    await client.post("/page", data=form)
    async with browser(app) as other:
        other.cookies.set("sid", await accounts.sign_in("admin", PASSWORD, HERE))
        csrf = (await other.get("/page")).text
        answer = await other.post("/page", data={**form, "csrf": csrf})
    assert answer.headers["location"] == "/page/2"


async def test_idempotent_forms_are_not_replayed_without_the_csrf_token(
    client: httpx.AsyncClient, form: dict[str, str]
) -> None:
    await client.post("/page", data=form)
    assert (await client.post("/page", data={**form, "csrf": "guess"})).status_code == 403


async def test_idempotent_forms_are_forgotten_in_the_end(
    app: SmallApp, client: httpx.AsyncClient, form: dict[str, str]
) -> None:
    await client.post("/page", data=form)
    for number in range(KEPT_MAX):
        await client.post("/page", data={**form, "once": f"n{number}"})
    await client.post("/page", data=form)
    assert app.state.changes == KEPT_MAX + 2
