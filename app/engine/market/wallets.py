"""Wallets: by which networks an asset may leave one venue and reach another, and what that costs.

What a venue did not say is unknown, and unknown is never open. Asset: our name of it.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from app.domain.decimals import number
from app.domain.events import WalletsRead
from app.domain.live import NetworkRow
from app.domain.markets import Flow, WalletNetwork
from app.domain.policy import Policy
from app.domain.times import MS_NS
from app.domain.venues import KOREAN, Venue
from app.engine.market import chains
from app.engine.market.fees import Fees
from app.engine.market.names import Names

NETWORKS_MAX = 20_000
"""Of one venue; more is no wallet page but a fault."""
VENUE = "venue"


class Route(NamedTuple):
    """The cheapest network that is open on both sides, else the one that is nearest to it.

    network: as the sending venue writes it. withdraw: at the sender; deposit: at the receiver.
    fee, minimum: of the withdrawal, in the asset; None: not known. shared: whether both have a
    network in common; None where one side is not known. fenced: a Korean side is closed.
    read_at_ns: when the older side was read.
    """

    network: str | None
    chain: str | None
    withdraw: Flow
    deposit: Flow
    fee: float | None
    fee_source: str
    minimum: float | None
    shared: bool | None
    fenced: bool
    read_at_ns: int | None
    to_network: str | None = None
    """As the receiving venue writes it."""

    @property
    def open(self) -> bool:
        return self.withdraw is Flow.OPEN and self.deposit is Flow.OPEN


UNKNOWN = Route(None, None, Flow.UNKNOWN, Flow.UNKNOWN, None, "", None, None, False, None)


class _Wallet(NamedTuple):
    """A venue's networks by its own tickers. reason: why they are not known."""

    networks: dict[str, tuple[WalletNetwork, ...]]
    reason: str | None
    read_at_ns: int


