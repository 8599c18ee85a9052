"""Server-sent events to many clients: CPU per client-message and delay, ours beside peers.

`measure(kind, clients, hz, seconds)` starts one server of `kind` as a child process, opens the
clients in this process (epoll, one read per message), lets the server publish `hz` times a
second and reads how long each message took from publish to receive. CPU is the server process's
own, user and system, over the publishing time.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import re
import resource
import select
import socket
import statistics
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
PEERS_PYTHON = ROOT / ".venv-peers" / "bin" / "python"
KINDS = ("ours", "streaming_response", "fastapi_sse", "sse_starlette")
# Not a server: what the kernel takes for the same bytes to as many sockets, and nothing else.
LIMIT = "write_only"
TOPIC = "backtests"
PATH = f"/api/v1/events?topics={TOPIC}"
MESSAGE_BYTES = 340
NAP_S = 0.001
# TCP acknowledges the first 16 segments of a connection one by one, then every second one.
WARM_UP = 20
SENT = re.compile(rb'"sent":\s?(\d+)')


def item(counts: bool) -> dict[str, object]:
    """One changed item; with its envelope about as long as the peers' figures were taken with."""
    key = "sent" if counts else "warm"
    return {"id": "b-1", key: time.perf_counter_ns(), "fill": "x" * (MESSAGE_BYTES - 150)}


Publish = Callable[[bool], None]
Shape = tuple[Any, Publish, Callable[[], None]]


# ------------------------------------------------------------------ servers


def ours() -> Shape:
    from fastapi import FastAPI

    from app.runtime.streams.clients import Topics
    from app.runtime.streams.hub import Hub
    from app.runtime.streams.response import StreamResponse

    app = FastAPI()
    hub = Hub()
    numbers = iter(range(sys.maxsize))

    @app.get("/api/v1/events")
    async def events() -> StreamResponse:
        return StreamResponse(hub, Topics((TOPIC,)), hz=10, session=str(next(numbers)), most=1)

    return app, lambda counts: hub.publish(TOPIC, {"b-1": item(counts)}), hub.close


def peer(kind: str) -> Shape:
    """The usual shape: a queue and an async generator for each client."""
    from fastapi import FastAPI
    from fastapi.responses import StreamingResponse

    app = FastAPI()
    queues: set[asyncio.Queue[dict[str, object]]] = set()

    async def changes() -> AsyncIterator[dict[str, object]]:
        queue: asyncio.Queue[dict[str, object]] = asyncio.Queue()
        queues.add(queue)
        try:
            while True:
                yield await queue.get()
        finally:
            queues.discard(queue)

    def publish(counts: bool) -> None:
        changed = {
            "at": "2026-01-01T00:00:00Z",
            "full": False,
            "items": [item(counts)],
            "remove": [],
        }
        message = {"event": TOPIC, "data": changed, "text": json.dumps(changed)}
        for queue in queues:
            queue.put_nowait(message)

    if kind == "streaming_response":

        @app.get("/api/v1/events")
        async def streaming() -> StreamingResponse:
            async def lines() -> AsyncIterator[str]:
                async for change in changes():
                    yield f"event: {TOPIC}\ndata: {change['text']}\n\n"

            return StreamingResponse(lines(), media_type="text/event-stream")

    elif kind == "fastapi_sse":
        from fastapi.sse import EventSourceResponse, ServerSentEvent

        @app.get("/api/v1/events", response_class=EventSourceResponse)
        async def native() -> AsyncIterator[ServerSentEvent]:
            async for change in changes():
                yield ServerSentEvent(event=TOPIC, raw_data=str(change["text"]))

    else:
        from sse_starlette.sse import EventSourceResponse as Peer

        @app.get("/api/v1/events")
        async def starlette() -> Any:
            async def lines() -> AsyncIterator[dict[str, object]]:
                async for change in changes():
                    yield {"event": TOPIC, "data": change["text"]}

            return Peer(lines())

    return app, publish, queues.clear


def write_only(hz: float, seconds: float) -> None:
    """The least that any server can cost: write() in a loop."""
    sock = socket.create_server(("127.0.0.1", 0), backlog=4_096)
    print(json.dumps({"port": sock.getsockname()[1]}), flush=True)
    clients: list[socket.socket] = []
    while sys.stdin not in (ready := select.select([sock, sys.stdin], [], [])[0]):
        assert ready == [sock]
        client, _ = sock.accept()
        client.recv(65_536)
        client.sendall(b"HTTP/1.1 200 OK\r\n\r\n")
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        clients.append(client)
    files = [client.fileno() for client in clients]
    began, cpu = time.monotonic(), 0.0
    for number in range(WARM_UP + round(seconds * hz)):
        time.sleep(max(0.0, began + number / hz - time.monotonic()))
        if number == WARM_UP:
            cpu = time.process_time()
        message = json.dumps({"items": [item(number >= WARM_UP)]}).encode()
        for file in files:
            os.write(file, message)
    cpu = time.process_time() - cpu
    time.sleep(1.0)
    print(json.dumps({"published": round(seconds * hz), "cpu_s": cpu}), flush=True)


