"""Restarts: how long until a kimp that was killed with many open intents has asked about all.

    python -m tests.torture.restarts [RESTARTS [INTENTS]]

The intents are real: orders at nine simulated venues, sent and never answered; some of them never
arrived. The database is put back to that moment before every start, and trading is HALTED in it.
"""

from __future__ import annotations

import asyncio
import os
import shutil
import sys
import tempfile
from base64 import b32encode
from collections.abc import Sequence
from contextlib import AsyncExitStack, ExitStack
from decimal import Decimal
from pathlib import Path
from typing import NamedTuple

import httpx
from msgspec.structs import replace

from app.domain.cycles import CycleStep, Home, NewOrder, Reservation
from app.domain.markets import BookSnapshot, Instrument, Side
from app.domain.orders import Order, OrderTerms, OrderType, Placed, Role
from app.domain.secret import Secret
from app.domain.trading import TradingState
from app.domain.venues import Venue
from app.exchanges.accounts import ACCOUNTS
from app.exchanges.signing import Keys
from app.ledger import cycles, intents, leases, posting, trading_state
from app.ledger.database import Database
from app.ledger.queries import Connection
from app.runtime.feeds.clock import Clock
from app.runtime.feeds.endpoints import Endpoint
from app.runtime.trading.leases import venue_lease
from app.runtime.trading.ports.live import LivePort
from tests.ledger import trading_builders as build
from tests.live.world import Simulator, simulating
from tests.runtime.trading.counter import stationed
from tests.torture.stage import Kimp

DRILL, GONE = "drill", "a-process-that-is-gone"
QUOTES = {Venue.UPBIT: "KRW", Venue.BITHUMB: "KRW", Venue.COINBASE: "USD"}
WORLD = ("--transfer-s", "3", "--coins", "8", "--rate", "60")
COINS = Decimal(40)
LOST = 3
"""One order in so many never reaches its venue."""
LEASE_S = 0.5


class Restart(NamedTuple):
    """whole_s: since the process began. recovery_s: of it, from the ledger's check on."""

    whole_s: float
    recovery_s: float
    asked: int


def restarts(count: int, open_intents: int, seed: int = 1) -> list[Restart]:
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="kimp-restarts-")))
        world = stack.enter_context(simulating("--seed", str(seed), *WORLD))
        (folder / "kept").mkdir()
        kept = folder / "kept" / "kimp.db"
        asyncio.run(strand(world, f"sqlite:///{kept}", open_intents))
        kimp = Kimp(folder, world, database=f"sqlite:///{folder / 'kimp.db'}")
        stack.callback(kimp.kill)
        found = []
        for _ in range(count):
            _put_back(kept, folder)
            kimp.start()
            whole_s, recovery_s = kimp.reconciled()
            engine = kimp.engine()
            assert engine is not None
            asked = int(engine["recovered"]["asked"])
            kimp.kill()
            found.append(Restart(whole_s, recovery_s, asked))
        return found


async def strand(world: Simulator, url: str, count: int) -> None:
    """A ledger with so many open intents, spread over the venues, and nobody who owns them."""
    await Database.migrate(url)
    db = Database.open(url)
    async with AsyncExitStack() as stack:
        stack.push_async_callback(db.close)
        venues = list(Venue)
        ports, terms = {}, {}
        for venue in venues:
            place = world.url(venue)
            told = httpx.get(f"{place}/__sim/keys", trust_env=False).json()
            endpoint = Endpoint(place.replace("http", "ws", 1), place)
            station = await stack.enter_async_context(
                stationed(venue, endpoint, keys=_keys(venue, told), clock=Clock(), patience_s=30.0)
            )
            purses = httpx.get(f"{place}/__sim/balances", trust_env=False).json()
            await db.write(_adopt, venue, {name: each["free"] for name, each in purses.items()})
            ports[venue] = LivePort(station, ACCOUNTS[venue])
            instrument = Instrument(venue, "XRP", QUOTES.get(venue, "USDT"))
            events = await station.rest.read(station.exchange.ask_book(instrument))
            (book,) = [event for event in events if isinstance(event, BookSnapshot)]
            tick = Decimal(10) if instrument.quote == "KRW" else Decimal("0.001")
            price = Decimal(book.asks[0][0]) * Decimal("1.01") // tick * tick
            terms[venue] = OrderTerms(instrument, Side.BUY, OrderType.IOC, price, COINS)
        for number in range(count):
            venue = venues[number % len(venues)]
            order = await db.write(_send, number, terms[venue])
            if number // len(venues) % LOST:
                answer = await ports[venue].place(order)
                assert isinstance(answer, Placed), answer
        await db.write(trading_state.set_state, DRILL, TradingState.HALTED, "kim", "restarts")


