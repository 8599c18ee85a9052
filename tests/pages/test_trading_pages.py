"""Pages of trading as a browser gets them, over the ledger of a told day."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from itertools import product
from pathlib import Path

import httpx

from app.ledger import trading_state
from tests.appkit import Running, running
from tests.pages.test_render import signed_in
from tests.pages.trading_story import DEAD, DONE, MOVING, NOTHING, RETRY, UNSURE, story


@asynccontextmanager
async def told(folder: Path, **headers: str) -> AsyncIterator[tuple[Running, httpx.AsyncClient]]:
    async with running(folder) as kimp:
        await kimp.desk.db.write(story)
        yield kimp, await signed_in(kimp, **{"accept-language": "en", **headers})


def words(page: str) -> str:
    """What is read of it, without the tags."""
    return re.sub(r"\s+", " ", re.sub(r"<[^>]+>", " ", page))


def field(page: str, name: str, form: str) -> str:
    """The value of a form's hidden field, inside of the form or standing apart with its id."""
    inside = re.search(rf'<form id="{form}".*?</form>', page, re.DOTALL)
    assert inside is not None
    found = re.search(rf'name="{name}" value="([^"]*)"', inside[0]) or re.search(
        rf'name="{name}" value="([^"]*)" form="{form}"', page
    ) or re.search(rf'form="{form}" name="{name}" value="([^"]*)"', page)  # fmt: skip
    assert found is not None, name
    return found[1]


async def test_each_tab_has_its_cycles(tmp_path: Path) -> None:
    tabs = {
        "open": ([MOVING, RETRY, UNSURE], [DONE, DEAD, NOTHING]),
        "retry": ([RETRY], [MOVING, DEAD, DONE]),
        "dead": ([DEAD], [RETRY, DONE]),
        "finished": ([DONE, NOTHING], [DEAD, MOVING]),
    }
    async with told(tmp_path) as (_, client):
        for tab, (shown, absent) in tabs.items():
            page = (await client.get("/cycles", params={"tab": tab})).text
            rows = page.split('id="rows"')[1].split("</tbody>")[0]
            assert all(f'id="{each}"' in rows for each in shown), tab
            assert not any(f'id="{each}"' in rows for each in absent), tab


