"""Members of the simulated venues: requests signed as each venue's document says, by hand."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import time
import uuid
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlencode

import httpx

from tests.simulator.stage import Venue, bearer

Fields = dict[str, Any]


def _plain(fields: Fields) -> str:
    """`k=v&k=v`, arrays as `k[]=a&k[]=b`, nothing percent-encoded."""
    parts = []
    for key, value in fields.items():
        if isinstance(value, list):
            parts += [f"{key}[]={one}" for one in value]
        else:
            parts.append(f"{key}={value}")
    return "&".join(parts)


class Korean:
    """upbit.md §4, bithumb.md §4."""

    def __init__(self, venue: Venue, name: str) -> None:
        self.venue, self.name = venue, name

    def token(self, text: str = "", **claims: Any) -> str:
        if self.name == "bithumb":
            claims = {"timestamp": time.time_ns() // 1_000_000, **claims}
        return bearer(self.name, text, **claims)

    async def get(self, path: str, **fields: Any) -> httpx.Response:
        return await self.ask("GET", path, fields)

    async def delete(self, path: str, **fields: Any) -> httpx.Response:
        return await self.ask("DELETE", path, fields)

    async def post(self, path: str, fields: Fields, **claims: Any) -> httpx.Response:
        return await self.ask("POST", path, fields, **claims)

    async def ask(self, method: str, path: str, fields: Fields, **claims: Any) -> httpx.Response:
        """Again, a moment later, where it was too soon."""
        text, body, query = _plain(fields), "", ""
        if method == "POST":
            body = json.dumps(fields)
        elif text:
            query = f"?{text}"
        while True:
            headers = {"Authorization": self.token(text, **claims)}
            if body:
                headers["Content-Type"] = "application/json; charset=utf-8"
            reply = await self.venue.send(method, path + query, body, **headers)
            if reply.status_code != 429:
                return reply
            await asyncio.sleep(0.2)


class Binance:
    """binance.md §4."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    async def ask(
        self, method: str, path: str, *, at_ms: int | None = None, **fields: Any
    ) -> httpx.Response:
        fields |= {"timestamp": at_ms or time.time_ns() // 1_000_000}
        text = urlencode(fields)
        signature = hmac.new(b"sim-binance-secret", text.encode(), hashlib.sha256).hexdigest()
        signed = f"{text}&signature={signature}"
        headers = {"X-MBX-APIKEY": "sim-binance"}
        if method == "POST":
            headers["Content-Type"] = "application/x-www-form-urlencoded"
            return await self.venue.send(method, path, signed, **headers)
        return await self.venue.send(method, f"{path}?{signed}", "", **headers)


class Okx:
    """okx.md §4."""

    def __init__(self, venue: Venue) -> None:
        self.venue = venue

    async def get(self, target: str) -> Any:
        return (await self.ask("GET", target, "")).json()

    async def post(self, path: str, fields: Any, **headers: str) -> Any:
        return (await self.ask("POST", path, json.dumps(fields), **headers)).json()

    async def ask(self, method: str, target: str, body: str, **more: str) -> httpx.Response:
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        text = f"{stamp}{method}{target}{body}"
        signature = hmac.digest(b"sim-okx-secret", text.encode(), hashlib.sha256)
        headers = {
            "OK-ACCESS-KEY": "sim-okx",
            "OK-ACCESS-SIGN": base64.b64encode(signature).decode(),
            "OK-ACCESS-TIMESTAMP": stamp,
            "OK-ACCESS-PASSPHRASE": "sim-pass",
            "Content-Type": "application/json",
            **more,
        }
        return await self.venue.send(method, target, body, **headers)


def fresh() -> str:
    """A client id that every venue takes."""
    return uuid.uuid4().hex[:20]
