"""TOTP: codes as authenticators make them, each good once; recovery codes, kept as digests."""

from __future__ import annotations

import asyncio
from urllib.parse import parse_qs, urlsplit

import pytest

from app.domain.problems import Problem
from app.domain.secret import Secret
from app.runtime.second_factor import Proof
from app.security import totp
from app.security.principal import Principal, Scope
from tests.security.conftest import HERE, PASSWORD
from tests.security.strongroom import Strongroom

# RFC 6238, appendix B, its SHA-1 column cut to six digits.
RFC_SECRET = Secret("GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ")
RFC = {
    59: "287082", 1111111109: "081804", 1111111111: "050471", 1234567890: "005924",
    2000000000: "279037", 20000000000: "353130",
}  # fmt: skip


@pytest.mark.parametrize(("at_s", "code"), RFC.items())
def test_totp_codes_are_those_of_the_standard(at_s: int, code: str) -> None:
    assert totp.code(RFC_SECRET, at_s // 30) == code
    assert totp.matching_step(RFC_SECRET, code, at_s) == at_s // 30


def test_totp_takes_one_step_before_and_after() -> None:
    now = 50_000
    accepted = [
        step - now
        for step in range(now - 4, now + 5)
        if totp.matching_step(RFC_SECRET, totp.code(RFC_SECRET, step), now * 30 + 7) is not None
    ]
    assert accepted == [-1, 0, 1]


@pytest.mark.parametrize(
    "typed", ["", "12345", "1234567", "12345x", "１２３４５６", "-12345", "0x1234"]
)
def test_totp_takes_six_plain_digits_alone(typed: str) -> None:
    assert totp.matching_step(RFC_SECRET, typed, 59) is None


def test_totp_may_be_typed_with_a_space() -> None:
    assert totp.matching_step(RFC_SECRET, " 287 082 ", 59) == 1


def test_totp_secret_goes_to_the_telephone_as_a_link() -> None:
    secret = totp.new_secret()
    parts = urlsplit(totp.address(secret, "mina@home"))
    asked = parse_qs(parts.query)
    assert (parts.scheme, parts.netloc, parts.path) == ("otpauth", "totp", "/kimp:mina@home")
    assert asked["secret"] == [secret.reveal()]
    assert (asked["digits"], asked["period"], asked["issuer"]) == (["6"], ["30"], ["kimp"])
    assert len({totp.new_secret().reveal() for _ in range(50)}) == 50


async def refused(code: str, room: Strongroom, who: Principal, proof: Proof) -> None:
    with pytest.raises(Problem, match=code):
        await room.second_factor.prove(who, proof, HERE)


async def test_totp_counts_when_a_code_of_it_was_typed(room: Strongroom) -> None:
    who = await room.signed_in()
    await refused("second_factor_missing", room, who, Proof(PASSWORD, "123456"))
    begun = await room.second_factor.begin(who, Proof(PASSWORD), HERE)
    assert await room.second_factor.row(who) is None
    with pytest.raises(Problem, match="code_wrong"):
        await room.second_factor.confirm(who, "000000", HERE)
    assert len(await room.second_factor.confirm(who, room.code(begun), HERE)) == 10
    row = await room.second_factor.row(who)
    assert row is not None and row.codes_left == 10


async def test_totp_enrolment_needs_the_password_and_ends_with_time(room: Strongroom) -> None:
    who = await room.signed_in()
    with pytest.raises(Problem, match="bad_credentials"):
        await room.second_factor.begin(who, Proof("not the password"), HERE)
    begun = await room.second_factor.begin(who, Proof(PASSWORD), HERE)
    room.clock.pass_minutes(11)
    with pytest.raises(Problem, match="nothing_begun"):
        await room.second_factor.confirm(who, room.code(begun), HERE)


async def test_totp_enrolment_belongs_to_the_session_that_began_it(room: Strongroom) -> None:
    who, other = await room.signed_in(), await room.signed_in()
    begun = await room.second_factor.begin(who, Proof(PASSWORD), HERE)
    with pytest.raises(Problem, match="nothing_begun"):
        await room.second_factor.confirm(other, room.code(begun), HERE)


async def test_totp_replay_is_refused(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    code = room.code(telephone)
    await room.second_factor.prove(who, Proof(PASSWORD, code), HERE)
    await refused("code_wrong", room, who, Proof(PASSWORD, code))
    room.clock.pass_minutes(0.5)
    await refused("code_wrong", room, who, Proof(PASSWORD, code))
    await room.second_factor.prove(who, Proof(PASSWORD, room.code(telephone)), HERE)


async def test_totp_code_before_a_spent_one_is_spent_too(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    step = room.clock.now_ns // 10**9 // 30
    await room.second_factor.prove(
        who, Proof(PASSWORD, totp.code(telephone.secret, step + 1)), HERE
    )
    await refused("code_wrong", room, who, Proof(PASSWORD, totp.code(telephone.secret, step)))


async def test_totp_code_that_proved_the_enrolment_is_spent(room: Strongroom) -> None:
    who = await room.signed_in()
    begun = await room.second_factor.begin(who, Proof(PASSWORD), HERE)
    code = room.code(begun)
    await room.second_factor.confirm(who, code, HERE)
    await refused("code_wrong", room, who, Proof(PASSWORD, code))


async def test_totp_of_many_at_once_is_good_for_one(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    proof = Proof(PASSWORD, room.code(telephone))
    found = await asyncio.gather(
        *(room.second_factor.prove(who, proof, HERE) for _ in range(4)), return_exceptions=True
    )
    assert sum(not isinstance(each, BaseException) for each in found) == 1


async def test_totp_recovery_code_is_good_once(room: Strongroom) -> None:
    who = await room.signed_in()
    begun = await room.second_factor.begin(who, Proof(PASSWORD), HERE)
    codes = await room.second_factor.confirm(who, room.code(begun), HERE)
    typed = codes[3].lower().replace("-", " ")
    await room.second_factor.prove(who, Proof(PASSWORD, typed), HERE)
    await refused("code_wrong", room, who, Proof(PASSWORD, codes[3]))
    await room.second_factor.prove(who, Proof(PASSWORD, codes[4]), HERE)
    row = await room.second_factor.row(who)
    assert row is not None and row.codes_left == 8


async def test_totp_recovery_codes_are_kept_as_digests_and_the_secret_sealed(
    room: Strongroom,
) -> None:
    who = await room.signed_in()
    begun = await room.second_factor.begin(who, Proof(PASSWORD), HERE)
    codes = await room.second_factor.confirm(who, room.code(begun), HERE)
    dump = await room.dump()
    assert "recovery_codes" in dump
    for code in codes:
        assert code not in dump
        assert code.replace("-", "") not in dump
    assert begun.secret.reveal() not in dump


async def test_totp_guessing_ends_like_guessing_passwords(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    for _ in range(5):
        await refused("code_wrong", room, who, Proof(PASSWORD, "000000"))
    await refused("too_many_attempts", room, who, Proof(PASSWORD, room.code(telephone)))


async def test_totp_alone_is_not_enough(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    await refused("bad_credentials", room, who, Proof("", room.code(telephone)))


async def test_totp_is_nothing_for_tokens(room: Strongroom) -> None:
    _, telephone = await room.enrolled()
    token = Principal("token ci", frozenset(Scope), token_id="1")
    await refused("session_only", room, token, Proof(PASSWORD, room.code(telephone)))


async def test_totp_is_replaced_and_removed_with_the_old_one_only(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    with pytest.raises(Problem, match="code_wrong"):
        await room.second_factor.begin(who, Proof(PASSWORD), HERE)
    begun = await room.second_factor.begin(who, Proof(PASSWORD, room.code(telephone)), HERE)
    await room.second_factor.confirm(who, room.code(begun), HERE)
    room.clock.pass_minutes(1)
    await refused("code_wrong", room, who, Proof(PASSWORD, room.code(telephone)))
    await room.second_factor.remove(who, Proof(PASSWORD, room.code(begun)), HERE)
    assert await room.second_factor.row(who) is None
    await refused("second_factor_missing", room, who, Proof(PASSWORD, "1"))


async def test_totp_of_a_lost_telephone_is_taken_away_at_the_terminal(room: Strongroom) -> None:
    who, _ = await room.enrolled()
    await room.second_factor.reset("admin")
    assert await room.second_factor.row(who) is None
    with pytest.raises(Problem, match="not_found"):
        await room.second_factor.reset("nobody")


async def test_totp_survives_a_restart(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    await room.again().second_factor.prove(who, Proof(PASSWORD, room.code(telephone)), HERE)


async def test_totp_is_on_record_without_its_codes(room: Strongroom) -> None:
    who, telephone = await room.enrolled()
    await refused("code_wrong", room, who, Proof(PASSWORD, "000000"))
    rows, _ = await room.accounts.events(10, None)
    assert [(row.action, row.result) for row in rows[:2]] == [
        ("second_factor", "refused"),
        ("second_factor", "ok"),
    ]
    assert telephone.secret.reveal() not in str(rows)
