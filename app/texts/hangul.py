"""Hangul: first consonants, by which Korean names are searched (ㄷㅈㅋㅇ finds 도지코인)."""

from __future__ import annotations

INITIALS = "ㄱㄲㄴㄷㄸㄹㅁㅂㅃㅅㅆㅇㅈㅉㅊㅋㅌㅍㅎ"
FIRST, COUNT, OF_ONE = 0xAC00, 11_172, 588


def initials(word: str) -> str:
    """Each syllable's first consonant; what is no syllable stays."""
    return "".join(
        INITIALS[(ord(letter) - FIRST) // OF_ONE] if 0 <= ord(letter) - FIRST < COUNT else letter
        for letter in word
    )


def found(name: str, sought: str) -> bool:
    """Whether a name holds a word or its first consonants; case and spaces do not count."""
    plain, word = (text.lower().replace(" ", "") for text in (name, sought))
    return word in plain or word in initials(plain)
