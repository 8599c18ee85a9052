"""The process and its ports: the ready line, free ports, TLS, the parent, HTTP by the letter."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import re
import socket
import ssl
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import pytest
from websockets.asyncio.client import connect

from app.simulator.serve import simulate
from tests.simulator.stage import PATIENCE_S, Venue, heard, market

ROOT = Path(__file__).resolve().parents[2]
ORDER = ["upbit", "bithumb", "binance", "okx", "bybit", "kucoin", "gate", "bitget", "coinbase"]


@contextlib.contextmanager
def process(*words: str) -> Iterator[tuple[subprocess.Popen[str], int, int]]:
    """As a person starts it: the process, its first and its last port."""
    environment = {"PATH": os.environ["PATH"], "KIMP_DATA_DIR": "/nonexistent"}
    running = subprocess.Popen(
        [sys.executable, "-m", "app", "simulate", "--base-port", "0", "--coins", "5", *words],
        cwd=ROOT,
        env=environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        assert running.stdout is not None
        line = running.stdout.readline()
        told = re.fullmatch(r"ready (\d+)-(\d+)\n", line)
        assert told, line
        yield running, int(told[1]), int(told[2])
    finally:
        running.kill()
        running.wait()
        for pipe in (running.stdin, running.stdout):
            assert pipe is not None
            pipe.close()


def fetched(url: str, context: ssl.SSLContext | None = None) -> bytes:
    with urllib.request.urlopen(url, timeout=PATIENCE_S, context=context) as reply:
        body: bytes = reply.read()
    return body


# ---- the word --------------------------------------------------------------------------------


def test_ten_ports_answer_in_the_order_of_the_venues() -> None:
    with process() as (running, first, last):
        assert last - first == 9
        ports = json.loads(fetched(f"http://127.0.0.1:{last}/__sim/world"))["ports"]
        assert ports == {venue: first + index for index, venue in enumerate([*ORDER, "fx"])}
        targets = [
            "/v1/market/all",
            "/v1/market/all",
            "/api/v3/time",
            "/api/v5/public/time",
            "/v5/market/time",
            "/api/v1/timestamp",
            "/api/v4/spot/time",
            "/api/v2/public/time",
            "/api/v3/brokerage/time",
            "/v6/latest/USD",
        ]
        for index, target in enumerate(targets):
            assert fetched(f"http://127.0.0.1:{first + index}{target}")
        running.terminate()
        assert running.wait(PATIENCE_S) == 0, "it ends well when told to"


def test_it_dies_with_its_parent() -> None:
    with process("--with-parent") as (running, _, _):
        assert running.stdin is not None
        running.stdin.close()
        assert running.wait(PATIENCE_S) == 0


def test_it_ends_well_while_its_parent_lives() -> None:
    with process("--with-parent") as (running, _, _):
        running.terminate()
        assert running.wait(PATIENCE_S) == 0


def test_a_taken_port_is_one_clear_line(capsys: pytest.CaptureFixture[str]) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        assert simulate(["--base-port", str(taken.getsockname()[1])]) == 1
    told = capsys.readouterr().err
    assert told.startswith("the simulator cannot start: port ")
    assert told.count("\n") == 1


@pytest.mark.parametrize(
    "words",
    [["--coins", "2"], ["--rate", "0"], ["--rate", "nan"], ["--base-port", "70000"], ["--nix"]],
)
def test_wrong_words_are_refused(words: list[str]) -> None:
    with pytest.raises(SystemExit):
        simulate(words)


def test_the_same_market_over_tls_with_its_own_authority() -> None:
    with process("--tls") as (_, first, last):
        authority = fetched(f"http://127.0.0.1:{last}/__sim/ca.pem").decode()
        context = ssl.create_default_context(cadata=authority)
        assert context.verify_mode is ssl.CERT_REQUIRED
        for host in ("127.0.0.1", "localhost"):
            body = fetched(f"https://{host}:{first + 100}/v1/market/all", context)
            assert b"KRW-BTC" in body
        request = urllib.request.Request(
            f"https://127.0.0.1:{first + 105}/api/v1/bullet-public", method="POST", data=b""
        )
        with urllib.request.urlopen(request, timeout=PATIENCE_S, context=context) as reply:
            server = json.load(reply)["data"]["instanceServers"][0]
        assert server["endpoint"].startswith(f"wss://127.0.0.1:{first + 105}"), "where it came in"

        async def book() -> None:
            url = f"wss://localhost:{first + 102}/stream?streams=btcusdt@depth20@100ms"
            async with connect(url, ssl=context, compression=None) as stream:
                assert len((await heard(stream))["data"]["bids"]) == 20

        asyncio.run(book())


# ---- HTTP ------------------------------------------------------------------------------------


async def spoken(venue: Venue, *lines: bytes, frames: int = 1) -> bytes:
    """Raw bytes in, what comes back until it is quiet or ends."""
    reader, writer = await asyncio.open_connection("127.0.0.1", venue.port)
    for line in lines:
        writer.write(line)
        await writer.drain()
    got = b""
    while got.count(b"HTTP/1.1") < frames or not got:
        piece = await asyncio.wait_for(reader.read(65_536), PATIENCE_S)
        if not piece:
            break
        got += piece
    writer.close()
    return got


async def test_several_requests_share_a_connection(venues: dict[str, Venue]) -> None:
    one = b"GET /api/v3/ping HTTP/1.1\r\nHost: x\r\n\r\n"
    got = await spoken(venues["binance"], one + one[:10], one[10:], frames=2)
    assert got.count(b"HTTP/1.1 200 OK") == 2
    assert got.count(b"Date: ") == 2
    assert got.count(b"Connection: keep-alive") == 2


async def test_a_body_may_come_in_pieces(venues: dict[str, Venue]) -> None:
    head = b"POST /__sim/faults HTTP/1.1\r\nHost: x\r\nContent-Length: 14\r\n\r\n"
    got = await spoken(venues["binance"], head, b'{"kind":', b'"nix"}')
    assert b"422" in got.split(b"\r\n")[0]


@pytest.mark.parametrize(
    "head",
    [
        b"nix\r\n\r\n",
        b"GET nix HTTP/1.1\r\n\r\n",
        b"GET / HTTP/1.1\r\nnix\r\n\r\n",
        b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n",
        b"POST / HTTP/1.1\r\nContent-Length: 99999999999\r\n\r\n",
        b"G" * 40_000,
    ],
)
async def test_what_is_no_http_is_refused_and_cut(venues: dict[str, Venue], head: bytes) -> None:
    got = await spoken(venues["upbit"], head)
    assert got.startswith(b"HTTP/1.1 400 ")
    assert b"Connection: close" in got


async def test_a_handshake_without_a_key_is_refused(venues: dict[str, Venue]) -> None:
    head = b"GET /ws HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n"
    got = await spoken(venues["binance"], head)
    assert got.startswith(b"HTTP/1.1 4")


async def test_clients_cannot_pretend_to_come_over_tls(venues: dict[str, Venue]) -> None:
    reply = await venues["kucoin"]._http.post(
        venues["kucoin"].url + "/api/v1/bullet-public", headers={"X-Sim-Tls": "1"}
    )
    assert reply.json()["data"]["instanceServers"][0]["endpoint"].startswith("ws://")


async def test_long_and_fragmented_frames_are_put_together(venues: dict[str, Venue]) -> None:
    async with venues["binance"].stream("/ws") as stream:
        names = ["ethusdt@trade", *(f"nix{number}@trade" for number in range(900))]
        text = json.dumps({"method": "SUBSCRIBE", "params": names, "id": 1})
        await stream.send([text[:5], text[5:4_000], text[4_000:]])
        assert await heard(stream) == {"result": None, "id": 1}


async def test_nothing_is_left_of_clients_that_have_gone() -> None:
    async with market(coins=5, rate=500.0) as venues:
        part = venues["binance"].part
        for _ in range(5):
            async with venues["binance"].stream("/ws/btcusdt@trade/ethusdt@depth@100ms"):
                assert part.outlets
        for _ in range(200):
            if not part.outlets:
                break
            await asyncio.sleep(0.01)
        assert not part.outlets
        assert not part._topics
