"""How a viewer is known, and that a fragment is the page's own block."""

from __future__ import annotations

from pathlib import Path

import httpx
import pytest
from starlette.requests import HTTPConnection

from app.routers.render import PAGES, Viewer, browser, fragment, viewer
from tests.appkit import PASSWORD, Running, running


def asked(query: str = "", cookie: str = "", speaks: str = "", **stored: str) -> Viewer:
    headers = [(b"cookie", cookie.encode()), (b"accept-language", speaks.encode())]
    scope = {"type": "http", "query_string": query.encode(), "headers": headers, "state": {}}
    if stored:
        scope["state"] = {"display": stored}
    return viewer(HTTPConnection(scope))


@pytest.mark.parametrize(
    ("query", "cookie", "speaks", "lang"),
    [
        ("", "", "", "ko"),
        ("", "", "en-GB,en;q=0.8,ko;q=0.5", "en"),
        ("", "", "fr,de;q=0.7", "ko"),
        ("", "kimp_lang=ko", "en", "ko"),
        ("lang=en", "kimp_lang=ko", "ko", "en"),
        ("lang=xx", "kimp_lang=en", "", "en"),
    ],
)
def test_the_address_wins_over_the_cookie_and_that_over_the_browser(
    query: str, cookie: str, speaks: str, lang: str
) -> None:
    assert asked(query, cookie, speaks).lang == lang


def test_direction_colours_follow_the_language_unless_they_are_set() -> None:
    assert asked("lang=ko").updown == "kr"
    assert asked("lang=en").updown == "intl"
    assert asked("lang=en", updown="kr").updown == "kr"
    assert asked("lang=ko", updown="auto").updown == "kr"


def test_zone_and_density_are_the_stored_ones() -> None:
    seen = asked("", "", "", timezone="UTC", density="comfortable")
    assert (seen.zone, seen.density) == ("UTC", "comfortable")


@pytest.mark.parametrize(
    ("agent", "name"),
    [
        ("Mozilla/5.0 (X11; Linux x86_64) Chrome/156.0 Safari/537.36", "Chrome · Linux"),
        ("Mozilla/5.0 (Windows NT 10.0) Chrome/156.0 Safari/537.36 Edg/156.0", "Edge · Windows"),
        ("Mozilla/5.0 (iPhone; CPU iPhone OS 19 like Mac OS X) Safari/604.1", "Safari · iPhone"),
        ("curl/8.5.0", "curl"),
        ("", "?"),
    ],
)
def test_a_browser_is_called_what_people_call_it(agent: str, name: str) -> None:
    assert browser(agent) == name


def test_a_fragment_needs_no_request_and_speaks_the_viewer_s_language() -> None:
    korean = fragment(Viewer("ko"), "jobs.html", "jobs", jobs=[]).decode()
    english = fragment(Viewer("en"), "jobs.html", "jobs", jobs=[]).decode()
    assert "돌고 있는 일이 없습니다." in korean
    assert "Nothing is running." in english
    assert "<html" not in korean


async def signed_in(kimp: Running, **headers: str) -> httpx.AsyncClient:
    """A browser's client with a session."""
    client = kimp.visitor(**headers)
    page = await client.get("/login")
    token = page.text.partition('name="csrf" value="')[2].partition('"')[0]
    answer = await client.post(
        "/login", data={"name": "admin", "password": PASSWORD, "csrf": token}
    )
    assert answer.status_code == 303, answer.text
    return client


async def test_every_page_of_the_nav_answers_and_marks_itself(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        client = await signed_in(kimp, **{"accept-language": "en"})
        for name, entry in PAGES.items():
            answer = await client.get(entry.path, headers={"accept": "text/html"})
            assert answer.status_code == 200, name
            marked = answer.text.partition('aria-current="page">')[2].partition("<")[0]
            assert marked.lower() == name
            assert answer.headers["cache-control"] == "no-store"


async def test_a_part_of_a_page_comes_without_its_frame(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        client = await signed_in(kimp)
        for path in ("/?part=now", "/data?part=stored", "/data/queue", "/system?part=health"):
            answer = await client.get(path)
            assert answer.status_code == 200, path
            assert "<html" not in answer.text, path


async def test_a_choice_in_the_address_is_kept_in_a_cookie(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        visitor = kimp.visitor()
        answer = await visitor.get("/login?theme=light&lang=en")
        assert 'data-theme="light"' in answer.text
        again = await visitor.get("/login")
    assert 'data-theme="light"' in again.text
    assert '<html lang="en"' in again.text
