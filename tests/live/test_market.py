"""The market's own life: it begins, is switched, and begins anew after a bug of ours."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncGenerator
from pathlib import Path

import pytest

from app.domain.events import Event
from app.runtime import market as module
from tests.appkit import Running, running

NOWHERE = {
    f"{venue}_{kind}_URL": f"{scheme}://127.0.0.1:9"
    for venue in ("UPBIT", "BINANCE")
    for kind, scheme in (("WS", "ws"), ("REST", "http"))
}


class Unheard(Event, frozen=True):
    """An event that no engine knows: a bug of ours."""


@pytest.fixture
async def kimp(tmp_path: Path) -> AsyncGenerator[Running, None]:
    """Two venues that do not answer."""
    names = NOWHERE | {"FEEDS": "", "VENUES": "upbit,binance", "FX_FIXED": "1400"}
    async with running(tmp_path, **names) as kimp:
        await kimp.client.put("/api/v1/settings/feeds", json={"value": "off"})
        yield kimp


async def until(kimp: Running, state: str) -> None:
    async with asyncio.timeout(60):
        while kimp.desk.market.state != state:
            await asyncio.sleep(0.02)


async def test_settings_switch_the_market_on_and_off(kimp: Running) -> None:
    assert (await kimp.client.get("/api/v1/exchanges")).json()["items"] == []

    await kimp.client.put("/api/v1/settings/feeds", json={"value": "live"})
    await until(kimp, "running")
    rows = (await kimp.client.get("/api/v1/exchanges")).json()["items"]
    assert {row["venue"] for row in rows} == {"upbit", "binance"}
    assert not any(row["valid_books"] for row in rows)

    await kimp.client.put("/api/v1/settings/feeds", json={"value": "off"})
    await until(kimp, "off")
    assert (await kimp.client.get("/api/v1/exchanges")).json()["items"] == []


async def test_after_a_bug_nothing_is_decided_until_the_market_has_begun_anew(
    kimp: Running, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "RESTART_S", 0.5)
    market = kimp.desk.market
    await market.switch_feeds("live", by="a test")
    await until(kimp, "running")
    run = market._run
    assert run is not None

    run.session.take(Unheard(1))

    assert market.state == "stopped"
    assert market.reason is not None
    assert "Unheard" in market.reason
    frames = run.session.frames
    run.session.take(Unheard(2))
    assert run.session.frames == frames
    await until(kimp, "running")
    assert market._run is not run
    assert market.reason is None
