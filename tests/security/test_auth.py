"""Sign-in, first run and sign-out as a browser does them."""

from __future__ import annotations

import re
from http.cookies import SimpleCookie
from pathlib import Path

import httpx
import pytest

from app.routers.auth import local
from tests.appkit import PASSWORD, Running, running

HTML = {"Accept": "text/html", "Accept-Language": "en"}


def field(page: str, name: str) -> str:
    """The value of a form's hidden field."""
    found = re.search(rf'name="{name}" value="([^"]*)"', page)
    assert found, name
    return found[1]


async def send(client: httpx.AsyncClient, path: str, **fields: str) -> httpx.Response:
    """Open the page of a form, fill it in, send it."""
    page = (await client.get(path)).text
    hidden = {"csrf": field(page, "csrf"), "once": field(page, "once")}
    return await client.post(path.partition("?")[0], data=hidden | fields)


async def sign_in(client: httpx.AsyncClient, password: str = PASSWORD) -> httpx.Response:
    return await send(client, "/login", name="admin", password=password)


async def test_sign_in_and_out(kimp: Running) -> None:
    async with kimp.visitor(**HTML) as client:
        assert (await client.get("/settings")).headers["location"] == "/login?next=%2Fsettings"
        answer = await sign_in(client)
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        page = await client.get("/settings")
        assert page.status_code == 200
        cookie = client.cookies["sid"]
        answer = await client.post("/logout", data={"csrf": field(page.text, "csrf")})
        assert (answer.status_code, answer.headers["location"]) == (303, "/login")
        assert "sid" not in client.cookies
        client.cookies.set("sid", cookie)
        assert (await client.get("/settings")).status_code == 303, "dead on the server too"


async def test_a_signed_in_browser_is_led_past_the_form(kimp: Running) -> None:
    async with kimp.visitor(**HTML) as client:
        await sign_in(client)
        answer = await client.get("/login?next=/data")
        assert (answer.status_code, answer.headers["location"]) == (303, "/data")
        assert (await client.get("/setup")).headers["location"] == "/login"


async def test_a_wrong_password_says_so_and_keeps_the_name(kimp: Running) -> None:
    async with kimp.visitor(**HTML) as client:
        answer = await send(client, "/login?next=/data", name="admin", password="x", next="/data")
        assert answer.status_code == 401
        assert "bad_credentials" in answer.text
        assert 'value="admin"' in answer.text
        assert field(answer.text, "next") == "/data"
        assert "sid" not in client.cookies
        unknown = await send(client, "/login", name="nobody", password="x")
        shown = [
            re.sub(r"\b(nobody|admin|/data|[0-9a-f]{16})\b", "", each.text)
            for each in (answer, unknown)
        ]
        assert len(shown[0]) == len(shown[1]) or "bad_credentials" in shown[1]


async def test_bruteforce_of_the_form_gets_429(kimp: Running) -> None:
    async with kimp.visitor(**HTML) as client:
        for number in range(6):
            spoofed = {"X-Forwarded-For": f"203.0.113.{number}"}
            page = (await client.get("/login")).text
            answer = await client.post(
                "/login",
                data={"csrf": field(page, "csrf"), "name": "admin", "password": f"guess {number}"},
                headers=spoofed,
            )
            assert answer.status_code == (401 if number < 5 else 429)
        assert answer.headers["retry-after"] == "900"
        assert (await sign_in(client)).status_code == 429


async def test_session_fixation_is_not_possible(kimp: Running) -> None:
    async with kimp.visitor(**HTML) as client:
        client.cookies.set("sid", "chosen-by-somebody-else")
        await sign_in(client)
        values = [cookie.value for cookie in client.cookies.jar if cookie.name == "sid"]
        assert values[-1] != "chosen-by-somebody-else"
        first = values[-1]
    async with kimp.visitor(**HTML) as client:
        client.cookies.set("sid", first, domain="127.0.0.1")
        page = (await client.get("/settings")).text
        assert "admin" in page
        client.cookies.delete("sid")
        client.cookies.set("sid", first)
        login = await kimp.visitor(**HTML).get("/login")
        client.cookies.set("form", field(login.text, "csrf"))
        await client.post(
            "/login",
            data={"csrf": field(login.text, "csrf"), "name": "admin", "password": PASSWORD},
        )
    async with kimp.visitor(**HTML) as client:
        client.cookies.set("sid", first)
        assert (await client.get("/settings")).status_code == 303, "the session before is over"


