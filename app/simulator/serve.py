"""`python -m app simulate`: ports, the beat of the world, the end."""

from __future__ import annotations

import argparse
import asyncio
import gc
import random
import signal
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any

from cryptography.hazmat.primitives.asymmetric import ec

from app.simulator import tls
from app.simulator.audit import READS
from app.simulator.connection import Connection
from app.simulator.control import Control
from app.simulator.fx import DUNAMU, OPEN_RATES, Fx
from app.simulator.parent import Parent
from app.simulator.part import Part
from app.simulator.protocol import Keys
from app.simulator.trading import Private
from app.simulator.transfers import Transfers
from app.simulator.venues import DIALECTS
from app.simulator.world.coins import COINS_MAX, COINS_MIN
from app.simulator.world.world import World

BEAT_S = 0.005
TLS_OFFSET = 100
RATE_MAX = 100_000.0
TRANSFER_S_MAX = 86_400.0
TRIES_MAX = 50
PORTS_FIRST, PORTS_LAST = 20_000, 32_000
"""Below those that the system lends to clients."""
PASSPHRASE = "sim-pass"  # noqa: S105 - a test key, on purpose
FAILED = 1


class NoPorts(Exception):
    """One clear line about which ports are taken."""


class Simulator:
    """Nine parts of one world and the FX port, each on its own port."""

    def __init__(
        self,
        seed: int,
        coins: int,
        rate: float,
        *,
        transfer_s: float = 20.0,
        clock: Callable[[], int] | None = None,
    ) -> None:
        clock = clock or _now_ms
        self.world = World(seed, coins, rate, DIALECTS, at_ms=clock())
        self.transfer_s = transfer_s
        self.transfers = Transfers(seed, transfer_s)
        self._servers: list[asyncio.Server] = []
        self.authority_pem: bytes | None = None
        self.parts: list[Part] = []
        self.controls: list[Control] = []
        for venue, dialect in DIALECTS.items():
            part = Part(self.world, venue, _keys(venue), clock, self.transfers)
            part.dialect = dialect(part)
            part.desk.private = part.dialect.private or Private()
            self._add(part)
        fx = Part(self.world, Fx.venue, Keys("", "", ""), clock)
        fx.dialect = Fx(fx, self.world.official_rate)
        self._add(fx)
        self.venues = {part.venue: part for part in self.parts}
        self._second = 0

    def _add(self, part: Part) -> None:
        keys = {name: value for name, value in part.keys._asdict().items() if value}
        self.parts.append(part)
        self.controls.append(
            Control(
                part.begin,
                lambda: part.faults.active,
                part.faults.remove,
                facts=self.facts,
                keys=keys,
                authority_pem=lambda: self.authority_pem,
                books=(lambda kind: READS[kind](part.desk)) if part.listings else None,
            )
        )

    def facts(self) -> dict[str, Any]:
        """What the seed hides, for tests that want to know."""
        cast = self.world.cast
        return {
            "seed": self.world.seed,
            "twin": cast.twin,
            "twin_at": sorted(next(coin.venues for coin in cast.coins if coin.twin)),
            "fenced": cast.fenced,
            "fenced_at": list(cast.fenced_at),
            "thin": [coin.ticker for coin in cast.coins if coin.thin],
            "ports": {part.venue: part.port for part in self.parts},
            "symbols": {part.venue: list(part.listings) for part in self.parts if part.listings},
            "fx": [OPEN_RATES, f"{DUNAMU}?codes=FRX.KRWUSD"],
            "transfer_s": self.transfer_s,
        }

    # ---- ports -------------------------------------------------------------------------------

    async def listen(self, sockets: Sequence[socket.socket], secure: ssl.SSLContext | None) -> None:
        loop = asyncio.get_running_loop()
        for part, control, sock in zip(self.parts, self.controls, sockets, strict=True):
            if secure is None:
                part.port = sock.getsockname()[1]
            server = await loop.create_server(
                lambda part=part, control=control: Connection(
                    part, control, secure=secure is not None
                ),
                sock=sock,
                ssl=secure,
            )
            self._servers.append(server)

    def close(self) -> None:
        for server in self._servers:
            server.close()
        for control in self.controls:
            for connection in list(control.connections):
                connection.end()

    # ---- the beat ----------------------------------------------------------------------------

    async def run(self, stop: asyncio.Event) -> None:
        while not stop.is_set():
            self.beat(_now_ms())
            await asyncio.sleep(BEAT_S)

    def beat(self, at_ms: int) -> None:
        parts = self.venues
        for trade, update in self.world.advance(at_ms):
            parts[update.listing.venue].happened(trade, update)
        if at_ms // 1_000 != self._second:
            self._second = at_ms // 1_000
            self._every_second(at_ms)
        self.transfers.beat(at_ms)
        for part in self.parts:
            part.desk.beat(at_ms)
        for control in self.controls:
            for connection in control.connections:
                connection.flush()

    def _every_second(self, at_ms: int) -> None:
        self.world.bands()
        for part, control in zip(self.parts, self.controls, strict=True):
            part.faults.expire(at_ms)
            part.dialect.second(part.now_ms())
            for connection in list(control.connections):
                connection.look()


