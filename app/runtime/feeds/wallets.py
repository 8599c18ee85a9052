"""Wallets: which networks of which assets are open at a venue, every five minutes."""

from __future__ import annotations

import structlog

from app.domain.events import WalletsRead
from app.domain.markets import WalletNetwork
from app.exchanges.contract import completed
from app.runtime.feeds.limits import RETRY_S, WALLETS_S
from app.runtime.feeds.polling import Poll
from app.runtime.feeds.rest import VenueError
from app.runtime.feeds.station import Station

log = structlog.get_logger("kimp.feeds")

NO_KEYS = "no_keys"
BAD_KEYS = "bad_keys"


class Wallets:
    """assets: as the venue spells them, of what is watched: only their fees are asked."""

    def __init__(self, station: Station) -> None:
        self.assets: frozenset[str] = frozenset()
        self.poll = Poll(station.clock, self.round, every_s=WALLETS_S, retry_s=RETRY_S)
        self._station = station
        self._is_known = False

    def watch(self, assets: frozenset[str]) -> None:
        is_news = not assets <= self.assets
        self.assets = assets
        if is_news and self._is_known:
            self.poll.soon()

    async def round(self) -> bool:
        """True: all went well, or nothing will change that without a person."""
        station = self._station
        request = station.exchange.ask_wallets()
        if request.signed and station.rest.keys is None:
            self._tell((), NO_KEYS)
            return True
        try:
            events = await station.rest.read(request)
        except VenueError as error:
            log.warning("wallets_not_read", venue=station.venue, reason=str(error))
            if not self._is_known:  # else what was read last is shown with its age
                self._tell((), error.reason)
            return error.reason == BAD_KEYS
        networks = [event for event in events if isinstance(event, WalletNetwork)]
        withdrawals, went_well = await self._ask_withdrawals(networks)
        self._is_known = True
        self._tell(tuple(completed(networks, withdrawals)), None)
        return went_well

    async def _ask_withdrawals(
        self, networks: list[WalletNetwork]
    ) -> tuple[list[WalletNetwork], bool]:
        station = self._station
        found: list[WalletNetwork] = []
        if station.rest.keys is None:
            return found, True
        wanted = [network for network in networks if network.asset in self.assets]
        for request in station.exchange.ask_withdrawals(wanted):
            try:
                events = await station.rest.read(request)
            except VenueError as error:
                log.warning("withdrawals_not_read", venue=station.venue, reason=str(error))
                if error.reason not in {"rejected", "unreadable"}:
                    return found, False  # the venue is in trouble; not with this asset alone
                continue
            found += [event for event in events if isinstance(event, WalletNetwork)]
        return found, True

    def _tell(self, networks: tuple[WalletNetwork, ...], reason: str | None) -> None:
        station = self._station
        station.take(WalletsRead(station.clock.at_ns(), station.venue, networks, reason))
