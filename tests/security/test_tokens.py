"""API tokens: shown once, kept as a hash, no wider than who issued them, gone at once."""

from __future__ import annotations

import pytest

from app.domain.problems import Problem
from app.runtime.accounts import Accounts
from app.security import tokens
from app.security.principal import Principal, Scope
from tests.security.conftest import API_TOKEN, HERE, PASSWORD, House

ADMIN = Principal("admin", frozenset(Scope), user_id=1, session_id=1, csrf="x")


async def by(accounts: Accounts, text: str) -> Principal | None:
    return await accounts.identify(None, f"Bearer {text}")


async def test_tokens_open_with_their_scopes(accounts: Accounts) -> None:
    row, text = await accounts.create_token(ADMIN, "nightly", (Scope.BACKTEST,), HERE)
    assert text.startswith(f"kimp_{row.id}_")
    principal = await by(accounts, text)
    assert principal is not None
    assert principal.name == "token nightly"
    assert not principal.is_session
    assert [scope for scope in Scope if principal.may(scope)] == [Scope.READ, Scope.BACKTEST]


async def test_tokens_are_stored_without_their_secret(accounts: Accounts, house: House) -> None:
    _, text = await accounts.create_token(ADMIN, "nightly", (Scope.READ,), HERE)
    stored = await house.db.read(
        lambda conn: str(conn.exec_driver_sql("SELECT * FROM tokens").all())
    )
    assert text.rpartition("_")[2] not in stored


async def test_tokens_that_nobody_issued_open_nothing(accounts: Accounts) -> None:
    row, text = await accounts.create_token(ADMIN, "nightly", (Scope.READ,), HERE)
    other = tokens.mint()
    for forged in (
        text[:-1] + ("0" if text[-1] != "0" else "1"),
        f"kimp_{row.id}_{'0' * 64}",
        other.text,
        text.upper(),
        text + " ",
        row.id,
        "",
        API_TOKEN[:-1],
        "' OR 1=1 --",
    ):
        if forged.strip() != text:
            assert await by(accounts, forged) is None
    assert await accounts.identify(None, text) is None, "without its scheme"
    assert await accounts.identify(None, f"Basic {text}") is None


async def test_tokens_revoked_are_gone_at_once(accounts: Accounts, house: House) -> None:
    row, text = await accounts.create_token(ADMIN, "nightly", (Scope.READ,), HERE)
    principal = await by(accounts, text)
    assert principal is not None
    await accounts.revoke_token(ADMIN, row.id, HERE)
    assert await by(accounts, text) is None
    assert house.expelled == [principal.key]
    with pytest.raises(Problem, match="not_found"):
        await accounts.revoke_token(ADMIN, row.id, HERE)


async def test_tokens_expire(accounts: Accounts, house: House) -> None:
    _, text = await accounts.create_token(ADMIN, "nightly", (Scope.READ,), HERE, days=1)
    house.clock.pass_minutes(24 * 60 - 1)
    assert await by(accounts, text)
    house.clock.pass_minutes(1)
    assert await by(accounts, text) is None


async def test_tokens_remember_when_they_were_used(accounts: Accounts, house: House) -> None:
    _, text = await accounts.create_token(ADMIN, "nightly", (Scope.READ,), HERE)
    assert (await accounts.tokens())[0].used_at_ns is None
    house.clock.pass_minutes(5)
    await by(accounts, text)
    assert (await accounts.tokens())[0].used_at_ns == house.clock.now_ns


async def test_tokens_are_no_wider_than_who_issues_them(accounts: Accounts) -> None:
    narrow = Principal("token x", frozenset({Scope.ADMIN}), token_id="x")
    with pytest.raises(Problem, match="scope_missing"):
        await accounts.create_token(narrow, "wide", (Scope.READ, Scope.TRADE), HERE)
    assert await accounts.tokens() == []


async def test_tokens_in_use_are_bounded(accounts: Accounts) -> None:
    for number in range(100):
        row, _ = await accounts.create_token(ADMIN, f"t{number}", (Scope.READ,), HERE)
    with pytest.raises(Problem, match="too_many_tokens"):
        await accounts.create_token(ADMIN, "one more", (Scope.READ,), HERE)
    await accounts.revoke_token(ADMIN, row.id, HERE)
    assert await accounts.create_token(ADMIN, "one more", (Scope.READ,), HERE)


@pytest.mark.parametrize(("mode", "trades"), [("paper", True), ("drill", True), ("live", False)])
async def test_tokens_of_the_environment_never_trade_live(
    house: House, mode: str, trades: bool
) -> None:
    principal = await by(house.accounts(mode=mode), API_TOKEN)
    assert principal is not None
    assert principal.may(Scope.TRADE) is trades
    assert all(map(principal.may, (Scope.READ, Scope.BACKTEST, Scope.ADMIN)))


async def test_tokens_can_be_issued_before_there_is_a_person(house: House) -> None:
    accounts = house.accounts()
    bootstrap = await by(accounts, API_TOKEN)
    assert bootstrap is not None
    _, text = await accounts.create_token(bootstrap, "ci", (Scope.BACKTEST,), HERE)
    assert await by(accounts, text)


async def test_tokens_win_over_a_cookie(accounts: Accounts) -> None:
    """A program that sends both means its token; a wrong one must not fall back on the cookie."""
    cookie = await accounts.sign_in("admin", PASSWORD, HERE)
    assert await accounts.identify(cookie, "Bearer wrong") is None
    other_scheme = await accounts.identify(cookie, "Basic of-a-proxy")
    assert other_scheme is not None
    assert other_scheme.is_session
