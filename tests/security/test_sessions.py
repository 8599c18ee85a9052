"""Sessions: random, on the server, mortal."""

from __future__ import annotations

import pytest

from app.domain.problems import Problem
from app.runtime.accounts import Accounts
from app.security.principal import Principal, Visitor
from tests.security.conftest import HERE, PASSWORD, House

PHONE = Visitor("192.0.2.8", "Phone")


async def signed_in(accounts: Accounts, visitor: Visitor = HERE) -> tuple[str, Principal]:
    cookie = await accounts.sign_in("admin", PASSWORD, visitor)
    principal = await accounts.identify(cookie, None)
    assert principal is not None
    return cookie, principal


async def test_session_is_random_and_new_at_every_sign_in(accounts: Accounts) -> None:
    cookies = {(await signed_in(accounts))[0] for _ in range(3)}
    assert len(cookies) == 3
    assert all(len(cookie) >= 43 for cookie in cookies), "256 bits"


async def test_session_is_stored_as_a_hash(accounts: Accounts, house: House) -> None:
    cookie, _ = await signed_in(accounts)
    stored = await house.db.read(
        lambda conn: [str(row) for row in conn.exec_driver_sql("SELECT * FROM sessions")]
    )
    assert len(stored) == 1
    assert cookie not in stored[0]


async def test_session_that_nobody_made_is_nobody(accounts: Accounts) -> None:
    for cookie in ("", "x", "0" * 43, "' OR 1=1 --", "é" * 300):
        assert await accounts.identify(cookie, None) is None


async def test_session_ends_after_half_an_hour_of_nothing(accounts: Accounts, house: House) -> None:
    cookie, _ = await signed_in(accounts)
    house.clock.pass_minutes(29)
    assert await accounts.identify(cookie, None)
    house.clock.pass_minutes(29)
    assert await accounts.identify(cookie, None), "use keeps it alive"
    house.clock.pass_minutes(31)
    assert await accounts.identify(cookie, None) is None


async def test_session_ends_after_twelve_hours_of_use(accounts: Accounts, house: House) -> None:
    cookie, _ = await signed_in(accounts)
    for _ in range(12 * 60 // 20 - 1):
        house.clock.pass_minutes(20)
        assert await accounts.identify(cookie, None)
    house.clock.pass_minutes(20)
    assert await accounts.identify(cookie, None) is None


async def test_session_survives_a_restart(accounts: Accounts, house: House) -> None:
    cookie, _ = await signed_in(accounts)
    assert await house.accounts().identify(cookie, None)


async def test_session_sign_out_kills_it_on_the_server(accounts: Accounts, house: House) -> None:
    cookie, principal = await signed_in(accounts)
    await accounts.sign_out(principal, HERE)
    assert await accounts.identify(cookie, None) is None
    assert house.expelled == [principal.key], "its streams end too"


async def test_session_list_shows_where_and_ends_one(accounts: Accounts, house: House) -> None:
    here, principal = await signed_in(accounts)
    phone, on_phone = await signed_in(accounts, PHONE)
    listed = {row.agent: row for row in await accounts.sessions(principal)}
    assert {agent: row.ip for agent, row in listed.items()} == {
        "Firefox": "192.0.2.7",
        "Phone": "192.0.2.8",
    }
    await accounts.end_session(principal, listed["Phone"].id, HERE)
    assert await accounts.identify(phone, None) is None
    assert await accounts.identify(here, None)
    assert house.expelled == [on_phone.key]
    with pytest.raises(Problem, match="not_found"):
        await accounts.end_session(principal, listed["Phone"].id, HERE)


async def test_session_of_others_can_all_be_ended_at_once(accounts: Accounts) -> None:
    here, principal = await signed_in(accounts)
    others = [(await signed_in(accounts, PHONE))[0] for _ in range(3)]
    await accounts.end_other_sessions(principal, HERE)
    assert await accounts.identify(here, None)
    for cookie in others:
        assert await accounts.identify(cookie, None) is None


async def test_session_of_every_browser_ends_with_the_password(
    accounts: Accounts, house: House
) -> None:
    here, principal = await signed_in(accounts)
    phone, on_phone = await signed_in(accounts, PHONE)
    fresh = await accounts.change_password(principal, PASSWORD, "a brand new sentence", HERE)
    assert await accounts.identify(here, None) is None, "rotated, not kept"
    assert await accounts.identify(phone, None) is None
    assert await accounts.identify(fresh, None)
    assert set(house.expelled) == {principal.key, on_phone.key}
    with pytest.raises(Problem, match="bad_credentials"):
        await accounts.sign_in("admin", PASSWORD, HERE)
    assert await accounts.sign_in("admin", "a brand new sentence", HERE)


async def test_session_number_is_bounded_and_the_oldest_goes_first(
    accounts: Accounts, house: House
) -> None:
    cookies = []
    for _ in range(51):
        cookies.append((await signed_in(accounts))[0])
        house.clock.pass_minutes(0.2)
    assert await accounts.identify(cookies[0], None) is None
    assert await accounts.identify(cookies[1], None)


async def test_session_sweep_forgets_what_is_over(accounts: Accounts, house: House) -> None:
    await signed_in(accounts)
    house.clock.pass_minutes(31)
    await accounts.sweep()
    count = await house.db.read(
        lambda conn: conn.exec_driver_sql(
            "SELECT (SELECT count(*) FROM sessions) + (SELECT count(*) FROM login_attempts)"
        ).scalar()
    )
    assert count == 0