# ---- the word --------------------------------------------------------------------------------


def simulate(words: Sequence[str]) -> int:
    """Serve until told to stop. `ready FIRST-LAST` on standard output when all ports answer."""
    asked = _parser().parse_args(words)
    try:
        plain, secured = _bound(asked.base_port, secure=asked.tls)
    except NoPorts as reason:
        sys.stderr.write(f"the simulator cannot start: {reason}\n")
        return FAILED
    asyncio.run(_serve(asked, plain, secured))
    return 0


async def _serve(
    asked: argparse.Namespace, plain: list[socket.socket], secured: list[socket.socket]
) -> None:
    loop = asyncio.get_running_loop()
    stop = asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    simulator = Simulator(asked.seed, asked.coins, asked.rate, transfer_s=asked.transfer_s)
    if asked.with_parent:
        parent = Parent(simulator.venues, stop)
        threading.Thread(target=parent.read, args=(loop,), daemon=True).start()
    await simulator.listen(plain, None)
    if secured:
        context, simulator.authority_pem = tls.context()
        await simulator.listen(secured, context)
    gc.collect()
    gc.freeze()
    first, last = (sock.getsockname()[1] for sock in (plain[0], plain[-1]))
    sys.stdout.write(f"ready {first}-{last}\n")
    sys.stdout.flush()
    await simulator.run(stop)
    simulator.close()


def _bound(base_port: int, *, secure: bool) -> tuple[list[socket.socket], list[socket.socket]]:
    """Ten consecutive ports, and ten more at +100. Raises NoPorts."""
    if base_port:
        return _bind(base_port, secure=secure)
    for _ in range(TRIES_MAX):
        try:
            return _bind(random.randrange(PORTS_FIRST, PORTS_LAST), secure=secure)
        except NoPorts:
            continue
    raise NoPorts("no ten consecutive ports are free")


def _bind(first: int, *, secure: bool) -> tuple[list[socket.socket], list[socket.socket]]:
    count = len(DIALECTS) + 1
    ports = [first + index for index in range(count)]
    if secure:
        ports += [port + TLS_OFFSET for port in ports]
    sockets: list[socket.socket] = []
    for port in ports:
        sock = socket.socket()
        sockets.append(sock)
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            sock.bind(("127.0.0.1", port))
            sock.listen(256)
        except (OSError, OverflowError) as error:
            for one in sockets:
                one.close()
            raise NoPorts(f"port {port} cannot be used: {error}") from error
    return sockets[:count], sockets[count:]


def _keys(venue: str) -> Keys:
    pem = ""
    if venue == "coinbase":
        pem = tls.ec_key_pem(ec.generate_private_key(ec.SECP256R1())).decode()
    return Keys(f"sim-{venue}", f"sim-{venue}-secret", PASSPHRASE, pem)


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("python -m app simulate")
    parser.add_argument(
        "--base-port", type=_port, default=9101, metavar="P", help="first of ten; 0: any that are"
    )
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument(
        "--rate",
        type=_within(0.1, RATE_MAX),
        default=400.0,
        metavar="R",
        help="book updates a second over all venues",
    )
    parser.add_argument("--coins", type=_coins, default=20, metavar="N")
    parser.add_argument(
        "--transfer-s",
        type=_within(0.0, TRANSFER_S_MAX),
        default=20.0,
        metavar="S",
        help="median delay of a network",
    )
    parser.add_argument("--tls", action="store_true", help="the same at +100, over TLS")
    parser.add_argument("--with-parent", action="store_true", help="end when standard input ends")
    return parser


def _within(low: float, high: float) -> Any:
    def number(text: str) -> float:
        value = float(text)
        if not low <= value <= high:
            raise argparse.ArgumentTypeError(f"{text} is not from {low:g} to {high:g}")
        return value

    return number


def _coins(text: str) -> int:
    count = int(text)
    if not COINS_MIN <= count <= COINS_MAX:
        raise argparse.ArgumentTypeError(f"{text} is not from {COINS_MIN} to {COINS_MAX}")
    return count


def _port(text: str) -> int:
    port = int(text)
    if not 0 <= port <= 65_535 - TLS_OFFSET - 10:
        raise argparse.ArgumentTypeError(f"{text} is no port that leaves room for ten, and TLS")
    return port
