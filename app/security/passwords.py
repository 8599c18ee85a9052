"""Passwords: Argon2id, and which ones are too easy to guess."""

from __future__ import annotations

import asyncio
import base64
import functools
import os
import re
from pathlib import Path

import argon2
from argon2.low_level import ARGON2_VERSION

from app.security.limits import HASHES_AT_ONCE, PASSWORD_LENGTH_MAX, PASSWORD_LENGTH_MIN

MEMORY_KIB = 64 * 1024
ROUNDS = 3
DISTINCT_MIN = 5
_TOP = Path(__file__).with_name("top_passwords.txt")
_RUNS = ("1234567890" * 4, "abcdefghijklmnopqrstuvwxyz", "qwertyuiopasdfghjklzxcvbnm")
_REPEATED = re.compile(r"(.{1,8})\1+.{0,7}", re.DOTALL)


class Passwords:
    """Hashes and verifies in threads, few at a time: a flood of sign-ins cannot eat the memory."""

    def __init__(self, *, memory_kib: int = MEMORY_KIB, rounds: int = ROUNDS) -> None:
        self._argon = argon2.PasswordHasher(
            time_cost=rounds, memory_cost=memory_kib, parallelism=1, type=argon2.Type.ID
        )
        self._turns = asyncio.Semaphore(HASHES_AT_ONCE)
        # Verified for a user that does not exist, so that both answers take the same work.
        self._nobody = _nobodys(memory_kib, rounds)

    async def hashed(self, password: str) -> str:
        async with self._turns:
            return await asyncio.to_thread(self._argon.hash, password)

    async def matches(self, stored: str | None, password: str) -> bool:
        """Whether `password` is the one behind `stored`; with None the same work and False."""
        async with self._turns:
            same = await asyncio.to_thread(self._verify, stored or self._nobody, password)
        return same and stored is not None

    def outdated(self, stored: str) -> bool:
        """Made with other parameters than today's: hash again while the password is at hand."""
        return self._argon.check_needs_rehash(stored)

    def _verify(self, stored: str, password: str) -> bool:
        try:
            return self._argon.verify(stored, password)
        except argon2.exceptions.VerificationError:
            return False


def _nobodys(memory_kib: int, rounds: int) -> str:
    """A hash that no password has, as costly to compare with as a real one, and free to make."""
    salt, digest = (
        base64.b64encode(os.urandom(count)).decode().rstrip("=")
        for count in (argon2.DEFAULT_RANDOM_SALT_LENGTH, argon2.DEFAULT_HASH_LENGTH)
    )
    return f"$argon2id$v={ARGON2_VERSION}$m={memory_kib},t={rounds},p=1${salt}${digest}"


def weakness(password: str, user_name: str) -> str | None:
    """Why a new password is refused, in the words of an expectation; None when it may be used.

    No rules of composition: length, and nothing that guessers try first.
    """
    if not PASSWORD_LENGTH_MIN <= len(password) <= PASSWORD_LENGTH_MAX:
        return f"{PASSWORD_LENGTH_MIN}..{PASSWORD_LENGTH_MAX} characters"
    lower = password.casefold()
    if lower in _top() or _is_pattern(lower):
        return "not a well-known password or a pattern"
    if user_name.casefold() in lower and len(user_name) * 2 > len(lower):
        return "not the user name"
    return None


def _is_pattern(lower: str) -> bool:
    """A few letters, a word again and again, or keys in their order."""
    if len(set(lower)) < DISTINCT_MIN or _REPEATED.fullmatch(lower):
        return True
    return any(lower in run or lower[::-1] in run for run in _RUNS)


@functools.cache
def _top() -> frozenset[str]:
    lines = _TOP.read_text(encoding="utf-8").splitlines()
    return frozenset(line for line in lines if not line.startswith("#"))
