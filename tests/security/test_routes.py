"""Every route of the whole app × every kind of visitor (route_matrix), CSRF and GET over all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass

import httpx
import pytest
from fastapi.routing import APIWebSocketRoute, iter_route_contexts

from app.main import ROUTERS
from app.security.csrf import HEADER, SAFE_METHODS
from app.security.guard import Files, Need, Needs, NeedsSession, Public, declared_by
from app.security.principal import Principal, Scope, Visitor
from tests.appkit import PASSWORD, Running
from tests.security.test_headers import EVERYWHERE

HERE = Visitor("127.0.0.1", "pytest")
HTML = {"Accept": "text/html"}

# All that anyone may ask for. Whoever adds a line here explains it to the next reader.
PUBLIC = {
    "GET /healthz",
    "GET /readyz",  # whether, not what: the checks are shown to those who may read
    "GET /login",
    "POST /login",
    "GET /setup",
    "POST /setup",
    "GET /static/{version}/{name:path}",
    "GET /manifest.webmanifest",
}
ENDLESS = {"/api/v1/events", "/stream/{name:path}"}


@dataclass(frozen=True)
class Route:
    """One method of one route, with a path that is asked for in tests."""

    method: str
    path: str
    declared: tuple[Need | Files, ...]

    @property
    def url(self) -> str:
        return re.sub(r"\{[^}]*\}", "1", self.path)

    @property
    def scopes(self) -> set[Scope]:
        return {need.scope for need in self.declared if isinstance(need, Needs)}

    def is_a(self, kind: type) -> bool:
        return any(isinstance(need, kind) for need in self.declared)

    def __str__(self) -> str:
        return f"{self.method} {self.path}"


def routes() -> Iterator[Route]:
    for router in ROUTERS.values():
        for route in iter_route_contexts(router.routes):
            declared = declared_by(route.dependant)
            for method in sorted(route.methods or ()):
                yield Route(method, route.path or "", tuple(declared))


def sockets() -> Iterator[APIWebSocketRoute]:
    for router in ROUTERS.values():
        for route in router.routes:
            if isinstance(route, APIWebSocketRoute):
                yield route


ALL = list(routes())
SOCKETS = {route.path: route for route in sockets()}
# It calculates from what is sent and keeps nothing; a body is too long for an address.
CALCULATORS = {"POST /api/v1/tools/depth-walk"}
UNSAFE = [route for route in ALL if route.method not in SAFE_METHODS]
API = [route for route in ALL if route.is_a(Needs)]
PAGES = [route for route in ALL if route.is_a(NeedsSession)]


@dataclass(frozen=True)
class Browser:
    """A signed-in browser and who it is."""

    client: httpx.AsyncClient
    principal: Principal


@pytest.fixture(scope="session")
async def browser(whole: Running) -> Browser:
    cookie = await whole.desk.accounts.sign_in("admin", PASSWORD, HERE)
    principal = await whole.desk.accounts.identify(cookie, None)
    assert principal is not None
    client = whole.visitor(**HTML)
    client.cookies.set("sid", cookie)
    return Browser(client, principal)


def test_the_app_has_no_route_but_those_of_its_routers(kimp: Running) -> None:
    """A mount or a plain route would not pass the guard."""
    served = {
        f"{method} {route.path}"
        for route in iter_route_contexts(kimp.app.routes)
        for method in route.methods or {"MOUNT"}
    }
    assert served == {str(route) for route in ALL} | {f"MOUNT {path}" for path in SOCKETS}


@pytest.mark.parametrize("path", SOCKETS)
def test_a_socket_declares_what_it_needs(path: str) -> None:
    assert any(isinstance(need, Needs) for need in declared_by(SOCKETS[path].dependant))


def test_route_matrix_everything_declares_a_need() -> None:
    assert len(ALL) > 40
    assert [str(route) for route in ALL if not route.is_a(Need)] == []


def test_route_matrix_public_is_what_the_list_says() -> None:
    assert {str(route) for route in ALL if route.is_a(Public)} == PUBLIC


def test_route_matrix_reading_changes_nothing() -> None:
    """Whoever may only read finds no unsafe route."""
    assert {str(route) for route in UNSAFE if route.scopes == {Scope.READ}} == CALCULATORS


@pytest.mark.parametrize("route", API, ids=str)
async def test_route_matrix_api(kimp: Running, route: Route) -> None:
    async with kimp.visitor() as stranger:
        answer = await stranger.request(route.method, route.url)
        assert (answer.status_code, answer.json()["code"]) == (401, "not_signed_in")
    for scope in Scope:
        client = kimp.visitor(Authorization=await bearer(kimp, scope))
        enough = all(needed in {scope, Scope.READ} for needed in route.scopes)
        if enough and (route.path in ENDLESS or route.method not in SAFE_METHODS):
            continue  # the rooms' own tests ask for these
        answer = await client.request(route.method, route.url)
        if enough:
            assert answer.status_code not in {401, 403}
        else:
            assert (answer.status_code, answer.json()["code"]) == (403, "scope_missing")


@pytest.mark.parametrize("route", PAGES, ids=str)
async def test_route_matrix_pages(kimp: Running, browser: Browser, route: Route) -> None:
    async with kimp.visitor(**HTML) as stranger:
        answer = await stranger.request(route.method, route.url)
        assert answer.status_code == 303
        assert answer.headers["location"].partition("?")[0] == "/login"
    token = kimp.visitor(Authorization=await bearer(kimp, *Scope))
    assert (await token.request(route.method, route.url)).status_code == 403
    if route.method in SAFE_METHODS and route.path not in ENDLESS:
        answer = await browser.client.get(route.url)
        assert answer.status_code in {200, 404, 422, 303}
        assert not answer.headers.get("location", "").startswith("/login")


@pytest.mark.parametrize("route", UNSAFE, ids=str)
async def test_csrf_over_all_routes(browser: Browser, route: Route) -> None:
    right = {HEADER: browser.principal.csrf or ""}
    for headers in (
        {},
        {HEADER: "guess"},
        {**right, "Sec-Fetch-Site": "cross-site"},
        {**right, "Sec-Fetch-Site": "same-site"},
        {**right, "Origin": "https://evil.test"},
        {**right, "Origin": "null"},
    ):
        for body in ({}, {"json": {}}, {"data": {"x": "1"}}):
            answer = await browser.client.request(
                route.method, route.url, headers=headers | {"Accept": "*/*"}, **body
            )
            assert (answer.status_code, answer.json()["code"]) == (403, "csrf_failed")


async def test_csrf_nothing_changes_by_get(kimp: Running, browser: Browser) -> None:
    before = await dump(kimp)
    for route in ALL:
        if route.method == "GET" and route.path not in ENDLESS:
            for query in ("", "?lang=en&theme=light", "?_method=DELETE&action=delete&confirm=1"):
                await browser.client.get(route.url + query)
    assert await dump(kimp) == before


async def test_headers_over_all_routes(browser: Browser) -> None:
    for route in ALL:
        if route.method == "GET" and route.path not in ENDLESS:
            answer = await browser.client.get(route.url)
            for name, value in EVERYWHERE.items():
                if (name, route.path) != ("cache-control", "/manifest.webmanifest"):
                    assert answer.headers[name] == value, (name, route)
            assert answer.headers["x-request-id"]


async def test_no_inline_code_in_any_page(browser: Browser) -> None:
    """The policy would stop it; this says where it stands."""
    inline = re.compile(
        r"<script(?![^>]*\ssrc=)|<style|\sstyle\s*=|\son[a-z]+\s*=|javascript:|hx-on|\sjs:",
        re.IGNORECASE,
    )
    seen = 0
    for route in PAGES:
        if route.method == "GET" and route.path not in ENDLESS:
            answer = await browser.client.get(route.url)
            if answer.headers.get("content-type", "").startswith("text/html"):
                seen += 1
                assert not inline.search(answer.text), route
    assert seen > 5


async def bearer(kimp: Running, *scopes: Scope) -> str:
    """A token per set of scopes, issued once."""
    name = "matrix " + " ".join(scopes)
    if name not in TOKENS:
        issuer = Principal("pytest", frozenset(Scope))
        _, TOKENS[name] = await kimp.desk.accounts.create_token(issuer, name, scopes, HERE)
    return f"Bearer {TOKENS[name]}"


TOKENS: dict[str, str] = {}


async def dump(kimp: Running) -> dict[str, str]:
    """Every row of every table, but for the leases that the process itself renews meanwhile."""
    return await kimp.desk.db.read(
        lambda conn: {
            name: str(conn.exec_driver_sql(f"SELECT * FROM {name}").all())
            for (name,) in conn.exec_driver_sql(
                "SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite%'"
                " AND name != 'lease'"
            ).all()
        }
    )
