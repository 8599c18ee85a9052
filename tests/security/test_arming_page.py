"""Arming in a browser: what a person in LIVE sees and types, step by step, in both languages."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from app.domain.problems import Problem
from app.domain.secret import Secret
from app.domain.venues import Venue
from app.runtime.credentials import ACCESS, SECRET
from app.runtime.second_factor import Proof
from app.security import totp
from app.security.principal import Principal, Scope
from tests.appkit import PASSWORD, Running, running
from tests.security.strongroom import HERE

TOKEN = Principal("token KIMP_API_TOKEN", frozenset(Scope), token_id="1")


@pytest.fixture
async def live(tmp_path: Path) -> AsyncIterator[Running]:
    async with running(tmp_path, MODE="live") as started:
        yield started


@pytest.fixture
async def person(live: Running) -> AsyncIterator[httpx.AsyncClient]:
    async with live.visitor(Accept="text/html") as client:
        client.follow_redirects = True
        form = {"csrf": csrf((await client.get("/login")).text), "name": "admin"}
        await client.post("/login", data=form | {"password": PASSWORD})
        await client.get("/?lang=en")
        yield client


def csrf(page: str) -> str:
    return page.partition('name="csrf" value="')[2].partition('"')[0]


async def telephone(client: httpx.AsyncClient) -> Secret:
    """Set up, with the code of the half minute before this one, so that the present one is good."""
    page = "/settings/security"
    form = {"csrf": csrf((await client.get(page)).text), "password": PASSWORD}
    begun = (await client.post(f"{page}/second-factor/begin", data=form)).text
    secret = Secret(begun.partition('id="totp-secret" readonly value="')[2].partition('"')[0])
    confirm = form | {"code": totp.code(secret, now() - 1)}
    shown = await client.post(f"{page}/second-factor/confirm", data=confirm)
    assert shown.status_code == 200
    return secret


def now() -> int:
    return int(time.time() // totp.STEP_S)


async def test_arming_page_leads_through_all_three_parts(
    live: Running, person: httpx.AsyncClient
) -> None:
    assert "A second factor is needed" in (await person.get("/arming")).text
    secret = await telephone(person)
    page = (await person.get("/arming")).text
    form = {"csrf": csrf(page), "password": PASSWORD, "code": totp.code(secret, now())}
    page = (await person.post("/arming/ticket", data=form)).text
    assert "Type LIVE 700000 KRW" in page
    ticket = page.partition('name="ticket" value="')[2].partition('"')[0]
    form = {"csrf": csrf(page), "ticket": ticket, "hours": "2"}
    wrong = await person.post("/arming", data=form | {"phrase": "LIVE"})
    assert (wrong.status_code, "phrase_wrong" in wrong.text) == (409, True)
    page = (await person.post("/arming", data=form | {"phrase": "LIVE 700000 KRW"})).text
    assert "Armed" in page and "Disarm now" in page
    told = (await live.client.get("/api/v1/engine")).json()
    assert (told["armed"], told["state"]) == (True, "HALTED")
    page = (await person.post("/arming/disarm", data={"csrf": csrf(page)})).text
    assert "Disarm now" not in page
    assert (await live.client.get("/api/v1/engine")).json()["armed"] is False
    assert "실제 주문" in (await person.get("/arming?lang=ko")).text


async def test_arming_page_refuses_in_words(live: Running, person: httpx.AsyncClient) -> None:
    await telephone(person)
    page = (await person.get("/arming")).text
    form = {"csrf": csrf(page), "password": PASSWORD, "code": "000000"}
    refused = await person.post("/arming/ticket", data=form)
    assert (refused.status_code, "code_wrong" in refused.text) == (401, True)
    no_ticket = {"csrf": csrf(page), "ticket": "x", "phrase": "LIVE 700000 KRW", "hours": "many"}
    refused = await person.post("/arming", data=no_ticket)
    assert (refused.status_code, "invalid_fields" in refused.text) == (422, True)
    await live.desk.trading.kill(by="lee")
    assert "The kill switch is on" in (await person.get("/arming")).text


async def test_arming_page_of_paper_says_why_there_is_nothing(kimp: Running) -> None:
    with pytest.raises(Problem, match="session_only"):
        await kimp.desk.safe.arming.ticket(TOKEN, Proof(), HERE)


async def test_a_person_with_a_telephone_proves_it_for_a_new_token(
    live: Running, person: httpx.AsyncClient
) -> None:
    secret = await telephone(person)
    page = (await person.get("/settings")).text
    form = {"csrf": csrf(page), "name": "ci", "scope": "read", "code": ""}
    assert "code_wrong" in (await person.post("/settings/tokens", data=form)).text
    assert await live.desk.accounts.tokens() == []
    code = totp.code(secret, now())
    await person.post("/settings/tokens", data=form | {"code": code})
    assert [row.name for row in await live.desk.accounts.tokens()] == ["ci"]


async def test_stored_keys_are_those_that_the_market_signs_with(kimp: Running) -> None:
    """Beside the environment's; of a venue that has both, the environment's."""
    body = {"api_key": "abcd-middle-of-it-wxyz", "api_secret": "very-secret-secret-key"}
    await kimp.client.put("/api/v1/credentials/gate", json=body)
    found = await kimp.desk.market._keys()
    assert found[Venue.GATE].access == body["api_key"]
    assert found[Venue.GATE].secret == Secret(body["api_secret"])
    await kimp.client.delete("/api/v1/credentials/gate")
    assert Venue.GATE not in await kimp.desk.market._keys()


async def test_keys_at_once_from_two_programs_leave_a_whole_pair(kimp: Running) -> None:
    bodies = [{"api_key": f"key-{n}-of-a-pair", "api_secret": f"of-a-pair-{n}"} for n in range(3)]
    put = "/api/v1/credentials/bitget"
    await asyncio.gather(
        *(kimp.client.put(put, json=body | {"api_passphrase": "p"}) for body in bodies)
    )
    found = await kimp.desk.safe.vault.get(Venue.BITGET, "main")
    assert found is not None
    pair = {"api_key": found[ACCESS].reveal(), "api_secret": found[SECRET].reveal()}
    assert pair in bodies
    await kimp.client.delete(put)
