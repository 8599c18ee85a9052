"""Arming: three deliberate parts, none of which a token, a thief or a tired person skips."""

from __future__ import annotations

import asyncio
from decimal import Decimal

import pytest

from app.domain.problems import Problem
from app.domain.trading import TradingState
from app.domain.transfers import DepositAddress
from app.domain.venues import Venue
from app.ledger import posting, trading_state
from app.runtime.second_factor import Proof
from app.runtime.trading.arming import Ticket
from app.security.principal import Principal, Scope
from tests.appkit import Running
from tests.security.strongroom import HERE, PASSWORD, Strongroom

PHRASE = "LIVE 700000 KRW"
TOKEN = Principal("token ci", frozenset(Scope), user_id=1, token_id="1")


async def ticket(room: Strongroom) -> tuple[Principal, Ticket]:
    who, telephone = await room.enrolled()
    return who, await room.arming.ticket(who, room.proof(telephone), HERE)


async def armed(room: Strongroom) -> bool:
    return (await room.db.read(trading_state.read, "live")).armed_until_ns is not None


async def refused(
    code: str, room: Strongroom, who: Principal, ticket_id: str, phrase: str, hours: float
) -> None:
    with pytest.raises(Problem, match=code):
        await room.arming.arm(who, ticket_id, phrase, hours, HERE)
    assert not await armed(room)


async def test_arming_takes_three_parts(room: Strongroom) -> None:
    who, shown = await ticket(room)
    assert shown.phrase == PHRASE, "it holds the day's limit"
    assert not await armed(room), "a ticket alone arms nothing"
    row = await room.arming.arm(who, shown.id, PHRASE, 4, HERE)
    assert row.armed_until_ns is not None
    kept = await room.db.read(trading_state.read, "live")
    assert kept.armed_until_ns is not None
    assert (kept.armed_until_ns - kept.at_ns) / 3.6e12 == pytest.approx(4, abs=0.01)
    assert (kept.state, kept.by) == (TradingState.HALTED, "admin"), "arming is not starting"


@pytest.mark.parametrize("mode", ["paper", "drill"])
async def test_arming_needs_a_start_in_live(room: Strongroom, mode: str) -> None:
    other = await room.again(mode=mode).open()
    who, telephone = await other.enrolled()
    with pytest.raises(Problem, match="not_live"):
        await other.arming.ticket(who, other.proof(telephone), HERE)
    with pytest.raises(Problem, match="not_live"):
        await other.arming.arm(who, "ticket", PHRASE, 1, HERE)


async def test_arming_is_nothing_for_tokens(room: Strongroom) -> None:
    """Whatever their scopes, also with everything that a person would type."""
    who, telephone = await room.enrolled()
    with pytest.raises(Problem, match="session_only"):
        await room.arming.ticket(TOKEN, room.proof(telephone), HERE)
    shown = await room.arming.ticket(who, room.proof(telephone), HERE)
    await refused("session_only", room, TOKEN, shown.id, PHRASE, 1)


