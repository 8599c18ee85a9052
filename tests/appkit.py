"""The whole app in one process, spoken to without a socket: `async with running(tmp_path)`."""

from __future__ import annotations

from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from app.ledger.database import Database
from app.main import Kimp, create_app
from app.runtime.desk import Desk
from app.settings import load

API_TOKEN = "test-token-of-thirty-two-letters-and-more"
PASSWORD = "correct horse battery"
ORIGIN = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True)
class Running:
    """app, a client with the bootstrap token, and the desk behind them."""

    app: Kimp
    client: httpx.AsyncClient
    desk: Desk

    def visitor(self, **headers: str) -> httpx.AsyncClient:
        """A client of its own without a token."""
        return httpx.AsyncClient(
            transport=httpx.ASGITransport(app=self.app), base_url=ORIGIN, headers=headers
        )


@asynccontextmanager
async def running(folder: Path, **environment: str) -> AsyncGenerator[Running, None]:
    """A migrated app in `folder`; `environment` without the prefix KIMP_."""
    values = {
        "ENV": "test",
        "DATA_DIR": str(folder),
        "API_TOKEN": API_TOKEN,
        "ADMIN_PASSWORD": PASSWORD,
        "FEEDS": "off",
        **environment,
    }
    settings = load({f"KIMP_{name}": value for name, value in values.items()})
    await Database.migrate(settings.database_url)
    app = create_app(settings)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(
            transport=httpx.ASGITransport(app=app),
            base_url=ORIGIN,
            headers={"Authorization": f"Bearer {API_TOKEN}"},
            timeout=60,
        ) as client,
    ):
        yield Running(app, client, app.state.desk)
