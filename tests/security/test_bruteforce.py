"""Guessing passwords ends after five tries."""

from __future__ import annotations

import asyncio

import pytest

from app.domain.problems import Problem
from app.runtime.accounts import Accounts
from app.security import hosts
from app.security.principal import Visitor
from tests.security.conftest import HERE, PASSWORD, House

ELSEWHERE = Visitor("198.51.100.9", "curl")


async def wrong(accounts: Accounts, name: str = "admin", visitor: Visitor = HERE) -> str:
    """The code of the refusal that a wrong password gets."""
    with pytest.raises(Problem) as refused:
        await accounts.sign_in(name, "not the password", visitor)
    return refused.value.code


async def test_bruteforce_ends_at_the_sixth_try(accounts: Accounts) -> None:
    assert [await wrong(accounts) for _ in range(6)] == ["bad_credentials"] * 5 + [
        "too_many_attempts"
    ]
    with pytest.raises(Problem) as refused:
        await accounts.sign_in("admin", PASSWORD, HERE)
    assert refused.value.status == 429
    assert refused.value.retry_after_s == 900


async def test_bruteforce_of_spellings_is_bruteforce_of_one_name(accounts: Accounts) -> None:
    for name in ("admin", "Admin", " ADMIN ", "ａｄｍｉｎ", "admin"):
        assert await wrong(accounts, name) == "bad_credentials"
    assert await wrong(accounts, "aDMIN") == "too_many_attempts"


async def test_bruteforce_by_many_at_once_has_five_tries_too(accounts: Accounts) -> None:
    codes = await asyncio.gather(*(wrong(accounts) for _ in range(12)))
    assert codes.count("bad_credentials") == 5


async def test_after_the_window_people_may_try_again(accounts: Accounts, house: House) -> None:
    for _ in range(6):
        await wrong(accounts)
    house.clock.pass_minutes(15.1)
    assert await accounts.sign_in("admin", PASSWORD, HERE)


async def test_an_attacker_elsewhere_does_not_lock_the_owner_out(accounts: Accounts) -> None:
    for _ in range(6):
        await wrong(accounts, visitor=ELSEWHERE)
    assert await accounts.sign_in("admin", PASSWORD, HERE)


async def test_a_good_password_clears_the_tries_before_it(accounts: Accounts) -> None:
    for _ in range(4):
        await wrong(accounts)
    await accounts.sign_in("admin", PASSWORD, HERE)
    assert [await wrong(accounts) for _ in range(5)] == ["bad_credentials"] * 5


async def test_bruteforce_over_many_names_and_addresses_ends_as_well(
    accounts: Accounts, house: House
) -> None:
    for number in range(30):
        await wrong(accounts, f"name{number}", Visitor(f"192.0.2.{number}", ""))
    assert await wrong(accounts, "fresh", ELSEWHERE) == "too_many_attempts"
    house.clock.pass_minutes(1.1)
    assert await wrong(accounts, "fresh", ELSEWHERE) == "bad_credentials"


async def test_bruteforce_survives_a_restart(accounts: Accounts, house: House) -> None:
    for _ in range(5):
        await wrong(accounts)
    assert await wrong(house.accounts()) == "too_many_attempts"


async def test_the_current_password_cannot_be_guessed_from_a_stolen_session(
    accounts: Accounts,
) -> None:
    cookie = await accounts.sign_in("admin", PASSWORD, HERE)
    thief = await accounts.identify(cookie, None)
    assert thief is not None
    for _ in range(5):
        with pytest.raises(Problem, match="bad_credentials"):
            await accounts.change_password(thief, "a guess", "a brand new sentence", HERE)
    with pytest.raises(Problem, match="too_many_attempts"):
        await accounts.change_password(thief, PASSWORD, "a brand new sentence", HERE)


PROXY = hosts.networks(("10.0.0.0/8",))


@pytest.mark.parametrize(
    ("peer", "forwarded", "trusted", "expected"),
    [
        ("203.0.113.5", [], (), "203.0.113.5"),
        ("203.0.113.5", ["1.2.3.4"], (), "203.0.113.5"),
        ("203.0.113.5", ["1.2.3.4"], PROXY, "203.0.113.5"),
        ("10.0.0.1", ["203.0.113.5"], PROXY, "203.0.113.5"),
        ("10.0.0.1", ["1.2.3.4, 203.0.113.5, 10.0.0.9"], PROXY, "203.0.113.5"),
        ("10.0.0.1", ["1.2.3.4", "203.0.113.5"], PROXY, "203.0.113.5"),
        ("10.0.0.1", ["<script>"], PROXY, "10.0.0.1"),
        ("10.0.0.1", [], PROXY, "10.0.0.1"),
    ],
)
def test_bruteforce_is_not_hidden_by_forwarded_addresses(
    peer: str, forwarded: list[str], trusted: tuple[hosts.Network, ...], expected: str
) -> None:
    scope = {
        "client": (peer, 4000),
        "headers": [(b"x-forwarded-for", value.encode()) for value in forwarded],
    }
    assert hosts.client_ip(scope, trusted) == expected
