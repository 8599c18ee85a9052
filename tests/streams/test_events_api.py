"""The addresses of the streams and of operations, on the whole app behind its front door."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest
from prometheus_client.parser import text_string_to_metric_families

from app.ledger.database import Database
from app.main import Kimp, create_app
from app.runtime.desk import Desk
from app.runtime.streams.board import TOPICS
from app.settings import load
from tests.appkit import API_TOKEN, PASSWORD
from tests.streams.kit import PATIENCE_S, Listener, Served, served, until

BEARER = {"Authorization": f"Bearer {API_TOKEN}"}


@dataclass
class Whole:
    """The app on a real socket, the desk behind it, a program and a browser in front."""

    app: Kimp
    server: Served
    program: httpx.AsyncClient
    anyone: httpx.AsyncClient

    @property
    def desk(self) -> Desk:
        desk: Desk = self.app.state.desk
        return desk

    async def listen(self, target: str, **headers: str) -> Listener:
        return await self.server.listen(target, headers=headers or BEARER)


@pytest.fixture(scope="module")
async def kimp(tmp_path_factory: pytest.TempPathFactory) -> AsyncGenerator[Whole, None]:
    folder: Path = tmp_path_factory.mktemp("kimp")
    environment = {
        "KIMP_ENV": "test",
        "KIMP_DATA_DIR": str(folder),
        "KIMP_API_TOKEN": API_TOKEN,
        "KIMP_ADMIN_PASSWORD": PASSWORD,
        "KIMP_FEEDS": "off",
    }
    settings = load(environment)
    await Database.migrate(settings.database_url)
    app = create_app(settings)
    async with served(app, stopping=lambda: app.state.desk.hub.close()) as server:  # noqa: PLW0108
        base = f"http://127.0.0.1:{server.port}"
        async with (
            httpx.AsyncClient(base_url=base, headers=BEARER, timeout=PATIENCE_S) as program,
            httpx.AsyncClient(base_url=base, timeout=PATIENCE_S) as anyone,
        ):
            yield Whole(app, server, program, anyone)


@pytest.fixture
async def browser(kimp: Whole) -> AsyncGenerator[httpx.AsyncClient, None]:
    """A person who has signed in."""
    base = str(kimp.anyone.base_url)
    async with httpx.AsyncClient(base_url=base, timeout=PATIENCE_S) as web:
        page = await web.get("/login")
        csrf = page.text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
        form = {"csrf": csrf, "name": "admin", "password": PASSWORD}
        answer = await web.post("/login", data=form, headers={"Origin": base})
        assert answer.status_code == 303, answer.text
        yield web


def cookies(web: httpx.AsyncClient) -> str:
    return "; ".join(f"{name}={value}" for name, value in web.cookies.items())


async def test_every_topic_of_the_registry_answers_its_full_state_first(kimp: Whole) -> None:
    listener = await kimp.listen(f"/api/v1/events?topics={','.join(reversed(TOPICS))}")

    events = [await listener.event() for _ in TOPICS]

    assert [event.name for event in events] == list(TOPICS)
    assert all(event.json["full"] for event in events)
    assert {frozenset(event.json) for event in events} == {
        frozenset({"at", "full", "items", "remove"})
    }
    listener.close()


async def test_without_topics_it_is_all_of_them(kimp: Whole) -> None:
    listener = await kimp.listen("/api/v1/events")

    assert [(await listener.event()).name for _ in TOPICS] == list(TOPICS)
    listener.close()


async def test_health_is_that_of_the_venues_and_empty_while_none_is_watched(kimp: Whole) -> None:
    listener = await kimp.listen("/api/v1/events?topics=health")

    assert (await listener.event()).json["items"] == []

    told = (await kimp.program.get("/api/v1/exchanges")).json()
    assert told["items"] == []
    listener.close()


async def test_what_is_published_is_heard(kimp: Whole) -> None:
    listener = await kimp.listen("/api/v1/events?topics=stats&hz=0")
    await listener.event()

    kimp.desk.hub.publish("stats", {"today": {"trades": 3}})

    event = await listener.event()
    assert (event.json["full"], event.json["items"]) == (False, [{"trades": 3}])
    listener.close()


@pytest.mark.parametrize(
    ("query", "column"),
    [
        ("topics=backtests,nonsense", "topics"),
        ("topics=", "topics"),
        ("topics=backtests,", "topics"),
        ("topics=Backtests", "topics"),
        ("hz=11", "hz"),
        ("hz=-1", "hz"),
        ("hz=fast", "hz"),
        ("hz=1.5", "hz"),
    ],
)
async def test_an_unknown_topic_or_rate_is_refused(kimp: Whole, query: str, column: str) -> None:
    answer = await kimp.program.get(f"/api/v1/events?{query}")

    assert answer.status_code == 422
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "invalid_fields"
    assert [error["column"] for error in answer.json()["errors"]] == [column]
    assert kimp.desk.hub.open == 0


async def test_nobody_listens_without_a_name(kimp: Whole) -> None:
    assert (await kimp.anyone.get("/api/v1/events")).status_code == 401
    answer = await kimp.anyone.get(f"/api/v1/events?token={API_TOKEN}")
    assert answer.status_code == 401, "a token is taken from the header only"


async def test_a_session_listens_from_its_own_pages_only(
    kimp: Whole, browser: httpx.AsyncClient
) -> None:
    for target in ("/api/v1/events?topics=stats", "/stream/backtests"):
        own = await kimp.listen(target, Cookie=cookies(browser))
        assert own.status == 200
        own.close()
        for foreign in ({"Origin": "https://evil.test"}, {"Sec-Fetch-Site": "cross-site"}):
            other = await kimp.listen(target, Cookie=cookies(browser), **foreign)
            assert other.status == 403
            other.close()


async def test_a_page_s_stream_speaks_the_viewer_s_language(
    kimp: Whole, browser: httpx.AsyncClient
) -> None:
    kimp.desk.hub.fragment("system", "greeting", lambda view: f"{view.lang} {view.zone}".encode())

    for lang in ("ko", "en"):
        listener = await kimp.listen(
            "/stream/system", Cookie=f"{cookies(browser)}; kimp_lang={lang}"
        )
        event = await listener.until(lambda event: "#greeting" in str(event.data))
        assert f">{lang} Asia/Seoul<" in str(event.data)
        listener.close()


@pytest.mark.parametrize("page", ["nowhere", "", "backtests/../data", "backtests/b-1/x", "%2e%2e"])
async def test_a_page_without_a_stream_is_not_found(
    kimp: Whole, browser: httpx.AsyncClient, page: str
) -> None:
    answer = await kimp.listen(f"/stream/{page}", Cookie=cookies(browser))

    assert answer.status == 404
    answer.close()


async def test_a_page_s_stream_needs_a_session(kimp: Whole) -> None:
    hidden = {"HX-Request": "true", "Accept": "text/event-stream"}

    assert (await kimp.anyone.get("/stream/backtests", headers=hidden)).status_code == 401
    assert (await kimp.program.get("/stream/backtests")).status_code == 403


async def test_signing_out_ends_the_session_s_streams(
    kimp: Whole, browser: httpx.AsyncClient
) -> None:
    ours = await kimp.listen("/api/v1/events?topics=stats", Cookie=cookies(browser))
    other = await kimp.listen("/api/v1/events?topics=stats")
    await ours.event()
    await other.event()

    page = await browser.get("/settings")
    csrf = page.text.split('name="csrf" value="', 1)[1].split('"', 1)[0]
    base = str(browser.base_url)
    await browser.post("/logout", data={"csrf": csrf}, headers={"Origin": base})

    await until(lambda: kimp.desk.hub.open == 1)
    async with asyncio.timeout(PATIENCE_S):
        with pytest.raises((EOFError, ConnectionError, asyncio.IncompleteReadError, ValueError)):
            while True:
                await ours.event()
    kimp.desk.hub.publish("stats", {"today": {"trades": 4}})
    assert (await other.event()).json["items"] == [{"trades": 4}]
    other.close()


async def test_alive_is_public_and_says_nothing_else(kimp: Whole) -> None:
    answer = await kimp.anyone.get("/healthz")

    assert answer.status_code == 200
    assert answer.json() == {"status": "ok"}


async def test_ready_tells_everybody_whether_and_only_its_own_people_what(kimp: Whole) -> None:
    async with asyncio.timeout(PATIENCE_S * 4):
        while (await kimp.anyone.get("/readyz")).status_code != 200:
            await asyncio.sleep(0.2)

    anyone, program = await kimp.anyone.get("/readyz"), await kimp.program.get("/readyz")

    assert anyone.json() == {"ready": True}
    found = program.json()
    assert found["ready"] is True
    assert {check["name"] for check in found["checks"]} == {"database", "disk", "workers"}
    assert {frozenset(check) for check in found["checks"]} == {
        frozenset({"name", "ok", "detail", "ms"})
    }


async def test_metrics_need_the_scope_read_and_are_prometheus_s(kimp: Whole) -> None:
    assert (await kimp.anyone.get("/metrics")).status_code == 401
    await kimp.program.get("/api/v1/datasets/d-404404")
    await kimp.program.get("/no/such/address")
    listener = await kimp.listen("/api/v1/events?topics=stats")

    answer = await kimp.program.get("/metrics")

    assert answer.headers["content-type"].startswith("text/plain")
    families = [*text_string_to_metric_families(answer.text)]
    assert all(family.name.startswith("kimp_") for family in families)
    samples = [sample for family in families for sample in family.samples]
    figures = {sample.name: sample.value for sample in samples if not sample.labels}
    assert figures["kimp_streams"] == 1
    assert figures["kimp_stream_messages_total"] > 0
    counted = [sample for sample in samples if sample.name == "kimp_http_requests_total"]
    routes = {each.labels["route"] for each in counted if each.labels["status"] == "404"}
    assert "none" in routes, "addresses of no route share one name"
    assert not [route for route in routes if "404404" in route or "/no/such" in route]
    listener.close()


async def test_a_stream_is_counted_when_it_ends_but_has_no_duration(kimp: Whole) -> None:
    async def figure(name: str, **labels: str) -> float:
        families = text_string_to_metric_families((await kimp.program.get("/metrics")).text)
        wanted = {"route": "/api/v1/events", **labels}.items()
        return sum(
            sample.value
            for family in families
            for sample in family.samples
            if sample.name == name and wanted <= sample.labels.items()
        )

    ended = await figure("kimp_http_requests_total", status="200")
    timed = await figure("kimp_http_request_seconds_count")

    listener = await kimp.listen("/api/v1/events?topics=stats")
    await listener.event()
    listener.close()
    await until(lambda: kimp.desk.hub.open == 0)

    assert await figure("kimp_http_requests_total", status="200") == ended + 1
    assert await figure("kimp_http_request_seconds_count") == timed


async def test_streams_are_documented(kimp: Whole) -> None:
    document = (await kimp.program.get("/openapi.json")).json()

    listen = document["paths"]["/api/v1/events"]["get"]
    assert "text/event-stream" in listen["responses"]["200"]["content"]
    assert {"401", "403", "422", "429"} <= set(listen["responses"])
    assert {parameter["name"] for parameter in listen["parameters"]} >= {"topics", "hz"}
    assert {"/healthz", "/readyz", "/metrics"} <= set(document["paths"])
