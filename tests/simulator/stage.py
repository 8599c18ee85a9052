"""A whole simulator inside the test's own loop, on free ports, and ways to talk to it."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import hmac
import json
import socket
import uuid
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from websockets.asyncio.client import ClientConnection, connect

from app.simulator.serve import Simulator

PORTS = 10
PATIENCE_S = 10.0
"""Until a test gives up on a frame that never comes; nothing is measured with it."""


class Venue:
    """One port of the simulator, as a client sees it."""

    def __init__(self, simulator: Simulator, name: str, http: httpx.AsyncClient) -> None:
        self.part = next(part for part in simulator.parts if part.venue == name)
        self.port = self.part.port
        self.url = f"http://127.0.0.1:{self.port}"
        self._http = http

    async def get(self, target: str, **headers: str) -> httpx.Response:
        return await self._http.get(self.url + target, headers=headers)

    async def send(
        self, method: str, target: str, body: str = "", **headers: str
    ) -> httpx.Response:
        return await self._http.request(
            method, self.url + target, content=body.encode(), headers=headers
        )

    async def truth(self, kind: str) -> Any:
        """What the venue's books say."""
        return (await self.get(f"/__sim/{kind}")).json()

    async def read(self, target: str, **headers: str) -> Any:
        reply = await self.get(target, **headers)
        assert reply.status_code == 200, reply.text
        return json.loads(reply.text, parse_float=str)

    async def fault(self, kind: str, **fields: Any) -> str:
        reply = await self._http.post(self.url + "/__sim/faults", json={"kind": kind, **fields})
        assert reply.status_code == 200, reply.text
        identity: str = reply.json()["id"]
        return identity

    async def drop(self, fault: str) -> None:
        await self._http.delete(f"{self.url}/__sim/faults/{fault}")

    async def heal(self) -> None:
        await self._http.delete(self.url + "/__sim/faults")

    @asynccontextmanager
    async def stream(
        self, path: str, *frames: Any, **headers: str
    ) -> AsyncIterator[ClientConnection]:
        url = f"ws://127.0.0.1:{self.port}{path}"
        async with connect(
            url, max_size=None, compression=None, additional_headers=headers
        ) as socket_:
            for frame in frames:
                await socket_.send(frame if isinstance(frame, str) else json.dumps(frame))
            yield socket_


@asynccontextmanager
async def market(
    *, seed: int = 1, coins: int = 8, rate: float = 600.0, transfer_s: float = 20.0
) -> AsyncIterator[dict[str, Venue]]:
    simulator = Simulator(seed, coins, rate, transfer_s=transfer_s)
    sockets = []
    for _ in range(PORTS):
        sock = socket.socket()
        sock.bind(("127.0.0.1", 0))
        sockets.append(sock)
    await simulator.listen(sockets, None)
    stop = asyncio.Event()
    beating = asyncio.create_task(simulator.run(stop))
    try:
        async with httpx.AsyncClient(timeout=PATIENCE_S, trust_env=False) as http:
            yield {part.venue: Venue(simulator, part.venue, http) for part in simulator.parts}
    finally:
        stop.set()
        await beating
        simulator.close()


async def heard(stream: ClientConnection) -> Any:
    """The next frame."""
    frame = await asyncio.wait_for(stream.recv(), PATIENCE_S)
    return json.loads(frame, parse_float=str)


async def several(stream: ClientConnection, count: int) -> list[Any]:
    return [await heard(stream) for _ in range(count)]


def bearer(
    venue: str,
    query: str = "",
    *,
    key: str = "",
    secret: str = "",
    algorithm: str = "HS256",
    **more: Any,
) -> str:
    """A Korean venue's token as its document says, with the test keys unless given others."""
    claims: dict[str, Any] = {
        "access_key": key or f"sim-{venue}",
        "nonce": str(uuid.uuid4()),
        **more,
    }
    if query:
        claims["query_hash"] = hashlib.sha512(query.encode()).hexdigest()
        claims["query_hash_alg"] = "SHA512"
    parts = [
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode()
        for part in ({"alg": algorithm, "typ": "JWT"}, claims)
    ]
    digest = hashlib.sha512 if algorithm == "HS512" else hashlib.sha256
    signature = hmac.new(
        (secret or f"sim-{venue}-secret").encode(), ".".join(parts).encode(), digest
    ).digest()
    parts.append(base64.urlsafe_b64encode(signature).rstrip(b"=").decode())
    return "Bearer " + ".".join(parts)
