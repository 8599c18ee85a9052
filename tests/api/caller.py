"""A program that uses the API, in the words of the tests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import httpx

from tests.work.history_files import START_S, dollar_csv, won_csv

FINAL = {"completed", "failed", "cancelled"}
ROWS = 2_000


class Caller:
    """Calls and unpacks; `expect` is the status that the answer must have."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self.client = client

    async def get(self, path: str, expect: int = 200, **query: Any) -> Any:
        return self._body(await self.client.get(f"/api/v1{path}", params=query), expect)

    async def post(self, path: str, body: object = None, expect: int = 202) -> Any:
        return self._body(await self.client.post(f"/api/v1{path}", json=body), expect)

    async def put(self, path: str, body: object, expect: int = 200) -> Any:
        return self._body(await self.client.put(f"/api/v1{path}", json=body), expect)

    async def delete(self, path: str, expect: int = 204) -> Any:
        return self._body(await self.client.delete(f"/api/v1{path}"), expect)

    async def upload(
        self, content: bytes, name: str = "a.csv", expect: int = 201, **fields: str
    ) -> Any:
        answer = await self.client.post(
            "/api/v1/datasets", files={"file": (name, content)}, data=fields
        )
        return self._body(answer, expect)

    async def upload_markets(self, rows: int = ROWS) -> dict[str, str]:
        """Won candles, dollar candles and a rate that is known since a day before them."""
        won = await self.upload(won_csv(rows), "won.csv", venue="upbit", base="BTC", quote="KRW")
        dollar = await self.upload(
            dollar_csv(rows), "dollar.csv", venue="binance", base="BTC", quote="USDT"
        )
        rates = f"timestamp,rate\n{START_S - 86_401},1300.0\n{START_S - 86_340},1300\n".encode()
        rate = await self.upload(rates, "rate.csv", quote="KRW", base="USDT")
        return {"won": won["id"], "dollar": dollar["id"], "rate": rate["id"]}

    async def finished(self, path: str, public_id: str) -> Any:
        """The final state of a run or a study."""
        async with asyncio.timeout(120):
            while True:
                body = await self.get(f"{path}/{public_id}")
                if body["status"] in FINAL:
                    return body
                await asyncio.sleep(0.01)

    async def run(self, body: Mapping[str, Any]) -> Any:
        started = await self.post("/backtests", body)
        return await self.finished("/backtests", started["id"])

    @staticmethod
    def _body(answer: httpx.Response, expect: int) -> Any:
        assert answer.status_code == expect, (answer.status_code, answer.text[:2_000])
        if answer.status_code == 204:
            assert not answer.content
            return None
        kind = "application/problem+json" if answer.is_error else "application/json"
        assert answer.headers["content-type"] == kind
        return answer.json()


def asked(markets: Mapping[str, str], /, **changes: Any) -> dict[str, Any]:
    """A backtest that trades a dozen times on the swinging market."""
    return {
        "markets": [
            {"base": "BTC", "krw_dataset": markets["won"], "global_dataset": markets["dollar"]}
        ],
        "fx": {"dataset": markets["rate"]},
        "entry_bps": 60,
        "exit_bps": -40,
        **changes,
    }
