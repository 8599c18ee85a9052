"""The API does what its description says: requests made from it, answers held to it."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.generation import GenerationMode
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    negative_data_rejection,
    response_schema_conformance,
    status_code_conformance,
)

from app.main import create_app
from app.routers.api.docs import described
from app.settings import load
from tests.api.caller import Caller, asked
from tests.appkit import Running

OURS = (
    "/datasets", "/backtests", "/sweeps", "/walkforwards",
    "/exchanges", "/markets", "/prices", "/premiums", "/books", "/fx", "/opportunities",
    "/wallets", "/identities", "/fees", "/tools", "/credentials", "/withdrawal-addresses",
    "/engine/arm", "/engine/disarm",
)  # fmt: skip
EXAMPLES = 12
CHECKS = [
    not_a_server_error,
    status_code_conformance,
    content_type_conformance,
    response_schema_conformance,
    negative_data_rejection,
]
DESCRIPTION = described(create_app(load({"KIMP_ENV": "test"})))
SCHEMA = schemathesis.openapi.from_dict(DESCRIPTION)
OPERATIONS = {
    f"{operation.method.upper()} {operation.path}": operation
    for operation in (found.ok() for found in SCHEMA.get_all_operations())
    if operation.path.removeprefix("/api/v1").startswith(OURS)
}


@pytest.fixture(scope="session", autouse=True)
async def something_to_find(kimp: Running, markets: dict[str, str]) -> None:
    await Caller(kimp.client).run(asked(markets))


def test_every_route_is_described() -> None:
    assert len(OPERATIONS) >= 44


@pytest.mark.parametrize("mode", [GenerationMode.POSITIVE, GenerationMode.NEGATIVE])
@pytest.mark.parametrize("name", OPERATIONS)
async def test_answers_are_as_described(kimp: Running, name: str, mode: GenerationMode) -> None:
    loop = asyncio.get_running_loop()

    async def sent(case: Any) -> httpx.Response:
        wanted = case.as_transport_kwargs(base_url=str(kimp.client.base_url))
        if isinstance(wanted.get("data"), bytes | str):
            wanted["content"] = wanted.pop("data")
        names = ("method", "url", "params", "headers", "json", "data", "content", "files")
        request = kimp.client.build_request(**{n: wanted[n] for n in names if n in wanted})
        await request.aread()
        return await kimp.client.send(request)

    def send(case: Any) -> httpx.Response:
        return asyncio.run_coroutine_threadsafe(sent(case), loop).result(60)

    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        derandomize=True,
        database=None,
        suppress_health_check=list(HealthCheck),
    )
    @given(case=OPERATIONS[name].as_strategy(generation_mode=mode))
    def explore(case: Any) -> None:
        case.validate_response(send(case), checks=CHECKS)

    await asyncio.to_thread(explore)


@pytest.mark.parametrize("name", OPERATIONS)
def test_every_route_says_what_it_does_with_examples(name: str) -> None:
    operation = OPERATIONS[name].definition.raw
    assert operation["summary"]
    assert operation["tags"]
    for status, response in operation["responses"].items():
        for media_type, content in response.get("content", {}).items():
            if "json" in media_type:
                assert content.get("example") or content.get("examples"), (name, status)
    assert {"401", "403"} <= operation["responses"].keys()


@pytest.mark.parametrize("name", OPERATIONS)
def test_bodies_have_examples(name: str) -> None:
    body = OPERATIONS[name].definition.raw.get("requestBody")
    if body is None:
        return
    for media_type, content in body["content"].items():
        shape = content["schema"]
        if "$ref" in shape:
            shape = DESCRIPTION["components"]["schemas"][shape["$ref"].rsplit("/", 1)[-1]]
        examples = [
            shape.get("examples"),
            *(p.get("example") for p in shape["properties"].values()),
        ]
        assert any(examples), (name, media_type)
