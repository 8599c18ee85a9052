"""Official rates: two shapes from memory, read strictly; anything else is refused with a reason."""

from __future__ import annotations

import json
from typing import Any

import pytest

from app.domain.times import from_iso
from app.exchanges import fx

ER_API: dict[str, Any] = {
    "result": "success",
    "provider": "https://www.exchangerate-api.com",
    "documentation": "https://www.exchangerate-api.com/docs/free",
    "terms_of_use": "https://www.exchangerate-api.com/terms",
    "time_last_update_unix": 1_795_046_551,
    "time_last_update_utc": "Thu, 19 Nov 2026 00:02:31 +0000",
    "time_next_update_unix": 1_795_133_771,
    "time_eol_unix": 0,
    "base_code": "USD",
    "rates": {"USD": 1, "AED": 3.6725, "KRW": 1390.117, "JPY": 154.31},
}
FRANKFURTER: dict[str, Any] = {
    "amount": 1.0,
    "base": "USD",
    "date": "2026-11-19",
    "rates": {"KRW": 1391.2},
}
DUNAMU: dict[str, Any] = {
    "code": "FRX.KRWUSD",
    "currencyCode": "USD",
    "currencyName": "달러",
    "country": "미국",
    "name": "미국 (KRW/USD)",
    "date": "2026-11-19",
    "time": "14:23:07",
    "recurrenceCount": 512,
    "basePrice": 1390.5,
    "openingPrice": 1388.0,
    "change": "RISE",
    "currencyUnit": 1,
    "provider": "하나은행",
    "timestamp": 1_795_065_787_412,
    "id": 79,
}


def read(answer: object) -> fx.Official:
    return fx.read(json.dumps(answer).encode())


def test_a_list_per_dollar_with_the_time_of_its_update() -> None:
    assert read(ER_API) == fx.Official(1_390.117, 1_795_046_551 * 10**9)


def test_a_list_per_dollar_with_a_day() -> None:
    assert read(FRANKFURTER) == fx.Official(1_391.2, from_iso("2026-11-19T00:00:00Z"))


def test_the_shortest_answer_is_enough() -> None:
    assert read({"rates": {"KRW": 1390}}) == fx.Official(1_390.0, None)


def test_a_list_of_currencies() -> None:
    assert read([DUNAMU]) == fx.Official(1_390.5, 1_795_065_787_412 * 10**6)
    assert read([{"basePrice": 1390.5, "timestamp": 1}]) == fx.Official(1_390.5, 10**6)
    assert fx.read(b'\n [{"basePrice": 1390.5, "timestamp": 1}]').rate == 1_390.5


@pytest.mark.parametrize(
    "answer",
    [
        {},
        [],
        [DUNAMU, DUNAMU],
        {"rates": {}},
        {"rates": {"JPY": 154.3}},
        {"rates": {"KRW": "1390"}},
        {"rates": {"KRW": None}},
        {"rates": {"KRW": 0}},
        {"rates": {"KRW": -1390}},
        {"rates": {"KRW": 1.39}},
        {"rates": {"KRW": 0.000719}},
        {"rates": {"KRW": 139000}},
        ER_API | {"result": "error"},
        ER_API | {"base_code": "EUR"},
        ER_API | {"base": "EUR"},
        ER_API | {"time_last_update_unix": "yesterday"},
        FRANKFURTER | {"base": "EUR"},
        FRANKFURTER | {"amount": 10.0},
        FRANKFURTER | {"date": "19/11/2026"},
        [DUNAMU | {"basePrice": "1390.5"}],
        [DUNAMU | {"timestamp": None}],
        [DUNAMU | {"code": "FRX.KRWJPY"}],
        [DUNAMU | {"currencyCode": "JPY"}],
        [DUNAMU | {"currencyUnit": 100}],
        [{"basePrice": 1390.5}],
        "1390",
        1390,
        None,
    ],
)
def test_anything_else_is_refused(answer: object) -> None:
    with pytest.raises(ValueError, match=r"."):
        read(answer)


@pytest.mark.parametrize(
    "body", [b"", b"<html>maintenance</html>", b"[NaN]", b'{"rates":', b"\xff"]
)
def test_a_page_instead_of_an_answer_is_refused(body: bytes) -> None:
    """H59: a venue in maintenance answers 200 with HTML."""
    with pytest.raises(ValueError, match=r"."):
        fx.read(body)


def test_a_source_is_asked_at_its_own_host() -> None:
    request = fx.ask("https://api.frankfurter.dev/v1/latest?base=USD&symbols=KRW")
    assert (request.method, request.root) == ("GET", "https://api.frankfurter.dev")
    assert request.target == "/v1/latest?base=USD&symbols=KRW"
    assert not request.signed
    assert fx.ask("http://127.0.0.1:9110").target == "/"


def test_sources_have_names_of_their_own() -> None:
    assert list(fx.sources(fx.URLS)) == [
        "open.er-api.com",
        "api.frankfurter.dev",
        "quotation-api-cdn.dunamu.com",
    ]
    local = ("http://127.0.0.1:9110/v6/latest/USD", "http://127.0.0.1:9110/v1/forex/recent")
    assert list(fx.sources(local)) == [
        "127.0.0.1:9110/v6/latest/USD",
        "127.0.0.1:9110/v1/forex/recent",
    ]
    same_host = ("https://fx.example/a", "https://fx.example/b")
    assert fx.sources(same_host) == {"fx.example": same_host[0], "fx.example/b": same_host[1]}
