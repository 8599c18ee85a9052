"""A process of its own that serves streams as `python -m app serve` does: uvloop, real signals."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from collections.abc import AsyncIterator

from fastapi import FastAPI

from app.runtime import serving
from app.runtime.streams.hub import Hub
from tests.streams.kit import CONNECTIONS, stream_app


def main(connection: str) -> None:
    hub = Hub()

    async def publish() -> None:
        for number in range(sys.maxsize):
            hub.publish("backtests", {"b-1": {"n": number}})
            await asyncio.sleep(0.01)

    @contextlib.asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        publishing = asyncio.create_task(publish())
        yield
        publishing.cancel()
        print("lifespan ended", flush=True)

    app = stream_app(hub)
    app.router.lifespan_context = lifespan

    @app.get("/loop")
    async def loop() -> str:
        return type(asyncio.get_running_loop()).__module__

    serving.raise_open_files()
    sock = serving.listen("127.0.0.1", 0)
    port = sock.getsockname()[1]
    server = serving.server(
        app,
        ready=lambda: print(port, flush=True),
        stopping=hub.close,
        connection=CONNECTIONS[connection],
    )
    server.run(sockets=[sock])


if __name__ == "__main__":
    main(sys.argv[1])
