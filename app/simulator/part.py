"""One venue's part of the world: topics, frames out, faults; what its dialect calls `market`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from app.simulator.desk import VenueDesk
from app.simulator.faults import ASSET_KINDS, STREAM_KINDS, Fault, Faults, Impossible, Unasked
from app.simulator.frames import framed
from app.simulator.protocol import (
    Candle,
    Client,
    Dialect,
    Keys,
    Listing,
    Market,
    Network,
    Request,
    Trade,
    Update,
    Wallet,
)
from app.simulator.transfers import Transfers
from app.simulator.world.world import World

GAP_IDS = 7
"""So many ids are missing after a `gap`."""
TLS_MARK = "x-sim-tls"
"""Header that the core sets on requests which came over TLS; clients cannot."""


class Outlet(Client):
    """A client as the part sees it: with a place for frames that wait to be written."""

    waiting: list[bytes]

    def reset(self) -> None: ...

    def leave(self, code: int) -> None: ...


class Part(Market):
    """dialect is set right after; the core feeds `happened`, sockets join `outlets`."""

    dialect: Dialect

    def __init__(
        self,
        world: World,
        venue: str,
        keys: Keys,
        clock: Callable[[], int],
        transfers: Transfers | None = None,
    ) -> None:
        self.world = world
        self.venue = venue
        self.seed = world.seed
        self.keys = keys
        self.port = 0
        self.listings = world.listings.get(venue, {})
        self.wallets: dict[str, Wallet] = world.wallets(venue) if self.listings else {}
        self.faults = Faults()
        self.outlets: dict[Outlet, None] = {}
        """In the order in which they joined: a seed tells them things in one order."""
        self.silent = False
        self.clock = clock
        self._skew_ms = 0
        self._topics: dict[str, dict[Outlet, None]] = {}
        self._twist: Fault | None = None
        """The fault that touches the update under way."""
        self._twisted = False
        self._doors: dict[int, tuple[Network, bool, bool]] = {}
        """Networks that faults have shut at some time, as they were before."""
        self._held: dict[str, list[tuple[Outlet, bytes]]] = {}
        """Frames that a `reorder` keeps until the next of their topic, by topic."""
        transfers = transfers or Transfers(world.seed, 0.0)
        self.desk: VenueDesk = VenueDesk(self, transfers, world.purses(venue, self.listings))
        transfers.join(self.desk)

    # ---- what the dialect asks ---------------------------------------------------------------

    def now_ms(self) -> int:
        return self.clock() + self._skew_ms

    def wanted(self, topic: str) -> bool:
        return topic in self._topics

    def clients(self, topic: str) -> Sequence[Client]:
        return list(self._topics.get(topic, ()))

    def candles(self, listing: Listing, start_ms: int, end_ms: int) -> list[Candle]:
        return self.world.candles(listing, start_ms, end_ms)

    def wrong_checksum(self, listing: Listing) -> bool:
        fault = self.faults.find(frozenset({"checksum"}), listing.symbol)
        if fault is None:
            return False
        self.faults.used(fault)
        return True

    def address(self, request: Request, scheme: str) -> str:
        secure = "s" if request.headers.get(TLS_MARK) else ""
        return f"{scheme}{secure}://{request.headers.get('host', f'127.0.0.1:{self.port}')}"

    # ---- frames out --------------------------------------------------------------------------

    def join(self, outlet: Outlet, topic: str) -> None:
        self._topics.setdefault(topic, {})[outlet] = None

    def quit(self, outlet: Outlet, topic: str) -> None:
        there = self._topics.get(topic)
        if there is not None:
            there.pop(outlet, None)
            if not there:
                del self._topics[topic]
                self._held.pop(topic, None)

    def happened(self, trade: Trade | None, update: Update) -> None:
        """The world moved one of this venue's books."""
        self.tell((trade,) if trade is not None else (), update)
        if update.listing.symbol in self.desk.resting:
            self.desk.moved(update.listing, trade)

    def tell(self, trades: Sequence[Trade], update: Update) -> None:
        """To all who follow this book. The wire is some milliseconds behind."""
        behind = self._skew_ms - self.dialect.rules.delay_ms
        for trade in trades:
            self.dialect.trade(trade._replace(at_ms=trade.at_ms + behind))
        listing = update.listing
        if self.faults.streaming:
            self._twist = self.faults.find(STREAM_KINDS, listing.symbol)
            self._twisted = False
        stamped = update._replace(at_ms=update.at_ms + behind)
        listing.at_ms = stamped.at_ms
        self.dialect.update(stamped)
        if self._twist is not None:
            if self._twisted:
                self.faults.used(self._twist)
            self._twist = None

    def publish(self, topic: str, text: str, listing: Listing) -> None:
        outlets = self._topics.get(topic)
        if not outlets or self.silent:
            return
        frame = framed(text, binary=self.dialect.binary)
        if self._twist is None and not self._held:
            for outlet in outlets:
                outlet.waiting.append(frame)
        else:
            self._twisted_out(topic, [(outlet, frame) for outlet in outlets])

    def pushed(self, outlet: Outlet, text: str, listing: Listing) -> None:
        """A frame of one connection only."""
        if self.silent:
            return
        frame = framed(text, binary=self.dialect.binary)
        if self._twist is None and not self._held:
            outlet.waiting.append(frame)
        else:
            self._twisted_out(f"{id(outlet)} {listing.symbol}", [(outlet, frame)])

    def _twisted_out(self, topic: str, frames: list[tuple[Outlet, bytes]]) -> None:
        held = self._held.pop(topic, [])
        kind = self._twist.kind if self._twist else ""
        if kind:
            self._twisted = True
        if kind == "reorder" and not held:
            self._held[topic] = frames
            return
        if kind == "drop":
            frames = []
        for outlet, frame in [*frames, *(frames if kind == "duplicate" else ()), *held]:
            if outlet in self.outlets:
                outlet.waiting.append(frame)

    # ---- the account ------------------------------------------------------------------------

    def afflicted(self, kind: str, asset: str) -> bool:
        """Whether a fault of this kind means this asset now; it has happened then."""
        for fault in self.faults.active.values():
            if fault.kind == kind and fault.asset in {None, asset}:
                self.faults.used(fault)
                return True
        return False

    # ---- faults ------------------------------------------------------------------------------

    def begin(self, body: dict[str, Any]) -> Fault:
        """Raises Unasked, Impossible."""
        fault = self.faults.asked(body, self.clock())
        if fault.kind in self.dialect.faults_without:
            raise Impossible(f"{self.venue}'s protocol cannot have the fault {fault.kind}")
        if fault.kind == "skew" and not fault.ms:
            raise Unasked("skew needs ms, which may be negative")
        listing = self._named(fault.symbol)
        match fault.kind:
            case "gap":
                for one in [listing] if listing else self.listings.values():
                    one.last_id += GAP_IDS
                    one.version += GAP_IDS
                self.dialect.gap(listing)
                return fault
            case "reset":
                for outlet in list(self.outlets):
                    outlet.reset()
                return fault
            case "silence":
                self._silence(fault, listing)
            case kind if kind in ASSET_KINDS and fault.asset and fault.asset not in self.wallets:
                raise Unasked(f"asset is one that {self.venue} holds")
            case "wallet":
                self._close_doors(fault)
                self.faults.add(fault)
                self._turn_doors()
                return fault
            case "maintenance":
                for outlet in list(self.outlets):
                    outlet.leave(1001)
        self.faults.add(fault)
        self._skew_ms = self.faults.skew_ms()
        fault.undo.append(self._measure)
        return fault

    def _measure(self) -> None:
        self._skew_ms = self.faults.skew_ms()

    def _named(self, symbol: str | None) -> Listing | None:
        if symbol is None:
            return None
        if symbol not in self.listings:
            raise Unasked(f"{self.venue} lists no {symbol}")
        return self.listings[symbol]

    def _silence(self, fault: Fault, listing: Listing | None) -> None:
        """Of one symbol: its book stands still. Of all: not even pongs leave."""
        if listing is None:
            self.silent = True
            fault.undo.append(self._speak)
        else:
            self.world.frozen.add(id(listing))
            fault.undo.append(lambda: self.world.frozen.discard(id(listing)))

    def _speak(self) -> None:
        self.silent = any(
            fault.kind == "silence" and fault.symbol is None
            for fault in self.faults.active.values()
        )

    def _close_doors(self, fault: Fault) -> None:
        wallet = self.wallets.get(fault.asset or "")
        if wallet is None:
            raise Unasked(f"asset is one that {self.venue} holds")
        networks = [net for net in wallet.networks if _means(net, fault.network)]
        if not networks:
            raise Unasked(f"{wallet.asset} has no network {fault.network}")
        for network in networks:
            self._doors.setdefault(id(network), (network, network.deposit, network.withdraw))
        fault.networks += networks
        fault.undo.append(self._turn_doors)

    def _turn_doors(self) -> None:
        """As they were, but for those that an active fault keeps shut."""
        for network, deposit, withdraw in self._doors.values():
            network.deposit, network.withdraw = deposit, withdraw
        for fault in self.faults.active.values():
            for network in fault.networks:
                network.deposit = network.withdraw = False


def _means(network: Network, name: str | None) -> bool:
    chain = network.chain
    names = {chain.key, chain.ticker, chain.title, chain.standard}
    return name is None or name.lower() in {one.lower() for one in names if one}
