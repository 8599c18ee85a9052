"""Masking: people recognise an access key by its ends; of secrets nobody sees anything."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from app.domain.secret import Secret
from app.domain.venues import Venue
from app.runtime.credentials import ACCESS, SECRET
from app.runtime.second_factor import Proof
from app.security.masking import HIDDEN, masked
from app.security.principal import Principal, Scope
from tests.appkit import Running
from tests.security.strongroom import HERE, Strongroom

TOKEN = Principal("token KIMP_API_TOKEN", frozenset(Scope), token_id="1")


@given(st.text(alphabet=st.characters(exclude_characters="…*"), max_size=200))
def test_masking_shows_eight_characters_at_most(access: str) -> None:
    shown = masked(access)
    if len(access) < 16:
        assert shown == HIDDEN
    else:
        assert shown in {HIDDEN, f"{access[:4]}…{access[-4:]}"}
    assert len(shown.replace("…", "").replace("*", "")) <= 8


@given(st.text(alphabet="abcdefghij0123456789", min_size=16, max_size=64))
def test_masking_says_nothing_of_the_length(access: str) -> None:
    assert len(masked(access)) == 9


def test_masking_shows_nothing_that_could_command_a_terminal() -> None:
    assert masked("\x1b[2J" + "a" * 40) == HIDDEN
    assert masked("a" * 40 + "\n") == HIDDEN


async def test_masking_of_stored_keys_shows_no_secret_at_all(room: Strongroom) -> None:
    paper = room.again(mode="paper")
    fields = {ACCESS: Secret("abcd-middle-of-it-wxyz"), SECRET: Secret("very-secret-secret-key")}
    await paper.credentials.put(TOKEN, Venue.UPBIT, fields, Proof(), HERE)
    told = repr(await paper.credentials.all())
    assert "abcd…wxyz" in told
    for part in ("middle", "very", "secret-key"):
        assert part not in told


async def test_masking_of_the_api_is_the_same(kimp: Running) -> None:
    body = {"api_key": "abcd-middle-of-it-wxyz", "api_secret": "very-secret-secret-key"}
    put = await kimp.client.put("/api/v1/credentials/bybit", json=body)
    one = await kimp.client.get("/api/v1/credentials/bybit")
    every = await kimp.client.get("/api/v1/credentials")
    gone = await kimp.client.delete("/api/v1/credentials/bybit")
    assert (put.status_code, one.json(), gone.status_code) == (200, put.json(), 204)
    assert one.json()["api_key"] == "abcd…wxyz"
    assert (await kimp.client.get("/api/v1/credentials/bybit")).status_code == 404
    for answer in (put, one, every, gone):
        assert "middle" not in answer.text
        assert "very-secret" not in answer.text


async def test_masking_holds_in_refusals_too(kimp: Running) -> None:
    """What was sent is not sent back, however wrong it was."""
    for body in (
        {"api_key": "abcd-middle-of-it-wxyz", "api_secret": ["very-secret-secret-key"]},
        {"api_key": {"middle": 1}, "api_secret": "very-secret-secret-key"},
        {"api_key": "abcd-middle-of-it-wxyz"},
        {"api_key": "mid\ndle" * 5, "api_secret": "very-secret-secret-key"},
    ):
        answer = await kimp.client.put("/api/v1/credentials/coinbase", json=body)
        assert answer.status_code == 422
        assert "very-secret" not in answer.text
        assert "middle" not in answer.text