def serve(kind: str, hz: float, seconds: float) -> None:
    """The child process: says its port, waits for a line, publishes, says what it cost."""
    import uvicorn

    app, publish, close = ours() if kind == "ours" else peer(kind)
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (most, most))
    sock = socket.create_server(("127.0.0.1", 0), backlog=4_096)

    def say(**facts: object) -> None:
        print(json.dumps(facts), flush=True)

    async def publishing() -> None:
        loop = asyncio.get_running_loop()
        await loop.run_in_executor(None, sys.stdin.readline)
        began, cpu = loop.time(), 0.0
        for number in range(WARM_UP + round(seconds * hz)):
            await asyncio.sleep(max(0.0, began + number / hz - loop.time()))
            if number == WARM_UP:
                cpu = time.process_time()
            publish(number >= WARM_UP)
        await asyncio.sleep(1.0)
        say(published=round(seconds * hz), cpu_s=time.process_time() - cpu)

    async def run() -> None:
        if kind == "ours":
            from app.runtime import serving

            server: uvicorn.Server = serving.server(app, ready=lambda: None, stopping=close)
        else:
            server = uvicorn.Server(
                uvicorn.Config(app, loop="uvloop", log_config=None, access_log=False)
            )
        running = asyncio.create_task(server.serve(sockets=[sock]))
        while not server.started:  # noqa: ASYNC110 (uvicorn offers no event)
            await asyncio.sleep(0.01)
        say(port=sock.getsockname()[1])
        await publishing()
        server.force_exit = server.should_exit = True
        await running

    import uvloop

    uvloop.run(run())


# ------------------------------------------------------------------ clients


class Clients:
    """Many readers in one thread; each notes how old a message is when it is read."""

    def __init__(self, port: int, count: int) -> None:
        self.delays_ns: list[int] = []
        self.messages = 0
        self._poll = select.epoll()
        self._sockets: dict[int, socket.socket] = {}
        request = f"GET {PATH} HTTP/1.1\r\nHost: 127.0.0.1:{port}\r\n\r\n".encode()
        for _ in range(count):
            reader = socket.create_connection(("127.0.0.1", port))
            reader.sendall(request)
            reader.settimeout(10)
            head = reader.recv(65_536)
            assert head.startswith(b"HTTP/1.1 200"), head
            reader.setblocking(False)
            self._sockets[reader.fileno()] = reader
            self._poll.register(reader.fileno(), select.EPOLLIN)

    def read(self, done: Callable[[], bool]) -> None:
        sockets, delays = self._sockets, self.delays_ns
        clock, find = time.perf_counter_ns, SENT.findall
        while not done():
            # A client on this machine that waits in poll is woken by the server's own write, on
            # the server's bill; one on the network is not. The nap adds to every delay.
            time.sleep(NAP_S)
            for file, _ in self._poll.poll(0, 4_096):
                received = sockets[file].recv(65_536)
                at = clock()
                for sent in find(received):
                    delays.append(at - int(sent))

    def close(self) -> None:
        for reader in self._sockets.values():
            reader.close()
        self._poll.close()


def measure(kind: str, clients: int, hz: float, seconds: float) -> dict[str, Any]:
    """CPU µs of the server per client-message; p50 and p99 ms from publish to receive."""
    python = sys.executable if kind in {"ours", LIMIT} else str(PEERS_PYTHON)
    if not Path(python).exists():
        return {"kind": kind, "reason": "peers are not installed"}
    words = [python, str(Path(__file__)), "--serve", kind]
    child = subprocess.Popen(
        [*words, "--hz", str(hz), "--seconds", str(seconds)],
        cwd=ROOT,
        env={"PYTHONPATH": str(ROOT), "PATH": "/usr/bin:/bin"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
    )
    assert child.stdin is not None and child.stdout is not None
    try:
        port = json.loads(child.stdout.readline())["port"]
        readers = Clients(port, clients)
        child.stdin.write(b"go\n")
        child.stdin.flush()
        answer = select.poll()
        answer.register(child.stdout.fileno(), select.POLLIN)
        readers.read(lambda: bool(answer.poll(0)))
        result = json.loads(child.stdout.readline())
        readers.close()
    finally:
        child.kill()
        child.wait()
    delays = sorted(readers.delays_ns)
    cuts = statistics.quantiles(delays, n=100)
    return {
        "kind": kind,
        "clients": clients,
        "hz": hz,
        "cpu_us": result["cpu_s"] * 1e6 / max(1, len(delays)),
        "p50_ms": cuts[49] / 1e6,
        "p99_ms": cuts[98] / 1e6,
        "received": len(delays),
        "expected": result["published"] * clients,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--serve", choices=(*KINDS, LIMIT))
    parser.add_argument("--clients", type=int, default=1_000)
    parser.add_argument("--hz", type=float, default=10)
    parser.add_argument("--seconds", type=float, default=5)
    given = parser.parse_args()
    if given.serve == LIMIT:
        write_only(given.hz, given.seconds)
        return
    if given.serve:
        serve(given.serve, given.hz, given.seconds)
        return
    from app.runtime import serving

    serving.raise_open_files()
    for kind in (*KINDS, LIMIT):
        row = measure(kind, given.clients, given.hz, given.seconds)
        if "reason" in row:
            print(f"{kind:20} {row['reason']}")
            continue
        print(
            f"{kind:20} {row['cpu_us']:6.2f} µs CPU per client-message   "
            f"p50 {row['p50_ms']:6.2f} ms   p99 {row['p99_ms']:6.2f} ms   "
            f"{row['received']:,} of {row['expected']:,}"
        )


if __name__ == "__main__":
    main()
