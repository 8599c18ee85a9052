"""Passwords are expensive to guess, and the easy ones are not taken."""

from __future__ import annotations

import argon2
import pytest

from app.security.passwords import Passwords, weakness


async def test_argon2_params_are_those_of_the_design() -> None:
    stored = await Passwords().hashed("a sentence nobody thinks of")
    assert stored.startswith("$argon2id$")
    found = argon2.extract_parameters(stored)
    assert (found.memory_cost, found.time_cost, found.parallelism) == (65_536, 3, 1)


async def test_a_hash_opens_for_its_password_only() -> None:
    passwords = Passwords(memory_kib=64, rounds=1)
    stored = await passwords.hashed("a sentence nobody thinks of")
    assert await passwords.matches(stored, "a sentence nobody thinks of")
    assert not await passwords.matches(stored, "a sentence nobody thinks ofx")
    assert await passwords.hashed("a sentence nobody thinks of") != stored, "salted"


async def test_an_unknown_user_costs_the_same_work() -> None:
    """S10 without a stop-watch: the hash verified for nobody has today's parameters."""
    passwords = Passwords()
    assert not await passwords.matches(None, "the password of nobody")
    assert argon2.extract_parameters(passwords._nobody) == argon2.extract_parameters(
        await passwords.hashed("x")
    )


async def test_hashes_with_older_parameters_are_recognised() -> None:
    old = await Passwords(memory_kib=64, rounds=1).hashed("a sentence nobody thinks of")
    assert Passwords().outdated(old)
    assert await Passwords().matches(old, "a sentence nobody thinks of")


@pytest.mark.parametrize(
    "password",
    [
        "",
        "short",
        "elevenchars",
        "123456789012",
        "0987654321098",
        "QWERTYUIOP123",
        "zyxwvutsrqponm",
        "passwordpassword",
        "abcabcabcabcabc",
        "aaaaaaaaaaaaaaaaaaaa",
        "1q2w3e4r5t6y",
        "margaret.hopkins1",
        "x" * 257,
    ],
)
def test_password_policy_refuses_what_guessers_try_first(password: str) -> None:
    assert weakness(password, "margaret.hopkins")


@pytest.mark.parametrize(
    "password",
    [
        "correct horse battery",
        "twelve chars",
        "김치 프리미엄은 오늘도 높다",
        "only lower case letters are fine",
        "  leading and trailing blanks  ",
        "🐙🦑🦐🦞🦀🐡🐠🐟🐬🐳🐋🦈",
    ],
)
def test_password_policy_has_no_rules_of_composition(password: str) -> None:
    assert weakness(password, "margaret.hopkins") is None
