"""Desk: everything that pages and the API may ask, in one value."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from starlette.requests import HTTPConnection

from app.domain.roles import Roles

if TYPE_CHECKING:
    from app.ledger.database import Database
    from app.runtime.accounts import Accounts
    from app.runtime.allow_list import AllowList
    from app.runtime.credentials import Credentials
    from app.runtime.health import Health
    from app.runtime.market import Market
    from app.runtime.metrics import Metrics
    from app.runtime.preferences import Preferences
    from app.runtime.processes import Processes
    from app.runtime.second_factor import SecondFactor
    from app.runtime.streams.hub import Hub
    from app.runtime.trading.arming import Arming
    from app.runtime.trading.trading import Trading
    from app.runtime.vault import Vault
    from app.runtime.work.workbench import Workbench


@dataclass(frozen=True, slots=True)
class Dependencies:
    """Where the outside parts are; None where kimp runs on its own."""

    database_url: str
    redis_url: str | None
    clickhouse_url: str | None
    dask_scheduler: str | None


@dataclass(frozen=True, slots=True)
class Safe:
    """What real money hangs on."""

    vault: Vault
    second_factor: SecondFactor
    credentials: Credentials
    allow_list: AllowList
    arming: Arming


@dataclass(frozen=True, slots=True)
class Desk:
    """mode: paper | live | drill."""

    db: Database
    hub: Hub
    work: Workbench
    accounts: Accounts
    preferences: Preferences
    health: Health
    market: Market
    trading: Trading
    safe: Safe
    metrics: Metrics
    dependencies: Dependencies
    mode: str
    env: str
    version: str
    public_url: str
    data_dir: Path
    started_at_ns: int
    roles: Roles
    processes: Processes

    @property
    def feeds(self) -> str:
        """demo | live | off, as now in force."""
        return self.market.feeds


def desk(connection: HTTPConnection) -> Desk:
    """The one desk of this process; the lifespan lays it."""
    found = connection.app.state.desk
    assert isinstance(found, Desk)
    return found
