"""The demo as a newcomer meets it: no internet, no keys, nine venues."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.browser.service import Service, running
from tests.live.world import VENUES, until

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with running(tmp_path_factory.mktemp("demo"), KIMP_FEEDS="demo") as service:
        yield service


@pytest.fixture(scope="module")
def api(demo: Service) -> Iterator[httpx.Client]:
    with demo.api() as client:
        until(lambda: len(live_venues(client)) == len(VENUES), 60, lambda: venues(client))
        yield client


def items(api: httpx.Client, path: str, **asked: object) -> list[dict[str, Any]]:
    answer = api.get(path, params={"limit": 1000, **asked})
    answer.raise_for_status()
    return list(answer.json()["items"])


def venues(api: httpx.Client) -> dict[str, str]:
    return {row["venue"]: row["state"] for row in items(api, "/exchanges")}


def live_venues(api: httpx.Client) -> list[str]:
    return [venue for venue, state in venues(api).items() if state == "live"]


def test_every_venue_is_live_with_valid_uncrossed_books(api: httpx.Client) -> None:
    rows = [row for row in items(api, "/prices") if row["valid"]]
    assert {row["venue"] for row in rows} == set(VENUES)
    assert all(row["bid"] < row["ask"] for row in rows)


def test_premiums_move_and_keep_their_identity(api: httpx.Client) -> None:
    def realizable() -> dict[str, float]:
        found = {row["id"]: row["realizable_bps"] for row in items(api, "/premiums")}
        return {name: bps for name, bps in found.items() if bps is not None}

    first = until(realizable, 30)
    until(lambda: any(realizable().get(name) != bps for name, bps in first.items()), 30)
    with_won = [row for row in items(api, "/premiums") if row["kimchi_bps"] is not None]
    assert with_won
    for row in with_won:
        both = (1 + row["usdlike_bps"] / 1e4) * (1 + row["usdt_bps"] / 1e4)
        assert 1 + row["kimchi_bps"] / 1e4 == pytest.approx(both, rel=1e-9)


def test_opportunities_appear_die_and_can_be_explained_afterwards(api: httpx.Client) -> None:
    def ended() -> list[dict[str, Any]]:
        rows = items(api, "/opportunities", status="closed")
        return [row for row in rows if row["id"].startswith("o-") and row["closed_at"]]

    row = until(ended, 150, lambda: items(api, "/opportunities"))[0]
    told = api.get(f"/opportunities/{row['id']}").json()["explanation"]
    parts = sum(step["bps"] for step in told["steps"] if step["kind"] == "part")
    sums = [step["bps"] for step in told["steps"] if step["kind"] == "sum"]
    assert sums[0] + parts == pytest.approx(sums[-1], abs=0.01)


def test_the_twin_is_in_quarantine_and_no_opportunity(api: httpx.Client) -> None:
    pairs = until(lambda: items(api, "/identities"), 30)
    doubtful = {
        (row["base"], frozenset((row["venue"], row["other"])))
        for row in pairs
        if row["decision"] is None
    }
    assert doubtful
    for status in ("live", "closed"):
        for row in items(api, "/opportunities", status=status):
            pair = row["base"], frozenset((row["buy_venue"], row["sell_venue"]))
            assert row["status"] == "REFUSED" or pair not in doubtful


def test_every_page_says_that_it_is_a_demo(demo: Service) -> None:
    with httpx.Client(base_url=demo.url, follow_redirects=True, trust_env=False) as visitor:
        page = visitor.get("/login")
    assert 'data-feeds="demo"' in page.text
    assert "DEMO" in page.text


def test_the_market_dies_with_the_service(tmp_path: Path) -> None:
    with running(tmp_path, KIMP_FEEDS="demo") as service, service.api() as client:
        until(lambda: live_venues(client), 60)
        prices = client.get("/fx").json()["items"][0]["sources"][0]["source"]
    port = int(prices.split(":")[1].split("/")[0])
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port}/v6/latest/USD", trust_env=False)
