"""/api/v1/tokens, /audit and /settings as programs use them."""

from __future__ import annotations

import pytest

from tests.appkit import API_TOKEN, Running


async def test_tokens_are_issued_listed_used_and_revoked(kimp: Running) -> None:
    body = {"name": "nightly", "scopes": ["read", "backtest", "read"], "expires_days": 7}
    answer = await kimp.client.post("/api/v1/tokens", json=body)
    assert answer.status_code == 201
    issued = answer.json()
    assert issued["token"].startswith(f"kimp_{issued['id']}_")
    assert issued["scopes"] == ["read", "backtest"]
    listed = (await kimp.client.get("/api/v1/tokens")).json()
    mine = next(item for item in listed["items"] if item["id"] == issued["id"])
    assert "token" not in mine
    assert mine["revoked_at"] is None
    assert mine["expires_at"] > mine["created_at"]
    async with kimp.visitor(Authorization=f"Bearer {issued['token']}") as program:
        assert (await program.get("/api/v1/settings")).status_code == 200
        assert (await program.get("/api/v1/tokens")).status_code == 403
        answer = await kimp.client.delete(f"/api/v1/tokens/{issued['id']}")
        assert (answer.status_code, answer.content) == (204, b"")
        assert (await program.get("/api/v1/settings")).status_code == 401, "at once"
    assert (await kimp.client.delete(f"/api/v1/tokens/{issued['id']}")).status_code == 404


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": "", "scopes": ["read"]},
        {"name": "x" * 65, "scopes": ["read"]},
        {"name": "x", "scopes": []},
        {"name": "x", "scopes": ["root"]},
        {"name": "x", "scopes": "read"},
        {"name": "x", "scopes": ["read"], "expires_days": 0},
        {"name": "x", "scopes": ["read"], "expires_days": 1.5},
        [],
    ],
)
async def test_tokens_of_no_shape_are_refused(kimp: Running, body: object) -> None:
    answer = await kimp.client.post("/api/v1/tokens", json=body)
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_fields")
    assert all(error["expected"] for error in answer.json()["errors"])


async def test_audit_log_is_read_in_pages(kimp: Running) -> None:
    for number in range(3):
        body = {"name": f"audited {number}", "scopes": ["read"]}
        issued = (await kimp.client.post("/api/v1/tokens", json=body)).json()
        await kimp.client.delete(f"/api/v1/tokens/{issued['id']}")
    first = (await kimp.client.get("/api/v1/audit?limit=4")).json()
    then = (await kimp.client.get(f"/api/v1/audit?limit=2&cursor={first['next_cursor']}")).json()
    events = [*first["items"], *then["items"]]
    assert [event["action"] for event in events] == ["token_revoke", "token_create"] * 3
    assert {event["actor"] for event in events} == {"token KIMP_API_TOKEN"}
    assert {event["ip"] for event in events} == {"127.0.0.1"}
    assert all(event["at"].endswith("Z") for event in events)
    for query in ("limit=0", "limit=1001", "limit=x", "cursor=-1", "cursor=x"):
        assert (await kimp.client.get(f"/api/v1/audit?{query}")).status_code == 422


async def test_settings_are_listed_changed_and_reset(kimp: Running) -> None:
    url = "/api/v1/settings/backtest.krw_fee_bps"
    changed = (await kimp.client.put(url, json={"value": 4.2})).json()
    assert changed == {
        "key": "backtest.krw_fee_bps",
        "value": 4.2,
        "default": 5.0,
        "expected": "number 0..10000",
        "changed_at": changed["changed_at"],
        "changed_by": "token KIMP_API_TOKEN",
        "previous": None,
    }
    assert (await kimp.client.get(url)).json() == changed
    listed = (await kimp.client.get("/api/v1/settings")).json()
    assert changed in listed["items"]
    assert (await kimp.client.put(url, json={"value": 3})).json()["previous"] == 4.2
    assert (await kimp.client.put(url, json={"value": None})).json()["value"] == 5.0


async def test_settings_out_of_bounds_are_refused(kimp: Running) -> None:
    answer = await kimp.client.put("/api/v1/settings/uploads.max_gib", json={"value": -1})
    assert answer.status_code == 422
    assert answer.json()["errors"] == [
        {"row": None, "column": "value", "value": "-1", "expected": "number 0.001..64"}
    ]
    answer = await kimp.client.put("/api/v1/settings/uploads.max_gib", content=b'{"value": NaN}')
    assert answer.status_code in {400, 422}
    assert (await kimp.client.get("/api/v1/settings/nothing")).status_code == 404
    answer = await kimp.client.put("/api/v1/settings/nothing", json={"value": 1})
    assert answer.status_code == 404


async def test_the_bootstrap_token_is_compared_whole(kimp: Running) -> None:
    for text in (API_TOKEN[:-1], API_TOKEN + "x", API_TOKEN.upper(), "x" * 1000):
        async with kimp.visitor(Authorization=f"Bearer {text}") as program:
            assert (await program.get("/api/v1/settings")).status_code == 401
