"""Fixtures for every room: real databases, and real market files where they are at hand."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from app.ledger import engines
from app.ledger.database import Database
from app.ledger.schema import SEEDED
from app.ledger.tables import metadata
from app.runtime.work.folders import Folders
from tests import servers

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

# Machine code is compiled once for all tests, not once for every data folder.
CACHE = Path(__file__).resolve().parents[1] / ".cache"
os.environ.setdefault("NUMBA_CACHE_DIR", str(Folders(CACHE).kernels))

EVERY_DATABASE = (
    "sqlite",
    pytest.param("postgresql", marks=pytest.mark.servers),
    pytest.param("mariadb", marks=pytest.mark.servers),
)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Recorded market files that are not part of the repository."""
    if not SHARED_DATA.is_dir():
        pytest.skip("the recorded market files (../shared/data) are not on this machine")
    return SHARED_DATA


@pytest.fixture(scope="session")
def postgresql_server() -> Iterator[str]:
    with servers.postgres() as url:
        yield url


@pytest.fixture(scope="session")
def mariadb_server() -> Iterator[str]:
    with servers.mariadb() as url:
        yield url


@pytest.fixture(params=EVERY_DATABASE)
def database_url(request: pytest.FixtureRequest) -> str:
    """URL of an empty database, on each kind in turn."""
    url: str = request.getfixturevalue(f"empty_{request.param}")
    return url


@pytest.fixture(params=EVERY_DATABASE)
def database(request: pytest.FixtureRequest) -> Database:
    """A migrated database, on each kind in turn."""
    opened: Database = request.getfixturevalue(f"{request.param}_database")
    return opened


@pytest.fixture
def empty_sqlite(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path}/kimp.db"


@pytest.fixture
async def empty_postgresql(postgresql_server: str) -> AsyncIterator[str]:
    async with _made(postgresql_server) as url:
        yield url


@pytest.fixture
async def empty_mariadb(mariadb_server: str) -> AsyncIterator[str]:
    async with _made(mariadb_server) as url:
        yield url


# Making a database on a server takes 0.2 s, so each is migrated once and emptied for each test.

EMPTIED = [name for name in metadata.tables if name not in SEEDED]


@pytest.fixture(scope="session")
async def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "kimp.db"
    await Database.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture(scope="session")
async def migrated_postgresql(postgresql_server: str) -> AsyncIterator[str]:
    async with _made(postgresql_server) as url:
        await Database.migrate(url)
        yield url


@pytest.fixture(scope="session")
async def migrated_mariadb(mariadb_server: str) -> AsyncIterator[str]:
    async with _made(mariadb_server) as url:
        await Database.migrate(url)
        yield url


@pytest.fixture
async def sqlite_database(migrated_file: Path, empty_sqlite: str) -> AsyncIterator[Database]:
    """A migrated SQLite database: quick, for tests that only need some database."""
    shutil.copy(migrated_file, str(sa.make_url(empty_sqlite).database))
    async with _opened(empty_sqlite) as opened:
        yield opened


@pytest.fixture
async def postgresql_database(migrated_postgresql: str) -> AsyncIterator[Database]:
    tables = ", ".join(EMPTIED)
    await _administer(migrated_postgresql, f"TRUNCATE {tables} RESTART IDENTITY")
    async with _opened(migrated_postgresql) as opened:
        yield opened


@pytest.fixture
async def mariadb_database(migrated_mariadb: str) -> AsyncIterator[Database]:
    emptied = (f"TRUNCATE {table}" for table in EMPTIED)
    await _administer(migrated_mariadb, "SET SESSION foreign_key_checks = 0", *emptied)
    async with _opened(migrated_mariadb) as opened:
        yield opened


@asynccontextmanager
async def _opened(url: str) -> AsyncIterator[Database]:
    opened = Database.open(url)
    yield opened
    await opened.close()


@asynccontextmanager
async def _made(server: str) -> AsyncIterator[str]:
    """URL of a new database on the server, gone after the block."""
    made = sa.make_url(server).set(database=f"kimp_{secrets.token_hex(6)}")
    await _administer(server, f"CREATE DATABASE {made.database}")
    yield made.render_as_string(hide_password=False)
    force = " WITH (FORCE)" if made.get_backend_name() == "postgresql" else ""
    await _administer(server, f"DROP DATABASE {made.database}{force}")


async def _administer(url: str, *statements: str) -> None:
    engine = create_async_engine(engines.driver_url(url), isolation_level="AUTOCOMMIT")
    async with engine.connect() as conn:
        for statement in statements:
            await conn.exec_driver_sql(statement)
    await engine.dispose()
