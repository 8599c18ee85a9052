"""Warming up: what it compiles is all that live frames and walks need."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

SCRIPT = """
import pkgutil, random, sys
from importlib import import_module

from app.runtime.trading.warm import warm
warm()

def compiled():
    found = {}
    for room in ("app.books", "app.exchanges.scanning", "app.engine.detection"):
        for module in pkgutil.iter_modules(import_module(room).__path__, f"{room}."):
            for name, kernel in vars(import_module(module.name)).items():
                if hasattr(kernel, "signatures"):
                    found[f"{module.name}.{name}"] = set(map(str, kernel.signatures))
    return found

before = compiled()
from app.books.rack import Rack
from app.books.walk import walk
from app.domain.events import ConnectionLost, ConnectionOpened, FrameReceived, Ticked
from app.domain.policy import Policy
from app.domain.venues import Venue
from app.engine.core import Engine
from app.exchanges.scanning import translators
from tests.exchanges.frames import CHANNELS, World, instruments, written

engine = Engine(Rack(), translators(list(Venue)), Policy())
at_ns = 1_700_000_000_000_000_000
for number, channel in enumerate(CHANNELS, 1):
    markets = instruments(channel.venue)
    engine.step(ConnectionOpened(at_ns, number, channel.venue, channel.name, markets))
    world = World(channel, random.Random(number), markets[0])
    world.number = -1 if channel.is_counted else world.number
    for _ in range(20):
        at_ns += 1_000_000
        engine.step(FrameReceived(at_ns, number, written(channel.write(world.say()))))
    engine.step(Ticked(at_ns))
    engine.step(ConnectionLost(at_ns, number, "closed"))
walk([(1, 1)], [(2, 1)], buy_fee_bps=1, sell_fee_bps=1, buy_fx=1, sell_fx=1, withdrawal_fee=0,
     max_notional=1, lot_step=0.1)
for name, signatures in compiled().items():
    for signature in signatures - before[name]:
        print(name, signature)
"""


def test_no_frame_and_no_walk_waits_for_a_compiler_after_it() -> None:
    root = Path(__file__).resolve().parents[2]
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT],
        cwd=root,
        env=os.environ | {"PYTHONPATH": str(root)},
        capture_output=True,
        text=True,
        timeout=240,
        check=False,
    )

    assert done.returncode == 0, done.stderr[-2_000:]
    assert done.stdout == ""
