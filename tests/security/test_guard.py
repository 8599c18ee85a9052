"""The guard: each kind of visitor at each kind of route."""

from __future__ import annotations

from fastapi import APIRouter, Depends

from app.runtime.accounts import Accounts
from app.security.guard import needs, public
from app.security.principal import Principal, Scope
from tests.security.conftest import HERE, PASSWORD, House
from tests.security.frontdoor import browser, small_app

ADMIN = Principal("admin", frozenset(Scope), user_id=1, session_id=1, csrf="x")


def _reached() -> dict[str, bool]:
    return {"reached": True}


async def bearer(accounts: Accounts, *scopes: Scope) -> dict[str, str]:
    _, text = await accounts.create_token(ADMIN, "t", scopes, HERE)
    return {"Authorization": f"Bearer {text}"}


async def test_a_route_that_declares_nothing_is_closed_to_everyone(accounts: Accounts) -> None:
    async with browser(small_app(accounts), **await bearer(accounts, *Scope)) as client:
        answer = await client.get("/bare")
        assert (answer.status_code, answer.json()["code"]) == (403, "forbidden")


async def test_a_route_that_is_bare_in_one_place_is_bare(accounts: Accounts) -> None:
    """The same function, once behind a need and once not: the open door does not count."""
    app = small_app(accounts)
    guarded = APIRouter(dependencies=[Depends(public())])
    bare = APIRouter(prefix="/again")
    for router in (guarded, bare):
        router.add_api_route("/twice", _reached)
        app.include_router(router)
    async with browser(app) as client:
        assert (await client.get("/again/twice")).status_code == 403
        assert (await client.get("/twice")).status_code == 403


async def test_needs_add_up(accounts: Accounts) -> None:
    app = small_app(accounts)
    router = APIRouter(prefix="/both", dependencies=[Depends(needs("trade"))])
    router.add_api_route("/x", _reached, dependencies=[Depends(needs("admin"))])
    app.include_router(router)
    async with browser(app) as client:
        for scopes, status in (
            ((Scope.TRADE,), 403),
            ((Scope.ADMIN,), 403),
            ((Scope.TRADE, Scope.ADMIN), 200),
        ):
            answer = await client.get("/both/x", headers=await bearer(accounts, *scopes))
            assert answer.status_code == status


async def test_the_api_answers_strangers_with_401(accounts: Accounts) -> None:
    async with browser(small_app(accounts), Accept="text/html") as client:
        answer = await client.get("/api/figures")
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == "Bearer"
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "not_signed_in"


async def test_the_api_names_the_missing_scope(accounts: Accounts) -> None:
    async with browser(small_app(accounts), **await bearer(accounts, Scope.READ)) as client:
        assert (await client.get("/api/figures")).json() == {"answer": 42}
        answer = await client.post("/api/orders", json={"quantity": 1})
    assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")
    assert "backtest" in answer.json()["detail_en"]


async def test_a_session_may_use_the_api(accounts: Accounts) -> None:
    async with browser(small_app(accounts)) as client:
        client.cookies.set("sid", await accounts.sign_in("admin", PASSWORD, HERE))
        assert (await client.get("/api/figures")).status_code == 200


async def test_pages_lead_strangers_to_sign_in_and_back(accounts: Accounts) -> None:
    async with browser(small_app(accounts), Accept="text/html") as client:
        answer = await client.get("/page?coin=BTC&to=//evil.test")
        assert answer.status_code == 303
        assert answer.headers["location"] == (
            "/login?next=%2Fpage%3Fcoin%3DBTC%26to%3D%2F%2Fevil.test"
        )
        assert (await client.post("/page")).headers["location"] == "/login"


async def test_pages_lead_to_the_first_run_while_nobody_can_sign_in(house: House) -> None:
    async with browser(small_app(house.accounts()), Accept="text/html") as client:
        answer = await client.get("/page")
    assert (answer.status_code, answer.headers["location"]) == (303, "/setup")


async def test_programs_and_fragments_at_a_page_get_401(accounts: Accounts) -> None:
    async with browser(small_app(accounts)) as client:
        answer = await client.get("/page", headers={"Accept": "application/json"})
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
        answer = await client.get("/page", headers={"HX-Request": "true"})
        assert (answer.status_code, answer.headers["hx-redirect"]) == (401, "/login")


async def test_pages_are_not_for_tokens(accounts: Accounts) -> None:
    async with browser(small_app(accounts), **await bearer(accounts, *Scope)) as client:
        assert (await client.get("/page")).status_code == 403


async def test_a_token_in_the_address_opens_nothing(accounts: Accounts) -> None:
    header = (await bearer(accounts, *Scope))["Authorization"]
    text = header.removeprefix("Bearer ")
    async with browser(small_app(accounts)) as client:
        for name in ("token", "access_token", "api_key", "authorization", "key"):
            for value in (text, header):
                answer = await client.get("/api/figures", params={name: value})
                assert answer.status_code == 401
