"""Audit: every sign-in, refusal and change of access stands there with who, where, how and when."""

from __future__ import annotations

import pytest

from app.domain.problems import Problem
from app.runtime.accounts import Accounts
from app.security.principal import Scope, Visitor
from tests.security.conftest import HERE, PASSWORD, House


async def told(accounts: Accounts) -> list[tuple[str, str, str]]:
    """(actor, action, result), oldest first."""
    rows, _ = await accounts.events(1000, None)
    return [(row.actor, row.action, row.result) for row in reversed(rows)]


async def test_audit_log_tells_the_life_of_an_account(house: House) -> None:
    accounts = house.accounts()
    await accounts.open()
    with pytest.raises(Problem):
        await accounts.set_up("AAAA-AAAA-AAAA", "mina", PASSWORD, HERE)
    await accounts.set_up(house.code(), "mina", PASSWORD, HERE)
    for _ in range(6):
        with pytest.raises(Problem):
            await accounts.sign_in("mina", "a wrong password", HERE)
    house.clock.pass_minutes(16)
    cookie = await accounts.sign_in("mina", PASSWORD, HERE)
    principal = await accounts.identify(cookie, None)
    assert principal is not None
    row, _ = await accounts.create_token(principal, "ci", (Scope.READ,), HERE)
    await accounts.revoke_token(principal, row.id, HERE)
    with pytest.raises(Problem):
        await accounts.change_password(principal, "wrong", "a brand new sentence", HERE)
    await accounts.end_other_sessions(principal, HERE)
    cookie = await accounts.change_password(principal, PASSWORD, "a brand new sentence", HERE)
    principal = await accounts.identify(cookie, None)
    assert principal is not None
    await accounts.sign_out(principal, HERE)
    assert await told(accounts) == [
        ("mina", "setup", "refused"),
        ("mina", "setup", "ok"),
        *[("mina", "login", "refused")] * 5,
        ("mina", "login", "limited"),
        ("mina", "login", "ok"),
        ("mina", "token_create", "ok"),
        ("mina", "token_revoke", "ok"),
        ("mina", "password", "refused"),
        ("mina", "session_end", "ok"),
        ("mina", "password", "ok"),
        ("mina", "logout", "ok"),
    ]


async def test_audit_log_says_when_and_from_where(accounts: Accounts, house: House) -> None:
    house.clock.pass_minutes(3)
    await accounts.sign_in("admin", PASSWORD, Visitor("2001:db8::1", "curl"))
    (row, *_), _ = await accounts.events(10, None)
    assert (row.at_ns, row.ip) == (house.clock.now_ns, "2001:db8::1")


async def test_audit_log_holds_no_secret(accounts: Accounts, house: House) -> None:
    guess = "secret guess of somebody"
    with pytest.raises(Problem):
        await accounts.sign_in("admin", guess, HERE)
    cookie = await accounts.sign_in("admin", PASSWORD, HERE)
    principal = await accounts.identify(cookie, None)
    assert principal is not None
    _, text = await accounts.create_token(principal, "ci", (Scope.READ,), HERE)
    dump = await house.db.read(
        lambda conn: str(conn.exec_driver_sql("SELECT * FROM audit_events").all())
    )
    assert "token_create" in dump
    for secret in (guess, PASSWORD, cookie, text, text.rpartition("_")[2]):
        assert secret not in dump


async def test_audit_log_cannot_be_forged_by_a_name(accounts: Accounts) -> None:
    with pytest.raises(Problem):
        await accounts.sign_in("eve\r\n2026-11-20 admin login ok\x1b[2J", "x", HERE)
    (row, *_), _ = await accounts.events(10, None)
    assert row.actor == "eve??2026-11-20 admin login ok?[2j"