class Wallets:
    def __init__(self, names: Names, fees: Fees) -> None:
        self._names = names
        self._fees = fees
        self._wallets: dict[Venue, _Wallet] = {}
        self._routes: dict[tuple[str, Venue, Venue], Route] = {}
        self.version = 0

    def policy(self, policy: Policy) -> None:  # noqa: ARG002 - names and fees have it already
        """After names or fees changed."""
        self._changed()

    def read(self, event: WalletsRead) -> None:
        """What a venue says; when it did not answer, its last word stays and grows old."""
        before = self._wallets.get(event.venue)
        if event.reason is not None:
            networks = {} if before is None or event.reason == "no_keys" else before.networks
            read_at_ns = event.at_ns if before is None else before.read_at_ns
            self._wallets[event.venue] = _Wallet(networks, event.reason, read_at_ns)
        else:
            grouped: dict[str, list[WalletNetwork]] = {}
            for each in event.networks[:NETWORKS_MAX]:
                grouped.setdefault(each.asset, []).append(each)
            networks = {asset: _joined(rows) for asset, rows in grouped.items()}
            self._wallets[event.venue] = _Wallet(networks, None, event.at_ns)
        self._changed()

    def known(self, venue: Venue) -> tuple[bool, str | None]:
        """Whether the venue said anything, and why it last did not."""
        wallet = self._wallets.get(venue)
        if wallet is None:
            return False, "not_read"
        return bool(wallet.networks), wallet.reason

    def networks(self, venue: Venue, asset: str) -> tuple[WalletNetwork, ...]:
        wallet, ticker = self._wallets.get(venue), self._names.ticker(venue, asset)
        return () if wallet is None or ticker is None else wallet.networks.get(ticker, ())

    def chains(self, venue: Venue, asset: str) -> dict[str, WalletNetwork]:
        """By our name of the chain, without those that we know no name of."""
        named = ((chains.chain(venue, each.asset, each.network), each)
                 for each in self.networks(venue, asset))  # fmt: skip
        return {chain: each for chain, each in named if chain is not None}

    def fenced(self, asset: str, venue: Venue) -> bool:
        """가두리: nothing of it can enter, or nothing can leave, a Korean venue."""
        if venue not in KOREAN:
            return False
        found = self.networks(venue, asset)
        closed = Flow.CLOSED
        return bool(found) and (
            all(each.deposit is closed for each in found)
            or all(each.withdraw is closed for each in found)
        )

    def between(self, asset: str, sender: Venue, receiver: Venue) -> Route:
        key = asset, sender, receiver
        route = self._routes.get(key)
        if route is None:
            route = self._routes[key] = self._find(*key)
        return route

    def routes(self, asset: str, sender: Venue, receiver: Venue) -> list[Route]:
        """By every network that both have, in no order that means anything."""
        fenced = self.fenced(asset, sender) or self.fenced(asset, receiver)
        ways_out, ways_in = self._keyed(sender, asset), self._keyed(receiver, asset)
        read_at_ns = min(
            (self._wallets[venue].read_at_ns for venue in (sender, receiver)
             if venue in self._wallets), default=None,
        )  # fmt: skip
        return [
            self._route(sender, ways_out[key], ways_in[key], fenced, read_at_ns)
            for key in ways_out.keys() & ways_in.keys()
        ]

    def age_ms(self, route: Route, at_ns: int) -> float | None:
        return None if route.read_at_ns is None else (at_ns - route.read_at_ns) / MS_NS

    def rows(self, at_ns: int, asset: str | None = None) -> tuple[NetworkRow, ...]:
        return tuple(
            self._row(venue, each, wallet.read_at_ns, at_ns)
            for venue, wallet in sorted(self._wallets.items())
            for networks in self._asked(venue, wallet, asset)
            for each in networks
        )

    def _asked(
        self, venue: Venue, wallet: _Wallet, asset: str | None
    ) -> Iterable[tuple[WalletNetwork, ...]]:
        return wallet.networks.values() if asset is None else (self.networks(venue, asset),)

    def _changed(self) -> None:
        self._routes.clear()
        self.version += 1

    def _find(self, asset: str, sender: Venue, receiver: Venue) -> Route:
        fenced = self.fenced(asset, sender) or self.fenced(asset, receiver)
        ways_out, ways_in = self._keyed(sender, asset), self._keyed(receiver, asset)
        read_at_ns = min(
            (self._wallets[venue].read_at_ns for venue in (sender, receiver)
             if venue in self._wallets), default=None,
        )  # fmt: skip
        if not ways_out or not ways_in:
            nothing = (
                _flow(out.withdraw for out in ways_out.values()),
                _flow(into.deposit for into in ways_in.values()),
            )
            return UNKNOWN._replace(
                withdraw=nothing[0], deposit=nothing[1], fenced=fenced, read_at_ns=read_at_ns
            )
        routes = self.routes(asset, sender, receiver)
        if not routes:
            return UNKNOWN._replace(
                withdraw=_flow(out.withdraw for out in ways_out.values()),
                deposit=_flow(into.deposit for into in ways_in.values()),
                shared=False,
                fenced=fenced,
                read_at_ns=read_at_ns,
            )
        return min(routes, key=_preference)

    def _keyed(self, venue: Venue, asset: str) -> dict[str, WalletNetwork]:
        """By our name of the chain; by the spelling where we have none."""
        return {
            chains.chain(venue, each.asset, each.network)
            or chains.spelled(venue, each.asset, each.network): each
            for each in self.networks(venue, asset)
        }

    def _route(
        self,
        sender: Venue,
        out: WalletNetwork,
        into: WalletNetwork,
        fenced: bool,
        read_at_ns: int | None,
    ) -> Route:
        fee, source = self._fee(sender, out)
        return Route(
            network=out.network,
            chain=chains.chain(sender, out.asset, out.network),
            withdraw=out.withdraw,
            deposit=into.deposit,
            fee=fee,
            fee_source=source,
            minimum=None if out.minimum is None else number(out.minimum),
            shared=True,
            fenced=fenced,
            read_at_ns=read_at_ns,
            to_network=into.network,
        )

    def _fee(self, venue: Venue, network: WalletNetwork) -> tuple[float | None, str]:
        """People's word first, then the venue's, then a list's."""
        place = venue, network.asset, network.network
        kept = self._fees.withdrawal(*place)
        if kept is None and network.fee is not None:
            return number(network.fee), VENUE
        kept = kept or self._fees.listed_withdrawal(*place)
        return (None, "") if kept is None else (kept.amount, kept.source)

    def _row(self, venue: Venue, each: WalletNetwork, read_at_ns: int, at_ns: int) -> NetworkRow:
        fee, source = self._fee(venue, each)
        asset, _ = self._names.asset(venue, each.asset)
        return NetworkRow(
            id=f"{venue}:{asset}:{each.network}",
            venue=venue,
            asset=asset,
            network=each.network,
            chain=chains.chain(venue, each.asset, each.network),
            deposit=each.deposit,
            withdraw=each.withdraw,
            fee=each.fee if source in {"", VENUE} else repr(fee),
            minimum=each.minimum,
            contract=each.contract,
            fee_source=source,
            at_ns=read_at_ns,
            age_ms=(at_ns - read_at_ns) / MS_NS,
        )


def _joined(networks: list[WalletNetwork]) -> tuple[WalletNetwork, ...]:
    """One row of each network: some venues say flows and fees in two calls."""
    found: dict[str, WalletNetwork] = {}
    for each in networks:
        last = found.get(each.network)
        found[each.network] = each if last is None else _over(last, each)
    return tuple(found.values())


def _over(one: WalletNetwork, other: WalletNetwork) -> WalletNetwork:
    """What either of two rows of one network says."""
    return WalletNetwork(
        one.venue,
        one.asset,
        one.network,
        one.deposit if other.deposit is Flow.UNKNOWN else other.deposit,
        one.withdraw if other.withdraw is Flow.UNKNOWN else other.withdraw,
        one.fee if other.fee is None else other.fee,
        one.minimum if other.minimum is None else other.minimum,
        one.contract if other.contract is None else other.contract,
    )


def _flow(flows: Iterable[Flow]) -> Flow:
    """Of several networks together: the best of them."""
    found = set(flows)
    if not found or found == {Flow.UNKNOWN}:
        return Flow.UNKNOWN
    return (
        Flow.OPEN if Flow.OPEN in found else Flow.CLOSED if found == {Flow.CLOSED} else Flow.UNKNOWN
    )


def _preference(route: Route) -> tuple[int, bool, float, str]:
    """Open ones first, then by fee, a known one before an unknown one."""
    ways = (route.withdraw, route.deposit)
    shut = 2 * ways.count(Flow.CLOSED) + ways.count(Flow.UNKNOWN)
    return shut, route.fee is None, route.fee or 0.0, route.network or ""
