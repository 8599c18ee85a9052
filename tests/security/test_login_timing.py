"""Sign-in: nobody learns from its work or its words whether a name exists."""

from __future__ import annotations

import time
from statistics import median
from typing import Any

import pytest

from app.domain.problems import Problem
from app.runtime.accounts import Accounts
from app.security.passwords import Passwords
from tests.security.conftest import HERE, House
from tests.security.strongroom import PASSWORD

TRIES = 25
MEMORY_KIB, ROUNDS = 8 * 1024, 2


class Counted(Passwords):
    """Counts what is hashed, and with which parameters."""

    def __init__(self, **parameters: int) -> None:
        super().__init__(**parameters)
        self.work: list[tuple[str, ...]] = []

    def _verify(self, stored: str, password: str) -> bool:
        self.work.append(tuple(stored.split("$")[1:4]))
        return super()._verify(stored, password)


async def open_accounts(house: House, passwords: Passwords) -> Accounts:
    accounts = house.accounts(admin_password=PASSWORD)
    accounts._passwords = passwords
    await accounts.open()
    return accounts


async def try_in(accounts: Accounts, name: str, house: House) -> Problem:
    house.clock.pass_minutes(20)
    with pytest.raises(Problem) as refused:
        await accounts.sign_in(name, "not the password", HERE)
    return refused.value


async def test_login_timing_is_the_same_work_for_names_that_do_not_exist(house: House) -> None:
    """Counted, not measured: one verification each, of the same kind, memory and rounds."""
    passwords = Counted(memory_kib=64, rounds=1)
    accounts = await open_accounts(house, passwords)
    for name in ("admin", "nobody", "", "admin\x00", "a" * 10_000):
        passwords.work.clear()
        problem = await try_in(accounts, name, house)
        assert passwords.work == [("argon2id", "v=19", "m=64,t=1,p=1")]
        assert (problem.code, problem.status) == ("bad_credentials", 401)


async def test_login_timing_tells_the_same_words(house: House) -> None:
    accounts = await open_accounts(house, Passwords(memory_kib=64, rounds=1))
    told: list[Any] = []
    for name in ("admin", "nobody"):
        problem = await try_in(accounts, name, house)
        told.append((problem.code, problem.values, problem.errors, problem.retry_after_s))
    assert told[0] == told[1]


async def test_login_timing_of_known_and_unknown_names_is_alike(house: House) -> None:
    """Medians of the same process, in turns, so that a busy machine slows both."""
    accounts = await open_accounts(house, Passwords(memory_kib=MEMORY_KIB, rounds=ROUNDS))
    took: dict[str, list[int]] = {"admin": [], "nobody": []}
    for _ in range(TRIES):
        for name, times in took.items():
            begun = time.perf_counter_ns()
            await try_in(accounts, name, house)
            times.append(time.perf_counter_ns() - begun)
    known, unknown = (median(times) for times in took.values())
    assert known / 3 < unknown < known * 3, "without the work it would be a fiftieth"
