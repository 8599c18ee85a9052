"""Fixtures for every room: real databases, and real market files where they are at hand."""

from __future__ import annotations

import secrets
import shutil
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlalchemy.ext.asyncio import create_async_engine

from app.ledger import engines
from app.ledger.database import Database
from tests import servers

SHARED_DATA = Path(__file__).resolve().parents[2] / "shared" / "data"

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
async def database_url(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[str]:
    """URL of an empty database, on each kind in turn."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path}/kimp.db"
        return
    server = sa.make_url(request.getfixturevalue(f"{request.param}_server"))
    name = f"kimp_{secrets.token_hex(6)}"
    await _administer(server, f"CREATE DATABASE {name}")
    yield server.set(database=name).render_as_string(hide_password=False)
    force = " WITH (FORCE)" if request.param == "postgresql" else ""
    await _administer(server, f"DROP DATABASE {name}{force}")


async def _administer(server: sa.URL, statement: str) -> None:
    url = engines.driver_url(server.render_as_string(hide_password=False))
    engine = create_async_engine(url, isolation_level="AUTOCOMMIT")
    async with engine.connect() as conn:
        await conn.exec_driver_sql(statement)
    await engine.dispose()


@pytest.fixture
async def database(database_url: str) -> AsyncIterator[Database]:
    """A migrated database, on each kind in turn."""
    await Database.migrate(database_url)
    opened = Database.open(database_url)
    yield opened
    await opened.close()


@pytest.fixture(scope="session")
async def _migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("migrated") / "kimp.db"
    await Database.migrate(f"sqlite:///{path}")
    return path


@pytest.fixture
async def sqlite_database(_migrated_file: Path, tmp_path: Path) -> AsyncIterator[Database]:
    """A migrated SQLite database: quick, for tests that only need some database."""
    path = tmp_path / "kimp.db"
    shutil.copy(_migrated_file, path)
    opened = Database.open(f"sqlite:///{path}")
    yield opened
    await opened.close()