async def test_idempotent_forms_sign_in_opens_one_session(kimp: Running) -> None:
    async with kimp.visitor(**HTML) as client:
        page = (await client.get("/login")).text
        form = {
            "csrf": field(page, "csrf"),
            "once": field(page, "once"),
            "name": "admin",
            "password": PASSWORD,
        }
        answers = [await client.post("/login", data=form) for _ in range(2)]
    assert len({answer.headers["set-cookie"] for answer in answers}) == 1


async def test_idempotent_forms_a_double_click_issues_one_token(kimp: Running) -> None:
    async with kimp.visitor(**HTML) as client:
        await sign_in(client)
        page = (await client.get("/settings")).text
        form = {
            "csrf": field(page, "csrf"),
            "once": field(page, "once"),
            "name": "double click",
            "scope": "read",
        }
        first, second = [await client.post("/settings/tokens", data=form) for _ in range(2)]
    issued = [row for row in await kimp.desk.accounts.tokens() if row.name == "double click"]
    assert len(issued) == 1
    assert f"kimp_{issued[0].id}_" in first.text
    assert first.text == second.text


async def test_cookie_flags_on_plain_loopback(kimp: Running) -> None:
    async with kimp.visitor(**HTML) as client:
        answer = await sign_in(client)
    flags = SimpleCookie(answer.headers["set-cookie"])["sid"]
    assert flags["httponly"]
    assert flags["samesite"] == "strict"
    assert flags["path"] == "/"
    assert not flags["secure"]


async def test_cookie_flags_under_tls(tmp_path: Path) -> None:
    async with running(tmp_path, PUBLIC_URL="https://kimp.example.org") as kimp:
        transport = httpx.ASGITransport(app=kimp.app)
        origin = "https://kimp.example.org"
        async with httpx.AsyncClient(transport=transport, base_url=origin, headers=HTML) as client:
            answer = await sign_in(client)
            set_cookie = answer.headers["set-cookie"]
            assert (await client.get("/settings")).status_code == 200
    assert set_cookie.startswith("__Host-sid=")
    for flag in ("; HttpOnly", "; Path=/", "; SameSite=strict", "; Secure"):
        assert flag in set_cookie
    assert "Domain" not in set_cookie


async def test_first_run_in_the_browser(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    async with running(tmp_path, ADMIN_PASSWORD="") as kimp, kimp.visitor(**HTML) as client:
        printed = re.search(r"type the code (\S+)", capsys.readouterr().err)
        assert printed
        assert (await client.get("/")).headers["location"] == "/setup"
        assert (await client.get("/login")).headers["location"] == "/setup"
        answer = await send(client, "/setup", code="AAAA-AAAA-AAAA", name="mina", password="short")
        assert answer.status_code == 422
        choices = {"lang": "en", "updown": "intl", "initial_capital_krw": "250,000,000"}
        answer = await send(
            client, "/setup", code=printed[1], name="Mina", password=PASSWORD, **choices
        )
        assert (answer.status_code, answer.headers["location"]) == (303, "/")
        assert client.cookies["kimp_lang"] == "en"
        assert (await client.get("/settings")).status_code == 200
        settings = await kimp.desk.preferences.all()
        assert settings["backtest.initial_capital_krw"].value == 250_000_000
        assert settings["display.updown"].value == "intl"
        assert settings["display.updown"].changed_by == "mina"
        async with kimp.visitor(**HTML) as late:
            assert (await late.get("/setup")).headers["location"] == "/login"


async def test_first_run_refuses_a_capital_that_is_none(tmp_path: Path) -> None:
    async with running(tmp_path, ADMIN_PASSWORD="") as kimp, kimp.visitor(**HTML) as client:
        answer = await send(
            client,
            "/setup",
            code="AAAA-AAAA-AAAA",
            name="mina",
            password=PASSWORD,
            initial_capital_krw="a lot",
        )
        assert answer.status_code == 422
        assert 'value="a lot"' in answer.text


@pytest.mark.parametrize(
    "next_",
    [
        "https://evil.test/",
        "//evil.test",
        "///evil.test",
        "/\\evil.test",
        "\\\\evil.test",
        "/\t/evil.test",
        "/\n/evil.test",
        " /evil",
        "javascript:alert(1)",
        "data",
        "",
        "/" + "\x00",
    ],
)
async def test_redirect_leads_nowhere_else(kimp: Running, next_: str) -> None:
    assert local(next_) == "/"
    async with kimp.visitor(**HTML) as client:
        answer = await send(client, "/login", name="admin", password=PASSWORD, next=next_)
        assert answer.headers["location"] == "/"


def test_redirect_leads_back() -> None:
    for next_ in ("/", "/data", "/backtests/b-1?tab=cycles&x=//y", "/settings#tokens"):
        assert local(next_) == next_
