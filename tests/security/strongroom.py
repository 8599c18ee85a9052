"""A strongroom on a real database: people, telephones, keys, addresses and arming of one mode."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from app.domain.secret import Secret
from app.domain.venues import Venue
from app.exchanges.signing import Keys
from app.ledger.database import Database
from app.runtime.accounts import Accounts
from app.runtime.allow_list import AllowList
from app.runtime.credentials import Credentials
from app.runtime.preferences import Preferences
from app.runtime.second_factor import Enrolment, Proof, SecondFactor
from app.runtime.streams.hub import Hub
from app.runtime.trading.arming import Arming
from app.runtime.trading.presence import Presence
from app.runtime.trading.trading import Trading
from app.runtime.trading_policy import TradingPolicies
from app.runtime.vault import Vault
from app.security import totp
from app.security.passwords import Passwords
from app.security.principal import Principal, Visitor
from app.security.vault import Keyring
from tests.security.clocks import Clock

HERE = Visitor("192.0.2.7", "Firefox")
PASSWORD = "correct horse battery"
MASTER = Secret("QUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUFBQUE=")
OTHER = Secret("QkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkJCQkI=")


@dataclass
class Strongroom:
    """One process. `again()` is the next one on the same database and folder."""

    db: Database
    folder: Path
    mode: str = "live"
    master: Secret = MASTER
    before: Secret | None = None
    given: dict[Venue, Keys] = field(default_factory=dict)
    clock: Clock = field(default_factory=Clock)
    renewed: int = 0

    def __post_init__(self) -> None:
        self.vault = Vault(self.db, Keyring(self.master, self.before), clock=self.clock)
        self.accounts = Accounts(
            self.db,
            mode=self.mode,
            public_url="http://127.0.0.1:8000",
            admin_password=Secret(PASSWORD),
            passwords=Passwords(memory_kib=64, rounds=1),
            clock=self.clock,
        )
        self.second_factor = SecondFactor(
            self.db, self.vault, self.accounts, mode=self.mode, clock=self.clock
        )
        self.trading = Trading(
            self.db,
            Hub(),
            TradingPolicies(Preferences(self.db)),
            Presence(self.folder),
            mode=self.mode,
        )
        self.allow_list = AllowList(self.db, self.trading, self.second_factor, self.accounts)
        self.credentials = Credentials(
            self.vault, self.second_factor, self.accounts, given=self.given, holder=None
        )
        self.credentials.changed = self._changed
        self.arming = Arming(
            self.trading, self.second_factor, self.allow_list, self.accounts, clock=self.clock
        )

    async def _changed(self) -> None:
        self.renewed += 1

    async def open(self) -> Strongroom:
        await self.accounts.open()
        self.trading.mac_key = await self.vault.mac_key()
        await self.trading.open()
        return self

    def again(self, **changes: object) -> Strongroom:
        """A process that starts anew, not opened yet. changes: of its environment."""
        kept = {"mode": self.mode, "master": self.master, "before": self.before}
        return Strongroom(self.db, self.folder, clock=self.clock, **(kept | changes))  # type: ignore[arg-type]

    async def signed_in(self) -> Principal:
        cookie = await self.accounts.sign_in("admin", PASSWORD, HERE)
        found = await self.accounts.identify(cookie, None)
        assert found is not None
        return found

    async def enrolled(self) -> tuple[Principal, Enrolment]:
        """A signed-in admin with a telephone, some time after it was set up."""
        who = await self.signed_in()
        telephone = await self.second_factor.begin(who, Proof(PASSWORD), HERE)
        await self.second_factor.confirm(who, self.code(telephone), HERE)
        self.clock.pass_minutes(1)
        return who, telephone

    def code(self, telephone: Enrolment) -> str:
        """What the telephone shows now."""
        return totp.code(telephone.secret, self.clock.now_ns // 10**9 // totp.STEP_S)

    def proof(self, telephone: Enrolment) -> Proof:
        """A new code, half a minute later."""
        self.clock.pass_minutes(0.5)
        return Proof(PASSWORD, self.code(telephone))

    async def dump(self) -> str:
        """Every row of every table, as text."""
        return await self.db.read(
            lambda conn: "\n".join(
                f"{name}: {row}"
                for (name,) in conn.exec_driver_sql(
                    "SELECT name FROM sqlite_master WHERE type = 'table'"
                ).all()
                for row in conn.exec_driver_sql(f'SELECT * FROM "{name}"').all()
            )
        )