async def test_a_list_without_rows_says_what_would_make_one(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        client = await signed_in(kimp, **{"accept-language": "en"})
        nothing = words((await client.get("/cycles")).text)
        dead = words((await client.get("/cycles?tab=dead")).text)
        other = words((await client.get("/cycles?base=doge")).text)
    assert "No cycle is open. Paper trading is halted" in nothing
    assert "Start paper trading" in nothing
    assert "No dead letters. That is as it should be." in dead
    assert "None of DOGE." in other


async def test_every_cycle_has_a_page_of_its_own(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, client):
        for cycle, lang in product((DONE, MOVING, DEAD, RETRY, UNSURE, NOTHING), ("en", "ko")):
            answer = await client.get(f"/cycles/{cycle}", params={"lang": lang})
            assert answer.status_code == 200, (cycle, lang)
            assert f'hx-sse:connect="/stream/cycles/{cycle}"' in answer.text
            assert "undefined" not in answer.text


async def test_every_column_of_a_cycle_s_ledger_sums_to_zero(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, client):
        for cycle in (DONE, MOVING, DEAD):
            page = (await client.get(f"/cycles/{cycle}")).text
            total = page.split('<tr class="sum"><th scope="row">Sum')[1].split("</tr>")[0]
            sums = re.findall(r'<td class="n">([^<]*)</td>', total)
            assert sums, cycle
            assert set(sums) == {"0"}, cycle


async def test_a_dead_letter_names_its_reason_and_the_three_ways_on(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, client):
        page = (await client.get(f"/cycles/{DEAD}")).text
    assert "no way home is open" in page, "the reason in words, in its title"
    for action in ("retry", "compensate", "close"):
        assert f'href="/cycles/{DEAD}/{action}"' in page
        assert f'<form id="act-{action}" method="post"' in page
    assert "AWAITING_REBALANCE" in page


async def test_an_action_carries_the_version_that_was_seen(tmp_path: Path) -> None:
    async with told(tmp_path) as (kimp, client):
        page = (await client.get(f"/cycles/{DEAD}/close")).text
        sent = {name: field(page, name, "act-close") for name in ("csrf", "once", "version")}
        now = await client.post(f"/cycles/{DEAD}/close", data=sent | {"note": "sold"})
        old = await client.post(f"/cycles/{DEAD}/close", data=sent | {"version": "1", "once": "x"})
        forged = await client.post(f"/cycles/{DEAD}/close", data=sent | {"csrf": "y", "once": "z"})
        state = await kimp.desk.trading.reading.cycle(DEAD)
    assert "Close this cycle by hand?" in page
    assert now.status_code == 503, "no engine decides while feeds are off"
    assert old.status_code == 409
    assert "The cycle has moved on" in old.text
    assert f"You saw version 1 of {DEAD}" in old.text
    assert forged.status_code == 403
    assert state.state == "DEAD_LETTER", "nothing was done"


async def test_a_version_that_is_no_number_is_refused(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, client):
        page = (await client.get(f"/cycles/{DEAD}/retry")).text
        csrf = field(page, "csrf", "act-retry")
        for version in ("", "-1", "one", "9" * 30):
            sent = {"csrf": csrf, "version": version}
            answer = await client.post(f"/cycles/{DEAD}/retry", data=sent)
            assert answer.status_code == 422, version


async def test_nothing_else_can_be_asked_of_a_cycle(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, client):
        assert (await client.get(f"/cycles/{DEAD}/burn")).status_code == 404
        assert (await client.get("/cycles/c-4711")).status_code == 404
        assert (await client.get("/orders/or-4711")).status_code == 404


async def test_unknown_orders_come_first_with_their_last_question(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, client):
        page = (await client.get("/orders")).text
    unsure = page.split('id="unsure"')[1].split("</tbody>")[0]
    assert unsure.count("<tr") == 1
    assert "UNKNOWN" in unsure
    assert "by its id" in unsure
    assert f'href="/cycles/{UNSURE}"' in unsure
    assert page.index('id="unsure"') < page.index('id="rows"')


async def test_an_order_shows_what_its_state_rests_on(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, client):
        unsure = words((await client.get("/orders/buy-5")).text)
        refused = words((await client.get("/orders/buy-6")).text)
        moved = words((await client.get("/orders/way-1")).text)
    assert "no clear answer" in unsure
    assert "not there" in unsure
    assert "insufficient_balance" in refused
    assert "x-way-1" in moved, "its transaction"
    assert "399.4 XRP" in moved


async def test_lists_of_intents_are_filtered_by_the_address(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, client):
        one = (await client.get("/orders", params={"state": "REJECTED"})).text
        moved = (await client.get("/orders", params={"kind": "transfers", "cycle": MOVING})).text
        strange = await client.get("/orders", params={"state": "NOPE", "kind": "x", "venue": "y"})
    rows = one.split('id="rows"')[1].split("</tbody>")[0]
    assert rows.count("<tr") == 1
    assert "buy-6" in rows
    rows = moved.split('id="rows"')[1].split("</tbody>")[0]
    assert rows.count("<tr") == 1
    assert "ON_CHAIN" in rows
    assert strange.status_code == 200, "what it does not know it leaves out"


async def test_wallets_keep_what_is_free_reserved_and_in_flight_apart(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, client):
        page = (await client.get("/wallets?dust=shown")).text
        won = (await client.get("/wallets?unit=krw")).text
    row = page.split('id="b-XRP"')[1].split("</tr>")[0]
    assert "399.4 XRP" in row, "in flight, whole in its title"
    assert 'id="b-DOGE"' in page
    assert "Ledger sums to zero" in page
    assert 'aria-current="true">KRW</a>' in won
    assert "What can leave Korea now" in page


async def test_performance_counts_what_has_finished(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, client):
        page = words((await client.get("/performance")).text)
    assert "+29,000" in page
    assert "100.0 %" in page, "one of one was won"


async def test_the_dashboard_reads_out_what_trading_came_to(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, client):
        page = words((await client.get("/")).text)
    assert "Today since 09:00 KST +29,000 KRW" in page
    assert "Dead letters 1" in page
    assert "Unknown 1" in page


async def test_the_state_switch_is_on_every_page_and_works_without_script(
    tmp_path: Path,
) -> None:
    async with running(tmp_path) as kimp:
        client = await signed_in(kimp, **{"accept-language": "en"})
        page = (await client.get("/guide")).text
        assert 'name="state" value="HALTED" aria-pressed="true"' in page
        names = ("csrf", "once", "version", "back")
        sent = {name: field(page, name, "state-form") for name in names}
        answer = await client.post("/risk/state", data=sent | {"state": "ACTIVE"})
        assert (answer.status_code, answer.headers["location"]) == (303, "/guide")
        late = await client.post("/risk/state", data=sent | {"state": "REDUCING", "once": "2"})
        row = await kimp.desk.db.read(trading_state.read, "paper")
        halted = await client.post("/risk/state", data=sent | {"state": "HALTED", "once": "3"})
        after = await kimp.desk.db.read(trading_state.read, "paper")
    assert late.status_code == 409, "somebody else has changed it meanwhile"
    assert "Nothing was done" in late.text
    assert (row.state, row.by) == ("ACTIVE", "admin")
    assert halted.status_code == 303, "a halt is done whatever the person saw"
    assert after.state == "HALTED"


async def test_the_kill_switch_asks_twice_and_is_let_go_of_by_halted(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        client = await signed_in(kimp, **{"accept-language": "en"})
        guard = (await client.get("/risk/kill")).text
        before = await kimp.desk.db.read(trading_state.read, "paper")
        sent = {name: field(guard, name, "kill-form") for name in ("csrf", "once", "back")}
        answer = await client.post("/risk/kill", data=sent | {"reason": "a fire drill"})
        page = (await client.get("/risk")).text
        switch = {name: field(page, name, "state-form") for name in ("csrf", "once", "version")}
        active = await client.post("/risk/state", data=switch | {"state": "ACTIVE"})
        await client.post("/risk/state", data=switch | {"state": "HALTED", "once": "b"})
        after = await kimp.desk.db.read(trading_state.read, "paper")
    assert "Stop all sending now?" in guard
    assert not before.killed, "the first press only opens the guard"
    assert answer.status_code == 303
    assert "KILLED" in page
    assert "a fire drill" in page
    assert active.status_code == 409
    assert "The kill switch is on" in active.text
    assert not after.killed


async def test_a_way_back_never_leads_to_another_host(tmp_path: Path) -> None:
    async with running(tmp_path) as kimp:
        client = await signed_in(kimp, **{"accept-language": "en"})
        page = (await client.get("/risk")).text
        token = field(page, "csrf", "state-form")
        for back in ("//evil.example", "https://evil.example", "/\\evil.example", "x", "/a\nb"):
            answer = await client.post(
                "/risk/state", data={"csrf": token, "state": "HALTED", "back": back}
            )
            assert answer.headers["location"] == "/risk", back


async def test_a_stranger_sees_no_page_of_trading(tmp_path: Path) -> None:
    async with told(tmp_path) as (kimp, _):
        visitor = kimp.visitor()
        for path in ("/cycles", f"/cycles/{DEAD}", "/orders", "/wallets", "/risk", "/performance"):
            answer = await visitor.get(path)
            assert (answer.status_code, answer.headers["location"].split("?")[0]) == (
                303, "/login",
            ), path  # fmt: skip
        posted = await visitor.post(f"/cycles/{DEAD}/close", data={"version": "1"})
    assert posted.status_code in {303, 403}


async def test_only_venues_of_the_demo_can_be_shut(tmp_path: Path) -> None:
    async with told(tmp_path) as (_, client):
        page = (await client.get("/risk")).text
        token = re.search(r'name="csrf" value="([^"]*)"', page)
        assert token is not None
        body = {"csrf": token[1], "venue": "upbit", "seconds": "60"}
        answer = await client.post("/risk/outage", data=body)
    assert 'id="rehearsal"' not in page
    assert answer.status_code == 404
