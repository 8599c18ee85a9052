"""Accounts on a real database with a clock that tests move, and quick password hashes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from app.domain.secret import Secret
from app.ledger.accounts import purge_attempts
from app.ledger.database import Database
from app.runtime.accounts import Accounts
from app.security.passwords import Passwords
from tests.appkit import Running, running
from tests.security import strongroom
from tests.security.clocks import Clock
from tests.security.strongroom import Strongroom

PASSWORD = "correct horse battery"
API_TOKEN = "bootstrap-token-of-thirty-two-letters"
HERE = strongroom.HERE


@dataclass
class House:
    """The accounts of one installation, what they told the terminal, whose streams they ended."""

    db: Database
    clock: Clock = field(default_factory=Clock)
    told: list[str] = field(default_factory=list)
    expelled: list[str] = field(default_factory=list)

    def accounts(
        self,
        *,
        mode: str = "paper",
        public_url: str = "http://127.0.0.1:8000",
        admin_password: str | None = None,
    ) -> Accounts:
        """A process that starts on this installation."""
        return Accounts(
            self.db,
            mode=mode,
            public_url=public_url,
            admin_password=Secret(admin_password) if admin_password else None,
            api_token=Secret(API_TOKEN),
            expel=self.expelled.append,
            passwords=Passwords(memory_kib=64, rounds=1),
            clock=self.clock,
            announce=self.told.append,
        )

    def code(self) -> str:
        """The code that was printed last."""
        words = self.told[-1].split()
        return words[words.index("code") + 1]


@pytest.fixture
def house(sqlite_database: Database) -> House:
    return House(sqlite_database)


@pytest.fixture
async def accounts(house: House) -> Accounts:
    """With an admin of PASSWORD."""
    opened = house.accounts(admin_password=PASSWORD)
    await opened.open()
    return opened


@pytest.fixture
async def room(sqlite_database: Database, tmp_path: Path) -> Strongroom:
    """Of a process in LIVE, with an admin."""
    return await Strongroom(sqlite_database, tmp_path / "trading").open()


@pytest.fixture(scope="session")
async def whole(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Running]:
    async with running(tmp_path_factory.mktemp("whole")) as started:
        yield started


@pytest.fixture
async def kimp(whole: Running) -> Running:
    """The whole app, one for all tests; each begins without tries of others at sign-in."""
    await whole.desk.db.write(purge_attempts, 2**62)
    return whole
