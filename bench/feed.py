"""A Binance of the bench: the simulator's frames, at an exact pace, each with the time it left.

`python -m bench.feed <simulator's Binance port> <updates a second>` prints its port and serves
REST by asking the simulator. The quantity of the best bid is the sending clock in seconds, so
that whoever sees it knows how long it was on its way.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import sys
import time
from http import HTTPStatus

import httpx
from websockets.asyncio.client import connect
from websockets.asyncio.server import ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response
from websockets.protocol import State

RECORDED = 400
STREAM = "@depth20@100ms"
CLOCK = "<clock>"
TEXT_16 = b"\x81\x7e"
"""A whole text message of 126 bytes to 65,535 (RFC 6455 §5.2); every recorded one is."""


async def recorded(port: int) -> list[dict[str, object]]:
    """Book frames of every market, as the simulator sends them."""
    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:
        answer = (await client.get("/api/v3/exchangeInfo")).json()
    names = [row["symbol"].lower() + STREAM for row in answer["symbols"]]
    found: list[dict[str, object]] = []
    async with connect(f"ws://127.0.0.1:{port}/stream", max_size=None) as socket:
        await socket.send(json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1}))
        while len(found) < RECORDED:
            frame = json.loads(await socket.recv())
            if frame.get("stream", "").endswith(STREAM):
                found.append(frame)
    return found


async def run(port: int, rate: float) -> None:
    frames = await recorded(port)
    client = httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}")

    async def rest(_: ServerConnection, request: Request) -> Response | None:
        if request.path.startswith("/stream"):
            return None
        key = {"X-MBX-APIKEY": request.headers.get("X-MBX-APIKEY", "")}
        told = await client.get(request.path, headers=key)
        kind = Headers({"Content-Type": "application/json"})
        return Response(HTTPStatus(told.status_code).value, told.reason_phrase, kind, told.content)

    async def stream(socket: ServerConnection) -> None:
        asked = json.loads(await socket.recv())
        await socket.send(json.dumps({"result": None, "id": asked["id"]}))
        began = time.perf_counter()
        for number, frame in enumerate(itertools.cycle(frames)):
            wait = began + number / rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            if socket.state is not State.OPEN:
                return
            data = frame["data"]
            assert isinstance(data, dict)
            data["lastUpdateId"] += RECORDED  # the next round is newer than the last
            data["bids"][0][1] = CLOCK
            head, tail = json.dumps(frame, separators=(",", ":")).encode().split(CLOCK.encode())
            # Straight to the wire: what a library takes to send is no part of the way.
            stamp = b"%.9f" % (time.perf_counter_ns() / 1e9)
            size = (len(head) + len(stamp) + len(tail)).to_bytes(2, "big")
            socket.transport.write(b"".join((TEXT_16, size, head, stamp, tail)))

    async with serve(stream, "127.0.0.1", 0, process_request=rest, compression=None) as server:
        print(server.sockets[0].getsockname()[1], flush=True)
        await server.serve_forever()


if __name__ == "__main__":
    import uvloop

    uvloop.run(run(int(sys.argv[1]), float(sys.argv[2])))
