"""A running `python -m app simulate` and people who talk to it over its real sockets."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx
from websockets.sync.client import ClientConnection, connect

ROOT = Path(__file__).resolve().parents[2]
VENUES = ("upbit", "bithumb", "binance", "okx", "bybit", "kucoin", "gate", "bitget", "coinbase")
PATIENCE_S = 20
SECURE = 100


@dataclass
class Simulated:
    """ports: of the nine venues and `fx`; TLS is SECURE higher."""

    first: int
    ports: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.ports = {name: self.first + n for n, name in enumerate((*VENUES, "fx"))}

    def get(self, venue: str, path: str, **headers: str) -> httpx.Response:
        return httpx.get(f"http://127.0.0.1:{self.ports[venue]}{path}", headers=headers)

    def post(self, venue: str, path: str, body: Any = None) -> httpx.Response:
        return httpx.post(f"http://127.0.0.1:{self.ports[venue]}{path}", json=body)

    def keys(self, venue: str) -> dict[str, str]:
        keys: dict[str, str] = self.get(venue, "/__sim/keys").json()
        return keys

    def world(self) -> dict[str, Any]:
        world: dict[str, Any] = self.get("okx", "/__sim/world").json()
        return world

    def fault(self, venue: str, kind: str, **more: Any) -> httpx.Response:
        return self.post(venue, "/__sim/faults", {"kind": kind, **more})

    @contextmanager
    def open(self, venue: str, path: str) -> Iterator[Person]:
        address = f"ws://127.0.0.1:{self.ports[venue]}{path}"
        with connect(address, max_size=None, compression=None, proxy=None) as socket:
            yield Person(socket)


@dataclass
class Person:
    """One client of one venue. heard: every frame so far."""

    socket: ClientConnection
    heard: list[Any] = field(default_factory=list)

    def says(self, message: Any) -> None:
        self.socket.send(message if isinstance(message, str) else json.dumps(message))

    def hears(self) -> Any:
        text = self.socket.recv(PATIENCE_S)
        plain = text.decode() if isinstance(text, bytes) else text
        frame = json.loads(plain) if plain[:1] in "[{" else plain
        self.heard.append(frame)
        return frame

    def waits(self, wanted: Callable[[Any], bool]) -> Any:
        """The first frame from now on that is wanted; others are kept in `heard`."""
        end = time.monotonic() + PATIENCE_S
        while time.monotonic() < end:
            if wanted(frame := self.hears()):
                return frame
        raise AssertionError(f"not heard; last: {self.heard[-3:]}")


@contextmanager
def simulated(*words: str) -> Iterator[Simulated]:
    """The market as its own process, on free ports; it dies with the block."""
    command = [sys.executable, "-m", "app", "simulate", "--base-port", "0", "--with-parent", *words]
    process = subprocess.Popen(
        command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        line = process.stdout.readline()
        assert line.startswith("ready "), line
        yield Simulated(int(line.split()[1].partition("-")[0]))
    finally:
        process.terminate()
        process.communicate(timeout=PATIENCE_S)


def hmac_base64(secret: str, text: str) -> str:
    return base64.b64encode(hmac.digest(secret.encode(), text.encode(), hashlib.sha256)).decode()


def hmac_hex(secret: str, text: str, method: str = "sha256") -> str:
    return hmac.digest(secret.encode(), text.encode(), method).hex()


class Ladder:
    """A book kept by hand: price text → quantity text, by side."""

    def __init__(self) -> None:
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}

    def put(self, bids: Any, asks: Any) -> None:
        for side, rows in ((self.bids, bids), (self.asks, asks)):
            for price, quantity, *_ in rows:
                if float(quantity) == 0:
                    side.pop(price, None)
                else:
                    side[price] = quantity

    def best(self, size: int) -> tuple[list[tuple[str, str]], list[tuple[str, str]]]:
        bids = sorted(self.bids.items(), key=lambda row: -float(row[0]))
        asks = sorted(self.asks.items(), key=lambda row: float(row[0]))
        return bids[:size], asks[:size]

    def is_sound(self, size: int = 15) -> bool:
        bids, asks = self.best(size)
        return len(bids) == len(asks) == size and float(bids[0][0]) < float(asks[0][0])