async def test_arming_needs_an_admin(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    trader = Principal("lee", frozenset({Scope.TRADE}), who.user_id, who.session_id, "x")
    with pytest.raises(Problem, match="scope_missing"):
        await room.arming.ticket(trader, room.proof(telephone), HERE)


async def test_arming_without_totp_is_refused(room: Strongroom) -> None:
    who = await room.signed_in()
    for typed in ("", "123456"):
        with pytest.raises(Problem, match="second_factor_missing"):
            await room.arming.ticket(who, Proof(PASSWORD, typed), HERE)


async def test_arming_with_a_wrong_password_or_a_used_code_is_refused(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    code = room.code(telephone)
    for proof, problem in (
        (Proof("", code), "bad_credentials"),
        (Proof(PASSWORD, ""), "code_wrong"),
        (Proof(PASSWORD, "000000"), "code_wrong"),
    ):
        with pytest.raises(Problem, match=problem):
            await room.arming.ticket(who, proof, HERE)
    await room.arming.ticket(who, Proof(PASSWORD, code), HERE)
    with pytest.raises(Problem, match="code_wrong"):
        await room.arming.ticket(who, Proof(PASSWORD, code), HERE)


async def test_arming_takes_no_recovery_code(room: Strongroom) -> None:
    who = await room.signed_in()
    begun = await room.second_factor.begin(who, Proof(PASSWORD), HERE)
    codes = await room.second_factor.confirm(who, room.code(begun), HERE)
    with pytest.raises(Problem, match="code_wrong"):
        await room.arming.ticket(who, Proof(PASSWORD, codes[0]), HERE)


async def test_arming_ticket_is_over_after_sixty_seconds(room: Strongroom) -> None:
    who, shown = await ticket(room)
    room.clock.pass_minutes(1)
    assert room.arming.held(who) is None
    await refused("ticket_over", room, who, shown.id, PHRASE, 1)


async def test_arming_ticket_is_good_until_then(room: Strongroom) -> None:
    who, shown = await ticket(room)
    room.clock.pass_minutes(0.99)
    await room.arming.arm(who, shown.id, PHRASE, 1, HERE)
    assert await armed(room)


async def test_arming_ticket_is_good_once(room: Strongroom) -> None:
    who, shown = await ticket(room)
    await room.arming.arm(who, shown.id, PHRASE, 1, HERE)
    await room.arming.disarm(who, HERE)
    await refused("ticket_over", room, who, shown.id, PHRASE, 1)


async def test_arming_ticket_of_another_session_is_none(room: Strongroom) -> None:
    _, shown = await ticket(room)
    await refused("ticket_over", room, await room.signed_in(), shown.id, PHRASE, 1)


async def test_arming_ticket_before_a_newer_one_is_none(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    first = await room.arming.ticket(who, room.proof(telephone), HERE)
    await room.arming.ticket(who, room.proof(telephone), HERE)
    await refused("ticket_over", room, who, first.id, PHRASE, 1)


@pytest.mark.parametrize("typed", ["", "live 700000 krw", "LIVE 70000 KRW", "LIVE", "yes"])
async def test_arming_needs_the_phrase_as_it_stands(room: Strongroom, typed: str) -> None:
    who, shown = await ticket(room)
    await refused("phrase_wrong", room, who, shown.id, typed, 1)


@pytest.mark.parametrize("hours", [0, -1, 12.01, 1e9, float("nan"), float("inf")])
async def test_arming_lasts_twelve_hours_at_most(room: Strongroom, hours: float) -> None:
    who, shown = await ticket(room)
    await refused("invalid_fields", room, who, shown.id, PHRASE, hours)


async def test_arming_that_a_kill_overtook_is_refused(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    shown = await room.arming.ticket(who, room.proof(telephone), HERE)
    await room.trading.kill(by="lee")
    await refused("engine_killed", room, who, shown.id, PHRASE, 1)
    with pytest.raises(Problem, match="engine_killed"):
        await room.arming.ticket(who, room.proof(telephone), HERE)


async def test_arming_of_another_state_than_was_shown_is_refused(room: Strongroom) -> None:
    """Somebody killed and let go in between, or changed anything else."""
    who, shown = await ticket(room)
    await room.trading.kill(by="lee")
    await room.trading.set_state(TradingState.HALTED, by="lee")
    await refused("conflict", room, who, shown.id, PHRASE, 1)


async def test_arming_does_not_survive_a_restart(room: Strongroom) -> None:
    who, shown = await ticket(room)
    await room.arming.arm(who, shown.id, PHRASE, 12, HERE)
    await room.trading.set_state(TradingState.ACTIVE, by="admin")
    new = await room.again().open()
    row = await new.trading.engine()
    assert (row.state, row.armed_until_ns) == (TradingState.HALTED, None)
    assert not await armed(new)


async def test_arming_ticket_does_not_survive_a_restart(room: Strongroom) -> None:
    who, shown = await ticket(room)
    await refused("ticket_over", await room.again().open(), who, shown.id, PHRASE, 1)


async def test_arming_ends_by_itself(room: Strongroom) -> None:
    """In the very transaction that would send, by the database's clock."""
    until_ns = 10**9
    row = await room.db.write(trading_state.arm, "live", until_ns, "kim")
    row = await room.db.write(trading_state.set_state, "live", TradingState.ACTIVE, "kim")
    assert trading_state.may_send(row, until_ns - 1) is None
    assert trading_state.may_send(row, until_ns) == "DISARMED"
    assert (await room.trading.engine()).armed_until_ns is None


async def test_arming_ends_with_a_kill(room: Strongroom) -> None:
    who, shown = await ticket(room)
    await room.arming.arm(who, shown.id, PHRASE, 1, HERE)
    await room.trading.kill(by="lee")
    await room.trading.set_state(TradingState.HALTED, by="lee")
    assert not await armed(room), "letting go of a kill is not arming"


async def test_arming_shows_what_it_is_about(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    there = DepositAddress(Venue.UPBIT, "XRP", "XRP", "rAddress", "42")
    await room.allow_list.add(who, there, room.proof(telephone), HERE)
    many = Decimal(5000)
    await room.db.write(posting.adopt, "live", Venue.BINANCE, "USDT", many, "binance:USDT:first")
    shown = await room.arming.ticket(who, room.proof(telephone), HERE)
    assert [(each.address, each.tag, each.is_active) for each in shown.addresses] == [
        ("rAddress", "42", False)
    ]
    assert [(each.venue, each.available) for each in shown.balances] == [(Venue.BINANCE, many)]
    assert (shown.daily_loss_krw_max, shown.phrase) == (700_000, PHRASE)


async def test_arming_over_a_list_that_was_tampered_with_is_refused(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    there = DepositAddress(Venue.UPBIT, "XRP", "XRP", "rAddress", "42")
    await room.allow_list.add(who, there, room.proof(telephone), HERE)
    await room.db.write(
        lambda conn: conn.exec_driver_sql("UPDATE withdrawal_address SET address = 'rThief'")
    )
    with pytest.raises(Problem, match="addresses_tampered"):
        await room.arming.ticket(who, room.proof(telephone), HERE)


async def test_arming_by_two_at_once_arms_once(room: Strongroom) -> None:
    who, shown = await ticket(room)
    found = await asyncio.gather(
        *(room.arming.arm(who, shown.id, PHRASE, 1, HERE) for _ in range(3)),
        return_exceptions=True,
    )
    assert sum(not isinstance(each, BaseException) for each in found) == 1


async def test_arming_is_on_record(room: Strongroom) -> None:
    who, shown = await ticket(room)
    with pytest.raises(Problem):
        await room.arming.arm(who, shown.id, "no", 1, HERE)
    await room.arming.arm(who, shown.id, PHRASE, 2, HERE)
    await room.arming.disarm(who, HERE)
    rows, _ = await room.accounts.events(4, None)
    assert [(row.action, row.result, row.detail) for row in reversed(rows)] == [
        ("arm_ticket", "ok", PHRASE),
        ("arm", "refused", "phrase"),
        ("arm", "ok", f"{PHRASE}, 2 h"),
        ("disarm", "ok", ""),
    ]
    assert not await armed(room)


async def test_arming_by_the_api_is_nothing_for_tokens(kimp: Running) -> None:
    """Said before anything of the body is looked at."""
    for path in ("/api/v1/engine/arm/ticket", "/api/v1/engine/arm"):
        for body in ({}, {"password": PASSWORD, "code": "1"}, {"ticket": "x", "phrase": PHRASE}):
            answer = await kimp.client.post(path, json=body)
            assert (answer.status_code, answer.json()["code"]) == (403, "session_only")