def _keys(venue: Venue, told: dict[str, str]) -> Keys:
    if venue is Venue.COINBASE:
        return Keys(told["key"], Secret(told["private_pem"]))
    return Keys(told["key"], Secret(told["secret"]), Secret(told["passphrase"]))


def _adopt(conn: Connection, venue: Venue, purses: dict[str, str]) -> None:
    for asset, amount in purses.items():
        if Decimal(amount) > 0:
            key = f"opening:{venue}:{asset}"
            posting.adopt(conn, DRILL, venue, asset, Decimal(amount), key)


def _send(conn: Connection, number: int, terms: OrderTerms) -> Order:
    """A cycle of its own, its first order SENT."""
    instrument = terms.instrument
    venue = instrument.venue
    name = b32encode(number.to_bytes(12, "big")).decode().lower().rstrip("=")
    client_id = ACCOUNTS[venue].client_id(name[-20:])
    order = NewOrder(client_id, Role.INITIAL, CycleStep.LEG1_SENT, 1, terms)
    spent = terms.price * terms.quantity * Decimal("1.02")
    reserved = (Reservation(venue, instrument.quote, spent),)
    fact = build.opened(number + 1, order, reservations=reserved)
    plan = replace(fact.cycle.plan, buy=instrument, home=Home(venue, instrument.quote, spent))
    fact = replace(fact, cycle=replace(fact.cycle, plan=plan))
    opened = cycles.open_cycle(conn, DRILL, fact, GONE, LEASE_S)
    assert not isinstance(opened, str), opened
    name = venue_lease(DRILL, venue)
    lease = next((one for one in leases.held(conn) if one.name == name), None)
    lease = (lease and leases.renew(conn, lease, 60)) or leases.claim(conn, name, GONE, 60)
    assert lease is not None
    window_ms = ACCOUNTS[venue].rules.order_window_ms or ACCOUNTS[venue].rules.window_ms
    sent = intents.claim_order(conn, DRILL, client_id, GONE, lease, window_ms)
    assert isinstance(sent, Order), sent
    leases.release(conn, lease)
    return sent


def _put_back(kept: Path, folder: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        there, here = Path(f"{kept}{suffix}"), folder / f"kimp.db{suffix}"
        here.unlink(missing_ok=True)
        if there.exists():
            shutil.copy(there, here)


def lines(found: Sequence[Restart]) -> list[str]:
    """The first start of a folder also fills its caches: it is shown, and not counted."""
    counted = sorted(found[1:] or found)

    def at(share: float) -> Restart:
        return counted[min(len(counted) - 1, int(share * len(counted)))]

    asked = min(each.asked for each in found)
    own = sorted(each.recovery_s for each in counted)
    return [
        f"{len(counted)} restarts with {asked} open intents: reconciled after "
        f"p50 {at(0.5).whole_s:.2f} s, p99 {at(0.99).whole_s:.2f} s",
        f"of it recovery p50 {own[len(own) // 2]:.2f} s, most {own[-1]:.2f} s; "
        f"first start {found[0].whole_s:.2f} s",
    ]


def main(arguments: list[str]) -> int:
    repository = Path(__file__).resolve().parents[2]
    os.environ.setdefault("NUMBA_CACHE_DIR", str(repository / ".cache" / "kernels"))
    count = int(arguments[0]) if arguments else 20
    found = restarts(count + 1, int(arguments[1]) if len(arguments) > 1 else 100)
    for line in lines(found):
        print(line, flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
