"""The API's description: complete, protected, and drawn without code of others' sites."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from tests.appkit import Running

BULKY = {"text/csv", "text/html", "application/octet-stream"}
STATIC = Path(__file__).resolve().parents[2] / "static"


@pytest.fixture
async def described(kimp: Running) -> dict[str, Any]:
    answer = await kimp.client.get("/openapi.json")
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def test_docs_are_protected(kimp: Running) -> None:
    async with kimp.visitor() as stranger:
        assert (await stranger.get("/openapi.json")).status_code == 401
        assert (await stranger.get("/metrics")).status_code == 401
        answer = await stranger.get("/docs")
        assert (answer.status_code, answer.headers["location"]) == (303, "/login?next=%2Fdocs")
        assert (await stranger.get("/redoc")).status_code == 404


async def test_docs_name_both_ways_to_sign_in_and_the_scope(described: dict[str, Any]) -> None:
    assert set(described["components"]["securitySchemes"]) == {"token", "session"}
    for path, item in described["paths"].items():
        for operation in item.values():
            if path.startswith("/api/"):
                token, session = operation["security"]
                assert token["token"], path
                assert session == {"session": []}
    settings = described["paths"]["/api/v1/settings/{key}"]
    assert settings["get"]["security"][0] == {"token": ["read"]}
    assert settings["put"]["security"][0] == {"token": ["read", "admin"]}
    assert described["paths"]["/healthz"]["get"]["security"] == []


async def test_docs_show_an_example_of_every_answer_and_body(described: dict[str, Any]) -> None:
    bare = []
    for path, item in described["paths"].items():
        for method, operation in item.items():
            for status, response in operation["responses"].items():
                for kind, content in response.get("content", {}).items():
                    if kind not in BULKY and "example" not in content and "examples" not in content:
                        bare.append(f"{method} {path} {status} {kind}")
    assert bare == []


async def test_docs_show_refusals_as_they_are(described: dict[str, Any]) -> None:
    assert "HTTPValidationError" not in str(described["paths"])
    for path, item in described["paths"].items():
        if not path.startswith("/api/"):
            continue
        for method, operation in item.items():
            responses = operation["responses"]
            assert {"401", "403"} <= responses.keys(), f"{method} {path}"
            for status in ("400", "401", "403", "404", "409", "422"):
                if status in responses:
                    assert list(responses[status]["content"]) == ["application/problem+json"]


async def test_docs_have_no_form_of_mass_assign(described: dict[str, Any]) -> None:
    """Every JSON body says that it takes no further fields, and means it."""
    schemas = described["components"].get("schemas", {})
    bodies = 0
    for path, item in described["paths"].items():
        for method, operation in item.items():
            content = operation.get("requestBody", {}).get("content", {})
            for schema in (each["schema"] for each in content.values()):
                name = schema.get("$ref", "").rpartition("/")[2]
                shape = schemas[name] if name else schema
                bodies += 1
                assert shape.get("additionalProperties") is False, f"{method} {path}"
    assert bodies >= 2


async def test_mass_assign_is_refused(kimp: Running) -> None:
    for path, body in (
        ("/api/v1/tokens", {"name": "x", "scopes": ["read"], "user_id": 1}),
        ("/api/v1/tokens", {"name": "x", "scopes": ["read"], "secret_hash": "0" * 64}),
    ):
        answer = await kimp.client.post(path, json=body)
        assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields")
        assert answer.json()["errors"][0]["expected"] == "no such field"
    answer = await kimp.client.put(
        "/api/v1/settings/display.density", json={"value": "compact", "default": "x"}
    )
    assert answer.status_code == 422


def test_vendored_files_are_those_that_were_published() -> None:
    lines = (STATIC / "vendor" / "sha256.txt").read_text().splitlines()
    known = dict(reversed(line.split("  ")) for line in lines if not line.startswith("#"))
    found = {
        path.relative_to(STATIC).as_posix()
        for folder in ("vendor", "fonts")
        for path in (STATIC / folder).rglob("*")
        if path.is_file() and path.name != "sha256.txt"
    }
    assert set(known) == found
    for name, digest in known.items():
        assert hashlib.sha256((STATIC / name).read_bytes()).hexdigest() == digest, name
