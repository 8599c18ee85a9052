"""First run: nobody gets in but who reads the log, once and in time."""

from __future__ import annotations

import pytest

from app.domain.problems import Problem
from app.security.principal import Scope
from tests.security.conftest import HERE, PASSWORD, House


async def test_first_run_prints_a_code_that_makes_the_admin(house: House) -> None:
    accounts = house.accounts()
    await accounts.open()
    assert not await accounts.has_admin()
    cookie = await accounts.set_up(house.code(), "Mina", PASSWORD, HERE)
    principal = await accounts.identify(cookie, None)
    assert principal is not None
    assert principal.name == "mina"
    assert principal.scopes == set(Scope)
    assert await accounts.has_admin()


async def test_first_run_code_is_taken_as_people_type_it(house: House) -> None:
    accounts = house.accounts()
    await accounts.open()
    typed = house.code().lower().replace("-", " ")
    assert await accounts.set_up(typed, "admin", PASSWORD, HERE)


async def test_first_run_code_works_once(house: House) -> None:
    accounts, second = house.accounts(), house.accounts()
    await accounts.open()
    code = house.code()
    await accounts.set_up(code, "admin", PASSWORD, HERE)
    with pytest.raises(Problem, match="setup_done"):
        await second.set_up(code, "intruder", PASSWORD, HERE)


async def test_first_run_code_expires_and_a_new_one_is_printed(house: House) -> None:
    accounts = house.accounts()
    await accounts.open()
    old = house.code()
    house.clock.pass_minutes(14)
    await accounts.show_code()
    assert house.code() == old, "still good: no second code"
    house.clock.pass_minutes(1)
    with pytest.raises(Problem, match="setup_code_wrong"):
        await accounts.set_up(old, "admin", PASSWORD, HERE)
    await accounts.show_code()
    assert house.code() != old
    assert await accounts.set_up(house.code(), "admin", PASSWORD, HERE)


async def test_first_run_code_changes_with_a_restart(house: House) -> None:
    await house.accounts().open()
    old = house.code()
    restarted = house.accounts()
    await restarted.open()
    with pytest.raises(Problem, match="setup_code_wrong"):
        await restarted.set_up(old, "admin", PASSWORD, HERE)
    assert await restarted.set_up(house.code(), "admin", PASSWORD, HERE)


async def test_first_run_code_cannot_be_guessed(house: House) -> None:
    accounts = house.accounts()
    await accounts.open()
    for guess in range(5):
        with pytest.raises(Problem, match="setup_code_wrong"):
            await accounts.set_up(f"AAAA-BBBB-CCC{guess}", "admin", PASSWORD, HERE)
    with pytest.raises(Problem, match="too_many_attempts"):
        await accounts.set_up(house.code(), "admin", PASSWORD, HERE)


async def test_first_run_code_is_not_in_the_database(house: House) -> None:
    await house.accounts().open()
    code = house.code().replace("-", "")
    stored = await house.db.read(
        lambda conn: [str(row) for row in conn.exec_driver_sql("SELECT * FROM setup_codes")]
    )
    assert len(stored) == 1
    assert code not in stored[0]


async def test_first_run_does_not_spend_the_code_on_a_weak_password(house: House) -> None:
    accounts = house.accounts()
    await accounts.open()
    with pytest.raises(Problem) as refused:
        await accounts.set_up(house.code(), "a b", "short", HERE)
    assert [error.column for error in refused.value.errors] == ["name", "password"]
    assert await accounts.set_up(house.code(), "admin", PASSWORD, HERE)


async def test_first_run_with_a_password_of_the_environment_shows_no_code(house: House) -> None:
    accounts = house.accounts(admin_password=PASSWORD)
    await accounts.open()
    assert house.told == []
    assert await accounts.sign_in("admin", PASSWORD, HERE)


async def test_the_password_of_the_environment_counts_only_while_no_admin_exists(
    house: House,
) -> None:
    await house.accounts(admin_password=PASSWORD).open()
    restarted = house.accounts(admin_password="another long password")
    await restarted.open()
    assert await restarted.sign_in("admin", PASSWORD, HERE)
    with pytest.raises(Problem, match="bad_credentials"):
        await restarted.sign_in("admin", "another long password", HERE)


NAMES = ("admin", "root", "kimp", "user", "test", "operator", "guest", "demo", "api", "trader")
WORDS = ("admin", "password", "kimp", "", "changeme")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("word", WORDS)
async def test_default_creds_open_nothing(house: House, name: str, word: str) -> None:
    accounts = house.accounts()
    await accounts.open()
    with pytest.raises(Problem, match="bad_credentials"):
        await accounts.sign_in(name, word, HERE)
    assert await accounts.identify(None, f"Bearer {word}") is None
